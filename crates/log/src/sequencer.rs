//! The sequencer: the one that decides the order of everything.
//!
//! All submissions that wait at one time are taken together, share one durable commit and one checkpoint (group
//! commit), and are answered after it: the longer a commit takes, the more share the next.
//!
//! # The commit protocol
//!
//! [`Working::work`] gathers submissions and commits them in these steps. "Memory" is the [`SignedHeadMemory`], which
//! remembers what was signed apart from the store.
//!
//! | step | durable after it | a restart after a crash there |
//! | --- | --- | --- |
//! | 1. judge submissions against the writer's state | nothing | finds nothing; emitters send again |
//! | 2. sign the checkpoint, if [`signs_before_commit`](crate::store::EntryWriter::signs_before_commit) (tables do, a bucket doesn't) | nothing: the signature has left no process | finds nothing |
//! | 3. keep the log's own entries, if there is an [`OwnEntryStore`] | their lines, if they could be written; they may never be committed | doesn't read them: a restore does, and uses only those that give the tree that was signed |
//! | 4. [`commit`](crate::store::EntryWriter::commit), all or nothing | entries and events, all that follows from them, and how much memory had remembered; with step 2 and without witnesses the checkpoint too. In a bucket entries and events: the rest is derived from them | [`Sequencer::begin`] makes up for steps 5 to 7; emitters that send again get the old indexes |
//! | 5. sign the checkpoint, if step 2 didn't | as after 4 | as after 4 |
//! | 6. memory remembers the checkpoint | its size, root, and signature, if memory outlives the process | a store that is ahead of memory goes on. A store that has less, or another tree, or has noted more than memory has, stops the log |
//! | 7. without witnesses: publish, unless step 4 did, and announce. With witnesses: hand it to them; [`Job::Publish`] publishes it, with their quorum or without | the published checkpoint | publishes what is durable; witnesses see the newest again in any case |
//! | 8. answer; the host waits for a checkpoint that isn't published yet | evidence of refused forks, which was kept before the answer | emitters that got no answer send again |
//!
//! A commit that failed may still land: a bucket's is looked for before the next one.
//!
//! What is announced was remembered first, so a log that lost entries can't sign a second history unnoticed. Readers see
//! announced checkpoints alone ([`Exporter::with_announced`](crate::export::Exporter::with_announced)), though in a folder
//! without witnesses step 4 stores them already. If another server commits first, step 4 stores nothing, and the steps
//! begin again on top of its entries.

mod unattested;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::log::{self, Growth, Kind, Rules, Submission, SubmissionError, Taken};
use countersign::merkle::{CompactRange, Grown};
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
use crate::submitting::SubmitError;
use crate::witnessing::{AGAIN, Assessment, Contradiction, Unwitnessed, has_witnesses};

pub use unattested::Unattested;

/// The acceptance rules in force; replaced when the trust file changes.
pub type SharedRules = Arc<RwLock<Arc<Rules>>>;

/// An error while loading the acceptance rules.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The log's key cannot be an emitter's.
    #[error(transparent)]
    Key(#[from] countersign::Error),
    /// What the log holds cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Loads the acceptance rules: the trust file, the grants in the log that are void by it, and the log's own key for its
/// own chains.
///
/// # Errors
/// [`RulesError`].
pub fn rules(reader: &dyn Reader, key: &VerifierKey, trust: Trust) -> Result<Rules, RulesError> {
    let void = void_grants(reader, &trust)?;
    let rules = Rules::new(key.name(), Some(trust.with_emitter(key.clone())?));
    Ok(void.into_iter().fold(rules, Rules::with_void))
}

/// The most submissions that share a commit.
const MOST_SUBMISSIONS: usize = 4_096;
/// A commit with so many leaves takes no more.
const MOST_LEAVES: u64 = 65_536;
/// How often other servers may commit first before a submission is told to come again.
const TRIES: usize = 100;

/// What the sequencer is asked to do.
pub enum Job {
    /// Takes a submission.
    Submit {
        /// The submission.
        submission: Submission,
        /// Receives the result.
        reply: Reply,
    },
    /// Records an event of the log's own chain.
    Record {
        /// The event's text.
        event: String,
        /// Receives the result.
        reply: Reply,
    },
    /// Notes that the erasure which that leaf records is done.
    FinishErasure {
        /// The entry that records the erasure.
        record: u64,
        /// Receives the result.
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Erases events.
    Erase {
        /// The entries, in ascending order.
        leaves: Vec<u64>,
        /// Receives the result.
        reply: oneshot::Sender<Result<u64, StoreError>>,
    },
    /// Publishes a checkpoint that witnesses had their time for. If their quorum cosigned it, a stop that rests on a claim
    /// ends.
    Publish {
        /// The checkpoint.
        published: Published,
        /// Receives the result.
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Assesses what a witness has against the log. A proof stops the log.
    Contradicted {
        /// The witness's contradiction.
        contradiction: Contradiction,
        /// Receives the result.
        reply: oneshot::Sender<Assessment>,
    },
    /// Stops the log because of unproven claims of witnesses without whom there is no quorum, if any still counts.
    Claimed {
        /// The unproven claims.
        claims: Vec<Contradiction>,
        /// Receives the result.
        reply: oneshot::Sender<()>,
    },
    /// Publishes what is durable, after a stop ended.
    Resumed,
    /// Follows other servers of the log, and says whether that could be done.
    Follow {
        /// Receives whether that worked.
        done: oneshot::Sender<bool>,
    },
    /// Closes the log's own chain.
    Close {
        /// Receives the result.
        reply: Reply,
    },
}

/// Receives the result of a submission.
pub type Reply = oneshot::Sender<Result<Durable, SubmitError>>;

/// A submission whose leaves are durable.
pub struct Durable {
    /// The result for each chain and key note.
    pub taken: Taken,
    /// The tree that it made grow; none if nothing was added.
    pub tree: Option<Arc<Grown>>,
    /// The checkpoint that was published with it. None if witnesses see it first, publishing failed, or nothing was added.
    pub published: Option<Arc<Published>>,
}

/// Where the newest entries of the log's own chains are kept, apart from its database: nobody else has them.
pub trait OwnEntryStore: Send {
    /// Keeps the entries of `growth` that are on chains of `key`. It is called before the commit, which may fail: what is
    /// kept may never be in the log. The store logs its own failures.
    fn keep(&mut self, growth: &Growth, key: &VerifierKey);

    /// Erases the events of these entries, which are in ascending order. It may be called again for the same entries.
    ///
    /// # Errors
    /// [`StoreError`]: some events may still be there.
    fn erase(&mut self, entries: &[u64]) -> Result<(), StoreError>;
}

/// Decides the order of everything, and signs it. [`Sequencer::begin`] makes it ready.
pub struct Sequencer {
    /// The sequencer's half of the store.
    pub writer: Box<dyn Writer>,
    /// The half of the store that all readers share.
    pub reader: Arc<dyn Reader>,
    /// What was signed: it is asked before anything is.
    pub memory: Box<dyn SignedHeadMemory>,
    /// Whether anything is signed.
    pub signing: Signing,
    /// The log's private key.
    pub key: SignerKey,
    /// Announces the newest published checkpoint. It has to begin with [`CheckpointReader::published`](crate::store::CheckpointReader::published).
    pub published: watch::Sender<Option<Arc<Published>>>,
    /// Where checkpoints go that witnesses shall see first.
    pub witnesses: watch::Sender<Option<Unwitnessed>>,
    /// Told of leaves whose events other servers erased.
    pub erased: mpsc::UnboundedSender<Vec<u64>>,
    /// The acceptance rules.
    pub rules: SharedRules,
    /// The log's clock.
    pub timekeeper: Arc<Timekeeper>,
    /// The times of links that no cosigned checkpoint contains yet.
    pub unattested: Unattested,
    /// Where the log's own entries are kept beside its database.
    pub own_entries: Option<Box<dyn OwnEntryStore>>,
    /// The metrics to count in.
    pub metrics: Arc<Metrics>,
}

/// A submission that waits for the commit.
struct Waiting {
    submission: Submission,
    reply: Reply,
    own: bool,
}

impl Sequencer {
    /// Remembers and publishes what is durable, or shows it to witnesses. A log that is stopped, or contradicts what it
    /// signed, begins too, and signs nothing.
    ///
    /// # Errors
    /// The store's own.
    pub fn begin(mut self) -> Result<Working, StoreError> {
        self.check_proof()?;
        self.check_memory()?;
        let edge = self.writer.edge()?;
        self.signing.note_resumed(self.timekeeper.now())?;
        match self.remember_published().and_then(|()| self.publish_what_is_durable(&edge)) {
            Ok(()) | Err(StoreError::Stopped(_)) => {}
            Err(error) => return Err(error),
        }
        self.tell_erased();
        self.writer.find_erasures(self.key.verifier_key())?;
        let mut working = Working { sequencer: self, edge, own: OwnChain::default(), asked_for_time: None };
        // They say what time it is before anything is taken.
        match working.show_witnesses() {
            Ok(()) => Ok(working),
            Err(StoreError::Stopped(stop)) => {
                if stop.is_claim() {
                    working.sequencer.show_newest_signed(&stop)?;
                }
                Ok(working)
            }
            Err(error) => Err(error),
        }
    }

    /// Ends a stop that a witness proved, if what is here no longer contradicts the proof.
    fn check_proof(&mut self) -> Result<(), StoreError> {
        let Some(stop) = self.signing.stopped() else { return Ok(()) };
        let signed = stop.signed.as_ref().and_then(|note| SignedCheckpoint::parse(note).ok());
        let Some(signed) = signed.filter(|_| stop.witness.is_some()) else { return Ok(()) };
        self.writer.catch_up()?;
        if !self.contradicts(&signed.checkpoint)? {
            let why = "the tree that is here contains the checkpoint that the witness has";
            self.signing.resume(self.timekeeper.now(), why, &|current, _| *current == *stop)?;
        }
        Ok(())
    }

    /// True if that checkpoint is not one of the tree that is here.
    fn contradicts(&self, checkpoint: &Checkpoint) -> Result<bool, StoreError> {
        Ok(checkpoint.size > self.writer.size()
            || root_at(&*self.reader, checkpoint.size)? != checkpoint.root)
    }

    /// Shows witnesses the newest checkpoint that the log signed before a claim stopped it. Nothing is signed for that.
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

    /// Erases the events of these leaves, which are in ascending order, wherever they are kept.
    fn erase(&mut self, leaves: &[u64]) -> Result<u64, StoreError> {
        if let Some(own) = &mut self.own_entries {
            own.erase(leaves)?;
        }
        self.writer.erase(leaves)
    }

    /// Stops the log if it was signed otherwise, or more of it, than what is here.
    fn check_memory(&mut self) -> Result<(), StoreError> {
        if self.signing.stopped().is_some_and(|stop| !stop.is_claim()) {
            return Ok(());
        }
        let newest = self.memory.newest();
        if let Some(noted) = self.writer.signed_size()?
            && newest.is_none_or(|newest| newest.size < noted)
        {
            let message =
                format!("a checkpoint of {noted} leaves was signed, and the record of that is gone");
            self.signing.stop(SigningStop::new(self.timekeeper.now(), Cause::Unremembered, message));
            return Ok(());
        }
        let Some(newest) = newest.cloned() else { return Ok(()) };
        let size = self.writer.size();
        // Another server of the log may have signed more of it meanwhile.
        let size = if newest.size > size { self.writer.catch_up()? } else { size };
        let (cause, message) = if newest.size > size {
            let message = format!("it signed a checkpoint of {} leaves, and {size} are here", newest.size);
            (Cause::Rollback, message)
        } else if root_at(&*self.reader, newest.size)? == newest.root {
            return Ok(());
        } else {
            let message =
                format!("it signed another tree of {} leaves than the one that is here", newest.size);
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

    /// Remembers the published checkpoint, if the log's present key signed it.
    fn remember_published(&mut self) -> Result<(), StoreError> {
        let published = self.published.borrow().clone();
        let Some(published) = published.filter(|published| self.is_ours(published)) else { return Ok(()) };
        self.signing.check()?;
        self.remember(&published.note)
    }

    /// Remembers that this is signed. It survives a crash when this returns.
    fn remember(&mut self, note: &str) -> Result<(), StoreError> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        self.remember_then(note, Box::new(move |remembered| _ = tell.send(remembered)))?;
        told.recv().map_err(|error| StoreError::unavailable("remembering what is signed", error))?
    }

    fn remember_then(&mut self, note: &str, then: OnRemembered) -> Result<(), StoreError> {
        let head = SignedHead::of_note(note)?;
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

    /// Assesses what a witness has against the log, and stops the log if it is proven. Another server of the log may
    /// have shown the witness more.
    fn assess(&mut self, contradiction: Contradiction) -> Assessment {
        if !self.names(contradiction.witness()) {
            return Assessment::Refuted;
        }
        let name = contradiction.witness().name().to_owned();
        let assessment = self.try_to_assess(contradiction).unwrap_or_else(|error| {
            tracing::warn!(%error, witness = name, "what the witness has seen cannot be compared with this log");
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

    /// True if the trust file names that witness.
    fn names(&self, witness: &VerifierKey) -> bool {
        self.rules().trust().is_some_and(|trust| trust.witnesses().any(|key| key == witness))
    }

    /// Stops the log if one of these claims still counts: the trust file names its witness, and the log doesn't have
    /// what the witness says it has seen.
    fn stop_on_claims(&mut self, claims: Vec<Contradiction>) {
        for claim in claims {
            if self.assess(claim.clone()) == Assessment::Unproven {
                return self.signing.stop(claim.into_claim(self.timekeeper.now()));
            }
        }
    }

    /// Publishes a checkpoint that witnesses had their time for. If the quorum cosigned it, that ends a stop that rests
    /// on a claim.
    fn publish_gathered(&mut self, published: Published, edge: &mut CompactRange) -> Result<(), StoreError> {
        let why = "the quorum of witnesses cosigned the newest checkpoint";
        let resumes = |stop: &SigningStop, _: &_| stop.is_claim();
        let resumed = published.witnessed && self.signing.resume(self.timekeeper.now(), why, &resumes)?;
        self.publish(published)?;
        if resumed { self.publish_again(edge) } else { Ok(()) }
    }

    /// Publishes what is durable, and shows it to witnesses again.
    fn publish_again(&mut self, edge: &mut CompactRange) -> Result<(), StoreError> {
        self.renew(edge)?;
        let newest = self.published.borrow().clone();
        if newest.is_some_and(|newest| newest.size == edge.end() && newest.witnessed && self.is_ours(&newest))
        {
            return Ok(());
        }
        match self.sign(&Grown::new(edge))? {
            NewCheckpoint::Published(published) => self.publish(published),
            NewCheckpoint::ForWitnesses(unwitnessed) => self.hand_to_witnesses(unwitnessed, true),
        }
    }

    /// Publishes what is durable, or hands it to witnesses, unless that was done.
    fn publish_what_is_durable(&mut self, edge: &CompactRange) -> Result<(), StoreError> {
        // The log may have another key than when the checkpoint was published.
        if self
            .published
            .borrow()
            .as_deref()
            .is_some_and(|newest| newest.size == edge.end() && self.is_ours(newest))
        {
            return Ok(());
        }
        match self.sign(&Grown::new(edge))? {
            NewCheckpoint::Published(published) => self.publish(published),
            NewCheckpoint::ForWitnesses(unwitnessed) => self.hand_to_witnesses(unwitnessed, false),
        }
    }

    /// Publishes what other servers committed too: one of them may have ended before it could.
    fn follow(&mut self, edge: &mut CompactRange) -> bool {
        if self.signing.stopped().is_some() {
            return false;
        }
        let followed =
            self.signing.check().and_then(|()| self.writer.catch_up()).and_then(|_| self.renew(edge));
        let published = followed.and_then(|()| self.publish_what_is_durable(edge));
        if let Err(error) = &published {
            tracing::warn!(%error, "other servers of this log are not followed");
        }
        self.metrics.followed(published.is_ok());
        self.tell_erased();
        published.is_ok()
    }

    fn tell_erased(&mut self) {
        let leaves = self.writer.erased_meanwhile();
        if !leaves.is_empty() {
            // Who has derived nothing from events does not listen.
            let _ = self.erased.send(leaves);
        }
    }

    /// The right edge of the tree as it is, if the writer followed other servers.
    fn renew(&mut self, edge: &mut CompactRange) -> Result<(), StoreError> {
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
    fn hand_to_witnesses(&mut self, mut unwitnessed: Unwitnessed, again: bool) -> Result<(), StoreError> {
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

    /// Takes what waits, makes it durable, and answers. Refusals wait for the commit too: they may be due to leaves
    /// that come with it.
    fn commit(&mut self, edge: &mut CompactRange, own: &mut OwnChain, mut waiting: Vec<Waiting>) {
        let (rules, now) = (self.rules(), self.timekeeper.now());
        for _ in 0..TRIES {
            if let Err(error) = self.renew(edge) {
                return fail(waiting, own, error);
            }
            let mut growth = Growth::new(edge.end());
            let mut judged = Vec::with_capacity(waiting.len());
            for waiting in waiting.drain(..) {
                let judgment = growth.submit(&rules, self.writer.state(), &waiting.submission, now);
                judged.push((waiting, judgment));
            }
            let erasures = record::recorded(&growth, self.key.verifier_key());
            let forges = |waiting: &Waiting| {
                !erasures.is_empty()
                    && !waiting.own
                    && record::records_erasure(&waiting.submission, &growth, self.key.verifier_key())
            };
            if judged.iter().any(|(waiting, _)| forges(waiting)) {
                for (asking, _) in judged {
                    if forges(&asking) {
                        let _ = asking.reply.send(Err(record::refusal().into()));
                    } else {
                        waiting.push(asking);
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
                    tracing::error!(%error, "the commit failed");
                    self.metrics.commit_failed();
                    return fail(judged.into_iter().map(|(waiting, _)| waiting).collect(), own, error);
                }
            }
        }
        let error = StoreError::unavailable("committing", "other servers of this log were always first");
        fail(waiting, own, error);
    }

    /// Whether other servers of the log committed nothing since: what a submission lacks may have come to them.
    fn is_newest(&mut self, edge: &CompactRange) -> Result<(), CommitError> {
        if self.writer.signs_before_commit() || self.writer.catch_up()? == edge.end() {
            return Ok(());
        }
        Err(CommitError::Overtaken)
    }

    /// Sends answers when the checkpoint that they show is remembered. The sequencer goes on meanwhile.
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
            // The leaves are durable: sent again, they get the next checkpoint.
            Err(error) => {
                tracing::error!(%error, "a checkpoint is not shown");
                send_error(answers, error);
            }
        };
        if let Err(error) = self.remember_then(&note, Box::new(then)) {
            tracing::error!(%error, "what was signed is not remembered");
        }
    }

    fn answer(
        &mut self,
        own: &mut OwnChain,
        waiting: Waiting,
        judgment: Result<Taken, log::AcceptanceError<StoreError>>,
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

    /// The answer to what is refused: a fork's evidence is kept first.
    fn refuse(&mut self, refusal: SubmissionError) -> SubmitError {
        if let Kind::Fork(evidence) = &refusal.kind {
            tracing::warn!(chain = %evidence.chain, seq = evidence.seq, "a fork was refused");
            if let Err(error) = self.writer.keep_evidence(evidence, self.timekeeper.now()) {
                tracing::error!(%error, "the evidence of a fork was not kept");
                return error.into();
            }
        }
        refusal.into()
    }

    /// Makes a growth durable and has its checkpoint published.
    fn grow(
        &mut self,
        edge: &mut CompactRange,
        growth: &Growth,
        erasures: &[u64],
    ) -> Result<CommitOutcome, CommitError> {
        if growth.leaves().is_empty() {
            // All of it is there already, and is perhaps asked for because publishing it failed before.
            self.publish_what_is_durable(edge)?;
            return Ok(CommitOutcome::default());
        }
        let stopwatch = Stopwatch::start();
        let mut tree = Grown::new(edge);
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
            // The leaves are durable: who waits for this checkpoint gets it with the next one.
            (NewCheckpoint::Published(signed), false) => match self.publish(signed) {
                Ok(()) => published.clone_from(&self.published.borrow()),
                Err(error) => tracing::error!(%error, "the checkpoint is not published yet"),
            },
            (NewCheckpoint::ForWitnesses(unwitnessed), _) => {
                if let Err(error) = self.hand_to_witnesses(unwitnessed, false) {
                    tracing::error!(%error, "the checkpoint is not shown to witnesses yet");
                }
            }
        }
        self.metrics.commit_took(&stopwatch);
        Ok(CommitOutcome { tree: Some(Arc::new(tree)), published, unseen })
    }

    /// Signs the tree's checkpoint, unless a larger tree or another one of its size was signed.
    fn sign(&self, tree: &Grown) -> Result<NewCheckpoint, StoreError> {
        self.signing.check()?;
        if let Some(newest) = self.memory.newest()
            && (newest.size > tree.size() || newest.size == tree.size() && newest.root != tree.root())
        {
            let cause = if newest.size > tree.size() { Cause::Rollback } else { Cause::SplitView };
            let message = format!(
                "it signed a tree of {} leaves, and was about to sign one of {}",
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

    /// Publishes, unless something better is published already: witnesses may answer late, or not again.
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

/// Shows a checkpoint to all who follow, unless they have a larger one.
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

/// A sequencer that is ready.
pub struct Working {
    sequencer: Sequencer,
    edge: CompactRange,
    own: OwnChain,
    /// When witnesses were last asked what time it is, by the steady clock.
    asked_for_time: Option<Duration>,
}

impl Working {
    /// Does this job, and with it those that wait behind it. Returns true if [`Job::Close`] was among them: take no new jobs
    /// then, but do those that wait.
    pub fn work(&mut self, job: Job, next: &mut dyn FnMut() -> Option<Job>) -> bool {
        let (mut job, mut waiting, mut leaves, mut last) = (Some(job), Vec::new(), 0, false);
        while let Some(now) = job.take() {
            let may_take = match now {
                Job::Submit { .. } | Job::Record { .. } | Job::Close { .. } => self.check_clock(),
                _ => Ok(()),
            };
            let Self { sequencer, edge, own, .. } = self;
            match now {
                Job::Submit { submission, reply } => match may_take {
                    Ok(()) => {
                        leaves += submission.entries().len() as u64;
                        waiting.push(Waiting { submission, reply, own: false });
                    }
                    Err(error) => _ = reply.send(Err(error)),
                },
                Job::Record { event, reply } => {
                    let record = |()| own.record(&event, &sequencer.key, sequencer.timekeeper.now());
                    wait(&mut waiting, may_take.and_then(record).map(Some), reply);
                }
                Job::Close { reply } => {
                    let close = |()| own.close(&sequencer.key, sequencer.timekeeper.now());
                    wait(&mut waiting, may_take.and_then(close), reply);
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
                        tracing::warn!(%error, "what is durable is not published yet");
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
            if waiting.len() < MOST_SUBMISSIONS && leaves < MOST_LEAVES {
                job = next();
            }
        }
        if !waiting.is_empty() {
            self.sequencer.commit(&mut self.edge, &mut self.own, waiting);
        }
        last
    }

    /// What the log goes by.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.sequencer.rules()
    }

    /// Shows the newest checkpoint to witnesses, perhaps again.
    pub(crate) fn show_witnesses(&mut self) -> Result<(), StoreError> {
        match self.sequencer.sign(&Grown::new(&self.edge))? {
            NewCheckpoint::ForWitnesses(unwitnessed) => self.sequencer.hand_to_witnesses(unwitnessed, true),
            NewCheckpoint::Published(_) => Ok(()),
        }
    }

    /// Whether anything may be taken: not while the log's clock stands outside its witnesses'. They are then asked again,
    /// so that one that was set right counts at once.
    fn check_clock(&mut self) -> Result<(), SubmitError> {
        let timekeeper = &self.sequencer.timekeeper;
        let Standing { now, outside, .. } = timekeeper.standing(self.rules().trust());
        let steady = timekeeper.steady();
        let Some(skew) = outside else { return Ok(()) };
        if self.asked_for_time.is_none_or(|asked| steady.saturating_sub(asked) >= AGAIN) {
            self.asked_for_time = Some(steady);
            tracing::error!(%now, skew, "the log's clock stands outside its witnesses': nothing is taken");
            if let Err(error) = self.show_witnesses() {
                tracing::warn!(%error, "witnesses were not asked what time it is");
            }
        }
        Err(SubmitError::Clock { now, skew })
    }
}

/// The result of a commit.
#[derive(Default)]
struct CommitOutcome {
    tree: Option<Arc<Grown>>,
    published: Option<Arc<Published>>,
    /// The same, where it is not yet remembered to be signed.
    unseen: Option<Arc<Published>>,
}

/// What is answered, and to whom.
type Answer = (Reply, Result<Durable, SubmitError>);

fn send(answers: Vec<Answer>) {
    for (reply, answer) in answers {
        let _ = reply.send(answer);
    }
}

/// Sends answers that acknowledge nothing.
fn send_error(answers: Vec<Answer>, error: StoreError) {
    let error = SubmitError::from(error);
    for (reply, answer) in answers {
        let _ = reply.send(answer.and_then(|_| Err(error.again())));
    }
}

/// A checkpoint that was just signed.
enum NewCheckpoint {
    Published(Published),
    /// Witnesses see it first.
    ForWitnesses(Unwitnessed),
}

fn wait(waiting: &mut Vec<Waiting>, submission: Result<Option<Submission>, SubmitError>, reply: Reply) {
    match submission {
        Ok(Some(submission)) => waiting.push(Waiting { submission, reply, own: true }),
        Ok(None) => {
            let _ = reply.send(Ok(Durable { taken: Taken::default(), tree: None, published: None }));
        }
        Err(error) => _ = reply.send(Err(error)),
    }
}

fn fail(waiting: Vec<Waiting>, own: &mut OwnChain, error: StoreError) {
    let error = SubmitError::from(error);
    for waiting in waiting {
        if waiting.own {
            own.abandon();
        }
        let _ = waiting.reply.send(Err(error.again()));
    }
}
