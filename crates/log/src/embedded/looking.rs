//! Searches: what takes long is done a turn at a time, so that others have theirs in between.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use http::{HeaderMap, Response};

use super::content::Content;
use super::live::Live;
use super::log_server::EmbeddedLogServer;
use super::reads::Tally;
use super::search_place::Place;
use super::sending::Sending;
use crate::api::erase::{Chosen, ErasureRequest};
use crate::api::export::ExportRequest;
use crate::api::sse::{Begun, Opening};
use crate::api::{self, ApiError};
use crate::erase::{Cause, Choosing};
use crate::export::{Explaining, ExportError, Plan, Planning, Request};
use crate::reads::What;
use crate::tokens::Access;

/// How many searches there are at one time: each has its turn after all others.
const SEARCHES: usize = 4;
/// How many pages of leaves are looked at in a turn: some milliseconds.
const PAGES: usize = 4;

/// A search that is not at its end.
pub struct Looking {
    look: Look,
    place: Arc<Place>,
}

/// What is looked for.
enum Look {
    Export { planning: Planning, name: String, matching: bool, access: Access, tally: Option<Tally> },
    Findings { explaining: Explaining, access: Access, tally: Option<Tally> },
    Stream { planning: Planning, opening: Opening, access: Access, tally: Option<Tally> },
    Erasure { choosing: Choosing, access: Access, cause: Cause },
}

impl EmbeddedLogServer {
    pub(super) fn look_for_export(
        &mut self,
        access: Access,
        asked: ExportRequest,
        what: What,
    ) -> Result<Response<Content>, ApiError> {
        let ExportRequest { request, name } = asked;
        let place = self.place(&access)?;
        let planning = self.exporter.begin(&request)?;
        let matching = !request.asked.is_empty();
        let tally = self.begin_read(&access, what)?;
        let look = Look::Export { planning, name, matching, access, tally };
        self.begin_looking(Looking { look, place })
    }

    pub(super) fn look_for_findings(
        &mut self,
        access: Access,
        (request, fields_alone): &(Request, bool),
        what: What,
    ) -> Result<Response<Content>, ApiError> {
        let place = self.place(&access)?;
        let explaining = self.exporter.begin_explaining(request, *fields_alone)?;
        let tally = self.begin_read(&access, what)?;
        let look = Look::Findings { explaining, access, tally };
        self.begin_looking(Looking { look, place })
    }

    pub(super) fn look_for_stream(
        &mut self,
        access: Access,
        opening: Opening,
        what: What,
    ) -> Result<Response<Content>, ApiError> {
        let begun = opening.begin(&self.exporter).map_err(|error| opening.problem(error))?;
        match begun {
            Begun::Whole(plan) => {
                let tally = self.begin_read(&access, what)?;
                Ok(live(access, &opening, plan, tally))
            }
            Begun::Planning(planning) => {
                // All dashboards come back at once after a restart, and ask for little.
                let place = if planning.is_short() { Place::of(&access) } else { self.place(&access)? };
                let tally = self.begin_read(&access, what)?;
                let look = Look::Stream { planning, opening, access, tally };
                self.begin_looking(Looking { look, place })
            }
        }
    }

    pub(super) fn look_for_erasure(
        &mut self,
        access: Access,
        asked: ErasureRequest,
    ) -> Result<Response<Content>, ApiError> {
        let ErasureRequest { chosen, cause } = asked;
        match chosen {
            Chosen::Places(places, scope) => {
                let leaves = self.exporter.find(&places, &scope)?;
                Ok(api::erase::done(self.erase(&leaves, &cause)?).map(Content::Whole))
            }
            Chosen::Matching(asked, scope) => {
                let size = self.exporter.published_size()?;
                let choosing = Choosing::new(
                    self.reader.clone(),
                    self.exporter.parsers(),
                    asked.query().clone(),
                    scope,
                    size,
                );
                let place = self.place(&access)?;
                let look = Look::Erasure { choosing, access, cause };
                self.begin_looking(Looking { look, place })
            }
        }
    }

    /// Nobody waits for a search any more.
    pub(super) fn tally(looking: &mut Looking) -> Option<Tally> {
        match &mut looking.look {
            Look::Export { tally, .. } | Look::Findings { tally, .. } | Look::Stream { tally, .. } => {
                tally.take()
            }
            Look::Erasure { .. } => None,
        }
    }

    /// A place for one more search. Where there is none, the newest search gives way of a reader who has two more than this one.
    fn place(&mut self, access: &Access) -> Result<Arc<Place>, ApiError> {
        self.searches.retain(|place| place.strong_count() > 0);
        let there: Vec<Arc<Place>> =
            self.searches.iter().filter_map(Weak::upgrade).filter(|place| !place.gives_way()).collect();
        let of = |reader: &str| there.iter().filter(|place| place.reader == reader).count();
        let reader = access.credential();
        if there.len() >= SEARCHES {
            let most = there.iter().max_by_key(|place| of(&place.reader));
            let gives = most.filter(|place| of(&place.reader) >= of(&reader) + 2);
            gives.ok_or_else(api::export::busy)?.gives_way.store(true, Ordering::Relaxed);
        }
        let place = Place::of(access);
        self.searches.push(Arc::downgrade(&place));
        Ok(place)
    }

    /// Takes the first turn. What ends with it need not wait for another one.
    fn begin_looking(&mut self, mut looking: Looking) -> Result<Response<Content>, ApiError> {
        if Self::take_turn(&mut looking)? {
            return Ok(Response::new(Content::Looking(Some(Box::new(looking)))));
        }
        self.found(looking)
    }

    /// Goes on with a search for a turn. Gives the answer when it is at its end.
    pub fn look(
        &mut self,
        headers: &HeaderMap,
        looking: &mut Option<Box<Looking>>,
    ) -> Option<Response<Content>> {
        let mut search = looking.take()?;
        let answered = match Self::take_turn(&mut search) {
            Ok(true) => {
                *looking = Some(search);
                return None;
            }
            Ok(false) => self.found(*search),
            Err(problem) => Err(problem),
        };
        Some(self.finish(headers, answered))
    }

    /// Says whether there is more.
    fn take_turn(looking: &mut Looking) -> Result<bool, ApiError> {
        if looking.place.gives_way() {
            return Err(api::export::busy());
        }
        for _ in 0..PAGES {
            let more = match &mut looking.look {
                Look::Export { planning, .. } | Look::Stream { planning, .. } => planning.step()?,
                Look::Findings { explaining, .. } => explaining.step()?,
                Look::Erasure { choosing, .. } => choosing.step()?,
            };
            if !more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A search may take longer than the token is good for by which it was begun.
    pub(super) fn check_access(&self, access: &Access) -> Result<(), ExportError> {
        if self.readers.still_admit(access, self.now()) { Ok(()) } else { Err(ExportError::Revoked) }
    }

    fn found(&mut self, looking: Looking) -> Result<Response<Content>, ApiError> {
        match looking.look {
            Look::Export { planning, name, matching, access, tally } => {
                let plan = planning.end();
                let matched = api::export::matched(&plan, matching);
                let sending = Sending { lines: plan.lines(), access: Some(access), tally };
                let head = api::export::head(&self.origin, &name, matched)?;
                Ok(head.map(|()| Content::Export(Box::new(sending))))
            }
            Look::Findings { explaining, access, tally } => {
                self.check_access(&access)?;
                let fields_alone = explaining.fields_alone();
                let answer = api::explain::answer(&explaining.end(), fields_alone);
                self.end_read(tally, 0, answer.body().len());
                Ok(answer.map(Content::Whole))
            }
            Look::Stream { planning, opening, access, tally } => {
                Ok(live(access, &opening, planning.end(), tally))
            }
            Look::Erasure { choosing, access, cause } => {
                self.check_access(&access)?;
                Ok(api::erase::done(self.erase(&choosing.end(), &cause)?).map(Content::Whole))
            }
        }
    }
}

fn live(access: Access, opening: &Opening, plan: Plan, tally: Option<Tally>) -> Response<Content> {
    let first = opening.first(&plan);
    let live = Live::new(access, opening.scope().clone(), first, plan, tally);
    api::sse::head().map(|()| Content::Live(Box::new(live)))
}
