//! Slices of every conformance case that verifies.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/cases.rs"]
#[allow(dead_code, reason = "reports are not compared here")]
mod cases;
#[path = "common/files.rs"]
mod files;

use countersign::export::slice::{Selection, Survey};
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Line, Withheld};
use countersign::link::ChainId;
use countersign::merkle::skips;
use countersign::trust::Trust;
use countersign::verify::{Options, Verdict, Verifier};

/// The lines of an export that hold something, with their numbers, the header first.
fn lines(export: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(export.lines()).filter(|(_, line)| !line.trim_ascii().is_empty())
}

fn items(export: &str) -> impl Iterator<Item = (u64, Item<'_>)> {
    lines(export).skip(1).map(|(number, line)| (number, Line::parse(line).unwrap().item))
}

fn slice(
    export: &str,
    selection: &Selection<'_>,
    trust: Option<&Trust>,
) -> Result<String, countersign::Error> {
    let header = Header::parse(lines(export).next().unwrap().1.as_bytes())?;
    let mut survey = Survey::new(&header, selection, trust);
    for (number, item) in items(export) {
        survey.line(number, &item)?;
    }
    let plan = survey.finish()?;
    let mut out = Writer::new();
    let mut slicer = plan.slicer(&mut out);
    for (number, item) in items(export) {
        slicer.line(number, &item, &mut out)?;
    }
    slicer.finish(&mut out)?;
    Ok(out.as_str().to_owned())
}

fn verdict(export: &str, trust: &Trust) -> Verdict {
    let mut verifier = Verifier::new(Options { trust: trust.clone(), ..Options::default() });
    verifier.push(export.as_bytes());
    verifier.finish().report.verdict
}

fn is_intact(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Verified | Verdict::Partial)
}

/// The cases that verify without pins and expectations, and the places of their events.
fn intact() -> impl Iterator<Item = (String, String, Trust, Vec<(ChainId, u64)>)> {
    cases::all().filter_map(|case| {
        let trust = case.options().trust;
        let export = String::from_utf8(case.export).ok()?;
        if !is_intact(verdict(&export, &trust)) {
            return None;
        }
        let events = items(&export).filter_map(|(_, item)| match item {
            Item::Link { link, payload: Some(_), .. } => Some((link.chain(), link.seq())),
            _ => None,
        });
        let events = events.collect();
        Some((case.name, export, trust, events))
    })
}

/// Slices with and without the trust file, and checks what comes of it. Gives the slice.
fn assert_intact(name: &str, export: &str, trust: &Trust, selection: &Selection<'_>) -> String {
    let mut slices = [None, Some(trust)]
        .map(|known| slice(export, selection, known).unwrap_or_else(|error| panic!("{name}: {error}")));
    for slice in &slices {
        let verdict = verdict(slice, trust);
        assert!(is_intact(verdict), "{name}: {verdict:?}\n{slice}");
        assert_skips_are_the_fewest(name, slice);
    }
    std::mem::take(&mut slices[1])
}

/// No two skips between two lines of another kind could be one.
fn assert_skips_are_the_fewest(name: &str, export: &str) {
    let (mut index, mut begin, mut levels) = (0_u64, 0, Vec::new());
    for (_, item) in items(export) {
        if let Item::Skip { level, .. } = item {
            levels.push(level);
            index += 1 << level;
            continue;
        }
        let fewest: Vec<u8> = skips(begin, index).map(|subtree| subtree.level).collect();
        assert_eq!(levels, fewest, "{name}");
        index += u64::from(!matches!(item, Item::Checkpoint { .. }));
        (begin, levels) = (index, Vec::new());
    }
    assert!(levels.is_empty(), "{name} ends with skips that no checkpoint covers");
}

#[test]
fn events_by_themselves() {
    let mut slices = 0;
    for (name, export, trust, events) in intact() {
        for &(chain, seq) in events.iter().step_by(events.len().div_ceil(5)) {
            let slice = assert_intact(&name, &export, &trust, &Selection::all().event(chain, seq));
            let shown = items(&slice).filter(|(_, item)| matches!(item, Item::Link { payload: Some(_), .. }));
            assert_eq!(shown.count(), 1, "{name}");
            slices += 1;
        }
    }
    assert!(slices > 200, "{slices}");
}

#[test]
fn every_chain_by_itself() {
    for (name, export, trust, events) in intact() {
        for chain in events.iter().map(|(chain, _)| *chain).collect::<std::collections::BTreeSet<_>>() {
            assert_intact(&name, &export, &trust, &Selection::all().chain(chain));
        }
    }
}

#[test]
fn every_key_note_stays() {
    let notes = |export: &str| items(export).filter(|(_, item)| matches!(item, Item::Note { .. })).count();
    for (name, export, trust, events) in intact() {
        let &(chain, seq) = &events[events.len() - 1];
        let slice = assert_intact(&name, &export, &trust, &Selection::all().event(chain, seq));
        assert_eq!(notes(&slice), notes(&export), "{name}");
    }
}

#[test]
fn withholding_leaves_all_leaves_where_they_are() {
    let leaves = |export: &str| items(export).filter(|(_, item)| !matches!(item, Item::Skip { .. })).count();
    let mut slices = 0;
    for (name, export, trust, _) in intact() {
        let selection =
            Selection::all().withholding(|event| event.len().is_multiple_of(2).then_some(Withheld::Erased));
        // Where it would be all events, there is no slice.
        if let Ok(slice) = slice(&export, &selection, Some(&trust)) {
            assert!(is_intact(verdict(&slice, &trust)), "{name}");
            assert_eq!(leaves(&slice), leaves(&export), "{name}");
            slices += 1;
        }
    }
    assert!(slices > 50, "{slices}");
}

#[test]
fn a_case_sliced_for_nothing_in_particular_stays_what_it_is() {
    for (name, export, trust, _) in intact() {
        let slice = assert_intact(&name, &export, &trust, &Selection::all());
        assert_eq!(verdict(&slice, &trust), verdict(&export, &trust), "{name}");
    }
}
