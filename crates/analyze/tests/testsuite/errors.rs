//! Errors in rules and packs: each has a code, the file, the line, the rule, and a hint.

use countersign_analyze::{Pack, Sources};

const RULE: &str =
    "title: T\nid: i\nlevel: low\ndetection:\n  selection:\n    a: x\n  condition: selection\n";

/// Returns the codes and lines of the errors in a text.
fn errors(text: &str) -> Vec<(&'static str, u64)> {
    let mut sources = Sources::default();
    sources.add("rules.yml", text);
    let errors = sources.build("test").expect_err(text);
    for error in &errors {
        assert!(!error.message.is_empty() && !error.hint().is_empty(), "{error}");
    }
    errors.into_iter().map(|error| (error.code, error.line.unwrap_or_default())).collect()
}

#[test]
fn unsupported_parts_of_sigma_get_a_hint_with_an_alternative() {
    for (key, alternative) in
        [("filter: {rules: [i]}", "separate document"), ("action: global", "into each rule")]
    {
        let mut sources = Sources::default();
        sources.add("rules.yml", &format!("{RULE}{key}\n"));
        let errors = sources.build("test").unwrap_err();
        assert!(errors[0].hint().contains(alternative), "{}", errors[0]);
    }
}

#[test]
fn references_by_title_get_a_hint() {
    let mut sources = Sources::default();
    let body = "  type: event_count\n  rules: [T]\n  timespan: 5m\n  condition: {gte: 1}\n";
    sources.add("rules.yml", &correlation(body));
    let errors = sources.build("test").unwrap_err();
    assert_eq!(errors[0].code, "rule.reference");
    assert!(errors[0].hint().contains("title"), "{}", errors[0]);
}

fn detection(body: &str) -> String {
    format!("title: T\nid: i\nlevel: low\ndetection:\n{body}")
}

fn correlation(body: &str) -> String {
    format!("{RULE}---\ntitle: C\nid: c\nlevel: low\ncorrelation:\n{body}")
}

#[test]
fn invalid_rules_are_rejected_with_their_line() {
    let selection = |line: &str| detection(&format!("  selection:\n    {line}\n  condition: selection\n"));
    let condition = |text: &str| detection(&format!("  s1: {{a: x}}\n  s2: {{a: y}}\n  condition: {text}\n"));
    let mut wrong = Vec::new();
    for (text, code, line) in [
        ("title: T\nid: i\nlevels: low\n".to_owned() + &RULE[21..], "rule.unknown_key", 3),
        (
            "id: i\nlevel: low\ndetection: {selection: {a: x}, condition: selection}\n".into(),
            "rule.missing",
            1,
        ),
        (
            "title: T\nlevel: low\ndetection: {selection: {a: x}, condition: selection}\n".into(),
            "rule.missing",
            1,
        ),
        ("title: T\nid: i\nlevel: low\n".into(), "rule.missing", 1),
        (
            "title: T\nid: i\nlevel: bad\ndetection: {selection: {a: x}, condition: selection}\n".into(),
            "rule.level",
            3,
        ),
        (
            "title: [T]\nid: i\nlevel: low\ndetection: {selection: {a: x}, condition: selection}\n".into(),
            "rule.shape",
            1,
        ),
        ("- 7\n".into(), "rule.shape", 1),
        (format!("{RULE}countersign.decision: block\n"), "rule.decision", 8),
        (format!("{RULE}countersign.decision: [deny]\n"), "rule.decision", 8),
        (
            format!("{}countersign.decision: deny\n", RULE.replace("a: x", "link.signer|re: x")),
            "rule.decision",
            6,
        ),
        (format!("{RULE}---\n{RULE}"), "rule.duplicate_id", 10),
        ("a: 1\na: 2\n".into(), "rule.duplicate_key", 2),
        ("title: &t T\nid: *t\n".into(), "rule.alias", 2),
        ("title: !!str T\n".into(), "rule.tag", 1),
        ("title: [\n".into(), "rule.yaml", 2),
        (selection("a|base64offset: x"), "rule.modifier", 6),
        (selection("a|neq|exists: true"), "rule.modifier", 6),
        (selection("a|neq|gt: 1"), "rule.modifier", 6),
        (selection("a|neq|all: [x, y]"), "rule.modifier", 6),
        (selection("a|neq|neq: x"), "rule.modifier", 6),
        (selection("'|neq': x"), "rule.modifier", 6),
        (selection("a|wide|base64: x"), "rule.modifier", 6),
        (selection("a|windash: x"), "rule.modifier", 6),
        (selection("a|hour: 3"), "rule.modifier", 6),
        (selection("a|expand: x"), "rule.modifier", 6),
        (selection("a|contains|startswith: x"), "rule.modifier", 6),
        (selection("a|i: x"), "rule.modifier", 6),
        (selection("a|re|cidr: x"), "rule.modifier", 6),
        (selection("a|all|all: x"), "rule.modifier", 6),
        (selection("a|re: '('"), "rule.value", 6),
        (selection("a|re: '(?=x)'"), "rule.value", 6),
        (selection("a|cidr: 10.0.0.0"), "rule.value", 6),
        (selection("a|gt: x"), "rule.value", 6),
        (selection("a|gt: -0x10"), "rule.value", 6),
        (selection("a|gt: 0x+10"), "rule.value", 6),
        (selection("a|gt: 010"), "rule.number", 6),
        (selection("a|exists: x"), "rule.value", 6),
        (selection("a: {b: c}"), "rule.value", 6),
        (selection("a: []"), "rule.empty", 6),
        (selection("parsed.nobody: x"), "rule.field", 6),
        (selection("derived.hour: x"), "rule.field", 6),
        (detection("  selection: {}\n  condition: selection\n"), "rule.empty", 5),
        (detection("  selection: {a: x}\n"), "rule.missing", 5),
        (detection("  selection: {a: x}\n  timeframe: 5m\n  condition: selection\n"), "rule.condition", 6),
        (condition("s1 and"), "rule.condition", 7),
        (condition("s1 s2"), "rule.condition", 7),
        (condition("(s1"), "rule.condition", 7),
        (condition("s3"), "rule.condition", 7),
        (condition("1 of x*"), "rule.condition", 7),
        (condition("3 of s*"), "rule.condition", 7),
        (condition("s1 | count() > 5"), "rule.condition", 7),
        (condition(&"not ".repeat(100)), "rule.condition", 7),
        (correlation("  type: event_count\n  rules: [i]\n  timespan: 5m\n"), "rule.missing", 13),
        (correlation("  type: percentile\n  rules: [i]\n  timespan: 5m\n"), "rule.correlation", 13),
        (
            correlation("  type: event_count\n  rules: [nobody]\n  timespan: 5m\n  condition: {gte: 1}\n"),
            "rule.reference",
            14,
        ),
        (
            correlation("  type: event_count\n  rules: [c]\n  timespan: 5m\n  condition: {gte: 1}\n"),
            "rule.circle",
            13,
        ),
        (
            correlation("  type: event_count\n  rules: [i]\n  timespan: 5y\n  condition: {gte: 1}\n"),
            "rule.timespan",
            15,
        ),
        (
            correlation(
                "  type: event_count\n  rules: [i]\n  groupby: [a]\n  timespan: 5m\n  condition: {gte: 1}\n",
            ),
            "rule.unknown_key",
            15,
        ),
        (
            correlation("  type: value_count\n  rules: [i]\n  timespan: 5m\n  condition: {gte: 1}\n"),
            "rule.missing",
            13,
        ),
        (
            correlation("  type: event_count\n  rules: [i]\n  timespan: 5m\n  condition: {least: 1}\n"),
            "rule.unknown_key",
            16,
        ),
        (
            correlation("  type: temporal\n  rules: [i]\n  timespan: 5m\n  condition: {gte: 2}\n"),
            "rule.correlation",
            16,
        ),
        (
            correlation("  type: event_count\n  rules: [i]\n  timespan: 5m\n  condition: {gte: 4097}\n"),
            "rule.correlation",
            16,
        ),
        (
            correlation(
                "  type: value_count\n  rules: [i]\n  timespan: 5m\n  condition: {field: a, gt: 4096}\n",
            ),
            "rule.correlation",
            16,
        ),
        (
            correlation(
                "  type: value_count\n  rules: [i]\n  timespan: 5m\n  condition: {field: [], gte: 1}\n",
            ),
            "rule.correlation",
            16,
        ),
        (
            correlation(
                "  type: value_count\n  rules: [i]\n  timespan: 5m\n  condition: {field: [a, 1], gte: 1}\n",
            ),
            "rule.correlation",
            16,
        ),
        (
            correlation(
                "  type: value_count\n  rules: [i]\n  timespan: 5m\n  condition: {field: [a, a], gte: 1}\n",
            ),
            "rule.correlation",
            16,
        ),
        (
            correlation(
                "  type: value_count\n  rules: [i]\n  timespan: 5m\n  condition: {field: {a: b}, gte: 1}\n",
            ),
            "rule.correlation",
            16,
        ),
        (
            correlation(
                "  type: value_sum\n  rules: [i]\n  timespan: 5m\n  condition: {field: [a, b], gte: 1}\n",
            ),
            "rule.correlation",
            16,
        ),
        (
            correlation(
                "  type: value_avg\n  rules: [i]\n  timespan: 5m\n  condition: {field: [a, b], gte: 1}\n",
            ),
            "rule.correlation",
            16,
        ),
        (
            correlation("  type: temporal_ordered\n  rules: [i]\n  timespan: 5m\n  condition: i and not i\n"),
            "rule.correlation",
            16,
        ),
        (
            correlation("  type: temporal\n  rules: [i]\n  timespan: 5m\n  condition: i and not other\n"),
            "rule.condition",
            16,
        ),
        (
            correlation(
                "  type: value_percentile\n  rules: [i]\n  timespan: 5m\n  condition: {field: a, gte: 1}\n",
            ),
            "rule.missing",
            13,
        ),
        (
            correlation(
                "  type: value_percentile\n  rules: [i]\n  timespan: 5m\n  condition: {field: a, percentile: 101, gte: 1}\n",
            ),
            "rule.correlation",
            16,
        ),
        (
            correlation(
                "  type: value_median\n  rules: [i]\n  timespan: 5m\n  condition: {field: a, percentile: 5, gte: 1}\n",
            ),
            "rule.correlation",
            16,
        ),
        (
            correlation("  type: temporal\n  rules: [i]\n  timespan: 5m\n  aliases: [a]\n"),
            "rule.correlation",
            16,
        ),
        (
            correlation(
                "  type: temporal\n  rules: [i]\n  timespan: 5m\n  group-by: [usr]\n  aliases:\n    user: {i: a}\n",
            ),
            "rule.correlation",
            18,
        ),
        (format!("timezone: Europe/Berlin\n---\n{RULE}"), "pack.timezone", 1),
        (format!("habits: often\n---\n{RULE}"), "pack.habits", 1),
        (format!("time: now\n---\n{RULE}"), "pack.time", 1),
        (format!("color: red\n---\n{RULE}"), "rule.unknown_key", 1),
        (format!("name: 1\n---\n{RULE}"), "pack.shape", 1),
        (format!("time: happened\n---\ntime: recorded\n---\n{RULE}"), "pack.duplicate_key", 3),
        (format!("countersign: rules/v2\n---\n{RULE}"), "pack.format", 1),
        ("name: empty\n".into(), "pack.empty", 0),
    ] {
        let found = errors(&text);
        if found != [(code, line)] {
            wrong.push(format!("{text}{found:?}, not {code} {line}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(errors(&("- ".repeat(100) + "x"))[0].0, "rule.deep");
}

#[test]
fn number_of_fields_is_limited() {
    let rules = |fields: usize| {
        // The fields are in no particular order, and their names differ only in the middle, which a hash of
        // a part could miss.
        let field = |nth: usize| format!("    'same{:04}same': x\n", nth * 7919 % 4099);
        let fields: Vec<String> = (0..fields).map(field).collect();
        format!("title: T\nid: i\nlevel: low\ndetection:\n  condition: s\n  s:\n{}", fields.concat())
    };
    assert_eq!(errors(&rules(4097)), [("pack.fields", 4103)]);
    let mut sources = Sources::default();
    sources.add("rules.yml", &rules(4096));
    let pack = sources.build("test").expect("there is room for so many");
    assert_eq!(Pack::parse(pack.as_json()).expect("it was built").hash(), pack.hash());
}

#[test]
fn number_of_named_selections_is_limited() {
    let rule = |selections: usize, conditions: &str| {
        let selections: Vec<String> =
            (0..selections).map(|nth| format!("  s{nth}: {{a: x{nth}}}\n")).collect();
        detection(&format!("{}  condition: {conditions}\n", selections.concat()))
    };
    let list = |length: usize| format!("[{}]", vec!["1 of them"; length].join(", "));
    let is_refused = |text: &str| {
        let mut sources = Sources::default();
        sources.add("rules.yml", text);
        sources.build("test").is_err()
    };
    assert!(!is_refused(&rule(256, &list(256))));
    for conditions in [list(257), vec!["all of them"; 257].join(" or ")] {
        assert_eq!(errors(&rule(256, &conditions)), [("rule.condition", 261)]);
    }
    assert_eq!(errors(&rule(1, &vec!["s0"; 65_537].join(" or "))), [("rule.condition", 6)]);
}

#[test]
fn files_of_other_programs_get_one_error_each() {
    let mut sources = Sources::default();
    sources.add("rules.yml", RULE);
    sources.add("compose.yml", "services: {}\nvolumes: {}\n");
    sources.add("zone.yml", "timezone: Mars\n");
    let errors = sources.build("test").unwrap_err();
    let reported: Vec<_> = errors
        .iter()
        .map(|error| (error.file.as_deref().unwrap_or_default(), error.line.unwrap_or_default(), error.code))
        .collect();
    assert_eq!(reported, [("compose.yml", 1, "rule.unknown_key"), ("zone.yml", 1, "pack.timezone")]);
    assert!(errors[0].hint().contains("detection"), "{}", errors[0]);
}

#[test]
fn all_errors_are_reported_at_once() {
    let text = "title: A\nid: a\n---\ntitle: B\nid: b\nlevel: no\n";
    assert_eq!(errors(text), [("rule.missing", 1), ("rule.level", 6)]);
}

#[test]
fn invalid_packs_are_rejected() {
    for (text, code) in
        [("", "pack.json"), ("[]", "pack.shape"), ("{}", "pack.empty"), (r#"{"rules":[1]}"#, "rule.shape")]
    {
        let errors = Pack::parse(text).expect_err(text);
        assert_eq!(errors[0].code, code, "{text}");
    }
}

#[test]
fn references_to_rejected_rules_are_not_reported() {
    let body = "  type: event_count\n  rules: [i]\n  timespan: 5m\n  condition: {gte: 1}\n";
    assert_eq!(
        errors(&correlation(body).replace("level: low\ndetection", "level: lo\ndetection")),
        [("rule.level", 3)]
    );
}
