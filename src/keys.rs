//! Key notes: signed statements that grant and revoke emitters' keys (SPEC section 5).
//!
//! A key note is a signed note and an entry of the log. Its text names the log and then makes statements, one per
//! line:
//!
//! ```text
//! countersign/v1 keys
//! log.example/audit
//! grant example.com/spare+311247b1+AcW5lrtkwYzWqbxbp+2UQv5Cl2qJfJHlTwvzHtupoExa - -
//! ```
//!
//! This module has the grammar, the rule who may state what, and the windows that grants add up to. `verify` and
//! `log` decide from which position of the log a note takes effect.
//!
//! ```
//! # #[cfg(feature = "sign")] {
//! use countersign::keys::{KeyNote, Statement, names_under};
//! use countersign::note::SignerKey;
//!
//! let issuer = SignerKey::from_seed("example.com", [1; 32])?;
//! let emitter = SignerKey::from_seed("example.com/dashboard", [2; 32])?;
//! let grant = Statement::Grant {
//!     key: emitter.verifier_key().clone(),
//!     from: Some("2026-11-20T06:00:00.000Z".parse()?),
//!     until: None,
//! };
//! let note = KeyNote::parse(&KeyNote::sign("log.example/audit", &[grant.clone()], &issuer)?)?;
//! assert_eq!(note.statements, [grant]);
//! assert!(note.note.is_signed_by(issuer.verifier_key()));
//! assert!(names_under("example.com", "example.com/dashboard"));
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```

mod grant_request;
#[cfg(feature = "verify")]
mod windows;

pub use grant_request::GrantRequest;
#[cfg(feature = "verify")]
pub use windows::{Validity, Window, Windows};

use core::str::FromStr;

#[cfg(feature = "verify")]
use crate::error::Quoted;
use crate::error::{Code, Error};
#[cfg(feature = "sign")]
use crate::note::{KeyType, SignerKey};
use crate::note::{Note, VerifierKey, check_name};
use crate::time::Time;

/// The first line of a key note's text.
const FIRST_LINE: &str = "countersign/v1 keys";

/// A statement about one emitter's key.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
pub enum Statement {
    /// Allows the emitter to sign chains.
    #[display("grant {key} {} {}", write_bound(*from), write_bound(*until))]
    Grant {
        /// The emitter's key.
        key: VerifierKey,
        /// The first moment of the window, or `None` for no bound.
        from: Option<Time>,
        /// The first moment after the window, later than `from`, or `None` for no bound.
        until: Option<Time>,
    },
    /// Withdraws trust in the emitter.
    #[display("revoke {key} {}", write_bound(*since))]
    Revoke {
        /// The emitter's key.
        key: VerifierKey,
        /// The moment of revocation, or `None` for always.
        since: Option<Time>,
    },
}

impl Statement {
    /// Returns the key that the statement is about.
    pub const fn key(&self) -> &VerifierKey {
        match self {
            Self::Grant { key, .. } | Self::Revoke { key, .. } => key,
        }
    }

    /// Describes a statement without a signer that may make it. `trust_file` describes the file that names the
    /// issuers.
    #[cfg(feature = "verify")]
    pub(crate) fn lacks_signer(&self, trust_file: &str) -> String {
        let name = Quoted(self.key().name());
        match self {
            Self::Grant { .. } => format!("no issuer in {trust_file} that may grant {name} signed it"),
            Self::Revoke { .. } => {
                format!("neither {name} nor an issuer in {trust_file} that may revoke it signed it")
            }
        }
    }

    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split(' ');
        let word = fields.next()?;
        let key = fields.next()?.parse().ok()?;
        let mut bound = || parse_bound(fields.next()?.as_bytes());
        let statement = match word {
            "grant" => Self::Grant { key, from: bound()?, until: bound()? },
            "revoke" => Self::Revoke { key, since: bound()? },
            _ => return None,
        };
        (fields.next().is_none() && statement.has_a_window()).then_some(statement)
    }

    fn has_a_window(&self) -> bool {
        match self {
            Self::Grant { from: Some(from), until: Some(until), .. } => from < until,
            Self::Grant { .. } | Self::Revoke { .. } => true,
        }
    }
}

/// Parses a time, or `-` for no bound.
pub(crate) fn parse_bound(text: &[u8]) -> Option<Option<Time>> {
    if text == b"-" { Some(None) } else { Time::parse(text).map(Some) }
}

/// Writes a bound for [`parse_bound`].
pub(crate) fn write_bound(bound: Option<Time>) -> String {
    bound.map_or_else(|| "-".to_owned(), |time| time.to_string())
}

impl FromStr for Statement {
    type Err = Error;

    /// Parses a line without its line feed.
    fn from_str(line: &str) -> Result<Self, Error> {
        Self::read(line).ok_or_else(|| {
            Error::new(Code::Note, "a statement is malformed")
                .with_hint("write \"grant <vkey> <from> <until>\" or \"revoke <vkey> <since>\"")
        })
    }
}

/// A parsed key note. Its signatures are not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNote {
    /// The origin of the log that the note is for.
    pub origin: String,
    /// The statements in the note's order; never empty.
    pub statements: Vec<Statement>,
    /// The note as received, for opening.
    pub note: Note,
}

impl KeyNote {
    /// Parses a whole key note: text, empty line, signature lines. Verifies no signature.
    ///
    /// # Errors
    ///
    /// [`Code::Note`], with the line if there is one.
    pub fn parse(note: &str) -> Result<Self, Error> {
        let note = Note::parse(note)?;
        let refuse = |line: u64, why: &str| Error::new(Code::Note, why).at_line(line);
        let mut lines = note.text.split_terminator('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(refuse(1, "the key note does not begin with the line \"countersign/v1 keys\""));
        }
        let origin =
            lines.next().ok_or_else(|| refuse(2, "the key note has no line with the log's origin"))?;
        check_name(origin).map_err(|error| refuse(2, &error.message))?;
        let parse = |(line, at): (&str, u64)| line.parse().map_err(|error: Error| error.at_line(at));
        let statements = lines.zip(3..).map(parse).collect::<Result<Vec<_>, _>>()?;
        if statements.is_empty() {
            return Err(refuse(3, "the key note makes no statement"));
        }
        Ok(Self { origin: origin.to_owned(), statements, note })
    }

    /// Signs a key note with these statements and returns the leaf. The key must be an issuer's, or that of the
    /// emitter that revokes itself.
    ///
    /// # Errors
    ///
    /// [`Code::Name`] if the origin is invalid; [`Code::Note`] if there is no statement, or if a grant's `until` is
    /// not later than its `from`; [`Code::Key`] if the key, or a key in a statement, is a witness's.
    #[cfg(feature = "sign")]
    pub fn sign(origin: &str, statements: &[Statement], key: &SignerKey) -> Result<String, Error> {
        check_name(origin)?;
        if statements.is_empty() {
            return Err(Error::new(Code::Note, "the key note makes no statement"));
        }
        let mut text = format!("{FIRST_LINE}\n{origin}\n");
        for statement in statements {
            if !statement.has_a_window() {
                return Err(Error::new(Code::Note, "a grant ends before it begins"));
            }
            let about = statement.key();
            if about.key_type() != KeyType::Ed25519 {
                return Err(Error::new(Code::Key, format!("{about} is a witness's key, not an emitter's")));
            }
            text.push_str(&statement.to_string());
            text.push('\n');
        }
        crate::note::sign_note(&text, key)
    }
}

/// True if an issuer of that name may grant and revoke an emitter of that name: the emitter's name is the
/// issuer's followed by `/` and at least one character.
pub fn names_under(issuer: &str, emitter: &str) -> bool {
    emitter.strip_prefix(issuer).and_then(|rest| rest.strip_prefix('/')).is_some_and(|rest| !rest.is_empty())
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn issuer() -> SignerKey {
        SignerKey::from_seed("example.com", [1; 32]).expect("a name")
    }

    fn note(text: &str) -> String {
        crate::note::sign_note(text, &issuer()).expect("a note's text")
    }

    #[test]
    fn malformed_key_notes_are_rejected_with_the_line() {
        let key = issuer().verifier_key().to_string();
        let time = "2026-11-20T06:00:00.000Z";
        let witness = SignerKey::witness_from_seed("witness.example", [2; 32]).expect("a name");
        let first = "countersign/v1 keys\nlog.example";
        let cases = [
            (format!("{first}\ngrant {key} - {time}\nrevoke {key} -\n"), None),
            ("countersign/v1 keys\n".to_owned(), Some(2)),
            (format!("countersign/v2 keys\nlog.example\nrevoke {key} -\n"), Some(1)),
            (format!("countersign/v1 keys\nlog example\nrevoke {key} -\n"), Some(2)),
            (format!("{first}\n"), Some(3)),
            (format!("{first}\n\nrevoke {key} -\n"), Some(3)),
            (format!("{first}\nrevoke {key} -\n\n"), Some(4)),
            (format!("{first}\nrevoke {key}\n"), Some(3)),
            (format!("{first}\nrevoke {key} - -\n"), Some(3)),
            (format!("{first}\nrevoke  {key} -\n"), Some(3)),
            (format!("{first}\nrevoke {key} - \n"), Some(3)),
            (format!("{first}\nrevoke {key} never\n"), Some(3)),
            (format!("{first}\nRevoke {key} -\n"), Some(3)),
            (format!("{first}\ngrant {key} {time} {time}\n"), Some(3)),
            (format!("{first}\nrevoke {} -\n", witness.verifier_key()), Some(3)),
        ];
        for (text, line) in cases {
            let read = KeyNote::parse(&note(&text)).map(|_| ());
            assert_eq!(
                read.map_err(|error| (error.code, error.line)),
                line.map_or(Ok(()), |line| Err((Code::Note, Some(line)))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn refuses_to_sign_what_would_be_malformed() {
        let key = issuer().verifier_key().clone();
        let time: Option<Time> = "2026-11-20T06:00:00.000Z".parse().ok();
        let backwards = Statement::Grant { key: key.clone(), from: time, until: time };
        let good = Statement::Revoke { key, since: None };
        let sign = |origin: &str, statements: &[Statement]| KeyNote::sign(origin, statements, &issuer());
        assert!(sign("log.example", &[]).is_err());
        assert!(sign("log example", core::slice::from_ref(&good)).is_err());
        assert!(sign("log.example", core::slice::from_ref(&good)).is_ok());
        assert!(sign("log.example", &[good, backwards]).is_err());
        let witness = SignerKey::witness_from_seed("witness.example", [2; 32]).expect("a name");
        let about = Statement::Revoke { key: witness.verifier_key().clone(), since: None };
        assert_eq!(sign("log.example", &[about]).map_err(|error| error.code), Err(Code::Key));
    }

    #[test]
    fn issuers_state_about_names_under_their_own() {
        assert!(names_under("example.com", "example.com/a"));
        assert!(names_under("example.com", "example.com/a/b"));
        for other in ["example.com", "example.com/", "example.comx/a", "example.org/a", "a/example.com/a", ""]
        {
            assert!(!names_under("example.com", other), "{other:?}");
        }
    }
}
