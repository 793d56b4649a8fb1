//! Peak memory of programs.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// The interval between checks of a running program.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Runs a program, and returns its maximum resident size in bytes.
pub(crate) fn peak(command: &mut Command) -> Result<f64> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut peak = 0;
    loop {
        // The kernel tracks the high-water mark, so only the last value before the exit matters.
        if let Some(mark) = high_water_mark(child.id()) {
            peak = peak.max(mark);
        }
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "{} ended with {status}", command.get_program().display());
            break;
        }
        thread::sleep(POLL_INTERVAL);
    }
    if peak == 0 {
        bail!("/proc/PID/status has no VmHWM: memory can only be measured on Linux");
    }
    Ok(peak as f64)
}

fn high_water_mark(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().context("a number").ok()?;
    Some(kibibytes * 1024)
}
