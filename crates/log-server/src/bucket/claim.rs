//! The objects that say which log a bucket contains.

use countersign::note::VerifierKey;
use tokio::runtime::Handle;

use super::layout::Layout;
use super::location::Bucket;
use super::objects::{CreateOutcome, Objects};
use countersign_log::store::StoreError;

use crate::start_error::StartError;

/// The first line of `private/log` for an ordinary log.
const ORDINARY_HEADER: &str = "countersign log v1\n";
/// The first line of `private/log` for a root log with tenant logs.
const ROOT_HEADER: &str = "countersign root log v1\n";

/// The first line of `private/log` in the journal of an ordinary log.
const JOURNAL_HEADER: &str = "countersign journal v1\n";
/// The first line of `private/log` in the journal of a root log with tenant logs.
const ROOT_JOURNAL_HEADER: &str = "countersign root journal v1\n";

/// The kind of a log in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogKind {
    Ordinary,
    /// A root log with tenant logs.
    Root,
    /// The journal of an ordinary log in a folder.
    Journal,
    /// The journal of a root log in a folder.
    RootJournal,
}

impl LogKind {
    const fn header(self) -> &'static str {
        match self {
            Self::Ordinary => ORDINARY_HEADER,
            Self::Root => ROOT_HEADER,
            Self::Journal => JOURNAL_HEADER,
            Self::RootJournal => ROOT_JOURNAL_HEADER,
        }
    }
}

/// Splits the content of `private/log` into the kind of the log and its origin.
pub(super) fn parse(content: &[u8]) -> Option<(LogKind, &str)> {
    let text = str::from_utf8(content).ok()?;
    [LogKind::Ordinary, LogKind::Root, LogKind::Journal, LogKind::RootJournal]
        .into_iter()
        .find_map(|kind| Some((kind, text.strip_prefix(kind.header())?.strip_suffix('\n')?)))
}

/// True if the bucket contains the ordinary log with this key, and false if it contains no log yet. Fails if it contains
/// another one.
pub(crate) fn has_log(bucket: &Bucket, key: &VerifierKey, handle: &Handle) -> Result<bool, StoreError> {
    let objects = Objects::new(bucket.store.clone(), bucket.pause, handle.clone());
    let layout = Layout::new(bucket.prefix.clone());
    Claim::new(LogKind::Ordinary, &objects, &layout, key).has_origin()
}

/// Checks that a bucket names this key, or no key yet. If the change to this key is confirmed, replaces the key that the
/// bucket names. Stop the log's other servers first.
///
/// # Errors
/// [`StartError::WrongKey`]; [`StartError::Store`] if the bucket fails.
pub(crate) fn check_key(
    bucket: &Bucket,
    key: &VerifierKey,
    confirmed: &[VerifierKey],
    handle: &Handle,
) -> Result<(), StartError> {
    let objects = Objects::new(bucket.store.clone(), bucket.pause, handle.clone());
    let path = Layout::new(bucket.prefix.clone()).key();
    let bytes = key_object(key);
    // A bucket without a key gets one when it is opened.
    let Some(known) = objects.wait(objects.get(&path))?.filter(|known| *known.bytes != *bytes) else {
        return Ok(());
    };
    if confirmed.contains(key) {
        return Ok(objects.wait(objects.write(&path, bytes))?);
    }
    Err(StartError::WrongKey {
        kind: "key",
        known: String::from_utf8_lossy(&known.bytes).trim_end().to_owned(),
        given: Some(key.to_string()),
        confirmation: key.to_string(),
    })
}

/// Returns the content of the object that names the key of a log's servers.
fn key_object(key: &VerifierKey) -> Vec<u8> {
    format!("{key}\n").into_bytes()
}

/// Fails if the bucket contains another log than the root log with this key.
pub(crate) fn check_tenants_bucket(
    bucket: &Bucket,
    key: &VerifierKey,
    handle: &Handle,
) -> Result<(), StoreError> {
    let objects = Objects::new(bucket.store.clone(), bucket.pause, handle.clone());
    let layout = Layout::new(bucket.prefix.clone());
    Claim::new(LogKind::Root, &objects, &layout, key).has_origin().map(drop)
}

/// Claims a bucket for the root log with this key.
pub(crate) fn claim_tenants_bucket(
    bucket: &Bucket,
    key: &VerifierKey,
    handle: &Handle,
) -> Result<(), StoreError> {
    let objects = Objects::new(bucket.store.clone(), bucket.pause, handle.clone());
    let layout = Layout::new(bucket.prefix.clone());
    let claim = Claim::new(LogKind::Root, &objects, &layout, key);
    claim.check_origin()?;
    claim.check_key()
}

/// Returns the kind of the log in a bucket, or `None` if it contains no log.
pub(super) fn kind_of(bucket: &Bucket, handle: &Handle) -> Result<Option<LogKind>, StoreError> {
    let objects = Objects::new(bucket.store.clone(), bucket.pause, handle.clone());
    let path = Layout::new(bucket.prefix.clone()).log();
    let object = objects.wait(objects.get(&path))?;
    Ok(object.and_then(|object| parse(&object.bytes).map(|(kind, _)| kind)))
}

/// The claim of a server's log to a bucket.
pub(super) struct Claim {
    kind: LogKind,
    objects: Objects,
    layout: Layout,
    key: VerifierKey,
}

impl Claim {
    /// Creates the claim of the log with this key.
    pub(super) fn new(kind: LogKind, objects: &Objects, layout: &Layout, key: &VerifierKey) -> Self {
        Self { kind, objects: objects.clone(), layout: layout.clone(), key: key.clone() }
    }

    /// Returns the content of the object that names the log.
    fn origin(&self) -> Vec<u8> {
        format!("{}{}\n", self.kind.header(), self.key.name()).into_bytes()
    }

    fn other_origin(&self, other: &[u8]) -> StoreError {
        let message = match (parse(other), self.kind) {
            (Some((LogKind::Root, _)), LogKind::Ordinary) => {
                "the bucket contains a root log with tenant logs instead of an ordinary log; serve it with --tenants"
                    .to_owned()
            }
            (Some((LogKind::Ordinary, _)), LogKind::Root) => {
                "the bucket contains an ordinary log instead of a root log with tenant logs; a log can't get tenants later"
                    .to_owned()
            }
            (Some((LogKind::Journal | LogKind::RootJournal, _)), LogKind::Ordinary | LogKind::Root) => {
                "the bucket contains the journal of a log in a folder; use another place for --store".to_owned()
            }
            (Some((LogKind::Ordinary | LogKind::Root, _)), LogKind::Journal | LogKind::RootJournal) => {
                "the place of the journal contains a log; use an empty place for --journal".to_owned()
            }
            (Some((LogKind::RootJournal, _)), LogKind::Journal) => {
                "the journal is that of a root log with tenant logs instead of an ordinary log".to_owned()
            }
            (Some((LogKind::Journal, _)), LogKind::RootJournal) => {
                "the journal is that of an ordinary log instead of a root log with tenant logs".to_owned()
            }
            (Some((_, other)), LogKind::Journal | LogKind::RootJournal) => {
                format!("the journal is that of the log {other:?} instead of {:?}", self.key.name())
            }
            (other_log, _) => {
                let other = other_log.map_or_else(
                    || String::from_utf8_lossy(other).into_owned(),
                    |(_, origin)| origin.to_owned(),
                );
                format!("the bucket contains the log {other:?} instead of {:?}", self.key.name())
            }
        };
        StoreError::Damaged(message)
    }

    /// True if the bucket belongs to this log, and false if it belongs to no log yet.
    pub(super) fn has_origin(&self) -> Result<bool, StoreError> {
        match self.objects.wait(self.objects.get(&self.layout.log()))? {
            Some(object) if *object.bytes == *self.origin() => Ok(true),
            Some(object) => Err(self.other_origin(&object.bytes)),
            None => Ok(false),
        }
    }

    /// Claims the bucket for this log, and checks that the bucket rejects the creation of an object that
    /// already exists.
    pub(super) fn check_origin(&self) -> Result<(), StoreError> {
        let (path, origin) = (self.layout.log(), self.origin());
        if let CreateOutcome::Other(other) = self.objects.wait(self.objects.create(&path, origin.clone()))? {
            return Err(self.other_origin(&other));
        }
        if self.objects.wait(self.objects.create_once(&path, origin))? {
            let why = "the object store overwrites existing objects on creation, so two servers could fork the log; use a store with conditional writes";
            return Err(StoreError::bucket("opening the bucket", why));
        }
        Ok(())
    }

    /// Checks that the bucket doesn't name another key, without writing.
    pub(super) fn has_no_other_key(&self) -> Result<(), StoreError> {
        let path = self.layout.key();
        match self.objects.wait(self.objects.get(&path))? {
            Some(other) if *other.bytes != *format!("{}\n", self.key).as_bytes() => {
                Err(self.other_key(&other.bytes))
            }
            _ => Ok(()),
        }
    }

    fn other_key(&self, other: &[u8]) -> StoreError {
        let (other, path) = (String::from_utf8_lossy(other).trim_end().to_owned(), self.layout.key());
        StoreError::Damaged(match self.kind {
            LogKind::Ordinary | LogKind::Root => format!(
                "the log's servers sign with the key {other}, but this one has the key {} ({path}); to change the log's key, \
                 stop all servers, and start each once with --new-key {}",
                self.key, self.key
            ),
            LogKind::Journal | LogKind::RootJournal => format!(
                "the journal is that of a log with the key {other}, but this one has the key {}; after you changed the log's \
                 key, delete {path}",
                self.key
            ),
        })
    }

    /// Checks that all servers of the log sign with the same key.
    pub(super) fn check_key(&self) -> Result<(), StoreError> {
        let (path, key) = (self.layout.key(), key_object(&self.key));
        if let CreateOutcome::Other(other) = self.objects.wait(self.objects.create(&path, key))? {
            return Err(self.other_key(&other));
        }
        Ok(())
    }
}
