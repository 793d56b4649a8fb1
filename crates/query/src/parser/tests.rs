use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use countersign::event::{Event, Redaction};
use countersign::time::Time;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::parsers::{BUILT_IN, MAX_PARSERS};
use super::*;
use crate::value::Document;
use crate::{Entry, Query};

/// Returns the parsed fields of an event as JSON. Checks that they survive a round trip.
fn read(parsers: &Parsers, event: &str) -> Option<Json> {
    let event = Event::parse(event.as_bytes(), &Redaction::none()).unwrap();
    let document = Document::parse(event.as_str()).unwrap();
    parsers.parse(&document.root()).map(|read| {
        let mut json = Vec::new();
        read.write_json(&mut json);
        let written = std::str::from_utf8(&json).unwrap();
        assert_eq!(Read::from_json(Document::parse(written).unwrap().root()), Some(read));
        serde_json::from_str(written).unwrap()
    })
}

/// Returns our samples in the shapes documented by each source: the name of the parser's file, the event, and the
/// expected fields.
fn samples() -> Vec<(String, String, Json)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples");
    let mut samples = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let sample: Json = serde_json::from_str(line).unwrap();
            samples.push((format!("{name}.json"), sample["event"].to_string(), sample["read"].clone()));
        }
    }
    samples
}

/// Returns the displayed fields of an event, wherever it is in the record. Other names are covered by the tests about
/// people.
fn who_what_when(parsers: &Parsers, event: &str) -> Option<Json> {
    let mut said = read(parsers, event)?;
    let fields = said.as_object_mut().unwrap();
    fields.remove("within");
    fields.remove("place");
    fields.remove("category");
    for name in ["actor", "on_behalf_of", "target"] {
        if let Some(party) = fields.get_mut(name) {
            party.as_object_mut().unwrap().remove("also");
        }
    }
    Some(said)
}

#[test]
fn parses_each_sample_as_expected() {
    let parsers = Parsers::built_in();
    for (file, event, wanted) in samples() {
        assert_eq!(who_what_when(&parsers, &event), Some(wanted), "{file}: {event}");
    }
}

/// Recorded events are redacted by default. That removes nothing that parsers extract.
#[test]
fn redaction_keeps_what_parsers_extract() {
    let parsers = Parsers::built_in();
    for (file, event, wanted) in samples() {
        let redacted = Event::parse(event.as_bytes(), &Redaction::default()).unwrap();
        assert_eq!(who_what_when(&parsers, redacted.as_str()), Some(wanted), "{file}: {}", redacted.as_str());
    }
}

#[test]
fn redaction_keeps_the_parsed_fields() {
    let parsers = Parsers::built_in();
    for (file, event, wanted) in samples() {
        let redacted = Event::parse(event.as_bytes(), &Redaction::default()).unwrap();
        assert_eq!(who_what_when(&parsers, redacted.as_str()), Some(wanted), "{file}: {}", redacted.as_str());
    }
}

#[test]
fn every_parser_has_samples_of_several_actions_and_outcomes() {
    let mut said: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for (file, event, wanted) in samples() {
        let (events, outcomes) = said.entry(file).or_default();
        events.insert(event);
        outcomes.insert(wanted["outcome"].to_string());
    }
    for (file, text) in BUILT_IN {
        let (events, outcomes) = said.remove(*file).unwrap_or_default();
        // Some sources never state an outcome.
        let least = if text.contains(r#""outcome":"#) { 2 } else { 1 };
        assert!(events.len() >= 5 && outcomes.len() >= least, "{file}: {} {outcomes:?}", events.len());
    }
    assert!(said.is_empty(), "{said:?}");
}

/// No sample fits two parsers, so the order of the parsers doesn't matter for them.
#[test]
fn each_sample_fits_one_parser() {
    let alone: Vec<_> =
        BUILT_IN.iter().map(|one| (one.0, Parsers::default().with([*one]).unwrap())).collect();
    for (file, event, _) in samples() {
        let readers: Vec<_> =
            alone.iter().filter(|(_, parser)| read(parser, &event).is_some()).map(|one| one.0).collect();
        assert_eq!(readers, [file], "{event}");
    }
}

/// Removes or empties the values of an event, one by one, that a parsed fact comes from, until the fact is gone. Returns
/// `None` if the shape of the event depends on them.
fn without(parsers: &Parsers, event: &Json, fact: PromisedFact) -> Option<Json> {
    let name = fact.as_str();
    let parse = |event: &Json| {
        let mut read = read(parsers, &event.to_string())?;
        let found = read.get_mut(name).map(Json::take).filter(|found| *found != json!("not stated"));
        Some((read["as"].clone(), found))
    };
    let (parser, mut found) = parse(event)?;
    let mut event = event.clone();
    while found.is_some() {
        let text = found.as_ref().unwrap().to_string();
        // The event may have the same value at several places.
        let is_copy = |path: &str| {
            let copy = event.pointer(path).and_then(Json::as_str).filter(|copy| !copy.is_empty());
            copy.is_some_and(|copy| text.contains(copy))
        };
        let mut next = None;
        for path in leaves(&event) {
            for shorter in [removed(&event, &path), emptied(&event, &path)] {
                let Some((_, left)) = parse(&shorter).filter(|(shape, _)| *shape == parser) else { continue };
                if left != found || next.is_none() && is_copy(&path) {
                    let is_found = left != found;
                    next = Some((shorter, left, is_found)).filter(|_| is_found || next.is_none()).or(next);
                }
            }
            if next.as_ref().is_some_and(|(_, _, is_found)| *is_found) {
                break;
            }
        }
        (event, found, _) = next?;
    }
    Some(event)
}

fn removed(event: &Json, path: &str) -> Json {
    let mut event = event.clone();
    let (outer, last) = path.rsplit_once('/').unwrap();
    match event.pointer_mut(outer).unwrap() {
        Json::Object(members) => drop(members.remove(&last.replace("~1", "/").replace("~0", "~"))),
        list => list[last.parse::<usize>().unwrap()] = Json::Null,
    }
    event
}

fn emptied(event: &Json, path: &str) -> Json {
    let mut event = event.clone();
    *event.pointer_mut(path).unwrap() = json!("");
    event
}

/// Returns the JSON Pointers of all values that aren't objects or arrays.
fn leaves(event: &Json) -> Vec<String> {
    let nested = |name: String, value: &Json| {
        let name = name.replace('~', "~0").replace('/', "~1");
        leaves(value).into_iter().map(move |rest| format!("/{name}{rest}")).collect::<Vec<_>>()
    };
    match event {
        Json::Object(members) => {
            members.iter().flat_map(|(name, value)| nested(name.clone(), value)).collect()
        }
        Json::Array(list) => {
            list.iter().enumerate().flat_map(|(nth, value)| nested(nth.to_string(), value)).collect()
        }
        _ => vec![String::new()],
    }
}

/// The facts of a sample are removed one by one. Each parser notices each fact that it promises.
#[test]
fn events_without_promised_facts_are_unread() {
    let parsers = Parsers::built_in();
    let mut noticed: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (_, event, wanted) in samples() {
        let event: Json = serde_json::from_str(&event).unwrap();
        let noticed = noticed.entry(wanted["as"].as_str().unwrap().to_owned()).or_default();
        for fact in [PromisedFact::Actor, PromisedFact::Target, PromisedFact::Address, PromisedFact::Outcome]
        {
            let name = fact.as_str();
            if noticed.contains(name) || wanted.get(name).is_none_or(|found| *found == "not stated") {
                continue;
            }
            let Some(event) = without(&parsers, &event, fact) else { continue };
            let read = read(&parsers, &event.to_string()).unwrap();
            if read.get("unread").is_some_and(|unread| unread.as_array().unwrap().contains(&json!(name))) {
                noticed.insert(name);
            }
        }
    }
    let mut unnoticed = Vec::new();
    for summary in parsers.summaries() {
        let promised: BTreeSet<&str> = summary.promises.iter().map(PromisedFact::as_str).collect();
        assert!(!promised.is_empty() || summary.name == "countersign", "{}", summary.name);
        let missing = promised.difference(&noticed[summary.name]);
        unnoticed.extend(missing.map(|fact| format!("{}: {fact}", summary.name)));
    }
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}

/// A parser of many kinds of events doesn't read those that it doesn't know.
#[test]
fn events_of_unknown_kinds_are_unread() {
    let parsers = Parsers::built_in();
    for (event, parser) in [
        (
            json!({
                "time": "2026-10-01T09:00:00Z", "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG", "operationName": "LogEvent",
                "category": "PostgreSQLLogs", "properties": {"message": "password authentication failed"},
            }),
            "Azure activity",
        ),
        (
            json!({"action": "user.logged_in", "actor": {"id": "u_1"}, "success": false, "occurred_at": "2026-10-01T09:00:00Z"}),
            "countersign",
        ),
        (json!({"class_uid": 900_001, "category_uid": 9, "activity_id": 1, "metadata": {}}), "OCSF"),
    ] {
        let read = read(&parsers, &event.to_string()).unwrap();
        assert_eq!((&read["as"], &read["unread"]), (&json!(parser), &json!(["kind"])));
    }
}

/// Returns the lines of public events, or nothing if they are not on this machine.
fn others(folder: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/third-party/real-events");
    if !root.is_dir() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing, and must be there on CI", root.display());
        eprintln!("skipped: {} is missing", root.display());
        return Vec::new();
    }
    let text = std::fs::read_to_string(root.join(folder).join("events.ndjson")).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Counts the public events by parser and outcome.
fn counts(folder: &str) -> Vec<(String, usize)> {
    let parsers = Parsers::built_in();
    let mut counts = BTreeMap::new();
    for event in others(folder) {
        let says = match read(&parsers, &event) {
            Some(read) => {
                format!("{}: {}", read["as"].as_str().unwrap(), read["outcome"].as_str().unwrap())
            }
            None => "none".into(),
        };
        *counts.entry(says).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

#[test]
fn parses_public_events_as_their_source() {
    for (folder, wanted) in [
        // Only these 52 have an errorCode.
        (
            "cloudtrail-stratus",
            &[("CloudTrail: denied", 51), ("CloudTrail: failure", 1), ("CloudTrail: success", 258)][..],
        ),
        ("kubernetes-falco", &[("Kubernetes: success", 51)]),
        ("aws-eks-panther", &[("Kubernetes: denied", 4), ("Kubernetes: success", 15)]),
        ("ocsf-java-tools", &[("OCSF: not stated", 1), ("OCSF: success", 8), ("OCSF: unknown", 2)]),
        // 34 are result tables of Panther searches, not Okta events.
        (
            "okta-panther",
            &[
                ("Okta: denied", 3),
                ("Okta: failure", 13),
                ("Okta: not stated", 3),
                ("Okta: success", 29),
                ("Okta: unknown", 7),
                ("none", 34),
            ],
        ),
        // Two lack GitHub's characteristics, an action with a dot or a webhook's action. One has nothing but an action.
        (
            "github-panther",
            &[
                ("GitHub webhook: failure", 2),
                ("GitHub webhook: not stated", 54),
                ("GitHub webhook: success", 16),
                ("GitHub webhook: unknown", 1),
                ("GitHub: failure", 1),
                ("GitHub: not stated", 89),
                ("countersign: not stated", 1),
                ("none", 2),
            ],
        ),
    ] {
        let counts = counts(folder);
        let wanted: Vec<_> = wanted.iter().map(|(says, count)| ((*says).to_owned(), *count)).collect();
        assert!(counts.is_empty() || counts == wanted, "{folder}: {counts:#?}");
    }
}

/// Public events without time, actor, or address don't state one.
#[test]
fn public_events_have_actor_action_and_time() {
    let parsers = Parsers::built_in();
    for (folder, nameless, timeless) in [
        ("cloudtrail-stratus", 0, 0),
        ("kubernetes-falco", 0, 0),
        ("aws-eks-panther", 0, 4),
        ("okta-panther", 2, 7),
        ("ocsf-java-tools", 1, 0),
    ] {
        let read: Vec<Json> = others(folder).iter().filter_map(|event| read(&parsers, event)).collect();
        let without = |member: &str| read.iter().filter(|read| read[member].is_null()).count();
        assert_eq!(without("action"), 0, "{folder}");
        if !read.is_empty() {
            assert_eq!((without("actor"), without("time")), (nameless, timeless), "{folder}");
        }
    }
    // Every Stratus action on a resource names it.
    for event in others("cloudtrail-stratus") {
        let read = read(&parsers, &event).unwrap();
        let event: Json = serde_json::from_str(&event).unwrap();
        let whole = ["DescribeInstanceInformation", "BatchGetSecretValue", "GetCallerIdentity"]
            .into_iter()
            .chain(["DescribeInstances", "ListSecrets", "DescribeParameters", "LeaveOrganization"])
            .chain(["PutUseCaseForModelAccess", "ConsoleLogin", "EnableSerialConsoleAccess"]);
        let none =
            whole.into_iter().any(|name| event["eventName"] == name) || event["requestParameters"].is_null();
        assert!(none || !read["target"]["id"].is_null(), "{event}");
    }
}

#[test]
fn each_public_event_fits_one_parser() {
    let alone: Vec<_> =
        BUILT_IN.iter().map(|one| (one.0, Parsers::default().with([*one]).unwrap())).collect();
    for folder in [
        "cloudtrail-stratus",
        "kubernetes-falco",
        "aws-eks-panther",
        "okta-panther",
        "ocsf-java-tools",
        "github-panther",
    ] {
        for event in others(folder) {
            let readers: Vec<_> =
                alone.iter().filter(|(_, parser)| read(parser, &event).is_some()).map(|one| one.0).collect();
            assert!(readers.len() <= 1, "{readers:?}: {event}");
        }
    }
}

#[test]
fn parses_selected_public_events_as_expected() {
    let parsers = Parsers::built_in();
    for (folder, line, wanted) in [
        (
            "cloudtrail-stratus",
            0,
            r#"{"as":"CloudTrail","time":"2024-07-30T21:31:21.000Z","action":"GetPasswordData","actor":{"id":"arn:aws:sts::457448411975:assumed-role/stratus-red-team-ec2-get-password-data-role/aws-go-sdk-1722375070115152000","name":"stratus-red-team-ec2-get-password-data-role/aws-go-sdk-1722375070115152000"},"target":{"id":"i-i2jnm5swa59p4fxg","type":"AWS::EC2::Instance"},"address":"200.249.253.51","outcome":"denied","reason":"Client.UnauthorizedOperation"}"#,
        ),
        (
            "kubernetes-falco",
            0,
            r#"{"as":"Kubernetes","time":"2018-10-25T13:58:49.730Z","action":"namespaces.create","actor":{"id":"system:anonymous","type":"anonymous"},"target":{"id":"foo","type":"namespaces"},"address":"192.168.99.1","outcome":"success"}"#,
        ),
        (
            "github-panther",
            0,
            r#"{"as":"GitHub","time":"2021-05-18T02:31:58.553Z","action":"protected_branch.destroy","actor":{"id":"cat","type":"user"},"target":{"id":"my-org/my-repo","type":"repository"},"outcome":"not stated"}"#,
        ),
        (
            "okta-panther",
            0,
            r#"{"as":"Okta","time":"2022-03-22T14:21:53.225Z","action":"user.session.impersonation.grant","actor":{"id":"111111","name":"Homer Simpson <homer@springfield.gov>","type":"user"},"address":"1.1.1.1","outcome":"not stated","unread":["outcome"]}"#,
        ),
    ] {
        if let Some(event) = others(folder).get(line) {
            let wanted: Json = serde_json::from_str(wanted).unwrap();
            assert_eq!(who_what_when(&parsers, event), Some(wanted), "{folder}, line {line}");
        }
    }
}

/// An author of content within our events, such as a message, can't make it pass for another product's event.
#[test]
fn content_of_our_events_cannot_pass_for_another_product() {
    let own = r#""action":"role.grant","actor":{"id":"mallory"},"outcome":"denied""#;
    let cloudtrail = r#"{"eventName":"GetObject","eventSource":"s3.amazonaws.com","eventType":"AwsApiCall"}"#;
    let as_text = Json::from(cloudtrail).to_string();
    for more in [
        format!(r#""message":{as_text}"#),
        format!(r#""detail":{cloudtrail}"#),
        format!(r#""@message":{as_text}"#),
        cloudtrail.trim_matches(['{', '}']).to_owned(),
    ] {
        let read = read(&Parsers::built_in(), &format!("{{{own},{more}}}")).unwrap();
        let said = (&read["as"], &read["action"], &read["actor"]["id"], &read["outcome"]);
        assert_eq!(said, (&"countersign".into(), &"role.grant".into(), &"mallory".into(), &"denied".into()));
    }
}

/// These events have an action, and an actor or a program name. None of them fits our shape or yields a field
/// that it doesn't contain.
#[test]
fn events_of_other_products_do_not_fit_our_shape() {
    let parsers = Parsers::built_in();
    let log = r#""@timestamp":"2026-03-02T09:15:27Z","message":"u_1 deleted a job","service":{"name":"shop"},"process":{"name":"node"},"ecs":{"version":"8.11.0"}"#;
    for (event, wanted) in [
        (
            r#"{"action":"user_deactivated","actor":{"type":"user","user":{"id":"W1","email":"ada@example.com"}},"context":{"ip_address":"203.0.113.9","location":{"id":"T1","type":"workspace"}}}"#.to_owned(),
            Some(r#"{"as":"Slack","action":"user_deactivated","actor":{"id":"W1","name":"ada@example.com","type":"user"},"target":{"id":"T1","type":"workspace"},"address":"203.0.113.9","outcome":"not stated"}"#),
        ),
        // Lines of an application log, and an event without an action.
        (format!("{{{log}}}"), None),
        (format!(r#"{{{log},"event":{{"dataset":"shop.log"}}}}"#), None),
        (
            r#"{"@timestamp":"2026-03-02T09:15:27Z","message":"x","service.name":"shop","process.thread.name":"main","ecs.version":"1.2.0","log.level":"INFO","event.dataset":"shop"}"#.into(),
            None,
        ),
        (
            format!(r#"{{{log},"event":{{"kind":"event"}}}}"#),
            Some(r#"{"as":"ECS","time":"2026-03-02T09:15:27.000Z","outcome":"not stated","unread":["actor"]}"#),
        ),
        (
            r#"{"id":"e","action":"create","actor":{"id":"u","email":"ada@example.com"},"resource":"domain","created_at":"2026-03-02T09:15:27Z","version":"3"}"#.into(),
            None,
        ),
        (
            r#"{"id":"e","action":"member.add","actor":{"id":"u","type":"user"},"timestamp":"2026-03-02T09:15:27Z","ip":"203.0.113.9"}"#.into(),
            None,
        ),
        (
            r#"{"action":"login","actor":{"id":"u","object":"user","account":{"name":"Ada"}},"request_id":"r"}"#.into(),
            None,
        ),
        (
            r#"{"action":"deploy","target":{"id":"7","type":"app"},"time":1772442927}"#.into(),
            None,
        ),
        // Logs that programs write by themselves, in shapes that resemble those of Fastly, Linear, Figma, and PagerDuty.
        (
            r#"{"event_type":"invoice.paid","customer_id":"c","created_at":"2026-03-02T09:15:27Z","user_id":"u"}"#.into(),
            None,
        ),
        (
            r#"{"type":"invoice.paid","createdAt":"2026-03-02T09:15:27Z","actorId":"u","ip":"203.0.113.9","metadata":{}}"#.into(),
            None,
        ),
        (
            r#"{"action":{"type":"pay"},"actor":{"id":"u"},"entity":{"id":"i"},"context":{},"timestamp":1772442927}"#.into(),
            None,
        ),
        (
            r#"{"event_type":"invoice.paid","resource_type":"invoice","occurred_at":"2026-03-02T09:15:27Z","data":{"id":"i"}}"#.into(),
            None,
        ),
    ] {
        let wanted: Option<Json> = wanted.map(|wanted| serde_json::from_str(wanted).unwrap());
        let read = read(&parsers, &event).map(|mut read| {
            read.as_object_mut().unwrap().remove("category");
            read
        });
        assert_eq!(read, wanted, "{event}");
    }
}

/// Puts a value at a path without arrays.
fn at_path(path: &str, value: Json) -> Json {
    path.rsplit('.').fold(value, |value, name| serde_json::json!({ name: value }))
}

/// Samples are found at the top and in each envelope of their parser, with the same fields.
#[test]
fn parses_each_sample_in_each_envelope() {
    let parsers = Parsers::built_in();
    let mut tried = BTreeSet::new();
    for (file, event, wanted) in samples() {
        let text = std::fs::read_to_string(format!("{}/parsers/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let definition: Json = serde_json::from_str(&text).unwrap();
        let paths: Vec<String> = serde_json::from_value(definition["within"].clone()).unwrap_or_default();
        let alone = Json::Object(
            definition
                .as_object()
                .unwrap()
                .clone()
                .into_iter()
                .filter(|(name, _)| !["within", "category"].contains(&&**name))
                .collect(),
        );
        let at_top = Parsers::default().with([(&*file, &*alone.to_string())]).unwrap();
        if !paths.iter().any(String::is_empty) || who_what_when(&at_top, &event).as_ref() != Some(&wanted) {
            continue;
        }
        for path in paths.iter().filter(|path| !path.is_empty() && !path.contains('[')) {
            let event: Json = serde_json::from_str(&event).unwrap();
            for inner in [Json::from(event.to_string()), event] {
                let enveloped = at_path(path, inner).to_string();
                assert_eq!(who_what_when(&parsers, &enveloped), Some(wanted.clone()), "{file}: {enveloped}");
                tried.insert((file.clone(), path.clone()));
            }
        }
    }
    assert!(tried.len() > 20, "{tried:?}");
}

#[test]
fn finds_each_action_of_an_event() {
    let events = r#"[{"name":"create"},{"name":"change_user_access"},{"name":"change_user_access"},{"name":"create"}]"#;
    let event = format!(
        r#"{{"kind":"admin#reports#activity","id":{{"applicationName":"drive"}},"events":{events}}}"#
    );
    let said = read(&Parsers::built_in(), &event).unwrap();
    assert_eq!(
        (&said["action"], &said["also"]),
        (&"create".into(), &serde_json::json!(["change_user_access"]))
    );
    let (parsers, document) = (Parsers::built_in(), Document::parse(&event).unwrap());
    let read = parsers.parse(&document.root());
    let entry = Entry { event: Some(document.root()), read: read.as_ref(), ..Entry::recorded(Time::MIN) };
    for (query, finds) in [
        ("action:create", true),
        ("action:change_*", true),
        ("action:delete", false),
        ("-action:change_user_access", false),
    ] {
        assert_eq!(Query::parse(query, Time::MIN).unwrap().matches(&entry), finds, "{query}");
    }
}

#[test]
fn has_no_outcome_unless_stated() {
    let parsers = Parsers::built_in();
    for (event, outcome) in [
        (r#"{"action":"a.b","actor":{"id":"u"}}"#, "not stated"),
        (r#"{"action":"a.b","actor":{"id":"u"},"outcome":null}"#, "not stated"),
        (r#"{"action":"a.b","actor":{"id":"u"},"outcome":"fine"}"#, "not stated"),
        (r#"{"action":"a.b","actor":{"id":"u"},"outcome":"denied"}"#, "denied"),
        (r#"{"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin"}"#, "not stated"),
        (
            r#"{"eventSource":"s3.amazonaws.com","eventName":"GetObject","eventType":"AwsApiCall","errorCode":"","errorMessage":"","userIdentity":{"type":"Root"}}"#,
            "success",
        ),
    ] {
        assert_eq!(read(&parsers, event).unwrap()["outcome"], outcome, "{event}");
    }
}

const OWN: &str = r#"{"as":"x","when":{"x":{"there":true}},"action":"x"}"#;

#[test]
fn additional_parsers_precede_and_replace_built_in_ones() {
    let built_in = Parsers::built_in();
    let github = r#"{"as":"GitHub","when":{"repo":{"there":true}},"action":"=seen"}"#;
    let parsers = built_in.with([("a.json", OWN), ("b.json", github)]).unwrap();
    assert_eq!(parsers.names().count(), BUILT_IN.len() + 1);
    assert_eq!(parsers.names().take(2).collect::<Vec<_>>(), ["x", "GitHub"]);
    assert_eq!(parsers.names().filter(|name| *name == "GitHub").count(), 1);
    assert_eq!(read(&parsers, r#"{"repo":"r"}"#).unwrap()["action"], "seen");
    assert_eq!(read(&built_in, r#"{"repo":"r"}"#), None);

    let twice = built_in.with([("a.json", OWN), ("b.json", OWN)]).unwrap_err();
    assert_eq!((twice.file.as_deref(), twice.member.as_deref()), (Some("b.json"), Some("as")));
    let texts: Vec<String> =
        (0..=MAX_PARSERS).map(|n| OWN.replace("\"as\":\"x\"", &format!("\"as\":\"x{n}\""))).collect();
    assert!(built_in.with(texts[..MAX_PARSERS].iter().map(|text| ("", &**text))).is_ok());
    assert!(built_in.with(texts.iter().map(|text| ("", &**text))).is_err());
}

#[test]
fn rejects_invalid_parser_files_with_the_field() {
    let parser = |members: &str| format!(r#"{{"as":"x","when":{{"x":"1"}},"action":"x",{members}}}"#);
    for (text, member) in [
        ("", ""),
        ("[]", ""),
        ("{", ""),
        ("{}", "as"),
        (r#"{"as":""}"#, "as"),
        (r#"{"as":"x"}"#, "when"),
        (r#"{"as":"x","when":{"x":"1"}}"#, "action"),
        (r#"{"as":"x","when":{},"action":"x"}"#, "when"),
        (r#"{"as":"x","when":[],"action":"x"}"#, "when"),
        (r#"{"as":"x","when":{"x":{"there":false}},"action":"x"}"#, "when"),
        (r#"{"as":"x","when":[{"x":"1"},{"x":{"not":"1"}}],"action":"x"}"#, "when"),
        (r#"{"as":"x","when":{"x..y":"1"},"action":"x"}"#, "when.x..y"),
        (r#"{"as":"x","when":{"x":null},"action":"x"}"#, "when.x"),
        (r#"{"as":"x","when":{"x":{"like":"1"}},"action":"x"}"#, "when.x.like"),
        (r#"{"as":"x","when":{"x":{"type":"text"}},"action":"x"}"#, "when.x.type"),
        (r#"{"as":"x","when":{"x":{"not":{"there":false}}},"action":"x"}"#, "when.x.not"),
        (&parser(r#""actions":"x""#), "actions"),
        (&parser(r#""as":"y""#), "as"),
        (&parser(r#""time":"x.""#), "time"),
        (&parser(r#""time":{"value":"x","unit":"h"}"#), "time.unit"),
        (&parser(r#""time":{"value":"x","zone":"CET"}"#), "time.zone"),
        (&parser(r#""address":{"value":"x","else":"y"}"#), "address.else"),
        (&parser(r#""address":{"path":"x"}"#), "address.path"),
        (&parser(r#""address":"={x""#), "address"),
        (&parser(r#""address":["x",1]"#), "address[1]"),
        (&parser(r#""actor":{"type":"=user"}"#), "actor.id"),
        (&parser(r#""actor":[{"id":"x"},{"id":"x","nick":"y"}]"#), "actor[1].nick"),
        (&parser(r#""outcome":"x""#), "outcome[0]"),
        (&parser(r#""outcome":["=success","=fine"]"#), "outcome[1]"),
        (&parser(r#""outcome":{"value":"x","map":{"1":"ok"}}"#), "outcome[0]"),
        (&parser(r#""outcome":{"value":"x","map":{"1":2}}"#), "outcome.map.1"),
    ] {
        let why = Parsers::default().with([("own.json", text)]).expect_err(text);
        let place = (why.file.as_deref(), why.member.as_deref().unwrap_or_default());
        assert_eq!(place, (Some("own.json"), member), "{text}: {why}");
        let has_hint = why.hint.as_deref().is_some_and(|hint| !hint.is_empty());
        assert!(!why.message.is_empty() && has_hint, "{text}");
    }
}

/// The example of `docs/parsers.md`: a parser, an event, and the resulting fields.
#[test]
fn parses_the_documented_example() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/parsers.md")).unwrap();
    let blocks: Vec<&str> = text
        .split("```json\n")
        .skip(1)
        .filter_map(|after| after.split_once("\n```"))
        .map(|(block, _)| block)
        .collect();
    let [_, parser, event, wanted, promises, category] = blocks[..] else {
        panic!("there are {} blocks", blocks.len())
    };
    let parser = format!("{},{promises},{category}}}", parser.trim_end().strip_suffix('}').unwrap());
    let parsers = Parsers::built_in().with([("till.json", &*parser)]).unwrap();
    let wanted: Json = serde_json::from_str(wanted).unwrap();
    assert_eq!(read(&parsers, event).unwrap(), wanted);
    for (name, place) in Parsers::built_in().names().zip(1..) {
        assert!(text.contains(name), "the parser {place}, {name}, is not named");
    }
}

/// Generates shallow JSON values with field names that no source has.
fn anything() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        "[ -~é]{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map("[a-z]{1,9}", inner, 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Our own shape is excluded: it requires little more than an action.
    #[test]
    fn parses_no_event_of_unknown_shape(members in prop::collection::btree_map("[b-z][a-z]{0,9}", anything(), 0..9)) {
        let event = Json::Object(members.into_iter().collect()).to_string();
        prop_assert_eq!(read(&Parsers::built_in(), &event), None);
    }

    /// Replacing any field of an event never causes a panic.
    #[test]
    fn altered_samples_do_not_panic(sample in 0..100_usize, member in 0..12_usize, value in anything()) {
        static SAMPLES: LazyLock<Vec<(String, String, Json)>> = LazyLock::new(samples);
        let mut event: Json = serde_json::from_str(&SAMPLES[sample % SAMPLES.len()].1).unwrap();
        if let Some(place) = event.as_object_mut().and_then(|event| event.values_mut().nth(member)) {
            *place = value;
        }
        let _ = read(&Parsers::built_in(), &event.to_string());
    }
}

#[test]
fn outcomes_equal_those_of_the_core() {
    let stated = Outcome::ALL.iter().copied().filter(|outcome| *outcome != Outcome::NotStated);
    assert_eq!(stated.map(Outcome::as_str).collect::<Vec<_>>(), countersign::event::OUTCOMES);
}

#[test]
fn explanations_agree_with_parsing() {
    let parsers = Parsers::built_in();
    for (file, event, _) in samples() {
        let document = Document::parse(&event).unwrap();
        let read = parsers.parse(&document.root());
        let explanation = parsers.explain(&document.root());
        assert_eq!(
            explanation.chosen().map(|fit| fit.parser.as_str()),
            read.as_ref().map(|read| &*read.parsed_as),
            "{file}: {event}"
        );
        assert_eq!(explanation.parsers.len(), BUILT_IN.len());
        let Some(read) = read else { continue };
        let values = |name: &str| {
            let facts = explanation.facts.iter().filter(|fact| fact.name == name);
            facts.flat_map(|fact| fact.values.iter().cloned()).collect::<Vec<String>>()
        };
        let list = |texts: &[std::borrow::Cow<'_, str>]| {
            texts.iter().map(ToString::to_string).collect::<Vec<String>>()
        };
        let one = |text: &Option<std::borrow::Cow<'_, str>>| list(text.as_slice());
        let outcome = Some(read.outcome).filter(|outcome| *outcome != Outcome::NotStated);
        assert_eq!(values("time"), Vec::from_iter(read.time.map(|time| time.to_string())), "{file}: {event}");
        assert_eq!(values("outcome"), Vec::from_iter(outcome.map(|one| one.as_str().to_owned())), "{event}");
        for (name, wanted) in [
            ("action", one(&read.action)),
            ("also", list(&read.also)),
            ("actor.id", one(&read.actor.id)),
            ("actor.name", one(&read.actor.name)),
            ("actor.type", one(&read.actor.kind)),
            ("actor.also", list(&read.actor.also)),
            ("target.id", one(&read.target.id)),
            ("target.name", one(&read.target.name)),
            ("target.type", one(&read.target.kind)),
            ("target.also", list(&read.target.also)),
            ("address", one(&read.address)),
            ("reason", one(&read.reason)),
        ] {
            assert_eq!(values(name), wanted, "{file}: {name}: {event}");
        }
    }
}

#[test]
fn explanations_name_the_first_failed_test_and_each_source() {
    let till = r#"{
        "as": "till",
        "when": {"till": {"type": "string"}, "what": ["sale", "refund"]},
        "time": {"value": "at", "unit": "s"},
        "action": "=till.{what}",
        "actor": [{"when": {"badge": {"there": true}}, "id": "badge"}, {"id": ["clerk", "till"]}],
        "outcome": {"value": "bank", "map": {"OK": "success"}},
        "reason": {"value": "text", "after": ": "}
    }"#;
    let parsers = Parsers::default().with([("till.json", till)]).unwrap();
    let explain = |event: &str| parsers.explain(&Document::parse(event).unwrap().root());

    let explanation = explain(r#"{"till":"t-3","what":"drawer"}"#);
    let failed = explanation.parsers[0].failed.as_deref();
    assert_eq!(failed, Some("`what` is \"drawer\", but must be \"sale\" or \"refund\""));
    assert_eq!((explanation.parsers[0].passed, explanation.facts.len()), (1, 0));
    let missing = explain(r#"{"what":"sale"}"#).parsers[0].failed.clone();
    assert_eq!(missing.as_deref(), Some("`till` is missing, but must be a string"));

    let explanation =
        explain(r#"{"at":"soon","bank":"ERR","clerk":"","text":"no","till":"t-3","what":"sale"}"#);
    let mut said = Vec::new();
    for fact in &explanation.facts {
        for Attempt { source, found, result } in &fact.attempts {
            let found = found.as_deref().unwrap_or_default();
            let result = result.as_deref().unwrap_or_else(|problem| problem);
            said.push([fact.name, source, found, result]);
        }
    }
    let not_time = "it is not a time in a format that the source accepts (see `unit` and `zone`)";
    let no_badge = "its condition does not hold: `badge` is missing, but must exist";
    assert_eq!(
        said,
        [
            ["time", "at", "\"soon\"", not_time],
            ["action", "=till.{what}", "", "till.sale"],
            ["actor.id", "actor[0]", "", no_badge],
            ["actor.id", "clerk", "\"\"", "it is empty, null, an object, or an array"],
            ["actor.id", "till", "\"t-3\"", "t-3"],
            ["outcome", "bank", "\"ERR\"", "it is not in `map`"],
            ["reason", "text after \": \"", "\"no\"", "it does not contain \": \""],
        ]
    );
}

#[test]
fn summaries_list_facts_and_documentation() {
    let parsers = Parsers::built_in();
    let summaries: Vec<ParserSummary<'_>> = parsers.summaries().collect();
    assert!(summaries.iter().map(|one| one.name).eq(parsers.names()));
    let okta = summaries.iter().find(|one| one.name == "Okta").unwrap();
    assert_eq!(okta.facts, FACTS);
    assert!(okta.documentation.unwrap().starts_with("https://developer.okta.com/"), "{okta:?}");
    for one in &summaries {
        assert!(one.facts.contains(&"action"), "{one:?}");
        assert!(one.documentation.is_none_or(|address| !address.ends_with(['.', '"', ')'])), "{one:?}");
    }
    let with = parsers.with([("x.json", r#"{"as":"x","when":{"x":1},"action":"x","reason":"y"}"#)]).unwrap();
    let summary = with.summaries().next().unwrap();
    assert_eq!((summary.name, summary.facts, summary.documentation), ("x", vec!["action", "reason"], None));
}
