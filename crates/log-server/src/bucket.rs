//! A store in a bucket: an object store, or a folder, that several servers of one log may share.
//!
//! The log consists of its commits. `private/commits/<size before>` is created by one server only, because the bucket
//! refuses to create an object that exists. So for each size, one server extends the log and the others follow it. A
//! checkpoint is signed only once its entries are in the bucket. Everything else is derived from the commits,
//! identically on every server:
//!
//! | object | what |
//! | --- | --- |
//! | `private/log` | the log's origin |
//! | `private/key` | the key that its servers sign with |
//! | `private/commits/<size>` | entries with their events; without events once any of them was erased |
//! | `private/events/<size>/<generation>` | the events that such a commit still has |
//! | `private/erasures/<number>` | the indexes of erased events, in the order of the erasures |
//! | `private/checkpoints/<size>` | checkpoints kept for exports |
//! | `private/signed/<size>` | the newest signed checkpoints |
//! | `private/evidence/<hash>` | rejected forks |
//! | `private/ended` | present if the log has ended: why, and which log continues it |
//! | `public/checkpoint`, `public/tile/…` | the log as C2SP tlog-tiles, which may be served as is |
//!
//! Apart from checkpoints, objects in `private/` are never deleted, and an object is only ever replaced by the same
//! bytes on every server. A write that arrives late therefore changes nothing.
//!
//! A bucket that keeps old versions of objects keeps erased events in them, so configure it to delete old versions. If
//! the bucket limits how often an object may be replaced, that limits how often checkpoints are published; each then
//! covers more submissions.
//!
//! For fast lookups, a server keeps an index in the log's folder: the database of [`sqlite`](crate::sqlite). It may be
//! lost at any time and is rebuilt from the bucket.

mod adopt;
mod claim;
mod codec;
mod commit_names;
mod copies;
mod erase;
mod erasure_log;
mod folder;
mod from_journal;
mod index;
pub(crate) mod journal;
mod layout;
mod location;
mod object;
mod objects;
mod prune_journal;
mod publish;
mod put_back;
mod reader;
mod repair;
mod restore;
mod signed;
mod tenants;
mod url;
mod writer;

use std::path::Path;

use countersign::note::VerifierKey;
use tokio::runtime::Handle;

use countersign_log::store::{Store, StoreError};

pub(crate) use self::claim::{check_key, check_tenants_bucket, claim_tenants_bucket, has_log};
pub use self::folder::{BucketFolder, FolderError};
pub use self::from_journal::from_journal;
pub(crate) use self::journal::JournaledWriter;
pub use self::journal::restore::Restored;
pub use self::journal::{JournalConfig, JournalMode, JournalState};
pub use self::location::Bucket;
pub use self::object::{BucketObject, ObjectError};
pub use self::prune_journal::{Pruned, prune};
pub(crate) use self::put_back::{CommitRange, PutBack};
pub(crate) use self::reader::{ObjectProblem, ObjectReader};
pub(crate) use self::repair::{BucketRepair, read_key_of as read_key};
pub(crate) use self::restore::BucketRestore;
pub use self::signed::SignedObjects;
pub(crate) use self::tenants::{
    HeadsOfBucket, JournaledTenantWriter, LostKind, LostObject, TenantBucketCheck, open as open_tenants,
};
pub use self::url::BucketError;

/// Opens the log with `key` in a bucket, with its index in an existing folder. Creates the log if the bucket is empty.
/// If the folder contains a log that isn't in a bucket, moves it there. Follows the bucket to its newest commit before
/// it returns.
///
/// # Errors
/// [`StoreError::Damaged`] if folder and bucket belong to different logs, or if the bucket has lost objects; other
/// errors if bucket or database fail.
pub fn open(
    folder: &Path,
    key: &VerifierKey,
    bucket: Bucket,
    handle: Handle,
) -> Result<(Store, SignedObjects), StoreError> {
    // Before an index is created in the folder.
    has_log(&bucket, key, &handle)?;
    let writer = writer::BucketWriter::open(folder, key, bucket, handle)?;
    let reader = writer.reader();
    let signed = SignedObjects::open(writer.objects.clone(), writer.layout.clone())?;
    Ok((Store { writer: Box::new(writer), reader }, signed))
}
