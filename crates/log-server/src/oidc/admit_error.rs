//! Why a request isn't allowed, by the log's own tokens or by its issuer's.

use countersign_log::tokens::Denied;

use super::Refused;

/// Why a request isn't allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdmitError {
    /// The log's own tokens don't allow it.
    Denied(Denied),
    /// The issuer's token is refused.
    Issuer(Refused),
    /// The issuer's keys aren't known, so none of its tokens is accepted.
    IssuerUnavailable,
}

impl From<Denied> for AdmitError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Refused> for AdmitError {
    fn from(refused: Refused) -> Self {
        Self::Issuer(refused)
    }
}
