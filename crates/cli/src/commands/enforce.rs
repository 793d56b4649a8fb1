//! `countersign enforce`: a policy for pipelines, held against a log.

mod judged;
mod junit;
mod policy;
mod sarif;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use countersign::hash::Hash;
use countersign::time::Time;
use countersign::verify::report::Report;
use countersign::verify::{EventVisitor, Options, SummarizedEvent, Verdict, VerifiedItem};
use countersign_client::Prefix;
use countersign_client::now;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::arg_groups::{AccessArgs, ThreadArgs, TrustArgs};
use crate::args;
use crate::commands::export::stream;
use crate::commands::{analyze, inventory, rules};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::contents::contents;
use crate::io::input::{self, Input};
use crate::io::output::Output;
use crate::io::visit::visit;
use crate::io::{parsers, style, verdict};
use judged::{Check, Known, Searched};
use policy::Policy;

/// Check a log against a policy; fail a pipeline if it isn't met
///
/// A policy says which verdict is good enough, who may sign and who must have, how recent the witnesses' last
/// cosignatures must be, which findings and endpoints are not allowed, and how much of an API's description a test
/// run must have called. What can't be determined fails; it never passes for lack of data.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign enforce policy.yml audit.ndjson --trust trust.txt
  countersign enforce policy.yml audit.ndjson --trust trust.txt --sarif out.sarif --junit out.xml --markdown out.md
  countersign enforce policy.yml https://log.example/audit --token-file token.txt --trust trust.txt

Exit status: 0 the policy is met, 6 it is not, 1 the log is altered or broken, 5 it was not fully checked, \
2 the policy, or something it names, could not be used.")]
pub(crate) struct Args {
    /// The policy, in YAML (docs/pipeline.md)
    #[arg(value_name = "POLICY")]
    policy: PathBuf,
    /// The export, plain or compressed with gzip or zstd, or a log server's URL; - for standard input
    #[arg(value_name = "EXPORT|URL")]
    export: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    /// The rules: a pack, or files or directories of Sigma rules. Can be repeated [default: the rules that come
    /// with the program]
    #[arg(long, value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    own: parsers::Own,
    /// Write violations as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Write the policy's requirements as JUnit test cases
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a summary as Markdown, for a GitHub step summary for example
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// The time used to measure ages and to end exceptions [default: now]
    #[arg(long, value_name = "T", value_parser = args::time)]
    now: Option<Time>,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// What a policy says of a log.
struct Judged<'a> {
    policy: &'a Policy,
    /// The hash of the policy's text.
    hash: String,
    report: &'a Report,
    /// The export, as it was named.
    export: String,
    checks: Vec<Check>,
    /// Why rules couldn't look at all events that were searched for findings.
    gaps: Vec<String>,
    /// The lines of the export on which the entries stand that are named.
    lines: BTreeMap<u64, u64>,
}

impl Judged<'_> {
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
    // It is read more than once.
    let local = Local::of(args)?;
    let found = pack
        .as_ref()
        .map(|pack| analyze::analyze(&mut contents(&local.path)?, trust.clone(), pack, &parsers, threads))
        .transpose()?;
    let called = match &policy.endpoints {
        None => None,
        Some(of) => {
            let description = of.openapi.as_deref().map(inventory::description).transpose()?;
            let asked = countersign_analyze::inventory::Asked { description, since: of.since };
            let input = contents(&local.path)?;
            Some(inventory::find(
                input,
                trust.clone(),
                asked,
                &inventory::EventFilter { parsers, query: None },
                threads,
            )?)
        }
    };
    let judge = |report: &Report| {
        judged::judge(
            &policy,
            &Known {
                report,
                now,
                searched: found.as_ref().zip(pack.as_ref()).map(|(found, pack)| Searched {
                    pack,
                    outcome: &found.outcome,
                    events: found.events,
                }),
                inventory: called.as_ref().map(|called| &called.report),
                before: before.clone(),
            },
        )
    };
    let (report, lines) = match (&found, &called) {
        // Which entries are named is known before the lines are looked for, in a reading of their own.
        (None, None) => {
            (crate::commands::verify::verify(&local.path, options(trust), threads)?.report, BTreeMap::new())
        }
        (found, called) => {
            let report = found.as_ref().map(|of| &of.report).or(called.as_ref().map(|of| &of.verified));
            let named = report.map(judge).unwrap_or_default();
            let named: BTreeSet<u64> =
                named.iter().flat_map(|check| &check.against).flat_map(|of| &of.leaves).copied().collect();
            lines(&local.path, options(trust), &named, threads)?
        }
    };
    let checks = judge(&report);
    let gaps = found.as_ref().zip(pack.as_ref());
    let gaps = gaps.map_or_else(Vec::new, |(found, pack)| analyze::gaps(&found.outcome.coverage, &pack.name));
    let export = shown(&args.export);
    let judged = Judged { policy: &policy, hash, report: &report, export, checks, gaps, lines };
    let what = verdict::count(judged.failures(), "failure");
    if let Some(path) = &args.sarif {
        let text = serde_json::to_string_pretty(&sarif::sarif(&judged)).unwrap_or_default() + "\n";
        write(path, &text, &format!("{what}, as SARIF"))?;
    }
    if let Some(path) = &args.junit {
        write(path, &junit::junit(&judged), &format!("{what}, as JUnit"))?;
    }
    if let Some(path) = &args.markdown {
        write(path, &summary::markdown(&judged), &format!("{what}, as Markdown"))?;
    }
    verdict::print(&summary::text(&judged))?;
    Ok(judged.exit_status())
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
    Ok((policy, Hash::of(&[text.as_bytes()]).to_string()))
}

/// Findings name their rules by id. A rule that is misspelt, or that makes no findings, is never found.
fn name_by_id(pack: &countersign_analyze::Pack, findings: &mut policy::Findings) -> Result<(), CliError> {
    let excepted = findings.except.iter_mut().map(|exception| &mut exception.of);
    for named in findings.rules.iter_mut().chain(excepted) {
        let refused = |message, hint| Err(CliError::unusable("policy.rule", message, hint));
        match pack.rule(named) {
            None => {
                let hint = "`countersign rules list` has the ids of the rules";
                return refused(format!("there is no rule {named}"), hint);
            }
            Some(rule) if !rule.is_reported() => {
                let hint = "name the correlation that uses it, or give that `generate: true`";
                return refused(format!("the rule {named} makes no findings of its own"), hint);
            }
            Some(rule) => named.clone_from(&rule.id),
        }
    }
    Ok(())
}

/// The endpoints that were open before, by an inventory.
fn baseline(path: &Path) -> Result<BTreeSet<String>, CliError> {
    const MOST: u64 = 256;
    let broken = || {
        let hint = "give what `countersign inventory --format json` printed";
        CliError::unusable("policy.baseline", "it is not an inventory", hint).within(&shown(path))
    };
    let value: Value = serde_json::from_slice(&Input::open(path)?.all(MOST)?).map_err(|_| broken())?;
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

/// An export that can be read again.
struct Local {
    path: PathBuf,
    /// What came over the network, for as long as it is needed.
    _kept: Option<NamedTempFile>,
}

impl Local {
    fn of(args: &Args) -> Result<Self, CliError> {
        let mut input = match args.export.to_str().filter(|place| Prefix::is_meant(place)) {
            None if args.export == Path::new("-") => Input::open(&args.export)?,
            None => return Ok(Self { path: args.export.clone(), _kept: None }),
            Some(url) => stream(url, args.access.token()?.as_ref())?,
        };
        let failed = |error: std::io::Error| CliError::io("keep", &shown(&args.export), &error);
        let mut file = NamedTempFile::new().map_err(failed)?;
        std::io::copy(input.reader()?, &mut file).map_err(failed)?;
        file.flush().map_err(failed)?;
        Ok(Self { path: file.path().to_owned(), _kept: Some(file) })
    }
}

/// Verifies an export, and tells on which lines of it these leaves stand.
fn lines(
    export: &Path,
    options: Options,
    leaves: &BTreeSet<u64>,
    threads: usize,
) -> Result<(Report, BTreeMap<u64, u64>), CliError> {
    let examiner = || |event: &SummarizedEvent<'_>| (!leaves.is_empty()).then(|| event.select(()));
    let mut visitor = LineVisitor { leaves, lines: BTreeMap::new() };
    let verification = visit(&mut contents(export)?, options, threads, examiner, &mut visitor)?;
    Ok((verification.report, visitor.lines))
}

/// Notes on which lines some leaves stand.
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
