//! The HTTP interface: what every server of a log reads out of requests and answers to them. Nothing here listens or
//! waits.

mod access;
mod answer;
mod body;
mod cors;
mod erase;
mod export;
mod health;
mod query;
mod stream;
mod submit;
mod tiles;
mod welcome;

pub use answer::Problem;
pub use cors::Cors;

pub(crate) use access::token;
pub(crate) use answer::Answer;
pub(crate) use body::{busy, check as check_body, is_larger, too_slow, unpack};
pub(crate) use erase::{Asked as AskedErasure, Chosen, MAX_BODY as MAX_ERASURE, done as erased};
pub(crate) use export::{Asked as AskedExport, head as export_head, read as read_export, read_proof};
pub(crate) use health::{health, metrics};
pub(crate) use query::read as read_query;
pub(crate) use stream::{GATHER, Opening, QUIET, QUIET_TEXT, head as stream_head, piece as stream_piece};
pub(crate) use submit::taken;
pub(crate) use tiles::{checkpoint, tile};
#[cfg(feature = "server")]
pub(crate) use welcome::page;
pub(crate) use welcome::welcome;
