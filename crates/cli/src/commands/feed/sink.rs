//! Sinks: where records go.

mod file;
mod hook;
mod http;
mod socket;
mod stdout;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use countersign_feeds::{Format, Record};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

use self::file::File;
use self::hook::Webhook;
use self::http::{Http, Receiver};
use self::socket::Socket;
use self::stdout::Stdout;
use crate::errors::{CliError, shown};
use crate::io::http::{Client, Redirects};
use crate::io::retry::DestinationError;
use crate::io::webhook::{Hook, Secret, address};
use crate::io::{input, key, token};

/// What a receiver says of a batch, by the places of its records.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Those that it does not want, and why.
    pub(super) refused: Vec<(usize, String)>,
    /// Those that it does not take now.
    pub(super) later: Vec<usize>,
    /// Not before this, where it says so.
    pub(super) after: Option<Duration>,
}

/// Where records go.
pub(super) trait Sink {
    /// Has the receiver take these. What is neither refused nor left for later is there.
    fn send(&mut self, records: &[&Record]) -> Result<Answer, DestinationError>;

    /// How many records a batch has at most.
    fn most(&self) -> usize;

    /// Goes on with what was written before, which was so long when all that was sent was in it.
    fn resume(&mut self, _written: Option<u64>) -> Result<(), CliError> {
        Ok(())
    }

    /// How long what was written is, where that tells how far it is.
    fn written(&self) -> Option<u64> {
        None
    }
}

/// Where records go, by arguments.
#[derive(clap::Args)]
pub(super) struct Sending {
    /// Where records go
    ///
    /// file appends one line each; tcp and tls write syslog (and CEF within it) with octet counts, and other
    /// formats as lines; http posts batches of lines, splunk to an HTTP Event Collector, elastic to a bulk
    /// interface, otlp to an OpenTelemetry collector; webhook posts each record, signed as in Standard Webhooks.
    #[arg(long, value_name = "SINK", value_enum, default_value_t = Kind::Stdout, help_heading = "Sending")]
    sink: Kind,
    /// The file, HOST:PORT, or URL
    #[arg(long, value_name = "WHERE", required_if_eq_any(WITH_DESTINATION.map(|sink| ("sink", sink))), help_heading = "Sending")]
    destination: Option<String>,
    /// File with the receiver's token
    #[arg(long, value_name = "FILE", help_heading = "Sending")]
    sink_token: Option<PathBuf>,
    /// File with the secret that signs webhooks: whsec_ and base64, as in Standard Webhooks
    #[arg(long, value_name = "FILE", required_if_eq("sink", "webhook"), help_heading = "Sending")]
    webhook_key: Option<PathBuf>,
    /// Certificates (PEM) of authorities to accept for the receiver [default: the system's]
    #[arg(long, value_name = "FILE", help_heading = "Sending")]
    ca: Option<PathBuf>,
    /// This program's certificate (PEM) for the receiver
    #[arg(long, value_name = "FILE", requires = "client_key", help_heading = "Sending")]
    client_certificate: Option<PathBuf>,
    /// That certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "client_certificate", help_heading = "Sending")]
    client_key: Option<PathBuf>,
    /// Compress posts with gzip
    #[arg(long, help_heading = "Sending")]
    gzip: bool,
    /// The most records to send at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000), default_value = "500", help_heading = "Sending")]
    batch: u16,
}

/// The kinds of sinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Stdout,
    File,
    Tcp,
    Tls,
    Http,
    Splunk,
    Elastic,
    Otlp,
    Webhook,
}

/// The kinds of sinks that need a destination.
const WITH_DESTINATION: [&str; 8] = ["file", "tcp", "tls", "http", "splunk", "elastic", "otlp", "webhook"];

impl Kind {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl Sending {
    pub(super) fn open(&self, format: Format) -> Result<Box<dyn Sink>, CliError> {
        let most = usize::from(self.batch);
        let destination = self.destination.as_deref().unwrap_or_default();
        let receiver = match self.sink {
            Kind::File => return Ok(Box::new(File::open(Path::new(destination), most)?)),
            Kind::Tcp | Kind::Tls => {
                let tls = if self.sink == Kind::Tls { Some(self.tls(destination)?) } else { None };
                host(destination)?;
                return Ok(Box::new(Socket { address: destination.into(), tls, format, most }));
            }
            Kind::Webhook => {
                let path = self.webhook_key.as_deref().unwrap_or(Path::new(""));
                let hook = Hook::new(destination, Secret::load(path)?, self.client()?)?;
                return Ok(Box::new(Webhook { hook, most }));
            }
            Kind::Http => Receiver::Any,
            Kind::Splunk => Receiver::Splunk,
            Kind::Elastic => Receiver::Elastic,
            Kind::Otlp => Receiver::Otlp,
            Kind::Stdout => return Ok(Box::new(Stdout { most })),
        };
        let fits = match receiver {
            Receiver::Otlp => format == Format::Otlp,
            Receiver::Elastic => format.is_json(),
            Receiver::Any | Receiver::Splunk => true,
        };
        if !fits {
            let message = format!("{} doesn't accept the format {}", self.sink.name(), format.as_str());
            let hint = "give --to otlp for a collector of OpenTelemetry, --to ecs for Elasticsearch";
            return Err(CliError::unusable("arguments.invalid", message, hint));
        }
        let url = address(destination)?;
        if !url.username().is_empty() || url.password().is_some() {
            let hint = "put the token in a file of its own, and use --sink-token";
            return Err(CliError::unusable(
                "arguments.invalid",
                "the address contains a secret, which others may see",
                hint,
            ));
        }
        let token = self.sink_token.as_deref().map(token::read).transpose()?;
        if token.is_some() {
            token::warn_if_seen(&url);
        }
        let client = self.client()?;
        Ok(Box::new(Http { client, url, token, receiver, format, gzip: self.gzip, most }))
    }

    fn client(&self) -> Result<Client, CliError> {
        let ca = match &self.ca {
            Some(path) => Some((input::small(path)?, shown(path))),
            None => None,
        };
        let identity = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => {
                key::warn_if_readable(key, "key");
                Some((
                    [input::small(certificate)?, b"\n".to_vec(), input::small(key)?].concat(),
                    shown(certificate),
                ))
            }
            _ => None,
        };
        Client::with_certificates(Redirects::SameHostWithBody, ca, identity)
    }

    fn tls(&self, destination: &str) -> Result<(Arc<ClientConfig>, ServerName<'static>), CliError> {
        let refused = |why: String| {
            let hint = "check the system's certificates, or give the receiver's with --ca";
            CliError::unusable("tls.invalid", why, hint)
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(error.to_string()))?;
        let builder = match &self.ca {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| refused(error.to_string()).within(&shown(path)))?;
                }
                builder.with_root_certificates(roots)
            }
            None => builder.with_platform_verifier().map_err(|error| refused(error.to_string()))?,
        };
        let config = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(path)) => {
                key::warn_if_readable(path, "key");
                let key = PrivateKeyDer::from_pem_slice(&input::small(path)?)
                    .map_err(|_| pem(path, "a private key"))?;
                builder
                    .with_client_auth_cert(certificates(certificate)?, key)
                    .map_err(|error| refused(error.to_string()).within(&shown(path)))?
            }
            _ => builder.with_no_client_auth(),
        };
        let name = host(destination)?;
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| refused(format!("{name:?} is not a host name")))?;
        Ok((Arc::new(config), name))
    }
}

/// The host of `HOST:PORT`.
fn host(address: &str) -> Result<&str, CliError> {
    let parts =
        address.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    parts.map(|(host, _)| host.trim_matches(['[', ']'])).ok_or_else(|| {
        let hint = "write it as siem.example:6514, or [2001:db8::1]:6514";
        CliError::unusable("arguments.invalid", "the destination is not a host with a port", hint)
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CliError> {
    let bytes = input::small(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    certificates.ok().filter(|all| !all.is_empty()).ok_or_else(|| pem(path, "a certificate"))
}

fn pem(path: &Path, what: &str) -> CliError {
    let message = format!("it does not hold {what} as PEM");
    CliError::unusable("tls.invalid", message, "give a file of PEM").within(&shown(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sink_but_standard_output_needs_a_destination() {
        let kinds = Kind::value_variants().iter().filter(|kind| **kind != Kind::Stdout);
        let names: Vec<String> = kinds.map(|kind| kind.name()).collect();
        assert_eq!(names, WITH_DESTINATION);
    }
}
