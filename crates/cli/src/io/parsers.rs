//! The parsers that a command uses: those that come with the program, and people's own.

use std::path::{Path, PathBuf};

use countersign::Diagnostic;
use countersign_query::Parsers;
use countersign_query::parser::ParserError;

use crate::errors::{CliError, shown};
use crate::io::input;

/// Where people's own parsers are.
#[derive(clap::Args)]
pub(crate) struct Own {
    /// Your own parsers, tried before the built-in ones: a file, or a directory of .json files (see
    /// docs/parsers.md). Can be repeated
    #[arg(long, value_name = "FILE|DIR")]
    parsers: Vec<PathBuf>,
}

impl Own {
    /// Whether there are none.
    pub(crate) fn is_none(&self) -> bool {
        self.parsers.is_empty()
    }

    /// These, and those that come with the program.
    pub(crate) fn load(&self) -> Result<Parsers, CliError> {
        if self.is_none() {
            return Ok(Parsers::built_in());
        }
        let mut files = Vec::new();
        for path in &self.parsers {
            if path.is_dir() { files.extend(within(path)?) } else { files.push(path.clone()) }
        }
        let texts: Vec<(String, String)> = files
            .iter()
            .map(|path| input::small_text(path).map(|text| (shown(path), text)))
            .collect::<Result<_, _>>()?;
        let named = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        Parsers::built_in().with(named).map_err(refused)
    }
}

/// The files of a directory that are parsers, by their names.
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
        let hint = "give the directory whose files end in .json, or one file";
        return Err(
            CliError::unusable("parsers.none", "there is no parser in it", hint).within(&shown(directory))
        );
    }
    Ok(files)
}

/// That no parser knew the shape of so many events, and what follows from that.
pub(crate) fn unknown_shapes(events: u64, so: &str) -> String {
    let have = if events == 1 { "event here has" } else { "events here have" };
    format!(
        "{events} {have} a shape that no parser knows, so {so}. You can write a parser of your own: --parsers, \
         docs/parsers.md"
    )
}

fn refused(why: ParserError) -> CliError {
    let Diagnostic { code, file, member, message, hint, .. } = why.into();
    let message = member.map_or_else(|| message.clone(), |member| format!("member {member:?}: {message}"));
    CliError::unusable(code, message, hint.unwrap_or_default()).within(&file.unwrap_or_default())
}
