//! Lists and names of which there may be a million, and of which most are short: those take no memory beside themselves.

use core::ops::{Deref, DerefMut};

/// A list of which up to `N` take no memory beside it; of more, no more than they need.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "state", serde(from = "Vec<T>", into = "Vec<T>"))]
pub(crate) enum Few<T: Copy + Default, const N: usize> {
    Short(u8, [T; N]),
    Long(Box<[T]>),
}

impl<T: Copy + Default, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self::Short(0, [T::default(); N])
    }
}

impl<T: Copy + Default, const N: usize> From<&[T]> for Few<T, N> {
    fn from(list: &[T]) -> Self {
        let mut short = [T::default(); N];
        let Some(begin) = short.get_mut(..list.len()) else { return Self::Long(list.into()) };
        begin.copy_from_slice(list);
        Self::Short(list.len() as u8, short)
    }
}

impl<T: Copy + Default, const N: usize> From<Vec<T>> for Few<T, N> {
    fn from(list: Vec<T>) -> Self {
        list.as_slice().into()
    }
}

impl<T: Copy + Default, const N: usize> From<Few<T, N>> for Vec<T> {
    fn from(few: Few<T, N>) -> Self {
        few.to_vec()
    }
}

impl<T: Copy + Default, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Short(length, short) => &short[..usize::from(*length)],
            Self::Long(list) => list,
        }
    }
}

impl<T: Copy + Default, const N: usize> DerefMut for Few<T, N> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::Short(length, short) => &mut short[..usize::from(*length)],
            Self::Long(list) => list,
        }
    }
}

impl<T: Copy + Default, const N: usize> Few<T, N> {
    /// Puts one at this place, before those that stand there.
    pub(crate) fn insert(&mut self, at: usize, value: T) {
        let mut list = Vec::with_capacity(self.len() + 1);
        list.extend_from_slice(&self[..at]);
        list.push(value);
        list.extend_from_slice(&self[at..]);
        *self = list.into();
    }
}

/// A name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Name(Few<u8, 22>);

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.as_bytes().into())
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        // It was made of a text.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_what_it_is() {
        for length in 0..40 {
            for letter in ["a", "\u{e9}", "\u{1f980}"] {
                let name = letter.repeat(length);
                assert_eq!(*Name::from(&*name), *name);
            }
        }
        assert_eq!((&*Name::default(), size_of::<Name>()), ("", 24));
    }

    #[test]
    fn a_list_holds_what_was_put_where() {
        let mut few = Few::<u16, 3>::default();
        let mut list = Vec::new();
        for value in 0..9 {
            let at = usize::from(value) / 2;
            few.insert(at, value);
            list.insert(at, value);
            few[at] += 10;
            list[at] += 10;
            assert_eq!((&*few, Vec::from(few.clone())), (&*list, list.clone()));
        }
    }
}
