//! Tests of anchors and kept heads in exports and live views.

use std::sync::LazyLock;

use countersign::export::{Header, Line};
use countersign::verify::report::History;
use countersign_slice::{Selection, Survey};

use super::*;

/// Exports a log, and returns its verified report.
fn verified(world: &World, log: usize) -> Report {
    let text = export(&world.exporter(log), &Request::default());
    let report = verify(world, log, &text);
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}\n{text}");
    assert_eq!(problems(&report), [""; 0]);
    report
}

/// Returns the number of anchors that a verified export has.
fn anchors(world: &World, log: usize) -> u64 {
    verified(world, log).history.map_or(0, |history: History| history.anchors)
}

/// Returns the kinds of the lines of an export: the names of their first fields.
fn kinds(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split('"').nth(1)).collect()
}

/// Returns a world just before an anchor, with two logs of which the first one has entries.
fn near_anchor() -> World {
    static ROOT_LOG: LazyLock<World> = LazyLock::new(|| World::starting_at(4090, 0));
    let mut world = ROOT_LOG.copy_root_log();
    world.create(0);
    world.create(1);
    world.record(0, 5);
    world.tick();
    world
}

#[test]
fn exports_are_verified_around_each_anchor() {
    let mut world = near_anchor();
    let mut counts = Vec::new();
    for anchor in [4095, 8191, 12_287] {
        world.skip_to(anchor - 2);
        for _ in 0..5 {
            world.record(1, 1);
            world.tick();
            counts.push([0, 1].map(|log| anchors(&world, log)));
        }
    }
    let expected = [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3].map(|count| [count; 2]);
    assert_eq!(counts, expected);
    let history = verified(&world, 0).history.unwrap();
    assert_eq!(history.since.to_string(), "2026-11-20T07:08:15.000Z");
    assert_eq!(history.to.millis() - history.since.millis(), 2 * 4096 * 1000);
}

#[test]
fn a_log_has_the_anchors_since_its_creation() {
    let mut world = near_anchor();
    world.skip_to(5000);
    world.create(2);
    world.record(2, 1);
    world.record(1, 1);
    world.tick();
    assert_eq!([0, 1, 2].map(|log| anchors(&world, log)), [1, 1, 0]);
    world.skip_to(8193);
    world.record(2, 3);
    world.tick();
    assert_eq!([0, 1, 2].map(|log| anchors(&world, log)), [2, 2, 1]);
    let text = export(&world.exporter(2), &Request::default());
    assert_eq!(kinds(&text), ["countersign", "link", "link", "anchor", "link", "link", "link", "head"]);
}

#[test]
fn the_anchor_of_an_empty_log_precedes_its_entries() {
    let mut world = near_anchor();
    world.skip_to(4096);
    world.record(1, 1);
    world.tick();
    let text = export(&world.exporter(1), &Request::default());
    assert_eq!(kinds(&text), ["countersign", "anchor", "link", "link", "head"]);
    assert_eq!(anchors(&world, 1), 1);
}

#[test]
fn an_export_shows_a_bounded_number_of_anchors() {
    let mut world = near_anchor();
    world.skip_to(26 << 12);
    world.record(0, 1);
    world.tick();
    assert_eq!(anchors(&world, 0), 24);
}

#[test]
fn slices_and_ranges_keep_all_anchors() {
    let mut world = near_anchor();
    for anchor in [4095, 8191] {
        world.skip_to(anchor - 1);
        for _ in 0..4 {
            world.record(0, 3);
            world.tick();
        }
    }
    let exporter = world.exporter(0);
    let link = world.reader(0).leaves_with_events(9..10).unwrap()[0].link().unwrap();
    let proof = Request { places: vec![(link.chain(), link.seq())], ..Request::default() };
    let ranges = [(0, 2), (3, 7), (20, 29), (0, 29)].map(|(from, to)| Request {
        from: Some(from),
        to: Some(to),
        ..Request::default()
    });
    let filtered = request(&[("action", "event.1")]);
    let boundary = Request { from: Some(7), boundary: Some(5), ..Request::default() };
    for request in ranges.into_iter().chain([proof, filtered, boundary]) {
        let text = export(&exporter, &request);
        let report = verify(&world, 0, &text);
        let expected = if report.complete_range().is_some() { Verdict::Verified } else { Verdict::Partial };
        assert_eq!(report.verdict, expected, "{report:#?}");
        assert_eq!(report.checks.append_only.state, CheckState::Pass, "{request:?}");
        assert_eq!(report.history.map(|history| history.anchors), Some(2), "{request:?}");
    }
}

#[test]
fn slicing_an_export_keeps_anchors_and_their_heads() {
    let mut world = near_anchor();
    world.hour_ms = 20_000;
    for anchor in [4095, 8191] {
        world.skip_to(anchor - 30);
        for _ in 0..60 {
            world.record(0, 1);
            world.tick();
        }
    }
    let text = export(&world.exporter(0), &Request::default());
    let header = Header::parse(text.lines().next().unwrap().as_bytes()).unwrap();
    let lines = || text.lines().zip(1..).skip(1);
    let selection = Selection::all().matching(|_, event| event.contains("\"n\":50"));
    let trust = world.trust(0);
    let mut survey = Survey::new(&header, &selection, Some(&trust));
    for (line, number) in lines() {
        survey.line(number, &Line::parse(line).unwrap().item).unwrap();
    }
    let plan = survey.finish().unwrap();
    let mut out = countersign::export::writer::Writer::new();
    let mut slicer = plan.slicer(&mut out);
    for (line, number) in lines() {
        slicer.line(number, &Line::parse(line).unwrap().item, &mut out).unwrap();
    }
    slicer.finish(&mut out).unwrap();
    let report = verify(&world, 0, out.as_str());
    assert_eq!(report.verdict, Verdict::Partial, "{report:#?}");
    assert_eq!(report.history.map(|history| history.anchors), Some(2));
    assert_eq!(problems(&report), [""; 0]);
}

#[test]
fn kept_heads_show_when_entries_existed() {
    let mut world = World::new(2);
    // "Days" have 24 of these hours, but kept heads are needed for the last link of each chain, too.
    world.hour_ms = 10_000;
    for tick in 0..45 {
        if tick < 12 {
            world.record(0, 1);
        }
        world.record(1, 1);
        world.tick();
    }
    let reader = world.reader(0);
    let kept = reader.checkpoints(0..100).unwrap();
    let ticks: Vec<_> = kept.iter().map(|head| head.state().tick().unwrap().unwrap()).collect();
    assert_eq!(ticks, [9, 19, 44]);
    assert_eq!(kept.iter().map(|head| head.size).collect::<Vec<_>>(), [11, 13, 13]);
    let text = export(&world.exporter(0), &Request::default());
    let shown: Vec<u64> = heads(text.lines()).iter().map(|head| head.anchor.tick).collect();
    assert_eq!(shown, [19, 44]);
    verified(&world, 0);
    verified(&world, 1);
}

#[test]
fn damage_is_noticed() {
    let mut world = near_anchor();
    world.skip_to(4097);
    world.tick();
    world.logs[0].entries.replace(2, "another entry");
    let result = world.exporter(0).plan(&Request::default(), &|| false).map(|_| ());
    assert!(matches!(result, Err(ExportError::Store(StoreError::Damaged(_)))), "{result:?}");
}

#[test]
fn a_log_that_cannot_be_read_is_not_damaged() {
    let mut world = near_anchor();
    world.skip_to(4097);
    world.tick();
    let exporter = world.exporter(0);
    let plan = || exporter.plan(&Request::default(), &|| false).map(|_| ());
    // The proof of the newest head is made once, but those of anchors aren't.
    plan().unwrap();
    world.root.make_unavailable();
    let result = plan();
    assert!(matches!(result, Err(ExportError::Store(StoreError::Unavailable { .. }))), "{result:?}");
}

/// A reader of a live view, whose connection may be lost after any line.
struct Client {
    log: usize,
    from: u64,
    view: View,
    /// The lines of the export that the reader has.
    seen: Vec<SentEvent>,
    /// The lines on the way to the reader.
    sent: Vec<SentEvent>,
}

impl Client {
    fn open(world: &World, log: usize, from: u64) -> Self {
        let view = View::open(world, log, from, None).unwrap();
        Self { log, from, view, seen: Vec::new(), sent: Vec::new() }
    }

    /// Lets the server send what it can.
    fn send(&mut self, world: &World, idle: bool) {
        let exporter = world.exporter(self.log);
        self.sent.extend(self.view.take(&exporter, idle));
        if self.view.has_ended {
            self.reconnect(world, usize::MAX);
            self.sent.extend(self.view.take(&exporter, idle));
            assert!(!self.view.has_ended);
        }
    }

    /// Loses the connection after this number of lines, and opens the view again.
    fn reconnect(&mut self, world: &World, lines: usize) {
        self.sent.truncate(lines);
        self.receive();
        let id = last_id(&self.seen).map(str::to_owned);
        if id.is_none() {
            self.seen.clear();
        }
        self.view = View::open(world, self.log, self.from, id.as_deref()).unwrap();
    }

    fn receive(&mut self) {
        for event in self.sent.drain(..) {
            if event.line.starts_with("{\"countersign\":") {
                // The view starts again.
                self.seen.clear();
            }
            self.seen.push(event);
        }
    }

    /// Checks that the reader ends up with a verified view of all entries.
    fn check(mut self, world: &mut World, anchors: u64, context: &str) {
        world.tick();
        self.send(world, true);
        self.receive();
        assert_verified(world, self.log, &self.seen, context);
        let newest = heads(self.seen.iter().map(|event| &*event.line)).pop().unwrap();
        assert_eq!(newest.anchor.tick + 1, world.root.size().unwrap(), "{context}");
        let shown = self.seen.iter().filter(|event| event.line.starts_with("{\"anchor\":")).count() as u64;
        assert_eq!(shown, anchors, "{context}");
    }
}

#[test]
fn a_view_can_be_resumed_after_every_line_around_an_anchor() {
    for (from, idle_ticks, is_published) in [(0, 0, true), (6, 2, true), (0, 0, false), (3, 1, false)] {
        for cut in 0.. {
            let mut world = near_anchor();
            let mut client = Client::open(&world, 0, from);
            client.send(&world, true);
            for tick in 4091..4099 {
                if tick != 4096 {
                    world.record(0, 1);
                }
                // Witnesses may skip the anchor and the ticks next to it.
                world.tick_with(is_published || !(4094..4097).contains(&tick), true);
                client.send(&world, tick % 2 == 0);
            }
            let lines = client.sent.len();
            client.reconnect(&world, cut);
            for _ in 0..idle_ticks {
                world.tick();
            }
            client.send(&world, true);
            let context = format!("from {from}, {idle_ticks} ticks, after line {cut} of {lines}");
            client.check(&mut world, 1, &context);
            if cut == lines {
                break;
            }
        }
    }
}

#[test]
fn the_ids_around_an_anchor_name_its_head() {
    let mut world = near_anchor();
    let mut client = Client::open(&world, 0, 0);
    client.send(&world, true);
    world.tick_with(false, true);
    world.skip_to(4096);
    world.record(0, 1);
    world.tick();
    client.sent.clear();
    client.send(&world, false);
    let ids: Vec<_> = client.sent.iter().map(|event| event.id.clone().unwrap()).collect();
    assert_eq!(ids, ["5/4095/4096", "6/4095/4096", "6/4096"]);
}

#[test]
fn a_view_recovers_from_a_head_without_a_quorum() {
    let mut world = near_anchor();
    let mut client = Client::open(&world, 0, 0);
    client.send(&world, true);
    for tick in 4091..4100 {
        world.record(0, 1);
        world.tick_with(true, !(4094..4098).contains(&tick));
        client.send(&world, false);
    }
    world.tick();
    client.send(&world, true);
    client.receive();
    // The view started again, with the anchor before a cosigned head.
    assert_verified(&world, 0, &client.seen, "after the quorum is back");
    client.check(&mut world, 1, "after the quorum is back");
}

#[derive(Clone, Copy, Debug)]
enum AnchorStep {
    Record(u64),
    Grant,
    Tick { published: bool },
    SkipToAnchor,
    Send { idle: bool },
    Reconnect(prop::sample::Index),
}

fn anchor_steps() -> impl Strategy<Value = Vec<AnchorStep>> {
    let step = prop_oneof![
        3 => (1..5_u64).prop_map(AnchorStep::Record),
        1 => Just(AnchorStep::Grant),
        4 => prop::bool::weighted(0.7).prop_map(|published| AnchorStep::Tick { published }),
        1 => Just(AnchorStep::SkipToAnchor),
        4 => any::<bool>().prop_map(|idle| AnchorStep::Send { idle }),
        2 => any::<prop::sample::Index>().prop_map(AnchorStep::Reconnect),
    ];
    vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Publishes ticks, skips to anchors, and loses connections at random. The reader's lines must be verified at each
    /// head.
    #[test]
    fn every_live_view_with_anchors_is_verified(steps in anchor_steps(), from in 0..8_u64, hour in 2..30_i64) {
        let mut world = near_anchor();
        world.hour_ms = hour * 1000;
        world.record(0, 3);
        world.tick();
        let mut client = Client::open(&world, 0, from);
        for step in steps {
            match step {
                AnchorStep::Record(events) => world.record(0, events),
                AnchorStep::Grant => world.grant(0),
                AnchorStep::Tick { published } => world.tick_with(published, true),
                AnchorStep::SkipToAnchor => {
                    let next = (world.root.size().unwrap() + 2).next_multiple_of(4096) - 1;
                    world.skip_to(next.min(4096 * 4));
                }
                AnchorStep::Send { idle } => client.send(&world, idle),
                AnchorStep::Reconnect(cut) => {
                    let lines = cut.index(client.sent.len() + 1);
                    client.reconnect(&world, lines);
                }
            }
        }
        let anchors = world.root.size().unwrap() / 4096;
        client.check(&mut world, anchors, "random steps");
        verified(&world, 0);
    }
}
