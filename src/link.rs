//! Links: single lines of text that commit to an event and to the link before it (SPEC section 4).
//!
//! ```text
//! countersign/v1 open <origin> <vkey> <time> <nonce> <sig>
//! countersign/v1 event <chain> <seq> <time> <prev> <commit>[ <sig>]
//! countersign/v1 close <chain> <seq> <time> <prev> <sig>
//! ```
//!
//! A link's signature covers the bytes before the space that precedes it. `prev` is the leaf hash of the whole
//! previous link, so one signature vouches for every earlier link of its chain.
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

/// The beginning of every link, including the space.
pub const PREFIX: &str = "countersign/v1 ";

/// The hash domain of events, with its zero byte.
const COMMIT_DOMAIN: &[u8; 23] = b"countersign/payload/v1\0";

/// Maximum length of an event or close link, in bytes.
const MAX_NUMBERED: usize = 274;

/// An event's salt: 16 secret random bytes, new for every event. Deleting it erases the event.
pub type Salt = [u8; 16];

/// An Ed25519 signature: 64 bytes.
pub type Signature = [u8; 64];

/// Computes the commit of a link to its event: `H("countersign/payload/v1" ‖ 0x00 ‖ salt ‖ event)`.
pub fn commit(salt: &Salt, event: &[u8]) -> Hash {
    Hash::digest(&[&commit_prefix(salt), event])
}

/// Returns the bytes that are hashed before an event to compute its [commit](commit()): the domain, a zero
/// byte, and the salt.
pub fn commit_prefix(salt: &Salt) -> [u8; 39] {
    let mut prefix = [0; 39];
    prefix[..23].copy_from_slice(COMMIT_DOMAIN);
    prefix[23..].copy_from_slice(salt);
    prefix
}

/// A chain's ID: the first 16 bytes of the leaf hash of its open link, displayed as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, derive_more::Debug, derive_more::Display)]
#[debug("{self}")]
#[display("{}", hex::encode(_0))]
pub struct ChainId(pub [u8; 16]);

impl ChainId {
    /// Returns the ID of the chain that an open link with this leaf hash begins.
    pub fn of_open(leaf_hash: &Hash) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&leaf_hash.0[..16]);
        Self(id)
    }

    /// Parses 32 lower-case hex digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        hex::decode(text).map(Self)
    }
}

/// The first link of a chain, which names the emitter and the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLink {
    /// The chain that this link begins.
    pub chain: ChainId,
    /// The log's origin.
    pub origin: String,
    /// The emitter's key.
    pub key: VerifierKey,
    /// The time by the emitter's clock.
    pub time: Time,
    /// 16 random bytes that make the chain ID unique.
    pub nonce: [u8; 16],
    /// The signature, over the link without it.
    pub signature: Signature,
}

/// A link that commits to one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLink {
    /// The link's chain.
    pub chain: ChainId,
    /// The link's position in the chain, at least 1.
    pub seq: u64,
    /// The time by the emitter's clock.
    pub time: Time,
    /// The leaf hash of the previous link.
    pub prev: Hash,
    /// The commitment to the event (see [`commit`]).
    pub commit: Hash,
    /// The signature, if the link has one.
    pub signature: Option<Signature>,
}

/// The last link of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseLink {
    /// The link's chain.
    pub chain: ChainId,
    /// The link's position in the chain, at least 1.
    pub seq: u64,
    /// The time by the emitter's clock.
    pub time: Time,
    /// The leaf hash of the previous link.
    pub prev: Hash,
    /// The signature, over the link without it.
    pub signature: Signature,
}

/// A parsed link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// The first link of a chain.
    Open(Box<OpenLink>),
    /// A link that commits to an event.
    Event(EventLink),
    /// The last link of a chain.
    Close(CloseLink),
}

impl Link {
    /// Parses a link as a leaf contains it.
    ///
    /// # Errors
    /// [`Code::Link`] if the text does not match the grammar of SPEC section 4.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or_else(|| {
            Error::new(Code::Link, "the text is not a well-formed link")
                .with_hint("copy the whole link, without its line end")
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

    /// Returns the chain that the link belongs to or begins.
    pub fn chain(&self) -> ChainId {
        match self {
            Self::Open(link) => link.chain,
            Self::Event(link) => link.chain,
            Self::Close(link) => link.chain,
        }
    }

    /// Returns the position in the chain; 0 for an open link.
    pub fn seq(&self) -> u64 {
        match self {
            Self::Open(_) => 0,
            Self::Event(link) => link.seq,
            Self::Close(link) => link.seq,
        }
    }

    /// Returns the time by the emitter's clock.
    pub fn time(&self) -> Time {
        match self {
            Self::Open(link) => link.time,
            Self::Event(link) => link.time,
            Self::Close(link) => link.time,
        }
    }

    /// Returns the leaf hash of the previous link; `None` for an open link.
    pub fn prev(&self) -> Option<&Hash> {
        match self {
            Self::Open(_) => None,
            Self::Event(link) => Some(&link.prev),
            Self::Close(link) => Some(&link.prev),
        }
    }

    /// Returns the signature, if the link has one.
    pub fn signature(&self) -> Option<&Signature> {
        match self {
            Self::Open(link) => Some(&link.signature),
            Self::Event(link) => link.signature.as_ref(),
            Self::Close(link) => Some(&link.signature),
        }
    }
}

/// The hashes that bind a link to its chain, and its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkAttestation {
    /// The leaf hash of the link.
    pub hash: Hash,
    /// The leaf hash of the link before it; zeros for an open link.
    pub prev: Hash,
    /// The link's own signature. `None` if the signature of a later link covers it.
    pub signature: Option<Box<Signature>>,
}

/// Returns the part of a signed link's text that its signature covers.
pub fn signed_part(text: &str) -> &str {
    text.rsplit_once(' ').map_or(text, |(signed, _)| signed)
}

type Numbered<'a> = (ChainId, u64, Time, Hash, &'a [u8]);

/// Parses `<chain> <seq> <time> <prev> ` and returns what follows.
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

/// Parses a link's position, `CHAIN/SEQ`: the chain ID and the link's number in the chain.
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

/// Writes an open link without its signature.
pub fn write_open(origin: &str, key: &VerifierKey, time: Time, nonce: &[u8; 16]) -> String {
    format!("{PREFIX}open {origin} {key} {time} {}", base64::encode(nonce))
}

/// Writes an event link without a signature.
pub fn write_event(chain: ChainId, seq: u64, time: Time, prev: &Hash, commit: &Hash) -> String {
    let mut text = write_numbered("event", chain, seq, time, prev);
    text.push(' ');
    base64::encode_to(commit.0, &mut text);
    text
}

/// Writes a close link without its signature.
pub fn write_close(chain: ChainId, seq: u64, time: Time, prev: &Hash) -> String {
    write_numbered("close", chain, seq, time, prev)
}

/// Not `format!`, which is slower: this runs for every event.
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
    fn a_position_is_a_chain_and_a_decimal_number() {
        let chain = "da7f84a510cb84b8cbb5b74a63c306ec";
        assert!(place(&format!("{chain}/7")).is_some() && place(&format!("{chain}/0")).is_some());
        for text in [chain, "x/1", &format!("{chain}/"), &format!("{chain}/01"), &format!("{chain}/1/2")] {
            assert!(place(text).is_none(), "{text}");
        }
    }
}
