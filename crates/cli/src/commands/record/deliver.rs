//! `countersign record --to`: events in, one signed chain out, delivered to a log and proven to be in it.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign::event::{Event, Redaction};
use countersign::note::{SignerKey, VerifierKey};
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_client::now;
use countersign_delivery::{
    BatchLimits, Clock, Delivery, Directory, Early, FollowPosition, LogServer, Memory, Outbox, RetryPolicy,
    SenderObserver, SharedStatus, Store, redate, send,
};
use countersign_errors::EngineError;
use countersign_ingest::UnwrapSummary;
use serde_json::json;

use super::inputs::{self, Fed, Inputs};
use super::proofs::{self, Proofs};
use crate::args;
use crate::commands::keygen::random;
use crate::commands::record;
use crate::commands::record::explain;
use crate::commands::record::redactions::{Redactions, Rules};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::submit::log_server;
use crate::io::verdict::count;
use crate::io::{progress, stop, style};

/// A flush has at most so many events and bytes: a segment and a submission stay small.
const FLUSH_EVENTS: u64 = 1_024;
const FLUSH_BYTES: usize = 256 << 10;
/// Without an outbox on the disk, so many bytes are held before reading waits.
const HELD: usize = 64 << 20;
/// How long nothing is looked at but the input.
const LOOK: Duration = Duration::from_millis(250);
/// What a link adds to its event.
const LINK: usize = 400;

/// Where to, and how.
#[derive(clap::Args)]
#[command(next_help_heading = "Delivering to a log")]
pub(crate) struct To {
    /// Deliver to this log server instead of writing a file. Each event is kept until the log has proven that it has
    /// it
    #[arg(long, value_name = "URL", conflicts_with_all = ["output", "resume"])]
    #[allow(clippy::struct_field_names, reason = "it is the argument's name")]
    to: Option<String>,
    #[command(flatten)]
    proofs: Proofs,
    /// Where to keep events until the log has proven that it has them
    ///
    /// A directory, created if missing. A chain continues there from run to run, even after a kill: nothing is
    /// lost, sent twice or forked. After a kill or a failure, run it with the same file again: it goes on after the
    /// events that were recorded. Of a stream it can't know them. Without an outbox, what can't be delivered is lost
    /// at the end of the run, which then says so.
    #[arg(long, value_name = "DIR", requires = "to")]
    outbox: Option<PathBuf>,
    /// Keep reading as the file grows, through rotations, until stopped
    ///
    /// Needs an outbox, which also remembers how far the file was read, in the same step as the events: after a
    /// kill, no line is lost or recorded twice. A line that isn't an event is recorded as countersign.dropped. If
    /// files were rotated while nothing followed them, the one being read is found and read to its end, but not
    /// those between it and the newest.
    #[arg(long, requires = "to")]
    follow: bool,
    /// Sign and send at least this often: 500ms, 1s, 1m
    #[arg(long, value_name = "AGE", default_value = "1s", value_parser = args::pause, requires = "to")]
    flush_every: Duration,
    /// How long to keep trying after the last event: 0s, 30s, 5m, 1h
    #[arg(long, value_name = "AGE", default_value = "1m", value_parser = args::duration, requires = "to")]
    give_up: Duration,
}

impl To {
    /// Whether the chain goes to a log.
    pub(crate) fn url(&self) -> Option<&str> {
        self.to.as_deref()
    }

    /// Refuses what is of use in a delivery alone, where there is none.
    pub(crate) fn refuse_without_url(&self) -> Result<(), CliError> {
        proofs::refuse_any([(self.outbox.is_some(), "--outbox"), (self.follow, "--follow")])?;
        self.proofs.refuse_without_url()
    }
}

/// Records all events and delivers them.
pub(crate) fn run(args: &record::Args, to: &To, url: &str, key: &SignerKey) -> Result<ExitStatus, CliError> {
    let (trust, origin) = to.proofs.trust(args.origin.as_deref())?;
    let mut log_server = log_server(url)?;
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
            let hint = "follow each file by a run of its own, with an outbox of its own";
            return Err(CliError::unusable("arguments.invalid", "--follow takes one file", hint));
        }
        _ => None,
    };
    if file.is_some() && to.outbox.is_none() {
        let hint = "use --outbox DIR, which remembers how far the file was read";
        return Err(CliError::unusable(
            "arguments.invalid",
            "a file can only be followed with an outbox",
            hint,
        ));
    }
    check_file(&outbox, file)?;
    stop::gracefully();
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
    let (recorded, ended) = session.deliver(&trust, &mut log_server, &feed);
    if recorded == 0 && nothing_there && !to.follow && ended.is_ok() {
        return Err(record::no_event(args));
    }
    session.conclude(recorded, ended)
}

/// An open chain goes on with the key that began it.
fn check_key(outbox: &Outbox, key: &VerifierKey) -> Result<(), CliError> {
    match outbox.head() {
        Some(head) if !head.closed && head.key != *key => {
            let message = format!("the chain in the outbox was begun with another key: {}", head.key);
            let hint = "give that key; or give another directory, where a new chain begins";
            Err(CliError::unusable("outbox.other_key", message, hint).within(outbox.name()))
        }
        _ => Ok(()),
    }
}

/// An outbox remembers how far one file was read.
fn check_file(outbox: &Outbox, file: Option<&Path>) -> Result<(), CliError> {
    let known = outbox.followed().and_then(|followed| followed.path.clone());
    match (known, file.and_then(inputs::place)) {
        (Some(known), Some(place)) if known != place => {
            let message = format!("the outbox follows another file: {}", style::plain(&known));
            let hint = "give each file an outbox of its own";
            Err(CliError::unusable("outbox.other_file", message, hint).within(outbox.name()))
        }
        _ => Ok(()),
    }
}

/// What both threads of a run work on.
struct Session<'a> {
    args: &'a record::Args,
    to: &'a To,
    key: &'a SignerKey,
    origin: &'a str,
    outbox: &'a Mutex<Outbox>,
    /// Whether the outbox keeps how much of the inputs was recorded: not of a stream, which cannot be read again.
    keeps: bool,
    /// Whether an earlier run recorded some of them.
    resumed: bool,
    shared: &'a SharedStatus,
    clock: Mutex<Clock>,
    redactions: Mutex<Redactions>,
}

/// Prints how delivering goes, and passes on that the program was asked to stop.
struct Terminal;

impl SenderObserver for Terminal {
    fn is_stopped(&self) -> bool {
        stop::asked()
    }

    fn failed(&self, why: &EngineError, wait: Duration) {
        let seconds = wait.as_secs().max(1);
        style::warn(&format!("not delivered, trying again in {seconds} s: {why}"));
    }

    fn recovered(&self) {
        style::done("delivering again");
    }
}

/// What was recorded and not yet flushed.
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

    /// Records and delivers side by side. Gives the number of events recorded, and how the recording ended.
    fn deliver(
        &self,
        trust: &Trust,
        log_server: &mut (dyn LogServer<Error = EngineError> + Send),
        feed: &Receiver<Fed>,
    ) -> (u64, Result<UnwrapSummary, CliError>) {
        let policy = RetryPolicy {
            give_up: self.to.give_up,
            retry_refusals: self.to.follow,
            blocks_recording: self.to.outbox.is_none(),
        };
        let delivery = Delivery::new(self.outbox, trust, self.origin).limits(BatchLimits::default());
        let mut recorded = 0;
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| send(delivery, log_server, self.shared, &policy, &Terminal));
            let ended = self.record(feed, &mut recorded);
            self.shared.change(|standing| standing.ended = true);
            let bar = progress::status();
            while !self.shared.status().over {
                self.date_anew(&mut None);
                bar.set_message(self.status(recorded));
                bar.tick();
                self.shared.wait(Duration::from_millis(200));
            }
            bar.finish_and_clear();
            ended
        });
        (recorded, ended)
    }

    /// Records all that comes. Gives from which lists it was taken, as the end of a clause.
    fn record(&self, feed: &Receiver<Fed>, recorded: &mut u64) -> Result<UnwrapSummary, CliError> {
        let rules = record::rules(self.args);
        let head = self.outbox().head().filter(|head| !head.closed).map(|head| head.position.clone());
        let key = self.key.verifier_key();
        let mut recorder = head
            .map(|position| Recorder::resume(key.clone(), &position))
            .transpose()?
            .map(|it| self.with_rhythm(it));
        let mut unflushed = Unflushed::default();
        let bar = if self.to.follow { progress::status() } else { indicatif::ProgressBar::hidden() };
        let mut after_stop = 0;
        let ended = loop {
            if self.shared.status().early.is_some() {
                *recorded += self.flush(recorder.as_mut(), &mut unflushed)?;
                self.date_anew(&mut recorder);
            }
            if stop::asked() {
                // What was taken from a pipe is in no other place any more.
                after_stop += 1;
                if after_stop > inputs::WAITING && !self.to.follow {
                    break Err(stopped());
                }
            }
            match self.next(feed, &unflushed) {
                Ok(Fed::Event { bytes, place, followed }) => {
                    let event = match self.event(&bytes, place, followed.as_ref(), &rules, *recorded) {
                        Ok(event) => event,
                        Err(failure) => break Err(failure),
                    };
                    if self.is_yet_to_come(recorder.as_ref())? {
                        *recorded += self.flush(recorder.as_mut(), &mut unflushed)?;
                        recorder = None;
                    }
                    self.link(&mut recorder, &event)?;
                    unflushed.events += 1;
                    unflushed.redacted += event.redacted() as u64;
                    unflushed.bytes += event.as_bytes().len() + LINK;
                    unflushed.followed = followed.or(unflushed.followed);
                    unflushed.since.get_or_insert_with(Instant::now);
                }
                Ok(Fed::Note(text)) => style::warn(&text),
                Ok(Fed::End(ended)) => break ended,
                Err(()) if stop::asked() => {
                    break if self.to.follow { Ok(UnwrapSummary::default()) } else { Err(stopped()) };
                }
                Err(()) => {}
            }
            if self.is_due(&unflushed) {
                *recorded += self.flush(recorder.as_mut(), &mut unflushed)?;
                bar.set_message(self.status(*recorded));
                self.wait_for_room();
            }
            if self.cannot_go_on() {
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

    /// What is fed next, unless it is time to look at something else.
    fn next(&self, feed: &Receiver<Fed>, unflushed: &Unflushed) -> Result<Fed, ()> {
        if stop::asked() {
            return feed.try_recv().map_err(drop);
        }
        let due = unflushed
            .since
            .map_or(LOOK, |since| (since + self.to.flush_every).saturating_duration_since(Instant::now()));
        feed.recv_timeout(due.min(LOOK)).or_else(|error| match error {
            RecvTimeoutError::Timeout => Err(()),
            // It would have said why.
            RecvTimeoutError::Disconnected => Ok(Fed::End(Ok(UnwrapSummary::default()))),
        })
    }

    /// Whether the chain ends here. One that an outbox keeps is gone on with after a stop or an error.
    fn is_last(&self, failed: bool) -> bool {
        let kept = self.to.outbox.is_some();
        !self.args.open && !(kept && (failed || stop::asked() || self.cannot_go_on()))
    }

    /// Whether the log does not take this chain any more.
    fn cannot_go_on(&self) -> bool {
        let standing = self.shared.status();
        standing.over && (self.to.follow || self.to.outbox.is_none() || is_dead(standing.failure.as_ref()))
    }

    /// The event of what was read. A followed file cannot be corrected, so that what is none there is recorded as dropped.
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
            let hint =
                "correct it, and record the rest, from this line on: the events before it were recorded";
            return Err(if recorded > 0 { failure.with_hint(hint) } else { failure });
        }
        let place = followed.map(|followed| followed.offset);
        let at = place.map_or_else(String::new, |offset| format!(" before byte {offset}"));
        style::warn(&format!("the line{at} is not an event; recorded as countersign.dropped: {error}"));
        let dropped = json!({
            "action": "countersign.dropped",
            "outcome": "failure",
            "metadata": { "bytes": bytes.len(), "code": error.code.as_str(), "count": 1, "line_end": place },
        });
        Ok(Event::parse(dropped.to_string().as_bytes(), &Redaction::none())?)
    }

    /// What time it is, as far as the log agrees.
    fn now(&self) -> Result<Time, CliError> {
        Ok(self.clock.lock().unwrap_or_else(PoisonError::into_inner).now(now()?))
    }

    /// Whether a chain's times are ahead of now. They never go back, so that it could only repeat one that no log takes
    /// until then.
    fn is_yet_to_come(&self, recorder: Option<&Recorder>) -> Result<bool, CliError> {
        let Some(position) = recorder.and_then(Recorder::position) else { return Ok(false) };
        Ok(Clock::is_too_far_ahead(position.time, self.now()?))
    }

    /// Dates anew what the log refused as early, if it did. The recorder goes on with the new chain then.
    fn date_anew(&self, recorder: &mut Option<Recorder>) {
        let Some(early) = self.shared.status().early else { return };
        let dated = self.try_date_anew(&early);
        let dated_anew = matches!(dated, Ok(Some(_)));
        match dated {
            Ok(Some(anew)) => *recorder = Some(anew).filter(|anew| !anew.is_closed()),
            Ok(None) => {}
            Err(failure) => style::warn(&failure.brief()),
        }
        self.shared.change(|standing| (standing.early, standing.dated_anew) = (None, dated_anew));
    }

    fn try_date_anew(&self, early: &Early) -> Result<Option<Recorder>, CliError> {
        let learnt = self.clock.lock().unwrap_or_else(PoisonError::into_inner).learn(now()?, early.now);
        let Some(learnt) = learnt else { return Ok(None) };
        let mut nonce = [0; 16];
        random(&mut nonce)?;
        let rhythm = |recorder| self.with_rhythm(recorder);
        let anew = redate(&mut self.outbox(), early, &learnt, self.key, self.origin, &nonce, rhythm)?;
        if anew.is_some() && learnt.is_corrected {
            let seconds = learnt.ahead / 1000;
            style::warn(&format!(
                "this machine's clock is {seconds} s ahead of the log's, so events are dated by the log's clock. Correct the clock that is wrong"
            ));
        } else if anew.is_some() {
            style::warn(
                "some events were dated by a clock ahead of the log's; they are recorded with the current time",
            );
        }
        Ok(anew)
    }

    fn with_rhythm(&self, recorder: Recorder) -> Recorder {
        recorder.sign_every(NonZeroU32::new(self.args.sign_every).unwrap_or(NonZeroU32::MIN))
    }

    fn link(&self, recorder: &mut Option<Recorder>, event: &Event) -> Result<(), CliError> {
        let recorder = if let Some(recorder) = recorder {
            recorder
        } else {
            let mut nonce = [0; 16];
            random(&mut nonce)?;
            let key = self.key.verifier_key().clone();
            recorder.insert(self.with_rhythm(Recorder::open(self.origin, key, self.now()?, &nonce)?))
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

    /// Makes durable what was recorded. Gives the number of events.
    fn flush(&self, recorder: Option<&mut Recorder>, unflushed: &mut Unflushed) -> Result<u64, CliError> {
        let unflushed = std::mem::take(unflushed);
        let Some(recorder) = recorder.filter(|_| unflushed.since.is_some()) else { return Ok(0) };
        recorder.flush();
        recorder.sign_with(self.key)?;
        let lines = recorder.drain();
        self.outbox().append(&lines, unflushed.followed.as_ref()).map_err(|error| {
            let lost = count(unflushed.events, "event");
            CliError::from(error).because(&format!("{lost} could not be kept, and what was read after them"))
        })?;
        self.shared.change(|standing| {
            standing.recorded += unflushed.events;
            standing.redacted += unflushed.redacted;
        });
        Ok(unflushed.events)
    }

    /// Without an outbox on the disk, what is read must not grow beyond memory.
    fn wait_for_room(&self) {
        if self.to.outbox.is_some() {
            return;
        }
        while self.outbox().bytes() > HELD && !self.may_go_on() {
            self.shared.wait(Duration::from_millis(500));
        }
    }

    /// Whether there is something to do beside waiting for room.
    fn may_go_on(&self) -> bool {
        let standing = self.shared.status();
        standing.over || standing.early.is_some() || stop::asked()
    }

    fn status(&self, recorded: u64) -> String {
        let proven = self.shared.status().proven;
        format!("{recorded} recorded, {proven} proven to be in the log, {} waiting", self.outbox().events())
    }

    /// Says what came of it.
    fn conclude(
        &self,
        recorded: u64,
        ended: Result<UnwrapSummary, CliError>,
    ) -> Result<ExitStatus, CliError> {
        let (redacted, proven, failure) = {
            let mut standing = self.shared.status();
            (standing.redacted, standing.proven, standing.failure.take())
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
                Some(path) => format!("kept in {}, to be sent next time", shown(path)),
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
        // What is remembered of inputs that gave this run nothing is not of these.
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
        "it was stopped before the end",
        "what was not recorded is still to be",
    )
}

/// Whether the chain itself is at an end, and not just the delivery.
fn is_dead(failure: Option<&EngineError>) -> bool {
    failure.is_some_and(|failure| matches!(failure.code(), "log.fork" | "log.rollback"))
}
