//! Checks that all tenant logs of a root log only grow (SPEC section 16.10).
//!
//! A growth witness reads each tick's secret and the heads that it changed ([`wire`]), and adds them to a [`GrowthRun`],
//! which begins with the [state](GrowthState) that it checked last. If a tenant log was rewritten, shortened, or dropped,
//! there is a [`GrowthFinding`] about it, and the other logs are checked all the same.
//!
//! The state uses about 65 bytes of memory for each tenant log: 6.5 MB for 100,000; and about 24 bytes for each log whose
//! slot was freed, because its ID must never be used again. Checking a tick takes 8 bytes more for each slot of the
//! directory, 1 MB for 131,072 slots, which is freed afterward. No file is opened here: the caller gets the ticks, and
//! stores [what changed](GrowthState::changes_since) before it cosigns.
#![deny(missing_docs, unsafe_code)]

mod finding;
mod judge;
mod root_tail;
mod run;
mod state;
#[cfg(test)]
mod tests;

pub use countersign_log::tenants::growth_serving::prove_growth;
pub use countersign_log::tenants::growth_wire as wire;
pub use finding::{GrowthCode, GrowthFinding, Recheck};
pub use run::{GrowthRun, Unchecked};
pub use state::{GrowthState, MAX_DEPTH, MAX_GONE, Step, StoredState, TickError};
