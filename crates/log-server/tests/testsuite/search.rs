//! Tests of the search index: it may make a search slow, but never wrong.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_log::export::{Exporter, Index as _, Request};
use countersign_log::tokens::Scope;
use countersign_log_server::search::{FILE, KEY_FILE, Search};
use countersign_query::Parsers;
use proptest::prelude::*;

use crate::reading;
use crate::reading::{DAY, EVENTS, TestLog, all_bytes, export, filters, request, shown, steps, verify};

/// Number of entries per page.
const PAGE: u64 = 64;

fn open(log: &TestLog) -> Arc<Search> {
    Arc::new(Search::open(log.folder.path(), &**log.reader(), Parsers::built_in()).unwrap())
}

fn advance(search: &Search, log: &TestLog) {
    while search.advance(&**log.reader(), log.size(), 3).unwrap() > 0 {}
}

fn found(log: &TestLog, search: &Arc<Search>, request: &Request) -> Vec<u64> {
    let exporter = log.exporter().with_search(search.clone());
    let plan = exporter.plan(request, &|| false).unwrap();
    // A continuous range is exported with everything in it.
    let shown: Vec<u64> = match plan.range() {
        Some((first, end)) => (first..end.unwrap_or(plan.size())).collect(),
        None => plan.shown().iter().collect(),
    };
    shown.into_iter().filter(|index| log.logged.iter().any(|logged| logged.index == *index)).collect()
}

/// Returns a log in which most events are alike.
fn long() -> TestLog {
    let mut log = TestLog::new();
    for round in 0..200 {
        for _ in 0..10 {
            log.record(0, EVENTS[1]);
        }
        if round == 77 {
            log.record(0, EVENTS[2]);
        }
        log.flush(0);
        log.now += DAY / 10;
    }
    log.checkpoint();
    log
}

fn candidates(search: &Search, log: &TestLog, conditions: &[(&str, &str)]) -> u64 {
    let candidates = search.candidates(&Scope::default(), request(conditions).filter.query()).unwrap();
    (0..log.size() / PAGE).filter(|page| candidates.has(*page)).count() as u64
}

#[test]
fn selects_few_pages() {
    let log = long();
    let search = open(&log);
    let pages = log.size() / PAGE;
    assert_eq!(candidates(&search, &log, &[("actor", "u_1")]), pages, "nothing is indexed yet");
    advance(&search, &log);
    assert_eq!(search.indexed().unwrap(), pages * PAGE);
    assert_eq!(candidates(&search, &log, &[("actor", "u_1")]), 1);
    assert_eq!(candidates(&search, &log, &[("q", "ANN")]), 1);
    assert_eq!(candidates(&search, &log, &[("action", "session.*"), ("tenant", "acme")]), 1);
    assert_eq!(candidates(&search, &log, &[("actor", "u_1"), ("tenant", "globex")]), 1);
    assert_eq!(candidates(&search, &log, &[("actor", "nobody")]), 0);
    assert_eq!(candidates(&search, &log, &[("actor", "u_2")]), pages);
    assert!((1..=3).contains(&candidates(
        &search,
        &log,
        &[("since", "2026-11-03"), ("until", "2026-11-04")]
    )));
    assert_eq!(candidates(&search, &log, &[]), pages);
    let one = request(&[("actor", "u_1")]);
    assert_eq!(found(&log, &search, &one), log.naive(&one));
    assert_eq!(log.naive(&one).len(), 1);
}

#[test]
fn removes_terms_of_erased_events() {
    let mut log = long();
    let search = open(&log);
    advance(&search, &log);
    let before = parts(&log);
    let ann = log.naive(&request(&[("actor", "u_1")]));
    search.forget(&**log.reader(), ann.iter().copied()).unwrap();
    log.erase(&ann);
    assert_eq!(candidates(&search, &log, &[("actor", "u_1")]), 1, "not yet");
    search.settle(&**log.reader()).unwrap();
    assert_eq!(candidates(&search, &log, &[("actor", "u_1")]), 0);
    assert_eq!(candidates(&search, &log, &[("actor", "u_2")]), log.size() / PAGE);
    let left = parts(&log);
    let gone: Vec<[u8; 8]> = terms(&before).difference(&terms(&left)).copied().collect();
    assert!(gone.len() > 5, "{gone:?}");
    let bytes = all_bytes(log.folder.path());
    assert!(terms(&left).iter().all(|term| memmem(&bytes, term)));
    assert!(
        !gone.iter().any(|term| memmem(&bytes, term)),
        "the terms remain in a free page or in the write-ahead log"
    );
    drop(search);
    std::fs::remove_file(log.folder.path().join(FILE)).unwrap();
    let search = open(&log);
    advance(&search, &log);
    assert_eq!(left, parts(&log), "the index is as if the event had never existed");
}

#[test]
fn removes_terms_after_a_crash_during_erasure() {
    let mut log = long();
    let search = open(&log);
    advance(&search, &log);
    let ann = log.naive(&request(&[("actor", "u_1")]));
    search.forget(&**log.reader(), ann.iter().copied()).unwrap();
    log.erase(&ann);
    drop(search);
    let search = open(&log);
    assert_eq!(candidates(&search, &log, &[("actor", "u_1")]), 1, "not yet");
    advance(&search, &log);
    assert_eq!(candidates(&search, &log, &[("actor", "u_1")]), 0);
}

fn database(log: &TestLog) -> rusqlite::Connection {
    rusqlite::Connection::open(log.folder.path().join(FILE)).unwrap()
}

/// Returns the parts of the index without their seals.
fn parts(log: &TestLog) -> Vec<(u64, Vec<u8>)> {
    let connection = database(log);
    let mut query = connection.prepare("SELECT row, bytes FROM parts ORDER BY row").unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let bytes: Vec<u8> = row.get(1)?;
        Ok((row.get(0)?, bytes[..bytes.len() - 16].to_vec()))
    };
    query.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// Returns the terms in the parts.
fn terms(parts: &[(u64, Vec<u8>)]) -> BTreeSet<[u8; 8]> {
    let mut terms = BTreeSet::new();
    for (_, bytes) in parts {
        let mut rest = &bytes[..];
        let number = |rest: &mut &[u8]| {
            let length = 1 + rest.iter().position(|byte| *byte < 0x80).unwrap();
            let (bytes, after) = rest.split_at(length);
            *rest = after;
            bytes.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f))
        };
        while let Some((term, after)) = rest.split_first_chunk() {
            rest = after;
            terms.insert(*term);
            for _ in 0..2 * number(&mut rest) {
                number(&mut rest);
            }
        }
    }
    terms
}

fn memmem(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Corruption of the file while it is open.
const CORRUPTIONS: [&str; 9] = [
    "DELETE FROM parts",
    "DELETE FROM heads",
    "DELETE FROM heads WHERE first = 0",
    "DELETE FROM parts WHERE row % 3 = 0",
    "UPDATE parts SET bytes = x''",
    "UPDATE parts SET bytes = CAST(substr(bytes, 1, length(bytes) - 17) || substr(bytes, -16) AS BLOB)",
    "UPDATE heads SET bytes = zeroblob(length(bytes))",
    "UPDATE parts SET bytes = (SELECT bytes FROM parts AS other WHERE other.row = parts.row + 1)",
    "DROP TABLE parts",
];

#[test]
fn selects_pages_by_the_party_for_whom_someone_acted() {
    let mut log = TestLog::new();
    for round in 0..80 {
        for _ in 0..10 {
            log.record(0, EVENTS[1]);
        }
        if round == 40 {
            log.record(
                0,
                r#"{"action":"tool.call","actor":{"id":"bot","type":"agent"},"on_behalf_of":{"id":"u_9","name":"Grace Hopper","via":[{"id":"planner"}]},"target":{"id":"refund","type":"tool"},"metadata":{"targets":[{"id":"in_7"}]}}"#,
            );
        }
        log.flush(0);
    }
    log.checkpoint();
    let search = open(&log);
    advance(&search, &log);
    for query in ["for:grace", "for:u_9", "for:user:u_9", "for:planner", "target:in_7", "for:grace actor:bot"]
    {
        assert_eq!(candidates(&search, &log, &[("query", query)]), 1, "{query}");
        let one = request(&[("query", query)]);
        let expected = log.naive(&one);
        assert_eq!((found(&log, &search, &one), expected.len()), (expected, 1), "{query}");
    }
    assert_eq!(candidates(&search, &log, &[("query", "for:bot")]), 0);
    assert_eq!(candidates(&search, &log, &[("query", "actor:grace")]), 0);
}

#[test]
fn damaged_index_stays_correct_and_is_rebuilt() {
    let log = long();
    let search = open(&log);
    let queries = [
        vec![("actor", "u_1")],
        vec![("actor", "u_2")],
        vec![("q", "ANN")],
        vec![("since", "2026-11-03"), ("until", "2026-11-04")],
        vec![("actor", "u_2"), ("since", "2026-11-03")],
        vec![("actor", "nobody")],
    ];
    for corruption in CORRUPTIONS {
        while search.advance(&**log.reader(), log.size(), 64).unwrap() > 0 {}
        assert_eq!(candidates(&search, &log, &[("actor", "u_1")]), 1, "{corruption}");
        // Columns that can't be null stay unchanged.
        let sql = corruption.replacen("UPDATE", "UPDATE OR IGNORE", 1);
        database(&log).execute_batch(&sql).unwrap();
        for conditions in &queries {
            let one = request(conditions);
            assert_eq!(found(&log, &search, &one), log.naive(&one), "{corruption}: {conditions:?}");
        }
    }
    while search.advance(&**log.reader(), log.size(), 64).unwrap() > 0 {}
    assert_eq!(candidates(&search, &log, &[("actor", "u_1")]), 1);
    assert_eq!(search.indexed().unwrap(), log.size() / PAGE * PAGE);
}

#[test]
fn flipped_bytes_never_change_results() {
    let log = TestLog::small();
    let search = open(&log);
    advance(&search, &log);
    drop(search);
    database(&log).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let path = log.folder.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    let one = request(&[("actor", "u_1")]);
    let expected = log.naive(&one);
    assert!(!expected.is_empty());
    for place in (0..whole.len()).step_by(197) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        let search = open(&log);
        assert_eq!(found(&log, &search, &one), expected, "{place}");
        drop(search);
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(log.folder.path().join(format!("{FILE}{end}")));
        }
    }
}

#[test]
fn merged_segments_give_the_same_results() {
    let mut log = TestLog::new();
    for number in 0..(1_024 + 40) * PAGE {
        log.record(0, &format!("{{\"actor\":{{\"id\":\"u_{}\"}}}}", number / 1_000));
        if number % 4_096 == 0 {
            log.flush(0);
        }
    }
    log.flush(0);
    log.checkpoint();
    let search = open(&log);
    while search.advance(&**log.reader(), log.size(), 32).unwrap() > 0 {}
    let heads = |sql: &str| -> u64 { database(&log).query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(heads("SELECT count(*) FROM heads"), 1 + 2, "1,024 pages, 32 and 8");
    assert_eq!(heads("SELECT count(*) FROM parts"), 256 + 8 + 8);
    for actor in ["u_0", "u_30", "u_65", "u_67", "u_99"] {
        let one = request(&[("actor", actor)]);
        assert_eq!(found(&log, &search, &one), log.naive(&one), "{actor}");
        assert!(candidates(&search, &log, &[("actor", actor)]) <= 18, "{actor}");
    }
    let page: Vec<u64> = (0..1_000).collect();
    search.forget(&**log.reader(), page.iter().copied()).unwrap();
    log.erase(&page);
    search.settle(&**log.reader()).unwrap();
    assert!(candidates(&search, &log, &[("actor", "u_0")]) <= 1);
    let one = request(&[("actor", "u_30")]);
    assert_eq!(found(&log, &search, &one), log.naive(&one));
}

#[test]
fn rebuilds_an_index_newer_than_its_log() {
    let mut log = long();
    advance(&open(&log), &log);
    let restored = tempfile::TempDir::new().unwrap();
    let copy = |from: &std::path::Path, to: &std::path::Path, name: &str| {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    };
    log.reader().size().unwrap();
    let backup = rusqlite::Connection::open(log.folder.path().join("log.sqlite")).unwrap();
    backup.execute("VACUUM INTO ?", [restored.path().join("log.sqlite").to_str().unwrap()]).unwrap();
    // After the backup, an event is erased, and the log grows by the record of the erasure.
    let ann = log.naive(&request(&[("actor", "u_1")]));
    log.record(0, EVENTS[1]);
    log.flush(0);
    let search = open(&log);
    search.forget(&**log.reader(), ann.iter().copied()).unwrap();
    log.erase(&ann);
    search.settle(&**log.reader()).unwrap();
    drop(search);
    copy(log.folder.path(), restored.path(), FILE);
    copy(log.folder.path(), restored.path(), KEY_FILE);
    let store = countersign_log_server::sqlite::open(restored.path(), reading::ORIGIN).unwrap();
    let search = Search::open(restored.path(), &*store.reader, Parsers::built_in()).unwrap();
    assert_eq!(
        search.indexed().unwrap(),
        0,
        "the restored log has the event again, but the index had removed it"
    );
}

#[test]
fn terms_are_keyed_with_a_private_secret() {
    let logs = [long(), long()];
    let [one, other] = &logs;
    for log in &logs {
        advance(&open(log), log);
    }
    let (of_one, of_other) = (terms(&parts(one)), terms(&parts(other)));
    assert_eq!(of_one.len(), of_other.len(), "the same words");
    assert!(of_one.is_disjoint(&of_other));
    let key = one.folder.path().join(KEY_FILE);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The index is useless with another key, so it is rebuilt.
    for text in ["", "not a key\n", &"0".repeat(64)] {
        std::fs::write(&key, text).unwrap();
        let search = open(one);
        let filter = request(&[("actor", "u_1")]);
        assert_eq!(found(one, &search, &filter), one.naive(&filter));
        advance(&search, one);
        assert_eq!(candidates(&search, one, &[("actor", "u_1")]), 1, "{text:?}");
    }
}

#[test]
fn reopens_an_existing_index() {
    let log = long();
    advance(&open(&log), &log);
    let reopened = open(&log);
    assert_eq!(reopened.indexed().unwrap(), log.size() / PAGE * PAGE);
    assert_eq!(candidates(&reopened, &log, &[("actor", "u_1")]), 1);
}

#[test]
fn rebuilds_a_damaged_or_foreign_index() {
    let (log, other) = (long(), TestLog::small());
    advance(&open(&other), &other);
    std::fs::copy(other.folder.path().join(FILE), log.folder.path().join(FILE)).unwrap();
    assert_eq!(open(&log).indexed().unwrap(), 0);
    let path = log.folder.path().join(FILE);
    advance(&open(&log), &log);
    std::fs::write(&path, "this is no database, whatever its name may say of it").unwrap();
    let search = open(&log);
    assert_eq!(search.indexed().unwrap(), 0);
    advance(&search, &log);
    let one = request(&[("actor", "u_1")]);
    assert_eq!(found(&log, &search, &one), log.naive(&one));
}

#[test]
fn file_contains_no_words() {
    let log = TestLog::small();
    let search = open(&log);
    advance(&search, &log);
    drop(search);
    for end in ["", "-wal"] {
        let bytes = std::fs::read(log.folder.path().join(format!("{FILE}{end}"))).unwrap_or_default();
        for word in ["nightly", "acme", "203.0.113.7", "session"] {
            assert!(!reading::holds(&bytes, word), "{word}");
        }
    }
}

#[test]
fn pages_with_very_many_words_are_always_candidates() {
    let mut log = TestLog::new();
    for part in 0..8 {
        let words: Vec<String> = (0..12_000).map(|word| format!("w{part}x{word}")).collect();
        log.record(0, &format!("{{\"text\":\"{}\"}}", words.join(" ")));
    }
    for _ in 0..100 {
        log.record(0, EVENTS[0]);
    }
    log.flush(0);
    log.checkpoint();
    let search = open(&log);
    advance(&search, &log);
    for word in ["w0x0", "w7x11999", "w3x77"] {
        let one = request(&[("q", word)]);
        assert_eq!(found(&log, &search, &one), log.naive(&one));
        assert_eq!(log.naive(&one).len(), 1);
    }
    assert_eq!(candidates(&search, &log, &[("q", "nowhere")]), 1);
}

/// Generates scopes. Many of them contain events.
fn scopes() -> impl Strategy<Value = Arc<Scope>> {
    let condition = prop_oneof![
        prop_oneof![Just("acme"), Just("globex"), Just("nobody")].prop_map(|value| ("tenant", value)),
        prop_oneof![Just("u_1"), Just("u_2"), Just("7")].prop_map(|value| ("actor", value)),
        prop_oneof![Just("job.*"), Just("job.update.*"), Just("session.login"), Just("true")]
            .prop_map(|value| ("action", value)),
    ];
    proptest::collection::vec(condition, 1..4).prop_map(|conditions| {
        let mut scope = Scope::default();
        for (name, value) in conditions {
            // A duplicate condition is rejected.
            let _ = scope.allow(name, value);
        }
        Arc::new(scope)
    })
}

proptest! {
    #![proptest_config(reading::cases(32))]

    #[test]
    fn finds_the_same_as_a_full_scan(
        before in steps(40),
        after in steps(20),
        conditions in proptest::collection::vec(filters(), 1..6),
        scope in scopes(),
        limit in proptest::option::weighted(0.3, 1_u64..20),
    ) {
        let mut log = TestLog::build(&before);
        let search = open(&log);
        advance(&search, &log);
        for step in &after {
            log.step(step);
            let erased = log.logged.iter().filter(|logged| logged.erased).map(|logged| logged.index);
            search.forget(&**log.reader(), erased).unwrap();
            search.advance(&**log.reader(), log.size(), 1).unwrap();
        }
        log.checkpoint();
        for conditions in conditions {
            let wanted = Request { limit, ..request(&conditions) };
            let exporter = log.exporter().with_search(search.clone());
            let text = export(&exporter, &wanted).unwrap();
            let (_, events) = verify(&text, log.trust(), Vec::new());
            prop_assert_eq!(shown(&events), log.naive(&wanted), "{:?}", conditions);
            let bound = Request { scope: scope.clone(), ..wanted };
            let indexed = exporter.plan(&bound, &|| false).unwrap();
            let by_all = log.exporter().plan(&bound, &|| false).unwrap();
            prop_assert_eq!(indexed.shown(), by_all.shown(), "{:?} within {}", conditions, scope);
            let explained = |exporter: &Exporter| {
                exporter.explain(&bound, false, &|| false).unwrap().findings.of
            };
            prop_assert_eq!(explained(&exporter), explained(&log.exporter()), "within {}", scope);
        }
    }
}
