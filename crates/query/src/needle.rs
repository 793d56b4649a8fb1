//! What must stand in an event's text for something to be true of it: so that most events need not be read.
//!
//! ```
//! use countersign_query::{Query, Parsers, needle::Needles};
//!
//! let query = Query::parse("actor:ada outcome:failure", "2026-11-20T06:00:00.000Z".parse()?)?;
//! let needles = Needles::of(&query, &Parsers::built_in());
//! // What has no "ada" in it is nothing that she did. An outcome may be told in other words.
//! assert_eq!(needles.matching(), Some(&["ada".to_owned()][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::cmp::Reverse;

use crate::condition::{Condition, Field, Node, Path, Query, Short};
use crate::matcher::{Matcher, Pattern};
use crate::parser::{Parsers, Spelling};

/// Of what an event's text must hold one at least, in any case.
#[derive(Clone, Debug)]
struct Need {
    needles: Vec<String>,
    /// Whether they are members' names, which most events have.
    of_names: bool,
}

impl Need {
    /// How seldom one of them stands in a text, about.
    fn worth(&self) -> (bool, usize, Reverse<usize>) {
        let shortest = self.needles.iter().map(String::len).min().unwrap_or_default();
        (!self.of_names, shortest, Reverse(self.needles.len()))
    }

    /// One of all of these; none where one of them can be any text.
    fn any(each: impl Iterator<Item = Option<Self>>) -> Option<Self> {
        let each = each.collect::<Option<Vec<_>>>()?;
        let of_names = each.iter().any(|need| need.of_names);
        let mut needles: Vec<String> = each.into_iter().flat_map(|need| need.needles).collect();
        needles.sort_unstable();
        needles.dedup();
        Some(Self { needles, of_names })
    }
}

/// The needles of a query: short texts in lower-case ASCII. Where an event's JSON has none of them, in upper or lower
/// case, and no `\u` in it either, what they stand for is not true of the event.
#[derive(Clone, Debug)]
pub struct Needles {
    matching: Option<Need>,
    conditions: Vec<Option<Need>>,
    fields: Vec<Option<Need>>,
}

impl Needles {
    /// Of this query, where events are read by these parsers.
    pub fn of(query: &Query, parsers: &Parsers) -> Self {
        let conditions = || query.conditions().iter().map(|asked| &asked.condition);
        let fields = conditions().map(of_field).collect();
        let conditions: Vec<_> = conditions().map(|condition| of_condition(condition, parsers)).collect();
        Self { matching: of_node(query.root(), &conditions), conditions, fields }
    }

    /// For an event to be as the query asks. None where nothing has to be in it.
    pub fn matching(&self) -> Option<&[String]> {
        self.matching.as_ref().map(|need| &need.needles[..])
    }

    /// True if the event of this JSON may be as the query asks.
    pub fn may_match(&self, json: &str) -> bool {
        let Some(Need { needles, .. }) = &self.matching else { return true };
        let json = json.as_bytes();
        needles.iter().any(|needle| contains(json, needle.as_bytes()))
            || memchr::memmem::find(json, b"\\u").is_some()
    }

    /// For a condition to hold, by its index.
    pub fn condition(&self, nth: usize) -> Option<&[String]> {
        self.conditions.get(nth)?.as_ref().map(|need| &need.needles[..])
    }

    /// For an event to have what a condition is about, by the condition's index.
    pub fn field(&self, nth: usize) -> Option<&[String]> {
        self.fields.get(nth)?.as_ref().map(|need| &need.needles[..])
    }
}

/// True if a text contains a needle, which is in lower case, in upper or lower case.
fn contains(text: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text).any(|at| {
        let after = text.get(at + 1..).and_then(|after| after.get(..rest.len()));
        after.is_some_and(|after| after.eq_ignore_ascii_case(rest))
    })
}

fn of_node(node: &Node, conditions: &[Option<Need>]) -> Option<Need> {
    match node {
        Node::All(nodes) => nodes.iter().filter_map(|node| of_node(node, conditions)).max_by_key(Need::worth),
        Node::Any(nodes) => Need::any(nodes.iter().map(|node| of_node(node, conditions))),
        Node::Not(_) => None,
        Node::Condition(nth) => conditions.get(*nth)?.clone(),
    }
}

fn of_condition(condition: &Condition, parsers: &Parsers) -> Option<Need> {
    match condition {
        Condition::Is { field: Field::Member(path), values } | Condition::Only { path, values } => {
            let values = Need::any(values.iter().map(|value| of_value(value, &Plain::default())));
            values.or_else(|| of_names(path))
        }
        Condition::Is { field: Field::Short(short), values } => {
            let spelling = parsers.spelling(*short)?;
            // Of a name any words will do, in any order.
            let words = matches!(short, Short::Actor | Short::Target);
            let plain = Plain { words, spelling };
            Need::any(values.iter().map(|value| of_value(value, &plain)))
        }
        Condition::Has(Field::Member(path)) | Condition::Changed(path) => of_names(path),
        Condition::Text(pattern) => of_pattern(pattern, &Plain::default()),
        Condition::Word(word) => Plain::default().longest([word.as_str()]),
        Condition::Has(Field::Short(_)) | Condition::Time(..) => None,
    }
}

fn of_field(condition: &Condition) -> Option<Need> {
    match condition {
        Condition::Is { field: Field::Member(path), .. }
        | Condition::Has(Field::Member(path))
        | Condition::Only { path, .. }
        | Condition::Changed(path) => of_names(path),
        _ => None,
    }
}

/// All names of a path stand in an event that has it.
fn of_names(path: &Path) -> Option<Need> {
    let need = Plain::default().longest(path.names().iter().map(String::as_str))?;
    Some(Need { of_names: true, ..need })
}

fn of_value(value: &Matcher, plain: &Plain) -> Option<Need> {
    match value {
        Matcher::Text(pattern) => of_pattern(pattern, plain),
        // Times and addresses are written in many ways.
        Matcher::Literal(literal) => {
            let number = Pattern::exactly(literal.number()?);
            Need::any([literal.pattern(), &number].into_iter().map(|pattern| of_pattern(pattern, plain)))
        }
        _ => None,
    }
}

fn of_pattern(pattern: &Pattern, plain: &Plain) -> Option<Need> {
    plain.longest(pattern.pieces().iter().map(String::as_str))
}

/// Which parts of a text stand in an event's JSON as they are, but for their case.
#[derive(Default)]
struct Plain {
    /// Words alone.
    words: bool,
    spelling: Spelling,
}

impl Plain {
    fn has(&self, char: char) -> bool {
        let is_word = char.is_ascii_alphanumeric() || char == '_';
        // A slash can be escaped. The Kelvin sign is a k in lower case.
        (' '..='~').contains(&char)
            && !matches!(char, '"' | '\\' | '/' | 'k' | 'K')
            && (is_word || !self.words)
            && !self.spelling.parts(char)
    }

    /// The longest stretch of these texts.
    fn longest<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Option<Need> {
        let needles = texts
            .into_iter()
            .flat_map(|text| text.split(|char| !self.has(char)))
            .filter(|needle| !needle.is_empty())
            .map(str::to_ascii_lowercase)
            .filter(|needle| !self.spelling.own().iter().any(|own| own.contains(needle.as_str())));
        Some(Need { needles: vec![needles.max_by_key(String::len)?], of_names: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(query: &str) -> Needles {
        let now = "2026-11-20T06:00:00.000Z".parse().unwrap();
        Needles::of(&Query::parse(query, now).unwrap(), &Parsers::built_in())
    }

    #[test]
    fn an_event_without_any_needle_does_not_match() {
        let needles = needles("actor:ada OR actor:bob");
        for json in [r#"{"actor":"ada"}"#, r#"{"x":"BOb"}"#, r#"{"actor":"\u0061da"}"#, "bo bob"] {
            assert!(needles.may_match(json), "{json}");
        }
        for json in [r#"{"actor":"ad"}"#, "", "aDbO", r#"{"actor":"carol"}"#] {
            assert!(!needles.may_match(json), "{json}");
        }
        let now = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let any = Needles::of(&Query::parse("-actor:ada", now).unwrap(), &Parsers::built_in());
        assert!(any.may_match("{}"));
    }

    #[test]
    fn what_must_be_there_is_found_in_the_query() {
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
