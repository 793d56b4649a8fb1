//! Who has a connection: there are only so many, and whoever does nothing with one makes way for who comes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::client::Client;
use countersign_log::rejected::Reason;

/// So many connections are taken beyond the most, to tell how the log is and why nothing else is answered.
const RESERVE: usize = 32;

/// The places of all connections, and how many requests each client has under way.
#[derive(Clone)]
pub(super) struct Places(Arc<Mutex<Table>>);

struct Table {
    most: usize,
    most_of_one: usize,
    next: u64,
    /// Counts what connections begin to do, so that it is known which of them has waited for the longest time.
    moment: u64,
    taken: HashMap<u64, Taken>,
    /// What each client has beside the connections of the reserve.
    clients: HashMap<Client, Share>,
    /// Of each client that has waiting connections the one that makes way first, ordered by how many connections the
    /// client has and by how long it has waited. Who opens connections must not cost the more the more there are.
    first: BTreeMap<(usize, Reverse<u64>), u64>,
    /// How many are of the reserve, and those of them that wait, by the moment since when.
    reserve: usize,
    reserve_waiting: BTreeMap<u64, u64>,
    /// How many requests clients have under way whom a proxy speaks for.
    requests: HashMap<Client, usize>,
}

struct Taken {
    client: Client,
    /// The moment since when its client is awaited: a request, more of a body, or that it takes what it is sent. None while the log
    /// works for it, or it is a reader's.
    waiting: Option<u64>,
    refused: Option<Reason>,
    closed: Arc<Notify>,
}

/// A client's connections.
#[derive(Default)]
struct Share {
    all: usize,
    /// Those that wait, by the moment since when.
    waiting: BTreeMap<u64, u64>,
}

/// The place of a connection. It is free when this is dropped.
pub(super) struct Place {
    places: Places,
    number: u64,
    /// Why nothing but the log's health is told here.
    refused: Option<Reason>,
    closed: Arc<Notify>,
}

/// A request under way of a client whom a proxy speaks for.
pub(super) struct Underway {
    places: Places,
    client: Client,
}

impl Places {
    /// So many for all, and for one client.
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        Self(Arc::new(Mutex::new(Table {
            most: most.max(1),
            most_of_one: most_of_one.max(1),
            next: 0,
            moment: 0,
            taken: HashMap::new(),
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

    /// A place for a connection of that client; none where there is none even to say so. With `many` it may have as many as
    /// there are.
    pub(super) fn enter(&self, client: Client, many: bool, count: &dyn Fn(Reason)) -> Option<Place> {
        let mut table = self.table();
        let own = table.clients.get(&client).map_or(0, |share| share.all);
        let mut refused = None;
        if !many && own >= table.most_of_one {
            count(Reason::Address);
            if !table.close_of(client) {
                refused = Some(Reason::Address);
            }
        } else if table.taken.len() - table.reserve >= table.most {
            count(Reason::Connections);
            if !table.close_any() {
                refused = Some(Reason::Connections);
            }
        }
        if refused.is_some() {
            if table.reserve >= RESERVE && !table.close_reserve() {
                return None;
            }
            table.reserve += 1;
        } else {
            table.change(client, |share| share.all += 1);
        }
        let number = table.next;
        table.next += 1;
        let closed = Arc::new(Notify::new());
        table.taken.insert(number, Taken { client, waiting: None, refused, closed: closed.clone() });
        table.set(number, true);
        Some(Place { places: self.clone(), number, refused, closed })
    }

    /// Counts a request of a client, if it may have one more under way.
    pub(super) fn begin_request(&self, client: Client) -> Option<Underway> {
        let mut table = self.table();
        let most = table.most_of_one;
        let underway = table.requests.entry(client).or_default();
        if *underway >= most {
            return None;
        }
        *underway += 1;
        Some(Underway { places: self.clone(), client })
    }
}

impl Table {
    /// Closes the connection of that client that waits for the longest time.
    fn close_of(&mut self, client: Client) -> bool {
        let first = self.clients.get(&client).and_then(Share::first);
        self.put_out(first.map(|(_, number)| number))
    }

    /// Closes a connection of those whose client is awaited: of the client that has the most, the one that waits for the
    /// longest time.
    fn close_any(&mut self) -> bool {
        let first = self.first.last_key_value().map(|(_, number)| *number);
        self.put_out(first)
    }

    fn close_reserve(&mut self) -> bool {
        let first = self.reserve_waiting.first_key_value().map(|(_, number)| *number);
        self.put_out(first)
    }

    fn put_out(&mut self, number: Option<u64>) -> bool {
        let Some(taken) = number.and_then(|number| self.leave(number)) else { return false };
        taken.closed.notify_one();
        true
    }

    /// Changes what a client has.
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

    /// A connection begins to wait for its client, or ends that.
    fn set(&mut self, number: u64, waits: bool) {
        self.moment += 1;
        let moment = waits.then_some(self.moment);
        let Some(taken) = self.taken.get_mut(&number) else { return };
        let (client, refused, before) = (taken.client, taken.refused, taken.waiting);
        taken.waiting = moment;
        let change = |waiting: &mut BTreeMap<u64, u64>| {
            before.map(|before| waiting.remove(&before));
            waiting.extend(moment.map(|moment| (moment, number)));
        };
        if refused.is_some() {
            change(&mut self.reserve_waiting);
        } else {
            self.change(client, |share| change(&mut share.waiting));
        }
    }

    fn leave(&mut self, number: u64) -> Option<Taken> {
        self.set(number, false);
        let taken = self.taken.remove(&number)?;
        if taken.refused.is_some() {
            self.reserve -= 1;
        } else {
            self.change(taken.client, |share| share.all -= 1);
        }
        Some(taken)
    }
}

impl Share {
    /// The connection that makes way first, and where it is in the order of all.
    fn first(&self) -> Option<((usize, Reverse<u64>), u64)> {
        self.waiting.first_key_value().map(|(moment, number)| ((self.all, Reverse(*moment)), *number))
    }
}

fn take_one(counts: &mut HashMap<Client, usize>, client: Client) {
    if let Some(count) = counts.get_mut(&client) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&client);
        }
    }
}

impl Place {
    /// Why nothing but the log's health is told here.
    pub(super) fn refused(&self) -> Option<Reason> {
        self.refused
    }

    /// The log works for it: it is not closed.
    pub(super) fn work(&self) {
        self.places.table().set(self.number, false);
    }

    /// Its client is awaited.
    pub(super) fn wait(&self) {
        self.places.table().set(self.number, true);
    }

    /// Waits until it has to make way for another one.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.table().leave(self.number);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        take_one(&mut self.places.table().requests, self.client);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures_util::FutureExt as _;

    use super::*;

    fn client(number: u8) -> Client {
        Client::of(IpAddr::from([192, 0, 2, number]))
    }

    fn is_closed(place: &Place) -> bool {
        place.closed().now_or_never().is_some()
    }

    #[test]
    fn who_does_nothing_for_the_longest_time_makes_way() {
        let (places, count) = (Places::new(3, 9), |_| {});
        let enter = |number| places.enter(client(number), false, &count).unwrap();
        let (first, second, third) = (enter(1), enter(1), enter(2));
        first.work();
        first.wait();
        let fourth = enter(3);
        assert_eq!([&first, &second, &third, &fourth].map(is_closed), [false, true, false, false]);
        // Nobody for whom the log works.
        for place in [&first, &third, &fourth] {
            place.work();
        }
        let refused = enter(4);
        assert_eq!(refused.refused(), Some(Reason::Connections));
        assert!([&first, &third, &fourth].map(is_closed) == [false; 3]);
        drop(first);
        assert_eq!(enter(4).refused(), None);
    }

    #[test]
    fn one_client_takes_no_more_than_its_share() {
        let (places, count) = (Places::new(100, 2), |_| {});
        let enter = |number| places.enter(client(number), false, &count).unwrap();
        let (first, second, other) = (enter(1), enter(1), enter(2));
        // Its own make way, and no others.
        let third = enter(1);
        assert_eq!((is_closed(&first), is_closed(&second), is_closed(&other)), (true, false, false));
        second.work();
        third.work();
        assert_eq!(enter(1).refused(), Some(Reason::Address));
        assert_eq!(places.enter(client(1), true, &count).unwrap().refused(), None);
        assert_eq!(enter(2).refused(), None);
    }

    #[test]
    fn the_reserve_is_bounded_and_for_who_came_last() {
        let (places, count) = (Places::new(1, 1), |_| {});
        let enter = |number| places.enter(client(number), false, &count);
        let only = enter(1).unwrap();
        only.work();
        let reserve: Vec<Place> = (0..RESERVE).map(|_| enter(2).unwrap()).collect();
        let last = enter(3).unwrap();
        assert!(is_closed(&reserve[0]) && !is_closed(&reserve[1]));
        for place in reserve.iter().chain([&last]) {
            place.work();
        }
        assert!(enter(3).is_none());
        drop((only, reserve, last));
        let table = places.table();
        assert!(table.taken.is_empty() && table.clients.is_empty() && table.first.is_empty());
        assert!(table.reserve == 0 && table.reserve_waiting.is_empty());
    }

    #[test]
    fn requests_of_one_client_are_counted_whatever_connection_they_come_by() {
        let places = Places::new(100, 2);
        let (first, second) = (places.begin_request(client(1)), places.begin_request(client(1)));
        assert!(first.is_some() && second.is_some() && places.begin_request(client(1)).is_none());
        assert!(places.begin_request(client(2)).is_some());
        drop(first);
        assert!(places.begin_request(client(1)).is_some());
    }
}
