#![no_main]

use countersign::cose::{Receipt, TreeSignature};
use countersign::trust::Trust;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert!(Receipt::is_receipt(bytes));
        assert_eq!(Receipt::parse(&receipt.to_bytes()).as_ref(), Ok(&receipt));
        assert!(receipt.verify(b"entry", None, &Trust::default()).is_err());
    }
    if let Ok(signature) = TreeSignature::parse(bytes) {
        assert_eq!(TreeSignature::parse(&signature.to_bytes()).as_ref(), Ok(&signature));
    }
});
