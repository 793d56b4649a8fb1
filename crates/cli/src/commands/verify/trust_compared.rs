//! Compares the keys of a trust file with those that signed an export, to tell a wrong trust file from a missing one.

use std::collections::HashSet;
use std::fmt::Write as _;

use countersign::note::VerifierKey;
use countersign::trust::Trust;
use countersign::verify::FindingCode;
use countersign::verify::report::{CheckState, Report, TrustBasis};

use crate::io::style::{doubt, faint, plain};
use crate::io::verdict::key_id;

/// The maximum number of keys in each list.
const MAX_LISTED: usize = 10;

/// Returns what to print below the verdict if the trust file vouches for no signer, or not for all of them; nothing
/// otherwise.
pub(crate) fn text(report: &Report, trust: &Trust, file: &str) -> String {
    let unknown: Vec<&VerifierKey> = report
        .signers
        .iter()
        .filter(|signer| signer.trust == TrustBasis::Untrusted)
        .map(|signer| &signer.vkey)
        .collect();
    let log_is_unknown = report.finding_counts.iter().any(|(code, _)| *code == FindingCode::LogUnknown);
    if unknown.is_empty() && !log_is_unknown {
        return String::new();
    }
    let given = keys(trust);
    let file = plain(file);
    if given.is_empty() {
        return format!("{} {file} names no key, so no signer is trusted.\n", doubt("!"));
    }
    if !is_any_used(report, trust) {
        return no_key_signed(report, &given, &unknown, trust, &file);
    }
    let mut names: Vec<String> = unknown
        .iter()
        .take(MAX_LISTED)
        .map(|key| format!("{} ({})", plain(key.name()), key_id(key)))
        .collect();
    if unknown.len() > MAX_LISTED {
        names.push(format!("{} more", unknown.len() - MAX_LISTED));
    }
    if log_is_unknown {
        names.push("the log key that signed the last checkpoint".into());
    }
    format!("{} {file} doesn't vouch for all signers. Not vouched for: {}.\n", doubt("!"), names.join(", "))
}

/// Returns the text for a trust file none of whose keys signed.
fn no_key_signed(
    report: &Report,
    given: &[(&str, &VerifierKey)],
    unknown: &[&VerifierKey],
    trust: &Trust,
    file: &str,
) -> String {
    // The report doesn't say which witnesses cosigned if they are too few.
    let some_may_have_cosigned =
        report.checks.witnesses.state == CheckState::Fail && trust.witnesses().len() > 0;
    // A key may be on several lines, such as that of a log which signs events about itself.
    let compared = given.iter().filter(|(kind, _)| !some_may_have_cosigned || *kind != "witness");
    let number = compared.map(|(_, key)| *key).collect::<HashSet<_>>().len();
    let kinds = if some_may_have_cosigned { "log, issuer, and emitter keys" } else { "keys" };
    let wrong = "Either this is the wrong trust file, or the export was made by someone else.";
    let sentence = match number {
        0 => format!("{file} names only witness keys, and this file has too few of their cosignatures."),
        1 => format!("The only key in {file} did not sign this file. {wrong}"),
        _ => format!("None of the {number} {kinds} in {file} signed this file. {wrong}"),
    };
    let mut text = format!("{} {sentence}\n", doubt("!"));
    let rows = given.iter().map(|(kind, key)| row(kind, key));
    list(&mut text, &format!("Keys in {file}"), rows, given.len());
    list(&mut text, "Keys that signed", unknown.iter().map(|key| row("emitter", key)), unknown.len());
    text
}

fn row(kind: &str, key: &VerifierKey) -> String {
    format!("{kind:<8} {} (key ID {})", plain(key.name()), key_id(key))
}

fn list(text: &mut String, heading: &str, rows: impl Iterator<Item = String>, number: usize) {
    if number == 0 {
        return;
    }
    let _ = writeln!(text, "  {}", faint(format!("{heading}:")));
    for row in rows.take(MAX_LISTED) {
        let _ = writeln!(text, "    {row}");
    }
    if number > MAX_LISTED {
        let _ = writeln!(text, "    … and {} more", number - MAX_LISTED);
    }
}

/// Returns the keys of the trust file with their kinds, without revocations.
fn keys(trust: &Trust) -> Vec<(&'static str, &VerifierKey)> {
    let logs = trust.logs().map(|key| ("log", key));
    let witnesses = trust.witnesses().map(|key| ("witness", key));
    let issuers = trust.issuers().iter().map(|key| ("issuer", key));
    let emitters = trust.emitters().iter().map(|key| ("emitter", key));
    logs.chain(witnesses).chain(issuers).chain(emitters).collect()
}

/// True if any key of the trust file signed, validly or not, in its role or as an emitter.
fn is_any_used(report: &Report, trust: &Trust) -> bool {
    let is_log = report.checks.log.state != CheckState::NotChecked;
    let is_witness = report.log.as_ref().is_some_and(|log| log.time.is_some());
    let is_signer = report.signers.iter().any(|signer| {
        signer.trust != TrustBasis::Untrusted || keys(trust).iter().any(|(_, key)| **key == signer.vkey)
    });
    is_log || is_witness || is_signer
}
