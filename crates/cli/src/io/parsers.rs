//! The parsers that a command uses: the built-in ones and the user's own.

use std::path::{Path, PathBuf};

use countersign::Diagnostic;
use countersign_query::Parsers;
use countersign_query::parser::ParserError;
use indicatif::HumanCount;

use crate::errors::{CliError, shown};
use crate::io::input;

/// The option for the user's own parsers.
#[derive(clap::Args)]
pub(crate) struct ParserArgs {
    /// Your own parsers, tried before the built-in ones: a file, or a directory of .json files (see
    /// docs/parsers.md). Can be repeated
    #[arg(long, value_name = "FILE|DIR")]
    parsers: Vec<PathBuf>,
}

impl ParserArgs {
    /// True if there are none.
    pub(crate) fn is_none(&self) -> bool {
        self.parsers.is_empty()
    }

    /// Returns these and the built-in ones.
    pub(crate) fn load(&self) -> Result<Parsers, CliError> {
        if self.is_none() {
            return Ok(Parsers::built_in());
        }
        let texts: Vec<(String, String)> = files(&self.parsers)?
            .iter()
            .map(|path| input::small_text(path).map(|text| (shown(path), text)))
            .collect::<Result<_, _>>()?;
        let named = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        Parsers::built_in().with(named).map_err(refused)
    }
}

/// Returns these files, and the .json files of directories among them.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() { files.extend(within(path)?) } else { files.push(path.clone()) }
    }
    Ok(files)
}

/// Returns the .json files of a directory, sorted by name.
fn within(directory: &Path) -> Result<Vec<PathBuf>, CliError> {
    let failed = |error| CliError::io("read", &shown(directory), &error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|end| end == "json") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let hint = "use a directory with .json files, or one file";
        return Err(CliError::unusable("parsers.none", "the directory contains no .json file", hint)
            .within(&shown(directory)));
    }
    Ok(files)
}

/// Formats a warning about events that no parser matched, and its consequence.
pub(crate) fn unknown_shapes(events: u64, consequence: &str) -> String {
    let matches = if events == 1 { "event here matches" } else { "events here match" };
    format!(
        "{events} {matches} no parser, so {consequence}. You can write your own parser; see --parsers and \
         docs/parsers.md"
    )
}

/// Formats the share of events without a parser: `612 of 10,000 events (6%) have no parser`, and its consequence.
pub(crate) fn share(unparsed: u64, events: u64) -> String {
    let verb = if unparsed == 1 { "has" } else { "have" };
    format!(
        "{} of {} ({}) {verb} no parser; rules that use parsed facts can't match {}.",
        HumanCount(unparsed),
        if events == 1 { "1 event".to_owned() } else { format!("{} events", HumanCount(events)) },
        percent(unparsed, events),
        if unparsed == 1 { "it" } else { "them" },
    )
}

/// Formats a share in percent, so that neither a small share is 0% nor an incomplete one 100%.
fn percent(part: u64, whole: u64) -> String {
    match (u128::from(part) * 100).checked_div(u128::from(whole)).unwrap_or_default() {
        0 if part > 0 => "under 1%".to_owned(),
        percent => format!("{percent}%"),
    }
}

pub(crate) fn refused(why: ParserError) -> CliError {
    let Diagnostic { code, file, member, message, hint, .. } = why.into();
    let message = member.map_or_else(|| message.clone(), |member| format!("field {member:?}: {message}"));
    CliError::unusable(code, message, hint.unwrap_or_default()).within(&file.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted_and_rounded_down() {
        let said = "612 of 10,000 events (6%) have no parser; rules that use parsed facts can't match them.";
        assert_eq!(share(612, 10_000), said);
        let one =
            "1 of 1,234,567 events (under 1%) has no parser; rules that use parsed facts can't match it.";
        assert_eq!(share(1, 1_234_567), one);
        assert!(share(1, 1).starts_with("1 of 1 event (100%) has no parser"));
        assert!(share(999, 1000).starts_with("999 of 1,000 events (99%)"));
    }
}
