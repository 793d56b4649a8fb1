//! Which events are asked for: what an event and its link must say.
//!
//! This is the one place that decides whether an event matches. The search index only tells where to look.
//!
//! ```
//! use countersign_log::filter::{Filter, parse};
//!
//! let mut filter = Filter::default();
//! filter.set("action", "job.*")?;
//! filter.set("q", "night shift")?;
//! let event = parse(r#"{"action":"job.update","metadata":{"note":"Shift of the NIGHT"}}"#);
//! assert!(filter.matches_event(&event));
//! # Ok::<(), countersign_log::filter::Unusable>(())
//! ```

use std::borrow::Cow;
use std::str::FromStr;

use countersign::link::{ChainId, Link};
use countersign::time::Time;
use serde_json::Value;

/// The most words that free text may have.
const WORDS: usize = 32;

/// A value that a condition cannot have, and what it could have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

/// What an event must be to be shown. Every condition must hold; without any, all events match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `actor.id`.
    pub actor: Option<String>,
    /// `action`.
    pub action: Option<Action>,
    /// `target.id`, or `target.type`, a colon and `target.id`.
    pub target: Option<String>,
    /// `outcome`; an event without one is a `success`.
    pub outcome: Option<String>,
    /// `tenant`.
    pub tenant: Option<String>,
    /// The link's time is not before this.
    pub since: Option<Time>,
    /// The link's time is before this.
    pub until: Option<Time>,
    /// The link is of this chain.
    pub chain: Option<ChainId>,
    /// Words, all of which the event's strings and numbers hold, in any order and either case.
    pub words: Vec<String>,
    /// Any members.
    pub members: Vec<Member>,
}

/// An action, or all that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// This action.
    Exactly(String),
    /// The actions that begin with this and a dot, written `job.*`.
    Below(String),
}

/// The conditions that [`Filter::set`] knows.
pub const CONDITIONS: [&str; 9] =
    ["actor", "action", "target", "outcome", "tenant", "since", "until", "chain", "q"];

impl Filter {
    /// Adds the condition of that name, one of [`CONDITIONS`].
    ///
    /// # Errors
    /// When there is no such condition, it is there already, or it cannot have this value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Unusable> {
        fn put<T>(name: &str, slot: &mut Option<T>, value: T) -> Result<(), Unusable> {
            match slot.replace(value) {
                None => Ok(()),
                Some(_) => Err(Unusable(format!("{name} is there twice"))),
            }
        }
        if value.is_empty() {
            return Err(Unusable(format!("{name} has no value: leave it out, or give it one")));
        }
        match name {
            "actor" => put(name, &mut self.actor, value.into()),
            "action" => put(name, &mut self.action, value.parse()?),
            "target" => put(name, &mut self.target, value.into()),
            "outcome" => put(name, &mut self.outcome, value.into()),
            "tenant" => put(name, &mut self.tenant, value.into()),
            "since" => put(name, &mut self.since, time(value)?),
            "until" => put(name, &mut self.until, time(value)?),
            "chain" => put(name, &mut self.chain, chain(value)?),
            "q" if self.words.is_empty() => {
                self.words = free_text(value)?;
                Ok(())
            }
            "q" => Err(Unusable("q is there twice".into())),
            _ => Err(Unusable(format!("there is no condition of the name {name:?}"))),
        }
    }

    /// Whether there is no condition.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether any condition is about what the event says, rather than about its link alone.
    pub fn reads_events(&self) -> bool {
        let Self { actor, action, target, outcome, tenant, since: _, until: _, chain: _, words, members } =
            self;
        [actor, target, outcome, tenant].into_iter().any(Option::is_some)
            || action.is_some()
            || !words.is_empty()
            || !members.is_empty()
    }

    /// The names of the conditions that there are.
    pub fn names(&self) -> Vec<&'static str> {
        let Self { actor, action, target, outcome, tenant, since, until, chain, words, members } = self;
        let there = [
            ("actor", actor.is_some()),
            ("action", action.is_some()),
            ("target", target.is_some()),
            ("outcome", outcome.is_some()),
            ("tenant", tenant.is_some()),
            ("since", since.is_some()),
            ("until", until.is_some()),
            ("chain", chain.is_some()),
            ("q", !words.is_empty()),
            ("where", !members.is_empty()),
        ];
        there.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
    }

    /// Whether the link fulfils what is said about links.
    pub fn matches_link(&self, link: &Link) -> bool {
        self.chain.is_none_or(|chain| link.chain() == chain)
            && self.since.is_none_or(|since| link.time() >= since)
            && self.until.is_none_or(|until| link.time() < until)
    }

    /// Whether the event fulfils what is said about events.
    pub fn matches_event(&self, event: &Value) -> bool {
        let says = |path: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| find(event, path, &mut |value| text_is(value, wanted)))
        };
        says("actor.id", &self.actor)
            && says("tenant", &self.tenant)
            && self.action.as_ref().is_none_or(|action| {
                find(event, "action", &mut |value| text(value).is_some_and(|text| action.matches(&text)))
            })
            && self
                .target
                .as_ref()
                .is_none_or(|wanted| find(event, "target", &mut |target| target_is(target, wanted)))
            && self.outcome.as_ref().is_none_or(|wanted| {
                let mut there = false;
                let says = find(event, "outcome", &mut |value| {
                    there = true;
                    text_is(value, wanted)
                });
                says || (!there && wanted == SUCCESS)
            })
            && self.members.iter().all(|member| member.matches(event))
            && has_words(event, &self.words)
    }
}

/// The outcome of an event that names none.
pub(crate) const SUCCESS: &str = "success";

impl FromStr for Action {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let action = match text.strip_suffix(".*") {
            Some(prefix) => Self::Below(prefix.into()),
            None => Self::Exactly(text.into()),
        };
        let (Self::Below(name) | Self::Exactly(name)) = &action;
        if name.is_empty() || name.contains('*') {
            return Err(Unusable("an action is one such as job.update, or job.* for all of a kind".into()));
        }
        Ok(action)
    }
}

impl std::fmt::Display for Action {
    /// As it was written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(action) => f.write_str(action),
            Self::Below(prefix) => write!(f, "{prefix}.*"),
        }
    }
}

impl Action {
    /// Whether an event's action is one of these.
    pub fn matches(&self, action: &str) -> bool {
        match self {
            Self::Exactly(wanted) => action == wanted,
            Self::Below(prefix) => action.strip_prefix(&**prefix).is_some_and(|rest| rest.starts_with('.')),
        }
    }
}

/// `FIELD=VALUE`: a member's path, its names parted by dots, and what it must say.
///
/// Any element of an array will do, and a name may itself hold dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    path: String,
    value: String,
}

impl FromStr for Member {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((path, value)) if !path.is_empty() => Ok(Self { path: path.into(), value: value.into() }),
            _ => Err("write it as FIELD=VALUE, for example actor.id=u_1".into()),
        }
    }
}

impl Member {
    /// Whether the event has such a member.
    pub fn matches(&self, event: &Value) -> bool {
        let number = self.value.parse::<f64>().ok();
        find(event, &self.path, &mut |value| match value {
            Value::Number(found) => {
                found.to_string() == self.value || number.is_some_and(|number| found.as_f64() == Some(number))
            }
            value => text_is(value, &self.value),
        })
    }
}

/// An event's text as a value; none passes any condition that cannot be read as one.
pub fn parse(event: &str) -> Value {
    serde_json::from_str(event).unwrap_or(Value::Null)
}

/// A moment: a time, without its milliseconds, or a date alone, which is midnight UTC.
///
/// # Errors
/// When it is none of these.
pub fn time(text: &str) -> Result<Time, Unusable> {
    let whole = match text.len() {
        10 => Cow::Owned(format!("{text}T00:00:00.000Z")),
        20 => Cow::Owned(format!("{}.000Z", text.trim_end_matches('Z'))),
        _ => Cow::Borrowed(text),
    };
    Time::parse(whole.as_bytes())
        .ok_or_else(|| Unusable("a time is written in UTC as 2026-11-20T06:01:02.345Z or 2026-11-20".into()))
}

fn chain(text: &str) -> Result<ChainId, Unusable> {
    ChainId::parse(text.as_bytes()).ok_or_else(|| Unusable("a chain is 32 lower-case hex digits".into()))
}

fn free_text(text: &str) -> Result<Vec<String>, Unusable> {
    let mut found: Vec<String> = words(text).collect();
    found.sort_unstable();
    found.dedup();
    match found.len() {
        0 => Err(Unusable("free text has at least one letter or digit".into())),
        count if count > WORDS => Err(Unusable(format!("free text has at most {WORDS} words"))),
        _ => Ok(found),
    }
}

/// The words of a text, in lower case: letters, digits and underscores that follow each other.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|char: char| !char.is_alphanumeric() && char != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

fn has_words(event: &Value, wanted: &[String]) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let mut missing: Vec<&str> = wanted.iter().map(String::as_str).collect();
    each_text(event, &mut |text| {
        for word in words(text) {
            missing.retain(|missing| *missing != word);
        }
    });
    missing.is_empty()
}

/// Every string and number within a value, but no names.
pub(crate) fn each_text(value: &Value, each: &mut dyn FnMut(&str)) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| each_text(element, each)),
        Value::Object(members) => members.values().for_each(|value| each_text(value, each)),
        Value::String(text) => each(text),
        Value::Number(number) => each(&number.to_string()),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Whether any value at that path passes the test. An array stands for each of its elements.
pub(crate) fn find(value: &Value, path: &str, test: &mut dyn FnMut(&Value) -> bool) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| find(element, path, test)),
        Value::Object(members) => {
            members.get(path).is_some_and(|value| any(value, test))
                || path.match_indices('.').any(|(dot, _)| {
                    members.get(&path[..dot]).is_some_and(|value| find(value, &path[dot + 1..], test))
                })
        }
        _ => false,
    }
}

fn any(value: &Value, test: &mut dyn FnMut(&Value) -> bool) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| any(element, test)),
        value => test(value),
    }
}

/// What a value says that is neither object nor array.
pub(crate) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(yes) => Some(if *yes { "true" } else { "false" }.into()),
        Value::Null => Some("null".into()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn text_is(value: &Value, wanted: &str) -> bool {
    text(value).is_some_and(|text| text == wanted)
}

fn target_is(target: &Value, wanted: &str) -> bool {
    find(target, "id", &mut |id| {
        let Some(id) = text(id) else { return false };
        let of_type = wanted.strip_suffix(&*id).and_then(|rest| rest.strip_suffix(':'));
        id == wanted
            || of_type.is_some_and(|of_type| find(target, "type", &mut |value| text_is(value, of_type)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(filter: &str, event: &str) -> bool {
        filter.parse::<Member>().unwrap().matches(&parse(event))
    }

    #[test]
    fn finds_members_at_any_depth() {
        let event =
            r#"{"actor":{"id":"u_1","n":7},"tags":["a","b"],"to":[{"id":"x"}],"a.b":{"c":true},"z":null}"#;
        for filter in
            ["actor.id=u_1", "actor.n=7", "actor.n=7.0", "tags=b", "to.id=x", "a.b.c=true", "z=null"]
        {
            assert!(member(filter, event), "{filter}");
        }
        for filter in
            ["actor.id=u_2", "actor=u_1", "actor.id.x=u_1", "id=u_1", "tags=c", "actor.n=\"7\"", "actor.id="]
        {
            assert!(!member(filter, event), "{filter}");
        }
    }

    #[test]
    fn a_member_needs_a_field() {
        assert!("=x".parse::<Member>().is_err() && "x".parse::<Member>().is_err());
        assert!(member("a=b=c", r#"{"a":"b=c"}"#));
    }

    fn matches(condition: (&str, &str), event: &str) -> bool {
        let mut filter = Filter::default();
        filter.set(condition.0, condition.1).unwrap();
        filter.matches_event(&parse(event))
    }

    #[test]
    fn members_that_have_a_name() {
        let event =
            r#"{"action":"job.update","actor":{"id":"u_1"},"target":{"type":"job","id":"a:1"},"tenant":7}"#;
        for condition in [
            ("action", "job.update"),
            ("action", "job.*"),
            ("actor", "u_1"),
            ("target", "a:1"),
            ("target", "job:a:1"),
            ("tenant", "7"),
            ("outcome", "success"),
        ] {
            assert!(matches(condition, event), "{condition:?}");
        }
        for condition in [
            ("action", "job"),
            ("action", "jo.*"),
            ("action", "job.update.*"),
            ("actor", "U_1"),
            ("target", "1"),
            ("target", "a:a:1"),
            ("outcome", "failure"),
        ] {
            assert!(!matches(condition, event), "{condition:?}");
        }
        assert!(!matches(("outcome", "success"), r#"{"outcome":"failure"}"#));
    }

    #[test]
    fn free_text_is_words_in_any_order_and_case() {
        let event = r#"{"a":"The Straße, 東京","b":[{"c":"ann@example.com"}],"n":403,"name":true}"#;
        for text in ["straße THE", "東京", "ann@example.com", "403", "example  ann"] {
            assert!(matches(("q", text), event), "{text}");
        }
        for text in ["stra", "name", "true", "ann bob"] {
            assert!(!matches(("q", text), event), "{text}");
        }
    }

    #[test]
    fn conditions_are_not_guessed_at() {
        let mut filter = Filter::default();
        for (name, value) in [
            ("action", "*"),
            ("action", "job*"),
            ("action", ".*"),
            ("actor", ""),
            ("since", "yesterday"),
            ("until", "2026-02-30"),
            ("chain", "DA7F84A510CB84B8CBB5B74A63C306EC"),
            ("q", "?!"),
            ("colour", "red"),
        ] {
            assert!(filter.set(name, value).is_err(), "{name}={value}");
        }
        assert!(filter.is_empty());
        filter.set("actor", "a").unwrap();
        assert!(filter.set("actor", "b").is_err());
    }
}
