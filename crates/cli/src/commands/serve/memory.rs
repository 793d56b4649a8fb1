//! Returns free memory to the system while the server is idle. By itself, the allocator does this only on
//! allocations, so memory from a peak would stay until the next one.

use std::time::Duration;

/// The idle time after which threads, which hold memory, end.
pub(crate) const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(2);

/// The maximum number of threads that wait for the disk. Busy machines would create many more, each of which holds
/// memory. With a bucket, there is no limit, since threads wait for the network and for each other.
pub(crate) const MAX_BLOCKING_THREADS: usize = 32;

/// The interval between collections.
const INTERVAL: Duration = Duration::from_secs(1);

#[allow(unsafe_code, reason = "mimalloc's crate lacks this function, which any thread may call at any time")]
mod allocator {
    unsafe extern "C" {
        /// Returns memory that has been free for a while; with `force` all free memory, which takes long.
        pub(super) safe fn mi_collect(force: bool);
    }
}

/// Returns free memory periodically, until the program ends.
pub(crate) async fn trim_periodically() {
    loop {
        tokio::time::sleep(INTERVAL).await;
        allocator::mi_collect(false);
    }
}
