//! Work that is shared out among threads, and whose results are taken in the order of the jobs.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many jobs may be under way for each thread.
const UNDER_WAY: usize = 4;
/// How many may be in all: where there are few processors, who hands out waits for one longer than a job takes.
const UNDER_WAY_IN_ALL: usize = 32;

/// How many jobs may be under way for so many threads.
pub(super) fn under_way(threads: usize) -> usize {
    UNDER_WAY_IN_ALL.max(threads * UNDER_WAY)
}

/// What a thread tells.
enum Message<R, E> {
    Done(u64, R),
    Failed(E),
}

/// Has `jobs` hand out jobs, works on so many threads, and takes the results in the order of the jobs.
///
/// What hands out a job is told whether there is use in more. With one thread nothing runs beside it.
///
/// # Errors
/// The first of `jobs` or `take`.
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
    let most = under_way(threads);
    let (hand_out, queue) = sync_channel::<(u64, J)>(most);
    let queue = Mutex::new(queue);
    let (results, messages) = sync_channel::<Message<R, E>>(most);
    // A job that takes long must not let all that comes after it pile up.
    let (give, permits) = sync_channel(most);
    for _ in 0..most {
        let _ = give.send(());
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
        take_all(messages, give, &mut take)
    })
}

#[allow(clippy::needless_pass_by_value, reason = "the others end when nothing is taken any more")]
fn take_all<R, E>(
    messages: Receiver<Message<R, E>>,
    give: SyncSender<()>,
    take: &mut impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let mut early: BTreeMap<u64, R> = BTreeMap::new();
    let mut next = 0;
    // The channel closes when all others have ended.
    for message in messages {
        match message {
            Message::Done(number, result) => {
                early.insert(number, result);
                while let Some(result) = early.remove(&next) {
                    take(result)?;
                    next += 1;
                    let _ = give.try_send(());
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

    /// Squares of the numbers below `most`, up to one that is refused.
    fn squares(threads: usize, most: u64, refused: Option<u64>) -> (Vec<u64>, Result<(), u64>) {
        let mut taken = Vec::new();
        let jobs = |emit: &mut dyn FnMut(u64) -> bool| {
            let _ = (0..most).all(emit);
            if most == 7 { Err(most) } else { Ok(()) }
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
    fn results_come_in_order_and_the_first_error_ends_all() {
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
    fn with_one_thread_nothing_runs_beside_it_and_with_more_the_work_does() {
        let here = thread::current().id();
        for (threads, is_beside) in [(1, false), (2, true)] {
            let worker = || |()| thread::current().id() != here;
            let jobs = |emit: &mut dyn FnMut(()) -> bool| {
                emit(());
                Ok(())
            };
            let take = |beside| if beside == is_beside { Ok(()) } else { Err(threads) };
            assert_eq!(in_order(threads, jobs, worker, take), Ok(()));
        }
    }
}
