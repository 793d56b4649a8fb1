//! The part common to all engines: assigning messages to lanes.

use core::array;

use super::engine::{Engine, LANES};
use super::padded::{self, Buffer, Padded};
use super::{hash_message, hash_node};
use crate::hash::{Hash, Message};

/// The initial state (FIPS 180-4 section 5.3.3).
pub(super) const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The round constants (FIPS 180-4 section 4.2.2).
#[rustfmt::skip]
pub(super) const ROUND_CONSTANTS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// Number of messages sorted at a time. An index into them is a `u8`.
const BATCH: usize = 256;

/// Messages with this many blocks or more are hashed alone: their lengths rarely match, and a very long one would
/// keep the other lanes idle.
const LONG_BLOCKS: usize = 64;

/// Up to this many leftover messages are hashed faster one by one than in lanes that are otherwise idle.
const MAX_ALONE: usize = LANES / 2;

pub(super) fn hash_many(engine: Engine, messages: &[Message<'_>], out: &mut Vec<Hash>) {
    for batch in messages.chunks(BATCH) {
        let start = out.len();
        out.resize(start + batch.len(), Hash([0; 32]));
        hash_batch(engine, batch, &mut out[start..]);
    }
}

fn hash_batch(engine: Engine, batch: &[Message<'_>], out: &mut [Hash]) {
    let mut order = [0; BATCH];
    let (short, long) = sort_by_blocks(batch, &mut order);
    let (groups, rest) = short.as_chunks::<LANES>();
    for group in groups {
        hash_group(engine, batch, *group, out);
    }
    if rest.len() > MAX_ALONE {
        // Idle lanes repeat the last message.
        let group = array::from_fn(|lane| rest[lane.min(rest.len() - 1)]);
        hash_group(engine, batch, group, out);
    } else {
        hash_alone(batch, rest, out);
    }
    hash_alone(batch, long, out);
}

fn hash_alone(batch: &[Message<'_>], indices: &[u8], out: &mut [Hash]) {
    for &index in indices {
        out[usize::from(index)] = hash_message(&batch[usize::from(index)]);
    }
}

/// Returns the indices of the messages in ascending order of blocks, split where messages reach [`LONG_BLOCKS`].
fn sort_by_blocks<'a>(batch: &[Message<'_>], order: &'a mut [u8; BATCH]) -> (&'a [u8], &'a [u8]) {
    let mut ends = [0_u16; LONG_BLOCKS + 1];
    for message in batch {
        ends[blocks(message).min(LONG_BLOCKS)] += 1;
    }
    let mut end = 0;
    for bucket in &mut ends {
        end += *bucket;
        *bucket = end;
    }
    for (index, message) in (0..=u8::MAX).zip(batch).rev() {
        let end = &mut ends[blocks(message).min(LONG_BLOCKS)];
        *end -= 1;
        order[usize::from(*end)] = index;
    }
    order[..batch.len()].split_at(usize::from(ends[LONG_BLOCKS]))
}

fn blocks(message: &Message<'_>) -> usize {
    if message.prefix.len() > 64 {
        LONG_BLOCKS
    } else {
        padded::count(message.prefix.len() + message.body.len())
    }
}

fn hash_group(engine: Engine, batch: &[Message<'_>], group: [u8; LANES], out: &mut [Hash]) {
    let group = group.map(usize::from);
    let ends = group.map(|index| blocks(&batch[index]));
    let mut buffers = [Buffer::EMPTY; LANES];
    let mut buffers = buffers.each_mut().into_iter();
    let messages = group.map(|index| Padded::new(&batch[index], buffers.next().expect("one a lane")));
    let mut state = engine.start();
    for at in 0..ends[LANES - 1] {
        engine.compress(&mut state, messages.each_ref().map(|message| message.block(at)));
        if ends.contains(&(at + 1)) {
            let hashes = engine.hashes(&state);
            for lane in (0..LANES).filter(|&lane| ends[lane] == at + 1) {
                out[group[lane]] = Hash(hashes[lane]);
            }
        }
    }
}

pub(super) fn hash_nodes(engine: Engine, pairs: &[[Hash; 2]], parents: &mut Vec<Hash>) {
    // 0x01 ‖ left ‖ right is 65 bytes: the right hash's last byte begins a second block.
    let mut first = [[1; 64]; LANES];
    let mut second = [[0; 64]; LANES];
    for block in &mut second {
        block[1] = 0x80;
        block[56..].copy_from_slice(&padded::bit_length(65));
    }
    let (groups, rest) = pairs.as_chunks::<LANES>();
    for group in groups {
        for (lane, [left, right]) in group.iter().enumerate() {
            first[lane][1..33].copy_from_slice(&left.0);
            first[lane][33..].copy_from_slice(&right.0[..31]);
            second[lane][0] = right.0[31];
        }
        let mut state = engine.start();
        engine.compress(&mut state, first.each_ref());
        engine.compress(&mut state, second.each_ref());
        parents.extend(engine.hashes(&state).map(Hash));
    }
    parents.extend(rest.iter().map(hash_node));
}
