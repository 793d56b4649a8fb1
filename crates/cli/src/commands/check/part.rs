//! Checks a part of a log, and summarizes it.

use std::path::Path;

use countersign::check::Walk;
use countersign::check::parts::{Part, summarize as summarize_part};
use countersign_client::Source;

use super::read_ahead::read_ahead;
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::verdict::count;
use crate::io::{progress, style};

/// Writes the summary of a part.
pub(super) fn summarize(
    source: &dyn Source,
    walk: &Walk,
    (number, of): (u64, u64),
    path: Option<&Path>,
    threads: usize,
) -> Result<ExitStatus, CliError> {
    let part = Part::new(walk, number, of);
    let mut output = Output::create(path)?;
    let bar = progress::count("summarizing", part.len());
    read_ahead(source, &part.resources(), |resources| {
        let resources = resources.map(|read| read.map_err(CliError::from));
        summarize_part(&part, threads, resources, |bytes| output.write(bytes), || bar.inc(1))
    })?;
    bar.finish_and_clear();
    output.finish()?;
    style::wrote(path, &format!("part {number} of {of}, {}", count(part.len(), "entry bundle")));
    Ok(ExitStatus::Success)
}
