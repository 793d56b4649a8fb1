//! An inventory as it is told.

use countersign::canonical::write_string;
use countersign::hash::Hash;
use countersign::time::Time;
use countersign_query::Outcome;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::analyzer::ENGINE;
use crate::document::Seen;
use crate::finding::Level;

/// How the text says what it is.
const FORMAT: &str = "inventory/v1";
/// What is told of the callers of an endpoint by name: those with the most calls, and those that are new.
pub const LISTED: usize = 20;

/// A description of an API, as far as a report tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its title.
    pub title: String,
    /// The version that it gives itself.
    pub version: String,
    /// How many operations it has.
    pub operations: usize,
    /// How many more calls can't tell from another of these ([`super::Description::alike`]).
    pub alike: usize,
    /// Of how many paths the operations are not in it ([`super::Description::elsewhere`]).
    pub elsewhere: usize,
}

/// The endpoints that verified events say were called.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Those that answered, those of the highest risk first.
    pub endpoints: Vec<Endpoint>,
    /// What was asked for and refused, failed or was not found each time, and is not described: no endpoints, as far as
    /// can be told.
    pub probed: Vec<Endpoint>,
    /// Operations that are described and were not called.
    pub unused: Vec<Operation>,
    /// Calls.
    pub calls: u64,
    /// How many callers are told apart.
    pub callers: u64,
    /// What the calls were compared with.
    pub description: Option<Described>,
    /// From when on what was not met before is called new.
    pub since: Option<Time>,
    /// What there was no room for: calls, and calls of callers that are not told apart; how many, and the leaf of the
    /// first.
    pub left_out: [Option<(u64, u64)>; 2],
    /// SHA-256 over the endpoints' JSON, those that were probed and those unused, a line each: who has the same events
    /// and asks for the same gets the same.
    pub digest: Hash,
}

/// An operation that a description has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// Its path, as the description writes it.
    pub path: String,
    /// Its method.
    pub method: &'static str,
    /// Whether it is deprecated.
    pub is_deprecated: bool,
}

/// What stands out in an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Flag {
    /// The description does not have it.
    Shadow,
    /// It is deprecated and called.
    Zombie,
    /// The description has its path, but not its method.
    UndocumentedMethod,
    /// Calls of nobody who is named succeeded, where that is not as it should be.
    Unauthenticated,
    /// Callers who had been there before called it for the first time.
    NewCaller,
    /// It was not called before.
    New,
    /// Its path is about something that attackers look for.
    Sensitive,
}

impl Flag {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Its name in JSON, and for `--fail-on`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A method and the template of a path: the description's, or one that was inferred.
    Request {
        /// The template, with parameters in braces.
        path: String,
        /// The method.
        method: &'static str,
    },
    /// What events without a path name: a service, and one of its operations.
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

/// An endpoint, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// What it is.
    pub name: Name,
    /// Whether the description has it; `None` where there is no description, or none for such endpoints.
    pub is_described: Option<bool>,
    /// Whether the description asks for credentials; `None` where it does not say.
    pub is_secured: Option<bool>,
    /// What stands out.
    pub flags: Vec<Flag>,
    /// Calls.
    pub calls: u64,
    /// The first call: its time, and its leaf.
    pub first: (Time, u64),
    /// The last.
    pub last: (Time, u64),
    /// The first leaves that it was met in, ascending; 16 at most.
    pub leaves: Vec<u64>,
    /// How calls were answered.
    pub statuses: Vec<Status>,
    /// Who called it: those with the most calls, and those that are new, [`LISTED`] of each at most.
    pub callers: Vec<Caller>,
    /// How many callers there are.
    pub all_callers: u64,
    /// How many of them are new here, but known from elsewhere.
    pub new_callers: u64,
    /// Calls of callers that there was no room for.
    pub other_calls: u64,
    /// How long it took, where that is stated.
    pub latency: Option<Latency>,
    /// Successful calls of nobody who is named.
    pub unauthenticated: Shown,
    /// What its path is about.
    pub sensitive: Vec<&'static str>,
    /// The sum of its reasons' points.
    pub risk: u32,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// How a call was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// With a status of HTTP.
    Status(u16),
    /// As the event states without a status.
    Outcome(Outcome),
}

/// How often calls were answered so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How.
    pub answer: Answer,
    /// How often.
    pub calls: u64,
    /// The first leaf of those calls.
    pub leaf: u64,
}

/// One who called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Type and identifier: `user:u_1`.
    pub id: String,
    /// How often.
    pub calls: u64,
    /// When first.
    pub first: Time,
    /// The leaf of that.
    pub leaf: u64,
    /// Whether this is the first time since the time that was asked about, of somebody who was there before.
    pub is_new: bool,
}

/// How long calls took, in milliseconds. What is told of half and of most of them is at most 3 % off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Calls that say it.
    pub calls: u64,
    /// Half of them were done by then.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// The longest.
    pub most: f64,
}

/// How many calls there are of a kind, and leaves that show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Calls.
    pub calls: u64,
    /// The first leaves of them; 16 at most.
    pub leaves: Vec<u64>,
}

/// Why an endpoint is a risk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What it adds.
    pub points: u32,
    /// What it is.
    pub text: String,
    /// Leaves that show it.
    pub leaves: Vec<u64>,
}

impl Operation {
    /// Appends it as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let Self { path, method, is_deprecated } = self;
        out.extend(format!(r#"{{"deprecated":{is_deprecated},"method":"{method}","path":"#).bytes());
        write_string(path, out);
        out.push(b'}');
    }
}

impl Endpoint {
    /// How serious its risk is: high from 40 points on, medium from 20 on.
    pub const fn level(&self) -> Level {
        match self.risk {
            40.. => Level::High,
            20.. => Level::Medium,
            _ => Level::Low,
        }
    }

    /// Appends it as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let said = |is: Option<bool>| is.map_or("null", |is| if is { "true" } else { "false" });
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
            format!(r#","documented":{},"secured":{}"#, said(self.is_described), said(self.is_secured))
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
        self.digest = Hash::of(&[&lines]);
    }
}

impl Report {
    /// All of it as one text, which program and browser write alike (docs/inventory.md).
    pub fn json(&self, seen: &Seen) -> String {
        let Seen { origin, log, verdict, complete, events } = seen;
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
        let Self { calls, callers, since, description, left_out, digest, .. } = self;
        out.extend(format!(r#","events":{events},"calls":{calls},"callers":{callers},"since":"#).bytes());
        or_null(since.as_ref(), &mut out, |since, out| out.extend(format!("\"{since}\"").bytes()));
        out.extend(br#","description":"#);
        or_null(description.as_ref(), &mut out, |described, out| {
            let Described { title, version, operations, alike, elsewhere } = described;
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
