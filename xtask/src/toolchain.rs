//! Compilation of Rust to WebAssembly, with the standard library of the installed compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::run;
use crate::tools::{Tools, host_cargo};

/// The target of what JavaScript calls.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// The target of programs that use files.
pub(crate) const WASI_TARGET: &str = "wasm32-wasip1";

/// A compiler for a WebAssembly target with its standard library.
#[derive(Clone)]
pub(crate) struct Wasm32 {
    target: &'static str,
    cargo: PathBuf,
    rustc: PathBuf,
    linker: PathBuf,
}

impl Wasm32 {
    /// Finds the machine's toolchain. If it lacks the target, rustup adds it.
    pub(crate) fn find_or_install(tools: &Tools, target: &'static str) -> Result<Wasm32> {
        Wasm32::find(target).or_else(|_| {
            tools.progress.step(&format!("{target} toolchain"), |log| {
                log.run(Command::new("rustup").args(["target", "add", target]))
                    .and_then(|()| Wasm32::find(target))
                    .with_context(|| {
                        format!("the target {target} is missing: run `rustup target add {target}`")
                    })
            })
        })
    }

    fn find(target: &'static str) -> Result<Wasm32> {
        let (cargo, rustc) = (host_cargo(), host_rustc());
        ensure!(is_new_enough(&rustc), "the project needs Rust {}", env!("CARGO_PKG_RUST_VERSION"));
        ensure!(has_std(&rustc, target), "Rust's standard library for {target} is not installed");
        let linker =
            linker(&rustc).context("a linker for wasm32 is missing: install rust-lld, wasm-ld or lld")?;
        Ok(Wasm32 { target, cargo, rustc, linker })
    }

    /// Returns a cargo command for wasm32 in the project's folder, with a separate target folder so that it
    /// never waits for builds for the host.
    pub(crate) fn cargo(&self, tools: &Tools, subcommand: &str) -> Command {
        self.command(tools, &self.cargo, subcommand)
    }

    /// Returns a command for this toolchain's Clippy, with the settings of [`Wasm32::cargo`]. Cargo would
    /// run the first Clippy on `PATH`, which may be from another toolchain and unable to read this one's
    /// output.
    pub(crate) fn clippy(&self, tools: &Tools) -> Command {
        let program = format!("cargo-clippy{}", std::env::consts::EXE_SUFFIX);
        self.command(tools, &self.cargo.with_file_name(program), "clippy")
    }

    fn command(&self, tools: &Tools, program: &Path, subcommand: &str) -> Command {
        let linker = format!("CARGO_TARGET_{}_LINKER", self.target.to_uppercase().replace('-', "_"));
        let mut command = Command::new(program);
        command
            .args([subcommand, "--target", self.target])
            .current_dir(tools.path(""))
            .env("CARGO", &self.cargo)
            .env("RUSTC", &self.rustc)
            .env("CARGO_TARGET_DIR", target_folder(tools))
            .env(linker, &self.linker)
            .env_remove("LD_LIBRARY_PATH");
        command
    }
}

/// Returns the folder in which [`Wasm32::cargo`] builds.
pub(crate) fn target_folder(tools: &Tools) -> PathBuf {
    tools.path("target/wasm")
}

/// Returns the compiler that belongs to the cargo that runs xtask.
fn host_rustc() -> PathBuf {
    let beside = host_cargo().with_file_name(format!("rustc{}", std::env::consts::EXE_SUFFIX));
    if beside.is_file() { beside } else { PathBuf::from("rustc") }
}

fn query(rustc: &Path, args: &[&str]) -> Option<String> {
    run::output(Command::new(rustc).args(args)).ok()
}

fn has_std(rustc: &Path, target: &str) -> bool {
    let Some(library) = query(rustc, &["--print", "target-libdir", "--target", target]) else { return false };
    Path::new(&library).read_dir().is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

/// True if the compiler has at least the version that the project requires.
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
