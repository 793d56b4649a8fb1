//! Checks that all tenant logs of a root log only grow (SPEC section 16.10).
//!
//! A growth witness reads each tick's secret and the heads that it changed ([`wire`]), and applies them to a
//! [`GrowthState`]. If a tenant log was rewritten, shortened, or dropped, this fails with a [`GrowthFinding`].
//!
//! The state uses about 65 bytes of memory for each tenant log: 6.5 MB for 100,000. Checking a tick takes 64 bytes more
//! for each slot of the directory, 8 MB for 131,072 slots, which are freed afterward. No file is opened here: the caller
//! gets the ticks, and stores [what changed](GrowthState::changes_since) before it cosigns.
#![deny(missing_docs, unsafe_code)]

mod finding;
mod state;
#[cfg(test)]
mod tests;

pub use countersign_log::tenants::growth_serving::prove_growth;
pub use countersign_log::tenants::growth_wire as wire;
pub use finding::{GrowthCode, GrowthFinding};
pub use state::{GrowthState, MAX_DEPTH, StoredState};
