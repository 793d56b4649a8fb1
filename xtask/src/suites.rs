//! The suites of `cargo xtask test`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::agreement;
use crate::audit;
use crate::bench;
use crate::browser;
use crate::budgets;
use crate::docs;
use crate::engines;
use crate::errors;
use crate::fuzz;
use crate::language;
use crate::modules;
use crate::npm;
use crate::python;
use crate::release;
use crate::run::{self, Log};
use crate::toolchain::TARGET;
use crate::tools::Tools;
use crate::wasm;

/// A suite, and the suites that it can run alongside.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) concurrency: Concurrency,
    /// All files that it depends on, as git patterns, if it is skipped while they don't change; otherwise empty.
    pub(crate) inputs: &'static [&'static str],
    /// Runs the suite, and returns a short summary.
    pub(crate) run: fn(&Tools, &Log) -> Result<String>,
}

/// The suites that a suite can run alongside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concurrency {
    /// Any other suite.
    Any,
    /// Any suite that doesn't use Cargo's target folder for the host.
    NotWithHostBuilds,
    /// Any suite that doesn't use Cargo's target folder for wasm32.
    NotWithWasmBuilds,
    /// Any other suite, at low priority: it mostly compiles, in a separate folder.
    Background,
}

/// The prefix of the summary of a skipped suite; the reason follows.
pub(crate) const SKIPPED: &str = "skipped: ";

/// All suites in the order in which they start: the longest first, so that both workers finish at about the
/// same time.
pub(crate) const SUITES: &[Suite] = &[
    Suite {
        name: "fmt",
        about: "rustfmt agrees with the code",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: fmt,
    },
    Suite {
        name: "modules",
        about: "no large import cycles between modules",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: modules::test,
    },
    Suite {
        name: "js",
        about: "the npm packages, installed in every runtime",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: js,
    },
    Suite {
        name: "rust",
        about: "the core and the program, with doctests",
        concurrency: Concurrency::NotWithHostBuilds,
        inputs: &[],
        run: rust,
    },
    Suite {
        name: "www",
        about: "the page and the console, in Chromium",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: www,
    },
    Suite {
        name: "firefox",
        about: "the page and the viewer, in Firefox",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: firefox,
    },
    Suite {
        name: "clippy",
        about: "no lint warnings",
        concurrency: Concurrency::NotWithHostBuilds,
        inputs: RUST_INPUTS,
        run: clippy,
    },
    Suite {
        name: "oracle",
        about: "detection agrees with rsigma on public rules and events",
        concurrency: Concurrency::Background,
        inputs: &["Cargo.toml", "src", "crates/analyze", "crates/query", "tests/oracle"],
        run: oracle,
    },
    Suite {
        name: "wasm-node",
        about: "the core in WebAssembly, in Node.js",
        concurrency: Concurrency::NotWithWasmBuilds,
        inputs: WASM_INPUTS,
        run: wasm_node,
    },
    Suite {
        name: "examples",
        about: "each example, started as its README describes",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: examples,
    },
    Suite {
        name: "docs-site",
        about: "the docs site: links, search, and accessibility; the reference of the command line",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: docs::test,
    },
    Suite {
        name: "engines",
        about: "exports verified on Dask, Spark, and GNU parallel, and queried by Spark",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: engines::test,
    },
    Suite {
        name: "audit",
        about: "licenses, sources and known vulnerabilities of all crates",
        concurrency: Concurrency::Background,
        inputs: &["*Cargo.toml", "*Cargo.lock", "*package-lock.json", "deny.toml", "xtask/src/audit.rs"],
        run: audit::test,
    },
    Suite {
        name: "fuzz",
        about: "a short run of every fuzz target",
        concurrency: Concurrency::Background,
        inputs: &[
            "Cargo.toml",
            "crates/delivery",
            "crates/errors",
            "crates/files",
            "crates/growth",
            "crates/log",
            "crates/query",
            "crates/slice",
            "docs/query.md",
            "fuzz",
            "src",
            "tests/vectors",
            "xtask/src/fuzz*",
        ],
        run: fuzz::test,
    },
    Suite {
        name: "wasm-browser",
        about: "the core in WebAssembly, in Chromium",
        concurrency: Concurrency::NotWithWasmBuilds,
        inputs: WASM_INPUTS,
        run: wasm_browser,
    },
    Suite {
        name: "interop",
        about: "interoperability with other logs and witnesses, in Go",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: interop,
    },
    Suite {
        name: "doc",
        about: "links in the crates' documentation resolve, and the crates can be packaged",
        concurrency: Concurrency::NotWithHostBuilds,
        inputs: &[],
        run: doc,
    },
    Suite {
        name: "release",
        about: "a release is signed and logged, and verifies",
        concurrency: Concurrency::NotWithHostBuilds,
        inputs: &[],
        run: release::test,
    },
    Suite {
        name: "prose",
        about: "documents, rules, and texts of pages; the tables of BENCHMARKS.md are generated",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: prose,
    },
    Suite {
        name: "language",
        about: "comments, strings, names, and commit subjects",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: language::test,
    },
    Suite {
        name: "errors",
        about: "the reference of errors is up to date",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: errors::test,
    },
    Suite {
        name: "budgets",
        about: "the code and its surface are within their budgets",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: budgets::test,
    },
    Suite {
        name: "agreement",
        about: "parsers agree with public sets of events, if AGREEMENT_SETS names their folder",
        concurrency: Concurrency::NotWithHostBuilds,
        inputs: &[],
        run: agreement::test,
    },
    Suite {
        name: "sizes",
        about: "each artifact is within its budget",
        concurrency: Concurrency::Any,
        inputs: &[],
        run: sizes,
    },
];

/// The files that lints of Rust code depend on.
const RUST_INPUTS: &[&str] =
    &["*.rs", "*Cargo.toml", "*Cargo.lock", ".cargo", "clippy.toml", "rust-toolchain.toml", "rustfmt.toml"];

/// The files that the core's tests in WebAssembly depend on.
const WASM_INPUTS: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "crates/slice",
    "src",
    "tests/*.txt",
    "tests/data",
    "tests/portable",
    "tests/testsuite",
    "tests/vectors",
    "xtask/wasm-tools",
];

/// All packages except xtask. If xtask were built together with them, its dependencies would get other
/// features, and be built twice.
pub(crate) const PRODUCT: [&str; 5] = ["--workspace", "--exclude", "xtask", "--exclude", "xtask-wasm-tools"];

/// Arranges for the program to be built as these suites need it.
pub(crate) fn prepare(tools: &Tools, suites: &[&Suite]) {
    if suites.iter().any(|suite| suite.name == "rust") {
        tools.build_program_with_tests();
    }
}

/// The folders with TypeScript or JavaScript code.
const PACKAGES: [&str; 4] = ["js", "www", "examples", docs::FOLDER];

/// Formats all code.
pub(crate) fn format(tools: &Tools) -> Result<()> {
    tools.progress.step("rustfmt", |log| log.run(tools.cargo("fmt").arg("--all")))?;
    for folder in PACKAGES {
        npm::install(tools, folder)?;
        tools.progress.step(&format!("format {folder}"), |log| {
            log.run(tools.node()?.npm(tools, folder).args(["run", "format"]))
        })?;
    }
    if let Some(gofmt) = run::find("gofmt") {
        tools.progress.step("gofmt", |log| {
            log.run(Command::new(gofmt).arg("-w").args(GO_FOLDERS.map(|folder| tools.path(folder))))
        })?;
    }
    Ok(())
}

/// Checks formatting, types, and lints, and stops at the first failure.
pub(crate) fn lint(tools: &Tools) -> Result<()> {
    tools.progress.step("rustfmt", |log| fmt(tools, log))?;
    tools.progress.step("clippy", |log| clippy(tools, log))?;
    tools.js()?;
    for folder in PACKAGES {
        npm::install(tools, folder)?;
        tools.progress.step(&format!("check {folder}"), |log| {
            log.run(tools.node()?.npm(tools, folder).args(["run", "check"]))
        })?;
    }
    Ok(())
}

fn fmt(tools: &Tools, log: &Log) -> Result<String> {
    log.run(tools.cargo("fmt").args(["--all", "--check"]))?;
    Ok(String::new())
}

fn clippy(tools: &Tools, log: &Log) -> Result<String> {
    log.run(tools.cargo("clippy").args(["--workspace", "--all-targets", "--", "-Dwarnings"]))?;
    // The configuration of the smaller artifacts.
    log.run(tools.cargo("clippy").args(["-p", "countersign", "--no-default-features", "--", "-Dwarnings"]))?;
    // The code of all artifacts. Builds of artifacts report what is unused in one of them.
    let mut bindings = wasm_dev(tools.wasm32()?.clippy(tools));
    let features = wasm::features(tools)?;
    log.run(bindings.args(["-p", wasm::BINDINGS, "--lib", "--features", &features, "--", "-Dwarnings"]))?;
    let mut program = wasm_dev(tools.wasi()?.clippy(tools));
    log.run(program.args(["-p", wasm::PACKAGE, wasm::OFFLINE, "--", "-Dwarnings"]))?;
    // No artifact contains this crate yet, but it must keep compiling for wasm32.
    let mut ingest = wasm_dev(tools.wasm32()?.clippy(tools));
    log.run(ingest.args(["-p", "countersign-ingest", "--", "-Dwarnings"]))?;
    Ok(String::new())
}

fn oracle(tools: &Tools, log: &Log) -> Result<String> {
    let manifest = tools.path("tests/oracle/Cargo.toml");
    let target = tools.path("target/oracle");
    log.run(
        tools
            .cargo("test")
            .arg("--locked")
            .arg("--manifest-path")
            .arg(manifest)
            .arg("--target-dir")
            .arg(target),
    )?;
    Ok(String::new())
}

fn rust(tools: &Tools, log: &Log) -> Result<String> {
    // Build before doctests run, which would otherwise be compiled against other libraries than they are
    // linked with.
    tools.program()?;
    npm::install(tools, "tests/oidc")?;
    npm::install(tools, "tests/duckdb")?;
    npm::install(tools, "tests/smtp")?;
    proxies(tools)?;
    python::validators(tools)?;
    let path = tools.node()?.search_path();
    let product = |filter: &[&str]| {
        log.run(tools.cargo("test").args(PRODUCT).arg("--no-fail-fast").args(filter).env("PATH", &path))
    };
    let first = product(&[]);
    let xtask = log.run(tools.cargo("test").args(["-p", "xtask", "--no-fail-fast"]));
    let output = log.text()?;
    let failed = failed_cargo_tests(&output);
    if first.is_ok() || failed.is_empty() || failed.len() > MAX_RETRIED_TESTS {
        return cargo_tested(first.and(xtask), log);
    }
    product(&[&["--", "--exact"], &failed[..]].concat()).with_context(|| cargo_failures(&output))?;
    xtask.with_context(|| cargo_failures(&output))?;
    Ok(format!("{}; FLAKY, passed when they were retried: {}", cargo_counts(&output), failed.join(", ")))
}

/// The maximum number of failing tests to retry, alone. They start programs, and may run out of time on a busy machine.
/// More failures aren't a coincidence.
const MAX_RETRIED_TESTS: usize = 3;

/// Returns the names of the tests that failed, except doctests.
fn failed_cargo_tests(output: &str) -> Vec<&str> {
    let names = output.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    names.filter(|name| !name.contains(' ')).collect()
}

/// Installs proxies and other programs that tests of a log use. If one is missing and `CI` isn't set, the
/// tests report that they were skipped.
fn proxies(tools: &Tools) -> Result<()> {
    let wanted = [
        ("nginx", "nginx-light"),
        ("caddy", "caddy"),
        ("systemd-analyze", "systemd"),
        ("promtool", "prometheus"),
        ("parallel", "parallel"),
        ("rsyslogd", "rsyslog-gnutls"),
        ("curl", "curl"),
        ("jq", "jq"),
    ];
    let is_missing = |(program, _): &(&str, &str)| {
        run::find(program).is_none() && !Path::new("/usr/sbin").join(program).exists()
    };
    let missing: Vec<&str> = wanted.into_iter().filter(is_missing).map(|(_, package)| package).collect();
    if missing.is_empty() || std::env::var_os("CI").is_none() {
        return Ok(());
    }
    tools.progress.step("programs that tests of a log use", |log| run::apt_install(log, &missing))
}

/// The crates that the program consists of.
pub(crate) const PARTS: [&str; 52] = [
    "-p",
    "countersign",
    "-p",
    "countersign-analyze",
    "-p",
    "countersign-client",
    "-p",
    "countersign-controls",
    "-p",
    "countersign-delivery",
    "-p",
    "countersign-dispatch",
    "-p",
    "countersign-errors",
    "-p",
    "countersign-evidence",
    "-p",
    "countersign-feeds",
    "-p",
    "countersign-files",
    "-p",
    "countersign-growth",
    "-p",
    "countersign-index",
    "-p",
    "countersign-ingest",
    "-p",
    "countersign-log",
    "-p",
    "countersign-log-server",
    "-p",
    "countersign-mirror",
    "-p",
    "countersign-monitor",
    "-p",
    "countersign-otel-integrity",
    "-p",
    "countersign-otlp",
    "-p",
    "countersign-parquet",
    "-p",
    "countersign-query",
    "-p",
    "countersign-risk",
    "-p",
    "countersign-slice",
    "-p",
    "countersign-spill",
    "-p",
    "countersign-tls",
    "-p",
    "countersign-watch",
];

fn doc(tools: &Tools, log: &Log) -> Result<String> {
    log.run(tools.cargo("doc").args(PARTS).arg("--no-deps").env("RUSTDOCFLAGS", "-Dwarnings"))?;
    // Don't verify that the packages compile: that would build everything again.
    let mut package = tools.cargo("package");
    package.args(PARTS).args(["-p", "countersign-cli"]);
    log.run(package.args(["--offline", "--allow-dirty", "--no-verify"]))?;
    Ok(String::new())
}

/// The folders with Go code.
const GO_FOLDERS: [&str; 2] = ["benches/tessera", "tests/interop"];

/// The timeout for all Go tests together.
const GO_TIMEOUT: &str = "-timeout=5m";

fn interop(tools: &Tools, log: &Log) -> Result<String> {
    let Some(go) = run::find("go") else {
        if std::env::var_os("CI").is_some() {
            bail!("Go is not installed: install it from https://go.dev/dl");
        }
        return Ok(format!("{SKIPPED}Go is not installed (https://go.dev/dl)"));
    };
    for folder in GO_FOLDERS {
        log.run(Command::new(&go).args(["vet", "./..."]).current_dir(tools.path(folder)))?;
    }
    let unformatted = run::find("gofmt").map(|gofmt| {
        run::output(Command::new(gofmt).arg("-l").args(GO_FOLDERS.map(|folder| tools.path(folder))))
    });
    if let Some(files) = unformatted.transpose()?.filter(|files| !files.is_empty()) {
        bail!("these Go files are not formatted (run `cargo xtask fmt`):\n{files}");
    }
    let mut test = Command::new(go);
    // Go doesn't know about the program under test, so disable its result cache.
    test.args(["test", "-count=1", "-v", GO_TIMEOUT, "./..."])
        .current_dir(tools.path("tests/interop"))
        .env("COUNTERSIGN", tools.program()?);
    log.run(&mut test)?;
    Ok(go_counts(&log.text()?))
}

/// The folder of the prose linter and its rules.
const PROSE: &str = "tests/prose";
/// The texts of the pages, checked in addition to documents.
const TEXTS: [&str; 3] =
    ["js/packages/ui/src/viewer/texts/en.json", "www/src/texts/en.ts", "www/console/texts/en.ts"];

/// Documents, rules, catalogs, and scenarios, as git patterns.
const PROSE_FILES: [&str; 4] =
    ["*.md", "crates/analyze/rules/*.yml", "crates/controls/catalogs/*.yml", "crates/risk/starters/*.yml"];

fn prose(tools: &Tools, log: &Log) -> Result<String> {
    bench::check_document(tools)?;
    npm::install(tools, PROSE)?;
    let mut list = Command::new("git");
    list.arg("ls-files").args(PROSE_FILES).current_dir(tools.path(""));
    let listed = run::output(&mut list)?;
    let documents: Vec<&str> = listed.lines().filter(|file| !file.ends_with(".cases.yml")).collect();
    let files = documents.iter().chain(&TEXTS).map(|file| tools.path(file));
    let mut lint = tools.node()?.node(tools);
    lint.current_dir(tools.path(PROSE)).args(["node_modules/textlint/bin/textlint.js", "--format", "unix"]);
    log.run(lint.args(files))?;
    Ok(format!("{} documents and rule files, {} files of texts", documents.len(), TEXTS.len()))
}

fn wasm_node(tools: &Tools, log: &Log) -> Result<String> {
    let path = tools.node()?.search_path();
    cargo_tested(log.run(wasm_tests(tools)?.arg("--tests").env("PATH", path)), log)
}

fn wasm_browser(tools: &Tools, log: &Log) -> Result<String> {
    let browser = tools.browser()?;
    let mut cargo = wasm_tests(tools)?;
    // A browser has no files.
    cargo.args(["--test", "portable"]);
    cargo_tested(log.run(browser.configure(&mut cargo).env("WASM_BINDGEN_USE_BROWSER", "1")), log)
}

/// Returns the command for the core's unit tests on wasm32. The caller adds other tests.
fn wasm_tests(tools: &Tools) -> Result<Command> {
    let mut cargo = wasm_dev(tools.wasm32()?.cargo(tools, "test"));
    let runner = format!("CARGO_TARGET_{}_RUNNER", TARGET.to_uppercase().replace('-', "_"));
    cargo.env(runner, tools.test_runner()?).env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    cargo.args(["--package", "countersign", "--lib", "--no-fail-fast"]).args(["--features", "js"]);
    Ok(cargo)
}

/// Sets one profile for all suites, so that shared code is built once, and enables the vector instructions
/// that artifacts use.
fn wasm_dev(mut cargo: Command) -> Command {
    cargo
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+simd128")
        // The runner reads each test program whole, and most of it would be debug information.
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_PROFILE_DEV_STRIP", "debuginfo");
    cargo
}

fn sizes(tools: &Tools, _log: &Log) -> Result<String> {
    wasm::check_budgets(&tools.artifacts()?)
}

fn js(tools: &Tools, log: &Log) -> Result<String> {
    tools.js()?;
    postgres(tools)?;
    npm::install(tools, "js/test/package/oldest-node")?;
    npm::install(tools, "js/test/package/frameworks")?;
    npm_test(tools, "js", Some(&tools.program()?), log)
}

/// Installs PostgreSQL from Debian, which tests of the outbox start, if it is missing and `CI` is set.
fn postgres(tools: &Tools) -> Result<()> {
    let is_there = run::find("initdb").is_some()
        || fs::read_dir("/usr/lib/postgresql").is_ok_and(|versions| {
            versions.flatten().any(|version| version.path().join("bin/initdb").exists())
        });
    if is_there || std::env::var_os("CI").is_none() {
        return Ok(());
    }
    tools.progress.step("PostgreSQL", |log| {
        run::apt_install(log, &["postgresql"]).context("PostgreSQL is missing: install Debian's postgresql")
    })
}

fn www(tools: &Tools, log: &Log) -> Result<String> {
    tools.www()?;
    npm::install(tools, "tests/oidc")?;
    npm_test(tools, "www", Some(&tools.program()?), log)
}

fn firefox(tools: &Tools, log: &Log) -> Result<String> {
    let Some(firefox) = browser::firefox(tools)? else {
        return Ok(format!("{SKIPPED}Firefox is not installed (Debian's firefox-esr)"));
    };
    tools.www()?;
    log.run(tools.node()?.npm(tools, "www").args(["run", "test:firefox"]).env("FIREFOX", firefox))?;
    Ok(node_counts(&log.text()?))
}

fn examples(tools: &Tools, log: &Log) -> Result<String> {
    // The attack example opens the auditor's page.
    tools.www()?;
    npm::install(tools, "examples")?;
    npm_test(tools, "examples", Some(&tools.program()?), log)
}

/// Runs the checks and tests of an npm folder. Its tests can run `program`.
pub(crate) fn npm_test(tools: &Tools, folder: &str, program: Option<&Path>, log: &Log) -> Result<String> {
    let node = tools.node()?;
    log.run(node.npm(tools, folder).args(["run", "check"]))?;
    let tested = |script: &str, files: &[&str]| {
        // Skip npm's pre-scripts, which have already run, and would rebuild files that other suites are
        // using.
        let mut npm = node.npm(tools, folder);
        npm.args(["run", script, "--ignore-scripts", "--"]).args(files);
        npm.envs(program.map(|program| ("COUNTERSIGN", program)));
        // Each test file runs in a separate process, and most load the same modules.
        npm.env("NODE_COMPILE_CACHE", tools.path("target/xtask/compile-cache"));
        log.run(tools.browser()?.configure(&mut npm))
    };
    if !RETRIED_FOLDERS.contains(&folder) {
        tested("test", &[])?;
        return Ok(node_counts(&log.text()?));
    }
    let failed_files = tools.path("target/xtask").join(format!("{folder}-failed-files"));
    if failed_files.exists() {
        fs::remove_file(&failed_files)?;
    }
    let Err(failure) = tested("test:ci", &[]) else { return Ok(node_counts(&log.text()?)) };
    let first = log.text()?;
    let files = fs::read_to_string(&failed_files).unwrap_or_default();
    let files: Vec<&str> = files.lines().collect();
    if files.is_empty() || files.len() > MAX_RETRIED_FILES {
        return Err(failure);
    }
    tested("test:files", &files)?;
    Ok(format!(
        "{}; FLAKY, passed when their files were retried: {}",
        node_counts(&first),
        node_failures(&first).join(", ")
    ))
}

/// Folders whose tests drive browsers and several programs at once. If few of their files fail, these files
/// are retried as a whole, and the failed tests are listed as flaky.
const RETRIED_FOLDERS: [&str; 2] = ["js", "www"];
/// The maximum number of failing files to retry. More failures aren't a coincidence.
const MAX_RETRIED_FILES: usize = 3;

/// Returns a summary of cargo's tests, or an error with the failures, which are far from the end of the
/// log.
fn cargo_tested(result: Result<()>, log: &Log) -> Result<String> {
    let output = log.text()?;
    result.with_context(|| cargo_failures(&output))?;
    Ok(cargo_counts(&output))
}

/// Returns the output of cargo's test programs about failed tests.
fn cargo_failures(output: &str) -> String {
    let mut failing = false;
    let of_failures = |line: &&str| {
        failing = (failing || line.trim() == "failures:") && !line.starts_with("test result:");
        failing
    };
    output.lines().filter(of_failures).collect::<Vec<_>>().join("\n")
}

/// Sums up the results in the output of cargo's test programs.
fn cargo_counts(output: &str) -> String {
    let results: Vec<&str> =
        output.lines().filter_map(|line| line.trim().strip_prefix("test result: ")).collect();
    let sum = |what| results.iter().filter_map(|result| count_before(result, what)).sum::<u64>();
    format!("{} passed, {} ignored", sum("passed"), sum("ignored"))
}

/// Sums up the results in the output of Node.js's test runner.
fn node_counts(output: &str) -> String {
    let passed: u64 = output
        .lines()
        .filter_map(|line| {
            line.trim_start_matches(['ℹ', '#', ' ']).strip_prefix("pass ")?.trim().parse::<u64>().ok()
        })
        .sum();
    format!("{passed} passed")
}

/// Returns the names of failed tests in the output of Node.js's test runner.
fn node_failures(output: &str) -> Vec<String> {
    let name = |line: &str| {
        let (name, _time) = line.trim_start().strip_prefix("✖ ")?.rsplit_once(" (")?;
        Some(name.to_owned())
    };
    output.split("✖ failing tests:").next().unwrap_or_default().lines().filter_map(name).collect()
}

/// Sums up the results in the output of Go's tests.
fn go_counts(output: &str) -> String {
    format!("{} passed", output.lines().filter(|line| line.starts_with("--- PASS: ")).count())
}

/// Returns the number before a word: 12 for `12 passed`.
fn count_before(text: &str, word: &str) -> Option<u64> {
    text.split([';', '.']).find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_results_are_summed() {
        let output = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
                      noise\n\
                      test result: ok. 40 passed; 0 failed; 0 ignored; 0 filtered out; finished in 0.02s\n";
        assert_eq!(cargo_counts(output), "43 passed, 1 ignored");
    }

    #[test]
    fn node_failures_are_found() {
        let output = "✔ one (1.2ms)\n▶ group\n  ✖ two (says \"no\") (3.4ms)\nℹ fail 1\n\n✖ failing tests:\n\n✖ two (3.4ms)\n";
        assert_eq!(node_failures(output), ["two (says \"no\")"]);
        assert_eq!(node_failures("✔ one (1.2ms)\nℹ fail 0\n"), [""; 0]);
    }

    #[test]
    fn cargo_failures_are_found() {
        let output = "test one ... FAILED\n\nfailures:\n\n---- one stdout ----\nit panicked\n\nfailures:\n    one\n\n\
                      test result: FAILED. 0 passed; 1 failed; 0 ignored\ntest two ... ok\n";
        assert_eq!(
            cargo_failures(output),
            "failures:\n\n---- one stdout ----\nit panicked\n\nfailures:\n    one\n"
        );
        assert_eq!(cargo_failures("test result: ok. 1 passed; 0 failed\n"), "");
    }

    #[test]
    fn failed_tests_are_named() {
        let output = "test one ... ok\ntest a::two ... FAILED\ntest src/lib.rs - x (line 3) ... FAILED\ntest three - should panic ... ok\n";
        assert_eq!(failed_cargo_tests(output), ["a::two"]);
    }

    #[test]
    fn go_results_are_summed() {
        let output = "=== RUN   TestA\n    --- PASS: TestA/part (0.00s)\n--- PASS: TestA (0.28s)\n--- PASS: TestB (0.1s)\nPASS\n";
        assert_eq!(go_counts(output), "2 passed");
    }

    #[test]
    fn node_results_are_summed() {
        assert_eq!(node_counts("ℹ tests 5\nℹ pass 4\nℹ fail 1\n# pass 3\n"), "7 passed");
    }
}
