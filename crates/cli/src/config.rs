//! The option `--config`: reads options from a TOML file.
//!
//! Options of the file are appended to the command line, so both have the same meaning and the same checks. An option
//! on the command line replaces all values of the same option in the file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::de::{DeTable, DeValue};

use crate::errors::{CliError, shown};
use crate::io::input;

/// The name of the option itself.
const OPTION: &str = "config";
/// Options that are only for a single start, by a deliberate decision.
const COMMAND_LINE_ONLY: [&str; 3] = [OPTION, "after-restore", "help"];

/// Parses the command line, together with the options of the file if `--config` is given.
pub(crate) fn matches(command: &Command) -> Result<ArgMatches, CliError> {
    let args: Vec<OsString> = std::env::args_os().collect();
    // Ignores errors: what is missing or wrong may be in the file.
    let preliminary = command.clone().ignore_errors(true).try_get_matches_from(&args).ok();
    let Some((name, path, preliminary)) = preliminary.as_ref().and_then(|preliminary| {
        let (name, preliminary) = preliminary.subcommand()?;
        let path: &PathBuf = preliminary.try_get_one(OPTION).ok()??;
        Some((name, path, preliminary))
    }) else {
        return Ok(command.clone().get_matches_from(args));
    };
    let text = input::small_text(path)?;
    let file = File { path, text: &text, command, name };
    let mut all = args.clone();
    for entry in file.entries()? {
        if preliminary.value_source(entry.id) != Some(ValueSource::CommandLine) {
            all.extend(entry.args.into_iter().map(OsString::from));
        }
    }
    match command.clone().try_get_matches_from(&all) {
        Ok(matches) => Ok(matches),
        Err(error) => {
            // If the command line alone causes the same error or asks for help, report it as if there were no
            // file.
            let alone = command.clone().try_get_matches_from(&args).err();
            let same = alone.filter(|alone| alone.kind() == error.kind());
            let elsewhere = same.is_none_or(|alone| alone.to_string() != error.to_string());
            match file.line_of(&error).filter(|_| elsewhere) {
                Some(line) => Err(file.refuse(line, &brief(&error), "see `countersign serve --help`")),
                None => error.exit(),
            }
        }
    }
}

/// Returns clap's message without usage and hints.
fn brief(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
    command: &'a Command,
    /// The name of the subcommand.
    name: &'a str,
}

/// An option of the file.
struct Entry<'a> {
    id: &'a str,
    args: Vec<String>,
}

impl<'a> File<'a> {
    fn refuse(&self, line: u64, message: &str, hint: &str) -> CliError {
        CliError::unusable("config.invalid", message, hint).at_line(line).within(&shown(self.path))
    }

    /// Returns the 1-based line of a byte position in the text.
    fn line(&self, at: usize) -> u64 {
        let before = self.text.get(..at).unwrap_or(self.text);
        1 + before.matches('\n').count() as u64
    }

    fn table(&self) -> Result<DeTable<'a>, CliError> {
        DeTable::parse(self.text).map(toml::Spanned::into_inner).map_err(|error| {
            let line = self.line(error.span().map_or(0, |span| span.start));
            let hint = "write one option per line in TOML, such as listen = \"127.0.0.1:8080\"";
            self.refuse(line, error.message(), hint)
        })
    }

    fn options(&self) -> impl Iterator<Item = &'a Arg> {
        let command = self.command.find_subcommand(self.name).unwrap_or(self.command);
        command
            .get_arguments()
            .filter(|arg| arg.get_long().is_some_and(|long| !COMMAND_LINE_ONLY.contains(&long)))
    }

    fn entries(&self) -> Result<Vec<Entry<'a>>, CliError> {
        let table = self.table()?;
        let mut entries = Vec::new();
        for (key, value) in &table {
            let (name, line) = (key.get_ref().as_ref(), self.line(key.span().start));
            let Some(option) = self.options().find(|option| option.get_long() == Some(name)) else {
                return Err(self.unknown(name, line));
            };
            let args = args(option, name, value.get_ref()).map_err(|expected| {
                let message = format!("{name} must be {expected}, not a TOML {}", value.get_ref().type_str());
                self.refuse(self.line(value.span().start), &message, "see `countersign serve --help`")
            })?;
            entries.push(Entry { id: option.get_id().as_str(), args });
        }
        Ok(entries)
    }

    fn unknown(&self, name: &str, line: u64) -> CliError {
        if COMMAND_LINE_ONLY.contains(&name) {
            let message = format!("{name} is only allowed on the command line");
            return self.refuse(line, &message, "remove it from the file");
        }
        let message = format!("the option --{} is unknown", name.escape_debug());
        let hint = match self.suggestion(name) {
            Some(option) => format!("use {option}"),
            None => format!("use the option names listed by `countersign {} --help`", self.name),
        };
        self.refuse(line, &message, &hint)
    }

    /// Returns the option with the most similar name, as clap would suggest.
    fn suggestion(&self, name: &str) -> Option<String> {
        let dashed = name.replace('_', "-");
        if self.options().any(|option| option.get_long() == Some(&dashed)) {
            return Some(dashed);
        }
        let args = [self.command.get_name(), self.name, &format!("--{dashed}")];
        let error = self.command.clone().try_get_matches_from(args).err()?;
        let suggested =
            error.get(ContextKind::SuggestedArg).filter(|_| error.kind() == ErrorKind::UnknownArgument);
        match suggested? {
            ContextValue::String(option) => Some(option.trim_start_matches('-').to_owned()),
            _ => None,
        }
    }

    /// Returns the line of the option that an error is about, if it is in the file.
    fn line_of(&self, error: &clap::Error) -> Option<u64> {
        let (ContextValue::String(about), table) = (error.get(ContextKind::InvalidArg)?, self.table().ok()?)
        else {
            return None;
        };
        let name = about.trim_start_matches('-').split([' ', '=', '[']).next()?;
        let (key, _) = table.iter().find(|(key, _)| key.get_ref() == name)?;
        Some(self.line(key.span().start))
    }
}

/// Returns the option with its values as arguments, or the expected type as the error.
fn args(option: &Arg, name: &str, value: &DeValue) -> Result<Vec<String>, &'static str> {
    if matches!(option.get_action(), ArgAction::SetTrue) {
        return match value {
            DeValue::Boolean(true) => Ok(vec![format!("--{name}")]),
            DeValue::Boolean(false) => Ok(Vec::new()),
            _ => Err("true or false"),
        };
    }
    let is_list = matches!(option.get_action(), ArgAction::Append);
    let expected = if is_list { "a string or a list of strings" } else { "a string or an integer" };
    let one = |value: &DeValue| match value {
        DeValue::String(text) => Ok(format!("--{name}={text}")),
        DeValue::Integer(number) if number.radix() == 10 => Ok(format!("--{name}={}", number.as_str())),
        _ => Err(expected),
    };
    match value {
        DeValue::Array(values) if is_list => values.iter().map(|value| one(value.get_ref())).collect(),
        value => one(value).map(|arg| vec![arg]),
    }
}
