//! Compiling Rust for wasm32.
//!
//! Where the standard library for wasm32 can't be had, it is compiled from its source
//! (cargo's unstable build-std), which Debian packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{self, Log};
use crate::tools::{Tools, host_cargo};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's newest Rust with its source, and with the linker that wasm32 needs.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm"];

/// A way to compile for wasm32.
#[derive(Clone)]
pub(crate) struct Wasm32 {
    cargo: PathBuf,
    rustc: PathBuf,
    /// Where the standard library has to be compiled too: a linker for wasm32.
    build_std: Option<PathBuf>,
}

impl Wasm32 {
    /// The machine's toolchain as it is, else with the target added, else Debian's.
    pub(crate) fn find_or_install(tools: &Tools) -> Result<Wasm32> {
        if let Some(found) = Wasm32::installed() {
            return Ok(found);
        }
        tools.progress.step("wasm32 toolchain", |log| {
            let mut reasons = Vec::new();
            match log.run(Command::new("rustup").args(["target", "add", TARGET])) {
                Ok(()) => {
                    if let Some(found) = Wasm32::installed() {
                        return Ok(found);
                    }
                    reasons.push("rustup added the target to another toolchain than cargo's".to_owned());
                }
                Err(error) => reasons.push(format!("{error:#}")),
            }
            let mut from_source = Wasm32::from_source(log);
            if from_source.is_err() {
                from_source = run::apt_install(log, &DEBIAN_PACKAGES).and_then(|()| Wasm32::from_source(log));
            }
            match from_source {
                Ok(found) => return Ok(found),
                Err(error) => reasons.push(format!("{error:#}")),
            }
            bail!(
                "no toolchain for {TARGET}. Run `rustup target add {TARGET}`, or on Debian as root \
                 `apt-get install {}`. Tried:\n{}",
                DEBIAN_PACKAGES.join(" "),
                reasons.join("\n")
            )
        })
    }

    fn installed() -> Option<Wasm32> {
        let (cargo, rustc) = (host_cargo(), host_rustc());
        let library = query(&rustc, &["--print", "target-libdir", "--target", TARGET])?;
        holds_std(Path::new(&library)).then_some(())?;
        Some(Wasm32 { cargo, rustc, build_std: None })
    }

    fn from_source(log: &Log) -> Result<Wasm32> {
        let debian = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
        let (cargo, rustc) = [(host_cargo(), host_rustc()), debian]
            .into_iter()
            .find(|(_, rustc)| has_source(rustc) && is_new_enough(rustc))
            .context("no compiler that is new enough has the standard library's source")?;
        let build_std = Some(linker(&rustc).map_or_else(|| install_linker(log), Ok)?);
        Ok(Wasm32 { cargo, rustc, build_std })
    }

    /// Cargo in the project's folder, for wasm32, with a target folder of its own so that it
    /// never waits for builds for the machine itself.
    pub(crate) fn cargo(&self, tools: &Tools, subcommand: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command
            .args([subcommand, "--target", TARGET])
            .current_dir(tools.path(""))
            .env("RUSTC", &self.rustc)
            .env("CARGO_TARGET_DIR", target_folder(tools))
            .env_remove("LD_LIBRARY_PATH");
        if let Some(linker) = &self.build_std {
            command
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        command
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

fn holds_std(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| {
        entries
            .any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
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

/// Debian's `rust-lld` is a link to a linker of another package, which is named like its file.
fn install_linker(log: &Log) -> Result<PathBuf> {
    let link = PathBuf::from("/usr/bin/rust-lld");
    let package = fs::read_link(&link).context("no linker for wasm32: install rust-lld, wasm-ld or lld")?;
    run::apt_install(log, &[&package.to_string_lossy()])?;
    Ok(link)
}
