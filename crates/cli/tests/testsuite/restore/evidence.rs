//! A folder as evidence: reading changes nothing, and corruption is reported.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Output;

use super::scene::{Files, Scene, files};
use crate::common::process::{Place, program, run};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Returns the names of files that differ.
fn changed(before: &Files, after: &Files) -> Vec<String> {
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// Returns the commands that read a folder, with outputs elsewhere.
fn commands<'a>(folder: &'a str, export: &'a str, backup: &'a str) -> [Vec<&'a str>; 5] {
    [
        vec!["export", "--dir", folder, "-o", export],
        vec!["fsck", "--dir", folder],
        vec!["fsck", "--dir", folder, "--json"],
        vec!["forks", "--dir", folder],
        vec!["backup", "--dir", folder, "--to", backup],
    ]
}

#[test]
fn reading_a_killed_servers_folder_changes_no_file() {
    let scene = Scene::new(Place::new(2));
    let beside = tempfile::TempDir::new().unwrap();
    let (export, backup) = (beside.path().join("export.ndjson"), beside.path().join("backup.sqlite"));
    let before = files(scene.folder());
    assert!(!before["log.sqlite-wal"].is_empty());
    for command in commands(text(scene.folder()), text(&export), text(&backup)) {
        let output = run(&command);
        assert!(output.status.success(), "{command:?}: {output:?}");
        // The time of a backup is recorded on purpose.
        let _ = fs::remove_file(scene.folder().join("backup.txt"));
        assert_eq!(changed(&before, &files(scene.folder())), [""; 0], "{command:?}");
    }
    // Entries only in the write-ahead log are read, too.
    let verified = run(&["verify", text(&export), "--trust", text(&scene.place.trust_file())]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    let events = fs::read_to_string(&export).unwrap().matches("\"event\":").count();
    assert_eq!(events, 30);
    let server = scene.place.serve();
    assert_eq!(server.get("/healthz").0, 200);
}

/// Runs a command as a user without write access, since root may write anywhere.
fn run_as_reader(args: &[&str]) -> Output {
    let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
    let mut command = program(&args);
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        command.uid(65_534).gid(65_534);
    }
    command.output().unwrap()
}

#[test]
fn reads_a_read_only_folder() {
    for killed in [true, false] {
        let scene = Scene::new(Place::new(2));
        if !killed {
            scene.place.serve().stop();
            assert!(!scene.folder().join("log.sqlite-wal").exists());
        }
        for entry in fs::read_dir(scene.folder()).unwrap() {
            fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o444)).unwrap();
        }
        fs::set_permissions(scene.folder(), fs::Permissions::from_mode(0o555)).unwrap();
        let before = files(scene.folder());
        let export = run_as_reader(&["export", "--dir", text(scene.folder())]);
        let fsck = run_as_reader(&["fsck", "--dir", text(scene.folder())]);
        fs::set_permissions(scene.folder(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(export.status.success(), "{killed}: {export:?}");
        assert_eq!(String::from_utf8(export.stdout).unwrap().matches("\"event\":").count(), 30);
        assert!(fsck.status.success(), "{killed}: {fsck:?}");
        assert_eq!(changed(&before, &files(scene.folder())), [""; 0]);
    }
}

#[test]
fn a_corrupt_database_has_a_hint() {
    let scene = Scene::new(Place::new(2));
    scene.place.serve().stop();
    let database = scene.folder().join("log.sqlite");
    let whole = fs::read(&database).unwrap();
    let mut scratched = whole.clone();
    for place in (0..20).map(|nth| nth * whole.len() / 20) {
        let end = (place + 64).min(whole.len());
        scratched[place..end].fill(0xa5);
    }
    for damaged in [&whole[..whole.len() / 2], &scratched, b"no database at all, whatever its name says"] {
        fs::write(&database, damaged).unwrap();
        // The server ends instead of listening, because the socket's folder is missing.
        let nowhere = format!("unix:{}", text(&scene.folder().join("nowhere/log.sock")));
        for command in [
            vec!["serve", "--dir", text(scene.folder()), "--listen", &nowhere],
            vec!["export", "--dir", text(scene.folder())],
        ] {
            let output = run(&command);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{command:?}: {said}");
            for part in ["countersign fsck", "backup", "--after-restore"] {
                assert!(said.contains(part), "{command:?}: no {part} in {said}");
            }
        }
    }
}
