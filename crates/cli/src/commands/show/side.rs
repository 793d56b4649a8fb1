//! The file beside an export that keeps its verified events in columns (docs/index-files.md).
//!
//! It says what it is of, and is sealed with a key of this user's: nobody else can write one that is taken.

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
use crate::io::output::{begin_secret, replace};

/// What files begin with: a name, and the version.
const MAGIC: &[u8; 8] = b"csshow\0\x05";
const TAG: &[u8] = b"countersign/index-file/v3\0";
const SEAL: usize = 32;
/// After the head: how long it is, and its seal.
const TAIL: u64 = 4 + SEAL as u64;
/// The most bytes of a head that is read.
const LONGEST: u32 = 256 << 20;
/// The most bytes of a segment that is read.
const LARGEST: u64 = 1 << 30;
/// The name of the key's file.
const KEY_FILE: &str = "index.key";

/// What a file is of. In another program, of another export, for other parsers or another trust file it would say
/// something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Of {
    pub(super) program: String,
    pub(super) export: String,
    pub(super) bytes: u64,
    pub(super) parsers: String,
    pub(super) trust: String,
}

/// What was found when the export was verified, as far as showing its events needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Verified {
    /// What is said of the export first.
    pub(super) headline: String,
    /// The status to exit with.
    pub(super) status: ExitStatus,
    /// The keys, and whether they are trusted.
    pub(super) signers: Vec<(String, String)>,
    /// Chains that are suspect; none where each is.
    pub(super) suspects: Option<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    of: Of,
    verified: Verified,
    segments: Vec<Part>,
}

/// A segment's bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    bytes: u64,
    hash: String,
}

/// An index file that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IndexFileError {
    /// There is none.
    Missing,
    /// Its bytes are not those that were written, or someone else wrote it.
    Sealed,
    /// It is of another version.
    Version,
    /// It is of an export with another hash.
    Export,
    /// Its events were read by other parsers.
    Parsers,
    /// It was verified with another trust file.
    Trust,
}

impl fmt::Display for IndexFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is none yet",
            Self::Sealed => "it is damaged, or was not made by you on this machine",
            Self::Version => "another version of this program made it",
            Self::Export => "it is of another export, or of this one before it changed",
            Self::Parsers => "its events were read by other parsers",
            Self::Trust => "it was made with another trust file",
        })
    }
}

/// The key of this user's, with which files are sealed.
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    /// That of the user's folder, made where there is none.
    pub(super) fn load() -> Result<Self, CliError> {
        let folder = folder().ok_or_else(|| {
            let hint = "set XDG_STATE_HOME, or HOME, to a folder of yours";
            CliError::unusable("index.key", "there is no folder for the key that seals index files", hint)
        })?;
        let path = folder.join(KEY_FILE);
        let failed = |doing: &str, error: &io::Error| CliError::io(doing, &shown(&path), error);
        let key = match fs::read(&path) {
            Ok(key) if key.len() == SEAL => key,
            Ok(_) => make(&folder, &path).map_err(|error| failed("write", &error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(&folder, &path).map_err(|error| failed("write", &error))?
            }
            Err(error) => return Err(failed("read", &error)),
        };
        let unfit = |_| CliError::unusable("index.key", "the key is of no use", "delete it");
        Ok(Self(Hmac::new_from_slice(&key).map_err(unfit)?))
    }

    fn of_head(&self, head: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(TAG);
        mac.update(head);
        mac
    }
}

fn folder() -> Option<PathBuf> {
    let of = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = of("XDG_STATE_HOME")
        .or_else(|| of("LOCALAPPDATA"))
        .or_else(|| of("HOME").map(|home| home.join(".local/state")));
    Some(state?.join("countersign"))
}

/// A new key, which nobody else may read.
fn make(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    fs::create_dir_all(folder)?;
    let mut key = vec![0; SEAL];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(key)
}

/// A file that was sealed here and is of what it is to be of. Segments are checked when they are read.
pub(super) struct Side {
    file: File,
    pub(super) verified: Verified,
    segments: Vec<Part>,
}

impl Side {
    /// Opens one.
    pub(super) fn open(path: &Path, key: &Key, of: &Of) -> Result<Result<Self, IndexFileError>, CliError> {
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
                () if is.program != of.program => Err(IndexFileError::Version),
                () if is.export != of.export || is.bytes != of.bytes => Err(IndexFileError::Export),
                () if is.parsers != of.parsers => Err(IndexFileError::Parsers),
                () if is.trust != of.trust => Err(IndexFileError::Trust),
                () => Ok(Self { file, verified: head.verified, segments: head.segments }),
            }
        }))
    }

    /// Hands out segment after segment, each once its bytes are known to be those that were written. Another thread
    /// reads ahead of who takes them.
    pub(super) fn for_each(
        &mut self,
        mut each: impl FnMut(&Segment) -> Result<(), CliError>,
    ) -> Result<Result<(), IndexFileError>, CliError> {
        let Self { file, segments, .. } = self;
        file.seek(SeekFrom::Start(MAGIC.len() as u64)).map_err(|error| CliError::system("read", &error))?;
        std::thread::scope(|scope| {
            let (hand, take) = std::sync::mpsc::sync_channel(2);
            scope.spawn(move || {
                for part in segments.iter() {
                    let read = segment(file, part);
                    let is_last = !matches!(read, Ok(Some(_)));
                    if hand.send(read).is_err() || is_last {
                        return;
                    }
                }
            });
            for read in take {
                match read.map_err(|error| CliError::system("read", &error))? {
                    Some(segments) => segments.iter().try_for_each(&mut each)?,
                    None => return Ok(Err(IndexFileError::Sealed)),
                }
            }
            Ok(Ok(()))
        })
    }
}

/// A segment, where its bytes are those that the head has.
fn segment(file: &mut File, part: &Part) -> io::Result<Option<Vec<Segment>>> {
    if part.bytes > LARGEST {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(part.bytes).read_to_end(&mut bytes)?;
    Ok(if blake3::hash(&bytes).to_string() == part.hash { decode(&bytes) } else { None })
}

/// The head, where its seal is of this key.
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
    let Some(head_at) = tail_at.checked_sub(u64::from(size)).filter(|_| size <= LONGEST) else {
        return Ok(Err(IndexFileError::Sealed));
    };
    file.seek(SeekFrom::Start(head_at))?;
    let mut head = Vec::new();
    Read::take(&mut *file, u64::from(size)).read_to_end(&mut head)?;
    if key.of_head(&head).verify_slice(seal).is_err() {
        return Ok(Err(IndexFileError::Sealed));
    }
    Ok(serde_json::from_slice(&head).map_err(|_| IndexFileError::Version))
}

/// A file in the making.
pub(super) struct Writer {
    file: BufWriter<tempfile::NamedTempFile>,
    segments: Vec<Part>,
}

impl Writer {
    /// In the folder where it is to be.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(begin_secret(path)?);
        file.write_all(MAGIC)?;
        Ok(Self { file, segments: Vec::new() })
    }

    /// Adds a segment.
    pub(super) fn add(&mut self, segment: &Segment) -> io::Result<()> {
        let bytes = encode(std::slice::from_ref(segment));
        self.file.write_all(&bytes)?;
        self.segments.push(Part { bytes: bytes.len() as u64, hash: blake3::hash(&bytes).to_string() });
        Ok(())
    }

    /// Seals it, and puts it in its place.
    pub(super) fn finish(mut self, path: &Path, key: &Key, of: Of, verified: Verified) -> io::Result<()> {
        let head = serde_json::to_vec(&Head { of, verified, segments: self.segments })?;
        let size = u32::try_from(head.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.file.write_all(&head)?;
        self.file.write_all(&size.to_le_bytes())?;
        self.file.write_all(&key.of_head(&head).finalize().into_bytes())?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        replace(file, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_is_removed_by_whoever_interrupts_it() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::new(&folder.path().join("audit.ndjson.csindex")).unwrap();
        // By that name it is known to what cleans up.
        let name = writer.file.get_ref().path().file_name().unwrap().to_str().unwrap().to_owned();
        assert!(name.starts_with(".countersign-") && name.ends_with(".unfinished"), "{name}");
    }
}
