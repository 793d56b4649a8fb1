//! The copy of an anchor's directory that is kept apart from the database, with the root log's entries.
//!
//! It has the tick's secret and heads, from which the whole directory can be computed again:
//!
//! | bytes | content |
//! | --- | --- |
//! | 0 to 26 | `countersign/v1 anchor-copy` and a line end |
//! | 8 each | the tick, and its time in milliseconds since 1970, big-endian |
//! | 1, 32 | the depth, and the secret |
//! | 61 for each head | ID, number (4 bytes, big-endian), number of entries (8 bytes, big-endian), root hash, state |
//!
//! Nothing in it says that it is whole: the computed directory must be that of the root log's entry.

use countersign::hash::Hash;
use countersign::tenant::State;
use countersign::time::Time;

use super::directory::TickDirectory;
use super::heads::{HeadShards, SlotHead};
use super::secret::TickSecret;
use super::tenant::TenantNumber;

const VERSION: &[u8] = b"countersign/v1 anchor-copy\n";
const HEAD_BYTES: usize = 61;
/// The maximum depth of a directory that is computed again.
const MAX_DEPTH: u8 = 24;

/// Encodes the directory of an anchor.
pub(super) fn encode(directory: &TickDirectory) -> Vec<u8> {
    let mut bytes = VERSION.to_vec();
    bytes.extend(directory.tick().to_be_bytes());
    bytes.extend(directory.time().millis().to_be_bytes());
    bytes.push(directory.depth());
    bytes.extend(directory.secret().to_bytes());
    for SlotHead { id, number, size, root, state } in directory.heads().iter() {
        bytes.extend(id);
        bytes.extend(number.get().to_be_bytes());
        bytes.extend(size.to_be_bytes());
        bytes.extend(root.0);
        bytes.push(state.to_byte());
    }
    bytes
}

/// Computes the directory of an anchor of the root log with this origin again. `None` if the copy is not that of the root
/// log's entry at this tick.
pub fn decode(bytes: &[u8], origin: &str, tick: u64, entry: &str) -> Option<TickDirectory> {
    let mut rest = bytes.strip_prefix(VERSION)?;
    if u64::from_be_bytes(take(&mut rest)?) != tick {
        return None;
    }
    let time = Time::from_millis(i64::from_be_bytes(take(&mut rest)?))?;
    let [depth] = take(&mut rest)?;
    let secret = TickSecret::from_bytes(take(&mut rest)?);
    if depth > MAX_DEPTH || !rest.len().is_multiple_of(HEAD_BYTES) {
        return None;
    }
    let mut heads = Vec::with_capacity(rest.len() / HEAD_BYTES);
    while !rest.is_empty() {
        let id = take(&mut rest)?;
        let number = TenantNumber::new(u32::from_be_bytes(take(&mut rest)?))?;
        let size = u64::from_be_bytes(take(&mut rest)?);
        let root = Hash(take(&mut rest)?);
        let [state] = take(&mut rest)?;
        heads.push(SlotHead { id, number, size, root, state: State::from_byte(state)? });
    }
    let heads = HeadShards::new(depth).ok()?.with(heads).ok()?;
    let directory = TickDirectory::build(secret, origin, tick, time, heads).ok()?;
    (directory.entry().to_string() == entry).then_some(directory)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_computed_again_from_its_copy() {
        let number = |number| TenantNumber::new(number).expect("a number");
        let head = |first: u8, of: u32| SlotHead {
            id: [first; 16],
            number: number(of),
            size: of.into(),
            root: Hash([of as u8; 32]),
            state: State::Live,
        };
        let heads = HeadShards::new(9).and_then(|heads| heads.with([head(3, 1), head(0xc0, 2)]));
        let secret = TickSecret::from_bytes([5; 32]);
        let time = Time::from_millis(1_795_154_400_000).expect("a time");
        let directory = TickDirectory::build(secret, "log.example", 4095, time, heads.expect("slots"))
            .expect("a directory");
        let (bytes, entry) = (encode(&directory), directory.entry().to_string());
        let again = decode(&bytes, "log.example", 4095, &entry).expect("the same directory");
        assert_eq!(again.prove(&[3; 16]), directory.prove(&[3; 16]));
        assert!(decode(&bytes, "log.example", 8191, &entry).is_none());
        assert!(decode(&bytes, "other.example", 4095, &entry).is_none());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(
                decode(&damaged, "log.example", 4095, &entry).is_none()
                    || (76..).step_by(HEAD_BYTES).any(|first| (first + 16..first + 20).contains(&at)),
                "{at}"
            );
            assert!(decode(&bytes[..at], "log.example", 4095, &entry).is_none(), "{at}");
        }
    }
}
