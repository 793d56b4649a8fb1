//! Formats verified events as a table.

use std::fmt::Write as _;

use countersign::verify::{CoveredLink, VerifiedEvent};
use countersign_query::value::{Document, Value};
use countersign_query::{Findings, Outcome, Parsers, Party, Read};
use countersign_spill::PendingEvents;

use crate::commands::verify::signer_trust::{SignerTrust, SignerTrusts, marked};
use crate::errors::CliError;
use crate::io::parsers::unknown_shapes;
use crate::io::style::{line, plain};
use crate::io::{query, table};

/// The maximum number of characters in a cell.
const MAX_CELL_CHARS: usize = 40;

pub(super) fn write(
    text: &mut String,
    found: PendingEvents,
    signer_trusts: &SignerTrusts<'_>,
    parsers: &Parsers,
    findings: Option<&Findings>,
) -> Result<(), CliError> {
    let (kept, total) = (found.kept_count(), found.total());
    if let Some(findings) = findings.filter(|findings| findings.of > 0) {
        text.push_str(&query::summary(findings, super::EVENT_NOUN));
        if kept == 0 {
            return Ok(());
        }
        text.push('\n');
    }
    if kept == 0 {
        let _ = writeln!(text, "No event of this export verifies. Run `countersign verify` for details.");
        return Ok(());
    }
    let mut rows = Vec::new();
    found.for_each(|event| {
        rows.push(Row::from_event(event, signer_trusts, parsers));
        Ok::<_, CliError>(())
    })?;
    // Columns that would be empty are omitted.
    let any = |has: fn(&Fields) -> bool| rows.iter().any(|row| has(&row.fields));
    let happened = any(|fields| !fields.happened.is_empty());
    let address = any(|fields| !fields.address.is_empty());
    let parsed_as = any(|fields| !fields.parsed_as.is_empty() && fields.parsed_as != OWN);
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
        (parsed_as, "PARSED AS"),
        (true, "SIGNER"),
        (true, "KEY"),
    ];
    let unread = rows.iter().filter(|row| row.fields.parsed_as.is_empty()).count() as u64;
    let mut table = table::new(columns.iter().filter(|(shown, _)| *shown).map(|(_, name)| *name));
    for row in rows {
        let cells = [
            row.link.index.to_string(),
            row.link.time.to_string(),
            format!("{}/{}", row.link.chain, row.link.seq),
            row.fields.happened,
            row.fields.action,
            row.fields.actor,
            row.fields.target,
            row.fields.address,
            row.fields.outcome,
            row.fields.parsed_as,
            plain(row.link.vkey.name()),
            marked(row.signer_trust),
        ];
        table.add_row(columns.iter().zip(cells).filter(|((shown, _), _)| *shown).map(|(_, cell)| cell));
    }
    *text += &table::text(&table);
    if total > kept {
        let _ = writeln!(text, "\n… and {} more; use --limit to show them", total - kept);
    }
    if unread > 0 {
        let consequence = "actors and actions may not be shown; all fields can be searched by path";
        let _ = writeln!(text, "\n{}", unknown_shapes(unread, consequence));
    }
    Ok(())
}

/// The name of the parser for countersign's own format.
const OWN: &str = "countersign";

/// A row of the table.
struct Row {
    link: CoveredLink,
    signer_trust: SignerTrust,
    fields: Fields,
}

impl Row {
    fn from_event(event: VerifiedEvent, signer_trusts: &SignerTrusts<'_>, parsers: &Parsers) -> Self {
        let (signer_trust, fields) = (signer_trusts.of_link(&event), Fields::from_event(&event, parsers));
        Self { link: event.link, signer_trust, fields: fields.map(|text| line(&text, MAX_CELL_CHARS)) }
    }
}

/// The fields of a row other than its position and signer.
#[derive(Default)]
struct Fields {
    happened: String,
    action: String,
    actor: String,
    target: String,
    address: String,
    outcome: String,
    parsed_as: String,
}

impl Fields {
    fn from_event(event: &VerifiedEvent, parsers: &Parsers) -> Self {
        let document = Document::parse(&event.event);
        let Some(root) = document.as_ref().map(Document::root) else { return Self::default() };
        parsers.parse(&root).map_or_else(|| Self::from_raw_fields(root), |read| Self::from_parsed(&read))
    }

    fn map(self, each: impl Fn(String) -> String) -> Self {
        let Self { happened, action, actor, target, address, outcome, parsed_as } = self;
        let [happened, action, actor, target, address, outcome, parsed_as] =
            [happened, action, actor, target, address, outcome, parsed_as].map(each);
        Self { happened, action, actor, target, address, outcome, parsed_as }
    }

    fn from_parsed(read: &Read<'_>) -> Self {
        // Identifiers of other products are rarely readable, so their names come first.
        let party = |party: &Party<'_>| {
            let (first, second) =
                if read.parsed_as == OWN { (&party.id, &party.name) } else { (&party.name, &party.id) };
            first.as_deref().or(second.as_deref()).unwrap_or_default().to_owned()
        };
        Self {
            happened: read.time.map(|time| time.to_string()).unwrap_or_default(),
            action: read.action.as_deref().unwrap_or_default().into(),
            actor: match (party(&read.actor), party(&read.on_behalf_of)) {
                (actor, person) if person.is_empty() => actor,
                (actor, person) => format!("{actor} for {person}"),
            },
            target: party(&read.target),
            address: read.address.as_deref().unwrap_or_default().into(),
            outcome: read.outcome.as_str().into(),
            parsed_as: read.parsed_as.clone().into_owned(),
        }
    }

    /// Creates the fields for an event that no parser matches.
    fn from_raw_fields(event: Value<'_>) -> Self {
        let text =
            |path: &str| event.at(path).and_then(Value::non_empty_text).map(std::borrow::Cow::into_owned);
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
