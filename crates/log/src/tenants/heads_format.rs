//! The format of the file that records the newest head of each tenant log of a root log.
//!
//! It starts with 160 bytes that name its format. Each tenant has two slots of 80 bytes after that, at 160 times the
//! tenant's number:
//!
//! | bytes of a slot | content |
//! | --- | --- |
//! | 0 to 15 | ID |
//! | 16 to 23 | tick, big-endian |
//! | 24 to 31 | number of entries, big-endian |
//! | 32 to 63 | root hash |
//! | 64 | state, as in a directory (SPEC section 16.2) |
//! | 65 to 79 | the first 15 bytes of the SHA-256 of the root log's origin, the number, and bytes 0 to 64 |
//!
//! A head replaces the older one of the two, so that a write that a crash cuts off leaves the newer one. Slots without
//! a head are zero.

use std::collections::BTreeSet;
use std::io::{self, Read};

use countersign::hash::Hash;
use countersign::tenant::State;

use super::heads::SlotHead;
use super::memory::RememberedHead;
use super::tenant::TenantNumber;

/// The start of the file.
pub const VERSION: &[u8] = b"countersign/v1 heads\n";
/// The size of a slot, in bytes.
pub const SLOT_BYTES: usize = 80;
/// The size of a tenant's two slots, in bytes.
pub const PAIR_BYTES: usize = 2 * SLOT_BYTES;
const CHECKED_BYTES: usize = 65;

/// The content of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadsFileContent {
    /// True if the file exists.
    pub exists: bool,
    /// True if the file starts as it should.
    pub has_version: bool,
    /// The newest head of each tenant log, ascending by tenant.
    pub heads: Vec<RememberedHead>,
    /// The number of slots with neither a head nor zeros. A crash leaves a few at most.
    pub invalid: u64,
    /// For each number, 0 without a head, otherwise 1 plus the slot of the newest one.
    pub newest: Vec<u8>,
    /// The logs that ended with the head that they had before. Only a stopped log ends without an event.
    pub ended_without_event: BTreeSet<TenantNumber>,
}

/// Orders two heads of a tenant log.
fn order(remembered: &RememberedHead) -> (u64, u64) {
    (remembered.tick, remembered.head.size)
}

/// Returns the slot for a tenant's next head: the one without the newest. `newest` is that of [`HeadsFileContent`].
pub fn next_slot(newest: Option<&u8>) -> u8 {
    u8::from(newest == Some(&1))
}

/// Reads a file of the root log with this origin.
///
/// # Errors
/// If reading fails. Slots that are invalid are counted.
pub fn parse(mut file: impl Read, origin: &str) -> io::Result<HeadsFileContent> {
    let mut content = HeadsFileContent { exists: true, ..HeadsFileContent::default() };
    let mut pair = Vec::with_capacity(PAIR_BYTES);
    for number in 0.. {
        pair.clear();
        if file.by_ref().take(PAIR_BYTES as u64).read_to_end(&mut pair)? == 0 {
            break;
        }
        let Some(number) = TenantNumber::new(number) else {
            if number == 0 {
                content.has_version = pair.starts_with(VERSION);
                continue;
            }
            // Anything after the greatest number is no head.
            break;
        };
        let mut newest: Option<(u8, RememberedHead)> = None;
        let mut valid: Vec<SlotHead> = Vec::new();
        for (slot, bytes) in (0..).zip(pair.chunks(SLOT_BYTES)) {
            if bytes.iter().all(|byte| *byte == 0) {
                continue;
            }
            let decoded = decode(origin, number, bytes);
            valid.extend(decoded.map(|remembered| remembered.head));
            match decoded {
                Some(head) if newest.is_none_or(|(_, newest)| order(&newest) < order(&head)) => {
                    newest = Some((slot, head));
                }
                Some(_) => {}
                None => content.invalid += 1,
            }
        }
        content.newest.resize(number.get() as usize, 0);
        content.newest.push(newest.map_or(0, |(slot, _)| slot + 1));
        content.heads.extend(newest.map(|(_, head)| head));
        if let [one, other] = valid[..]
            && (one.id, one.size, one.root) == (other.id, other.size, other.root)
            && (one.state == State::Live) != (other.state == State::Live)
        {
            content.ended_without_event.insert(number);
        }
    }
    Ok(content)
}

/// Encodes a head as a slot.
pub fn encode(origin: &str, remembered: &RememberedHead) -> [u8; SLOT_BYTES] {
    let RememberedHead { tick, head: SlotHead { id, number, size, root, state } } = remembered;
    let mut slot = [0; SLOT_BYTES];
    slot[..16].copy_from_slice(id);
    slot[16..24].copy_from_slice(&tick.to_be_bytes());
    slot[24..32].copy_from_slice(&size.to_be_bytes());
    slot[32..64].copy_from_slice(&root.0);
    slot[64] = state.to_byte();
    let checksum = checksum(origin, *number, &slot[..CHECKED_BYTES]);
    slot[CHECKED_BYTES..].copy_from_slice(&checksum);
    slot
}

fn decode(origin: &str, number: TenantNumber, slot: &[u8]) -> Option<RememberedHead> {
    let slot: &[u8; SLOT_BYTES] = slot.try_into().ok()?;
    if slot[CHECKED_BYTES..] != checksum(origin, number, &slot[..CHECKED_BYTES]) {
        return None;
    }
    let number_at = |at: usize| Some(u64::from_be_bytes(slot[at..at + 8].try_into().ok()?));
    let head = SlotHead {
        id: slot[..16].try_into().ok()?,
        number,
        size: number_at(24)?,
        root: Hash(slot[32..64].try_into().ok()?),
        state: State::from_byte(slot[64])?,
    };
    Some(RememberedHead { tick: number_at(16)?, head })
}

fn checksum(origin: &str, number: TenantNumber, bytes: &[u8]) -> [u8; SLOT_BYTES - CHECKED_BYTES] {
    let Hash(hash) = Hash::digest(&[VERSION, origin.as_bytes(), b"\n", &number.get().to_be_bytes(), bytes]);
    let mut checksum = [0; SLOT_BYTES - CHECKED_BYTES];
    checksum.copy_from_slice(&hash[..SLOT_BYTES - CHECKED_BYTES]);
    checksum
}
