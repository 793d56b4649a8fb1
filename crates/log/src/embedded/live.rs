//! Live views.

use std::sync::Arc;

use super::log_server::EmbeddedLogServer;
use super::reads::Tally;
use crate::api;
use crate::api::sse::Piece;
use crate::export::{ExportError, Lines, Plan};
use crate::tokens::{Access, Scope};

/// A live view.
pub struct Live {
    /// The reader's authorization.
    access: Access,
    /// The scope of the events to show.
    scope: Arc<Scope>,
    /// The first entry of the view itself.
    first: u64,
    /// The size of the log up to which the view is sent.
    at: u64,
    /// The lines in progress, up to the checkpoint that was the newest when they were started.
    lines: Option<Lines>,
    /// The count of sent events and bytes, if the read is recorded.
    pub(super) tally: Option<Tally>,
}

/// The next step of a live view.
pub enum LiveStep {
    /// A piece of text to send.
    Piece(Vec<u8>),
    /// No text at the moment: call again when something is published.
    Wait,
    /// The end: its reader is no longer authorized.
    End,
}

impl Live {
    pub(super) fn new(
        access: Access,
        scope: Arc<Scope>,
        first: u64,
        plan: Plan,
        tally: Option<Tally>,
    ) -> Self {
        Self { access, scope, first, at: first, lines: Some(plan.lines()), tally }
    }
}

impl EmbeddedLogServer {
    /// Continues a live view.
    ///
    /// # Errors
    /// [`ExportError`]; the view ends early.
    pub fn further(&self, live: &mut Live) -> Result<LiveStep, ExportError> {
        loop {
            if !self.readers.still_admit(&live.access, self.now()) {
                return Ok(LiveStep::End);
            }
            if let Some(lines) = live.lines.take() {
                let Piece { bytes: piece, events, at, lines } = api::sse::piece(lines, live.first)?;
                if let Some(tally) = &mut live.tally {
                    tally.add(events, piece.len());
                }
                (live.at, live.lines) = (at, lines);
                if !piece.is_empty() {
                    return Ok(LiveStep::Piece(piece));
                }
                continue;
            }
            if self.published_size() <= live.at {
                return Ok(LiveStep::Wait);
            }
            live.lines = Some(self.exporter.plan_further(live.at, &live.scope, false)?.lines());
        }
    }
}
