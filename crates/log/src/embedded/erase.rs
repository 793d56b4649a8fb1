//! Erasure, in several turns if necessary.

use http::Response;
use roaring::RoaringTreemap;

use super::content::Content;
use super::log_server::{EmbeddedLogServer, LIMITS};
use super::pending::{Awaited, JobAnswer, Pending, PendingErasure};
use crate::api::erasures::ErasuresRequest;
use crate::api::{self, Answer, ApiError};
use crate::erase::record::Record;
use crate::erase::{BATCH, Cause, EraseError, Erased, ErasureCandidates, state};
use crate::own_chain::OwnChains;
use crate::sequencer::Job;
use crate::store::StoreError;

/// The number of batches that are erased in one turn: a request has little time.
const MAX_BATCHES: usize = 16;

impl EmbeddedLogServer {
    /// Erases the events of these entries. In a tenant log, the response waits for the tick with the records.
    pub(super) fn erase(
        &mut self,
        leaves: &RoaringTreemap,
        cause: &Cause,
    ) -> Result<Response<Content>, ApiError> {
        let ErasureCandidates { mut present, erased, .. } = self.find(leaves)?;
        // Events whose erasure is recorded are not recorded again.
        let requested = present.clone();
        for record in self.reader.unfinished_erasures()? {
            present -= Record::read(&*self.reader, record)?.leaves;
        }
        let origin = self.origin.clone();
        let mut records = Vec::new();
        for (record, _) in ErasureCandidates::records(present, &origin, cause) {
            let answer = self.queue(|reply| Job::Record { event: record.to_string(), reply });
            records.push(JobAnswer::new(answer));
        }
        let mut pending = PendingErasure { records, requested, erased };
        match self.erasure_response(&mut pending) {
            Some(answer) => Ok(answer?.map(Content::Whole)),
            None => Ok(Response::new(Content::Waiting(Pending(Awaited::Erasure(pending))))),
        }
    }

    /// Returns the response to an erasure, once all of its records are durable.
    pub(super) fn erasure_response(
        &mut self,
        pending: &mut PendingErasure,
    ) -> Option<Result<Answer, ApiError>> {
        let mut failed = None;
        pending.records.retain_mut(|record| match record.get() {
            None => true,
            Some(Ok(_)) => false,
            Some(Err(error)) => {
                failed.get_or_insert(error);
                false
            }
        });
        if let Some(error) = failed {
            return Some(Err(ApiError::of_erasure(&EraseError::Record(error), &LIMITS)));
        }
        if !pending.records.is_empty() {
            return None;
        }
        Some(self.erase_recorded(pending).map(api::erase::done))
    }

    fn erase_recorded(&mut self, pending: &PendingErasure) -> Result<Erased, ApiError> {
        self.erase_some()?;
        let left = self.find(&pending.requested)?.present.len();
        Ok(Erased { erased: pending.requested.len() - left, left, ..pending.erased })
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
        request.answer(&*self.reader, &[], &|erasure| {
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
        self.shared.metrics.erased(erased);
        Ok(erased)
    }
}
