//! Handler for `POST /v1/logs`: OpenTelemetry log records of services, recorded as events (OTLP/HTTP).

use std::io::Read as _;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use countersign::log::Limits;
use countersign_otlp::{
    DecodeError, Format, Intake, MAX_RECORDS, Problem, Problems, decode, failure, success,
};
use flate2::read::MultiGzDecoder;

use super::budget::Share;
use super::client::Client;
use super::handlers::admit;
use super::receive::{ReceiveError, Upload, discard_body, run_parser};
use super::state::AppState;
use crate::otlp::{IntakeEvent, IntakeOutcome, MAX_EVENT_BYTES, SendError};
use countersign_log::api::response::with_headers;
use countersign_log::api::{Answer, ApiError};
use countersign_log::metrics::{LogRecordOutcome, Metrics};
use countersign_log::rejected::Reason;
use countersign_log::tokens::Right;

/// Maximum size of a body in bytes, compressed and decompressed.
const MAX_BODY_BYTES: usize = 8 << 20;
/// Maximum length of an `Idempotency-Key`, in bytes.
const MAX_KEY_BYTES: usize = 200;
/// The header that identifies a request and its retries.
const KEY: &str = "idempotency-key";

pub(super) async fn logs(
    State(state): State<AppState>,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let format = media_type.and_then(Format::from_media_type);
    let answered = match checked(&state, &headers, format).await {
        Ok(request) => {
            let client = client.map_or(Client::Socket, |Extension(client)| client);
            answer(&state, client, &headers, body, request).await
        }
        Err(error) => {
            discard_body(&state, body).await;
            Err(error)
        }
    };
    let answer = answered.unwrap_or_else(|error| failed(error, format.unwrap_or(Format::Json)));
    answer.map(Body::from)
}

/// The head of a request.
struct Head {
    format: Format,
    sender: String,
    key: Option<String>,
    is_compressed: bool,
}

/// Checks a request before its body is read.
async fn checked(state: &AppState, headers: &HeaderMap, format: Option<Format>) -> Result<Head, ApiError> {
    let access = admit(&state.reading, headers, Right::Record).await?;
    let format = format.ok_or_else(|| {
        let message = "the Content-Type header must be application/x-protobuf or application/json";
        ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "otlp.media_type", message)
            .with_hint("use an OTLP exporter over HTTP; this log doesn't accept OTLP over gRPC")
    })?;
    let is_compressed = match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None => false,
        Some(name) if name.eq_ignore_ascii_case(b"identity") => false,
        Some(name) if name.eq_ignore_ascii_case(b"gzip") => true,
        Some(_) => {
            let message = "the Content-Encoding header must be gzip or identity";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "otlp.encoding", message)
                .with_hint("set the exporter's compression to gzip or none"));
        }
    };
    let key = match headers.get(KEY) {
        None => None,
        Some(value) => Some(idempotency_key(value).ok_or_else(|| {
            let message = "the Idempotency-Key header must have 1 to 200 visible ASCII characters";
            ApiError::new(StatusCode::BAD_REQUEST, "otlp.key", message)
                .with_hint("send a UUID for each request, and the same one with each retry")
        })?),
    };
    Ok(Head { format, sender: access.name().to_owned(), key, is_compressed })
}

fn idempotency_key(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let is_valid =
        !text.is_empty() && text.len() <= MAX_KEY_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_valid.then(|| text.to_owned())
}

async fn answer(
    state: &AppState,
    client: Client,
    headers: &HeaderMap,
    body: Body,
    head: Head,
) -> Result<Answer, ApiError> {
    let limits = Limits { bytes: MAX_BODY_BYTES, ..Limits::default() };
    let upload = Upload { state, share: state.budget.share(client), limits };
    let body = upload.receive_other(headers, body).await.map_err(|error| unreceived(error, state))?;
    upload.share.settle();
    let Upload { share, .. } = upload;
    let format = head.format;
    let parsed = run_parser(&state.body_parsers, move || parse(&head, &body, share)).await?;
    let (events, mut problems, share) = parsed?;
    let metrics = state.log_server.metrics();
    let mut outcome = IntakeOutcome::default();
    if !events.is_empty() {
        let Some(intake) = &state.otlp else { return Err(ApiError::not_found()) };
        outcome = intake.record(events, share).await.map_err(|error| match error {
            SendError::Queue(error) => ApiError::of_submission(&error, state.log_server.limits()),
            SendError::Answer(error) => error,
        })?;
    }
    (0..outcome.conflicting).for_each(|_| problems.add(Problem::Conflict));
    count(metrics, outcome, &problems);
    let media_type = [(header::CONTENT_TYPE, format.media_type())];
    Ok(with_headers(StatusCode::OK, &media_type, success(format, &problems)))
}

fn count(metrics: &Metrics, outcome: IntakeOutcome, problems: &Problems) {
    metrics.log_records(LogRecordOutcome::Recorded, outcome.recorded);
    metrics.log_records(LogRecordOutcome::Repeated, outcome.repeated);
    metrics.log_records(LogRecordOutcome::Refused, problems.total());
}

/// Returns the response to a body that wasn't received completely. Exporters don't retry a 408.
fn unreceived(error: ReceiveError, state: &AppState) -> ApiError {
    let (reason, error) = match error {
        ReceiveError::Body(reason, error) => (reason, error),
        ReceiveError::Submission(error) => (None, ApiError::of_submission(&error, state.log_server.limits())),
    };
    if let Some(reason) = reason {
        state.log_server.metrics().turned_away(reason);
    }
    match reason {
        Some(Reason::TooLarge) => too_large(),
        Some(Reason::Slow) => {
            let message = "the body of the request did not arrive in time";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.timeout", message)
                .with_hint("send it again, in smaller batches if the connection is slow")
        }
        _ => error,
    }
}

fn too_large() -> ApiError {
    let message = "the log export is larger than this log accepts at once";
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "otlp.too_large", message)
        .with_hint(
            "limit the exporter's batches, for example with the collector's sending_queue::batch::max_size",
        )
        .with("limits", serde_json::json!({ "bytes": MAX_BODY_BYTES, "records": MAX_RECORDS }))
}

fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "otlp.malformed", message)
        .with_hint("use an OTLP exporter over HTTP, and send its requests unchanged")
}

/// Decodes a body, and converts its records to events. It may take a while.
fn parse(head: &Head, body: &[u8], share: Share) -> Result<(Vec<IntakeEvent>, Problems, Share), ApiError> {
    let unpacked = head.is_compressed.then(|| unpack(body, &share)).transpose()?;
    let body = unpacked.as_deref().unwrap_or(body);
    let intake = Intake::new(&head.sender, head.key.as_deref(), body);
    let (mut events, mut problems) = (Vec::new(), Problems::default());
    let (mut position, mut bytes) = (0, 0);
    let decoded = decode(head.format, body, &mut |record| {
        let event =
            record.and_then(|record| Ok((intake.id(position, &record), intake.event(position, &record)?)));
        position += 1;
        match event {
            Ok((id, event)) => {
                bytes += event.as_bytes().len();
                if bytes > MAX_EVENT_BYTES {
                    return Err(too_large());
                }
                share.resize(body.len() + bytes)?;
                events.push(IntakeEvent { id, event });
            }
            Err(problem) => problems.add(problem),
        }
        Ok(())
    });
    match decoded {
        Ok(()) => Ok((events, problems, share)),
        Err(DecodeError::Stopped(error)) => Err(error),
        Err(DecodeError::TooMany) => Err(too_large()),
        Err(error) => Err(malformed(error.to_string())),
    }
}

fn unpack(body: &[u8], share: &Share) -> Result<Vec<u8>, ApiError> {
    share.resize(body.len() + MAX_BODY_BYTES)?;
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(body)
        .take(MAX_BODY_BYTES as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|_| malformed("the compressed body is truncated or corrupt"))?;
    if unpacked.len() > MAX_BODY_BYTES { Err(too_large()) } else { Ok(unpacked) }
}

/// Returns the response to a request that failed, with the message where exporters look for it.
fn failed(error: ApiError, format: Format) -> Answer {
    let message = error.to_string();
    let mut answer = Answer::from(error.with("message", message.clone()));
    if format == Format::Protobuf {
        let media_type = HeaderValue::from_static(format.media_type());
        answer.headers_mut().insert(header::CONTENT_TYPE, media_type);
        *answer.body_mut() = failure(&message);
    }
    answer
}
