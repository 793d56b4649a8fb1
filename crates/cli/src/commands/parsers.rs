//! `countersign parsers`: lists, explains, tests and drafts parsers, and shows which events have none.

mod coverage;
mod draft;
mod explain;
mod facts;
mod list;
mod new;
mod shape;
mod source_events;
mod test;

use crate::errors::CliError;
use crate::exit_status::ExitStatus;

/// List, explain, write and test parsers
///
/// A parser extracts who did what, when, from where, and with which outcome from the events of one product. Detection
/// rules, charts and most queries use these facts, so events without a parser need one. docs/parsers.md describes the
/// format of a parser file.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    List(list::Args),
    Coverage(coverage::Args),
    Explain(explain::Args),
    New(new::Args),
    Test(test::Args),
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    match &args.command {
        Command::List(args) => list::run(args),
        Command::Coverage(args) => coverage::run(args),
        Command::Explain(args) => explain::run(args),
        Command::New(args) => new::run(args),
        Command::Test(args) => test::run(args),
    }
}
