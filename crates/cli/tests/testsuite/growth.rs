//! `countersign monitor --all-tenants`: on a real log server, alone and as its witness.
#![cfg(unix)]

use std::thread;
use std::time::Duration;

use countersign::checkpoint::SignedCheckpoint;
use countersign::note::{KeyType, VerifierKey};
use predicates::prelude::*;
use predicates::str::contains;

use crate::common::serving::ServedLog;
use crate::common::{ORIGIN, Place, events};

const TRUST: &str = "countersign-log/trust.txt";

/// A root log's server with one tenant, and a token with the right `growth`.
struct Scene {
    place: Place,
    log: ServedLog,
    tenant: String,
}

impl Scene {
    fn start() -> Self {
        let place = Place::new();
        std::fs::create_dir(place.path("countersign-log")).unwrap();
        std::fs::copy(place.path("log.key"), place.path("countersign-log/log.key")).unwrap();
        place.write(TRUST, format!("log {}\nemitter {}\n", place.log, place.app));
        let log =
            ServedLog::start(&place.path(""), &["--tenants", "--origin", ORIGIN, "--listen", "127.0.0.1:0"]);
        let added = place.run(&["tenant", "add", "acme", "--no-token", "-o", "acme.txt"]).success();
        let printed = String::from_utf8(added.get_output().stdout.clone()).unwrap();
        let tenant = printed.trim().rsplit_once("/t/").unwrap().1.to_owned();
        let scene = Self { place, log, tenant };
        scene.token("growth");
        scene
    }

    /// Writes a token with that right for all logs.
    fn token(&self, right: &str) {
        let added = self.place.run(&["token", "add", right, "--right", right, "--log", "all"]).success();
        self.place.write(&format!("{right}.token"), &added.get_output().stdout);
    }

    fn record(&self) {
        self.place.write("events.ndjson", events(3));
        let to = format!("{}/t/{}", self.log.url(), self.tenant);
        self.place
            .run(&["record", "events.ndjson", "--key", "app.key", "--to", &to, "--trust", "acme.txt"])
            .success();
    }

    fn monitor(&self, token: &str, more: &[&str]) -> assert_cmd::assert::Assert {
        let args =
            ["monitor", self.log.url(), "--all-tenants", "--once", "--trust", TRUST, "--token-file", token];
        self.place.run(&[&args, more].concat())
    }

    /// Returns the arguments of a growth witness.
    fn witness(&self) -> Vec<&str> {
        let witness = ["monitor", self.log.url(), "--all-tenants", "--cosign", "--key", "witness.key"];
        let files = ["--trust", TRUST, "--token-file", "growth.token", "--state", "growth.state"];
        [&witness[..], &files, &["--listen", "127.0.0.1:0"]].concat()
    }

    fn start_witness(&self) -> ServedLog {
        ServedLog::start_command(&self.place.path(""), &self.witness())
    }

    fn checkpoint(&self) -> SignedCheckpoint {
        let response = countersign_tls::blocking_http_client()
            .build()
            .unwrap()
            .get(format!("{}/checkpoint", self.log.url()))
            .send()
            .unwrap();
        SignedCheckpoint::parse(&response.text().unwrap()).unwrap()
    }

    /// Waits until a published checkpoint of more than so many entries has a cosignature by this key.
    fn wait_for_cosignature(&self, key: &VerifierKey, size: u64) -> u64 {
        for _ in 0..600 {
            let checkpoint = self.checkpoint();
            if checkpoint.checkpoint.size > size && !checkpoint.cosignatures([key]).times().is_empty() {
                return checkpoint.checkpoint.size;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("the witness doesn't cosign");
    }
}

#[test]
fn monitor_checks_all_tenants() {
    let scene = Scene::start();
    let state = ["--state", "growth.state"];
    // The server kept the ticks since the first check, which requested them.
    let checked = contains("1 tenant log only grew, from tick").and(contains("not checked").not());
    let first = contains("1 tenant log at tick").and(contains("; nothing before it was checked"));
    scene.monitor("growth.token", &state).code(0).stderr(first);
    scene.record();
    scene.monitor("growth.token", &state).code(0).stderr(checked);
    scene.monitor("growth.token", &["--state", "growth.state", "--json"]).code(0).stdout("");

    scene.token("read");
    let refused = contains("the server doesn't accept the token");
    scene.monitor("read.token", &["--state", "new.state"]).code(5).stderr(refused);
    scene.monitor("growth.token", &[]).code(2).stderr(contains("--state"));
    scene.monitor("growth.token", &["--state", "acme.txt"]).code(2).stderr(contains("state"));
    let args = ["monitor", scene.log.url(), "--all-tenants", "--once", "--trust", TRUST, "--state", "x"];
    scene.place.run(&args).code(2).stderr(contains("token.missing"));
    // The right works only for all logs.
    let one = ["token", "add", "one", "--right", "growth", "--log", &scene.tenant];
    scene.place.run(&one).code(2).stderr(contains("must be for all tenant logs"));
}

#[test]
fn a_growth_witness_cosigns_after_restarts() {
    let scene = Scene::start();
    let made = scene.place.run(&["keygen", "growth.example", "--witness", "-o", "witness.key"]).success();
    let vkey = String::from_utf8(made.get_output().stdout.clone()).unwrap();
    let key = VerifierKey::parse(vkey.trim(), KeyType::Cosignature).unwrap();
    let witness = scene.start_witness();
    let trust = scene.place.read(TRUST);
    let name = |witness: &ServedLog| {
        let line = format!("witness growth {key} {}/\nquorum growth\n", witness.url().trim_end_matches('/'));
        scene.place.write(TRUST, format!("{trust}{line}"));
    };
    name(&witness);
    let mut size = scene.wait_for_cosignature(&key, 0);
    scene.record();
    size = scene.wait_for_cosignature(&key, size);
    drop(witness);
    let witness = scene.start_witness();
    name(&witness);
    scene.wait_for_cosignature(&key, size);
    drop(witness);
    // Without its state of the tenant logs, it can't tell what happened since its last cosignature.
    std::fs::remove_file(scene.place.path("growth.state")).unwrap();
    let lost = contains("its state of the tenant logs is missing");
    scene.place.run(&scene.witness()).code(2).stderr(lost.and(contains("state.invalid")));
}
