//! Readers: exports, slices, and live views.

use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::link::Link;
use countersign::merkle::{CompactRange, empty_root, leaf_hash};
use countersign::verify::report::Report;
use countersign::verify::{FindingCode, Options, Verdict, Verification};
use countersign_log::export::{ExportError, LiveState, Request};
use countersign_log::tokens::Scope;

use super::{Action, CheckResult, MINUTE, World, text};
use crate::model::{USERS, secret};
use crate::reader::{ExportEntry, LiveReader, check_honest, entries, problems, verify};
use crate::server::Server;

/// The number of pins that a reader keeps.
const MAX_PINS: usize = 4;

impl World {
    /// Lets a reader read something.
    pub(super) fn read(&mut self, number: usize) -> CheckResult {
        let mean = if self.calm { 20 * MINUTE } else { 4 * MINUTE };
        self.schedule(mean, Action::Read { reader: number });
        if self.server.is_none() || !self.accepting {
            return Ok(());
        }
        match self.random.index(4) {
            0 => self.read_scope(number),
            1 => self.read_proof(),
            2 if self.set_back_to.is_none() && self.replaced.is_none() => self.read_live(number),
            _ if !self.tenants.is_empty() => self.read_all_of_tenant(number),
            _ => self.read_all(number),
        }
    }

    /// True if the newest checkpoint has all the cosignatures that readers ask for.
    pub(super) fn is_witnessed(&self) -> bool {
        let server = self.server.as_ref();
        let published = if self.tenants.is_empty() {
            server.and_then(Server::published)
        } else {
            server.and_then(Server::newest_tick).map(|tick| tick.checkpoint.clone())
        };
        !self.trust.has_quorum() || published.is_some_and(|published| published.witnessed)
    }

    /// Returns an export of a log, or `None` if the log has nothing to export or its disk fails.
    pub(super) fn export(&self, log: usize, request: &Request) -> Result<Option<Vec<u8>>, String> {
        let Some(server) = &self.server else { return Ok(None) };
        match server.export(log, request) {
            Ok(export) => Ok(Some(export)),
            Err(ExportError::NotFound(_)) if server.newest(log).is_none() => Ok(None),
            Err(ExportError::Store(_)) if !self.calm => Ok(None),
            Err(error) => Err(format!("an export failed: {error}")),
        }
    }

    /// Reads the whole log, and compares it with the pins.
    fn read_all(&mut self, number: usize) -> CheckResult {
        let Some(export) = self.export(0, &Request::default())? else { return Ok(()) };
        let pins = self.readers[number].pins.clone();
        let options = Options {
            trust: self.trust.clone(),
            pins: pins.iter().cloned().map(Into::into).collect(),
            ..Options::default()
        };
        let Verification { report, pin, .. } = verify(&export, options);
        let read = entries(&export)?;
        self.note(format!("reader {number} reads {} entries: {}", read.len(), report.verdict.as_str()));
        if self.set_back_to.is_some() || self.replaced.is_some() {
            return check_pins(&read, &pins, report.verdict, &problems(&report));
        }
        check_honest(&report, self.is_witnessed(), self.models[0].erasing.is_empty())?;
        self.check_remembered(signed_size(&report))?;
        self.observe_entries(0, &read)?;
        if let Some(pin) = pin {
            let pins = &mut self.readers[number].pins;
            pins.push(SignedCheckpoint::parse(&pin).map_err(text)?);
            if pins.len() > MAX_PINS {
                pins.remove(1);
            }
        }
        Ok(())
    }

    /// Checks the entries of an export of the whole log against all that is known.
    pub(super) fn observe_entries(&mut self, log: usize, read: &[ExportEntry]) -> CheckResult {
        let history = self.tenants.get_mut(log).map_or(&mut self.history, |tenant| &mut tenant.history);
        history.add_entries(read.iter().map(|entry| entry.text.as_str()))?;
        self.models[log].check_export(read)
    }

    /// Reads with a token that is limited to the events of one user.
    fn read_scope(&mut self, number: usize) -> CheckResult {
        let log = self.readers[number].log;
        let Some(trust) = self.reader_trust(log) else { return Ok(()) };
        let allowed = self.random.between(0, USERS - 1);
        let mut scope = Scope::default();
        scope.allow("actor", &format!("user{allowed}"))?;
        let request = Request { scope: Arc::new(scope), ..Request::default() };
        let Some(export) = self.export(log, &request)? else { return Ok(()) };
        let report = verify(&export, Options { trust, ..Options::default() }).report;
        self.note(format!(
            "a reader of user {allowed} reads {} events: {}",
            report.counts.events,
            report.verdict.as_str()
        ));
        let shown = str::from_utf8(&export).map_err(text)?;
        for found in shown.match_indices("secret").filter_map(|(at, _)| secret(&shown[at..])) {
            if !self.models[log].has_secret(found) || self.models[log].is_of_another(found, allowed) {
                return Err(format!("a reader of user {allowed} sees {found} of another"));
            }
        }
        if self.set_back_to.is_none() && self.replaced.is_none() {
            self.check_remembered(signed_size(&report))?;
        }
        check_honest(&report, self.is_witnessed(), false)
    }

    /// Reads the proof of an event that a recorder has a proof of.
    fn read_proof(&mut self) -> CheckResult {
        let number = self.random.index(self.recorders.len());
        let log = self.recorders[number].log;
        let Some(trust) = self.reader_trust(log) else { return Ok(()) };
        let Some(receipt) = self.recorders[number].receipt() else { return Ok(()) };
        let link = Link::parse(&receipt.link).map_err(text)?;
        let request = Request { places: vec![(link.chain(), link.seq())], ..Request::default() };
        if self.set_back_to.is_some() || self.replaced.is_some() {
            return Ok(());
        }
        let Some(export) = self.export(log, &request)? else { return Ok(()) };
        let report = verify(&export, Options { trust, ..Options::default() }).report;
        self.note(format!(
            "a reader reads the proof of {}/{}: {}",
            link.chain(),
            link.seq(),
            report.verdict.as_str()
        ));
        if entries(&export)?.iter().all(|entry| entry.text != receipt.link) {
            return Err(format!("the proof of {}/{} lacks its link", link.chain(), link.seq()));
        }
        check_honest(&report, self.is_witnessed(), false)
    }

    /// Opens a live view, or continues one.
    fn read_live(&mut self, number: usize) -> CheckResult {
        let witnessed = self.is_witnessed();
        let log = self.readers[number].log;
        let Some(trust) = self.reader_trust(log) else { return Ok(()) };
        let idle = !self.tenants.is_empty() && self.random.chance(0.5);
        let Some(server) = &self.server else { return Ok(()) };
        let size = server.newest(log).unwrap_or(LiveState::default()).size;
        let live = &mut self.readers[number].live;
        let view = match live {
            None => {
                let from = if self.random.chance(0.5) { 0 } else { size };
                server.begin_live(log, from).map(|view| *live = Some(LiveReader::new(trust, view, from)))
            }
            Some(live) if live.view.is_none() => match live.reached {
                Some(reached) => server.resume_live(log, reached).map(|view| live.view = Some(view)),
                None => server.begin_live(log, live.from).map(|view| {
                    *live = LiveReader::new(trust, view, live.from);
                }),
            },
            Some(_) => Ok(()),
        };
        let read = view.and_then(|()| {
            let Some(live) = live else { return Ok(None) };
            live.view.as_mut().map(|view| server.continue_live(view, idle)).transpose()
        });
        let stream = match read {
            Ok(Some(stream)) => stream,
            Ok(None) => return Ok(()),
            // The connection ends where the disk fails.
            Err(ExportError::Store(_)) if !self.calm => {
                if let Some(live) = live {
                    live.view = None;
                }
                return Ok(());
            }
            Err(ExportError::NotFound(_)) if server.newest(log).is_none() => return Ok(()),
            Err(error) => return Err(format!("a live view failed: {error}")),
        };
        let Some(live) = live else { return Ok(()) };
        let (report, from) = (live.read(&stream)?, live.from);
        let Some(Verification { report, .. }) = report else { return Ok(()) };
        self.note(format!(
            "reader {number} sees {} entries live: {}",
            report.counts.entries,
            report.verdict.as_str()
        ));
        self.check_remembered(signed_size(&report))?;
        check_honest(&report, witnessed, from == 0 && self.models[log].erasing.is_empty())
    }

    /// Checks that the live views showed the log that the last export shows.
    pub(super) fn check_live_views(&self, log: usize, read: &[ExportEntry]) -> CheckResult {
        let readers = self.readers.iter().filter(|reader| reader.log == log);
        for live in readers.filter_map(|reader| reader.live.as_ref()) {
            for (entry, index) in live.entries.iter().zip(live.from..) {
                let shown = usize::try_from(index).ok().and_then(|index| read.get(index));
                if entry.index != index || shown.is_none_or(|shown| shown.text != entry.text) {
                    return Err(format!("a live view showed another entry {index} than the log has"));
                }
            }
        }
        Ok(())
    }
}

/// Returns the size of the signed tree that a report is about.
fn signed_size(report: &Report) -> u64 {
    let root_log = report.root_log.as_ref().map(|root_log| root_log.size);
    root_log.or(report.log.map(|log| log.size)).unwrap_or(0)
}

/// Returns the root of the first entries; `None` if there are fewer.
pub(super) fn root_of(read: &[ExportEntry], size: u64) -> Option<Hash> {
    let mut range = CompactRange::new();
    for entry in read.get(..usize::try_from(size).ok()?)? {
        range.append(leaf_hash(entry.text.as_bytes()));
    }
    Some(range.root().unwrap_or_else(empty_root))
}

/// Checks that a pin that contradicts a log is noticed.
fn check_pins(
    read: &[ExportEntry],
    pins: &[SignedCheckpoint],
    verdict: Verdict,
    problems: &[FindingCode],
) -> CheckResult {
    let contradicts = |pin: &SignedCheckpoint| {
        root_of(read, pin.checkpoint.size).is_none_or(|root| root != pin.checkpoint.root)
    };
    let noticed = verdict == Verdict::Altered
        && problems
            .iter()
            .any(|code| matches!(code, FindingCode::AppendOnlyRollback | FindingCode::AppendOnlySplitView));
    let contradicted = pins.iter().any(contradicts);
    if noticed == contradicted {
        return Ok(());
    }
    Err(format!(
        "a log that contradicts the pins: {contradicted}, is noticed: {noticed}, with the verdict {}",
        verdict.as_str()
    ))
}
