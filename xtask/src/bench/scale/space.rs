//! The space on the disk that a measurement needs.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::bench::figure::grouped;

/// The bytes per event of the export and of all files of a round, rounded up.
const BYTES_PER_EVENT: u64 = 1_200;
const GIGABYTE: u64 = 1_000_000_000;

/// Returns an error if the disk of `folder` has too little space for an export of this many events.
pub(super) fn check(folder: &Path, events: u64) -> Result<()> {
    let disk = rustix::fs::statvfs(folder)?;
    enough(events, disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn enough(events: u64, free: u64) -> Result<()> {
    let needed = events.saturating_mul(BYTES_PER_EVENT);
    ensure!(
        needed <= free,
        "{} events need about {} GB in target/bench/scale, and {} GB are free: free some space, or choose fewer events \
         with --events",
        grouped(&events.to_string()),
        needed.div_ceil(GIGABYTE),
        free / GIGABYTE
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_larger_than_the_disk_are_refused() {
        let told = enough(100_000_000, 24_900_000_000).unwrap_err().to_string();
        assert!(told.starts_with("100,000,000 events need about 120 GB"), "{told}");
        assert!(told.contains("24 GB are free"), "{told}");
        enough(10_000_000, 12_000_000_000).unwrap();
        assert!(enough(10_000_000, 11_999_999_999).is_err());
        assert!(enough(u64::MAX, u64::MAX - 1).is_err());
    }
}
