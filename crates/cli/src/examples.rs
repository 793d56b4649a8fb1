//! Wraps the examples in help texts so that they can be pasted into a shell.

use clap::Command;

use crate::invocation::runnable;

/// The longest line that clap doesn't wrap; a wrapped example would end the command too early.
const WIDTH: usize = 78;
/// The indent of an example, and of its continuation lines.
const INDENT: &str = "  ";
const CONTINUATION_INDENT: &str = "    ";

/// Returns the command with the examples of all its subcommands wrapped.
pub(crate) fn wrapped(command: Command) -> Command {
    let help = command.get_after_help().map(|help| wrap_help(&help.to_string()));
    let command = match help {
        Some(help) => command.after_help(help),
        None => command,
    };
    command.mut_subcommands(wrapped)
}

fn wrap_help(help: &str) -> String {
    let help = &*runnable(help);
    let lines: Vec<String> = help.lines().map(wrap_line).collect();
    lines.join("\n")
}

fn wrap_line(line: &str) -> String {
    let Some(example) = line.strip_prefix(INDENT).filter(|_| line.chars().count() > WIDTH) else {
        return line.to_owned();
    };
    match example.split_once(" # ") {
        Some((command, comment)) => {
            let (command, comment) = (command.trim_end(), comment.trim());
            let both = format!("{INDENT}{command} # {comment}");
            let is_short = both.chars().count() <= WIDTH;
            if is_short { both } else { format!("{INDENT}# {comment}\n{}", wrap_command(command)) }
        }
        None => wrap_command(example),
    }
}

/// Wraps a command with backslashes.
fn wrap_command(command: &str) -> String {
    let (mut text, mut width) = (INDENT.to_owned(), INDENT.len());
    for (nth, word) in words(command).into_iter().enumerate() {
        let more = word.chars().count();
        if nth > 0 && width + 1 + more + " \\".len() > WIDTH {
            text.push_str(" \\\n");
            text.push_str(CONTINUATION_INDENT);
            width = CONTINUATION_INDENT.len();
        } else if nth > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(&word);
        width += more;
    }
    text
}

/// Splits a command at spaces outside of quotes. An option stays with its value if they fit on one line.
fn words(command: &str) -> Vec<String> {
    let mut quote = None;
    let between = |char: char| {
        match (quote, char) {
            (None, '\'' | '"') => quote = Some(char),
            (Some(begun), _) if begun == char => quote = None,
            _ => {}
        }
        char == ' ' && quote.is_none()
    };
    let mut words: Vec<String> = Vec::new();
    for word in command.split(between).filter(|word| !word.is_empty()) {
        match words.last_mut() {
            Some(option)
                if option.starts_with('-')
                    && !option.contains(' ')
                    && !word.starts_with('-')
                    && option.chars().count() + word.chars().count()
                        < WIDTH - CONTINUATION_INDENT.len() - " \\".len() =>
            {
                option.push(' ');
                option.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_only_long_examples() {
        let short = "Examples:\n  countersign keygen example.com --out issuer.key      # an issuer's key";
        assert_eq!(wrap_help(short), short);
        let long = "  countersign export --dir https://log.example --query 'action:job.* outcome:failure since:-7d' -o jobs.ndjson";
        assert_eq!(
            wrap_help(long),
            "  countersign export --dir https://log.example \\\n    --query 'action:job.* outcome:failure since:-7d' -o jobs.ndjson"
        );
        let noted = "  countersign fsck --store s3://audit-logs/app --dir /var/lib/countersign # and a server's index of them";
        assert_eq!(
            wrap_help(noted),
            "  # and a server's index of them\n  countersign fsck --store s3://audit-logs/app --dir /var/lib/countersign"
        );
    }
}
