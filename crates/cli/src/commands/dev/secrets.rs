//! The keys and the token of a log for local development.

use std::net::SocketAddr;

use countersign::hash::Hash;
use countersign::hex;
use countersign::note::SignerKey;
use zeroize::Zeroizing;

use crate::commands::keygen::random;
use crate::errors::CliError;

/// The names of the log and of the app that records.
const LOG: &str = "localhost/dev";
const EMITTER: &str = "localhost/dev-app";
/// The name and the rights of the token's reader, as in `countersign token add`.
const READER: &str = "dev";
const RIGHTS: &str = "read,erase,admin";
/// The end of its line if tenants have logs of their own.
pub(super) const ALL_LOGS: &str = " log=*";

/// The variables of an app: three for its recorder, and the token for programs that read.
pub(super) const VARIABLES: [&str; 4] = ["AUDIT_KEY", "AUDIT_URL", "AUDIT_LOG", "COUNTERSIGN_TOKEN"];

/// The private keys of the log and of the app, and the token of a reader who may do everything.
pub(crate) struct DevSecrets {
    pub(super) log: SignerKey,
    pub(super) app: SignerKey,
    pub(super) token: Zeroizing<String>,
}

impl DevSecrets {
    #[cfg(not(feature = "native"))]
    pub(super) fn generate() -> Result<Self, CliError> {
        Ok(Self { log: generate_log_key()?, app: generate_app_key()?, token: generate_token()? })
    }

    /// Returns the text of the trust file.
    pub(super) fn trust(&self) -> String {
        let (log, app) = (self.log.verifier_key(), self.app.verifier_key());
        format!("log {log}\nemitter {app}\nemitter {log}\n")
    }

    /// Returns the text of `readers.txt`. With tenants, the token is for all their logs.
    pub(super) fn readers(&self, tenants: bool) -> String {
        let hash = hex::encode(&Hash::digest(&[self.token.as_bytes()]).0);
        let logs = if tenants { ALL_LOGS } else { "" };
        format!("{hash} {RIGHTS} {READER}{logs}\n")
    }

    /// Returns all variables.
    pub(crate) fn variables(&self, address: SocketAddr) -> [(&'static str, Zeroizing<String>); 4] {
        let [key, url, log, token] = VARIABLES;
        [
            (key, Zeroizing::new(self.app.encode().as_str().to_owned())),
            (url, Zeroizing::new(format!("http://{address}"))),
            (log, Zeroizing::new(self.log.verifier_key().to_string())),
            (token, self.token.clone()),
        ]
    }
}

pub(super) fn generate_log_key() -> Result<SignerKey, CliError> {
    generate(LOG)
}

pub(super) fn generate_app_key() -> Result<SignerKey, CliError> {
    generate(EMITTER)
}

fn generate(name: &str) -> Result<SignerKey, CliError> {
    let mut seed = Zeroizing::new([0; 32]);
    random(&mut *seed)?;
    Ok(SignerKey::from_seed(name, *seed)?)
}

pub(super) fn generate_token() -> Result<Zeroizing<String>, CliError> {
    let mut secret = Zeroizing::new([0; 32]);
    random(&mut *secret)?;
    Ok(Zeroizing::new(format!("csr_{}", hex::encode(&*secret))))
}
