//! The format's own cases through the program: its report, its exit status.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// A report without what may be worded freely.
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

/// What the case asks the reader to say.
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

#[test]
fn every_case_gives_its_report_and_its_status() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.is_dir());
    assert!(cases.len() > 200);
    for case in cases {
        let output = Command::cargo_bin("countersign").unwrap().args(arguments(&case)).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}: {}", case.display(), String::from_utf8_lossy(&output.stderr)));
        assert_eq!(stripped(report), json(&case.join("report.json")).unwrap(), "{}", case.display());
        let status = match json(&case.join("report.json")).unwrap()["verdict"].as_str().unwrap() {
            "verified" => 0,
            "altered" | "broken" => 1,
            "untrusted" => 3,
            "partial" => 4,
            "not_checked" => 5,
            other => panic!("{other}"),
        };
        assert_eq!(output.status.code(), Some(status), "{}", case.display());
        let stderr = String::from_utf8_lossy(&output.stderr);
        let unexpected = stderr.lines().find(|line| !line.contains("the pin is of the log"));
        assert_eq!(unexpected, None, "{}", case.display());
    }
}
