//! The comparison of a log server's answer with the newest head that a writer has seen (SPEC section 16.8).

use core::{fmt, iter};

use super::anchors::required_anchors;
use super::head::{Anchor, HeadProof};
use super::statement::{Contradiction, Statement};
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::integer;
use crate::merkle::{empty_root, verify_consistency};

/// Maximum number of anchors in an answer.
const MAX_ANCHORS: usize = 32;

/// The head that a writer states in a submission: the newest one that it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// The number of entries; 0 if the writer has no head.
    pub size: u64,
    /// The head's tick. Without a head, the tick from which on the log exists, or 0 if the writer doesn't know it.
    pub tick: u64,
}

impl Since {
    /// Parses the value of the query parameter: the size and the tick, separated by a comma.
    ///
    /// ```
    /// use countersign::tenant::Since;
    ///
    /// assert_eq!(Since::parse("120,4093"), Some(Since { size: 120, tick: 4093 }));
    /// assert_eq!(Since::parse("120"), None);
    /// assert_eq!(Since { size: 120, tick: 4093 }.to_string(), "120,4093");
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (size, tick) = text.split_once(',')?;
        Some(Self { size: integer::parse(size.as_bytes())?, tick: integer::parse(tick.as_bytes())? })
    }

    /// Returns the ticks of the anchors that an answer with a head at this tick contains, in ascending order.
    ///
    /// ```
    /// use countersign::tenant::Since;
    ///
    /// assert_eq!(Since { size: 120, tick: 4093 }.anchors(9000), [4095, 8191]);
    /// assert_eq!(Since { size: 0, tick: 0 }.anchors(9000), [8191]);
    /// assert!(Since { size: 120, tick: 8192 }.anchors(9000).is_empty());
    /// ```
    pub fn anchors(self, head_tick: u64) -> Vec<u64> {
        let mut ticks = required_anchors(head_tick);
        let max = if self.size == 0 { 1 } else { MAX_ANCHORS };
        ticks.drain(..ticks.len().saturating_sub(max));
        ticks.retain(|tick| *tick >= self.tick);
        ticks
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.size, self.tick)
    }
}

/// An anchor in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorProof {
    /// The anchor.
    pub anchor: Anchor,
    /// The consistency proof to it from the anchor before it, or from the head that the writer stated.
    pub consistency: Vec<Hash>,
}

/// The newest head of a tenant log that a writer has seen.
///
/// A log server that shows one history to writers and another to readers can't prove that both extend this head, so a
/// writer compares each answer with it. Only signed statements that contradict each other show two histories. Consistency
/// proofs aren't signed: one that fails shows only that this answer can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewestHead {
    since: Since,
    head: Option<Statement>,
}

impl NewestHead {
    /// Creates the state of a writer that has no head. `tick` is the tick from which on the log exists, or 0 if the writer
    /// doesn't know it.
    pub const fn none(tick: u64) -> Self {
        Self { since: Since { size: 0, tick }, head: None }
    }

    /// Returns the head to state in the next submission.
    pub const fn since(&self) -> Since {
        self.since
    }

    /// Compares an answer with this head, and returns the newest head. The caller has verified the answer's head against
    /// its trust file. `consistency` is the proof from the last anchor to that head.
    ///
    /// # Errors
    ///
    /// [`Code::Rewritten`] if the signed statements in the answer contradict this head or each other: keep both as
    /// evidence. [`Code::Proof`] if the answer can't be used: an anchor is missing or isn't proven, a consistency proof
    /// fails, or the answer is older than this head. Keep this head, and compare a later answer with it.
    pub fn compare(
        &self,
        head: &HeadProof,
        anchors: &[AnchorProof],
        consistency: &[Hash],
    ) -> Result<Self, Error> {
        let (checkpoint, origin) = (&head.checkpoint.checkpoint, &head.head().origin);
        let ticks = self.since.anchors(head.anchor.tick);
        let is_younger = self.since == Since { size: 0, tick: 0 } && anchors.is_empty();
        if !is_younger && !anchors.iter().map(|it| it.anchor.tick).eq(ticks) {
            return Err(Error::new(
                Code::Proof,
                "the answer does not contain the anchors since the last head",
            ));
        }
        let is_proven = |it: &AnchorProof| {
            it.anchor.head.origin == *origin && it.anchor.is_in(checkpoint.size, &checkpoint.root)
        };
        if !anchors.iter().all(is_proven) {
            return Err(Error::new(Code::Proof, "the hashes do not lead from an anchor to the checkpoint"));
        }
        let newest = Self::from(head);
        let anchors = anchors.iter().map(|it| (Statement::from(&it.anchor), &*it.consistency));
        let states: Vec<_> = anchors.chain(newest.head.map(|head| (head, consistency))).collect();
        // The form is checked first: a malformed answer is no evidence of two histories.
        let sizes = iter::once(self.since.size).chain(states.iter().map(|(state, _)| state.size));
        if sizes.zip(&states).any(|(size, (_, proof))| size == 0 && !proof.is_empty()) {
            return Err(Error::new(Code::Proof, "the consistency proof from no entries has hashes"));
        }
        let befores = || iter::once(self.head).chain(states.iter().map(|(state, _)| Some(*state)));
        for (before, (next, _)) in befores().zip(&states) {
            before.map_or(Ok(()), |before| check_statements(&before, next))?;
        }
        for (before, (next, proof)) in befores().zip(&states) {
            check_growth(before.as_ref(), next, proof)?;
        }
        Ok(newest)
    }
}

impl From<&HeadProof> for NewestHead {
    fn from(proof: &HeadProof) -> Self {
        let head = Statement::from(proof);
        Self { since: Since { size: head.size, tick: head.tick }, head: Some(head) }
    }
}

/// Checks that two signed statements about a log don't contradict each other, regardless of any proof.
fn check_statements(before: &Statement, next: &Statement) -> Result<(), Error> {
    // An older statement is no contradiction by itself: someone may have repeated an earlier answer.
    let (earlier, later) = if next.tick < before.tick { (next, before) } else { (before, next) };
    let tick = later.tick;
    let why = match earlier.contradiction(later) {
        Some(Contradiction::Split) => format!("two heads of tick {tick} differ"),
        Some(Contradiction::Order) => format!("the head of tick {tick} is out of order"),
        None if earlier.size == later.size && earlier.root != later.root => {
            format!("the log has as many entries at tick {tick} as at tick {}, but others", earlier.tick)
        }
        None => return Ok(()),
    };
    let why = format!("the log server has shown two histories of the log: {why}");
    let hint = "keep both heads as evidence, and show them to the log operator and the log's readers";
    Err(Error::new(Code::Rewritten, why).with_hint(hint))
}

/// Checks that an answer proves that a log grew from one state to the next. Nothing signs this proof.
fn check_growth(before: Option<&Statement>, next: &Statement, proof: &[Hash]) -> Result<(), Error> {
    let Some(before) = before else {
        return verify_consistency(0, next.size, &empty_root(), &next.root, proof);
    };
    let (tick, last) = (next.tick, before.tick);
    if tick < last {
        let why = format!("the answer is of tick {tick}, which is before the newest head's tick {last}");
        let hint = "check for a proxy or cache that repeats answers; if this persists, the log server may have \
                    returned to an earlier state: ask the log operator";
        return Err(Error::new(Code::Proof, why).with_hint(hint));
    }
    verify_consistency(before.size, next.size, &before.root, &next.root, proof).map_err(|_| {
        let why = format!(
            "the log server could not prove that the log at tick {tick} contains its entries of tick {last}"
        );
        let hint = "check for a proxy that changes answers; if this persists, the log may have been rewritten: keep \
                    the newest head as evidence, and ask the log operator and the log's readers";
        Error::new(Code::Proof, why).with_hint(hint)
    })
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::checkpoint::{Checkpoint, SignedCheckpoint};
    use crate::merkle::{
        CompactRange, PendingTree, consistency_proof, inclusion_proof, leaf_hash, node_hash,
    };
    use crate::note::SignerKey;
    use crate::tenant::{Head, State, TenantOrigin};
    use crate::time::Time;

    const ORIGIN: &str = "log.example/t/8f000000000000000000000000000001";
    const OTHER: &str = "log.example/t/00000000000000000000000000000001";

    /// The entries of a tenant log at a tick: a number of entries of a history.
    type Entries = (u64, &'static str);

    fn tree((size, history): Entries) -> PendingTree {
        let mut tree = PendingTree::new(&CompactRange::new());
        let entry = |index: u64| leaf_hash(format!("{history} {index}").as_bytes());
        tree.extend(&(0..size).map(entry).collect::<Vec<_>>());
        tree
    }

    /// A root log, whose directories have the heads of one tenant log.
    #[derive(Clone, Default)]
    struct RootLog(Vec<(u64, Entries, State)>);

    impl RootLog {
        fn at(mut self, tick: u64, size: u64, history: &'static str) -> Self {
            self.0.push((tick, (size, history), State::Live));
            self
        }

        fn state(mut self, state: State) -> Self {
            self.0.last_mut().expect("a head").2 = state;
            self
        }

        fn entries(&self, tick: u64) -> Entries {
            self.0.iter().find(|head| head.0 == tick).expect("a head at this tick").1
        }

        fn unproven(&self, tick: u64) -> Anchor {
            let (_, entries, state) = *self.0.iter().find(|head| head.0 == tick).expect("a head");
            let origin = TenantOrigin::parse(ORIGIN).expect("a tenant's origin");
            let (size, root) = (entries.0, tree(entries).root());
            let time = Time::from_millis(1_790_000_000_000 + 1000 * tick.cast_signed()).expect("a time");
            let siblings = vec![Hash([5; 32]); 8];
            let head = Head { origin, size, root, state };
            Anchor { head, salt: [4; 16], time, siblings, tick, hashes: Vec::new() }
        }

        fn directories(&self, size: u64) -> PendingTree {
            let leaf = |tick: u64| {
                if self.0.iter().any(|head| head.0 == tick) {
                    leaf_hash(self.unproven(tick).entry().to_string().as_bytes())
                } else {
                    leaf_hash(b"another directory")
                }
            };
            let mut tree = PendingTree::new(&CompactRange::new());
            tree.extend(&(0..size).map(leaf).collect::<Vec<_>>());
            tree
        }

        fn anchor(&self, tick: u64, size: u64) -> Anchor {
            let hashes = inclusion_proof(tick, size, &self.directories(size)).expect("a proof");
            Anchor { hashes, ..self.unproven(tick) }
        }

        fn head(&self, tick: u64) -> HeadProof {
            let key = SignerKey::from_seed("log.example", [1; 32]).expect("a name");
            let root = self.directories(tick + 1).root();
            let note = Checkpoint::new("log.example", tick + 1, root).expect("a checkpoint").sign(&key);
            let checkpoint = SignedCheckpoint::parse(&note.expect("its key")).expect("a checkpoint");
            HeadProof { anchor: self.anchor(tick, tick + 1), checkpoint }
        }

        /// Returns the answer at the tick `head` with these anchors, as an honest server makes it.
        fn answer(&self, seen: Entries, anchors: &[u64], head: u64) -> Answer {
            let mut before = seen;
            let mut proof = |tick: u64| {
                let (old, entries) = (std::mem::replace(&mut before, self.entries(tick)), self.entries(tick));
                consistency_proof(old.0.min(entries.0), entries.0, &tree(entries)).expect("a proof")
            };
            let anchor = |tick: &u64| {
                let consistency = proof(*tick);
                AnchorProof { anchor: self.anchor(*tick, head + 1), consistency }
            };
            let anchors = anchors.iter().map(anchor).collect();
            Answer { anchors, consistency: proof(head), head: self.head(head) }
        }
    }

    #[derive(Clone)]
    struct Answer {
        head: HeadProof,
        anchors: Vec<AnchorProof>,
        consistency: Vec<Hash>,
    }

    fn compare(newest: &NewestHead, answer: &Answer) -> Result<Since, Code> {
        let compared = newest.compare(&answer.head, &answer.anchors, &answer.consistency);
        compared.map(|newest| newest.since()).map_err(|error| error.code)
    }

    fn seen(log: &RootLog, tick: u64) -> NewestHead {
        NewestHead::from(&log.head(tick))
    }

    #[test]
    fn answers_of_an_honest_server_are_accepted() {
        let log = RootLog::default().at(4000, 3, "a").at(4095, 3, "a").at(8191, 7, "a").at(8200, 9, "a");
        let first = log.answer((0, ""), &[], 4000);
        assert_eq!(compare(&NewestHead::none(0), &first), Ok(Since { size: 3, tick: 4000 }));
        let next = log.answer((3, "a"), &[4095, 8191], 8200);
        assert_eq!(compare(&seen(&log, 4000), &next), Ok(Since { size: 9, tick: 8200 }));
        // An anchor of the stated head's tick is that head.
        assert_eq!(compare(&seen(&log, 4095), &next), Ok(Since { size: 9, tick: 8200 }));
        // The answer to a repeated submission can have the head that the writer has.
        let repeated = log.answer((9, "a"), &[], 8200);
        assert_eq!(compare(&seen(&log, 8200), &repeated), Ok(Since { size: 9, tick: 8200 }));
        // A writer without a head compares the newest anchor.
        let newest = log.answer((0, ""), &[8191], 8200);
        for tick in [0, 1, 8191] {
            assert!(compare(&NewestHead::none(tick), &newest).is_ok(), "{tick}");
        }
        // The log may be younger than the newest anchor.
        let young = log.answer((0, ""), &[], 8200);
        assert!(compare(&NewestHead::none(0), &young).is_ok());
        assert!(compare(&NewestHead::none(8192), &young).is_ok());
    }

    #[test]
    fn at_most_32_anchors_are_compared() {
        let tick = 300 << 21;
        assert_eq!(Since { size: 1, tick: 0 }.anchors(tick).len(), 32);
        assert_eq!(Since { size: 0, tick: 0 }.anchors(tick), [tick - 1]);
        assert_eq!(Since { size: 1, tick: tick - 4097 }.anchors(tick), [tick - 4097, tick - 1]);
    }

    #[test]
    fn a_writer_with_a_head_notices_another_history_at_the_next_anchor() {
        let log = RootLog::default().at(4090, 3, "true").at(4094, 5, "true");
        let lies = [
            // Between anchors, both histories can be shown.
            (log.clone().at(4095, 4, "false").at(4097, 5, "true"), Code::Rewritten),
            // The writer's entries are missing at the anchor, and there again afterward.
            (log.clone().at(4095, 2, "true").at(4097, 5, "true"), Code::Rewritten),
            (log.clone().at(4095, 5, "false").at(4097, 5, "false"), Code::Rewritten),
            // Only an unsigned proof is missing.
            (log.clone().at(4095, 9, "false").at(4097, 9, "false"), Code::Proof),
            (log.clone().at(4095, 5, "true").state(State::Ended).at(4097, 5, "true"), Code::Rewritten),
        ];
        for (number, (log, code)) in lies.into_iter().enumerate() {
            let answer = log.answer((5, "true"), &[4095], 4097);
            assert_eq!(compare(&seen(&log, 4094), &answer), Err(code), "{number}");
        }
        // Both the anchor's tree and the head's extend the writer's, but the head's doesn't extend the anchor's.
        let forked = RootLog::default().at(4094, 0, "").at(4095, 6, "false").at(4097, 8, "true");
        let answer = forked.answer((0, ""), &[4095], 4097);
        assert_eq!(compare(&seen(&forked, 4094), &answer), Err(Code::Proof));
        assert_eq!(compare(&NewestHead::none(0), &answer), Err(Code::Proof));
        // A contradiction counts even after a proof that failed.
        let both = RootLog::default().at(4094, 5, "true").at(4095, 6, "false").at(4097, 5, "true");
        let answer = both.answer((5, "true"), &[4095], 4097);
        assert_eq!(compare(&seen(&both, 4094), &answer), Err(Code::Rewritten));
    }

    #[test]
    fn a_writer_without_a_head_notices_only_what_differs_from_the_newest_anchor() {
        let log = RootLog::default().at(4095, 4, "false").at(8191, 7, "true").at(8200, 9, "true");
        assert!(compare(&NewestHead::none(0), &log.answer((0, ""), &[8191], 8200)).is_ok());
        let answer = log.answer((4, "false"), &[8191], 8200);
        assert_eq!(compare(&seen(&log, 4095), &answer), Err(Code::Proof));
        let answer = log.answer((4, "false"), &[4095, 8191], 8200);
        assert_eq!(compare(&seen(&log, 4095), &answer), Err(Code::Proof));
    }

    #[test]
    fn a_head_must_follow_the_one_before_it() {
        let log = RootLog::default().at(7, 5, "a").at(9, 5, "a");
        let answers = [
            ((9, 4, "a"), Code::Rewritten),
            ((9, 5, "b"), Code::Rewritten),
            ((7, 6, "a"), Code::Rewritten),
            // No signed statement contradicts another one.
            ((9, 6, "b"), Code::Proof),
            ((6, 5, "a"), Code::Proof),
            ((6, 4, "b"), Code::Proof),
            // An earlier tick can't have had more entries, or as many others.
            ((6, 6, "a"), Code::Rewritten),
            ((6, 5, "b"), Code::Rewritten),
        ];
        for (later, code) in answers {
            let other = RootLog::default().at(later.0, later.1, later.2);
            let answer = other.answer((5, "a"), &[], later.0);
            assert_eq!(compare(&seen(&log, 7), &answer), Err(code), "{later:?}");
        }
        // A server that was set back makes a tick with a lower number at a later time.
        let mut set_back = RootLog::default().at(6, 4, "a").answer((5, "a"), &[], 6);
        set_back.head.anchor.time = log.unproven(9).time;
        assert_eq!(compare(&seen(&log, 7), &set_back), Err(Code::Rewritten));
        let mut early = log.answer((5, "a"), &[], 9);
        early.head.anchor.time = log.unproven(7).time;
        assert_eq!(compare(&seen(&log, 7), &early), Err(Code::Rewritten));
        // Two root logs: the same head, but another root log before it.
        let other = RootLog::default().at(3, 1, "a").at(7, 5, "a");
        assert_eq!(compare(&seen(&log, 7), &other.answer((5, "a"), &[], 7)), Err(Code::Rewritten));
    }

    #[test]
    fn each_part_of_an_answer_is_required() {
        type Change = fn(&mut Answer);
        let log = RootLog::default().at(4000, 3, "a").at(4095, 5, "a").at(8191, 7, "a").at(8200, 9, "a");
        let changes: [(Code, Change); 13] = [
            (Code::Proof, |answer| answer.anchors.clear()),
            (Code::Proof, |answer| drop(answer.anchors.remove(0))),
            (Code::Proof, |answer| drop(answer.anchors.pop())),
            (Code::Proof, |answer| answer.anchors.reverse()),
            (Code::Proof, |answer| answer.anchors.push(answer.anchors[1].clone())),
            (Code::Proof, |answer| answer.anchors[0].anchor.hashes.clear()),
            (Code::Proof, |answer| answer.anchors[0].anchor.salt[0] ^= 1),
            (Code::Proof, |answer| answer.anchors[0].anchor.head.size = 4),
            (Code::Proof, |answer| {
                answer.anchors[1].anchor.head.origin = TenantOrigin::parse(OTHER).expect("an origin");
            }),
            (Code::Proof, |answer| answer.anchors[0].consistency.clear()),
            (Code::Proof, |answer| answer.anchors[1].consistency.push(Hash([0; 32]))),
            (Code::Proof, |answer| answer.consistency.clear()),
            (Code::Proof, |answer| answer.consistency[0] = node_hash(&Hash([0; 32]), &Hash([1; 32]))),
        ];
        let good = log.answer((3, "a"), &[4095, 8191], 8200);
        for (number, (code, change)) in changes.into_iter().enumerate() {
            let mut changed = good.clone();
            change(&mut changed);
            assert_eq!(compare(&seen(&log, 4000), &changed), Err(code), "{number}");
        }
        // Nothing precedes the first head.
        let mut first = log.answer((0, ""), &[], 4000);
        first.consistency.push(Hash([0; 32]));
        assert_eq!(compare(&NewestHead::none(0), &first), Err(Code::Proof));
        let empty = RootLog::default().at(4000, 0, "").at(4095, 0, "").at(4100, 2, "a");
        for (newest, anchors) in [(seen(&empty, 4000), [4095].as_slice()), (seen(&empty, 4095), &[4095])] {
            let mut answer = empty.answer((0, ""), anchors, 4100);
            assert!(compare(&newest, &answer).is_ok());
            answer.consistency.push(Hash([0; 32]));
            assert_eq!(compare(&newest, &answer), Err(Code::Proof));
        }
        // A writer that knows since when the log exists requires the newest anchor.
        let without = log.answer((0, ""), &[], 8200);
        assert_eq!(compare(&NewestHead::none(1), &without), Err(Code::Proof));
    }

    #[test]
    fn since_is_two_decimal_numbers() {
        for since in [Since { size: 0, tick: 0 }, Since { size: 120, tick: integer::MAX }] {
            assert_eq!(Since::parse(&since.to_string()), Some(since));
        }
        for text in ["", ",", "1", "1,", ",1", "1,2,3", "01,2", "1, 2", "+1,2", "1,9007199254740992", "1;2"] {
            assert_eq!(Since::parse(text), None, "{text:?}");
        }
    }
}
