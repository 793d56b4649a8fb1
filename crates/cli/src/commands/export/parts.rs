//! `countersign export --format parquet --summaries`: converts an export to rows in many processes.

use std::path::{Path, PathBuf};

use countersign_query::Parsers;

use super::Args;
use crate::arg_groups;
use crate::args;
use crate::commands::verify::part_rows::{self, RowInputs};
use crate::commands::verify::summaries::Summaries;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::parquet::{self, Manifest, PROGRAM};
use crate::io::verdict::count;
use crate::io::{input, style};

/// The options for many processes.
#[derive(clap::Args)]
#[command(next_help_heading = "Large exports")]
pub(super) struct PartsArgs {
    /// With --format parquet, verify EXPORT with the summaries of all its parts, made by `countersign summarize`
    #[arg(long, value_name = "FILE", num_args = 1.., requires_all = ["step", "export", "output"])]
    summaries: Vec<PathBuf>,
    /// Write the rows of this part into the folder -o, which has those of all parts. The exit status is 0 when they are
    /// written; that of --manifest is the verdict's
    #[arg(long, value_name = "I/N", value_parser = args::part, group = "step", requires = "summaries")]
    part: Option<(u64, u64)>,
    /// Check that the folder -o has the rows of all parts, and write its manifest
    #[arg(long, group = "step", requires = "summaries", conflicts_with = "partition")]
    manifest: bool,
}

impl PartsArgs {
    pub(super) fn is_used(&self) -> bool {
        !self.summaries.is_empty()
    }
}

/// Writes the rows of a part, or the manifest of all.
pub(super) fn run(args: &Args, export: &Path, to: &Path, parsers: Parsers) -> Result<ExitStatus, CliError> {
    let rows = RowInputs {
        export,
        part: args.parts.part,
        trust: input::trust_or_empty(args.selection.trust.as_deref())?,
        parsers,
        program: PROGRAM,
        threads: arg_groups::threads(None),
    };
    let mut rows = part_rows::rows(Summaries::open(&args.parts.summaries)?, rows)?;
    let Some((part, of)) = args.parts.part else {
        let files = Manifest::write(&rows, to)?;
        super::parquet::report(&rows);
        let (rows_count, files) = (count(rows.count, "row"), count(files as u64, "file"));
        style::done(&format!("{rows_count} in {files} in {}", shown(to)));
        return Ok(rows.report().verdict.into());
    };
    parquet::write(&mut rows, Some(to), args.partition)?;
    style::done(&format!("{} of part {part} of {of} in {}", count(rows.count, "row"), shown(to)));
    // The verdict is that of the last step. A worker only says whether it wrote its rows.
    Ok(ExitStatus::Success)
}
