//! Formats a verification report for people. The core computes the report; this module only adds words and colors.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;

use countersign::note::VerifierKey;
use countersign::verify::report::{Check, CheckState, Complete, Report, TrustBasis, Verdict};
use countersign::verify::{Finding, FindingCode, LISTED, Severity, Why};

use crate::errors::CliError;
use crate::io::style::{self, bad, doubt, faint, good, label, plain};

/// Maximum number of findings shown per code; the report has more.
const MAX_SHOWN: usize = 3;

const UNALTERED: &str = " No alteration was found.";
const MISMATCH: &str = " The content does not match what was signed. Causes range from a corrupt file to tampering; the first error says what does not match.";
const NOTHING_SAID: &str = " This says nothing about whether the log was altered.";

/// Returns the verdict in the words of SPEC section 9, with an icon.
pub(crate) fn headline(report: &Report) -> String {
    in_words(report.verdict, report.why(), report)
}

/// Returns the headline for a verdict that was derived from more than one report.
pub(crate) fn in_words(verdict: Verdict, why: Option<Why>, report: &Report) -> String {
    let hint = |code| {
        let found = report.findings.iter().find(|finding| finding.code == code);
        found.map_or_else(String::new, |found| sentence(found.hint))
    };
    match (verdict, why) {
        (Verdict::Altered, Some(Why::Rollback)) => {
            bad("✗ This ends before a state of the log that was seen before.")
                + " Either it is older, or the log was cut back. No altered entry was found."
        }
        (Verdict::Altered, _) => bad("✗ Altered.") + &changed(report).unwrap_or_else(|| MISMATCH.into()),
        (Verdict::Broken, Some(Why::Truncated)) => {
            bad("✗ The file is truncated or corrupt.")
                + &hint(FindingCode::FormatTruncated)
                + if report.origin.is_none() { NOTHING_SAID } else { UNALTERED }
        }
        (Verdict::Broken, Some(Why::Missing)) => {
            bad("✗ Entries of the claimed range are missing.")
                + " The export was truncated, entries were removed, or the program that wrote it is faulty."
                + UNALTERED
        }
        (Verdict::Broken, Some(Why::Expected)) => {
            bad("✗ Not what you asked for.")
                + " The export is of another log, lacks entries that you asked for, or is older than you allow."
                + UNALTERED
        }
        (Verdict::Broken, Some(Why::Unwitnessed)) => {
            bad("✗ Too few witnesses.")
                + " The cosignatures on the log's last checkpoint do not meet the quorum of your trust file."
                + " No alteration was found, but the log may have shown others a different history."
        }
        (Verdict::Broken, _) => {
            bad("✗ Broken.")
                + " Entries are missing, repeated, malformed, out of order, or not allowed. Causes range from a truncated download to tampering; the first error says what is wrong."
        }
        (Verdict::NotChecked, why) => {
            let (unread, seems) = match why {
                Some(Why::Header) => {
                    let hint = hint(FindingCode::FormatHeader);
                    ("? Not a countersign export, or its header is corrupt.", hint)
                }
                Some(Why::Compression) => {
                    ("? Unsupported compression.", hint(FindingCode::FormatCompression))
                }
                Some(Why::EmptyLog) => ("? Nothing to check: the log was empty.", String::new()),
                Some(Why::EmptyExport) => ("? Nothing to check: the export has no entries.", String::new()),
                _ => ("? Not fully checked.", String::new()),
            };
            doubt(unread) + &seems + NOTHING_SAID
        }
        (Verdict::Untrusted, Some(Why::Log)) => {
            doubt("? Unchanged since it was signed, but you don't trust the log.")
                + " No key that you trust signed the log's last checkpoint, so events may be missing."
        }
        (Verdict::Untrusted, Some(Why::Unnamed)) => {
            doubt("? Unchanged since it was signed, but you haven't named the log you expect.")
                + " It may be another customer's."
        }
        (Verdict::Untrusted, _) => {
            doubt("? Unchanged since it was signed, but you don't trust the signer's key.")
                + " Anyone could have made this."
        }
        (Verdict::Partial, Some(Why::Unseen)) => {
            good("✓ Unchanged, signed with keys you trust, and no entry of the range is missing.")
                + " A key was granted in the log, and an entry outside the range may revoke it."
                + if report.counts.withheld > 0 { " Some events may be withheld." } else { "" }
        }
        (Verdict::Partial, Some(Why::Withheld)) => {
            good("✓ Unchanged, and no entry of the range is missing,")
                + &doubt(" but some events may be withheld.")
                + " A withheld event is an entry without its content."
        }
        (Verdict::Partial, _) => {
            good("✓ Unchanged,")
                + &doubt(" but this may be only part of the log.")
                + " The log may have other events before, between, or after these, and some may be withheld."
        }
        (Verdict::Verified, _) if report.counts.entries + report.counts.skipped == 0 => {
            let until =
                report.log.and_then(|log| log.time).map_or_else(String::new, |time| format!(" until {time}"));
            good("✓ Verified.")
                + &format!(
                    " Nothing was recorded in this log{until}: the log and enough witnesses signed that it was empty."
                )
        }
        (Verdict::Verified, _) => {
            good("✓ Verified.")
                + &format!(" Unchanged, in order, signed with keys you trust, and {}.", complete(report))
        }
    }
}

/// Formats a hint as a sentence.
fn sentence(hint: &str) -> String {
    let end = if hint.ends_with(['.', '?']) { "" } else { "." };
    let (first, rest) = hint.split_at(hint.chars().next().map_or(0, char::len_utf8));
    format!(" {}{rest}{end}", first.to_uppercase())
}

/// Returns the number of changed events as a sentence, if any.
fn changed(report: &Report) -> Option<String> {
    let changed = report.finding_counts.iter().find(|(code, _)| *code == FindingCode::PayloadMismatch);
    changed.map(|(_, changed)| {
        let were = if *changed == 1 { "was" } else { "were" };
        let events = count(report.checks.payloads.checked, "event");
        format!(" {changed} of {events} {were} changed after signing.")
    })
}

fn complete(report: &Report) -> String {
    match report.complete {
        Some(Complete::Range { range: [0, end] })
            if report.log.as_ref().is_some_and(|log| log.size == end) =>
        {
            tenant(report, end).unwrap_or_else(|| format!("complete: all {} of the log so far", entries(end)))
        }
        Some(Complete::Range { range: [first, end] }) => {
            let (all, last) = (entries(end.saturating_sub(first)), end.saturating_sub(1));
            format!("complete: all {all} from entry {first} to entry {last}; nothing is missing in between")
        }
        Some(Complete::Closure) | None => "complete for the chains it contains".into(),
    }
}

/// Returns the words for the whole log of a tenant; `None` for any other log.
fn tenant(report: &Report, end: u64) -> Option<String> {
    let root = report.root_log.as_ref()?;
    let time = report.log.and_then(|log| log.time).unwrap_or(root.time);
    let all = format!("complete: all {} of this customer's log, nothing missing, as of {time}", entries(end));
    if report.only_grew {
        return Some(format!("{all}, and it only ever grew"));
    }
    // Without witnesses, a log server can make up any history.
    let Some(history) = report.history.filter(|_| report.checks.witnesses.state == CheckState::Pass) else {
        return Some(all);
    };
    let (moments, since, to) = (count(history.anchors, "moment"), history.since, history.to);
    Some(format!(
        "{all}. Compared with the log's state at {moments} from {since} to {to}: nothing was rewritten"
    ))
}

/// Formats the whole report: verdict, checks, findings, signers.
pub(crate) fn text(report: &Report) -> String {
    headline(report) + "\n" + &body(report, ReportSource::Export)
}

/// The source of a report, which determines how places are named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportSource {
    /// An export, with line numbers.
    Export,
    /// A log, whose entries have no lines.
    Log,
}

/// Formats everything but the verdict.
pub(crate) fn body(report: &Report, source: ReportSource) -> String {
    let mut text = String::new();
    if let Some(origin) = &report.origin {
        let _ = writeln!(text, "{} {}{}", label("log:"), plain(origin), log(report));
    }
    if report.summaries > 0 {
        let number = report.summaries;
        let summaries = if number == 1 { "summary" } else { "summaries" };
        let _ = writeln!(
            text,
            "{} {number} {summaries}, whose hashes and signatures were not checked again",
            label("rests on:")
        );
    }
    let _ = writeln!(text, "\n{}", label("Checks"));
    for (name, check) in report.checks.iter() {
        let _ = writeln!(text, "  {}", check_line(name, check, report, source));
    }
    findings(&mut text, report, source);
    signers(&mut text, report);
    text
}

fn log(report: &Report) -> String {
    let Some(log) = &report.log else { return String::new() };
    let seen = log.time.map_or_else(String::new, |time| format!(", confirmed by witnesses at {time}"));
    format!(", {}, root {}{seen}", entries(log.size), log.root)
}

fn check_line(name: &str, check: &Check, report: &Report, source: ReportSource) -> String {
    let name = format!("{name:<12}");
    match check.state {
        CheckState::Pass => {
            format!(
                "{} {name} {}",
                good("✓ pass       "),
                covered(name.trim_end(), check.checked, report, source)
            )
        }
        CheckState::Fail => {
            format!(
                "{} {name} {} of {}",
                bad("✗ fail       "),
                check.failed,
                covered(name.trim_end(), check.checked, report, source)
            )
        }
        CheckState::NotChecked => {
            let no_events = source == ReportSource::Log && name.trim_end() == "payloads";
            let reason = check.reason.as_deref().unwrap_or("nothing to check");
            let reason = if no_events { "no event is in a log's tiles" } else { reason };
            let is_not_needed = no_events || report.not_needed().any(|found| found == name.trim_end());
            let state = if is_not_needed { faint("– not needed ") } else { doubt("? not checked") };
            format!("{state} {name} {}", faint(plain(reason)))
        }
    }
}

/// Describes the items that a check covered.
fn covered(name: &str, checked: u64, report: &Report, source: ReportSource) -> String {
    let counts = &report.counts;
    let many = |one: &str| count(checked, one);
    match name {
        "format" if source == ReportSource::Log => {
            entries(counts.entries) + " and " + &count(counts.checkpoints, "checkpoint")
        }
        "format" => many("line"),
        "payloads" => {
            let withheld =
                if counts.withheld > 0 { format!(", {} withheld", counts.withheld) } else { String::new() };
            many("event") + &withheld
        }
        "chains" => many("link") + " in " + &count(counts.chains, "chain"),
        "signatures" => many("link") + ", by " + &count(counts.signatures, "signature"),
        "tree" => {
            let skipped =
                if counts.skipped > 0 { format!(", {} omitted", counts.skipped) } else { String::new() };
            many("checkpoint") + &format!(" over {leaves}{skipped}", leaves = entries(counts.entries))
        }
        "log" => many("checkpoint signature"),
        "range" => "the claimed range".into(),
        "append_only" if report.root_log.is_some() => many("earlier state"),
        "append_only" => many("pin"),
        "witnesses" => many("checkpoint"),
        "time" => many("link"),
        "closure" => many("chain"),
        _ => "what was expected".into(),
    }
}

/// Formats a number of items.
pub(crate) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Formats a number of entries.
pub(crate) fn entries(number: u64) -> String {
    if number == 1 { "1 entry".into() } else { format!("{number} entries") }
}

fn findings(text: &mut String, report: &Report, source: ReportSource) {
    let total: u64 = report.finding_counts.iter().map(|(_, count)| count).sum();
    if total == 0 {
        return;
    }
    let _ = writeln!(text, "\n{} ({total})", label("Findings"));
    // Errors first, so that minor findings can't hide them. Then in the order of lines: earlier findings explain
    // later ones.
    let mut codes: Vec<_> = report.finding_counts.iter().collect();
    let weight = |code: FindingCode| match code.severity() {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    };
    let first = |code| report.findings.iter().position(|finding| finding.code == code);
    codes.sort_by_key(|(code, _)| (weight(*code), first(*code)));
    for (code, count) in codes {
        let shown = || report.findings.iter().filter(|finding| finding.code == *code).take(MAX_SHOWN);
        for finding in shown() {
            let _ = writeln!(text, "  {}", finding_line(finding, source));
        }
        if *count > MAX_SHOWN as u64 {
            let _ = writeln!(
                text,
                "    … and {} more (--json lists the first {LISTED})",
                count - MAX_SHOWN as u64
            );
        }
        let hints: BTreeSet<&str> = shown().map(|finding| finding.hint).collect();
        for hint in hints {
            let _ = writeln!(text, "    {} {}", faint("hint:"), plain(hint));
        }
    }
}

fn finding_line(finding: &Finding, source: ReportSource) -> String {
    let word = match finding.severity {
        Severity::Error => bad("✗ error  "),
        Severity::Warning => doubt("! warning"),
        Severity::Info => faint("i info   "),
    };
    let mut place = match (source, finding.index) {
        (ReportSource::Export, _) => format!("line {}", finding.line),
        (ReportSource::Log, Some(index)) => format!("entry {index}"),
        (ReportSource::Log, None) => "the log".into(),
    };
    match (finding.chain, finding.seq) {
        (Some(chain), Some(seq)) => _ = write!(place, ", {chain}/{seq}"),
        (Some(chain), None) => _ = write!(place, ", chain {chain}"),
        (None, _) => {}
    }
    format!("{word} {} {place}: {}", label(finding.code.as_str()), plain(&finding.message))
}

fn signers(text: &mut String, report: &Report) {
    if report.signers.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", label("Signers"));
    for signer in &report.signers {
        let trust = match signer.trust {
            TrustBasis::TrustFile => good("✓ trusted by the trust file"),
            TrustBasis::Granted => good("✓ granted by an issuer you trust"),
            TrustBasis::Revoked => bad("✗ revoked: trusted only for links that are proven older"),
            TrustBasis::Untrusted => doubt("? untrusted"),
        };
        let _ = writeln!(
            text,
            "  {} (key ID {}): {trust}; {}, {}, {} to {}",
            label(plain(signer.vkey.name())),
            key_id(&signer.vkey),
            count(signer.chains, "chain"),
            count(signer.links, "link"),
            signer.first,
            signer.last
        );
        let _ = writeln!(text, "    {} {}", faint("vkey:"), plain(signer.vkey.as_str()));
    }
}

/// Prints a report. A closed pipe is no error, since the verdict stays the same.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    match style::write(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::io("write", "standard output", &error))
        }
        _ => Ok(()),
    }
}

/// Returns the key ID in hex, which distinguishes keys of one name.
pub(crate) fn key_id(key: &VerifierKey) -> String {
    key.id().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
