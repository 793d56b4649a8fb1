//! The options that verify the integrity values of OpenTelemetry log records.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::OnceLock;

use countersign::Error;
use countersign::event::Event;
#[cfg(feature = "native")]
use countersign_otel_integrity::Verifier;

use crate::errors::CliError;
use crate::io::style;

const HEADING: &str = "Signed log records";

/// The key that log records must be signed with.
#[derive(clap::Args)]
pub(crate) struct IntegrityArgs {
    /// Record only OpenTelemetry log records that are signed with this certificate's key (X.509, PEM), and note in
    /// each that it was verified
    ///
    /// The records are OTLP exports in JSON with audit.integrity.* attributes, as the signing processor of the
    /// OpenTelemetry Collector writes them. Anything else is rejected. The certificate is accepted as it is: neither
    /// its issuer nor its validity is checked.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["duplicate_fields", "time_zone"],
        help_heading = HEADING
    )]
    integrity_certificate: Option<PathBuf>,
    /// Record only OpenTelemetry log records that are authenticated with this HMAC key (base64)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["duplicate_fields", "integrity_certificate", "time_zone"], help_heading = HEADING)]
    integrity_hmac_key: Option<PathBuf>,
    #[cfg(feature = "native")]
    #[arg(skip)]
    verifier: OnceLock<Verifier>,
    #[arg(skip)]
    warned: OnceLock<()>,
}

impl IntegrityArgs {
    /// Reads the key, if one is given.
    #[cfg(feature = "native")]
    pub(super) fn load(&self) -> Result<(), CliError> {
        use crate::errors::shown;
        use crate::io::{input, key};

        let verifier = match (&self.integrity_certificate, &self.integrity_hmac_key) {
            (Some(path), _) => Verifier::certificate(&input::small(path)?, &shown(path))?,
            (None, Some(path)) => {
                key::warn_if_readable(path, "key");
                Verifier::hmac(&zeroize::Zeroizing::new(input::small_text(path)?), &shown(path))?
            }
            (None, None) => return Ok(()),
        };
        let _ = self.verifier.set(verifier);
        Ok(())
    }

    /// Refuses a key, which only the native program can use.
    #[cfg(not(feature = "native"))]
    pub(super) fn load(&self) -> Result<(), CliError> {
        match (&self.integrity_certificate, &self.integrity_hmac_key) {
            (None, None) => Ok(()),
            _ => Err(crate::errors::needs_native(
                "`record --integrity-certificate` and `--integrity-hmac-key`",
            )),
        }
    }

    /// Verifies an event, and notes the key in it. Without a key, returns the event as it is.
    #[cfg(feature = "native")]
    pub(super) fn verify<'b>(&self, bytes: Cow<'b, [u8]>) -> Result<Cow<'b, [u8]>, Error> {
        let Some(verifier) = self.verifier.get() else { return Ok(bytes) };
        // Rejects duplicate names, of which different parsers would see different values.
        let canonical = countersign::canonical::canonicalize(&bytes)?;
        let verified = verifier.verify(&canonical).map_err(|error| Error::from(&error))?;
        Ok(Cow::Owned(verified.into_bytes()))
    }

    /// True if events are verified.
    #[cfg(feature = "native")]
    pub(super) fn verifies(&self) -> bool {
        self.verifier.get().is_some()
    }

    /// Returns the event as it is: there is no key.
    #[cfg(not(feature = "native"))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "the native program verifies here")]
    pub(super) fn verify<'b>(&self, bytes: Cow<'b, [u8]>) -> Result<Cow<'b, [u8]>, Error> {
        Ok(bytes)
    }

    #[cfg(not(feature = "native"))]
    #[allow(clippy::unused_self, reason = "the native program verifies")]
    pub(super) const fn verifies(&self) -> bool {
        false
    }

    /// Warns about the first event that could have been verified.
    pub(super) fn warn_if_verifiable(&self, event: &Event) {
        let value = br#""key":"audit.integrity.value""#;
        if memchr::memmem::find(event.as_bytes(), value).is_some() && self.warned.set(()).is_ok() {
            style::warn(
                "log records with audit.integrity.value were not verified; use --integrity-certificate or --integrity-hmac-key",
            );
        }
    }
}
