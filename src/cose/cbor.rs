//! The part of CBOR (RFC 8949) that COSE receipts need: definite lengths, and each number in its shortest form.

use crate::integer::MAX;

/// The maximum number of entries of a map whose labels are read.
const MAX_LABELS: u64 = 32;
/// The maximum depth of nested arrays and maps in a value that is skipped.
const MAX_DEPTH: u8 = 8;

/// The major types.
mod major {
    pub const UNSIGNED: u8 = 0;
    pub const NEGATIVE: u8 = 1;
    pub const BYTES: u8 = 2;
    pub const TEXT: u8 = 3;
    pub const ARRAY: u8 = 4;
    pub const MAP: u8 = 5;
    pub const TAG: u8 = 6;
    pub const SIMPLE: u8 = 7;
}

const FALSE: u64 = 20;
const NULL: u64 = 22;

/// The label of a header parameter or a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
pub(super) enum Label<'a> {
    #[display("{_0}")]
    Number(i64),
    #[display("{_0:?}")]
    Text(&'a str),
}

/// Reads items from bytes. Each method returns `None` if the next item is another one, or is malformed.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns `Some` if every byte was read.
    pub(super) fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    /// Reads an item's major type and its argument.
    fn head(&mut self) -> Option<(u8, u64)> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        let (major, short) = (first >> 5, u64::from(first & 31));
        // The argument has this many bytes, and is too large for fewer.
        let (length, least) = match short {
            0..24 => return Some((major, short)),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return None,
        };
        let argument = self.take(length)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        // A simple value of two bytes is none that receipts have, and a longer one is a float.
        (argument >= least && major != major::SIMPLE).then_some((major, argument))
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn argument(&mut self, expected: u8) -> Option<u64> {
        let (major, argument) = self.head()?;
        (major == expected).then_some(argument)
    }

    pub(super) fn tag(&mut self, expected: u64) -> Option<()> {
        (self.argument(major::TAG)? == expected).then_some(())
    }

    /// Reads an unsigned integer up to 2^53 − 1.
    pub(super) fn unsigned(&mut self) -> Option<u64> {
        self.argument(major::UNSIGNED).filter(|&number| number <= MAX)
    }

    pub(super) fn integer(&mut self) -> Option<i64> {
        match self.label()? {
            Label::Number(number) => Some(number),
            Label::Text(_) => None,
        }
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.argument(major::BYTES)?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        match self.label()? {
            Label::Text(text) => Some(text),
            Label::Number(_) => None,
        }
    }

    /// Reads the head of an array, and returns its length.
    pub(super) fn array(&mut self) -> Option<u64> {
        self.argument(major::ARRAY)
    }

    /// Reads bytes, or `None` for null.
    pub(super) fn bytes_or_null(&mut self) -> Option<Option<&'a [u8]>> {
        match self.head()? {
            (major::BYTES, length) => self.take(length).map(Some),
            (major::SIMPLE, NULL) => Some(None),
            _ => None,
        }
    }

    pub(super) fn label(&mut self) -> Option<Label<'a>> {
        match self.head()? {
            (major::UNSIGNED, number) => i64::try_from(number).ok().map(Label::Number),
            (major::NEGATIVE, number) => i64::try_from(number).ok().map(|number| Label::Number(-1 - number)),
            (major::TEXT, length) => {
                let text = self.take(length)?;
                core::str::from_utf8(text).ok().map(Label::Text)
            }
            _ => None,
        }
    }

    /// Reads a map in which no label is repeated. `read_value` reads the value of each label.
    pub(super) fn map(
        &mut self,
        read_value: &mut dyn FnMut(Label<'a>, &mut Self) -> Option<()>,
    ) -> Option<()> {
        let length = self.argument(major::MAP).filter(|&length| length <= MAX_LABELS)?;
        let mut labels = Vec::new();
        for _ in 0..length {
            let label = self.label()?;
            if labels.contains(&label) {
                return None;
            }
            labels.push(label);
            read_value(label, self)?;
        }
        Some(())
    }

    /// Skips a value of any type but tags, floats, and undefined.
    pub(super) fn skip(&mut self) -> Option<()> {
        self.skip_nested(MAX_DEPTH)
    }

    fn skip_nested(&mut self, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let items = match self.head()? {
            (major::UNSIGNED | major::NEGATIVE, _) | (major::SIMPLE, FALSE..=NULL) => 0,
            (major::BYTES, length) => self.take(length).map(|_| 0)?,
            (major::TEXT, length) => core::str::from_utf8(self.take(length)?).ok().map(|_| 0)?,
            (major::ARRAY, length) => length,
            (major::MAP, length) => length.checked_mul(2)?,
            _ => return None,
        };
        // Every item has a byte, so this ends with the input.
        for _ in 0..items {
            self.skip_nested(depth)?;
        }
        Some(())
    }
}

/// Writes items in deterministic encoding. The caller writes the labels of a map in the order of their encodings.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn head(&mut self, major: u8, argument: u64) -> &mut Self {
        let bytes = argument.to_be_bytes();
        let (short, length) = match argument {
            0..24 => (argument as u8, 0),
            24..0x100 => (24, 1),
            0x100..0x1_0000 => (25, 2),
            0x1_0000..0x1_0000_0000 => (26, 4),
            _ => (27, 8),
        };
        self.bytes.push(major << 5 | short);
        self.bytes.extend_from_slice(&bytes[8 - length..]);
        self
    }

    pub(super) fn tag(&mut self, tag: u64) -> &mut Self {
        self.head(major::TAG, tag)
    }

    pub(super) fn integer(&mut self, number: i64) -> &mut Self {
        match u64::try_from(number) {
            Ok(number) => self.head(major::UNSIGNED, number),
            // −1 − number is that number with all bits inverted.
            Err(_) => self.head(major::NEGATIVE, (!number).cast_unsigned()),
        }
    }

    pub(super) fn unsigned(&mut self, number: u64) -> &mut Self {
        self.head(major::UNSIGNED, number)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.head(major::BYTES, bytes.len() as u64).bytes.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.head(major::TEXT, text.len() as u64).bytes.extend_from_slice(text.as_bytes());
        self
    }

    pub(super) fn array(&mut self, length: usize) -> &mut Self {
        self.head(major::ARRAY, length as u64)
    }

    pub(super) fn map(&mut self, length: usize) -> &mut Self {
        self.head(major::MAP, length as u64)
    }

    pub(super) fn null(&mut self) -> &mut Self {
        self.head(major::SIMPLE, NULL)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    /// Numbers with their encodings, from RFC 8949, appendix A.
    const NUMBERS: [(i64, &[u8]); 12] = [
        (0, &[0x00]),
        (23, &[0x17]),
        (24, &[0x18, 0x18]),
        (100, &[0x18, 0x64]),
        (1000, &[0x19, 0x03, 0xe8]),
        (1_000_000, &[0x1a, 0x00, 0x0f, 0x42, 0x40]),
        (1_000_000_000_000, &[0x1b, 0x00, 0x00, 0x00, 0xe8, 0xd4, 0xa5, 0x10, 0x00]),
        (-1, &[0x20]),
        (-10, &[0x29]),
        (-100, &[0x38, 0x63]),
        (-1000, &[0x39, 0x03, 0xe7]),
        (i64::MIN, &[0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ];

    #[test]
    fn numbers_are_written_and_read_in_their_shortest_form() {
        for (number, encoded) in NUMBERS {
            let mut writer = Writer::default();
            writer.integer(number);
            assert_eq!(writer.into_bytes(), encoded);
            let mut reader = Reader::new(encoded);
            assert_eq!((reader.integer(), reader.end()), (Some(number), Some(())));
        }
        let longer: [&[u8]; 5] = [
            &[0x18, 0x17],
            &[0x19, 0x00, 0xff],
            &[0x1a, 0x00, 0x00, 0xff, 0xff],
            &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
            &[0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0],
        ];
        for encoded in longer {
            assert_eq!(Reader::new(encoded).integer(), None, "{encoded:x?}");
        }
        assert_eq!(Reader::new(&[0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0]).unsigned(), None, "2^53");
    }

    #[test]
    fn skips_only_bounded_values_of_known_types() {
        let skipped: [&[u8]; 7] =
            [&[0x00], &[0x38, 0x63], &[0x41, 0xff], &[0x61, b'a'], &[0x82, 1, 2], &[0xa1, 1, 0xf5], &[0xf6]];
        for bytes in skipped {
            let mut reader = Reader::new(bytes);
            assert_eq!((reader.skip(), reader.end()), (Some(()), Some(())), "{bytes:x?}");
        }
        let refused: [(&[u8], &str); 10] = [
            (&[], "nothing"),
            (&[0x9f, 0xff], "an indefinite length"),
            (&[0x5f, 0x41, 0, 0xff], "bytes in pieces"),
            (&[0xc0, 0x00], "a tag"),
            (&[0xf9, 0x3c, 0x00], "a float"),
            (&[0xf7], "undefined"),
            (&[0xf8, 0x20], "a simple value"),
            (&[0x61, 0xff], "a text that is not UTF-8"),
            (&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "a length that is not there"),
            (&[0x81; 9], "a depth above the limit"),
        ];
        for (bytes, why) in refused {
            assert_eq!(Reader::new(bytes).skip(), None, "{why}");
        }
    }

    #[test]
    fn maps_have_each_label_once() {
        let read = |bytes: &[u8]| Reader::new(bytes).map(&mut |_, reader| reader.skip());
        assert_eq!(read(&[0xa2, 0x01, 0x00, 0x20, 0x00]), Some(()));
        assert_eq!(read(&[0xa2, 0x01, 0x00, 0x01, 0x00]), None, "a number twice");
        assert_eq!(read(&[0xa2, 0x61, b'a', 0x00, 0x61, b'a', 0x00]), None, "a text twice");
        assert_eq!(read(&[0xa1, 0x40, 0x00]), None, "bytes as a label");
        let mut large = vec![0xb8, 33];
        large.extend((0..24).flat_map(|label| [label, 0]).chain((24..33).flat_map(|label| [0x18, label, 0])));
        assert_eq!(read(&large), None, "more labels than the limit");
    }
}
