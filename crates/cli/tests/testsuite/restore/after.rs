//! `--after-restore`: a restored log continues if possible, and ends otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::thread;
use std::time::Duration;

use countersign::link::Link;
use countersign::merkle::Bundle;
use countersign::note::SignerKey;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::scene::{DATABASE, Files, Scene, files, only, restore, roll_back};
use crate::common::emitter::client;
use crate::common::process::{ORIGIN, Place, Process, log_key, run, spawn_with};
use crate::common::whole::{assert_whole, leaves};
use crate::common::witness::Witness;

/// A copy of a log by `countersign mirror`.
struct Mirror {
    _folder: TempDir,
    copy: PathBuf,
}

impl Mirror {
    fn path(&self) -> &Path {
        &self.copy
    }
}

/// Mirrors a log.
fn mirror(place: &Place, server: &Process) -> Mirror {
    let folder = TempDir::new().unwrap();
    let (dir, trust) = (text(folder.path()), place.trust_file());
    let output = run(&["mirror", &server.url, "--trust", text(&trust), "--dir", dir, "--once"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let copy = fs::read_dir(folder.path().join("public")).unwrap().next().unwrap().unwrap().path();
    Mirror { _folder: folder, copy }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn begin(scene: &Scene, args: &[&str]) -> Process {
    Process::listening(spawn_with(scene.folder(), &[&["--after-restore"], args].concat()))
}

/// Asserts that the log does not continue, with this error.
fn refused(scene: &Scene, args: &[&str]) -> (String, Output) {
    let folder = text(scene.folder());
    let output =
        run(&[&["serve", "--listen", "127.0.0.1:0", "--dir", folder, "--after-restore"], args].concat());
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let code = said.split_once("error[").and_then(|(_, rest)| rest.split_once(']')).unwrap().0;
    (code.to_owned(), output)
}

/// Asserts that the log is complete, and accepts more.
fn assert_works(mut scene: Scene, server: Process, verdict_of_all: bool) {
    assert_eq!(scene.submit(&server).0, 200);
    assert_eq!(server.get("/healthz").0, 200);
    scene.emitter.record(2);
    scene.emitter.close();
    scene.emitter.deliver_all(&server.url, usize::MAX);
    let mut other = scene.place.emitter(1);
    other.record(3);
    other.close();
    other.deliver_all(&server.url, usize::MAX);
    let emitters = [scene.emitter, other];
    let seen = [scene.checkpoint.to_string()];
    if verdict_of_all {
        assert_whole(&scene.place, &server, &emitters, &seen);
    } else {
        let leaves = leaves(&server.url);
        for emitter in &emitters {
            for receipt in &emitter.receipts {
                assert_eq!(leaves[receipt.index as usize], receipt.leaf);
            }
        }
    }
    server.stop();
    // The log needs nothing else to continue.
    let server = scene.place.serve();
    assert_eq!(server.get("/healthz").0, 200);
}

/// Returns an earlier export of the log.
fn exported(scene: &Scene, to: &Path) {
    let output = run(&["export", "--dir", text(scene.folder()), "-o", text(to)]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn carries_out_erasures_that_an_earlier_key_recorded() {
    let new_key = SignerKey::from_seed(ORIGIN, [9; 32]).unwrap();
    let keys = [log_key().verifier_key(), new_key.verifier_key()].map(|key| format!("emitter {key}\n"));
    let scene = Scene::new(Place::with(2, &keys.concat()));
    let folder = text(scene.folder());
    let token = run(&["token", "add", "privacy-desk", "--right", "read,erase", "--dir", folder]).stdout;
    let server = scene.place.serve();
    let erasure = json!({ "events": [format!("{}/7", scene.emitter.chain())], "reason": "asked for" });
    let request = client().post(format!("{}/erase", server.url));
    let request = request.bearer_auth(String::from_utf8(token).unwrap().trim()).body(erasure.to_string());
    assert_eq!(request.send().unwrap().status(), 200);
    let held = TempDir::new().unwrap();
    let file = held.path().join("export.ndjson");
    let has_event = || {
        exported(&scene, &file);
        fs::read_to_string(&file).unwrap().contains("\"number\":7}")
    };
    assert!(!has_event());
    let repair = held.path().join("repair.ndjson");
    fs::copy(&file, &repair).unwrap();
    server.stop();
    fs::write(scene.place.path("log.key"), format!("{}\n", *new_key.encode())).unwrap();
    let confirmation = ["--new-key", new_key.verifier_key().as_str()];
    Process::listening(spawn_with(scene.folder(), &confirmation)).stop();
    restore(scene.folder(), &DATABASE, &only(&scene.backup, &DATABASE));
    let server = begin(&scene, &["--repair", text(&repair)]);
    for _ in 0..600 {
        if !has_event() {
            server.stop();
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("the event is still there");
}

#[test]
fn restores_leaves_from_a_tile_mirror() {
    let scene = Scene::new(Place::new(2));
    let server = scene.place.serve();
    let mirror = mirror(&scene.place, &server);
    server.kill();
    restore(scene.folder(), &DATABASE, &only(&scene.backup, &DATABASE));
    let (code, output) = refused(&scene, &[]);
    assert_eq!(code, "log.rollback");
    assert!(String::from_utf8(output.stderr).unwrap().contains("no source has entry"));
    let checked = run(&["fsck", "--dir", text(scene.folder())]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(
        said.contains("problem signed.txt: the log signed") && said.contains("[fsck.checkpoint]"),
        "{said}"
    );
    let server = begin(&scene, &["--repair", text(mirror.path())]);
    assert_works(scene, server, false);
}

#[test]
fn restores_leaves_from_a_served_mirror() {
    let scene = Scene::new(Place::new(2));
    // A read-only copy of the folder.
    let copy = Place::new(2);
    restore(copy.folder.path(), &[], &files(scene.folder()));
    let mirror = copy.serve();
    restore(scene.folder(), &DATABASE, &Files::new());
    let server = begin(&scene, &["--repair", &mirror.url]);
    assert_works(scene, server, false);
}

#[test]
fn restores_leaves_with_events_from_export_and_backup() {
    for place in ["export", "folder"] {
        let scene = Scene::new(Place::new(2));
        let held = TempDir::new().unwrap();
        let file = held.path().join("export.ndjson");
        exported(&scene, &file);
        let folder = held.path().join("folder");
        fs::create_dir(&folder).unwrap();
        restore(&folder, &[], &only(&files(scene.folder()), &DATABASE));
        restore(scene.folder(), &DATABASE, &only(&scene.backup, &DATABASE));
        let from = if place == "export" { file } else { folder };
        let server = begin(&scene, &["--repair", text(&from)]);
        assert_works(scene, server, true);
    }
}

#[test]
fn restores_leaves_from_receipts_and_outboxes() {
    let place = Place::new(2);
    let server = place.serve();
    let mut emitter = place.emitter(0);
    emitter.record(10);
    emitter.deliver_all(&server.url, 4);
    let backup = files(place.folder.path());
    emitter.record(5);
    let held = emitter.outbox.clone();
    emitter.deliver_all(&server.url, usize::MAX);
    let checkpoint = emitter.receipts.last().unwrap().proof.checkpoint.clone();
    server.kill();
    let scene = Scene { place, emitter, backup, checkpoint };
    restore(scene.folder(), &DATABASE, &only(&scene.backup, &DATABASE));
    let outbox = TempDir::new().unwrap();
    let lines: String = held.iter().map(|line| line.text.clone() + "\n").collect();
    let header = countersign::recorder::header(crate::common::process::ORIGIN);
    fs::write(outbox.path().join("000000000001.ndjson"), header + &lines).unwrap();
    // Their position is unknown without the receipt.
    assert_eq!(refused(&scene, &["--repair", text(outbox.path())]).0, "log.rollback");
    let receipt = scene.emitter.receipts.last().unwrap();
    let receipt = json!({ "receipt": { "link": receipt.leaf, "proof": receipt.proof.to_string() } });
    fs::write(outbox.path().join("position.json"), receipt.to_string()).unwrap();
    let server = begin(&scene, &["--repair", text(outbox.path())]);
    assert_works(scene, server, true);
}

#[test]
fn warns_if_repair_was_not_needed() {
    let scene = Scene::new(Place::new(2));
    let held = TempDir::new().unwrap();
    let file = held.path().join("export.ndjson");
    exported(&scene, &file);
    // The server ends instead of listening, because the socket's folder is missing.
    let nowhere = format!("unix:{}", text(&held.path().join("nowhere/log.sock")));
    let serve = ["serve", "--dir", text(scene.folder()), "--listen", &nowhere, "--after-restore"];
    let said = |more: &[&str]| String::from_utf8(run(&[&serve[..], more].concat()).stderr).unwrap();
    let with_repair = said(&["--repair", text(&file)]);
    assert!(with_repair.contains("it continues unchanged"), "{with_repair}");
    assert!(with_repair.contains("warning: --repair was not used"), "{with_repair}");
    assert!(!said(&[]).contains("--repair"));
}

#[test]
fn reports_sources_without_entries() {
    let scene = Scene::new(Place::new(2));
    let server = scene.place.serve();
    server.kill();
    restore(scene.folder(), &DATABASE, &only(&scene.backup, &DATABASE));
    let beside = TempDir::new().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        fs::write(beside.path().join(name), bytes).unwrap();
        beside.path().join(name)
    };
    let backup = fs::read(scene.folder().join("log.sqlite")).unwrap();
    for path in [file("backup.sqlite", &backup), file("empty", b""), file("other.json", b"{}")] {
        let (code, output) = refused(&scene, &["--repair", text(&path)]);
        assert_eq!(code, "repair.nothing");
        assert!(String::from_utf8_lossy(&output.stderr).contains(text(&path)));
    }
    let (code, output) = refused(&scene, &["--repair", text(TempDir::new().unwrap().path())]);
    assert_eq!(code, "log.rollback");
    assert!(String::from_utf8_lossy(&output.stderr).contains("the place contains no data from a log"));
    // Another log's export.
    let export =
        include_str!("../../../../../tests/vectors/checkpoint-two-signatures-of-one-key/export.ndjson");
    let (code, output) = refused(&scene, &["--repair", text(&file("other.ndjson", export.as_bytes()))]);
    assert_eq!(code, "log.rollback");
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("other.ndjson: its checkpoint isn't signed by this log")
    );
}

#[test]
fn rejects_leaves_that_were_not_signed() {
    let scene = Scene::new(Place::new(2));
    let server = scene.place.serve();
    let mirror = mirror(&scene.place, &server);
    server.kill();
    restore(scene.folder(), &DATABASE, &only(&scene.backup, &DATABASE));
    let bundle = Bundle::grown(0, scene.checkpoint.checkpoint.size).next().unwrap();
    let path = mirror.path().join(bundle.path());
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 30;
    bytes[last] = if bytes[last] == b'A' { b'B' } else { b'A' };
    fs::write(&path, bytes).unwrap();
    let before = files(scene.folder());
    assert_eq!(refused(&scene, &["--repair", text(mirror.path())]).0, "log.rollback");
    assert_eq!(only(&files(scene.folder()), &["signed.txt"]), only(&before, &["signed.txt"]));
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
}

#[test]
fn a_moved_folder_continues_with_nothing_newer() {
    let scene = Scene::new(Place::new(2));
    let all = files(scene.folder());
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    restore(scene.folder(), &names, &all);
    assert_eq!(refused(&scene, &[]).0, "log.copied");
    let server = begin(&scene, &["--nothing-newer"]);
    assert_works(scene, server, true);
}

#[test]
fn restores_a_log_ahead_of_its_backup_from_a_reader() {
    let witness = Witness::start();
    let scene = Scene::new(Place::with(2, &witness.line));
    let held = TempDir::new().unwrap();
    let file = held.path().join("export.ndjson");
    exported(&scene, &file);
    roll_back(scene.folder(), &scene.backup);
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.rollback");
    server.stop();
    assert_eq!(refused(&scene, &["--nothing-newer"]).0, "log.rollback");
    // There may be more than the reader and the witness saw.
    assert_eq!(refused(&scene, &["--repair", text(&file)]).0, "log.rollback");
    let server = begin(&scene, &["--nothing-newer", "--repair", text(&file)]);
    assert_works(scene, server, true);
}

#[test]
fn reports_a_missing_record_of_signatures() {
    let scene = Scene::new(Place::new(2));
    let record = scene.place.path("signed.txt");
    let saved = fs::read(&record).unwrap();
    fs::remove_file(&record).unwrap();
    let server = scene.place.serve();
    scene.assert_stopped(&server, "log.unremembered");
    let health: Value = serde_json::from_str(&server.get("/healthz").1).unwrap();
    let message = health["stopped"]["message"].as_str().unwrap();
    assert!(message.contains("the newest one that its database knows of"), "{message}");
    assert!(!message.contains(" 1 entries"), "{message}");
    server.stop();
    // Shorter than before.
    let lines = String::from_utf8(saved).unwrap();
    let short: Vec<&str> = lines.split_inclusive('\n').take(2).collect();
    fs::write(&record, short.concat()).unwrap();
    let server = scene.place.serve();
    assert_eq!(scene.submit(&server).0, 503);
    server.stop();
    let server = begin(&scene, &["--nothing-newer"]);
    assert_works(scene, server, true);
}

#[test]
fn ends_a_log_and_starts_its_successor() {
    let mut scene = Scene::new(Place::new(2));
    restore(scene.folder(), &DATABASE, &only(&scene.backup, &DATABASE));
    let new = "log.example/audit-2";
    let server = begin(&scene, &["--origin", new]);
    let first = leaves(&server.url);
    assert_eq!(first.len(), 2);
    let Link::Open(open) = Link::parse(&first[0]).unwrap() else { panic!("{first:?}") };
    assert_eq!((open.origin.as_str(), open.key.name()), (new, new));
    server.stop();
    // The first event has the old log; it is signed by the log, and verifies.
    let export = scene.place.path("new.ndjson");
    exported(&scene, &export);
    let lines = fs::read_to_string(&export).unwrap();
    let event: Value = lines
        .lines()
        .find_map(|line| serde_json::from_str::<Value>(line).unwrap().get("event").cloned())
        .unwrap();
    assert_eq!(
        (&event["action"], &event["target"]["id"]),
        (&json!("log.continues"), &json!(crate::common::process::ORIGIN))
    );
    assert_eq!(event["metadata"]["vkey"], log_key().verifier_key().as_str());
    let named = event["metadata"]["checkpoint"].as_str().unwrap();
    let named = countersign::checkpoint::SignedCheckpoint::parse(named).unwrap();
    assert!(named.is_signed_by(log_key().verifier_key()));
    assert_eq!(named.checkpoint, scene.checkpoint.checkpoint);
    // The old log is unchanged, and signs nothing more.
    let old = scene.place.path("ended/1");
    let archived = Process::listening(spawn_with(&old, &[]));
    assert_eq!(scene.submit(&archived).0, 503);
    archived.stop();
    // The new log continues on its own.
    let server = scene.place.serve();
    assert_eq!(server.get("/healthz").0, 200);
    assert_eq!(leaves(&server.url)[..2], first[..]);
    scene.emitter.record(1);
    assert_eq!(scene.submit(&server).0, 403, "a chain is of one log");
}

#[test]
fn kills_during_a_restore_lose_nothing() {
    let scene = Scene::new(Place::new(2));
    let held = TempDir::new().unwrap();
    let file = held.path().join("export.ndjson");
    exported(&scene, &file);
    let mut rng = fastrand::Rng::with_seed(7);
    for round in 0..12 {
        restore(scene.folder(), &DATABASE, &only(&scene.backup, &DATABASE));
        if round % 2 == 0 {
            // Also restores the record of signatures from a backup, which is older.
            restore(scene.folder(), &["signed.txt"], &only(&scene.backup, &["signed.txt"]));
        }
        for _ in 0..3 {
            let args = ["--after-restore", "--nothing-newer", "--repair", text(&file)];
            let mut child = spawn_with(scene.folder(), &args);
            thread::sleep(Duration::from_micros(rng.u64(0..60_000)));
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let server = begin(&scene, &["--nothing-newer", "--repair", text(&file)]);
    assert_works(scene, server, true);
}

#[test]
fn kills_while_ending_sign_no_second_tree() {
    let scene = Scene::new(Place::new(2));
    restore(scene.folder(), &DATABASE, &only(&scene.backup, &DATABASE));
    let new = "log.example/audit-2";
    let mut rng = fastrand::Rng::with_seed(8);
    for _ in 0..12 {
        let begun = scene.place.path("ending.json").exists() || scene.place.path("ended").exists();
        let args: &[&str] = if begun { &[] } else { &["--after-restore", "--origin", new] };
        let mut child = spawn_with(scene.folder(), args);
        thread::sleep(Duration::from_micros(rng.u64(0..60_000)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let begun = scene.place.path("ending.json").exists() || scene.place.path("ended").exists();
    let server = if begun { scene.place.serve() } else { begin(&scene, &["--origin", new]) };
    let leaves = leaves(&server.url);
    assert!(leaves[0].contains(&format!(" open {new} ")), "{leaves:?}");
    server.stop();
    assert!(scene.place.path("ended/1/log.sqlite").exists() && !scene.place.path("ended/2").exists());
    assert!(!scene.place.path("ending.json").exists());
}

/// Creates a log that records reads, as from `init`: events, a backup, more events, an export over HTTP, and the end
/// of the server. Then the backup replaces the database.
fn log_with_a_restored_backup(repair: bool) -> (Scene, TempDir) {
    let place = Place::with(2, &format!("emitter {}\n", log_key().verifier_key()));
    let server = place.serve();
    let token = run(&["token", "add", "auditor", "--dir", text(place.folder.path())]).stdout;
    let mut emitter = place.emitter(0);
    emitter.record(10);
    emitter.deliver_all(&server.url, 4);
    let kept = TempDir::new().unwrap();
    let backup = kept.path().join("log.sqlite");
    let made = run(&["backup", "--dir", text(place.folder.path()), "--to", text(&backup)]);
    assert!(made.status.success(), "{made:?}");
    // An earlier run of the server also records reads.
    let token_file = kept.path().join("token.txt");
    fs::write(&token_file, token).unwrap();
    let export = |server: &Process, file: &Path| {
        let output =
            run(&["export", "--dir", &server.url, "--token-file", text(&token_file), "-o", text(file)]);
        assert!(output.status.success(), "{output:?}");
    };
    export(&server, &kept.path().join("earlier.ndjson"));
    server.stop();
    let server = place.serve();
    for _ in 0..4 {
        emitter.record(5);
        emitter.deliver_all(&server.url, usize::MAX);
    }
    export(&server, &kept.path().join("export.ndjson"));
    server.stop();
    let checkpoint = fs::read_to_string(place.path("signed.txt")).unwrap();
    let size: u64 = checkpoint
        .lines()
        .rfind(|line| !line.is_empty())
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let exported = fs::read_to_string(kept.path().join("export.ndjson")).unwrap();
    assert!(!exported.contains(&format!("audit\\n{size}\\n")), "the log wrote more after the export");
    if !repair {
        fs::remove_file(place.path("own-entries.ndjson")).unwrap();
    }
    let database = Files::from([("log.sqlite".to_owned(), fs::read(&backup).unwrap())]);
    restore(place.folder.path(), &DATABASE, &database);
    let checkpoint = emitter.receipts.last().unwrap().proof.checkpoint.clone();
    (Scene { place, emitter, backup: database, checkpoint }, kept)
}

#[test]
fn a_complete_export_restores_a_backup() {
    let (mut scene, kept) = log_with_a_restored_backup(true);
    let server = begin(&scene, &["--repair", text(&kept.path().join("export.ndjson"))]);
    assert_eq!(scene.submit(&server).0, 200);
    scene.emitter.record(2);
    scene.emitter.close();
    scene.emitter.deliver_all(&server.url, usize::MAX);
    server.stop();
    let file = kept.path().join("all.ndjson");
    exported(&scene, &file);
    let verified = run(&["verify", text(&file), "--trust", text(&scene.place.trust_file())]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    let all = fs::read_to_string(&file).unwrap();
    assert_eq!(all.matches(r#""action":"log.export""#).count(), 2, "with the events of the log's own");
    assert!(!all.contains("withheld"));
    let checked = run(&["fsck", "--dir", text(scene.folder())]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn reports_missing_own_entries() {
    let (scene, kept) = log_with_a_restored_backup(false);
    let (code, output) = refused(&scene, &["--repair", text(&kept.path().join("export.ndjson"))]);
    assert_eq!(code, "log.rollback");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("own-entries.ndjson"), "{said}");
}
