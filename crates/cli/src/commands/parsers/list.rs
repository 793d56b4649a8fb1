//! `countersign parsers list`: lists the parsers.

use countersign_query::parser::{FACTS, ParserSummary, PromisedFact};
use serde_json::json;

use crate::arg_groups::FormatArgs;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::parsers::ParserArgs;
use crate::io::style::plain;
use crate::io::{table, verdict};

/// List the parsers, in the order they are tried
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign parsers list
  countersign parsers list --parsers my-parsers/ --json")]
pub(super) struct Args {
    #[command(flatten)]
    own: ParserArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let parsers = args.own.load()?;
    if args.format.is_json() {
        let list: Vec<_> = parsers
            .summaries()
            .map(|ParserSummary { name, facts, promises, documentation }| {
                let promises: Vec<&str> = promises.iter().map(PromisedFact::as_str).collect();
                json!({"as": name, "facts": facts, "promises": promises, "documentation": documentation})
            })
            .collect();
        verdict::print(&format!("{}\n", json!({ "parsers": list })))?;
        return Ok(ExitStatus::Success);
    }
    let mut table = table::new(["PARSER", "FACTS", "PROMISES", "DOCUMENTATION"]);
    for summary in parsers.summaries() {
        table.add_row([
            plain(summary.name),
            facts(&summary.facts),
            summary.promises.iter().map(PromisedFact::as_str).collect::<Vec<_>>().join(", "),
            summary.documentation.unwrap_or_default().to_owned(),
        ]);
    }
    verdict::print(&table::text(&table))?;
    Ok(ExitStatus::Success)
}

/// Returns the number of facts, and those that are missing.
fn facts(defined: &[&str]) -> String {
    let missing: Vec<&str> = FACTS.into_iter().filter(|name| !defined.contains(name)).collect();
    let number = format!("{} of {}", defined.len(), FACTS.len());
    if missing.is_empty() { number } else { format!("{number}, no {}", missing.join(", ")) }
}
