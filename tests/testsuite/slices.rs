//! Slices, compared with a simple model that considers each leaf by itself and knows the whole export.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::{BTreeMap, BTreeSet};

use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Matched, Withheld};
use countersign::link::{ChainId, Link};
use countersign::merkle::leaf_hash;
use countersign::verify::{Options, Verdict, Verifier};
use countersign_slice::{Selection, Slicers, Survey};

use crate::common::cases;
use crate::common::sliced::{items, lines, slice};

/// A leaf, and what an export shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leaf {
    bytes: Vec<u8>,
    event: Option<String>,
    withheld: Option<Withheld>,
}

/// The content of an export by index: leaves that are shown.
struct ExportContent {
    header: Header,
    leaves: BTreeMap<u64, (Leaf, Option<Link>)>,
    notes: BTreeSet<u64>,
    size: u64,
    /// The sizes of the checkpoints.
    checkpoints: Vec<u64>,
}

impl ExportContent {
    fn by(export: &str) -> Self {
        let header = Header::parse(lines(export).next().unwrap().1.as_bytes()).unwrap();
        let (leaves, notes) = (BTreeMap::new(), BTreeSet::new());
        let mut shown = Self { header, leaves, notes, size: 0, checkpoints: Vec::new() };
        for (_, item) in items(export) {
            let mut leaf = Leaf { bytes: Vec::new(), event: None, withheld: None };
            let mut of_chain = None;
            match item {
                Item::Skip { level, .. } => {
                    shown.size += 1 << level;
                    continue;
                }
                Item::Checkpoint { .. } | Item::Head { .. } | Item::Anchor { .. } => {
                    shown.checkpoints.push(shown.size);
                    continue;
                }
                Item::Note { text, .. } => {
                    shown.notes.insert(shown.size);
                    leaf.bytes = text.as_bytes().to_vec();
                }
                Item::Leaf(bytes) => leaf.bytes = bytes,
                Item::Link { text, link, payload, withheld } => {
                    leaf.bytes = text.as_bytes().to_vec();
                    leaf.withheld = withheld;
                    if let (Link::Event(link), Some(payload)) = (&link, payload) {
                        let matched = payload.check(&payload.commit(), &link.commit).unwrap();
                        leaf.event = Some(match matched {
                            Matched::Canonical(text) => text.into(),
                            Matched::Verbatim => payload.event.into(),
                        });
                    }
                    of_chain = Some(link);
                }
            }
            shown.leaves.insert(shown.size, (leaf, of_chain));
            shown.size += 1;
        }
        shown
    }

    /// Returns the positions of the shown events.
    fn events(&self) -> Vec<(u64, ChainId, u64)> {
        let event = |(index, (leaf, link)): (&u64, &(Leaf, Option<Link>))| {
            let link = link.as_ref().filter(|_| leaf.event.is_some())?;
            Some((*index, link.chain(), link.seq()))
        };
        self.leaves.iter().filter_map(event).collect()
    }
}

/// A requested selection.
#[derive(Clone, Debug, Default)]
struct Ask {
    range: Option<(u64, u64)>,
    chains: BTreeSet<ChainId>,
    events: BTreeSet<(ChainId, u64)>,
    leaves: Option<BTreeSet<u64>>,
    /// Selects events by their length modulo 4.
    matching: Option<usize>,
    withholding: Option<usize>,
}

impl Ask {
    fn selection(&self) -> Selection<'static> {
        let mut selection = Selection::all();
        if let Some((first, end)) = self.range {
            selection = selection.range(first, end);
        }
        selection = self.chains.iter().fold(selection, |all, chain| all.chain(*chain));
        selection = self.events.iter().fold(selection, |all, (chain, seq)| all.event(*chain, *seq));
        if let Some(leaves) = &self.leaves {
            // Indexes may be given in any order.
            selection = selection.leaves(leaves.iter().rev().copied().collect());
        }
        if let Some(rest) = self.matching {
            selection = selection.matching(move |_, event| event.len() % 4 == rest);
        }
        if let Some(rest) = self.withholding {
            let reason = move |event: &str| (event.len() % 4 == rest).then_some(Withheld::Redacted);
            selection = selection.withholding(move |_, event| reason(event));
        }
        selection
    }

    fn is_of_events(&self) -> bool {
        self.leaves.is_some() || self.matching.is_some() || !self.events.is_empty()
    }

    fn claims(&self, index: u64) -> bool {
        self.range.is_some_and(|(first, end)| first <= index && index < end)
    }

    /// True if a link is requested explicitly.
    fn names(&self, index: u64, leaf: &Leaf, link: &Link) -> bool {
        let (chain, seq) = (link.chain(), link.seq());
        let place = (self.range.is_none() || self.claims(index))
            && (self.chains.is_empty() || self.chains.contains(&chain))
            && self.leaves.as_ref().is_none_or(|leaves| leaves.contains(&index));
        place
            && match &leaf.event {
                None => !self.is_of_events(),
                Some(event) => {
                    (self.events.is_empty() || self.events.contains(&(chain, seq)))
                        && self.matching.is_none_or(|rest| event.len() % 4 == rest)
                }
            }
    }

    /// Returns what a slice must show, or `None` if there must be no slice.
    fn expected(&self, whole: &ExportContent) -> Option<BTreeMap<u64, Leaf>> {
        let sealed = whole.checkpoints.last().copied();
        if let Some((first, end)) = self.range {
            let all_here = (first..end).all(|index| whole.leaves.contains_key(&index));
            if !all_here || sealed.is_none_or(|size| end > size) {
                return None;
            }
        }
        let mut kept = BTreeMap::new();
        let mut unsigned: BTreeSet<ChainId> = BTreeSet::new();
        for (index, (leaf, link)) in &whole.leaves {
            let Some(link) = link else {
                let everything = self.range.is_none() && self.chains.is_empty() && !self.is_of_events();
                if whole.notes.contains(index) || self.claims(*index) || everything {
                    kept.insert(*index, leaf.clone());
                }
                continue;
            };
            let mut leaf = leaf.clone();
            if self.names(*index, &leaf, link) {
                if let (Some(event), Some(rest)) = (&leaf.event, self.withholding)
                    && event.len() % 4 == rest
                {
                    (leaf.event, leaf.withheld) = (None, Some(Withheld::Redacted));
                }
            } else if self.claims(*index) || unsigned.contains(&link.chain()) {
                leaf = bare(&leaf);
            } else {
                continue;
            }
            kept.insert(*index, leaf);
            if link.signature().is_some() {
                unsigned.remove(&link.chain());
            } else {
                unsigned.insert(link.chain());
            }
        }
        let events = kept.values().filter(|leaf| leaf.event.is_some()).count();
        let covered = sealed.is_none_or(|size| kept.last_key_value().is_none_or(|(last, _)| *last < size));
        // Leaves that a shown chain requires.
        let chain = |index: &u64| whole.leaves[index].1.as_ref().map(Link::chain);
        let shown: BTreeSet<ChainId> = kept.keys().filter_map(chain).collect();
        for (index, (leaf, link)) in &whole.leaves {
            let Some(link) = link.as_ref().filter(|link| shown.contains(&link.chain())) else { continue };
            if matches!(link, Link::Open(_)) || sealed.is_none() {
                kept.entry(*index).or_insert_with(|| bare(leaf));
            }
        }
        let is_whole = kept.len() == whole.leaves.len();
        (events > 0 && (is_whole || covered)).then_some(kept)
    }
}

/// Returns the leaf without its event.
fn bare(leaf: &Leaf) -> Leaf {
    let withheld = if leaf.event.is_some() { Some(Withheld::Filtered) } else { leaf.withheld };
    Leaf { bytes: leaf.bytes.clone(), event: None, withheld }
}

/// A source of pseudorandom numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn ask(&mut self, whole: &ExportContent) -> Ask {
        let events = whole.events();
        let mut ask = Ask::default();
        let pick = self.below(events.len());
        for way in 0..6 {
            if self.below(3) > 0 {
                continue;
            }
            let (index, chain, seq) =
                if self.below(2) == 0 { events[pick] } else { events[self.below(events.len())] };
            match way {
                0 => {
                    let first = index.saturating_sub(self.below(4) as u64);
                    ask.range = Some((first, index + 1 + self.below(5) as u64));
                }
                1 => _ = ask.chains.insert(chain),
                2 => _ = ask.events.insert((chain, seq)),
                3 => {
                    let near = [index, index + 1, events[pick].0];
                    ask.leaves = Some(near.into_iter().collect());
                }
                4 => ask.matching = Some(self.below(4)),
                _ => ask.withholding = Some(self.below(4)),
            }
        }
        ask
    }
}

/// Returns the cases that verify without pins and expectations, except large ones.
fn intact() -> impl Iterator<Item = (String, String)> {
    cases::all().filter(|case| case.export.len() < 60_000).filter_map(|case| {
        let trust = case.options().trust;
        let mut verifier = Verifier::new(Options { trust, ..Options::default() });
        verifier.push(&case.export);
        let verdict = verifier.finish().report.verdict;
        let text = String::from_utf8(case.export).ok()?;
        matches!(verdict, Verdict::Verified | Verdict::Partial).then_some((case.name, text))
    })
}

#[test]
fn a_slice_shows_exactly_what_was_requested() {
    let (mut slices, mut refusals) = (0, 0);
    for ((name, export), seed) in intact().zip(1..) {
        let whole = ExportContent::by(&export);
        if whole.events().is_empty() {
            continue;
        }
        let mut dice = Dice(seed);
        for _ in 0..24 {
            let ask = dice.ask(&whole);
            let slice = slice(&export, &ask.selection(), None);
            let Some(expected) = ask.expected(&whole) else {
                assert!(slice.is_err(), "{name}: {ask:?}");
                refusals += 1;
                continue;
            };
            let slice = slice.unwrap_or_else(|error| panic!("{name}: {ask:?}: {error}"));
            let found = ExportContent::by(&slice);
            assert_shows(&format!("{name}: {ask:?}\n{slice}"), &ask, &whole, &expected, &found);
            slices += 1;
        }
    }
    assert!(slices > 1500 && refusals > 500, "{slices} {refusals}");
}

fn assert_shows(
    about: &str,
    ask: &Ask,
    whole: &ExportContent,
    expected: &BTreeMap<u64, Leaf>,
    found: &ExportContent,
) {
    let is_sealed = !whole.checkpoints.is_empty();
    if is_sealed {
        let leaves = found.leaves.iter().map(|(index, (leaf, _))| (index, leaf));
        assert!(leaves.eq(expected), "{about}");
        assert!(found.checkpoints.iter().all(|size| whole.checkpoints.contains(size)), "{about}");
        assert_eq!(found.checkpoints.last(), whole.checkpoints.last(), "{about}");
    } else {
        assert!(found.leaves.values().map(|(leaf, _)| leaf).eq(expected.values()), "{about}");
    }
    let nothing_is_left_out = expected.len() == whole.leaves.len();
    if nothing_is_left_out {
        assert_eq!(found.checkpoints, whole.checkpoints, "{about}");
        assert_eq!(found.size, whole.size, "{about}");
    }
    let asked = ask.range.map(|(first, end)| (first, Some(end)));
    let claimed = if nothing_is_left_out { asked.or(whole.header.range) } else { asked };
    assert_eq!(found.header.range, claimed, "{about}");
    assert_eq!(found.header.origin, whole.header.origin, "{about}");
}

#[test]
fn slices_made_together_are_those_made_one_by_one() {
    for ((name, export), seed) in intact().zip(1..) {
        let whole = ExportContent::by(&export);
        if whole.events().is_empty() {
            continue;
        }
        let mut dice = Dice(seed);
        let asks = (0..12).map(|_| dice.ask(&whole)).filter(|ask| ask.expected(&whole).is_some());
        let selections: Vec<_> = asks.map(|ask| ask.selection()).collect();
        let mut survey = Survey::of_all(&whole.header, &selections, None);
        for (number, item) in items(&export) {
            survey.line(number, &item).unwrap();
        }
        let plans = survey.finish_all().unwrap();
        let mut outs: Vec<_> = selections.iter().map(|_| Writer::new()).collect();
        let mut slicers = Slicers::new(&plans, &mut outs);
        for (number, item) in items(&export) {
            slicers.line(number, &item, &mut outs).unwrap();
        }
        slicers.finish(&mut outs).unwrap();
        for (selection, together) in selections.iter().zip(&outs) {
            assert_eq!(together.as_str(), slice(&export, selection, None).unwrap(), "{name}");
        }
    }
}

#[test]
fn a_plan_predicts_the_numbers_of_events_and_chains() {
    for ((name, export), seed) in intact().zip(1..) {
        let whole = ExportContent::by(&export);
        if whole.events().is_empty() {
            continue;
        }
        let mut dice = Dice(seed);
        let asks: Vec<Ask> = (0..4).map(|_| dice.ask(&whole)).collect();
        for ask in asks.into_iter().filter(|ask| ask.expected(&whole).is_some()) {
            let selection = ask.selection();
            let mut survey = Survey::new(&whole.header, &selection, None);
            for (number, item) in items(&export) {
                survey.line(number, &item).unwrap();
            }
            let plan = survey.finish().unwrap();
            let mut out = Writer::new();
            let mut slicer = plan.slicer(&mut out);
            for (number, item) in items(&export) {
                slicer.line(number, &item, &mut out).unwrap();
            }
            slicer.finish(&mut out).unwrap();
            let found = ExportContent::by(out.as_str());
            let chains: BTreeSet<ChainId> =
                found.leaves.values().filter_map(|(_, link)| link.as_ref().map(Link::chain)).collect();
            let predicted = (plan.events(), plan.chains(), plan.header());
            assert_eq!(
                predicted,
                (found.events().len() as u64, chains.len() as u64, &found.header),
                "{name}"
            );
        }
    }
}

/// Returns an export of two chains: 9 leaves before the checkpoint on line 11, and 6 more before the one on line 18.
fn two_chains() -> (Vec<String>, ChainId) {
    let (_, export) = intact().find(|(name, _)| name == "log-two-chains").unwrap();
    let chain = ChainId::parse(b"dbfd62576c9c2db930688a2dea5009b1").unwrap();
    (export.split_inclusive('\n').map(str::to_owned).collect(), chain)
}

/// Returns the lines without some, given by their 1-based numbers.
fn without(lines: &[String], left_out: &[usize]) -> String {
    let kept = lines.iter().zip(1..).filter(|(_, number)| !left_out.contains(number));
    kept.map(|(line, _)| line.as_str()).collect()
}

/// Returns the lines with one replaced, given by its 1-based number.
fn with(lines: &[String], number: usize, line: &str) -> String {
    let mut lines = lines.to_vec();
    lines[number - 1] = format!("{line}\n");
    lines.concat()
}

const SKIP: &str = r#"{"skip":[0,"tVTc8M9Qtpz4uJTxjUG0bK9VPO9GtAdkdQvLFU+0s78="]}"#;
const PAIR: &str = r#"{"skip":[1,"tVTc8M9Qtpz4uJTxjUG0bK9VPO9GtAdkdQvLFU+0s78="]}"#;

#[test]
fn rejects_impossible_slices_with_the_reason() {
    let (lines, chain) = two_chains();
    let whole = lines.concat();
    let unsealed = without(&lines, &[11, 18]);
    let uncovered = without(&lines, &[18]);
    let foreign = without(&lines, &[18]) + &lines[17].replacen("log.example/audit", "log.example/other", 1);
    let altered = with(&lines, 10, r#"{"leaf":"AA=="}"#);
    let (open, _) = &ExportContent::by(&whole).leaves[&3];
    let skip = format!(r#"{{"skip":[0,"{}"]}}"#, leaf_hash(&open.bytes));
    let with_a_skip = with(&lines, 5, &skip);
    let skip_unsealed = unsealed.replacen(&lines[4], &format!("{skip}\n"), 1);
    let all = Selection::all;
    let event = |seq: u64| all().event(chain, seq);
    let cases = [
        (&unsealed, all().range(0, 3), None, "its entries have no indexes to select by range"),
        (
            &whole,
            all().range(14, 16),
            None,
            "the range 14..16 exceeds the last checkpoint, which has 15 entries",
        ),
        (&uncovered, all().range(3, 10), None, "exceeds the last checkpoint, which has 9 entries"),
        (
            &with_a_skip,
            all().range(3, 5),
            Some(5),
            "the export does not contain the entries 3 to 3 of the range",
        ),
        (
            &with_a_skip,
            all().range(0, 4),
            Some(5),
            "the export does not contain the entries 3 to 3 of the range",
        ),
        (&whole, event(0), Some(4), "the export has no event for dbfd62576c9c2db930688a2dea5009b1/0"),
        (
            &whole,
            event(1).event(chain, 6),
            Some(16),
            "the export has no event for dbfd62576c9c2db930688a2dea5009b1/6",
        ),
        (
            &whole,
            event(1).event(chain, 99),
            None,
            "the export does not contain the event dbfd62576c9c2db930688a2dea5009b1/99",
        ),
        (
            &whole,
            all().chain(chain).chain(ChainId([1; 16])),
            None,
            "the export does not contain the chain 0101",
        ),
        (&whole, all().matching(|_, _| false), None, "the slice would contain no event"),
        (&whole, all().withholding(|_, _| Some(Withheld::Erased)), None, "the slice would contain no event"),
        (&altered, event(1), None, "the last checkpoint does not match the entries before it"),
        (&foreign, event(1), None, "the last checkpoint does not match the entries before it"),
        (&uncovered, event(4), Some(12), "the entry must be kept, but no checkpoint covers it"),
        (&skip_unsealed, all(), None, "the export has skips but no checkpoint"),
        (&with(&lines, 3, PAIR), all(), Some(3), "begins at leaf 1"),
    ];
    for (export, selection, line, message) in cases {
        let error = slice(export, &selection, None).expect_err(message);
        assert!(error.message.contains(message), "{error}");
        let absences = ["no event", "contain the event", "contain the chain"];
        let is_absent = absences.iter().any(|absence| message.contains(absence));
        let code = if is_absent { "selection.empty" } else { "export.invalid" };
        assert_eq!((error.code.as_str(), error.line), (code, line), "{error}");
    }
    // The boundary cases are accepted.
    for (export, selection) in [
        (&whole, all().range(9, 15)),
        (&uncovered, all().range(3, 9)),
        (&with_a_skip, all().range(4, 9)),
        (&altered, all()),
        (&uncovered, event(1)),
        (&uncovered, all()),
    ] {
        slice(export, &selection, None).unwrap();
    }
}

#[test]
fn entries_omitted_after_the_last_checkpoint_have_no_skip() {
    let (lines, chain) = two_chains();
    let sliced = slice(&without(&lines, &[18]), &Selection::all().event(chain, 1), None).unwrap();
    assert!(sliced.contains(r#"{"skip":"#) && sliced.ends_with(&lines[10]), "{sliced}");
}

#[test]
fn detects_an_export_that_changed_before_the_second_pass() {
    let (lines, chain) = two_chains();
    let whole = lines.concat();
    let selection = Selection::all().event(chain, 1);
    let header = ExportContent::by(&whole).header;
    let mut survey = Survey::new(&header, &selection, None);
    for (number, item) in items(&whole) {
        survey.line(number, &item).unwrap();
    }
    let plan = survey.finish().unwrap();
    let is_sliced = |again: &str| {
        let mut out = Writer::new();
        let mut slicer = plan.slicer(&mut out);
        for (number, item) in items(again) {
            slicer.line(number, &item, &mut out).unwrap();
        }
        slicer.finish(&mut out).is_ok()
    };
    assert!(is_sliced(&whole));
    assert!(!is_sliced(&without(&lines, &[18])), "a line less, and as many leaves");
    assert!(!is_sliced(&with(&lines, 17, &lines[17])), "as many lines, and a leaf less");
    assert!(!is_sliced(&with(&lines, 11, SKIP)), "as many lines, and a leaf more");
    assert!(!is_sliced(&without(&lines, &[17, 18])));
}
