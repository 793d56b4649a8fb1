//! Integers packed into as few bytes as the largest one needs.

/// A list of unsigned integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    /// A number of zeros.
    Zeros(usize),
    /// The integers from 0 up to, but not including, this one.
    Ascending(usize),
    One(Vec<u8>),
    Two(Vec<u16>),
    Four(Vec<u32>),
    Eight(Vec<u64>),
}

/// Matches on every width with the same expression.
macro_rules! each_width {
    ($packed:expr, $zeros:pat => $of_zeros:expr, $most:pat => $of_ascending:expr, $list:ident => $of_list:expr) => {
        match $packed {
            Packed::Zeros($zeros) => $of_zeros,
            Packed::Ascending($most) => $of_ascending,
            Packed::One($list) => $of_list,
            Packed::Two($list) => $of_list,
            Packed::Four($list) => $of_list,
            Packed::Eight($list) => $of_list,
        }
    };
}
pub(crate) use each_width;

impl Packed {
    pub(crate) fn from_numbers(numbers: impl ExactSizeIterator<Item = u64> + Clone) -> Self {
        let len = numbers.len();
        if len > 1 && (0..).zip(numbers.clone()).all(|(nth, number): (u64, u64)| nth == number) {
            return Self::Ascending(len);
        }
        match numbers.clone().max().unwrap_or(0) {
            0 => Self::Zeros(len),
            1..=0xff => Self::One(numbers.map(|number| number as u8).collect()),
            0x100..=0xffff => Self::Two(numbers.map(|number| number as u16).collect()),
            0x1_0000..=0xffff_ffff => Self::Four(numbers.map(|number| number as u32).collect()),
            _ => Self::Eight(numbers.collect()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        each_width!(self, len => *len, len => *len, list => list.len())
    }

    /// Returns the number at an index, or 0 beyond the end.
    pub(crate) fn get(&self, at: usize) -> u64 {
        match self {
            Self::Zeros(_) => 0,
            Self::Ascending(len) => {
                if at < *len {
                    at as u64
                } else {
                    0
                }
            }
            Self::One(list) => list.get(at).copied().map_or(0, u64::from),
            Self::Two(list) => list.get(at).copied().map_or(0, u64::from),
            Self::Four(list) => list.get(at).copied().map_or(0, u64::from),
            Self::Eight(list) => list.get(at).copied().unwrap_or(0),
        }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = u64> + Clone + '_ {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Returns the memory use in bytes.
    pub(crate) fn bytes(&self) -> usize {
        each_width!(self, _ => 0, _ => 0, list => size_of_val(&list[..]))
    }
}

/// Integers stored as offsets from the smallest one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    base: i64,
    above: Packed,
}

impl Numbers {
    pub(crate) fn from_values(numbers: &[i64]) -> Self {
        let base = numbers.iter().copied().min().unwrap_or(0);
        Self { base, above: Packed::from_numbers(numbers.iter().map(|number| number.abs_diff(base))) }
    }

    /// Creates the list from its parts.
    pub(crate) const fn new(base: i64, above: Packed) -> Self {
        Self { base, above }
    }

    pub(crate) const fn base(&self) -> i64 {
        self.base
    }

    pub(crate) const fn above(&self) -> &Packed {
        &self.above
    }

    pub(crate) fn get(&self, at: usize) -> i64 {
        self.base.wrapping_add_unsigned(self.above.get(at))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.above.iter().map(|above| self.base.wrapping_add_unsigned(above))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.above.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_packed_numbers() {
        for numbers in [
            vec![],
            vec![7, 7],
            vec![7, 8, 9],
            vec![7, 8, 8],
            vec![-5, 250],
            vec![1, 70_000],
            vec![i64::MIN, i64::MAX, 0],
            vec![1 << 40, (1 << 40) + 300],
        ] {
            let packed = Numbers::from_values(&numbers);
            assert_eq!(packed.iter().collect::<Vec<_>>(), numbers);
            assert!(numbers.iter().enumerate().all(|(at, number)| packed.get(at) == *number));
        }
    }
}
