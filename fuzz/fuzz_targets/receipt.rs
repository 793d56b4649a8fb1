#![no_main]

use countersign::tenant::{Anchor, HeadProof, Receipt};
use countersign::trust::Trust;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(receipt) = Receipt::parse(text) {
        assert!(Receipt::is_receipt(text));
        assert_eq!(receipt.to_string(), text);
        let origin = receipt.head().origin.as_str();
        assert!(receipt.verify(b"entry", Some(origin), &Trust::default()).is_err());
    }
    if let Ok(head) = HeadProof::parse(text) {
        assert!(HeadProof::is_head(text));
        assert_eq!(head.to_string(), text);
    }
    if let Ok(anchor) = Anchor::parse(text) {
        assert_eq!(anchor.to_string(), text);
    }
});
