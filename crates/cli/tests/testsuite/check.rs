//! `countersign check` on logs in folders and on servers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use countersign::checkpoint::Checkpoint;
use countersign::hash::Hash;
use countersign::merkle::Bundle;
use countersign::note::SignerKey;
use predicates::prelude::*;
use serde_json::Value;

use crate::common;
use crate::common::Place;
use crate::common::log::{Instead, opaque, publish, serve};

/// Returns the report, and asserts that the exit status matches the verdict.
fn report(place: &Place, args: &[&str]) -> Value {
    place.judged(&[&["check", "--json"], args].concat())
}

/// Returns the paths in findings with this code.
fn found<'a>(report: &'a Value, code: &str) -> Vec<&'a str> {
    let findings = report["tiles"]["findings"].as_array().unwrap();
    findings
        .iter()
        .filter(|found| found["code"] == code)
        .map(|found| found["path"].as_str().unwrap())
        .collect()
}

#[test]
fn checks_a_log_in_a_folder() {
    let place = Place::new();
    place.sealed(9);
    publish(&place.path("log"), &place.read("audit.ndjson"));
    let whole = report(&place, &["log", "--trust", "trust.txt"]);
    assert_eq!(
        (whole["countersign"].as_str(), whole["verdict"].as_str()),
        (Some("check/v1"), Some("partial"))
    );
    assert_eq!(whole["tiles"]["entries"], serde_json::json!({ "links": 11, "notes": 1, "other": 0 }));
    assert_eq!(
        (&whole["report"]["verdict"], &whole["report"]["counts"]["withheld"]),
        (&"partial".into(), &9.into())
    );

    place
        .run(&["check", "log", "--trust", "trust.txt"])
        .code(4)
        .stdout(predicate::str::starts_with("✓ Unchanged, and no entry of the range is missing,"))
        .stdout(predicate::str::contains("– not needed  payloads     no event is in a log's tiles"))
        .stdout(predicate::str::contains(
            "✓ pass        1 tile, 1 bundle with 11 links, 1 key note, 0 other entries",
        ));
    place.run(&["check", "log/", "--trust", "trust.txt", "--allow", "partial"]).success();
    // The log key alone does not show who signed the chains.
    let vkey = place.log.clone();
    assert_eq!(report(&place, &["log", "--vkey", &vkey])["verdict"], "untrusted");
    let stranger = place.issuer.clone();
    assert_eq!(report(&place, &["log", "--vkey", &stranger])["verdict"], "untrusted");
    assert_eq!(
        report(&place, &["log", "--trust", "trust.txt", "--origin", "log.example/x"])["verdict"],
        "broken"
    );
}

#[test]
fn checks_other_logs_on_a_server() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 2_600);
    let server = serve(place.path("log"), BTreeMap::new());
    let vkey = key.verifier_key().to_string();
    let whole = report(&place, &[&server.url, "--vkey", &vkey, "--save-pin", "pin.txt"]);
    assert_eq!((&whole["verdict"], &whole["tiles"]["checked"]), (&"verified".into(), &12.into()));
    assert_eq!(whole["report"]["log"]["size"], 2_600);
    let asked = std::mem::take(&mut *server.asked.lock().unwrap());
    assert_eq!(asked.len(), 1 + 1 + 11 + 12, "each once, and the first bundle in advance");
    assert!(asked.iter().all(|(_, gzip)| *gzip));
    place.run(&["check", &server.url, "--vkey", &vkey, "--pin", "pin.txt"]).success().stdout(
        predicate::str::starts_with(
            "✓ Verified. Unchanged, in order, signed with keys you trust, and complete: all 2600 entries",
        ),
    );
}

#[test]
fn reports_errors_with_their_location() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 600);
    let vkey = key.verifier_key().to_string();
    let args = ["log", "--vkey", &vkey];
    let change = |path: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let file = place.path("log").join(path);
        let before = fs::read(&file).unwrap();
        let mut bytes = before.clone();
        change(&mut bytes);
        fs::write(&file, bytes).unwrap();
        let changed = report(&place, &args);
        fs::write(&file, before).unwrap();
        changed
    };
    let tile = change("tile/0/001", &|bytes| bytes[32 * 5] ^= 1);
    assert_eq!(
        (&tile["verdict"], found(&tile, "tile.hash")),
        (&"altered".into(), vec!["tile/0/001", "tile/1/000.p/2"])
    );
    assert_eq!(
        (&tile["tiles"]["findings"][0]["index"], &tile["report"]["verdict"]),
        (&261.into(), &"verified".into())
    );
    let leaf = change("tile/entries/002.p/88", &|bytes| bytes[3] ^= 1);
    assert_eq!((&leaf["verdict"], found(&leaf, "tile.hash")), (&"altered".into(), vec!["tile/0/002.p/88"]));
    assert_eq!(
        (&leaf["tiles"]["findings"][0]["index"], &leaf["report"]["findings"][0]["code"]),
        (&512.into(), &"tree.root".into())
    );
    let cut = change("tile/entries/000", &|bytes| bytes.truncate(100));
    assert_eq!(
        (&cut["verdict"], found(&cut, "tile.malformed")),
        (&"broken".into(), vec!["tile/entries/000"])
    );
    assert_eq!(cut["report"]["checks"]["tree"]["state"], "pass", "the tile stands for the bundle");
    let signature = change("checkpoint", &|bytes| {
        let at = bytes.len() - 20;
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    });
    assert_eq!(
        (&signature["verdict"], &signature["tiles"]["finding_counts"]),
        (&"altered".into(), &serde_json::json!({}))
    );

    fs::remove_file(place.path("log/tile/1/000.p/2")).unwrap();
    let missing = report(&place, &args);
    assert_eq!(
        (&missing["verdict"], found(&missing, "tile.missing")),
        (&"broken".into(), vec!["tile/1/000.p/2"])
    );
    place
        .run(&["check", "log", "--vkey", &vkey])
        .code(1)
        .stdout(predicate::str::starts_with("✗ Broken."))
        .stdout(predicate::str::contains(
            "✗ error   tile.missing tile/1/000.p/2, entry 0: the log does not have this resource",
        ));
}

#[test]
fn accepts_a_log_that_grew_during_the_check() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 300);
    let vkey = key.verifier_key().to_string();
    let old = fs::read(place.path("log/checkpoint")).unwrap();
    opaque(&place.path("grown"), "other.example/log", 700);
    fs::write(place.path("grown/checkpoint"), old).unwrap();
    fs::write(place.path("grown/tile/1/000.p/1"), fs::read(place.path("log/tile/1/000.p/1")).unwrap())
        .unwrap();
    assert_eq!(report(&place, &["grown", "--vkey", &vkey])["verdict"], "verified");
    let pin = place.path("grown/checkpoint");
    let grown = opaque(&place.path("later"), "other.example/log", 700);
    assert_eq!(grown.verifier_key().to_string(), vkey);
    let pinned = report(&place, &["later", "--vkey", &vkey, "--pin", pin.to_str().unwrap()]);
    assert_eq!(
        (&pinned["verdict"], &pinned["report"]["checks"]["append_only"]["state"]),
        (&"verified".into(), &"pass".into())
    );
    let back = report(&place, &["log", "--vkey", &vkey, "--pin", "later/checkpoint"]);
    assert_eq!(
        (&back["verdict"], &back["report"]["findings"][0]["code"]),
        (&"altered".into(), &"append_only.rollback".into())
    );
}

#[test]
fn saves_no_pin_of_a_wrong_log() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 3);
    fs::write(place.path("log/tile/0/000.p/3"), [7; 96]).unwrap();
    place
        .run(&["check", "log", "--vkey", key.verifier_key().as_str(), "--save-pin", "pin.txt"])
        .code(1)
        .stderr(predicate::str::contains("no pin was saved"));
    assert!(!place.path("pin.txt").exists());
}

#[test]
fn retries_busy_servers_and_reports_other_servers() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 3);
    let vkey = key.verifier_key().to_string();
    let instead = |status, headers: &str, body: &[u8], times| Instead {
        status,
        headers: headers.into(),
        body: body.into(),
        times,
    };
    let serve = |path: &str, instead: Instead| {
        serve(place.path("log"), BTreeMap::from([(path.to_owned(), instead)])).url
    };

    let busy = serve("tile/0/000.p/3", instead(503, "Retry-After: 0\r\n", b"busy", 2));
    assert_eq!(report(&place, &[&busy, "--vkey", &vkey])["verdict"], "verified");

    let always = usize::MAX;
    let code = |url: &str, code: &str| {
        let told = predicate::str::contains(format!("error[{code}]"));
        place.run(&["check", url, "--vkey", &vkey]).code(2).stdout("").stderr(told);
    };
    code(&serve("tile/0/000.p/3", instead(503, "Retry-After: 0\r\n", b"busy", always)), "http.status");
    code(&serve("tile/0/000.p/3", instead(403, "", b"no", always)), "http.status");
    code(&serve("checkpoint", instead(404, "", b"", always)), "log.no_checkpoint");
    code(&serve("checkpoint", instead(200, "", b"<html>", always)), "checkpoint.invalid");
    code(&serve("checkpoint", instead(200, "", &vec![b'a'; 1 << 19], always)), "http.too_large");
    // A tile that is longer than any is wrong, not unusable (SPEC 9.14).
    let long = serve("tile/0/000.p/3", instead(200, "", &[0; 8_193], always));
    let long = report(&place, &[&long, "--vkey", &vkey]);
    assert_eq!(
        (&long["verdict"], found(&long, "tile.malformed")),
        (&"broken".into(), vec!["tile/0/000.p/3"])
    );
    code(
        &serve("tile/entries/000.p/3", instead(200, "Content-Encoding: br\r\n", b"a", always)),
        "http.encoding",
    );
    code(
        &serve("tile/entries/000.p/3", instead(200, "Content-Encoding: gzip\r\n", b"a", always)),
        "http.encoding",
    );
    code(&serve("checkpoint", instead(302, "Location: checkpoint\r\n", b"", always)), "http.redirect");
    code(&serve("checkpoint", instead(302, "Location: ftp://127.0.0.1/\r\n", b"", always)), "http.redirect");
    // A public log may be on another host.
    let there = common::log::serve(place.path("log"), BTreeMap::new()).url;
    let moved = serve("checkpoint", instead(302, &format!("Location: {there}/checkpoint\r\n"), b"", always));
    assert_eq!(report(&place, &[&moved, "--vkey", &vkey])["verdict"], "verified");

    for (url, told) in [
        ("http://127.0.0.1:1/", "http.connect"),
        ("https://u:secret@127.0.0.1/", "http.url"),
        ("ftp://127.0.0.1/", "http.url"),
        ("./nothing", "io.not_found"),
        ("trust.txt", "io.not_directory"),
    ] {
        code(url, told);
    }
    place
        .run(&["check", "https://u:secret@127.0.0.1/", "--vkey", &vkey])
        .stderr(predicate::str::contains("secret").not());
    for args in [
        &["check", "log"][..],
        &["check", "log", "--vkey", "x"],
        &["check", "log", "--vkey", &vkey, "--trust", "trust.txt"],
    ] {
        place.run(args).code(2);
    }
}

#[cfg(unix)]
#[test]
fn does_not_follow_paths_out_of_the_folder() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 3);
    let vkey = key.verifier_key().to_string();
    let tile = place.path("log/tile/0/000.p/3");
    fs::rename(&tile, place.path("outside")).unwrap();
    std::os::unix::fs::symlink(place.path("outside"), &tile).unwrap();
    place
        .run(&["check", "log", "--vkey", &vkey])
        .code(2)
        .stderr(predicate::str::contains("error[io.outside]"));
    fs::remove_file(&tile).unwrap();
    fs::create_dir(&tile).unwrap();
    place
        .run(&["check", "log", "--vkey", &vkey])
        .code(2)
        .stderr(predicate::str::contains("error[io.not_file]"));
}

#[test]
fn reports_an_impossible_checkpoint() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 3);
    let note = fs::read_to_string(place.path("log/checkpoint")).unwrap();
    fs::write(place.path("log/checkpoint"), note.replacen("other.example/log", "go.sum database tree", 1))
        .unwrap();
    place
        .run(&["check", "log", "--vkey", key.verifier_key().as_str()])
        .code(2)
        .stderr(predicate::str::contains("error[name.invalid]"));
}

#[test]
fn warns_about_a_pin_of_another_log() {
    let place = Place::new();
    place.sealed(3);
    publish(&place.path("log"), &place.read("audit.ndjson"));
    let other = SignerKey::from_seed("log.example/other", [7; 32]).unwrap();
    let pin = Checkpoint::new("log.example/other", 1, Hash([1; 32])).unwrap().sign(&other).unwrap();
    place.write("other.txt", pin);
    let warning = "other.txt: the pin belongs to the log log.example/other, but this is the log log.example/audit, so it was not used";
    let reason = "every pin is of another log, so nothing was compared";
    place
        .run(&["verify", "audit.ndjson", "--trust", "trust.txt", "--save-pin", "own.txt"])
        .success()
        .stderr(predicate::str::contains("pin belongs to the log").not());
    for (args, status) in [(["verify", "audit.ndjson"], 0), (["check", "log"], 4)] {
        let with =
            |more: &[&str]| place.run(&[&args[..], &["--trust", "trust.txt"], more].concat()).code(status);
        with(&["--pin", "other.txt"])
            .stderr(predicate::str::contains(warning))
            .stdout(predicate::str::contains(reason));
        with(&["--pin", "other.txt", "--json"])
            .stderr(predicate::str::contains(warning))
            .stdout(predicate::str::contains(reason));
        // A pin of this log is compared; the other one is still ignored.
        with(&["--pin", "own.txt", "--pin", "other.txt"])
            .stderr(predicate::str::contains(warning))
            .stdout(predicate::str::contains(reason).not());
        with(&["--pin", "own.txt"]).stderr(predicate::str::contains("pin belongs to the log").not());
    }
    place
        .run(&["report", "audit.ndjson", "--trust", "trust.txt", "--pin", "other.txt", "-o", "a.json"])
        .stderr(predicate::str::contains(warning));
}

#[test]
fn says_that_ml_dsa_keys_sign_only_checkpoints() {
    let place = Place::new();
    let name = "witness.example";
    let typed = [&[6][..], &[9; 1_312]].concat();
    let id = countersign::hex::encode(&Hash::digest(&[name.as_bytes(), b"\n", &typed]).0[..4]);
    let vkey = format!("{name}+{id}+{}", countersign::base64::encode(&typed));
    let says = |args: &[&str]| {
        let told = predicate::str::contains("ML-DSA-44 key (type 0x06), which can sign only checkpoints");
        place.run(args).code(2).stderr(told.and(predicate::str::contains("not a public key").not()));
    };
    for role in ["emitter", "issuer"] {
        place.write("other.txt", format!("{role} {vkey}\n"));
        says(&["verify", "audit.ndjson", "--trust", "other.txt"]);
    }
    says(&["grant", &vkey, "--key", "issuer.key", "--origin", "log.example/audit"]);
}

/// Removes what tlog-tiles allows to prune below a minimum index.
fn prune(log: &Path, minimum_index: u64) {
    for index in 0..minimum_index / 256 {
        let bundle = Bundle { index, width: 256 };
        fs::remove_file(log.join(bundle.path())).unwrap();
        fs::remove_file(log.join(bundle.tile().path())).unwrap();
    }
}

#[test]
fn checks_a_pruned_log_from_its_minimum_index_on() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 1_100);
    let vkey = key.verifier_key().to_string();
    prune(&place.path("log"), 600);
    for log in ["log", &serve(place.path("log"), BTreeMap::new()).url] {
        let pruned = report(&place, &[log, "--vkey", &vkey, "--from", "600"]);
        assert_eq!(
            (&pruned["verdict"], &pruned["tiles"]["range"], &pruned["report"]["complete"]["range"]),
            (&"verified".into(), &serde_json::json!([512, 1100]), &serde_json::json!([512, 1100]))
        );
        assert_eq!(found(&pruned, "tile.pruned"), [""; 0]);
        // Without the index, it is possible that someone removed the entries.
        let unstated = report(&place, &[log, "--vkey", &vkey]);
        assert_eq!(
            (&unstated["verdict"], found(&unstated, "tile.pruned")),
            (&"partial".into(), vec!["tile/entries/000"])
        );
        assert_eq!(report(&place, &[log, "--vkey", &vkey, "--from", "300"])["verdict"], "broken");
    }
    let text = |args: &[&str], start: &str, range: bool| {
        let checked = place.run(&[&["check", "log", "--vkey", &vkey], args].concat());
        let range_line =
            predicate::str::contains("from entry 512 up to 1100; nothing before entry 512 was checked");
        let checked = checked.stdout(predicate::str::starts_with(start.to_owned()));
        if range { checked.stdout(range_line) } else { checked }
    };
    text(
        &["--from", "600"],
        "✓ Verified. Unchanged, in order, signed with keys you trust, and complete: all 588 entries from entry 512",
        true,
    )
    .success();
    text(&[], "✓ Unchanged from entry 512 on, but the first 512 entries are gone.", true).code(4).stdout(
        predicate::str::contains(
            "! warning tile.pruned tile/entries/000, entry 0: the first 512 entries are gone (pruned?)",
        ),
    );
    place.run(&["check", "log", "--vkey", &vkey, "--allow", "partial"]).code(4);
    place
        .run(&["check", "log", "--vkey", &vkey, "--from", "1101"])
        .code(2)
        .stderr(predicate::str::contains("fewer than the minimum index 1101"));
    // The rest of the log can be pinned.
    place.run(&["check", "log", "--vkey", &vkey, "--from", "600", "--save-pin", "pin.txt"]).success();
    assert!(place.path("pin.txt").exists());
}

#[test]
fn holes_and_changes_are_not_pruning() {
    let place = Place::new();
    let key = opaque(&place.path("log"), "other.example/log", 3_000);
    let vkey = key.verifier_key().to_string();
    prune(&place.path("log"), 600);
    let args = ["log", "--vkey", &vkey];
    let from = ["log", "--vkey", &vkey, "--from", "600"];
    let without = |path: &str, args: &[&str]| {
        let file = place.path("log").join(path);
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let missing = report(&place, args);
        fs::write(&file, bytes).unwrap();
        let paths = found(&missing, "tile.missing").into_iter().map(str::to_owned).collect::<Vec<_>>();
        (missing["verdict"].as_str().unwrap().to_owned(), paths)
    };
    for args in [&args[..], &from] {
        for path in ["tile/entries/007", "tile/0/002", "tile/entries/011.p/184"] {
            let (verdict, missing) = without(path, args);
            assert_eq!(
                (verdict.as_str(), missing.contains(&path.to_owned())),
                ("broken", true),
                "{path} {args:?}"
            );
        }
    }
    // Without the tile that proves the rest, nothing shows that the log was pruned.
    let proof = "tile/1/000.p/11";
    assert_eq!(without(proof, &from), ("broken".into(), vec![proof.into()]));
    assert_eq!(
        without(proof, &args),
        ("broken".into(), vec!["tile/entries/000".into(), "tile/0/000".into()])
    );
    // The bundle after the stated minimum index may not be gone.
    assert_eq!(without("tile/entries/002", &from), ("broken".into(), vec!["tile/entries/002".into()]));
    // An entry bundle in the middle that is there shows that more than a beginning is gone.
    for index in [3, 4, 5, 6, 8, 9] {
        fs::remove_file(place.path("log").join(Bundle { index, width: 256 }.path())).unwrap();
    }
    let holes = report(&place, &args);
    assert_eq!(
        (&holes["verdict"], &holes["tiles"]["range"]),
        (&"broken".into(), &serde_json::json!([512, 3000]))
    );
    assert_eq!(found(&holes, "tile.pruned"), ["tile/entries/000"]);
    let bundle = place.path("log/tile/entries/010");
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[9] ^= 1;
    fs::write(bundle, bytes).unwrap();
    for args in [&args[..], &from] {
        assert_eq!(report(&place, args)["verdict"], "altered");
    }
}
