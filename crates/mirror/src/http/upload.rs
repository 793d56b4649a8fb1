//! `POST /add-entries`: verifies and stores entries while they arrive.

use std::io::{self, Read};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use countersign::checkpoint::SignedCheckpoint;
use countersign::merkle::TILE_WIDTH;
use countersign_log::mirroring::{INFO_CONTENT_TYPE, MAX_PACKAGES, MirrorInfo, UploadHead};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{MirrorState, text, unavailable};
use crate::error::MirrorError;
use crate::log_copy::{LogCopy, Package};
use crate::package_reader::{ReadError, read_head, read_package};

/// The number of chunks of a body that may wait to be read.
const WAITING_CHUNKS: usize = 4;
/// The maximum number of entries in an upload that the mirror already has.
const MAX_EXCESS: u64 = MAX_PACKAGES * TILE_WIDTH;

/// The answer to an upload.
enum Answer {
    /// All entries are stored, and the checkpoint is published with these cosignatures.
    Cosigned(String),
    /// Some entries are stored; the client continues.
    Accepted(MirrorInfo),
    /// The client's view of the mirror is out of date.
    Conflict(MirrorInfo),
    /// The upload is refused.
    Refused(StatusCode, String),
    /// The mirror failed.
    Failed(MirrorError),
}

pub(super) async fn add_entries(
    State(state): State<MirrorState>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(permit) = state.uploads.clone().try_acquire_owned() else { return unavailable() };
    let is_gzip = match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None => false,
        Some(name) if name.eq_ignore_ascii_case(b"identity") => false,
        Some(name) if name.eq_ignore_ascii_case(b"gzip") => true,
        Some(_) => {
            let message = "send the body uncompressed, or with gzip\n".to_owned();
            return with_encodings(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
    };
    let (chunks, waiting) = mpsc::channel(WAITING_CHUNKS);
    let copy = state.copy.clone();
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let body = BodyReader { waiting, chunk: Bytes::new() };
        if is_gzip { receive(&copy, &mut MultiGzDecoder::new(body)) } else { receive(&copy, &mut { body }) }
    });
    // Dropped with this future: a client that sends slowly must not keep the permit beyond the time limit.
    let mut forward = JoinSet::new();
    forward.spawn(async move {
        let mut stream = body.into_data_stream();
        while let Some(chunk) = stream.next().await {
            // The receiver is gone once the answer is known.
            if chunks.send(chunk.map_err(io::Error::other)).await.is_err() {
                return;
            }
        }
    });
    let answer = work.await;
    // An error is answered before the whole body has arrived.
    drop(forward);
    let Ok(answer) = answer else { return unavailable() };
    let response = match answer {
        Answer::Cosigned(lines) => text(StatusCode::OK, lines),
        Answer::Accepted(info) => with_info(StatusCode::ACCEPTED, &info),
        Answer::Conflict(info) => with_info(StatusCode::CONFLICT, &info),
        Answer::Refused(status, message) => text(status, message + "\n"),
        Answer::Failed(error) => {
            tracing::error!(%error, "storing uploaded entries failed");
            unavailable()
        }
    };
    with_encodings(response)
}

fn with_info(status: StatusCode, info: &MirrorInfo) -> Response {
    (status, [(header::CONTENT_TYPE, INFO_CONTENT_TYPE)], info.to_body()).into_response()
}

/// Tells clients which compression they may use.
fn with_encodings(mut response: Response) -> Response {
    response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, identity"));
    response
}

/// Reads a request body from a thread that may block.
struct BodyReader {
    waiting: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.waiting.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
            }
        }
        let length = self.chunk.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.chunk.split_to(length));
        Ok(length)
    }
}

/// Receives an upload.
fn receive(copy: &Arc<LogCopy>, body: &mut impl Read) -> Answer {
    let head = match read_head(body) {
        Ok(head) => head,
        Err(error) => return Answer::Refused(StatusCode::BAD_REQUEST, describe(&error).to_owned()),
    };
    if head.origin != copy.origin() {
        return Answer::Refused(
            StatusCode::NOT_FOUND,
            "this mirror doesn't have a log of this origin".into(),
        );
    }
    let Some(pending) = copy.pending() else {
        let message = "send a checkpoint first: POST /add-checkpoint";
        return Answer::Refused(StatusCode::UNPROCESSABLE_ENTITY, message.into());
    };
    let mut known = [Some(pending), copy.published()].into_iter().flatten();
    let target = known.find(|signed| signed.checkpoint.size == head.end);
    let status = copy.status();
    let excess = head.end.min(status.next).saturating_sub(head.start);
    let is_current = head.end >= status.published.unwrap_or(0) && head.start <= status.next;
    let Some(target) = target.filter(|_| is_current && excess <= MAX_EXCESS) else {
        return Answer::Conflict(current(copy));
    };
    receive_packages(copy, &head, &target, body)
}

fn receive_packages(
    copy: &Arc<LogCopy>,
    head: &UploadHead,
    target: &SignedCheckpoint,
    body: &mut impl Read,
) -> Answer {
    let mut stored = 0;
    for place in head.packages() {
        let package = match read_package(body, place) {
            Ok(package) => package,
            Err(ReadError::Ended) if stored > 0 => return Answer::Accepted(info(copy, head.end)),
            Err(error) => return Answer::Refused(StatusCode::BAD_REQUEST, describe(&error).to_owned()),
        };
        let entries: Vec<&[u8]> = package.entries.iter().map(Vec::as_slice).collect();
        let package = Package {
            checkpoint: &target.checkpoint,
            start: place.start,
            entries: &entries,
            proof: &package.proof,
        };
        match copy.store(package) {
            Ok(()) => stored += 1,
            Err(error @ (MirrorError::Altered(_) | MirrorError::Malformed(_))) => {
                return Answer::Refused(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
            }
            Err(error) => return Answer::Failed(error),
        }
    }
    match copy.publish(target) {
        Ok(lines) => Answer::Cosigned(lines),
        // Another client uploaded entries of a later checkpoint meanwhile.
        Err(MirrorError::Gap { .. }) => Answer::Conflict(current(copy)),
        Err(error) => Answer::Failed(error),
    }
}

fn info(copy: &LogCopy, pending: u64) -> MirrorInfo {
    MirrorInfo { pending, next: copy.status().next, ticket: Vec::new() }
}

fn current(copy: &LogCopy) -> MirrorInfo {
    let status = copy.status();
    MirrorInfo { pending: status.pending, next: status.next, ticket: Vec::new() }
}

fn describe(error: &ReadError) -> &'static str {
    match error {
        ReadError::Ended => "the upload is truncated",
        ReadError::Malformed(why) => why,
    }
}
