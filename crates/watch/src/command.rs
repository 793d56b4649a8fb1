//! A destination that runs a shell command for each item, with the item on its standard input.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use countersign_client::DestinationError;

use crate::handoff::Destination;
use crate::item::{Item, ItemKind};

/// The time limit for one run of the command.
const PATIENCE: Duration = Duration::from_mins(1);

/// A destination that runs a shell command for each item.
pub struct CommandDestination {
    command: String,
    patience: Duration,
}

impl CommandDestination {
    /// Creates a destination that runs `command`.
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
        // A separate process group can be killed as a whole, and Ctrl-C in a terminal doesn't reach it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (input, text) = (child.stdin.take(), item.text.clone() + "\n");
        // Written in a thread, because a command that never reads its input would block the wait below.
        std::thread::spawn(move || input.map(|mut input| input.write_all(text.as_bytes())));
        Ok(child)
    }
}

/// Kills a shell that was not waited for yet, and its process group.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};

        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
    }
    let _ = child.kill();
    let _ = child.wait();
}

impl Destination for CommandDestination {
    fn name(&self) -> &'static str {
        "command"
    }

    fn wants(&self, item: &Item) -> bool {
        item.kind != ItemKind::Scan
    }

    fn accept(&mut self, item: &Item) -> Result<(), DestinationError> {
        let failed =
            |error: std::io::Error| DestinationError::later(format!("the command can't be run: {error}"));
        let mut child = self.start(item).map_err(failed)?;
        let until = Instant::now() + self.patience;
        let mut pause = Duration::from_millis(1);
        loop {
            match child.try_wait().map_err(failed)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(DestinationError::Refused(format!("the command ended with {status}")));
                }
                None if Instant::now() >= until => {
                    kill(&mut child);
                    return Err(DestinationError::Refused("the command takes longer than a minute".into()));
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

    /// The pipe stays open as long as any process of the command lives.
    #[test]
    fn kills_a_slow_command_and_its_children() {
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
            assert!(matches!(exec.accept(&item), Err(DestinationError::Refused(_))));
            if begins.try_recv().is_ok() {
                break;
            }
            // On a busy machine the command may have been killed before it opened the pipe.
            exec.patience *= 2;
        }
        assert!(matches!(ends.recv_timeout(Duration::from_mins(1)), Ok(Ok(0))));
    }
}
