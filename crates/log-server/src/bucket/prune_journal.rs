//! Deletion of what a journal has in addition to a backup.

use countersign_log::hashes::root_at;
use countersign_log::store::{EntryReader, StoreError};
use object_store::path::Path as ObjectPath;
use tokio::runtime::Handle;

use super::claim::{LogKind, kind_of};
use super::codec::Commit;
use super::journal::{Place, other_history};
use super::layout::{Layout, in_object, number};
use super::location::Bucket;
use super::objects::Objects;

/// The result of pruning a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The size of the log at which the journal begins now.
    pub begin: u64,
    /// The number of commits that were deleted.
    pub commits: usize,
}

/// Deletes the commits of a journal whose entries are all in a backup. Their last one is kept. A server may be running.
/// `backup` has the entries of the backup, which was verified: those of the ordinary log or the root log.
///
/// # Errors
/// [`StoreError::Damaged`] if there is no journal, or if it is that of another log; other errors if the store fails.
pub fn prune(
    place: Bucket,
    origin: &str,
    backup: &dyn EntryReader,
    handle: &Handle,
) -> Result<Pruned, StoreError> {
    let kind = kind_of(&place, handle)?;
    let Bucket { store, prefix, pause, .. } = place;
    let (objects, layout) = (Objects::new(store, pause, handle.clone()), Layout::new(prefix));
    let is_journal = matches!(kind, Some(LogKind::Journal | LogKind::RootJournal));
    let log = objects.wait(objects.get(&layout.log()))?;
    let is_ours = log.is_some_and(|log| log.bytes.ends_with(format!("\n{origin}\n").as_bytes()));
    let path = layout.journal();
    let found = objects.wait(objects.get(&path))?.filter(|_| is_journal && is_ours);
    let found = found.ok_or_else(|| StoreError::Damaged("the place has no journal of this log".into()))?;
    let damaged =
        || in_object(&path)(StoreError::Damaged("the object doesn't say where a journal begins".into()));
    let before = Place::parse(&found.bytes).ok_or_else(damaged)?;
    let size = backup.size()?;
    if before.begin > size {
        let why = format!("the journal begins at entry {}, but the backup has only {size}", before.begin);
        return Err(StoreError::Damaged(why));
    }
    if root_at(backup, before.begin)? != before.root {
        return Err(other_history(before.begin));
    }
    let bases = objects.wait(objects.numbers(&layout.commits(), &layout.commits()))?;
    let begin =
        bases.iter().copied().filter(|base| *base <= size).max().unwrap_or(before.begin).max(before.begin);
    check_last(&objects, &layout, &bases, begin, backup)?;
    let after = Place { begin, root: root_at(backup, begin)?, ..before };
    // First: commits before the place where the journal begins may be missing.
    objects.wait(objects.write(&path, after.encode()))?;
    let mut deleted: Vec<ObjectPath> = Vec::new();
    for base in bases.iter().copied().filter(|base| *base < begin) {
        deleted.push(layout.commit(base));
    }
    let commits = deleted.len();
    for meta in objects.wait(objects.list(&layout.all_events(), None))? {
        let base = meta.location.parts().rev().nth(1).and_then(|part| part.as_ref().parse().ok());
        if base.is_some_and(|base: u64| base < begin) {
            deleted.push(meta.location);
        }
    }
    for meta in objects.wait(objects.list(&layout.kept_checkpoints(), None))? {
        if number(&meta.location).is_some_and(|size| size <= begin) {
            deleted.push(meta.location);
        }
    }
    objects.wait(objects.delete(deleted))?;
    Ok(Pruned { begin, commits })
}

/// Fails if the last commit to be deleted has other entries than the backup. Only those of an ordinary log are compared:
/// the root hash at the place where the journal begins covers the others.
fn check_last(
    objects: &Objects,
    layout: &Layout,
    bases: &[u64],
    begin: u64,
    backup: &dyn EntryReader,
) -> Result<(), StoreError> {
    let Some(base) = bases.iter().copied().filter(|base| *base < begin).max() else { return Ok(()) };
    let path = layout.commit(base);
    let Some(object) = objects.wait(objects.get(&path))? else { return Ok(()) };
    let entries = match Commit::decode(&object.bytes) {
        Ok(commit) => commit.leaves,
        Err(_) => vec![crate::bucket::tenants::entry_of_tick(&object.bytes).map_err(in_object(&path))?],
    };
    let stored = backup.leaves(base..base + entries.len() as u64)?;
    if entries.iter().zip(&stored).all(|(entry, stored)| entry.as_bytes() == stored) {
        return Ok(());
    }
    Err(other_history(begin))
}
