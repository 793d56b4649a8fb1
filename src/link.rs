//! Links: one line of text each, committing to an event and to the link before it (SPEC section 4).
//!
//! ```text
//! countersign/v1 open <origin> <vkey> <time> <nonce> <sig>
//! countersign/v1 event <chain> <seq> <time> <prev> <commit>[ <sig>]
//! countersign/v1 close <chain> <seq> <time> <prev> <sig>
//! ```
//!
//! A link's signature covers its bytes before the space that precedes it, and `prev` is the leaf hash of the
//! whole link before it, so that one signature vouches for every earlier link of its chain.
//!
//! ```
//! use countersign::link::{Link, commit};
//!
//! let text = "countersign/v1 event da7f84a510cb84b8cbb5b74a63c306ec 1 2026-11-20T06:00:01.000Z \
//!             2n+EpRDLhLjLtbdKY8MG7PNiM4fWQMPu3SZVy/CVOkk= T9eQIVpB/PtolM52DdBhQFPZcLntqmFl+FZYb4KHmqw=";
//! let link = Link::parse(text)?;
//! assert_eq!((link.chain().to_string().as_str(), link.seq()), ("da7f84a510cb84b8cbb5b74a63c306ec", 1));
//!
//! let salt = [0; 16];
//! assert_eq!(commit(&salt, b"{}").to_string(), "b4L0IYlHgo6kEFji73fEZX5yZUM5EPaYh9vL22kXTfk=");
//! # Ok::<(), countersign::Error>(())
//! ```

use crate::base64;
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::hex;
use crate::integer;
use crate::merkle::leaf_hash;
use crate::note::{KeyType, VerifierKey, check_name};
use crate::time::Time;

/// What every link begins with, its space included.
pub const PREFIX: &str = "countersign/v1 ";

/// The domain in which events are hashed, and its zero byte.
const COMMIT_DOMAIN: &[u8; 23] = b"countersign/payload/v1\0";

/// As many bytes as an event or close link has at most.
const MAX_NUMBERED: usize = 274;

/// An event's salt: 16 secret random bytes, new for every event. Who deletes it erases the event.
pub type Salt = [u8; 16];

/// An Ed25519 signature: 64 bytes.
pub type Signature = [u8; 64];

/// `H("countersign/payload/v1" ‖ 0x00 ‖ salt ‖ event)`: what a link says of its event.
pub fn commit(salt: &Salt, event: &[u8]) -> Hash {
    Hash::of(&[&commit_prefix(salt), event])
}

/// What is hashed before an event to give its [commit](commit()): the domain, a zero byte and the salt.
pub fn commit_prefix(salt: &Salt) -> [u8; 39] {
    let mut prefix = [0; 39];
    prefix[..23].copy_from_slice(COMMIT_DOMAIN);
    prefix[23..].copy_from_slice(salt);
    prefix
}

/// A chain's name: the first 16 bytes of the leaf hash of its open link, shown as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, derive_more::Debug, derive_more::Display)]
#[debug("{self}")]
#[display("{}", hex::encode(_0))]
pub struct ChainId(pub [u8; 16]);

impl ChainId {
    /// The chain that an open link with this leaf hash begins.
    pub fn of_open(leaf_hash: &Hash) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&leaf_hash.0[..16]);
        Self(id)
    }

    /// Reads 32 lower-case hex digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        hex::decode(text).map(Self)
    }
}

/// The link that begins a chain: whose it is and for which log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLink {
    /// The chain that this link begins.
    pub chain: ChainId,
    /// The log's origin.
    pub origin: String,
    /// The emitter's key.
    pub key: VerifierKey,
    /// The emitter's clock.
    pub time: Time,
    /// 16 random bytes that make the chain's name its own.
    pub nonce: [u8; 16],
    /// The signature, over the link without it.
    pub signature: Signature,
}

/// A link that commits to one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLink {
    /// The chain it belongs to.
    pub chain: ChainId,
    /// Its place there, 1 or more.
    pub seq: u64,
    /// The emitter's clock.
    pub time: Time,
    /// The leaf hash of the link before it.
    pub prev: Hash,
    /// What it says of its event (see [`commit`]).
    pub commit: Hash,
    /// The signature, where this link has one.
    pub signature: Option<Signature>,
}

/// The link that ends a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseLink {
    /// The chain it belongs to.
    pub chain: ChainId,
    /// Its place there, 1 or more.
    pub seq: u64,
    /// The emitter's clock.
    pub time: Time,
    /// The leaf hash of the link before it.
    pub prev: Hash,
    /// The signature, over the link without it.
    pub signature: Signature,
}

/// One link, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It begins a chain.
    Open(Box<OpenLink>),
    /// It commits to an event.
    Event(EventLink),
    /// It ends a chain.
    Close(CloseLink),
}

impl Link {
    /// Reads a link as it stands in a log's leaf.
    ///
    /// # Errors
    /// [`Code::Link`] for text that has not the grammar of SPEC section 4.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or_else(|| {
            Error::new(Code::Link, "not a well-formed link")
                .with_hint("a link is copied whole, without its line end")
        })
    }

    #[inline]
    pub(crate) fn read(text: &str) -> Option<Self> {
        let fields = text.as_bytes().strip_prefix(PREFIX.as_bytes())?;
        if let Some(fields) = fields.strip_prefix(b"event ") {
            let (chain, seq, time, prev, rest) = numbered(fields)?;
            let commit = Hash::from_base64(rest.get(..44)?)?;
            let signature = match rest.get(44..)? {
                [] => None,
                [b' ', signature @ ..] => Some(base64::decode_array(signature)?),
                _ => return None,
            };
            Some(Self::Event(EventLink { chain, seq, time, prev, commit, signature }))
        } else if let Some(fields) = fields.strip_prefix(b"close ") {
            let (chain, seq, time, prev, signature) = numbered(fields)?;
            let signature = base64::decode_array(signature)?;
            Some(Self::Close(CloseLink { chain, seq, time, prev, signature }))
        } else {
            read_open(text).map(|open| Self::Open(Box::new(open)))
        }
    }

    /// The chain it belongs to or begins.
    pub fn chain(&self) -> ChainId {
        match self {
            Self::Open(link) => link.chain,
            Self::Event(link) => link.chain,
            Self::Close(link) => link.chain,
        }
    }

    /// Its place in its chain; 0 for an open link.
    pub fn seq(&self) -> u64 {
        match self {
            Self::Open(_) => 0,
            Self::Event(link) => link.seq,
            Self::Close(link) => link.seq,
        }
    }

    /// The emitter's clock.
    pub fn time(&self) -> Time {
        match self {
            Self::Open(link) => link.time,
            Self::Event(link) => link.time,
            Self::Close(link) => link.time,
        }
    }

    /// The leaf hash of the link before it; none for an open link.
    pub fn prev(&self) -> Option<&Hash> {
        match self {
            Self::Open(_) => None,
            Self::Event(link) => Some(&link.prev),
            Self::Close(link) => Some(&link.prev),
        }
    }

    /// Its signature, where it has one.
    pub fn signature(&self) -> Option<&Signature> {
        match self {
            Self::Open(link) => Some(&link.signature),
            Self::Event(link) => link.signature.as_ref(),
            Self::Close(link) => Some(&link.signature),
        }
    }
}

/// The part of a signed link's text that its signature covers.
pub fn signed_part(text: &str) -> &str {
    text.rsplit_once(' ').map_or(text, |(signed, _)| signed)
}

type Numbered<'a> = (ChainId, u64, Time, Hash, &'a [u8]);

/// Reads `<chain> <seq> <time> <prev> ` and gives what follows.
#[inline]
fn numbered(fields: &[u8]) -> Option<Numbered<'_>> {
    let chain = ChainId::parse(fields.get(..32)?)?;
    let rest = fields[32..].strip_prefix(b" ")?;
    let length = rest.iter().take(17).position(|&byte| byte == b' ')?;
    let seq = integer::parse(&rest[..length]).filter(|&seq| seq > 0)?;
    let rest = &rest[length + 1..];
    let time = Time::parse(rest.get(..24)?)?;
    let rest = rest[24..].strip_prefix(b" ")?;
    let prev = Hash::from_base64(rest.get(..44)?)?;
    Some((chain, seq, time, prev, rest[44..].strip_prefix(b" ")?))
}

/// Reads a link's place, `CHAIN/SEQ`: the chain's name and the link's number there.
///
/// ```
/// use countersign::link::place;
///
/// let (chain, seq) = place("da7f84a510cb84b8cbb5b74a63c306ec/7").unwrap();
/// assert_eq!((chain.to_string().as_str(), seq), ("da7f84a510cb84b8cbb5b74a63c306ec", 7));
/// ```
pub fn place(text: &str) -> Option<(ChainId, u64)> {
    let (chain, seq) = text.split_once('/')?;
    Some((ChainId::parse(chain.as_bytes())?, integer::parse(seq.as_bytes())?))
}

fn read_open(text: &str) -> Option<OpenLink> {
    let mut fields = text.strip_prefix(PREFIX)?.strip_prefix("open ")?.split(' ');
    let origin = fields.next()?;
    check_name(origin).ok()?;
    let key: VerifierKey = fields.next()?.parse().ok()?;
    let time = Time::parse(fields.next()?.as_bytes())?;
    let nonce = base64::decode_array(fields.next()?)?;
    let signature = base64::decode_array(fields.next()?)?;
    if fields.next().is_some() || key.key_type() != KeyType::Ed25519 {
        return None;
    }
    let chain = ChainId::of_open(&leaf_hash(text.as_bytes()));
    Some(OpenLink { chain, origin: origin.into(), key, time, nonce, signature })
}

/// The text of an open link, still to be signed.
pub fn write_open(origin: &str, key: &VerifierKey, time: Time, nonce: &[u8; 16]) -> String {
    format!("{PREFIX}open {origin} {key} {time} {}", base64::encode(nonce))
}

/// The text of an event link, as it stands unsigned.
pub fn write_event(chain: ChainId, seq: u64, time: Time, prev: &Hash, commit: &Hash) -> String {
    let mut text = write_numbered("event", chain, seq, time, prev);
    text.push(' ');
    base64::encode_to(commit.0, &mut text);
    text
}

/// The text of a close link, still to be signed.
pub fn write_close(chain: ChainId, seq: u64, time: Time, prev: &Hash) -> String {
    write_numbered("close", chain, seq, time, prev)
}

/// Without `format!`: this is done for every event.
fn write_numbered(kind: &str, chain: ChainId, seq: u64, time: Time, prev: &Hash) -> String {
    let mut text = String::with_capacity(MAX_NUMBERED);
    for part in [PREFIX, kind, " "] {
        text.push_str(part);
    }
    hex::push(&chain.0, &mut text);
    for part in [" ", &seq.to_string(), " ", &time.to_string(), " "] {
        text.push_str(part);
    }
    base64::encode_to(prev.0, &mut text);
    text
}

/// Appends a signature to a link's text.
pub fn append_signature(text: &mut String, signature: &Signature) {
    text.push(' ');
    base64::encode_to(signature, text);
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_place_is_a_chain_and_a_decimal() {
        let chain = "da7f84a510cb84b8cbb5b74a63c306ec";
        assert!(place(&format!("{chain}/7")).is_some() && place(&format!("{chain}/0")).is_some());
        for text in [chain, "x/1", &format!("{chain}/"), &format!("{chain}/01"), &format!("{chain}/1/2")] {
            assert!(place(text).is_none(), "{text}");
        }
    }
}
