//! Handlers for every route except `/`, `/submit`, and `/stream`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};

use super::fallback::HandlerError;
use super::state::AppState;
use super::{findings, tenant_metrics};
use crate::backup::{self, Backup};
use crate::disk;
use crate::erase::erase;
use crate::reading::Reading;
use crate::reads::Tally;
use countersign_log::api;
use countersign_log::api::ApiError;
use countersign_log::api::erase::{Chosen, ErasureRequest};
use countersign_log::api::export::ExportRequest;
use countersign_log::condition::{Condition, ErasureCondition, Index, Kind, Storage};
use countersign_log::erase;
use countersign_log::export::{ExportError, Lines};
use countersign_log::reads::{ReadKind, ReadRequest};
use countersign_log::store::StoreError;
use countersign_log::tokens::{Access, Right};

/// Authenticates the request and checks that its token grants `right`.
pub(super) async fn admit(reading: &Reading, headers: &HeaderMap, right: Right) -> Result<Access, ApiError> {
    Ok(reading.admit(api::bearer::token(headers), right).await?)
}

pub(super) async fn checkpoint(
    State(AppState { log_server, .. }): State<AppState>,
) -> Result<Response, HandlerError> {
    let published = log_server.published().borrow().clone();
    Ok(api::tiles::checkpoint(published.as_deref())?.map(Body::from))
}

/// Returns the newest checkpoint as COSE signs it.
pub(super) async fn tree_signature(
    State(AppState { log_server, .. }): State<AppState>,
) -> Result<Response, HandlerError> {
    let published = log_server.published().borrow().clone();
    let signer = log_server.tree_signer().ok_or_else(ApiError::not_found)?;
    Ok(api::tiles::tree_signature(signer, published.as_ref())?.map(Body::from))
}

/// Returns the proof of a tenant log's newest head, and how the log grew since the head that the reader states.
pub(super) async fn head(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    admit(&state.reading, &headers, Right::Read).await?;
    let since = api::submit::since(uri.query())?;
    let reader = state.log_server.reader().clone();
    let read = move || api::head::head(reader.published()?.as_ref(), since, &*reader);
    let found = tokio::task::spawn_blocking(read).await;
    Ok(found.map_err(|error| ApiError::unavailable(&error))??.map(Body::from))
}

pub(super) async fn tile(
    State(AppState { log_server, public_reads, bounds, .. }): State<AppState>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, HandlerError> {
    let _permit = public_reads.acquire().await.map_err(|error| ApiError::unavailable(&error))?;
    let size = log_server.published().borrow().as_ref().map_or(0, |published| published.size);
    let reader = log_server.reader().clone();
    let minimum_index = bounds.minimum_index;
    let read = move || api::tiles::tile(&*reader, size, minimum_index, uri.path());
    let found = tokio::task::spawn_blocking(read).await;
    Ok(found.map_err(|error| ApiError::unavailable(&error))??.map(Body::from))
}

/// The health problem of a damaged index: code, place, message, and hint.
const INDEX_PROBLEM: [&str; 4] = [
    "fsck.index",
    crate::search::FILE,
    "part of the search index is damaged; searches are slower but correct",
    "wait until the server has rebuilt it; if the problem persists, check the server's logs",
];

/// Reports the log's health: 200 if it can be read and written, otherwise 503. Of a root log's server, only
/// administrators of all tenant logs get the details.
pub(super) async fn healthz(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let may_see_details =
        state.tenants.is_none() || admit_to_all_logs(&state.reading, &headers).await.is_ok();
    let report = health_report(state).await;
    if may_see_details { report } else { api::health::status_only(report.status()).map(Body::from) }
}

async fn health_report(state: AppState) -> Response {
    let tenant_logs = state.tenants.as_ref().map(|tenants| tenants.stops().into());
    let AppState { log_server, folder, self_check, reading, health_checks, tenants, journal, .. } = state;
    let _permit = health_checks.acquire().await;
    let published = log_server.published().borrow().clone();
    let reader = log_server.reader().clone();
    let failing = log_server.metrics().are_erasures_failing();
    let kind = if log_server.is_shared() { Kind::Bucket } else { Kind::Folder };
    let looked = tokio::task::spawn_blocking(move || {
        let backup = backup::newest(&folder).map(|Backup { at, size }| (at, size));
        let erasing = match tenants {
            Some(tenants) => ErasureCondition::new(tenants.readers().unfinished_erasures().ok(), failing),
            None => ErasureCondition::read(&*reader, failing),
        };
        (reader.size().ok(), erasing, disk::room(&folder), backup)
    });
    let (size, erasing, room, backup) = looked.await.unwrap_or_default();
    let (stopping, stopped) = (log_server.is_stopping(), log_server.signing().stopped());
    let index = reading.search().map(|search| Index { indexed: search.end(), whole: search.is_whole() });
    let damaged = self_check
        .newest()
        .and_then(|newest| newest.first)
        .map(|problem| {
            [problem.code.to_owned(), problem.place, problem.message, problem.repair.hint().to_owned()]
        })
        .or_else(|| index.filter(|index| !index.whole).map(|_| INDEX_PROBLEM.map(str::to_owned)));
    let storage = Storage { kind, failing: log_server.metrics().failing_part(), room };
    let check = self_check.state();
    let control_files = log_server.control_files().errors();
    let condition = Condition {
        stopping,
        erasing,
        storage,
        damaged,
        control_files,
        check,
        index,
        backup,
        tenants: tenant_logs,
        journal: journal.map(|journal| journal.condition()),
    };
    let (origin, published, clock) = (log_server.origin(), published.as_deref(), log_server.clock());
    api::health::health(origin, size, published, &clock, &condition, stopped.as_deref()).map(Body::from)
}

/// Returns the metrics. Those of a root log's server need a token, because they reveal how active its tenants are. So do
/// those of a log that watches itself: an attacker who can cause events would learn which of them raise findings.
pub(super) async fn metrics(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    if state.tenants.is_some() {
        admit_to_all_logs(&state.reading, &headers).await?;
    } else if state.reading.findings().are_kept() {
        admit(&state.reading, &headers, Right::Admin).await?;
    }
    let log_server = &state.log_server;
    let folder = state.folder.clone();
    let permit = state.health_checks.acquire().await;
    let measured = tokio::task::spawn_blocking(move || (disk::room(&folder), backup::newest(&folder)));
    let (room, backup) = measured.await.unwrap_or_default();
    drop(permit);
    if let Some(room) = room {
        log_server.metrics().storage(room);
    }
    if let Some(backup) = backup {
        log_server.metrics().backed_up(backup.at);
    }
    if let Some(journal) = &state.journal {
        log_server.metrics().journal(journal.condition());
    }
    let stopped = log_server.signing().stopped();
    let counts = state.tenants.as_ref().map(|tenants| tenants.stops().counts());
    let metrics = api::health::metrics(log_server.metrics(), &log_server.clock(), stopped.as_deref(), counts);
    let Some(tenants) = state.tenants.filter(|tenants| tenants.has_metrics()) else {
        return Ok(metrics.map(Body::from));
    };
    let (head, body) = metrics.into_parts();
    let text = String::from_utf8(body).map_err(|error| ApiError::unavailable(&error))?;
    let added = tokio::task::spawn_blocking(move || tenant_metrics::add(text, &tenants)).await;
    let added = added.map_err(|error| ApiError::unavailable(&error))??;
    Ok(Response::from_parts(head, Body::from(added)))
}

/// Authenticates the request and checks that its token is for administrators of all tenant logs.
pub(super) async fn admit_to_all_logs(reading: &Reading, headers: &HeaderMap) -> Result<(), ApiError> {
    let access = admit(reading, headers, Right::Admin).await?;
    if access.logs().is_all() { Ok(()) } else { Err(ApiError::not_found()) }
}

pub(super) async fn export(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    let access = admit(&state.reading, &headers, Right::Read).await?;
    let asked = api::export::read(uri.query(), &headers, &access, state.log_server.now())?;
    let what = ReadRequest::new(ReadKind::Export, api::query::pairs(uri.query()));
    send(&state, asked, access, what).await
}

/// Explains what a search matches, and why it matches nothing.
pub(super) async fn explain(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    let access = admit(&state.reading, &headers, Right::Read).await?;
    let (request, fields_alone) = api::explain::read(uri.query(), &access, state.log_server.now())?;
    let what = ReadRequest::new(ReadKind::Explain, api::query::parsed(uri.query(), &api::query::EXPLAINED));
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
    send(&state, asked, access, ReadRequest::for_proof(uri.path())).await
}

async fn send(
    state: &AppState,
    asked: ExportRequest,
    access: Access,
    what: ReadRequest,
) -> Result<Response, HandlerError> {
    let has_conditions = !asked.request.filter.is_empty();
    let plan = state.reading.plan(&access, asked.request).await;
    let plan = plan.inspect_err(|error| state.log_server.metrics().read_failed(error))?;
    let matched = api::export::matched(&plan, has_conditions);
    let lines = plan.lines();
    let head = api::export::head(state.log_server.origin(), &asked.name, matched)?;
    let tally = begin(&state.reading, &access, what).await?;
    // The next piece is produced only after the client took the last one, so a slow client doesn't grow memory.
    let sending = ExportStream { lines, access, tally, reading: state.reading.clone() };
    // Before the response's head, so that a client of a log that can't be read gets an error.
    let (first, sending) = piece(sending).await?.unzip();
    let others = stream::try_unfold(sending, async |sending| match sending {
        Some(sending) => Ok(piece(sending).await?.map(|(piece, sending)| (piece, Some(sending)))),
        None => Ok(None),
    });
    let pieces = stream::iter(first.map(Ok::<_, ExportError>)).chain(others);
    Ok(head.map(|()| Body::from_stream(pieces)))
}

/// An export being sent.
struct ExportStream {
    lines: Lines,
    access: Access,
    tally: Option<Tally>,
    reading: Arc<Reading>,
}

/// Records that a read begins, if reads are recorded.
pub(super) async fn begin(
    reading: &Reading,
    access: &Access,
    what: ReadRequest,
) -> Result<Option<Tally>, ApiError> {
    reading.reads().begin(access, what).await.map_err(|error| {
        tracing::error!(%error, "a read was rejected because it can't be recorded");
        let message = "the log can't record this read now, and serves only reads that it has recorded";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.unrecorded", message)
            .with_hint("send the request again later")
    })
}

async fn piece(mut sending: ExportStream) -> Result<Option<(Bytes, ExportStream)>, ExportError> {
    let reading = sending.reading.clone();
    let made = tokio::task::spawn_blocking(move || {
        let ExportStream { lines, access, tally, reading } = &mut sending;
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
    // After the first piece, the client notices the failure by the truncated response.
    let (piece, sending) = made.flatten().inspect_err(|error: &ExportError| {
        tracing::error!(%error, "an export ended early");
        reading.log_server().metrics().read_failed(error);
    })?;
    Ok(piece.map(|piece| (piece.into(), sending)))
}

/// Returns the evidence against emitters and against the log itself.
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

/// Returns the findings of a log that watches itself.
pub(super) async fn findings(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    let access = admit(&state.reading, &headers, Right::Read).await?;
    api::query::read(uri.query(), &[])?;
    let answer = findings::lines(state.reading.findings(), &access)?;
    let what = ReadRequest::new(ReadKind::Findings, Vec::new());
    let mut tally = begin(&state.reading, &access, what).await?;
    if let Some(tally) = &mut tally {
        tally.add(0, answer.body().len());
    }
    Ok(answer.map(Body::from))
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
            state.reading.run_lookup(move |exporter| exporter.find_stored(&places, &scope)).await?
        }
        Chosen::Matching(asked, scope) => state.reading.choose(&access, *asked, scope).await?,
    };
    // An erasure that has begun is completed even if the client disconnects.
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
    let asked = api::erasures::ErasuresRequest::read(uri.path(), uri.query())?;
    let reading = state.reading.clone();
    let answered = tokio::task::spawn_blocking(move || {
        // If the holds can't be read, nothing is erased, and the other facts are still reported.
        let holds = reading.holds().read().unwrap_or_default();
        let reader = &**reading.log_server().reader();
        let held = |link: &_, event: &_| holds.protect(reader, link, event);
        let unrecorded = reading.erasures.unrecorded(reading.log_server().origin());
        asked.answer(reader, &unrecorded, &|erasure| {
            erase::state(reader, reading.own_chains(), &held, erasure)
        })
    });
    let answered = answered.await.map_err(|error| ApiError::unavailable(&error))?;
    Ok(answered?.map(Body::from))
}
