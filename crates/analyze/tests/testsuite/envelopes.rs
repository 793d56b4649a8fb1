//! Events in envelopes: the rules of the product find in them what they find in the plain events.

use std::collections::BTreeMap;

use countersign_analyze::{Finding, cases};
use countersign_query::Parsers;
use countersign_query::value::Document;
use serde_json::{Map, Value};

use crate::rules::{files, is_cases, pack};

/// How an envelope holds an event.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holds {
    Object,
    Text,
}

/// The envelopes that parsers know: the parser's name, the path, and the path at which its source has the event.
fn envelopes(parsers: &Parsers) -> Vec<(String, String, String)> {
    let of_parser = parsers.places().flat_map(|(parser, paths, place)| {
        paths.map(move |path| (parser.to_owned(), path.to_owned(), place.to_owned())).collect::<Vec<_>>()
    });
    of_parser.filter(|(_, path, _)| !path.is_empty()).collect()
}

/// Puts a value at a path, in objects and in arrays of one element.
fn put(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |inner, name| {
        let (name, inner) = match name.strip_suffix("[0]") {
            Some(name) => (name, Value::Array(vec![inner])),
            None => (name, inner),
        };
        Value::Object(Map::from_iter([(name.to_owned(), inner)]))
    })
}

/// An event in an envelope, or `None` if the source itself has it at that path.
fn wrap(event: &str, path: &str, place: &str, holds: Holds) -> Option<String> {
    let as_held = |value: Value| match holds {
        Holds::Object => value,
        Holds::Text => Value::String(value.to_string()),
    };
    let mut event: Value = serde_json::from_str(event).ok()?;
    if place.is_empty() {
        return Some(put(path, as_held(event)).to_string());
    }
    let inner = event.as_object_mut()?.remove(place)?;
    let (outer, at) = match path.strip_suffix(place) {
        Some(outer) => (outer.trim_end_matches('.'), place),
        None => ("", path),
    };
    event.as_object_mut()?.insert(at.to_owned(), as_held(inner));
    Some(if outer.is_empty() { event } else { put(outer, event) }.to_string())
}

/// The parser that reads an event, if it reads it where its source has it.
fn parser(parsers: &Parsers, event: &str) -> Option<String> {
    let document = Document::parse(event)?;
    let read = parsers.parse(&document.root())?;
    read.envelope.is_none().then(|| read.parsed_as.into_owned())
}

/// The number of findings of each rule.
fn counts(findings: &[Finding]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(&*finding.rule).or_default() += 1;
    }
    counts
}

#[test]
fn rules_find_the_same_in_every_envelope() {
    let (pack, parsers) = (pack(), Parsers::built_in());
    let envelopes = envelopes(&parsers);
    let (mut tried, mut wrong) = (0, Vec::new());
    for (name, text) in files().iter().filter(|(name, _)| is_cases(name)) {
        for case in cases::parse(name, text).unwrap().into_iter().filter(|case| case.fires > 0) {
            let plain = case.findings(&pack, &parsers);
            let events = case.events().count();
            for (nth, (of, path, place)) in envelopes.iter().enumerate() {
                for holds in [Holds::Object, Holds::Text] {
                    // Long cases take long, and the envelope is the same for each of their events.
                    if events > 20 && (nth + usize::from(holds == Holds::Text)) % 2 > 0 {
                        continue;
                    }
                    let is_wrapped = std::cell::Cell::new(false);
                    let wrapped = case.clone().map_events(|event| {
                        let is_of = parser(&parsers, event).as_deref() == Some(of);
                        match wrap(event, path, place, holds).filter(|_| is_of) {
                            Some(wrapped) => {
                                is_wrapped.set(true);
                                wrapped
                            }
                            None => event.to_owned(),
                        }
                    });
                    if !is_wrapped.get() {
                        continue;
                    }
                    tried += 1;
                    let found = wrapped.findings(&pack, &parsers);
                    if counts(&found) != counts(&plain) {
                        wrong.push(format!("{} {} in {path} ({holds:?})", case.rule, case.name));
                    }
                }
            }
        }
    }
    assert!(tried > 2000, "{tried} cases were put in an envelope");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}
