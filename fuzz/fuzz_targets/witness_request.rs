#![no_main]

use countersign::witness::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok(request) = Request::parse(body) {
        assert_eq!(request.to_string().as_bytes(), body);
    }
});
