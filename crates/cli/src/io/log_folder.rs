//! The folder of a log, and what to do about a damaged one.

use std::path::Path;

use countersign_log::store::StoreError;
use countersign_log_server::sqlite;

use crate::errors::{CliError, shown};

/// Requires that a log's folder exists; only `serve` creates it.
pub(crate) fn expect_folder(folder: &Path) -> Result<(), CliError> {
    if folder.is_dir() {
        return Ok(());
    }
    let hint = "use --dir with the log's folder, which `countersign serve` creates";
    Err(CliError::unusable("io.not_found", "the folder does not exist", hint).within(&shown(folder)))
}

/// The hint for a damaged store.
pub(crate) const DAMAGED_STORE: &str = "check that the folder belongs to this log; run `countersign fsck` to see what is \
     damaged; restore log.sqlite from a backup, and restore newer entries with `countersign serve --after-restore --repair PLACE`";

/// The hint for a damaged index of a bucket, or one that is used without its bucket.
pub(crate) const DAMAGED_INDEX: &str = "the folder has the index of a log in a bucket: pass --store with the bucket's URL; \
     `countersign fsck --store URL --dir DIR` shows what is damaged, and --repair repairs it";

/// The hint for a damaged bucket.
pub(crate) const DAMAGED_BUCKET: &str = "check that --dir and --store belong to the same log; run `countersign fsck --store URL --dir DIR` to see what the bucket \
     lost, and with --repair to put back what this folder has; if another server's folder has newer entries, start that \
     server; otherwise stop all servers, and run `countersign serve --after-restore --store URL`";

/// Returns the hint for a store in a folder that could not be read: `otherwise` unless it is damaged.
pub(crate) fn store_hint(error: &StoreError, folder: &Path, otherwise: &'static str) -> &'static str {
    if matches!(error, StoreError::Damaged(_)) { damaged_hint(folder) } else { otherwise }
}

/// Returns the hint for a damaged store in a folder.
pub(crate) fn damaged_hint(folder: &Path) -> &'static str {
    if sqlite::is_index_folder(folder).unwrap_or(false) { DAMAGED_INDEX } else { DAMAGED_STORE }
}
