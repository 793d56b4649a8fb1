//! Formatting of counts.

/// Formats a number of things, such as `1 row` or `3 rows`.
pub(crate) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}
