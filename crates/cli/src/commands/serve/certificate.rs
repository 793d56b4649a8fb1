//! The certificate of `--tls-cert` and `--tls-key`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_log_server::server::{Tls, TlsError};

use super::file_watcher::FileWatcher;
use crate::errors::{CliError, shown};
use crate::io::{key, style};

pub(super) struct Certificate {
    pub(super) tls: Arc<Tls>,
    cert: PathBuf,
    watcher: FileWatcher,
}

impl Certificate {
    pub(super) fn load(cert: &Path, key: &Path) -> Result<Self, CliError> {
        let watcher = FileWatcher::new([cert, key]);
        let tls = Tls::load(cert, key).map_err(|error| explain(&error))?;
        key::warn_if_readable(key, "private key");
        Ok(Self { tls: Arc::new(tls), cert: cert.to_owned(), watcher })
    }

    /// Reloads the certificate and its key when the files change. The previous ones stay in use until both match.
    pub(super) async fn reload_on_change(mut self) {
        loop {
            self.watcher.changed().await;
            match self.tls.reload() {
                Ok(()) => style::done(&format!("{} was read again", shown(&self.cert))),
                Err(error) => {
                    style::warn("the certificate can't be used: the server continues with the previous one");
                    explain(&error).report();
                }
            }
        }
    }
}

fn explain(error: &TlsError) -> CliError {
    match error {
        TlsError::Io { path, error } => CliError::io("read", &shown(path), error),
        TlsError::Malformed { path, message } => {
            let hint = "pass PEM files, as written by certificate authorities and `openssl`";
            CliError::unusable("tls.file", message.clone(), hint).within(&shown(path))
        }
        TlsError::Unusable { .. } => {
            let hint = "check that the key belongs to the certificate, and that the certificate comes first in its file";
            CliError::unusable("tls.unusable", error.to_string(), hint)
        }
    }
}
