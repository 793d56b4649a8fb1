//! A command that is run for each item, which stands on its standard input.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::handing::{Receiver, Trouble};
use super::item::{Item, Kind};

/// How long it may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A command of the shell.
pub(crate) struct Exec(pub(crate) String);

impl Exec {
    fn start(&self, item: &Item) -> std::io::Result<Child> {
        #[cfg(unix)]
        let (shell, flag) = ("sh", "-c");
        #[cfg(not(unix))]
        let (shell, flag) = ("cmd", "/C");
        let mut command = Command::new(shell);
        let mut child = command.args([flag, &self.0]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let (input, text) = (child.stdin.take(), item.text.clone() + "\n");
        // One that does not read must not keep us from waiting for it.
        std::thread::spawn(move || input.map(|mut input| input.write_all(text.as_bytes())));
        Ok(child)
    }
}

impl Receiver for Exec {
    fn name(&self) -> &'static str {
        "command"
    }

    fn wants(&self, item: &Item) -> bool {
        item.kind != Kind::Scan
    }

    fn take(&mut self, item: &Item) -> Result<(), Trouble> {
        let failed = |error: std::io::Error| Trouble::Later(format!("it cannot be run: {error}"));
        let mut child = self.start(item).map_err(failed)?;
        let until = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(1);
        loop {
            match child.try_wait().map_err(failed)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Trouble::Refused(format!("it ended with {status}"))),
                None if Instant::now() >= until => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(Trouble::Refused("it takes longer than a minute".into()));
                }
                None => {
                    std::thread::sleep(pause);
                    pause = (2 * pause).min(Duration::from_millis(50));
                }
            }
        }
    }
}
