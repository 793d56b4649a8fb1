//! Where a log's objects are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;

/// The first pause before something that failed is tried again.
const PAUSE: Duration = Duration::from_millis(50);
/// The interval for following other servers.
const INTERVAL: Duration = Duration::from_secs(2);

/// Where a log's objects are.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) prefix: ObjectPath,
    /// The folder, where the bucket is one.
    pub(super) folder: Option<PathBuf>,
    /// The time before a failed operation is retried; it doubles each time.
    pub(super) pause: Duration,
    /// The interval for following the log's other servers.
    pub(super) interval: Duration,
}

impl Bucket {
    /// Below that prefix of an object store. It must refuse [`object_store::PutMode::Create`] of an object that is there, and
    /// show what was written to whoever reads or lists after it.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: ObjectPath) -> Self {
        Self { store, prefix, folder: None, pause: PAUSE, interval: INTERVAL }
    }

    /// Waits so long before something that failed is tried again, and twice as long each time after.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Looks so often what other servers of the log did while nothing is submitted: each time it asks the bucket for two objects.
    #[must_use]
    pub fn with_interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }
}
