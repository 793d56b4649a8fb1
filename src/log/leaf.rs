//! A leaf with its event: one type from the line that brings it to the log's storage.

use super::SubmissionError;
use crate::error::{Code, Error};
use crate::export::{Item, MAX_EVENT, Matched, Payload, PayloadError};
use crate::hash::Hash;
use crate::keys::KeyNote;
use crate::link::{Link, Salt, commit};
use crate::merkle::leaf_hash;

/// A leaf of a log with its event, parsed: what a submission brings, and what the log's storage is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The leaf.
    pub text: String,
    /// Its hash.
    pub hash: Hash,
    /// What it is.
    pub body: Body,
}

/// What a leaf is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "nearly all leaves are links")]
pub enum Body {
    /// A link.
    Link {
        /// The leaf, parsed.
        link: Link,
        /// The event, where it was brought: it matches the link's commit.
        event: Option<SaltedEvent>,
    },
    /// A key note.
    Note(Box<KeyNote>),
}

/// An event with its salt, as its link commits to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaltedEvent {
    /// The event's salt.
    pub salt: Salt,
    /// The event's text.
    pub text: String,
}

impl Leaf {
    /// Reads the leaf that stands on a line of an export, with its event.
    ///
    /// # Errors
    /// [`RefusalKind::Malformed`](super::RefusalKind::Malformed) for what is neither link nor key note, and for an event that does
    /// not match its link.
    pub fn of_item(item: &Item<'_>) -> Result<Self, SubmissionError> {
        let mut leaf = Self::without_event(item)?;
        if let (Body::Link { link, event }, Item::Link { payload: Some(payload), .. }) =
            (&mut leaf.body, item)
        {
            *event = Some(committed(link, payload)?);
        }
        Ok(leaf)
    }

    /// The same, whatever the event says.
    pub(crate) fn without_event(item: &Item<'_>) -> Result<Self, SubmissionError> {
        let (text, body) = match item {
            Item::Link { text, link, .. } => (text, Body::Link { link: link.clone(), event: None }),
            Item::Note { text, note } => (text, Body::Note(note.clone())),
            Item::Leaf(_) => {
                return Err(refuse("a log takes links and key notes alone", "leave this line out"));
            }
            Item::Skip { .. } => {
                let hint = "give the whole export, not a slice of it";
                return Err(refuse("leaves are left out here, and a log must have them all", hint));
            }
            Item::Checkpoint { .. } => {
                return Err(refuse("a log signs its checkpoints itself", "leave this line out"));
            }
        };
        Ok(Self::new(text.clone().into_owned(), body))
    }

    /// Reads a leaf that a log took, with its event.
    ///
    /// # Errors
    /// [`RefusalKind::Malformed`](super::RefusalKind::Malformed) for what no log takes.
    pub(super) fn parse(text: String, event: Option<SaltedEvent>) -> Result<Self, SubmissionError> {
        let body = if let Ok(link) = Link::parse(&text) {
            let matches = |SaltedEvent { salt, text }: &SaltedEvent| matches!(&link, Link::Event(link) if commit(salt, text.as_bytes()) == link.commit);
            if !event.as_ref().is_none_or(matches) {
                return Err(misplaced("the event is not its link's"));
            }
            Body::Link { link, event }
        } else if let Ok(note) = KeyNote::parse(&text) {
            if event.is_some() {
                return Err(misplaced("a key note has no event"));
            }
            Body::Note(Box::new(note))
        } else {
            return Err(misplaced("neither a link nor a key note"));
        };
        Ok(Self::new(text, body))
    }

    fn new(text: String, body: Body) -> Self {
        Self { hash: leaf_hash(text.as_bytes()), text, body }
    }

    /// The link that it is, if it is one.
    pub fn link(&self) -> Option<&Link> {
        match &self.body {
            Body::Link { link, .. } => Some(link),
            Body::Note(_) => None,
        }
    }

    /// The event, where it was brought.
    pub fn event(&self) -> Option<&SaltedEvent> {
        match &self.body {
            Body::Link { event, .. } => event.as_ref(),
            Body::Note(_) => None,
        }
    }
}

/// The refusal of a leaf that no log has at this place.
pub(super) fn misplaced(why: &str) -> SubmissionError {
    SubmissionError::malformed(Error::new(Code::Refused, format!("no log has this leaf here: {why}")))
}

fn refuse(message: &str, hint: &'static str) -> SubmissionError {
    SubmissionError::malformed(Error::new(Code::Refused, message).with_hint(hint))
}

/// The event as it matches its commit: as it stands, or else in canonical form.
fn committed(link: &Link, payload: &Payload<'_>) -> Result<SaltedEvent, SubmissionError> {
    let mismatch = || refuse("the event does not match its link", "the event or its salt was changed");
    let Link::Event(link) = link else { return Err(mismatch()) };
    let text = match payload.check(&payload.commit(), &link.commit) {
        Ok(Matched::Verbatim) => payload.event.into(),
        Ok(Matched::Canonical(text)) => String::from(text),
        Err(PayloadError::DuplicateMember(name)) => {
            let message = "the event has two members of one name";
            let error = Error::new(Code::Refused, message).in_member(name);
            return Err(SubmissionError::malformed(
                error.with_hint("readers would disagree on what it says"),
            ));
        }
        Err(PayloadError::Differs) => return Err(mismatch()),
    };
    // An export has one event a line, and none that is longer: storage and exports keep it that way.
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

    /// Whether a log takes an event that stands like this, whose link commits to that text.
    fn takes(event: &str, committed: &str) -> bool {
        let (salt, at) = ([1; 16], Time::from_millis(0).unwrap());
        let commit = commit(&salt, committed.as_bytes());
        let link = write_event(ChainId([2; 16]), 1, at, &Hash([3; 32]), &commit);
        let line = format!(r#"{{"link":"{link}","salt":"{}","event":{event}}}"#, base64::encode(salt));
        Leaf::of_item(&Line::parse(&line).unwrap().item).is_ok()
    }

    #[test]
    fn an_event_is_one_line_of_at_most_256_kib_in_the_form_that_is_kept() {
        for (length, taken) in [(MAX_EVENT - 1, true), (MAX_EVENT, true), (MAX_EVENT + 1, false)] {
            let text = |number: &str, filler| {
                format!(r#"{{"a":[{}],"b":"{}"}}"#, [number; 100].join(","), "x".repeat(filler))
            };
            let canonical = "1000000000000000";
            let filler = length - text(canonical, 0).len();
            assert_eq!(takes(&text("1e15", filler), &text(canonical, filler)), taken, "{length}");
        }
        assert!(takes("{\n}", "{}"));
        assert!(!takes("{\n}", "{\n}"));
    }
}
