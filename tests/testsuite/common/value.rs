//! Reading vectors out of JSON. A vector that is not of the form expected is a failed test.

use serde_json::Value;

/// The elements of an array, at least one: a check over none would pass whatever it checks.
pub(crate) fn list(value: &Value) -> &[Value] {
    let list = value.as_array().unwrap_or_else(|| panic!("{value} is no array"));
    assert!(!list.is_empty(), "there are no cases");
    list
}

/// The elements of an array that may be empty, or of `null`.
pub(crate) fn maybe_list(value: &Value) -> &[Value] {
    if value.is_null() { &[] } else { value.as_array().unwrap_or_else(|| panic!("{value} is no array")) }
}

/// A string.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

/// A number without fraction or sign.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no u64"))
}

/// `true` or `false`.
pub(crate) fn truth(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| panic!("{value} is no boolean"))
}

/// The bytes of a hexadecimal string.
pub(crate) fn hex(value: &Value) -> Vec<u8> {
    let digits = text(value).as_bytes();
    assert!(digits.len().is_multiple_of(2), "{value} is no hex");
    let digit = |b: u8| (b as char).to_digit(16).unwrap_or_else(|| panic!("{value} is no hex"));
    digits.chunks_exact(2).map(|pair| (digit(pair[0]) * 16 + digit(pair[1])) as u8).collect()
}

/// The `N` bytes of a hexadecimal string.
pub(crate) fn hex_array<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap_or_else(|_| panic!("{value} is not {N} bytes"))
}
