//! Where a chain stands, and how far into a file its events go.

use countersign::base64;
use countersign::export::{Item, Line};
use countersign::hash::Hash;
use countersign::link::{ChainId, Link, signed_part};
use countersign::merkle::leaf_hash;
use countersign::note::VerifierKey;
use countersign::recorder::Position;
use countersign::time::Time;
use serde::{Deserialize, Serialize};

/// Where a chain stands after a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The key that signs it.
    pub key: VerifierKey,
    /// Its last link.
    pub position: Position,
    /// True if that is a close link.
    pub closed: bool,
}

/// How far the events of a followed file are in the outbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowPosition {
    /// The bytes up to and including the last line that was recorded.
    pub offset: u64,
    /// What the system calls the file, whatever its name is: device and inode.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<(u64, u64)>,
    /// The hash of the last bytes before the offset: a file that has others there is not the same any more.
    pub before: String,
    /// Where the file is, where that can be written down: one outbox follows one file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// What of an input that is not followed is here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub begun: Option<InputPosition>,
}

/// How much of an input is in the outbox that ends by itself, until a run has brought all of it to the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPosition {
    /// The hash of the file with its place: another file is not gone on with.
    pub input: String,
    /// How many of its events were recorded.
    pub events: u64,
}

/// One link of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkPlace {
    /// The chain.
    pub chain: ChainId,
    /// The link's number in it.
    pub seq: u64,
    /// True if the link is signed.
    pub signed: bool,
    /// True if an event comes with it.
    pub event: bool,
}

impl Head {
    /// The head after the link on this line, or why the link does not follow.
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
            // A chain whose times are yet to come is left where it is.
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

/// A head as the outbox's position file has it.
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
