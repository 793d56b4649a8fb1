//! Checks the log's entries in order: chains must continue, keys must be allowed to sign, and key notes must be
//! valid.

use std::collections::{BTreeMap, BTreeSet};

use countersign::hash::Hash;
use countersign::keys::{KeyNote, Validity, Windows};
use countersign::link::{ChainId, Link, OpenLink, PREFIX, signed_part};
use countersign::log::{self, EntryRef, Life, PendingBatch, Rules, Storage};
use countersign::merkle::leaf_hash;
use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::FindingCode as Code;
use serde::{Deserialize, Serialize};

use crate::finding::{
    BAD_LINK, BAD_NOTE, FORK, Finding, FindingKind, Findings, GAP, NO_OPEN, OPAQUE, OPENED_EARLIER, Place,
    UNSIGNED,
};

/// The first line of a key note.
const NOTE: &str = "countersign/v1 keys\n";

/// The state of all chains and keys. Its size is bounded by the open chains, plus a few bytes for each closed one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Chains {
    open: BTreeMap<String, Chain>,
    closed: BTreeSet<String>,
    /// The index of the first entry that was read.
    #[serde(default, skip_serializing_if = "is_zero")]
    begin: u64,
    lives: BTreeMap<String, KeyLife>,
    /// The latest time of a link since [`Self::take_latest`] was last called, and the link's index.
    #[serde(skip)]
    latest: Option<(Time, u64)>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An open chain.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Chain {
    /// The key; empty if the chain was opened before the entries that were read.
    key: String,
    next: u64,
    last: String,
    time: String,
    /// The index of the first link that no signature covers yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsigned: Option<u64>,
    /// The grants of its key before the chain was opened.
    #[serde(default, skip_serializing_if = "Windows::is_empty", with = "windows")]
    windows: Windows,
    /// The codes that were already reported for this chain; `told` in older states.
    #[serde(alias = "told", default, skip_serializing_if = "BTreeSet::is_empty")]
    reported: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct KeyLife {
    #[serde(with = "windows")]
    windows: Windows,
    revoked: bool,
}

/// The trust and rules that entries are checked against.
pub(crate) struct EntryRules<'a> {
    pub(crate) origin: &'a str,
    pub(crate) trust: &'a Trust,
    log_rules: Rules,
}

impl<'a> EntryRules<'a> {
    pub(crate) fn new(origin: &'a str, trust: &'a Trust) -> Self {
        Self { origin, trust, log_rules: Rules::new(origin, Some(trust.clone())) }
    }
}

/// A link and its index in the log.
struct IndexedLink<'a> {
    index: u64,
    text: &'a str,
    link: &'a Link,
}

impl IndexedLink<'_> {
    fn finding(&self, kind: impl Into<FindingKind>, message: impl Into<String>) -> Finding {
        let mut finding = Finding::new(kind, message);
        finding.place = Place {
            index: Some(self.index),
            chain: Some(self.link.chain()),
            seq: Some(self.link.seq()),
            ..Place::default()
        };
        finding
    }
}

impl Chains {
    /// Creates the state before the entry `begin`, whose earlier entries are not read.
    pub(crate) fn starting_at(begin: u64) -> Self {
        Self { begin, ..Self::default() }
    }

    /// Checks the next entry.
    pub(crate) fn leaf(&mut self, rules: &EntryRules<'_>, index: u64, leaf: &[u8], findings: &mut Findings) {
        let text = str::from_utf8(leaf).unwrap_or_default();
        if let Ok(link) = Link::parse(text) {
            self.link(rules, &IndexedLink { index, text, link: &link }, findings);
        } else if let Ok(note) = KeyNote::parse(text) {
            self.note(rules, index, text, &note, findings);
        } else if text.starts_with(NOTE) {
            findings.add(
                Finding::new(BAD_NOTE, "an entry that starts like a key note is malformed").at_leaf(index),
            );
        } else if text.starts_with(PREFIX) {
            findings
                .add(Finding::new(BAD_LINK, "an entry that starts like a link is malformed").at_leaf(index));
        } else {
            findings.add(Finding::new(OPAQUE, "an entry is neither a link nor a key note").at_leaf(index));
        }
    }

    fn link(&mut self, rules: &EntryRules<'_>, at: &IndexedLink<'_>, findings: &mut Findings) {
        let id = at.link.chain().to_string();
        self.latest = self.latest.max(Some((at.link.time(), at.index)));
        if self.closed.contains(&id) {
            findings.add(at.finding(Code::ChainAfterClose, "a link comes after the chain's close link"));
            return;
        }
        match (at.link, self.open.contains_key(&id)) {
            (Link::Open(_), true) => findings.add(at.finding(FORK, "the chain has a second open link")),
            (Link::Open(open), false) => self.open_link(rules, at, open, id, findings),
            (_, false) if self.begin > 0 => self.continue_link(at, id, findings),
            (_, false) => {
                findings.add(at.finding(NO_OPEN, "the log has no open link of this chain before it"));
            }
            (_, true) => self.next_link(rules, at, id, findings),
        }
    }

    fn open_link(
        &mut self,
        rules: &EntryRules<'_>,
        at: &IndexedLink<'_>,
        open: &OpenLink,
        id: String,
        findings: &mut Findings,
    ) {
        if open.origin != rules.origin {
            findings
                .add(at.finding(Code::ChainOrigin, format!("the chain is for the log {:?}", open.origin)));
        }
        let windows = self.lives.get(open.key.as_str()).map(|life| life.windows.clone()).unwrap_or_default();
        let mut chain = Chain {
            key: open.key.to_string(),
            next: 1,
            last: leaf_hash(at.text.as_bytes()).to_string(),
            time: open.time.to_string(),
            unsigned: None,
            windows,
            reported: BTreeSet::new(),
        };
        self.check_signature(at, &open.key, findings);
        self.check_key(rules, at, &open.key, &mut chain, findings);
        self.open.insert(id, chain);
    }

    /// Accepts a link of a chain that may have been opened before the entries that were read. Its key is unknown.
    fn continue_link(&mut self, at: &IndexedLink<'_>, id: String, findings: &mut Findings) {
        let message = format!("the chain has no open link from entry {} on", self.begin);
        findings.add(at.finding(OPENED_EARLIER, message));
        if matches!(at.link, Link::Close(_)) {
            self.closed.insert(id);
            return;
        }
        let chain = Chain {
            key: String::new(),
            next: at.link.seq() + 1,
            last: leaf_hash(at.text.as_bytes()).to_string(),
            time: at.link.time().to_string(),
            unsigned: at.link.signature().is_none().then_some(at.index),
            windows: Windows::default(),
            reported: BTreeSet::new(),
        };
        self.open.insert(id, chain);
    }

    fn next_link(
        &mut self,
        rules: &EntryRules<'_>,
        at: &IndexedLink<'_>,
        id: String,
        findings: &mut Findings,
    ) {
        let Some(mut chain) = self.open.remove(&id) else { return };
        let link = at.link;
        if link.seq() < chain.next {
            findings.add(at.finding(FORK, format!("the chain already has a link {}", link.seq())));
            self.open.insert(id, chain);
            return;
        }
        if link.seq() > chain.next {
            let missing = format!("links {} to {} are not in the log", chain.next, link.seq() - 1);
            findings.add(at.finding(GAP, missing));
        } else if link.prev().map(ToString::to_string).as_ref() != Some(&chain.last) {
            findings.add(at.finding(Code::ChainPrev, "the link does not follow from the one before it"));
        }
        if Time::parse(chain.time.as_bytes()).is_some_and(|time| link.time() < time) {
            findings.add(at.finding(Code::TimeOrder, "the link is earlier than the one before it"));
        }
        if let Ok(key) = chain.key.parse::<VerifierKey>() {
            self.check_signature(at, &key, findings);
            self.check_key(rules, at, &key, &mut chain, findings);
        }
        chain.next = link.seq() + 1;
        chain.last = leaf_hash(at.text.as_bytes()).to_string();
        chain.time = link.time().to_string();
        chain.unsigned = link.signature().is_none().then(|| chain.unsigned.unwrap_or(at.index));
        if matches!(link, Link::Close(_)) {
            self.closed.insert(id);
        } else {
            self.open.insert(id, chain);
        }
    }

    #[allow(clippy::unused_self, reason = "for symmetry with the other checks")]
    fn check_signature(&self, at: &IndexedLink<'_>, key: &VerifierKey, findings: &mut Findings) {
        if let Some(signature) = at.link.signature()
            && !key.verify(signed_part(at.text).as_bytes(), signature)
        {
            findings.add(at.finding(Code::SignatureInvalid, "the signature doesn't match the chain's key"));
        }
    }

    /// Checks that the key may sign at the link's time; reports a problem once per chain.
    fn check_key(
        &self,
        rules: &EntryRules<'_>,
        at: &IndexedLink<'_>,
        key: &VerifierKey,
        chain: &mut Chain,
        findings: &mut Findings,
    ) {
        let time = at.link.time();
        let revoked = self.lives.get(key.as_str()).is_some_and(|life| life.revoked)
            || rules
                .trust
                .revocations()
                .iter()
                .any(|line| line.key == *key && line.since.is_none_or(|since| since <= time));
        let (kind, message) = if revoked {
            (Code::KeyRevoked, "the chain continues although its key is revoked")
        } else if rules.trust.emitters().contains(key) {
            return;
        } else if chain.windows.is_empty() {
            (Code::KeyUnknown, "the chain's key is not an emitter of the trust file and has no grant")
        } else {
            match chain.windows.validity(chain.windows.len(), time) {
                Validity::Within => return,
                Validity::Expired => (Code::KeyExpired, "the link is later than the grants of its key"),
                Validity::NotYetValid => {
                    (Code::KeyNotYetValid, "the link is earlier than the grants of its key")
                }
            }
        };
        if chain.reported.insert(kind.as_str().to_owned()) {
            let mut finding = at.finding(kind, message);
            finding.place.key = Some(key.to_string());
            findings.add(finding);
        }
    }

    /// Applies a key note by the log's own rules.
    fn note(
        &mut self,
        rules: &EntryRules<'_>,
        index: u64,
        text: &str,
        note: &KeyNote,
        findings: &mut Findings,
    ) {
        let mut growth = PendingBatch::new(index);
        let acts = rules.log_rules.check_note(note).and_then(|()| {
            growth.replay(&*self, text.to_owned(), None).map_err(log::AcceptanceError::refusal)
        });
        if let Err(refusal) = acts {
            let mut finding = Finding::new(Code::KeyStatement, refusal.error.into_message()).at_leaf(index);
            finding.place.key = note.statements.first().map(|statement| statement.key().to_string());
            findings.add(finding);
            return;
        }
        for (key, Life { windows, revoked }) in growth.lives() {
            let life = KeyLife { windows: windows.clone(), revoked: *revoked };
            self.lives.insert(key.to_string(), life);
        }
    }

    /// Reports chains whose newest links are not covered by a signature, at a checkpoint.
    pub(crate) fn unsigned(&mut self, findings: &mut Findings) {
        for (id, chain) in &mut self.open {
            let Some(index) = chain.unsigned else { continue };
            if chain.reported.insert(format!("{} {index}", UNSIGNED.code)) {
                let message = "no signature covers the chain's last links in the checkpoint";
                let mut finding = Finding::new(UNSIGNED, message).at_leaf(index);
                finding.place.chain = ChainId::parse(id.as_bytes());
                findings.add(finding);
            }
        }
    }

    /// Takes the latest time of a link since the last call, and the link's index.
    pub(crate) fn take_latest(&mut self) -> Option<(Time, u64)> {
        self.latest.take()
    }

    /// Returns the number of open chains.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }
}

/// Provides the key notes so far, against which later ones are checked.
impl Storage for Chains {
    type Error = std::convert::Infallible;

    fn chain(&self, _: &ChainId) -> Result<Option<log::Chain>, Self::Error> {
        Ok(None)
    }

    fn link(&self, _: &ChainId, _: u64) -> Result<Option<EntryRef>, Self::Error> {
        Ok(None)
    }

    fn note(&self, _: &Hash) -> Result<Option<u64>, Self::Error> {
        Ok(None)
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, Self::Error> {
        let life = self.lives.get(key.as_str()).cloned().unwrap_or_default();
        Ok(Life { windows: life.windows, revoked: life.revoked })
    }
}

/// Serializes windows as pairs of milliseconds since the epoch.
mod windows {
    use countersign::keys::{Window, Windows};
    use countersign::time::Time;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    type Pair = (Option<i64>, Option<i64>);

    pub(super) fn serialize<S: Serializer>(windows: &Windows, to: S) -> Result<S::Ok, S::Error> {
        let pair = |window: Window| (window.from.map(Time::millis), window.until.map(Time::millis));
        to.collect_seq(windows.iter().map(pair))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Windows, D::Error> {
        let time = |millis: Option<i64>| match millis.map(Time::from_millis) {
            Some(None) => Err(D::Error::custom("a window's bound is outside the years 0000 to 9999")),
            time => Ok(time.flatten()),
        };
        let mut windows = Windows::default();
        for (from, until) in Vec::<Pair>::deserialize(from)? {
            windows.push(Window { from: time(from)?, until: time(until)? });
        }
        Ok(windows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_states_are_read() {
        let older = r#"{"key":"k","next":2,"last":"l","time":"t","told":["chain.gap"]}"#;
        let chain: Chain = serde_json::from_str(older).unwrap();
        assert!(chain.reported.contains("chain.gap"));
        assert_eq!(serde_json::to_string(&chain).unwrap(), older.replace("told", "reported"));
    }

    #[test]
    fn windows_survive_serialization() {
        let kept = r#"{"windows":[[null,5],[-7,null]],"revoked":false}"#;
        let life: KeyLife = serde_json::from_str(kept).unwrap();
        let at = |millis| life.windows.validity(2, Time::from_millis(millis).unwrap());
        assert_eq!([at(4), at(5)], [Validity::Within; 2]);
        assert_eq!(life.windows.validity(1, Time::from_millis(5).unwrap()), Validity::Expired);
        assert_eq!(serde_json::to_string(&life).unwrap(), kept);
        let beyond = kept.replace("-7", &i64::MAX.to_string());
        assert!(serde_json::from_str::<KeyLife>(&beyond).is_err());
    }
}
