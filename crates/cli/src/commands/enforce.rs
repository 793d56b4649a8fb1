//! `countersign enforce`: checks a log against a policy, for pipelines.

mod junit;
mod policy;
mod result;
mod sarif;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use countersign::hash::Hash;
use countersign::time::Time;
use countersign::verify::report::Report;
use countersign::verify::{EventVisitor, Options, SummarizedEvent, Verdict, VerifiedItem};
use countersign_errors::now;
use countersign_query::Conclusion;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::arg_groups::{AccessArgs, ThreadArgs, TrustArgs};
use crate::args;
use crate::commands::export::{log_url, stream};
use crate::commands::{analyze, inventory, rules};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::contents::open_export;
use crate::io::hashed::HashedInput;
use crate::io::input::{self, Input};
use crate::io::output::Output;
use crate::io::visit::{self, visit};
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
    // The export is read several times.
    let mut local = Local::open(args)?;
    let found = pack
        .as_ref()
        .map(|pack| local.read(|input| analyze::analyze(input, trust.clone(), pack, &parsers, threads)))
        .transpose()?;
    let called = match &policy.endpoints {
        None => None,
        Some(of) => {
            let description = of.openapi.as_deref().map(inventory::description).transpose()?;
            let inventory_options =
                countersign_analyze::inventory::InventoryOptions { description, since: of.since };
            let filter = inventory::EventFilter { parsers, query: None };
            let found = local
                .read(|input| inventory::find(input, trust.clone(), inventory_options, &filter, threads))?;
            Some(found)
        }
    };
    let evaluate = |report: &Report| {
        result::evaluate(
            &policy,
            &EvidenceData {
                report,
                now,
                searched: found.as_ref().zip(pack.as_ref()).map(|(found, pack)| RuleSearch {
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
        // The named entries are known only after the first pass, so their lines are found in a second one.
        (None, None) => {
            let verification = local.read(|input| visit::verify(input, options(trust), threads))?;
            (verification.report, BTreeMap::new())
        }
        (found, called) => {
            let report = found.as_ref().map(|of| &of.report).or(called.as_ref().map(|of| &of.verified));
            let named = report.map(evaluate).unwrap_or_default();
            let named: BTreeSet<u64> =
                named.iter().flat_map(|check| &check.violations).flat_map(|of| &of.leaves).copied().collect();
            local.read(|input| lines(input, options(trust), &named, threads))?
        }
    };
    let checks = evaluate(&report);
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

/// An export that can be read repeatedly.
struct Local {
    path: PathBuf,
    /// The hash of the bytes that were read first.
    sha256: Option<[u8; 32]>,
    /// The downloaded export, deleted when it is no longer needed.
    _file: Option<NamedTempFile>,
}

impl Local {
    fn open(args: &Args) -> Result<Self, CliError> {
        let mut input = match log_url(&args.export) {
            None if args.export == Path::new("-") => Input::open(&args.export)?,
            None => return Ok(Self { path: args.export.clone(), sha256: None, _file: None }),
            Some(url) => stream(url, args.access.token()?.as_ref())?,
        };
        let failed = |error: std::io::Error| CliError::io("keep", &shown(&args.export), &error);
        let mut file = NamedTempFile::new().map_err(failed)?;
        std::io::copy(input.reader()?, &mut file).map_err(failed)?;
        file.flush().map_err(failed)?;
        Ok(Self { path: file.path().to_owned(), sha256: None, _file: Some(file) })
    }

    /// Reads the whole export. Fails if its bytes differ from those that were read before: the answers would be about
    /// different files.
    fn read<T>(&mut self, pass: impl FnOnce(&mut Input) -> Result<T, CliError>) -> Result<T, CliError> {
        let mut hashed = HashedInput::new(open_export(&self.path)?)?;
        let result = pass(&mut hashed.input)?;
        let sha256 = hashed.finish()?;
        if *self.sha256.get_or_insert(sha256) != sha256 {
            let hint = "run the command again, on a copy that nothing writes to";
            let changed = CliError::unusable("io.changed", "the export changed while it was read", hint);
            return Err(changed.within(&shown(&self.path)));
        }
        Ok(result)
    }
}

/// Verifies an export, and finds the lines of these entries.
fn lines(
    input: &mut Input,
    options: Options,
    leaves: &BTreeSet<u64>,
    threads: usize,
) -> Result<(Report, BTreeMap<u64, u64>), CliError> {
    let examiner = || |event: &SummarizedEvent<'_>| (!leaves.is_empty()).then(|| event.select(()));
    let mut visitor = LineVisitor { leaves, lines: BTreeMap::new() };
    let verification = visit(input, options, threads, examiner, &mut visitor)?;
    Ok((verification.report, visitor.lines))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_answers_are_about_the_same_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.ndjson");
        let write = |text: &str| std::fs::write(&path, text).expect("the file is written");
        let mut local = Local { path: path.clone(), sha256: None, _file: None };
        let whole = |input: &mut Input| input.all(1);
        // Also what a pass doesn't read is compared.
        let nothing = |_: &mut Input| Ok(Vec::new());
        write("one\ntwo\n");
        assert_eq!(local.read(whole).expect("its bytes"), b"one\ntwo\n");
        assert!(local.read(nothing).is_ok());
        write("one\nTwo\n");
        for changed in [local.read(whole), local.read(nothing)] {
            assert_eq!(changed.expect_err("other bytes").code(), "io.changed");
        }
        write("one\ntwo\n");
        assert!(local.read(nothing).is_ok());
    }
}
