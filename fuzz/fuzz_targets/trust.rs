#![no_main]

use countersign::trust::Trust;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if let Ok(trust) = Trust::parse(file) {
        let written = trust.to_text();
        assert_eq!(Trust::parse(&written).expect("a written trust file is usable").to_text(), written);
    }
});
