//! Who may read events: bearer tokens, of which only hashes are kept.
//!
//! They are in the file `readers.txt` of the log's folder, which its owner alone may read, one a line: the SHA-256 of
//! the token in hex, its rights, a name for people, and perhaps until when it is good and which events it is for.
//!
//! ```text
//! 1f0c…e9 read auditor
//! 77ab…02 read,erase privacy-desk 2027-01-01T00:00:00.000Z
//! c39d…5a read acme tenant=acme action=user.*
//! ```
//!
//! A token is 32 random bytes in hex after `csr_`, by which it is found where it should not be.

mod rights;
mod scope;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::time::Time;

pub use rights::{Right, Rights};
pub use scope::MAX_CONDITIONS;
pub use scope::{SCOPED, Scope};

/// The most bytes that the file may have: more than 600,000 tokens.
pub const MAX_FILE_BYTES: u64 = 64 << 20;
/// The most bytes that a line may have: 64 conditions fit.
pub const MAX_LINE_BYTES: usize = 256 << 10;
/// The most bytes that a name may have.
const MAX_NAME: usize = 100;

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The SHA-256 of its token.
    pub hash: [u8; 32],
    /// What it may do.
    pub rights: Rights,
    /// Its name, for people; each once.
    pub name: String,
    /// From when on it is not good any more.
    pub until: Option<Time>,
    /// Which events it is for.
    pub scope: Arc<Scope>,
}

/// A token that was let in, for what it asked. It says who reads, and what of the log there is for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    hash: [u8; 32],
    right: Right,
    name: String,
    scope: Arc<Scope>,
    lent: Option<Lent>,
}

/// For how long a token is good that an issuer signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lent {
    /// The token's end.
    pub until: Time,
    /// What tells the issuer's key from others: for as long as the issuer has it.
    pub key: Hash,
}

impl Access {
    /// Of somebody whom an issuer vouches for. `hash` is of what the issuer calls them.
    pub fn lent(hash: [u8; 32], right: Right, name: String, scope: Arc<Scope>, lent: Lent) -> Self {
        Self { hash, right, name, scope, lent: Some(lent) }
    }

    /// For how long it is good, where an issuer vouches for it.
    pub fn issued(&self) -> Option<&Lent> {
        self.lent.as_ref()
    }

    /// The reader's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells the token from others, and lets nobody in: the first 16 digits of its hash in the file, or of the hash
    /// of what the issuer calls its bearer.
    pub fn credential(&self) -> String {
        let mut digits = String::with_capacity(16);
        for byte in &self.hash[..8] {
            // Writing to a string does not fail.
            let _ = fmt::Write::write_fmt(&mut digits, format_args!("{byte:02x}"));
        }
        digits
    }

    /// Which events the token is for.
    pub fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }
}

/// An error in the authorization of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// There is no token, or one that is not good.
    #[error("the request has no valid token")]
    Unauthenticated,
    /// The token does not have the right.
    #[error("the token does not have the right")]
    Forbidden(Right),
    /// The file could not be read. Nobody is let in then.
    #[error("the readers' file cannot be read")]
    Unavailable,
}

impl Reader {
    fn parse(line: &str) -> Result<Self, String> {
        let mut fields = line.split(' ');
        let mut field = |what| fields.next().filter(|field| !field.is_empty()).ok_or(what);
        let hash =
            parse_hex(field("the hash is missing")?).ok_or("the hash is not 64 lower-case hex digits")?;
        let rights: Rights = field("the rights are missing")?.parse()?;
        let name = check_name(field("the name is missing")?)?.to_owned();
        let mut fields = fields.peekable();
        let until = match fields.next_if(|field| !field.contains('=')) {
            None => None,
            Some(until) => Some(Time::parse(until.as_bytes()).ok_or("the time is not one")?),
        };
        let mut scope = Scope::default();
        for field in fields {
            scope.allow_written(field)?;
        }
        Self { hash, rights, name, until, scope: Arc::new(scope) }.checked()
    }

    /// Checks that its rights and conditions go together.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn checked(self) -> Result<Self, String> {
        if self.rights.allow(Right::Admin) && !self.scope.is_everything() {
            return Err("the right admin is for the whole log: such a token has no conditions".into());
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
        if self.scope.is_everything() { Ok(()) } else { write!(f, " {}", self.scope) }
    }
}

/// Checks a reader's name.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<&str, &'static str> {
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

/// The SHA-256 of a token.
pub fn hash(token: &str) -> [u8; 32] {
    Hash::of(&[token.as_bytes()]).0
}

/// All readers, each of another name and token.
#[derive(Clone, Debug, Default)]
pub struct Readers {
    /// In the file's order.
    pub list: Vec<Reader>,
    /// The place of each in the list, by its token's hash.
    by_hash: HashMap<[u8; 32], usize>,
    /// When those end that do, ascending.
    ends: Vec<Time>,
}

impl Readers {
    /// Reads the file's text; else says in which line what is wrong.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err((1, format!("the file has more than {} MiB", MAX_FILE_BYTES >> 20)));
        }
        let (mut list, mut by_hash) = (Vec::<Reader>::new(), HashMap::new());
        let mut names = HashSet::new();
        // Readers of everything share a scope.
        let everything = Arc::new(Scope::default());
        for (line, number) in text.lines().zip(1..) {
            if line.len() > MAX_LINE_BYTES {
                return Err((number, format!("the line has more than {} KiB", MAX_LINE_BYTES >> 10)));
            }
            let mut reader = Reader::parse(line).map_err(|message| (number, message))?;
            if reader.scope.is_everything() {
                reader.scope = Arc::clone(&everything);
            }
            let is_new = by_hash.insert(reader.hash, list.len()).is_none();
            if !names.insert(reader.name.clone()) || !is_new {
                return Err((number, "there is another line of this name or hash".into()));
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

    /// Lets a token in, if it has the right. It is found by its SHA-256, so how long that takes says nothing about
    /// other tokens.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn admit(&self, token: Option<&str>, right: Right, now: Time) -> Result<Access, AccessError> {
        let reader = self.find(&hash(token.ok_or(AccessError::Unauthenticated)?));
        let reader = reader.filter(|reader| reader.is_good_at(now)).ok_or(AccessError::Unauthenticated)?;
        if !reader.rights.allow(right) {
            return Err(AccessError::Forbidden(right));
        }
        let Reader { hash, name, scope, .. } = reader;
        Ok(Access { hash: *hash, right, name: name.clone(), scope: scope.clone(), lent: None })
    }

    fn find(&self, hash: &[u8; 32]) -> Option<&Reader> {
        self.by_hash.get(hash).and_then(|place| self.list.get(*place))
    }

    /// Whether a token that was let in before would be let in now for the same. It is told by what it is and not by its
    /// reader's name, which another token may have got.
    pub fn still_admit(&self, access: &Access, now: Time) -> bool {
        self.find(&access.hash).is_some_and(|reader| {
            reader.is_good_at(now) && reader.rights.allow(access.right) && reader.scope == access.scope
        })
    }

    /// How many are good at that time.
    pub fn good(&self, now: Time) -> usize {
        self.list.len() - self.ends.partition_point(|end| *end <= now)
    }
}
