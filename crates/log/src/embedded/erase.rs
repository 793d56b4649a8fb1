//! Erasure, in several turns if necessary.

use roaring::RoaringTreemap;

use super::log_server::{EmbeddedLogServer, LIMITS};
use crate::api::erasures::ErasuresRequest;
use crate::api::{Answer, ApiError};
use crate::erase::record::Record;
use crate::erase::{BATCH, Cause, EraseError, Erased, ErasureCandidates, state};
use crate::own_chain::OwnChains;
use crate::sequencer::Job;
use crate::store::StoreError;

/// The number of batches that are erased in one turn: a request has little time.
const MAX_BATCHES: usize = 16;

impl EmbeddedLogServer {
    pub(super) fn erase(&mut self, leaves: &RoaringTreemap, cause: &Cause) -> Result<Erased, ApiError> {
        let ErasureCandidates { mut present, mut erased, .. } = self.find(leaves)?;
        // Events whose erasure is recorded are not recorded again.
        let requested = present.clone();
        for record in self.reader.unfinished_erasures()? {
            present -= Record::read(&*self.reader, record)?.leaves;
        }
        let origin = self.origin.clone();
        for (record, _) in ErasureCandidates::records(present, &origin, cause) {
            let recorded = self.work(|reply| Job::Record { event: record.to_string(), reply })?;
            recorded.map_err(|error| ApiError::of_erasure(&EraseError::Record(error), &LIMITS))?;
        }
        self.erase_some()?;
        let left = self.find(&requested)?.present.len();
        erased.erased = requested.len() - left;
        erased.left = left;
        Ok(erased)
    }

    /// True if recorded erasures are not complete.
    ///
    /// # Errors
    /// [`StoreError`] if they can't be read.
    pub fn is_erasing(&self) -> Result<bool, StoreError> {
        Ok(!self.reader.unfinished_erasures()?.is_empty())
    }

    /// Continues recorded erasures for one turn. Returns true if some remain.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails. In this case, call it again.
    pub fn erase_some(&mut self) -> Result<bool, StoreError> {
        let mut batches = MAX_BATCHES;
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

    /// Returns the progress of erasures.
    pub(super) fn erasures(&self, request: ErasuresRequest) -> Result<Answer, ApiError> {
        request.answer(&*self.reader, &|erasure| {
            let own = OwnChains::new(&*self.reader, &self.origin);
            state(&*self.reader, own, &|_, _| Ok(false), erasure)
        })
    }

    fn find(&self, leaves: &RoaringTreemap) -> Result<ErasureCandidates, StoreError> {
        let own = OwnChains::new(&*self.reader, &self.origin);
        ErasureCandidates::find(&*self.reader, own, &|_, _| Ok(false), leaves)
    }

    fn erase_batch(&mut self, leaves: Vec<u64>) -> Result<u64, StoreError> {
        self.copies.withdraw(&leaves)?;
        let erased = self.work(|reply| Job::Erase { leaves, reply })??;
        self.metrics.erased(erased);
        Ok(erased)
    }
}
