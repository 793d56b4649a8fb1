//! Follows a log's live view, reconnecting until the follower is done.

use std::sync::Arc;
use std::sync::mpsc::{Receiver as Channel, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use countersign_delivery::Backoff;

use countersign_errors::EngineError;

use crate::gaps::GapReporter;
use crate::notice::{WatchNotice, WatchObserver};
use crate::stream::{LiveViews, ViewEvent};
use crate::watcher::Watcher;

/// The longest time between two calls of [`Follower::idle`].
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Time between two checks for a changed trust file.
const TRUST_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait before reconnecting.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// The number of chunks of the stream that are verified at once.
const MAX_CHUNKS: usize = 64;

/// Follows a log and examines its entries.
pub trait Follower<'p> {
    /// The caller's error.
    type Error: From<EngineError>;

    /// Returns the watcher that verifies the log.
    fn watcher(&mut self) -> &mut Watcher<'p>;

    /// Returns the size of the log at which to stop.
    fn end(&self) -> Option<u64>;

    /// Processes what the watcher verified since the last call. Returns true if the log has grown, or
    /// `None` if another view is needed.
    ///
    /// # Errors
    /// If the log can't be followed any further.
    fn settle(&mut self) -> Result<Option<bool>, Self::Error>;

    /// True to report what the rules couldn't check or skipped.
    fn reports_gaps(&self) -> bool {
        true
    }

    /// Called several times a second, for background work.
    ///
    /// # Errors
    /// If the log can't be followed any further.
    fn idle(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// True if the observer stops, or the end was reached.
fn is_done<'p>(follower: &mut impl Follower<'p>, observer: &dyn WatchObserver) -> bool {
    let end = follower.end();
    let watcher = follower.watcher();
    let is_at = |end| watcher.has_checkpoint() && watcher.position().is_some_and(|position| position >= end);
    observer.is_stopped() || end.is_some_and(is_at)
}

/// Follows a log until the observer stops it, or its end is reached.
///
/// # Errors
/// If the follower fails, or the log server does not let this reader in.
pub fn follow<'p, F: Follower<'p>>(
    follower: &mut F,
    views: &Arc<dyn LiveViews>,
    observer: &dyn WatchObserver,
) -> Result<(), F::Error> {
    let mut wait = Backoff::up_to(MAX_WAIT);
    let mut gaps = follower.reports_gaps().then(GapReporter::new);
    // The error code that was reported last.
    let mut reported: Option<String> = None;
    // If the log has fewer entries than before, read it from its current end; the pin then exposes it.
    let mut is_behind = false;
    while !is_done(follower, observer) {
        if let Some(trust) = views.trust() {
            follower.watcher().set_trust(trust);
        }
        let from = follower.watcher().position().filter(|_| !is_behind);
        let (sender, events) = sync_channel(MAX_CHUNKS);
        let following = views.clone();
        std::thread::spawn(move || following.follow(from, &sender));
        follower.watcher().begin();
        let (status, why, has_grown) = read_view(follower, &events, &**views, observer, gaps.as_mut())?;
        if has_grown {
            wait = Backoff::up_to(MAX_WAIT);
            reported = None;
        }
        if is_done(follower, observer) {
            break;
        }
        is_behind = status == Some(400) && !is_behind;
        if matches!(status, Some(401 | 403)) {
            return Err(why.into());
        }
        if why.code() != "stream.ended" && reported.as_deref() != Some(why.code()) {
            reported = Some(why.code().to_owned());
            observer.notice(&WatchNotice::ViewLost(why));
        }
        let until = Instant::now() + wait.next(None);
        while Instant::now() < until && !observer.is_stopped() {
            std::thread::sleep(POLL_INTERVAL.min(until.saturating_duration_since(Instant::now())));
        }
    }
    if let Some(mut gaps) = gaps {
        gaps.report(follower.watcher(), observer);
    }
    Ok(())
}

/// Reads a view until it ends. Returns the status, the reason, and whether the log has grown.
fn read_view<'p, F: Follower<'p>>(
    follower: &mut F,
    events: &Channel<ViewEvent>,
    views: &dyn LiveViews,
    observer: &dyn WatchObserver,
    mut gaps: Option<&mut GapReporter>,
) -> Result<(Option<u16>, EngineError, bool), F::Error> {
    let ended =
        |why: &str| EngineError::new("stream.ended", why, "wait; the program reconnects automatically");
    let mut has_grown = false;
    let mut trust_checked_at = Instant::now();
    loop {
        let mut lost = None;
        match events.recv_timeout(POLL_INTERVAL) {
            Ok(ViewEvent::Lines(lines)) => {
                follower.watcher().push(&lines);
                for _ in 0..MAX_CHUNKS {
                    match events.try_recv() {
                        Ok(ViewEvent::Lines(lines)) => follower.watcher().push(&lines),
                        Ok(ViewEvent::Lost { status, why }) => lost = Some((status, why)),
                        Err(_) => break,
                    }
                }
                let Some(grown) = follower.settle()? else {
                    return Ok((None, ended("a chain's open link is missing; another view is needed"), true));
                };
                has_grown |= grown;
                if let Some(size) = follower.watcher().take_unwitnessed() {
                    observer.notice(&WatchNotice::Unwitnessed { size });
                }
            }
            Ok(ViewEvent::Lost { status, why }) => lost = Some((status, why)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => lost = Some((None, ended("the stream ended"))),
        }
        if lost.is_none() && trust_checked_at.elapsed() >= TRUST_CHECK_INTERVAL {
            trust_checked_at = Instant::now();
            if views.trust().is_some_and(|trust| !follower.watcher().is_trusting(&trust)) {
                return Ok((None, ended("the trust file has changed"), true));
            }
        }
        follower.idle()?;
        if let Some(gaps) = &mut gaps {
            gaps.report_if_due(follower.watcher(), observer);
        }
        if let Some((status, why)) = lost {
            return Ok((status, why, has_grown));
        }
        if is_done(follower, observer) {
            return Ok((None, ended("the watch is done"), has_grown));
        }
    }
}
