//! Matches values: the matcher shared by queries, scopes, and rules.
//!
//! Strings are compared case-insensitively, by Unicode's simple lowercase mapping of each character (`Straße` equals
//! `STRAßE`, but not `STRASSE`), unless the pattern is [cased](Pattern::from_cased_pieces). Every matcher takes time linear in
//! the value's length.
//!
//! ```
//! use countersign_query::matcher::{Matcher, Network, Pattern};
//!
//! assert!(Matcher::Text(Pattern::glob("job.*")).matches("Job.Update"));
//! assert!(Matcher::Text(Pattern::contains("okaf")).matches("Ada Okafor"));
//! assert!(!Matcher::Text(Pattern::from_cased_pieces(["ada".into(), String::new()])).matches("Ada Okafor"));
//! assert!(Matcher::Network(Network::parse("10.0.0.0/8").unwrap()).matches("10.1.2.3"));
//! ```

use core::net::IpAddr;
use std::borrow::Cow;

use countersign::canonical;
use countersign::time::Time;

use crate::moment::Moment;
use crate::parser::address::{parse, within};
use crate::split::split_once;
use crate::value::{Kind, Value};

/// A test of a single value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Matcher {
    /// The value's text matches the pattern. Numbers, `true`, `false`, and `null` match as written.
    Text(Pattern),
    /// The value matches the literal as text or by its meaning.
    Literal(Literal),
    /// The value is a number within these bounds, or a string that parses as one.
    Number(Bounds),
    /// The value is a string that states a time within this span.
    Time(Span),
    /// The value is a string that is an address in this network.
    Network(Network),
}

/// A string with another meaning besides its text: `200.0` is the number 200, `2026-11-20` is a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    pub(crate) text: String,
    pub(crate) pattern: Pattern,
    pub(crate) meaning: Meaning,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// The number in canonical form.
    Number(String),
    Time(Span),
    Address(IpAddr),
    Network(Network),
}

impl Literal {
    /// Parses a string as a number, time, address, or network. Returns `None` if it is only a string.
    pub fn parse(text: &str) -> Option<Self> {
        let number = || canonical::decimal(text).map(|number| Meaning::Number(number.into_owned()));
        let time = || {
            let Moment { begin, end } = Moment::parse(text)?;
            Some(Meaning::Time(Span { from: Some(begin), until: Some(end) }))
        };
        let address = || address(text).map(|address| Meaning::Address(address.to_canonical()));
        let network = || Network::parse(text).map(Meaning::Network);
        let meaning = number().or_else(time).or_else(address).or_else(network)?;
        Some(Self { text: text.into(), pattern: Pattern::exactly(text), meaning })
    }
}

impl Literal {
    /// Returns the pattern that matches the literal as text.
    pub const fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Returns the number in canonical form, if the literal is one.
    pub fn number(&self) -> Option<&str> {
        if let Meaning::Number(number) = &self.meaning { Some(number) } else { None }
    }
}

impl Matcher {
    /// True if the value matches. Objects and arrays never match.
    pub fn matches_value(&self, value: Value<'_>) -> bool {
        value.text().is_some_and(|text| self.matches_text(value.kind(), &text))
    }

    /// True if a value of this kind with this text matches.
    pub fn matches_text(&self, kind: Kind, text: &str) -> bool {
        match self {
            Self::Literal(Literal { pattern, meaning: Meaning::Number(_), .. }) if kind != Kind::Number => {
                pattern.matches(text)
            }
            _ => self.matches(text),
        }
    }

    /// True if the text matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Text(pattern) => pattern.matches(text),
            Self::Literal(Literal { pattern, meaning, .. }) => {
                pattern.matches(text)
                    || match meaning {
                        Meaning::Number(number) => text == number,
                        Meaning::Time(span) => span.holds_text(text),
                        Meaning::Address(known) => {
                            address(text).is_some_and(|address| address.to_canonical() == *known)
                        }
                        Meaning::Network(network) => network.holds_text(text),
                    }
            }
            Self::Number(bounds) => number(text).is_some_and(|number| bounds.contains(number)),
            Self::Time(span) => span.holds_text(text),
            Self::Network(network) => network.holds_text(text),
        }
    }
}

/// Parses a number of at most 1,000 characters; no double needs more than 800 digits.
fn number(text: &str) -> Option<f64> {
    // Most numbers are small integers, which don't need the slower parser.
    if matches!(text.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.len() < 9 && rest.iter().all(u8::is_ascii_digit))
    {
        return text.parse::<u32>().ok().map(f64::from);
    }
    let begins = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if begins && text.len() <= 1000 { canonical::double(text) } else { None }
}

/// A range of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// The lower bound, and whether it is included.
    pub low: Option<(f64, bool)>,
    /// The upper bound, and whether it is included.
    pub high: Option<(f64, bool)>,
}

impl Bounds {
    /// True if the number is within the bounds.
    pub fn contains(&self, number: f64) -> bool {
        self.low.is_none_or(|(low, within)| number > low || within && number >= low)
            && self.high.is_none_or(|(high, within)| number < high || within && number <= high)
    }
}

/// A span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first moment of the span.
    pub from: Option<Time>,
    /// The first moment after the span.
    pub until: Option<Time>,
}

impl Span {
    /// True if the time is in the span.
    pub fn holds(&self, time: Time) -> bool {
        self.from.is_none_or(|from| time >= from) && self.until.is_none_or(|until| time < until)
    }

    fn holds_text(&self, text: &str) -> bool {
        Moment::parse(text).is_some_and(|moment| self.holds(moment.begin))
    }
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

impl Network {
    /// Parses `10.0.0.0/8` or `2001:db8::/32`. IPv4-mapped IPv6 addresses count as IPv4.
    pub fn parse(text: &str) -> Option<Self> {
        let (written, length) = split_once(text, b'/')?;
        let length: u8 = length.parse().ok().filter(|_| !length.starts_with('+'))?;
        let address = parse(written)?;
        let mapped = address.is_ipv4() && written.contains(':');
        let length = if mapped { length.checked_sub(96)? } else { length };
        (length <= if address.is_ipv4() { 32 } else { 128 }).then_some(Self { address, length })
    }

    /// True if the address is in the network.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.length)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }

    fn holds_text(&self, text: &str) -> bool {
        self.may_hold(text) && address(text).is_some_and(|address| self.holds(address))
    }

    /// False if the first number of an IPv4 address already rules it out. Most addresses need no further parsing.
    fn may_hold(&self, text: &str) -> bool {
        let digits = text.bytes().take(3).take_while(u8::is_ascii_digit).count();
        let (IpAddr::V4(network), Some(b'.')) = (self.address, text.as_bytes().get(digits)) else {
            return true;
        };
        let first = text[..digits].parse::<u8>();
        let mask = u8::MAX.checked_shl(8 - u32::from(self.length.min(8))).unwrap_or(0);
        first.is_ok_and(|first| (first ^ network.octets()[0]) & mask == 0)
    }
}

impl core::fmt::Display for Network {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Returns the address that a string states, without the brackets, the port, and the zone that some sources add, and
/// of a list the first one: `[2001:db8::7%3]:443` is `2001:db8::7`.
///
/// ```
/// use countersign_query::matcher::address;
///
/// assert_eq!(address("[2001:db8::7%3]:443"), "2001:db8::7".parse().ok());
/// assert_eq!(address("203.0.113.7:443"), "203.0.113.7".parse().ok());
/// assert_eq!(address("example.com:443"), None);
/// ```
pub fn address(text: &str) -> Option<IpAddr> {
    parse(text.get(within(text))?)
}

/// A pattern with gaps: `job.*` has the piece `job.` and an empty one, with any characters between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// At least one piece; in lower case unless `cased`.
    pieces: Vec<String>,
    cased: bool,
}

impl Pattern {
    /// Creates a pattern of these pieces, with any characters between them.
    pub fn from_pieces(pieces: impl IntoIterator<Item = String>) -> Self {
        let mut pattern = Self::from_cased_pieces(pieces);
        for piece in &mut pattern.pieces {
            *piece = fold(piece).into_owned();
        }
        pattern.cased = false;
        pattern
    }

    /// Creates a pattern that matches only this text.
    pub fn exactly(text: &str) -> Self {
        Self::from_pieces([text.to_owned()])
    }

    /// Creates a pattern in which `*` stands for any characters.
    pub fn glob(text: &str) -> Self {
        Self::from_pieces(text.split('*').map(str::to_owned))
    }

    /// Creates a pattern that matches texts containing this one.
    pub fn contains(text: &str) -> Self {
        Self::from_pieces([String::new(), text.to_owned(), String::new()])
    }

    /// Creates a pattern that matches texts starting with this one.
    pub fn starts_with(text: &str) -> Self {
        Self::from_pieces([text.to_owned(), String::new()])
    }

    /// Creates a pattern that matches texts ending with this one.
    pub fn ends_with(text: &str) -> Self {
        Self::from_pieces([String::new(), text.to_owned()])
    }

    /// Creates a case-sensitive pattern of these pieces.
    pub fn from_cased_pieces(pieces: impl IntoIterator<Item = String>) -> Self {
        let mut pieces: Vec<String> = pieces.into_iter().collect();
        // Adjacent gaps are equivalent to one.
        let last = pieces.len().saturating_sub(1);
        let mut nth = 0;
        pieces.retain(|piece| {
            nth += 1;
            nth == 1 || nth - 1 == last || !piece.is_empty()
        });
        if pieces.is_empty() {
            pieces.push(String::new());
        }
        Self { pieces, cased: true }
    }

    /// Returns the pieces between the gaps, in lower case unless the pattern is cased.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// True if the pattern is case-sensitive.
    pub const fn is_cased(&self) -> bool {
        self.cased
    }

    /// True if the text matches.
    pub fn matches(&self, text: &str) -> bool {
        // A string of another length can have an equally long lowercase form, but not if both are ASCII.
        if let [whole] = &self.pieces[..]
            && (self.cased || whole.is_ascii() && text.is_ascii())
        {
            return if self.cased { whole == text } else { whole.eq_ignore_ascii_case(text) };
        }
        if self.cased { self.matches_folded(text) } else { self.matches_folded(&fold(text)) }
    }

    /// Like [`Pattern::matches`], for a string that is already in lower case unless the pattern is cased.
    pub fn matches_folded(&self, text: &str) -> bool {
        let (first, rest) = match &self.pieces[..] {
            [] => return text.is_empty(),
            [whole] => return whole == text,
            [first, rest @ ..] => (first, rest),
        };
        let Some((last, between)) = rest.split_last() else { return false };
        if !begins(text, first) {
            return false;
        }
        let mut rest = &text[first.len()..];
        // Taking the first occurrence leaves the most text for the following pieces, so no backtracking is needed.
        for piece in between {
            let Some(found) = position(rest, piece) else { return false };
            rest = &rest[found + piece.len()..];
        }
        ends(rest, last)
    }
}

/// True if the text starts with the piece. Paths share prefixes, so comparing the piece's last byte first rejects most
/// without a call.
fn begins(text: &str, piece: &str) -> bool {
    let at = piece.len().saturating_sub(1);
    text.as_bytes().get(at) == piece.as_bytes().get(at) && text.starts_with(piece) || piece.is_empty()
}

/// True if the text ends with the piece.
fn ends(text: &str, piece: &str) -> bool {
    let from = text.len().checked_sub(piece.len());
    from.is_some_and(|from| text.as_bytes().get(from) == piece.as_bytes().first() && text.ends_with(piece))
}

/// Returns the first position of the piece. Pieces are short: preparing a searcher would cost more than it saves.
fn position(text: &str, piece: &str) -> Option<usize> {
    let (text, piece) = (text.as_bytes(), piece.as_bytes());
    let Some((first, rest)) = piece.split_first() else { return Some(0) };
    let starts = text.get(..text.len().checked_sub(rest.len())?)?;
    let last = rest.last().unwrap_or(first);
    // Most candidates with the same first byte differ in the last one, which needs no call to find out.
    memchr::memchr_iter(*first, starts)
        .find(|at| text[at + rest.len()] == *last && text[at + 1..].starts_with(rest))
}

/// Maps each character to its simple lowercase form, if that is a single character.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(lower).collect())
}

/// Runs of characters that have a lowercase form: the first, the last, the step between neighbors, and the distance to
/// the lowercase form.
#[allow(clippy::unreadable_literal, reason = "generated by build.rs")]
static LOWER: &[(u32, u32, u32, i32)] = &include!(concat!(env!("OUT_DIR"), "/lower.rs"));

/// Returns the character's lowercase form if that is a single character, else the character itself.
pub fn lower(char: char) -> char {
    let at = u32::from(char);
    let run = LOWER.get(LOWER.partition_point(|(_, last, ..)| *last < at));
    let far = run.filter(|(first, _, step, _)| *first <= at && (at - first) % step == 0);
    far.and_then(|(.., far)| char::from_u32(at.wrapping_add_signed(*far))).unwrap_or(char)
}

/// Splits a string into words: runs of letters, digits, and underscores.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_alphanumeric() && char != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lower_maps_each_character_to_its_simple_lowercase() {
        for char in '\0'..=char::MAX {
            let mut all = char.to_lowercase();
            let simple = all.next().filter(|_| all.next().is_none()).unwrap_or(char);
            assert_eq!(lower(char), simple, "{:x}", u32::from(char));
        }
        assert_eq!(lower('\u{130}'), '\u{130}');
    }

    #[test]
    fn patterns_ignore_case_by_simple_lowercase() {
        for (pattern, text) in [
            ("ada", "ADA"),
            ("ÅSA", "åsa"),
            ("straße", "STRAßE"),
            ("σ", "Σ"),
            ("k", "\u{212a}"),
            ("İx", "İX"),
        ] {
            assert!(
                Pattern::exactly(pattern).matches(text) && Pattern::exactly(text).matches(pattern),
                "{text}"
            );
        }
        assert!(!Pattern::exactly("straße").matches("STRASSE"));
        assert!(!Pattern::from_cased_pieces(["ada".into()]).matches("Ada"));
    }

    #[test]
    fn networks_contain_their_addresses() {
        for (network, address, is_in) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("0.0.0.0/0", "255.1.1.1", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::/0", "::1", true),
            ("192.0.2.7/32", "192.0.2.7", true),
            ("203.0.113.0/24", "203.0.113.7:443", true),
            ("203.0.113.0/24", "[203.0.113.7]:7972", true),
            ("203.0.113.0/24", "203.0.113.7%0", true),
            ("203.0.113.0/24", "::ffff:203.0.113.7", true),
            ("203.0.113.0/24", "203.0.114.7%0", false),
            ("2001:db8::/32", "2001:db8::7%3", true),
            ("2001:db8::/32", "[2001:db8::7%3]:443", true),
            ("fe80::/10", "fe80::7%eth0", true),
            ("fe80::/10", "fe80::7%", true),
            ("0.0.0.0/0", "10.1", false),
        ] {
            assert_eq!(Network::parse(network).unwrap().holds_text(address), is_in, "{network} {address}");
        }
        for network in [
            "10.0.0.0",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/+8",
            "::ffff:10.0.0.0/8",
            "/8",
            "10.0.0.0:80/8",
            "fe80::%eth0/64",
        ] {
            assert!(Network::parse(network).is_none(), "{network}");
        }
    }

    #[test]
    fn literals_match_as_text_and_by_meaning() {
        let is = |literal: &str, text: &str| Matcher::Literal(Literal::parse(literal).unwrap()).matches(text);
        assert!(is("200.0", "200") && is("2e2", "200") && is("200.0", "200.0"));
        assert!(is("2026-11-20", "2026-11-20T23:00:00Z") && !is("2026-11-20", "2026-11-21T00:00:00Z"));
        assert!(is("::1", "0:0:0:0:0:0:0:1") && is("10.0.0.0/8", "10.0.0.0/8"));
        assert!(Literal::parse("u_1").is_none() && Literal::parse("").is_none());
    }

    /// Reference implementation that tries every length for each gap.
    fn naive(pieces: &[String], text: &str) -> bool {
        match pieces {
            [] => false,
            [last] => text == last,
            [first, rest @ ..] => text.strip_prefix(&**first).is_some_and(|after| {
                (0..=after.len()).any(|skip| after.is_char_boundary(skip) && naive(rest, &after[skip..]))
            }),
        }
    }

    proptest! {
        #[test]
        fn patterns_agree_with_a_naive_implementation(pattern in "[abA*]{0,8}", text in "[abAB]{0,12}") {
            let pieces: Vec<String> = pattern.to_lowercase().split('*').map(str::to_owned).collect();
            prop_assert_eq!(Pattern::glob(&pattern).matches(&text), naive(&pieces, &text.to_lowercase()));
            let cased: Vec<String> = pattern.split('*').map(str::to_owned).collect();
            prop_assert_eq!(Pattern::from_cased_pieces(cased.clone()).matches(&text), naive(&cased, &text));
        }
    }
}
