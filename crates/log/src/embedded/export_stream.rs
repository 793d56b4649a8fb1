//! Exports that are being sent.

use super::log_server::EmbeddedLogServer;
use super::reads::Tally;
use crate::export::{ExportError, Lines};
use crate::tokens::Access;

/// An export that is being sent.
pub struct ExportStream {
    pub(super) lines: Lines,
    /// The reader's authorization; `None` for an export for the log's own use.
    pub(super) access: Option<Access>,
    /// The count of sent events and bytes, if the read is recorded.
    pub(super) tally: Option<Tally>,
}

impl ExportStream {
    /// Returns the number of entries if this is an export of the whole log, which is the same for every reader; `None`
    /// if it is a slice.
    pub fn whole_log(&self) -> Option<u64> {
        self.lines.whole_log()
    }

    /// Returns the size of the log up to which pieces were sent, without the checkpoint of that size.
    pub fn at(&self) -> u64 {
        self.lines.at()
    }

    /// True if the events and bytes sent must be counted.
    pub fn is_counted(&self) -> bool {
        self.tally.is_some()
    }
}

impl EmbeddedLogServer {
    /// Returns the next piece before the checkpoint of size `before`; `None` if there are no more.
    ///
    /// # Errors
    /// [`ExportError`]; the export ends early.
    pub fn piece(&self, sending: &mut ExportStream, before: u64) -> Result<Option<Vec<u8>>, ExportError> {
        sending.access.as_ref().map_or(Ok(()), |access| self.check_access(access))?;
        let events = sending.lines.events();
        let piece = sending.lines.piece_before(before).map_err(ExportError::from);
        let piece = piece.inspect_err(|error| self.shared.metrics.read_failed(error))?;
        if let (Some(tally), Some(piece)) = (&mut sending.tally, &piece) {
            tally.add(sending.lines.events() - events, piece.len());
        }
        Ok(piece)
    }

    /// Skips the part of an export before the checkpoint of size `size`, which was sent from a copy, with its number of
    /// events and bytes.
    ///
    /// # Errors
    /// [`ExportError::Revoked`] if the reader is no longer authorized: don't send the copy.
    pub fn pass_over(
        &self,
        sending: &mut ExportStream,
        size: u64,
        events: u64,
        bytes: usize,
    ) -> Result<(), ExportError> {
        sending.access.as_ref().map_or(Ok(()), |access| self.check_access(access))?;
        sending.lines.pass_over(size);
        if let Some(tally) = &mut sending.tally {
            tally.add(events, bytes);
        }
        Ok(())
    }
}
