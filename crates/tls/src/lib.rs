//! The cryptography of TLS connections, and HTTP clients that use it.
//!
//! reqwest panics if it creates a client before a provider of cryptography is installed. Clients that are created
//! here have one.
//!
//! ```
//! let client = countersign_tls::http_client().https_only(true).build()?;
//! # Ok::<(), reqwest::Error>(())
//! ```
#![deny(missing_docs, unsafe_code)]

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

/// Returns the provider of cryptography that the process has installed. Installs ring if there is none.
///
/// ring supports TLS 1.2 and 1.3, with the key exchanges X25519, P-256, and P-384. An application that needs others
/// installs its own provider before it calls this.
pub fn provider() -> Arc<CryptoProvider> {
    if CryptoProvider::get_default().is_none() {
        // It fails if another thread has just installed one, which is used then.
        let _ = ring::default_provider().install_default();
    }
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(ring::default_provider()))
}

/// Returns the builder of an HTTP client. Its defaults are reqwest's.
#[allow(clippy::disallowed_methods)]
pub fn http_client() -> reqwest::ClientBuilder {
    provider();
    reqwest::Client::builder()
}

/// Returns the builder of an HTTP client that blocks its thread. Its defaults are reqwest's.
#[cfg(feature = "blocking")]
#[allow(clippy::disallowed_methods)]
pub fn blocking_http_client() -> reqwest::blocking::ClientBuilder {
    provider();
    reqwest::blocking::Client::builder()
}
