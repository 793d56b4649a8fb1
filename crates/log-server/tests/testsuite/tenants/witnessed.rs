//! Tests of a root log with witnesses.

use std::sync::atomic::Ordering;

use countersign_log_server::server::Bounds;

use super::world::{World, emitters};
use crate::common::emitter::BEGIN;
use crate::common::witness::Witness;

/// The witnesses' clocks, in milliseconds: a witness cosigns no tick that is in the future for it.
const AHEAD: i64 = 10_000;

#[test]
fn readers_of_tenant_logs_require_the_root_logs_witnesses() {
    let witnesses: Vec<Witness> = (0..2).map(|number| Witness::start(number, BEGIN + AHEAD)).collect();
    let lines: String =
        (0..).zip(&witnesses).map(|(number, witness)| witness.line(&format!("w{number}"))).collect();
    let trust = format!("{lines}group g 2 w0 w1\nquorum g\n{}", emitters());
    let mut world = World::with(&trust, Bounds::default());
    let sync = |world: &World| {
        let now = world.server.clock.load(Ordering::SeqCst);
        for witness in &witnesses {
            witness.set_clock(now + AHEAD);
        }
    };
    let customers = ["acme", "umbrella"].map(|name| world.add(name));
    let tokens = customers.clone().map(|customer| world.token(&customer.id, "read", &[&customer.id]));
    for round in 0..4 {
        for (number, customer) in customers.iter().enumerate() {
            sync(&world);
            let mut emitter = world.emitter(customer, number as u8, round);
            emitter.record(2);
            world.deliver(customer, &mut emitter);
        }
        for (customer, token) in customers.iter().zip(&tokens) {
            let proof = world.head(customer);
            let trust = world.trust(customer);
            assert_eq!(proof.checkpoint.cosignatures(trust.witnesses()).times().len(), 2);
            let report = world.assert_verified(customer, token);
            assert_eq!(report.checks.witnesses.state, countersign::verify::CheckState::Pass);
        }
        if round == 1 {
            sync(&world);
            world.restart();
        }
    }
}
