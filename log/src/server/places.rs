//! Who has a connection: there are only so many, and whoever does nothing with one makes way for who comes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::Client;
use crate::strangers::Reason;

/// So many connections are taken beyond the most, to tell how the log is and why nothing else is answered.
const RESERVE: usize = 32;

/// The places of all connections, and how many requests each client has under way.
#[derive(Clone)]
pub(super) struct Places(Arc<Mutex<Table>>);

struct Table {
    most: usize,
    most_of_one: usize,
    next: u64,
    taken: HashMap<u64, Taken>,
    /// How many connections each client has, beside those of the reserve.
    clients: HashMap<Client, usize>,
    /// How many are of the reserve.
    reserve: usize,
    /// How many requests clients have under way whom a proxy speaks for.
    requests: HashMap<Client, usize>,
}

struct Taken {
    client: Client,
    state: State,
    since: Instant,
    refused: Option<Reason>,
    closed: Arc<Notify>,
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its client is awaited: a request, more of a body, or that it takes what it is sent.
    Waiting,
    /// The log works for it, or it is a reader's.
    Busy,
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
            taken: HashMap::new(),
            clients: HashMap::new(),
            reserve: 0,
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
        let own = table.clients.get(&client).copied().unwrap_or_default();
        let mut refused = None;
        if !many && own >= table.most_of_one {
            count(Reason::Address);
            if !table.close(|other| other.client == client) {
                refused = Some(Reason::Address);
            }
        } else if table.taken.len() - table.reserve >= table.most {
            count(Reason::Connections);
            if !table.close(|_| true) {
                refused = Some(Reason::Connections);
            }
        }
        if refused.is_some() {
            if table.reserve >= RESERVE && !table.close_reserve() {
                return None;
            }
            table.reserve += 1;
        } else {
            *table.clients.entry(client).or_default() += 1;
        }
        let number = table.next;
        table.next += 1;
        let closed = Arc::new(Notify::new());
        let (since, state) = (Instant::now(), State::Waiting);
        table.taken.insert(number, Taken { client, state, since, refused, closed: closed.clone() });
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
    /// Closes a connection of those whose client is awaited: of the client that has the most, the one that does nothing for
    /// the longest time.
    fn close(&mut self, among: impl Fn(&Taken) -> bool) -> bool {
        let waiting =
            |taken: &Taken| taken.state == State::Waiting && taken.refused.is_none() && among(taken);
        let all = self.taken.iter().filter(|(_, taken)| waiting(taken));
        let many = |taken: &Taken| self.clients.get(&taken.client).copied().unwrap_or_default();
        let first = all.max_by_key(|(_, taken)| (many(taken), std::cmp::Reverse(taken.since)));
        let first = first.map(|(number, _)| *number);
        self.put_out(first)
    }

    fn close_reserve(&mut self) -> bool {
        let reserve =
            self.taken.iter().filter(|(_, taken)| taken.refused.is_some() && taken.state == State::Waiting);
        let first = reserve.min_by_key(|(_, taken)| taken.since).map(|(number, _)| *number);
        self.put_out(first)
    }

    fn put_out(&mut self, number: Option<u64>) -> bool {
        let Some(taken) = number.and_then(|number| self.leave(number)) else { return false };
        taken.closed.notify_one();
        true
    }

    fn leave(&mut self, number: u64) -> Option<Taken> {
        let taken = self.taken.remove(&number)?;
        if taken.refused.is_some() {
            self.reserve -= 1;
        } else {
            take_one(&mut self.clients, taken.client);
        }
        Some(taken)
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
        self.set(State::Busy);
    }

    /// Its client is awaited.
    pub(super) fn wait(&self) {
        self.set(State::Waiting);
    }

    fn set(&self, state: State) {
        if let Some(taken) = self.places.table().taken.get_mut(&self.number) {
            (taken.state, taken.since) = (state, Instant::now());
        }
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
        assert!(table.taken.is_empty() && table.clients.is_empty() && table.reserve == 0);
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
