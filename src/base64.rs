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
    (STANDARD.decode_slice_unchecked(text, &mut out).ok()? == N).then_some(out)
}
