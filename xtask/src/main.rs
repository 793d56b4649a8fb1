//! Sets up, builds, tests and serves the project: `cargo xtask --help`.
//!
//! This is the one place that knows toolchains. Whatever is not on the machine goes into
//! `target/tools`, except Rust's WebAssembly target and the browser, which the machine's own
//! package managers install.

mod audit;
mod bench;
mod browser;
mod fuzz;
mod modules;
mod mutants;
mod npm;
mod progress;
mod python;
mod release;
mod run;
mod running;
mod serve;
mod stamp;
mod start;
mod suites;
mod test;
mod toolchain;
mod tools;
mod wasm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Sets up, builds, tests and serves the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds everything, and runs the page and a log with sample events
    Start(start::Args),
    /// Runs every test suite, or those named
    Test(test::Args),
    /// Builds the WebAssembly artifacts of wasm-pack.toml
    Wasm(wasm::Args),
    /// Searches for inputs that break what the fuzz targets assert
    Fuzz(fuzz::Args),
    /// Measures speed, memory and sizes, as ratios to the bare work
    Bench(bench::Args),
    /// Makes what a release consists of, twice, and signs it when both are equal
    Release(release::Args),
    /// Tells which changes to the core no test notices
    Mutants(mutants::Args),
    /// Installs the validators, in Python, that tests use where they are there
    Validators,
    /// Formats the code
    Fmt,
    /// Checks formatting, types and lints
    Lint,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let tools = tools::Tools::new()?;
    match task {
        Task::Start(args) => start::run(&tools, &args),
        Task::Test(args) => test::run(&tools, &args),
        Task::Wasm(args) => wasm::run(&tools, &args),
        Task::Fuzz(args) => fuzz::run(&tools, &args),
        Task::Bench(args) => bench::run(&tools, &args),
        Task::Release(args) => release::run(&tools, &args),
        Task::Mutants(args) => mutants::run(&tools, &args),
        Task::Validators => python::validators(&tools),
        Task::Fmt => suites::format(&tools),
        Task::Lint => suites::lint(&tools),
    }
}
