//! Signs checkpoints, and decides when one may leave the process.
//!
//! A signer doesn't know how entries are judged or committed, so it serves any sequencer. The sequencer passes its store
//! and the tree to sign. In [the commit protocol](super#commit-protocol), the signer has these steps:
//!
//! | step | method |
//! | --- | --- |
//! | 2. sign before the commit | [`CheckpointSigner::sign`] |
//! | 4. the size that memory had remembered | [`CheckpointSigner::remembered_size`], before the commit |
//! | 5. to 7. sign after the commit, remember, publish or send to witnesses | [`CheckpointSigner::publish_committed`] |
//! | 6. to 8. remember, announce, answer, if the commit published the checkpoint | [`CheckpointSigner::announce_when_remembered`] |
//! | 7. publish with cosignatures | [`CheckpointSigner::publish_gathered`] |
//! | restart | [`CheckpointSigner::begin`], then [`CheckpointSigner::show_witnesses_at_start`] |

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::log::Rules;
use countersign::merkle::{CompactRange, PendingTree};
use countersign::note::{MlDsaKey, SignerKey, VerifierKey};
use tokio::sync::watch;

use super::{SharedRules, Unattested};
use crate::clock::{ClockComparison, Doubt, Timekeeper};
use crate::hashes::root_at;
use crate::metrics::Metrics;
use crate::signed_memory::{OnRemembered, SignedHead, SignedHeadMemory};
use crate::stop::{Cause, Signing, SigningStop};
use crate::store::{CheckpointWriter, EntryReader, Published, StoreError, TreeStore};
use crate::submission::SubmitError;
use crate::witnessing::{AGAIN, Assessment, Contradiction, Unwitnessed, has_witnesses};

/// Signs a log's checkpoints, remembers and publishes them, and stops signing when they are contradicted.
pub(crate) struct CheckpointSigner {
    /// The entries of the tree that is signed.
    pub(crate) reader: Arc<dyn EntryReader>,
    pub(crate) memory: Box<dyn SignedHeadMemory>,
    pub(crate) signing: Signing,
    pub(crate) key: Arc<SignerKey>,
    pub(crate) ml_dsa_key: Option<MlDsaKey>,
    pub(crate) published: watch::Sender<Option<Arc<Published>>>,
    pub(crate) witnesses: watch::Sender<Option<Unwitnessed>>,
    /// The acceptance rules. The signer itself uses only their trust file.
    pub(crate) rules: SharedRules,
    pub(crate) timekeeper: Arc<Timekeeper>,
    pub(crate) unattested: Unattested,
    pub(crate) metrics: Arc<Metrics>,
    /// The time at which witnesses were last asked for their time, by the monotonic clock.
    pub(crate) time_requested_at: Option<Duration>,
    /// True if the clock disagreed with the witnesses' when it was last checked.
    pub(crate) is_outside: bool,
}

/// A checkpoint that was just signed.
pub(crate) enum NewCheckpoint {
    Published(Published),
    /// A checkpoint to send to witnesses before it is published.
    ForWitnesses(Unwitnessed),
}

impl NewCheckpoint {
    /// Returns the checkpoint to publish with the commit, unless witnesses see it first.
    pub(crate) fn to_publish(&self) -> Option<&Published> {
        match self {
            Self::Published(published) => Some(published),
            Self::ForWitnesses(_) => None,
        }
    }
}

/// The checkpoint of a commit, as far as it is published.
#[derive(Default)]
pub(crate) struct CommittedCheckpoint {
    /// The published checkpoint. `None` if witnesses see it first, or publishing failed.
    pub(crate) published: Option<Arc<Published>>,
    /// The published checkpoint, if memory hasn't remembered it yet: it waits for
    /// [`CheckpointSigner::announce_when_remembered`].
    pub(crate) unseen: Option<Arc<Published>>,
}

impl CheckpointSigner {
    /// Remembers and publishes what is durable, or shows it to witnesses, and returns the right edge of its tree. A log
    /// that is stopped, or contradicts what it signed, begins too, but signs nothing. `before_signing` gets the number of
    /// entries, unless the log is stopped.
    pub(crate) fn begin(
        &mut self,
        store: &mut (impl TreeStore + ?Sized),
        before_signing: impl FnOnce(u64) -> Result<(), StoreError>,
    ) -> Result<CompactRange, StoreError> {
        self.check_proof(store)?;
        self.check_memory(store)?;
        let edge = store.edge()?;
        if self.signing.stopped().is_none() {
            before_signing(edge.end())?;
        }
        self.signing.note_resumed(self.timekeeper.now())?;
        self.metrics.started(edge.end(), self.published.borrow().as_deref());
        match self.remember_published().and_then(|()| self.publish_what_is_durable(store, &edge)) {
            Ok(()) | Err(StoreError::Stopped(_)) => Ok(edge),
            Err(error @ StoreError::Journal(_)) => {
                tracing::error!(%error, "the durable entries can't be published yet");
                Ok(edge)
            }
            Err(error) => Err(error),
        }
    }

    /// Shows witnesses the newest checkpoint, even if they have seen it: their cosignatures state the time. If a claim
    /// stopped the log, this signs nothing, and sends the newest checkpoint that was signed before.
    pub(crate) fn show_witnesses_at_start(
        &mut self,
        store: &(impl TreeStore + ?Sized),
        edge: &CompactRange,
    ) -> Result<(), StoreError> {
        match self.show_witnesses(edge) {
            Ok(()) => Ok(()),
            Err(StoreError::Stopped(stop)) => {
                if stop.is_claim() {
                    self.show_newest_signed(store, &stop)?;
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Ends a stop that a witness proved, if the stored tree no longer contradicts the proof.
    fn check_proof(&mut self, store: &mut (impl TreeStore + ?Sized)) -> Result<(), StoreError> {
        let Some(stop) = self.signing.stopped() else { return Ok(()) };
        let signed = stop.signed.as_ref().and_then(|note| SignedCheckpoint::parse(note).ok());
        let Some(signed) = signed.filter(|_| stop.witness.is_some()) else { return Ok(()) };
        store.catch_up()?;
        if !self.contradicts(store, &signed.checkpoint)? {
            let why = "the stored tree contains the checkpoint that the witness has";
            self.signing.resume(self.timekeeper.now(), why, &|current, _| *current == *stop)?;
        }
        Ok(())
    }

    /// True if the stored tree doesn't contain that checkpoint.
    fn contradicts(
        &self,
        store: &(impl TreeStore + ?Sized),
        checkpoint: &Checkpoint,
    ) -> Result<bool, StoreError> {
        Ok(checkpoint.size > store.size() || root_at(&*self.reader, checkpoint.size)? != checkpoint.root)
    }

    /// Sends witnesses the newest checkpoint that was signed before a claim stopped the log. This signs nothing.
    fn show_newest_signed(
        &mut self,
        store: &(impl TreeStore + ?Sized),
        stop: &SigningStop,
    ) -> Result<(), StoreError> {
        let origin = self.key.verifier_key().name();
        let published = self.published.borrow().as_ref().map(|published| published.note.clone());
        let notes = [stop.checkpoint.clone(), self.memory.newest().map(|head| head.note(origin)), published];
        let mut newest: Option<SignedCheckpoint> = None;
        for signed in notes.iter().flatten().filter_map(|note| SignedCheckpoint::parse(note).ok()) {
            let is_newer =
                newest.as_ref().is_none_or(|newest| newest.checkpoint.size < signed.checkpoint.size);
            if is_newer
                && signed.is_signed_by(self.key.verifier_key())
                && !self.contradicts(store, &signed.checkpoint)?
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

    /// Stops the log if a signed tree is larger than the stored one, or differs from it.
    fn check_memory(&mut self, store: &mut (impl TreeStore + ?Sized)) -> Result<(), StoreError> {
        if self.signing.stopped().is_some_and(|stop| !stop.is_claim()) {
            return Ok(());
        }
        let newest = self.memory.newest();
        if let Some(noted) = store.signed_size()?
            && newest.is_none_or(|newest| newest.size < noted)
        {
            let entries = if noted == 1 { "entry" } else { "entries" };
            let message = format!(
                "the log signed a checkpoint of {noted} {entries}, the newest one that its database knows of, but the record of \
                 that is missing"
            );
            self.signing.stop(SigningStop::new(self.timekeeper.now(), Cause::Unremembered, message));
            return Ok(());
        }
        let Some(newest) = newest.cloned() else { return Ok(()) };
        let size = store.size();
        // Another server of the log may have signed more in the meantime.
        let size = if newest.size > size { store.catch_up()? } else { size };
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
                metrics.remembered(remembered.as_ref().map(drop));
                then(remembered);
            };
            self.memory.remember(head, Box::new(then));
        }
        Ok(())
    }

    /// Assesses a witness's contradiction, and stops the log if it is proven. Another server of the log may have shown
    /// the witness more.
    pub(crate) fn assess(
        &mut self,
        store: &mut (impl TreeStore + ?Sized),
        contradiction: Contradiction,
    ) -> Assessment {
        if !self.names(contradiction.witness()) {
            return Assessment::Refuted;
        }
        let name = contradiction.witness().name().to_owned();
        let assessment = self.try_to_assess(store, contradiction).unwrap_or_else(|error| {
            tracing::warn!(%error, witness = name, "failed to compare the witness's checkpoint with this log");
            Assessment::Refuted
        });
        self.metrics.witness_contradicts(&name, assessment != Assessment::Refuted);
        assessment
    }

    fn try_to_assess(
        &mut self,
        store: &mut (impl TreeStore + ?Sized),
        contradiction: Contradiction,
    ) -> Result<Assessment, StoreError> {
        let mut keys = vec![self.key.verifier_key().clone()];
        if let Some(trust) = self.rules().trust() {
            keys.extend(trust.logs().filter(|log| log.name() == keys[0].name()).cloned().collect::<Vec<_>>());
        }
        let proof = contradiction.proof(&keys);
        if proof.is_some() || contradiction.cause() == Cause::Rollback {
            let size = store.catch_up()?;
            if contradiction.cause() == Cause::Rollback
                && contradiction.size().is_none_or(|seen| seen <= size)
            {
                return Ok(Assessment::Refuted);
            }
        }
        let Some(proof) = proof.map_or(Ok(None), |proof| {
            self.contradicts(store, &proof.checkpoint).map(|contradicts| contradicts.then_some(proof))
        })?
        else {
            return Ok(Assessment::Unproven);
        };
        let size = store.size();
        self.signing.stop(contradiction.into_stop(self.timekeeper.now(), &proof, size));
        Ok(Assessment::Proven)
    }

    /// True if the trust file names the witness.
    fn names(&self, witness: &VerifierKey) -> bool {
        self.rules().trust().is_some_and(|trust| trust.witnesses().any(|key| key == witness))
    }

    /// Stops the log if one of these claims still counts: the trust file names its witness, and the log lacks what the
    /// witness says it has seen.
    pub(crate) fn stop_on_claims(
        &mut self,
        store: &mut (impl TreeStore + ?Sized),
        claims: Vec<Contradiction>,
    ) {
        for claim in claims {
            if self.assess(store, claim.clone()) == Assessment::Unproven {
                return self.signing.stop(claim.into_claim(self.timekeeper.now()));
            }
        }
    }

    /// Publishes a checkpoint after the witnesses had time to cosign it. If a quorum cosigned it, this ends a stop that
    /// was caused by an unproven claim.
    pub(crate) fn publish_gathered(
        &mut self,
        store: &mut (impl TreeStore + ?Sized),
        published: Published,
        edge: &mut CompactRange,
    ) -> Result<(), StoreError> {
        let why = "a quorum of witnesses cosigned the newest checkpoint";
        let resumes = |stop: &SigningStop, _: &_| stop.is_claim();
        let resumed = published.witnessed && self.signing.resume(self.timekeeper.now(), why, &resumes)?;
        self.publish(store, published)?;
        if resumed { self.publish_again(store, edge) } else { Ok(()) }
    }

    /// Publishes the durable entries, and sends their checkpoint to witnesses again.
    pub(crate) fn publish_again(
        &mut self,
        store: &mut (impl TreeStore + ?Sized),
        edge: &mut CompactRange,
    ) -> Result<(), StoreError> {
        self.refresh(store, edge)?;
        let newest = self.published.borrow().clone();
        if newest.is_some_and(|newest| newest.size == edge.end() && newest.witnessed && self.is_ours(&newest))
        {
            return Ok(());
        }
        match self.sign(&PendingTree::new(edge))? {
            NewCheckpoint::Published(published) => self.publish(store, published),
            NewCheckpoint::ForWitnesses(unwitnessed) => self.send_to_witnesses(unwitnessed, true),
        }
    }

    /// Publishes the durable entries or sends their checkpoint to witnesses, unless that was already done.
    pub(crate) fn publish_what_is_durable(
        &mut self,
        store: &mut (impl TreeStore + ?Sized),
        edge: &CompactRange,
    ) -> Result<(), StoreError> {
        // The log may have had another key when the checkpoint was published, or witnesses that it no longer needs.
        let needs_witnesses = has_witnesses(self.rules().trust());
        let is_current = |newest: &Published| {
            newest.size == edge.end() && self.is_ours(newest) && (newest.witnessed || needs_witnesses)
        };
        if self.published.borrow().as_deref().is_some_and(is_current) {
            return Ok(());
        }
        match self.sign(&PendingTree::new(edge))? {
            NewCheckpoint::Published(published) => self.publish(store, published),
            NewCheckpoint::ForWitnesses(unwitnessed) => self.send_to_witnesses(unwitnessed, false),
        }
    }

    /// Reads the tree's right edge again if the store caught up with other servers, and checks that signing is
    /// allowed.
    pub(crate) fn refresh(
        &mut self,
        store: &mut (impl TreeStore + ?Sized),
        edge: &mut CompactRange,
    ) -> Result<(), StoreError> {
        if edge.end() != store.size() {
            let newest = store.edge()?;
            self.check_memory(store)?;
            // Assigned last, so that the next refresh repeats a check that failed.
            *edge = newest;
        }
        self.signing.check()
    }

    /// True if all current keys of the log signed the checkpoint.
    fn is_ours(&self, published: &Published) -> bool {
        let ml_dsa_key = self.ml_dsa_key.as_ref().map(MlDsaKey::verifier_key);
        let mut keys = [self.key.verifier_key()].into_iter().chain(ml_dsa_key);
        let signed = SignedCheckpoint::parse(&published.note);
        signed.is_ok_and(|signed| keys.all(|key| signed.is_signed_by(key)))
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

    /// Signs the newest checkpoint and sends it to witnesses, even if they have seen it.
    pub(crate) fn show_witnesses(&mut self, edge: &CompactRange) -> Result<(), StoreError> {
        match self.sign(&PendingTree::new(edge))? {
            NewCheckpoint::ForWitnesses(unwitnessed) => self.send_to_witnesses(unwitnessed, true),
            NewCheckpoint::Published(_) => Ok(()),
        }
    }

    /// Fails while the log's clock can't date anything: it disagrees with its witnesses', or it is not believed since the
    /// start. While the clock is in doubt, witnesses are asked again, so that a corrected clock counts at once.
    pub(crate) fn check_clock(&mut self, edge: &CompactRange) -> Result<(), SubmitError> {
        let clock = self.timekeeper.compare(self.rules().trust());
        let steady = self.timekeeper.steady();
        let is_doubted = clock.doubt.is_some() || clock.outside.is_some();
        if is_doubted && self.time_requested_at.is_none_or(|last| steady.saturating_sub(last) >= AGAIN) {
            self.time_requested_at = Some(steady);
            if let Err(error) = self.show_witnesses(edge) {
                tracing::warn!(%error, "failed to ask witnesses for the time");
            }
        }
        let ClockComparison { now, machine, doubt, outside, .. } = clock;
        if doubt == Some(Doubt::Implausible) {
            return Err(SubmitError::ImplausibleClock { machine, known: now });
        }
        if self.is_outside != outside.is_some() {
            self.is_outside = outside.is_some();
            if let Some(skew) = outside {
                tracing::error!(%now, skew, "the log's clock disagrees with its witnesses'; submissions are rejected");
            } else {
                tracing::info!(%now, "the log's clock no longer disagrees with its witnesses'");
            }
        }
        outside.map_or(Ok(()), |skew| Err(SubmitError::Clock { now, skew }))
    }

    /// Returns the number of entries of the largest signed tree that memory durably has, for the next commit.
    pub(crate) fn remembered_size(&self) -> Option<u64> {
        self.memory.durable()
    }

    /// Publishes the checkpoint of a commit, or sends it to witnesses. Pass it if it was signed before the commit; it is
    /// signed now otherwise. One that the commit published is not announced yet: see
    /// [`announce_when_remembered`](Self::announce_when_remembered).
    pub(crate) fn publish_committed(
        &mut self,
        store: &mut (impl CheckpointWriter + ?Sized),
        tree: &PendingTree,
        signed: Option<NewCheckpoint>,
    ) -> Result<CommittedCheckpoint, StoreError> {
        let signed =
            signed.map_or_else(|| self.sign(tree).map(|signed| (signed, false)), |signed| Ok((signed, true)));
        let mut committed = CommittedCheckpoint::default();
        match signed? {
            (NewCheckpoint::Published(signed), true) => {
                committed.unseen = Some(Arc::new(signed));
                committed.published.clone_from(&committed.unseen);
            }
            // The entries are durable: clients that wait for this checkpoint get the next one.
            (NewCheckpoint::Published(signed), false) => match self.publish(store, signed) {
                Ok(()) => committed.published.clone_from(&self.published.borrow()),
                Err(error) => tracing::error!(%error, "failed to publish the checkpoint"),
            },
            (NewCheckpoint::ForWitnesses(unwitnessed), _) => {
                if let Err(error) = self.send_to_witnesses(unwitnessed, false) {
                    tracing::error!(%error, "failed to send the checkpoint to witnesses");
                }
            }
        }
        Ok(committed)
    }

    /// Announces a checkpoint that a commit published, once it is remembered, and then calls `then`. The sequencer
    /// continues in the meantime.
    pub(crate) fn announce_when_remembered(
        &mut self,
        published: Arc<Published>,
        then: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) {
        let (signing, metrics) = (self.signing.clone(), self.metrics.clone());
        let announce = self.published.clone();
        let note = published.note.clone();
        let then = move |remembered: Result<(), StoreError>| match remembered.and_then(|()| signing.check()) {
            Ok(()) => {
                announce_newest(&announce, &metrics, published);
                then(Ok(()));
            }
            // The entries are durable: clients that send them again get the next checkpoint.
            Err(error) => {
                tracing::error!(%error, "failed to announce a checkpoint");
                then(Err(error));
            }
        };
        if let Err(error) = self.remember_then(&note, Box::new(then)) {
            tracing::error!(%error, "failed to remember a signed checkpoint");
        }
    }

    /// Signs the tree's checkpoint, unless the log signed a larger tree, or another one of the same size.
    pub(crate) fn sign(&self, tree: &PendingTree) -> Result<NewCheckpoint, StoreError> {
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
        let note = checkpoint.sign_with_both(&self.key, self.ml_dsa_key.as_ref()).map_err(damaged)?;
        if has_witnesses(self.rules().trust()) {
            return Ok(NewCheckpoint::ForWitnesses(Unwitnessed { checkpoint, note, latest: None }));
        }
        let at = self.timekeeper.now();
        Ok(NewCheckpoint::Published(Published { size: tree.size(), note, at, witnessed: true }))
    }

    /// Returns the acceptance rules in force, with the trust file.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Publishes a checkpoint, unless a better one is published already: witnesses may answer late.
    fn publish(
        &mut self,
        store: &mut (impl CheckpointWriter + ?Sized),
        published: Published,
    ) -> Result<(), StoreError> {
        let better = self.published.borrow().as_deref().is_some_and(|newest| {
            let witnessed = newest.witnessed && !published.witnessed && self.is_ours(newest);
            published.size < newest.size || published.size == newest.size && witnessed
        });
        if better {
            return Ok(());
        }
        self.signing.check()?;
        self.remember(&published.note)?;
        store.publish(&published)?;
        if published.witnessed {
            self.unattested.attested(published.size);
        }
        announce_newest(&self.published, &self.metrics, Arc::new(published));
        Ok(())
    }
}

/// Announces a checkpoint to everyone who follows the log, unless a larger one was announced.
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
