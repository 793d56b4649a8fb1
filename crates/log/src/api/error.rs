//! Error responses, in one JSON format.

use std::fmt;

use countersign::Diagnostic;
use countersign::log::{Limits, MAX_PROVEN, RefusalKind, SubmissionError};
use countersign::tolerance;
use http::header::{CONTENT_TYPE, RETRY_AFTER as RETRY, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::Answer;
use super::response::{NO_STORE, with_headers};
use crate::erase::EraseError;
use crate::part::{Failure, Part};
use crate::sequencer::RulesError;
use crate::stop::SigningStop;
use crate::store::StoreError;
use crate::submission::SubmitError;
use crate::witnessing::AGAIN;

/// The default number of seconds after which a client may retry.
const RETRY_AFTER: u64 = 1;
/// The number of seconds after which a client may retry if a person has to act first.
const RETRY_STOPPED: u64 = 30;
/// The maximum number of seconds that a client is asked to wait.
const MAX_RETRY_SECONDS: u64 = 3_600;

/// An error response: a [`Diagnostic`], its HTTP status, and further fields for programs.
#[derive(Clone, Debug)]
pub struct ApiError(Box<Details>);

#[derive(Clone, Debug)]
struct Details {
    status: StatusCode,
    diagnostic: Diagnostic,
    /// The fields of the body next to `error`.
    beside: Map<String, Value>,
    /// The number of seconds after which a client may retry, sent as `Retry-After`.
    retry: Option<u64>,
    /// The failure that caused the error. Its message is for the log operator, not for clients.
    failure: Option<Failure>,
}

/// The cause of a response with a status of 500 or above, which its [extensions](http::Extensions) have. It is for the
/// server's logs.
#[derive(Clone, Debug)]
pub struct ResponseFailure {
    /// The code of the error.
    pub code: String,
    /// The failure.
    pub failure: Failure,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { code, message, .. } = &self.0.diagnostic;
        write!(f, "{code}: {message}")
    }
}

impl std::error::Error for ApiError {}

impl ApiError {
    /// Creates an error with a stable code and a message. With status 429 or 503 it has a `Retry-After` of one second.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self::from_diagnostic(status, Diagnostic::new(code.to_owned().into(), message))
    }

    fn from_diagnostic(status: StatusCode, diagnostic: Diagnostic) -> Self {
        Self(Box::new(Details {
            status,
            diagnostic,
            beside: Map::new(),
            retry: matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
                .then_some(RETRY_AFTER),
            failure: None,
        }))
    }

    /// Adds a hint: what the client can do about the error.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.diagnostic.hint = Some(hint.into().into());
        self
    }

    /// Adds a field next to `error` to the body.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.beside.insert(name.into(), value.into());
        self
    }

    /// Returns a 400 for a request that the route can't parse.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request.invalid", message)
    }

    /// Returns a 404.
    pub fn not_found() -> Self {
        let message = "this log has no resource at this path";
        Self::new(StatusCode::NOT_FOUND, "request.not_found", message)
            .with_hint("check the path of the request")
    }

    /// Returns a 501 for a route that only `countersign serve` has.
    pub fn unsupported(message: &'static str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "server.unsupported", message)
            .with_hint("use a log server that was started with `countersign serve`")
    }

    /// Returns a 405.
    pub fn method_not_allowed() -> Self {
        let message = "this path does not support the method of the request";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "request.invalid", message)
            .with_hint("use GET to read, and POST for /submit and /erase")
    }

    /// Returns a 406 for a client that accepts none of the encodings the log can send.
    pub fn not_acceptable() -> Self {
        let message = "the Accept-Encoding header excludes every encoding that this log can send";
        Self::new(StatusCode::NOT_ACCEPTABLE, "request.encoding", message)
            .with_hint("accept gzip or identity, or omit the header")
    }

    /// Returns a 413 for a submission that is larger than the limits, compressed or decompressed.
    pub fn too_large(limits: &Limits) -> Self {
        let message = "the submission is larger than this log accepts at once";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "submit.too_large", message)
            .with_hint("split it into submissions within `limits`")
            .with("limits", json!({ "bytes": limits.bytes, "lines": limits.lines }))
    }

    /// Returns the response to a submission that was not accepted.
    pub fn of_submission(error: &SubmitError, limits: &Limits) -> Self {
        match error {
            SubmitError::Refused(refusal) | SubmitError::UnknownSigner(refusal) => {
                Self::of_refusal(refusal, limits)
            }
            SubmitError::Busy => Self::new(StatusCode::TOO_MANY_REQUESTS, "server.busy", error.to_string())
                .with_hint("send it again later; nothing was stored"),
            SubmitError::NoRoom => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "server.busy", error.to_string())
                    .with_hint("send it again later; nothing was stored")
            }
            SubmitError::Clock { now, skew } => {
                let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "log.clock", error.to_string())
                    .with_hint(
                        "send it again after the log operator has corrected the clock; nothing was stored",
                    )
                    .with("now", now.to_string())
                    .with("skew", skew / 1000);
                problem.0.retry = Some(AGAIN.as_secs());
                problem
            }
            SubmitError::ImplausibleClock { machine, known } => {
                let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "log.clock", error.to_string())
                    .with_hint(
                        "ask the log operator to correct the clock, or to confirm it with `countersign clock --dir DIR --confirm`; nothing was stored",
                    )
                    .with("now", machine.to_string())
                    .with("known", known.to_string());
                problem.0.retry = Some(AGAIN.as_secs());
                problem
            }
            SubmitError::UnknownTenant => {
                Self::new(StatusCode::NOT_FOUND, "tenant.unknown", error.to_string()).with_hint(
                    "check the ID, or create the tenant with `countersign tenant add`; nothing was stored",
                )
            }
            SubmitError::Ended { moved_to } => {
                let hint = match moved_to {
                    None => {
                        "record no more events for this tenant, or get the origin of its new log from the log operator"
                    }
                    Some(_) => {
                        "record to the log that continues it; get its address and its trust file from the log operator"
                    }
                };
                let problem = Self::new(StatusCode::GONE, "log.ended", error.to_string()).with_hint(hint);
                match moved_to {
                    None => problem,
                    Some(origin) => problem.with("moved_to", origin.clone()),
                }
            }
            SubmitError::Stopped(stop) => Self::stopped(stop),
            SubmitError::Quota { seconds } | SubmitError::TenantQuota { seconds } => {
                let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "submit.quota", error.to_string())
                    .with_hint(
                        "wait, then send it again; nothing was stored, and the log operator sets the quota",
                    );
                problem.0.retry = Some((*seconds).clamp(RETRY_AFTER, MAX_RETRY_SECONDS));
                problem
            }
            SubmitError::Unavailable(failure) => Self::failed(failure.clone()),
        }
    }

    /// Returns the response of a log that stopped signing. Its details are only for the log operator.
    pub(crate) fn stopped(stop: &SigningStop) -> Self {
        let message =
            "the log stopped signing, because its data contradicts, or may contradict, what it signed before";
        let hint = "keep your events and send them again later; the log operator must resolve this first";
        let mut problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, stop.cause.code(), message).with_hint(hint);
        problem.0.retry = Some(RETRY_STOPPED);
        problem
    }

    /// Returns the response to an erasure that failed.
    pub fn of_erasure(error: &EraseError, limits: &Limits) -> Self {
        match error {
            EraseError::Record(error) => Self::of_submission(error, limits),
            EraseError::Store(StoreError::Stopped(stop)) => Self::stopped(stop),
            EraseError::Store(error) => Self::failed(error.failure()),
        }
    }

    /// Returns the response to a submission that the acceptance rules reject.
    pub fn of_refusal(refusal: &SubmissionError, limits: &Limits) -> Self {
        let status = match &refusal.kind {
            RefusalKind::Malformed => StatusCode::BAD_REQUEST,
            RefusalKind::TooLarge => return Self::too_large(limits),
            // Clients that split by `limits.lines` alone get past this limit too.
            RefusalKind::TooMany => {
                return Self::too_large(&Limits { lines: limits.lines.min(MAX_PROVEN), ..*limits });
            }
            RefusalKind::Unauthorized => StatusCode::FORBIDDEN,
            RefusalKind::Gap { .. } | RefusalKind::Fork(_) => StatusCode::CONFLICT,
            RefusalKind::Early { .. } => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut problem = Self::from_diagnostic(status, Diagnostic::from(refusal.error.clone()).into_text());
        match &refusal.kind {
            RefusalKind::Gap { chain, expected, last } => {
                problem = problem.with("chain", chain.to_string()).with("expected", *expected);
                if let Some(last) = last {
                    problem = problem.with("last", last.to_string());
                }
            }
            RefusalKind::Fork(evidence) => {
                problem = problem.with("chain", evidence.chain.to_string()).with("seq", evidence.seq);
                if let Some(index) = evidence.index {
                    problem = problem.with("index", index);
                }
            }
            RefusalKind::Early { now, wait } => {
                problem.0.retry = Some(wait.div_ceil(1000).clamp(RETRY_AFTER, MAX_RETRY_SECONDS));
                problem = problem.with("now", now.to_string()).with("tolerance", tolerance::EMITTER / 1000);
            }
            _ => {}
        }
        problem
    }

    /// Returns a 503 for a failure of the server itself. The error's details are for the log operator, not for clients.
    pub fn unavailable(error: &dyn std::fmt::Display) -> Self {
        Self::failed(error.to_string().into())
    }

    /// Returns a 503 for a failure. It names only the part that failed; the message is for the log operator.
    pub fn failed(failure: Failure) -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server.unavailable",
            "the log cannot process this request right now",
        )
        .with_hint("send it again later");
        if failure.part != Part::Server {
            problem = problem.with("part", failure.part.word());
        }
        problem.0.failure = Some(failure);
        problem
    }

    /// Returns the cause of a response with a status of 500 or above.
    fn response_failure(&self) -> Option<ResponseFailure> {
        let Details { status, diagnostic, failure, .. } = &*self.0;
        if !status.is_server_error() {
            return None;
        }
        let (code, message) = (diagnostic.code.to_string(), diagnostic.message.clone());
        let failure = failure.clone().unwrap_or(Failure { part: Part::of_code(&code), message });
        Some(ResponseFailure { code, failure })
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped(stop) => Self::stopped(&stop),
            error => Self::failed(error.failure()),
        }
    }
}

impl From<RulesError> for ApiError {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::Store(error) => error.into(),
            RulesError::Key(_) => Self::failed(error.failure()),
        }
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        let failure = error.response_failure();
        let Details { status, diagnostic, beside, retry, .. } = *error.0;
        let mut body = Map::new();
        body.insert("error".into(), json!(diagnostic));
        body.extend(beside);
        let body = Value::Object(body).to_string().into_bytes();
        let mut answer = with_headers(status, &[(CONTENT_TYPE, "application/json"), NO_STORE], body);
        if let Some(seconds) = retry {
            answer.headers_mut().insert(RETRY, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(failure) = failure {
            answer.extensions_mut().insert(failure);
        }
        answer
    }
}
