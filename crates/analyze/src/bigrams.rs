//! Bigram filters: two instructions rule out most strings that don't contain a part, so that few need a
//! search.

use countersign_query::matcher::fold;

/// The bigrams (pairs of adjacent bytes) of a string, as a bit set. Several bigrams share a bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bigrams([u64; 2]);

/// The length in bytes above which nearly all bits would be set.
const MAX_TEXT_BYTES: usize = 192;

impl Bigrams {
    /// Returns the bigrams of a string to search, in lower case.
    pub(crate) fn of_whole(text: &str) -> Self {
        if text.len() > MAX_TEXT_BYTES { Self([u64::MAX; 2]) } else { Self::of_part(text) }
    }

    /// Returns the bigrams of a part to search for, in lower case.
    pub(crate) fn of_part(text: &str) -> Self {
        if text.is_ascii() {
            Self::from_text(text.as_bytes())
        } else {
            Self::from_text(fold(text).as_bytes())
        }
    }

    fn from_text(text: &[u8]) -> Self {
        // This bit makes letters of either case equal. Making other characters equal too does no harm.
        let either_case = |byte: u8| u32::from(byte | 0x20);
        let (mut low, mut high) = (0, 0);
        for pair in text.windows(2) {
            let place = (either_case(pair[0]) << 8 | either_case(pair[1])).wrapping_mul(0x9e37_79b1) >> 25;
            // One of the two words gets the bit, without a branch.
            let (bit, is_high) = (1 << (place % 64), u64::from(place / 64));
            low |= bit & is_high.wrapping_sub(1);
            high |= bit & is_high.wrapping_neg();
        }
        Self([low, high])
    }

    /// Returns the bigrams of either.
    pub(crate) const fn union(self, other: Self) -> Self {
        let (Self([a, b]), Self([c, d])) = (self, other);
        Self([a | c, b | d])
    }

    /// Estimates how selective the set is. A higher result means that fewer texts contain the part.
    pub(crate) const fn strength(self) -> u32 {
        self.0[0].count_ones() + self.0[1].count_ones()
    }

    /// False if a string with these bigrams can't contain `parts`.
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
    fn rejects_most_parts_that_are_absent() {
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
        let possible = parts.iter().filter(|part| whole.may_hold(Bigrams::of_part(part))).count();
        assert!(possible <= 1, "{possible}");
        assert!(
            whole.may_hold(Bigrams::of_part("/invoices/")) && !whole.may_hold(Bigrams::of_part("/wp-admin"))
        );
    }

    proptest! {
        #[test]
                fn never_rejects_a_part_that_is_present(before in ".{0,60}", part in ".{0,20}", other in ".{0,9}", after in ".{0,9}") {
            let whole = Bigrams::of_whole(&[&*before, &part, &other, &after].concat());
            prop_assert!(whole.may_hold(Bigrams::of_part(&part).union(Bigrams::of_part(&other))));
        }
    }
}
