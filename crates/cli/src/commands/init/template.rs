//! `countersign init --template`: creates a project that records events.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use strum::Display;
use zeroize::Zeroizing;

use super::folder_name;
use crate::commands::dev::{DEFAULT_ADDRESS, DEFAULT_FOLDER, DevFolder, ENV_FILE_MARK};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::{Output, directory, write_secret};
use crate::io::style;

/// A kind of project.
#[derive(Clone, Copy, Debug, Display, ValueEnum)]
pub(super) enum Template {
    /// A Cloudflare Worker
    #[strum(to_string = "a Cloudflare Worker")]
    Worker,
    /// A Next.js app
    #[strum(to_string = "a Next.js app")]
    Next,
    /// A Node.js server
    #[strum(to_string = "a Node.js server")]
    Node,
}

/// A file of a project: its path, and its text with placeholders.
struct TemplateFile {
    path: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($path:literal: $source:literal),* $(,)?) => {
        &[$(TemplateFile { path: $path, text: include_str!(concat!("templates/", $source)) }),*]
    };
}

impl Template {
    fn files(self) -> &'static [TemplateFile] {
        match self {
            Self::Worker => files! {
                "package.json": "worker/package.json",
                "wrangler.json": "worker/wrangler.json",
                "src/worker.js": "worker/src/worker.js",
                "README.md": "worker/README.md",
                ".gitignore": "worker/gitignore",
            },
            Self::Next => files! {
                "package.json": "next/package.json",
                "audit.js": "next/audit.js",
                "app/layout.js": "next/app/layout.js",
                "app/page.js": "next/app/page.js",
                "app/jobs/[id]/route.js": "next/app/jobs/[id]/route.js",
                "README.md": "next/README.md",
                ".gitignore": "next/gitignore",
            },
            Self::Node => files! {
                "package.json": "node/package.json",
                "server.js": "node/server.js",
                "README.md": "node/README.md",
                ".gitignore": "node/gitignore",
            },
        }
    }

    /// Returns the file that the framework reads variables from in development.
    fn variables_file(self) -> &'static str {
        match self {
            Self::Worker => ".dev.vars",
            Self::Next => ".env.local",
            Self::Node => ".env",
        }
    }

    /// Creates a project with the keys of a log for development. Writes nothing if one of its files exists.
    pub(super) fn create(self, folder: &Path) -> Result<ExitStatus, CliError> {
        let paths = self.files().iter().map(|file| file.path).chain([self.variables_file()]);
        if let Some(existing) = paths.map(|path| folder.join(path)).find(|path| path.exists()) {
            let hint = "name a new folder, such as `init --template next my-app`; no file was written";
            return Err(
                CliError::unusable("io.exists", "the file already exists", hint).within(&shown(&existing))
            );
        }
        let name = folder_name(&absolute(folder)?);
        for TemplateFile { path, text } in self.files() {
            let text = text.replace("{{name}}", &name).replace("{{version}}", env!("CARGO_PKG_VERSION"));
            write(&folder.join(path), &text)?;
        }
        let (_, secrets) = DevFolder::open(&folder.join(DEFAULT_FOLDER))?;
        let address = DEFAULT_ADDRESS.parse().map_err(|_| {
            CliError::unusable("arguments.invalid", "the default address is invalid", "report this as a bug")
        })?;
        let variables = secrets.variables(address);
        let lines = variables.map(|(name, value)| format!("{name}={}\n", value.as_str())).concat();
        let variables = Zeroizing::new(format!("{ENV_FILE_MARK}{lines}"));
        write_secret(&folder.join(self.variables_file()), variables.as_bytes())?;
        let is_current = folder == Path::new(".");
        let place = if is_current { String::new() } else { format!("{}: ", shown(folder)) };
        style::done(&format!("{place}created {self} that records events"));
        let enter = if is_current { String::new() } else { format!("cd {} && ", shown(folder)) };
        // The package isn't in a registry yet, so npm needs the path of its tarball.
        let tarball = concat!("PATH/countersign-", env!("CARGO_PKG_VERSION"), ".tgz");
        style::detail("next:", &format!("{enter}npm install {tarball} && npm run dev"));
        Ok(ExitStatus::Success)
    }
}

fn absolute(folder: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(folder).map_err(|error| CliError::io("find", &shown(folder), &error))
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let folder = directory(path);
    std::fs::create_dir_all(folder).map_err(|error| CliError::io("make", &shown(folder), &error))?;
    let mut output = Output::create(Some(path))?;
    output.write(text.as_bytes())?;
    output.finish()
}
