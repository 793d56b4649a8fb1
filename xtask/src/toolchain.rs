//! Compiling Rust for wasm32.
//!
//! The artefacts are compiled together with the standard library (cargo's unstable build-std, which
//! `RUSTC_BOOTSTRAP` lets a stable compiler do), for a library whose panics abort at once takes all their
//! messages, and what formats them, out of the artefacts. It needs the library's source: a component of
//! rustup, or a package of Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::run::{self, Log};
use crate::tools::{Tools, host_cargo};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's newest Rust with its source and lints, and with the linker that wasm32 needs.
const DEBIAN_PACKAGES: [&str; 5] =
    ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "rust-web-llvm"];

/// A compiler for wasm32, with the source of its standard library.
#[derive(Clone)]
pub(crate) struct Wasm32 {
    cargo: PathBuf,
    rustc: PathBuf,
    linker: PathBuf,
    /// The standard library is there in compiled form too.
    has_std: bool,
}

impl Wasm32 {
    /// The machine's toolchain as it is, else with what rustup can add, else Debian's.
    pub(crate) fn find_or_install(tools: &Tools) -> Result<Wasm32> {
        if let Ok(found) = Wasm32::find() {
            return Ok(found);
        }
        tools.progress.step("wasm32 toolchain", |log| {
            let by_rustup = add_with_rustup(log).and_then(|()| Wasm32::find());
            let found = by_rustup.or_else(|by_rustup| {
                let by_apt = run::apt_install(log, &DEBIAN_PACKAGES).and_then(|()| add_linker(log));
                by_apt.and_then(|()| Wasm32::find()).map_err(|by_apt| {
                    anyhow!(
                        "no toolchain for {TARGET}. Run `rustup component add rust-src`, or on Debian as root \
                         `apt-get install {}`. Tried:\n{by_rustup:#}\n{by_apt:#}",
                        DEBIAN_PACKAGES.join(" ")
                    )
                })
            })?;
            Ok(found)
        })
    }

    fn find() -> Result<Wasm32> {
        let debian = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
        let (cargo, rustc) = [(host_cargo(), host_rustc()), debian]
            .into_iter()
            .find(|(_, rustc)| has_source(rustc) && is_new_enough(rustc))
            .context("no compiler that is new enough has the standard library's source")?;
        let linker = linker(&rustc).context("no linker for wasm32: install rust-lld, wasm-ld or lld")?;
        let has_std = has_std(&rustc);
        Ok(Wasm32 { cargo, rustc, linker, has_std })
    }

    /// Cargo in the project's folder, for wasm32, with a target folder of its own so that it
    /// never waits for builds for the machine itself.
    pub(crate) fn cargo(&self, tools: &Tools, subcommand: &str) -> Command {
        self.command(tools, &self.cargo, subcommand)
    }

    /// Clippy of this toolchain, as [`Wasm32::cargo`] runs: cargo would take the first that it finds, which may be of
    /// another and cannot read what this one has compiled.
    pub(crate) fn clippy(&self, tools: &Tools) -> Command {
        let program = format!("cargo-clippy{}", std::env::consts::EXE_SUFFIX);
        self.command(tools, &self.cargo.with_file_name(program), "clippy")
    }

    fn command(&self, tools: &Tools, program: &Path, subcommand: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args([subcommand, "--target", TARGET])
            .current_dir(tools.path(""))
            .env("CARGO", &self.cargo)
            .env("RUSTC", &self.rustc)
            .env("CARGO_TARGET_DIR", target_folder(tools))
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker)
            .env_remove("LD_LIBRARY_PATH");
        if !self.has_std {
            build_std(&mut command);
        }
        command
    }

    /// Cargo as of [`Wasm32::cargo`] that compiles the standard library with the artefact, for
    /// size, to be used with [`SMALL_STD`].
    pub(crate) fn cargo_with_small_std(&self, tools: &Tools, subcommand: &str) -> Command {
        let mut command = self.cargo(tools, subcommand);
        build_std(&mut command).env("CARGO_UNSTABLE_BUILD_STD_FEATURES", "optimize_for_size");
        command
    }
}

/// The compiler's flags that take panic messages out of the standard library and all else.
pub(crate) const SMALL_STD: [&str; 2] = ["-Cpanic=immediate-abort", "-Zunstable-options"];

fn build_std(command: &mut Command) -> &mut Command {
    command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
}

fn add_with_rustup(log: &Log) -> Result<()> {
    log.run(Command::new("rustup").args(["component", "add", "rust-src"]))?;
    // Without it, tests compile the standard library too.
    let _ = log.run(Command::new("rustup").args(["target", "add", TARGET]));
    Ok(())
}

/// Debian's `rust-lld` is a link to a linker of another package, which is named like its file.
fn add_linker(log: &Log) -> Result<()> {
    match fs::read_link("/usr/bin/rust-lld") {
        Ok(package) => run::apt_install(log, &[&package.to_string_lossy()]),
        Err(_) => Ok(()),
    }
}

/// Where [`Wasm32::cargo`] builds.
pub(crate) fn target_folder(tools: &Tools) -> PathBuf {
    tools.path("target/wasm")
}

/// The compiler that belongs to the cargo that runs xtask.
fn host_rustc() -> PathBuf {
    let beside = host_cargo().with_file_name(format!("rustc{}", std::env::consts::EXE_SUFFIX));
    if beside.is_file() { beside } else { PathBuf::from("rustc") }
}

fn query(rustc: &Path, args: &[&str]) -> Option<String> {
    run::output(Command::new(rustc).args(args)).ok()
}

fn has_std(rustc: &Path) -> bool {
    let Some(library) = query(rustc, &["--print", "target-libdir", "--target", TARGET]) else { return false };
    Path::new(&library).read_dir().is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

fn has_source(rustc: &Path) -> bool {
    query(rustc, &["--print", "sysroot"]).is_some_and(|sysroot| {
        Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml").exists()
    })
}

/// Whether the compiler has the version that the project asks for.
fn is_new_enough(rustc: &Path) -> bool {
    let minor = |version: &str| version.split('.').nth(1)?.parse::<u32>().ok();
    let version = query(rustc, &["--version"]).unwrap_or_default();
    let number = version.split(' ').nth(1).and_then(minor);
    number >= minor(env!("CARGO_PKG_RUST_VERSION"))
}

fn linker(rustc: &Path) -> Option<PathBuf> {
    let in_sysroot = |rustc: &Path| {
        let host = query(rustc, &["-vV"])?
            .lines()
            .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))?;
        let sysroot = query(rustc, &["--print", "sysroot"])?;
        let file = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld");
        file.is_file().then_some(file)
    };
    in_sysroot(rustc)
        .or_else(|| in_sysroot(&host_rustc()))
        .or_else(|| ["rust-lld", "wasm-ld", "lld"].into_iter().find_map(run::find))
}
