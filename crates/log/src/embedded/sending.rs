//! Exports on their way.

use super::log_server::EmbeddedLogServer;
use super::reads::Tally;
use crate::export::{ExportError, Lines};
use crate::tokens::Access;

/// An export.
pub struct Sending {
    pub(super) lines: Lines,
    /// Whose it is; none where it is the log's own.
    pub(super) access: Option<Access>,
    /// What is recorded of it.
    pub(super) tally: Option<Tally>,
}

impl Sending {
    /// Of how many leaves this is the whole log, which is the same for everybody; none where it is a part.
    pub fn whole_log(&self) -> Option<u64> {
        self.lines.whole_log()
    }

    /// To which size its pieces have come. The checkpoint of that size is still to come.
    pub fn at(&self) -> u64 {
        self.lines.at()
    }

    /// Whether it is told how much of it is handed out.
    pub fn is_counted(&self) -> bool {
        self.tally.is_some()
    }
}

impl EmbeddedLogServer {
    /// The next piece of an export of what comes before the checkpoint of that size; none when it has come to there.
    ///
    /// # Errors
    /// [`ExportError`]: the export ends early.
    pub fn piece(&self, sending: &mut Sending, before: u64) -> Result<Option<Vec<u8>>, ExportError> {
        sending.access.as_ref().map_or(Ok(()), |access| self.check_access(access))?;
        let events = sending.lines.events();
        let piece = sending.lines.piece_before(before)?;
        if let (Some(tally), Some(piece)) = (&mut sending.tally, &piece) {
            tally.add(sending.lines.events() - events, piece.len());
        }
        Ok(piece)
    }

    /// Leaves out of an export what comes before the checkpoint of that size: that is handed out from a copy, so many events
    /// in so many bytes.
    ///
    /// # Errors
    /// [`ExportError::Revoked`]: it is not to be handed out.
    pub fn pass_over(
        &self,
        sending: &mut Sending,
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
