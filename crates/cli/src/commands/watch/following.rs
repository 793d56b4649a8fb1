//! Following a log's stream: it is read, and asked for again where it ends, until whoever follows is done.

use std::sync::Arc;
use std::sync::mpsc::{Receiver as Channel, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::stream::{Heard, Views};
use super::watcher::Watcher;
use crate::errors::CliError;
use crate::io::retry::Waits;
use crate::io::verdict::entries;
use crate::io::{stop, style};

/// How long nothing is looked at but the stream.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// How often it is looked whether somebody else is trusted.
const TRUST: Duration = Duration::from_secs(1);
/// The longest wait before a stream that ended is asked for again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How many lines of the stream are verified at once.
const PIECES: usize = 64;

/// Somebody who follows a log.
pub(crate) trait Follows<'p> {
    /// What verifies it.
    fn watcher(&mut self) -> &mut Watcher<'p>;

    /// The size of the log at which to stop.
    fn end(&self) -> Option<u64>;

    /// Whether nothing more is wanted.
    fn is_done(&mut self) -> bool {
        let end = self.end();
        let watcher = self.watcher();
        let is_at = |end| watcher.has_looked() && watcher.position().is_some_and(|position| position >= end);
        stop::asked() || end.is_some_and(is_at)
    }

    /// Takes in what became known. Whether the log has grown; none where another view is needed.
    fn settle(&mut self) -> Result<Option<bool>, CliError>;

    /// There was a moment for other things.
    fn idle(&mut self) -> Result<(), CliError> {
        Ok(())
    }
}

/// Follows a log until that is done.
pub(crate) fn follow<'p>(follower: &mut impl Follows<'p>, views: &Arc<dyn Views>) -> Result<(), CliError> {
    let mut wait = Waits::up_to(LONGEST_WAIT);
    // What was last said of the connection.
    let mut told: Option<String> = None;
    // A log that has fewer leaves than were seen is read from where it is, and the pin tells.
    let mut is_behind = false;
    while !follower.is_done() {
        if let Some(trust) = views.trust() {
            follower.watcher().set_trust(trust);
        }
        let from = follower.watcher().position().filter(|_| !is_behind);
        let (tell, heard) = sync_channel(PIECES);
        let following = views.clone();
        std::thread::spawn(move || following.follow(from, &tell));
        follower.watcher().begin();
        let (status, why, has_grown) = listen(follower, &heard, &**views)?;
        if has_grown {
            wait = Waits::up_to(LONGEST_WAIT);
            told = None;
        }
        if follower.is_done() {
            break;
        }
        is_behind = status == Some(400) && !is_behind;
        if matches!(status, Some(401 | 403)) {
            return Err(why);
        }
        if why.code() != "stream.ended" && told.as_deref() != Some(why.code()) {
            style::warn(&format!("{}; it is asked again", why.brief()));
            told = Some(why.code().to_owned());
        }
        let until = Instant::now() + wait.next(None);
        while Instant::now() < until && !stop::asked() {
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
    }
    Ok(())
}

/// Listens to a view until it ends. Gives why, and whether it brought anything.
fn listen<'p>(
    follower: &mut impl Follows<'p>,
    heard: &Channel<Heard>,
    views: &dyn Views,
) -> Result<(Option<u16>, CliError, bool), CliError> {
    let ended = |why: &str| CliError::unusable("stream.ended", why, "it is asked again");
    let mut has_grown = false;
    let mut trusted = Instant::now();
    loop {
        let mut lost = None;
        match heard.recv_timeout(LOOK) {
            Ok(Heard::Lines(lines)) => {
                follower.watcher().push(&lines);
                for _ in 0..PIECES {
                    match heard.try_recv() {
                        Ok(Heard::Lines(lines)) => follower.watcher().push(&lines),
                        Ok(Heard::Lost { status, why }) => lost = Some((status, why)),
                        Err(_) => break,
                    }
                }
                let Some(grown) = follower.settle()? else {
                    return Ok((None, ended("another view is needed"), true));
                };
                has_grown |= grown;
                if let Some(size) = follower.watcher().take_unwitnessed() {
                    let size = entries(size);
                    style::warn(&format!(
                        "too few witnesses signed the log's checkpoint of {size}: what is new waits until enough have"
                    ));
                }
            }
            Ok(Heard::Lost { status, why }) => lost = Some((status, why)),
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
        if follower.is_done() {
            return Ok((None, ended("it is done"), has_grown));
        }
    }
}
