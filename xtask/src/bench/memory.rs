//! The most memory that a program holds at any time.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Runs a program and gives the greatest resident size that it reached, in bytes.
pub(crate) fn peak(command: &mut Command) -> Result<f64> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut peak = 0;
    loop {
        // The kernel keeps the high-water mark itself: what counts is only to look until the end.
        if let Some(mark) = high_water_mark(child.id()) {
            peak = peak.max(mark);
        }
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "{} ended with {status}", command.get_program().display());
            break;
        }
        thread::sleep(LOOK);
    }
    if peak == 0 {
        bail!("no /proc/PID/status with VmHWM: memory is measured on Linux alone");
    }
    Ok(peak as f64)
}

fn high_water_mark(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().context("a number").ok()?;
    Some(kibibytes * 1024)
}
