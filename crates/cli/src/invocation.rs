//! Command lines in messages: an npm user runs this program as `npx countersign`.

use std::borrow::Cow;

#[cfg(any(not(feature = "native"), test))]
const NAME: &str = "countersign ";
#[cfg(any(not(feature = "native"), test))]
const NPX: &str = "npx ";

/// The commands of the npm package.
#[cfg(any(not(feature = "native"), test))]
pub(crate) const HOSTED: [&str; 16] = [
    "init",
    "dev",
    "keygen",
    "record",
    "grant",
    "revoke",
    "seal",
    "slice",
    "verify",
    "summarize",
    "receipt",
    "show",
    "analyze",
    "rules",
    "parsers",
    "completions",
];

/// Returns the text with command lines that the user can run.
#[cfg(feature = "native")]
pub(crate) fn runnable(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

/// Returns the text with command lines that the user can run. Commands that only the native program has stay the same.
#[cfg(not(feature = "native"))]
pub(crate) fn runnable(text: &str) -> Cow<'_, str> {
    if text.contains(NAME) { Cow::Owned(with_npx(text)) } else { Cow::Borrowed(text) }
}

/// Prefixes command lines with `npx` if it has the command.
#[cfg(any(not(feature = "native"), test))]
fn with_npx(text: &str) -> String {
    let mut parts = text.split(NAME);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let command = part.split(|char: char| !char.is_ascii_alphanumeric()).next().unwrap_or_default();
        let begins = !result.ends_with(|char: char| char.is_alphanumeric() || "-_./@".contains(char));
        let is_hosted = command == "COMMAND" || HOSTED.contains(&command);
        if begins && is_hosted && !result.ends_with(NPX) {
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
            assert_eq!(with_npx(text), expected);
        }
    }
}
