//! The operator of the log, honest or not; the end of all faults; and the checks at the end.

use std::sync::atomic::Ordering;

use countersign::checkpoint::SignedCheckpoint;
use countersign::link::Link;
use countersign::proof::Proof;
use countersign::tenant::DirectoryEntry;
use countersign::tolerance;
use countersign::verify::Options;
use countersign::witness::TreeHead;
use countersign_log::export::Request;
use countersign_log::stop::Cause;
use countersign_log::witnessing::Assessment;
use roaring::RoaringTreemap;

use super::{Action, CheckResult, MINUTE, World, text};
use crate::model::Model;
use crate::operator::Operator;
use crate::reader::{check_honest, entries, receipt_index, verify};
use crate::recorder::event_number;
use crate::settings::Misdeed;
use crate::witness::{Witness, WitnessState};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// The most that the clock of a witness or a recorder is set wrong, in milliseconds.
const MAX_SKEW: i64 = 6 * HOUR;
/// The most that the server's clock is set wrong, in milliseconds: seconds to decades.
const MAX_JUMPS: [i64; 6] = [90_000, 15 * 60_000, 6 * HOUR, 5 * DAY, 100 * DAY, 14_600 * DAY];
/// The longest time for which a clock that jumps may be wrong, if it is corrected by itself, in milliseconds.
const MAX_SHORT_JUMP: u64 = 10_000;
/// The time after the end of all faults at which the operator looks at the clock, in milliseconds. A clock that is right is
/// believed by then, unless the difference is too large.
const CONFIRMATION: u64 = 12 * MINUTE;

impl World {
    /// Sets a clock wrong, or right.
    pub(super) fn set_clock(&mut self) {
        let ahead = match self.random.index(4) {
            0 | 1 => 0,
            2 => self.random.signed(-180_000, 180_000),
            _ => self.random.signed(-MAX_SKEW, MAX_SKEW),
        };
        match self.random.index(3) {
            0 => {
                let most = MAX_JUMPS[self.random.index(MAX_JUMPS.len())];
                self.ahead = if ahead == 0 { 0 } else { self.random.signed(-most, most) };
                self.note(format!("the server's clock is {} ms ahead", self.ahead));
                if self.random.chance(0.5) {
                    let delay = self.random.between(1, MAX_SHORT_JUMP);
                    self.scheduler.after(delay, Action::CorrectClock);
                } else if self.random.chance(0.2) {
                    self.machine.known.store(i64::MIN, Ordering::Relaxed);
                    self.note("the file of the newest time is lost");
                }
            }
            1 if !self.witnesses.is_empty() => {
                let place = self.random.index(self.witnesses.len());
                self.witnesses[place].ahead = ahead;
                self.note(format!("the clock of witness {place} is {ahead} ms ahead"));
            }
            _ => {
                let number = self.random.index(self.recorders.len());
                self.recorders[number].ahead = ahead;
                self.note(format!("the clock of recorder {number} is {ahead} ms ahead"));
            }
        }
        self.schedule(8 * MINUTE, Action::SetClock);
    }

    /// Sets the server's clock right.
    pub(super) fn correct_clock(&mut self) {
        self.ahead = 0;
        self.note("the server's clock is right");
    }

    /// Confirms the server's clock, which is right, if the log doesn't believe it.
    pub(super) fn confirm_clock(&mut self) {
        let now = self.time(0);
        let is_doubted = self.server.as_ref().is_none_or(|server| server.timekeeper().doubt().is_some());
        if !is_doubted {
            return;
        }
        self.note("the operator confirms the server's clock");
        self.machine.known.store(now.millis(), Ordering::Relaxed);
        if let Some(server) = &self.server {
            server.timekeeper().confirm(now);
        }
    }

    /// Returns true if the log's newest entries are dated ahead of the true time, so that witnesses don't attest them. The
    /// server's clock was wrong when it started, and its witnesses were away.
    pub(super) fn is_dated_ahead(&self) -> Result<bool, String> {
        let Some(server) = self.server.as_ref().filter(|_| self.settings.clocks) else { return Ok(false) };
        let size = server.reader().size().map_err(text)?;
        let latest = self.now() + tolerance::FUTURE;
        let time = |entry: Vec<u8>| {
            let entry = String::from_utf8(entry).ok()?;
            let tick = DirectoryEntry::parse(&entry).map(|entry| entry.time);
            tick.or_else(|| Link::parse(&entry).ok().map(|link| link.time()))
        };
        let times = server.reader().leaves(0..size).map_err(text)?.into_iter().filter_map(time);
        Ok(times.max().is_some_and(|time| time.millis() > latest))
    }

    /// Backs up the server's disk.
    pub(super) fn back_up(&mut self) -> CheckResult {
        self.backup = Some(self.machine.disk.back_up().map_err(text)?);
        self.note("the operator makes a backup");
        Ok(())
    }

    /// Restores the server's disk from the backup, in part or as a whole.
    pub(super) fn restore(&mut self) -> CheckResult {
        let Some(backup) = self.backup.take() else { return Ok(()) };
        if self.server.is_some() {
            self.server_died();
        }
        let disk = self.machine.disk.clone();
        if self.settings.misdeed == Misdeed::RestoresTables {
            self.replaced = Some(disk.back_up().map_err(text)?);
            disk.restore(&backup, false).map_err(text)?;
            self.note("the operator restores the tables from the backup");
            self.schedule(2 * MINUTE, Action::PutBack);
            return Ok(());
        }
        disk.restore(&backup, true).map_err(text)?;
        let size = disk.size().map_err(text)?;
        self.set_back_to = Some(size);
        self.cosigned = self.witnesses.iter().filter_map(Witness::head).collect();
        self.note(format!("the operator restores the whole machine from the backup, with {size} entries"));
        for reader in &mut self.readers {
            reader.live = None;
        }
        // A request that the network repeats would bring entries back.
        self.scheduler.cancel(|action| matches!(action, Action::Arrive { sender, .. } if sender.duplicate));
        // An answer that is on its way may prove the end of a chain, whose recorder then sends nothing more of it.
        let is_answered = |number| {
            self.scheduler.scheduled().any(
                |action| matches!(action, Action::Answer { sender, answer: Some(_) } if sender.recorder == number),
            )
        };
        for recorder in self.recorders.iter().filter(|recorder| !is_answered(recorder.number)) {
            let Some(receipt) = recorder.receipt() else { continue };
            let index = receipt_index(&receipt.proof)?;
            let is_closed = matches!(Link::parse(&receipt.link).map_err(text)?, Link::Close(_));
            let size = match self.tenants.get(recorder.log).map(|tenant| tenant.number) {
                None => size,
                Some(number) => number.map_or(Ok(0), |number| disk.tenant_size(number)).map_err(text)?,
            };
            if index >= size && !is_closed {
                self.betrayed.insert(recorder.number);
            }
        }
        Ok(())
    }

    /// Puts back the tables that were replaced.
    pub(super) fn put_back(&mut self) -> CheckResult {
        let Some(replaced) = self.replaced.take() else { return Ok(()) };
        if self.server.is_some() {
            self.server_died();
        }
        self.machine.disk.restore(&replaced, false).map_err(text)?;
        self.note("the operator puts the tables back");
        Ok(())
    }

    /// Checks that a server that has just started stopped signing exactly if it has to.
    pub(super) fn check_start(&mut self) -> CheckResult {
        let Some(server) = &self.server else { return Ok(()) };
        let stop = server.stopped().filter(|stop| !stop.is_claim());
        let (size, signed) = (self.machine.disk.size().map_err(text)?, self.machine.disk.signed_size());
        if !self.tenants.is_empty() && !self.machine.disk.keeps_signed_root_log() {
            return Err(
                "an older database could not be restored: the root log's entries were not kept".into()
            );
        }
        if self.replaced.is_some() {
            let is_set_back = signed.is_some_and(|signed| signed > size);
            if is_set_back && stop.as_ref().is_none_or(|stop| stop.cause != Cause::Rollback) {
                return Err(format!("a log with {size} entries that signed {signed:?} doesn't stop"));
            }
            if stop.is_none() {
                // Nothing that was signed is missing, so the log continues with the restored tables.
                self.replaced = None;
            }
            return Ok(());
        }
        match stop {
            Some(stop) if self.set_back_to.is_none() => Err(format!("an honest log stops: {stop}")),
            _ => Ok(()),
        }
    }

    /// Checks what the server concludes from a witness's proof.
    pub(super) fn check_assessment(&self, place: usize, assessment: Assessment) -> CheckResult {
        let is_honest = self.replaced.is_none() && self.set_back_to.is_none();
        if is_honest && assessment == Assessment::Proven {
            return Err(format!("witness {place} proves that an honest log contradicts itself"));
        }
        Ok(())
    }

    /// Checks that the log may refuse a recorder's links.
    pub(super) fn check_refusal(&self, number: usize, why: &str) -> CheckResult {
        // A recorder can't send what it can't read from its disk.
        if self.set_back_to.is_some() || why == "io.failed" {
            return Ok(());
        }
        Err(format!("the log refuses links of recorder {number}: {why}"))
    }

    /// Checks that a recorder may find that the log contradicts itself.
    pub(super) fn check_contradiction(&self, number: usize, why: &str) -> CheckResult {
        if self.set_back_to.is_some() && matches!(why, "log.rollback" | "log.rewritten") {
            return Ok(());
        }
        Err(format!("recorder {number} says of an honest log: {why}"))
    }

    /// Erases some events, as their subjects may ask for.
    pub(super) fn erase(&mut self) -> CheckResult {
        if !self.calm {
            self.schedule(6 * MINUTE, Action::Erase);
        }
        if !self.accepting || self.set_back_to.is_some() || self.replaced.is_some() {
            return Ok(());
        }
        let Some(export) = self.export(0, &Request::default())? else { return Ok(()) };
        let read = entries(&export)?;
        self.observe_entries(0, &read)?;
        let numbered = |event: &Option<String>| event.as_deref().and_then(event_number);
        let shown: Vec<(u64, u64)> =
            read.iter().filter_map(|entry| Some((entry.index, numbered(&entry.event)?))).collect();
        let mut leaves = RoaringTreemap::new();
        for _ in 0..3 {
            if let Some((index, number)) = self.random.pick(&shown) {
                leaves.insert(*index);
                self.models[0].erasing.insert(*number);
            }
        }
        let Some(server) = &mut self.server else { return Ok(()) };
        let erased = server.erase(&self.machine.origin, &leaves);
        self.note(format!("the operator erases entries {leaves:?}: {erased:?}"));
        self.finish_step(erased.is_some())
    }

    /// Continues erasures that were recorded.
    pub(super) fn continue_erasure(&mut self) -> CheckResult {
        let Some(server) = &mut self.server else { return Ok(()) };
        let Some(erased) = server.continue_erasures(&self.machine.origin) else {
            return self.finish_step(false);
        };
        if erased.is_err() {
            self.schedule(5_000, Action::ContinueErasure { epoch: self.epoch });
        }
        self.after_step()
    }

    /// Ends all faults. Everyone records one more event, so that everyone hears from the log again.
    pub(super) fn heal(&mut self) {
        self.note("all faults end");
        self.calm = true;
        self.settings.kills = None;
        self.ahead = 0;
        self.machine.disk.faults().heal();
        self.scheduler.cancel(|action| {
            matches!(
                action,
                Action::KillServer
                    | Action::CloseServer
                    | Action::KillRecorder
                    | Action::SetClock
                    | Action::CorrectClock
                    | Action::ChangeWitness
                    | Action::BackUp
                    | Action::Restore
            )
        });
        self.heal_tenants();
        for witness in &mut self.witnesses {
            (witness.state, witness.ahead) = (WitnessState::Up, 0);
        }
        self.scheduler.after(CONFIRMATION, Action::ConfirmClock);
        self.scheduler.after(1, Action::PutBack);
        self.scheduler.after(2, Action::StartServer);
        for recorder in 0..self.recorders.len() {
            self.recorders[recorder].files.faults().heal();
            self.recorders[recorder].ahead = 0;
            self.scheduler.after(2, Action::StartRecorder { recorder });
            self.schedule(MINUTE, Action::Record { recorder });
        }
        self.scheduler.after(1_000, Action::ContinueErasure { epoch: self.epoch });
    }

    /// Checks everything at the end.
    pub(super) fn conclude(&mut self) -> CheckResult {
        if self.set_back_to.is_some() {
            return self.conclude_set_back();
        }
        if self.server.is_none() || !self.accepting {
            return Err("the server doesn't accept submissions although all faults ended".into());
        }
        if let Some(stop) = self.server.as_ref().and_then(crate::server::Server::stopped) {
            return Err(format!("an honest log is stopped: {stop}"));
        }
        if !self.witnesses.is_empty() && self.is_dated_ahead()? {
            // Readers and recorders wait for cosignatures until that time has come.
            return if self.is_witnessed() {
                Err("witnesses attest entries from the future".into())
            } else {
                Ok(())
            };
        }
        self.models.iter().try_for_each(Model::check_delivered)?;
        if let Some(recorder) = self.recorders.iter().find(|recorder| !recorder.is_done()) {
            return Err(format!("the outbox of recorder {} isn't empty", recorder.number));
        }
        if !self.tenants.is_empty() {
            return self.conclude_tenants();
        }
        let Some(export) = self.export(0, &Request::default())? else {
            return Err("the log is empty although everything was delivered".into());
        };
        let report = verify(&export, Options { trust: self.trust.clone(), ..Options::default() }).report;
        check_honest(&report, true, self.models[0].erasing.is_empty())?;
        let read = entries(&export)?;
        self.observe_entries(0, &read)?;
        if self.history.signed() > read.len() as u64 {
            return Err(format!("the log signed {} entries, but has {}", self.history.signed(), read.len()));
        }
        self.check_live_views(0, &read)?;
        for entry in read.iter().filter(|entry| entry.erased) {
            for secret in self.models[0].secrets_at(entry.index) {
                if self.machine.disk.contains(secret).map_err(text)? {
                    return Err(format!("the erased event of entry {} is still on the disk", entry.index));
                }
            }
        }
        let newest = self.server.as_ref().and_then(crate::server::Server::published);
        let newest = newest.map_or_else(String::new, |newest| newest.note.clone());
        let mut pins: Vec<SignedCheckpoint> =
            self.readers.iter().flat_map(|reader| reader.pins.clone()).collect();
        for receipt in self.recorders.iter().filter_map(crate::recorder::Recorder::receipt) {
            pins.push(Proof::parse(&receipt.proof).map_err(text)?.checkpoint);
        }
        pins.push(SignedCheckpoint::parse(&newest).map_err(text)?);
        let mut operator = Operator {
            origin: self.machine.origin.clone(),
            key: self.machine.key(),
            trust: self.trust.clone(),
            now: self.time(0),
            witnesses: &mut self.witnesses,
            entries: read,
            newest,
            pins,
            random: self.random.fork(),
        };
        operator.lie(&mut self.trace, self.scheduler.now())
    }

    /// Checks who noticed that the whole machine was set back.
    fn conclude_set_back(&mut self) -> CheckResult {
        let Some(size) = self.set_back_to else { return Ok(()) };
        let Some(server) = &self.server else {
            return Err("the server doesn't run after all faults ended".into());
        };
        // Recorders may have brought back the very entries that a witness saw.
        let contradicts = |head: &TreeHead| server.root_at(head.size) != Some(head.root);
        if self.cosigned.iter().any(contradicts) && !self.is_stopped() {
            return Err(format!("the log was set back to {size} entries, and its witnesses let it go on"));
        }
        if !self.witnesses.is_empty() || self.settings.clocks {
            return Ok(());
        }
        for number in &self.betrayed {
            if self.recorders[*number].contradiction.is_none() {
                return Err(format!("recorder {number} doesn't notice that the log lacks what it proved"));
            }
        }
        Ok(())
    }
}
