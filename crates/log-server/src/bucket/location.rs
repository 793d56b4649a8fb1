//! The location of a log's objects.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;

/// The default pause before the first retry.
const DEFAULT_PAUSE: Duration = Duration::from_millis(50);
/// The default time for which reads may be behind writes.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(5);
/// The interval for following other servers.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(2);

/// The location of a log's objects.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) prefix: ObjectPath,
    /// The folder, if the bucket is one.
    pub(super) folder: Option<PathBuf>,
    /// The time before a failed operation is retried; it doubles each time.
    pub(super) pause: Duration,
    /// The interval for following the log's other servers.
    pub(super) interval: Duration,
    /// The time for which reads may be behind writes, as with a cache in front of the bucket.
    pub(super) patience: Duration,
}

impl Bucket {
    /// Uses the objects under a prefix of an object store. The store must reject [`object_store::PutMode::Create`] for
    /// an object that exists, and must show a completed write to every later read and list.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: ObjectPath) -> Self {
        let (pause, interval, patience) = (DEFAULT_PAUSE, DEFAULT_INTERVAL, DEFAULT_PATIENCE);
        Self { store, prefix, folder: None, pause, interval, patience }
    }

    /// Sets the pause before the first retry. It doubles with each retry.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Sets how often to check for entries of the log's other servers while nothing is submitted. Each check requests
    /// two objects.
    #[must_use]
    pub fn with_interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Sets for how long reads may be behind writes, before an object that isn't shown counts as lost.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }
}
