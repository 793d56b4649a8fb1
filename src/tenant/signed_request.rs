//! The common form of signed requests to the server of a root log (SPEC sections 16.9 and 16.11).

use crate::error::{Code, Error};
use crate::note::{Note, check_name};
use crate::time::Time;

/// Maximum size of a request, in bytes.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// A signed note of four lines.
pub(super) struct SignedRequest {
    /// The second line: the root log's origin.
    pub(super) root: String,
    /// The third line.
    pub(super) subject: String,
    /// The fourth line: when the request was signed.
    pub(super) time: Time,
    /// The request as received.
    pub(super) note: Note,
}

impl SignedRequest {
    /// Parses a whole request with this first line: text, empty line, signature lines. Verifies no signature.
    pub(super) fn parse(note: &str, first_line: &str) -> Result<Self, Error> {
        if note.len() > MAX_TEXT_BYTES {
            return Err(Error::new(Code::Note, "the request is larger than 4 KiB"));
        }
        let note = Note::parse(note)?;
        let lines: Vec<&str> = note.text.split_terminator('\n').collect();
        if lines.first() != Some(&first_line) {
            let why = format!("the request does not begin with the line {first_line:?}");
            return Err(Error::new(Code::Note, why).at_line(1));
        }
        let [_, root, subject, time] = lines[..] else {
            return Err(Error::new(Code::Note, "the text of the request does not have four lines"));
        };
        check_name(root).map_err(|error| error.with_code(Code::Note).at_line(2))?;
        let time = Time::parse(time.as_bytes())
            .ok_or_else(|| Error::new(Code::Note, "the time of the request is malformed").at_line(4))?;
        Ok(Self { root: root.to_owned(), subject: subject.to_owned(), time, note })
    }
}

/// Signs a request and returns the whole note.
#[cfg(feature = "sign")]
pub(super) fn sign(
    first_line: &str,
    root: &str,
    subject: &str,
    time: Time,
    key: &crate::note::SignerKey,
) -> Result<String, Error> {
    check_name(root)?;
    crate::note::sign_note(&format!("{first_line}\n{root}\n{subject}\n{time}\n"), key)
}
