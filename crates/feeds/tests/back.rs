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

/// Returns the finding of a rule that has fired on `entries`, grouped by `group`, whose last event is `event`.
fn alert(
    format: Format,
    level: &str,
    entries: &[u64],
    group: &Value,
    event: &Value,
) -> countersign_feeds::Record {
    let (first, last) = ("2026-11-20T06:00:00.000Z", "2026-11-20T06:01:02.345Z");
    let found = json!({
        "finding": {
            "entries": entries, "first": first, "group": group, "id": "f", "last": last, "level": level,
            "rule": "r", "title": "t",
        },
        "event": event,
    })
    .to_string();
    let time = last.parse().unwrap();
    format.finding(&given::LOG, &Finding { kind: Kind::Alert, id: "f", title: "t", time, text: &found })
}

/// Returns the values that a record has under these names; null for missing ones.
fn values(line: &str, paths: &[&str]) -> Vec<Value> {
    let record: Value = serde_json::from_str(line).unwrap();
    let value = |path: &&str| record.pointer(path).cloned().unwrap_or_default();
    paths.iter().map(value).collect()
}

/// The last of several events names one victim of a spray; its group names the address that it is about.
#[test]
fn records_of_findings_name_their_subject() {
    let group = json!({ "parsed.address": "203.0.113.9" });
    let event =
        json!({ "action": "session.login", "actor": "victim", "address": "203.0.113.9", "target": "app" });
    let spray = |format| alert(format, "high", &[3, 8], &group, &event).text;
    for &format in Format::ALL {
        let line = spray(format);
        assert!(line.contains("203.0.113.9"), "{line}");
        assert!(!matches!(format, Format::Cef | Format::Syslog) || !line.contains("victim"), "{line}");
    }
    let cef = spray(Format::Cef);
    let millis = |time: &str| time.parse::<countersign::time::Time>().unwrap().millis();
    let start = format!("start={}", millis("2026-11-20T06:00:00.000Z"));
    for pair in [
        "src=203.0.113.9",
        &start,
        "cnt=2",
        "cs5Label=entries",
        "cs5=3,8",
        "flexString2Label=group",
        "flexString2=parsed.address\\=203.0.113.9",
        "act=session.login",
    ] {
        assert!(cef.contains(pair), "{pair}: {cef}");
    }
    let syslog = spray(Format::Syslog);
    for pair in [
        "address=\"203.0.113.9\"",
        "first=\"2026-11-20T06:00:00.000Z\"",
        "last=\"2026-11-20T06:01:02.345Z\"",
        "count=\"2\"",
        "entries=\"3,8\"",
        "group=\"parsed.address=203.0.113.9\"",
    ] {
        assert!(syslog.contains(pair), "{pair}: {syslog}");
    }
    let pairs = json!([{ "field": "parsed.address", "value": "203.0.113.9" }]);
    let ecs = [
        "/source/ip",
        "/user",
        "/countersign/count",
        "/countersign/entries",
        "/countersign/group",
        "/event/start",
    ];
    assert_eq!(
        values(&spray(Format::Ecs), &ecs),
        [
            json!("203.0.113.9"),
            Value::Null,
            json!(2),
            json!([3, 8]),
            pairs.clone(),
            json!("2026-11-20T06:00:00.000Z")
        ]
    );
    let ocsf = ["/evidences/0", "/count", "/end_time", "/unmapped/countersign/group"];
    let evidence = json!({ "src_endpoint": { "ip": "203.0.113.9" } });
    let end = millis("2026-11-20T06:01:02.345Z");
    assert_eq!(values(&spray(Format::Ocsf), &ocsf), [evidence, json!(2), json!(end), pairs]);
}

/// A group that names the actor has the address of the last event; a rule about one event has the event's parties.
#[test]
fn records_of_findings_complete_their_group() {
    let event = json!({ "actor": "arn:u", "address": "2001:db8::/64", "target": "job 7" });
    let by_actor = json!({ "userIdentity.arn": "arn:u", "actor.session": "s" });
    let ecs = ["/user/id", "/source/address", "/source/ip", "/countersign/target"];
    let of = |entries: &[u64], group: &Value| {
        values(&alert(Format::Ecs, "low", entries, group, &event).text, &ecs)
    };
    let address = json!("2001:db8::/64");
    assert_eq!(of(&[3, 8], &by_actor), [json!("arn:u"), address.clone(), Value::Null, Value::Null]);
    assert_eq!(of(&[8], &json!({})), [json!("arn:u"), address, Value::Null, json!({ "text": "job 7" })]);
    assert_eq!(
        of(&[3, 8], &json!({ "actor.session": "s" })),
        [Value::Null, Value::Null, Value::Null, Value::Null]
    );
    assert_eq!(of(&[3, 8], &json!({ "parsed.target.id": "arn:u" }))[0], Value::Null);
}

/// A destination that accepts only syslog gets CEF with the header of the same record in syslog.
#[test]
fn wrapped_cef_has_the_header_of_syslog() {
    let header = |line: &str| line.split(' ').take(3).map(str::to_owned).collect::<Vec<_>>();
    let compare = |cef: &countersign_feeds::Record, syslog: &countersign_feeds::Record| {
        let wrapped = countersign_feeds::syslog_wrap(cef.syslog.as_ref(), cef.time, &cef.text);
        assert_eq!(header(&wrapped), header(&syslog.text));
        assert!(wrapped.contains(given::LOG.origin), "{wrapped}");
        assert_eq!(syslog.syslog, None);
    };
    for level in ["informational", "low", "medium", "high", "critical"] {
        let of = |format| alert(format, level, &[8], &json!({}), &json!({}));
        compare(&of(Format::Cef), &of(Format::Syslog));
    }
    let time = "2026-11-20T06:01:02.345Z".parse().unwrap();
    for kind in [Kind::Retract, Kind::Unverified] {
        let finding = Finding { kind, id: "f", title: "t", time, text: "{}" };
        compare(&Format::Cef.finding(&given::LOG, &finding), &Format::Syslog.finding(&given::LOG, &finding));
    }
    for outcome in ["success", "failure", "denied", "unknown"] {
        let mut event = given::event();
        event["outcome"] = outcome.into();
        compare(&record(Format::Cef, &event.to_string()), &record(Format::Syslog, &event.to_string()));
    }
}
