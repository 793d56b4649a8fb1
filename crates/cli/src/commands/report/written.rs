//! Writes reports and evidence files.

use std::collections::HashSet;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use countersign::verify::{Report, Verifier};
use countersign_evidence::{
    Described, File, Frame, MAX_EXPORT_BYTES, Scope, Section, Sliced, Tool, VerifiedEntries, canonical_report,
};
use countersign_slice::Selection;

use super::selected::{ReportSelection, SelectedEvents, VerifyInput, described, events};
use crate::commands::slice;
use crate::errors::{CliError, shown};
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
}

/// Writes a report to a file or to standard output, as an evidence file with `page`, or as JSON. Returns a note for
/// the summary line.
pub(crate) fn write(
    found: &mut SelectedEvents,
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
            range: request.range,
            sample: found.sample.clone(),
        },
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
    let export = if is_all && annotations.named.is_none() {
        read_all(&found.path, found.file.size)?
    } else {
        let (bytes, events) = cut(found, given, request, annotations.named.as_ref())?;
        frame.slice = Some(Sliced {
            file: Described::new(format!("{}-slice.countersign.ndjson", stem(&found.file.name)), &bytes),
            events,
            report: json(&verified(&bytes, given)?)?,
        });
        bytes
    };
    let trust = given.trust.as_ref().map(|(_, bytes)| bytes.clone());
    let pins = given.pins.iter().map(|(_, bytes)| bytes.clone()).collect();
    output.write(&File { page, frame, trust, pins, export }.write()?)?;
    output.finish()?;
    Ok(", in a file that verifies itself".into())
}

/// Reads the entire export.
fn read_all(path: &Path, size: u64) -> Result<Vec<u8>, CliError> {
    if size > MAX_EXPORT_BYTES as u64 {
        return Err(too_long());
    }
    fs::read(path).map_err(|error| CliError::io("read", &shown(path), &error))
}

/// Returns a slice with the selected events, and their number.
fn cut(
    found: &SelectedEvents,
    given: &VerifyInput,
    request: &ReportSelection,
    named: Option<&HashSet<u64>>,
) -> Result<(Vec<u8>, u64), CliError> {
    let options = given.options()?;
    let leaves = found.sample.as_ref().map_or(&found.leaves, |sample| &sample.leaves);
    let selection = match request.range {
        Some((first, end)) if request.query.is_none() && request.sample.is_none() && named.is_none() => {
            Selection::all().range(first, end)
        }
        _ => Selection::all().leaves(
            leaves.iter().copied().filter(|leaf| named.is_none_or(|named| named.contains(leaf))).collect(),
        ),
    };
    let failed = |error| CliError::system("create a temporary directory", &error);
    let directory = tempfile::tempdir().map_err(failed)?;
    let path = directory.path().join("slice");
    let trust = given.trust.is_some().then_some(&options.trust);
    let mut input = Input::open(&found.path)?;
    let (events, _) = slice::cut(&mut input, &selection, trust, |_| {}, Some(&path))?;
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
pub(super) fn verified(export: &[u8], given: &VerifyInput) -> Result<Report, CliError> {
    let mut verifier = Verifier::new(given.options()?);
    verifier.push(export);
    Ok(verifier.finish().report)
}

/// Verifies an export in memory, and returns its report, and the events from which samples are drawn.
pub(super) fn verified_with_shown(
    export: &[u8],
    given: &VerifyInput,
) -> Result<(Report, VerifiedEntries), CliError> {
    let mut input = Input::stream("export", Box::new(Cursor::new(export.to_vec())));
    let (verification, leaves, roots) = events(&mut input, given.options()?, 1)?;
    let root = roots.root(verification.report.origin.as_deref());
    Ok((verification.report, VerifiedEntries { leaves, root }))
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
    Ok(Tool { name: "countersign".into(), version, sha256: described(&path)?.sha256 })
}

/// Returns a file's name without its extensions.
fn stem(name: &str) -> &str {
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    let name = name.strip_suffix(".ndjson").or_else(|| name.strip_suffix(".jsonl")).unwrap_or(name);
    name.strip_suffix(".countersign").unwrap_or(name)
}
