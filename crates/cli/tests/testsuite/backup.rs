//! `countersign backup` of a served log, and restoring the backup.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

use crate::common::serving::ServedLog;
use crate::common::{ORIGIN, Place, events};

fn serve(place: &Place) -> ServedLog {
    let args = ["--dir", "log", "--origin", ORIGIN, "--key", "log.key", "--trust", "served.txt"];
    ServedLog::start(&place.path("."), &[&args[..], &["--listen", "127.0.0.1:0", "--no-page"]].concat())
}

fn record(place: &Place, log: &ServedLog, count: usize) {
    place.write("events.ndjson", events(count));
    place
        .run(&["record", "--key", "app.key", "--to", log.url(), "--log", &place.log, "events.ndjson"])
        .success();
}

fn health(log: &ServedLog) -> (u16, Value) {
    let client = countersign_tls::blocking_http_client().build().unwrap();
    let answer = client.get(format!("{}/healthz", log.url())).send().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().unwrap()).unwrap())
}

/// Replaces the database with a backup.
fn restore(place: &Place, backup: &str) {
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(place.path(&format!("log/log.sqlite{end}")));
    }
    fs::copy(place.path(backup), place.path("log/log.sqlite")).unwrap();
}

#[test]
fn backs_up_a_served_log_and_restores_it() {
    let place = Place::new();
    place.write("served.txt", format!("log {}\nemitter {}\n", place.log, place.app));
    let log = serve(&place);
    record(&place, &log, 5);
    assert_eq!(health(&log).1["backup"], Value::Null);
    let backup = |to| place.run(&["backup", "--dir", "log", "--to", to]);
    let told = backup("one.sqlite").success().get_output().stderr.clone();
    let size = health(&log).1["size"].as_u64().unwrap();
    assert!(String::from_utf8(told).unwrap().contains(&format!("{size} entries as of 20")));
    let mode = fs::metadata(place.path("one.sqlite")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds events");
    let told = &health(&log).1["backup"];
    assert_eq!(told["size"], size);
    assert!(told["at"].as_str().unwrap().starts_with("20"));
    record(&place, &log, 3);
    backup("two.sqlite").success();
    assert!(health(&log).1["backup"]["size"].as_u64() > Some(size));
    assert_eq!(
        place.files().iter().filter(|name| name.starts_with('.')).count(),
        0,
        "nothing is left beside it"
    );
    drop(log);

    // A current backup is complete, and the log continues.
    restore(&place, "two.sqlite");
    place.run(&["fsck", "--dir", "log"]).success();
    let log = serve(&place);
    assert_eq!(health(&log).0, 200);
    record(&place, &log, 1);
    drop(log);

    // An older backup lacks acknowledged entries.
    restore(&place, "one.sqlite");
    let (status, told) = health(&serve(&place));
    assert_eq!((status, told["stopped"]["code"].as_str()), (503, Some("log.rollback")), "{told}");
}

#[test]
fn export_of_a_corrupt_database_suggests_fsck() {
    let place = Place::new();
    place.write("served.txt", format!("log {}\nemitter {}\n", place.log, place.app));
    let log = serve(&place);
    record(&place, &log, 300);
    // Unlike the folder of a server that was killed, a backup has no write-ahead log.
    place.run(&["backup", "--dir", "log", "--to", "backup.sqlite"]).success();
    drop(log);
    fs::create_dir(place.path("copy")).unwrap();
    let mut database = fs::read(place.path("backup.sqlite")).unwrap();
    // The entries are in this part.
    let page = database.len() * 5 / 8 / 4096 * 4096;
    database[page..page + 4096].fill(b'Z');
    fs::write(place.path("copy/log.sqlite"), database).unwrap();
    place
        .run(&["export", "--dir", "copy", "-o", "damaged.ndjson"])
        .failure()
        .stderr(contains("malformed").and(contains("run `countersign fsck`")));
}

#[test]
fn failed_backups_keep_the_earlier_one() {
    let place = Place::new();
    place.write("kept.sqlite", "the backup of yesterday");
    fs::create_dir(place.path("empty")).unwrap();
    for folder in ["nowhere", "empty"] {
        place.run(&["backup", "--dir", folder, "--to", "kept.sqlite"]).code(2);
        assert_eq!(place.read("kept.sqlite"), "the backup of yesterday");
    }
    fs::write(place.path("empty/log.sqlite"), "no database").unwrap();
    place.run(&["backup", "--dir", "empty", "--to", "kept.sqlite"]).code(2);
    assert_eq!(place.read("kept.sqlite"), "the backup of yesterday");
}

#[test]
fn backs_up_even_if_it_cannot_record_the_time() {
    let place = Place::new();
    place.write("served.txt", format!("log {}\nemitter {}\n", place.log, place.app));
    let log = serve(&place);
    record(&place, &log, 1);
    fs::create_dir(place.path("log/backup.txt")).unwrap();
    let told = place.run(&["backup", "--dir", "log", "--to", "one.sqlite"]).success();
    told.stderr(
        contains("done:").and(contains("warning: log: /healthz and the console won't show this backup")),
    );
    assert!(place.path("one.sqlite").exists());
}

/// For example, a folder on a read-only file system.
#[test]
fn backs_up_a_read_only_folder() {
    let place = Place::new();
    place.write("served.txt", format!("log {}\nemitter {}\n", place.log, place.app));
    let log = serve(&place);
    record(&place, &log, 1);
    drop(log);
    let _ = fs::remove_file(place.path("log/log.sqlite-shm"));
    std::os::unix::fs::symlink("nowhere/shm", place.path("log/log.sqlite-shm")).unwrap();
    for command in [
        &["export", "--dir", "log"][..],
        &["fsck", "--dir", "log"],
        &["backup", "--dir", "log", "--to", "one.sqlite"],
    ] {
        place.run(command).success();
    }
}

/// An error about the folder does not mention the address.
#[test]
fn reports_a_folder_that_cannot_be_locked() {
    let place = Place::new();
    fs::create_dir_all(place.path("log/lock")).unwrap();
    let args = ["serve", "--dir", "log", "--origin", ORIGIN, "--key", "log.key", "--listen", "127.0.0.1:0"];
    let told = place.run(&args).code(2);
    told.stderr(
        contains("error[io.is_directory]: log: locking the log's folder").and(contains("listen").not()),
    );
}
