//! `cargo xtask mutants`: makes small changes to the core, and lists those that no test notices.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::run::find;
use crate::tools::Tools;

/// The version of cargo-mutants to install if it is missing.
const VERSION: &str = "27.1.0";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The files to mutate [default: those in .cargo/mutants.toml]
    files: Vec<PathBuf>,
    /// Only mutants whose description matches, such as `verdict.rs:69`
    #[arg(long)]
    matching: Option<String>,
    /// List the mutants without testing them
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    let mut command = Command::new(find_or_install(tools)?);
    command
        .arg("mutants")
        .args(["countersign", "countersign-slice"].map(|name| format!("--package={name}")))
        .current_dir(tools.path(""))
        // Dependencies are compiled only once, and mutants are never debugged.
        .env("CARGO_TARGET_DIR", tools.path("target/mutants"))
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .arg("--output")
        .arg(tools.path("target/mutants"));
    for file in &args.files {
        command.arg("--file").arg(file);
    }
    if let Some(matching) = &args.matching {
        command.args(["--re", matching]);
    }
    if args.list {
        command.arg("--list");
    }
    let status = command.status()?;
    if !status.success() {
        bail!(
            "some mutants survived: add a test for each, or state in .cargo/mutants.toml why no test can detect it"
        );
    }
    Ok(())
}

fn find_or_install(tools: &Tools) -> Result<PathBuf> {
    let ours = tools.path("target/tools");
    let program = ours.join("bin").join(format!("cargo-mutants{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok(program);
    }
    if let Some(program) = find("cargo-mutants") {
        return Ok(program);
    }
    tools.progress.step("cargo-mutants", |log| {
        let mut cargo = tools.cargo("install");
        log.run(cargo.args(["--locked", "cargo-mutants", "--version", VERSION, "--root"]).arg(&ours))
    })?;
    Ok(program)
}
