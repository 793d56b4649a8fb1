//! Leaves in runs, for people: `3, 7 to 9`.

/// The first and the last leaf of each run of leaves that follow each other. The leaves ascend.
pub fn of(leaves: &[u64]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for leaf in leaves {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *leaf => *last = *leaf,
            _ => runs.push((*leaf, *leaf)),
        }
    }
    runs
}

/// The runs in words, so many at most, and how many more there are: `3, 7 to 9 and 2 more runs`.
pub fn told(leaves: &[u64], most: usize) -> String {
    let runs = of(leaves);
    let said = runs
        .iter()
        .take(most)
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") });
    let said = said.collect::<Vec<_>>().join(", ");
    match runs.len().saturating_sub(most) {
        0 => said,
        1 => said + " and 1 more run",
        more => format!("{said} and {more} more runs"),
    }
}
