//! Delivers items: each destination gets each item, in order, with retries until it accepts it.
//!
//! The progress of a destination is saved after each item. If the process is killed between the two, the next one
//! sends the same item again, byte for byte and under the same name, so the destination can recognize it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use countersign_client::DestinationError;
use countersign_delivery::Backoff;
use countersign_errors::EngineError;

use crate::item::Item;
use crate::notice::{WatchNotice, WatchObserver};
use crate::state::DeliveryProgress;

/// Maximum number of times that a reachable destination may reject an item before it is skipped.
const MAX_REFUSALS: u32 = 16;
/// Time between two calls of [`Destination::idle`].
const IDLE_INTERVAL: Duration = Duration::from_secs(1);
/// Time that ending may take before the destinations it waits for are reported.
const REPORT_DELAY: Duration = Duration::from_secs(1);
/// Time between two checks whether ending still has to wait.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A destination for items.
pub trait Destination: Send {
    /// Returns its name, under which the state stores its progress.
    fn name(&self) -> &'static str;
    /// True if it wants this item; others are skipped.
    fn wants(&self, item: &Item) -> bool;
    /// Accepts an item.
    ///
    /// # Errors
    /// If the destination rejects it, for now or for good.
    fn accept(&mut self, item: &Item) -> Result<(), DestinationError>;
    /// Called when no item waits. Returns true if it has finished everything it accepted.
    fn idle(&mut self) -> bool {
        true
    }
}

/// The queue of one destination.
struct Queue {
    items: VecDeque<Item>,
    is_idle: bool,
    is_failing: bool,
    ends: bool,
}

struct Worker {
    name: &'static str,
    /// True while the destination is being called.
    is_busy: AtomicBool,
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Worker {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the destination, which may block.
    fn call<T>(&self, call: impl FnOnce() -> T) -> T {
        self.is_busy.store(true, Ordering::Relaxed);
        let answer = call();
        self.is_busy.store(false, Ordering::Relaxed);
        answer
    }
}

impl Queue {
    /// True if the destination has finished all items.
    fn is_done(&self) -> bool {
        self.items.is_empty() && self.is_idle
    }
}

/// The queues and threads of all destinations.
pub(crate) struct Handoff {
    workers: Vec<Arc<Worker>>,
    threads: Vec<JoinHandle<()>>,
    progress: Arc<Mutex<DeliveryProgress>>,
    observer: Arc<dyn WatchObserver>,
}

impl Handoff {
    /// Starts a thread for each destination, with the items that wait since an earlier process.
    pub(crate) fn start(
        destinations: Vec<Box<dyn Destination>>,
        progress: DeliveryProgress,
        before: &VecDeque<Item>,
        observer: Arc<dyn WatchObserver>,
    ) -> Self {
        let progress = Arc::new(Mutex::new(progress));
        let mut handoff =
            Self { workers: Vec::new(), threads: Vec::new(), progress: progress.clone(), observer };
        for destination in destinations {
            let through = lock(&progress).serial(destination.name());
            let items = before.iter().filter(|item| item.serial > through).cloned().collect();
            let queue = Mutex::new(Queue { items, is_idle: false, is_failing: false, ends: false });
            let (name, is_busy) = (destination.name(), AtomicBool::new(false));
            let worker = Arc::new(Worker { name, is_busy, queue, changed: Condvar::new() });
            handoff.workers.push(worker.clone());
            let progress = progress.clone();
            let observer = handoff.observer.clone();
            handoff
                .threads
                .push(std::thread::spawn(move || serve(destination, &worker, &progress, &*observer)));
        }
        handoff
    }

    /// Queues items for all destinations. The items must be saved already.
    pub(crate) fn enqueue(&self, items: &[Item]) {
        for worker in &self.workers {
            let mut queue = worker.queue();
            queue.items.extend(items.iter().cloned());
            queue.is_idle = false;
            worker.changed.notify_all();
        }
    }

    /// Returns the number up to which all destinations have the items.
    pub(crate) fn delivered(&self) -> Option<u64> {
        lock(&self.progress).min_serial()
    }

    /// Returns the length of the longest queue.
    pub(crate) fn max_backlog(&self) -> usize {
        self.workers.iter().map(|worker| worker.queue().items.len()).max().unwrap_or_default()
    }

    /// Waits until all items are accepted, for at most `timeout`. Returns true if they are.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        for worker in &self.workers {
            let mut queue = worker.queue();
            while !queue.is_done() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() || (self.observer.is_stopped() && queue.is_failing) {
                    return false;
                }
                let waited = worker.changed.wait_timeout(queue, left.min(POLL_INTERVAL));
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        true
    }

    /// Ends when all items are accepted, or after `timeout`; once the observer stops, after `stop_timeout` at the
    /// latest. Returns true if all are accepted; the next process delivers the rest.
    ///
    /// Waits for a destination that is being called in any case, since it would receive the same item again.
    pub(crate) fn end(&mut self, timeout: Duration, stop_timeout: Duration) -> bool {
        let begin = Instant::now();
        let mut stopped: Option<Instant> = None;
        let mut is_reported = false;
        let mut report = |handoff: &Self| {
            if !is_reported && begin.elapsed() >= REPORT_DELAY {
                is_reported = handoff.report_busy();
            }
        };
        while !self.wait(POLL_INTERVAL) && begin.elapsed() < timeout {
            if self.observer.is_stopped() {
                let is_late = stopped.get_or_insert_with(Instant::now).elapsed() >= stop_timeout;
                if is_late || self.is_failing() {
                    break;
                }
                report(self);
            }
        }
        for worker in &self.workers {
            worker.queue().ends = true;
            worker.changed.notify_all();
        }
        while !self.threads.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(POLL_INTERVAL / 10);
            report(self);
        }
        self.workers.iter().all(|worker| worker.queue().is_done())
    }

    fn is_failing(&self) -> bool {
        self.workers.iter().any(|worker| worker.queue().is_failing)
    }

    /// Reports which destinations are being waited for. Returns false if there are none.
    fn report_busy(&self) -> bool {
        let busy = self.workers.iter().filter(|worker| worker.is_busy.load(Ordering::Relaxed));
        let names: Vec<_> = busy.map(|worker| worker.name).collect();
        if names.is_empty() {
            return false;
        }
        self.observer.notice(&WatchNotice::WaitingToEnd(names));
        true
    }
}

fn lock(progress: &Mutex<DeliveryProgress>) -> MutexGuard<'_, DeliveryProgress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Delivers to one destination until its queue ends.
fn serve(
    mut destination: Box<dyn Destination>,
    worker: &Worker,
    progress: &Mutex<DeliveryProgress>,
    observer: &dyn WatchObserver,
) {
    let mut reported = None;
    while let Some(item) = next(&mut *destination, worker) {
        if destination.wants(&item) && !deliver(&mut *destination, &item, worker, &mut reported, observer) {
            return;
        }
        if let Err(failure) = lock(progress).advance(destination.name(), item.serial) {
            // The next process then sends the item again.
            warn(&*destination, &mut reported, failure, observer);
        }
        let mut queue = worker.queue();
        queue.items.pop_front();
        worker.changed.notify_all();
    }
}

/// Returns the first item of the queue; none at the end.
fn next(destination: &mut dyn Destination, worker: &Worker) -> Option<Item> {
    // A destination whose queue is empty is called once more at the end.
    let mut was_idle = false;
    loop {
        let queue = worker.queue();
        if queue.ends && (was_idle || !queue.items.is_empty()) {
            return None;
        }
        if let Some(item) = queue.items.front() {
            return Some(item.clone());
        }
        drop(queue);
        was_idle = true;
        let is_idle = worker.call(|| destination.idle());
        let mut queue = worker.queue();
        queue.is_idle = is_idle && queue.items.is_empty();
        worker.changed.notify_all();
        if queue.items.is_empty() && !queue.ends {
            drop(worker.changed.wait_timeout(queue, IDLE_INTERVAL).unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Returns true if the destination has accepted the item, or it is skipped; false if the queue ends.
fn deliver(
    destination: &mut dyn Destination,
    item: &Item,
    worker: &Worker,
    reported: &mut Option<String>,
    observer: &dyn WatchObserver,
) -> bool {
    let mut waits = Backoff::new();
    let mut refusals = 0;
    loop {
        let (why, after) = match worker.call(|| destination.accept(item)) {
            Ok(()) => {
                worker.queue().is_failing = false;
                if reported.take().is_some() {
                    observer.notice(&WatchNotice::Accepting { destination: destination.name() });
                }
                return true;
            }
            Err(DestinationError::Later { why, after }) => (why, after),
            Err(DestinationError::Refused(why)) => {
                refusals += 1;
                if refusals == MAX_REFUSALS {
                    let destination = destination.name();
                    observer.notice(&WatchNotice::Refused { item: item.name(), destination, why });
                    return true;
                }
                (why, None)
            }
        };
        if reported.as_ref() != Some(&why) {
            observer.notice(&WatchNotice::Waiting { destination: destination.name(), why: why.clone() });
            *reported = Some(why);
        }
        let until = Instant::now() + waits.next(after);
        let mut queue = worker.queue();
        queue.is_failing = true;
        worker.changed.notify_all();
        while Instant::now() < until && !queue.ends {
            let left = until.saturating_duration_since(Instant::now());
            queue = worker.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if queue.ends {
            return false;
        }
    }
}

fn warn(
    destination: &dyn Destination,
    reported: &mut Option<String>,
    why: EngineError,
    observer: &dyn WatchObserver,
) {
    let text = why.to_string();
    if reported.as_ref() != Some(&text) {
        observer.notice(&WatchNotice::ProgressNotSaved { destination: destination.name(), why });
        *reported = Some(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::ItemKind;
    use countersign_delivery::Directory;

    /// A destination that accepts everything, slowly.
    struct Slow;

    impl Destination for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn wants(&self, _: &Item) -> bool {
            true
        }

        fn accept(&mut self, _: &Item) -> Result<(), DestinationError> {
            std::thread::sleep(POLL_INTERVAL);
            Ok(())
        }
    }

    struct Stopped;

    impl WatchObserver for Stopped {
        fn is_stopped(&self) -> bool {
            true
        }
    }

    #[test]
    fn stop_ends_delivery_after_the_time_limit() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Directory::open(folder.path()).unwrap());
        let progress = DeliveryProgress::load(store, "here", &["slow"], 0).unwrap();
        let item = |serial| Item {
            serial,
            kind: ItemKind::Alert,
            id: serial.to_string(),
            title: String::new(),
            text: "{}".to_owned(),
        };
        let items: VecDeque<Item> = (1..=100_000).map(item).collect();
        let mut handoff = Handoff::start(vec![Box::new(Slow)], progress, &items, Arc::new(Stopped));
        assert!(!handoff.end(Duration::MAX, Duration::ZERO));
        assert!(handoff.max_backlog() > 0);
    }
}
