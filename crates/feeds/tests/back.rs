//! Tests that mappings are the reverse of parsers: a record, parsed by its format's parser, equals the parsed event.

mod given;

use std::fs;
use std::path::{Path, PathBuf};

use countersign::canonical::canonicalize;
use countersign_feeds::{Finding, Format, Kind};
use countersign_query::value::Document;
use countersign_query::{Outcome, Parsers};
use given::record;
use serde_json::{Value, json};

fn folder() -> Option<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/third-party/real-events");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
    eprintln!("skipped: {} is missing", folder.display());
    None
}

/// Returns all real events, canonicalized as when they are recorded.
fn events() -> Vec<String> {
    let Some(folder) = folder() else { return Vec::new() };
    let mut events = Vec::new();
    for source in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(source.unwrap().path().join("events.ndjson")).unwrap();
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        events.extend(lines.map(|line| String::from_utf8(canonicalize(line.as_bytes()).unwrap()).unwrap()));
    }
    assert!(events.is_empty() || events.len() > 600);
    events
}

#[test]
fn records_of_real_events_parse_back_to_the_same_facts() {
    let parsers = Parsers::built_in();
    let mut classes = std::collections::BTreeMap::<String, u32>::new();
    for text in events() {
        let document = Document::parse(&text).unwrap();
        let root = document.root();
        let Some(was) = parsers.parse(&root) else { continue };
        for (format, name) in [(Format::Ocsf, "OCSF"), (Format::Ecs, "ECS"), (Format::Otlp, "OpenTelemetry")]
        {
            let line = record(format, &text).text;
            let document = Document::parse(&line).unwrap();
            let root = document.root();
            let is = parsers.parse(&root).unwrap();
            assert_eq!(is.parsed_as, name);
            let value: Value = serde_json::from_str(&line).unwrap();
            if format == Format::Ocsf {
                let (class, activity) =
                    (value["class_uid"].as_u64().unwrap(), value["activity_id"].as_u64().unwrap());
                // The schema accepts any type of the class.
                assert_eq!(value["type_uid"].as_u64(), Some(class * 100 + activity), "{line}");
                *classes.entry(class.to_string()).or_default() += 1;
                if class == 0 {
                    continue;
                }
                let op = value["metadata"]["event_code"].as_str();
                assert_eq!(op, was.action.as_deref(), "{line}");
            } else {
                assert_eq!(is.action, was.action, "{line}");
            }
            let millis = |time: Option<countersign::time::Time>| time.map(countersign::time::Time::millis);
            if was.time.is_some() {
                assert_eq!(millis(is.time), millis(was.time), "{line}");
            }
            if was.actor.id.is_some() {
                assert_eq!(is.actor.id, was.actor.id, "{line}");
            }
            let address = was
                .address
                .as_deref()
                .filter(|address| format != Format::Ocsf || address.parse::<std::net::IpAddr>().is_ok());
            if let Some(address) = address {
                assert_eq!(is.address.as_deref(), Some(address), "{line}");
            }
            let outcome = match (format, was.outcome) {
                // These formats have no outcome for it, and state elsewhere that it was denied.
                (Format::Otlp, Outcome::Denied) => Outcome::Failure,
                (_, outcome) => outcome,
            };
            // The OTLP parser treats an error type as a failure if no outcome is stated.
            if format != Format::Otlp || outcome != Outcome::NotStated {
                assert_eq!(is.outcome, outcome, "{format:?} {line}");
            }
        }
    }
    if folder().is_some() {
        assert!(
            ["6003", "3001", "3002", "3004", "1008"].iter().all(|class| classes.contains_key(*class)),
            "{classes:?}"
        );
    }
}

/// Asserts that all fields within a value are known and have the right type.
fn walk(path: &str, value: &Value, known: &[(&str, &str)]) {
    match value {
        Value::Object(members) if !known.iter().any(|(name, _)| *name == path) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if path != "countersign" {
                    walk(&path, value, known);
                }
            }
        }
        _ => {
            let Some((_, kind)) = known.iter().find(|(name, _)| *name == path) else {
                panic!("{path} is not a field of ECS")
            };
            let fits = match *kind {
                "keyword" | "match_only_text" | "wildcard" => {
                    value.is_string() || value.as_array().is_some_and(|all| all.iter().all(Value::is_string))
                }
                "long" | "float" => value.is_number(),
                "date" => value.as_str().is_some_and(|time| time.parse::<countersign::time::Time>().is_ok()),
                "ip" => value.as_str().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok()),
                other => panic!("{other}"),
            };
            assert!(fits, "{path} is not a {kind}: {value}");
        }
    }
}

#[test]
fn ecs_records_have_only_ecs_fields() {
    let known: Vec<(&str, &str)> =
        include_str!("ecs-fields.tsv").lines().filter_map(|line| line.split_once('\t')).collect();
    for text in events().into_iter().chain([given::event().to_string()]) {
        let value: Value = serde_json::from_str(&record(Format::Ecs, &text).text).unwrap();
        walk("", &value, &known);
    }
}

#[test]
fn records_state_for_whom_an_agent_acted() {
    let event = json!({
        "action": "tool.call", "actor": {"id": "bot", "name": "Support bot", "type": "agent"},
        "on_behalf_of": {"id": "u_1", "name": "Grace Hopper"}, "target": {"id": "crm/refund", "type": "tool"},
        "context": {"ip": "198.51.100.24"}, "outcome": "success",
        "metadata": {"agent": {"model": "m-1"}, "tool": {"call_id": "c-1"}},
    })
    .to_string();
    let parsers = Parsers::built_in();
    for format in [Format::Ocsf, Format::Ecs, Format::Otlp] {
        let line = record(format, &event).text;
        let document = Document::parse(&line).unwrap();
        let root = document.root();
        let read = parsers.parse(&root).unwrap();
        assert_eq!(read.actor.id.as_deref(), Some("bot"), "{line}");
        let person = &read.on_behalf_of;
        let parts = [&person.id, &person.name, &person.kind].map(|part| part.as_deref().unwrap_or_default());
        assert_eq!(parts, ["u_1", "Grace Hopper", "user"], "{line}");
    }
    for format in [Format::Cef, Format::Syslog, Format::Ndjson] {
        let line = record(format, &event).text;
        assert!(line.contains("Support bot for Grace Hopper: tool.call"), "{line}");
    }
    let otlp = record(Format::Otlp, &event).text;
    for (key, value) in
        [("gen_ai.agent.id", "bot"), ("gen_ai.request.model", "m-1"), ("gen_ai.tool.call.id", "c-1")]
    {
        let attribute = format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
        assert!(otlp.contains(&attribute), "{attribute}: {otlp}");
    }
    // A person who acts without an agent is no agent, and acts for nobody else.
    for format in [Format::Ocsf, Format::Ecs, Format::Otlp, Format::Syslog] {
        let line = record(format, &given::event().to_string()).text;
        assert!(
            !line.contains("on_behalf_of") && !line.contains("onBehalfOf") && !line.contains("gen_ai"),
            "{line}"
        );
    }
}

#[test]
fn records_of_findings_name_their_entries() {
    // Earlier versions wrote the entries as `leaves`.
    for name in ["entries", "leaves"] {
        let text = json!({"finding": {name: [3, 8]}}).to_string();
        let time = "2026-11-20T06:01:02.345Z".parse().unwrap();
        let finding = Finding { kind: Kind::Alert, id: "f", title: "t", time, text: &text };
        let line = Format::Ndjson.finding(&given::LOG, &finding).text;
        let record: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&record["entry"], &record["entries"]), (&json!(8), &json!([3, 8])));
    }
}
