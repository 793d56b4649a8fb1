//! The index file, which keeps the verified events of an export in columns (docs/index-files.md).
//!
//! It records what it was made from, and is sealed with a key of this user, so no one else can create one that is
//! accepted.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use countersign_index::{Segment, decode, encode};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::{create_secret, replace};

/// The first bytes of a file: a name and the version.
const MAGIC: &[u8; 8] = b"csshow\0\x06";
const TAG: &[u8] = b"countersign/index-file/v3\0";
const SEAL: usize = 32;
/// The number of bytes after the head: the head's length and seal.
const TAIL: u64 = 4 + SEAL as u64;
/// The largest head that is read, in bytes.
const MAX_HEAD_BYTES: u32 = 256 << 20;
/// The largest segment that is read, in bytes.
const MAX_SEGMENT_BYTES: u64 = 1 << 30;
/// The file name of the key.
const KEY_FILE: &str = "index.key";

/// The inputs of an index file. An index file can be used only if none of them changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IndexSource {
    pub(super) program: String,
    pub(super) export: String,
    pub(super) bytes: u64,
    pub(super) parsers: String,
    pub(super) trust: String,
}

/// The part of the verification result that is needed to show events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Verified {
    /// The headline of the verdict.
    pub(super) headline: String,
    /// The exit status.
    pub(super) status: ExitStatus,
    /// The keys, and the trust in them.
    pub(super) signers: Vec<(String, String)>,
    /// The suspect chains; `None` if all are.
    pub(super) suspects: Option<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    of: IndexSource,
    verified: Verified,
    segments: Vec<SegmentInfo>,
}

/// The size and hash of a segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SegmentInfo {
    bytes: u64,
    hash: String,
}

/// An index file that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IndexFileError {
    /// There is no file.
    Missing,
    /// The contents changed since they were written, or another user wrote the file.
    Sealed,
    /// Another version of the program wrote it.
    Version,
    /// It belongs to an export with another hash.
    Export,
    /// Its events were parsed with other parsers.
    Parsers,
    /// The export was verified with another trust file.
    Trust,
}

impl fmt::Display for IndexFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no index yet",
            Self::Sealed => "the index is corrupt, or was not made by you on this machine",
            Self::Version => "the index was made by another version of this program",
            Self::Export => "the index belongs to another export, or to this one before it changed",
            Self::Parsers => "the index was made with other parsers",
            Self::Trust => "the index was made with another trust file",
        })
    }
}

/// The user's key for sealing index files.
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    /// Loads the key from the user's state folder, or creates it.
    pub(super) fn load() -> Result<Self, CliError> {
        let folder = folder().ok_or_else(|| {
            let hint = "set XDG_STATE_HOME or HOME to a folder that you own";
            CliError::unusable("index.key", "there is no folder for the key that seals index files", hint)
        })?;
        let path = folder.join(KEY_FILE);
        let failed = |doing: &str, error: &io::Error| CliError::io(doing, &shown(&path), error);
        let key = match fs::read(&path) {
            Ok(key) if key.len() == SEAL => key,
            Ok(_) => create_key(&folder, &path).map_err(|error| failed("write", &error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_key(&folder, &path).map_err(|error| failed("write", &error))?
            }
            Err(error) => return Err(failed("read", &error)),
        };
        let unusable = |_| CliError::unusable("index.key", "the key can't be used", "delete the key file");
        Ok(Self(Hmac::new_from_slice(&key).map_err(unusable)?))
    }

    fn mac_of_head(&self, head: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(TAG);
        mac.update(head);
        mac
    }
}

fn folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = variable("XDG_STATE_HOME")
        .or_else(|| variable("LOCALAPPDATA"))
        .or_else(|| variable("HOME").map(|home| home.join(".local/state")));
    Some(state?.join("countersign"))
}

/// Creates a key that only the user may read.
fn create_key(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    fs::create_dir_all(folder)?;
    let mut key = vec![0; SEAL];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(key)
}

/// An index file with a valid seal and the expected source. Segments are checked when they are read.
pub(super) struct IndexFile {
    file: File,
    pub(super) verified: Verified,
    segments: Vec<SegmentInfo>,
}

impl IndexFile {
    /// Opens the file, and checks its seal and source.
    pub(super) fn open(
        path: &Path,
        key: &Key,
        expected: &IndexSource,
    ) -> Result<Result<Self, IndexFileError>, CliError> {
        let failed = |error: &io::Error| CliError::io("read", &shown(path), error);
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err(IndexFileError::Missing)),
            Err(error) => return Err(failed(&error)),
        };
        let read = head(&mut file, key).map_err(|error| failed(&error))?;
        Ok(read.and_then(|head| {
            let is = &head.of;
            match () {
                () if is.program != expected.program => Err(IndexFileError::Version),
                () if is.export != expected.export || is.bytes != expected.bytes => {
                    Err(IndexFileError::Export)
                }
                () if is.parsers != expected.parsers => Err(IndexFileError::Parsers),
                () if is.trust != expected.trust => Err(IndexFileError::Trust),
                () => Ok(Self { file, verified: head.verified, segments: head.segments }),
            }
        }))
    }

    /// Calls `each` with the segments in order, after checking their hashes. Another thread reads ahead.
    pub(super) fn for_each(
        &mut self,
        mut each: impl FnMut(&Segment) -> Result<(), CliError>,
    ) -> Result<Result<(), IndexFileError>, CliError> {
        let Self { file, segments, .. } = self;
        file.seek(SeekFrom::Start(MAGIC.len() as u64)).map_err(|error| CliError::system("read", &error))?;
        std::thread::scope(|scope| {
            let (sender, receiver) = std::sync::mpsc::sync_channel(2);
            scope.spawn(move || {
                for part in segments.iter() {
                    let read = segment(file, part);
                    let is_last = !matches!(read, Ok(Some(_)));
                    if sender.send(read).is_err() || is_last {
                        return;
                    }
                }
            });
            for read in receiver {
                match read.map_err(|error| CliError::system("read", &error))? {
                    Some(segments) => segments.iter().try_for_each(&mut each)?,
                    None => return Ok(Err(IndexFileError::Sealed)),
                }
            }
            Ok(Ok(()))
        })
    }
}

/// Reads a segment; `None` if its hash doesn't match.
fn segment(file: &mut File, part: &SegmentInfo) -> io::Result<Option<Vec<Segment>>> {
    if part.bytes > MAX_SEGMENT_BYTES {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(part.bytes).read_to_end(&mut bytes)?;
    Ok(if blake3::hash(&bytes).to_string() == part.hash { decode(&bytes) } else { None })
}

/// Reads the head, if its seal matches the key.
fn head(file: &mut File, key: &Key) -> io::Result<Result<Head, IndexFileError>> {
    let mut magic = Vec::new();
    Read::take(&mut *file, MAGIC.len() as u64).read_to_end(&mut magic)?;
    if magic != MAGIC {
        let is_ours = magic.starts_with(&MAGIC[..6]);
        return Ok(Err(if is_ours { IndexFileError::Version } else { IndexFileError::Sealed }));
    }
    let length = file.metadata()?.len();
    let Some(tail_at) = length.checked_sub(TAIL) else { return Ok(Err(IndexFileError::Sealed)) };
    file.seek(SeekFrom::Start(tail_at))?;
    let mut tail = Vec::new();
    Read::take(&mut *file, TAIL).read_to_end(&mut tail)?;
    let Some((size, seal)) = tail.split_first_chunk::<4>() else { return Ok(Err(IndexFileError::Sealed)) };
    let size = u32::from_le_bytes(*size);
    let Some(head_at) = tail_at.checked_sub(u64::from(size)).filter(|_| size <= MAX_HEAD_BYTES) else {
        return Ok(Err(IndexFileError::Sealed));
    };
    file.seek(SeekFrom::Start(head_at))?;
    let mut head = Vec::new();
    Read::take(&mut *file, u64::from(size)).read_to_end(&mut head)?;
    if key.mac_of_head(&head).verify_slice(seal).is_err() {
        return Ok(Err(IndexFileError::Sealed));
    }
    Ok(serde_json::from_slice(&head).map_err(|_| IndexFileError::Version))
}

/// An index file that is being written.
pub(super) struct Writer {
    file: BufWriter<tempfile::NamedTempFile>,
    segments: Vec<SegmentInfo>,
}

impl Writer {
    /// Creates a temporary file in the folder of the index file.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(create_secret(path)?);
        file.write_all(MAGIC)?;
        Ok(Self { file, segments: Vec::new() })
    }

    /// Adds a segment.
    pub(super) fn add(&mut self, segment: &Segment) -> io::Result<()> {
        let bytes = encode(std::slice::from_ref(segment));
        self.file.write_all(&bytes)?;
        self.segments.push(SegmentInfo { bytes: bytes.len() as u64, hash: blake3::hash(&bytes).to_string() });
        Ok(())
    }

    /// Seals the file, and moves it to its path.
    pub(super) fn finish(
        mut self,
        path: &Path,
        key: &Key,
        of: IndexSource,
        verified: Verified,
    ) -> io::Result<()> {
        let head = serde_json::to_vec(&Head { of, verified, segments: self.segments })?;
        let size = u32::try_from(head.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.file.write_all(&head)?;
        self.file.write_all(&size.to_le_bytes())?;
        self.file.write_all(&key.mac_of_head(&head).finalize().into_bytes())?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        replace(file, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_file_is_registered_for_cleanup() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::new(&folder.path().join("audit.ndjson.csindex")).unwrap();
        // The cleanup recognizes the file by this name.
        let name = writer.file.get_ref().path().file_name().unwrap().to_str().unwrap().to_owned();
        assert!(name.starts_with(".countersign-") && name.ends_with(".unfinished"), "{name}");
    }
}
