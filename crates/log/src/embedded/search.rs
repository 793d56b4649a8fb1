//! Searches. A long one runs in turns, so that other requests run in between.

use std::rc::{Rc, Weak};

use http::{HeaderMap, Response};

use super::content::Content;
use super::export_stream::ExportStream;
use super::live::Live;
use super::log_server::EmbeddedLogServer;
use super::reads::Tally;
use super::search_slot::SearchSlot;
use crate::api::erase::{Chosen, ErasureRequest};
use crate::api::export::ExportRequest;
use crate::api::sse::{LiveRequest, LiveStart};
use crate::api::{self, ApiError};
use crate::erase::{Cause, ErasureSearch};
use crate::export::{Explaining, ExportError, Plan, Planning, Request};
use crate::reads::ReadRequest;
use crate::tokens::Access;

/// The maximum number of concurrent searches, which take turns.
const MAX_SEARCHES: usize = 4;
/// The number of pages of entries that are examined in a turn, which takes a few milliseconds.
const PAGES_PER_TURN: usize = 4;

/// A running search.
pub struct Search {
    target: Target,
    slot: Rc<SearchSlot>,
}

/// The purpose of a search.
enum Target {
    Export { planning: Planning, name: String, matching: bool, access: Access, tally: Option<Tally> },
    Findings { explaining: Explaining, access: Access, tally: Option<Tally> },
    Stream { planning: Planning, opening: LiveRequest, access: Access, tally: Option<Tally> },
    Erasure { search: ErasureSearch, access: Access, cause: Cause },
}

impl EmbeddedLogServer {
    pub(super) fn search_export(
        &mut self,
        access: Access,
        request: ExportRequest,
        read: ReadRequest,
    ) -> Result<Response<Content>, ApiError> {
        let ExportRequest { request, name } = request;
        let slot = self.slot(&access)?;
        let planning = self.exporter.begin(&request)?;
        let matching = !request.filter.is_empty();
        let tally = self.begin_read(&access, read)?;
        let target = Target::Export { planning, name, matching, access, tally };
        self.begin_search(Search { target, slot })
    }

    pub(super) fn search_findings(
        &mut self,
        access: Access,
        (request, fields_alone): &(Request, bool),
        read: ReadRequest,
    ) -> Result<Response<Content>, ApiError> {
        let slot = self.slot(&access)?;
        let explaining = self.exporter.begin_explaining(request, *fields_alone)?;
        let tally = self.begin_read(&access, read)?;
        let target = Target::Findings { explaining, access, tally };
        self.begin_search(Search { target, slot })
    }

    pub(super) fn search_stream(
        &mut self,
        access: Access,
        opening: LiveRequest,
        read: ReadRequest,
    ) -> Result<Response<Content>, ApiError> {
        let begun = opening.begin(&self.exporter).map_err(|error| opening.problem(error))?;
        match begun {
            LiveStart::Whole(plan) => {
                let tally = self.begin_read(&access, read)?;
                Ok(self.live(access, &opening, plan, tally))
            }
            LiveStart::Planning(planning) => {
                // After a restart all dashboards reconnect at once, with short searches.
                let slot = if planning.is_short() { self.new_slot(&access) } else { self.slot(&access)? };
                let tally = self.begin_read(&access, read)?;
                let target = Target::Stream { planning, opening, access, tally };
                self.begin_search(Search { target, slot })
            }
        }
    }

    pub(super) fn search_erasure(
        &mut self,
        access: Access,
        request: ErasureRequest,
    ) -> Result<Response<Content>, ApiError> {
        let ErasureRequest { chosen, cause } = request;
        match chosen {
            Chosen::Places(places, scope) => {
                let leaves = self.exporter.find(&places, &scope)?;
                self.erase(&leaves, &cause)
            }
            Chosen::Matching(filter, scope) => {
                let size = self.exporter.published_size()?;
                let search = ErasureSearch::new(
                    self.reader.clone(),
                    self.exporter.parsers(),
                    filter.query().clone(),
                    scope,
                    size,
                );
                let slot = self.slot(&access)?;
                let target = Target::Erasure { search, access, cause };
                self.begin_search(Search { target, slot })
            }
        }
    }

    /// Removes and returns the tally of a search whose client disconnected.
    pub(super) fn tally(search: &mut Search) -> Option<Tally> {
        match &mut search.target {
            Target::Export { tally, .. } | Target::Findings { tally, .. } | Target::Stream { tally, .. } => {
                tally.take()
            }
            Target::Erasure { .. } => None,
        }
    }

    /// Returns a slot for one more search. If all are in use, ends the newest search of a log that has at least two more
    /// than this log, or of a reader of this log who has at least two more than this reader.
    fn slot(&self, access: &Access) -> Result<Rc<SearchSlot>, ApiError> {
        let mut searches = self.shared.searches.borrow_mut();
        searches.retain(|slot| slot.strong_count() > 0);
        let there: Vec<Rc<SearchSlot>> =
            searches.iter().filter_map(Weak::upgrade).filter(|slot| !slot.gives_way()).collect();
        let slot = self.new_slot(access);
        if there.len() >= MAX_SEARCHES {
            let of_log = |log: &str| there.iter().filter(|slot| *slot.log == *log).count();
            let of_reader = |reader: &str| {
                there.iter().filter(|other| other.log == slot.log && other.reader == reader).count()
            };
            let busiest = there.iter().max_by_key(|slot| of_log(&slot.log));
            let gives = busiest.filter(|other| of_log(&other.log) >= of_log(&slot.log) + 2);
            let own = there.iter().filter(|other| other.log == slot.log);
            let busiest = own.max_by_key(|slot| of_reader(&slot.reader));
            let gives = gives
                .or_else(|| busiest.filter(|other| of_reader(&other.reader) >= of_reader(&slot.reader) + 2));
            gives.ok_or_else(api::export::busy)?.gives_way.set(true);
        }
        searches.push(Rc::downgrade(&slot));
        Ok(slot)
    }

    /// Returns a slot that doesn't count.
    fn new_slot(&self, access: &Access) -> Rc<SearchSlot> {
        SearchSlot::new(self.origin(), access)
    }

    /// Runs the first turn. A search that ends with it is answered at once.
    fn begin_search(&mut self, mut search: Search) -> Result<Response<Content>, ApiError> {
        if Self::run_turn(&mut search)? {
            return Ok(Response::new(Content::Search(Some(Box::new(search)))));
        }
        self.finish_search(search)
    }

    /// Continues a search for a turn. Returns the response when it is complete.
    pub fn search(
        &mut self,
        headers: &HeaderMap,
        slot: &mut Option<Box<Search>>,
    ) -> Option<Response<Content>> {
        let mut search = slot.take()?;
        let answered = match Self::run_turn(&mut search) {
            Ok(true) => {
                *slot = Some(search);
                return None;
            }
            Ok(false) => self.finish_search(*search),
            Err(problem) => Err(problem),
        };
        Some(self.finish(headers, answered))
    }

    /// Runs a turn. Returns true if the search is not complete.
    fn run_turn(search: &mut Search) -> Result<bool, ApiError> {
        if search.slot.gives_way() {
            return Err(api::export::busy());
        }
        for _ in 0..PAGES_PER_TURN {
            let more = match &mut search.target {
                Target::Export { planning, .. } | Target::Stream { planning, .. } => planning.step()?,
                Target::Findings { explaining, .. } => explaining.step()?,
                Target::Erasure { search, .. } => search.step()?,
            };
            if !more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Checks that a token is still authorized: it may have ended during the search.
    pub(super) fn check_access(&self, access: &Access) -> Result<(), ExportError> {
        if self.shared.readers.still_admit(access, self.now()) { Ok(()) } else { Err(ExportError::Revoked) }
    }

    fn finish_search(&mut self, search: Search) -> Result<Response<Content>, ApiError> {
        match search.target {
            Target::Export { planning, name, matching, access, tally } => {
                let plan = planning.end()?;
                let matched = api::export::matched(&plan, matching);
                let sending = ExportStream { lines: plan.lines(), access: Some(access), tally };
                let head = api::export::head(&self.origin, &name, matched)?;
                Ok(head.map(|()| Content::Export(Box::new(sending))))
            }
            Target::Findings { explaining, access, tally } => {
                self.check_access(&access)?;
                let fields_alone = explaining.fields_alone();
                let answer = api::explain::answer(&explaining.end(), fields_alone);
                self.end_read(tally, 0, answer.body().len());
                Ok(answer.map(Content::Whole))
            }
            Target::Stream { planning, opening, access, tally } => {
                Ok(self.live(access, &opening, planning.end()?, tally))
            }
            Target::Erasure { search, access, cause } => {
                self.check_access(&access)?;
                self.erase(&search.end(), &cause)
            }
        }
    }

    fn live(
        &self,
        access: Access,
        opening: &LiveRequest,
        plan: Plan,
        tally: Option<Tally>,
    ) -> Response<Content> {
        let first = opening.first(&plan);
        let mut live = Live::new(access, opening.scope().clone(), first, plan, tally);
        // A tenant log repeats no head to a client that resumes, so this may be all that it gets for a while.
        live.beginning = self.tenant.is_some().then_some(api::sse::BEGINNING);
        api::sse::head().map(|()| Content::Live(Box::new(live)))
    }
}
