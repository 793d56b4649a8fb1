//! Resource usage of this process, as reported by the kernel.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Returns the processor time of this thread, which other load hardly affects. The kernel updates it when a
/// thread yields, and otherwise every few milliseconds.
pub(crate) fn on_processor() -> Result<Duration> {
    thread::yield_now();
    let times = fs::read_to_string("/proc/thread-self/schedstat")
        .context("processor time can only be measured on Linux")?;
    let nanoseconds = times.split(' ').next().context("a time")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

/// Returns a value of `/proc/self/status`, such as `VmHWM`, in bytes.
pub(crate) fn memory(of: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("memory can only be measured on Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix(of)).with_context(|| format!("no {of}"))?;
    let kibibytes: u64 = line.trim_matches([':', '\t', ' ', 'k', 'B']).parse()?;
    Ok(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn counts_work_shorter_than_a_tick() {
        let start = on_processor().unwrap();
        // Far less than a millisecond, but more than nothing.
        black_box((0..1000_u64).map(black_box).sum::<u64>());
        assert!(on_processor().unwrap() > start);
    }
}
