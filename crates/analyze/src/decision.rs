//! Decisions of a gate about requests.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// A decision about a request, ordered from permissive to strict.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum Decision {
    /// Allows the request, overriding all other rules that match it.
    Allow,
    /// Requires the requester to authenticate again.
    Challenge,
    /// Refuses the request.
    Deny,
}

impl Decision {
    /// All decisions, the most permissive first.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the decision's name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses a decision's name.
    pub fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_stable() {
        let words = ["allow", "challenge", "deny"];
        assert!(Decision::ALL.iter().map(|one| one.as_str()).eq(words));
        assert!(words.iter().map(|word| Decision::parse(word)).eq(Decision::ALL.iter().copied().map(Some)));
    }
}
