//! What a gate decides before something is done.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// What becomes of a request. The later ones are the stricter.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum Decision {
    /// It goes on. A rule that says so excepts what it fires for from all others.
    Allow,
    /// Whoever asks has to show anew who they are.
    Challenge,
    /// It is refused.
    Deny,
}

impl Decision {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Its word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The one with this word.
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
