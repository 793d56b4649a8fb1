use std::borrow::Cow;

use crate::canonical::canonicalize;
use crate::error::Quoted;
use crate::hash::Hash;
use crate::json::duplicate_name;
use crate::link::{Salt, commit};
use crate::phrases;

/// An event as an export contains it.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// The event's salt.
    pub salt: Salt,
    /// The event's text: one JSON object.
    pub event: &'a str,
    /// True if the field names are in ascending order, which proves that none is duplicate.
    pub(crate) names_increase: bool,
}

/// A match of an event with its link's commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matched {
    /// The commit matches the event's text as it is.
    Verbatim,
    /// The commit matches this text, the event's canonical form (RFC 8785): a tool reformatted the event.
    Canonical(Box<str>),
}

/// An error in an event: it does not match its link's commit.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
pub enum PayloadError {
    /// The event has two fields of this name, so it never matches, regardless of its hash.
    #[display("the event has two fields {}", Quoted(_0))]
    DuplicateMember(String),
    /// Neither the text nor its canonical form matches the commit.
    #[display("{}", phrases::PAYLOAD_MISMATCH)]
    Differs,
}

impl core::error::Error for PayloadError {}

impl<'a> Payload<'a> {
    /// Computes the commit of the event's text.
    pub fn commit(&self) -> Hash {
        commit(&self.salt, self.event.as_bytes())
    }

    /// Compares the event with a link's commit `stated` (SPEC section 7). `found` is the event's own
    /// [`commit`](Self::commit), which can be computed for many events at once.
    ///
    /// # Errors
    /// [`PayloadError`] if it does not match.
    pub fn check(&self, found: &Hash, stated: &Hash) -> Result<Matched, PayloadError> {
        let duplicate = if self.names_increase { None } else { duplicate_name(self.event) };
        if let Some(name) = duplicate {
            return Err(PayloadError::DuplicateMember(name));
        }
        if found == stated {
            return Ok(Matched::Verbatim);
        }
        let canonical =
            canonicalize(self.event.as_bytes()).ok().and_then(|text| String::from_utf8(text).ok());
        match canonical.filter(|text| commit(&self.salt, text.as_bytes()) == *stated) {
            Some(text) => Ok(Matched::Canonical(text.into())),
            None => Err(PayloadError::Differs),
        }
    }

    /// Returns the text that matches the commit `stated`, or the event's text if none does.
    pub fn committed(&self, stated: &Hash) -> Cow<'a, str> {
        match self.check(&self.commit(), stated) {
            Ok(Matched::Canonical(text)) => Cow::Owned(text.into()),
            Ok(Matched::Verbatim) | Err(_) => Cow::Borrowed(self.event),
        }
    }
}
