//! Base64 (SPEC section 2): RFC 4648 section 4, padded, canonical.
//!
//! ```
//! assert_eq!(countersign::base64::encode(b"\x00\x10\x83"), "ABCD");
//! assert_eq!(countersign::base64::decode(b"AB=="), None); // unused bits are not zero
//! ```

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The value of each byte; [`NONE`] if it is not in the alphabet.
static VALUES: [i8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < 64 {
        values[ALPHABET[value] as usize] = value as i8;
        value += 1;
    }
    values
};

/// Negative, so that any group that contains it is negative too.
const NONE: i8 = -1;

/// Encodes `bytes` with padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    let mut out = String::new();
    encode_to(bytes, &mut out);
    out
}

/// Appends the padded encoding of `bytes` to `out`.
pub fn encode_to(bytes: impl AsRef<[u8]>, out: &mut String) {
    let bytes = bytes.as_ref();
    out.reserve(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        // Pad an incomplete group with zero bits.
        let bits = group.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
}

/// Decodes `text`, or returns `None` if it is not canonical.
pub fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    let text = text.as_ref();
    let mut out = vec![0; text.len() / 4 * 3];
    let length = decode_into(text, &mut out)?;
    out.truncate(length);
    Some(out)
}

/// Decodes exactly `N` bytes, or returns `None` if `text` is not canonical or of another length.
pub fn decode_array<const N: usize>(text: impl AsRef<[u8]>) -> Option<[u8; N]> {
    let mut out = [0; N];
    (decode_into(text.as_ref(), &mut out)? == N).then_some(out)
}

/// Decodes into the beginning of `out` and returns the length; `None` if it does not fit.
fn decode_into(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let (groups, rest) = text.as_chunks::<4>();
    let Some((&last, whole)) = groups.split_last() else { return rest.is_empty().then_some(0) };
    let (places, _) = out.as_chunks_mut::<3>();
    if !rest.is_empty() || places.len() < whole.len() {
        return None;
    }
    let mut all = 0;
    for (place, group) in places.iter_mut().zip(whole) {
        let [_, bytes @ ..] = read(*group, &mut all).to_be_bytes();
        *place = bytes;
    }
    let (kept, last) = match last {
        [a, b, b'=', b'='] => (1, [a, b, b'A', b'A']),
        [a, b, c, b'='] => (2, [a, b, c, b'A']),
        last => (3, last),
    };
    let [_, bytes @ ..] = read(last, &mut all).to_be_bytes();
    let length = whole.len() * 3;
    out.get_mut(length..length + kept)?.copy_from_slice(&bytes[..kept]);
    (all >= 0 && bytes[kept..].iter().all(|&unused| unused == 0)).then_some(length + kept)
}

/// Returns the 24 bits of four digits. `all` accumulates them and becomes negative after an invalid digit.
#[inline(always)]
#[allow(clippy::inline_always, reason = "most inputs are hashes of 11 groups")]
fn read([a, b, c, d]: [u8; 4], all: &mut i32) -> i32 {
    let value = |digit: u8| i32::from(VALUES[usize::from(digit)]);
    let bits = value(a) << 18 | value(b) << 12 | value(c) << 6 | value(d);
    *all |= bits;
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encodes_like_rfc_4648() {
        // Test vectors of section 10 of the RFC.
        let cases = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let encoded = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (bytes, text) in cases.into_iter().zip(encoded) {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn rejects_any_other_form() {
        for text in [
            "Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zm9=", "Zh==", "Zm9v=", "Zg==Zg==", "Zm8=Zm9v",
            "Zm9v\n", "Zm 9", "Zm-_", "Zm\u{e9}", "Z\0==",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
        for (a, b) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
            let mut text = *b"Zm9v";
            (text[a], text[b]) = (b'-', b'_');
            assert_eq!(decode(text), None, "{a} {b}");
        }
        assert_eq!(decode_array::<1>("Zm8="), None);
        assert_eq!(decode_array::<3>("Zm8="), None);
        assert_eq!(decode_array::<0>("Zm9v"), None);
        assert_eq!(decode_array(""), Some([]));
    }

    proptest! {
        #[test]
        fn round_trips(bytes in prop::collection::vec(any::<u8>(), 0..70)) {
            prop_assert_eq!(decode(encode(&bytes)), Some(bytes));
        }

        #[test]
        fn each_encoding_is_unique(text in "[A-Za-z0-9+/=]{0,12}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(bytes), text);
            }
        }
    }
}
