//! `countersign init --template`: creates a project that records events.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use strum::Display;
use zeroize::Zeroizing;

use super::folder_name;
use crate::commands::dev::{DEFAULT_ADDRESS, DEFAULT_FOLDER, DevFolder, DevSecrets, ENV_FILE_MARK};
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::output::{Output, directory, write_secret};
use crate::io::{input, style};

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

/// The files of a template.
struct TemplateFiles {
    /// Code that records events, which an existing project receives, too.
    code: &'static [TemplateFile],
    /// The rest of a new project.
    project: &'static [TemplateFile],
}

macro_rules! files {
    ($($path:literal: $source:literal),* $(,)?) => {
        &[$(TemplateFile { path: $path, text: include_str!(concat!("templates/", $source)) }),*]
    };
}

/// The list of files that version control ignores. An existing project's is extended.
const GITIGNORE: &str = ".gitignore";

impl Template {
    fn files(self) -> TemplateFiles {
        match self {
            Self::Worker => TemplateFiles {
                code: files! { "src/worker.js": "worker/src/worker.js" },
                project: files! {
                    "package.json": "worker/package.json",
                    "wrangler.json": "worker/wrangler.json",
                    "README.md": "worker/README.md",
                },
            },
            Self::Next => TemplateFiles {
                code: files! {
                    "audit.ts": "next/audit.ts",
                    "app/jobs/[id]/route.ts": "next/app/jobs/[id]/route.ts",
                },
                project: files! {
                    "package.json": "next/package.json",
                    "tsconfig.json": "next/tsconfig.json",
                    "next.config.ts": "next/next.config.ts",
                    "app/layout.tsx": "next/app/layout.tsx",
                    "app/page.tsx": "next/app/page.tsx",
                    "README.md": "next/README.md",
                },
            },
            Self::Node => TemplateFiles {
                code: files! { "server.js": "node/server.js" },
                project: files! {
                    "package.json": "node/package.json",
                    "README.md": "node/README.md",
                },
            },
        }
    }

    /// Returns the lines of `.gitignore`.
    fn ignored(self) -> &'static str {
        match self {
            Self::Worker => include_str!("templates/worker/gitignore"),
            Self::Next => include_str!("templates/next/gitignore"),
            Self::Node => include_str!("templates/node/gitignore"),
        }
    }

    /// Returns the folder for the code in a project: a Next.js app may have its code in `src`.
    fn code_folder(self, project: &Path) -> PathBuf {
        if matches!(self, Self::Next) && project.join("src/app").is_dir() && !project.join("app").is_dir() {
            return project.join("src");
        }
        project.to_owned()
    }

    /// Returns what an existing project has to do before it uses the code, if anything.
    fn how_to_use(self) -> Option<&'static str> {
        match self {
            Self::Worker => Some(
                "wrangler runs the file that `main` of its configuration names: wrap its handlers as src/worker.js does, or set `main` to src/worker.js",
            ),
            Self::Next => None,
            Self::Node => Some("nothing runs server.js yet: record events in your own code as it does"),
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

    /// Creates a project with the keys of a log for development, or adds them and the code to an existing project, which
    /// has a `package.json`. Writes nothing if a file exists that it would have to overwrite.
    pub(super) fn create(self, folder: &Path) -> Result<ExitStatus, CliError> {
        let exists = folder.join("package.json").exists();
        let TemplateFiles { code, project } = self.files();
        let code_folder = self.code_folder(folder);
        let mut files: Vec<_> = code.iter().map(|file| (code_folder.join(file.path), file.text)).collect();
        if !exists {
            files.extend(project.iter().map(|file| (folder.join(file.path), file.text)));
        }
        let (variables_file, gitignore) = (folder.join(self.variables_file()), folder.join(GITIGNORE));
        let others = (!exists).then_some([&variables_file, &gitignore]);
        let mut paths = files.iter().map(|(path, _)| path).chain(others.into_iter().flatten());
        // A symbolic link without a target is a file, too.
        if let Some(existing) = paths.find(|path| path.symlink_metadata().is_ok()) {
            let hint = if exists {
                "rename it, or add the code of the template to it yourself; no file was written"
            } else {
                "name a new folder, such as `init --template next my-app`; no file was written"
            };
            return Err(
                CliError::unusable("io.exists", "the file already exists", hint).within(&shown(existing))
            );
        }
        let name = folder_name(&absolute(folder)?);
        let ignored = missing_lines(&gitignore, self.ignored())?;
        for (path, text) in &files {
            let text = text.replace("{{name}}", &name).replace("{{version}}", env!("CARGO_PKG_VERSION"));
            write(path, &text)?;
        }
        append(&gitignore, &ignored)?;
        let (_, secrets) = DevFolder::open(&folder.join(DEFAULT_FOLDER), false)?;
        let mut added: Vec<PathBuf> = files.iter().map(|(path, _)| path.clone()).collect();
        added.push(folder.join(DEFAULT_FOLDER));
        // `countersign dev --env` adds the variables to an existing file.
        if !variables_file.exists() {
            write_variables(&variables_file, &secrets)?;
            added.push(variables_file.clone());
        }
        let is_current = folder == Path::new(".");
        let place = if is_current { String::new() } else { format!("{}: ", shown(folder)) };
        let done = if exists {
            format!("added code that records events to {self}")
        } else {
            format!("created {self} that records events")
        };
        style::done(&format!("{place}{done}"));
        if exists {
            for path in &added {
                style::detail("added:", &shown(path));
            }
            if !ignored.is_empty() {
                style::detail("changed:", &shown(&gitignore));
            }
            if let Some(how) = self.how_to_use() {
                style::detail("use it:", how);
            }
        }
        let enter = if is_current { String::new() } else { format!("cd {} && ", shown(folder)) };
        // The package isn't in a registry yet, so npm needs the path of its tarball.
        let install = if folder.join("node_modules/countersign").exists() {
            ""
        } else {
            concat!("npm install PATH/countersign-", env!("CARGO_PKG_VERSION"), ".tgz && ")
        };
        let run = if exists {
            format!("npx countersign dev --env {} -- npm run dev", self.variables_file())
        } else {
            "npm run dev".to_owned()
        };
        style::detail("next:", &format!("{enter}{install}{run}"));
        Ok(ExitStatus::Success)
    }
}

/// Writes the variables of the log for development.
fn write_variables(path: &Path, secrets: &DevSecrets) -> Result<(), CliError> {
    let address = DEFAULT_ADDRESS.parse().map_err(|_| {
        CliError::unusable("arguments.invalid", "the default address is invalid", "report this as a bug")
    })?;
    let lines =
        secrets.variables(address).map(|(name, value)| format!("{name}={}\n", value.as_str())).concat();
    let variables = Zeroizing::new(format!("{ENV_FILE_MARK}{lines}"));
    write_secret(path, variables.as_bytes())
}

/// Returns the text to append to a `.gitignore`, so that it has these lines.
fn missing_lines(path: &Path, lines: &str) -> Result<String, CliError> {
    let before = if path.exists() { input::small_text(path)? } else { String::new() };
    let is_missing = |line: &&str| before.lines().all(|existing| existing.trim_matches('/') != *line);
    let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    Ok(lines.lines().filter(is_missing).fold(end.to_owned(), |text, line| text + line + "\n"))
}

fn append(path: &Path, text: &str) -> Result<(), CliError> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| CliError::io("write", &shown(path), &error))
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
