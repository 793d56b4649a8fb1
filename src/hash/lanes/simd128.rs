//! Four lanes in WebAssembly's 128-bit vectors.
//!
//! Every vector has the same word of four messages, so that one instruction does a step of FIPS 180-4 section 6.2.2
//! for all of them.
//!
//! # Why the unsafe code is sound
//!
//! - The instructions exist: this module is compiled only if `simd128` is enabled for the whole artifact, and an
//!   engine without it rejects the artifact as a whole.
//! - Memory is read and written only in [`load`] and [`store`]: 16 bytes, through a reference to
//!   16 bytes, with instructions that need no alignment.
#![allow(unsafe_code)]
// The signatures are the same as for engines that must be detected.
#![allow(clippy::unused_self, clippy::unnecessary_wraps)]
// The names of FIPS 180-4.
#![allow(clippy::many_single_char_names)]
// Function calls in the middle of a round would cost more than the round.
#![allow(clippy::inline_always)]

use core::arch::wasm32::{
    i8x16_shuffle, i32x4_shuffle, u32x4_add, u32x4_shl, u32x4_shr, u32x4_splat, v128, v128_and, v128_load,
    v128_store, v128_xor,
};
use core::array;

use super::in_step::{INITIAL, ROUND_CONSTANTS};
use super::padded::Block;

pub(super) const LANES: usize = 4;

/// Proof that the machine has the instructions, which is always the case here.
#[derive(Clone, Copy)]
pub(super) struct Engine(());

/// The state words a to h, each for all lanes.
pub(super) struct State([v128; 8]);

impl Engine {
    pub(super) fn detect() -> Option<Self> {
        Some(Self(()))
    }

    pub(super) fn start(self) -> State {
        State(INITIAL.map(|word| u32x4_splat(word)))
    }

    /// Processes one more block in each lane.
    pub(super) fn compress(self, state: &mut State, blocks: [&Block; LANES]) {
        compress(state, blocks);
    }

    /// Returns the hash of each lane.
    pub(super) fn hashes(self, state: &State) -> [[u8; 32]; LANES] {
        let mut hashes = [[0; 32]; LANES];
        for (half, words) in state.0.as_chunks::<4>().0.iter().enumerate() {
            for (hash, words) in hashes.iter_mut().zip(transpose(*words)) {
                store(&mut hash.as_chunks_mut().0[half], swap_bytes(words));
            }
        }
        hashes
    }
}

fn load(bytes: &[u8; 16]) -> v128 {
    // SAFETY: the reference is valid for 16 bytes, and the load needs no alignment.
    unsafe { v128_load(bytes.as_ptr().cast()) }
}

fn store(bytes: &mut [u8; 16], value: v128) {
    // SAFETY: the reference is valid for 16 bytes, and the store needs no alignment.
    unsafe { v128_store(bytes.as_mut_ptr().cast(), value) }
}

/// Transposes a matrix of four by four words.
fn transpose([a, b, c, d]: [v128; 4]) -> [v128; 4] {
    let (ab01, ab23) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
    let (cd01, cd23) = (i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d));
    [
        i32x4_shuffle::<0, 1, 4, 5>(ab01, cd01),
        i32x4_shuffle::<2, 3, 6, 7>(ab01, cd01),
        i32x4_shuffle::<0, 1, 4, 5>(ab23, cd23),
        i32x4_shuffle::<2, 3, 6, 7>(ab23, cd23),
    ]
}

/// Converts each word between big-endian and the machine's little-endian.
fn swap_bytes(words: v128) -> v128 {
    i8x16_shuffle::<3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12>(words, words)
}

/// Loads the 16 words of a block, each for all lanes.
fn load_words(blocks: [&Block; LANES]) -> [v128; 16] {
    let quarters: [_; 4] = array::from_fn(|quarter| {
        transpose(blocks.map(|block| swap_bytes(load(&block.as_chunks().0[quarter]))))
    });
    array::from_fn(|i| quarters[i / 4][i % 4])
}

#[inline(always)]
fn xor3(a: v128, b: v128, c: v128) -> v128 {
    v128_xor(v128_xor(a, b), c)
}

#[inline(always)]
fn rotate_right(word: v128, by: u32) -> v128 {
    v128_xor(u32x4_shr(word, by), u32x4_shl(word, 32 - by))
}

#[inline(always)]
fn big_sigma_0(a: v128) -> v128 {
    xor3(rotate_right(a, 2), rotate_right(a, 13), rotate_right(a, 22))
}

#[inline(always)]
fn big_sigma_1(e: v128) -> v128 {
    xor3(rotate_right(e, 6), rotate_right(e, 11), rotate_right(e, 25))
}

#[inline(always)]
fn small_sigma_0(word: v128) -> v128 {
    xor3(rotate_right(word, 7), rotate_right(word, 18), u32x4_shr(word, 3))
}

#[inline(always)]
fn small_sigma_1(word: v128) -> v128 {
    xor3(rotate_right(word, 17), rotate_right(word, 19), u32x4_shr(word, 10))
}

/// Computes `e ? f : g` for each bit.
#[inline(always)]
fn choose(e: v128, f: v128, g: v128) -> v128 {
    v128_xor(g, v128_and(e, v128_xor(f, g)))
}

/// Computes the majority of three bits at each position.
#[inline(always)]
fn majority(a: v128, b: v128, c: v128) -> v128 {
    v128_xor(b, v128_and(v128_xor(a, b), v128_xor(b, c)))
}

/// Compresses one block per lane. The rounds are unrolled, so that the words stay in registers at any optimization
/// level.
fn compress(state: &mut State, blocks: [&Block; LANES]) {
    let mut words = load_words(blocks);
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state.0;
    let (sixteens, _) = ROUND_CONSTANTS.as_chunks::<16>();
    for (n, constants) in sixteens.iter().enumerate() {
        macro_rules! rounds {
            ($($i:literal)*) => {$(
                let input = u32x4_add(words[$i], u32x4_splat(constants[$i]));
                let t1 = u32x4_add(u32x4_add(h, input), u32x4_add(big_sigma_1(e), choose(e, f, g)));
                let t2 = u32x4_add(big_sigma_0(a), majority(a, b, c));
                (a, b, c, d, e, f, g, h) = (u32x4_add(t1, t2), a, b, c, u32x4_add(d, t1), e, f, g);
            )*};
        }
        macro_rules! rounds_with_new_words {
            ($($i:literal)*) => {$(
                words[$i] = u32x4_add(
                    u32x4_add(small_sigma_1(words[($i + 14) % 16]), words[($i + 9) % 16]),
                    u32x4_add(small_sigma_0(words[($i + 1) % 16]), words[$i]),
                );
                rounds!($i);
            )*};
        }
        if n == 0 {
            rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        } else {
            rounds_with_new_words!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        }
    }
    let sums = [a, b, c, d, e, f, g, h];
    state.0 = array::from_fn(|i| u32x4_add(state.0[i], sums[i]));
}
