//! The program for Linux, static, whatever machine it is built on.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::python;
use crate::run::{self, Log};
use crate::tools::Tools;

/// What the program is built for unless something else is said.
pub(super) const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// Zig has musl and a compiler of C for every target; cargo-zigbuild has cargo use them.
const REQUIREMENTS: &str = "xtask/zig.txt";

/// What is built for each target.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// The crates of the program, without the console that goes into it.
    Crates,
    /// The program.
    Program,
}

/// Builds for all targets in one go, so that one is optimized on one core and another on the next.
pub(super) fn build(tools: &Tools, log: &Log, targets: &[String], part: Part) -> Result<()> {
    log.run(Command::new("rustup").args(["target", "add"]).args(targets))
        .context("rustup brings Rust's library for other targets")?;
    let root = tools.path("");
    let root = root.to_string_lossy();
    let root = root.trim_end_matches('/');
    let crates = cargo_home()?;
    let crates = crates.to_string_lossy();
    // No path of the machine gets into the program.
    let rust = format!("--remap-path-prefix={root}=/countersign --remap-path-prefix={crates}=/cargo");
    let c = format!("-ffile-prefix-map={root}=/countersign -ffile-prefix-map={crates}=/cargo -g0");
    // What Zig compiled before may be of another SOURCE_DATE_EPOCH, which its cache does not look at.
    let cache = tools.path("target/zig-cache");
    let mut cargo = tools.cargo_with_console("zigbuild");
    cargo
        .args(["--release", "--locked", "--package", "countersign-cli"])
        .args(targets.iter().flat_map(|target| ["--target", target]))
        .env("RUSTFLAGS", rust)
        .env("CFLAGS", c)
        .env("ZIG_GLOBAL_CACHE_DIR", &cache)
        .env("ZIG_LOCAL_CACHE_DIR", &cache)
        .env("PATH", search_path(tools)?);
    if matches!(part, Part::Crates) {
        // The program's package is named all the same: its features are everybody's.
        cargo.args(["--package", "countersign-log-server", "--lib"]);
    }
    log.run(&mut cargo)
}

/// Where the program for a target is.
pub(super) fn program(tools: &Tools, target: &str) -> PathBuf {
    tools.path("target").join(target).join("release/countersign")
}

/// `PATH` with both tools in front.
fn search_path(tools: &Tools) -> Result<OsString> {
    let bin = python::environment(tools, "zig", REQUIREMENTS)?
        .context("Zig comes with Python: install 3.10 or later")?;
    let rest = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(std::iter::once(bin).chain(env::split_paths(&rest)))?)
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(PathBuf::from(home));
    }
    let home = run::output(Command::new("sh").args(["-c", "echo ~"]))?;
    Ok(PathBuf::from(home).join(".cargo"))
}
