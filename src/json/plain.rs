//! Where plain characters end: sixteen bytes at a time where the processor has vectors for sure.

/// How many bytes are looked at in one go.
pub(super) const BLOCK: usize = 16;

/// How many bytes come before the first quote, backslash or control character; none where there is no such.
#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(unsafe_code)]
pub(super) fn length(block: &[u8; BLOCK]) -> Option<usize> {
    // SAFETY: every x86-64 processor has SSE2.
    first_of(unsafe { marks(block) })
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn marks(block: &[u8; BLOCK]) -> u32 {
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
pub(super) fn length(block: &[u8; BLOCK]) -> Option<usize> {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128_or};
    let [first, second] = halves(block);
    let block = u64x2(first, second);
    let is = |byte: u8| u8x16_eq(block, u8x16_splat(byte));
    let is_control = u8x16_lt(block, u8x16_splat(0x20));
    first_of(u8x16_bitmask(v128_or(v128_or(is(b'"'), is(b'\\')), is_control)).into())
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
pub(super) use in_words as length;

/// The same without vectors.
#[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))))]
#[inline]
pub(super) fn in_words(block: &[u8; BLOCK]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let marks = |word: u64| {
        let (quote, backslash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
        // A borrow can mark a byte too many, but never one below the first that is truly marked.
        let marks = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        marks & (ONES * 0x80)
    };
    let [first, second] = halves(block).map(marks).map(u128::from);
    let marks = second << 64 | first;
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}

fn halves(block: &[u8; BLOCK]) -> [u64; 2] {
    let (words, _) = block.as_chunks();
    [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])]
}

#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline]
fn first_of(marks: u32) -> Option<usize> {
    (marks != 0).then(|| marks.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn each_byte_is_judged_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            let ends = byte < 0x20 || byte == b'"' || byte == b'\\';
            for place in 0..BLOCK {
                let mut block = [b'!'; BLOCK];
                block[place] = byte;
                // Nothing that follows the first counts.
                for rest in [b'!', b'"', 0x7f, 0xff] {
                    block[place + 1..].fill(rest);
                    let quote = (rest == b'"' && place + 1 < BLOCK).then_some(place + 1);
                    let expected = if ends { Some(place) } else { quote };
                    assert_eq!((length(&block), in_words(&block)), (expected, expected), "{byte} {place}");
                }
            }
        }
    }
}
