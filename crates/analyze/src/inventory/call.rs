//! What an event says of a call of an API.

use std::borrow::Cow;

use countersign::time::Time;
use countersign_query::value::Value;
use countersign_query::{Entry, Outcome};

use super::report::Answer;

/// An event's own time may be so much later than that of its link, in milliseconds; else its link's counts.
const TOLERANCE: i64 = 5 * 60_000;

/// The type of an actor who is known to be nobody in particular.
const ANONYMOUS: &str = "anonymous";

/// Where events of other shapes than ours state a request: method, path and status.
const REQUESTS: [[&str; 3]; 4] = [
    ["http.method", "http.path", "http.status"],
    ["http.request.method", "url.path", "http.response.status_code"],
    ["http_request.http_method", "http_request.url.path", "http_response.code"],
    ["verb", "requestURI", "responseStatus.code"],
];

/// Where events that state no path name the service whose operation was called.
const SERVICES: [&str; 2] = ["eventSource", "protoPayload.serviceName"];

/// The path of what is asked for: without the scheme and the host, the query and the fragment.
pub(super) fn path(target: &str) -> &str {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    match target.split_once("://") {
        // Within a path, an address is part of it.
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("", |at| &rest[at..]),
        _ => target,
    }
}

/// What a segment of a path names, without its parameters (`jobs;jsessionid=1`).
pub(super) fn named(segment: &str) -> &str {
    segment.split(';').next().unwrap_or_default()
}

/// A call of an API.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) what: What<'a>,
    pub(super) status: Option<u16>,
    pub(super) outcome: Outcome,
    /// In milliseconds.
    pub(super) latency: Option<f64>,
    /// Its type and its id; none where nobody is named.
    pub(super) caller: Option<String>,
    /// Whether nobody is named, though a call of the API would say who it was: an operation of which nobody is told is
    /// not one of somebody unknown, such as what a webhook tells of.
    pub(super) is_nobodys: bool,
    pub(super) time: Time,
    pub(super) leaf: u64,
}

#[derive(Clone, Debug)]
pub(super) enum What<'a> {
    Request { method: Method, path: Cow<'a, str> },
    Operation { service: Cow<'a, str>, operation: Cow<'a, str> },
}

impl<'a> Call<'a> {
    /// What an event says of a call, if it is of one.
    pub(super) fn of(leaf: u64, entry: &Entry<'a>) -> Option<Self> {
        entry.event?;
        if crate::analyzer::is_ours(entry) {
            return None;
        }
        let text = |path: &str| entry.at(path).and_then(Value::string);
        let request = REQUESTS.iter().find_map(|[method, path, status]| {
            let path = text(path).filter(|path| path.starts_with(['/', '*']) || path.contains("://"))?;
            Some((Method::of(&text(method)?), path, entry.at(status).and_then(Value::text)))
        });
        let (what, status) = if let Some((method, path, status)) = request {
            (What::Request { method, path }, status)
        } else {
            let read = entry.read.filter(|read| read.parsed_as != "countersign")?;
            let operation = read.action.clone()?;
            let service = SERVICES.iter().find_map(|path| text(path));
            let service = service.unwrap_or_else(|| read.parsed_as.clone());
            (What::Operation { service, operation }, None)
        };
        let caller = caller(entry);
        let is_request = matches!(what, What::Request { .. });
        let is_anonymous = entry.read.is_some_and(|read| read.actor.kind.as_deref() == Some(ANONYMOUS));
        let (happened, _) = entry.time();
        let is_future = happened.millis() > entry.recorded.millis().saturating_add(TOLERANCE);
        let latency = entry.at("http.latency_ms").and_then(Value::number).and_then(|text| text.parse().ok());
        Some(Self {
            what,
            status: status
                .and_then(|status| status.parse().ok())
                .filter(|status| (100..600).contains(status)),
            outcome: entry.read.map_or(Outcome::default(), |read| read.outcome),
            latency: latency.filter(|millis: &f64| *millis >= 0.0),
            is_nobodys: caller.is_none() && (is_request || is_anonymous),
            caller,
            time: if is_future { entry.recorded } else { happened },
            leaf,
        })
    }

    /// Detaches the call from its event's text.
    pub(super) fn into_owned(self) -> Call<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let what = match self.what {
            What::Request { method, path } => What::Request { method, path: owned(path) },
            What::Operation { service, operation } => {
                What::Operation { service: owned(service), operation: owned(operation) }
            }
        };
        Call { what, ..self }
    }

    /// How it was answered.
    pub(super) fn answer(&self) -> Answer {
        self.status.map_or(Answer::Outcome(self.outcome), Answer::Status)
    }

    /// Whether it was done.
    pub(super) fn is_success(&self) -> bool {
        self.status.map_or(self.outcome == Outcome::Success, |status| (200..300).contains(&status))
    }

    /// Whether something answered that knows it, as far as can be told: nobody refused it and nothing failed.
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

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Method(u8);

/// The methods that are told apart.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"];

impl Method {
    pub(super) const GET: Self = Self(0);
    pub(super) const HEAD: Self = Self(1);
    pub(super) const OPTIONS: Self = Self(6);

    /// By its name, in any case, or by a verb of Kubernetes.
    pub(super) fn of(name: &str) -> Self {
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

    /// What a path item of a description may have.
    pub(super) fn of_item(name: &str) -> Option<Self> {
        METHODS.iter().position(|known| known.to_ascii_lowercase() == name).map(|place| Self(place as u8))
    }

    pub(super) fn as_str(self) -> &'static str {
        METHODS.get(usize::from(self.0)).copied().unwrap_or("OTHER")
    }

    /// Whether it changes something.
    pub(super) fn is_writing(self) -> bool {
        matches!(self.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
    }
}
