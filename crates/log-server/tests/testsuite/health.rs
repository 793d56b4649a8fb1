//! Tests of what a server knows and reports about its own health.

use std::thread;
use std::time::Duration;

use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::backup::{self, Backup};
use countersign_log_server::fsck;
use countersign_log_server::search;
use countersign_log_server::sqlite::FILE;
use countersign_log_server::tokens;
use serde_json::{Value, json};

use crate::common::server::{Server, client, send};

/// Starts a log that checks itself continuously, with that many events.
fn start_checking(events: usize) -> Server {
    let mut server = Server::start();
    server.check_within = Some(Duration::ZERO);
    server.begin();
    let mut emitter = server.emitter(0);
    emitter.record(events);
    emitter.deliver_all(&server.url(), usize::MAX);
    server
}

/// Waits until the health check has this status, and returns its response.
fn health(server: &Server, status: u16) -> Value {
    for _ in 0..2_400 {
        let answer = server.get("/healthz");
        if answer.status == status {
            return answer.json();
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the health is never {status}: {}", server.get("/healthz").json());
}

fn change(server: &Server, sql: &str) {
    rusqlite::Connection::open(server.folder().join(FILE)).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn reports_corruption_until_it_is_repaired() {
    let server = start_checking(30);
    assert_eq!(health(&server, 200)["damaged"], Value::Null);
    change(&server, "CREATE TABLE kept AS SELECT * FROM tiles; DELETE FROM tiles WHERE tile = 0");
    let damaged = &health(&server, 503)["damaged"];
    assert_eq!((&damaged["code"], &damaged["place"]), (&json!("fsck.tile"), &json!("tile/0/000.p/31")));
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(!metrics.contains("countersign_check_problems 0\n"), "{metrics}");
    change(&server, "REPLACE INTO tiles SELECT * FROM kept; DROP TABLE kept");
    health(&server, 200);
    change(&server, "UPDATE events SET salt = zeroblob(16) WHERE idx = 7");
    let damaged = &health(&server, 503)["damaged"];
    assert_eq!((&damaged["code"], &damaged["place"]), (&json!("fsck.event"), &json!("entry 7")));
}

#[test]
fn a_log_that_lost_an_entry_answers_readers_with_an_error() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    emitter.record(30);
    emitter.deliver_all(&server.url(), usize::MAX);
    let token = tokens::add(server.folder(), "auditor", Rights::READ, None, Scope::default()).unwrap();
    change(&server, "DELETE FROM leaves WHERE idx = 7");
    let answer = send(client().get(server.url() + "/export").bearer_auth(token.as_str()));
    assert_eq!(answer.refusal(), (503, "server.unavailable".into()));
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(metrics.contains("countersign_reads_failed_total 1\n"), "{metrics}");
}

#[test]
fn reports_the_progress_and_result_of_checks() {
    let mut server = start_checking(700);
    let check = loop {
        let check = health(&server, 200)["check"].clone();
        if check["at"].is_string() {
            break check;
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((&check["within"], &check["problems"]), (&json!(0), &json!(0)));
    assert!(check["percent"].as_u64() <= Some(100));
    while health(&server, 200)["index"] != json!({ "indexed": 640, "whole": true }) {
        thread::sleep(Duration::from_millis(20));
    }
    server.stop();
    server.check_within = None;
    server.begin();
    let report = health(&server, 200);
    assert_eq!(report["check"], Value::Null);
    // Known immediately from the file.
    assert_eq!(report["index"], json!({ "indexed": 640, "whole": true }));
    let storage = &report["storage"];
    assert_eq!(storage["kind"], "folder");
    assert!(storage["free"].as_u64() <= storage["total"].as_u64());
}

#[test]
fn a_restarted_log_states_its_size_and_checkpoint_before_it_commits() {
    let mut server = Server::start();
    let mut emitter = server.emitter(0);
    emitter.record(5);
    emitter.deliver_all(&server.url(), usize::MAX);
    server.stop();
    // As after a restore, or after witnesses are no longer needed.
    change(&server, "UPDATE checkpoints SET witnessed = 0");
    server.begin();
    let report = health(&server, 200);
    assert_eq!(report["published"]["witnessed"], true);
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    for gauge in ["log_size", "published_size"] {
        assert!(metrics.contains(&format!("countersign_{gauge} {}\n", report["size"])), "{metrics}");
    }
    assert!(!metrics.contains("countersign_published_time_seconds 0"), "{metrics}");
}

#[cfg(unix)]
#[test]
fn notices_a_removed_database_at_once() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    for name in ["log.sqlite", "log.sqlite-wal"] {
        for replaced in [false, true] {
            let (path, away) = (server.folder().join(name), server.folder().join("away"));
            std::fs::rename(&path, &away).unwrap();
            if replaced {
                std::fs::copy(&away, &path).unwrap();
            }
            emitter.record(1);
            let (body, _) = emitter.body(0, usize::MAX);
            assert_eq!(server.submit(body).refusal(), (503, "server.unavailable".into()), "{name}");
            let report = health(&server, 503);
            assert_eq!(report["storage"]["failing"], true);
            let [problem] = &report["problems"].as_array().unwrap()[..] else { panic!("{report}") };
            assert_eq!((&problem["part"], &problem["code"]), (&json!("disk"), &json!("disk.failing")));
            assert!(problem["docs"].as_str().unwrap().ends_with("/docs/disk-full.md"), "{problem}");
            // No event was stored where it would be lost.
            std::fs::rename(&away, &path).unwrap();
            emitter.deliver_all(&server.url(), usize::MAX);
            health(&server, 200);
        }
    }
}

#[test]
fn reports_a_damaged_page_that_is_never_read() {
    let mut server = start_checking(30);
    health(&server, 200);
    server.stop();
    let path = server.folder().join(FILE);
    let page: usize = {
        let database = rusqlite::Connection::open(&path).unwrap();
        database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'evidence'";
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[(page - 1) * 4096..][..64].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    server.begin();
    assert_eq!(health(&server, 503)["damaged"]["code"], "fsck.database");
    server.assert_works();
}

#[test]
fn reports_and_rebuilds_a_wrong_index() {
    let server = start_checking(700);
    let index = rusqlite::Connection::open(server.folder().join(search::FILE)).unwrap();
    index.busy_timeout(Duration::from_mins(1)).unwrap();
    let query_bool = |sql: &str| index.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap();
    let whole = "SELECT count(*) > 0 FROM heads";
    while !query_bool(whole) {
        thread::sleep(Duration::from_millis(20));
    }
    health(&server, 200);
    // The trigger prevents the repair, and no search starts one.
    let corruption = "CREATE TRIGGER held BEFORE DELETE ON heads BEGIN SELECT RAISE(ABORT, 'held'); END;
                  UPDATE parts SET bytes = zeroblob(length(bytes)) WHERE row = (SELECT min(row) FROM parts)";
    index.execute_batch(corruption).unwrap();
    let damaged = &health(&server, 503)["damaged"];
    assert_eq!((&damaged["code"], &damaged["place"]), (&json!("fsck.index"), &json!(search::FILE)));
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(metrics.contains("countersign_index_problems_total 1\n"), "{metrics}");
    index.execute_batch("DROP TRIGGER held").unwrap();
    health(&server, 200);
}

#[test]
fn concurrent_changes_are_not_reported_as_problems() {
    let server = start_checking(700);
    let token =
        tokens::add(server.folder(), "privacy-desk", Rights::READ_AND_ERASE, None, Scope::default()).unwrap();
    let chain = server.emitter(0).chain();
    let erase = |seqs: &[u64]| {
        let events: Vec<String> = seqs.iter().map(|seq| format!("{chain}/{seq}")).collect();
        let request = client().post(server.url() + "/erase").bearer_auth(token.as_str());
        let answer = send(request.body(json!({ "events": events, "reason": "asked for" }).to_string()));
        assert_eq!(answer.status, 200, "{}", answer.json());
    };
    erase(&[3]);
    let mut at = 0;
    let report = fsck::check(server.folder(), &mut |done, _| {
        // Entries already checked, and entries still to be checked.
        if at == 0 && done > 0 {
            at = done;
            erase(&[5, 600]);
            server.assert_works();
        }
    });
    let report = report.unwrap();
    assert!(at > 0 && at < 600);
    assert_eq!(report.problems, []);
}

#[test]
fn metrics_have_the_free_space_and_the_newest_backup() {
    let server = Server::start();
    let written = |name: &str| {
        let text = String::from_utf8(server.get("/metrics").body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let metric = |name: &str| written(name).parse::<f64>().unwrap();
    assert_eq!(written("countersign_backup_time_seconds"), "0.0");
    let at = "2026-11-20T06:00:00.000Z".parse().unwrap();
    backup::note(server.folder(), Backup { at, size: 3 }).unwrap();
    assert_eq!(written("countersign_backup_time_seconds"), "1795154400.0");
    if cfg!(unix) {
        let (free, total) =
            (metric("countersign_storage_free_bytes"), metric("countersign_storage_total_bytes"));
        assert!(0.0 < free && free <= total, "{free} {total}");
    }
}

#[test]
fn log_is_unhealthy_while_it_cannot_store() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    emitter.record(1);
    let (body, _) = emitter.body(0, usize::MAX);
    change(
        &server,
        "CREATE TRIGGER full BEFORE INSERT ON leaves BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
    );
    assert_eq!(server.submit(body.clone()).refusal(), (503, "server.unavailable".into()));
    let storage = |health: Value| (health["storage"]["failing"].clone(), health["storage"]["full"].clone());
    assert_eq!(storage(health(&server, 503)), (json!(true), json!(false)));
    let report = health(&server, 503);
    let [problem] = &report["problems"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&problem["part"], &problem["code"]), (&json!("data"), &json!("data.failing")));
    assert!(problem["docs"].as_str().unwrap().ends_with("/docs/checking-a-log.md"), "{problem}");
    assert_eq!(server.submit(body.clone()).json()["part"], "data");
    let failing = || {
        let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
        let lines = metrics.lines().filter(|line| line.starts_with("countersign_commits_failing{"));
        lines.filter(|line| line.ends_with(" 1")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(failing(), ["countersign_commits_failing{part=\"data\"} 1"]);
    change(&server, "DROP TRIGGER full");
    assert_eq!(server.submit(body).status, 200);
    assert_eq!(storage(health(&server, 200)), (json!(false), json!(false)));
    assert_eq!(health(&server, 200)["problems"], json!([]));
    assert_eq!(failing(), Vec::<String>::new());
}

#[test]
fn log_is_unhealthy_while_a_control_file_is_invalid() {
    let server = Server::start();
    server.assert_works();
    tokens::add(server.folder(), "auditor", Rights::READ, None, Scope::default()).unwrap();
    assert_eq!(health(&server, 200)["control_files"], json!([]));
    let good = std::fs::read(server.folder().join("readers.txt")).unwrap();
    let not_text = [b"tenant=acme\n", &[0xff; 4][..]].concat();
    for (file, label, code, content, line, after) in [
        ("readers.txt", "readers", "readers.file", [&good[..], b"x secret-name"].concat(), 2, good.clone()),
        ("holds.txt", "holds", "holds.file", b"# case 9\ntenant secret-name\n".to_vec(), 2, Vec::new()),
        ("holds.txt", "holds", "holds.file", not_text, 2, b"tenant=acme\n".to_vec()),
        ("holds.txt", "holds", "holds.file", vec![b'x'; 17 << 20], 1, Vec::new()),
    ] {
        std::fs::write(server.folder().join(file), content).unwrap();
        let errors = health(&server, 503)["control_files"].clone();
        let [error] = &errors.as_array().unwrap()[..] else { panic!("{errors}") };
        assert_eq!((&error["file"], &error["code"]), (&json!(file), &json!(code)));
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("line {line} is malformed: ")), "{message}");
        assert!(!errors.to_string().contains("secret-name"), "{errors}");
        let gauge = |value: u8| format!("countersign_control_file_ok{{file=\"{label}\"}} {value}\n");
        let metrics = || String::from_utf8(server.get("/metrics").body).unwrap();
        assert!(metrics().contains(&gauge(0)), "{}", metrics());
        std::fs::write(server.folder().join(file), after).unwrap();
        health(&server, 200);
        assert!(metrics().contains(&gauge(1)), "{}", metrics());
    }
}

/// Root may read any file, so the test uses what the system refuses to everyone.
#[cfg(unix)]
#[test]
fn reports_a_control_file_that_is_a_folder() {
    let server = Server::start();
    server.assert_works();
    std::fs::create_dir(server.folder().join("holds.txt")).unwrap();
    let errors = health(&server, 503)["control_files"].clone();
    assert!(errors[0]["message"].as_str().unwrap().starts_with("the file can't be read ("), "{errors}");
    std::fs::remove_dir(server.folder().join("holds.txt")).unwrap();
    health(&server, 200);
}
