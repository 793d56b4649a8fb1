//! `POST /submit`: receives a body, bounded in size, memory and time, and answers when the log has published it.

use std::io::ErrorKind;

use axum::Extension;
use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use countersign::export::Compression;
use countersign::log::Submission;
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::budget::Share;
use super::client::Client;
use super::fallback::HandlerError;
use super::state::AppState;
use crate::log_server::SubmitError;
use countersign_log::api::{self, ApiError};
use countersign_log::body::BodyError;
use countersign_log::rejected::Reason;

/// A body of at least so many bytes is read on a thread that may be busy for a while. Of such a body it is looked at so
/// many first, and goes on if they are of somebody whom the log knows.
const LARGE: usize = 64 << 10;
/// So many proofs are made where the request came in; more on a thread that may be busy for a while.
const FEW: usize = 16;
/// Of a body of which so much came, room is made for all of it that is to come, once: what grows bit by bit is moved to ever
/// larger room, and holds both meanwhile. For less it is not: lengths are easily told.
const LONG: usize = 1 << 20;
/// A body comes in so many pieces, and one more for each so many bytes, at most: each costs something.
const PIECES: usize = 16_384;
const LEAST: usize = 64;
/// Of a body that is refused, so many times the limit is still taken and thrown away: a client that is cut off in the
/// middle of sending never reads why.
const THROWN_AWAY: usize = 4;

pub(super) async fn submit(
    State(state): State<AppState>,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HandlerError> {
    let log_server = &state.log_server;
    let client = client.map_or(Client::Socket, |Extension(client)| client);
    let receiving = Receiving { state: &state, share: state.budget.share(client) };
    let received = receiving.receive(&headers, body).await;
    let answered = match received {
        Ok(bytes) => {
            receiving.share.settle();
            match receiving.read(bytes).await {
                Ok(submission) => log_server.submit(submission).await.map_err(ReceiveError::from),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    };
    let committed = match answered {
        Ok(committed) => {
            log_server.metrics().answered(Ok(()));
            committed
        }
        Err(ReceiveError::Submission(error)) => {
            log_server.metrics().answered(Err(&error));
            return Err(ApiError::of_submission(&error, log_server.limits()).into());
        }
        Err(ReceiveError::Outside(reason, problem)) => {
            if let Some(reason) = reason {
                log_server.metrics().turned_away(reason);
            }
            return Err(problem.into());
        }
    };
    let proofs = committed.taken.chains.len() + committed.taken.notes.len();
    let answer = if proofs <= FEW && committed.taken.repeated == 0 {
        api::submit::taken(&committed, &**log_server.reader())
    } else {
        let log_server = log_server.clone();
        aside(move || api::submit::taken(&committed, &**log_server.reader())).await?
    };
    Ok(answer?.map(Body::from))
}

/// An error in receiving a submission.
enum ReceiveError {
    Submission(SubmitError),
    /// What is wrong with a body's outside, and what is counted for it.
    Outside(Option<Reason>, ApiError),
}

impl From<SubmitError> for ReceiveError {
    fn from(error: SubmitError) -> Self {
        Self::Submission(error)
    }
}

impl From<ApiError> for ReceiveError {
    fn from(problem: ApiError) -> Self {
        Self::Outside(None, problem)
    }
}

fn outside(reason: Reason) -> impl FnOnce(ApiError) -> ReceiveError {
    move |problem| ReceiveError::Outside(Some(reason), problem)
}

/// Works on a thread that may be busy for a while, so that other requests go on.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::unavailable(&error))
}

/// A submission that is being received.
struct Receiving<'s> {
    state: &'s AppState,
    share: Share,
}

impl Receiving<'_> {
    /// Reads a body.
    async fn read(&self, bytes: Vec<u8>) -> Result<Submission, ReceiveError> {
        let log_server = &self.state.log_server;
        if bytes.len() < LARGE
            && Compression::detect(&bytes).is_none()
            && let Some(read) = log_server.read_at_once(&bytes)
        {
            return Ok(read?);
        }
        let (bytes, read) = self.read_aside(bytes).await?;
        match read {
            Err(error) if error.is_of_somebody_unknown() && log_server.catch_up().await? => {
                Ok(self.read_aside(bytes).await?.1?)
            }
            read => Ok(read?),
        }
    }

    async fn read_aside(
        &self,
        bytes: Vec<u8>,
    ) -> Result<(Vec<u8>, Result<Submission, SubmitError>), ReceiveError> {
        // As many at one time as there are cores: what they hold while they work is not counted.
        let _reading = self.state.readers.acquire().await.map_err(|error| ApiError::unavailable(&error))?;
        let (log_server, share) = (self.state.log_server.clone(), self.share.handle());
        let read = aside(move || {
            let read = log_server.read(&bytes, &mut |bytes| share.resize(bytes).is_ok())?;
            if let Ok(submission) = &read {
                share.resize(submission.bytes()).map_err(|_| BodyError::NoRoom)?;
            }
            Ok((bytes, read))
        });
        read.await?.map_err(|error: BodyError| {
            let reason = if error == BodyError::NoRoom { Reason::Memory } else { Reason::TooLarge };
            ReceiveError::Outside(Some(reason), ApiError::of_body(&error, self.state.log_server.limits()))
        })
    }

    /// Receives a body whole, as it was sent.
    async fn receive(&self, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, ReceiveError> {
        let limits = self.state.log_server.limits();
        let mut stream = body.into_data_stream();
        let whole = match api::body::check(headers, limits) {
            // Who asks before sending does not send now.
            Err(problem) if headers.contains_key(header::EXPECT) => {
                return Err(outside(Reason::TooLarge)(problem));
            }
            Err(problem) => Err(outside(Reason::TooLarge)(problem)),
            Ok(()) => tokio::select! {
                whole = self.collect(headers, &mut stream) => whole,
                () = self.share.evicted() => Err(outside(Reason::Memory)(api::body::busy())),
            },
        };
        if whole.is_err() {
            self.share.release();
            let most = limits.bytes.saturating_mul(THROWN_AWAY);
            let _ = timeout(self.state.bounds.silence, throw_away(&mut stream, most)).await;
        }
        whole
    }

    /// Looks at the beginning of a body.
    async fn glance(&self, bytes: Vec<u8>) -> Result<(Vec<u8>, Result<bool, SubmitError>), ApiError> {
        let log_server = self.state.log_server.clone();
        aside(move || {
            let admitted = log_server.glance(&bytes);
            (bytes, admitted)
        })
        .await
    }

    async fn collect(
        &self,
        headers: &HeaderMap,
        stream: &mut BodyDataStream,
    ) -> Result<Vec<u8>, ReceiveError> {
        let (limits, bounds) = (self.state.log_server.limits(), &self.state.bounds);
        let too_slow = || outside(Reason::Slow)(api::body::too_slow());
        let begun = Instant::now();
        let declared = api::body::declared(headers).map_or(0, |all| all.min(limits.bytes as u64)) as usize;
        let (mut bytes, mut glance) = (Vec::new(), LARGE);
        let mut pieces = 0;
        loop {
            pieces += 1;
            if pieces > PIECES + bytes.len() / LEAST {
                return Err(outside(Reason::Slow)(api::body::in_too_small_pieces()));
            }
            let paced = std::time::Duration::from_secs((bytes.len() / bounds.pace.max(1)) as u64);
            let Ok(chunk) = timeout_at(begun + bounds.body + paced, stream.next()).await else {
                return Err(too_slow());
            };
            let Some(chunk) = chunk else { return Ok(bytes) };
            let chunk = chunk.map_err(|error| {
                if is_malformed(&error) {
                    outside(Reason::Malformed)(api::body::malformed())
                } else {
                    too_slow()
                }
            })?;
            if chunk.len() > limits.bytes - bytes.len() {
                return Err(outside(Reason::TooLarge)(ApiError::too_large(limits)));
            }
            self.share.resize(bytes.len() + chunk.len()).map_err(outside(Reason::Memory))?;
            if bytes.len() >= LONG && bytes.capacity() - bytes.len() < chunk.len() {
                bytes.reserve_exact(declared.saturating_sub(bytes.len()));
            }
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= glance {
                let mut admitted;
                (bytes, admitted) = self.glance(bytes).await?;
                if admitted.as_ref().is_err_and(SubmitError::is_of_somebody_unknown)
                    && self.state.log_server.catch_up().await?
                {
                    (bytes, admitted) = self.glance(bytes).await?;
                }
                glance = if admitted? { usize::MAX } else { glance.saturating_mul(4) };
            }
        }
    }
}

/// Whether what came is no body, where one that did not come whole is another matter.
fn is_malformed(error: &axum::Error) -> bool {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let mut causes = causes.filter_map(|error| error.downcast_ref::<std::io::Error>());
    causes.any(|error| matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData))
}

async fn throw_away(stream: &mut BodyDataStream, most: usize) {
    let mut thrown = 0;
    for _ in 0..PIECES {
        match stream.next().await {
            Some(Ok(chunk)) if thrown + chunk.len() <= most => thrown += chunk.len(),
            _ => return,
        }
    }
}
