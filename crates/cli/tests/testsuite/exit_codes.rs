//! The exit status of each verdict, and expectations of readers.

use countersign::note::SignerKey;
use predicates::prelude::*;

use crate::common::{ORIGIN, Place, gzip};

#[test]
fn each_verdict_has_an_exit_status() {
    let place = Place::new();
    place.sealed(9);
    place.run(&["verify", "audit.ndjson", "--trust", "trust.txt"]).code(0);
    place.run(&["verify", "audit.ndjson"]).code(3).stdout(predicate::str::starts_with(
        "? Unchanged since it was signed, but you don't trust the signer's key.",
    ));
    let export = place.read("audit.ndjson");

    place.write("altered.ndjson", export.replacen("u_1", "u_9", 1));
    place
        .run(&["verify", "altered.ndjson", "--trust", "trust.txt"])
        .code(1)
        .stdout(predicate::str::starts_with("✗ Altered."));

    let mut lines: Vec<&str> = export.lines().filter(|line| !line.contains("checkpoint")).collect();
    lines.remove(5);
    place.write("broken.ndjson", lines.join("\n") + "\n");
    place
        .run(&["verify", "broken.ndjson", "--trust", "trust.txt"])
        .code(1)
        .stdout(predicate::str::starts_with("✗ Broken."));

    place.run(&["slice", "audit.ndjson", "--query", "n=5", "-o", "slice.ndjson"]).success();
    place
        .run(&["verify", "slice.ndjson", "--trust", "trust.txt"])
        .code(4)
        .stdout(predicate::str::starts_with("✓ Unchanged, but this may be only part of the log."));
    place.run(&["verify", "slice.ndjson", "--trust", "trust.txt", "--allow", "partial"]).code(0);

    place
        .run(&["verify", "app.ndjson", "--trust", "trust.txt"])
        .code(5)
        .stdout(predicate::str::starts_with("? Not fully checked."));
    place.run(&["verify", "missing.ndjson"]).code(2);
    place.run(&["verify"]).code(2);
}

#[test]
fn unmet_expectations_are_not_tampering() {
    let place = Place::new();
    place.sealed(9);
    let trust = place.read("trust.txt");
    let witness = |name: &str, byte: u8| {
        let name = format!("{name}.example");
        let key = SignerKey::witness_from_seed(&name, [byte; 32]).unwrap();
        format!("witness {name} {}\n", key.verifier_key())
    };
    let quorum = "group both all w1.example w2.example\nquorum both\n";
    place.write("witnesses.txt", [trust, witness("w1", 1), witness("w2", 2), quorum.into()].concat());
    place
        .run(&["verify", "audit.ndjson", "--trust", "witnesses.txt"])
        .code(1)
        .stdout(predicate::str::starts_with("✗ Too few witnesses."))
        .stdout(predicate::str::contains(
            "too few of your 2 witnesses cosigned the last checkpoint; missing: w1.example, w2.example",
        ))
        .stdout(predicate::str::contains("ampering").not());
    place
        .run(&["verify", "audit.ndjson", "--trust", "trust.txt", "--origin", "log.example/other"])
        .code(1)
        .stdout(predicate::str::starts_with("✗ Not what you asked for."));

    place.write("altered.ndjson", place.read("audit.ndjson").replacen("u_1", "u_9", 1));
    place
        .run(&["verify", "altered.ndjson", "--trust", "witnesses.txt"])
        .code(1)
        .stdout(predicate::str::starts_with("✗ Altered."));
}

#[test]
fn reports_an_export_without_entries() {
    let place = Place::new();
    for (vector, says) in
        [("checkpoint-of-no-leaves-alone", "the log was empty"), ("header-only", "the export has no entries")]
    {
        let export = format!("{}/../../tests/vectors/{vector}/export.ndjson", env!("CARGO_MANIFEST_DIR"));
        let headline = format!("? Nothing to check: {says}. This says nothing about");
        for command in ["verify", "show", "analyze"] {
            place.run(&[command, &export]).stdout(predicate::str::starts_with(&headline));
        }
        let evidence = format!("| verdict | nothing to check: {says} |");
        place
            .run(&["evidence", &export, "--framework", "soc2"])
            .code(5)
            .stdout(predicate::str::contains(&evidence));
    }
}

#[test]
fn reports_missing_claimed_entries() {
    let place = Place::new();
    let header = r#"{"countersign":"export/v1","origin":"log.example/app","range":[3,9]}"#;
    place.write("empty.ndjson", format!("{header}\n"));
    place
        .run(&["verify", "empty.ndjson"])
        .code(1)
        .stdout(predicate::str::starts_with(
            "✗ Entries of the claimed range are missing. The export was truncated, entries were removed",
        ))
        .stdout(predicate::str::contains("entries that the export claims are missing, from 3 on\n"));
    let beyond = format!("{}/../../tests/vectors/log-range-beyond/export.ndjson", env!("CARGO_MANIFEST_DIR"));
    place
        .run(&["verify", &beyond])
        .code(1)
        .stdout(predicate::str::starts_with("✗ Entries of the claimed range are missing."))
        .stdout(predicate::str::contains("are missing, from 15 on\n"));
}

#[test]
fn truncation_is_not_tampering() {
    let place = Place::new();
    place.sealed(9);
    let export = place.read("audit.ndjson");
    let line = export.match_indices('\n').nth(6).unwrap().0 + 1;
    let ends = "✗ The file is truncated or corrupt. Fetch the file again: its download was probably interrupted or is not finished.";
    let unchanged = "No alteration was found.";
    let unread = "This says nothing about whether the log was altered.";
    let packed = gzip(export.as_bytes());
    for (content, says, scope) in [
        (&export.as_bytes()[..line + 9], ends, unchanged),
        (
            &export.as_bytes()[..line],
            "✗ Entries of the claimed range are missing. The export was truncated",
            unchanged,
        ),
        (&packed[..packed.len() / 2], ends, unread),
        (
            &[&packed[..], b"abc"].concat(),
            "✗ The file is truncated or corrupt. Fetch the file again: data was appended to it",
            unread,
        ),
    ] {
        place.write("cut", content);
        for reader in [&[][..], &["--range", "0..12", "--max-age", "1s"]] {
            let reader = [&["verify", "cut", "--trust", "trust.txt"], reader].concat();
            place
                .run(&reader)
                .code(1)
                .stdout(predicate::str::starts_with(says))
                .stdout(predicate::str::contains(scope))
                .stdout(predicate::str::contains("ampering").not());
        }
        for command in ["show", "analyze"] {
            place.run(&[command, "cut"]).code(1).stdout(predicate::str::starts_with(says));
        }
    }
    // Truncation does not explain other errors.
    place.write("cut", export[..line + 9].replacen("u_1", "u_9", 1));
    place.run(&["verify", "cut"]).code(1).stdout(predicate::str::starts_with("✗ Altered."));
}

#[test]
fn allow_partial_allows_only_partial() {
    let place = Place::new();
    place.sealed(9);
    place.run(&["verify", "audit.ndjson", "--allow", "partial"]).code(3);
    place.run(&["verify", "app.ndjson", "--trust", "trust.txt", "--allow", "partial"]).code(5);
    place.write("altered.ndjson", place.read("audit.ndjson").replacen("u_1", "u_9", 1));
    place.run(&["verify", "altered.ndjson", "--trust", "trust.txt", "--allow", "partial"]).code(1);
    place.run(&["verify", "audit.ndjson", "--allow", "altered"]).code(2);
}

#[test]
fn expectations_are_checked() {
    let place = Place::new();
    place.sealed(9);
    let verify = |more: &[&str]| {
        place.report("audit.ndjson", more)["checks"]["expected"]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(verify(&[]), "not_checked");
    assert_eq!(verify(&["--origin", ORIGIN, "--range", "0..12"]), "pass");
    assert_eq!(verify(&["--origin", "log.example/other"]), "fail");
    assert_eq!(verify(&["--range", "0..13"]), "fail");
    // Without witnesses, the log has no verified age.
    assert_eq!(verify(&["--max-age", "24h", "--now", "2026-11-20T06:00:00Z"]), "not_checked");
    for bad in
        [["--range", "5..5"], ["--range", "x"], ["--max-age", "1y"], ["--max-age", "-1h"], ["--threads", "0"]]
    {
        place.run(&["verify", "audit.ndjson", bad[0], bad[1]]).code(2);
    }
    place.run(&["verify", "audit.ndjson", "--now", "2026-11-20T06:00:00Z"]).code(2);
}

/// SPEC section 8: three exports of a tenant log at ticks 4100 (ended), 4097 (live), and 4102 (live again).
#[test]
fn pins_are_not_replaced_by_older_states() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pins");
    let place = Place::new();
    let verify = |export: &str, pin: &[&str]| {
        let (export, trust) = (data.join(export), data.join("trust.txt"));
        let fixed = ["verify", export.to_str().unwrap(), "--trust", trust.to_str().unwrap()];
        place.run(&[&fixed[..], pin].concat())
    };
    for pin in [&["--pin", "pin.txt", "--save-pin", "pin.txt"][..], &["--save-pin", "pin.txt"]] {
        verify("1-ended.ndjson", &["--save-pin", "pin.txt"]).success();
        let ended = place.read("pin.txt");
        assert!(ended.contains("\nended\n"), "{ended}");
        let older = "older than the pin, which is of tick 4100";
        verify("2-older.ndjson", pin).success().stderr(predicate::str::contains(older));
        assert_eq!(place.read("pin.txt"), ended);
        verify("3-revived.ndjson", pin).code(1).stdout(predicate::str::contains("head.order"));
        assert_eq!(place.read("pin.txt"), ended);
        std::fs::remove_file(place.path("pin.txt")).unwrap();
    }
    verify("2-older.ndjson", &["--save-pin", "pin.txt"]).success();
    verify("1-ended.ndjson", &["--save-pin", "pin.txt"]).success();
    assert!(place.read("pin.txt").contains("\nended\n"), "a later state replaces it");
}

#[test]
fn pins_of_other_logs_are_not_overwritten() {
    let place = Place::new();
    place.sealed(3);
    let save = |file| place.run(&["verify", "audit.ndjson", "--trust", "trust.txt", "--save-pin", file]);
    place.write("notes.txt", "not a pin");
    save("notes.txt").code(2).stderr(predicate::str::contains("notes.txt"));
    assert_eq!(place.read("notes.txt"), "not a pin");
    let vectors = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let other = std::fs::read_to_string(vectors.join("pin-of-another-origin/pin-1.txt")).unwrap();
    place.write("other.txt", &other);
    save("other.txt").success().stderr(predicate::str::contains("has the pin of the log"));
    assert_eq!(place.read("other.txt"), other);
}

#[test]
fn pins_distinguish_growth_from_rewrites() {
    let place = Place::new();
    place.sealed(9);
    place
        .run(&["verify", "audit.ndjson", "--save-pin", "pin.txt"])
        .code(3)
        .stderr(predicate::str::contains("no pin was saved"));
    assert!(!place.path("pin.txt").exists());
    place.run(&["verify", "audit.ndjson", "--trust", "trust.txt", "--save-pin", "pin.txt"]).success();
    assert!(place.read("pin.txt").starts_with("log.example/audit\n12\n"));

    place.grow(3);
    let grown = place.report("grown.ndjson", &["--pin", "pin.txt", "--save-pin", "pin.txt"]);
    assert_eq!(
        (&grown["verdict"], &grown["checks"]["append_only"]["state"]),
        (&"verified".into(), &"pass".into())
    );
    assert!(place.read("pin.txt").starts_with("log.example/audit\n17\n"));

    place.seal_as("other.ndjson", &["grant.ndjson", "more.ndjson"]);
    let rolled_back = place.report("other.ndjson", &["--pin", "pin.txt"]);
    assert_eq!(rolled_back["verdict"], "altered");
    assert_eq!(rolled_back["finding_counts"]["append_only.rollback"], 1);
}

#[test]
fn a_wrong_trust_file_differs_from_none() {
    let place = Place::new();
    place.sealed(9);
    let key =
        |name: &str, byte: u8| SignerKey::from_seed(name, [byte; 32]).unwrap().verifier_key().to_string();
    let other = format!(
        "log {}\nissuer {}\nemitter {}\n",
        key("other.example/log", 1),
        key("other.example", 2),
        key("other.example/app", 3)
    );
    place.write("other.txt", &other);
    let report = place.report("audit.ndjson", &[]);
    let signer = report["signers"][0]["vkey"].as_str().unwrap();
    let [name, id] = signer.split('+').take(2).collect::<Vec<_>>().try_into().unwrap();
    place
        .run(&["verify", "audit.ndjson", "--trust", "other.txt"])
        .code(3)
        .stdout(predicate::str::contains("None of the 3 keys in other.txt signed this file."))
        .stdout(predicate::str::contains("log      other.example/log (key ID "))
        .stdout(predicate::str::contains(format!("emitter  {name} (key ID {id})")));

    // Some keys signed; others that signed are not in the trust file.
    let signers = place.read("trust.txt");
    let log = signers.lines().find(|line| line.starts_with("log ")).unwrap();
    place.write("part.txt", format!("{log}\n{other}"));
    place
        .run(&["verify", "audit.ndjson", "--trust", "part.txt"])
        .code(3)
        .stdout(predicate::str::contains("part.txt doesn't vouch for all signers."))
        .stdout(predicate::str::contains(format!("Not vouched for: {name} ({id}).")));

    // The report does not say whether one of the witnesses cosigned.
    place.run(&["keygen", "witness.example", "--witness", "--out", "witness.key"]).success();
    let witness = SignerKey::parse(place.read("witness.key").trim()).unwrap().verifier_key().to_string();
    place.write("witness.txt", format!("witness w {witness}\nquorum w\n"));
    place
        .run(&["verify", "audit.ndjson", "--trust", "witness.txt"])
        .code(1)
        .stdout(predicate::str::contains("witness.txt names only witness keys"))
        .stdout(predicate::str::contains("wrong trust file").not());

    place.write("none.txt", "# nobody\nquorum none\n");
    place
        .run(&["verify", "audit.ndjson", "--trust", "none.txt"])
        .code(3)
        .stdout(predicate::str::contains("none.txt names no key, so no signer is trusted."));
    for trusted in [&["--trust", "trust.txt"][..], &[]] {
        let words = [&["verify", "audit.ndjson"], trusted].concat();
        let output = place.run(&words);
        let said = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
        assert!(!said.contains("vouch for all") && !said.contains("signed this file"), "{said}");
    }
}

#[test]
fn a_tenants_log_has_words_of_its_own() {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    let place = Place::new();
    let verify = |case: &str| {
        let (export, trust) =
            (format!("{vectors}/{case}/export.ndjson"), format!("{vectors}/{case}/trust.txt"));
        place.run(&["verify", &export, "--trust", &trust])
    };
    verify("tenant").code(0).stdout(
        predicate::str::contains(
            "all 9 entries of this customer's log, nothing missing, as of 2026-11-20T07:08:21.000Z.",
        )
        .and(predicate::str::contains("at 1 moment from 2026-11-20T07:08:15.000Z"))
        .and(predicate::str::contains("append_only  1 earlier state")),
    );
    // Without an anchor, nothing is said about the past.
    verify("tenant-before-the-first-anchor").code(0).stdout(predicate::str::contains("rewritten").not());
    verify("tenant-unnamed").code(3).stdout(predicate::str::starts_with(
        "? Unchanged since it was signed, but you haven't named the log you expect.",
    ));
}
