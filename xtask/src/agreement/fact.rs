//! The facts of an event that are compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A fact of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fact {
    Who,
    Address,
    Action,
    Outcome,
    Time,
}

/// The facts of an event. The party that acted, for example, can have several values: an identifier, a name, and an email
/// address.
pub(super) type Facts = BTreeMap<Fact, Vec<String>>;

impl Fact {
    pub(super) const ALL: [Self; 5] = [Self::Who, Self::Address, Self::Action, Self::Outcome, Self::Time];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Who => "who",
            Self::Address => "address",
            Self::Action => "action",
            Self::Outcome => "outcome",
            Self::Time => "time",
        }
    }

    /// True if one of the expected values agrees with one of the parsed values. Case is ignored.
    pub(super) fn agrees(self, expected: &[String], parsed: &[String]) -> bool {
        let lower = |texts: &[String]| texts.iter().map(|text| text.to_lowercase()).collect::<Vec<_>>();
        let (expected, parsed) = (lower(expected), lower(parsed));
        expected.iter().any(|expected| parsed.iter().any(|parsed| self.same(expected, parsed)))
    }

    fn same(self, expected: &str, parsed: &str) -> bool {
        match self {
            Self::Who => without_domain(expected) == without_domain(parsed),
            Self::Address => expected == parsed,
            // Some parsers add the type of the object to the action: `pods.create`.
            Self::Action => expected.contains(parsed) || parsed.contains(expected),
            Self::Outcome => expected == parsed || (expected, parsed) == ("failure", "denied"),
            Self::Time => milliseconds(expected) == milliseconds(parsed),
        }
    }
}

/// Removes a Windows domain: `example\jane`.
fn without_domain(account: &str) -> &str {
    account.rsplit('\\').next().unwrap_or(account)
}

/// Cuts a time in UTC after its milliseconds.
fn milliseconds(time: &str) -> String {
    let time = time.trim_end_matches('z');
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    format!("{seconds}.{fraction:0<3.3}")
}

/// Returns the facts that a parser found, from the output of the example `parse`.
pub(super) fn parsed(json: &Value) -> Facts {
    let mut facts = facts([
        (Fact::Who, texts(json, &["actor.id", "actor.name", "actor.also"])),
        (Fact::Address, texts(json, &["address"])),
        (Fact::Action, texts(json, &["action", "also"])),
        (Fact::Outcome, texts(json, &["outcome"])),
        (Fact::Time, texts(json, &["time"])),
    ]);
    if facts.get(&Fact::Outcome).is_some_and(|outcome| outcome == &["not stated"]) {
        facts.remove(&Fact::Outcome);
    }
    facts
}

/// Returns the facts that have a value.
pub(super) fn facts(facts: impl IntoIterator<Item = (Fact, Vec<String>)>) -> Facts {
    facts.into_iter().filter(|(_, values)| !values.is_empty()).collect()
}

/// Returns the strings and numbers at some paths, and those in lists there, except empty strings.
pub(super) fn texts(json: &Value, paths: &[&str]) -> Vec<String> {
    let at = |path: &&str| path.split('.').try_fold(json, |json, name| json.get(name));
    let values = paths.iter().filter_map(at).flat_map(|value| match value {
        Value::Array(elements) => elements.iter().collect(),
        _ => vec![value],
    });
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    values.filter_map(text).filter(|text| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_agree() {
        let agrees = |fact: Fact, expected: &str, parsed: &str| {
            fact.agrees(&["other".to_owned(), expected.to_owned()], &[parsed.to_owned()])
        };
        assert!(agrees(Fact::Who, "jane", r"EXAMPLE\Jane"));
        assert!(!agrees(Fact::Who, "jane", "jane.doe"));
        assert!(agrees(Fact::Action, "create", "pods.Create"));
        assert!(!agrees(Fact::Action, "create", "pods.list"));
        assert!(agrees(Fact::Outcome, "failure", "denied"));
        assert!(!agrees(Fact::Outcome, "allow", "success"));
        assert!(agrees(Fact::Time, "2026-11-20T06:00:00Z", "2026-11-20T06:00:00.000Z"));
        assert!(agrees(Fact::Time, "2026-11-20T06:00:00.1239999Z", "2026-11-20T06:00:00.123Z"));
        assert!(!agrees(Fact::Time, "2026-11-20T06:00:00.124Z", "2026-11-20T06:00:00.123Z"));
        assert!(!agrees(Fact::Address, "2001:db8::1", "2001:0db8::1"));
    }

    #[test]
    fn a_fact_without_a_value_is_absent() {
        let json = json!({"actor": {"id": 7, "also": ["jane", ""]}, "address": "", "outcome": "not stated"});
        let expected = facts([(Fact::Who, vec!["7".to_owned(), "jane".to_owned()])]);
        assert_eq!(parsed(&json), expected);
    }
}
