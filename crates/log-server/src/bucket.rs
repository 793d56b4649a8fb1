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
mod location;
mod objects;
mod publish;
mod reader;
mod repair;
mod restoring;
mod signed;
mod url;
mod writer;

use std::path::Path;

use countersign::note::VerifierKey;
use tokio::runtime::Handle;

use countersign_log::store::{Store, StoreError};

pub(crate) use self::commit_names::{CommitNames, Listed};
pub use self::location::Bucket;
pub(crate) use self::reader::ObjectReader;
pub(crate) use self::repair::BucketRepair;
pub(crate) use self::restoring::Restoring;
pub use self::signed::SignedObjects;
pub use self::url::BucketError;

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
