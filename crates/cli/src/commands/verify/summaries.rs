//! Verifies an export with the summaries of its parts.

use std::path::{Path, PathBuf};

use countersign::verify::parts::{self, Stored, SummaryError};
use countersign::verify::{Options, Verification};

use crate::commands::summarize::open;
use crate::errors::{CliError, shown};
use crate::io::seekable::SeekableFile;
use crate::io::{progress, style};

/// Verifies the summaries, and checks that they belong to the export, if given.
pub(crate) fn verify(
    paths: &[PathBuf],
    export: Option<&Path>,
    options: Options,
    threads: usize,
) -> Result<Verification, CliError> {
    let mut summaries = Vec::new();
    let mut size = 0;
    for path in paths {
        let file = open(path)?;
        size += file.size().unwrap_or_default();
        summaries.push(Stored::open(file).map_err(|why| CliError::from(why).within(&shown(path)))?);
    }
    if let Some(export) = export {
        check_export(export, summaries.iter().zip(paths))?;
    }
    let bar = progress::bar("verifying", Some(size));
    let verified = parts::verify(summaries, options, threads, |read| bar.set_position(read));
    bar.finish_and_clear();
    let verification = verified.map_err(|error| error_in(error, paths))?;
    style::warn("this verdict relies on the summaries: hashes and signatures were not checked again");
    Ok(verification)
}

/// Checks that the summaries, each with its path, belong to the export.
pub(crate) fn check_export<'a>(
    export: &Path,
    summaries: impl Iterator<Item = (&'a Stored<SeekableFile>, &'a PathBuf)>,
) -> Result<(), CliError> {
    let mut file = open(export)?;
    for (summary, path) in summaries {
        let other = |why| {
            CliError::from(why)
                .because(&format!("the summary doesn't belong to {}", shown(export)))
                .within(&shown(path))
        };
        summary.is_of(&mut file).map_err(other)?;
    }
    Ok(())
}

/// Names the file that the error is about, if it is about one of them.
pub(crate) fn error_in(SummaryError { place, why }: SummaryError, paths: &[PathBuf]) -> CliError {
    let failure = CliError::from(why);
    match place.and_then(|place| paths.get(place)) {
        Some(path) => failure.within(&shown(path)),
        None => failure,
    }
}
