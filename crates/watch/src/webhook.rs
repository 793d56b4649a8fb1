//! A destination that posts each item to a webhook.

use countersign_client::{DestinationError, Webhook};

use crate::handoff::Destination;
use crate::item::{Item, ItemKind};

/// A destination that posts items to a webhook.
pub struct WebhookDestination(pub Webhook);

impl Destination for WebhookDestination {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn wants(&self, item: &Item) -> bool {
        item.kind != ItemKind::Scan
    }

    fn accept(&mut self, item: &Item) -> Result<(), DestinationError> {
        self.0.post(&item.name(), &item.text)
    }
}
