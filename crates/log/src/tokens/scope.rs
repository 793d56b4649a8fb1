//! The events that a token is limited to.
//!
//! A scope is a list of conditions such as `tenant=acme action=user.*`. An event is within it if, for each name in the
//! list, it meets one of the conditions. This is stricter than a search: if an event names several tenants, all of them
//! must be allowed, and a value that isn't a string never is.

use std::fmt;

use countersign_query::matcher::Matcher;
use countersign_query::{Condition, Field, Query, Short};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::event_filter::{chain, member, value_matcher};

/// The names of conditions in a scope.
pub const SCOPED: [&str; 4] = ["tenant", "actor", "action", "chain"];

/// The maximum number of conditions in a scope.
pub const MAX_CONDITIONS: usize = 64;

/// The characters that are percent-encoded, so that a condition has no spaces.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// The events that a token is limited to. By default there is no limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// Names and values, in the order of [`SCOPED`], then in the order in which they were added.
    conditions: Vec<(&'static str, String)>,
    query: Query,
}

/// The queries of a scope contain no number that differs from itself.
impl Eq for Scope {}

impl Scope {
    /// Adds a condition with a name in [`SCOPED`]. A second one with the same name allows more events.
    ///
    /// # Errors
    /// The problem, in words.
    pub fn allow(&mut self, name: &str, value: &str) -> Result<(), String> {
        let Some(place) = SCOPED.iter().position(|known| *known == name) else {
            return Err(format!("unknown condition {name:?}; known conditions: {}", SCOPED.join(", ")));
        };
        let name = SCOPED[place];
        if self.conditions.len() == MAX_CONDITIONS {
            return Err(format!("a token must have at most {MAX_CONDITIONS} conditions"));
        }
        if value.is_empty() {
            return Err(format!("{name} must not be empty"));
        }
        matcher(name, value)?;
        if self.conditions.iter().any(|(other, there)| *other == name && there == value) {
            return Err(format!("{name}={value} must not be repeated"));
        }
        let rank = |name: &str| SCOPED.iter().position(|known| *known == name);
        let end = self.conditions.iter().take_while(|(other, _)| rank(other) <= Some(place)).count();
        self.conditions.insert(end, (name, value.to_owned()));
        self.query = self.to_query()?;
        Ok(())
    }

    /// Returns the conditions as a query: for each name, one of the values must match.
    fn to_query(&self) -> Result<Query, String> {
        let mut query = Query::default();
        for name in SCOPED {
            let values = self.conditions.iter().filter(|(other, _)| *other == name);
            let values = values.map(|(name, value)| matcher(name, value)).collect::<Result<Vec<_>, _>>()?;
            if !values.is_empty() {
                query = query.and(match name {
                    "chain" => Condition::Is { field: Field::Short(Short::Chain), values }.into(),
                    name => Condition::Only { path: member(name), values }.into(),
                });
            }
        }
        Ok(query)
    }

    /// Adds a condition in its file form: `tenant=acme`, with spaces as `%20`.
    ///
    /// # Errors
    /// The problem, in words.
    pub fn allow_written(&mut self, word: &str) -> Result<(), String> {
        let (name, value) =
            word.split_once('=').ok_or("a condition must have the form NAME=VALUE, such as tenant=acme")?;
        let digits =
            |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        let decoded = percent_decode_str(value).decode_utf8().ok();
        let value = decoded
            .filter(|_| value.split('%').skip(1).all(digits))
            .ok_or("a percent sign in a condition must start percent-encoded UTF-8; write % as %25")?;
        self.allow(name, &value)
    }

    /// True if all events are within the scope.
    pub fn is_everything(&self) -> bool {
        self.query.is_empty()
    }

    /// Returns the scope as a query on links and events.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Returns a scope with only those events that also match a query.
    #[must_use]
    pub fn narrowed(&self, query: &Query) -> Self {
        Self { conditions: self.conditions.clone(), query: self.query.clone().and(query.clone()) }
    }

    /// Returns the names and values of the conditions.
    pub fn conditions(&self) -> Vec<(&'static str, String)> {
        self.conditions.clone()
    }
}

/// Returns the matcher for a condition's value.
fn matcher(name: &str, value: &str) -> Result<Matcher, String> {
    if name == "chain" {
        chain(value).map_err(|error| error.to_string())?;
    }
    value_matcher(name, value).map_err(|error| error.to_string())
}

impl fmt::Display for Scope {
    /// Writes the conditions in their file form, separated by spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for (name, value) in &self.conditions {
            write!(f, "{before}{name}={}", utf8_percent_encode(value, ENCODED))?;
            before = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use countersign_query::Entry;
    use countersign_query::value::Document;

    use super::*;

    fn has_event(scope: &Scope, event: &str) -> bool {
        let document = Document::parse(event);
        let now = "2026-11-20T06:00:00.000Z".parse().unwrap();
        scope.query().matches(&Entry { event: document.as_ref().map(Document::root), ..Entry::recorded(now) })
    }

    fn scope(words: &[&str]) -> Scope {
        let mut scope = Scope::default();
        for word in words {
            scope.allow_written(word).unwrap();
        }
        scope
    }

    #[test]
    fn event_must_meet_one_condition_of_each_name() {
        let both = scope(&["tenant=acme", "tenant=b%20c", "action=user.*"]);
        assert!(has_event(&both, r#"{"tenant":"acme","action":"user.create"}"#));
        assert!(has_event(&both, r#"{"tenant":"b c","action":"user.create"}"#));
        for event in [
            r#"{"tenant":"acme","action":"users.create"}"#,
            r#"{"tenant":"acmes","action":"user.create"}"#,
            r#"{"tenant":"acme"}"#,
            r#"{"action":"user.create"}"#,
            "null",
            "nonsense",
        ] {
            assert!(!has_event(&both, event), "{event}");
        }
        assert!(has_event(&scope(&[]), "null"));
    }

    #[test]
    fn event_that_names_others_too_is_outside() {
        let acme = scope(&["tenant=acme"]);
        for event in [
            r#"{"tenant":["acme","beta"]}"#,
            r#"[{"tenant":"acme"},{"tenant":"beta"}]"#,
            r#"{"tenant":{"acme":"acme"}}"#,
            r#"{"tenant":[]}"#,
            r#"{"metadata":{"tenant":"acme"}}"#,
        ] {
            assert!(!has_event(&acme, event), "{event}");
        }
        assert!(has_event(&acme, r#"{"tenant":["acme","acme"]}"#));
    }

    #[test]
    fn file_form_round_trips() {
        let words =
            ["tenant=a%20b%25", "actor=u_1", "action=user.*", "chain=da7f84a510cb84b8cbb5b74a63c306ec"];
        let read = scope(&words);
        assert_eq!(read.to_string(), words.join(" "));
        assert_eq!(scope(&read.to_string().split(' ').collect::<Vec<_>>()), read);
        for word in [
            "tenant",
            "tenant=",
            "q=x",
            "since=2026-01-01",
            "chain=x",
            "action=*",
            "tenant=%ff",
            "tenant=50%",
            "=x",
        ] {
            assert!(Scope::default().allow_written(word).is_err(), "{word}");
        }
        assert!(scope(&["tenant=a"]).allow("tenant", "a").is_err());
    }
}
