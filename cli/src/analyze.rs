//! `countersign analyze`: what rules find among the events of an export that verify.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use countersign::link::ChainId;
use countersign::time::Time;
use countersign::verify::report::{Complete, Report};
use countersign::verify::{CoveredLink, Options, PickedEvent, SummarizedEvent, Verdict};
use countersign_analyze::document::{Seen, Told};
use countersign_analyze::{
    Analysis, Analyzer, Detected, ENGINE, Evidence, Finding, Level, Limit, Pack, Scored,
};
use countersign_query::value::Document;
use countersign_query::{Entry, Readings};
use serde_json::{Value, json};

use crate::errors::{Failure, shown};
use crate::show::{Standing, Standings};
use crate::style::{bad, doubt, faint, good, label, plain};
use crate::verdict::count;
use crate::{readings, rules, slice, style, verdict, verify};

/// Look for what rules describe among the events that verify
///
/// Verifies the export first: what failed, or is not covered by a signature that counts, makes no finding. Each
/// finding names the entries of the log that it was made from, so that anyone who has them finds the same. Rules are
/// in Sigma 2.1; `countersign rules` builds and tests them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign analyze audit.ndjson --trust trust.txt
  countersign analyze audit.ndjson --trust trust.txt --rules pack.json --fail-on high --format json
  countersign analyze audit.ndjson --trust trust.txt --rules pack.json --evidence findings/
  countersign analyze audit.ndjson --trust trust.txt --rules pack.json --recompute findings.json

Exit status: as `countersign verify`, and 6 where --fail-on or --recompute says so.")]
pub(crate) struct Args {
    /// The export, perhaps compressed with gzip or zstd; - is the standard input
    #[arg(value_name = "EXPORT")]
    export: PathBuf,
    /// Whom to trust
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The rules: a pack, or files or directories of Sigma rules. May be given more than once [default: the rules that
    /// come with the program]
    #[arg(long, value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    own: readings::Own,
    /// How to print what was found
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    format: String,
    /// Exit with 6 where something of this level or above is found
    #[arg(long, value_name = "LEVEL", value_parser = ["informational", "low", "medium", "high", "critical"])]
    fail_on: Option<String>,
    /// Write what was found, the pack, and for each finding a slice with its entries into this new directory
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
    /// Compare with what was found before, as --format json printed it, and exit with 6 where it differs
    #[arg(long, value_name = "FINDINGS", conflicts_with = "evidence")]
    recompute: Option<PathBuf>,
    /// On how many threads to verify [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

/// The exit status where something was found that is not to be there.
pub(crate) const FOUND: u8 = 6;

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let trust = verify::trust_or_nobody(args.trust.as_deref())?;
    let pack = rules::load(&args.rules)?;
    let readings = args.own.load()?;
    if let Some(directory) = &args.evidence {
        std::fs::create_dir(directory).map_err(|error| Failure::io("make", &shown(directory), &error))?;
    }
    let options = Options { trust, ..Options::default() };
    let threads = args.threads.map_or_else(verify::cores, usize::from);
    let mut detections: Vec<Detected> = Vec::new();
    let mut places: BTreeMap<u64, CoveredLink> = BTreeMap::new();
    let mut events = 0u64;
    // Most events interest no rule, which the threads that hash them can tell. Who signs is known later: where rules
    // ask for that, events are looked at again; where not, what was detected waits for its leaf.
    let waiting = Mutex::new(Waiting::default());
    let look = || {
        |event: &SummarizedEvent<'_>| {
            if pack.reads_signer() {
                return Some(event.pick(None, true));
            }
            let text = std::str::from_utf8(event.text).ok()?;
            let detection = detect(&pack, &readings, 0, text, (event.time, event.chain, None));
            (!detection.is_empty()).then(|| {
                let place = waiting.lock().unwrap_or_else(PoisonError::into_inner).put(detection);
                event.pick(Some([place as u128, 0]), false)
            })
        }
    };
    let verification = verify::look(&args.export, options, threads, look, |told| {
        events += told.picked.len() as u64 + told.others;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for PickedEvent { link, event, tag } in told.picked {
            let detection = if let Some([place, _]) = tag {
                waiting.take(place as usize).at(link.index)
            } else {
                let text = event.unwrap_or_default();
                let of = (link.time, link.chain, Some(link.vkey.name()));
                detect(&pack, &readings, link.index, &text, of)
            };
            if !detection.is_empty() {
                detections.push(detection);
                places.insert(link.index, link);
            }
        }
    })?;
    detections.sort_unstable();
    detections.dedup_by_key(|detection| detection.leaf());
    let mut analyzer = Analyzer::new(&pack);
    for detection in detections {
        analyzer.take(detection).map_err(|error| {
            Failure::unusable("analyze.order", error.to_string(), "this is a fault of the program: report it")
        })?;
    }
    let found =
        Found { report: &verification.report, pack: &pack, outcome: analyzer.finish(), places, events };
    if let Some(directory) = &args.evidence {
        found.evidence(directory, args)?;
    }
    if let Some(before) = &args.recompute {
        return found.compare(before);
    }
    let text = if args.format == "json" { found.json() + "\n" } else { found.text() };
    verdict::print(&text)?;
    Ok(found.exit_status(args.fail_on.as_deref().and_then(Level::parse)))
}

/// What was detected of events of which it is not known yet whether they verify, and as which leaves.
#[derive(Default)]
struct Waiting {
    detections: Vec<Detected>,
    free: Vec<usize>,
}

impl Waiting {
    fn put(&mut self, detection: Detected) -> usize {
        if let Some(place) = self.free.pop() {
            self.detections[place] = detection;
            return place;
        }
        self.detections.push(detection);
        self.detections.len() - 1
    }

    fn take(&mut self, place: usize) -> Detected {
        self.free.push(place);
        self.detections.get_mut(place).map(std::mem::take).unwrap_or_default()
    }
}

/// What rules say of an event, with its link's time, its chain and who signed that.
pub(crate) fn detect(
    pack: &Pack,
    readings: &Readings,
    leaf: u64,
    text: &str,
    (recorded, chain, signer): (Time, ChainId, Option<&str>),
) -> Detected {
    let document = Document::parse(text);
    let event = document.as_ref().map(Document::root);
    let read = event.as_ref().and_then(|event| readings.read(event));
    let chain = chain.to_string();
    pack.detect(leaf, &Entry { event, read: read.as_ref(), recorded, chain: &chain, signer })
}

/// What was found, and by what.
struct Found<'a> {
    report: &'a Report,
    pack: &'a Pack,
    outcome: Analysis,
    /// Where the entries that findings name stand, and who signed them.
    places: BTreeMap<u64, CoveredLink>,
    events: u64,
}

impl Found<'_> {
    fn exit_status(&self, fail_on: Option<Level>) -> u8 {
        let status = self.report.verdict.exit_status();
        let is_found =
            fail_on.is_some_and(|least| self.outcome.findings.iter().any(|finding| finding.level >= least));
        let is_unusable = matches!(self.report.verdict, Verdict::Altered | Verdict::Broken);
        if is_found && !is_unusable { FOUND } else { status }
    }

    /// The least trusted of those who signed what a finding was made from.
    fn standing(&self, finding: &Finding, standings: &Standings<'_>) -> Option<Standing> {
        let signed = finding.leaves.iter().filter_map(|leaf| self.places.get(leaf));
        signed.map(|link| standings.of_link(link)).max()
    }

    fn json(&self) -> String {
        let Self { report, pack, outcome, events, .. } = self;
        let seen = Seen {
            origin: report.origin.clone(),
            log: report.log.as_ref().map(|log| (log.size, log.root.to_string())),
            verdict: report.verdict.as_str().to_owned(),
            complete: complete(report),
            events: *events,
        };
        let Analysis { findings, digest, future, limits, identities, sessions } = outcome;
        let told = Told { seen: &seen, pack, digest, future: *future, limits, identities, sessions };
        let standings = Standings::of(report);
        told.json(findings, |finding| self.standing(finding, &standings).map(Standing::word))
    }

    fn text(&self) -> String {
        let Self { report, pack, outcome, events, .. } = self;
        let standings = Standings::of(report);
        let mut text = verdict::headline(report) + "\n\n";
        let mut findings: Vec<&Finding> = outcome.findings.iter().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse((finding.score, finding.level)));
        for finding in findings {
            let Finding {
                title,
                level,
                group,
                value,
                leaves,
                first,
                last,
                reasons,
                repeats,
                evidence,
                score,
                ..
            } = finding;
            let level = match level {
                Level::High | Level::Critical => bad(format_args!("✗ {}", level.as_str())),
                Level::Medium => doubt(format_args!("! {}", level.as_str())),
                Level::Low | Level::Informational => faint(format_args!("· {}", level.as_str())),
            };
            let _ = writeln!(text, "{level} {}", label(plain(title)));
            let mut fact = |name: &str, said: String| {
                let _ = writeln!(text, "  {} {said}", faint(format_args!("{name:<8}")));
            };
            if !group.is_empty() {
                let group: Vec<_> =
                    group.iter().map(|(field, value)| format!("{} {}", plain(field), plain(value))).collect();
                fact("who", group.join(", "));
            }
            let when = if first == last { first.to_string() } else { format!("{first} to {last}") };
            fact("when", when);
            for reason in reasons.iter().take(REASONS) {
                let field = reason.field.as_deref().unwrap_or("text");
                fact("because", format!("{} is {}", plain(field), short(&reason.value)));
            }
            let measured = value.map_or_else(String::new, |value| format!(", measured {value}"));
            let again = if *repeats == 0 {
                String::new()
            } else {
                format!(", {} more within the timespan", count(*repeats, "hit"))
            };
            fact("entries", ranges(leaves) + &measured + &again);
            if let Some(standing) = self.standing(finding, &standings) {
                fact("signer", standing.to_string());
            }
            let needs = match evidence {
                Evidence::Sufficient => "its entries alone",
                Evidence::Range => "all entries before it, which say what was usual",
            };
            fact("evidence", needs.into());
            fact("score", score.to_string());
            text.push('\n');
        }
        for (who, scored) in [("identity", &outcome.identities), ("session", &outcome.sessions)] {
            for Scored { id, score, count: number, .. } in
                scored.iter().take(RANKED).filter(|_| scored.len() > 1)
            {
                let _ = writeln!(
                    text,
                    "{} {} {}",
                    faint(format_args!("{who:<8} {score:>5}")),
                    plain(id),
                    faint(format_args!("({})", count(*number, "finding")))
                );
            }
            if scored.len() > 1 {
                text.push('\n');
            }
        }
        let within = match complete(report) {
            Some([first, end]) => format!("in all entries from {first} to {}", end.saturating_sub(1)),
            None => "in what is shown: other entries may exist".into(),
        };
        let rules = count(pack.rules().len() as u64, "rule");
        let looked = format!(
            "{} that verified, by {rules} of the pack {}",
            count(*events, "event"),
            plain(&pack.name)
        );
        if outcome.findings.is_empty() {
            let nothing = match (events, complete(report)) {
                (0, _) => doubt("? Nothing was looked at, so nothing was found"),
                (_, Some(_)) => good("✓ Nothing was found"),
                (_, None) => label("Nothing was found"),
            };
            let _ = writeln!(text, "{nothing} {within}. Looked at {looked}.");
        } else {
            let _ = writeln!(
                text,
                "{} {within}. Looked at {looked}.",
                label(count(outcome.findings.len() as u64, "finding"))
            );
        }
        if let Some((number, leaf)) = outcome.future {
            let _ = writeln!(
                text,
                "{}",
                doubt(format_args!(
                    "! {} say a time in the future of their recording, the first at entry {leaf}. They are counted nowhere.",
                    count(number, "event")
                ))
            );
        }
        for Limit { rule, groups, hits, findings } in &outcome.limits {
            let parts = [
                groups.map(|(number, leaf)| {
                    format!("{} were forgotten from entry {leaf} on", count(number, "group"))
                }),
                hits.map(|(number, leaf)| {
                    format!("{} were forgotten from entry {leaf} on", count(number, "hit"))
                }),
                (*findings > 0).then(|| format!("{} are not listed", count(*findings, "finding"))),
            ];
            let said: Vec<_> = parts.into_iter().flatten().collect();
            let _ = writeln!(
                text,
                "{}",
                doubt(format_args!("! {}: for want of room {}.", plain(rule), said.join(", ")))
            );
        }
        let _ =
            writeln!(text, "{} {}, pack {}, engine {ENGINE}", label("digest:"), outcome.digest, pack.hash());
        text
    }

    /// Compares with what was found before.
    fn compare(&self, path: &Path) -> Result<u8, Failure> {
        let name = shown(path);
        let text = std::fs::read_to_string(path).map_err(|error| Failure::io("read", &name, &error))?;
        let broken = || {
            let hint = "give what `countersign analyze --format json` printed";
            Failure::unusable("findings.invalid", "these are no findings", hint).within(&name)
        };
        let before: Value = serde_json::from_str(&text).map_err(|_| broken())?;
        if before["countersign"] != "findings/v1" {
            return Err(broken());
        }
        let say = |text: String| verdict::print(&(verdict::headline(self.report) + "\n" + &text + "\n"));
        for (what, was, is) in [
            ("engine", &before["engine"], json!(ENGINE)),
            ("pack", &before["pack"]["hash"], json!(self.pack.hash().to_string())),
        ] {
            if *was != is {
                let hint = "findings can be compared only where pack and engine are the same";
                let message = format!("they are of another {what}: {was}, and not {is}");
                return Err(Failure::unusable("findings.other", message, hint).within(&name));
            }
        }
        let ids = |value: &Value| -> Vec<String> {
            let findings = value["findings"].as_array().cloned().unwrap_or_default();
            findings.iter().filter_map(|finding| finding["id"].as_str().map(str::to_owned)).collect()
        };
        let now: Value = serde_json::from_str(&self.json()).map_err(|_| broken())?;
        let (were, are) = (ids(&before), ids(&now));
        let status = self.report.verdict.exit_status();
        let is_same_log = before["log"] == now["log"];
        let of = if is_same_log { "" } else { " The log is of another size or root." };
        if before["digest"] == now["digest"] {
            let findings = count(are.len() as u64, "finding");
            say(format!("{} {findings}, as before.{of}", good("✓ The same.")))?;
            return Ok(status);
        }
        let same = were.iter().filter(|id| are.contains(id)).count();
        say(format!(
            "{} Before: {}. Of these follow from what is here: {same}. New: {}.{of}",
            bad("✗ Not the same."),
            were.len(),
            are.len() - same
        ))?;
        Ok(if status == 0 || status == 4 { FOUND } else { status })
    }

    /// Writes what was found, the pack, and a slice for each finding.
    fn evidence(&self, directory: &Path, args: &Args) -> Result<(), Failure> {
        let write = |name: &str, text: &str| {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(|error| Failure::io("write", &shown(&path), &error))
        };
        write("findings.json", &self.json())?;
        write("pack.json", self.pack.as_json())?;
        let findings = &self.outcome.findings;
        for finding in findings.iter().take(SLICES) {
            let events = finding.leaves.iter().filter_map(|leaf| self.places.get(leaf));
            let events: Vec<_> = events.map(|place| (place.chain, place.seq)).collect();
            let name = format!("{}.ndjson", finding.id);
            slice::of_events(&args.export, args.trust.as_deref(), &events, &directory.join(name))?;
        }
        if findings.len() > SLICES {
            style::warn(&format!(
                "slices are written for the first {SLICES} of {}",
                count(findings.len() as u64, "finding")
            ));
        }
        let written = count(findings.len().min(SLICES) as u64, "slice");
        style::done(&format!("findings.json, pack.json and {written} in {}", shown(directory)));
        Ok(())
    }
}

/// How many slices are written.
const SLICES: usize = 200;
/// How many reasons of a finding are shown.
const REASONS: usize = 6;
/// How many identities and sessions are shown, the highest scores first.
const RANKED: usize = 10;
/// How many runs of entries are shown.
const RUNS: usize = 6;

/// The range of leaves that the export is shown to be complete for.
pub(crate) fn complete(report: &Report) -> Option<[u64; 2]> {
    match report.complete {
        Some(Complete::Range { range }) if report.verdict == Verdict::Verified => Some(range),
        _ => None,
    }
}

fn short(text: &str) -> String {
    const WIDTH: usize = 100;
    let text = plain(text).replace('\n', "\\n");
    if text.chars().count() <= WIDTH {
        return text;
    }
    text.chars().take(WIDTH - 1).chain(['…']).collect()
}

/// Leaves in runs: `3, 7 to 9`.
pub(crate) fn ranges(leaves: &[u64]) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for leaf in leaves {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *leaf => *last = *leaf,
            _ => runs.push((*leaf, *leaf)),
        }
    }
    let more = runs.len().saturating_sub(RUNS);
    let said: Vec<_> = runs
        .iter()
        .take(RUNS)
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") })
        .collect();
    said.join(", ") + &if more == 0 { String::new() } else { format!(" and {more} more runs") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_told_in_runs() {
        assert_eq!(ranges(&[3]), "3");
        assert_eq!(ranges(&[3, 7, 8, 9, 11]), "3, 7 to 9, 11");
        assert_eq!(
            ranges(&(0..20).map(|leaf| leaf * 2).collect::<Vec<_>>()),
            "0, 2, 4, 6, 8, 10 and 14 more runs"
        );
    }
}
