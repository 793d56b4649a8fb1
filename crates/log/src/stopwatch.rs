//! Time measured while the process runs.

use std::time::{Duration, Instant};

/// A stopwatch, which measures nothing in WebAssembly, where there is no monotonic clock.
pub(crate) struct Stopwatch(Option<Instant>);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self((!cfg!(target_arch = "wasm32")).then(Instant::now))
    }

    pub(crate) fn elapsed(&self) -> Option<Duration> {
        self.0.map(|start| start.elapsed())
    }
}
