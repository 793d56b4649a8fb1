//! What a search for a bound reader costs does not depend on what others' events say.

use std::sync::Arc;

use countersign_log::export::{Exporter, Index as _, Request};
use countersign_log::tokens::Scope;
use countersign_log_server::search::Search;
use countersign_query::Parsers;

use crate::reading::counted::{CountedReader, Work};
use crate::reading::{DAY, ORIGIN, TestLog, request};

/// How many leaves a page has.
const PAGE: u64 = 64;

const HERE: &str = "p17@victim.example";
const ELSEWHERE: &str = "q18@victim.example";

fn scope(conditions: &[(&str, &str)]) -> Scope {
    let mut scope = Scope::default();
    for (name, value) in conditions {
        scope.allow(name, value).unwrap();
    }
    scope
}

/// A log in which some pages have events that acme's reader, and initech's reader of jobs, may not see. These say `secret`.
fn log(secret: bool) -> TestLog {
    let mut log = TestLog::new();
    let ordinary = ["mallory", "2026-10-30T00:00:00.000Z", "oscar", "x.y"];
    let told = [HERE, "2019-05-05T00:00:00.000Z", "u_1 acme", "job.update"];
    for round in 0..24 {
        let [actor, at, note, action] = if secret && round % 3 == 0 { told } else { ordinary };
        for number in 0..6 {
            let id = if round == 13 && number == 0 { "rare".to_owned() } else { format!("u_{number}") };
            log.record(
                0,
                &format!(r#"{{"action":"job.update","actor":{{"id":"{id}"}},"tenant":"acme","n":{round}}}"#),
            );
            log.record(
                0,
                &format!(r#"{{"action":"{action}","actor":{{"id":"{actor}"}},"occurred_at":"{at}","tenant":"globex","target":{{"type":"t","id":"{actor}"}},"note":"{note}"}}"#),
            );
            log.record(
                0,
                &format!(r#"{{"actor":{{"id":"{actor}"}},"tenant":["acme","globex"],"note":"{note}"}}"#),
            );
            log.record(0, &format!(r#"{{"actor":[{{"id":"{actor}"}},{{"id":"u_1"}}],"note":"{note}"}}"#));
            log.record(
                0,
                &format!(r#"{{"action":"session.login","actor":{{"id":"{actor}"}},"tenant":"initech","note":"{note}"}}"#),
            );
            log.record(0, r#"{"action":"job.run","actor":{"id":"i_1"},"tenant":"initech"}"#);
        }
        log.record(1, r#"{"action":"job.run","actor":{"id":"i_2"},"tenant":"hooli"}"#);
        log.flush_all();
        log.now += DAY / 10;
    }
    log.checkpoint();
    log
}

fn open(log: &TestLog) -> Arc<Search> {
    let search = Arc::new(Search::open(log.folder.path(), &**log.reader(), Parsers::built_in()).unwrap());
    while search.advance(&**log.reader(), log.size(), 8).unwrap() > 0 {}
    search
}

/// What is found, and what it takes to export it and to explain it.
fn search(log: &TestLog, search: &Arc<Search>, request: &Request) -> (Vec<u64>, Work, u64, Work) {
    let reader = CountedReader::new(log.reader().clone());
    let exporter = Exporter::new(reader.clone(), ORIGIN, Some(log.trust())).with_search(search.clone());
    let plan = exporter.plan(request, &|| false).unwrap();
    let shown = plan.shown().iter().collect();
    let mut lines = plan.lines();
    while lines.next_piece().unwrap().is_some() {}
    let work = reader.take();
    let explained = exporter.explain(request, false, &|| false).unwrap();
    (shown, work, explained.findings.of, reader.take())
}

#[test]
fn the_work_for_a_bound_reader_does_not_depend_on_others_terms() {
    let logs = [log(false), log(true)];
    let indexes = logs.each_ref().map(open);
    let chain = logs[0].taken.iter().find(|taken| taken.event.contains("hooli")).unwrap().chain.to_string();
    let scopes: [&[(&str, &str)]; 9] = [
        &[("tenant", "acme")],
        &[("tenant", "acme"), ("tenant", "hooli")],
        &[("tenant", "nobody")],
        &[("tenant", "initech"), ("action", "job.*")],
        &[("tenant", "initech"), ("actor", "i_1")],
        &[("actor", "u_1"), ("action", "job.update")],
        &[("actor", "u_1")],
        &[("chain", &chain)],
        &[("tenant", "acme"), ("chain", &chain)],
    ];
    let asked: [&[(&str, &str)]; 17] = [
        &[],
        &[("actor", HERE)],
        &[("q", HERE)],
        &[("q", "victim")],
        &[("target", HERE)],
        &[("action", "job.*")],
        &[("tenant", "globex")],
        &[("query", "actor:p17@victim.example")],
        &[("query", "actor.id:p17@victim.example")],
        &[("query", "target.id:p17@victim.example OR actor:rare")],
        &[("query", "note:\"u_1 acme\"")],
        &[("query", "\"u_1 acme\"")],
        &[("query", "-victim")],
        &[("query", "signer:nobody victim")],
        &[("query", "since:2019-01-01 until:2020-01-01")],
        &[("since", "2026-11-02"), ("actor", HERE)],
        &[("actor", ELSEWHERE)],
    ];
    for conditions in scopes {
        for (asked, limit) in asked.into_iter().zip([None, Some(3)].into_iter().cycle()) {
            let request = Request { scope: Arc::new(scope(conditions)), limit, ..request(asked) };
            let [one, other] = [0, 1].map(|nth| search(&logs[nth], &indexes[nth], &request));
            assert_eq!(one, other, "{conditions:?} asks {asked:?}, {limit:?}");
        }
    }
}

#[test]
fn a_bound_reader_s_search_reads_few_pages() {
    let log = log(true);
    let index = open(&log);
    let of_index = |conditions: &[(&str, &str)], asked: &[(&str, &str)]| {
        index.candidates(&scope(conditions), request(asked).asked.query()).unwrap()
    };
    let whole = 0..log.size() / PAGE * PAGE;
    let pages = |conditions: &[(&str, &str)], asked: &[(&str, &str)]| {
        let candidates = of_index(conditions, asked);
        (0..log.size() / PAGE).filter(|page| candidates.has(*page)).count() as u64
    };
    let all = log.size() / PAGE;
    assert!(all > 10);
    assert_eq!(pages(&[("tenant", "acme")], &[("actor", "rare")]), 1);
    assert_eq!(pages(&[("tenant", "acme")], &[("q", "rare")]), 1);
    assert_eq!(pages(&[("tenant", "acme")], &[("query", "actor:rare action:job.*")]), 1);
    assert_eq!(pages(&[("tenant", "nobody")], &[]), 0);
    assert_eq!(pages(&[("actor", "rare")], &[]), 1);
    assert_eq!(pages(&[("action", "nothing.*")], &[]), 0);
    assert_eq!(pages(&[("tenant", "acme")], &[]), all);
    // Of a tenant with few events on each page these alone are read.
    let candidates = of_index(&[("tenant", "hooli")], &[("actor", "rare")]);
    let few: Vec<u64> = (0..all)
        .filter(|page| candidates.has(*page))
        .flat_map(|page| candidates.runs(page, whole.clone()).into_iter().flatten())
        .collect();
    let of_hooli = log.taken.iter().filter(|taken| taken.event.contains("hooli")).map(|taken| taken.index);
    assert_eq!(few, of_hooli.filter(|index| whole.contains(index)).collect::<Vec<_>>());
    // An explanation counts all events of the scope, and reads no others but those that are not indexed yet.
    let request = Request { scope: Arc::new(scope(&[("actor", "rare")])), ..request(&[("q", "nothing")]) };
    let (_, _, events, work) = search(&log, &index, &request);
    assert_eq!(events, 1);
    assert!(work.events <= PAGE + log.size() % PAGE, "{work:?}");
}
