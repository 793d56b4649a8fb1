use std::borrow::Cow;

use crate::canonical::canonicalize;
use crate::error::Quoted;
use crate::hash::Hash;
use crate::json::duplicate_name;
use crate::link::{Salt, commit};
use crate::phrases;

/// An event as it stands in an export.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// The event's salt.
    pub salt: Salt,
    /// The event's text: one JSON object.
    pub event: &'a str,
    /// Whether its member names prove that none is there twice.
    pub(crate) names_increase: bool,
}

/// How an event matches its link's commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matched {
    /// The commit is of the event's text as it stands.
    Verbatim,
    /// The commit is of this text, the event's canonical form (RFC 8785): something reformatted it.
    Canonical(Box<str>),
}

/// An error in an event: it does not match its link's commit.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
pub enum PayloadError {
    /// Two members of this name: it never matches, whatever its hash.
    #[display("the event has two members {}", Quoted(_0))]
    DuplicateMember(String),
    /// Neither the text as it stands nor its canonical form is what the link commits to.
    #[display("{}", phrases::PAYLOAD_MISMATCH)]
    Differs,
}

impl core::error::Error for PayloadError {}

impl<'a> Payload<'a> {
    /// The commit of the event as it stands.
    pub fn commit(&self) -> Hash {
        commit(&self.salt, self.event.as_bytes())
    }

    /// Whether the event is the one that a link commits to by `stated` (SPEC section 7). `found` is its own
    /// [`commit`](Self::commit), which can be computed for many at once.
    ///
    /// # Errors
    /// [`PayloadError`] where it is not.
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

    /// The text that the link commits to by `stated`; where there is none, the text as it stands.
    pub fn committed(&self, stated: &Hash) -> Cow<'a, str> {
        match self.check(&self.commit(), stated) {
            Ok(Matched::Canonical(text)) => Cow::Owned(text.into()),
            Ok(Matched::Verbatim) | Err(_) => Cow::Borrowed(self.event),
        }
    }
}
