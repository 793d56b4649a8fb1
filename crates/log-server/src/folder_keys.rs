//! The file in a log's folder that names the keys that sign the log's checkpoints.
//!
//! ```text
//! countersign/v1 keys
//! key log.example/audit+1e5c…+AXz9…
//! ml-dsa-key log.example/audit+77a0…+Bn3k…
//! ```
//!
//! Every key of the log's name could sign. Without this record, a server that gets the wrong key file would sign with a
//! key that no reader trusts. A folder of an earlier version has no such file: the keys are then those that signed the
//! newest checkpoint.

use std::fs;
use std::io;
use std::path::Path;

use countersign::checkpoint::SignedCheckpoint;
use countersign::note::VerifierKey;
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{Published, StoreError};

use crate::start_error::StartError;

/// The file's name within the log's folder.
pub(crate) const FILE: &str = "keys.txt";
/// The first line.
const VERSION: &str = "countersign/v1 keys";
/// The maximum size of the file to read, in bytes. An ML-DSA-44 key has less than 3 kB.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Returns the Ed25519 key that signs a log's checkpoints; `None` if the folder doesn't name it, because no server of this
/// version has run in it.
///
/// # Errors
/// [`StoreError::Damaged`] if the file is malformed; [`StoreError::Unavailable`] if it can't be read.
pub fn signing_key(folder: &Path) -> Result<Option<VerifierKey>, StoreError> {
    Ok(LogKeys::read(folder)?.map(|keys| keys.key))
}

/// The public keys that sign a log's checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogKeys {
    /// The log's Ed25519 key.
    pub(crate) key: VerifierKey,
    /// The log's ML-DSA-44 key, if it has one.
    pub(crate) ml_dsa: Option<VerifierKey>,
}

impl LogKeys {
    /// Reads the file of a folder; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file is malformed; [`StoreError::Unavailable`] if it can't be read.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = folder.join(FILE);
        let failed = |error| StoreError::disk("reading keys.txt", error);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(metadata) if metadata.len() > MAX_FILE_BYTES => return Err(malformed()),
            Ok(_) => {}
        }
        let text = fs::read_to_string(&path).map_err(failed)?;
        Self::parse(&text).map(Some).ok_or_else(malformed)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != VERSION {
            return None;
        }
        let mut key = |kind: &str| {
            let line = lines.next();
            line.map(|line| VerifierKey::parse_log(line.strip_prefix(kind)?.strip_prefix(' ')?).ok())
        };
        let keys = Self {
            key: key("key")??,
            ml_dsa: match key("ml-dsa-key") {
                Some(key) => Some(key?),
                None => None,
            },
        };
        lines.next().is_none().then_some(keys)
    }

    /// Writes the file of a folder, unless it has these keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        if matches!(Self::read(folder), Ok(Some(known)) if known == *self) {
            return Ok(());
        }
        let mut text = format!("{VERSION}\nkey {}\n", self.key);
        if let Some(key) = &self.ml_dsa {
            text.extend(["ml-dsa-key ", key.as_str(), "\n"]);
        }
        let written = countersign_files::replace(&folder.join(FILE), text.as_bytes());
        written.map_err(|error| StoreError::disk("writing keys.txt", error))
    }

    /// Checks that the server of a log in a folder may sign with these keys: they are those that the folder names, or the
    /// change is confirmed. `published` returns the newest published checkpoint.
    ///
    /// # Errors
    /// [`StartError::WrongKey`]; [`StartError::Store`] if the folder can't be read.
    pub(crate) fn check_folder(
        &self,
        folder: &Path,
        newest: Option<&SignedHead>,
        published: impl FnOnce() -> Result<Option<Published>, StoreError>,
        confirmed: &[VerifierKey],
    ) -> Result<(), StartError> {
        match Self::read(folder)? {
            Some(known) => self.check(&known, confirmed),
            None => self.check_signed(newest, published()?.as_ref(), confirmed),
        }
    }

    /// Checks the second key of a log in a bucket, whose first key the bucket names.
    ///
    /// # Errors
    /// [`StartError::WrongKey`]; [`StartError::Store`] if the folder can't be read.
    pub(crate) fn check_second(&self, folder: &Path, confirmed: &[VerifierKey]) -> Result<(), StartError> {
        let Some(known) = Self::read(folder)? else { return Ok(()) };
        self.check(&Self { key: self.key.clone(), ..known }, confirmed)
    }

    /// Checks that the keys are the known ones, or that the change is confirmed.
    ///
    /// # Errors
    /// [`StartError::WrongKey`].
    fn check(&self, known: &Self, confirmed: &[VerifierKey]) -> Result<(), StartError> {
        let is_confirmed = |key: &VerifierKey| confirmed.contains(key);
        let wrong = |kind: &'static str, known: &VerifierKey, given: Option<&VerifierKey>| {
            Err(StartError::WrongKey {
                kind,
                known: known.to_string(),
                given: given.map(ToString::to_string),
                confirmation: given.unwrap_or(&self.key).to_string(),
            })
        };
        if known.key != self.key && !is_confirmed(&self.key) {
            return wrong("key", &known.key, Some(&self.key));
        }
        match (&known.ml_dsa, &self.ml_dsa) {
            (Some(known), Some(given)) if known != given && !is_confirmed(given) => {
                wrong("ML-DSA-44 key", known, Some(given))
            }
            (Some(known), None) if !is_confirmed(&self.key) => wrong("ML-DSA-44 key", known, None),
            _ => Ok(()),
        }
    }

    /// Checks a folder without the file: if the log has signed anything, one of its newest checkpoints must be signed
    /// with the key.
    ///
    /// # Errors
    /// [`StartError::WrongKey`].
    fn check_signed(
        &self,
        newest: Option<&SignedHead>,
        published: Option<&Published>,
        confirmed: &[VerifierKey],
    ) -> Result<(), StartError> {
        let origin = self.key.name();
        let notes: Vec<String> = newest
            .map(|head| head.note(origin))
            .into_iter()
            .chain(published.map(|published| published.note.clone()))
            .collect();
        let is_signed =
            |note: &String| SignedCheckpoint::parse(note).is_ok_and(|signed| signed.is_signed_by(&self.key));
        if notes.is_empty() || notes.iter().any(is_signed) || confirmed.contains(&self.key) {
            return Ok(());
        }
        Err(StartError::WrongKey {
            kind: "key",
            known: "another key".into(),
            given: Some(self.key.to_string()),
            confirmation: self.key.to_string(),
        })
    }
}

fn malformed() -> StoreError {
    let message = "keys.txt is malformed; restore it from a copy, or delete it: the keys are then those that signed the newest checkpoint";
    StoreError::Damaged(message.into())
}

#[cfg(test)]
mod tests {
    use countersign::note::{MlDsaKey, SignerKey};
    use tempfile::TempDir;

    use super::*;

    fn keys(seed: u8, ml_dsa: Option<u8>) -> LogKeys {
        let name = "log.example/audit";
        LogKeys {
            key: SignerKey::from_seed(name, [seed; 32]).unwrap().verifier_key().clone(),
            ml_dsa: ml_dsa.map(|seed| MlDsaKey::from_seed(name, [seed; 32]).unwrap().verifier_key().clone()),
        }
    }

    #[test]
    fn file_round_trips_and_damage_is_reported() {
        let folder = TempDir::new().unwrap();
        assert_eq!(LogKeys::read(folder.path()).unwrap(), None);
        for keys in [keys(1, None), keys(1, Some(2)), keys(3, None)] {
            keys.write(folder.path()).unwrap();
            assert_eq!(LogKeys::read(folder.path()).unwrap(), Some(keys));
        }
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        for damaged in ["", &text[1..], &text[..text.len() - 1], &format!("{text}x\n")] {
            fs::write(folder.path().join(FILE), damaged).unwrap();
            assert!(matches!(LogKeys::read(folder.path()), Err(StoreError::Damaged(_))), "{damaged:?}");
        }
    }

    #[test]
    fn each_change_must_be_confirmed() {
        let known = keys(1, Some(2));
        for given in [keys(3, Some(2)), keys(1, Some(4)), keys(1, None)] {
            assert!(matches!(given.check(&known, &[]), Err(StartError::WrongKey { .. })), "{given:?}");
            let other = keys(9, None).key;
            assert!(given.check(&known, &[other]).is_err(), "the confirmation is for one key");
            let confirmed: Vec<VerifierKey> =
                [Some(given.key.clone()), given.ml_dsa.clone()].into_iter().flatten().collect();
            given.check(&known, &confirmed).unwrap();
        }
        known.check(&known, &[]).unwrap();
        // A second key may be added.
        known.check(&keys(1, None), &[]).unwrap();
    }
}
