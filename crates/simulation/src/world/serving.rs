//! The log server's process: starts, kills, and submissions.

use countersign_delivery::Answer;
use countersign_log::sequencer::Job;
use countersign_log::store::StoreError;

use super::{Action, CheckResult, Sender, World};
use crate::delivery::SubmitRequest;
use crate::server::{Outcome, Server};

/// The time that a submission waits to be published.
const PUBLISH_TIMEOUT: u64 = 30_000;

impl World {
    /// Starts a process of the server.
    pub(super) fn start_server(&mut self) -> CheckResult {
        if self.server.is_some() {
            return Ok(());
        }
        self.epoch += 1;
        let random = self.random.fork();
        match Server::start(&self.machine, random) {
            None => self.server_died(),
            Some(Err(StoreError::Unavailable { doing, .. })) => {
                self.note(format!("the server doesn't start: {doing} failed"));
                self.schedule(2_000, Action::StartServer);
            }
            Some(Err(error)) => return Err(format!("the server can't start: {error}")),
            Some(Ok(server)) => {
                let size = server.published().map_or(0, |published| published.size);
                let stopped = server.stopped().map(|stop| stop.cause.code());
                self.server = Some(server);
                self.note(format!("the server starts, {size} entries are published, stopped: {stopped:?}"));
                self.check_start()?;
                self.schedule_tick();
                self.schedule(1_000, Action::ContinueErasure { epoch: self.epoch });
                self.present()?;
            }
        }
        Ok(())
    }

    /// Ends what depended on a process that was killed.
    pub(super) fn server_died(&mut self) {
        let place = self.machine.disk.faults().take_killed_at();
        self.note(format!("the server is killed at: {}", place.as_deref().unwrap_or("some moment")));
        self.kills += 1;
        self.server = None;
        self.epoch += 1;
        self.accepting = false;
        self.round = None;
        let senders = self.queue.drain(..).map(|(sender, _)| sender);
        let senders: Vec<Sender> = senders.chain(self.waiting.drain(..).map(|(sender, ..)| sender)).collect();
        for sender in senders {
            self.respond(sender, None);
        }
        for reader in &mut self.readers {
            if let Some(live) = &mut reader.live {
                live.view = None;
            }
        }
        self.schedule(if self.calm { 500 } else { 10_000 }, Action::StartServer);
    }

    /// Kills the server between two of its steps.
    pub(super) fn kill_server(&mut self) {
        if self.server.is_some() {
            self.server_died();
        }
        if let Some(mean) = self.settings.kills {
            self.schedule(mean, Action::KillServer);
        }
    }

    /// Stops the server as an operator does: it closes its own chain.
    pub(super) fn close_server(&mut self) -> CheckResult {
        if let Some(server) = &mut self.server {
            let closed = server.work(|reply| Job::Close { reply });
            let line = match closed {
                None => "killed",
                Some(Ok(_)) => "closed",
                Some(Err(_)) => "not closed",
            };
            self.note(format!("the server is stopped, its own chain: {line}"));
            if closed.is_some() {
                self.after_step()?;
            }
            if self.server.is_some() {
                self.server_died();
            }
        }
        if let Some(mean) = self.settings.kills {
            self.schedule(mean * 2, Action::CloseServer);
        }
        Ok(())
    }

    /// Receives a submission.
    pub(super) fn arrive(&mut self, sender: Sender, request: SubmitRequest) {
        if self.server.is_none() || !self.accepting {
            self.respond(sender, None);
            return;
        }
        self.queue.push((sender, request));
        if self.queue.len() == 1 {
            let slowest = if self.calm { 10 } else { self.settings.commit };
            let delay = self.random.between(1, slowest);
            self.scheduler.after(delay, Action::Commit { epoch: self.epoch });
        }
    }

    /// Commits the submissions that arrived.
    pub(super) fn commit(&mut self) -> CheckResult {
        let Some(server) = &mut self.server else { return Ok(()) };
        let log = |sender: &Sender| self.recorders[sender.recorder].log;
        let (senders, requests): (Vec<Sender>, Vec<(usize, SubmitRequest)>) =
            self.queue.drain(..).map(|(sender, request)| (sender, (log(&sender), request))).unzip();
        let (outcomes, survived) = server.submit(&requests);
        let now = self.scheduler.now();
        let mut answered = Vec::new();
        for (sender, outcome) in senders.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Answered(answer) => {
                    answered.push(answer.status);
                    self.respond_checked(sender, answer)?;
                }
                Outcome::Waiting(pending) => {
                    answered.push(0);
                    self.waiting.push((sender, pending, now + PUBLISH_TIMEOUT));
                    self.scheduler.after(PUBLISH_TIMEOUT, Action::GiveUp { epoch: self.epoch });
                }
                Outcome::Lost => {
                    answered.push(1);
                    self.respond(sender, None);
                }
            }
        }
        self.note(format!("the server commits: {answered:?}"));
        self.finish_step(survived)?;
        Ok(())
    }

    /// Continues after a step of the server, or ends it if it was killed.
    pub(super) fn finish_step(&mut self, survived: bool) -> CheckResult {
        if survived {
            return self.after_step();
        }
        // A checkpoint that was announced before can have reached someone.
        self.observe_published()?;
        self.server_died();
        Ok(())
    }

    fn observe_published(&mut self) -> CheckResult {
        let published = self.server.as_ref().and_then(Server::published);
        if let Some(published) = published {
            self.observe_checkpoint(&published.note)?;
        }
        self.observe_tick()
    }

    /// Adds a checkpoint to what the log showed.
    pub(super) fn observe_checkpoint(&mut self, note: &str) -> CheckResult {
        // After the whole machine was set back, the log shows a second history.
        if self.set_back_to.is_some() {
            return Ok(());
        }
        let size = self.history.add_checkpoint(note)?;
        self.check_remembered(size)
    }

    /// Checks that the log remembers what it shows: otherwise it could sign a second history after a backup is restored.
    pub(super) fn check_remembered(&self, size: u64) -> CheckResult {
        let signed = self.machine.disk.signed_size().unwrap_or(0);
        if size > signed {
            return Err(format!(
                "the log shows a checkpoint of {size} entries, but remembers one of {signed}"
            ));
        }
        Ok(())
    }

    /// Answers what is published now, and shows witnesses what is new.
    pub(super) fn after_step(&mut self) -> CheckResult {
        self.observe_published()?;
        let exported = self.server.as_ref().map_or(0, Server::exported);
        if self.set_back_to.is_none() && self.replaced.is_none() {
            self.check_remembered(exported)?;
        }
        let waiting = std::mem::take(&mut self.waiting);
        for (sender, mut pending, until) in waiting {
            match self.server.as_ref().and_then(|server| server.response(&mut pending)) {
                Some(answer) => self.respond_checked(sender, answer)?,
                None => self.waiting.push((sender, pending, until)),
            }
        }
        self.show_new()
    }

    /// Answers submissions that waited too long.
    pub(super) fn give_up(&mut self) {
        let now = self.scheduler.now();
        let waiting = std::mem::take(&mut self.waiting);
        for (sender, pending, until) in waiting {
            if until <= now {
                self.respond(sender, Some(Server::give_up()));
            } else {
                self.waiting.push((sender, pending, until));
            }
        }
    }

    fn respond_checked(&mut self, sender: Sender, answer: Answer) -> CheckResult {
        if answer.status == 200 {
            let body: serde_json::Value = serde_json::from_slice(&answer.body).map_err(super::text)?;
            match body.get("checkpoint").and_then(serde_json::Value::as_str) {
                Some(note) => self.observe_checkpoint(note)?,
                None => self.observe_answer(self.recorders[sender.recorder].log, &body)?,
            }
        }
        self.respond(sender, Some(answer));
        Ok(())
    }

    /// Sends an answer; `None` if the connection is lost.
    fn respond(&mut self, sender: Sender, answer: Option<Answer>) {
        if sender.duplicate {
            return;
        }
        let answer = if self.loses() { None } else { answer };
        self.send(Action::Answer { sender, answer });
    }
}
