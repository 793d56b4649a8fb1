#![no_main]

use countersign::trust::Trust;
use countersign::verify::{Options, Update, Verifier};
use libfuzzer_sys::fuzz_target;

const TRUST: &[u8] = include_bytes!("../../tests/vectors/quorum-met/trust.txt");

fn options() -> Options {
    let trust = Trust::parse(TRUST).expect("the vector's trust file is usable");
    Options { trust, events: true, marks: true, findings: true, ..Options::default() }
}

fuzz_target!(|export: &[u8]| {
    let mut at_once = Verifier::new(options());
    at_once.push(export);
    let (expected, expected_told) = at_once.finish_with_update();

    let mut as_it_comes = Verifier::live(options());
    let mut told = Update::default();
    for chunk in export.chunks(7) {
        as_it_comes.push(chunk);
        as_it_comes.settle();
        as_it_comes.report();
        told.append(as_it_comes.take());
    }
    let (found, last) = as_it_comes.finish_with_update();
    told.append(last);
    assert_eq!(found.report, expected.report);
    // Of a compressed stream that is cut off, some may have been told before that was known.
    if found.report.origin.is_some() {
        assert_eq!((told.events, told.marks), (expected_told.events, expected_told.marks));
    }
});
