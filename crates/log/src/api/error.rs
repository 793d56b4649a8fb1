//! Error responses, in one JSON format.

use std::fmt;

use countersign::Diagnostic;
use countersign::log::{Kind, Limits, MAX_PROVEN, SubmissionError};
use countersign::tolerance;
use http::header::{CONTENT_TYPE, RETRY_AFTER as RETRY, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::Answer;
use super::response::{NO_STORE, with_headers};
use crate::erase::EraseError;
use crate::stop::SigningStop;
use crate::store::StoreError;
use crate::submitting::SubmitError;
use crate::witnessing::AGAIN;

/// Seconds after which a client may come again.
const RETRY_AFTER: u64 = 1;
/// The same where a person has to do something first.
const RETRY_STOPPED: u64 = 30;
/// The longest that a client is told to wait.
const LONGEST: u64 = 3_600;

/// An error response: a [`Diagnostic`], its HTTP status, and what else a client can use.
#[derive(Clone, Debug)]
pub struct ApiError(Box<Details>);

#[derive(Clone, Debug)]
struct Details {
    status: StatusCode,
    diagnostic: Diagnostic,
    /// What else a program can use, beside `error`.
    beside: Map<String, Value>,
    /// Seconds after which a client may come again.
    retry: Option<u64>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { code, message, .. } = &self.0.diagnostic;
        write!(f, "{code}: {message}")
    }
}

impl std::error::Error for ApiError {}

impl ApiError {
    /// A problem with a stable code and a message for people.
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
        }))
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.diagnostic.hint = Some(hint.into().into());
        self
    }

    /// The same with one more member beside `error`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.beside.insert(name.into(), value.into());
        self
    }

    /// A request that is not of the form that the route takes.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request.invalid", message)
    }

    /// There is nothing at this address.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "request.not_found", "there is nothing at this address")
    }

    /// The address takes another method.
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "request.invalid", "this address takes another method")
    }

    /// The client takes none of the encodings that the log has.
    pub fn not_acceptable() -> Self {
        let message = "the request's Accept-Encoding refuses all that this log can send";
        Self::new(StatusCode::NOT_ACCEPTABLE, "request.encoding", message)
            .with_hint("accept gzip or identity, or leave that header out")
    }

    /// A submission, or its decompressed bytes, that is larger than the limits.
    pub fn too_large(limits: &Limits) -> Self {
        let message = "the submission is larger than this log takes at one time";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "submit.too_large", message)
            .with_hint("submit less at a time")
            .with("limits", json!({ "bytes": limits.bytes, "lines": limits.lines }))
    }

    /// A submission that was not taken.
    pub fn of_submission(error: &SubmitError, limits: &Limits) -> Self {
        match error {
            SubmitError::Refused(refusal) | SubmitError::Stranger(refusal) => {
                Self::of_refusal(refusal, limits)
            }
            SubmitError::Busy => Self::new(StatusCode::TOO_MANY_REQUESTS, "server.busy", error.to_string())
                .with_hint("send it again later: nothing was taken"),
            SubmitError::Clock { now, skew } => {
                let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "log.clock", error.to_string())
                    .with_hint("nothing was taken: send it again when whoever runs the log has set its clock")
                    .with("now", now.to_string())
                    .with("skew", skew / 1000);
                problem.0.retry = Some(AGAIN.as_secs());
                problem
            }
            SubmitError::Stopped(stop) => Self::stopped(stop),
            SubmitError::Quota { seconds } => {
                let mut problem =
                    Self::new(StatusCode::TOO_MANY_REQUESTS, "submit.quota", error.to_string()).with_hint(
                        "send it again then: nothing was taken. The log's operator sets how much a key may bring",
                    );
                problem.0.retry = Some((*seconds).clamp(RETRY_AFTER, LONGEST));
                problem
            }
            SubmitError::Unavailable(_) => Self::unavailable(error),
        }
    }

    /// The log signs nothing more. What contradicts is for the operator.
    pub(crate) fn stopped(stop: &SigningStop) -> Self {
        let message =
            "the log signs nothing more: what is here contradicts, or may contradict, what it signed before";
        let hint = "keep what you have, and send it again later: the log's operator has to see to it first";
        let mut problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, stop.cause.code(), message).with_hint(hint);
        problem.0.retry = Some(RETRY_STOPPED);
        problem
    }

    /// Events that were not erased.
    pub fn of_erasure(error: &EraseError, limits: &Limits) -> Self {
        match error {
            EraseError::Record(error) => Self::of_submission(error, limits),
            EraseError::Store(StoreError::Stopped(stop)) => Self::stopped(stop),
            EraseError::Store(error) => Self::unavailable(error),
        }
    }

    /// A refusal of a log.
    pub fn of_refusal(refusal: &SubmissionError, limits: &Limits) -> Self {
        let status = match &refusal.kind {
            Kind::Malformed => StatusCode::BAD_REQUEST,
            Kind::TooLarge => return Self::too_large(limits),
            // Who goes by the lines alone comes to an end with this too.
            Kind::TooMany => {
                return Self::too_large(&Limits { lines: limits.lines.min(MAX_PROVEN), ..*limits });
            }
            Kind::Unauthorized => StatusCode::FORBIDDEN,
            Kind::Gap { .. } | Kind::Fork(_) => StatusCode::CONFLICT,
            Kind::Early { .. } => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut problem = Self::from_diagnostic(status, Diagnostic::from(refusal.error.clone()).into_text());
        match &refusal.kind {
            Kind::Gap { chain, expected, last } => {
                problem = problem.with("chain", chain.to_string()).with("expected", *expected);
                if let Some(last) = last {
                    problem = problem.with("last", last.to_string());
                }
            }
            Kind::Fork(evidence) => {
                problem = problem.with("chain", evidence.chain.to_string()).with("seq", evidence.seq);
                if let Some(index) = evidence.index {
                    problem = problem.with("index", index);
                }
            }
            Kind::Early { now, wait } => {
                problem.0.retry = Some(wait.div_ceil(1000).clamp(RETRY_AFTER, LONGEST));
                problem = problem.with("now", now.to_string()).with("tolerance", tolerance::EMITTER / 1000);
            }
            _ => {}
        }
        problem
    }

    /// The store failed: what it said is for the operator, not for clients.
    pub fn unavailable(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request was not answered");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "server.unavailable", "the log cannot do this now")
            .with_hint("send it again later")
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped(stop) => Self::stopped(&stop),
            error => Self::unavailable(&error),
        }
    }
}

impl From<ApiError> for Answer {
    fn from(ApiError(details): ApiError) -> Self {
        let Details { status, diagnostic, beside, retry } = *details;
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
        answer
    }
}
