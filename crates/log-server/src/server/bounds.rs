//! How long clients may take over what they do, and how many there may be.

use std::time::Duration;

use super::Proxies;
use countersign_log::quota::Quota;

/// What is granted to clients, whoever they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most connections at one time: for further ones those make way whose clients do nothing.
    pub connections: usize,
    /// The most connections of one client that is not on this machine, and requests under way of one for whom a proxy
    /// speaks.
    pub of_one_client: usize,
    /// Proxies whose word is taken for who asks.
    pub proxies: Proxies,
    /// How many submissions may wait for those that are being made durable; who sends more is told to come again.
    pub waiting: usize,
    /// The most bytes that all submissions together hold until they are answered, beside a little for each.
    pub memory: usize,
    /// How long a connection may be without the whole head of a request, also between two requests.
    pub head: Duration,
    /// How long a client may be silent in the middle of a body.
    pub silence: Duration,
    /// How long a body may take, beside what its pace gives it.
    pub body: Duration,
    /// For every so many bytes that came of it, a body may take a second longer.
    pub pace: usize,
    /// How long a client may take nothing of the answer that is being sent to it.
    pub answer: Duration,
    /// How long requests under way get when the server stops.
    pub grace: Duration,
    /// How much each key may bring in a time.
    pub quota: Quota,
}

impl Default for Bounds {
    /// 4,096 connections and as many submissions of 224 MiB in all, 256 of them for one client, 10 seconds for a head, 15 of silence, 20 seconds for a body and one more for each 16 KiB, 30 for the rest, and no quota.
    fn default() -> Self {
        Self {
            connections: 4_096,
            of_one_client: 256,
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
        }
    }
}
