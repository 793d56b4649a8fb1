//! Lower-case hex (SPEC section 2). Formatting with `{:x}` would be slower and need more code.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Encodes each byte as two digits.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push(bytes, &mut text);
    text
}

/// Appends two digits for each byte.
pub fn push(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        push_digit(u32::from(byte >> 4), out);
        push_digit(u32::from(byte), out);
    }
}

/// Decodes exactly `N` bytes of two digits each.
pub fn decode<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    const NONE: u8 = 0x80;
    // Branch-free, so that all digits are decoded in parallel.
    let value = |digit: u8| {
        let (first, last) = if digit < b'a' { (b'0', 9) } else { (b'a' - 10, 15) };
        let value = digit.wrapping_sub(first);
        if value > last { NONE } else { value }
    };
    let (pairs, rest) = digits.as_chunks();
    let (mut bytes, mut all) = ([0; N], 0);
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (value(*high), value(*low));
        *byte = high << 4 | low;
        all |= high | low;
    }
    (all & NONE == 0 && pairs.len() == N && rest.is_empty()).then_some(bytes)
}

/// Appends the digit of the lowest four bits.
pub(crate) fn push_digit(bits: u32, out: &mut String) {
    out.push(char::from(DIGITS[(bits & 15) as usize]));
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn encodes_two_digits_for_each_byte() {
        let mut text = String::from("0x");
        push(&[0, 0x0f, 0xa0, 0xff], &mut text);
        assert_eq!(text, "0x000fa0ff");
    }
}
