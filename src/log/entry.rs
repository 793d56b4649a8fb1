//! One leaf that is brought to a log, read but not yet taken.

use std::borrow::Cow;

use super::Refusal;
use crate::canonical::canonicalize;
use crate::error::{Code, Error};
use crate::export::{self, Item, Withheld};
use crate::hash::Hash;
use crate::json::duplicate_name;
use crate::keys::KeyNote;
use crate::link::{Link, Salt, commit};
use crate::merkle::leaf_hash;
use crate::note::VerifierKey;

/// A link with its event, or a key note.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The line of the submission, from 1, where it is known.
    pub line: Option<u64>,
    /// The leaf.
    pub text: String,
    /// The leaf's hash.
    pub hash: Hash,
    /// What it is.
    pub body: Body,
    /// The key under which the link's signature was found valid.
    pub(super) verified_by: Option<VerifierKey>,
}

/// What an entry is.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all entries are links")]
pub enum Body {
    /// A link.
    Link {
        /// The leaf, parsed.
        link: Link,
        /// The event, where it was brought: it matches the link's commit.
        payload: Option<Payload>,
        /// Why it was not, where the line says so.
        withheld: Option<Withheld>,
    },
    /// A key note.
    Note(Box<KeyNote>),
}

/// An event with its salt, as its link commits to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The event's salt.
    pub salt: Salt,
    /// The event's text.
    pub event: String,
}

impl Entry {
    /// Reads what stands on a line of a submission.
    ///
    /// # Errors
    /// [`Kind::Malformed`](super::Kind::Malformed) for what is neither link nor key note, and for an event that does
    /// not match its link.
    pub fn read(line: Option<u64>, item: &Item<'_>) -> Result<Self, Refusal> {
        let mut entry = Self::without_event(line, item)?;
        if let (Body::Link { link, payload, .. }, Item::Link { payload: Some(brought), .. }) =
            (&mut entry.body, item)
        {
            let committed = committed(link, brought);
            *payload = Some(committed.map_err(|error| Refusal::malformed(error).at_line(line))?);
        }
        Ok(entry)
    }

    /// The same, whatever the event says.
    pub(crate) fn without_event(line: Option<u64>, item: &Item<'_>) -> Result<Self, Refusal> {
        let (text, body) = match item {
            Item::Link { text, link, withheld, .. } => {
                (text, Body::Link { link: link.clone(), payload: None, withheld: *withheld })
            }
            Item::Note { text, note } => (text, Body::Note(note.clone())),
            Item::Leaf(_) => {
                return Err(refuse(line, "a log takes links and key notes alone", "leave this line out"));
            }
            Item::Skip { .. } => {
                let hint = "give the whole export, not a slice of it";
                return Err(refuse(line, "leaves are left out here, and a log must have them all", hint));
            }
            Item::Checkpoint { .. } => {
                return Err(refuse(line, "a log signs its checkpoints itself", "leave this line out"));
            }
        };
        let text = text.clone().into_owned();
        Ok(Self { line, hash: leaf_hash(text.as_bytes()), text, body, verified_by: None })
    }
}

fn refuse(line: Option<u64>, message: &str, hint: &'static str) -> Refusal {
    Refusal::malformed(Error::new(Code::Refused, message).with_hint(hint)).at_line(line)
}

/// The event as it matches its commit: as it stands, or else in canonical form.
fn committed(link: &Link, payload: &export::Payload<'_>) -> Result<Payload, Error> {
    let mismatch = || {
        Error::new(Code::Refused, "the event does not match its link")
            .with_hint("the event or its salt was changed")
    };
    let Link::Event(link) = link else { return Err(mismatch()) };
    if !payload.names_increase
        && let Some(name) = duplicate_name(payload.event)
    {
        let error = Error::new(Code::Refused, "the event has two members of one name");
        return Err(error.with_hint("readers would disagree on what it says").in_member(name));
    }
    let matches = |event: &str| commit(&payload.salt, event.as_bytes()) == link.commit;
    let mut event = Cow::Borrowed(payload.event);
    if !matches(&event) {
        let canonical = canonicalize(payload.event.as_bytes()).map_err(|_| mismatch())?;
        event = String::from_utf8(canonical).map(Cow::Owned).map_err(|_| mismatch())?;
        if !matches(&event) {
            return Err(mismatch());
        }
    }
    // An export has one event a line: storage and exports keep it that way.
    if event.contains('\n') {
        return Err(mismatch());
    }
    Ok(Payload { salt: payload.salt, event: event.into_owned() })
}
