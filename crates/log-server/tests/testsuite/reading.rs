//! A log in its own folder, with emitters and a witness, and a clock that the test sets.

pub mod counted;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::event::{Event, Redaction};
use countersign::keys::{KeyNote, Statement};
use countersign::link::{ChainId, Link};
use countersign::log::{Limits, PendingBatch, Rules, Submission};
use countersign::merkle::PendingTree;
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{Options, Verification, VerifiedEvent, Verifier};
use countersign_log::export::{ExportError, Exporter, Request};
use countersign_log::store::{Batch, Published, Reader, Store};
use countersign_log_server::sqlite;
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};
use proptest::prelude::*;
use tempfile::TempDir;

pub const ORIGIN: &str = "log.example/audit";
pub const SECOND: i64 = 1_000;
pub const HOUR: i64 = 3_600 * SECOND;
pub const DAY: i64 = 24 * HOUR;
pub const EMITTERS: usize = 3;

/// Examples of events. Some could not be recorded through a typed interface, but they are valid events.
pub const EVENTS: [&str; 12] = [
    r#"{"action":"job.update","actor":{"id":"u_1"},"target":{"type":"job","id":"nightly"},"tenant":"acme"}"#,
    r#"{"action":"job.delete","actor":{"id":"u_2"},"target":{"type":"job","id":"weekly"},"tenant":"globex"}"#,
    r#"{"action":"session.login","actor":{"id":"u_1","name":"Ann"},"outcome":"failure","tenant":"acme"}"#,
    r#"{"action":"session.login","actor":{"id":"u_3"},"context":{"ip":"203.0.113.7"},"tenant":"acme"}"#,
    r#"{"action":"job.update.all","actor":{"id":7},"metadata":{"note":"the Night shift, again"}}"#,
    r#"{"action":"job","actor":[{"id":"u_1"},{"id":"u_2"}],"metadata":{"tags":["Ann","night"]}}"#,
    r#"{"actor.id":"u_2","outcome":"unknown","target":[{"id":"a:b","type":"x"},{"id":"b","type":"a"}]}"#,
    r#"{"outcome":{"code":1},"tenant":["acme","globex"],"n":403}"#,
    r#"{"outcome":"success","http":{"status":403,"path":"/jobs/nightly"}}"#,
    "{}",
    r#"{"z":"ΣΑΣ ÉTÉ straße","action":true}"#,
    r#"{"action":"data.export","actor":{"id":"u_1"},"target":{"type":"job","id":7},"outcome":"success"}"#,
];

/// An event in the log.
#[derive(Clone, Debug)]
pub struct LoggedEvent {
    pub index: u64,
    pub chain: ChainId,
    pub seq: u64,
    pub link: Link,
    pub event: String,
    pub erased: bool,
}

pub struct TestLog {
    pub folder: TempDir,
    pub store: Store,
    pub rules: Rules,
    pub key: SignerKey,
    issuer: SignerKey,
    witness: SignerKey,
    emitters: Vec<SignerKey>,
    recorders: Vec<Option<Recorder>>,
    pub now: i64,
    drawn: u64,
    pub logged: Vec<LoggedEvent>,
}

fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, [seed; 32]).unwrap()
}

fn trust_in<'a>(
    log: &SignerKey,
    witness: &SignerKey,
    issuer: &SignerKey,
    emitters: impl Iterator<Item = &'a SignerKey>,
) -> Trust {
    let mut lines = vec![
        format!("log {}", log.verifier_key()),
        format!("witness w {}", witness.verifier_key()),
        "quorum w".to_owned(),
        format!("issuer {}", issuer.verifier_key()),
    ];
    lines.extend(emitters.map(|emitter| format!("emitter {}", emitter.verifier_key())));
    Trust::parse(lines.join("\n").as_bytes()).unwrap()
}

impl TestLog {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = sqlite::open(folder.path(), ORIGIN).unwrap();
        let log = key(ORIGIN, 1);
        let issuer = key("example.com", 2);
        let witness = SignerKey::witness_from_seed("w.example", [3; 32]).unwrap();
        let emitters: Vec<SignerKey> =
            (0..EMITTERS as u8).map(|number| key(&format!("example.com/e{number}"), 10 + number)).collect();
        let trust = trust_in(&log, &witness, &issuer, emitters.iter());
        let trust = trust.with_emitter(log.verifier_key().clone()).unwrap();
        Self {
            folder,
            store,
            rules: Rules::new(ORIGIN, Some(trust)),
            key: log,
            issuer,
            witness,
            emitters,
            recorders: (0..EMITTERS).map(|_| None).collect(),
            now: "2026-10-30T22:00:00.000Z".parse::<Time>().unwrap().millis(),
            drawn: 0,
            logged: Vec::new(),
        }
    }

    /// Returns a log with a few chains, days, key notes, and checkpoints.
    pub fn small() -> Self {
        let mut log = Self::new();
        for round in 0..40 {
            for emitter in 0..EMITTERS {
                for event in 0..5 {
                    log.record(emitter, EVENTS[(round * 7 + emitter * 3 + event) % EVENTS.len()]);
                    log.now += SECOND;
                }
            }
            log.flush_all();
            if round % 3 == 0 {
                log.grant(round as u8);
            }
            log.checkpoint();
            log.now += 5 * HOUR;
            if round % 11 == 10 {
                log.close(round % EMITTERS);
            }
        }
        log.checkpoint();
        log
    }

    pub fn trust(&self) -> Trust {
        self.rules.trust().unwrap().clone()
    }

    /// Returns the trust of a reader who doesn't name this emitter, so that only a grant in the log can authorize it.
    pub fn trust_without(&self, emitter: usize) -> Trust {
        let others = self.emitters.iter().enumerate().filter(|(number, _)| *number != emitter);
        trust_in(&self.key, &self.witness, &self.issuer, others.map(|(_, other)| other))
    }

    pub fn reader(&self) -> &Arc<dyn Reader> {
        &self.store.reader
    }

    pub fn size(&self) -> u64 {
        self.store.writer.size()
    }

    pub fn time(&self) -> Time {
        Time::from_millis(self.now).unwrap()
    }

    fn draw(&mut self) -> [u8; 16] {
        self.drawn += 1;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.drawn.to_be_bytes());
        bytes
    }

    /// Records an event without submitting it.
    pub fn record(&mut self, emitter: usize, event: &str) {
        let (nonce, salt, now) = (self.draw(), self.draw(), self.time());
        let key = &self.emitters[emitter];
        let recorder = self.recorders[emitter].get_or_insert_with(|| {
            let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), now, &nonce).unwrap();
            recorder.sign_with(key).unwrap();
            recorder
        });
        let event = Event::parse(event.as_bytes(), &Redaction::none()).unwrap();
        recorder.record(&event, now, &salt).unwrap();
    }

    pub fn close(&mut self, emitter: usize) {
        let now = self.time();
        if let Some(mut recorder) = self.recorders[emitter].take() {
            recorder.flush();
            recorder.sign_with(&self.emitters[emitter]).unwrap();
            recorder.close(now).unwrap();
            recorder.sign_with(&self.emitters[emitter]).unwrap();
            let body = recorder.drain();
            self.submit(&body);
        }
    }

    /// Signs and submits what an emitter recorded.
    pub fn flush(&mut self, emitter: usize) {
        if let Some(recorder) = &mut self.recorders[emitter] {
            recorder.flush();
            recorder.sign_with(&self.emitters[emitter]).unwrap();
            let body = recorder.drain();
            if !body.is_empty() {
                self.submit(&body);
            }
        }
    }

    pub fn flush_all(&mut self) {
        (0..EMITTERS).for_each(|emitter| self.flush(emitter));
    }

    /// Grants access to another key, for one day.
    pub fn grant(&mut self, number: u8) {
        let grant = Statement::Grant {
            key: key(&format!("example.com/other{number}"), 100).verifier_key().clone(),
            from: None,
            until: Time::from_millis(self.now + DAY),
        };
        self.state(grant);
    }

    /// Grants access to an emitter's key without bounds.
    pub fn grant_emitter(&mut self, emitter: usize) {
        let key = self.emitters[emitter].verifier_key().clone();
        self.state(Statement::Grant { key, from: None, until: None });
    }

    /// Revokes another key.
    pub fn revoke(&mut self, number: u8) {
        let revoke = Statement::Revoke {
            key: key(&format!("example.com/other{number}"), 100).verifier_key().clone(),
            since: Time::from_millis(self.now - 7 * HOUR),
        };
        self.state(revoke);
    }

    fn state(&mut self, statement: Statement) {
        let note = KeyNote::sign(ORIGIN, &[statement], &self.issuer).unwrap();
        let mut writer = countersign::export::writer::Writer::new();
        writer.note(&note);
        let line = writer.as_str().to_owned();
        self.submit(&line);
    }

    pub fn submit(&mut self, body: &str) {
        let writer = &mut self.store.writer;
        let submission = Submission::parse(body.as_bytes(), &Limits::default()).unwrap();
        let mut growth = PendingBatch::new(writer.size());
        growth
            .submit(&self.rules, writer.state(), &submission, Time::MAX)
            .unwrap_or_else(|_| panic!("the submission is rejected"));
        let mut tree = PendingTree::new(&writer.edge().unwrap());
        tree.extend(&growth.leaves().iter().map(|leaf| leaf.hash).collect::<Vec<_>>());
        let batch = Batch { growth: &growth, tree: &tree, publish: None, erasures: &[], signed_size: None };
        writer.commit(&batch).unwrap();
        for (leaf, index) in growth.leaves().iter().zip(growth.base()..) {
            if let (Some(link), Some(event)) = (leaf.link(), leaf.event()) {
                let (link, event) = (link.clone(), event.text.clone());
                let (chain, seq) = (link.chain(), link.seq());
                self.logged.push(LoggedEvent { index, chain, seq, link, event, erased: false });
            }
        }
    }

    /// Publishes a witnessed checkpoint of everything submitted.
    pub fn checkpoint(&mut self) {
        let size = self.store.writer.size();
        let root = self.store.writer.edge().unwrap().root().unwrap();
        let checkpoint = Checkpoint::new(ORIGIN, size, root).unwrap();
        let seconds = (self.now / SECOND).unsigned_abs();
        let note = checkpoint.sign(&self.key).unwrap() + &checkpoint.cosign(&self.witness, seconds).unwrap();
        self.store.writer.publish(&Published { size, note, at: self.time(), witnessed: true }).unwrap();
    }

    pub fn erase(&mut self, indexes: &[u64]) {
        self.store.writer.erase(indexes).unwrap();
        for logged in &mut self.logged {
            logged.erased |= indexes.contains(&logged.index);
        }
    }

    pub fn exporter(&self) -> Exporter {
        Exporter::new(self.reader().clone(), ORIGIN, Some(self.trust()))
    }

    /// Returns the events that an export should show, by scanning all of them.
    pub fn naive(&self, request: &Request) -> Vec<u64> {
        let published = self.reader().published().unwrap().unwrap().size;
        let (from, to) = (request.from.unwrap_or(0), request.to.unwrap_or(published));
        let matches = |logged: &&LoggedEvent| {
            let event = Document::parse(&logged.event).unwrap();
            let (root, chain) = (event.root(), logged.chain.to_string());
            let parsers = Parsers::built_in();
            let read = parsers.parse(&root);
            let entry = Entry {
                event: Some(root),
                roots: &[],
                read: read.as_ref(),
                recorded: logged.link.time(),
                chain: &chain,
                signer: None,
            };
            (from..to).contains(&logged.index) && !logged.erased && request.filter.query().matches(&entry)
        };
        let found: Vec<u64> = self.logged.iter().filter(matches).map(|logged| logged.index).collect();
        let max = request.limit.map_or(found.len(), |limit| limit as usize);
        let newest = found[found.len().saturating_sub(max)..].to_vec();
        if !request.filter.is_of_time_alone() {
            return newest;
        }
        // A range of time is exported completely, including events that don't match other conditions.
        let has_condition = |name| request.filter.names().contains(&name);
        let matching: Vec<u64> = if request.limit.is_some() {
            newest.clone()
        } else {
            let leaves = self.reader().leaves(from..to).unwrap();
            let links = (from..to).zip(leaves).filter_map(|(index, leaf)| {
                Some((index, Link::parse(str::from_utf8(&leaf).ok()?).ok()?.time()))
            });
            let matches_time = |time| request.filter.query().matches(&Entry::recorded(time));
            links.filter(|(_, time)| matches_time(*time)).map(|(index, _)| index).collect()
        };
        let (Some(&first), Some(&last)) = (matching.first(), matching.last()) else {
            return if request.filter.is_empty() { newest } else { Vec::new() };
        };
        let is_full = request.limit.is_some_and(|limit| newest.len() as u64 == limit);
        let range = if has_condition("since") || is_full { first } else { from }..if has_condition("until") {
            last + 1
        } else {
            to
        };
        let here = self.logged.iter().filter(|logged| range.contains(&logged.index) && !logged.erased);
        here.map(|logged| logged.index).collect()
    }
}

/// Configures the number of cases, with the same seed in every run.
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(0x7265_6164),
        ..ProptestConfig::default()
    }
}

/// Returns a request with these conditions.
pub fn request(conditions: &[(&str, &str)]) -> Request {
    let mut request = Request::default();
    for (name, value) in conditions {
        request.filter.set(name, value, "2026-11-05T00:00:00.000Z".parse().unwrap()).unwrap();
    }
    request
}

pub fn export(exporter: &Exporter, request: &Request) -> Result<String, ExportError> {
    let mut lines = exporter.plan(request, &|| false)?.lines();
    let mut text = Vec::new();
    while let Some(piece) = lines.next_piece()? {
        assert!(piece.ends_with(b"\n"));
        text.extend(piece);
    }
    Ok(String::from_utf8(text).unwrap())
}

/// Verifies an export, and returns the report and the events shown.
pub fn verify(export: &str, trust: Trust, pins: Vec<SignedCheckpoint>) -> (Verification, Vec<VerifiedEvent>) {
    let mut verifier = Verifier::new(Options {
        trust,
        pins: pins.into_iter().map(Into::into).collect(),
        events: true,
        ..Options::default()
    });
    verifier.push(export.as_bytes());
    let (verification, update) = verifier.finish_with_update();
    (verification, update.events)
}

pub fn shown(events: &[VerifiedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.index).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Returns the bytes of all files in a folder, concatenated.
pub fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(all_bytes(&path));
        } else {
            bytes.extend(std::fs::read(&path).unwrap());
        }
    }
    bytes
}

pub fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A step in the history of a log.
#[derive(Clone, Debug)]
pub enum Step {
    Record { emitter: usize, events: Vec<usize> },
    Flush { emitter: usize },
    Close { emitter: usize },
    Grant { number: u8 },
    Revoke { number: u8 },
    Checkpoint,
    Wait { millis: i64 },
    Erase { place: usize },
}

pub fn steps(max: usize) -> impl Strategy<Value = Vec<Step>> {
    let emitter = || 0..EMITTERS;
    let step = prop_oneof![
        8 => (emitter(), proptest::collection::vec(0..EVENTS.len(), 1..12))
            .prop_map(|(emitter, events)| Step::Record { emitter, events }),
        4 => emitter().prop_map(|emitter| Step::Flush { emitter }),
        1 => emitter().prop_map(|emitter| Step::Close { emitter }),
        1 => any::<u8>().prop_map(|number| Step::Grant { number }),
        1 => any::<u8>().prop_map(|number| Step::Revoke { number }),
        3 => Just(Step::Checkpoint),
        3 => prop_oneof![Just(SECOND), Just(HOUR), Just(9 * HOUR), Just(3 * DAY)]
            .prop_map(|millis| Step::Wait { millis }),
        2 => any::<prop::sample::Index>().prop_map(|place| Step::Erase { place: place.index(1 << 20) }),
    ];
    proptest::collection::vec(step, 1..max)
}

impl TestLog {
    pub fn build(steps: &[Step]) -> Self {
        let mut log = Self::new();
        for step in steps {
            log.step(step);
        }
        log.flush_all();
        log.checkpoint();
        log
    }

    pub fn step(&mut self, step: &Step) {
        match *step {
            Step::Record { emitter, ref events } => {
                for event in events {
                    self.record(emitter, EVENTS[*event]);
                    self.now += 10;
                }
            }
            Step::Flush { emitter } => self.flush(emitter),
            Step::Close { emitter } => self.close(emitter),
            Step::Grant { number } => self.grant(number),
            Step::Revoke { number } => self.revoke(number),
            Step::Checkpoint => self.checkpoint(),
            Step::Wait { millis } => {
                // A witness sees everything before time passes, as in a real log.
                self.flush_all();
                self.checkpoint();
                self.now += millis;
            }
            Step::Erase { place } => {
                if !self.logged.is_empty() {
                    let index = self.logged[place % self.logged.len()].index;
                    self.erase(&[index]);
                }
            }
        }
    }
}

/// Generates conditions. Many of them match something.
pub fn filters() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let condition = prop_oneof![
        prop_oneof![Just("u_1"), Just("u_2"), Just("u_3"), Just("7"), Just("nobody")]
            .prop_map(|value| ("actor", value)),
        prop_oneof![
            Just("job.update"),
            Just("job.*"),
            Just("job"),
            Just("session.login"),
            Just("true"),
            Just("job.update.*")
        ]
        .prop_map(|value| ("action", value)),
        prop_oneof![Just("nightly"), Just("job:weekly"), Just("a:b"), Just("job:7"), Just("x:a:b")]
            .prop_map(|value| ("target", value)),
        prop_oneof![Just("success"), Just("failure"), Just("unknown")].prop_map(|value| ("outcome", value)),
        prop_oneof![Just("acme"), Just("globex")].prop_map(|value| ("tenant", value)),
        prop_oneof![Just("2026-10-31"), Just("2026-11-03")].prop_map(|value| ("since", value)),
        prop_oneof![Just("2026-10-31"), Just("2026-11-05")].prop_map(|value| ("until", value)),
        prop_oneof![
            Just("night"),
            Just("ann"),
            Just("403"),
            Just("σας"),
            Just("été STRASSE"),
            Just("Straße")
        ]
        .prop_map(|value| ("q", value)),
        prop_oneof![
            Just("actor:u_1,ANN"),
            Just("action:session.*,job.update -tenant:ACME"),
            Just("target:job:nightly OR http.status>=403"),
            Just("n:403.0"),
            Just("metadata.note:\"the night\"*"),
            Just("ight"),
            Just("\"the night shift\""),
            Just("outcome:not-stated -action:job*"),
            Just("outcome:success,failure"),
            Just("ip:203.0.113.0/24"),
            Just("since:2026-11-03 until:2026-11-05"),
            Just("recorded-until:2026-11-03 has:tenant"),
            Just("as:countersign word:ann"),
            Just("action:true OR chain:0*"),
        ]
        .prop_map(|value| ("query", value)),
    ];
    proptest::collection::vec(condition, 1..3).prop_map(|mut conditions| {
        conditions.sort_unstable();
        conditions.dedup_by_key(|(name, _)| *name);
        conditions
    })
}
