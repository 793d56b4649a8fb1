//! Key notes for all tenant logs at once (SPEC section 16.11).
//!
//! Such a note has the root log's origin and one statement. The store keeps it, and the sequencer makes it an entry of the
//! tenant logs that need it:
//!
//! - A grant, before the first link of each new chain of its key.
//! - A revocation, in every tenant log where its key has a chain or a grant. A *pass* goes through these logs, a limited
//!   number at each tick, and again until it finds none that lacks the note. A pass begins after one more tick, which
//!   contains the chains that were accepted before the revocation was stored. From then on, no log gets a chain or a grant
//!   of the key without the revocation before it.
//!
//! If several servers share the store, step 1 is a part of the next tick, and a grant is answered after that tick.
//!
//! | step | durable after it | a restart after a crash there |
//! | --- | --- | --- |
//! | 1. store the note | the note | a revocation's pass begins again; logs that have the note are passed over |
//! | 2. ticks, with the note in more logs | these entries | as after 1 |
//! | 3. mark the note as placed | that no pass is needed | – |
//! | 4. answer | – | the issuer sends it again, and is answered at once |

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::link::Link;
use countersign::log::{AcceptanceError, Body, PendingBatch, Rules, Storage, Submission};
use countersign::merkle::leaf_hash;
use countersign::note::VerifierKey;
use countersign::{Code, Error};
use tokio::sync::oneshot;

use super::store::TenantWriter;
use super::tenant::{TenantId, TenantNumber};
use crate::store::StoreError;
use crate::submission::SubmitError;

/// The maximum number of notes for all tenant logs.
pub const MAX_ROOT_NOTES: usize = 65_536;
/// The maximum number of grants among them. The rest of the room is for revocations alone.
const MAX_ROOT_GRANTS: usize = MAX_ROOT_NOTES / 2;
/// The maximum number of tenant logs that get a note at a tick.
const MAX_PLACED_PER_TICK: usize = 1024;
/// The maximum number of tenant logs that are examined at a tick.
const MAX_EXAMINED_PER_TICK: usize = 16_384;
/// The number of tenant logs that are read at a time.
const PAGE: u64 = 256;

/// A key note for all tenant logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootNote {
    /// The leaf hash.
    pub hash: Hash,
    /// The note as it was received.
    pub text: String,
    /// The parsed note, which has one statement.
    pub note: KeyNote,
}

impl RootNote {
    /// Parses a key note. Verifies no signature.
    ///
    /// # Errors
    /// If it is not a key note with exactly one statement.
    pub fn parse(text: String) -> Result<Self, Error> {
        let note = KeyNote::parse(&text)?;
        if note.statements.len() != 1 {
            let why = "a key note for all tenant logs has exactly one statement";
            return Err(Error::new(Code::Note, why));
        }
        Ok(Self { hash: leaf_hash(text.as_bytes()), text, note })
    }

    /// Returns the statement.
    pub fn statement(&self) -> &Statement {
        &self.note.statements[0]
    }

    /// Returns the key that the statement is about.
    pub fn key(&self) -> &VerifierKey {
        self.statement().key()
    }

    /// True for a grant, false for a revocation.
    pub fn is_grant(&self) -> bool {
        matches!(self.statement(), Statement::Grant { .. })
    }
}

/// A stored note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRootNote {
    /// The note.
    pub note: RootNote,
    /// True if no pass is needed.
    pub is_placed: bool,
}

/// Receives the tick from which on all tenant logs that need the note have it, except for those that are stopped.
pub type PlacedReply = oneshot::Sender<Result<u64, SubmitError>>;

/// The notes for all tenant logs, and the passes under way.
#[derive(Default)]
pub(super) struct RootNotes {
    /// In the order in which they were stored.
    notes: Vec<Arc<RootNote>>,
    places: HashMap<Hash, usize>,
    by_key: HashMap<VerifierKey, Vec<usize>>,
    /// The number of grants among the notes.
    grants: usize,
    passes: Vec<Pass>,
    /// Those who wait for the tick that stores their grants, if several servers share the store.
    unstored: Vec<UnstoredGrant>,
}

/// A grant that the next tick stores.
struct UnstoredGrant {
    hash: Hash,
    reply: PlacedReply,
}

/// The placing of a revocation in all tenant logs that need it.
struct Pass {
    note: Arc<RootNote>,
    /// The size that the root log must exceed before the pass begins.
    begins_above: u64,
    /// The number of the last tenant whose log was examined, as of the last committed tick.
    after: u32,
    /// The place of the pass once the next tick is committed.
    next: PassPlace,
    /// True if a log got the note since the pass began.
    has_placed: bool,
    /// The logs that get the note at the next tick.
    placing: Vec<TenantNumber>,
    /// The logs that could not grow when they should have got the note. They are skipped until the note is sent again.
    failed: BTreeSet<TenantNumber>,
    /// True if a log can't get the note because it is stopped.
    has_skipped: bool,
    /// True if the pass has ended, but logs were skipped.
    is_idle: bool,
    replies: Vec<PlacedReply>,
}

#[derive(Clone, Copy)]
enum PassPlace {
    After(u32),
    End,
}

impl Pass {
    fn new(note: Arc<RootNote>, begins_above: u64) -> Self {
        Self {
            note,
            begins_above,
            after: 0,
            next: PassPlace::After(0),
            has_placed: false,
            placing: Vec::new(),
            failed: BTreeSet::new(),
            has_skipped: false,
            is_idle: false,
            replies: Vec::new(),
        }
    }

    fn begin_again(&mut self) {
        (self.after, self.next) = (0, PassPlace::After(0));
        (self.has_placed, self.has_skipped, self.is_idle) = (false, false, false);
    }
}

/// A tenant log in which a pass places a note.
pub(super) struct Candidate<'c> {
    pub(super) number: TenantNumber,
    pub(super) id: TenantId,
    pub(super) note: &'c RootNote,
}

/// Returns tenants whose logs have a key, as [`TenantWriter::tenants_with_key`] does.
type TenantsWithKey<'f> =
    dyn Fn(&VerifierKey, u32, u64) -> Result<Vec<(TenantNumber, TenantId)>, StoreError> + 'f;

/// The result of placing a note in one tenant log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Placing {
    /// The log gets it at the next tick.
    Placed,
    /// The log has it, or it has ended.
    Unneeded,
    /// The log is stopped.
    Skipped,
}

impl RootNotes {
    /// Creates the notes from those in the store.
    pub(super) fn new(stored: Vec<StoredRootNote>) -> Self {
        let mut notes = Self::default();
        for StoredRootNote { note, is_placed } in stored {
            let note = notes.insert(note);
            if !is_placed {
                // The tick at the start contains nothing that was judged before.
                notes.passes.push(Pass::new(note, 0));
            }
        }
        notes
    }

    fn insert(&mut self, note: RootNote) -> Arc<RootNote> {
        let (note, place) = (Arc::new(note), self.notes.len());
        self.places.insert(note.hash, place);
        self.by_key.entry(note.key().clone()).or_default().push(place);
        self.grants += usize::from(note.is_grant());
        self.notes.push(note.clone());
        note
    }

    /// Stores a note that takes effect. `reply` is answered once all tenant logs that need the note have it. `size` is
    /// that of the root log.
    pub(super) fn add(
        &mut self,
        note: RootNote,
        rules: &Rules,
        writer: &mut dyn TenantWriter,
        size: u64,
        reply: PlacedReply,
    ) {
        let last = size.saturating_sub(1);
        if self.places.contains_key(&note.hash) {
            match self.passes.iter_mut().find(|pass| pass.note.hash == note.hash) {
                Some(pass) => {
                    if pass.is_idle {
                        pass.failed.clear();
                        pass.begin_again();
                    }
                    pass.replies.push(reply);
                }
                None if self.unstored.iter().any(|grant| grant.hash == note.hash) => {
                    self.unstored.push(UnstoredGrant { hash: note.hash, reply });
                }
                None => _ = reply.send(Ok(last)),
            }
            return;
        }
        let stored = rules.check_note(&note.note).map_err(SubmitError::Refused).and_then(|()| {
            check_room(note.is_grant(), self.grants, self.notes.len())?;
            Ok(writer.add_root_note(&note)?)
        });
        if let Err(error) = stored {
            let _ = reply.send(Err(error));
            return;
        }
        let note = self.insert(note);
        if note.is_grant() && writer.signs_before_commit() {
            let _ = reply.send(Ok(last));
        } else if note.is_grant() {
            // Another server may make the tick.
            self.unstored.push(UnstoredGrant { hash: note.hash, reply });
        } else {
            self.passes.push(Pass { replies: vec![reply], ..Pass::new(note, size) });
        }
    }

    /// Answers all who wait with an error.
    pub(super) fn fail(&mut self, error: &StoreError) {
        let grants = self.unstored.drain(..).map(|grant| grant.reply);
        for reply in grants.chain(self.passes.iter_mut().flat_map(|pass| pass.replies.drain(..))) {
            let _ = reply.send(Err(SubmitError::Unavailable(error.failure())));
        }
    }

    /// Returns the notes about keys for which a submission opens chains or makes statements, in the order in which they
    /// were stored, as far as they take effect.
    fn wanted<S: Storage + ?Sized>(
        &self,
        submission: &Submission,
        rules: &Rules,
        state: &S,
    ) -> Result<Vec<&RootNote>, S::Error> {
        let mut places = BTreeSet::new();
        for entry in submission.entries() {
            let keys: Vec<&VerifierKey> = match &entry.leaf.body {
                Body::Link { link: Link::Open(open), .. } => vec![&open.key],
                Body::Link { .. } => continue,
                Body::Note(note) => note.statements.iter().map(Statement::key).collect(),
            };
            let known: Vec<usize> =
                keys.iter().filter_map(|key| self.by_key.get(*key)).flatten().copied().collect();
            if known.is_empty() {
                continue;
            }
            // A repeated chain needs nothing, nor does an entry that will be refused: nobody else may cause this work.
            let is_needed = match &entry.leaf.body {
                Body::Link { link, .. } => {
                    state.chain(&link.chain())?.is_none() && keys.iter().all(|key| entry.is_signed_by(key))
                }
                Body::Note(note) => rules.check_note(note).is_ok(),
            };
            if is_needed {
                places.extend(known);
            }
        }
        let notes = places.into_iter().map(|place| &*self.notes[place]);
        // A stored revocation stays in force, also without its issuer's line.
        Ok(notes.filter(|note| !note.is_grant() || rules.check_note(&note.note).is_ok()).collect())
    }

    /// Returns the waiting entries of a tenant log with the notes that must come before a submission; `None` if there
    /// are none.
    pub(super) fn before(
        &self,
        growth: &PendingBatch,
        submission: &Submission,
        rules: &Rules,
        state: &dyn Storage<Error = StoreError>,
    ) -> Result<Option<PendingBatch>, StoreError> {
        let mut with_notes = None;
        for note in self.wanted(submission, rules, state)? {
            if has_note(growth, state, &note.hash)? {
                continue;
            }
            let batch = with_notes.get_or_insert_with(|| growth.clone());
            add_note(batch, state, note)?;
        }
        Ok(with_notes)
    }

    /// True if ticks have to place a note in more tenant logs.
    pub(super) fn has_work(&self) -> bool {
        self.passes.iter().any(|pass| !pass.is_idle)
    }

    /// True if there are no notes.
    pub(super) fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// Returns the revocations that passes have to place in this tenant log.
    pub(super) fn unplaced_in(
        &self,
        number: TenantNumber,
        writer: &dyn TenantWriter,
    ) -> Result<Vec<Arc<RootNote>>, StoreError> {
        let mut unplaced = Vec::new();
        for pass in &self.passes {
            if writer.has_key(number, pass.note.key())? {
                unplaced.push(pass.note.clone());
            }
        }
        Ok(unplaced)
    }

    /// Continues the passes before a tick. `place` adds a note to the waiting entries of a tenant log. `size` is the root
    /// log's before the tick.
    pub(super) fn place(
        &mut self,
        keys: &TenantsWithKey<'_>,
        place: &mut dyn FnMut(Candidate<'_>) -> Result<Placing, StoreError>,
        size: u64,
    ) -> Result<(), StoreError> {
        let (mut placed, mut examined) = (0, 0);
        // An earlier tick may have failed, and an error can end this one's placing before the last pass.
        for pass in self.passes.iter_mut().filter(|pass| !pass.is_idle) {
            pass.next = PassPlace::After(pass.after);
            pass.placing.clear();
        }
        for pass in self.passes.iter_mut().filter(|pass| !pass.is_idle && pass.begins_above < size) {
            let mut after = pass.after;
            'pages: while examined < MAX_EXAMINED_PER_TICK && placed < MAX_PLACED_PER_TICK {
                let page = keys(pass.note.key(), after, PAGE)?;
                let is_last = (page.len() as u64) < PAGE;
                for (number, id) in page {
                    if placed >= MAX_PLACED_PER_TICK {
                        break 'pages;
                    }
                    examined += 1;
                    let candidate = Candidate { number, id, note: &pass.note };
                    let has_failed = pass.failed.contains(&number);
                    match if has_failed { Ok(Placing::Skipped) } else { place(candidate) } {
                        Ok(Placing::Placed) => {
                            placed += 1;
                            pass.placing.push(number);
                        }
                        Ok(Placing::Skipped) => pass.has_skipped = true,
                        Ok(Placing::Unneeded) => {}
                        Err(error) => {
                            tracing::warn!(%error, %number, "a tenant log can't get a revocation");
                            pass.has_skipped = true;
                        }
                    }
                    after = number.get();
                    pass.next = PassPlace::After(after);
                }
                if is_last {
                    pass.next = PassPlace::End;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Ends the passes that found no log without the note, after a tick that was committed. `has_grown` is true for the
    /// logs whose waiting entries the tick contains, `mark` records that a note is placed, and `size` is the root log's
    /// before the tick.
    pub(super) fn ticked(
        &mut self,
        has_grown: &dyn Fn(TenantNumber) -> bool,
        mark: &mut dyn FnMut(&Hash) -> Result<(), StoreError>,
        size: u64,
    ) {
        for grant in self.unstored.drain(..) {
            let _ = grant.reply.send(Ok(size));
        }
        for pass in &mut self.passes {
            for number in std::mem::take(&mut pass.placing) {
                if has_grown(number) {
                    pass.has_placed = true;
                } else {
                    (_, pass.has_skipped) = (pass.failed.insert(number), true);
                }
            }
            match pass.next {
                _ if pass.is_idle || pass.begins_above >= size => {}
                PassPlace::After(after) => pass.after = after,
                PassPlace::End if pass.has_placed => pass.begin_again(),
                PassPlace::End => {
                    pass.is_idle = true;
                    for reply in pass.replies.drain(..) {
                        let _ = reply.send(Ok(size));
                    }
                }
            }
        }
        self.passes.retain(|pass| {
            if !pass.is_idle || pass.has_skipped {
                return true;
            }
            mark(&pass.note.hash)
                .inspect_err(|error| tracing::warn!(%error, "a revocation's pass will be repeated"))
                .is_err()
        });
    }
}

/// Checks that there is room for another note. Grants must not use up what revocations need.
fn check_room(is_grant: bool, grants: usize, notes: usize) -> Result<(), SubmitError> {
    let (count, max, what) =
        if is_grant { (grants, MAX_ROOT_GRANTS, "grants") } else { (notes, MAX_ROOT_NOTES, "key notes") };
    if count < max && notes < MAX_ROOT_NOTES {
        return Ok(());
    }
    let message = format!("the log server has its maximum of {max} {what} for all tenant logs");
    Err(SubmitError::Unavailable(message.into()))
}

/// True if a tenant log has a note, or gets it at the next tick.
fn has_note(
    growth: &PendingBatch,
    state: &dyn Storage<Error = StoreError>,
    hash: &Hash,
) -> Result<bool, StoreError> {
    Ok(growth.notes().any(|(known, _)| known == hash) || state.note(hash)?.is_some())
}

/// Adds a note that takes effect to the waiting entries of a tenant log, unless [`has_note`].
pub(super) fn add_missing_note(
    growth: &mut PendingBatch,
    state: &dyn Storage<Error = StoreError>,
    note: &RootNote,
) -> Result<(), StoreError> {
    if has_note(growth, state, &note.hash)? { Ok(()) } else { add_note(growth, state, note) }
}

/// Adds a note that takes effect to the waiting entries of a tenant log, which doesn't have it.
fn add_note(
    growth: &mut PendingBatch,
    state: &dyn Storage<Error = StoreError>,
    note: &RootNote,
) -> Result<(), StoreError> {
    growth.replay(state, note.text.clone(), None).map_err(|error| match error {
        AcceptanceError::Storage(error) => error,
        AcceptanceError::Refused(refusal) => StoreError::Damaged(refusal.error.into_message()),
    })
}

/// Returns the keys about which a tenant log has new entries: of new chains, and in key notes.
pub(crate) fn keys_of(growth: &PendingBatch) -> BTreeSet<&str> {
    let mut keys = BTreeSet::new();
    for leaf in growth.leaves() {
        match &leaf.body {
            Body::Link { link: Link::Open(open), .. } => _ = keys.insert(open.key.as_str()),
            Body::Link { .. } => {}
            Body::Note(note) => keys.extend(note.statements.iter().map(|it| it.key().as_str())),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use countersign::note::SignerKey;

    use super::*;

    /// The tenant logs with the key: those that have the note, are stopped, or can't grow.
    struct Logs {
        with_note: BTreeSet<u32>,
        stopped: BTreeSet<u32>,
        failing: BTreeSet<u32>,
        all: u32,
        marked: usize,
    }

    impl Logs {
        fn new(all: u32) -> Self {
            let (with_note, stopped, failing) = Default::default();
            Self { with_note, stopped, failing, all, marked: 0 }
        }

        /// Makes a tick. Returns the number of logs that got the note.
        fn tick(&mut self, notes: &mut RootNotes, size: u64, is_committed: bool) -> usize {
            let all = self.all;
            let keys = |_: &VerifierKey, after: u32, max: u64| {
                let numbers = (after + 1..=all).take(usize::try_from(max).expect("a number"));
                Ok(numbers.map(|number| (TenantNumber::new(number).expect("a number"), [0; 16])).collect())
            };
            let mut placed = BTreeSet::new();
            let mut place = |candidate: Candidate<'_>| {
                let number = candidate.number.get();
                Ok(if self.stopped.contains(&number) {
                    Placing::Skipped
                } else if self.with_note.contains(&number) || !placed.insert(number) {
                    Placing::Unneeded
                } else {
                    Placing::Placed
                })
            };
            notes.place(&keys, &mut place, size).expect("no error");
            let count = placed.len();
            if is_committed {
                let failing = self.failing.clone();
                placed.retain(|number| !failing.contains(number));
                self.with_note.append(&mut placed);
                notes.ticked(
                    &|number| !failing.contains(&number.get()),
                    &mut |_| {
                        self.marked += 1;
                        Ok(())
                    },
                    size,
                );
            }
            count
        }
    }

    fn revocation(seed: u8) -> RootNote {
        let issuer = SignerKey::from_seed("example.com", [1; 32]).expect("a name");
        let emitter = SignerKey::from_seed("example.com/a", [seed; 32]).expect("a name");
        let statement = Statement::Revoke { key: emitter.verifier_key().clone(), since: None };
        RootNote::parse(KeyNote::sign("log.example", &[statement], &issuer).expect("a note")).expect("a note")
    }

    fn unplaced(seed: u8) -> StoredRootNote {
        StoredRootNote { note: revocation(seed), is_placed: false }
    }

    #[test]
    fn grants_leave_room_for_revocations() {
        let is_accepted = |is_grant, grants, notes| check_room(is_grant, grants, notes).is_ok();
        assert!(is_accepted(true, MAX_ROOT_GRANTS - 1, MAX_ROOT_GRANTS - 1));
        assert!(!is_accepted(true, MAX_ROOT_GRANTS, MAX_ROOT_GRANTS));
        for revocations in [0, MAX_ROOT_NOTES - MAX_ROOT_GRANTS - 1] {
            assert!(is_accepted(false, MAX_ROOT_GRANTS, MAX_ROOT_GRANTS + revocations));
        }
        assert!(!is_accepted(false, MAX_ROOT_GRANTS, MAX_ROOT_NOTES));
        assert!(!is_accepted(true, 0, MAX_ROOT_NOTES), "revocations may use all of the room");

        let mut notes = RootNotes::default();
        notes.insert(revocation(2));
        let grant = Statement::Grant { key: revocation(3).key().clone(), from: None, until: None };
        let issuer = SignerKey::from_seed("example.com", [1; 32]).expect("a name");
        let grant = KeyNote::sign("log.example", &[grant], &issuer).expect("a note");
        notes.insert(RootNote::parse(grant).expect("a note"));
        assert_eq!((notes.grants, notes.notes.len()), (1, 2));
    }

    fn at_start() -> RootNotes {
        RootNotes::new(vec![unplaced(2)])
    }

    #[test]
    fn a_pass_places_a_limited_number_at_each_tick_until_no_log_lacks_the_note() {
        let (mut notes, mut logs) = (at_start(), Logs::new(2500));
        let placed: Vec<usize> = (1..4).map(|size| logs.tick(&mut notes, size, true)).collect();
        assert_eq!(placed, [1024, 1024, 452]);
        assert!(!notes.passes.is_empty() && logs.marked == 0, "a log may have been added meanwhile");
        logs.all += 1;
        assert_eq!(logs.tick(&mut notes, 4, true), 1);
        assert_eq!(logs.tick(&mut notes, 5, true), 0);
        assert!(notes.passes.is_empty() && logs.marked == 1 && logs.with_note.len() == 2501);
    }

    #[test]
    fn a_pass_begins_again_after_a_failed_tick_and_after_a_restart() {
        let (mut notes, mut logs) = (at_start(), Logs::new(1500));
        assert_eq!(logs.tick(&mut notes, 1, false), 1024);
        assert_eq!(logs.tick(&mut notes, 1, true), 1024);
        // The process ends here.
        let mut notes = at_start();
        assert_eq!(logs.tick(&mut notes, 2, true), 476);
        assert_eq!(logs.tick(&mut notes, 3, true), 0);
        assert!(notes.passes.is_empty() && logs.marked == 1);
    }

    #[test]
    fn a_pass_begins_after_the_tick_with_what_was_accepted_before() {
        let mut notes = RootNotes::default();
        let note = notes.insert(revocation(2));
        let (reply, mut answer) = oneshot::channel();
        notes.passes.push(Pass { replies: vec![reply], ..Pass::new(note, 7) });
        let mut logs = Logs::new(0);
        logs.tick(&mut notes, 7, true);
        assert!(answer.try_recv().is_err());
        logs.all = 1;
        assert_eq!(logs.tick(&mut notes, 8, true), 1);
        assert_eq!(logs.tick(&mut notes, 9, true), 0);
        assert!(matches!(answer.try_recv(), Ok(Ok(9))));
    }

    #[test]
    fn passes_go_no_further_if_a_tick_fails_and_the_next_one_has_an_error() {
        let mut notes = RootNotes::new(vec![unplaced(2), unplaced(3)]);
        let keys = |_: &VerifierKey, _: u32, _: u64| Ok(vec![(TenantNumber::MAX, [0; 16])]);
        notes.place(&keys, &mut |_| Ok(Placing::Placed), 1).expect("no error");
        let no_keys =
            |_: &VerifierKey, _: u32, _: u64| Err(StoreError::unavailable("reading", "no database"));
        assert!(notes.place(&no_keys, &mut |_| Ok(Placing::Placed), 1).is_err());
        notes.ticked(&|_| false, &mut |_| Ok(()), 1);
        let is_at_start = |pass: &Pass| pass.after == 0 && !pass.has_skipped && !pass.is_idle;
        assert_eq!(notes.passes.iter().filter(|pass| is_at_start(pass)).count(), 2);
    }

    #[test]
    fn a_stopped_log_keeps_a_revocation_from_being_marked() {
        let (mut notes, mut logs) = (at_start(), Logs::new(3));
        logs.stopped.insert(2);
        assert_eq!(logs.tick(&mut notes, 1, true), 2);
        assert_eq!(logs.tick(&mut notes, 2, true), 0);
        assert!(!notes.passes.is_empty() && logs.marked == 0);
        // It isn't tried again at each tick.
        logs.stopped.clear();
        assert_eq!(logs.tick(&mut notes, 3, true), 0);
        notes.passes[0].begin_again();
        assert_eq!(logs.tick(&mut notes, 4, true), 1);
        logs.tick(&mut notes, 5, true);
        assert!(notes.passes.is_empty() && logs.marked == 1);
    }

    #[test]
    fn a_log_that_fails_to_grow_is_skipped_and_keeps_a_revocation_from_being_marked() {
        let (mut notes, mut logs) = (at_start(), Logs::new(3));
        logs.failing.insert(2);
        assert_eq!(logs.tick(&mut notes, 1, true), 3);
        assert_eq!(logs.tick(&mut notes, 2, true), 0);
        assert!(notes.passes[0].is_idle && notes.passes[0].has_skipped && logs.marked == 0);
        // The issuer sends the note again.
        logs.failing.clear();
        notes.passes[0].failed.clear();
        notes.passes[0].begin_again();
        assert_eq!(logs.tick(&mut notes, 3, true), 1);
        logs.tick(&mut notes, 4, true);
        assert!(notes.passes.is_empty() && logs.marked == 1);
    }
}
