//! `cargo xtask bench`: speed, memory and sizes as ratios to the bare work.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::tools::Tools;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also write the figures to a file, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

pub(crate) fn run(_tools: &Tools, args: &Args) -> Result<()> {
    bail!("nothing is measured yet; {:?} was not written", args.json)
}
