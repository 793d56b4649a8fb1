//! Two lanes with the x86-64 SHA instructions.
//!
//! The two-round instruction takes twice as long to finish as the processor needs to start the next one, so a
//! second message fills the gap.
//!
//! # Why the unsafe code is sound
//!
//! - The instructions exist: an [`Engine`] can only be created by [`Engine::detect`], which checks that the processor
//!   has every feature enabled here, and other modules can call these functions only through an `Engine`.
//! - Memory is read and written only in [`load`] and [`store`]: 16 bytes, through a reference to
//!   16 bytes, with instructions that need no alignment.
#![allow(unsafe_code)]
// An engine is a proof that its methods may run. They read nothing from it.
#![allow(clippy::unused_self)]
// The names of FIPS 180-4.
#![allow(clippy::many_single_char_names)]
// A lane is an index into several arrays.
#![allow(clippy::needless_range_loop)]

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_loadu_si128, _mm_set_epi8, _mm_set_epi32,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
    _mm_storeu_si128, _mm_unpackhi_epi64, _mm_unpacklo_epi64,
};
use core::array;

use super::in_step::{INITIAL, ROUND_CONSTANTS};
use super::padded::Block;

pub(super) const LANES: usize = 2;

/// Proof that the processor has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Engine(());

/// The state words of each lane in the order of the instructions, first word uppermost.
#[derive(Clone, Copy)]
pub(super) struct State {
    abef: [__m128i; LANES],
    cdgh: [__m128i; LANES],
}

impl Engine {
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("sse4.1")
            && is_x86_feature_detected!("ssse3");
        found.then_some(Self(()))
    }

    #[inline]
    pub(super) fn start(self) -> State {
        // SAFETY: there is an Engine, so the processor has the features.
        unsafe { start() }
    }

    /// Processes one more block in each lane.
    #[inline]
    pub(super) fn compress(self, state: &mut State, blocks: [&Block; LANES]) {
        // SAFETY: there is an Engine, so the processor has the features.
        unsafe { compress(state, blocks) }
    }

    /// Returns the hash of each lane.
    #[inline]
    pub(super) fn hashes(self, state: &State) -> [[u8; 32]; LANES] {
        // SAFETY: there is an Engine, so the processor has the features.
        array::from_fn(|lane| unsafe { hash(state.abef[lane], state.cdgh[lane]) })
    }
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is valid for 16 bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn store(bytes: &mut [u8; 16], value: __m128i) {
    // SAFETY: the reference is valid for 16 bytes, and the store needs no alignment.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), value) }
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn start() -> State {
    let [a, b, c, d, e, f, g, h] = INITIAL.map(u32::cast_signed);
    State { abef: [_mm_set_epi32(a, b, e, f); LANES], cdgh: [_mm_set_epi32(c, d, g, h); LANES] }
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn hash(abef: __m128i, cdgh: __m128i) -> [u8; 32] {
    let reverse = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let mut hash = [0; 32];
    let (halves, _) = hash.as_chunks_mut();
    store(&mut halves[0], _mm_shuffle_epi8(_mm_unpackhi_epi64(cdgh, abef), reverse));
    store(&mut halves[1], _mm_shuffle_epi8(_mm_unpacklo_epi64(cdgh, abef), reverse));
    hash
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn compress(state: &mut State, blocks: [&Block; LANES]) {
    let big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    let mut words = blocks.map(|block| {
        let (quarters, _) = block.as_chunks();
        [0, 1, 2, 3].map(|i| _mm_shuffle_epi8(load(&quarters[i]), big_endian))
    });
    let mut sums = *state;
    let (sixteens, _) = ROUND_CONSTANTS.as_chunks::<16>();
    for i in 0..4 {
        four_rounds(&mut sums, &words, i, &sixteens[0]);
    }
    for sixteen in &sixteens[1..] {
        for i in 0..4 {
            for words in &mut words {
                words[i] = next_words(words[i], words[(i + 1) % 4], words[(i + 2) % 4], words[(i + 3) % 4]);
            }
            four_rounds(&mut sums, &words, i, sixteen);
        }
    }
    for lane in 0..LANES {
        state.abef[lane] = _mm_add_epi32(state.abef[lane], sums.abef[lane]);
        state.cdgh[lane] = _mm_add_epi32(state.cdgh[lane], sums.cdgh[lane]);
    }
}

/// Returns the four message words that follow the given sixteen.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn next_words(oldest: __m128i, older: __m128i, newer: __m128i, newest: __m128i) -> __m128i {
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(oldest, older), _mm_alignr_epi8::<4>(newest, newer));
    _mm_sha256msg2_epu32(sum, newest)
}

/// Runs the four rounds for the message words `i` of 0..4, in each lane.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn four_rounds(state: &mut State, words: &[[__m128i; 4]; LANES], i: usize, sixteen: &[u32; 16]) {
    let [k0, k1, k2, k3] = sixteen.as_chunks().0[i].map(u32::cast_signed);
    let constants = _mm_set_epi32(k3, k2, k1, k0);
    for lane in 0..LANES {
        let (abef, cdgh) = (&mut state.abef[lane], &mut state.cdgh[lane]);
        let input = _mm_add_epi32(words[lane][i], constants);
        *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, input);
        *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32::<0b1110>(input));
    }
}
