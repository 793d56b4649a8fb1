//! A worker pool that returns results in the order of the jobs.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Maximum jobs in flight per thread.
const MAX_PER_THREAD: usize = 4;
/// Minimum limit of jobs in flight in total. With few processors, the producer is scheduled less often than a job
/// takes.
const MIN_IN_FLIGHT: usize = 32;

/// Returns the maximum number of jobs in flight for this many threads.
pub(super) fn max_in_flight(threads: usize) -> usize {
    MIN_IN_FLIGHT.max(threads * MAX_PER_THREAD)
}

/// A message from a worker or from the producer.
enum Message<R, E> {
    Done(u64, R),
    Failed(E),
}

/// Runs the jobs that `jobs` produces on this many threads and calls `take` with the results in the order of the
/// jobs.
///
/// The function passed to `jobs` returns false once no more jobs are needed. With one thread, everything runs on the
/// calling thread.
///
/// # Errors
/// The first error of `jobs` or `take`.
pub fn in_order<J: Send, R: Send, E: Send, W: FnMut(J) -> R>(
    threads: usize,
    jobs: impl FnOnce(&mut dyn FnMut(J) -> bool) -> Result<(), E> + Send,
    worker: impl Fn() -> W + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    if threads <= 1 {
        let mut work = worker();
        let mut taken = Ok(());
        jobs(&mut |job| {
            taken = take(work(job));
            taken.is_ok()
        })?;
        return taken;
    }
    let limit = max_in_flight(threads);
    let (hand_out, queue) = sync_channel::<(u64, J)>(limit);
    let queue = Mutex::new(queue);
    let (results, messages) = sync_channel::<Message<R, E>>(limit);
    // Permits keep results from piling up behind a slow job.
    let (release, permits) = sync_channel(limit);
    for _ in 0..limit {
        let _ = release.send(());
    }
    thread::scope(|scope| {
        for _ in 0..threads {
            let (queue, worker, results) = (&queue, &worker, results.clone());
            scope.spawn(move || {
                let mut work = worker();
                loop {
                    let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((number, job)) = job else { return };
                    if results.send(Message::Done(number, work(job))).is_err() {
                        return;
                    }
                }
            });
        }
        scope.spawn(move || {
            let mut next = 0;
            let handed_out = jobs(&mut |job| {
                next += 1;
                permits.recv().is_ok() && hand_out.send((next - 1, job)).is_ok()
            });
            if let Err(error) = handed_out {
                let _ = results.send(Message::Failed(error));
            }
        });
        take_all(messages, release, &mut take)
    })
}

#[allow(clippy::needless_pass_by_value, reason = "dropping the channels ends the other threads")]
fn take_all<R, E>(
    messages: Receiver<Message<R, E>>,
    release: SyncSender<()>,
    take: &mut impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let mut early: BTreeMap<u64, R> = BTreeMap::new();
    let mut next = 0;
    // The channel closes when all other threads have ended.
    for message in messages {
        match message {
            Message::Done(number, result) => {
                early.insert(number, result);
                while let Some(result) = early.remove(&next) {
                    take(result)?;
                    next += 1;
                    let _ = release.try_send(());
                }
            }
            Message::Failed(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes the squares of the numbers below `count`, and fails at the square `refused`.
    fn squares(threads: usize, count: u64, refused: Option<u64>) -> (Vec<u64>, Result<(), u64>) {
        let mut taken = Vec::new();
        let jobs = |emit: &mut dyn FnMut(u64) -> bool| {
            let _ = (0..count).all(emit);
            if count == 7 { Err(count) } else { Ok(()) }
        };
        let worker = || |job: u64| job * job;
        let done = in_order(threads, jobs, worker, |square| {
            if refused == Some(square) {
                return Err(square);
            }
            taken.push(square);
            Ok(())
        });
        (taken, done)
    }

    #[test]
    fn results_come_in_order_and_the_first_error_ends_the_run() {
        for threads in [1, 2, 3] {
            let (taken, done) = squares(threads, 500, None);
            assert_eq!(done, Ok(()));
            assert!(taken.iter().copied().eq((0..500).map(|number| number * number)));
            let (taken, done) = squares(threads, 500, Some(9));
            assert_eq!((taken, done), (vec![0, 1, 4], Err(9)));
            assert_eq!(squares(threads, 7, None).1, Err(7));
        }
    }

    #[test]
    fn one_thread_means_no_other_thread() {
        let caller = thread::current().id();
        for (threads, on_other_thread) in [(1, false), (2, true)] {
            let worker = || |()| thread::current().id() != caller;
            let jobs = |emit: &mut dyn FnMut(()) -> bool| {
                emit(());
                Ok(())
            };
            let take = |other| if other == on_other_thread { Ok(()) } else { Err(threads) };
            assert_eq!(in_order(threads, jobs, worker, take), Ok(()));
        }
    }
}
