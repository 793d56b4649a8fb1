//! The format's test vectors: report and exit status of the program.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// Returns a report without freely worded parts.
fn stripped(report: Value) -> Value {
    match report {
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| !matches!(name.as_str(), "message" | "hint" | "reason"))
            .map(|(name, value)| (name, stripped(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(stripped).collect(),
        other => other,
    }
}

fn json(path: &Path) -> Option<Value> {
    Some(serde_json::from_slice(&fs::read(path).ok()?).unwrap())
}

/// Returns the arguments for a case.
fn arguments(case: &Path) -> Vec<String> {
    let mut args = vec!["verify".to_owned(), "--json".to_owned()];
    let mut option = |name: &str, value: String| args.extend([name.to_owned(), value]);
    let exports = ["export.ndjson", "export.ndjson.gz", "export.ndjson.zst"];
    let path = |name: &str| Some(case.join(name)).filter(|path| path.exists());
    let shown = |path: PathBuf| path.to_str().unwrap().to_owned();
    if let Some(trust) = path("trust.txt") {
        option("--trust", shown(trust));
    }
    for pin in (1..).map_while(|number| path(&format!("pin-{number}.txt"))) {
        option("--pin", shown(pin));
    }
    let expected = json(&case.join("args.json")).unwrap_or_default();
    if let Some(origin) = expected["origin"].as_str() {
        option("--origin", origin.into());
    }
    if let Some(range) = expected["range"].as_array() {
        option("--range", format!("{}..{}", range[0], range[1]));
    }
    if let (Some(seconds), Some(now)) = (expected["max_age_seconds"].as_u64(), expected["now"].as_str()) {
        option("--max-age", format!("{seconds}s"));
        option("--now", now.into());
    }
    args.push(shown(exports.into_iter().find_map(path).unwrap()));
    args
}

/// A possible revocation is a note after the headline.
#[test]
fn headline_of_a_range_does_not_doubt_its_keys() {
    let headline = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(name);
        let mut args = arguments(&folder);
        args.retain(|arg| arg != "--json");
        let output = Command::cargo_bin("countersign").unwrap().args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().next().unwrap().to_owned()
    };
    let unchanged = "✓ Unchanged, signed with keys you trust, and no entry of the range is missing. A key was granted in the log, and an entry outside the range may revoke it.";
    assert_eq!(headline("unseen-link-in-range"), unchanged);
    assert_eq!(headline("range-partial"), format!("{unchanged} Some events may be withheld."));
    assert!(headline("unseen-open-outside-range").starts_with("✓ Verified."));
}

#[test]
fn test_vectors_give_their_report_and_status() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.is_dir());
    assert!(cases.len() > 200);
    for case in cases {
        let output = Command::cargo_bin("countersign").unwrap().args(arguments(&case)).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}: {}", case.display(), String::from_utf8_lossy(&output.stderr)));
        let expected = json(&case.join("report.json")).unwrap();
        assert_eq!(stripped(report), expected, "{}", case.display());
        let status = match expected["verdict"].as_str().unwrap() {
            "verified" => 0,
            "altered" | "broken" => 1,
            "untrusted" => 3,
            "partial" => 4,
            "not_checked" => 5,
            other => panic!("{other}"),
        };
        assert_eq!(output.status.code(), Some(status), "{}", case.display());
        let stderr = String::from_utf8_lossy(&output.stderr);
        let unexpected = stderr.lines().find(|line| !line.contains("the pin belongs to the log"));
        assert_eq!(unexpected, None, "{}", case.display());
    }
}
