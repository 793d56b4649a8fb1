//! The loss of a stopped tenant log is accepted once its operator ends the log.

use countersign_log_server::accepted_losses;

use super::*;

#[test]
fn loss_of_an_ended_log_is_no_problem_anymore() {
    let mut world = World::new();
    world.stop();
    let saved = TempDir::new().unwrap();
    copy(world.folder.path(), saved.path());
    world.begin();
    world.record(0, 4);
    world.stop();
    world.set_back(0, &saved.path().join(sqlite::FILE));
    world.begin();
    assert_eq!(world.serving().tenants().unwrap().stops().len(), 1);
    let id = world.logs[0].tenant.id;
    sqlite::end_tenants(world.folder.path(), &["a"], &Ending::End).unwrap();
    until("it ends", || world.serving().tenants().unwrap().head(&id).unwrap().state == State::Ended);
    // In the second round, the folder is one in which an older version ended the log.
    for is_of_older_version in [false, true] {
        until("no log is stopped", || world.serving().tenants().unwrap().stops().is_empty());
        assert_eq!(world.get("/healthz", &world.admin).json()["tenants"]["stopped"], serde_json::json!([]));
        let listed = String::from_utf8(world.get("/tenants", &world.admin).body).unwrap();
        let line: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
        assert_eq!((&line["state"], &line["ended_after"]), (&"ended".into(), &"log.rollback".into()));
        assert!(line.get("stopped").is_none());
        assert_eq!(world.get_of(0, "export").refusal(), (503, "log.rollback".to_owned()));
        world.stop();
        if is_of_older_version {
            fs::remove_file(world.file(accepted_losses::FILE)).unwrap();
        }
        let report = world.fsck();
        assert!(report.is_whole() && !report.accepted.is_empty(), "{report:?}");
        world.begin();
    }
    world.assert_works(1);
    world.stop();
    assert_eq!(accepted_losses::read(world.folder.path()).unwrap()[0].cause, Cause::Rollback);
    // Further damage of the same log is a problem.
    let entry = i64::from(world.logs[0].tenant.number.get()) << 32;
    world.database().execute("DELETE FROM leaves WHERE idx = ?", [entry + 1]).unwrap();
    assert!(!world.fsck().is_whole());
}
