//! The basis of the evidence: log, export, trust, verdict, and counts.

use core::fmt::Write as _;

use countersign::verify::{SignerTrust, Why};

use super::words::{list, not_here, plural, within};
use crate::builder::{entries, events};
use crate::report::{Evidence, SampleBasis, Source};
use crate::text::{code, marked};

pub(super) fn rests_on(out: &mut String, evidence: &Evidence) {
    let Evidence { log, source, counted, .. } = evidence;
    let mut fact = |name: &str, text: &str| {
        let _ = writeln!(out, "| {name} | {text} |");
    };
    fact("based on", "");
    fact("---", "---");
    fact("log", &code(&log.origin));
    fact(
        "export",
        &format!("{}, {} bytes, SHA-256 {}", marked(&source.name), source.bytes, code(&source.sha256)),
    );
    let trust = source.trust.as_ref().map_or_else(
        || "none given, so no key is trusted".to_owned(),
        |hash| format!("SHA-256 {}", code(hash)),
    );
    fact("trust file", &trust);
    let verdict = match log.verdict {
        "verified" => "verified: unchanged, in order, signed with trusted keys, and complete as stated below",
        "partial" if log.complete.is_some() => {
            "partial: unchanged and in order, but events are withheld or erased"
        }
        "partial" => "partial: unchanged, but this may be only a part of the log",
        "untrusted" if log.why == Some(Why::Log) => {
            "untrusted: unchanged since it was signed, but the log is not trusted"
        }
        "untrusted" => "untrusted: unchanged since it was signed, but the signer's key is not trusted",
        _ => match log.why {
            Some(Why::EmptyLog) => "nothing to check: the log was empty",
            Some(Why::EmptyExport) => "nothing to check: the export has no entries",
            _ => "not fully checked",
        },
    };
    fact("verdict", verdict);
    match log.checkpoint {
        Some((size, root)) => {
            fact("checkpoint", &format!("{}, root {}", entries(size), code(&root.to_string())));
        }
        None => fact("checkpoint", "none"),
    }
    match log.witnessed {
        Some(time) => fact("witnesses", &format!("the trust file's quorum saw this checkpoint at {time}")),
        None => fact(
            "witnesses",
            "none: no third party confirms when this checkpoint existed, or that others saw the same log",
        ),
    }
    let complete = match log.complete {
        Some((0, end)) => format!("all {} of the log up to this checkpoint", entries(end)),
        Some((first, end)) => format!("all from {first} to {}", end - 1),
        None => "not shown to be complete".to_owned(),
    };
    fact("entries", &complete);
    let gaps: Vec<String> = evidence
        .gaps
        .listed
        .iter()
        .take(20)
        .map(
            |(first, count)| {
                if *count == 1 { first.to_string() } else { format!("{first} to {}", first + count - 1) }
            },
        )
        .collect();
    if gaps.is_empty() {
        fact("gaps", "no entry is missing between the first and the last in the export");
    } else {
        let more = evidence.gaps.count() - gaps.len() as u64;
        let more = if more == 0 { String::new() } else { format!(" and {more} more ranges") };
        let left_out = not_here(evidence.left_out);
        fact("gaps", &format!("{left_out} in the export: {}{more}", gaps.join("; ")));
    }
    match evidence.period {
        Some(period) => {
            fact("period", &format!("from {} up to, and not including, {}", period.from, period.to));
        }
        None => fact("period", "the whole export"),
    }
    let recorded = counted.events.events - counted.own_times;
    let mut text = events(counted.events.events);
    if counted.events.events > 0 {
        let _ = write!(
            text,
            ", {}. {} state a time of their own; for {recorded}, the time of recording counts",
            within(&counted.events),
            counted.own_times
        );
    }
    if evidence.period.is_some() {
        let _ = write!(text, ". {} outside the period", counted.outside);
    }
    fact("verified events", &text);
    for (signer_trust, count) in &counted.untrusted {
        let why = match signer_trust {
            SignerTrust::Revoked => "signed by a revoked key, and not shown to predate the revocation",
            SignerTrust::Suspect => "in chains in doubt",
            _ => "signed by a key that no trusted issuer granted",
        };
        fact("not counted", &format!("{} {why}", events(*count)));
    }
    if counted.withheld + counted.erased > 0 {
        fact(
            "without content",
            &format!(
                "{} withheld by the exporter, {} erased by the log, which recorded the erasure",
                events(counted.withheld),
                events(counted.erased)
            ),
        );
    }
    if counted.events.events > 0 {
        let unknown = &evidence.uncategorized;
        let of = &counted.events;
        fact("parsed", &format!("{} of {}", of.events - counted.unparsed, events(of.events)));
        let known = of.events - counted.unparsed - unknown.events;
        let mut text = format!("{known} of {} have a category", events(of.events));
        if unknown.events > 0 {
            let listed = unknown.actions.listed.iter().take(20);
            let listed: Vec<_> = listed
                .map(|unknown| {
                    format!("{} of {} ({})", code(&unknown.action), marked(&unknown.parser), unknown.events)
                })
                .collect();
            let more = unknown.actions.count() - listed.len() as u64;
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let _ = write!(text, "; actions without one: {}{more}", listed.join(", "));
        }
        fact("categories", &text);
    }
    fact("parsers", &parsers(source));
    let rules = &evidence.rules;
    fact(
        "rules",
        &format!(
            "pack {} with {} rules, hash {}, engine {}; {} in all, digest {}",
            marked(&rules.pack),
            rules.rules,
            code(&rules.hash.to_string()),
            rules.engine,
            plural(rules.findings, "finding"),
            code(&rules.digest.to_string()),
        ),
    );
    fact(
        "catalog",
        &format!("{}, hash {}", code(&evidence.framework.name), code(&evidence.framework.hash.to_string())),
    );
    if let Some(drawn) = &evidence.drawn {
        fact("samples", &drawn_by(drawn));
    }
    out.push('\n');
    if evidence.doubts.is_empty() {
        let _ = writeln!(
            out,
            "**Complete.** The export has every entry of the log at this checkpoint, and all its events are counted. \
             What was never recorded leaves no trace.\n"
        );
    } else {
        let _ = writeln!(out, "**Could not tell whether this is everything that was recorded:**\n");
        list(out, &evidence.doubts);
    }
}

/// Names the parsers that were used.
fn parsers(source: &Source) -> String {
    let built_in = format!("those built into {}", marked(&source.tool));
    let files =
        source.parsers.iter().map(|file| format!("{}, SHA-256 {}", marked(&file.name), code(&file.sha256)));
    let files: Vec<_> = files.collect();
    if files.is_empty() {
        return built_in;
    }
    format!("{}; then {built_in}", files.join("; "))
}

fn drawn_by(drawn: &SampleBasis) -> String {
    let of = if drawn.witnessed { "the last witnessed checkpoint" } else { "the last checkpoint" };
    format!(
        "{} per question, drawn with the root of {of} ({}, {}) and the seed {}, a slash, and the question's name",
        events(drawn.wanted as u64),
        entries(drawn.size),
        code(&drawn.root.to_string()),
        code(&drawn.seed),
    )
}
