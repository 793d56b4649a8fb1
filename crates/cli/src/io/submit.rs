//! The log server that a command submits to.

use countersign_client::{HttpLogServer, Prefix};

use crate::errors::CliError;

/// Opens the log server at the address from --to.
pub(crate) fn log_server(to: &str) -> Result<HttpLogServer, CliError> {
    let prefix = Prefix::parse(to).map_err(|why| {
        let hint = "use the log server's address, such as https://log.example";
        CliError::unusable("arguments.invalid", format!("--to: {why}"), hint)
    })?;
    Ok(HttpLogServer::new(prefix)?)
}
