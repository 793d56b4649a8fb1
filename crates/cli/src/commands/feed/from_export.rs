//! Feeding an export: all of it is verified before anything of it goes out.

use std::io::Write as _;

use countersign::verify::report::{CheckState, Report};
use countersign::verify::{EventVisitor, Options, SummarizedEvent, Verdict, VerifiedItem};
use countersign_dispatch::{Dispatch, Feed};
use countersign_feeds::{Finding, Kind, Log};
use countersign_spill::PendingEvents as Found;
use countersign_watch::{Draft, LogState};

use super::Args;
use crate::commands::analyze;
use crate::commands::verify::signer_trust::{SignerTrust, SignerTrusts};
use crate::commands::{rules, verify};
use crate::errors::CliError;
use crate::exit_status::ExitStatus;
use crate::io::contents::contents;
use crate::io::verdict::count;
use crate::io::visit::visit;
use crate::io::{style, verdict};

pub(super) fn run(args: &Args, feed: &Feed, mut delivery: Dispatch) -> Result<ExitStatus, CliError> {
    let trust = args.trust.load()?;
    let threads = args.threads.count();
    let mut input = contents(&args.from)?.rereadable()?;
    let has_quorum = trust.has_quorum();
    let pins = delivery.progress().pin().into_iter().collect();
    let options = Options { trust: trust.clone(), pins, ..Options::default() };
    let mut visitor = EventKeeper::default();
    let name = input.name().to_owned();
    let examiner = || |event: &SummarizedEvent<'_>| feed.events.then(|| event.select_with_text(()));
    let verification = visit(&mut input, options, threads, examiner, &mut visitor)?;
    let EventKeeper(found) = visitor;
    let report = &verification.report;
    let log = provable(report, has_quorum, &name)?;
    if delivery.progress().is_kept()
        && report.complete_range().is_none_or(|[first, _]| first > delivery.progress().leaf())
    {
        let hint = "leave --state out, or give an export that is complete from where the last one ended";
        let message =
            "this export doesn't show all entries, so there is no way to tell what was sent of the log";
        return Err(CliError::unusable("feed.partial", message, hint).within(&name));
    }
    delivery.progress_mut().begin(log.origin)?;
    // Findings are looked for before anything goes out: that can fail too.
    let pack = rules::load(&args.rules)?;
    let analyzed = feed
        .findings
        .then(|| analyze::analyze(&mut input, trust, &pack, &feed.parsers, threads))
        .transpose()?;
    let signer_trusts = SignerTrusts::of(report);
    let mut beyond = 0u64;
    found.for_each(|event| {
        if event.index >= log.size {
            beyond += 1;
            return Ok(());
        }
        if !feed.wants(&event) {
            return Ok(());
        }
        delivery.push(Some(event.index), feed.record(&log, &event, signer_trusts.of_link(&event)))
    })?;
    if beyond > 0 {
        let events = count(beyond, "event");
        style::warn(&format!("{events} not sent, because no checkpoint contains them yet"));
    }
    if let Some(looked) = &analyzed {
        let at = LogState { origin: log.origin, size: log.size, root: log.root };
        for finding in &looked.outcome.findings {
            if finding.leaves.iter().any(|leaf| *leaf >= log.size) {
                continue;
            }
            let signer_trust =
                looked.signer_trust(finding, &signer_trusts).unwrap_or(SignerTrust::Unknown).as_str();
            let draft = Draft::alert(finding, signer_trust, &pack, &at);
            let text = draft.data().to_string();
            let told = Finding {
                kind: Kind::Alert,
                id: &finding.id,
                title: &draft.title,
                time: finding.last,
                text: &text,
            };
            delivery.push(None, feed.format.finding(&log, &told))?;
        }
    }
    delivery.flush()?;
    delivery.progress_mut().through(log.size, verification.pin.as_deref());
    let sent = delivery.end()?;
    style::done(&format!("{} sent", count(sent, "record")));
    // That there may be more is no fault of the feed, and whom to trust is said with each record.
    let _ = writeln!(anstream::stderr().lock(), "{}", verdict::headline(report));
    Ok(ExitStatus::Success)
}

/// Keeps events until the whole export is verified.
#[derive(Default)]
struct EventKeeper(Found);

impl EventVisitor for EventKeeper {
    type Item = ();
    type Error = CliError;

    fn visit(&mut self, event: VerifiedItem<()>) -> Result<(), CliError> {
        Ok(self.0.push(event.link, event.text)?)
    }
}

/// The checkpoint that proves what is fed; a failure where there is none, or where something is not as it was signed.
fn provable<'r>(report: &'r Report, has_quorum: bool, name: &str) -> Result<Log<'r>, CliError> {
    verify::refuse_unread(report, name)?;
    if matches!(report.verdict, Verdict::Altered | Verdict::Broken) {
        let hint = "`countersign verify` says what is wrong with it";
        let message = format!("nothing was sent: the export is {}", report.verdict.as_str());
        return Err(CliError::unusable("feed.not_verified", message, hint).into_broken().within(name));
    }
    let checks = &report.checks;
    for (what, check) in [("log", &checks.log), ("tree", &checks.tree), ("witnesses", &checks.witnesses)] {
        if check.state != CheckState::Pass && report.log.is_some() && (what != "witnesses" || has_quorum) {
            let hint = "the trust file must name the log's key, and if it names witnesses, enough of them must have signed; `countersign verify` says more";
            let message = format!("nothing was sent: the export does not pass the check {what}");
            return Err(CliError::unusable("feed.not_verified", message, hint).within(name));
        }
    }
    if let (Some(origin), Some(log)) = (&report.origin, &report.log) {
        return Ok(Log { origin, size: log.size, root: log.root });
    }
    let hint = "give an export of a log: `countersign seal` makes one, `countersign export` fetches one";
    let message = "nothing was sent: no checkpoint shows that these events are in a log";
    Err(CliError::unusable("feed.no_checkpoint", message, hint).within(name))
}
