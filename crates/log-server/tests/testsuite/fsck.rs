//! Every kind of problem is found and named, and what can be made anew is.

use std::collections::BTreeSet;

use countersign_log_server::fsck::{Repair, Report, check, repair};
use countersign_log_server::search::Search;
use countersign_log_server::sqlite::FILE;
use countersign_query::Parsers;

use crate::reading;
use crate::reading::{EVENTS, TestLog};

/// A log of a few hundred leaves, with an index.
fn log() -> TestLog {
    let mut log = TestLog::new();
    for round in 0..80 {
        for event in 0..10 {
            log.record(0, EVENTS[event % EVENTS.len()]);
        }
        log.flush(0);
        if round % 20 == 0 {
            log.checkpoint();
            log.now += reading::DAY;
        }
    }
    log.checkpoint();
    let search = Search::open(log.folder.path(), &**log.reader(), Parsers::built_in()).unwrap();
    while search.advance(&**log.reader(), log.size(), 32).unwrap() > 0 {}
    log
}

fn look(log: &TestLog) -> Report {
    let (mut last, mut total) = (0, 0);
    let report = check(log.folder.path(), &mut |done, of| {
        assert!(done >= last && done <= of);
        (last, total) = (done, of);
    });
    assert_eq!(last, total);
    report.unwrap()
}

fn codes(report: &Report) -> BTreeSet<&'static str> {
    report.problems.iter().map(|problem| problem.code).collect()
}

fn corrupt(log: &TestLog, file: &str, sql: &str) {
    rusqlite::Connection::open(log.folder.path().join(file)).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_whole_log_is_whole() {
    let mut log = log();
    let report = look(&log);
    assert_eq!(report.problems, []);
    assert_eq!((report.leaves, report.events, report.erased), (log.size(), 800, 0));
    // An erasure that no record tells of is told.
    log.erase(&[3, 4, 9]);
    let report = look(&log);
    assert_eq!(report.erased, 3);
    assert!(codes(&report).contains("fsck.unrecorded"), "{report:?}");
}

/// The leaf with another byte in it.
const FLIP: &str =
    "CAST(substr(leaf, 1, 40) || char(unicode(substr(leaf, 41, 1)) + 1) || substr(leaf, 42) AS BLOB)";

#[test]
fn each_kind_of_damage_is_named_and_what_can_be_is_repaired() {
    for (file, sql, code, wanted_repair) in [
        (
            FILE,
            "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE tile = 1",
            "fsck.tile",
            Repair::Tiles,
        ),
        (FILE, "DELETE FROM tiles WHERE tile = 0", "fsck.tile", Repair::Tiles),
        (
            FILE,
            "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE tile >> 48 = 1",
            "fsck.tile",
            Repair::Tiles,
        ),
        (FILE, "UPDATE leaves SET leaf = FLIP WHERE idx = 300", "fsck.entry", Repair::Not),
        (FILE, "DELETE FROM leaves WHERE idx = 300", "fsck.entry", Repair::Not),
        (FILE, "UPDATE events SET event = event || ' ' WHERE idx = 300", "fsck.event", Repair::Not),
        (FILE, "UPDATE events SET salt = zeroblob(16) WHERE idx = 300", "fsck.event", Repair::Not),
        (
            FILE,
            "INSERT INTO runs SELECT chain, 0, 1, next FROM chains; UPDATE unsettled SET first = 801",
            "fsck.place",
            Repair::Not,
        ),
        (FILE, "UPDATE unsettled SET first = 400", "fsck.place", Repair::Not),
        (FILE, "DELETE FROM unsettled", "fsck.place", Repair::Not),
        (
            FILE,
            "UPDATE checkpoints SET size = size - 1 WHERE size = (SELECT min(size) FROM checkpoints)",
            "fsck.checkpoint",
            Repair::Not,
        ),
        (
            "search.sqlite",
            "UPDATE parts SET bytes = zeroblob(length(bytes)) WHERE row = 3",
            "fsck.index",
            Repair::Index,
        ),
        ("search.sqlite", "DELETE FROM parts WHERE row = 3", "fsck.index", Repair::Index),
        ("search.sqlite", "UPDATE heads SET bytes = zeroblob(length(bytes))", "fsck.index", Repair::Index),
    ] {
        let log = log();
        corrupt(&log, file, &sql.replace("FLIP", FLIP));
        let found = look(&log);
        assert_eq!(codes(&found), [code].into(), "{sql}: {found:?}");
        assert!(
            found.problems.iter().all(|problem| problem.repair == wanted_repair && !problem.place.is_empty()),
            "{found:?}"
        );
        repair(log.folder.path(), &found, &mut |_, _| {}).unwrap();
        let after = look(&log);
        assert_eq!(after.is_whole(), wanted_repair != Repair::Not, "{sql}: {after:?}");
    }
}

#[test]
fn a_damaged_page_of_the_database_is_found() {
    let log = log();
    corrupt(&log, FILE, "PRAGMA wal_checkpoint(TRUNCATE)");
    let path = log.folder.path().join(FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    let page = bytes.len() / 4096 / 2 * 4096;
    bytes[page..page + 64].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let report = check(log.folder.path(), &mut |_, _| {});
    assert!(report.is_err() || codes(&report.unwrap()).contains("fsck.database"));
}
