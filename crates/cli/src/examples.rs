//! Examples in help, in lines that can be pasted.

use clap::Command;

/// Nothing breaks lines that are so wide: where help does, a shell would end the command.
const WIDTH: usize = 78;
/// How lines of examples begin, and what goes on with them.
const INDENT: &str = "  ";
const MORE_INDENT: &str = "    ";

/// A command whose examples, and those of its subcommands, have no longer lines.
pub(crate) fn pasteable(command: Command) -> Command {
    let help = command.get_after_help().map(|help| broken(&help.to_string()));
    let command = match help {
        Some(help) => command.after_help(help),
        None => command,
    };
    command.mut_subcommands(pasteable)
}

fn broken(help: &str) -> String {
    let lines: Vec<String> = help.lines().map(line).collect();
    lines.join("\n")
}

fn line(line: &str) -> String {
    let Some(example) = line.strip_prefix(INDENT).filter(|_| line.chars().count() > WIDTH) else {
        return line.to_owned();
    };
    match example.split_once(" # ") {
        Some((command, comment)) => {
            let (command, comment) = (command.trim_end(), comment.trim());
            let both = format!("{INDENT}{command} # {comment}");
            let is_short = both.chars().count() <= WIDTH;
            if is_short { both } else { format!("{INDENT}# {comment}\n{}", line_of(command)) }
        }
        None => line_of(example),
    }
}

/// A command in as many lines as it needs, each but the last with what makes a shell read on.
fn line_of(command: &str) -> String {
    let (mut text, mut width) = (INDENT.to_owned(), INDENT.len());
    for (nth, word) in words(command).into_iter().enumerate() {
        let more = word.chars().count();
        if nth > 0 && width + 1 + more + " \\".len() > WIDTH {
            text.push_str(" \\\n");
            text.push_str(MORE_INDENT);
            width = MORE_INDENT.len();
        } else if nth > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(&word);
        width += more;
    }
    text
}

/// What stands between spaces, quoted text whole, and an option with its value where a line has room for both.
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
                        < WIDTH - MORE_INDENT.len() - " \\".len() =>
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
    fn long_examples_are_continued_and_short_ones_stay() {
        let short = "Examples:\n  countersign keygen example.com --out issuer.key      # an issuer's key";
        assert_eq!(broken(short), short);
        let long = "  countersign export --dir https://log.example/audit --query 'action:job.* outcome:failure since:-7d' -o jobs.ndjson";
        assert_eq!(
            broken(long),
            "  countersign export --dir https://log.example/audit \\\n    --query 'action:job.* outcome:failure since:-7d' -o jobs.ndjson"
        );
        let noted = "  countersign fsck --store s3://audit-logs/app --dir /var/lib/countersign # and a server's index of them";
        assert_eq!(
            broken(noted),
            "  # and a server's index of them\n  countersign fsck --store s3://audit-logs/app --dir /var/lib/countersign"
        );
    }
}
