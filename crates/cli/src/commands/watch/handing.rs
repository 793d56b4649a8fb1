//! Handing on: each receiver gets each item, in order, and is asked again until it has it.
//!
//! How far a receiver has come is durable after each item. Who is killed between the two hands the same item on again,
//! word for word and under the same name: by that a receiver knows what it has already.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::item::Item;
use super::state::Taken;
use crate::errors::CliError;
pub(crate) use crate::io::retry::DestinationError;
use crate::io::retry::Waits;
use crate::io::style;

/// So often an item is refused by a receiver that can be reached, before it is passed over.
const REFUSALS: u32 = 16;
/// How long a receiver is not called where there is nothing for it.
const IDLE: Duration = Duration::from_secs(1);
/// How long ending may take before it is said what it waits for.
const SILENCE: Duration = Duration::from_secs(1);
/// How often ending looks whether it still has to wait.
const LOOK: Duration = Duration::from_millis(100);

/// Somebody who is told.
pub(crate) trait Receiver: Send {
    /// What it is called, here and in the state.
    fn name(&self) -> &'static str;
    /// Whether it is told of this.
    fn wants(&self, item: &Item) -> bool;
    /// Takes an item.
    fn take(&mut self, item: &Item) -> Result<(), DestinationError>;
    /// There is nothing for it for now. Whether it has done all that it was told.
    fn idle(&mut self) -> bool {
        true
    }
}

/// What waits for one receiver.
struct Queue {
    items: VecDeque<Item>,
    is_idle: bool,
    is_failing: bool,
    ends: bool,
}

struct Waiting {
    name: &'static str,
    /// Whether the receiver was called, and has not come back yet.
    is_busy: AtomicBool,
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Waiting {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the receiver, which may take its time.
    fn call<T>(&self, call: impl FnOnce() -> T) -> T {
        self.is_busy.store(true, Ordering::Relaxed);
        let answer = call();
        self.is_busy.store(false, Ordering::Relaxed);
        answer
    }
}

impl Queue {
    /// Whether its receiver has all.
    fn is_done(&self) -> bool {
        self.items.is_empty() && self.is_idle
    }
}

/// All receivers.
pub(crate) struct Handing {
    waiting: Vec<Arc<Waiting>>,
    threads: Vec<JoinHandle<()>>,
    taken: Arc<Mutex<Taken>>,
}

impl Handing {
    /// Begins with what waits since an earlier process.
    pub(crate) fn begin(receivers: Vec<Box<dyn Receiver>>, taken: Taken, before: &VecDeque<Item>) -> Self {
        let taken = Arc::new(Mutex::new(taken));
        let mut handing = Self { waiting: Vec::new(), threads: Vec::new(), taken: taken.clone() };
        for receiver in receivers {
            let through = locked(&taken).of(receiver.name());
            let items = before.iter().filter(|item| item.serial > through).cloned().collect();
            let queue = Mutex::new(Queue { items, is_idle: false, is_failing: false, ends: false });
            let (name, is_busy) = (receiver.name(), AtomicBool::new(false));
            let waiting = Arc::new(Waiting { name, is_busy, queue, changed: Condvar::new() });
            handing.waiting.push(waiting.clone());
            let taken = taken.clone();
            handing.threads.push(std::thread::spawn(move || serve(receiver, &waiting, &taken)));
        }
        handing
    }

    /// Hands these on. They are durable.
    pub(crate) fn hand_on(&self, items: &[Item]) {
        for waiting in &self.waiting {
            let mut queue = waiting.queue();
            queue.items.extend(items.iter().cloned());
            queue.is_idle = false;
            waiting.changed.notify_all();
        }
    }

    /// What all receivers have.
    pub(crate) fn taken(&self) -> Option<u64> {
        locked(&self.taken).least()
    }

    /// How much waits for the one that is furthest behind.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.iter().map(|waiting| waiting.queue().items.len()).max().unwrap_or_default()
    }

    /// Waits until all is taken, or for so long. Whether all is.
    pub(crate) fn wait(&self, longest: Duration, stop: impl Fn() -> bool) -> bool {
        let until = Instant::now() + longest;
        for waiting in &self.waiting {
            let mut queue = waiting.queue();
            while !queue.is_done() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() || (stop() && queue.is_failing) {
                    return false;
                }
                let waited = waiting.changed.wait_timeout(queue, left.min(LOOK));
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        true
    }

    /// Ends once all is taken, or after so long; once it is to stop, `hurried` after that at the latest. Whether all is
    /// taken; the rest is by the next process.
    ///
    /// A receiver that was called is waited for, since what it has then would be handed to it once more.
    pub(crate) fn end(&mut self, longest: Duration, hurried: Duration, stop: impl Fn() -> bool) -> bool {
        let begin = Instant::now();
        let mut stopped: Option<Instant> = None;
        let mut is_said = false;
        let mut say = |handing: &Self| {
            if !is_said && begin.elapsed() >= SILENCE {
                is_said = handing.say_who_is_busy();
            }
        };
        while !self.wait(LOOK, &stop) && begin.elapsed() < longest {
            if stop() {
                let is_late = stopped.get_or_insert_with(Instant::now).elapsed() >= hurried;
                if is_late || self.is_failing() {
                    break;
                }
                say(self);
            }
        }
        for waiting in &self.waiting {
            waiting.queue().ends = true;
            waiting.changed.notify_all();
        }
        while !self.threads.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(LOOK / 10);
            say(self);
        }
        self.waiting.iter().all(|waiting| waiting.queue().is_done())
    }

    fn is_failing(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.queue().is_failing)
    }

    /// Says which receivers are waited for, where any is.
    fn say_who_is_busy(&self) -> bool {
        let busy = self.waiting.iter().filter(|waiting| waiting.is_busy.load(Ordering::Relaxed));
        let names: Vec<_> = busy.map(|waiting| waiting.name).collect();
        if names.is_empty() {
            return false;
        }
        style::warn(&format!(
            "ending waits for an answer (by {}). Stop it once more to end at once: the next run then hands the same on again",
            names.join(", ")
        ));
        true
    }
}

fn locked(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread of one receiver.
fn serve(mut receiver: Box<dyn Receiver>, waiting: &Waiting, taken: &Mutex<Taken>) {
    let mut told = None;
    while let Some(item) = next(&mut *receiver, waiting) {
        if receiver.wants(&item) && !hand_over(&mut *receiver, &item, waiting, &mut told) {
            return;
        }
        if let Err(failure) = locked(taken).through(receiver.name(), item.serial) {
            // It is handed on again then.
            warn(&*receiver, &mut told, &failure);
        }
        let mut queue = waiting.queue();
        queue.items.pop_front();
        waiting.changed.notify_all();
    }
}

/// The first item that waits; none at the end.
fn next(receiver: &mut dyn Receiver, waiting: &Waiting) -> Option<Item> {
    // Also at the end it is asked once whether it has done all, where it has all.
    let mut is_asked = false;
    loop {
        let queue = waiting.queue();
        if queue.ends && (is_asked || !queue.items.is_empty()) {
            return None;
        }
        if let Some(item) = queue.items.front() {
            return Some(item.clone());
        }
        drop(queue);
        is_asked = true;
        let is_idle = waiting.call(|| receiver.idle());
        let mut queue = waiting.queue();
        queue.is_idle = is_idle && queue.items.is_empty();
        waiting.changed.notify_all();
        if queue.items.is_empty() && !queue.ends {
            drop(waiting.changed.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Whether the receiver has the item, or it is passed over for it; not where all is to end.
fn hand_over(receiver: &mut dyn Receiver, item: &Item, waiting: &Waiting, told: &mut Option<String>) -> bool {
    let mut waits = Waits::new();
    let mut refusals = 0;
    loop {
        let (why, asked) = match waiting.call(|| receiver.take(item)) {
            Ok(()) => {
                waiting.queue().is_failing = false;
                if told.take().is_some() {
                    style::done(&format!("the {} accepts alerts again", receiver.name()));
                }
                return true;
            }
            Err(DestinationError::Later { why, after }) => (why, after),
            Err(DestinationError::Refused(why)) => {
                refusals += 1;
                if refusals == REFUSALS {
                    let name = receiver.name();
                    style::warn(&format!(
                        "{} is passed over for the {name}, which refuses it: {why}",
                        item.name()
                    ));
                    return true;
                }
                (why, None)
            }
        };
        if told.as_ref() != Some(&why) {
            style::warn(&format!("the {} doesn't accept alerts, so they wait: {why}", receiver.name()));
            *told = Some(why);
        }
        let until = Instant::now() + waits.next(asked);
        let mut queue = waiting.queue();
        queue.is_failing = true;
        waiting.changed.notify_all();
        while Instant::now() < until && !queue.ends {
            let left = until.saturating_duration_since(Instant::now());
            queue = waiting.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if queue.ends {
            return false;
        }
    }
}

fn warn(receiver: &dyn Receiver, told: &mut Option<String>, failure: &CliError) {
    let why = failure.brief();
    if told.as_ref() != Some(&why) {
        style::warn(&format!("what the {} has taken cannot be kept: {why}", receiver.name()));
        *told = Some(why);
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::Kind;
    use super::*;
    use countersign_delivery::Directory;

    /// Somebody who takes everything, one after another.
    struct Slow;

    impl Receiver for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn wants(&self, _: &Item) -> bool {
            true
        }

        fn take(&mut self, _: &Item) -> Result<(), DestinationError> {
            std::thread::sleep(LOOK);
            Ok(())
        }
    }

    #[test]
    fn who_is_stopped_hands_on_no_more_than_there_is_time_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Directory::open(folder.path()).unwrap());
        let taken = Taken::load(store, "here", &["slow"], 0).unwrap();
        let item = |serial| Item {
            serial,
            kind: Kind::Alert,
            id: serial.to_string(),
            title: String::new(),
            text: "{}".to_owned(),
        };
        let items: VecDeque<Item> = (1..=100_000).map(item).collect();
        let mut handing = Handing::begin(vec![Box::new(Slow)], taken, &items);
        assert!(!handing.end(Duration::MAX, Duration::ZERO, || true));
        assert!(handing.waiting() > 0);
    }
}
