//! Formatting of entry indexes as runs: `3, 7 to 9`.

/// Returns the first and last index of each run of consecutive indexes. `entries` must be ascending.
pub fn from_leaves(leaves: &[u64]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for leaf in leaves {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *leaf => *last = *leaf,
            _ => runs.push((*leaf, *leaf)),
        }
    }
    runs
}

/// Formats the runs, at most `max_runs` of them: `3, 7 to 9 and 2 more runs`.
pub fn describe(leaves: &[u64], max_runs: usize) -> String {
    let runs = from_leaves(leaves);
    let listed = runs
        .iter()
        .take(max_runs)
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") });
    let listed = listed.collect::<Vec<_>>().join(", ");
    match runs.len().saturating_sub(max_runs) {
        0 => listed,
        1 => listed + " and 1 more run",
        more => format!("{listed} and {more} more runs"),
    }
}
