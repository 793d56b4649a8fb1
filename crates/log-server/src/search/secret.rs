//! The secret of a log's search index. Terms are keyed with it, so that words can't be guessed from the index alone,
//! and rows are sealed with it, so that changes are noticed.

use std::io::{self, Write as _};
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::terms::Term;
use countersign_files::replace;
use countersign_log::store::StoreError;

/// The file's name within the log's folder.
pub const KEY_FILE: &str = "search.key";

/// Length of a seal, in bytes.
pub(super) const SEAL_BYTES: usize = 16;

/// The secret.
pub(super) struct Secret(Hmac<Sha256>);

impl Secret {
    /// Loads the secret from the log's folder. If there is no valid one, creates a new one; an index made with
    /// another one is then useless.
    pub(super) fn load(folder: &Path) -> Result<Self, StoreError> {
        match Self::read(folder)? {
            Some(secret) => Ok(secret),
            None => Self::from_key(&create_key(&folder.join(KEY_FILE)).map_err(failed)?),
        }
    }

    /// Reads the secret from the log's folder, or returns `None` if there is no valid one. Changes nothing.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let key = match std::fs::read_to_string(folder.join(KEY_FILE)) {
            Ok(text) => parse(text.trim_end()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Err(error) => return Err(failed(error)),
        };
        key.map(|key| Self::from_key(&key)).transpose()
    }

    fn from_key(key: &[u8; 32]) -> Result<Self, StoreError> {
        let mac = Hmac::new_from_slice(key).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok(Self(mac))
    }

    fn mac<const N: usize>(&self, parts: &[&[u8]]) -> [u8; N] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        let bytes = mac.finalize().into_bytes();
        std::array::from_fn(|place| bytes[place])
    }

    /// Returns the term for a field's value.
    pub(super) fn term(&self, field: &str, value: &str) -> Term {
        Term::from_be_bytes(self.mac(&[b"term\0", field.as_bytes(), &[0], value.as_bytes()]))
    }

    /// Returns the key of a tenant's terms.
    pub(super) fn tenant(&self, tenant: &str) -> TenantKey {
        TenantKey(self.mac(&[b"tenant\0", tenant.as_bytes()]))
    }

    /// Returns the seal at the end of a row.
    pub(super) fn seal(&self, table: &str, row: u64, generation: u64, bytes: &[u8]) -> [u8; SEAL_BYTES] {
        let (row, generation) = (row.to_be_bytes(), generation.to_be_bytes());
        self.mac(&[table.as_bytes(), &[0], &row, &generation, bytes])
    }
}

/// The key with which the terms of one tenant's events are keyed a second time.
pub(super) struct TenantKey([u8; 32]);

impl TenantKey {
    /// Returns a term of the tenant's events. Key and term have a fixed length, so that one hash is enough.
    pub(super) fn term(&self, term: Term) -> Term {
        let hash = Sha256::new().chain_update(self.0).chain_update(term.to_be_bytes()).finalize();
        Term::from_be_bytes(std::array::from_fn(|place| hash[place]))
    }
}

fn failed(error: io::Error) -> StoreError {
    StoreError::disk("reading the search index's key", error)
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut key = [0; 32];
    for (byte, [high, low]) in key.iter_mut().zip(digits.as_chunks().0) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(*high)? << 4 | digit(*low)?) as u8;
    }
    Some(key)
}

/// Generates a key and writes it to a file that only its owner can read.
fn create_key(path: &Path) -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let mut text = Vec::new();
    for byte in key {
        write!(text, "{byte:02x}")?;
    }
    writeln!(text)?;
    replace(path, &text)?;
    Ok(key)
}
