//! A step-by-step proof of one event, from the event's bytes to the log's signature (SPEC section 9).
//!
//! The input is an export with little besides the event, as [slicing](crate) makes it. The verification report gives
//! the result of each step; the facts are the values that were hashed, signed, and compared.
//!
//! ```
//! use countersign_slice::explain::explain;
//! use countersign::link::ChainId;
//! use countersign::trust::Trust;
//! # let export = include_bytes!("../../../tests/vectors/log-two-chains/export.ndjson");
//! # let trust = Trust::parse(include_bytes!("../../../tests/vectors/log-two-chains/trust.txt"))?;
//!
//! let chain = ChainId::parse(b"dbfd62576c9c2db930688a2dea5009b1").unwrap();
//! let explanation = explain(export, chain, 1, &trust)?;
//! let ids: Vec<_> = explanation.steps.iter().map(|step| step.id).collect();
//! assert_eq!(
//!     ids,
//!     ["event", "commit", "link", "chain", "signature", "key", "leaf", "path", "checkpoint", "log", "witnesses"],
//! );
//! # Ok::<(), countersign::Error>(())
//! ```

use std::collections::HashMap;

use serde::Serialize;

use countersign::base64;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::error::{Code, Error};
use countersign::export::{Header, Item, Line, Matched, Payload};
use countersign::hash::Hash;
use countersign::keys::Statement;
use countersign::link::{ChainId, EventLink, Link, Salt, signed_part};
use countersign::merkle::{HashReader, Subtree, inclusion_proof, leaf_hash, node_hash, root_of_inclusion};
use countersign::note::VerifierKey;
use countersign::tenant::{Head, HeadProof};
use countersign::trust::Trust;
use countersign::verify::report::Checks;
use countersign::verify::{CheckState, Mark, Options, TrustBasis, Verdict, Verification, Verifier};

/// The maximum size of the export, in bytes. All of it is in memory.
pub const MAX_PROOF: usize = 64 << 20;

/// The proof of an event in steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The verdict on the export.
    pub verdict: Verdict,
    /// The steps, each building on those before it.
    pub steps: Vec<Step>,
}

/// A step of a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The subject of the step: `event`, `commit`, `link`, `chain`, `signature`, `key`, `leaf`, `path`, `checkpoint`,
    /// `log`, `witnesses`.
    pub id: &'static str,
    /// The result of the step.
    pub state: CheckState,
    /// The values that were hashed, signed, and compared.
    pub facts: Vec<Fact>,
    /// The path up the tree. Only in the step `path`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<PathStep>,
}

/// A value that a step relies on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The name of the value, which programs may compare.
    pub name: &'static str,
    /// The value.
    pub value: String,
}

/// A sibling on the path from a leaf up to the root, and the node above both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathStep {
    /// The height of the sibling above the leaves, from 0.
    pub level: u8,
    /// The side on which the sibling is.
    pub side: Side,
    /// The hash, in base64.
    pub hash: String,
    /// The hash of the node above, in base64.
    pub node: String,
}

/// The side of a sibling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Before the node, in the log's order.
    Left,
    /// After the node, in the log's order.
    Right,
}

/// The results of verifying the export that the steps rely on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResults {
    /// The verdict.
    pub verdict: Verdict,
    /// The checks. Only their states are used.
    pub checks: Checks,
    /// The indexes of the key notes that are in effect, ascending.
    pub acting: Vec<u64>,
    /// The trust of each signer.
    pub signers: Vec<(String, TrustBasis)>,
    /// True if the event was passed on: its commit matches, and a valid signature covers it.
    pub covered: bool,
}

impl CheckResults {
    /// Verifies an uncompressed export, whose event at this position is to be explained.
    pub fn verify(export: &[u8], chain: ChainId, seq: u64, trust: &Trust) -> Self {
        let options = Options { trust: trust.clone(), events: true, marks: true, ..Options::default() };
        let mut verifier = Verifier::new(options);
        verifier.push(export);
        let (Verification { report, .. }, updates) = verifier.finish_with_update();
        let acting = |mark: &Mark| match mark {
            Mark::Note(note) => note.acts.then_some(note.index),
            _ => None,
        };
        Self {
            verdict: report.verdict,
            acting: updates.marks.iter().filter_map(acting).collect(),
            signers: report.signers.iter().map(|signer| (signer.vkey.to_string(), signer.trust)).collect(),
            checks: report.checks,
            covered: updates.events.iter().any(|event| (event.chain, event.seq) == (chain, seq)),
        }
    }
}

/// Explains how an uncompressed export proves the event at a position of a chain.
///
/// # Errors
/// [`Code::Export`] if the export is larger than [`MAX_PROOF`], has a malformed line, or doesn't show the event.
pub fn explain(export: &[u8], chain: ChainId, seq: u64, trust: &Trust) -> Result<Explanation, Error> {
    explain_verified(export, chain, seq, trust, &CheckResults::verify(export, chain, seq, trust))
}

/// Like [`explain`], for an export that was verified before.
///
/// # Errors
/// Those of [`explain`].
pub fn explain_verified(
    export: &[u8],
    chain: ChainId,
    seq: u64,
    trust: &Trust,
    outcome: &CheckResults,
) -> Result<Explanation, Error> {
    if export.len() > MAX_PROOF {
        return Err(Error::new(
            Code::Export,
            "the export is larger than 64 MiB, the maximum for an explanation",
        )
        .with_hint("slice the export to the one event first"));
    }
    let proof = ProofParts::read(export, chain, seq, &outcome.acting)?;
    let steps = Explainer { proof: &proof, outcome, trust }.steps();
    Ok(Explanation { verdict: outcome.verdict, steps })
}

/// A link of the event's chain.
struct ChainLink {
    index: u64,
    text: String,
    link: Link,
}

/// The parts of a proof.
struct ProofParts {
    origin: String,
    /// The link that commits to the event.
    link: ChainLink,
    event: EventCommitment,
    open: Option<ChainLink>,
    /// The links after the event's, up to the first with a valid signature; `None` if the event's link has one.
    after: Vec<ChainLink>,
    state: Option<AttestedState>,
    /// The effective statements of key notes on the chain's key, with the indexes of the notes: its grants before its
    /// open link, and its revocations.
    statements: Vec<(u64, Statement)>,
    tree: Nodes,
}

/// The event's hash, and the hash that its link commits to.
struct EventCommitment {
    stated: Hash,
    computed: Hash,
    salt: Salt,
    /// The length of the text that was hashed.
    bytes: usize,
    /// True if that text is the canonical form of the event's text in the export.
    reserialized: bool,
}

/// The complete subtrees whose roots follow from an export.
#[derive(Default)]
struct Nodes {
    roots: HashMap<Subtree, Hash>,
    end: u64,
}

impl Nodes {
    fn add(&mut self, level: u8, root: Hash) {
        self.roots.insert(Subtree { index: self.end, level }, root);
        self.end = self.end.saturating_add(1 << level);
    }

    fn root(&self, subtree: Subtree) -> Option<Hash> {
        if let Some(root) = self.roots.get(&subtree) {
            return Some(*root);
        }
        let level = subtree.level.checked_sub(1)?;
        let left = self.root(Subtree { index: subtree.index, level })?;
        let right = self.root(Subtree { index: subtree.index + (1 << level), level })?;
        Some(node_hash(&left, &right))
    }
}

impl HashReader for Nodes {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let missing = || Error::new(Code::Export, "the export lacks hashes that the proof needs");
        subtrees.iter().map(|subtree| self.root(*subtree).ok_or_else(missing)).collect()
    }
}

/// The last state of the log that the export has a checkpoint or a head of.
struct AttestedState {
    origin: String,
    size: u64,
    root: Hash,
    /// The checkpoint, which is the root log's if there is a head.
    signed: SignedCheckpoint,
    head: Option<Box<HeadProof>>,
}

impl From<SignedCheckpoint> for AttestedState {
    fn from(signed: SignedCheckpoint) -> Self {
        let Checkpoint { origin, size, root } = signed.checkpoint.clone();
        Self { origin, size, root, signed, head: None }
    }
}

impl From<HeadProof> for AttestedState {
    fn from(proof: HeadProof) -> Self {
        let Head { origin, size, root, .. } = proof.head().clone();
        let signed = proof.checkpoint.clone();
        Self { origin: origin.to_string(), size, root, signed, head: Some(Box::new(proof)) }
    }
}

impl ProofParts {
    fn read(export: &[u8], chain: ChainId, seq: u64, acting: &[u64]) -> Result<Self, Error> {
        let text =
            std::str::from_utf8(export).map_err(|_| Error::new(Code::Export, "the export is not UTF-8"))?;
        let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
        let (header, _) = lines.next().unwrap_or_default();
        let Header { origin, .. } = Header::parse(header.as_bytes())?;
        let mut tree = Nodes::default();
        let mut open: Option<ChainLink> = None;
        let mut found: Option<(ChainLink, EventCommitment)> = None;
        let mut later = Vec::new();
        let mut state = None;
        let mut statements = Vec::new();
        for (line, number) in lines {
            let item = Line::parse(line).map_err(|malformed| malformed.to_error().at_line(number))?.item;
            match item {
                Item::Skip { level, hash } => tree.add(level, hash),
                Item::Checkpoint { signed, .. } => state = Some(AttestedState::from(*signed)),
                Item::Head { proof, .. } => state = Some(AttestedState::from(*proof)),
                Item::Anchor { .. } => {}
                Item::Leaf(bytes) => tree.add(0, leaf_hash(&bytes)),
                Item::Note { text, note } => {
                    if acting.binary_search(&tree.end).is_ok() {
                        statements.extend(note.statements.into_iter().map(|statement| (tree.end, statement)));
                    }
                    tree.add(0, leaf_hash(text.as_bytes()));
                }
                Item::Link { text, link, payload, .. } => {
                    let index = tree.end;
                    tree.add(0, leaf_hash(text.as_bytes()));
                    if link.chain() != chain {
                        continue;
                    }
                    let chained = ChainLink { index, text: text.into_owned(), link };
                    match (&found, payload, &chained.link) {
                        (None, Some(payload), Link::Event(EventLink { commit, .. }))
                            if chained.link.seq() == seq =>
                        {
                            let event = EventCommitment::new(&payload, commit);
                            found = Some((chained, event));
                        }
                        (Some(_), ..) => later.push(chained),
                        (None, _, Link::Open(_)) => _ = open.get_or_insert(chained),
                        (None, ..) => {}
                    }
                }
            }
        }
        let Some((link, event)) = found else {
            return Err(Error::new(
                Code::Export,
                format!("the export does not show the event {chain}/{seq}"),
            )
            .with_hint("use an export with the event; in this one it may be withheld or omitted"));
        };
        let after = link.followers(later, open.as_ref().and_then(ChainLink::key));
        statements.retain(|(index, statement)| {
            let counts =
                |open: &ChainLink| matches!(statement, Statement::Revoke { .. }) || *index < open.index;
            open.as_ref().is_some_and(|open| open.key() == Some(statement.key()) && counts(open))
        });
        Ok(Self { origin, link, event, open, after, state, statements, tree })
    }
}

impl EventCommitment {
    fn new(payload: &Payload<'_>, stated: &Hash) -> Self {
        let found = payload.commit();
        let (computed, bytes, reserialized) = match payload.check(&found, stated) {
            Ok(Matched::Canonical(text)) => (*stated, text.len(), true),
            Ok(Matched::Verbatim) | Err(_) => (found, payload.event.len(), false),
        };
        Self { stated: *stated, computed, salt: payload.salt, bytes, reserialized }
    }
}

impl ChainLink {
    fn key(&self) -> Option<&VerifierKey> {
        match &self.link {
            Link::Open(open) => Some(&open.key),
            _ => None,
        }
    }

    /// True if its signature is valid for the chain's key; `None` if it has no signature, or the key isn't known.
    fn is_signed(&self, key: Option<&VerifierKey>) -> Option<bool> {
        let signature = self.link.signature()?;
        Some(key?.verify(signed_part(&self.text).as_bytes(), signature))
    }

    /// Returns the later links up to the first with a valid signature, through which that signature covers this link. A
    /// missing link, or one with a different previous hash, ends the coverage.
    fn followers(&self, later: Vec<Self>, key: Option<&VerifierKey>) -> Vec<Self> {
        let mut after: Vec<Self> = Vec::new();
        for link in later {
            let last = after.last().unwrap_or(self);
            if last.is_signed(key) == Some(true) {
                break;
            }
            // A fork, which isn't a link of the chain.
            if link.link.seq() <= last.link.seq() {
                continue;
            }
            let follows = link.link.seq() - last.link.seq() == 1
                && link.link.prev() == Some(&leaf_hash(last.text.as_bytes()));
            if !follows {
                break;
            }
            after.push(link);
        }
        after
    }
}

struct Explainer<'a> {
    proof: &'a ProofParts,
    outcome: &'a CheckResults,
    trust: &'a Trust,
}

fn fact(name: &'static str, value: &(impl ToString + ?Sized)) -> Fact {
    Fact { name, value: value.to_string() }
}

fn step(id: &'static str, state: CheckState, facts: Vec<Fact>) -> Step {
    Step { id, state, facts, hashes: Vec::new() }
}

fn when(passes: bool, otherwise: CheckState) -> CheckState {
    if passes { CheckState::Pass } else { otherwise }
}

impl Explainer<'_> {
    fn steps(&self) -> Vec<Step> {
        let mut steps = self.event().to_vec();
        steps.extend([self.chain(), self.signature(), self.key()]);
        steps.extend(self.tree());
        steps
    }

    fn event(&self) -> [Step; 3] {
        let EventCommitment { stated, computed, salt, bytes, reserialized } = &self.proof.event;
        let mut event = vec![fact("bytes", bytes), fact("salt", &base64::encode(salt))];
        if *reserialized {
            event.push(fact("reserialized", "RFC 8785"));
        }
        [
            step("event", self.outcome.checks.payloads.state, event),
            step(
                "commit",
                when(computed == stated, CheckState::Fail),
                vec![fact("computed", computed), fact("stated", stated)],
            ),
            self.link(),
        ]
    }

    fn link(&self) -> Step {
        let ChainLink { text, link, .. } = &self.proof.link;
        let mut facts = vec![
            fact("link", text),
            fact("chain", &link.chain()),
            fact("seq", &link.seq()),
            fact("time", &link.time()),
        ];
        facts.extend(link.prev().map(|prev| fact("prev", prev)));
        facts.push(fact("hash", &leaf_hash(text.as_bytes())));
        step("link", self.outcome.checks.format.state, facts)
    }

    fn chain(&self) -> Step {
        let mut facts = Vec::new();
        if let Some(open) = &self.proof.open {
            facts.extend([fact("open", &open.text), fact("open_hash", &leaf_hash(open.text.as_bytes()))]);
        }
        // Each link has the hash of the previous one, through which a signature covers earlier links.
        for link in &self.proof.after {
            facts.extend([fact("next", &link.text), fact("hash", &leaf_hash(link.text.as_bytes()))]);
        }
        let leads = self.proof.open.is_some() && self.signed().is_some();
        let chains = self.outcome.checks.chains.state;
        step(
            "chain",
            if chains == CheckState::Pass { when(leads, CheckState::NotChecked) } else { chains },
            facts,
        )
    }

    fn signature(&self) -> Step {
        let mut facts = Vec::new();
        let signed = self.signed();
        if let Some((link, _)) = signed
            && let Some(signature) = link.link.signature()
        {
            facts.extend([
                fact("seq", &link.link.seq()),
                fact("signed", signed_part(&link.text)),
                fact("signature", &base64::encode(signature)),
            ]);
        }
        let state = match signed {
            Some((_, Some(true))) => when(self.outcome.covered, CheckState::NotChecked),
            Some((_, Some(false))) => CheckState::Fail,
            _ => CheckState::NotChecked,
        };
        step("signature", state, facts)
    }

    /// Returns a link whose signature covers the event's link, and true if the signature is valid: the link
    /// with the first valid signature, or else the first link with a signature.
    fn signed(&self) -> Option<(&ChainLink, Option<bool>)> {
        let ProofParts { link, after, open, .. } = self.proof;
        let key = open.as_ref().and_then(ChainLink::key);
        let signed = || {
            let links = std::iter::once(link).chain(after);
            links.filter(|link| link.link.signature().is_some()).map(|link| (link, link.is_signed(key)))
        };
        // If the event's own link has a signature, no other is considered, even if it is invalid.
        let own = signed().next().filter(|(first, _)| std::ptr::eq(*first, link));
        own.or_else(|| signed().find(|(_, valid)| *valid == Some(true))).or_else(|| signed().next())
    }

    fn key(&self) -> Step {
        let Some(key) = self.proof.open.as_ref().and_then(ChainLink::key) else {
            return step("key", CheckState::NotChecked, Vec::new());
        };
        let signer = self.outcome.signers.iter().find(|(vkey, _)| *vkey == key.as_str());
        let trust = signer.map_or(TrustBasis::Untrusted, |(_, trust)| *trust);
        let mut facts = vec![fact("vkey", key), fact("trust", trust.as_str())];
        facts.extend(
            self.proof
                .statements
                .iter()
                .map(|(index, statement)| fact("statement", &format!("{index}: {statement}"))),
        );
        let known = trust != TrustBasis::Untrusted;
        step("key", if known { self.outcome.checks.signatures.state } else { CheckState::NotChecked }, facts)
    }

    /// Returns the steps from the leaf to the signatures on the tree. Without a checkpoint, they are not checked.
    fn tree(&self) -> [Step; 5] {
        let (index, tree) = (self.proof.link.index, self.outcome.checks.tree.state);
        let leaf = leaf_hash(self.proof.link.text.as_bytes());
        let leaf_facts = vec![fact("index", &index), fact("hash", &leaf)];
        let Some(state) = &self.proof.state else {
            return ["leaf", "path", "checkpoint", "log", "witnesses"].map(|id| {
                let facts = if id == "leaf" { leaf_facts.clone() } else { Vec::new() };
                step(id, CheckState::NotChecked, facts)
            });
        };
        let AttestedState { origin, size, root, signed, head } = state;
        let hashes = inclusion_proof(index, *size, &self.proof.tree).unwrap_or_default();
        let computed = root_of_inclusion(index, *size, &leaf, &hashes);
        let is_own = *origin == self.proof.origin && head.as_ref().is_none_or(|head| head.check().is_ok());
        // The state covers all checkpoints; this is the last one.
        let passes =
            |holds: bool| if tree == CheckState::Pass { when(holds, CheckState::Fail) } else { tree };
        let reached = computed == Some(*root);
        let mut path = step("path", passes(reached), Vec::new());
        path.hashes = path_steps(index, *size, leaf, &hashes);
        let mut facts = vec![fact("origin", origin), fact("size", size), fact("root", root)];
        facts.extend(computed.map(|root| fact("computed", &root)));
        if let Some(head) = head {
            facts.push(fact("root_log", &signed.checkpoint.origin));
            facts.push(fact("tick", &head.anchor.tick));
        }
        // Signatures on a checkpoint of another log were not verified.
        let by = |keys: Vec<&VerifierKey>| -> Vec<Fact> {
            keys.iter().filter(|_| is_own).map(|key| fact("signer", key.name())).collect()
        };
        let log = signed.log_signatures(self.trust.logs()).verified;
        let witnesses = signed.cosignatures(self.trust.witnesses()).verified;
        [
            step("leaf", tree, leaf_facts),
            path,
            step("checkpoint", passes(reached && is_own), facts),
            step(
                "log",
                self.outcome.checks.log.state,
                by(log.iter().map(|signature| signature.key).collect()),
            ),
            step(
                "witnesses",
                self.outcome.checks.witnesses.state,
                by(witnesses.iter().map(|cosignature| cosignature.key).collect()),
            ),
        ]
    }
}

/// Returns the steps from a leaf up to the root.
fn path_steps(index: u64, size: u64, leaf: Hash, proof: &[Hash]) -> Vec<PathStep> {
    let (mut index, mut last) = (index, size.saturating_sub(1));
    let (mut node, mut level) = (leaf, 0);
    let mut rest = proof.iter();
    let mut way = Vec::with_capacity(proof.len());
    while last > 0 {
        let side = if index & 1 == 1 { Some(Side::Left) } else { (index < last).then_some(Side::Right) };
        if let Some(side) = side {
            let Some(hash) = rest.next() else { break };
            node = if side == Side::Left { node_hash(hash, &node) } else { node_hash(&node, hash) };
            way.push(PathStep { level, side, hash: hash.to_string(), node: node.to_string() });
        }
        (index, last, level) = (index >> 1, last >> 1, level + 1);
    }
    way
}
