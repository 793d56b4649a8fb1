//! Concatenated texts, plain or compressed with FSST, which replaces frequent strings by codes.
//!
//! A symbol is a frequent string of up to eight bytes with a code of one byte. A byte outside all symbols follows
//! [`ESCAPE`]. Texts are compressed in blocks, so that little must be decompressed to read one.

use std::borrow::Cow;

use fsst::Compressor;

/// Precedes a literal byte.
const ESCAPE: u8 = 255;
/// Maximum length of a symbol, in bytes.
const MAX_SYMBOL_BYTES: usize = 8;
/// Minimum total size that is compressed, in bytes.
const MIN_COMPRESSED_BYTES: usize = 16 << 10;

/// Texts in blocks that can be read separately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Texts {
    Plain(Box<str>),
    Fsst(Fsst),
}

/// FSST-compressed texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fsst {
    symbols: Vec<Symbol>,
    codes: Vec<u8>,
    /// Start of each block's codes.
    begins: Vec<u32>,
    /// Total size of the texts, in bytes.
    length: usize,
}

/// A symbol's bytes and length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) bytes: [u8; MAX_SYMBOL_BYTES],
    pub(crate) length: u8,
}

impl Texts {
    /// Creates texts, compressed if that pays off. `ends` are the ends of the blocks.
    pub(crate) fn new(text: String, ends: impl Iterator<Item = usize> + Clone) -> Self {
        let packed = if text.len() < MIN_COMPRESSED_BYTES { None } else { Fsst::compress(&text, ends) };
        packed.map_or_else(|| Self::Plain(text.into_boxed_str()), Self::Fsst)
    }

    /// Returns all texts.
    pub(crate) fn whole(&self) -> Cow<'_, str> {
        match self {
            Self::Plain(text) => Cow::Borrowed(text),
            Self::Fsst(packed) => Cow::Owned(packed.unpack(&packed.codes, packed.length)),
        }
    }

    /// Returns the texts of a block, which spans `begin..end` of all texts.
    pub(crate) fn block(&self, nth: usize, begin: usize, end: usize) -> Cow<'_, str> {
        match self {
            Self::Plain(text) => Cow::Borrowed(text.get(begin..end).unwrap_or_default()),
            Self::Fsst(packed) => Cow::Owned(packed.unpack(packed.block(nth), end.saturating_sub(begin))),
        }
    }

    /// Returns all texts, or `None` unless the blocks end at `ends` and cover everything.
    pub(crate) fn checked_whole(&self, ends: impl Iterator<Item = usize>) -> Option<Cow<'_, str>> {
        let Self::Fsst(packed) = self else { return Some(self.whole()) };
        let mut whole = String::with_capacity(packed.length);
        for (nth, end) in ends.enumerate() {
            whole.push_str(&packed.unpack(packed.block(nth), end.checked_sub(whole.len())?));
            if whole.len() != end {
                return None;
            }
        }
        (whole.len() == packed.length).then_some(Cow::Owned(whole))
    }

    /// Returns the memory use in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Fsst(packed) => {
                packed.codes.len() + packed.begins.len() * 4 + size_of_val(&*packed.symbols)
            }
        }
    }
}

impl Fsst {
    /// Compresses texts. Returns `None` if that saves less than a quarter.
    fn compress(text: &str, ends: impl Iterator<Item = usize> + Clone) -> Option<Self> {
        let blocks = ends.scan(0, |begin, end| text.as_bytes().get(core::mem::replace(begin, end)..end));
        let compressor = Compressor::train(&blocks.clone().collect());
        let mut codes = Vec::with_capacity(text.len() / 2);
        let mut begins = Vec::new();
        for block in blocks {
            begins.push(codes.len() as u32);
            codes.extend(compressor.compress(block));
        }
        let symbols = compressor.symbol_table().iter().zip(compressor.symbol_lengths());
        let symbols =
            symbols.map(|(symbol, length)| Symbol { bytes: symbol.to_u64().to_le_bytes(), length: *length });
        codes.shrink_to_fit();
        (codes.len() < text.len() / 4 * 3).then(|| Self {
            symbols: symbols.collect(),
            codes,
            begins,
            length: text.len(),
        })
    }

    /// Creates compressed texts from their parts, if these are valid.
    pub(crate) fn new(symbols: Vec<Symbol>, codes: Vec<u8>, begins: Vec<u32>, length: usize) -> Option<Self> {
        let ordered = begins.windows(2).all(|pair| pair[0] <= pair[1]);
        let within = begins.last().is_none_or(|last| *last as usize <= codes.len());
        let fit = symbols.len() <= usize::from(ESCAPE)
            && symbols.iter().all(|symbol| usize::from(symbol.length) <= MAX_SYMBOL_BYTES);
        // Limits the memory that a forged index file can claim to a small multiple of its own size.
        let possible = length <= codes.len().saturating_mul(MAX_SYMBOL_BYTES);
        (ordered && within && fit && possible).then_some(Self { symbols, codes, begins, length })
    }

    pub(crate) fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    pub(crate) fn codes(&self) -> &[u8] {
        &self.codes
    }

    pub(crate) fn begins(&self) -> &[u32] {
        &self.begins
    }

    /// Returns the codes of a block.
    fn block(&self, nth: usize) -> &[u8] {
        let begin = |nth: usize| self.begins.get(nth).map_or(self.codes.len(), |begin| *begin as usize);
        self.codes.get(begin(nth)..begin(nth + 1)).unwrap_or_default()
    }

    /// Decompresses codes to a string of `length` bytes. Returns an empty text if they don't fit.
    fn unpack(&self, codes: &[u8], length: usize) -> String {
        let mut table = [Symbol::default(); 256];
        table[..self.symbols.len()].copy_from_slice(&self.symbols);
        // Copying eight bytes at once is faster than copying the exact length.
        let mut bytes = vec![0; length + MAX_SYMBOL_BYTES];
        let mut end = 0;
        let mut codes = codes.iter();
        while let Some(code) = codes.next() {
            let Some(to) = bytes.get_mut(end..end + MAX_SYMBOL_BYTES) else { return String::new() };
            if *code == ESCAPE {
                let Some(byte) = codes.next() else { return String::new() };
                to[0] = *byte;
                end += 1;
            } else {
                let symbol = &table[usize::from(*code)];
                to.copy_from_slice(&symbol.bytes);
                end += usize::from(symbol.length);
            }
        }
        bytes.truncate(length);
        if end == length { String::from_utf8(bytes).unwrap_or_default() } else { String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_impossible_lengths() {
        let symbol = Symbol { bytes: *b"eight by", length: 8 };
        let packed = |length| Fsst::new(vec![symbol], vec![0; 4], vec![0], length);
        assert!(packed(32).is_some() && packed(33).is_none() && packed(usize::MAX).is_none());
    }

    #[test]
    fn decompresses_what_was_compressed() {
        let words = ["granted ", "é", "follow-up ", "0123456789abcdef", "\u{0}", "𝄞 and more, "];
        let text: String = (0..9000_usize).map(|nth| words[nth * nth % 7 % words.len()]).collect();
        let ends: Vec<usize> = (1..=50).map(|nth| text.floor_char_boundary(text.len() * nth / 50)).collect();
        let texts = Texts::new(text.clone(), ends.iter().copied());
        assert!(matches!(texts, Texts::Fsst(_)) && texts.bytes() * 2 < text.len());
        assert_eq!(texts.whole(), text);
        for nth in 0..ends.len() {
            let begin = nth.checked_sub(1).map_or(0, |before| ends[before]);
            assert_eq!(texts.block(nth, begin, ends[nth]), text[begin..ends[nth]]);
        }
        assert_eq!(texts.block(50, 0, 0), "");
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from((seed >> 57) as u8)
        };
        let bits: String = (0..2 * MIN_COMPRESSED_BYTES).map(|_| random()).collect();
        assert!(matches!(Texts::new(bits.clone(), [bits.len()].into_iter()), Texts::Plain(_)));
    }
}
