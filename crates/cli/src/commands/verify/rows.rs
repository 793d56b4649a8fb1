//! `countersign verify --parquet`: compares rows with the export that they were made from.

use std::path::Path;

use countersign::trust::Trust;

use super::part_rows::{self, RowInputs};
use super::summaries::Summaries;
use super::{Args, print_report, status};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::input::Input;
use crate::io::parquet::{self, Manifest, Rows};
use crate::io::style;
use crate::io::verdict::count;

/// Verifies an export, and compares its rows with those at `path`.
pub(super) fn verify(args: &Args, export: &Path, path: &Path, trust: &Trust) -> Result<ExitStatus, CliError> {
    let (parsers, threads) = (args.own.load()?, args.threads.count());
    let manifest = Manifest::read(path)?;
    let mut rows = match &manifest {
        None if parquet::holds_parts(path) => {
            let message = "the rows of these parts have no manifest, so some may be missing";
            let hint = "write the rows of all parts, and the manifest with `countersign export --manifest`";
            return Err(CliError::unusable("parquet.no_manifest", message, hint).within(&shown(path)));
        }
        None if args.summaries.is_empty() => {
            Rows::verify(Input::open(export)?, trust.clone(), parsers, threads)?
        }
        None => {
            let message = "these rows were not written in parts";
            let hint = "omit --summaries";
            return Err(CliError::unusable("parquet.no_manifest", message, hint).within(&shown(path)));
        }
        Some(manifest) => {
            let summaries = if args.summaries.is_empty() {
                part_rows::summarize_all(export, manifest.parts, threads)?
            } else {
                Summaries::open(&args.summaries)?
            };
            let (part, program) = (args.part, &*manifest.program);
            part_rows::rows(
                summaries,
                RowInputs { export, part, trust: trust.clone(), parsers, program, threads },
            )?
        }
    };
    print_report(args, trust, rows.report())?;
    parquet::compare(&mut rows, path, manifest.as_ref())?;
    let part = args.part.map_or_else(String::new, |(part, of)| format!("part {part} of {of} of "));
    let (events, export) = (count(rows.count, "event"), shown(export));
    style::done(&format!("{} contains exactly the {events} of {part}{export} that verify", shown(path)));
    Ok(status(args, rows.report()))
}
