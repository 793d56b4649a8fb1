//! TLS with a certificate and private key from PEM files, reloaded when they change.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// An error in loading a certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// A file isn't valid PEM or lacks the certificate or key.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The description of the error. It never contains key material.
        message: String,
    },
    /// Certificate and key don't match, or TLS doesn't support them.
    #[error("{} and {}: {error}", cert.display(), key.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The error that rustls reports.
        error: rustls::Error,
    },
}

/// A certificate and its key. Open connections keep those that they started with.
#[derive(Debug)]
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Loads the certificate file, which may include the issuers' certificates, and the file of its private key.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let config = RwLock::new(Arc::new(read(cert, key)?));
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), config })
    }

    /// Reloads both files for new connections.
    ///
    /// # Errors
    /// [`TlsError`]; the previous certificate and key remain in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = Arc::new(read(&self.cert, &self.key)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone().into()
    }
}

fn read(cert: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let io = |path: &Path, error| TlsError::Io { path: path.to_owned(), error };
    let malformed = |path: &Path, message: String| TlsError::Malformed { path: path.to_owned(), message };
    let bytes = fs::read(cert).map_err(|error| io(cert, error))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| malformed(cert, error.to_string()))?;
    if chain.is_empty() {
        return Err(malformed(cert, "the file contains no certificate (-----BEGIN CERTIFICATE-----)".into()));
    }
    let bytes = zeroize::Zeroizing::new(fs::read(key).map_err(|error| io(key, error))?);
    let secret = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let message = match error {
            pem::Error::NoItemsFound => "the file contains no private key (-----BEGIN PRIVATE KEY-----)",
            // The library's message might contain part of the key.
            _ => "the private key is malformed",
        };
        malformed(key, message.into())
    })?;
    let unusable = |error| TlsError::Unusable { cert: cert.to_owned(), key: key.to_owned(), error };
    let mut config = ServerConfig::builder_with_provider(countersign_tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
