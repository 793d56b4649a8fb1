//! `countersign dev`: printed commands work, a temporary log leaves no files, and others continue.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use predicates::prelude::*;

use crate::common::process::DEADLINE;
use crate::common::{Place, events};

#[test]
fn a_temporary_log_prints_working_commands_and_leaves_nothing() {
    let place = Place::new();
    std::fs::create_dir(place.path("tmp")).unwrap();
    place.write("page.html", "<!doctype html><title>mine</title>");
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["dev", "--temporary", "--listen", "127.0.0.1:0", "--page"])
        .arg(place.path("page.html"))
        .env("NO_COLOR", "1")
        .env("TMPDIR", place.path("tmp"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listens on") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it listens");
    }
    let pasted: Vec<(String, String)> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .take(4)
        .map(|line| line.unwrap().split_once('=').map(|(name, value)| (name.into(), value.into())).unwrap())
        .collect();
    let value = |wanted: &str| &pasted.iter().find(|(name, _)| name == wanted).unwrap().1;
    let (url, log) = (value("AUDIT_URL"), value("AUDIT_LOG"));
    let page =
        countersign_tls::blocking_http_client().build().unwrap().get(url).send().unwrap().text().unwrap();
    assert!(page.contains("<title>mine</title>"), "{page}");
    place.write("dev.key", value("AUDIT_KEY"));
    place.write("events.ndjson", events(5));
    place
        .run(&["record", "--key", "dev.key", "--to", url, "--log", log, "events.ndjson"])
        .success()
        .stderr(predicate::str::contains("5 proven to be in the log"));
    let trust =
        std::fs::read_dir(place.path("tmp")).unwrap().next().unwrap().unwrap().path().join("log/trust.txt");
    let mut export = place.command(&["export", "--dir", url, "-o", "all.ndjson"]);
    export.env("COUNTERSIGN_TOKEN", value("COUNTERSIGN_TOKEN")).assert().success();
    place.run(&["verify", "all.ndjson", "--trust", trust.to_str().unwrap()]).success();

    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(
        child.wait().unwrap().success() && rest.contains("deleted the log, its keys, and its events"),
        "{rest}"
    );
    let is_empty = |folder: &Path| std::fs::read_dir(folder).unwrap().next().is_none();
    assert!(is_empty(&place.path("tmp")));
}

#[test]
fn dev_listens_on_loopback_only() {
    Place::new()
        .run(&["dev", "--listen", "0.0.0.0:0"])
        .code(2)
        .stderr(predicate::str::contains("the address is not a loopback address"));
}

#[test]
fn dev_runs_a_command_and_ends_with_it() {
    let place = Place::new();
    std::fs::create_dir(place.path("tmp")).unwrap();
    let script = "test -n \"$AUDIT_KEY$COUNTERSIGN_TOKEN\" && echo \"$AUDIT_URL $AUDIT_LOG\"; exit 7";
    let args = ["dev", "--temporary", "--listen", "127.0.0.1:0", "--", "sh", "-c", script];
    let mut dev = place.command(&args);
    let printed = predicate::str::is_match(r"^http://127\.0\.0\.1:\d+ localhost/dev\+\S+\n$").unwrap();
    dev.env("TMPDIR", place.path("tmp"))
        .assert()
        .code(7)
        .stdout(printed)
        .stderr(predicate::str::contains("deleted the log, its keys, and its events"));
    assert!(std::fs::read_dir(place.path("tmp")).unwrap().next().is_none());
}

/// Starts `dev` with standard output and standard error that block until they are read, and waits until it has created
/// the log's folder.
fn spawn_blocked(place: &Place, args: &[&str]) -> Child {
    std::fs::create_dir(place.path("tmp")).unwrap();
    // The capacity of a pipe.
    let script = "head -c 65536 /dev/zero; head -c 65536 /dev/zero >&2; exec \"$@\"";
    let child = Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_countersign"), "dev", "--temporary"])
        .args(args)
        .env("NO_COLOR", "1")
        .env("TMPDIR", place.path("tmp"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let has_folder = || {
        let mut folders = std::fs::read_dir(place.path("tmp")).unwrap();
        folders.any(|folder| folder.unwrap().path().join("log/readers.txt").exists())
    };
    wait_until("dev creates the log's folder", has_folder);
    child
}

fn wait_until(expected: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "{expected}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Reads the output of `dev`, and waits for its end. Returns its exit status and standard error.
fn read_to_end(mut child: Child) -> (ExitStatus, String) {
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    let said = thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).map(|_| said)
    });
    let mut status = None;
    let end = Instant::now() + DEADLINE;
    while status.is_none() && Instant::now() < end {
        status = child.try_wait().unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    if status.is_none() {
        child.kill().unwrap();
    }
    (status.expect("dev ends"), said.join().unwrap().unwrap())
}

#[test]
fn dev_deletes_the_keys_if_it_is_stopped_while_it_starts() {
    let place = Place::new();
    let child = spawn_blocked(&place, &["--listen", "127.0.0.1:0"]);
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let (status, said) = read_to_end(child);
    assert!(
        status.success() && said.contains("deleted the log, its keys, and its events"),
        "{status}: {said}"
    );
    assert!(std::fs::read_dir(place.path("tmp")).unwrap().next().is_none());
}

#[test]
fn the_next_run_continues_the_log_and_its_outbox() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_countersign");
    let script = format!(
        "printf '%s\\n' \"$AUDIT_KEY\" > dev.key && chmod 600 dev.key && \
         '{program}' record --key dev.key --to \"$AUDIT_URL\" --log \"$AUDIT_LOG\" --outbox outbox --open events.ndjson && \
         '{program}' export --dir \"$AUDIT_URL\" -o all.ndjson"
    );
    let mut logs = Vec::new();
    for run in 1..=2 {
        place.write("events.ndjson", events(3));
        let mut dev = place.command(&["dev", "--listen", "127.0.0.1:0", "--", "sh", "-c", &script]);
        dev.assert().success().stderr(predicate::str::contains("3 proven to be in the log"));
        let all = place.read("all.ndjson");
        assert_eq!(all.matches("\"action\":\"job.").count(), 3 * run, "{all}");
        logs.push(place.read(".countersign/dev/log/log.key"));
        let trust = ".countersign/dev/log/trust.txt";
        place.run(&["verify", "all.ndjson", "--trust", trust]).success();
    }
    assert_eq!(logs[0], logs[1]);
    assert_eq!(place.read(".countersign/dev/.gitignore"), "*\n");
    for secret in ["log/log.key", "app.key", "token"] {
        let file = place.path(".countersign/dev").join(secret);
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
}

#[test]
fn dev_writes_the_variables_to_a_file() {
    let place = Place::new();
    place.write("mine", "A=1\n");
    std::os::unix::fs::symlink("mine", place.path(".env")).unwrap();
    let script = "set -a && . ./.env && echo \"$A $AUDIT_URL\"";
    let args = ["dev", "--listen", "127.0.0.1:0", "--env", ".env", "--", "sh", "-c", script];
    for _ in 0..2 {
        let printed = predicate::str::is_match(r"^1 http://127\.0\.0\.1:\d+\n$").unwrap();
        place.run(&args).success().stdout(printed).stderr(predicate::str::contains("variables: .env"));
        assert!(place.path(".env").is_symlink());
        let mode = std::fs::metadata(place.path("mine")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(place.read("mine").matches("AUDIT_KEY=").count(), 1);
    }
    place.write("mine", "export AUDIT_KEY=of-production\n");
    place.run(&args).code(2).stderr(predicate::str::contains(
        ".env: line 1 sets AUDIT_KEY, and `countersign dev` did not write that line",
    ));
    assert_eq!(place.read("mine"), "export AUDIT_KEY=of-production\n");
}

#[test]
fn dev_refuses_the_log_of_the_npm_package() {
    let place = Place::new();
    std::fs::create_dir_all(place.path(".countersign/dev/log")).unwrap();
    place.write(".countersign/dev/log/durable-object.sqlite", "");
    place.run(&["dev", "--listen", "127.0.0.1:0", "--", "true"]).code(2).stderr(predicate::str::contains(
        "the folder contains the log of another program: npx countersign dev",
    ));
}

#[test]
fn dev_does_not_run_the_command_if_the_log_fails() {
    let place = Place::new();
    std::fs::create_dir_all(place.path(".countersign/dev/log")).unwrap();
    place.write(".countersign/dev/log/trust.txt", "nothing useful\n");
    place
        .run(&["dev", "--listen", "127.0.0.1:0", "--", "touch", "ran"])
        .code(2)
        .stderr(predicate::str::contains("trust.txt: line 1: "));
    assert!(!place.path("ran").exists());
}
