//! Which events a token is for.
//!
//! A scope is a list of conditions such as `tenant=acme action=user.*`. An event is within it when it fulfills one
//! condition of each name that there is. It is strict where a search is not: of an event that names several tenants, all
//! must be allowed, and what cannot be read as a text is none of them.

use std::fmt;

use countersign_query::matcher::Matcher;
use countersign_query::{Condition, Field, Query, Short};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::event_filter::{chain, member, one};

/// The conditions that a scope may have.
pub const SCOPED: [&str; 4] = ["tenant", "actor", "action", "chain"];

/// How many conditions a scope may have.
pub const MAX_CONDITIONS: usize = 64;

/// What is written with percent signs, so that a condition is one word.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Which events a token is for. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// Names and values, by the order of [`SCOPED`] and in the order in which they were given.
    conditions: Vec<(&'static str, String)>,
    query: Query,
}

/// No number in it is one that does not equal itself.
impl Eq for Scope {}

impl Scope {
    /// Adds a condition, of a name in [`SCOPED`]. A second one of the same name allows more.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn allow(&mut self, name: &str, value: &str) -> Result<(), String> {
        let Some(place) = SCOPED.iter().position(|known| *known == name) else {
            return Err(format!("a token is bound by {}, and not by {name:?}", SCOPED.join(", ")));
        };
        let name = SCOPED[place];
        if self.conditions.len() == MAX_CONDITIONS {
            return Err(format!("a token has at most {MAX_CONDITIONS} conditions"));
        }
        if value.is_empty() {
            return Err(format!("{name} has no value: leave it out, or give it one"));
        }
        matcher(name, value)?;
        if self.conditions.iter().any(|(other, there)| *other == name && there == value) {
            return Err(format!("{name}={value} is there twice"));
        }
        let rank = |name: &str| SCOPED.iter().position(|known| *known == name);
        let end = self.conditions.iter().take_while(|(other, _)| rank(other) <= Some(place)).count();
        self.conditions.insert(end, (name, value.to_owned()));
        self.query = self.ask()?;
        Ok(())
    }

    /// Its conditions as a query: of each name one value must fit.
    fn ask(&self) -> Result<Query, String> {
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

    /// Adds a condition as it stands in a file: `tenant=acme`, with blanks as `%20`.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn allow_written(&mut self, word: &str) -> Result<(), String> {
        let (name, value) = word.split_once('=').ok_or("it is not a condition such as tenant=acme")?;
        let digits =
            |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        let decoded = percent_decode_str(value).decode_utf8().ok();
        let value = decoded
            .filter(|_| value.split('%').skip(1).all(digits))
            .ok_or("a percent sign in a condition is followed by two hex digits of UTF-8: write % as %25")?;
        self.allow(name, &value)
    }

    /// Whether all events are within it.
    pub fn is_everything(&self) -> bool {
        self.query.is_empty()
    }

    /// What events and links must be to be within it.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The same, and of those events only what is as asked.
    #[must_use]
    pub fn narrowed(&self, asked: &Query) -> Self {
        Self { conditions: self.conditions.clone(), query: self.query.clone().and(asked.clone()) }
    }

    /// Its conditions, names and values.
    pub fn conditions(&self) -> Vec<(&'static str, String)> {
        self.conditions.clone()
    }
}

/// What a value must be.
fn matcher(name: &str, value: &str) -> Result<Matcher, String> {
    if name == "chain" {
        chain(value).map_err(|error| error.to_string())?;
    }
    one(name, value).map_err(|error| error.to_string())
}

impl fmt::Display for Scope {
    /// As it stands in a file: conditions with blanks between them.
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
    fn an_event_fulfils_one_condition_of_each_name() {
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
    fn who_is_named_beside_another_is_not_shown() {
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
    fn what_is_written_is_read_again() {
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
