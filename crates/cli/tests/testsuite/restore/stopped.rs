//! Each way of rolling back a log's storage stops the server from signing.

use std::fs;

use countersign::checkpoint::SignedCheckpoint;
use serde_json::Value;

use super::scene::{DATABASE, Scene, files, only, restore, roll_back};
use crate::common::emitter::client;
use crate::common::process::{Place, log_key, run};
use crate::common::witness::Witness;

#[test]
fn a_database_of_an_old_backup() {
    let scene = Scene::new(Place::new(2));
    restore(scene.folder(), &DATABASE, &only(&scene.backup, &DATABASE));
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
    server.stop();
    // Restarting does not help.
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
}

#[test]
fn a_write_ahead_log_that_was_deleted() {
    let scene = Scene::new(Place::new(2));
    fs::remove_file(scene.place.path("log.sqlite-wal")).unwrap();
    fs::remove_file(scene.place.path("log.sqlite-shm")).unwrap();
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
}

#[test]
fn a_write_ahead_log_that_was_halved() {
    let scene = Scene::new(Place::new(2));
    let path = scene.place.path("log.sqlite-wal");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let _ = fs::remove_file(scene.place.path("log.sqlite-shm"));
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
}

#[test]
fn a_database_that_is_gone() {
    let scene = Scene::new(Place::new(2));
    restore(scene.folder(), &DATABASE, &super::scene::Files::new());
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
}

#[test]
fn a_folder_of_an_old_backup() {
    let scene = Scene::new(Place::new(2));
    let all = files(scene.folder());
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    restore(scene.folder(), &names, &scene.backup);
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.copied");
}

#[test]
fn a_copy_of_a_folder_beside_the_log_itself() {
    let scene = Scene::new(Place::new(2));
    let copy = Place::new(2);
    restore(copy.folder.path(), &[], &files(scene.folder()));
    let server = scene.place.serve();
    assert_eq!(scene.submit(&server).0, 200);
    let second = copy.serve();
    scene.assert_stopped(&second, "log.copied");
    server.stop();
}

#[test]
fn a_disk_that_was_rolled_back_under_a_log_whose_witness_knows_more() {
    let witness = Witness::start();
    let scene = Scene::new(Place::with(2, &witness.line));
    roll_back(scene.folder(), &scene.backup);
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
    let dir = scene.folder().to_str().unwrap();
    let shown = run(&["forks", "--dir", dir, "--json"]);
    assert_eq!(shown.status.code(), Some(1));
    let evidence: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&evidence["code"], &evidence["witness"]["status"]), (&"log.rollback".into(), &409.into()));
    assert_eq!(evidence["witness"]["size"], scene.checkpoint.checkpoint.size);
    let ours = SignedCheckpoint::parse(evidence["checkpoint"].as_str().unwrap()).unwrap();
    assert!(ours.is_signed_by(log_key().verifier_key()));
    let said = String::from_utf8(run(&["forks", "--dir", dir]).stdout).unwrap();
    assert!(said.contains("w.example answered 409, it cosigned 31 entries"), "{said}");
    // Admins get the same data from the server.
    for (name, right, status) in [("operator", "admin", 200), ("auditor", "read", 403)] {
        let token = run(&["token", "add", name, "--right", right, "--dir", dir]).stdout;
        let token = String::from_utf8(token).unwrap();
        let asked = client().get(format!("{}/evidence", server.url)).bearer_auth(token.trim());
        let answer = asked.send().unwrap();
        assert_eq!(answer.status(), status);
        if status == 200 {
            assert_eq!(answer.bytes().unwrap(), shown.stdout);
        }
    }
    server.stop();
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
}

#[test]
fn a_database_of_an_old_backup_under_a_log_with_a_witness() {
    let witness = Witness::start();
    let scene = Scene::new(Place::with(2, &witness.line));
    restore(scene.folder(), &DATABASE, &only(&scene.backup, &DATABASE));
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
}
