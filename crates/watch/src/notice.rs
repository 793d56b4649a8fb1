//! Notices of a watch to its user.

use std::fmt;

use countersign_analyze::{UnreadEvents, unclear_times_sentence};
use countersign_errors::EngineError;
use countersign_query::Conclusion;

use crate::examined::Examined;

/// A notice to the user. Its text is a sentence without the final period.
#[derive(Debug)]
#[non_exhaustive]
pub enum WatchNotice {
    /// The rules changed; findings before this entry are not reported again.
    RulesChanged {
        /// The first entry whose findings are reported.
        from: u64,
    },
    /// The live view was lost; the watch reconnects.
    ViewLost(EngineError),
    /// Too few witnesses cosigned the log's checkpoint.
    Unwitnessed {
        /// The checkpoint's size.
        size: u64,
    },
    /// The number of skipped events: their signature came after the checkpoint that covers them.
    Late(u64),
    /// The events that rules couldn't check, or the work that they skipped, changed.
    Gaps(Box<Examined>),
    /// A destination doesn't accept items, so they wait.
    Waiting {
        /// The destination's name.
        destination: &'static str,
        /// The reason.
        why: String,
    },
    /// A destination accepts items again.
    Accepting {
        /// The destination's name.
        destination: &'static str,
    },
    /// A destination rejected an item, which is skipped.
    Refused {
        /// The item's name.
        item: String,
        /// The destination's name.
        destination: &'static str,
        /// The reason.
        why: String,
    },
    /// The progress of a destination can't be saved.
    ProgressNotSaved {
        /// The destination's name.
        destination: &'static str,
        /// The error.
        why: EngineError,
    },
    /// The end of the watch is delayed by these destinations.
    WaitingToEnd(Vec<&'static str>),
    /// Records can't be delivered to the log yet.
    RecordsWaiting(EngineError),
    /// The watchlist is full: this many entries were dropped.
    WatchlistFull(u64),
}

impl fmt::Display for WatchNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RulesChanged { from } => write!(
                f,
                "the rules have changed: they are run on the log from its beginning, and report findings from entry {from} on"
            ),
            Self::ViewLost(why) => write!(f, "{why}; reconnecting"),
            Self::Unwitnessed { size } => write!(
                f,
                "too few witnesses signed the log's checkpoint of {}; new entries wait until enough have",
                entries(*size)
            ),
            Self::Late(events) => write!(
                f,
                "skipped {}: the signature came after the checkpoint",
                if *events == 1 { "1 event".into() } else { format!("{events} events") }
            ),
            Self::Gaps(examined) => {
                let coverage = &examined.coverage;
                let gaps = [
                    coverage.unparsed().sentence(Conclusion::Rules),
                    coverage.unclear_times.map(|(number, _)| unclear_times_sentence(number)),
                    counted(
                        coverage.uncovered(),
                        "parsed event can't be examined by any rule for its source",
                        "parsed events can't be examined by any rule for their source",
                    ),
                    counted(
                        coverage.blind.len() as u64,
                        "rule needs fields that no event of its source has",
                        "rules need fields that no event of their source has",
                    ),
                    counted(
                        examined.limits.len() as u64,
                        "rule skipped something, to save memory or because it came late",
                        "rules skipped something, to save memory or because it came late",
                    ),
                    counted(
                        examined.future.map_or(0, |(number, _)| number),
                        "event is dated later than it was recorded, so rules over a timespan don't count it",
                        "events are dated later than they were recorded, so rules over a timespan don't count them",
                    ),
                ];
                let unread = coverage.unread.iter().map(UnreadEvents::sentence);
                let gaps: Vec<String> = gaps.into_iter().flatten().chain(unread).collect();
                if gaps.is_empty() {
                    f.write_str("rules can examine every event")
                } else {
                    f.write_str(&gaps.join("; "))
                }
            }
            Self::Waiting { destination, why } => {
                write!(f, "the {destination} doesn't accept alerts, so they wait: {why}")
            }
            Self::Accepting { destination } => write!(f, "the {destination} accepts alerts again"),
            Self::Refused { item, destination, why } => {
                write!(f, "the {destination} rejected {item}, which is skipped: {why}")
            }
            Self::ProgressNotSaved { destination, why } => {
                write!(f, "can't save the progress of the {destination}: {why}")
            }
            Self::WaitingToEnd(destinations) => write!(
                f,
                "waiting for an answer ({}); stop again to end at once, and the next run sends the item again",
                destinations.join(", ")
            ),
            Self::RecordsWaiting(why) => write!(f, "records can't be delivered to the log yet: {why}"),
            Self::WatchlistFull(dropped) => {
                write!(f, "the watchlist is full: dropped {}, those that expire first", entries(*dropped))
            }
        }
    }
}

/// Puts a number before the clause for one, or for several. `None` for 0.
fn counted(number: u64, one: &str, several: &str) -> Option<String> {
    match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {several}")),
    }
}

fn entries(number: u64) -> String {
    if number == 1 { "1 entry".into() } else { format!("{number} entries") }
}

/// The program that runs a watch. Several threads call it.
pub trait WatchObserver: Send + Sync {
    /// True if the program was asked to stop; the watch then shuts down cleanly.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Called with each notice to the user.
    fn notice(&self, _notice: &WatchNotice) {}
}

/// Never stops, and ignores notices.
impl WatchObserver for () {}
