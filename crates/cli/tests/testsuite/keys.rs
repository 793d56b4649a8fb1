//! Keys, grants and revocations.

use std::fs;

use predicates::prelude::*;

use crate::common::{ORIGIN, Place, events};

#[test]
fn a_secret_key_in_the_wrong_place_is_not_repeated() {
    let place = Place::new();
    place.run(&["keygen", "witness.example", "--witness", "--out", "witness.key"]).success();
    let key = place.read("app.key");
    let key = key.trim();
    let secret = key.splitn(5, '+').last().unwrap();
    for command in [
        vec!["grant", key, "--key", "app.key", "--origin", ORIGIN],
        vec!["revoke", key, "--key", "app.key", "--origin", ORIGIN],
        vec!["verify", "app.key"],
        vec!["verify", "app.key", "--trust", "app.key"],
        vec!["verify", "app.key", "--pin", "app.key"],
        vec!["record", "app.key", "--key", "app.key", "--origin", ORIGIN],
        vec!["slice", "app.key"],
        vec!["show", "app.key"],
        vec!["check", "app.key", "--vkey", key],
        vec!["check", key, "--vkey", &place.log],
        vec!["check", ".", "--trust", "app.key"],
        vec!["receipt", "app.key", "--entry", "app.key", "--trust", "app.key"],
        vec!["witness", "--key", "witness.key", "--log", key, "--state", "state"],
        vec!["monitor", ".", "--trust", "app.key", "--once"],
        vec!["record", "app.key", "--key", "app.key", "--to", "http://127.0.0.1:9", "--log", key],
        vec!["grant", &place.app, "--key", "issuer.key", "--to", "http://127.0.0.1:9", "--log", key],
        vec!["export", "--dir", "app.key"],
        vec!["serve", "--trust", "app.key"],
    ] {
        let none = || predicate::str::contains(secret).not();
        place.run(&command).failure().stdout(none()).stderr(none());
    }
}

#[test]
fn a_key_file_is_its_owners_alone_and_never_overwritten() {
    let place = Place::new();
    let key = place.read("app.key");
    assert!(key.starts_with("PRIVATE+KEY+example.com/app+") && key.ends_with('\n'));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(place.path("app.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let secret = key.trim().splitn(5, '+').last().unwrap();
    assert!(!place.app.contains(secret));
    let files = place.files();
    place
        .run(&["keygen", "example.com/app", "--out", "app.key"])
        .code(2)
        .stdout("")
        .stderr(predicate::str::starts_with("✗ error[io.exists]: app.key: "));
    assert_eq!((place.read("app.key"), place.files()), (key, files));
    place
        .run(&["keygen", "example.com/other"])
        .success()
        .stdout(predicate::str::is_match(r"^example\.com/other\+[0-9a-f]{8}\+\S{44}\n$").unwrap());
    assert!(place.path("example.com-other.key").exists());
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb"] {
        place
            .run(&["keygen", name, "--output", "bad.key"])
            .code(2)
            .stderr(predicate::str::contains("name.invalid"));
    }
    assert!(!place.path("bad.key").exists());
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    fs::set_permissions(place.path("app.key"), fs::Permissions::from_mode(0o644)).unwrap();
    place
        .command(&["record", "--key", "app.key", "--origin", ORIGIN])
        .write_stdin(events(1))
        .assert()
        .success()
        .stderr(predicate::str::contains("! warning: app.key: others may read this key"));
}

#[test]
fn a_grant_has_bounds_and_needs_an_issuer() {
    let place = Place::new();
    let grant = |more: &[&str]| place.run(&[&["grant", &place.app, "--origin", ORIGIN], more].concat());
    let text =
        format!("grant {} 2026-11-01T00:00:00.000Z 2027-01-01T00:00:00.000Z\\n\\n— example.com ", place.app);
    grant(&["--key", "issuer.key", "--from", "2026-11-01", "--until", "2027-01-01T00:00:00Z"])
        .success()
        .stdout(predicate::str::contains(text));
    grant(&["--key", "issuer.key", "--from", "-"])
        .success()
        .stdout(predicate::str::contains(format!("grant {} - -\\n", place.app)));
    grant(&["--key", "issuer.key", "--from", "2027-01-01", "--until", "2026-01-01"])
        .code(2)
        .stderr(predicate::str::contains("error[note.invalid]"));
    grant(&["--key", "app.key"]).code(2).stdout("").stderr(predicate::str::contains("would have no effect"));
    grant(&["--key", "issuer.key", "--from", "tomorrow"])
        .code(2)
        .stderr(predicate::str::contains("2026-11-20T06:01:02.345Z"));
}

#[test]
fn a_revocation_takes_effect_in_the_log() {
    let place = Place::new();
    place.sealed(6);
    place
        .run(&[
            "revoke",
            &place.app,
            "--since",
            "2020-01-01",
            "--key",
            "issuer.key",
            "--origin",
            ORIGIN,
            "-o",
            "revoke.ndjson",
        ])
        .success();
    place.seal_as("audit.ndjson", &["audit.ndjson", "revoke.ndjson"]);
    let report = place.report("audit.ndjson", &[]);
    assert_eq!(report["verdict"], "not_checked");
    assert_eq!(report["finding_counts"]["key.suspect"], 1);
    assert_eq!(report["signers"][0]["trust"], "revoked");
    // After it the log takes nothing of this key.
    place.record(1, "later.ndjson");
    place
        .run(&[
            "seal",
            "--log-key",
            "log.key",
            "--trust",
            "trust.txt",
            "audit.ndjson",
            "later.ndjson",
            "-o",
            "audit.ndjson",
        ])
        .code(1)
        .stderr(predicate::str::starts_with("✗ error[log.unauthorized]: later.ndjson: line 2: "))
        .stderr(predicate::str::contains("is revoked"));
}

#[test]
fn an_emitter_may_revoke_itself_and_nobody_else() {
    let place = Place::new();
    let other = place.keygen("example.com/other", "other.key");
    let revoke = |vkey: &str, key: &str| place.run(&["revoke", vkey, "--key", key, "--origin", ORIGIN]);
    revoke(&place.app, "app.key")
        .success()
        .stdout(predicate::str::contains(format!("revoke {} -\\n\\n— example.com/app ", place.app)));
    revoke(&other, "app.key").code(2).stderr(predicate::str::contains("would have no effect"));
    revoke(&other, "issuer.key").success();
}

#[test]
fn a_grant_that_ended_is_told_as_such() {
    let place = Place::new();
    for (until, warns) in [("2020-01-01", true), ("2999-01-01", false)] {
        let args = ["grant", &place.app, "--until", until, "--key", "issuer.key", "--origin", ORIGIN];
        let warning = predicate::str::contains("! warning: the grant ends in the past");
        assert_eq!(
            warning.eval(&String::from_utf8_lossy(&place.run(&args).success().get_output().stderr)),
            warns
        );
    }
}
