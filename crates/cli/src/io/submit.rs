//! The log server that something is submitted to.

use countersign_client::{HttpLogServer, Prefix};

use crate::errors::CliError;

/// Opens the log server at the address that was given with --to.
pub(crate) fn log_server(to: &str) -> Result<HttpLogServer, CliError> {
    let prefix = Prefix::parse(to).map_err(|why| {
        let hint = "give the log server's address, such as https://log.example.com";
        CliError::unusable("arguments.invalid", format!("--to {why}"), hint)
    })?;
    Ok(HttpLogServer::new(prefix)?)
}
