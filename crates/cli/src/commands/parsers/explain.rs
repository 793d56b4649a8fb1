//! `countersign parsers explain`: shows how an event is parsed.

use std::fmt::Write as _;
use std::path::PathBuf;

use countersign::event::Event;
use countersign_query::parser::{Explanation, Fact, ParserFit, PromisedFact};
use countersign_query::value::Document;
use serde_json::{Value, json};

use super::{facts, source_events};
use crate::arg_groups::FormatArgs;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::import::ImportArgs;
use crate::io::input;
use crate::io::parsers::ParserArgs;
use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::verdict::{self, count};

/// The maximum number of parsers shown that came close, unless all are requested.
const MAX_CLOSE: usize = 5;

/// Explain how an event is parsed: which parser fits, and where each fact comes from
///
/// For the parser that is used, shows each fact with the paths that were tried in order, the value that was found, and
/// the result. For the others, shows the first test of `when` that failed.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign parsers explain event.json
  countersign parsers explain events.ndjson --line 7 --parsers till.json
  pbpaste | countersign parsers explain - --json | jq .facts

Exit status: 0 if a parser fits, 1 if none does, 2 unreadable input or unusable arguments.")]
pub(super) struct Args {
    /// File with the event, in any format that `countersign record` accepts, or - for standard input
    #[arg(value_name = "EVENT")]
    event: PathBuf,
    /// Explain the event that starts on this line [default: the first event]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    line: Option<u64>,
    /// Show the failed test of every parser, not only of those that came close
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    import: ImportArgs,
    #[command(flatten)]
    own: ParserArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let parsers = args.own.load()?;
    let event = find(args)?;
    let document = Document::parse(event.as_str());
    let explanation = document.as_ref().map(|document| parsers.explain(&document.root())).unwrap_or_default();
    let parsed = facts::parse(&parsers, event.as_str());
    let text = if args.format.is_json() {
        format!("{}\n", as_json(&explanation, &parsed))
    } else {
        as_text(&explanation, &parsed["unread"], args.all)
    };
    verdict::print(&text)?;
    Ok(if explanation.chosen().is_some() { ExitStatus::Success } else { ExitStatus::Broken })
}

/// Reads the event to explain.
fn find(args: &Args) -> Result<Event, CliError> {
    let mut found = None;
    source_events::visit(&args.event, &args.import, |numbered| {
        if found.is_none() && args.line.is_none_or(|line| line == numbered.line) {
            found = Some(numbered.event);
        }
        Ok(())
    })?;
    found.ok_or_else(|| {
        let message = match args.line {
            Some(line) => format!("no event starts on line {line}"),
            None => "the file contains no event".to_owned(),
        };
        CliError::unusable("arguments.invalid", message, "check the file, and the line number of --line")
            .within(&input::name(&args.event))
    })
}

fn as_json(explanation: &Explanation, parsed: &Value) -> Value {
    let fits = explanation.parsers.iter().map(|fit| {
        json!({
            "as": fit.parser, "fits": fit.fits(), "within": fit.within, "passed": fit.passed, "failed": fit.failed,
        })
    });
    let facts = explanation.facts.iter().map(|Fact { name, values, attempts }| {
        let attempts = attempts.iter().map(|attempt| {
            json!({
                "source": attempt.source,
                "found": attempt.found,
                "value": attempt.result.as_ref().ok(),
                "problem": attempt.result.as_ref().err(),
            })
        });
        json!({"name": name, "values": values, "attempts": attempts.collect::<Value>()})
    });
    json!({"parsed": parsed, "facts": facts.collect::<Value>(), "parsers": fits.collect::<Value>()})
}

fn as_text(explanation: &Explanation, unread: &Value, with_all: bool) -> String {
    let mut text = String::new();
    let (fitting, others): (Vec<&ParserFit>, Vec<&ParserFit>) =
        explanation.parsers.iter().partition(|fit| fit.fits());
    match fitting.split_first() {
        None => {
            let _ = writeln!(text, "{} No parser fits this event.", bad("✗"));
        }
        Some((chosen, later)) => {
            let within = if chosen.within.is_empty() {
                String::new()
            } else {
                format!(", from the event in `{}`", plain(&chosen.within))
            };
            let _ = writeln!(text, "{} Parsed as {}{within}.\n", good("✓"), plain(&chosen.parser));
            for fact in &explanation.facts {
                add_fact(fact, &mut text);
            }
            add_unread(unread, &mut text);
            if !later.is_empty() {
                let names: Vec<String> = later.iter().map(|fit| plain(&fit.parser)).collect();
                let _ = writeln!(
                    text,
                    "\n{} {}. The first parser that fits is used.",
                    label("also fit:"),
                    names.join(", ")
                );
            }
        }
    }
    if fitting.is_empty() || with_all {
        add_others(others, with_all, &mut text);
    }
    if fitting.is_empty() {
        text.push_str("\nDraft a parser with `countersign parsers new`.\n");
    }
    text
}

/// Adds the facts that the parser promises, but doesn't find.
fn add_unread(unread: &Value, text: &mut String) {
    let facts: Vec<&str> = unread.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if facts == [PromisedFact::Kind.as_str()] {
        let _ = writeln!(text, "\n{}", doubt("! The parser doesn't know events of this kind."));
    } else if !facts.is_empty() {
        let message =
            format!("! The parser promises these facts, but doesn't find them: {}.", facts.join(", "));
        let _ = writeln!(text, "\n{}", doubt(message));
    }
}

fn add_fact(fact: &Fact, text: &mut String) {
    let name = label(format_args!("{:<12}", fact.name));
    if fact.values.is_empty() {
        let _ = writeln!(text, "{name} {}", faint("not stated"));
    } else {
        let _ = writeln!(text, "{name} {}", plain(&fact.values.join(", ")));
    }
    if fact.attempts.is_empty() {
        let _ = writeln!(text, "             {}", faint("no source was tried"));
    }
    for attempt in &fact.attempts {
        let found = attempt.found.as_ref().map_or_else(String::new, |found| format!(" = {}", plain(found)));
        let source = plain(&attempt.source);
        let _ = match &attempt.result {
            Ok(value) if fact.values.len() > 1 => writeln!(text, "             ← {source}: {}", plain(value)),
            Ok(_) => writeln!(text, "             ← {source}{found}"),
            Err(problem) => writeln!(text, "             {} {source}{found}: {}", doubt("–"), plain(problem)),
        };
    }
}

/// Adds the failed tests of parsers that don't fit: of all, or of those in which the most tests passed.
fn add_others(mut others: Vec<&ParserFit>, with_all: bool, text: &mut String) {
    let total = others.len();
    if !with_all {
        others.retain(|fit| fit.passed > 0);
        others.sort_by_key(|fit| std::cmp::Reverse(fit.passed));
        others.truncate(MAX_CLOSE);
    }
    if !others.is_empty() {
        let heading = if with_all { "don't fit:" } else { "came close:" };
        let _ = writeln!(text, "\n{}", label(heading));
    }
    for fit in &others {
        let failed = plain(fit.failed.as_deref().unwrap_or_default());
        let _ = writeln!(text, "  {}: {failed}", plain(&fit.parser));
    }
    if others.len() < total {
        let rest =
            count((total - others.len()) as u64, if others.is_empty() { "parser" } else { "more parser" });
        let verb = if total - others.len() == 1 { "does not" } else { "do not" };
        let _ = writeln!(text, "\n{rest} {verb} fit; --all shows why.");
    }
}
