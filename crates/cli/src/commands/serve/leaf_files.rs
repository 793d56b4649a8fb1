//! Entries from files of readers and emitters: exports, outboxes and receipts.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use countersign::export::{Item, Line, Matched, Payload};
use countersign::link::{ChainId, Link};
use countersign::log::SaltedEvent;
use countersign::note::VerifierKey;
use countersign::proof::Proof;
use countersign::trust::Trust;
use countersign_log_server::restore::{HeldLeaf, Source};
use serde::Deserialize;

use crate::errors::{CliError, shown};
use crate::io::input::Input;
use crate::io::style;

/// A link with the proof that it is in the log; outboxes keep the latest one with their position.
#[derive(Deserialize)]
struct Receipt {
    link: String,
    proof: String,
}

#[derive(Deserialize)]
struct Position {
    receipt: Option<Receipt>,
}

/// True if a file in an outbox's folder may have links or receipts.
pub(super) fn is_candidate(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ndjson" || extension == "json")
}

/// The entries in files.
pub(super) struct LeafFiles {
    /// The first entry to find. The log already has all entries before it.
    from: u64,
    keys: Vec<VerifierKey>,
    names: Vec<String>,
    checkpoints: Vec<String>,
    placed: BTreeMap<u64, HeldLeaf>,
    /// Links whose position in the log is unknown.
    loose: HashMap<(ChainId, u64), HeldLeaf>,
}

impl LeafFiles {
    pub(super) fn new(from: u64, keys: Vec<VerifierKey>) -> Self {
        let (placed, loose) = (BTreeMap::new(), HashMap::new());
        Self { from, keys, names: Vec::new(), checkpoints: Vec::new(), placed, loose }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Reads an export, an outbox segment, or receipts, one per line. Returns true if it contains anything
    /// from a log.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<bool, CliError> {
        let (mut at, mut leaves, mut is_log) = (0_u64, Vec::new(), false);
        let (mut is_found, mut is_foreign) = (false, false);
        Input::open(path)?.lines("reading", |line| {
            let Ok(text) = str::from_utf8(line.bytes) else { return Ok(()) };
            if text.trim().is_empty() {
                return Ok(());
            }
            if self.add_receipt(text) {
                is_found = true;
                return Ok(());
            }
            // Headers and malformed lines are no leaves.
            let Ok(line) = Line::parse(text) else { return Ok(()) };
            let leaf = match line.item {
                Item::Link { text, link, payload, .. } => {
                    let event = payload.and_then(|payload| event(&payload, &link));
                    Some((HeldLeaf { text: text.into_owned(), event }, Some(link)))
                }
                Item::Note { text, .. } => Some((HeldLeaf { text: text.into_owned(), event: None }, None)),
                Item::Leaf(_) => None,
                Item::Skip { level, .. } => {
                    at = at.saturating_add(1 << level);
                    return Ok(());
                }
                Item::Head { .. } | Item::Anchor { .. } => return Ok(()),
                Item::Checkpoint { text, signed } => {
                    is_foreign |= !self.keys.iter().any(|key| signed.is_signed_by(key));
                    if signed.checkpoint.size == at && self.keys.iter().any(|key| signed.is_signed_by(key)) {
                        is_log = true;
                        self.checkpoints.push(text.into_owned());
                    }
                    return Ok(());
                }
            };
            leaves.extend(leaf.map(|leaf| (at, leaf)));
            at += 1;
            Ok(())
        })?;
        is_found |= !leaves.is_empty();
        if is_foreign && !is_log {
            style::warn(&format!(
                "{}: its checkpoint isn't signed by this log; check that this is not another log's export",
                shown(path)
            ));
        }
        for (index, (leaf, link)) in leaves {
            if is_log {
                if index >= self.from {
                    self.placed.insert(index, leaf);
                }
            } else if let Some(link) = link {
                self.loose.insert((link.chain(), link.seq()), leaf);
            }
        }
        self.names.push(shown(path));
        Ok(is_found)
    }

    /// Reads a line that is a receipt, or contains one. Only what it proves is used.
    fn add_receipt(&mut self, text: &str) -> bool {
        let receipt = serde_json::from_str::<Receipt>(text).ok();
        let receipt = receipt.or_else(|| serde_json::from_str::<Position>(text).ok()?.receipt);
        let Some(Receipt { link, proof }) = receipt else { return false };
        let Ok(proof) = Proof::parse(&proof) else { return true };
        let log = |key: &VerifierKey| Trust::default().with_log(key.clone());
        let holds = |trust: Trust| proof.verify(link.as_bytes(), None, &trust).is_ok();
        if self.keys.iter().filter_map(|key| log(key).ok()).any(holds) {
            self.checkpoints.push(proof.checkpoint.to_string());
            if proof.index >= self.from {
                self.placed.entry(proof.index).or_insert(HeldLeaf { text: link, event: None });
            }
        }
        true
    }

    /// Returns the entry at this index, known or derived from the next one: links submitted together are usually
    /// adjacent. The tree shows if the guess is right.
    fn find(&mut self, index: u64) -> Option<&HeldLeaf> {
        if !self.placed.contains_key(&index) {
            let (next, leaf) = self.placed.range(index..).next()?;
            let link = Link::parse(&leaf.text).ok()?;
            let seq = link.seq().checked_sub(next - index)?;
            let leaf = self.loose.get(&(link.chain(), seq))?.clone();
            self.placed.insert(index, leaf);
        }
        let leaf = self.placed.get_mut(&index)?;
        if leaf.event.is_none()
            && let Ok(link) = Link::parse(&leaf.text)
            && let Some(loose) = self.loose.get(&(link.chain(), link.seq()))
            && loose.text == leaf.text
        {
            leaf.event.clone_from(&loose.event);
        }
        Some(leaf)
    }
}

/// Returns the event, if it matches the link.
fn event(payload: &Payload<'_>, link: &Link) -> Option<SaltedEvent> {
    let Link::Event(link) = link else { return None };
    let text = match payload.check(&payload.commit(), &link.commit).ok()? {
        Matched::Verbatim => payload.event.to_owned(),
        Matched::Canonical(text) => String::from(text),
    };
    Some(SaltedEvent { salt: payload.salt, text })
}

impl Source for LeafFiles {
    fn name(&self) -> String {
        self.names.join(", ")
    }

    fn checkpoints(&self) -> &[String] {
        &self.checkpoints
    }

    fn leaf(&mut self, index: u64) -> Result<Option<HeldLeaf>, String> {
        Ok(self.find(index).cloned())
    }
}
