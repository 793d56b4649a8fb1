//! `GET /stream`: a live view as server-sent events.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::stream;
use tokio::sync::watch;

use super::{AppState, Problem, handlers};
use crate::api;
use crate::api::sse::{GATHER, Opening, QUIET, QUIET_TEXT};
use crate::export::{ExportError, Lines};
use crate::reading::Reading;
use crate::store::{Published, StoreError};
use crate::tokens::Right;

pub(super) async fn stream(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let reader = handlers::admit(&state.reading, &headers, Right::Read)?;
    let opening = Opening::read(uri.query(), &headers)?;
    let published = state.collector.published();
    let plan = state.reading.look(move |exporter, cancelled| opening.plan(exporter, cancelled)).await;
    let plan = plan.map_err(|error| opening.problem(error))?;
    let first = opening.first(&plan);
    let live = Live {
        reading: state.reading.clone(),
        reader,
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
    reader: String,
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
    Quiet,
    End,
}

impl Live {
    /// The next piece: made when the one before was taken, or when there is something to tell.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, ExportError> {
        loop {
            if let Some(lines) = self.lines.take() {
                let first = self.first;
                let made = tokio::task::spawn_blocking(move || api::sse::piece(lines, first)).await;
                let made = made.map_err(|error| StoreError::unavailable("writing a stream", error)).flatten();
                let (piece, at, lines) =
                    made.inspect_err(|error| tracing::error!(%error, "a stream ended early"))?;
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
                () = tokio::time::sleep(QUIET) => Woken::Quiet,
            };
            let now = self.reading.collector().now();
            if !self.reading.tokens().still_admits(&self.reader, Right::Read, now) {
                return Ok(None);
            }
            match woken {
                Woken::Further => tokio::time::sleep(GATHER).await,
                Woken::End => return Ok(None),
                Woken::Quiet => return Ok(Some((Bytes::from_static(QUIET_TEXT), self))),
            }
            let plan = self.reading.glance(move |exporter| exporter.plan_further(at, false)).await;
            self.lines =
                Some(plan.inspect_err(|error| tracing::error!(%error, "a stream ended early"))?.lines());
        }
    }
}
