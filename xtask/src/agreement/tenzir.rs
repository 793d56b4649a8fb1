//! Tenzir's library: Okta's events in `okta/tests/inputs`, and the OCSF events that Tenzir's mapping makes of them in
//! `okta/tests/ocsf/*.txt`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::case::{Case, files, text};
use super::fact::{Fact, Facts, facts};

pub(super) fn read(checkout: &Path) -> Result<Vec<Case>> {
    let tests = checkout.join("okta/tests");
    let mut expected = BTreeMap::new();
    for file in files(&tests.join("ocsf"), "txt")? {
        for object in objects(&text(&file)?) {
            if let Some(id) = object.get("metadata.loggers.event_uid") {
                expected.insert(id.clone(), facts_from_ocsf(&object));
            }
        }
    }
    let mut cases = Vec::new();
    for line in text(&tests.join("inputs/system-log.ndjson"))?.lines() {
        let event: Value = serde_json::from_str(line).context("system-log.ndjson")?;
        let name = event["uuid"].as_str().unwrap_or_default().to_owned();
        let expected = expected.remove(&name).unwrap_or_default();
        cases.push(Case { source: "okta".to_owned(), name, event, expected });
    }
    Ok(cases)
}

fn facts_from_ocsf(ocsf: &Object) -> Facts {
    let texts = |paths: &[&str]| paths.iter().filter_map(|path| ocsf.get(*path).cloned()).collect();
    facts([
        (
            Fact::Who,
            texts(&["actor.user.uid", "actor.user.name", "actor.user.email_addr", "actor.user.full_name"]),
        ),
        (Fact::Address, texts(&["src_endpoint.ip"])),
        (Fact::Action, texts(&["metadata.event_code"])),
        (Fact::Outcome, texts(&["status"])),
        (Fact::Time, texts(&["time"])),
    ])
}

/// The values of an event by their paths, except null.
type Object = BTreeMap<String, String>;

/// Reads events in Tenzir's notation, which has one value per line, and names without quotes. Lists add nothing to a path.
fn objects(text: &str) -> Vec<Object> {
    let (mut objects, mut object, mut path) = (Vec::new(), Object::new(), Vec::new());
    for line in text.lines() {
        let line = line.trim().trim_end_matches(',');
        let (name, value) = line.split_once(": ").unwrap_or(("", line));
        match value {
            "{" | "[" => path.push(name),
            "}" | "]" => {
                path.pop();
                if path.is_empty() {
                    objects.push(std::mem::take(&mut object));
                }
            }
            "null" => {}
            _ => {
                let value = serde_json::from_str(value).unwrap_or_else(|_| value.to_owned());
                let names = path.iter().copied().chain([name]).filter(|name| !name.is_empty());
                object.insert(names.collect::<Vec<_>>().join("."), value);
            }
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read() {
        let text = "{\n  a: \"x: \\\"y\\\"\",\n  b: {\n    c: [\n      {\n        d: 1.2.3.4,\n      },\n    ],\n  },\n  e: null,\n}\n{\n  time: 2026-02-10T16:19:37.073Z,\n}\n";
        let object = |values: &[(&str, &str)]| {
            values.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect::<Object>()
        };
        assert_eq!(
            objects(text),
            [
                object(&[("a", "x: \"y\""), ("b.c.d", "1.2.3.4")]),
                object(&[("time", "2026-02-10T16:19:37.073Z")])
            ]
        );
    }
}
