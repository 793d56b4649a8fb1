//! Static Linux builds of the program, independent of the build machine.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::python;
use crate::run::{self, Log};
use crate::tools::Tools;

/// The default targets.
pub(super) const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// The requirements file with Zig, which contains musl and a C compiler for every target, and
/// cargo-zigbuild, which makes cargo use them.
const REQUIREMENTS: &str = "xtask/zig.txt";

/// The parts to build for each target.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// The crates of the program, without the console that will be in it.
    Crates,
    /// The program.
    Program,
}

/// Builds all targets with one command, so that one can be optimized while the next compiles.
pub(super) fn build(tools: &Tools, log: &Log, targets: &[String], part: Part) -> Result<()> {
    log.run(Command::new("rustup").args(["target", "add"]).args(targets))
        .context("the release needs rustup to install Rust's library for other targets")?;
    let root = tools.path("");
    let root = root.to_string_lossy();
    let root = root.trim_end_matches('/');
    let crates = cargo_home()?;
    let crates = crates.to_string_lossy();
    // No path of the machine gets into the program.
    let rust = format!("--remap-path-prefix={root}=/countersign --remap-path-prefix={crates}=/cargo");
    let c = format!("-ffile-prefix-map={root}=/countersign -ffile-prefix-map={crates}=/cargo -g0");
    // Clear Zig's cache, which ignores changes of SOURCE_DATE_EPOCH.
    let cache = tools.path("target/zig-cache");
    let mut cargo = tools.cargo_with_console("zigbuild");
    cargo
        .args(["--profile", "dist", "--locked", "--package", "countersign-cli"])
        .args(targets.iter().flat_map(|target| ["--target", target]))
        .env("RUSTFLAGS", rust)
        .env("CFLAGS", c)
        .env("ZIG_GLOBAL_CACHE_DIR", &cache)
        .env("ZIG_LOCAL_CACHE_DIR", &cache)
        .env("PATH", search_path(tools)?);
    if matches!(part, Part::Crates) {
        // The program's package is named so that all parts get the same features.
        cargo.args(["--package", "countersign-log-server", "--lib"]);
    }
    log.run(&mut cargo)
}

/// Returns the path of the program for a target.
pub(super) fn program(tools: &Tools, target: &str) -> PathBuf {
    tools.path("target").join(target).join("dist/countersign")
}

/// Returns `PATH` with both tools first.
fn search_path(tools: &Tools) -> Result<OsString> {
    let bin = python::environment(tools, "zig", REQUIREMENTS)?
        .context("Zig is installed with Python: install Python 3.10 or later")?;
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
