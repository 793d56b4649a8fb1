//! Conversion of log records to events, as the npm package's `AuditLogProcessor` converts them.

use countersign::event::{Event, Redaction};
use countersign::time::Time;
use countersign::{Error, hex};
use serde_json::{Map, Value as Json, json};

use crate::limits::MAX_NAME_BYTES;
use crate::problem::Problem;
use crate::record::{LogRecord, RESERVED_ATTRIBUTES, Source};
use crate::value::{Value, object};

/// Severity numbers from this one on are errors.
const MIN_ERROR_SEVERITY: u64 = 17;
/// Attributes that become fields of an event, named by OpenTelemetry's semantic conventions.
const MAPPED: [&str; 7] = [
    "user.id",
    "enduser.id",
    "user.name",
    "session.id",
    "client.address",
    "user_agent.original",
    "error.type",
];
/// Fields of `metadata` that the log server writes. Attributes can't have these names.
const RESERVED: [&str; 4] = ["event_id", "service", "recorded_by", "countersign_problems"];

/// The fields of `metadata` that say how an event came to be recorded.
pub(crate) struct Provenance<'p> {
    pub(crate) event_id: String,
    pub(crate) sender: &'p str,
}

/// Converts a record, which must have an event name. If the event can't be recorded, falls back to one with the whole
/// record in `metadata`, and then to one that only says that something was logged.
pub(crate) fn event(record: &LogRecord<'_>, provenance: &Provenance<'_>) -> Result<Event, Problem> {
    check_names(record.source)?;
    check_attributes(record)?;
    let reserved = reserved(record);
    let also = |problem: Json| [&reserved[..], &[problem]].concat();
    let parse = |event: Map<String, Json>, problems: Vec<Json>| {
        let event = complete(event, record.source, provenance, problems);
        Event::parse_typed(Json::Object(event).to_string().as_bytes(), &Redaction::default())
    };
    parse(converted(record), reserved.clone())
        .or_else(|error| parse(fallback(record), also(problem_of(&error, true))))
        .or_else(|error| parse(beginning(record), also(problem_of(&error, false))))
        .map_err(|_| Problem::Invalid)
}

fn check_names(source: &Source) -> Result<(), Problem> {
    let Source { service, version, scope, has_reserved: _ } = source;
    let is_long = [service.as_deref(), version.as_deref(), Some(scope.as_str())]
        .into_iter()
        .flatten()
        .any(|name| name.len() > MAX_NAME_BYTES);
    if is_long { Err(Problem::LongName) } else { Ok(()) }
}

fn check_attributes(record: &LogRecord<'_>) -> Result<(), Problem> {
    let is_reserved = |(name, _): &(String, Value)| name.starts_with(RESERVED_ATTRIBUTES);
    let has_reserved = record.source.has_reserved || record.attributes.iter().any(is_reserved);
    if has_reserved { Err(Problem::Reserved) } else { Ok(()) }
}

/// Returns the problems of attributes that an event can't contain.
fn reserved(record: &LogRecord<'_>) -> Vec<Json> {
    let reserved = RESERVED.into_iter().filter(|name| attribute(record, name).is_some());
    let problems = reserved.map(|name| {
        let problem = "the log server records this field, so an attribute can't have its name";
        json!({ "field": format!("metadata.{name}"), "problem": problem, "recorded": false })
    });
    problems.collect()
}

/// Returns the event without what the log server adds.
fn converted(record: &LogRecord<'_>) -> Map<String, Json> {
    let text = |name| attribute(record, name).and_then(Value::mappable);
    let id = text("user.id").or_else(|| text("enduser.id"));
    let has_actor = id.is_some();
    let reason = text("error.type");
    let has_error = attribute(record, "error.type").is_some_and(|value| *value != Value::Empty);
    let failed = has_error || record.severity_number >= MIN_ERROR_SEVERITY;
    let mut event = beginning(record);
    let actor = id
        .map(|id| defined([("id", Some(id)), ("name", text("user.name")), ("session", text("session.id"))]));
    event.extend(actor.map(|actor| ("actor".into(), actor.into())));
    event.extend(failed.then(|| ("outcome".into(), json!("failure"))));
    event.extend(reason.map(|reason| ("reason".into(), reason.into())));
    let (trace_id, span_id) = trace(record).unzip();
    let context = defined([
        ("ip", text("client.address")),
        ("user_agent", text("user_agent.original")),
        ("trace_id", trace_id),
        ("span_id", span_id),
    ]);
    if !context.is_empty() {
        event.insert("context".into(), context.into());
    }
    let mut metadata = metadata(record, |name, value| {
        let is_of_actor = ["user.name", "session.id"].contains(&name);
        let is_mapped = MAPPED.contains(&name) && value.mappable().is_some();
        !is_mapped || (is_of_actor && !has_actor)
    });
    if record.dropped_attributes_count > 0 {
        metadata.insert("dropped_attributes".into(), record.dropped_attributes_count.into());
    }
    event.insert("metadata".into(), metadata.into());
    event
}

/// Returns an event with the whole record in `metadata`.
fn fallback(record: &LogRecord<'_>) -> Map<String, Json> {
    let mut event = beginning(record);
    event.insert("metadata".into(), metadata(record, |_, _| true).into());
    event
}

/// Returns the fields that all events have.
fn beginning(record: &LogRecord<'_>) -> Map<String, Json> {
    let mut event = Map::new();
    event.insert("action".into(), record.event_name.as_str().into());
    let nanos = [record.time_unix_nano, record.observed_time_unix_nano].into_iter().find(|nanos| *nanos > 0);
    let time = nanos.and_then(|nanos| Time::from_millis((nanos / 1_000_000).cast_signed()));
    event.extend(time.map(|time| ("occurred_at".into(), time.to_string().into())));
    event
}

/// Returns the wanted attributes that an event can contain, and the parts of the record that are no attributes.
fn metadata(record: &LogRecord<'_>, is_wanted: impl Fn(&str, &Value) -> bool) -> Map<String, Json> {
    let attributes = record.attributes.iter();
    let wanted = attributes.filter(|(name, value)| !RESERVED.contains(&&**name) && is_wanted(name, value));
    let mut metadata = object(wanted.cloned().collect());
    if let Some(body) = &record.body {
        metadata.insert("body".into(), body.clone().into_json());
    }
    if !record.severity_text.is_empty() {
        metadata.insert("severity".into(), record.severity_text.as_str().into());
    }
    if !record.source.scope.is_empty() {
        metadata.insert("scope".into(), record.source.scope.as_str().into());
    }
    metadata
}

/// Adds what the log server says about the event.
fn complete(
    mut event: Map<String, Json>,
    source: &Source,
    provenance: &Provenance<'_>,
    problems: Vec<Json>,
) -> Map<String, Json> {
    let metadata = event.entry("metadata").or_insert_with(|| json!({}));
    if let Some(metadata) = metadata.as_object_mut() {
        if let Some(name) = &source.service {
            let service = defined([("name", Some(name.clone())), ("version", source.version.clone())]);
            metadata.insert("service".into(), service.into());
        }
        metadata.insert("event_id".into(), provenance.event_id.as_str().into());
        let recorded_by = json!({ "protocol": "otlp", "sender": provenance.sender });
        metadata.insert("recorded_by".into(), recorded_by);
        if !problems.is_empty() {
            metadata.insert("countersign_problems".into(), problems.into());
        }
    }
    event
}

fn problem_of(error: &Error, recorded: bool) -> Json {
    let field = error.member.as_deref().unwrap_or_default();
    json!({ "field": field, "problem": error.to_string(), "recorded": recorded })
}

/// Returns an attribute. Of several with one name, the last one counts.
pub(crate) fn attribute<'r>(record: &'r LogRecord<'_>, name: &str) -> Option<&'r Value> {
    record.attributes.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Returns the IDs of the trace and the span in hex, if both are valid.
fn trace(record: &LogRecord<'_>) -> Option<(String, String)> {
    let (trace, span) = (&record.trace_id, &record.span_id);
    let is_valid = trace.len() == 16
        && span.len() == 8
        && [trace, span].iter().all(|id| id.iter().any(|byte| *byte > 0));
    is_valid.then(|| (hex::encode(trace), hex::encode(span)))
}

fn defined<const N: usize>(members: [(&str, Option<String>); N]) -> Map<String, Json> {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_does_not_record_reserved_attributes() {
        let attributes = ["service", "recorded_by", "other"].map(|name| (name.into(), Value::Bool(true)));
        let record = LogRecord { attributes: attributes.into(), ..LogRecord::default() };
        assert_eq!(fallback(&record)["metadata"], json!({ "other": true }));
    }

    #[test]
    fn a_fallback_names_reserved_attributes() {
        let body = Some(Value::String("x".repeat(300_000)));
        let attributes = vec![("service".into(), Value::Bool(true))];
        let record = LogRecord { event_name: "a.b".into(), body, attributes, ..LogRecord::default() };
        let event = event(&record, &Provenance { event_id: "1".into(), sender: "s" }).unwrap();
        let event: Json = serde_json::from_str(event.as_str()).unwrap();
        let problems = event["metadata"]["countersign_problems"].as_array().unwrap();
        assert_eq!((problems.len(), &problems[0]["field"]), (2, &json!("metadata.service")));
    }
}
