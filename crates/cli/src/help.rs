//! Groups the commands in `countersign --help` by task, because clap has no groups of subcommands.

use std::fmt::Write as _;

use clap::Command;

use crate::invocation::runnable;
use crate::io::style::label;

/// A group of commands for one task.
struct Group {
    heading: &'static str,
    commands: &'static [&'static str],
}

/// All visible commands, in the order of the help.
const GROUPS: [Group; 8] = [
    Group { heading: "Get started", commands: &["init", "dev", "completions"] },
    Group { heading: "Record events", commands: &["record", "seal", "outbox"] },
    Group { heading: "Verify", commands: &["verify", "summarize", "receipt", "check", "monitor"] },
    Group { heading: "Search and report", commands: &["show", "report", "inventory", "parsers"] },
    Group {
        heading: "Detect, and show evidence",
        commands: &["analyze", "rules", "watch", "enforce", "risk", "evidence"],
    },
    Group { heading: "Share exports and feeds", commands: &["export", "slice", "feed"] },
    Group {
        heading: "Run a log",
        commands: &["serve", "tenant", "token", "backup", "fsck", "forks", "clock", "witness", "mirror"],
    },
    Group { heading: "Keys and trust", commands: &["keygen", "grant", "revoke"] },
];

/// True if this is a command that only the native program has.
#[cfg(not(feature = "native"))]
pub(crate) fn is_native_only(command: &Command, name: &str) -> bool {
    let is_known = GROUPS.iter().any(|group| group.commands.contains(&name));
    is_known && command.find_subcommand(name).is_none()
}

/// Returns the command with its subcommands grouped in the help.
pub(crate) fn grouped(command: Command) -> Command {
    let mut template = String::from("{before-help}{about-with-newline}\n{usage-heading} {usage}\n");
    let width = command.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or(0);
    for Group { heading, commands } in &GROUPS {
        if !commands.iter().any(|name| command.find_subcommand(name).is_some()) {
            continue;
        }
        let _ = writeln!(template, "\n{}", label(format_args!("{heading}:")));
        for subcommand in commands.iter().filter_map(|name| command.find_subcommand(name)) {
            let name = subcommand.get_name();
            let gap = width - name.len() + 2;
            let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(template, "  {}{:gap$}{about}", literal(name), "");
        }
    }
    let more = "\nRun `countersign COMMAND --help` for the options of a command, with examples.\n";
    template.push_str(&runnable(more));
    let _ = write!(template, "\n{}\n{{options}}{{after-help}}", label("Options:"));
    command.help_template(template)
}

/// Formats a name in the style of the other help pages.
fn literal(name: &str) -> String {
    let style = *crate::io::style::help().get_literal();
    format!("{style}{name}{style:#}")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::Cli;

    #[test]
    fn each_visible_command_is_in_exactly_one_group() {
        let command = Cli::command();
        let mut visible: Vec<&str> = command
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
            .map(Command::get_name)
            .collect();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|group| group.commands).copied().collect();
        visible.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(grouped, visible);
    }

    #[cfg(feature = "native")]
    #[test]
    fn the_npm_package_has_all_commands_that_are_not_native() {
        use clap::Subcommand as _;
        let native = crate::commands::native::Command::augment_subcommands(Command::new("native"));
        let command = Cli::command();
        let names = command.get_subcommands().map(Command::get_name);
        let mut expected: Vec<&str> = names.filter(|name| native.find_subcommand(name).is_none()).collect();
        let mut hosted = crate::invocation::HOSTED.to_vec();
        expected.sort_unstable();
        hosted.sort_unstable();
        assert_eq!(hosted, expected);
    }

    /// The list is not wrapped, so long lines would break it.
    #[test]
    fn lines_fit_a_narrow_terminal() {
        let help = grouped(Cli::command()).render_help().to_string();
        let (_, list) = help.split_once("\nGet started:\n").unwrap();
        let (list, _) = list.split_once("\nOptions:\n").unwrap();
        let wide: Vec<&str> = list.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{wide:?}");
    }
}
