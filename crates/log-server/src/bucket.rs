//! The store in a bucket: an object store, or a folder, that several servers of one log may share.
//!
//! The log is its commits: `private/commits/<size before>` is created once and by one server, because a bucket refuses
//! to create what is there. So of two servers only one extends the log at each size, and the other follows it. A
//! checkpoint is signed only when its leaves are in the bucket. All else follows from the commits, the same
//! whichever server derives it:
//!
//! | object | what |
//! | --- | --- |
//! | `private/log` | the log's origin |
//! | `private/key` | the key that its servers sign with |
//! | `private/commits/<size>` | leaves and their events; without events once some of them were erased |
//! | `private/events/<size>/<generation>` | the events that such a commit still has |
//! | `private/erasures/<number>` | the leaves whose events are erased, in the order of the erasures |
//! | `private/checkpoints/<size>` | checkpoints that are kept for exports |
//! | `private/signed/<size>` | the newest checkpoints that were signed |
//! | `private/evidence/<hash>` | forks that were refused |
//! | `private/ended` | where the log is over: why, and which one goes on from it |
//! | `public/checkpoint`, `public/tile/…` | the log as C2SP tlog-tiles, which may be served as it is |
//!
//! No object of `private/` but a checkpoint is ever deleted, and what takes an object's place is always the same:
//! a write that lands late changes nothing.
//!
//! A bucket that keeps old versions of objects keeps erased events in them: have it drop those. One that replaces an
//! object only so often a second, as some do, bounds how often a checkpoint is published; more submissions share each
//! then.
//!
//! What a server must find quickly it keeps in an index in the log's folder: the database of [`sqlite`](crate::sqlite),
//! which may be lost at any time and is rebuilt from the bucket.

mod adopt;
mod codec;
mod commit_names;
mod erase;
mod index;
mod layout;
mod mending;
mod objects;
mod publish;
mod reader;
mod restoring;
mod signed;
mod url;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign::note::VerifierKey;
use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;
use tokio::runtime::Handle;

use countersign_log::store::{Store, StoreError};

pub(crate) use self::commit_names::{CommitNames, Listed};
pub(crate) use self::mending::Mending;
pub(crate) use self::reader::ObjectReader;
pub(crate) use self::restoring::Restoring;
pub use self::signed::SignedObjects;
pub use self::url::BucketError;

/// The first pause before something that failed is tried again.
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked what other servers did.
const INTERVAL: Duration = Duration::from_secs(2);

/// Where a log's objects are.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    /// The folder, where the bucket is one.
    folder: Option<PathBuf>,
    /// How long to wait before something that failed is tried again: twice as long each time.
    pause: Duration,
    /// How often it is looked what other servers of the log did.
    interval: Duration,
}

impl Bucket {
    /// Below that prefix of an object store. It must refuse [`object_store::PutMode::Create`] of an object that is there, and
    /// show what was written to whoever reads or lists after it.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: ObjectPath) -> Self {
        Self { store, prefix, folder: None, pause: PAUSE, interval: INTERVAL }
    }

    /// Waits so long before something that failed is tried again, and twice as long each time after.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Looks so often what other servers of the log did while nothing is submitted: each time it asks the bucket for two objects.
    #[must_use]
    pub fn with_interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }
}

/// Opens the log with that key in a bucket, with its index in a folder that exists: begins it where there is none,
/// and moves it to the bucket where the folder has a log that was in none. Follows the bucket to its newest
/// commit before it returns.
///
/// # Errors
/// [`StoreError::Damaged`] when folder and bucket are not of one log, or the bucket has lost what it once had; else
/// what bucket or database say.
pub fn open(
    folder: &Path,
    key: &VerifierKey,
    bucket: Bucket,
    handle: Handle,
) -> Result<(Store, SignedObjects), StoreError> {
    let writer = writer::BucketWriter::open(folder, key, bucket, handle)?;
    let reader = writer.reader();
    let signed = SignedObjects::open(writer.objects.clone(), writer.layout.clone())?;
    Ok((Store { writer: Box::new(writer), reader }, signed))
}
