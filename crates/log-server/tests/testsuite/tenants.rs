//! Tests of a root log's server: its storage, ticks, recording, reading, and what it reveals about tenants.

mod anchors;
pub mod answers;
mod bucket;
mod crashes;
mod embedded;
mod endings;
mod growth;
mod indexes;
mod leaks;
mod losses;
mod own_events;
mod recording;
mod restore;
pub mod root_notes;
mod routes;
mod sequencing;
mod states;
mod tables;
mod witnessed;
pub mod world;
