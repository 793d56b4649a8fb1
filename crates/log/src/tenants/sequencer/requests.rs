//! Carries out requests to begin or end tenant logs, at ticks.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign::log::{Rules, Submission};
use countersign::tenant::{State, TenantOrigin};

use super::{RunningTenantSequencer, WaitingLog};
use crate::store::StoreError;
use crate::submission::SubmitError;
use crate::tenants::heads::SlotHead;
use crate::tenants::requests::{DamagedRequest, Ending, TenantRequest};
use crate::tenants::tenant::TenantNumber;

/// The ends of tenant logs at a tick.
#[derive(Default)]
pub(super) struct LogEndings {
    /// The last states of the logs whose last event is among the waiting entries.
    states: BTreeMap<TenantNumber, State>,
    /// The last heads of stopped logs. They end without an event: their entries contradict their heads.
    pub(super) stopped: Vec<SlotHead>,
}

impl LogEndings {
    /// Returns the head with the last state of its log, if the log ends.
    pub(super) fn apply(&self, head: SlotHead) -> SlotHead {
        let state = self.states.get(&head.number).copied();
        SlotHead { state: state.unwrap_or(head.state), ..head }
    }
}

impl RunningTenantSequencer {
    /// Adds the events of the requests to the waiting entries of their logs. `new` are the heads of logs whose first
    /// tick this is. A request that fails is tried again at the next tick, and doesn't affect other logs. A request that
    /// can't be read holds its log: its submissions fail.
    pub(super) fn add_requested(
        &mut self,
        new: &[SlotHead],
        waiting: &mut BTreeMap<TenantNumber, WaitingLog>,
    ) -> Result<LogEndings, StoreError> {
        let mut endings = LogEndings::default();
        for request in self.writer.requests()? {
            let request = match request {
                Ok(request) => request,
                Err(DamagedRequest { number, error }) => {
                    tracing::error!(%error, %number, "a tenant log is held until its request is repaired");
                    if let Some(log) = waiting.remove(&number) {
                        self.fail(number, log, &error);
                    }
                    continue;
                }
            };
            let head = self.head_before(&request.id, new).copied();
            // A tenant that was created after the tenants were read has its first tick later.
            let Some(head) = head.filter(|head| head.number == request.number) else { continue };
            let state = request.ending.as_ref().map_or(State::Live, Ending::state);
            if head.state != State::Live {
                // Its end was shown before an older database was restored. The database learns of it.
                if state != State::Live && self.guard.check(head.number).is_err() {
                    endings.stopped.push(head);
                }
                continue;
            }
            if state != State::Live && self.guard.check(head.number).is_err() {
                endings.stopped.push(SlotHead { state, ..head });
                continue;
            }
            match self.add_events(&head, &request, waiting) {
                Ok(()) if state != State::Live => _ = endings.states.insert(head.number, state),
                Ok(()) => {}
                Err(error) => {
                    tracing::error!(%error, number = %head.number, "the log server's event in a tenant log failed");
                    self.own.abandon(head.number);
                }
            }
        }
        Ok(endings)
    }

    /// Adds the events of a request, and closes the log server's chain after the last one.
    fn add_events(
        &mut self,
        head: &SlotHead,
        request: &TenantRequest,
        waiting: &mut BTreeMap<TenantNumber, WaitingLog>,
    ) -> Result<(), SubmitError> {
        let root = self.signer.key.verifier_key().name();
        let unnamed = || SubmitError::Unavailable("the tenant log's origin is too long".into());
        let origin = TenantOrigin::new(root, head.id).ok_or_else(unnamed)?;
        let trust = self.signer.rules().trust().cloned().unwrap_or_default();
        let trust = trust.with_emitter(self.signer.key.verifier_key().clone());
        let trust = trust.map_err(|error| SubmitError::Unavailable(error.to_string().into()))?;
        let rules = Arc::new(Rules::for_tenant(&origin, Arc::new(trust)));
        let now = self.signer.timekeeper.now();
        let last = request.ending.as_ref().map(|ending| ending.event(&origin).to_string());
        let mut submissions: Vec<Submission> = Vec::new();
        for event in request.openings.iter().chain(&last) {
            let key = &self.signer.key;
            submissions.push(self.own.record(head.number, &rules, event, key, now, &mut self.random)?);
        }
        if last.is_some() {
            let closed = self.own.close(head.number, &self.signer.key, now);
            submissions.extend(closed.map(|closed| closed.links));
        }
        let log = waiting.entry(head.number).or_insert_with(|| WaitingLog::new(head));
        let state = self.writer.state(head.number);
        let mut growth = log.growth.clone();
        for links in &submissions {
            growth.submit(&rules, &*state, links, now)?;
        }
        log.growth = growth;
        log.has_own = true;
        Ok(())
    }
}
