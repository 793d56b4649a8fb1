//! Interned texts with reference counts, because many identities have values in common.

use crate::numbers::Numbers;
use crate::small::SmallStr;

/// The number of a string.
pub(super) type Number = u32;

/// The texts that are in use. The slot of a released text is empty, and its number is reused.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    numbers: Numbers,
    slots: Vec<HeldText>,
    free: Vec<Number>,
    /// The total length of all texts, in bytes.
    pub(super) bytes: usize,
}

#[derive(Clone, Debug)]
struct HeldText {
    text: SmallStr,
    holders: u32,
}

impl Texts {
    pub(super) fn find(&self, text: &str) -> Option<Number> {
        self.numbers.find(text, &|number| &self.slots[number as usize].text)
    }

    pub(super) fn text(&self, number: Number) -> &str {
        self.slots.get(number as usize).map_or("", |kept| &kept.text)
    }

    /// Returns the number of holders of a string.
    pub(super) fn holders(&self, number: Number) -> u32 {
        self.slots.get(number as usize).map_or(0, |kept| kept.holders)
    }

    /// Interns a string, or adds a holder to it, and returns its number.
    pub(super) fn acquire(&mut self, text: &str) -> Number {
        if let Some(number) = self.find(text) {
            self.slots[number as usize].holders += 1;
            return number;
        }
        let kept = HeldText { text: text.into(), holders: 1 };
        let number = self.free.pop().unwrap_or(self.slots.len() as Number);
        match self.slots.get_mut(number as usize) {
            Some(place) => *place = kept,
            None => self.slots.push(kept),
        }
        self.bytes += text.len();
        self.numbers.insert(number, &|number| &self.slots[number as usize].text);
        number
    }

    /// Adds a holder to the text with this number.
    pub(super) fn acquire_again(&mut self, number: Number) {
        self.slots[number as usize].holders += 1;
    }

    /// Returns the texts by number, and the unused numbers.
    #[cfg(feature = "snapshot")]
    pub(super) fn store(&self) -> (Vec<Box<str>>, Vec<Number>) {
        (self.slots.iter().map(|kept| (*kept.text).into()).collect(), self.free.clone())
    }

    /// Restores the texts without holders. `None` if a string is repeated, or the unused numbers don't match
    /// the empty texts.
    #[cfg(feature = "snapshot")]
    pub(super) fn restore(texts: Vec<Box<str>>, free: Vec<Number>) -> Option<Self> {
        let mut restored = Self { free, ..Self::default() };
        for (number, text) in (0..).zip(texts) {
            restored.bytes += text.len();
            if !text.is_empty() && restored.find(&text).is_some() {
                return None;
            }
            let is_used = !text.is_empty();
            restored.slots.push(HeldText { text: (&*text).into(), holders: 0 });
            if is_used {
                restored.numbers.insert(number, &|number| &restored.slots[number as usize].text);
            }
        }
        let mut free = restored.free.clone();
        free.sort_unstable();
        free.dedup();
        let is_free =
            |number: &Number| restored.slots.get(*number as usize).is_some_and(|kept| kept.text.is_empty());
        let all =
            free.len() == restored.free.len() && free.len() + restored.numbers.len() == restored.slots.len();
        (all && free.iter().all(is_free)).then_some(restored)
    }

    /// Adds a holder to the text with this number. Returns false if there is no such text.
    #[cfg(feature = "snapshot")]
    pub(super) fn acquire_number(&mut self, number: Number) -> bool {
        let found = self.slots.get_mut(number as usize).filter(|kept| !kept.text.is_empty());
        found.is_some_and(|kept| {
            kept.holders += 1;
            true
        })
    }

    #[cfg(feature = "snapshot")]
    pub(super) fn are_all_held(&self) -> bool {
        self.slots.iter().all(|kept| kept.text.is_empty() == (kept.holders == 0))
    }

    /// Removes a holder, and the text after its last holder.
    pub(super) fn release(&mut self, number: Number) {
        let Some(kept) = self.slots.get_mut(number as usize) else { return };
        kept.holders -= 1;
        if kept.holders == 0 {
            self.bytes -= kept.text.len();
            self.numbers.remove(number, &|number| &self.slots[number as usize].text);
            self.slots[number as usize].text = "".into();
            self.free.push(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_live_as_long_as_they_have_holders() {
        let mut texts = Texts::default();
        let (one, two) = (texts.acquire("one"), texts.acquire("two"));
        assert_eq!((texts.acquire("one"), texts.bytes), (one, 6));
        texts.release(one);
        texts.release(two);
        assert_eq!((texts.text(one), texts.find("two"), texts.bytes), ("one", None, 3));
        assert_eq!(texts.acquire("three"), two);
        assert_eq!(texts.text(two), "three");
    }
}
