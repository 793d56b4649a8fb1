//! Tenants, by their numbers, IDs, and names.

use std::fmt;

use countersign::tenant::State;

use super::CreationError;

/// The ID in a tenant log's origin: 16 random bytes (SPEC section 16.1).
pub type TenantId = [u8; 16];

/// The maximum length of a tenant's name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The number of a tenant in its log server's store: 1 to 2^21 - 1. Never reused, and not public.
///
/// The upper bound keeps the key of each entry below 2^53. The root log has the number 0 and isn't a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantNumber(u32);

impl TenantNumber {
    /// The greatest number.
    pub const MAX: Self = Self((1 << 21) - 1);

    /// Converts a number. Returns `None` if it is 0 or above [`MAX`](Self::MAX).
    pub const fn new(number: u32) -> Option<Self> {
        if 0 < number && number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for TenantNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A tenant of a log server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The tenant's number.
    pub number: TenantNumber,
    /// The ID in the tenant log's origin.
    pub id: TenantId,
    /// The application's ID of the tenant.
    pub name: String,
    /// The first tick whose directory contains the tenant log's head. `None` before that tick.
    pub since: Option<u64>,
    /// The tenant log's state.
    pub state: State,
}

/// Checks that a tenant can have this name.
///
/// # Errors
/// [`CreationError::Name`].
pub fn check_name(name: &str) -> Result<(), CreationError> {
    let is_valid = !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control);
    if is_valid { Ok(()) } else { Err(CreationError::Name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_from_1_below_2_to_the_21() {
        assert_eq!(TenantNumber::new(0), None);
        assert_eq!(TenantNumber::new(1).map(TenantNumber::get), Some(1));
        assert_eq!(TenantNumber::new(2_097_151), Some(TenantNumber::MAX));
        assert_eq!(TenantNumber::new(2_097_152), None);
    }
}
