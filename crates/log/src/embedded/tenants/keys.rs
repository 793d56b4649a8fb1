//! `POST /keys`: places an issuer's key note in all tenant logs that need it.

use http::{Request, Response};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::EmbeddedTenants;
use crate::api::{self, Answer, ApiError};
use crate::embedded::content::Content;
use crate::embedded::log_server::LIMITS;
use crate::embedded::pending::{Awaited, Pending, PendingNote, Placement};
use crate::store::StoreError;
use crate::tenants::job::TenantJob;

impl EmbeddedTenants {
    pub(super) fn answer_keys(&mut self, request: &Request<Vec<u8>>) -> Result<Response<Content>, ApiError> {
        let (headers, body) = (request.headers(), request.body());
        let root = &self.root.origin;
        let after = api::root_notes::after(request.uri().query(), root)?;
        let max = api::root_notes::MAX_BODY_BYTES;
        if body.len() > max || api::body::is_larger(headers, max) {
            return Err(api::root_notes::too_large());
        }
        let note = api::root_notes::read(body, root, &self.trust, &self.accepted_requests, self.root.now())?;
        self.require_tick()?;
        // The answer to the first request waited for all logs.
        let placement = if after.is_some() {
            Placement::Since(0)
        } else {
            let (reply, placed) = oneshot::channel();
            self.sequencer.borrow_mut().work(TenantJob::PlaceNote { note: Box::new(note.clone()), reply });
            Placement::Waiting(placed)
        };
        let mut pending = PendingNote { note, after, placement };
        match self.note_response(&mut pending) {
            Some(answer) => Ok(self.root.finish(headers, answer.map(|answer| answer.map(Content::Whole)))),
            None => Ok(Response::new(Content::Waiting(Pending(Awaited::Note(Box::new(pending)))))),
        }
    }

    /// Returns the response to a request for a note, once a published tick has it in all logs that need it.
    pub(super) fn note_response(&self, pending: &mut PendingNote) -> Option<Result<Answer, ApiError>> {
        if let Placement::Waiting(placed) = &mut pending.placement {
            match placed.try_recv() {
                Ok(Ok(tick)) => pending.placement = Placement::Since(tick),
                Ok(Err(error)) => return Some(Err(ApiError::of_submission(&error, &LIMITS))),
                Err(TryRecvError::Empty) => return None,
                Err(error @ TryRecvError::Closed) => {
                    return Some(Err(StoreError::unavailable("placing a key note", error).into()));
                }
            }
        }
        let Placement::Since(tick) = pending.placement else { return None };
        let newest = self.ticks.borrow().clone().filter(|newest| newest.directory.tick() >= tick)?;
        let proven =
            api::root_notes::prove(&*self.readers, &self.stops, &pending.note, &newest, pending.after);
        Some(proven.map_err(ApiError::from))
    }
}
