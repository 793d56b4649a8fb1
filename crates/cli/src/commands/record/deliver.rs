//! `countersign record --to`: records events as a signed chain, delivers it to a log, and verifies the proofs.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign::event::{Event, Redaction};
use countersign::note::{SignerKey, VerifierKey};
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_delivery::{
    BatchLimits, Clock, Delivery, Directory, Early, FollowPosition, LogServer, Memory, Outbox, RetryPolicy,
    SenderObserver, SharedStatus, Store, redate, send,
};
use countersign_errors::{EngineError, now};
use countersign_ingest::UnwrapSummary;
use serde_json::json;

use super::delivery_args::DeliveryArgs;
use super::inputs::{self, InputMessage, Inputs};
use crate::commands::keygen::random;
use crate::commands::record;
use crate::commands::record::explain;
use crate::commands::record::redactions::{Redactions, Rules};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::submit::log_server;
use crate::io::verdict::count;
use crate::io::{progress, stop, style};

/// The maximum number of events and bytes in a flush, which keeps segments and submissions small.
const FLUSH_EVENTS: u64 = 1_024;
const FLUSH_BYTES: usize = 256 << 10;
/// The maximum number of bytes that wait in memory without an outbox on disk; above it, reading pauses.
const MAX_MEMORY_BYTES: usize = 64 << 20;
/// The maximum time between checks of anything other than the input.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The approximate size of a link without its event, in bytes.
const LINK_BYTES: usize = 400;

/// Records all events and delivers them.
pub(crate) fn run(
    args: &record::Args,
    to: &DeliveryArgs,
    url: &str,
    key: &SignerKey,
) -> Result<ExitStatus, CliError> {
    let (trust, origin) = to.proofs.trust(args.origin.as_deref())?;
    let mut log_server_client = log_server(url)?;
    let (store, name): (Box<dyn Store>, String) = match &to.outbox {
        Some(path) => (Box::new(Directory::open(path)?), shown(path)),
        None => (Box::<Memory>::default(), "memory".into()),
    };
    let outbox = Outbox::open(store, &origin, &name)?;
    check_key(&outbox, key.verifier_key())?;
    let waiting = outbox.events();
    if waiting > 0 {
        style::done(&format!("{} from an earlier run will be sent first", count(waiting, "event")));
    }
    let file = match &args.events[..] {
        [file] => Some(&**file).filter(|file| to.follow && *file != Path::new("-")),
        _ if to.follow => {
            let hint = "use a separate run with a separate outbox for each file";
            return Err(CliError::unusable("arguments.invalid", "--follow requires exactly one file", hint));
        }
        _ => None,
    };
    if file.is_some() && to.outbox.is_none() {
        let hint = "use --outbox DIR, which stores how far the file was read";
        return Err(CliError::unusable("arguments.invalid", "--follow requires an outbox", hint));
    }
    check_file(&outbox, file)?;
    stop::enable_graceful();
    let mut nothing_there = outbox.pending().is_empty() && outbox.head().is_none_or(|head| head.closed);
    let mut resumed = false;
    let keeps = to.outbox.is_some() && !to.follow && args.events.iter().all(|path| path.is_file());
    let feed = if let Some(file) = file {
        inputs::follow(file, outbox.followed().filter(|followed| followed.offset > 0).cloned())
    } else if keeps {
        let (inputs, earlier) = Inputs::resume(&args.events, outbox.followed().cloned().unwrap_or_default())?;
        resumed = earlier.is_some();
        if let Some(earlier) = earlier {
            nothing_there = false;
            style::done(&earlier.to_string());
        }
        inputs::read(inputs, false)
    } else {
        inputs::read(Inputs::new(&args.events, None), to.follow)
    };
    let outbox = Mutex::new(outbox);
    let shared = SharedStatus::default();
    let session = Session {
        args,
        to,
        key,
        origin: &origin,
        outbox: &outbox,
        keeps,
        resumed,
        shared: &shared,
        clock: Mutex::default(),
        redactions: Mutex::default(),
    };
    let (recorded, ended) = session.deliver(&trust, &mut log_server_client, &feed);
    if recorded == 0 && nothing_there && !to.follow && ended.is_ok() {
        return Err(record::no_event(args));
    }
    session.report_result(recorded, ended)
}

/// Checks that an open chain continues with its own key.
fn check_key(outbox: &Outbox, key: &VerifierKey) -> Result<(), CliError> {
    match outbox.head() {
        Some(head) if !head.closed && head.key != *key => {
            let message = format!("the chain in the outbox belongs to another key: {}", head.key);
            let hint = "use that key, or another directory, where a new chain begins";
            Err(CliError::unusable("outbox.other_key", message, hint).within(outbox.name()))
        }
        _ => Ok(()),
    }
}

/// Checks that the outbox doesn't follow another file.
fn check_file(outbox: &Outbox, file: Option<&Path>) -> Result<(), CliError> {
    let known = outbox.followed().and_then(|followed| followed.path.clone());
    match (known, file.and_then(inputs::place)) {
        (Some(known), Some(place)) if known != place => {
            let message = format!("the outbox follows another file: {}", style::plain(&known));
            let hint = "use a separate outbox for each file";
            Err(CliError::unusable("outbox.other_file", message, hint).within(outbox.name()))
        }
        _ => Ok(()),
    }
}

/// The state that the recording and the sending thread share.
struct Session<'a> {
    args: &'a record::Args,
    to: &'a DeliveryArgs,
    key: &'a SignerKey,
    origin: &'a str,
    outbox: &'a Mutex<Outbox>,
    /// True if the outbox stores how much of the inputs was recorded; false for a stream, which can't be read again.
    keeps: bool,
    /// True if an earlier run recorded some of the inputs.
    resumed: bool,
    shared: &'a SharedStatus,
    clock: Mutex<Clock>,
    redactions: Mutex<Redactions>,
}

/// Reports delivery problems, and a request to stop.
struct DeliveryTerminal;

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
struct Unflushed {
    events: u64,
    redacted: u64,
    bytes: usize,
    since: Option<Instant>,
    followed: Option<FollowPosition>,
}

impl Session<'_> {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records and delivers concurrently. Returns the number of recorded events, and the result of recording.
    fn deliver(
        &self,
        trust: &Trust,
        log_server_client: &mut (dyn LogServer<Error = EngineError> + Send),
        feed: &Receiver<InputMessage>,
    ) -> (u64, Result<UnwrapSummary, CliError>) {
        let policy = RetryPolicy {
            give_up: self.to.give_up,
            retry_refusals: self.to.follow,
            blocks_recording: self.to.outbox.is_none(),
        };
        let delivery = Delivery::new(self.outbox, trust, self.origin).limits(BatchLimits::default());
        let mut recorded = 0;
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| send(delivery, log_server_client, self.shared, &policy, &DeliveryTerminal));
            let ended = self.record(feed, &mut recorded);
            self.shared.change(|status| status.ended = true);
            let bar = progress::status();
            while !self.shared.status().over {
                self.redate_early(&mut None);
                bar.set_message(self.status(recorded));
                bar.tick();
                self.shared.wait(Duration::from_millis(200));
            }
            bar.finish_and_clear();
            ended
        });
        (recorded, ended)
    }

    /// Records all events of the inputs. Returns the lists that events were taken from.
    fn record(&self, feed: &Receiver<InputMessage>, recorded: &mut u64) -> Result<UnwrapSummary, CliError> {
        let rules = record::rules(self.args);
        let head = self.outbox().head().filter(|head| !head.closed).map(|head| head.position.clone());
        let key = self.key.verifier_key();
        let mut recorder = head
            .map(|position| Recorder::resume(key.clone(), &position))
            .transpose()?
            .map(|it| self.with_sign_interval(it));
        let mut unflushed = Unflushed::default();
        let bar = if self.to.follow { progress::status() } else { indicatif::ProgressBar::hidden() };
        let mut after_stop = 0;
        let ended = loop {
            if self.shared.status().early.is_some() {
                *recorded += self.flush(recorder.as_mut(), &mut unflushed)?;
                self.redate_early(&mut recorder);
            }
            if stop::is_requested() {
                // Events taken from a pipe exist nowhere else, so record those that wait.
                after_stop += 1;
                if after_stop > inputs::MAX_WAITING && !self.to.follow {
                    break Err(stopped());
                }
            }
            match self.next(feed, &unflushed) {
                Ok(InputMessage::Event { bytes, place, followed }) => {
                    let event = match self.event(&bytes, place, followed.as_ref(), &rules, *recorded) {
                        Ok(event) => event,
                        Err(failure) => break Err(failure),
                    };
                    if self.is_ahead_of_time(recorder.as_ref())? {
                        *recorded += self.flush(recorder.as_mut(), &mut unflushed)?;
                        recorder = None;
                    }
                    self.link(&mut recorder, &event)?;
                    unflushed.events += 1;
                    unflushed.redacted += event.redacted() as u64;
                    unflushed.bytes += event.as_bytes().len() + LINK_BYTES;
                    unflushed.followed = followed.or(unflushed.followed);
                    unflushed.since.get_or_insert_with(Instant::now);
                }
                Ok(InputMessage::Note(text)) => style::warn(&text),
                Ok(InputMessage::End(ended)) => break ended,
                Err(()) if stop::is_requested() => {
                    break if self.to.follow { Ok(UnwrapSummary::default()) } else { Err(stopped()) };
                }
                Err(()) => {}
            }
            if self.is_due(&unflushed) {
                *recorded += self.flush(recorder.as_mut(), &mut unflushed)?;
                bar.set_message(self.status(*recorded));
                self.wait_for_room();
            }
            if self.is_rejected() {
                break Ok(UnwrapSummary::default());
            }
        };
        bar.finish_and_clear();
        if let Some(recorder) = recorder.as_mut().filter(|_| self.is_last(ended.is_err())) {
            recorder.sign_with(self.key)?;
            recorder.close(self.now()?)?;
            unflushed.since = Some(Instant::now());
        }
        *recorded += self.flush(recorder.as_mut(), &mut unflushed)?;
        ended
    }

    /// Returns the next input, unless it is time for other work.
    fn next(&self, feed: &Receiver<InputMessage>, unflushed: &Unflushed) -> Result<InputMessage, ()> {
        if stop::is_requested() {
            return feed.try_recv().map_err(drop);
        }
        let due = unflushed.since.map_or(POLL_INTERVAL, |since| {
            (since + self.to.flush_every).saturating_duration_since(Instant::now())
        });
        feed.recv_timeout(due.min(POLL_INTERVAL)).or_else(|error| match error {
            RecvTimeoutError::Timeout => Err(()),
            // The parser thread reports errors before it ends.
            RecvTimeoutError::Disconnected => Ok(InputMessage::End(Ok(UnwrapSummary::default()))),
        })
    }

    /// True if the chain is closed at the end. A chain in an outbox stays open after a stop or an error.
    fn is_last(&self, failed: bool) -> bool {
        let kept = self.to.outbox.is_some();
        !self.args.open && !(kept && (failed || stop::is_requested() || self.is_rejected()))
    }

    /// True if the log no longer accepts this chain.
    fn is_rejected(&self) -> bool {
        let status = self.shared.status();
        status.over && (self.to.follow || self.to.outbox.is_none() || is_dead(status.failure.as_ref()))
    }

    /// Parses an event. In a followed file, which can't be corrected, a line that is not an event is recorded as
    /// dropped.
    fn event(
        &self,
        bytes: &[u8],
        place: Option<inputs::Place>,
        followed: Option<&FollowPosition>,
        rules: &Rules,
        recorded: u64,
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
            let mut failure = explain(error, bytes);
            if let Some(inputs::Place { file, line, within }) = place {
                let within = within.iter().fold(failure, |failure, list| failure.because(list));
                failure = within.at_line(line).within(&file);
            }
            let hint = "correct this line, and record the rest from this line on; the events before it were recorded";
            return Err(if recorded > 0 { failure.with_hint(hint) } else { failure });
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
    fn redate_early(&self, recorder: &mut Option<Recorder>) {
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

    fn is_due(&self, unflushed: &Unflushed) -> bool {
        let limits = self.shared.status().limits;
        let bytes = FLUSH_BYTES.min(limits.bytes / 2);
        let events = FLUSH_EVENTS.min(limits.lines as u64 / 2).max(1);
        unflushed.events >= events
            || (unflushed.events > 0 && unflushed.bytes >= bytes)
            || unflushed.since.is_some_and(|since| since.elapsed() >= self.to.flush_every)
    }

    /// Saves the recorded events in the outbox. Returns their number.
    fn flush(&self, recorder: Option<&mut Recorder>, unflushed: &mut Unflushed) -> Result<u64, CliError> {
        let unflushed = std::mem::take(unflushed);
        let Some(recorder) = recorder.filter(|_| unflushed.since.is_some()) else { return Ok(0) };
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
        Ok(unflushed.events)
    }

    /// Without an outbox on disk, waits until the events in memory are fewer.
    fn wait_for_room(&self) {
        if self.to.outbox.is_some() {
            return;
        }
        while self.outbox().bytes() > MAX_MEMORY_BYTES && !self.has_other_work() {
            self.shared.wait(Duration::from_millis(500));
        }
    }

    /// True if there is other work than waiting for room.
    fn has_other_work(&self) -> bool {
        let status = self.shared.status();
        status.over || status.early.is_some() || stop::is_requested()
    }

    fn status(&self, recorded: u64) -> String {
        let proven = self.shared.status().proven;
        format!("{recorded} recorded, {proven} proven to be in the log, {} waiting", self.outbox().events())
    }

    /// Reports the result of the run.
    fn report_result(
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
        let unwrapped = ended?;
        if links > 0 || failure.is_some() {
            let kept = match &self.to.outbox {
                Some(path) => format!("kept in {}; the next run sends them", shown(path)),
                None => "lost, because there is no --outbox".into(),
            };
            let what = if waiting == 0 {
                format!("the end of the chain is not proven to be in the log ({kept})")
            } else {
                format!(
                    "{} not proven to be in the log ({kept})",
                    if waiting == 1 { "1 event is".into() } else { format!("{waiting} events are") }
                )
            };
            return Err(failure.map_or_else(stopped, CliError::from).because(&what));
        }
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

fn stopped() -> CliError {
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
