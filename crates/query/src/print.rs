//! Formats queries as text that parses to an equal query.

use core::fmt::{self, Display, Formatter, Write as _};

use countersign::canonical;
use countersign::time::Time;

use crate::condition::{Basis, Condition, Field, Node, Path, Query, Short};
use crate::foreign_syntax;
use crate::matcher::{Bounds, Literal, Matcher, Pattern, Span};
use crate::moment::Moment;
use crate::parse::{KEYWORDS, OUTCOMES, SPECIAL, any_word};

/// Formats the query with absolute times.
impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.root {
            Node::All(nodes) => self.joined(f, nodes, " "),
            node => self.node(f, node),
        }
    }
}

impl Query {
    fn node(&self, f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
        match node {
            Node::All(nodes) | Node::Any(nodes) => {
                f.write_char('(')?;
                self.joined(f, nodes, if matches!(node, Node::All(_)) { " " } else { " OR " })?;
                f.write_char(')')
            }
            Node::Not(node) => {
                f.write_char('-')?;
                self.node(f, node)
            }
            Node::Condition(nth) => {
                self.conditions.get(*nth).map_or(Ok(()), |placed| placed.condition.fmt(f))
            }
        }
    }

    fn joined(&self, f: &mut Formatter<'_>, nodes: &[Node], between: &str) -> fmt::Result {
        for (nth, node) in nodes.iter().enumerate() {
            f.write_str(if nth > 0 { between } else { "" })?;
            self.node(f, node)?;
        }
        Ok(())
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is { field, values } => {
                field.fmt(f)?;
                is(f, values, Position::for_field(field))
            }
            Self::Only { path, values } => {
                path.fmt(f)?;
                is(f, values, Position::Value)
            }
            Self::Has(field) => write!(f, "has:{field}"),
            Self::Changed(path) => write!(f, "changed:{path}"),
            Self::Text(pattern) => {
                let inner = pattern.pieces().len().saturating_sub(1);
                pieces(f, pattern.pieces().get(1..inner).unwrap_or_default(), Position::Text)
            }
            Self::Word(word) => write!(f, "word:{word}"),
            Self::UnclearTime => f.write_str("time:unclear"),
            Self::Time(basis, span) => {
                let (time, since, until) = match basis {
                    Basis::Happened => ("time", "since", "until"),
                    Basis::Recorded => ("recorded", "recorded-since", "recorded-until"),
                };
                match span {
                    Span { from: Some(from), until: None } => write!(f, "{since}:{from}"),
                    Span { from: None, until: Some(end) } => write!(f, "{until}:{end}"),
                    span => {
                        write!(f, "{time}:")?;
                        span_range(f, span)
                    }
                }
            }
        }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(short) => f.write_str(short.as_str()),
            Self::Member(path) => path.fmt(f),
        }
    }
}

/// Quotes names that are not plain words, or that would be taken for something else.
impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_taken = matches!(self.names(), [one] if Short::parse(one).is_some() || SPECIAL.contains(&&**one) || foreign_syntax::is_no_name(one));
        for (nth, name) in self.names().iter().enumerate() {
            f.write_str(if nth > 0 { "." } else { "" })?;
            let is_taken = is_taken || nth == 0 && foreign_syntax::is_marked(name);
            let plain = !is_taken && !name.is_empty() && name.chars().all(is_plain_in_name);
            if plain && !name.starts_with('-') { f.write_str(name)? } else { quoted(f, name)? }
        }
        Ok(())
    }
}

fn is_plain_in_name(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '@' | '/' | '#' | '$' | '-')
}

/// Writes the operator and the values.
fn is(f: &mut Formatter<'_>, values: &[Matcher], position: Position) -> fmt::Result {
    if let [value] = values {
        match value {
            Matcher::Number(Bounds { low: Some((low, within)), high: None }) => {
                return write!(f, "{}{}", if *within { ">=" } else { ">" }, number(*low));
            }
            Matcher::Number(Bounds { low: None, high: Some((high, within)) }) => {
                return write!(f, "{}{}", if *within { "<=" } else { "<" }, number(*high));
            }
            Matcher::Time(Span { from: Some(from), until: None }) => return write!(f, ">={from}"),
            Matcher::Time(Span { from: None, until: Some(until) }) => return write!(f, "<{until}"),
            _ => {}
        }
    }
    let cased = |value: &Matcher| matches!(value, Matcher::Text(pattern) if pattern.is_cased());
    f.write_str(if values.iter().any(cased) { "==" } else { ":" })?;
    for (nth, value) in values.iter().enumerate() {
        f.write_str(if nth > 0 { "," } else { "" })?;
        match value {
            Matcher::Text(pattern) => pieces(f, pattern.pieces(), position)?,
            Matcher::Literal(Literal { text, .. })
                if position == Position::Outcome || text.contains([' ', '"', '\\', '*', ',', '(', ')']) =>
            {
                quoted(f, text)?;
            }
            Matcher::Literal(Literal { text, .. }) => f.write_str(text)?,
            Matcher::Number(Bounds { low, high }) => {
                let end = |end: &Option<(f64, bool)>| end.map_or_else(|| "*".into(), |(end, _)| number(end));
                write!(f, "{}..{}", end(low), end(high))?;
            }
            Matcher::Time(span) => span_range(f, span)?,
            Matcher::Network(network) => network.fmt(f)?,
        }
    }
    Ok(())
}

fn number(value: f64) -> String {
    canonical::number(value).unwrap_or_default()
}

/// Writes a time range, whose end is inclusive.
fn span_range(f: &mut Formatter<'_>, span: &Span) -> fmt::Result {
    let last = span.until.map(|until| Time::from_millis(until.millis() - 1).unwrap_or(Time::MIN));
    let end = |end: Option<Time>| end.map_or_else(|| "*".into(), |end| end.to_string());
    write!(f, "{}..{}", end(span.from), end(last))
}

/// The position of a text with stars.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Text,
    Value,
    Outcome,
}

impl Position {
    fn for_field(field: &Field) -> Self {
        if *field == Field::Short(Short::Outcome) { Self::Outcome } else { Self::Value }
    }
}

impl Field {
    /// Formats a value for a query on this field, quoted if it would otherwise be taken for something else.
    ///
    /// ```
    /// use countersign_query::{Field, Short};
    ///
    /// assert_eq!(Field::Short(Short::Outcome).written("done"), "\"done\"");
    /// assert_eq!(Field::Short(Short::Action).written("done"), "done");
    /// ```
    pub fn written(&self, value: &str) -> String {
        struct Value<'v>([String; 1], &'v Field);
        impl Display for Value<'_> {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                pieces(f, &self.0, Position::for_field(self.1))
            }
        }
        Value([value.to_owned()], self).to_string()
    }
}

/// Writes pieces with stars between them. Quotes a piece that would otherwise be taken for something else.
fn pieces(f: &mut Formatter<'_>, pieces: &[String], position: Position) -> fmt::Result {
    let is_text = position == Position::Text;
    let plain = |char: char| {
        char.is_alphanumeric()
            || matches!(char, '_' | '.' | '@' | '/' | '+' | '#' | '$' | '-')
            || !is_text && char == ':'
    };
    let is_one = |words: &str, piece: &str| any_word(words, &|one| one.eq_ignore_ascii_case(piece));
    let means_more = |piece: &str| {
        let alone = if is_text {
            KEYWORDS.iter().any(|words| is_one(words, piece))
        } else {
            foreign_syntax::is_class(piece)
                || position == Position::Outcome && !is_one(OUTCOMES, piece)
                || Literal::parse(piece).is_some()
        };
        // After a field named `arn`, such a value would read as an ARN. Addresses are quoted for their slashes.
        piece.contains("..") || !is_text && piece.starts_with("aws") || pieces.len() == 1 && alone
    };
    for (nth, piece) in pieces.iter().enumerate() {
        f.write_str(if nth > 0 { "*" } else { "" })?;
        // Quotes also protect what reads as a network or a regular expression.
        let needs_quotes = !piece.chars().all(plain)
            || piece.contains('/')
            || means_more(piece)
            || nth == 0 && (if is_text { piece.starts_with('-') } else { piece.starts_with(['@', ':']) })
            || is_text && Moment::parse_for(&["-", piece].concat(), Time::MAX).is_some()
            || piece.is_empty() && pieces.len() == 1;
        if !needs_quotes {
            f.write_str(piece)?;
        } else if !piece.is_empty() || pieces.len() == 1 {
            quoted(f, piece)?;
        }
    }
    Ok(())
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for char in text.chars() {
        if matches!(char, '"' | '\\' | '*') {
            f.write_char('\\')?;
        }
        f.write_char(char)?;
    }
    f.write_char('"')
}

/// Formats the pattern as a value.
impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        pieces(f, self.pieces(), Position::Value)
    }
}
