//! Errors of heads and directories, and of new tenants.

use countersign::tenant::{MAX_DEPTH, MIN_DEPTH};

use super::tenant::{MAX_NAME_BYTES, TenantNumber};
use crate::store::StoreError;
use crate::submission::SubmitError;

/// A reason why heads can't be in one directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The depth is out of range.
    #[error("a directory has a depth of {MIN_DEPTH} to {MAX_DEPTH}, not {0}")]
    Depth(u8),
    /// The depth is less than the one that the heads have now. Two of them could then share a slot.
    #[error("the depth of a directory can't be reduced from {from} to {to}")]
    Reduced {
        /// The depth of the heads.
        from: u8,
        /// The lesser depth.
        to: u8,
    },
    /// Two tenant logs share a slot at this depth.
    #[error("slot {slot} belongs to tenant {holder}, so tenant {number} can't have it")]
    SlotTaken {
        /// The slot.
        slot: u32,
        /// The number of the tenant in the slot.
        holder: TenantNumber,
        /// The number of the other tenant.
        number: TenantNumber,
    },
    /// A tenant's ID was given with another number.
    #[error("tenant {holder} can't become tenant {number}")]
    Renumbered {
        /// The number that belongs to the ID.
        holder: TenantNumber,
        /// The other number.
        number: TenantNumber,
    },
    /// No tenant log can have an origin under this root log.
    #[error("{0:?} can't be the origin of a root log")]
    RootOrigin(String),
}

impl From<DirectoryError> for StoreError {
    /// The heads come from the store.
    fn from(error: DirectoryError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// The reason why a tenant was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreationError {
    /// The name is not allowed.
    #[error("a tenant's name must have 1 to {MAX_NAME_BYTES} bytes and no control characters")]
    Name,
    /// The database has no number left for a tenant.
    #[error("this log server has had its maximum number of tenants, {}", TenantNumber::MAX)]
    Full,
    /// There was no random ID.
    #[error(transparent)]
    Random(SubmitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
