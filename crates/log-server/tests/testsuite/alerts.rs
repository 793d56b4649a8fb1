//! The alert rules in `docs/alerts.yml`: that Prometheus understands them, and that the server exposes what they ask for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use countersign::log::Limits;
use countersign_log_server::server::Bounds;

use crate::common::emitter::BEGIN;
use crate::common::server::{Server, emitter_key};
use crate::common::witness::Witness;

fn docs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The metrics of which the text speaks.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let places = text.match_indices("countersign_").map(|(at, _)| at);
    let name = |at: usize| text[at..].split(|letter| !is_part(letter)).next().unwrap_or_default().to_owned();
    places.map(name).collect()
}

#[test]
fn the_server_exposes_what_alerts_ask_for() {
    // Some metrics are there when there is something to say.
    let witness = Witness::start(0, BEGIN);
    let trust = format!("{}quorum w0\nemitter {}\n", witness.line("w0"), emitter_key(3).verifier_key());
    let server = Server::with(&trust, Limits::default(), Bounds::default());
    server.assert_goes_on();
    server.log_server().metrics().witness_failed("w0");
    let exposed = String::from_utf8(server.get("/metrics").body).unwrap();
    // The samples that each family of metrics has, also where there are none yet.
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
    let asked = named(&expressions.join("\n"));
    assert!(asked.len() > 8, "{asked:?}");
    assert_eq!(asked.difference(&samples).collect::<Vec<_>>(), Vec::<&String>::new());
    // Whoever is told to watch something finds it too.
    let guide = fs::read_to_string(docs().join("running-a-log.md")).unwrap();
    let families: BTreeSet<String> = named(&exposed);
    let told: Vec<String> = named(&guide).into_iter().filter(|name| !families.contains(name)).collect();
    assert_eq!(told, Vec::<String>::new());
    // A counter begins with 0, or its first increase is no increase.
    for outcome in ["fork", "stopped", "busy"] {
        let sample = format!("countersign_submissions_total{{outcome=\"{outcome}\"}} 0");
        assert!(exposed.lines().any(|line| line == sample), "{sample}");
        assert!(rules.contains(&format!("outcome=\"{outcome}\"")));
    }
    // Strangers can make this one grow as they like.
    assert!(!asked.contains("countersign_turned_away_total"));
}

#[test]
fn prometheus_understands_them() {
    let asked = |arguments: &[&str]| Command::new("promtool").args(arguments).current_dir(docs()).output();
    for arguments in [&["check", "rules", "alerts.yml"][..], &["test", "rules", "alerts.test.yml"]] {
        match asked(arguments) {
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
            }
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "promtool: {error}");
                eprintln!("skipped: promtool is not on this machine (Debian's prometheus)");
            }
        }
    }
}
