//! Sinks: where records go.

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

/// Where records go, by arguments.
#[derive(clap::Args)]
pub(super) struct Sending {
    /// Where records go
    ///
    /// file appends one line each; tcp and tls write syslog (and CEF within it) with octet counts, and other
    /// formats as lines; http posts batches of lines, splunk to an HTTP Event Collector, elastic to a bulk
    /// interface, otlp to an OpenTelemetry Collector; webhook posts each record, signed as in Standard Webhooks.
    #[arg(long, value_name = "SINK", value_enum, default_value_t = Kind::Stdout, help_heading = "Sending")]
    sink: Kind,
    /// The file, HOST:PORT, or URL
    #[arg(long, value_name = "WHERE", required_if_eq_any(WITH_DESTINATION.map(|sink| ("sink", sink))), help_heading = "Sending")]
    destination: Option<String>,
    /// File with the receiver's token
    #[arg(long, value_name = "FILE", help_heading = "Sending")]
    destination_token: Option<PathBuf>,
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
    pub(super) fn open(&self, format: Format) -> Result<Box<dyn Destination>, CliError> {
        let max_records = usize::from(self.batch);
        let destination = self.destination.as_deref().unwrap_or_default();
        let receiver = match self.sink {
            Kind::File => return Ok(Box::new(FileDestination::open(Path::new(destination), max_records)?)),
            Kind::Tcp | Kind::Tls => {
                let files = if self.sink == Kind::Tls { Some(self.tls()?) } else { None };
                let socket = SocketDestination::new(destination, files.as_ref(), format, max_records)?;
                return Ok(Box::new(socket));
            }
            Kind::Webhook => {
                let path = self.webhook_key.as_deref().unwrap_or(Path::new(""));
                let webhook = webhook::open(destination, webhook::secret(path)?, self.client()?)?;
                return Ok(Box::new(WebhookDestination { webhook, max_records }));
            }
            Kind::Http => HttpDialect::Any,
            Kind::Splunk => HttpDialect::Splunk,
            Kind::Elastic => HttpDialect::Elastic,
            Kind::Otlp => HttpDialect::Otlp,
            Kind::Stdout => return Ok(Box::new(Stdout { max_records })),
        };
        let fits = match receiver {
            HttpDialect::Otlp => format == Format::Otlp,
            HttpDialect::Elastic => format.is_json(),
            HttpDialect::Any | HttpDialect::Splunk => true,
        };
        if !fits {
            let message = format!("{} doesn't accept the format {}", self.sink.name(), format.as_str());
            let hint = "give --to otlp for a OpenTelemetry Collector, --to ecs for Elasticsearch";
            return Err(CliError::unusable("arguments.invalid", message, hint));
        }
        let url = webhook_url(destination)?;
        if !url.username().is_empty() || url.password().is_some() {
            let hint = "put the token in a file of its own, and use --destination-token";
            return Err(CliError::unusable(
                "arguments.invalid",
                "the address contains a secret, which others may see",
                hint,
            ));
        }
        let token = self.destination_token.as_deref().map(token::read).transpose()?;
        if token.is_some() {
            token::warn_if_seen(&url);
        }
        let (client, gzip) = (self.client()?, self.gzip);
        Ok(Box::new(HttpDestination { client, url, token, receiver, format, gzip, max_records }))
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
    fn every_sink_but_standard_output_needs_a_destination() {
        let kinds = Kind::value_variants().iter().filter(|kind| **kind != Kind::Stdout);
        let names: Vec<String> = kinds.map(|kind| kind.name()).collect();
        assert_eq!(names, WITH_DESTINATION);
    }
}
