//! `countersign rules`: builds, tests and lists detection rules.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use countersign::Diagnostic;
use countersign_analyze::{AnalyzeError, MAX_BYTES, Pack, Sources, cases};
use countersign_query::Parsers;

use crate::arg_groups::OutputArgs;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::Output;
use crate::io::style::{bad, doubt, good, label, plain};
use crate::io::verdict::{self, count};
use crate::io::{style, table};

/// Build, test and list detection rules
///
/// Rules are written in Sigma 2.1, as YAML, one or several per file. They are built into a pack: one JSON file,
/// whose hash is named in every finding. docs/detection.md lists the supported features.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Build(Build),
    Test(Test),
    List(List),
}

/// Check rules and build them into a pack
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign rules build rules/ -o pack.json
  countersign rules build login.yml export.yml > pack.json")]
struct Build {
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    output: OutputArgs,
}

/// Run the test cases next to rules: events on which a rule must fire, and events on which it must not
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign rules test rules/")]
struct Test {
    #[command(flatten)]
    from: From,
}

/// List the rules of a pack
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign rules list
  countersign rules list pack.json")]
struct List {
    /// Rules, or a pack: files, or directories of files that end in .yml, .yaml or .json, or built-in for the rules that
    /// come with the program [default: built-in]
    #[arg(value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
}

/// The sources of rules.
#[derive(clap::Args)]
struct From {
    /// Rules, or a pack: files, or directories of files that end in .yml, .yaml or .json, or built-in for the rules that
    /// come with the program
    #[arg(value_name = "FILE|DIR", required = true)]
    rules: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    match &args.command {
        Command::Build(args) => build(args),
        Command::Test(args) => test(args),
        Command::List(args) => list(args),
    }
}

/// The file name endings of test cases.
const CASES: [&str; 2] = [".cases.yml", ".cases.yaml"];

/// The rules and the test cases in files and directories.
#[derive(Default)]
struct RuleFiles {
    rules: Vec<PathBuf>,
    cases: Vec<PathBuf>,
    /// True if the built-in rules are among them.
    has_built_in: bool,
    /// The directories already read, since links can form loops.
    directories: BTreeSet<PathBuf>,
}

/// The name of the built-in rules in place of a file. A file of that name is `./built-in`.
const BUILT_IN: &str = "built-in";

/// True if this names the built-in rules.
pub(crate) fn is_built_in(path: &Path) -> bool {
    path.as_os_str() == BUILT_IN
}

fn find(paths: &[PathBuf]) -> Result<RuleFiles, CliError> {
    let mut files = RuleFiles::default();
    for path in paths {
        if is_built_in(path) {
            files.has_built_in = true;
        } else if path.is_dir() {
            read_directory(path, &mut files)?;
        } else {
            sort(path.clone(), &mut files);
        }
    }
    if files.rules.is_empty() && files.cases.is_empty() && !files.has_built_in {
        let hint = "pass .yml, .yaml or .json files, or a directory with such files";
        return Err(CliError::unusable("rules.none", "no rules were found", hint));
    }
    Ok(files)
}

/// Reads a directory and its subdirectories, except hidden ones, which Git and container volumes use.
fn read_directory(directory: &Path, files: &mut RuleFiles) -> Result<(), CliError> {
    let failed = |error| CliError::io("read", &shown(directory), &error);
    if !files.directories.insert(directory.canonicalize().map_err(failed)?) {
        return Ok(());
    }
    let entries = std::fs::read_dir(directory).map_err(failed)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    paths.sort();
    for path in paths {
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let ends = path.extension().and_then(|end| end.to_str());
        if path.is_dir() {
            if !is_hidden {
                read_directory(&path, files)?;
            }
        } else if matches!(ends, Some("yml" | "yaml" | "json")) {
            sort(path, files);
        }
    }
    Ok(())
}

fn sort(path: PathBuf, files: &mut RuleFiles) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_cases = CASES.iter().any(|end| name.ends_with(end));
    if is_cases { &mut files.cases } else { &mut files.rules }.push(path);
}

fn read(path: &Path) -> Result<String, CliError> {
    let name = shown(path);
    let failed = |error| CliError::io("read", &name, &error);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_BYTES as u64 {
        let hint = "split it: a rule file may be at most 16 MiB";
        return Err(CliError::unusable("rules.long", "the file is too large", hint).within(&name));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| {
        CliError::unusable("rules.invalid", "the file is not UTF-8", "save it as UTF-8").within(&name)
    })
}

/// Loads the rules in files and directories as one pack; without any, the built-in rules. `built-in` among the paths adds
/// these.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Pack, CliError> {
    if paths.iter().all(|path| is_built_in(path)) {
        return Ok(Pack::built_in());
    }
    pack(&find(paths)?, paths)
}

fn pack(files: &RuleFiles, paths: &[PathBuf]) -> Result<Pack, CliError> {
    let mut sources = Sources::default();
    if files.has_built_in {
        sources.add_built_in();
    }
    for path in &files.rules {
        sources.add(&shown(path), &read(path)?);
    }
    let first = paths
        .iter()
        .find(|path| !is_built_in(path))
        .and_then(|path| path.file_stem())
        .map(|name| name.to_string_lossy().into_owned());
    sources.build(first.as_deref().unwrap_or("rules")).map_err(|mut errors| {
        // Errors about the whole pack belong to this file.
        let about = files.rules.iter().find(|path| path.file_stem().is_some_and(|name| name == "pack"));
        if let Some(path) = about.or(files.rules.first().filter(|_| files.rules.len() == 1)) {
            errors
                .iter_mut()
                .filter(|error| error.file.is_none())
                .for_each(|error| error.file = Some(shown(path)));
        }
        refused(&errors)
    })
}

/// The maximum number of errors reported.
const MAX_REPORTED: usize = 20;

/// Reports all errors but the last, and returns the last.
pub(crate) fn refused(errors: &[AnalyzeError]) -> CliError {
    let Some((last, before)) = errors.split_last() else {
        return CliError::unusable("rules.invalid", "the rules cannot be used", "correct them");
    };
    // The last error ends the program.
    let reported = before.len().min(MAX_REPORTED - 1);
    for error in &before[..reported] {
        failure(error).report();
    }
    if before.len() > reported {
        style::warn(&count((before.len() - reported) as u64, "more error"));
    }
    failure(last)
}

/// Converts an error for output.
pub(crate) fn failure(error: &AnalyzeError) -> CliError {
    let Diagnostic { code, message, file, line, member, .. } = &**error;
    let of = member.as_ref().map_or_else(String::new, |member| format!("{member}: "));
    let mut failure = CliError::unusable(code, format!("{of}{message}"), error.hint());
    if let Some(line) = line {
        failure = failure.at_line(*line);
    }
    if let Some(file) = file {
        failure = failure.within(file);
    }
    failure
}

fn build(args: &Build) -> Result<ExitStatus, CliError> {
    let pack = load(&args.from.rules)?;
    let mut output = Output::create(args.output.path())?;
    output.write(pack.as_json().as_bytes())?;
    output.write(b"\n")?;
    output.finish()?;
    let rules = count(pack.rules().len() as u64, "rule");
    style::wrote(args.output.path(), &format!("{rules}, pack {} {}", plain(&pack.name), pack.hash()));
    Ok(ExitStatus::Success)
}

fn test(args: &Test) -> Result<ExitStatus, CliError> {
    let files = find(&args.from.rules)?;
    let pack = pack(&files, &args.from.rules)?;
    let parsers = Parsers::built_in();
    let mut out = anstream::stdout().lock();
    let (mut passed, mut failed) = (0u64, 0u64);
    for path in &files.cases {
        let file = shown(path);
        for case in cases::parse(&file, &read(path)?).map_err(|error| failure(&error))? {
            let place = format!("{}:{}", case.place.0, case.place.1);
            let (Some(rule), Some(fired)) = (pack.rule(&case.rule), case.run(&pack, &parsers)) else {
                let message = format!("no rule has the id {}", case.rule);
                let hint = "name the rule by its id, and put the case into the rule's directory";
                return Err(CliError::unusable("case.rule", message, hint)
                    .at_line(u64::from(case.place.1))
                    .within(&file));
            };
            if fired == case.fires {
                passed += 1;
                continue;
            }
            failed += 1;
            let times_text = |times| if times == 1 { "once".to_owned() } else { format!("{times} times") };
            let line = format!(
                "{place}: {}: {}: fires {} instead of {}",
                plain(&rule.title),
                plain(&case.name),
                times_text(fired),
                times_text(case.fires)
            );
            let _ = writeln!(out, "{} {line}", bad("✗"));
            let future = case.future(&pack, &parsers);
            if let Some((number, first)) = future.filter(|_| rule.is_about_several()) {
                let events = count(number, "event");
                let value = format_args!(
                    "! {events} of the case state a time later than their recording, the first at {first}. Rules over \
                     several events ignore them. Set `at` to that time or later."
                );
                let _ = writeln!(out, "  {}", doubt(value));
            }
        }
    }
    let text = format!("{}, {} passed", count(pack.rules().len() as u64, "rule"), count(passed, "case"));
    if failed == 0 {
        let _ = writeln!(out, "{} {text}", good("✓"));
        return Ok(ExitStatus::Success);
    }
    let _ = writeln!(out, "{} {text}, {failed} failed", bad("✗"));
    Ok(ExitStatus::Broken)
}

fn list(args: &List) -> Result<ExitStatus, CliError> {
    let pack = load(&args.rules)?;
    let mut text = String::new();
    let _ = writeln!(text, "{} {} {}", label("pack:"), plain(&pack.name), pack.hash());
    let mut table = table::new(["LEVEL", "RULE", "TITLE", "TAGS"]);
    for rule in pack.rules() {
        table.add_row([
            rule.level.as_str().to_owned(),
            plain(&rule.id),
            plain(&rule.title),
            plain(&rule.tags.join(" ")),
        ]);
    }
    text += &table::text(&table);
    verdict::print(&text)?;
    Ok(ExitStatus::Success)
}
