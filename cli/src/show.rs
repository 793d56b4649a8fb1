//! `countersign show`: the events that verify, and nothing beside them.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use countersign::link::ChainId;
use countersign::verify::report::{Report, SignerTrust};
use countersign::verify::{FindingCode, Options, VerifiedEvent};
use serde_json::Value;

use crate::errors::Failure;
use crate::style::{doubt, good, label, plain};
use crate::{args, verdict, verify};

/// Show the events of an export that verify
///
/// Verifies the export first, and then shows the events that match their links, on links that a valid signature
/// covers: as a table, or one event whole with what proves it. Whose signatures they are is shown with each; whom
/// to trust is told by the trust file.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign show audit.ndjson --trust trust.txt
  countersign show audit.ndjson da7f84a510cb84b8cbb5b74a63c306ec/3 --trust trust.txt
  countersign show audit.ndjson --limit 100000 | less")]
pub(crate) struct Args {
    /// The export, perhaps compressed with gzip or zstd; - is the standard input
    #[arg(value_name = "EXPORT")]
    export: PathBuf,
    /// One event, by its chain and its place there
    #[arg(value_name = "C/SEQ", value_parser = args::place)]
    event: Option<(ChainId, u64)>,
    /// Whom to trust
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// How many events the table shows at most
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// The verified events that are to be shown.
#[derive(Default)]
struct Found {
    events: Vec<VerifiedEvent>,
    total: u64,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let trust = verify::trust_or_nobody(args.trust.as_deref())?;
    let options = Options { trust, events: true, ..Options::default() };
    let mut found = Found::default();
    // One thread hands events out in one order, whatever the machine.
    let verification = verify::verify(&args.export, options, 1, |events| {
        for event in events {
            let wanted = args.event.is_none_or(|place| place == (event.chain, event.seq));
            found.total += u64::from(wanted);
            if wanted && found.events.len() < args.limit as usize {
                found.events.push(event);
            }
        }
    })?;
    let report = &verification.report;
    let mut text = verdict::headline(report) + "\n\n";
    match (args.event, &found.events[..]) {
        (Some((chain, seq)), []) => {
            print(&text)?;
            let hint = "it is not here, withheld, altered, or no valid signature covers it: `countersign verify` says more";
            return Err(Failure::unusable(
                "event.not_shown",
                format!("no event {chain}/{seq} verifies"),
                hint,
            )
            .into_broken());
        }
        (Some(_), [event, ..]) => one(&mut text, event, report),
        (None, _) => table(&mut text, &mut found, report),
    }
    print(&text)?;
    Ok(report.verdict.exit_status())
}

fn print(text: &str) -> Result<(), Failure> {
    match anstream::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::io("write", "standard output", &error))
        }
        _ => Ok(()),
    }
}

/// Whether the key that signed is one to trust, by the end of the export.
fn trusted(event: &VerifiedEvent, report: &Report, suspects: &HashSet<ChainId>) -> &'static str {
    let signer = report.signers.iter().find(|signer| signer.vkey == event.vkey).map(|signer| signer.trust);
    match signer {
        Some(SignerTrust::Revoked) => "✗ revoked",
        _ if suspects.contains(&event.chain) => "! suspect",
        _ if !event.authorised => "? unknown",
        Some(SignerTrust::TrustFile | SignerTrust::Granted) => "✓ trusted",
        Some(SignerTrust::Unknown) | None => "? unknown",
    }
}

fn suspects(report: &Report) -> HashSet<ChainId> {
    let doubted = |code| matches!(code, FindingCode::KeySuspect | FindingCode::KeyLate);
    report
        .findings
        .iter()
        .filter(|finding| doubted(finding.code))
        .filter_map(|finding| finding.chain)
        .collect()
}

fn table(text: &mut String, found: &mut Found, report: &Report) {
    if found.events.is_empty() {
        let _ = writeln!(text, "No event of this export verifies. `countersign verify` says why.");
        return;
    }
    found.events.sort_by_key(|event| event.index);
    let suspects = suspects(report);
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["LEAF", "TIME", "CHAIN/SEQ", "ACTION", "ACTOR", "TARGET", "OUTCOME", "SIGNER", "KEY"]);
    for event in &found.events {
        let value: Value = serde_json::from_str(&event.event).unwrap_or(Value::Null);
        let member = |path: &[&str]| {
            path.iter().try_fold(&value, |value, name| value.get(name)).map_or_else(String::new, cell)
        };
        let first = |paths: &[&[&str]]| {
            paths.iter().map(|path| member(path)).find(|text| !text.is_empty()).unwrap_or_default()
        };
        table.add_row([
            event.index.to_string(),
            event.time.to_string(),
            format!("{}/{}", event.chain, event.seq),
            member(&["action"]),
            first(&[&["actor", "id"], &["actor"]]),
            first(&[&["target", "id"], &["target"]]),
            member(&["outcome"]),
            plain(event.vkey.name()),
            trusted(event, report, &suspects).to_owned(),
        ]);
    }
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let shown = found.events.len() as u64;
    if found.total > shown {
        let _ = writeln!(text, "\n… and {} more that verify: --limit shows more", found.total - shown);
    }
}

/// A member's value on one line of a table.
fn cell(value: &Value) -> String {
    const WIDTH: usize = 40;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let text = plain(&text).replace('\n', "\\n");
    if text.chars().count() <= WIDTH {
        return text;
    }
    text.chars().take(WIDTH - 1).chain(['…']).collect()
}

fn one(text: &mut String, event: &VerifiedEvent, report: &Report) {
    let VerifiedEvent { line, index, chain, seq, time, vkey, event: json, .. } = event;
    let trust = trusted(event, report, &suspects(report));
    let trust = if trust.starts_with('✓') { good(trust) } else { doubt(trust) };
    let fact = |name: &str, value: &str| format!("{} {value}\n", label(format_args!("{name:<12}")));
    text.push_str(&fact("event", &format!("{chain}/{seq}")));
    text.push_str(&fact("leaf", &format!("{index}, on line {line}")));
    text.push_str(&fact("time", &format!("{time}, by the emitter's clock")));
    text.push_str(&fact("signer", &format!("{} {}", plain(vkey.as_str()), trust)));
    text.push_str(&fact("key ID", &verdict::key_id(vkey)));
    text.push_str(&fact("payload", "matches its link's commit"));
    text.push_str(&fact("signature", "a valid signature of this key covers the link"));
    text.push_str(&fact("tree", &tree(*index, report)));
    let _ = writeln!(text, "\n{}", plain(&indented(json)));
}

/// The event's JSON with a line for each member and item, and all else as it is: what is shown is what was hashed.
fn indented(json: &str) -> String {
    let mut text = String::new();
    let mut depth = 0;
    let mut in_string = false;
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                in_string = !in_string;
                text.push('"');
            }
            '\\' if in_string => {
                text.push('\\');
                text.extend(characters.next());
            }
            _ if in_string => text.push(character),
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                text.push(character);
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(close);
                } else {
                    depth += 1;
                    new_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(',');
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => text.push(character),
        }
    }
    text
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

fn tree(index: u64, report: &Report) -> String {
    match &report.log {
        Some(log) if index < log.size => {
            format!("within the checkpoint of {} leaves, root {}", log.size, log.root)
        }
        _ => "no checkpoint that matches covers it".into(),
    }
}
