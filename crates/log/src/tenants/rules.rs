//! Acceptance rules of tenant logs.

use std::sync::Arc;

use countersign::log::Rules;
use countersign::tenant::TenantOrigin;
use countersign::trust::Trust;

use crate::export::void_grants;
use crate::store::{Reader, StoreError};

/// Loads the acceptance rules of a tenant log: the server's trust file, and the grants in the tenant log that it makes
/// void. All tenant logs share the trust file, in which the root log's key must be an emitter.
///
/// # Errors
/// [`StoreError`] if the log's key notes can't be read.
pub fn tenant_rules(
    reader: &dyn Reader,
    origin: &TenantOrigin,
    trust: Arc<Trust>,
) -> Result<Rules, StoreError> {
    let void = void_grants(reader, &trust)?;
    Ok(void.into_iter().fold(Rules::for_tenant(origin, trust), Rules::with_void))
}
