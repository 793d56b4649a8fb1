//! Selections of a parser's events, by their action and by a condition.

use super::condition::Condition;
use super::path::Scope;

/// Selects events of a parser. All events, if it is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// The action matches one of these. If empty, any action does.
    pub(super) actions: Vec<Pattern>,
    /// The action matches none of these.
    pub(super) except: Vec<Pattern>,
    pub(super) when: Condition,
}

impl Selection {
    /// True if the event is selected. Without a scope, conditions don't hold.
    pub(super) fn includes(&self, action: Option<&Action>, scope: Option<&Scope<'_, '_>>) -> bool {
        let matches = |list: &[Pattern]| {
            action.is_some_and(|action| list.iter().any(|pattern| pattern.matches(action)))
        };
        (self.actions.is_empty() || matches(&self.actions))
            && !matches(&self.except)
            && (self.when.any.is_empty() || scope.is_some_and(|scope| self.when.holds(scope)))
    }
}

/// An action, ready to be compared with many patterns.
pub(super) struct Action {
    /// In lower case.
    text: String,
    pairs: Pairs,
}

impl Action {
    pub(super) fn new(action: &str) -> Self {
        let text = action.to_lowercase();
        Self { pairs: Pairs::new(&text), text }
    }
}

/// The pairs of neighboring bytes in a text, as a set that may have more: each pair sets one of 64 bits. Most patterns have
/// a pair that an action lacks, which is seen without comparing text.
#[derive(Clone, Copy, Debug, Default)]
struct Pairs(u64);

impl Pairs {
    fn new(text: &str) -> Self {
        let bit = |pair: &[u8]| 1 << (u32::from(pair[0]).wrapping_mul(31).wrapping_add(pair[1].into()) % 64);
        Self(text.as_bytes().windows(2).fold(0, |pairs, pair| pairs | bit(pair)))
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if the other text may have all of these pairs.
    const fn may_be_in(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

/// A string with `*` for any characters, compared without regard to case.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// The texts between the stars.
    parts: Vec<String>,
    pairs: Pairs,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let parts: Vec<String> = text.to_lowercase().split('*').map(str::to_owned).collect();
        let pairs = parts.iter().fold(Pairs::default(), |all, part| all.with(Pairs::new(part)));
        Self { parts, pairs }
    }

    /// True if the pattern matches the whole action.
    fn matches(&self, Action { text, pairs }: &Action) -> bool {
        if !self.pairs.may_be_in(*pairs) {
            return false;
        }
        let [first, middle @ .., last] = &self.parts[..] else {
            return self.parts.first().is_some_and(|whole| whole == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            let Some(at) = rest.find(part.as_str()) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_without_regard_to_case() {
        for (pattern, text, matches) in [
            ("Get*", "getobject", true),
            ("Get*", "widget", false),
            ("*.delete", "v1.compute.delete", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
            ("Delete", "delete", true),
            ("Delete", "deleted", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(&Action::new(text)), matches, "{pattern} {text}");
        }
    }
}
