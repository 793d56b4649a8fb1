//! A command that is run for each item, which stands on its standard input.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use countersign_client::DestinationError;

use crate::handoff::Receiver;
use crate::item::{Item, ItemKind};

/// How long it may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A receiver that runs a command of the shell for each item.
pub struct CommandDestination {
    command: String,
    patience: Duration,
}

impl CommandDestination {
    /// Creates one that runs this command.
    pub fn new(command: &str) -> Self {
        Self { command: command.into(), patience: PATIENCE }
    }

    fn start(&self, item: &Item) -> std::io::Result<Child> {
        #[cfg(unix)]
        let (shell, flag) = ("sh", "-c");
        #[cfg(not(unix))]
        let (shell, flag) = ("cmd", "/C");
        let mut command = Command::new(shell);
        command.args([flag, &self.command]).stdin(Stdio::piped()).stdout(Stdio::null());
        // A group of its own can be ended as a whole, and a terminal's Ctrl-C leaves it to end what it began.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (input, text) = (child.stdin.take(), item.text.clone() + "\n");
        // One that does not read must not keep us from waiting for it.
        std::thread::spawn(move || input.map(|mut input| input.write_all(text.as_bytes())));
        Ok(child)
    }
}

/// Ends a shell that is not waited for yet, and what it started.
fn end(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};

        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
    }
    let _ = child.kill();
    let _ = child.wait();
}

impl Receiver for CommandDestination {
    fn name(&self) -> &'static str {
        "command"
    }

    fn wants(&self, item: &Item) -> bool {
        item.kind != ItemKind::Scan
    }

    fn take(&mut self, item: &Item) -> Result<(), DestinationError> {
        let failed = |error: std::io::Error| DestinationError::later(format!("it cannot be run: {error}"));
        let mut child = self.start(item).map_err(failed)?;
        let until = Instant::now() + self.patience;
        let mut pause = Duration::from_millis(1);
        loop {
            match child.try_wait().map_err(failed)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(DestinationError::Refused(format!("it ended with {status}"))),
                None if Instant::now() >= until => {
                    end(&mut child);
                    return Err(DestinationError::Refused("it takes longer than a minute".into()));
                }
                None => {
                    std::thread::sleep(pause);
                    pause = (2 * pause).min(Duration::from_millis(50));
                }
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::sync::mpsc::channel;

    use super::*;

    /// Who holds a pipe open lives.
    #[test]
    fn a_command_that_takes_too_long_ends_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let command = format!("exec 3>'{}'; sleep 600 & wait", pipe.display());
        let mut exec = CommandDestination { command, patience: Duration::from_millis(250) };
        let (id, title, text) = (String::new(), String::new(), String::new());
        let item = Item { serial: 1, kind: ItemKind::Alert, id, title, text };
        let (begun, begins) = channel();
        let (ended, ends) = channel();
        std::thread::spawn(move || {
            let mut pipe = File::open(pipe).unwrap();
            begun.send(()).unwrap();
            ended.send(pipe.read_to_end(&mut Vec::new())).unwrap();
        });
        loop {
            assert!(matches!(exec.take(&item), Err(DestinationError::Refused(_))));
            if begins.try_recv().is_ok() {
                break;
            }
            // On a busy machine it was ended before it began.
            exec.patience *= 2;
        }
        assert!(matches!(ends.recv_timeout(Duration::from_mins(1)), Ok(Ok(0))));
    }
}
