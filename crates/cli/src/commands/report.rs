//! `countersign report`: writes what verification found to a file.

mod check;
mod claims;
pub(crate) mod detections;
mod exposure;
mod own_trust;
pub(crate) mod page;
mod sections;
pub(crate) mod selected;
pub(crate) mod written;

use std::path::{Path, PathBuf};

use countersign::time::Time;
use countersign::verify::Verdict;
use countersign_evidence::{Examined, ExportGaps};

use crate::arg_groups::{ThreadArgs, TrustArgs};
use crate::args;
use crate::commands::{risk, rules, verify};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::verdict::count;
use crate::io::{input, parsers, style, verdict};

pub(crate) use sections::of_markdown;

/// Write a report: an evidence file that verifies itself, or JSON
///
/// Verifies the export. The report states what it covers: the file, the trust file, and the pins, each with
/// its SHA-256, this program, the time, and which events were selected.
///
/// A file named .html contains everything needed to verify the selected events again. Opened in a browser, offline,
/// it does so before it shows anything. With --sample it draws some of the events for testing, from a seed
/// agreed on beforehand and the root of the last checkpoint that met the quorum of witnesses, or else of the last one,
/// so that they can't be hand-picked. With --check it
/// verifies such a file with this program instead of the page in it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign report audit.ndjson --trust trust.txt -o audit.report.json
  countersign report audit.ndjson --trust trust.txt --query 'actor:ada since:-90d' -o ada.html
  countersign report audit.ndjson --trust trust.txt --sample 25 --seed 2026-Q4 --examiner 'L. Brandt' -o sample.html
  countersign report audit.ndjson --trust trust.txt --scenario exposed-endpoint.yml -o board.html
  countersign report audit.ndjson --trust trust.txt --scenario exposed-endpoint.yml --findings findings.json -o board.html
  countersign report audit.ndjson --trust trust.txt --section notes.md -o ada.html
  countersign report audit.ndjson --trust trust.txt --detections --detection-rules ours.yml -o detections.html
  countersign report --check ada.html
  countersign report --check ada.html audit.ndjson --trust trust.txt

Exit status: as for `countersign verify`, and 1 if --check finds that a file was altered. With --trust,
the verdict uses your trust file. If that changes the answer, the exit status is 5 even if the export verifies.")]
pub(crate) struct Args {
    /// The export, plain or compressed with gzip or zstd
    #[arg(value_name = "EXPORT", required_unless_present = "check")]
    export: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// A checkpoint you verified before, from which the log must have grown. With --check, a checkpoint that
    /// the JSON report was made with. Can be repeated
    #[arg(long, value_name = "FILE")]
    pin: Vec<PathBuf>,
    /// Only events that match this query (see docs/query.md)
    #[arg(
        long,
        value_name = "QUERY",
        allow_hyphen_values = true,
        conflicts_with = "check",
        group = "question",
        help_heading = "Which events"
    )]
    query: Option<String>,
    /// Run detection rules over the events, and include what they find, also if it is nothing. Readers can run the same
    /// rules again
    #[arg(long, conflicts_with_all = ["check", "sample"], group = "question", help_heading = "Detection")]
    detections: bool,
    /// Rules for --detections, or with --check, those that a JSON report was made with: a pack, or files or directories
    /// of Sigma rules, or built-in. Can be repeated [default: built-in]
    #[arg(long, value_name = "FILE|DIR", help_heading = "Detection")]
    detection_rules: Vec<PathBuf>,
    /// Only events at entries from A up to but not including B
    #[arg(long, value_name = "A..B", value_parser = args::range, conflicts_with = "check", help_heading = "Which events")]
    range: Option<(u64, u64)>,
    /// The events that an evidence file with a query or detections contains. `examined`: all events that were examined, so
    /// readers can search them, or run the rules, again. `selected`: only the matching events; you vouch that there are no others
    /// [default: selected; examined if no event matches or no rule fires, the export has at most 64 MiB, and --parsers
    /// isn't used]
    #[arg(long, value_name = "WHICH", value_enum, hide_default_value = true, requires = "question")]
    #[arg(conflicts_with = "check", help_heading = "Which events")]
    embed: Option<written::Embed>,
    /// Draw this many of these events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=countersign_evidence::MAX_SAMPLED as u64))]
    #[arg(requires = "seed", conflicts_with = "check", help_heading = "Which events")]
    sample: Option<u64>,
    /// Seed of the sample: any text that both sides agreed on before they saw the log
    #[arg(long, value_name = "TEXT", requires = "sample", help_heading = "Which events")]
    seed: Option<String>,
    /// The reference the report is filed under
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        help_heading = "What to include"
    )]
    reference: String,
    /// Name of the examiner
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        help_heading = "What to include"
    )]
    examiner: String,
    /// Include this Markdown document, with a section for each of its headings. Can be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "check", help_heading = "What to include")]
    section: Vec<PathBuf>,
    /// Simulate this scenario with the log's root, and include what may be lost in a year, with a chart (see docs/risk.md).
    /// Can be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "check", help_heading = "Scenarios")]
    scenario: Vec<PathBuf>,
    /// Output file; a name ending in .html makes an evidence file [default: JSON on standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Auditor's page to embed in an evidence file [default: the built-in page]
    #[arg(long, value_name = "FILE", help_heading = "What to include")]
    page: Option<PathBuf>,
    /// The time the report states, and from which relative times such as since:-7d count [default: now]
    #[arg(long, value_name = "T", value_parser = args::time)]
    now: Option<Time>,
    /// Verify this evidence file or JSON report; with EXPORT, compare it with the export too
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "now"])]
    check: Option<PathBuf>,
    #[command(flatten)]
    own: parsers::ParserArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten, next_help_heading = "Scenarios")]
    signals: risk::ObservationArgs,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    if let Some(file) = &args.check {
        return check::run(args, file);
    }
    let Some(export) = &args.export else {
        return Err(CliError::unusable("arguments.invalid", "no export was given", "name an export file"));
    };
    let request = selected::ReportSelection {
        query: args.query.clone(),
        range: args.range,
        sample: args.sample.zip(args.seed.clone()),
        now: args.now.map_or_else(countersign_errors::now, Ok)?,
        parsers: args.own.load()?,
        has_own_parsers: !args.own.is_none(),
        threads: args.threads.count(),
    };
    let mut sections = Vec::new();
    for path in &args.section {
        let name = shown(path);
        let within = |failure: CliError| failure.within(&name);
        sections.extend(of_markdown(&input::small_text(path)?, &name).map_err(within)?);
        sections::check_count(sections.len()).map_err(within)?;
    }
    let scenarios = args.scenario.iter().map(|path| risk::scenario(path)).collect::<Result<Vec<_>, _>>()?;
    if scenarios.is_empty() && args.signals.is_given() {
        let message = "--findings, --inventory and --span need a scenario";
        return Err(CliError::unusable("arguments.invalid", message, "add --scenario FILE"));
    }
    let seen = args.signals.load(&scenarios)?;
    let input = selected::VerifyInput::load(args.trust.path(), &args.pin)?;
    if !args.detection_rules.is_empty() && !args.detections {
        let message = "--detection-rules needs --detections";
        return Err(CliError::unusable(
            "arguments.invalid",
            message,
            "add --detections, or remove --detection-rules",
        ));
    }
    let pack = if args.detections { Some(rules::load(&args.detection_rules)?) } else { None };
    let is_page = args.output.as_deref().is_some_and(is_page);
    let page = if is_page { Some(page::load(args.page.as_deref())?) } else { None };
    let mut source = selected::open(export)?;
    let (found, detections) = selected::select(&mut source, &input, &request, pack.as_ref())?;
    verify::refuse_unread(&found.verification.report, &shown(export))?;
    if !scenarios.is_empty() {
        sections.splice(..0, exposure::sections(scenarios, seen, &found.verification.report)?);
        sections::check_count(sections.len())?;
    }
    let verified = &found.verification.report;
    let gaps = ExportGaps {
        is_verified: verified.verdict == Verdict::Verified,
        withheld: verified.counts.withheld,
        omitted: verified.counts.skipped,
    };
    let stated = detections.as_ref().map(|found| {
        let doubts = detections::describe_doubts(&found.stated, args.range, gaps);
        [detections::describe(&found.stated), doubts].concat().join("\n")
    });
    let annotations = written::Annotations {
        reference: &args.reference,
        examiner: &args.examiner,
        sections,
        named: None,
        embed: args.embed,
        detections,
    };
    let note =
        written::write(&mut source, &found, &input, &request, annotations, page, args.output.as_deref())?;
    let report = &found.verification.report;
    let drawn = found.sample.as_ref().map_or_else(String::new, |sample| {
        let requires_none = report.log.is_some() && report.not_needed().any(|name| name == "witnesses");
        let seen = if sample.witnessed {
            ", which witnesses confirmed"
        } else if requires_none {
            " (the trust file requires no witnesses)"
        } else {
            ", which no quorum of witnesses confirmed"
        };
        format!(", of which {} were drawn by root {}{seen}", sample.leaves.len(), sample.root)
    });
    let events = count(found.leaves.len() as u64, "event");
    style::wrote(args.output.as_deref(), &format!("{events}{drawn}{note}"));
    if let Some(Examined { unrecognized, .. }) = found.examined
        && unrecognized > 0
    {
        let (verb, them) = if unrecognized == 1 { ("states", "it") } else { ("state", "them") };
        style::warn(&format!(
            "{} {verb} no actor, no action, or no time in a form that the query knows, so it may miss {them}",
            count(unrecognized, "searched event")
        ));
    }
    if let Some(stated) = stated {
        anstream::eprintln!("{stated}");
    }
    anstream::eprintln!("{}", verdict::headline(report));
    Ok(report.verdict.into())
}

/// True if this is the file name of an evidence file.
pub(crate) fn is_page(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("html") || ending.eq_ignore_ascii_case("htm"))
}
