//! `countersign backup`: a log's folder, as it is at one moment, in one file.

use std::fs;
use std::io;
use std::path::PathBuf;

use countersign_client::now;
use countersign_log_server::backup::{self, Backup};

use crate::commands::serve;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::directory;
use crate::io::style;
use crate::io::verdict::entries;

/// Back up a log's folder to one file, even while it is served
///
/// The file is a copy of log.sqlite at one moment, with its events, readable only by its owner. It replaces an
/// earlier backup only when it is complete and leads to the published checkpoint. Erased events are not in it. The
/// time of the backup is noted in the folder, for /healthz and the console.
///
/// To restore it, stop the server, put the file in place of log.sqlite, remove log.sqlite-wal and log.sqlite-shm,
/// and leave signed.txt as it is. The server then says if anything that was signed is missing.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign backup --dir /var/lib/countersign --to /backup/audit.sqlite
  # crontab: one for each weekday
  0 3 * * * countersign backup --dir /srv/log --to /backup/$(date +\\%u).sqlite

The log's key is not in it: keep a copy of log.key offline.")]
pub(crate) struct Args {
    /// The log's folder
    #[arg(long, value_name = "DIR", default_value = "countersign-log")]
    dir: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    serve::expect_folder(&args.dir)?;
    let is_a_place = fs::metadata(directory(&args.to))
        .and_then(|_| if args.to.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) });
    is_a_place.map_err(|error| CliError::io("write", &shown(&args.to), &error))?;
    let made = backup::make(&args.dir, &args.to, now()?).map_err(|error| {
        let hint = "check the folder, that there is room for the file, and who may write it; `countersign fsck` says what is damaged";
        CliError::unusable("store.failed", error.to_string(), serve::store_hint(&error, hint)).within(&shown(&args.dir))
    })?;
    let Backup { at, size } = made;
    style::done(&format!("{} as of {at} in {}", entries(size), shown(&args.to)));
    if let Err(error) = backup::note(&args.dir, made) {
        let folder = shown(&args.dir);
        style::warn(&format!(
            "{folder}: /healthz and the console won't show this backup, because it could not be noted there: {error}"
        ));
    }
    Ok(ExitStatus::Success)
}
