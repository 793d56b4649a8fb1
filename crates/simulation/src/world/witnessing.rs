//! Rounds of requests to witnesses, as `countersign serve` makes them.

use std::collections::{BTreeMap, BTreeSet};

use countersign::checkpoint::SignedCheckpoint;
use countersign::note::VerifierKey;
use countersign_log::sequencer::Job;
use countersign_log::witnessing::{
    AGAIN, Assessment, Contradiction, NoCosignature, PATIENCE, PendingCheckpoint, REFRESH, Unwitnessed,
    WitnessExchange,
};

use super::{Action, CheckResult, World};
use crate::server::Server;
use crate::witness::{Response, WitnessState};

/// A round of requests about one checkpoint.
pub(super) struct Round {
    number: u64,
    /// True if the server has just started: it learns what witnesses have seen before it accepts anything.
    presents: bool,
    checkpoint: PendingCheckpoint,
    exchanges: BTreeMap<usize, WitnessExchange>,
    /// The witnesses whose answer is still to come.
    open: BTreeSet<usize>,
    claims: Vec<Contradiction>,
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl World {
    /// Shows witnesses the newest checkpoint before the server accepts anything.
    pub(super) fn present(&mut self) -> CheckResult {
        let Some(server) = &mut self.server else { return Ok(()) };
        let is_final = server.stopped().is_some_and(|stop| !stop.is_claim());
        if self.witnesses.is_empty() || is_final {
            self.accepting = true;
            return self.after_step();
        }
        let published = server.published();
        let newest = server.unwitnessed(true).or_else(|| {
            let note = published?.note.clone();
            let checkpoint = SignedCheckpoint::parse(&note).ok()?.checkpoint;
            Some(Unwitnessed { checkpoint, note, latest: None })
        });
        if let Some(newest) = newest {
            return self.begin_round(&newest, true);
        }
        self.accepting = true;
        self.after_step()
    }

    /// Starts a round if there is a checkpoint that witnesses haven't seen.
    pub(super) fn show_new(&mut self) -> CheckResult {
        self.show(false)
    }

    /// Starts a round about the newest checkpoint, even if witnesses have seen it.
    pub(super) fn show_again(&mut self) -> CheckResult {
        self.show(true)
    }

    fn show(&mut self, again: bool) -> CheckResult {
        let Some(server) = &mut self.server else { return Ok(()) };
        let is_final = server.stopped().is_some_and(|stop| !stop.is_claim());
        if self.round.is_some() || !self.accepting || self.witnesses.is_empty() || is_final {
            return Ok(());
        }
        match server.unwitnessed(again) {
            Some(newest) => self.begin_round(&newest, false),
            None => Ok(()),
        }
    }

    fn begin_round(&mut self, newest: &Unwitnessed, presents: bool) -> CheckResult {
        self.observe_checkpoint(&newest.note)?;
        let Some(server) = &self.server else { return Ok(()) };
        self.rounds += 1;
        let number = self.rounds;
        let checkpoint = server.gather(newest);
        let places: Vec<(usize, VerifierKey)> =
            checkpoint.witnesses().map(|(place, key, _)| (place, key.clone())).collect();
        let (mut exchanges, mut open, mut requests) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        for (place, key) in places {
            let Some(exchange) = server.exchange(place, &key, newest) else { continue };
            if let Ok(body) = exchange.request(server.reader()) {
                requests.push((place, body));
                open.insert(place);
            }
            exchanges.insert(place, exchange);
        }
        for (place, body) in requests {
            self.send(Action::AskWitness { round: number, place, body });
        }
        self.scheduler.after(millis(PATIENCE), Action::EndRound { round: number });
        self.round = Some(Round { number, presents, checkpoint, exchanges, open, claims: Vec::new() });
        Ok(())
    }

    /// Delivers a request to a witness.
    pub(super) fn ask_witness(&mut self, round: u64, place: usize, body: &str) {
        let now = self.now();
        let lost = self.loses();
        let Some(witness) = self.witnesses.get_mut(place) else { return };
        let response = if lost { None } else { witness.add_checkpoint(body, now) };
        let status = response.as_ref().map(|response| response.status);
        let size = witness.size();
        self.note(format!("witness {place} responds {status:?}, its size is {size}"));
        // The answer can be lost although the witness cosigned.
        let response = if self.loses() { None } else { response };
        self.send(Action::ReceiveCosignature { round, place, response });
    }

    /// Processes the response of a witness.
    pub(super) fn receive_cosignature(
        &mut self,
        round: u64,
        place: usize,
        response: Option<Response>,
    ) -> CheckResult {
        let (Some(current), Some(server)) = (&mut self.round, &mut self.server) else { return Ok(()) };
        if current.number != round {
            return Ok(());
        }
        let Some(exchange) = current.exchanges.get_mut(&place) else { return Ok(()) };
        let Some(response) = response else {
            current.open.remove(&place);
            return self.end_round_if_done();
        };
        let body = response.body.as_bytes();
        match exchange.process(response.status, Some(response.kind), body, server.timekeeper()) {
            Ok(None) => match exchange.request(server.reader()) {
                Ok(body) => self.send(Action::AskWitness { round, place, body }),
                Err(_) => _ = current.open.remove(&place),
            },
            Ok(Some(lines)) => {
                server.cosigned(place, exchange.size());
                current.checkpoint.add(place, &lines);
                current.open.remove(&place);
            }
            Err(NoCosignature::Failed(_)) => _ = current.open.remove(&place),
            Err(NoCosignature::Contradicts(contradiction)) => {
                let assessed = (*contradiction).clone();
                let assessment = server.work(|reply| Job::Contradicted { contradiction: assessed, reply });
                let Some(assessment) = assessment else { return self.finish_step(false) };
                self.note(format!("witness {place} contradicts the log: {assessment:?}"));
                let Some(current) = &mut self.round else { return Ok(()) };
                if assessment == Assessment::Refuted {
                    current.open.remove(&place);
                } else {
                    current.claims.push((*contradiction).clone());
                    if !current.presents {
                        current.open.remove(&place);
                    }
                    let epoch = self.epoch;
                    self.send(Action::AskProof { epoch, round, place, contradiction });
                }
            }
        }
        self.end_round_if_done()
    }

    fn end_round_if_done(&mut self) -> CheckResult {
        let Some(round) = &self.round else { return Ok(()) };
        let is_done = round.open.is_empty() || !round.presents && round.checkpoint.is_enough();
        let number = round.number;
        if is_done { self.end_round(number) } else { Ok(()) }
    }

    /// Delivers a request for a witness's newest checkpoint.
    pub(super) fn ask_proof(
        &mut self,
        epoch: u64,
        round: u64,
        place: usize,
        contradiction: Box<Contradiction>,
    ) {
        let lost = self.loses();
        let Some(witness) = self.witnesses.get(place) else { return };
        let response = if lost { None } else { witness.checkpoint() };
        self.send(Action::ReceiveProof { epoch, round, place, contradiction, response });
    }

    /// Processes a witness's newest checkpoint.
    pub(super) fn receive_proof(
        &mut self,
        round: u64,
        place: usize,
        contradiction: Contradiction,
        response: Option<Response>,
    ) -> CheckResult {
        if let (Some(server), Some(response)) = (&mut self.server, response)
            && response.status == 200
        {
            let contradiction = contradiction.with_proof(response.body.as_bytes());
            let assessment = server.work(|reply| Job::Contradicted { contradiction, reply });
            let Some(assessment) = assessment else { return self.finish_step(false) };
            self.note(format!("witness {place} sends its newest checkpoint: {assessment:?}"));
            self.check_assessment(place, assessment)?;
        }
        if let Some(current) = self.round.as_mut().filter(|current| current.number == round) {
            current.open.remove(&place);
            return self.end_round_if_done();
        }
        self.after_step()
    }

    /// Ends a round: publishes the checkpoint with the cosignatures so far.
    pub(super) fn end_round(&mut self, number: u64) -> CheckResult {
        let Some(round) = self.round.take_if(|round| round.number == number) else { return Ok(()) };
        let Some(server) = &mut self.server else { return Ok(()) };
        let witnessed = round.checkpoint.is_enough();
        if !witnessed && !round.claims.is_empty() {
            let claims = round.claims;
            if server.work(|reply| Job::Claimed { claims, reply }).is_none() {
                return self.finish_step(false);
            }
        }
        if round.presents {
            self.accepting = true;
            self.note("the server accepts submissions");
            return self.show_again();
        }
        let stopped = server.stopped();
        let mut wait = if witnessed { REFRESH } else { AGAIN };
        if stopped.is_none() || witnessed && stopped.is_some_and(|stop| stop.is_claim()) {
            let now = server.timekeeper().now();
            let published = round.checkpoint.end(now);
            let size = published.size;
            match server.work(|reply| Job::Publish { published, reply }) {
                None => return self.finish_step(false),
                Some(Ok(())) => self.note(format!("{size} entries are published, witnessed: {witnessed}")),
                Some(Err(error)) => {
                    self.note(format!("publishing {size} entries failed: {error}"));
                    wait = AGAIN;
                }
            }
        }
        self.turn += 1;
        self.scheduler.after(millis(wait), Action::ShowAgain { turn: self.turn });
        self.after_step()
    }

    /// Lets a witness fail or recover.
    pub(super) fn change_witness(&mut self) {
        let place = self.random.index(self.witnesses.len());
        let change = self.random.index(6);
        let witness = &mut self.witnesses[place];
        let what = match change {
            0 => {
                witness.state = WitnessState::Down;
                "is down"
            }
            1 => {
                witness.state = WitnessState::Confused;
                "is confused"
            }
            2 => {
                witness.back_up();
                "is backed up"
            }
            3 if self.set_back_to.is_none() => {
                witness.restore();
                "is restored from its backup"
            }
            _ => {
                witness.state = WitnessState::Up;
                "is up"
            }
        };
        self.note(format!("witness {place} {what}"));
        self.schedule(3 * super::MINUTE, Action::ChangeWitness);
    }

    /// Returns true if the server stopped for a reason that doesn't pass.
    pub(super) fn is_stopped(&self) -> bool {
        self.server.as_ref().and_then(Server::stopped).is_some_and(|stop| !stop.is_claim())
    }
}
