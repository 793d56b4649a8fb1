//! Node.js and npm packages.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;
use crate::stamp::Stamp;
use crate::tools::Tools;

/// The minimum major version of Node.js.
const MIN_MAJOR: u32 = 22;
/// The version of Node.js that is installed if the machine's is too old.
const INSTALLED_VERSION: &str = "24.21.0";

/// A Node.js that is new enough.
#[derive(Clone)]
pub(crate) struct Node {
    program: PathBuf,
    version: String,
}

impl Node {
    fn at(program: PathBuf) -> Option<Node> {
        let version = run::output(Command::new(&program).arg("--version")).ok()?;
        let major: u32 = version.strip_prefix('v')?.split('.').next()?.parse().ok()?;
        (major >= MIN_MAJOR).then_some(Node { program, version })
    }

    /// Returns a command for Node.js, in the project's folder.
    pub(crate) fn node(&self, tools: &Tools) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(tools.path("")).env("PATH", self.search_path());
        command
    }

    /// Returns a command for npm in one of the project's folders, running on this Node.js.
    pub(crate) fn npm(&self, tools: &Tools, folder: &str) -> Command {
        let mut command = npm();
        command.current_dir(tools.path(folder)).env("PATH", self.search_path());
        command
    }

    /// Returns `PATH` with this Node.js first.
    pub(crate) fn search_path(&self) -> std::ffi::OsString {
        let rest = env::var_os("PATH").unwrap_or_default();
        let first = self.program.parent().map(Path::to_owned);
        env::join_paths(first.into_iter().chain(env::split_paths(&rest))).unwrap_or(rest)
    }
}

/// Returns the machine's Node.js, or installs one in `target/tools/node`.
pub(crate) fn find_or_install(tools: &Tools) -> Result<Node> {
    if let Some(node) = run::find("node").and_then(Node::at) {
        return Ok(node);
    }
    let package = format!("node-{}-{}", npm_name(env::consts::OS)?, npm_name(env::consts::ARCH)?);
    let folder = tools.path("target/tools/node");
    let program = folder.join("node_modules").join(&package).join("bin").join(file_name("node"));
    let is_installed = |node: &Node| node.version.strip_prefix('v') == Some(INSTALLED_VERSION);
    if let Some(node) = Node::at(program.clone()).filter(is_installed) {
        return Ok(node);
    }
    tools.progress.step("Node.js", |log| {
        let mut install = npm();
        install.args(["install", "--no-save", "--no-package-lock", "--prefix"]).arg(&folder);
        std::fs::create_dir_all(&folder)?;
        log.run(install.arg(format!("{package}@{INSTALLED_VERSION}")).current_dir(&folder))?;
        Node::at(program).with_context(|| {
            format!("{package} contains no usable Node.js: install Node.js {MIN_MAJOR} or later")
        })
    })
}

/// Which packages of a folder are installed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packages {
    All,
    /// All but the `devDependencies`, which only checks and tests use. Examples need all.
    OfBuild,
}

/// Installs a folder's packages exactly as in its lock file.
pub(crate) fn install(tools: &Tools, folder: &str) -> Result<()> {
    Packages::All.install(tools, folder)
}

/// Installs those of a folder's packages that its build needs, which takes a fraction of the time. If all are
/// installed, they stay.
pub(crate) fn install_for_build(tools: &Tools, folder: &str) -> Result<()> {
    if Packages::All.stamp(tools, folder)?.is_done(&[installed(tools, folder)]) {
        return Ok(());
    }
    Packages::OfBuild.install(tools, folder)
}

/// Returns the file that npm writes once it has installed a folder's packages.
fn installed(tools: &Tools, folder: &str) -> PathBuf {
    tools.path(folder).join("node_modules/.package-lock.json")
}

impl Packages {
    fn stamp(self, tools: &Tools, folder: &str) -> Result<Stamp> {
        let path = tools.path(folder);
        Stamp::new(tools.path("target/xtask/stamps").join(format!("npm-{}", folder.replace('/', "-"))))
            .text(&tools.node()?.version)
            .text(if self == Self::All { "all" } else { "of the build" })
            .path(&path.join("package.json"))?
            .path(&path.join("package-lock.json"))
    }

    fn install(self, tools: &Tools, folder: &str) -> Result<()> {
        self.stamp(tools, folder)?.unless_done(&[installed(tools, folder)], || {
            tools.progress.step(&format!("npm packages of {folder}"), |log| {
                let mut npm = tools.node()?.npm(tools, folder);
                npm.arg("ci");
                if self == Self::OfBuild {
                    npm.arg("--omit=dev");
                }
                log.run(&mut npm)
            })
        })?;
        Ok(())
    }
}

fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

fn file_name(program: &str) -> String {
    format!("{program}{}", env::consts::EXE_SUFFIX)
}

/// Converts Rust's name of an operating system or architecture to npm's.
fn npm_name(name: &str) -> Result<&str> {
    Ok(match name {
        "linux" => "linux",
        "macos" => "darwin",
        "windows" => "win",
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => bail!("npm has no Node.js for {other}: install Node.js {MIN_MAJOR} or later"),
    })
}
