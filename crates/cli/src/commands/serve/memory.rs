//! Memory that is free is given back to the system also while nothing goes on. By itself the allocator looks for it only when
//! somebody asks for more: what a flood took would stay until the next one.

use std::time::Duration;

/// A thread that had nothing to do for so long ends: what it holds for its next work is the allocator's again.
pub(crate) const IDLE: Duration = Duration::from_secs(2);

/// So many threads wait for a folder's disk. A busy machine makes many more than have work at one time, and each keeps
/// what it held last. For a bucket they wait for the network, and for one another.
pub(crate) const THREADS: usize = 32;

/// How often.
const EVERY: Duration = Duration::from_secs(1);

#[allow(
    unsafe_code,
    reason = "mimalloc's crate does not have it: a call that any thread may make at any time"
)]
mod allocator {
    unsafe extern "C" {
        /// Gives back what has been free for a while; with `force` everything that is free, which takes long.
        pub(super) safe fn mi_collect(force: bool);
    }
}

/// Gives it back for as long as the program runs.
pub(crate) async fn keep_giving_back() {
    loop {
        tokio::time::sleep(EVERY).await;
        allocator::mi_collect(false);
    }
}
