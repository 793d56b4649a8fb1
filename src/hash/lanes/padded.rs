//! A message as padded SHA-256 blocks.

use crate::hash::Message;

pub(super) type Block = [u8; 64];

/// Returns the number of blocks of a message of `len` bytes, including the padding: 0x80 and 8 bytes of length.
pub(super) fn count(len: usize) -> usize {
    len / 64 + if len % 64 < 56 { 1 } else { 2 }
}

/// Returns the length in bits of a message of `len` bytes, as the 8 bytes that end the padding.
pub(super) fn bit_length(len: usize) -> [u8; 8] {
    (len as u64 * 8).to_be_bytes()
}

/// Memory for the blocks that are not verbatim in a message's body.
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    head: [Block; 1],
    tail: [Block; 2],
}

impl Buffer {
    pub(super) const EMPTY: Self = Self { head: [[0; 64]; 1], tail: [[0; 64]; 2] };
}

/// The blocks of a padded message (FIPS 180-4 section 5.1.1).
pub(super) struct Padded<'a> {
    /// The prefix and the beginning of the body, if they fill a block.
    head: &'a [Block],
    /// The blocks that are verbatim in the body.
    middle: &'a [Block],
    /// The rest of the message, 0x80, zeros, and the length.
    tail: &'a [Block; 2],
}

impl<'a> Padded<'a> {
    /// Creates the blocks of a message whose prefix fits into one of them. `buffer` must be empty.
    #[inline]
    pub(super) fn new(message: &Message<'a>, buffer: &'a mut Buffer) -> Self {
        let Message { prefix, body } = *message;
        let Buffer { head, tail } = buffer;
        let bytes = tail.as_flattened_mut();
        let mut blocks = (<&[Block]>::default(), <&[Block]>::default());
        let rest;
        if let Some((start, more)) = body.split_at_checked(64 - prefix.len()) {
            copy_few(prefix, &mut head[0][..prefix.len()]);
            copy_few(start, &mut head[0][prefix.len()..]);
            let (middle, end) = more.as_chunks();
            copy_few(end, &mut bytes[..end.len()]);
            blocks = (head, middle);
            rest = end.len();
        } else {
            copy_few(prefix, &mut bytes[..prefix.len()]);
            copy_few(body, &mut bytes[prefix.len()..][..body.len()]);
            rest = prefix.len() + body.len();
        }
        bytes[rest] = 0x80;
        let length = bit_length(prefix.len() + body.len());
        if let Some(end) = tail[count(rest) - 1].last_chunk_mut() {
            *end = length;
        }
        Self { head: blocks.0, middle: blocks.1, tail }
    }

    /// Returns block `at`, or an arbitrary block if `at` is past the end.
    #[inline]
    pub(super) fn block(&self, at: usize) -> &'a Block {
        if let Some(head) = self.head.get(at) {
            return head;
        }
        let at = at - self.head.len();
        self.middle.get(at).unwrap_or_else(|| &self.tail[(at - self.middle.len()) % 2])
    }
}

/// Copies at most 64 bytes between slices of equal length, in fixed-size pieces that may overlap. The general copy is
/// a function call, which is too slow for so few bytes.
#[inline]
fn copy_few(from: &[u8], to: &mut [u8]) {
    fn ends<const N: usize>(from: &[u8], to: &mut [u8]) -> Option<()> {
        *to.first_chunk_mut::<N>()? = *from.first_chunk()?;
        *to.last_chunk_mut::<N>()? = *from.last_chunk()?;
        Some(())
    }
    debug_assert!(from.len() == to.len() && from.len() <= 64);
    ends::<32>(from, to)
        .or_else(|| ends::<16>(from, to))
        .or_else(|| ends::<8>(from, to))
        .or_else(|| ends::<4>(from, to))
        .or_else(|| ends::<2>(from, to))
        .or_else(|| ends::<1>(from, to))
        .unwrap_or_default();
}
