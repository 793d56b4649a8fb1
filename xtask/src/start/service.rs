//! HTTP services that run until they are dropped.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::background::BackgroundProgram;
use crate::run::Log;

/// The time within which a service must first respond.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// The interval between checks for a response.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A program that serves HTTP.
pub(crate) struct Service {
    name: &'static str,
    running: BackgroundProgram,
    address: SocketAddr,
}

impl Service {
    /// Starts a service that listens on this port of loopback.
    pub(crate) fn start(name: &'static str, command: &mut Command, port: u16, log: Log) -> Result<Service> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Service { name, running: BackgroundProgram::start(command, log)?, address })
    }

    /// Waits until a request for `path` succeeds.
    pub(crate) fn await_answer(&mut self, path: &str) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < START_TIMEOUT {
            self.check()?;
            if answers(self.address, path).unwrap_or(false) {
                return Ok(());
            }
            thread::sleep(POLL_INTERVAL);
        }
        bail!("{} does not respond at {}\n{}", self.name, self.url(), self.running.printed()?)
    }

    /// Returns an error if it has exited.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.running.ended()? {
            None => Ok(()),
            Some((status, end)) => bail!("{} ended with {status}\n{end}", self.name),
        }
    }

    /// Returns its URL, without a trailing slash.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn answers(address: SocketAddr, path: &str) -> Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    Ok(start.ends_with(b" 200"))
}
