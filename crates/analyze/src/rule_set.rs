//! A set of rules, by number.

/// A bit set of rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleSet(Vec<u64>);

impl RuleSet {
    /// Creates an empty set for the rules numbered below `rules`.
    pub(crate) fn new(rules: usize) -> Self {
        Self(vec![0; rules.div_ceil(64)])
    }

    pub(crate) fn add(&mut self, rule: usize) {
        self.0[rule / 64] |= 1 << (rule % 64);
    }

    /// Returns the rules' numbers, ascending.
    pub(crate) fn numbers(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(nth, mut bits)| {
            core::iter::from_fn(move || {
                let rule = (bits != 0).then(|| nth * 64 + bits.trailing_zeros() as usize)?;
                bits &= bits - 1;
                Some(rule)
            })
        })
    }
}
