//! Lists and strings that need no heap memory if they are short. There may be a million, most of them
//! short.

use core::ops::{Deref, DerefMut};

/// A list that stores up to `N` items inline, and more items on the heap without spare capacity.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "state", serde(from = "Vec<T>", into = "Vec<T>"))]
pub(crate) enum SmallVec<T: Copy + Default, const N: usize> {
    Short(u8, [T; N]),
    Long(Box<[T]>),
}

impl<T: Copy + Default, const N: usize> Default for SmallVec<T, N> {
    fn default() -> Self {
        Self::Short(0, [T::default(); N])
    }
}

impl<T: Copy + Default, const N: usize> From<&[T]> for SmallVec<T, N> {
    fn from(list: &[T]) -> Self {
        let mut short = [T::default(); N];
        let Some(begin) = short.get_mut(..list.len()) else { return Self::Long(list.into()) };
        begin.copy_from_slice(list);
        Self::Short(list.len() as u8, short)
    }
}

impl<T: Copy + Default, const N: usize> From<Vec<T>> for SmallVec<T, N> {
    fn from(list: Vec<T>) -> Self {
        list.as_slice().into()
    }
}

impl<T: Copy + Default, const N: usize> From<SmallVec<T, N>> for Vec<T> {
    fn from(small: SmallVec<T, N>) -> Self {
        small.to_vec()
    }
}

impl<T: Copy + Default, const N: usize> Deref for SmallVec<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Short(length, short) => &short[..usize::from(*length)],
            Self::Long(list) => list,
        }
    }
}

impl<T: Copy + Default, const N: usize> DerefMut for SmallVec<T, N> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::Short(length, short) => &mut short[..usize::from(*length)],
            Self::Long(list) => list,
        }
    }
}

impl<T: Copy + Default, const N: usize> SmallVec<T, N> {
    /// Inserts a value at an index, before the one there.
    pub(crate) fn insert(&mut self, at: usize, value: T) {
        let mut list = Vec::with_capacity(self.len() + 1);
        list.extend_from_slice(&self[..at]);
        list.push(value);
        list.extend_from_slice(&self[at..]);
        *self = list.into();
    }
}

/// A string that stores up to 22 bytes inline.
#[derive(Clone, Debug, Default)]
pub(crate) struct SmallStr(SmallVec<u8, 22>);

impl From<&str> for SmallStr {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl Deref for SmallStr {
    type Target = str;

    fn deref(&self) -> &str {
        // The bytes come from a string.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_keep_their_contents() {
        for length in 0..40 {
            for letter in ["a", "\u{e9}", "\u{1f980}"] {
                let text = letter.repeat(length);
                assert_eq!(*SmallStr::from(&*text), *text);
            }
        }
        assert_eq!((&*SmallStr::default(), size_of::<SmallStr>()), ("", 24));
    }

    #[test]
    fn lists_insert_and_modify_like_vec() {
        let mut small = SmallVec::<u16, 3>::default();
        let mut list = Vec::new();
        for value in 0..9 {
            let at = usize::from(value) / 2;
            small.insert(at, value);
            list.insert(at, value);
            small[at] += 10;
            list[at] += 10;
            assert_eq!((&*small, Vec::from(small.clone())), (&*list, list.clone()));
        }
    }
}
