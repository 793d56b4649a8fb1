//! Journals of ordinary logs.

use std::path::Path;
use std::sync::Arc;

use countersign::log::Limits;
use countersign::time::Time;
use countersign_log::tokens::{LogScope, Scope};
use countersign_log_server::bucket::{Bucket, JournalConfig, JournalMode, from_journal, prune};
use countersign_log_server::server::Bounds;
use countersign_log_server::tokens::{self, NewReader};
use countersign_log_server::{backup, sqlite};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use serde_json::json;
use tempfile::TempDir;

use super::{has, journal, objects, place, recover, root_contents};
use crate::common::emitter::{BEGIN, Emitter};
use crate::common::server::{Answer, ORIGIN, Server, client, emitter_key, log_key, send};
use crate::tenants::world::emitters;

pub(super) fn stopped(store: Arc<dyn ObjectStore>, mode: JournalMode) -> Server {
    let mut server = Server::stopped(BEGIN, &emitters(), Limits::default(), Bounds::default());
    server.journal = Some(journal(store, mode));
    server
}

pub fn start(store: Arc<dyn ObjectStore>, mode: JournalMode) -> Server {
    let mut server = stopped(store, mode);
    server.begin();
    server
}

pub(super) fn record(server: &Server, emitter: &mut Emitter, actors: &[&str]) {
    for actor in actors {
        emitter
            .record_event(&format!(r#"{{"action":"a","actor":{{"id":"{actor}"}},"note":"mark-{actor}"}}"#));
    }
    emitter.flush();
    emitter.deliver_all(&server.url(), usize::MAX);
}

pub(super) fn token(server: &Server) -> String {
    let (name, logs) = ("desk".to_owned(), LogScope::default());
    let reader =
        NewReader { name, rights: "read,erase".parse().unwrap(), until: None, scope: Scope::default(), logs };
    tokens::add_all(server.folder(), vec![reader]).unwrap().remove(0).as_str().to_owned()
}

pub(super) fn erase(server: &Server, token: &str, actor: &str) -> Answer {
    let body = json!({ "filter": { "actor": actor }, "reason": "case 17" }).to_string();
    send(client().post(server.url() + "/erase").bearer_auth(token).body(body))
}

#[test]
fn a_lost_disk_and_an_old_backup_lose_nothing() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut server = start(store.clone(), JournalMode::Wait);
    let mut emitter = server.emitter(0);
    record(&server, &mut emitter, &["ann", "bob", "carol"]);
    let backups = TempDir::new().unwrap();
    let file = backups.path().join("backup.sqlite");
    let made = backup::make(server.folder(), &file, Time::MIN).unwrap();

    record(&server, &mut emitter, &["dave", "erin"]);
    let token = token(&server);
    for actor in ["ann", "dave"] {
        let answer = erase(&server, &token, actor);
        assert_eq!((answer.status, &answer.json()["erased"]), (200, &json!(1)), "{answer:?}");
        assert!(!has(&objects(&server.handle(), &store), &format!("mark-{actor}")));
    }
    record(&server, &mut emitter, &["frank"]);
    // The server's own chain ends with it.
    server.stop();
    let before = root_contents(&server);
    // A commit with an erased event has a generation of events.
    assert!(objects(&server.handle(), &store).keys().any(|name| name.contains("private/events/")));

    let restored = recover(&mut server, Some(&file), store.clone());
    assert!(restored.is_complete, "{restored:?}");
    assert_eq!((restored.from, restored.to), (made.size, before.len() as u64));
    assert_eq!(restored.erased, 1);
    assert_eq!(root_contents(&server), before);
    server.begin();
    record(&server, &mut emitter, &["grace"]);

    // Entries that the backup has can be deleted. Then the backup is needed.
    let file = backups.path().join("later.sqlite");
    let later = backup::make(server.folder(), &file, Time::MIN).unwrap();
    record(&server, &mut emitter, &["heidi"]);
    let pruned = backup::prune_journal(&file, place(store.clone()), &server.handle()).unwrap();
    assert!(pruned.begin <= later.size && pruned.begin > 0 && pruned.commits > 1, "{pruned:?}");
    assert!(erase(&server, &self::token(&server), "bob").status == 200);
    record(&server, &mut emitter, &["ivan"]);
    server.stop();
    let before = root_contents(&server);
    let restored = recover(&mut server, Some(&file), store.clone());
    assert_eq!((restored.from, restored.erased), (later.size, 1));
    assert_eq!(root_contents(&server), before);
    let empty = TempDir::new().unwrap();
    let key = log_key();
    let lacks = from_journal(empty.path(), key.verifier_key(), 8, place(store.clone()), server.handle());
    assert!(lacks.unwrap_err().to_string().contains("restore a backup"));
    assert!(prune(place(store), "log.example/other", &*server_reader(&file), &server.handle()).is_err());
}

fn server_reader(file: &std::path::Path) -> Arc<dyn countersign_log::store::Reader> {
    let folder = TempDir::new().unwrap();
    std::fs::copy(file, folder.path().join(sqlite::FILE)).unwrap();
    sqlite::open_reader(&folder.keep()).unwrap().1
}

#[test]
fn another_journal_is_rejected_before_anything_is_written() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut server = start(store.clone(), JournalMode::Wait);
    let mut emitter = server.emitter(0);
    record(&server, &mut emitter, &["ann"]);
    server.stop();
    let before = objects(&server.handle(), &store);
    let rejection = |server: &mut Server| server.try_begin().unwrap_err().to_string();

    // A log with the same key and the same size, but another history.
    let mut fork = start(Arc::new(InMemory::new()), JournalMode::Wait);
    let mut other = Emitter::new(ORIGIN, emitter_key(1), 7, fork.trust());
    record(&fork, &mut other, &["bob"]);
    fork.stop();
    fork.journal = Some(journal(store.clone(), JournalMode::Wait));
    let error = rejection(&mut fork);
    assert!(error.contains("another history"), "{error}");

    // A log that is shorter than where the journal begins.
    let disk = TempDir::new().unwrap();
    let place = |folder: &Path| Bucket::parse(folder.to_str().unwrap()).unwrap();
    let config = |folder: &Path| Some(JournalConfig { place: place(folder), mode: JournalMode::Wait });
    server.journal = config(&disk.path().join("begun"));
    server.begin();
    record(&server, &mut emitter, &["carol"]);
    server.stop();
    let mut short = stopped(store.clone(), JournalMode::Wait);
    short.journal = config(&disk.path().join("begun"));
    let error = rejection(&mut short);
    assert!(error.contains("restore a backup"), "{error}");

    // A journal that went missing, such as one on a disk that isn't mounted.
    let mounted = disk.path().join("mounted");
    server.journal = config(&mounted);
    server.begin();
    record(&server, &mut emitter, &["dave"]);
    server.stop();
    std::fs::rename(&mounted, disk.path().join("unmounted")).unwrap();
    server.journal = config(&mounted);
    let error = rejection(&mut server);
    assert!(error.contains("is missing; mount its disk"), "{error}");

    // A journal isn't a bucket.
    let mut bucket = Server::stopped(BEGIN, &emitters(), Limits::default(), Bounds::default());
    bucket.store = Some(super::place(store.clone()));
    let error = rejection(&mut bucket);
    assert!(error.contains("the journal of a log"), "{error}");
    assert_eq!(objects(&server.handle(), &store), before);
}
