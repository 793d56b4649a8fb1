//! `--config`: flags from a TOML file, by their names.
//!
//! What the file says becomes arguments behind those that were given, so that both mean the same and are checked by the
//! same rules. A flag that was given wins, with all of its values.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::de::{DeTable, DeValue};

use crate::errors::{CliError, shown};
use crate::io::input;

/// The name of the flag itself.
const FLAG: &str = "config";
/// Flags that are for one start, after somebody thought about it.
const ONCE: [&str; 3] = [FLAG, "after-restore", "help"];

/// The arguments of this program, with those of a file where one is given.
pub(crate) fn matches(command: &Command) -> Result<ArgMatches, CliError> {
    let args: Vec<OsString> = std::env::args_os().collect();
    // What is missing or wrong may be in the file.
    let given = command.clone().ignore_errors(true).try_get_matches_from(&args).ok();
    let Some((name, path, given)) = given.as_ref().and_then(|given| {
        let (name, given) = given.subcommand()?;
        let path: &PathBuf = given.try_get_one(FLAG).ok()??;
        Some((name, path, given))
    }) else {
        return Ok(command.clone().get_matches_from(args));
    };
    let text = input::small_text(path)?;
    let file = File { path, text: &text, command, name };
    let mut all = args.clone();
    for entry in file.entries()? {
        if given.value_source(entry.id) != Some(ValueSource::CommandLine) {
            all.extend(entry.args.into_iter().map(OsString::from));
        }
    }
    match command.clone().try_get_matches_from(&all) {
        Ok(matches) => Ok(matches),
        Err(error) => {
            // Where the arguments alone are wrong, or ask for help, that is told as without a file.
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

/// What clap says, without usage and hints.
fn brief(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
    command: &'a Command,
    /// The subcommand.
    name: &'a str,
}

/// One flag of the file.
struct Entry<'a> {
    id: &'a str,
    args: Vec<String>,
}

impl<'a> File<'a> {
    fn refuse(&self, line: u64, message: &str, hint: &str) -> CliError {
        CliError::unusable("config.invalid", message, hint).at_line(line).within(&shown(self.path))
    }

    /// The 1-based line of a place in the text.
    fn line(&self, at: usize) -> u64 {
        let before = self.text.get(..at).unwrap_or(self.text);
        1 + before.matches('\n').count() as u64
    }

    fn table(&self) -> Result<DeTable<'a>, CliError> {
        DeTable::parse(self.text).map(toml::Spanned::into_inner).map_err(|error| {
            let line = self.line(error.span().map_or(0, |span| span.start));
            let hint = "write one option per line, as TOML: listen = \"127.0.0.1:8080\"";
            self.refuse(line, error.message(), hint)
        })
    }

    fn flags(&self) -> impl Iterator<Item = &'a Arg> {
        let command = self.command.find_subcommand(self.name).unwrap_or(self.command);
        command.get_arguments().filter(|arg| arg.get_long().is_some_and(|long| !ONCE.contains(&long)))
    }

    fn entries(&self) -> Result<Vec<Entry<'a>>, CliError> {
        let table = self.table()?;
        let mut entries = Vec::new();
        for (key, value) in &table {
            let (name, line) = (key.get_ref().as_ref(), self.line(key.span().start));
            let Some(flag) = self.flags().find(|flag| flag.get_long() == Some(name)) else {
                return Err(self.unknown(name, line));
            };
            let args = args(flag, name, value.get_ref()).map_err(|wanted| {
                let message = format!("{name} is {wanted}, and not a TOML {}", value.get_ref().type_str());
                self.refuse(self.line(value.span().start), &message, "see `countersign serve --help`")
            })?;
            entries.push(Entry { id: flag.get_id().as_str(), args });
        }
        Ok(entries)
    }

    fn unknown(&self, name: &str, line: u64) -> CliError {
        if ONCE.contains(&name) {
            let message = format!("{name} can only be given on the command line");
            return self.refuse(line, &message, "remove it from the file");
        }
        let message = format!("there is no flag --{}", name.escape_debug());
        let hint = match self.suggestion(name) {
            Some(flag) => format!("did you mean {flag}?"),
            None => format!("use the names of options of `countersign {}`, as listed by --help", self.name),
        };
        self.refuse(line, &message, &hint)
    }

    /// The flag of nearly that name, as clap would say.
    fn suggestion(&self, name: &str) -> Option<String> {
        let dashed = name.replace('_', "-");
        if self.flags().any(|flag| flag.get_long() == Some(&dashed)) {
            return Some(dashed);
        }
        let asked = [self.command.get_name(), self.name, &format!("--{dashed}")];
        let error = self.command.clone().try_get_matches_from(asked).err()?;
        let suggested =
            error.get(ContextKind::SuggestedArg).filter(|_| error.kind() == ErrorKind::UnknownArgument);
        match suggested? {
            ContextValue::String(flag) => Some(flag.trim_start_matches('-').to_owned()),
            _ => None,
        }
    }

    /// The line of the flag that an error is about, if it is in the file.
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

/// A flag with its values as arguments, or else what it is to be.
fn args(flag: &Arg, name: &str, value: &DeValue) -> Result<Vec<String>, &'static str> {
    if matches!(flag.get_action(), ArgAction::SetTrue) {
        return match value {
            DeValue::Boolean(true) => Ok(vec![format!("--{name}")]),
            DeValue::Boolean(false) => Ok(Vec::new()),
            _ => Err("true or false"),
        };
    }
    let is_list = matches!(flag.get_action(), ArgAction::Append);
    let wanted = if is_list { "a text, or a list of texts" } else { "a text or a whole number" };
    let one = |value: &DeValue| match value {
        DeValue::String(text) => Ok(format!("--{name}={text}")),
        DeValue::Integer(number) if number.radix() == 10 => Ok(format!("--{name}={}", number.as_str())),
        _ => Err(wanted),
    };
    match value {
        DeValue::Array(values) if is_list => values.iter().map(|value| one(value.get_ref())).collect(),
        value => one(value).map(|arg| vec![arg]),
    }
}
