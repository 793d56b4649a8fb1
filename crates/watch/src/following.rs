//! Following a log's stream: it is read, and asked for again where it ends, until whoever follows is done.

use std::sync::Arc;
use std::sync::mpsc::{Receiver as Channel, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use countersign_delivery::Backoff;

use countersign_errors::EngineError;

use crate::notice::{Notice, Observer};
use crate::stream::{LiveViews, ViewEvent};
use crate::watcher::Watcher;

/// How long nothing is looked at but the stream.
pub(crate) const LOOK: Duration = Duration::from_millis(100);
/// How often it is looked whether somebody else is trusted.
const TRUST: Duration = Duration::from_secs(1);
/// The longest wait before a stream that ended is asked for again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How many lines of the stream are verified at once.
const PIECES: usize = 64;

/// Follows a log and examines its entries.
pub trait Follower<'p> {
    /// The caller's error.
    type Error: From<EngineError>;

    /// Returns what verifies the log.
    fn watcher(&mut self) -> &mut Watcher<'p>;

    /// Returns the size of the log at which to stop.
    fn end(&self) -> Option<u64>;

    /// Takes in what became known. Returns whether the log has grown; none if another view is needed.
    ///
    /// # Errors
    /// If the log can't be followed any further.
    fn settle(&mut self) -> Result<Option<bool>, Self::Error>;

    /// Called several times a second, for other things.
    ///
    /// # Errors
    /// If the log can't be followed any further.
    fn idle(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// True if nothing more is to be read.
fn is_done<'p>(follower: &mut impl Follower<'p>, observer: &dyn Observer) -> bool {
    let end = follower.end();
    let watcher = follower.watcher();
    let is_at = |end| watcher.has_looked() && watcher.position().is_some_and(|position| position >= end);
    observer.is_stopped() || end.is_some_and(is_at)
}

/// Follows a log until the observer stops it, or its end is reached.
///
/// # Errors
/// If the follower fails, or the log server does not let this reader in.
pub fn follow<'p, F: Follower<'p>>(
    follower: &mut F,
    views: &Arc<dyn LiveViews>,
    observer: &dyn Observer,
) -> Result<(), F::Error> {
    let mut wait = Backoff::up_to(LONGEST_WAIT);
    // What was last said of the connection.
    let mut told: Option<String> = None;
    // A log that has fewer leaves than were seen is read from where it is, and the pin tells.
    let mut is_behind = false;
    while !is_done(follower, observer) {
        if let Some(trust) = views.trust() {
            follower.watcher().set_trust(trust);
        }
        let from = follower.watcher().position().filter(|_| !is_behind);
        let (tell, heard) = sync_channel(PIECES);
        let following = views.clone();
        std::thread::spawn(move || following.follow(from, &tell));
        follower.watcher().begin();
        let (status, why, has_grown) = listen(follower, &heard, &**views, observer)?;
        if has_grown {
            wait = Backoff::up_to(LONGEST_WAIT);
            told = None;
        }
        if is_done(follower, observer) {
            break;
        }
        is_behind = status == Some(400) && !is_behind;
        if matches!(status, Some(401 | 403)) {
            return Err(why.into());
        }
        if why.code() != "stream.ended" && told.as_deref() != Some(why.code()) {
            told = Some(why.code().to_owned());
            observer.notice(&Notice::ViewLost(why));
        }
        let until = Instant::now() + wait.next(None);
        while Instant::now() < until && !observer.is_stopped() {
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
    }
    Ok(())
}

/// Listens to a view until it ends. Gives why, and whether it brought anything.
fn listen<'p, F: Follower<'p>>(
    follower: &mut F,
    heard: &Channel<ViewEvent>,
    views: &dyn LiveViews,
    observer: &dyn Observer,
) -> Result<(Option<u16>, EngineError, bool), F::Error> {
    let ended = |why: &str| EngineError::new("stream.ended", why, "it is asked again");
    let mut has_grown = false;
    let mut trusted = Instant::now();
    loop {
        let mut lost = None;
        match heard.recv_timeout(LOOK) {
            Ok(ViewEvent::Lines(lines)) => {
                follower.watcher().push(&lines);
                for _ in 0..PIECES {
                    match heard.try_recv() {
                        Ok(ViewEvent::Lines(lines)) => follower.watcher().push(&lines),
                        Ok(ViewEvent::Lost { status, why }) => lost = Some((status, why)),
                        Err(_) => break,
                    }
                }
                let Some(grown) = follower.settle()? else {
                    return Ok((None, ended("another view is needed"), true));
                };
                has_grown |= grown;
                if let Some(size) = follower.watcher().take_unwitnessed() {
                    observer.notice(&Notice::Unwitnessed { size });
                }
            }
            Ok(ViewEvent::Lost { status, why }) => lost = Some((status, why)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => lost = Some((None, ended("the stream ended"))),
        }
        if lost.is_none() && trusted.elapsed() >= TRUST {
            trusted = Instant::now();
            if views.trust().is_some_and(|trust| !follower.watcher().is_trusting(&trust)) {
                return Ok((None, ended("another trust file is used"), true));
            }
        }
        follower.idle()?;
        if let Some((status, why)) = lost {
            return Ok((status, why, has_grown));
        }
        if is_done(follower, observer) {
            return Ok((None, ended("it is done"), has_grown));
        }
    }
}
