//! Metrics: the server's output agrees with docs/metrics.md and the dashboard.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::serving::ServedLog;
use crate::common::{Place, validators};

fn docs(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}

/// Returns the rows of the table: name, kind, unit, label.
fn documented() -> BTreeMap<String, [String; 3]> {
    let text = docs("metrics.md");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<String> = line
            .strip_prefix("| `")?
            .split('|')
            .map(|cell| cell.replace('`', "").trim().to_owned())
            .collect();
        assert!(cells.len() == 6 && !cells[4].is_empty(), "{line}");
        Some((cells[0].clone(), [cells[1].clone(), cells[2].clone(), cells[3].clone()]))
    });
    rows.collect()
}

/// Metrics that exist only with witnesses, mirrors, or tenants.
const OF_OTHER_SERVERS: [&str; 9] = [
    "countersign_mirror_failures_total",
    "countersign_mirrored_size",
    "countersign_witness_failures_total",
    "countersign_witness_contradicts",
    "countersign_clock_skew_seconds",
    "countersign_tenant_entries",
    "countersign_tenant_quota_refusals_total",
    "countersign_tenant_stopped",
    "countersign_tenants",
];

#[test]
fn metrics_are_documented() {
    let place = Place::new();
    std::fs::create_dir(place.path("log")).unwrap();
    std::fs::copy(place.path("log.key"), place.path("log/log.key")).unwrap();
    let args = ["--dir", "log", "--trust", "trust.txt", "--listen", "127.0.0.1:0"];
    let log = ServedLog::start(&place.path(""), &args);
    let url = log.url().parse::<http::Uri>().unwrap();
    let mut stream = std::net::TcpStream::connect(url.authority().unwrap().as_str()).unwrap();
    let asked =
        format!("GET /metrics HTTP/1.0\r\nhost: {}\r\nconnection: close\r\n\r\n", url.authority().unwrap());
    std::io::Write::write_all(&mut stream, asked.as_bytes()).unwrap();
    let mut printed = String::new();
    std::io::Read::read_to_string(&mut stream, &mut printed).unwrap();
    assert!(printed.contains("# EOF"), "{printed}");

    let documented = documented();
    let mut seen = BTreeSet::new();
    for line in printed.lines() {
        let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) else {
            continue;
        };
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let Some([documented_kind, unit, label]) = documented.get(&name) else {
            panic!("{name} is not documented")
        };
        assert_eq!(documented_kind, kind, "{name}");
        assert_eq!(unit.starts_with("seconds"), name.ends_with("_seconds"), "{name}");
        let series = printed.lines().filter(|line| line.starts_with(&*name));
        for series in series.filter(|line| kind != "histogram" && line.contains('{')) {
            assert!(series.contains(&format!("{{{label}=\"")), "{series}");
        }
        seen.insert(name);
    }
    let unseen: BTreeSet<&str> =
        documented.keys().filter(|name| !seen.contains(*name)).map(String::as_str).collect();
    // Exposure metrics come from `countersign risk`.
    let unseen: BTreeSet<&str> =
        unseen.into_iter().filter(|name| !name.starts_with("countersign_exposure_")).collect();
    assert!(unseen.is_subset(&BTreeSet::from(OF_OTHER_SERVERS)), "{unseen:?}");
}

#[test]
fn the_dashboard_matches_grafanas_schema() {
    let Some(python) = validators::python() else { return };
    let script = include_str!("../../../../tests/validators/check_grafana.py");
    let said = validators::run(&python, script, docs("deploy/grafana-dashboard.json").as_bytes());
    assert_eq!(said, "20 panels\n");
}

#[test]
fn the_dashboard_uses_existing_metrics() {
    let documented = documented();
    let dashboard: Value = serde_json::from_str(&docs("deploy/grafana-dashboard.json")).unwrap();
    // The schema of Grafana 11, which later versions migrate.
    assert_eq!(dashboard["schemaVersion"], 39);
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut asked = BTreeSet::new();
    let mut rules = Vec::new();
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let query = target["expr"].as_str().unwrap();
        assert_eq!(target["datasource"]["uid"], "${prometheus}");
        for word in query.split(|one: char| !one.is_ascii_alphanumeric() && one != '_') {
            if word.starts_with("countersign_") {
                let name = word.strip_suffix("_bucket").unwrap_or(word);
                assert!(documented.contains_key(name), "{word}");
                asked.insert(name.to_owned());
            }
        }
        let query = query.replace("$__rate_interval", "5m").replace("$job", ".*");
        rules.push(json!({"record": format!("dashboard:{}", rules.len()), "expr": query}));
    }
    // Metrics missing from it duplicate another panel, or are of single tenants.
    let left = documented.keys().filter(|name| !asked.contains(*name)).map(String::as_str);
    let left: BTreeSet<&str> = left.filter(|name| !name.starts_with("countersign_tenant_")).collect();
    assert_eq!(left, BTreeSet::from(["countersign_commit_submissions", "countersign_commits_total"]));

    let rules = json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), rules).unwrap();
    let Ok(output) = Command::new("promtool").args(["check", "rules"]).arg(file.path()).output() else {
        assert!(std::env::var_os("CI").is_none(), "no promtool: install Debian's prometheus");
        eprintln!("skipped: there is no promtool (Debian's prometheus)");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
