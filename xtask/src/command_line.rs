//! `cargo xtask command-line`: writes the reference of the command line, `docs/command-line.md`, from the program's help.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::run::output;
use crate::tools::Tools;

/// The reference.
const PAGE: &str = "docs/command-line.md";
/// The maximum number of columns of the help. It fits the width of a page.
const COLUMNS: &str = "80";
/// clap's own command, which repeats the help of the others.
const HELP: &str = "help";

/// Writes the reference.
pub(crate) fn run(tools: &Tools) -> Result<()> {
    Ok(fs::write(tools.path(PAGE), reference(tools)?)?)
}

/// Fails if the reference is stale, and returns the number of commands.
pub(crate) fn check(tools: &Tools) -> Result<usize> {
    let text = reference(tools)?;
    let written = fs::read_to_string(tools.path(PAGE)).context(PAGE)?;
    ensure!(text == written, "{PAGE} is stale: run `cargo xtask command-line`, and read what changed");
    Ok(text.matches("\n## ").count() - 1)
}

fn reference(tools: &Tools) -> Result<String> {
    let overview = help(tools, &[])?;
    let mut page = format!(
        "# Command line\n\n\
         This is the help of each command of the program, as `countersign COMMAND --help` prints it. \
         `cargo xtask command-line` writes this page.\n\n## Overview\n\n{}",
        block(&overview)
    );
    let mut names = commands(&overview);
    names.sort_unstable();
    ensure!(names.len() > 20, "only {} commands were found in the program's help", names.len());
    for name in names {
        let text = help(tools, &[name])?;
        write!(page, "\n## `countersign {name}`\n\n{}", block(&text))?;
        for part in commands(&text) {
            let text = help(tools, &[name, part])?;
            write!(page, "\n### `countersign {name} {part}`\n\n{}", block(&text))?;
        }
    }
    Ok(page)
}

/// Returns the help of a command.
fn help(tools: &Tools, command: &[&str]) -> Result<String> {
    let mut program = Command::new(tools.program()?);
    program.args(command).arg("--help").env("COLUMNS", COLUMNS).env("NO_COLOR", "1");
    output(&mut program)
}

/// Returns the commands that a help text lists: lines of a name and an explanation, between the usage and the options.
fn commands(help: &str) -> Vec<&str> {
    let (_, rest) = help.split_once("\nUsage: ").unwrap_or_default();
    let lists = rest.split("\nOptions:").next().unwrap_or_default();
    let mut is_list = false;
    let mut names = Vec::new();
    for line in lists.lines().skip(1) {
        if !line.starts_with(' ') && !line.is_empty() {
            is_list = line.ends_with(':') && line != "Arguments:";
        } else if is_list
            && let Some(entry) = line.strip_prefix("  ")
            && let Some((name, _)) = entry.split_once("  ")
            && !name.is_empty()
            && name != HELP
        {
            names.push(name);
        }
    }
    names
}

fn block(text: &str) -> String {
    let mut block = "```text\n".to_owned();
    for line in text.lines() {
        block.push_str(line.trim_end());
        block.push('\n');
    }
    block + "```\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_all_groups() {
        let help = "About\n\nUsage: x <COMMAND>\n\nGet started:\n  init    Create keys\n  dev     Run a log\n          for tests\n\n\
                    Verify:\n  verify  Verify\n  check   Check\n\nOptions:\n  -h, --help\n\nExamples:\n  x init  y\n";
        assert_eq!(commands(help), ["init", "dev", "verify", "check"]);
        let without = "About\n\nUsage: x [FILE]\n\nArguments:\n  [FILE]  A file\n\nOptions:\n  -h\n";
        assert!(commands(without).is_empty());
    }
}
