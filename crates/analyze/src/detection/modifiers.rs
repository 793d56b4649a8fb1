//! Modifiers: what stands after a field's name, each after a bar, and says how its values are meant (Sigma 2.1,
//! "Modifiers").

use countersign_query::split::split;

use crate::error::{AnalyzeError, told};

/// Modifiers that go together, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Modifiers(u32);

/// In the order of their bits.
const NAMES: [&str; 17] = [
    "contains",
    "startswith",
    "endswith",
    "all",
    "cased",
    "re",
    "i",
    "m",
    "s",
    "cidr",
    "lt",
    "lte",
    "gt",
    "gte",
    "exists",
    "fieldref",
    "neq",
];

impl Modifiers {
    pub(crate) const CONTAINS: Self = Self(1);
    pub(crate) const STARTS_WITH: Self = Self(1 << 1);
    pub(crate) const ENDS_WITH: Self = Self(1 << 2);
    pub(crate) const ALL: Self = Self(1 << 3);
    pub(crate) const CASED: Self = Self(1 << 4);
    pub(crate) const RE: Self = Self(1 << 5);
    #[cfg(feature = "re")]
    pub(crate) const IGNORES_CASE: Self = Self(1 << 6);
    #[cfg(feature = "re")]
    pub(crate) const LINES: Self = Self(1 << 7);
    #[cfg(feature = "re")]
    pub(crate) const DOT_IS_ANY: Self = Self(1 << 8);
    pub(crate) const CIDR: Self = Self(1 << 9);
    pub(crate) const LESS: Self = Self(1 << 10);
    pub(crate) const AT_MOST: Self = Self(1 << 11);
    pub(crate) const MORE: Self = Self(1 << 12);
    pub(crate) const AT_LEAST: Self = Self(1 << 13);
    pub(crate) const EXISTS: Self = Self(1 << 14);
    pub(crate) const FIELD: Self = Self(1 << 15);
    pub(crate) const DIFFERS: Self = Self(1 << 16);

    /// The modifiers with which numbers are still compared as numbers.
    pub(crate) const ALL_OR_DIFFERS: Self = Self(Self::ALL.0 | Self::DIFFERS.0);

    /// Says how a regular expression is meant.
    const FLAGS: Self = Self(0b111 << 6);
    /// One of these at most, as each says which part of a text is meant.
    const PARTS: Self = Self(0b111);
    /// One of these at most, and none of [`Self::TEXTS`] beside it.
    const KINDS: Self = Self(Self::RE.0 | 0b11_1111 << 9);
    /// None of these goes with [`Self::DIFFERS`]: another modifier says the opposite.
    const OPPOSITES: Self = Self(Self::ALL.0 | 0b1_1111 << 10);
    const TEXTS: Self = Self(Self::PARTS.0 | Self::CASED.0 | Self::FIELD.0);

    /// Reads names with bars between them; refuses what is not known, and what does not go together.
    pub(crate) fn parse(names: &str, line: u32) -> Result<Self, AnalyzeError> {
        let fault =
            |problem: String, hint: &str| Err(AnalyzeError::new("rule.modifier", line, problem, hint));
        let mut all = Self::default();
        for name in split(names, b'|') {
            let Some(nth) = NAMES.iter().position(|known| *known == name) else {
                let hint = "there are contains, startswith, endswith, all, cased, re (with i, m, s), cidr, lt, lte, gt, gte, exists, fieldref and neq";
                return fault(told!("the modifier `{name}` is not supported"), hint);
            };
            if all.has(Self(1 << nth)) {
                return fault(told!("the modifier `{name}` is there twice"), "remove one of them");
            }
            all.0 |= 1 << nth;
        }
        if all.has(Self::FLAGS) && !all.has(Self::RE) {
            return fault(told!("`i`, `m` and `s` say how `re` is meant"), "add `re` before them");
        }
        if all.count(Self::PARTS) > 1 {
            let problem = told!("only one of contains, startswith and endswith can be meant");
            return fault(problem, "keep one of them");
        }
        let kinds = all.count(Self::KINDS);
        if kinds > 1 || kinds == 1 && all.has(Self::TEXTS) || all.has(Self::FIELD) && all.has(Self::CASED) {
            return fault(told!("`{names}` do not go together"), "keep one of them");
        }
        if all.has(Self::DIFFERS) && all.has(Self::OPPOSITES) {
            let problem = told!("`{names}` do not go together");
            return fault(problem, "write the condition with `not` in place of `neq`");
        }
        Ok(all)
    }

    /// Whether it has one of these.
    pub(crate) const fn has(self, some: Self) -> bool {
        self.count(some) > 0
    }

    /// Whether it has none but these.
    pub(crate) const fn has_only(self, some: Self) -> bool {
        self.0 & !some.0 == 0
    }

    const fn count(self, some: Self) -> u32 {
        (self.0 & some.0).count_ones()
    }

    /// Refuses what elements of an array don't have.
    pub(super) fn check_in_element(self, line: u32) -> Result<(), AnalyzeError> {
        if self.has(Self::FIELD) {
            let problem = told!("an element of an array is not compared with other fields");
            return Err(AnalyzeError::new(
                "rule.modifier",
                line,
                problem,
                "write the value, or compare outside of the brackets",
            ));
        }
        Ok(())
    }
}
