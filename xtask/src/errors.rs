//! `cargo xtask errors`: writes the reference of errors, `docs/errors.md`, from the sources.

mod findings;
mod page;
mod scan;
mod source;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::run::{self, Log};
use crate::tools::Tools;
use scan::{Faults, Scan};
use source::Source;

pub(crate) use source::without_tests;

/// The reference.
const PAGE: &str = "docs/errors.md";

/// Writes the reference.
pub(crate) fn run(tools: &Tools) -> Result<()> {
    Ok(fs::write(tools.path(PAGE), reference(tools)?.text)?)
}

/// Fails if the reference is stale, and returns a summary.
pub(crate) fn test(tools: &Tools, _log: &Log) -> Result<String> {
    let page::Page { text, codes } = reference(tools)?;
    let written = fs::read_to_string(tools.path(PAGE)).context(PAGE)?;
    ensure!(text == written, "{PAGE} is stale: run `cargo xtask errors`, and read what changed");
    Ok(format!("{codes} codes"))
}

/// Returns the number of codes.
pub(crate) fn count(tools: &Tools) -> Result<usize> {
    Ok(reference(tools)?.codes)
}

fn reference(tools: &Tools) -> Result<page::Page> {
    let sources = sources(tools)?;
    let mut codes = BTreeMap::new();
    let mut meanings = BTreeMap::new();
    for source in sources.iter().filter(|source| source.path.ends_with("src/error.rs")) {
        codes.extend(
            source
                .variants()
                .into_iter()
                .map(|(variant, code)| ((source.folder().to_owned(), variant), code)),
        );
    }
    for source in sources
        .iter()
        .filter(|source| source.path.ends_with("src/error.rs") || source.path.ends_with("src/error.ts"))
    {
        meanings.extend(source.meanings());
    }
    let faults: Faults = Scan::new(&sources, &codes).faults();
    Ok(page::render(&faults, &meanings, &findings::findings(&sources)))
}

/// Reads all code of the product.
fn sources(tools: &Tools) -> Result<Vec<Source>> {
    let read = |path: String| {
        let text = fs::read_to_string(tools.path(&path)).with_context(|| path.clone())?;
        Ok(Source::new(&path, &text))
    };
    paths(tools)?.into_iter().map(read).collect()
}

/// Returns the paths of all code of the product, without tests.
fn paths(tools: &Tools) -> Result<Vec<String>> {
    let mut list = Command::new("git");
    list.args(["ls-files", "--", "src/*.rs", "crates/*/src/*.rs", "js/packages/*/src/*.ts"])
        .current_dir(tools.path(""));
    let list = run::output(&mut list)?;
    let paths = list.lines().filter(|path| !path.ends_with("/tests.rs") && !path.contains("/tests/"));
    Ok(paths.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The text before a code where an error is created. It is independent of the scan.
    const CREATIONS: [&str; 8] = [
        "CliError::unusable(",
        "EngineError::new(",
        "AnalyzeError::new(",
        "DeliveryError::outbox(",
        ".fault(",
        "StatusCode::",
        "new CountersignError(",
        "code: ",
    ];

    /// Returns the codes that directly follow one of the creations.
    fn created(text: &str) -> BTreeSet<&str> {
        let text = source::without_tests(text);
        let after = |creation: &&'static str| text.split(*creation).skip(1);
        CREATIONS
            .iter()
            .flat_map(after)
            .filter_map(|rest| {
                let rest = rest.trim_start_matches(|char: char| {
                    char.is_ascii_uppercase() || matches!(char, '_' | ',') || char.is_whitespace()
                });
                let (code, _) = rest.strip_prefix('"')?.split_once('"')?;
                scan::is_code(code).then_some(code)
            })
            .collect()
    }

    #[test]
    fn every_code_is_listed_with_a_message() -> Result<()> {
        let tools = Tools::new()?;
        let page = reference(&tools)?.text;
        let mut sections = BTreeMap::new();
        for section in page.split("\n### ").skip(1) {
            let (heading, body) = section.split_once('\n').unwrap_or((section, ""));
            let code = heading.split('`').nth(1).unwrap_or_default();
            assert!(sections.insert(heading, body).is_none(), "{heading} is there twice");
            assert!(body.trim().chars().any(char::is_alphabetic), "{code} has no message");
        }
        let listed: BTreeSet<&str> =
            sections.keys().filter_map(|heading| heading.split('`').nth(1)).collect();
        for text in page.lines().filter_map(|line| line.trim_start().strip_prefix("- ")) {
            let is_fragment = text != text.trim() || text.contains("\\u{");
            assert!(!is_fragment, "{text:?} is not a whole message");
        }
        let (mut found, mut missing) = (BTreeSet::new(), Vec::new());
        for path in paths(&tools)? {
            let text = fs::read_to_string(tools.path(&path))?;
            for code in created(&text) {
                found.insert(code.to_owned());
                if !listed.contains(code) {
                    missing.push(format!("{path}: {code}"));
                }
            }
        }
        assert!(found.len() > 150, "only {} codes were found", found.len());
        assert!(missing.is_empty(), "not in the reference:\n{}", missing.join("\n"));
        Ok(())
    }
}
