//! `countersign backup`: copies a log's folder, as of one moment, to one file.

use std::fs;
use std::io;
use std::path::PathBuf;

use countersign_errors::now;
use countersign_log_server::backup::{self, Backup};

use crate::commands::serve;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::directory;
use crate::io::style;
use crate::io::verdict::entries;

/// Back up a log's folder to one file, even while it is served
///
/// The file is a copy of log.sqlite as of one moment, with its events, readable only by its owner. It replaces an
/// earlier backup only when it is complete and leads to the published checkpoint. It doesn't contain erased events.
/// The time of the backup is stored in the folder, for /healthz and the console.
///
/// To restore it, stop the server, replace log.sqlite with the file, remove log.sqlite-wal and log.sqlite-shm, and
/// keep signed.txt and own-entries.ndjson, or with tenants heads.bin and root-entries, as they are. The server then
/// reports whether anything that was signed is missing.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign backup --dir /var/lib/countersign --to /backup/audit.sqlite
  # crontab: one for each weekday
  0 3 * * * countersign backup --dir /srv/log --to /backup/$(date +\\%u).sqlite

The backup doesn't contain the log's private key: keep a copy of log.key offline.")]
pub(crate) struct Args {
    /// Folder of the log
    #[arg(long, value_name = "DIR", default_value = "countersign-log")]
    dir: PathBuf,
    /// File to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    serve::expect_folder(&args.dir)?;
    let is_a_place = fs::metadata(directory(&args.to))
        .and_then(|_| if args.to.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) });
    is_a_place.map_err(|error| CliError::io("write", &shown(&args.to), &error))?;
    let made = backup::make(&args.dir, &args.to, now()?).map_err(|error| {
        let hint = "check the folder, the free disk space, and the permissions; run `countersign fsck` to find problems";
        CliError::unusable("store.failed", error.to_string(), serve::store_hint(&error, hint)).within(&shown(&args.dir))
    })?;
    let Backup { at, size } = made;
    style::done(&format!("{} as of {at} in {}", entries(size), shown(&args.to)));
    if let Err(error) = backup::note(&args.dir, made) {
        let folder = shown(&args.dir);
        style::warn(&format!(
            "{folder}: /healthz and the console won't show this backup, because its time could not be stored there: {error}"
        ));
    }
    Ok(ExitStatus::Success)
}
