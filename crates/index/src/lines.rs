//! Events as the lines of a batch, with what their parsers say: for who looks at all of them once more.

use core::ops::Range;

use countersign::canonical::write_string;
use countersign_query::batch::{BESIDE, NewLine};

use crate::index::{EventIndex, STRETCH, Stretch, at};
use crate::judge::Link;
use crate::order::sort;
use crate::segment::{RowKind, flag};
use crate::tell::read_json;

impl EventIndex {
    /// Begins to write the lines of those of these rows that are events, in the order in which their bytes stand. Whoever
    /// began before is given nothing more.
    pub fn begin_lines(&mut self, rows: Range<usize>) {
        let is_event = |row: &u32| {
            at(&self.held, *row as usize).is_some_and(|(held, row)| held.segment.kind(row) == RowKind::Event)
        };
        let rows = rows.start as u32..rows.end.min(self.rows()) as u32;
        let mut rows: Vec<u32> = rows.filter(is_event).collect();
        let place = |row: u32| self.place(row as usize).unwrap_or_default();
        sort(&mut rows, &|row| place(row).1.cast_signed());
        sort(&mut rows, &|row| place(row).0.into());
        rows.reverse();
        self.lines = rows;
    }

    /// The bytes that the next lines are made of; none where there are no more.
    pub fn lines_want(&self) -> Option<Stretch> {
        self.next_lines().map(|(stretch, _)| stretch)
    }

    /// These lines. None where the bytes are not those of so many events.
    pub fn lines_of(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (stretch, count) = self.next_lines()?;
        let rows = self.lines.split_off(self.lines.len() - count);
        let mut lines = Vec::with_capacity(bytes.len() + count * BESIDE);
        let mut vkey = Vec::new();
        for row in rows.into_iter().rev() {
            let (held, local) = at(&self.held, row as usize)?;
            let segment = &held.segment;
            let (_, begin, end) = self.place(row as usize)?;
            let event = bytes.get((begin - stretch.begin) as usize..(end - stretch.begin) as usize)?;
            let link = Link::of(segment, local);
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
                read: Some(&read_json(&self.parsers, event)),
                event: core::str::from_utf8(event).ok()?,
            };
            line.write(&mut lines);
        }
        Some(lines)
    }

    /// The next stretch, and how many rows stand there.
    fn next_lines(&self) -> Option<(Stretch, usize)> {
        let mut places = self.lines.iter().rev().map_while(|row| self.place(*row as usize));
        let (blob, begin, end) = places.next()?;
        let mut stretch = Stretch { blob, begin, end };
        let mut count = 1;
        for (other, _, end) in places {
            if other != blob || end.max(stretch.end) - begin > STRETCH {
                break;
            }
            stretch.end = end.max(stretch.end);
            count += 1;
        }
        Some((stretch, count))
    }
}
