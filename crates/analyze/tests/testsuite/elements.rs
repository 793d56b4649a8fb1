//! Conditions on single elements of an array.

use countersign_analyze::{Analyzer, Pack, Sources};
use countersign_query::Entry;
use countersign_query::value::Document;

fn rule(selection: &str) -> String {
    format!(
        "title: t\nid: t\nsigma-version: 3\nlevel: low\ndetection:\n  selection:\n{selection}\n  condition: selection\n"
    )
}

fn build(rule: &str) -> Result<Pack, (&'static str, u64, String)> {
    let mut sources = Sources::default();
    sources.add("t.yml", rule);
    sources.build("example").map_err(|errors| {
        let error = &errors[0];
        assert_eq!(errors.len(), 1, "{error}");
        (error.code, error.line.unwrap_or_default(), error.hint().to_owned())
    })
}

/// True if a rule with this selection fires on an event.
fn fires(selection: &str, event: &str) -> bool {
    let pack = build(&rule(selection)).unwrap_or_else(|error| panic!("{selection}: {error:?}"));
    let document = Document::parse(event).unwrap();
    let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
    let entry = Entry { event: Some(document.root()), ..Entry::recorded(recorded) };
    let whole = pack.detect(1, &entry).rules().next().is_some();
    // The pack as built, and as parsed again.
    let again = Pack::parse(pack.as_json()).unwrap();
    assert_eq!(again.detect(1, &entry).rules().next().is_some(), whole);
    whole
}

/// Two changes in one request: one of a public bucket's size, and one of a private bucket's policy.
const CHANGES: &str = r#"{"changes":[
    {"what":"size","bucket":{"name":"a","visibility":"public"},"tags":["x","y"]},
    {"what":"policy","bucket":{"name":"b","visibility":"private"},"tags":["y"],
     "params":[{"key":"role","value":"reader"},{"key":"member","value":"ext@example.org"}]}
]}"#;

#[test]
fn conditions_in_brackets_hold_for_one_element() {
    for (selection, holds) in [
        // Without brackets, each condition may hold for another element.
        ("    changes.what: policy\n    changes.bucket.visibility: public", true),
        ("    changes[any]:\n      what: policy\n      bucket.visibility: public", false),
        ("    changes[any]:\n      what: size\n      bucket.visibility: public", true),
        ("    changes[any]:\n      what: policy\n      bucket.visibility: [public, private]", true),
        // Each key with brackets looks for an element on its own.
        ("    changes[any].what: policy\n    changes[any].bucket.visibility: public", true),
        ("    changes[all]:\n      what|startswith: ''", true),
        ("    changes[all]:\n      what: size", false),
        ("    changes[all].bucket.name: [a, b]", true),
        ("    changes[all].bucket.name: [a, c]", false),
        ("    changes[none]:\n      what: policy\n      bucket.visibility: public", true),
        ("    changes[none]:\n      what: policy\n      bucket.visibility: private", false),
        // Arrays within elements.
        (
            "    changes[any]:\n      what: policy\n      params[any]:\n        key: member\n        value|endswith: '@example.org'",
            true,
        ),
        (
            "    changes[any]:\n      what: policy\n      params[any]:\n        key: role\n        value|endswith: '@example.org'",
            false,
        ),
        ("    changes[any]:\n      what: size\n      params[any]:\n        key: member", false),
        ("    changes[any].params[any]:\n      key: role\n      value: reader", true),
        ("    changes.params[any]:\n      key: role\n      value: reader", true),
        ("    changes[any]:\n      what: size\n      tags[all]: [x, y]", true),
        ("    changes[any]:\n      what: size\n      tags[all]: y", false),
        ("    changes[all].tags[any]: y", true),
        // A list of maps requires one of them.
        ("    changes[any]:\n      - what: none\n      - what: size\n        bucket.name: a", true),
        ("    changes[any]:\n      - what: none\n      - what: size\n        bucket.name: b", false),
        // A separate condition.
        (
            "    changes[any]:\n      condition: private and not policy\n      private: {bucket.visibility: private}\n      policy: {what: policy}",
            false,
        ),
        (
            "    changes[any]:\n      condition: public and not policy\n      public: {bucket.visibility: public}\n      policy: {what: policy}",
            true,
        ),
        (
            "    changes[any]:\n      condition: 2 of s*\n      s1: {what: size}\n      s2: {bucket.name: b}\n      s3: {tags: x}",
            true,
        ),
        // Elements by index.
        ("    changes[0].what: size", true),
        ("    changes[1].what: size", false),
        ("    changes[-1].what: policy", true),
        ("    changes[2].what|exists: true", false),
        ("    changes[-3].what|exists: true", false),
        ("    changes[0].what: size\n    changes[0].bucket.visibility: private", false),
        ("    changes[1].params[any]:\n      key: member\n      value|contains: ext", true),
        ("    changes[any].tags[1]: y", true),
        ("    changes[any].tags[1]: x", false),
    ] {
        assert_eq!(fires(selection, CHANGES), holds, "{selection}");
    }
}

#[test]
fn quantifiers_differ_in_arrays_without_elements() {
    for (event, any, all, all_or_empty, none) in [
        (r#"{"a":["x","x"]}"#, true, true, true, false),
        (r#"{"a":["x","y"]}"#, true, false, false, false),
        (r#"{"a":["y"]}"#, false, false, false, true),
        (r#"{"a":"x"}"#, true, true, true, false),
        (r#"{"a":"y"}"#, false, false, false, true),
        (r#"{"a":[]}"#, false, false, true, true),
        (r#"{"a":null}"#, false, false, true, true),
        (r#"{"b":1}"#, false, false, true, true),
        (r#"{"a":[null]}"#, false, false, false, true),
        (r#"{"a":[["x"],["x","x"]]}"#, true, true, true, false),
    ] {
        for (word, holds) in [("any", any), ("all", all), ("all_or_empty", all_or_empty), ("none", none)] {
            assert_eq!(fires(&format!("    a[{word}]: x"), event), holds, "{word} of {event}");
            assert_eq!(fires(&format!("    a[{word}]:\n      .: x"), event), holds, "{word} of {event}");
        }
    }
}

#[test]
fn elements_can_be_values_or_objects() {
    for (selection, event, holds) in [
        ("    codes[any]:\n      .|gte: 500\n      .|lt: 504", r#"{"codes":[200,503]}"#, true),
        ("    codes[any]:\n      .|gte: 500\n      .|lt: 504", r#"{"codes":[200,504]}"#, false),
        ("    codes[any]|gte: 500", r#"{"codes":[200,504]}"#, true),
        ("    codes[any]:\n      .: null", r#"{"codes":[1,null]}"#, true),
        ("    codes[any]:\n      .: null", r#"{"codes":[1]}"#, false),
        // Within an element, `parsed` and `link` are ordinary names.
        ("    a[any]:\n      parsed.action: x", r#"{"a":[{"parsed":{"action":"x"}}]}"#, true),
        ("    a[any]:\n      baseline.new: x", r#"{"a":[{"baseline.new":"x"}]}"#, true),
        ("    a[any]:\n      b|exists: false", r#"{"a":[{"b":1},{}]}"#, true),
        ("    a[any]:\n      b|exists: false", r#"{"a":[{"b":1}]}"#, false),
        // Names that contain brackets.
        ("    args\\[0\\]: x", r#"{"args[0]":"x"}"#, true),
        ("    args\\[0\\]: x", r#"{"args":["x"]}"#, false),
        ("    args[0]: x", r#"{"args":["x"]}"#, true),
        ("    args[0]: x", r#"{"args[0]":"x"}"#, false),
        ("    args[0]: x", r#"{"args":"x"}"#, false),
        ("    \"'args[0]'\": x", r#"{"args[0]":"x"}"#, true),
        ("    args[1][0]: x", r#"{"args":[["y"],["x"]]}"#, true),
        ("    args[0][0]: x", r#"{"args":[["y"],["x"]]}"#, false),
        ("    args[0]: x", r#"{"args":[["y"],["x"]]}"#, false),
        ("    a.b[any].c: x", r#"{"a.b":[{"c":"x"}]}"#, true),
    ] {
        assert_eq!(fires(selection, event), holds, "{selection} on {event}");
    }
    // Without a version, brackets are part of names.
    let literal = rule("    args[0]: x").replace("sigma-version: 3\n", "");
    let pack = build(&literal).unwrap();
    for (event, holds) in [(r#"{"args[0]":"x"}"#, true), (r#"{"args":["x"]}"#, false)] {
        let document = Document::parse(event).unwrap();
        let entry = Entry {
            event: Some(document.root()),
            ..Entry::recorded("2026-11-20T06:00:00.000Z".parse().unwrap())
        };
        assert_eq!(pack.detect(1, &entry).rules().next().is_some(), holds, "{event}");
    }
}

#[test]
fn reasons_name_fields_of_the_element() {
    let selection = "    changes[any]:\n      what: policy\n      params[any]:\n        key: member\n        value|contains: ext\n    changes[none].what: delete";
    let pack = build(&rule(selection)).unwrap();
    let document = Document::parse(CHANGES).unwrap();
    let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
    let mut analyzer = Analyzer::new(&pack);
    let entry = Entry { event: Some(document.root()), ..Entry::recorded(recorded) };
    analyzer.accept(pack.detect(1, &entry)).unwrap();
    let findings = analyzer.finish().findings;
    let reasons: Vec<_> =
        findings[0].reasons.iter().map(|reason| (reason.field.as_deref().unwrap(), &*reason.value)).collect();
    assert_eq!(
        reasons,
        [
            ("changes.params.key", "member"),
            ("changes.params.value", "ext@example.org"),
            ("changes.what", "policy")
        ]
    );
}

#[test]
fn malformed_selectors_are_rejected_with_their_line() {
    for (selection, code, line, hint) in [
        ("    a[some]:\n      b: x", "rule.field", 7, "any, all"),
        ("    a[any:\n      b: x", "rule.field", 7, "any, all"),
        ("    '[any]':\n      b: x", "rule.field", 7, "after a name"),
        ("    a[any][0]: x", "rule.field", 7, "after a name"),
        ("    a[any]: {}", "rule.empty", 7, ""),
        ("    a[any]: []", "rule.empty", 7, ""),
        ("    a[any]|contains:\n      b: x", "rule.modifier", 7, "the names in the map"),
        ("    a[any].b:\n      c: x", "rule.value", 8, "a string"),
        ("    a[any]:\n      condition: s", "rule.condition", 8, "use one of"),
        ("    a[any]:\n      condition: s and t\n      s: {b: x}", "rule.condition", 8, "use one of: s"),
        ("    a[any]:\n      b|fieldref: c", "rule.modifier", 8, "outside"),
        ("    a[any]:\n      condition: k\n      k: [x, y]", "rule.shape", 9, "`.:`"),
        ("    a[any]:\n      '|contains': x", "rule.shape", 8, "`.:`"),
        ("    a[any]|fieldref: c", "rule.modifier", 7, "outside"),
        ("    a[any].b[any].c[any].d[any].e[any].f[any].g[any].h[any].i[any]: x", "rule.deep", 7, "fewer"),
    ] {
        let (found, at, said) = build(&rule(selection)).unwrap_err();
        assert_eq!((found, at), (code, line), "{selection}");
        assert!(said.contains(hint), "{selection}: {said}");
    }
    let unversioned = rule("    a[any]:\n      b: x").replace("sigma-version: 3\n", "");
    let (code, line, hint) = build(&unversioned).unwrap_err();
    assert_eq!((code, line), ("rule.field", 6), "{hint}");
    assert!(hint.contains("sigma-version: 3"), "{hint}");
    for version in ["4", "x", "[3]", "'30'"] {
        let other = rule("    a: x").replace("sigma-version: 3", &format!("sigma-version: {version}"));
        assert_eq!(build(&other).unwrap_err().0, "rule.version", "{version}");
    }
    for version in ["2", "2.1", "'2.1.0'", "3.0", "'3.1.0'"] {
        let other = rule("    a: x").replace("sigma-version: 3", &format!("sigma-version: {version}"));
        assert!(build(&other).is_ok(), "{version}");
    }
}
