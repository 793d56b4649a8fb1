//! Tests of retention: expired events are erased, and nothing else.

use std::time::Duration;

use countersign::event::{Event, Redaction};
use countersign::log::Limits;
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign::verify::{Options, VerifiedEvent, Verifier};
use countersign_log::export::{Exporter, Request};
use countersign_log_server::retention::holds::FILE as HOLDS;
use countersign_log_server::retention::moment::Moment;
use countersign_log_server::retention::{PassError, PassResult, Rules, pass};
use countersign_log_server::server::Bounds;
use serde_json::{Value, json};

use crate::common::emitter::BEGIN;
use crate::common::server::{Server, emitter_key, log_key, until};
use crate::common::witness::Witness;
use crate::reading;
use crate::reading::{all_bytes, holds};

const DAY: i64 = 86_400_000;
const HOUR: Duration = Duration::from_hours(1);

struct Scene {
    server: Server,
    recorder: Recorder,
    drawn: u8,
    moment: Moment,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn start() -> Self {
        Self::with(Server::start())
    }

    fn with(server: Server) -> Self {
        let key = emitter_key(0);
        let begin = Time::from_millis(BEGIN).unwrap();
        let mut recorder =
            Recorder::open("log.example/audit", key.verifier_key().clone(), begin, &[1; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        let moment = Moment::open(server.folder());
        Self { server, recorder, drawn: 0, moment, runtime: tokio::runtime::Runtime::new().unwrap() }
    }

    /// Records an event of each of three tenants on each of these days.
    fn days(&mut self, days: std::ops::Range<i64>) {
        for day in days {
            let now = BEGIN + day * DAY;
            self.server.set_clock(now);
            for tenant in ["acme", "globex", "other"] {
                self.drawn = self.drawn.wrapping_add(1);
                let event = json!({
                    "action": "job.update",
                    "actor": { "id": format!("u_{day}") },
                    "tenant": tenant,
                    "metadata": { "mark": format!("mark-{tenant}-{day}.") },
                });
                let event = Event::parse(event.to_string().as_bytes(), &Redaction::none()).unwrap();
                self.recorder.record(&event, Time::from_millis(now).unwrap(), &[self.drawn; 16]).unwrap();
            }
            self.recorder.flush();
            self.recorder.sign_with(&emitter_key(0)).unwrap();
            let body = self.recorder.drain();
            assert_eq!(self.server.submit(body).status, 200);
        }
    }

    fn pass_after(&mut self, rules: &[&str], elapsed: Duration) -> Result<PassResult, PassError> {
        let rules = Rules::new(rules.iter().map(|rule| rule.parse().unwrap())).unwrap();
        self.runtime.block_on(pass(self.server.reading(), &rules, &mut self.moment, elapsed))
    }

    fn pass(&mut self, rules: &[&str]) -> PassResult {
        self.pass_after(rules, HOUR).unwrap()
    }

    fn events(&self) -> Vec<VerifiedEvent> {
        let exporter = Exporter::new(self.server.reader().clone(), "log.example/audit", None);
        let text = reading::export(&exporter, &Request::default()).unwrap();
        let trust = self.server.trust().with_emitter(log_key().verifier_key().clone()).unwrap();
        let mut verifier = Verifier::new(Options { trust, events: true, ..Options::default() });
        verifier.push(text.as_bytes());
        let (verification, countersign::verify::Update { events, .. }) = verifier.finish_with_update();
        let report = verification.report;
        assert!(matches!(report.verdict.as_str(), "partial" | "verified"), "{:#?}", report.findings);
        events
    }

    /// Returns the days whose event of this tenant remains.
    fn left(&self, tenant: &str) -> Vec<i64> {
        let mark = format!("mark-{tenant}-");
        let day = |event: &VerifiedEvent| {
            event.event.split_once(&mark)?.1.split_once('.').map(|(day, _)| day.parse().unwrap())
        };
        self.events().iter().filter_map(day).collect()
    }

    fn records(&self) -> Vec<Value> {
        let events = self.events();
        let own = events.iter().filter(|event| event.event.contains("\"log.erase\""));
        own.map(|event| serde_json::from_str(&event.event).unwrap()).collect()
    }
}

fn days(range: std::ops::RangeInclusive<i64>) -> Vec<i64> {
    range.collect()
}

#[test]
fn erases_and_records_expired_events() {
    let mut scene = Scene::start();
    scene.days(0..40);
    let result = scene.pass(&["30d"]);
    assert_eq!((result.erased.erased, result.more), (27, false));
    assert_eq!(scene.left("acme"), days(9..=39));
    let records = scene.records();
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record["actor"], json!({ "type": "service", "id": "retention" }));
    assert_eq!(
        record["metadata"],
        json!({
            "chosen_by": "age",
            "rules": ["30d"],
            "at": result.now.unwrap().to_string(),
            "events": 27,
            "entries": [[1, 27]],
        })
    );
    let bytes = all_bytes(scene.server.folder());
    for day in 0..40 {
        assert_eq!(holds(&bytes, &format!("mark-acme-{day}.")), day >= 9, "day {day}");
    }
    assert_eq!(scene.pass(&["30d"]).erased.erased, 0);
    assert_eq!(scene.records().len(), 1);
}

#[test]
fn applies_rules_per_tenant() {
    let mut scene = Scene::start();
    scene.days(0..40);
    scene.pass(&["30d", "tenant=acme:10d", "tenant=globex:1y"]);
    assert_eq!(scene.left("acme"), days(29..=39));
    assert_eq!(scene.left("globex"), days(0..=39));
    assert_eq!(scene.left("other"), days(9..=39));
    let mut scene = Scene::start();
    scene.days(0..40);
    scene.pass(&["tenant=acme:10d"]);
    assert_eq!(scene.left("acme"), days(29..=39));
    assert_eq!(scene.left("other"), days(0..=39));
}

#[test]
fn holds_protect_events() {
    let mut scene = Scene::start();
    scene.days(0..40);
    scene.server.reading().holds().add("tenant=globex".parse().unwrap());
    let file = scene.server.folder().join(HOLDS);
    std::fs::write(&file, "# case 17\n\nactor=u_3\nactor=u_4\n").unwrap();
    scene.pass(&["30d"]);
    assert_eq!(scene.left("globex"), days(0..=39));
    assert_eq!(scene.left("acme"), [vec![3, 4], days(9..=39)].concat());
    std::fs::write(&file, "actor=u_4\n").unwrap();
    scene.pass(&["30d"]);
    assert_eq!(scene.left("acme"), [vec![4], days(9..=39)].concat());
    for bad in ["tenant", "color=red", "chain=x", "actor="] {
        std::fs::write(&file, format!("{bad}\n")).unwrap();
        assert!(scene.pass_after(&["1h"], HOUR).is_err(), "{bad}");
    }
    assert_eq!(scene.left("other").len(), 32);
}

#[test]
fn jumped_clock_erases_nothing() {
    let mut scene = Scene::start();
    scene.days(0..40);
    scene.pass(&["1y"]);
    scene.server.set_clock(BEGIN + 100_000 * DAY);
    for _ in 0..100 {
        assert_eq!(scene.pass(&["45d"]).erased.erased, 0);
    }
    assert_eq!(scene.left("acme"), days(0..=39));
    // A server whose clock is wrong at the start relies on its emitters.
    std::fs::remove_file(scene.server.folder().join("retention.txt")).unwrap();
    let result = scene.pass_after(&["45d"], Duration::ZERO).unwrap();
    assert_eq!(result.erased.erased, 0);
    assert!(result.now.unwrap().millis() <= BEGIN + 40 * DAY);
}

#[test]
fn log_without_new_entries_ages() {
    let mut scene = Scene::start();
    scene.days(0..40);
    scene.pass(&["30d"]);
    scene.server.set_clock(BEGIN + 49 * DAY);
    for _ in 0..10 {
        scene.pass_after(&["30d"], Duration::from_hours(24)).unwrap();
    }
    assert_eq!(scene.left("acme"), days(19..=39));
}

/// An event doesn't become newer when witnesses sign the same checkpoint again.
#[test]
fn log_signed_again_by_witnesses_ages() {
    let witness = Witness::start(0, BEGIN);
    let trust = format!("{}quorum w\nemitter {}\n", witness.line("w"), emitter_key(0).verifier_key());
    let mut scene = Scene::with(Server::with(&trust, Limits::default(), Bounds::default()));
    scene.days(0..1);
    let first = scene.server.reader().published().unwrap().unwrap().note;
    witness.set_clock(BEGIN + 3 * DAY);
    scene.server.set_clock(BEGIN + 3 * DAY);
    // A log sends its newest checkpoint to its witnesses when it starts.
    scene.server.begin();
    until("witnesses signed it again", || {
        let newest = scene.server.reader().published().unwrap().unwrap();
        newest.witnessed && newest.note != first
    });
    scene.pass(&["4d"]);
    assert_eq!(scene.left("acme"), [0]);
    scene.pass(&["2d"]);
    assert_eq!(scene.left("acme").len(), 0);
}

#[test]
fn unreadable_moment_erases_nothing() {
    let mut scene = Scene::start();
    scene.days(0..40);
    std::fs::write(scene.server.folder().join("retention.txt"), "tomorrow\n").unwrap();
    assert!(matches!(scene.pass_after(&["1d"], HOUR), Err(PassError::File(_))));
    assert_eq!(scene.left("acme").len(), 40);
}

#[test]
fn keeps_everything_without_rules() {
    let mut scene = Scene::start();
    scene.days(0..40);
    assert_eq!(scene.pass(&[]), PassResult::default());
    assert_eq!(scene.left("acme").len(), 40);
    assert!(scene.records().is_empty());
}

/// An emitter may date its links as it likes; the log determines an event's age.
#[test]
fn age_does_not_depend_on_link_times() {
    let mut scene = Scene::start();
    let key = emitter_key(1);
    let dated = Time::from_millis(0).unwrap();
    let mut recorder =
        Recorder::open("log.example/audit", key.verifier_key().clone(), dated, &[2; 16]).unwrap();
    recorder.sign_with(&key).unwrap();
    let event =
        Event::parse(br#"{"action":"x","metadata":{"mark":"mark-thief-0."}}"#, &Redaction::none()).unwrap();
    recorder.record(&event, dated, &[2; 16]).unwrap();
    recorder.flush();
    recorder.sign_with(&key).unwrap();
    scene.days(0..2);
    assert_eq!(scene.server.submit(recorder.drain()).status, 200);
    // Its date doesn't delay the time reached by half of the recently active emitters.
    scene.days(2..100);
    let result = scene.pass(&["100d"]);
    assert_eq!((result.now, result.erased.erased), (Time::from_millis(BEGIN + 99 * DAY), 0));
    assert_eq!(scene.left("thief"), [0]);
    scene.days(100..103);
    scene.pass(&["100d"]);
    assert_eq!((scene.left("thief"), scene.left("acme")), (vec![], days(2..=102)));
}
