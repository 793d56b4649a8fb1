//! Type checks of the fields that SPEC section 12 names.

use std::borrow::Cow;

use crate::canonical::{Listed, Redaction, double};
use crate::error::{Code, Error};
use crate::event::OUTCOMES;
use crate::json;
use crate::time::Time;

/// The type of a field's value.
enum ValueType {
    /// A string that is not empty.
    Text,
    /// A string with one of these values.
    Word(&'static [&'static str]),
    /// A time as SPEC section 2 writes it.
    Moment,
    /// A path without a query.
    Path,
    Number,
    /// A whole number that is not negative.
    Count,
    /// An object with these fields, and possibly others.
    Object(&'static [Member]),
}

/// A field's name, whether it is required, and its type.
type Member = (&'static str, bool, ValueType);

const REQUIRED: bool = true;
const OPTIONAL: bool = false;

use ValueType::{Count, Moment, Number, Object, Path, Text, Word};

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

/// An object that is being checked.
struct OpenObject {
    name: &'static str,
    known: &'static [Member],
    /// A bit for each known field that occurred.
    seen: u32,
}

/// Checks that an event has the fields that SPEC section 12 requires and that the fields it names have the right
/// types. Other fields are allowed. `members` are the event's fields in order. For a redacted path, its shape is
/// checked.
///
/// The [`Code::Event`] error has the path of the field: `actor.id`.
pub(super) fn check_members(members: &[Listed<'_>], redaction: &Redaction) -> Result<(), Error> {
    let mut open = vec![OpenObject { name: "", known: EVENT, seen: 0 }];
    for Listed { depth, name, value } in members {
        close(&mut open, depth + 1)?;
        let Some(object) = open.get_mut(*depth) else { continue };
        let Some(nth) = object.known.iter().position(|(known, ..)| known == name) else { continue };
        object.seen |= 1 << nth;
        let (name, _, kind) = &object.known[nth];
        if !has_type(kind, value, redaction) {
            return Err(wrong(
                &open,
                name,
                &expected(kind),
                "put other values into metadata; see section 12 of SPEC.md for the types",
            ));
        }
        if let Object(known) = kind {
            open.push(OpenObject { name, known, seen: 0 });
        }
    }
    close(&mut open, 0)
}

/// Closes the objects deeper than `depth`.
fn close(open: &mut Vec<OpenObject>, depth: usize) -> Result<(), Error> {
    while open.len() > depth
        && let Some(OpenObject { name, known, seen }) = open.pop()
    {
        let mut members = known.iter().enumerate();
        if let Some((_, (missing, ..))) =
            members.find(|(nth, (_, required, _))| *required && seen >> nth & 1 == 0)
        {
            open.push(OpenObject { name, known, seen });
            let hint = "add this field: an event needs action, an actor needs id, a target needs type and id, and http needs method, path, and status";
            return Err(wrong(open, missing, "is required", hint));
        }
    }
    Ok(())
}

fn has_type(kind: &ValueType, value: &str, redaction: &Redaction) -> bool {
    let text = || {
        let (end, _) = json::string_end(value.as_bytes(), 1).ok()?;
        value.get(..end)?.strip_prefix('"')?.strip_suffix('"').map(json::unescape)
    };
    match kind {
        Text => value.starts_with('"') && !value.starts_with("\"\""),
        Word(words) => text().is_some_and(|text| words.contains(&&*text)),
        Moment => text().is_some_and(|text| Time::parse(text.as_bytes()).is_some()),
        Path => text()
            .map(|path| redaction.shape(&path))
            .is_some_and(|path| !path.is_empty() && !path.contains('?')),
        Number => value.starts_with(|first: char| first == '-' || first.is_ascii_digit()),
        Count => {
            let end = json::number_end(value.as_bytes(), 0).unwrap_or(0);
            let number = value.get(..end).and_then(double);
            number.is_some_and(|number| number >= 0.0 && number.fract() == 0.0)
        }
        Object(_) => value.starts_with('{'),
    }
}

#[cold]
fn expected(kind: &ValueType) -> Cow<'static, str> {
    Cow::Borrowed(match kind {
        Text => "must be a non-empty string",
        Word(words) => return format!("must be one of {}", words.join(", ")).into(),
        Moment => "must be a time such as 2026-11-20T06:01:02.345Z",
        Path => "must be a path without its query",
        Number => "must be a number",
        Count => "must be a whole number",
        Object(_) => "must be an object",
    })
}

#[cold]
fn wrong(open: &[OpenObject], name: &str, what: &str, hint: &'static str) -> Error {
    let names = open.iter().skip(1).map(|object| object.name).chain([name]);
    let path = names.collect::<Vec<_>>().join(".");
    Error::new(Code::Event, format!("{path} {what}")).with_hint(hint).in_member(path)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::event::Event;

    fn wrong_field(json: &str) -> Option<String> {
        let event = Event::parse_typed(json.as_bytes(), &Redaction::none());
        event.err().map(|error| error.member.clone().unwrap())
    }

    #[test]
    fn accepts_fields_of_the_right_types() {
        for json in [
            r#"{"action":"a.b"}"#,
            r#"{"action":"a.b","anything":[1],"actor":{"id":"u","more":null}}"#,
            r#"{"action":"a.b","http":{"method":"GET","path":"/x","status":0,"latency_ms":-0.5}}"#,
            r#"{"x":{"actor":{"id":1}},"y":[{"action":1}],"action":"a.b","actor":{"x":{"id":1},"id":"u"}}"#,
            r#"{"action":"a.b","http":{"method":"GET","path":"/x","status":2e2}}"#,
            r#"{"action":"a.b","\"":1,"target":{"id":"1","type":"t"},"occurred_at":"2026-11-20T06:01:02.345Z"}"#,
        ] {
            assert_eq!(wrong_field(json), None, "{json}");
        }
    }

    #[test]
    fn names_missing_and_wrong_fields() {
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
            (r#"{"action":"a","http":{"method":"GET","path":"/x","status":1.5}}"#, "http.status"),
            (r#"{"action":"a","before":[]}"#, "before"),
            (r#"{"action":"a","context":[{"ip":"x"}]}"#, "context"),
            (r#"{"action":"a","actor":{}}"#, "actor.id"),
            (r#"{"actor":{"x":{"id":"u"}},"action":"a"}"#, "actor.id"),
            (r#"{"context":{"geo":{"lat":1,"x":[{"lat":"1"}]},"ip":2},"action":"a"}"#, "context.ip"),
        ] {
            assert_eq!(wrong_field(json).as_deref(), Some(member), "{json}");
        }
    }
}
