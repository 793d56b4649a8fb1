//! The tenant logs that a folder remembers, with the newest head of each: those of its root log, and those of root logs
//! that ended in it.
//!
//! A log that stopped can't always prove its newest head. It can be continued nevertheless: the log server remembers the
//! head, and states it (SPEC section 12).

use std::collections::BTreeMap;
use std::path::Path;

use countersign::note::VerifierKey;
use countersign::tenant::{State, TenantOrigin};
use countersign::time::Time;
use countersign_log::store::StoreError;
use countersign_log::tenants::guard::{compare_heads, complete_to};
use countersign_log::tenants::memory::RememberedHead;
use countersign_log::tenants::tenant::{TenantId, TenantNumber};
use serde_json::{Value, json};

use crate::heads_file::TenantHeadsFile;
use crate::restore::succession::Succession;
use crate::signed_file::SignedFile;
use crate::sqlite;

/// The last known state of a tenant log, as its log server remembers it.
#[derive(Clone, Debug)]
pub struct RememberedLog {
    /// The log's origin.
    pub origin: TenantOrigin,
    /// Its newest head, which may not be proven.
    pub last: RememberedHead,
    /// True if the log can't grow anymore: it ended, is stopped, or its root log ended.
    pub is_final: bool,
    /// The newest known checkpoint of the root log.
    pub checkpoint: Option<String>,
    /// The public key of a root log that ended.
    pub vkey: Option<String>,
}

impl RememberedLog {
    /// Finds the tenant log with an ID, in a folder's root log or in those that ended in the folder.
    ///
    /// # Errors
    /// If a file can't be read.
    pub fn find(folder: &Path, id: &TenantId) -> Result<Option<Self>, StoreError> {
        if sqlite::has_tenants(folder)? {
            let (root, readers) = sqlite::open_tenant_readers(folder)?;
            let last = heads(folder, &root)?.into_values().find(|last| last.head.id == *id);
            if let Some((last, origin)) = last.and_then(|last| Some((last, TenantOrigin::new(&root, *id)?))) {
                let remembered = TenantHeadsFile::read(folder, &root)?;
                let complete_to = complete_to(readers.root().size()?);
                let stored = readers.heads()?;
                let compared = compare_heads(&stored, &remembered.heads, &*readers, complete_to, Time::MIN)?;
                let is_stopped = compared.stops.iter().any(|stop| stop.head.id == *id)
                    || readers.log(last.head.number).size()? < last.head.size;
                let is_final = is_stopped || last.head.state != State::Live;
                let checkpoint = newest_checkpoint(folder, &root)?;
                return Ok(Some(Self { origin, last, is_final, checkpoint, vkey: None }));
            }
        }
        for archive in Succession::archives(folder).map_err(reading)? {
            let root = &archive.succession.old;
            let last = heads(&archive.folder, root)?.into_values().find(|last| last.head.id == *id);
            if let Some((last, origin)) = last.and_then(|last| Some((last, TenantOrigin::new(root, *id)?))) {
                return Ok(Some(Self::of_ended(&archive.succession, origin, last)));
            }
        }
        Ok(None)
    }

    /// Returns the log of a root log that ended.
    pub(crate) fn of_ended(ending: &Succession, origin: TenantOrigin, last: RememberedHead) -> Self {
        let (checkpoint, vkey) = (ending.checkpoint().map(str::to_owned), Some(ending.vkey().to_owned()));
        Self { origin, last, is_final: true, checkpoint, vkey }
    }

    /// Returns the event of a log server, whose root log has the origin `server`, that states that another log continues
    /// this one: `log.continues`. `vkey` is the public key of this log's root log.
    pub fn statement(&self, server: &str, vkey: &str, reason: &str, code: &str, ended: &str) -> Value {
        let RememberedHead { tick, head } = self.last;
        json!({
            "action": "log.continues",
            "actor": { "type": "service", "id": server },
            "target": { "type": "log", "id": self.origin.as_str() },
            "reason": reason,
            "metadata": {
                "vkey": vkey,
                "checkpoint": self.checkpoint,
                "last": {
                    "tick": tick,
                    "size": head.size,
                    "root": head.root.to_string(),
                    "state": head.state.as_str(),
                },
                "code": code,
                "ended": ended,
            },
        })
    }
}

/// Returns the key of the root log that signed the checkpoint, or, without a checkpoint, the only one.
pub fn key_of<'k>(
    checkpoint: Option<&str>,
    root: &str,
    keys: impl Iterator<Item = &'k VerifierKey>,
) -> Option<&'k VerifierKey> {
    let signed = checkpoint.and_then(|note| countersign::checkpoint::SignedCheckpoint::parse(note).ok());
    let mut keys: Vec<_> = keys.filter(|key| key.name() == root).collect();
    if let Some(signed) = signed {
        keys.retain(|key| signed.is_signed_by(key));
    }
    keys.first().copied()
}

/// Returns the newest remembered head of each tenant log; for logs without one, the head in the database.
pub(crate) fn heads(folder: &Path, root: &str) -> Result<BTreeMap<TenantNumber, RememberedHead>, StoreError> {
    let mut heads = BTreeMap::new();
    if sqlite::has_tenants(folder)? {
        let (_, readers) = sqlite::open_tenant_readers(folder)?;
        let tick = readers.root().size()?.saturating_sub(1);
        heads.extend(readers.heads()?.into_iter().map(|head| (head.number, RememberedHead { tick, head })));
    }
    let remembered = TenantHeadsFile::read(folder, root)?.heads;
    heads.extend(remembered.into_iter().map(|last| (last.head.number, last)));
    Ok(heads)
}

/// Returns the newest checkpoint in the folder's record of signed ones.
fn newest_checkpoint(folder: &Path, origin: &str) -> Result<Option<String>, StoreError> {
    Ok(SignedFile::read(folder, origin)?.newest().map(|head| head.note(origin)))
}

fn reading(error: std::io::Error) -> StoreError {
    StoreError::unavailable("reading the ended logs", error)
}
