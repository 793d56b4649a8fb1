//! Tests of the key with which a log is started: another key of the log's name is rejected, unless a rotation is
//! confirmed.

use std::fs;
use std::path::Path;

use countersign::checkpoint::SignedCheckpoint;
use countersign::note::{MlDsaKey, SignerKey, VerifierKey};
use countersign_log_server::serve::{Config, RunningLog, StartError, TenantConfig, serve};
use countersign_log_server::sqlite;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::common::server::{ORIGIN, config, log_key};

/// A key of the log's name that isn't the log's.
fn other_key() -> SignerKey {
    SignerKey::from_seed(ORIGIN, [77; 32]).unwrap()
}

fn second_key(seed: u8) -> MlDsaKey {
    MlDsaKey::from_seed(ORIGIN, [seed; 32]).unwrap()
}

/// The folder of an ordinary log or of a root log.
struct Folder {
    place: TempDir,
    has_tenants: bool,
    runtime: Runtime,
}

impl Folder {
    fn new(has_tenants: bool) -> Self {
        Self { place: TempDir::new().unwrap(), has_tenants, runtime: Runtime::new().unwrap() }
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    fn start(
        &self,
        key: SignerKey,
        ml_dsa_key: Option<MlDsaKey>,
        new_keys: &[&VerifierKey],
    ) -> Result<RunningLog, StartError> {
        let tick = std::time::Duration::from_secs(1);
        let tenants = TenantConfig { tick, depth: 8, has_metrics: false };
        let config = Config {
            key,
            ml_dsa_key,
            new_keys: new_keys.iter().map(|key| (*key).clone()).collect(),
            tenants: self.has_tenants.then_some(tenants),
            ..config(self.path())
        };
        self.runtime.block_on(serve(config))
    }

    /// Starts and stops the server, and returns its newest checkpoint.
    fn run(
        &self,
        key: SignerKey,
        ml_dsa_key: Option<MlDsaKey>,
        new_keys: &[&VerifierKey],
    ) -> SignedCheckpoint {
        let serving = self.start(key, ml_dsa_key, new_keys).unwrap_or_else(|error| panic!("{error}"));
        let published = serving.log_server().published().borrow().clone().unwrap();
        self.runtime.block_on(serving.stop()).unwrap();
        SignedCheckpoint::parse(&published.note).unwrap()
    }

    /// Checks that the log doesn't start with these keys, which changes nothing in its record of keys.
    fn assert_rejected(&self, key: SignerKey, ml_dsa_key: Option<MlDsaKey>, new_keys: &[&VerifierKey]) {
        let record = || fs::read_to_string(self.path().join("keys.txt")).ok();
        let before = record();
        match self.start(key, ml_dsa_key, new_keys) {
            Err(StartError::WrongKey { .. }) => assert_eq!(record(), before),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("the log starts with the wrong key"),
        }
    }
}

#[test]
fn another_key_of_the_same_name_needs_a_confirmation() {
    for has_tenants in [false, true] {
        let folder = Folder::new(has_tenants);
        folder.run(log_key(), None, &[]);
        let (old, new) = (log_key().verifier_key().clone(), other_key().verifier_key().clone());
        folder.assert_rejected(other_key(), None, &[]);
        // A confirmation is for one key.
        folder.assert_rejected(other_key(), None, &[&old]);
        assert!(folder.run(log_key(), None, &[]).is_signed_by(&old), "the log's own key still works");
        // The rotation is recorded, and the option may stay.
        for confirmed in [&[&new][..], &[], &[&new]] {
            assert!(folder.run(other_key(), None, confirmed).is_signed_by(&new));
        }
        folder.assert_rejected(log_key(), None, &[]);
        folder.assert_rejected(log_key(), None, &[&new]);
    }
}

/// A folder of a version that didn't record its keys.
#[test]
fn folder_without_a_record_knows_the_key_that_signed_last() {
    for has_tenants in [false, true] {
        let folder = Folder::new(has_tenants);
        folder.run(log_key(), None, &[]);
        let forget = |names: &[&str]| {
            for name in names {
                fs::remove_file(folder.path().join(name)).unwrap();
            }
        };
        forget(&["keys.txt"]);
        folder.assert_rejected(other_key(), None, &[]);
        folder.run(log_key(), None, &[]);
        // After a rotation by an earlier version without new entries, only the database has the new signature.
        let new = other_key().verifier_key().clone();
        folder.run(other_key(), None, &[&new]);
        forget(&["keys.txt"]);
        assert!(folder.run(other_key(), None, &[]).is_signed_by(&new));
    }
}

#[test]
fn second_key_is_changed_only_with_a_confirmation() {
    for has_tenants in [false, true] {
        let folder = Folder::new(has_tenants);
        let (first, second) = (second_key(1).verifier_key().clone(), second_key(2).verifier_key().clone());
        folder.run(log_key(), None, &[]);
        // Adding one protects more.
        folder.run(log_key(), Some(second_key(1)), &[]);
        folder.assert_rejected(log_key(), Some(second_key(2)), &[]);
        folder.assert_rejected(log_key(), None, &[]);
        folder.assert_rejected(log_key(), None, &[&first]);
        folder.run(log_key(), Some(second_key(2)), &[&second]);
        folder.run(log_key(), Some(second_key(2)), &[]);
        folder.run(log_key(), None, &[log_key().verifier_key()]);
        folder.run(log_key(), None, &[]);
    }
}

#[test]
fn wrong_key_is_rejected_before_a_log_moves_into_a_bucket() {
    let folder = Folder::new(false);
    folder.run(log_key(), None, &[]);
    let bucket = TempDir::new().unwrap();
    let start = |key: SignerKey| {
        let store = countersign_log_server::bucket::Bucket::parse(bucket.path().to_str().unwrap()).unwrap();
        let config = Config { key, store: Some(store), ..config(folder.path()) };
        folder.runtime.block_on(serve(config))
    };
    assert!(matches!(start(other_key()), Err(StartError::WrongKey { .. })));
    assert!(!sqlite::is_index_folder(folder.path()).unwrap(), "the log didn't move");
    folder.runtime.block_on(start(log_key()).unwrap_or_else(|error| panic!("{error}")).stop()).unwrap();
    assert!(sqlite::is_index_folder(folder.path()).unwrap());
    assert!(matches!(start(other_key()), Err(StartError::WrongKey { .. })));
}
