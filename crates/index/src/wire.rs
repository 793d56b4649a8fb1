//! Serialization of segments. Input is untrusted: decoding yields a valid segment or nothing.

use crate::build::MAX_NODES;
use crate::column::{Column, RowCodes};
use crate::packed::{Numbers, Packed};
use crate::party::{MAX_PARTIES, PARTS, Parties};
use crate::segment::{FACTS, MAX_ROWS, PARTIES, PathNode, Segment};
use crate::texts::{self, Symbol, Texts};
use crate::values::{Kind, Values};

/// File signature with the version.
const MAGIC: &[u8; 8] = b"csindex\x06";

/// Width byte of ascending numbers, which take no space.
const ASCENDING: u8 = 255;

/// Serializes segments.
pub fn encode(segments: &[Segment]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for segment in segments {
        let begin = out.len();
        out.extend([0; 8]);
        write(segment, &mut out);
        let length = (out.len() - begin - 8) as u64;
        out[begin..begin + 8].copy_from_slice(&length.to_le_bytes());
    }
    out
}

/// Deserializes the output of [`encode`] of this version. Returns `None` for anything else.
pub fn decode(bytes: &[u8]) -> Option<Vec<Segment>> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut segments = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (segment, after) = after.split_at_checked(length)?;
        segments.push(read(segment)?);
        rest = after;
    }
    Some(segments)
}

fn write(segment: &Segment, out: &mut Vec<u8>) {
    put(out, segment.rows() as u64);
    out.extend(&segment.flags);
    out.extend(&segment.outcomes);
    let happened = segment.happened.as_ref();
    out.push(u8::from(happened.is_some()));
    let numbers = [
        &segment.lines,
        &segment.indexes,
        &segment.seqs,
        &segment.recorded,
        &segment.begins,
        &segment.lengths,
    ];
    for numbers in numbers.into_iter().chain(happened) {
        put_numbers(out, numbers);
    }
    put(out, segment.nodes.len() as u64);
    for node in &segment.nodes {
        put(out, u64::from(node.parent));
        put(out, node.column.map_or(0, |column| u64::from(column) + 1));
        put_text(out, &node.name);
    }
    segment.facts.iter().for_each(|column| put(out, u64::from(*column)));
    for parties in &segment.parties {
        put(out, u64::from(parties.places));
        for (column, codes) in parties.columns.iter().zip(&parties.codes) {
            put(out, u64::from(*column));
            put_numbers(out, codes);
        }
    }
    put(out, segment.columns.len() as u64);
    for column in &segment.columns {
        put_values(out, &column.values);
        match &column.places {
            RowCodes::Rows(codes) => {
                out.push(0);
                put_packed(out, codes);
            }
            RowCodes::Pairs(rows, codes) => {
                out.push(1);
                put(out, rows.len() as u64);
                out.extend(rows.iter().flat_map(|row| row.to_le_bytes()));
                put_packed(out, codes);
            }
        }
    }
}

/// Writes a number as LEB128: 7 bits per byte.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend(text.as_bytes());
}

fn put_numbers(out: &mut Vec<u8>, numbers: &Numbers) {
    put(out, numbers.base().cast_unsigned());
    put_packed(out, numbers.above());
}

/// Writes the count, the width, and the numbers.
fn put_packed(out: &mut Vec<u8>, packed: &Packed) {
    put(out, packed.len() as u64);
    match packed {
        Packed::Zeros(_) => out.push(0),
        Packed::Ascending(_) => out.push(ASCENDING),
        Packed::One(list) => {
            out.push(1);
            out.extend(list);
        }
        Packed::Two(list) => {
            out.push(2);
            out.extend(list.iter().flat_map(|number| number.to_le_bytes()));
        }
        Packed::Four(list) => {
            out.push(4);
            out.extend(list.iter().flat_map(|number| number.to_le_bytes()));
        }
        Packed::Eight(list) => {
            out.push(8);
            out.extend(list.iter().flat_map(|number| number.to_le_bytes()));
        }
    }
}

fn put_values(out: &mut Vec<u8>, values: &Values) {
    let lengths: Vec<u64> = values.lengths().map(u64::from).collect();
    put_packed(out, &Packed::from_numbers(lengths.into_iter()));
    match values.texts() {
        Texts::Plain(text) => {
            out.push(0);
            put_text(out, text);
        }
        Texts::Fsst(packed) => {
            out.push(1);
            put_packed(out, &Packed::from_numbers(packed.begins().iter().map(|begin| u64::from(*begin))));
            put(out, packed.symbols().len() as u64);
            for symbol in packed.symbols() {
                out.push(symbol.length);
                out.extend(symbol.bytes);
            }
            put(out, packed.codes().len() as u64);
            out.extend(packed.codes());
        }
    }
    if let Some(kind) = values.only_kind() {
        out.extend([0, kind as u8]);
    } else {
        out.push(1);
        out.extend((0..values.len()).map(|code| values.kind(code) as u8));
    }
}

struct Reader<'b>(&'b [u8]);

fn read(bytes: &[u8]) -> Option<Segment> {
    let mut reader = Reader(bytes);
    let rows = reader.number().filter(|rows| *rows <= MAX_ROWS as u64)? as usize;
    let flags = reader.bytes(rows)?.to_vec();
    let outcomes = reader.bytes(rows)?.to_vec();
    let has_own = reader.is()?;
    let mut numbers = || reader.numbers(rows).filter(|numbers| numbers.above().len() == rows);
    let lines = numbers()?;
    let indexes = numbers()?;
    let seqs = numbers()?;
    let recorded = numbers()?;
    let begins = numbers()?;
    let lengths = numbers()?;
    let happened = if has_own { Some(numbers()?) } else { None };
    // Every node and column takes at least one byte.
    let count = reader.count().filter(|count| *count <= MAX_NODES)?;
    let mut nodes = Vec::with_capacity(count);
    for nth in 0..count {
        let parent = reader.number().filter(|parent| *parent < nth.max(1) as u64)? as u32;
        let column = reader.number()?.checked_sub(1).map(u32::try_from).transpose().ok()?;
        nodes.push(PathNode { parent, column, name: reader.text()?.to_owned() });
    }
    let mut facts = [0; FACTS];
    for fact in &mut facts {
        *fact = reader.column_number()?;
    }
    let parties = [reader.parties()?, reader.parties()?, reader.parties()?];
    let count = reader.count()?;
    let of_parties =
        parties.iter().flat_map(|Parties { places, columns, .. }| [&[*places][..], columns].concat());
    let mut named = nodes.iter().filter_map(|node| node.column).chain(facts).chain(of_parties);
    if named.any(|column| column as usize >= count) {
        return None;
    }
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        columns.push(reader.column(rows)?);
    }
    let segment = Segment {
        flags,
        outcomes,
        lines,
        indexes,
        seqs,
        recorded,
        happened,
        begins,
        lengths,
        facts,
        parties,
        nodes,
        columns,
    };
    (reader.0.is_empty() && (0..PARTIES.len()).all(|nth| are_known(&segment, nth))).then_some(segment)
}

/// True if all codes of a kind of party are in range.
fn are_known(segment: &Segment, nth: usize) -> bool {
    let (parties, places) = segment.nth_parties(nth);
    let count = places.values.len();
    parties.codes.iter().enumerate().all(|(part, codes)| {
        let texts = parties.column(segment, part).values.len() as i64;
        codes.above().len() == count && codes.iter().all(|code| (0..=texts).contains(&code))
    })
}

impl<'b> Reader<'b> {
    fn bytes(&mut self, count: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn is(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// Reads a count of items that take at least one byte each.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|count| *count <= self.0.len())
    }

    fn column_number(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// Reads numbers; at most `most` if they take no space.
    fn numbers(&mut self, most: usize) -> Option<Numbers> {
        let base = self.number()?.cast_signed();
        Some(Numbers::new(base, self.packed(most)?))
    }

    fn parties(&mut self) -> Option<Parties> {
        let places = self.column_number()?;
        let mut columns = [0; PARTS];
        let mut codes = [const { Numbers::new(0, Packed::Zeros(0)) }; PARTS];
        for (column, codes) in columns.iter_mut().zip(&mut codes) {
            *column = self.column_number()?;
            *codes = self.numbers(MAX_ROWS * MAX_PARTIES)?;
        }
        Some(Parties { places, columns, codes })
    }

    fn text(&mut self) -> Option<&'b str> {
        let length = self.count()?;
        core::str::from_utf8(self.bytes(length)?).ok()
    }

    /// Reads packed numbers; at most `most` if they take no space.
    fn packed(&mut self, most: usize) -> Option<Packed> {
        let count = usize::try_from(self.number()?).ok()?;
        let width = self.byte()?;
        if width == ASCENDING {
            return (count <= most).then_some(Packed::Ascending(count));
        }
        let bytes = self.bytes(count.checked_mul(usize::from(width))?)?;
        Some(match width {
            0 if count <= most => Packed::Zeros(count),
            1 => Packed::One(bytes.to_vec()),
            2 => Packed::Two(bytes.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect()),
            4 => Packed::Four(bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()),
            8 => Packed::Eight(bytes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect()),
            _ => return None,
        })
    }

    fn values(&mut self) -> Option<Values> {
        let most = MAX_ROWS.max(self.0.len());
        let lengths = self.packed(most)?;
        let lengths: Option<Vec<u32>> = lengths.iter().map(|length| u32::try_from(length).ok()).collect();
        let lengths = lengths?;
        let texts = if self.is()? {
            let length = lengths.iter().try_fold(0_usize, |sum, length| sum.checked_add(*length as usize))?;
            Texts::Fsst(self.packed_texts(length)?)
        } else {
            Texts::Plain(self.text()?.into())
        };
        let kinds: Vec<Kind> = if self.is()? {
            self.bytes(lengths.len())?.iter().map(|kind| Kind::from_byte(*kind)).collect::<Option<_>>()?
        } else {
            vec![Kind::from_byte(self.byte()?)?; lengths.len()]
        };
        Values::from_untrusted(texts, &lengths, &kinds)
    }

    /// Reads compressed texts of `length` bytes in total.
    fn packed_texts(&mut self, length: usize) -> Option<texts::Fsst> {
        let begins = self.packed(MAX_ROWS)?;
        let begins: Option<Vec<u32>> = begins.iter().map(|begin| u32::try_from(begin).ok()).collect();
        let count = self.count()?;
        let mut symbols = Vec::with_capacity(count);
        for _ in 0..count {
            symbols.push(Symbol { length: self.byte()?, bytes: *self.bytes(8)?.first_chunk()? });
        }
        let count = self.count()?;
        texts::Fsst::new(symbols, self.bytes(count)?.to_vec(), begins?, length)
    }

    fn column(&mut self, rows: usize) -> Option<Column> {
        let values = self.values()?;
        let end = values.len() as u64;
        let places = if self.is()? {
            let count = self.count()?;
            let bytes = self.bytes(count.checked_mul(2)?)?;
            let at: Vec<u16> = bytes.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect();
            let codes = self.packed(count)?;
            let ordered = at.windows(2).all(|pair| pair[0] <= pair[1]);
            let within = at.last().is_none_or(|last| usize::from(*last) < rows);
            let known = codes.len() == count && codes.iter().all(|code| code < end);
            (ordered && within && known).then_some(RowCodes::Pairs(at, codes))?
        } else {
            let codes = self.packed(rows)?;
            (codes.len() == rows && codes.iter().all(|code| code <= end)).then_some(RowCodes::Rows(codes))?
        };
        Some(Column { values, places })
    }
}
