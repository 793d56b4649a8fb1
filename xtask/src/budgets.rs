//! The size of the code and of its surface, compared with `budgets.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::language::lexer::{self, Kind, Language, Token};
use crate::run::{self, Log};
use crate::tools::Tools;

/// The budgets.
const FILE: &str = "budgets.toml";

/// The start of the file.
const HEAD: &str = "\
# The largest size that each part may have. `cargo xtask test budgets` fails above it. A change that needs more says in its
# commit what it buys and what leaves. `cargo xtask budgets` prints the sizes of today.
#
# lines: lines of code, without tests, comments, and blank lines. public: items that other crates can use.
# dependencies: direct ones.
";

/// The sizes of all parts, or the largest that they may have.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    whole: Whole,
    crates: BTreeMap<String, CrateSize>,
    packages: BTreeMap<String, PackageSize>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    rust_lines: u64,
    typescript_lines: u64,
    /// Third-party crates in Cargo.lock.
    third_party_crates: u64,
    /// Different options in the reference of the command line.
    options: u64,
    error_codes: u64,
    /// Names of formats with a version, such as `export/v1`.
    formats: u64,
    /// Words in docs/, without what is generated.
    words: u64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CrateSize {
    lines: u64,
    public: u64,
    dependencies: u64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageSize {
    lines: u64,
    dependencies: u64,
}

/// The options of `cargo xtask budgets`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Replace budgets.toml by the sizes of today and 10 % more
    #[arg(long)]
    reset: bool,
}

/// Prints the sizes of today, in the format of the budgets, or makes new budgets.
pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    let mut budgets = sizes(tools)?;
    if !args.reset {
        print!("{}", toml::to_string(&budgets)?);
        return Ok(());
    }
    budgets.figures_mut().into_iter().for_each(|(_, figure)| *figure += figure.div_ceil(10));
    Ok(fs::write(tools.path(FILE), format!("{HEAD}\n{}", toml::to_string(&budgets)?))?)
}

/// Fails if a size is above its budget, and returns a summary.
pub(crate) fn test(tools: &Tools, _log: &Log) -> Result<String> {
    let text = fs::read_to_string(tools.path(FILE)).context(FILE)?;
    let (mut budgets, mut sizes): (Sizes, Sizes) = (toml::from_str(&text).context(FILE)?, sizes(tools)?);
    let (rust, typescript) = (sizes.whole.rust_lines, sizes.whole.typescript_lines);
    let budgets: BTreeMap<String, u64> =
        budgets.figures_mut().into_iter().map(|(name, figure)| (name, *figure)).collect();
    let mut problems = String::new();
    let mut known = BTreeSet::new();
    for (name, size) in sizes.figures_mut() {
        match budgets.get(&name) {
            None => _ = writeln!(problems, "{name} is {size} and has no budget"),
            Some(budget) if *size > *budget => _ = writeln!(problems, "{name} is {size}, above {budget}"),
            Some(_) => {}
        }
        known.insert(name);
    }
    for name in budgets.keys().filter(|name| !known.contains(*name)) {
        _ = writeln!(problems, "{name} has a budget, but doesn't exist");
    }
    ensure!(problems.is_empty(), "{FILE}:\n{problems}");
    Ok(format!("{rust} lines of Rust, {typescript} of TypeScript"))
}

impl Sizes {
    /// Returns each figure with its name.
    fn figures_mut(&mut self) -> Vec<(String, &mut u64)> {
        let Whole { rust_lines, typescript_lines, third_party_crates, options, error_codes, formats, words } =
            &mut self.whole;
        let mut figures: Vec<(String, &mut u64)> = vec![
            ("rust_lines".into(), rust_lines),
            ("typescript_lines".into(), typescript_lines),
            ("third_party_crates".into(), third_party_crates),
            ("options".into(), options),
            ("error_codes".into(), error_codes),
            ("formats".into(), formats),
            ("words".into(), words),
        ];
        for (name, CrateSize { lines, public, dependencies }) in &mut self.crates {
            figures.push((format!("lines of {name}"), lines));
            figures.push((format!("public items of {name}"), public));
            figures.push((format!("dependencies of {name}"), dependencies));
        }
        for (name, PackageSize { lines, dependencies }) in &mut self.packages {
            figures.push((format!("lines of {name}"), lines));
            figures.push((format!("dependencies of {name}"), dependencies));
        }
        figures
    }
}

fn sizes(tools: &Tools) -> Result<Sizes> {
    let mut sizes = Sizes::default();
    let mut formats = BTreeSet::new();
    for path in files(tools, &["*.rs", "js/packages/*/src/*.ts", "www/*.ts"])? {
        if is_test(&path) {
            continue;
        }
        let text = fs::read_to_string(tools.path(&path)).with_context(|| path.clone())?;
        let language = Language::from_path(Path::new(&path));
        let mut tokens = lexer::tokens(errors::without_tests(&text), language);
        tokens.retain(|token| !matches!(token.kind, Kind::Comment | Kind::Doc));
        formats.extend(tokens.iter().filter_map(format_name).map(str::to_owned));
        let (lines, part) = (count_lines(&tokens), part_of(&path));
        if language == Language::Rust {
            let size = sizes.crates.entry(part).or_default();
            size.lines += lines;
            size.public += count_public(&tokens);
            sizes.whole.rust_lines += lines;
        } else {
            sizes.packages.entry(part).or_default().lines += lines;
            sizes.whole.typescript_lines += lines;
        }
    }
    for (name, size) in &mut sizes.crates {
        let manifest = if name == "core" { "Cargo.toml".to_owned() } else { format!("{name}/Cargo.toml") };
        size.dependencies = count_dependencies(&toml::from_str(&fs::read_to_string(tools.path(&manifest))?)?);
    }
    for (name, size) in &mut sizes.packages {
        let manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(tools.path(&format!("{name}/package.json")))?)?;
        size.dependencies = manifest["dependencies"].as_object().map_or(0, |all| all.len() as u64);
    }
    let lock: toml::Table = toml::from_str(&fs::read_to_string(tools.path("Cargo.lock"))?)?;
    let packages =
        lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock has no package")?;
    sizes.whole.third_party_crates = packages.iter().filter(|of| of.get("source").is_some()).count() as u64;
    sizes.whole.options = count_options(&fs::read_to_string(tools.path("docs/command-line.md"))?);
    sizes.whole.error_codes = errors::count(tools)? as u64;
    sizes.whole.formats = formats.len() as u64;
    for path in files(tools, &["docs/*.md"])? {
        if !["docs/errors.md", "docs/command-line.md"].contains(&&*path) {
            sizes.whole.words += fs::read_to_string(tools.path(&path))?.split_whitespace().count() as u64;
        }
    }
    Ok(sizes)
}

fn files(tools: &Tools, patterns: &[&str]) -> Result<Vec<String>> {
    let mut list = Command::new("git");
    list.args(["ls-files", "--"]).args(patterns).current_dir(tools.path(""));
    Ok(run::output(&mut list)?.lines().map(str::to_owned).collect())
}

/// True for files of tests, benchmarks' rivals, and examples.
fn is_test(path: &str) -> bool {
    let is_folder = |name: &str| path.starts_with(&format!("{name}/")) || path.contains(&format!("/{name}/"));
    ["tests", "test", "examples", "fuzz_targets", "node_modules"].into_iter().any(is_folder)
        || path.ends_with("/tests.rs")
        || path.ends_with(".test.ts")
}

/// Returns the folder of the crate or package that a file belongs to.
fn part_of(path: &str) -> String {
    let folders: Vec<&str> = path.split('/').collect();
    match folders[..] {
        ["src", ..] | ["build.rs"] => "core".into(),
        ["crates", name, ..] => format!("crates/{name}"),
        ["js", "packages", name, ..] => format!("js/packages/{name}"),
        ["xtask", "wasm-tools", ..] => "xtask/wasm-tools".into(),
        [first, ..] => first.into(),
        [] => String::new(),
    }
}

/// Counts lines that a token begins on, or a string reaches.
fn count_lines(tokens: &[Token]) -> u64 {
    let lines = tokens.iter().flat_map(|token| token.line..=token.line + token.text.matches('\n').count());
    lines.collect::<BTreeSet<_>>().len() as u64
}

/// Counts the items that are public without a restriction.
fn count_public(tokens: &[Token]) -> u64 {
    const ITEMS: [&str; 9] =
        ["fn ", "struct ", "enum ", "trait ", "type ", "const ", "static ", "unsafe", "async"];
    let is_public = |pair: &&[Token]| {
        pair[0].kind == Kind::Name
            && pair[0].text == "pub"
            && ITEMS.iter().any(|item| pair[1].text.starts_with(item) || pair[1].text == item.trim_end())
    };
    tokens.windows(2).filter(is_public).count() as u64
}

/// Returns the name of a format with a version in a string, such as `export/v1`.
fn format_name(token: &Token) -> Option<&str> {
    let text = token.text.split([' ', '\n']).next().filter(|_| token.kind == Kind::String)?;
    let (name, version) = text.rsplit_once("/v")?;
    let is_name = name.starts_with(|char: char| char.is_ascii_lowercase())
        && name.chars().all(|char| char.is_ascii_lowercase() || char == '-' || char == '/');
    (is_name && !version.is_empty() && version.chars().all(|char| char.is_ascii_digit())).then_some(text)
}

/// Counts the direct dependencies in a manifest, of all platforms.
fn count_dependencies(manifest: &toml::Table) -> u64 {
    let names = |table: &toml::Table| -> Vec<String> {
        let dependencies = table.get("dependencies").and_then(toml::Value::as_table);
        dependencies.map(|all| all.keys().cloned().collect()).unwrap_or_default()
    };
    let mut all: BTreeSet<String> = names(manifest).into_iter().collect();
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    for target in targets.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table) {
        all.extend(names(target));
    }
    all.len() as u64
}

/// Counts the different options in the reference of the command line.
fn count_options(reference: &str) -> u64 {
    let is_letter = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    let options = reference
        .split("--")
        .skip(1)
        .map(|rest| rest.split(|char| !is_letter(char)).next().unwrap_or_default().trim_end_matches('-'));
    options
        .filter(|name| name.starts_with(|char: char| char.is_ascii_lowercase()))
        .collect::<BTreeSet<_>>()
        .len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Token> {
        let mut tokens = lexer::tokens(text, Language::Rust);
        tokens.retain(|token| !matches!(token.kind, Kind::Comment | Kind::Doc));
        tokens
    }

    #[test]
    fn counts_code_and_public_items() {
        let tokens = read(
            "//! Docs.\n\n/// Docs.\npub fn a() {}\npub(crate) fn b() {\n    // Why.\n    let c = 1;\n}\npub struct D {\n    \
             pub e: u8,\n}\npub use f::G;\n",
        );
        assert_eq!((count_lines(&tokens), count_public(&tokens)), (8, 2));
    }

    #[test]
    fn finds_names_of_formats() {
        let tokens = read(r#"const A: [&str; 4] = ["export/v1", "countersign/v1 event", "a/b", "v1"];"#);
        let found: Vec<_> = tokens.iter().filter_map(format_name).collect();
        assert_eq!(found, ["export/v1", "countersign/v1"]);
    }

    #[test]
    fn counts_options_once() {
        assert_eq!(count_options("`--trust FILE`, `--trust=FILE`, --no-events. a -- b | --- |"), 2);
    }
}
