//! Erasing, all at once.

use super::{EmbeddedCollector, LIMITS};
use crate::api::Problem;
use crate::api::erase::{Chosen, ErasureRequest};
use crate::erase::{BATCH, EraseError, Erased, Found};
use crate::own_chain::OwnChains;
use crate::sequencer::Job;
use crate::store::StoreError;

impl EmbeddedCollector {
    pub(super) fn erase(&mut self, asked: ErasureRequest) -> Result<Erased, Problem> {
        let ErasureRequest { chosen, cause } = asked;
        let leaves = match chosen {
            Chosen::Places(places, scope) => self.exporter.find(&places, &scope)?,
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
