//! Which events a token is for.
//!
//! A scope is a list of conditions such as `tenant=acme action=user.*`. An event is within it when it fulfils one
//! condition of each name that there is. It is strict where a search is not: of an event that names several tenants, all
//! must be allowed, and what cannot be read as a text is none of them.

use std::fmt;

use countersign::link::{ChainId, Link};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use crate::filter::{Action, Filter, find, text};

/// The conditions that a scope may have.
pub const SCOPED: [&str; 4] = ["tenant", "actor", "action", "chain"];

/// How many conditions a scope may have.
const MOST: usize = 64;

/// What is written with percent signs, so that a condition is one word.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Which events a token is for. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    tenants: Vec<String>,
    actors: Vec<String>,
    actions: Vec<Action>,
    chains: Vec<ChainId>,
}

impl Scope {
    /// Adds a condition, of a name in [`SCOPED`]. A second one of the same name allows more.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn allow(&mut self, name: &str, value: &str) -> Result<(), String> {
        fn put<T: PartialEq>(allowed: &mut Vec<T>, value: Option<T>) -> bool {
            let new = value.filter(|value| !allowed.contains(value));
            let is_new = new.is_some();
            allowed.extend(new);
            is_new
        }
        if !SCOPED.contains(&name) {
            return Err(format!("a token is bound by {}, and not by {name:?}", SCOPED.join(", ")));
        }
        if self.len() == MOST {
            return Err(format!("a token has at most {MOST} conditions"));
        }
        let mut filter = Filter::default();
        filter.set(name, value).map_err(|error| error.0)?;
        let is_new = match name {
            "tenant" => put(&mut self.tenants, filter.tenant),
            "actor" => put(&mut self.actors, filter.actor),
            "action" => put(&mut self.actions, filter.action),
            _ => put(&mut self.chains, filter.chain),
        };
        if is_new { Ok(()) } else { Err(format!("{name}={value} is there twice")) }
    }

    /// Adds a condition as it stands in a file: `tenant=acme`, with blanks as `%20`.
    pub(super) fn allow_written(&mut self, word: &str) -> Result<(), String> {
        let (name, value) = word.split_once('=').ok_or("it is no condition such as tenant=acme")?;
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
        self.len() == 0
    }

    /// Whether it goes by what events say, and not by their links alone.
    pub fn reads_events(&self) -> bool {
        self.len() > self.chains.len()
    }

    fn len(&self) -> usize {
        let Self { tenants, actors, actions, chains } = self;
        tenants.len() + actors.len() + actions.len() + chains.len()
    }

    /// Whether the link fulfils what is said about links.
    pub fn has_link(&self, link: &Link) -> bool {
        self.chains.is_empty() || self.chains.contains(&link.chain())
    }

    /// Whether the event fulfils what is said about events.
    pub fn has_event(&self, event: &Value) -> bool {
        let has = |path, allowed: &dyn Fn(&str) -> bool| {
            let (mut any, mut all) = (false, true);
            find(event, path, &mut |value| {
                any = true;
                all &= text(value).is_some_and(|text| allowed(&text));
                false
            });
            any && all
        };
        let one_of = |names: &[String], text: &str| names.iter().any(|name| name == text);
        (self.tenants.is_empty() || has("tenant", &|text| one_of(&self.tenants, text)))
            && (self.actors.is_empty() || has("actor.id", &|text| one_of(&self.actors, text)))
            && (self.actions.is_empty()
                || has("action", &|text| self.actions.iter().any(|action| action.matches(text))))
    }

    /// What to ask a search index for: an event within the scope matches one filter of each list.
    pub(crate) fn filters(&self) -> [Vec<Filter>; 4] {
        let Self { tenants, actors, actions, chains } = self.clone();
        let of = Filter::default;
        [
            tenants.into_iter().map(|tenant| Filter { tenant: Some(tenant), ..of() }).collect(),
            actors.into_iter().map(|actor| Filter { actor: Some(actor), ..of() }).collect(),
            actions.into_iter().map(|action| Filter { action: Some(action), ..of() }).collect(),
            chains.into_iter().map(|chain| Filter { chain: Some(chain), ..of() }).collect(),
        ]
    }

    /// Its conditions, names and values.
    pub fn conditions(&self) -> Vec<(&'static str, String)> {
        let Self { tenants, actors, actions, chains } = self;
        let [tenant, actor, action, chain] = SCOPED;
        let mut conditions: Vec<_> = tenants.iter().map(|value| (tenant, value.clone())).collect();
        conditions.extend(actors.iter().map(|value| (actor, value.clone())));
        conditions.extend(actions.iter().map(|value| (action, value.to_string())));
        conditions.extend(chains.iter().map(|value| (chain, value.to_string())));
        conditions
    }
}

impl fmt::Display for Scope {
    /// As it stands in a file: conditions with blanks between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for (name, value) in self.conditions() {
            write!(f, "{before}{name}={}", utf8_percent_encode(&value, ENCODED))?;
            before = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::parse;

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
        assert!(both.has_event(&parse(r#"{"tenant":"acme","action":"user.create"}"#)));
        assert!(both.has_event(&parse(r#"{"tenant":"b c","action":"user.create"}"#)));
        for event in [
            r#"{"tenant":"acme","action":"users.create"}"#,
            r#"{"tenant":"acmes","action":"user.create"}"#,
            r#"{"tenant":"acme"}"#,
            r#"{"action":"user.create"}"#,
            "null",
            "nonsense",
        ] {
            assert!(!both.has_event(&parse(event)), "{event}");
        }
        assert!(scope(&[]).has_event(&parse("null")));
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
            assert!(!acme.has_event(&parse(event)), "{event}");
        }
        assert!(acme.has_event(&parse(r#"{"tenant":["acme","acme"]}"#)));
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
