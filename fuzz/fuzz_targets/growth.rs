#![no_main]

use countersign_growth::wire::{Answer, ProofRequest, TickChanges, change_line, head_line, parse_proofs};
use countersign_growth::{GrowthState, MAX_DEPTH, Step};
use libfuzzer_sys::fuzz_target;

/// The greatest depth of a directory that is computed: 1024 slots.
const MAX_COMPUTED_DEPTH: u8 = 10;

// The input is one or two answers, with an empty line between them. The first one can begin a witness's state.
fuzz_target!(|body: &[u8]| {
    if let Ok(requests) = ProofRequest::parse_all(body) {
        let written: String = requests.iter().map(ProofRequest::to_line).collect();
        assert_eq!(ProofRequest::parse_all(written.as_bytes()).as_ref(), Ok(&requests));
        let _ = parse_proofs(body, &requests);
    }
    let end = body.windows(2).position(|pair| pair == b"\n\n");
    let (first, second) = end.map_or((body, [].as_slice()), |end| (&body[..=end], &body[end + 2..]));
    let Ok(answer) = Answer::parse(first) else { return };
    check_written(&answer);
    let ticks = Answer::parse(second).inspect(check_written).map_or(Vec::new(), |answer| answer.ticks);
    let is_computed = |depth| depth <= MAX_COMPUTED_DEPTH || depth > MAX_DEPTH;
    let Some(snapshot) = answer.snapshot.filter(|snapshot| is_computed(snapshot.tick.depth)) else { return };
    let Ok(Step { mut state, .. }) = GrowthState::begin(&answer.header.origin, &snapshot) else { return };
    for tick in ticks.iter().filter(|tick| is_computed(tick.tick.depth)) {
        let Ok(Step { state: next, findings, .. }) = state.apply(tick) else { break };
        if !findings.is_empty() || !next.is_whole() {
            break;
        }
        check_growth(&state, &next);
        state = next;
    }
    let stored = state.to_stored();
    let loaded = GrowthState::from_stored(&answer.header.origin, &stored).expect("a stored state");
    assert_eq!(loaded.to_stored(), stored);
});

/// Checks that written lines can be read, and are the same except for what a log that is gone doesn't have.
fn check_written(answer: &Answer) {
    let mut written = answer.header.to_line();
    if let Some(snapshot) = &answer.snapshot {
        written += &snapshot.tick.to_snapshot_line(&snapshot.edge);
        written.extend(snapshot.heads.iter().map(head_line));
    }
    for TickChanges { tick, changes } in &answer.ticks {
        written += &tick.to_tick_line(changes.len());
        written.extend(changes.iter().map(change_line));
    }
    let mut expected = answer.clone();
    for change in expected.ticks.iter_mut().flat_map(|tick| &mut tick.changes) {
        if change.head.is_none() {
            (change.from, change.proof) = (0, Some(Vec::new()));
        }
    }
    assert_eq!(Answer::parse(written.as_bytes()), Ok(expected));
}

/// No tenant log shrinks, returns to an earlier state, or changes without growing.
fn check_growth(before: &GrowthState, after: &GrowthState) {
    assert_eq!(after.size(), before.size() + 1);
    let after = after.to_stored();
    assert!(after.time > before.to_stored().time);
    for (head, _) in before.to_stored().heads {
        let Some((next, _)) = after.heads.iter().find(|(next, _)| next.id == head.id) else { continue };
        assert!(next.size >= head.size && next.state >= head.state);
        assert!(next.size > head.size || next.root == head.root);
    }
}
