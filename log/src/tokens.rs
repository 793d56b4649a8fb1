//! Who may read events: bearer tokens, of which only hashes are kept.
//!
//! They are in the file `readers.txt` of the log's folder, which its owner alone may read, one a line: the SHA-256 of
//! the token in hex, its rights, a name for people, and perhaps until when it is good.
//!
//! ```text
//! 1f0c…e9 read auditor
//! 77ab…02 read,erase privacy-desk 2027-01-01T00:00:00.000Z
//! ```
//!
//! A token is 32 random bytes in hex after `csr_`, by which it is found where it should not be.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use countersign::hash::Hash;
use countersign::time::Time;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// The file's name within the log's folder.
pub const FILE: &str = "readers.txt";

/// Who changes the file holds this one.
const LOCK: &str = "readers.lock";
/// The most bytes that the file may have.
const MAX_FILE: u64 = 1 << 20;
/// The most bytes that a name may have.
const MAX_NAME: usize = 100;

/// What tokens begin with.
const PREFIX: &str = "csr_";

/// What a reader may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Read events: exports, streams and proofs.
    Read,
    /// Erase events.
    Erase,
}

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Whether events may be erased too. Reading is always allowed.
    pub erase: bool,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    hash: [u8; 32],
    /// What it may do.
    pub rights: Rights,
    /// Its name, for people; each once.
    pub name: String,
    /// From when on it is not good any more.
    pub until: Option<Time>,
}

/// Why the tokens could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The system said so.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is malformed.
    #[error("{}: line {line}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The 1-based line.
        line: usize,
        /// What is wrong with it.
        message: &'static str,
    },
    /// The name is no name, or there is one already.
    #[error("{0}")]
    Name(String),
    /// There is no token of that name.
    #[error("there is no token of the name {0:?}")]
    Unknown(String),
    /// The system has no random numbers.
    #[error("the system has no random numbers: {0}")]
    Random(getrandom::Error),
}

/// Why a request is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no token, or one that is not good.
    Unauthenticated,
    /// The token does not have the right.
    Forbidden,
    /// The file could not be read. Nobody is let in then.
    Unavailable,
}

impl Rights {
    /// Whether this is among them.
    pub fn allow(self, right: Right) -> bool {
        match right {
            Right::Read => true,
            Right::Erase => self.erase,
        }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.erase { "read,erase" } else { "read" })
    }
}

impl FromStr for Rights {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "read" => Ok(Self { erase: false }),
            "read,erase" => Ok(Self { erase: true }),
            _ => Err("rights are read or read,erase"),
        }
    }
}

impl Reader {
    fn parse(line: &str) -> Result<Self, &'static str> {
        let mut fields = line.split(' ');
        let mut field = |what| fields.next().filter(|field| !field.is_empty()).ok_or(what);
        let hash =
            parse_hex(field("the hash is missing")?).ok_or("the hash is not 64 lower-case hex digits")?;
        let rights = field("the rights are missing")?.parse()?;
        let name = check_name(field("the name is missing")?)?.to_owned();
        let until = match fields.next() {
            None => None,
            Some(until) => Some(Time::parse(until.as_bytes()).ok_or("the time is not one")?),
        };
        match fields.next() {
            None => Ok(Self { hash, rights, name, until }),
            Some(_) => Err("there is more than hash, rights, name and time"),
        }
    }

    fn is_good_at(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.hash {
            write!(f, "{byte:02x}")?;
        }
        write!(f, " {} {}", self.rights, self.name)?;
        match self.until {
            Some(until) => write!(f, " {until}"),
            None => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<&str, &'static str> {
    let good = !name.is_empty()
        && name.len() <= MAX_NAME
        && !name.chars().any(|char| char.is_whitespace() || char.is_control());
    if good {
        Ok(name)
    } else {
        Err("a name has no white space, no control characters and at most 100 bytes")
    }
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks().0) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// A new token, shown to a person once and kept nowhere.
pub struct Token(String);

impl Token {
    fn generate() -> Result<Self, TokenError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(TokenError::Random)?;
        let mut token = PREFIX.to_owned();
        for byte in bytes {
            // Writing to a string does not fail.
            let _ = fmt::Write::write_fmt(&mut token, format_args!("{byte:02x}"));
        }
        Ok(Self(token))
    }

    /// The token's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn hash(token: &str) -> [u8; 32] {
    Hash::of(&[token.as_bytes()]).0
}

/// The tokens of a log's folder. The file is read again when it changes.
pub struct Tokens {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    stamp: Option<Stamp>,
    readers: Vec<Reader>,
}

/// What tells whether a file is another one than before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    file: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let file = 0;
        Self { modified: metadata.modified().ok(), length: metadata.len(), file }
    }
}

impl Tokens {
    /// Of that folder. The file need not be there: nobody is let in then.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE), known: Mutex::default() }
    }

    /// Whose token this is, if it has the right. All tokens are compared, each in constant time.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn admit(&self, token: Option<&str>, right: Right, now: Time) -> Result<String, Denied> {
        let hash = hash(token.ok_or(Denied::Unauthenticated)?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.refresh(&mut known) {
            tracing::error!(%error, "nobody can be let in");
            return Err(Denied::Unavailable);
        }
        let (mut found, mut place) = (Choice::from(0), 0_u64);
        for (number, reader) in known.readers.iter().enumerate() {
            let same = reader.hash.ct_eq(&hash);
            place.conditional_assign(&(number as u64), same);
            found |= same;
        }
        let reader = known.readers.get(place as usize).filter(|_| found.into());
        let reader = reader.filter(|reader| reader.is_good_at(now)).ok_or(Denied::Unauthenticated)?;
        if reader.rights.allow(right) { Ok(reader.name.clone()) } else { Err(Denied::Forbidden) }
    }

    /// Whether a reader who was let in before, by that name, would be let in now.
    pub fn still_admits(&self, name: &str, right: Right, now: Time) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut known).is_ok()
            && known
                .readers
                .iter()
                .any(|reader| reader.name == name && reader.is_good_at(now) && reader.rights.allow(right))
    }

    fn refresh(&self, known: &mut Known) -> Result<(), TokenError> {
        let stamp = match fs::metadata(&self.path) {
            Ok(metadata) => Some(Stamp::of(&metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(&self.path, error)),
        };
        if stamp.is_some() && stamp == known.stamp {
            return Ok(());
        }
        // Whatever was known is outdated, also when the new file cannot be read.
        *known = Known::default();
        known.readers = read(&self.path)?;
        known.stamp = stamp;
        Ok(())
    }
}

fn io_error(path: &Path, error: io::Error) -> TokenError {
    TokenError::Io { path: path.to_owned(), error }
}

fn read(path: &Path) -> Result<Vec<Reader>, TokenError> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(path, error)),
    }
    let malformed = |line, message| TokenError::Malformed { path: path.to_owned(), line, message };
    if text.len() as u64 > MAX_FILE {
        return Err(malformed(1, "the file has more than 1 MiB"));
    }
    let mut readers: Vec<Reader> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let reader = Reader::parse(line).map_err(|message| malformed(number, message))?;
        if readers.iter().any(|other| other.name == reader.name || other.hash == reader.hash) {
            return Err(malformed(number, "there is another line of this name or hash"));
        }
        readers.push(reader);
    }
    Ok(readers)
}

/// Makes a token for a reader, and adds its hash to the folder's file.
///
/// # Errors
/// [`TokenError`]; nothing was changed then.
pub fn add(folder: &Path, name: &str, rights: Rights, until: Option<Time>) -> Result<Token, TokenError> {
    let name = check_name(name).map_err(|message| TokenError::Name(message.into()))?;
    change(folder, |readers| {
        if readers.iter().any(|reader| reader.name == name) {
            return Err(TokenError::Name(format!("there is a token of the name {name:?} already")));
        }
        let token = Token::generate()?;
        readers.push(Reader { hash: hash(token.as_str()), rights, name: name.to_owned(), until });
        Ok(token)
    })
}

/// The readers of the folder's file, in its order.
///
/// # Errors
/// [`TokenError`].
pub fn list(folder: &Path) -> Result<Vec<Reader>, TokenError> {
    read(&folder.join(FILE))
}

/// Takes a token's line out of the folder's file. A server that runs lets it in no more from then on.
///
/// # Errors
/// [`TokenError`]; nothing was changed then.
pub fn revoke(folder: &Path, name: &str) -> Result<(), TokenError> {
    change(folder, |readers| {
        let place = readers.iter().position(|reader| reader.name == name);
        readers.remove(place.ok_or_else(|| TokenError::Unknown(name.to_owned()))?);
        Ok(())
    })
}

/// Has the folder's new entry on the disk, where a folder can be opened.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Changes the file: the new one takes the old one's place in one step. Who else changes it waits.
fn change<T>(
    folder: &Path,
    edit: impl FnOnce(&mut Vec<Reader>) -> Result<T, TokenError>,
) -> Result<T, TokenError> {
    let path = folder.join(FILE);
    let io_error = |error| io_error(&path, error);
    let lock = File::options().create(true).append(true).open(folder.join(LOCK)).map_err(io_error)?;
    lock.lock().map_err(io_error)?;
    let mut readers = read(&path)?;
    let result = edit(&mut readers)?;
    let write = || -> io::Result<()> {
        // A file of a temporary name is made for its owner alone.
        let mut file = tempfile::Builder::new().prefix(".readers-").tempfile_in(folder)?;
        for reader in &readers {
            writeln!(file, "{reader}")?;
        }
        file.as_file().sync_all()?;
        file.persist(&path)?;
        sync(folder)
    };
    write().map_err(io_error)?;
    Ok(result)
}
