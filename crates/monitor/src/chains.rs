//! The log's leaves as they come: chains that must go on, keys that must be allowed to sign, key notes that must act.

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
    BAD_LINK, BAD_NOTE, FORK, Finding, FindingKind, Findings, GAP, NO_OPEN, OPAQUE, Place, UNSIGNED,
};

/// The first line of a key note.
const NOTE: &str = "countersign/v1 keys\n";

/// What the log's leaves say so far. In memory and in its file it is bounded by the chains that are open, and a few
/// bytes for each that is closed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Chains {
    open: BTreeMap<String, Chain>,
    closed: BTreeSet<String>,
    lives: BTreeMap<String, KeyLife>,
    /// The latest time of a link since it was asked for, and the link's index.
    #[serde(skip)]
    latest: Option<(Time, u64)>,
}

/// A chain that is open.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Chain {
    key: String,
    next: u64,
    last: String,
    time: String,
    /// The first link that no signature covers yet: its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsigned: Option<u64>,
    /// What was granted to its key before it was opened.
    #[serde(default, skip_serializing_if = "Windows::is_empty", with = "windows")]
    windows: Windows,
    /// Codes that are told once a chain, and were.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    told: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct KeyLife {
    #[serde(with = "windows")]
    windows: Windows,
    revoked: bool,
}

/// What the leaves are judged by.
pub(crate) struct Judge<'a> {
    pub(crate) origin: &'a str,
    pub(crate) trust: &'a Trust,
    rules: Rules,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(origin: &'a str, trust: &'a Trust) -> Self {
        Self { origin, trust, rules: Rules::new(origin, Some(trust.clone())) }
    }
}

/// A link and where it is.
struct At<'a> {
    index: u64,
    text: &'a str,
    link: &'a Link,
}

impl At<'_> {
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
    /// Takes the next leaf.
    pub(crate) fn leaf(&mut self, judge: &Judge<'_>, index: u64, leaf: &[u8], findings: &mut Findings) {
        let text = str::from_utf8(leaf).unwrap_or_default();
        if let Ok(link) = Link::parse(text) {
            self.link(judge, &At { index, text, link: &link }, findings);
        } else if let Ok(note) = KeyNote::parse(text) {
            self.note(judge, index, text, &note, findings);
        } else if text.starts_with(NOTE) {
            findings.add(
                Finding::new(BAD_NOTE, "an entry that begins as a key note is malformed").at_leaf(index),
            );
        } else if text.starts_with(PREFIX) {
            findings
                .add(Finding::new(BAD_LINK, "an entry that begins as a link is malformed").at_leaf(index));
        } else {
            findings.add(Finding::new(OPAQUE, "an entry is neither a link nor a key note").at_leaf(index));
        }
    }

    fn link(&mut self, judge: &Judge<'_>, at: &At<'_>, findings: &mut Findings) {
        let id = at.link.chain().to_string();
        self.latest = self.latest.max(Some((at.link.time(), at.index)));
        if self.closed.contains(&id) {
            findings.add(at.finding(Code::ChainAfterClose, "a link comes after the chain's close link"));
            return;
        }
        match (at.link, self.open.contains_key(&id)) {
            (Link::Open(_), true) => findings.add(at.finding(FORK, "the chain's open link is here twice")),
            (Link::Open(open), false) => self.open_link(judge, at, open, id, findings),
            (_, false) => {
                findings.add(at.finding(NO_OPEN, "the chain's open link is not in the log before it"));
            }
            (_, true) => self.next_link(judge, at, id, findings),
        }
    }

    fn open_link(
        &mut self,
        judge: &Judge<'_>,
        at: &At<'_>,
        open: &OpenLink,
        id: String,
        findings: &mut Findings,
    ) {
        if open.origin != judge.origin {
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
            told: BTreeSet::new(),
        };
        self.check_signature(at, &open.key, findings);
        self.check_key(judge, at, &open.key, &mut chain, findings);
        self.open.insert(id, chain);
    }

    fn next_link(&mut self, judge: &Judge<'_>, at: &At<'_>, id: String, findings: &mut Findings) {
        let Some(mut chain) = self.open.remove(&id) else { return };
        let link = at.link;
        if link.seq() < chain.next {
            findings.add(at.finding(FORK, format!("the chain has a link {} already", link.seq())));
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
            self.check_key(judge, at, &key, &mut chain, findings);
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

    #[allow(clippy::unused_self, reason = "it is one of the checks")]
    fn check_signature(&self, at: &At<'_>, key: &VerifierKey, findings: &mut Findings) {
        if let Some(signature) = at.link.signature()
            && !key.verify(signed_part(at.text).as_bytes(), signature)
        {
            findings.add(at.finding(Code::SignatureInvalid, "the signature is not that of the chain's key"));
        }
    }

    /// Whether the key may sign at that time, told once a chain.
    fn check_key(
        &self,
        judge: &Judge<'_>,
        at: &At<'_>,
        key: &VerifierKey,
        chain: &mut Chain,
        findings: &mut Findings,
    ) {
        let time = at.link.time();
        let revoked = self.lives.get(key.as_str()).is_some_and(|life| life.revoked)
            || judge
                .trust
                .revocations()
                .iter()
                .any(|line| line.key == *key && line.since.is_none_or(|since| since <= time));
        let (kind, message) = if revoked {
            (Code::KeyRevoked, "the chain goes on though its key is revoked")
        } else if judge.trust.emitters().contains(key) {
            return;
        } else if chain.windows.is_empty() {
            (Code::KeyUnknown, "the chain's key is neither an emitter of the trust file nor was it granted")
        } else {
            match chain.windows.validity(chain.windows.len(), time) {
                Validity::Within => return,
                Validity::Expired => (Code::KeyExpired, "the link is later than its key was granted for"),
                Validity::NotYetValid => {
                    (Code::KeyNotYetValid, "the link is earlier than its key was granted for")
                }
            }
        };
        if chain.told.insert(kind.as_str().to_owned()) {
            let mut finding = at.finding(kind, message);
            finding.place.key = Some(key.to_string());
            findings.add(finding);
        }
    }

    /// A key note acts as the log's own rules say.
    fn note(&mut self, judge: &Judge<'_>, index: u64, text: &str, note: &KeyNote, findings: &mut Findings) {
        let mut growth = PendingBatch::new(index);
        let acts = judge.rules.check_note(note).and_then(|()| {
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

    /// Chains whose last link no signature covers, at a checkpoint.
    pub(crate) fn unsigned(&mut self, findings: &mut Findings) {
        for (id, chain) in &mut self.open {
            let Some(index) = chain.unsigned else { continue };
            if chain.told.insert(format!("{} {index}", UNSIGNED.code)) {
                let message = "no signature covers the chain's last links in the checkpoint";
                let mut finding = Finding::new(UNSIGNED, message).at_leaf(index);
                finding.place.chain = ChainId::parse(id.as_bytes());
                findings.add(finding);
            }
        }
    }

    /// The latest time of a link since this was asked before, and the link's index.
    pub(crate) fn take_latest(&mut self) -> Option<(Time, u64)> {
        self.latest.take()
    }

    /// How many chains are open.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }
}

/// What key notes are judged by: the keys' lives so far.
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

/// Windows as the monitor's file keeps them: pairs of milliseconds from the epoch.
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
    fn what_was_granted_is_kept_as_it_was() {
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
