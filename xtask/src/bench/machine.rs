//! The machine that measures, and its other load.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The time in which other load is measured.
const SAMPLE: Duration = Duration::from_secs(2);
/// The share of the processor time below which a machine is idle.
const IDLE: f64 = 0.05;

/// Describes the processor, memory, and kernel.
pub(super) fn describe() -> Result<String> {
    let processor = field("/proc/cpuinfo", "model name")?;
    let cores = thread::available_parallelism()?;
    let kibibytes: f64 = field("/proc/meminfo", "MemTotal")?.trim_end_matches(" kB").parse()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    // A distribution's suffix follows the version.
    let version = kernel.trim().split('-').next().unwrap_or_default();
    let gibibytes = kibibytes / 1_048_576.0;
    Ok(format!("{cores} cores of {processor}, {gibibytes:.0} GiB, Linux {version}"))
}

/// Returns `idle`, or the share of the processor time that other programs use.
pub(super) fn load() -> Result<String> {
    let [busy, all] = processor_time()?;
    thread::sleep(SAMPLE);
    let [busy_after, all_after] = processor_time()?;
    let share = (busy_after - busy) / (all_after - all).max(1.0);
    Ok(if share < IDLE { "idle".to_owned() } else { format!("{:.0}% busy", share * 100.0) })
}

/// Returns the time that all processors spent working, and in all, since the start of the machine.
fn processor_time() -> Result<[f64; 2]> {
    let stat = fs::read_to_string("/proc/stat")?;
    let times: Vec<f64> =
        stat.lines().next().unwrap_or_default().split_whitespace().flat_map(str::parse).collect();
    // User, nice, system, idle, waiting for disks, interrupts, and the time that other virtual machines took. User
    // includes guests.
    let [_, _, _, idle, waiting, _, _, _, ..] = times[..] else {
        anyhow::bail!("/proc/stat has no times: machines can only be described on Linux")
    };
    let all: f64 = times.iter().take(8).sum();
    Ok([all - idle - waiting, all])
}

/// Returns the first value of a field in a file of `/proc`.
fn field(file: &str, name: &str) -> Result<String> {
    let text = fs::read_to_string(file)?;
    let values = text.lines().filter_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    Ok(values.map(str::trim).next().with_context(|| format!("{file} has no {name}"))?.to_owned())
}
