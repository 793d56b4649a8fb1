//! Archives: the results of verification that don't depend on the reader's input.
//!
//! Parsing, hashing, and verifying the links' signatures need the export, but neither a trust file nor pins nor
//! expectations. An archive keeps the results, and [`ArchiveVerifier`] combines them with other input into the same
//! report as verifying the export again. It verifies only the signatures of checkpoints and key notes.
//!
//! ```
//! use countersign::verify::archive::{ArchiveVerifier, MAX_ARCHIVE_BYTES};
//! use countersign::verify::{Options, Verifier};
//!
//! let mut verifier = Verifier::new(Options::default()).with_archive(MAX_ARCHIVE_BYTES);
//! verifier.push(b"{\"countersign\":\"export/v1\",\"origin\":\"log.example/audit\"}\n");
//! let conclusion = verifier.finish_with_archive();
//! let archive = conclusion.archive.expect("the export is small and readable");
//!
//! let mut again = ArchiveVerifier::new(Options::default());
//! again.push(&archive)?;
//! assert_eq!(again.finish()?.verification.report, conclusion.verification.report);
//! # Ok::<(), countersign::error::Error>(())
//! ```
//!
//! An archive is trusted input of the same version of this crate: it states that hashes match and signatures are
//! valid. Keep it in memory, and never accept one from elsewhere.
//!
//! An archive is a sequence of frames: a length as a little-endian `u32`, and that many bytes. The first frame has the
//! header, the others a chunk each, and an empty frame ends the archive.

pub(super) mod writer;

use std::collections::HashMap;

use super::compact;
use super::report::Counts;
use super::wire::Wire;
use super::{Options, Progress, Summarizer, Update, Verification};
use crate::error::{Code, Error};
use crate::export::Header;
use crate::link::ChainId;
use writer::LENGTH_BYTES;

/// The maximum size of an archive that a program should keep, in bytes. A link takes about 40 bytes, so this is enough
/// for about 1.6 million events.
pub const MAX_ARCHIVE_BYTES: usize = 64 << 20;

/// Verifies an export from its archive.
pub struct ArchiveVerifier {
    progress: Progress,
    summarizer: Option<Summarizer>,
    /// The beginning of the next frame.
    rest: Vec<u8>,
    is_ended: bool,
}

/// The result of verification from an archive.
#[derive(Debug)]
pub struct ArchiveVerification {
    /// The verification, as that of the export.
    pub verification: Verification,
    /// The results since the last call of [`take`](ArchiveVerifier::take).
    pub update: Update,
    /// The chains whose key is authorized. For events that were returned with another trust file, this replaces
    /// [`CoveredLink::authorized`](super::CoveredLink::authorized).
    pub authorized: Vec<ChainId>,
}

impl ArchiveVerifier {
    /// Creates a verifier. An archive contains no events, so none are returned.
    pub fn new(options: Options) -> Self {
        Self { progress: Progress::new(options), summarizer: None, rest: Vec::new(), is_ended: false }
    }

    /// Processes the next bytes of the archive.
    ///
    /// # Errors
    /// [`Code::Export`] if the bytes are not an archive of this version.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let mut unread = &rest[..];
        while let Some((frame, after)) = split_frame(unread) {
            self.frame(frame).ok_or_else(invalid)?;
            unread = after;
        }
        self.rest = unread.to_vec();
        Ok(())
    }

    /// Returns the results since the last call.
    pub fn take(&mut self) -> Update {
        self.progress.take()
    }

    /// Returns the counts so far.
    pub fn counts(&self) -> Counts {
        self.progress.counts()
    }

    /// Finishes at the end of the archive.
    ///
    /// # Errors
    /// [`Code::Export`] if the archive is incomplete.
    pub fn finish(self) -> Result<ArchiveVerification, Error> {
        if !self.is_ended || !self.rest.is_empty() {
            return Err(invalid());
        }
        let authorized = self.progress.authorized_chains();
        let (verification, update) = self.progress.finish_with_update(Ok(()));
        Ok(ArchiveVerification { verification, update, authorized })
    }

    fn frame(&mut self, mut frame: &[u8]) -> Option<()> {
        if self.is_ended {
            return None;
        }
        let Some(summarizer) = &mut self.summarizer else {
            let header = Header { origin: Wire::read(&mut frame)?, range: Wire::read(&mut frame)? };
            let line = Wire::read(&mut frame)?;
            self.summarizer = self.progress.begin(&header, line);
            return frame.is_empty().then_some(());
        };
        if frame.is_empty() {
            self.is_ended = true;
            return Some(());
        }
        let mut summary = compact::read(frame)?;
        summarizer.settle(&mut summary, &HashMap::new())?;
        self.progress.absorb(summary, b"");
        Some(())
    }
}

/// Splits a whole frame from the front.
fn split_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

fn invalid() -> Error {
    let message = "the bytes are not a complete archive of this version";
    Error::new(Code::Export, message).with_hint("verify the export instead")
}
