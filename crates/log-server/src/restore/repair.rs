//! Restoration of entries from sources that still have them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, Write as _};
use std::path::Path;

use countersign::base64;
use countersign::log::{AcceptanceError, PendingBatch, SaltedEvent};
use countersign::merkle::{PendingTree, leaf_hash};
use countersign::note::VerifierKey;
use serde_json::{Value, json};

use super::log_store::LogStore;
use super::source::{HeldLeaf, Source};
use crate::own_entries::FILE as OWN_ENTRIES;
use crate::root_entries::{self, FOLDER as ROOT_ENTRIES};
use countersign_log::erase::record;
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{Batch, CommitError, StoreError};
use countersign_log::tenants::anchors::is_anchor;
use countersign_log::tenants::store::{TenantWriter, TickBatch};

/// Number of entries to restore at a time.
const BATCH_ENTRIES: u64 = 4_096;

/// The missing entries, complete and verified against what the log signed.
pub struct Repair {
    from: u64,
    to: u64,
    with_events: u64,
    leaves: File,
    names: Vec<String>,
}

fn failed(error: io::Error) -> StoreError {
    StoreError::unavailable("collecting entries", error)
}

impl Repair {
    /// Collects all entries up to `newest`. The inner error is the human-readable reason why that is impossible.
    pub(super) fn collect(
        folder: &Path,
        store: &LogStore,
        heads: &[SignedHead],
        newest: &SignedHead,
        sources: &mut [Box<dyn Source>],
    ) -> Result<Result<Self, String>, StoreError> {
        let mut tree = store.edge()?;
        let (from, to) = (tree.end(), newest.size);
        let mut heads = heads.iter().filter(|head| head.size > from).peekable();
        let mut leaves = BufWriter::new(tempfile::tempfile_in(folder).map_err(failed)?);
        let mut used = vec![false; sources.len()];
        let mut with_events = 0;
        for index in from..to {
            let mut found: Option<HeldLeaf> = None;
            for (source, used) in sources.iter_mut().zip(&mut used) {
                let leaf = match source.leaf(index) {
                    Ok(leaf) => leaf,
                    Err(why) => return Ok(Err(format!("{}: {why}", source.name()))),
                };
                let Some(leaf) = leaf else { continue };
                match &mut found {
                    // The first source of an entry counts; any source may provide its event.
                    Some(found) if found.text != leaf.text || found.event.is_some() => continue,
                    Some(found) => found.event = leaf.event,
                    None => found = Some(leaf),
                }
                *used = true;
                if found.as_ref().is_some_and(|found| found.event.is_some()) {
                    break;
                }
            }
            let Some(HeldLeaf { text, event }) = found else {
                let own = if store.has_tenants() {
                    own_root_entries(folder, index).map_err(failed)?
                } else {
                    format!("find the log's own entries in {OWN_ENTRIES} in the folder in which it ran, or")
                };
                let why = format!(
                    "the log signed {to} entries, {from} are stored, and no source has entry {index}; {own} all entries \
                     in a mirror of its tiles"
                );
                return Ok(Err(why));
            };
            // Erased events stay erased.
            let event = event.filter(|_| !store.is_erased(index));
            with_events += u64::from(event.is_some());
            tree.append(leaf_hash(text.as_bytes()));
            let event = event.map(|event| json!([base64::encode(event.salt), event.text]));
            writeln!(leaves, "{}", json!([text, event])).map_err(failed)?;
            if let Some(head) = heads.next_if(|head| head.size == index + 1)
                && tree.root() != Some(head.root)
            {
                let why = format!(
                    "the entries from other sources don't match the tree of {} entries that the log signed",
                    head.size
                );
                return Ok(Err(why));
            }
        }
        let leaves = leaves.into_inner().map_err(|error| failed(error.into_error()))?;
        let names = sources.iter().zip(used).filter(|(_, used)| *used).map(|(source, _)| source.name());
        Ok(Ok(Self { from, to, with_events, leaves, names: names.collect() }))
    }

    /// Returns the first restored index, and the one after the last.
    pub fn range(&self) -> (u64, u64) {
        (self.from, self.to)
    }

    /// Returns how many of the entries have their events.
    pub fn with_events(&self) -> u64 {
        self.with_events
    }

    /// Returns the names of the sources used.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Restores the entries in batches. Each batch leaves the log in a valid state, from which the next continues.
    /// Erasures recorded in them become pending again.
    pub(super) fn restore_entries(
        mut self,
        folder: &Path,
        store: &mut LogStore,
        key: &VerifierKey,
    ) -> Result<(), StoreError> {
        self.leaves.rewind().map_err(failed)?;
        let mut lines = BufReader::new(self.leaves).lines().zip(self.from..).peekable();
        if let Some(writer) = store.tenant_writer_mut() {
            return restore_ticks(folder, key.name(), writer, lines);
        }
        loop {
            let edge = store.writer()?.edge()?;
            let end = store.next_boundary(edge.end()).min(edge.end() + BATCH_ENTRIES);
            let mut growth = PendingBatch::new(edge.end());
            while let Some((line, index)) = lines.next_if(|(_, index)| *index < end) {
                if index < edge.end() {
                    continue;
                }
                let (text, event) = parse(&line.map_err(failed)?)
                    .ok_or_else(|| StoreError::Damaged("a collected entry can't be read".into()))?;
                growth.replay(store.writer()?.state(), text, event).map_err(|stop| match stop {
                    AcceptanceError::Refused(refusal) => StoreError::Damaged(refusal.to_string()),
                    AcceptanceError::Storage(error) => error,
                })?;
            }
            if growth.leaves().is_empty() {
                return Ok(());
            }
            let mut tree = PendingTree::new(&edge);
            let hashes: Vec<_> = growth.leaves().iter().map(|leaf| leaf.hash).collect();
            tree.extend(&hashes);
            let erasures = record::recorded(&growth, key);
            let batch =
                Batch { growth: &growth, tree: &tree, publish: None, erasures: &erasures, signed_size: None };
            match store.writer_mut()?.commit(&batch) {
                Ok(()) => tracing::info!(size = tree.size(), "restoring entries"),
                // The bucket has this commit and those after it.
                Err(CommitError::Overtaken) if store.size() > edge.end() => {}
                Err(error) => return Err(error.into_store_error("restoring entries")),
            }
        }
    }
}

/// Returns the beginning of a sentence that says where the entries of a root log are.
fn own_root_entries(folder: &Path, missing: u64) -> io::Result<String> {
    Ok(match root_entries::first_kept(folder)? {
        Some(first) if missing < first => format!(
            "the files in {ROOT_ENTRIES} start at entry {first}, because earlier ones were deleted or another version of \
             the program ran; restore a later backup, or find"
        ),
        _ => format!("find its entries in {ROOT_ENTRIES} in the folder in which it ran, or"),
    })
}

/// Restores entries of a root log. The tenant logs stay as they are stored: those that grew at these ticks are behind the
/// heads that they showed. The directories of anchors come from the folder.
fn restore_ticks(
    folder: &Path,
    origin: &str,
    writer: &mut dyn TenantWriter,
    lines: impl Iterator<Item = (io::Result<String>, u64)>,
) -> Result<(), StoreError> {
    let mut depth = writer.depth()?;
    let mut edge = writer.edge()?;
    for (line, index) in lines {
        if index < edge.end() {
            continue;
        }
        let unreadable = || StoreError::Damaged("a collected entry can't be read".into());
        let (text, _) = parse(&line.map_err(failed)?).ok_or_else(unreadable)?;
        let mut tree = PendingTree::new(&edge);
        tree.extend(&[leaf_hash(text.as_bytes())]);
        let anchor = if is_anchor(index) {
            root_entries::anchor(folder, origin, index, &text).map_err(failed)?
        } else {
            None
        };
        depth = anchor.as_ref().map_or(depth, |directory| directory.depth().max(depth));
        let committed = writer.commit_tick(&TickBatch {
            entry: text.as_bytes(),
            root_tree: &tree,
            depth,
            logs: &[],
            heads: &[],
            anchor: anchor.as_ref(),
            publish: None,
            signed_size: None,
        });
        committed.map_err(|error| error.into_store_error("restoring ticks"))?;
        edge = tree.edge();
        if edge.end() % BATCH_ENTRIES == 0 {
            tracing::info!(size = edge.end(), "restoring entries");
        }
    }
    Ok(())
}

fn parse(line: &str) -> Option<(String, Option<SaltedEvent>)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = value.get(0)?.as_str()?.to_owned();
    let event = match value.get(1)? {
        Value::Null => None,
        event => {
            let salt = base64::decode_array(event.get(0)?.as_str()?)?;
            Some(SaltedEvent { salt, text: event.get(1)?.as_str()?.to_owned() })
        }
    };
    Some((text, event))
}
