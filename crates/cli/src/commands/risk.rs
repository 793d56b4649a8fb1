//! `countersign risk`: estimates losses in money, in reproducible simulated years.

mod observed;
mod prometheus;
mod text;

use std::path::{Path, PathBuf};

use countersign::hash::Hash;
use countersign::time::Time;
use countersign::verify::report::Report as Verified;
use countersign::verify::{Options, Verdict};
use countersign_risk::{
    Log, ProposedFrequency, Report, RiskError, Scenario, Signal, chart, markdown, starter,
};

use crate::arg_groups::{FormatArgs, OutputArgs, OutputFormat, ThreadArgs, TrustArgs};
use crate::args;
use crate::commands::rules;
use crate::commands::verify::verify;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::verdict::count;
use crate::io::{input, style, verdict};

pub(crate) use observed::ObservedData;

/// Estimate losses per year, in money, for your own scenarios
///
/// Simulates years with Open FAIR: how often threats occur, how many of them become losses, and what a loss
/// costs. For each, you state a minimum, a most likely value, and a maximum, with source and date. The
/// simulated years follow from the log's root and the scenario alone, so anyone computes the same figures.
/// Frequencies suggested by findings and inventories are shown, but never applied.
#[derive(clap::Args)]
#[command(mut_arg("trust", |trust| trust.requires("log")))]
#[command(after_help = "\
Examples:
  countersign risk --new exposed-endpoint -o exposed-endpoint.yml
  countersign risk exposed-endpoint.yml --log audit.ndjson --trust trust.txt
  countersign risk scenarios/*.yml --log audit.ndjson --trust trust.txt --findings findings.json --format markdown -o risk.md
  countersign risk exposed-endpoint.yml --root 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= --format svg -o risk.svg

Exit status: 0, or with --log as for `countersign verify`; with 1 or 5 there are no figures.")]
pub(crate) struct Args {
    /// Scenarios: YAML files (see docs/risk.md), simulated together
    #[arg(value_name = "SCENARIO", required_unless_present = "new")]
    scenarios: Vec<PathBuf>,
    /// Write a scenario to start from, with empty amounts
    #[arg(long, value_name = "NAME", conflicts_with = "scenarios", value_parser = starters())]
    new: Option<String>,
    /// The log whose root seeds the simulation: an export, which is verified first
    #[arg(long, value_name = "EXPORT", conflicts_with = "root")]
    log: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Root hash of the log, in base64 [default: the one in --findings or --inventory]
    #[arg(long, value_name = "HASH", value_parser = root)]
    root: Option<Hash>,
    /// Number of years to simulate
    #[arg(long, value_name = "N", default_value_t = countersign_risk::DEFAULT_YEARS,
        value_parser = clap::value_parser!(u32).range(1000..=i64::from(countersign_risk::MAX_YEARS)))]
    years: u32,
    #[command(flatten)]
    format: FormatArgs<Format>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten, next_help_heading = "Observations")]
    signals: ObservationArgs,
}

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Text for a terminal
    Text,
    /// All figures as JSON
    Json,
    /// Markdown document
    Markdown,
    /// SVG chart of the loss exceedance curve
    Svg,
    /// Metrics for the textfile collector of `node_exporter` (see docs/metrics.md)
    Prometheus,
}

impl OutputFormat for Format {
    const DEFAULT: &str = "text";
    const JSON: Self = Self::Json;
}

/// The observations from which frequencies are suggested.
#[derive(clap::Args)]
pub(crate) struct ObservationArgs {
    /// Output of `countersign analyze --format json`, which suggests frequencies
    #[arg(long, value_name = "FINDINGS")]
    findings: Option<PathBuf>,
    /// The rules that made the findings, if a scenario names tags: a pack, or files or directories of Sigma rules, or
    /// built-in [default: built-in]
    #[arg(long, value_name = "FILE|DIR", requires = "findings")]
    rules: Vec<PathBuf>,
    /// Output of `countersign inventory --format json`, which suggests frequencies
    #[arg(long, value_name = "INVENTORY")]
    inventory: Option<PathBuf>,
    /// The time span of the observations, such as 2026-01-01..2026-11-20 [default: from the log's first entry to its
    /// last]
    #[arg(long, value_name = "FROM..TO", value_parser = span)]
    span: Option<(Time, Time)>,
}

impl ObservationArgs {
    /// True if any of these options is set.
    pub(crate) const fn is_given(&self) -> bool {
        self.findings.is_some() || self.inventory.is_some() || self.span.is_some()
    }

    /// Reads the observations for these scenarios.
    pub(crate) fn load(&self, scenarios: &[Scenario]) -> Result<ObservedData, CliError> {
        // Findings name rules, and rules have tags.
        let asks_for_tags =
            |scenario: &Scenario| scenario.observed.iter().any(|of| matches!(of, Signal::Tag(_)));
        let pack = scenarios.iter().any(asks_for_tags).then(|| rules::load(&self.rules)).transpose()?;
        ObservedData::load(self.findings.as_deref(), self.inventory.as_deref(), pack.as_ref(), self.span)
    }
}

/// Simulates scenarios with a log's root, and compares them with the observations.
pub(crate) fn simulate(
    scenarios: Vec<Scenario>,
    data: ObservedData,
    verified: Option<&Verified>,
    root: Option<Hash>,
    years: u32,
) -> Result<Report, CliError> {
    let log = log(root, verified, &data)?;
    let observed = data.observed(verified, log.as_ref().map(|log| log.root))?;
    let proposed = observed.iter().flat_map(|observed| {
        scenarios.iter().filter_map(move |scenario| ProposedFrequency::from_observations(scenario, observed))
    });
    let proposed = proposed.collect();
    let mut report = Report::simulate(scenarios, log, years).map_err(|error| unusable(&error))?;
    report.proposed = proposed;
    Ok(report)
}

fn starters() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(starter::ALL.iter().map(|starter| starter.name))
}

fn root(text: &str) -> Result<Hash, String> {
    Hash::from_base64(text)
        .ok_or_else(|| "a root is 32 bytes in base64, as printed by `countersign verify`".into())
}

fn span(text: &str) -> Result<(Time, Time), String> {
    let refuse = || "use FROM..TO, with FROM before TO, such as 2026-01-01..2026-11-20".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(refuse)?;
    let (from, to) = (args::time(from)?, args::time(to)?);
    if from < to { Ok((from, to)) } else { Err(refuse()) }
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    if let Some(starter) = args.new.as_deref().and_then(starter::find) {
        // A scenario that was filled in must not be overwritten.
        if let Some(path) = args.output.path().filter(|path| path.is_file()) {
            let hint = "choose another name, or remove it first";
            return Err(CliError::unusable("io.exists", "the file already exists", hint).within(&shown(path)));
        }
        let next = "fill in each amount, with its source and date";
        return write(args, starter.text, &format!("a template: {next}")).map(|()| ExitStatus::Success);
    }
    let scenarios = args.scenarios.iter().map(|path| scenario(path)).collect::<Result<Vec<_>, _>>()?;
    let data = args.signals.load(&scenarios)?;
    let verified = args.log.as_deref().map(|log| verified(log, args)).transpose()?;
    let status = verified.as_ref().map_or(ExitStatus::Success, |report| report.verdict.into());
    let headline = verified.as_ref().map(verdict::headline).unwrap_or_default();
    let simulated = count(scenarios.len() as u64, "scenario");
    if let Some(report) = &verified
        && matches!(report.verdict, Verdict::Altered | Verdict::Broken | Verdict::NotChecked)
    {
        verdict::print(&verdict::text(report))?;
        style::warn("a log that does not verify provides no figures");
        return Ok(status);
    }
    let report = simulate(scenarios, data, verified.as_ref(), args.root, args.years)?;
    write(
        args,
        &match args.format.format() {
            Format::Json => serde_json::to_string(&report).unwrap_or_default() + "\n",
            Format::Markdown => markdown::markdown(&report),
            Format::Svg => chart::svg(&report),
            Format::Prometheus => prometheus::prometheus(&report, countersign_errors::now()?),
            Format::Text if headline.is_empty() => text::text(&report),
            Format::Text => format!("{headline}\n\n{}", text::text(&report)),
        },
        &format!("{simulated}, {} years", markdown::number(f64::from(report.years))),
    )?;
    if args.output.path().is_some() && !headline.is_empty() {
        anstream::eprintln!("{headline}");
    }
    Ok(status)
}

/// Writes the output, and prints a summary line.
fn write(args: &Args, text: &str, what: &str) -> Result<(), CliError> {
    let Some(path) = args.output.path() else { return verdict::print(text) };
    let mut output = Output::create(Some(path))?;
    output.write(style::without_colors(text).as_bytes())?;
    output.finish()?;
    style::wrote(Some(path), what);
    Ok(())
}

/// Reads a scenario.
pub(crate) fn scenario(path: &Path) -> Result<Scenario, CliError> {
    let text = input::document(path, "a scenario")?;
    let file = shown(path);
    Scenario::parse(&text).map_err(|faults| {
        let mut faults = faults.0;
        for fault in &mut faults {
            fault.file = Some(file.clone());
        }
        rules::refused(&faults)
    })
}

fn verified(log: &Path, args: &Args) -> Result<Verified, CliError> {
    let options = Options { trust: args.trust.load()?, ..Options::default() };
    Ok(verify(log, options, args.threads.count())?.report)
}

/// Returns the log that a report covers.
fn log_of(report: &Verified) -> Result<Log, CliError> {
    let Some(log) = report.log else {
        let hint = "seal the export first";
        return Err(CliError::unusable("risk.no_root", "the export has no checkpoint, and so no root", hint));
    };
    Ok(Log { origin: report.origin.clone(), size: Some(log.size), root: log.root })
}

/// Returns the log whose root seeds the simulation; all inputs must be of this log.
fn log(
    root: Option<Hash>,
    verified: Option<&Verified>,
    data: &ObservedData,
) -> Result<Option<Log>, CliError> {
    let of_export = verified.map(log_of).transpose()?;
    let of_root = root.map(|root| Log { origin: None, size: None, root });
    let mut log = of_export.or(of_root);
    for (file, other) in &data.logs {
        match &log {
            None => log = Some(other.clone()),
            Some(log) if log.root == other.root => {}
            Some(log) => {
                let message = format!(
                    "the file belongs to another log or another size of this log: its root is {}, not {}",
                    other.root, log.root
                );
                let hint = "use findings and inventories of the same export";
                return Err(CliError::unusable("risk.other_log", message, hint).within(file));
            }
        }
    }
    Ok(log)
}

fn unusable(error: &RiskError) -> CliError {
    let code = match error {
        RiskError::None => "risk.none",
        RiskError::Currency(..) => "risk.currency",
        RiskError::Twice(_) => "risk.twice",
        RiskError::TooMany(..) => "risk.too_many",
    };
    CliError::unusable(code, error.to_string(), error.hint())
}
