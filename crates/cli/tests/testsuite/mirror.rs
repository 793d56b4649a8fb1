//! `countersign mirror`: copies logs, serves the copies, and accepts uploads of a log server.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use countersign::checkpoint::SignedCheckpoint;
use countersign::note::{KeyType, VerifierKey};
use predicates::prelude::*;

use crate::common::Place;
use crate::common::log::{opaque, serve};
use crate::common::process::{self, DEADLINE, Process, program, run, spawn_with};

/// Starts the mirror of a log server, which only gets uploads.
fn start(place: &process::Place, folder: &Path, listen: &str) -> Process {
    let (trust, dir, key) = (place.trust_file(), folder.join("mirror"), folder.join("mirror.key"));
    let [trust, dir, key] = [&trust, &dir, &key].map(|path| path.to_str().unwrap());
    let args = ["mirror", "--trust", trust, "--dir", dir, "--key", key, "--listen", listen];
    let mut command = program(&args.map(std::ffi::OsStr::new));
    Process::listening(command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Waits until a metric has this value.
fn wait_for(server: &Process, metric: &str) {
    let begin = Instant::now();
    while !server.get("/metrics").1.lines().any(|line| line == metric) {
        assert!(begin.elapsed() < DEADLINE, "{metric}\n{}", server.get("/metrics").1);
        thread::sleep(Duration::from_millis(50));
    }
}

fn size(server: &Process) -> u64 {
    SignedCheckpoint::parse(&server.get("/checkpoint").1).unwrap().checkpoint.size
}

/// Returns the folder of the only copy.
fn copy(dir: &Path) -> PathBuf {
    fs::read_dir(dir.join("public")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn copies_a_log_from_a_server_and_reports_lies() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 700);
    place.write("trust.txt", format!("log {}\n", key.verifier_key()));
    let server = serve(place.path("log"), BTreeMap::new());
    let args = ["mirror", &server.url, "--trust", "trust.txt", "--dir", "mirror", "--once"];
    place.run(&args).success().stderr(predicate::str::contains("other.example/log: 700 entries, 700 new"));
    let copied = copy(&place.path("mirror"));
    place.run(&["check", copied.to_str().unwrap(), "--trust", "trust.txt"]).success();

    // The log grows, and its server alters an entry.
    opaque(&place.path("log"), "other.example/log", 1_500);
    let altered = place.path("log").join("tile/entries/003");
    let before = fs::read(&altered).unwrap();
    let mut bytes = before.clone();
    bytes[3] ^= 1;
    fs::write(&altered, bytes).unwrap();
    place.run(&args).code(1).stderr(predicate::str::contains("mirror.altered: tile/entries/003 contradicts"));
    fs::write(&altered, before).unwrap();
    place.run(&args).success().stderr(predicate::str::contains("1500 entries, 732 new"));
    // It serves an older state, and then another log's.
    opaque(&place.path("log"), "other.example/log", 900);
    place.run(&args).code(5).stderr(predicate::str::contains("mirror.behind"));
    fs::remove_file(place.path("log").join("checkpoint")).unwrap();
    place.run(&args).code(5).stderr(predicate::str::contains("log.no_checkpoint"));
    opaque(&place.path("log"), "another.example/log", 2_000);
    place.run(&args).code(3).stderr(predicate::str::contains("mirror.other_log"));
    place.run(&["check", copied.to_str().unwrap(), "--trust", "trust.txt"]).success();
}

#[test]
fn a_log_server_uploads_to_a_mirror_also_after_it_was_down() {
    let place = process::Place::new(1);
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("mirror.key");
    let made = run(&["keygen", "mirror.example", "--witness", "--out", key.to_str().unwrap()]);
    let vkey = String::from_utf8(made.stdout).unwrap();
    let vkey = VerifierKey::parse(vkey.trim(), KeyType::Cosignature).unwrap();
    let mirror = start(&place, folder.path(), "127.0.0.1:0");
    let url = mirror.url.clone();
    // Nothing listens at the second one, which delays nothing.
    let log = ["--mirror", &url, "--mirror", "http://127.0.0.1:9/"];
    let log = Process::listening(spawn_with(place.folder.path(), &log));
    let mut emitter = place.emitter(0);
    emitter.record(600);
    emitter.deliver_all(&log.url, usize::MAX);
    let first = size(&log);
    assert!(first > 600, "{first}");
    wait_for(&mirror, &format!("countersign_mirror_size {first}"));
    wait_for(&log, &format!("countersign_mirrored_size{{mirror=\"{url}\"}} {first}"));

    let copied = copy(&folder.path().join("mirror"));
    let name = copied.file_name().unwrap().to_str().unwrap().to_owned();
    let (status, note) = mirror.get(&format!("/{name}/checkpoint"));
    assert_eq!(status, 200);
    let signed = SignedCheckpoint::parse(&note).unwrap();
    assert_eq!(signed.cosignatures([&vkey]).verified.len(), 1, "{note}");
    for path in ["/", "/x/checkpoint", &format!("/{name}/tile/0/9"), &format!("/{name}/tile/0/%2e%2e/x")] {
        assert_eq!(mirror.get(path).0, 404, "{path}");
    }
    let trust = place.trust_file();
    let check = |at: &str| run(&["check", at, "--trust", trust.to_str().unwrap(), "--allow", "partial"]);
    assert!(check(&format!("{url}/{name}")).status.success());

    mirror.kill();
    emitter.record(300);
    emitter.deliver_all(&log.url, usize::MAX);
    let second = size(&log);
    assert!(second > first);
    let mirror = start(&place, folder.path(), url.strip_prefix("http://").unwrap());
    wait_for(&mirror, &format!("countersign_mirror_size {second}"));
    assert!(check(copied.to_str().unwrap()).status.success());
    // The log stops although a mirror is unreachable.
    log.stop();
}

#[test]
fn reports_invalid_arguments() {
    let place = Place::new();
    let unusable = |args: &[&str], code: &str| {
        let all = [&["mirror", "--trust", "trust.txt", "--dir", "mirror"], args].concat();
        place.run(&all).code(2).stderr(predicate::str::contains(code));
    };
    unusable(&[], "required arguments");
    unusable(&["--listen", "127.0.0.1:0"], "error[arguments.invalid]");
    unusable(&["log", "--key", "log.key", "--once"], "error[key.invalid]");
    unusable(&["missing", "--once"], "error[io.not_found]");
    place.run(&["serve", "--key", "log.key", "--mirror", "mirror.example"]).code(2);
}
