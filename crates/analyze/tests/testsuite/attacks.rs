//! Other people's attacks: what the rules that come with the product find of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use countersign_analyze::{Analyzer, Pack};
use countersign_query::value::{Document, Value};
use countersign_query::{Entry, Parsers};

/// What was called before and after the attacks, and says nothing by itself.
const HARMLESS: [&str; 10] = [
    "AssumeRole",
    "DescribeInstanceInformation",
    "DescribeInstances",
    "DescribeParameters",
    "GetCallerIdentity",
    "GetCommandInvocation",
    "GetFoundationModelAvailability",
    "ListFoundationModelAgreementOffers",
    "ListSecrets",
    "TerminateSession",
];

/// Of the techniques of Stratus Red Team in `CloudTrail`, each by itself, nearly all are found, in few findings.
#[test]
fn finds_the_techniques_of_stratus_red_team() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors/third-party/real-events/cloudtrail-stratus");
    let Ok(events) = fs::read_to_string(folder.join("events.ndjson")) else {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
        eprintln!("skipped: {} is missing", folder.display());
        return;
    };
    let index: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("index.json")).unwrap()).unwrap();
    let (pack, parsers) = (Pack::built_in(), Parsers::built_in());
    let lines: Vec<&str> = events.lines().collect();
    let (mut found, mut missed, mut findings) = (0, Vec::new(), 0);
    for technique in index.as_array().unwrap() {
        let number = |key: &str| usize::try_from(technique[key].as_u64().unwrap()).unwrap();
        let first = number("first_line") - 1;
        let lines = &lines[first..first + number("events")];
        let mut analyzer = Analyzer::new(&pack);
        let mut harmless = BTreeSet::new();
        for (leaf, line) in (0..).zip(lines) {
            let document = Document::parse(line).unwrap();
            let root = document.root();
            let read = parsers.parse(&root);
            let time = read.as_ref().and_then(|read| read.time).unwrap();
            let entry = Entry { event: Some(root), read: read.as_ref(), ..Entry::recorded(time) };
            if HARMLESS
                .iter()
                .any(|name| root.get("eventName").and_then(Value::string).as_deref() == Some(name))
            {
                harmless.insert(leaf);
            }
            analyzer.take(pack.detect(leaf, &entry)).unwrap();
        }
        let outcome = analyzer.finish();
        let of_nothing =
            outcome.findings.iter().find(|finding| finding.leaves.iter().all(|leaf| harmless.contains(leaf)));
        assert_eq!(of_nothing, None);
        findings += outcome.findings.len();
        if outcome.findings.is_empty() {
            missed.push(technique["file"].as_str().unwrap().to_owned());
        } else {
            found += 1;
        }
    }
    println!("{found} found in {findings} findings, missed: {missed:?}");
    assert!(found >= 34 && findings <= 55, "{found} found in {findings} findings, missed: {missed:?}");
}
