//! The sequencer of a root log decides the order of all entries of all tenant logs, and makes the ticks.
//!
//! # Commit protocol
//!
//! Submissions are judged when they arrive, against the tenant log's durable entries and those that wait for the tick.
//! A tick makes the waiting entries of all tenant logs durable in these steps. "Memory" is the
//! [`SignedHeadMemory`] for the root log, and the
//! [`TenantHeadMemory`](super::memory::TenantHeadMemory) for tenant logs.
//!
//! | step | durable after it | a restart after a crash there |
//! | --- | --- | --- |
//! | 1. compute the heads and the directory, and keep the root log's new entry, and the directory of an anchor, in the [`RootEntryStore`], if there is one | the entry's copy; its tick may never be committed | doesn't use the copy; a restore does, up to the largest tree that memory has. The next tick replaces it, and a store that has the tick with another entry corrects it |
//! | 2. sign the root log's checkpoint | as after 1: the signature hasn't left the process | finds nothing; emitters send again |
//! | 3. [`commit_tick`](super::store::TenantWriter::commit_tick), all or nothing | entries, heads, and the root log's entry; without witnesses also its checkpoint | makes the next tick, which contains the same entries. Emitters that send again get the old indexes |
//! | 4. memory remembers the changed heads, and then the checkpoint | the heads; the checkpoint's size, root, and signature; if memory outlives the process | as after 3; heads that memory lacks are remembered before the next tick. A store that has fewer ticks than memory, or different ones, stops the log. A tenant log that is behind its remembered head, or differs from it, is stopped alone ([`guard`](super::guard)) |
//! | 5. without witnesses: announce the tick. With witnesses: send the checkpoint to them; [`Job::Publish`] publishes it, with their quorum or without, and announces its tick | the published checkpoint | as after 3 |
//! | 6. answer | evidence of rejected forks, which is kept before the answer | emitters without an answer send again |
//!
//! A store that several servers share, a bucket, decides in step 3 which of them makes the tick. The checkpoint is then
//! signed after that step, and published after step 4. A server that is overtaken fails all that waits, and is on standby:
//! it announces no tick, and follows the other server's. It makes the next tick once the other one makes none
//! ([`TenantWriter::begin_tick`]).
//!
//! If one of the steps 1 to 3 fails, or the heads can't be remembered in step 4, every waiting submission fails, also
//! those that were refused: what they contradict may not be stored.
//!
//! The server's own events in a tenant log ([`Job::Record`]) are judged like submissions, on a chain that the root log's
//! key signs. If their tick fails, that chain is abandoned, and the next event opens another one.
//!
//! Key notes for all tenant logs have steps of their own ([`root_notes`](super::root_notes)).
//!
//! A tick also carries out the [`requests`](super::requests) to begin and end tenant logs: their events are the last of
//! the waiting entries of step 1, and step 3 deletes the requests. A log that ended accepts only what it contains
//! already. A stopped log ends with its last head, without an event.
//!
//! The directory of a tick is in memory only, and its secret is not stored. A restart therefore makes a new tick at once,
//! which proves the same heads. Anchors (SPEC section 16.5) are the exception: step 3 also stores their directories.
//! They are deleted once no head requires them.
//!
//! Before the first checkpoint of an hour is published, the heads of the last published tick are kept, as far as their
//! logs grew since their last kept head. A restart loses that tick's directory: the logs that grew in its hour then have
//! a kept head one hour later.
//!
//! # Times
//!
//! The times of ticks never go back. A tick has the log's [believed time](crate::clock), or one second after the last
//! tick if that is later. Ticks that are dated ahead therefore stop nothing, but all later ticks stay ahead until that
//! time has come. A restart with witnesses shows them the newest checkpoint before it makes a tick, because their answers
//! state the time.
//!
//! | clock | ticks | submissions, and events of the log server |
//! | --- | --- | --- |
//! | usable | at the believed time | accepted |
//! | disagrees with the witnesses' | none, because witnesses would not cosign them. After a start, the first one, a second after the last tick, which lets readers in | rejected |
//! | not believed since the start | at the newest known time, advanced by the monotonic clock | rejected |

mod host;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::log::{
    AcceptanceError, Entry, Evidence, PendingBatch, RefusalKind, Rules, Storage, Submission,
    SubmissionOutcome,
};
use countersign::merkle::{CompactRange, PendingTree, empty_root, leaf_hash};
use countersign::note::{MlDsaKey, SignerKey, VerifierKey};
use countersign::tenant::{State, TenantOrigin};
use countersign::time::Time;
use countersign::tolerance;
use tokio::sync::{oneshot, watch};

use requests::LogEndings;

use super::anchors::{is_anchor, required_before, time_of_last_tick};
use super::directory::{PreparedDirectory, TickDirectory};
use super::growth::GrowthTicks;
use super::guard::{HeadGuard, HeadsAtStart, ShownHead};
use super::heads::{HeadShards, SlotHead};
use super::job::TenantJob;
use super::kept::HeadKeeper;
use super::own_chains::{OwnSubmission, OwnTenantChains};
use super::published::PublishedTick;
use super::requests::MAX_REQUESTS;
use super::root_entries::{RootEntryCopy, RootEntryStore};
use super::root_notes::{Candidate, PlacedReply, Placing, RootNote, RootNotes, add_missing_note};
use super::secret::TickSecret;
use super::slots::required_depth;
use super::store::{TenantGrowth, TenantReaders, TenantWriter, TickBatch, check_size};
use super::tenant::{TenantId, TenantNumber};
use super::waiting::{RoomPart, WaitingRoom};
use crate::clock::Timekeeper;
use crate::erase::record;
use crate::metrics::Metrics;
use crate::own_chain::Random;
use crate::sequencer::{
    Answer, CheckpointSigner, CommittedCheckpoint, Durable, Job, LinkTimes, NewCheckpoint, Reply,
    SharedRules, Unattested, rejection, send_answers, send_error,
};
use crate::signed_memory::SignedHeadMemory;
use crate::stop::Signing;
use crate::stopwatch::Stopwatch;
use crate::store::{CommitError, Published, StoreError};
use crate::submission::SubmitError;
use crate::witnessing::{Unwitnessed, has_witnesses};

/// The maximum number of ticks whose directories are kept until witnesses cosigned their checkpoint.
const MAX_UNPUBLISHED: usize = 16;
/// The minimum difference between the times of two ticks, in milliseconds.
const MIN_INTERVAL_MS: i64 = 1000;

/// The sequencer of a root log. [`TenantSequencer::begin`] makes it ready.
pub struct TenantSequencer {
    /// The sequencer's half of the store.
    pub writer: Box<dyn TenantWriter>,
    /// The half of the store that all readers share.
    pub readers: Arc<dyn TenantReaders>,
    /// The memory of signed checkpoints, consulted before anything is signed.
    pub memory: Box<dyn SignedHeadMemory>,
    /// The memory of tenant heads, and the stops of single tenant logs.
    pub guard: HeadGuard,
    /// The switch that stops signing.
    pub signing: Signing,
    /// The root log's private key.
    pub key: Arc<SignerKey>,
    /// The root log's ML-DSA-44 key, if it has one: it signs checkpoints too.
    pub ml_dsa_key: Option<MlDsaKey>,
    /// Announces the root log's newest published checkpoint. It must start with the one in the store.
    pub published: watch::Sender<Option<Arc<Published>>>,
    /// Sends checkpoints to the witnesses' task before they are published.
    pub witnesses: watch::Sender<Option<Unwitnessed>>,
    /// The root log's rules, with the trust file.
    pub rules: SharedRules,
    /// The clock.
    pub timekeeper: Arc<Timekeeper>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Announces the newest published tick.
    pub ticks: watch::Sender<Option<Arc<PublishedTick>>>,
    /// The newest ticks, for growth witnesses.
    pub growth: GrowthTicks,
    /// The room for entries that wait for a tick. Further submissions have to wait for the next one.
    pub waiting: WaitingRoom,
    /// The source of the ticks' secrets.
    pub random: Random,
    /// The copy of the root log's entries, if the host keeps one.
    pub root_entries: Option<Box<dyn RootEntryStore>>,
}

impl TenantSequencer {
    /// Makes the first tick at once, unless the log is stopped: no directory outlives the process. With witnesses, and
    /// unless the root log is empty, the first tick is that of the first [`TenantJob::Tick`]: send it after the witnesses
    /// had time to answer.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub fn begin(self) -> Result<RunningTenantSequencer, StoreError> {
        let mut running = self.prepare()?;
        if running.edge.end() == 0 || !has_witnesses(running.signer.rules().trust()) {
            match running.tick() {
                Ok(()) | Err(StoreError::Stopped(_)) => {}
                // The server starts, and makes the first tick once the journal can be written.
                Err(error @ StoreError::Journal(_)) => tracing::error!(%error, "the first tick failed"),
                // Another server was faster, and this one waits until it ends.
                Err(_) if running.writer.check_active().is_err() => {}
                Err(error) => return Err(error),
            }
        }
        running.signer.show_witnesses_at_start(&*running.writer, &running.edge)?;
        Ok(running)
    }

    /// Reads and compares what is stored, without a tick.
    fn prepare(self) -> Result<RunningTenantSequencer, StoreError> {
        let Self {
            mut writer,
            readers,
            memory,
            mut guard,
            signing,
            key,
            ml_dsa_key,
            published,
            witnesses,
            ..
        } = self;
        let Self { rules, timekeeper, metrics, ticks, growth, waiting, random, root_entries, .. } = self;
        let root = readers.root();
        let last = time_of_last_tick(&*root, writer.size())?;
        if let Some(last) = last {
            timekeeper.ticked(last);
        }
        let latest = writer.latest_link()?.max(last);
        let mut signer = CheckpointSigner {
            unattested: Unattested::with_times(root.clone(), Box::new(TimesAtStart(latest))),
            reader: root.clone(),
            memory,
            signing,
            key,
            ml_dsa_key,
            published,
            witnesses,
            rules,
            timekeeper,
            metrics,
            time_requested_at: None,
            is_outside: false,
        };
        let mut root_entries = RootEntryCopy::new(root_entries);
        let edge = signer.begin(&mut *writer, |ticks| root_entries.complete(&*root, ticks))?;
        growth.begin(edge.end());
        let HeadsAtStart { heads, unstored } = {
            let (stored, depth, now) = (writer.heads()?, writer.depth()?, signer.timekeeper.now());
            guard.begin(&stored, &*readers, depth, edge.end(), !writer.signs_before_commit(), now)?
        };
        if !writer.signs_before_commit() {
            for head in heads.iter() {
                guard.check_size(head, writer.size_of(head.number)?, signer.timekeeper.now());
            }
        }
        guard.stops().count_heads(heads.iter());
        let keeper = HeadKeeper::new(&writer.unkept()?);
        Ok(RunningTenantSequencer {
            prepared: None,
            known: heads.iter().map(|head| head.number.get()).max().unwrap_or(0),
            waiting: BTreeMap::new(),
            room: waiting.part(),
            own: OwnTenantChains::default(),
            root_notes: RootNotes::new(writer.root_notes()?),
            root_entries,
            unpublished: BTreeMap::new(),
            signer,
            guard,
            unstored,
            writer,
            ticks,
            growth,
            random,
            edge,
            last,
            heads,
            keeper,
            anchors_deleted_at: 0,
            is_outdated: false,
            following: Vec::new(),
        })
    }
}

/// The latest time of a link or a tick in the store at the start, for all ticks before it.
struct TimesAtStart(Option<Time>);

impl LinkTimes for TimesAtStart {
    fn latest(&self, _: Range<u64>) -> Result<Option<Time>, StoreError> {
        Ok(self.0)
    }
}

/// A sequencer of a root log that is ready for jobs.
pub struct RunningTenantSequencer {
    signer: CheckpointSigner,
    guard: HeadGuard,
    /// The heads in each directory that the database lacks.
    unstored: Vec<ShownHead>,
    writer: Box<dyn TenantWriter>,
    ticks: watch::Sender<Option<Arc<PublishedTick>>>,
    growth: GrowthTicks,
    random: Random,
    /// The right edge of the root log's tree.
    edge: CompactRange,
    /// The time of the last tick.
    last: Option<Time>,
    /// The heads as of the last tick.
    heads: HeadShards,
    keeper: HeadKeeper,
    /// The newest published tick when anchors were last deleted.
    anchors_deleted_at: u64,
    /// True if other servers made ticks that this state doesn't have yet.
    is_outdated: bool,
    /// The next tick's directory with the heads as of the last one.
    prepared: Option<PreparedDirectory>,
    /// The greatest number of a tenant in `heads`.
    known: u32,
    /// The entries that wait for the next tick.
    waiting: BTreeMap<TenantNumber, WaitingLog>,
    room: RoomPart,
    /// The chains of the log server in tenant logs.
    own: OwnTenantChains,
    root_notes: RootNotes,
    root_entries: RootEntryCopy,
    /// Those who wait until this server has the entries of others.
    following: Vec<oneshot::Sender<bool>>,
    /// The directories of ticks that are not published yet.
    unpublished: BTreeMap<u64, Arc<TickDirectory>>,
}

/// The entries of a tenant log that wait for the next tick.
#[derive(Default)]
struct WaitingLog {
    id: TenantId,
    growth: PendingBatch,
    judged: Vec<Judged>,
    /// True if the log server's own chain has some of its entries.
    has_own: bool,
}

/// A submission that waits for the next tick, because its result depends on entries that wait for it.
struct Judged {
    reply: Reply,
    result: Result<SubmissionOutcome, AcceptanceError<StoreError>>,
}

/// The sender of a submission.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Emitter,
    /// The log server itself, which alone may record erasures.
    Server,
}

impl RunningTenantSequencer {
    /// Runs this job. Returns true after [`Job::Close`]: accept no new jobs then, but run the queued ones.
    pub fn work(&mut self, job: TenantJob) -> bool {
        match job {
            TenantJob::Tick => self.tick_or_warn(),
            TenantJob::Log { number, rules, job } => self.work_on_log(number, &rules, job),
            TenantJob::Root(job) => return self.work_on_root(job),
            TenantJob::PlaceNote { note, reply } => self.place_note(*note, reply),
            TenantJob::CheckActive { reply } => _ = reply.send(self.writer.check_active()),
            TenantJob::CountWaiting { reply } => {
                let _ = reply.send(self.waiting.values().map(|log| log.judged.len()).sum());
            }
        }
        false
    }

    /// Stores a key note for all tenant logs.
    fn place_note(&mut self, note: RootNote, reply: PlacedReply) {
        if let Err(error) = self.signer.signing.check().and_then(|()| self.writer.check_active()) {
            let _ = reply.send(Err(error.into()));
            return;
        }
        let rules = self.signer.rules();
        self.root_notes.add(note, &rules, &mut *self.writer, self.edge.end(), reply);
    }

    /// Adds revocations for all tenant logs to the waiting entries of the logs that need them.
    fn place_notes(&mut self, waiting: &mut BTreeMap<TenantNumber, WaitingLog>) -> Result<(), StoreError> {
        let Self { root_notes, writer, heads, guard, edge, .. } = self;
        let with_key = |key: &VerifierKey, after, max| writer.tenants_with_key(key, after, max);
        let mut place = |Candidate { number, id, note }: Candidate<'_>| {
            let Some(head) = heads.find(&id).filter(|head| head.number == number) else {
                return Ok(Placing::Skipped);
            };
            if head.state != State::Live {
                return Ok(Placing::Unneeded);
            }
            let state = writer.state(number);
            if state.note(&note.hash)?.is_some() {
                return Ok(Placing::Unneeded);
            }
            if guard.check(number).is_err() {
                return Ok(Placing::Skipped);
            }
            let log = waiting.entry(number).or_insert_with(|| WaitingLog::new(head));
            // A submission may have brought it along. The log has it only once the tick is committed.
            add_missing_note(&mut log.growth, &*state, note)?;
            Ok(Placing::Placed)
        };
        root_notes.place(&with_key, &mut place, edge.end())
    }

    /// Adds the revocations that a pass has to place in a tenant log to its waiting entries. Then returns the waiting entries
    /// with the other notes for all logs that must come before a submission; `None` if there are none.
    fn notes_before(
        &mut self,
        number: TenantNumber,
        head: &SlotHead,
        submission: &Submission,
        rules: &Rules,
    ) -> Result<Option<PendingBatch>, StoreError> {
        if self.root_notes.is_empty() || head.state != State::Live {
            return Ok(None);
        }
        for note in self.root_notes.unplaced_in(number, &*self.writer)? {
            let log = self.waiting.entry(number).or_insert_with(|| WaitingLog::new(head));
            add_missing_note(&mut log.growth, &*self.writer.state(number), &note)?;
        }
        let state = self.writer.state(number);
        let nothing = PendingBatch::new(head.size);
        let growth = self.waiting.get(&number).map_or(&nothing, |log| &log.growth);
        self.root_notes.before(growth, submission, rules, &*state)
    }

    fn work_on_root(&mut self, job: Job) -> bool {
        let Self { signer, writer, edge, keeper, heads, root_entries, is_outdated, .. } = self;
        match job {
            Job::Publish { published, reply } => {
                keeper.keep_before(published.at, heads, &mut **writer);
                // A commit that failed has taken effect. Its tree may be signed now, if witnesses end a stop.
                let is_new = edge.end() != writer.size();
                *is_outdated |= is_new;
                let completed = if is_new && signer.signing.stopped().is_none_or(|stop| stop.is_claim()) {
                    root_entries.check_again();
                    root_entries.complete(&*signer.reader, writer.size())
                } else {
                    Ok(())
                };
                let done = completed.and_then(|()| signer.publish_gathered(&mut **writer, published, edge));
                self.announce_published();
                let _ = reply.send(done);
            }
            Job::Contradicted { contradiction, reply } => {
                let _ = reply.send(signer.assess(&mut **writer, contradiction));
            }
            Job::Claimed { claims, reply } => {
                signer.stop_on_claims(&mut **writer, claims);
                let _ = reply.send(());
            }
            Job::Resumed => self.tick_or_warn(),
            Job::Follow { done } => self.follow(done),
            Job::Close { reply } => {
                self.close_own_chains();
                self.tick_or_warn();
                let _ = reply.send(Ok(Durable::default()));
                return true;
            }
            Job::Submit { reply, .. } | Job::Record { reply, .. } => {
                let message = "a root log has no entries but its directories";
                let _ = reply.send(Err(SubmitError::Unavailable(message.into())));
            }
            Job::FinishErasure { reply, .. } => _ = reply.send(Err(no_events())),
            Job::Erase { reply, .. } => _ = reply.send(Err(no_events())),
        }
        false
    }

    fn work_on_log(&mut self, number: TenantNumber, rules: &Arc<Rules>, job: Job) {
        let Some(job) = self.refuse_on_standby(job) else { return };
        match job {
            Job::Submit { submission, reply } => match self.signer.check_clock(&self.edge) {
                Ok(()) => self.submit(number, rules, &submission, Sender::Emitter, reply),
                Err(error) => _ = reply.send(Err(error)),
            },
            Job::Record { event, reply } => match self.signer.check_clock(&self.edge) {
                Ok(()) => self.record(number, rules, &event, reply),
                Err(error) => _ = reply.send(Err(error)),
            },
            // Erasing signs nothing, so it is also allowed in a log that is stopped or has ended.
            Job::Erase { leaves, reply } => _ = reply.send(self.writer.erase(number, &leaves)),
            Job::FinishErasure { record, reply } => {
                let done = self.writer.finish_erasure(number, record, self.signer.timekeeper.now());
                let _ = reply.send(done);
            }
            Job::Close { reply } => _ = reply.send(Ok(Durable::default())),
            Job::Follow { done } => self.follow(done),
            // These are for the root log.
            Job::Publish { .. } | Job::Contradicted { .. } | Job::Claimed { .. } | Job::Resumed => {}
        }
    }

    /// Answers once this server has the entries that other servers accepted. Only a tick shows that no other server has
    /// more.
    fn follow(&mut self, done: oneshot::Sender<bool>) {
        if self.writer.signs_before_commit() {
            let _ = done.send(true);
        } else {
            self.following.push(done);
        }
    }

    /// Answers a job that another server of the log has to do. Returns all other jobs.
    fn refuse_on_standby(&self, job: Job) -> Option<Job> {
        let Err(error) = self.writer.check_active() else { return Some(job) };
        match job {
            Job::Submit { reply, .. } | Job::Record { reply, .. } => _ = reply.send(Err(error.into())),
            Job::Erase { reply, .. } => _ = reply.send(Err(error)),
            Job::FinishErasure { reply, .. } => _ = reply.send(Err(error)),
            job => return Some(job),
        }
        None
    }

    /// Records an event on the log server's chain in a tenant log. The answer waits for the next tick.
    fn record(&mut self, number: TenantNumber, rules: &Arc<Rules>, event: &str, reply: Reply) {
        let (key, now) = (&self.signer.key, self.signer.timekeeper.now());
        match self.own.record(number, rules, event, key, now, &mut self.random) {
            Ok(links) => self.submit(number, rules, &links, Sender::Server, reply),
            Err(error) => _ = reply.send(Err(error)),
        }
        if let Some(closed) = self.own.close_excess(&self.signer.key, now) {
            self.submit_closed(closed);
        }
    }

    /// Closes the log server's chains in all tenant logs.
    fn close_own_chains(&mut self) {
        if self.signer.check_clock(&self.edge).is_err() {
            return;
        }
        for closed in self.own.close_all(&self.signer.key, self.signer.timekeeper.now()) {
            self.submit_closed(closed);
        }
    }

    /// Submits the end of a chain. If it is not accepted, the chain stays open, which readers can see.
    fn submit_closed(&mut self, closed: OwnSubmission) {
        let OwnSubmission { number, rules, links } = closed;
        let (reply, _) = oneshot::channel();
        self.submit(number, &rules, &links, Sender::Server, reply);
    }

    /// Answers a submission that can't be judged with an error.
    fn refuse(&mut self, number: TenantNumber, sender: Sender, reply: Reply, error: SubmitError) {
        if sender == Sender::Server {
            self.own.abandon(number);
        }
        let _ = reply.send(Err(error));
    }

    /// Judges a submission. If it is accepted, the answer waits for the next tick.
    fn submit(
        &mut self,
        number: TenantNumber,
        rules: &Rules,
        submission: &Submission,
        sender: Sender,
        reply: Reply,
    ) {
        let head = match self.head(number, rules.origin()) {
            Ok(head) => head,
            Err(error) => return self.refuse(number, sender, reply, error),
        };
        // The log server has few links at a time, which need no room.
        if sender == Sender::Emitter && !self.room.fits(submission) {
            let _ = reply.send(Err(SubmitError::NoRoom));
            return;
        }
        if head.state != State::Live {
            let answer = self.answer_after_end(&head, rules, submission);
            if sender == Sender::Server {
                self.own.abandon(number);
            }
            let _ = reply.send(answer);
            return;
        }
        let now = self.signer.timekeeper.now();
        let mut with_notes = match self.notes_before(number, &head, submission, rules) {
            Ok(with_notes) => with_notes,
            Err(error) => return self.refuse(number, sender, reply, error.into()),
        };
        let waiting = self.waiting.entry(number).or_insert_with(|| WaitingLog::new(&head));
        let before = waiting.growth.leaves().len();
        let state = self.writer.state(number);
        let growth = with_notes.as_mut().unwrap_or(&mut waiting.growth);
        let key = self.signer.key.verifier_key();
        let result = match sender {
            Sender::Server => growth.submit(rules, &*state, submission, now),
            Sender::Emitter => judge(growth, rules, &*state, submission, key, now),
        };
        drop(state);
        // A refused submission leaves no notes behind.
        if let Some(growth) = with_notes.filter(|_| result.is_ok()) {
            waiting.growth = growth;
        }
        if sender == Sender::Server {
            waiting.has_own |= result.is_ok();
            if result.is_err() {
                self.own.abandon(number);
            }
        }
        let entries = waiting.growth.leaves().len();
        // Another server may have what a refused submission lacks. A tick shows that no other server has more.
        let is_shared = !self.writer.signs_before_commit();
        // A stranger must not learn by a wait that a log has entries for the next tick.
        let depends_on_tick = entries > 0 && !is_gap(&result, false);
        if depends_on_tick || result.is_err() && is_shared {
            self.room.take(submission, entries - before);
            waiting.judged.push(Judged { reply, result });
        } else {
            // The answer depends on nothing that a failed tick could undo.
            let _ = reply.send(self.answer(number, result));
        }
    }

    /// Answers a submission to a log that ended. It accepts only what it contains already.
    fn answer_after_end(
        &mut self,
        head: &SlotHead,
        rules: &Rules,
        submission: &Submission,
    ) -> Result<Durable, SubmitError> {
        // The entries of a stopped log are not those of its head, which would prove nothing about them.
        if self.guard.check(head.number).is_ok() {
            let mut growth = PendingBatch::new(head.size);
            let now = self.signer.timekeeper.now();
            let result = growth.submit(rules, &*self.writer.state(head.number), submission, now);
            // An ended log doesn't ask for missing links.
            if growth.leaves().is_empty() && !is_gap(&result, true) {
                return self.answer(head.number, result);
            }
        }
        Err(SubmitError::Ended { moved_to: self.writer.moved_to(head.number)? })
    }

    /// Returns the answer to a submission that depends on durable entries only. If it is a fork, its evidence is kept.
    fn answer(
        &mut self,
        number: TenantNumber,
        result: Result<SubmissionOutcome, AcceptanceError<StoreError>>,
    ) -> Result<Durable, SubmitError> {
        let now = self.signer.timekeeper.now();
        let keep = |evidence: &Evidence| self.writer.keep_evidence(number, evidence, now);
        result.map(|taken| Durable { taken, ..Durable::default() }).map_err(|error| rejection(error, keep))
    }

    /// Returns the head of a tenant log as of the last tick. Fails if it has none, or if the log is stopped and hasn't
    /// ended.
    fn head(&self, number: TenantNumber, origin: &str) -> Result<SlotHead, SubmitError> {
        let head = TenantOrigin::parse(origin).and_then(|origin| self.heads.find(&origin.id()));
        let Some(head) = head.filter(|head| head.number == number) else {
            let message = "the log server doesn't have this tenant log";
            return Err(SubmitError::Unavailable(message.into()));
        };
        if head.state == State::Live {
            self.guard.check(number)?;
        }
        Ok(*head)
    }

    /// Fails the submissions that wait for a tick. Waiting entries that are only key notes stay.
    fn fail_judged(&mut self, waiting: &mut BTreeMap<TenantNumber, WaitingLog>, error: &SubmitError) {
        let has_links = |_: &TenantNumber, log: &mut WaitingLog| log.has_own || !log.judged.is_empty();
        for (number, log) in waiting.extract_if(.., has_links) {
            if log.has_own {
                self.own.abandon(number);
            }
            for judged in log.judged {
                let _ = judged.reply.send(Err(error.repeated()));
            }
        }
    }

    fn tick_or_warn(&mut self) {
        let was_active = self.writer.check_active().is_ok();
        if let Err(error) = self.tick()
            && !matches!(error, StoreError::Stopped(_))
            && (was_active || self.writer.check_active().is_ok())
        {
            self.signer.metrics.failed("ticks", "log.tick", &error.failure());
        }
    }

    /// Makes a tick, and answers the waiting submissions, with an error if it fails.
    ///
    /// # Errors
    /// [`StoreError`]. Nothing is shown then, but the entries are durable if only memory failed.
    fn tick(&mut self) -> Result<(), StoreError> {
        self.delete_anchors();
        let mut waiting = std::mem::take(&mut self.waiting);
        self.room.clear();
        let stopwatch = Stopwatch::start();
        if let Err(error) = self.place_notes(&mut waiting) {
            tracing::warn!(%error, "key notes for all tenant logs can't be placed");
        }
        let committed = self.commit(&mut waiting);
        if matches!(committed, Ok(None)) {
            for done in self.following.drain(..) {
                let _ = done.send(false);
            }
            return Ok(());
        }
        for done in self.following.drain(..) {
            let _ = done.send(committed.is_ok());
        }
        match committed {
            Ok(None) => Ok(()),
            Ok(Some((checkpoint, directory))) => {
                let Self { root_notes, writer, .. } = self;
                let has_grown = |number: TenantNumber| waiting.contains_key(&number);
                root_notes.ticked(&has_grown, &mut |hash| writer.mark_placed(hash), directory.tick());
                let mut answers: Vec<Answer> = Vec::new();
                for (number, log) in waiting {
                    for Judged { reply, result } in log.judged {
                        answers.push((reply, self.answer(number, result)));
                    }
                }
                self.announce_and_answer(checkpoint, directory, answers);
                self.signer.metrics.commit_took(&stopwatch);
                self.prepare();
                Ok(())
            }
            Err(error) => {
                if !matches!(error, StoreError::Stopped(_)) {
                    self.signer.metrics.tick_failed(error.part());
                }
                for (number, log) in waiting {
                    self.fail(number, log, &error);
                }
                if self.writer.check_active().is_err() {
                    self.signer.timekeeper.was_on_standby();
                    self.root_notes.fail(&error);
                    // Only the other server can prove the newest heads.
                    self.ticks.send_replace(None);
                    self.unpublished.clear();
                }
                Err(error)
            }
        }
    }

    /// Takes over the state that other servers' ticks left.
    fn reload(&mut self) -> Result<(), StoreError> {
        self.signer.timekeeper.was_on_standby();
        let (heads, depth) = (self.newest_heads()?, self.writer.depth()?);
        let shards = HeadShards::from_heads(depth, &heads)?;
        let ticks = self.edge.end();
        let last = time_of_last_tick(&*self.signer.reader, ticks)?;
        let latest = self.writer.latest_link()?.max(last);
        let is_new = |head: &&SlotHead| self.heads.find(&head.id) != Some(*head);
        let new: Vec<SlotHead> = heads.iter().filter(is_new).copied().collect();
        for head in &new {
            self.guard.check_size(head, self.writer.size_of(head.number)?, self.signer.timekeeper.now());
        }
        self.guard.committed(ticks.saturating_sub(1), &new);
        self.guard.stops().count_heads(heads.iter());
        if let Some(last) = last {
            self.signer.timekeeper.ticked(last);
        }
        self.keeper = HeadKeeper::new(&self.writer.unkept()?);
        self.signer.unattested.restart(Box::new(TimesAtStart(latest)));
        self.known = heads.iter().map(|head| head.number.get()).max().unwrap_or(0);
        (self.heads, self.last, self.prepared) = (shards, last, None);
        self.unpublished.clear();
        self.root_notes.fail(&overtaken());
        self.root_notes = RootNotes::new(self.writer.root_notes()?);
        self.root_entries.check_again();
        Ok(())
    }

    /// Returns the last heads that any server showed. A head that this server's database lacks counts until a tick of
    /// another server has a newer one.
    fn newest_heads(&mut self) -> Result<Vec<SlotHead>, StoreError> {
        let mut heads = self.writer.heads()?;
        let stored: BTreeMap<TenantNumber, usize> =
            heads.iter().enumerate().map(|(place, head)| (head.number, place)).collect();
        self.unstored
            .retain(|shown| stored.get(&shown.head.number).map(|place| heads[*place]) == shown.stored);
        for ShownHead { head, .. } in &self.unstored {
            match stored.get(&head.number) {
                Some(place) => heads[*place] = *head,
                None => heads.push(*head),
            }
        }
        Ok(heads)
    }

    /// Fails the waiting submissions to a tenant log. If the log server's own chain is among them, it is abandoned.
    fn fail(&mut self, number: TenantNumber, log: WaitingLog, error: &StoreError) {
        if log.has_own {
            self.own.abandon(number);
        }
        log.fail(error);
    }

    /// Makes the waiting entries and the tick durable, and publishes the root log's checkpoint or sends it to witnesses.
    /// Returns `None` if there is no tick, because the clock disagrees with the witnesses'.
    fn commit(
        &mut self,
        waiting: &mut BTreeMap<TenantNumber, WaitingLog>,
    ) -> Result<Option<(CommittedCheckpoint, Arc<TickDirectory>)>, StoreError> {
        self.writer.begin_tick()?;
        self.is_outdated |= self.edge.end() != self.writer.size();
        self.signer.refresh(&mut *self.writer, &mut self.edge)?;
        if self.is_outdated {
            self.reload()?;
            self.is_outdated = false;
            // They were judged without the other server's entries.
            for (number, log) in std::mem::take(waiting) {
                self.fail(number, log, &overtaken());
            }
        }
        let is_datable = match self.signer.check_clock(&self.edge) {
            Ok(()) => true,
            Err(error) => {
                self.fail_judged(waiting, &error);
                let is_readable = self.ticks.borrow().is_some() || !self.unpublished.is_empty();
                if is_readable && matches!(error, SubmitError::Clock { .. }) {
                    return Ok(None);
                }
                false
            }
        };
        self.guard.remember()?;
        let time = self.next_time()?;
        let mut heads = self.new_heads()?;
        // The clock can't date their events.
        let endings = if is_datable { self.add_requested(&heads, waiting)? } else { LogEndings::default() };
        let mut grown = self.grow_all(&heads, waiting);
        for log in &mut grown {
            log.head = endings.apply(log.head);
        }
        heads.extend(self.unstored.iter().filter(|shown| shown.is_due).map(|shown| shown.head));
        heads.extend(grown.iter().map(|log| log.head));
        heads.extend(&endings.stopped);
        for head in &endings.stopped {
            let stored = self.writer.size_of(head.number)?;
            let root = self.writer.edge_of(head.number, stored).ok().and_then(|edge| edge.root());
            let root = root.unwrap_or_else(|| if stored == 0 { empty_root() } else { Hash([0; 32]) });
            self.guard.accept_loss(head, stored, root)?;
        }
        let directory = Arc::new(self.directory(&heads, self.edge.end(), time)?);
        let entry = directory.entry().to_string();
        let mut tree = PendingTree::new(&self.edge);
        tree.extend(&[leaf_hash(entry.as_bytes())]);
        self.root_entries.keep(&*self.signer.reader, directory.tick(), entry.as_bytes())?;
        self.root_entries.keep_anchor(&directory)?;
        let signed = if self.writer.signs_before_commit() { Some(self.signer.sign(&tree)?) } else { None };
        let publish = signed.as_ref().and_then(NewCheckpoint::to_publish);
        let logs: Vec<TenantGrowth<'_>> = grown
            .iter()
            .filter_map(|Grown { head, tree, erasures }| {
                let growth = &waiting.get(&head.number)?.growth;
                Some(TenantGrowth { number: head.number, growth, tree, erasures })
            })
            .collect();
        if publish.is_some() || signed.is_none() && !has_witnesses(self.signer.rules().trust()) {
            let at = publish.map_or_else(|| self.signer.timekeeper.now(), |published| published.at);
            self.keeper.keep_before(at, &self.heads, &mut *self.writer);
        }
        let committed = self.writer.commit_tick(&TickBatch {
            entry: entry.as_bytes(),
            root_tree: &tree,
            depth: directory.depth(),
            logs: &logs,
            heads: &heads,
            anchor: is_anchor(directory.tick()).then_some(&*directory),
            publish,
            signed_size: self.signer.remembered_size(),
        });
        committed.map_err(|error| match error {
            CommitError::Overtaken => overtaken(),
            CommitError::Failed(error) => error,
        })?;
        let edge_before = std::mem::replace(&mut self.edge, tree.edge());
        self.last = Some(time);
        self.signer.timekeeper.ticked(time);
        let heads_before = std::mem::replace(&mut self.heads, directory.heads().clone());
        self.known = heads.iter().map(|head| head.number.get()).fold(self.known, u32::max);
        for head in &heads {
            self.guard.stops().head_changed(heads_before.find(&head.id), head);
        }
        self.keeper.grew(logs.iter().map(|log| log.number));
        if let Some(published) = publish {
            self.keeper.published(published, directory.clone());
        }
        // A cosignature that puts the head into the future isn't accepted, as with links.
        let latest = logs.iter().filter_map(|log| log.growth.latest()).max().max(Some(time));
        self.signer.unattested.grew(tree.base()..tree.size(), || latest);
        let added = logs.iter().map(|log| log.growth.leaves().len() as u64).sum();
        let submissions = waiting.values().map(WaitingLog::accepted).sum();
        self.signer.metrics.ticked(submissions, added, tree.size());
        let written: BTreeSet<TenantNumber> = heads.iter().map(|head| head.number).collect();
        self.unstored.retain(|shown| !written.contains(&shown.head.number));
        self.guard.committed(directory.tick(), &heads);
        self.guard.remember()?;
        self.guard.ended(&endings.stopped);
        // Growth witnesses check the tick before they cosign it.
        self.growth.add(&heads_before, &edge_before, &directory);
        let checkpoint = self.signer.publish_committed(&mut *self.writer, &tree, signed)?;
        Ok(Some((checkpoint, directory)))
    }

    /// Returns the time of the next tick: whole seconds, so that it doesn't reveal how long the last one took.
    fn next_time(&self) -> Result<Time, StoreError> {
        let clock = self.signer.timekeeper.compare(self.signer.rules().trust());
        let now = clock.now.millis();
        let earliest = self.last.map(|last| last.millis() + MIN_INTERVAL_MS);
        let time = match earliest {
            // The first tick after a start must not repeat the clock's error.
            Some(earliest) if clock.state().is_outside() => earliest,
            _ => (now - now.rem_euclid(MIN_INTERVAL_MS)).max(earliest.unwrap_or(i64::MIN)),
        };
        let exhausted = || StoreError::Damaged("the last tick is dated at the end of the year 9999".into());
        Time::from_millis(time).ok_or_else(exhausted)
    }

    /// Returns the first heads of the tenants that were created since the last tick. Increases the directory's depth if
    /// that makes it crowded.
    fn new_heads(&mut self) -> Result<Vec<SlotHead>, StoreError> {
        let tenants = self.writer.tenants(self.known)?;
        // A log whose request waits for a later tick has its first tick then: it must begin with what the request says.
        let requests = self.writer.requests()?;
        let last = requests.last().filter(|_| requests.len() as u64 >= MAX_REQUESTS);
        let last = last
            .map(|request| request.as_ref().map_or_else(|damaged| damaged.number, |request| request.number));
        let tenants = tenants.iter().filter(|tenant| last.is_none_or(|last| tenant.number <= last));
        let new = tenants.map(|tenant| SlotHead {
            id: tenant.id,
            number: tenant.number,
            size: 0,
            root: empty_root(),
            state: tenant.state,
        });
        let new: Vec<SlotHead> = new.collect();
        if !new.is_empty() {
            let depth = required_depth((self.heads.len() + new.len()) as u64, self.heads.depth());
            let deepened = self.heads.deepened_for(&new, depth)?;
            if deepened.depth() > self.heads.depth() {
                (self.heads, self.prepared) = (deepened, None);
            }
        }
        Ok(new)
    }

    /// Returns the head of a tenant log as of the last tick. A log whose first tick comes next has one of the heads in
    /// `new`.
    fn head_before<'h>(&'h self, id: &TenantId, new: &'h [SlotHead]) -> Option<&'h SlotHead> {
        self.heads.find(id).or_else(|| new.iter().find(|head| head.id == *id))
    }

    /// Adds the waiting entries of all tenant logs to their trees. If a log can't grow, its submissions fail. `new` are the
    /// heads of logs whose first tick this is.
    fn grow_all(&mut self, new: &[SlotHead], waiting: &mut BTreeMap<TenantNumber, WaitingLog>) -> Vec<Grown> {
        let (mut grown, mut failed) = (Vec::new(), Vec::new());
        for (number, log) in waiting.iter().filter(|(_, log)| !log.growth.leaves().is_empty()) {
            match self.grow(*number, log, new) {
                Ok(log) => grown.push(log),
                Err(error) => failed.push((*number, error)),
            }
        }
        for (number, error) in failed {
            tracing::error!(%error, %number, "a tenant log can't grow");
            if let Some(log) = waiting.remove(&number) {
                self.fail(number, log, &error);
            }
        }
        grown
    }

    /// Adds a tenant log's waiting entries to its tree.
    fn grow(&self, number: TenantNumber, log: &WaitingLog, new: &[SlotHead]) -> Result<Grown, StoreError> {
        self.guard.check(number)?;
        let (growth, now) = (&log.growth, self.signer.timekeeper.now());
        // A tick's time is rounded down, so an accepted link can be too early for it.
        if growth.latest().is_some_and(|latest| tolerance::early(latest, now).is_some()) {
            return Err(StoreError::clock("making a tick", "the clock was set back"));
        }
        check_size(growth.size())?;
        let before = self.head_before(&log.id, new).filter(|head| head.size == growth.base());
        let Some(before) = before else {
            return Err(StoreError::Damaged("the entries of a tenant log differ from its last head".into()));
        };
        let size = self.writer.size_of(number)?;
        if size != before.size {
            return Err(self.guard.stop(before, size, before.root, now));
        }
        let edge = self.writer.edge_of(number, size)?;
        let root = edge.root().unwrap_or_else(empty_root);
        if root != before.root {
            return Err(self.guard.stop(before, size, root, now));
        }
        let mut tree = PendingTree::new(&edge);
        tree.extend(&growth.leaves().iter().map(|leaf| leaf.hash).collect::<Vec<_>>());
        let head = SlotHead { size: tree.size(), root: tree.root(), ..*before };
        let erasures = record::recorded(growth, self.signer.key.verifier_key());
        Ok(Grown { head, tree, erasures })
    }

    /// Returns the directory of a tick in which these heads changed.
    fn directory(
        &mut self,
        changed: &[SlotHead],
        tick: u64,
        time: Time,
    ) -> Result<TickDirectory, StoreError> {
        let prepared = match self.prepared.take() {
            Some(prepared) => prepared,
            None => self.next_directory()?,
        };
        Ok(prepared.with_changes(changed)?.finish(tick, time))
    }

    fn next_directory(&mut self) -> Result<PreparedDirectory, StoreError> {
        let secret = TickSecret::draw(&mut self.random)
            .map_err(|error| StoreError::unavailable("making a tick", error))?;
        let origin = self.signer.key.verifier_key().name();
        Ok(PreparedDirectory::new(secret, origin, self.heads.clone())?)
    }

    /// Prepares the next tick's directory, while submissions arrive.
    fn prepare(&mut self) {
        self.prepared = self
            .next_directory()
            .inspect_err(|error| tracing::warn!(%error, "the next directory can't be prepared"))
            .ok();
    }

    /// Announces the tick once its checkpoint is remembered, and answers the submissions that it contains. If witnesses
    /// see the checkpoint first, its directory is kept until it is published.
    fn announce_and_answer(
        &mut self,
        checkpoint: CommittedCheckpoint,
        directory: Arc<TickDirectory>,
        answers: Vec<Answer>,
    ) {
        let Some(published) = checkpoint.unseen else {
            self.unpublished.insert(directory.tick(), directory);
            while self.unpublished.len() > MAX_UNPUBLISHED {
                self.unpublished.pop_first();
            }
            self.announce_published();
            return send_answers(answers);
        };
        let (ticks, checkpoint) = (self.ticks.clone(), published.clone());
        let then = move |remembered: Result<(), StoreError>| match remembered {
            Ok(()) => {
                announce(&ticks, checkpoint, directory);
                send_answers(answers);
            }
            Err(error) => send_error(answers, error),
        };
        self.signer.announce_when_remembered(published, then);
    }

    /// Deletes the anchors that no head requires anymore, once an hour.
    fn delete_anchors(&mut self) {
        let Some(newest) = self.ticks.borrow().as_ref().map(|tick| tick.directory.tick()) else { return };
        let (end, required) = required_before(newest);
        if required_before(self.anchors_deleted_at).1 == required {
            return;
        }
        match self.writer.delete_anchors(end, &required) {
            Ok(()) => self.anchors_deleted_at = newest,
            Err(error) => tracing::warn!(%error, "anchors that are no longer required can't be deleted"),
        }
    }

    /// Announces the tick of the newest published checkpoint.
    fn announce_published(&mut self) {
        if self.writer.check_active().is_err() {
            return;
        }
        let Some(checkpoint) = self.signer.published.borrow().clone() else { return };
        let Some(tick) = checkpoint.size.checked_sub(1) else { return };
        let announced = self.ticks.borrow().clone().filter(|newest| newest.directory.tick() == tick);
        let directory = match announced {
            Some(newest) if Arc::ptr_eq(&newest.checkpoint, &checkpoint) => return,
            Some(newest) => newest.directory.clone(),
            None => match self.unpublished.remove(&tick) {
                Some(directory) => directory,
                None => return,
            },
        };
        self.unpublished = self.unpublished.split_off(&tick);
        self.keeper.published(&checkpoint, directory.clone());
        announce(&self.ticks, checkpoint, directory);
    }
}

fn announce(
    ticks: &watch::Sender<Option<Arc<PublishedTick>>>,
    checkpoint: Arc<Published>,
    directory: Arc<TickDirectory>,
) {
    ticks.send_replace(Some(Arc::new(PublishedTick::new(checkpoint, directory))));
}

/// A tenant log with its waiting entries.
struct Grown {
    head: SlotHead,
    tree: PendingTree,
    erasures: Vec<u64>,
}

impl WaitingLog {
    /// Creates the waiting entries of a log with this head.
    fn new(head: &SlotHead) -> Self {
        Self { id: head.id, growth: PendingBatch::new(head.size), ..Self::default() }
    }

    fn accepted(&self) -> usize {
        self.judged.iter().filter(|judged| judged.result.is_ok()).count()
    }

    /// Answers all submissions with this error.
    fn fail(self, error: &StoreError) {
        let error = match error {
            StoreError::Stopped(stop) => SubmitError::Stopped(stop.clone()),
            error => SubmitError::Unavailable(error.failure()),
        };
        for judged in self.judged {
            let _ = judged.reply.send(Err(error.repeated()));
        }
    }
}

/// Judges a submission of an emitter against a tenant log with its waiting entries, and adds it to them if it is accepted.
fn judge(
    growth: &mut PendingBatch,
    rules: &Rules,
    state: &dyn Storage<Error = StoreError>,
    submission: &Submission,
    key: &VerifierKey,
    now: Time,
) -> Result<SubmissionOutcome, AcceptanceError<StoreError>> {
    let is_erasure = |entry: &Entry| entry.leaf.event().is_some_and(|event| record::is_erasure(&event.text));
    if !submission.entries().iter().any(is_erasure) {
        return growth.submit(rules, state, submission, now);
    }
    // The chain's key is known only afterward.
    let mut tried = growth.clone();
    let outcome = tried.submit(rules, state, submission, now)?;
    if record::records_erasure(submission, &tried, key) {
        return Err(AcceptanceError::Refused(record::refusal()));
    }
    *growth = tried;
    Ok(outcome)
}

/// True if links before the first one are missing, and if a key signed the submission (`is_signed`) or none is known to
/// have signed it.
fn is_gap(result: &Result<SubmissionOutcome, AcceptanceError<StoreError>>, is_signed: bool) -> bool {
    let Err(AcceptanceError::Refused(refusal)) = result else { return false };
    matches!(refusal.kind, RefusalKind::Gap { .. }) && refusal.is_signed == is_signed
}

fn overtaken() -> StoreError {
    StoreError::unavailable("making a tick", "another server of this log made it")
}

fn no_events() -> StoreError {
    StoreError::unavailable("erasing", "a root log has no events")
}
