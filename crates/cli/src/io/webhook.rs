//! Webhooks and their secrets.

use std::path::Path;

use countersign_client::{Client, Webhook, WebhookSecret, webhook_url};
use zeroize::Zeroizing;

use crate::errors::{CliError, shown};
use crate::io::{input, key, token};

/// Reads a file with a webhook's secret: `whsec_` and base64.
pub(crate) fn secret(path: &Path) -> Result<WebhookSecret, CliError> {
    let text = Zeroizing::new(input::small_text(path)?);
    key::warn_if_readable(path, "secret");
    Ok(WebhookSecret::parse(&text, &shown(path))?)
}

/// Opens the webhook at that address.
pub(crate) fn open(url: &str, secret: WebhookSecret, client: Client) -> Result<Webhook, CliError> {
    let url = webhook_url(url)?;
    token::warn_if_unencrypted(&url, "findings are sent to the webhook");
    Ok(Webhook::new(url, secret, client))
}
