#![no_main]

use countersign::export::writer::Writer;
use countersign::export::{Header, Line};
use libfuzzer_sys::fuzz_target;

fn write(line: &Line<'_>) -> String {
    let mut out = Writer::new();
    out.item(&line.item);
    out.as_str().trim_end_matches('\n').to_owned()
}

fuzz_target!(|text: &str| {
    let _ = Header::parse(text.as_bytes());
    if let Ok(line) = Line::parse(text) {
        let written = write(&line);
        assert_eq!(write(&Line::parse(&written).expect("a written line is well-formed")), written);
    }
});
