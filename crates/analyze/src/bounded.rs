//! Values of any length in a space that is bounded.

use std::borrow::Cow;

use countersign::hash::Hash;

/// A value is kept up to here, and told apart by its hash beyond.
const MAX_VALUE: usize = 256;

/// The value, or the begin of a long one with its hash.
pub(crate) fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_VALUE {
        return text.into();
    }
    let end = (0..=160).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}… (SHA-256 {})", &text[..end], Hash::of(&[text.as_bytes()])).into()
}
