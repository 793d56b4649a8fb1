//! The state of a chain, and the position in a file up to which its events were recorded.

use countersign::base64;
use countersign::export::{Item, Line};
use countersign::hash::Hash;
use countersign::link::{ChainId, Link, signed_part};
use countersign::merkle::leaf_hash;
use countersign::note::VerifierKey;
use countersign::recorder::Position;
use countersign::time::Time;
use serde::{Deserialize, Serialize};

/// The state of a chain after a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The key that signs the chain.
    pub key: VerifierKey,
    /// The last link.
    pub position: Position,
    /// True if that is a close link.
    pub closed: bool,
}

/// The position in a followed file up to which its events are in the outbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowPosition {
    /// The bytes up to and including the last line that was recorded.
    pub offset: u64,
    /// The system's identity of the file, independent of its name: device and inode.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<(u64, u64)>,
    /// The hash of the last bytes before the offset. If they differ, it is not the same file.
    pub before: String,
    /// The path of the file, if it is UTF-8: one outbox follows one file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// The progress in an input that isn't followed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub begun: Option<InputPosition>,
}

/// The number of events of a finite input in the outbox, until a run has delivered all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPosition {
    /// The hash of the file and its path, so that another file is not continued.
    pub input: String,
    /// The number of its events that were recorded.
    pub events: u64,
}

/// A link of a segment, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkPlace {
    /// The chain.
    pub chain: ChainId,
    /// The link's number in the chain.
    pub seq: u64,
    /// True if the link is signed.
    pub signed: bool,
    /// True if the segment contains the link's event.
    pub event: bool,
}

impl Head {
    /// Returns the head after the link on this line, or the reason why the link doesn't continue the chain.
    pub(super) fn after(
        before: Option<&Self>,
        line: &str,
        origin: &str,
    ) -> Result<(Self, LinkPlace), &'static str> {
        let parsed = Line::parse(line).map_err(|_| "the line is malformed")?;
        let Item::Link { text, link, payload, .. } = parsed.item else {
            return Err("the line is not a link");
        };
        let last = leaf_hash(text.as_bytes());
        let position = Position { chain: link.chain(), seq: link.seq(), last, time: link.time() };
        let head = match (&link, before) {
            (Link::Open(open), None) => Self { key: open.key.clone(), position, closed: false },
            // A chain with times in the future is left unclosed for one with earlier times.
            (Link::Open(open), Some(before)) if before.closed || open.time < before.position.time => {
                Self { key: open.key.clone(), position, closed: false }
            }
            (Link::Event(_) | Link::Close(_), Some(before)) if before.is_followed_by(&link) => {
                Self { key: before.key.clone(), position, closed: matches!(link, Link::Close(_)) }
            }
            _ => return Err("the link does not follow the one before it"),
        };
        if matches!(&link, Link::Open(open) if open.origin != origin) {
            return Err("the chain is for another log");
        }
        if let Some(signature) = link.signature()
            && !head.key.verify(signed_part(&text).as_bytes(), signature)
        {
            return Err("the signature is invalid");
        }
        let place = LinkPlace {
            chain: link.chain(),
            seq: link.seq(),
            signed: link.signature().is_some(),
            event: payload.is_some(),
        };
        Ok((head, place))
    }

    fn is_followed_by(&self, link: &Link) -> bool {
        !self.closed
            && link.chain() == self.position.chain
            && link.seq() == self.position.seq + 1
            && link.prev() == Some(&self.position.last)
            && link.time() >= self.position.time
    }
}

/// The form of a head in the position file.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredHead {
    key: String,
    chain: String,
    seq: u64,
    last: String,
    time: String,
    closed: bool,
}

impl From<&Head> for StoredHead {
    fn from(head: &Head) -> Self {
        Self {
            key: head.key.to_string(),
            chain: head.position.chain.to_string(),
            seq: head.position.seq,
            last: base64::encode(head.position.last.0),
            time: head.position.time.to_string(),
            closed: head.closed,
        }
    }
}

impl StoredHead {
    pub(super) fn read(&self) -> Option<Head> {
        let position = Position {
            chain: ChainId::parse(self.chain.as_bytes())?,
            seq: self.seq,
            last: Hash::from_base64(&self.last)?,
            time: Time::parse(self.time.as_bytes())?,
        };
        Some(Head { key: self.key.parse().ok()?, position, closed: self.closed })
    }
}
