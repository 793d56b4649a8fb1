//! A webhook that is told of each item.

use super::handing::{DestinationError, Receiver};
use super::item::{Item, Kind};
use crate::errors::CliError;
use crate::io::http::{Client, Redirects};
use crate::io::webhook::{Hook, Secret};

/// The address that alerts are posted to.
pub(crate) struct Webhook(Hook);

impl Webhook {
    pub(crate) fn new(url: &str, secret: Secret) -> Result<Self, CliError> {
        Hook::new(url, secret, Client::new(Redirects::SameHostWithBody)?).map(Self)
    }
}

impl Receiver for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn wants(&self, item: &Item) -> bool {
        item.kind != Kind::Scan
    }

    fn take(&mut self, item: &Item) -> Result<(), DestinationError> {
        self.0.post(&item.name(), &item.text)
    }
}
