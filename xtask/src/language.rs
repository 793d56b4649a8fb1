//! Checks the language of code: comments, string literals, names, and commit subjects, by `tests/prose/language.toml`.
//!
//! The linter of documents can't read code, so this one finds the comments, strings, and names of Rust and TypeScript.

pub(crate) mod lexer;
mod rules;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::run::{self, Log};
use crate::tools::Tools;
use lexer::{Language, tokens};
use rules::{Rules, subject_complaint};

/// The rules: banned openings, words, and names, and what is exempt from them.
const RULES: &str = "tests/prose/language.toml";
/// The maximum number of printed complaints.
const MAX_PRINTED: usize = 200;

/// Checks all code and the newest commit subjects, and returns a summary.
pub(crate) fn test(tools: &Tools, _log: &Log) -> Result<String> {
    let rules = Rules::parse(&fs::read_to_string(tools.path(RULES))?).context(RULES)?;
    let mut list = Command::new("git");
    list.args(["ls-files", "--", "*.rs", "*.ts", "*.mjs"]).current_dir(tools.path(""));
    let mut complaints = Vec::new();
    let mut files = 0;
    for file in run::output(&mut list)?.lines().filter(|file| !rules.exempts(file)) {
        let language = Language::from_path(Path::new(file));
        let text = fs::read_to_string(tools.path(file)).with_context(|| file.to_owned())?;
        for token in tokens(&text, language) {
            complaints
                .extend(rules.complaints(&token).map(|fault| format!("{file}:{}: {fault}", token.line)));
        }
        files += 1;
    }
    let subjects = subjects(tools, &rules)?;
    complaints.extend(subjects.iter().flatten().filter_map(|subject| subject_complaint(subject)));
    let printed = complaints.iter().take(MAX_PRINTED).cloned().collect::<Vec<_>>().join("\n");
    ensure!(complaints.is_empty(), "{} complaints about language:\n{printed}", complaints.len());
    let subjects = match subjects {
        Some(subjects) => format!("{} commit subjects", subjects.len()),
        None => "no commit subjects, because this clone lacks the history".to_owned(),
    };
    Ok(format!("{files} files, {subjects}"))
}

/// Returns the commit subjects since the newest release, or since the commit that the rules name while there is none.
/// `None` if the clone doesn't have that commit.
fn subjects(tools: &Tools, rules: &Rules) -> Result<Option<Vec<String>>> {
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(args).current_dir(tools.path(""));
        run::output(&mut command)
    };
    let tag = git(&["describe", "--tags", "--abbrev=0", "--match", "v*"]).unwrap_or_default();
    let since = if tag.trim().is_empty() { rules.first_commit() } else { tag.trim() };
    if git(&["cat-file", "-e", &format!("{since}^{{commit}}")]).is_err() {
        return Ok(None);
    }
    let log = git(&["log", "--no-merges", "--format=%s", &format!("{since}..HEAD")])?;
    Ok(Some(log.lines().map(str::to_owned).collect()))
}
