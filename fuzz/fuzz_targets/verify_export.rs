#![no_main]

use countersign::trust::Trust;
use countersign::verify::{Options, Verifier};
use libfuzzer_sys::fuzz_target;

const TRUST: &[u8] = include_bytes!("../../tests/vectors/quorum-met/trust.txt");

fn verifier() -> Verifier {
    let trust = Trust::parse(TRUST).expect("the vector's trust file is usable");
    Verifier::new(Options { trust, events: true, ..Options::default() })
}

fuzz_target!(|export: &[u8]| {
    let mut at_once = verifier();
    at_once.push(export);
    let mut in_chunks = verifier();
    export.chunks(7).for_each(|chunk| in_chunks.push(chunk));
    assert_eq!(at_once.finish_with_events().0.report, in_chunks.finish_with_events().0.report);
});
