//! A witness in this process, with a clock that the test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use countersign::note::SignerKey;
use countersign_log_server::server::Bounds;
use countersign_log_server::witness::{Config, RunningWitness, serve};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::server::log_key;

pub struct Witness {
    /// The time on its clock, in milliseconds. At 0 it cosigns nothing.
    pub clock: Arc<AtomicI64>,
    key: SignerKey,
    serving: Option<RunningWitness>,
    runtime: Runtime,
    _folder: TempDir,
}

impl Witness {
    /// Starts the witness with that number, for the log of these tests.
    pub fn start(number: u8, millis: i64) -> Self {
        let (folder, runtime) = (TempDir::new().unwrap(), Runtime::new().unwrap());
        let key = || SignerKey::witness_from_seed(&format!("w{number}.example"), [200 + number; 32]).unwrap();
        let clock = Arc::new(AtomicI64::new(millis));
        let (now, passed) = (clock.clone(), clock.clone());
        let config = Config {
            keys: vec![Box::new(key())],
            logs: vec![log_key().verifier_key().clone()],
            state: folder.path().join("state"),
            listen: "127.0.0.1:0".parse().unwrap(),
            bounds: Bounds::default(),
            clock: Arc::new(move || now.load(Ordering::SeqCst).cast_unsigned() / 1000),
            // Moves with the clock, so that a clock that is wrong from the start isn't reported as a jump.
            steady: Arc::new(move || {
                std::time::Duration::from_millis(passed.load(Ordering::SeqCst).cast_unsigned())
            }),
            stated_time: None,
        };
        let serving = Some(runtime.block_on(serve(config)).unwrap());
        Self { clock, key: key(), serving, runtime, _folder: folder }
    }

    /// Returns its line for the log's trust file.
    pub fn line(&self, name: &str) -> String {
        let address = self.serving.as_ref().unwrap().address().clone();
        format!("witness {name} {} http://{address}/\n", self.key.verifier_key())
    }

    pub fn set_clock(&self, millis: i64) {
        self.clock.store(millis, Ordering::SeqCst);
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.stop());
        }
    }
}
