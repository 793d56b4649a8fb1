//! Command lines in messages: an npm user runs this program as `npx countersign`.

#[cfg(not(feature = "native"))]
use std::borrow::Cow;

#[cfg(any(not(feature = "native"), test))]
const NAME: &str = "countersign ";
#[cfg(any(not(feature = "native"), test))]
const NPX: &str = "npx ";

/// Returns the text with command lines that the user can run.
#[cfg(feature = "native")]
pub(crate) fn runnable(text: &str) -> &str {
    text
}

/// Returns the text with command lines that the user can run. Commands that only the native program has stay the same.
#[cfg(not(feature = "native"))]
pub(crate) fn runnable(text: &str) -> Cow<'_, str> {
    use clap::CommandFactory as _;
    if !text.contains(NAME) {
        return Cow::Borrowed(text);
    }
    let program = crate::Cli::command();
    let is_hosted = |command: &str| command == "COMMAND" || program.find_subcommand(command).is_some();
    Cow::Owned(with_npx(text, is_hosted))
}

/// Prefixes command lines with `npx` if it has the command.
#[cfg(any(not(feature = "native"), test))]
fn with_npx(text: &str, is_hosted: impl Fn(&str) -> bool) -> String {
    let mut parts = text.split(NAME);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let command: &str = part.split(|char: char| !char.is_ascii_alphanumeric()).next().unwrap_or_default();
        let begins = !result.ends_with(|char: char| char.is_alphanumeric() || "-_./@".contains(char));
        if begins && is_hosted(command) && !result.ends_with(NPX) {
            result.push_str(NPX);
        }
        result.push_str(NAME);
        result.push_str(part);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_only_command_lines_of_the_npm_package() {
        for (text, expected) in [
            ("run `countersign verify` for details", "run `npx countersign verify` for details"),
            ("Examples:\n  countersign verify a", "Examples:\n  npx countersign verify a"),
            ("LOG=$(countersign verify a)", "LOG=$(npx countersign verify a)"),
            ("run `npx countersign verify`", "run `npx countersign verify`"),
            ("run `countersign serve`", "run `countersign serve`"),
            ("other-countersign verify", "other-countersign verify"),
            ("countersign", "countersign"),
        ] {
            assert_eq!(with_npx(text, |command| command == "verify"), expected);
        }
    }
}
