#![no_main]

use countersign::canonical::canonicalize;
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Line, Withheld};
use countersign::verify::report::Report;
use countersign::verify::{
    Expectations, MaxAge, Options, Progress, Splitter, Summarizer, Update, Verdict, Verification, Verifier,
    parallel,
};
use countersign_fuzz::model::{Model, alter};
use countersign_fuzz::program::Program;
use countersign_slice::{Selection, Survey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Later steps come first in the input, so that a program can grow by earlier steps.
    let (head, steps) = bytes.split_at(bytes.len().min(16));
    let head = &mut Program::new(head);
    let (alterations, cut, wish, expectations) = (head.byte() % 4, head.byte(), head.byte(), head.byte());
    let model = Model::build(&mut Program::new(steps));
    let mut export = model.export.clone();
    (0..alterations).for_each(|_| alter(&mut export, head));

    let options = options(&model, expectations);
    let (report, update) = at_once(&export, options.clone());
    let (kind, length) = (cut % 2, usize::from(cut / 2) + 1);
    let other = if kind == 0 { as_it_comes } else { in_chunks }(&export, options.clone(), length);
    assert_same((&report, &update), other);
    if cut == 0xff {
        let mut on_threads = Update::default();
        let verification =
            parallel::verify(&export[..], options.clone(), 3, |_| {}, |update| on_threads.append(update));
        assert_same((&report, &update), (verification.expect("bytes are read").report, on_threads));
    }

    assert_true(&model, &export, &report, &update);
    if alterations == 0 && matches!(report.verdict, Verdict::Verified | Verdict::Partial) {
        if let Some(slice) = slice(&model, wish) {
            // If a pin lies within omitted entries, whether it holds is unknown.
            let options = Options { expect: Expectations::default(), pins: Vec::new(), ..options };
            let verdict = at_once(slice.as_bytes(), options).0.verdict;
            assert!(
                matches!(verdict, Verdict::Verified | Verdict::Partial),
                "a slice of an export that is {:?} is {verdict:?}:\n{slice}\nof:\n{}",
                report.verdict,
                String::from_utf8_lossy(&export)
            );
        }
    }
});

fn options(model: &Model, expectations: u8) -> Options {
    let asks = |bit: u8| expectations >> bit & 1 == 1;
    let expect = Expectations {
        origin: asks(0).then(|| if asks(1) { "log.example/other" } else { "log.example/audit" }.into()),
        range: asks(2).then(|| (u64::from(asks(3)), model.size.max(2) + u64::from(asks(4)))),
        max_age: asks(5).then(|| MaxAge { seconds: i64::from(expectations >> 6), now: model.now }),
    };
    let (trust, pins) = (model.trust.clone(), model.pins.clone());
    Options { trust, pins, expect, events: true, marks: true, findings: true, ..Options::default() }
}

fn at_once(export: &[u8], options: Options) -> (Report, Update) {
    let mut verifier = Verifier::new(options);
    verifier.push(export);
    let (Verification { report, .. }, update) = verifier.finish_with_update();
    (report, update)
}

fn as_it_comes(export: &[u8], options: Options, cut: usize) -> (Report, Update) {
    let mut verifier = Verifier::live(options);
    let mut update = Update::default();
    for chunk in export.chunks(cut) {
        verifier.push(chunk);
        verifier.settle();
        verifier.report();
        update.append(verifier.take());
    }
    let (verification, last) = verifier.finish_with_update();
    update.append(last);
    (verification.report, update)
}

/// Verifies as on several cores: chunks of `lines` lines are summarized independently.
fn in_chunks(export: &[u8], options: Options, lines: usize) -> (Report, Update) {
    let trust = options.trust.clone();
    let mut splitter = Splitter::new();
    let mut text = Vec::new();
    let mut rest = export;
    while !rest.is_empty() {
        rest = &rest[splitter.push(rest)..];
        text.extend(std::iter::from_fn(|| splitter.next_chunk()).flatten());
    }
    let end = splitter.finish();
    text.extend(std::iter::from_fn(|| splitter.next_chunk()).flatten());
    let mut progress = Progress::new(options);
    if let Some((header, line)) = splitter.header() {
        progress.begin(header, line);
        let lines_of: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
        for chunk in lines_of.chunks(lines) {
            let chunk = chunk.concat();
            progress.absorb(Summarizer::new(&header.origin, &trust).summarize(&chunk), &chunk);
        }
    }
    let (verification, update) = progress.finish_with_update(end);
    (verification.report, update)
}

fn assert_same((report, update): (&Report, &Update), (other, other_update): (Report, Update)) {
    assert_eq!(other, *report);
    assert_eq!((&other_update.events, &other_update.marks), (&update.events, &update.marks));
}

/// Asserts that all returned events were recorded, and that a verified export shows only what was signed.
fn assert_true(model: &Model, export: &[u8], report: &Report, update: &Update) {
    for event in &update.events {
        let shown = canonicalize(event.event.as_bytes()).expect("events are JSON");
        let recorded = model.events.get(&(event.chain, event.seq)).expect("an event that was recorded");
        assert!(recorded.contains(&shown), "{} was never recorded", event.event);
    }
    if report.verdict != Verdict::Verified {
        return;
    }
    let lines = core::str::from_utf8(export).expect("a verified export is UTF-8").lines();
    for line in lines.filter(|line| !line.trim_ascii().is_empty()).skip(1) {
        match Line::parse(line).expect("a verified export is well-formed").item {
            Item::Link { text, payload, link, .. } => {
                assert!(model.leaves.contains(text.as_bytes()), "no emitter signed {text}");
                if let Some(payload) = payload {
                    let shown = canonicalize(payload.event.as_bytes()).expect("events are JSON");
                    assert!(model.events[&(link.chain(), link.seq())].contains(&shown), "{line}");
                }
            }
            Item::Checkpoint { signed, .. } => {
                let text = signed.checkpoint.to_string();
                assert!(model.checkpoints.contains(&text), "no log signed {text}");
            }
            // If there is no log, an entry that is not a link has only its own signature as authority.
            Item::Note { text, .. } if report.log.is_some() => {
                assert!(model.leaves.contains(text.as_bytes()), "{text} is in no log");
            }
            Item::Leaf(bytes) if report.log.is_some() => {
                assert!(model.leaves.contains(&*bytes), "{line} is in no log");
            }
            Item::Head { .. } | Item::Anchor { .. } => panic!("the model has no tenant log: {line}"),
            Item::Note { .. } | Item::Leaf(_) | Item::Skip { .. } => {}
        }
    }
}

/// Returns a slice of an unaltered export, if one can be made.
fn slice(model: &Model, wish: u8) -> Option<String> {
    let picks = move |event: &str| wish >> (event.len() % 4) & 1 == 1;
    let mut selection = match wish >> 4 & 3 {
        0 => Selection::all().matching(move |_, event| picks(event)),
        1 => Selection::all().withholding(move |_, event| picks(event).then_some(Withheld::Redacted)),
        2 => {
            let first = u64::from(wish & 15).min(model.size.saturating_sub(1));
            Selection::all().range(first, model.size)
        }
        _ => Selection::all(),
    };
    if wish >> 6 & 1 == 1 {
        let mut places: Vec<_> = model.events.keys().collect();
        places.sort_unstable();
        let (chain, seq) = **places.get(usize::from(wish & 15) % places.len().max(1))?;
        selection = if wish >> 7 == 1 { selection.chain(chain) } else { selection.event(chain, seq) };
    }
    let export = core::str::from_utf8(&model.export).ok()?;
    let header = Header::parse(export.lines().next()?.as_bytes()).ok()?;
    let items =
        || export.lines().zip(1..).skip(1).map(|(line, number)| Some((number, Line::parse(line).ok()?.item)));
    let mut survey = Survey::new(&header, &selection, Some(&model.trust));
    for item in items() {
        let (number, item) = item?;
        survey.line(number, &item).ok()?;
    }
    let plan = survey.finish().ok()?;
    let mut out = Writer::new();
    let mut slicer = plan.slicer(&mut out);
    for (number, item) in items().flatten() {
        slicer.line(number, &item, &mut out).expect("the survey read the same lines");
    }
    slicer.finish(&mut out).expect("the survey read the same lines");
    Some(out.as_str().to_owned())
}
