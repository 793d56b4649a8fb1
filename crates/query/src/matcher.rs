//! What a value must be: the one matcher of queries, scopes and rules.
//!
//! Texts are compared without regard to case, by Unicode's simple lower-casing of each character (`Straße` is
//! `STRAßE`, and not `STRASSE`), unless a pattern is [cased](Pattern::of_cased). No matcher takes more than time linear in
//! the value's length.
//!
//! ```
//! use countersign_query::matcher::{Matcher, Network, Pattern};
//!
//! assert!(Matcher::Text(Pattern::glob("job.*")).matches("Job.Update"));
//! assert!(Matcher::Text(Pattern::contains("okaf")).matches("Ada Okafor"));
//! assert!(!Matcher::Text(Pattern::of_cased(["ada".into(), String::new()])).matches("Ada Okafor"));
//! assert!(Matcher::Network(Network::parse("10.0.0.0/8").unwrap()).matches("10.1.2.3"));
//! ```

use core::net::IpAddr;
use std::borrow::Cow;

use countersign::canonical;
use countersign::time::Time;

use crate::moment::Moment;
use crate::parser::address::within;
use crate::split::split_once;
use crate::value::{Kind, Value};

/// What a value must be.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Matcher {
    /// A text, or a number, `true`, `false` or `null` as it stands, that is like this.
    Text(Pattern),
    /// As text, or as what the text means besides.
    Literal(Literal),
    /// A number within these bounds, or a text that is one.
    Number(Bounds),
    /// A text that tells a time within these bounds.
    Time(Span),
    /// A text that is an address within this network.
    Network(Network),
}

/// A text that means something besides: `200.0` is the number 200, `2026-11-20` a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    pub(crate) text: String,
    pub(crate) pattern: Pattern,
    pub(crate) meaning: Meaning,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// A number's canonical text.
    Number(String),
    Time(Span),
    Address(IpAddr),
    Network(Network),
}

impl Literal {
    /// What a text means besides itself, if it does.
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
    /// As a text.
    pub const fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// As a number in canonical form, where it is one.
    pub fn number(&self) -> Option<&str> {
        if let Meaning::Number(number) = &self.meaning { Some(number) } else { None }
    }
}

impl Matcher {
    /// Whether a value is so. Objects and arrays never are.
    pub fn matches_value(&self, value: Value<'_>) -> bool {
        value.text().is_some_and(|text| self.matches_said(value.kind(), &text))
    }

    /// Whether a value of this kind that says this is so.
    pub fn matches_said(&self, kind: Kind, text: &str) -> bool {
        match self {
            Self::Literal(Literal { pattern, meaning: Meaning::Number(_), .. }) if kind != Kind::Number => {
                pattern.matches(text)
            }
            _ => self.matches(text),
        }
    }

    /// Whether a text is so.
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
            Self::Number(bounds) => number(text).is_some_and(|number| bounds.hold(number)),
            Self::Time(span) => span.holds_text(text),
            Self::Network(network) => network.holds_text(text),
        }
    }
}

/// A number's text that is not absurdly long: no double needs more than 800 digits.
fn number(text: &str) -> Option<f64> {
    // Most numbers are small and whole. Their doubles need no library, which may be far away.
    if matches!(text.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.len() < 9 && rest.iter().all(u8::is_ascii_digit))
    {
        return text.parse::<u32>().ok().map(f64::from);
    }
    let begins = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if begins && text.len() <= 1000 { canonical::double(text) } else { None }
}

/// Bounds of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// The least, and whether it is itself within.
    pub low: Option<(f64, bool)>,
    /// The greatest, and whether it is itself within.
    pub high: Option<(f64, bool)>,
}

impl Bounds {
    /// Whether a number is within.
    pub fn hold(&self, number: f64) -> bool {
        self.low.is_none_or(|(low, within)| number > low || within && number >= low)
            && self.high.is_none_or(|(high, within)| number < high || within && number <= high)
    }
}

/// A span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first moment within.
    pub from: Option<Time>,
    /// The first moment no longer within.
    pub until: Option<Time>,
}

impl Span {
    /// Whether a moment is within.
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
    /// Reads `10.0.0.0/8` or `2001:db8::/32`. An address of version 4 written as one of version 6 is one of version 4.
    pub fn parse(text: &str) -> Option<Self> {
        let (written, length) = split_once(text, b'/')?;
        let length: u8 = length.parse().ok().filter(|_| !length.starts_with('+'))?;
        let written = plain_address(written)?;
        let address = written.to_canonical();
        let mapped = written.is_ipv6() && address.is_ipv4();
        let length = if mapped { length.checked_sub(96)? } else { length };
        (length <= if address.is_ipv4() { 32 } else { 128 }).then_some(Self { address, length })
    }

    /// Whether an address is within.
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

    /// Whether the first number of an address of version 4 leaves it possible: of most addresses no more need be read.
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

/// Returns the address that a text states, without the brackets, the port, and the zone that some sources add:
/// `[2001:db8::7%3]:443` is `2001:db8::7`.
///
/// ```
/// use countersign_query::matcher::address;
///
/// assert_eq!(address("[2001:db8::7%3]:443"), "2001:db8::7".parse().ok());
/// assert_eq!(address("203.0.113.7:443"), "203.0.113.7".parse().ok());
/// assert_eq!(address("example.com:443"), None);
/// ```
pub fn address(text: &str) -> Option<IpAddr> {
    plain_address(text.get(within(text))?)
}

/// Returns the address that a text is, if it is one: of the version that a colon tells.
fn plain_address(text: &str) -> Option<IpAddr> {
    if text.len() > 45 {
        return None;
    }
    if text.bytes().any(|byte| byte == b':') {
        text.parse().ok().map(IpAddr::V6)
    } else {
        text.parse().ok().map(IpAddr::V4)
    }
}

/// A text with gaps: `job.*` has the pieces `job.` and none, with any characters between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// At least one; in lower case where the pattern is not cased.
    pieces: Vec<String>,
    cased: bool,
}

impl Pattern {
    /// These pieces, with any characters between them.
    pub fn of(pieces: impl IntoIterator<Item = String>) -> Self {
        let mut pattern = Self::of_cased(pieces);
        for piece in &mut pattern.pieces {
            *piece = fold(piece).into_owned();
        }
        pattern.cased = false;
        pattern
    }

    /// The whole text.
    pub fn exactly(text: &str) -> Self {
        Self::of([text.to_owned()])
    }

    /// The whole text, with `*` for any characters.
    pub fn glob(text: &str) -> Self {
        Self::of(text.split('*').map(str::to_owned))
    }

    /// A text that holds this.
    pub fn contains(text: &str) -> Self {
        Self::of([String::new(), text.to_owned(), String::new()])
    }

    /// A text that begins with this.
    pub fn starts_with(text: &str) -> Self {
        Self::of([text.to_owned(), String::new()])
    }

    /// A text that ends with this.
    pub fn ends_with(text: &str) -> Self {
        Self::of([String::new(), text.to_owned()])
    }

    /// These pieces, compared with regard to case.
    pub fn of_cased(pieces: impl IntoIterator<Item = String>) -> Self {
        let mut pieces: Vec<String> = pieces.into_iter().collect();
        // Of gaps that follow each other one is enough.
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

    /// What stands between the gaps, in lower case where case does not count.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// Whether case counts.
    pub const fn is_cased(&self) -> bool {
        self.cased
    }

    /// Whether a text is like it.
    pub fn matches(&self, text: &str) -> bool {
        // A text of another length can be as long in lower case, but not where neither has but ASCII.
        if let [whole] = &self.pieces[..]
            && (self.cased || whole.is_ascii() && text.is_ascii())
        {
            return if self.cased { whole == text } else { whole.eq_ignore_ascii_case(text) };
        }
        if self.cased { self.matches_folded(text) } else { self.matches_folded(&fold(text)) }
    }

    /// As [`Pattern::matches`], for a text that is in lower case where case does not count.
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
        // Whatever comes first leaves most for what follows, so that nothing is tried twice.
        for piece in between {
            let Some(found) = position(rest, piece) else { return false };
            rest = &rest[found + piece.len()..];
        }
        ends(rest, last)
    }
}

/// Whether it begins so. Paths begin alike, so that the other end of the piece tells most of them apart without a call.
fn begins(text: &str, piece: &str) -> bool {
    let at = piece.len().saturating_sub(1);
    text.as_bytes().get(at) == piece.as_bytes().get(at) && text.starts_with(piece) || piece.is_empty()
}

/// Whether it ends so.
fn ends(text: &str, piece: &str) -> bool {
    let from = text.len().checked_sub(piece.len());
    from.is_some_and(|from| text.as_bytes().get(from) == piece.as_bytes().first() && text.ends_with(piece))
}

/// Where a text first stands in another one. Pieces of patterns are short: preparing a search would take longer.
fn position(text: &str, piece: &str) -> Option<usize> {
    let (text, piece) = (text.as_bytes(), piece.as_bytes());
    let Some((first, rest)) = piece.split_first() else { return Some(0) };
    let starts = text.get(..text.len().checked_sub(rest.len())?)?;
    let last = rest.last().unwrap_or(first);
    // Most that begin alike end otherwise, which is told without a call.
    memchr::memchr_iter(*first, starts)
        .find(|at| text[at + rest.len()] == *last && text[at + 1..].starts_with(rest))
}

/// A text in simple lower case: each character by itself, as long as it stays one.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(lower).collect())
}

/// Runs of characters that have another one in lower case: the first, the last, the step from one to the next, and how
/// far off that is.
#[allow(clippy::unreadable_literal, reason = "it is made by the build")]
static LOWER: &[(u32, u32, u32, i32)] = &include!(concat!(env!("OUT_DIR"), "/lower.rs"));

/// A character in lower case, where that is one character.
pub fn lower(char: char) -> char {
    let at = u32::from(char);
    let run = LOWER.get(LOWER.partition_point(|(_, last, ..)| *last < at));
    let far = run.filter(|(first, _, step, _)| *first <= at && (at - first) % step == 0);
    far.and_then(|(.., far)| char::from_u32(at.wrapping_add_signed(*far))).unwrap_or(char)
}

/// The words of a text: letters, digits and underscores that follow each other.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_alphanumeric() && char != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_character_has_its_simple_lower_case() {
        for char in '\0'..=char::MAX {
            let mut all = char.to_lowercase();
            let simple = all.next().filter(|_| all.next().is_none()).unwrap_or(char);
            assert_eq!(lower(char), simple, "{:x}", u32::from(char));
        }
        assert_eq!(lower('\u{130}'), '\u{130}');
    }

    #[test]
    fn compares_without_case_by_simple_lower_casing() {
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
        assert!(!Pattern::of_cased(["ada".into()]).matches("Ada"));
    }

    #[test]
    fn knows_networks() {
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
    fn literals_mean_what_they_say_and_what_they_are() {
        let is = |literal: &str, text: &str| Matcher::Literal(Literal::parse(literal).unwrap()).matches(text);
        assert!(is("200.0", "200") && is("2e2", "200") && is("200.0", "200.0"));
        assert!(is("2026-11-20", "2026-11-20T23:00:00Z") && !is("2026-11-20", "2026-11-21T00:00:00Z"));
        assert!(is("::1", "0:0:0:0:0:0:0:1") && is("10.0.0.0/8", "10.0.0.0/8"));
        assert!(Literal::parse("u_1").is_none() && Literal::parse("").is_none());
    }

    /// As a reader would do it: each gap tries every length.
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
        fn patterns_match_as_a_naive_one_does(pattern in "[abA*]{0,8}", text in "[abAB]{0,12}") {
            let pieces: Vec<String> = pattern.to_lowercase().split('*').map(str::to_owned).collect();
            prop_assert_eq!(Pattern::glob(&pattern).matches(&text), naive(&pieces, &text.to_lowercase()));
            let cased: Vec<String> = pattern.split('*').map(str::to_owned).collect();
            prop_assert_eq!(Pattern::of_cased(cased.clone()).matches(&text), naive(&cased, &text));
        }
    }
}
