//! Slices of every conformance case that verifies.
#![cfg(not(target_arch = "wasm32"))]

use std::fmt::Write as _;

use countersign::base64;
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Line, MAX_EVENT, Withheld};
use countersign::link::{ChainId, Link, append_signature, commit, signed_part, write_event, write_open};
use countersign::merkle::{leaf_hash, skips};
use countersign::note::{SignerKey, VerifierKey};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{CheckState, Mark, Options, Update, Verdict, Verifier};
use countersign_slice::Selection;
use countersign_slice::explain::{Explanation, Step, explain};

use crate::common::cases;
use crate::common::sliced::{items, lines, slice};

fn verdict(export: &str, trust: &Trust) -> Verdict {
    let mut verifier = Verifier::new(Options { trust: trust.clone(), ..Options::default() });
    verifier.push(export.as_bytes());
    verifier.finish().report.verdict
}

fn is_intact(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Verified | Verdict::Partial)
}

/// Returns the cases with events that verify without pins and expectations, with the positions of the events.
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
        let events: Vec<_> = events.collect();
        (!events.is_empty()).then_some((case.name, export, trust, events))
    })
}

/// Slices with and without the trust file, and checks the results. Returns the slice.
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

/// Asserts that no adjacent skips could be joined into one.
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
        let is_entry = !matches!(item, Item::Checkpoint { .. } | Item::Head { .. } | Item::Anchor { .. });
        index += u64::from(is_entry);
        (begin, levels) = (index, Vec::new());
    }
    assert!(levels.is_empty(), "{name} ends with skips that no checkpoint covers");
}

#[test]
fn slices_of_single_events_are_intact() {
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
fn slices_of_single_chains_are_intact() {
    for (name, export, trust, events) in intact() {
        for chain in events.iter().map(|(chain, _)| *chain).collect::<std::collections::BTreeSet<_>>() {
            assert_intact(&name, &export, &trust, &Selection::all().chain(chain));
        }
    }
}

#[test]
fn slices_keep_every_key_note() {
    let notes = |export: &str| items(export).filter(|(_, item)| matches!(item, Item::Note { .. })).count();
    for (name, export, trust, events) in intact() {
        let &(chain, seq) = &events[events.len() - 1];
        let slice = assert_intact(&name, &export, &trust, &Selection::all().event(chain, seq));
        assert_eq!(notes(&slice), notes(&export), "{name}");
    }
}

#[test]
fn withholding_keeps_all_leaves() {
    let leaves = |export: &str| items(export).filter(|(_, item)| !matches!(item, Item::Skip { .. })).count();
    let mut slices = 0;
    for (name, export, trust, _) in intact() {
        let selection = Selection::all()
            .withholding(|_, event| event.len().is_multiple_of(2).then_some(Withheld::Erased));
        // If it would withhold all events, there is no slice.
        if let Ok(slice) = slice(&export, &selection, Some(&trust)) {
            assert!(is_intact(verdict(&slice, &trust)), "{name}");
            assert_eq!(leaves(&slice), leaves(&export), "{name}");
            slices += 1;
        }
    }
    assert!(slices > 50, "{slices}");
}

#[test]
fn slicing_without_a_selection_changes_nothing() {
    for (name, export, trust, _) in intact() {
        let slice = assert_intact(&name, &export, &trust, &Selection::all());
        assert_eq!(verdict(&slice, &trust), verdict(&export, &trust), "{name}");
    }
}

/// Returns the indexes of the links that show their event.
fn shown(export: &str) -> Vec<u64> {
    let mut index = 0;
    let mut shown = Vec::new();
    for (_, item) in items(export) {
        match item {
            Item::Skip { level, .. } => index += 1 << level,
            Item::Checkpoint { .. } | Item::Head { .. } | Item::Anchor { .. } => {}
            Item::Link { payload: Some(_), .. } => {
                shown.push(index);
                index += 1;
            }
            Item::Link { .. } | Item::Note { .. } | Item::Leaf(_) => index += 1,
        }
    }
    shown
}

fn state(explanation: &Explanation, id: &str) -> CheckState {
    explanation.steps.iter().find(|step| step.id == id).unwrap().state
}

fn fact<'e>(explanation: &'e Explanation, id: &str, name: &str) -> &'e str {
    let step = explanation.steps.iter().find(|step| step.id == id).unwrap();
    &step.facts.iter().find(|fact| fact.name == name).unwrap().value
}

#[test]
fn selects_entries_by_index() {
    for (name, export, trust, _) in intact() {
        let indexes = shown(&export);
        for chosen in [&indexes[..1.min(indexes.len())], &indexes[indexes.len() / 2..], &indexes] {
            if chosen.is_empty() {
                continue;
            }
            let slice = assert_intact(&name, &export, &trust, &Selection::all().leaves(chosen.to_vec()));
            assert_eq!(shown(&slice), chosen, "{name}");
        }
    }
}

#[test]
fn the_slice_of_each_event_explains_it() {
    for (name, export, trust, events) in intact() {
        for (chain, seq) in events {
            let slice = slice(&export, &Selection::all().event(chain, seq), Some(&trust)).unwrap();
            let explanation = explain(slice.as_bytes(), chain, seq, &trust).unwrap();
            assert!(is_intact(explanation.verdict), "{name}/{seq}");
            for id in ["event", "commit", "link", "chain", "signature", "key"] {
                assert_eq!(state(&explanation, id), CheckState::Pass, "{name}/{seq}: {id}");
            }
            assert_eq!(fact(&explanation, "commit", "computed"), fact(&explanation, "commit", "stated"));
            let is_sealed = slice.contains("{\"checkpoint\"") || slice.contains("{\"head\"");
            for id in ["leaf", "path", "checkpoint"] {
                let expected = if is_sealed { CheckState::Pass } else { CheckState::NotChecked };
                assert_eq!(state(&explanation, id), expected, "{name}/{seq}: {id}");
            }
            if is_sealed {
                let path = &explanation.steps.iter().find(|step| step.id == "path").unwrap().hashes;
                let root = fact(&explanation, "checkpoint", "root");
                assert_eq!(fact(&explanation, "checkpoint", "computed"), root, "{name}/{seq}");
                let end = path.last().map_or(fact(&explanation, "leaf", "hash"), |beside| &beside.node);
                assert_eq!(end, root, "{name}/{seq}");
            }
        }
    }
}

#[test]
fn a_problem_fails_its_step() {
    let (_, export, trust, events) = intact().find(|(name, ..)| name == "log-two-chains").unwrap();
    let (chain, seq) = events[0];
    let slice = slice(&export, &Selection::all().event(chain, seq), Some(&trust)).unwrap();
    let explained = |text: &str, trust: &Trust| explain(text.as_bytes(), chain, seq, trust).unwrap();

    let event = slice.replacen("\"event\":{", "\"event\":{\"more\":1,", 1);
    let explanation = explained(&event, &trust);
    assert_eq!(state(&explanation, "commit"), CheckState::Fail);
    assert_eq!(state(&explanation, "event"), CheckState::Fail);
    assert_ne!(state(&explanation, "signature"), CheckState::Pass);

    let without_trust = explained(&slice, &Trust::default());
    assert_eq!(state(&without_trust, "signature"), CheckState::Pass);
    assert_eq!(state(&without_trust, "key"), CheckState::NotChecked);
    assert_eq!(state(&without_trust, "path"), CheckState::Pass);
    assert_eq!(state(&without_trust, "log"), CheckState::NotChecked);

    let skip = slice.find("{\"skip\":[").unwrap();
    let hash = slice[skip..].find(",\"").unwrap() + skip + 2;
    let other = if &slice[hash..=hash] == "A" { "B" } else { "A" };
    let path = format!("{}{other}{}", &slice[..hash], &slice[hash + 1..]);
    let explanation = explained(&path, &trust);
    for id in ["path", "checkpoint"] {
        assert_eq!(state(&explanation, id), CheckState::Fail, "{id}");
    }

    assert!(explain(slice.as_bytes(), chain, seq + 1_000, &trust).is_err());
    assert!(explain(b"", chain, seq, &trust).is_err());
}

fn facts<'e>(step: &'e Step, name: &str) -> Vec<&'e str> {
    step.facts.iter().filter(|fact| fact.name == name).map(|fact| fact.value.as_str()).collect()
}

/// True if the link on the second line has the hash of the first.
fn follows(before: &str, link: &str) -> bool {
    let [seq, next] = [before, link].map(|text| Link::parse(text).unwrap().seq());
    next == seq + 1 && Link::parse(link).unwrap().prev() == Some(&leaf_hash(before.as_bytes()))
}

/// Returns all cases that can be read, whatever is wrong with them, except large ones.
fn readable() -> impl Iterator<Item = (String, String, Trust, Vec<(ChainId, u64)>, Update)> {
    cases::all().filter(|case| case.export.len() < 100_000).filter_map(|case| {
        let trust = case.options().trust;
        let export = String::from_utf8(case.export).ok()?;
        let mut events = Vec::new();
        for (_, line) in lines(&export).skip(1) {
            if let Item::Link { link: Link::Event(link), payload: Some(_), .. } = Line::parse(line).ok()?.item
            {
                events.push((link.chain, link.seq));
            }
        }
        let options = Options { trust: trust.clone(), events: true, marks: true, ..Options::default() };
        let mut verifier = Verifier::new(options);
        verifier.push(export.as_bytes());
        let update = verifier.finish_with_update().1;
        Some((case.name, export, trust, events, update))
    })
}

#[test]
fn no_step_passes_unless_its_facts_show_it() {
    let mut explained = 0;
    for (name, export, trust, events, update) in readable() {
        let Some((_, first)) = lines(&export).next() else { continue };
        let origin = Header::parse(first.as_bytes()).map(|header| header.origin);
        for &(chain, seq) in events.iter().step_by(events.len().div_ceil(12).max(1)) {
            let Ok(explanation) = explain(export.as_bytes(), chain, seq, &trust) else { continue };
            explained += 1;
            let about = format!("{name}: {chain}/{seq}");
            let step = |id: &str| explanation.steps.iter().find(|step| step.id == id).unwrap();
            let passes = |id: &str| step(id).state == CheckState::Pass;
            let ids: Vec<_> = explanation.steps.iter().map(|step| step.id).collect();
            assert_eq!(ids.len(), 11, "{about}: {ids:?}");

            let mut links = facts(step("link"), "link");
            links.extend(facts(step("chain"), "next"));
            assert!(links.windows(2).all(|pair| follows(pair[0], pair[1])), "{about}");
            let key = facts(step("key"), "vkey").first().map(|key| key.parse::<VerifierKey>().unwrap());
            if passes("signature") {
                let signed = facts(step("signature"), "signed");
                let link = links.iter().find(|link| signed == [signed_part(link)]).expect(&about);
                let signature = *Link::parse(link).unwrap().signature().expect(&about);
                assert!(key.as_ref().unwrap().verify(signed[0].as_bytes(), &signature), "{about}");
                let handed_out = update.events.iter().any(|event| (event.chain, event.seq) == (chain, seq));
                assert!(handed_out, "{about}");
            }
            if passes("chain") {
                assert!(links.iter().any(|link| Link::parse(link).unwrap().signature().is_some()), "{about}");
            }
            for statement in facts(step("key"), "statement") {
                let (index, text) = statement.split_once(": ").unwrap();
                let acts = update.marks.iter().any(
                    |mark| matches!(mark, Mark::Note(note) if note.acts && note.index.to_string() == index),
                );
                assert!(acts && text.contains(key.as_ref().unwrap().as_str()), "{about}: {statement}");
            }
            if passes("path") {
                let root = facts(step("checkpoint"), "root");
                let path = &step("path").hashes;
                let end = path.last().map_or(facts(step("leaf"), "hash")[0], |beside| &beside.node);
                assert_eq!([end], root[..], "{about}");
            }
            if passes("checkpoint") {
                assert!(passes("path"), "{about}");
                assert_eq!(facts(step("checkpoint"), "origin"), [origin.as_deref().unwrap()], "{about}");
            }
        }
    }
    assert!(explained > 1_000, "{explained}");
}

#[test]
fn no_signature_covers_links_before_an_omission() {
    let mut skipped = 0;
    for (name, export, trust, events) in intact() {
        for (chain, seq) in events {
            let whole = explain(export.as_bytes(), chain, seq, &trust).unwrap();
            let step =
                |of: &Explanation, id: &str| of.steps.iter().find(|step| step.id == id).unwrap().clone();
            let chained = step(&whole, "chain");
            let Some(next) = facts(&chained, "next").first().copied() else { continue };
            // The line of the link without its event is verbatim except for JSON escapes.
            let Some(line) = export.lines().find(|line| line.contains(next)) else { continue };
            let skip = format!("{{\"skip\":[0,\"{}\"]}}", leaf_hash(next.as_bytes()));
            let export = export.replacen(line, &skip, 1);
            let explanation = explain(export.as_bytes(), chain, seq, &trust).unwrap();
            for id in ["chain", "signature"] {
                let step = step(&explanation, id);
                assert_eq!(step.state, CheckState::NotChecked, "{name}/{seq}: {step:#?}");
                assert!(facts(&step, "next").is_empty() && facts(&step, "signature").is_empty(), "{step:#?}");
            }
            skipped += 1;
            break;
        }
    }
    assert!(skipped > 10, "{skipped}");
}

/// Returns a chain of three events: the first unsigned, the second signed validly or not, the third signed.
fn chain_of_three(key: &SignerKey, second_is_valid: bool) -> (String, ChainId) {
    let (origin, time, salt, event) = ("log.example", Time::MIN, [7; 16], "{}");
    let mut export = format!("{{\"countersign\":\"export/v1\",\"origin\":\"{origin}\"}}\n");
    let mut text = write_open(origin, key.verifier_key(), time, &[1; 16]);
    let signature = key.sign(text.as_bytes());
    append_signature(&mut text, &signature);
    writeln!(export, "{{\"link\":\"{text}\"}}").unwrap();
    let chain = ChainId::of_open(&leaf_hash(text.as_bytes()));
    for seq in 1..4 {
        let prev = leaf_hash(text.as_bytes());
        text = write_event(chain, seq, time, &prev, &commit(&salt, event.as_bytes()));
        if seq > 1 {
            let signed = if seq == 2 && !second_is_valid { "another text" } else { &text };
            let signature = key.sign(signed.as_bytes());
            append_signature(&mut text, &signature);
        }
        let salt = base64::encode(salt);
        writeln!(export, "{{\"link\":\"{text}\",\"salt\":\"{salt}\",\"event\":{event}}}").unwrap();
    }
    (export, chain)
}

#[test]
fn an_event_is_shown_as_signed_unless_that_is_too_long() {
    let key = SignerKey::from_seed("example.com/a", [3; 32]).unwrap();
    let (origin, time, salt) = ("log.example", Time::MIN, [7; 16]);
    let mut open = write_open(origin, key.verifier_key(), time, &[1; 16]);
    let signature = key.sign(open.as_bytes());
    append_signature(&mut open, &signature);
    let prev = leaf_hash(open.as_bytes());
    for (length, is_canonical) in [(MAX_EVENT, true), (MAX_EVENT + 1, false)] {
        let canonical = "{\"a\":1000000000000000,\"b\":\"\"}";
        let canonical = canonical.replace("\"\"", &format!("\"{}\"", "x".repeat(length - canonical.len())));
        let event = canonical.replacen("1000000000000000", "1e15", 1);
        let commit = commit(&salt, canonical.as_bytes());
        let mut link = write_event(ChainId::of_open(&prev), 1, time, &prev, &commit);
        let signature = key.sign(link.as_bytes());
        append_signature(&mut link, &signature);
        let mut export = Writer::new();
        export.header(&Header { origin: origin.into(), range: None });
        export.link(&open);
        export.event(&link, &salt, &event);
        let slice = slice(export.as_str(), &Selection::all(), None).unwrap();
        let shown = if is_canonical { canonical } else { event };
        assert!(slice.contains(&format!("\"event\":{shown}}}")), "{length}");
    }
}

#[test]
fn only_valid_signatures_vouch() {
    let key = SignerKey::from_seed("example.com/a", [3; 32]).unwrap();
    let trust = Trust::parse(format!("emitter {}\n", key.verifier_key()).as_bytes()).unwrap();
    for (second_is_valid, by) in [(true, "2"), (false, "3")] {
        let (export, chain) = chain_of_three(&key, second_is_valid);
        let first = explain(export.as_bytes(), chain, 1, &trust).unwrap();
        assert_eq!((state(&first, "signature"), fact(&first, "signature", "seq")), (CheckState::Pass, by));
        assert_eq!(state(&first, "chain"), CheckState::Pass);
        let second = explain(export.as_bytes(), chain, 2, &trust).unwrap();
        let expected = if second_is_valid { CheckState::Pass } else { CheckState::Fail };
        assert_eq!((state(&second, "signature"), fact(&second, "signature", "seq")), (expected, "2"));
        let cut: String = export.split_inclusive('\n').take(3).collect();
        let alone = explain(cut.as_bytes(), chain, 1, &trust).unwrap();
        for id in ["chain", "signature"] {
            assert_eq!(state(&alone, id), CheckState::NotChecked, "{id}");
        }
    }
}

#[test]
fn notes_without_effect_state_nothing() {
    let mut silent = 0;
    for (name, export, trust, events, update) in readable() {
        let about = |note: &countersign::verify::NoteMark, key: &str| {
            note.statements.iter().any(|statement| statement.key().as_str() == key)
        };
        let notes: Vec<_> = update
            .marks
            .iter()
            .filter_map(|mark| if let Mark::Note(note) = mark { Some(note) } else { None })
            .collect();
        for &(chain, seq) in events.iter().take(40) {
            let Ok(explanation) = explain(export.as_bytes(), chain, seq, &trust) else { continue };
            let step = explanation.steps.iter().find(|step| step.id == "key").unwrap();
            let Some(key) = facts(step, "vkey").first().copied() else { continue };
            silent += notes.iter().filter(|note| !note.acts && about(note, key)).count();
            let acting = notes.iter().filter(|note| note.acts && about(note, key)).count();
            assert!(facts(step, "statement").len() >= usize::from(acting > 0 && name == "log-two-chains"));
            assert!(acting > 0 || facts(step, "statement").is_empty(), "{name}: {step:#?}");
        }
    }
    assert!(silent > 0);
}

#[test]
fn checkpoints_of_other_logs_do_not_count() {
    for name in ["log-origin-other", "log-origin-wrong"] {
        let Some((_, export, trust, events, update)) = readable().find(|(case, ..)| case == name) else {
            panic!("there is no case {name}")
        };
        let last = update.marks.iter().rev().find_map(|mark| match mark {
            Mark::Checkpoint(checkpoint) => Some(checkpoint),
            _ => None,
        });
        let (chain, seq) = events[0];
        let explanation = explain(export.as_bytes(), chain, seq, &trust).unwrap();
        let header = Header::parse(lines(&export).next().unwrap().1.as_bytes()).unwrap();
        assert_ne!(last.unwrap().origin, header.origin, "{name}");
        assert_ne!(state(&explanation, "checkpoint"), CheckState::Pass, "{name}");
        let log = explanation.steps.iter().find(|step| step.id == "log").unwrap();
        assert!(log.state != CheckState::Pass && log.facts.is_empty(), "{name}: {log:#?}");
    }
}
