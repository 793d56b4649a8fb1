//! The disk of a recorder, with its outbox.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_delivery::Store;

use crate::faults::Faults;

/// The files of an outbox. Clones are the same files.
#[derive(Clone)]
pub struct OutboxFiles(Arc<Contents>);

struct Contents {
    state: Mutex<State>,
    faults: Faults,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    /// Files whose removal isn't synced: a power failure brings some back.
    removed: BTreeMap<String, Vec<u8>>,
    /// True if the process was killed: it changes nothing any more.
    dead: bool,
}

impl OutboxFiles {
    /// Creates an empty disk.
    pub fn new(faults: Faults) -> Self {
        Self(Arc::new(Contents { state: Mutex::default(), faults }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the faults of this disk.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Returns true if the process was killed.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Kills the process.
    pub fn kill(&self) {
        self.state().dead = true;
    }

    /// Lets another process use the files, perhaps after a power failure.
    pub fn revive(&self) {
        let mut state = self.state();
        state.dead = false;
        for (name, bytes) in std::mem::take(&mut state.removed) {
            if self.0.faults.flip() {
                state.files.entry(name).or_insert(bytes);
            }
        }
    }

    /// Returns the content of a segment, without a fault.
    pub fn segment(&self, number: u64) -> String {
        let bytes = self.state().files.get(&format!("{number:012}.ndjson")).cloned().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Fails if the process is dead, or the disk fails.
    fn check(&self, place: &str) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        if !state.dead && self.0.faults.kills(place) {
            state.dead = true;
        }
        if state.dead {
            return Err(io::Error::other("the process was killed"));
        }
        if self.0.faults.fails() {
            return Err(io::Error::other("the simulated disk failed"));
        }
        Ok(state)
    }
}

impl Store for OutboxFiles {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.check("listing the outbox")?.files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.check("reading the outbox")?
            .files
            .get(name)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let checked = self.check("writing to the outbox");
        let failed = checked.as_ref().err().map(io::Error::to_string);
        let mut state = checked.unwrap_or_else(|_| self.state());
        // A failed write may have taken effect.
        if failed.is_none() || !state.dead && self.0.faults.flip() {
            state.files.insert(name.to_owned(), bytes.to_owned());
            state.removed.clear();
        }
        if let Some(failed) = failed {
            return Err(io::Error::other(failed));
        }
        if self.0.faults.kills("the moment after a write to the outbox") {
            state.dead = true;
            return Err(io::Error::other("the process was killed"));
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.check("removing from the outbox")?;
        let bytes = state.files.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.removed.insert(name.to_owned(), bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.check("syncing the outbox")?.removed.clear();
        Ok(())
    }
}
