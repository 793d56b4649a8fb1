//! A webhook that each item is posted to.

use countersign_client::{DestinationError, Webhook};

use crate::handoff::Receiver;
use crate::item::{Item, ItemKind};

/// A receiver at an address that alerts are posted to.
pub struct WebhookDestination(pub Webhook);

impl Receiver for WebhookDestination {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn wants(&self, item: &Item) -> bool {
        item.kind != ItemKind::Scan
    }

    fn take(&mut self, item: &Item) -> Result<(), DestinationError> {
        self.0.post(&item.name(), &item.text)
    }
}
