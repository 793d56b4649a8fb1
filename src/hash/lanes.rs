//! SHA-256 of several messages in parallel.
//!
//! The rounds of one message depend on each other, so the processor waits for the end of a round before it can begin
//! the next. The links, events, and nodes of a log are independent, so several are hashed in lockstep: two if the
//! processor has SHA instructions (x86-64, detected at run time), four in WebAssembly's 128-bit vectors. On other
//! targets, and for long or leftover messages, sha2 hashes one message after the other.
//!
//! BENCHMARKS.md states how much faster this makes verifying exports. `--cfg sha2_alone` uses sha2 for every
//! message, to measure the difference (`cargo xtask bench lanes`).
//!
//! Lanes in lockstep take as long as the longest message. Messages are therefore grouped by their number of blocks as
//! far as possible.

#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod in_step;
#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod padded;
#[cfg(target_arch = "x86_64")]
mod sha_ni;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

#[cfg(target_arch = "x86_64")]
use sha_ni as engine;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use simd128 as engine;

use super::{Hash, Message};

/// Appends `H(prefix ‖ body)` of each message to `out`, in order.
///
/// The result is the same as calling [`Hash::digest`] for each message, but faster. Pass as many messages at a time as
/// possible.
pub fn hash_many(messages: &[Message<'_>], out: &mut Vec<Hash>) {
    #[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
    if !cfg!(sha2_alone)
        && let Some(engine) = engine::Engine::detect()
    {
        return in_step::hash_many(engine, messages, out);
    }
    out.extend(messages.iter().map(hash_message));
}

/// Appends the RFC 6962 node hash `H(0x01 ‖ left ‖ right)` of each pair of `children` to `parents`: children 0 and 1,
/// children 2 and 3, and so on.
///
/// # Panics
/// If the number of children is odd.
pub fn hash_nodes(children: &[Hash], parents: &mut Vec<Hash>) {
    let (pairs, rest) = children.as_chunks();
    assert!(rest.is_empty(), "children come in pairs");
    #[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
    if !cfg!(sha2_alone)
        && let Some(engine) = engine::Engine::detect()
    {
        return in_step::hash_nodes(engine, pairs, parents);
    }
    parents.extend(pairs.iter().map(hash_node));
}

fn hash_message(message: &Message<'_>) -> Hash {
    Hash::digest(&[message.prefix, message.body])
}

fn hash_node([left, right]: &[Hash; 2]) -> Hash {
    Hash::digest(&[&[1], &left.0, &right.0])
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

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
            assert_eq!(*hash, Hash::digest(&[prefix, body]), "{} + {} bytes", prefix.len(), body.len());
        }
    }

    #[test]
    fn hashes_short_messages_with_prefixes_of_every_length() {
        for prefix in 0..=64 {
            let message = |body| (bytes(prefix, body), bytes(body, prefix));
            assert_hashes(&(0..=300).map(message).collect::<Vec<_>>());
        }
    }

    #[test]
    fn hashes_messages_with_prefixes_longer_than_a_block() {
        for prefix in 60..=200 {
            let message = |body| (bytes(prefix, body), bytes(body, prefix));
            assert_hashes(&(0..=70).map(message).collect::<Vec<_>>());
        }
    }

    #[test]
    fn hashes_batches_of_every_small_size_and_around_full_ones() {
        for size in (0..=17).chain(254..=260).chain([511, 512, 513]) {
            for lengths in [&[173][..], &[173, 439], &[0, 5000, 55, 56, 64, 300], &[4086, 4087, 4088]] {
                let message = |i| (bytes(1, i), bytes(lengths[i % lengths.len()], i));
                assert_hashes(&(0..size).map(message).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn hashes_long_messages() {
        let lengths = [65_535, 262_144, 4095, 1 << 20];
        assert_hashes(&lengths.map(|len| (bytes(40, len), bytes(len, 3))));
    }

    #[test]
    fn hashes_every_small_number_of_node_pairs() {
        for pairs in 0..=17 {
            let children: Vec<_> = (0..2 * pairs).map(|i| Hash::digest(&[&bytes(i, i)])).collect();
            let mut parents = vec![Hash([9; 32])];
            hash_nodes(&children, &mut parents);
            let expected = children.chunks(2).map(|pair| Hash::digest(&[&[1], &pair[0].0, &pair[1].0]));
            assert!(expected.eq(parents[1..].iter().copied()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn hashes_any_messages(messages in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..=130), prop::collection::vec(any::<u8>(), 0..=5000)),
            0..=40,
        )) {
            assert_hashes(&messages);
        }
    }
}
