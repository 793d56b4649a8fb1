//! Default redaction of real events: it redacts secrets and possible secrets, and nothing else.

use std::collections::BTreeMap;

use countersign::event::{Event, Redaction};
use serde_json::Value;

use crate::common::{files, third_party as vectors};

/// The redacted fields by source, and how often each occurs. Each contains, or may contain, a credential,
/// such as a session or a token.
const REDACTED: &[(&str, &[(&str, usize)])] = &[
    ("aws-eks-panther", &[]),
    (
        "cloudtrail-stratus",
        &[("responseElements.credentials.sessionToken", 9), ("responseElements.tokenValue", 3)],
    ),
    ("github-panther", &[]),
    (
        "kubernetes-falco",
        // `aws_secret_access_key = …` in configuration maps
        &[("requestObject.data.access.properties", 6), ("responseObject.data.access.properties", 6)],
    ),
    ("ocsf-java-tools", &[]),
    (
        "okta-panther",
        &[
            // `?stateToken=…`
            ("debugcontext.debugData.url", 2),
        ],
    ),
];

#[test]
fn nothing_harmless_is_redacted() {
    for (source, expected) in REDACTED {
        let Some(path) = vectors::find(&format!("real-events/{source}/events.ndjson")) else { return };
        let mut found = BTreeMap::new();
        for line in files::text(&path).lines().filter(|line| !line.trim().is_empty()) {
            let of = |redaction: &Redaction| -> Value {
                serde_json::from_str(Event::parse(line.as_bytes(), redaction).unwrap().as_str()).unwrap()
            };
            compare(&of(&Redaction::none()), &of(&Redaction::default()), &mut Vec::new(), &mut found);
        }
        let found: Vec<(&str, usize)> = found.iter().map(|(path, count)| (path.as_str(), *count)).collect();
        assert_eq!(&found, expected, "{source}");
    }
}

/// Counts by their paths the values that differ.
fn compare(open: &Value, redacted: &Value, path: &mut Vec<String>, found: &mut BTreeMap<String, usize>) {
    match (open, redacted) {
        (Value::Object(open), Value::Object(redacted)) => {
            for (name, value) in open {
                path.push(name.clone());
                compare(value, &redacted[name], path, found);
                path.pop();
            }
        }
        (Value::Array(open), Value::Array(redacted)) => {
            for (open, redacted) in open.iter().zip(redacted) {
                compare(open, redacted, path, found);
            }
        }
        _ if open != redacted => *found.entry(path.join(".")).or_default() += 1,
        _ => {}
    }
}
