//! `GET /stream`: a live view as server-sent events.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::stream;
use tokio::sync::watch;

use super::fallback::HandlerError;
use super::handlers;
use super::state::AppState;
use crate::reading::Reading;
use crate::reads::Tally;
use countersign_log::api;
use countersign_log::api::sse::{Opening, Piece, QUIET, QUIET_TEXT};
use countersign_log::export::{ExportError, Exporter, GATHER, Lines};
use countersign_log::reads::{Way, What};
use countersign_log::store::{Published, StoreError};
use countersign_log::tokens::{Access, Right, Scope};

pub(super) async fn stream(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    let revoked = state.reading.tokens().changed();
    let access = handlers::admit(&state.reading, &headers, Right::Read).await?;
    let opening = Arc::new(Opening::read(uri.query(), &headers, &access, state.log_server.now())?);
    let published = state.log_server.published();
    let planned = opening.clone();
    let begin =
        move |exporter: &Exporter, canceled: &dyn Fn() -> bool| planned.begin(exporter)?.finish(canceled);
    let plan = state.reading.look(Some(&access), begin).await;
    let plan = plan.map_err(|error| opening.problem(error))?;
    let first = opening.first(&plan);
    let mut asked = api::query::given(uri.query(), &api::sse::PARAMETERS);
    asked.retain(|(name, _)| name != "from");
    asked.insert(0, ("from".to_owned(), first.to_string()));
    let tally = handlers::begin(&state.reading, &access, What::new(Way::Stream, asked)).await?;
    let live = Live {
        reading: state.reading.clone(),
        access,
        scope: opening.scope().clone(),
        tally,
        revoked,
        stopping: state.reading.stopping(),
        published,
        first,
        at: first,
        lines: Some(plan.lines()),
    };
    let pieces = stream::try_unfold(live, Live::next);
    Ok(api::sse::head().map(|()| Body::from_stream(pieces)))
}

/// A live view.
struct Live {
    reading: Arc<Reading>,
    /// Whose it is.
    access: Access,
    /// Which events it shows.
    scope: Arc<Scope>,
    /// What it showed, where that is recorded.
    tally: Option<Tally>,
    /// Told when it may be nobody's any more.
    revoked: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
    published: watch::Receiver<Option<Arc<Published>>>,
    /// The first leaf of the view itself.
    first: u64,
    /// The size to which it has come.
    at: u64,
    /// What is being written, up to the checkpoint that was the newest when it was begun.
    lines: Option<Lines>,
}

/// Why a live view went on.
enum Woken {
    Further,
    Changed,
    Quiet,
    End,
}

impl Live {
    /// The next piece: made when the one before was taken, or when there is something to tell.
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
                let Piece { bytes: piece, events, at, lines } =
                    made.inspect_err(|error| tracing::error!(%error, "a stream ended early"))?;
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
            let beyond = |published: &Option<Arc<Published>>| {
                published.as_ref().is_some_and(|published| published.size > at)
            };
            let woken = tokio::select! {
                published = self.published.wait_for(beyond) => published.map_or(Woken::End, |_| Woken::Further),
                _ = self.stopping.wait_for(|stopping| *stopping) => Woken::End,
                changed = self.revoked.changed() => changed.map_or(Woken::End, |()| Woken::Changed),
                () = tokio::time::sleep(QUIET) => Woken::Quiet,
            };
            match woken {
                Woken::Further => tokio::time::sleep(GATHER).await,
                Woken::Changed => continue,
                Woken::End => return Ok(None),
                Woken::Quiet => return Ok(Some((Bytes::from_static(QUIET_TEXT), self))),
            }
            let scope = self.scope.clone();
            let plan = self.reading.glance(move |exporter| exporter.plan_further(at, &scope, false)).await;
            self.lines =
                Some(plan.inspect_err(|error| tracing::error!(%error, "a stream ended early"))?.lines());
        }
    }
}
