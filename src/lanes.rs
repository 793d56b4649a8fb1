//! SHA-256 of several messages side by side.
//!
//! One message's blocks depend on each other: the processor waits for the end of a round before it
//! can begin the next. The links, events and nodes of a log do not depend on each other, so some
//! of them are hashed in step: two where the processor has SHA instructions (x86-64, found out at
//! run time), four in WebAssembly's 128-bit vectors. Elsewhere, and for long or left-over
//! messages, it is sha2, one message after the other.
//!
//! Lanes in step take as long as the longest of them. Messages are therefore put into lanes with
//! others of the same number of blocks, as far as there are any.

#[cfg(target_arch = "x86_64")]
mod sha_ni;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

#[cfg(target_arch = "x86_64")]
use sha_ni as engine;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use simd128 as engine;

use crate::hash::{Hash, Message};

type Block = [u8; 64];

/// FIPS 180-4 section 5.3.3.
#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// FIPS 180-4 section 4.2.2.
#[rustfmt::skip]
#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
const ROUND_CONSTANTS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// Appends `H(prefix ‖ body)` of every message to `out`, in order.
pub(crate) fn hash_many(messages: &[Message<'_>], out: &mut Vec<Hash>) {
    #[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
    if let Some(engine) = engine::Engine::detect() {
        return in_step::hash_many(engine, messages, out);
    }
    out.extend(messages.iter().map(|message| Hash::of(&[message.prefix, message.body])));
}

/// Appends `H(0x01 ‖ left ‖ right)` of every pair of children to `parents`, in order.
pub(crate) fn hash_nodes(children: &[Hash], parents: &mut Vec<Hash>) {
    let (pairs, _) = children.as_chunks();
    #[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
    if let Some(engine) = engine::Engine::detect() {
        return in_step::hash_nodes(engine, pairs, parents);
    }
    parents.extend(pairs.iter().map(hash_node));
}

fn hash_node([left, right]: &[Hash; 2]) -> Hash {
    Hash::of(&[&[1], &left.0, &right.0])
}

/// What is the same for every engine: which messages share the lanes, and their padded blocks.
#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod in_step {
    use core::array;

    use super::{Block, engine, hash_node};
    use crate::hash::{Hash, Message};
    use engine::{Engine, LANES};

    /// How many messages are sorted at a time; an index into them is a `u8`.
    const BATCH: usize = 256;

    /// Messages of this many blocks or more are hashed alone: they are rarely of one length, and
    /// one very long among shorter ones would keep the other lanes idle.
    const LONG: usize = 64;

    /// So few messages are sooner hashed alone than in lanes that are otherwise idle.
    const FEW: usize = LANES / 2;

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
        if rest.len() > FEW {
            // The idle lanes repeat the last message.
            let group = array::from_fn(|lane| rest[lane.min(rest.len() - 1)]);
            hash_group(engine, batch, group, out);
        } else {
            hash_alone(batch, rest, out);
        }
        hash_alone(batch, long, out);
    }

    fn hash_alone(batch: &[Message<'_>], indices: &[u8], out: &mut [Hash]) {
        for &index in indices {
            let message = &batch[usize::from(index)];
            out[usize::from(index)] = Hash::of(&[message.prefix, message.body]);
        }
    }

    /// The indices of the messages, those of the fewest blocks first, parted where messages begin
    /// to be [`LONG`].
    fn sort_by_blocks<'a>(batch: &[Message<'_>], order: &'a mut [u8; BATCH]) -> (&'a [u8], &'a [u8]) {
        let mut ends = [0_u16; LONG + 1];
        for message in batch {
            ends[blocks(message).min(LONG)] += 1;
        }
        let mut end = 0;
        for bucket in &mut ends {
            end += *bucket;
            *bucket = end;
        }
        for (index, message) in (0..=u8::MAX).zip(batch).rev() {
            let end = &mut ends[blocks(message).min(LONG)];
            *end -= 1;
            order[usize::from(*end)] = index;
        }
        order[..batch.len()].split_at(usize::from(ends[LONG]))
    }

    fn hash_group(engine: Engine, batch: &[Message<'_>], group: [u8; LANES], out: &mut [Hash]) {
        let messages = group.map(|index| &batch[usize::from(index)]);
        let counts = messages.map(blocks);
        let mut state = engine.start();
        let mut buffers = [[0; 64]; LANES];
        for at in 0..counts[LANES - 1] {
            let mut buffer = buffers.iter_mut();
            let blocks = array::from_fn(|lane| {
                let buffer = buffer.next().expect("one for each lane");
                block(messages[lane], at, counts[lane], buffer)
            });
            engine.compress(&mut state, blocks);
            for lane in 0..LANES {
                if at + 1 == counts[lane] {
                    out[usize::from(group[lane])] = Hash(engine.hash(&state, lane));
                }
            }
        }
    }

    fn len(message: &Message<'_>) -> usize {
        message.prefix.len() + message.body.len()
    }

    /// How many blocks the message is with its padding: 0x80, zeros and 8 bytes of length.
    fn blocks(message: &Message<'_>) -> usize {
        len(message) / 64 + if len(message) % 64 < 56 { 1 } else { 2 }
    }

    /// Block `at` of the padded message of `count` blocks; any block for `at` past its end.
    #[inline]
    fn block<'a>(message: &Message<'a>, at: usize, count: usize, buffer: &'a mut Block) -> &'a Block {
        let (prefix, body) = (message.prefix, message.body);
        let begin = at * 64;
        if let Some(begin) = begin.checked_sub(prefix.len())
            && let Some(block) = body.get(begin..).and_then(<[u8]>::first_chunk)
        {
            return block;
        }
        *buffer = [0; 64];
        let of_prefix = prefix.get(begin..).unwrap_or_default();
        let of_prefix = &of_prefix[..of_prefix.len().min(64)];
        let of_body = body.get((begin + of_prefix.len()).saturating_sub(prefix.len())..).unwrap_or_default();
        let of_body = &of_body[..of_body.len().min(64 - of_prefix.len())];
        let filled = of_prefix.len() + of_body.len();
        buffer[..of_prefix.len()].copy_from_slice(of_prefix);
        buffer[of_prefix.len()..filled].copy_from_slice(of_body);
        if begin + filled == len(message) && filled < 64 {
            buffer[filled] = 0x80;
        }
        if at + 1 == count {
            buffer[56..].copy_from_slice(&bits(len(message)));
        }
        buffer
    }

    fn bits(bytes: usize) -> [u8; 8] {
        (bytes as u64 * 8).to_be_bytes()
    }

    pub(super) fn hash_nodes(engine: Engine, pairs: &[[Hash; 2]], parents: &mut Vec<Hash>) {
        // 0x01 ‖ left ‖ right is 65 bytes: the right's last byte begins a second block.
        let mut first = [[1; 64]; LANES];
        let mut second = [[0; 64]; LANES];
        for block in &mut second {
            block[1] = 0x80;
            block[56..].copy_from_slice(&bits(65));
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
            parents.extend((0..LANES).map(|lane| Hash(engine.hash(&state, lane))));
        }
        parents.extend(rest.iter().map(hash_node));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(len: usize, seed: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 + seed * 17 + i / 251) as u8).collect()
    }

    fn assert_hashes(messages: &[(Vec<u8>, Vec<u8>)]) {
        let messages: Vec<_> = messages.iter().map(|(prefix, body)| Message { prefix, body }).collect();
        let earlier = Hash([9; 32]);
        let mut hashes = vec![earlier];
        hash_many(&messages, &mut hashes);
        assert_eq!(hashes[0], earlier);
        assert_eq!(hashes.len(), messages.len() + 1);
        for (message, hash) in messages.iter().zip(&hashes[1..]) {
            let (prefix, body) = (message.prefix, message.body);
            assert_eq!(*hash, Hash::of(&[prefix, body]), "{} + {} bytes", prefix.len(), body.len());
        }
    }

    #[test]
    fn every_short_length_after_prefixes_of_every_length() {
        for prefix in 0..=64 {
            let message = |body| (bytes(prefix, body), bytes(body, prefix));
            assert_hashes(&(0..=300).map(message).collect::<Vec<_>>());
        }
    }

    #[test]
    fn prefixes_longer_than_a_block() {
        for prefix in 60..=200 {
            let message = |body| (bytes(prefix, body), bytes(body, prefix));
            assert_hashes(&(0..=70).map(message).collect::<Vec<_>>());
        }
    }

    #[test]
    fn batches_of_every_small_size_and_around_full_ones() {
        for size in (0..=17).chain(254..=260).chain([511, 512, 513]) {
            for lengths in [&[173][..], &[173, 439], &[0, 5000, 55, 56, 64, 300], &[4086, 4087, 4088]] {
                let message = |i| (bytes(1, i), bytes(lengths[i % lengths.len()], i));
                assert_hashes(&(0..size).map(message).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn long_messages() {
        let lengths = [65_535, 262_144, 4095, 1 << 20];
        assert_hashes(&lengths.map(|len| (bytes(40, len), bytes(len, 3))));
    }

    #[test]
    fn nodes_of_every_small_number_of_pairs() {
        for pairs in 0..=17 {
            let children: Vec<_> = (0..2 * pairs).map(|i| Hash::of(&[&bytes(i, i)])).collect();
            let mut parents = vec![Hash([9; 32])];
            hash_nodes(&children, &mut parents);
            let expected = children.chunks(2).map(|pair| Hash::of(&[&[1], &pair[0].0, &pair[1].0]));
            assert!(expected.eq(parents[1..].iter().copied()));
        }
    }

    proptest! {
        #[test]
        fn any_messages(messages in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..=130), prop::collection::vec(any::<u8>(), 0..=6000)),
            0..=40,
        )) {
            assert_hashes(&messages);
        }
    }
}
