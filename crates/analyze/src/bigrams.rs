//! The bigrams of texts, a filter: it tells in two instructions that a part does not stand in a text, and most tests of
//! most values end there.

use countersign_query::matcher::fold;

/// The bigrams of a text, which are pairs of bytes that follow each other, as bits. Several bigrams share a bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bigrams([u64; 2]);

/// Of longer texts nearly all bits would be set.
const MAX: usize = 192;

impl Bigrams {
    /// Of a text in which parts are looked for, in lower case.
    pub(crate) fn of_whole(text: &str) -> Self {
        if text.len() > MAX { Self([u64::MAX; 2]) } else { Self::of_part(text) }
    }

    /// Of a part that is looked for, in lower case.
    pub(crate) fn of_part(text: &str) -> Self {
        if text.is_ascii() { Self::of(text.as_bytes()) } else { Self::of(fold(text).as_bytes()) }
    }

    fn of(text: &[u8]) -> Self {
        // Letters of either case are the same with this bit, and that others are, too, does no harm.
        let either_case = |byte: u8| u32::from(byte | 0x20);
        let (mut low, mut high) = (0, 0);
        for pair in text.windows(2) {
            let place = (either_case(pair[0]) << 8 | either_case(pair[1])).wrapping_mul(0x9e37_79b1) >> 25;
            // One of the two gets a bit, without a branch.
            let (bit, is_high) = (1 << (place % 64), u64::from(place / 64));
            low |= bit & is_high.wrapping_sub(1);
            high |= bit & is_high.wrapping_neg();
        }
        Self([low, high])
    }

    /// Those of both.
    pub(crate) const fn union(self, other: Self) -> Self {
        let (Self([a, b]), Self([c, d])) = (self, other);
        Self([a | c, b | d])
    }

    /// How few texts may hold these, roughly: more is fewer.
    pub(crate) const fn strength(self) -> u32 {
        self.0[0].count_ones() + self.0[1].count_ones()
    }

    /// Whether the parts could stand in the whole.
    pub(crate) const fn may_hold(self, parts: Self) -> bool {
        let (Self([a, b]), Self([c, d])) = (self, parts);
        c & !a | d & !b == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn most_that_is_not_there_is_told() {
        let whole = Bigrams::of_whole("/api/v1/invoices/12345");
        let parts = [
            "/admin",
            "../",
            "/.git",
            ".bak",
            ".php",
            "/wp-login",
            "/v0/",
            "/internal/",
            "/actuator",
            ".jsp",
        ];
        let told = parts.iter().filter(|part| whole.may_hold(Bigrams::of_part(part))).count();
        assert!(told <= 1, "{told}");
        assert!(
            whole.may_hold(Bigrams::of_part("/invoices/")) && !whole.may_hold(Bigrams::of_part("/wp-admin"))
        );
    }

    proptest! {
        #[test]
        fn whatever_is_there_may_be_there(before in ".{0,60}", part in ".{0,20}", other in ".{0,9}", after in ".{0,9}") {
            let whole = Bigrams::of_whole(&[&*before, &part, &other, &after].concat());
            prop_assert!(whole.may_hold(Bigrams::of_part(&part).union(Bigrams::of_part(&other))));
        }
    }
}
