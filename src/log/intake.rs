//! Incremental parsing of a submission, so that it can be rejected before the rest of it is decompressed.

use std::collections::HashSet;

use super::submission::Entry;
use super::{AcceptanceError, Body, Leaf, Limits, MAX_PROVEN, RefusalKind, Submission, SubmissionError};
use crate::error::{Code, Error};
use crate::export::{Line, MAX_LINE};
use crate::link::ChainId;

/// Maximum number of blank bytes in a submission: empty lines, and white space around the others.
pub const MAX_BLANK: usize = 64 << 10;

/// An incremental submission parser. Calls an admission check as soon as it has the first line of each chain
/// and each key note. Buffers the parsed leaves and the beginning of one line.
#[derive(Debug, Default)]
pub struct Intake {
    limits: Limits,
    /// The beginning of a line that has not ended yet.
    begun: Vec<u8>,
    /// The 1-based number of that line.
    number: u64,
    bytes: usize,
    blank: usize,
    entries: Vec<Entry>,
    chains: HashSet<ChainId>,
    notes: HashSet<crate::hash::Hash>,
}

impl Intake {
    /// Creates a parser for one submission.
    pub fn new(limits: Limits) -> Self {
        Self { limits, number: 1, ..Self::default() }
    }

    /// True if any leaf was admitted so far.
    pub fn has_admitted(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Returns the number of bytes received so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Parses the next bytes. Calls `admit` with the first entry of each chain and with each key note.
    ///
    /// # Errors
    /// [`RefusalKind::TooLarge`], [`RefusalKind::TooMany`], [`RefusalKind::Malformed`] with the line, or an error from `admit`.
    pub fn push<E>(
        &mut self,
        bytes: &[u8],
        admit: &mut dyn FnMut(&mut Entry) -> Result<(), AcceptanceError<E>>,
    ) -> Result<(), AcceptanceError<E>> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > self.limits.bytes {
            let message = format!("the submission is larger than {} bytes", self.limits.bytes);
            return Err(too_large(RefusalKind::TooLarge, message).into());
        }
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = &rest[..end];
            if self.begun.is_empty() {
                self.line(line, admit)?;
            } else {
                let mut begun = std::mem::take(&mut self.begun);
                begun.extend_from_slice(line);
                self.line(&begun, admit)?;
                begun.clear();
                self.begun = begun;
            }
            self.number += 1;
            rest = &rest[end + 1..];
        }
        self.begun.extend_from_slice(rest);
        if self.begun.len() > MAX_LINE + MAX_BLANK {
            let error = Error::new(Code::Export, "the line is too long").at_line(self.number);
            return Err(SubmissionError::malformed(error).into());
        }
        Ok(())
    }

    /// Ends the submission.
    ///
    /// # Errors
    /// Like [`push`](Self::push); also [`RefusalKind::Malformed`] if the submission is empty.
    pub fn finish<E>(
        mut self,
        admit: &mut dyn FnMut(&mut Entry) -> Result<(), AcceptanceError<E>>,
    ) -> Result<Submission, AcceptanceError<E>> {
        let last = std::mem::take(&mut self.begun);
        if !last.is_empty() {
            self.line(&last, admit)?;
        }
        if self.entries.is_empty() {
            let error = Error::new(Code::Export, "the submission is empty");
            let error = error.with_hint("send at least one link or key note");
            return Err(SubmissionError::malformed(error).into());
        }
        Ok(Submission { entries: self.entries })
    }

    fn line<E>(
        &mut self,
        bytes: &[u8],
        admit: &mut dyn FnMut(&mut Entry) -> Result<(), AcceptanceError<E>>,
    ) -> Result<(), AcceptanceError<E>> {
        let number = self.number;
        let malformed = |error: Error| SubmissionError::malformed(error.at_line(number));
        let text = str::from_utf8(bytes)
            .map_err(|_| malformed(Error::new(Code::Export, "the line is not UTF-8")))?;
        let line = text.trim_matches([' ', '\t', '\r']);
        self.blank += text.len() - line.len() + usize::from(line.is_empty());
        if self.blank > MAX_BLANK {
            let message = format!("more than {MAX_BLANK} bytes of the submission are blank");
            return Err(too_large(RefusalKind::TooLarge, message).into());
        }
        if line.is_empty() {
            return Ok(());
        }
        if self.entries.len() == self.limits.lines {
            let message = format!("the submission has more than {} lines", self.limits.lines);
            return Err(too_large(RefusalKind::TooLarge, message).into());
        }
        let parsed = Line::parse(line).map_err(|error| malformed(explain(error.to_error(), line)))?;
        let leaf = Leaf::from_item(&parsed.item).map_err(|refusal| refusal.at_line(Some(number)))?;
        let is_new = match &leaf.body {
            Body::Link { link, .. } => self.chains.insert(link.chain()),
            Body::Note(_) => self.notes.insert(leaf.hash),
        };
        if self.chains.len() + self.notes.len() > MAX_PROVEN {
            let message = format!("the submission has more than {MAX_PROVEN} chains and key notes");
            return Err(too_large(RefusalKind::TooMany, message).into());
        }
        let mut entry = Entry::new(Some(number), leaf);
        if is_new {
            admit(&mut entry).map_err(|stop| stop.at_line(Some(number)))?;
        }
        self.entries.push(entry);
        Ok(())
    }
}

fn explain(error: Error, line: &str) -> Error {
    if line.contains("\"countersign\"") && line.contains("export/v1") {
        return error.with_hint("remove the first line: a submission has no header");
    }
    error
}

fn too_large(kind: RefusalKind, message: String) -> SubmissionError {
    SubmissionError::new(kind, Error::new(Code::Refused, message).with_hint("submit less at a time"))
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const LINK: &str = "{\"link\":\"countersign/v1 event da7f84a510cb84b8cbb5b74a63c306ec 1 2026-11-20T06:00:01.000Z \
        2n+EpRDLhLjLtbdKY8MG7PNiM4fWQMPu3SZVy/CVOkk= T9eQIVpB/PtolM52DdBhQFPZcLntqmFl+FZYb4KHmqw=\"}";

    /// Returns the refusal of a submission pushed in these parts.
    fn refused(parts: &[&str]) -> Option<SubmissionError> {
        let mut intake = Intake::new(Limits::default());
        let admit = &mut |_: &mut Entry| Ok::<(), AcceptanceError<core::convert::Infallible>>(());
        let pushed = parts.iter().try_for_each(|part| intake.push(part.as_bytes(), admit));
        pushed.and_then(|()| intake.finish(admit)).err().map(AcceptanceError::refusal)
    }

    fn kind(parts: &[&str]) -> Option<RefusalKind> {
        refused(parts).map(|refusal| refusal.kind)
    }

    #[test]
    fn limits_blank_bytes() {
        let half = MAX_BLANK / 2;
        for blank in ["\n".repeat(MAX_BLANK), " \n".repeat(half), " ".repeat(MAX_BLANK)] {
            assert_eq!(kind(&[&blank, LINK]), None);
            assert_eq!(kind(&[&blank, LINK, " \n"]), Some(RefusalKind::TooLarge));
            assert_eq!(kind(&["\n", &blank, LINK]), Some(RefusalKind::TooLarge));
        }
    }

    #[test]
    fn rejects_an_endless_line_before_it_ends() {
        let mut intake = Intake::new(Limits::default());
        let admit = &mut |_: &mut Entry| Ok::<(), AcceptanceError<core::convert::Infallible>>(());
        assert!(intake.push(" ".repeat(MAX_LINE + MAX_BLANK).as_bytes(), admit).is_ok());
        assert_eq!((intake.bytes(), intake.has_admitted()), (MAX_LINE + MAX_BLANK, false));
        let refusal = intake.push(b" ", admit).unwrap_err().refusal();
        assert_eq!((refusal.kind, refusal.error.line), (RefusalKind::Malformed, Some(1)));
        let mut intake = Intake::new(Limits::default());
        intake.push(format!("{LINK}\n").as_bytes(), admit).unwrap();
        assert!(intake.has_admitted());
    }

    #[test]
    fn hints_at_the_header_of_a_whole_export() {
        let hint = |line: &str| refused(&[line]).unwrap().error.hint;
        assert!(hint(r#"{"countersign":"export/v1","origin":"log.example"}"#).is_some());
        assert_eq!(hint(r#"{"countersign":"export/v2"}"#), None);
        assert_eq!(hint(r#"{"export/v1":1}"#), None);
    }
}
