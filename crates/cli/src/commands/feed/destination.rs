//! The options for a feed's destination.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use countersign_client::{Client, Redirects, webhook_url};
use countersign_dispatch::{
    ClientCertificate, Destination, FileDestination, HttpDestination, HttpDialect, Pem, SocketDestination,
    TlsFiles, WebhookDestination,
};
use countersign_feeds::Format;

use super::stdout::Stdout;
use crate::errors::{CliError, shown};
use crate::io::{input, key, token, webhook};

/// The destination of records, and how to reach it.
#[derive(clap::Args)]
pub(super) struct DestinationArgs {
    /// Kind of destination
    ///
    /// file appends one record per line. tcp and tls write syslog (and CEF in syslog) with octet counts, and other
    /// formats as lines. http posts batches of lines, splunk posts to an HTTP Event Collector, elastic to a bulk API,
    /// and otlp to an OpenTelemetry Collector. webhook posts each record, signed as in Standard Webhooks.
    #[arg(long, value_name = "KIND", value_enum, default_value_t = DestinationKind::Stdout, help_heading = "Sending")]
    destination: DestinationKind,
    /// Address of the destination: a file, HOST:PORT, or URL
    #[arg(long, value_name = "WHERE", required_if_eq_any(WITH_ADDRESS.map(|kind| ("destination", kind))), help_heading = "Sending")]
    address: Option<String>,
    /// File with the destination's token
    #[arg(long, value_name = "FILE", help_heading = "Sending")]
    destination_token: Option<PathBuf>,
    /// File with the secret that signs webhooks: whsec_ and base64, as in Standard Webhooks
    #[arg(long, value_name = "FILE", required_if_eq("destination", "webhook"), help_heading = "Sending")]
    webhook_key: Option<PathBuf>,
    /// Certificate authorities (PEM) to accept for the destination [default: the system's]
    #[arg(long, value_name = "FILE", help_heading = "Sending")]
    ca: Option<PathBuf>,
    /// Certificate (PEM) to present to the destination
    #[arg(long, value_name = "FILE", requires = "client_key", help_heading = "Sending")]
    client_certificate: Option<PathBuf>,
    /// Private key (PEM) of that certificate
    #[arg(long, value_name = "FILE", requires = "client_certificate", help_heading = "Sending")]
    client_key: Option<PathBuf>,
    /// Compress requests with gzip
    #[arg(long, help_heading = "Sending")]
    gzip: bool,
    /// Maximum number of records in a batch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000), default_value = "500", help_heading = "Sending")]
    batch: u16,
}

/// The kind of destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DestinationKind {
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

/// The kinds that need an address.
const WITH_ADDRESS: [&str; 8] = ["file", "tcp", "tls", "http", "splunk", "elastic", "otlp", "webhook"];

impl DestinationKind {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl DestinationArgs {
    pub(super) fn open(&self, format: Format) -> Result<Box<dyn Destination>, CliError> {
        let max_records = usize::from(self.batch);
        let address = self.address.as_deref().unwrap_or_default();
        let dialect = match self.destination {
            DestinationKind::File => {
                return Ok(Box::new(FileDestination::open(Path::new(address), format, max_records)?));
            }
            DestinationKind::Tcp | DestinationKind::Tls => {
                let files = if self.destination == DestinationKind::Tls { Some(self.tls()?) } else { None };
                let socket = SocketDestination::new(address, files.as_ref(), format, max_records)?;
                return Ok(Box::new(socket));
            }
            DestinationKind::Webhook => {
                let path = self.webhook_key.as_deref().unwrap_or(Path::new(""));
                let webhook = webhook::open(address, webhook::secret(path)?, self.client()?)?;
                return Ok(Box::new(WebhookDestination { webhook, max_records }));
            }
            DestinationKind::Http => HttpDialect::Any,
            DestinationKind::Splunk => HttpDialect::Splunk,
            DestinationKind::Elastic => HttpDialect::Elastic,
            DestinationKind::Otlp => HttpDialect::Otlp,
            DestinationKind::Stdout => return Ok(Box::new(Stdout { max_records })),
        };
        let fits = match dialect {
            HttpDialect::Otlp => format == Format::Otlp,
            HttpDialect::Elastic => format.is_json(),
            HttpDialect::Any | HttpDialect::Splunk => true,
        };
        if !fits {
            let message =
                format!("{} doesn't accept the format {}", self.destination.name(), format.as_str());
            let hint = "use --to otlp for an OpenTelemetry Collector, --to ecs for Elasticsearch";
            return Err(CliError::unusable("arguments.invalid", message, hint));
        }
        let url = webhook_url(address)?;
        if !url.username().is_empty() || url.password().is_some() {
            let hint = "put the token in a file, and use --destination-token";
            return Err(CliError::unusable(
                "arguments.invalid",
                "the address contains a secret, which others can see in the process list",
                hint,
            ));
        }
        let token = self.destination_token.as_deref().map(token::read).transpose()?;
        if token.is_some() {
            token::warn_if_token_unencrypted(&url);
        }
        let (client, gzip) = (self.client()?, self.gzip);
        Ok(Box::new(HttpDestination { client, url, token, dialect, format, gzip, max_records }))
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
        Ok(Client::with_certificates(Redirects::SameHostWithBody, ca, identity)?)
    }

    fn tls(&self) -> Result<TlsFiles, CliError> {
        let ca = self.ca.as_deref().map(pem).transpose()?;
        let own = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(path)) => {
                key::warn_if_readable(path, "key");
                let key = pem(path)?;
                Some(ClientCertificate { certificates: pem(certificate)?, key })
            }
            _ => None,
        };
        Ok(TlsFiles { ca, own })
    }
}

fn pem(path: &Path) -> Result<Pem, CliError> {
    Ok(Pem { bytes: input::small(path)?, name: shown(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_except_stdout_needs_an_address() {
        let kinds = DestinationKind::value_variants().iter().filter(|kind| **kind != DestinationKind::Stdout);
        let names: Vec<String> = kinds.map(|kind| kind.name()).collect();
        assert_eq!(names, WITH_ADDRESS);
    }
}
