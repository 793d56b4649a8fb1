//! Authorization of readers by bearer tokens. Only hashes of the tokens are stored.
//!
//! They are in the file `readers.txt` in the log's folder, which only its owner may read. Each line has the SHA-256 of
//! a token in hex, its rights, a name, and optionally its end, tenant logs, and conditions on the events.
//!
//! ```text
//! 1f0c…e9 read auditor
//! 77ab…02 read,erase privacy-desk 2027-01-01T00:00:00.000Z
//! c39d…5a read acme tenant=acme action=user.*
//! 40e2…b7 read beta log=8f000000000000000000000000000001
//! ```
//!
//! `log=ID` and `log=*` are for a log with tenants, where a token without them reads no tenant log. A token of an
//! ordinary log must not have them.
//!
//! A token consists of `csr_`, which lets secret scanners recognize it, and 32 random bytes in hex.

mod log_scope;
mod rights;
mod scope;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::hex;
use countersign::time::Time;

pub use log_scope::{LogScope, MAX_LOGS, TenantIds};
pub use rights::{Right, Rights};
pub use scope::MAX_CONDITIONS;
pub use scope::{SCOPED, Scope};

/// The maximum size of the file, which fits more than 600,000 tokens.
pub const MAX_FILE_BYTES: u64 = 64 << 20;
/// The maximum length of a line, which fits 64 conditions.
pub const MAX_LINE_BYTES: usize = 256 << 10;
/// The maximum length of a name, in bytes.
const MAX_NAME_BYTES: usize = 100;

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The SHA-256 of its token.
    pub hash: [u8; 32],
    /// The rights of the token.
    pub rights: Rights,
    /// The name of the reader, unique in the file.
    pub name: String,
    /// The time from which the token is invalid.
    pub until: Option<Time>,
    /// The events that the token is limited to.
    pub scope: Arc<Scope>,
    /// The tenant logs that the token is for.
    pub logs: LogScope,
}

/// The authorization of one request: who reads, which events, and which tenant logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    hash: [u8; 32],
    right: Right,
    name: String,
    scope: Arc<Scope>,
    logs: LogScope,
    validity: Option<TokenValidity>,
}

/// The validity of a token that an issuer signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenValidity {
    /// The end of the token.
    pub until: Time,
    /// The identity of the issuer's key. The token is valid only while the issuer has this key.
    pub key: Hash,
}

impl Access {
    /// Creates the authorization of a reader that an issuer vouches for. `hash` is the hash of the issuer's name for
    /// the reader.
    pub fn from_issuer(
        hash: [u8; 32],
        right: Right,
        name: String,
        scope: Arc<Scope>,
        logs: LogScope,
        validity: TokenValidity,
    ) -> Self {
        Self { hash, right, name, scope, logs, validity: Some(validity) }
    }

    /// Returns the validity, if an issuer signed the token.
    pub fn issued(&self) -> Option<&TokenValidity> {
        self.validity.as_ref()
    }

    /// The reader's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns an identifier of the token that doesn't grant access: the first 16 digits of its hash in the file, or of
    /// the hash of the issuer's name for the reader.
    pub fn credential(&self) -> String {
        let mut digits = String::with_capacity(16);
        for byte in &self.hash[..8] {
            // Writing to a string can't fail.
            let _ = fmt::Write::write_fmt(&mut digits, format_args!("{byte:02x}"));
        }
        digits
    }

    /// Returns the events that the token is limited to.
    pub fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    /// Returns the tenant logs that the token is for. A log with tenants must check this for each request to a tenant
    /// log. On an ordinary log there are none.
    pub fn logs(&self) -> &LogScope {
        &self.logs
    }
}

/// An error in the authorization of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The token is missing or invalid.
    #[error("the request has no valid token")]
    Unauthenticated,
    /// The token lacks the right.
    #[error("the token lacks the required right")]
    Forbidden(Right),
    /// The readers' file could not be read, so all readers are rejected.
    #[error("the readers' file cannot be read")]
    Unavailable,
}

impl Reader {
    fn parse(line: &str) -> Result<Self, String> {
        let mut fields = line.split(' ');
        let mut field = |what| fields.next().filter(|field| !field.is_empty()).ok_or(what);
        let hash = hex::decode(field("the hash is missing")?.as_bytes())
            .ok_or("the hash must be 64 lower-case hex digits")?;
        let rights: Rights = field("the rights are missing")?.parse()?;
        let name = check_name(field("the name is missing")?)?.to_owned();
        let mut fields = fields.peekable();
        let until =
            match fields.next_if(|field| !field.contains('=')) {
                None => None,
                Some(until) => Some(Time::parse(until.as_bytes()).ok_or(
                    "the third field must be a time such as 2027-01-01T00:00:00.000Z, or a condition",
                )?),
            };
        let (mut scope, mut logs) = (Scope::default(), LogScope::default());
        for field in fields {
            allow_written(field, &mut scope, &mut logs)?;
        }
        Self { hash, rights, name, until, scope: Arc::new(scope), logs }.checked()
    }

    /// Checks that the rights are compatible with the conditions.
    ///
    /// # Errors
    /// The conflict, in words.
    pub fn checked(self) -> Result<Self, String> {
        if self.rights.allow(Right::Admin) && !self.scope.is_everything() {
            return Err("a token with the right admin must not have conditions".into());
        }
        if self.rights.allow(Right::Record) && !self.scope.is_everything() {
            return Err("a token with the right record must not have conditions".into());
        }
        if self.rights.allow(Right::Growth) && !(self.logs.is_all() && self.scope.is_everything()) {
            return Err(
                "a token with the right growth must be for all tenant logs, and must not have conditions"
                    .into(),
            );
        }
        Ok(self)
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
        if let Some(until) = self.until {
            write!(f, " {until}")?;
        }
        if !self.logs.is_none() {
            write!(f, " {}", self.logs)?;
        }
        if self.scope.is_everything() { Ok(()) } else { write!(f, " {}", self.scope) }
    }
}

/// Adds a tenant log or a condition in its file form: `log=*` or `tenant=acme`.
///
/// # Errors
/// The problem, in words.
pub fn allow_written(word: &str, scope: &mut Scope, logs: &mut LogScope) -> Result<(), String> {
    match word.split_once('=') {
        Some((log_scope::NAME, log)) => logs.allow_written(log),
        _ => scope.allow_written(word),
    }
}

/// Checks a reader's name.
///
/// # Errors
/// The rule that the name violates.
pub fn check_name(name: &str) -> Result<&str, &'static str> {
    let good = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.chars().any(|char| char.is_whitespace() || char.is_control());
    if good {
        Ok(name)
    } else {
        Err("a name must have 1 to 100 bytes, without whitespace or control characters")
    }
}

/// Returns the SHA-256 of a token.
pub fn hash(token: &str) -> [u8; 32] {
    Hash::digest(&[token.as_bytes()]).0
}

/// All readers. No two share a name or token.
#[derive(Clone, Debug, Default)]
pub struct Readers {
    /// The readers in the file's order.
    pub list: Vec<Reader>,
    /// The index of each reader in the list, by its token's hash.
    by_hash: HashMap<[u8; 32], usize>,
    /// The ends of the tokens that have one, ascending.
    ends: Vec<Time>,
}

impl Readers {
    /// Parses the text of the file.
    ///
    /// # Errors
    /// The number of the first invalid line, and the problem.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err((1, format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20)));
        }
        let (mut list, mut by_hash) = (Vec::<Reader>::new(), HashMap::new());
        let mut names = HashSet::new();
        // Readers without conditions share one scope, to save memory.
        let everything = Arc::new(Scope::default());
        for (line, number) in text.lines().zip(1..) {
            if line.len() > MAX_LINE_BYTES {
                return Err((number, format!("the line is longer than {} KiB", MAX_LINE_BYTES >> 10)));
            }
            let mut reader = Reader::parse(line).map_err(|message| (number, message))?;
            if reader.scope.is_everything() {
                reader.scope = Arc::clone(&everything);
            }
            let is_new = by_hash.insert(reader.hash, list.len()).is_none();
            if !names.insert(reader.name.clone()) || !is_new {
                return Err((number, "another line has the same name or hash".into()));
            }
            list.push(reader);
        }
        let ends = {
            let mut ends: Vec<Time> = list.iter().filter_map(|reader| reader.until).collect();
            ends.sort_unstable();
            ends
        };
        Ok(Self { list, by_hash, ends })
    }

    /// Returns the readers for an ordinary log, which has no tenants.
    ///
    /// # Errors
    /// The number of the first line with a tenant log, and the problem.
    pub fn without_logs(self) -> Result<Self, (usize, String)> {
        match self.list.iter().position(|reader| !reader.logs.is_none()) {
            None => Ok(self),
            // Each line has a reader.
            Some(place) => Err((place + 1, "this log has no tenants, so a token must not have log=".into())),
        }
    }

    /// Authorizes a token that has the right. The lookup is by SHA-256, so its duration reveals nothing about other
    /// tokens.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn admit(&self, token: Option<&str>, right: Right, now: Time) -> Result<Access, AccessError> {
        let reader = self.find(&hash(token.ok_or(AccessError::Unauthenticated)?));
        let reader = reader.filter(|reader| reader.is_good_at(now)).ok_or(AccessError::Unauthenticated)?;
        if !reader.rights.allow(right) {
            return Err(AccessError::Forbidden(right));
        }
        let Reader { hash, name, scope, logs, .. } = reader;
        let (name, scope, logs) = (name.clone(), scope.clone(), logs.clone());
        Ok(Access { hash: *hash, right, name, scope, logs, validity: None })
    }

    fn find(&self, hash: &[u8; 32]) -> Option<&Reader> {
        self.by_hash.get(hash).and_then(|place| self.list.get(*place))
    }

    /// True if a token that was authorized before is still authorized. The hash identifies the token, because another
    /// token may have the reader's name by now.
    pub fn still_admit(&self, access: &Access, now: Time) -> bool {
        self.find(&access.hash).is_some_and(|reader| {
            reader.is_good_at(now)
                && reader.rights.allow(access.right)
                && reader.scope == access.scope
                && reader.logs == access.logs
        })
    }

    /// Returns the number of tokens that are valid at this time.
    pub fn good(&self, now: Time) -> usize {
        self.list.len() - self.ends.partition_point(|end| *end <= now)
    }
}
