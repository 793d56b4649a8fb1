//! Base64 as FORMAT section 2 wants it: RFC 4648 section 4, padded, canonical.
//!
//! ```
//! assert_eq!(countersign::base64::encode(b"\x00\x10\x83"), "ABCD");
//! assert_eq!(countersign::base64::decode(b"AB=="), None); // unused bits are not zero
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The padded encoding of `bytes`.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Appends the padded encoding of `bytes` to `out`.
pub fn encode_to(bytes: impl AsRef<[u8]>, out: &mut String) {
    STANDARD.encode_string(bytes, out);
}

/// The bytes that `text` encodes, or `None` where it is not canonical.
pub fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The `N` bytes that `text` encodes, or `None` where it is not canonical or not of that length.
pub fn decode_array<const N: usize>(text: impl AsRef<[u8]>) -> Option<[u8; N]> {
    let text = text.as_ref();
    if text.len() != N.div_ceil(3) * 4 {
        return None;
    }
    let mut out = [0; N];
    (STANDARD.decode_slice(text, &mut out).ok()? == N).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_takes_text_of_its_length_alone() {
        assert_eq!(decode_array(b"ABCD"), Some([0x00, 0x10, 0x83]));
        assert_eq!(decode_array(b"ABA="), Some([0x00, 0x10]));
        assert_eq!(decode_array::<2>(b"ABCD"), None);
        assert_eq!(decode_array::<2>(b"AA=="), None);
        assert_eq!(decode_array::<2>(b"ABC="), None);
        assert_eq!(decode_array::<32>([b'A'; 44]), None);
    }
}
