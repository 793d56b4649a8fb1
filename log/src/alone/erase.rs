//! Erasing, all at once.

use super::{Alone, LIMITS};
use crate::erase::{BATCH, EraseError, Erased, Found};
use crate::interface::{AskedErasure, Chosen, Problem};
use crate::own_chain::OwnChains;
use crate::sequencer::Job;
use crate::store::StoreError;

impl Alone {
    pub(super) fn erase(&mut self, asked: AskedErasure) -> Result<Erased, Problem> {
        let AskedErasure { chosen, cause } = asked;
        let leaves = match chosen {
            Chosen::Places(places) => self.exporter.find(&places)?,
            Chosen::Matching(request) => self.exporter.plan(&request, &|| false)?.shown().clone(),
        };
        let own = OwnChains::new(&*self.reader, &self.origin);
        let Found { present, mut erased, .. } = Found::look(&*self.reader, own, &|_, _| false, &leaves)?;
        let origin = self.origin.clone();
        for (record, leaves) in Found::records(present, &origin, &cause) {
            let recorded = self.work(|reply| Job::Record { event: record.to_string(), reply })?;
            recorded.map_err(|error| Problem::of_erasure(&EraseError::Record(error), &LIMITS))?;
            for batch in leaves.chunks(BATCH) {
                erased.erased += self.erase_batch(batch.to_vec())?;
            }
        }
        Ok(erased)
    }

    fn erase_batch(&mut self, leaves: Vec<u64>) -> Result<u64, StoreError> {
        self.copies.withdraw(&leaves)?;
        let erased = self.work(|reply| Job::Erase { leaves, reply })??;
        self.metrics.erased(erased);
        Ok(erased)
    }
}
