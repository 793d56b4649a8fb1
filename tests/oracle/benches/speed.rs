//! Compares the speed of detection with rsigma's, for `cargo xtask bench analyze`. Prints our seconds and theirs.
//!
//! speed RULES EVENTS EVERY: a folder of Sigma rules, a file with one event per line, and the share of the rules to
//! use (one in EVERY).

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use countersign_analyze::{Analyzer, Pack, Sources};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};
use rsigma_eval::{Engine, JsonEvent};
use rsigma_parser::parse_sigma_yaml;
use serde_json::Value;

/// Events that one engine examines before the other has its turn.
const BATCH: usize = 5_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [rules, events, every] = &args[..] else { panic!("speed RULES EVENTS EVERY") };
    let mut paths = Vec::new();
    files(Path::new(rules), &mut paths);
    paths.sort();
    let mut sources = Sources::default();
    let mut theirs = Engine::new();
    for path in paths.iter().step_by(every.parse().unwrap()) {
        let text = fs::read_to_string(path).unwrap();
        sources.add(&path.display().to_string(), &text);
        theirs.add_collection(&parse_sigma_yaml(&text).unwrap()).unwrap();
    }
    let pack = sources.build("speed").unwrap_or_else(|faults| panic!("{}", faults[0]));
    let text = fs::read_to_string(events).unwrap();
    let events: Vec<&str> = text.lines().collect();
    let mut ours = Ours {
        analyzer: Analyzer::new(&pack),
        pack: &pack,
        parsers: Parsers::built_in(),
        leaf: 0,
        spare: Document::default(),
    };
    let (mut of_ours, mut of_theirs) = (Duration::ZERO, Duration::ZERO);
    let (mut found, mut fired) = (0, 0);
    for batch in events.chunks(BATCH) {
        let begun = on_processor();
        for event in batch {
            found += ours.take(event);
        }
        of_ours += on_processor() - begun;
        let begun = on_processor();
        for event in batch {
            let value: Value = serde_json::from_str(event).unwrap();
            fired += theirs.evaluate(&JsonEvent::borrow(&value)).len();
        }
        of_theirs += on_processor() - begun;
    }
    black_box(ours.analyzer.finish());
    assert_eq!(found, fired, "both find the same");
    println!("{} {}", of_ours.as_secs_f64(), of_theirs.as_secs_f64());
}

/// Our complete work on an event: parses it, evaluates the rules, and makes findings.
struct Ours<'p> {
    analyzer: Analyzer<'p>,
    pack: &'p Pack,
    parsers: Parsers,
    leaf: u64,
    spare: Document<'static>,
}

impl Ours<'_> {
    fn take(&mut self, event: &str) -> usize {
        let document = std::mem::take(&mut self.spare).reread(event).unwrap();
        let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let entry = Entry { event: Some(document.root()), ..Entry::recorded(recorded) };
        let detected = self.pack.detect_by(self.leaf, &self.parsers, &entry);
        self.leaf += 1;
        let found = detected.rules().count();
        self.analyzer.accept(detected).unwrap();
        self.spare = document.emptied();
        found
    }
}

fn files(place: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "yml") {
            into.push(path);
        }
    }
}

/// Returns the processor time of this thread. The kernel updates it when the thread yields, and otherwise every few
/// milliseconds.
fn on_processor() -> Duration {
    thread::yield_now();
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}
