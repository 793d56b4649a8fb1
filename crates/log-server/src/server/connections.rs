//! The connection table. It bounds the number of connections and evicts idle ones for new clients.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::client::Client;
use countersign_log::rejected::Reason;

/// Connections accepted beyond the maximum, to serve health checks and to report why other requests are rejected.
const RESERVE_CONNECTIONS: usize = 32;

/// The table of all connections, and of the requests in progress of each client behind a proxy.
#[derive(Clone)]
pub(super) struct ConnectionTable(Arc<Mutex<Table>>);

struct Table {
    max: usize,
    max_per_client: usize,
    next: u64,
    /// A logical clock that advances when a connection's state changes; it orders idle connections by age.
    moment: u64,
    open: HashMap<u64, OpenConnection>,
    /// Each client's connections, without those in the reserve.
    clients: HashMap<Client, Share>,
    /// The eviction order: for each client with idle connections, the one idle for the longest time, keyed by the
    /// client's number of connections and by age. Kept sorted so that the cost of a new connection doesn't grow with
    /// their number.
    first: BTreeMap<(usize, Reverse<u64>), u64>,
    /// Number of connections in the reserve. `reserve_waiting` has the idle ones by age.
    reserve: usize,
    reserve_waiting: BTreeMap<u64, u64>,
    /// Number of requests in progress of each client behind a trusted proxy.
    requests: HashMap<Client, usize>,
}

struct OpenConnection {
    client: Client,
    /// The moment since which the connection has waited for its client (for a request, more of a body, or to
    /// read the response). `None` while the log works on it or while it is protected.
    waiting: Option<u64>,
    rejection: Option<Reason>,
    evicted: Arc<Notify>,
}

/// The connections of one client.
#[derive(Default)]
struct Share {
    all: usize,
    /// Idle connections by age.
    waiting: BTreeMap<u64, u64>,
}

/// A connection's slot in the table. Dropping it frees the slot.
pub(super) struct ConnectionSlot {
    connections: ConnectionTable,
    number: u64,
    /// The reason why this connection only gets health checks.
    rejection: Option<Reason>,
    evicted: Arc<Notify>,
}

/// A request in progress of a client behind a trusted proxy. Dropping it ends the request.
pub(super) struct RequestSlot {
    connections: ConnectionTable,
    client: Client,
}

impl ConnectionTable {
    /// Creates a table for at most `max` connections, and `max_per_client` of one client.
    pub(super) fn new(max: usize, max_per_client: usize) -> Self {
        Self(Arc::new(Mutex::new(Table {
            max: max.max(1),
            max_per_client: max_per_client.max(1),
            next: 0,
            moment: 0,
            open: HashMap::new(),
            clients: HashMap::new(),
            first: BTreeMap::new(),
            reserve: 0,
            reserve_waiting: BTreeMap::new(),
            requests: HashMap::new(),
        })))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a connection. With `many`, the limit per client doesn't apply. Returns `None` if even the reserve is
    /// full.
    pub(super) fn admit(&self, client: Client, many: bool, count: &dyn Fn(Reason)) -> Option<ConnectionSlot> {
        let mut table = self.table();
        let own = table.clients.get(&client).map_or(0, |share| share.all);
        let mut rejection = None;
        if !many && own >= table.max_per_client {
            count(Reason::Address);
            if !table.evict_of(client) {
                rejection = Some(Reason::Address);
            }
        } else if table.open.len() - table.reserve >= table.max {
            count(Reason::Connections);
            if !table.evict_any() {
                rejection = Some(Reason::Connections);
            }
        }
        if rejection.is_some() {
            if table.reserve >= RESERVE_CONNECTIONS && !table.evict_from_reserve() {
                return None;
            }
            table.reserve += 1;
        } else {
            table.change(client, |share| share.all += 1);
        }
        let number = table.next;
        table.next += 1;
        let evicted = Arc::new(Notify::new());
        table
            .open
            .insert(number, OpenConnection { client, waiting: None, rejection, evicted: evicted.clone() });
        table.set_state(number, true);
        Some(ConnectionSlot { connections: self.clone(), number, rejection, evicted })
    }

    /// Counts a request of a client. Returns `None` if the client has too many requests in progress.
    pub(super) fn begin_request(&self, client: Client) -> Option<RequestSlot> {
        let mut table = self.table();
        let max = table.max_per_client;
        let in_progress = table.requests.entry(client).or_default();
        if *in_progress >= max {
            return None;
        }
        *in_progress += 1;
        Some(RequestSlot { connections: self.clone(), client })
    }
}

impl Table {
    /// Evicts the connection of `client` that has been idle for the longest time.
    fn evict_of(&mut self, client: Client) -> bool {
        let first = self.clients.get(&client).and_then(Share::first);
        self.evict(first.map(|(_, number)| number))
    }

    /// Evicts an idle connection: of the client with the most connections, the one idle for the longest time.
    fn evict_any(&mut self) -> bool {
        let first = self.first.last_key_value().map(|(_, number)| *number);
        self.evict(first)
    }

    fn evict_from_reserve(&mut self) -> bool {
        let first = self.reserve_waiting.first_key_value().map(|(_, number)| *number);
        self.evict(first)
    }

    fn evict(&mut self, number: Option<u64>) -> bool {
        let Some(open) = number.and_then(|number| self.remove(number)) else { return false };
        open.evicted.notify_one();
        true
    }

    /// Changes a client's share and updates the eviction order.
    fn change(&mut self, client: Client, change: impl FnOnce(&mut Share)) {
        let share = self.clients.entry(client).or_default();
        if let Some((place, _)) = share.first() {
            self.first.remove(&place);
        }
        change(share);
        self.first.extend(share.first());
        if share.all == 0 {
            self.clients.remove(&client);
        }
    }

    /// Marks a connection as idle (waiting for its client) or as working.
    fn set_state(&mut self, number: u64, waits: bool) {
        self.moment += 1;
        let moment = waits.then_some(self.moment);
        let Some(open) = self.open.get_mut(&number) else { return };
        let (client, rejection, before) = (open.client, open.rejection, open.waiting);
        open.waiting = moment;
        let change = |waiting: &mut BTreeMap<u64, u64>| {
            before.map(|before| waiting.remove(&before));
            waiting.extend(moment.map(|moment| (moment, number)));
        };
        if rejection.is_some() {
            change(&mut self.reserve_waiting);
        } else {
            self.change(client, |share| change(&mut share.waiting));
        }
    }

    fn remove(&mut self, number: u64) -> Option<OpenConnection> {
        self.set_state(number, false);
        let open = self.open.remove(&number)?;
        if open.rejection.is_some() {
            self.reserve -= 1;
        } else {
            self.change(open.client, |share| share.all -= 1);
        }
        Some(open)
    }
}

impl Share {
    /// Returns the connection to evict first, with its key in the eviction order.
    fn first(&self) -> Option<((usize, Reverse<u64>), u64)> {
        self.waiting.first_key_value().map(|(moment, number)| ((self.all, Reverse(*moment)), *number))
    }
}

fn decrement(counts: &mut HashMap<Client, usize>, client: Client) {
    if let Some(count) = counts.get_mut(&client) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&client);
        }
    }
}

impl ConnectionSlot {
    /// Returns why this connection only gets health checks, if it does.
    pub(super) fn rejection(&self) -> Option<Reason> {
        self.rejection
    }

    /// Marks the connection as working, which protects it from eviction.
    pub(super) fn set_working(&self) {
        self.connections.table().set_state(self.number, false);
    }

    /// Marks the connection as waiting for its client.
    pub(super) fn set_waiting(&self) {
        self.connections.table().set_state(self.number, true);
    }

    /// Waits until the connection is evicted.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.connections.table().remove(self.number);
    }
}

impl Drop for RequestSlot {
    fn drop(&mut self) {
        decrement(&mut self.connections.table().requests, self.client);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures_util::FutureExt as _;

    use super::*;

    fn client(number: u8) -> Client {
        Client::from_address(IpAddr::from([192, 0, 2, number]))
    }

    fn is_evicted(place: &ConnectionSlot) -> bool {
        place.evicted().now_or_never().is_some()
    }

    #[test]
    fn evicts_the_longest_idle_connection() {
        let (connections, count) = (ConnectionTable::new(3, 9), |_| {});
        let admit = |number| connections.admit(client(number), false, &count).unwrap();
        let (first, second, third) = (admit(1), admit(1), admit(2));
        first.set_working();
        first.set_waiting();
        let fourth = admit(3);
        assert_eq!([&first, &second, &third, &fourth].map(is_evicted), [false, true, false, false]);
        // Working connections aren't evicted.
        for place in [&first, &third, &fourth] {
            place.set_working();
        }
        let rejection = admit(4);
        assert_eq!(rejection.rejection(), Some(Reason::Connections));
        assert!([&first, &third, &fourth].map(is_evicted) == [false; 3]);
        drop(first);
        assert_eq!(admit(4).rejection(), None);
    }

    #[test]
    fn bounds_connections_of_one_client() {
        let (connections, count) = (ConnectionTable::new(100, 2), |_| {});
        let admit = |number| connections.admit(client(number), false, &count).unwrap();
        let (first, second, other) = (admit(1), admit(1), admit(2));
        // Connections of other clients aren't evicted.
        let third = admit(1);
        assert_eq!((is_evicted(&first), is_evicted(&second), is_evicted(&other)), (true, false, false));
        second.set_working();
        third.set_working();
        assert_eq!(admit(1).rejection(), Some(Reason::Address));
        assert_eq!(connections.admit(client(1), true, &count).unwrap().rejection(), None);
        assert_eq!(admit(2).rejection(), None);
    }

    #[test]
    fn reserve_is_bounded_and_prefers_new_connections() {
        let (connections, count) = (ConnectionTable::new(1, 1), |_| {});
        let admit = |number| connections.admit(client(number), false, &count);
        let only = admit(1).unwrap();
        only.set_working();
        let reserve: Vec<ConnectionSlot> = (0..RESERVE_CONNECTIONS).map(|_| admit(2).unwrap()).collect();
        let last = admit(3).unwrap();
        assert!(is_evicted(&reserve[0]) && !is_evicted(&reserve[1]));
        for place in reserve.iter().chain([&last]) {
            place.set_working();
        }
        assert!(admit(3).is_none());
        drop((only, reserve, last));
        let table = connections.table();
        assert!(table.open.is_empty() && table.clients.is_empty() && table.first.is_empty());
        assert!(table.reserve == 0 && table.reserve_waiting.is_empty());
    }

    #[test]
    fn bounds_requests_of_one_client_across_connections() {
        let connections = ConnectionTable::new(100, 2);
        let (first, second) = (connections.begin_request(client(1)), connections.begin_request(client(1)));
        assert!(first.is_some() && second.is_some() && connections.begin_request(client(1)).is_none());
        assert!(connections.begin_request(client(2)).is_some());
        drop(first);
        assert!(connections.begin_request(client(1)).is_some());
    }
}
