//! Recording and delivering on threads of their own, for inputs of every kind.

use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use countersign::note::{SignerKey, VerifierKey};
use countersign::trust::Trust;
use countersign_delivery::{
    BatchLimits, Delivery, Directory, LogServer, Memory, Outbox, RetryPolicy, SharedStatus, Store, send,
};
use countersign_errors::EngineError;
use countersign_ingest::UnwrapSummary;

use super::deliver::{DeliveryTerminal, MAX_MEMORY_BYTES, Recording, Session, Unflushed, stopped};
use super::delivery_args::DeliveryArgs;
use super::inputs::{self, InputMessage, Inputs};
use crate::commands::record;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::submit::log_server;
use crate::io::verdict::count;
use crate::io::{progress, stop, style};

/// The maximum time between checks of anything other than the input.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Records all events and delivers them.
pub(super) fn run(
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

impl Session<'_> {
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
        let mut recording = match self.begin() {
            Ok(recording) => recording,
            Err(failure) => return (0, Err(failure)),
        };
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| send(delivery, log_server_client, self.shared, &policy, &DeliveryTerminal));
            let ended = self.record(feed, &mut recording);
            self.shared.change(|status| status.ended = true);
            let bar = progress::status();
            while !self.shared.status().over {
                self.redate_early(&mut None);
                bar.set_message(self.status(recording.recorded));
                bar.tick();
                self.shared.wait(Duration::from_millis(200));
            }
            bar.finish_and_clear();
            ended
        });
        (recording.recorded, ended)
    }

    /// Records all events of the inputs. Returns the lists that events were taken from.
    fn record(
        &self,
        feed: &Receiver<InputMessage>,
        recording: &mut Recording,
    ) -> Result<UnwrapSummary, CliError> {
        let bar = if self.to.follow { progress::status() } else { indicatif::ProgressBar::hidden() };
        let mut after_stop = 0;
        let ended = loop {
            if self.shared.status().early.is_some() {
                self.flush(recording)?;
                self.redate_early(&mut recording.recorder);
            }
            if stop::is_requested() {
                // Events taken from a pipe exist nowhere else, so record those that wait.
                after_stop += 1;
                if after_stop > inputs::MAX_WAITING && !self.to.follow {
                    break Err(stopped());
                }
            }
            match self.next(feed, &recording.unflushed) {
                Ok(InputMessage::Event { bytes, place, followed }) => {
                    match self.event(&bytes, followed.as_ref(), recording) {
                        Ok(event) => self.add(recording, &event, followed)?,
                        Err(failure) => break Err(placed(failure, place)),
                    }
                }
                Ok(InputMessage::Note(text)) => style::warn(&text),
                Ok(InputMessage::End(ended)) => break ended,
                Err(()) if stop::is_requested() => {
                    break if self.to.follow { Ok(UnwrapSummary::default()) } else { Err(stopped()) };
                }
                Err(()) => {}
            }
            if self.is_due(&recording.unflushed) {
                self.flush(recording)?;
                bar.set_message(self.status(recording.recorded));
                self.wait_for_room();
            }
            if self.is_rejected() {
                break Ok(UnwrapSummary::default());
            }
        };
        bar.finish_and_clear();
        self.finish(recording, ended.is_err())?;
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
}

/// Adds the place in the input to an error about an event.
fn placed(failure: CliError, place: Option<inputs::Place>) -> CliError {
    let Some(inputs::Place { file, line, within }) = place else { return failure };
    let within = within.iter().fold(failure, |failure, list| failure.because(list));
    within.at_line(line).within(&file)
}
