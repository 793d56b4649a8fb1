//! Filters on events: a query in the language of `docs/query.md`, or parameters that each add a condition to
//! one.
//!
//! The query alone decides if an event matches. The search index only narrows down the entries to examine.
//!
//! ```
//! use countersign_log::event_filter::EventFilter;
//!
//! let now = "2026-11-20T06:00:00.000Z".parse().unwrap();
//! let mut filter = EventFilter::default();
//! filter.set("action", "job.*", now)?;
//! filter.set("query", "actor:ada since:-7d", now)?;
//! assert_eq!(filter.query().to_string(), "\"action\"==job.* actor:ada since:2026-11-13T06:00:00.000Z");
//! # Ok::<(), countersign_log::event_filter::ParameterError>(())
//! ```

use std::borrow::Cow;

use countersign::link::ChainId;
use countersign::time::Time;
use countersign_query::condition::Basis;
use countersign_query::matcher::{Matcher, Pattern, Span, fold, words};
use countersign_query::{Condition, Field, Path, Query, QueryError, Short};

/// The maximum number of words in free text.
const MAX_WORDS: usize = 32;

/// An invalid value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The value of `query` can't be parsed.
    #[error("{}", .0.message)]
    Query(QueryError),
    /// The value of another parameter is invalid, for the reason given.
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

/// The parameters that [`EventFilter::set`] knows.
pub const CONDITIONS: [&str; 10] =
    ["actor", "action", "target", "outcome", "tenant", "since", "until", "chain", "q", "query"];

/// A filter on events. All conditions must hold. Without any, all events match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventFilter {
    names: Vec<&'static str>,
    query: Query,
    /// The value of the parameter `since`.
    since: Option<Time>,
}

impl EventFilter {
    /// Adds the condition of a parameter in [`CONDITIONS`]. Relative times in a query count from `now`.
    ///
    /// # Errors
    /// [`ParameterError`] if the parameter is unknown, was set before, or can't have this value.
    pub fn set(&mut self, name: &str, value: &str, now: Time) -> Result<(), ParameterError> {
        let Some(name) = CONDITIONS.into_iter().find(|known| *known == name) else {
            return Err(
                format!("unknown condition {name:?}; known conditions: {}", CONDITIONS.join(", ")).into()
            );
        };
        if value.is_empty() {
            return Err(format!("{name} must not be empty").into());
        }
        if self.names.contains(&name) {
            return Err(format!("{name} must not be repeated").into());
        }
        let query = match name {
            "query" => Query::parse(value, now)?,
            "q" => free_text(value)?,
            "since" => {
                self.since = Some(time(value)?);
                recorded(Span { from: self.since, until: None })
            }
            "until" => recorded(Span { from: None, until: Some(time(value)?) }),
            "chain" => condition(Field::Short(Short::Chain), exactly(&chain(value)?.to_string())),
            "target" => condition(Field::Short(Short::Target), exactly(value)),
            _ => condition(Field::Member(member(name)), value_matcher(name, value)?),
        };
        self.names.push(name);
        self.query = std::mem::take(&mut self.query).and(query);
        Ok(())
    }

    /// True if there are no conditions.
    pub fn is_empty(&self) -> bool {
        self.query.is_empty()
    }

    /// True if there are no conditions but `since` and `until`.
    pub fn is_of_time_alone(&self) -> bool {
        self.names.iter().all(|name| matches!(*name, "since" | "until"))
    }

    /// True if the only condition is `since`, and `now` is not before it. It then selects all entries from some entry
    /// on, and so all that are added from `now` on.
    pub fn is_range_at(&self, now: Time) -> bool {
        self.names == ["since"] && self.since.is_some_and(|since| since <= now)
    }

    /// Returns the names of the parameters that were set.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// Returns all conditions as a query.
    pub fn query(&self) -> &Query {
        &self.query
    }
}

/// Returns the field of an event that a parameter, or a condition of a scope, applies to.
pub fn member(name: &str) -> Path {
    match name {
        "actor" => Path::from_names(["actor", "id"]),
        name => Path::from_names([name]),
    }
}

/// Returns the matcher for the value of a parameter or a condition of a scope: exactly this string, or for an action
/// such as `job.*` everything below it.
pub(crate) fn value_matcher(name: &str, value: &str) -> Result<Matcher, ParameterError> {
    if name != "action" {
        return Ok(exactly(value));
    }
    let (begin, below) = match value.strip_suffix(".*") {
        Some(begin) => (begin, true),
        None => (value, false),
    };
    if begin.is_empty() || begin.contains('*') {
        return Err(
            "an action must be a name such as job.update, or job.* for all names that start with job.".into(),
        );
    }
    Ok(if below {
        Matcher::Text(Pattern::from_cased_pieces([format!("{begin}."), String::new()]))
    } else {
        exactly(value)
    })
}

fn exactly(text: &str) -> Matcher {
    Matcher::Text(Pattern::from_cased_pieces([text.to_owned()]))
}

fn condition(field: Field, value: Matcher) -> Query {
    Condition::Is { field, values: vec![value] }.into()
}

fn recorded(span: Span) -> Query {
    Condition::Time(Basis::Recorded, span).into()
}

/// Parses a time with optional milliseconds, or a date, which means midnight UTC.
fn time(text: &str) -> Result<Time, ParameterError> {
    let whole = match text.len() {
        10 => Cow::Owned(format!("{text}T00:00:00.000Z")),
        20 => Cow::Owned(format!("{}.000Z", text.trim_end_matches('Z'))),
        _ => Cow::Borrowed(text),
    };
    Time::parse(whole.as_bytes())
        .ok_or_else(|| "a time must be in UTC, as 2026-11-20T06:01:02.345Z or 2026-11-20".into())
}

pub(crate) fn chain(text: &str) -> Result<ChainId, ParameterError> {
    ChainId::parse(text.as_bytes()).ok_or_else(|| "a chain must be 32 lower-case hex digits".into())
}

fn free_text(text: &str) -> Result<Query, ParameterError> {
    let text = fold(text);
    let mut found: Vec<&str> = words(&text).collect();
    found.sort_unstable();
    found.dedup();
    match found.len() {
        0 => Err("free text must contain a letter or digit".into()),
        count if count > MAX_WORDS => Err(format!("free text must have at most {MAX_WORDS} words").into()),
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
        let mut filter = EventFilter::default();
        filter.set(parameter.0, parameter.1, now()).unwrap();
        let document = Document::parse(event).unwrap();
        let root = document.root();
        let parsers = Parsers::built_in();
        let read = parsers.parse(&root);
        filter.query().matches(&Entry { event: Some(root), read: read.as_ref(), ..Entry::recorded(now()) })
    }

    #[test]
    fn parameters_match_case_sensitively() {
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
        assert!(
            !matches(("outcome", "success"), r#"{"action":"a.b"}"#),
            "a missing outcome is not a success"
        );
    }

    #[test]
    fn free_text_matches_words_in_any_order_and_case() {
        let event = r#"{"a":"The Straße, 東京","b":[{"c":"ann@example.com"}],"n":403,"name":true}"#;
        for text in ["straße THE", "東京", "ann@example.com", "403", "example  ann"] {
            assert!(matches(("q", text), event), "{text}");
        }
        for text in ["stra", "name", "true", "ann bob"] {
            assert!(!matches(("q", text), event), "{text}");
        }
    }

    #[test]
    fn rejects_invalid_conditions() {
        let mut filter = EventFilter::default();
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
            assert!(filter.set(name, value, now()).is_err(), "{name}={value}");
        }
        assert!(filter.is_empty());
        filter.set("actor", "a", now()).unwrap();
        assert!(filter.set("actor", "b", now()).is_err());
        let refused = filter.set("query", "a OR", now()).unwrap_err();
        assert!(matches!(refused, ParameterError::Query(error) if error.code.as_str() == "query.operator"));
    }
}
