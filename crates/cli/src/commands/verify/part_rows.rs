//! The rows of an export's parts, verified with the summaries of all parts.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;

use countersign::trust::Trust;
use countersign::verify::Options;
use countersign::verify::parts::{Part, summarize};
use countersign_query::Parsers;

use super::summaries::Summaries;
use crate::commands::summarize::open;
use crate::errors::{CliError, shown};
use crate::io::file_limit;
use crate::io::input::Input;
use crate::io::parquet::{Cut, Rows, Signers, Stretch, inputs_sha256};
use crate::io::seekable::SeekableFile;

/// The inputs that rows depend on besides summaries.
pub(crate) struct RowInputs<'a> {
    pub(crate) export: &'a Path,
    /// The part and the number of parts; `None` for all parts.
    pub(crate) part: Option<(u64, u64)>,
    pub(crate) trust: Trust,
    pub(crate) parsers: Parsers,
    /// The version of the program that makes or made the rows.
    pub(crate) program: &'a str,
    pub(crate) threads: usize,
}

/// Verifies an export with the summaries of all parts, and returns the rows of one part, or of all.
pub(crate) fn rows(summaries: Summaries, inputs: RowInputs<'_>) -> Result<Rows, CliError> {
    let RowInputs { export, part, trust, parsers, program, threads } = inputs;
    let file = open(export)?;
    let bytes = file.size().map_err(|error| CliError::io("read", &shown(export), &error))?;
    let mut parts = Vec::new();
    for stored in &summaries.stored {
        parts.push((stored.part().single()?, stored.part().clone(), stored.sha256()?));
    }
    if parts.iter().any(|(_, part, _)| part.file_bytes() != bytes) {
        let message = format!("the summaries are of a file with another size than {}", shown(export));
        let hint = "pass the file that was summarized, and only the summaries of one run";
        return Err(CliError::unusable("summary.other_file", message, hint));
    }
    if let (Some((_, of)), Some((_, found, _))) = (part, parts.first())
        && found.total() != of
    {
        let message = format!("the summaries are of {} parts, not of {of}", found.total());
        let hint = "use --part I/N with the number of parts that were summarized";
        return Err(CliError::unusable("summary.other_cut", message, hint));
    }
    let inputs = inputs_sha256(program, &trust, &parsers);
    let (mut signers, mut counts) = (Signers::default(), HashMap::<u64, u64>::new());
    let is_wanted = |number| part.is_none_or(|(wanted, _)| wanted == number);
    let options = Options { trust, ..Options::default() };
    let visited = summaries.visit(options, threads, is_wanted, |number, link| {
        signers.add(&link);
        *counts.entry(number).or_default() += 1;
    })?;
    parts.sort_by_key(|(number, _, _)| *number);
    let hashes: Vec<[u8; 32]> = parts.iter().map(|(_, _, sha256)| *sha256).collect();
    let stretches = parts.iter().zip(visited.first_entries).map(|((number, part, sha256), first_entry)| {
        let rows = counts.get(number).copied().unwrap_or_default();
        let (begin, bytes) = (part.begin(), part.bytes());
        Stretch { part: Some(*number), begin, bytes, first_entry, sha256: *sha256, rows }
    });
    let stretches = stretches.filter(|stretch| stretch.part.is_some_and(is_wanted)).collect();
    let cut = Cut::new(&hashes, inputs);
    Ok(Rows::of_parts(Input::open(export)?, visited.verification, parsers, signers, stretches, cut))
}

/// Summarizes all parts of an export in this process.
pub(crate) fn summarize_all(export: &Path, parts: u64, threads: usize) -> Result<Summaries, CliError> {
    // Temporary files.
    file_limit::raise(parts);
    let mut summaries = Summaries::own();
    for number in 1..=parts {
        let mut file = open(export)?;
        let within = |failure: CliError| failure.within(&shown(export));
        let part = Part::locate(&mut file, number, parts).map_err(|why| within(why.into()))?;
        let failed = |error| CliError::io("keep", &shown(export), &error);
        let mut summary = tempfile::tempfile().map_err(failed)?;
        summarize(file, &part, threads, |bytes| summary.write_all(bytes).map_err(failed), |_| ())
            .map_err(within)?;
        summaries.add(SeekableFile::Local(summary))?;
    }
    Ok(summaries)
}
