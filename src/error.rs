//! The crate's error type and its codes.

use core::fmt;
use std::borrow::Cow;

use crate::diagnostic::Diagnostic;
pub(crate) use crate::diagnostic::Quoted;
use crate::words::words;

words! {
    /// A stable error code.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Code {
        /// The event is not a JSON object, or I-JSON cannot represent it (SPEC section 3).
        Event = "event.invalid",
        /// The event is a log record whose `audit.integrity.*` attributes are missing or do not verify (SPEC section 19).
        Integrity = "event.integrity",
        /// A private key or vkey does not have the form of the signed-note specification.
        Key = "key.invalid",
        /// The name of a key or log is empty or contains a space, a control character, or `+`.
        Name = "name.invalid",
        /// The time is not RFC 3339 in UTC with milliseconds.
        Time = "time.invalid",
        /// The link does not match the grammar of SPEC section 4.
        Link = "link.invalid",
        /// The signed note or key note is malformed (SPEC section 5).
        Note = "note.invalid",
        /// The checkpoint is malformed (C2SP tlog-checkpoint).
        Checkpoint = "checkpoint.invalid",
        /// The trust file is malformed or inconsistent (SPEC section 8).
        Trust = "trust.invalid",
        /// The proof is malformed or invalid.
        Proof = "proof.invalid",
        /// A tile or entry bundle, or its path, is malformed, missing, or belongs to another tree (C2SP tlog-tiles).
        Tile = "tile.invalid",
        /// The rule pack is invalid (SPEC section 13).
        Pack = "pack.invalid",
        /// The watchlist is malformed, or may not replace the previous one (SPEC section 13).
        Watchlist = "watchlist.invalid",
        /// A witness's request or response is malformed or does not verify (C2SP tlog-witness).
        Witness = "witness.invalid",
        /// The input is not an export, or not the kind of export that the operation needs.
        Export = "export.invalid",
        /// More events wait for a signature than a reader of the export may buffer.
        LeftOut = "export.left_out",
        /// The export contains nothing that was selected, or only in withheld form.
        Selection = "selection.empty",
        /// The evidence file or report frame is malformed or inconsistent (SPEC section 14).
        Evidence = "evidence.invalid",
        /// The recorder was used out of turn: a signature is due, or the chain is closed.
        Recorder = "recorder.out_of_turn",
        /// The signer returned a signature that does not verify under its own key.
        Signature = "signature.invalid",
        /// The log rejects the submission (SPEC section 6).
        Refused = "log.refused",
        /// The log does not accept this submission from that key (SPEC section 6).
        Unauthorized = "log.unauthorized",
        /// Links are missing between the log's last link of the chain and the submitted one.
        Gap = "log.gap",
        /// The log has a different link at this position of the chain.
        Fork = "log.fork",
        /// The log server has shown two histories of a tenant log (SPEC section 16.8).
        Rewritten = "log.rewritten",
        /// The link's time is ahead of the log's clock (SPEC section 6).
        Early = "submit.early",
    }
}

/// The error of this crate: a [`Diagnostic`] with a [`Code`].
///
/// One pointer in size, because results that contain it are moved often.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Deref)]
#[deref(forward)]
pub struct Error(Box<Diagnostic<Code, &'static str>>);

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<Code> for Cow<'static, str> {
    fn from(code: Code) -> Self {
        Self::Borrowed(code.as_str())
    }
}

/// Cold and never inlined: there are many call sites, and errors are rare.
impl Error {
    /// Creates an error with a code and a message.
    #[cold]
    #[inline(never)]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Diagnostic::new(code, message)))
    }

    /// Replaces the code.
    #[cfg(feature = "prove")]
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn with_code(mut self, code: Code) -> Self {
        self.0.code = code;
        self
    }

    /// Adds the line of the input.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.0.line = Some(line);
        self
    }

    /// Adds the name of the field.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn in_member(mut self, member: impl Into<String>) -> Self {
        self.0.member = Some(member.into());
        self
    }

    /// Adds a hint: what to do about the error.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn with_hint(mut self, hint: &'static str) -> Self {
        self.0.hint = Some(hint);
        self
    }

    /// Returns the message without code, place, and hint.
    pub fn into_message(self) -> String {
        self.0.message
    }
}

impl From<Error> for Diagnostic<Code, &'static str> {
    fn from(Error(diagnostic): Error) -> Self {
        *diagnostic
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn quoting_escapes_misleading_characters() {
        assert_eq!(Quoted("log.example/Zoë 1").to_string(), "\"log.example/Zoë 1\"");
        assert_eq!(Quoted("a\"\\\n\u{1b}[2J").to_string(), r#""a\"\\\u{a}\u{1b}[2J""#);
        assert_eq!(Quoted("\0\u{1}\u{10}").to_string(), r#""\u{0}\u{1}\u{10}""#);
        assert_eq!(Quoted("\u{202e}moc.\u{200b}").to_string(), r#""\u{202e}moc.\u{200b}""#);
    }
}
