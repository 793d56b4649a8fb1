//! The compact serialization of a chunk's summary.
//!
//! Most entries are event links that continue their chain. Such a link takes about six bytes besides its leaf hash: its
//! position, time, and previous hash follow from the entries before it.

use std::collections::HashMap;

use super::FindingCode;
use super::leaves::Leaves;
use super::summary::{
    Entry, EntryKind, LineFinding, LinkEntry, Opening, PayloadState, Previous, Role, SignatureState, Summary,
};
use super::wire::Wire;
use crate::export::Withheld;
use crate::time::Time;

const SIGNATURES: [SignatureState; 4] =
    [SignatureState::No, SignatureState::Valid, SignatureState::Invalid, SignatureState::Unresolved];
const PAYLOADS: [PayloadState; 7] = [
    PayloadState::NoEvent,
    PayloadState::Matches,
    PayloadState::Fails,
    PayloadState::Withheld(None),
    PayloadState::Withheld(Some(Withheld::Erased)),
    PayloadState::Withheld(Some(Withheld::Redacted)),
    PayloadState::Withheld(Some(Withheld::Filtered)),
];

/// The first byte of a link: its signature's number, its payload's number shifted by two, and these bits.
mod bit {
    /// The link's position is not the next one of its chain, and follows.
    pub(super) const SEQ: u8 = 1 << 5;
    /// The previous hash is not that of the chain's last link in the chunk, and follows.
    pub(super) const PREV: u8 = 1 << 6;
    /// The entry is not an event link. The kind's tag comes next.
    pub(super) const OTHER: u8 = 1 << 7;
}

/// The tags of entries that are not event links.
mod tag {
    pub(super) const OTHER: u8 = 0;
    pub(super) const OPEN: u8 = 1;
    pub(super) const CLOSE: u8 = 2;
}

#[cfg(all(feature = "parts", not(all(target_arch = "wasm32", target_os = "unknown"))))]
impl Summary {
    /// Serializes the summary for verification without the chunk: it contains no event texts.
    pub(super) fn encode_compact(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.entries.len() * 48);
        write(self, &mut out);
        out
    }
}

/// Appends a summary, without the texts and positions of events.
pub(super) fn write(summary: &Summary, out: &mut Vec<u8>) {
    let Summary { lines, filled, last_filled, chains, leaves, entries, findings, unresolved, .. } = summary;
    for number in [*lines, *filled, *last_filled, entries.len() as u64, findings.len() as u64] {
        write_number(number, out);
    }
    chains.write(out);
    leaves.write(out);
    unresolved.write(out);
    let mut texts = Texts::default();
    let mut rest = Vec::with_capacity(entries.len() * 8);
    let mut line = 0;
    for finding in findings {
        write_number(finding.line.wrapping_sub(line), &mut rest);
        line = finding.line;
        write_number(finding.entry.map_or(0, |entry| entry as u64 + 1), &mut rest);
        finding.code.write(&mut rest);
        texts.write(&finding.detail, &mut rest);
    }
    let mut so_far = Progress::new(chains.len());
    for entry in entries {
        write_number(entry.line.wrapping_sub(so_far.line), &mut rest);
        match &entry.kind {
            EntryKind::Link(link) => write_link(link, &so_far, leaves, &mut texts, &mut rest),
            kind => {
                rest.extend([bit::OTHER, tag::OTHER]);
                kind.write(&mut rest);
            }
        }
        so_far.pass(entry);
    }
    texts.all.len().write(out);
    for text in texts.all {
        text.to_owned().write(out);
    }
    out.append(&mut rest);
}

fn write_link<'s>(
    link: &'s LinkEntry,
    so_far: &Progress,
    leaves: &Leaves,
    texts: &mut Texts<'s>,
    out: &mut Vec<u8>,
) {
    match &link.role {
        Role::Event => {}
        Role::Open(_) => out.extend([bit::OTHER, tag::OPEN]),
        Role::Close => out.extend([bit::OTHER, tag::CLOSE]),
    }
    let signature = number_in(&SIGNATURES, &link.signature);
    let payload = number_in(&PAYLOADS, &link.payload);
    let (seq, prev) = so_far.next_link(link.chain, leaves);
    let seq_bit = if seq == Some(link.seq) { 0 } else { bit::SEQ };
    let prev_bit = if prev == Some(link.prev) { 0 } else { bit::PREV };
    out.push(signature | payload << 2 | seq_bit | prev_bit);
    write_number(link.chain.into(), out);
    if seq_bit != 0 {
        write_number(link.seq, out);
    }
    let time = link.time.millis().wrapping_sub(so_far.time);
    // Small numbers of either sign become small numbers.
    write_number((time << 1 ^ time >> 63).cast_unsigned(), out);
    if prev_bit != 0 {
        link.prev.write(out);
    }
    if link.signature != SignatureState::No {
        link.signature_bytes.write(out);
    }
    if let Role::Open(opening) = &link.role {
        texts.write(&opening.origin, out);
        texts.write(opening.key.as_str(), out);
    }
}

/// Returns the position of a value that is in the list.
fn number_in<T: PartialEq>(all: &[T], value: &T) -> u8 {
    all.iter().position(|other| other == value).unwrap_or_default() as u8
}

/// Parses a summary. `None` if the bytes are malformed or inconsistent.
pub(super) fn read(mut from: &[u8]) -> Option<Summary> {
    let from = &mut from;
    let mut number = || read_number(from);
    let (lines, filled, last_filled) = (number()?, number()?, number()?);
    let (entries, findings) = (number()?, number()?);
    let (chains, leaves, unresolved) = (Vec::read(from)?, Leaves::read(from)?, Vec::read(from)?);
    let mut summary =
        Summary { lines, filled, last_filled, chains, leaves, unresolved, ..Summary::default() };
    let texts: Vec<String> = Vec::read(from)?;
    let mut line = 0_u64;
    for _ in 0..findings {
        line = line.wrapping_add(read_number(from)?);
        let entry = match read_number(from)? {
            0 => None,
            next => Some(usize::try_from(next - 1).ok()?),
        };
        let code = FindingCode::read(from)?;
        let detail = read_text(&texts, from)?.to_owned().into();
        summary.findings.push(LineFinding { line, entry, code, detail });
    }
    let mut so_far = Progress::new(summary.chains.len());
    // Every entry takes more than one byte, so a false count can't reserve more than there are bytes.
    summary.entries.reserve(usize::try_from(entries).ok()?.min(from.len()));
    for _ in 0..entries {
        let line = so_far.line.wrapping_add(read_number(from)?);
        let first = u8::read(from)?;
        let kind = if first == bit::OTHER {
            match u8::read(from)? {
                tag::OTHER => EntryKind::read(from)?,
                tag => {
                    let first = u8::read(from)?;
                    let link = read_link(first, Role::Close, &so_far, &summary.leaves, from)?;
                    let role = match tag {
                        tag::OPEN => Role::Open(Box::new(read_opening(&texts, from)?)),
                        tag::CLOSE => Role::Close,
                        _ => return None,
                    };
                    EntryKind::Link(LinkEntry { role, ..link })
                }
            }
        } else {
            EntryKind::Link(read_link(first, Role::Event, &so_far, &summary.leaves, from)?)
        };
        let entry = Entry { line, kind };
        so_far.pass(&entry);
        summary.entries.push(entry);
    }
    (from.is_empty() && summary.is_sound()).then_some(summary)
}

fn read_link(
    first: u8,
    role: Role,
    so_far: &Progress,
    leaves: &Leaves,
    from: &mut &[u8],
) -> Option<LinkEntry> {
    let signature = *SIGNATURES.get(usize::from(first & 3))?;
    let payload = *PAYLOADS.get(usize::from(first >> 2 & 7))?;
    let chain = u32::try_from(read_number(from)?).ok()?;
    let (seq, prev) = so_far.next_link(chain, leaves);
    let seq = if first & bit::SEQ == 0 { seq? } else { read_number(from)? };
    let time = read_number(from)?;
    let time = (time >> 1).cast_signed() ^ -(time & 1).cast_signed();
    let time = Time::from_millis(so_far.time.wrapping_add(time))?;
    let prev = if first & bit::PREV == 0 { prev? } else { Previous::read(from)? };
    let signature_bytes = if signature == SignatureState::No { None } else { Wire::read(from)? };
    let event = (0, 0);
    Some(LinkEntry { chain, role, signature, payload, seq, time, prev, event, signature_bytes })
}

fn read_opening(texts: &[String], from: &mut &[u8]) -> Option<Opening> {
    let origin = read_text(texts, from)?.to_owned();
    let key = read_text(texts, from)?.parse().ok()?;
    Some(Opening { origin, key })
}

/// Texts that are written once each.
#[derive(Default)]
struct Texts<'s> {
    all: Vec<&'s str>,
    numbers: HashMap<&'s str, u64>,
}

impl<'s> Texts<'s> {
    /// Appends a text's number.
    fn write(&mut self, text: &'s str, out: &mut Vec<u8>) {
        let number = *self.numbers.entry(text).or_insert_with(|| {
            self.all.push(text);
            self.all.len() as u64 - 1
        });
        write_number(number, out);
    }
}

fn read_text<'t>(texts: &'t [String], from: &mut &[u8]) -> Option<&'t str> {
    let number = usize::try_from(read_number(from)?).ok()?;
    texts.get(number).map(String::as_str)
}

/// The entries of a chunk so far, from which the next ones follow.
struct Progress {
    line: u64,
    /// The last link's time, in milliseconds since the epoch.
    time: i64,
    /// The number of leaves.
    leaves: usize,
    /// The position of each chain's last link, and its leaf.
    chains: Vec<Option<(u64, usize)>>,
}

impl Progress {
    fn new(chains: usize) -> Self {
        Self { line: 0, time: 0, leaves: 0, chains: vec![None; chains] }
    }

    /// Returns the position and the previous hash of the chain's next link.
    fn next_link(&self, chain: u32, leaves: &Leaves) -> (Option<u64>, Option<Previous>) {
        let last = self.chains.get(chain as usize).copied().flatten();
        let prev = match leaves {
            Leaves::Hashes(_) => {
                last.and_then(|(_, leaf)| leaves.get(leaf)).map(|hash| Previous::Hash(*hash))
            }
            Leaves::Merged(_) => Some(Previous::Follows),
        };
        (last.and_then(|(seq, _)| seq.checked_add(1)), prev)
    }

    fn pass(&mut self, entry: &Entry) {
        self.line = entry.line;
        if let EntryKind::Link(link) = &entry.kind {
            self.time = link.time.millis();
            if let Some(last) = self.chains.get_mut(link.chain as usize) {
                *last = Some((link.seq, self.leaves));
            }
        }
        self.leaves += usize::from(entry.kind.is_leaf());
    }
}

/// Appends a number, seven bits to a byte, the lowest first.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = u8::read(from)?;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::hash::Hash;
    use crate::link::ChainId;
    use crate::verify::leaves::MergedLeaves;
    use crate::verify::summary::Unresolved;

    fn link(line: u64, chain: u32, seq: u64, prev: Hash) -> Entry {
        let (time, event) = (Time::MIN, (3, 9));
        let (signature, payload) = (SignatureState::Valid, PayloadState::Withheld(Some(Withheld::Filtered)));
        let link = LinkEntry {
            chain,
            role: Role::Event,
            signature,
            payload,
            seq,
            time,
            prev: Previous::Hash(prev),
            event,
            signature_bytes: Some(Box::new([7; 64])),
        };
        Entry { line, kind: EntryKind::Link(link) }
    }

    /// Returns a summary of three links and a skip. The last link follows the first.
    fn summary() -> Summary {
        let leaves = Leaves::Hashes(vec![Hash([1; 32]), Hash([2; 32]), Hash([3; 32])]);
        let skip = Entry { line: 4, kind: EntryKind::Skip(1, Hash([9; 32])) };
        let mut last = link(300, 0, 8, Hash([1; 32]));
        if let EntryKind::Link(link) = &mut last.kind {
            link.time = Time::MAX;
        }
        let entries = vec![link(1, 0, 7, Hash([8; 32])), link(2, 1, 1 << 40, Hash([7; 32])), skip, last];
        let chains = vec![ChainId([4; 16]), ChainId([5; 16])];
        let finding = |line, entry| {
            let (code, detail) = (FindingCode::PayloadWithheld, "withheld".into());
            LineFinding { line, entry, code, detail }
        };
        let findings = vec![finding(1, Some(0)), finding(3, None)];
        let unresolved = vec![Unresolved { entry: 1, message: "signed".into(), signature: [2; 64] }];
        let (lines, filled, last_filled) = (300, 4, 300);
        Summary {
            lines,
            filled,
            last_filled,
            chains,
            leaves,
            entries,
            findings,
            unresolved,
            ..Summary::default()
        }
    }

    fn written(summary: &Summary) -> Vec<u8> {
        let mut out = Vec::new();
        write(summary, &mut out);
        out
    }

    #[test]
    fn entries_round_trip_without_their_texts() {
        let bytes = written(&summary());
        let mut expected = summary();
        for entry in &mut expected.entries {
            if let EntryKind::Link(link) = &mut entry.kind {
                link.event = (0, 0);
            }
        }
        assert_eq!(format!("{:?}", read(&bytes).unwrap()), format!("{expected:?}"));
    }

    #[test]
    fn malformed_bytes_are_not_read() {
        let bytes = written(&summary());
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_none(), "{length}");
        }
        assert!(read(&[&bytes[..], &[0]].concat()).is_none());
        let mut other = summary();
        other.leaves = Leaves::Hashes(vec![Hash([1; 32]); 2]);
        assert!(read(&written(&other)).is_none());
    }

    #[test]
    fn numbers_round_trip() {
        for number in [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            write_number(number, &mut out);
            assert_eq!(read_number(&mut &out[..]), Some(number));
        }
        assert_eq!(read_number(&mut &[0xFF; 11][..]), None);
    }

    #[test]
    fn roles_and_merged_leaves_round_trip() {
        let mut summary = summary();
        let key: &str = "example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5";
        let opening = Opening { origin: "log.example".into(), key: key.parse().unwrap() };
        let roles = [Role::Open(Box::new(opening)), Role::Close];
        for (entry, role) in summary.entries.iter_mut().zip(roles) {
            if let EntryKind::Link(link) = &mut entry.kind {
                (link.role, link.event, link.prev) = (role, (0, 0), Previous::Differs);
            }
        }
        if let EntryKind::Link(link) = &mut summary.entries[3].kind {
            (link.event, link.prev) = ((0, 0), Previous::Follows);
        }
        // The leaves 4 and 5, a skip of 6 and 7, and the leaf 8.
        let merged = MergedLeaves { first: 4, kept: vec![5], hashes: vec![Hash([1; 32]); 3] };
        summary.leaves = Leaves::Merged(merged);
        assert_eq!(format!("{:?}", read(&written(&summary)).unwrap()), format!("{summary:?}"));
    }

    #[test]
    fn a_link_that_continues_its_chain_takes_few_bytes() {
        let mut summary = summary();
        let before = written(&summary).len();
        summary.leaves = Leaves::Hashes([1, 2, 3, 6].map(|byte| Hash([byte; 32])).into());
        summary.entries.push(link(301, 0, 9, Hash([3; 32])));
        summary.lines = 301;
        if let EntryKind::Link(link) = &mut summary.entries[4].kind {
            link.time = Time::MAX;
            (link.signature, link.signature_bytes) = (SignatureState::No, None);
        }
        assert_eq!(written(&summary).len() - before, 32 + 4);
    }
}
