//! Strings that an event's JSON must contain to match a query, so that most events need not be parsed.
//!
//! ```
//! use countersign_query::{Query, Parsers, needle::Needles};
//!
//! let query = Query::parse("actor:ada outcome:failure", "2026-11-20T06:00:00.000Z".parse()?)?;
//! let needles = Needles::new(&query, &Parsers::built_in());
//! // An event without "ada" can't be hers. Outcomes are spelled in many ways, so they add no needle.
//! assert_eq!(needles.matching(), Some(&["ada".to_owned()][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::cmp::Reverse;

use crate::condition::{Condition, Field, Node, Path, Query};
use crate::matcher::{Matcher, Pattern};
use crate::parser::{Parsers, Spelling};

/// Alternative needles: the event's JSON must contain at least one, in upper or lower case.
#[derive(Clone, Debug)]
struct Need {
    needles: Vec<String>,
    /// True if the needles are field names, which most events contain.
    is_names: bool,
}

impl Need {
    /// Ranks by how rare the needles are in events.
    fn worth(&self) -> (bool, usize, Reverse<usize>) {
        let shortest = self.needles.iter().map(String::len).min().unwrap_or_default();
        (!self.is_names, shortest, Reverse(self.needles.len()))
    }

    /// Merges the alternatives of several needs. Returns `None` if any of them can match without a needle.
    fn any(each: impl Iterator<Item = Option<Self>>) -> Option<Self> {
        let each = each.collect::<Option<Vec<_>>>()?;
        let is_names = each.iter().any(|need| need.is_names);
        let mut needles: Vec<String> = each.into_iter().flat_map(|need| need.needles).collect();
        needles.sort_unstable();
        needles.dedup();
        Some(Self { needles, is_names })
    }
}

/// The needles of a query: short strings in lowercase ASCII. If an event's JSON contains none of them in either case,
/// and no `\u` either, the event can't match.
#[derive(Clone, Debug)]
pub struct Needles {
    matching: Option<Need>,
    conditions: Vec<Option<Need>>,
    fields: Vec<Option<Need>>,
}

impl Needles {
    /// Finds the needles of a query for events parsed by these parsers.
    pub fn new(query: &Query, parsers: &Parsers) -> Self {
        let conditions = || query.conditions().iter().map(|placed| &placed.condition);
        let fields = conditions().map(field_need).collect();
        let conditions: Vec<_> = conditions().map(|condition| condition_need(condition, parsers)).collect();
        Self { matching: node_need(query.root(), &conditions), conditions, fields }
    }

    /// Returns the needles for the whole query, or `None` if an event can match without any.
    pub fn matching(&self) -> Option<&[String]> {
        self.matching.as_ref().map(|need| &need.needles[..])
    }

    /// True if an event with this JSON may match the query.
    pub fn may_match(&self, json: &str) -> bool {
        let Some(Need { needles, .. }) = &self.matching else { return true };
        let json = json.as_bytes();
        needles.iter().any(|needle| contains(json, needle.as_bytes()))
            || memchr::memmem::find(json, b"\\u").is_some()
    }

    /// Returns the needles for a condition, by index, or `None` if it can hold without any.
    pub fn condition(&self, nth: usize) -> Option<&[String]> {
        self.conditions.get(nth)?.as_ref().map(|need| &need.needles[..])
    }

    /// Returns the needles for an event to have a condition's field, by the condition's index.
    pub fn field(&self, nth: usize) -> Option<&[String]> {
        self.fields.get(nth)?.as_ref().map(|need| &need.needles[..])
    }
}

/// True if the text contains the needle, ignoring ASCII case. The needle must be in lower case.
fn contains(text: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text).any(|at| {
        let after = text.get(at + 1..).and_then(|after| after.get(..rest.len()));
        after.is_some_and(|after| after.eq_ignore_ascii_case(rest))
    })
}

fn node_need(node: &Node, conditions: &[Option<Need>]) -> Option<Need> {
    match node {
        Node::All(nodes) => {
            nodes.iter().filter_map(|node| node_need(node, conditions)).max_by_key(Need::worth)
        }
        Node::Any(nodes) => Need::any(nodes.iter().map(|node| node_need(node, conditions))),
        Node::Not(_) => None,
        Node::Condition(nth) => conditions.get(*nth)?.clone(),
    }
}

fn condition_need(condition: &Condition, parsers: &Parsers) -> Option<Need> {
    match condition {
        Condition::Is { field: Field::Member(path), values } | Condition::Only { path, values } => {
            let values = Need::any(values.iter().map(|value| value_need(value, &Plain::default())));
            values.or_else(|| path_need(path))
        }
        Condition::Is { field: Field::Short(short), values } => {
            let spelling = parsers.spelling(*short)?;
            // Parties also match by the words of a name, in any order.
            let words = short.is_party();
            let plain = Plain { words, spelling };
            Need::any(values.iter().map(|value| value_need(value, &plain)))
        }
        Condition::Has(Field::Member(path)) | Condition::Changed(path) => path_need(path),
        Condition::Text(pattern) => pattern_need(pattern, &Plain::default()),
        Condition::Word(word) => Plain::default().longest([word.as_str()]),
        Condition::Has(Field::Short(_)) | Condition::Time(..) | Condition::UnclearTime => None,
    }
}

fn field_need(condition: &Condition) -> Option<Need> {
    match condition {
        Condition::Is { field: Field::Member(path), .. }
        | Condition::Has(Field::Member(path))
        | Condition::Only { path, .. }
        | Condition::Changed(path) => path_need(path),
        _ => None,
    }
}

/// Every name in the path occurs in an event that has the field.
fn path_need(path: &Path) -> Option<Need> {
    let need = Plain::default().longest(path.names().iter().map(String::as_str))?;
    Some(Need { is_names: true, ..need })
}

fn value_need(value: &Matcher, plain: &Plain) -> Option<Need> {
    match value {
        Matcher::Text(pattern) => pattern_need(pattern, plain),
        // Times and addresses can be written in many ways.
        Matcher::Literal(literal) => {
            let number = Pattern::exactly(literal.number()?);
            Need::any([literal.pattern(), &number].into_iter().map(|pattern| pattern_need(pattern, plain)))
        }
        _ => None,
    }
}

fn pattern_need(pattern: &Pattern, plain: &Plain) -> Option<Need> {
    plain.longest(pattern.pieces().iter().map(String::as_str))
}

/// The parts of a string that occur unchanged in an event's JSON, except for their case.
#[derive(Default)]
struct Plain {
    /// True if only whole words qualify.
    words: bool,
    spelling: Spelling,
}

impl Plain {
    fn has(&self, char: char) -> bool {
        let is_word = char.is_ascii_alphanumeric() || char == '_';
        // A slash can be escaped, and the Kelvin sign lowercases to `k`.
        (' '..='~').contains(&char)
            && !matches!(char, '"' | '\\' | '/' | 'k' | 'K')
            && (is_word || !self.words)
            && !self.spelling.is_seam(char)
    }

    /// Returns the longest qualifying run of characters in any of the texts.
    fn longest<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Option<Need> {
        let needles = texts
            .into_iter()
            .flat_map(|text| text.split(|char| !self.has(char)))
            .filter(|needle| !needle.is_empty())
            .map(str::to_ascii_lowercase)
            .filter(|needle| {
                !self.spelling.constants().iter().any(|constant| constant.contains(needle.as_str()))
            });
        Some(Need { needles: vec![needles.max_by_key(String::len)?], is_names: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(query: &str) -> Needles {
        let now = "2026-11-20T06:00:00.000Z".parse().unwrap();
        Needles::new(&Query::parse(query, now).unwrap(), &Parsers::built_in())
    }

    #[test]
    fn may_match_requires_a_needle() {
        let needles = needles("actor:ada OR actor:bob");
        for json in [r#"{"actor":"ada"}"#, r#"{"x":"BOb"}"#, r#"{"actor":"\u0061da"}"#, "bo bob"] {
            assert!(needles.may_match(json), "{json}");
        }
        for json in [r#"{"actor":"ad"}"#, "", "aDbO", r#"{"actor":"carol"}"#] {
            assert!(!needles.may_match(json), "{json}");
        }
        let now = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let any = Needles::new(&Query::parse("-actor:ada", now).unwrap(), &Parsers::built_in());
        assert!(any.may_match("{}"));
    }

    #[test]
    fn finds_the_needles_of_a_query() {
        for (query, wanted) in [
            ("actor:u_12345", Some(&["u_12345"][..])),
            ("actor:\"Ada Okafor\"", Some(&["afor"])),
            ("actor:service:job-77", Some(&["job"])),
            ("action:invoice.*", Some(&["invoice"])),
            ("context.request_id:a9f3", Some(&["a9f3"])),
            ("http.status:200", Some(&["200"])),
            ("http.status>=400", Some(&["status"])),
            ("has:before n:7", Some(&["7"])),
            ("x:2e3", Some(&["2000", "2e3"])),
            ("metadata.ip:10.0.0.1", Some(&["metadata"])),
            ("night shift", Some(&["shift"])),
            ("\"a\\\\b\"", Some(&["b"])),
            ("word:Straße", Some(&["stra"])),
            ("actor:ada OR actor:bob", Some(&["ada", "bob"])),
            ("actor:ada OR outcome:failure", None),
            ("actor:ada outcome:failure since:2020", Some(&["ada"])),
            ("has:before", Some(&["before"])),
            ("changed:role", Some(&["role"])),
            ("-actor:ada", None),
            ("outcome:success", None),
            ("as:cloudtrail", None),
            ("ip:10.0.0.0/8", None),
            ("since:2020", None),
            ("", None),
        ] {
            let found = needles(query);
            let wanted =
                wanted.map(|wanted| wanted.iter().map(|&needle| needle.to_owned()).collect::<Vec<_>>());
            assert_eq!(found.matching(), wanted.as_deref(), "{query}");
        }
    }
}
