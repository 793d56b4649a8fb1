//! Recorders: recording, delivering, kills.

use countersign_delivery::Answer;

use super::{Action, CheckResult, Sender, World};
use crate::delivery::{Progress, Report, SubmitRequest};
use crate::recorder::EventState;

/// The number of submissions that are changed and sent again at once.
const MAX_IMMEDIATE: usize = 20;

impl World {
    /// Starts a process of a recorder.
    pub(super) fn start_recorder(&mut self, number: usize) -> CheckResult {
        let recorder = &mut self.recorders[number];
        if recorder.is_running() || recorder.contradiction.is_some() {
            return Ok(());
        }
        if let Err(error) = recorder.start() {
            if error.code() != "io.failed" {
                return Err(format!("recorder {number} can't open its outbox: {error}"));
            }
            recorder.kill();
            self.note(format!("recorder {number} doesn't start"));
            self.schedule(5_000, Action::StartRecorder { recorder: number });
            return Ok(());
        }
        let process = recorder.processes;
        self.note(format!("recorder {number} starts"));
        self.account(number)?;
        self.schedule(1_000, Action::Deliver { recorder: number, process });
        Ok(())
    }

    /// Ends the process of a recorder, which starts again later.
    fn recorder_died(&mut self, number: usize, why: &str) {
        let recorder = &mut self.recorders[number];
        recorder.kill();
        let place = recorder.files.faults().take_killed_at();
        self.note(format!("recorder {number} ends: {why} {}", place.unwrap_or_default()));
        self.schedule(5_000, Action::StartRecorder { recorder: number });
    }

    /// Kills a recorder between two of its steps.
    pub(super) fn kill_recorder(&mut self) {
        let number = self.random.index(self.recorders.len());
        if self.recorders[number].is_running() {
            self.recorder_died(number, "killed");
        }
        if let Some(mean) = self.settings.kills {
            self.schedule(mean, Action::KillRecorder);
        }
    }

    /// Updates how far the events of a recorder got.
    fn account(&mut self, number: usize) -> CheckResult {
        let recorder = &mut self.recorders[number];
        if !recorder.is_running() {
            return Ok(());
        }
        let pending = recorder.pending();
        let receipt = recorder.receipt();
        let model = &mut self.models[recorder.log];
        for event in &pending {
            model.reach(*event, EventState::Durable);
        }
        let durable = model.numbers(number, EventState::Durable);
        for event in durable.into_iter().filter(|event| !pending.contains(event)) {
            model.reach(event, EventState::Proven);
        }
        match receipt {
            // A log that was set back proves other entries to a recorder whose new chain is the first that it sends.
            Some(receipt) if self.set_back_to.is_none() => model.add_receipt(&receipt),
            _ => Ok(()),
        }
    }

    /// Lets a recorder record some events.
    pub(super) fn record(&mut self, number: usize) -> CheckResult {
        if !self.calm {
            self.schedule(20_000, Action::Record { recorder: number });
        }
        let recorder = &self.recorders[number];
        if !recorder.is_running() || recorder.contradiction.is_some() {
            return Ok(());
        }
        let (count, close) = (self.random.between(1, 6), self.random.chance(0.05));
        let secrets: Vec<u64> = (0..count).map(|_| self.random.between(0, u64::MAX)).collect();
        let log = recorder.log;
        let events: Vec<(u64, String)> =
            secrets.into_iter().map(|secret| self.models[log].add(number, secret)).collect();
        let texts: Vec<String> = events.iter().map(|(_, text)| text.clone()).collect();
        let now = self.time(self.recorders[number].ahead);
        let recorder = &mut self.recorders[number];
        let recorded = recorder.record(&texts, now, close);
        if recorded.is_err() || recorder.files.is_dead() {
            self.recorder_died(number, "recording failed");
            return Ok(());
        }
        for (event, _) in &events {
            self.models[log].reach(*event, EventState::Durable);
        }
        let process = self.recorders[number].processes;
        self.note(format!("recorder {number} records {count} events, closes: {close}"));
        self.deliver(number, process)
    }

    /// Starts a step of a recorder's delivery.
    pub(super) fn deliver(&mut self, number: usize, process: u64) -> CheckResult {
        let recorder = &mut self.recorders[number];
        if recorder.processes != process || recorder.is_busy() || recorder.contradiction.is_some() {
            return Ok(());
        }
        let report = recorder.step();
        self.proceed(number, report)
    }

    /// Delivers the log server's answer to a recorder.
    pub(super) fn answer(&mut self, sender: Sender, answer: Option<Answer>) -> CheckResult {
        let recorder = &mut self.recorders[sender.recorder];
        if recorder.processes != sender.process || !recorder.is_busy() {
            return Ok(());
        }
        let report = recorder.answer(answer);
        self.proceed(sender.recorder, report)
    }

    /// Does what a recorder's delivery asks for.
    fn proceed(&mut self, number: usize, mut report: Option<Report>) -> CheckResult {
        for _ in 0..MAX_IMMEDIATE {
            let progress = match report {
                None => return Ok(()),
                Some(Report::Submits(request)) => {
                    self.submit(number, request);
                    return Ok(());
                }
                Some(Report::Done(progress)) => progress,
            };
            if self.recorders[number].files.is_dead() {
                self.recorder_died(number, "delivering failed");
                return Ok(());
            }
            let process = self.recorders[number].processes;
            match progress {
                Progress::Empty => return self.account(number),
                Progress::Delivered => {
                    self.account(number)?;
                    self.note(format!("recorder {number} has a proof, {} events are proven", self.proven()));
                }
                Progress::Again => {}
                Progress::Early(early) => {
                    let own = self.time(self.recorders[number].ahead);
                    match self.recorders[number].redate(early, own) {
                        Ok(true) => {
                            self.account(number)?;
                            self.note(format!("recorder {number} gives its links new times"));
                        }
                        Ok(false) => {
                            self.note(format!("recorder {number} waits for the log's clock"));
                            self.schedule(20_000, Action::Deliver { recorder: number, process });
                            return Ok(());
                        }
                        Err(_) => {
                            self.recorder_died(number, "giving new times failed");
                            return Ok(());
                        }
                    }
                }
                Progress::Later(after, why) => {
                    let wait = after.map_or(0, |after| u64::try_from(after.as_millis()).unwrap_or(0));
                    let delay = wait + self.random.between(1, 10_000);
                    self.note(format!("recorder {number} waits: {why}"));
                    self.scheduler.after(delay, Action::Deliver { recorder: number, process });
                    return Ok(());
                }
                Progress::Refused(why) => {
                    self.note(format!("recorder {number} is refused: {why}"));
                    self.check_refusal(number, &why)?;
                    self.schedule(10_000, Action::Deliver { recorder: number, process });
                    return Ok(());
                }
                Progress::Dead(why) => {
                    self.note(format!("recorder {number} can't continue: {why}"));
                    self.recorders[number].contradiction = Some(why.clone());
                    return self.check_contradiction(number, &why);
                }
            }
            report = self.recorders[number].step();
        }
        let process = self.recorders[number].processes;
        self.schedule(10_000, Action::Deliver { recorder: number, process });
        Ok(())
    }

    /// Sends a submission to the log server.
    fn submit(&mut self, number: usize, request: SubmitRequest) {
        let sender = Sender { recorder: number, process: self.recorders[number].processes, duplicate: false };
        if !self.calm && self.settings.duplication > 0.0 {
            let duplication = self.settings.duplication;
            if self.random.chance(duplication) {
                self.send(Action::Arrive {
                    sender: Sender { duplicate: true, ..sender },
                    request: request.clone(),
                });
            }
        }
        if self.loses() {
            self.send(Action::Answer { sender, answer: None });
        } else {
            self.send(Action::Arrive { sender, request });
        }
    }
}
