//! Notices of a watch, for people.

use std::fmt;

use countersign_analyze::Coverage;
use countersign_errors::EngineError;

/// Something that people should know; as text, a sentence without its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// The rules are others than before: findings before this entry are not reported.
    RulesChanged {
        /// The first entry whose findings are reported.
        from: u64,
    },
    /// The view of the log was lost; it is requested again.
    ViewLost(EngineError),
    /// Too few witnesses signed the log's checkpoint.
    Unwitnessed {
        /// The checkpoint's size.
        size: u64,
    },
    /// The number of skipped events: a signature covered them later than a checkpoint did.
    Late(u64),
    /// The coverage of the rules, if it has changed.
    Coverage(Box<Coverage>),
    /// A receiver does not accept items, so they wait.
    Waiting {
        /// The receiver's name.
        receiver: &'static str,
        /// The reason.
        why: String,
    },
    /// A receiver accepts items again.
    Accepting {
        /// The receiver's name.
        receiver: &'static str,
    },
    /// A receiver refuses an item, which is passed over.
    Refused {
        /// The item's name.
        item: String,
        /// The receiver's name.
        receiver: &'static str,
        /// The reason.
        why: String,
    },
    /// It can't be kept what a receiver accepted.
    NotKept {
        /// The receiver's name.
        receiver: &'static str,
        /// The error.
        why: EngineError,
    },
    /// Ending waits for the answers of these receivers.
    Ending(Vec<&'static str>),
    /// Records wait for the log.
    RecordsWaiting(EngineError),
    /// The watchlist is full: so many entries were left out.
    WatchlistFull(u64),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RulesChanged { from } => write!(
                f,
                "the rules have changed: they look at the log from its beginning, and tell what they find from entry {from} on"
            ),
            Self::ViewLost(why) => write!(f, "{why}; it is asked again"),
            Self::Unwitnessed { size } => write!(
                f,
                "too few witnesses signed the log's checkpoint of {}: what is new waits until enough have",
                entries(*size)
            ),
            Self::Late(events) => write!(
                f,
                "{} were covered by a signature later than by a checkpoint: they are passed over",
                if *events == 1 { "1 event".into() } else { format!("{events} events") }
            ),
            Self::Coverage(coverage) => {
                write!(
                    f,
                    "{} of {} events have a shape that no parser knows",
                    coverage.unparsed, coverage.events
                )
            }
            Self::Waiting { receiver, why } => {
                write!(f, "the {receiver} doesn't accept alerts, so they wait: {why}")
            }
            Self::Accepting { receiver } => write!(f, "the {receiver} accepts alerts again"),
            Self::Refused { item, receiver, why } => {
                write!(f, "{item} is passed over for the {receiver}, which refuses it: {why}")
            }
            Self::NotKept { receiver, why } => {
                write!(f, "what the {receiver} has taken cannot be kept: {why}")
            }
            Self::Ending(receivers) => write!(
                f,
                "ending waits for an answer (by {}). Stop it once more to end at once: the next run then hands the same on again",
                receivers.join(", ")
            ),
            Self::RecordsWaiting(why) => write!(f, "records wait for the log: {why}"),
            Self::WatchlistFull(left_out) => {
                write!(f, "the watchlist is full: {} left out, of those that end soonest", entries(*left_out))
            }
        }
    }
}

fn entries(number: u64) -> String {
    if number == 1 { "1 entry".into() } else { format!("{number} entries") }
}

/// The program around a watch. Several threads call it.
pub trait Observer: Send + Sync {
    /// True if the program was asked to stop: the watch ends in good order then.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Called with what people should know.
    fn notice(&self, _notice: &Notice) {}
}

/// Never stops, and ignores notices.
impl Observer for () {}
