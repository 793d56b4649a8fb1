//! Watchlists: signed lists of subjects whose requests a gate challenges or denies because of earlier
//! findings (SPEC section 13, "Watchlists").
//!
//! A watchlist is a signed note. It contains no names, only salted hashes that a gate compares with the
//! hashes of values in an event.
//!
//! ```
//! use countersign::hash::Hash;
//! use countersign::note::SignerKey;
//! use countersign_analyze::Decision;
//! use countersign_analyze::watchlist::{Header, Kind, Watched, Watchlist};
//!
//! let key = SignerKey::from_seed("example.com/watch", [1; 32])?;
//! let header = Header {
//!     origin: "log.example/audit".into(),
//!     sequence: 7,
//!     made: "2026-11-20T06:00:00.000Z".parse()?,
//!     until: "2026-11-20T06:05:00.000Z".parse()?,
//!     pack: Hash([2; 32]),
//!     salt: [3; 16],
//! };
//! let watched = Watched {
//!     kind: Kind::Address,
//!     value: "203.0.113.7",
//!     decision: Decision::Deny,
//!     until: "2026-11-20T07:00:00.000Z".parse()?,
//!     finding: "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4",
//!     rule: "spraying",
//! };
//! let note = Watchlist::new(header, [watched])?.sign(&key)?;
//!
//! let list = Watchlist::open(&note, [key.verifier_key()])?;
//! let now = list.header().made;
//! assert_eq!(list.find(Kind::Address, "::ffff:203.0.113.7", now).unwrap().rule, "spraying");
//! assert_eq!(list.find(Kind::Actor, "203.0.113.7", now), None);
//! assert_eq!(list.find(Kind::Address, "203.0.113.7", "2026-11-20T07:00:00.000Z".parse()?), None);
//! # Ok::<(), countersign::Error>(())
//! ```

use core::net::IpAddr;
use std::borrow::Cow;

use countersign::base64;
use countersign::canonical::{Token, Tokens, write_string};
use countersign::error::{Code, Error};
use countersign::hash::Hash;
#[cfg(feature = "sign")]
use countersign::note::{Keys, Note, SignerKey, sign_note};
use countersign::note::{check_name, is_name};
use countersign::time::Time;
use countersign_query::Read;
use countersign_query::value::Value;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::bounded::bounded;
use crate::decision::Decision;

/// The maximum number of entries in a list.
pub const MAX_ENTRIES: usize = 10_000;
/// The maximum size of a list, including signatures, in bytes.
pub const MAX_BYTES: usize = 8 << 20;
/// The maximum size of a rule's id, in bytes.
pub const MAX_RULE: usize = 512;
/// The largest sequence number: JavaScript's largest safe integer.
pub const MAX_SEQUENCE: u64 = (1 << 53) - 1;

/// The first line of a watchlist's text.
const FIRST_LINE: &str = "countersign/v1 watchlist";
/// The number of lines before the entries.
const HEADER_LINES: u64 = 5;

/// The kind of value that an entry watches.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    /// An actor: `parsed.actor.id`.
    Actor,
    /// A network address: `parsed.address`.
    Address,
    /// A key or token: `actor.credential`.
    Credential,
    /// A session: `actor.session`.
    Session,
}

impl Kind {
    /// All kinds.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the kind's name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses a kind's name.
    pub fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }

    /// Returns the event field that contains such values.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Actor => "parsed.actor.id",
            Self::Address => "parsed.address",
            Self::Credential => "actor.credential",
            Self::Session => "actor.session",
        }
    }

    /// Returns the value in an event of the product's own format.
    pub(crate) fn value<'a>(self, event: Value<'a>, read: Option<&'a Read<'a>>) -> Option<Cow<'a, str>> {
        let of_actor = |member| event.get("actor")?.get(member)?.non_empty_text();
        match (self, read) {
            (Self::Actor, Some(read)) => read.actor.id.as_deref().map(Cow::Borrowed),
            (Self::Actor, None) => of_actor("id").or_else(|| event.get("actor")?.non_empty_text()),
            (Self::Address, Some(read)) => read.address.as_deref().map(Cow::Borrowed),
            (Self::Address, None) => event.at("context.ip")?.non_empty_text(),
            (Self::Credential, _) => of_actor("credential"),
            (Self::Session, _) => of_actor("session"),
        }
    }

    /// Returns the kind of values in a field, such as one that a correlation groups by.
    pub fn of_field(field: &str) -> Option<Self> {
        match field {
            "actor.id" => Some(Self::Actor),
            "context.ip" => Some(Self::Address),
            _ => Self::ALL.iter().copied().find(|kind| kind.field() == field),
        }
    }

    /// Hashes a value with a list's salt. An address has the same hash in every notation. A long value is
    /// hashed by its first bytes and its SHA-256, as in findings.
    pub fn hash(self, value: &str, salt: &[u8; 16]) -> Hash {
        let hash = |value: &[u8]| Hash::digest(&[salt, self.as_str().as_bytes(), b"\n", value]);
        match value.parse() {
            Ok(IpAddr::V4(address)) if self == Self::Address => hash(&address.to_ipv6_mapped().octets()),
            Ok(IpAddr::V6(address)) if self == Self::Address => hash(&address.octets()),
            _ => hash(bounded(value).as_bytes()),
        }
    }
}

/// A list's origin, validity, and salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The origin of the log that was analyzed.
    pub origin: String,
    /// The list's number, up to [`MAX_SEQUENCE`]. A list never replaces one with a higher number.
    pub sequence: u64,
    /// The time the list was made.
    pub made: Time,
    /// The time it expires.
    pub until: Time,
    /// The hash of the rule pack behind its entries.
    pub pack: Hash,
    /// Random bytes, so that the hashes of two lists can't be compared.
    pub salt: [u8; 16],
}

/// A value to put on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched<'a> {
    /// The kind of value.
    pub kind: Kind,
    /// The value, such as an identifier or an address. The list contains only its hash.
    pub value: &'a str,
    /// The decision about matching requests: [`Decision::Challenge`] or [`Decision::Deny`].
    pub decision: Decision,
    /// The time the entry expires.
    pub until: Time,
    /// The id of the finding behind it: 64 hex digits.
    pub finding: &'a str,
    /// The id of the finding's rule.
    pub rule: &'a str,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The kind of value.
    pub kind: Kind,
    /// The value's hash ([`Kind::hash`]).
    pub hash: Hash,
    /// The decision about matching requests.
    pub decision: Decision,
    /// The time the entry expires.
    pub until: Time,
    /// The id of the finding behind it.
    pub finding: String,
    /// The id of the finding's rule.
    pub rule: String,
}

/// The range of entries for one value: the index of the first, and the index after the last.
pub(crate) type Places = (usize, usize);

/// A watchlist. Its entries are in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watchlist {
    header: Header,
    entries: Vec<Entry>,
}

fn refuse(why: impl Into<String>) -> Error {
    Error::new(Code::Watchlist, why)
}

fn is_finding(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Entry {
    fn new(watched: &Watched<'_>, salt: &[u8; 16]) -> Result<Self, Error> {
        let Watched { kind, value, decision, until, finding, rule } = *watched;
        let entry = Self {
            kind,
            hash: kind.hash(value, salt),
            decision,
            until,
            finding: finding.into(),
            rule: rule.into(),
        };
        if entry.is_sound() {
            Ok(entry)
        } else {
            let hint =
                "set the decision to challenge or deny, the finding to 64 hex digits, and the rule to its id";
            Err(refuse("this is not a valid watchlist entry").with_hint(hint))
        }
    }

    fn is_sound(&self) -> bool {
        self.decision != Decision::Allow
            && is_finding(&self.finding)
            && (1..=MAX_RULE).contains(&self.rule.len())
    }

    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.splitn(6, ' ');
        let entry = Self {
            kind: Kind::parse(parts.next()?)?,
            hash: Hash::from_base64(parts.next()?)?,
            decision: Decision::parse(parts.next()?)?,
            until: Time::parse(parts.next()?.as_bytes())?,
            finding: parts.next()?.into(),
            rule: unquoted(parts.next()?)?,
        };
        entry.is_sound().then_some(entry)
    }

    fn write(&self, text: &mut Vec<u8>) {
        let Self { kind, hash, decision, until, finding, rule } = self;
        for part in [kind.as_str(), &hash.to_string(), decision.as_str(), &until.to_string(), finding] {
            text.extend(part.bytes());
            text.push(b' ');
        }
        write_string(rule, text);
        text.push(b'\n');
    }
}

/// Parses a JSON string in canonical form.
fn unquoted(quoted: &str) -> Option<String> {
    let mut tokens = Tokens::new(quoted);
    let (Some(Ok(Token::Text(raw))), None) = (tokens.next(), tokens.next()) else { return None };
    let text = raw.text();
    let mut again = Vec::new();
    write_string(&text, &mut again);
    (again == quoted.as_bytes()).then(|| text.into_owned())
}

impl Watchlist {
    /// Creates a list. Duplicate entries are merged.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Watchlist`] if the list is never valid, has more than [`MAX_ENTRIES`] entries, or
    /// has an invalid one; [`Code::Name`] if the origin isn't a valid name of a log.
    pub fn new<'a>(header: Header, watched: impl IntoIterator<Item = Watched<'a>>) -> Result<Self, Error> {
        check_name(&header.origin)?;
        if header.sequence > MAX_SEQUENCE || header.made >= header.until {
            let hint = "set `until` later than `made`, and the sequence number below 2^53";
            return Err(refuse("the watchlist's header is invalid").with_hint(hint));
        }
        let entries = watched.into_iter().map(|watched| Entry::new(&watched, &header.salt));
        let mut entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
        entries.sort();
        entries.dedup();
        if entries.len() > MAX_ENTRIES {
            return Err(
                refuse("a watchlist has at most 10,000 entries").with_hint("remove the least urgent entries")
            );
        }
        Ok(Self { header, entries })
    }

    /// Returns the list's origin, validity, and salt.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the entries in ascending order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the strictest unexpired entry for a value.
    pub fn find(&self, kind: Kind, value: &str, now: Time) -> Option<&Entry> {
        self.strictest(self.places(kind, value), now)
    }

    /// Returns the range of entries for a value.
    pub(crate) fn places(&self, kind: Kind, value: &str) -> Places {
        let sought = (kind, kind.hash(value, &self.header.salt));
        let from = self.entries.partition_point(|entry| (entry.kind, entry.hash) < sought);
        let same = self.entries[from..].iter().take_while(|entry| (entry.kind, entry.hash) == sought);
        (from, from + same.count())
    }

    /// Returns the strictest unexpired entry in a range.
    pub(crate) fn strictest(&self, (from, to): Places, now: Time) -> Option<&Entry> {
        // Entries for one value are sorted by decision, the strictest last.
        self.entries.get(from..to)?.iter().rfind(|entry| now < entry.until)
    }

    /// Returns the list's text in UTF-8, as signed in a note.
    pub fn text(&self) -> Vec<u8> {
        let Header { origin, sequence, made, until, pack, salt } = &self.header;
        let salt = base64::encode(salt);
        let mut text =
            format!("{FIRST_LINE}\n{origin}\n{sequence} {made} {until}\n{pack}\n{salt}\n").into_bytes();
        for entry in &self.entries {
            entry.write(&mut text);
        }
        text
    }

    /// Parses a string written by [`Watchlist::text`]. Doesn't verify who signed it.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Watchlist`], with the line.
    pub fn read(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(refuse("the watchlist is larger than 8 MiB"));
        }
        let at = |line: u64, why: &str| refuse(why).at_line(line);
        let mut lines = text.strip_suffix('\n').unwrap_or_default().split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(at(1, "the file is not a watchlist")
                .with_hint("pass a file whose first line is `countersign/v1 watchlist`"));
        }
        let origin = lines.next().filter(|origin| is_name(origin));
        let origin = origin.ok_or_else(|| at(2, "the origin is not a valid name of a log"))?;
        let holds = lines.next().and_then(|line| {
            let mut parts = line.split(' ');
            let number = parts.next()?;
            let sequence = number.parse().ok().filter(|sequence: &u64| sequence.to_string() == number)?;
            let mut time = || Time::parse(parts.next()?.as_bytes());
            let (made, until) = (time()?, time()?);
            (parts.next().is_none() && sequence <= MAX_SEQUENCE && made < until)
                .then_some((sequence, made, until))
        });
        let (sequence, made, until) =
            holds.ok_or_else(|| at(3, "the line is not a sequence number, a time and a later time"))?;
        let pack =
            lines.next().and_then(Hash::from_base64).ok_or_else(|| at(4, "the pack's hash is invalid"))?;
        let salt = lines.next().and_then(base64::decode_array).ok_or_else(|| at(5, "the salt is invalid"))?;
        let mut entries: Vec<Entry> = Vec::new();
        for (number, line) in (HEADER_LINES + 1..).zip(lines) {
            if entries.len() == MAX_ENTRIES {
                return Err(at(number, "a watchlist has at most 10,000 entries"));
            }
            let entry =
                Entry::parse(line).ok_or_else(|| at(number, "the line is not a valid watchlist entry"))?;
            if entries.last().is_some_and(|last| *last >= entry) {
                return Err(at(number, "the entry is not in ascending order"));
            }
            entries.push(entry);
        }
        let header = Header { origin: origin.into(), sequence, made, until, pack, salt };
        Ok(Self { header, entries })
    }

    /// Checks that this list may replace an earlier one.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Watchlist`] if it belongs to another log, has a lower sequence number, or has the
    /// same number and other contents.
    pub fn replaces(&self, before: &Self) -> Result<(), Error> {
        let (new, old) = (&self.header, &before.header);
        if new.origin != old.origin {
            return Err(refuse("the watchlist belongs to another log than the current one"));
        }
        if new.sequence < old.sequence || new.sequence == old.sequence && self != before {
            let why = format!(
                "the watchlist has sequence number {}, but the current one has {}",
                new.sequence, old.sequence
            );
            let hint = "pass the newest list, and sign lists with this key in one program only";
            return Err(refuse(why).with_hint(hint));
        }
        Ok(())
    }

    /// Returns the list as a signed note.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Key`] if the key is a witness's.
    #[cfg(feature = "sign")]
    pub fn sign(&self, key: &SignerKey) -> Result<String, Error> {
        let text = String::from_utf8(self.text()).map_err(|_| refuse("the watchlist is not valid UTF-8"))?;
        sign_note(&text, key)
    }

    /// Parses a note that one of these keys signed.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Note`] or [`Code::Watchlist`] if it is malformed, and [`Code::Signature`] if none of
    /// the keys signed it.
    #[cfg(feature = "sign")]
    pub fn open<'k>(note: &str, keys: impl Keys<'k>) -> Result<Self, Error> {
        if note.len() > MAX_BYTES {
            return Err(refuse("the watchlist is larger than 8 MiB"));
        }
        let note = Note::parse(note)?;
        if !keys.into_iter().any(|key| note.is_signed_by(key)) {
            return Err(Error::new(Code::Signature, "this watchlist isn't signed by any of the given keys")
                .with_hint("pass the public key (vkey) of the program that makes the list"));
        }
        Self::read(&note.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_kinds_are_stable() {
        let words = ["actor", "address", "credential", "session"];
        assert!(Kind::ALL.iter().map(|one| one.as_str()).eq(words));
        assert!(words.iter().map(|word| Kind::parse(word)).eq(Kind::ALL.iter().copied().map(Some)));
    }
}
