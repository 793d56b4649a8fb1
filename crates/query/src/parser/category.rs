//! Categories of actions, independent of the words a source uses for them.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// A kind of action. `docs/parsers.md` describes each.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Category {
    /// A login, a logout, a second factor, or a session that started or ended.
    Authentication,
    /// An identity that was created, changed, suspended, or deleted.
    Account,
    /// A right, role, group membership, or sharing setting that was granted, changed, or revoked.
    Permission,
    /// A password, key, token, certificate, or second factor that was created, changed, or revoked.
    Credential,
    /// Rights that were assumed temporarily, or a shell or remote command that was opened.
    Elevation,
    /// A secret that was read.
    SecretAccess,
    /// Records or settings that were read, listed, or searched.
    Read,
    /// Data that was exported, downloaded, or shared outside.
    Export,
    /// Records that were created or changed.
    Change,
    /// Something that was deleted.
    Deletion,
    /// A setting, policy, or security control that was changed.
    Configuration,
    /// Logging or monitoring that was set up, changed, or stopped.
    Logging,
    /// Software, machines, or workloads that were deployed, started, changed, or stopped.
    Deployment,
    /// Networks, firewalls, or domain names that were changed.
    Network,
    /// A backup, snapshot, or restore, or a change of how these are made.
    Backup,
    /// An alert, an incident, or a response to one.
    Incident,
    /// Consent of a person, or a request about their data.
    Consent,
    /// An action that is known to be none of these.
    Other,
}

impl Category {
    /// All categories, in the order of the documentation.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The word that parser files and catalogs use.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses a category's word.
    pub fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

/// A set of categories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Categories(u32);

impl Categories {
    /// Adds a category.
    pub const fn insert(&mut self, category: Category) {
        self.0 |= 1 << category as u32;
    }

    /// Returns the categories of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if the sets have a category in common.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// True if the set has no category.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Iterates over the categories of the set.
    pub fn iter(self) -> impl Iterator<Item = Category> {
        Category::ALL.iter().copied().filter(move |category| self.0 >> *category as u32 & 1 == 1)
    }
}

impl FromIterator<Category> for Categories {
    fn from_iter<I: IntoIterator<Item = Category>>(list: I) -> Self {
        list.into_iter().fold(Self::default(), |mut all, category| {
            all.insert(category);
            all
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_stable() {
        let words = [
            "authentication",
            "account",
            "permission",
            "credential",
            "elevation",
            "secret-access",
            "read",
            "export",
            "change",
            "deletion",
            "configuration",
            "logging",
            "deployment",
            "network",
            "backup",
            "incident",
            "consent",
            "other",
        ];
        assert!(Category::ALL.iter().map(|one| one.as_str()).eq(words));
        assert!(words.iter().map(|word| Category::parse(word)).eq(Category::ALL.iter().copied().map(Some)));
    }
}
