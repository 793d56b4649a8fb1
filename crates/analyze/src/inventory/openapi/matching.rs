//! Matching of calls' paths with the paths of a description.

use std::borrow::Cow;
use std::collections::BTreeMap;

use countersign::path::segment;

use super::super::{call, escapes};
use super::Kind;

/// A tree of described paths. If several match, the one with the most specific segments wins.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    words: BTreeMap<Box<str>, Paths>,
    /// Segments with parameters, the most specific first.
    patterns: Vec<(Pattern, Paths)>,
    number: Option<usize>,
}

/// A segment with parameters: texts in this order, with a value between each two.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    texts: Vec<Box<str>>,
    kind: Kind,
}

/// The maximum number of segments of a described path, and of a call's path.
pub(super) const MAX_SEGMENTS: usize = 64;
/// The maximum number of steps of a search: the deepest path, plus some backtracking.
const MAX_STEPS: usize = 4_096;

impl Paths {
    /// Adds a path, and returns its number of segments; `None` if it has too many.
    pub(super) fn add(&mut self, path: &str, kinds: &BTreeMap<&str, Kind>, number: usize) -> Option<usize> {
        let count = segments(path).take(MAX_SEGMENTS + 1).count();
        if count > MAX_SEGMENTS {
            return None;
        }
        let mut at = self;
        for segment in segments(path) {
            at = match Pattern::parse(&segment, kinds) {
                None => at.words.entry(segment.into()).or_default(),
                Some(pattern) => {
                    let place = at.patterns.iter().position(|(known, _)| *known == pattern);
                    let place = place.unwrap_or_else(|| {
                        let place = at.patterns.partition_point(|(known, _)| known.rank() <= pattern.rank());
                        at.patterns.insert(place, (pattern, Self::default()));
                        place
                    });
                    &mut at.patterns[place].1
                }
            };
        }
        at.number.get_or_insert(number);
        Some(count)
    }

    pub(super) fn find(&self, path: &str) -> Option<usize> {
        let segments: Vec<_> = segments(call::path(path)).take(MAX_SEGMENTS + 1).collect();
        if segments.len() > MAX_SEGMENTS {
            return None;
        }
        self.walk(&segments, &mut MAX_STEPS.clone())
    }

    fn walk(&self, segments: &[Cow<'_, str>], steps: &mut usize) -> Option<usize> {
        let [segment, rest @ ..] = segments else { return self.number };
        *steps = steps.checked_sub(1)?;
        let named = call::without_parameters(segment);
        let words = [&**segment, named];
        let words = if named.len() == segment.len() { &words[..1] } else { &words };
        for word in words {
            if let Some(found) = self.words.get(*word).and_then(|paths| paths.walk(rest, steps)) {
                return Some(found);
            }
        }
        let fitting = |(pattern, _): &&(Pattern, Self)| words.iter().any(|word| pattern.fits(word));
        let found = self.patterns.iter().filter(fitting).find_map(|(_, paths)| paths.walk(rest, steps));
        // A segment that consists only of parameters (`;a=b`) may be skipped.
        found.or_else(|| if named.is_empty() { self.walk(rest, steps) } else { None })
    }
}

fn segments(path: &str) -> impl Iterator<Item = Cow<'_, str>> {
    path.split('/').filter(|segment| !segment.is_empty()).map(escapes::decode)
}

/// Returns a path without the names of its parameters. Equivalent paths give the same result.
pub(super) fn normal(path: &str, kinds: &BTreeMap<&str, Kind>) -> String {
    let mut normal = String::new();
    for segment in segments(path) {
        normal.push('/');
        match Pattern::parse(&segment, kinds) {
            None => normal.push_str(&segment),
            Some(Pattern { texts, kind }) => {
                normal.push_str(&texts.join("{}"));
                normal.push_str(match kind {
                    Kind::Number => "\u{1}",
                    Kind::Uuid => "\u{2}",
                    Kind::Any => "",
                });
            }
        }
    }
    normal
}

impl Pattern {
    /// Parses a segment with parameters in braces; `None` for a word.
    fn parse(segment: &str, kinds: &BTreeMap<&str, Kind>) -> Option<Self> {
        let mut texts = Vec::new();
        let (mut rest, mut names) = (segment, Vec::new());
        while let Some((text, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else { break };
            // Adjacent parameters are one.
            if !text.is_empty() || texts.is_empty() {
                texts.push(text.into());
                names.push(name);
            }
            rest = after;
        }
        if texts.is_empty() {
            return None;
        }
        texts.push(rest.into());
        let kind = match &names[..] {
            [name] => kinds.get(name).copied().unwrap_or_default(),
            _ => Kind::Any,
        };
        Some(Self { texts, kind })
    }

    fn rank(&self) -> (bool, Kind) {
        (self.texts.iter().all(|text| text.is_empty()), self.kind)
    }

    fn fits(&self, value: &str) -> bool {
        let [first, middle @ .., last] = &self.texts[..] else { return false };
        // A segment that was recorded as a template stands for any value.
        if is_template(value) && first.is_empty() && last.is_empty() {
            return true;
        }
        let Some(inner) = value.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last)) else {
            return false;
        };
        if middle.is_empty() {
            return self.kind.fits(inner);
        }
        let mut rest = inner;
        for text in middle {
            match rest.find(&**text) {
                Some(at) if at > 0 => rest = &rest[at + text.len()..],
                _ => return false,
            }
        }
        !rest.is_empty()
    }
}

fn is_template(segment: &str) -> bool {
    matches!(segment.as_bytes(), [b'{' | b'[' | b'<', ..] | [b':', _, ..])
}

impl Kind {
    fn fits(self, value: &str) -> bool {
        if value.is_empty() {
            return false;
        }
        let kind = segment(value);
        match self {
            _ if is_template(value) => true,
            Self::Any => true,
            Self::Number => {
                matches!(kind, Some(("number", ""))) || value.bytes().all(|byte| byte.is_ascii_digit())
            }
            Self::Uuid => matches!(kind, Some(("uuid" | "hash" | "token", ""))),
        }
    }
}
