//! The command that `countersign dev` runs beside its log.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::errors::{CliError, shown};
use crate::io::stop;

/// The interval of attempts to connect to the log before it listens.
const CONNECT_INTERVAL: Duration = Duration::from_millis(20);
/// The status of a shell for a command that a signal ended, less the signal's number.
#[cfg(unix)]
const SIGNALED: i32 = 128;

/// A running command. Its end makes this process stop.
pub(super) struct Supervisor {
    thread: JoinHandle<Result<i32, CliError>>,
    is_over: Arc<AtomicBool>,
}

impl Supervisor {
    /// Runs a command with these variables once the log listens; `None` if there is no command.
    pub(super) fn start<const N: usize>(
        command: &[OsString],
        address: SocketAddr,
        variables: &[(&'static str, Zeroizing<String>); N],
    ) -> Option<Self> {
        let [program, args @ ..] = command else { return None };
        let mut command = Command::new(program);
        command.args(args).envs(variables.iter().map(|(name, value)| (name, value.as_str())));
        let name = shown(Path::new(program));
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let status = supervise(command, &name, address, &ends);
            stop::stop();
            status
        });
        Some(Self { thread, is_over })
    }

    /// Asks the command to end if it still runs after the log has ended, and waits for its end. Returns its exit status.
    pub(super) fn end(self) -> Result<i32, CliError> {
        self.is_over.store(true, Ordering::SeqCst);
        stop::end_child();
        self.thread.join().unwrap_or_else(|_| {
            let hint = "report this as a bug";
            Err(CliError::unusable("command.failed", "the command's thread failed", hint))
        })
    }
}

/// Waits until the log listens, and runs the command. Returns its exit status.
fn supervise(
    mut command: Command,
    name: &str,
    address: SocketAddr,
    is_over: &AtomicBool,
) -> Result<i32, CliError> {
    let must_end = || is_over.load(Ordering::SeqCst) || stop::is_requested();
    while !must_end() && TcpStream::connect(address).is_err() {
        thread::sleep(CONNECT_INTERVAL);
    }
    if must_end() {
        return Ok(0);
    }
    let run = |error| CliError::io("run", name, &error).with_hint("check the command after `--`");
    let mut child = command.spawn().map_err(run)?;
    stop::delegate(child.id());
    // A signal may have come, or the log may have ended, while the child had not yet been registered.
    if must_end() {
        stop::end_child();
    }
    let status = child.wait().map_err(run)?;
    Ok(code(status))
}

/// Returns the number that a shell would report.
fn code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return SIGNALED + signal;
    }
    status.code().unwrap_or(1)
}
