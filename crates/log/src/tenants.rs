//! Tenant logs under one root log (SPEC section 16).
//!
//! | to do | module |
//! | --- | --- |
//! | identify a tenant | [`tenant`] |
//! | draw the ID of a new tenant, and choose the depth of the directory | [`slots`] |
//! | keep the heads of all tenant logs | [`heads`] |
//! | commit to them in each tick, and prove each | [`directory`], [`secret`] |
//! | decide the order of all entries, and tick | [`sequencer`], [`job`], [`rules`] |
//! | prove heads at earlier ticks | [`anchors`] |
//! | keep heads that show when entries existed | [`kept`] |
//! | remember each head apart from the database, and stop a tenant log that contradicts it | [`memory`], [`heads_format`], [`guard`], [`stops`] |
//! | keep a copy of each tick's entry, and of anchors, apart from the database | [`root_entries`], [`anchor_copy`] |
//! | show each tick's changes to growth witnesses | [`growth`]; [`growth_serving`] and [`growth_wire`], as lines |
//! | begin and end a tenant log | [`requests`] |
//! | grant and revoke keys in all tenant logs | [`root_notes`] |
//! | record the server's own events in tenant logs | `own_chains` |
//! | limit the entries that wait for a tick | [`waiting`] |
//! | store all logs | [`store`], the traits; [`tables`](crate::tables), the same for any SQL database |
//! | prove a head to readers, once its tick is published | [`published`] |
//! | read one tenant log, up to that head | [`reader`] |
//! | prove to writers how a tenant log grew | [`growth_proof`] |

pub mod anchor_copy;
pub mod anchors;
pub mod counts;
pub mod directory;
mod error;
pub mod growth;
pub mod growth_proof;
pub mod growth_serving;
pub mod growth_wire;
pub mod guard;
pub mod heads;
pub mod heads_format;
pub mod job;
pub mod kept;
pub mod memory;
mod own_chains;
pub mod published;
pub mod reader;
pub mod requests;
pub mod root_entries;
pub mod root_notes;
pub mod rules;
pub mod secret;
pub mod sequencer;
pub mod slots;
pub mod stops;
pub mod store;
pub mod tenant;
#[cfg(test)]
mod tests;
mod tree;
pub mod waiting;

pub use error::{CreationError, DirectoryError};
