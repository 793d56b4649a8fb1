//! The crate's error.

use crate::api::ApiError;
use crate::embedded::EmbeddedError;
use crate::erase::EraseError;
use crate::event_filter::ParameterError;
use crate::export::ExportError;
use crate::sequencer::RulesError;
use crate::store::{CommitError, StoreError};
use crate::submitting::SubmitError;
use crate::tokens::AccessError;

/// Any error of this crate. Its functions return the narrower errors, which say how each can fail; this one is for
/// callers that combine several.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum LogError {
    /// A request is not allowed.
    Access(#[from] AccessError),
    /// An error response.
    Api(#[from] ApiError),
    /// A batch of entries was not committed.
    Commit(#[from] CommitError),
    /// An embedded log did not start.
    Embedded(#[from] EmbeddedError),
    /// Events were not erased, or not all of them.
    Erase(#[from] EraseError),
    /// There is no export.
    Export(#[from] ExportError),
    /// A parameter of a request has a value that it cannot have.
    Parameter(#[from] ParameterError),
    /// There are no acceptance rules.
    Rules(#[from] RulesError),
    /// The store failed.
    Store(#[from] StoreError),
    /// A submission was not accepted, or is not known to be.
    Submit(#[from] SubmitError),
}
