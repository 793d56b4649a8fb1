//! A webhook, signed as Standard Webhooks has it: a record a message, under its own id.

use countersign_feeds::Record;

use super::{Answer, Sink};
use crate::io::retry::DestinationError;
use crate::io::webhook::Hook;

pub(super) struct Webhook {
    pub(super) hook: Hook,
    pub(super) most: usize,
}

impl Sink for Webhook {
    fn send(&mut self, records: &[&Record]) -> Result<Answer, DestinationError> {
        let mut answer = Answer::default();
        for (nth, record) in records.iter().enumerate() {
            match self.hook.post(&record.id, &record.text) {
                Ok(()) => {}
                Err(DestinationError::Refused(why)) => answer.refused.push((nth, why)),
                Err(later) if nth == 0 => return Err(later),
                // What was taken is not sent again.
                Err(DestinationError::Later { after, .. }) => {
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
