//! What each address answers but `/`, `/submit` and `/stream`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::stream;

use super::fallback::HandlerError;
use super::findings;
use super::state::AppState;
use crate::backup::{self, Backup};
use crate::disk;
use crate::erase::erase;
use crate::reading::Reading;
use crate::reads::Tally;
use countersign_log::api;
use countersign_log::api::ApiError;
use countersign_log::api::erase::{Chosen, ErasureRequest};
use countersign_log::api::export::ExportRequest;
use countersign_log::condition::{Condition, Erasing, Index, Kind, Storage};
use countersign_log::erase;
use countersign_log::export::{ExportError, Lines};
use countersign_log::reads::{Way, What};
use countersign_log::store::StoreError;
use countersign_log::tokens::{Access, Right};

/// The token that a request brings, if it has the right.
pub(super) async fn admit(reading: &Reading, headers: &HeaderMap, right: Right) -> Result<Access, ApiError> {
    Ok(reading.admit(api::bearer::token(headers), right).await?)
}

pub(super) async fn checkpoint(
    State(AppState { log_server, .. }): State<AppState>,
) -> Result<Response, HandlerError> {
    let published = log_server.published().borrow().clone();
    Ok(api::tiles::checkpoint(published.as_deref())?.map(Body::from))
}

pub(super) async fn tile(
    State(AppState { log_server, looking, .. }): State<AppState>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, HandlerError> {
    let _looking = looking.acquire().await.map_err(|error| ApiError::unavailable(&error))?;
    let size = log_server.published().borrow().as_ref().map_or(0, |published| published.size);
    let reader = log_server.reader().clone();
    let found = tokio::task::spawn_blocking(move || api::tiles::tile(&*reader, size, uri.path())).await;
    Ok(found.map_err(|error| ApiError::unavailable(&error))??.map(Body::from))
}

/// Code, place, what is wrong and what to do.
const INDEX_DAMAGED: [&str; 4] = [
    "fsck.index",
    crate::search::FILE,
    "a part of the search index is damaged: searches are slow there, and right",
    "the server makes it anew by itself; if it stays so, see the server's logs",
];

/// Whether the log can be read and written: 200 or 503, and what is so.
pub(super) async fn healthz(
    State(AppState { log_server, folder, found, reading, asking, .. }): State<AppState>,
) -> Response {
    let _asking = asking.acquire().await;
    let published = log_server.published().borrow().clone();
    let reader = log_server.reader().clone();
    let failing = log_server.metrics().are_erasures_failing();
    let kind = if log_server.is_shared() { Kind::Bucket } else { Kind::Folder };
    let looked = tokio::task::spawn_blocking(move || {
        let backup = backup::newest(&folder).map(|Backup { at, size }| (at, size));
        (reader.size().ok(), Erasing::of(&*reader, failing), disk::room(&folder), backup)
    });
    let (size, erasing, room, backup) = looked.await.unwrap_or_default();
    let (stopping, stopped) = (log_server.is_stopping(), log_server.signing().stopped());
    let index = reading.search().map(|search| Index { indexed: search.end(), whole: search.is_whole() });
    let damaged = found
        .newest()
        .and_then(|newest| newest.first)
        .map(|problem| {
            [problem.code.to_owned(), problem.place, problem.message, problem.repair.hint().to_owned()]
        })
        .or_else(|| index.filter(|index| !index.whole).map(|_| INDEX_DAMAGED.map(str::to_owned)));
    let storage = Storage { kind, failing: log_server.metrics().are_commits_failing(), room };
    let check = found.standing();
    let control_files = log_server.control_files().faults();
    let condition = Condition { stopping, erasing, storage, damaged, control_files, check, index, backup };
    let (origin, published, clock) = (log_server.origin(), published.as_deref(), log_server.clock());
    api::health::health(origin, size, published, &clock, condition, stopped.as_deref()).map(Body::from)
}

pub(super) async fn metrics(State(AppState { log_server, .. }): State<AppState>) -> Response {
    api::health::metrics(log_server.metrics(), &log_server.clock()).map(Body::from)
}

pub(super) async fn export(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    let access = admit(&state.reading, &headers, Right::Read).await?;
    let asked = api::export::read(uri.query(), &headers, &access, state.log_server.now())?;
    let what = What::new(Way::Export, api::query::pairs(uri.query()));
    send(&state, asked, access, what).await
}

/// What a search finds, and why it finds nothing.
pub(super) async fn explain(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    let access = admit(&state.reading, &headers, Right::Read).await?;
    let (request, fields_alone) = api::explain::read(uri.query(), &access, state.log_server.now())?;
    let what = What::new(Way::Explain, api::query::given(uri.query(), &api::query::EXPLAINED));
    let mut tally = begin(&state.reading, &access, what).await?;
    let answer =
        api::explain::answer(&state.reading.explain(&access, request, fields_alone).await?, fields_alone);
    if let Some(tally) = &mut tally {
        tally.add(0, answer.body().len());
    }
    Ok(answer.map(Body::from))
}

pub(super) async fn proof(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    let access = admit(&state.reading, &headers, Right::Read).await?;
    let asked = api::export::read_proof(uri.path(), uri.query(), &access)?;
    send(&state, asked, access, What::of_proof(uri.path())).await
}

async fn send(
    state: &AppState,
    asked: ExportRequest,
    access: Access,
    what: What,
) -> Result<Response, HandlerError> {
    let is_asked = !asked.request.asked.is_empty();
    let plan = state.reading.plan(&access, asked.request).await?;
    let matched = api::export::matched(&plan, is_asked);
    let lines = plan.lines();
    let head = api::export::head(state.log_server.origin(), &asked.name, matched)?;
    let tally = begin(&state.reading, &access, what).await?;
    // A piece is made when the one before was taken: a slow client makes no memory grow.
    let sending = Sending { lines, access, tally, reading: state.reading.clone() };
    let pieces = stream::try_unfold(sending, piece);
    Ok(head.map(|()| Body::from_stream(pieces)))
}

/// An export on its way.
struct Sending {
    lines: Lines,
    access: Access,
    tally: Option<Tally>,
    reading: Arc<Reading>,
}

/// Puts on record that a read begins.
pub(super) async fn begin(reading: &Reading, access: &Access, what: What) -> Result<Option<Tally>, ApiError> {
    reading.reads().begin(access, what).await.map_err(|error| {
        tracing::error!(%error, "a read is refused, for it cannot be recorded");
        let message = "this cannot be recorded now, and what is not recorded is not answered";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.unrecorded", message)
            .with_hint("send it again later")
    })
}

async fn piece(mut sending: Sending) -> Result<Option<(Bytes, Sending)>, ExportError> {
    let made = tokio::task::spawn_blocking(move || {
        let Sending { lines, access, tally, reading } = &mut sending;
        if !reading.still_admits(access) {
            return Err(ExportError::Revoked);
        }
        let before = lines.events();
        let piece = lines.next_piece()?;
        if let Some(tally) = tally {
            tally.add(lines.events() - before, piece.as_ref().map_or(0, Vec::len));
        }
        Ok((piece, sending))
    });
    let made = made.await.map_err(|error| StoreError::unavailable("writing an export", error).into());
    // When it fails the client sees that the answer was cut.
    let (piece, sending) =
        made.flatten().inspect_err(|error: &ExportError| tracing::error!(%error, "an export ended early"))?;
    Ok(piece.map(|piece| (piece.into(), sending)))
}

/// The evidence against emitters and against the log itself.
pub(super) async fn evidence(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    admit(&state.reading, &headers, Right::Admin).await?;
    api::query::read(uri.query(), &[])?;
    let log_server = state.log_server.clone();
    let found = tokio::task::spawn_blocking(move || {
        api::evidence::lines(log_server.signing(), &**log_server.reader())
    });
    Ok(found.await.map_err(|error| ApiError::unavailable(&error))??.map(Body::from))
}

/// What the log found in itself, where it is watched.
pub(super) async fn findings(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    let access = admit(&state.reading, &headers, Right::Read).await?;
    api::query::read(uri.query(), &[])?;
    Ok(findings::lines(state.reading.findings(), &access)?.map(Body::from))
}

pub(super) async fn erase_events(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HandlerError> {
    let access = admit(&state.reading, &headers, Right::Erase).await?;
    api::query::read(uri.query(), &[])?;
    let body = axum::body::to_bytes(body, api::erase::MAX_BODY).await.ok();
    let ErasureRequest { chosen, cause } =
        ErasureRequest::read(body.as_deref(), &access, state.log_server.now())?;
    let leaves = match chosen {
        Chosen::Places(places, scope) => {
            state.reading.glance(move |exporter| exporter.find(&places, &scope)).await?
        }
        Chosen::Matching(asked, scope) => state.reading.choose(&access, *asked, scope).await?,
    };
    // Once begun it is brought to its end, also when the client goes away.
    let reading = state.reading.clone();
    let erased = tokio::spawn(async move { erase(&reading, leaves, &cause).await }).await;
    let erased = erased.map_err(|error| ApiError::unavailable(&error))?;
    let erased = erased.map_err(|error| ApiError::of_erasure(&error, state.log_server.limits()))?;
    Ok(api::erase::done(erased).map(Body::from))
}

pub(super) async fn erasures(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    api::erasures::check(&admit(&state.reading, &headers, Right::Erase).await?)?;
    let asked = api::erasures::Asked::read(uri.path(), uri.query())?;
    let reading = state.reading.clone();
    let answered = tokio::task::spawn_blocking(move || {
        // While they cannot be read nothing is erased, and what is left is told all the same.
        let holds = reading.holds().read().unwrap_or_default();
        let reader = &**reading.log_server().reader();
        let held = |link: &_, event: &_| holds.hold(reader, link, event);
        asked.answer(reader, &|erasure| erase::state(reader, reading.own_chains(), &held, erasure))
    });
    let answered = answered.await.map_err(|error| ApiError::unavailable(&error))?;
    Ok(answered?.map(Body::from))
}
