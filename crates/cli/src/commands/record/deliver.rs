//! `countersign record --to`: records events as a signed chain, delivers it to a log, and verifies the proofs.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign::event::{Event, Redaction};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign_delivery::{Clock, Early, FollowPosition, Outbox, SenderObserver, SharedStatus, redate};
use countersign_errors::{EngineError, now};
use countersign_ingest::UnwrapSummary;
use serde_json::json;

use super::delivery_args::DeliveryArgs;
use crate::commands::keygen::random;
use crate::commands::record;
use crate::commands::record::explain;
use crate::commands::record::redactions::{Redactions, Rules};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::verdict::count;
use crate::io::{stop, style};

/// The maximum number of events and bytes in a flush, which keeps segments and submissions small.
const FLUSH_EVENTS: u64 = 1_024;
const FLUSH_BYTES: usize = 256 << 10;
/// The maximum number of bytes that wait in memory without an outbox on disk; above it, reading pauses.
pub(super) const MAX_MEMORY_BYTES: usize = 64 << 20;
/// The approximate size of a link without its event, in bytes.
const LINK_BYTES: usize = 400;

/// The state that the recording and the sending thread share.
pub(super) struct Session<'a> {
    pub(super) args: &'a record::Args,
    pub(super) to: &'a DeliveryArgs,
    pub(super) key: &'a SignerKey,
    pub(super) origin: &'a str,
    pub(super) outbox: &'a Mutex<Outbox>,
    /// True if the outbox stores how much of the inputs was recorded; false for a stream, which can't be read again.
    pub(super) keeps: bool,
    /// True if an earlier run recorded some of the inputs.
    pub(super) resumed: bool,
    pub(super) shared: &'a SharedStatus,
    pub(super) clock: Mutex<Clock>,
    pub(super) redactions: Mutex<Redactions>,
}

/// Reports delivery problems, and a request to stop.
pub(super) struct DeliveryTerminal;

impl SenderObserver for DeliveryTerminal {
    fn is_stopped(&self) -> bool {
        stop::is_requested()
    }

    fn failed(&self, why: &EngineError, wait: Duration) {
        let seconds = wait.as_secs().max(1);
        style::warn(&format!("delivery failed; retrying in {seconds} s: {why}"));
    }

    fn recovered(&self) {
        style::done("delivery works again");
    }
}

/// Recorded events that are not flushed yet.
#[derive(Default)]
pub(super) struct Unflushed {
    pub(super) events: u64,
    pub(super) redacted: u64,
    pub(super) bytes: usize,
    pub(super) since: Option<Instant>,
    pub(super) followed: Option<FollowPosition>,
}

/// The chain that a run records.
pub(super) struct Recording {
    pub(super) rules: Rules,
    /// `None` until the first event of a chain.
    pub(super) recorder: Option<Recorder>,
    pub(super) unflushed: Unflushed,
    /// The number of events in the outbox, including those that were removed from it.
    pub(super) recorded: u64,
}

impl Session<'_> {
    pub(super) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a recording, which continues the open chain of the outbox, if there is one.
    pub(super) fn begin(&self) -> Result<Recording, CliError> {
        let head = self.outbox().head().filter(|head| !head.closed).map(|head| head.position.clone());
        let key = self.key.verifier_key();
        let recorder = head.map(|position| Recorder::resume(key.clone(), &position)).transpose()?;
        Ok(Recording {
            rules: record::rules(self.args),
            recorder: recorder.map(|it| self.with_sign_interval(it)),
            unflushed: Unflushed::default(),
            recorded: 0,
        })
    }

    /// Adds an event to the chain.
    pub(super) fn add(
        &self,
        recording: &mut Recording,
        event: &Event,
        followed: Option<FollowPosition>,
    ) -> Result<(), CliError> {
        if self.is_ahead_of_time(recording.recorder.as_ref())? {
            self.flush(recording)?;
            recording.recorder = None;
        }
        self.link(&mut recording.recorder, event)?;
        let unflushed = &mut recording.unflushed;
        unflushed.events += 1;
        unflushed.redacted += event.redacted() as u64;
        unflushed.bytes += event.as_bytes().len() + LINK_BYTES;
        unflushed.followed = followed.or(unflushed.followed.take());
        unflushed.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Closes the chain unless it stays open, and saves it.
    pub(super) fn finish(&self, recording: &mut Recording, failed: bool) -> Result<(), CliError> {
        if let Some(recorder) = recording.recorder.as_mut().filter(|_| self.is_last(failed)) {
            recorder.sign_with(self.key)?;
            recorder.close(self.now()?)?;
            recording.unflushed.since = Some(Instant::now());
        }
        self.flush(recording)
    }

    /// True if the chain is closed at the end. A chain in an outbox stays open after a stop or an error.
    fn is_last(&self, failed: bool) -> bool {
        let kept = self.to.outbox.is_some();
        !self.args.open && !(kept && (failed || stop::is_requested() || self.is_rejected()))
    }

    /// True if the log no longer accepts this chain.
    pub(super) fn is_rejected(&self) -> bool {
        let status = self.shared.status();
        status.over && (self.to.follow || self.to.outbox.is_none() || is_dead(status.failure.as_ref()))
    }

    /// Parses an event. In a followed file, which can't be corrected, a line that is not an event is recorded as
    /// dropped.
    pub(super) fn event(
        &self,
        bytes: &[u8],
        followed: Option<&FollowPosition>,
        Recording { rules, recorded, .. }: &Recording,
    ) -> Result<Event, CliError> {
        let error = match record::event(self.args, bytes, &rules.all) {
            Ok(event) => {
                let plain = || record::event(self.args, bytes, &rules.none).ok();
                self.redactions.lock().unwrap_or_else(PoisonError::into_inner).add(&event, plain);
                return Ok(event);
            }
            Err(error) => error,
        };
        if !self.to.follow {
            let failure = explain(error, bytes);
            let hint = "correct this line, and record the rest from this line on; the events before it were recorded";
            return Err(if *recorded > 0 { failure.with_hint(hint) } else { failure });
        }
        let place = followed.map(|followed| followed.offset);
        let at = place.map_or_else(String::new, |offset| format!(" before byte {offset}"));
        style::warn(&format!(
            "the line{at} is not an event, and was recorded as countersign.dropped: {error}"
        ));
        let dropped = json!({
            "action": "countersign.dropped",
            "outcome": "failure",
            "metadata": { "bytes": bytes.len(), "code": error.code.as_str(), "count": 1, "line_end": place },
        });
        Ok(Event::parse(dropped.to_string().as_bytes(), &Redaction::none())?)
    }

    /// Returns the current time, corrected by the log's clock if that is known.
    fn now(&self) -> Result<Time, CliError> {
        Ok(self.clock.lock().unwrap_or_else(PoisonError::into_inner).now(now()?))
    }

    /// True if a chain's times are ahead of now. Times in a chain never decrease, so more links would repeat
    /// a time that no log accepts yet.
    fn is_ahead_of_time(&self, recorder: Option<&Recorder>) -> Result<bool, CliError> {
        let Some(position) = recorder.and_then(Recorder::position) else { return Ok(false) };
        Ok(Clock::is_too_far_ahead(position.time, self.now()?))
    }

    /// Redates links that the log rejected as too early, if any. The recorder then continues with the new
    /// chain.
    pub(super) fn redate_early(&self, recorder: &mut Option<Recorder>) {
        let Some(early) = self.shared.status().early else { return };
        let dated = self.try_redate_early(&early);
        let is_redated = matches!(dated, Ok(Some(_)));
        match dated {
            Ok(Some(redated)) => *recorder = Some(redated).filter(|redated| !redated.is_closed()),
            Ok(None) => {}
            Err(failure) => style::warn(&failure.brief()),
        }
        self.shared.change(|status| (status.early, status.redated) = (None, is_redated));
    }

    fn try_redate_early(&self, early: &Early) -> Result<Option<Recorder>, CliError> {
        let learnt = self.clock.lock().unwrap_or_else(PoisonError::into_inner).learn(now()?, early.now);
        let Some(learnt) = learnt else { return Ok(None) };
        let mut nonce = [0; 16];
        random(&mut nonce)?;
        let with_interval = |recorder| self.with_sign_interval(recorder);
        let redated =
            redate(&mut self.outbox(), early, &learnt, self.key, self.origin, &nonce, with_interval)?;
        if redated.is_some() && learnt.is_corrected {
            let seconds = learnt.ahead / 1000;
            style::warn(&format!(
                "this machine's clock is {seconds} s ahead of the log's, so events get the log's time; correct the clock that is wrong"
            ));
        } else if redated.is_some() {
            style::warn(
                "some events had times ahead of the log's clock, and were recorded with the current time",
            );
        }
        Ok(redated)
    }

    fn with_sign_interval(&self, recorder: Recorder) -> Recorder {
        recorder.sign_every(NonZeroU32::new(self.args.sign_every).unwrap_or(NonZeroU32::MIN))
    }

    fn link(&self, recorder: &mut Option<Recorder>, event: &Event) -> Result<(), CliError> {
        let recorder = if let Some(recorder) = recorder {
            recorder
        } else {
            let mut nonce = [0; 16];
            random(&mut nonce)?;
            let key = self.key.verifier_key().clone();
            recorder.insert(self.with_sign_interval(Recorder::open(self.origin, key, self.now()?, &nonce)?))
        };
        recorder.sign_with(self.key)?;
        let mut salt = [0; 16];
        random(&mut salt)?;
        recorder.record(event, self.now()?, &salt)?;
        Ok(recorder.sign_with(self.key)?)
    }

    pub(super) fn is_due(&self, unflushed: &Unflushed) -> bool {
        let limits = self.shared.status().limits;
        let bytes = FLUSH_BYTES.min(limits.bytes / 2);
        let events = FLUSH_EVENTS.min(limits.lines as u64 / 2).max(1);
        unflushed.events >= events
            || (unflushed.events > 0 && unflushed.bytes >= bytes)
            || unflushed.since.is_some_and(|since| since.elapsed() >= self.to.flush_every)
    }

    /// Saves the recorded events in the outbox.
    pub(super) fn flush(&self, recording: &mut Recording) -> Result<(), CliError> {
        let unflushed = std::mem::take(&mut recording.unflushed);
        let recorder = recording.recorder.as_mut();
        let Some(recorder) = recorder.filter(|_| unflushed.since.is_some()) else { return Ok(()) };
        recorder.flush();
        recorder.sign_with(self.key)?;
        let lines = recorder.drain();
        self.outbox().append(&lines, unflushed.followed.as_ref()).map_err(|error| {
            let lost = count(unflushed.events, "event");
            CliError::from(error).because(&format!("{lost} could not be saved, nor anything read after them"))
        })?;
        self.shared.change(|status| {
            status.recorded += unflushed.events;
            status.redacted += unflushed.redacted;
        });
        recording.recorded += unflushed.events;
        Ok(())
    }

    /// Reports the result of the run.
    pub(super) fn report_result(
        &self,
        recorded: u64,
        ended: Result<UnwrapSummary, CliError>,
    ) -> Result<ExitStatus, CliError> {
        let (redacted, proven, failure) = {
            let mut status = self.shared.status();
            (status.redacted, status.proven, status.failure.take())
        };
        let redactions = self.redactions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut outbox = self.outbox();
        let waiting = outbox.events();
        let links: u64 = outbox.pending().iter().map(|segment| segment.links).sum();
        if self.args.format.is_json() {
            let head = outbox.head();
            let summary = json!({
                "recorded": recorded,
                "proven": proven,
                "waiting": waiting,
                "chain": head.map(|head| head.position.chain.to_string()),
                "seq": head.map(|head| head.position.seq),
                "closed": head.map(|head| head.closed),
                "redacted": redacted,
                "redacted_fields": redactions.as_json(),
            });
            writeln!(anstream::stdout(), "{summary}")
                .map_err(|error| CliError::io("write", "standard output", &error))?;
        }
        let undelivered = (links > 0 || failure.is_some()).then(|| {
            let kept = match &self.to.outbox {
                Some(path) => format!("kept in {}; the next run sends them", shown(path)),
                None => "lost, because there is no --outbox".into(),
            };
            if waiting == 0 {
                format!("the end of the chain is not proven to be in the log ({kept})")
            } else {
                format!(
                    "{} not proven to be in the log ({kept})",
                    if waiting == 1 { "1 event is".into() } else { format!("{waiting} events are") }
                )
            }
        });
        let unwrapped = match (ended, undelivered) {
            (Ok(unwrapped), None) => unwrapped,
            (Err(why), None) => return Err(why),
            (Ok(_), Some(undelivered)) => {
                return Err(failure.map_or_else(stopped, CliError::from).because(&undelivered));
            }
            (Err(why), Some(undelivered)) => {
                // After a request to stop, the reason why events are lost is the failed delivery.
                let is_stopped = why.code() == "submit.stopped";
                let why = failure.filter(|_| is_stopped).map_or(why, CliError::from);
                return Err(why.because(&undelivered));
            }
        };
        // The outbox's record of inputs belongs to other inputs if this run recorded none.
        if (recorded > 0 || self.resumed) && self.keeps {
            outbox.forget().unwrap_or_else(|error| style::warn(&CliError::from(error).brief()));
        }
        let end = match outbox.head() {
            Some(head) if head.closed => "; the chain is closed",
            Some(_) => "; the chain is open",
            None => "",
        };
        style::done(&format!(
            "{} recorded, {} proven to be in the log{end}{}{unwrapped}",
            count(recorded, "event"),
            proven,
            redactions.summary(redacted)
        ));
        Ok(ExitStatus::Success)
    }
}

pub(super) fn stopped() -> CliError {
    CliError::unusable(
        "submit.stopped",
        "recording was stopped before the end of the input",
        "run the command again to record the rest",
    )
}

/// True if the chain itself can't continue, not only its delivery.
fn is_dead(failure: Option<&EngineError>) -> bool {
    failure.is_some_and(|failure| matches!(failure.code(), "log.fork" | "log.rollback"))
}
