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
//! | 8. answer; the host waits if the checkpoint isn't published yet | evidence of rejected forks, which is kept before the answer | emitters without an answer send again |
//!
//! A failed commit may still take effect: in a bucket, the next call looks for it first.
//!
//! Everything announced was remembered first, so a log that lost entries can't sign a second history unnoticed. Readers
//! see only announced checkpoints ([`Exporter::with_announced`](crate::export::Exporter::with_announced)), although in
//! a folder without witnesses step 4 stores them earlier. If another server commits first, step 4 stores nothing, and
//! the steps start again on top of its entries.
//!
//! This file judges and commits (steps 1, 3, 4, and 8). `signer.rs` signs, remembers, and publishes (steps 2 and 5 to 7),
//! in the same way for any sequencer.

mod job;
mod signer;
mod unattested;

use std::sync::{Arc, RwLock};

use countersign::log::{AcceptanceError, PendingBatch, Rules, Submission, SubmissionOutcome};
use countersign::merkle::{CompactRange, PendingTree};
use countersign::note::{MlDsaKey, SignerKey, VerifierKey};
use countersign::trust::Trust;
use tokio::sync::{mpsc, watch};

use crate::clock::Timekeeper;
use crate::erase::record;
use crate::export::void_grants;
use crate::metrics::Metrics;
use crate::own_chain::OwnChain;
use crate::part::Failure;
use crate::signed_memory::SignedHeadMemory;
use crate::stop::Signing;
use crate::stopwatch::Stopwatch;
use crate::store::{Batch, CommitError, Published, Reader, StoreError, Writer};
use crate::submission::SubmitError;
use crate::witnessing::Unwitnessed;

pub(crate) use job::{Answer, rejection, send_answers, send_error};
pub use job::{Durable, Job, Reply};
pub(crate) use signer::{CheckpointSigner, CommittedCheckpoint, NewCheckpoint};
pub use unattested::{LinkTimes, Unattested};

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

impl RulesError {
    /// Returns the failure.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Key(error) => error.to_string().into(),
            Self::Store(error) => error.failure(),
        }
    }
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
    pub key: Arc<SignerKey>,
    /// The log's ML-DSA-44 key, if it has one: it signs checkpoints too.
    pub ml_dsa_key: Option<MlDsaKey>,
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
    /// The log's own chain, not opened yet.
    pub own_chain: OwnChain,
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
    pub fn begin(self) -> Result<RunningSequencer, StoreError> {
        let Self { mut writer, erased, own_entries, own_chain: own, .. } = self;
        let mut signer = CheckpointSigner {
            reader: self.reader,
            memory: self.memory,
            signing: self.signing,
            key: self.key,
            ml_dsa_key: self.ml_dsa_key,
            published: self.published,
            witnesses: self.witnesses,
            rules: self.rules,
            timekeeper: self.timekeeper,
            unattested: self.unattested,
            metrics: self.metrics,
            time_requested_at: None,
            is_outside: false,
        };
        let edge = signer.begin(&mut *writer, |_| Ok(()))?;
        let mut running = RunningSequencer { writer, signer, edge, erased, own, own_entries };
        running.report_erased();
        running.writer.find_erasures(running.signer.key.verifier_key())?;
        // Their cosignatures state the time before anything is accepted.
        running.signer.show_witnesses_at_start(&*running.writer, &running.edge)?;
        Ok(running)
    }
}

/// A sequencer that is ready for jobs.
pub struct RunningSequencer {
    writer: Box<dyn Writer>,
    signer: CheckpointSigner,
    /// The right edge of the tree over the durable entries.
    edge: CompactRange,
    erased: mpsc::UnboundedSender<Vec<u64>>,
    own: OwnChain,
    own_entries: Option<Box<dyn OwnEntryStore>>,
}

impl RunningSequencer {
    /// Runs this job together with the jobs queued behind it. Returns true if [`Job::Close`] was among them: accept no
    /// new jobs then, but run the queued ones.
    pub fn work(&mut self, job: Job, next: &mut dyn FnMut() -> Option<Job>) -> bool {
        let (mut job, mut waiting, mut leaves, mut last) = (Some(job), Vec::new(), 0, false);
        while let Some(now) = job.take() {
            let permission = match now {
                Job::Submit { .. } | Job::Record { .. } | Job::Close { .. } => {
                    self.signer.check_clock(&self.edge)
                }
                _ => Ok(()),
            };
            let Self { writer, signer, edge, own, .. } = self;
            let writer = &mut **writer;
            match now {
                Job::Submit { submission, reply } => match permission {
                    Ok(()) => {
                        leaves += submission.entries().len() as u64;
                        waiting.push(Pending { submission, reply, own: false });
                    }
                    Err(error) => _ = reply.send(Err(error)),
                },
                Job::Record { event, reply } => {
                    let record = |()| own.record(&event, &signer.key, signer.timekeeper.now());
                    queue_own(&mut waiting, permission.and_then(record).map(Some), reply);
                }
                Job::Close { reply } => {
                    let close = |()| own.close(&signer.key, signer.timekeeper.now());
                    queue_own(&mut waiting, permission.and_then(close), reply);
                    last = true;
                }
                Job::FinishErasure { record, reply } => {
                    _ = reply.send(writer.finish_erasure(record, signer.timekeeper.now()));
                }
                Job::Contradicted { contradiction, reply } => {
                    _ = reply.send(signer.assess(writer, contradiction));
                }
                Job::Claimed { claims, reply } => {
                    signer.stop_on_claims(writer, claims);
                    let _ = reply.send(());
                }
                Job::Resumed => {
                    if let Err(error) = signer.publish_again(writer, edge) {
                        tracing::warn!(%error, "failed to publish the durable entries");
                    }
                }
                Job::Erase { leaves, reply } => _ = reply.send(self.erase(&leaves)),
                Job::Publish { published, reply } => {
                    _ = reply.send(signer.publish_gathered(writer, published, edge));
                }
                Job::Follow { done } => {
                    let _ = done.send(self.follow());
                }
            }
            // The next `Job::Close` ends the host's loop, which must see it.
            if !last && waiting.len() < MAX_SUBMISSIONS && leaves < MAX_COMMIT_ENTRIES {
                job = next();
            }
        }
        if !waiting.is_empty() {
            self.commit(waiting);
        }
        last
    }

    /// Returns the acceptance rules in force.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.signer.rules()
    }

    /// Signs the newest checkpoint and sends it to witnesses, even if they have seen it.
    pub(crate) fn show_witnesses(&mut self) -> Result<(), StoreError> {
        self.signer.show_witnesses(&self.edge)
    }

    /// Erases the events of these entries, given in ascending order, everywhere.
    fn erase(&mut self, leaves: &[u64]) -> Result<u64, StoreError> {
        if let Some(own) = &mut self.own_entries {
            own.erase(leaves)?;
        }
        self.writer.erase(leaves)
    }

    /// Publishes also what other servers committed: one of them may have ended before it could publish.
    fn follow(&mut self) -> bool {
        let Self { writer, signer, edge, .. } = self;
        if signer.signing.stopped().is_some() {
            return false;
        }
        let writer = &mut **writer;
        let followed = signer
            .signing
            .check()
            .and_then(|()| writer.catch_up())
            .and_then(|_| signer.refresh(writer, edge));
        let published = followed.and_then(|()| signer.publish_what_is_durable(writer, edge));
        match &published {
            Ok(()) => {
                self.signer.metrics.followed(true);
                self.signer.metrics.journaled();
            }
            // /healthz and the metrics show the state of the journal.
            Err(StoreError::Journal(_)) => self.signer.metrics.followed(true),
            Err(error) => {
                tracing::warn!(%error, "failed to catch up with other servers of this log");
                self.signer.metrics.followed(false);
            }
        }
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

    /// Judges the waiting submissions, makes them durable, and answers. Refusals are sent after the commit too: they
    /// may depend on entries that it makes durable.
    fn commit(&mut self, mut waiting: Vec<Pending>) {
        let (rules, now) = (self.signer.rules(), self.signer.timekeeper.now());
        for _ in 0..MAX_COMMIT_ATTEMPTS {
            if let Err(error) = self.signer.refresh(&mut *self.writer, &mut self.edge) {
                return send_failure(waiting, &mut self.own, error);
            }
            let mut growth = PendingBatch::new(self.edge.end());
            let mut judged = Vec::with_capacity(waiting.len());
            for waiting in waiting.drain(..) {
                let judgment = growth.submit(&rules, self.writer.state(), &waiting.submission, now);
                judged.push((waiting, judgment));
            }
            let erasures = record::recorded(&growth, self.signer.key.verifier_key());
            let forges = |waiting: &Pending| {
                !erasures.is_empty()
                    && !waiting.own
                    && record::records_erasure(&waiting.submission, &growth, self.signer.key.verifier_key())
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
            let newest = if refused { self.is_newest() } else { Ok(()) };
            match newest.and_then(|()| self.grow(&growth, &erasures)) {
                Ok(outcome) => {
                    let taken = judged.iter().filter(|(_, judgment)| judgment.is_ok()).count();
                    self.signer.metrics.committed(taken, growth.size() - growth.base(), growth.size());
                    let answers = judged
                        .into_iter()
                        .map(|(waiting, judgment)| self.answer(waiting, judgment, &outcome))
                        .collect();
                    return self.answer_when_remembered(answers, outcome.checkpoint.unseen);
                }
                Err(CommitError::Overtaken) => {
                    self.signer.metrics.overtaken();
                    waiting = judged.into_iter().map(|(waiting, _)| waiting).collect();
                }
                Err(CommitError::Failed(error)) => {
                    self.signer.metrics.commit_failed("commits", &error);
                    return send_failure(
                        judged.into_iter().map(|(waiting, _)| waiting).collect(),
                        &mut self.own,
                        error,
                    );
                }
            }
        }
        let error = StoreError::bucket("committing", "other servers of this log committed first each time");
        send_failure(waiting, &mut self.own, error);
    }

    /// Fails if other servers of the log committed in the meantime: what a submission lacks may have reached them.
    fn is_newest(&mut self) -> Result<(), CommitError> {
        if self.writer.signs_before_commit() || self.writer.catch_up()? == self.edge.end() {
            return Ok(());
        }
        Err(CommitError::Overtaken)
    }

    /// Sends answers once the checkpoint that they contain is remembered. The sequencer continues in the meantime.
    fn answer_when_remembered(&mut self, answers: Vec<Answer>, unseen: Option<Arc<Published>>) {
        let Some(published) = unseen else { return send_answers(answers) };
        self.signer.announce_when_remembered(published, |announced| match announced {
            Ok(()) => send_answers(answers),
            Err(error) => send_error(answers, error),
        });
    }

    fn answer(
        &mut self,
        waiting: Pending,
        judgment: Result<SubmissionOutcome, AcceptanceError<StoreError>>,
        outcome: &CommitOutcome,
    ) -> Answer {
        let answer = match judgment {
            Ok(taken) => Ok(Durable {
                taken,
                tree: outcome.tree.clone(),
                published: outcome.checkpoint.published.clone(),
            }),
            Err(error) => {
                let now = self.signer.timekeeper.now();
                Err(rejection(error, |evidence| self.writer.keep_evidence(evidence, now)))
            }
        };
        if waiting.own && answer.is_err() {
            self.own.abandon();
        }
        (waiting.reply, answer)
    }

    /// Makes a pending batch durable, and publishes its checkpoint or sends it to witnesses.
    fn grow(&mut self, growth: &PendingBatch, erasures: &[u64]) -> Result<CommitOutcome, CommitError> {
        if growth.leaves().is_empty() {
            // All entries are in the log already. Emitters may have sent them again because publishing failed before.
            self.signer.publish_what_is_durable(&mut *self.writer, &self.edge)?;
            return Ok(CommitOutcome::default());
        }
        let stopwatch = Stopwatch::start();
        let mut tree = PendingTree::new(&self.edge);
        let hashes: Vec<_> = growth.leaves().iter().map(|leaf| leaf.hash).collect();
        tree.extend(&hashes);
        let signed_size = self.signer.remembered_size();
        let signed = if self.writer.signs_before_commit() { Some(self.signer.sign(&tree)?) } else { None };
        let publish = signed.as_ref().and_then(NewCheckpoint::to_publish);
        if let Some(own) = &mut self.own_entries {
            own.keep(growth, self.signer.key.verifier_key());
        }
        self.writer.commit(&Batch { growth, tree: &tree, publish, erasures, signed_size })?;
        self.edge = tree.edge();
        self.signer.unattested.grew(growth.base()..growth.size(), || growth.latest());
        let checkpoint = self.signer.publish_committed(&mut *self.writer, &tree, signed)?;
        self.signer.metrics.commit_took(&stopwatch);
        Ok(CommitOutcome { tree: Some(Arc::new(tree)), checkpoint })
    }
}

/// The result of a commit.
#[derive(Default)]
struct CommitOutcome {
    tree: Option<Arc<PendingTree>>,
    checkpoint: CommittedCheckpoint,
}

fn queue_own(waiting: &mut Vec<Pending>, submission: Result<Option<Submission>, SubmitError>, reply: Reply) {
    match submission {
        Ok(Some(submission)) => waiting.push(Pending { submission, reply, own: true }),
        Ok(None) => _ = reply.send(Ok(Durable::default())),
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
