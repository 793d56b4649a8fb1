//! A report for people. What it says was computed by the core; here it only gets words and colours.

use std::fmt::Write as _;

use countersign::verify::report::{Check, Complete, Report, SignerTrust, State, Verdict};
use countersign::verify::{Finding, LISTED, Severity};

use crate::style::{bad, doubt, faint, good, label, plain};

/// How many findings are shown; the report has more.
const SHOWN: usize = 10;

/// The verdict in the words of FORMAT section 9, with an icon.
pub(crate) fn headline(report: &Report) -> String {
    match report.verdict {
        Verdict::Altered => bad("✗ Altered.") + " Something here is not what was recorded.",
        Verdict::Broken => {
            bad("✗ Broken.")
                + " Something is missing, repeated, out of order, not allowed or not what was expected. Tampering, or a faulty writer."
        }
        Verdict::NotChecked => {
            doubt("? Not checked to the end.") + " This says nothing about the log's integrity."
        }
        Verdict::Unconfirmed => {
            doubt("? Consistent in itself, signer not confirmed.")
                + " Signed by a key you have not chosen to trust: anyone could have made it."
        }
        Verdict::Partial => {
            good("✓ Intact,")
                + &doubt(" not shown to be complete.")
                + " Earlier, later or other events may exist, or some are withheld."
        }
        Verdict::Verified => {
            good("✓ Verified.")
                + &format!(" Unaltered, in order, signed by keys you trust, {}.", complete(report))
        }
    }
}

fn complete(report: &Report) -> String {
    match report.complete {
        Some(Complete::Range { range: [first, end] }) => {
            format!("complete for leaves {first} to {} of this log", end.saturating_sub(1))
        }
        Some(Complete::Closure) | None => "complete for the chains shown".into(),
    }
}

/// The whole report: verdict, checks, findings, signers.
pub(crate) fn text(report: &Report) -> String {
    let mut text = headline(report) + "\n";
    if let Some(origin) = &report.origin {
        let _ = writeln!(text, "{} {}{}", label("log:"), plain(origin), log(report));
    }
    let _ = writeln!(text, "\n{}", label("Checks"));
    for (name, check) in report.checks.iter() {
        let _ = writeln!(text, "  {}", check_line(name, check, report));
    }
    findings(&mut text, report);
    signers(&mut text, report);
    text
}

fn log(report: &Report) -> String {
    let Some(log) = &report.log else { return String::new() };
    let seen = log.time.map_or_else(String::new, |time| format!(", seen by witnesses at {time}"));
    format!(", {} leaves, root {}{seen}", log.size, log.root)
}

fn check_line(name: &str, check: &Check, report: &Report) -> String {
    let name = format!("{name:<12}");
    match check.state {
        State::Pass => {
            format!("{} {name} {}", good("✓ pass       "), covered(name.trim_end(), check.checked, report))
        }
        State::Fail => {
            format!(
                "{} {name} {} of {}",
                bad("✗ fail       "),
                check.failed,
                covered(name.trim_end(), check.checked, report)
            )
        }
        State::NotChecked => {
            let reason = check.reason.as_deref().unwrap_or("nothing to check");
            format!("{} {name} {}", doubt("? not checked"), faint(plain(reason)))
        }
    }
}

/// What a check's items are, in words.
fn covered(name: &str, checked: u64, report: &Report) -> String {
    let counts = &report.counts;
    let many = |one: &str, more: &str| format!("{checked} {}", if checked == 1 { one } else { more });
    match name {
        "format" => many("line", "lines"),
        "payloads" => {
            let withheld =
                if counts.withheld > 0 { format!(", {} withheld", counts.withheld) } else { String::new() };
            many("event", "events") + &withheld
        }
        "chains" => {
            many("link", "links")
                + &format!(" in {} {}", counts.chains, if counts.chains == 1 { "chain" } else { "chains" })
        }
        "signatures" => many("link", "links") + &format!(", by {} signatures", counts.signatures),
        "tree" => {
            let skipped =
                if counts.skipped > 0 { format!(", {} skipped", counts.skipped) } else { String::new() };
            many("checkpoint", "checkpoints") + &format!(" over {} leaves{skipped}", counts.leaves)
        }
        "log" => many("checkpoint signature", "checkpoint signatures"),
        "range" => "the claimed range".into(),
        "append_only" => many("pin", "pins"),
        "witnesses" => many("checkpoint", "checkpoints"),
        "time" => many("link", "links"),
        "closure" => many("chain", "chains"),
        _ => "what was expected".into(),
    }
}

fn findings(text: &mut String, report: &Report) {
    let total: u64 = report.finding_counts.values().sum();
    if total == 0 {
        return;
    }
    let _ = writeln!(text, "\n{} ({total})", label("Findings"));
    // Errors first: what a reader must see must not be hidden by what is merely there to know.
    let by_weight =
        |severity: Severity| report.findings.iter().filter(move |finding| finding.severity == severity);
    let all = by_weight(Severity::Error).chain(by_weight(Severity::Warning)).chain(by_weight(Severity::Info));
    let mut hinted = std::collections::BTreeSet::new();
    for finding in all.take(SHOWN) {
        let _ = writeln!(text, "  {}", finding_line(finding));
        if hinted.insert(finding.code) {
            let _ = writeln!(text, "      {} {}", faint("hint:"), plain(finding.hint));
        }
    }
    if total > SHOWN as u64 {
        let rest = total - SHOWN as u64;
        let _ = writeln!(text, "  … and {rest} more: --json lists the first {LISTED} of each code");
    }
}

fn finding_line(finding: &Finding) -> String {
    let word = match finding.severity {
        Severity::Error => bad("✗ error  "),
        Severity::Warning => doubt("! warning"),
        Severity::Info => faint("i info   "),
    };
    let mut place = format!("line {}", finding.line);
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
            SignerTrust::TrustFile => good("✓ trusted by the trust file"),
            SignerTrust::Granted => good("✓ granted by an issuer you trust"),
            SignerTrust::Revoked => bad("✗ revoked"),
            SignerTrust::Unknown => doubt("? unknown"),
        };
        let chains = if signer.chains == 1 { "chain" } else { "chains" };
        let links = if signer.links == 1 { "link" } else { "links" };
        let _ = writeln!(
            text,
            "  {} {}: {trust}; {} {chains}, {} {links}, {} to {}",
            label(plain(signer.vkey.name())),
            fingerprint(signer.vkey.public()),
            signer.chains,
            signer.links,
            signer.first,
            signer.last
        );
        if signer.trust == SignerTrust::Unknown {
            let _ = writeln!(text, "      {} {}", faint("vkey:"), plain(signer.vkey.as_str()));
        }
    }
}

/// A key as people compare it: the first 16 bytes of the SHA-256 of the public key, in groups of four digits.
pub(crate) fn fingerprint(public: &[u8; 32]) -> String {
    let hash = countersign::hash::Hash::of(&[public]);
    let groups: Vec<String> =
        hash.0[..16].chunks(2).map(|pair| format!("{:02x}{:02x}", pair[0], pair[1])).collect();
    groups.join(" ")
}
