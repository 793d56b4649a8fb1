//! `cargo xtask fuzz`: runs the targets of `fuzz/` with libFuzzer, on the stable compiler.
//!
//! cargo-fuzz requires a nightly compiler, mainly for sanitizers, but the core denies unsafe code and needs
//! none. Only cargo's unstable `profile-rustflags` is needed, which `RUSTC_BOOTSTRAP` enables in a stable
//! compiler. It limits instrumentation to the code under test, so that signature arithmetic runs at full
//! speed.

mod seeds;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;

use crate::run::Log;
use crate::tools::Tools;

/// A target of `fuzz/fuzz_targets`.
struct Target {
    name: &'static str,
    /// The maximum length of an input, in bytes.
    longest: u32,
    /// The number of inputs in a short run, which takes some seconds.
    runs: u32,
}

const TARGETS: &[Target] = &[
    Target { name: "answer", longest: 16_384, runs: 10_000 },
    Target { name: "canonical", longest: 4096, runs: 60_000 },
    Target { name: "cose", longest: 8192, runs: 40_000 },
    Target { name: "decompress", longest: 4096, runs: 2_000 },
    Target { name: "export", longest: 16_384, runs: 2_000 },
    Target { name: "growth", longest: 8192, runs: 40_000 },
    Target { name: "heads_file", longest: 4096, runs: 40_000 },
    Target { name: "line", longest: 4096, runs: 60_000 },
    Target { name: "note", longest: 8192, runs: 40_000 },
    Target { name: "query", longest: 4096, runs: 20_000 },
    Target { name: "parser", longest: 8192, runs: 20_000 },
    Target { name: "receipt", longest: 8192, runs: 20_000 },
    Target { name: "submission", longest: 16_384, runs: 20_000 },
    Target { name: "tiles", longest: 4096, runs: 100_000 },
    Target { name: "trust", longest: 8192, runs: 60_000 },
    Target { name: "verify_export", longest: 160, runs: 8_000 },
    Target { name: "witness_request", longest: 8192, runs: 60_000 },
];

/// The packages that are instrumented: our own, and parsers of hostile input. `countersign-query` is
/// excluded, because its build script would get the same flags, and fail to link. Its targets are guided by
/// the core's scanner alone.
const INSTRUMENTED_PACKAGES: [&str; 8] = [
    "countersign",
    "countersign-delivery",
    "countersign-fuzz",
    "countersign-growth",
    "countersign-log",
    "miniz_oxide",
    "ruzstd",
    "ryu-js",
];

/// The compiler flags that libFuzzer requires.
const INSTRUMENTATION_FLAGS: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// The maximum memory of a target, in MiB.
const MAX_MEMORY_MIB: u32 = 2048;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The targets to run [default: all]
    #[arg(value_parser = PossibleValuesParser::new(TARGETS.iter().map(|target| target.name)))]
    targets: Vec<String>,
    /// Search each target for this many minutes, and keep inputs that reach new code for later runs
    /// [default: try the same few inputs every time]
    #[arg(long)]
    minutes: Option<u32>,
    /// Run a single input, to reproduce a finding
    #[arg(long, conflicts_with = "minutes")]
    input: Option<PathBuf>,
}

pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    let chosen =
        |target: &&Target| args.targets.is_empty() || args.targets.iter().any(|name| name == target.name);
    let targets: Vec<&Target> = TARGETS.iter().filter(chosen).collect();
    tools.progress.step("fuzz targets", |log| build(tools, log, &targets))?;
    if let Some(input) = &args.input {
        let [target] = targets[..] else { bail!("name the target to run the input on") };
        let status = Command::new(program(tools, target)).arg(input).status()?;
        return if status.success() { Ok(()) } else { bail!("{} ended with {status}", target.name) };
    }
    let seeds = seeds::write(tools)?;
    let mut failed = Vec::new();
    for target in targets {
        let searched = tools.progress.step(target.name, |log| {
            let counted = search(tools, log, &seeds, target, args.minutes)?;
            tools.progress.line(&format!("{:>8}  {counted}", ""));
            Ok(())
        });
        // Continue with the other targets after a finding.
        failed.extend(searched.err());
    }
    match failed.len() {
        0 => Ok(()),
        count => {
            for error in failed {
                println!("\n{error:#}");
            }
            bail!("{count} targets failed")
        }
    }
}

/// Runs every target briefly.
pub(crate) fn test(tools: &Tools, log: &Log) -> Result<String> {
    build(tools, log, &TARGETS.iter().collect::<Vec<_>>())?;
    let seeds = seeds::write(tools)?;
    for target in TARGETS {
        search(tools, log, &seeds, target, None)?;
    }
    let runs: u32 = TARGETS.iter().map(|target| target.runs).sum();
    Ok(format!("{} targets, {runs} inputs", TARGETS.len()))
}

fn folder(tools: &Tools) -> PathBuf {
    tools.path("target/fuzz")
}

fn program(tools: &Tools, target: &Target) -> PathBuf {
    folder(tools).join("release").join(format!("{}{}", target.name, std::env::consts::EXE_SUFFIX))
}

fn build(tools: &Tools, log: &Log, targets: &[&Target]) -> Result<()> {
    let mut cargo = tools.cargo("build");
    cargo
        .args(["--release", "--locked", "--manifest-path", "fuzz/Cargo.toml"])
        .args(targets.iter().flat_map(|target| ["--bin", target.name]))
        .env("CARGO_TARGET_DIR", folder(tools))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_UNSTABLE_PROFILE_RUSTFLAGS", "true");
    for package in INSTRUMENTED_PACKAGES {
        cargo
            .arg("--config")
            .arg(format!("profile.release.package.{package}.rustflags = {INSTRUMENTATION_FLAGS:?}"));
    }
    log.run(&mut cargo)
}

/// Runs one target, and returns a summary.
fn search(tools: &Tools, log: &Log, seeds: &Path, target: &Target, minutes: Option<u32>) -> Result<String> {
    let Target { name, longest, runs } = target;
    let found = folder(tools).join("findings").join(name);
    let corpus = folder(tools).join(if minutes.is_some() { "corpus" } else { "short" }).join(name);
    if minutes.is_none() && corpus.exists() {
        // Inputs of earlier runs would change this one.
        fs::remove_dir_all(&corpus)?;
    }
    for folder in [&found, &corpus] {
        fs::create_dir_all(folder)?;
    }
    let mut command = Command::new(program(tools, target));
    command
        .arg(format!("-max_len={longest}"))
        .arg(format!("-rss_limit_mb={MAX_MEMORY_MIB}"))
        .arg(format!("-artifact_prefix={}{}", found.display(), std::path::MAIN_SEPARATOR))
        .args(["-print_final_stats=1", "-timeout=60"]);
    match minutes {
        Some(minutes) => command.arg(format!("-max_total_time={}", u64::from(minutes) * 60)),
        None => command.args(["-seed=1", "-reload=0"]).arg(format!("-runs={runs}")),
    };
    let before = log.text()?.len();
    let result = log.run(command.arg(&corpus).arg(seeds.join(name)));
    let printed = log.text()?.split_off(before);
    result.with_context(|| match written_to(&printed) {
        Some(input) => {
            format!("found by fuzzing; to reproduce it:\n    cargo xtask fuzz {name} --input {input}")
        }
        None => "found by fuzzing".into(),
    })?;
    Ok(summary(&printed))
}

/// Returns the path of the input that made a target fail.
fn written_to(printed: &str) -> Option<&str> {
    printed.lines().find_map(|line| Some(line.split_once("Test unit written to ")?.1))
}

/// Returns libFuzzer's final statistics: the number of inputs, and the code they reach.
fn summary(printed: &str) -> String {
    let done = |line: &&str| line.contains("\tDONE ");
    let line = printed.lines().rev().find(done).unwrap_or_default();
    line.trim_start_matches('#')
        .split_whitespace()
        .filter(|word| *word != "DONE")
        .take(7)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_libfuzzer_output() {
        let printed = "#2\tINITED cov: 1 ft: 1 corp: 1/1b\n\
                       #100\tDONE   cov: 66 ft: 97 corp: 12/45b lim: 177 exec/s: 0 rss: 27Mb\n";
        assert_eq!(summary(printed), "100 cov: 66 ft: 97 corp: 12/45b");
        let printed = "artifact_prefix='x/'; Test unit written to x/crash-1\nBase64: AA==\n";
        assert_eq!(written_to(printed), Some("x/crash-1"));
    }
}
