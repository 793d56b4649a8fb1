//! The part of a log that was read since the current live view began.

use countersign::keys::Statement;
use countersign::pin::Pin;
use countersign::tenant::TenantOrigin;
use countersign::time::Time;
use countersign::verify::report::{CheckState, Report};
use countersign::verify::{Expectations, FindingCode, Mark, NoteMark, Options, VerifiedEvent, Verifier};
use countersign_analyze::Acknowledgment;
use countersign_errors::EngineError;
use countersign_spill::PendingEvents;

use crate::item::LogState;
use crate::state::WatchState;
use crate::watcher::WatchConfig;

/// The maximum size of detections that no valid checkpoint covers yet, in bytes. A view from the log's
/// beginning may have its first checkpoint only at the log's current end. Detections that don't fit in memory
/// wait in a temporary file.
const MAX_UNATTESTED_BYTES: u64 = 1 << 28;

/// The state of the current live view.
pub(crate) struct View {
    pub(crate) verifier: Verifier,
    /// Encoded detections that no valid checkpoint covers yet.
    pub(crate) detected: PendingEvents<Box<[u8]>>,
    pub(crate) acknowledged: Vec<Acknowledgment>,
    pub(crate) revoked: Vec<(String, Option<Time>)>,
    /// The text of the newest checkpoint, or of a tenant log's newest head.
    pub(crate) checkpoint: Option<String>,
    /// Events that no valid checkpoint covers yet.
    pub(crate) events: PendingEvents,
    /// True if the open link of a chain lies before the start of this view.
    pub(crate) lacks_open: bool,
}

impl View {
    pub(crate) fn new(config: &WatchConfig<'_>, state: &WatchState) -> Self {
        let pin = state.pin.as_deref().and_then(|pin| Pin::parse(pin).ok());
        // A tenant log passes only if the reader names it.
        let origin = TenantOrigin::for_reader(&config.origin, &config.trust).map(|origin| origin.to_string());
        let options = Options {
            trust: config.trust.clone(),
            pins: pin.into_iter().collect(),
            expect: Expectations { origin, ..Expectations::default() },
            events: true,
            marks: true,
            findings: true,
            ..Options::default()
        };
        Self {
            verifier: Verifier::live(options),
            detected: PendingEvents::default(),
            acknowledged: Vec::new(),
            revoked: Vec::new(),
            checkpoint: None,
            events: PendingEvents::default(),
            lacks_open: false,
        }
    }

    /// Runs the rules on newly verified events, and notes acknowledgments and revocations.
    pub(crate) fn settle(&mut self, config: &WatchConfig<'_>) -> Result<(), EngineError> {
        self.verifier.settle();
        let output = self.verifier.take().whole()?;
        for event in output.events {
            let detected = config.detect(&event);
            self.acknowledged.extend(Acknowledgment::parse(&event.event, event.index));
            if config.events {
                self.events.push(event.link.clone(), Some(event.event))?;
            }
            self.detected.push(event.link, Some(detected.to_bytes().into()))?;
        }
        self.lacks_open |= output.findings.iter().any(|finding| finding.code == FindingCode::ChainNoOpen);
        for mark in output.marks {
            let Mark::Note(NoteMark { acts: true, statements, .. }) = mark else { continue };
            self.revoked.extend(statements.into_iter().filter_map(|statement| match statement {
                Statement::Revoke { key, since } => Some((key.to_string(), since)),
                Statement::Grant { .. } => None,
            }));
        }
        Ok(())
    }

    /// Takes the events with an index in `from..size`. Drops those before `from`, keeps those after `size`.
    pub(crate) fn take_events(&mut self, from: u64, size: u64) -> Result<PendingEvents, EngineError> {
        let mut attested = PendingEvents::default();
        let mut later = PendingEvents::default();
        std::mem::take(&mut self.events).for_each(|VerifiedEvent { link, event, .. }| match link.index {
            index if index < from => Ok(()),
            index if index < size => attested.push(link, Some(event)),
            _ => later.push(link, Some(event)),
        })?;
        self.events = later;
        Ok(attested)
    }

    /// Returns the newest checkpoint or head and its text, if it passes the checks.
    pub(crate) fn attested<'w>(
        &self,
        report: &Report,
        config: &'w WatchConfig<'_>,
    ) -> Result<Option<(LogState<'w>, String)>, EngineError> {
        let (Some(log), Some(text)) = (&report.log, &self.checkpoint) else { return Ok(None) };
        let checks = &report.checks;
        let passes = [&checks.tree, &checks.log].into_iter().all(|check| check.state == CheckState::Pass)
            && checks.append_only.state != CheckState::Fail
            && (!config.trust.has_quorum() || checks.witnesses.state == CheckState::Pass)
            && report.origin.as_deref() == Some(&config.origin);
        let newest = Pin::parse(text)?;
        let is_same = newest.size == log.size && newest.root == log.root;
        Ok((passes && is_same)
            .then(|| (LogState { origin: &config.origin, size: log.size, root: log.root }, text.clone())))
    }

    pub(crate) fn check_limit(&self) -> Result<(), EngineError> {
        if self.detected.kept_count() <= MAX_UNATTESTED_BYTES {
            return Ok(());
        }
        let message = "too many detections wait for a checkpoint that enough witnesses signed";
        let hint = "run `countersign monitor` to see which cosignatures the log's checkpoints lack";
        Err(EngineError::new("watch.unattested", message, hint))
    }
}
