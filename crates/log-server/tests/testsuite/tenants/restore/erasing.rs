//! Erased events stay erased after the restore of a backup, and erasing works in a log that can't sign.

use countersign_log_server::erasure_memory;
use serde_json::json;

use super::*;

impl World {
    /// Erases all events of a log's recorder.
    fn erase(&self, log: usize, token: &str) -> Value {
        let url = self.url(&(self.path(log) + "/erase"));
        let body = json!({ "filter": { "action": "event" }, "reason": "case 1" });
        let answer = send(client().post(url).bearer_auth(token).body(body.to_string()));
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    fn erasures(&self, log: usize, token: &str) -> Value {
        let answer = self.get(&format!("{}/erasures", self.path(log)), token);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// Returns the number of events of a log's recorder that a database has.
    fn events_in(&self, log: usize, database: &Path) -> u64 {
        let number = i64::from(self.logs[log].tenant.number.get());
        let sql = "SELECT count(*) FROM events WHERE idx >> 32 = ? AND event LIKE '%\"action\":\"event\"%'";
        Connection::open(database).unwrap().query_row(sql, [number], |row| row.get(0)).unwrap()
    }

    fn events(&self, log: usize) -> u64 {
        self.events_in(log, &self.file(sqlite::FILE))
    }

    fn eraser(&self) -> String {
        let mut logs = LogScope::default();
        logs.allow_written("*").unwrap();
        let rights = "read,erase,admin".parse().unwrap();
        let new = NewReader { name: "desk".into(), rights, until: None, scope: Scope::default(), logs };
        tokens::add_all(self.folder.path(), vec![new]).unwrap().pop().unwrap().as_str().to_owned()
    }

    fn end(&self, log: usize) {
        let id = self.logs[log].tenant.id;
        sqlite::end_tenants(self.folder.path(), &[&self.logs[log].tenant.name], &Ending::End).unwrap();
        let state = || self.serving().tenants().unwrap().head(&id).map(|head| head.state);
        until("the log ends", || state() == Some(State::Ended));
    }

    /// Restores an old database, as an operator does.
    fn restore_database(&self, from: &Path) {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.file(&(sqlite::FILE.to_owned() + end)));
        }
        fs::copy(from, self.file(sqlite::FILE)).unwrap();
    }
}

/// The events of a tenant log that were erased after the backup are never back, whether the root log or the tenant log is
/// stopped, or the tenant log has ended.
#[test]
fn restored_backup_never_shows_erased_events() {
    let mut world = World::new();
    let token = world.eraser();
    world.stop();
    let (old, newer) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (backup, copied) = (old.path().join("backup"), old.path().join("copy"));
    backup::make(world.folder.path(), &backup, Time::MIN).unwrap();
    world.begin();
    assert_eq!(world.erase(0, &token), json!({ "erased": 3, "without": 0, "own": 0, "held": 0 }));
    world.record(1, 1);
    world.stop();
    copy(world.folder.path(), newer.path());
    world.restore_database(&backup);
    assert_eq!(world.events_in(0, &backup), 3, "the backup has the events");
    // Without a server, a backup of the restored folder doesn't have them.
    backup::make(world.folder.path(), &copied, Time::MIN).unwrap();
    assert_eq!(world.events_in(0, &copied), 0);
    world.restore_database(&backup);
    // The root log is stopped: no tick is published.
    world.begin();
    assert_eq!(world.serving().log_server().signing().stopped().unwrap().cause, Cause::Rollback);
    assert_eq!(world.events(0), 0);
    assert_eq!(world.erase(0, &token)["erased"], 0);
    assert_eq!(world.get(&format!("{}/evidence", world.path(0)), &world.admin).status, 200);
    // The other log's events are erased for the first time, and the log can't record that.
    let erased = world.erase(1, &token);
    assert_eq!((&erased["erased"], &erased["unrecorded"]), (&json!(3), &json!(3)));
    let unrecorded = world.erasures(1, &token)["unrecorded"].clone();
    assert_eq!(unrecorded[0]["reason"], "case 1");
    assert_eq!((&unrecorded[0]["actor"]["id"], &unrecorded[0]["events"]), (&json!("desk"), &json!(3)));
    // The root log continues, and both logs are stopped.
    let folder = world.folder.path().to_owned();
    let source = || Box::new(Folder::open("newer".into(), newer.path()).unwrap());
    assert_eq!(world.after_restore_from(&folder, false, vec![source()]), None);
    world.begin();
    for log in 0..2 {
        assert_eq!(world.get_of(log, "export").refusal(), (503, "log.rollback".to_owned()));
        assert_eq!((world.events(log), &world.erase(log, &token)["erased"]), (0, &json!(0)));
        assert_eq!(world.erasures(log, &token)["unrecorded"].as_array().unwrap().len(), 1);
    }
    // Erasing in a log that has ended.
    world.end(0);
    assert_eq!(world.erase(0, &token)["erased"], 0);
    world.stop();
    world.restore_database(&backup);
    world.begin();
    assert_eq!((world.events(0), world.events(1)), (0, 0));
    world.stop();
    let of_erasures =
        world.problems().into_iter().find(|(code, _)| ["fsck.unrecorded", "fsck.erasure"].contains(code));
    assert_eq!(of_erasures, None);
    assert!(!fs::read_to_string(world.file(erasure_memory::FILE)).unwrap().contains("event\\\""));
}

/// A folder in which an older version left the events, because it didn't remember the erasure.
#[test]
fn events_that_an_older_version_brought_back_can_be_erased() {
    let mut world = World::new();
    let token = world.eraser();
    world.stop();
    let (old, newer) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let backup = old.path().join("backup");
    backup::make(world.folder.path(), &backup, Time::MIN).unwrap();
    world.begin();
    world.erase(0, &token);
    world.stop();
    copy(world.folder.path(), newer.path());
    world.restore_database(&backup);
    fs::remove_file(world.file(erasure_memory::FILE)).unwrap();
    let folder = world.folder.path().to_owned();
    let source = Box::new(Folder::open("newer".into(), newer.path()).unwrap());
    assert_eq!(world.after_restore_from(&folder, false, vec![source]), None);
    world.begin();
    assert_eq!(world.events(0), 3);
    world.end(0);
    let erased = world.erase(0, &token);
    assert_eq!((world.events(0), &erased["erased"], &erased["unrecorded"]), (0, &json!(3), &json!(3)));
    // Another log is not affected, and records its erasure.
    assert_eq!(world.erase(1, &token), json!({ "erased": 3, "without": 0, "own": 0, "held": 0 }));
    world.record(1, 1);
}
