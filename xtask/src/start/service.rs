//! Programs that answer over HTTP, run until they are dropped.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::run::Log;
use crate::running::Running;

/// How long a program may take to answer for the first time.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long between two looks whether it does.
const GLANCE: Duration = Duration::from_millis(50);

/// A program that answers at an address.
pub(crate) struct Service {
    name: &'static str,
    running: Running,
    address: SocketAddr,
}

impl Service {
    /// Starts it. It listens on that port of loopback.
    pub(crate) fn start(name: &'static str, command: &mut Command, port: u16, log: Log) -> Result<Service> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Service { name, running: Running::start(command, log)?, address })
    }

    /// Waits until it answers well at `path`.
    pub(crate) fn await_answer(&mut self, path: &str) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            self.check()?;
            if answers(self.address, path).unwrap_or(false) {
                return Ok(());
            }
            thread::sleep(GLANCE);
        }
        bail!("{} does not answer at {}\n{}", self.name, self.url(), self.running.printed()?)
    }

    /// Fails when it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.running.ended()? {
            None => Ok(()),
            Some((status, end)) => bail!("{} ended with {status}\n{end}", self.name),
        }
    }

    /// Where it is, without a slash at the end.
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
