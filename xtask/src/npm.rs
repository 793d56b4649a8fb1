//! Node.js and npm packages.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;
use crate::stamp::Stamp;
use crate::tools::Tools;

/// The oldest Node.js that the project supports.
const OLDEST: u32 = 22;
/// The Node.js that set-up brings where the machine's is older.
const BROUGHT: &str = "24.21.0";

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
        (major >= OLDEST).then_some(Node { program, version })
    }

    /// Node.js itself, in the project's folder.
    pub(crate) fn node(&self, tools: &Tools) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(tools.path("")).env("PATH", self.search_path());
        command
    }

    /// npm in one of the project's folders, running on this Node.js.
    pub(crate) fn npm(&self, tools: &Tools, folder: &str) -> Command {
        let mut command = npm();
        command.current_dir(tools.path(folder)).env("PATH", self.search_path());
        command
    }

    /// `PATH` with this Node.js in front.
    pub(crate) fn search_path(&self) -> std::ffi::OsString {
        let rest = env::var_os("PATH").unwrap_or_default();
        let first = self.program.parent().map(Path::to_owned);
        env::join_paths(first.into_iter().chain(env::split_paths(&rest))).unwrap_or(rest)
    }
}

/// The machine's Node.js, else one from npm in `target/tools/node`.
pub(crate) fn find_or_install(tools: &Tools) -> Result<Node> {
    if let Some(node) = run::find("node").and_then(Node::at) {
        return Ok(node);
    }
    let package = format!("node-{}-{}", npm_name(env::consts::OS)?, npm_name(env::consts::ARCH)?);
    let folder = tools.path("target/tools/node");
    let program = folder.join("node_modules").join(&package).join("bin").join(file_name("node"));
    let is_brought = |node: &Node| node.version.strip_prefix('v') == Some(BROUGHT);
    if let Some(node) = Node::at(program.clone()).filter(is_brought) {
        return Ok(node);
    }
    tools.progress.step("Node.js", |log| {
        let mut install = npm();
        install.args(["install", "--no-save", "--no-package-lock", "--prefix"]).arg(&folder);
        std::fs::create_dir_all(&folder)?;
        log.run(install.arg(format!("{package}@{BROUGHT}")).current_dir(&folder))?;
        Node::at(program)
            .with_context(|| format!("{package} brought no Node.js: install Node.js {OLDEST} or later"))
    })
}

/// Installs a folder's packages exactly as its lock file says.
pub(crate) fn install(tools: &Tools, folder: &str) -> Result<()> {
    let node = tools.node()?;
    let path = tools.path(folder);
    Stamp::new(tools.path("target/xtask/stamps").join(format!("npm-{}", folder.replace('/', "-"))))
        .text(&node.version)
        .path(&path.join("package.json"))?
        .path(&path.join("package-lock.json"))?
        .unless_done(&[path.join("node_modules/.package-lock.json")], || {
            tools
                .progress
                .step(&format!("npm packages of {folder}"), |log| log.run(node.npm(tools, folder).arg("ci")))
        })?;
    Ok(())
}

fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

fn file_name(program: &str) -> String {
    format!("{program}{}", env::consts::EXE_SUFFIX)
}

/// How npm calls what Rust calls otherwise.
fn npm_name(name: &str) -> Result<&str> {
    Ok(match name {
        "linux" => "linux",
        "macos" => "darwin",
        "windows" => "win",
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => bail!("npm has no Node.js for {other}: install Node.js {OLDEST} or later"),
    })
}
