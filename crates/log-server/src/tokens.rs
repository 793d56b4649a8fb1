//! The token file in a log's folder, and the generation of tokens.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign::time::Time;
use tokio::sync::watch;

use crate::control_files::{ControlFileError, ControlFileErrorKind};
use crate::sqlite;
use countersign_files::{Stamp, open_private, replace};
use countersign_log::store::StoreError;
use countersign_log::tenants::tenant::TenantId;
use countersign_log::tokens::{
    Access, AccessError, LogScope, MAX_FILE_BYTES, MAX_LINE_BYTES, Reader, Readers, Right, Rights, Scope,
    allow_written, check_name, hash,
};

/// The file's name within the log's folder.
pub const FILE: &str = "readers.txt";

/// File to lock while changing the token file.
const LOCK: &str = "readers.lock";

/// Prefix of every token.
const PREFIX: &str = "csr_";

/// An error in reading or changing the tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// A file can't be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file is malformed.
    #[error("{}: line {line}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The 1-based line.
        line: usize,
        /// The description of the error.
        message: String,
    },
    /// The name is invalid or already in use.
    #[error("{0}")]
    Name(String),
    /// Rights and conditions can't be combined.
    #[error("{0}")]
    Scope(String),
    /// A token can't be for tenant logs, because the log has no tenants.
    #[error("the log has no tenants, so a token can't have log=")]
    NoTenants,
    /// The folder's database can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No token has that name.
    #[error("no token is named {0:?}")]
    Unknown(String),
    /// The server couldn't read the new file. Nothing was written.
    #[error("{}: {message}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The value that would be too large, and the limit.
        message: String,
    },
    /// The system has no random numbers.
    #[error("the system's random number generator failed: {0}")]
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

/// A new token, shown to a person once and never stored.
pub struct Token(String);

impl Token {
    fn generate() -> Result<Self, TokenError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(TokenError::Random)?;
        let mut token = PREFIX.to_owned();
        for byte in bytes {
            // Writing to a string can't fail.
            let _ = fmt::Write::write_fmt(&mut token, format_args!("{byte:02x}"));
        }
        Ok(Self(token))
    }

    /// Returns the token as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The tokens of a log's folder. The file is reloaded when it changes.
pub struct Tokens {
    path: PathBuf,
    has_tenants: bool,
    loaded: Mutex<LoadedFile>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct LoadedFile {
    stamp: Option<Stamp>,
    readers: Readers,
    /// If the file with that stamp is malformed, the line and the problem.
    malformed: Option<(usize, String)>,
    /// The number of valid tokens at the last check.
    valid: usize,
}

impl Tokens {
    /// Opens the tokens of the folder of an ordinary log. If the file doesn't exist, or has a token with `log=`, no
    /// token is admitted.
    pub fn new(folder: &Path) -> Self {
        let (loaded, changed) = (Mutex::default(), watch::Sender::new(()));
        Self { path: folder.join(FILE), has_tenants: false, loaded, changed }
    }

    /// Opens the tokens of the folder of a log with tenants. The caller must check [`Access::logs`].
    pub fn for_tenants(folder: &Path) -> Self {
        Self { has_tenants: true, ..Self::new(folder) }
    }

    /// Admits a token if it grants `right`.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn admit(&self, token: Option<&str>, right: Right, now: Time) -> Result<Access, AccessError> {
        match self.refreshed() {
            Ok(loaded) => loaded.readers.admit(token, right, now),
            Err(_) => Err(AccessError::Unavailable),
        }
    }

    /// True if a token admitted earlier would still be admitted for the same right.
    pub fn still_admits(&self, access: &Access, now: Time) -> bool {
        self.refreshed().is_ok_and(|loaded| loaded.readers.still_admit(access, now))
    }

    /// Returns a watch that changes whenever tokens may have become invalid: the file changed, or a token expired.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Signals that tokens may have become invalid.
    pub(crate) fn notify_change(&self) {
        self.changed.send_replace(());
    }

    /// Reloads the file if needed, and signals if tokens have become invalid.
    ///
    /// # Errors
    /// If the file can't be read. In this case, no token is admitted.
    pub(crate) fn check_expiry(&self, now: Time) -> Result<(), TokenError> {
        let checked = self.refreshed().map(|mut loaded| {
            let valid = loaded.readers.good(now);
            std::mem::replace(&mut loaded.valid, valid) != valid
        });
        // While the file can't be read, signal at every check.
        if *checked.as_ref().unwrap_or(&true) {
            self.notify_change();
        }
        checked.map(drop)
    }

    fn refreshed(&self) -> Result<MutexGuard<'_, LoadedFile>, TokenError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut loaded)?;
        Ok(loaded)
    }

    fn refresh(&self, loaded: &mut LoadedFile) -> Result<(), TokenError> {
        let stamp = match fs::metadata(&self.path) {
            Ok(metadata) => Some(Stamp::new(&metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(&self.path, error)),
        };
        if stamp.is_some() && stamp == loaded.stamp {
            return match &loaded.malformed {
                None => Ok(()),
                Some((line, message)) => {
                    let (path, line, message) = (self.path.clone(), *line, message.clone());
                    Err(TokenError::Malformed { path, line, message })
                }
            };
        }
        let had_any = loaded.stamp.is_some();
        // The old content is outdated, even if the new file can't be read.
        *loaded = LoadedFile::default();
        if had_any || stamp.is_some() {
            self.notify_change();
        }
        let read = read(&self.path);
        let read = if self.has_tenants { read } else { read.and_then(|all| without_logs(all, &self.path)) };
        match read {
            Ok(readers) => loaded.readers = readers,
            Err(error) => {
                // A malformed file is parsed again only after it changes. An I/O error may go away at any time.
                if let TokenError::Malformed { line, message, .. } = &error {
                    loaded.malformed = Some((*line, message.clone()));
                    loaded.stamp = stamp;
                }
                return Err(error);
            }
        }
        loaded.stamp = stamp;
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
        // The size limit may cut a character in two.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let message = if fs::metadata(path).is_ok_and(|metadata| metadata.len() > MAX_FILE_BYTES) {
                format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20)
            } else {
                "the file isn't UTF-8".to_owned()
            };
            return Err(TokenError::Malformed { path: path.to_owned(), line: 1, message });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Readers::default()),
        Err(error) => return Err(io_error(path, error)),
    }
    Readers::parse(&text).map_err(|error| malformed(path, error))
}

fn malformed(path: &Path, (line, message): (usize, String)) -> TokenError {
    TokenError::Malformed { path: path.to_owned(), line, message }
}

/// Checks that no token of an ordinary log has `log=`.
fn without_logs(readers: Readers, path: &Path) -> Result<Readers, TokenError> {
    readers.without_logs().map_err(|error| malformed(path, error))
}

/// A reader to create a token for.
#[derive(Clone, Debug)]
pub struct NewReader {
    /// The unique display name.
    pub name: String,
    /// The rights that the token grants.
    pub rights: Rights,
    /// When the token expires.
    pub until: Option<Time>,
    /// The events that the token may access.
    pub scope: Scope,
    /// The tenant logs that the token may access.
    pub logs: LogScope,
}

impl NewReader {
    /// Parses a reader from a line in the token file's syntax, without hash and rights: `NAME [UNTIL] [CONDITION …]`,
    /// with `log=` among the conditions. Adds to the given scope and logs.
    ///
    /// # Errors
    /// A human-readable description of the error.
    pub fn parse(
        line: &str,
        rights: Rights,
        until: Option<Time>,
        scope: Scope,
        logs: LogScope,
    ) -> Result<Self, String> {
        let mut words = line.split(' ').filter(|word| !word.is_empty()).peekable();
        let name = check_name(words.next().ok_or("the name is missing")?)?.to_owned();
        let mut reader = Self { name, rights, until, scope, logs };
        if let Some(until) = words.next_if(|word| !word.contains('=')) {
            reader.until = Some(Time::parse(until.as_bytes()).ok_or("the expiry isn't a valid time")?);
        }
        words.try_for_each(|word| allow_written(word, &mut reader.scope, &mut reader.logs))?;
        Ok(reader)
    }
}

/// Generates a token for a reader, limited to the events of `scope`, and adds its hash to the folder's file. The token
/// is for no tenant log.
///
/// # Errors
/// [`TokenError`], without changing anything.
pub fn add(
    folder: &Path,
    name: &str,
    rights: Rights,
    until: Option<Time>,
    scope: Scope,
) -> Result<Token, TokenError> {
    let reader = NewReader { name: name.to_owned(), rights, until, scope, logs: LogScope::None };
    let mut tokens = add_all(folder, vec![reader])?;
    tokens.pop().ok_or_else(|| TokenError::Name("the name is missing".into()))
}

/// Generates a token for each reader, in order, and adds their hashes to the folder's file in one step.
///
/// # Errors
/// [`TokenError`], without changing anything.
pub fn add_all(folder: &Path, readers: Vec<NewReader>) -> Result<Vec<Token>, TokenError> {
    if readers.iter().any(|reader| !reader.logs.is_none()) && is_ordinary(folder)? {
        return Err(TokenError::NoTenants);
    }
    change(folder, |known| {
        let mut names: HashSet<String> = known.iter().map(|reader| reader.name.clone()).collect();
        let mut tokens = Vec::with_capacity(readers.len());
        for NewReader { name, rights, until, scope, logs } in readers {
            check_name(&name).map_err(|message| TokenError::Name(message.into()))?;
            if !names.insert(name.clone()) {
                return Err(TokenError::Name(format!("a token named {name:?} already exists")));
            }
            let token = Token::generate()?;
            let (hash, scope) = (hash(token.as_str()), Arc::new(scope));
            let reader = Reader { hash, rights, name, until, scope, logs };
            known.push(reader.checked().map_err(TokenError::Scope)?);
            tokens.push(token);
        }
        Ok(tokens)
    })
}

/// True if the folder's database is that of a log without tenants. A server rejects all tokens of such a log if one has
/// `log=`.
fn is_ordinary(folder: &Path) -> Result<bool, TokenError> {
    Ok(sqlite::identify(folder)?.is_some_and(|log| !log.has_tenants))
}

/// Returns the readers in the folder's file, in order.
///
/// # Errors
/// [`TokenError`].
pub fn list(folder: &Path) -> Result<Vec<Reader>, TokenError> {
    let path = folder.join(FILE);
    let mut readers = read(&path)?;
    if readers.list.iter().any(|reader| !reader.logs.is_none()) && is_ordinary(folder)? {
        readers = without_logs(readers, &path)?;
    }
    Ok(readers.list)
}

/// Removes a token from the folder's file. A running server rejects it from then on.
///
/// # Errors
/// [`TokenError`], without changing anything.
pub fn revoke(folder: &Path, name: &str) -> Result<(), TokenError> {
    revoke_all(folder, &[name.to_owned()])
}

/// Removes these tokens from the folder's file in one step.
///
/// # Errors
/// [`TokenError`], without changing anything.
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

/// Makes tokens for some tenant logs tokens for others, which continue them. Tokens keep their secrets.
///
/// # Errors
/// [`TokenError`], without changing anything.
pub(crate) fn replace_logs(folder: &Path, new: &BTreeMap<TenantId, TenantId>) -> Result<(), TokenError> {
    if !folder.join(FILE).exists() {
        return Ok(());
    }
    change(folder, |readers| {
        for reader in readers {
            reader.logs = reader.logs.with_replaced(|id| new.get(id).copied().unwrap_or(*id));
        }
        Ok(())
    })
}

/// Edits the file under a lock, and replaces it in one step.
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

/// Formats the readers as a file, and checks that it parses to the same readers.
///
/// # Errors
/// The item that is too large or can't be parsed.
fn write(readers: &[Reader]) -> Result<String, String> {
    let mut text = String::new();
    for reader in readers {
        let begin = text.len();
        // Writing to a string can't fail.
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{reader}"));
        if text.len() - begin > MAX_LINE_BYTES {
            let max = MAX_LINE_BYTES >> 10;
            return Err(format!("the line of {:?} would be longer than {max} KiB", reader.name));
        }
        text.push('\n');
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(format!("the file would be larger than {} MiB", MAX_FILE_BYTES >> 20));
        }
    }
    match Readers::parse(&text) {
        Ok(read) if read.list == readers => Ok(text),
        Ok(_) => Err("the file would be parsed as different readers".to_owned()),
        Err((line, why)) => Err(format!("line {line} would be invalid: {why}")),
    }
}
