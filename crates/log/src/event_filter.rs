//! Which events are asked for: a query, in the language of `docs/query.md`, or parameters that stand for conditions of it.
//!
//! Whether an event matches is decided by the query alone. The search index only tells where to look.
//!
//! ```
//! use countersign_log::event_filter::Asked;
//!
//! let now = "2026-11-20T06:00:00.000Z".parse().unwrap();
//! let mut asked = Asked::default();
//! asked.set("action", "job.*", now)?;
//! asked.set("query", "actor:ada since:-7d", now)?;
//! assert_eq!(asked.query().to_string(), "\"action\"==job.* actor:ada since:2026-11-13T06:00:00.000Z");
//! # Ok::<(), countersign_log::event_filter::ParameterError>(())
//! ```

use std::borrow::Cow;

use countersign::link::ChainId;
use countersign::time::Time;
use countersign_query::condition::Basis;
use countersign_query::matcher::{Matcher, Pattern, Span, fold, words};
use countersign_query::{Condition, Field, Path, Query, QueryError, Short};

/// The most words that free text may have.
const WORDS: usize = 32;

/// A value that a parameter cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// A part of the query was not understood.
    #[error("{}", .0.message)]
    Query(QueryError),
    /// Another parameter has a value that it cannot have, for this reason.
    #[error("{0}")]
    Value(String),
}

impl From<String> for ParameterError {
    fn from(message: String) -> Self {
        Self::Value(message)
    }
}

impl From<&str> for ParameterError {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl From<QueryError> for ParameterError {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

/// The parameters that [`Asked::set`] knows.
pub const CONDITIONS: [&str; 10] =
    ["actor", "action", "target", "outcome", "tenant", "since", "until", "chain", "q", "query"];

/// What an event must be to be shown. Every condition must hold; without any, all events match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    names: Vec<&'static str>,
    query: Query,
}

impl Asked {
    /// Adds the conditions that a parameter stands for, one of [`CONDITIONS`]. Lengths of time in a query count from
    /// `now`.
    ///
    /// # Errors
    /// When there is no such parameter, it is there already, or it cannot have this value.
    pub fn set(&mut self, name: &str, value: &str, now: Time) -> Result<(), ParameterError> {
        let Some(name) = CONDITIONS.into_iter().find(|known| *known == name) else {
            return Err(format!("there is no condition of the name {name:?}").into());
        };
        if value.is_empty() {
            return Err(format!("{name} has no value: leave it out, or give it one").into());
        }
        if self.names.contains(&name) {
            return Err(format!("{name} is there twice").into());
        }
        let query = match name {
            "query" => Query::parse(value, now)?,
            "q" => free_text(value)?,
            "since" => recorded(Span { from: Some(time(value)?), until: None }),
            "until" => recorded(Span { from: None, until: Some(time(value)?) }),
            "chain" => condition(Field::Short(Short::Chain), exactly(&chain(value)?.to_string())),
            "target" => condition(Field::Short(Short::Target), exactly(value)),
            _ => condition(Field::Member(member(name)), one(name, value)?),
        };
        self.names.push(name);
        self.query = std::mem::take(&mut self.query).and(query);
        Ok(())
    }

    /// Whether there is no condition.
    pub fn is_empty(&self) -> bool {
        self.query.is_empty()
    }

    /// Whether nothing but when links were made is asked, by `since` and `until`.
    pub fn is_of_time_alone(&self) -> bool {
        self.names.iter().all(|name| matches!(*name, "since" | "until"))
    }

    /// The parameters that were given.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// All of it as a query.
    pub fn query(&self) -> &Query {
        &self.query
    }
}

/// The member that a parameter or a condition of a scope is about.
pub fn member(name: &str) -> Path {
    match name {
        "actor" => Path::of(["actor", "id"]),
        name => Path::of([name]),
    }
}

/// What a member must be that a parameter or a condition of a scope is about: this text, case and all, or for an action
/// all below it.
pub(crate) fn one(name: &str, value: &str) -> Result<Matcher, ParameterError> {
    if name != "action" {
        return Ok(exactly(value));
    }
    let (begin, below) = match value.strip_suffix(".*") {
        Some(begin) => (begin, true),
        None => (value, false),
    };
    if begin.is_empty() || begin.contains('*') {
        return Err("an action is one such as job.update, or job.* for all of a kind".into());
    }
    Ok(if below {
        Matcher::Text(Pattern::of_cased([format!("{begin}."), String::new()]))
    } else {
        exactly(value)
    })
}

fn exactly(text: &str) -> Matcher {
    Matcher::Text(Pattern::of_cased([text.to_owned()]))
}

fn condition(field: Field, value: Matcher) -> Query {
    Condition::Is { field, values: vec![value] }.into()
}

fn recorded(span: Span) -> Query {
    Condition::Time(Basis::Recorded, span).into()
}

/// A moment: a time, without its milliseconds, or a date alone, which is midnight UTC.
fn time(text: &str) -> Result<Time, ParameterError> {
    let whole = match text.len() {
        10 => Cow::Owned(format!("{text}T00:00:00.000Z")),
        20 => Cow::Owned(format!("{}.000Z", text.trim_end_matches('Z'))),
        _ => Cow::Borrowed(text),
    };
    Time::parse(whole.as_bytes())
        .ok_or_else(|| "a time is written in UTC as 2026-11-20T06:01:02.345Z or 2026-11-20".into())
}

pub(crate) fn chain(text: &str) -> Result<ChainId, ParameterError> {
    ChainId::parse(text.as_bytes()).ok_or_else(|| "a chain is 32 lower-case hex digits".into())
}

fn free_text(text: &str) -> Result<Query, ParameterError> {
    let text = fold(text);
    let mut found: Vec<&str> = words(&text).collect();
    found.sort_unstable();
    found.dedup();
    match found.len() {
        0 => Err("free text has at least one letter or digit".into()),
        count if count > WORDS => Err(format!("free text has at most {WORDS} words").into()),
        _ => {
            let word = |word: &str| Query::from(Condition::Word(word.into()));
            Ok(found.into_iter().map(word).fold(Query::default(), Query::and))
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_query::value::Document;
    use countersign_query::{Entry, Parsers};

    use super::*;

    fn now() -> Time {
        "2026-11-20T06:00:00.000Z".parse().unwrap()
    }

    fn matches(parameter: (&str, &str), event: &str) -> bool {
        let mut asked = Asked::default();
        asked.set(parameter.0, parameter.1, now()).unwrap();
        let document = Document::parse(event).unwrap();
        let root = document.root();
        let parsers = Parsers::built_in();
        let read = parsers.parse(&root);
        asked.query().matches(&Entry { event: Some(root), read: read.as_ref(), ..Entry::recorded(now()) })
    }

    #[test]
    fn parameters_stand_for_conditions_with_regard_to_case() {
        let event = r#"{"action":"job.update","actor":{"id":"u_1"},"outcome":"success","target":{"type":"job","id":"a:1"},"tenant":7}"#;
        for condition in [
            ("action", "job.update"),
            ("action", "job.*"),
            ("actor", "u_1"),
            ("target", "a:1"),
            ("target", "job:a:1"),
            ("tenant", "7"),
            ("outcome", "success"),
            ("query", "actor:U_1"),
        ] {
            assert!(matches(condition, event), "{condition:?}");
        }
        for condition in [
            ("action", "job"),
            ("action", "jo.*"),
            ("action", "JOB.*"),
            ("action", "job.update.*"),
            ("actor", "U_1"),
            ("target", "1"),
            ("target", "a:a:1"),
            ("outcome", "failure"),
        ] {
            assert!(!matches(condition, event), "{condition:?}");
        }
        assert!(!matches(("outcome", "success"), r#"{"action":"a.b"}"#), "what is not stated is no success");
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
        let mut asked = Asked::default();
        for (name, value) in [
            ("action", "*"),
            ("action", "job*"),
            ("action", ".*"),
            ("actor", ""),
            ("since", "yesterday"),
            ("until", "2026-02-30"),
            ("chain", "DA7F84A510CB84B8CBB5B74A63C306EC"),
            ("q", "?!"),
            ("color", "red"),
            ("query", "actor:"),
        ] {
            assert!(asked.set(name, value, now()).is_err(), "{name}={value}");
        }
        assert!(asked.is_empty());
        asked.set("actor", "a", now()).unwrap();
        assert!(asked.set("actor", "b", now()).is_err());
        let refused = asked.set("query", "a OR", now()).unwrap_err();
        assert!(matches!(refused, ParameterError::Query(error) if error.code.as_str() == "query.operator"));
    }
}
