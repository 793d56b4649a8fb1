//! A growth witness, which observes each tick of a root log. An honest log must never look like a lying one, whatever
//! crashes, restarts, and failures of the store happen.

use std::sync::Arc;

use countersign_growth::{GrowthFinding, GrowthState};
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
        let state = self.state.take();
        let found =
            |finding: Box<GrowthFinding>| format!("a growth witness accuses an honest log: {finding}");
        let answer = server.growth(state.as_ref().map(GrowthState::size));
        let next = match (answer, state) {
            // The store failed, or there was no tick since the server's start.
            (None | Some((None, _)), None) => return Ok(()),
            (None, Some(state)) => Some(state),
            (Some((Some(snapshot), _)), None) => Some(GrowthState::begin(origin, &snapshot).map_err(found)?),
            (Some((Some(snapshot), _)), Some(state)) => {
                match server.growth_proofs(state.required_proofs(&snapshot)) {
                    Some(proofs) => Some(state.resume(&snapshot, proofs).map_err(found)?),
                    None => Some(state),
                }
            }
            (Some((None, ticks)), Some(mut state)) => {
                for tick in &ticks {
                    state = state.apply(tick).map_err(found)?;
                }
                Some(state)
            }
        };
        // Unpublished ticks may be known already.
        let checkpoint = published.checkpoint.state().checkpoint();
        if let (Some(state), Ok(signed)) = (&next, checkpoint)
            && state.size() == signed.checkpoint.size
        {
            state.check(&signed.checkpoint).map_err(found)?;
        }
        self.state = next;
        Ok(())
    }
}
