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

#[cfg(feature = "server")]
mod file;

use std::fmt;
use std::str::FromStr;

use countersign::hash::Hash;
use countersign::time::Time;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

#[cfg(feature = "server")]
pub use file::{FILE, Token, TokenError, Tokens, add, list, revoke};

/// The most bytes that the file may have.
const MAX_FILE: u64 = 1 << 20;
/// The most bytes that a name may have.
const MAX_NAME: usize = 100;

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

/// Why a request is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no token, or one that is not good.
    #[error("the request has no token that is good")]
    Unauthenticated,
    /// The token does not have the right.
    #[error("the token does not have the right")]
    Forbidden,
    /// The file could not be read. Nobody is let in then.
    #[error("the readers' file cannot be read")]
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

fn hash(token: &str) -> [u8; 32] {
    Hash::of(&[token.as_bytes()]).0
}

/// All readers, each of another name and token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readers(Vec<Reader>);

impl Readers {
    /// Reads the file's text; else says in which line what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, (usize, &'static str)> {
        if text.len() as u64 > MAX_FILE {
            return Err((1, "the file has more than 1 MiB"));
        }
        let mut readers: Vec<Reader> = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let reader = Reader::parse(line).map_err(|message| (number, message))?;
            if readers.iter().any(|other| other.name == reader.name || other.hash == reader.hash) {
                return Err((number, "there is another line of this name or hash"));
            }
            readers.push(reader);
        }
        Ok(Self(readers))
    }

    /// Whose token this is, if it has the right. All tokens are compared, each in constant time.
    pub(crate) fn admit(&self, token: Option<&str>, right: Right, now: Time) -> Result<&str, Denied> {
        let hash = hash(token.ok_or(Denied::Unauthenticated)?);
        let (mut found, mut place) = (Choice::from(0), 0_u64);
        for (number, reader) in self.0.iter().enumerate() {
            let same = reader.hash.ct_eq(&hash);
            place.conditional_assign(&(number as u64), same);
            found |= same;
        }
        let reader = self.0.get(place as usize).filter(|_| found.into());
        let reader = reader.filter(|reader| reader.is_good_at(now)).ok_or(Denied::Unauthenticated)?;
        if reader.rights.allow(right) { Ok(&reader.name) } else { Err(Denied::Forbidden) }
    }

    /// Whether a reader who was let in before, by that name, would be let in now.
    pub(crate) fn still_admit(&self, name: &str, right: Right, now: Time) -> bool {
        let good =
            |reader: &Reader| reader.name == name && reader.is_good_at(now) && reader.rights.allow(right);
        self.0.iter().any(good)
    }
}
