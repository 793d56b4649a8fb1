//! Writes indexed events as lines of a batch with parsed fields, for analyses that need all events again.

use core::ops::Range;

use countersign::canonical::write_string;
use countersign_query::batch::{NewLine, OVERHEAD_BYTES};

use crate::answer_json::parsed_json;
use crate::evaluate::Link;
use crate::index::{ByteRange, EventIndex, READ_BYTES, locate};
use crate::order::sort;
use crate::segment::{RowKind, flag};

impl EventIndex {
    /// Starts writing the lines of the events among these rows, in the order of their bytes. Discards a run that has
    /// not finished.
    pub fn begin_lines(&mut self, rows: Range<usize>) {
        let is_event = |row: &u32| {
            locate(&self.segments, *row as usize)
                .is_some_and(|(stored, row)| stored.segment.kind(row) == RowKind::Event)
        };
        let rows = rows.start as u32..rows.end.min(self.rows()) as u32;
        let mut rows: Vec<u32> = rows.filter(is_event).collect();
        let place = |row: u32| self.place(row as usize).unwrap_or_default();
        sort(&mut rows, &|row| place(row).1.cast_signed());
        sort(&mut rows, &|row| place(row).0.into());
        rows.reverse();
        self.lines = rows;
    }

    /// Returns the bytes needed for the next lines, or `None` at the end.
    pub fn lines_want(&self) -> Option<ByteRange> {
        self.next_lines().map(|(range, _)| range)
    }

    /// Returns the next lines. Returns `None` if the bytes don't contain these events.
    pub fn lines_of(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (range, count) = self.next_lines()?;
        let rows = self.lines.split_off(self.lines.len() - count);
        let mut lines = Vec::with_capacity(bytes.len() + count * OVERHEAD_BYTES);
        let mut vkey = Vec::new();
        for row in rows.into_iter().rev() {
            let (stored, local) = locate(&self.segments, row as usize)?;
            let segment = &stored.segment;
            let (_, begin, end) = self.place(row as usize)?;
            let event = bytes.get((begin - range.begin) as usize..(end - range.begin) as usize)?;
            let link = Link::from_row(segment, local);
            vkey.clear();
            write_string(link.key.as_deref().unwrap_or_default(), &mut vkey);
            let line = NewLine {
                number: segment.lines.get(local).cast_unsigned(),
                offset: None,
                index: segment.index(local).cast_unsigned(),
                chain: &link.chain,
                seq: segment.seqs.get(local).cast_unsigned(),
                time: segment.recorded(local),
                authorized: segment.has(local, flag::AUTHORIZED),
                vkey: &vkey,
                read: Some(&parsed_json(&self.parsers, event)),
                event: core::str::from_utf8(event).ok()?,
            };
            line.write(&mut lines);
        }
        Some(lines)
    }

    /// Returns the next range of bytes, and the number of rows in it.
    fn next_lines(&self) -> Option<(ByteRange, usize)> {
        let mut places = self.lines.iter().rev().map_while(|row| self.place(*row as usize));
        let (blob, begin, end) = places.next()?;
        let mut range = ByteRange { blob, begin, end };
        let mut count = 1;
        for (other, _, end) in places {
            if other != blob || end.max(range.end) - begin > READ_BYTES {
                break;
            }
            range.end = end.max(range.end);
            count += 1;
        }
        Some((range, count))
    }
}
