//! Recovery of tenant logs in a bucket that lost objects: they are put back from the indexes in servers' folders.
//!
//! Each commit is put back from the first folder that has a proven copy of it. Nothing else is taken for it, because a
//! commit has entries of tenant logs, which no mirror has. So either everything that was signed is there again, or nothing
//! continues.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Config;
use super::end_reason::EndReason;
use crate::bucket::{CommitRange, PutBack, check_tenants_bucket, claim_tenants_bucket};
use crate::signed_file::SignedFile;
use crate::signed_file::head_of;
use crate::sqlite;
use crate::start_error::{StartError, lock};
use crate::stop_file::StopFile;
use countersign_log::signed_memory::SignedHead;
use countersign_log::stop::{Cause, Line, Stops as _};
use countersign_log::store::StoreError;

/// The recovery of a bucket with tenant logs. The folder of its server is locked.
pub struct TenantBucketRestore {
    config: Config,
    /// The indexes in servers' folders, with the one that has the most ticks first.
    indexes: Vec<Index>,
    _lock: countersign_files::Lock,
}

struct Index {
    name: String,
    ticks: u64,
    bucket: PutBack,
}

/// The way in which the logs continue.
pub enum TenantBucketPlan {
    /// No commit is missing.
    Continue,
    /// These numbers of commits are put back, by the folder that has them.
    PutBack(BTreeMap<String, u64>),
    /// They can't continue.
    End(EndReason),
}

impl TenantBucketRestore {
    /// Opens the bucket for recovery without changing anything in it. `others` are folders of the log's other servers.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open(config: Config, others: &[PathBuf]) -> Result<Self, StartError> {
        let lock = lock(&config.folder)?;
        let no_bucket = || StoreError::unavailable("opening the bucket", "no bucket is given");
        let (bucket, handle) = config.bucket.clone().ok_or_else(no_bucket)?;
        check_tenants_bucket(&bucket, &config.key, &handle)?;
        let mut indexes = Vec::new();
        for folder in std::iter::once(&config.folder).chain(others) {
            if !sqlite::has_tenants(folder)? || !sqlite::is_index_folder(folder)? {
                continue;
            }
            let (origin, readers) = sqlite::open_tenant_readers(folder)?;
            if origin != config.key.name() {
                let why = format!("{}: the folder has the log {origin:?}", folder.display());
                return Err(StoreError::Damaged(why).into());
            }
            let ticks = readers.root().size()?;
            let bucket = PutBack::of_tenants(&bucket, &handle, folder, &config.key, readers)?;
            indexes.push(Index { name: folder.display().to_string(), ticks, bucket });
        }
        indexes.sort_by_key(|index| std::cmp::Reverse(index.ticks));
        Ok(Self { config, indexes, _lock: lock })
    }

    /// Decides how the logs continue.
    ///
    /// # Errors
    /// If the bucket or an index fails.
    pub fn plan(&self) -> Result<TenantBucketPlan, StoreError> {
        let end = |cause: Cause, why: String| {
            TenantBucketPlan::End(EndReason { code: cause.code(), why, checkpoint: None })
        };
        let Some(fullest) = self.indexes.first() else {
            let why = "no server's folder has an index of this bucket, so nothing that the bucket lost can be put back";
            return Ok(end(Cause::Rollback, why.into()));
        };
        let recorded = fullest.bucket.recorded()?;
        if let Some(recorded) = recorded.filter(|recorded| recorded.size > fullest.ticks) {
            let why = format!(
                "{} ticks were signed, but the bucket and the folders have only {}; add --repair with the folder of the \
                 server that made the last ticks",
                recorded.size, fullest.ticks
            );
            return Ok(end(Cause::Rollback, why));
        }
        if !self.config.nothing_newer
            && let Some(doubt) = fullest.bucket.doubt()?
        {
            return Ok(end(Cause::Unremembered, doubt));
        }
        let missing = fullest.bucket.missing(CommitRange::All, &|| true)?.missing;
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for tick in &missing {
            let mut has_copy = None;
            for index in &self.indexes {
                if index.bucket.copy(*tick)?.is_some() {
                    has_copy = Some(&index.name);
                    break;
                }
            }
            let Some(name) = has_copy else {
                let why = format!("the commit of tick {tick} is lost, and no folder has a proven copy of it");
                return Ok(end(Cause::Rollback, why));
            };
            *found.entry(name.clone()).or_default() += 1;
        }
        Ok(if found.is_empty() { TenantBucketPlan::Continue } else { TenantBucketPlan::PutBack(found) })
    }

    /// Puts the commits back, and lets the logs continue. If it is interrupted, it can be run again.
    ///
    /// # Errors
    /// If the bucket or a folder fails.
    pub fn carry_out(self, plan: &TenantBucketPlan) -> Result<(), StoreError> {
        if let TenantBucketPlan::End(reason) = plan {
            return Err(StoreError::Damaged(reason.why.clone()));
        }
        let Config { folder, bucket, key, now, .. } = &self.config;
        if let Some((bucket, handle)) = bucket {
            claim_tenants_bucket(bucket, key, handle)?;
        }
        for index in self.indexes.iter().rev() {
            let missing = index.bucket.missing(CommitRange::All, &|| true)?;
            index.bucket.put_confirmed_back(&missing)?;
        }
        for index in &self.indexes {
            index.bucket.put_others_back()?;
        }
        let heads = self.signed()?;
        if let Some(fullest) = self.indexes.first() {
            fullest.bucket.put_signed_back(&heads)?;
        }
        SignedFile::replace(folder, key.name(), &heads)?;
        let message = "resumed with --after-restore: the bucket has all commits that the folders have";
        StopFile::new(folder).keep(&Line::resumed(*now, message))
    }

    /// Returns the heads that are known to be signed, in ascending order.
    fn signed(&self) -> Result<Vec<SignedHead>, StoreError> {
        let Config { folder, key, keys, .. } = &self.config;
        let mut heads = SignedFile::read(folder, key.name())?.heads;
        let keys: Vec<_> = std::iter::once(key).chain(keys).cloned().collect();
        for index in &self.indexes {
            heads.extend(index.bucket.recorded()?);
            heads.extend(index.bucket.signed().iter().cloned());
        }
        heads.retain(|head| head_of(&head.note(key.name()), &keys).is_some());
        heads.sort_by_key(|head| head.size);
        heads.dedup_by_key(|head| head.size);
        Ok(heads)
    }
}
