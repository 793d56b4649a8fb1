//! The watcher of the sample log, and an attack on the dashboard.

use std::fs;
use std::io::{self, BufRead as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::examples;
use super::ports::Ports;
use super::sample_log::SampleLog;
use crate::background::BackgroundProgram;
use crate::tools::Tools;

/// The built-in rules and the dashboard's.
const RULES: [&str; 2] = ["crates/analyze/rules", "examples/dashboard/rules"];
/// The folder for the evidence of an attack.
const EVIDENCE: &str = "target/sample/attack";
/// The time within which the first watchlist must be written.
const START_TIMEOUT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A running `countersign watch`, which follows the log.
pub(crate) struct Watch {
    running: BackgroundProgram,
    folder: PathBuf,
}

impl Watch {
    /// Starts the watcher, and waits for its first watchlist.
    pub(crate) fn start(tools: &Tools, sample: &SampleLog, url: &str) -> Result<Watch> {
        let folder = sample.watch();
        let mut command = Command::new(sample.program());
        command.args(["watch", url, "--trust"]).arg(&sample.reader.trust);
        command.arg("--token-file").arg(&sample.reader.token).arg("--state").arg(folder.join("state"));
        for rules in RULES {
            command.arg("--rules").arg(tools.path(rules));
        }
        command.arg("--watchlist").arg(Self::list_in(&folder)).arg("--key").arg(folder.join("watch.key"));
        command.args(["--exec", "cat >> \"$ALERTS\""]).env("ALERTS", Self::alerts_in(&folder));
        let mut watch =
            Watch { running: BackgroundProgram::start(&mut command, tools.log("watch")?)?, folder };
        let start = Instant::now();
        while !watch.list().is_file() {
            watch.check()?;
            if start.elapsed() > START_TIMEOUT {
                bail!("countersign watch wrote no watchlist within a minute\n{}", watch.running.printed()?);
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(watch)
    }

    /// Returns the path of the watchlist in a folder.
    pub(crate) fn list_in(folder: &std::path::Path) -> PathBuf {
        folder.join("watchlist.txt")
    }

    fn alerts_in(folder: &std::path::Path) -> PathBuf {
        folder.join("alerts.ndjson")
    }

    /// Returns the path of the watchlist, which is rewritten regularly.
    pub(crate) fn list(&self) -> PathBuf {
        Self::list_in(&self.folder)
    }

    /// Returns the public key that signs it.
    pub(crate) fn vkey(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.join("vkey"))?.trim().to_owned())
    }

    /// Returns an error if it has exited.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.running.ended()? {
            None => Ok(()),
            Some((status, end)) => bail!("countersign watch ended with {status}\n{end}"),
        }
    }

    /// Runs an attack on the dashboard, and shows the response to it.
    pub(crate) fn attack(&self, tools: &Tools, sample: &SampleLog, ports: &Ports, page: &str) -> Result<()> {
        let on = |port: u16| format!("http://127.0.0.1:{port}");
        let mut node = examples::typescript(tools, "examples/run/play.ts")?;
        node.env("COUNTERSIGN", sample.program())
            .env("DASHBOARD", on(ports.dashboard))
            .env("WORKER", on(ports.worker))
            .env("LOG", on(ports.log))
            .env("ALERTS", Self::alerts_in(&self.folder))
            .env("TRUST", &sample.reader.trust)
            .env("TOKEN_FILE", &sample.reader.token)
            .env("OUT", tools.path(EVIDENCE))
            .env("PAGE", page);
        let status = node.stdin(Stdio::null()).status()?;
        // The attack has printed its own error; everything else continues.
        println!(
            "{}",
            if status.success() { "Press Enter to run another attack." } else { "The attack failed." }
        );
        Ok(())
    }
}

/// Sends a message for each Enter key, until standard input ends.
pub(crate) fn enters() -> Receiver<()> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if line.is_err() || sender.send(()).is_err() {
                break;
            }
        }
    });
    receiver
}
