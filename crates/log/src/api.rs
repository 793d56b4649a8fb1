//! The HTTP API: parses requests and builds responses. It doesn't listen or wait.
//!
//! Both hosts use it: the log server, and [`embedded`](crate::embedded) in a Durable Object. The rest of the
//! engine doesn't know about requests, responses, or status codes.

mod accepted_requests;
pub mod bearer;
pub mod body;
mod cors;
pub mod erase;
pub mod erasures;
mod error;
pub mod evidence;
pub mod explain;
pub mod export;
pub mod growth;
pub mod head;
pub mod health;
pub mod query;
pub mod response;
pub mod root;
pub mod root_notes;
pub mod sse;
pub mod submit;
pub mod tenants;
pub mod tiles;

pub use accepted_requests::AcceptedRequests;
pub use cors::Cors;
pub use error::{ApiError, ResponseFailure};
pub use response::Answer;
