//! `countersign slice`: creates a smaller export that still verifies.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use countersign::error::{Code, Error};
use countersign::export::writer::Writer;
use countersign::export::{Item, Withheld};
use countersign::link::ChainId;
use countersign::trust::Trust;
use countersign::verify::{Options, Severity, Verdict};
use countersign_query::Query;
use countersign_slice::{Plan, Selection, Slicers, Survey};

use crate::arg_groups::{OutputArgs, threads};
use crate::args;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::contents::open_export;
use crate::io::export::Part;
use crate::io::input::{self, Input};
use crate::io::output::Output;
use crate::io::query::{self, EventMatcher};
use crate::io::verdict::count;
use crate::io::{export, file_limit, parsers, style, visit};

/// Make a smaller export that still verifies
///
/// Keeps the events that meet every condition, the links that prove them, every key note, and the checkpoints that
/// show when they existed, and replaces the rest by hashes. Without --trust, a checkpoint's time is taken from all
/// of its cosignatures; with it, from those that meet the file's quorum.
///
/// An export without checkpoints can only be sliced by withholding events or by whole chains. An export that is altered
/// or broken can't be sliced, because the slice could verify and hide that.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign slice audit.ndjson --query actor.id:u_1 -o subject-access.ndjson
  countersign slice audit.ndjson --range 0..1000 -o first.ndjson
  countersign slice audit.ndjson --event da7f84a510cb84b8cbb5b74a63c306ec/3 > one.ndjson
  countersign slice audit.ndjson --withhold tenant:acme --as erased --withhold action:secret.rotate -o shared.ndjson")]
pub(crate) struct Args {
    /// The export to slice
    #[arg(value_name = "EXPORT")]
    export: PathBuf,
    #[command(flatten)]
    options: SelectionOptions,
    #[command(flatten)]
    output: OutputArgs,
}

/// The events to keep.
#[derive(clap::Args)]
pub(crate) struct SelectionOptions {
    /// The trust file, whose quorum decides which checkpoints are kept
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Only entries from A up to but not including B. All of them are kept, and the slice states that it
    /// contains all of them
    #[arg(long, value_name = "A..B", value_parser = args::range)]
    pub(crate) range: Option<(u64, u64)>,
    /// Only events of this chain. Can be repeated
    #[arg(long, value_name = "C", value_parser = args::chain)]
    pub(crate) chain: Vec<ChainId>,
    /// Only this event. Can be repeated
    #[arg(long, value_name = "C/SEQ", value_parser = args::place)]
    pub(crate) event: Vec<(ChainId, u64)>,
    /// Only events that match this query: `actor:ada outcome:failure since:-7d` (see docs/query.md)
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    pub(crate) query: Option<String>,
    /// Withhold events that match this query, and keep only their links. Can be repeated
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    pub(crate) withhold: Vec<String>,
    /// The reason for the --withhold before it [default: redacted]
    #[arg(long = "as", value_name = "WHY", value_parser = args::words(["redacted", "erased", "filtered"], Withheld::parse))]
    #[arg(requires = "withhold")]
    pub(crate) reasons: Vec<Withheld>,
    #[command(flatten)]
    pub(crate) own: parsers::ParserArgs,
}

pub(crate) fn run(args: &Args, matches: &ArgMatches) -> Result<ExitStatus, CliError> {
    slice(&args.options, matches, || open_export(&args.export), args.output.path())
}

/// Slices an export, which is opened after the arguments were checked.
pub(crate) fn slice(
    options: &SelectionOptions,
    matches: &ArgMatches,
    open: impl FnOnce() -> Result<Input, CliError>,
    destination: Option<&Path>,
) -> Result<ExitStatus, CliError> {
    let trust = options.trust.as_deref().map(input::trust).transpose()?;
    let withheld = with_reasons(options, matches)?;
    let query = options.query.as_deref().map(query::parse).transpose()?;
    let matcher = EventMatcher::new(options.own.load()?);
    let selection = selection(options, query.as_ref(), &withheld, &matcher);
    let mut input = open()?.rereadable()?;
    let selections = std::slice::from_ref(&selection);
    let plans = plan(&mut input, selections, trust.as_ref(), |item| matcher.note_signer(item))?;
    refuse_faulty(&mut input)?;
    let (events, chains) = write(&mut input, &plans, &[destination])?;
    style::wrote(destination, &format!("{} of {}", count(events, "event"), count(chains, "chain")));
    Ok(ExitStatus::Success)
}

/// Fails if the export fails its own checks: a slice of the other events would verify and hide that.
fn refuse_faulty(input: &mut Input) -> Result<(), CliError> {
    let report = visit::verify(input, Options::default(), threads(None))?.report;
    let fault = match report.verdict {
        Verdict::Altered => "altered",
        Verdict::Broken => "broken",
        _ => return Ok(()),
    };
    let first = report.findings.iter().find(|finding| finding.code.severity() == Severity::Error);
    let why =
        first.map_or_else(String::new, |finding| format!(" (line {}: {})", finding.line, finding.message));
    let message = format!("the export is {fault}{why}; a slice of it could verify and hide that");
    let hint = "run `countersign verify` for all problems; to hand over its events, use `countersign report -o FILE.html`, which keeps the export's verdict";
    let failure = CliError::unusable("slice.faulty", message, hint);
    Err(failure.into_broken().within(input.name()))
}

/// Writes the selected events, and returns the numbers of events and chains.
pub(crate) fn cut(
    input: &mut Input,
    selection: &Selection<'_>,
    trust: Option<&Trust>,
    destination: Option<&Path>,
) -> Result<(u64, u64), CliError> {
    let plans = plan(input, std::slice::from_ref(selection), trust, |_| {})?;
    write(input, &plans, &[destination])
}

/// Writes an export for each selection, in two passes for all of them.
pub(crate) fn cut_all(
    input: &mut Input,
    selections: &[Selection<'_>],
    destinations: &[PathBuf],
    trust: Option<&Trust>,
) -> Result<(), CliError> {
    if selections.is_empty() {
        return Ok(());
    }
    let plans = plan(input, selections, trust, |_| {})?;
    let destinations: Vec<_> = destinations.iter().map(|path| Some(&**path)).collect();
    write(input, &plans, &destinations).map(|_| ())
}

/// Decides which lines of the export the slice of each selection needs.
fn plan<'s>(
    input: &mut Input,
    selections: &'s [Selection<'s>],
    trust: Option<&'s Trust>,
    visit: impl Fn(&Item<'_>),
) -> Result<Vec<Plan<'s>>, CliError> {
    let mut survey: Option<Survey<'_>> = None;
    export::read(input, "reading", |part| match (part, &mut survey) {
        (Part::Item(number, item), Some(survey)) => {
            visit(item);
            survey.line(number, item).map_err(failed)
        }
        (Part::Header(header), _) => {
            survey = Some(Survey::of_all(header, selections, trust));
            Ok(())
        }
        (Part::Item(..), None) => Ok(()),
    })?;
    let survey = survey.ok_or_else(export::empty)?;
    survey.finish_all().map_err(|error| failed(error).within(input.name()))
}

/// Writes the slices of these plans, each to its destination. Returns the numbers of events and chains of all slices.
fn write(
    input: &mut Input,
    plans: &[Plan<'_>],
    destinations: &[Option<&Path>],
) -> Result<(u64, u64), CliError> {
    file_limit::raise(destinations.len() as u64);
    let outputs = destinations.iter().map(|destination| Output::create(*destination));
    let mut outputs = outputs.collect::<Result<Vec<_>, _>>()?;
    let mut lines: Vec<_> = plans.iter().map(|_| Writer::new()).collect();
    let mut slicers = Slicers::new(plans, &mut lines);
    let mut write = |lines: &mut [Writer]| {
        let waiting = outputs.iter_mut().zip(lines).filter(|(_, lines)| !lines.as_bytes().is_empty());
        waiting.into_iter().try_for_each(|(output, lines)| {
            output.write(lines.as_bytes())?;
            lines.clear();
            Ok(())
        })
    };
    export::read(input, "slicing", |part| {
        let Part::Item(number, item) = part else { return Ok(()) };
        slicers.line(number, item, &mut lines).map_err(CliError::broken)?;
        write(&mut lines)
    })?;
    slicers.finish(&mut lines).map_err(|error| CliError::broken(error).within(input.name()))?;
    write(&mut lines)?;
    outputs.into_iter().try_for_each(Output::finish)?;
    Ok((plans.iter().map(Plan::events).sum(), plans.iter().map(Plan::chains).sum()))
}

/// A selection that matches nothing does not make an export broken.
fn failed(error: Error) -> CliError {
    if error.code == Code::Selection { error.into() } else { CliError::broken(error) }
}

/// Pairs each --withhold with the reason of the --as after it.
fn with_reasons(args: &SelectionOptions, matches: &ArgMatches) -> Result<Vec<(Query, Withheld)>, CliError> {
    let places = |name| matches.indices_of(name).into_iter().flatten();
    let queries = args.withhold.iter().map(|text| query::parse(text).map(|query| (query, None)));
    let mut withheld: Vec<(Query, Option<Withheld>)> = queries.collect::<Result<_, _>>()?;
    for (place, reason) in places("reasons").zip(&args.reasons) {
        let before = places("withhold").filter(|withhold| *withhold < place).count();
        let slot = before.checked_sub(1).and_then(|last| withheld.get_mut(last)).map(|(_, reason)| reason);
        let Some(slot @ None) = slot else {
            let hint = "use --withhold QUERY --as WHY, with each --as right after its --withhold";
            let message = "--as must directly follow a --withhold";
            return Err(CliError::unusable("arguments.invalid", message, hint));
        };
        *slot = Some(*reason);
    }
    let with_default = |(query, reason): (_, Option<_>)| (query, reason.unwrap_or(Withheld::Redacted));
    Ok(withheld.into_iter().map(with_default).collect())
}

fn selection<'a>(
    args: &'a SelectionOptions,
    query: Option<&'a Query>,
    withheld: &'a [(Query, Withheld)],
    matcher: &'a EventMatcher,
) -> Selection<'a> {
    let mut selection = Selection::all();
    if let Some((first, end)) = args.range {
        selection = selection.range(first, end);
    }
    selection = args.chain.iter().fold(selection, |selection, chain| selection.chain(*chain));
    selection = args.event.iter().fold(selection, |selection, &(chain, seq)| selection.event(chain, seq));
    if let Some(query) = query {
        selection = selection.matching(|link, event| matcher.matches(query, link, event));
    }
    if !withheld.is_empty() {
        selection = selection.withholding(|link, event| {
            let reason = withheld.iter().find(|(query, _)| matcher.matches(query, link, event));
            reason.map(|(_, reason)| *reason)
        });
    }
    selection
}
