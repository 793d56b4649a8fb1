//! Recording and delivering on one thread, as WASI has no others: events wait in memory until they are sent.

use std::cell::{Cell, RefCell};
use std::sync::Mutex;
use std::time::Duration;

use countersign::note::SignerKey;
use countersign::trust::Trust;
use countersign_delivery::{
    Delivery, Early, Memory, Outbox, RetryPolicy, SenderObserver, SharedStatus, send,
};
use countersign_errors::EngineError;
use countersign_ingest::{SourceEvent, UnwrapSummary};

use super::deliver::{DeliveryTerminal, MAX_MEMORY_BYTES, Recording, Session, stopped};
use super::delivery_args::DeliveryArgs;
use crate::commands::record;
use crate::errors::{CliError, needs_native};
use crate::exit_status::ExitStatus;
use crate::host::{self, HostLogServer};
use crate::io::input::Input;
use crate::io::style;

/// Records all events and delivers them.
pub(super) fn run(
    args: &record::Args,
    to: &DeliveryArgs,
    url: &str,
    key: &SignerKey,
) -> Result<ExitStatus, CliError> {
    // WASI can't lock a folder, so two runs could continue one chain.
    if to.outbox.is_some() {
        return Err(needs_native("`record --outbox`"));
    }
    if to.follow {
        return Err(needs_native("`record --follow`"));
    }
    let (trust, origin) = to.proofs.trust(args.origin.as_deref())?;
    let server = HostLogServer::new(url)?;
    host::handle_signals()?;
    let outbox = Mutex::new(Outbox::open(Box::<Memory>::default(), &origin, "memory")?);
    let shared = SharedStatus::default();
    let session = Session {
        args,
        to,
        key,
        origin: &origin,
        outbox: &outbox,
        keeps: false,
        resumed: false,
        shared: &shared,
        clock: Mutex::default(),
        redactions: Mutex::default(),
    };
    let (recorded, ended) = session.deliver(&trust, server)?;
    if recorded == 0 && ended.is_ok() {
        return Err(record::no_event(args));
    }
    session.report_result(recorded, ended)
}

/// The maximum number of events to record after a request to stop.
const MAX_AFTER_STOP: usize = 256;

/// A session that records and delivers in turns.
struct Turns<'a> {
    session: &'a Session<'a>,
    trust: &'a Trust,
    server: RefCell<HostLogServer>,
    recording: RefCell<Recording>,
}

impl Session<'_> {
    /// Records and delivers. Returns the number of recorded events, and the result of recording.
    fn deliver(
        &self,
        trust: &Trust,
        server: HostLogServer,
    ) -> Result<(u64, Result<UnwrapSummary, CliError>), CliError> {
        let recording = RefCell::new(self.begin()?);
        let turns = Turns { session: self, trust, server: RefCell::new(server), recording };
        let ended = turns.record();
        let finished = self.finish(&mut turns.recording.borrow_mut(), ended.is_err());
        if !self.is_rejected() {
            turns.send();
        }
        let recorded = turns.recording.borrow().recorded;
        Ok((recorded, finished.and(ended)))
    }
}

impl Turns<'_> {
    /// Records all events of the inputs. Returns the lists that events were taken from.
    fn record(&self) -> Result<UnwrapSummary, CliError> {
        let is_rejected = Cell::new(false);
        let after_stop = Cell::new(0);
        // Only ends reading: the reason is in the session's status.
        let rejected = || {
            is_rejected.set(true);
            Err(stopped())
        };
        let each = |source: SourceEvent<'_>| {
            if host::is_stopped() {
                // Events taken from a pipe exist nowhere else, so record those that were read.
                after_stop.set(after_stop.get() + 1);
                if after_stop.get() > MAX_AFTER_STOP {
                    return Err(stopped());
                }
            }
            let mut recording = self.recording.borrow_mut();
            let event = self.session.event(source.bytes, None, &recording)?;
            self.session.add(&mut recording, &event, None)?;
            if self.session.is_due(&recording.unflushed) {
                self.session.flush(&mut recording)?;
            }
            drop(recording);
            if self.session.outbox().bytes() > MAX_MEMORY_BYTES && !self.send() { rejected() } else { Ok(()) }
        };
        let mut unwrapped = UnwrapSummary::default();
        for path in &self.session.args.events {
            // Reading the next part of a stream may take any time.
            let is_stream = !path.is_file();
            let before_reading = || {
                if !is_stream {
                    return Ok(());
                }
                self.session.flush(&mut self.recording.borrow_mut())?;
                if self.send() { Ok(()) } else { rejected() }
            };
            let read = Input::open(path)
                .and_then(|mut input| input.events_between("recording", each, before_reading));
            match read {
                Ok(found) => unwrapped.add(&found),
                Err(_) if is_rejected.get() => return Ok(UnwrapSummary::default()),
                Err(failure) => return Err(failure),
            }
            // The end of standard input may be due to the signal.
            if host::is_stopped() && (is_stream || path != self.session.args.events.last().unwrap_or(path)) {
                return Err(stopped());
            }
        }
        Ok(unwrapped)
    }

    /// Sends everything in the outbox. Returns true if the log has proven that it contains all of it.
    fn send(&self) -> bool {
        let session = self.session;
        if session.outbox().pending().is_empty() {
            return true;
        }
        let policy =
            RetryPolicy { give_up: session.to.give_up, retry_refusals: false, blocks_recording: true };
        let limits = session.shared.status().limits;
        let delivery = Delivery::new(session.outbox, self.trust, session.origin).limits(limits);
        session.shared.change(|status| status.ended = true);
        send(delivery, &mut *self.server.borrow_mut(), session.shared, &policy, self);
        let mut status = session.shared.status();
        status.over = status.failure.is_some();
        !status.over
    }
}

impl SenderObserver for Turns<'_> {
    fn is_stopped(&self) -> bool {
        host::is_stopped()
    }

    fn failed(&self, why: &EngineError, wait: Duration) {
        DeliveryTerminal.failed(why, wait);
    }

    fn recovered(&self) {
        DeliveryTerminal.recovered();
    }

    fn redate(&self, early: Early) -> Option<bool> {
        let session = self.session;
        let mut recording = self.recording.borrow_mut();
        if let Err(failure) = session.flush(&mut recording) {
            style::warn(&failure.brief());
            return Some(false);
        }
        session.shared.change(|status| (status.early, status.redated) = (Some(early), false));
        session.redate_early(&mut recording.recorder);
        Some(session.shared.status().redated)
    }
}
