//! Formats an inventory for people.

use std::fmt::Write as _;

use countersign_analyze::Level;
use countersign_analyze::inventory::{Answer, DescriptionSummary, Endpoint, Flag, Latency, Name};
use countersign_query::Conclusion;

use super::ExportInventory;
use crate::io::entries::named;
use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::verdict::{self, count};

/// The maximum number of endpoints shown in full, and of lines in a list.
const MAX_FULL: usize = 20;
const MAX_LINES: usize = 100;

impl ExportInventory {
    pub(super) fn text(&self) -> String {
        let Self { verified, report, events } = self;
        let mut text = verdict::headline(verified) + "\n\n";
        let within = match verified.complete_range() {
            Some([first, end]) => format!("in all entries from {first} to {}", end.saturating_sub(1)),
            None => "in this export; the log may have other entries".into(),
        };
        let endpoints = label(count(report.endpoints.len() as u64, "endpoint"));
        let _ = writeln!(
            text,
            "{endpoints} of {} by {}, {within}. Searched {} that verified.",
            count(report.calls, "call"),
            count(report.callers, "caller"),
            count(*events, "event")
        );
        self.summary(&mut text);
        if let Some(share) = self.unparsed().sentence(Conclusion::Calls) {
            let _ =
                writeln!(text, "{}", doubt(format_args!("! {share}. See `countersign parsers coverage`.")));
        }
        let (risky, usual): (Vec<_>, Vec<_>) =
            report.endpoints.iter().partition(|endpoint| endpoint.risk > 0);
        for endpoint in risky.iter().take(MAX_FULL) {
            write_full(&mut text, endpoint);
        }
        let rest: Vec<&Endpoint> = risky.into_iter().skip(MAX_FULL).chain(usual).collect();
        table(&mut text, "Other endpoints", &rest);
        if !report.unused.is_empty() {
            let _ = writeln!(text, "\n{}", label("Described but not called"));
            for operation in report.unused.iter().take(MAX_LINES) {
                let deprecated = if operation.is_deprecated { faint(" deprecated") } else { String::new() };
                let _ = writeln!(text, "  {:<7} {}{deprecated}", operation.method, plain(&operation.path));
            }
            more(&mut text, report.unused.len());
        }
        let probed: Vec<&Endpoint> = report.probed.iter().collect();
        table(&mut text, "Requested, but always denied or not found", &probed);
        let _ = writeln!(text, "\n{} {}", label("digest:"), report.digest);
        text
    }

    /// Adds the number of endpoints for each flag.
    fn summary(&self, text: &mut String) {
        let report = &self.report;
        if report.calls == 0 {
            let why = "No verified event describes a call (with http.method and http.path) or a service's operation.";
            let _ = writeln!(text, "{}", doubt(format_args!("? {why}")));
        }
        if let Some(DescriptionSummary { title, version, operations, .. }) = &report.description {
            let name = format!("{} {}", plain(title), plain(version));
            let _ = writeln!(
                text,
                "Compared with {}, which describes {}.",
                name.trim(),
                count(*operations as u64, "operation")
            );
        }
        let of = |flag: Flag| {
            report.endpoints.iter().filter(|endpoint| endpoint.flags.contains(&flag)).count() as u64
        };
        let mut line = |number: u64, is_known: bool, bad_if_any: bool, [one, several, meaning]: [&str; 3]| {
            if !is_known {
                return;
            }
            let (mark, meaning) = match (number, bad_if_any) {
                // Events without a parser may record such calls.
                (0, _) if report.unparsed > 0 => (doubt("? no"), ""),
                (0, _) => (good("✓ no"), ""),
                (_, true) => (bad(format_args!("✗ {number}")), meaning),
                (_, false) => (doubt(format_args!("! {number}")), meaning),
            };
            let _ = writeln!(text, "  {mark} {}{meaning}", if number == 1 { one } else { several });
        };
        let (is_described, is_dated) = (report.description.is_some(), report.since.is_some());
        let [shadow, zombie, method, open, new_callers, new, unused] = LINES;
        line(of(Flag::Shadow), is_described, true, shadow);
        line(of(Flag::Zombie), is_described, true, zombie);
        line(of(Flag::UndocumentedMethod), is_described, true, method);
        line(of(Flag::Unauthenticated), report.calls > 0, true, open);
        line(of(Flag::NewCaller), is_dated, false, new_callers);
        line(of(Flag::New), is_dated, false, new);
        line(report.unused.len() as u64, is_described, false, unused);
        self.attractive(of(Flag::Sensitive), text);
        for (left, what) in report.left_out.iter().zip(["call", "call of callers"]) {
            if let Some((number, leaf)) = left {
                let value =
                    format!("{} not attributed from entry {leaf} on, to save memory.", count(*number, what));
                let _ = writeln!(text, "{}", doubt(format_args!("! {value}")));
            }
        }
    }
}

impl ExportInventory {
    /// Adds the number of attractive targets. Only the words of paths are tested, so the names of operations are unknown.
    fn attractive(&self, number: u64, text: &mut String) {
        let endpoints = &self.report.endpoints;
        if endpoints.is_empty() {
            return;
        }
        let is_path = |endpoint: &&Endpoint| matches!(endpoint.name, Name::Request { .. });
        let paths = endpoints.iter().filter(is_path).count();
        let operations = endpoints.len() - paths;
        let line = match (number, paths) {
            (0, 0) => doubt("? attractive targets for attackers: unknown"),
            (0, _) if self.report.unparsed > 0 || operations > 0 => {
                doubt("? no path is an attractive target for attackers")
            }
            (0, _) => good("✓ no path is an attractive target for attackers"),
            (1, _) => doubt("! 1 path is an attractive target for attackers"),
            _ => doubt(format_args!("! {number} paths are attractive targets for attackers")),
        };
        let untested = if operations == 0 {
            String::new()
        } else {
            let [name, were] = if operations == 1 { ["name", "wasn't"] } else { ["names", "weren't"] };
            format!("; the {name} of {} {were} tested", count(operations as u64, "operation"))
        };
        let _ = writeln!(text, "  {line}{untested}");
    }
}

/// The subject of each line of the summary: for one, for several, and what is said of them.
const LINES: [[&str; 3]; 7] = [
    ["shadow endpoint", "shadow endpoints", ": called, but not described"],
    ["zombie endpoint", "zombie endpoints", ": deprecated, but still called"],
    [
        "endpoint with an undocumented method",
        "endpoints with an undocumented method",
        ": the path is described, the method isn't",
    ],
    ["unauthenticated endpoint", "unauthenticated endpoints", ": calls without a caller succeeded"],
    ["endpoint with new callers", "endpoints with new callers", ""],
    ["new endpoint", "new endpoints", ""],
    ["described operation without calls", "described operations without calls", ""],
];

fn write_full(text: &mut String, endpoint: &Endpoint) {
    let words: Vec<&str> = endpoint.flags.iter().map(|flag| flag.as_str()).collect();
    let risk = format!("risk {} {}", endpoint.risk, words.join(", "));
    let risk = match endpoint.level() {
        Level::High => bad(format_args!("✗ {risk}")),
        Level::Medium => doubt(format_args!("! {risk}")),
        _ => faint(format_args!("· {risk}")),
    };
    let _ = writeln!(text, "\n{} {risk}", label(plain(&endpoint.name.to_string())));
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(text, "  {} {value}", faint(format_args!("{name:<8}")));
    };
    for reason in &endpoint.reasons {
        let entries =
            if reason.leaves.is_empty() { String::new() } else { format!(": {}", named(&reason.leaves)) };
        fact("because", format!("+{} {}{entries}", reason.points, plain(&reason.text)));
    }
    let (first, last) = (endpoint.first, endpoint.last);
    fact(
        "calls",
        format!("{}, {} (entry {}) to {} (entry {})", endpoint.calls, first.0, first.1, last.0, last.1),
    );
    fact("answers", statuses(endpoint));
    if !endpoint.callers.is_empty() {
        let mut value: Vec<String> = endpoint
            .callers
            .iter()
            .take(5)
            .map(|caller| {
                let new = if caller.is_new { ", new" } else { "" };
                format!("{} ({}{new})", plain(&caller.id), caller.calls)
            })
            .collect();
        let others = endpoint.all_callers.saturating_sub(value.len() as u64);
        value.extend((others > 0).then(|| format!("{others} more")));
        fact("callers", value.join(", "));
    }
    if let Some(Latency { p50, p95, .. }) = endpoint.latency {
        fact("latency", format!("half within {p50} ms, 95 % within {p95} ms"));
    }
}

fn statuses(endpoint: &Endpoint) -> String {
    let value = endpoint.statuses.iter().map(|status| match status.answer {
        Answer::Outcome(outcome) => format!("{} × {}", status.calls, outcome.as_str()),
        Answer::Status(code) => format!("{} × {code}", status.calls),
    });
    value.collect::<Vec<_>>().join(", ")
}

fn table(text: &mut String, title: &str, endpoints: &[&Endpoint]) {
    if endpoints.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", label(title));
    for endpoint in endpoints.iter().take(MAX_LINES) {
        let _ = writeln!(
            text,
            "  {:>8} {} {}",
            endpoint.calls,
            plain(&endpoint.name.to_string()),
            faint(format_args!("{}; {}", statuses(endpoint), named(&endpoint.leaves)))
        );
    }
    more(text, endpoints.len());
}

fn more(text: &mut String, all: usize) {
    if all > MAX_LINES {
        let _ = writeln!(
            text,
            "  {}",
            faint(format_args!("{} more; use --format json for all", all - MAX_LINES))
        );
    }
}
