//! The histories that the operator of a root log tells about a tenant log, and the root log that has all of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::export::Header;
use countersign::export::writer::Writer;
use countersign::hash::Hash;
use countersign::link::Link;
use countersign::merkle::{CompactRange, PendingTree, empty_root, inclusion_proof, leaf_hash};
use countersign::note::SignerKey;
use countersign::tenant::{Anchor, DirectoryEntry, Head, HeadProof, State, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;

use super::super::text;
use crate::random::Random;
use crate::reader::ExportEntry;
use crate::witness::Witness;

/// The first tick with the tenant log's head.
pub(super) const FIRST: u64 = 3_600;
/// The first anchor after that.
pub(super) const ANCHOR: u64 = 4_095;
/// The second one.
pub(super) const SECOND_ANCHOR: u64 = 8_191;
/// A tick between two anchors. From it on, a log is rewritten.
pub(super) const REWRITTEN: u64 = 6_000;
/// The first tick without a tenant log that is dropped, and the first one that has it again.
pub(super) const DROPPED: [u64; 2] = [3_850, 3_900];
/// These ticks for a log that is missing at the anchor.
pub(super) const DROPPED_AT_ANCHOR: [u64; 2] = [4_000, 4_200];
/// The depth of the directories.
const DEPTH: usize = 8;

/// A version of the tenant log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Truth,
    Lie,
    /// An earlier state of the truth.
    Early,
}

/// The operator's treatment of the anchors in an export or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnchorLine {
    Shown,
    LeftOut,
    /// They state the version that the head has.
    Forged,
}

/// The operator of a root log.
pub struct TenantOperator<'w> {
    /// The tenant log.
    pub origin: TenantOrigin,
    /// Another tenant log.
    pub other: TenantOrigin,
    /// The root log's key.
    pub key: SignerKey,
    /// The readers' trust file, without an `origin` line.
    pub trust: Trust,
    /// The witnesses, who are honest.
    pub witnesses: &'w [Witness],
    /// The current time.
    pub now: Time,
    /// The tenant log's entries.
    pub entries: Vec<ExportEntry>,
    /// Chooses what to lie about.
    pub random: Random,
}

/// The versions of the tenant log, and the root log whose directories have them.
pub(super) struct Story {
    versions: BTreeMap<Version, Vec<ExportEntry>>,
    /// The leaf hashes of the directories up to the last tick.
    pub(super) leaves: Vec<Hash>,
    heads: BTreeMap<u64, (Version, Anchor)>,
    /// The trees of the root log that were needed so far, by size.
    trees: RefCell<BTreeMap<u64, Rc<PendingTree>>>,
}

impl TenantOperator<'_> {
    /// Makes a root log with this number of ticks. `version_at` returns the version in the directory of a tick; `None` if it
    /// has no head of the tenant log. No tick before [`FIRST`] has one.
    pub(super) fn story(
        &mut self,
        versions: impl IntoIterator<Item = (Version, Vec<ExportEntry>)>,
        ticks: u64,
        version_at: impl Fn(u64) -> Option<Version>,
    ) -> Story {
        let versions: BTreeMap<Version, Vec<ExportEntry>> = versions.into_iter().collect();
        let facts = |entries: &Vec<ExportEntry>| (entries.len() as u64, root_of(entries));
        let facts: BTreeMap<Version, (u64, Hash)> =
            versions.iter().map(|(version, entries)| (*version, facts(entries))).collect();
        let (mut leaves, mut heads) = (Vec::new(), BTreeMap::new());
        for tick in 0..ticks {
            let time = self.time_of(tick);
            let entry = match version_at(tick).filter(|_| is_shown(tick)) {
                None => DirectoryEntry { time, hash: Hash(self.random.bytes()) },
                Some(version) => {
                    let (size, root) = facts[&version];
                    let head = Head { origin: self.origin.clone(), size, root, state: State::Live };
                    let siblings = (0..DEPTH).map(|_| Hash(self.random.bytes())).collect();
                    let salt = self.random.bytes();
                    let anchor = Anchor { head, salt, time, siblings, tick, hashes: Vec::new() };
                    let entry = anchor.entry();
                    heads.insert(tick, (version, anchor));
                    entry
                }
            };
            leaves.push(leaf_hash(entry.to_string().as_bytes()));
        }
        Story { versions, leaves, heads, trees: RefCell::default() }
    }

    /// Makes a root log whose even ticks have the truth, and whose odd ones the lie. The first anchor has this version.
    pub(super) fn alternating(&mut self, lie: Vec<ExportEntry>, anchored: Version) -> Story {
        let versions = [(Version::Truth, self.entries.clone()), (Version::Lie, lie)];
        self.story(versions, ANCHOR + 210, |tick| {
            Some(match tick {
                ANCHOR => anchored,
                _ if tick % 2 == 0 => Version::Truth,
                _ => Version::Lie,
            })
        })
    }

    /// Makes a log that grows after the first anchor, and whose new entries are rewritten before the second one.
    pub(super) fn rewritten_after_anchor(&mut self, lie: &[ExportEntry]) -> Story {
        let same = self.entries.iter().zip(lie).take_while(|(own, lie)| own.text == lie.text).count();
        let versions = [
            (Version::Early, self.earlier_state(same)),
            (Version::Truth, self.entries.clone()),
            (Version::Lie, lie.to_vec()),
        ];
        self.story(versions, SECOND_ANCHOR + 20, |tick| {
            Some(match tick {
                0..=ANCHOR => Version::Early,
                _ if tick < REWRITTEN => Version::Truth,
                _ => Version::Lie,
            })
        })
    }

    /// Makes a log that the directories of these ticks lack, from the first one on and before the second one.
    pub(super) fn dropped(&mut self, [gone, back]: [u64; 2]) -> Story {
        let versions = [
            (Version::Truth, self.entries.clone()),
            (Version::Early, self.earlier_state(self.entries.len() / 2)),
        ];
        self.story(versions, ANCHOR + 210, |tick| match tick {
            _ if tick < gone => Some(Version::Truth),
            _ if tick < back => None,
            _ => Some(Version::Early),
        })
    }

    /// Returns a tick from `first` on, before `end`, whose directory alternates to this version.
    pub(super) fn tick_of(&mut self, version: Version, first: u64, end: u64) -> u64 {
        let tick = self.random.between(first / 2, end / 2 - 1) * 2 + u64::from(version == Version::Lie);
        if tick < first { tick + 2 } else { tick }
    }

    /// Returns the trust file with these lines.
    pub(super) fn trust_of(&self, lines: &str) -> Result<Trust, String> {
        Trust::parse(&[self.trust.to_text(), lines.as_bytes().to_vec()].concat()).map_err(text)
    }

    /// Returns the trust file with the tenant log's origin and first tick.
    pub(super) fn dated_trust(&self) -> Result<Trust, String> {
        self.trust_of(&format!("origin {} {FIRST}\n", self.origin))
    }

    /// Returns the time of a tick: there is one a second, and the log has all entries from the first tick on.
    pub(super) fn time_of(&self, tick: u64) -> Time {
        let begin = self.now.millis().div_euclid(1_000) - FIRST.cast_signed();
        Time::from_millis((begin + tick.cast_signed()) * 1_000).unwrap_or(Time::MAX)
    }

    /// Signs the root log's checkpoint. With the tick, also witnesses cosign it.
    pub(super) fn sign(&self, tree: &PendingTree, tick: Option<u64>) -> Result<SignedCheckpoint, String> {
        let checkpoint = Checkpoint::new(self.origin.root(), tree.size(), tree.root()).map_err(text)?;
        let mut note = checkpoint.sign(&self.key).map_err(text)?;
        for witness in self.witnesses.iter().filter(|_| tick.is_some()) {
            let seconds = self.time_of(tick.unwrap_or_default() + 1).millis() / 1_000;
            note.push_str(&witness.cosign(&checkpoint, seconds.unsigned_abs()).map_err(text)?);
        }
        SignedCheckpoint::parse(&note).map_err(text)
    }

    /// Returns the entries without one chain, if there are several. A chain that has just the last entries doesn't count:
    /// a log that lacks them is an earlier state, not another history.
    pub(super) fn without_chain(&mut self) -> Option<Vec<ExportEntry>> {
        let chain = self.random.pick(&self.entries)?.place.0;
        let entries: Vec<_> = self.entries.iter().filter(|entry| entry.place.0 != chain).cloned().collect();
        let is_earlier = entries.iter().zip(&self.entries).all(|(entry, own)| entry.text == own.text);
        (!is_earlier).then_some(entries)
    }

    /// Returns the entries with two neighbors of different chains swapped, if there are such.
    pub(super) fn swapped(&mut self) -> Option<Vec<ExportEntry>> {
        let places: Vec<usize> = (1..self.entries.len())
            .filter(|place| self.entries[place - 1].place.0 != self.entries[*place].place.0)
            .collect();
        let place = *self.random.pick(&places)?;
        let mut entries = self.entries.clone();
        entries.swap(place - 1, place);
        Some(entries)
    }

    /// Returns the first entries, at most `max`, in which the last link of each chain is signed. An honest log had them at
    /// some time.
    pub(super) fn earlier_state(&self, max: usize) -> Vec<ExportEntry> {
        let (mut unsigned, mut end) = (BTreeSet::new(), 0);
        for (index, entry) in self.entries.iter().enumerate().take(max) {
            if is_signed(entry) {
                unsigned.remove(&entry.place.0);
            } else {
                unsigned.insert(entry.place.0);
            }
            if unsigned.is_empty() {
                end = index + 1;
            }
        }
        self.entries[..end].to_vec()
    }
}

impl Story {
    /// Returns the entries of a version.
    pub(super) fn entries(&self, version: Version) -> &[ExportEntry] {
        self.versions.get(&version).map_or(&[], Vec::as_slice)
    }

    /// Returns the version in the directory of a tick.
    pub(super) fn version_at(&self, tick: u64) -> Option<Version> {
        self.heads.get(&tick).map(|(version, _)| *version)
    }

    /// Returns an export of the version in a head. Anchors that state more entries come last.
    pub(super) fn export(
        &self,
        origin: &TenantOrigin,
        anchors: &[Anchor],
        head: &HeadProof,
    ) -> Result<Vec<u8>, String> {
        let version = self.version_at(head.anchor.tick).ok_or("the tick has no head")?;
        Ok(export(self.entries(version), origin, anchors, head))
    }

    /// Returns the tree of the root log's first `size` entries.
    fn tree(&self, size: u64) -> Result<Rc<PendingTree>, String> {
        if let Some(tree) = self.trees.borrow().get(&size) {
            return Ok(tree.clone());
        }
        let leaves =
            self.leaves.get(..usize::try_from(size).map_err(text)?).ok_or("the tick is not yet due")?;
        let tree = Rc::new(tree_of(leaves));
        self.trees.borrow_mut().insert(size, tree.clone());
        Ok(tree)
    }

    /// Returns the head at a tick, proven by the root log of this size.
    pub(super) fn head(
        &self,
        operator: &TenantOperator<'_>,
        tick: u64,
        size: u64,
    ) -> Result<HeadProof, String> {
        let checkpoint = operator.sign(&*self.tree(size)?, Some(size - 1))?;
        Ok(HeadProof { anchor: self.anchor(tick, size)?, checkpoint })
    }

    /// Returns the anchor at a tick, proven by the root log of this size.
    pub(super) fn anchor(&self, tick: u64, size: u64) -> Result<Anchor, String> {
        let hashes = inclusion_proof(tick, size, &*self.tree(size)?).map_err(text)?;
        let (_, anchor) = self.heads.get(&tick).ok_or("the tick has no head")?;
        Ok(Anchor { hashes, ..anchor.clone() })
    }

    /// Returns the anchors at these ticks, for an export or an answer that ends with a head, as the operator treats them.
    pub(super) fn anchors(
        &self,
        ticks: &[u64],
        head: &HeadProof,
        line: AnchorLine,
    ) -> Result<Vec<Anchor>, String> {
        let anchor = |tick: &u64| {
            let honest = self.anchor(*tick, head.anchor.tick + 1)?;
            Ok(match line {
                AnchorLine::Forged => Anchor { head: head.anchor.head.clone(), ..honest },
                _ => honest,
            })
        };
        let ticks = ticks.iter().filter(|_| line != AnchorLine::LeftOut);
        ticks.filter(|tick| self.version_at(**tick).is_some()).map(anchor).collect()
    }
}

/// True if someone may be shown the head at this tick. The directories of other ticks are hashes of nothing, which is
/// faster.
fn is_shown(tick: u64) -> bool {
    (FIRST..ANCHOR + 210).contains(&tick) || tick > ANCHOR && tick % 100 < 20 || tick == SECOND_ANCHOR
}

/// Returns an export of these entries that ends with a head.
pub(super) fn export(
    entries: &[ExportEntry],
    origin: &TenantOrigin,
    anchors: &[Anchor],
    head: &HeadProof,
) -> Vec<u8> {
    let mut writer = Writer::new();
    let size = entries.len() as u64;
    writer.header(&Header { origin: origin.to_string(), range: (size > 0).then_some((0, Some(size))) });
    let at = |index: u64| anchors.iter().filter(move |anchor| anchor.head.size.min(size) == index);
    for (index, entry) in (0..).zip(entries) {
        at(index).for_each(|anchor| writer.anchor(&anchor.to_string()));
        write_entry(&mut writer, entry);
    }
    at(size).for_each(|anchor| writer.anchor(&anchor.to_string()));
    writer.head(&head.to_string());
    writer.as_bytes().to_vec()
}

/// Writes the line of an entry.
pub(super) fn write_entry(writer: &mut Writer, entry: &ExportEntry) {
    match (&entry.event, &entry.salt) {
        (Some(event), Some(salt)) => writer.event(&entry.text, salt, event),
        _ => writer.withheld(&entry.text, None),
    }
}

/// True if an entry is a signed link.
pub(super) fn is_signed(entry: &ExportEntry) -> bool {
    Link::parse(&entry.text).is_ok_and(|link| link.signature().is_some())
}

pub(super) fn tree_of(leaves: &[Hash]) -> PendingTree {
    let mut tree = PendingTree::new(&CompactRange::new());
    tree.extend(leaves);
    tree
}

/// Returns the tree of these entries.
pub(super) fn tree_of_entries(entries: &[ExportEntry]) -> PendingTree {
    tree_of(&entries.iter().map(|entry| leaf_hash(entry.text.as_bytes())).collect::<Vec<_>>())
}

pub(super) fn root_of(entries: &[ExportEntry]) -> Hash {
    if entries.is_empty() { empty_root() } else { tree_of_entries(entries).root() }
}
