//! Properties of randomly generated logs.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::HashMap;

use countersign::canonical::canonicalize;
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Line, Withheld};
use countersign::link::{ChainId, Link};
use countersign::trust::Trust;
use countersign::verify::report::{Complete, Report};
use countersign::verify::{
    CheckState, CoveredLink, EventVisitor, Finding, Options, PendingItem, Progress, Splitter,
    SummarizedEvent, Summarizer, Update, Verdict, VerifiedEvent, VerifiedItem, Verifier, VisitError,
    parallel,
};
use countersign_slice::explain::explain;
use countersign_slice::{Selection, Survey};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::common::world::{self, World, plans};

/// A number in the chain, and the length of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TestItem(u64, usize);

impl PendingItem for TestItem {
    fn bytes(&self) -> usize {
        0
    }
}

/// A visitor that collects events, up to the one that it rejects.
#[derive(Default)]
struct CollectingVisitor {
    events: Vec<(Option<Box<str>>, TestItem, CoveredLink)>,
    others: u64,
    refused: Option<usize>,
}

impl EventVisitor for CollectingVisitor {
    type Item = TestItem;
    type Error = usize;

    fn visit(&mut self, VerifiedItem { link, item, text }: VerifiedItem<TestItem>) -> Result<(), usize> {
        if self.refused == Some(self.events.len()) {
            return Err(self.events.len());
        }
        self.events.push((text, item, link));
        Ok(())
    }

    fn count_others(&mut self, events: u64) {
        self.others += events;
    }
}

pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(0x0063_6f75_6e74),
        ..ProptestConfig::default()
    }
}

fn options(trust: &Trust) -> Options {
    Options { trust: trust.clone(), events: true, ..Options::default() }
}

fn verify(export: &[u8], trust: &Trust) -> (Report, Vec<VerifiedEvent>) {
    let mut verifier = Verifier::new(options(trust));
    verifier.push(export);
    let (verification, countersign::verify::Update { events, .. }) = verifier.finish_with_update();
    (verification.report, events)
}

/// Returns the links in order, each with its event in canonical form if it is shown.
fn content(export: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    let lines =
        core::str::from_utf8(export).unwrap().lines().filter(|line| !line.trim_ascii().is_empty()).skip(1);
    let link = |line| match Line::parse(line).unwrap().item {
        Item::Link { text, payload, .. } => {
            let event = payload.map(|payload| canonicalize(payload.event.as_bytes()).unwrap());
            Some((text.into_owned(), event))
        }
        _ => None,
    };
    lines.filter_map(link).collect()
}

/// Returns events by their position.
fn events(export: &[u8]) -> HashMap<(ChainId, u64), Vec<u8>> {
    let event = |(link, event): (String, Option<Vec<u8>>)| {
        let link = Link::parse(&link).unwrap();
        Some(((link.chain(), link.seq()), event?))
    };
    content(export).into_iter().filter_map(event).collect()
}

/// An alteration of an export, at positions relative to its size.
#[derive(Clone, Debug)]
pub enum Alteration {
    FlipBit(Index),
    DropLine(Index),
    SwapLines(Index, Index),
    RepeatLine(Index, Index),
    Cut(Index),
    Remove(Index, Index),
}

pub fn alterations() -> impl Strategy<Value = Alteration> {
    let index = any::<Index>;
    prop_oneof![
        12 => index().prop_map(Alteration::FlipBit),
        4 => index().prop_map(Alteration::DropLine),
        4 => (index(), index()).prop_map(|(a, b)| Alteration::SwapLines(a, b)),
        4 => (index(), index()).prop_map(|(a, b)| Alteration::RepeatLine(a, b)),
        4 => index().prop_map(Alteration::Cut),
        4 => (index(), index()).prop_map(|(a, b)| Alteration::Remove(a, b)),
    ]
}

impl Alteration {
    pub fn apply(&self, export: &[u8]) -> Vec<u8> {
        let mut bytes = export.to_vec();
        let mut lines: Vec<&[u8]> = export.split_inclusive(|byte| *byte == b'\n').collect();
        let count = lines.len();
        match self {
            Self::FlipBit(bit) => {
                let bit = bit.index(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                return bytes;
            }
            Self::Cut(end) => {
                bytes.truncate(end.index(bytes.len()));
                return bytes;
            }
            Self::Remove(a, b) => {
                let (a, b) = (a.index(bytes.len()), b.index(bytes.len()));
                bytes.drain(a.min(b)..a.max(b));
                return bytes;
            }
            Self::DropLine(line) => drop(lines.remove(line.index(count))),
            Self::SwapLines(a, b) => lines.swap(a.index(count), b.index(count)),
            Self::RepeatLine(line, at) => lines.insert(at.index(count + 1), lines[line.index(count)]),
        }
        lines.concat()
    }
}

/// Asserts that an altered export is `verified` only for what the original contains.
fn assert_tells_the_truth(world: &World, altered: &[u8]) {
    let (report, shown) = verify(altered, &world.trust);
    let original = world.export.as_bytes();
    let recorded = events(original);
    for VerifiedEvent { link, event, .. } in shown {
        assert_eq!(Some(&canonicalize(event.as_bytes()).unwrap()), recorded.get(&(link.chain, link.seq)));
    }
    if report.verdict != Verdict::Verified {
        return;
    }
    assert_eq!(content(altered), content(original));
    let header = |export: &[u8]| export.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
    if header(altered) == header(original) {
        assert_eq!(report.complete, verify(original, &world.trust).0.complete);
    }
    // The header is unsigned. Its claims must be true as well.
    match report.complete {
        Some(Complete::Range { range: [_, end] }) => assert!(end <= world.size),
        Some(Complete::Closure) => assert!(world.closed),
        None => panic!("verified, and complete for nothing"),
    }
}

/// Asserts that what an altered export is reported to prove about an event is true.
fn assert_explains_the_truth(world: &World, altered: &[u8], event: Index) {
    let original = world.export.as_bytes();
    let mut recorded: Vec<_> = events(original).into_keys().collect();
    recorded.sort_unstable();
    if recorded.is_empty() {
        return;
    }
    let &(chain, seq) = event.get(&recorded);
    let Ok(explanation) = explain(altered, chain, seq, &world.trust) else { return };
    let step = |id: &str| explanation.steps.iter().find(|step| step.id == id).unwrap();
    let passes = |id: &str| step(id).state == CheckState::Pass;
    if passes("signature") && passes("key") {
        let link = &step("link").facts[0].value;
        assert!(content(original).iter().any(|(text, _)| text == link), "{explanation:#?}");
    }
    if passes("path") {
        let root = &step("checkpoint").facts.iter().find(|fact| fact.name == "root").unwrap().value;
        let end = step("path").hashes.last().map(|beside| &beside.node);
        assert_eq!(end.unwrap_or(&step("leaf").facts[1].value), root);
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let plan = world::Plan {
        steps: Vec::new(),
        vouched: [true; 4],
        late: [false; 4],
        sealed: true,
        quorum: 1,
        claims: true,
        closes: true,
    };
    let world = plan.build();
    let export = world.export.as_bytes();
    for bit in 0..export.len() * 8 {
        let mut altered = export.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert_tells_the_truth(&world, &altered);
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn a_whole_log_is_verified(plan in plans(40)) {
        let world = plan.build();
        let (report, shown) = verify(world.export.as_bytes(), &world.trust);
        let expected = if plan.claims || world.closed { Verdict::Verified } else { Verdict::Partial };
        prop_assert_eq!(report.verdict, expected, "{:#?}\n{}", report, world.export);
        let shown: HashMap<_, _> =
            shown.iter().map(|event| ((event.chain, event.seq), canonicalize(event.event.as_bytes()).unwrap())).collect();
        prop_assert_eq!(shown, events(world.export.as_bytes()));
    }

    #[test]
    fn nothing_altered_is_verified(
        plan in plans(20).prop_map(|plan| world::Plan { sealed: true, claims: true, ..plan }),
        alterations in proptest::collection::vec(alterations(), 8),
        event in any::<Index>(),
    ) {
        let world = plan.build();
        for alteration in alterations {
            let altered = alteration.apply(world.export.as_bytes());
            assert_tells_the_truth(&world, &altered);
            assert_explains_the_truth(&world, &altered, event);
        }
    }
}

/// A selection from an export, at positions relative to its content.
#[derive(Clone, Debug)]
struct Wish {
    range: Option<(Index, Index)>,
    chains: Vec<Index>,
    events: Vec<Index>,
    /// Selects events only by the length of their text.
    matching: Option<u8>,
    withholding: Option<u8>,
}

fn wishes() -> impl Strategy<Value = Wish> {
    use proptest::{collection::vec, option::weighted};
    let range = weighted(0.4, any::<(Index, Index)>());
    let parts = (range, vec(any::<Index>(), 0..3), vec(any::<Index>(), 0..3));
    let tests = (weighted(0.3, any::<u8>()), weighted(0.3, any::<u8>()));
    (parts, weighted(0.5, Just(())), weighted(0.5, Just(())), tests).prop_map(
        |((range, chains, events), by_chain, by_event, (matching, withholding))| Wish {
            range,
            chains: by_chain.map_or_else(Vec::new, |()| chains),
            events: by_event.map_or_else(Vec::new, |()| events),
            matching,
            withholding,
        },
    )
}

impl Wish {
    /// Returns the slice, if one can be made.
    fn slice(&self, world: &World, export: &str) -> Option<String> {
        let places = events(export.as_bytes());
        let mut places: Vec<_> = places.keys().copied().collect();
        places.sort_unstable();
        if places.is_empty() {
            return None;
        }
        let mut selection = Selection::all();
        if let Some((a, b)) = &self.range {
            let (a, b) = (a.index(world.size as usize) as u64, b.index(world.size as usize) as u64);
            selection = selection.range(a.min(b), a.max(b) + 1);
        }
        for chain in &self.chains {
            selection = selection.chain(chain.get(&places).0);
        }
        for event in &self.events {
            let (chain, seq) = *event.get(&places);
            selection = selection.event(chain, seq);
        }
        if let Some(pattern) = self.matching {
            selection = selection.matching(move |_, event| pattern >> (event.len() % 8) & 1 == 1);
        }
        if let Some(pattern) = self.withholding {
            let reason = move |event: &str| pattern >> (event.len() % 8) & 1 == 1;
            selection = selection.withholding(move |_, event| reason(event).then_some(Withheld::Redacted));
        }
        slice(export, &selection, &world.trust)
    }
}

fn slice(export: &str, selection: &Selection<'_>, trust: &Trust) -> Option<String> {
    let header = Header::parse(export.lines().next().unwrap().as_bytes()).unwrap();
    let items =
        || export.lines().zip(1..).skip(1).map(|(line, number)| (number, Line::parse(line).unwrap().item));
    let mut survey = Survey::new(&header, selection, Some(trust));
    for (number, item) in items() {
        survey.line(number, &item).ok()?;
    }
    let plan = survey.finish().ok()?;
    let mut out = Writer::new();
    let mut slicer = plan.slicer(&mut out);
    for (number, item) in items() {
        slicer.line(number, &item, &mut out).unwrap();
    }
    slicer.finish(&mut out).unwrap();
    Some(out.as_str().to_owned())
}

/// Asserts that a slice shows what was recorded and has no errors.
fn assert_is_a_slice(world: &World, slice: &str) {
    let (report, shown) = verify(slice.as_bytes(), &world.trust);
    assert!(
        matches!(report.verdict, Verdict::Verified | Verdict::Partial),
        "{report:#?}\n{}\n{slice}",
        world.export
    );
    let recorded = events(world.export.as_bytes());
    assert_eq!(shown.len() as u64, report.counts.events);
    assert!(events(slice.as_bytes()).iter().all(|(place, event)| recorded.get(place) == Some(event)));
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_slice_is_never_red(plan in plans(40), wishes in proptest::collection::vec(wishes(), 3)) {
        let world = plan.build();
        assert_is_a_slice(&world, &slice(&world.export, &Selection::all(), &world.trust).unwrap());
        for wish in &wishes {
            let Some(slice) = wish.slice(&world, &world.export) else { continue };
            assert_is_a_slice(&world, &slice);
            for wish in &wishes {
                if let Some(slice) = wish.slice(&world, &slice) {
                    assert_is_a_slice(&world, &slice);
                }
            }
        }
    }
}

/// An export, displayed as text without white space.
struct Bytes(Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        String::from_utf8_lossy(&self.0).lines().try_for_each(|line| writeln!(f, "{}", line.trim()))
    }
}

/// An export, possibly altered, with so much white space that it is cut into several chunks.
fn long_exports() -> impl Strategy<Value = (World, Bytes)> {
    let blanks = proptest::collection::vec((any::<Index>(), 0..300_000_usize), 0..4);
    let altered = proptest::collection::vec(alterations(), 0..3);
    (plans(25), altered, blanks).prop_map(|(plan, alterations, blanks)| {
        let world = plan.build();
        let export =
            alterations.iter().fold(world.export.clone().into_bytes(), |export, one| one.apply(&export));
        let mut lines: Vec<Vec<u8>> =
            export.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        for (place, length) in blanks {
            let mut blank = vec![b' '; length];
            blank.push(b'\n');
            lines.insert(place.index(lines.len() + 1), blank);
        }
        (world, Bytes(lines.concat()))
    })
}

/// Sorts findings by code. Those of one code have a fixed order, however they are mixed with others.
fn of_code(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings
        .sort_by_key(|finding| (finding.code, finding.line, finding.chain.map(|chain| chain.to_string())));
    findings
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn updates_do_not_depend_on_how_the_input_is_cut(
        (world, Bytes(export)) in long_exports(),
        cuts in proptest::collection::vec(any::<Index>(), 1..20),
        threads in 2..4_usize,
    ) {
        let with_marks = Options { marks: true, findings: true, ..options(&world.trust) };
        let mut whole = Verifier::new(with_marks.clone());
        whole.push(&export);
        let (expected, expected_update) = whole.finish_with_update();
        prop_assert_eq!(&expected.report, &verify(&export, &world.trust).0);
        prop_assert_eq!(&of_code(expected_update.findings.clone()), &of_code(expected.report.findings.clone()));

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(export.len() + 1)).collect();
        cuts.sort_unstable();
        let mut verifier = Verifier::new(with_marks.clone());
        let mut taken = Update::default();
        let mut start = 0;
        for end in cuts.into_iter().chain([export.len()]) {
            verifier.push(&export[start..end]);
            taken.append(verifier.take());
            start = end;
        }
        let (verification, rest) = verifier.finish_with_update();
        taken.append(rest);

        let mut on_threads = Update::default();
        let parallel =
            parallel::verify(&export[..], with_marks, threads, |_| {}, |update| on_threads.append(update)).unwrap();
        for (verification, update) in [(verification, taken), (parallel, on_threads)] {
            prop_assert_eq!(&verification.report, &expected.report);
            prop_assert_eq!(&update.events, &expected_update.events);
            prop_assert_eq!(&update.marks, &expected_update.marks);
            prop_assert_eq!(&of_code(update.findings), &of_code(expected_update.findings.clone()));
        }
    }

    #[test]
    fn selected_events_are_visited_once_verified_and_others_are_counted(
        (world, Bytes(export)) in long_exports(),
        threads in 0..4_usize,
        refused in any::<Index>(),
    ) {
        let (expected, shown) = verify(&export, &world.trust);
        let examiner = || {
            |event: &SummarizedEvent<'_>| {
                let item = TestItem(event.seq, event.text.len());
                match event.seq % 3 {
                    0 => None,
                    1 => Some(event.select_with_text(item)),
                    _ => Some(event.select(item)),
                }
            }
        };
        let visit = |refused| {
            let mut visitor = CollectingVisitor { refused, ..CollectingVisitor::default() };
            let options = Options { events: false, ..options(&world.trust) };
            let verified = parallel::visit(&export[..], options, threads, examiner, &mut visitor, |_| {});
            (verified, visitor)
        };
        let (verified, visited) = visit(None);
        prop_assert_eq!(&verified.unwrap().report, &expected);
        let others = shown.iter().filter(|event| event.seq % 3 == 0).count();
        prop_assert_eq!(visited.others, others as u64);
        let selected = shown.into_iter().filter(|event| event.seq % 3 > 0).map(|VerifiedEvent { link, event, .. }| {
            let item = TestItem(link.seq, event.len());
            ((link.seq % 3 == 1).then_some(event), item, link)
        });
        let selected: Vec<_> = selected.collect();
        prop_assert_eq!(&visited.events, &selected);

        if !selected.is_empty() {
            let refused = refused.index(selected.len());
            let (verified, visited) = visit(Some(refused));
            prop_assert!(matches!(verified, Err(VisitError::Visitor(at)) if at == refused));
            prop_assert_eq!(&visited.events[..], &selected[..refused]);
        }
    }

    #[test]
    fn report_and_events_do_not_depend_on_where_chunks_are_cut(
        (world, Bytes(export)) in long_exports(),
        cuts in proptest::collection::vec(any::<Index>(), 1..12),
    ) {
        let (expected, shown) = verify(&export, &world.trust);
        let mut splitter = Splitter::new();
        let mut body = Vec::new();
        let mut rest = &export[..];
        while !rest.is_empty() {
            rest = &rest[splitter.push(rest)..];
            body.extend(std::iter::from_fn(|| splitter.next_chunk()).flatten());
        }
        let end = splitter.finish();
        body.extend(std::iter::from_fn(|| splitter.next_chunk()).flatten());
        let Some((header, line)) = splitter.header() else { return Ok(()) };
        let mut progress = Progress::new(options(&world.trust));
        progress.begin(header, line);

        let lines: Vec<&[u8]> = body.split_inclusive(|byte| *byte == b'\n').collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(lines.len() + 1)).collect();
        cuts.extend([0, lines.len()]);
        cuts.sort_unstable();
        for chunk in cuts.windows(2) {
            let text = lines[chunk[0]..chunk[1]].concat();
            let mut stranger = Summarizer::new(&header.origin, &world.trust);
            progress.absorb(stranger.summarize(&text), &text);
        }
        let (verification, update) = progress.finish_with_update(end);
        prop_assert_eq!(&verification.report, &expected);
        prop_assert_eq!(update.events, shown);
    }
}
