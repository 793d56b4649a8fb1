//! Sets up, builds, tests, and serves the project: `cargo xtask --help`.
//!
//! The only place that knows about toolchains. Missing tools are installed in `target/tools`, except Rust's
//! WebAssembly target and browsers, which are installed by the machine's own package managers.

mod agreement;
mod audit;
mod background;
mod bench;
mod browser;
mod budgets;
mod command_line;
mod docs;
mod engines;
mod errors;
mod fuzz;
mod language;
mod modules;
mod mutants;
mod npm;
mod page;
mod progress;
mod python;
mod release;
mod run;
mod serve;
mod simulate;
mod stamp;
mod start;
mod suites;
mod test;
mod toolchain;
mod tools;
mod unchanged;
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
    /// Simulates a log with faults, kills and a lying operator, by seeds
    Simulate(simulate::Args),
    /// Measures speed, memory and sizes, as ratios to the bare work
    Bench(bench::Args),
    /// Compares the facts that parsers extract with what public sets of events expect
    Agreement(agreement::Args),
    /// Builds a release twice, and signs it if both builds are equal
    Release(release::Args),
    /// Builds the auditor's page, one HTML file that works offline
    Page,
    /// Builds the documentation as a site that works offline
    Docs(docs::Args),
    /// Writes the reference of errors, docs/errors.md, from the sources
    Errors,
    /// Writes the reference of the command line, docs/command-line.md, from the program's help
    CommandLine,
    /// Prints the size of the code and of its surface, in the format of budgets.toml
    Budgets(budgets::Args),
    /// Lists changes to the core that no test notices
    Mutants(mutants::Args),
    /// Installs the Python validators that some tests use
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
        Task::Simulate(args) => simulate::run(&tools, &args),
        Task::Bench(args) => bench::run(&tools, &args),
        Task::Agreement(args) => agreement::run(&tools, &args),
        Task::Release(args) => release::run(&tools, &args),
        Task::Page => page::run(&tools),
        Task::Docs(args) => docs::run(&tools, &args),
        Task::Errors => errors::run(&tools),
        Task::CommandLine => command_line::run(&tools),
        Task::Budgets(args) => budgets::run(&tools, &args),
        Task::Mutants(args) => mutants::run(&tools, &args),
        Task::Validators => python::validators(&tools),
        Task::Fmt => suites::format(&tools),
        Task::Lint => suites::lint(&tools),
    }
}
