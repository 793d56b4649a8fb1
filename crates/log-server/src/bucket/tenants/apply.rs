//! Applies the commit of a tick to the tables of a root log: in the index of a bucket, and when a journal is restored.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::log::{AcceptanceError, PendingBatch};
use countersign::merkle::{CompactRange, PendingTree, leaf_hash};
use countersign::note::VerifierKey;
use countersign::tenant::DirectoryEntry;
use countersign::time::Time;
use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior};

use super::codec::{Part, TickCommit, event_number};
use super::index::{add_tenants, end_logs};
use crate::sqlite::{TenantIndexWriter, failed};
use countersign_log::erase::record;
use countersign_log::store::StoreError;
use countersign_log::tenants::directory::TickDirectory;
use countersign_log::tenants::heads::{HeadShards, SlotHead};
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::store::{TenantGrowth, TenantWriter as _, TickBatch};
use countersign_log::tenants::tenant::{TenantId, TenantNumber};

const WRITING: &str = "applying a tick";
const READING: &str = "reading the tables";

/// True if the tables may have some of a commit's entries of tenant logs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    None,
    /// The commit has what several ticks added, and the tables may be in between.
    Allowed,
}

/// The entries that a commit adds to a tenant log.
struct Grown {
    number: TenantNumber,
    growth: PendingBatch,
    tree: PendingTree,
    erasures: Vec<u64>,
}

/// Fails if a commit is not that of the tick after `size` ticks.
pub(super) fn check_next(commit: &TickCommit, size: u64) -> Result<(), StoreError> {
    if commit.tick == size {
        return Ok(());
    }
    Err(damaged(commit.tick, "it doesn't follow the tick before it"))
}

fn damaged(tick: u64, why: &str) -> StoreError {
    StoreError::Damaged(format!("the commit of tick {tick}: {why}"))
}

/// Applies the next tick's commit, and returns the right edge of the root log's tree, which was `edge` before. `secret` is
/// that of an anchor.
pub(super) fn apply(
    tables: &mut TenantIndexWriter,
    edge: &CompactRange,
    mut commit: TickCommit,
    secret: Option<TickSecret>,
    key: &VerifierKey,
    overlap: Overlap,
) -> Result<CompactRange, StoreError> {
    let tick = commit.tick;
    let damaged = |why: &str| damaged(tick, why);
    let entry = DirectoryEntry::parse(&commit.entry);
    let entry = entry.ok_or_else(|| damaged("the entry of the root log is not a directory"))?;
    add_tenants_and_ends(tables, &commit)?;
    add_kept_and_notes(tables, &commit)?;
    let mut events = commit.events.take().unwrap_or_default();
    let mut grown = Vec::with_capacity(commit.parts.len());
    for Part { number, base, leaves } in &commit.parts {
        let size = tables.size_of(*number)?;
        if size != *base && (overlap == Overlap::None || size < *base) {
            return Err(damaged("the entries of a tenant log don't follow those before them"));
        }
        let mut growth = PendingBatch::new(size);
        let state = tables.state(*number);
        for (leaf, index) in leaves.iter().zip(*base..) {
            let event = events.remove(&event_number(*number, index));
            if index < size {
                // The head's root hash shows that they are the same.
                continue;
            }
            growth.replay(&*state, leaf.clone(), event).map_err(|stop| match stop {
                AcceptanceError::Refused(refusal) => damaged(&refusal.to_string()),
                AcceptanceError::Storage(error) => error,
            })?;
        }
        drop(state);
        let mut tree = PendingTree::new(&tables.edge_of(*number, size)?);
        tree.extend(&growth.leaves().iter().map(|leaf| leaf.hash).collect::<Vec<_>>());
        let erasures = record::recorded(&growth, key);
        grown.push(Grown { number: *number, growth, tree, erasures });
    }
    let mut heads = Vec::with_capacity(commit.heads.len());
    for head in &commit.heads {
        let id = id_of(tables, head.number)?.ok_or_else(|| damaged("a tenant is missing"))?;
        heads.push(SlotHead { id, number: head.number, size: head.size, root: head.root, state: head.state });
    }
    let by_number: BTreeMap<TenantNumber, &SlotHead> = heads.iter().map(|head| (head.number, head)).collect();
    for log in &grown {
        let head = by_number.get(&log.number);
        if head.is_none_or(|head| head.size != log.tree.size() || head.root != log.tree.root()) {
            return Err(damaged("the entries of a tenant log differ from its head"));
        }
    }
    grown.retain(|log| !log.growth.leaves().is_empty());
    let anchor = secret.map(|secret| directory(tables, &commit, &heads, secret, entry.time)).transpose()?;
    if anchor.as_ref().is_some_and(|anchor| anchor.entry() != entry) {
        return Err(damaged("the directory differs from the entry of the root log"));
    }
    let mut root_tree = PendingTree::new(edge);
    root_tree.extend(&[leaf_hash(commit.entry.as_bytes())]);
    let logs: Vec<TenantGrowth<'_>> = grown
        .iter()
        .map(|Grown { number, growth, tree, erasures }| TenantGrowth {
            number: *number,
            growth,
            tree,
            erasures,
        })
        .collect();
    let batch = TickBatch {
        entry: commit.entry.as_bytes(),
        root_tree: &root_tree,
        depth: commit.depth,
        logs: &logs,
        heads: &heads,
        anchor: anchor.as_ref(),
        publish: None,
        signed_size: None,
    };
    tables.commit_tick(&batch).map_err(|error| error.into_store_error(WRITING))?;
    Ok(root_tree.edge())
}

/// Adds the new tenants of a commit, and the ends of logs. Adding them again changes nothing.
fn add_tenants_and_ends(tables: &TenantIndexWriter, commit: &TickCommit) -> Result<(), StoreError> {
    let add = || -> rusqlite::Result<()> {
        let transaction = Transaction::new_unchecked(tables.database(), TransactionBehavior::Immediate)?;
        add_tenants(&transaction, &commit.additions.tenants)?;
        end_logs(&transaction, commit)?;
        transaction.commit()
    };
    add().map_err(failed(WRITING))
}

/// Adds the kept heads and the key notes of a commit. Adding them again changes nothing.
pub(super) fn add_kept_and_notes(
    tables: &mut TenantIndexWriter,
    commit: &TickCommit,
) -> Result<(), StoreError> {
    let additions = &commit.additions;
    if !additions.kept.is_empty() {
        tables.write_kept_heads(&additions.kept)?;
    }
    for note in &additions.notes {
        if !has_root_note(tables, &note.hash)? {
            tables.add_root_note(note)?;
        }
    }
    additions.placed.iter().try_for_each(|hash| tables.mark_placed(hash))
}

pub(super) fn has_root_note(tables: &TenantIndexWriter, hash: &Hash) -> Result<bool, StoreError> {
    tables
        .database()
        .prepare_cached("SELECT count(*) > 0 FROM root_notes WHERE hash = ?")
        .and_then(|mut query| query.query_row([hash.0], |row| row.get(0)))
        .map_err(failed(READING))
}

/// Computes the directory of a commit's tick.
fn directory(
    tables: &TenantIndexWriter,
    commit: &TickCommit,
    changed: &[SlotHead],
    secret: TickSecret,
    time: Time,
) -> Result<TickDirectory, StoreError> {
    // Two tenants share a slot only at a lesser depth than that of the tick.
    let heads =
        HeadShards::new(commit.depth)?.with(tables.heads()?.into_iter().chain(changed.iter().copied()))?;
    let origin: String = tables
        .database()
        .query_row("SELECT origin FROM log", [], |row| row.get(0))
        .map_err(failed(READING))?;
    Ok(TickDirectory::build(secret, origin.as_str(), commit.tick, time, heads)?)
}

fn id_of(tables: &TenantIndexWriter, number: TenantNumber) -> Result<Option<TenantId>, StoreError> {
    tables
        .database()
        .prepare_cached("SELECT id FROM tenants WHERE number = ?")
        .and_then(|mut query| query.query_row([number.get()], |row| row.get(0)).optional())
        .map_err(failed(READING))
}
