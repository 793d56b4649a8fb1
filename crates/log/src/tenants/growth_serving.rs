//! The steps by which a log server turns its [ticks](super::growth) into the lines of [`growth_wire`].

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::hex;
use countersign::merkle::verify_consistency;

use super::growth::{GrowthAnswer, GrowthTick};
use super::growth_wire::{self, Change, Header, MAX_CHANGES, Tick};
use super::heads::{HeadChange, SlotHead};
use super::store::TenantReaders;
use super::tenant::TenantId;
use crate::hashes::{CachedHashes, root_at};
use crate::store::{Reader, StoreError};

/// The size above which a piece of an answer is sent, in bytes.
const PIECE_BYTES: usize = 1 << 16;
/// The maximum number of heads or changes in a piece of an answer.
const PIECE_LINES: usize = 1000;

impl From<&GrowthTick> for Tick {
    fn from(tick: &GrowthTick) -> Self {
        let GrowthTick { tick, time, secret, depth, heads, changes: _ } = tick;
        Self { tick: *tick, time: *time, secret: secret.to_bytes(), depth: *depth, heads: *heads as u64 }
    }
}

impl Change {
    /// Creates a change with its consistency proof. `None` if the log has no head at either tick. If the log can't be read,
    /// the change has no proof, and the error is returned too.
    pub fn prove(change: &HeadChange, readers: &dyn TenantReaders) -> (Option<Self>, Option<StoreError>) {
        let Some(head) = change.after.or(change.before) else { return (None, None) };
        let from = change.before.map_or(0, |before| before.size);
        let (proof, error) = prove_change(change, readers)
            .map_or_else(|error| (None, Some(error)), |proof| (Some(proof), None));
        (Some(Self { id: head.id, head: change.after, from, proof }), error)
    }
}

/// Returns the consistency proof of a tenant log between two sizes, of which the greater one is at most that of this head.
/// It is empty if the smaller one is 0, or if the log didn't grow.
///
/// # Errors
/// [`StoreError::Damaged`] if the log has no proof, or its tiles contradict the head; [`StoreError::Unavailable`] if the
/// store fails.
pub fn prove_growth(
    readers: &dyn TenantReaders,
    head: &SlotHead,
    from: u64,
    to: u64,
) -> Result<Vec<Hash>, StoreError> {
    if from == 0 || from >= to {
        return Ok(Vec::new());
    }
    let log = &*readers.log(head.number);
    let root = |size| if size == head.size { Ok(head.root) } else { root_at(log, size) };
    let prove = |old: u64, new: u64| prove_between(log, (old, &root(old)?), (new, &root(new)?));
    if to < head.size {
        prove(to, head.size)?;
    }
    prove(from, to)
}

/// Returns a consistency proof that is valid: damaged tiles must not look like a log that was rewritten.
fn prove_between(log: &dyn Reader, old: (u64, &Hash), new: (u64, &Hash)) -> Result<Vec<Hash>, StoreError> {
    let proof = CachedHashes::new(log, new.0).prove_consistency(old.0, new.0)?;
    match verify_consistency(old.0, new.0, old.1, new.1, &proof) {
        Ok(()) => Ok(proof),
        Err(_) => Err(StoreError::Damaged("the tiles of the log contradict its heads".into())),
    }
}

/// Returns the consistency proof of a change. It is empty if the log is new, didn't grow, or is gone.
fn prove_change(change: &HeadChange, readers: &dyn TenantReaders) -> Result<Vec<Hash>, StoreError> {
    let (Some(before), Some(after)) = (change.before, change.after) else { return Ok(Vec::new()) };
    if before.size == 0 || before.size >= after.size {
        return Ok(Vec::new());
    }
    let log = &*readers.log(after.number);
    prove_between(log, (before.size, &before.root), (after.size, &after.root))
}

/// Logs that a tenant log can't be read. Its growth witnesses don't cosign until it can be.
pub(crate) fn log_unproven(id: &TenantId, error: &StoreError) {
    tracing::error!(log = hex::encode(id), %error, "the growth of a tenant log can't be proven");
}

/// The lines of an answer that are not written yet.
pub struct GrowthLines(VecDeque<Piece>);

enum Piece {
    Line(String),
    Heads(Arc<Vec<SlotHead>>, Range<usize>),
    Changes(Arc<GrowthTick>, Range<usize>),
}

impl GrowthLines {
    /// Creates the lines of an answer of the root log with this origin.
    pub fn new(origin: &str, answer: GrowthAnswer) -> Self {
        let GrowthAnswer { first, next, snapshot, ticks } = answer;
        let header = Header { origin: origin.to_owned(), first, next };
        let mut pieces = VecDeque::from([Piece::Line(header.to_line())]);
        if let Some(snapshot) = snapshot {
            pieces.push_back(Piece::Line(Tick::from(&*snapshot.tick).to_snapshot_line(&snapshot.edge)));
            let heads: Arc<Vec<SlotHead>> = Arc::new(snapshot.heads.iter().copied().collect());
            pieces.extend(ranges(heads.len()).map(|range| Piece::Heads(heads.clone(), range)));
        }
        let mut changes = 0;
        for (at, tick) in ticks.into_iter().enumerate() {
            changes += tick.changes.len();
            if at > 0 && changes > MAX_CHANGES {
                break;
            }
            pieces.push_back(Piece::Line(Tick::from(&*tick).to_tick_line(tick.changes.len())));
            pieces.extend(ranges(tick.changes.len()).map(|range| Piece::Changes(tick.clone(), range)));
        }
        Self(pieces)
    }

    /// Writes the next piece. Returns `None` at the end. It may take a while.
    pub fn next_piece(&mut self, readers: &dyn TenantReaders) -> Option<String> {
        let mut text = String::new();
        while text.len() < PIECE_BYTES
            && let Some(piece) = self.0.pop_front()
        {
            match piece {
                Piece::Line(line) => text.push_str(&line),
                Piece::Heads(heads, range) => text.extend(heads[range].iter().map(growth_wire::head_line)),
                Piece::Changes(tick, range) => {
                    for change in &tick.changes[range] {
                        let (change, error) = Change::prove(change, readers);
                        if let (Some(change), Some(error)) = (&change, error) {
                            log_unproven(&change.id, &error);
                        }
                        text.extend(change.as_ref().map(growth_wire::change_line));
                    }
                }
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

fn ranges(length: usize) -> impl Iterator<Item = Range<usize>> {
    (0..length).step_by(PIECE_LINES).map(move |begin| begin..length.min(begin + PIECE_LINES))
}
