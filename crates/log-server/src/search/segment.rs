//! Segments of the index: the terms and time ranges of consecutive pages.
//!
//! A segment begins at a multiple of its size: 32 pages while it grows, and 1,024 once that many are full. It has a
//! head and parts. The head contains, for each page, the time ranges of its links and of its events. Each part
//! contains the terms that begin with certain bits, with the pages or entries that have them ([`Places`]). Head and
//! parts are sealed, so a missing or damaged row is noticed when it is read.

use super::secret::{SEAL_BYTES, Secret};
use super::terms::{Places, Term};

/// Number of pages in a small segment, which still grows.
pub(super) const SMALL_PAGES: u64 = 32;
/// Number of pages in a large segment, which small ones are merged into.
pub(super) const LARGE_PAGES: u64 = 1_024;
/// Number of parts in a large segment.
pub(super) const MAX_PARTS: u64 = 256;
/// Number of parts in a small segment.
pub(super) const SMALL_PARTS: u64 = MAX_PARTS / (LARGE_PAGES / SMALL_PAGES);
/// Size of a head, in bytes: the generation with the last hash, and each page.
const HEAD_BYTES: usize = 8 + 32;
const PAGE_BYTES: usize = 33;

/// A term, and one of its places in the segment.
pub(super) type Posting = (Term, u16);

/// Returns the place of a term in a segment by its place on a page.
pub(super) fn place_in_segment(term: Term, page: u16, place: u16) -> u16 {
    page * Places::of_term(term).per_page() + place
}

/// Returns the page of a place of a term, counted from the segment's first.
pub(super) fn page_of((term, place): Posting) -> u16 {
    place / Places::of_term(term).per_page()
}

/// Sorts items and removes duplicates.
pub(super) fn sort<T: Ord>(items: &mut Vec<T>) {
    items.sort_unstable();
    items.dedup();
}

/// The summary of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// The earliest and the latest time of its links, if it has any.
    pub(super) times: Option<(i64, i64)>,
    /// The earliest and the latest time at which its events happened, if it has any.
    pub(super) happened: Option<(i64, i64)>,
    /// True if the page has so many terms that it is a candidate for every search.
    pub(super) dense: bool,
}

/// A segment's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its first page.
    pub(super) first: u64,
    /// A random number, new at each write, so that parts of an earlier version are recognized.
    pub(super) generation: u64,
    /// The hash of its last entry.
    pub(super) last: [u8; 32],
    pub(super) pages: Vec<Page>,
}

impl Head {
    /// Returns the page after the last one.
    pub(super) fn end(&self) -> u64 {
        self.first + self.pages.len() as u64
    }

    pub(super) fn is_large(&self) -> bool {
        self.pages.len() as u64 > SMALL_PAGES
    }

    /// Returns the number of parts.
    pub(super) fn parts(&self) -> u64 {
        if self.is_large() { MAX_PARTS } else { SMALL_PARTS }
    }

    /// Returns the part that contains this term.
    pub(super) fn part_of(&self, term: Term) -> u64 {
        (term >> 56) * self.parts() / MAX_PARTS
    }

    /// Returns the postings of pages for each part, in no order. The pages are numbered from the segment's first.
    pub(super) fn by_part(
        &self,
        pages: impl IntoIterator<Item = (u16, Vec<(Term, u16)>)>,
    ) -> Vec<Vec<Posting>> {
        let mut parts = vec![Vec::new(); self.parts() as usize];
        for (page, terms) in pages {
            for (term, place) in terms {
                parts[self.part_of(term) as usize].push((term, place_in_segment(term, page, place)));
            }
        }
        parts
    }

    /// Returns the row number of a part.
    pub(super) fn row(&self, part: u64) -> u64 {
        self.first * MAX_PARTS + part
    }

    /// Returns the number of pages in a head of that length in bytes.
    pub(super) fn pages_of(length: u64) -> u64 {
        length.saturating_sub((HEAD_BYTES + SEAL_BYTES) as u64) / PAGE_BYTES as u64
    }

    pub(super) fn encode(&self, secret: &Secret) -> Vec<u8> {
        let mut out = self.generation.to_be_bytes().to_vec();
        out.extend(self.last);
        for Page { times, happened, dense } in &self.pages {
            out.push(u8::from(*dense) | u8::from(times.is_some()) << 1 | u8::from(happened.is_some()) << 2);
            for times in [times, happened] {
                let (first, last) = times.unwrap_or_default();
                out.extend(first.to_be_bytes());
                out.extend(last.to_be_bytes());
            }
        }
        seal(secret, "head", self.first, 0, out)
    }

    /// Decodes a head. Returns `None` if it is damaged.
    pub(super) fn decode(secret: &Secret, first: u64, bytes: &[u8]) -> Option<Self> {
        let bytes = unseal(secret, "head", first, 0, bytes)?;
        let (generation, bytes) = bytes.split_first_chunk()?;
        let (last, bytes) = bytes.split_first_chunk()?;
        let page = |page: &[u8; PAGE_BYTES]| {
            let [flags, times @ ..] = *page;
            let (times, _) = times.as_chunks::<8>();
            let [from, to, first, last] =
                times.iter().copied().map(i64::from_be_bytes).collect::<Vec<_>>()[..]
            else {
                return None;
            };
            Some(Page {
                times: (flags & 2 != 0).then_some((from, to)),
                happened: (flags & 4 != 0).then_some((first, last)),
                dense: flags & 1 != 0,
            })
        };
        let (pages, rest) = bytes.as_chunks::<PAGE_BYTES>();
        let pages = pages.iter().map(page).collect::<Option<Vec<_>>>()?;
        let whole = rest.is_empty() && !pages.is_empty() && pages.len() as u64 <= LARGE_PAGES;
        whole.then(|| Self { first, generation: u64::from_be_bytes(*generation), last: *last, pages })
    }

    /// Encodes a part. The postings are sorted, each of them once.
    pub(super) fn encode_part(&self, secret: &Secret, part: u64, postings: &[Posting]) -> Vec<u8> {
        seal(secret, "part", self.row(part), self.generation, encode(postings))
    }

    /// True if the part is undamaged and of this generation.
    pub(super) fn is_part(&self, secret: &Secret, part: u64, bytes: &[u8]) -> bool {
        unseal(secret, "part", self.row(part), self.generation, bytes).is_some()
    }

    /// Returns the postings of a part, sorted; `None` if it is damaged, or of another generation.
    pub(super) fn decode_part(&self, secret: &Secret, part: u64, bytes: &[u8]) -> Option<Vec<Posting>> {
        let mut postings = Vec::new();
        let mut bytes = unseal(secret, "part", self.row(part), self.generation, bytes)?;
        while !bytes.is_empty() {
            let (term, places) = decode(&mut bytes)?;
            places.each(|place| postings.push((term, place)))?;
        }
        Some(postings)
    }

    /// Calls `report` with each position of these terms, given in ascending order, in a part. Returns `None` if the
    /// part is damaged or of another generation.
    pub(super) fn find(
        &self,
        secret: &Secret,
        part: u64,
        bytes: &[u8],
        wanted: &[Term],
        report: &mut dyn FnMut(Term, u16),
    ) -> Option<()> {
        let mut bytes = unseal(secret, "part", self.row(part), self.generation, bytes)?;
        let mut wanted = wanted.iter().peekable();
        while !bytes.is_empty() {
            let (term, places) = decode(&mut bytes)?;
            while wanted.next_if(|wanted| **wanted < term).is_some() {}
            match wanted.peek() {
                Some(wanted) if **wanted == term => places.each(|place| report(term, place))?,
                Some(_) => {}
                None => break,
            }
        }
        Some(())
    }
}

fn seal(secret: &Secret, table: &str, row: u64, generation: u64, mut bytes: Vec<u8>) -> Vec<u8> {
    let seal = secret.seal(table, row, generation, &bytes);
    bytes.extend(seal);
    bytes
}

fn unseal<'b>(secret: &Secret, table: &str, row: u64, generation: u64, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let (bytes, seal) = bytes.split_last_chunk::<SEAL_BYTES>()?;
    (secret.seal(table, row, generation, bytes) == *seal).then_some(bytes)
}

/// Encodes postings: for each term its bytes, the number of runs of positions, and for each run its distance from the
/// previous one and its length.
fn encode(postings: &[Posting]) -> Vec<u8> {
    let mut out = Vec::with_capacity(postings.len() * 12);
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for same_term in postings.chunk_by(|(one, _), (other, _)| one == other) {
        runs.clear();
        for (_, place) in same_term {
            let place = u32::from(*place);
            match runs.last_mut() {
                Some((start, length)) if *start + *length == place => *length += 1,
                _ => runs.push((place, 1)),
            }
        }
        out.extend(same_term[0].0.to_be_bytes());
        write(&mut out, runs.len() as u32);
        let mut at = 0;
        for (start, length) in &runs {
            write(&mut out, start - at);
            write(&mut out, *length);
            at = start + length;
        }
    }
    out
}

/// The encoded places of a term.
struct EncodedPlaces<'b> {
    runs: u32,
    bytes: &'b [u8],
}

/// Splits off the next term.
fn decode<'b>(bytes: &mut &'b [u8]) -> Option<(Term, EncodedPlaces<'b>)> {
    let (term, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    let runs = read(bytes)?;
    let encoded = *bytes;
    for _ in 0..runs {
        read(bytes)?;
        read(bytes)?;
    }
    Some((Term::from_be_bytes(*term), EncodedPlaces { runs, bytes: &encoded[..encoded.len() - bytes.len()] }))
}

impl EncodedPlaces<'_> {
    /// Calls `report` with each position. Returns `None` if one is outside of any segment.
    fn each(self, mut report: impl FnMut(u16)) -> Option<()> {
        let (mut bytes, mut at) = (self.bytes, 0_u32);
        for _ in 0..self.runs {
            let start = at.checked_add(read(&mut bytes)?)?;
            at = start.checked_add(read(&mut bytes)?)?;
            if at > u32::from(u16::MAX) + 1 {
                return None;
            }
            (start..at).for_each(|place| report(place as u16));
        }
        Some(())
    }
}

/// Writes a number in bytes of 7 bits each, the lowest first.
fn write(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads a number of at most 21 bits.
fn read(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0;
    for shift in [0, 7, 14] {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postings() -> Vec<Posting> {
        // The last term's places are entries.
        let term = |number: u8| Term::from_be_bytes([number, 1, 2, 3, 4, 5, 6, number & 1]);
        let places: [(Term, Vec<u16>); 5] = [
            (term(0), vec![0]),
            (term(2), (0..1_024).collect()),
            (term(4), vec![3, 4, 5, 127, 128, 129, 700, 1_023]),
            (term(6), (0..1_024).step_by(2).collect()),
            (term(255), vec![0, 63, 64, 16_383, 16_384, 65_534, u16::MAX]),
        ];
        let each = places.iter().flat_map(|(term, places)| places.iter().map(|place| (*term, *place)));
        each.collect()
    }

    fn head() -> Head {
        let pages =
            vec![Page { times: Some((-5, 7)), happened: Some((-9, 5)), dense: true }, Page::default()];
        Head { first: 64, generation: 9, last: [1; 32], pages }
    }

    #[test]
    fn decodes_what_it_encodes() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, head) = (Secret::load(folder.path()).unwrap(), head());
        for postings in [postings(), Vec::new()] {
            let part = head.encode_part(&secret, 3, &postings);
            assert_eq!(head.decode_part(&secret, 3, &part), Some(postings.clone()));
            let mut terms: Vec<Term> = postings.iter().map(|(term, _)| *term).collect();
            terms.dedup();
            terms.insert(0, 0);
            terms.push(Term::MAX);
            for wanted in [&terms[..], &terms[1..2], &terms[terms.len() - 1..], &[]] {
                let mut found = Vec::new();
                let mut report = |term, place| found.push((term, place));
                head.find(&secret, 3, &part, wanted, &mut report).unwrap();
                let expected = postings.iter().filter(|(term, _)| wanted.contains(term));
                assert_eq!(found, expected.copied().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn numbers_have_minimal_length() {
        for (number, length) in [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (65_536, 3)] {
            let mut bytes = Vec::new();
            write(&mut bytes, number);
            assert_eq!((read(&mut &bytes[..]), bytes.len()), (Some(number), length));
        }
        assert_eq!(read(&mut &[0x80, 0x80, 0x80, 1][..]), None);
    }

    #[test]
    fn detects_every_changed_byte() {
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret::load(folder.path()).unwrap();
        let head = head();
        let (bytes, part) = (head.encode(&secret), head.encode_part(&secret, 3, &postings()));
        assert_eq!(Head::decode(&secret, 64, &bytes), Some(head.clone()));
        assert_eq!(head.decode_part(&secret, 3, &part), Some(postings()));
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            assert_eq!(Head::decode(&secret, 64, &bytes), None, "{place}");
        }
        for place in 0..part.len() {
            let mut part = part.clone();
            part[place] ^= 1;
            assert_eq!(head.decode_part(&secret, 3, &part), None, "{place}");
        }
        assert_eq!(Head::decode(&secret, 32, &bytes), None, "another place");
        assert_eq!(head.decode_part(&secret, 4, &part), None, "another place");
        let later = Head { generation: 10, ..head };
        assert_eq!(later.decode_part(&secret, 3, &part), None, "an earlier generation");
        assert!(later.decode_part(&secret, 3, &part[..part.len() - 1]).is_none());
    }
}
