//! Output files appear completely or not at all.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use predicates::prelude::*;

use crate::common::{ORIGIN, Place, events};

#[test]
fn leaves_no_files_on_a_full_disk() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("skipped: this system has no /dev/full");
        return;
    }
    let place = Place::new();
    place.sealed(9);
    let before = place.files();
    for args in [
        &["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "/dev/full"][..],
        &["seal", "--log-key", "log.key", "app.ndjson", "-o", "/dev/full"],
        &["slice", "audit.ndjson", "--query", "n=1", "-o", "/dev/full"],
        &place.grant("/dev/full"),
    ] {
        place
            .run(args)
            .code(2)
            .stderr(predicate::str::contains("✗ error[io.full]: /dev/full: cannot write: "))
            .stderr(predicate::str::contains("✓").not());
        assert_eq!(place.files(), before);
    }
    assert!(fs::metadata("/dev/full").is_ok_and(|device| !device.is_file()));
    let full = || Stdio::from(fs::File::options().write(true).open("/dev/full").unwrap());
    for args in [
        &["verify", "audit.ndjson"][..],
        &["seal", "--log-key", "log.key", "app.ndjson"],
        &["show", "audit.ndjson"],
    ] {
        let program = assert_cmd::cargo::cargo_bin("countersign");
        let output =
            Command::new(program).args(args).current_dir(place.path("")).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("error[io.full]: standard output"),
            "{args:?}"
        );
    }
}

#[test]
fn reports_redactions() {
    let place = Place::new();
    let events = r#"{"api_key":"k","card":{"number":"4"},"n":1,"url":"/?token=t&page=2"}"#;
    place.write("events.ndjson", events);
    let recorded = |more: &[&str]| {
        let args = ["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson"];
        let output = place.run(&[&args[..], more].concat()).success().get_output().clone();
        let (out, told) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let event = out
            .lines()
            .find_map(|line| Some(line.split_once(r#""event":"#)?.1.trim_end_matches('}').to_owned()));
        (event.unwrap(), told)
    };
    let (event, told) = recorded(&["--redact", "card.number"]);
    assert_eq!(
        event,
        r#"{"api_key":"[redacted]","card":{"number":"[redacted]"},"n":1,"url":"/?token=[redacted]&page=2""#
    );
    assert!(
        told.contains(
            "1 event recorded; redacted 3 values in 3 fields: api_key (1), card.number (1), url (1)"
        ),
        "{told}"
    );
    let (event, told) = recorded(&["--no-redact"]);
    assert_eq!(event, events.trim_end_matches('}'));
    assert_eq!(told, "");
}

#[test]
fn lists_fields_to_redact() {
    let place = Place::new();
    place.write(
        "events.ndjson",
        "{\"a\":[{\"token\":\"t\"},{\"token\":\"u\"}],\"n\":1,\"v\":\"postgres://u:p@h/d\"}\n{\"a\":{\"token\":\"t\"},\"n\":2}\n",
    );
    // Neither a key nor an origin is needed.
    place.run(&["record", "events.ndjson", "--redact-preview", "--redact", "n"]).success().stdout(
        "VALUES  WHY       FIELD\n3       name      a.token\n2       --redact  n\n1       look      v\n\n\
        6 values in 2 events would be redacted. Nothing was recorded.\n\
        Use --keep FIELD to keep a field, or --redact NAME to redact another.\n",
    );
    place.run(&["record", "events.ndjson", "--redact-preview", "--keep", "a.token", "--json"]).success().stdout(
        "{\"events\":2,\"redacted\":1,\"redacted_fields\":[{\"field\":\"v\",\"reason\":\"look\",\"values\":1}]}\n",
    );
    place
        .run(&["record", "events.ndjson", "--redact-preview", "--keep", "token", "--keep", "v"])
        .success()
        .stdout("Nothing would be redacted in 2 events. Nothing was recorded.\n");
    let kept = ["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "--keep", "token"];
    place
        .run(&kept)
        .success()
        .stdout(predicate::str::contains(
            r#"{"a":[{"token":"t"},{"token":"u"}],"n":1,"v":"postgres://u:[redacted]@h/d"}"#,
        ))
        .stderr(predicate::str::contains("2 events recorded; redacted 1 value in 1 field: v (1)"));
    place.run(&["record", "events.ndjson", "--keep", "v", "--no-redact", "--redact-preview"]).code(2);
    // Values redacted earlier are not counted.
    place.write("again.ndjson", r#"{"note":"[redacted]","x":["[redacted]",1],"password":"hunter2x9"}"#);
    place
        .run(&["record", "--key", "app.key", "--origin", ORIGIN, "again.ndjson"])
        .success()
        .stderr(predicate::str::contains("1 event recorded; redacted 1 value in 1 field: password (1)"));
}

#[cfg(unix)]
#[test]
fn a_file_size_limit_ends_in_an_error() {
    let place = Place::new();
    place.record(2000, "app.ndjson");
    let before = place.files();
    let program = assert_cmd::cargo::cargo_bin("countersign");
    for script in [
        "ulimit -f 100; exec \"$0\" record --key app.key --origin log.example/audit events.ndjson -o out.ndjson",
        "ulimit -f 100; exec \"$0\" seal --log-key log.key app.ndjson -o out.ndjson",
        "ulimit -f 100; exec \"$0\" record --key app.key --origin log.example/audit --resume app.ndjson events.ndjson -o out.ndjson",
    ] {
        let output = Command::new("sh")
            .args(["-c", script])
            .arg(&program)
            .current_dir(place.path(""))
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("error[io.too_large]"), "{error}");
        assert_eq!(place.files(), before, "{script}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_no_files() {
    let place = Place::new();
    let before = place.files();
    for signal in ["INT", "TERM", "HUP"] {
        let mut run = Command::new(assert_cmd::cargo::cargo_bin("countersign"))
            .args(["record", "--key", "app.key", "--origin", ORIGIN, "-o", "out.ndjson"])
            .current_dir(place.path(""))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = run.stdin.take().unwrap();
        stdin.write_all(events(5).as_bytes()).unwrap();
        // Its temporary file shows that it runs.
        while place.files() == before {
            assert!(run.try_wait().unwrap().is_none());
            std::thread::yield_now();
        }
        assert!(!place.path("out.ndjson").exists());
        let kill = Command::new("kill").args([format!("-{signal}"), run.id().to_string()]).status().unwrap();
        assert!(kill.success());
        assert_eq!(run.wait().unwrap().code(), None, "ended by the signal");
        drop(stdin);
        assert_eq!(place.files(), before, "{signal}");
    }
}

#[test]
fn replaces_files_atomically() {
    let place = Place::new();
    place.sealed(3);
    place.write("target.ndjson", "old");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(place.path("target.ndjson"), fs::Permissions::from_mode(0o646)).unwrap();
        std::os::unix::fs::symlink("target.ndjson", place.path("link.ndjson")).unwrap();
        place.run(&["slice", "audit.ndjson", "--query", "n=1", "-o", "link.ndjson"]).success();
        assert!(fs::symlink_metadata(place.path("link.ndjson")).unwrap().is_symlink());
        assert_eq!(fs::metadata(place.path("target.ndjson")).unwrap().permissions().mode() & 0o777, 0o646);
    }
    place.run(&["slice", "audit.ndjson", "--query", "n=2", "-o", "target.ndjson"]).success();
    assert!(place.read("target.ndjson").contains("\"n\":2"));
    // Input and output may be the same file.
    place.run(&["slice", "target.ndjson", "--withhold", "n=5", "-o", "target.ndjson"]).success();
    assert_eq!(place.verdict("target.ndjson"), "partial");
}

#[test]
fn a_failed_run_keeps_the_old_file() {
    let place = Place::new();
    place.sealed(3);
    let before = place.read("audit.ndjson");
    place.run(&["slice", "audit.ndjson", "--query", "n=99", "-o", "audit.ndjson"]).code(2);
    place.run(&["seal", "--log-key", "log.key", "audit.ndjson", "trust.txt", "-o", "audit.ndjson"]).code(2);
    assert_eq!(place.read("audit.ndjson"), before);
    place
        .run(&["slice", "audit.ndjson", "-o", "no/such/folder/out.ndjson"])
        .code(2)
        .stderr(predicate::str::contains("error[io.not_found]: no/such/folder/out.ndjson"));
    fs::create_dir(place.path("folder")).unwrap();
    place
        .run(&["slice", "audit.ndjson", "-o", "folder"])
        .code(2)
        .stderr(predicate::str::contains("error[io.is_directory]: folder"));
}

#[test]
fn a_stream_ends_with_a_signed_link() {
    let place = Place::new();
    let input = events(10) + "nonsense\n";
    let assert = place
        .command(&["record", "--key", "app.key", "--origin", ORIGIN, "--sign-every", "4"])
        .write_stdin(input)
        .assert()
        .code(1);
    place.write("partial.ndjson", &assert.get_output().stdout);
    place.write("emitter.txt", format!("emitter {}\n", place.app));
    place
        .run(&["verify", "partial.ndjson", "--trust", "emitter.txt", "--allow", "partial"])
        .success()
        .stdout(predicate::str::contains("8 events"));
}

#[test]
fn records_each_event_immediately() {
    let place = Place::new();
    let mut run = Command::new(assert_cmd::cargo::cargo_bin("countersign"))
        .args(["record", "--key", "app.key", "--origin", ORIGIN, "--sign-every", "1"])
        .current_dir(place.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = run.stdin.take().unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    for event in events(3).lines() {
        writeln!(stdin, "{event}").unwrap();
        // The next event is sent after this one's line was received.
        let line = lines.by_ref().map(Result::unwrap).find(|line| line.contains("\"event\":"));
        assert!(line.is_some());
    }
    drop(stdin);
    assert!(lines.last().unwrap().unwrap().contains(" close "));
    assert!(run.wait().unwrap().success());
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    place.sealed(9);
    let mut run = Command::new(assert_cmd::cargo::cargo_bin("countersign"))
        .args(["verify", "audit.ndjson", "--trust", "trust.txt"])
        .current_dir(place.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(run.stdout.take());
    let output = run.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn prints_the_written_file() {
    let place = Place::new();
    place.sealed(3);
    place.write("rule.yml", "title: A rule\nid: 9b1f9a0e-6f0a-4d25-9c2b-0a6d0a7c2f11\nlogsource: {}\ndetection: {a: {n: 1}, condition: a}\n");
    place.write("policy.yml", "countersign: policy/v1\nname: Ours\nverdict: [verified]\n");
    let (trust, seal) = (["--trust", "trust.txt"], ["seal", "--log-key", "log.key", "grant.ndjson"]);
    for (args, file) in [
        (&place.grant("g.ndjson")[..], "g.ndjson"),
        (&["revoke", &place.app, "--key", "issuer.key", "--origin", ORIGIN, "-o", "r.ndjson"], "r.ndjson"),
        (&[&seal[..], &["app.ndjson", "-o", "s.ndjson"]].concat(), "s.ndjson"),
        (&["slice", "audit.ndjson", "--query", "n:1", "-o", "one.ndjson"], "one.ndjson"),
        (&["summarize", "audit.ndjson", "-o", "part.summary"], "part.summary"),
        (&["rules", "build", "rule.yml", "-o", "pack.json"], "pack.json"),
        (&[&["report", "audit.ndjson", "-o", "report.json"], &trust[..]].concat(), "report.json"),
        (
            &[&["evidence", "audit.ndjson", "--framework", "soc2", "-o", "soc2.md"], &trust[..]].concat(),
            "soc2.md",
        ),
        (
            &[&["evidence", "audit.ndjson", "--framework", "soc2", "-o", "soc2/"], &trust[..]].concat(),
            "soc2/",
        ),
        (&[&["verify", "audit.ndjson", "--save-pin", "log.pin"], &trust[..]].concat(), "log.pin"),
        (
            &[&["enforce", "policy.yml", "audit.ndjson", "--sarif", "out.sarif"], &trust[..]].concat(),
            "out.sarif",
        ),
        (
            &[&["show", "audit.ndjson", "--query", "n:1", "--index"], &trust[..]].concat(),
            "audit.ndjson.csindex",
        ),
    ] {
        place.run(args).success().stderr(predicate::str::contains(format!("✓ done: {file}: ")));
    }
    // Standard output has no file name.
    place
        .run(&["slice", "audit.ndjson", "--query", "n:1"])
        .success()
        .stderr(predicate::str::contains("✓ done: 1 event of 1 chain"));
}

#[test]
fn reports_a_missing_folder() {
    let place = Place::new();
    place.sealed(1);
    fs::create_dir(place.path("taken")).unwrap();
    place.write("taken/file", "");
    fs::create_dir(place.path("log")).unwrap();
    for (args, says) in [
        (
            &["slice", "audit.ndjson", "--query", "n:1", "-o", "none/one.ndjson"][..],
            "✗ error[io.not_found]: none/one.ndjson: cannot write: the folder does not exist\n  hint: check the path; its folder must exist",
        ),
        (
            &["export", "--format", "parquet", "audit.ndjson", "--partition", "day", "-o", "taken"],
            "✗ error[io.exists]: taken: cannot write: the folder already exists and is not empty",
        ),
        (
            &["backup", "--dir", "none", "--to", "log.sqlite"],
            "✗ error[io.not_found]: none: the folder does not exist",
        ),
        (&["backup", "--dir", "log", "--to", "none/log.sqlite"], "✗ error[io.not_found]: none/log.sqlite: "),
        (&["backup", "--dir", "log", "--to", "taken"], "✗ error[io.is_directory]: taken: "),
        (&["fsck", "--dir", "none"], "✗ error[io.not_found]: none: the folder does not exist"),
        (
            &["serve", "--dir", "trust.txt"],
            "hint: use another path; there is a file where the folder should be",
        ),
        #[cfg(unix)]
        (
            &["serve", "--dir", "log", "--listen", "unix:trust.txt"],
            "the file exists and isn't a socket\n  hint: choose another --listen, or remove the file first",
        ),
        #[cfg(unix)]
        (
            &["serve", "--dir", "log", "--listen", "unix:none/socket"],
            "hint: check the path: the socket's folder must exist",
        ),
        (
            &["serve", "--dir", "log", "--listen", "192.0.2.1:1"],
            "hint: choose another --listen: this machine doesn't have that address",
        ),
        (&["summarize", "-", "-o", "part.summary"], "✗ error[summary.stream]: -: this is not a file"),
    ] {
        place.run(args).code(2).stderr(predicate::str::contains(says));
    }
}

#[test]
fn warns_about_an_unencrypted_witness() {
    let place = Place::new();
    let out = place.run(&["keygen", "witness.example", "--witness"]).success().get_output().stdout.clone();
    let witness = String::from_utf8(out).unwrap();
    let trust = |url: &str| format!("log {}\nwitness w {} {url}\nquorum w\n", place.log, witness.trim());
    place.write("served.txt", trust("http://192.0.2.1/"));
    let mut server = Command::new(assert_cmd::cargo::cargo_bin("countersign"))
        .args(["serve", "--origin", ORIGIN, "--key", "log.key", "--trust", "served.txt"])
        .args(["--listen", "127.0.0.1:0", "--no-page"])
        .current_dir(place.path(""))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.find(|line| line.contains("without encryption") || line.contains(" listens on "));
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(
        told.as_ref().is_some_and(|told| {
            told.contains("cosignatures are requested from the witness witness.example without encryption")
        }),
        "{told:?}"
    );
}

#[test]
fn server_logs_have_no_colors_in_files() {
    let place = Place::new();
    let out = place.run(&["keygen", "witness.example", "--witness"]).success().get_output().stdout.clone();
    let witness = String::from_utf8(out).unwrap();
    // The port is closed by now.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    place.write(
        "served.txt",
        format!("log {}\nwitness w {} http://{address}/\nquorum w\n", place.log, witness.trim()),
    );
    let served = ["--trust", "served.txt", "--listen", "127.0.0.1:0", "--no-page"];
    let mut server = Command::new(assert_cmd::cargo::cargo_bin("countersign"))
        .args([&["serve", "--origin", ORIGIN, "--key", "log.key"], &served[..]].concat())
        .current_dir(place.path(""))
        .env_remove("CLICOLOR_FORCE")
        .env_remove("NO_COLOR")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines().map(Result::unwrap);
    let silent = lines.find(|line| line.contains("a witness didn't report its newest checkpoint")).unwrap();
    assert!(silent.to_lowercase().contains("refused"), "{silent}");
    let said = lines.find(|line| line.contains(" listens on ")).unwrap();
    let url = said.split_once(" listens on ").unwrap().1;
    let client = countersign_tls::blocking_http_client().build().unwrap();
    assert!(client.post(format!("{url}/submit")).body("{}").send().unwrap().status().is_client_error());
    let warning = lines.find(|line| line.contains("rejected clients")).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(warning.contains(" WARN ") && !warning.contains('\u{1b}'), "{warning}");
}
