//! `countersign show --query --index`: the same results as without, and no unrelated file is used.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::{ORIGIN, Place, gzip, third_party};

const TABLE: &str = include_str!("../../../query/tests/real-events.tsv");
/// Queries that read events again, or match nothing.
const MORE: [&str; 7] = [
    "",
    "has:outcome",
    "outcome:not-stated",
    "actr.id:u_1 n>3 since:2019-01-01",
    "signer:nobody",
    "since:2019 until:2020",
    "\"is not authorized to perform: ec2:GetPasswordData\"",
];

fn state(place: &Place) -> String {
    place.path("state").to_str().unwrap().to_owned()
}

/// Returns both outputs, without the line about a created index, and the status.
fn answer(place: &Place, args: &[&str]) -> (String, String, i32) {
    let output = place.command(args).env("XDG_STATE_HOME", state(place)).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let said = text(output.stderr);
    let but_made = said.split_inclusive('\n').filter(|line| !line.contains(".csindex: index created; "));
    (text(output.stdout), but_made.collect(), output.status.code().unwrap())
}

/// Runs the query with and without an index.
fn both(place: &Place, export: &str, query: &str, more: &[&str]) -> [(String, String, i32); 2] {
    let args =
        [&["show", export, "--trust", "trust.txt", "--limit", "10000", "--query", query], more].concat();
    [answer(place, &[&args[..], &["--index"]].concat()), answer(place, &args)]
}

/// Seals third-party events.
fn real(place: &Place, source: &str) -> Option<String> {
    let events = third_party("real-events")?.join(source).join("events.ndjson");
    let (app, export) = (format!("{source}.app.ndjson"), format!("{source}.ndjson"));
    let events = events.to_str().unwrap();
    place.run(&["record", "--key", "app.key", "--origin", ORIGIN, events, "-o", &app]).success();
    place.run(&["seal", "--log-key", "log.key", &app, "-o", &export]).success();
    Some(export)
}

#[test]
fn results_are_the_same_with_an_index() {
    let place = Place::new();
    place.sealed(5);
    let sources: BTreeSet<&str> = TABLE.lines().filter_map(|row| row.split('\t').next()).collect();
    let mut asked = 0;
    for source in sources {
        let Some(export) = real(&place, source) else { return };
        let rows = TABLE.lines().map(|row| row.split('\t').collect::<Vec<_>>());
        let own = rows.filter(|row| row[0] == source).map(|row| row[1]);
        for (nth, query) in own.chain(MORE).enumerate() {
            let json: &[&str] = if nth % 2 == 0 { &["--json"] } else { &[] };
            let [with, without] = both(&place, &export, query, json);
            assert_eq!(with, without, "{source}: {query}");
            asked += 1;
        }
    }
    assert!(asked > 40);
}

#[test]
fn results_of_an_altered_export_are_the_same() {
    let place = Place::new();
    place.sealed(5);
    place.write("audit.ndjson", place.read("audit.ndjson").replacen("\"n\":3", "\"n\":7", 1));
    let [with, without] = both(&place, "audit.ndjson", "n:3,7", &[]);
    assert_eq!(with, without);
    assert_eq!(with.2, 1);
    assert!(with.0.starts_with("✗ Altered."));
}

#[test]
fn ignores_other_files() {
    let place = Place::new();
    place.sealed(5);
    let show = |more: &[&str]| {
        let args = ["show", "audit.ndjson", "--trust", "trust.txt", "--query", "n>1", "--index"];
        answer(&place, &[&args[..], more].concat())
    };
    let file = "audit.ndjson.csindex";
    let first = show(&[]);
    assert_eq!((first.2, &*first.1), (0, ""), "of the first there is nothing to warn");
    let made = fs::read(place.path(file)).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for secret in [file, "state/countersign/index.key"] {
            let mode = fs::metadata(place.path(secret)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{secret}");
        }
    }
    let again = |bytes: &[u8], says: &str| {
        fs::write(place.path(file), bytes).unwrap();
        let answer = show(&[]);
        assert_eq!(answer.0, first.0);
        assert!(answer.1.contains(says), "{says}: {}", answer.1);
        assert_eq!(answer.2, 0);
        let (_, told, _) = show(&[]);
        assert_eq!(told, "", "the new index is used");
    };
    fs::write(place.path(file), &made).unwrap();
    assert_eq!(show(&[]), first);
    // Changed bytes at various positions, and truncations.
    for at in (0..made.len()).step_by(made.len() / 40).chain([0, 7, made.len() - 1]) {
        let mut altered = made.clone();
        altered[at] ^= 1;
        again(&altered, "rebuilding");
    }
    for length in [0, 1, 8, 40, made.len() / 2, made.len() - 1] {
        again(&made[..length], "the index is corrupt, or was not made by you on this machine");
    }
    again(b"csshow\0\xff of a later version", "the index was made by another version of this program");
    // Sealed with another key, with a claim that it verifies.
    fs::write(place.path("state/countersign/index.key"), [7; 32]).unwrap();
    again(&made, "not made by you");
    // The index of this export before it changed.
    let export = place.read("audit.ndjson");
    place.write("audit.ndjson", export.replacen("\"n\":3", "\"n\":7", 1));
    let altered = show(&[]);
    assert!(altered.0.starts_with("✗ Altered."), "{}", altered.0);
    assert!(altered.1.contains("the index belongs to another export"), "{}", altered.1);
    place.write("audit.ndjson", export);
    assert_eq!(show(&[]).0, first.0);
    // Another trust file gives another verdict.
    let nobody = answer(&place, &["show", "audit.ndjson", "--query", "n>1", "--index"]);
    assert!(nobody.0.contains("? untrusted") && nobody.1.contains("another trust file"), "{nobody:?}");
    assert_eq!(nobody.2, 3);
    // With other parsers.
    place.write(
        "own.json",
        r#"{"as":"own","when":{"n":{"type":"number"}},"action":"=own","outcome":"=success"}"#,
    );
    let own = show(&["--parsers", "own.json"]);
    assert!(own.1.contains("other trust file") || own.1.contains("other parsers"), "{}", own.1);
    assert!(show(&["--parsers", "own.json"]).1.is_empty());
    // With the index in another folder.
    let named = answer(&place, &["show", "audit.ndjson", "--query", "n>1", "--index=named.idx"]);
    assert_eq!((named.2, Path::new(&place.path("named.idx")).is_file()), (3, true));
}

#[test]
fn unseekable_exports_have_no_index() {
    let place = Place::new();
    place.sealed(2);
    place.write("audit.ndjson.gz", gzip(place.read("audit.ndjson").as_bytes()));
    for (export, index, says) in [
        ("-", "--index", "error[index.stream]"),
        ("audit.ndjson.gz", "--index", "error[index.compressed]"),
        ("audit.ndjson", "--index=nowhere/x", "hint: choose another path"),
    ] {
        let (stdout, stderr, status) = answer(&place, &["show", export, "--query", "n:1", index]);
        assert_eq!((&*stdout, status), ("", 2), "{export}");
        assert!(stderr.contains(says), "{stderr}");
    }
    place.run(&["show", "audit.ndjson", "--index"]).code(2);
}
