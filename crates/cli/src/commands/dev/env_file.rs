//! The file with the variables of a log for development, for an app that runs in another terminal.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::secrets::VARIABLES;
use crate::errors::{CliError, shown};
use crate::io::input;
#[cfg(feature = "native")]
use crate::io::output::replace_secret;

/// The line before the variables. It marks them as this program's.
pub(crate) const MARK: &str = "# Written by `countersign dev`, which replaces the variables below.\n";

/// A file such as `.env`, without the variables that an earlier run wrote.
pub(super) struct EnvFile {
    path: PathBuf,
    /// The lines of others, and the mark.
    text: Zeroizing<String>,
}

impl EnvFile {
    /// Reads the file, if it exists. Fails if a line that this program didn't write sets one of the variables.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let existing = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Zeroizing::new(input::small_text(path)?),
            Ok(_) => {
                let hint = "name a file, such as .env";
                return Err(CliError::unusable("io.failed", "not a regular file", hint).within(&shown(path)));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Zeroizing::new(String::new()),
            Err(error) => return Err(CliError::io("read", &shown(path), &error)),
        };
        let text = lines_of_others(&existing).map_err(|(name, line)| {
            let message = format!("line {line} sets {name}, and `countersign dev` did not write that line");
            let hint = "delete the line, or name another file";
            CliError::unusable("io.exists", message, hint).within(&shown(path))
        })?;
        Ok(Self { path: path.to_owned(), text: Zeroizing::new(text + MARK) })
    }

    /// Replaces the file by its lines of others and the variables. Only its owner may read it.
    #[cfg(feature = "native")]
    pub(super) fn write(&self, variables: &[(&'static str, Zeroizing<String>)]) -> Result<(), CliError> {
        let mut text = self.text.clone();
        for (name, value) in variables {
            text.extend([name, "=", value.as_str(), "\n"]);
        }
        // Follows a symbolic link, so that the link stays.
        let destination = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        replace_secret(&destination, text.as_bytes())
    }

    /// Returns the path, and the text that the variables follow.
    #[cfg(not(feature = "native"))]
    pub(super) fn into_parts(self) -> (PathBuf, Zeroizing<String>) {
        (self.path, self.text)
    }
}

/// Returns the text without the mark and the variables below it, or the variable that another line sets, and its
/// number.
fn lines_of_others(text: &str) -> Result<String, (&'static str, usize)> {
    let mut kept = String::new();
    let mut is_below_mark = false;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let variable = variable_of(line);
        if line.trim_end() == MARK.trim_end() {
            is_below_mark = true;
        } else if let Some(name) = variable {
            if !is_below_mark {
                return Err((name, index + 1));
            }
        } else {
            is_below_mark = false;
            kept.push_str(line);
        }
    }
    if !kept.is_empty() && !kept.ends_with('\n') {
        kept.push('\n');
    }
    Ok(kept)
}

/// Returns the variable of a log for development that a line sets.
fn variable_of(line: &str) -> Option<&'static str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, _) = line.split_once('=')?;
    VARIABLES.into_iter().find(|known| *known == name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_others_stay_and_own_variables_go() {
        let own = format!("{MARK}AUDIT_KEY=a\nAUDIT_URL=b\nAUDIT_LOG=c\nCOUNTERSIGN_TOKEN=d\n");
        for (text, kept) in [
            (String::new(), ""),
            ("A=1".to_owned(), "A=1\n"),
            (own.clone(), ""),
            (format!("A=1\n{own}# mine\nB=2\r\n"), "A=1\n# mine\nB=2\r\n"),
            (own.replace('\n', "\r\n"), ""),
            ("# AUDIT_KEY=a\nMY_AUDIT_KEY=b\n".to_owned(), "# AUDIT_KEY=a\nMY_AUDIT_KEY=b\n"),
        ] {
            assert_eq!(lines_of_others(&text).as_deref(), Ok(kept), "{text:?}");
        }
    }

    #[test]
    fn variables_of_others_are_not_replaced() {
        for (text, found) in [
            ("AUDIT_KEY=a\n".to_owned(), ("AUDIT_KEY", 1)),
            ("A=1\n  export AUDIT_URL = a".to_owned(), ("AUDIT_URL", 2)),
            (format!("{MARK}AUDIT_KEY=a\n\nAUDIT_LOG=b\n"), ("AUDIT_LOG", 4)),
        ] {
            assert_eq!(lines_of_others(&text), Err(found), "{text:?}");
        }
    }
}
