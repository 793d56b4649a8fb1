//! How much memory all submissions together may take, from their first byte until they are answered.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Problem;
use crate::api::body::busy;

/// Memory is taken in steps of so many bytes.
const STEP: usize = 16 << 10;
/// So many bytes every submission may have: there are only so many connections, and who holds all the rest keeps no
/// small submission out.
const OWN: usize = 64 << 10;

/// The memory for submissions.
#[derive(Clone)]
pub(super) struct Budget(Arc<Semaphore>);

/// The memory that one submission holds.
pub(super) struct Share {
    budget: Budget,
    held: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// So many bytes for all submissions that are being read or wait, beside what each may have anyway.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / STEP).min(Semaphore::MAX_PERMITS))))
    }

    /// Of a submission of which nothing was read yet.
    pub(super) fn share(&self) -> Share {
        Share { budget: self.clone(), held: None }
    }
}

impl Share {
    /// Gives back what it holds.
    pub(super) fn release(&mut self) {
        self.held = None;
    }

    /// Takes what it needs to hold that many bytes in all.
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.saturating_sub(OWN).div_ceil(STEP).saturating_sub(held);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).map_err(|_| busy())?;
        let permit = Arc::clone(&self.budget.0).try_acquire_many_owned(more).map_err(|_| busy())?;
        match &mut self.held {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_bounded_and_comes_back() {
        let all = 10 * STEP;
        let budget = Budget::new(all);
        let mut large = budget.share();
        assert!(large.grow_to(OWN + all - STEP).is_ok() && large.grow_to(OWN + all - STEP).is_ok());
        let mut small = budget.share();
        assert!(small.grow_to(OWN + STEP).is_ok());
        assert!(small.grow_to(OWN + STEP + 1).is_err());
        // There is always room for a small one.
        assert!(budget.share().grow_to(OWN).is_ok());
        drop(large);
        assert!(small.grow_to(OWN + STEP + 1).is_ok());
    }
}
