//! Whole numbers of the format: `seq`, indexes, and sizes (SPEC section 2).
//!
//! ```
//! use countersign::integer::{MAX, parse};
//!
//! assert_eq!(parse(b"9007199254740991"), Some(MAX));
//! assert!([&b""[..], b"07", b"+7", b"9007199254740992"].iter().all(|text| parse(text).is_none()));
//! ```

/// The largest number: 2^53 − 1, which every JSON parser represents exactly.
pub const MAX: u64 = (1 << 53) - 1;

/// Parses a decimal number without sign or leading zeros, at most [`MAX`].
pub fn parse(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    digits
        .iter()
        .try_fold(0_u64, |value, &byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))
        .filter(|&value| value <= MAX)
}
