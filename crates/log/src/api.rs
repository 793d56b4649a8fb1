//! The HTTP API: what is read out of requests and answered to them, whoever serves it. Nothing here listens or waits.
//!
//! Both hosts answer by it: the log server, and [`embedded`](crate::embedded) in a Durable Object. So it is in this crate,
//! and only these two use it: the rest of the engine knows no request, answer or status.

pub mod bearer;
pub mod body;
mod cors;
pub mod erase;
pub mod erasures;
mod error;
pub mod evidence;
pub mod explain;
pub mod export;
pub mod health;
pub mod query;
pub mod response;
pub mod root;
pub mod sse;
pub mod submit;
pub mod tiles;

pub use cors::Cors;
pub use error::ApiError;
pub use response::Answer;
