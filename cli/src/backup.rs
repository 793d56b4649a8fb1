//! `countersign backup`: a log's folder, as it is at one moment, in one file.

use std::path::PathBuf;

use countersign_log::backup::{self, Backup};

use crate::errors::{Failure, shown};
use crate::style;
use crate::verdict::entries;
use crate::verify::now;

/// Back up a log's folder into one file, also while it is being served
///
/// The file is a copy of log.sqlite as it was at one moment, with events, for its owner alone. It takes the place of an earlier
/// one when all of it is there and leads to the published checkpoint. What was erased is not in it. When it was made is noted in the folder,
/// for /healthz and the console. To restore it, stop the server, put it in the place of log.sqlite, remove log.sqlite-wal and
/// log.sqlite-shm, and leave signed.txt as it is: the server then says whether anything that was signed is missing.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign backup --dir /var/lib/countersign --to /backup/audit.sqlite
  0 3 * * *  countersign backup --dir /var/lib/countersign --to /backup/audit-$(date +\\%u).sqlite   # crontab: one for each weekday

The log's key is not in it: keep a copy of log.key offline.")]
pub(crate) struct Args {
    /// The log's folder
    #[arg(long, value_name = "DIR", default_value = "countersign-log")]
    dir: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let made = backup::make(&args.dir, &args.to, now()?).map_err(|error| {
        let hint = "check the folder, and who may write the file; `countersign fsck` says what is damaged";
        Failure::unusable("store.failed", error.to_string(), hint).within(&shown(&args.dir))
    })?;
    let Backup { at, size } = made;
    style::done(&format!("{} as of {at} in {}", entries(size), shown(&args.to)));
    Ok(0)
}
