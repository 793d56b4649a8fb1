//! Verifies an export with the summaries of its parts.

use std::path::{Path, PathBuf};

use countersign::verify::parts::{self, PartsVerification, Stored};
use countersign::verify::{CoveredLink, Options, Verification};

use crate::commands::summarize::{open_summaries, seekable, within};
use crate::errors::{CliError, shown};
use crate::io::input::Input;
use crate::io::seekable::SeekableFile;
use crate::io::{progress, style};

/// The summaries of the parts of an export.
pub(crate) struct Summaries {
    pub(crate) stored: Vec<Stored<SeekableFile>>,
    /// The files; none if this process made the summaries.
    paths: Vec<PathBuf>,
    bytes: u64,
}

impl Summaries {
    /// Opens summaries that were made by others.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, CliError> {
        let (stored, bytes) = open_summaries(paths)?;
        Ok(Self { stored, paths: paths.to_vec(), bytes })
    }

    /// Returns an empty list, to [add](Self::add) own summaries to.
    #[cfg(feature = "native")]
    pub(crate) fn own() -> Self {
        Self { stored: Vec::new(), paths: Vec::new(), bytes: 0 }
    }

    pub(crate) fn add(&mut self, file: SeekableFile) -> Result<(), CliError> {
        self.bytes += file.size().unwrap_or_default();
        self.stored.push(Stored::open(file)?);
        Ok(())
    }

    /// Verifies the summaries, and calls `on_event` with each verified event in the wanted parts.
    pub(crate) fn visit(
        self,
        options: Options,
        threads: usize,
        is_wanted: impl Fn(u64) -> bool + Sync,
        on_event: impl FnMut(u64, CoveredLink),
    ) -> Result<PartsVerification, CliError> {
        let Self { stored, paths, bytes } = self;
        let bar = progress::bar("verifying", Some(bytes));
        let verified =
            parts::visit_links(stored, options, threads, is_wanted, on_event, |read| bar.set_position(read));
        bar.finish_and_clear();
        let verified = verified.map_err(|error| within(&paths, error))?;
        if !paths.is_empty() {
            style::warn("the result rests on the summaries: hashes and signatures were not checked again");
        }
        Ok(verified)
    }
}

/// Verifies the summaries, and checks that they belong to the export, if given.
pub(crate) fn verify(
    paths: &[PathBuf],
    export: Option<&Path>,
    options: Options,
    threads: usize,
) -> Result<Verification, CliError> {
    let summaries = Summaries::open(paths)?;
    if let Some(export) = export {
        check_export(&mut Input::open(export)?, summaries.stored.iter().zip(paths))?;
    }
    let Summaries { stored, bytes, .. } = summaries;
    let bar = progress::bar("verifying", Some(bytes));
    let verified = parts::verify(stored, options, threads, |read| bar.set_position(read));
    bar.finish_and_clear();
    let mut verification = verified.map_err(|error| within(paths, error))?;
    verification.report.summaries = paths.len();
    Ok(verification)
}

/// Checks that the summaries, each with its path, belong to the export.
pub(crate) fn check_export<'a>(
    export: &mut Input,
    summaries: impl Iterator<Item = (&'a Stored<SeekableFile>, &'a PathBuf)>,
) -> Result<(), CliError> {
    let name = export.name().to_owned();
    let file = seekable(export)?;
    for (summary, path) in summaries {
        let other = |why| {
            CliError::from(why).because(&format!("the summary doesn't belong to {name}")).within(&shown(path))
        };
        summary.is_of(file).map_err(other)?;
    }
    Ok(())
}
