#![no_main]

use countersign::canonical::canonicalize;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| {
    if let Ok(canonical) = canonicalize(json) {
        assert_eq!(canonicalize(&canonical).as_deref(), Ok(&canonical[..]));
    }
});
