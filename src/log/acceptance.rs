//! One submission while it is taken, link by link.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::growth::Layered;
use super::lives::lives_after;
use super::submission::{Entry, check_signature};
use super::{
    AcceptanceError, Body, Chain, EntryRef, Evidence, Life, PendingBatch, RefusalKind, Rules, Storage,
    SubmissionError, SubmissionOutcome, Tip, Windows,
};
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::keys::KeyNote;
use crate::link::{ChainId, Link, OpenLink};
use crate::note::VerifierKey;
use crate::time::Time;

/// What was taken of a submission so far.
#[derive(Default)]
pub(crate) struct Acceptance {
    growth: PendingBatch,
    taken: SubmissionOutcome,
    /// Chains whose last new link is not signed, and its line.
    unsigned: BTreeMap<ChainId, Option<u64>>,
    /// Leaves that were found to be there already: that they come once more need not be looked up again.
    repeats: HashSet<Hash>,
    /// The key that was looked up last: the next link is mostly of the same.
    life: Option<(VerifierKey, Life)>,
    /// What the log's clock shows, where it has one.
    now: Option<Time>,
}

impl Chain {
    /// The chain that an open link begins.
    pub(super) fn opened(open: &OpenLink, hash: Hash, windows: Windows) -> Self {
        Self { key: open.key.clone(), windows, next: 1, last: hash, time: open.time, closed: false }
    }

    /// The chain with its next link.
    pub(super) fn extended(self, link: &Link, hash: Hash) -> Self {
        let closed = matches!(link, Link::Close(_));
        Self { next: self.next + 1, last: hash, time: link.time(), closed, ..self }
    }
}

impl Acceptance {
    /// Of the submission whose first new leaf will have that index, when the log's clock shows `now`. Without a clock,
    /// a link may have any time.
    pub(crate) fn new(base: u64, now: Option<Time>) -> Self {
        Self { growth: PendingBatch::new(base), now, ..Self::default() }
    }

    /// What was taken so far, and not yet ended.
    pub(crate) fn growth_mut(&mut self) -> &mut PendingBatch {
        &mut self.growth
    }

    /// Takes the next leaf, and says whether it is new. `rest` is what the submission still brings, this leaf first:
    /// the evidence of a fork is looked for there. Who keeps none gives nothing.
    pub(crate) fn take<S: Storage + ?Sized>(
        &mut self,
        rules: &Rules,
        below: &S,
        entry: &Entry,
        rest: &[Entry],
    ) -> Result<bool, AcceptanceError<S::Error>> {
        if self.repeats.contains(&entry.leaf.hash) {
            self.taken.repeated += 1;
            return Ok(false);
        }
        let state = Layered { top: &self.growth, below };
        let result = match &entry.leaf.body {
            Body::Link { link, .. } => self.take_link(rules, below, entry, link, rest),
            Body::Note(note) => match state.note(&entry.leaf.hash).map_err(AcceptanceError::Storage)? {
                Some(index) => {
                    // One that came with this submission is among its notes already.
                    if index < self.growth.base() {
                        self.taken.notes.push(EntryRef { index, hash: entry.leaf.hash });
                    }
                    Ok(self.repeat(entry.leaf.hash))
                }
                None => self.take_note(rules, below, entry, note),
            },
        };
        result.map_err(|stop| stop.at_line(entry.line))
    }

    fn repeat(&mut self, hash: Hash) -> bool {
        self.repeats.insert(hash);
        self.taken.repeated += 1;
        false
    }

    fn take_note<S: Storage + ?Sized>(
        &mut self,
        rules: &Rules,
        below: &S,
        entry: &Entry,
        note: &KeyNote,
    ) -> Result<bool, AcceptanceError<S::Error>> {
        let signers = rules.signers(note)?;
        let state = Layered { top: &self.growth, below };
        rules.check_known(note, &signers, |key| state.life(key))?;
        let lives = lives_after(&note.statements, &state).map_err(AcceptanceError::Storage)?;
        self.taken.notes.push(EntryRef { index: self.growth.size(), hash: entry.leaf.hash });
        self.taken.added += 1;
        self.life = None;
        self.growth.add_note(Arc::clone(&entry.leaf), lives);
        Ok(true)
    }

    fn take_link<S: Storage + ?Sized>(
        &mut self,
        rules: &Rules,
        below: &S,
        entry: &Entry,
        link: &Link,
        rest: &[Entry],
    ) -> Result<bool, AcceptanceError<S::Error>> {
        let state = Layered { top: &self.growth, below };
        let (id, seq) = (link.chain(), link.seq());
        let known = state.chain(&id).map_err(AcceptanceError::Storage)?;
        if let Some(chain) = known.as_ref().filter(|chain| seq < chain.next) {
            let held = state.link(&id, seq).map_err(AcceptanceError::Storage)?;
            return match held {
                Some(held) if held.hash == entry.leaf.hash => {
                    self.tip(id, seq, held);
                    Ok(self.repeat(entry.leaf.hash))
                }
                Some(held) => Err(self.fork(chain, link, (seq, held.index), rest).into()),
                // The storage knows the chain and not its links: nothing can be told from that.
                None => Err(gap(link, Some(chain)).into()),
            };
        }
        let before = match (link, known) {
            (Link::Open(open), None) => {
                rules.check_origin(open)?;
                let windows = state.life(&open.key).map_err(AcceptanceError::Storage)?.windows;
                Chain::opened(open, entry.leaf.hash, windows)
            }
            (_, Some(chain)) => {
                if seq > chain.next {
                    return Err(gap(link, Some(&chain)).into());
                }
                if chain.closed || link.prev() != Some(&chain.last) {
                    let seq = chain.next - 1;
                    let Some(last) = state.link(&id, seq).map_err(AcceptanceError::Storage)? else {
                        return Err(gap(link, Some(&chain)).into());
                    };
                    return Err(self.fork(&chain, link, (seq, last.index), rest).into());
                }
                if link.time() < chain.time {
                    return Err(back_in_time(id, seq).into());
                }
                chain
            }
            (_, None) => return Err(gap(link, None).into()),
        };
        let life = match self.life.take() {
            Some((key, life)) if key == before.key => life,
            _ => state.life(&before.key).map_err(AcceptanceError::Storage)?,
        };
        // Before its signature: who may not write here shall not keep the log busy either.
        let may_write = rules
            .check_key(&before, &life, link.time(), self.now)
            .and_then(|()| self.now.map_or(Ok(()), |now| Rules::check_time(link.time(), now)));
        if let Err(refusal) = may_write {
            let is_signed = vouched_for(&before, id, rest).is_ok();
            return Err(SubmissionError { is_signed, ..refusal }.into());
        }
        if entry.verified_by.as_ref() != Some(&before.key) {
            check_signature(entry, link, &before.key)?;
        }
        self.life = Some((before.key.clone(), life));
        let chain =
            if matches!(link, Link::Open(_)) { before } else { before.extended(link, entry.leaf.hash) };
        match link.signature() {
            Some(_) => _ = self.unsigned.remove(&id),
            None => _ = self.unsigned.insert(id, entry.line),
        }
        self.tip(id, seq, EntryRef { index: self.growth.size(), hash: entry.leaf.hash });
        self.taken.added += 1;
        self.growth.add_link(Arc::clone(&entry.leaf), link, chain);
        Ok(true)
    }

    fn tip(&mut self, chain: ChainId, seq: u64, held: EntryRef) {
        let tip = Tip { seq, index: held.index, hash: held.hash };
        let last = self.taken.chains.entry(chain).or_insert(tip);
        if last.seq < seq {
            *last = tip;
        }
    }

    /// The refusal of a link where the chain goes on otherwise, with the link `of` that seq and index. Only what the
    /// emitter's key vouches for is evidence: anyone can write an unsigned link.
    fn fork(&self, chain: &Chain, link: &Link, of: (u64, u64), rest: &[Entry]) -> SubmissionError {
        let (id, seq) = (link.chain(), link.seq());
        let (why, hint) = if chain.closed && seq >= chain.next {
            let hint = "a chain that goes on after its end is evidence that its key was used twice";
            (format!("the chain {id} is closed"), hint)
        } else {
            let hint = "evidence that the key was used twice: begin a new chain";
            (format!("the chain {id} has another link {} in the log", seq.min(chain.next - 1)), hint)
        };
        let error = Error::new(Code::Fork, why).with_hint(hint);
        if rest.is_empty() {
            return SubmissionError::malformed(error);
        }
        let refused = self.brought(id, of).and_then(|mut brought| {
            brought.extend(vouched_for(chain, id, rest)?);
            Ok(brought)
        });
        match refused {
            Ok(refused) => {
                let index = Some(of.1).filter(|index| *index < self.growth.base());
                let evidence = Evidence { chain: id, seq, index, refused };
                SubmissionError::new(RefusalKind::Fork(Box::new(evidence)), error)
            }
            Err(refusal) => refusal,
        }
    }

    /// The links of the chain from that seq up to the next signed one, where they came with this submission: the log
    /// will have none of it.
    fn brought(&self, id: ChainId, (seq, index): (u64, u64)) -> Result<Vec<String>, SubmissionError> {
        let mut brought = Vec::new();
        if index < self.growth.base() {
            return Ok(brought);
        }
        for leaf in self.growth.leaves() {
            let Some(link) = leaf.link().filter(|link| link.chain() == id && link.seq() >= seq) else {
                continue;
            };
            brought.push(leaf.text.clone());
            if link.signature().is_some() {
                return Ok(brought);
            }
        }
        Err(not_signed(id))
    }

    /// Ends the submission.
    ///
    /// # Errors
    /// A refusal when the last new link of a chain is not signed.
    pub(crate) fn end(self) -> Result<(PendingBatch, SubmissionOutcome), SubmissionError> {
        match self.unsigned.first_key_value() {
            None => Ok((self.growth, self.taken)),
            Some((chain, line)) => Err(not_signed(*chain).at_line(*line)),
        }
    }
}

pub(super) fn gap(link: &Link, chain: Option<&Chain>) -> SubmissionError {
    let (id, seq) = (link.chain(), link.seq());
    let message = match chain {
        None => format!("the open link of the chain {id} is not in the log"),
        Some(Chain { next, .. }) => {
            format!("the chain {id} goes on with {next} in the log, and this is {seq}")
        }
    };
    let error =
        Error::new(Code::Gap, message).with_hint("links are missing before this one: bring them first");
    SubmissionError::new(gap_after(id, chain), error)
}

/// What is missing after that which the log has of a chain.
pub(super) fn gap_after(id: ChainId, known: Option<&Chain>) -> RefusalKind {
    let (expected, last) = known.map_or((0, None), |chain| (chain.next, Some(chain.last)));
    RefusalKind::Gap { chain: id, expected, last }
}

fn back_in_time(id: ChainId, seq: u64) -> SubmissionError {
    let error = Error::new(Code::Refused, format!("{id}/{seq} is earlier than the link before it"));
    SubmissionError::malformed(error.with_hint("a recorder never lets its time go back: a faulty writer"))
}

/// The links of the chain from the first of `rest` up to the next signed one, which vouches for them all.
fn vouched_for(chain: &Chain, id: ChainId, rest: &[Entry]) -> Result<Vec<String>, SubmissionError> {
    let mut refused = Vec::new();
    let mut last: Option<(u64, Hash)> = None;
    for entry in rest {
        let Some(link) = entry.leaf.link().filter(|link| link.chain() == id) else { continue };
        let follows = last.is_none_or(|(seq, hash)| link.seq() == seq + 1 && link.prev() == Some(&hash));
        if !follows {
            return Err(not_signed(id));
        }
        refused.push(entry.leaf.text.clone());
        if link.signature().is_some() {
            check_signature(entry, link, &chain.key)?;
            return Ok(refused);
        }
        last = Some((link.seq(), entry.leaf.hash));
    }
    Err(not_signed(id))
}

fn not_signed(chain: ChainId) -> SubmissionError {
    let error = Error::new(Code::Refused, format!("the last link of the chain {chain} is not signed"));
    SubmissionError::malformed(
        error.with_hint("a recorder signs the last link of what it hands on: this was cut off"),
    )
}
