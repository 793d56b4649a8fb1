//! Handler for `GET /stream`: a live view as server-sent events.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use tokio::sync::watch;

use super::fallback::HandlerError;
use super::handlers;
use super::state::AppState;
use crate::reading::Reading;
use crate::reads::Tally;
use countersign_log::api;
use countersign_log::api::sse::{Announcements, BEGINNING, LiveRequest, Piece, QUIET_TEXT};
use countersign_log::export::{ExportError, Exporter, GATHER, Lines, LiveState};
use countersign_log::reads::{ReadKind, ReadRequest};
use countersign_log::store::StoreError;
use countersign_log::tokens::{Access, Right, Scope};

pub(super) async fn stream(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    let revoked = state.reading.tokens().changed();
    let access = handlers::admit(&state.reading, &headers, Right::Read).await?;
    let opening = Arc::new(LiveRequest::parse(uri.query(), &headers, &access, state.log_server.now())?);
    let published = state.log_server.announcements();
    let planned = opening.clone();
    let begin =
        move |exporter: &Exporter, canceled: &dyn Fn() -> bool| planned.begin(exporter)?.finish(canceled);
    let plan = state.reading.run_search(Some(&access), begin).await;
    let plan = plan.inspect_err(|error| state.log_server.metrics().read_failed(error));
    let plan = plan.map_err(|error| opening.problem(error))?;
    let first = opening.first(&plan);
    let mut asked = api::sse::pairs(uri.query());
    asked.retain(|(name, _)| name != "from");
    asked.insert(0, ("from".to_owned(), first.to_string()));
    let tally = handlers::begin(&state.reading, &access, ReadRequest::new(ReadKind::Stream, asked)).await?;
    // A tenant log repeats no head to a client that resumes. The comment makes proxies pass on the response's head.
    let beginning = matches!(published, Announcements::Ticks(_)).then(|| Ok(Bytes::from_static(BEGINNING)));
    let live = LiveView {
        reading: state.reading.clone(),
        access,
        scope: opening.scope().clone(),
        tally,
        revoked,
        stopping: state.reading.stopping(),
        published,
        first,
        at: first.into(),
        lines: Some(plan.lines()),
    };
    let pieces = stream::iter(beginning).chain(stream::try_unfold(live, LiveView::next));
    Ok(api::sse::head().map(|()| Body::from_stream(pieces)))
}

/// A live view being sent.
struct LiveView {
    reading: Arc<Reading>,
    /// The reader's rights and scope.
    access: Access,
    /// The events it may show.
    scope: Arc<Scope>,
    /// Counts of the events shown, if reads are recorded.
    tally: Option<Tally>,
    /// Changes when tokens may have been revoked.
    revoked: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
    published: Announcements,
    /// The index of the view's first entry.
    first: u64,
    /// The state of the log up to which the view is complete.
    at: LiveState,
    /// The lines being sent, up to the checkpoint that was the newest when they were planned.
    lines: Option<Lines>,
}

/// The reason why a waiting live view continues.
enum Wake {
    Published,
    Changed,
    Quiet,
    End,
}

impl LiveView {
    /// Returns the next piece, after the client took the one before and once there is something to send.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, ExportError> {
        loop {
            self.revoked.mark_unchanged();
            if !self.reading.still_admits(&self.access) {
                return Ok(None);
            }
            if let Some(lines) = self.lines.take() {
                let first = self.first;
                let made = tokio::task::spawn_blocking(move || api::sse::piece(lines, first)).await;
                let made = made.map_err(|error| StoreError::unavailable("writing a stream", error)).flatten();
                let made = made.map_err(ExportError::from).inspect_err(|error| {
                    tracing::error!(%error, "a stream failed before its end");
                    self.reading.log_server().metrics().read_failed(error);
                });
                let Piece { bytes: piece, events, at, lines } = made?;
                if let Some(tally) = &mut self.tally {
                    tally.add(events, piece.len());
                }
                (self.at, self.lines) = (at, lines);
                if !piece.is_empty() {
                    return Ok(Some((piece.into(), self)));
                }
                continue;
            }
            let at = self.at;
            let patience = self.published.patience();
            let woken = tokio::select! {
                published = self.published.wait_for_entries(at) => {
                    published.map_or(Wake::End, |()| Wake::Published)
                }
                _ = self.stopping.wait_for(|stopping| *stopping) => Wake::End,
                changed = self.revoked.changed() => changed.map_or(Wake::End, |()| Wake::Changed),
                () = tokio::time::sleep(patience) => Wake::Quiet,
            };
            match woken {
                Wake::Published => tokio::time::sleep(GATHER).await,
                Wake::Changed => continue,
                Wake::End => return Ok(None),
                Wake::Quiet if self.published.has_head_for(at) => {}
                Wake::Quiet => return Ok(Some((Bytes::from_static(QUIET_TEXT), self))),
            }
            let scope = self.scope.clone();
            let plan =
                self.reading.run_lookup(move |exporter| exporter.plan_continuation(at, &scope, false)).await;
            if matches!(plan, Err(ExportError::Restart)) {
                // The client reconnects, and gets a header.
                return Ok(None);
            }
            self.lines = Some(
                plan.inspect_err(|error| tracing::error!(%error, "a stream failed before its end"))?.lines(),
            );
        }
    }
}
