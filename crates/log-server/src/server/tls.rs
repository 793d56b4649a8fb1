//! TLS: a certificate and its key from PEM files, which are read again when they change.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// Why a certificate or its key is not usable.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The system said so.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file has not what it should have.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it. Nothing of a key is in it.
        message: String,
    },
    /// The two do not go together, or the certificate is none that TLS knows.
    #[error("{} and {}: {error}", cert.display(), key.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls said.
        error: rustls::Error,
    },
}

/// A certificate and its key. Connections that are there keep those with which they began.
#[derive(Debug)]
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Of a file with the certificate, and behind it those of its issuers, and a file with its private key.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let config = RwLock::new(Arc::new(read(cert, key)?));
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), config })
    }

    /// Reads both files again: connections that begin from now on have what is there.
    ///
    /// # Errors
    /// [`TlsError`]; what was there before is kept then.
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
        return Err(malformed(cert, "there is no certificate in it (-----BEGIN CERTIFICATE-----)".into()));
    }
    let bytes = zeroize::Zeroizing::new(fs::read(key).map_err(|error| io(key, error))?);
    let secret = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let message = match error {
            pem::Error::NoItemsFound => "there is no private key in it (-----BEGIN PRIVATE KEY-----)",
            // What the library says of it may have a part of the key.
            _ => "the private key in it is malformed",
        };
        malformed(key, message.into())
    })?;
    let unusable = |error| TlsError::Unusable { cert: cert.to_owned(), key: key.to_owned(), error };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
