//! Storage for verified events that wait: in memory while they are few, otherwise in a temporary file.
//!
//! Events are verified chain by chain, and returned in the order of the log. [`PendingEvents`] keeps them until the
//! verdict is known, and [`Runs`] sorts records that don't fit in memory.
//!
//! ```
//! use countersign_errors::EngineError;
//! use countersign_spill::Runs;
//!
//! let mut runs = Runs::new()?;
//! for sorted in [[1_u64, 4], [2, 3]] {
//!     runs.add(sorted, |key, out| {
//!         out.push(key as u8);
//!         key
//!     })?;
//! }
//! let mut keys = Vec::new();
//! runs.for_each(|key, _| {
//!     keys.push(key);
//!     Ok::<_, EngineError>(())
//! })?;
//! assert_eq!(keys, [1, 2, 3, 4]);
//! # Ok::<(), EngineError>(())
//! ```
#![deny(missing_docs, unsafe_code)]

mod events;
mod runs;

pub use events::{PendingEvents, Spillable};
pub use runs::Runs;
