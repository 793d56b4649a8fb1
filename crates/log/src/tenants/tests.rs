//! Tests of exports and live views of tenant logs, each verified as a reader does.

mod anchors;
mod world;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use countersign::tenant::HeadProof;
use countersign::time::Time;
use countersign::verify::report::Report;
use countersign::verify::{CheckState, Options, Severity, Verdict, Verifier};
use http::HeaderMap;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::sync::watch;

use crate::api;
use crate::api::sse::{Announcements, LiveRequest};
use crate::event_filter::EventFilter;
use crate::export::{ExportError, Exporter, Lines, LiveState, Request};
use crate::store::{CheckpointReader, EntryReader, ProvenState, StoreError};
use crate::tokens::{Access, LogScope, Right, Scope, TokenValidity};
use world::World;

fn export(exporter: &Exporter, request: &Request) -> String {
    let mut lines = exporter.plan(request, &|| false).unwrap().lines();
    let pieces = std::iter::from_fn(|| lines.next_piece().unwrap());
    String::from_utf8(pieces.flatten().collect()).unwrap()
}

fn verify(world: &World, log: usize, text: &str) -> Report {
    let mut verifier = Verifier::new(Options { trust: world.trust(log), ..Options::default() });
    verifier.push(text.as_bytes());
    verifier.finish().report
}

/// Returns the codes of all errors and warnings.
fn problems(report: &Report) -> Vec<&'static str> {
    let problems = report.findings.iter().filter(|finding| finding.severity != Severity::Info);
    problems.map(|finding| finding.code.as_str()).collect()
}

/// Returns the head proofs on these lines.
fn heads<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<HeadProof> {
    let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    lines
        .into_iter()
        .filter_map(|line| Some(HeadProof::parse(value(line).get("head")?.as_str()?).unwrap()))
        .collect()
}

fn request(parameters: &[(&str, &str)]) -> Request {
    let mut filter = EventFilter::default();
    for (name, value) in parameters {
        filter.set(name, value, Time::MIN).unwrap();
    }
    Request { filter, ..Request::default() }
}

/// Returns a world with two tenant logs, of which the second grows in each tick.
fn busy() -> World {
    let mut world = World::new(2);
    for tick in 0..40 {
        if tick % 4 == 3 {
            world.record(0, 1 + tick % 3);
        }
        if tick == 20 {
            world.grant(0);
        }
        world.record(1, 5);
        world.tick();
    }
    world
}

#[test]
fn each_tick_proves_each_head() {
    let mut world = World::new(2);
    let reader = world.reader(0);
    assert_eq!((reader.published().unwrap(), reader.size().unwrap()), (None, 0));
    let strange = [0x99; 16];
    for tick in 0..20 {
        world.record(0, tick % 3);
        world.tick();
        if tick == 9 {
            world.create(2);
        }
        let newest = world.newest();
        for log in 0..2 {
            let origin = &world.logs[log].origin;
            let proof = newest.head_proof(&origin.id(), &*world.root).unwrap().unwrap();
            proof.verify(&world.trust(log)).unwrap();
            assert_eq!((&proof.head().origin, proof.anchor.tick), (origin, tick));
        }
        assert!(newest.head_proof(&strange, &*world.root).unwrap().is_none());
        let published = reader.published().unwrap().unwrap();
        assert_eq!(published.size, reader.size().unwrap());
        assert_eq!(published.state().tick().unwrap(), Some(tick));
        assert_eq!(reader.published().unwrap().unwrap(), published);
        assert_eq!(reader.checkpoints(0..1000).unwrap(), [published]);
        let younger = world.reader(world.logs.len() - 1).published().unwrap();
        assert_eq!(younger.is_some(), tick != 9, "a new log has no head before its first tick");
    }
}

#[test]
fn a_damaged_root_log_proves_nothing() {
    let mut world = World::new(1);
    world.record(0, 1);
    (0..5).for_each(|_| world.tick());
    let id = world.logs[0].origin.id();
    world.root.replace(2, "countersign/v1 directory");
    let proof = world.newest().head_proof(&id, &*world.root);
    assert!(matches!(proof, Err(StoreError::Damaged(_))), "{proof:?}");
}

#[test]
fn every_export_is_verified() {
    let world = busy();
    for log in 0..2 {
        let exporter = world.exporter(log);
        let text = export(&exporter, &Request::default());
        let report = verify(&world, log, &text);
        assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
        let size = world.logs[log].entries.size().unwrap();
        assert_eq!(report.complete_range(), Some([0, size]));
        assert_eq!(problems(&report), [""; 0]);
        assert_eq!(report.root_log.map(|root| root.size), Some(40));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.last().unwrap().starts_with("{\"head\":\"countersign/v1 head\\n"));
        assert_eq!(heads(lines.iter().copied()).len(), 1);

        let part = Request { from: Some(3), to: Some(size - 4), ..Request::default() };
        let report = verify(&world, log, &export(&exporter, &part));
        assert_eq!((report.verdict, report.complete_range()), (Verdict::Verified, Some([3, size - 4])));
        let boundary = Request { from: Some(7), boundary: Some(5), ..Request::default() };
        let report = verify(&world, log, &export(&exporter, &boundary));
        assert_eq!(report.verdict, Verdict::Verified);
    }
}

#[test]
fn slices_pass_every_check() {
    let world = busy();
    let exporter = world.exporter(0);
    let link = world.reader(0).leaves_with_events(9..10).unwrap()[0].link().unwrap();
    let proof = Request { places: vec![(link.chain(), link.seq())], ..Request::default() };
    let filtered = request(&[("action", "event.1")]);
    let newest = Request { limit: Some(3), ..request(&[("action", "event.2")]) };
    let scope = Arc::new(Scope::default().narrowed(request(&[("action", "event.0")]).filter.query()));
    let limited = Request { scope, ..Request::default() };
    for request in [proof, filtered, newest, limited] {
        let text = export(&exporter, &request);
        let report = verify(&world, 0, &text);
        assert_eq!(report.verdict, Verdict::Partial, "{report:#?}");
        assert!(report.counts.events > 0, "{text}");
    }
}

#[test]
fn shows_nothing_beyond_the_newest_published_head() {
    let mut world = busy();
    let exporter = world.exporter(0);
    let before = export(&exporter, &Request::default());
    world.record(0, 3);
    assert_eq!(export(&exporter, &Request::default()), before);
    world.tick();
    let after = export(&exporter, &Request::default());
    assert_eq!(after.matches("\"link\"").count(), before.matches("\"link\"").count() + 3);
    assert_eq!(verify(&world, 0, &after).verdict, Verdict::Verified);
}

#[test]
fn the_head_is_private() {
    let world = busy();
    let reader = world.reader(0);
    let published = reader.published().unwrap();
    let answer = api::head::head(published.as_ref(), None, &*reader).unwrap();
    assert_eq!(answer.headers()["cache-control"], "private, no-store");
    let text = String::from_utf8(answer.into_body()).unwrap();
    HeadProof::parse(&text).unwrap().verify(&world.trust(0)).unwrap();
    assert_eq!(published.as_ref().map(|published| published.state()), Some(ProvenState::Head(&text)));
    assert!(api::head::head(None, None, &*reader).is_err());
    let tile = api::tiles::tenant_tile(&*world.reader(0), 5, "tile/0/000.p/5").unwrap();
    assert_eq!(tile.headers()["cache-control"], "private, no-store");
}

/// An event of a stream.
#[derive(Clone, Debug)]
struct SentEvent {
    id: Option<String>,
    line: String,
}

/// The server's side of a live view.
struct View {
    first: u64,
    at: LiveState,
    lines: Option<Lines>,
    announcements: Announcements,
    /// True if the view can't be continued. The connection ends then.
    has_ended: bool,
}

impl View {
    /// Opens a view, or resumes one.
    fn open(world: &World, log: usize, from: u64, last_id: Option<&str>) -> Result<Self, ExportError> {
        let mut headers = HeaderMap::new();
        if let Some(id) = last_id {
            headers.insert("last-event-id", id.parse().unwrap());
        }
        let validity = TokenValidity { until: Time::MAX, key: countersign::hash::Hash([0; 32]) };
        let access = Access::from_issuer(
            [0; 32],
            Right::Read,
            "reader".into(),
            Arc::default(),
            LogScope::All,
            validity,
        );
        let query = format!("from={from}");
        let request = LiveRequest::parse(Some(&query), &headers, &access, Time::MIN).unwrap();
        let plan = request.begin(&world.exporter(log))?.finish(&|| false)?;
        let first = request.first(&plan);
        let announcements = Announcements::Ticks(world.ticks(world.logs[log].origin.id()));
        Ok(Self { first, at: first.into(), lines: Some(plan.lines()), announcements, has_ended: false })
    }

    /// Returns what the view sends now. `idle` is true if it has waited long enough to show a later head.
    fn take(&mut self, exporter: &Exporter, idle: bool) -> Vec<SentEvent> {
        let mut sent = Vec::new();
        loop {
            if let Some(lines) = self.lines.take() {
                let piece = api::sse::piece(lines, self.first).unwrap();
                (self.at, self.lines) = (piece.at, piece.lines);
                sent.extend(parse(str::from_utf8(&piece.bytes).unwrap()));
                continue;
            }
            let has_entries = self.announcements.newest().is_some_and(|newest| self.at.lacks_entries(newest));
            let has_head = idle && self.announcements.has_head_for(self.at);
            if !has_entries && !has_head {
                return sent;
            }
            match exporter.plan_continuation(self.at, &Arc::default(), false) {
                Err(ExportError::Restart) => {
                    self.has_ended = true;
                    return sent;
                }
                plan => self.lines = Some(plan.unwrap().lines()),
            }
        }
    }
}

fn parse(text: &str) -> Vec<SentEvent> {
    let event = |text: &str| {
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        SentEvent { id: field("id: "), line: field("data: ").unwrap() }
    };
    text.split_terminator("\n\n").map(event).collect()
}

/// Verifies the lines of a view as they arrive. At each head, they must be verified if they contain an event.
fn assert_verified(world: &World, log: usize, sent: &[SentEvent], context: &str) {
    let mut verifier = Verifier::live(Options { trust: world.trust(log), ..Options::default() });
    let mut ticks = Vec::new();
    for event in sent {
        verifier.push(event.line.as_bytes());
        verifier.push(b"\n");
        verifier.settle();
        let report = verifier.report().map(|verification| verification.report);
        let head = heads([&*event.line]).pop();
        assert_eq!(report.is_some(), head.is_some());
        let (Some(report), Some(head)) = (report, head) else { continue };
        let verdict = if report.counts.events > 0 { Verdict::Verified } else { Verdict::NotChecked };
        assert_eq!(report.verdict, verdict, "{context}: {:#?}", report.checks);
        assert_eq!(problems(&report), [""; 0], "{context}");
        assert!(report.checks.log.failed == 0 && report.checks.log.state == CheckState::Pass);
        ticks.push(head.anchor.tick);
    }
    assert!(ticks.is_sorted_by(|earlier, later| earlier < later), "{context}: {ticks:?}");
}

/// The last ID that a reader has after these events.
fn last_id(sent: &[SentEvent]) -> Option<&str> {
    sent.iter().rev().find_map(|event| event.id.as_deref())
}

#[test]
fn the_ids_of_a_live_view_have_ticks() {
    let mut world = World::new(1);
    world.tick();
    let exporter = world.exporter(0);
    let mut view = View::open(&world, 0, 0, None).unwrap();
    let ids =
        |sent: Vec<SentEvent>| -> Vec<Option<String>> { sent.into_iter().map(|event| event.id).collect() };
    // The header, and the head of an empty log.
    assert_eq!(ids(view.take(&exporter, true)), [None, None]);
    world.tick();
    assert_eq!(ids(view.take(&exporter, false)), []);
    world.record(0, 1);
    world.tick();
    let id = |text: &str| Some(text.to_owned());
    assert_eq!(ids(view.take(&exporter, false)), [id("0/0"), id("1/0"), id("1/2")]);
    assert_eq!(ids(view.take(&exporter, true)), []);
    world.tick();
    assert_eq!(ids(view.take(&exporter, true)), [id("1/3")]);
    let mut view = View::open(&world, 0, 1, None).unwrap();
    assert_eq!(ids(view.take(&exporter, true)), [None, None, id("1"), id("1/3")]);
    let mut view = View::open(&world, 0, 2, None).unwrap();
    // An open link and a skip precede the head.
    assert_eq!(ids(view.take(&exporter, true)), [None, None, None, id("1/3")]);
}

#[test]
fn a_resumed_view_never_gets_an_earlier_tick() {
    let mut world = World::new(1);
    world.record(0, 4);
    (0..3).for_each(|_| world.tick());
    let exporter = world.exporter(0);
    let take = |id: &str| -> Vec<String> {
        let mut view = View::open(&world, 0, 0, Some(id)).unwrap();
        view.take(&exporter, true).into_iter().map(|event| event.id.unwrap()).collect()
    };
    assert_eq!(take("4/2"), [""; 0]);
    assert_eq!(take("2/2"), [""; 0]);
    assert_eq!(take("4/1"), ["4/2"]);
    assert_eq!(take("3/1"), ["4/1", "4/2"]);
    assert_eq!(take("3"), ["4", "4/2"]);
    // A reader that has more than this log has to start again, and then notices what is missing.
    for id in ["5/2", "4/3", "4/9"] {
        assert!(matches!(View::open(&world, 0, 0, Some(id)), Err(ExportError::Invalid { .. })), "{id}");
    }
}

#[test]
fn a_view_can_be_resumed_after_every_line() {
    for from in [0, 3, 8] {
        let mut world = World::new(2);
        world.record(0, 7);
        world.tick();
        let exporter = world.exporter(0);
        let mut view = View::open(&world, 0, from, None).unwrap();
        let mut sent = view.take(&exporter, true);
        for tick in 0..12 {
            if tick % 3 == 0 {
                world.record(0, tick / 3);
            }
            if tick == 5 {
                world.grant(0);
            }
            world.record(1, 2);
            world.tick();
            sent.extend(view.take(&exporter, tick % 2 == 1));
        }
        assert_verified(&world, 0, &sent, "without interruption");
        // A reader reconnects at once, after idle ticks, and after the log grew.
        for (idle_ticks, events) in [(0, 0), (1, 0), (3, 2)] {
            (0..idle_ticks).for_each(|_| world.tick());
            if events > 0 {
                world.record(0, events);
                world.tick();
            }
            for cut in 1..=sent.len() {
                let seen = &sent[..cut];
                let Some(id) = last_id(seen) else { continue };
                let mut view = View::open(&world, 0, from, Some(id)).unwrap();
                let all = [seen, &view.take(&exporter, true)].concat();
                let context = format!("from {from}, resumed after {id}, {idle_ticks} ticks");
                assert_verified(&world, 0, &all, &context);
                let is_entry = |line: &str| line.starts_with("{\"link\"") || line.starts_with("{\"note\"");
                let entries = all.iter().filter(|event| is_entry(&event.line)).count() as u64;
                assert!(entries >= world.logs[0].entries.size().unwrap() - from, "{context}");
            }
        }
    }
}

#[test]
fn a_view_waits_for_a_tick_with_new_entries() {
    let mut world = World::new(2);
    world.record(0, 3);
    world.tick();
    let mut announcements = Announcements::Ticks(world.ticks(world.logs[0].origin.id()));
    let view = announcements.newest().unwrap();
    assert_eq!(view, LiveState { size: 4, tick: Some(0), awaited: None });
    let mut waiting = pin!(announcements.wait_for_entries(view));
    let mut context = Context::from_waker(Waker::noop());
    world.record(1, 1);
    world.tick();
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    world.record(0, 1);
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    world.tick();
    assert!(waiting.as_mut().poll(&mut context).is_ready());
}

#[test]
fn only_a_tenants_view_has_ticks() {
    let mut world = World::new(1);
    world.tick();
    let (announce, announced) = watch::channel(Some(world.newest().checkpoint.clone()));
    let exporter = Exporter::new(world.root.clone(), world::ROOT, None).with_announced(announced);
    assert!(exporter.plan_continuation(1, &Arc::default(), true).is_ok());
    let with_tick = LiveState { size: 1, tick: Some(0), awaited: None };
    let refused = exporter.plan_continuation(with_tick, &Arc::default(), true);
    drop(announce);
    assert!(matches!(refused, Err(ExportError::Invalid { .. })));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Record(usize, u64),
    Grant,
    Tick,
    Send {
        idle: bool,
    },
    /// The connection is lost after this share of what was sent since the last one.
    Reconnect(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..2_usize, 1..5_u64).prop_map(|(log, events)| Step::Record(log, events)),
        1 => Just(Step::Grant),
        4 => Just(Step::Tick),
        4 => any::<bool>().prop_map(|idle| Step::Send { idle }),
        2 => any::<prop::sample::Index>().prop_map(Step::Reconnect),
    ];
    vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Publishes ticks and loses connections at random. The reader's lines must be verified at each head.
    #[test]
    fn every_live_view_is_verified(steps in steps(), from in any::<prop::sample::Index>()) {
        let mut world = World::new(2);
        world.record(0, 3);
        world.tick();
        let exporter = world.exporter(0);
        let from = from.index(5) as u64;
        let mut view = View::open(&world, 0, from, None).unwrap();
        // The reader's lines so far, and those on the way to it.
        let (mut seen, mut sent) = (Vec::new(), view.take(&exporter, false));
        for step in steps {
            match step {
                Step::Record(log, events) => world.record(log, events),
                Step::Grant => world.grant(0),
                Step::Tick => world.tick(),
                Step::Send { idle } => sent.extend(view.take(&exporter, idle)),
                Step::Reconnect(cut) => {
                    sent.truncate(cut.index(sent.len() + 1));
                    seen.append(&mut sent);
                    let id = last_id(&seen).map(str::to_owned);
                    if id.is_none() {
                        seen.clear();
                    }
                    view = View::open(&world, 0, from, id.as_deref()).unwrap();
                }
            }
        }
        sent.extend(view.take(&exporter, true));
        seen.append(&mut sent);
        assert_verified(&world, 0, &seen, "random steps");
        let newest = heads(seen.iter().map(|event| &*event.line)).pop().unwrap();
        prop_assert_eq!(newest.head().size, world.newest().live_state(&world.logs[0].origin.id()).unwrap().size);
    }
}
