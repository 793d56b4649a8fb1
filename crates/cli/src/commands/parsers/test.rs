//! `countersign parsers test`: checks parser files, and runs their test cases.

mod locate;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use countersign::event::{Event, Redaction};
use countersign_query::Parsers;
use countersign_query::parser::{PromisedFact, PromisedFacts};
use serde_json::Value;

use super::facts;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::style::{bad, doubt, good, label, plain};
use crate::io::verdict::{self, count};
use crate::io::{input, parsers, style};
use locate::{Position, locate};

/// Check parser files, and run their test cases
///
/// The test cases of NAME.json are in NAME.cases.ndjson: on each line, an event and the facts that must be parsed from
/// it, or null if no parser must fit: {"event":{…},"parsed":{…}}. The files' parsers are tried before the built-in ones,
/// as with --parsers.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign parsers test till.json
  countersign parsers test my-parsers/

Exit status: 0 if all files are valid and all cases pass, 1 if not, 2 unreadable input or unusable arguments.")]
pub(super) struct Args {
    /// Parser files, or directories of files that end in .json
    #[arg(value_name = "FILE|DIR", required = true)]
    parsers: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let files = parsers::files(&args.parsers)?;
    let mut texts = Vec::new();
    for path in &files {
        texts.push((shown(path), input::small_text(path)?));
    }
    let mut out = String::new();
    let problems: usize = texts.iter().filter(|(file, text)| !check(file, text, &mut out)).count();
    if problems > 0 {
        let _ = writeln!(out, "{} {} invalid", bad("✗"), count_of(problems, files.len()));
        verdict::print(&out)?;
        return Ok(ExitStatus::Broken);
    }
    let named = texts.iter().map(|(file, text)| (file.as_str(), text.as_str()));
    let parsers = Parsers::built_in().with(named).map_err(parsers::refused)?;
    let (mut passed, mut failed) = (0, 0);
    let mut unpromised = Vec::new();
    for (path, (_, text)) in files.iter().zip(&texts) {
        let cases = path.with_extension("cases.ndjson");
        if !cases.exists() {
            style::warn(&format!("{} has no test cases; write {}", shown(path), shown(&cases)));
            continue;
        }
        let mut common: Option<PromisedFacts> = None;
        run_cases(&cases, &parsers, &mut passed, &mut failed, &mut common, &mut out)?;
        unpromised.extend(unpromised_facts(path, text, common));
    }
    let parsers = count(files.len() as u64, "parser");
    let summary = match passed + failed {
        0 => format!("{parsers}, valid; there are no cases"),
        _ => format!("{parsers}, {} passed", count(passed, "case")),
    };
    let _ = if failed == 0 {
        writeln!(out, "{} {summary}", good("✓"))
    } else {
        writeln!(out, "{} {summary}, {failed} failed", bad("✗"))
    };
    for advice in unpromised {
        let _ = writeln!(out, "{}", doubt(format_args!("! {advice}")));
    }
    verdict::print(&out)?;
    Ok(if failed == 0 { ExitStatus::Success } else { ExitStatus::Broken })
}

/// Returns advice if every case has a fact that the parser doesn't promise.
fn unpromised_facts(path: &Path, text: &str, common: Option<PromisedFacts>) -> Option<String> {
    let parsers = Parsers::built_in().with([("", text)]).ok()?;
    let promised = parsers.summaries().next()?.promises;
    let facts: Vec<&str> = common?.without(promised).iter().map(PromisedFact::as_str).collect();
    (!facts.is_empty()).then(|| {
        format!(
            "{}: each case has these facts, but the parser doesn't promise them: {}. Add them to `promises` if each event of a kind has them.",
            plain(&shown(path)),
            facts.join(", ")
        )
    })
}

fn count_of(problems: usize, files: usize) -> String {
    format!(
        "{problems} of {} {}",
        count(files as u64, "parser file"),
        if problems == 1 { "is" } else { "are" }
    )
}

/// Checks a parser file. Writes its error with the place and a hint, and returns false if there is one.
fn check(file: &str, text: &str, out: &mut String) -> bool {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let position = Position { line: error.line(), column: error.column().max(1) };
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        add_problem(file, position, "", message, "write one JSON object", out);
        return false;
    }
    let Err(error) = Parsers::default().with([(file, text)]) else { return true };
    // A rule may refer to a built-in parser.
    if Parsers::built_in().with([(file, text)]).is_ok() {
        return true;
    }
    let member = error.member.clone().unwrap_or_default();
    let hint = error.hint.clone().unwrap_or_default();
    add_problem(file, locate(text, &member), &member, &error.message, &hint, out);
    false
}

fn add_problem(file: &str, position: Position, member: &str, message: &str, hint: &str, out: &mut String) {
    let Position { line, column } = position;
    let member = if member.is_empty() { String::new() } else { format!("{}: ", plain(member)) };
    let _ = writeln!(out, "{} {file}:{line}:{column}: {member}{}", bad("✗"), plain(message));
    let _ = writeln!(out, "  {} {}", label("hint:"), plain(hint));
}

/// Runs the test cases of a file. `common` becomes the facts that all parsed cases have.
fn run_cases(
    path: &Path,
    parsers: &Parsers,
    passed: &mut u64,
    failed: &mut u64,
    common: &mut Option<PromisedFacts>,
    out: &mut String,
) -> Result<(), CliError> {
    let file = shown(path);
    input::Input::open(path)?.lines("testing", |line| {
        if line.is_blank() {
            return Ok(());
        }
        let (event, wanted) = parse_case(line.bytes)?;
        let actual = facts::parse(parsers, event.as_str());
        if let Some(found) = facts::promisable(parsers, event.as_str()) {
            *common = Some(common.map_or(found, |common| common.intersection(found)));
        }
        let mut differences = Vec::new();
        compare("", Some(&wanted), Some(&actual), &mut differences);
        if differences.is_empty() {
            *passed += 1;
            return Ok(());
        }
        *failed += 1;
        let _ = writeln!(out, "{} {file}:{}: the parsed facts differ", bad("✗"), line.number);
        for difference in differences {
            let _ = writeln!(out, "    {}", plain(&difference));
        }
        Ok(())
    })
}

/// Parses a test case: the event, and the facts that must be parsed from it.
fn parse_case(line: &[u8]) -> Result<(Event, Value), CliError> {
    let refused = |message: String| {
        let hint = "write {\"event\":{…},\"parsed\":{…}} on each line, with null for an event that no parser must fit";
        CliError::unusable("parsers.case", message, hint)
    };
    let case: Value =
        serde_json::from_slice(line).map_err(|error| refused(format!("the case is not JSON: {error}")))?;
    let Some(members) = case.as_object() else { return Err(refused("the case is not an object".into())) };
    if let Some(name) = members.keys().find(|name| !["event", "parsed"].contains(&name.as_str())) {
        return Err(refused(format!("the field {name:?} is unknown")));
    }
    let (Some(event), Some(parsed)) = (members.get("event"), members.get("parsed")) else {
        return Err(refused("the case lacks the field `event` or `parsed`".into()));
    };
    let event = Event::parse(event.to_string().as_bytes(), &Redaction::none())?;
    Ok((event, parsed.clone()))
}

/// Adds a line for each field that differs.
fn compare(path: &str, wanted: Option<&Value>, actual: Option<&Value>, differences: &mut Vec<String>) {
    if let (Some(Value::Object(wanted)), Some(Value::Object(actual))) = (wanted, actual) {
        for name in wanted.keys().chain(actual.keys().filter(|name| !wanted.contains_key(*name))) {
            let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            compare(&inner, wanted.get(name), actual.get(name), differences);
        }
    } else if wanted != actual {
        let path = if path.is_empty() { "parsed" } else { path };
        let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        differences.push(format!("{path}: {} instead of {}", text(actual), text(wanted)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_listed_field_by_field() {
        let wanted = json!({"as": "till", "actor": {"id": "b-9", "name": "Ada"}, "outcome": "denied"});
        let actual = json!({"as": "till", "actor": {"id": "b-8"}, "outcome": "denied", "reason": "x"});
        let mut differences = Vec::new();
        compare("", Some(&wanted), Some(&actual), &mut differences);
        assert_eq!(
            differences,
            [
                "actor.id: \"b-8\" instead of \"b-9\"",
                "actor.name: nothing instead of \"Ada\"",
                "reason: \"x\" instead of nothing"
            ]
        );
    }
}
