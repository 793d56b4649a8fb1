//! Limits on what clients may use and how long they may take.

use std::time::Duration;

use super::Proxies;
use countersign_log::quota::Quota;
use countersign_log::tenants::waiting::WaitingRoom;

/// Limits that apply to every client.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Maximum number of open connections. Beyond it, the server closes connections whose clients are idle to make
    /// room.
    pub connections: usize,
    /// Maximum number of connections per remote client. Also the maximum number of concurrent requests of one client
    /// behind a trusted proxy.
    pub connections_per_client: usize,
    /// Proxies trusted to report the client's address.
    pub proxies: Proxies,
    /// Maximum number of submissions that may wait for the sequencer. Further ones get `server.busy`.
    pub waiting: usize,
    /// Maximum number of bytes that all submissions may hold until they are answered, besides 64 KiB for each.
    pub memory: usize,
    /// Maximum time until a request's head is complete, also between two requests on one connection.
    pub head: Duration,
    /// Maximum time without data in the middle of a request body.
    pub silence: Duration,
    /// Maximum time for a request body, not counting the extra time that `pace` grants.
    pub body: Duration,
    /// Minimum pace of a body: each time this many bytes arrive, the body may take one second longer.
    pub pace: usize,
    /// Maximum time for which a client may read nothing of its response.
    pub answer: Duration,
    /// Maximum time for requests in progress to finish when the server stops.
    pub grace: Duration,
    /// Quota of each key; of a server with tenants, of each key in each tenant's log.
    pub quota: Quota,
    /// Quota of each tenant's log, for all keys together.
    pub tenant_quota: Quota,
    /// The room for the entries of all tenants' logs that wait for a tick. Further ones get `server.busy`.
    pub waiting_room: WaitingRoom,
    /// The minimum index of C2SP tlog-tiles: tiles and bundles whose entries are all below it are not served. Not for
    /// a server with tenants.
    pub minimum_index: u64,
}

impl Default for Bounds {
    /// Returns the defaults: 4,096 connections, 256 for each client, 4,096 waiting submissions, and 224 MiB for
    /// bodies. A head may take 10 seconds. A body may take 20 seconds plus one for each 16 KiB, and pause for 15
    /// seconds. Responses and shutdown get 30 seconds. There are no quotas. 131,072 entries of 128 MiB may wait for a
    /// tick.
    fn default() -> Self {
        Self {
            connections: 4_096,
            connections_per_client: 256,
            proxies: Proxies::default(),
            waiting: 4_096,
            memory: 224 << 20,
            head: Duration::from_secs(10),
            silence: Duration::from_secs(15),
            body: Duration::from_secs(20),
            pace: 16 << 10,
            answer: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            quota: Quota::default(),
            tenant_quota: Quota::default(),
            waiting_room: WaitingRoom::default(),
            minimum_index: 0,
        }
    }
}
