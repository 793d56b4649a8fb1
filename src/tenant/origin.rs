//! Origins of tenant logs.

use core::fmt;

use crate::hex;
use crate::note::is_name;
use crate::trust::Trust;

/// Maximum length of a tenant log's origin, in bytes.
pub(super) const MAX_ORIGIN_BYTES: usize = 255;

const ID_BYTES: usize = 16;
const ID_DIGITS: usize = 2 * ID_BYTES;
const SEPARATOR: &str = "/t/";

/// The origin of a tenant log: the root log's origin, `/t/`, and the tenant's ID as 32 lowercase hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantOrigin {
    text: String,
    id: [u8; ID_BYTES],
}

impl TenantOrigin {
    /// Parses an origin. Returns `None` if it isn't that of a tenant log: it has another form, has more than 255 bytes,
    /// or its root log is itself a tenant log.
    pub fn parse(origin: &str) -> Option<Self> {
        let (root, id) = split(origin)?;
        let is_nested = split(root).is_some();
        if is_nested || origin.len() > MAX_ORIGIN_BYTES || !is_name(root) {
            return None;
        }
        Some(Self { text: origin.to_owned(), id })
    }

    /// Parses the origin of a tenant log for a reader with this trust. Also returns `None` if a `log` line names the
    /// whole origin: the log is then an ordinary one.
    pub fn for_reader(origin: &str, trust: &Trust) -> Option<Self> {
        let is_named = trust.logs().any(|log| log.name() == origin);
        Self::parse(origin).filter(|_| !is_named)
    }

    /// Creates the origin of the tenant with this ID under a root log. Returns `None` if the root log's origin isn't a
    /// name, is too long, or is itself that of a tenant log.
    pub fn new(root: &str, id: [u8; ID_BYTES]) -> Option<Self> {
        Self::parse(&format!("{root}{SEPARATOR}{}", hex::encode(&id)))
    }

    /// Returns the whole origin.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the origin of the root log.
    pub fn root(&self) -> &str {
        &self.text[..self.text.len() - SEPARATOR.len() - ID_DIGITS]
    }

    /// Returns the tenant's ID.
    pub const fn id(&self) -> [u8; ID_BYTES] {
        self.id
    }

    /// Returns the tenant's slot in a directory of `depth` levels (at most 32): the first `depth` bits of the ID.
    pub fn slot(&self, depth: u8) -> u32 {
        let [a, b, c, d, ..] = self.id;
        let first = u32::from_be_bytes([a, b, c, d]);
        first.checked_shr(32 - u32::from(depth.min(32))).unwrap_or(0)
    }
}

impl fmt::Display for TenantOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits an origin into the root log's origin, which isn't checked, and the ID.
fn split(origin: &str) -> Option<(&str, [u8; ID_BYTES])> {
    let at = origin.len().checked_sub(ID_DIGITS)?;
    let (rest, id) = (origin.get(..at)?, origin.get(at..)?);
    let root = rest.strip_suffix(SEPARATOR)?;
    Some((root, hex::decode(id.as_bytes())?))
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const ID: &str = "8f000000000000000000000000000001";

    #[test]
    fn only_an_id_under_a_root_log_is_a_tenant_origin() {
        let parse = |origin: &str| TenantOrigin::parse(origin).is_some();
        assert!(parse(&format!("log.example/t/{ID}")));
        assert!(parse(&format!("log.example/t/audit/t/{ID}")));
        for origin in [
            format!("/t/{ID}"),
            format!("log.example/x/{ID}"),
            format!("log.examplet/{ID}"),
            format!("log.example/t/{}", ID.to_uppercase()),
            format!("log.example/t/{}", &ID[1..]),
            format!("log.example/t/0{ID}"),
            format!("log.example/t/{ID}/"),
            format!("log example/t/{ID}"),
            format!("log.example/t/{ID}/t/{ID}"),
            format!("{}/t/{ID}", "x".repeat(MAX_ORIGIN_BYTES - 34)),
        ] {
            assert!(!parse(&origin), "{origin}");
        }
        assert!(parse(&format!("{}/t/{ID}", "x".repeat(MAX_ORIGIN_BYTES - 35))));
    }

    #[test]
    fn the_slot_is_the_first_bits_of_the_id() {
        let origin =
            TenantOrigin::new("log.example", [0xf0, 0x0f, 0x81, 0x01, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let origin = origin.unwrap();
        assert_eq!(
            [8, 9, 12, 17, 32].map(|depth| origin.slot(depth)),
            [0xf0, 0x1e0, 0xf00, 0x1_e01f, 0xf00f_8101]
        );
        assert_eq!(
            (origin.root(), TenantOrigin::parse(origin.as_str())),
            ("log.example", Some(origin.clone()))
        );
    }
}
