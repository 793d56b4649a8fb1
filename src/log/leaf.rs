//! Entries of a log with their events, from the line of a submission to the log's storage.

use super::SubmissionError;
use crate::error::{Code, Error};
use crate::export::{Item, MAX_EVENT, Matched, Payload, PayloadError};
use crate::hash::Hash;
use crate::keys::KeyNote;
use crate::link::{Link, Salt, commit};
use crate::merkle::leaf_hash;

/// An entry of a log with its event, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The leaf's text.
    pub text: String,
    /// The leaf hash.
    pub hash: Hash,
    /// The parsed leaf.
    pub body: Body,
}

/// The kinds of leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "nearly all leaves are links")]
pub enum Body {
    /// A link.
    Link {
        /// The parsed link.
        link: Link,
        /// The event, if the submission contained it. It matches the link's commit.
        event: Option<SaltedEvent>,
    },
    /// A key note.
    Note(Box<KeyNote>),
}

/// An event with the salt of its commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaltedEvent {
    /// The event's salt.
    pub salt: Salt,
    /// The event as canonical JSON, or as its emitter wrote it.
    pub text: String,
}

impl Leaf {
    /// Parses the leaf and the event on a line of an export.
    ///
    /// # Errors
    /// [`RefusalKind::Malformed`](super::RefusalKind::Malformed) if the line is neither a link nor a key note, or if the event does
    /// not match its link.
    pub fn from_item(item: &Item<'_>) -> Result<Self, SubmissionError> {
        let mut leaf = Self::without_event(item)?;
        if let (Body::Link { link, event }, Item::Link { payload: Some(payload), .. }) =
            (&mut leaf.body, item)
        {
            *event = Some(committed(link, payload)?);
        }
        Ok(leaf)
    }

    /// Parses the leaf on a line of an export and ignores the event.
    pub(crate) fn without_event(item: &Item<'_>) -> Result<Self, SubmissionError> {
        let (text, body) = match item {
            Item::Link { text, link, .. } => (text, Body::Link { link: link.clone(), event: None }),
            Item::Note { text, note } => (text, Body::Note(note.clone())),
            Item::Leaf(_) => {
                return Err(refuse("this line is neither a link nor a key note", "remove this line"));
            }
            Item::Skip { .. } => {
                let hint = "send the whole export, not a slice of it";
                return Err(refuse("entries are omitted here, but a log needs them all", hint));
            }
            Item::Checkpoint { .. } => {
                return Err(refuse("this line is a checkpoint, but a log signs its own", "remove this line"));
            }
            Item::Head { .. } | Item::Anchor { .. } => {
                let why = "this line proves a state of a tenant log, but a log proves its own";
                return Err(refuse(why, "remove this line"));
            }
        };
        Ok(Self::new(text.clone().into_owned(), body))
    }

    /// Parses a leaf that a log accepted, with its event.
    ///
    /// # Errors
    /// [`RefusalKind::Malformed`](super::RefusalKind::Malformed) if no log accepts such a leaf.
    pub(super) fn parse(text: String, event: Option<SaltedEvent>) -> Result<Self, SubmissionError> {
        let body = if let Ok(link) = Link::parse(&text) {
            let matches = |SaltedEvent { salt, text }: &SaltedEvent| matches!(&link, Link::Event(link) if commit(salt, text.as_bytes()) == link.commit);
            if !event.as_ref().is_none_or(matches) {
                return Err(misplaced("the event does not match its link"));
            }
            Body::Link { link, event }
        } else if let Ok(note) = KeyNote::parse(&text) {
            if event.is_some() {
                return Err(misplaced("a key note has no event"));
            }
            Body::Note(Box::new(note))
        } else {
            return Err(misplaced("it is neither a link nor a key note"));
        };
        Ok(Self::new(text, body))
    }

    fn new(text: String, body: Body) -> Self {
        Self { hash: leaf_hash(text.as_bytes()), text, body }
    }

    /// Returns the link, or `None` for a key note.
    pub fn link(&self) -> Option<&Link> {
        match &self.body {
            Body::Link { link, .. } => Some(link),
            Body::Note(_) => None,
        }
    }

    /// Returns the event, if the submission contained it.
    pub fn event(&self) -> Option<&SaltedEvent> {
        match &self.body {
            Body::Link { event, .. } => event.as_ref(),
            Body::Note(_) => None,
        }
    }
}

/// Returns the refusal of an entry that no log can have at this position.
pub(super) fn misplaced(why: &str) -> SubmissionError {
    SubmissionError::malformed(Error::new(Code::Refused, format!("no log can have this entry here: {why}")))
}

fn refuse(message: &str, hint: &'static str) -> SubmissionError {
    SubmissionError::malformed(Error::new(Code::Refused, message).with_hint(hint))
}

/// Returns the event in the form that matches its commit: as submitted, or else in canonical form.
fn committed(link: &Link, payload: &Payload<'_>) -> Result<SaltedEvent, SubmissionError> {
    let mismatch = || refuse("the event does not match its link", "send the event and the salt unchanged");
    let Link::Event(link) = link else { return Err(mismatch()) };
    let text = match payload.check(&payload.commit(), &link.commit) {
        Ok(Matched::Verbatim) => payload.event.into(),
        Ok(Matched::Canonical(text)) => String::from(text),
        Err(PayloadError::DuplicateMember(name)) => {
            let message = "the event has two fields of the same name";
            let error = Error::new(Code::Refused, message).in_member(name);
            return Err(SubmissionError::malformed(
                error.with_hint("remove one of them: readers would disagree on the event's content"),
            ));
        }
        Err(PayloadError::Differs) => return Err(mismatch()),
    };
    // An export has one event per line and limits its length; storage and exports must keep to that.
    if text.contains('\n') || text.len() > MAX_EVENT {
        return Err(mismatch());
    }
    Ok(SaltedEvent { salt: payload.salt, text })
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::base64;
    use crate::export::Line;
    use crate::link::{ChainId, write_event};
    use crate::time::Time;

    /// True if a log accepts the event `event` for a link that commits to `committed`.
    fn accepts(event: &str, committed: &str) -> bool {
        let (salt, at) = ([1; 16], Time::from_millis(0).unwrap());
        let commit = commit(&salt, committed.as_bytes());
        let link = write_event(ChainId([2; 16]), 1, at, &Hash([3; 32]), &commit);
        let line = format!(r#"{{"link":"{link}","salt":"{}","event":{event}}}"#, base64::encode(salt));
        Leaf::from_item(&Line::parse(&line).unwrap().item).is_ok()
    }

    #[test]
    fn stored_events_are_one_line_of_at_most_256_kib() {
        for (length, taken) in [(MAX_EVENT - 1, true), (MAX_EVENT, true), (MAX_EVENT + 1, false)] {
            let text = |number: &str, filler| {
                format!(r#"{{"a":[{}],"b":"{}"}}"#, [number; 100].join(","), "x".repeat(filler))
            };
            let canonical = "1000000000000000";
            let filler = length - text(canonical, 0).len();
            assert_eq!(accepts(&text("1e15", filler), &text(canonical, filler)), taken, "{length}");
        }
        assert!(accepts("{\n}", "{}"));
        assert!(!accepts("{\n}", "{\n}"));
    }
}
