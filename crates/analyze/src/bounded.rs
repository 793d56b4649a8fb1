//! Bounding of long values.

use std::borrow::Cow;

use countersign::hash::Hash;

/// The length in bytes above which a value is cut.
const MAX_VALUE_BYTES: usize = 256;

/// Returns the value, or the start of a long one followed by its SHA-256.
pub(crate) fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_VALUE_BYTES {
        return text.into();
    }
    let end = (0..=160).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}… (SHA-256 {})", &text[..end], Hash::digest(&[text.as_bytes()])).into()
}
