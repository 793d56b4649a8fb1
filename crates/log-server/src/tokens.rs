//! The file of a log's folder, and new tokens.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign::time::Time;
use tokio::sync::watch;

use crate::control_files::{ControlFileError, ControlFileErrorKind};
use countersign_files::{Stamp, open_private, replace};
use countersign_log::tokens::{
    Access, AccessError, MAX_FILE_BYTES, MAX_LINE_BYTES, Reader, Readers, Right, Rights, Scope, check_name,
    hash,
};

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
    /// The file would be one that the server can't read. Nothing was written.
    #[error("{}: {message}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What would be too large.
        message: String,
    },
    /// The system has no random numbers.
    #[error("the system has no random numbers: {0}")]
    Random(getrandom::Error),
}

impl From<&TokenError> for ControlFileError {
    fn from(error: &TokenError) -> Self {
        let kind = match error {
            TokenError::Io { error, .. } => ControlFileErrorKind::Unreadable(error.kind()),
            TokenError::Malformed { line, .. } => {
                ControlFileErrorKind::Malformed { line: Some(*line as u64) }
            }
            _ => ControlFileErrorKind::Malformed { line: None },
        };
        Self { kind, detail: error.to_string() }
    }
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
    /// Why the file of that stamp is malformed, if it is: the line, and what is wrong with it.
    malformed: Option<(usize, String)>,
    /// How many of them were good when it was looked last.
    good: usize,
}

impl Tokens {
    /// Of that folder. The file need not be there: nobody is let in then.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE), known: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Lets a token in, if it has the right.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn admit(&self, token: Option<&str>, right: Right, now: Time) -> Result<Access, AccessError> {
        match self.refreshed() {
            Ok(known) => known.readers.admit(token, right, now),
            Err(_) => Err(AccessError::Unavailable),
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
    ///
    /// # Errors
    /// The file can't be read: nobody is let in.
    pub(crate) fn look(&self, now: Time) -> Result<(), TokenError> {
        let looked = self.refreshed().map(|mut known| {
            let good = known.readers.good(now);
            std::mem::replace(&mut known.good, good) != good
        });
        // While the file can't be read, who was told already hears it again.
        if *looked.as_ref().unwrap_or(&true) {
            self.tell();
        }
        looked.map(drop)
    }

    fn refreshed(&self) -> Result<MutexGuard<'_, Known>, TokenError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut known)?;
        Ok(known)
    }

    fn refresh(&self, known: &mut Known) -> Result<(), TokenError> {
        let stamp = match fs::metadata(&self.path) {
            Ok(metadata) => Some(Stamp::new(&metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(&self.path, error)),
        };
        if stamp.is_some() && stamp == known.stamp {
            return match &known.malformed {
                None => Ok(()),
                Some((line, message)) => {
                    let (path, line, message) = (self.path.clone(), *line, message.clone());
                    Err(TokenError::Malformed { path, line, message })
                }
            };
        }
        let had_any = known.stamp.is_some();
        // Whatever was known is outdated, also when the new file cannot be read.
        *known = Known::default();
        if had_any || stamp.is_some() {
            self.tell();
        }
        match read(&self.path) {
            Ok(readers) => known.readers = readers,
            Err(error) => {
                // It is parsed again only when it changes. What the system refuses may be allowed at any time.
                if let TokenError::Malformed { line, message, .. } = &error {
                    known.malformed = Some((*line, message.clone()));
                    known.stamp = stamp;
                }
                return Err(error);
            }
        }
        known.stamp = stamp;
        Ok(())
    }
}

fn io_error(path: &Path, error: io::Error) -> TokenError {
    TokenError::Io { path: path.to_owned(), error }
}

fn read(path: &Path) -> Result<Readers, TokenError> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)) {
        Ok(_) => {}
        // A character may be cut in two where reading ends.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let message = if fs::metadata(path).is_ok_and(|metadata| metadata.len() > MAX_FILE_BYTES) {
                format!("the file has more than {} MiB", MAX_FILE_BYTES >> 20)
            } else {
                "the file is not UTF-8".to_owned()
            };
            return Err(TokenError::Malformed { path: path.to_owned(), line: 1, message });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Readers::default()),
        Err(error) => return Err(io_error(path, error)),
    }
    let malformed = |line, message| TokenError::Malformed { path: path.to_owned(), line, message };
    Readers::parse(&text).map_err(|(line, message)| malformed(line, message))
}

/// A reader who gets a token.
#[derive(Clone, Debug)]
pub struct NewReader {
    /// Its name, for people; each once.
    pub name: String,
    /// What it may do.
    pub rights: Rights,
    /// From when on its token is not good any more.
    pub until: Option<Time>,
    /// Which events its token is for.
    pub scope: Scope,
}

impl NewReader {
    /// Adds what a line says of a reader in the words of the file, without a hash and rights: `NAME [UNTIL] [CONDITION …]`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(line: &str, rights: Rights, until: Option<Time>, scope: Scope) -> Result<Self, String> {
        let mut words = line.split(' ').filter(|word| !word.is_empty()).peekable();
        let name = check_name(words.next().ok_or("the name is missing")?)?.to_owned();
        let mut reader = Self { name, rights, until, scope };
        if let Some(until) = words.next_if(|word| !word.contains('=')) {
            reader.until = Some(Time::parse(until.as_bytes()).ok_or("the time is not one")?);
        }
        words.try_for_each(|word| reader.scope.allow_written(word))?;
        Ok(reader)
    }
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
    let mut tokens = add_all(folder, vec![NewReader { name: name.to_owned(), rights, until, scope }])?;
    tokens.pop().ok_or_else(|| TokenError::Name("there is no name".into()))
}

/// Makes a token for each of these readers, in their order, and adds their hashes to the folder's file in one step.
///
/// # Errors
/// [`TokenError`]; nothing was changed then.
pub fn add_all(folder: &Path, readers: Vec<NewReader>) -> Result<Vec<Token>, TokenError> {
    change(folder, |known| {
        let mut names: HashSet<String> = known.iter().map(|reader| reader.name.clone()).collect();
        let mut tokens = Vec::with_capacity(readers.len());
        for NewReader { name, rights, until, scope } in readers {
            check_name(&name).map_err(|message| TokenError::Name(message.into()))?;
            if !names.insert(name.clone()) {
                return Err(TokenError::Name(format!("there is a token of the name {name:?} already")));
            }
            let token = Token::generate()?;
            let (hash, scope) = (hash(token.as_str()), Arc::new(scope));
            let reader = Reader { hash, rights, name, until, scope };
            known.push(reader.checked().map_err(TokenError::Scope)?);
            tokens.push(token);
        }
        Ok(tokens)
    })
}

/// The readers of the folder's file, in its order.
///
/// # Errors
/// [`TokenError`].
pub fn list(folder: &Path) -> Result<Vec<Reader>, TokenError> {
    read(&folder.join(FILE)).map(|readers| readers.list)
}

/// Takes a token's line out of the folder's file. A server that runs lets it in no more from then on.
///
/// # Errors
/// [`TokenError`]; nothing was changed then.
pub fn revoke(folder: &Path, name: &str) -> Result<(), TokenError> {
    revoke_all(folder, &[name.to_owned()])
}

/// Takes the lines of these tokens out of the folder's file in one step.
///
/// # Errors
/// [`TokenError`]; nothing was changed then.
pub fn revoke_all(folder: &Path, names: &[String]) -> Result<(), TokenError> {
    change(folder, |readers| {
        let revoked: HashSet<&str> = names.iter().map(String::as_str).collect();
        let known: HashSet<&str> = readers.iter().map(|reader| reader.name.as_str()).collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(name.as_str())) {
            return Err(TokenError::Unknown(unknown.clone()));
        }
        readers.retain(|reader| !revoked.contains(reader.name.as_str()));
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
    let mut readers = read(&path)?.list;
    let result = edit(&mut readers)?;
    let text = write(&readers).map_err(|message| TokenError::TooLarge { path: path.clone(), message })?;
    replace(&path, text.as_bytes()).map_err(io_error)?;
    Ok(result)
}

/// Returns the text of a file of these readers, from which the server reads the same; else what is too large.
fn write(readers: &[Reader]) -> Result<String, String> {
    let mut text = String::new();
    for reader in readers {
        let begin = text.len();
        // Writing to a string does not fail.
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{reader}"));
        if text.len() - begin > MAX_LINE_BYTES {
            let max = MAX_LINE_BYTES >> 10;
            return Err(format!("the line of {:?} would have more than {max} KiB", reader.name));
        }
        text.push('\n');
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(format!("the file would have more than {} MiB", MAX_FILE_BYTES >> 20));
        }
    }
    match Readers::parse(&text) {
        Ok(read) if read.list == readers => Ok(text),
        Ok(_) => Err("the file would not be read as it is written".to_owned()),
        Err((line, why)) => Err(format!("line {line} could not be read: {why}")),
    }
}
