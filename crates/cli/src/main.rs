//! The program `countersign`: record, seal, slice, and verify audit logs.
#![cfg_attr(not(feature = "native"), allow(dead_code, reason = "the other commands use it"))]

mod arg_groups;
mod args;
mod commands;
mod config;
mod errors;
mod examples;
mod exit_status;
mod help;
#[cfg(not(feature = "native"))]
mod host;
mod invocation;
mod io;
#[cfg(target_os = "wasi")]
mod wasi;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

#[cfg(feature = "native")]
use crate::commands::native;
use crate::commands::{
    analyze, completions, dev, grant, init, keygen, parsers, receipt, record, rules, seal, show, slice,
    summarize, verify,
};
use crate::io::{output, style};

/// Fast without glibc too, and [returns memory](commands::serve::memory) after a peak.
#[cfg(feature = "native")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Record, store, and verify tamper-evident audit logs
///
/// A recorder signs events and links each one to the one before. A log puts the events of many recorders in one order
/// and signs its size and root hash (a checkpoint). An export is a file with any part of a log. It can be verified
/// offline, with the keys that you trust.
#[derive(Parser)]
#[command(
    name = "countersign",
    version,
    arg_required_else_help = true,
    styles = style::help(),
    after_help = EXAMPLES
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples, from events to a verdict:
  LOG=$(countersign keygen log.example/audit -o log.key)
  APP=$(countersign keygen example.com/app -o app.key)
  printf 'log %s\\nemitter %s\\n' \"$LOG\" \"$APP\" > trust.txt
  countersign record --key app.key --origin log.example/audit events.ndjson -o app.ndjson
  countersign seal --log-key log.key app.ndjson -o audit.ndjson
  countersign verify audit.ndjson --trust trust.txt

Exit status: 0 verified (or done), 1 altered or broken, 2 unreadable or unusable input, \
3 signed by a key you don't trust, 4 unchanged but maybe only part of the log, 5 not fully checked, \
6 something that --fail-on or a policy forbids was found.";

#[derive(Subcommand)]
enum Command {
    Init(init::Args),
    Dev(dev::Args),
    Keygen(keygen::Args),
    Record(Box<record::Args>),
    Grant(grant::GrantArgs),
    Revoke(grant::RevokeArgs),
    Seal(seal::Args),
    Slice(slice::Args),
    Verify(verify::Args),
    Summarize(summarize::Args),
    Receipt(receipt::Args),
    Show(show::Args),
    Analyze(analyze::Args),
    Rules(rules::Args),
    Parsers(parsers::Args),
    Completions(completions::Args),
    #[cfg(feature = "native")]
    #[command(flatten)]
    Native(Box<native::Command>),
}

fn main() -> ExitCode {
    #[cfg(target_os = "wasi")]
    wasi::enter();
    let command = help::grouped(examples::wrapped(Cli::command()));
    #[cfg(not(feature = "native"))]
    let command = command.bin_name("npx countersign");
    #[cfg(not(feature = "native"))]
    if let Some(name) = std::env::args().nth(1).filter(|name| help::is_native_only(&command, name)) {
        let failure = errors::needs_native(&format!("`countersign {name}`"));
        failure.report();
        return ExitCode::from(failure.status());
    }
    let matches = match config::matches(&command) {
        Ok(matches) => matches,
        Err(failure) => {
            failure.report();
            return ExitCode::from(failure.status());
        }
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // Only argument positions tell which --as belongs to which --withhold.
    let positions = matches.subcommand().map_or(&matches, |(_, matches)| matches);
    output::survive_signals();
    let result = match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Keygen(args) => keygen::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Grant(args) => grant::grant(&args),
        Command::Revoke(args) => grant::revoke(&args),
        Command::Seal(args) => seal::run(&args),
        Command::Slice(args) => slice::run(&args, positions),
        Command::Verify(args) => verify::run(&args),
        Command::Summarize(args) => summarize::run(&args),
        Command::Receipt(args) => receipt::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Analyze(args) => analyze::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Parsers(args) => parsers::run(&args),
        Command::Completions(args) => completions::run::<Cli>(&args),
        #[cfg(feature = "native")]
        Command::Native(command) => command.run(positions),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            failure.report();
            ExitCode::from(failure.status())
        }
    }
}
