//! Time, processor time, and peak memory of programs.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use wait4::{ResUse, Wait4 as _};

/// The interval between checks of a running program's memory.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The cost of running one or more programs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// From the start of the first program to the end of the last one.
    pub(crate) seconds: f64,
    /// On all cores.
    pub(crate) processor_seconds: f64,
    /// The maximum resident size of one program.
    pub(crate) peak_bytes: f64,
}

impl Usage {
    /// Returns the usage of this, followed by `next`.
    pub(crate) fn then(self, next: Usage) -> Usage {
        Usage {
            seconds: self.seconds + next.seconds,
            processor_seconds: self.processor_seconds + next.processor_seconds,
            peak_bytes: self.peak_bytes.max(next.peak_bytes),
        }
    }
}

/// Runs a program, and returns its usage.
#[allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]
pub(crate) fn measure(command: &mut Command) -> Result<Usage> {
    let name = command.get_program().display().to_string();
    let begin = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot run {name}"))?;
    let (process, ended) = (child.id(), AtomicBool::new(false));
    let (waited, watched) = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            // The kernel tracks the high-water mark, so only the last value before the exit matters.
            let mut peak = None;
            while !ended.load(Ordering::Acquire) {
                peak = peak.max(high_water_mark(process));
                thread::sleep(POLL_INTERVAL);
            }
            peak
        });
        let waited = child.wait4();
        let seconds = begin.elapsed().as_secs_f64();
        ended.store(true, Ordering::Release);
        (waited.map(|waited| (waited, seconds)), watcher.join())
    });
    let (ResUse { status, rusage }, seconds) = waited.with_context(|| format!("cannot wait for {name}"))?;
    ensure!(status.success(), "{name} ended with {status}");
    // `maxrss` includes the parent's memory before the program starts: it is only for programs too short to watch.
    let peak = watched.ok().flatten().unwrap_or(rusage.maxrss);
    let processor = rusage.utime + rusage.stime;
    Ok(Usage { seconds, processor_seconds: processor.as_secs_f64(), peak_bytes: peak as f64 })
}

fn high_water_mark(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usages_in_sequence_add_up() {
        let first = Usage { seconds: 1.0, processor_seconds: 2.0, peak_bytes: 30.0 };
        let next = Usage { seconds: 0.5, processor_seconds: 0.5, peak_bytes: 20.0 };
        let both = Usage { seconds: 1.5, processor_seconds: 2.5, peak_bytes: 30.0 };
        assert_eq!(first.then(next), both);
    }

    #[cfg(unix)]
    #[test]
    fn a_program_is_measured() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).stdout(Stdio::null());
            measure(&mut command)
        };
        let usage = shell("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done").unwrap();
        assert!(usage.processor_seconds > 0.0 && usage.peak_bytes > 0.0, "{usage:?}");
        assert!(shell("exit 3").unwrap_err().to_string().contains("sh ended with"));
    }
}
