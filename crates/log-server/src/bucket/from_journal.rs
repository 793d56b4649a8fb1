//! Restores a log of either kind from its journal.

use std::path::Path;

use countersign::note::VerifierKey;
use countersign_log::store::StoreError;
use tokio::runtime::Handle;

use super::claim::{LogKind, kind_of};
use super::journal::restore::Restored;
use super::journal::{Journal, JournalConfig, JournalMode, JournaledWriter};
use super::location::Bucket;
use super::tenants::JournaledTenantWriter;
use crate::sqlite;

/// Applies what the journal in this place has in addition to the log in a folder, which no server uses. If the folder has
/// no log, and the journal begins with its first entry, creates the log. `depth` is that of a new root log's first
/// directory. Can be repeated if it is interrupted.
///
/// # Errors
/// [`StoreError::Damaged`] if there is no journal, if it is the journal of another log or of another history, or if it
/// begins after the log ends.
pub fn from_journal(
    folder: &Path,
    key: &VerifierKey,
    depth: u8,
    place: Bucket,
    handle: Handle,
) -> Result<Restored, StoreError> {
    let config = JournalConfig { place, mode: JournalMode::Wait };
    let Some(kind) = kind_of(&config.place, &handle)? else {
        return Err(StoreError::Damaged("the place has no journal of a log".into()));
    };
    let mut journal = Journal::new(folder, kind, key, config, handle)?;
    let begin = journal.read_place()?.map_or(0, |place| place.begin);
    if !folder.join(sqlite::FILE).exists() && begin > 0 {
        let why = format!(
            "the journal begins at entry {begin}, and the folder has no log; restore a backup with at least {begin} entries first"
        );
        return Err(StoreError::Damaged(why));
    }
    let mut restored = if kind == LogKind::RootJournal {
        if !sqlite::has_tenants(folder)? {
            sqlite::create_with_tenants(folder, key.name(), depth)?;
        }
        let (mut tables, readers) = sqlite::open_tenant_tables(folder, key.name())?;
        JournaledTenantWriter::apply(&mut journal, &mut tables, &readers, key)?
    } else {
        let (mut sqlite, reader) = sqlite::open_writer(folder, key.name())?;
        JournaledWriter::apply(&mut journal, &mut sqlite, &*reader, key)?
    };
    restored.is_complete = journal.is_complete()?;
    Ok(restored)
}
