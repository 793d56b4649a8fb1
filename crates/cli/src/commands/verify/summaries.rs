//! Verifies an export with the summaries of its parts.

use std::path::{Path, PathBuf};

use countersign::verify::parts;
use countersign::verify::{Options, Verification};

use crate::commands::summarize::{open, open_summaries, within};
use crate::errors::{CliError, shown};
use crate::io::{progress, style};

/// Verifies the summaries, and checks that they belong to the export, if given.
pub(crate) fn verify(
    paths: &[PathBuf],
    export: Option<&Path>,
    options: Options,
    threads: usize,
) -> Result<Verification, CliError> {
    let (summaries, size) = open_summaries(paths)?;
    if let Some(export) = export {
        let mut file = open(export)?;
        for (summary, path) in summaries.iter().zip(paths) {
            let other = |why| {
                CliError::from(why)
                    .because(&format!("the summary doesn't belong to {}", shown(export)))
                    .within(&shown(path))
            };
            summary.is_of(&mut file).map_err(other)?;
        }
    }
    let bar = progress::bar("verifying", Some(size));
    let verified = parts::verify(summaries, options, threads, |read| bar.set_position(read));
    bar.finish_and_clear();
    let verification = verified.map_err(|error| within(paths, error))?;
    style::warn("this verdict relies on the summaries: hashes and signatures were not checked again");
    Ok(verification)
}
