//! A search for the end of plain characters, 16 bytes at a time with vector instructions where they are always
//! available.

/// The number of bytes processed at once.
pub(super) const BLOCK: usize = 16;

/// Returns the number of bytes before the first quote, backslash, or control character; `None` if there is none.
#[inline]
pub(super) fn length(block: &[u8; BLOCK]) -> Option<usize> {
    let marks = marks(block);
    (marks != 0).then(|| marks.trailing_zeros() as usize)
}

/// Returns a bit for each quote, backslash, and control character.
#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(unsafe_code)]
fn marks(block: &[u8; BLOCK]) -> u32 {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { in_vectors(block) }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn in_vectors(block: &[u8; BLOCK]) -> u32 {
    use core::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_max_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    };
    let [first, second] = halves(block).map(u64::cast_signed);
    let block = _mm_set_epi64x(second, first);
    let quote = _mm_cmpeq_epi8(block, _mm_set1_epi8(b'"'.cast_signed()));
    let backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8(b'\\'.cast_signed()));
    let last_control = _mm_set1_epi8(0x1f);
    let control = _mm_cmpeq_epi8(_mm_max_epu8(block, last_control), last_control);
    _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)).cast_unsigned()
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline]
fn marks(block: &[u8; BLOCK]) -> u32 {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128_or};
    let [first, second] = halves(block);
    let block = u64x2(first, second);
    let is = |byte: u8| u8x16_eq(block, u8x16_splat(byte));
    let is_control = u8x16_lt(block, u8x16_splat(0x20));
    u8x16_bitmask(v128_or(v128_or(is(b'"'), is(b'\\')), is_control)).into()
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
use in_words as marks;

/// Implements `marks` without vector instructions.
#[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))))]
#[inline]
fn in_words(block: &[u8; BLOCK]) -> u32 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    /// Sets the highest bit of each zero byte. No addition carries into the next byte.
    const fn zeros(word: u64) -> u64 {
        !(((word & (ONES * 0x7f)) + (ONES * 0x7f)) | word | (ONES * 0x7f))
    }
    let marks = |word: u64| {
        let marks = zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c)) | zeros(word & (ONES * 0xe0));
        // Gathers each byte's bit at its own position in the highest byte.
        (marks >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    };
    let [first, second] = halves(block).map(marks);
    ((second << 8) | first) as u32
}

fn halves(block: &[u8; BLOCK]) -> [u64; 2] {
    let (words, _) = block.as_chunks();
    [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])]
}

/// A cache for finding the ends of strings when all strings of a JSON text are requested in order: each byte is examined
/// once. WebAssembly builds, which should be small, examine each string instead.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// The index of the first byte covered by `marks`.
    from: usize,
    /// A bit for each quote, backslash, and control character.
    marks: u64,
}

#[cfg(not(target_arch = "wasm32"))]
impl Ends {
    /// The number of bytes covered at a time.
    const KNOWN: usize = u64::BITS as usize;

    /// Creates a cache for a JSON text that was not examined yet.
    pub(crate) const fn unknown() -> Self {
        Self { from: usize::MAX, marks: 0 }
    }

    /// Returns the index of the first quote, backslash, or control character at or after `index`, or the text's end.
    #[inline]
    pub(crate) fn next(&mut self, text: &[u8], mut index: usize) -> usize {
        loop {
            let from = index - index % Self::KNOWN;
            if from != self.from {
                *self = Self { from, marks: Self::marks(text, from) };
            }
            let left = self.marks >> (index - from);
            if left != 0 {
                return index + left.trailing_zeros() as usize;
            }
            index = from + Self::KNOWN;
        }
    }

    /// Returns the marks from a byte on. Everything after the end of the text counts as marked.
    #[inline]
    fn marks(text: &[u8], from: usize) -> u64 {
        let rest = text.get(from..).unwrap_or_default();
        let mut padded = [0; Self::KNOWN];
        let bytes = rest.first_chunk().unwrap_or_else(|| {
            padded[..rest.len()].copy_from_slice(rest);
            &padded
        });
        let (blocks, _) = bytes.as_chunks();
        (0..).zip(blocks).fold(0, |all, (nth, block)| all | (u64::from(marks(block)) << (nth * BLOCK)))
    }
}

#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends;

#[cfg(target_arch = "wasm32")]
impl Ends {
    pub(crate) const fn unknown() -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "other targets keep a cache")]
    pub(crate) fn next(&mut self, text: &[u8], index: usize) -> usize {
        super::plain_end(text, index)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn classifies_each_byte_at_each_position() {
        for byte in 0..=u8::MAX {
            let ends = byte < 0x20 || byte == b'"' || byte == b'\\';
            for place in 0..BLOCK {
                let mut block = [b'!'; BLOCK];
                block[place] = byte;
                // Marks after the first one are ignored.
                for rest in [b'!', b'"', 0x7f, 0xff] {
                    block[place + 1..].fill(rest);
                    let quote = (rest == b'"' && place + 1 < BLOCK).then_some(place + 1);
                    let expected = if ends { Some(place) } else { quote };
                    assert_eq!(length(&block), expected, "{byte} {place}");
                    assert_eq!(marks(&block), in_words(&block), "{byte} {place}");
                }
            }
        }
    }
}
