//! Compares queries with a naive evaluator over `serde_json` values.

use countersign::time::Time;
use countersign_query::value::Document;
use countersign_query::{Entry, Query};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A condition, and its written form.
#[derive(Clone, Debug)]
enum Ask {
    Is(&'static [&'static str], Vec<&'static str>),
    More(&'static [&'static str], i32),
    Has(&'static [&'static str]),
    Changed(&'static str),
    Text(&'static str),
    Not(Box<Ask>),
    All(Vec<Ask>),
    Any(Vec<Ask>),
}

impl Ask {
    fn written(&self) -> String {
        let joined = |asks: &[Self], between: &str| {
            let parts: Vec<_> = asks.iter().map(Self::written).collect();
            format!("({})", parts.join(between))
        };
        match self {
            Self::Is(path, values) => format!("{}:{}", path.join("."), values.join(",")),
            Self::More(path, bound) => format!("{}>{bound}", path.join(".")),
            Self::Has(path) => format!("has:{}", path.join(".")),
            Self::Changed(name) => format!("changed:{name}"),
            Self::Text(text) => (*text).into(),
            Self::Not(ask) => format!("-{}", ask.written()),
            Self::All(asks) => joined(asks, " "),
            Self::Any(asks) => joined(asks, " OR "),
        }
    }

    fn holds(&self, event: &Value) -> bool {
        match self {
            Self::Is(path, values) => values_at(event, path)
                .iter()
                .filter_map(|value| text(value))
                .any(|text| values.iter().any(|pattern| glob(pattern, &text.to_lowercase()))),
            Self::More(path, bound) => values_at(event, path).iter().any(|value| {
                let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
                number.is_some_and(|number: f64| number > f64::from(*bound))
            }),
            Self::Has(path) => !values_at(event, path).is_empty() || is_there(event, path),
            Self::Changed(name) => event["before"].get(name) != event["after"].get(name),
            Self::Text(wanted) => leaves(event).iter().any(|text| text.to_lowercase().contains(wanted)),
            Self::Not(ask) => !ask.holds(event),
            Self::All(asks) => asks.iter().all(|ask| ask.holds(event)),
            Self::Any(asks) => asks.iter().any(|ask| ask.holds(event)),
        }
    }
}

/// Returns the values at a path, with arrays expanded.
fn values_at<'a>(value: &'a Value, path: &[&str]) -> Vec<&'a Value> {
    match (value, path) {
        (Value::Array(elements), _) => elements.iter().flat_map(|element| values_at(element, path)).collect(),
        (_, []) => vec![value],
        (Value::Object(members), [first, rest @ ..]) => {
            members.get(*first).map_or_else(Vec::new, |value| values_at(value, rest))
        }
        _ => Vec::new(),
    }
}

/// True if the path exists; an empty array counts.
fn is_there(value: &Value, path: &[&str]) -> bool {
    match (value, path) {
        (Value::Array(elements), [_, ..]) => elements.iter().any(|element| is_there(element, path)),
        (_, []) => true,
        (Value::Object(members), [first, rest @ ..]) => {
            members.get(*first).is_some_and(|value| is_there(value, rest))
        }
        _ => false,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_string()),
    }
}

fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(elements) => elements.iter().flat_map(leaves).collect(),
        Value::Object(members) => members.values().flat_map(leaves).collect(),
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|skip| rest.is_char_boundary(skip) && glob(after, &rest[skip..]))
        }),
    }
}

const PATHS: [&[&str]; 6] =
    [&["a"], &["b"], &["a", "b"], &["a", "a"], &["before", "a"], &["after", "b", "a"]];

fn asks() -> impl Strategy<Value = Ask> {
    let path = || prop::sample::select(PATHS.to_vec());
    let value =
        prop::sample::select(vec!["x", "xy", "x*", "*y*", "å", "7", "7.5", "true", "null", "x*y", "z"]);
    let leaf = prop_oneof![
        (path(), prop::collection::vec(value, 1..3)).prop_map(|(path, values)| Ask::Is(path, values)),
        (path(), -2..9).prop_map(|(path, bound)| Ask::More(path, bound)),
        path().prop_map(Ask::Has),
        prop::sample::select(vec!["a", "b"]).prop_map(Ask::Changed),
        prop::sample::select(vec!["x", "y", "å", "7", "xy"]).prop_map(Ask::Text),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ask| Ask::Not(Box::new(ask))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Ask::All),
            prop::collection::vec(inner, 1..4).prop_map(Ask::Any),
        ]
    })
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(vec![
        json!("x"),
        json!("Xy"),
        json!("zxYz"),
        json!("Å"),
        json!("7"),
        json!(7),
        json!(7.5),
        json!(-1),
        json!(true),
        json!(null),
        json!(""),
    ]);
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array), members(inner),]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["a", "b", "before", "after", "a.b"]);
    prop::collection::btree_map(name, value, 0..4)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_naive_evaluator(ask in asks(), event in members(values())) {
        let now: Time = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let query = Query::parse(&ask.written(), now).unwrap();
        let text = event.to_string();
        let document = Document::parse(&text).unwrap();
        let entry = Entry { event: Some(document.root()), ..Entry::recorded(now) };
        prop_assert_eq!(query.matches(&entry), ask.holds(&event), "{} over {}", query, text);
    }
}
