//! The content of responses.

use super::export_stream::ExportStream;
use super::live::Live;
use super::pending::Pending;
use super::search::Search;
use crate::tenants::growth_serving::GrowthLines;

/// The body of a response.
pub enum Content {
    /// The complete body.
    Whole(Vec<u8>),
    /// An export, sent in pieces.
    Export(Box<ExportStream>),
    /// An answer to a growth witness, sent in pieces.
    Growth(Box<GrowthLines>),
    /// A live view, sent as it grows.
    Live(Box<Live>),
    /// No content yet: the request waits for a tick, or for witnesses.
    Waiting(Pending),
    /// No content yet: a search is running.
    Search(Option<Box<Search>>),
}
