//! TCP and TLS: syslog as RFC 6587 and RFC 5425 have it, counted in octets, or a line a record.
//!
//! Syslog has no answers. A batch is a connection of its own, which is closed for writing at its end: a receiver that
//! closes its side in turn has read all of it, and one that lost some of it resets the connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use countersign_feeds::{Format, Record, syslog_wrap};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{Answer, Sink};
use crate::io::retry::DestinationError;

/// How long connecting, sending or being answered may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a receiver may take to close its side. One that never does is believed to have read what it was sent.
const CLOSING: Duration = Duration::from_secs(10);

pub(super) struct Socket {
    /// `HOST:PORT`.
    pub(super) address: String,
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    pub(super) format: Format,
    pub(super) most: usize,
}

impl Socket {
    /// A batch as it is written.
    fn frames(&self, records: &[&Record]) -> Vec<u8> {
        let mut frames = Vec::new();
        for record in records {
            let framed = match self.format {
                Format::Syslog => Some(record.text.clone()),
                Format::Cef => Some(syslog_wrap("-", record.time, &record.text)),
                _ => None,
            };
            match framed {
                Some(text) => frames.extend(format!("{} {text}", text.len()).into_bytes()),
                None => frames.extend(format!("{}\n", record.text).into_bytes()),
            }
        }
        frames
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn deliver(&self, frames: &[u8]) -> io::Result<()> {
        let mut tcp = self.connect()?;
        let Some((config, name)) = &self.tls else {
            tcp.write_all(frames)?;
            return closed(tcp);
        };
        let connection = ClientConnection::new(config.clone(), name.clone()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, tcp);
        stream.write_all(frames)?;
        stream.conn.send_close_notify();
        stream.flush()?;
        closed(stream.sock)
    }
}

/// Waits until the other side has read all that was written.
fn closed(mut tcp: TcpStream) -> io::Result<()> {
    tcp.shutdown(Shutdown::Write)?;
    tcp.set_read_timeout(Some(CLOSING))?;
    let mut rest = [0; 1024];
    loop {
        match tcp.read(&mut rest) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

impl Sink for Socket {
    fn send(&mut self, records: &[&Record]) -> Result<Answer, DestinationError> {
        let sent = self.deliver(&self.frames(records));
        sent.map(|()| Answer::default())
            .map_err(|error| DestinationError::later(format!("{}: {error}", self.address)))
    }

    fn most(&self) -> usize {
        self.most
    }
}
