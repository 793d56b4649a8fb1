//! Tests of the alert rules in `docs/alerts.yml`: each is fired by its fault and by no other, and the documents name the
//! metrics that servers show.

mod faults;
mod promtool;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use countersign::log::Limits;
use countersign_log_server::server::Bounds;

use crate::common::emitter::BEGIN;
use crate::common::server::{Server, emitter_key};
use crate::common::witness::Witness;
use crate::tenants::world::World;
use faults::{FAULTS, Fault};
use promtool::{Case, Scrapes, Steps};

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

/// True if a page has a row about a sample's metric.
fn is_documented(page: &str, sample: &str) -> bool {
    let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| sample.strip_suffix(end));
    [Some(sample), name].into_iter().flatten().any(|name| page.contains(&format!("| `{name}` |")))
}

/// Alerts about mirrors, whose faults are tested with the mirrors (crates/mirror).
const OF_MIRRORS: [&str; 2] = ["CountersignMirrorForked", "CountersignMirrorPullsFailing"];
/// The number of faults that run at a time.
const CONCURRENT: usize = 8;

#[test]
fn each_alert_is_fired_by_its_fault_and_by_no_other() {
    let rules = docs().join("alerts.yml").canonicalize().unwrap();
    let text = fs::read_to_string(&rules).unwrap();
    let names: BTreeSet<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let covered: BTreeSet<&str> = FAULTS.iter().flat_map(|fault| fault.alerts).copied().collect();
    let expected: BTreeSet<&str> = covered.into_iter().chain(OF_MIRRORS).collect();
    assert_eq!(names, expected, "each alert needs a fault in the table");
    let expressions: Vec<&str> = text.lines().filter(|line| line.contains("expr:")).collect();
    let used = metrics_in(&expressions.join("\n"));
    let queue = Mutex::new(FAULTS.iter());
    let done: Mutex<Vec<(&Fault, Scrapes)>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..CONCURRENT {
            scope.spawn(|| {
                loop {
                    let Some(fault) = queue.lock().unwrap().next() else { return };
                    let scrapes = (fault.run)();
                    done.lock().unwrap().push((fault, scrapes));
                }
            });
        }
    });
    let done = done.into_inner().unwrap();
    assert_eq!(done.len(), FAULTS.len());
    let cases = |is_slow: bool| -> Vec<Case<'_>> {
        let chosen = done.iter().filter(|(fault, _)| fault.is_slow == is_slow);
        chosen
            .map(|(fault, scrapes)| Case {
                name: fault.name.to_owned(),
                alerts: fault.alerts,
                scrapes: scrapes.clone(),
            })
            .collect()
    };
    // An hour, and four days.
    let quick = Steps { minutes: 1, before: 60, during: 60, after: 30 };
    let slow = Steps { minutes: 5, before: 60, during: 1_152, after: 12 };
    for (cases, steps) in [(cases(false), quick), (cases(true), slow)] {
        promtool::check(&rules, &cases, &used, steps);
    }
}

#[test]
fn server_exposes_the_metrics_of_all_alerts() {
    // Some metrics appear only once they have a value.
    let witness = Witness::start(0, BEGIN);
    let trust = format!("{}quorum w0\nemitter {}\n", witness.line("w0"), emitter_key(3).verifier_key());
    let server = Server::with(&trust, Limits::default(), Bounds::default());
    server.assert_works();
    server.log_server().metrics().witness_failed("w0");
    server.log_server().metrics().mirror_failed("https://mirror.example/");
    server.log_server().metrics().mirrored("https://mirror.example/", 1);
    let mut exposed = String::from_utf8(server.get("/metrics").body).unwrap();
    // A root log's server, which also reports metrics of each tenant.
    let world = World::start();
    let token = world.token("ops", "admin", &["*"]);
    exposed += &String::from_utf8(world.get("/metrics", &token).body).unwrap();
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
    // The guides name only metrics that exist, and one has them all.
    let families: BTreeSet<String> = metrics_in(&exposed);
    let page = fs::read_to_string(docs().join("metrics.md")).unwrap();
    let undocumented: Vec<&String> =
        samples.iter().filter(|name| !is_documented(&page, name) && exposed.contains(*name)).collect();
    assert_eq!(undocumented, Vec::<&String>::new(), "metrics.md");
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
    match Command::new("promtool").args(["check", "rules", "alerts.yml"]).current_dir(docs()).output() {
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
