//! Access to vectors in JSON. A vector of an unexpected form fails the test.

use serde_json::Value;

/// Returns the elements of an array. At least one is required, because a check of an empty array would always
/// pass.
pub(crate) fn list(value: &Value) -> &[Value] {
    let list = value.as_array().unwrap_or_else(|| panic!("{value} is no array"));
    assert!(!list.is_empty(), "there are no cases");
    list
}

/// Returns the elements of an array that may be empty or `null`.
pub(crate) fn maybe_list(value: &Value) -> &[Value] {
    if value.is_null() { &[] } else { value.as_array().unwrap_or_else(|| panic!("{value} is no array")) }
}

/// Returns a string.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

/// Returns a non-negative whole number.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no u64"))
}

/// Returns a boolean.
pub(crate) fn truth(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| panic!("{value} is no boolean"))
}

/// Decodes a hexadecimal string.
pub(crate) fn hex(value: &Value) -> Vec<u8> {
    let digits = text(value).as_bytes();
    assert!(digits.len().is_multiple_of(2), "{value} is no hex");
    let digit = |b: u8| (b as char).to_digit(16).unwrap_or_else(|| panic!("{value} is no hex"));
    digits.chunks_exact(2).map(|pair| (digit(pair[0]) * 16 + digit(pair[1])) as u8).collect()
}

/// Decodes `N` bytes of a hexadecimal string.
pub(crate) fn hex_array<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap_or_else(|_| panic!("{value} is not {N} bytes"))
}
