//! Names of objects in a bucket.

use countersign_log::store::StoreError;
use object_store::path::Path;

/// The names of a log's objects under its prefix.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    prefix: Path,
}

impl Layout {
    pub(super) fn new(prefix: Path) -> Self {
        Self { prefix }
    }

    fn path(&self, below: &str) -> Path {
        below.split('/').fold(self.prefix.clone(), Path::join)
    }

    pub(super) fn log(&self) -> Path {
        self.path("private/log")
    }

    pub(super) fn key(&self) -> Path {
        self.path("private/key")
    }

    pub(super) fn turn(&self) -> Path {
        self.path("private/turn")
    }

    pub(super) fn commits(&self) -> Path {
        self.path("private/commits")
    }

    pub(super) fn commit(&self, base: u64) -> Path {
        self.path(&format!("private/commits/{base:016}"))
    }

    pub(super) fn all_events(&self) -> Path {
        self.path("private/events")
    }

    pub(super) fn generations(&self, base: u64) -> Path {
        self.path(&format!("private/events/{base:016}"))
    }

    pub(super) fn generation(&self, base: u64, generation: u64) -> Path {
        self.path(&format!("private/events/{base:016}/{generation:08}"))
    }

    pub(super) fn windows(&self) -> Path {
        self.path("private/windows")
    }

    /// Returns the name of the window with this number.
    pub(super) fn window(&self, number: u64) -> Path {
        self.path(&format!("private/windows/{number:016}"))
    }

    pub(super) fn erasures(&self) -> Path {
        self.path("private/erasures")
    }

    pub(super) fn erasure(&self, number: u64) -> Path {
        self.path(&format!("private/erasures/{number:016}"))
    }

    /// Returns the name of the object that says where a journal begins.
    pub(super) fn journal(&self) -> Path {
        self.path("private/journal")
    }

    /// Returns the name of the object that says whether a server answered without its journal.
    pub(super) fn mode(&self) -> Path {
        self.path("private/mode")
    }

    pub(super) fn notes(&self) -> Path {
        self.path("private/notes")
    }

    /// Returns the name of the key note for all tenant logs with this hash.
    pub(super) fn note(&self, hash: &str) -> Path {
        self.path(&format!("private/notes/{hash}"))
    }

    pub(super) fn kept_checkpoints(&self) -> Path {
        self.path("private/checkpoints")
    }

    pub(super) fn kept_checkpoint(&self, size: u64) -> Path {
        self.path(&format!("private/checkpoints/{size:016}"))
    }

    pub(super) fn all_signed(&self) -> Path {
        self.path("private/signed")
    }

    pub(super) fn signed(&self, size: u64) -> Path {
        self.path(&format!("private/signed/{size:016}"))
    }

    pub(super) fn ended(&self) -> Path {
        self.path("private/ended")
    }

    pub(super) fn all_evidence(&self) -> Path {
        self.path("private/evidence")
    }

    pub(super) fn evidence(&self, hash: &str) -> Path {
        self.path(&format!("private/evidence/{hash}"))
    }

    pub(super) fn anchors(&self) -> Path {
        self.path("private/anchors")
    }

    /// Returns the name of the secret of the anchor whose root log entry has this hash.
    pub(super) fn anchor(&self, tick: u64, entry: &str) -> Path {
        self.path(&format!("private/anchors/{tick:016}/{entry}"))
    }

    pub(super) fn checkpoint(&self) -> Path {
        self.path("public/checkpoint")
    }

    /// Returns the name of a tile or an entry bundle from its path in C2SP tlog-tiles.
    pub(super) fn public(&self, path: &str) -> Path {
        self.path("public").parts().chain(Path::from(path).parts()).collect()
    }
}

/// Returns the number at the end of an object's name.
pub(super) fn number(path: &Path) -> Option<u64> {
    let name = path.filename()?;
    name.parse().ok().filter(|_| name.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Adds the object's name to an error about its content.
pub(super) fn in_object(path: &Path) -> impl Fn(StoreError) -> StoreError {
    move |error| match error {
        StoreError::Damaged(why) => StoreError::Damaged(format!("{path}: {why}")),
        error @ (StoreError::Unavailable { .. } | StoreError::Journal(_) | StoreError::Stopped(_)) => error,
    }
}
