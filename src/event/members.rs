//! The members that SPEC section 12 names: what type each has, and which must be there.

use crate::error::{Code, Error};
use crate::event::{Event, OUTCOMES};
use crate::json::{self, Members};
use crate::time::Time;

/// What a member's value must be.
enum Kind {
    /// A string that is not empty.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A time as SPEC section 2 writes it.
    Moment,
    /// A path without a query.
    Path,
    Number,
    /// A whole number that is not negative.
    Count,
    /// An object of these members, and perhaps others.
    Object(&'static [Member]),
}

/// A member's name, whether it must be there, and what it must be.
type Member = (&'static str, bool, Kind);

const REQUIRED: bool = true;
const OPTIONAL: bool = false;

use Kind::{Count, Moment, Number, Object, Path, Text, Word};

static EVENT: &[Member] = &[
    ("action", REQUIRED, Text),
    ("actor", OPTIONAL, Object(ACTOR)),
    ("target", OPTIONAL, Object(TARGET)),
    ("outcome", OPTIONAL, Word(&OUTCOMES)),
    ("reason", OPTIONAL, Text),
    ("occurred_at", OPTIONAL, Moment),
    ("tenant", OPTIONAL, Text),
    ("context", OPTIONAL, Object(CONTEXT)),
    ("http", OPTIONAL, Object(HTTP)),
    ("before", OPTIONAL, Object(&[])),
    ("after", OPTIONAL, Object(&[])),
    ("metadata", OPTIONAL, Object(&[])),
];

static ACTOR: &[Member] = &[
    ("id", REQUIRED, Text),
    ("type", OPTIONAL, Word(&["user", "service", "agent", "anonymous"])),
    ("name", OPTIONAL, Text),
    ("session", OPTIONAL, Text),
    ("credential", OPTIONAL, Text),
];

static TARGET: &[Member] = &[("type", REQUIRED, Text), ("id", REQUIRED, Text), ("name", OPTIONAL, Text)];

static CONTEXT: &[Member] = &[
    ("ip", OPTIONAL, Text),
    ("user_agent", OPTIONAL, Text),
    ("geo", OPTIONAL, Object(GEO)),
    ("request_id", OPTIONAL, Text),
    ("region", OPTIONAL, Text),
];

static GEO: &[Member] = &[("country", OPTIONAL, Text), ("lat", OPTIONAL, Number), ("lon", OPTIONAL, Number)];

static HTTP: &[Member] = &[
    ("method", REQUIRED, Text),
    ("path", REQUIRED, Path),
    ("status", REQUIRED, Count),
    ("host", OPTIONAL, Text),
    ("latency_ms", OPTIONAL, Number),
];

/// Checks that an event has the members that SPEC section 12 requires and that those it names have the right type.
/// Other members may be there too.
/// [`Code::Event`] has the member in question, written as a path: `actor.id`.
pub(super) fn check_members(event: &Event) -> Result<(), Error> {
    check_object(event.as_str(), EVENT)
}

/// What is wrong, without the place.
fn check_object(object: &str, members: &[Member]) -> Result<(), Error> {
    if members.is_empty() {
        return Ok(());
    }
    let mut seen = 0_u32;
    for (name, value) in Members::of(object) {
        let Some(nth) = members.iter().position(|(known, ..)| *known == name) else { continue };
        seen |= 1 << nth;
        check(value, &members[nth].2).map_err(|error| within(members[nth].0, &error))?;
    }
    match members.iter().enumerate().find(|(nth, (_, required, _))| *required && seen >> nth & 1 == 0) {
        Some((_, (missing, ..))) => Err(within(missing, &wrong("is required"))),
        None => Ok(()),
    }
}

fn check(value: &str, kind: &Kind) -> Result<(), Error> {
    let text = || value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).map(json::unescape);
    let (good, expected) = match kind {
        Text => (value.starts_with('"') && value != "\"\"", "must be a string that is not empty"),
        Word(words) => {
            if !text().is_some_and(|text| words.contains(&&*text)) {
                return Err(wrong(&format!("must be one of {}", words.join(", "))));
            }
            return Ok(());
        }
        Moment => (
            text().is_some_and(|text| Time::parse(text.as_bytes()).is_some()),
            "must be a time such as 2026-11-20T06:01:02.345Z",
        ),
        Path => (
            text().is_some_and(|text| !text.is_empty() && !text.contains('?')),
            "must be a path without its query",
        ),
        Number => {
            (value.starts_with(|first: char| first == '-' || first.is_ascii_digit()), "must be a number")
        }
        Count => (value.bytes().all(|byte| byte.is_ascii_digit()), "must be a whole number"),
        Object(members) => {
            if !value.starts_with('{') {
                return Err(wrong("must be an object"));
            }
            return check_object(value, members);
        }
    };
    if good { Ok(()) } else { Err(wrong(expected)) }
}

#[cold]
fn wrong(expected: &str) -> Error {
    Error::new(Code::Event, expected).with_hint("SPEC section 12 has the members and their types")
}

/// The error of a member's value, whose message and path begin with the member's name.
#[cold]
fn within(name: &str, error: &Error) -> Error {
    let (member, parting) = match &error.member {
        Some(inner) => (format!("{name}.{inner}"), '.'),
        None => (name.to_owned(), ' '),
    };
    wrong(&format!("{name}{parting}{}", error.message)).in_member(member)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::event::Redaction;

    fn fault(json: &str) -> Option<String> {
        let event = Event::parse(json.as_bytes(), &Redaction::none()).unwrap();
        check_members(&event).err().map(|error| error.member.clone().unwrap())
    }

    #[test]
    fn accepts_what_events_md_names() {
        for json in [
            r#"{"action":"a.b"}"#,
            r#"{"action":"a.b","anything":[1],"actor":{"id":"u","more":null}}"#,
            r#"{"action":"a.b","http":{"method":"GET","path":"/x","status":0,"latency_ms":-0.5}}"#,
            r#"{"action":"a.b","\"":1,"target":{"id":"1","type":"t"},"occurred_at":"2026-11-20T06:01:02.345Z"}"#,
        ] {
            assert_eq!(fault(json), None, "{json}");
        }
    }

    #[test]
    fn names_what_is_missing_or_wrong() {
        for (json, member) in [
            ("{}", "action"),
            (r#"{"action":1}"#, "action"),
            (r#"{"action":""}"#, "action"),
            (r#"{"action":"a","actor":"u"}"#, "actor"),
            (r#"{"action":"a","actor":{"id":7}}"#, "actor.id"),
            (r#"{"action":"a","actor":{"id":"u","type":"robot"}}"#, "actor.type"),
            (r#"{"action":"a","target":{"id":"u"}}"#, "target.type"),
            (r#"{"action":"a","outcome":"ok"}"#, "outcome"),
            (r#"{"action":"a","occurred_at":"yesterday"}"#, "occurred_at"),
            (r#"{"action":"a","context":{"geo":{"lat":"1"}}}"#, "context.geo.lat"),
            (r#"{"action":"a","http":{"method":"GET","path":"/x?a=1","status":200}}"#, "http.path"),
            (r#"{"action":"a","http":{"method":"GET","path":"/x","status":"200"}}"#, "http.status"),
            (r#"{"action":"a","http":{"method":"GET","path":"/x","status":-1}}"#, "http.status"),
            (r#"{"action":"a","before":[]}"#, "before"),
        ] {
            assert_eq!(fault(json).as_deref(), Some(member), "{json}");
        }
    }
}
