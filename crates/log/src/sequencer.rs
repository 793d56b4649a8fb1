//! The sequencer decides the order of all entries.
//!
//! It checks all waiting submissions together, and makes one durable commit and one checkpoint (group
//! commit). It answers them afterwards. The longer a commit takes, the more submissions share the next one.
//!
//! # Commit protocol
//!
//! [`RunningSequencer::work`] gathers submissions and commits them in these steps. "Memory" is the
//! [`SignedHeadMemory`], which remembers what was signed apart from the store.
//!
//! | step | durable after it | a restart after a crash there |
//! | --- | --- | --- |
//! | 1. judge submissions against the writer's state | nothing | finds nothing; emitters send again |
//! | 2. sign the checkpoint, if [`signs_before_commit`](crate::store::EntryWriter::signs_before_commit) (tables do, a bucket doesn't) | nothing: the signature hasn't left the process | finds nothing |
//! | 3. keep the log's own entries, if there is an [`OwnEntryStore`] | their lines, if writing succeeds; they may never be committed | doesn't read them; a restore does, and uses only those that lead to the signed tree |
//! | 4. [`commit`](crate::store::EntryWriter::commit), all or nothing | entries, events, everything derived from them, and the size that memory had remembered; with step 2 and without witnesses also the checkpoint. In a bucket only entries and events, from which the rest is derived | [`Sequencer::begin`] repeats steps 5 to 7; emitters that send again get the old indexes |
//! | 5. sign the checkpoint, if step 2 didn't | as after 4 | as after 4 |
//! | 6. memory remembers the checkpoint | its size, root, and signature, if memory outlives the process | a store that is ahead of memory continues. A store that has fewer entries, or a different tree, or recorded a larger size than memory has, stops the log |
//! | 7. without witnesses: publish, unless step 4 did, and announce. With witnesses: send it to them; [`Job::Publish`] publishes it, with their quorum or without | the published checkpoint | publishes what is durable, and sends the newest to witnesses in any case |
//! | 8. answer; the host waits if the checkpoint isn't published yet | evidence of refused forks, which is kept before the answer | emitters without an answer send again |
//!
//! A failed commit may still take effect: in a bucket, the next call looks for it first.
//!
//! Everything announced was remembered first, so a log that lost entries can't sign a second history unnoticed. Readers
//! see only announced checkpoints ([`Exporter::with_announced`](crate::export::Exporter::with_announced)), although in
//! a folder without witnesses step 4 stores them earlier. If another server commits first, step 4 stores nothing, and
//! the steps start again on top of its entries.

mod unattested;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::log::{
    self, PendingBatch, RefusalKind, Rules, Submission, SubmissionError, SubmissionOutcome,
};
use countersign::merkle::{CompactRange, PendingTree};
use countersign::note::{SignerKey, VerifierKey};
use countersign::trust::Trust;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::{Standing, Timekeeper};
use crate::erase::record;
use crate::export::void_grants;
use crate::hashes::root_at;
use crate::metrics::{Metrics, Stopwatch};
use crate::own_chain::OwnChain;
use crate::signed_memory::{OnRemembered, SignedHead, SignedHeadMemory};
use crate::stop::{Cause, Signing, SigningStop};
use crate::store::{Batch, CommitError, Published, Reader, StoreError, Writer};
use crate::submission::SubmitError;
use crate::witnessing::{AGAIN, Assessment, Contradiction, Unwitnessed, has_witnesses};

pub use unattested::Unattested;

/// The acceptance rules in force; replaced when the trust file changes.
pub type SharedRules = Arc<RwLock<Arc<Rules>>>;

/// An error while loading the acceptance rules.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The log's key can't be an emitter's.
    #[error(transparent)]
    Key(#[from] countersign::Error),
    /// The entries of the log can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Loads the acceptance rules: the trust file, the grants in the log that it makes void, and the log's own key for its
/// own chains.
///
/// # Errors
/// [`RulesError`].
pub fn rules(reader: &dyn Reader, key: &VerifierKey, trust: Trust) -> Result<Rules, RulesError> {
    let void = void_grants(reader, &trust)?;
    let rules = Rules::new(key.name(), Some(trust.with_emitter(key.clone())?));
    Ok(void.into_iter().fold(rules, Rules::with_void))
}

/// The maximum number of submissions that share a commit.
const MAX_SUBMISSIONS: usize = 4_096;
/// The number of entries from which a commit accepts no further submissions.
const MAX_COMMIT_ENTRIES: u64 = 65_536;
/// The number of times that other servers may commit first before submissions fail.
const MAX_COMMIT_ATTEMPTS: usize = 100;

/// A job for the sequencer.
pub enum Job {
    /// Commits a submission from an emitter.
    Submit {
        /// The submission to commit.
        submission: Submission,
        /// Receives the result of the job.
        reply: Reply,
    },
    /// Records an event on the log's own chain.
    Record {
        /// The event as JSON.
        event: String,
        /// Receives the result of the job.
        reply: Reply,
    },
    /// Marks an erasure as complete.
    FinishErasure {
        /// The entry that records the erasure.
        record: u64,
        /// Receives the result of the job.
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Erases the events of entries.
    Erase {
        /// The entries, in ascending order.
        leaves: Vec<u64>,
        /// Receives the result of the job.
        reply: oneshot::Sender<Result<u64, StoreError>>,
    },
    /// Publishes a checkpoint after the witnesses had time to cosign it. If a quorum cosigned it, this ends a stop that
    /// was caused by an unproven claim.
    Publish {
        /// The checkpoint with its cosignatures.
        published: Published,
        /// Receives the result of the job.
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Assesses a witness's contradiction. A proof stops the log.
    Contradicted {
        /// The contradiction, with the witness's proof if it has one.
        contradiction: Contradiction,
        /// Receives the result of the job.
        reply: oneshot::Sender<Assessment>,
    },
    /// Stops the log because of unproven claims by witnesses that the quorum needs, if any claim is still valid.
    Claimed {
        /// The claims, one per witness.
        claims: Vec<Contradiction>,
        /// Receives the result of the job.
        reply: oneshot::Sender<()>,
    },
    /// Publishes the durable entries after a stop ended.
    Resumed,
    /// Catches up with other servers of the log, and publishes what they committed.
    Follow {
        /// Receives true if that succeeded.
        done: oneshot::Sender<bool>,
    },
    /// Closes the log's own chain.
    Close {
        /// Receives the result of the job.
        reply: Reply,
    },
}

/// The channel for the result of a submission.
pub type Reply = oneshot::Sender<Result<Durable, SubmitError>>;

/// A submission whose entries are durable.
pub struct Durable {
    /// The result for each chain and key note.
    pub taken: SubmissionOutcome,
    /// The tree growth of its commit; `None` if nothing was added.
    pub tree: Option<Arc<PendingTree>>,
    /// The checkpoint that was published with it. None if witnesses see it first, publishing failed, or nothing was
    /// added.
    pub published: Option<Arc<Published>>,
}

/// A copy of the newest entries of the log's own chains, kept apart from the database: no emitter could send them
/// again.
pub trait OwnEntryStore: Send {
    /// Keeps the entries of `growth` that are on chains of `key`. It runs before the commit, which may fail, so kept
    /// entries may never be in the log. The store logs its own failures.
    fn keep(&mut self, growth: &PendingBatch, key: &VerifierKey);

    /// Erases the events of these entries, given in ascending order. It may be called again for the same entries.
    ///
    /// # Errors
    /// [`StoreError`]: some events may remain.
    fn erase(&mut self, entries: &[u64]) -> Result<(), StoreError>;
}

/// Decides the order of all entries, and signs it. [`Sequencer::begin`] makes it ready.
pub struct Sequencer {
    /// The sequencer's half of the store.
    pub writer: Box<dyn Writer>,
    /// The half of the store that all readers share.
    pub reader: Arc<dyn Reader>,
    /// The memory of signed checkpoints, consulted before anything is signed.
    pub memory: Box<dyn SignedHeadMemory>,
    /// The switch that stops signing.
    pub signing: Signing,
    /// The log's private key.
    pub key: SignerKey,
    /// Announces the newest published checkpoint. It must start with
    /// [`CheckpointReader::published`](crate::store::CheckpointReader::published).
    pub published: watch::Sender<Option<Arc<Published>>>,
    /// Sends checkpoints to the witnesses' task before they are published.
    pub witnesses: watch::Sender<Option<Unwitnessed>>,
    /// Reports entries whose events other servers erased.
    pub erased: mpsc::UnboundedSender<Vec<u64>>,
    /// The acceptance rules.
    pub rules: SharedRules,
    /// The log's clock.
    pub timekeeper: Arc<Timekeeper>,
    /// The times of links that no cosigned checkpoint contains yet.
    pub unattested: Unattested,
    /// The copy of the log's own entries, if the host keeps one.
    pub own_entries: Option<Box<dyn OwnEntryStore>>,
    /// The log's metrics.
    pub metrics: Arc<Metrics>,
}

/// A submission that waits for the commit.
struct Pending {
    submission: Submission,
    reply: Reply,
    own: bool,
}

impl Sequencer {
    /// Remembers and publishes what is durable, or shows it to witnesses. A log that is stopped, or contradicts what it
    /// signed, starts too, but signs nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub fn begin(mut self) -> Result<RunningSequencer, StoreError> {
        self.check_proof()?;
        self.check_memory()?;
        let edge = self.writer.edge()?;
        self.signing.note_resumed(self.timekeeper.now())?;
        match self.remember_published().and_then(|()| self.publish_what_is_durable(&edge)) {
            Ok(()) | Err(StoreError::Stopped(_)) => {}
            Err(error) => return Err(error),
        }
        self.report_erased();
        self.writer.find_erasures(self.key.verifier_key())?;
        let mut running =
            RunningSequencer { sequencer: self, edge, own: OwnChain::default(), time_requested_at: None };
        // Their cosignatures state the time before anything is accepted.
        match running.show_witnesses() {
            Ok(()) => Ok(running),
            Err(StoreError::Stopped(stop)) => {
                if stop.is_claim() {
                    running.sequencer.show_newest_signed(&stop)?;
                }
                Ok(running)
            }
            Err(error) => Err(error),
        }
    }

    /// Ends a stop that a witness proved, if the stored tree no longer contradicts the proof.
    fn check_proof(&mut self) -> Result<(), StoreError> {
        let Some(stop) = self.signing.stopped() else { return Ok(()) };
        let signed = stop.signed.as_ref().and_then(|note| SignedCheckpoint::parse(note).ok());
        let Some(signed) = signed.filter(|_| stop.witness.is_some()) else { return Ok(()) };
        self.writer.catch_up()?;
        if !self.contradicts(&signed.checkpoint)? {
            let why = "the stored tree contains the checkpoint that the witness has";
            self.signing.resume(self.timekeeper.now(), why, &|current, _| *current == *stop)?;
        }
        Ok(())
    }

    /// True if the stored tree doesn't contain that checkpoint.
    fn contradicts(&self, checkpoint: &Checkpoint) -> Result<bool, StoreError> {
        Ok(checkpoint.size > self.writer.size()
            || root_at(&*self.reader, checkpoint.size)? != checkpoint.root)
    }

    /// Sends witnesses the newest checkpoint that was signed before a claim stopped the log. This signs nothing.
    fn show_newest_signed(&mut self, stop: &SigningStop) -> Result<(), StoreError> {
        let origin = self.key.verifier_key().name();
        let published = self.published.borrow().as_ref().map(|published| published.note.clone());
        let notes = [stop.checkpoint.clone(), self.memory.newest().map(|head| head.note(origin)), published];
        let mut newest: Option<SignedCheckpoint> = None;
        for signed in notes.iter().flatten().filter_map(|note| SignedCheckpoint::parse(note).ok()) {
            let is_newer =
                newest.as_ref().is_none_or(|newest| newest.checkpoint.size < signed.checkpoint.size);
            if is_newer
                && signed.is_signed_by(self.key.verifier_key())
                && !self.contradicts(&signed.checkpoint)?
            {
                newest = Some(signed);
            }
        }
        let Some(signed) = newest else { return Ok(()) };
        let latest = match self.rules().trust() {
            Some(trust) => self.unattested.latest(signed.checkpoint.size, trust)?,
            None => None,
        };
        let note = signed.to_string();
        self.witnesses.send_replace(Some(Unwitnessed { checkpoint: signed.checkpoint, note, latest }));
        Ok(())
    }

    /// Erases the events of these entries, given in ascending order, everywhere.
    fn erase(&mut self, leaves: &[u64]) -> Result<u64, StoreError> {
        if let Some(own) = &mut self.own_entries {
            own.erase(leaves)?;
        }
        self.writer.erase(leaves)
    }

    /// Stops the log if a signed tree is larger than the stored one, or differs from it.
    fn check_memory(&mut self) -> Result<(), StoreError> {
        if self.signing.stopped().is_some_and(|stop| !stop.is_claim()) {
            return Ok(());
        }
        let newest = self.memory.newest();
        if let Some(noted) = self.writer.signed_size()?
            && newest.is_none_or(|newest| newest.size < noted)
        {
            let message =
                format!("the log signed a checkpoint of {noted} entries, but the record of that is missing");
            self.signing.stop(SigningStop::new(self.timekeeper.now(), Cause::Unremembered, message));
            return Ok(());
        }
        let Some(newest) = newest.cloned() else { return Ok(()) };
        let size = self.writer.size();
        // Another server of the log may have signed more in the meantime.
        let size = if newest.size > size { self.writer.catch_up()? } else { size };
        let (cause, message) = if newest.size > size {
            let message =
                format!("the log signed a checkpoint of {} entries, but has only {size}", newest.size);
            (Cause::Rollback, message)
        } else if root_at(&*self.reader, newest.size)? == newest.root {
            return Ok(());
        } else {
            let message =
                format!("the log signed a tree of {} entries that differs from the one it has", newest.size);
            (Cause::SplitView, message)
        };
        self.halt(cause, message, &newest);
        Ok(())
    }

    fn halt(&self, cause: Cause, message: String, signed: &SignedHead) {
        let checkpoint = self.published.borrow().as_ref().map(|published| published.note.clone());
        let signed = Some(signed.note(self.key.verifier_key().name()));
        self.signing.stop(SigningStop {
            checkpoint,
            signed,
            ..SigningStop::new(self.timekeeper.now(), cause, message)
        });
    }

    /// Remembers the published checkpoint, if the log's current key signed it.
    fn remember_published(&mut self) -> Result<(), StoreError> {
        let published = self.published.borrow().clone();
        let Some(published) = published.filter(|published| self.is_ours(published)) else { return Ok(()) };
        self.signing.check()?;
        self.remember(&published.note)
    }

    /// Remembers that `note` is signed. It survives a crash when this returns.
    fn remember(&mut self, note: &str) -> Result<(), StoreError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.remember_then(note, Box::new(move |remembered| _ = sender.send(remembered)))?;
        receiver.recv().map_err(|error| StoreError::unavailable("remembering what is signed", error))?
    }

    fn remember_then(&mut self, note: &str, then: OnRemembered) -> Result<(), StoreError> {
        let head = SignedHead::from_note(note)?;
        if self.memory.durable().is_some_and(|size| size >= head.size) {
            then(Ok(()));
        } else {
            let metrics = Arc::clone(&self.metrics);
            let then = move |remembered: Result<(), StoreError>| {
                metrics.remembered(remembered.is_ok());
                then(remembered);
            };
            self.memory.remember(head, Box::new(then));
        }
        Ok(())
    }

    /// Assesses a witness's contradiction, and stops the log if it is proven. Another server of the log may have shown
    /// the witness more.
    fn assess(&mut self, contradiction: Contradiction) -> Assessment {
        if !self.names(contradiction.witness()) {
            return Assessment::Refuted;
        }
        let name = contradiction.witness().name().to_owned();
        let assessment = self.try_to_assess(contradiction).unwrap_or_else(|error| {
            tracing::warn!(%error, witness = name, "failed to compare the witness's checkpoint with this log");
            Assessment::Refuted
        });
        self.metrics.witness_contradicts(&name, assessment != Assessment::Refuted);
        assessment
    }

    fn try_to_assess(&mut self, contradiction: Contradiction) -> Result<Assessment, StoreError> {
        let mut keys = vec![self.key.verifier_key().clone()];
        if let Some(trust) = self.rules().trust() {
            keys.extend(trust.logs().filter(|log| log.name() == keys[0].name()).cloned().collect::<Vec<_>>());
        }
        let proof = contradiction.proof(&keys);
        if proof.is_some() || contradiction.cause() == Cause::Rollback {
            let size = self.writer.catch_up()?;
            if contradiction.cause() == Cause::Rollback
                && contradiction.size().is_none_or(|seen| seen <= size)
            {
                return Ok(Assessment::Refuted);
            }
        }
        let Some(proof) = proof.map_or(Ok(None), |proof| {
            self.contradicts(&proof.checkpoint).map(|contradicts| contradicts.then_some(proof))
        })?
        else {
            return Ok(Assessment::Unproven);
        };
        let size = self.writer.size();
        self.signing.stop(contradiction.into_stop(self.timekeeper.now(), &proof, size));
        Ok(Assessment::Proven)
    }

    /// True if the trust file names the witness.
    fn names(&self, witness: &VerifierKey) -> bool {
        self.rules().trust().is_some_and(|trust| trust.witnesses().any(|key| key == witness))
    }

    /// Stops the log if one of these claims still counts: the trust file names its witness, and the log lacks what the
    /// witness says it has seen.
    fn stop_on_claims(&mut self, claims: Vec<Contradiction>) {
        for claim in claims {
            if self.assess(claim.clone()) == Assessment::Unproven {
                return self.signing.stop(claim.into_claim(self.timekeeper.now()));
            }
        }
    }

    /// Publishes a checkpoint after the witnesses had time to cosign it. If a quorum cosigned it, this ends a stop that
    /// was caused by an unproven claim.
    fn publish_gathered(&mut self, published: Published, edge: &mut CompactRange) -> Result<(), StoreError> {
        let why = "a quorum of witnesses cosigned the newest checkpoint";
        let resumes = |stop: &SigningStop, _: &_| stop.is_claim();
        let resumed = published.witnessed && self.signing.resume(self.timekeeper.now(), why, &resumes)?;
        self.publish(published)?;
        if resumed { self.publish_again(edge) } else { Ok(()) }
    }

    /// Publishes the durable entries, and sends their checkpoint to witnesses again.
    fn publish_again(&mut self, edge: &mut CompactRange) -> Result<(), StoreError> {
        self.refresh(edge)?;
        let newest = self.published.borrow().clone();
        if newest.is_some_and(|newest| newest.size == edge.end() && newest.witnessed && self.is_ours(&newest))
        {
            return Ok(());
        }
        match self.sign(&PendingTree::new(edge))? {
            NewCheckpoint::Published(published) => self.publish(published),
            NewCheckpoint::ForWitnesses(unwitnessed) => self.send_to_witnesses(unwitnessed, true),
        }
    }

    /// Publishes the durable entries or sends their checkpoint to witnesses, unless that was already done.
    fn publish_what_is_durable(&mut self, edge: &CompactRange) -> Result<(), StoreError> {
        // The log may have had another key when the checkpoint was published.
        if self
            .published
            .borrow()
            .as_deref()
            .is_some_and(|newest| newest.size == edge.end() && self.is_ours(newest))
        {
            return Ok(());
        }
        match self.sign(&PendingTree::new(edge))? {
            NewCheckpoint::Published(published) => self.publish(published),
            NewCheckpoint::ForWitnesses(unwitnessed) => self.send_to_witnesses(unwitnessed, false),
        }
    }

    /// Publishes also what other servers committed: one of them may have ended before it could publish.
    fn follow(&mut self, edge: &mut CompactRange) -> bool {
        if self.signing.stopped().is_some() {
            return false;
        }
        let followed =
            self.signing.check().and_then(|()| self.writer.catch_up()).and_then(|_| self.refresh(edge));
        let published = followed.and_then(|()| self.publish_what_is_durable(edge));
        if let Err(error) = &published {
            tracing::warn!(%error, "failed to catch up with other servers of this log");
        }
        self.metrics.followed(published.is_ok());
        self.report_erased();
        published.is_ok()
    }

    fn report_erased(&mut self) {
        let leaves = self.writer.erased_meanwhile();
        if !leaves.is_empty() {
            // A host that derives nothing from events has no receiver.
            let _ = self.erased.send(leaves);
        }
    }

    /// Reads the tree's right edge again if the writer caught up with other servers, and checks that signing is
    /// allowed.
    fn refresh(&mut self, edge: &mut CompactRange) -> Result<(), StoreError> {
        if edge.end() != self.writer.size() {
            *edge = self.writer.edge()?;
            self.check_memory()?;
        }
        self.signing.check()
    }

    fn is_ours(&self, published: &Published) -> bool {
        let signed = SignedCheckpoint::parse(&published.note);
        signed.is_ok_and(|signed| signed.is_signed_by(self.key.verifier_key()))
    }

    /// Sends the checkpoint to the witnesses' task. With `again`, resends one that it has already seen.
    fn send_to_witnesses(&mut self, mut unwitnessed: Unwitnessed, again: bool) -> Result<(), StoreError> {
        self.remember(&unwitnessed.note)?;
        if let Some(trust) = self.rules().trust() {
            unwitnessed.latest = self.unattested.latest(unwitnessed.checkpoint.size, trust)?;
        }
        self.witnesses.send_if_modified(|newest| {
            let is_new = again || newest.as_ref().is_none_or(|newest| newest.note != unwitnessed.note);
            *newest = Some(unwitnessed);
            is_new
        });
        Ok(())
    }

    /// Judges the waiting submissions, makes them durable, and answers. Refusals are sent after the commit too: they
    /// may depend on entries that it makes durable.
    fn commit(&mut self, edge: &mut CompactRange, own: &mut OwnChain, mut waiting: Vec<Pending>) {
        let (rules, now) = (self.rules(), self.timekeeper.now());
        for _ in 0..MAX_COMMIT_ATTEMPTS {
            if let Err(error) = self.refresh(edge) {
                return send_failure(waiting, own, error);
            }
            let mut growth = PendingBatch::new(edge.end());
            let mut judged = Vec::with_capacity(waiting.len());
            for waiting in waiting.drain(..) {
                let judgment = growth.submit(&rules, self.writer.state(), &waiting.submission, now);
                judged.push((waiting, judgment));
            }
            let erasures = record::recorded(&growth, self.key.verifier_key());
            let forges = |waiting: &Pending| {
                !erasures.is_empty()
                    && !waiting.own
                    && record::records_erasure(&waiting.submission, &growth, self.key.verifier_key())
            };
            if judged.iter().any(|(waiting, _)| forges(waiting)) {
                for (pending, _) in judged {
                    if forges(&pending) {
                        let _ = pending.reply.send(Err(record::refusal().into()));
                    } else {
                        waiting.push(pending);
                    }
                }
                continue;
            }
            let refused = judged.iter().any(|(_, judgment)| judgment.is_err());
            let newest = if refused { self.is_newest(edge) } else { Ok(()) };
            match newest.and_then(|()| self.grow(edge, &growth, &erasures)) {
                Ok(outcome) => {
                    let taken = judged.iter().filter(|(_, judgment)| judgment.is_ok()).count();
                    self.metrics.committed(taken, growth.size() - growth.base(), growth.size());
                    let answers = judged
                        .into_iter()
                        .map(|(waiting, judgment)| self.answer(own, waiting, judgment, &outcome))
                        .collect();
                    return self.answer_when_remembered(answers, outcome.unseen);
                }
                Err(CommitError::Overtaken) => {
                    self.metrics.overtaken();
                    waiting = judged.into_iter().map(|(waiting, _)| waiting).collect();
                }
                Err(CommitError::Failed(error)) => {
                    tracing::error!(%error, "failed to commit");
                    self.metrics.commit_failed();
                    return send_failure(
                        judged.into_iter().map(|(waiting, _)| waiting).collect(),
                        own,
                        error,
                    );
                }
            }
        }
        let error =
            StoreError::unavailable("committing", "other servers of this log committed first each time");
        send_failure(waiting, own, error);
    }

    /// Fails if other servers of the log committed in the meantime: what a submission lacks may have reached them.
    fn is_newest(&mut self, edge: &CompactRange) -> Result<(), CommitError> {
        if self.writer.signs_before_commit() || self.writer.catch_up()? == edge.end() {
            return Ok(());
        }
        Err(CommitError::Overtaken)
    }

    /// Sends answers once the checkpoint that they contain is remembered. The sequencer continues in the meantime.
    fn answer_when_remembered(&mut self, answers: Vec<Answer>, unseen: Option<Arc<Published>>) {
        let Some(published) = unseen else { return send(answers) };
        let (signing, metrics) = (self.signing.clone(), self.metrics.clone());
        let announce = self.published.clone();
        let note = published.note.clone();
        let then = move |remembered: Result<(), StoreError>| match remembered.and_then(|()| signing.check()) {
            Ok(()) => {
                announce_newest(&announce, &metrics, published);
                send(answers);
            }
            // The entries are durable: clients that send them again get the next checkpoint.
            Err(error) => {
                tracing::error!(%error, "failed to announce a checkpoint");
                send_error(answers, error);
            }
        };
        if let Err(error) = self.remember_then(&note, Box::new(then)) {
            tracing::error!(%error, "failed to remember a signed checkpoint");
        }
    }

    fn answer(
        &mut self,
        own: &mut OwnChain,
        waiting: Pending,
        judgment: Result<SubmissionOutcome, log::AcceptanceError<StoreError>>,
        outcome: &CommitOutcome,
    ) -> Answer {
        let answer = match judgment {
            Ok(taken) => {
                Ok(Durable { taken, tree: outcome.tree.clone(), published: outcome.published.clone() })
            }
            Err(log::AcceptanceError::Refused(refusal)) => Err(self.refuse(refusal)),
            Err(log::AcceptanceError::Storage(error)) => Err(error.into()),
        };
        if waiting.own && answer.is_err() {
            own.abandon();
        }
        (waiting.reply, answer)
    }

    /// Returns the error for a refusal, after keeping the evidence if it is a fork.
    fn refuse(&mut self, refusal: SubmissionError) -> SubmitError {
        if let RefusalKind::Fork(evidence) = &refusal.kind {
            tracing::warn!(chain = %evidence.chain, seq = evidence.seq, "a fork was refused");
            if let Err(error) = self.writer.keep_evidence(evidence, self.timekeeper.now()) {
                tracing::error!(%error, "failed to keep the evidence of a fork");
                return error.into();
            }
        }
        refusal.into()
    }

    /// Makes a pending batch durable, and publishes its checkpoint or sends it to witnesses.
    fn grow(
        &mut self,
        edge: &mut CompactRange,
        growth: &PendingBatch,
        erasures: &[u64],
    ) -> Result<CommitOutcome, CommitError> {
        if growth.leaves().is_empty() {
            // All entries are in the log already. Emitters may have sent them again because publishing failed before.
            self.publish_what_is_durable(edge)?;
            return Ok(CommitOutcome::default());
        }
        let stopwatch = Stopwatch::start();
        let mut tree = PendingTree::new(edge);
        let hashes: Vec<_> = growth.leaves().iter().map(|leaf| leaf.hash).collect();
        tree.extend(&hashes);
        let signed_size = self.memory.durable();
        let signed = if self.writer.signs_before_commit() { Some(self.sign(&tree)?) } else { None };
        let publish = match &signed {
            Some(NewCheckpoint::Published(published)) => Some(published),
            Some(NewCheckpoint::ForWitnesses(_)) | None => None,
        };
        if let Some(own) = &mut self.own_entries {
            own.keep(growth, self.key.verifier_key());
        }
        self.writer.commit(&Batch { growth, tree: &tree, publish, erasures, signed_size })?;
        *edge = tree.edge();
        self.unattested.grew(growth);
        let signed = signed
            .map_or_else(|| self.sign(&tree).map(|signed| (signed, false)), |signed| Ok((signed, true)));
        let (mut published, mut unseen) = (None, None);
        match signed? {
            (NewCheckpoint::Published(signed), true) => {
                unseen = Some(Arc::new(signed));
                published.clone_from(&unseen);
            }
            // The entries are durable: clients that wait for this checkpoint get the next one.
            (NewCheckpoint::Published(signed), false) => match self.publish(signed) {
                Ok(()) => published.clone_from(&self.published.borrow()),
                Err(error) => tracing::error!(%error, "failed to publish the checkpoint"),
            },
            (NewCheckpoint::ForWitnesses(unwitnessed), _) => {
                if let Err(error) = self.send_to_witnesses(unwitnessed, false) {
                    tracing::error!(%error, "failed to send the checkpoint to witnesses");
                }
            }
        }
        self.metrics.commit_took(&stopwatch);
        Ok(CommitOutcome { tree: Some(Arc::new(tree)), published, unseen })
    }

    /// Signs the tree's checkpoint, unless the log signed a larger tree, or another one of the same size.
    fn sign(&self, tree: &PendingTree) -> Result<NewCheckpoint, StoreError> {
        self.signing.check()?;
        if let Some(newest) = self.memory.newest()
            && (newest.size > tree.size() || newest.size == tree.size() && newest.root != tree.root())
        {
            let cause = if newest.size > tree.size() { Cause::Rollback } else { Cause::SplitView };
            let message = format!(
                "the log signed a tree of {} entries, and was about to sign a different one of {}",
                newest.size,
                tree.size()
            );
            self.halt(cause, message, newest);
            self.signing.check()?;
        }
        let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
        let origin = self.key.verifier_key().name();
        let checkpoint = Checkpoint::new(origin, tree.size(), tree.root()).map_err(damaged)?;
        let note = checkpoint.sign(&self.key).map_err(damaged)?;
        if has_witnesses(self.rules().trust()) {
            return Ok(NewCheckpoint::ForWitnesses(Unwitnessed { checkpoint, note, latest: None }));
        }
        let at = self.timekeeper.now();
        Ok(NewCheckpoint::Published(Published { size: tree.size(), note, at, witnessed: true }))
    }

    fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Publishes a checkpoint, unless a better one is published already: witnesses may answer late.
    fn publish(&mut self, published: Published) -> Result<(), StoreError> {
        let better = self.published.borrow().as_deref().is_some_and(|newest| {
            let witnessed = newest.witnessed && !published.witnessed && self.is_ours(newest);
            published.size < newest.size || published.size == newest.size && witnessed
        });
        if better {
            return Ok(());
        }
        self.signing.check()?;
        self.remember(&published.note)?;
        self.writer.publish(&published)?;
        if published.witnessed {
            self.unattested.attested(published.size);
        }
        announce_newest(&self.published, &self.metrics, Arc::new(published));
        Ok(())
    }
}

/// Announces a checkpoint to all who follow the log, unless they have a larger one.
fn announce_newest(
    announce: &watch::Sender<Option<Arc<Published>>>,
    metrics: &Metrics,
    published: Arc<Published>,
) {
    announce.send_if_modified(|newest| {
        let is_newer = newest.as_ref().is_none_or(|newest| newest.size <= published.size);
        if is_newer {
            metrics.published(&published);
            *newest = Some(published);
        }
        is_newer
    });
}

/// A sequencer that is ready for jobs.
pub struct RunningSequencer {
    sequencer: Sequencer,
    edge: CompactRange,
    own: OwnChain,
    /// The time of the last request to witnesses for the time, by the steady clock.
    time_requested_at: Option<Duration>,
}

impl RunningSequencer {
    /// Runs this job together with the jobs queued behind it. Returns true if [`Job::Close`] was among them: accept no
    /// new jobs then, but run the queued ones.
    pub fn work(&mut self, job: Job, next: &mut dyn FnMut() -> Option<Job>) -> bool {
        let (mut job, mut waiting, mut leaves, mut last) = (Some(job), Vec::new(), 0, false);
        while let Some(now) = job.take() {
            let permission = match now {
                Job::Submit { .. } | Job::Record { .. } | Job::Close { .. } => self.check_clock(),
                _ => Ok(()),
            };
            let Self { sequencer, edge, own, .. } = self;
            match now {
                Job::Submit { submission, reply } => match permission {
                    Ok(()) => {
                        leaves += submission.entries().len() as u64;
                        waiting.push(Pending { submission, reply, own: false });
                    }
                    Err(error) => _ = reply.send(Err(error)),
                },
                Job::Record { event, reply } => {
                    let record = |()| own.record(&event, &sequencer.key, sequencer.timekeeper.now());
                    queue_own(&mut waiting, permission.and_then(record).map(Some), reply);
                }
                Job::Close { reply } => {
                    let close = |()| own.close(&sequencer.key, sequencer.timekeeper.now());
                    queue_own(&mut waiting, permission.and_then(close), reply);
                    last = true;
                }
                Job::FinishErasure { record, reply } => {
                    _ = reply.send(sequencer.writer.finish_erasure(record, sequencer.timekeeper.now()));
                }
                Job::Contradicted { contradiction, reply } => _ = reply.send(sequencer.assess(contradiction)),
                Job::Claimed { claims, reply } => {
                    sequencer.stop_on_claims(claims);
                    let _ = reply.send(());
                }
                Job::Resumed => {
                    if let Err(error) = sequencer.publish_again(edge) {
                        tracing::warn!(%error, "failed to publish the durable entries");
                    }
                }
                Job::Erase { leaves, reply } => _ = reply.send(sequencer.erase(&leaves)),
                Job::Publish { published, reply } => {
                    _ = reply.send(sequencer.publish_gathered(published, edge));
                }
                Job::Follow { done } => {
                    let _ = done.send(sequencer.follow(edge));
                }
            }
            if waiting.len() < MAX_SUBMISSIONS && leaves < MAX_COMMIT_ENTRIES {
                job = next();
            }
        }
        if !waiting.is_empty() {
            self.sequencer.commit(&mut self.edge, &mut self.own, waiting);
        }
        last
    }

    /// Returns the acceptance rules in force.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.sequencer.rules()
    }

    /// Signs the newest checkpoint and sends it to witnesses, even if they have seen it.
    pub(crate) fn show_witnesses(&mut self) -> Result<(), StoreError> {
        match self.sequencer.sign(&PendingTree::new(&self.edge))? {
            NewCheckpoint::ForWitnesses(unwitnessed) => self.sequencer.send_to_witnesses(unwitnessed, true),
            NewCheckpoint::Published(_) => Ok(()),
        }
    }

    /// Fails while the log's clock disagrees with its witnesses'. It then asks them again, so that a corrected clock
    /// counts at once.
    fn check_clock(&mut self) -> Result<(), SubmitError> {
        let timekeeper = &self.sequencer.timekeeper;
        let Standing { now, outside, .. } = timekeeper.standing(self.rules().trust());
        let steady = timekeeper.steady();
        let Some(skew) = outside else { return Ok(()) };
        if self.time_requested_at.is_none_or(|last| steady.saturating_sub(last) >= AGAIN) {
            self.time_requested_at = Some(steady);
            tracing::error!(%now, skew, "the log's clock disagrees with its witnesses'; submissions are refused");
            if let Err(error) = self.show_witnesses() {
                tracing::warn!(%error, "failed to ask witnesses for the time");
            }
        }
        Err(SubmitError::Clock { now, skew })
    }
}

/// The result of a commit.
#[derive(Default)]
struct CommitOutcome {
    tree: Option<Arc<PendingTree>>,
    published: Option<Arc<Published>>,
    /// The published checkpoint, if memory hasn't remembered it yet.
    unseen: Option<Arc<Published>>,
}

/// The result of a submission, and the channel for it.
type Answer = (Reply, Result<Durable, SubmitError>);

fn send(answers: Vec<Answer>) {
    for (reply, answer) in answers {
        let _ = reply.send(answer);
    }
}

/// Sends the error to all, whatever their results were.
fn send_error(answers: Vec<Answer>, error: StoreError) {
    let error = SubmitError::from(error);
    for (reply, answer) in answers {
        let _ = reply.send(answer.and_then(|_| Err(error.repeated())));
    }
}

/// A checkpoint that was just signed.
enum NewCheckpoint {
    Published(Published),
    /// A checkpoint to send to witnesses before it is published.
    ForWitnesses(Unwitnessed),
}

fn queue_own(waiting: &mut Vec<Pending>, submission: Result<Option<Submission>, SubmitError>, reply: Reply) {
    match submission {
        Ok(Some(submission)) => waiting.push(Pending { submission, reply, own: true }),
        Ok(None) => {
            let _ =
                reply.send(Ok(Durable { taken: SubmissionOutcome::default(), tree: None, published: None }));
        }
        Err(error) => _ = reply.send(Err(error)),
    }
}

fn send_failure(waiting: Vec<Pending>, own: &mut OwnChain, error: StoreError) {
    let error = SubmitError::from(error);
    for waiting in waiting {
        if waiting.own {
            own.abandon();
        }
        let _ = waiting.reply.send(Err(error.repeated()));
    }
}
