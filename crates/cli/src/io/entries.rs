//! Formats entry indexes for people.

/// The maximum number of runs that are listed.
const MAX_RUNS: usize = 6;

/// Formats indexes as runs: `3, 7 to 9`.
pub(crate) fn ranges(leaves: &[u64]) -> String {
    countersign_analyze::runs::describe(leaves, MAX_RUNS)
}

/// Formats indexes as runs after a noun: `entry 3`, `entries 3, 7 to 9`.
pub(crate) fn named(leaves: &[u64]) -> String {
    format!("{} {}", if leaves.len() == 1 { "entry" } else { "entries" }, ranges(leaves))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_indexes_as_runs() {
        assert_eq!(ranges(&[3]), "3");
        assert_eq!(ranges(&[3, 7, 8, 9, 11]), "3, 7 to 9, 11");
        assert_eq!(
            ranges(&(0..20).map(|leaf| leaf * 2).collect::<Vec<_>>()),
            "0, 2, 4, 6, 8, 10 and 14 more runs"
        );
    }
}
