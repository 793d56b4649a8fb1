//! What the kernel says that this program took.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// For how long this thread was on a processor: what else the machine does counts little. The kernel counts up to now where
/// another may have its turn, and else by ticks of some milliseconds.
pub(crate) fn on_processor() -> Result<Duration> {
    thread::yield_now();
    let times =
        fs::read_to_string("/proc/thread-self/schedstat").context("time is measured on Linux alone")?;
    let nanoseconds = times.split(' ').next().context("a time")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

/// A figure of `/proc/self/status`, such as `VmHWM`, in bytes.
pub(crate) fn memory(of: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("memory is measured on Linux alone")?;
    let line = status.lines().find_map(|line| line.strip_prefix(of)).with_context(|| format!("no {of}"))?;
    let kibibytes: u64 = line.trim_matches([':', '\t', ' ', 'k', 'B']).parse()?;
    Ok(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn work_shorter_than_a_tick_is_counted() {
        let start = on_processor().unwrap();
        // Far from a millisecond, and from nothing.
        black_box((0..1000_u64).map(black_box).sum::<u64>());
        assert!(on_processor().unwrap() > start);
    }
}
