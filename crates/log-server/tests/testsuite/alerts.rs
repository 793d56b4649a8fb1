//! Tests of the alert rules in `docs/alerts.yml`: Prometheus accepts them, and the server exposes the metrics that
//! they use.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use countersign::log::Limits;
use countersign_log_server::server::Bounds;

use crate::common::emitter::BEGIN;
use crate::common::server::{Server, emitter_key};
use crate::common::witness::Witness;

/// The guides for log operators that name metrics.
const GUIDES: [&str; 7] = [
    "checking-a-log.md",
    "emitters.md",
    "erasure.md",
    "floods.md",
    "monitoring.md",
    "read-records.md",
    "witnesses.md",
];

fn docs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Returns the metrics named in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let places = text.match_indices("countersign_").map(|(at, _)| at);
    let name = |at: usize| text[at..].split(|letter| !is_part(letter)).next().unwrap_or_default().to_owned();
    places.map(name).collect()
}

#[test]
fn server_exposes_the_metrics_of_all_alerts() {
    // Some metrics appear only once they have a value.
    let witness = Witness::start(0, BEGIN);
    let trust = format!("{}quorum w0\nemitter {}\n", witness.line("w0"), emitter_key(3).verifier_key());
    let server = Server::with(&trust, Limits::default(), Bounds::default());
    server.assert_works();
    server.log_server().metrics().witness_failed("w0");
    let exposed = String::from_utf8(server.get("/metrics").body).unwrap();
    // Every possible sample of each metric family, including those without a value yet.
    let mut samples = BTreeSet::new();
    for line in exposed.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        samples.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
    }
    let rules = fs::read_to_string(docs().join("alerts.yml")).unwrap();
    let expressions: Vec<&str> = rules.lines().filter(|line| line.contains("expr:")).collect();
    let used = metrics_in(&expressions.join("\n"));
    assert!(used.len() > 8, "{used:?}");
    // A mirror exposes these itself.
    samples.extend(metrics_in(&fs::read_to_string(docs().join("mirrors.md")).unwrap()));
    assert_eq!(used.difference(&samples).collect::<Vec<_>>(), Vec::<&String>::new());
    // The guides name only metrics that exist.
    let families: BTreeSet<String> = metrics_in(&exposed);
    for guide in GUIDES {
        let named = metrics_in(&fs::read_to_string(docs().join(guide)).unwrap());
        assert!(!named.is_empty(), "{guide} names no metric");
        assert_eq!(named.difference(&families).collect::<Vec<_>>(), Vec::<&String>::new(), "{guide}");
    }
    // Counters start at 0; otherwise, their first increase would go unnoticed.
    for outcome in ["fork", "busy"] {
        let sample = format!("countersign_submissions_total{{outcome=\"{outcome}\"}} 0");
        assert!(exposed.lines().any(|line| line == sample), "{sample}");
        assert!(rules.contains(&format!("outcome=\"{outcome}\"")));
    }
    for code in ["log.rollback", "log.split_view", "log.copied", "log.unremembered"] {
        let sample = format!("countersign_stopped{{code=\"{code}\"}} 0");
        assert!(exposed.lines().any(|line| line == sample), "{sample}");
    }
    // Anyone can increase this metric at will, so no alert may depend on it.
    assert!(!used.contains("countersign_turned_away_total"));
}

#[test]
fn prometheus_accepts_the_alert_rules() {
    let run = |arguments: &[&str]| Command::new("promtool").args(arguments).current_dir(docs()).output();
    for arguments in [&["check", "rules", "alerts.yml"][..], &["test", "rules", "alerts.test.yml"]] {
        match run(arguments) {
            Ok(output) => {
                let printed = [output.stdout, output.stderr].concat();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&printed));
            }
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "promtool: {error}");
                eprintln!("skipped: promtool isn't installed (Debian package prometheus)");
            }
        }
    }
}
