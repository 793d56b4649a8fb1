//! Reasons why a request isn't authorized.

use countersign_log::tokens::AccessError;

use super::IssuerTokenError;

/// The reason why a request isn't authorized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdmitError {
    /// The log's own tokens don't authorize it.
    Denied(AccessError),
    /// The issuer's token is rejected.
    Issuer(IssuerTokenError),
    /// The issuer's keys aren't known, so none of its tokens can be verified.
    IssuerUnavailable,
}

impl From<AccessError> for AdmitError {
    fn from(denied: AccessError) -> Self {
        Self::Denied(denied)
    }
}

impl From<IssuerTokenError> for AdmitError {
    fn from(refused: IssuerTokenError) -> Self {
        Self::Issuer(refused)
    }
}
