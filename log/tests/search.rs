//! The search index: it may make an answer slow, and never wrong.

mod reading;

use std::sync::Arc;

use countersign::time::Time;
use countersign_log::export::{Index as _, Request};
use countersign_log::search::{FILE, Search};
use proptest::prelude::*;
use reading::{DAY, EVENTS, TestLog, export, filters, request, shown, steps, verify};

/// How many leaves a page has.
const PAGE: u64 = 64;

fn open(log: &TestLog) -> Arc<Search> {
    Arc::new(Search::open(log.folder.path(), &**log.reader()).unwrap())
}

fn advance(search: &Search, log: &TestLog) {
    while search.advance(&**log.reader(), log.size(), 3).unwrap() > 0 {}
}

fn found(log: &TestLog, search: &Arc<Search>, request: &Request) -> Vec<u64> {
    let exporter = log.exporter().with_search(search.clone());
    let plan = exporter.plan(request, &|| false).unwrap();
    let shown: Vec<u64> = plan.shown().iter().collect();
    shown.into_iter().filter(|index| log.taken.iter().any(|taken| taken.index == *index)).collect()
}

/// A log in which most events are alike.
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
    let candidates = search.candidates(&request(conditions).filter).unwrap();
    (0..log.size() / PAGE).filter(|page| candidates.has(*page)).count() as u64
}

#[test]
fn few_pages_are_looked_at() {
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
fn an_erased_event_is_forgotten() {
    let mut log = long();
    let search = open(&log);
    advance(&search, &log);
    let ann = log.naive(&request(&[("actor", "u_1")]));
    search.forget(ann.iter().copied()).unwrap();
    log.erase(&ann);
    search.forget(ann).unwrap();
    assert_eq!(candidates(&search, &log, &[("actor", "u_1")]), 1, "not yet");
    let before = terms(&log);
    advance(&search, &log);
    assert_eq!(candidates(&search, &log, &[("actor", "u_1")]), 0);
    assert_eq!(candidates(&search, &log, &[("actor", "u_2")]), log.size() / PAGE);
    assert!(search.owes_purge().unwrap());
    while search.purge().unwrap() {}
    assert!(!search.owes_purge().unwrap());
    let left = terms(&log);
    std::fs::remove_file(log.folder.path().join(FILE)).unwrap();
    drop(search);
    let search = open(&log);
    advance(&search, &log);
    assert_eq!(left, terms(&log), "as if it had never been there");
    assert!(left.len() < before.len());
    assert_eq!(candidates(&search, &log, &[("actor", "u_1")]), 0);
    assert_eq!(candidates(&search, &log, &[("actor", "u_2")]), log.size() / PAGE);
}

/// Every term that is anywhere in the index, deleted ones too, and on how many pages.
fn terms(log: &TestLog) -> Vec<(String, u64)> {
    let connection = rusqlite::Connection::open(log.folder.path().join(FILE)).unwrap();
    connection.execute_batch("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, terms, row)").unwrap();
    let mut query = connection.prepare("SELECT term, doc FROM temp.words ORDER BY term").unwrap();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    query.query_map([], row).unwrap().map(Result::unwrap).collect()
}

#[test]
fn old_events_are_found_until_they_are_erased() {
    let mut log = long();
    let search = open(&log);
    advance(&search, &log);
    let first: Time = "2026-10-31T00:00:00.000Z".parse().unwrap();
    let old = search.older(first, None).unwrap();
    assert_eq!(old.iter().collect::<Vec<_>>(), [0]);
    let later: Time = "2026-11-15T00:00:00.000Z".parse().unwrap();
    assert_eq!(search.older(later, Some("acme")).unwrap().len(), 1);
    assert!(search.older(later, Some("globex")).unwrap().len() > 10);
    assert!(search.older(later, Some("nobody")).unwrap().is_empty());
    let page: Vec<u64> = log.taken.iter().map(|taken| taken.index).filter(|index| *index < PAGE).collect();
    log.erase(&page);
    search.forget(page).unwrap();
    advance(&search, &log);
    assert!(search.older(first, None).unwrap().is_empty());
}

#[test]
fn it_is_still_there_when_it_is_opened_again() {
    let log = long();
    advance(&open(&log), &log);
    let again = open(&log);
    assert_eq!(again.indexed().unwrap(), log.size() / PAGE * PAGE);
    assert_eq!(candidates(&again, &log, &[("actor", "u_1")]), 1);
}

#[test]
fn one_that_is_damaged_or_of_another_log_is_made_anew() {
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
fn words_are_not_in_the_file() {
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
fn a_page_of_very_many_words_is_always_looked_at() {
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

proptest! {
    #![proptest_config(reading::cases(32))]

    #[test]
    fn the_same_is_found_as_by_looking_at_all(
        before in steps(40),
        after in steps(20),
        conditions in proptest::collection::vec(filters(), 1..6),
        limit in proptest::option::weighted(0.3, 1_u64..20),
    ) {
        let mut log = TestLog::build(&before);
        let search = open(&log);
        advance(&search, &log);
        for step in &after {
            log.step(step);
            search.forget(log.taken.iter().filter(|taken| taken.erased).map(|taken| taken.index)).unwrap();
            search.advance(&**log.reader(), log.size(), 1).unwrap();
        }
        log.checkpoint();
        for conditions in conditions {
            let asked = Request { limit, ..request(&conditions) };
            let exporter = log.exporter().with_search(search.clone());
            let text = export(&exporter, &asked).unwrap();
            let (_, events) = verify(&text, log.trust(), Vec::new());
            prop_assert_eq!(shown(&events), log.naive(&asked), "{:?}", conditions);
        }
    }
}
