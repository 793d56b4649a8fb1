//! The error of this crate and its codes.

use core::fmt;
use std::borrow::Cow;

use crate::diagnostic::Diagnostic;
pub(crate) use crate::diagnostic::Quoted;
use crate::words::words;

words! {
    /// What went wrong, as a word that programs may compare. Codes are stable.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Code {
        /// An event is no JSON object, or one that I-JSON cannot carry (SPEC section 3).
        Event = "event.invalid",
        /// A key, a signer key file or a vkey is not of the form that the signed-note specification gives.
        Key = "key.invalid",
        /// A key or log name is empty or holds a space, a control character or `+`.
        Name = "name.invalid",
        /// A time is not RFC 3339, UTC, with milliseconds.
        Time = "time.invalid",
        /// A link's text has not the grammar of SPEC section 4.
        Link = "link.invalid",
        /// A signed note or key note is malformed (SPEC section 5).
        Note = "note.invalid",
        /// A checkpoint is malformed (C2SP tlog-checkpoint).
        Checkpoint = "checkpoint.invalid",
        /// A trust file is unusable (SPEC section 8).
        Trust = "trust.invalid",
        /// A proof is malformed or does not prove what it should.
        Proof = "proof.invalid",
        /// A tile or entry bundle, or the path of one, is malformed, missing or not of its tree (C2SP
        /// tlog-tiles).
        Tile = "tile.invalid",
        /// A pack of rules cannot be used (SPEC section 13).
        Pack = "pack.invalid",
        /// A watchlist is malformed, or may not take the place of the one before (SPEC section 13).
        Watchlist = "watchlist.invalid",
        /// What a witness was asked, or answered, is malformed or does not verify (C2SP tlog-witness).
        Witness = "witness.invalid",
        /// An export is not one, or not of the kind that this step needs.
        Export = "export.invalid",
        /// More of an export waits for a signature than a reader of its events keeps.
        LeftOut = "export.left_out",
        /// Nothing in an export is what was selected, or what was is not there to be shown.
        Selection = "selection.empty",
        /// An evidence file, or the frame of a report, is malformed or does not hold together (SPEC section 14).
        Evidence = "evidence.invalid",
        /// A recorder was used out of turn: a signature is due, or the chain is closed.
        Recorder = "recorder.out_of_turn",
        /// A signature given by a signer does not verify under its own key.
        Signature = "signature.invalid",
        /// A log may not take what was brought to it (SPEC section 6).
        Refused = "log.refused",
        /// A log does not take this from that key (SPEC section 6).
        Unauthorized = "log.unauthorized",
        /// Links are missing between what a log has of a chain and what was brought to it.
        Gap = "log.gap",
        /// A log has another link for that place of a chain.
        Fork = "log.fork",
        /// A link's time is ahead of the clock of the log that it was brought to (SPEC section 6).
        Early = "submit.early",
    }
}

/// The error of this crate: a [`Diagnostic`] with a [`Code`]. It is as small as a pointer, because what hands it on is
/// copied so often.
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

/// Nothing here is copied into its callers: there are many, and errors are seldom.
impl Error {
    /// An error with a code and a message.
    #[cold]
    #[inline(never)]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Diagnostic::new(code, message)))
    }

    /// The same with another code.
    #[cfg(feature = "prove")]
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn with_code(mut self, code: Code) -> Self {
        self.0.code = code;
        self
    }

    /// The same with the line it is about.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.0.line = Some(line);
        self
    }

    /// The same with the member it is about.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn in_member(mut self, member: impl Into<String>) -> Self {
        self.0.member = Some(member.into());
        self
    }

    /// The same with what to do about it.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn with_hint(mut self, hint: &'static str) -> Self {
        self.0.hint = Some(hint);
        self
    }

    /// What is wrong alone.
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
    fn quotes_what_could_mislead() {
        assert_eq!(Quoted("log.example/Zoë 1").to_string(), "\"log.example/Zoë 1\"");
        assert_eq!(Quoted("a\"\\\n\u{1b}[2J").to_string(), r#""a\"\\\u{a}\u{1b}[2J""#);
        assert_eq!(Quoted("\0\u{1}\u{10}").to_string(), r#""\u{0}\u{1}\u{10}""#);
        assert_eq!(Quoted("\u{202e}moc.\u{200b}").to_string(), r#""\u{202e}moc.\u{200b}""#);
    }
}
