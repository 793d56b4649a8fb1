//! The program `countersign`: record, seal, slice, and verify audit logs.

mod arg_groups;
mod args;
mod commands;
mod config;
mod errors;
mod examples;
mod exit_status;
mod help;
mod io;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::{
    analyze, backup, check, completions, dev, enforce, evidence, export, feed, forks, fsck, grant, init,
    inventory, keygen, monitor, outbox, receipt, record, report, risk, rules, seal, serve, show, slice,
    summarize, tenant, token, verify, watch, witness,
};
use crate::io::{output, style};

/// Fast without glibc too, and [returns memory](commands::serve::memory) after a peak.
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
    Keygen(keygen::Args),
    Record(record::Args),
    Outbox(outbox::Args),
    Grant(grant::GrantArgs),
    Revoke(grant::RevokeArgs),
    Seal(seal::Args),
    Serve(serve::Args),
    Dev(dev::Args),
    Fsck(fsck::Args),
    Backup(backup::Args),
    Slice(slice::Args),
    Token(token::Args),
    Tenant(tenant::Args),
    Export(export::Args),
    Monitor(monitor::Args),
    Forks(forks::Args),
    Verify(verify::Args),
    Summarize(summarize::Args),
    Check(check::Args),
    Receipt(receipt::Args),
    Witness(witness::Args),
    Show(show::Args),
    Report(Box<report::Args>),
    Analyze(analyze::Args),
    Rules(rules::Args),
    Watch(Box<watch::Args>),
    Inventory(inventory::Args),
    Risk(risk::Args),
    Enforce(enforce::Args),
    Feed(Box<feed::Args>),
    Evidence(Box<evidence::Args>),
    Completions(completions::Args),
}

fn main() -> ExitCode {
    let matches = match config::matches(&help::grouped(examples::wrapped(Cli::command()))) {
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
        Command::Keygen(args) => keygen::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Outbox(args) => outbox::run(&args),
        Command::Grant(args) => grant::grant(&args),
        Command::Revoke(args) => grant::revoke(&args),
        Command::Seal(args) => seal::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Fsck(args) => fsck::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Slice(args) => slice::run(&args, positions),
        Command::Token(args) => token::run(&args),
        Command::Tenant(args) => tenant::run(&args),
        Command::Export(args) => export::run(&args, positions),
        Command::Monitor(args) => monitor::run(&args),
        Command::Forks(args) => forks::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Summarize(args) => summarize::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Receipt(args) => receipt::run(&args),
        Command::Witness(args) => witness::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Analyze(args) => analyze::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Inventory(args) => inventory::run(&args),
        Command::Risk(args) => risk::run(&args),
        Command::Enforce(args) => enforce::run(&args),
        Command::Feed(args) => feed::run(&args),
        Command::Evidence(args) => evidence::run(&args),
        Command::Completions(args) => completions::run::<Cli>(&args),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            failure.report();
            ExitCode::from(failure.status())
        }
    }
}
