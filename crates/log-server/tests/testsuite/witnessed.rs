//! Tests of wrong clocks of emitters, the log, and witnesses. Everything that the log accepts must verify.

use countersign::link::Link;
use countersign::log::Limits;
use countersign::time::Time;
use countersign::verify::{Options, Report, Verifier};
use countersign_log::export::{Exporter, Request};
use countersign_log::store::StoredEvent;
use countersign_log_server::server::Bounds;
use serde_json::{Value, json};

use crate::common::emitter::{BEGIN, Emitter};
use crate::common::server::{Answer, ORIGIN, Server, emitter_key, until};
use crate::common::witness::Witness;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A log with witnesses and a quorum.
struct WitnessedLog {
    server: Server,
    witnesses: Vec<Witness>,
    chains: u64,
}

impl WitnessedLog {
    fn start(clocks: &[i64], quorum: &str) -> Self {
        Self::start_at(BEGIN, clocks, quorum)
    }

    /// Starts the log and its witnesses with these clocks.
    fn start_at(clock: i64, clocks: &[i64], quorum: &str) -> Self {
        let witnesses: Vec<Witness> =
            (0..).zip(clocks).map(|(number, millis)| Witness::start(number, *millis)).collect();
        let names: Vec<String> = (0..witnesses.len()).map(|number| format!("w{number}")).collect();
        let lines: String = witnesses.iter().zip(&names).map(|(witness, name)| witness.line(name)).collect();
        let (members, emitter) = (names.join(" "), emitter_key(0));
        let lines =
            format!("{lines}group g {quorum} {members}\nquorum g\nemitter {}\n", emitter.verifier_key());
        let server = Server::beginning_at(clock, &lines, Limits::default(), Bounds::default());
        Self { server, witnesses, chains: 0 }
    }

    /// Submits a chain with an event dated `dated`.
    fn submit(&mut self, dated: i64) -> Answer {
        self.chains += 1;
        let trust = self.server.trust();
        let mut emitter = Emitter::beginning_at(dated - 1, ORIGIN, emitter_key(0), self.chains, trust);
        emitter.record(1);
        self.server.submit(emitter.body(0, usize::MAX).0)
    }

    fn submit_accepted(&mut self, dated: i64) {
        let answer = self.submit(dated);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }

    fn assert_outside(&mut self, state: &str, skew: i64) {
        let before = self.server.size();
        let answer = self.submit(BEGIN - HOUR);
        assert_eq!(answer.refusal(), (503, "log.clock".into()), "{}", answer.json());
        assert_eq!(
            (&answer.json()["skew"], &answer.headers["retry-after"]),
            (&json!(skew), &"10".parse().unwrap())
        );
        assert_eq!(self.server.size(), before);
        let health = self.server.get("/healthz");
        let clock = &health.json()["clock"];
        assert_eq!((health.status, &clock["state"], &clock["skew"]), (503, &json!(state), &json!(skew)));
        assert_eq!(self.metric("countersign_clock_outside"), "1");
    }

    fn health(&self) -> Value {
        self.server.get("/healthz").json()
    }

    fn metric(&self, name: &str) -> String {
        let text = String::from_utf8(self.server.get("/metrics").body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{text}")).to_owned()
    }

    /// Lets time pass on all clocks.
    fn pass(&self, millis: i64) {
        self.server.pass(millis);
        for witness in &self.witnesses {
            witness.clock.fetch_add(millis, std::sync::atomic::Ordering::SeqCst);
        }
    }

    /// Waits until the log's clock agrees with its witnesses, which are asked again after a rejected submission.
    fn until_agreed(&self) {
        until("the clocks agree", || self.health()["clock"]["state"] == "agrees");
    }

    /// Waits until everything submitted is witnessed.
    fn until_witnessed(&self) {
        let size = self.server.size();
        until("all is witnessed", || {
            let published = &self.health()["published"];
            published["size"] == size && published["witnessed"] == true
        });
    }

    fn report(&self) -> Report {
        let trust = self.server.trust().with_emitter(self.server.log_server().key().clone()).unwrap();
        let exporter = Exporter::new(self.server.reader().clone(), ORIGIN, Some(trust.clone()));
        let mut lines = exporter.plan(&Request::default(), &|| false).unwrap().lines();
        let mut verifier = Verifier::new(Options { trust, ..Options::default() });
        while let Some(piece) = lines.next_piece().unwrap() {
            verifier.push(&piece);
        }
        verifier.finish().report
    }

    /// Checks that the whole export verifies.
    fn assert_verifies(&self) {
        let size = self.server.size();
        until("all is published", || self.health()["published"]["size"] == size);
        let report = self.report();
        let found: Vec<&str> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert!(found.iter().all(|code| *code == "chain.open"), "{found:?}");
        assert_eq!(report.verdict.as_str(), "verified", "{:?}", report.checks);
        assert_eq!(report.counts.entries, self.server.size());
    }

    /// Returns the chain and time of each of the log's own events.
    fn own(&self) -> Vec<(String, i64)> {
        let size = self.server.size();
        let leaves = self.server.reader().leaves_with_events(0..size).unwrap();
        let own = leaves.iter().filter(
            |leaf| matches!(&leaf.event, StoredEvent::Here(event) if event.text.contains("log.test")),
        );
        own.map(|leaf| {
            let link: Link = leaf.link().unwrap();
            (link.chain().to_string(), link.time().millis())
        })
        .collect()
    }

    fn record(&self) -> Result<(), countersign_log_server::log_server::SubmitError> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(self.server.log_server().record(&json!({ "action": "log.test" })))
    }
}

#[test]
fn accepts_links_from_the_future_only_if_they_verify() {
    let mut log = WitnessedLog::start(&[BEGIN], "all");
    for (ahead, is_accepted) in
        [(0, true), (119_900, true), (120_000, true), (120_001, false), (299_900, false)]
    {
        let answer = log.submit(BEGIN + ahead);
        if is_accepted {
            assert_eq!(answer.status, 200, "{ahead}");
        } else {
            assert_eq!(answer.refusal(), (503, "submit.early".into()), "{ahead}");
            let now = Time::from_millis(BEGIN).unwrap().to_string();
            let body = answer.json();
            assert_eq!((&body["now"], &body["tolerance"]), (&json!(now), &json!(120)));
            assert_eq!(
                answer.headers["retry-after"],
                (ahead - 120_000_i64).cast_unsigned().div_ceil(1000).max(1).to_string()
            );
        }
    }
    log.assert_verifies();
}

/// Cosignatures have whole seconds, rounded down, and the witness's clock is as far behind as allowed.
#[test]
fn links_at_the_tolerance_verify() {
    for clock in [BEGIN, BEGIN + 1, BEGIN + 999] {
        let mut log = WitnessedLog::start_at(clock, &[clock - 119 * SECOND], "all");
        log.submit_accepted(clock + 120 * SECOND);
        log.assert_verifies();
        assert_eq!(log.health()["published"]["witnessed"], true);
    }
}

#[test]
fn wrong_clock_accepts_nothing_until_corrected() {
    for skew in [HOUR, -HOUR, 3 * MINUTE, -3 * MINUTE] {
        let mut log = WitnessedLog::start_at(BEGIN + skew, &[BEGIN], "all");
        let state = if skew > 0 { "ahead" } else { "behind" };
        log.assert_outside(state, skew / SECOND);
        assert!(log.record().is_err());
        assert_eq!(log.server.size(), 0);
        // Correcting the clock takes effect at once, and nothing was lost.
        log.server.jump_clock_to(BEGIN);
        log.submit_accepted(BEGIN);
        assert_eq!(log.health()["clock"]["state"], "agrees");
        assert_eq!(log.metric("countersign_clock_outside"), "0");
        log.assert_verifies();
    }
}

#[test]
fn detects_a_clock_jump_between_cosignatures() {
    let mut log = WitnessedLog::start(&[BEGIN], "all");
    log.submit_accepted(BEGIN);
    for jump in [HOUR, -HOUR, 24 * HOUR, 253_402_300_799_999 - BEGIN, -BEGIN] {
        log.server.jump_clock_to(BEGIN + jump);
        let clock = &log.health()["clock"];
        assert_eq!((&clock["state"], &clock["skew"]), (&json!("jumped"), &json!(jump / SECOND)));
        // The log continues with the time that its witnesses confirm.
        log.submit_accepted(BEGIN);
        log.server.jump_clock_to(BEGIN);
        assert_eq!(log.health()["clock"]["state"], "agrees");
    }
    // After a suspend, no time seems to have passed for the log, but the witness knows better.
    log.server.jump_clock_to(BEGIN + 24 * HOUR);
    log.witnesses[0].set_clock(BEGIN + 24 * HOUR);
    // After this time, the witnesses are asked again.
    log.server.pass(10 * SECOND);
    assert_eq!(log.submit(BEGIN + 24 * HOUR).refusal(), (503, "submit.early".into()));
    log.until_agreed();
    log.submit_accepted(BEGIN + 24 * HOUR);
    log.assert_verifies();
}

#[test]
fn one_wrong_witness_of_three_stops_nothing() {
    for wrong in [HOUR, -HOUR, -20 * 366 * 24 * HOUR] {
        let mut log = WitnessedLog::start(&[BEGIN + wrong, BEGIN, BEGIN], "2");
        log.submit_accepted(BEGIN + 2 * MINUTE);
        let health = log.health();
        assert_eq!((&health["healthy"], &health["published"]["witnessed"]), (&json!(true), &json!(true)));
        log.assert_verifies();
    }
}

/// If any one witness is enough, the cosignature of the wrong one must not be published, because it would make all
/// links that it attests look as if they came from the future.
#[test]
fn harmful_cosignature_is_not_published() {
    let mut log = WitnessedLog::start(&[BEGIN - HOUR, BEGIN], "any");
    for _ in 0..5 {
        log.submit_accepted(BEGIN);
    }
    log.assert_verifies();
}

/// If the witnesses were away while the log's clock was wrong, the links accepted meanwhile are attested once their
/// time has come.
#[test]
fn links_from_the_future_wait_for_cosignatures() {
    let mut log = WitnessedLog::start_at(BEGIN + HOUR, &[0], "all");
    log.submit_accepted(BEGIN + HOUR);
    assert_eq!(log.health()["clock"]["state"], "unknown");
    log.server.jump_clock_to(BEGIN);
    log.witnesses[0].set_clock(BEGIN);
    log.submit_accepted(BEGIN);
    log.until_agreed();
    assert_eq!(log.health()["published"]["witnessed"], false);
    assert_eq!(log.metric("countersign_published_unwitnessed"), "1");
    // Unattested links are remembered across a restart.
    log.server.begin();
    log.submit_accepted(BEGIN);
    assert_eq!(log.health()["published"]["witnessed"], false);
    log.pass(HOUR - 5 * MINUTE - 1);
    log.submit_accepted(BEGIN);
    assert_eq!(log.health()["published"]["witnessed"], false);
    log.pass(SECOND);
    log.submit_accepted(BEGIN);
    assert_eq!(log.health()["published"]["witnessed"], true);
    assert_eq!(log.metric("countersign_published_unwitnessed"), "0");
    log.assert_verifies();
}

#[test]
fn own_chain_follows_a_jumping_clock() {
    // A wrong clock can't be detected without witnesses.
    let server = Server::start();
    let mut log = WitnessedLog { server, witnesses: Vec::new(), chains: 0 };
    let day = 24 * HOUR;
    let clocks = [0, day, 0, 1, -MINUTE, -day, 0, 253_402_300_799_999 - BEGIN, 0];
    for clock in clocks {
        log.server.jump_clock_to(BEGIN + clock);
        log.server.confirm_clock();
        until("the clock is believed", || log.health()["clock"]["state"] == "unknown");
        log.record().unwrap();
    }
    log.submit_accepted(BEGIN);
    let own = log.own();
    assert_eq!(own.len(), clocks.len());
    for ((_, time), clock) in own.iter().zip(clocks) {
        // Never ahead of the clock by more than the log accepts from others.
        assert!((0..=2 * MINUTE).contains(&(time - BEGIN - clock)), "{time} at {clock}");
    }
    // After a small step back, the last time is repeated. After a large one, a new chain begins.
    assert_eq!((&own[3].0, own[4].1), (&own[4].0, BEGIN + 1));
    assert_ne!(own[1].0, own[2].0);
    log.server.begin();
    log.record().unwrap();
    assert_eq!(log.own().last().unwrap().1, BEGIN);
    assert_eq!(log.report().verdict.as_str(), "verified");
}

#[test]
fn own_events_have_the_believed_time_under_a_wrong_clock() {
    let mut log = WitnessedLog::start(&[BEGIN], "all");
    log.submit_accepted(BEGIN);
    for clock in [0, HOUR, -HOUR, 0] {
        log.server.jump_clock_to(BEGIN + clock);
        log.record().unwrap();
    }
    let own = log.own();
    assert_eq!(own.len(), 4);
    assert!(own.iter().all(|(chain, time)| *chain == own[0].0 && *time == BEGIN), "{own:?}");
    log.until_witnessed();
    log.assert_verifies();
}
