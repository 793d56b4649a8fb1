//! The fuzzer's bytes, read as choices.

/// Bytes that are taken one after the other. Where there are no more, every choice is the first.
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

    /// One of so many; 0 where there is none to choose.
    pub fn one_of(&mut self, count: usize) -> usize {
        usize::from(self.byte()).checked_rem(count).unwrap_or(0)
    }

    /// A place in a text of that length.
    pub fn place(&mut self, length: usize) -> usize {
        let place = usize::from(u16::from_be_bytes([self.byte(), self.byte()]));
        place.checked_rem(length).unwrap_or(0)
    }
}
