//! Tests of exports from a store.

use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Line, Withheld};
use countersign::merkle::leaf_hash;
use countersign::verify::FindingCode;
use countersign::verify::report::{Check, CheckState, Checks, Complete, Report};
use countersign_log::export::{ExportError, Exporter, Lines, Request};
use countersign_log::store::StoredEvent;
use proptest::prelude::*;
use tokio::sync::watch;

use crate::reading;
use crate::reading::{DAY, EMITTERS, EVENTS, HOUR, TestLog, export, filters, request, shown, steps, verify};

/// True if an export is intact. One without events has no commitments to check, which is the only thing that may be
/// missing.
fn is_intact(report: &Report) -> bool {
    let Checks { tree, log, witnesses, .. } = &report.checks;
    let passes = |check: &Check| check.state == CheckState::Pass;
    let empty = report.counts.events == 0 && report.verdict.as_str() == "not_checked";
    (empty || matches!(report.verdict.as_str(), "partial" | "verified"))
        && [tree, log, witnesses].into_iter().all(passes)
        && report.checks.iter().all(|(_, check)| check.state != CheckState::Fail)
}

fn assert_intact(text: &str, log: &TestLog) -> Vec<u64> {
    let (verification, events) = verify(text, log.trust(), Vec::new());
    let report = &verification.report;
    assert!(is_intact(report), "{}: {:#?}\n{text}", report.verdict.as_str(), report.findings);
    assert!(events.iter().all(|event| event.authorized));
    shown(&events)
}

#[test]
fn exports_the_whole_log() {
    let log = TestLog::small();
    let text = export(&log.exporter(), &Request::default()).unwrap();
    let (verification, events) = verify(&text, log.trust(), Vec::new());
    let report = verification.report;
    assert_eq!(report.verdict.as_str(), "verified", "{:#?}", report.findings);
    assert_eq!(report.complete, Some(Complete::Range { range: [0, log.size()] }));
    assert_eq!(report.counts.entries, log.size());
    assert_eq!(shown(&events), log.naive(&Request::default()));
}

#[test]
fn exports_only_published_entries() {
    let mut log = TestLog::small();
    let published = log.size();
    log.record(0, EVENTS[0]);
    log.flush(0);
    assert!(log.size() > published);
    let text = export(&log.exporter(), &Request::default()).unwrap();
    assert_eq!(verify(&text, log.trust(), Vec::new()).0.report.counts.entries, published);
    assert!(assert_intact(&text, &log).iter().all(|index| *index < published));
    let beyond = Request { to: Some(published + 1), ..Request::default() };
    assert!(matches!(export(&log.exporter(), &beyond), Err(ExportError::Invalid { parameter: "to", .. })));
}

#[test]
fn exports_only_announced_checkpoints() {
    let mut log = TestLog::small();
    let (announce, announced) = watch::channel(log.reader().published().unwrap().map(Arc::new));
    let exporter = log.exporter().with_announced(announced);
    let before = log.size();
    log.record(0, EVENTS[0]);
    log.flush(0);
    log.checkpoint();
    let size = |exporter: &Exporter| {
        let text = export(exporter, &Request::default()).unwrap();
        assert_intact(&text, &log);
        verify(&text, log.trust(), Vec::new()).0.report.counts.entries
    };
    assert_eq!(size(&exporter), before);
    announce.send_replace(log.reader().published().unwrap().map(Arc::new));
    assert_eq!(size(&exporter), log.size());
}

#[test]
fn fails_before_the_first_checkpoint() {
    let log = TestLog::new();
    let nothing = export(&log.exporter(), &Request::default());
    assert!(matches!(nothing, Err(ExportError::NotFound(_))));
}

#[test]
fn exports_an_empty_log() {
    let mut log = TestLog::new();
    log.checkpoint();
    let text = export(&log.exporter(), &Request::default()).unwrap();
    assert_eq!(text.lines().count(), 2);
    let (verification, _) = verify(&text, log.trust(), Vec::new());
    assert_eq!(verification.report.checks.tree.state, CheckState::Pass);
}

#[test]
fn exports_complete_ranges() {
    let log = TestLog::small();
    let exporter = log.exporter();
    for (from, to) in [(0, 1), (3, 9), (17, 300), (64, 128), (100, log.size()), (0, log.size() - 1)] {
        let request = Request { from: Some(from), to: Some(to), ..Request::default() };
        let text = export(&exporter, &request).unwrap();
        let (verification, events) = verify(&text, log.trust(), Vec::new());
        assert_eq!(verification.report.checks.range.state, CheckState::Pass);
        assert_intact(&text, &log);
        let within = |index: &u64| (from..to).contains(index);
        assert_eq!(shown(&events).into_iter().filter(within).collect::<Vec<_>>(), log.naive(&request));
    }
}

#[test]
fn exports_an_empty_range() {
    let log = TestLog::small();
    let request = Request { from: Some(log.size()), ..Request::default() };
    let text = export(&log.exporter(), &request).unwrap();
    assert!(!text.lines().next().unwrap().contains("range"));
    assert!(assert_intact(&text, &log).is_empty());
}

#[test]
fn filtered_range_claims_no_completeness() {
    let log = TestLog::small();
    let filtered = Request { from: Some(10), to: Some(400), ..request(&[("actor", "u_2")]) };
    let text = export(&log.exporter(), &filtered).unwrap();
    assert!(!text.lines().next().unwrap().contains("range"));
    assert_eq!(assert_intact(&text, &log), log.naive(&filtered));
    assert!(!log.naive(&filtered).is_empty());
}

#[test]
fn exports_the_newest_events() {
    let log = TestLog::small();
    for limit in [1, 7, 100, 10_000] {
        for request in [request(&[]), request(&[("tenant", "acme")])] {
            let limited = Request { limit: Some(limit), ..request };
            let text = export(&log.exporter(), &limited).unwrap();
            assert_eq!(assert_intact(&text, &log), log.naive(&limited));
        }
    }
    let none = Request { limit: Some(0), ..Request::default() };
    assert!(matches!(export(&log.exporter(), &none), Err(ExportError::Invalid { parameter: "limit", .. })));
}

#[test]
fn time_ranges_and_limits_claim_completeness() {
    let log = TestLog::small();
    let claims = |asked: &Request| {
        let text = export(&log.exporter(), asked).unwrap();
        assert_intact(&text, &log);
        Header::parse(text.lines().next().unwrap().as_bytes()).unwrap().range
    };
    let size = log.size();
    let all = claims(&request(&[("since", "2000-01-01")]));
    assert_eq!(all, claims(&Request::default()));
    assert_eq!(all, Some((0, Some(size))));
    let newest = Request { limit: Some(7), ..Request::default() };
    let [first, ..] = log.naive(&newest)[..] else { panic!("the log has events") };
    assert_eq!(claims(&newest), Some((first, Some(size))));
    // A stream that continues from it contains everything that follows too.
    assert_eq!(claims(&Request { goes_on: true, ..newest.clone() }), Some((first, None)));
    assert_eq!(claims(&Request { goes_on: true, ..request(&[("since", "2100-01-01")]) }), Some((size, None)));
    assert_eq!(claims(&Request { goes_on: true, to: Some(9), ..Request::default() }), Some((0, Some(9))));
    for nothing in [&[("since", "2100-01-01")][..], &[("until", "2000-01-01")], &[("actor", "u_1")]] {
        assert_eq!(claims(&request(nothing)), None, "{nothing:?}");
    }
}

/// Modifies an export as a server would to hide an entry of a range that it claims to be complete.
#[test]
fn detects_an_entry_omitted_from_a_complete_range() {
    let log = TestLog::small();
    let text = export(&log.exporter(), &Request { goes_on: true, ..Request::default() }).unwrap();
    assert_eq!(Header::parse(text.lines().next().unwrap().as_bytes()).unwrap().range, Some((0, None)));
    let report = |text: &str| verify(text, log.trust(), Vec::new()).0.report;
    assert_eq!(report(&text).complete, Some(Complete::Range { range: [0, log.size()] }));
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate().skip(1).step_by(5) {
        let Item::Link { text, payload, .. } = Line::parse(line).unwrap().item else { continue };
        let (mut skip, mut withheld) = (Writer::new(), Writer::new());
        skip.skip(0, &leaf_hash(text.as_bytes()));
        withheld.withheld(&text, Some(Withheld::Filtered));
        let with = |instead: &str| {
            let mut sent = lines.clone();
            sent[number] = instead.trim_end();
            report(&(sent.join("\n") + "\n"))
        };
        assert_eq!(with("").verdict.as_str(), "altered", "{number}");
        let skipped = with(skip.as_str());
        assert_eq!(skipped.verdict.as_str(), "broken", "{number}");
        assert!(skipped.finding_counts.contains(&(FindingCode::RangeMissing, 1)), "{number}");
        if payload.is_some() {
            let withheld = with(withheld.as_str());
            assert_eq!((withheld.verdict.as_str(), withheld.complete), ("partial", None), "{number}");
        }
    }
}

#[test]
fn exports_a_chain_with_open_and_close_links() {
    let log = TestLog::small();
    let chain = log.logged[0].chain;
    let text = export(&log.exporter(), &request(&[("chain", &chain.to_string())])).unwrap();
    assert_intact(&text, &log);
    let (mut opens, mut closes) = (0, 0);
    for line in text.lines().skip(1) {
        if let Item::Link { link, .. } = Line::parse(line).unwrap().item {
            assert_eq!(link.chain(), chain);
            opens += u64::from(matches!(link, countersign::link::Link::Open(_)));
            closes += u64::from(matches!(link, countersign::link::Link::Close(_)));
        }
    }
    assert_eq!((opens, closes), (1, 1));
}

#[test]
fn exports_a_single_event() {
    let log = TestLog::small();
    let logged = log.logged[log.logged.len() / 2].clone();
    let place = Request { places: vec![(logged.chain, logged.seq)], ..Request::default() };
    let text = export(&log.exporter(), &place).unwrap();
    assert_eq!(assert_intact(&text, &log), [logged.index]);
    let none = Request { places: vec![(logged.chain, 1 << 40)], ..Request::default() };
    assert!(matches!(export(&log.exporter(), &none), Err(ExportError::NotFound(_))));
}

#[test]
fn reaches_a_pinned_size_exactly() {
    let log = TestLog::small();
    let exporter = log.exporter();
    let pins: Vec<_> = log.reader().checkpoints(1..log.size()).unwrap();
    assert!(pins.len() > 20);
    for pin in pins {
        let boundary = Request { boundary: Some(pin.size), ..request(&[("action", "data.export")]) };
        let text = export(&exporter, &boundary).unwrap();
        assert_intact(&text, &log);
        let pin = SignedCheckpoint::parse(&pin.note).unwrap();
        let (verification, _) = verify(&text, log.trust(), vec![pin]);
        assert_eq!(verification.report.checks.append_only.state, CheckState::Pass);
    }
    // A pin without a stored checkpoint.
    let boundary = Request { boundary: Some(5), ..request(&[("action", "data.export")]) };
    let text = export(&exporter, &boundary).unwrap();
    let mut size = 0;
    let mut reached = false;
    for line in text.lines().skip(1) {
        match Line::parse(line).unwrap().item {
            Item::Skip { level, .. } => size += 1 << level,
            Item::Checkpoint { .. } => {}
            _ => size += 1,
        }
        reached |= size == 5;
    }
    assert!(reached);
    let beyond = Request { boundary: Some(log.size() + 1), ..Request::default() };
    assert!(matches!(export(&exporter, &beyond), Err(ExportError::Invalid { parameter: "boundary", .. })));
}

#[test]
fn includes_checkpoints_of_the_day_only() {
    let log = TestLog::small();
    let all = log.reader().checkpoints(0..u64::MAX >> 11).unwrap();
    let first = log.logged[0].clone();
    let place = Request { places: vec![(first.chain, first.seq)], ..Request::default() };
    let text = export(&log.exporter(), &place).unwrap();
    let count = text.lines().filter(|line| line.starts_with("{\"checkpoint\"")).count();
    assert!(count >= 2 && count <= all.len(), "{count} of {}", all.len());
    // Key notes need additional checkpoints. Without them, an export of one event has the checkpoints of its
    // day and the newest.
    let mut log = TestLog::new();
    for _ in 0..50 {
        log.record(0, EVENTS[0]);
        log.flush(0);
        log.checkpoint();
        log.now += 2 * HOUR;
    }
    let first = log.logged[0].clone();
    let place = Request { places: vec![(first.chain, first.seq)], ..Request::default() };
    let text = export(&log.exporter(), &place).unwrap();
    let count = text.lines().filter(|line| line.starts_with("{\"checkpoint\"")).count();
    assert_eq!(count, 2, "the first of its day is its last too\n{text}");
}

#[test]
fn includes_the_checkpoint_before_a_revocation() {
    let mut log = TestLog::new();
    for _ in 0..30 {
        log.record(0, EVENTS[0]);
        log.flush(0);
        log.checkpoint();
        log.now += 2 * HOUR;
    }
    log.revoke(1);
    log.now += DAY;
    log.checkpoint();
    let last = log.logged.last().unwrap().clone();
    let place = Request { places: vec![(last.chain, last.seq)], ..Request::default() };
    let text = export(&log.exporter(), &place).unwrap();
    let sizes: Vec<u64> = text
        .lines()
        .filter_map(|line| match Line::parse(line).ok()?.item {
            Item::Checkpoint { signed, .. } => Some(signed.checkpoint.size),
            _ => None,
        })
        .collect();
    // The key was revoked as of 7 hours before; 8 hours before, the log had 27 events and an open link.
    assert!(sizes.contains(&28), "{sizes:?}");
    assert_intact(&text, &log);
}

#[test]
fn marks_erased_events() {
    let mut log = TestLog::small();
    let erased: Vec<u64> = log.logged.iter().step_by(5).map(|logged| logged.index).collect();
    log.erase(&erased);
    let text = export(&log.exporter(), &Request::default()).unwrap();
    assert_eq!(text.matches("\"withheld\":\"erased\"").count(), erased.len());
    assert_intact(&text, &log);
    let request = request(&[("tenant", "acme")]);
    let text = export(&log.exporter(), &request).unwrap();
    assert_eq!(assert_intact(&text, &log), log.naive(&request));
}

#[test]
fn canceled_export_stops() {
    let log = TestLog::small();
    let canceled = log.exporter().plan(&request(&[("actor", "u_1")]), &|| true);
    assert!(matches!(canceled, Err(ExportError::Canceled)));
}

/// Other searches may go first between any two slices.
#[test]
fn a_search_examines_large_events_in_slices() {
    let slices = |bytes: usize| {
        let mut log = TestLog::new();
        let large = format!(
            r#"{{"action":"job.update","actor":{{"id":"u_1"}},"metadata":{{"text":"{}"}}}}"#,
            "x".repeat(bytes)
        );
        for _ in 0..20 {
            log.record(0, &large);
        }
        log.flush(0);
        log.checkpoint();
        let count = std::cell::Cell::new(0);
        let request = request(&[("actor", "u_1")]);
        let canceled = || {
            count.set(count.get() + 1);
            false
        };
        let plan = log.exporter().plan(&request, &canceled).unwrap();
        drop(plan);
        assert_eq!(assert_intact(&export(&log.exporter(), &request).unwrap(), &log), log.naive(&request));
        count.get()
    };
    let (small, large) = (slices(10), slices(200_000));
    assert!(large >= small + 9, "{small} {large}");
}

#[test]
fn live_view_continues_without_gaps() {
    let mut log = TestLog::small();
    let exporter = log.exporter();
    let mut text = String::new();
    let mut take = |mut lines: Lines| {
        while lines.step(&mut |line| text.push_str(str::from_utf8(line.text).unwrap())).unwrap() {}
        lines.at()
    };
    let from = log.size() - 100;
    let mut at =
        take(exporter.begin_live(Some(from), &Arc::default()).unwrap().finish(&|| false).unwrap().lines());
    for _ in 0..3 {
        assert_eq!(at, log.size());
        for (emitter, event) in EVENTS.iter().enumerate().take(EMITTERS) {
            log.record(emitter, event);
        }
        log.flush_all();
        log.now += HOUR;
        log.checkpoint();
        at = take(exporter.plan_continuation(at, &Arc::default(), false).unwrap().lines());
    }
    let shown = assert_intact(&text, &log);
    assert_eq!(shown, log.naive(&Request { from: Some(from), ..Request::default() }));
}

#[test]
fn live_view_is_complete_until_it_shows_a_key_granted_in_the_log() {
    let mut log = TestLog::new();
    log.grant_emitter(0);
    for emitter in [0, 1, 1, 1] {
        log.record(emitter, EVENTS[0]);
        log.flush(emitter);
        log.now += HOUR;
        log.checkpoint();
    }
    let exporter = log.exporter();
    let mut text = String::new();
    let mut take = |mut lines: Lines| {
        while lines.step(&mut |line| text.push_str(str::from_utf8(line.text).unwrap())).unwrap() {}
        (lines.at(), text.clone())
    };
    let from = log.size() - 2;
    let view = exporter.begin_live(Some(from), &Arc::default()).unwrap().finish(&|| false).unwrap();
    let (at, text) = take(view.lines());
    let unseen = |report: &Report| report.finding_counts.contains(&(FindingCode::KeyUnseen, 1));
    let report = verify(&text, log.trust_without(0), Vec::new()).0.report;
    // The view has the open link of the granted chain, which may continue.
    assert_eq!((report.counts.chains, unseen(&report)), (2, true), "{:#?}", report.findings);
    assert_eq!(report.complete, Some(Complete::Range { range: [from, at] }), "{:#?}", report.findings);

    log.record(0, EVENTS[1]);
    log.flush(0);
    log.checkpoint();
    let (_, text) = take(exporter.plan_continuation(at, &Arc::default(), false).unwrap().lines());
    let report = verify(&text, log.trust_without(0), Vec::new()).0.report;
    assert_eq!((report.verdict.as_str(), unseen(&report)), ("partial", true), "{:#?}", report.findings);
    assert_eq!(report.checks.signatures.state, CheckState::Pass);
    let report = verify(&text, log.trust(), Vec::new()).0.report;
    assert_eq!(report.verdict.as_str(), "verified", "{:#?}", report.findings);
}

#[test]
fn continuing_after_any_piece_gives_the_same_bytes() {
    fn rest(mut lines: Lines) -> Vec<u8> {
        std::iter::from_fn(|| lines.next_piece().unwrap()).flatten().collect()
    }
    let log = TestLog::small();
    let exporter = log.exporter();
    let further = |from| exporter.plan_continuation(from, &Arc::default(), true).unwrap().lines();
    let mut whole = exporter.plan(&Request::default(), &|| false).unwrap().lines();
    assert_eq!(whole.whole_log(), Some(log.size()));
    let header = whole.piece_before(0).unwrap().unwrap();
    assert_eq!(str::from_utf8(&header).unwrap().lines().count(), 1);
    let text = rest(further(0));
    assert_eq!(rest(whole), text);
    for from in (0..log.size()).step_by(29) {
        let from_there = rest(further(from));
        assert!(text.ends_with(&from_there));
        for end in [u64::MAX, from + 1, from + 100] {
            let mut lines = further(from);
            let mut written = Vec::new();
            while let Some(piece) = lines.piece_before(end).unwrap() {
                written.extend(piece);
                if lines.at() == log.size() {
                    continue;
                }
                assert_eq!([&written[..], &rest(further(lines.at()))].concat(), from_there);
                let mut passing = further(0);
                passing.pass_over(lines.at());
                assert_eq!([&written[..], &rest(passing)].concat(), from_there);
            }
            assert_eq!(lines.at(), end.min(log.size()));
        }
    }
}

#[test]
fn erasure_is_permanent() {
    let mut log = TestLog::small();
    let index = log.logged[3].index;
    log.erase(&[index]);
    let leaf = log.reader().leaves_with_events(index..index + 1).unwrap().pop().unwrap();
    assert_eq!(leaf.event, StoredEvent::Erased);
}

proptest! {
    #![proptest_config(reading::cases(48))]

    #[test]
    fn every_export_verifies_and_matches_a_full_scan(
        steps in steps(40),
        conditions in proptest::option::of(filters()),
        bounds in proptest::option::of(any::<(prop::sample::Index, prop::sample::Index)>()),
        limit in proptest::option::weighted(0.3, 1_u64..20),
        boundary in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let log = TestLog::build(&steps);
        let mut asked = request(&conditions.unwrap_or_default());
        let size = log.size() as usize;
        if let Some((a, b)) = bounds {
            let (a, b) = (a.index(size + 1) as u64, b.index(size + 1) as u64);
            (asked.from, asked.to) = (Some(a.min(b)), Some(a.max(b)));
        }
        asked.limit = limit;
        asked.boundary = boundary.map(|boundary| boundary.index(size + 1) as u64);
        let text = export(&log.exporter(), &asked).unwrap();
        if size == 0 {
            return Ok(());
        }
        let (verification, events) = verify(&text, log.trust(), Vec::new());
        let report = verification.report;
        prop_assert!(is_intact(&report), "{:#?}\n{text}", report.findings);
        let (from, to) = (asked.from.unwrap_or(0), asked.to.unwrap_or(size as u64));
        let mut shown = shown(&events);
        shown.retain(|index| (from..to).contains(index));
        prop_assert_eq!(shown, log.naive(&asked));
    }
}
