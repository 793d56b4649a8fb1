//! Acceptance of one submission, link by link.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::lives::lives_after;
use super::pending_batch::Layered;
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

/// The accepted part of a submission so far.
#[derive(Default)]
pub(crate) struct Acceptance {
    batch: PendingBatch,
    outcome: SubmissionOutcome,
    /// The chains whose last new link is not signed, with that link's line.
    unsigned: BTreeMap<ChainId, Option<u64>>,
    /// Hashes of leaves found to be repeats, so that further repeats need no lookup.
    repeats: HashSet<Hash>,
    vouched: Vouched,
    /// The key that was looked up last. Successive links usually share a key.
    life: Option<(VerifierKey, Life)>,
    /// The log's clock, if it has one.
    now: Option<Time>,
}

/// The leaf hashes of unsigned links that a later link of the submission vouches for, and of those later links.
#[derive(Default)]
struct Vouched(HashSet<Hash>);

impl Chain {
    /// Returns the chain that an open link begins.
    pub(super) fn opened(open: &OpenLink, hash: Hash, windows: Windows) -> Self {
        Self { key: open.key.clone(), windows, next: 1, last: hash, time: open.time, closed: false }
    }

    /// Returns the chain after its next link.
    pub(super) fn extended(self, link: &Link, hash: Hash) -> Self {
        let closed = matches!(link, Link::Close(_));
        Self { next: self.next + 1, last: hash, time: link.time(), closed, ..self }
    }
}

impl Vouched {
    /// Verifies the signature that vouches for a link: its own, or that of the next signed link of its chain in `rest`.
    /// Only the key's holder may learn what the log knows about the key and the chain, so this comes before anything
    /// that depends on them. If `rest` is empty, an unsigned link passes, and [`Acceptance::end`] decides.
    fn verify(
        &mut self,
        entry: &Entry,
        link: &Link,
        key: &VerifierKey,
        rest: &[Entry],
    ) -> Result<(), SubmissionError> {
        if self.0.contains(&entry.leaf.hash) {
            return Ok(());
        }
        if rest.is_empty() || link.signature().is_some() {
            return check_signature(entry, link, key);
        }
        let links = vouched_for(link.chain(), rest, key)?;
        self.0.extend(links.iter().map(|entry| entry.leaf.hash));
        Ok(())
    }
}

impl Acceptance {
    /// Starts a submission whose first new leaf gets index `base`. Without a clock (`now`), links may have any time.
    pub(crate) fn new(base: u64, now: Option<Time>) -> Self {
        Self { batch: PendingBatch::new(base), now, ..Self::default() }
    }

    /// Returns the batch accepted so far.
    pub(crate) fn batch_mut(&mut self) -> &mut PendingBatch {
        &mut self.batch
    }

    /// Accepts the next leaf and returns true if it is new. `rest` is the remainder of the submission, starting with
    /// this leaf; evidence of a fork is taken from it. Pass an empty slice to collect no evidence.
    pub(crate) fn accept<S: Storage + ?Sized>(
        &mut self,
        rules: &Rules,
        below: &S,
        entry: &Entry,
        rest: &[Entry],
    ) -> Result<bool, AcceptanceError<S::Error>> {
        if self.repeats.contains(&entry.leaf.hash) {
            self.outcome.repeated += 1;
            return Ok(false);
        }
        let state = Layered { top: &self.batch, below };
        let result = match &entry.leaf.body {
            Body::Link { link, .. } => self.accept_link(rules, below, entry, link, rest),
            Body::Note(note) => match state.note(&entry.leaf.hash).map_err(AcceptanceError::Storage)? {
                Some(index) => {
                    // Notes of this submission are in the outcome already.
                    if index < self.batch.base() {
                        self.outcome.notes.push(EntryRef { index, hash: entry.leaf.hash });
                    }
                    Ok(self.repeat(entry.leaf.hash))
                }
                None => self.accept_note(rules, below, entry, note),
            },
        };
        result.map_err(|stop| stop.at_line(entry.line))
    }

    fn repeat(&mut self, hash: Hash) -> bool {
        self.repeats.insert(hash);
        self.outcome.repeated += 1;
        false
    }

    fn accept_note<S: Storage + ?Sized>(
        &mut self,
        rules: &Rules,
        below: &S,
        entry: &Entry,
        note: &KeyNote,
    ) -> Result<bool, AcceptanceError<S::Error>> {
        let signers = rules.signers(note)?;
        let state = Layered { top: &self.batch, below };
        rules.check_known(note, &signers, |key| state.life(key))?;
        let lives = lives_after(&note.statements, &state).map_err(AcceptanceError::Storage)?;
        self.outcome.notes.push(EntryRef { index: self.batch.size(), hash: entry.leaf.hash });
        self.outcome.added += 1;
        self.life = None;
        self.batch.add_note(Arc::clone(&entry.leaf), lives);
        Ok(true)
    }

    fn accept_link<S: Storage + ?Sized>(
        &mut self,
        rules: &Rules,
        below: &S,
        entry: &Entry,
        link: &Link,
        rest: &[Entry],
    ) -> Result<bool, AcceptanceError<S::Error>> {
        let state = Layered { top: &self.batch, below };
        let (id, seq) = (link.chain(), link.seq());
        let known = state.chain(&id).map_err(AcceptanceError::Storage)?;
        if let Some(chain) = known.as_ref().filter(|chain| seq < chain.next) {
            let held = state.link(&id, seq).map_err(AcceptanceError::Storage)?;
            return match held {
                Some(held) if held.hash == entry.leaf.hash => {
                    self.tip(id, seq, held);
                    Ok(self.repeat(entry.leaf.hash))
                }
                _ if self.vouched.verify(entry, link, &chain.key, rest).is_err() => Err(unknown(link).into()),
                Some(held) => Err(self.fork(chain, link, (seq, held.index), rest).into()),
                // The storage knows the chain but not the link, so the two cannot be compared.
                None => Err(gap(link, chain).into()),
            };
        }
        let before = match (link, known) {
            (Link::Open(open), None) => {
                rules.check_origin(open)?;
                self.vouched.verify(entry, link, &open.key, rest)?;
                let windows = state.life(&open.key).map_err(AcceptanceError::Storage)?.windows;
                Chain::opened(open, entry.leaf.hash, windows)
            }
            (_, Some(chain)) => {
                let extends = seq == chain.next && link.prev() == Some(&chain.last);
                if let Err(refusal) = self.vouched.verify(entry, link, &chain.key, rest) {
                    // Only readers and the emitter know the hash of the chain's last link.
                    return Err(if extends { refusal } else { unknown(link) }.into());
                }
                if seq > chain.next {
                    return Err(gap(link, &chain).into());
                }
                if chain.closed || !extends {
                    let seq = chain.next - 1;
                    let Some(last) = state.link(&id, seq).map_err(AcceptanceError::Storage)? else {
                        return Err(gap(link, &chain).into());
                    };
                    return Err(self.fork(&chain, link, (seq, last.index), rest).into());
                }
                if link.time() < chain.time {
                    return Err(back_in_time(id, seq).into());
                }
                chain
            }
            (_, None) => return Err(unknown(link).into()),
        };
        let life = match self.life.take() {
            Some((key, life)) if key == before.key => life,
            _ => state.life(&before.key).map_err(AcceptanceError::Storage)?,
        };
        rules
            .check_key(&before, &life, link.time(), self.now)
            .and_then(|()| self.now.map_or(Ok(()), |now| Rules::check_time(link.time(), now)))
            .map_err(SubmissionError::signed)?;
        self.life = Some((before.key.clone(), life));
        let chain =
            if matches!(link, Link::Open(_)) { before } else { before.extended(link, entry.leaf.hash) };
        match link.signature() {
            Some(_) => _ = self.unsigned.remove(&id),
            None => _ = self.unsigned.insert(id, entry.line),
        }
        self.tip(id, seq, EntryRef { index: self.batch.size(), hash: entry.leaf.hash });
        self.outcome.added += 1;
        self.batch.add_link(Arc::clone(&entry.leaf), link, chain);
        Ok(true)
    }

    fn tip(&mut self, chain: ChainId, seq: u64, held: EntryRef) {
        let tip = Tip { seq, index: held.index, hash: held.hash };
        let last = self.outcome.chains.entry(chain).or_insert(tip);
        if last.seq < seq {
            *last = tip;
        }
    }

    /// Returns the refusal of a link that contradicts the log's link `of` (its `seq` and index). Only links that the
    /// emitter's key vouches for are evidence: anyone can write an unsigned link.
    fn fork(&self, chain: &Chain, link: &Link, of: (u64, u64), rest: &[Entry]) -> SubmissionError {
        let (id, seq) = (link.chain(), link.seq());
        let (why, hint) = if chain.closed && seq >= chain.next {
            let hint = "keep it as evidence that the key was used twice; revoke the key";
            (format!("chain {id} is closed"), hint)
        } else {
            let hint = "keep it as evidence that the key was used twice; start a new chain";
            (format!("the log has a different link {} in chain {id}", seq.min(chain.next - 1)), hint)
        };
        let error = Error::new(Code::Fork, why).with_hint(hint);
        if rest.is_empty() {
            return SubmissionError::malformed(error);
        }
        let refused = self.links_in_batch(id, of).and_then(|mut links| {
            links.extend(vouched_for(id, rest, &chain.key)?.iter().map(|entry| entry.leaf.text.clone()));
            Ok(links)
        });
        match refused {
            Ok(refused) => {
                let index = Some(of.1).filter(|index| *index < self.batch.base());
                let evidence = Evidence { chain: id, seq, index, refused };
                SubmissionError::new(RefusalKind::Fork(Box::new(evidence)), error)
            }
            Err(refusal) => refusal,
        }
    }

    /// Returns the chain's links in this submission from `seq` up to the next signed one, or nothing if the log
    /// already has `seq`.
    fn links_in_batch(&self, id: ChainId, (seq, index): (u64, u64)) -> Result<Vec<String>, SubmissionError> {
        let mut links = Vec::new();
        if index < self.batch.base() {
            return Ok(links);
        }
        for leaf in self.batch.leaves() {
            let Some(link) = leaf.link().filter(|link| link.chain() == id && link.seq() >= seq) else {
                continue;
            };
            links.push(leaf.text.clone());
            if link.signature().is_some() {
                return Ok(links);
            }
        }
        Err(not_signed(id))
    }

    /// Ends the submission and returns the batch and its outcome.
    ///
    /// # Errors
    /// A refusal if the last new link of a chain is not signed.
    pub(crate) fn end(self) -> Result<(PendingBatch, SubmissionOutcome), SubmissionError> {
        match self.unsigned.first_key_value() {
            None => Ok((self.batch, self.outcome)),
            Some((chain, line)) => Err(not_signed(*chain).at_line(*line)),
        }
    }
}

/// Returns the refusal of a link that skips links of a chain that the log has.
fn gap(link: &Link, chain: &Chain) -> SubmissionError {
    let (id, seq, next) = (link.chain(), link.seq(), chain.next);
    let message = format!("chain {id} continues with link {next} in the log, but this is link {seq}");
    let error = Error::new(Code::Gap, message).with_hint("send the earlier links first");
    SubmissionError::new(gap_after(id, Some(chain)), error).signed()
}

/// Returns the refusal of a link whose chain the log doesn't have, or whose key didn't sign it. The two look the same, so
/// that strangers can't find out which chains exist.
pub(super) fn unknown(link: &Link) -> SubmissionError {
    let id = link.chain();
    let message =
        format!("the open link of chain {id} is not in the log, or the chain's key did not sign this link");
    let error = Error::new(Code::Gap, message).with_hint("send the chain from its open link on");
    SubmissionError::new(gap_after(id, None), error)
}

/// Returns the gap after the log's last link of a chain.
pub(super) fn gap_after(id: ChainId, known: Option<&Chain>) -> RefusalKind {
    let (expected, last) = known.map_or((0, None), |chain| (chain.next, Some(chain.last)));
    RefusalKind::Gap { chain: id, expected, last }
}

fn back_in_time(id: ChainId, seq: u64) -> SubmissionError {
    let error = Error::new(Code::Refused, format!("link {id}/{seq} is earlier than the link before it"));
    SubmissionError::malformed(
        error.with_hint("fix the program that wrote it: times within a chain never decrease"),
    )
}

/// Returns the first link of the chain in `rest` and the links that follow it, up to the first signed one, whose signature
/// vouches for all of them.
fn vouched_for<'e>(
    id: ChainId,
    rest: &'e [Entry],
    key: &VerifierKey,
) -> Result<Vec<&'e Entry>, SubmissionError> {
    let mut links: Vec<&Entry> = Vec::new();
    for entry in rest {
        let Some(link) = entry.leaf.link().filter(|link| link.chain() == id) else { continue };
        let follows = |before: &&Entry| {
            let seq = before.leaf.link().map(|before| before.seq() + 1);
            seq == Some(link.seq()) && link.prev() == Some(&before.leaf.hash)
        };
        if !links.last().is_none_or(follows) {
            continue;
        }
        links.push(entry);
        if link.signature().is_some() {
            check_signature(entry, link, key)?;
            return Ok(links);
        }
    }
    Err(not_signed(id).at_line(links.last().and_then(|entry| entry.line)))
}

fn not_signed(chain: ChainId) -> SubmissionError {
    let error = Error::new(Code::Refused, format!("the last link of chain {chain} is not signed"));
    SubmissionError::malformed(
        error.with_hint("send the submission in full: a recorder signs the last link of each flush"),
    )
}
