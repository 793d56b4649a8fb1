//! Programs that run in the background until they are stopped.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::run::Log;

/// The time within which a program must exit by itself.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);
/// The interval between checks.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A program that runs in the background. It is stopped when dropped.
pub(crate) struct BackgroundProgram {
    child: Child,
    log: Log,
}

impl BackgroundProgram {
    /// Starts a program with its output in the log. Ctrl-C doesn't reach it, since this process stops it.
    /// Neither does keyboard input, which Node.js would consume.
    pub(crate) fn start(command: &mut Command, log: Log) -> Result<BackgroundProgram> {
        Self::with(command.stdin(Stdio::null()), log)
    }

    /// Starts a program with a pipe as its standard input.
    pub(crate) fn start_piped(command: &mut Command, log: Log) -> Result<BackgroundProgram> {
        Self::with(command.stdin(Stdio::piped()), log)
    }

    fn with(command: &mut Command, log: Log) -> Result<BackgroundProgram> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let program = command.get_program().display().to_string();
        let child = log.collect(command)?.spawn().with_context(|| format!("cannot run {program}"))?;
        Ok(BackgroundProgram { child, log })
    }

    /// Returns the write end of its standard input, the first time, if that is a pipe.
    pub(crate) fn stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Returns its exit status and the end of its output, if it has exited.
    pub(crate) fn ended(&mut self) -> Result<Option<(ExitStatus, String)>> {
        let Some(status) = self.child.try_wait()? else { return Ok(None) };
        Ok(Some((status, self.log.end()?)))
    }

    /// Returns the end of its output so far.
    pub(crate) fn printed(&self) -> Result<String> {
        self.log.end()
    }

    /// Waits for it to exit. Returns false if it doesn't within [`EXIT_TIMEOUT`].
    pub(crate) fn wait_for_exit(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < EXIT_TIMEOUT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(POLL_INTERVAL);
        }
        false
    }

    fn terminate(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        #[cfg(not(unix))]
        let _ = self.child.kill();
    }
}

impl Drop for BackgroundProgram {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.terminate();
        if !self.wait_for_exit() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A request to stop this process: Ctrl-C, or another termination signal.
#[derive(Clone, Default)]
pub(crate) struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// Creates a flag that termination signals set.
    pub(crate) fn on_signals() -> Result<StopSignal> {
        let stop = StopSignal::default();
        for signal in signal_hook::consts::TERM_SIGNALS {
            signal_hook::flag::register(*signal, Arc::clone(&stop.0)).context("cannot handle Ctrl-C")?;
        }
        #[cfg(unix)]
        signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&stop.0))?;
        Ok(stop)
    }

    pub(crate) fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Sleeps for this duration, or until a stop is requested.
    pub(crate) fn sleep(&self, duration: Duration) {
        let start = Instant::now();
        while !self.is_requested() && start.elapsed() < duration {
            thread::sleep(POLL_INTERVAL.min(duration));
        }
    }
}
