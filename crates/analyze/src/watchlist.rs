//! Watchlists: what findings that take several events have a gate refuse (SPEC section 13, "Watchlists").
//!
//! A watchlist is a signed note. It names nobody: it has salted hashes, which a gate compares with those of the events
//! before it.
//!
//! ```
//! use countersign::hash::Hash;
//! use countersign::note::SignerKey;
//! use countersign_analyze::Decision;
//! use countersign_analyze::watchlist::{Header, Kind, Watched, Watchlist};
//!
//! let key = SignerKey::generate("example.com/watch", [1; 32])?;
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

/// The most entries of a list.
pub const MAX_ENTRIES: usize = 10_000;
/// The most bytes of a list, signatures and all.
pub const MAX_BYTES: usize = 8 << 20;
/// The most bytes of a rule's id.
pub const MAX_RULE: usize = 512;
/// The greatest sequence number: the greatest whole number that JavaScript has.
pub const MAX_SEQUENCE: u64 = (1 << 53) - 1;

/// The first line of a watchlist's text.
const FIRST_LINE: &str = "countersign/v1 watchlist";
/// As many lines come before the entries.
const HEADER_LINES: u64 = 5;

/// What an entry knows somebody or something by.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    /// Who does it: `parsed.actor.id`.
    Actor,
    /// From where: `parsed.address`.
    Address,
    /// With which key or token: `actor.credential`.
    Credential,
    /// In which session: `actor.session`.
    Session,
}

impl Kind {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Its word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The one with this word.
    pub fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }

    /// The field that has its value in an event.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Actor => "parsed.actor.id",
            Self::Address => "parsed.address",
            Self::Credential => "actor.credential",
            Self::Session => "actor.session",
        }
    }

    /// What an event says of it that is read as of our own shape.
    pub(crate) fn value<'a>(self, event: Value<'a>, read: Option<&'a Read<'a>>) -> Option<Cow<'a, str>> {
        let of_actor = |member| event.get("actor")?.get(member)?.said();
        match (self, read) {
            (Self::Actor, Some(read)) => read.actor.id.as_deref().map(Cow::Borrowed),
            (Self::Actor, None) => of_actor("id").or_else(|| event.get("actor")?.said()),
            (Self::Address, Some(read)) => read.address.as_deref().map(Cow::Borrowed),
            (Self::Address, None) => event.at("context.ip")?.said(),
            (Self::Credential, _) => of_actor("credential"),
            (Self::Session, _) => of_actor("session"),
        }
    }

    /// The kind of what a field has, such as one that a correlation groups by.
    pub fn of_field(field: &str) -> Option<Self> {
        match field {
            "actor.id" => Some(Self::Actor),
            "context.ip" => Some(Self::Address),
            _ => Self::ALL.iter().copied().find(|kind| kind.field() == field),
        }
    }

    /// What stands for a value in lists with this salt. An address counts however it is written, and a long value by
    /// its first bytes and its hash, as in findings.
    pub fn hash(self, value: &str, salt: &[u8; 16]) -> Hash {
        let hash = |value: &[u8]| Hash::of(&[salt, self.as_str().as_bytes(), b"\n", value]);
        match value.parse() {
            Ok(IpAddr::V4(address)) if self == Self::Address => hash(&address.to_ipv6_mapped().octets()),
            Ok(IpAddr::V6(address)) if self == Self::Address => hash(&address.octets()),
            _ => hash(bounded(value).as_bytes()),
        }
    }
}

/// What a list is of, and for how long it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The origin of the log whose entries were looked at.
    pub origin: String,
    /// Counts the lists of its maker, up to [`MAX_SEQUENCE`]: none takes the place of one with a higher number.
    pub sequence: u64,
    /// When it was made.
    pub made: Time,
    /// The first moment at which it no longer holds.
    pub until: Time,
    /// The hash of the pack of rules that found what is in it.
    pub pack: Hash,
    /// Random bytes of its own, so that hashes of two lists cannot be compared.
    pub salt: [u8; 16],
}

/// Somebody or something to be put on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched<'a> {
    /// What it is known by.
    pub kind: Kind,
    /// What it is called there: an identifier, an address. The list has its hash alone.
    pub value: &'a str,
    /// What becomes of its requests: [`Decision::Challenge`] or [`Decision::Deny`].
    pub decision: Decision,
    /// The first moment at which that is over.
    pub until: Time,
    /// The id of the finding that is the reason: 64 hex digits.
    pub finding: &'a str,
    /// The id of its rule.
    pub rule: &'a str,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// What it knows somebody or something by.
    pub kind: Kind,
    /// What stands for the value ([`Kind::hash`]).
    pub hash: Hash,
    /// What becomes of requests.
    pub decision: Decision,
    /// The first moment at which that is over.
    pub until: Time,
    /// The id of the finding that is the reason.
    pub finding: String,
    /// The id of its rule.
    pub rule: String,
}

/// The places of entries that follow each other: the first, and the one after the last.
pub(crate) type Places = (usize, usize);

/// A watchlist, whose entries are in ascending order.
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
    fn of(watched: &Watched<'_>, salt: &[u8; 16]) -> Result<Self, Error> {
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
            let hint = "it challenges or denies, and names its finding by 64 hex digits and its rule";
            Err(refuse("this can be no entry of a watchlist").with_hint(hint))
        }
    }

    fn is_sound(&self) -> bool {
        self.decision != Decision::Allow
            && is_finding(&self.finding)
            && (1..=MAX_RULE).contains(&self.rule.len())
    }

    fn read(line: &str) -> Option<Self> {
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

/// What a JSON string in canonical form says.
fn unquoted(quoted: &str) -> Option<String> {
    let mut tokens = Tokens::of(quoted);
    let (Some(Ok(Token::Text(raw))), None) = (tokens.next(), tokens.next()) else { return None };
    let text = raw.text();
    let mut again = Vec::new();
    write_string(&text, &mut again);
    (again == quoted.as_bytes()).then(|| text.into_owned())
}

impl Watchlist {
    /// A list of these. What is there twice stands there once.
    ///
    /// # Errors
    ///
    /// [`Code::Watchlist`] when it would hold for no time at all, has more than [`MAX_ENTRIES`], or one that
    /// can be none; [`Code::Name`] when the origin can name no log.
    pub fn new<'a>(header: Header, watched: impl IntoIterator<Item = Watched<'a>>) -> Result<Self, Error> {
        check_name(&header.origin)?;
        if header.sequence > MAX_SEQUENCE || header.made >= header.until {
            let hint = "`until` is later than `made`, and sequence numbers are below 2^53";
            return Err(refuse("this can be no watchlist's header").with_hint(hint));
        }
        let entries = watched.into_iter().map(|watched| Entry::of(&watched, &header.salt));
        let mut entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
        entries.sort();
        entries.dedup();
        if entries.len() > MAX_ENTRIES {
            return Err(refuse("a watchlist has at most 10,000 entries")
                .with_hint("leave out those that are the least pressing"));
        }
        Ok(Self { header, entries })
    }

    /// What it is of, and for how long it holds.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Its entries, in ascending order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The strictest entry for a value that has not run out.
    pub fn find(&self, kind: Kind, value: &str, now: Time) -> Option<&Entry> {
        self.strictest(self.places(kind, value), now)
    }

    /// Where the entries for a value stand.
    pub(crate) fn places(&self, kind: Kind, value: &str) -> Places {
        let sought = (kind, kind.hash(value, &self.header.salt));
        let from = self.entries.partition_point(|entry| (entry.kind, entry.hash) < sought);
        let same = self.entries[from..].iter().take_while(|entry| (entry.kind, entry.hash) == sought);
        (from, from + same.count())
    }

    /// Of the entries that stand there, the strictest that has not run out.
    pub(crate) fn strictest(&self, (from, to): Places, now: Time) -> Option<&Entry> {
        // Of one value the stricter comes last.
        self.entries.get(from..to)?.iter().rfind(|entry| now < entry.until)
    }

    /// Its text in UTF-8, which a note signs.
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

    /// Reads a text as [`Watchlist::text`] writes it. Nothing is known of who signed it.
    ///
    /// # Errors
    ///
    /// [`Code::Watchlist`], with the line.
    pub fn read(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(refuse("a watchlist has at most 8 MiB"));
        }
        let at = |line: u64, why: &str| refuse(why).at_line(line);
        let mut lines = text.strip_suffix('\n').unwrap_or_default().split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(
                at(1, "this is not a watchlist").with_hint("its first line is `countersign/v1 watchlist`")
            );
        }
        let origin = lines.next().filter(|origin| is_name(origin));
        let origin = origin.ok_or_else(|| at(2, "this names no log"))?;
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
            holds.ok_or_else(|| at(3, "this is not a sequence number, a time and a later time"))?;
        let pack =
            lines.next().and_then(Hash::from_base64).ok_or_else(|| at(4, "this is not a pack's hash"))?;
        let salt = lines.next().and_then(base64::decode_array).ok_or_else(|| at(5, "this is not a salt"))?;
        let mut entries: Vec<Entry> = Vec::new();
        for (number, line) in (HEADER_LINES + 1..).zip(lines) {
            if entries.len() == MAX_ENTRIES {
                return Err(at(number, "a watchlist has at most 10,000 entries"));
            }
            let entry = Entry::read(line).ok_or_else(|| at(number, "this is not an entry of a watchlist"))?;
            if entries.last().is_some_and(|last| *last >= entry) {
                return Err(at(number, "this entry should come before the last one"));
            }
            entries.push(entry);
        }
        let header = Header { origin: origin.into(), sequence, made, until, pack, salt };
        Ok(Self { header, entries })
    }

    /// Checks that this may take the place of a list that was taken before.
    ///
    /// # Errors
    ///
    /// [`Code::Watchlist`] when it is of another log, has a lower sequence number, or the same and says something else.
    pub fn replaces(&self, before: &Self) -> Result<(), Error> {
        let (new, old) = (&self.header, &before.header);
        if new.origin != old.origin {
            return Err(refuse("this watchlist is of another log than the one before"));
        }
        if new.sequence < old.sequence || new.sequence == old.sequence && self != before {
            let why = format!(
                "this watchlist has the number {}, and one with the number {} was taken before",
                new.sequence, old.sequence
            );
            let hint = "somebody gives an old list, or two programs make lists with one key";
            return Err(refuse(why).with_hint(hint));
        }
        Ok(())
    }

    /// The whole note.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] when the key is a witness's.
    #[cfg(feature = "sign")]
    pub fn sign(&self, key: &SignerKey) -> Result<String, Error> {
        let text = String::from_utf8(self.text()).map_err(|_| refuse("a watchlist is UTF-8"))?;
        sign_note(&text, key)
    }

    /// Reads a note that one of these keys signed.
    ///
    /// # Errors
    ///
    /// [`Code::Note`] or [`Code::Watchlist`] when it is malformed; [`Code::Signature`] when none of the keys signed it.
    #[cfg(feature = "sign")]
    pub fn open<'k>(note: &str, keys: impl Keys<'k>) -> Result<Self, Error> {
        if note.len() > MAX_BYTES {
            return Err(refuse("a watchlist has at most 8 MiB"));
        }
        let note = Note::parse(note)?;
        if !keys.into_iter().any(|key| note.is_signed_by(key)) {
            return Err(Error::new(Code::Signature, "none of the keys that are known signed this watchlist")
                .with_hint("give the vkey of who makes the list"));
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
