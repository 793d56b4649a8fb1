//! `countersign parsers coverage`: counts events by parser, and groups those without one by shape.

mod tally;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use countersign::verify::report::Report;
use countersign::verify::{EventVisitor, Options, PendingItem, SummarizedEvent, Verdict, VerifiedItem};
use countersign_analyze::{unclear_times_sentence, unread_sentence};
use countersign_query::parser::PromisedFact;
use countersign_query::value::Document;
use countersign_query::{Conclusion, Parsers, Unparsed};
use serde_json::{Value, json};
use tally::{Limits, Observation, ShapeCount, Tally};

use super::draft::{self, Draft};
use super::source_events::{self, SourceKind};
use crate::arg_groups::{FormatArgs, ThreadArgs, TrustArgs};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::import::ImportArgs;
use crate::io::input::Input;
use crate::io::output::Output;
use crate::io::parsers::ParserArgs;
use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::verdict::{self, count};
use crate::io::visit::visit;
use crate::io::{style, table};

/// The maximum number of shapes shown as text.
const MAX_SHOWN: usize = 20;
/// The maximum number of a shape's fields shown as text.
const MAX_FIELDS_SHOWN: usize = 12;

/// Show which events no parser recognizes, grouped by shape
///
/// Counts events by parser. Events without a parser are grouped by shape: the names and types of their fields. Detection
/// rules that use parsed facts can't match such events. Values of fields are shown only with --examples. For an export,
/// only verified events are examined, and the number of the others is shown.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign parsers coverage events.ndjson
  countersign parsers coverage audit.ndjson --trust trust.txt --parsers my-parsers/
  countersign parsers coverage /var/log/app/*.ndjson.gz --draft drafts/

Exit status: 0, also if events have no parser; 1 for an altered or broken export, 5 for one that can't be \
checked; 2 unreadable input or unusable arguments.")]
pub(super) struct Args {
    /// Files with events, in any format that `countersign record` accepts, or exports, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    import: ImportArgs,
    #[command(flatten)]
    own: ParserArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// Show the first event of each shape, with its values
    #[arg(long)]
    examples: bool,
    /// Write a draft parser for each shape to this directory, which must not exist or must be empty
    #[arg(long, value_name = "DIR")]
    draft: Option<PathBuf>,
    /// Levels of nested fields that distinguish shapes
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    depth: u8,
    /// Maximum number of shapes; events of further shapes are counted together
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    max_shapes: u16,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let parsers = args.own.load()?;
    Input::check(&args.files)?;
    if let Some(directory) = &args.draft {
        create_empty(directory)?;
    }
    let mut tally = Tally::new(Limits {
        depth: usize::from(args.depth),
        shapes: usize::from(args.max_shapes),
        keep_examples: args.examples || args.draft.is_some(),
    });
    let mut status = ExitStatus::Success;
    for path in &args.files {
        let before = tally.events();
        let Some(report) = read(path, args, &parsers, &mut tally)? else { continue };
        let examined = tally.events() - before;
        tally.add_unexamined(report.counts.withheld + report.counts.events.saturating_sub(examined));
        if matches!(report.verdict, Verdict::Altered | Verdict::Broken | Verdict::NotChecked) {
            style::warn(&format!("{}: {}", shown(path), verdict::headline(&report)));
            status = report.verdict.into();
        }
    }
    let shapes = tally.shapes();
    let drafts = match &args.draft {
        Some(directory) => write_drafts(directory, &shapes)?,
        None => Vec::new(),
    };
    let text = if args.format.is_json() {
        format!("{}\n", as_json(&tally, &shapes, &drafts, args.examples))
    } else {
        as_text(&tally, &shapes, &drafts, args)
    };
    verdict::print(&text)?;
    Ok(status)
}

/// Counts the events of a file. Returns the verification report of an export.
fn read(path: &Path, args: &Args, parsers: &Parsers, tally: &mut Tally) -> Result<Option<Report>, CliError> {
    let mut input = Input::open(path)?.rereadable()?;
    let kind = source_events::visit_input(&mut input, &args.import, |numbered| {
        tally.add(numbered.line, Observation::new(numbered.event.as_str(), parsers, tally.limits()));
        Ok(())
    })?;
    if kind == SourceKind::Events {
        return Ok(None);
    }
    let options = Options { trust: args.trust.load()?, ..Options::default() };
    let limits = tally.limits();
    let examiner = || {
        |event: &SummarizedEvent<'_>| {
            let text = str::from_utf8(event.text).unwrap_or_default();
            Some(event.select(Observation::new(text, parsers, limits)))
        }
    };
    let mut visitor = TallyVisitor(tally);
    let verification = visit(&mut input, options, args.threads.count(), examiner, &mut visitor)?;
    Ok(Some(verification.report))
}

/// Counts verified events.
struct TallyVisitor<'t>(&'t mut Tally);

impl EventVisitor for TallyVisitor<'_> {
    type Item = Observation;
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<Observation>) -> Result<(), CliError> {
        self.0.add(event.index, event.item);
        Ok(())
    }
}

impl PendingItem for Observation {
    fn bytes(&self) -> usize {
        self.memory_bytes()
    }
}

fn create_empty(directory: &Path) -> Result<(), CliError> {
    let failed = |error| CliError::io("create", &shown(directory), &error);
    std::fs::create_dir_all(directory).map_err(failed)?;
    if std::fs::read_dir(directory).map_err(failed)?.next().is_some() {
        let message = "the directory for drafts is not empty";
        return Err(CliError::unusable("arguments.invalid", message, "name a new directory")
            .within(&shown(directory)));
    }
    Ok(())
}

/// Writes a draft parser for each shape. Returns the file names; `None` for a shape without a field to recognize it by.
fn write_drafts(directory: &Path, shapes: &[&ShapeCount]) -> Result<Vec<Option<String>>, CliError> {
    let mut names = Vec::new();
    for (nth, shape) in shapes.iter().enumerate() {
        let name = format!("draft-{}", nth + 1);
        let draft = shape.example.as_deref().and_then(Document::parse).and_then(|document| {
            let events = [document.root()];
            draft::draft(&name, &events)
        });
        let Some(Draft { json }) = draft else {
            names.push(None);
            continue;
        };
        let file = format!("{name}.json");
        let mut output = Output::create(Some(&directory.join(&file)))?;
        output.write(json.as_bytes())?;
        output.finish()?;
        names.push(Some(file));
    }
    Ok(names)
}

fn as_json(tally: &Tally, shapes: &[&ShapeCount], drafts: &[Option<String>], with_examples: bool) -> Value {
    let shapes = shapes.iter().enumerate().map(|(nth, shape)| {
        let fields = shape.shape.fields.iter().map(|(path, kind)| json!({"path": path, "type": kind}));
        let mut json = json!({"events": shape.events, "fields": fields.collect::<Value>()});
        if with_examples && let Some(example) = &shape.example {
            json["example"] = serde_json::from_str(example).unwrap_or_default();
        }
        if let Some(file) = drafts.get(nth) {
            json["draft"] = json!(file);
        }
        json
    });
    let missing = missing(tally);
    json!({
        "events": tally.events(),
        "parsed": tally.parsed(),
        "parsers": tally.by_parser().map(|(name, count)| (name.to_owned(), json!(count.events))).collect::<serde_json::Map<_, _>>(),
        "missing": missing.map(|(name, _, facts)| (name.to_owned(), json!(facts))).collect::<serde_json::Map<_, _>>(),
        "unclear_times": tally.unclear_times().map(|(name, unclear)| (name.to_owned(), unclear_json(unclear))).collect::<serde_json::Map<_, _>>(),
        "unparsed": tally.unparsed(),
        "unread": tally.unread().map(|(parser, facts, events, first)| {
            let facts: Vec<&str> = facts.iter().map(PromisedFact::as_str).collect();
            json!({"parser": parser, "facts": facts, "events": events, "first": first})
        }).collect::<Value>(),
        "shapes": shapes.collect::<Value>(),
        "of_further_shapes": tally.of_further_shapes(),
        "unexamined": tally.unexamined(),
    })
}

/// Returns the parsers that find an actor or an action in none of their events, with the number of events and these
/// facts.
fn missing(tally: &Tally) -> impl Iterator<Item = (&str, u64, Vec<&'static str>)> {
    let counts = tally.by_parser();
    let facts = counts.map(|(name, count)| (name, count.events, count.missing().collect::<Vec<_>>()));
    facts.filter(|(_, _, facts)| !facts.is_empty())
}

fn unclear_json((number, first): (u64, u64)) -> Value {
    json!({"number": number, "first": first})
}

fn as_text(tally: &Tally, shapes: &[&ShapeCount], drafts: &[Option<String>], args: &Args) -> String {
    let mut text = String::new();
    let (events, unparsed) = (tally.events(), tally.unparsed());
    let unexamined = tally.unexamined();
    let parsed = || {
        let those = if unexamined > 0 { "none of these" } else { "none" };
        format!("{} parsed, {those} without a parser.", count(events, "event"))
    };
    let is_doubtful = unexamined > 0
        || tally.unclear_times().next().is_some()
        || tally.unread().next().is_some()
        || missing(tally).next().is_some();
    let share = Unparsed { unparsed, events }.sentence(Conclusion::Rules);
    let (mark, summary) = match share {
        None if events == 0 && unexamined == 0 => (bad("✗"), "There are no events.".to_owned()),
        None if events == 0 => (bad("✗"), "There are no events that can be examined.".to_owned()),
        None if is_doubtful => (doubt("?"), parsed()),
        None => (good("✓"), parsed()),
        Some(share) => (bad("✗"), share + "."),
    };
    let _ = writeln!(text, "{mark} {summary}");
    if unexamined > 0 {
        let events = count(unexamined, "more event");
        let _ =
            writeln!(text, "{events} could not be examined: the content does not verify, or is withheld.");
    }
    for (name, (number, first)) in tally.unclear_times() {
        let share = unclear_times_sentence(number);
        let value = format_args!("! {}: {share}. The first is line or entry {first}.", plain(name));
        let _ = writeln!(text, "{}", doubt(value));
    }
    for (name, facts, events, first) in tally.unread() {
        let share = plain(&unread_sentence(name, facts, events));
        let _ = writeln!(text, "{}", doubt(format_args!("! {share}. The first is line or entry {first}.")));
    }
    for (name, events, facts) in missing(tally) {
        let (facts, events) = (facts.join(" and no "), count(events, "event"));
        let value = format_args!("! {}: the parser finds no {facts} in any of its {events}.", plain(name));
        let _ = writeln!(text, "{}", doubt(value));
    }
    if tally.parsed() > 0 {
        let mut table = table::new(["PARSER", "EVENTS"]);
        let mut rows: Vec<_> = tally.by_parser().collect();
        rows.sort_by_key(|(_, count)| std::cmp::Reverse(count.events));
        for (name, count) in rows {
            table.add_row([plain(name), count.events.to_string()]);
        }
        let _ = write!(text, "\n{}", table::text(&table));
    }
    for (nth, shape) in shapes.iter().take(MAX_SHOWN).enumerate() {
        add_shape(nth, shape, drafts, args, &mut text);
    }
    if shapes.len() > MAX_SHOWN {
        let more = count((shapes.len() - MAX_SHOWN) as u64, "more shape");
        let _ = writeln!(text, "\n… and {more}; --json lists them.");
    }
    if tally.of_further_shapes() > 0 {
        let events = count(tally.of_further_shapes(), "event");
        let _ = writeln!(text, "\n{events} of further shapes, above --max-shapes.");
    }
    if unparsed > 0 && args.draft.is_none() {
        text.push_str("\nDraft a parser with `countersign parsers new`, and add it to commands with --parsers: see docs/parsers.md.\n");
    }
    text
}

fn add_shape(nth: usize, shape: &ShapeCount, drafts: &[Option<String>], args: &Args, text: &mut String) {
    let title = label(format_args!("shape {}:", nth + 1));
    let _ = writeln!(text, "\n{title} {} without a parser", count(shape.events, "event"));
    let fields = &shape.shape.fields;
    let mut names: Vec<String> = fields
        .iter()
        .take(MAX_FIELDS_SHOWN)
        .map(|(path, kind)| format!("{} {}", plain(path), faint(kind)))
        .collect();
    if fields.len() > MAX_FIELDS_SHOWN {
        names.push(format!("{} more", fields.len() - MAX_FIELDS_SHOWN));
    }
    let _ = writeln!(text, "  {}", names.join(", "));
    if args.examples
        && let Some(example) = &shape.example
    {
        let _ = writeln!(text, "  {}", plain(example));
    }
    match (&args.draft, drafts.get(nth)) {
        (Some(directory), Some(Some(file))) => {
            let _ = writeln!(text, "  draft: {}", shown(&directory.join(file)));
        }
        (Some(_), _) => text.push_str("  no draft: no field distinguishes these events\n"),
        (None, _) => {}
    }
}
