//! Texts that many identities have in common, each kept once.

use std::collections::HashMap;
use std::sync::Arc;

/// The number of a text.
pub(super) type Number = u32;

#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    numbers: HashMap<Arc<str>, Number>,
    kept: Vec<(Arc<str>, u32)>,
    free: Vec<Number>,
    /// How long all of them are together.
    pub(super) bytes: usize,
}

impl Texts {
    pub(super) fn find(&self, text: &str) -> Option<Number> {
        self.numbers.get(text).copied()
    }

    pub(super) fn text(&self, number: Number) -> &str {
        self.kept.get(number as usize).map_or("", |(text, _)| text)
    }

    /// The number of a text, for one more who has it.
    pub(super) fn hold(&mut self, text: &str) -> Number {
        if let Some(number) = self.find(text) {
            self.kept[number as usize].1 += 1;
            return number;
        }
        let shared: Arc<str> = text.into();
        let number = self.free.pop().unwrap_or(self.kept.len() as Number);
        match self.kept.get_mut(number as usize) {
            Some(place) => *place = (shared.clone(), 1),
            None => self.kept.push((shared.clone(), 1)),
        }
        self.bytes += text.len();
        self.numbers.insert(shared, number);
        number
    }

    /// The texts by their numbers, and the numbers that are free.
    #[cfg(feature = "snapshot")]
    pub(super) fn store(&self) -> (Vec<Box<str>>, Vec<Number>) {
        (self.kept.iter().map(|(text, _)| (**text).into()).collect(), self.free.clone())
    }

    /// Nobody holds any yet. None where a text is there twice, or a number is not free that should be.
    #[cfg(feature = "snapshot")]
    pub(super) fn restore(texts: Vec<Box<str>>, free: Vec<Number>) -> Option<Self> {
        let mut restored = Self { free, ..Self::default() };
        for (number, text) in (0..).zip(texts) {
            let text: Arc<str> = text.into();
            restored.bytes += text.len();
            if !text.is_empty() && restored.numbers.insert(text.clone(), number).is_some() {
                return None;
            }
            restored.kept.push((text, 0));
        }
        let mut free = restored.free.clone();
        free.sort_unstable();
        free.dedup();
        let is_free =
            |number: &Number| restored.kept.get(*number as usize).is_some_and(|(text, _)| text.is_empty());
        let all =
            free.len() == restored.free.len() && free.len() + restored.numbers.len() == restored.kept.len();
        (all && free.iter().all(is_free)).then_some(restored)
    }

    /// One more has it. False where there is none.
    #[cfg(feature = "snapshot")]
    pub(super) fn hold_number(&mut self, number: Number) -> bool {
        let found = self.kept.get_mut(number as usize).filter(|(text, _)| !text.is_empty());
        found.is_some_and(|(_, holders)| {
            *holders += 1;
            true
        })
    }

    #[cfg(feature = "snapshot")]
    pub(super) fn are_all_held(&self) -> bool {
        self.kept.iter().all(|(text, holders)| text.is_empty() == (*holders == 0))
    }

    /// One has it no longer.
    pub(super) fn release(&mut self, number: Number) {
        let Some((text, holders)) = self.kept.get_mut(number as usize) else { return };
        *holders -= 1;
        if *holders == 0 {
            self.bytes -= text.len();
            let text = std::mem::take(text);
            self.numbers.remove(&text);
            self.free.push(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_as_long_as_somebody_has_it() {
        let mut texts = Texts::default();
        let (one, two) = (texts.hold("one"), texts.hold("two"));
        assert_eq!((texts.hold("one"), texts.bytes), (one, 6));
        texts.release(one);
        texts.release(two);
        assert_eq!((texts.text(one), texts.find("two"), texts.bytes), ("one", None, 3));
        assert_eq!(texts.hold("three"), two);
        assert_eq!(texts.text(two), "three");
    }
}
