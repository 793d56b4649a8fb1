//! `countersign enforce`: checks a log against a policy, for pipelines.

mod junit;
mod policy;
mod result;
mod sarif;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use countersign::hash::Hash;
use countersign::time::Time;
use countersign::verify::report::Report;
use countersign::verify::{EventVisitor, Options, SummarizedEvent, Verdict, Verification, VerifiedItem};
use countersign_analyze::inventory::InventoryOptions;
use countersign_errors::now;
use countersign_query::Conclusion;
use serde_json::Value;

use crate::arg_groups::{AccessArgs, ThreadArgs, TrustArgs};
use crate::args;
use crate::commands::analyze::{self, FindingsVisitor};
use crate::commands::export::{log_url, stream};
use crate::commands::inventory::{self, InventoryVisitor};
use crate::commands::rules;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::contents::open_export;
use crate::io::input::{self, Input};
use crate::io::output::Output;
use crate::io::study::{Both, Optional, study};
use crate::io::visit::visit;
use crate::io::{parsers, style, verdict};
use policy::Policy;
use result::{Check, EvidenceData, RuleSearch};

/// Check a log against a policy, and fail a pipeline if it isn't met
///
/// A policy states which verdicts are acceptable, who may sign and who must have signed, how recent the witnesses'
/// last cosignatures must be, which findings and endpoints are not allowed, and how much of an API's description a
/// test run must have called. A requirement that can't be checked fails; missing data never passes.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign enforce policy.yml audit.ndjson --trust trust.txt
  countersign enforce policy.yml audit.ndjson --trust trust.txt --sarif out.sarif --junit out.xml --markdown out.md
  countersign enforce policy.yml https://log.example --token-file token.txt --trust trust.txt

Exit status: 0 the policy is met, 6 it is not, 1 the log is altered or broken, 5 it was not fully checked, \
2 the policy, or something it names, could not be used.")]
pub(crate) struct Args {
    /// Policy in YAML (see docs/pipeline.md)
    #[arg(value_name = "POLICY")]
    policy: PathBuf,
    /// Export, plain or compressed with gzip or zstd, or - for standard input, or the URL of a log server
    #[arg(value_name = "EXPORT|URL")]
    export: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    /// Rules: a pack, or files or directories of Sigma rules, or built-in. Can be repeated [default: built-in]
    #[arg(long, value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    own: parsers::ParserArgs,
    /// Write violations to this file as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Write the policy's requirements to this file as JUnit test cases
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a summary to this file as Markdown, for example for a GitHub step summary
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Time used to measure ages and to end exceptions [default: now]
    #[arg(long, value_name = "T", value_parser = args::time)]
    now: Option<Time>,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// The result of checking a log against a policy.
struct PolicyResult<'a> {
    policy: &'a Policy,
    /// The hash of the policy file.
    hash: String,
    report: &'a Report,
    /// The name of the export on the command line.
    export: String,
    checks: Vec<Check>,
    /// The reasons why rules and the inventory couldn't check all events.
    gaps: Vec<String>,
    /// The lines of the named entries in the export.
    lines: BTreeMap<u64, u64>,
}

impl PolicyResult<'_> {
    fn failures(&self) -> u64 {
        self.checks.iter().map(|check| check.failures().count() as u64).sum()
    }

    fn exit_status(&self) -> ExitStatus {
        match self.report.verdict {
            Verdict::Altered | Verdict::Broken | Verdict::NotChecked => self.report.verdict.into(),
            _ if self.failures() > 0 => ExitStatus::Forbidden,
            _ => ExitStatus::Success,
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let (mut policy, hash) = load(&args.policy)?;
    let trust = args.trust.load()?;
    let parsers = args.own.load()?;
    let now = args.now.map_or_else(now, Ok)?;
    let threads = args.threads.count();
    let before = policy.endpoints.as_ref().and_then(|of| of.baseline.as_deref()).map(baseline).transpose()?;
    let pack = policy.findings.as_ref().map(|_| rules::load(&args.rules)).transpose()?;
    if let (Some(pack), Some(findings)) = (&pack, &mut policy.findings) {
        name_by_id(pack, findings).map_err(|failure| failure.within(&shown(&args.policy)))?;
    }
    let mut input = open(args)?;
    if args.sarif.is_some() {
        input = input.rereadable()?;
    }
    let filter = inventory::EventFilter { parsers, query: None };
    let search = inventory::InventorySearch::new(&filter);
    let findings = pack.as_ref().map(|pack| FindingsVisitor::new(pack, &filter.parsers));
    let endpoints = policy.endpoints.as_ref().map(|of| {
        let description = of.openapi.as_deref().map(inventory::description).transpose()?;
        Ok::<_, CliError>(InventoryVisitor::new(&search, InventoryOptions { description, since: of.since }))
    });
    let mut consumers = Both(Optional(findings), Optional(endpoints.transpose()?));
    let Verification { report, .. } = study(&mut input, options(trust.clone()), threads, &mut consumers)?;
    let Both(Optional(findings), Optional(endpoints)) = consumers;
    let found = findings.map(|findings| findings.finish(report.clone())).transpose()?;
    let called = endpoints.map(|endpoints| endpoints.finish(report.clone()));
    let checks = result::evaluate(
        &policy,
        &EvidenceData {
            report: &report,
            now,
            searched: found.as_ref().zip(pack.as_ref()).map(|(found, pack)| RuleSearch {
                pack,
                outcome: &found.outcome,
                events: found.events,
            }),
            inventory: called.as_ref().map(|called| &called.report),
            before,
        },
    );
    // The named entries are known only now, so their lines require a second read, of the same bytes.
    let named: BTreeSet<u64> =
        checks.iter().flat_map(|check| &check.violations).flat_map(|of| &of.leaves).copied().collect();
    let lines = if args.sarif.is_some() && !named.is_empty() {
        lines(&mut input, options(trust), &named, threads)?
    } else {
        BTreeMap::new()
    };
    let searched = found.as_ref().zip(pack.as_ref());
    let mut gaps =
        searched.map_or_else(Vec::new, |(found, pack)| analyze::gaps(&found.outcome.coverage, &pack.name));
    let missing_calls = called.as_ref().and_then(|called| called.unparsed().sentence(Conclusion::Calls));
    gaps.extend(missing_calls.map(|share| format!("{share}.")));
    let export = shown(&args.export);
    let result = PolicyResult { policy: &policy, hash, report: &report, export, checks, gaps, lines };
    let what = verdict::count(result.failures(), "failure");
    if let Some(path) = &args.sarif {
        let text = serde_json::to_string_pretty(&sarif::sarif(&result)).unwrap_or_default() + "\n";
        write(path, &text, &format!("{what}, as SARIF"))?;
    }
    if let Some(path) = &args.junit {
        write(path, &junit::junit(&result), &format!("{what}, as JUnit"))?;
    }
    if let Some(path) = &args.markdown {
        write(path, &summary::markdown(&result), &format!("{what}, as Markdown"))?;
    }
    verdict::print(&summary::text(&result))?;
    Ok(result.exit_status())
}

fn options(trust: countersign::trust::Trust) -> Options {
    Options { trust, ..Options::default() }
}

fn write(path: &Path, text: &str, what: &str) -> Result<(), CliError> {
    let mut output = Output::create(Some(path))?;
    output.write(text.as_bytes())?;
    output.finish()?;
    style::wrote(Some(path), what);
    Ok(())
}

fn load(path: &Path) -> Result<(Policy, String), CliError> {
    let text = input::document(path, "a policy")?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let policy = Policy::parse(&text, directory).map_err(|mut fault| {
        fault.file = Some(shown(path));
        rules::refused(&[fault])
    })?;
    Ok((policy, Hash::digest(&[text.as_bytes()]).to_string()))
}

/// Replaces rule names with ids, since findings name rules by id. Fails for a rule that doesn't exist or raises no
/// findings.
fn name_by_id(pack: &countersign_analyze::Pack, findings: &mut policy::Findings) -> Result<(), CliError> {
    let excepted = findings.except.iter_mut().map(|exception| &mut exception.of);
    for named in findings.rules.iter_mut().chain(excepted) {
        let refused = |message, hint| Err(CliError::unusable("policy.rule", message, hint));
        match pack.rule(named) {
            None => {
                let hint = "run `countersign rules list` for the ids of all rules";
                return refused(format!("there is no rule {named}"), hint);
            }
            Some(rule) if !rule.is_reported() => {
                let hint = "name the correlation that uses it, or set `generate: true` there";
                return refused(format!("the rule {named} raises no findings on its own"), hint);
            }
            Some(rule) => named.clone_from(&rule.id),
        }
    }
    Ok(())
}

/// Reads an inventory, and returns the endpoints that answered unauthenticated calls.
fn baseline(path: &Path) -> Result<BTreeSet<String>, CliError> {
    const MAX_BASELINE_MIB: u64 = 256;
    let broken = || {
        let hint = "use the output of `countersign inventory --format json`";
        CliError::unusable("policy.baseline", "the file is not an inventory", hint).within(&shown(path))
    };
    let value: Value =
        serde_json::from_slice(&Input::open(path)?.all(MAX_BASELINE_MIB)?).map_err(|_| broken())?;
    if value["countersign"] != "inventory/v1" {
        return Err(broken());
    }
    let endpoints = value["endpoints"].as_array().ok_or_else(broken)?.iter();
    let open = endpoints.filter(|of| of["unauthenticated"]["calls"].as_u64().is_some_and(|calls| calls > 0));
    let name = |of: &Value| {
        let text = |one: &str, other: &str| of[one].as_str().or(of[other].as_str()).map(str::to_owned);
        Some(format!("{} {}", text("method", "service")?, text("path", "operation")?))
    };
    Ok(open.filter_map(name).collect())
}

fn open(args: &Args) -> Result<Input, CliError> {
    match log_url(&args.export) {
        None => open_export(&args.export),
        Some(url) => stream(url, args.access.token()?.as_ref()),
    }
}

/// Verifies an export, and finds the lines of these entries.
fn lines(
    input: &mut Input,
    options: Options,
    leaves: &BTreeSet<u64>,
    threads: usize,
) -> Result<BTreeMap<u64, u64>, CliError> {
    let examiner = || |event: &SummarizedEvent<'_>| Some(event.select(()));
    let mut visitor = LineVisitor { leaves, lines: BTreeMap::new() };
    visit(input, options, threads, examiner, &mut visitor)?;
    Ok(visitor.lines)
}

/// Records the lines of some entries.
struct LineVisitor<'l> {
    leaves: &'l BTreeSet<u64>,
    lines: BTreeMap<u64, u64>,
}

impl EventVisitor for LineVisitor<'_> {
    type Item = ();
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<()>) -> Result<(), CliError> {
        if self.leaves.contains(&event.index) {
            self.lines.insert(event.index, event.line);
        }
        Ok(())
    }
}
