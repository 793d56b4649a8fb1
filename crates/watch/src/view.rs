//! What a log shows since the last time that reading it began.

use countersign::checkpoint::SignedCheckpoint;
use countersign::keys::Statement;
use countersign::time::Time;
use countersign::verify::report::{CheckState, Report};
use countersign::verify::{FindingCode, Mark, NoteMark, Options, VerifiedEvent, Verifier};
use countersign_analyze::Acknowledgement;
use countersign_errors::EngineError;
use countersign_spill::PendingEvents;

use crate::item::LogState;
use crate::state::WatchState;
use crate::watcher::WatchConfig;

/// How much may be found before a checkpoint that counts: a log that is read from its beginning has one at its end. What
/// memory has no room for waits in a file.
const UNATTESTED: u64 = 1 << 28;

/// What is read since the last time that parser began.
pub(crate) struct View {
    pub(crate) verifier: Verifier,
    /// What was detected, as bytes, and no checkpoint that counts holds yet.
    pub(crate) found: PendingEvents<Box<[u8]>>,
    pub(crate) acknowledged: Vec<Acknowledgement>,
    pub(crate) revoked: Vec<(String, Option<Time>)>,
    /// The last checkpoint, as it stood.
    pub(crate) checkpoint: Option<String>,
    /// Events that no checkpoint that counts holds yet.
    pub(crate) events: PendingEvents,
    /// Whether a chain goes on whose open link lies before what this view shows.
    pub(crate) lacks_open: bool,
}

impl View {
    pub(crate) fn new(watched: &WatchConfig<'_>, state: &WatchState) -> Self {
        let pin = state.pin.as_deref().and_then(|pin| SignedCheckpoint::parse_extended(pin).ok());
        let options = Options {
            trust: watched.trust.clone(),
            pins: pin.into_iter().collect(),
            events: true,
            marks: true,
            findings: true,
            ..Options::default()
        };
        Self {
            verifier: Verifier::live(options),
            found: PendingEvents::default(),
            acknowledged: Vec::new(),
            revoked: Vec::new(),
            checkpoint: None,
            events: PendingEvents::default(),
            lacks_open: false,
        }
    }

    /// Looks at what became verified.
    pub(crate) fn settle(&mut self, watched: &WatchConfig<'_>) -> Result<(), EngineError> {
        self.verifier.settle();
        let told = self.verifier.take().whole()?;
        for event in told.events {
            let detected = watched.detect(&event);
            self.acknowledged.extend(Acknowledgement::of(&event.event, event.index));
            if watched.events {
                self.events.push(event.link.clone(), Some(event.event))?;
            }
            self.found.push(event.link, Some(detected.to_bytes().into()))?;
        }
        self.lacks_open |= told.findings.iter().any(|finding| finding.code == FindingCode::ChainNoOpen);
        for mark in told.marks {
            let Mark::Note(NoteMark { acts: true, statements, .. }) = mark else { continue };
            self.revoked.extend(statements.into_iter().filter_map(|statement| match statement {
                Statement::Revoke { key, since } => Some((key.to_string(), since)),
                Statement::Grant { .. } => None,
            }));
        }
        Ok(())
    }

    /// The events that stand before that leaf; none that stood before the other one.
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

    /// The last checkpoint, where it is one that counts.
    pub(crate) fn attested<'w>(
        &self,
        report: &Report,
        watched: &'w WatchConfig<'_>,
    ) -> Result<Option<(LogState<'w>, String)>, EngineError> {
        let (Some(log), Some(text)) = (&report.log, &self.checkpoint) else { return Ok(None) };
        let checks = &report.checks;
        let passes = [&checks.tree, &checks.log].into_iter().all(|check| check.state == CheckState::Pass)
            && checks.append_only.state != CheckState::Fail
            && (!watched.trust.has_quorum() || checks.witnesses.state == CheckState::Pass)
            && report.origin.as_deref() == Some(&watched.origin);
        let seen = SignedCheckpoint::parse_extended(text)?;
        let is_it = seen.checkpoint.size == log.size && seen.checkpoint.root == log.root;
        Ok((passes && is_it)
            .then(|| (LogState { origin: &watched.origin, size: log.size, root: log.root }, text.clone())))
    }

    pub(crate) fn bounded(&self) -> Result<(), EngineError> {
        if self.found.kept() <= UNATTESTED {
            return Ok(());
        }
        let message = "much was found, and no checkpoint that enough witnesses signed holds it";
        let hint = "look why the log's checkpoints lack cosignatures: `countersign monitor` says which";
        Err(EngineError::new("watch.unattested", message, hint))
    }
}
