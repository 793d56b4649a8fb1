//! COSE receipts of other programs, which sign neither the log's name nor the size of the tree.
//!
//! The facts are those of the cases `valid-eddsa`, `fail-tampered-path`, and `fail-unsupported-vds` of version 1 of the
//! test vectors of scitt-cose, two of which the IETF's SCITT group tests with.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::cose::Receipt;
use countersign::hex;
use countersign::note::{KeyType, VerifierKey};
use countersign::trust::Trust;
use countersign::verify::Verdict;

/// The facts of a receipt, in hex. The leaf is the third of eight.
struct Case {
    entry: &'static str,
    path: [&'static str; 3],
    key: &'static str,
    signature: [&'static str; 2],
}

const VALID: Case = Case {
    entry: "a6dd4523ffdda1754c234acf209bdde758db7d30438468700a7bf6c01e800e3a",
    path: [
        "d5790c062bb617c193f8dbedf90469ccf49525739238b6d1102df4d3424fbd44",
        "fb85d1461099612b0a34168f8f207bc9a761a91cd1173f39c5dd7ca4d1d92a6c",
        "b8e2ffb9ad6e45622e44393e6f58a747c4c5b3900d9676e3ecf50aab2ba266e4",
    ],
    key: "130c28b915a7d26003730040dcfe8b95d08428269699be08120e745fec6f9380",
    signature: [
        "4c6f704a3d7421827e906a3742aea994d396738debc4ea871077c97f2ea65ec1",
        "302673fd1f77c31d7ea5024862d253b888d1a2007d35fea1720792dde6eee402",
    ],
};

/// One byte of the first hash was changed after the log had signed.
const TAMPERED: Case = Case {
    entry: "341df0ce74c5d59c84a122a646008caa1a27c709e350c817e98c16237145003a",
    path: [
        "b6167b48a8130f79fbb8709f332945d387cdc7ad25713953f4cf3e08f5993e39",
        "64d89f54777d5c2acd4ee10ed11e8759f2e5fc77eb8c02b356051dd9bff2c613",
        "4ccdae78b9b9af9803ac82b2b442c9990c01d28b1af924a7de4368881169367d",
    ],
    key: "be738f70f63f4262ce82bbb10832b82e3de998bc24440ae6062304d08d89cb21",
    signature: [
        "feaf7bee82b350da14b5d954f91d68c54c3d43b78ba2fed030c15eea16cba805",
        "57374c7a21849cec13190db39b30f265da0d99ab99a0634d09bd8150803dcd06",
    ],
};

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text.as_bytes()).expect("hex")
}

/// Returns the receipt of a case, with this verifiable data structure and algorithm.
fn receipt(case: &Case, structure: u8, algorithm: u8) -> Vec<u8> {
    // The labels of the protected header are not in the order of deterministic encoding.
    let mut receipt = vec![0xd2, 0x84, 0x47, 0xa2, 0x19, 0x01, 0x8b, structure, 0x01, algorithm];
    receipt.extend([0xa1, 0x19, 0x01, 0x8c, 0xa1, 0x20, 0x81, 0x58, 0x6a, 0x83, 8, 2, 0x83]);
    for hash in case.path {
        receipt.extend([0x58, 32]);
        receipt.extend(bytes::<32>(hash));
    }
    receipt.extend([0xf6, 0x58, 64]);
    receipt.extend(case.signature.iter().flat_map(|half| bytes::<32>(half)));
    receipt
}

fn verdict(case: &Case, entry: &[u8]) -> Verdict {
    let key = VerifierKey::new("log.example", KeyType::Ed25519, bytes::<32>(case.key)).expect("a name");
    let trust = Trust::default().with_log(key).expect("a log");
    let receipt = Receipt::parse(&receipt(case, 1, 0x27)).expect("a receipt");
    assert_eq!((receipt.index(), receipt.size(), receipt.origin()), (2, 8, None));
    assert!(!receipt.is_index_signed());
    receipt.judge(entry, None, &trust).err().map_or(Verdict::Verified, |(verdict, _)| verdict)
}

#[test]
fn receipts_of_another_log_verify() {
    let entry: [u8; 32] = bytes(VALID.entry);
    assert_eq!(verdict(&VALID, &entry), Verdict::Verified);
    assert_eq!(verdict(&VALID, &entry[1..]), Verdict::Altered);
    let root = Receipt::parse(&receipt(&VALID, 1, 0x27)).expect("a receipt").root(&entry);
    let expected = "5c834b80c0b40ca993f0b4a3ef9d2e77a8a3e8113358e4f318866c02cd448362";
    assert_eq!(root.map(|root| root.0), Some(bytes(expected)));
}

#[test]
fn a_tampered_path_is_found() {
    assert_eq!(verdict(&TAMPERED, &bytes::<32>(TAMPERED.entry)), Verdict::Altered);
}

#[test]
fn other_structures_and_algorithms_are_refused() {
    let refused = |structure, algorithm| {
        let refused = Receipt::parse(&receipt(&VALID, structure, algorithm));
        refused.expect_err("an unsupported receipt").into_message()
    };
    assert_eq!(refused(2, 0x27), "the verifiable data structure 2 is not RFC9162_SHA256 (1)");
    assert_eq!(refused(1, 0x26), "the signature algorithm -7 is not supported");
}
