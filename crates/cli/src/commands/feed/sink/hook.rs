//! A webhook, signed as Standard Webhooks has it: a record a message, under its own id.

use countersign_client::{SendError, Webhook as Address};
use countersign_feeds::Record;

use super::{Answer, Sink};

pub(super) struct Webhook {
    pub(super) hook: Address,
    pub(super) most: usize,
}

impl Sink for Webhook {
    fn send(&mut self, records: &[&Record]) -> Result<Answer, SendError> {
        let mut answer = Answer::default();
        for (nth, record) in records.iter().enumerate() {
            match self.hook.post(&record.id, &record.text) {
                Ok(()) => {}
                Err(SendError::Refused(why)) => answer.refused.push((nth, why)),
                Err(later) if nth == 0 => return Err(later),
                // What was taken is not sent again.
                Err(SendError::Later { after, .. }) => {
                    answer.later = (nth..records.len()).collect();
                    answer.after = after;
                    break;
                }
            }
        }
        Ok(answer)
    }

    fn most(&self) -> usize {
        self.most
    }
}
