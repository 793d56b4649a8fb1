//! The file of a log's folder, and new tokens.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use countersign::time::Time;
use tokio::sync::watch;

use super::{Access, Denied, MAX_FILE, Reader, Readers, Right, Rights, Scope, check_name, hash};
use crate::files::{open_private, replace};

/// The file's name within the log's folder.
pub const FILE: &str = "readers.txt";

/// Who changes the file holds this one.
const LOCK: &str = "readers.lock";

/// What tokens begin with.
const PREFIX: &str = "csr_";

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
        message: String,
    },
    /// The name is no name, or there is one already.
    #[error("{0}")]
    Name(String),
    /// Rights and conditions do not go together.
    #[error("{0}")]
    Scope(String),
    /// There is no token of that name.
    #[error("there is no token of the name {0:?}")]
    Unknown(String),
    /// The system has no random numbers.
    #[error("the system has no random numbers: {0}")]
    Random(getrandom::Error),
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

/// The tokens of a log's folder. The file is read again when it changes.
pub struct Tokens {
    path: PathBuf,
    known: Mutex<Known>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Known {
    stamp: Option<Stamp>,
    readers: Readers,
    /// How many of them were good when it was looked last.
    good: usize,
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
        Self { path: folder.join(FILE), known: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Lets a token in, if it has the right. All tokens are compared, each in constant time.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn admit(&self, token: Option<&str>, right: Right, now: Time) -> Result<Access, Denied> {
        match self.refreshed() {
            Ok(known) => known.readers.admit(token, right, now),
            Err(error) => {
                tracing::error!(%error, "nobody can be let in");
                Err(Denied::Unavailable)
            }
        }
    }

    /// Whether a token that was let in before would be let in now for the same.
    pub fn still_admits(&self, access: &Access, now: Time) -> bool {
        self.refreshed().is_ok_and(|known| known.readers.still_admit(access, now))
    }

    /// Told whenever tokens may not be good any more that were: the file changed, or the time of one has come.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Tells that tokens may not be good any more.
    pub(crate) fn tell(&self) {
        self.changed.send_replace(());
    }

    /// Looks whether there is anything to tell of that.
    pub(crate) fn look(&self, now: Time) {
        let good = match self.refreshed() {
            Ok(mut known) => {
                let good = known.readers.good(now);
                std::mem::replace(&mut known.good, good) != good
            }
            // Nobody is let in meanwhile. Who was told already hears it again.
            Err(_) => true,
        };
        if good {
            self.tell();
        }
    }

    fn refreshed(&self) -> Result<MutexGuard<'_, Known>, TokenError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut known)?;
        Ok(known)
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
        let had_any = known.stamp.is_some();
        // Whatever was known is outdated, also when the new file cannot be read.
        *known = Known::default();
        if had_any || stamp.is_some() {
            self.tell();
        }
        known.readers = read(&self.path)?;
        known.stamp = stamp;
        Ok(())
    }
}

fn io_error(path: &Path, error: io::Error) -> TokenError {
    TokenError::Io { path: path.to_owned(), error }
}

fn read(path: &Path) -> Result<Readers, TokenError> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Readers::default()),
        Err(error) => return Err(io_error(path, error)),
    }
    let malformed = |line, message| TokenError::Malformed { path: path.to_owned(), line, message };
    Readers::parse(&text).map_err(|(line, message)| malformed(line, message))
}

/// Makes a token for a reader, for the events of that scope, and adds its hash to the folder's file.
///
/// # Errors
/// [`TokenError`]; nothing was changed then.
pub fn add(
    folder: &Path,
    name: &str,
    rights: Rights,
    until: Option<Time>,
    scope: Scope,
) -> Result<Token, TokenError> {
    let name = check_name(name).map_err(|message| TokenError::Name(message.into()))?;
    change(folder, |readers| {
        if readers.iter().any(|reader| reader.name == name) {
            return Err(TokenError::Name(format!("there is a token of the name {name:?} already")));
        }
        let token = Token::generate()?;
        let (hash, scope) = (hash(token.as_str()), Arc::new(scope));
        let reader = Reader { hash, rights, name: name.to_owned(), until, scope };
        readers.push(reader.checked().map_err(TokenError::Scope)?);
        Ok(token)
    })
}

/// The readers of the folder's file, in its order.
///
/// # Errors
/// [`TokenError`].
pub fn list(folder: &Path) -> Result<Vec<Reader>, TokenError> {
    read(&folder.join(FILE)).map(|Readers(readers)| readers)
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

/// Changes the file: the new one takes the old one's place in one step. Who else changes it waits.
fn change<T>(
    folder: &Path,
    edit: impl FnOnce(&mut Vec<Reader>) -> Result<T, TokenError>,
) -> Result<T, TokenError> {
    let path = folder.join(FILE);
    let io_error = |error| io_error(&path, error);
    let lock =
        open_private(&folder.join(LOCK), |options| options.create(true).append(true)).map_err(io_error)?;
    lock.lock().map_err(io_error)?;
    let Readers(mut readers) = read(&path)?;
    let result = edit(&mut readers)?;
    let mut text = Vec::new();
    for reader in &readers {
        writeln!(text, "{reader}").map_err(io_error)?;
    }
    replace(&path, &text).map_err(io_error)?;
    Ok(result)
}
