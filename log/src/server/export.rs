//! `GET /export` and `GET /proof/<chain>/<seq>`.

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::stream;

use super::{AppState, Problem, access};
use crate::export::Lines;
use crate::interface::{self, AskedExport};
use crate::store::StoreError;
use crate::tokens::Right;

pub(super) async fn export(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    access::admit(&state.reading, &headers, Right::Read)?;
    answer(&state, interface::read_export(uri.query())?).await
}

pub(super) async fn proof(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    access::admit(&state.reading, &headers, Right::Read)?;
    answer(&state, interface::read_proof(uri.path(), uri.query())?).await
}

async fn answer(state: &AppState, asked: AskedExport) -> Result<Response, Problem> {
    let lines = state.reading.plan(asked.request).await?.lines();
    let head = interface::export_head(state.collector.origin(), &asked.name)?;
    // A piece is made when the one before was taken: a slow client makes no memory grow.
    let pieces = stream::try_unfold(lines, piece);
    Ok(head.map(|()| Body::from_stream(pieces)))
}

async fn piece(mut lines: Lines) -> Result<Option<(Bytes, Lines)>, StoreError> {
    let made = tokio::task::spawn_blocking(move || lines.next_piece().map(|piece| (piece, lines))).await;
    let made = made.map_err(|error| StoreError::unavailable("writing an export", error)).flatten();
    match made {
        Ok((piece, lines)) => Ok(piece.map(|piece| (piece.into(), lines))),
        Err(error) => {
            // The client sees that the answer was cut.
            tracing::error!(%error, "an export ended early");
            Err(error)
        }
    }
}
