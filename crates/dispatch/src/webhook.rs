//! A destination that posts each record to a webhook, signed as in Standard Webhooks, under its own id.

use countersign_client::{DestinationError, Webhook};
use countersign_feeds::Record;

use crate::destination::{BatchAnswer, Destination};

/// A webhook that each record is posted to, under its own id.
pub struct WebhookDestination {
    /// The webhook.
    pub webhook: Webhook,
    /// The maximum number of records in a batch.
    pub max_records: usize,
}

impl Destination for WebhookDestination {
    fn send(&mut self, records: &[&Record]) -> Result<BatchAnswer, DestinationError> {
        let mut answer = BatchAnswer::default();
        for (nth, record) in records.iter().enumerate() {
            match self.webhook.post(&record.id, &record.text) {
                Ok(()) => {}
                Err(DestinationError::Refused(why)) => answer.refused.push((nth, why)),
                Err(later) if nth == 0 => return Err(later),
                // Accepted records are not sent again.
                Err(DestinationError::Later { after, .. }) => {
                    answer.later = (nth..records.len()).collect();
                    answer.after = after;
                    break;
                }
            }
        }
        Ok(answer)
    }

    fn max_records(&self) -> usize {
        self.max_records
    }
}
