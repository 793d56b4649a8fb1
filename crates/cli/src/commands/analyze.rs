//! `countersign analyze`: searches the verified events of an export with detection rules.

mod coverage;
mod pieces;
mod text;
mod visitor;

use std::path::{Path, PathBuf};

use countersign::link::ChainId;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::report::Report;
use countersign::verify::{Options, Verdict};
use countersign_analyze::document::{ExportFacts, FindingsDocument};
use countersign_analyze::summary::Summary;
use countersign_analyze::{Analysis, Detected, ENGINE, Finding, Level, Pack, Signers};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};
use countersign_slice::Selection;
use serde_json::{Value, json};
use visitor::{Acknowledgments, Signer};

use crate::arg_groups::{FormatArgs, ThreadArgs, TrustArgs};
use crate::args;
use crate::commands::verify::signer_trust::{SignerTrust, SignerTrusts};
use crate::commands::{rules, slice};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::contents::open_export;
use crate::io::input::Input;
use crate::io::output::Folder;
use crate::io::pieces::{PieceArgs, PieceOutputArgs};
use crate::io::study::study;
use crate::io::style::{bad, good};
use crate::io::verdict::count;
use crate::io::{parsers, style, verdict};

#[cfg(feature = "native")]
pub(crate) use coverage::{gaps, skipped};
pub(crate) use visitor::FindingsVisitor;

/// Search verified events with detection rules
///
/// Verifies the export first. Events that fail verification, or that no signature covers, cause no findings. Each
/// finding names the log entries it is based on, so anyone with these entries can reproduce it, and states whether
/// you trust their signers. Rules are written in Sigma 2.1; `countersign rules` builds and tests them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign analyze audit.ndjson --trust trust.txt
  countersign analyze audit.ndjson --trust trust.txt --rules pack.json --fail-on high --format json
  countersign analyze audit.ndjson --trust trust.txt --rules pack.json --evidence findings/
  countersign analyze audit.ndjson --trust trust.txt --rules pack.json --recompute findings.json
  countersign analyze audit.ndjson --rules pack.json --part 3/8 -o part-3.piece
  countersign analyze --pieces part-*.piece --trust trust.txt --rules pack.json

Exit status: as for `countersign verify`, and 6 if --fail-on or --recompute says so.")]
pub(crate) struct Args {
    /// Export, plain or compressed with gzip or zstd, or - for standard input
    #[arg(value_name = "EXPORT", required_unless_present = "pieces")]
    export: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Rules: a pack, or files or directories of Sigma rules, or built-in. Can be repeated [default: built-in]
    #[arg(long, value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    own: parsers::ParserArgs,
    #[command(flatten)]
    format: FormatArgs,
    /// Exit with status 6 for a finding of this level or above, or if a rule of such a level reached a memory limit
    #[arg(long, value_name = "LEVEL", value_parser = args::words(Level::ALL.iter().map(Into::into), Level::parse))]
    #[arg(conflicts_with = "part")]
    fail_on: Option<Level>,
    /// Write the findings, the pack, and a slice with the entries of each finding to this new directory
    #[arg(long, value_name = "DIR", requires = "export", conflicts_with = "part")]
    evidence: Option<PathBuf>,
    /// Compare with earlier findings from --format json, and exit with status 6 if they differ
    #[arg(long, value_name = "FINDINGS", conflicts_with_all = ["evidence", "part"])]
    recompute: Option<PathBuf>,
    #[command(flatten)]
    pieces: PieceArgs,
    #[command(flatten)]
    output: PieceOutputArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let trust = args.trust.load()?;
    let pack = rules::load(&args.rules)?;
    let parsers = args.own.load()?;
    let threads = args.threads.count();
    let source = args.export.as_deref();
    if let (Some(part), Some(source)) = (args.pieces.part(), source) {
        return pieces::write(source, part, args.output.path(), &pack, &parsers, threads);
    }
    let folder = args.evidence.as_deref().map(Folder::create).transpose()?;
    let mut input = source.map(open_export).transpose()?;
    if folder.is_some() {
        // Slices are cut from it later.
        input = input.map(Input::rereadable).transpose()?;
    }
    let options = Options { trust: trust.clone(), ..Options::default() };
    let export = match (args.pieces.files(), &mut input) {
        ([], Some(input)) => {
            let mut visitor = FindingsVisitor::new(&pack, &parsers);
            let verification = study(input, options, threads, &mut visitor)?;
            visitor.finish(verification.report)?
        }
        (files, input) => pieces::analyze(files, input.as_mut(), options, &pack, &parsers, threads)?,
    };
    if let (Some(folder), Some(mut input)) = (folder, input) {
        export.evidence(folder, &mut input, &trust)?;
    }
    if let Some(before) = &args.recompute {
        return export.compare(before);
    }
    let text = if args.format.is_json() { export.json() + "\n" } else { export.text() };
    verdict::print(&text)?;
    Ok(export.exit_status(args.fail_on))
}

/// Returns the detections of the rules in an event. The tuple contains the time of its link, its chain, and its
/// signer.
pub(crate) fn detect(
    pack: &Pack,
    parsers: &Parsers,
    text: &str,
    (recorded, chain, signer): (Time, ChainId, Option<&str>),
) -> Detected {
    let document = Document::parse(text);
    let event = document.as_ref().map(Document::root);
    let chain = chain.to_string();
    pack.detect_by(0, parsers, &Entry { event, roots: &[], read: None, recorded, chain: &chain, signer })
}

/// Returns the findings in the output of `--format json`, without the field that depends on the trust file.
fn comparable_findings(printed: &Value) -> Option<Vec<Value>> {
    let mut findings = printed["findings"].as_array()?.clone();
    for finding in &mut findings {
        finding.as_object_mut()?.remove("signer_trust");
    }
    Some(findings)
}

/// An export that was verified and searched with the rules of a pack.
pub(crate) struct AnalyzedExport<'p> {
    pack: &'p Pack,
    pub(crate) report: Report,
    pub(crate) outcome: Analysis,
    /// The signers of the entries that findings name.
    signers: Signers<Signer>,
    acknowledgments: Acknowledgments,
    /// The number of verified events.
    pub(crate) events: u64,
}

impl AnalyzedExport<'_> {
    pub(crate) fn pack(&self) -> &Pack {
        self.pack
    }

    /// Returns the result without the findings, as a report contains it.
    pub(crate) fn summary(&self) -> String {
        let Analysis { findings, digest, future, limits, coverage, .. } = &self.outcome;
        let (digest, future) = (*digest, *future);
        Summary { pack: self.pack, findings, digest, future, limits, coverage }.json()
    }

    fn exit_status(&self, fail_on: Option<Level>) -> ExitStatus {
        let status = self.report.verdict.into();
        let may_be_found = fail_on.is_some_and(|least| {
            self.outcome.findings.iter().any(|finding| finding.level >= least)
                || self.outcome.may_have_more(self.pack, |rule| rule.level >= least)
        });
        let is_unusable = matches!(self.report.verdict, Verdict::Altered | Verdict::Broken);
        if may_be_found && !is_unusable { ExitStatus::Forbidden } else { status }
    }

    /// Returns the lowest trust in the signers of a finding's entries.
    pub(crate) fn signer_trust(
        &self,
        finding: &Finding,
        signer_trusts: &SignerTrusts<'_>,
    ) -> Option<SignerTrust> {
        let signed = finding.leaves.iter().filter_map(|leaf| self.signers.get(*leaf));
        signed
            .map(|Signer { chain, vkey, authorized }| signer_trusts.of_signer(vkey, *chain, *authorized))
            .max()
    }

    fn json(&self) -> String {
        let Self { report, pack, outcome, events, .. } = self;
        let seen = ExportFacts {
            origin: report.origin.clone(),
            log: report.log.as_ref().map(|log| (log.size, log.root.to_string())),
            verdict: report.verdict.as_str().to_owned(),
            complete: report.complete_range(),
            events: *events,
        };
        let Analysis { findings, digest, future, limits, identities, sessions, coverage } = outcome;
        let (unparsed, future) = (coverage.unparsed, *future);
        let document = FindingsDocument {
            seen: &seen,
            pack,
            unparsed,
            digest,
            future,
            limits,
            identities,
            sessions,
            coverage,
        };
        let signer_trusts = SignerTrusts::from_report(report);
        document.json(findings, |finding| self.signer_trust(finding, &signer_trusts).map(SignerTrust::as_str))
    }

    /// Compares with earlier findings, and prints the differences.
    fn compare(&self, path: &Path) -> Result<ExitStatus, CliError> {
        let name = shown(path);
        let text = std::fs::read_to_string(path).map_err(|error| CliError::io("read", &name, &error))?;
        let broken = || {
            let hint = "use the output of `countersign analyze --format json`";
            CliError::unusable("findings.invalid", "the file contains no findings", hint).within(&name)
        };
        let before: Value = serde_json::from_str(&text).map_err(|_| broken())?;
        if before["countersign"] != "findings/v1" {
            return Err(broken());
        }
        let say = |text: String| verdict::print(&(verdict::headline(&self.report) + "\n" + &text + "\n"));
        for (what, was, is) in [
            ("engine", &before["engine"], json!(ENGINE)),
            ("pack", &before["pack"]["hash"], json!(self.pack.hash().to_string())),
        ] {
            if *was != is {
                let hint = "use the same rule pack and engine as for the earlier findings";
                let message = format!("the findings were made with another {what}: {was} instead of {is}");
                return Err(CliError::unusable("findings.other", message, hint).within(&name));
            }
        }
        let now: Value = serde_json::from_str(&self.json()).map_err(|_| broken())?;
        let (Some(were), Some(are)) = (comparable_findings(&before), comparable_findings(&now)) else {
            return Err(broken());
        };
        let status = self.report.verdict.into();
        let is_same_log = before["log"] == now["log"];
        let note = if is_same_log { "" } else { " The log has another size or root." };
        // The digest covers the original findings; those in the file may have been edited since.
        if before["digest"] == now["digest"] && were == are {
            let findings = count(are.len() as u64, "finding");
            say(format!("{} {findings}, as before.{note}", good("✓ The same.")))?;
            return Ok(status);
        }
        let follows = |was: &&Value| are.iter().any(|is| is["id"] == was["id"]);
        let is_new = |is: &&Value| were.iter().all(|was| was["id"] != is["id"]);
        let (same, new) = (were.iter().filter(follows).count(), are.iter().filter(is_new).count());
        let differ = were.iter().filter(|was| follows(was) && !are.contains(was)).count();
        let differ = if differ == 0 {
            String::new()
        } else {
            format!(" Of the reproduced ones, {differ} differ in their details.")
        };
        say(format!(
            "{} Before: {}. Reproduced: {same}. New: {new}.{differ}{note}",
            bad("✗ Not the same."),
            were.len(),
        ))?;
        Ok(match status {
            ExitStatus::Success | ExitStatus::Partial => ExitStatus::Forbidden,
            status => status,
        })
    }

    /// Writes the findings, the pack, and a slice for each finding.
    fn evidence(&self, folder: Folder, export: &mut Input, trust: &Trust) -> Result<(), CliError> {
        let directory = folder.path();
        let write = |name: &str, text: &str| {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(|error| CliError::io("write", &shown(&path), &error))
        };
        write("findings.json", &self.json())?;
        write("pack.json", self.pack.as_json())?;
        let findings = &self.outcome.findings;
        let sliced = findings.iter().take(MAX_SLICES);
        let (selections, paths): (Vec<_>, Vec<_>) = sliced
            .map(|finding| {
                let name = format!("{}.ndjson", finding.id);
                (Selection::all().leaves(finding.leaves.clone()), directory.join(name))
            })
            .unzip();
        slice::cut_all(export, &selections, &paths, Some(trust))?;
        if findings.len() > MAX_SLICES {
            style::warn(&format!(
                "slices are written for the first {MAX_SLICES} of {}",
                count(findings.len() as u64, "finding")
            ));
        }
        let name = folder.name().to_owned();
        folder.finish()?;
        let written = count(findings.len().min(MAX_SLICES) as u64, "slice");
        style::done(&format!("findings.json, pack.json and {written} in {name}"));
        Ok(())
    }
}

/// The maximum number of slices that are written.
const MAX_SLICES: usize = 200;
