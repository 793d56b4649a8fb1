//! Runs `countersign serve`, or another command that listens, as a process.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server that is killed when the test ends.
pub struct ServedLog {
    child: Child,
    /// The first output, with the log and the address.
    pub said: String,
    later: Arc<Mutex<String>>,
}

impl ServedLog {
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        Self::start_command(folder, &[&["serve"], args].concat())
    }

    /// Starts a command that says on standard error where it listens.
    pub fn start_command(folder: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .current_dir(folder)
            .args(args)
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut before = String::new();
        let said = loop {
            let Some(line) = lines.next() else { panic!("it does not listen: {before}") };
            let line = line.unwrap();
            if line.contains(" listens on ") {
                break line;
            }
            before.push_str(&line);
        };
        let later = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&later);
        thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| *written.lock().unwrap() += &(line + "\n"));
        });
        Self { child, said, later }
    }

    /// Returns what it said on standard error after it listened.
    pub fn later(&self) -> String {
        self.later.lock().unwrap().clone()
    }

    /// Sends a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Stops it as a service manager does, and waits until it ended.
    #[cfg(unix)]
    pub fn stop(mut self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success() && self.child.wait().unwrap().success());
    }

    /// Returns the address.
    pub fn url(&self) -> &str {
        self.said.split_once(" listens on ").unwrap().1
    }
}

impl Drop for ServedLog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
