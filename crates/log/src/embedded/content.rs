//! The content of responses.

use super::collector::Pending;
use super::export_stream::ExportStream;
use super::live::Live;
use super::search::Search;

/// The body of a response.
pub enum Content {
    /// The complete body.
    Whole(Vec<u8>),
    /// An export, sent in pieces.
    Export(Box<ExportStream>),
    /// A live view.
    Live(Box<Live>),
    /// None yet: the submission is durable, and its checkpoint goes to witnesses before it is published.
    Waiting(Pending),
    /// None yet: a search is running.
    Search(Option<Box<Search>>),
}
