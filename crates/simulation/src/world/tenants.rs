//! The tenant logs of a root log: ticks, new tenants, and what must hold for heads.

use std::sync::Arc;

use countersign::tenant::{Anchor, DirectoryEntry, HeadProof, TenantOrigin};
use countersign::trust::Trust;
use countersign::verify::{FindingCode, Options, Verdict, Verification};
use countersign_log::export::Request;
use countersign_log::store::StoreError;
use countersign_log::tenants::CreationError;
use countersign_log::tenants::published::PublishedTick;
use countersign_log::tenants::tenant::TenantNumber;

use super::{Action, CheckResult, MINUTE, ORIGIN, World, text};
use crate::history::History;
use crate::operator::tenants::TenantOperator;
use crate::reader::{ExportEntry, check_honest, entries, problems, verify};
use crate::server::Server;

/// The number of pins that a reader keeps.
const MAX_PINS: usize = 4;
/// The least time between two ticks after all faults ended, in milliseconds, unless the run is to reach an anchor.
const CALM_TICK: u64 = 20_000;
/// The time from the end of all faults to the last events, in milliseconds. With a tick each second, the first anchor is
/// before them.
const LAST_EVENTS: u64 = 69 * MINUTE;

/// A tenant log, as everyone around the server sees it.
pub(super) struct TenantLog {
    pub(super) origin: TenantOrigin,
    /// The tenant's number, once it is created.
    pub(super) number: Option<TenantNumber>,
    /// The trust file of its readers, once a published tick has it.
    trust: Option<Trust>,
    /// The history that the log showed to everyone.
    pub(super) history: History,
    /// The newest head that was published.
    newest: Option<HeadProof>,
}

impl TenantLog {
    /// Creates a tenant log that the server doesn't have yet. No two of the first 256 share a slot.
    pub(super) fn new(number: u8, mut id: [u8; 16]) -> Result<Self, String> {
        id[0] = number;
        let origin = TenantOrigin::new(ORIGIN, id).ok_or("the root log's origin is invalid")?;
        Ok(Self { origin, number: None, trust: None, history: History::default(), newest: None })
    }
}

impl World {
    /// Schedules the creation of tenants: some before the server's first start, some later.
    pub(super) fn schedule_tenants(&mut self) {
        for tenant in 0..self.tenants.len() {
            if self.random.chance(0.5) {
                self.scheduler.after(0, Action::CreateTenant { tenant });
            } else {
                self.schedule(MINUTE, Action::CreateTenant { tenant });
            }
        }
    }

    /// Creates a tenant, and starts its recorders.
    pub(super) fn create_tenant(&mut self, tenant: usize) -> CheckResult {
        let log = &mut self.tenants[tenant];
        let now = super::Time::from_millis(super::BEGIN).unwrap_or(super::Time::MIN);
        let (name, id) = (format!("tenant{tenant}"), log.origin.id());
        let disk = self.machine.disk.clone();
        let created = std::panic::catch_unwind(|| disk.create_tenant(&name, id, now));
        match created {
            Ok(Ok(created)) => {
                if created.id != id {
                    return Err(format!("the tenant {name:?} has another ID than was drawn"));
                }
                log.number = Some(created.number);
                self.note(format!("tenant {tenant} is created as number {}", created.number));
                for recorder in 0..self.recorders.len() {
                    if self.recorders[recorder].log == tenant {
                        self.scheduler.after(0, Action::StartRecorder { recorder });
                    }
                }
                return Ok(());
            }
            Ok(Err(CreationError::Store(StoreError::Unavailable { .. }))) => {}
            Ok(Err(error)) => return Err(format!("tenant {tenant} can't be created: {error}")),
            Err(payload) if payload.is::<crate::faults::Kill>() => {}
            Err(payload) => std::panic::resume_unwind(payload),
        }
        self.note(format!("tenant {tenant} isn't created"));
        self.schedule(5_000, Action::CreateTenant { tenant });
        Ok(())
    }

    /// Schedules the next tick of a root log's server that has just started.
    pub(super) fn schedule_tick(&mut self) {
        if !self.tenants.is_empty() {
            self.scheduler.after(self.settings.tick, Action::Tick { epoch: self.epoch });
        }
    }

    /// Makes a tick.
    pub(super) fn tick(&mut self) -> CheckResult {
        self.schedule_tick();
        // The server first asks witnesses for the time.
        let Some(server) = self.server.as_mut().filter(|_| self.accepting) else { return Ok(()) };
        let survived = server.tick();
        self.finish_step(survived)
    }

    /// Lets ticks be rare, as little happens anymore. A log that ticks each second, and without witnesses to ask each
    /// time, continues until there was an anchor.
    pub(super) fn heal_tenants(&mut self) {
        if self.tenants.is_empty() {
            return;
        }
        if self.settings.tick > 1_000 || !self.witnesses.is_empty() {
            self.settings.tick = self.settings.tick.max(CALM_TICK);
            return;
        }
        for recorder in 0..self.recorders.len() {
            self.scheduler.after(LAST_EVENTS, Action::Record { recorder });
        }
    }

    /// Returns the trust file of a log's readers. `None` if the log was never published.
    pub(super) fn reader_trust(&self, log: usize) -> Option<Trust> {
        self.tenants.get(log).map_or_else(|| Some(self.trust.clone()), |tenant| tenant.trust.clone())
    }

    /// True if the root log has one history: the operator restored nothing.
    fn is_honest(&self) -> bool {
        self.set_back_to.is_none() && self.replaced.is_none()
    }

    /// Opens the tenant logs that the newest published tick has, and checks their heads.
    pub(super) fn observe_tick(&mut self) -> CheckResult {
        let Some(server) = &mut self.server else { return Ok(()) };
        let Some(tick) = server.newest_tick() else { return Ok(()) };
        if let Err(error) = server.open_tenant_logs()
            && self.calm
        {
            return Err(format!("a tenant log can't be opened: {error}"));
        }
        self.check_remembered(tick.checkpoint.size)?;
        if self.is_honest() {
            self.observe_root_log(&tick)?;
            if let Some(server) = &self.server {
                self.growth.observe(ORIGIN, server, &tick)?;
            }
        }
        for log in 0..self.tenants.len() {
            let (Some(server), Some(number)) = (&self.server, self.tenants[log].number) else { continue };
            if let Some(stop) = server.stopped_tenant(number)
                && self.is_honest()
            {
                return Err(format!("the honest log of tenant {log} is stopped: {stop}"));
            }
        }
        let mut depths = Vec::new();
        for log in 0..self.tenants.len() {
            let Some(server) = &self.server else { return Ok(()) };
            let proof = match server.head_proof(&tick, &self.tenants[log].origin) {
                Ok(Some(proof)) => proof,
                Ok(None) => {
                    if self.is_honest() && self.tenants[log].newest.is_some() {
                        return Err(format!("tick {} lacks tenant {log}", tick.directory.tick()));
                    }
                    continue;
                }
                Err(StoreError::Unavailable { .. }) if !self.calm => continue,
                Err(error) => return Err(format!("the head of tenant {log} can't be proven: {error}")),
            };
            depths.push(proof.anchor.siblings.len());
            self.observe_head(log, &tick, proof)?;
        }
        if depths.windows(2).any(|depths| depths[0] != depths[1]) {
            return Err(format!("head proofs of one tick have different lengths: {depths:?}"));
        }
        Ok(())
    }

    /// Checks a published head against those before it.
    fn observe_head(&mut self, log: usize, tick: &Arc<PublishedTick>, proof: HeadProof) -> CheckResult {
        let number = tick.directory.tick();
        let tenant = &mut self.tenants[log];
        let Anchor { head, time, .. } = &proof.anchor;
        if tenant.trust.is_none() {
            let mut file = self.trust.to_text();
            file.extend(format!("origin {} {number}\n", tenant.origin).into_bytes());
            tenant.trust = Some(Trust::parse(&file).map_err(text)?);
        }
        let is_honest = self.set_back_to.is_none() && self.replaced.is_none();
        let before = tenant.newest.as_ref().filter(|_| is_honest);
        if before.is_some_and(|before| before.to_string() == proof.to_string()) {
            return Ok(());
        }
        let verified = if tick.checkpoint.witnessed {
            proof.verify(&self.trust).map_err(text)
        } else {
            proof.check().map_err(|error| format!("{error:?}"))
        };
        verified.map_err(|error| format!("the head of tenant {log} at tick {number} is invalid: {error}"))?;
        if !is_honest {
            return Ok(());
        }
        tenant.history.add_tree(head.size, head.root)?;
        if let Some(HeadProof { anchor: before, .. }) = before {
            let ticks = number.checked_sub(before.tick).ok_or("the published ticks go back")?;
            let earliest = before.time.millis() + 1_000 * ticks.cast_signed();
            if head.size < before.head.size {
                return Err(format!(
                    "tenant {log} shrinks from {} to {} entries at tick {number}",
                    before.head.size, head.size
                ));
            }
            if time.millis() < earliest || ticks == 0 && *time != before.time {
                return Err(format!(
                    "the time of tick {number} is {time}, but that of {} {}",
                    before.tick, before.time
                ));
            }
            // A hash that stays would show that nothing changed below it.
            let repeats = |hash| before.siblings.contains(hash);
            if ticks > 0 && (proof.anchor.siblings.iter().any(repeats) || proof.anchor.salt == before.salt) {
                return Err(format!(
                    "the head of tenant {log} at tick {number} repeats a hash of tick {}",
                    before.tick
                ));
            }
        }
        tenant.newest = Some(proof);
        Ok(())
    }

    /// Checks the new entries of the root log, which are directories at least a second apart.
    fn observe_root_log(&mut self, tick: &Arc<PublishedTick>) -> CheckResult {
        let Some(server) = &self.server else { return Ok(()) };
        let (first, size) = (self.history.size(), tick.checkpoint.size);
        if size <= first {
            return Ok(());
        }
        // The last known entry again, to compare the times.
        let start = first.saturating_sub(1);
        let read = match server.reader().leaves(start..size) {
            Ok(read) => read,
            Err(_) if !self.calm => return Ok(()),
            Err(error) => return Err(format!("the root log can't be read: {error}")),
        };
        let read: Vec<String> =
            read.into_iter().map(String::from_utf8).collect::<Result<_, _>>().map_err(text)?;
        let times: Option<Vec<i64>> =
            read.iter().map(|entry| DirectoryEntry::parse(entry).map(|entry| entry.time.millis())).collect();
        let times = times.ok_or("an entry of the root log is not a directory")?;
        if times.windows(2).any(|times| times[1] - times[0] < 1_000)
            || times.iter().any(|time| time % 1_000 != 0)
        {
            return Err(format!("the times of the ticks from {start} on are {times:?}"));
        }
        self.history
            .add_entries_from(usize::try_from(start).unwrap_or(usize::MAX), read.iter().map(String::as_str))
    }

    /// Checks the head in an answer to a recorder.
    pub(super) fn observe_answer(&mut self, log: usize, body: &serde_json::Value) -> CheckResult {
        if self.set_back_to.is_some() {
            return Ok(());
        }
        let origin = self.tenants[log].origin.as_str();
        let field = |value: &serde_json::Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
        let lines = body.get("logs").and_then(|logs| field(logs.get(origin)?, "head"));
        let proof = lines.zip(field(body, "root")).ok_or("an answer has no head proof")?;
        let proof = HeadProof::parse(&format!("{}\n{}", proof.0, proof.1)).map_err(text)?;
        proof.check().map_err(|error| format!("an answer's head proof is invalid: {error:?}"))?;
        self.check_remembered(proof.checkpoint.checkpoint.size)?;
        self.tenants[log].history.add_tree(proof.head().size, proof.head().root)
    }

    /// Reads a whole tenant log, and compares it with the pins.
    pub(super) fn read_all_of_tenant(&mut self, number: usize) -> CheckResult {
        let log = self.readers[number].log;
        let Some(trust) = self.reader_trust(log) else { return Ok(()) };
        let Some(export) = self.export(log, &Request::default())? else { return Ok(()) };
        let pins = self.readers[number].heads.clone();
        let pinned = pins.iter().cloned().map(Into::into).collect();
        let Verification { report, pin, .. } =
            verify(&export, Options { trust, pins: pinned, ..Options::default() });
        let read = entries(&export)?;
        self.note(format!(
            "reader {number} reads {} entries of tenant {log}: {}",
            read.len(),
            report.verdict.as_str()
        ));
        self.check_remembered(report.root_log.as_ref().map_or(0, |root_log| root_log.size))?;
        if !self.is_honest() {
            return check_heads(&read, &pins, report.verdict, &problems(&report));
        }
        check_honest(&report, self.is_witnessed(), true)?;
        self.observe_entries(log, &read)?;
        if let Some(state) = report.log {
            self.tenants[log].history.add_tree(state.size, state.root)?;
        }
        if let Some(pin) = pin {
            let pins = &mut self.readers[number].heads;
            pins.push(HeadProof::parse(&pin).map_err(text)?);
            if pins.len() > MAX_PINS {
                pins.remove(1);
            }
        }
        Ok(())
    }

    /// Checks all tenant logs at the end.
    pub(super) fn conclude_tenants(&mut self) -> CheckResult {
        let mut all = Vec::new();
        for log in 0..self.tenants.len() {
            let Some(trust) = self.reader_trust(log) else {
                return Err(format!("tenant {log} is in no published tick although all faults ended"));
            };
            let Some(export) = self.export(log, &Request::default())? else {
                return Err(format!("tenant {log} has no export although all faults ended"));
            };
            let report = verify(&export, Options { trust, ..Options::default() }).report;
            check_honest(&report, true, true)?;
            let read = entries(&export)?;
            self.observe_entries(log, &read)?;
            let signed = self.tenants[log].history.signed();
            if signed > read.len() as u64 {
                return Err(format!("tenant {log} had {signed} entries, but has {}", read.len()));
            }
            self.check_live_views(log, &read)?;
            all.push(read);
        }
        let size = self.server.as_ref().map_or(0, Server::exported);
        if self.history.signed() > size {
            return Err(format!("the root log signed {} ticks, but has {size}", self.history.signed()));
        }
        let log = self.random.index(self.tenants.len());
        let mut operator = TenantOperator {
            origin: self.tenants[log].origin.clone(),
            other: self.tenants[(log + 1) % self.tenants.len()].origin.clone(),
            key: self.machine.key(),
            trust: self.trust.clone(),
            witnesses: &self.witnesses,
            now: self.time(0),
            entries: all.swap_remove(log),
            random: self.random.fork(),
        };
        operator.lie(&mut self.trace, self.scheduler.now())
    }
}

/// Checks that a pin that contradicts a tenant log is noticed. The root log can contradict a pin although the tenant log
/// doesn't, so more may be noticed.
fn check_heads(
    read: &[ExportEntry],
    pins: &[HeadProof],
    verdict: Verdict,
    problems: &[FindingCode],
) -> CheckResult {
    let contradicts = |pin: &HeadProof| {
        let head = pin.head();
        super::reading::root_of(read, head.size).is_none_or(|root| root != head.root)
    };
    let is_noticed = |code: &FindingCode| {
        matches!(
            code,
            FindingCode::AppendOnlyRollback
                | FindingCode::AppendOnlySplitView
                | FindingCode::HeadOrder
                | FindingCode::HeadSplit
        )
    };
    let noticed = verdict == Verdict::Altered && problems.iter().any(is_noticed);
    if pins.iter().any(contradicts) && !noticed {
        return Err(format!(
            "a tenant log that contradicts a pin is not noticed, with the verdict {}",
            verdict.as_str()
        ));
    }
    Ok(())
}
