//! Some of a pack's rules, by their numbers.

/// A bit for each rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleSet(Vec<u64>);

impl RuleSet {
    /// None, of so many.
    pub(crate) fn of(rules: usize) -> Self {
        Self(vec![0; rules.div_ceil(64)])
    }

    pub(crate) fn add(&mut self, rule: usize) {
        self.0[rule / 64] |= 1 << (rule % 64);
    }

    /// Their numbers, ascending.
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
