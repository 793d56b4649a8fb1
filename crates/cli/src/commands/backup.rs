//! `countersign backup`: copies a log's folder, as of one moment, to one file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use countersign_errors::now;
use countersign_log::store::StoreError;
use countersign_log_server::backup::{self, Backup};
use countersign_log_server::bucket::Pruned;
use tokio::runtime::Runtime;

use crate::commands::serve;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::directory;
use crate::io::verdict::entries;
use crate::io::{log_folder, style};

/// Back up a log to one file, even while it is served
///
/// The file is a copy of log.sqlite as of one moment, with its events, readable only by its owner. It replaces an
/// earlier backup only when it is complete and leads to the published checkpoint. It doesn't contain erased events.
/// The time of the backup is stored in the folder, for /healthz and the console.
///
/// To restore it, stop the server, replace log.sqlite with the file, remove log.sqlite-wal and log.sqlite-shm, and
/// keep signed.txt and own-entries.ndjson, or with tenants heads.bin and root-entries, as they are. The server then
/// reports whether anything that was signed is missing.
///
/// The backup of a log in a bucket is such a file too: from the folder of a server, whose index has everything that the
/// server has read from the bucket, or with --store from the bucket itself. The log that is restored from it is in a
/// folder. To restore a bucket, see `countersign serve --after-restore --store`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign backup --dir /var/lib/countersign --to /backup/audit.sqlite
  countersign backup --store s3://audit-logs/app --to /backup/audit.sqlite
  # crontab: one for each weekday
  0 3 * * * countersign backup --dir /srv/log --to /backup/$(date +\\%u).sqlite

The backup doesn't contain the log's private key: keep a copy of log.key offline.")]
pub(crate) struct Args {
    /// Folder of the log, or for a log in a bucket the folder of a server's index [default without --store:
    /// countersign-log]
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    dir: Option<PathBuf>,
    /// Bucket of the log: s3://, gs://, az://, or a folder, with credentials from the environment
    ///
    /// Reads every commit.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// File to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Delete from this journal (`serve --journal`) what the new backup has
    ///
    /// The file is then needed to restore the log: delete earlier backups, if at all, only after it is in a safe place.
    #[arg(long, value_name = "URL")]
    prune_journal: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from("countersign-log"));
    if args.store.is_none() {
        log_folder::expect_folder(&dir)?;
    }
    let is_a_place = fs::metadata(directory(&args.to))
        .and_then(|_| if args.to.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) });
    is_a_place.map_err(|error| CliError::io("write", &shown(&args.to), &error))?;
    if let Some(url) = &args.store {
        print(from_bucket(url, &args.to)?, &args.to);
        return Ok(ExitStatus::Success);
    }
    let made = backup::make(&dir, &args.to, now()?).map_err(|error| {
        let hint = "check the folder, the free disk space, and the permissions; run `countersign fsck` to find problems";
        CliError::unusable("store.failed", error.to_string(), log_folder::store_hint(&error, &dir, hint)).within(&shown(&dir))
    })?;
    print(made, &args.to);
    if let Err(error) = backup::note(&dir, made) {
        let folder = shown(&dir);
        style::warn(&format!(
            "{folder}: /healthz and the console won't show this backup, because its time could not be stored there: {error}"
        ));
    }
    if let Some(url) = &args.prune_journal {
        prune(args, url)?;
    }
    Ok(ExitStatus::Success)
}

/// Backs up the log in a bucket.
fn from_bucket(url: &str, to: &Path) -> Result<Backup, CliError> {
    let runtime = Runtime::new().map_err(|error| CliError::io("start", "the backup", &error))?;
    let made = backup::make_from_bucket(serve::bucket(url)?, runtime.handle().clone(), to, now()?);
    made.map_err(|error| {
        let hint = if matches!(error, StoreError::Damaged(_)) {
            "run `countersign fsck --store URL --dir DIR` to see what the bucket lost, and with --repair to put back what the \
             folder of a server has; or back up the folder of a server with --dir"
        } else {
            "check that there is a log in this bucket and that you may read it, and the free disk space"
        };
        CliError::unusable("store.failed", error.to_string(), hint).within(url)
    })
}

fn print(Backup { at, size }: Backup, to: &Path) {
    style::done(&format!("{} as of {at} in {}", entries(size), shown(to)));
}

/// Deletes what the backup has from a journal.
fn prune(args: &Args, url: &str) -> Result<(), CliError> {
    let place = serve::bucket(url)?;
    let runtime = Runtime::new().map_err(|error| CliError::io("start", "reading the journal", &error))?;
    let Pruned { begin, commits } =
        backup::prune_journal(&args.to, place, runtime.handle()).map_err(|error| {
            let hint = "pass the URL of this log's journal; the backup itself is complete";
            CliError::unusable("journal.unusable", error.to_string(), hint).within(url)
        })?;
    style::done(&format!("the journal begins at entry {begin} now: {commits} commits were deleted"));
    Ok(())
}
