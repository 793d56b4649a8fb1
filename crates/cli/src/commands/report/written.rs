//! Writes reports and evidence files.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use countersign::verify::{Report, Verifier};
use countersign_evidence::{
    Described, File, Frame, MAX_EXPORT_BYTES, Scope, Section, Sliced, Tool, VerifiedEntries, canonical_report,
};
use countersign_query::Parsers;
use countersign_slice::Selection;

use super::detections::{FiledDetections, rules_to_repeat};
use super::selected::{
    Answers, Question, ReportInput, ReportSelection, Rules, Search, SelectedEvents, VerifyInput,
    embedded_export,
};
use crate::commands::slice;
use crate::errors::CliError;
use crate::io::input::Input;
use crate::io::output::Output;

/// The text that people add to a report.
pub(crate) struct Annotations<'a> {
    pub(crate) reference: &'a str,
    pub(crate) examiner: &'a str,
    /// The sections after the report.
    pub(crate) sections: Vec<Section>,
    /// The entries that sections name, if a file contains only these.
    pub(crate) named: Option<HashSet<u64>>,
    /// The events that an evidence file contains.
    pub(crate) embed: Option<Embed>,
    /// The result of detection rules.
    pub(crate) detections: Option<FiledDetections>,
}

/// The events that an evidence file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Embed {
    /// Only those that the query selects, or that findings name
    Selected,
    /// The whole export, so that anyone can search it again
    Examined,
}

/// Writes a report to a file or to standard output, as an evidence file with `page`, or as JSON. Returns a note for
/// the summary line.
pub(crate) fn write(
    export: &mut ReportInput,
    found: &SelectedEvents,
    given: &VerifyInput,
    request: &ReportSelection,
    annotations: Annotations<'_>,
    page: Option<Vec<u8>>,
    destination: Option<&Path>,
) -> Result<String, CliError> {
    let mut frame = Frame {
        file: found.file.clone(),
        tool: tool()?,
        time: request.now,
        trust: given.trust.as_ref().map(|(name, bytes)| Described::new(name.as_str(), bytes)),
        pins: given.pins.iter().map(|(name, bytes)| Described::new(name.as_str(), bytes)).collect(),
        query: request.query.clone(),
        scope: Scope {
            events: found.leaves.len() as u64,
            examined: found.examined,
            range: request.range,
            sample: found.sample.clone(),
        },
        detections: annotations.detections.as_ref().map(|found| found.stated.clone()),
        report: json(&found.verification.report)?,
        slice: None,
        reference: annotations.reference.into(),
        examiner: annotations.examiner.into(),
        papers: Vec::new(),
        sections: annotations.sections,
    };
    let mut output = Output::create(destination)?;
    let Some(page) = page else {
        output.write(&frame.to_json()?)?;
        output.write(b"\n")?;
        output.finish()?;
        return Ok(String::new());
    };
    let is_all = request.query.is_none() && request.range.is_none() && request.sample.is_none();
    let detections = annotations.detections;
    let embed = embedded(found, request, detections.as_ref(), annotations.embed)?;
    let named = detections.as_ref().map(|found| &found.named).or(annotations.named.as_ref());
    let export = if (is_all && named.is_none()) || embed == Embed::Examined {
        read_all(&mut export.input, found.file.size)?
    } else {
        let (bytes, events) = cut(export, found, given, request, named)?;
        frame.slice = Some(Sliced {
            file: Described::new(format!("{}-slice.countersign.ndjson", stem(&found.file.name)), &bytes),
            events,
            report: json(&verified(&bytes, given)?)?,
        });
        bytes
    };
    let trust = given.trust.as_ref().map(|(_, bytes)| bytes.clone());
    let pins = given.pins.iter().map(|(_, bytes)| bytes.clone()).collect();
    let is_none = frame.slice.as_ref().is_some_and(|slice| slice.events == 0);
    let is_answer = frame.query.is_some() || frame.detections.is_some();
    let rules = detections.map(|found| found.pack);
    output.write(&File { page, frame, trust, pins, rules, export }.write()?)?;
    output.finish()?;
    Ok(note(embed, is_none && is_answer).into())
}

/// Decides which events an evidence file contains.
fn embedded(
    found: &SelectedEvents,
    request: &ReportSelection,
    detections: Option<&FiledDetections>,
    embed: Option<Embed>,
) -> Result<Embed, CliError> {
    let refuse = |message: &str, hint| Err(CliError::unusable("arguments.invalid", message, hint));
    match embed {
        Some(Embed::Examined) if request.query.is_none() && detections.is_none() => refuse(
            "--embed needs a query or --detections",
            "add --query or --detections, or remove --embed: without them all is contained",
        ),
        Some(Embed::Examined) if request.has_own_parsers => refuse(
            "--embed examined can't be combined with your own parsers",
            "remove --parsers: readers of the file use the built-in parsers",
        ),
        Some(embed) => Ok(embed),
        None => {
            let fits = found.file.size <= MAX_EXPORT_BYTES as u64 && !request.has_own_parsers;
            let is_none = match detections {
                Some(detections) => detections.stated.findings == 0,
                None => found.examined.is_some() && found.leaves.is_empty(),
            };
            Ok(if is_none && fits { Embed::Examined } else { Embed::Selected })
        }
    }
}

/// Returns the note on what an evidence file contains and proves.
fn note(embed: Embed, is_none: bool) -> &'static str {
    match (embed, is_none) {
        (Embed::Examined, _) => {
            ", in a file that contains the whole export, so that anyone can check the answer"
        }
        (Embed::Selected, true) => {
            ", in a file without events: the answer is the examiner's statement about the export with this hash"
        }
        (Embed::Selected, false) => ", in a file that verifies itself",
    }
}

/// Reads the entire export.
fn read_all(export: &mut Input, size: u64) -> Result<Vec<u8>, CliError> {
    if size > MAX_EXPORT_BYTES as u64 {
        return Err(too_long());
    }
    export.all(MAX_EXPORT_BYTES as u64 >> 20)
}

/// Returns a slice with the selected events, and their number.
fn cut(
    export: &mut ReportInput,
    found: &SelectedEvents,
    given: &VerifyInput,
    request: &ReportSelection,
    named: Option<&HashSet<u64>>,
) -> Result<(Vec<u8>, u64), CliError> {
    let options = given.options()?;
    let leaves = found.sample.as_ref().map_or(&found.leaves, |sample| &sample.leaves);
    let is_named = |leaf: &u64| named.is_none_or(|named| named.contains(leaf));
    let selected: Vec<u64> = leaves.iter().copied().filter(is_named).collect();
    // Without a matching event, a slice has the log's checkpoint, and no event.
    let selection = match request.range {
        _ if selected.is_empty() && (request.query.is_some() || named.is_some()) => {
            Selection::all().leaves(Vec::new()).or_none()
        }
        Some((first, end)) if request.query.is_none() && request.sample.is_none() && named.is_none() => {
            Selection::all().range(first, end)
        }
        _ => Selection::all().leaves(selected),
    };
    let failed = |error| CliError::system("create a temporary directory", &error);
    let directory = tempfile::tempdir().map_err(failed)?;
    let path = directory.path().join("slice");
    let trust = given.trust.is_some().then_some(&options.trust);
    let (events, _) = slice::cut(&mut export.input, &selection, trust, Some(&path))?;
    if fs::metadata(&path).map_err(failed)?.len() > MAX_EXPORT_BYTES as u64 {
        return Err(too_long());
    }
    Ok((fs::read(&path).map_err(failed)?, events))
}

fn too_long() -> CliError {
    let hint =
        "select fewer events with --query, --range or --sample, or write JSON and keep the export beside it";
    CliError::unusable("evidence.invalid", "an evidence file can contain at most 64 MiB of events", hint)
}

/// Verifies an export in memory.
fn verified(export: &[u8], given: &VerifyInput) -> Result<Report, CliError> {
    let mut verifier = Verifier::new(given.options()?);
    verifier.push(export);
    Ok(verifier.finish().report)
}

/// Verifies the export of an evidence file in memory. Searches it or runs the rules again if it contains what was
/// examined.
pub(super) fn verified_with_shown(
    file: &File,
    given: &VerifyInput,
) -> Result<(Report, VerifiedEntries), CliError> {
    let mut input = embedded_export(file);
    let query = file.frame.query.as_deref().filter(|_| file.frame.must_search());
    let search = query.map(|text| Search::parse(text, file.frame.time)).transpose()?;
    let parsers = Parsers::built_in();
    let pack = rules_to_repeat(file)?;
    let rules = pack.as_ref().zip(file.frame.detections.as_ref());
    let range = file.frame.scope.range;
    let rules = rules.map(|(pack, stated)| Rules { pack, max_findings: stated.findings, range });
    let question = Question { search: search.as_ref(), range: None, rules, parsers: &parsers };
    let has_rules = rules.is_some();
    let Answers { verification, found, detections } = question
        .ask(&mut input, given.options()?, 1)
        .map_err(|failure| if has_rules { failure.into_broken() } else { failure })?;
    let root = found.roots.root(verification.report.origin.as_deref());
    let selected = search.map(|_| found.selected());
    let detections = detections.map(|found| found.stated);
    Ok((verification.report, VerifiedEntries { leaves: found.all, root, selected, detections }))
}

/// Returns a report as canonical JSON.
pub(super) fn json(report: &Report) -> Result<String, CliError> {
    let text = serde_json::to_vec(report).unwrap_or_default();
    Ok(canonical_report(&text)?)
}

/// Describes this program.
fn tool() -> Result<Tool, CliError> {
    let path = std::env::current_exe().map_err(|error| CliError::system("find this program", &error))?;
    let version = env!("CARGO_PKG_VERSION").into();
    Ok(Tool { name: "countersign".into(), version, sha256: Input::open(&path)?.digest()?.sha256 })
}

/// Returns a file's name without its extensions.
fn stem(name: &str) -> &str {
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    let name = name.strip_suffix(".ndjson").or_else(|| name.strip_suffix(".jsonl")).unwrap_or(name);
    name.strip_suffix(".countersign").unwrap_or(name)
}
