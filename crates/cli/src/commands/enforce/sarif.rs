//! Formats violations as SARIF 2.1.0.

use std::fmt::Write as _;

use countersign_analyze::Level;
use serde_json::{Value, json};

use super::PolicyResult;
use super::result::Violation;

/// The maximum number of results, which is also GitHub's limit per run.
const MAX_RESULTS: usize = 5000;

pub(super) fn sarif(policy_result: &PolicyResult<'_>) -> Value {
    let mut rules: Vec<Value> = Vec::new();
    let mut places: Vec<(&str, usize)> = Vec::new();
    let mut results = Vec::new();
    for check in &policy_result.checks {
        let known = places.iter().find(|(id, _)| *id == check.id).map(|(_, place)| *place);
        let place = known.unwrap_or_else(|| {
            places.push((&check.id, rules.len()));
            rules.push(json!({
                "id": check.id,
                "shortDescription": {"text": check.requirement},
                "helpUri": "https://github.com/countersign/countersign/blob/main/docs/pipeline.md",
            }));
            rules.len() - 1
        });
        for violation in check.violations.iter().take(MAX_RESULTS - results.len().min(MAX_RESULTS)) {
            results.push(result(policy_result, &check.id, place, violation));
        }
    }
    let log = policy_result.report.log.as_ref();
    let gaps = policy_result.gaps.iter();
    let notifications: Vec<Value> =
        gaps.map(|gap| json!({"level": "warning", "message": {"text": gap}})).collect();
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
            "automationDetails": {"id": format!("countersign/{}/", policy_result.policy.name)},
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notifications}],
            "results": results,
            "columnKind": "utf16CodeUnits",
            "properties": {
                "policy": policy_result.hash,
                "origin": policy_result.report.origin,
                "verdict": policy_result.report.verdict.as_str(),
                "size": log.map(|log| log.size),
                "root": log.map(|log| log.root.to_string()),
            },
        }],
    })
}

fn result(policy_result: &PolicyResult<'_>, id: &str, place: usize, violation: &Violation) -> Value {
    let location = |leaf: Option<&u64>| {
        // The line in the export; a violation without entries gets the first line, its header.
        let line = leaf.and_then(|leaf| policy_result.lines.get(leaf)).copied().unwrap_or(1);
        let mut location = json!({"physicalLocation": {
            "artifactLocation": {"uri": uri(&policy_result.export)},
            "region": {"startLine": line},
        }});
        if let Some(leaf) = leaf {
            location["logicalLocations"] = json!([{"name": format!("entry {leaf}"), "kind": "element"}]);
        }
        location
    };
    let mut leaves = violation.leaves.iter();
    let mut result = json!({
        "ruleId": id,
        "ruleIndex": place,
        "level": match violation.level {
            Level::High | Level::Critical => "error",
            Level::Medium => "warning",
            Level::Low | Level::Informational => "note",
        },
        "message": {"text": violation.text()},
        "locations": [location(leaves.next())],
        "partialFingerprints": {"countersign/v1": format!("{id} {}", violation.identity)},
        "properties": {"entries": violation.leaves},
    });
    let others: Vec<Value> = leaves.map(|leaf| location(Some(leaf))).collect();
    if !others.is_empty() {
        result["relatedLocations"] = others.into();
    }
    if let Some(exception) = &violation.exception {
        let why = format!("{} (until {})", exception.reason, exception.until);
        result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": why}]);
    }
    result
}

/// Formats a path as a relative URI reference, percent-encoded.
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
