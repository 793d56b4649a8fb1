//! Modifiers after a field's name, separated by bars, which say how values are compared (Sigma 2.1,
//! "Modifiers").

use countersign_query::split::split;

use crate::error::{AnalyzeError, explain};

/// A set of modifiers, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Modifiers(u32);

/// The names of the modifiers, in the order of their bits.
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

    /// Flags of a regular expression.
    const FLAGS: Self = Self(0b111 << 6);
    /// Modifiers that select a part of a string; at most one may be used.
    const PARTS: Self = Self(0b111);
    /// Modifiers that select a kind of comparison; at most one may be used, and none of [`Self::TEXTS`]
    /// with it.
    const KINDS: Self = Self(Self::RE.0 | 0b11_1111 << 9);
    /// Modifiers that can't be combined with [`Self::DIFFERS`].
    const OPPOSITES: Self = Self(Self::ALL.0 | 0b1_1111 << 10);
    const TEXTS: Self = Self(Self::PARTS.0 | Self::CASED.0 | Self::FIELD.0);

    /// Parses names separated by bars. Rejects unknown modifiers and invalid combinations.
    pub(crate) fn parse(names: &str, line: u32) -> Result<Self, AnalyzeError> {
        let fault =
            |problem: String, hint: &str| Err(AnalyzeError::new("rule.modifier", line, problem, hint));
        let mut all = Self::default();
        for name in split(names, b'|') {
            let Some(nth) = NAMES.iter().position(|known| *known == name) else {
                let hint = "use contains, startswith, endswith, all, cased, re (with i, m, s), cidr, lt, lte, gt, gte, exists, fieldref or neq";
                return fault(explain!("the modifier `{name}` is not supported"), hint);
            };
            if all.has(Self(1 << nth)) {
                return fault(explain!("the modifier `{name}` appears twice"), "remove one of them");
            }
            all.0 |= 1 << nth;
        }
        if all.has(Self::FLAGS) && !all.has(Self::RE) {
            return fault(explain!("the modifiers `i`, `m` and `s` require `re`"), "add `re` before them");
        }
        if all.count(Self::PARTS) > 1 {
            let problem = explain!("only one of contains, startswith and endswith can be used");
            return fault(problem, "keep one of them");
        }
        let kinds = all.count(Self::KINDS);
        if kinds > 1 || kinds == 1 && all.has(Self::TEXTS) || all.has(Self::FIELD) && all.has(Self::CASED) {
            return fault(explain!("the modifiers `{names}` can't be combined"), "keep one of them");
        }
        if all.has(Self::DIFFERS) && all.has(Self::OPPOSITES) {
            let problem = explain!("the modifiers `{names}` can't be combined");
            return fault(problem, "remove `neq`, and use `not` in the condition");
        }
        Ok(all)
    }

    /// True if it contains one of these modifiers.
    pub(crate) const fn has(self, some: Self) -> bool {
        self.count(some) > 0
    }

    /// True if it contains no modifiers except these.
    pub(crate) const fn has_only(self, some: Self) -> bool {
        self.0 & !some.0 == 0
    }

    const fn count(self, some: Self) -> u32 {
        (self.0 & some.0).count_ones()
    }

    /// Rejects modifiers that elements of an array don't support.
    pub(super) fn check_in_element(self, line: u32) -> Result<(), AnalyzeError> {
        if self.has(Self::FIELD) {
            let problem = explain!("an element of an array can't be compared with other fields");
            return Err(AnalyzeError::new(
                "rule.modifier",
                line,
                problem,
                "write a value, or compare outside of the brackets",
            ));
        }
        Ok(())
    }
}
