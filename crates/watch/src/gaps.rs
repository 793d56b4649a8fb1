//! Reports to the user which events the rules couldn't check, and what they skipped, when that changes.

use std::time::{Duration, Instant};

use countersign_query::parser::PromisedFacts;

use crate::examined::Examined;
use crate::notice::{WatchNotice, WatchObserver};
use crate::watcher::Watcher;

/// The time before the first report, and between reports.
const FIRST_DELAY: Duration = Duration::from_mins(1);
const INTERVAL: Duration = Duration::from_hours(1);

/// The gaps, without numbers of events: sources, and rules by their ids.
#[derive(Default, PartialEq)]
struct Gaps {
    is_unparsed: bool,
    has_unclear_times: bool,
    has_future: bool,
    sources: Vec<String>,
    unread: Vec<(String, PromisedFacts)>,
    blind: Vec<String>,
    limited: Vec<String>,
}

impl Gaps {
    fn from_examined(Examined { coverage, limits, future }: &Examined) -> Self {
        let sources = coverage.sources.iter().filter(|source| source.covered < source.events);
        Self {
            is_unparsed: coverage.unparsed > 0,
            has_unclear_times: coverage.unclear_times.is_some(),
            has_future: future.is_some(),
            sources: sources.map(|source| source.parser.clone()).collect(),
            unread: coverage.unread.iter().map(|unread| (unread.parser.clone(), unread.facts)).collect(),
            blind: coverage.blind.iter().map(|blind| blind.rule.clone()).collect(),
            limited: limits.iter().map(|limit| limit.rule.clone()).collect(),
        }
    }
}

/// Reports gaps a while after it is created, then at intervals, if they have changed.
pub(crate) struct GapReporter {
    reported: Gaps,
    due: Instant,
}

impl GapReporter {
    pub(crate) fn new() -> Self {
        Self { reported: Gaps::default(), due: Instant::now() + FIRST_DELAY }
    }

    /// Reports what has changed, if the time for it has come.
    pub(crate) fn report_if_due(&mut self, watcher: &Watcher<'_>, observer: &dyn WatchObserver) {
        if Instant::now() >= self.due {
            self.report(watcher, observer);
        }
    }

    /// Reports all gaps, if any has changed since the last report.
    pub(crate) fn report(&mut self, watcher: &Watcher<'_>, observer: &dyn WatchObserver) {
        self.due = Instant::now() + INTERVAL;
        let examined = watcher.examined();
        let gaps = Gaps::from_examined(&examined);
        if gaps != self.reported {
            observer.notice(&WatchNotice::Gaps(Box::new(examined)));
            self.reported = gaps;
        }
    }
}
