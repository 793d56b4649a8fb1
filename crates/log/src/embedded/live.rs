//! Live views.

use std::sync::Arc;

use super::log_server::EmbeddedLogServer;
use super::reads::Tally;
use crate::api;
use crate::api::sse::Piece;
use crate::export::{ExportError, Lines, LiveState, Plan};
use crate::tokens::{Access, Scope};

/// A live view.
pub struct Live {
    /// The reader's authorization.
    access: Access,
    /// The scope of the events to show.
    scope: Arc<Scope>,
    /// The first entry of the view itself.
    first: u64,
    /// The state of the log up to which the view is sent.
    at: LiveState,
    /// A comment to send first.
    pub(super) beginning: Option<&'static [u8]>,
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
        let (at, lines) = (first.into(), Some(plan.lines()));
        Self { access, scope, first, at, beginning: None, lines, tally }
    }
}

impl EmbeddedLogServer {
    /// Continues a live view. With `idle`, it had nothing to send for [`QUIET`](crate::api::sse::QUIET), and a tenant
    /// log's view also shows a later head without new entries.
    ///
    /// # Errors
    /// [`ExportError`]; the view ends early.
    pub fn next_step(&self, live: &mut Live, idle: bool) -> Result<LiveStep, ExportError> {
        loop {
            if !self.shared.readers.still_admit(&live.access, self.now()) {
                return Ok(LiveStep::End);
            }
            if let Some(beginning) = live.beginning.take() {
                return Ok(LiveStep::Piece(beginning.to_vec()));
            }
            if let Some(lines) = live.lines.take() {
                let made = api::sse::piece(lines, live.first).map_err(ExportError::from);
                let Piece { bytes: piece, events, at, lines } =
                    made.inspect_err(|error| self.shared.metrics.read_failed(error))?;
                if let Some(tally) = &mut live.tally {
                    tally.add(events, piece.len());
                }
                (live.at, live.lines) = (at, lines);
                if !piece.is_empty() {
                    return Ok(LiveStep::Piece(piece));
                }
                continue;
            }
            let has_more = |newest| live.at.lacks_entries(newest) || idle && live.at.lacks_head(newest);
            if !self.live_state().is_some_and(has_more) {
                return Ok(LiveStep::Wait);
            }
            live.lines = match self.exporter.plan_continuation(live.at, &live.scope, false) {
                // The client reconnects, and gets a header.
                Err(ExportError::Restart) => return Ok(LiveStep::End),
                plan => Some(plan?.lines()),
            };
        }
    }
}
