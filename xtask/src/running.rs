//! Programs that run beside this one until they are stopped.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::run::Log;

/// How long a program gets to end by itself.
const GRACE: Duration = Duration::from_secs(10);
/// How long between two looks.
const GLANCE: Duration = Duration::from_millis(20);

/// A program that runs. It is stopped when this is dropped.
pub(crate) struct Running {
    child: Child,
    log: Log,
}

impl Running {
    /// Starts a program whose output goes to the log. Ctrl-C does not reach it: it is for this program to stop it. Nor
    /// does what is typed: Node.js would take it, or make a pipe one that nobody can wait for.
    pub(crate) fn start(command: &mut Command, log: Log) -> Result<Running> {
        Self::with(command.stdin(Stdio::null()), log)
    }

    /// The same with a pipe as its standard input.
    pub(crate) fn start_fed(command: &mut Command, log: Log) -> Result<Running> {
        Self::with(command.stdin(Stdio::piped()), log)
    }

    fn with(command: &mut Command, log: Log) -> Result<Running> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let program = command.get_program().display().to_string();
        let child = log.collect(command)?.spawn().with_context(|| format!("cannot run {program}"))?;
        Ok(Running { child, log })
    }

    /// Its standard input, once, if it is a pipe.
    pub(crate) fn stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// How it ended, if it did, and the end of what it printed.
    pub(crate) fn ended(&mut self) -> Result<Option<(ExitStatus, String)>> {
        let Some(status) = self.child.try_wait()? else { return Ok(None) };
        Ok(Some((status, self.log.end()?)))
    }

    /// The end of what it has printed so far.
    pub(crate) fn printed(&self) -> Result<String> {
        self.log.end()
    }

    /// Whether it ends by itself within a while.
    pub(crate) fn ends(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < GRACE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(GLANCE);
        }
        false
    }

    fn ask(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        #[cfg(not(unix))]
        let _ = self.child.kill();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.ask();
        if !self.ends() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Whether this program shall stop: Ctrl-C, or another signal that asks for it.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// One that the machine's signals set.
    pub(crate) fn on_signals() -> Result<Stop> {
        let stop = Stop::default();
        for signal in signal_hook::consts::TERM_SIGNALS {
            signal_hook::flag::register(*signal, Arc::clone(&stop.0)).context("cannot wait for Ctrl-C")?;
        }
        #[cfg(unix)]
        signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&stop.0))?;
        Ok(stop)
    }

    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits so long, or until it shall stop.
    pub(crate) fn sleep(&self, duration: Duration) {
        let start = Instant::now();
        while !self.is_asked() && start.elapsed() < duration {
            thread::sleep(GLANCE.min(duration));
        }
    }
}
