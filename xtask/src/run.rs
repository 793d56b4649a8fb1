//! Runs programs and captures their output.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use wait4::{ResUse, Wait4 as _};

/// The maximum number of output lines of a failed program in its error.
const MAX_SHOWN_LINES: usize = 80;

/// A file with the output of programs, and their processor time.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    cpu: Mutex<Duration>,
}

impl Log {
    pub(crate) fn create(path: PathBuf) -> Result<Log> {
        fs::create_dir_all(path.parent().context("the log's path has no parent folder")?)?;
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Log { path, file, cpu: Mutex::default() })
    }

    /// Runs a program to its end. Its output goes to the log, and also into the error if it fails.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        let start = self.file.metadata()?.len();
        let ended = self.collect(command.stdin(Stdio::null()))?.spawn().and_then(|mut child| child.wait4());
        let ResUse { status, rusage } = ended.with_context(|| format!("cannot run {}", line(command)))?;
        *self.cpu.lock().unwrap_or_else(PoisonError::into_inner) += rusage.utime + rusage.stime;
        if status.success() {
            return Ok(());
        }
        let output = self.text_from(start)?;
        bail!(
            "{} ended with {status}\n{}\nwhole output: {}",
            line(command),
            tail(&output),
            self.path.display()
        )
    }

    /// Returns the processor time of all programs that have ended, including their children.
    pub(crate) fn cpu(&self) -> Duration {
        *self.cpu.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Redirects a command's output to the log.
    pub(crate) fn collect<'a>(&self, command: &'a mut Command) -> Result<&'a mut Command> {
        Ok(command.stdout(self.file.try_clone()?).stderr(self.file.try_clone()?))
    }

    /// Returns the last lines of the log, and its path.
    pub(crate) fn end(&self) -> Result<String> {
        Ok(format!("{}\nwhole output: {}", tail(&self.text()?), self.path.display()))
    }

    /// Returns all output so far.
    pub(crate) fn text(&self) -> Result<String> {
        self.text_from(0)
    }

    /// Returns a handle to read the end of the log while programs write to it.
    pub(crate) fn tail(&self) -> Tail {
        Tail(self.path.clone())
    }

    fn text_from(&self, start: u64) -> Result<String> {
        let bytes = fs::read(&self.path)?;
        let start = usize::try_from(start)?.min(bytes.len());
        Ok(String::from_utf8_lossy(&bytes[start..]).into_owned())
    }
}

/// A handle to the end of a log that programs may still write to.
#[derive(Clone)]
pub(crate) struct Tail(PathBuf);

impl Tail {
    /// The maximum length of a line in characters, and the number of bytes read from the file.
    const MAX_LINE_CHARS: usize = 60;
    const READ_BYTES: u64 = 1024;

    /// Returns the start of the last line, without control characters.
    pub(crate) fn last_line(&self) -> String {
        let end = self.read().unwrap_or_default();
        let text = String::from_utf8_lossy(&end);
        let line = text.trim_end().rsplit(['\n', '\r']).next().unwrap_or_default();
        line.trim().chars().filter(|character| !character.is_control()).take(Self::MAX_LINE_CHARS).collect()
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.0)?;
        let start = file.metadata()?.len().saturating_sub(Self::READ_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut end = Vec::new();
        file.take(Self::READ_BYTES).read_to_end(&mut end)?;
        Ok(end)
    }
}

/// Runs a program and returns its standard output, trimmed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {}", line(command)))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{} ended with {}\n{}", line(command), output.status, tail(&error));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Returns the path of a program found on `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program).with_extension(std::env::consts::EXE_EXTENSION))
        .find(|file| file.is_file())
}

/// Serializes runs of apt, which fails if another run holds its lock.
static APT: Mutex<()> = Mutex::new(());

/// Installs Debian packages, if that is possible without interaction.
pub(crate) fn apt_install(log: &Log, packages: &[&str]) -> Result<()> {
    let _alone = APT.lock().unwrap_or_else(PoisonError::into_inner);
    if !Path::new("/etc/debian_version").exists() {
        bail!("packages can only be installed on Debian");
    }
    if output(Command::new("id").arg("-u"))? != "0" {
        bail!("apt-get needs root: sudo apt-get install {}", packages.join(" "));
    }
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    log.run(apt().arg("update"))?;
    log.run(apt().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

/// Formats the command as a person would type it.
fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    format!("`{}`", words.join(" "))
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let skipped = lines.len().saturating_sub(MAX_SHOWN_LINES);
    let mut shown = lines[skipped..].join("\n");
    if skipped > 0 {
        shown.insert_str(0, &format!("[{skipped} lines omitted]\n"));
    }
    shown
}
