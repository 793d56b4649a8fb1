//! Queries: the same results as the crate `countersign-query`, and explanations of empty results.

use predicates::prelude::*;
use serde_json::Value;

use crate::common::{ORIGIN, Place, third_party};

const TABLE: &str = include_str!("../../../query/tests/real-events.tsv");

fn json(place: &Place, export: &str, query: &str) -> Vec<Value> {
    let output = place.run(&["show", export, "--json", "--query", query]).get_output().stdout.clone();
    let lines = String::from_utf8(output).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Parses `1-3 7` as 1, 2, 3 and 7.
fn lines(ranges: &str) -> Vec<u64> {
    let one = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse().unwrap()..=last.parse().unwrap()
    };
    ranges.split(' ').filter(|range| !range.is_empty()).flat_map(one).collect()
}

#[test]
fn prints_events_as_signed() {
    let place = Place::new();
    place.sealed(5);
    let chain = place.chain("audit.ndjson");
    let assert = place
        .run(&["show", "audit.ndjson", "--trust", "trust.txt", "--json", "--query", "n:3"])
        .success()
        .stderr(
            predicate::str::contains("Verified.")
                .and(predicate::str::contains("1 of 5 verified events matches")),
        );
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&line["entry"], &line["chain"], &line["seq"], &line["signer_trust"], &line["signer"]),
        (&4.into(), &chain.into(), &3.into(), &"trusted".into(), &place.app.as_str().into())
    );
    assert_eq!(line["parsed"]["action"], "job.update");
    // Byte for byte as in the export.
    let (_, event) = text.split_once("\"event\":").unwrap();
    let (event, _) = event.split_once(",\"parsed\":").unwrap();
    assert!(place.read("audit.ndjson").contains(&format!("\"event\":{event}")));
    let on = |threads: &str| {
        let args = ["show", "audit.ndjson", "--query", "-n:3 actr:x OR n>1", "--threads", threads];
        place.run(&args).code(3).get_output().stdout.clone()
    };
    assert_eq!(on("1"), on("3"));
    let all = place.run(&["show", "audit.ndjson", "--json"]).code(3);
    assert_eq!(String::from_utf8(all.get_output().stdout.clone()).unwrap().lines().count(), 5);
}

#[test]
fn explains_empty_results() {
    let place = Place::new();
    place.sealed(5);
    place
        .run(&["show", "audit.ndjson", "--trust", "trust.txt", "--query", "actr.id:u_1 n>3 since:2019-01-01"])
        .success()
        .stdout(predicate::str::contains("0 of 5 verified events match"))
        .stdout(predicate::str::contains("No event has the field actr.id. Similar: actor.id"))
        .stdout(predicate::str::is_match("2 +0  n>3\n").unwrap())
        .stdout(predicate::str::contains("Times are when events were recorded"));
    // Some events have this member, so it is not absent.
    for (query, short) in [("actor.id:ada", Some("actor")), ("actor.id:u_1", None), ("actor:ada", None)] {
        let shown = place.run(&["show", "audit.ndjson", "--trust", "trust.txt", "--query", query]).success();
        let said = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
        let hint = "To search parsed fields, use ";
        assert_eq!(said.contains(hint), short.is_some(), "{said}");
        assert!(short.is_none_or(|short| said.contains(&format!("{hint}{short}."))), "{said}");
    }
    place
        .run(&["show", "audit.ndjson", "--query", "actor:ada AND"])
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains("error[query.operator]"))
        .stderr(predicate::str::contains("actor:ada AND\n              ^^^"))
        .stderr(predicate::str::contains("hint: "));
    place
        .run(&["slice", "audit.ndjson", "--query", "signer:nobody", "-o", "slice.ndjson"])
        .code(2)
        .stderr(predicate::str::contains("the slice would contain no event"));
    place.run(&["slice", "audit.ndjson", "--query", "signer:*/app n>3", "-o", "slice.ndjson"]).success();
}

#[test]
fn the_query_table_matches_real_events() {
    let Some(folder) = third_party("real-events") else { return };
    let place = Place::new();
    let mut recorded = String::new();
    for row in TABLE.lines() {
        let [source, query, expected] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let export = format!("{source}.ndjson");
        if source != recorded {
            let events = folder.join(source).join("events.ndjson");
            let events = events.to_str().unwrap();
            let args =
                ["record", "--no-redact", "--key", "app.key", "--origin", ORIGIN, events, "-o", &export];
            place.run(&args).success();
            recorded = source.into();
        }
        // The open link is leaf 0.
        let found: Vec<_> = json(&place, &export, query).iter().map(|line| line["entry"].as_u64()).collect();
        let expected: Vec<_> = lines(expected).into_iter().map(Some).collect();
        assert_eq!(found, expected, "{source}: {query}");
    }
}
