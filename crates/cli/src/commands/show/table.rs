//! Verified events as a table.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use countersign::verify::{CoveredLink, VerifiedEvent};
use countersign_query::value::{Document, Value};
use countersign_query::{Findings, Outcome, Parsers, Party, Read};
use countersign_spill::PendingEvents as Found;

use crate::commands::verify::signer_trust::{SignerTrust, SignerTrusts, marked};
use crate::errors::CliError;
use crate::io::parsers::unknown_shapes;
use crate::io::query;
use crate::io::style::{line, plain};

/// How many characters of a text a cell shows.
const CELL: usize = 40;

pub(super) fn write(
    text: &mut String,
    found: Found,
    signer_trusts: &SignerTrusts<'_>,
    parsers: &Parsers,
    findings: Option<&Findings>,
) -> Result<(), CliError> {
    let (kept, total) = (found.kept(), found.total());
    if let Some(findings) = findings.filter(|findings| findings.of > 0) {
        text.push_str(&query::told(findings, super::SEARCHED));
        if kept == 0 {
            return Ok(());
        }
        text.push('\n');
    }
    if kept == 0 {
        let _ = writeln!(text, "No event of this export verifies. `countersign verify` says why.");
        return Ok(());
    }
    let mut rows = Vec::new();
    found.for_each(|event| {
        rows.push(Row::of(event, signer_trusts, parsers));
        Ok::<_, CliError>(())
    })?;
    // What no event of the table has takes no room.
    let any = |has: fn(&Says) -> bool| rows.iter().any(|row| has(&row.says));
    let happened = any(|says| !says.happened.is_empty());
    let address = any(|says| !says.address.is_empty());
    let parsed_as = any(|says| !says.parsed_as.is_empty() && says.parsed_as != OWN);
    let columns = [
        (true, "ENTRY"),
        (true, "TIME"),
        (true, "CHAIN/SEQ"),
        (happened, "HAPPENED"),
        (true, "ACTION"),
        (true, "ACTOR"),
        (true, "TARGET"),
        (address, "FROM"),
        (true, "OUTCOME"),
        (parsed_as, "READ AS"),
        (true, "SIGNER"),
        (true, "KEY"),
    ];
    let unread = rows.iter().filter(|row| row.says.parsed_as.is_empty()).count() as u64;
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().filter(|(shown, _)| *shown).map(|(_, name)| *name));
    for row in rows {
        let cells = [
            row.link.index.to_string(),
            row.link.time.to_string(),
            format!("{}/{}", row.link.chain, row.link.seq),
            row.says.happened,
            row.says.action,
            row.says.actor,
            row.says.target,
            row.says.address,
            row.says.outcome,
            row.says.parsed_as,
            plain(row.link.vkey.name()),
            marked(row.signer_trust),
        ];
        table.add_row(columns.iter().zip(cells).filter(|((shown, _), _)| *shown).map(|(_, cell)| cell));
    }
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if total > kept {
        let _ = writeln!(text, "\n… and {} more that verify: --limit shows more", total - kept);
    }
    if unread > 0 {
        let so = "who did what may not be shown; all members can be searched by path";
        let _ = writeln!(text, "\n{}", unknown_shapes(unread, so));
    }
    Ok(())
}

/// The parser of our own shape.
const OWN: &str = "countersign";

/// An event of the table.
struct Row {
    link: CoveredLink,
    signer_trust: SignerTrust,
    says: Says,
}

impl Row {
    fn of(event: VerifiedEvent, signer_trusts: &SignerTrusts<'_>, parsers: &Parsers) -> Self {
        let (signer_trust, says) = (signer_trusts.of_link(&event), Says::of(&event, parsers));
        Self { link: event.link, signer_trust, says: says.map(|text| line(&text, CELL)) }
    }
}

/// What the table has of an event beside its place and its signer.
#[derive(Default)]
struct Says {
    happened: String,
    action: String,
    actor: String,
    target: String,
    address: String,
    outcome: String,
    parsed_as: String,
}

impl Says {
    fn of(event: &VerifiedEvent, parsers: &Parsers) -> Self {
        let document = Document::parse(&event.event);
        let Some(root) = document.as_ref().map(Document::root) else { return Self::default() };
        parsers.parse(&root).map_or_else(|| Self::by_members(root), |read| Self::by_reading(&read))
    }

    fn map(self, each: impl Fn(String) -> String) -> Self {
        let Self { happened, action, actor, target, address, outcome, parsed_as } = self;
        let [happened, action, actor, target, address, outcome, parsed_as] =
            [happened, action, actor, target, address, outcome, parsed_as].map(each);
        Self { happened, action, actor, target, address, outcome, parsed_as }
    }

    fn by_reading(read: &Read<'_>) -> Self {
        // Others' identifiers are mostly not for people.
        let party = |party: &Party<'_>| {
            let (first, second) =
                if read.parsed_as == OWN { (&party.id, &party.name) } else { (&party.name, &party.id) };
            first.as_deref().or(second.as_deref()).unwrap_or_default().to_owned()
        };
        Self {
            happened: read.time.map(|time| time.to_string()).unwrap_or_default(),
            action: read.action.as_deref().unwrap_or_default().into(),
            actor: party(&read.actor),
            target: party(&read.target),
            address: read.address.as_deref().unwrap_or_default().into(),
            outcome: read.outcome.as_str().into(),
            parsed_as: read.parsed_as.clone().into_owned(),
        }
    }

    /// Of an event that no parser fits.
    fn by_members(event: Value<'_>) -> Self {
        let text = |path: &str| event.at(path).and_then(Value::said).map(std::borrow::Cow::into_owned);
        let first = |paths: [&str; 2]| paths.into_iter().find_map(text).unwrap_or_default();
        Self {
            action: text("action").unwrap_or_default(),
            actor: first(["actor.id", "actor"]),
            target: first(["target.id", "target"]),
            outcome: text("outcome").unwrap_or_else(|| Outcome::NotStated.as_str().into()),
            ..Self::default()
        }
    }
}
