//! Sources that may still have entries of a log.

use std::sync::Arc;

use countersign::log::SaltedEvent;
use countersign::merkle::Bundle;

use crate::sqlite;
use countersign_log::store::{Reader, StoreError};

/// A source that may still have entries and checkpoints of a log.
pub trait Source {
    /// The display name.
    fn name(&self) -> String;

    /// Returns checkpoints that the log may have signed.
    fn checkpoints(&self) -> &[String];

    /// Returns the entry at `index`, with its event if the source has it. Called with ascending indexes.
    ///
    /// # Errors
    /// The human-readable reason why it can't be read.
    fn leaf(&mut self, index: u64) -> Result<Option<HeldLeaf>, String>;
}

/// An entry from a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLeaf {
    /// The signed line.
    pub text: String,
    /// Its event.
    pub event: Option<SaltedEvent>,
}

/// The entries in entry bundles, read one bundle at a time.
pub struct Bundles<F> {
    name: String,
    checkpoints: Vec<String>,
    size: u64,
    read: F,
    /// The bundle that was read last.
    last: Option<(u64, Vec<String>)>,
}

impl<F: FnMut(Bundle) -> Result<Option<Vec<u8>>, String>> Bundles<F> {
    /// Creates the source for a log with a checkpoint of that size.
    pub fn new(name: String, checkpoint: String, size: u64, read: F) -> Self {
        Self { name, checkpoints: vec![checkpoint], size, read, last: None }
    }
}

impl<F: FnMut(Bundle) -> Result<Option<Vec<u8>>, String>> Source for Bundles<F> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn checkpoints(&self) -> &[String] {
        &self.checkpoints
    }

    fn leaf(&mut self, index: u64) -> Result<Option<HeldLeaf>, String> {
        if index >= self.size {
            return Ok(None);
        }
        let number = index / countersign::merkle::TILE_WIDTH;
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            let Some(bundle) = Bundle::grown(index, self.size).next() else { return Ok(None) };
            let bytes = (self.read)(bundle)?;
            let leaves = bytes.map(|bytes| {
                let leaves = bundle.decode(&bytes).map_err(countersign::Error::into_message)?;
                let text = |leaf: &&[u8]| String::from_utf8(leaf.to_vec()).map_err(|error| error.to_string());
                leaves.iter().map(text).collect::<Result<Vec<_>, _>>()
            });
            self.last = Some((number, leaves.transpose()?.unwrap_or_default()));
        }
        let leaves = self.last.as_ref().map_or(&[][..], |(_, leaves)| leaves);
        let text = leaves.get((index % countersign::merkle::TILE_WIDTH) as usize);
        Ok(text.map(|text| HeldLeaf { text: text.clone(), event: None }))
    }
}

/// The entries in another folder of the log, such as a later backup. In a log with tenants, those of the root log.
pub struct Folder {
    name: String,
    reader: Arc<dyn Reader>,
    size: u64,
    checkpoints: Vec<String>,
}

impl Folder {
    /// Opens the log in a folder.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn open(name: String, folder: &std::path::Path) -> Result<Self, StoreError> {
        let reader = if sqlite::has_tenants(folder)? {
            sqlite::open_tenant_readers(folder)?.1.root()
        } else {
            sqlite::open_reader(folder)?.1
        };
        let size = reader.size()?;
        let checkpoints = reader.published()?.map(|published| published.note).into_iter().collect();
        Ok(Self { name, reader, size, checkpoints })
    }
}

impl Source for Folder {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn checkpoints(&self) -> &[String] {
        &self.checkpoints
    }

    fn leaf(&mut self, index: u64) -> Result<Option<HeldLeaf>, String> {
        if index >= self.size {
            return Ok(None);
        }
        let leaves = self.reader.leaves_with_events(index..index + 1).map_err(|error| error.to_string())?;
        let Some(stored) = leaves.into_iter().next() else { return Ok(None) };
        let event = match stored.event {
            countersign_log::store::StoredEvent::Here(event) => Some(event),
            _ => None,
        };
        let text = String::from_utf8(stored.leaf).map_err(|error| error.to_string())?;
        Ok(Some(HeldLeaf { text, event }))
    }
}
