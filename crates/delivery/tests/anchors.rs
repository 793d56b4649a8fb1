//! Tests of what a recorder notices of an operator who shows one history to writers and another to readers, by
//! alternating the directories of ticks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::event::{Event, Redaction};
use countersign::hash::Hash;
use countersign::log::{Empty, Limits, PendingBatch, Rules, Submission};
use countersign::merkle::{CompactRange, PendingTree, consistency_proof, inclusion_proof, leaf_hash};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::tenant::{Anchor, Head, HeadProof, Since, State, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_delivery::{
    Answer, Delivery, DeliveryError, LogServer, Memory, Outbox, RefusedAnswer, Step, Store as _,
};
use serde_json::{Map, Value, json};

const ROOT: &str = "log.example";
const ORIGIN: &str = "log.example/t/8f000000000000000000000000000001";

fn root_key() -> SignerKey {
    SignerKey::from_seed(ROOT, [1; 32]).unwrap()
}

fn emitter() -> SignerKey {
    SignerKey::from_seed("example.com/app", [9; 32]).unwrap()
}

fn trust(more: &str) -> Trust {
    Trust::parse(format!("log {}\n{more}", root_key().verifier_key()).as_bytes()).unwrap()
}

fn tree(leaves: &[Hash]) -> PendingTree {
    let mut tree = PendingTree::new(&CompactRange::new());
    tree.extend(leaves);
    tree
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

/// A history of the tenant log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum History {
    /// All entries.
    True,
    /// As many entries, of which the first is another one.
    Rewritten,
    /// All entries but the last.
    Shortened,
}

/// An operator who chooses a history for each tick.
struct Operator {
    rules: Rules,
    growth: PendingBatch,
    ticks: PendingTree,
    /// The anchors, not yet proven, with the entries that they contain.
    anchors: BTreeMap<u64, (Anchor, Vec<Hash>)>,
    /// A change of each answer.
    change: fn(&mut Value),
    /// The heads that the writers stated.
    stated: Vec<String>,
    /// The seconds by which each tick is late.
    seconds_late: i64,
}

impl Operator {
    fn new() -> Self {
        let key = emitter();
        let rules = trust(&format!("issuer {0}\nemitter {0}\n", key.verifier_key()));
        Self {
            rules: Rules::new(ORIGIN, Some(rules)),
            growth: PendingBatch::new(0),
            ticks: tree(&[]),
            anchors: BTreeMap::new(),
            change: |_| {},
            stated: Vec::new(),
            seconds_late: 0,
        }
    }

    /// Lets time pass up to the tick before this one. No test looks at the directories in between.
    fn advance_to(&mut self, tick: u64) -> &mut Self {
        let missing = tick.checked_sub(self.ticks.size()).expect("a later tick");
        self.ticks.extend(&vec![leaf_hash(b"another directory"); usize::try_from(missing).unwrap()]);
        self
    }

    fn entries(&self, history: History) -> Vec<Hash> {
        let mut entries: Vec<Hash> = self.growth.leaves().iter().map(|leaf| leaf.hash).collect();
        match history {
            History::True => {}
            History::Rewritten => entries[0] = leaf_hash(b"another entry"),
            History::Shortened => _ = entries.pop(),
        }
        entries
    }

    /// Publishes the next tick with a history.
    fn tick(&mut self, history: History) -> (Anchor, Vec<Hash>) {
        let (tick, entries) = (self.ticks.size(), self.entries(history));
        let head = Head {
            origin: TenantOrigin::parse(ORIGIN).unwrap(),
            size: entries.len() as u64,
            root: tree(&entries).root(),
            state: State::Live,
        };
        let seconds = i64::try_from(tick).unwrap() + self.seconds_late;
        let time = Time::from_millis(1_790_000_000_000 + 1000 * seconds).unwrap();
        let siblings = vec![Hash([5; 32]); 8];
        let anchor = Anchor { head, salt: [4; 16], time, siblings, tick, hashes: Vec::new() };
        self.ticks.extend(&[leaf_hash(anchor.entry().to_string().as_bytes())]);
        self.anchors.insert(tick, (anchor.clone(), entries.clone()));
        (anchor, entries)
    }

    fn prove(&self, mut anchor: Anchor) -> Anchor {
        anchor.hashes = inclusion_proof(anchor.tick, self.ticks.size(), &self.ticks).unwrap();
        anchor
    }

    /// Answers with a tick that has all entries. Where the histories contradict each other, the proofs are those that an
    /// honest operator would make.
    fn answer(&mut self, lines: &str, since: Since) -> Value {
        let submission = Submission::parse(lines.as_bytes(), &Limits::default()).unwrap();
        let taken = self.growth.submit(&self.rules, &Empty, &submission, Time::MAX).unwrap();
        let (head, entries) = self.tick(History::True);
        let whole = tree(&entries);
        let ticks = since.anchors(head.tick);
        let mut before = since.size;
        let mut proof = |entries: &[Hash]| {
            let (old, new) = (std::mem::replace(&mut before, entries.len() as u64), entries.len() as u64);
            texts(&consistency_proof(old.min(new), new, &tree(entries)).unwrap())
        };
        let anchors: Vec<Value> = ticks
            .iter()
            .filter_map(|tick| self.anchors.get(tick))
            .map(|(anchor, entries)| {
                json!({ "anchor": self.prove(anchor.clone()).to_string(), "consistency": proof(entries) })
            })
            .collect();
        let consistency = proof(&entries);
        let checkpoint = Checkpoint::new(ROOT, self.ticks.size(), self.ticks.root()).unwrap();
        let checkpoint = SignedCheckpoint::parse(&checkpoint.sign(&root_key()).unwrap()).unwrap();
        let proof = HeadProof { anchor: self.prove(head), checkpoint }.to_string();
        let (head, root) = proof.split_once("\n\n").unwrap();
        let chain = |tip: &countersign::log::Tip| {
            let hashes = texts(&inclusion_proof(tip.index, whole.size(), &whole).unwrap());
            json!({ "seq": tip.seq, "index": tip.index, "hashes": hashes })
        };
        let chains: Map<String, Value> =
            taken.chains.iter().map(|(id, tip)| (id.to_string(), chain(tip))).collect();
        json!({
            "root": root,
            "logs": { ORIGIN: {
                "head": format!("{head}\n"), "chains": chains, "notes": [],
                "added": taken.added, "repeated": taken.repeated,
                "anchors": anchors, "consistency": consistency,
            } },
        })
    }
}

impl LogServer for Operator {
    type Error = DeliveryError;

    fn submit(&mut self, lines: &str, since: Option<Since>) -> Result<Answer, DeliveryError> {
        let since = since.expect("it is a tenant log");
        self.stated.push(since.to_string());
        let mut answer = self.answer(lines, since);
        (self.change)(&mut answer);
        Ok(Answer { status: 200, retry_after: None, body: answer.to_string().into_bytes() })
    }
}

/// A recorder with one chain, whose process ends after each event.
struct Writer {
    disk: Arc<Memory>,
    recorder: Recorder,
    trust: Trust,
    events: u8,
}

impl Writer {
    fn new(number: u8, trust: Trust) -> Self {
        let now = "2026-11-20T06:01:02.345Z".parse().unwrap();
        let recorder = Recorder::open(ORIGIN, emitter().verifier_key().clone(), now, &[number; 16]).unwrap();
        Self { disk: Arc::default(), recorder, trust, events: 0 }
    }

    fn outbox(&self) -> Outbox {
        Outbox::open(Box::new(self.disk.clone()), ORIGIN, "outbox").unwrap()
    }

    /// Records an event, and delivers it in another process.
    fn record(&mut self, operator: &mut Operator) -> Step<DeliveryError> {
        self.events += 1;
        self.recorder.sign_with(&emitter()).unwrap();
        let event = format!("{{\"action\":\"job.create\",\"n\":{}}}", self.events);
        let event = Event::parse(event.as_bytes(), &Redaction::default()).unwrap();
        let now = "2026-11-20T06:01:02.345Z".parse().unwrap();
        self.recorder.record(&event, now, &[self.events; 16]).unwrap();
        self.recorder.flush();
        self.recorder.sign_with(&emitter()).unwrap();
        self.outbox().append(&self.recorder.drain(), None).unwrap();
        self.deliver(operator)
    }

    /// Returns the newest answer, if it could not be used.
    fn refused(&self) -> Option<RefusedAnswer> {
        let file = self.disk.read("unproven.json").ok()?;
        Some(serde_json::from_slice(&file).unwrap())
    }

    fn deliver(&self, operator: &mut Operator) -> Step<DeliveryError> {
        Delivery::new(&Mutex::new(self.outbox()), &self.trust, ORIGIN).step(operator)
    }
}

#[track_caller]
fn delivered(step: &Step<DeliveryError>) {
    assert!(matches!(step, Step::Delivered { events: 1 }), "{step:?}");
}

#[track_caller]
fn dead(step: Step<DeliveryError>) -> String {
    let Step::Dead(why) = step else { panic!("{step:?}") };
    assert_eq!(why.code(), "log.rewritten");
    why.to_string()
}

/// Returns the message of a failure that may pass.
#[track_caller]
fn unproven(step: Step<DeliveryError>) -> String {
    let Step::Later { why, .. } = step else { panic!("{step:?}") };
    assert_eq!(why.code(), "proof.invalid");
    why.to_string()
}

#[test]
fn a_recorder_states_the_newest_head_of_earlier_processes() {
    let (mut operator, mut writer) = (Operator::new(), Writer::new(1, trust("")));
    delivered(&writer.record(&mut operator));
    operator.advance_to(4095).tick(History::True);
    delivered(&writer.record(&mut operator));
    operator.advance_to(12_287).tick(History::True);
    // The answer can't prove a head at tick 8191.
    let Step::Later { why, .. } = writer.record(&mut operator) else { panic!("an anchor is missing") };
    assert_eq!(why.code(), "proof.invalid");
    assert_eq!(operator.stated, ["0,0", "2,0", "3,4096"]);
    let outbox = writer.outbox();
    assert_eq!((outbox.pending().len(), outbox.newest_head().unwrap().anchor.tick), (1, 4096));
    assert_eq!(outbox.contradiction(), None);
}

#[test]
fn an_operator_whose_signed_heads_contradict_each_other_is_noticed_at_the_next_anchor() {
    let (mut operator, mut writer) = (Operator::new(), Writer::new(1, trust("")));
    // Readers are shown the ticks in between.
    for tick in [10, 20, 30] {
        delivered(&writer.record(&mut operator));
        operator.advance_to(tick).tick(History::Shortened);
    }
    operator.advance_to(4095).tick(History::Shortened);
    let seen = writer.outbox().newest_head().unwrap().to_string();
    let message = dead(writer.record(&mut operator));
    assert!(message.contains("two histories"), "{message}");

    let outbox = writer.outbox();
    assert_eq!((outbox.pending().len(), outbox.events()), (1, 1), "the event is kept");
    let evidence = outbox.contradiction().unwrap();
    assert_eq!(evidence.head.as_ref(), Some(&seen));
    let answer: Value = serde_json::from_str(&evidence.answer).unwrap();
    let anchor = answer["logs"][ORIGIN]["anchors"][0]["anchor"].as_str().unwrap();
    assert_eq!(Anchor::parse(anchor).unwrap().tick, 4095);
    assert!(message.contains(&evidence.message));
    drop(outbox);

    // Another process sends nothing more, even if the operator returns to the truth.
    let requests = operator.stated.len();
    operator.advance_to(5000).tick(History::True);
    assert_eq!(dead(writer.deliver(&mut operator)), message);
    assert_eq!(operator.stated.len(), requests);
}

#[test]
fn an_operator_that_rewrote_the_log_can_never_prove_its_growth() {
    let (mut operator, mut writer) = (Operator::new(), Writer::new(1, trust("")));
    delivered(&writer.record(&mut operator));
    let seen = writer.outbox().newest_head().unwrap().to_string();
    // The anchor has more entries than the newest head, but other ones.
    delivered(&Writer::new(2, trust("")).record(&mut operator));
    operator.advance_to(4095).tick(History::Rewritten);
    for _ in 0..3 {
        let why = unproven(writer.record(&mut operator));
        assert!(
            why.contains("could not prove that the log at tick 4095 contains its entries of tick 0"),
            "{why}"
        );
        let outbox = writer.outbox();
        assert_eq!(outbox.newest_head().unwrap().to_string(), seen);
        assert!(outbox.events() > 0, "the events are kept");
        assert_eq!(outbox.contradiction(), None);
        let refused = writer.refused().expect("the answer is kept");
        assert_eq!(
            (refused.head.as_ref(), format!("proof.invalid: {}", refused.message)),
            (Some(&seen), why)
        );
    }
}

#[test]
fn a_changed_proof_stops_nothing_for_good() {
    let (mut operator, mut writer) = (Operator::new(), Writer::new(1, trust("")));
    delivered(&writer.record(&mut operator));
    operator.advance_to(50).change = |answer| {
        let consistency = &mut answer["logs"][ORIGIN]["consistency"];
        assert!(!consistency.as_array().unwrap().is_empty());
        consistency[0] = json!(Hash([7; 32]).to_string());
    };
    let why = unproven(writer.record(&mut operator));
    assert!(why.contains("could not prove"), "{why}");
    assert!(writer.refused().is_some());
    operator.change = |_| {};
    delivered(&writer.deliver(&mut operator));
    assert_eq!(writer.refused(), None);
    assert_eq!(operator.stated.len(), 3);
    assert_eq!(operator.stated[1], operator.stated[2], "the newest head stays the same");
}

/// Anyone in between can answer with something that the log didn't sign.
#[test]
fn an_unsigned_answer_does_not_replace_a_signed_one() {
    let (mut operator, mut writer) = (Operator::new(), Writer::new(1, trust("")));
    delivered(&writer.record(&mut operator));
    operator.advance_to(50).change = |answer| {
        answer["logs"][ORIGIN]["consistency"] = json!([]);
    };
    unproven(writer.record(&mut operator));
    let signed = writer.refused().expect("the answer is kept");
    let changes: [fn(&mut Value); 4] = [
        |answer| *answer = json!({}),
        |answer| answer["logs"] = json!({}),
        |answer| answer["root"] = json!("x"),
        |answer| {
            // The head stays signed, but it doesn't contain the entry.
            let chains = answer["logs"][ORIGIN]["chains"].as_object_mut().unwrap();
            chains.values_mut().for_each(|chain| chain["hashes"] = json!([Hash([7; 32]).to_string()]));
        },
    ];
    for change in changes {
        operator.change = change;
        unproven(writer.deliver(&mut operator));
        assert_eq!(writer.refused().as_ref(), Some(&signed));
    }
    operator.change = |_| {};
    delivered(&writer.deliver(&mut operator));
    assert_eq!(writer.refused(), None);
}

#[test]
fn entries_that_are_hidden_from_readers_between_two_anchors_are_not_noticed() {
    let (mut operator, mut writer) = (Operator::new(), Writer::new(1, trust("")));
    delivered(&writer.record(&mut operator));
    operator.advance_to(100).tick(History::Rewritten);
    delivered(&writer.record(&mut operator));
    // Readers notice it here, by the anchor or a pin of their own.
    operator.advance_to(4095).tick(History::True);
    delivered(&writer.record(&mut operator));
}

#[test]
fn a_recorder_without_memory_notices_what_differs_from_the_newest_anchor() {
    let mut operator = Operator::new();
    delivered(&Writer::new(1, trust("")).record(&mut operator));
    operator.advance_to(4095).tick(History::Rewritten);
    unproven(Writer::new(2, trust("")).record(&mut operator));
    // An older lie is not noticed.
    operator.advance_to(8191).tick(History::True);
    delivered(&Writer::new(3, trust("")).record(&mut operator));
}

#[test]
fn a_missing_anchor_proves_nothing_and_is_retried() {
    let (mut operator, mut writer) = (Operator::new(), Writer::new(1, trust("")));
    delivered(&writer.record(&mut operator));
    operator.advance_to(4095).tick(History::True);
    operator.change = |answer| {
        answer["logs"][ORIGIN]["anchors"] = json!([]);
        answer["logs"][ORIGIN]["consistency"] = json!([]);
    };
    let Step::Later { why, .. } = writer.record(&mut operator) else { panic!("an anchor is missing") };
    assert_eq!(why.code(), "proof.invalid");
    assert_eq!(writer.outbox().events(), 1);
    // Without memory, the log may be younger than the anchor, unless the trust file says otherwise.
    let mut since = Writer::new(2, trust(&format!("origin {ORIGIN} 7\n")));
    assert!(matches!(since.record(&mut operator), Step::Later { .. }));
    delivered(&Writer::new(3, trust("")).record(&mut operator));
    operator.change = |_| {};
    for writer in [&writer, &since] {
        delivered(&writer.deliver(&mut operator));
    }
    assert!(operator.stated.contains(&"0,7".into()), "{:?}", operator.stated);
}

#[test]
fn a_log_server_that_was_set_back_contradicts_itself() {
    let (mut operator, mut writer) = (Operator::new(), Writer::new(1, trust("")));
    operator.advance_to(50);
    delivered(&writer.record(&mut operator));
    // A log server that was restored from a backup continues with lower numbers of ticks, at later times.
    let mut restored = Operator::new();
    restored.growth = operator.growth.clone();
    restored.seconds_late = 1000;
    restored.advance_to(20);
    dead(writer.record(&mut restored));
}
