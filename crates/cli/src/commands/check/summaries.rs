//! Verifies a log from the summaries of its parts.

use std::path::PathBuf;

use countersign::check::Tiles;
use countersign::check::parts::{Parts, Stored};
use countersign::verify::parts::SummaryError;
use countersign::verify::{Options, Verification};
use countersign_client::Source;
use countersign_errors::EngineError;

use super::read_ahead::read_ahead;
use super::refuse_other_log;
use crate::commands::summarize::open;
use crate::errors::{CliError, shown};
use crate::io::{file_limit, progress};

/// An error in a summary, or in reading the log.
enum Failure {
    Summary(SummaryError),
    Log(EngineError),
}

impl From<SummaryError> for Failure {
    fn from(error: SummaryError) -> Self {
        Self::Summary(error)
    }
}

impl Failure {
    fn explain(self, paths: &[PathBuf]) -> CliError {
        match self {
            Self::Log(error) => error.into(),
            Self::Summary(SummaryError { place, why }) => {
                let failure = CliError::from(why);
                match place.and_then(|place| paths.get(place)) {
                    Some(path) => failure.within(&shown(path)),
                    None => failure,
                }
            }
        }
    }
}

/// Verifies the summaries with the log's tiles above level 0.
pub(super) fn verify(
    source: &dyn Source,
    paths: &[PathBuf],
    options: Options,
    threads: usize,
) -> Result<(Tiles, Verification), CliError> {
    file_limit::raise(paths.len() as u64);
    let mut summaries = Vec::new();
    for path in paths {
        let stored = Stored::open(open(path)?).map_err(|why| CliError::from(why).within(&shown(path)))?;
        summaries.push(stored);
    }
    let parts = Parts::arrange(summaries).map_err(|error| Failure::from(error).explain(paths))?;
    refuse_other_log(source, parts.checkpoint())?;
    let bar = progress::count("verifying", parts.bundles());
    let verified = read_ahead(source, &parts.resources(), |resources| {
        let resources = resources.map(|read| read.map_err(Failure::Log));
        parts.verify(options, threads, resources, || bar.inc(1))
    });
    bar.finish_and_clear();
    let (tiles, mut verification) = verified.map_err(|failure| failure.explain(paths))?;
    verification.report.summaries = paths.len();
    Ok((tiles, verification))
}
