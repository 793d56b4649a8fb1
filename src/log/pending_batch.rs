//! Accepted entries that are not in the log's storage yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::acceptance::{Acceptance, gap_after};
use super::leaf::misplaced;
use super::lives::lives_after;
use super::{
    AcceptanceError, Body, Chain, Empty, EntryRef, Leaf, Life, RefusalKind, Rules, SaltedEvent, Storage,
    Submission, SubmissionError,
};
use crate::hash::Hash;
use crate::link::{ChainId, Link};
use crate::note::VerifierKey;
use crate::time::Time;

/// Accepted entries that are not in storage yet, with the chains and keys that they change.
#[derive(Clone, Debug, Default)]
pub struct PendingBatch {
    base: u64,
    leaves: Vec<Arc<Leaf>>,
    chains: HashMap<ChainId, Added>,
    notes: HashMap<Hash, u64>,
    lives: HashMap<VerifierKey, Life>,
}

/// Consecutive links of one chain that are also consecutive in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The chain.
    pub chain: ChainId,
    /// The `seq` of the first link.
    pub seq: u64,
    /// The first link's index in the log.
    pub index: u64,
    /// The number of links.
    pub count: u64,
}

/// The last link of a chain in a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The link's `seq` in the chain.
    pub seq: u64,
    /// The link's index in the log.
    pub index: u64,
    /// The link's leaf hash.
    pub hash: Hash,
}

/// The outcome of an accepted submission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubmissionOutcome {
    /// The last link of each chain in the submission.
    pub chains: BTreeMap<ChainId, Tip>,
    /// The index and leaf hash of each key note in the submission, without repetitions.
    pub notes: Vec<EntryRef>,
    /// The number of new entries.
    pub added: u64,
    /// The number of entries that the log had already.
    pub repeated: u64,
}

/// Links added to one chain.
#[derive(Clone, Debug)]
struct Added {
    chain: Chain,
    /// The `seq` of the first link added.
    first: u64,
    links: Vec<EntryRef>,
}

impl PendingBatch {
    /// Creates an empty batch on top of `base` entries.
    pub fn new(base: u64) -> Self {
        Self { base, ..Self::default() }
    }

    /// Returns the number of entries in the storage below.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Returns the number of entries of the log including this batch.
    pub fn size(&self) -> u64 {
        self.base + self.leaves.len() as u64
    }

    /// Returns the accepted entries, starting at index [`base`](Self::base).
    pub fn leaves(&self) -> &[Arc<Leaf>] {
        &self.leaves
    }

    /// Returns the latest time of an accepted link, or `None` if there is no link.
    pub fn latest(&self) -> Option<Time> {
        self.leaves.iter().filter_map(|leaf| leaf.link().map(Link::time)).max()
    }

    /// Returns the chains that were opened or extended, in their current state.
    pub fn chains(&self) -> impl Iterator<Item = (&ChainId, &Chain)> {
        self.chains.iter().map(|(id, added)| (id, &added.chain))
    }

    /// Returns the leaf hash and the index of each accepted key note.
    pub fn notes(&self) -> impl Iterator<Item = (&Hash, u64)> {
        self.notes.iter().map(|(hash, index)| (hash, *index))
    }

    /// Returns the keys that accepted key notes are about, with their current grants and revocation.
    pub fn lives(&self) -> impl Iterator<Item = (&VerifierKey, &Life)> {
        self.lives.iter()
    }

    /// Returns the accepted links as the fewest runs, in the log's order.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (leaf, index) in self.leaves.iter().zip(self.base..) {
            let Some(link) = leaf.link() else { continue };
            let (chain, seq) = (link.chain(), link.seq());
            match runs.last_mut() {
                Some(run)
                    if run.chain == chain && run.seq + run.count == seq && run.index + run.count == index =>
                {
                    run.count += 1;
                }
                _ => runs.push(Run { chain, seq, index, count: 1 }),
            }
        }
        runs
    }

    /// Accepts a submission, as a whole or not at all. `now` is the log's clock.
    ///
    /// # Errors
    /// A [`SubmissionError`](super::SubmissionError), or an error of the storage. In either case, nothing was accepted.
    pub fn submit<S: Storage + ?Sized>(
        &mut self,
        rules: &Rules,
        state: &S,
        submission: &Submission,
        now: Time,
    ) -> Result<SubmissionOutcome, AcceptanceError<S::Error>> {
        let below = Layered { top: self, below: state };
        let mut acceptance = Acceptance::new(self.size(), Some(now));
        for (place, entry) in submission.entries().iter().enumerate() {
            match acceptance.accept(rules, &below, entry, &submission.entries()[place..]) {
                // Report the gap relative to the log without this submission.
                Err(AcceptanceError::Refused(SubmissionError {
                    kind: RefusalKind::Gap { chain, .. },
                    error,
                    is_signed: true,
                })) => {
                    let kind =
                        gap_after(chain, below.chain(&chain).map_err(AcceptanceError::Storage)?.as_ref());
                    return Err(SubmissionError { kind, error, is_signed: true }.into());
                }
                taken => _ = taken?,
            }
        }
        let (batch, taken) = acceptance.end()?;
        self.merge(batch);
        Ok(taken)
    }

    /// Re-accepts an entry that the log accepted before, without checking the rules again. Replaying a log's entries
    /// in order restores the state that the server had when it accepted them. Does not verify signatures.
    ///
    /// # Errors
    /// A [`SubmissionError`] of [`RefusalKind::Malformed`](super::RefusalKind::Malformed) if no log can have this
    /// leaf at this position or the event does not match its link; or an error of the storage. In either case,
    /// nothing was accepted.
    pub fn replay<S: Storage + ?Sized>(
        &mut self,
        state: &S,
        leaf: String,
        event: Option<SaltedEvent>,
    ) -> Result<(), AcceptanceError<S::Error>> {
        let leaf = Arc::new(Leaf::parse(leaf, event)?);
        let below = Layered { top: self, below: state };
        match &leaf.body {
            Body::Link { link, .. } => {
                let follows = |chain: &Chain| link.prev() == Some(&chain.last) && !chain.closed;
                let next = below.chain_with(link, leaf.hash, follows).map_err(AcceptanceError::Storage)?;
                let chain = next.ok_or_else(|| misplaced("the link does not follow its chain"))?;
                self.add_link(Arc::clone(&leaf), link, chain);
            }
            Body::Note(note) => {
                if below.note(&leaf.hash).map_err(AcceptanceError::Storage)?.is_some() {
                    return Err(misplaced("the log already has the key note").into());
                }
                let lives = lives_after(&note.statements, &below).map_err(AcceptanceError::Storage)?;
                self.add_note(Arc::clone(&leaf), lives);
            }
        }
        Ok(())
    }

    /// Appends a batch that was built on top of this one.
    pub(crate) fn merge(&mut self, next: Self) {
        let size = next.size();
        self.leaves.extend(next.leaves);
        for (id, added) in next.chains {
            match self.chains.get_mut(&id) {
                Some(known) => {
                    known.chain = added.chain;
                    known.links.extend(added.links);
                }
                None => _ = self.chains.insert(id, added),
            }
        }
        self.notes.extend(next.notes);
        self.lives.extend(next.lives);
        // `settle` drops leaves, so the base is not simply that of the first batch.
        self.base = size - self.leaves.len() as u64;
    }

    /// Drops the leaves but keeps the state that they changed.
    pub(crate) fn settle(&mut self) {
        self.base = self.size();
        self.leaves.clear();
    }

    /// Adds a link that extends its chain. `chain` is the chain's state after it.
    pub(super) fn add_link(&mut self, leaf: Arc<Leaf>, link: &Link, chain: Chain) {
        let entry = EntryRef { index: self.size(), hash: leaf.hash };
        let seq = link.seq();
        let added = self.chains.entry(link.chain());
        let added = added.or_insert_with(|| Added { chain: chain.clone(), first: seq, links: Vec::new() });
        added.chain = chain;
        added.links.push(entry);
        self.leaves.push(leaf);
    }

    /// Adds a key note that takes effect. `lives` are the states of its keys after it.
    pub(super) fn add_note(&mut self, leaf: Arc<Leaf>, lives: impl IntoIterator<Item = (VerifierKey, Life)>) {
        self.notes.insert(leaf.hash, self.size());
        self.lives.extend(lives);
        self.leaves.push(leaf);
    }

    /// Returns this batch layered over `below`.
    pub(crate) fn over<'a, S: Storage + ?Sized>(
        &'a self,
        below: &'a S,
    ) -> impl Storage<Error = S::Error> + 'a {
        Layered { top: self, below }
    }

    /// Skips a leaf that changes no chain and no key.
    pub(crate) fn add_opaque(&mut self) {
        self.base += 1;
    }

    /// Applies a leaf that the log accepted before, without checking the rules again, and drops the leaf itself.
    pub(crate) fn follow(&mut self, rules: &Rules, leaf: Leaf) {
        let leaf = Arc::new(leaf);
        match &leaf.body {
            Body::Link { link, .. } => {
                let Ok(next) = Layered { top: self, below: &Empty }.chain_with(link, leaf.hash, |_| true);
                match next {
                    Some(chain) => self.add_link(Arc::clone(&leaf), link, chain),
                    None => self.add_opaque(),
                }
            }
            Body::Note(note) => {
                // A note that had no effect when accepted has none now.
                let acting = if rules.check_note(note).is_ok() { &note.statements[..] } else { &[] };
                let Ok(lives) = lives_after(acting, &self.over(&Empty));
                self.add_note(Arc::clone(&leaf), lives);
            }
        }
        self.settle();
    }
}

/// A batch layered over a storage.
pub(super) struct Layered<'a, S: ?Sized> {
    pub(super) top: &'a PendingBatch,
    pub(super) below: &'a S,
}

impl<S: Storage + ?Sized> Layered<'_, S> {
    /// Returns the state of the link's chain after it, or `None` if the link is not the chain's next or `follows`
    /// rejects it.
    fn chain_with(
        &self,
        link: &Link,
        hash: Hash,
        follows: impl Fn(&Chain) -> bool,
    ) -> Result<Option<Chain>, S::Error> {
        Ok(match (link, self.chain(&link.chain())?) {
            (Link::Open(open), None) => Some(Chain::opened(open, hash, self.life(&open.key)?.windows)),
            (Link::Event(_) | Link::Close(_), Some(chain)) if chain.next == link.seq() && follows(&chain) => {
                Some(chain.extended(link, hash))
            }
            _ => None,
        })
    }
}

impl<S: Storage + ?Sized> Storage for Layered<'_, S> {
    type Error = S::Error;

    fn chain(&self, id: &ChainId) -> Result<Option<Chain>, S::Error> {
        let added = self.top.chains.get(id);
        added.map_or_else(|| self.below.chain(id), |added| Ok(Some(added.chain.clone())))
    }

    fn link(&self, id: &ChainId, seq: u64) -> Result<Option<EntryRef>, S::Error> {
        let added = self.top.chains.get(id).and_then(|added| {
            let place = usize::try_from(seq.checked_sub(added.first)?).ok()?;
            added.links.get(place)
        });
        added.map_or_else(|| self.below.link(id, seq), |held| Ok(Some(*held)))
    }

    fn note(&self, hash: &Hash) -> Result<Option<u64>, S::Error> {
        self.top.notes.get(hash).map_or_else(|| self.below.note(hash), |index| Ok(Some(*index)))
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, S::Error> {
        self.top.lives.get(key).map_or_else(|| self.below.life(key), |life| Ok(life.clone()))
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::event::{Event, Redaction};
    use crate::keys::{KeyNote, Statement};
    use crate::log::{Empty, Limits, RefusalKind};
    use crate::note::SignerKey;
    use crate::recorder::Recorder;
    use crate::trust::Trust;

    /// Returns a batch with a grant and two chains of the granted key whose links alternate.
    fn log() -> PendingBatch {
        let issuer = SignerKey::from_seed("example.com", [1; 32]).unwrap();
        let emitter = SignerKey::from_seed("example.com/a", [2; 32]).unwrap();
        let at = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let grant = Statement::Grant { key: emitter.verifier_key().clone(), from: None, until: None };
        let note = KeyNote::sign("log.example", &[grant], &issuer).unwrap();
        let chain = |nonce: u8| {
            let mut recorder =
                Recorder::open("log.example", emitter.verifier_key().clone(), at, &[nonce; 16]).unwrap();
            recorder.sign_with(&emitter).unwrap();
            for salt in 0..3 {
                let event = Event::parse(br#"{"action":"a"}"#, &Redaction::none()).unwrap();
                recorder.record(&event, at, &[salt; 16]).unwrap();
            }
            recorder.close(at).unwrap();
            recorder.sign_with(&emitter).unwrap();
            recorder.drain()
        };
        let (one, two) = (chain(1), chain(2));
        let lines = one.lines().zip(two.lines()).flat_map(|(one, two)| [one, two]);
        let mut body = crate::export::writer::Writer::new();
        body.note(&note);
        let body = lines.fold(body.as_str().to_owned(), |body, line| body + line + "\n");
        let submission = Submission::parse(body.as_bytes(), &Limits::default()).unwrap();
        let mut batch = PendingBatch::new(0);
        batch.submit(&Rules::new("log.example", None), &Empty, &submission, at).unwrap();
        batch
    }

    /// Returns the leaves as a storage keeps them.
    fn stored(batch: &PendingBatch) -> Vec<(String, Option<SaltedEvent>)> {
        batch.leaves().iter().map(|leaf| (leaf.text.clone(), leaf.event().cloned())).collect()
    }

    fn replayed(
        leaves: &[(String, Option<SaltedEvent>)],
    ) -> Result<PendingBatch, AcceptanceError<core::convert::Infallible>> {
        let mut batch = PendingBatch::new(0);
        for (leaf, event) in leaves {
            batch.replay(&Empty, leaf.clone(), event.clone())?;
        }
        Ok(batch)
    }

    #[test]
    fn replaying_leaves_restores_the_whole_state() {
        let taken = log();
        let again = replayed(&stored(&taken)).unwrap();
        assert_eq!(taken.size(), 11);
        assert_eq!(again.leaves(), taken.leaves());
        assert_eq!(again.runs(), taken.runs());
        assert_eq!(again.chains().collect::<HashMap<_, _>>(), taken.chains().collect::<HashMap<_, _>>());
        assert_eq!(again.notes().collect::<HashMap<_, _>>(), taken.notes().collect::<HashMap<_, _>>());
        assert_eq!(again.lives().collect::<HashMap<_, _>>(), taken.lives().collect::<HashMap<_, _>>());
    }

    #[test]
    fn following_a_log_restores_its_state_and_keeps_no_leaves() {
        let taken = log();
        let follow = |rules: &Rules| {
            let mut followed = PendingBatch::new(0);
            for (place, (text, event)) in stored(&taken).into_iter().enumerate() {
                if place == 4 {
                    followed.add_opaque();
                }
                followed.follow(rules, Leaf::parse(text, event).unwrap());
            }
            followed
        };
        let followed = follow(&Rules::new("log.example", None));
        assert_eq!((followed.base(), followed.size(), followed.leaves().len()), (12, 12, 0));
        assert_eq!(followed.chains().collect::<HashMap<_, _>>(), taken.chains().collect::<HashMap<_, _>>());
        assert_eq!(followed.notes().collect::<Vec<_>>(), taken.notes().collect::<Vec<_>>());
        assert_eq!(followed.lives().collect::<HashMap<_, _>>(), taken.lives().collect::<HashMap<_, _>>());
        for (id, chain) in taken.chains() {
            for seq in 0..chain.next {
                let Ok(before) = taken.over(&Empty).link(id, seq);
                let Ok(now) = followed.over(&Empty).link(id, seq);
                let before = before.unwrap();
                let index = before.index + u64::from(before.index >= 4);
                assert_eq!(now, Some(EntryRef { index, ..before }));
            }
        }
        // A key note of an issuer that this log does not trust had no effect then and has none now.
        let rules = Rules::new("log.example", Some(Trust::default()));
        assert!(follow(&rules).lives().next().is_none() && rules.trust() == Some(&Trust::default()));
    }

    #[test]
    fn replay_rejects_leaves_in_an_impossible_order() {
        let leaves = stored(&log());
        let refused = |leaves: &[(String, Option<SaltedEvent>)]| {
            let stop = replayed(leaves).unwrap_err();
            assert_eq!(stop.refusal().kind, RefusalKind::Malformed);
        };
        for left_out in 1..9 {
            let mut fewer = leaves.clone();
            fewer.remove(left_out);
            refused(&fewer);
            let mut twice = leaves.clone();
            twice.insert(left_out, leaves[left_out].clone());
            refused(&twice);
        }
        let mut noted_twice = leaves.clone();
        noted_twice.insert(1, leaves[0].clone());
        refused(&noted_twice);
        let event = leaves.iter().find_map(|(_, event)| event.clone()).unwrap();
        for without_event in [0, 1, leaves.len() - 1] {
            let mut wrong = leaves.clone();
            wrong[without_event].1 = Some(event.clone());
            refused(&wrong);
        }
        let place = leaves.iter().position(|(_, event)| event.is_some()).unwrap();
        let mut wrong = leaves.clone();
        wrong[place].1.as_mut().unwrap().text.push(' ');
        refused(&wrong);
        wrong[place].0 = "a leaf of another log".into();
        refused(&wrong);
    }

    #[test]
    fn replay_rejects_a_link_after_the_close_link() {
        let mut leaves = stored(&log());
        let closed = Link::parse(&leaves.last().unwrap().0).unwrap();
        let last = crate::merkle::leaf_hash(leaves.last().unwrap().0.as_bytes());
        let (chain, seq, time) = (closed.chain(), closed.seq() + 1, closed.time());
        leaves.push((crate::link::write_event(chain, seq, time, &last, &last), None));
        assert_eq!(replayed(&leaves).unwrap_err().refusal().kind, RefusalKind::Malformed);
    }

    #[test]
    fn runs_are_as_few_as_possible() {
        let runs = |batch: &PendingBatch| -> Vec<_> {
            batch.runs().iter().map(|run| (run.seq, run.index, run.count)).collect()
        };
        // The two chains alternate, so no run has more than one link.
        let batch = log();
        let alternating: Vec<_> = (1..11).map(|index| ((index - 1) / 2, index, 1)).collect();
        assert_eq!(runs(&batch), alternating);
        let mut body = String::new();
        for wanted in [0, 1] {
            let lines = batch.leaves().iter().skip(1).skip(wanted).step_by(2);
            for leaf in lines {
                let mut line = crate::export::writer::Writer::new();
                match leaf.event() {
                    Some(event) => line.event(&leaf.text, &event.salt, &event.text),
                    None => line.link(&leaf.text),
                }
                body += line.as_str();
            }
        }
        let submission = Submission::parse(body.as_bytes(), &Limits::default()).unwrap();
        let mut batch = PendingBatch::new(7);
        let rules = Rules::new("log.example", None);
        assert!(rules.origin() == "log.example" && rules.trust().is_none());
        batch.submit(&rules, &Empty, &submission, Time::MAX).unwrap();
        assert_eq!(runs(&batch), [(0, 7, 5), (0, 12, 5)]);
    }
}
