//! Virtual fields, which are computed and not part of the event.

use countersign_analyze::{Analyzer, Sources};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};

const RULE: &str = "
title: Job Requested
id: job-asked
level: low
detection:
  selection:
    derived.path_template: /jobs/{number}
  condition: selection
";

#[test]
fn path_templates_can_be_used_in_rules() {
    let mut sources = Sources::default();
    sources.add("asked.yml", RULE);
    let pack = sources.build("example").unwrap();
    let parsers = Parsers::built_in();
    let fires = |path: &str| {
        let text = format!(
            r#"{{"action":"http.request","actor":{{"id":"u"}},"http":{{"method":"GET","path":{path},"status":200}}}}"#
        );
        let document = Document::parse(&text);
        let event = document.as_ref().map(Document::root);
        let read = event.as_ref().and_then(|event| parsers.parse(event));
        let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let mut analyzer = Analyzer::new(&pack);
        analyzer
            .accept(pack.detect(1, &Entry { event, read: read.as_ref(), ..Entry::recorded(recorded) }))
            .unwrap();
        !analyzer.finish().findings.is_empty()
    };
    assert!(fires(r#""/jobs/42""#) && fires(r#""/jobs/7?x=1""#) && fires(r#""/jobs/{number}""#));
    assert!(!fires(r#""/jobs/new""#) && !fires(r#""/jobs/42/runs""#) && !fires("42"));
}

/// True if a rule with this selection fires on an event.
fn fires(selection: &str, event: &str) -> bool {
    let mut sources = Sources::default();
    let rule = format!(
        "title: t\nid: t\nlevel: low\ndetection:\n  selection:\n    {selection}\n  condition: selection\n"
    );
    sources.add("t.yml", &rule);
    let pack = sources.build("example").unwrap_or_else(|errors| panic!("{}", errors[0]));
    let document = Document::parse(event);
    let event = document.as_ref().map(Document::root);
    let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
    pack.detect(1, &Entry { event, ..Entry::recorded(recorded) }).rules().next().is_some()
}

#[test]
fn null_does_not_exist() {
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
fn booleans_and_numbers_compare_as_strings() {
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

#[test]
fn parsers_extract_all_fields_that_rules_and_scores_need() {
    let event = r#"{"action":"job.run","actor":{"id":"u_1","name":"Ada","type":"user"},"on_behalf_of":{"id":"u_2","name":"Grace"},"target":{"id":"7","name":"Seven","type":"job"},"context":{"ip":"198.51.100.7"},"outcome":"denied","reason":"late","occurred_at":"2026-11-20T05:00:00.000Z"}"#;
    let document = Document::parse(event).unwrap();
    let parsers = Parsers::built_in();
    let root = document.root();
    let read = parsers.parse(&root);
    let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
    let unread = Entry { event: Some(root), ..Entry::recorded(recorded) };
    for selection in [
        "parsed.as: countersign",
        "parsed.action: job.run",
        "parsed.actor.id: u_1",
        "parsed.actor.name: Ada",
        "parsed.actor.type: user",
        "parsed.on_behalf_of.id: u_2",
        "parsed.on_behalf_of.name: Grace",
        "parsed.on_behalf_of.type: user",
        "parsed.target.id: 7",
        "parsed.target.name: Seven",
        "parsed.target.type: job",
        "parsed.address: 198.51.100.7",
        "parsed.outcome: denied",
        "parsed.reason: late",
        "action: job.run",
        "parsed.action: job.stop",
        "baseline.learned: true",
    ] {
        let mut sources = Sources::default();
        let rule =
            format!("title: t\nid: t\nlevel: low\ndetection:\n  s:\n    {selection}\n  condition: s\n");
        sources.add("t.yml", &rule);
        let pack = sources.build("example").unwrap();
        let whole = pack.detect(1, &Entry { read: read.as_ref(), ..unread });
        assert_eq!(pack.detect_by(1, &parsers, &unread), whole, "{selection}");
        let fires = !selection.ends_with("job.stop") && !selection.starts_with("baseline");
        assert_eq!(whole.rules().count(), usize::from(fires), "{selection}");
    }
}

#[test]
fn a_path_leads_to_members_whose_names_have_dots() {
    for (selection, event, holds) in [
        ("labels.app.example.io/tier: web", r#"{"labels":{"app.example.io/tier":"web"}}"#, true),
        ("labels.app.example.io/tier: web", r#"{"labels":{"app":{"example.io/tier":"web"}}}"#, true),
        ("labels.app.example.io/tier: web", r#"{"labels.app":{"example":{"io/tier":"web"}}}"#, true),
        ("labels.app.example.io/tier: web", r#"{"labels.app.example.io/tier":"web"}"#, true),
        ("labels.app.example.io/tier: web", r#"{"labels":{"app":{"example":{"io/tier":"web"}}}}"#, true),
        (
            "labels.app.example.io/tier: web",
            r#"{"labels":[{"a":1},{"app.example.io/tier":["db","web"]}]}"#,
            true,
        ),
        ("labels.app.example.io/tier: web", r#"{"labels":{"app.example.io/tier":"db"}}"#, false),
        ("labels.app.example.io/tier: web", r#"{"labels":{"app.example.io":"web"}}"#, false),
        ("labels.app.example.io/tier: web", r#"{"labels":{"app.example.io/tier.x":"web"}}"#, false),
        ("labels.app.example.io/tier: web", r#"{"app.example.io/tier":"web"}"#, false),
        // One match among several members that a path leads to is enough.
        ("user.id: b", r#"{"user":{"id":"a"},"user.id":"b"}"#, true),
        ("user.id: a", r#"{"user":{"id":"a"},"user.id":"b"}"#, true),
        ("user.id|exists: false", r#"{"user.id":"b"}"#, false),
        ("user.id|exists: false", r#"{"user.ids":"b"}"#, true),
        ("user|exists: true", r#"{"user.id":"b"}"#, false),
        // Names may start and end with dots, or be empty.
        ("a..b: x", r#"{"a..b":"x"}"#, true),
        ("a..b: x", r#"{"a":{"":{"b":"x"}}}"#, true),
        ("a..b: x", r#"{"a":{"b":"x"}}"#, false),
        (".a: x", r#"{".a":"x"}"#, true),
        ("a.: x", r#"{"a.":"x"}"#, true),
        ("a|contains: x", r#"{"a.b":"x"}"#, false),
    ] {
        assert_eq!(fires(selection, event), holds, "{selection} on {event}");
    }
}

#[test]
fn a_name_in_quotes_is_one_name() {
    let dotted = r#"{"labels":{"app.io/tier":"web"}}"#;
    let nested = r#"{"labels":{"app":{"io/tier":"web"}}}"#;
    for (selection, event, holds) in [
        (r#"labels."app.io/tier": web"#, dotted, true),
        ("labels.'app.io/tier': web", dotted, true),
        (r#"labels."app.io/tier": web"#, nested, false),
        (r#"labels."app.io/tier": web"#, r#"{"labels.app.io/tier":"web"}"#, false),
        (r#"labels."'tier'": web"#, r#"{"labels":{"'tier'":"web"}}"#, true),
        ("labels.it's: web", r#"{"labels":{"it's":"web"}}"#, true),
        // A member of the event whose first name is a reserved prefix when unquoted.
        (r#"'"parsed".action': x"#, r#"{"parsed":{"action":"x"}}"#, true),
        (r#"'"link.signer"': x"#, r#"{"link.signer":"x"}"#, true),
    ] {
        assert_eq!(fires(selection, event), holds, "{selection} on {event}");
    }
    // Both spellings in one rule, for one member.
    let both = "labels.app.io/tier: web\n    labels.'app.io/tier': web\n    'labels.\"app.io/tier\"': web";
    assert!(fires(both, dotted) && !fires(both, nested));
}

#[test]
fn keywords_search_the_whole_event() {
    for (keywords, event, holds) in [
        ("- break-glass", r#"{"labels":{"policy.example.io/break-glass":"true"}}"#, true),
        ("- BREAK-glass", r#"{"labels":[{"policy.example.io/break-glass":null}]}"#, true),
        ("- break-glass", r#"{"note":"policy.example.io/break-glass"}"#, true),
        ("- break-glass", r#"{"labels":{"policy.example.io/break":"glass"}}"#, false),
        // A keyword must be within one name or value, not across them.
        ("- labels.policy", r#"{"labels":{"policy":1}}"#, false),
        ("- 4625", r#"{"EventID":4625}"#, true),
        ("- 4625", r#"{"a":{"4625":1}}"#, true),
        ("- 4625", r#"{"EventID":4624}"#, false),
        ("- 'true'", r#"{"mfa":true}"#, true),
        ("- 'null'", r#"{"mfa":null}"#, false),
        // Names also count if no rule has a field there.
        ("- secret", r#"{"a":{"b":{"c":[{"my_secret":{}}]}}}"#, true),
        ("'|all': [role, admin]", r#"{"role":"Admin"}"#, true),
        ("'|all': [role, admin]", r#"{"role":"guest"}"#, false),
        ("'|re': '^ro.e$'", r#"{"role":"guest"}"#, true),
    ] {
        assert_eq!(fires(keywords, event), holds, "{keywords} on {event}");
    }
}

#[test]
fn a_field_differs_from_all_values_of_neq() {
    for (selection, event, holds) in [
        ("a|neq: x", r#"{"a":"y"}"#, true),
        ("a|neq: x", r#"{"a":"X"}"#, false),
        ("a|neq: x", r#"{"b":"y"}"#, false),
        ("a|neq: x", r#"{"a":null}"#, true),
        ("a|neq: x", r#"{"a":["y","z"]}"#, true),
        ("a|neq: x", r#"{"a":["y","x"]}"#, false),
        ("a|neq: [x, y]", r#"{"a":"z"}"#, true),
        ("a|neq: [x, y]", r#"{"a":"y"}"#, false),
        ("a|neq: 5", r#"{"a":"5"}"#, false),
        ("a|neq: 5", r#"{"a":5.0}"#, false),
        ("a|neq: 5", r#"{"a":6}"#, true),
        ("a|neq: true", r#"{"a":false}"#, true),
        ("a|neq: null", r#"{"a":0}"#, true),
        ("a|neq: null", r#"{"a":null}"#, false),
        ("a|neq: null", r#"{"b":0}"#, false),
        ("a|cased|neq: x", r#"{"a":"X"}"#, true),
        ("a|contains|neq: x", r#"{"a":"axb"}"#, false),
        ("a|startswith|neq: x", r#"{"a":"axb"}"#, true),
        ("a|re|neq: ^x+$", r#"{"a":"xx"}"#, false),
        ("a|cidr|neq: 10.0.0.0/8", r#"{"a":"192.0.2.1"}"#, true),
        ("a|cidr|neq: 10.0.0.0/8", r#"{"a":"10.1.2.3"}"#, false),
        ("a|fieldref|neq: b", r#"{"a":"x","b":"y"}"#, true),
        ("a|fieldref|neq: b", r#"{"a":"x","b":"x"}"#, false),
    ] {
        assert_eq!(fires(selection, event), holds, "{selection} on {event}");
    }
}

#[test]
fn dots_and_nesting_are_equivalent() {
    let names = ["one", "two", "", "three", "four"];
    for nested in 0..1_u32 << (names.len() - 1) {
        // Each bit decides whether a name starts a nested object.
        let mut event = String::from("{\"");
        let mut depth = 1;
        for (nth, name) in names.iter().enumerate() {
            if nth > 0 && nested >> (nth - 1) & 1 == 1 {
                event += "\":{\"";
                depth += 1;
            } else if nth > 0 {
                event.push('.');
            }
            event += name;
        }
        event += "\":\"x\"";
        event += &"}".repeat(depth);
        assert!(fires("one.two..three.four: x", &event), "{event}");
        assert!(!fires("one.two.three.four: x", &event), "{event}");
        assert!(!fires("one.two..three: x", &event), "{event}");
        let exact = "one.'two..three'.four: x";
        assert_eq!(fires(exact, &event), event == r#"{"one":{"two..three":{"four":"x"}}}"#, "{event}");
    }
}
