//! The HTTP API: what is read out of requests and answered to them, whoever serves it. Nothing here listens or waits.

pub(crate) mod bearer;
pub(crate) mod body;
mod cors;
pub(crate) mod erase;
pub(crate) mod erasures;
pub(crate) mod evidence;
pub(crate) mod explain;
pub(crate) mod export;
#[cfg(feature = "server")]
pub(crate) mod findings;
pub(crate) mod health;
mod problem;
pub(crate) mod query;
mod response;
pub(crate) mod root;
pub(crate) mod sse;
pub(crate) mod submit;
pub(crate) mod tiles;

pub use cors::Cors;
pub use problem::Problem;
pub(crate) use response::Answer;
