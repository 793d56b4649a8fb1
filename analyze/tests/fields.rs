//! Fields that are computed, and not of the event.

use countersign_analyze::{Analyzer, Sources};
use countersign_query::value::Document;
use countersign_query::{Entry, Readings};

const RULE: &str = "
title: Somebody asked for a job
id: job-asked
level: low
detection:
  selection:
    derived.path_template: /jobs/{number}
  condition: selection
";

#[test]
fn rules_ask_for_the_shape_of_a_path() {
    let mut sources = Sources::default();
    sources.add("asked.yml", RULE);
    let pack = sources.build("example").unwrap();
    let readings = Readings::built_in();
    let fires = |path: &str| {
        let text = format!(
            r#"{{"action":"http.request","actor":{{"id":"u"}},"http":{{"method":"GET","path":{path},"status":200}}}}"#
        );
        let document = Document::parse(&text);
        let event = document.as_ref().map(Document::root);
        let read = event.as_ref().and_then(|event| readings.read(event));
        let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let mut analyzer = Analyzer::new(&pack);
        analyzer
            .take(pack.detect(1, &Entry { event, read: read.as_ref(), ..Entry::recorded(recorded) }))
            .unwrap();
        !analyzer.finish().findings.is_empty()
    };
    assert!(fires(r#""/jobs/42""#) && fires(r#""/jobs/7?x=1""#) && fires(r#""/jobs/{number}""#));
    assert!(!fires(r#""/jobs/new""#) && !fires(r#""/jobs/42/runs""#) && !fires("42"));
}

/// Whether a rule with these members fires on an event.
fn fires(selection: &str, event: &str) -> bool {
    let mut sources = Sources::default();
    let rule = format!(
        "title: t\nid: t\nlevel: low\ndetection:\n  selection:\n    {selection}\n  condition: selection\n"
    );
    sources.add("t.yml", &rule);
    let pack = sources.build("example").unwrap_or_else(|faults| panic!("{}", faults[0]));
    let document = Document::parse(event);
    let event = document.as_ref().map(Document::root);
    let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
    pack.detect(1, &Entry { event, ..Entry::recorded(recorded) }).rules().next().is_some()
}

#[test]
fn what_is_null_does_not_exist() {
    for (event, exists) in [
        (r#"{"error":"x"}"#, true),
        (r#"{"error":""}"#, true),
        (r#"{"error":{}}"#, true),
        (r#"{"error":[null,1]}"#, true),
        (r#"{"error":null}"#, false),
        (r#"{"other":1}"#, false),
    ] {
        assert_eq!(fires("error|exists: true", event), exists, "{event}");
        assert_eq!(fires("error|exists: false", event), !exists, "{event}");
    }
}

#[test]
fn truth_and_numbers_are_texts_too() {
    for (selection, event, holds) in [
        ("mfa: '*'", r#"{"mfa":false}"#, true),
        ("mfa|startswith: T", r#"{"mfa":true}"#, true),
        ("mfa|contains: x", r#"{"mfa":true}"#, false),
        ("mfa|re: ^true$", r#"{"mfa":true}"#, true),
        ("status|re: ^4[0-9]{2}$", r#"{"status":404}"#, true),
        ("status|re: ^4", r#"{"status":200}"#, false),
        ("mfa: '*'", r#"{"mfa":null}"#, false),
        ("mfa: '*'", r#"{"mfa":{}}"#, false),
        ("a|fieldref: b", r#"{"a":true,"b":true}"#, true),
        ("a|fieldref: b", r#"{"a":true,"b":false}"#, false),
    ] {
        assert_eq!(fires(selection, event), holds, "{selection} on {event}");
    }
}
