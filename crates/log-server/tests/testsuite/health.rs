//! What a server knows of its own illnesses, and says.

use std::thread;
use std::time::Duration;

use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::fsck;
use countersign_log_server::search;
use countersign_log_server::sqlite::FILE;
use countersign_log_server::tokens;
use serde_json::{Value, json};

use crate::common::server::{Server, client, send};

/// A log that checks itself without a rest, with so many events.
fn checking(events: usize) -> Server {
    let mut server = Server::start();
    server.check_within = Some(Duration::ZERO);
    server.begin();
    let mut emitter = server.emitter(0);
    emitter.record(events);
    emitter.deliver_all(&server.url(), usize::MAX);
    server
}

/// Its health, when it is as it is expected.
fn health(server: &Server, status: u16) -> Value {
    for _ in 0..2_400 {
        let answer = server.get("/healthz");
        if answer.status == status {
            return answer.json();
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("its health is never {status}: {}", server.get("/healthz").json());
}

fn change(server: &Server, sql: &str) {
    rusqlite::Connection::open(server.folder().join(FILE)).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn what_is_damaged_is_found_by_itself_and_gone_when_it_is_repaired() {
    let server = checking(30);
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
    assert_eq!((&damaged["code"], &damaged["place"]), (&json!("fsck.event"), &json!("leaf 7")));
}

#[test]
fn how_far_a_check_is_and_what_the_newest_found_is_told() {
    let mut server = checking(700);
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
    let told = health(&server, 200);
    assert_eq!(told["check"], Value::Null);
    // It is known at once, from the file.
    assert_eq!(told["index"], json!({ "indexed": 640, "whole": true }));
    let storage = &told["storage"];
    assert_eq!(storage["kind"], "folder");
    assert!(storage["free"].as_u64() <= storage["total"].as_u64());
}

#[cfg(unix)]
#[test]
fn a_database_that_is_taken_away_under_its_server_is_missed_at_once() {
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
            assert_eq!(health(&server, 503)["storage"]["failing"], true);
            // Nothing of it was stored where it would be lost.
            std::fs::rename(&away, &path).unwrap();
            emitter.deliver_all(&server.url(), usize::MAX);
            health(&server, 200);
        }
    }
}

#[test]
fn a_page_that_nobody_reads_is_found_damaged_by_sqlite() {
    let mut server = checking(30);
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
    server.assert_goes_on();
}

#[test]
fn an_index_that_is_not_of_the_events_is_found_and_made_anew() {
    let server = checking(700);
    let index = rusqlite::Connection::open(server.folder().join(search::FILE)).unwrap();
    index.busy_timeout(Duration::from_mins(1)).unwrap();
    let is_there = |sql: &str| index.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap();
    let whole = "SELECT count(*) > 0 FROM heads";
    while !is_there(whole) {
        thread::sleep(Duration::from_millis(20));
    }
    health(&server, 200);
    // Nobody searches, and nothing can be made anew for now.
    let problem = "CREATE TRIGGER held BEFORE DELETE ON heads BEGIN SELECT RAISE(ABORT, 'held'); END;
                  UPDATE parts SET bytes = zeroblob(length(bytes)) WHERE row = (SELECT min(row) FROM parts)";
    index.execute_batch(problem).unwrap();
    let damaged = &health(&server, 503)["damaged"];
    assert_eq!((&damaged["code"], &damaged["place"]), (&json!("fsck.index"), &json!(search::FILE)));
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(metrics.contains("countersign_index_problems_total 1\n"), "{metrics}");
    index.execute_batch("DROP TRIGGER held").unwrap();
    health(&server, 200);
}

#[test]
fn what_is_erased_and_stored_while_a_log_is_checked_is_no_problem() {
    let server = checking(700);
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
        // What was seen, and what will be.
        if at == 0 && done > 0 {
            at = done;
            erase(&[5, 600]);
            server.assert_goes_on();
        }
    });
    let report = report.unwrap();
    assert!(at > 0 && at < 600);
    assert_eq!(report.problems, []);
}

#[test]
fn a_log_that_cannot_store_is_ill_until_it_can() {
    let server = Server::start();
    let mut emitter = server.emitter(0);
    emitter.record(1);
    let (body, _) = emitter.body(0, usize::MAX);
    change(
        &server,
        "CREATE TRIGGER full BEFORE INSERT ON leaves BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
    );
    assert_eq!(server.submit(body.clone()).refusal(), (503, "server.unavailable".into()));
    let is = |health: Value| (health["storage"]["failing"].clone(), health["storage"]["full"].clone());
    assert_eq!(is(health(&server, 503)), (json!(true), json!(false)));
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(metrics.contains("countersign_commits_failing 1\n"), "{metrics}");
    change(&server, "DROP TRIGGER full");
    assert_eq!(server.submit(body).status, 200);
    assert_eq!(is(health(&server, 200)), (json!(false), json!(false)));
}

#[test]
fn a_control_file_that_cannot_be_used_turns_health_red_until_it_can() {
    let server = Server::start();
    server.assert_goes_on();
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
        let faults = health(&server, 503)["control_files"].clone();
        let [fault] = &faults.as_array().unwrap()[..] else { panic!("{faults}") };
        assert_eq!((&fault["file"], &fault["code"]), (&json!(file), &json!(code)));
        let message = fault["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("line {line} is malformed: ")), "{message}");
        assert!(!faults.to_string().contains("secret-name"), "{faults}");
        let gauge = |value: u8| format!("countersign_control_file_ok{{file=\"{label}\"}} {value}\n");
        let metrics = || String::from_utf8(server.get("/metrics").body).unwrap();
        assert!(metrics().contains(&gauge(0)), "{}", metrics());
        std::fs::write(server.folder().join(file), after).unwrap();
        health(&server, 200);
        assert!(metrics().contains(&gauge(1)), "{}", metrics());
    }
}

/// As root may read any file, this is what the system refuses to everyone.
#[cfg(unix)]
#[test]
fn a_control_file_that_is_a_folder_is_none() {
    let server = Server::start();
    server.assert_goes_on();
    std::fs::create_dir(server.folder().join("holds.txt")).unwrap();
    let faults = health(&server, 503)["control_files"].clone();
    assert!(faults[0]["message"].as_str().unwrap().starts_with("it can't be read ("), "{faults}");
    std::fs::remove_dir(server.folder().join("holds.txt")).unwrap();
    health(&server, 200);
}
