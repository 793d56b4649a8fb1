//! Running programs.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use wait4::{ResUse, Wait4 as _};

/// The lines of a failed program's output that an error shows.
const SHOWN_LINES: usize = 80;

/// A file that collects what programs print, and the processor time that they took.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    cpu: Mutex<Duration>,
}

impl Log {
    pub(crate) fn create(path: PathBuf) -> Result<Log> {
        fs::create_dir_all(path.parent().context("a log needs a folder")?)?;
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Log { path, file, cpu: Mutex::default() })
    }

    /// Runs a program to its end; its output goes to the log, and when it fails into the error too.
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

    /// The processor time of the programs that have ended, with that of the programs that they waited for.
    pub(crate) fn cpu(&self) -> Duration {
        *self.cpu.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a command print to the log.
    pub(crate) fn collect<'a>(&self, command: &'a mut Command) -> Result<&'a mut Command> {
        Ok(command.stdout(self.file.try_clone()?).stderr(self.file.try_clone()?))
    }

    /// The last lines of it, and where it is.
    pub(crate) fn end(&self) -> Result<String> {
        Ok(format!("{}\nwhole output: {}", tail(&self.text()?), self.path.display()))
    }

    /// All that programs have printed so far.
    pub(crate) fn text(&self) -> Result<String> {
        self.text_from(0)
    }

    /// The end of the log, to be looked at while programs write to it.
    pub(crate) fn tail(&self) -> Tail {
        Tail(self.path.clone())
    }

    fn text_from(&self, start: u64) -> Result<String> {
        let bytes = fs::read(&self.path)?;
        let start = usize::try_from(start)?.min(bytes.len());
        Ok(String::from_utf8_lossy(&bytes[start..]).into_owned())
    }
}

/// The end of a log.
#[derive(Clone)]
pub(crate) struct Tail(PathBuf);

impl Tail {
    /// What is shown of a line, in characters, and read of the file, in bytes.
    const WIDTH: usize = 60;
    const READ: u64 = 1024;

    /// The beginning of the last line, without what only a terminal understands.
    pub(crate) fn last_line(&self) -> String {
        let end = self.read().unwrap_or_default();
        let text = String::from_utf8_lossy(&end);
        let line = text.trim_end().rsplit(['\n', '\r']).next().unwrap_or_default();
        line.trim().chars().filter(|character| !character.is_control()).take(Self::WIDTH).collect()
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.0)?;
        let start = file.metadata()?.len().saturating_sub(Self::READ);
        file.seek(SeekFrom::Start(start))?;
        let mut end = Vec::new();
        file.take(Self::READ).read_to_end(&mut end)?;
        Ok(end)
    }
}

/// Runs a program and gives its standard output, trimmed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {}", line(command)))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{} ended with {}\n{}", line(command), output.status, tail(&error));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The file that a program's name stands for, from `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program).with_extension(std::env::consts::EXE_EXTENSION))
        .find(|file| file.is_file())
}

/// Apt refuses to run twice at a time.
static APT: Mutex<()> = Mutex::new(());

/// Installs Debian packages, where that is possible without asking.
pub(crate) fn apt_install(log: &Log, packages: &[&str]) -> Result<()> {
    let _alone = APT.lock().unwrap_or_else(PoisonError::into_inner);
    if !Path::new("/etc/debian_version").exists() {
        bail!("this is not Debian");
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

/// The command as a person would type it.
fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    format!("`{}`", words.join(" "))
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let skipped = lines.len().saturating_sub(SHOWN_LINES);
    let mut shown = lines[skipped..].join("\n");
    if skipped > 0 {
        shown.insert_str(0, &format!("[{skipped} lines before]\n"));
    }
    shown
}
