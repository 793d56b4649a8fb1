//! The order of events.

use std::collections::BTreeMap;

/// The queue of events that are to happen. Events at one moment happen in the order in which they were scheduled.
pub struct Scheduler<E> {
    /// Milliseconds since the start of the run.
    now: u64,
    scheduled: u64,
    queue: BTreeMap<(u64, u64), E>,
}

impl<E> Default for Scheduler<E> {
    fn default() -> Self {
        Self { now: 0, scheduled: 0, queue: BTreeMap::new() }
    }
}

impl<E> Scheduler<E> {
    /// Returns the milliseconds since the start of the run.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Schedules an event `delay` milliseconds from now.
    pub fn after(&mut self, delay: u64, event: E) {
        self.scheduled += 1;
        self.queue.insert((self.now + delay, self.scheduled), event);
    }

    /// Advances to the next event, and returns it. `None` if there is none before `end`.
    pub fn next(&mut self, end: u64) -> Option<E> {
        let ((at, _), _) = self.queue.first_key_value()?;
        if *at >= end {
            self.now = self.now.max(end);
            return None;
        }
        self.now = *at;
        self.queue.pop_first().map(|(_, event)| event)
    }

    /// Returns the scheduled events in their order.
    pub fn scheduled(&self) -> impl Iterator<Item = &E> {
        self.queue.values()
    }

    /// Removes the scheduled events for which `drop` returns true.
    pub fn cancel(&mut self, drop: impl Fn(&E) -> bool) {
        self.queue.retain(|_, event| !drop(event));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_happen_by_time_then_in_the_order_of_scheduling() {
        let mut scheduler = Scheduler::default();
        for (delay, event) in [(5, 'c'), (0, 'a'), (5, 'd'), (2, 'b')] {
            scheduler.after(delay, event);
        }
        let order: String = std::iter::from_fn(|| scheduler.next(100)).collect();
        assert_eq!(order, "abcd");
        assert_eq!(scheduler.now(), 5);
    }
}
