//! Tests of a clock that jumps.

use std::sync::atomic::Ordering;

use countersign::checkpoint::SignedCheckpoint;
use countersign::log::Limits;
use countersign::merkle::{CompactRange, leaf_hash};
use countersign::tenant::DirectoryEntry;
use countersign::time::Time;
use countersign::verify::{Expectations, MaxAge, Options, Verifier};
use countersign_log::export::{Exporter, Request};
use countersign_log::store::Published;
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::clock_file;
use countersign_log_server::server::Bounds;
use countersign_log_server::tokens;
use serde_json::json;

use crate::common::emitter::{Attempt, BEGIN, Emitter};
use crate::common::server::{Answer, ORIGIN, Server, emitter_key, until};
use crate::common::witness::Witness;
use crate::tenants::world::{Customer, World, emitters, receipt};

const HOUR: i64 = 3_600_000;
/// A full hour, later than everything that emitters record.
const FULL_HOUR: i64 = (BEGIN / HOUR + 1) * HOUR;

/// Returns the stored checkpoints after verifying each.
fn stored_checkpoints(server: &Server) -> Vec<Published> {
    let kept = server.reader().checkpoints(0..u64::MAX >> 1).unwrap();
    let leaves = server.reader().leaves(0..server.size()).unwrap();
    for published in &kept {
        let mut range = CompactRange::new();
        leaves.iter().take(published.size as usize).for_each(|leaf| range.append(leaf_hash(leaf)));
        let signed = SignedCheckpoint::parse(&published.note).unwrap().checkpoint;
        assert_eq!(
            (signed.size, range.root().unwrap_or_else(countersign::merkle::empty_root)),
            (published.size, signed.root)
        );
    }
    let newest = server.reader().published().unwrap().unwrap();
    assert_eq!(kept.last(), Some(&newest));
    kept
}

fn grow(server: &Server, emitter: &mut Emitter, at: i64) {
    server.set_clock(at);
    emitter.record(2);
    emitter.deliver_all(&server.url(), 3);
}

/// Returns the hours of the kept checkpoints of a non-empty log.
fn hours(server: &Server) -> Vec<i64> {
    stored_checkpoints(server)
        .iter()
        .filter(|kept| kept.size > 0)
        .map(|kept| (kept.at.millis() - FULL_HOUR).div_euclid(HOUR))
        .collect()
}

#[test]
fn keeps_a_checkpoint_of_each_hour() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    for at in [0, 1, HOUR - 1, HOUR, HOUR + 1, 2 * HOUR - 1, 2 * HOUR, 9 * HOUR, 9 * HOUR + 7, 200 * HOUR] {
        grow(&server, &mut emitter, FULL_HOUR + at);
    }
    assert_eq!(hours(&server), [0, 1, 2, 9, 200]);
    // Each is the last one of its hour.
    let sizes: Vec<u64> = stored_checkpoints(&server).iter().map(|kept| kept.size).collect();
    assert!(sizes.ends_with(&[7, 13, 15, 19, 21]), "{sizes:?}");
}

#[test]
fn jumping_clock_loses_no_hour() {
    let mut server = Server::start();
    let mut emitter = server.emitter(0);
    for hour in [0, 5, 3, 3, 5, 4, 400_000, 4, 5] {
        server.restart_at(FULL_HOUR + hour * HOUR + HOUR / 2);
        grow(&server, &mut emitter, FULL_HOUR + hour * HOUR + HOUR / 2);
    }
    assert_eq!(hours(&server), [0, 5, 3, 5, 4, 400_000, 4, 5]);
    server.restart_at(253_402_300_799_999);
    grow(&server, &mut emitter, 253_402_300_799_999);
    server.restart_at(FULL_HOUR);
    grow(&server, &mut emitter, FULL_HOUR);
    assert_eq!(server.size(), 23);
    assert_eq!(hours(&server)[8..], [(253_402_300_799_999 - FULL_HOUR) / HOUR, 0]);
}

#[test]
fn slow_clock_delays_emitters_and_loses_nothing() {
    let mut server = Server::start();
    let mut emitter = server.emitter(0);
    grow(&server, &mut emitter, BEGIN);
    emitter.record(2);
    for clock in [BEGIN - 60 * 24 * HOUR, BEGIN - 300_000 - 1_000] {
        server.set_clock(clock);
        server.begin();
        assert_eq!(emitter.deliver(&server.url(), 0, usize::MAX), Attempt::Later);
        let answer = server.submit(emitter.body(0, usize::MAX).0);
        assert_eq!(answer.refusal(), (503, "submit.early".into()));
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!((server.size(), server.get("/checkpoint").status), (3, 200));
    }
    server.set_clock(BEGIN);
    emitter.deliver_all(&server.url(), usize::MAX);
    assert_eq!(server.size(), 5);
}

#[test]
fn entries_stay_in_order_under_a_jumping_clock() {
    let mut server = Server::start();
    let mut emitters: Vec<Emitter> =
        (0..3).map(|number| Emitter::new(ORIGIN, emitter_key(number), 0, server.trust())).collect();
    for (round, hour) in [10, 2, 90, 0, 90, 89].into_iter().enumerate() {
        server.restart_at(FULL_HOUR + hour * HOUR);
        for emitter in &mut emitters {
            grow(&server, emitter, FULL_HOUR + hour * HOUR);
        }
        // The log's own chain uses the same clock.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime
            .block_on(server.log_server().record(&json!({ "action": "log.test", "round": round })))
            .unwrap();
    }
    for emitter in &mut emitters {
        emitter.close();
        emitter.deliver_all(&server.url(), usize::MAX);
    }
    let trust = server.trust().with_emitter(server.log_server().key().clone()).unwrap();
    server.begin();
    let exporter = Exporter::new(server.reader().clone(), ORIGIN, Some(trust.clone()));
    let mut lines = exporter.plan(&Request::default(), &|| false).unwrap().lines();
    let mut verifier = Verifier::new(Options { trust, ..Options::default() });
    while let Some(piece) = lines.next_piece().unwrap() {
        verifier.push(&piece);
    }
    let report = verifier.finish().report;
    assert_eq!(report.verdict.as_str(), "verified", "{report:#?}");
    assert_eq!(report.counts.entries, server.size());
}

/// The log's witness, which is a quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quorum {
    None,
    /// It answers, and its clock is right.
    Answering,
    /// It cosigns nothing.
    Silent,
}

const QUORUMS: [Quorum; 3] = [Quorum::None, Quorum::Answering, Quorum::Silent];
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;
const MINUTE: i64 = 60_000;

/// A log of either kind whose clock is set wrong.
struct Scene {
    world: World,
    customer: Option<Customer>,
    token: String,
    /// A token for the metrics.
    admin: String,
    chains: u64,
    witness: Option<Witness>,
}

impl Scene {
    /// Starts logs of both kinds, whose clocks are ahead of the true time by `ahead`.
    fn both(quorum: Quorum, ahead: i64) -> [Self; 2] {
        [false, true].map(|has_tenants| {
            let witness = match quorum {
                Quorum::None => None,
                Quorum::Answering => Some(Witness::start(0, BEGIN)),
                Quorum::Silent => Some(Witness::start(0, 0)),
            };
            let lines = witness.as_ref().map(|witness| witness.line("w0") + "quorum w0\n");
            let trust = emitters() + &lines.unwrap_or_default();
            let mut world = World::stopped(&trust, Bounds::default());
            if !has_tenants {
                world.server = Server::stopped(BEGIN, &trust, Limits::default(), Bounds::default());
            }
            world.server.clock.store(BEGIN + ahead, Ordering::SeqCst);
            world.server.begin();
            let customer = has_tenants.then(|| world.add("acme"));
            #[allow(clippy::single_match_else, reason = "two kinds of logs")]
            let (token, admin) = match &customer {
                Some(customer) => {
                    (world.token("acme", "read", &[&customer.id]), world.token("ops", "admin", &["*"]))
                }
                None => {
                    let folder = world.server.folder();
                    let add = |name, rights| {
                        let token = tokens::add(folder, name, rights, None, Scope::default()).unwrap();
                        token.as_str().to_owned()
                    };
                    (add("auditor", Rights::READ), add("ops", "admin".parse().unwrap()))
                }
            };
            Self { world, customer, token, admin, chains: 0, witness }
        })
    }

    fn server(&self) -> &Server {
        &self.world.server
    }

    fn now(&self) -> i64 {
        self.server().clock.load(Ordering::SeqCst)
    }

    /// Submits a chain dated `dated`.
    fn submit(&mut self, dated: i64) -> Answer {
        self.chains += 1;
        let (key, chain) = (emitter_key(0), self.chains);
        match self.customer.clone() {
            None => {
                let mut emitter = Emitter::beginning_at(dated - 1, ORIGIN, key, chain, self.server().trust());
                emitter.record(1);
                self.server().submit(emitter.body(0, usize::MAX).0)
            }
            Some(customer) => {
                let trust = self.world.trust(&customer);
                let mut emitter = Emitter::beginning_at(dated - 1, &customer.origin, key, chain, trust);
                emitter.record(1);
                self.world.submit(&customer.id, emitter.body(0, usize::MAX).0)
            }
        }
    }

    fn assert_accepts(&mut self, dated: i64) {
        let answer = self.submit(dated);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }

    /// Checks that readers are served, and that no clock problem is called a problem of the storage.
    fn assert_serves(&self) {
        let answer = match &self.customer {
            None => self.world.get("/export", &self.token),
            Some(customer) => self.world.get(&format!("/t/{}/export", customer.id), &self.token),
        };
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let metrics = self.metrics();
        let fails = |line: &str| line.starts_with("countersign_commits_failing{") && line.ends_with(" 1");
        assert!(!metrics.lines().any(fails), "{metrics}");
    }

    fn metrics(&self) -> String {
        String::from_utf8(self.world.get("/metrics", &self.admin).body).unwrap()
    }

    /// Returns the state of the clock, as the metric shows it.
    fn state(&self) -> String {
        let metrics = self.metrics();
        let states: Vec<&str> = metrics
            .lines()
            .filter_map(|line| line.strip_prefix("countersign_clock_state{state=\"")?.strip_suffix("\"} 1"))
            .collect();
        assert_eq!(states.len(), 1, "{metrics}");
        states[0].to_owned()
    }

    /// Returns the times of all ticks, which increase.
    fn ticks(&self) -> Vec<i64> {
        if self.customer.is_none() {
            return Vec::new();
        }
        let entries = self.server().reader().leaves(0..self.server().size()).unwrap();
        let time = |entry: &Vec<u8>| {
            DirectoryEntry::parse(std::str::from_utf8(entry).unwrap()).unwrap().time.millis()
        };
        let times: Vec<i64> = entries.iter().map(time).collect();
        assert!(times.windows(2).all(|pair| pair[0] + 1000 <= pair[1]), "{times:?}");
        times
    }

    fn restart(&mut self) {
        if self.customer.is_some() { self.world.restart() } else { self.world.server.begin() }
    }
}

#[test]
fn clock_that_jumps_while_the_log_runs_changes_nothing() {
    for quorum in QUORUMS {
        for mut scene in Scene::both(quorum, 0) {
            for jump in [3 * MINUTE, -3 * MINUTE, HOUR, -2 * HOUR, DAY, -DAY, 10 * YEAR, -30 * YEAR, -BEGIN] {
                let now = scene.now();
                scene.server().jump_clock_to(now + jump);
                scene.assert_accepts(now);
                assert_eq!(scene.state(), "jumped", "{jump} {quorum:?}");
                scene.assert_serves();
                // The emitter's own clock may be the one that jumped.
                if jump > 2 * MINUTE {
                    assert_eq!(scene.submit(now + jump).refusal(), (503, "submit.early".into()));
                }
                scene.server().jump_clock_to(scene.now() - jump);
                scene.assert_accepts(now);
                let right = if quorum == Quorum::Answering { "agrees" } else { "unknown" };
                assert_eq!(scene.state(), right);
                scene.assert_serves();
            }
            assert!(scene.ticks().last().is_none_or(|last| last - scene.now() <= 20_000));
            // Nothing of this is left after a restart.
            scene.restart();
            scene.assert_accepts(BEGIN);
            scene.assert_serves();
        }
    }
}

/// Without witnesses, a start can't tell that a clock is wrong by less than 90 days. It is corrected while the log runs.
#[test]
fn ticks_continue_after_a_start_with_a_clock_that_was_ahead() {
    for quorum in [Quorum::None, Quorum::Silent] {
        for mut scene in Scene::both(quorum, 0) {
            scene.world.server.stop();
            scene.server().jump_clock_to(BEGIN + 89 * DAY);
            scene.restart();
            scene.assert_accepts(BEGIN + 89 * DAY);
            let ahead = scene.ticks().last().copied();
            scene.server().jump_clock_to(BEGIN);
            scene.assert_accepts(BEGIN);
            assert_eq!(scene.state(), "jumped");
            scene.server().pass(10 * MINUTE);
            let state = if ahead.is_some() { "behind_last_tick" } else { "unknown" };
            assert_eq!(scene.state(), state);
            for _ in 0..3 {
                scene.assert_accepts(BEGIN);
                scene.assert_serves();
            }
            assert_eq!(scene.submit(BEGIN + DAY).refusal(), (503, "submit.early".into()));
            let times = scene.ticks();
            if let Some(ahead) = ahead {
                assert!(times.last().unwrap() - ahead <= 20_000, "later ticks don't jump further");
            }
            scene.restart();
            assert_eq!(scene.state(), state);
            scene.assert_accepts(BEGIN);
            scene.assert_serves();
        }
    }
}

#[test]
fn start_with_a_clock_that_is_wrong_by_years_reads_and_waits() {
    for quorum in [Quorum::None, Quorum::Silent] {
        for wrong in [10 * YEAR, -40 * YEAR, 91 * DAY, -91 * DAY] {
            for mut scene in Scene::both(quorum, 0) {
                scene.assert_accepts(BEGIN);
                scene.world.server.stop();
                let right = scene.now();
                scene.server().jump_clock_to(right + wrong);
                scene.restart();
                assert_eq!(scene.state(), "implausible", "{wrong} {quorum:?}");
                for dated in [right, right + wrong] {
                    let answer = scene.submit(dated);
                    assert_eq!(answer.refusal(), (503, "log.clock".into()));
                    let hint = answer.json()["error"]["hint"].as_str().unwrap().to_owned();
                    assert!(hint.contains("countersign clock --dir DIR --confirm"), "{hint}");
                }
                let recorded = scene.server().wait(scene.server().log_server().record(&json!({ "a": 1 })));
                assert!(recorded.is_err());
                scene.assert_serves();
                let last = scene.ticks().last().copied();
                assert!(last.is_none_or(|last| (last - right).abs() <= 20_000), "its own time goes on");
                // Nothing has to be done once the clock is right.
                scene.server().jump_clock_to(right);
                assert_ne!(scene.state(), "implausible");
                scene.assert_accepts(right);
                scene.assert_serves();
                scene.ticks();
            }
        }
    }
}

#[test]
fn witnesses_that_answer_decide_at_a_start() {
    for mut scene in Scene::both(Quorum::Answering, 0) {
        scene.assert_accepts(BEGIN);
        scene.world.server.stop();
        // It was off for years, and its clock is right.
        clock_file::confirm(scene.server().folder(), Time::from_millis(BEGIN - 5 * YEAR).unwrap()).unwrap();
        scene.restart();
        assert_eq!(scene.state(), "agrees");
        scene.assert_accepts(BEGIN);
        scene.assert_serves();
    }
}

/// An older version dated ticks and checkpoints by a clock that was years ahead, and had no file of its newest time.
#[test]
fn folder_that_is_dated_years_ahead_is_read_and_continues_after_a_confirmation() {
    for quorum in [Quorum::None, Quorum::Silent] {
        for mut scene in Scene::both(quorum, 10 * YEAR) {
            scene.assert_accepts(BEGIN + 10 * YEAR);
            scene.world.server.stop();
            std::fs::remove_file(scene.server().folder().join(clock_file::FILE)).unwrap();
            scene.server().jump_clock_to(BEGIN);
            scene.restart();
            assert_eq!(scene.state(), "implausible");
            assert_eq!(scene.submit(BEGIN).refusal(), (503, "log.clock".into()));
            scene.assert_serves();
            scene.server().confirm_clock();
            until("the confirmation counts", || scene.state() != "implausible");
            for _ in 0..2 {
                scene.assert_accepts(BEGIN);
                scene.assert_serves();
                scene.restart();
            }
            let state = if scene.customer.is_some() { "behind_last_tick" } else { "unknown" };
            assert_eq!(scene.state(), state);
            scene.ticks();
        }
    }
}

/// SPEC section 16.3.
#[test]
fn readers_and_recorders_conclude_from_ticks_that_are_dated_ahead_what_the_specification_says() {
    for quorum in [Quorum::None, Quorum::Answering] {
        let [_, mut scene] = Scene::both(quorum, 0);
        scene.assert_accepts(BEGIN);
        // Its witness is away when it starts with a wrong clock.
        if let Some(witness) = &scene.witness {
            witness.set_clock(0);
        }
        scene.world.server.stop();
        scene.server().jump_clock_to(BEGIN + 89 * DAY);
        scene.restart();
        scene.server().jump_clock_to(BEGIN);
        assert_eq!(scene.state(), "jumped");
        scene.server().pass(10 * MINUTE);
        if let Some(witness) = &scene.witness {
            witness.set_clock(scene.now());
        }
        scene.world.tick();
        let customer = scene.customer.clone().unwrap();
        let trust = scene.world.trust(&customer);
        let mut emitter = Emitter::beginning_at(BEGIN, &customer.origin, emitter_key(1), 900, trust.clone());
        emitter.record(1);
        let answer = scene.world.submit(&customer.id, emitter.body(0, usize::MAX).0);
        assert_eq!(scene.state(), "behind_last_tick");
        let receipt = receipt(&answer, &customer.origin, &emitter.chain().to_string());
        let last = emitter.outbox.back().unwrap().leaf.clone();
        let receipt_counts = receipt.verify(last.as_bytes(), None, &trust).is_ok();
        let export = scene.world.export(&customer, &scene.token);
        let now = Time::from_millis(scene.now() + HOUR).unwrap();
        let concluded = [None, Some(MaxAge { seconds: 60, now })].map(|max_age| {
            let expect = Expectations { max_age, ..Expectations::default() };
            let mut verifier = Verifier::new(Options { trust: trust.clone(), expect, ..Options::default() });
            verifier.push(export.as_bytes());
            let report = verifier.finish().report;
            let codes = report.findings.iter().map(|finding| finding.code.as_str());
            let codes: Vec<&str> = codes.filter(|code| *code != "chain.open").collect();
            format!("{} {}", report.verdict.as_str(), codes.join(" "))
        });
        if quorum == Quorum::None {
            assert_eq!((concluded, receipt_counts), (["verified ", "not_checked "].map(str::to_owned), true));
        } else {
            let broken = ["broken witness.quorum"; 2];
            assert_eq!((concluded, receipt_counts), (broken.map(str::to_owned), false));
        }
    }
}

#[test]
fn newest_known_time_is_kept_every_hour_and_at_a_stop() {
    let mut server = Server::start();
    let file = server.folder().join(clock_file::FILE);
    let kept = || std::fs::read_to_string(&file).unwrap_or_default();
    let line = |millis: i64, word| format!("{} {word}\n", Time::from_millis(millis).unwrap());
    until("it is written", || kept() == line(BEGIN, "believed"));
    server.set_clock(BEGIN + HOUR);
    until("it is written again", || kept() == line(BEGIN + HOUR, "believed"));
    server.jump_clock_to(BEGIN + YEAR);
    until("the jump is written", || kept() == line(BEGIN + HOUR, "jumped"));
    server.pass(1);
    server.stop();
    assert_eq!(kept(), line(BEGIN + HOUR + 1, "jumped"));
    // A file that can't be read is replaced.
    std::fs::write(&file, "soon\n").unwrap();
    server.jump_clock_to(BEGIN + HOUR);
    server.begin();
    until("it is replaced", || kept() == line(BEGIN + HOUR, "believed"));
}
