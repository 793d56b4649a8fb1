//! The options that sign OTLP records.

use std::path::PathBuf;

use countersign_dispatch::{Destination, SigningDestination};
use countersign_feeds::Format;
use countersign_otel_integrity::Signer;
use zeroize::Zeroizing;

use crate::errors::{CliError, shown};
use crate::io::{input, key};

const HEADING: &str = "Signing OTLP records";

/// The key that signs OTLP records.
#[derive(clap::Args)]
#[allow(clippy::struct_field_names, reason = "they are named as their options")]
pub(super) struct IntegrityArgs {
    /// Private key (Ed25519, PEM) that signs each OTLP record: its audit.integrity.* attributes, as the signing
    /// processor of the OpenTelemetry Collector writes them
    #[arg(long, value_name = "FILE", requires = "integrity_certificate", help_heading = HEADING)]
    integrity_key: Option<PathBuf>,
    /// Certificate (X.509, PEM) of that key. The records contain its SHA-256 hash
    #[arg(long, value_name = "FILE", requires = "integrity_key", help_heading = HEADING)]
    integrity_certificate: Option<PathBuf>,
    /// HMAC key (base64) that authenticates each OTLP record, in place of a private key
    #[arg(long, value_name = "FILE", conflicts_with = "integrity_key", help_heading = HEADING)]
    integrity_hmac_key: Option<PathBuf>,
}

impl IntegrityArgs {
    /// Signs the records for a destination, if a key is given.
    pub(super) fn sign(
        &self,
        inner: Box<dyn Destination>,
        format: Format,
    ) -> Result<Box<dyn Destination>, CliError> {
        let Some(signer) = self.signer()? else { return Ok(inner) };
        if format != Format::Otlp {
            let message = format!("records of the format {} can't be signed", format.as_str());
            let hint = "use --to otlp, or omit --integrity-key and --integrity-hmac-key";
            return Err(CliError::unusable("arguments.invalid", message, hint));
        }
        Ok(Box::new(SigningDestination { inner, signer }))
    }

    fn signer(&self) -> Result<Option<Signer>, CliError> {
        Ok(match (&self.integrity_key, &self.integrity_certificate, &self.integrity_hmac_key) {
            (Some(path), Some(certificate), _) => {
                key::warn_if_readable(path, "key");
                let pem = Zeroizing::new(input::small(path)?);
                let (name, certificate_name) = (shown(path), shown(certificate));
                Some(Signer::ed25519(&pem, &name, &input::small(certificate)?, &certificate_name)?)
            }
            (_, _, Some(path)) => {
                key::warn_if_readable(path, "key");
                Some(Signer::hmac(&Zeroizing::new(input::small_text(path)?), &shown(path))?)
            }
            _ => None,
        })
    }
}
