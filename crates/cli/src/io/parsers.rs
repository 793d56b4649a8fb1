//! The parsers that a command uses: the built-in ones and the user's own.

use std::path::{Path, PathBuf};

use countersign::Diagnostic;
use countersign_query::Parsers;
use countersign_query::parser::ParserError;

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

    /// Returns the names of the files, and the hashes of their contents, for evidence.
    #[cfg(feature = "native")]
    pub(crate) fn sources(&self) -> Result<Vec<countersign_controls::ParserFile>, CliError> {
        use countersign::{hash::Hash, hex};
        let source = |path: &PathBuf| {
            let hash = Hash::digest(&[input::small_text(path)?.as_bytes()]);
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Ok(countersign_controls::ParserFile { name, sha256: hex::encode(&hash.0) })
        };
        files(&self.parsers)?.iter().map(source).collect()
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

pub(crate) fn refused(why: ParserError) -> CliError {
    let Diagnostic { code, file, member, message, hint, .. } = why.into();
    let message = member.map_or_else(|| message.clone(), |member| format!("field {member:?}: {message}"));
    CliError::unusable(code, message, hint.unwrap_or_default()).within(&file.unwrap_or_default())
}
