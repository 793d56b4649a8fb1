//! Processes summaries in the order of the lines, and dispatches each line to the checks that it concerns.

use super::append_only::Pins;
use super::attested::Attested;
use super::authority::{Authority, Right};
use super::chains::{ChainEnd, Chains, Step};
use super::delivery::{Delivery, OfferedEvent};
use super::finding::{Findings, Place};
use super::heads::Heads;
use super::leaves::LeafCursor;
use super::log::LogCheck;
use super::marks::{self, Mark, NoteMark};
use super::numbers::Numbers;
use super::payloads::Payloads;
use super::range::Range;
use super::report::{Counts, Log};
use super::revocations::RevocationHistory;
use super::signatures::{Coverage, LinkCoverage, Signable, Signatures};
use super::summary::{
    AnchorEntry, CheckpointEntry, Entry, EntryKind, HeadFacts, LineFinding, LinkEntry, PayloadState, Role,
    SignatureState, Summary, Unresolved,
};
use super::time::TimeCheck;
use super::tree::Tree;
use super::visitor::Selected;
use super::witnesses::Witnesses;
use super::{FindingCode, Options, Update, format};
use crate::ed25519;
use crate::error::Quoted;
use crate::export::Header;
use crate::hash::Hash;
use crate::link::ChainId;
use crate::merkle::MAX_SIZE;
use crate::phrases::{self, say};
use crate::tenant::TenantOrigin;

/// The state of verification up to a line.
#[derive(Default)]
pub(super) struct Sequence {
    pub(super) header: Header,
    pub(super) options: Options,
    pub(super) quorum: bool,
    /// The line before the next chunk.
    line: u64,
    /// The byte position of the next chunk in the export, if it is known and wanted.
    pub(super) at: Option<u64>,
    /// The last line that is not blank.
    pub(super) last: Place,
    pub(super) findings: Findings,
    pub(super) counts: Counts,
    pub(super) malformed: u64,
    pub(super) payloads: Payloads,
    pub(super) chains: Chains,
    pub(super) threads: Vec<Thread>,
    numbers: Numbers,
    pub(super) authority: Authority,
    /// Findings for chains whose revocation may be missed, reported only if entries are skipped.
    pub(super) unseen: Findings,
    pub(super) attested: Attested,
    pub(super) signatures: Signatures,
    pub(super) tree: Tree,
    pub(super) log_check: LogCheck,
    pub(super) log: Option<Log>,
    /// The last checkpoint that matched, as a signed note.
    pub(super) matched: Option<String>,
    pub(super) last_checkpoint: Option<(u64, Place)>,
    pub(super) claimed: Option<Range>,
    pub(super) expected: Option<Range>,
    pub(super) pins: Pins,
    pub(super) heads: Heads,
    /// The header's origin, if it is that of a tenant log.
    pub(super) tenant: Option<TenantOrigin>,
    pub(super) last_head: Option<Place>,
    /// The header's line.
    pub(super) first_line: u64,
    pub(super) witnesses: Witnesses,
    pub(super) time: TimeCheck,
    delivery: Delivery,
}

/// A chain, with its signature coverage if its open link is known.
pub(super) struct Thread {
    pub(super) end: ChainEnd,
    pub(super) signer: Option<ChainSigner>,
}

pub(super) struct ChainSigner {
    pub(super) key: usize,
    /// True if an omitted entry may revoke the key.
    is_revocable: bool,
    pub(super) history: RevocationHistory,
    pub(super) coverage: Coverage,
}

impl Sequence {
    /// Starts after the header, which is on this line.
    pub(super) fn new(header: Header, line: u64, options: Options) -> Self {
        let mut findings = Findings::new(options.findings);
        let mut pins = Pins::new(&options.pins, &header.origin);
        pins.reach(0, Tree::default().root(), Place::line(line), &mut findings);
        Self {
            quorum: options.trust.has_quorum(),
            line,
            last: Place::line(line),
            findings,
            counts: Counts { lines: 1, ..Counts::default() },
            authority: Authority::new(&options.trust),
            claimed: header.range.map(Range::claimed),
            expected: options.expect.range.map(Range::new),
            pins,
            heads: Heads::new(&header.origin, &options.trust, &options.pins),
            tenant: TenantOrigin::for_reader(&header.origin, &options.trust),
            first_line: line,
            delivery: Delivery::new(options.events, options.marks),
            header,
            options,
            ..Self::default()
        }
    }

    /// Returns the results since the last call.
    pub(super) fn take(&mut self) -> Update {
        Update { findings: self.findings.take_fresh(), ..self.delivery.take(self.tree.position()) }
    }

    /// Frees the chains. Only the signers may be queried afterwards.
    pub(super) fn forget_chains(&mut self) {
        (self.threads, self.numbers) = (Vec::new(), Numbers::default());
        self.authority.forget_numbers();
    }

    /// Returns the chains whose key is authorized.
    pub(super) fn authorized_chains(&self) -> Vec<ChainId> {
        let is_authorized = |signer: &ChainSigner| !signer.coverage.unknown;
        let threads = self.threads.iter().filter(|thread| thread.signer.as_ref().is_some_and(is_authorized));
        threads.map(|thread| thread.end.id).collect()
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            entries: self.tree.position() - self.tree.skipped,
            skipped: self.tree.skipped,
            events: self.payloads.shown,
            withheld: self.payloads.withheld,
            chains: self.threads.len() as u64,
            ..self.counts
        }
    }

    /// Absorbs the summary of the next chunk. `chunk` is its text, for the events in it. `selected` are the items
    /// that an examiner selected, if there was one. Returns the summary with its signatures verified.
    pub(super) fn absorb(
        &mut self,
        mut summary: Summary,
        chunk: &[u8],
        selected: Option<Vec<Selected>>,
    ) -> Summary {
        let mut unresolved = std::mem::take(&mut summary.unresolved).into_iter().peekable();
        let chains: Vec<Option<usize>> = summary.chains.iter().map(|id| self.number(id)).collect();
        let mut chunk = Chunk {
            chains,
            names: &summary.chains,
            leaves: LeafCursor::new(&summary.leaves),
            text: chunk,
            at: self.at.take(),
        };
        let mut findings = summary.findings.iter().peekable();
        let mut canonical = summary.canonical.iter().peekable();
        let mut selected = selected.map(|selected| selected.into_iter().peekable());
        for (number, entry) in summary.entries.iter_mut().enumerate() {
            if let Some(unresolved) = unresolved.next_if(|unresolved| unresolved.entry == number) {
                self.resolve(entry, &unresolved, &chunk.chains);
            }
            let canonical = canonical.next_if(|(of, _)| *of == number).map(|(_, text)| &**text);
            let item = selected.as_mut().map(|selected| selected.next_if(|item| item.entry == number));
            let has_place = self.has_place(entry, &chunk);
            let place = if has_place {
                self.entry(entry, EventText { canonical, item }, &mut chunk)
            } else {
                Place::line(self.line + entry.line)
            };
            while let Some(finding) = findings.next_if(|finding| finding.line <= entry.line) {
                if finding.entry != Some(number) {
                    self.line_finding(finding, Place::line(self.line + finding.line));
                } else if has_place {
                    self.line_finding(finding, place);
                }
            }
            self.last = place;
        }
        for finding in findings {
            self.line_finding(finding, Place::line(self.line + finding.line));
        }
        chunk.add_to(&mut self.tree);
        if summary.last_filled > 0 && self.last.line != self.line + summary.last_filled {
            self.last = Place::line(self.line + summary.last_filled);
        }
        self.line += summary.lines;
        self.counts.lines += summary.filled;
        summary
    }

    /// Returns the number of a chain that has one.
    pub(super) fn number(&self, id: &ChainId) -> Option<usize> {
        self.numbers.like(id).find(|number| self.threads[*number].end.id == *id)
    }

    /// Returns true if the tree has room for the entry. Otherwise reports a malformed line.
    fn has_place(&mut self, entry: &Entry, chunk: &Chunk<'_>) -> bool {
        if chunk.index(&self.tree) < MAX_SIZE || !entry.kind.is_leaf() {
            return true;
        }
        self.malformed += 1;
        let message = say!(phrases::LINE_LOG_SIZE);
        self.findings.add(FindingCode::FormatLine, Place::line(self.line + entry.line), message);
        false
    }

    /// Verifies a signature whose chain's key the summarizer did not know.
    fn resolve(&self, entry: &mut Entry, unresolved: &Unresolved, chains: &[Option<usize>]) {
        let EntryKind::Link(link) = &mut entry.kind else { return };
        let thread = chains[link.chain as usize].map(|chain| &self.threads[chain]);
        if let Some(signer) = thread.and_then(|thread| thread.signer.as_ref()) {
            let public = &self.authority.key(signer.key).public;
            let valid = ed25519::verify(public, unresolved.message.as_bytes(), &unresolved.signature);
            link.signature = if valid { SignatureState::Valid } else { SignatureState::Invalid };
        }
    }

    fn line_finding(&mut self, finding: &LineFinding, place: Place) {
        self.malformed += u64::from(format::is_malformed(finding.code));
        if finding.code == FindingCode::PayloadDuplicateMember {
            let name = finding.detail.as_ref();
            let message = say!("payload.duplicate_member", "the event has two fields {name}", name);
            self.findings.add(finding.code, place, message);
        } else {
            self.findings.add(finding.code, place, say!(finding.detail));
        }
    }

    #[inline]
    fn entry(
        &mut self,
        entry: &Entry,
        EventText { canonical, item }: EventText<'_>,
        chunk: &mut Chunk<'_>,
    ) -> Place {
        let (line, index) = (self.line + entry.line, chunk.index(&self.tree));
        let place = match &entry.kind {
            EntryKind::Link(link) => {
                let id = chunk.names[link.chain as usize];
                let place = Place::link(line, index, id, link.seq);
                let hash = chunk.leaves.hash();
                let text = || canonical.map_or_else(|| chunk.event(link), str::as_bytes);
                let at = if canonical.is_some() { None } else { chunk.at.map(|at| at + link.event.0 as u64) };
                let event = match item {
                    None => OfferedEvent::Text(text(), at),
                    Some(Some(selected)) => OfferedEvent::Item(selected.item, selected.with_text.then(text)),
                    Some(None) => OfferedEvent::Count,
                };
                let chain = &mut chunk.chains[link.chain as usize];
                self.link(link, id, chain, hash, place, event);
                place
            }
            EntryKind::Note(note) => {
                let place = Place::leaf(line, index);
                self.counts.notes += 1;
                let origin = &*self.header.origin;
                let root = self.tenant.as_ref().map_or(origin, TenantOrigin::root);
                let origins = [origin, root];
                let effect = self.authority.note(note, origins, place, &mut self.findings);
                self.delivery.mark(|| {
                    let statements = note.statements.clone();
                    Mark::Note(NoteMark {
                        line,
                        index,
                        acts: effect.acts,
                        statements,
                        signers: effect.signers,
                    })
                });
                place
            }
            EntryKind::Opaque(link) => {
                self.delivery.mark(|| Mark::Opaque { line, index });
                let link = link.map(|(chain, seq)| (chain, Some(seq)));
                Place { link, ..Place::leaf(line, index) }
            }
            EntryKind::Skip(level, hash) => {
                chunk.add_to(&mut self.tree);
                let place = Place::line(line);
                self.skip(*level, hash, place);
                return place;
            }
            EntryKind::Checkpoint(checkpoint) => {
                chunk.add_to(&mut self.tree);
                let place = Place::line(line);
                self.checkpoint(checkpoint, place);
                return place;
            }
            EntryKind::Anchor(anchor) => {
                chunk.add_to(&mut self.tree);
                let place = Place::line(line);
                self.anchor(anchor, place);
                return place;
            }
        };
        chunk.leaves.pass();
        self.tree.mark_uncovered(place);
        if chunk.leaves.ends_subtrees(index + 1) {
            chunk.add_to(&mut self.tree);
        }
        if self.pins.next_size() == Some(index + 1) {
            chunk.add_to(&mut self.tree);
            self.pins.reach(index + 1, self.tree.root(), place, &mut self.findings);
        }
        place
    }

    fn skip(&mut self, level: u8, hash: &Hash, place: Place) {
        let from = self.tree.position();
        if !self.tree.skip(level, hash, place, &mut self.findings) {
            return;
        }
        let to = self.tree.position();
        self.delivery.mark(|| Mark::Skip { line: place.line, index: from, leaves: to - from });
        for range in self.claimed.iter_mut().chain(&mut self.expected) {
            range.skip(from, to, place);
        }
        self.pins.jump(to, place);
        if self.pins.next_size() == Some(to) {
            self.pins.reach(to, self.tree.root(), place, &mut self.findings);
        }
    }

    fn checkpoint(&mut self, checkpoint: &CheckpointEntry, place: Place) {
        self.counts.checkpoints += 1;
        self.last_checkpoint = Some((checkpoint.size, place));
        let head = checkpoint.head.as_ref();
        let is_sound = head.is_none_or(|head| self.head(checkpoint, head, place));
        let matches = self.tree.checkpoint(checkpoint, place, &mut self.findings) && is_sound;
        if is_sound {
            self.log_check.checkpoint(checkpoint, place, &mut self.findings);
        } else {
            self.log_check.failed_head();
        }
        self.witnesses.checkpoint(checkpoint, place, self.authority.trust(), &mut self.findings);
        let trust = self.authority.trust();
        let times = if matches { trust.times(&checkpoint.cosignatures) } else { None };
        self.delivery.mark(|| {
            let origin = &self.header.origin;
            Mark::Checkpoint(marks::checkpoint(checkpoint, place.line, matches, times, origin, trust))
        });
        if !matches {
            return;
        }
        if let Some(head) = head {
            self.time.tick(head.time, times, place, &mut self.findings);
        }
        if let Some(times) = times {
            self.attested.add(checkpoint.size, times);
            self.time.checkpoint(times, &mut self.findings);
        }
        let time = times.map(|times| times.seen_at);
        self.log = Some(Log { size: checkpoint.size, root: checkpoint.root, time });
        self.matched = Some(checkpoint.note.clone());
    }

    /// Processes a head. Returns false if it has a fault.
    fn head(&mut self, checkpoint: &CheckpointEntry, head: &HeadFacts, place: Place) -> bool {
        let trust = self.authority.trust();
        let cosigned = |witness| checkpoint.cosignatures.iter().any(|(by, _)| *by == witness);
        let is_trusted = checkpoint.log == Some(true) && trust.quorum_met(&cosigned);
        self.last_head = Some(place);
        self.heads.head(checkpoint, head, is_trusted, place, &mut self.findings)
    }

    fn anchor(&mut self, anchor: &AnchorEntry, place: Place) {
        let state = (self.tree.position(), self.tree.root());
        let is_own = self.tenant.as_ref().is_some_and(|tenant| tenant.as_str() == anchor.origin);
        if self.heads.anchor(anchor, is_own, state, place, &mut self.findings) {
            self.time.tick(anchor.time, None, place, &mut self.findings);
        } else {
            self.log_check.failed_item();
        }
    }

    #[inline]
    fn link(
        &mut self,
        link: &LinkEntry,
        id: ChainId,
        number: &mut Option<usize>,
        hash: &Hash,
        place: Place,
        event: OfferedEvent<'_>,
    ) {
        self.payload(link, place.index.unwrap_or_default());
        let skipped = self.tree.skipped;
        let (chain, step, before) = if let Some(chain) = *number {
            let end = &mut self.threads[chain].end;
            let before = end.last_link();
            let step = self.chains.next(end, link, hash, place, skipped, &mut self.findings);
            (chain, step, Some(before))
        } else {
            let chain = self.first_link(link, id, hash, place);
            *number = Some(chain);
            (chain, Step::Follows, None)
        };
        if let (Some(range), Some(index)) = (&mut self.claimed, place.index)
            && self.threads[chain].signer.as_ref().is_some_and(|signer| signer.is_revocable)
        {
            range.revocable_link(index);
        }
        if step == Step::Fork {
            return;
        }
        let attested = self.quorum.then_some(&self.attested);
        self.time.link(link.time, before.map(|before| before.time), place, attested, &mut self.findings);
        let Some(signer) = &mut self.threads[chain].signer else { return };
        let key = self.authority.key_mut(signer.key);
        key.link(link.time);
        if let (Some(before), Some(stated)) = (before, key.stated()) {
            stated.revocations.extend(&mut signer.history, before);
        }
        if step == Step::Broken {
            signer.coverage.break_off(id, &mut self.findings);
            self.delivery.drop_chain(chain);
        }
        self.counts.signatures += u64::from(link.signature == SignatureState::Valid);
        let signable = Signable { signed: link.signature, time: link.time, place };
        match signer.coverage.link(signable, key, attested, &mut self.findings) {
            LinkCoverage::Failed => self.signatures.failed += 1,
            LinkCoverage::Pending => self.delivery.enqueue(chain, link, hash, place, event),
            LinkCoverage::Covered => {
                self.delivery.enqueue(chain, link, hash, place, event);
                self.delivery.release(chain, id, || key.vkey(), !signer.coverage.unknown);
            }
        }
    }

    fn payload(&mut self, link: &LinkEntry, index: u64) {
        let shown = match link.payload {
            PayloadState::NoEvent => return,
            PayloadState::Withheld(_) => {
                self.payloads.withheld += 1;
                false
            }
            PayloadState::Matches | PayloadState::Fails => {
                self.payloads.shown += 1;
                self.payloads.failed += u64::from(link.payload == PayloadState::Fails);
                true
            }
        };
        if let Some(range) = &mut self.claimed {
            range.event(index, shown);
        }
    }

    fn first_link(&mut self, link: &LinkEntry, id: ChainId, hash: &Hash, place: Place) -> usize {
        let number = self.threads.len();
        let end = self.chains.first(id, link, hash, place, self.tree.skipped, &mut self.findings);
        let signer = match &link.role {
            Role::Open(open) => {
                let number = self.authority.number(&open.key);
                let key = self.authority.key_mut(number);
                let foreign = open.origin != self.header.origin;
                let right = key.open(foreign);
                if foreign {
                    self.chains.fail_first();
                    let log = Quoted(&open.origin);
                    let message = say!("chain.origin", "the chain is for the log {log}", log);
                    self.findings.add(FindingCode::ChainOrigin, place, message);
                } else if right == Right::Unknown {
                    let name = Quoted(open.key.name());
                    let message = say!(
                        "key.unknown",
                        "the chain is signed by {name}, which the trust file does not vouch for",
                        name
                    );
                    self.findings.add(FindingCode::KeyUnknown, place, message);
                }
                let is_revocable = foreign || !key.vouched;
                if is_revocable {
                    let message = say!(
                        "key.unseen",
                        "a revocation of the chain's key may be among the omitted entries"
                    );
                    self.unseen.add(FindingCode::KeyUnseen, place, message);
                }
                let history = key.stated().map(|stated| stated.revocations.begin()).unwrap_or_default();
                Some(ChainSigner { key: number, is_revocable, history, coverage: Coverage::new(right) })
            }
            Role::Event | Role::Close => None,
        };
        self.threads.push(Thread { end, signer });
        self.numbers.add(id, number);
        number
    }
}

/// An event's text, and the examiner's item for it.
struct EventText<'a> {
    /// The canonical form, if only that matches the commit.
    canonical: Option<&'a str>,
    /// `None` if there was no examiner; `Some(None)` if it did not select the event.
    item: Option<Option<Selected>>,
}

/// A chunk while its summary is absorbed.
struct Chunk<'a> {
    /// The numbers of the chunk's chains that have one already.
    chains: Vec<Option<usize>>,
    names: &'a [ChainId],
    leaves: LeafCursor<'a>,
    text: &'a [u8],
    /// The chunk's byte position in the export.
    at: Option<u64>,
}

impl<'a> Chunk<'a> {
    /// Returns the text of a link's event, if the event is shown and the chunk's text is available.
    fn event(&self, link: &LinkEntry) -> &'a [u8] {
        self.text.get(link.event.0..link.event.1).unwrap_or_default()
    }

    /// Returns the index of the next leaf in the log, counting those not yet in the tree.
    fn index(&self, tree: &Tree) -> u64 {
        tree.position() + self.leaves.pending()
    }

    fn add_to(&mut self, tree: &mut Tree) {
        tree.extend(&mut self.leaves);
    }
}
