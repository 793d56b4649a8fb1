//! Erasing: what does not fit into one turn is done in later ones.

use roaring::RoaringTreemap;

use super::log_server::{EmbeddedLogServer, LIMITS};
use crate::api::erasures::Asked;
use crate::api::{Answer, ApiError};
use crate::erase::record::Record;
use crate::erase::{BATCH, Cause, EraseError, Erased, Found, state};
use crate::own_chain::OwnChains;
use crate::sequencer::Job;
use crate::store::StoreError;

/// How many batches are erased in one turn: a request has little time.
const BATCHES: usize = 16;

impl EmbeddedLogServer {
    pub(super) fn erase(&mut self, leaves: &RoaringTreemap, cause: &Cause) -> Result<Erased, ApiError> {
        let Found { mut present, mut erased, .. } = self.find(leaves)?;
        // What is recorded already is not recorded again.
        let asked = present.clone();
        for record in self.reader.unfinished_erasures()? {
            present -= Record::read(&*self.reader, record)?.leaves;
        }
        let origin = self.origin.clone();
        for (record, _) in Found::records(present, &origin, cause) {
            let recorded = self.work(|reply| Job::Record { event: record.to_string(), reply })?;
            recorded.map_err(|error| ApiError::of_erasure(&EraseError::Record(error), &LIMITS))?;
        }
        self.erase_some()?;
        let left = self.find(&asked)?.present.len();
        erased.erased = asked.len() - left;
        erased.left = left;
        Ok(erased)
    }

    /// Whether erasures are recorded and not done.
    ///
    /// # Errors
    /// The store's own.
    pub fn is_erasing(&self) -> Result<bool, StoreError> {
        Ok(!self.reader.unfinished_erasures()?.is_empty())
    }

    /// Goes on with erasures that are recorded and not done, as far as one turn goes. Says whether there is more.
    ///
    /// # Errors
    /// The store's own. It is to be asked again.
    pub fn erase_some(&mut self) -> Result<bool, StoreError> {
        let mut batches = BATCHES;
        for record in self.reader.unfinished_erasures()? {
            let leaves = Record::read(&*self.reader, record)?.leaves;
            let present: Vec<u64> = self.find(&leaves)?.present.into_iter().collect();
            for batch in present.chunks(BATCH) {
                if batches == 0 {
                    return Ok(true);
                }
                batches -= 1;
                self.erase_batch(batch.to_vec())?;
            }
            self.work(|reply| Job::FinishErasure { record, reply })??;
        }
        Ok(false)
    }

    /// How far erasures are.
    pub(super) fn erasures(&self, asked: Asked) -> Result<Answer, ApiError> {
        asked.answer(&*self.reader, &|erasure| {
            let own = OwnChains::new(&*self.reader, &self.origin);
            state(&*self.reader, own, &|_, _| Ok(false), erasure)
        })
    }

    fn find(&self, leaves: &RoaringTreemap) -> Result<Found, StoreError> {
        let own = OwnChains::new(&*self.reader, &self.origin);
        Found::look(&*self.reader, own, &|_, _| Ok(false), leaves)
    }

    fn erase_batch(&mut self, leaves: Vec<u64>) -> Result<u64, StoreError> {
        self.copies.withdraw(&leaves)?;
        let erased = self.work(|reply| Job::Erase { leaves, reply })??;
        self.metrics.erased(erased);
        Ok(erased)
    }
}
