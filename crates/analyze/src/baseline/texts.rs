//! Texts that many identities have in common, each kept once.

use crate::numbers::Numbers;
use crate::small::SmallStr;

/// The number of a text.
pub(super) type Number = u32;

/// The texts that somebody has. What nobody has any more is empty, and its number free.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    numbers: Numbers,
    kept: Vec<Kept>,
    free: Vec<Number>,
    /// How long all of them are together.
    pub(super) bytes: usize,
}

#[derive(Clone, Debug)]
struct Kept {
    text: SmallStr,
    holders: u32,
}

impl Texts {
    pub(super) fn find(&self, text: &str) -> Option<Number> {
        self.numbers.find(text, &|number| &self.kept[number as usize].text)
    }

    pub(super) fn text(&self, number: Number) -> &str {
        self.kept.get(number as usize).map_or("", |kept| &kept.text)
    }

    /// Returns how many have the text of this number.
    pub(super) fn holders(&self, number: Number) -> u32 {
        self.kept.get(number as usize).map_or(0, |kept| kept.holders)
    }

    /// The number of a text, for one more who has it.
    pub(super) fn hold(&mut self, text: &str) -> Number {
        if let Some(number) = self.find(text) {
            self.kept[number as usize].holders += 1;
            return number;
        }
        let kept = Kept { text: text.into(), holders: 1 };
        let number = self.free.pop().unwrap_or(self.kept.len() as Number);
        match self.kept.get_mut(number as usize) {
            Some(place) => *place = kept,
            None => self.kept.push(kept),
        }
        self.bytes += text.len();
        self.numbers.insert(number, &|number| &self.kept[number as usize].text);
        number
    }

    /// One more has the text of this number.
    pub(super) fn hold_again(&mut self, number: Number) {
        self.kept[number as usize].holders += 1;
    }

    /// The texts by their numbers, and the numbers that are free.
    #[cfg(feature = "snapshot")]
    pub(super) fn store(&self) -> (Vec<Box<str>>, Vec<Number>) {
        (self.kept.iter().map(|kept| (*kept.text).into()).collect(), self.free.clone())
    }

    /// Nobody holds any yet. None where a text is there twice, or a number is not free that should be.
    #[cfg(feature = "snapshot")]
    pub(super) fn restore(texts: Vec<Box<str>>, free: Vec<Number>) -> Option<Self> {
        let mut restored = Self { free, ..Self::default() };
        for (number, text) in (0..).zip(texts) {
            restored.bytes += text.len();
            if !text.is_empty() && restored.find(&text).is_some() {
                return None;
            }
            let is_held = !text.is_empty();
            restored.kept.push(Kept { text: (&*text).into(), holders: 0 });
            if is_held {
                restored.numbers.insert(number, &|number| &restored.kept[number as usize].text);
            }
        }
        let mut free = restored.free.clone();
        free.sort_unstable();
        free.dedup();
        let is_free =
            |number: &Number| restored.kept.get(*number as usize).is_some_and(|kept| kept.text.is_empty());
        let all =
            free.len() == restored.free.len() && free.len() + restored.numbers.len() == restored.kept.len();
        (all && free.iter().all(is_free)).then_some(restored)
    }

    /// One more has it. False where there is none.
    #[cfg(feature = "snapshot")]
    pub(super) fn hold_number(&mut self, number: Number) -> bool {
        let found = self.kept.get_mut(number as usize).filter(|kept| !kept.text.is_empty());
        found.is_some_and(|kept| {
            kept.holders += 1;
            true
        })
    }

    #[cfg(feature = "snapshot")]
    pub(super) fn are_all_held(&self) -> bool {
        self.kept.iter().all(|kept| kept.text.is_empty() == (kept.holders == 0))
    }

    /// One has it no longer.
    pub(super) fn release(&mut self, number: Number) {
        let Some(kept) = self.kept.get_mut(number as usize) else { return };
        kept.holders -= 1;
        if kept.holders == 0 {
            self.bytes -= kept.text.len();
            self.numbers.remove(number, &|number| &self.kept[number as usize].text);
            self.kept[number as usize].text = "".into();
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
