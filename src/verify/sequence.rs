//! Takes summaries in the order of the lines, and ends in the report.

use std::collections::HashMap;

use super::append_only::Pins;
use super::attested::Attested;
use super::authority::{Authority, Right};
use super::chains::{Chain, Chains, Step};
use super::expected::Facts;
use super::finding::{Finding, Findings, Place, Severity};
use super::held::Held;
use super::log::LogCheck;
use super::marks::{self, LinkKind, Mark, NoteMark};
use super::payloads::Payloads;
use super::range::Range;
use super::report::{Check, Checks, Complete, Counts, Log, Report, Signer, SignerTrust, State, Verdict};
use super::signatures::{Coverage, Covers, Signatures};
use super::summary::{
    CheckpointEntry, Entry, Flaw, Kind, LinkEntry, Role, Shown, Signed, Summary, Unresolved,
};
use super::time::TimeCheck;
use super::tree::Tree;
use super::verdict::{Asked, UnknownKeys, decide};
use super::witnesses::Witnesses;
use super::{FindingCode, Options, Told, closure, expected, format, range};
use crate::error::Quoted;
use crate::export::Header;
use crate::hash::Hash;
use crate::link::ChainId;
use crate::note::VerifierKey;
use crate::time::Time;

/// All that is known of an export up to a line.
pub(super) struct Sequence {
    header: Header,
    options: Options,
    quorum: bool,
    /// The line before the next stretch.
    line: u64,
    /// The last line that is not blank.
    last: Place,
    findings: Findings,
    counts: Counts,
    malformed: u64,
    payloads: Payloads,
    chains: Chains,
    places: HashMap<ChainId, usize>,
    threads: Vec<Thread>,
    authority: Authority,
    attested: Attested,
    tree: Tree,
    log_check: LogCheck,
    log: Option<Log>,
    /// The last checkpoint that matched, as it stood.
    matched: Option<String>,
    last_checkpoint: Option<(u64, Place)>,
    claimed: Option<Range>,
    expected: Option<Range>,
    pins: Pins,
    witnesses: Witnesses,
    time: TimeCheck,
    held: Held,
}

/// A chain, and what its signatures cover where its open link is known.
struct Thread {
    chain: Chain,
    signer: Option<ChainSigner>,
    links: u64,
    first: Time,
    last: Time,
}

struct ChainSigner {
    key: usize,
    open: Place,
    /// The chain is for another log.
    foreign: bool,
    coverage: Coverage,
}

impl Sequence {
    /// The header stood at this line.
    pub(super) fn new(header: Header, line: u64, options: Options) -> Self {
        let mut findings = Findings::new(options.findings);
        let mut pins = Pins::new(&options.pins, &header.origin);
        let tree = Tree::default();
        pins.reach(0, tree.root(), Place::line(line), &mut findings);
        Self {
            quorum: !options.trust.quorum().is_none(),
            line,
            last: Place::line(line),
            findings,
            counts: Counts { lines: 1, ..Counts::default() },
            malformed: 0,
            payloads: Payloads::default(),
            chains: Chains::default(),
            places: HashMap::new(),
            threads: Vec::new(),
            authority: Authority::new(options.trust.clone()),
            attested: Attested::default(),
            tree,
            log_check: LogCheck::default(),
            log: None,
            matched: None,
            last_checkpoint: None,
            claimed: header.range.map(Range::new),
            expected: options.expect.range.map(Range::new),
            pins,
            witnesses: Witnesses::default(),
            time: TimeCheck::default(),
            held: Held::new(options.events, options.marks),
            header,
            options,
        }
    }

    pub(super) fn options(&mut self) -> &mut Options {
        &mut self.options
    }

    pub(super) fn origin(&self) -> &str {
        &self.header.origin
    }

    /// What became known since the last call.
    pub(super) fn take(&mut self) -> Told {
        let (events, marks) = self.held.take();
        Told { events, marks, findings: self.findings.take_fresh() }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            skipped: self.tree.skipped,
            events: self.payloads.shown,
            withheld: self.payloads.withheld,
            chains: self.threads.len() as u64,
            ..self.counts
        }
    }

    /// The summary of the next stretch; `stretch` is its text, for the events in it.
    pub(super) fn absorb(&mut self, mut summary: Summary, stretch: &[u8]) {
        let mut unresolved = std::mem::take(&mut summary.unresolved).into_iter().peekable();
        let chains: Vec<Option<usize>> =
            summary.chains.iter().map(|id| self.places.get(id).copied()).collect();
        let mut stretch =
            Stretch { chains, names: &summary.chains, leaves: &summary.leaves, added: 0, text: stretch };
        let mut flaws = summary.flaws.iter().peekable();
        let mut next = 0;
        for (number, entry) in summary.entries.iter_mut().enumerate() {
            if let Some(unresolved) = unresolved.next_if(|unresolved| unresolved.entry == number) {
                self.resolve(entry, &unresolved, &stretch.chains);
            }
            let mut place = self.entry(entry, &mut stretch, &mut next);
            while let Some(flaw) = flaws.next_if(|flaw| flaw.line <= entry.line) {
                if flaw.entry == Some(number) {
                    place.link = place.link.or(flaw.link.map(|(chain, seq)| (chain, Some(seq))));
                    self.flaw(flaw, place);
                } else {
                    self.flaw(flaw, Place::line(self.line + flaw.line));
                }
            }
            self.last = place;
        }
        for flaw in flaws {
            self.flaw(flaw, Place::line(self.line + flaw.line));
        }
        self.tree.extend(&stretch.leaves[stretch.added..]);
        if summary.last_filled > 0 && self.last.line != self.line + summary.last_filled {
            self.last = Place::line(self.line + summary.last_filled);
        }
        self.line += summary.lines;
        self.counts.lines += summary.filled;
        self.counts.leaves += summary.leaves.len() as u64;
    }

    /// Checks a signature whose chain's key the summarizer did not know.
    fn resolve(&self, entry: &mut Entry, unresolved: &Unresolved, chains: &[Option<usize>]) {
        let Kind::Link(link) = &mut entry.kind else { return };
        let thread = chains[link.chain as usize].map(|chain| &self.threads[chain]);
        if let Some(signer) = thread.and_then(|thread| thread.signer.as_ref()) {
            let key = &self.authority.keys()[signer.key].vkey;
            let valid = key.verify(&unresolved.message, &unresolved.signature);
            link.signature = if valid { Signed::Valid } else { Signed::Invalid };
        }
    }

    fn flaw(&mut self, flaw: &Flaw, place: Place) {
        self.malformed += u64::from(format::is_malformed(flaw.code));
        self.findings.add(flaw.code, place, || flaw.detail.to_string());
    }

    #[inline]
    fn entry(&mut self, entry: &Entry, stretch: &mut Stretch<'_>, next: &mut usize) -> Place {
        let line = self.line + entry.line;
        // Leaves are added to the tree in batches; this one's index counts those that wait.
        let index = self.tree.position() + (*next - stretch.added) as u64;
        let place = match &entry.kind {
            Kind::Link(link) => {
                let id = stretch.names[link.chain as usize];
                let place = Place::link(line, index, id, link.seq);
                let hash = &stretch.leaves[*next];
                let event =
                    stretch.text.get(link.event.0 as usize..link.event.1 as usize).unwrap_or_default();
                let chain = &mut stretch.chains[link.chain as usize];
                self.link(link, id, chain, hash, place, event);
                place
            }
            Kind::Note(note) => {
                let place = Place::leaf(line, index);
                self.counts.notes += 1;
                let threads = &self.threads;
                let last_link = |chain: usize| (threads[chain].chain.time, threads[chain].chain.index);
                let acted =
                    self.authority.note(note, &self.header.origin, place, last_link, &mut self.findings);
                self.held.mark(|| {
                    let statements = note.statements.clone();
                    Mark::Note(NoteMark { line, index, acts: acted.acts, statements, signers: acted.signers })
                });
                place
            }
            Kind::Opaque => {
                self.held.mark(|| Mark::Opaque { line, index });
                Place::leaf(line, index)
            }
            Kind::Skip(level, hash) => {
                stretch.add_to(&mut self.tree, *next);
                let place = Place::line(line);
                self.skip(*level, hash, place);
                return place;
            }
            Kind::Checkpoint(checkpoint) => {
                stretch.add_to(&mut self.tree, *next);
                let place = Place::line(line);
                self.checkpoint(checkpoint, place);
                return place;
            }
        };
        *next += 1;
        self.tree.stands(place);
        if self.pins.next_size() == Some(index + 1) {
            stretch.add_to(&mut self.tree, *next);
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
        self.held.mark(|| Mark::Skip { line: place.line, index: from, leaves: to - from });
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
        let matches = self.tree.checkpoint(checkpoint, place, &mut self.findings);
        self.log_check.checkpoint(checkpoint, place, &mut self.findings);
        self.witnesses.checkpoint(checkpoint, place, self.authority.trust(), &mut self.findings);
        let trust = self.authority.trust();
        let counts = matches && checkpoint.other_origin.is_none() && self.quorum;
        let times = if counts { trust.times(&checkpoint.cosignatures) } else { None };
        self.held.mark(|| {
            let origin = &self.header.origin;
            Mark::Checkpoint(marks::checkpoint(checkpoint, place.line, matches, times, origin, trust))
        });
        if !matches {
            return;
        }
        if let Some(times) = times {
            self.attested.add(checkpoint.size, times);
            self.time.checkpoint(times, &mut self.findings);
        }
        let time = times.map(|times| times.seen_at);
        self.log = Some(Log { size: checkpoint.size, root: checkpoint.root, time });
        self.matched = Some(checkpoint.note.clone());
    }

    #[inline]
    fn link(
        &mut self,
        link: &LinkEntry,
        id: ChainId,
        number: &mut Option<usize>,
        hash: &Hash,
        place: Place,
        event: &[u8],
    ) {
        self.payload(link, place.index.unwrap_or_default());
        let skipped = self.tree.skipped;
        let (chain, step, before) = if let Some(chain) = *number {
            let known = &mut self.threads[chain].chain;
            let before = known.time;
            let step = self.chains.next(known, link, hash, place, skipped, &mut self.findings);
            (chain, step, Some(before))
        } else {
            let chain = self.first_link(link, id, hash, place);
            *number = Some(chain);
            (chain, Step::Follows, None)
        };
        if step == Step::Fork {
            return;
        }
        let attested = self.quorum.then_some(&self.attested);
        self.time.link(link.time, before, place, attested, &mut self.findings);
        let thread = &mut self.threads[chain];
        thread.links += 1;
        thread.first = thread.first.min(link.time);
        thread.last = thread.last.max(link.time);
        let Some(signer) = &mut thread.signer else { return };
        if step == Step::Broken {
            signer.coverage.break_off(&mut self.findings);
            self.held.drop_chain(chain);
        }
        self.counts.signatures += u64::from(link.signature == Signed::Valid);
        let revoked = self.authority.keys()[signer.key].revoked_in_log;
        let covers =
            signer.coverage.link(link.signature, link.time, place, revoked, attested, &mut self.findings);
        if self.held.wants_links() && covers != Covers::Failed {
            let held = &mut self.held;
            match (&link.role, link.payload) {
                (Role::Open(_), _) => held.hold_mark(chain, place, link.time, LinkKind::Open),
                (Role::Close, _) => held.hold_mark(chain, place, link.time, LinkKind::Close),
                (Role::Event, Shown::Matches) => held.hold_event(chain, place, link.time, event),
                (Role::Event, Shown::Withheld(why)) => {
                    held.hold_mark(chain, place, link.time, LinkKind::Withheld(why));
                }
                (Role::Event, Shown::Fails | Shown::NoEvent) => {}
            }
            if covers == Covers::Pending {
                let key = &self.authority.keys()[signer.key].vkey;
                held.release(chain, id, key, !signer.coverage.is_unknown());
            }
        }
    }

    fn payload(&mut self, link: &LinkEntry, index: u64) {
        let shown = match link.payload {
            Shown::NoEvent => return,
            Shown::Withheld(_) => {
                self.payloads.withheld += 1;
                false
            }
            Shown::Matches | Shown::Fails => {
                self.payloads.shown += 1;
                self.payloads.failed += u64::from(link.payload == Shown::Fails);
                true
            }
        };
        if let Some(range) = &mut self.claimed {
            range.event(index, shown);
        }
    }

    fn first_link(&mut self, link: &LinkEntry, id: ChainId, hash: &Hash, place: Place) -> usize {
        let number = self.threads.len();
        let chain = self.chains.first(id, link, hash, place, self.tree.skipped, &mut self.findings);
        let signer = match &link.role {
            Role::Open(open) => {
                let key = self.authority.key(&open.key);
                self.authority.opened(key, number);
                let foreign = open.origin != self.header.origin;
                let right = if foreign { Right::Unknown } else { self.authority.right(key) };
                if foreign {
                    self.chains.fail_first();
                    let origin = &open.origin;
                    self.findings.add(FindingCode::ChainOrigin, place, || {
                        format!("the chain is for the log {}", Quoted(origin))
                    });
                } else if matches!(right, Right::Unknown) {
                    let name = open.key.name();
                    self.findings.add(FindingCode::KeyUnknown, place, || {
                        format!(
                            "the chain is signed by {}, whom the trust file does not vouch for",
                            Quoted(name)
                        )
                    });
                }
                Some(ChainSigner { key, open: place, foreign, coverage: Coverage::new(right) })
            }
            Role::Event | Role::Close => None,
        };
        self.threads.push(Thread { chain, signer, links: 0, first: link.time, last: link.time });
        self.places.insert(id, number);
        number
    }

    /// The report of an export that ends here, the checkpoint to pin, and the findings that were not told yet.
    pub(super) fn report(&self) -> (Report, Option<String>, Vec<Finding>) {
        let mut findings = self.findings.clone();
        let position = self.tree.position();
        let signatures = self.close_threads(&mut findings);
        let unseen = self.unseen(&mut findings);
        let tree = self.tree.check(&mut findings);
        let facts = Facts {
            origin: &self.header.origin,
            range: self.expected.as_ref(),
            position,
            tree_passes: tree.passes(),
            log: self.log.as_ref(),
        };
        let claimed = self.claimed.as_ref();
        let checks = Checks {
            format: format::check(self.counts.lines, self.malformed),
            payloads: self.payloads.check(),
            chains: self.chains.check(),
            signatures: signatures.check(self.time.links),
            log: self.log_check.check(&mut findings),
            range: range::check(claimed, position, self.last, tree.passes(), &mut findings),
            append_only: self.pins.check(self.last_checkpoint, self.last, &mut findings),
            witnesses: self.witnesses.check(&self.options.trust, &mut findings),
            time: self.time.check(),
            closure: closure::check(self.threads.iter().map(|thread| &thread.chain), &mut findings),
            expected: expected::check(&self.options.expect, &facts, &mut findings),
            tree,
        };
        let asked = Asked {
            events: !self.options.tiles,
            links: !self.options.tiles || self.time.links > 0,
            log: self.options.tiles || !self.options.trust.logs().is_empty(),
            skip: self.tree.skipped > 0,
            quorum: self.quorum,
            range: self.claimed.is_some(),
            pin: !self.pins.is_empty(),
            expectation: !self.options.expect.is_empty(),
        };
        let unknown =
            UnknownKeys { signatures: signatures.only_unknown_keys(), log: self.log_check.is_unknown() };
        let complete = self.complete(&checks, unseen);
        let errors =
            findings.counts().map(|(code, _)| code).filter(|code| code.severity() == Severity::Error);
        let verdict = decide(errors, &checks, asked, unknown, complete.is_some());
        let no_failure = checks.iter().all(|(_, check)| check.state != State::Fail);
        let may_pin = checks.tree.passes() && checks.log.passes() && no_failure;
        let fresh = findings.take_fresh();
        let report = Report {
            countersign: "report/v1",
            verdict,
            complete: complete.filter(|_| verdict == Verdict::Verified),
            origin: Some(self.header.origin.clone()),
            checks,
            counts: self.counts(),
            log: self.log,
            signers: self.signers(),
            finding_counts: findings.counts().collect(),
            findings: findings.into_list(),
        };
        (report, self.matched.clone().filter(|_| may_pin), fresh)
    }

    fn close_threads(&self, findings: &mut Findings) -> Signatures {
        let threads = &self.threads;
        let last_link = |chain: usize| (threads[chain].chain.time, threads[chain].chain.index);
        let mut suspect = vec![false; threads.len()];
        for suspicion in self.authority.suspicions(self.last, last_link) {
            if !suspect[suspicion.chain] && suspicion.holds(self.quorum, &self.attested) {
                suspect[suspicion.chain] = true;
                let place = suspicion.place.about(threads[suspicion.chain].chain.id);
                findings.add(FindingCode::KeySuspect, place, || {
                    "the chain is not shown to precede the time since which its key is revoked".into()
                });
            }
        }
        let attested = self.quorum.then_some(&self.attested);
        let mut signatures = Signatures::default();
        for (thread, suspect) in threads.iter().zip(&mut suspect) {
            let Some(signer) = &thread.signer else {
                signatures.unauthenticated();
                continue;
            };
            if !*suspect && signer.coverage.void_grants_matter(self.quorum, &self.attested) {
                *suspect = true;
                findings.add(FindingCode::KeySuspect, self.last.about(thread.chain.id), || {
                    "the grant that lets its key sign is void, as its issuer's key is revoked".into()
                });
            }
            signatures.chain(signer.coverage.clone(), *suspect, attested, findings);
        }
        signatures
    }

    /// Whether a revocation of some chain's key may be among skipped leaves.
    fn unseen(&self, findings: &mut Findings) -> bool {
        if self.tree.skipped == 0 {
            return false;
        }
        let mut unseen = false;
        for signer in self.threads.iter().filter_map(|thread| thread.signer.as_ref()) {
            if signer.foreign || !self.authority.keys()[signer.key].vouched {
                unseen = true;
                findings.add(FindingCode::KeyUnseen, signer.open, || {
                    "a revocation of the chain's key may be among the leaves left out".into()
                });
            }
        }
        unseen
    }

    fn complete(&self, checks: &Checks, unseen: bool) -> Option<Complete> {
        let passes = |checks: &[&Check]| checks.iter().all(|check| check.passes());
        if let Some(range) = &self.claimed
            && passes(&[&checks.range, &checks.tree, &checks.log])
            && range.is_what_is_shown()
            && !unseen
        {
            return Some(Complete::Range { range: [range.begin, range.end] });
        }
        let whole = self.tree.skipped == 0 && self.payloads.withheld == 0 && checks.closure.passes();
        whole.then_some(Complete::Closure)
    }

    fn signers(&self) -> Vec<Signer> {
        let mut signers: Vec<Signer> = Vec::new();
        for key in self.authority.keys() {
            let threads: Vec<&Thread> = key.chains.iter().map(|chain| &self.threads[*chain]).collect();
            let times = |time: fn(&Thread) -> Time| threads.iter().map(move |thread| time(thread));
            let (Some(first), Some(last)) =
                (times(|thread| thread.first).min(), times(|thread| thread.last).max())
            else {
                continue;
            };
            let granted =
                |thread: &&Thread| thread.signer.as_ref().is_some_and(|signer| signer.coverage.was_granted());
            let trust = if key.revoked_in_log || self.authority.is_revoked_by_trust_file(&key.vkey) {
                SignerTrust::Revoked
            } else if key.vouched {
                SignerTrust::TrustFile
            } else if threads.iter().any(granted) {
                SignerTrust::Granted
            } else {
                SignerTrust::Unknown
            };
            let links = threads.iter().map(|thread| thread.links).sum();
            let vkey: VerifierKey = key.vkey.clone();
            signers.push(Signer { vkey, trust, chains: threads.len() as u64, links, first, last });
        }
        signers.sort_by(|a, b| a.vkey.cmp(&b.vkey));
        signers
    }
}

/// A stretch while it is taken in.
struct Stretch<'a> {
    /// The numbers of its chains, where they have one already.
    chains: Vec<Option<usize>>,
    names: &'a [ChainId],
    leaves: &'a [Hash],
    /// How many of the leaves are in the tree.
    added: usize,
    text: &'a [u8],
}

impl Stretch<'_> {
    fn add_to(&mut self, tree: &mut Tree, up_to: usize) {
        tree.extend(&self.leaves[self.added..up_to]);
        self.added = up_to;
    }
}
