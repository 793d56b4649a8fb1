//! What an emitter brings to a log at one time.

use std::collections::HashMap;

use super::{Body, Entry, Kind, Refusal};
use crate::error::{Code, Error};
use crate::export::{Line, MAX_LINE};
use crate::link::{ChainId, Link, signed_part};
use crate::note::VerifierKey;

/// How much may be brought at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, decompressed.
    pub bytes: usize,
    /// Lines that are not blank.
    pub lines: usize,
}

impl Default for Limits {
    /// 16 MiB and 16,384 lines.
    fn default() -> Self {
        Self { bytes: 16 << 20, lines: 16_384 }
    }
}

/// An export's lines without header, skips and checkpoints: every one a leaf, in the order in which the log shall
/// take them.
#[derive(Clone, Debug)]
pub struct Submission {
    entries: Vec<Entry>,
}

impl Submission {
    /// Reads a submission. Nothing but the events' commits is verified.
    ///
    /// # Errors
    /// [`Kind::TooLarge`], and [`Kind::Malformed`] with the line.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        if body.len() > limits.bytes {
            return Err(too_large(format!("a submission has at most {} bytes", limits.bytes)));
        }
        let body = str::from_utf8(body).map_err(|error| {
            let before = body.get(..error.valid_up_to()).unwrap_or_default();
            let line = memchr::memchr_iter(b'\n', before).count() as u64 + 1;
            Refusal::malformed(Error::new(Code::Export, "not UTF-8").at_line(line))
        })?;
        let mut entries = Vec::new();
        for (line, number) in body.split('\n').zip(1..) {
            let line = line.trim_matches([' ', '\t', '\r']);
            if line.is_empty() {
                continue;
            }
            if entries.len() == limits.lines {
                return Err(too_large(format!("a submission has at most {} lines", limits.lines)));
            }
            let malformed = |error: Error| Refusal::malformed(error.at_line(number));
            if line.len() > MAX_LINE {
                return Err(malformed(Error::new(Code::Export, "a line is at most 1 MiB long")));
            }
            let parsed = Line::parse(line).map_err(|error| malformed(explain(error.to_error(), line)))?;
            entries.push(Entry::read(Some(number), &parsed.item)?);
        }
        if entries.is_empty() {
            let error = Error::new(Code::Export, "there is nothing in this submission");
            return Err(Refusal::malformed(error.with_hint("it has at least one link or key note")));
        }
        Ok(Self { entries })
    }

    /// What it brings, in its order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Verifies the links' signatures ahead of [`Growth::submit`](super::Growth::submit), which then need not: so that
    /// many submissions can be verified side by side. `key` gives the key of a chain that the log has; a chain's
    /// key never changes, so an older answer is as good. Chains whose key it cannot tell are left for later.
    ///
    /// # Errors
    /// [`Kind::Malformed`] at a signature that is invalid.
    pub fn verify(&mut self, key: impl Fn(&ChainId) -> Option<VerifierKey>) -> Result<(), Refusal> {
        let mut keys: HashMap<ChainId, Option<VerifierKey>> = HashMap::new();
        for entry in &mut self.entries {
            let Body::Link { link, .. } = &entry.body else { continue };
            if let Link::Open(open) = link {
                keys.insert(open.chain, Some(open.key.clone()));
            }
            let known = keys.entry(link.chain()).or_insert_with(|| key(&link.chain()));
            if let (Some(key), Some(_)) = (known, link.signature()) {
                check_signature(entry.line, &entry.text, link, key)?;
                entry.verified_by = Some(key.clone());
            }
        }
        Ok(())
    }
}

/// Whether a link's signature, if it has one, is that of the key.
pub(super) fn check_signature(
    line: Option<u64>,
    text: &str,
    link: &Link,
    key: &VerifierKey,
) -> Result<(), Refusal> {
    if link.signature().is_none_or(|signature| key.verify(signed_part(text).as_bytes(), signature)) {
        return Ok(());
    }
    let error = Error::new(Code::Signature, "the link's signature is invalid");
    Err(Refusal::malformed(error.with_hint("the link is not what its emitter signed")).at_line(line))
}

fn explain(error: Error, line: &str) -> Error {
    if line.contains("\"countersign\"") && line.contains("export/v1") {
        return error.with_hint("a submission has no header: leave the export's first line out");
    }
    error
}

fn too_large(message: String) -> Refusal {
    Refusal::new(Kind::TooLarge, Error::new(Code::Refused, message).with_hint("submit less at a time"))
}
