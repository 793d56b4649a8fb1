//! API calls, as recorded by events.

use std::borrow::Cow;

use countersign::time::Time;
use countersign_query::value::Value;
use countersign_query::{Entry, Outcome};

use super::report::Answer;

/// The maximum time by which an event's own time may lie after its link's time, in milliseconds. Beyond that, the
/// link's time counts.
const MAX_CLOCK_SKEW_MS: i64 = 5 * 60_000;

/// The type of an anonymous actor.
const ANONYMOUS: &str = "anonymous";

/// The fields of a request in events of other formats: method, path, and status.
const REQUESTS: [[&str; 3]; 4] = [
    ["http.method", "http.path", "http.status"],
    ["http.request.method", "url.path", "http.response.status_code"],
    ["http_request.http_method", "http_request.url.path", "http_response.code"],
    ["verb", "requestURI", "responseStatus.code"],
];

/// The fields that name the service of an operation, for events without a path.
const SERVICES: [&str; 2] = ["eventSource", "protoPayload.serviceName"];

/// Returns the path of a request target, without scheme, host, query, and fragment.
pub(super) fn path(target: &str) -> &str {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    match target.split_once("://") {
        // A URL within a path is part of the path.
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("", |at| &rest[at..]),
        _ => target,
    }
}

/// Returns a path segment without its parameters (`jobs;jsessionid=1`).
pub(super) fn without_parameters(segment: &str) -> &str {
    segment.split(';').next().unwrap_or_default()
}

/// An API call.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) target: Target<'a>,
    pub(super) status: Option<u16>,
    pub(super) outcome: Outcome,
    /// The duration in milliseconds.
    pub(super) latency: Option<f64>,
    /// The caller's type and id; `None` if the caller isn't named.
    pub(super) caller: Option<String>,
    /// True if the call had no authenticated caller. False for operations whose events never name one, such
    /// as those reported by webhooks.
    pub(super) is_unauthenticated: bool,
    pub(super) time: Time,
    pub(super) leaf: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Target<'a> {
    Request { method: Method, path: Cow<'a, str> },
    Operation { service: Cow<'a, str>, operation: Cow<'a, str> },
}

impl<'a> Call<'a> {
    /// Extracts the call from an event, if it records one.
    pub(super) fn from_entry(leaf: u64, entry: &Entry<'a>) -> Option<Self> {
        entry.event?;
        if crate::analyzer::is_ours(entry) {
            return None;
        }
        let text = |path: &str| entry.at(path).and_then(Value::string);
        let request = REQUESTS.iter().find_map(|[method, path, status]| {
            let path = text(path).filter(|path| path.starts_with(['/', '*']) || path.contains("://"))?;
            Some((Method::parse(&text(method)?), path, entry.at(status).and_then(Value::text)))
        });
        let (target, status) = if let Some((method, path, status)) = request {
            (Target::Request { method, path }, status)
        } else {
            let read = entry.read.filter(|read| read.parsed_as != "countersign")?;
            let operation = read.action.clone()?;
            let service = SERVICES.iter().find_map(|path| text(path));
            let service = service.unwrap_or_else(|| read.parsed_as.clone());
            (Target::Operation { service, operation }, None)
        };
        let caller = caller(entry);
        let is_request = matches!(target, Target::Request { .. });
        let is_anonymous = entry.read.is_some_and(|read| read.actor.kind.as_deref() == Some(ANONYMOUS));
        let (happened, _) = entry.time();
        let is_future = happened.millis() > entry.recorded.millis().saturating_add(MAX_CLOCK_SKEW_MS);
        let latency = entry.at("http.latency_ms").and_then(Value::number).and_then(|text| text.parse().ok());
        Some(Self {
            target,
            status: status
                .and_then(|status| status.parse().ok())
                .filter(|status| (100..600).contains(status)),
            outcome: entry.read.map_or(Outcome::default(), |read| read.outcome),
            latency: latency.filter(|millis: &f64| *millis >= 0.0),
            is_unauthenticated: caller.is_none() && (is_request || is_anonymous),
            caller,
            time: if is_future { entry.recorded } else { happened },
            leaf,
        })
    }

    /// Detaches the call from its event's text.
    pub(super) fn into_owned(self) -> Call<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let target = match self.target {
            Target::Request { method, path } => Target::Request { method, path: owned(path) },
            Target::Operation { service, operation } => {
                Target::Operation { service: owned(service), operation: owned(operation) }
            }
        };
        Call { target, ..self }
    }

    /// Returns the status, or without one the outcome.
    pub(super) fn answer(&self) -> Answer {
        self.status.map_or(Answer::Outcome(self.outcome), Answer::Status)
    }

    /// True if the call succeeded.
    pub(super) fn is_success(&self) -> bool {
        self.status.map_or(self.outcome == Outcome::Success, |status| (200..300).contains(&status))
    }

    /// True if an existing endpoint handled the call, as far as is known: it was neither denied nor failed.
    pub(super) fn is_answered(&self) -> bool {
        match self.status {
            Some(status) => status < 400,
            None => !matches!(self.outcome, Outcome::Failure | Outcome::Denied),
        }
    }
}

fn caller(entry: &Entry<'_>) -> Option<String> {
    let of_event = |path: &str| entry.at(path).and_then(Value::string);
    let (id, kind) = match entry.read {
        Some(read) => (read.actor.id.clone(), read.actor.kind.clone()),
        None => (of_event("actor.id"), of_event("actor.type")),
    };
    let kind = kind.unwrap_or(Cow::Borrowed("user"));
    let id = id.filter(|id| !id.is_empty() && kind != ANONYMOUS && !id.starts_with("system:anonymous"))?;
    Some(crate::bounded::bounded(&format!("{kind}:{id}")).into_owned())
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Method(u8);

/// The methods that are distinguished.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"];

impl Method {
    pub(super) const GET: Self = Self(0);
    pub(super) const HEAD: Self = Self(1);
    pub(super) const OPTIONS: Self = Self(6);

    /// Parses a method's name in any case, or a verb of Kubernetes. Unknown names become `OTHER`.
    pub(super) fn parse(name: &str) -> Self {
        let name = match name {
            "get" | "list" | "watch" => "GET",
            "create" | "connect" => "POST",
            "update" => "PUT",
            "deletecollection" => "DELETE",
            name => name,
        };
        let place = METHODS.iter().position(|known| known.eq_ignore_ascii_case(name));
        Self(place.unwrap_or(METHODS.len()) as u8)
    }

    /// Parses a method's key in a path item of an OpenAPI description.
    pub(super) fn from_item_key(name: &str) -> Option<Self> {
        METHODS.iter().position(|known| known.to_ascii_lowercase() == name).map(|place| Self(place as u8))
    }

    #[cfg(feature = "state")]
    pub(super) const fn number(self) -> u8 {
        self.0
    }

    #[cfg(feature = "state")]
    pub(super) fn numbered(number: u8) -> Option<Self> {
        (usize::from(number) <= METHODS.len()).then_some(Self(number))
    }

    pub(super) fn as_str(self) -> &'static str {
        METHODS.get(usize::from(self.0)).copied().unwrap_or("OTHER")
    }

    /// True if the method changes state.
    pub(super) fn is_writing(self) -> bool {
        matches!(self.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
    }
}
