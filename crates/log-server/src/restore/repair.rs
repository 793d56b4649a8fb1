//! Putting leaves back that others still have.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, Write as _};
use std::path::Path;

use countersign::base64;
use countersign::log::{AcceptanceError, Growth, SaltedEvent};
use countersign::merkle::{Grown, leaf_hash};
use countersign::note::VerifierKey;
use serde_json::{Value, json};

use super::place::Place;
use super::source::{HeldLeaf, Source};
use crate::own_entries::FILE as OWN_ENTRIES;
use countersign_log::erase::record;
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{Batch, CommitError, StoreError};

/// So many leaves are put back at one time.
const PORTION: u64 = 4_096;

/// Leaves that are missing, all of them gathered, and verified by what the log signed.
pub struct Repair {
    from: u64,
    to: u64,
    with_events: u64,
    leaves: File,
    names: Vec<String>,
}

fn failed(error: io::Error) -> StoreError {
    StoreError::unavailable("gathering leaves", error)
}

impl Repair {
    /// Gathers all leaves up to that head; says why not, for people, where that cannot be done.
    pub(super) fn gather(
        folder: &Path,
        place: &Place,
        heads: &[SignedHead],
        newest: &SignedHead,
        sources: &mut [Box<dyn Source>],
    ) -> Result<Result<Self, String>, StoreError> {
        let mut tree = place.writer().edge()?;
        let (from, to) = (tree.end(), newest.size);
        let mut heads = heads.iter().filter(|head| head.size > from).peekable();
        let mut leaves = BufWriter::new(tempfile::tempfile_in(folder).map_err(failed)?);
        let mut used = vec![false; sources.len()];
        let mut with_events = 0;
        for index in from..to {
            let mut found: Option<HeldLeaf> = None;
            for (source, used) in sources.iter_mut().zip(&mut used) {
                let leaf = match source.leaf(index) {
                    Ok(leaf) => leaf,
                    Err(why) => return Ok(Err(format!("{}: {why}", source.name()))),
                };
                let Some(leaf) = leaf else { continue };
                match &mut found {
                    // Who has the leaf first is believed; events are told by whoever has them.
                    Some(found) if found.text != leaf.text || found.event.is_some() => continue,
                    Some(found) => found.event = leaf.event,
                    None => found = Some(leaf),
                }
                *used = true;
                if found.as_ref().is_some_and(|found| found.event.is_some()) {
                    break;
                }
            }
            let Some(HeldLeaf { text, event }) = found else {
                let why = format!(
                    "it signed {to} leaves, {from} are here, and nobody has leaf {index}; those that the log wrote \
                     itself are in {OWN_ENTRIES} of the folder in which it ran, and all in a mirror of its tiles"
                );
                return Ok(Err(why));
            };
            // What was erased does not come back.
            let event = event.filter(|_| !place.is_erased(index));
            with_events += u64::from(event.is_some());
            tree.append(leaf_hash(text.as_bytes()));
            let event = event.map(|event| json!([base64::encode(event.salt), event.text]));
            writeln!(leaves, "{}", json!([text, event])).map_err(failed)?;
            if let Some(head) = heads.next_if(|head| head.size == index + 1)
                && tree.root() != Some(head.root)
            {
                let why = format!(
                    "the leaves that others have do not give the tree of {} that it signed",
                    head.size
                );
                return Ok(Err(why));
            }
        }
        let leaves = leaves.into_inner().map_err(|error| failed(error.into_error()))?;
        let names = sources.iter().zip(used).filter(|(_, used)| *used).map(|(source, _)| source.name());
        Ok(Ok(Self { from, to, with_events, leaves, names: names.collect() }))
    }

    /// The first leaf that is put back, and the one after the last.
    pub fn range(&self) -> (u64, u64) {
        (self.from, self.to)
    }

    /// How many of them come with their events.
    pub fn with_events(&self) -> u64 {
        self.with_events
    }

    /// Who has them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Puts them back, a portion at a time: each makes the log what it was before, and the next goes on from it. Erasures that are
    /// recorded among them are to be done again.
    pub(super) fn put_back(mut self, place: &mut Place, key: &VerifierKey) -> Result<(), StoreError> {
        self.leaves.rewind().map_err(failed)?;
        let mut lines = BufReader::new(self.leaves).lines().zip(self.from..).peekable();
        loop {
            let edge = place.writer().edge()?;
            let end = place.next_boundary(edge.end()).min(edge.end() + PORTION);
            let mut growth = Growth::new(edge.end());
            while let Some((line, index)) = lines.next_if(|(_, index)| *index < end) {
                if index < edge.end() {
                    continue;
                }
                let (text, event) = parse(&line.map_err(failed)?)
                    .ok_or_else(|| StoreError::Damaged("a leaf that was gathered cannot be read".into()))?;
                growth.replay(place.writer().state(), text, event).map_err(|stop| match stop {
                    AcceptanceError::Refused(refusal) => StoreError::Damaged(refusal.to_string()),
                    AcceptanceError::Storage(error) => error,
                })?;
            }
            if growth.leaves().is_empty() {
                return Ok(());
            }
            let mut tree = Grown::new(&edge);
            let hashes: Vec<_> = growth.leaves().iter().map(|leaf| leaf.hash).collect();
            tree.extend(&hashes);
            let erasures = record::recorded(&growth, key);
            let batch =
                Batch { growth: &growth, tree: &tree, publish: None, erasures: &erasures, signed_size: None };
            match place.writer_mut().commit(&batch) {
                Ok(()) => tracing::info!(size = tree.size(), "leaves are put back"),
                // The bucket has that commit, and those behind it.
                Err(CommitError::Overtaken) if place.writer().size() > edge.end() => {}
                Err(CommitError::Failed(error)) => return Err(error),
                Err(error @ CommitError::Overtaken) => {
                    return Err(StoreError::unavailable("putting leaves back", error));
                }
            }
        }
    }
}

fn parse(line: &str) -> Option<(String, Option<SaltedEvent>)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = value.get(0)?.as_str()?.to_owned();
    let event = match value.get(1)? {
        Value::Null => None,
        event => {
            let salt = base64::decode_array(event.get(0)?.as_str()?)?;
            Some(SaltedEvent { salt, text: event.get(1)?.as_str()?.to_owned() })
        }
    };
    Some((text, event))
}
