//! The chains in tenant logs that the log server itself writes, signed with the root log's key.
//!
//! They have the server's events about one tenant's data: erasures and reads. A chain is opened with the first event in
//! its log. A limited number is open, so that closing all of them when the server stops is limited too: the least
//! recently used one is closed when another is opened.

use std::collections::HashMap;
use std::sync::Arc;

use countersign::log::{Rules, Submission};
use countersign::note::SignerKey;
use countersign::time::Time;

use super::tenant::TenantNumber;
use crate::own_chain::{OwnRecorder, Random};
use crate::submission::SubmitError;

/// The maximum number of open chains, each in a log of its own.
pub(super) const MAX_OPEN: usize = 256;

/// The open chains of the log server, at most one in each tenant log.
#[derive(Default)]
pub(super) struct OwnTenantChains {
    open: HashMap<TenantNumber, OpenChain>,
    /// The number of events recorded so far.
    events: u64,
}

/// An open chain.
struct OpenChain {
    recorder: OwnRecorder,
    /// The tenant log's acceptance rules at the chain's last event.
    rules: Arc<Rules>,
    /// The number of the chain's last event.
    last: u64,
}

/// Links for a tenant log.
pub(super) struct OwnSubmission {
    pub(super) number: TenantNumber,
    pub(super) rules: Arc<Rules>,
    pub(super) links: Submission,
}

impl OwnTenantChains {
    /// Returns the links for one more event in a tenant log with these rules.
    pub(super) fn record(
        &mut self,
        number: TenantNumber,
        rules: &Arc<Rules>,
        event: &str,
        key: &SignerKey,
        now: Time,
        random: &mut Random,
    ) -> Result<Submission, SubmitError> {
        self.events += 1;
        let chain = self.open.entry(number).or_insert_with(|| OpenChain {
            recorder: OwnRecorder::default(),
            rules: rules.clone(),
            last: 0,
        });
        (chain.rules, chain.last) = (rules.clone(), self.events);
        let recorded = chain.recorder.record(rules.origin(), event, key, now, random);
        if recorded.is_err() {
            self.abandon(number);
        }
        recorded
    }

    /// Returns the links that close the least recently used chain, if there are too many.
    pub(super) fn close_excess(&mut self, key: &SignerKey, now: Time) -> Option<OwnSubmission> {
        if self.open.len() <= MAX_OPEN {
            return None;
        }
        let (number, _) = self.open.iter().min_by_key(|(_, chain)| chain.last)?;
        self.close(*number, key, now)
    }

    /// Returns the links that close all chains.
    pub(super) fn close_all(&mut self, key: &SignerKey, now: Time) -> Vec<OwnSubmission> {
        let mut open: Vec<TenantNumber> = self.open.keys().copied().collect();
        open.sort_unstable();
        open.into_iter().filter_map(|number| self.close(number, key, now)).collect()
    }

    /// Returns the links that close the chain in a tenant log, if one is open.
    pub(super) fn close(
        &mut self,
        number: TenantNumber,
        key: &SignerKey,
        now: Time,
    ) -> Option<OwnSubmission> {
        let OpenChain { mut recorder, rules, .. } = self.open.remove(&number)?;
        let closed = recorder.close(key, now).inspect_err(|error| {
            tracing::warn!(%error, %number, "a chain of the log server in a tenant log can't be closed");
        });
        Some(OwnSubmission { number, rules, links: closed.ok()?? })
    }

    /// Makes the next event in a tenant log open a new chain, because links of the last one were not accepted.
    pub(super) fn abandon(&mut self, number: TenantNumber) {
        self.open.remove(&number);
    }
}
