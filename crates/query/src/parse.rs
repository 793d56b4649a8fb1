//! Parser of queries.

use core::ops::Range;

use countersign::canonical;
use countersign::time::Time;

use crate::condition::{Basis, Condition, Field, Node, Path, PlacedCondition, Query, Short, all, any, not};
use crate::error::{Code, QueryError};
use crate::foreign_syntax;
use crate::lex::{Lexer, Piece, Terminator, Word};
use crate::matcher::{Bounds, Literal, Matcher, Network, Pattern, Span, fold, words};
use crate::moment::Moment;
use crate::parser::Category;
use crate::phrases;
use crate::split::split;

/// Maximum length of a query, in bytes.
pub(crate) const MAX_BYTES: usize = 16_384;
/// Maximum number of conditions in a query.
const MAX_CONDITIONS: usize = 128;
/// Maximum number of values in all conditions together.
const MAX_VALUES: usize = 1024;
/// Maximum nesting depth of parentheses and negations.
const MAX_LEVELS: usize = 32;

/// Words that are operators in other languages, in any case. `LISTS` counts before a parenthesis, `JOINS` everywhere,
/// and `COMPARES` right after a text.
pub(crate) const KEYWORDS: [&str; 3] = [LISTS, JOINS, COMPARES];
const LISTS: &str = "in";
const JOINS: &str = "and or not && & +";
const COMPARES: &str = "contains startswith endswith like matches between exists has null eq gt lt ~";

/// Outcomes that need no quotes, in any case.
pub(crate) const OUTCOMES: &str = "success failure denied unknown not-stated not_stated";

/// Quotation marks of other languages and word processors.
const QUOTES: &str = "' ‘ “ „ « `";

/// Prefixes of texts that would otherwise parse as a field and its value.
const TEXTS: &str = "arn:aws http:// https://";

/// True if `passes` holds for any of the space-separated words.
pub(crate) fn any_word(words: &str, passes: &dyn Fn(&str) -> bool) -> bool {
    split(words, b' ').any(passes)
}

impl Query {
    /// Parses a query. Durations such as `-7d` are relative to `now`.
    ///
    /// # Errors
    /// Returns the first part that is invalid. No part is silently ignored.
    pub fn parse(text: &str, now: Time) -> Result<Self, QueryError> {
        if text.len() > MAX_BYTES {
            let at = text.floor_char_boundary(MAX_BYTES)..text.len();
            return Err(QueryError::new(Code::Long, at, phrases::SIZE, phrases::HINT_LESS));
        }
        let lexer = Lexer { text, at: 0 };
        let mut parser = Parser { lexer, now, conditions: Vec::new(), values: 0, is_text: false };
        parser.lexer.space();
        if parser.lexer.rest().is_empty() {
            return Ok(Query::default());
        }
        let root = parser.parse_or(0)?;
        if parser.lexer.rest().is_empty() {
            return Ok(Query { root, conditions: parser.conditions });
        }
        let at = parser.lexer.at..parser.lexer.at + 1;
        Err(QueryError::new(Code::Parenthesis, at, phrases::NOT_OPENED, phrases::HINT_QUOTE))
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    now: Time,
    conditions: Vec<PlacedCondition>,
    values: usize,
    /// True if the last condition is a text that nothing has joined to the next yet: it may be a misplaced field.
    is_text: bool,
}

/// The operators between a field and its values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Is,
    /// Equal, case-sensitively.
    Same,
    More,
    AtLeast,
    Less,
    AtMost,
}

/// Conditions that are not about a field.
#[derive(Clone, Copy)]
enum Special {
    Has,
    Changed,
    Word,
    Time(Basis),
    Since(Basis),
    Until(Basis),
}

impl Special {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "has" => Self::Has,
            "changed" => Self::Changed,
            "word" => Self::Word,
            "time" => Self::Time(Basis::Happened),
            "since" => Self::Since(Basis::Happened),
            "until" => Self::Until(Basis::Happened),
            "recorded" => Self::Time(Basis::Recorded),
            "recorded-since" => Self::Since(Basis::Recorded),
            "recorded-until" => Self::Until(Basis::Recorded),
            _ => return None,
        })
    }
}

/// The names of [`Special`] conditions.
pub(crate) const SPECIAL: [&str; 9] =
    ["has", "changed", "word", "time", "since", "until", "recorded", "recorded-since", "recorded-until"];

impl Parser<'_> {
    /// True if the keyword comes next, as a whole word.
    fn is_keyword(&self, word: &str) -> bool {
        self.lexer.rest().strip_prefix(word).is_some_and(|rest| {
            rest.chars().next().is_none_or(|next| next.is_whitespace() || matches!(next, '(' | ')'))
        })
    }

    fn take_keyword(&mut self, word: &str) -> Option<Range<usize>> {
        let at = self.lexer.at;
        let is_next = self.is_keyword(word);
        if is_next {
            self.is_text = false;
            self.lexer.at += word.len();
            self.lexer.space();
        }
        is_next.then_some(at..at + word.len())
    }

    fn ends(&self) -> bool {
        self.lexer.peek().is_none_or(|next| next == ')')
    }

    /// Rejects an operator with no operand after it.
    fn require_operand(&self, operator: Range<usize>) -> Result<(), QueryError> {
        if self.ends() || self.is_keyword("AND") || self.is_keyword("OR") {
            let hint = phrases::HINT_FOLLOWS;
            return Err(QueryError::new(Code::Operator, operator, phrases::NOTHING_FOLLOWS, hint));
        }
        Ok(())
    }

    fn parse_or(&mut self, level: usize) -> Result<Node, QueryError> {
        let mut nodes = vec![self.parse_and(level)?];
        while let Some(at) = self.take_keyword("OR") {
            self.require_operand(at)?;
            nodes.push(self.parse_and(level)?);
        }
        Ok(any(nodes))
    }

    fn parse_and(&mut self, level: usize) -> Result<Node, QueryError> {
        let mut nodes = vec![self.parse_unit(level)?];
        loop {
            if let Some(at) = self.take_keyword("AND") {
                self.require_operand(at)?;
            } else if self.ends() || self.is_keyword("OR") {
                return Ok(all(nodes));
            }
            nodes.push(self.parse_unit(level)?);
        }
    }

    fn parse_unit(&mut self, level: usize) -> Result<Node, QueryError> {
        let start = self.lexer.at;
        if level > MAX_LEVELS {
            let hint = phrases::HINT_NESTING;
            return Err(QueryError::new(Code::Deep, start..start + 1, phrases::NESTING, hint));
        }
        for word in ["AND", "OR"] {
            if self.is_keyword(word) {
                let at = start..start + word.len();
                let hint = phrases::HINT_PRECEDES;
                return Err(QueryError::new(Code::Operator, at, phrases::NOTHING_BEFORE, hint));
            }
        }
        let negation = match self.take_keyword("NOT") {
            Some(at) => Some(at),
            None if self.lexer.take("-") => {
                self.reject_duration(start)?;
                Some(start..start + 1)
            }
            None => None,
        };
        if let Some(at) = negation {
            if self.lexer.peek().is_some_and(char::is_whitespace) {
                let hint = phrases::HINT_MINUS;
                return Err(QueryError::new(Code::Operator, at, phrases::NOTHING_FOLLOWS, hint));
            }
            self.require_operand(at)?;
            return Ok(not(self.parse_unit(level + 1)?));
        }
        if self.lexer.take("(") {
            self.lexer.space();
            if self.ends() {
                let message = phrases::NOTHING_WITHIN;
                return Err(QueryError::new(
                    Code::Parenthesis,
                    start..start + 1,
                    message,
                    phrases::HINT_QUOTE,
                ));
            }
            let node = self.parse_or(level + 1)?;
            if !self.lexer.take(")") {
                let message = phrases::NOT_CLOSED;
                return Err(QueryError::new(
                    Code::Parenthesis,
                    start..start + 1,
                    message,
                    phrases::HINT_NOT_CLOSED,
                ));
            }
            self.finish_unit()?;
            return Ok(node);
        }
        let node = self.parse_condition()?;
        self.finish_unit()?;
        Ok(node)
    }

    /// Accepts only white space, a closing parenthesis, or the end after a condition.
    fn finish_unit(&mut self) -> Result<(), QueryError> {
        match self.lexer.peek() {
            Some('(') => {
                let at = self.lexer.at..self.lexer.at + 1;
                Err(QueryError::new(Code::Parenthesis, at, phrases::PARENTHESIS_AFTER, phrases::HINT_QUOTE))
            }
            Some(next) if !next.is_whitespace() && next != ')' => {
                let at = self.lexer.at..self.lexer.at + next.len_utf8();
                let hint = phrases::HINT_PART;
                Err(QueryError::new(Code::Value, at, phrases::AFTER_CONDITION, hint))
            }
            _ => {
                self.lexer.space();
                Ok(())
            }
        }
    }

    /// Rejects a bare duration such as `-7d`, which would read as a negated text.
    fn reject_duration(&self, start: usize) -> Result<(), QueryError> {
        let rest = &self.lexer.text[start..];
        let end = rest.find(|char: char| char.is_whitespace() || char == ')').unwrap_or(rest.len());
        if moment(&rest[..end], self.now).is_none() {
            return Ok(());
        }
        let hint = phrases::HINT_BARE_SPAN;
        Err(QueryError::new(Code::Time, start..start + end, phrases::BARE_SPAN, hint))
    }

    fn parse_condition(&mut self) -> Result<Node, QueryError> {
        let start = self.lexer.at;
        if any_word(TEXTS, &|begin| self.lexer.rest().starts_with(begin)) {
            return Err(QueryError::new(
                Code::Field,
                start..start + 4,
                phrases::NOT_FIELD,
                phrases::HINT_QUOTE,
            ));
        }
        let was_text = core::mem::take(&mut self.is_text);
        let word = self.lexer.word(Terminator::Operator)?;
        let Some(operator) = self.operator()? else {
            self.reject_operator(&word, was_text)?;
            return self.push_text(&word);
        };
        if word.is_empty() {
            let at = start..self.lexer.at;
            if was_text && self.lexer.text[..start].ends_with(char::is_whitespace) {
                let hint = phrases::HINT_SPACED;
                return Err(QueryError::new(Code::Field, at, phrases::SPACED, hint));
            }
            let hint = phrases::HINT_NO_FIELD;
            return Err(QueryError::new(Code::Field, at, phrases::NO_FIELD, hint));
        }
        reject_sign(&word, &['!', '+'])?;
        foreign_syntax::refuse_name(&word, self.written(&word))?;
        let values = self.word_list(&word)?;
        if let Some(special) = word.bare().and_then(Special::parse) {
            return self.parse_special(special, operator, &values, start);
        }
        let field = parse_field(&word)?;
        let at = start..self.lexer.at;
        if matches!(operator, Operator::Is | Operator::Same) {
            let star = |value: &Word| {
                let between = value.between_stars();
                operator == Operator::Is && between.len() > 1 && between.iter().all(String::is_empty)
            };
            if values.iter().any(star) {
                return self.push(Condition::Has(field), at);
            }
            let values = values.iter().map(|value| self.parse_value(value, &field, operator));
            let values = values.collect::<Result<_, _>>()?;
            return self.push(Condition::Is { field, values }, at);
        }
        let [value] = &values[..] else {
            let hint = phrases::HINT_COMPARED_VALUES;
            return Err(QueryError::new(Code::Comparison, at, phrases::COMPARED_VALUES, hint));
        };
        let matcher = self.comparison(operator, value)?;
        self.push(Condition::Is { field, values: vec![matcher] }, at)
    }

    /// Rejects operators of other languages. Searching for them as text would silently change the result.
    fn reject_operator(&self, word: &Word, was_text: bool) -> Result<(), QueryError> {
        reject_sign(word, &['!'])?;
        self.reject_foreign_syntax(word)?;
        let text = word.bare().unwrap_or_default();
        let is = |words| any_word(words, &|one| one.eq_ignore_ascii_case(text));
        let hint = if is(LISTS) && self.lexer.rest().trim_start().starts_with(['(', '[']) {
            phrases::HINT_SEVERAL
        } else if is(JOINS) {
            phrases::HINT_JOIN
        } else if was_text && is(COMPARES) {
            phrases::HINT_COMPARE
        } else {
            return Ok(());
        };
        operator_error(word.at.clone(), hint)
    }

    /// Rejects regular expressions and quotation marks other than double quotes.
    fn reject_foreign_syntax(&self, word: &Word) -> Result<(), QueryError> {
        let written = self.written(word);
        if any_word(QUOTES, &|quote| written.starts_with(quote)) {
            let hint = phrases::HINT_QUOTES;
            return Err(QueryError::new(Code::Quote, word.at.clone(), phrases::QUOTES, hint));
        }
        foreign_syntax::refuse_word(word, written)
    }

    /// Returns the word as written in the query.
    fn written(&self, word: &Word) -> &str {
        self.lexer.text.get(word.at.clone()).unwrap_or_default()
    }

    fn operator(&mut self) -> Result<Option<Operator>, QueryError> {
        let start = self.lexer.at;
        if self.lexer.take("!=") || self.lexer.take("<>") || self.lexer.take("=~") {
            operator_error(start..self.lexer.at, phrases::HINT_COMPARE)?;
        }
        let is = self.lexer.take(":");
        let compared = [
            (">=", Operator::AtLeast),
            (">", Operator::More),
            ("<=", Operator::AtMost),
            ("<", Operator::Less),
        ];
        for (text, operator) in compared {
            if self.lexer.take(text) {
                return Ok(Some(operator));
            }
        }
        if is {
            return Ok(Some(Operator::Is));
        }
        Ok(if self.lexer.take("==") {
            Some(Operator::Same)
        } else if self.lexer.take("=") {
            Some(Operator::Is)
        } else {
            None
        })
    }

    /// Parses the comma-separated values after an operator.
    fn word_list(&mut self, name: &Word) -> Result<Vec<Word>, QueryError> {
        let special = name.bare().and_then(Special::parse);
        let names_field = matches!(special, Some(Special::Has | Special::Changed));
        let mut values = Vec::new();
        loop {
            let start = self.lexer.at;
            let value = self.lexer.word(Terminator::Comma)?;
            if self.lexer.peek() == Some('(') {
                let at = self.lexer.at..self.lexer.at + 1;
                return Err(QueryError::new(
                    Code::Parenthesis,
                    at,
                    phrases::PARENTHESIS_WITHIN,
                    phrases::HINT_SEVERAL,
                ));
            }
            if value.is_empty() {
                let hint = phrases::HINT_NO_VALUE;
                return Err(QueryError::new(
                    Code::Value,
                    name.at.start..start.max(self.lexer.at),
                    phrases::NO_VALUE,
                    hint,
                ));
            }
            self.values += 1;
            if self.values > MAX_VALUES {
                let hint = phrases::HINT_LESS;
                return Err(QueryError::new(Code::Long, value.at, phrases::VALUES, hint));
            }
            self.reject_foreign_syntax(&value)?;
            foreign_syntax::refuse_value(&value, self.written(&value), names_field)?;
            if (value.starts_with('[') || value.starts_with('{'))
                && self.lexer.rest().trim_start().starts_with("TO ")
            {
                return Err(QueryError::new(Code::Range, value.at, phrases::RANGE_TO, phrases::HINT_RANGE));
            }
            values.push(value);
            if !self.lexer.take(",") {
                return Ok(values);
            }
        }
    }

    fn push(&mut self, condition: Condition, at: Range<usize>) -> Result<Node, QueryError> {
        if self.conditions.len() == MAX_CONDITIONS {
            let hint = phrases::HINT_CONDITIONS;
            return Err(QueryError::new(Code::Long, at, phrases::CONDITIONS, hint));
        }
        self.conditions.push(PlacedCondition { condition, at });
        Ok(Node::Condition(self.conditions.len() - 1))
    }

    /// Adds a condition for free text.
    fn push_text(&mut self, word: &Word) -> Result<Node, QueryError> {
        let mut pieces = word.between_stars();
        if pieces.iter().all(String::is_empty) {
            let hint = phrases::HINT_NO_TEXT;
            let at = word.at.start..word.at.end.max(word.at.start + 1);
            return Err(QueryError::new(Code::Value, at, phrases::NO_TEXT, hint));
        }
        // Free text matches anywhere, so stars at its ends are redundant.
        pieces.insert(0, String::new());
        pieces.push(String::new());
        self.is_text = true;
        self.push(Condition::Text(Pattern::from_pieces(pieces)), word.at.clone())
    }

    fn parse_special(
        &mut self,
        special: Special,
        operator: Operator,
        values: &[Word],
        start: usize,
    ) -> Result<Node, QueryError> {
        let at = start..self.lexer.at;
        let span = match special {
            Special::Has | Special::Changed => {
                if operator != Operator::Is {
                    let hint = phrases::HINT_NOT_COMPARED;
                    return Err(QueryError::new(Code::Operator, at, phrases::NOT_COMPARED, hint));
                }
                let mut nodes = Vec::new();
                for value in values {
                    let condition = match (special, parse_field(value)?) {
                        (Special::Has, field) => Condition::Has(field),
                        (_, Field::Member(path)) => Condition::Changed(path),
                        (_, Field::Short(short)) => Condition::Changed(Path::from_names([short.as_str()])),
                    };
                    nodes.push(self.push(condition, at.clone())?);
                }
                return Ok(any(nodes));
            }
            Special::Word => {
                let mut nodes = Vec::new();
                for value in values {
                    nodes.push(self.push_words(operator, value, &at)?);
                }
                return Ok(any(nodes));
            }
            Special::Time(basis) => {
                let mut nodes = Vec::new();
                for value in values {
                    if basis == Basis::Happened && operator == Operator::Is && is_unclear(value) {
                        nodes.push(self.push(Condition::UnclearTime, at.clone())?);
                        continue;
                    }
                    let span = self.span(operator, value)?;
                    nodes.push(self.push(Condition::Time(basis, span), at.clone())?);
                }
                return Ok(any(nodes));
            }
            Special::Since(basis) => (basis, true),
            Special::Until(basis) => (basis, false),
        };
        let ([value], Operator::Is) = (values, operator) else {
            let hint = phrases::HINT_ONE_TIME;
            return Err(QueryError::new(Code::Time, at, phrases::ONE_TIME, hint));
        };
        let begin = Some(self.moment(value)?.begin);
        let (basis, is_since) = span;
        let span =
            if is_since { Span { from: begin, until: None } } else { Span { from: None, until: begin } };
        self.push(Condition::Time(basis, span), at)
    }

    /// Requires all words of a value.
    fn push_words(
        &mut self,
        operator: Operator,
        value: &Word,
        at: &Range<usize>,
    ) -> Result<Node, QueryError> {
        let text = fold(&text_of(value)).into_owned();
        let mut found: Vec<&str> = words(&text).collect();
        found.sort_unstable();
        found.dedup();
        if operator != Operator::Is || found.is_empty() {
            let hint = phrases::HINT_WORD;
            return Err(QueryError::new(Code::Value, value.at.clone(), phrases::WORD, hint));
        }
        let nodes: Result<Vec<Node>, QueryError> =
            found.into_iter().map(|word| self.push(Condition::Word(word.into()), at.clone())).collect();
        nodes.map(all)
    }

    fn moment(&self, word: &Word) -> Result<Moment, QueryError> {
        moment(&text_of(word), self.now).ok_or_else(|| time_error(word))
    }

    fn span(&self, operator: Operator, word: &Word) -> Result<Span, QueryError> {
        if operator == Operator::Is
            && let Some((low, high)) = word.bare_range()
        {
            let end = |text: &str| {
                (text != "*").then(|| moment(text, self.now).ok_or_else(|| time_error(word))).transpose()
            };
            let (low, high) = (end(&low)?, end(&high)?);
            let span = Span { from: low.map(|low| low.begin), until: high.map(|high| high.end) };
            return require_order(span.from.zip(span.until).is_none_or(|(from, until)| from < until), word)
                .map(|()| span);
        }
        let Moment { begin, end } = self.moment(word)?;
        Ok(span_for(operator, begin, end))
    }

    /// Parses a value after `:` or `==`.
    fn parse_value(&self, word: &Word, field: &Field, operator: Operator) -> Result<Matcher, QueryError> {
        if *field == Field::Short(Short::Outcome)
            && word.bare().is_some_and(|text| !any_word(OUTCOMES, &|one| one.eq_ignore_ascii_case(text)))
        {
            let hint = phrases::HINT_OUTCOME;
            return Err(QueryError::new(Code::Value, word.at.clone(), phrases::OUTCOME, hint));
        }
        if *field == Field::Short(Short::Category)
            && word.bare().is_some_and(|text| Category::parse(&text.to_ascii_lowercase()).is_none())
        {
            let hint = phrases::HINT_CATEGORY;
            return Err(QueryError::new(Code::Value, word.at.clone(), phrases::CATEGORY, hint));
        }
        if operator == Operator::Same {
            return Ok(Matcher::Text(Pattern::from_cased_pieces(word.between_stars())));
        }
        if let Some((low, high)) = word.bare_range() {
            let ends = || [&*low, &*high].into_iter().filter(|end| *end != "*");
            let is_time = |end| moment(end, self.now).is_some();
            if ends().all(|end| number(end).is_some()) {
                let bound = |end: &str| number(end).map(|end| (end, true));
                let bounds = Bounds { low: bound(&low), high: bound(&high) };
                let is_ordered = bounds.low.zip(bounds.high).is_none_or(|(low, high)| low <= high);
                return require_order(is_ordered, word).map(|()| Matcher::Number(bounds));
            }
            if ends().all(is_time) {
                return self.span(operator, word).map(Matcher::Time);
            }
            if ends().any(|end| number(end).is_some() || is_time(end)) {
                return Err(range_error(word));
            }
        }
        let texts = word.between_stars();
        let [text] = &texts[..] else { return Ok(Matcher::Text(Pattern::from_pieces(texts))) };
        let is_quoted = word.pieces.iter().any(|piece| matches!(piece, Piece::Quoted(_)));
        if *field == Field::Short(Short::Ip)
            && let Some((address, length)) = text.split_once('/')
            && Network::parse(text).is_none()
            && (address.parse::<core::net::IpAddr>().is_ok()
                || length.bytes().all(|byte| byte.is_ascii_digit()))
        {
            let hint = phrases::HINT_NETWORK;
            return Err(QueryError::new(Code::Network, word.at.clone(), phrases::NETWORK, hint));
        }
        // Quoted addresses, networks, and times keep their meaning. A quoted number is plain text.
        let literal = Literal::parse(text).filter(|literal| !is_quoted || literal.number().is_none());
        Ok(literal.map_or_else(|| Matcher::Text(Pattern::exactly(text)), Matcher::Literal))
    }

    /// Parses the operand of `<`, `<=`, `>`, or `>=`.
    fn comparison(&self, operator: Operator, word: &Word) -> Result<Matcher, QueryError> {
        let text = text_of(word);
        if let Some(number) = number(&text) {
            let bound = |within| Some((number, within));
            return Ok(Matcher::Number(match operator {
                Operator::More => Bounds { low: bound(false), high: None },
                Operator::AtLeast => Bounds { low: bound(true), high: None },
                Operator::Less => Bounds { low: None, high: bound(false) },
                _ => Bounds { low: None, high: bound(true) },
            }));
        }
        let Some(Moment { begin, end }) = moment(&text, self.now) else {
            let hint = phrases::HINT_COMPARISON;
            let message = phrases::COMPARISON;
            return Err(QueryError::new(Code::Comparison, word.at.clone(), message, hint));
        };
        Ok(Matcher::Time(span_for(operator, begin, end)))
    }
}

impl Word {
    fn starts_with(&self, char: char) -> bool {
        matches!(self.pieces.first(), Some(Piece::Bare(text)) if text.starts_with(char))
    }

    /// Splits an unquoted `a..b`. A `*` leaves one end open; at least one end must be given.
    fn bare_range(&self) -> Option<(String, String)> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Bare(bare) => text += bare,
                Piece::Star => text.push('*'),
                Piece::Quoted(_) => return None,
            }
        }
        let (low, high) = text.split_once("..")?;
        let is_end = |text: &str| text == "*" || !text.contains('*');
        (is_end(low) && is_end(high) && (low, high) != ("*", "*")).then(|| (low.into(), high.into()))
    }
}

fn span_for(operator: Operator, begin: Time, end: Time) -> Span {
    match operator {
        Operator::Is | Operator::Same => Span { from: Some(begin), until: Some(end) },
        Operator::More => Span { from: Some(end), until: None },
        Operator::AtLeast => Span { from: Some(begin), until: None },
        Operator::Less => Span { from: None, until: Some(begin) },
        Operator::AtMost => Span { from: None, until: Some(end) },
    }
}

fn number(text: &str) -> Option<f64> {
    canonical::double(text)
}

fn moment(text: &str, now: Time) -> Option<Moment> {
    Moment::parse_for(text, now)
}

fn text_of(word: &Word) -> String {
    if word.pieces.contains(&Piece::Star) { String::new() } else { word.between_stars().concat() }
}

/// True for the word that stands for a time which can't be understood.
fn is_unclear(word: &Word) -> bool {
    word.bare().is_some_and(|text| text.eq_ignore_ascii_case("unclear"))
}

fn time_error(word: &Word) -> QueryError {
    let hint = phrases::HINT_TIME;
    QueryError::new(Code::Time, word.at.clone(), phrases::TIME, hint)
}

fn range_error(word: &Word) -> QueryError {
    QueryError::new(Code::Range, word.at.clone(), phrases::RANGE_ENDS, phrases::HINT_RANGE)
}

/// Rejects prefix operators of other languages.
fn reject_sign(word: &Word, signs: &[char]) -> Result<(), QueryError> {
    if !signs.iter().any(|sign| word.starts_with(*sign)) {
        return Ok(());
    }
    let at = word.at.start..word.at.start + 1;
    let hint = phrases::HINT_SIGN;
    Err(QueryError::new(Code::Operator, at, phrases::SIGN, hint))
}

fn operator_error(at: Range<usize>, hint: &'static str) -> Result<(), QueryError> {
    Err(QueryError::new(Code::Operator, at, phrases::OPERATOR, hint))
}

fn require_order(is_ordered: bool, word: &Word) -> Result<(), QueryError> {
    if is_ordered {
        return Ok(());
    }
    let hint = phrases::HINT_RANGE_ORDER;
    Err(QueryError::new(Code::Range, word.at.clone(), phrases::RANGE_ORDER, hint))
}

/// Parses a field name. Quoted parts are taken literally, dots included.
fn parse_field(word: &Word) -> Result<Field, QueryError> {
    let refuse = |message, hint| Err(QueryError::new(Code::Field, word.at.clone(), message, hint));
    if let Some(short) = word.bare().and_then(Short::parse) {
        return Ok(Field::Short(short));
    }
    let mut names = vec![String::new()];
    // True if the last name has any content; empty quotes count.
    let mut has_content = false;
    for piece in &word.pieces {
        match piece {
            Piece::Star => {
                return refuse(phrases::FIELD_STAR, phrases::HINT_FIELD_STAR);
            }
            Piece::Quoted(text) => {
                has_content = true;
                if let Some(last) = names.last_mut() {
                    last.push_str(text);
                }
            }
            Piece::Bare(text) if text.contains(',') => {
                return refuse(phrases::FIELD_COMMA, phrases::HINT_FIELD_COMMA);
            }
            Piece::Bare(text) => {
                for (nth, part) in text.split('.').enumerate() {
                    if nth > 0 {
                        if !has_content {
                            return refuse(phrases::NO_NAME, phrases::HINT_QUOTE);
                        }
                        names.push(String::new());
                        has_content = false;
                    }
                    has_content |= !part.is_empty();
                    if let Some(last) = names.last_mut() {
                        last.push_str(part);
                    }
                }
            }
        }
    }
    if !has_content {
        return refuse(phrases::NO_NAME, phrases::HINT_QUOTE);
    }
    if names.len() > canonical::MAX_DEPTH {
        return refuse(phrases::PATH, phrases::HINT_PATH);
    }
    Ok(Field::Member(Path::from_names(names)))
}
