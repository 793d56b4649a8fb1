//! Evidence as Markdown.

mod basis;
mod control;
mod log;
mod words;

use core::fmt::Write as _;

use countersign::time::Time;

use crate::builder::{events, seed};
use crate::report::{AnswerContent, Events, Evidence, Listed, ListedEvent, Period, Subject};
use crate::text::{code, marked};
use basis::rests_on;
use control::{findings_table, one_control, overview};
use log::log_itself;
use words::{capital, plural};

/// Maximum number of rows in a table; JSON has more.
const ROWS: usize = 200;

/// Writes evidence as Markdown.
pub fn write(evidence: &Evidence) -> String {
    let mut out = String::new();
    let framework = &evidence.framework;
    let _ = writeln!(out, "# Evidence from an audit log: {}\n", marked(&framework.title));
    let _ = writeln!(
        out,
        "Made by {} from verified events only. Controls are numbered as in {}. Their requirements are in the \
         catalog's own words, not the framework's. This document states what the log shows and what it can't show. Whether a control is \
         met is for you to judge.\n",
        marked(&evidence.source.tool),
        marked(&framework.edition),
    );
    rests_on(&mut out, evidence);
    overview(&mut out, evidence);
    for control in &evidence.controls {
        one_control(&mut out, evidence, control);
    }
    log_itself(&mut out, evidence);
    if let Some(subject) = &evidence.subject {
        let _ = writeln!(out, "## Events about one person\n");
        let _ = writeln!(
            out,
            "{} about {}: {} as actor, {} by others on behalf of this person, {} as target (some may be several of these).{}\n",
            capital(&events(subject.extent.events)),
            code(&subject.id),
            subject.as_actor,
            subject.represented,
            subject.as_target,
            elsewhere(subject),
        );
        rows(&mut out, &subject.events);
    }
    if let Some(record) = &evidence.record {
        let _ = writeln!(out, "## Events about one record\n");
        let _ = writeln!(
            out,
            "{} with the target {}.\n",
            capital(&events(record.extent.events)),
            code(&record.id)
        );
        rows(&mut out, &record.events);
    }
    questions(&mut out, evidence);
    how_to_check(&mut out, evidence);
    out
}

/// Describes the other events that contain a person's identifier.
fn elsewhere(subject: &Subject) -> String {
    if subject.mentioned == 0 {
        return String::new();
    }
    let contain = if subject.mentioned == 1 { "contains" } else { "contain" };
    let mut text = format!(
        " {} {contain} this identifier elsewhere. They aren't listed in this document.",
        capital(&plural(subject.mentioned, "other event")),
    );
    if !subject.likely.is_empty() {
        let ids: Vec<_> = subject.likely.iter().map(|id| code(id)).collect();
        let _ = write!(
            text,
            " Actors and targets there include {}. If one of these is the same person, run it with that identifier, too.",
            ids.join(", ")
        );
    }
    text
}

fn questions(out: &mut String, evidence: &Evidence) {
    let _ = writeln!(out, "## The questions\n");
    if evidence.drawn.as_ref().is_some_and(|drawn| drawn.wanted > 0) {
        let _ = writeln!(
            out,
            "Samples are drawn by SHA-256 over the root and the seed, so neither side can choose them, and anyone with the log and \
             the seed draws the same ones. They are listed in the order in which they were drawn. A smaller sample is the beginning \
             of a larger one. Agree on the seed before the log reaches this checkpoint, so that no one can influence the sample.\n"
        );
    }
    for answer in &evidence.answers {
        let title = |out: &mut String| {
            let anchor = anchor("question", &answer.name);
            let _ = writeln!(out, "### <a id=\"{anchor}\"></a>{}\n", marked(&answer.what));
        };
        match &answer.found {
            AnswerContent::Events(found) => {
                title(out);
                let _ = writeln!(out, "Selects events by {}.\n", selection(found));
                if let Some(drawn) = evidence.drawn.as_ref().filter(|_| !found.sample.is_empty()) {
                    let seed = code(&seed(drawn, &answer.name));
                    let (count, of) = (found.sample.len(), events(found.extent.events));
                    let _ = writeln!(out, "Sample: {count} of {of}, seed {seed}.\n");
                    table(out, &found.sample);
                }
            }
            AnswerContent::Findings(found) if found.found.count() > 0 => {
                title(out);
                findings_table(out, found);
            }
            AnswerContent::Findings(_) | AnswerContent::Log(_) => {}
        }
    }
}

/// Describes the events that a question selects: by categories, a query, or both.
fn selection(found: &Events) -> String {
    let categories: Vec<_> = found.categories.iter().map(|category| code(category)).collect();
    let query = code(&found.query);
    match (categories.len(), found.query.is_empty()) {
        (0, _) => format!("the query {query}"),
        (1, true) => format!("the category {}", categories.join("")),
        (1, false) => format!("the category {} and the query {query}", categories.join("")),
        (_, true) => format!("the categories {}", categories.join(", ")),
        (_, false) => format!("the categories {} and the query {query}", categories.join(", ")),
    }
}

fn rows(out: &mut String, list: &Listed<ListedEvent>) {
    if list.listed.is_empty() {
        return;
    }
    table(out, &list.listed);
    if list.more > 0 {
        let _ = writeln!(out, "… and {} more: narrow the period to list them.\n", list.more);
    }
}

fn table(out: &mut String, list: &[ListedEvent]) {
    let _ = writeln!(
        out,
        "| entry | event | happened | recorded | what | who | to what | from | outcome | signed by |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    for shown in list {
        let summary = &shown.summary;
        let who = if summary.name.is_empty() || summary.name == summary.actor {
            marked(&summary.actor)
        } else {
            format!("{} ({})", marked(&summary.actor), marked(&summary.name))
        };
        let who = if summary.on_behalf_of.is_empty() {
            who
        } else {
            format!("{who} for {}", marked(&summary.on_behalf_of))
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {who} | {} | {} | {} | {} |",
            shown.leaf,
            code(&shown.place),
            shown.happened.map_or_else(|| "not stated".into(), |time| time.to_string()),
            shown.recorded,
            marked(&summary.action),
            marked(&summary.target),
            marked(&summary.address),
            marked(&summary.outcome),
            code(&shown.signer),
        );
    }
    out.push('\n');
}

/// Returns the name of an anchor in the document.
fn anchor(kind: &str, name: &str) -> String {
    let plain =
        name.chars().map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' });
    format!("{kind}-{}", plain.collect::<String>())
}

fn how_to_check(out: &mut String, evidence: &Evidence) {
    let source = &evidence.source;
    // The options are the same in each step, so that each has the same figures.
    let with = |names: &[&str]| {
        let options = source.options.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
        options.fold(String::new(), |text, (name, value)| format!("{text} {name} {}", quoted(value)))
    };
    let query = evidence.period.map_or_else(
        || "QUERY".to_owned(),
        |period| format!("(QUERY) since:{} until:{}", period.from, period.to),
    );
    let show =
        code(&format!("countersign show EXPORT --trust TRUST --query '{query}'{}", with(&["--parsers"])));
    let one = code(&format!("countersign show EXPORT CHAIN/SEQ --trust TRUST{}", with(&["--parsers"])));
    let analyze = format!("countersign analyze EXPORT --trust TRUST{}", with(&["--rules", "--parsers"]));
    let mut options = with(&[]);
    if let Some(Period { from, to }) = evidence.period {
        // The option includes its end.
        let last = Time::from_millis(to.millis() - 1).unwrap_or(to);
        let _ = write!(options, " --period {from}..{last}");
    }
    let files = if source.parsers.is_empty() {
        String::new()
    } else {
        " Use the parser files that have the SHA-256 above. Without them, the same export has other figures."
            .into()
    };
    let _ = writeln!(
        out,
        "## How to check this\n\n\
         1. `countersign verify EXPORT --trust TRUST`, with the export that has the SHA-256 above and your own trust file, checks \
         every hash and signature again.\n\
         2. The command that created this document reproduces it, byte for byte. Its options are {}.{files}\n\
         3. {show} lists the events that a query finds. To list the events of a \
         category, create this document again with a larger `--sample`. {one} \
         shows one of them with its proof. `countersign slice EXPORT --event CHAIN/SEQ -o ONE` writes an \
         export of it that verifies on its own.\n\
         4. {} has the same findings, with the digest {}.\n",
        code(options.trim_start()),
        code(&analyze),
        code(&evidence.rules.digest.to_string())
    );
}

/// Quotes a value for a POSIX shell, if it needs quotes.
fn quoted(value: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:,+@".contains(char);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', "'\\''"))
}
