//! The report of a check as text.

use std::fmt::Write as _;

use countersign::check::{CheckReport, TileCode, TileFinding};
use countersign::verify::{LISTED, Verdict};

use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::verdict;
use crate::io::verdict::count;

/// The maximum number of findings shown per code; the report has more.
const MAX_SHOWN: usize = 3;

/// Returns the verdict in words.
fn headline(report: &CheckReport) -> String {
    let tiles = &report.tiles;
    if tiles.finding_counts.is_empty() {
        return verdict::headline(&report.report);
    }
    if tiles.pass() && report.verdict == Verdict::Partial {
        let (first, _) = tiles.range;
        return good(format!("✓ Unchanged from entry {first} on,"))
            + &doubt(format!(" but the first {first} entries are gone."))
            + " If the log operator doesn't say that they were pruned, they may have been removed to hide something.";
    }
    let why = if tiles.pass() { report.report.why() } else { None };
    verdict::in_words(report.verdict, why, &report.report)
}

/// Formats the report.
pub(super) fn text(report: &CheckReport) -> String {
    let headline = headline(report);
    let mut text = headline + "\n";
    text += &verdict::body(&report.report, verdict::ReportSource::Log);
    let tiles = &report.tiles;
    let _ = writeln!(text, "\n{}", label("Tiles"));
    let leaves = &tiles.entries;
    let covered = format!(
        "{}, {} with {}, {}, {}",
        count(tiles.checked, "tile"),
        count(tiles.bundles, "bundle"),
        count(leaves.links, "link"),
        count(leaves.notes, "key note"),
        if leaves.other == 1 { "1 other entry".into() } else { format!("{} other entries", leaves.other) },
    );
    let (first, size) = tiles.range;
    if first > 0 {
        let range = format!("from entry {first} up to {size}; nothing before entry {first} was checked");
        let _ = writeln!(text, "  {} {range}", doubt("! range      "));
    }
    if tiles.pass() {
        let _ = writeln!(text, "  {} {covered}", good("✓ pass       "));
    } else {
        let total: u64 = tiles.finding_counts.values().sum();
        let _ = writeln!(text, "  {} {} in {covered}", bad("✗ fail       "), count(total, "finding"));
    }
    for (code, count) in &tiles.finding_counts {
        for finding in tiles.findings.iter().filter(|finding| finding.code == *code).take(MAX_SHOWN) {
            let _ = writeln!(text, "  {}", finding_line(finding));
        }
        if *count > MAX_SHOWN as u64 {
            let more = count - MAX_SHOWN as u64;
            let _ = writeln!(text, "    … and {more} more (--json lists the first {LISTED})");
        }
        let _ = writeln!(text, "    {} {}", faint("hint:"), code.hint());
    }
    text
}

fn finding_line(finding: &TileFinding) -> String {
    let index = finding.index.map_or_else(String::new, |index| format!(", entry {index}"));
    let TileFinding { code, path, message, .. } = finding;
    let word = if *code == TileCode::Pruned { doubt("! warning") } else { bad("✗ error  ") };
    format!("{word} {} {path}{index}: {}", label(code.as_str()), plain(message))
}
