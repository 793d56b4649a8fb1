//! Tests of journals: a lost disk and an old backup lose nothing and end nothing.

mod faults;
pub mod ordinary;
mod tenants;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use countersign::time::Time;
use countersign_log::store::StoredLeaf;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::tenant::Tenant;
use countersign_log_server::bucket::{Bucket, JournalConfig, JournalMode, Restored, from_journal};
use countersign_log_server::restore::{self, Plan, Restore};
use countersign_log_server::sqlite;
use futures_util::TryStreamExt as _;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::bucket::world::contents;
use crate::common::emitter::BEGIN;
use crate::common::server::{Server, log_key};

/// Returns the place of a journal in an object store.
fn place(store: Arc<dyn ObjectStore>) -> Bucket {
    Bucket::new(store, ObjectPath::from("journals/audit")).with_pause(std::time::Duration::from_millis(1))
}

fn journal(store: Arc<dyn ObjectStore>, mode: JournalMode) -> JournalConfig {
    JournalConfig { place: place(store), mode }
}

/// Returns everything that a stopped root log's folder has about its tenant logs: their names, first ticks, heads, and entries
/// with events, and the ticks and sizes of kept heads.
fn tenant_contents(server: &Server) -> Vec<Content> {
    let (_, readers) = sqlite::open_tenant_readers(server.folder()).unwrap();
    let heads = readers.heads().unwrap();
    let tenants = readers.tenants(0, 1 << 20).unwrap();
    assert_eq!(tenants.len(), heads.len());
    let content = |(tenant, head): (Tenant, SlotHead)| {
        assert_eq!(tenant.number, head.number);
        let log = readers.log(tenant.number);
        let size = log.size().unwrap();
        let kept = readers.history(tenant.number, &tenant.id).kept_heads(0..1 << 40).unwrap();
        let kept = kept.iter().map(|kept| (kept.tick, kept.size)).collect();
        let entries = log.leaves_with_events(0..size).unwrap();
        Content { name: tenant.name, since: tenant.since, head, entries, kept }
    };
    tenants.into_iter().zip(heads).map(content).collect()
}

/// The contents of a root log's folder about a tenant log.
#[derive(Debug, PartialEq)]
struct Content {
    name: String,
    since: Option<u64>,
    head: SlotHead,
    entries: Vec<StoredLeaf>,
    kept: Vec<(u64, u64)>,
}

/// Returns the entries of a stopped ordinary log, or of a stopped root log, with their events.
fn root_contents(server: &Server) -> Vec<StoredLeaf> {
    let reader = if sqlite::has_tenants(server.folder()).unwrap() {
        sqlite::open_tenant_readers(server.folder()).unwrap().1.root()
    } else {
        sqlite::open_reader(server.folder()).unwrap().1
    };
    contents(&*reader)
}

/// Restores a log in a new folder from a backup, if there is one, and a journal, as `serve --after-restore` does.
fn recover(server: &mut Server, backup: Option<&Path>, store: Arc<dyn ObjectStore>) -> Restored {
    server.stop();
    let lost = std::mem::replace(&mut server.folder, TempDir::new().unwrap());
    drop(lost);
    if let Some(backup) = backup {
        fs::copy(backup, server.folder().join(sqlite::FILE)).unwrap();
    }
    let handle = server.handle();
    let key = log_key();
    let restored =
        from_journal(server.folder(), key.verifier_key(), 8, place(store.clone()), handle.clone()).unwrap();
    // Repeated, it changes nothing.
    let again = from_journal(server.folder(), key.verifier_key(), 8, place(store), handle).unwrap();
    assert_eq!((again.from, again.to, again.erased), (restored.to, restored.to, 0));
    let config = restore::Config {
        folder: server.folder().to_owned(),
        bucket: None,
        key: log_key().verifier_key().clone(),
        keys: Vec::new(),
        witnesses: Vec::new(),
        nothing_newer: restored.is_complete,
        now: Time::from_millis(BEGIN).unwrap(),
    };
    let mut restore = Restore::open(config).unwrap();
    restore.collect(Vec::new()).unwrap();
    let plan = restore.plan().unwrap();
    assert!(matches!(plan, Plan::Continue { .. }));
    restore.carry_out(plan).unwrap();
    restored
}

/// Returns all objects by name.
fn objects(handle: &Handle, store: &Arc<dyn ObjectStore>) -> BTreeMap<String, Vec<u8>> {
    handle.block_on(async {
        let mut objects = BTreeMap::new();
        for meta in store.list(None).try_collect::<Vec<_>>().await.unwrap() {
            let found = store.get(&meta.location).await.unwrap();
            objects.insert(meta.location.to_string(), found.bytes().await.unwrap().to_vec());
        }
        objects
    })
}

fn has(objects: &BTreeMap<String, Vec<u8>>, text: &str) -> bool {
    objects.values().any(|content| content.windows(text.len()).any(|window| window == text.as_bytes()))
}
