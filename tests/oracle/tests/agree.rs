//! Detection agrees with rsigma's: with third-party rules, on third-party events and on generated ones.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use countersign_analyze::{Pack, Sources};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};
use rsigma_eval::{Engine, Event, EventValue, JsonEvent};
use rsigma_parser::parse_sigma_yaml;
use serde_json::{Value, json};

/// Returns the folder of third-party vectors, or `None` if it is missing.
fn vectors(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/third-party").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
    eprintln!("skipped: {} is missing", folder.display());
    None
}

fn files(folder: &Path, end: &str, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, end, into);
        } else if path.extension().is_some_and(|found| found == end) {
            into.push(path);
        }
    }
}

/// An event whose keywords are searched for in the whole event, as Sigma requires: rsigma's own event type skips names and
/// numbers.
struct Whole<'a> {
    value: &'a Value,
    event: JsonEvent<'a>,
}

impl Event for Whole<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        self.event.get_field(path)
    }

    fn any_string_value(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        self.all_string_values().iter().any(|text| holds(text))
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let mut all = Vec::new();
        collect_texts(self.value, &mut all);
        all
    }

    fn to_json(&self) -> Value {
        self.value.clone()
    }
}

fn collect_texts<'a>(value: &'a Value, all: &mut Vec<Cow<'a, str>>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                all.push(name.into());
                collect_texts(value, all);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, all)),
        Value::String(text) => all.push(text.into()),
        Value::Number(_) | Value::Bool(_) => all.push(value.to_string().into()),
        Value::Null => {}
    }
}

struct Both {
    ours: Pack,
    theirs: Engine,
    parsers: Parsers,
}

impl Both {
    fn build(texts: &[(String, String)]) -> Self {
        let mut sources = Sources::default();
        let mut theirs = Engine::new();
        for (file, text) in texts {
            sources.add(file, text);
            let collection = parse_sigma_yaml(text).unwrap();
            theirs.add_collection(&collection).unwrap();
        }
        let ours = sources.build("oracle").unwrap_or_else(|faults| panic!("{}", faults[0]));
        Self { ours, theirs, parsers: Parsers::built_in() }
    }

    /// Returns the IDs of the rules that fire, in ours and in theirs.
    fn fire(&self, event: &str) -> (BTreeSet<String>, BTreeSet<String>) {
        let value: Value = serde_json::from_str(event).unwrap();
        let theirs = self.theirs.evaluate(&Whole { value: &value, event: JsonEvent::borrow(&value) });
        let theirs = theirs.into_iter().filter_map(|result| result.header.rule_id.clone()).collect();
        let document = Document::parse(event);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|root| self.parsers.parse(root));
        let entry = Entry {
            event: root,
            read: read.as_ref(),
            ..Entry::recorded("2026-11-20T06:00:00.000Z".parse().unwrap())
        };
        let detection = self.ours.detect(0, &entry);
        let ours = detection.rules().map(|rule| self.ours.rules()[rule].id.clone()).collect();
        (ours, theirs)
    }
}

fn rules() -> Option<Vec<(String, String)>> {
    let mut paths = Vec::new();
    files(&vectors("sigma")?.join("rules"), "yml", &mut paths);
    let read = |path: PathBuf| (path.display().to_string(), fs::read_to_string(path).unwrap());
    Some(paths.into_iter().map(read).collect())
}

fn events() -> Option<Vec<String>> {
    let mut paths = Vec::new();
    files(&vectors("real-events")?, "ndjson", &mut paths);
    let lines =
        |path: PathBuf| fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    Some(paths.into_iter().flat_map(lines).collect())
}

#[test]
fn real_events_make_the_same_rules_fire() {
    let (Some(rules), Some(events)) = (rules(), events()) else { return };
    let both = Both::build(&rules);
    let mut fired = BTreeSet::new();
    for event in &events {
        let (ours, theirs) = both.fire(event);
        assert_eq!(ours, theirs, "{event}");
        fired.extend(ours);
    }
    assert!(fired.len() > 20, "only {} rules fire on {} events", fired.len(), events.len());
}

#[test]
fn made_events_make_the_same_rules_fire() {
    let Some(rules) = rules() else { return };
    let both = Both::build(&rules);
    let material = Material::from_rules(&rules);
    let mut random = fastrand::Rng::with_seed(15);
    let number = std::env::var("EVENTS").ok().and_then(|number| number.parse().ok()).unwrap_or(5_000);
    let mut fired = BTreeSet::new();
    for _ in 0..number {
        let event = material.event(&mut random).to_string();
        let (ours, theirs) = both.fire(&event);
        assert_eq!(ours, theirs, "{event}");
        fired.extend(ours);
    }
    assert!(fired.len() > rules.len() / 2, "only {} of {} rules fire", fired.len(), rules.len());
}

/// Selections over arrays and with `neq`, each for a rule that opts into them.
const OF_ARRAYS: [&str; 30] = [
    "{p|neq: x}",
    "{p|neq: [x, 2]}",
    "{p|contains|neq: x}",
    "{o.q|neq: null}",
    "{l|neq: x}",
    "{a.p|neq: [x, y]}",
    "{'a[any]': {p: x, q: y}}",
    "{'a[all]': {p: x}}",
    "{'a[all_or_empty]': {p: x}}",
    "{'a[none]': {p: x, q: y}}",
    "{'a[any].p': x, 'a[any].q': y}",
    "{'a[any]': {p: [x, y], q|exists: false}}",
    "{'a[any]': {p: null}}",
    "{'a[any]': {condition: c and not d, c: {p: x}, d: {q: y}}}",
    "{'a[all]': {condition: 1 of c*, c1: {p: x}, c2: {q: y}}}",
    "{'a[none]': {condition: not c, c: {p|startswith: x}}}",
    "{'a[any]': {p: x, 'l[any]': y}}",
    "{'a[any]': {'l[all]': x}}",
    "{'a[all].l[none]': y}",
    "{'a[any]': {'l[all_or_empty]': {.: x}}}",
    "{'l[any]': x}",
    "{'l[all]': x}",
    "{'l[none]|contains': x}",
    "{'l[all_or_empty]': [x, y]}",
    "{'l[any]': {condition: c and not d, c: {.|gte: 1}, d: {.: 2}}}",
    "{'l[0]': x}",
    "{'l[-1]': y}",
    "{'l[1]|exists': true}",
    "{'a[0].p': x, 'a[0].q': y}",
    "{'a[-1].l[0]': x, 'o.l[1]': y}",
];

/// Generates an object with lists of strings and numbers, and of such objects.
fn with_arrays(random: &mut fastrand::Rng, depth: u32) -> Value {
    let one = |random: &mut fastrand::Rng| match random.u8(..8) {
        0 => json!(1),
        1 => json!(2),
        2 => Value::Null,
        3 => json!("xy"),
        nth => json!(if nth % 2 == 0 { "x" } else { "y" }),
    };
    let mut event = json!({});
    for name in ["p", "q", "l", "a", "o"] {
        if random.u8(..4) == 0 {
            continue;
        }
        let length = random.usize(..4);
        event[name] = match name {
            "l" if random.u8(..6) == 0 => one(random),
            "l" => (0..length).map(|_| one(random)).collect(),
            "a" | "o" if depth == 0 => continue,
            "o" => with_arrays(random, depth - 1),
            "a" if random.u8(..6) == 0 => with_arrays(random, depth - 1),
            "a" => (0..length).map(|_| with_arrays(random, depth - 1)).collect(),
            _ => one(random),
        };
    }
    event
}

#[test]
fn conditions_on_elements_hold_of_the_same_events() {
    let rule = |(nth, selection): (usize, &&str)| {
        let rule = format!(
            "title: t\nid: r{nth}\nsigma-version: 3\nlogsource: {{product: x}}\ndetection:\n  s: {selection}\n  condition: s\n"
        );
        (format!("{nth}.yml"), rule)
    };
    let both = Both::build(&OF_ARRAYS.iter().enumerate().map(rule).collect::<Vec<_>>());
    let mut random = fastrand::Rng::with_seed(47);
    let (mut fired, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..5_000 {
        let event = with_arrays(&mut random, 2).to_string();
        let (ours, theirs) = both.fire(&event);
        assert_eq!(ours, theirs, "{event}");
        silent.extend((0..OF_ARRAYS.len()).map(|nth| format!("r{nth}")).filter(|id| !ours.contains(id)));
        fired.extend(ours);
    }
    assert_eq!((fired.len(), silent.len()), (OF_ARRAYS.len(), OF_ARRAYS.len()), "{fired:?}");
}

/// Fields and values in rules, to generate events that almost match.
struct Material {
    /// The fields of each rule, with their values.
    rules: Vec<Vec<(Option<String>, Vec<Value>)>>,
}

impl Material {
    fn from_rules(rules: &[(String, String)]) -> Self {
        let mut all = Vec::new();
        for (file, text) in rules {
            let mut sources = Sources::default();
            sources.add(file, text);
            let pack = sources.build("one").unwrap();
            let json: Value = serde_json::from_str(pack.as_json()).unwrap();
            let mut wanted = Vec::new();
            for (name, selection) in json["rules"][0]["detection"].as_object().unwrap() {
                if name != "condition" {
                    collect(selection, &mut wanted);
                }
            }
            all.push(wanted);
        }
        Self { rules: all }
    }

    fn event(&self, random: &mut fastrand::Rng) -> Value {
        let mut event = json!({});
        let is_flat = random.u8(..4) == 0;
        for _ in 0..random.usize(1..=2) {
            for (field, values) in &self.rules[random.usize(..self.rules.len())] {
                if random.u8(..) < 40 || values.is_empty() {
                    continue;
                }
                let value = vary(&values[random.usize(..values.len())], random);
                if let (None, Value::String(text), true) = (field, &value, random.bool()) {
                    // A keyword may occur in a field name.
                    put(&mut event, &["labels", text], "x".into());
                    continue;
                }
                let field = field.clone().unwrap_or_else(|| "message".into());
                let names: Vec<_> = if is_flat { vec![&*field] } else { field.split('.').collect() };
                put(&mut event, &names, value);
            }
        }
        event
    }
}

fn collect(selection: &Value, wanted: &mut Vec<(Option<String>, Vec<Value>)>) {
    match selection {
        Value::Object(members) => {
            for (key, value) in members {
                let mut parts = key.split('|');
                let name = parts.next().filter(|name| !name.is_empty()).map(str::to_owned);
                let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                wanted.push((name, values));
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().for_each(|item| collect(item, wanted));
        }
        Value::Array(items) => wanted.push((None, items.clone())),
        other => wanted.push((None, vec![other.clone()])),
    }
}

/// Returns a value that matches a rule's, or almost.
fn vary(value: &Value, random: &mut fastrand::Rng) -> Value {
    let text = match value {
        Value::String(text) => text.replace('*', ["", "x", "a b"][random.usize(..3)]).replace("\\\\", "\\"),
        other => return if random.bool() { other.clone() } else { Value::String(other.to_string()) },
    };
    match random.u8(..8) {
        0 => Value::String(format!("before {text}")),
        1 => Value::String(format!("{text} after")),
        2 => Value::String(text.to_uppercase()),
        3 => Value::String(text.to_lowercase()),
        4 => json!(["other", text]),
        5 => Value::String(text.chars().rev().collect()),
        _ => Value::String(text),
    }
}

fn put(event: &mut Value, names: &[&str], value: Value) {
    let [first, rest @ ..] = names else { return };
    let Value::Object(members) = event else { return };
    if rest.is_empty() {
        members.insert((*first).into(), value);
    } else {
        put(members.entry(*first).or_insert_with(|| json!({})), rest, value);
    }
}
