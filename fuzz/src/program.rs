//! A reader of the fuzzer's bytes as choices.

/// Bytes consumed one after the other. At their end, every choice is the first.
pub struct Program<'a>(&'a [u8]);

impl<'a> Program<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// Chooses one of `count`; 0 if there is none.
    pub fn one_of(&mut self, count: usize) -> usize {
        usize::from(self.byte()).checked_rem(count).unwrap_or(0)
    }

    /// Chooses a position in a text of that length.
    pub fn place(&mut self, length: usize) -> usize {
        let place = usize::from(u16::from_be_bytes([self.byte(), self.byte()]));
        place.checked_rem(length).unwrap_or(0)
    }
}
