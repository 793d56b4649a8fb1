//! Each bad input gives one clear error with a code, a location and a hint.

use std::fs;

use predicates::prelude::*;

use crate::common::{ORIGIN, Place, events, gzip, zstd};

/// Asserts that the report has only this finding, and that no command accepts the file.
fn is_unread(place: &Place, export: &str, (verdict, code): (&str, &str), says: &str) {
    let report = place.report(export, &[]);
    assert_eq!(report["verdict"], verdict, "{export}");
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{export}: {report}");
    assert_eq!(report["findings"][0]["code"], code, "{export}");
    let hint = report["findings"][0]["hint"].as_str().unwrap();
    assert!(hint.contains(says), "{export}: {hint}");
    let (status, shown) = if verdict == "broken" { (1, 1) } else { (2, 5) };
    for command in [&["slice", export, "--query", "a=b"][..], &["seal", "--log-key", "log.key", export]] {
        place
            .run(command)
            .code(status)
            .stderr(predicate::str::is_match(r"✗ error\[export.invalid\]: \S+\.\w+: ").unwrap())
            .stderr(predicate::str::contains("hint: "))
            .stdout("");
    }
    place.run(&["show", export]).code(shown);
    place.run(&["verify", export]).code(shown);
    for command in [
        &["report", export, "-o", "made.json"][..],
        &["feed", export, "--to", "ocsf", "--trust", "trust.txt"],
    ] {
        place
            .run(command)
            .code(shown)
            .stderr(predicate::str::contains(format!("✗ error[{code}]: {export}: ")))
            .stderr(predicate::str::contains(hint))
            .stdout("");
    }
    assert!(!place.path("made.json").exists());
}

const NO_EXPORT: (&str, &str) = ("not_checked", "format.header");

#[test]
fn reports_concatenated_exports_first() {
    let place = Place::new();
    place.sealed(5);
    place.write("twice.ndjson", place.read("audit.ndjson").repeat(2));
    place.run(&["verify", "twice.ndjson", "--trust", "trust.txt"]).code(1).stdout(
        predicate::str::is_match(
            r"(?s)Findings \(\d+\)\n  ✗ error   format.line line \d+: the line is a second header.*chain.fork",
        )
        .unwrap(),
    );
}

#[test]
fn reports_the_kind_of_other_files() {
    let place = Place::new();
    for (name, content, says) in [
        ("empty.x", &b""[..], "empty"),
        ("blank.x", b"\n \n", "empty"),
        ("binary.x", &[0, 1, 2, 0xff, 0xfe, b'\n', 7], "binary"),
        ("image.x", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        ("zip.x", b"PK\x03\x04\x14\x00\x00", "ZIP"),
        ("page.x", b"<!doctype html>\n<p>Not found", "web page"),
        ("array.x", b"[{\"a\":1},{\"a\":2}]\n", "array"),
        ("indented.x", b"{\n  \"countersign\": \"export/v1\"\n}\n", "indented"),
        ("events.x", b"{\"action\":\"job.update\"}\n", "countersign record"),
        ("error.x", b"{\"error\":{\"code\":\"token.invalid\"}}", "an error response instead of the download"),
        ("report.x", b"{\"countersign\":\"report/v1\"}\n", "an export begins with"),
        ("quoted.x", b"> {\"countersign\":\"export/v1\",\"origin\":\"o\"}\n", "by mail, a terminal"),
        ("sorted.x", b"{\"checkpoint\":\"\"}\n", "lines were reordered"),
        ("twice.gz", &gzip(&gzip(b"{}")), "compressed twice"),
        ("version.x", b"{\"countersign\":\"export/v2\",\"origin\":\"o\"}\n", "version"),
        ("deep.x", &b"[".repeat(200_000), "array"),
    ] {
        place.write(name, content);
        is_unread(&place, name, NO_EXPORT, says);
    }
    for command in ["verify", "show", "analyze", "inventory"] {
        place.run(&[command, "zip.x"]).code(5).stdout(predicate::str::contains(
            "is corrupt. Unpack the file and choose the export inside: it seems to be a ZIP archive. This says",
        ));
    }
    place.write("trust.x", place.read("trust.txt"));
    is_unread(&place, "trust.x", NO_EXPORT, "trust file");
    place.write("key.x", place.read("app.key"));
    is_unread(&place, "key.x", NO_EXPORT, "private key");
    place
        .run(&["verify", "image.x"])
        .code(5)
        .stdout(predicate::str::starts_with("? Not a countersign export, or its header is corrupt."))
        .stdout(predicate::str::contains("ampering").not());
}

#[test]
fn a_large_zstd_window_is_not_truncation() {
    let place = Place::new();
    let vector = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/zstd-window/export.ndjson.zst");
    place.write("window.zst", fs::read(vector).unwrap());
    let asked = "compress the export again with a smaller window";
    is_unread(&place, "window.zst", ("not_checked", "format.compression"), asked);
    place.run(&["verify", "window.zst"]).code(5).stdout(predicate::str::contains("ampering").not());
}

#[test]
fn a_cut_stream_is_truncated() {
    let place = Place::new();
    place.sealed(40);
    let export = fs::read(place.path("audit.ndjson")).unwrap();
    for (name, whole) in [("cut.gz", gzip(&export)), ("cut.zst", zstd(&export))] {
        for length in [5, whole.len() / 2, whole.len() - 1] {
            place.write(name, &whole[..length]);
            is_unread(&place, name, ("broken", "format.truncated"), "download was probably interrupted");
        }
    }
}

#[test]
fn a_file_cut_off_in_a_line_is_truncated() {
    let place = Place::new();
    place.sealed(9);
    let export = place.read("audit.ndjson");
    place.write("cut.ndjson", &export[..export.len() - 40]);
    assert_eq!(place.report("cut.ndjson", &[])["finding_counts"]["format.truncated"], 1);
    place
        .run(&["slice", "cut.ndjson", "--query", "n=1"])
        .code(1)
        .stderr(predicate::str::contains("cut.ndjson: line 16: the file ends in the middle of this line"))
        .stderr(predicate::str::contains(
            "hint: fetch the file again: its download was probably interrupted",
        ));
}

#[cfg(unix)]
#[test]
fn reads_a_compression_bomb_in_bounded_memory() {
    let place = Place::new();
    let mut bomb = gzip(b"{\"countersign\":\"export/v1\",\"origin\":\"log.example/audit\"}\n");
    let mebibytes = gzip(&vec![b'x'; 4 << 20]);
    for _ in 0..36 {
        bomb.extend(&mebibytes);
    }
    place.write("bomb.gz", &bomb);
    let program = assert_cmd::cargo::cargo_bin("countersign");
    for (command, status) in [
        ("verify bomb.gz --threads 1", 1),
        ("slice bomb.gz --query a=b", 1),
        ("record --key app.key --origin log.example/audit bomb.gz", 1),
    ] {
        // Less memory than the one line needs, including all stacks.
        let script = format!("ulimit -v 130000; exec \"$0\" {command}");
        let mut shell = assert_cmd::Command::new("sh");
        shell.current_dir(place.path("")).args(["-c", &script]).arg(&program).assert().code(status);
    }
}

#[test]
fn lines_that_are_too_long_or_too_deep_are_malformed() {
    let place = Place::new();
    let header = "{\"countersign\":\"export/v1\",\"origin\":\"log.example/audit\"}\n";
    for (name, line) in [
        ("long.x", format!("{{\"note\":\"{}\"}}\n", "x".repeat(3 << 20))),
        ("deep.x", format!("{{\"event\":{}{}}}\n", "[".repeat(100_000), "]".repeat(100_000))),
        ("text.x", "not json\n".to_owned()),
    ] {
        place.write(name, format!("{header}\n{line}"));
        let report = place.report(name, &[]);
        assert_eq!((&report["verdict"], &report["findings"][0]["line"]), (&"broken".into(), &3.into()));
        assert_eq!(report["findings"][0]["code"], "format.line");
        for command in [&["slice", name, "--query", "a=b"][..], &["seal", "--log-key", "log.key", name]] {
            let line = format!("✗ error[export.invalid]: {name}: line 3: ");
            place.run(command).code(1).stderr(predicate::str::starts_with(line)).stdout("");
        }
    }
}

#[test]
fn reports_utf_16() {
    let place = Place::new();
    for (name, text) in [("a.ndjson", "{\"action\":\"a\"}\r\n"), ("a.csv", "action,actor\r\na,ada\r\n")] {
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let text = format!("\u{feff}{text}");
            place.write(name, text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>());
            place
                .run(&["record", "--key", "app.key", "--origin", ORIGIN, "-o", "out.ndjson", name])
                .code(1)
                .stderr(predicate::str::contains("it is UTF-16, as written by"));
        }
    }
}

#[test]
fn reports_files_without_events() {
    let place = Place::new();
    let utf_16: Vec<u8> = "{\"action\":\"a\"}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut tar = vec![0; 512];
    tar[..8].copy_from_slice(b"a.ndjson");
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, says) in [
        (&utf_16[..], "iconv -f UTF-16LE"),
        (b"BZh91AY&SY\xa1\xb2", "bzip2 or xz"),
        (b"\xfd7zXZ\0\0\x04", "bzip2 or xz"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"Obj\x01\x04\x14", "Avro"),
        (b"time;actor\n2026;ada\n", "ends in .csv"),
        (b"<134>1 2026-03-02T09:15:27Z h - - - - {\"action\":\"a\"}\n", "sed 's/^[^{]*//'"),
        (b"{'action':'a'}\n", "double quotes"),
        (b"{\"action\":\"a\"},\n{\"action\":\"b\"}\n", "there is a comma after an object"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<!doctype html>\n<p>Sign in", "login or error page"),
        (&tar, "tar archive"),
    ] {
        place.write("given", bytes);
        place
            .run(&["record", "--key", "app.key", "--origin", ORIGIN, "-o", "out.ndjson", "given"])
            .code(1)
            .stderr(predicate::str::starts_with("✗ error[event.invalid]: given: line 1: "))
            .stderr(predicate::str::contains(says));
        assert!(!place.path("out.ndjson").exists(), "{says}");
    }
}

#[test]
fn does_not_record_an_export() {
    let place = Place::new();
    place.sealed(3);
    let export = place.read("audit.ndjson");
    let (header, lines) = export.split_once('\n').unwrap();
    let later = format!("{{\"action\":\"a\"}}\n{header}\n");
    let spaced = format!("{{ \"origin\": \"{ORIGIN}\", \"countersign\": \"export/v1\" }}\n");
    for (given, line) in [(&export[..], 1), (lines, 1), (&later, 2), (&spaced, 1)] {
        place.write("given.ndjson", given);
        let error = format!("✗ error[event.invalid]: given.ndjson: line {line}: ");
        place
            .run(&["record", "--key", "app.key", "--origin", ORIGIN, "-o", "out.ndjson", "given.ndjson"])
            .code(1)
            .stderr(predicate::str::starts_with(error))
            .stderr(predicate::str::contains("countersign export"))
            .stderr(predicate::str::contains("countersign seal"));
        assert!(!place.path("out.ndjson").exists());
    }
    for event in
        ["{\"countersign\":\"export/v1\"}", "{\"link\":\"https://example.com\",\"about\":\"export/v1\"}"]
    {
        place.write("event.ndjson", event);
        place
            .run(&["record", "--key", "app.key", "--origin", ORIGIN, "-o", "out.ndjson", "event.ndjson"])
            .success();
    }
}

#[test]
fn invalid_events_are_reported_and_nothing_is_written() {
    let place = Place::new();
    let fine = "{\"action\":\"a\"}\n";
    let deep = format!("{}1{}", "{\"a\":".repeat(70), "}".repeat(70));
    let big = format!("{{\"a\":\"{}\"}}", "x".repeat(300_000));
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(5 << 20));
    let before = place.files();
    for (line, says, hint) in [
        ("[[1]]", "[0]: the event is not a JSON object", "array of arrays"),
        ("{\"Records\":[{\"a\":1},{\"b\":1,\"b\":2}]}", "field \"b\": Records[1]: ", "hint: "),
        ("\"text\"", "not a JSON object", "one JSON object a line"),
        ("{\"a\":1} x", "", "hint: "),
        ("{", "the input ends", "in braces"),
        ("{\"a\":{\"b\":1,\"b\":2}}", "field \"b\"", "hint: "),
        ("{\"id\":9007199254740993}", "field \"id\"", "--large-integers text"),
        ("{\"n\":1e999}", "field \"n\"", "hint: "),
        ("{\"s\":\"\\ud800\"}", "field \"s\"", "hint: "),
        (&deep, "", "hint: "),
        (&big, "262144", "hint: "),
        (&huge, "", "hint: "),
        ("action,actor\n", "", "one JSON object a line"),
    ] {
        let input = format!("{fine}\n{line}\n{fine}");
        let line = format!(
            "✗ error[event.invalid]: standard input: line 3: {}",
            if says.starts_with("member") { says } else { "" }
        );
        place
            .command(&["record", "--key", "app.key", "--origin", ORIGIN, "-o", "out.ndjson"])
            .write_stdin(input)
            .assert()
            .code(1)
            .stderr(predicate::str::starts_with(line))
            .stderr(predicate::str::contains(says))
            .stderr(predicate::str::contains(hint));
        assert_eq!(place.files(), before);
    }
    for nothing in ["", "\n\n"] {
        place
            .command(&["record", "--key", "app.key", "--origin", ORIGIN, "-o", "out.ndjson"])
            .write_stdin(nothing)
            .assert()
            .code(1)
            .stderr(predicate::str::contains("there is no event to record"));
        assert_eq!(place.files(), before);
    }
}

#[test]
fn reports_files_that_cannot_be_opened() {
    let place = Place::new();
    place.sealed(3);
    fs::create_dir(place.path("folder")).unwrap();
    for (args, code, name) in [
        (&["verify", "missing.ndjson"][..], "io.not_found", "missing.ndjson"),
        (&["verify", "folder"], "io.is_directory", "folder"),
        (&["verify", "trust.txt/export"], "io.not_directory", "trust.txt/export"),
        (&["verify", "audit.ndjson", "--trust", "missing.txt"], "io.not_found", "missing.txt"),
        (&["verify", "audit.ndjson", "--pin", "missing.txt"], "io.not_found", "missing.txt"),
        (
            &["verify", "audit.ndjson", "--trust", "trust.txt", "--save-pin", "no/pin"],
            "io.not_found",
            "no/pin",
        ),
        (&["show", "missing.ndjson"], "io.not_found", "missing.ndjson"),
        (&["slice", "missing.ndjson"], "io.not_found", "missing.ndjson"),
        (&["seal", "--log-key", "missing.key", "audit.ndjson"], "io.not_found", "missing.key"),
        (&["seal", "--log-key", "log.key", "missing.ndjson"], "io.not_found", "missing.ndjson"),
        (&["record", "--key", "missing.key", "--origin", ORIGIN], "io.not_found", "missing.key"),
        (
            &["record", "--key", "app.key", "--origin", ORIGIN, "missing.ndjson"],
            "io.not_found",
            "missing.ndjson",
        ),
        (&["record", "--key", "app.key", "--resume", "missing.ndjson"], "io.not_found", "missing.ndjson"),
    ] {
        let error = format!("✗ error[{code}]: {name}: cannot ");
        place
            .run(args)
            .code(2)
            .stdout("")
            .stderr(predicate::str::starts_with(error))
            .stderr(predicate::str::contains("hint: "));
    }
}

#[test]
fn reports_the_line_of_an_invalid_trust_file_or_pin() {
    let place = Place::new();
    place.sealed(3);
    for (content, place_of_error) in [
        ("# fine\nlog nonsense\n", "trust.x: line 2: "),
        ("issuer a b c\n", "trust.x: line 1: "),
        ("emitter example.com+00000000+AAAA\n", "trust.x: line 1: "),
        ("\u{feff}log x\n", "trust.x: line 1: "),
        ("quorum q\n", "trust.x: line 1: "),
    ] {
        place.write("trust.x", content);
        for command in ["verify", "show", "slice"] {
            let error = format!("✗ error[trust.invalid]: {place_of_error}");
            place
                .run(&[command, "audit.ndjson", "--trust", "trust.x"])
                .code(2)
                .stdout("")
                .stderr(predicate::str::starts_with(error))
                .stderr(predicate::str::contains("hint: "));
        }
    }
    let utf_16: Vec<u8> = "\u{feff}log x\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (content, says) in [
        (&b"log x\r\n"[..], "not CR LF"),
        ("\u{feff}log x\n".as_bytes(), "byte order mark"),
        (&utf_16, "UTF-16"),
    ] {
        place.write("trust.x", content);
        place
            .run(&["verify", "audit.ndjson", "--trust", "trust.x"])
            .code(2)
            .stderr(predicate::str::contains(says));
    }
    place
        .run(&["verify", "audit.ndjson", "--trust", "audit.ndjson"])
        .code(2)
        .stderr(predicate::str::contains("trust.invalid"));
    place
        .run(&["verify", "audit.ndjson", "--pin", "trust.txt"])
        .code(2)
        .stderr(predicate::str::starts_with("✗ error[checkpoint.invalid]: trust.txt: "));
}

#[test]
fn rejects_invalid_keys_without_printing_them() {
    let place = Place::new();
    let secret = place.read("app.key");
    let material = secret.trim().splitn(5, '+').last().unwrap().to_owned();
    place.write("damaged.key", secret.replacen("example", "exampel", 1));
    place.write("binary.key", [0xff, 0xfe, 0]);
    place.write("public.key", &place.app);
    for (file, code) in
        [("damaged.key", "key.invalid"), ("public.key", "key.invalid"), ("binary.key", "io.not_text")]
    {
        place
            .run(&["record", "--key", file, "--origin", ORIGIN, "-o", "out.ndjson"])
            .code(2)
            .stderr(predicate::str::starts_with(format!("✗ error[{code}]: {file}: ")))
            .stderr(predicate::str::contains(&material).not());
    }
}

#[test]
fn reports_useless_arguments() {
    let place = Place::new();
    place.sealed(3);
    for args in [
        &["no-such-command"][..],
        &["record", "--key", "app.key"],
        &["record", "--key", "app.key", "--origin", ORIGIN, "--sign-every", "0"],
        &["record", "--key", "app.key", "--origin", "has space", "trust.txt"],
        &["seal", "--log-key", "log.key"],
        &["seal", "--log-key", "log.key", "--checkpoint-every", "0", "app.ndjson"],
        &["slice", "audit.ndjson", "--range", "3..2"],
        &["slice", "audit.ndjson", "--chain", "xyz"],
        &["slice", "audit.ndjson", "--event", "xyz"],
        &["slice", "audit.ndjson", "--query", "xyz:"],
        &["slice", "audit.ndjson", "--as", "erased"],
        &["slice", "audit.ndjson", "--as", "erased", "--withhold", "n=1"],
        &["slice", "audit.ndjson", "--withhold", "n=1", "--as", "erased", "--as", "redacted"],
        &["grant", "nonsense", "--key", "issuer.key", "--origin", ORIGIN],
        &["completions", "no-such-shell"],
    ] {
        place.run(args).code(2).stdout("").stderr(predicate::str::contains("error"));
    }
}

#[test]
fn reports_options_that_only_apply_to_delivery() {
    let place = Place::new();
    place.write("events.ndjson", events(1));
    let record = ["record", "events.ndjson", "--key", "app.key", "--origin", ORIGIN, "-o", "out.ndjson"];
    for more in
        [&["--follow"][..], &["--outbox", "outbox"], &["--trust", "trust.txt"], &["--log", &place.log]]
    {
        place.run(&[&record[..], more].concat()).code(2).stderr(predicate::str::contains(format!(
            "✗ error[arguments.invalid]: {} requires --to",
            more[0]
        )));
    }
    place
        .run(&[
            "grant",
            &place.app,
            "--key",
            "issuer.key",
            "--origin",
            ORIGIN,
            "-o",
            "g",
            "--trust",
            "trust.txt",
        ])
        .code(2)
        .stderr(predicate::str::contains("--trust requires --to"));
    // A summary is also printed if the output is a file.
    place
        .run(&[&record[..], &["--json"]].concat())
        .success()
        .stdout("{\"recorded\":1,\"closed\":true,\"redacted\":1,\"redacted_fields\":[{\"field\":\"password\",\"values\":1}]}\n");
    place.run(&[&record[..6], &["--json"]].concat()).code(2).stdout("");
}

#[test]
fn does_not_replace_a_missing_log_key() {
    let place = Place::new();
    let args = ["--origin", ORIGIN, "--key", "log.key", "--listen", "127.0.0.1:0", "--no-page"];
    drop(crate::common::serving::ServedLog::start(&place.path(""), &args));
    let folder = place.path("countersign-log");
    for more in [&[][..], &["--origin", ORIGIN]] {
        place.run(&[&["serve", "--no-page", "--listen", "127.0.0.1:0"], more].concat()).code(2).stderr(
            predicate::str::contains(format!(
                "✗ error[io.not_found]: countersign-log/log.key: the folder has the log {ORIGIN:?}, but its key is missing"
            )),
        );
        assert!(!folder.join("log.key").exists());
    }
}

#[test]
fn rejects_invalid_mail_addresses_with_an_example() {
    let place = Place::new();
    let mail = ["--smtp", "smtp://localhost", "--mail-from", "watch", "--mail-to", "ada@example.com"];
    place
        .run(
            &[&["watch", "http://localhost", "--trust", "trust.txt", "--state", "state"], &mail[..]].concat(),
        )
        .code(2)
        .stderr(predicate::str::contains("'--mail-from <ADDRESS>': use a form such as ada@example.com"));
}

#[test]
fn reports_the_kind_of_a_misplaced_file() {
    let place = Place::new();
    place.sealed(1);
    place.write("policy.yml", "countersign: policy/v1\nname: Ours\nverdict: [verified]\n");
    let other = "error[arguments.invalid]: audit.ndjson: this is an export, not a";
    for (args, says) in [
        (&["enforce", "audit.ndjson", "policy.yml"][..], other),
        (&["risk", "audit.ndjson"], other),
        (
            &["verify", "trust.txt", "--trust", "audit.ndjson"],
            "hint: pass a file with the keys that you trust: this is an export",
        ),
        (
            &["analyze", "audit.ndjson", "--trust", "trust.txt", "--rules", "policy.yml"],
            "error[pack.format]: policy.yml: line 1: `countersign` names another format",
        ),
        (&["check", "127.0.0.1:8080", "--trust", "trust.txt"], "a URL starts with https:// or http://"),
        (&["export", "--dir", "127.0.0.1:8080"], "a URL starts with https:// or http://"),
        (&["verify", "https://log.example"], "hint: download the log's export with"),
        (&["export", "https://log.example", "-o", "x"], "hint: name the log with --dir"),
    ] {
        place.run(args).code(2).stderr(predicate::str::contains(says));
    }
}

#[test]
fn explains_https_to_an_http_server() {
    let place = Place::new();
    let args = ["--origin", ORIGIN, "--key", "log.key", "--listen", "127.0.0.1:0", "--no-page"];
    let log = crate::common::serving::ServedLog::start(&place.path(""), &args);
    let url = log.url().replacen("http://", "https://", 1);
    place
        .run(&["check", &url, "--trust", "trust.txt"])
        .code(2)
        .stderr(predicate::str::contains("the URL must start with http://; the server doesn't speak TLS"));
}
