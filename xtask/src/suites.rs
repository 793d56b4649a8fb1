//! What `cargo xtask test` runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::audit;
use crate::browser;
use crate::fuzz;
use crate::modules;
use crate::npm;
use crate::python;
use crate::release;
use crate::run::{self, Log};
use crate::toolchain::TARGET;
use crate::tools::Tools;
use crate::wasm;

/// One suite: what it runs, and beside what it can.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) beside: Beside,
    /// Runs it, and says in a few words what was tested.
    pub(crate) run: fn(&Tools, &Log) -> Result<String>,
}

/// Beside what a suite can run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Any other.
    Any,
    /// None that uses Cargo's target folder for the machine itself.
    NoneOfHost,
    /// None that uses Cargo's target folder for wasm32.
    NoneOfWasm,
    /// Any other, and it gives way to them: it mostly compiles, in a folder of its own.
    Background,
}

/// What the result of a suite that did not run begins with; the reason follows.
pub(crate) const SKIPPED: &str = "skipped: ";

/// All suites, in the order in which they are begun: the longest first, so that the two halves
/// of the machine finish together.
pub(crate) const SUITES: &[Suite] = &[
    Suite { name: "fmt", about: "rustfmt agrees with the code", beside: Beside::Any, run: fmt },
    Suite {
        name: "modules",
        about: "no modules import each other in large circles",
        beside: Beside::Any,
        run: modules::test,
    },
    Suite { name: "js", about: "the npm package, installed in every runtime", beside: Beside::Any, run: js },
    Suite {
        name: "rust",
        about: "the core and the program, with doctests",
        beside: Beside::NoneOfHost,
        run: rust,
    },
    Suite { name: "www", about: "the page and the console, in Chromium", beside: Beside::Any, run: www },
    Suite {
        name: "firefox",
        about: "the page and the viewer, in Firefox",
        beside: Beside::Any,
        run: firefox,
    },
    Suite { name: "clippy", about: "no lint has anything to say", beside: Beside::NoneOfHost, run: clippy },
    Suite {
        name: "oracle",
        about: "detection agrees with rsigma on other people's rules and events",
        beside: Beside::Background,
        run: oracle,
    },
    Suite {
        name: "wasm-node",
        about: "the core in WebAssembly, in Node.js",
        beside: Beside::NoneOfWasm,
        run: wasm_node,
    },
    Suite {
        name: "examples",
        about: "each example, started as its README says",
        beside: Beside::Any,
        run: examples,
    },
    Suite {
        name: "audit",
        about: "the licenses and sources of all crates, and what is known against them",
        beside: Beside::Background,
        run: audit::test,
    },
    Suite {
        name: "fuzz",
        about: "a short run of every fuzz target",
        beside: Beside::Background,
        run: fuzz::test,
    },
    Suite {
        name: "wasm-browser",
        about: "the core in WebAssembly, in Chromium",
        beside: Beside::NoneOfWasm,
        run: wasm_browser,
    },
    Suite {
        name: "interop",
        about: "other people's logs and witnesses, in Go, with ours",
        beside: Beside::Any,
        run: interop,
    },
    Suite {
        name: "doc",
        about: "the documentation's links resolve, and the crates can be packaged",
        beside: Beside::NoneOfHost,
        run: doc,
    },
    Suite {
        name: "release",
        about: "a release is signed and logged, and proves itself",
        beside: Beside::NoneOfHost,
        run: release::test,
    },
    Suite { name: "prose", about: "the words of documents and pages", beside: Beside::Any, run: prose },
    Suite { name: "sizes", about: "each artifact is within its budget", beside: Beside::Any, run: sizes },
];

/// All packages but xtask: built together with them, what it needs would have other features than it has, and all of
/// that would be built twice.
pub(crate) const PRODUCT: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// Has the program built as these suites need it.
pub(crate) fn prepare(tools: &Tools, suites: &[&Suite]) {
    if suites.iter().any(|suite| suite.name == "rust") {
        tools.build_program_with_tests();
    }
}

/// Where there is code in TypeScript.
const PACKAGES: [&str; 3] = ["js", "www", "examples"];

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

/// Checks formatting, types and lints, and stops at the first complaint.
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
    // What the smaller artifacts are made of.
    log.run(tools.cargo("clippy").args(["-p", "countersign", "--no-default-features", "--", "-Dwarnings"]))?;
    // Each artifact by itself: with the features of all together nothing would be unused.
    for features in wasm::features(tools)? {
        let mut clippy = wasm_dev(tools.wasm32()?.clippy(tools));
        log.run(clippy.args(["-p", wasm::BINDINGS, "--lib", "--features", &features, "--", "-Dwarnings"]))?;
    }
    // No artifact has it yet, and it is to stay fit for one.
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
    // Not beside doctests, which would then be compiled against other libraries than they are linked with.
    tools.program()?;
    npm::install(tools, "tests/oidc")?;
    npm::install(tools, "tests/duckdb")?;
    npm::install(tools, "tests/smtp")?;
    proxies(tools)?;
    python::validators(tools)?;
    let path = tools.node()?.search_path();
    let product = log.run(tools.cargo("test").args(PRODUCT).arg("--no-fail-fast").env("PATH", path));
    let xtask = log.run(tools.cargo("test").args(["-p", "xtask", "--no-fail-fast"]));
    cargo_tested(product.and(xtask), log)
}

/// What stands before a log, watches it or shares out its verifying, and is wanted by its tests. Where it is missing they say that they were skipped, unless
/// `CI` is set.
fn proxies(tools: &Tools) -> Result<()> {
    let wanted = [
        ("nginx", "nginx-light"),
        ("caddy", "caddy"),
        ("systemd-analyze", "systemd"),
        ("promtool", "prometheus"),
        ("parallel", "parallel"),
        ("rsyslogd", "rsyslog-gnutls"),
    ];
    let is_missing = |(program, _): &(&str, &str)| {
        run::find(program).is_none() && !Path::new("/usr/sbin").join(program).exists()
    };
    let missing: Vec<&str> = wanted.into_iter().filter(is_missing).map(|(_, package)| package).collect();
    if missing.is_empty() || std::env::var_os("CI").is_none() {
        return Ok(());
    }
    tools.progress.step("nginx, Caddy, systemd, promtool, GNU parallel and rsyslog", |log| {
        run::apt_install(log, &missing)
    })
}

/// The crates that the program is made of.
pub(crate) const PARTS: [&str; 42] = [
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
    "countersign-index",
    "-p",
    "countersign-ingest",
    "-p",
    "countersign-log",
    "-p",
    "countersign-log-server",
    "-p",
    "countersign-monitor",
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
    "countersign-watch",
];

fn doc(tools: &Tools, log: &Log) -> Result<String> {
    log.run(tools.cargo("doc").args(PARTS).arg("--no-deps").env("RUSTDOCFLAGS", "-Dwarnings"))?;
    // Whether they compile from what is packaged is not looked at: it would all be built once more.
    let mut package = tools.cargo("package");
    package.args(PARTS).args(["-p", "countersign-cli"]);
    log.run(package.args(["--offline", "--allow-dirty", "--no-verify"]))?;
    Ok(String::new())
}

/// Where there is code in Go.
const GO_FOLDERS: [&str; 2] = ["benches/tessera", "tests/interop"];

/// The time that all of Go's tests together may take.
const GO_PATIENCE: &str = "-timeout=5m";

fn interop(tools: &Tools, log: &Log) -> Result<String> {
    let Some(go) = run::find("go") else {
        if std::env::var_os("CI").is_some() {
            bail!("Go is not on this machine: install it from https://go.dev/dl");
        }
        return Ok(format!("{SKIPPED}Go is not on this machine (https://go.dev/dl)"));
    };
    for folder in GO_FOLDERS {
        log.run(Command::new(&go).args(["vet", "./..."]).current_dir(tools.path(folder)))?;
    }
    let unformatted = run::find("gofmt").map(|gofmt| {
        run::output(Command::new(gofmt).arg("-l").args(GO_FOLDERS.map(|folder| tools.path(folder))))
    });
    if let Some(files) = unformatted.transpose()?.filter(|files| !files.is_empty()) {
        bail!("gofmt does not agree with the code, `cargo xtask fmt` makes it:\n{files}");
    }
    let mut test = Command::new(go);
    // Go knows nothing of the program that it tests: no result of before counts.
    test.args(["test", "-count=1", "-v", GO_PATIENCE, "./..."])
        .current_dir(tools.path("tests/interop"))
        .env("COUNTERSIGN", tools.program()?);
    log.run(&mut test)?;
    Ok(go_counts(&log.text()?))
}

/// The folder of the linter of prose, with its rules.
const PROSE: &str = "tests/prose";
/// What the pages say, beside the documents.
const TEXTS: [&str; 3] =
    ["js/packages/ui/src/viewer/texts/en.json", "www/src/texts/en.ts", "www/console/texts/en.ts"];

/// Documents, rules, catalogs, and scenarios, as patterns of git.
const PROSE_FILES: [&str; 4] =
    ["*.md", "crates/analyze/rules/*.yml", "crates/controls/catalogs/*.yml", "crates/risk/starters/*.yml"];

fn prose(tools: &Tools, log: &Log) -> Result<String> {
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
    let core = log.run(wasm_tests(tools)?.arg("--tests").env("PATH", &path));
    // That simulated years have the bits that they have natively.
    let mut risk = wasm_test(tools)?;
    let risk = log.run(risk.args(["--package", "countersign-risk", "--test", "bits"]).env("PATH", path));
    cargo_tested(core.and(risk), log)
}

fn wasm_browser(tools: &Tools, log: &Log) -> Result<String> {
    let browser = tools.browser()?;
    let mut cargo = wasm_tests(tools)?;
    // A browser has no files.
    cargo.args(["--test", "portable"]);
    cargo_tested(log.run(browser.configure(&mut cargo).env("WASM_BINDGEN_USE_BROWSER", "1")), log)
}

/// The core's unit tests compiled for wasm32; the caller adds others.
fn wasm_tests(tools: &Tools) -> Result<Command> {
    let mut cargo = wasm_test(tools)?;
    cargo.args(["--package", "countersign", "--lib", "--no-fail-fast"]).args(["--features", "js"]);
    Ok(cargo)
}

/// Tests compiled for wasm32; the caller says which.
fn wasm_test(tools: &Tools) -> Result<Command> {
    let mut cargo = wasm_dev(tools.wasm32()?.cargo(tools, "test"));
    let runner = format!("CARGO_TARGET_{}_RUNNER", TARGET.to_uppercase().replace('-', "_"));
    cargo.env(runner, tools.test_runner()?).env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    Ok(cargo)
}

/// With one profile for all suites, so that what they share is built once, and with the vectors that artifacts use.
fn wasm_dev(mut cargo: Command) -> Command {
    cargo
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+simd128")
        // The runner reads each test program as a whole, and most of one would be debug information.
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_PROFILE_DEV_STRIP", "debuginfo");
    cargo
}

fn sizes(tools: &Tools, _log: &Log) -> Result<String> {
    wasm::hold_to_budgets(&tools.artifacts()?)
}

fn js(tools: &Tools, log: &Log) -> Result<String> {
    tools.js()?;
    postgres(tools)?;
    npm::install(tools, "js/test/package/oldest-node")?;
    npm::install(tools, "js/test/package/frameworks")?;
    npm_test(tools, "js", Some(&tools.program()?), log)
}

/// Debian's PostgreSQL, which the tests of the outbox start where they find it. With `CI` set it is installed.
fn postgres(tools: &Tools) -> Result<()> {
    let is_there = run::find("initdb").is_some()
        || fs::read_dir("/usr/lib/postgresql").is_ok_and(|versions| {
            versions.flatten().any(|version| version.path().join("bin/initdb").exists())
        });
    if is_there || std::env::var_os("CI").is_none() {
        return Ok(());
    }
    tools.progress.step("PostgreSQL", |log| {
        run::apt_install(log, &["postgresql"]).context("no PostgreSQL: install Debian's postgresql")
    })
}

fn www(tools: &Tools, log: &Log) -> Result<String> {
    tools.www()?;
    npm::install(tools, "tests/oidc")?;
    npm_test(tools, "www", Some(&tools.program()?), log)
}

fn firefox(tools: &Tools, log: &Log) -> Result<String> {
    let Some(firefox) = browser::firefox(tools)? else {
        return Ok(format!("{SKIPPED}Firefox is not on this machine (Debian's firefox-esr)"));
    };
    tools.www()?;
    log.run(tools.node()?.npm(tools, "www").args(["run", "test:firefox"]).env("FIREFOX", firefox))?;
    Ok(node_counts(&log.text()?))
}

fn examples(tools: &Tools, log: &Log) -> Result<String> {
    // The attack is shown to the auditor's page.
    tools.www()?;
    npm::install(tools, "examples")?;
    npm_test(tools, "examples", Some(&tools.program()?), log)
}

/// Checks and tests a folder, which has the program where its tests run that.
fn npm_test(tools: &Tools, folder: &str, program: Option<&Path>, log: &Log) -> Result<String> {
    let node = tools.node()?;
    log.run(node.npm(tools, folder).args(["run", "check"]))?;
    let tested = |script: &str, files: &[&str]| {
        // What npm does before it has done that, and builds what other suites have in use.
        let mut npm = node.npm(tools, folder);
        npm.args(["run", script, "--ignore-scripts", "--"]).args(files);
        npm.envs(program.map(|program| ("COUNTERSIGN", program)));
        // Each file of tests is a process, and all of them load much the same modules.
        npm.env("NODE_COMPILE_CACHE", tools.path("target/xtask/compile-cache"));
        log.run(tools.browser()?.configure(&mut npm))
    };
    if !AGAIN.contains(&folder) {
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
    if files.is_empty() || files.len() > MOST_AGAIN {
        return Err(failure);
    }
    tested("test:files", &files)?;
    Ok(format!(
        "{}; FLAKY, their files passed when tried again: {}",
        node_counts(&first),
        node_failures(&first).join(", ")
    ))
}

/// Whose tests drive browsers and several programs at once: where few files have failing tests these files are
/// tried again as a whole, and the tests named.
const AGAIN: [&str; 2] = ["js", "www"];
/// Failing tests in more files than this are no coincidence.
const MOST_AGAIN: usize = 3;

/// How cargo's tests ended: how many passed, or why some did not, which stands long before the end of the log.
fn cargo_tested(result: Result<()>, log: &Log) -> Result<String> {
    let output = log.text()?;
    result.with_context(|| cargo_failures(&output))?;
    Ok(cargo_counts(&output))
}

/// What cargo's test programs print of the tests that failed.
fn cargo_failures(output: &str) -> String {
    let mut failing = false;
    let of_failures = |line: &&str| {
        failing = (failing || line.trim() == "failures:") && !line.starts_with("test result:");
        failing
    };
    output.lines().filter(of_failures).collect::<Vec<_>>().join("\n")
}

/// Sums the results that cargo's test programs print.
fn cargo_counts(output: &str) -> String {
    let results: Vec<&str> =
        output.lines().filter_map(|line| line.trim().strip_prefix("test result: ")).collect();
    let sum = |what| results.iter().filter_map(|result| count_before(result, what)).sum::<u64>();
    format!("{} passed, {} ignored", sum("passed"), sum("ignored"))
}

/// Sums the results that Node.js's test runner prints.
fn node_counts(output: &str) -> String {
    let passed: u64 = output
        .lines()
        .filter_map(|line| {
            line.trim_start_matches(['ℹ', '#', ' ']).strip_prefix("pass ")?.trim().parse::<u64>().ok()
        })
        .sum();
    format!("{passed} passed")
}

/// The names of the tests that failed, as Node.js's test runner prints them while they end.
fn node_failures(output: &str) -> Vec<String> {
    let name = |line: &str| {
        let (name, _time) = line.trim_start().strip_prefix("✖ ")?.rsplit_once(" (")?;
        Some(name.to_owned())
    };
    output.split("✖ failing tests:").next().unwrap_or_default().lines().filter_map(name).collect()
}

/// Sums the results that Go's tests print.
fn go_counts(output: &str) -> String {
    format!("{} passed", output.lines().filter(|line| line.starts_with("--- PASS: ")).count())
}

/// The number in front of a word: 12 of `12 passed`.
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
    fn go_results_are_summed() {
        let output = "=== RUN   TestA\n    --- PASS: TestA/part (0.00s)\n--- PASS: TestA (0.28s)\n--- PASS: TestB (0.1s)\nPASS\n";
        assert_eq!(go_counts(output), "2 passed");
    }

    #[test]
    fn node_results_are_summed() {
        assert_eq!(node_counts("ℹ tests 5\nℹ pass 4\nℹ fail 1\n# pass 3\n"), "7 passed");
    }
}
