//! A destination over TCP or TLS: syslog with octet counting (RFC 6587 and RFC 5425), or one record per line.
//!
//! Syslog has no acknowledgments. Each batch uses a separate connection, which is closed for writing at its
//! end: a peer that closes its side in turn has read everything, and one that lost data resets the
//! connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use countersign_client::DestinationError;
use countersign_errors::EngineError;
use countersign_feeds::{Format, Record, syslog_wrap};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_platform_verifier::BuilderVerifierExt as _;

use crate::destination::{BatchAnswer, Destination};

/// The time limit for connecting, for sending, and for an answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The time limit for the peer to close its side. A peer that never does is assumed to have read everything.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The contents of a PEM file.
pub struct Pem {
    /// The contents.
    pub bytes: Vec<u8>,
    /// The file's name, for messages.
    pub name: String,
}

/// The sender's certificate and private key.
pub struct ClientCertificate {
    /// The certificates.
    pub certificates: Pem,
    /// The private key.
    pub key: Pem,
}

/// The PEM files for a TLS connection.
pub struct TlsFiles {
    /// Certificate authorities to accept; without them, the system's.
    pub ca: Option<Pem>,
    /// The sender's certificate, if the peer requires one.
    pub own: Option<ClientCertificate>,
}

/// A destination for syslog or lines, over TCP or TLS.
pub struct SocketDestination {
    /// `HOST:PORT`.
    address: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    format: Format,
    max_records: usize,
}

impl SocketDestination {
    /// Creates the destination at `HOST:PORT`, for records of that format. A batch has at most `max_records`. Sends
    /// nothing yet.
    ///
    /// # Errors
    /// If the address is not a host with a port, or a certificate can't be used.
    pub fn new(
        address: &str,
        tls: Option<&TlsFiles>,
        format: Format,
        max_records: usize,
    ) -> Result<Self, EngineError> {
        let tls = tls.map(|files| configure(address, files)).transpose()?;
        host(address)?;
        Ok(Self { address: address.into(), tls, format, max_records })
    }
}

impl SocketDestination {
    /// Encodes a batch.
    fn frames(&self, records: &[&Record]) -> Vec<u8> {
        let mut frames = Vec::new();
        for record in records {
            let framed = match self.format {
                Format::Syslog => Some(record.text.clone()),
                Format::Cef => Some(syslog_wrap(record.syslog.as_ref(), record.time, &record.text)),
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
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(TIMEOUT))?;
                    stream.set_write_timeout(Some(TIMEOUT))?;
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
            return await_close(tcp);
        };
        let connection = ClientConnection::new(config.clone(), name.clone()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, tcp);
        stream.write_all(frames)?;
        stream.conn.send_close_notify();
        stream.flush()?;
        await_close(stream.sock)
    }
}

/// Waits until the peer has read everything.
fn await_close(mut tcp: TcpStream) -> io::Result<()> {
    tcp.shutdown(Shutdown::Write)?;
    tcp.set_read_timeout(Some(CLOSE_TIMEOUT))?;
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

impl Destination for SocketDestination {
    fn send(&mut self, records: &[&Record]) -> Result<BatchAnswer, DestinationError> {
        let sent = self.deliver(&self.frames(records));
        sent.map(|()| BatchAnswer::default())
            .map_err(|error| DestinationError::later(format!("{}: {error}", self.address)))
    }

    fn max_records(&self) -> usize {
        self.max_records
    }
}

fn configure(
    address: &str,
    files: &TlsFiles,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), EngineError> {
    let refused = |why: String| {
        let hint = "check the system's certificates, or pass the destination's with --ca";
        EngineError::new("tls.invalid", why, hint)
    };
    let builder = ClientConfig::builder_with_provider(countersign_tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.to_string()))?;
    let builder = match &files.ca {
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(ca)? {
                roots.add(certificate).map_err(|error| refused(error.to_string()).within(&ca.name))?;
            }
            builder.with_root_certificates(roots)
        }
        None => builder.with_platform_verifier().map_err(|error| refused(error.to_string()))?,
    };
    let config = match &files.own {
        Some(ClientCertificate { certificates: own, key }) => {
            let private =
                PrivateKeyDer::from_pem_slice(&key.bytes).map_err(|_| pem(&key.name, "private key"))?;
            builder
                .with_client_auth_cert(certificates(own)?, private)
                .map_err(|error| refused(error.to_string()).within(&key.name))?
        }
        None => builder.with_no_client_auth(),
    };
    let name = host(address)?;
    let name =
        ServerName::try_from(name.to_owned()).map_err(|_| refused(format!("{name:?} is not a host name")))?;
    Ok((Arc::new(config), name))
}

/// Returns the host of `HOST:PORT`.
fn host(address: &str) -> Result<&str, EngineError> {
    let parts =
        address.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    parts.map(|(host, _)| host.trim_matches(['[', ']'])).ok_or_else(|| {
        let hint = "use a form such as siem.example:6514 or [2001:db8::1]:6514";
        EngineError::new("arguments.invalid", "the destination must be a host and a port", hint)
    })
}

fn certificates(Pem { bytes, name }: &Pem) -> Result<Vec<CertificateDer<'static>>, EngineError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    certificates.ok().filter(|all| !all.is_empty()).ok_or_else(|| pem(name, "certificate"))
}

fn pem(name: &str, what: &str) -> EngineError {
    let message = format!("the file contains no {what} in PEM format");
    EngineError::new("tls.invalid", message, "use a PEM file").within(name)
}
