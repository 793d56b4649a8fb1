//! The report of an inventory.

use countersign::canonical::write_string;
use countersign::hash::Hash;
use countersign::time::Time;
use countersign_query::Outcome;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::analyzer::ENGINE;
use crate::document::ExportFacts;
use crate::finding::Level;

/// The format's identifier.
const FORMAT: &str = "inventory/v1";
/// The maximum number of callers listed per endpoint: of those with the most calls, and of those that are
/// new.
pub const MAX_LISTED: usize = 20;

/// A summary of the API description that calls were compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptionSummary {
    /// The API's title.
    pub title: String,
    /// The API's version.
    pub version: String,
    /// The number of operations.
    pub operations: usize,
    /// The number of additional operations that calls can't distinguish from these
    /// ([`super::Description::alike`]).
    pub alike: usize,
    /// The number of paths whose operations are in another file ([`super::Description::elsewhere`]).
    pub elsewhere: usize,
}

/// The endpoints that were called, according to verified events.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Endpoints with successful calls, highest risk first.
    pub endpoints: Vec<Endpoint>,
    /// Undescribed paths whose calls were all refused, failed, or not found: probably not endpoints.
    pub probed: Vec<Endpoint>,
    /// The description's operations that weren't called.
    pub unused: Vec<Operation>,
    /// The number of calls.
    pub calls: u64,
    /// The number of callers.
    pub callers: u64,
    /// The number of events that no parser recognizes. They may record calls that aren't counted.
    pub unparsed: u64,
    /// The API description that calls were compared with.
    pub description: Option<DescriptionSummary>,
    /// The time from which endpoints and callers count as new if they weren't seen before.
    pub since: Option<Time>,
    /// Calls that exceeded the limits for paths, and calls whose callers exceeded the limits: their number,
    /// and the entry of the first.
    pub left_out: [Option<(u64, u64)>; 2],
    /// SHA-256 over the JSON of the endpoints, the probed paths, and the unused operations, one line each:
    /// the same events and options give the same digest.
    pub digest: Hash,
}

/// An operation of a description.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// The path as written in the description.
    pub path: String,
    /// The method.
    pub method: &'static str,
    /// True if the operation is deprecated.
    pub is_deprecated: bool,
}

/// A notable property of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Flag {
    /// It isn't in the description.
    Shadow,
    /// It is deprecated but still called.
    Zombie,
    /// Its path is in the description, but not its method.
    UndocumentedMethod,
    /// Calls without an authenticated caller succeeded, although callers should be authenticated.
    Unauthenticated,
    /// Callers that were known from other endpoints called it for the first time.
    NewCaller,
    /// It wasn't called before.
    New,
    /// Its path is about something that attackers look for.
    Sensitive,
}

impl Flag {
    /// All flags.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the name used in JSON and for `--fail-on`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The identity of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A method and a path template, from the description or inferred.
    Request {
        /// The template, with parameters in braces.
        path: String,
        /// The method.
        method: &'static str,
    },
    /// A service and one of its operations, for events without a path.
    Operation {
        /// The service, such as `s3.amazonaws.com`.
        service: String,
        /// The operation, such as `GetObject`.
        operation: String,
    },
}

impl core::fmt::Display for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Request { path, method } => write!(f, "{method} {path}"),
            Self::Operation { service, operation } => write!(f, "{service} {operation}"),
        }
    }
}

/// An endpoint, and the facts about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// The endpoint's identity.
    pub name: Name,
    /// True if it is in the description; `None` if there is no description, or it doesn't cover such
    /// endpoints.
    pub is_described: Option<bool>,
    /// True if the description requires credentials; `None` if it doesn't say.
    pub is_secured: Option<bool>,
    /// Its notable properties.
    pub flags: Vec<Flag>,
    /// The number of calls.
    pub calls: u64,
    /// The time and entry of the first call.
    pub first: (Time, u64),
    /// The time and entry of the last call.
    pub last: (Time, u64),
    /// The entries of the first calls, ascending; at most 16.
    pub leaves: Vec<u64>,
    /// The responses to calls.
    pub statuses: Vec<Status>,
    /// The callers with the most calls, and the new ones, at most [`MAX_LISTED`] of each.
    pub callers: Vec<Caller>,
    /// The number of callers.
    pub all_callers: u64,
    /// The number of callers that are new to this endpoint but known from others.
    pub new_callers: u64,
    /// The number of calls whose callers exceeded the limits.
    pub other_calls: u64,
    /// The durations of calls, if events contain them.
    pub latency: Option<Latency>,
    /// Successful calls without an authenticated caller.
    pub unauthenticated: ProvenCalls,
    /// The sensitive topics in its path.
    pub sensitive: Vec<&'static str>,
    /// The sum of its reasons' points.
    pub risk: u32,
    /// The reasons for its risk.
    pub reasons: Vec<Reason>,
}

/// A response to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// An HTTP status.
    Status(u16),
    /// The outcome in an event without a status.
    Outcome(Outcome),
}

/// The number of calls with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The response.
    pub answer: Answer,
    /// The number of calls.
    pub calls: u64,
    /// The first of these calls' entries.
    pub leaf: u64,
}

/// A caller of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The type and the id: `user:u_1`.
    pub id: String,
    /// The number of calls.
    pub calls: u64,
    /// The time of the first call.
    pub first: Time,
    /// The entry of the first call.
    pub leaf: u64,
    /// True if the first call is after `since`, and the caller was known from other endpoints before.
    pub is_new: bool,
}

/// Durations of calls in milliseconds. Percentiles are off by 3 % at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// The number of calls with a duration.
    pub calls: u64,
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The maximum.
    pub most: f64,
}

/// A number of calls, and entries that prove them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProvenCalls {
    /// The number of calls.
    pub calls: u64,
    /// The entries of the first calls; at most 16.
    pub leaves: Vec<u64>,
}

/// A reason for an endpoint's risk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The points that it adds to the risk.
    pub points: u32,
    /// The reason in words.
    pub text: String,
    /// Entries that prove it.
    pub leaves: Vec<u64>,
}

impl Operation {
    /// Appends the operation as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let Self { path, method, is_deprecated } = self;
        out.extend(format!(r#"{{"deprecated":{is_deprecated},"method":"{method}","path":"#).bytes());
        write_string(path, out);
        out.push(b'}');
    }
}

impl Endpoint {
    /// Returns the severity of its risk: high from 40 points, medium from 20.
    pub const fn level(&self) -> Level {
        match self.risk {
            40.. => Level::High,
            20.. => Level::Medium,
            _ => Level::Low,
        }
    }

    /// Appends the endpoint as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let json = |is: Option<bool>| is.map_or("null", |is| if is { "true" } else { "false" });
        out.push(b'{');
        match &self.name {
            Name::Request { path, method } => {
                out.extend(format!(r#""method":"{method}","path":"#).bytes());
                write_string(path, out);
            }
            Name::Operation { service, operation } => {
                out.extend(br#""service":"#);
                write_string(service, out);
                out.extend(br#","operation":"#);
                write_string(operation, out);
            }
        }
        out.extend(
            format!(r#","documented":{},"secured":{}"#, json(self.is_described), json(self.is_secured))
                .bytes(),
        );
        list(r#","flags":"#, &self.flags, out, |flag, out| write_string(flag.as_str(), out));
        let (first, last) = (self.first, self.last);
        out.extend(
            format!(
                r#","calls":{},"first":"{}","first_entry":{},"last":"{}","last_entry":{}"#,
                self.calls, first.0, first.1, last.0, last.1
            )
            .bytes(),
        );
        leaves(&self.leaves, out);
        list(r#","statuses":"#, &self.statuses, out, |Status { answer, calls, leaf }, out| {
            let how = match answer {
                Answer::Status(code) => format!(r#""status":{code}"#),
                Answer::Outcome(outcome) => format!(r#""outcome":"{}""#, outcome.as_str()),
            };
            out.extend(format!(r#"{{{how},"calls":{calls},"entry":{leaf}}}"#).bytes());
        });
        list(r#","callers":"#, &self.callers, out, |Caller { id, calls, first, leaf, is_new }, out| {
            out.extend(br#"{"id":"#);
            write_string(id, out);
            out.extend(
                format!(r#","calls":{calls},"first":"{first}","entry":{leaf},"new":{is_new}}}"#).bytes(),
            );
        });
        out.extend(
            format!(
                r#","all_callers":{},"new_callers":{},"other_calls":{}"#,
                self.all_callers, self.new_callers, self.other_calls
            )
            .bytes(),
        );
        match self.latency {
            None => out.extend(br#","latency_ms":null"#),
            Some(Latency { calls, p50, p95, most }) => out.extend(
                format!(r#","latency_ms":{{"calls":{calls},"p50":{p50},"p95":{p95},"max":{most}}}"#).bytes(),
            ),
        }
        out.extend(format!(r#","unauthenticated":{{"calls":{}"#, self.unauthenticated.calls).bytes());
        leaves(&self.unauthenticated.leaves, out);
        out.push(b'}');
        list(r#","sensitive":"#, &self.sensitive, out, |about, out| write_string(about, out));
        out.extend(format!(r#","risk":{},"level":"{}""#, self.risk, self.level().as_str()).bytes());
        list(r#","reasons":"#, &self.reasons, out, |Reason { points, text, leaves: shown }, out| {
            out.extend(format!(r#"{{"points":{points},"reason":"#).bytes());
            write_string(text, out);
            leaves(shown, out);
            out.push(b'}');
        });
        out.push(b'}');
    }
}

fn leaves(leaves: &[u64], out: &mut Vec<u8>) {
    list(r#","entries":"#, leaves, out, |leaf, out| out.extend(leaf.to_string().bytes()));
}

fn list<T>(name: &str, items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.extend(name.bytes());
    out.push(b'[');
    for (nth, item) in items.iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

impl Report {
    pub(super) fn digest(&mut self) {
        let mut lines = Vec::new();
        for endpoint in self.endpoints.iter().chain(&self.probed) {
            endpoint.write_json(&mut lines);
            lines.push(b'\n');
        }
        for operation in &self.unused {
            operation.write_json(&mut lines);
            lines.push(b'\n');
        }
        self.digest = Hash::digest(&[&lines]);
    }
}

impl Report {
    /// Returns the whole report as JSON, the same from the CLI and the browser (docs/inventory.md).
    pub fn json(&self, export: &ExportFacts) -> String {
        let ExportFacts { origin, log, verdict, complete, events } = export;
        let mut out = format!(r#"{{"countersign":"{FORMAT}","engine":"{ENGINE}","origin":"#).into_bytes();
        or_null(origin.as_ref(), &mut out, |origin, out| write_string(origin, out));
        out.extend(br#","log":"#);
        or_null(log.as_ref(), &mut out, |(size, root), out| {
            out.extend(format!(r#"{{"size":{size},"root":"#).bytes());
            write_string(root, out);
            out.push(b'}');
        });
        out.extend(br#","verdict":"#);
        write_string(verdict, &mut out);
        out.extend(br#","complete":"#);
        or_null(complete.as_ref(), &mut out, |[first, end], out| {
            out.extend(format!("[{first},{end}]").bytes());
        });
        let Self { calls, callers, unparsed, since, description, left_out, digest, .. } = self;
        out.extend(
            format!(
                r#","events":{events},"unparsed":{unparsed},"calls":{calls},"callers":{callers},"since":"#
            )
            .bytes(),
        );
        or_null(since.as_ref(), &mut out, |since, out| out.extend(format!("\"{since}\"").bytes()));
        out.extend(br#","description":"#);
        or_null(description.as_ref(), &mut out, |described, out| {
            let DescriptionSummary { title, version, operations, alike, elsewhere } = described;
            out.extend(br#"{"title":"#);
            write_string(title, out);
            out.extend(br#","version":"#);
            write_string(version, out);
            out.extend(
                format!(r#","operations":{operations},"alike":{alike},"elsewhere":{elsewhere}}}"#).bytes(),
            );
        });
        for (name, left) in [(r#","left_out":{"calls":"#, left_out[0]), (r#","callers":"#, left_out[1])] {
            out.extend(name.bytes());
            or_null(left, &mut out, |(number, leaf), out| {
                out.extend(format!(r#"{{"number":{number},"first_entry":{leaf}}}"#).bytes());
            });
        }
        out.extend(format!(r#"}},"digest":"{digest}""#).bytes());
        list(r#","endpoints":"#, &self.endpoints, &mut out, Endpoint::write_json);
        list(r#","unused":"#, &self.unused, &mut out, Operation::write_json);
        list(r#","probed":"#, &self.probed, &mut out, Endpoint::write_json);
        out.push(b'}');
        String::from_utf8(out).unwrap_or_default()
    }
}

fn or_null<T>(value: Option<T>, out: &mut Vec<u8>, write: impl FnOnce(T, &mut Vec<u8>)) {
    match value {
        Some(value) => write(value, out),
        None => out.extend(b"null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_flags_are_stable() {
        let words =
            ["shadow", "zombie", "undocumented-method", "unauthenticated", "new-caller", "new", "sensitive"];
        assert!(Flag::ALL.iter().map(|one| one.as_str()).eq(words));
        assert!(words.iter().map(|word| word.parse().ok()).eq(Flag::ALL.iter().copied().map(Some)));
    }
}
