//! What is against a policy, as SARIF 2.1.0.

use std::fmt::Write as _;

use countersign_analyze::Level;
use serde_json::{Value, json};

use super::Judged;
use super::judged::Against;

/// The most results, which is also the most that GitHub reads of a run.
const RESULTS: usize = 5000;

pub(super) fn sarif(judged: &Judged<'_>) -> Value {
    let mut rules: Vec<Value> = Vec::new();
    let mut places: Vec<(&str, usize)> = Vec::new();
    let mut results = Vec::new();
    for check in &judged.checks {
        let known = places.iter().find(|(id, _)| *id == check.id).map(|(_, place)| *place);
        let place = known.unwrap_or_else(|| {
            places.push((&check.id, rules.len()));
            rules.push(json!({
                "id": check.id,
                "shortDescription": {"text": check.wanted},
                "helpUri": "https://github.com/countersign/countersign/blob/main/docs/pipeline.md",
            }));
            rules.len() - 1
        });
        for against in check.against.iter().take(RESULTS - results.len().min(RESULTS)) {
            results.push(result(judged, &check.id, place, against));
        }
    }
    let log = judged.report.log.as_ref();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "countersign",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": "https://github.com/countersign/countersign",
                "rules": rules,
            }},
            "automationDetails": {"id": format!("countersign/{}/", judged.policy.name)},
            "results": results,
            "columnKind": "utf16CodeUnits",
            "properties": {
                "policy": judged.hash,
                "origin": judged.report.origin,
                "verdict": judged.report.verdict.as_str(),
                "size": log.map(|log| log.size),
                "root": log.map(|log| log.root.to_string()),
            },
        }],
    })
}

fn result(judged: &Judged<'_>, id: &str, place: usize, against: &Against) -> Value {
    let location = |leaf: Option<&u64>| {
        // A line of the export; what no entry shows is said of the first, its header.
        let line = leaf.and_then(|leaf| judged.lines.get(leaf)).copied().unwrap_or(1);
        let mut location = json!({"physicalLocation": {
            "artifactLocation": {"uri": uri(&judged.export)},
            "region": {"startLine": line},
        }});
        if let Some(leaf) = leaf {
            location["logicalLocations"] = json!([{"name": format!("entry {leaf}"), "kind": "element"}]);
        }
        location
    };
    let mut leaves = against.leaves.iter();
    let mut result = json!({
        "ruleId": id,
        "ruleIndex": place,
        "level": match against.level {
            Level::High | Level::Critical => "error",
            Level::Medium => "warning",
            Level::Low | Level::Informational => "note",
        },
        "message": {"text": against.whole()},
        "locations": [location(leaves.next())],
        "partialFingerprints": {"countersign/v1": format!("{id} {}", against.identity)},
        "properties": {"entries": against.leaves},
    });
    let others: Vec<Value> = leaves.map(|leaf| location(Some(leaf))).collect();
    if !others.is_empty() {
        result["relatedLocations"] = others.into();
    }
    if let Some(passed) = &against.passed {
        let why = format!("{} (until {})", passed.reason, passed.until);
        result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": why}]);
    }
    result
}

/// A path as a relative reference: what a URI reserves is escaped.
fn uri(path: &str) -> String {
    path.bytes().fold(String::new(), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
        uri
    })
}
