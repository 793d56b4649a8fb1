//! The tools for building and testing, each set up when it is first needed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow};

use crate::browser::Browser;
use crate::npm::{self, Node};
use crate::progress::Progress;
use crate::run::Log;
use crate::suites::PRODUCT;
use crate::toolchain::{TARGET, WASI_TARGET, Wasm32};
use crate::wasm::{self, Built};

/// The project's folders and tools.
pub(crate) struct Tools {
    root: PathBuf,
    pub(crate) progress: Progress,
    node: Once<Node>,
    wasm32: Once<Wasm32>,
    wasi: Once<Wasm32>,
    bindings: Once<PathBuf>,
    test_runner: Once<PathBuf>,
    browser: Once<Browser>,
    artifacts: Once<Vec<Built>>,
    previews: Once<()>,
    js: Once<()>,
    www: Once<()>,
    program: Once<PathBuf>,
    /// True if cargo builds Rust's tests together with the program.
    with_tests: AtomicBool,
    /// True if npm packages and pages contain previews of the artifacts.
    with_previews: AtomicBool,
}

impl Tools {
    pub(crate) fn new() -> Result<Tools> {
        let xtask = env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let root = Path::new(&xtask).parent().context("xtask has no parent folder")?.to_owned();
        let logs = root.join("target/xtask/logs");
        Ok(Tools {
            root,
            progress: Progress::new(logs),
            node: Once::default(),
            wasm32: Once::default(),
            wasi: Once::default(),
            bindings: Once::default(),
            test_runner: Once::default(),
            browser: Once::default(),
            artifacts: Once::default(),
            previews: Once::default(),
            js: Once::default(),
            www: Once::default(),
            program: Once::default(),
            with_tests: AtomicBool::new(false),
            with_previews: AtomicBool::new(false),
        })
    }

    /// Returns the path of a file or folder of the project.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Returns a cargo command for the host, in the project's folder. Its builds exclude the console, because
    /// the console is built while tests run, and a build must not replace the program that they use.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = self.cargo_with_console(subcommand);
        command.env("COUNTERSIGN_CONSOLE", "");
        command
    }

    /// Returns a cargo command like [`Self::cargo`], but its builds include the console, if that was built.
    pub(crate) fn cargo_with_console(&self, subcommand: &str) -> Command {
        let mut command = Command::new(host_cargo());
        command.arg(subcommand).current_dir(&self.root);
        // Skip incremental data and debug information in CI: there is no next build, and failed tests name
        // their line anyway.
        if env::var_os("CI").is_some() {
            command.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "false");
        }
        command
    }

    /// Returns the path of a program of the project that cargo built with a profile.
    pub(crate) fn host_program(&self, profile: &str, name: &str) -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.path("target"), PathBuf::from);
        let folder = if profile == "dev" { "debug" } else { profile };
        target.join(folder).join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// Returns Node.js: the machine's, or one in `target/tools`.
    pub(crate) fn node(&self) -> Result<Node> {
        self.node.get(|| npm::find_or_install(self))
    }

    /// Returns a toolchain for wasm32.
    pub(crate) fn wasm32(&self) -> Result<Wasm32> {
        self.wasm32.get(|| Wasm32::find_or_install(self, TARGET))
    }

    /// Returns a toolchain for programs in WebAssembly that use files.
    pub(crate) fn wasi(&self) -> Result<Wasm32> {
        self.wasi.get(|| Wasm32::find_or_install(self, WASI_TARGET))
    }

    /// Returns the program that creates the JavaScript bindings of artifacts.
    pub(crate) fn bindings(&self) -> Result<PathBuf> {
        self.bindings.get(|| self.wasm_tool("wasm bindings tool", "bindings", "bindings"))
    }

    /// Returns the program that runs wasm32 tests.
    pub(crate) fn test_runner(&self) -> Result<PathBuf> {
        self.test_runner.get(|| self.wasm_tool("wasm test runner", "test-runner", "wasm-bindgen-test-runner"))
    }

    /// Builds a program of `xtask/wasm-tools` with a feature.
    fn wasm_tool(&self, step: &str, feature: &str, name: &str) -> Result<PathBuf> {
        // Cargo locks the folder of the dev profile while it builds the program and the tests.
        let profile = wasm::PREVIEW_PROFILE;
        self.progress.step(step, |log| {
            let args = ["-p", "xtask-wasm-tools", "--profile", profile, "--features", feature, "--bin", name];
            log.run(self.cargo("build").args(args))
        })?;
        Ok(self.host_program(profile, name))
    }

    /// Returns the program `countersign`, built once with the dev profile, so that it isn't replaced while
    /// it runs.
    pub(crate) fn program(&self) -> Result<PathBuf> {
        self.program.get(|| {
            if self.with_tests.load(Ordering::Relaxed) {
                self.progress.step("program and tests", |log| {
                    log.run(self.cargo("test").args(PRODUCT).arg("--no-run"))
                })?;
            } else {
                self.progress
                    .step("program", |log| log.run(self.cargo("build").args(["-p", "countersign-cli"])))?;
            }
            Ok(self.host_program("dev", "countersign"))
        })
    }

    /// Builds the crates of the program, but not the program itself, which will contain the console. The program's
    /// package is named so that shared dependencies get the same features.
    pub(crate) fn program_parts(&self) -> Result<()> {
        self.progress.step("program's parts", |log| {
            let parts = ["-p", "countersign-log-server", "-p", "countersign-cli", "--lib"];
            let mut cargo = self.cargo_with_console("build");
            log.run(cargo.args(parts).args(["--profile", self.profile()]))
        })
    }

    /// Returns the profile of the program with its console: that of previews, which builds faster, or the one with
    /// which tests build it.
    fn profile(&self) -> &'static str {
        if self.with_previews.load(Ordering::Relaxed) { wasm::PREVIEW_PROFILE } else { "dev" }
    }

    /// Returns the program with its console.
    pub(crate) fn program_with_console(&self) -> Result<PathBuf> {
        self.www()?;
        let profile = self.profile();
        self.progress.step("program", |log| {
            let mut cargo = self.cargo_with_console("build");
            log.run(cargo.args(["-p", "countersign-cli", "--profile", profile]))
        })?;
        Ok(self.host_program(profile, "countersign"))
    }

    /// Lets the program be built together with Rust's tests, because cargo would otherwise rebuild it for them.
    pub(crate) fn build_program_with_tests(&self) {
        self.with_tests.store(true, Ordering::Relaxed);
    }

    /// Lets npm packages and pages contain previews of the artifacts, which are built within a minute.
    pub(crate) fn use_previews(&self) {
        self.with_previews.store(true, Ordering::Relaxed);
    }

    /// Creates a log for a program in the background.
    pub(crate) fn log(&self, name: &str) -> Result<Log> {
        Log::create(self.path("target/xtask/logs").join(format!("{name}.log")))
    }

    /// Returns Chromium and its driver.
    pub(crate) fn browser(&self) -> Result<Browser> {
        self.browser.get(|| Browser::find_or_install(self))
    }

    /// Builds the WebAssembly artifacts, which the npm packages copy.
    pub(crate) fn artifacts(&self) -> Result<Vec<Built>> {
        self.artifacts.get(|| wasm::build(self, &[]))
    }

    /// Builds the artifacts that npm packages and pages contain.
    pub(crate) fn packaged_artifacts(&self) -> Result<()> {
        if self.with_previews.load(Ordering::Relaxed) {
            return self.previews.get(|| wasm::build_previews(self, &[]));
        }
        self.artifacts().map(drop)
    }

    /// Installs a folder's packages: those of its build for previews, otherwise also those of its tests.
    pub(crate) fn install(&self, folder: &str) -> Result<()> {
        if self.with_previews.load(Ordering::Relaxed) {
            return npm::install_for_build(self, folder);
        }
        npm::install(self, folder)
    }

    /// Builds the npm packages, including the artifacts.
    pub(crate) fn js(&self) -> Result<()> {
        self.js.get(|| {
            // Download packages while the compilers run.
            thread::scope(|scope| {
                let packages = scope.spawn(|| self.install("js"));
                self.packaged_artifacts()?;
                packages.join().map_err(|_| anyhow!("installing packages panicked"))?
            })?;
            self.progress
                .step("npm package", |log| log.run(self.node()?.npm(self, "js").args(["run", "build"])))
        })
    }

    /// Builds the page.
    pub(crate) fn www(&self) -> Result<()> {
        self.www.get(|| {
            self.js()?;
            self.install("www")?;
            self.progress.step("page", |log| log.run(self.node()?.npm(self, "www").args(["run", "build"])))
        })
    }
}

/// Returns the cargo that runs xtask.
pub(crate) fn host_cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// A value or error that is computed once, by the first caller; other callers wait.
struct Once<T>(Mutex<Option<Result<T, String>>>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Once(Mutex::new(None))
    }
}

impl<T: Clone> Once<T> {
    fn get(&self, make: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut value = self.0.lock().map_err(|_| anyhow!("setting up a tool panicked"))?;
        value
            .get_or_insert_with(|| make().map_err(|error| format!("{error:#}")))
            .clone()
            .map_err(|error| anyhow!(error))
    }
}
