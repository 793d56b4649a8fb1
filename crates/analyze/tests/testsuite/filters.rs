//! Sigma filters: exceptions shared by several rules.

use countersign_analyze::{Gate, Pack, Sources};
use countersign_query::Entry;
use countersign_query::value::Document;

const RULES: &str = "
title: Read
id: read
name: read_rule
level: low
logsource: {product: vault, service: audit}
detection:
  s: {action: secret.read}
  _filter_1: {action: other}
  condition: s and not _filter_1
---
title: Write
id: write
level: low
logsource: {product: vault}
detection: {s: {action: secret.write}, condition: s}
---
title: Delete
id: delete
level: low
detection: {s: {action: secret.delete}, condition: s}
---
title: Many
id: many
level: high
correlation: {type: event_count, rules: [write], timespan: 1h, condition: {gte: 9}, generate: true}
";

fn filter(rules: &str, more: &str) -> String {
    format!(
        "title: Backups\nid: f1\ndescription: Backups read secrets.\n{more}filter:\n  rules: {rules}\n  selection: {{who|startswith: backup-}}\n  weekend: {{day: [sat, sun]}}\n  condition: not (selection or weekend)\n"
    )
}

fn build(texts: &[&str]) -> Result<Pack, Vec<(&'static str, u64, String)>> {
    let mut sources = Sources::default();
    for (nth, text) in texts.iter().enumerate() {
        sources.add(&format!("{nth}.yml"), text);
    }
    let errors = |errors: Vec<countersign_analyze::AnalyzeError>| {
        errors
            .into_iter()
            .map(|error| (error.code, error.line.unwrap_or_default(), error.file.clone().unwrap_or_default()))
            .collect()
    };
    sources.build("example").map_err(errors)
}

/// Returns the rules that fire on an event.
fn fire(pack: &Pack, event: &str) -> Vec<String> {
    let document = Document::parse(event).unwrap();
    let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
    let entry = Entry { event: Some(document.root()), ..Entry::recorded(recorded) };
    pack.detect(1, &entry).rules().map(|rule| pack.rules()[rule].id.clone()).collect()
}

#[test]
fn filters_add_exceptions_to_the_rules_they_name() {
    for (rules, more, filtered) in [
        ("[read, write]", "", &["read", "write"][..]),
        ("[read_rule]", "", &["read"]),
        ("write", "", &["write"]),
        ("any", "", &["read", "write", "delete"]),
        ("any", "sigma-version: 3\n", &["read", "write", "delete"]),
        ("any", "logsource: {product: vault}\n", &["read", "write"]),
        ("any", "logsource: {product: vault, service: audit}\n", &["read"]),
        ("[write]", "logsource: {product: vault}\n", &["write"]),
    ] {
        let text = filter(rules, more);
        // The order of files makes no difference.
        for texts in [[RULES, &*text], [&*text, RULES]] {
            let pack = build(&texts).unwrap_or_else(|errors| panic!("{errors:?}"));
            let again = Pack::parse(pack.as_json()).unwrap();
            assert_eq!((again.hash(), pack.rules().len()), (pack.hash(), 4));
            for id in ["read", "write", "delete"] {
                for (event, excepted) in [
                    (format!(r#"{{"action":"secret.{id}","who":"kim"}}"#), false),
                    (format!(r#"{{"action":"secret.{id}","who":"backup-7"}}"#), true),
                    (format!(r#"{{"action":"secret.{id}","who":"kim","day":"sun"}}"#), true),
                    (format!(r#"{{"action":"secret.{id}","who":"kim","day":"mon"}}"#), false),
                ] {
                    let expected: &[&str] = if excepted && filtered.contains(&id) { &[] } else { &[id] };
                    for pack in [&pack, &again] {
                        assert_eq!(fire(pack, &event), expected, "{rules} {more} {event}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_hash_of_a_pack_covers_its_filters() {
    let plain = build(&[RULES]).unwrap();
    let filtered = build(&[RULES, &filter("[read]", "")]).unwrap();
    let other = build(&[RULES, &filter("[read]", "").replace("backup-", "nightly-")]).unwrap();
    assert_ne!(plain.hash(), filtered.hash());
    assert_ne!(filtered.hash(), other.hash());
}

#[test]
fn several_filters_apply_together_and_in_gates() {
    let rule = "title: T\nid: t\nlevel: low\ncountersign.decision: deny\ndetection: {s: {action: secret.read}, condition: s}\n";
    let first = filter("[t]", "");
    let second =
        "title: Tests\nfilter:\n  rules: [t]\n  selection: {env: test}\n  condition: not selection\n";
    let pack = build(&[rule, &first, second]).unwrap();
    let gate = Gate::parse(pack.as_json()).unwrap();
    let now = "2026-11-20T06:00:00.000Z".parse().unwrap();
    for (event, fires) in [
        (r#"{"action":"secret.read","who":"kim"}"#, true),
        (r#"{"action":"secret.read","who":"backup-7"}"#, false),
        (r#"{"action":"secret.read","who":"kim","env":"test"}"#, false),
        (r#"{"action":"secret.read","who":"kim","env":"prod"}"#, true),
    ] {
        assert_eq!(!fire(&pack, event).is_empty(), fires, "{event}");
        assert_eq!(gate.decide(event, now).unwrap().is_some(), fires, "{event}");
    }
}

#[test]
fn invalid_filters_are_rejected_with_their_line() {
    let of = |body: &str| format!("title: F\nfilter:\n{body}");
    for (text, code, line) in [
        (filter("[nobody]", ""), "rule.reference", 5),
        (filter("[many]", ""), "rule.reference", 5),
        (filter("[read, read_rule]", ""), "rule.reference", 5),
        (filter("[]", ""), "rule.reference", 5),
        (filter("[1]", ""), "rule.reference", 5),
        (filter("[write]", "logsource: {product: vault, service: audit}\n"), "rule.reference", 6),
        (filter("any", "logsource: {product: other}\n"), "rule.reference", 6),
        (filter("[read]", "level: low\n"), "rule.unknown_key", 4),
        (filter("[read]", "sigma-version: 3\n").replace("{day:", "{'d[any].day':"), "rule.version", 6),
        (filter("any", "sigma-version: 3\n").replace("{day:", "{'d[0].day':"), "rule.version", 6),
        (filter("[read]", "").replace("{day:", "{'d[any].day':"), "rule.field", 7),
        (filter("[read]", "").replace("title: Backups\n", ""), "rule.missing", 1),
        (of("  selection: {a: x}\n  condition: not selection\n"), "rule.missing", 3),
        (of("  rules: [read]\n  selection: {a: x}\n"), "rule.missing", 3),
        (of("  rules: [read]\n  selection: {a: x}\n  condition: not other\n"), "rule.condition", 5),
        // The example in Sigma's specification means its opposite if conditions are joined by `and`.
        (of("  rules: [read]\n  selection: {a: x}\n  condition: selection\n"), "rule.condition", 5),
        (
            of("  rules: [read]\n  selection: {a: x}\n  condition: [not selection, selection]\n"),
            "rule.condition",
            5,
        ),
        (of("  rules: [read]\n  selection: {a|expand: x}\n  condition: not selection\n"), "rule.modifier", 4),
        (
            of("  rules: [read]\n  selection: {baseline.new: address}\n  condition: not selection\n"),
            "rule.baseline",
            3,
        ),
        ("title: F\nfilter: [read]\n".into(), "rule.shape", 1),
    ] {
        assert_eq!(build(&[RULES, &text]).unwrap_err(), [(code, line, "1.yml".into())], "{text}");
    }
}
