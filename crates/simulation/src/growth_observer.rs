//! A growth witness, which observes each tick of a root log. An honest log must never look like a lying one, whatever
//! crashes, restarts, and failures of the store happen.

use std::sync::Arc;

use countersign_growth::{GrowthRun, GrowthState, TickError};
use countersign_log::tenants::published::PublishedTick;

use crate::server::Server;

/// The growth witness.
#[derive(Default)]
pub struct GrowthObserver {
    state: Option<GrowthState>,
}

impl GrowthObserver {
    /// Checks the growth of all tenant logs up to the newest tick, as a growth witness does. `origin` is the root log's.
    ///
    /// # Errors
    /// The accusation, in words.
    pub fn observe(
        &mut self,
        origin: &str,
        server: &Server,
        published: &Arc<PublishedTick>,
    ) -> Result<(), String> {
        let found = |why: String| format!("a growth witness accuses an honest log: {why}");
        let wrong = |error: TickError| found(error.to_string());
        // If the store fails, some logs can't be proven at present, and the ticks are read again.
        let Some((snapshot, ticks)) = server.growth(self.state.as_ref().map(GrowthState::size)) else {
            return Ok(());
        };
        let mut run = match (snapshot, self.state.clone()) {
            // There was no tick since the server's start.
            (None, None) => return Ok(()),
            (Some(snapshot), None) => GrowthRun::begin(origin, &snapshot).map_err(wrong)?,
            (Some(snapshot), Some(state)) => GrowthRun::resume(state, &snapshot).map_err(wrong)?,
            (None, Some(state)) => GrowthRun::new(state),
        };
        for tick in &ticks {
            run.apply(tick).map_err(wrong)?;
        }
        run.add_proofs(&server.growth_proofs(run.required_proofs()));
        if let Some(finding) = run.take_findings().0.first() {
            return Err(found(finding.to_string()));
        }
        // Unpublished ticks may be known already.
        let checkpoint = published.checkpoint.state().checkpoint();
        if let Ok(signed) = checkpoint
            && run.size() == signed.checkpoint.size
            && !run.is_at(&signed.checkpoint)
        {
            return Err(found("the checkpoint doesn't end with the directory of the heads".to_owned()));
        }
        if run.state().is_whole() {
            self.state = Some(run.into_state());
        }
        Ok(())
    }
}
