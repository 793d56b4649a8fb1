//! Events that are old enough are erased, and nothing else.

use std::time::Duration;

use countersign::event::{Event, Redaction};
use countersign::log::Limits;
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign::verify::{Options, VerifiedEvent, Verifier};
use countersign_log::export::{Exporter, Request};
use countersign_log_server::retention::holds::FILE as HOLDS;
use countersign_log_server::retention::moment::Moment;
use countersign_log_server::retention::{PassError, Passed, Rules, pass};
use countersign_log_server::server::Bounds;
use serde_json::{Value, json};

use crate::common::emitter::BEGIN;
use crate::common::server::{Server, emitter_key, log_key};
use crate::common::witness::Witness;
use crate::reading;
use crate::reading::{all_bytes, holds};
use crate::witnessed::until;

const DAY: i64 = 86_400_000;
const HOUR: Duration = Duration::from_hours(1);

struct Keeping {
    server: Server,
    recorder: Recorder,
    drawn: u8,
    moment: Moment,
    runtime: tokio::runtime::Runtime,
}

impl Keeping {
    fn start() -> Self {
        Self::of(Server::start())
    }

    fn of(server: Server) -> Self {
        let key = emitter_key(0);
        let begin = Time::from_millis(BEGIN).unwrap();
        let mut recorder =
            Recorder::open("log.example/audit", key.verifier_key().clone(), begin, &[1; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        let moment = Moment::of(server.folder());
        Self { server, recorder, drawn: 0, moment, runtime: tokio::runtime::Runtime::new().unwrap() }
    }

    /// An event of each of three tenants is recorded each day, from that day up to the other one.
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

    fn pass_after(&mut self, rules: &[&str], elapsed: Duration) -> Result<Passed, PassError> {
        let rules = Rules::new(rules.iter().map(|rule| rule.parse().unwrap())).unwrap();
        self.runtime.block_on(pass(self.server.reading(), &rules, &mut self.moment, elapsed))
    }

    fn pass(&mut self, rules: &[&str]) -> Passed {
        self.pass_after(rules, HOUR).unwrap()
    }

    fn events(&self) -> Vec<VerifiedEvent> {
        let exporter = Exporter::new(self.server.reader().clone(), "log.example/audit", None);
        let text = reading::export(&exporter, &Request::default()).unwrap();
        let trust = self.server.trust().with_emitter(log_key().verifier_key().clone()).unwrap();
        let mut verifier = Verifier::new(Options { trust, events: true, ..Options::default() });
        verifier.push(text.as_bytes());
        let (verification, countersign::verify::Update { events, .. }) = verifier.finish_telling();
        let report = verification.report;
        assert!(matches!(report.verdict.as_str(), "partial" | "verified"), "{:#?}", report.findings);
        events
    }

    /// The days whose event of this tenant is still there.
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
fn what_is_old_enough_is_erased_and_recorded() {
    let mut keeping = Keeping::start();
    keeping.days(0..40);
    let passed = keeping.pass(&["30d"]);
    assert_eq!((passed.erased.erased, passed.more), (27, false));
    assert_eq!(keeping.left("acme"), days(9..=39));
    let records = keeping.records();
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record["actor"], json!({ "type": "service", "id": "retention" }));
    assert_eq!(
        record["metadata"],
        json!({
            "chosen_by": "age",
            "rules": ["30d"],
            "at": passed.now.unwrap().to_string(),
            "events": 27,
            "entries": [[1, 27]],
        })
    );
    let bytes = all_bytes(keeping.server.folder());
    for day in 0..40 {
        assert_eq!(holds(&bytes, &format!("mark-acme-{day}.")), day >= 9, "day {day}");
    }
    assert_eq!(keeping.pass(&["30d"]).erased.erased, 0);
    assert_eq!(keeping.records().len(), 1);
}

#[test]
fn each_tenant_has_its_rule() {
    let mut keeping = Keeping::start();
    keeping.days(0..40);
    keeping.pass(&["30d", "tenant=acme:10d", "tenant=globex:1y"]);
    assert_eq!(keeping.left("acme"), days(29..=39));
    assert_eq!(keeping.left("globex"), days(0..=39));
    assert_eq!(keeping.left("other"), days(9..=39));
    let mut keeping = Keeping::start();
    keeping.days(0..40);
    keeping.pass(&["tenant=acme:10d"]);
    assert_eq!(keeping.left("acme"), days(29..=39));
    assert_eq!(keeping.left("other"), days(0..=39));
}

#[test]
fn what_is_held_stays() {
    let mut keeping = Keeping::start();
    keeping.days(0..40);
    keeping.server.reading().holds().add("tenant=globex".parse().unwrap());
    let file = keeping.server.folder().join(HOLDS);
    std::fs::write(&file, "# case 17\n\nactor=u_3\nactor=u_4\n").unwrap();
    keeping.pass(&["30d"]);
    assert_eq!(keeping.left("globex"), days(0..=39));
    assert_eq!(keeping.left("acme"), [vec![3, 4], days(9..=39)].concat());
    std::fs::write(&file, "actor=u_4\n").unwrap();
    keeping.pass(&["30d"]);
    assert_eq!(keeping.left("acme"), [vec![4], days(9..=39)].concat());
    for bad in ["tenant", "color=red", "chain=x", "actor="] {
        std::fs::write(&file, format!("{bad}\n")).unwrap();
        assert!(keeping.pass_after(&["1h"], HOUR).is_err(), "{bad}");
    }
    assert_eq!(keeping.left("other").len(), 32);
}

#[test]
fn a_clock_that_jumped_erases_nothing() {
    let mut keeping = Keeping::start();
    keeping.days(0..40);
    keeping.pass(&["1y"]);
    keeping.server.set_clock(BEGIN + 100_000 * DAY);
    for _ in 0..100 {
        assert_eq!(keeping.pass(&["45d"]).erased.erased, 0);
    }
    assert_eq!(keeping.left("acme"), days(0..=39));
    // A server that begins with a wrong clock knows no better than its emitters.
    std::fs::remove_file(keeping.server.folder().join("retention.txt")).unwrap();
    let passed = keeping.pass_after(&["45d"], Duration::ZERO).unwrap();
    assert_eq!(passed.erased.erased, 0);
    assert!(passed.now.unwrap().millis() <= BEGIN + 40 * DAY);
}

#[test]
fn a_log_to_which_nothing_comes_grows_older() {
    let mut keeping = Keeping::start();
    keeping.days(0..40);
    keeping.pass(&["30d"]);
    keeping.server.set_clock(BEGIN + 49 * DAY);
    for _ in 0..10 {
        keeping.pass_after(&["30d"], Duration::from_hours(24)).unwrap();
    }
    assert_eq!(keeping.left("acme"), days(19..=39));
}

/// What witnesses see again while nothing comes is no newer for that.
#[test]
fn a_log_that_witnesses_see_again_grows_older() {
    let witness = Witness::start(0, BEGIN);
    let trust = format!("{}quorum w\nemitter {}\n", witness.line("w"), emitter_key(0).verifier_key());
    let mut keeping = Keeping::of(Server::with(&trust, Limits::default(), Bounds::default()));
    keeping.days(0..1);
    let first = keeping.server.reader().published().unwrap().unwrap().note;
    witness.set_clock(BEGIN + 3 * DAY);
    keeping.server.set_clock(BEGIN + 3 * DAY);
    // At its start a log shows its witnesses what it has.
    keeping.server.begin();
    until("witnesses saw it again", || keeping.server.reader().published().unwrap().unwrap().note != first);
    keeping.pass(&["4d"]);
    assert_eq!(keeping.left("acme"), [0]);
    keeping.pass(&["2d"]);
    assert_eq!(keeping.left("acme").len(), 0);
}

#[test]
fn a_moment_that_cannot_be_read_erases_nothing() {
    let mut keeping = Keeping::start();
    keeping.days(0..40);
    std::fs::write(keeping.server.folder().join("retention.txt"), "tomorrow\n").unwrap();
    assert!(matches!(keeping.pass_after(&["1d"], HOUR), Err(PassError::File(_))));
    assert_eq!(keeping.left("acme").len(), 40);
}

#[test]
fn without_rules_all_is_kept() {
    let mut keeping = Keeping::start();
    keeping.days(0..40);
    assert_eq!(keeping.pass(&[]), Passed::default());
    assert_eq!(keeping.left("acme").len(), 40);
    assert!(keeping.records().is_empty());
}

/// An emitter dates what it likes. How old an event is the log says.
#[test]
fn what_is_dated_long_ago_is_kept_as_long_as_anything_else() {
    let mut keeping = Keeping::start();
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
    keeping.days(0..2);
    assert_eq!(keeping.server.submit(recorder.drain()).status, 200);
    // What it dated does not hold back the time that half of the lately active emitters came to.
    keeping.days(2..100);
    let passed = keeping.pass(&["100d"]);
    assert_eq!((passed.now, passed.erased.erased), (Time::from_millis(BEGIN + 99 * DAY), 0));
    assert_eq!(keeping.left("thief"), [0]);
    keeping.days(100..103);
    keeping.pass(&["100d"]);
    assert_eq!((keeping.left("thief"), keeping.left("acme")), (vec![], days(2..=102)));
}
