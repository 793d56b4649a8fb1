//! `countersign fsck` on the folder of a log.

use rusqlite::Connection;
use serde_json::Value;

use crate::common::process::{Place, Process, run, spawn_with};

fn fsck(place: &Place, more: &[&str]) -> (i32, String, String) {
    let folder = place.folder.path().to_str().unwrap();
    let output = run(&[&["fsck", "--dir", folder], more].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn corrupt(place: &Place, sql: &str) {
    Connection::open(place.path("log.sqlite")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn checks_and_repairs_a_folder() {
    let place = Place::new(1);
    let server = place.serve();
    let mut emitter = place.emitter(0);
    emitter.record(600);
    emitter.deliver_all(&server.url, usize::MAX);
    let (status, said, _) = fsck(&place, &[]);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("no problems in log.example/audit: 601 entries, 600 events, 0 erased"), "{said}");
    let (status, _, why) = fsck(&place, &["--repair"]);
    assert_eq!(status, 2);
    assert!(why.contains("server.in_use"), "{why}");
    server.stop();

    corrupt(&place, "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE tile = 1");
    let (status, said, _) = fsck(&place, &["--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((status, &report["whole"]), (1, &Value::Bool(false)));
    let problem = &report["problems"][0];
    assert_eq!((&problem["code"], &problem["place"]), (&"fsck.tile".into(), &"tile/0/001".into()));
    assert!(problem["hint"].as_str().unwrap().contains("--repair"), "{report}");
    let (status, said, why) = fsck(&place, &["--repair"]);
    assert_eq!(status, 0, "{said}{why}");
    assert!(said.contains("fsck.tile") && why.contains("repaired"), "{said}{why}");
    assert_eq!(fsck(&place, &[]).0, 0);

    corrupt(&place, "UPDATE events SET event = event || ' ' WHERE idx = 7");
    let (status, said, _) = fsck(&place, &["--repair"]);
    assert_eq!(status, 1);
    assert!(said.contains("entry 7") && said.contains("fsck.event"), "{said}");
    corrupt(&place, "UPDATE events SET event = rtrim(event) WHERE idx = 7");
    #[cfg(target_os = "linux")]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        let output = program.arg("fsck").arg("--dir").arg(place.folder.path()).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("error[io.full]: standard output"));
    }

    let server = place.serve();
    emitter.record(1);
    emitter.deliver_all(&server.url, usize::MAX);
    server.stop();
    assert_eq!(fsck(&place, &[]).0, 0);
    let (status, _, why) = fsck(&Place::new(0), &[]);
    assert_eq!(status, 2, "{why}");
}

#[test]
fn checks_and_repairs_a_bucket() {
    let (place, bucket) = (Place::new(1), tempfile::TempDir::new().unwrap());
    let url = bucket.path().to_str().unwrap();
    let server = Process::listening(spawn_with(place.folder.path(), &["--store", url]));
    let mut emitter = place.emitter(0);
    emitter.record(600);
    emitter.deliver_all(&server.url, 300);
    let check = |more: &[&str]| {
        let output = run(&[&["fsck", "--store", url], more].concat());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (status, said, why) = check(&[]);
    assert_eq!(status, 0, "{said}{why}");
    assert!(said.contains("no problems in log.example/audit: 601 entries, 600 events, 0 erased"), "{said}");
    let folder = place.folder.path().to_str().unwrap();
    assert_eq!(check(&["--dir", folder]).0, 0, "while it is served");
    let (status, _, why) = check(&["--dir", folder, "--repair"]);
    assert!(status == 2 && why.contains("server.in_use"), "{why}");

    // Servers may be using the files being repaired.
    std::fs::remove_file(bucket.path().join("public/tile/0/001")).unwrap();
    let (status, said, _) = check(&[]);
    assert!(status == 1 && said.contains("public/tile/0/001") && said.contains("fsck.public"), "{said}");
    let (status, said, why) = check(&["--repair"]);
    assert!(status == 0 && why.contains("repaired"), "{said}{why}");
    server.stop();

    corrupt(&place, "UPDATE events SET event = event || ' ' WHERE idx = 7");
    let (status, said, why) = check(&["--dir", folder, "--repair"]);
    assert!(status == 0 && said.contains("log.sqlite: entry 7"), "{said}{why}");
    let server = Process::listening(spawn_with(place.folder.path(), &["--store", url]));
    emitter.record(1);
    emitter.deliver_all(&server.url, usize::MAX);
    server.stop();
    assert_eq!(check(&["--dir", folder]).0, 0);
    let empty = tempfile::TempDir::new().unwrap();
    let nothing = run(&["fsck", "--store", empty.path().to_str().unwrap()]);
    assert_eq!(nothing.status.code(), Some(2));
}
