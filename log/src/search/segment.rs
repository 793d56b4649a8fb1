//! Segments: what is known of pages that follow each other.
//!
//! A segment begins at a multiple of its size: 32 pages while it grows, and 1,024 once so many are full. It has a head, which
//! says of each page from when to when its links are and its events happened, and parts, each with the terms that begin with some bits and the
//! pages that have them. Head and parts are sealed: a row that is missing or damaged is noticed by whoever reads it.

use std::collections::BTreeMap;

use super::secret::{SEAL, Secret};
use super::terms::Term;

/// How many pages a segment has while it grows.
pub(super) const SMALL: u64 = 32;
/// How many pages several of them are merged into.
pub(super) const LARGE: u64 = 1_024;
/// The number of a part is below this.
pub(super) const PARTS: u64 = 256;
/// How many parts a segment has while it grows.
pub(super) const SMALL_PARTS: u64 = PARTS / (LARGE / SMALL);
/// The bytes of a head: its generation and last hash, and of each page.
const BEGIN: usize = 8 + 32;
const PAGE: usize = 33;

/// The terms of a part, each with the pages that have it, counted from the segment's first and ascending.
pub(super) type Postings = BTreeMap<Term, Vec<u16>>;

/// What is known of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// The earliest and the latest of its links' times, where it has links.
    pub(super) times: Option<(i64, i64)>,
    /// The earliest and the latest time at which its events happened, where it has events.
    pub(super) happened: Option<(i64, i64)>,
    /// Whether there are so many terms that the page is a candidate for every question.
    pub(super) dense: bool,
}

/// A segment's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its first page.
    pub(super) first: u64,
    /// Another number each time that it is written: parts of an earlier one are none of this.
    pub(super) generation: u64,
    /// The hash of its last leaf.
    pub(super) last: [u8; 32],
    pub(super) pages: Vec<Page>,
}

impl Head {
    /// The page after its last one.
    pub(super) fn end(&self) -> u64 {
        self.first + self.pages.len() as u64
    }

    pub(super) fn is_large(&self) -> bool {
        self.pages.len() as u64 > SMALL
    }

    /// How many parts it has.
    pub(super) fn parts(&self) -> u64 {
        if self.is_large() { PARTS } else { SMALL_PARTS }
    }

    /// The part with terms like this one.
    pub(super) fn part_of(&self, term: Term) -> u64 {
        u64::from(term[0]) * self.parts() / PARTS
    }

    /// The number of a part's row.
    pub(super) fn row(&self, part: u64) -> u64 {
        self.first * PARTS + part
    }

    /// How many pages a head of that many bytes has.
    pub(super) fn pages_of(length: u64) -> u64 {
        length.saturating_sub((BEGIN + SEAL) as u64) / PAGE as u64
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
        sealed(secret, "head", self.first, 0, out)
    }

    /// None where it is damaged.
    pub(super) fn decode(secret: &Secret, first: u64, bytes: &[u8]) -> Option<Self> {
        let bytes = unsealed(secret, "head", first, 0, bytes)?;
        let (generation, bytes) = bytes.split_first_chunk()?;
        let (last, bytes) = bytes.split_first_chunk()?;
        let page = |page: &[u8; PAGE]| {
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
        let (pages, rest) = bytes.as_chunks::<PAGE>();
        let pages = pages.iter().map(page).collect::<Option<Vec<_>>>()?;
        let whole = rest.is_empty() && !pages.is_empty() && pages.len() as u64 <= LARGE;
        whole.then(|| Self { first, generation: u64::from_be_bytes(*generation), last: *last, pages })
    }

    pub(super) fn encode_part(&self, secret: &Secret, part: u64, postings: &Postings) -> Vec<u8> {
        sealed(secret, "part", self.row(part), self.generation, encode(postings))
    }

    /// Whether it is whole, and of this generation.
    pub(super) fn is_part(&self, secret: &Secret, part: u64, bytes: &[u8]) -> bool {
        unsealed(secret, "part", self.row(part), self.generation, bytes).is_some()
    }

    /// None where it is damaged, or of another generation.
    pub(super) fn decode_part(&self, secret: &Secret, part: u64, bytes: &[u8]) -> Option<Postings> {
        decode(unsealed(secret, "part", self.row(part), self.generation, bytes)?)
    }
}

fn sealed(secret: &Secret, table: &str, row: u64, generation: u64, mut bytes: Vec<u8>) -> Vec<u8> {
    let seal = secret.seal(table, row, generation, &bytes);
    bytes.extend(seal);
    bytes
}

fn unsealed<'b>(
    secret: &Secret,
    table: &str,
    row: u64,
    generation: u64,
    bytes: &'b [u8],
) -> Option<&'b [u8]> {
    let (bytes, seal) = bytes.split_last_chunk::<SEAL>()?;
    (secret.seal(table, row, generation, bytes) == *seal).then_some(bytes)
}

/// Of each term its bytes, how many stretches of pages there are, and of each stretch how far it is from the one before and
/// how long it is.
fn encode(postings: &Postings) -> Vec<u8> {
    let mut out = Vec::with_capacity(postings.len() * 12);
    for (term, pages) in postings {
        let mut stretches: Vec<(u16, u16)> = Vec::new();
        for page in pages {
            match stretches.last_mut() {
                Some((start, length)) if *start + *length == *page => *length += 1,
                _ => stretches.push((*page, 1)),
            }
        }
        out.extend(term);
        write(&mut out, stretches.len() as u16);
        let mut at = 0;
        for (start, length) in stretches {
            write(&mut out, start - at);
            write(&mut out, length);
            at = start + length;
        }
    }
    out
}

fn decode(mut bytes: &[u8]) -> Option<Postings> {
    let mut postings = Postings::new();
    while !bytes.is_empty() {
        let (term, rest) = bytes.split_first_chunk()?;
        bytes = rest;
        let (mut pages, mut at) = (Vec::new(), 0_u16);
        for _ in 0..read(&mut bytes)? {
            let start = at.checked_add(read(&mut bytes)?)?;
            at = start.checked_add(read(&mut bytes)?)?;
            pages.extend(start..at);
        }
        if u64::from(at) > LARGE {
            return None;
        }
        postings.insert(*term, pages);
    }
    Some(postings)
}

/// A number below 2^14 in one byte or two.
fn write(out: &mut Vec<u8>, number: u16) {
    if number < 0x80 {
        out.push(number as u8);
    } else {
        out.extend([(number >> 8) as u8 | 0x80, number as u8]);
    }
}

fn read(bytes: &mut &[u8]) -> Option<u16> {
    let (first, rest) = bytes.split_first()?;
    if *first < 0x80 {
        *bytes = rest;
        return Some(u16::from(*first));
    }
    let (second, rest) = rest.split_first()?;
    *bytes = rest;
    Some(u16::from(first & 0x7f) << 8 | u16::from(*second))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postings() -> Postings {
        let term = |number: u8| [number, 1, 2, 3, 4, 5, 6, 7];
        [
            (term(0), vec![0]),
            (term(1), (0..1_024).collect()),
            (term(9), vec![3, 4, 5, 127, 128, 129, 700, 1_023]),
            (term(255), (0..1_024).step_by(2).collect()),
        ]
        .into()
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(decode(&encode(&postings())), Some(postings()));
        assert_eq!(decode(&[]), Some(Postings::new()));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret::load(folder.path()).unwrap();
        let pages =
            vec![Page { times: Some((-5, 7)), happened: Some((-9, 5)), dense: true }, Page::default()];
        let head = Head { first: 64, generation: 9, last: [1; 32], pages };
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
        assert_eq!(Head::decode(&secret, 32, &bytes), None, "of another place");
        assert_eq!(head.decode_part(&secret, 4, &part), None, "of another place");
        let later = Head { generation: 10, ..head };
        assert_eq!(later.decode_part(&secret, 3, &part), None, "of an earlier time");
        assert!(later.decode_part(&secret, 3, &part[..part.len() - 1]).is_none() && decode(&[1]).is_none());
    }
}
