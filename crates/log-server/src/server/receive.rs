//! Handler for `POST /submit`: receives a body within limits on size, memory, and time, and responds once its entries
//! are published.

use std::io::ErrorKind;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, BodyDataStream};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use countersign::export::Compression;
use countersign::log::{Limits, Submission};
use countersign::tenant::{HeadProof, Since};
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use super::budget::Share;
use super::client::Client;
use super::fallback::HandlerError;
use super::state::AppState;
use crate::log_server::{Committed, LogServer, SubmitError};
use countersign_log::api::{self, Answer, ApiError};
use countersign_log::body::BodyError;
use countersign_log::rejected::Reason;
use countersign_log::tenants::growth_proof::GrowthProof;

/// Bodies of at least this size are parsed on a blocking thread. While one arrives, its first bytes are checked at
/// this size, and the upload is rejected if the log doesn't know who sends it.
const LARGE_BODY_BYTES: usize = 64 << 10;
/// Maximum number of proofs made on the async thread. More are made on a blocking thread.
const MAX_INLINE_PROOFS: usize = 16;
/// Number of bytes after which memory for the whole declared length is reserved. Growing step by step would keep the
/// old and the new buffer while copying. Before that, the declared length isn't trusted, as clients can claim any.
const RESERVE_BYTES: usize = 1 << 20;
/// Maximum number of a body's chunks, in addition to one per [`BYTES_PER_CHUNK`]. Each chunk has a cost.
const MAX_EXTRA_CHUNKS: usize = 16_384;
/// Number of bytes that entitles a body to one more chunk.
const BYTES_PER_CHUNK: usize = 64;
/// When a body is rejected, up to this multiple of the size limit is still read and discarded. A client that is cut
/// off while it sends never reads the error.
const DISCARD_FACTOR: usize = 4;

pub(super) async fn submit(
    State(state): State<AppState>,
    client: Option<Extension<Client>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HandlerError> {
    let log_server = &state.log_server;
    let since = match log_server.tenant().map_or(Ok(None), |_| api::submit::since(uri.query())) {
        Ok(since) => since,
        Err(error) => {
            discard_body(&state, body).await;
            return Err(error.into());
        }
    };
    let client = client.map_or(Client::Socket, |Extension(client)| client);
    let upload = Upload { state: &state, share: state.budget.share(client), limits: *log_server.limits() };
    let received = upload.receive(&headers, body).await;
    let parsed = match received {
        Ok(bytes) => {
            upload.share.settle();
            upload.read(bytes).await
        }
        Err(error) => Err(error),
    };
    let submitted = match parsed {
        // The share lasts as long as the submission waits, also after the client disconnected.
        Ok(submission) => log_server.submit(submission, upload.share).await,
        Err(ReceiveError::Submission(error)) => {
            log_server.metrics().answered(Err(&error));
            Err(error)
        }
        Err(ReceiveError::Body(reason, error)) => {
            if let Some(reason) = reason {
                log_server.metrics().turned_away(reason);
            }
            return Err(error.into());
        }
    };
    let committed = submitted.map_err(|error| ApiError::of_submission(&error, log_server.limits()))?;
    let proofs = committed.taken.chains.len() + committed.taken.notes.len();
    let answer =
        if proofs <= MAX_INLINE_PROOFS && committed.taken.repeated == 0 && !has_anchors(since, &committed) {
            prove(log_server, &committed, since)
        } else {
            let log_server = log_server.clone();
            run_blocking(move || prove(&log_server, &committed, since)).await?
        };
    Ok(answer?.map(Body::from))
}

/// True if the response may contain anchors, which are read from the store.
fn has_anchors(since: Option<Since>, committed: &Committed) -> bool {
    since.is_some_and(|since| {
        let newest = committed.published.state().tick().ok().flatten();
        newest.is_some_and(|newest| !since.anchors(newest).is_empty())
    })
}

/// Returns the response to a submission that is durable and published.
fn prove(log_server: &LogServer, committed: &Committed, since: Option<Since>) -> Result<Answer, ApiError> {
    let reader = &**log_server.reader();
    if log_server.tenant().is_none() {
        return api::submit::response(committed, reader);
    }
    let head = HeadProof::parse(&committed.published.note).map_err(|error| ApiError::unavailable(&error))?;
    let growth = since.map(|since| GrowthProof::prove(since, &head, reader)).transpose()?;
    api::submit::tenant_response(&committed.taken, &head, growth.as_ref(), reader)
}

/// An error in receiving a submission.
pub(super) enum ReceiveError {
    Submission(SubmitError),
    /// An invalid or oversized body, and the reason counted in metrics.
    Body(Option<Reason>, ApiError),
}

impl From<SubmitError> for ReceiveError {
    fn from(error: SubmitError) -> Self {
        Self::Submission(error)
    }
}

impl From<ApiError> for ReceiveError {
    fn from(error: ApiError) -> Self {
        Self::Body(None, error)
    }
}

fn rejected(reason: Reason) -> impl FnOnce(ApiError) -> ReceiveError {
    move |error| ReceiveError::Body(Some(reason), error)
}

/// Runs `work` on a blocking thread, so that other requests continue.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::unavailable(&error))
}

/// Parses a large body on a blocking thread. At most one is parsed per core, because the memory that parsing uses isn't
/// counted. This holds also after the client disconnected, as the thread continues.
pub(super) async fn run_parser<T: Send + 'static>(
    parsers: &Arc<Semaphore>,
    parse: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let permit = parsers.clone().acquire_owned().await.map_err(|error| ApiError::unavailable(&error))?;
    run_blocking(move || {
        let _permit = permit;
        parse()
    })
    .await
}

/// A body being received.
pub(super) struct Upload<'s> {
    pub(super) state: &'s AppState,
    pub(super) share: Share,
    pub(super) limits: Limits,
}

impl Upload<'_> {
    /// Parses a complete body. If it comes from an unknown emitter, catches up with the log's other servers and tries
    /// again.
    async fn read(&self, bytes: Vec<u8>) -> Result<Submission, ReceiveError> {
        let log_server = &self.state.log_server;
        if bytes.len() < LARGE_BODY_BYTES
            && Compression::detect(&bytes).is_none()
            && let Some(read) = log_server.parse_from_cache(&bytes)
        {
            return Ok(read?);
        }
        let (bytes, read) = self.read_blocking(bytes).await?;
        match read {
            Err(error) if error.is_from_unknown_signer() && log_server.catch_up().await? => {
                Ok(self.read_blocking(bytes).await?.1?)
            }
            read => Ok(read?),
        }
    }

    async fn read_blocking(
        &self,
        bytes: Vec<u8>,
    ) -> Result<(Vec<u8>, Result<Submission, SubmitError>), ReceiveError> {
        let (log_server, share) = (self.state.log_server.clone(), self.share.handle());
        let read = run_parser(&self.state.body_parsers, move || {
            let read = log_server.read(&bytes, &mut |bytes| share.resize(bytes).is_ok())?;
            if let Ok(submission) = &read {
                share.resize(submission.bytes()).map_err(|_| BodyError::NoRoom)?;
            }
            Ok((bytes, read))
        });
        read.await?.map_err(|error: BodyError| {
            let reason = if error == BodyError::NoRoom { Reason::Memory } else { Reason::TooLarge };
            ReceiveError::Body(Some(reason), ApiError::from_body(&error, self.state.log_server.limits()))
        })
    }

    /// Receives the complete body, as it was sent.
    async fn receive(&self, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, ReceiveError> {
        self.receive_with(headers, body, LARGE_BODY_BYTES).await
    }

    /// Receives the complete body of a request that isn't a submission.
    pub(super) async fn receive_other(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Vec<u8>, ReceiveError> {
        self.receive_with(headers, body, usize::MAX).await
    }

    /// Receives the complete body. Checks who sends it when it has `first_check` bytes.
    async fn receive_with(
        &self,
        headers: &HeaderMap,
        body: Body,
        first_check: usize,
    ) -> Result<Vec<u8>, ReceiveError> {
        let limits = &self.limits;
        let mut stream = body.into_data_stream();
        let whole = match api::body::check(headers, limits) {
            // A client that sent `Expect: 100-continue` won't send the body now.
            Err(error) if headers.contains_key(header::EXPECT) => {
                return Err(rejected(Reason::TooLarge)(error));
            }
            Err(error) => Err(rejected(Reason::TooLarge)(error)),
            Ok(()) => tokio::select! {
                whole = self.collect(headers, &mut stream, first_check) => whole,
                () = self.share.evicted() => Err(rejected(Reason::Memory)(api::body::busy())),
            },
        };
        if whole.is_err() {
            self.share.release();
            let max = limits.bytes.saturating_mul(DISCARD_FACTOR);
            let _ = timeout(self.state.bounds.silence, discard(&mut stream, max)).await;
        }
        whole
    }

    /// Checks who sends the body, from its beginning.
    async fn check_beginning(
        &self,
        bytes: Vec<u8>,
    ) -> Result<(Vec<u8>, Result<bool, SubmitError>), ApiError> {
        let log_server = self.state.log_server.clone();
        run_blocking(move || {
            let admitted = log_server.check_beginning(&bytes);
            (bytes, admitted)
        })
        .await
    }

    async fn collect(
        &self,
        headers: &HeaderMap,
        stream: &mut BodyDataStream,
        first_check: usize,
    ) -> Result<Vec<u8>, ReceiveError> {
        let (limits, bounds) = (&self.limits, &self.state.bounds);
        let too_slow = || rejected(Reason::Slow)(api::body::too_slow());
        let started = Instant::now();
        let declared = api::body::declared(headers).map_or(0, |all| all.min(limits.bytes as u64)) as usize;
        let (mut bytes, mut next_check) = (Vec::new(), first_check);
        let mut chunks = 0;
        loop {
            chunks += 1;
            if chunks > MAX_EXTRA_CHUNKS + bytes.len() / BYTES_PER_CHUNK {
                return Err(rejected(Reason::Slow)(api::body::too_small_chunks()));
            }
            let extra = std::time::Duration::from_secs((bytes.len() / bounds.pace.max(1)) as u64);
            let Ok(chunk) = timeout_at(started + bounds.body + extra, stream.next()).await else {
                return Err(too_slow());
            };
            let Some(chunk) = chunk else { return Ok(bytes) };
            let chunk = chunk.map_err(|error| {
                if is_malformed(&error) {
                    rejected(Reason::Malformed)(api::body::malformed())
                } else {
                    too_slow()
                }
            })?;
            if chunk.len() > limits.bytes - bytes.len() {
                return Err(rejected(Reason::TooLarge)(ApiError::too_large(limits)));
            }
            self.share.resize(bytes.len() + chunk.len()).map_err(rejected(Reason::Memory))?;
            if bytes.len() >= RESERVE_BYTES && bytes.capacity() - bytes.len() < chunk.len() {
                bytes.reserve_exact(declared.saturating_sub(bytes.len()));
            }
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= next_check {
                let mut admitted;
                (bytes, admitted) = self.check_beginning(bytes).await?;
                if admitted.as_ref().is_err_and(SubmitError::is_from_unknown_signer)
                    && self.state.log_server.catch_up().await?
                {
                    (bytes, admitted) = self.check_beginning(bytes).await?;
                }
                next_check = if admitted? { usize::MAX } else { next_check.saturating_mul(4) };
            }
        }
    }
}

/// True if the body's framing is invalid, as opposed to an incomplete body.
fn is_malformed(error: &axum::Error) -> bool {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let mut causes = causes.filter_map(|error| error.downcast_ref::<std::io::Error>());
    causes.any(|error| matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData))
}

/// Reads and discards the body of a refused request, within limits: a client that is cut off while it sends never reads
/// the error.
pub(super) async fn discard_body(state: &AppState, body: Body) {
    let max = state.log_server.limits().bytes.saturating_mul(DISCARD_FACTOR);
    let _ = timeout(state.bounds.silence, discard(&mut body.into_data_stream(), max)).await;
}

async fn discard(stream: &mut BodyDataStream, max: usize) {
    let mut discarded = 0;
    for _ in 0..MAX_EXTRA_CHUNKS {
        match stream.next().await {
            Some(Ok(chunk)) if discarded + chunk.len() <= max => discarded += chunk.len(),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn a_parser_counts_until_it_ends() {
        let parsers = Arc::new(Semaphore::new(1));
        let (begin, begun) = tokio::sync::oneshot::channel();
        let (end, ended) = channel::<()>();
        let parsing = run_parser(&parsers, move || {
            let _ = begin.send(());
            let _ = ended.recv();
        });
        // The client disconnects while its body is parsed.
        tokio::select! {
            biased;
            _ = parsing => panic!("the parser ended"),
            begun = begun => begun.unwrap(),
        }
        assert_eq!(parsers.available_permits(), 0);
        drop(end);
        let _ended = timeout(std::time::Duration::from_mins(1), parsers.acquire()).await.unwrap().unwrap();
    }
}
