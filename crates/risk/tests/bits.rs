//! Known answers: the same years have equal bits in debug and release builds, on every machine. The console's tests
//! compare the artifact `overview` with the program.

use countersign::hash::Hash;
use countersign_risk::{Scenario, Seed, Simulation};

#[test]
fn the_same_years_have_equal_bits_everywhere() {
    let scenario = Scenario::parse(include_str!("example.yml")).unwrap();
    let seed = Seed::derive(Some(&Hash::digest(&[b"a log's root"])), &scenario.hash);
    let digest =
        |controls: &[&str]| Simulation::run(&scenario, controls, &seed, 20_000).unwrap().digest().to_string();
    assert_eq!(digest(&[]), "cZwCGsd+O4zmf/AnZDcbdEEFwuZDBTH+MOKrUMuvH5c=");
    assert_eq!(digest(&["credentials"]), "ldyq2KWkkUqBQ5Xs38e9o9vgTGGZdJTZofdg19lkNBM=");
}
