//! The content of answers.

use super::live::Live;
use super::log_server::Pending;
use super::looking::Looking;
use super::sending::Sending;

/// The body of an answer.
pub enum Content {
    /// All of it.
    Whole(Vec<u8>),
    /// An export, a piece at a time.
    Export(Box<Sending>),
    /// A live view.
    Live(Box<Live>),
    /// There is none yet: what was submitted is durable, and witnesses shall see its checkpoint first.
    Waiting(Pending),
    /// There is none yet: it is still being looked for.
    Looking(Option<Box<Looking>>),
}
