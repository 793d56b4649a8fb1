//! Coverage: the events that rules could evaluate, and the gaps that make an empty result inconclusive.

use countersign_analyze::{Analysis, Analyzer, Coverage, Pack, Sources, cases};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};

use crate::rules::{files, is_cases, pack};

const CALL: &str = r#"{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"PutObject","awsRegion":"eu-west-1","eventTime":"2026-11-18T10:00:00Z","userIdentity":{"type":"IAMUser","userName":"ada"}}"#;
const PODS: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"1","stage":"ResponseComplete","verb":"create","sourceIPs":["192.0.2.7"],"user":{"username":"ada"},"objectRef":{"resource":"pods","name":"x"},"responseStatus":{"code":201},"requestReceivedTimestamp":"2026-11-18T10:00:00Z"}"#;
const OURS: &str = r#"{"action":"job.run","actor":{"id":"u_1"}}"#;

fn rules(rules: &[(&str, &str, &str)]) -> Pack {
    let mut sources = Sources::default();
    for (id, logsource, detection) in rules {
        let rule = format!(
            "title: Rule {id}\nid: {id}\nlogsource: {logsource}\ndetection:\n  s: {detection}\n  condition: s\n"
        );
        sources.add("r.yml", &rule);
    }
    sources.build("test").unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn analyze<'e>(pack: &Pack, events: impl IntoIterator<Item = &'e str>) -> Analysis {
    let parsers = Parsers::built_in();
    let mut analyzer = Analyzer::new(pack);
    for (leaf, event) in (0..).zip(events) {
        let document = Document::parse(event).unwrap();
        let recorded = "2026-11-18T10:00:00.000Z".parse().unwrap();
        let entry = Entry { event: Some(document.root()), ..Entry::recorded(recorded) };
        analyzer.accept(pack.detect_by(leaf, &parsers, &entry)).unwrap();
    }
    analyzer.finish()
}

fn coverage<'e>(pack: &Pack, events: impl IntoIterator<Item = &'e str>) -> Coverage {
    analyze(pack, events).coverage
}

/// The rules that could evaluate no event, with the fields that they need.
fn blind(coverage: &Coverage) -> Vec<(&str, &[String])> {
    coverage.blind.iter().map(|of| (of.rule.as_str(), of.fields.as_slice())).collect()
}

#[test]
fn a_rule_that_needs_a_field_which_no_event_has_is_named() {
    let pack = rules(&[
        ("seen", "{product: aws, service: cloudtrail}", "{eventName: DeleteTrail}"),
        ("blind", "{product: aws, service: cloudtrail}", "{aws.cloudtrail.event_name: DeleteTrail}"),
    ]);
    let found = coverage(&pack, [CALL]);
    assert_eq!(blind(&found), [("blind", &["aws.cloudtrail.event_name".to_owned()][..])]);
    assert!(!found.is_complete());
    assert_eq!(found.rules, [("seen".to_owned(), 1), ("blind".to_owned(), 0)]);
    assert_eq!((found.events, found.unparsed, found.uncovered(), found.applicable()), (1, 0, 0, 1));
}

#[test]
fn a_rule_whose_other_fields_match_needs_the_one_that_is_missing() {
    let rule = |verb: &str| format!("{{verb: {verb}, objectRef.resource: pods, hostPath: '*'}}");
    let (create, delete) = (rule("create"), rule("delete"));
    let pack = rules(&[
        ("create", "{product: kubernetes, service: audit}", &create),
        ("delete", "{product: kubernetes, service: audit}", &delete),
    ]);
    assert_eq!(blind(&coverage(&pack, [PODS])), [("create", &["hostPath".to_owned()][..])]);
    // Another event has the field, so the rule can be evaluated.
    let with = PODS.replacen("\"kind\"", "\"hostPath\":\"/\",\"kind\"", 1);
    assert_eq!(blind(&coverage(&pack, [PODS, &with])), []);
}

#[test]
fn a_rule_is_written_for_the_parser_that_its_logsource_names() {
    const LOGIN: &str = r#"{"EVENT_ID":1,"EVENT_TYPE":"LOGIN","EVENT_TIMESTAMP":"2026-11-28 02:36:00.000 Z","USER_NAME":"ADA","CLIENT_IP":"192.0.2.1","IS_SUCCESS":"NO","ERROR_CODE":390100}"#;
    for (logsource, is_written_for) in [
        ("{product: snowflake}", true),
        ("{product: Snow-Flake}", true),
        ("{product: cloud, service: snowflake}", true),
        ("{product: snow, service: flake}", true),
        ("{product: snow}", false),
        ("{category: database}", false),
        ("{product: '-'}", false),
    ] {
        let pack = rules(&[("r", logsource, "{IS_SUCCESS: 'NO'}")]);
        let found = coverage(&pack, [LOGIN]);
        let source = &found.sources[0];
        assert_eq!((&*source.parser, source.events), ("Snowflake", 1));
        assert_eq!(
            (source.rules, source.covered),
            if is_written_for { (1, 1) } else { (0, 0) },
            "{logsource}"
        );
        assert_eq!((found.is_complete(), found.applicable()), (is_written_for, 1), "{logsource}");
    }
}

#[test]
fn a_correlation_whose_hits_lack_its_fields_is_named() {
    let built = |correlation: &str| {
        let text = format!(
            "title: Base\nid: base\nlogsource: {{product: countersign}}\ndetection:\n  s: {{action: pay}}\n  \
             condition: s\n---\ntitle: Burst\nid: burst\ncorrelation:\n  type: {correlation}\n  rules: [base]\n"
        );
        let mut sources = Sources::default();
        sources.add("r.yml", &text);
        sources.build("test").unwrap_or_else(|faults| panic!("{faults:?}"))
    };
    let count = |by: &str| {
        built(&format!("event_count\n  group-by: [{by}]\n  timespan: 5m\n  condition: {{gte: 3}}"))
    };
    let paid = |who: &str| format!(r#"{{"action":"pay","who":{who},"occurred_at":"2026-11-18T10:00:00Z"}}"#);
    let pays = paid(r#"{"uid":"u_1"}"#);
    // A misspelled field, one that only other events have, and a fact that the parser doesn't find.
    for (by, field) in
        [("who.userid", "who.userid"), ("parsed.actor.id", "parsed.actor.id"), ("who.uid, x", "x")]
    {
        let found = analyze(&count(by), [&*pays, &pays, &pays, OURS]);
        assert_eq!(blind(&found.coverage), [("burst", &[field.to_owned()][..])], "{by}");
        assert_eq!((found.coverage.applicable(), found.findings.len()), (1, 0), "{by}");
        assert!(!found.coverage.is_complete(), "{by}");
    }
    let values =
        built("value_count\n  group-by: [who.uid]\n  timespan: 5m\n  condition: {field: ref, gte: 3}");
    assert_eq!(blind(&coverage(&values, [&*pays])), [("burst", &["ref".to_owned()][..])]);
    // With the right name, it can be evaluated, also if some events lack the field.
    let found = analyze(&count("who.uid"), [&*pays, &pays, &paid("{}"), &pays]);
    assert_eq!((blind(&found.coverage), found.findings.len()), (Vec::new(), 1));
    // No rule that it counts fired.
    assert_eq!(blind(&coverage(&count("who.userid"), [OURS])), []);
}

#[test]
fn a_missing_field_answers_an_exists_test() {
    let pack = rules(&[(
        "exists",
        "{product: kubernetes, service: audit}",
        "{verb: create, hostPath|exists: true, 'hostPath|contains': etc}",
    )]);
    let found = coverage(&pack, [PODS]);
    assert!(found.is_complete(), "{found:?}");
}

#[test]
fn events_without_a_parser_or_a_rule_for_their_source_are_not_covered() {
    let pack = rules(&[("aws", "{product: aws, service: cloudtrail}", "{eventName: DeleteTrail}")]);
    assert!(coverage(&pack, [CALL]).is_complete());
    let found = coverage(&pack, [CALL, PODS, r#"{"a":1}"#]);
    assert_eq!((found.events, found.unparsed, found.uncovered()), (3, 1, 1));
    let sources: Vec<_> =
        found.sources.iter().map(|of| (of.parser.as_str(), of.events, of.covered, of.rules)).collect();
    assert_eq!(sources, [("CloudTrail", 1, 1, 1), ("Kubernetes", 1, 0, 0)]);
    assert!(!found.is_complete() && blind(&found).is_empty());
}

#[test]
fn rules_for_other_sources_are_not_gaps() {
    let pack = rules(&[
        ("ours", "{product: countersign}", "{parsed.action: job.delete}"),
        ("windows", "{product: windows, category: process_creation}", "{CommandLine|contains: whoami}"),
        ("okta", "{product: okta, service: okta}", "{eventType: user.account.lock}"),
    ]);
    let found = coverage(&pack, [OURS]);
    assert!(found.is_complete(), "{found:?}");
    assert_eq!(found.applicable(), 1);
}

#[test]
fn events_of_the_product_itself_need_no_rule() {
    let pack = rules(&[("aws", "{product: aws, service: cloudtrail}", "{eventName: DeleteTrail}")]);
    let own = r#"{"action":"countersign.init","actor":{"id":"countersign init","type":"system"}}"#;
    let found = coverage(&pack, [CALL, own]);
    assert!(found.is_complete(), "{found:?}");
    assert_eq!((found.events, found.sources.len()), (2, 2));
    // Such an action doesn't hide an event of another source from the rules for that source.
    let hidden = format!(r#"{{"action":"countersign.init","detail":{CALL}}}"#);
    let found = coverage(&pack, [hidden.as_str()]);
    assert_eq!((found.sources[0].parser.as_str(), found.uncovered()), ("CloudTrail", 1));
}

#[test]
fn events_converted_by_elastic_are_not_covered_by_rules_for_the_original_source() {
    let event = r#"{"@timestamp":"2026-11-18T10:00:00Z","ecs":{"version":"8.11.0"},"event":{"action":"StopLogging","module":"aws","provider":"cloudtrail.amazonaws.com","outcome":"success"},"user":{"name":"ada"},"aws":{"cloudtrail":{"event_version":"1.08"}}}"#;
    let found = coverage(&pack(), [event]);
    assert!(!found.is_complete());
    let [source] = &found.sources[..] else { panic!("{found:?}") };
    assert_eq!((source.parser.as_str(), source.covered), ("ECS (CloudTrail)", 0));
    assert!(source.rules > 50, "{found:?}");
    // Rules written for this schema cover it.
    let own = rules(&[("ecs", "{product: ecs}", "{event.action: StopLogging}")]);
    assert!(coverage(&own, [event]).is_complete());
}

#[test]
fn a_correlation_applies_to_the_events_of_its_rules_each_once() {
    let event = |id: &str| {
        format!("title: {id}\nid: {id}\ndetection: {{s: {{parsed.action: job.*}}, condition: s}}\n---\n")
    };
    let correlation = |id: &str, rules: &str| {
        format!(
            "title: {id}\nid: {id}\nlevel: low\ncorrelation: {{type: event_count, rules: [{rules}], group-by: [actor.id], timespan: 1m, condition: {{gte: 9}}}}\n---\n"
        )
    };
    let mut sources = Sources::default();
    // A correlation may come before the rules that it builds on.
    sources.add(
        "r.yml",
        &[correlation("chained", "both"), correlation("both", "a, b"), event("a"), event("b")].concat(),
    );
    let pack = sources.build("test").unwrap_or_else(|faults| panic!("{faults:?}"));
    let found = coverage(&pack, [OURS, OURS, CALL]);
    assert_eq!(found.rules.iter().map(|(_, events)| *events).collect::<Vec<_>>(), [3, 3, 3, 3], "{found:?}");
}

#[test]
fn an_event_in_an_envelope_is_covered_like_the_plain_event() {
    let pack = pack();
    let plain = coverage(&pack, [CALL]);
    let enveloped =
        format!(r#"{{"detail-type":"AWS API Call via CloudTrail","detail":{CALL},"source":"aws.s3"}}"#);
    assert_eq!(coverage(&pack, [enveloped.as_str()]), plain);
}

#[test]
fn coverage_without_events_is_not_complete() {
    let pack = rules(&[("aws", "{product: aws, service: cloudtrail}", "{eventName: DeleteTrail}")]);
    assert_eq!(coverage(&pack, []).events, 0);
    let mut json = Vec::new();
    coverage(&pack, [CALL, OURS]).write_json(false, &mut json);
    let json = String::from_utf8(json).unwrap();
    assert_eq!(
        json,
        r#"{"applicable":1,"blind":[],"complete":false,"events":2,"rules":{"aws":1},"sources":[{"covered":1,"events":1,"parser":"CloudTrail","rules":1},{"covered":0,"events":1,"parser":"countersign","rules":0}],"unclear_times":null,"uncovered":1,"unparsed":0,"unread":[]}"#
    );
}

#[test]
fn coverage_is_exact_beyond_the_limit_of_shapes() {
    let detections: Vec<String> = (0..13).map(|nth| format!("{{f{nth}: x}}")).collect();
    let names: Vec<String> = (0..13).map(|nth| format!("r{nth}")).collect();
    let all: Vec<(&str, &str, &str)> = names
        .iter()
        .zip(&detections)
        .map(|(name, detection)| (name.as_str(), "{product: countersign}", detection.as_str()))
        .collect();
    let pack = rules(&all);
    // Each of the 8,192 combinations of fields is a separate shape.
    let events: Vec<String> = (0..1 << 13)
        .map(|bits: u32| {
            let fields: Vec<String> =
                (0..13).filter(|nth| bits >> nth & 1 == 1).map(|nth| format!(",\"f{nth}\":\"y\"")).collect();
            format!(r#"{{"action":"job.run","actor":{{"id":"u_1"}}{}}}"#, fields.concat())
        })
        .collect();
    let found = coverage(&pack, events.iter().map(String::as_str));
    assert_eq!((found.events, found.sources[0].covered), (1 << 13, (1 << 13) - 1));
    assert!(found.rules.iter().all(|(_, events)| *events == 1 << 12), "{:?}", found.rules);
}

/// Over the cases of all built-in rules, each rule has the fields that it needs.
#[test]
fn built_in_rules_only_need_fields_that_their_source_has() {
    let pack = pack();
    let files = files();
    let cases = files
        .iter()
        .filter(|(name, _)| is_cases(name))
        .flat_map(|(name, text)| cases::parse(name, text).unwrap());
    let cases: Vec<_> = cases.collect();
    let coverage = coverage(&pack, cases.iter().flat_map(|case| case.events().take(3)));
    assert_eq!(blind(&coverage), []);
}

/// Without a gate, and with results recorded as hashes, the calls of agents have all fields that rules need.
#[test]
fn built_in_rules_cover_what_adapters_for_agents_record_by_default() {
    let call = |more: &str, tool: &str| {
        format!(
            r#"{{"action":"tool.call","actor":{{"type":"agent","id":"bot"}}{more},"target":{{"type":"tool","id":"search","name":"search"}},"outcome":"success","metadata":{{"agent":{{"framework":"mcp"}},"tool":{{"call_id":"1","arguments":{{"q":"a"}},{tool}"duration_ms":4}}}}}}"#
        )
    };
    let person = r#","on_behalf_of":{"type":"user","id":"u_1"}"#;
    let events = [call("", r#""result_sha256":"9f","#), call(person, "")];
    let coverage = coverage(&pack(), events.iter().map(String::as_str));
    assert_eq!(blind(&coverage), []);
    assert_eq!(coverage.sources[0].covered, 2);
}

#[test]
fn a_time_that_its_parser_does_not_understand_is_a_gap() {
    let pack = rules(&[("ours", "{product: countersign}", "{action: job.run}")]);
    let ours =
        |time: &str| format!(r#"{{"action":"job.run","actor":{{"id":"u_1"}},"occurred_at":"{time}"}}"#);
    let events = [OURS, &ours("noon"), &ours("2026-11-18T09:00:00Z"), &ours(""), &ours("soon")];
    let found = coverage(&pack, events);
    assert_eq!((found.unclear_times, found.unparsed, found.is_complete()), (Some((2, 1)), 0, false));
    let found = coverage(&pack, [OURS, &ours("2026-11-18T09:00:00Z")]);
    assert_eq!((found.unclear_times, found.is_complete()), (None, true));
}

#[test]
fn findings_name_the_parties_of_their_event() {
    let pack = rules(&[("ours", "{product: countersign}", "{action: job.run}")]);
    let event = r#"{"action":"job.run","actor":{"id":"u_1","type":"user"},"target":{"type":"job","id":"42"},"context":{"ip":"198.51.100.7"}}"#;
    let found = analyze(&pack, [event]).findings.remove(0);
    let event = found.event.unwrap();
    let parts = [&event.actor, &event.action, &event.target, &event.address].map(|part| part.as_deref());
    assert_eq!(parts, [Some("u_1"), Some("job.run"), Some("job 42"), Some("198.51.100.7")]);
}

#[test]
fn an_event_that_lacks_a_promised_fact_is_a_gap() {
    let pack = rules(&[("aws", "{product: aws, service: cloudtrail}", "{eventName: DeleteTrail}")]);
    assert!(coverage(&pack, [CALL]).is_complete());
    let anonymous = CALL.replace("\"userIdentity\"", "\"identity\"");
    let found = coverage(&pack, [&*anonymous, CALL, &anonymous]);
    assert_eq!((found.unread(), found.unparsed, found.uncovered(), found.is_complete()), (2, 0, 0, false));
    let [unread] = &found.unread[..] else { panic!("{:?}", found.unread) };
    assert_eq!((unread.parser.as_str(), unread.events, unread.first), ("CloudTrail", 2, 0));
    assert_eq!(
        unread.sentence(),
        "2 events of CloudTrail have no actor, although the parser promises one; rules that use parsed facts may miss them"
    );
}
