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
    /// True if the event is selected. `action` is in lower case. Without a scope, conditions don't hold.
    pub(super) fn includes(&self, action: Option<&str>, scope: Option<&Scope<'_, '_>>) -> bool {
        let matches = |list: &[Pattern]| {
            action.is_some_and(|action| list.iter().any(|pattern| pattern.matches(action)))
        };
        (self.actions.is_empty() || matches(&self.actions))
            && !matches(&self.except)
            && (self.when.any.is_empty() || scope.is_some_and(|scope| self.when.holds(scope)))
    }
}

/// A string with `*` for any characters, compared without regard to case.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<String>);

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_lowercase().split('*').map(str::to_owned).collect())
    }

    /// True if the pattern matches a string in lower case.
    fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = &self.0[..] else {
            return self.0.first().is_some_and(|whole| whole == text);
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
            assert_eq!(Pattern::new(pattern).matches(text), matches, "{pattern} {text}");
        }
    }
}
