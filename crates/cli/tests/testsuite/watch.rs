//! Watching a log: findings are reported once, despite kills, and retracted if they no longer hold.
#![cfg(unix)]

mod hook;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};

use fastrand::Rng;
use hook::{DEADLINE, Hook, SECRET};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

use crate::common::serving::ServedLog;
use crate::common::{ORIGIN, Place};

const KILLS: usize = 20;

const RULES: &str = "
title: A job was deleted
id: job-deleted
level: medium
detection:
  selection:
    parsed.action: job.delete
  condition: selection
---
title: Many jobs were deleted
id: jobs-deleted
level: high
correlation:
  type: event_count
  rules: [job-deleted]
  group-by: [parsed.actor.id]
  timespan: 1h
  condition: {gte: 3}
  generate: true
";

/// A served log, with rules and secrets.
struct Scene {
    place: Place,
    log: ServedLog,
}

impl Scene {
    fn new() -> Self {
        Self::watching(&[])
    }

    /// Starts it with additional arguments for the server.
    fn watching(more: &[&str]) -> Self {
        let place = Place::new();
        place.keygen("example.com/watch", "watch.key");
        let watch = place.read("watch.key");
        let watch = countersign::note::SignerKey::parse(watch.trim()).unwrap().verifier_key().to_string();
        place.write("trust.txt", place.read("trust.txt") + &format!("emitter {watch}\n"));
        place.write("webhook.key", SECRET);
        place.write("rules.yml", RULES);
        Self::begun(place, more)
    }

    /// Starts a new log with the existing key.
    fn begun(place: Place, more: &[&str]) -> Self {
        std::fs::create_dir(place.path("log")).unwrap();
        std::fs::copy(place.path("log.key"), place.path("log/log.key")).unwrap();
        let token = place.run(&["token", "add", "watch", "--dir", "log"]).success();
        place.write("token.txt", &token.get_output().stdout);
        for secret in ["token.txt", "webhook.key"] {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(place.path(secret), permissions).unwrap();
        }
        let scene = Self::serve(place, more);
        let url = scene.log.url().to_owned();
        let grant = ["grant", &scene.place.app, "--key", "issuer.key", "--to", &url, "--trust", "trust.txt"];
        scene.place.run(&grant).success();
        scene
    }

    fn serve(place: Place, more: &[&str]) -> Self {
        let args = ["--dir", "log", "--trust", "trust.txt", "--listen", "127.0.0.1:0"];
        let log = ServedLog::start(&place.path(""), &[&args[..], more].concat());
        Self { place, log }
    }

    /// Records deletions by this actor, always in the same chain.
    fn delete(&self, actor: &str, jobs: std::ops::Range<usize>) {
        let line = |job| {
            let event = json!({"action": "job.delete", "actor": {"id": actor}, "target": {"id": job, "type": "job"}, "outcome": "success"});
            event.to_string() + "\n"
        };
        self.place.write("events.ndjson", jobs.map(|job| line(job.to_string())).collect::<String>());
        self.record("events.ndjson");
    }

    fn record(&self, events: &str) {
        let args = ["record", "--key", "app.key", "--to", self.log.url(), "--trust", "trust.txt"];
        self.place.run(&[&args[..], &["--outbox", "outbox", "--open", events]].concat()).success();
    }

    fn args(&self, more: &[&str]) -> Vec<String> {
        self.args_in("watch", more)
    }

    fn args_in(&self, state: &str, more: &[&str]) -> Vec<String> {
        let args = ["watch", self.log.url(), "--trust", "trust.txt", "--token-file", "token.txt", "--rules"];
        let args = [&args[..], &["rules.yml", "--format", "json", "--state", state], more].concat();
        args.into_iter().map(str::to_owned).collect()
    }

    /// Runs a watch once to the log's end; returns its output.
    fn once(&self, more: &[&str]) -> Vec<Value> {
        let args = self.args(&[&["--once"], more].concat());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = self.place.run(&args).success().get_output().stdout.clone();
        let text = String::from_utf8(output).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn spawn(&self, more: &[&str]) -> Child {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("countersign"));
        command.current_dir(self.place.path("")).args(self.args(more)).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Returns all events in the log, and what `analyze` finds in them.
    fn analyzed(&self) -> Value {
        let export = ["export", "--dir", self.log.url(), "--token-file", "token.txt", "-o", "audit.ndjson"];
        let _ = std::fs::remove_file(self.place.path("audit.ndjson"));
        self.place.run(&export).success();
        let analyze =
            ["analyze", "audit.ndjson", "--trust", "trust.txt", "--rules", "rules.yml", "--format", "json"];
        serde_json::from_slice(&self.place.run(&analyze).get_output().stdout).unwrap()
    }
}

fn ids(findings: &Value) -> BTreeSet<String> {
    let findings = findings["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn finds_the_same_as_analyze_once() {
    let scene = Scene::new();
    scene.delete("u_1", 0..4);
    let told = scene.once(&[]);
    assert_eq!(told.len(), 5, "{told:?}");
    for alert in &told {
        assert_eq!(
            (&alert["type"], &alert["data"]["signer_trust"]),
            (&json!("countersign.alert"), &json!("trusted"))
        );
        assert_eq!(alert["data"]["log"]["origin"], ORIGIN);
    }
    assert_eq!(scene.once(&[]), Vec::<Value>::new());
    // The window of three continues across runs.
    scene.delete("u_2", 0..2);
    assert_eq!(scene.once(&[]).len(), 2);
    scene.delete("u_2", 2..3);
    let more = scene.once(&[]);
    let many = more.iter().find(|alert| alert["data"]["finding"]["rule"] == "jobs-deleted").unwrap();
    assert_eq!(many["data"]["finding"]["entries"].as_array().unwrap().len(), 3);
    assert_eq!(many["data"]["signer_trust"], "trusted");
    let told =
        told.iter().chain(&more).map(|alert| alert["data"]["finding"]["id"].as_str().unwrap().to_owned());
    let found = scene.analyzed();
    assert!(told.collect::<BTreeSet<_>>().is_subset(&ids(&found)));
    assert_eq!(ids(&found).len(), 9);
    scene
        .place
        .run(&["watch", "--list", "--state", "watch"])
        .success()
        .stdout(contains("medium: A job was deleted").and(contains("high: Many jobs were deleted: u_2")));
}

/// SIGKILL, 20 times, at random moments of delivery.
#[test]
fn kills_neither_lose_nor_repeat_alerts() {
    let scene = Scene::new();
    let hook = Hook::start();
    let mut rng = Rng::with_seed(7);
    let receivers =
        ["--webhook", &hook.url, "--webhook-key", "webhook.key", "--record", "--key", "watch.key"];
    for kill in 0..KILLS {
        scene.delete(&format!("u_{}", kill / 2), kill * 3..kill * 3 + 3);
        // Sometimes the server receives a message without responding, or the process is killed before sending.
        let (more, answers) = (rng.usize(0..5), [204, 204, 0, 503]);
        hook.answer_with(&[204, 204, answers[rng.usize(0..4)]]);
        let before = hook.messages().len();
        let mut watch = scene.spawn(&receivers);
        hook.wait_for(before + more);
        watch.kill().unwrap();
        watch.wait().unwrap();
    }
    hook.answer_with(&[]);
    scene.once(&receivers);
    let found = ids(&scene.analyzed());
    assert!(found.len() > KILLS * 3);
    let mut messages: BTreeMap<String, String> = BTreeMap::new();
    for message in hook.messages() {
        let same = messages.entry(message.id.clone()).or_insert(message.text.clone());
        assert_eq!(*same, message.text, "what is sent again is the same, word for word");
    }
    let told =
        messages.keys().map(|id| id.strip_prefix("alert_").unwrap().to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(told, found);
    assert!(hook.messages().len() <= found.len() + 2 * KILLS, "{} of {}", hook.messages().len(), found.len());
    // Each is in the log once, too.
    let mut recorded = BTreeMap::new();
    for line in scene.place.read("audit.ndjson").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["event"]["action"] == "countersign.alert" {
            let id = line["event"]["target"]["id"].as_str().unwrap().to_owned();
            assert_eq!(line["event"]["metadata"]["finding"]["id"], id.as_str());
            *recorded.entry(id).or_insert(0) += 1;
        }
    }
    assert_eq!(recorded.keys().cloned().collect::<BTreeSet<_>>(), found);
    assert!(recorded.values().all(|times| *times == 1), "{recorded:?}");
}

#[test]
fn retracts_findings_of_suspect_chains() {
    let scene = Scene::new();
    scene.delete("u_1", 0..1);
    let told = scene.once(&[]);
    let id = told[0]["data"]["finding"]["id"].as_str().unwrap();
    let url = scene.log.url().to_owned();
    let revoke = ["revoke", &scene.place.app, "--since", "2026-01-01", "--key", "issuer.key", "--to", &url];
    scene.place.run(&[&revoke[..], &["--trust", "trust.txt"]].concat()).success();
    let back = scene.once(&[]);
    let [retract] = &back[..] else { panic!("{back:?}") };
    assert_eq!((&retract["type"], &retract["data"]["id"]), (&json!("countersign.retract"), &json!(id)));
    assert_eq!(retract["data"]["signer_trust"], "suspect");
    assert_eq!(scene.once(&[]), Vec::<Value>::new());
    let list = scene.place.run(&["watch", "--list", "--state", "watch"]).success();
    list.stdout(contains("! retracted").and(contains(id)));
}

/// A log restarted with its key shows fewer entries than known, or as many, but others.
#[test]
fn one_check_detects_another_history() {
    for jobs in [2, 3] {
        let scene = Scene::new();
        scene.delete("u_1", 0..3);
        assert_eq!(scene.once(&[]).len(), 4);
        let Scene { place, log } = scene;
        drop(log);
        for folder in ["log", "outbox"] {
            std::fs::remove_dir_all(place.path(folder)).unwrap();
        }
        let anew = Scene::begun(place, &[]);
        anew.delete("u_2", 0..jobs);
        let args = anew.args(&["--once"]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        anew.place.run(&args).code(1).stderr(contains("error[watch.altered]"));
    }
}

#[test]
fn reports_waiting_for_witnesses() {
    let scene = Scene::new();
    scene.delete("u_1", 0..1);
    let key = scene.place.run(&["keygen", "witness.example", "--witness"]).success();
    let key = String::from_utf8(key.get_output().stdout.clone()).unwrap();
    let trust = scene.place.read("trust.txt");
    scene.place.write("witnessed.txt", format!("{trust}witness w {}\nquorum w\n", key.trim()));
    let args = scene.args(&["--once"]).into_iter();
    let args = args.map(|arg| if arg == "trust.txt" { "witnessed.txt".to_owned() } else { arg });
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("countersign"));
    command.current_dir(scene.place.path("")).args(args).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut watch = Killed(command.spawn().unwrap());
    let said = std::io::BufRead::lines(std::io::BufReader::new(watch.0.stderr.take().unwrap()));
    let waits = said.map(Result::unwrap).find(|line| line.contains("too few witnesses signed"));
    assert!(waits.is_some_and(|line| line.ends_with("new entries wait until enough have")));
}

#[test]
fn shows_who_acknowledged_a_finding() {
    let scene = Scene::new();
    scene.delete("u_1", 0..1);
    let told = scene.once(&[]);
    let id = told[0]["data"]["finding"]["id"].as_str().unwrap();
    let event = json!({"action": "countersign.acknowledged", "actor": {"id": "ada"}, "target": {"id": id, "type": "finding"}});
    scene.place.write("answer.ndjson", event.to_string());
    scene.record("answer.ndjson");
    assert_eq!(scene.once(&[]), Vec::<Value>::new());
    scene
        .place
        .run(&["watch", "--list", "--state", "watch"])
        .success()
        .stdout(contains("acknowledged by: ada"));
}

#[test]
fn destinations_get_each_finding_in_their_format() {
    let scene = Scene::new();
    scene.delete("u_1", 0..1);
    let hook = Hook::start();
    // One response is slow, one is a temporary rejection.
    hook.answer_with(&[503, 400]);
    let webhook = ["--webhook", &hook.url, "--webhook-key", "webhook.key"];
    let told = scene.once(&[&webhook[..], &["--exec", "cat >> told.ndjson"]].concat());
    let sent = hook.messages();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|message| *message == sent[0]));
    assert_eq!(sent[0].json(), told[0]);
    assert_eq!(sent[0].id, format!("alert_{}", told[0]["data"]["finding"]["id"].as_str().unwrap()));
    assert_eq!(serde_json::from_str::<Value>(&scene.place.read("told.ndjson")).unwrap(), told[0]);
    // A new destination gets only new findings.
    scene.delete("u_2", 0..1);
    scene.once(&["--exec", "cat > other.ndjson"]);
    assert!(scene.place.read("other.ndjson").contains("countersign.alert"));
    assert_eq!(scene.place.read("told.ndjson").lines().count(), 1);
    assert_eq!(hook.messages().len(), 3);
}

#[test]
fn webhook_waits_for_retry_after() {
    let scene = Scene::new();
    scene.delete("u_1", 0..1);
    let hook = Hook::start();
    hook.answer_with(&[429]);
    let since = std::time::Instant::now();
    scene.once(&["--webhook", &hook.url, "--webhook-key", "webhook.key"]);
    assert!(since.elapsed() >= hook::PATIENCE, "{:?}", since.elapsed());
    assert_eq!(hook.messages().len(), 2);
}

#[test]
fn ending_reports_the_pending_destination() {
    let scene = Scene::new();
    scene.delete("u_1", 0..1);
    let command = "touch begun; until [ -e go ]; do sleep 0.1; done";
    let args = scene.args(&["--exec", command]);
    let mut process = Command::new(assert_cmd::cargo::cargo_bin!("countersign"));
    process.current_dir(scene.place.path("")).args(args).env("NO_COLOR", "1").stdin(Stdio::null());
    let child = process.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut watch = Killed(child);
    let since = std::time::Instant::now();
    while !scene.place.path("begun").exists() {
        assert!(since.elapsed() < DEADLINE, "the command is not run");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(Command::new("kill").arg(watch.0.id().to_string()).status().unwrap().success());
    let lines = std::io::BufRead::lines(std::io::BufReader::new(watch.0.stderr.take().unwrap()));
    let mut lines = lines.map(Result::unwrap);
    assert!(lines.any(|line| line.contains("waiting for an answer (command)")), "it says nothing");
    scene.place.write("go", "");
    assert!(lines.any(|line| line.contains("1 entry checked") || line.contains("entries checked")));
    assert!(watch.0.wait().unwrap().success());
    // An item that it accepted then is not delivered again.
    std::fs::remove_file(scene.place.path("begun")).unwrap();
    scene.once(&["--exec", command]);
    assert!(!scene.place.path("begun").exists());
}

/// The path of an address is often a secret, such as for chats.
#[test]
fn errors_do_not_show_the_webhook_address() {
    let scene = Scene::new();
    scene.delete("u_1", 0..1);
    let hook = Hook::start();
    hook.answer_with(&[0]);
    let args = scene.args(&["--once", "--webhook", &hook.url, "--webhook-key", "webhook.key"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let told = scene.place.run(&args).success();
    told.stderr(contains("127.0.0.1: connection closed").and(contains("/hook").not()));
}

#[test]
fn rejects_a_state_that_does_not_match() {
    let scene = Scene::new();
    scene.delete("u_1", 0..1);
    scene.once(&[]);
    let refused = |more: &[&str], code: &str| {
        let args = scene.args(&[&["--once"], more].concat());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        scene.place.run(&args).code(2).stderr(contains(code).and(contains("hint:")));
    };
    scene.place.write("other.yml", RULES.replace("medium", "low"));
    refused(&["--rules", "other.yml"], "rule.duplicate_id");
    let state = std::fs::read(scene.place.path("watch/state")).unwrap();
    for at in [0, state.len() / 2, state.len() - 1] {
        let mut changed = state.clone();
        changed[at] ^= 1;
        scene.place.write("watch/state", changed);
        refused(&[], "error[state.invalid]");
    }
    scene.place.write("watch/state", &state[..10]);
    refused(&[], "error[state.invalid]");
    scene.place.write("watch/state", state);
    let lock = std::fs::File::options().write(true).open(scene.place.path("watch/lock")).unwrap();
    lock.lock().unwrap();
    refused(&[], "error[io.locked]");
    drop(lock);
    scene.place.write("webhook.key", "whsec_short");
    refused(
        &["--webhook", "http://127.0.0.1:1/?secret", "--webhook-key", "webhook.key"],
        "error[webhook.key]",
    );
}

#[test]
fn rejects_options_without_effect() {
    let scene = Scene::new();
    let refused = |state: &str, more: &[&str], why: &str| {
        let args = scene.args_in(state, &[&["--once"], more].concat());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        scene.place.run(&args).code(2).stderr(contains(why));
    };
    refused("watch", &["--key", "watch.key"], "--record");
    refused("watch", &["--watchlist-for", "1d"], "--watchlist");
    scene.delete("u_1", 0..1);
    let args = scene.args_in("early", &["--once", "--watchlist", "none/list.txt", "--key", "watch.key"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let early = scene.place.run(&args).code(2);
    early.stderr(contains("error[io.not_found]: none/list.txt")).stdout("");
    for ignored in [
        ["--trust", "trust.txt"],
        ["--rules", "rules.yml"],
        ["--parsers", "rules.yml"],
        ["--format", "json"],
        ["--mail-to", "a@example.com"],
        ["--watchlist-for", "1d"],
        ["--key", "watch.key"],
    ] {
        let list = ["watch", "--list", "--state", "watch"];
        let told = scene.place.run(&[&list[..], &ignored].concat()).code(2);
        told.stderr(contains("cannot be used with").and(contains(ignored[0])));
    }
    refused("token.txt", &[], "error[io.not_directory]: token.txt: the path is a file, not a folder");
    assert!(!scene.place.path("watch").exists());
    let webhook = ["--webhook-key", "webhook.key", "--webhook", "http://192.0.2.1/"];
    let mail = ["--smtp", "ftp://x", "--mail-from", "a@example.com", "--mail-to", "a@example.com"];
    refused("watch", &[&webhook[..], &mail].concat(), "findings are sent to the webhook without encryption");
}

#[test]
fn changed_rules_report_only_new_findings() {
    let scene = Scene::new();
    scene.delete("u_1", 0..2);
    assert_eq!(scene.once(&[]).len(), 2);
    scene.place.write("rules.yml", RULES.replace("medium", "low"));
    // Both are found again, but were already reported.
    assert_eq!(scene.once(&[]), Vec::<Value>::new());
    scene.delete("u_1", 2..3);
    let told = scene.once(&[]);
    let levels: Vec<&str> =
        told.iter().map(|told| told["data"]["finding"]["level"].as_str().unwrap()).collect();
    assert_eq!(levels.len(), 2, "{told:?}");
    assert!(levels.contains(&"low") && levels.contains(&"high"), "the two before count: {told:?}");
    assert_eq!(scene.once(&[]), Vec::<Value>::new());
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The test mail server by the authors of nodemailer, if installed.
struct Sink {
    child: Killed,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
    port: u64,
}

impl Sink {
    fn start(scene: &Scene, more: &[&str], refuse: &str) -> Option<Self> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/smtp");
        if !folder.join("node_modules/smtp-server").is_dir() {
            assert!(
                std::env::var_os("CI").is_none(),
                "no mail server: run npm ci in tests/smtp, with Node.js 22"
            );
            eprintln!("skipped: there is no mail server (npm ci in tests/smtp)");
            return None;
        }
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        scene.place.write("mail.crt", made.cert.pem());
        scene.place.write("mail.key", made.signing_key.serialize_pem());
        let mut node = Command::new("node");
        node.arg(folder.join("sink.mjs")).args([scene.place.path("mail.key"), scene.place.path("mail.crt")]);
        node.args(more).env("REFUSE", refuse).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = node.spawn().unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        let port = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        Some(Self { child: Killed(child), lines, port })
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

#[test]
fn sends_findings_once_by_encrypted_mail() {
    let scene = Scene::new();
    scene.delete("u_1", 0..1);
    scene.place.write("password.txt", "correct horse\n");
    for (scheme, more) in [("smtp", &[][..]), ("smtps", &["secure"])] {
        // The first address is rejected temporarily.
        let Some(mut sink) = Sink::start(&scene, more, "451") else { return };
        let url = format!("{scheme}://localhost:{}", sink.port);
        let mail =
            ["--smtp", &url, "--mail-from", "Watch <watch@log.example>", "--mail-to", "ada@example.com"];
        let login = ["--smtp-user", "watch", "--smtp-password-file", "password.txt"];
        let args = scene.args_in(&format!("watch-{scheme}"), &[&["--once"], &mail[..], &login].concat());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = scene.place.command(&args);
        let told = command.env("SSL_CERT_FILE", scene.place.path("mail.crt")).assert().success();
        let said = String::from_utf8_lossy(&told.get_output().stderr).into_owned();
        assert!(said.contains("the mail doesn't accept alerts") && !said.contains("correct horse"), "{said}");
        let told: Value = serde_json::from_slice(&told.get_output().stdout).unwrap();
        let id = told["data"]["finding"]["id"].as_str().unwrap();
        let mail = sink.next();
        assert_eq!(
            (&mail["from"], &mail["to"], &mail["secure"]),
            (&json!("watch@log.example"), &json!(["ada@example.com"]), &json!(true))
        );
        let text = mail["text"].as_str().unwrap();
        assert!(text.contains(&format!("Message-ID: <alert_{id}@log.example>")), "{text}");
        assert!(text.contains("Subject: medium: A job was deleted"), "{text}");
        assert!(text.lines().any(|line| line == format!("log: {ORIGIN}")), "{text}");
        drop(sink.child);
        assert!(sink.lines.next().is_none(), "it came once");
    }
}

#[test]
fn a_server_watches_its_own_log() {
    let scene = Scene::watching(&["--watch", "rules.yml"]);
    let client = countersign_tls::blocking_http_client().timeout(DEADLINE).build().unwrap();
    let token = scene.place.read("token.txt");
    let get = |log: &ServedLog, path: &str, token: &str| {
        let answer = client.get(format!("{}/{path}", log.url())).bearer_auth(token.trim()).send().unwrap();
        (answer.status().as_u16(), answer.text().unwrap())
    };
    let findings = |log: &ServedLog, count: usize| {
        let since = std::time::Instant::now();
        loop {
            let (status, text) = get(log, "findings", &token);
            assert_eq!(status, 200, "{text}");
            if text.lines().count() >= count {
                break text;
            }
            assert!(since.elapsed() < DEADLINE, "{text}");
        }
    };
    scene.delete("u_1", 0..4);
    let text = findings(&scene.log, 5);
    let found = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found: BTreeSet<String> =
        found.map(|alert| alert["data"]["finding"]["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, ids(&scene.analyzed()));
    let admin = scene.place.run(&["token", "add", "ops", "--dir", "log", "--right", "admin"]).success();
    let admin = String::from_utf8_lossy(&admin.get_output().stdout).into_owned();
    let (_, metrics) = get(&scene.log, "metrics", &admin);
    for line in
        ["countersign_findings_total{level=\"medium\"} 4", "countersign_findings_total{level=\"high\"} 1"]
    {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert_eq!(get(&scene.log, "findings", "csr_no").0, 401);
    assert_eq!(get(&scene.log, "metrics", "csr_no").0, 401);
    assert_eq!(get(&scene.log, "metrics", "").0, 401);
    let some = scene.place.run(&["token", "add", "some", "--dir", "log", "--tenant", "acme"]).success();
    assert_eq!(get(&scene.log, "findings", &String::from_utf8_lossy(&some.get_output().stdout)).0, 403);
    // After a kill, it resumes.
    let Scene { place, log } = scene;
    drop(log);
    let scene = Scene::serve(place, &["--watch", "rules.yml"]);
    assert_eq!(findings(&scene.log, 5), text);
    scene.delete("u_1", 4..5);
    let more = findings(&scene.log, 6);
    assert!(more.starts_with(&text) && more.lines().count() == 6);
    let Scene { place, log } = scene;
    drop(log);
    let log = Scene::serve(place, &[]);
    assert_eq!(get(&log.log, "findings", &token).0, 404);
}

#[test]
fn erasure_removes_event_data_from_findings() {
    let scene = Scene::watching(&["--watch", "rules.yml"]);
    let client = countersign_tls::blocking_http_client().timeout(DEADLINE).build().unwrap();
    let asked =
        |path: &str, token: &str| client.get(format!("{}/{path}", scene.log.url())).bearer_auth(token);
    let findings = || {
        let answer = asked("findings", scene.place.read("token.txt").trim()).send().unwrap();
        let text = answer.text().unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let is_told =
        |who: &str| findings().iter().any(|line| line["data"]["finding"]["group"]["parsed.actor.id"] == who);
    scene.delete("ann", 0..3);
    scene.delete("bob", 0..3);
    let since = std::time::Instant::now();
    while !(is_told("ann") && is_told("bob")) {
        assert!(since.elapsed() < DEADLINE, "{:?}", findings());
    }
    let token = scene.place.run(&["token", "add", "privacy", "--dir", "log", "--right", "erase"]).success();
    let token = String::from_utf8_lossy(&token.get_output().stdout).trim().to_owned();
    let erase = client.post(format!("{}/erase", scene.log.url())).bearer_auth(&token);
    let erased = erase.body(r#"{"filter":{"actor":"ann"},"reason":"she asked for it"}"#).send().unwrap();
    let erased: Value = serde_json::from_str(&erased.text().unwrap()).unwrap();
    assert_eq!(erased["erased"], 3);
    assert!(!is_told("ann") && is_told("bob"), "{:?}", findings());
    let (gone, left): (Vec<Value>, Vec<Value>) =
        findings().into_iter().partition(|line| line["data"]["finding"]["erased"] == true);
    assert_eq!((gone.len(), left.len()), (4, 4));
    assert!(gone.iter().all(|line| line["data"]["finding"]["reasons"] == json!([])));
    let kept = scene.place.read("log/watch/findings.ndjson");
    assert!(!kept.contains("ann") && kept.contains("bob"), "{kept}");
}

#[test]
fn keeps_a_watchlist() {
    use countersign_analyze::watchlist::{Kind, Watchlist};
    let scene = Scene::new();
    // Waiting for an empty list is reported.
    scene.place.write("rules.yml", RULES);
    let list = ["--once", "--watchlist", "list.txt", "--key", "watch.key"];
    let args = scene.args(&list);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let warning = predicates::str::contains("no rule of the pack rules adds entries to the watchlist");
    scene.place.run(&args).success().stderr(warning.clone());
    scene.place.write("rules.yml", RULES.to_owned() + "countersign.decision: deny\n");
    scene.delete("u_1", 0..4);
    let watch = scene.place.read("watch.key");
    let key = countersign::note::SignerKey::parse(watch.trim()).unwrap();
    let list = |name: &str| Watchlist::open(&scene.place.read(name), [key.verifier_key()]).unwrap();
    scene.place.run(&args).success().stderr(predicates::prelude::PredicateBooleanExt::not(warning));
    let first = list("list.txt");
    let now = first.header().made;
    let entry = first.find(Kind::Actor, "u_1", now).unwrap();
    assert_eq!((entry.rule.as_str(), first.find(Kind::Actor, "u_2", now)), ("jobs-deleted", None));
    assert_eq!(first.header().origin, ORIGIN);
    // A new list replaces it, even if unchanged.
    scene.once(&["--watchlist", "list.txt", "--key", "watch.key"]);
    list("list.txt").replaces(&first).unwrap();
    assert!(list("list.txt").find(Kind::Actor, "u_1", now).is_some());
    // Gates accept the list of a watch that lost its state.
    let before = list("list.txt");
    std::fs::remove_dir_all(scene.place.path("watch")).unwrap();
    std::fs::remove_file(scene.place.path("list.txt")).unwrap();
    scene.once(&["--watchlist", "list.txt", "--key", "watch.key"]);
    list("list.txt").replaces(&before).unwrap();
    // Retracted findings leave the list.
    let url = scene.log.url().to_owned();
    let revoke = ["revoke", &scene.place.app, "--since", "2026-01-01", "--key", "issuer.key", "--to", &url];
    scene.place.run(&[&revoke[..], &["--trust", "trust.txt"]].concat()).success();
    scene.once(&["--watchlist", "list.txt", "--key", "watch.key"]);
    assert_eq!(list("list.txt").entries(), []);
}
