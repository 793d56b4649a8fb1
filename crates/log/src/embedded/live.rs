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
    /// Whose it is.
    access: Access,
    /// Which events it shows.
    scope: Arc<Scope>,
    /// The first leaf of the view itself.
    first: u64,
    /// The size to which it has come.
    at: u64,
    /// What is being written, up to the checkpoint that was the newest when it was begun.
    lines: Option<Lines>,
    /// What is recorded of it.
    pub(super) tally: Option<Tally>,
}

/// How a live view goes on.
pub enum Further {
    /// With this.
    Piece(Vec<u8>),
    /// There is nothing to tell: ask again when something is published.
    Wait,
    /// Its reader may not read any more.
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
    /// Goes on with a live view.
    ///
    /// # Errors
    /// [`ExportError`]: the view ends early.
    pub fn further(&self, live: &mut Live) -> Result<Further, ExportError> {
        loop {
            if !self.readers.still_admit(&live.access, self.now()) {
                return Ok(Further::End);
            }
            if let Some(lines) = live.lines.take() {
                let Piece { bytes: piece, events, at, lines } = api::sse::piece(lines, live.first)?;
                if let Some(tally) = &mut live.tally {
                    tally.add(events, piece.len());
                }
                (live.at, live.lines) = (at, lines);
                if !piece.is_empty() {
                    return Ok(Further::Piece(piece));
                }
                continue;
            }
            if self.published_size() <= live.at {
                return Ok(Further::Wait);
            }
            live.lines = Some(self.exporter.plan_further(live.at, &live.scope, false)?.lines());
        }
    }
}
