//! Feeds an export: verifies all of it before sending anything.

use std::io::Write as _;

use countersign::verify::report::{CheckState, Report};
use countersign::verify::{EventVisitor, Options, SelectedItem, SummarizedEvent, Verdict, VerifiedItem};
use countersign_analyze::Analysis;
use countersign_dispatch::{Dispatch, Feed};
use countersign_feeds::{Finding, Kind, Log};
use countersign_spill::PendingEvents;
use countersign_watch::{Draft, LogState};

use super::Args;
use crate::commands::analyze::{self, FindingsVisitor};
use crate::commands::verify::signer_trust::{SignerTrust, SignerTrusts};
use crate::commands::{rules, verify};
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::contents::open_export;
use crate::io::study::{Both, Consumer, Examiner, Optional, study};
use crate::io::verdict::count;
use crate::io::{style, verdict};

pub(super) fn run(args: &Args, feed: &Feed, mut delivery: Dispatch) -> Result<ExitStatus, CliError> {
    let trust = args.trust.load()?;
    let threads = args.threads.count();
    let mut input = open_export(&args.from)?;
    let has_quorum = trust.has_quorum();
    let pins = delivery.progress().pin().into_iter().collect();
    let options = Options { trust, pins, ..Options::default() };
    let name = input.name().to_owned();
    let pack = rules::load(&args.rules)?;
    let findings = feed.findings.then(|| FindingsVisitor::new(&pack, &feed.parsers));
    let events = feed.events.then(EventKeeper::default);
    let mut consumers = Both(Optional(events), Optional(findings));
    let verification = study(&mut input, options, threads, &mut consumers)?;
    let Both(Optional(events), Optional(findings)) = consumers;
    let report = &verification.report;
    let log = covering_checkpoint(report, has_quorum, &name)?;
    if delivery.progress().is_saved()
        && report.complete_range().is_none_or(|[first, _]| first > delivery.progress().leaf())
    {
        let hint = "omit --state, or use an export that is complete from the end of the last one";
        let message = "the export is incomplete, so it is unknown which events of the log were already sent";
        return Err(CliError::unusable("feed.partial", message, hint).within(&name));
    }
    delivery.progress_mut().set_origin(log.origin)?;
    let analyzed = findings.map(|findings| findings.finish(report.clone())).transpose()?;
    let signer_trusts = SignerTrusts::from_report(report);
    let mut uncovered = 0u64;
    let events = events.map_or_else(PendingEvents::default, |EventKeeper(events)| events);
    events.for_each(|event| {
        if event.index >= log.size {
            uncovered += 1;
            return Ok(());
        }
        if !feed.wants(&event) {
            return Ok(());
        }
        delivery.push(Some(event.index), feed.record(&log, &event, signer_trusts.of_link(&event)))
    })?;
    if uncovered > 0 {
        let events = count(uncovered, "event");
        style::warn(&format!("{events} not sent, because no checkpoint contains them yet"));
    }
    if let Some(analysis) = &analyzed {
        let Analysis { coverage, limits, future, .. } = &analysis.outcome;
        for gap in analyze::gaps(coverage, &pack.name).iter().chain(&analyze::skipped(limits, *future)) {
            style::warn(gap);
        }
        let at = LogState { origin: log.origin, size: log.size, root: log.root };
        for finding in &analysis.outcome.findings {
            if finding.leaves.iter().any(|leaf| *leaf >= log.size) {
                continue;
            }
            let signer_trust =
                analysis.signer_trust(finding, &signer_trusts).unwrap_or(SignerTrust::Untrusted).as_str();
            let draft = Draft::alert(finding, signer_trust, &pack, &at);
            let text = draft.data().to_string();
            let record = Finding {
                kind: Kind::Alert,
                id: &finding.id,
                title: &draft.title,
                time: finding.last,
                text: &text,
            };
            delivery.push(None, feed.format.finding(&log, &record))?;
        }
    }
    delivery.flush()?;
    delivery.progress_mut().advance(log.size, verification.pin.as_deref());
    let sent = delivery.end()?;
    style::done(&format!("{} sent", count(sent, "record")));
    // Incompleteness is not an error of the feed, and each record states the trust in its signer.
    let _ = writeln!(anstream::stderr().lock(), "{}", verdict::headline(report));
    Ok(ExitStatus::Success)
}

/// Keeps events until the whole export is verified.
#[derive(Default)]
struct EventKeeper(PendingEvents);

/// Selects each event with its text.
#[derive(Clone, Copy)]
struct AllEvents;

impl Examiner for AllEvents {
    type Item = ();

    fn examine(&self, event: &SummarizedEvent<'_>) -> Option<SelectedItem<()>> {
        Some(event.select_with_text(()))
    }
}

impl Consumer for EventKeeper {
    type Examiner = AllEvents;

    fn examiner(&self) -> AllEvents {
        AllEvents
    }
}

impl EventVisitor for EventKeeper {
    type Item = ();
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<()>) -> Result<(), CliError> {
        Ok(self.0.push(event.link, event.text)?)
    }
}

/// Returns the checkpoint that proves the events. Fails if there is none, or the export was altered.
fn covering_checkpoint<'r>(report: &'r Report, has_quorum: bool, name: &str) -> Result<Log<'r>, CliError> {
    verify::refuse_unread(report, name)?;
    if matches!(report.verdict, Verdict::Altered | Verdict::Broken) {
        let hint = "run `countersign verify` for details";
        let message = format!("nothing was sent: the export is {}", report.verdict.as_str());
        return Err(CliError::unusable("feed.not_verified", message, hint).into_broken().within(name));
    }
    let checks = &report.checks;
    for (what, check) in [("log", &checks.log), ("tree", &checks.tree), ("witnesses", &checks.witnesses)] {
        if check.state != CheckState::Pass && report.log.is_some() && (what != "witnesses" || has_quorum) {
            let hint = "check that the trust file names the log's key and that enough of its witnesses signed; run `countersign verify` for details";
            let message = format!("nothing was sent: the export fails the check {what}");
            return Err(CliError::unusable("feed.not_verified", message, hint).within(name));
        }
    }
    if let (Some(origin), Some(log)) = (&report.origin, &report.log) {
        return Ok(Log { origin, size: log.size, root: log.root });
    }
    let hint = "use an export of a log, from `countersign seal` or `countersign export`";
    let message = "nothing was sent: the export has no checkpoint that covers these events";
    Err(CliError::unusable("feed.no_checkpoint", message, hint).within(name))
}
