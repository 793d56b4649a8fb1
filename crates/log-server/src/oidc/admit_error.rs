//! Why a request isn't allowed, by the log's own tokens or by its issuer's.

use countersign_log::tokens::AccessError;

use super::IssuerTokenError;

/// Why a request isn't allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdmitError {
    /// The log's own tokens don't allow it.
    Denied(AccessError),
    /// The issuer's token is refused.
    Issuer(IssuerTokenError),
    /// The issuer's keys aren't known, so none of its tokens is accepted.
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
