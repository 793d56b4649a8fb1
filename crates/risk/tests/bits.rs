//! Known answers: the same years have equal bits in debug and release builds, on every machine and in WebAssembly.

use countersign::hash::Hash;
use countersign_risk::{Scenario, Seed, Simulation};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_same_years_have_equal_bits_everywhere() {
    let scenario = Scenario::parse(include_str!("example.yml")).unwrap();
    let seed = Seed::derive(Some(&Hash::digest(&[b"a log's root"])), &scenario.hash);
    let digest =
        |controls: &[&str]| Simulation::run(&scenario, controls, &seed, 20_000).unwrap().digest().to_string();
    assert_eq!(digest(&[]), "cZwCGsd+O4zmf/AnZDcbdEEFwuZDBTH+MOKrUMuvH5c=");
    assert_eq!(digest(&["credentials"]), "ldyq2KWkkUqBQ5Xs38e9o9vgTGGZdJTZofdg19lkNBM=");
}
