//! The location of a log's objects.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;

/// The default pause before the first retry.
const DEFAULT_PAUSE: Duration = Duration::from_millis(50);
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
}

impl Bucket {
    /// Uses the objects under a prefix of an object store. The store must reject [`object_store::PutMode::Create`] for
    /// an object that exists, and must show a completed write to every later read and list.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: ObjectPath) -> Self {
        Self { store, prefix, folder: None, pause: DEFAULT_PAUSE, interval: DEFAULT_INTERVAL }
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

    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }
}
