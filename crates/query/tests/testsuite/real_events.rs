//! A table of queries over events that nobody here made, and the lines that each finds. The lines are not this crate's
//! finding. The program and the log are asked the same in tests of theirs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use countersign::canonical::canonicalize;
use countersign::time::Time;
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers, Query, Tally};

const TABLE: &str = include_str!("../real-events.tsv");

fn folder() -> Option<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/third-party/real-events");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
    eprintln!("skipped: {} is missing", folder.display());
    None
}

/// `1-3 7` for 1, 2, 3 and 7.
fn ranges(lines: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *line => *last = *line,
            _ => ranges.push((*line, *line)),
        }
    }
    let one = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
    ranges.into_iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_table_of_queries_finds_its_lines() {
    let Some(folder) = folder() else { return };
    let now: Time = "2026-11-20T06:00:00.000Z".parse().unwrap();
    let parsers = Parsers::built_in();
    let mut sources: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut rows = 0;
    for row in TABLE.lines() {
        let [source, text, expected] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let events = sources.entry(source).or_insert_with(|| {
            let file = fs::read_to_string(folder.join(source).join("events.ndjson")).unwrap();
            let canonical = |line: &str| String::from_utf8(canonicalize(line.as_bytes()).unwrap()).unwrap();
            file.lines().filter(|line| !line.trim().is_empty()).map(canonical).collect()
        });
        let query = Query::parse(text, now).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut tally = Tally::new(&query);
        let mut found = Vec::new();
        for (event, line) in events.iter().zip(1..) {
            let document = Document::parse(event).unwrap();
            let root = document.root();
            let read = parsers.parse(&root);
            let entry = Entry { event: Some(root), read: read.as_ref(), ..Entry::recorded(now) };
            if tally.look(&entry) {
                found.push(line);
            }
        }
        assert_eq!(ranges(&found), expected, "{source}: {text}");
        rows += 1;
    }
    assert!(rows > 20);
}

#[test]
fn a_name_in_another_case_is_told_to_be_near() {
    let Some(folder) = folder() else { return };
    let now: Time = "2026-11-20T06:00:00.000Z".parse().unwrap();
    let file = fs::read_to_string(folder.join("cloudtrail-stratus/events.ndjson")).unwrap();
    for (text, near) in [
        ("eventname:RunInstances", "eventName"),
        ("sourceIp:1.2.3.4", "sourceIPAddress"),
        ("username:x", "userIdentity.userName"),
        ("userIdentity.typ:Root", "userIdentity.type"),
    ] {
        let query = Query::parse(text, now).unwrap();
        let mut tally = Tally::new(&query);
        for line in file.lines() {
            let document = Document::parse(line).unwrap();
            tally.look(&Entry { event: Some(document.root()), ..Entry::recorded(now) });
        }
        let findings = tally.finish();
        let nearest: Vec<_> = findings.unknown.iter().flat_map(|unknown| &unknown.nearest).collect();
        assert!(nearest.iter().any(|name| *name == near), "{text}: {nearest:?}");
    }
}
