//! `countersign evidence`: collects what a log shows for the controls of a framework.

mod gather;
mod pieces;
mod written;

use std::path::PathBuf;

use countersign::time::Time;
use countersign_analyze::AnalyzeError;
use countersign_controls::{Catalog, Period};
use countersign_log_server::retention::Age;
use countersign_query::moment::Moment;
use gather::{GatherResult, Gatherer};
use written::{format_evidence, write};

use crate::arg_groups::{AccessArgs, FormatArgs, OutputFormat, ThreadArgs, TrustArgs};
use crate::commands::export::{log_url, stream};
use crate::commands::report::selected;
use crate::commands::{report, rules};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::contents::file_name;
use crate::io::input::Input;
use crate::io::output::Folder;
use crate::io::pieces::PieceArgs;
use crate::io::{parsers, style, verdict};

/// Show what a log has and lacks for the controls of a framework
///
/// Verifies the export first. Only verified events signed with trusted keys count, and an altered export provides no
/// evidence. A catalog defines questions for each control: events that match a query, with a sample drawn from the
/// log's root; findings of detection rules, and who acknowledged them; and the log's own keys, coverage, reads,
/// erasures, and retention.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign evidence audit.ndjson --trust trust.txt --framework soc2 --period 2026-01..2026-06 -o soc2.md
  countersign evidence audit.ndjson --trust trust.txt --framework nis2 -o nis2.html
  countersign evidence audit.ndjson --trust trust.txt --framework iso27001 --seed 'agreed on 5 January' -o iso27001/
  countersign evidence https://log.example --token-file token.txt --trust trust.txt --framework pci --policy 1y --format csv
  countersign evidence audit.ndjson --trust trust.txt --framework gdpr --subject u_1 -o access-of-u_1/
  countersign evidence audit.ndjson --trust trust.txt --framework hipaa --record chart-42 --policy 6y -o hipaa.md
  countersign evidence --catalog ours.yml --lint
  countersign evidence audit.ndjson --framework soc2 --part 3/8 -o part-3.piece
  countersign evidence audit.ndjson --pieces part-*.piece --trust trust.txt --framework soc2 -o soc2.md

If the name after -o ends in .html, it is an evidence file with the sampled events, which verifies itself. If it ends in /, it is \
a new folder with all formats, a slice of the sampled events that verifies on its own, and with --subject a slice of the \
person's events. docs/evidence-by-control.md explains catalogs.

Exit status: as for `countersign verify`. An altered or broken export can't be used as evidence.")]
pub(crate) struct Args {
    /// Export, plain or compressed with gzip or zstd, or - for standard input, or the URL of a log server
    #[arg(value_name = "EXPORT|URL", required_unless_present = "lint")]
    export: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Framework whose controls to show
    #[arg(long, value_name = "FRAMEWORK", value_parser = clap::builder::PossibleValuesParser::new(Catalog::names()))]
    #[arg(required_unless_present_any = ["catalog", "lint"], help_heading = "Controls")]
    framework: Option<String>,
    /// Your own catalog, instead of a built-in one
    #[arg(long, value_name = "FILE", conflicts_with = "framework", help_heading = "Controls")]
    catalog: Option<PathBuf>,
    /// Only check the catalog
    #[arg(long, requires = "catalog", conflicts_with_all = ["export", "pieces"], help_heading = "Controls")]
    lint: bool,
    /// Use only events that happened from FROM to TO, both included: days, months, years, or times, such as
    /// 2026-01..2026-06
    #[arg(long, value_name = "FROM..TO", value_parser = period, help_heading = "Questions")]
    #[arg(conflicts_with = "part")]
    period: Option<Period>,
    /// Number of events to draw as a sample for each question
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(0..=1000), help_heading = "Questions")]
    #[arg(conflicts_with = "part")]
    sample: u16,
    /// Seed of the samples: any text that both sides agree on before they see the log
    #[arg(long, value_name = "TEXT", default_value = "countersign", help_heading = "Questions")]
    #[arg(conflicts_with = "part")]
    seed: String,
    /// Required retention of events, to compare the log with, such as 1y, 6y, or 400d
    #[arg(long, value_name = "AGE", value_parser = clap::value_parser!(Age), help_heading = "Questions")]
    #[arg(conflicts_with = "part")]
    policy: Option<Age>,
    /// List who did what to this record, given its complete identifier
    #[arg(long, value_name = "ID", help_heading = "Questions")]
    record: Option<String>,
    /// List what this person did and what was done to them, given their complete identifier
    #[arg(long, value_name = "ID", help_heading = "Questions")]
    subject: Option<String>,
    /// Rules whose findings count: a pack, or files or directories of Sigma rules, or built-in. Can be repeated
    /// [default: built-in]
    #[arg(long, value_name = "FILE|DIR", help_heading = "Detection")]
    rules: Vec<PathBuf>,
    #[command(flatten, next_help_heading = "Detection")]
    own: parsers::ParserArgs,
    #[command(flatten, next_help_heading = "Output")]
    format: FormatArgs<Format>,
    /// File for the result, or a new folder if the name ends in / [default: standard output]
    /// With --part, file for the piece
    #[arg(short, long, value_name = "FILE|DIR", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Auditor's page to put in an evidence file [default: the built-in page]
    #[arg(long, value_name = "FILE", conflicts_with = "part", help_heading = "Output")]
    page: Option<PathBuf>,
    #[command(flatten)]
    pieces: PieceArgs,
    #[command(flatten, next_help_heading = None)]
    access: AccessArgs,
    #[command(flatten, next_help_heading = None)]
    threads: ThreadArgs,
}

/// The format of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Markdown document
    Markdown,
    /// CSV, with one line per question and control
    Csv,
    /// OSCAL assessment results
    Oscal,
    /// Everything, as canonical JSON
    Json,
}

impl OutputFormat for Format {
    const DEFAULT: &str = "markdown";
    const JSON: Self = Self::Json;
}

/// The maximum size of a catalog, in MiB.
const MAX_CATALOG_MIB: u64 = 1;

fn period(text: &str) -> Result<Period, String> {
    let refuse = || "use a form such as 2026-01-01..2026-06-30, 2026-01..2026-06, or 2026".to_owned();
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let moment = |text: &str| {
        // A relative time is rejected, because the same command would not produce the same document.
        let is_length = text.starts_with(['+', '-']);
        Moment::parse_for(text, Time::MIN).filter(|_| !is_length).ok_or_else(refuse)
    };
    let (from, to) = (moment(from)?.begin, moment(to)?.end);
    if from < to { Ok(Period { from, to }) } else { Err("the period ends before it begins".into()) }
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let catalog = catalog(args)?;
    let pack = rules::load(&args.rules)?;
    for (question, word) in catalog.unanswered(&pack) {
        let warning =
            format!("no rule of the pack {} is {word}, which the question {question} requires", pack.name);
        style::warn(&warning);
    }
    let Some(export) = &args.export else {
        let of = verdict::count(catalog.controls.len() as u64, "control");
        style::done(&format!("{of} of {}, catalog {}", style::plain(&catalog.framework), catalog.hash));
        return Ok(ExitStatus::Success);
    };
    let gatherer = Gatherer { pack: &pack, parsers: args.own.load()?, catalog: &catalog, args };
    if let Some(part) = args.pieces.part() {
        return gatherer.write_piece(export, part);
    }
    let folder = folder(args)?;
    if args.subject.is_some() && folder.is_none() {
        let hint = "use a new folder, such as -o access/";
        return Err(CliError::unusable(
            "arguments.invalid",
            "--subject also writes an export of the person's events, which requires a folder",
            hint,
        ));
    }
    let as_file = args.output.as_deref().filter(|path| folder.is_none() && report::is_page(path));
    if as_file.is_some() && (export.as_os_str() == "-" || log_url(export).is_some()) {
        let hint = "save the export to a file first; for a log server, use `countersign export`";
        return Err(CliError::unusable(
            "arguments.invalid",
            "an evidence file requires an export in a file",
            hint,
        ));
    }
    let mut input = match log_url(export) {
        Some(url) if args.pieces.files().is_empty() => stream(url, args.access.token()?.as_ref())?,
        _ => Input::open(export)?,
    };
    // Slices are cut from it later.
    input = if folder.is_some() || as_file.is_some() { input.rereadable()? } else { input.hashed() };
    let GatherResult { verification, file, leaves, evidence } =
        gatherer.gather(&mut input, as_file.is_some())?;
    let headline = verdict::headline(&verification.report);
    let status = verification.report.verdict.into();
    let Some(evidence) = evidence else {
        verdict::print(&(headline + "\n"))?;
        style::warn("the export provides no evidence; run `countersign verify` for details");
        return Ok(status);
    };
    match (folder, as_file) {
        (Some(folder), _) => {
            gatherer.fill(folder.path(), input, &evidence)?;
            folder.finish()?;
        }
        (None, Some(destination)) => {
            let source = selected::ReportInput { name: file_name(export), input };
            let found = selected::SelectedEvents { file, verification, leaves, examined: None, sample: None };
            gatherer.file(source, &found, destination, &evidence)?;
        }
        (None, None) => write(args.output.as_deref(), &format_evidence(&evidence, args.format.format()))?,
    }
    if let Some(subject) = &evidence.subject
        && subject.extent.events == 0
    {
        let id = style::plain(&subject.id);
        style::warn(&match &subject.likely[..] {
            [] => format!("no event is by {id} or about them"),
            likely => format!(
                "no event is by {id} or about them; use a complete identifier, such as {}",
                likely.iter().map(|id| style::plain(id)).collect::<Vec<_>>().join(", ")
            ),
        });
    }
    if args.output.is_some() {
        let controls = verdict::count(catalog.controls.len() as u64, "control");
        let what = format!("{controls} of {}", style::plain(&evidence.framework.title));
        style::wrote(args.output.as_deref(), &what);
        anstream::eprintln!("{headline}");
    }
    Ok(status)
}

fn catalog(args: &Args) -> Result<Catalog, CliError> {
    let Some(path) = &args.catalog else {
        let name = args.framework.as_deref().unwrap_or_default();
        return Catalog::built_in(name).ok_or_else(|| {
            CliError::unusable(
                "arguments.invalid",
                "the framework is unknown",
                "run `countersign evidence --help` for the list",
            )
        });
    };
    let name = shown(path);
    let bytes = Input::open(path)?.all(MAX_CATALOG_MIB)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        CliError::unusable("io.not_text", "the catalog is not UTF-8 text", "use YAML in UTF-8").within(&name)
    })?;
    Catalog::parse(&text).map_err(|faults| {
        let failure = |fault: &AnalyzeError| rules::failure(fault).within(&name);
        let Some((last, before)) = faults.split_last() else {
            return CliError::unusable("catalog.empty", "the catalog can't be used", "correct it")
                .within(&name);
        };
        before.iter().take(20).for_each(|fault| failure(fault).report());
        failure(last)
    })
}

/// Returns the folder to write, if one is requested.
fn folder(args: &Args) -> Result<Option<Folder>, CliError> {
    let is_folder =
        |path: &&PathBuf| path.to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]) || path.is_dir();
    args.output.as_ref().filter(is_folder).map(|path| Folder::create(path)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn period_includes_its_last_day_month_or_year() {
        for (text, from, to) in [
            ("2026-01-01..2026-06-30", "2026-01-01", "2026-07-01"),
            ("2026-01..2026-06", "2026-01-01", "2026-07-01"),
            ("2026", "2026-01-01", "2027-01-01"),
            ("2024-02-29", "2024-02-29", "2024-03-01"),
        ] {
            let time = |day: &str| format!("{day}T00:00:00.000Z").parse::<Time>().unwrap();
            assert_eq!(period(text), Ok(Period { from: time(from), to: time(to) }), "{text}");
        }
        assert!(period("2026-06..2026-01").is_err() && period("last week").is_err());
        assert!(period("-7d..2026").is_err() && period("").is_err());
    }
}
