//! Columns of parties: actors, those for whom they acted, and targets. Identifiers, types, and names are stored once each, mostly shared with the column of
//! the event's own field.

use std::borrow::Cow;

use countersign_query::Party;
use foldhash::fast::FixedState;

use crate::column::{Column, ColumnBuilder};
use crate::packed::Numbers;
use crate::segment::Segment;
use crate::values::{Kind, ValueBuilder, cut};

/// Maximum number of parties of one short name, such as targets, of an event.
pub(crate) const MAX_PARTIES: usize = 16;

/// Number of strings per party.
pub(crate) const PARTS: usize = 4;
pub(crate) const ID: usize = 0;
pub(crate) const TYPE: usize = 1;
pub(crate) const NAME: usize = 2;
/// Another string that identifies the party. A party with several such strings is stored as several parties;
/// all but the first have only this part.
pub(crate) const ALSO: usize = 3;

const ALL_PARTS: [usize; PARTS] = [ID, TYPE, NAME, ALSO];

/// The distinct parties of one short name in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parties {
    /// The column that maps rows to parties.
    pub(crate) places: u32,
    /// The columns of the strings, by part.
    pub(crate) columns: [u32; PARTS],
    /// For each party, the code of its string plus one, or 0 if there is none.
    pub(crate) codes: [Numbers; PARTS],
}

/// The strings of a party, by part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartyStrings<'a>(pub(crate) [Option<(Kind, Cow<'a, str>)>; PARTS]);

impl PartyStrings<'_> {
    pub(crate) fn text(&self, part: usize) -> Option<&str> {
        self.0[part].as_ref().map(|(_, text)| &**text)
    }

    /// True if any string is cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.0.iter().flatten().any(|(kind, _)| *kind == Kind::Cut)
    }

    /// Returns the text that is counted and can be queried: the identifier, preceded by its type unless that equals
    /// `unsaid`.
    pub(crate) fn label(&self, unsaid: &str) -> Option<Cow<'_, str>> {
        match (self.text(ID), self.text(TYPE)) {
            (Some(id), Some(of)) if of != unsaid => Some(Cow::Owned([of, ":", id].concat())),
            (Some(id), _) => Some(Cow::Borrowed(id)),
            (None, _) => self.text(NAME).map(Cow::Borrowed),
        }
    }
}

impl Parties {
    /// Returns the number of parties.
    pub(crate) fn len(&self) -> usize {
        self.codes[0].above().len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.codes.iter().map(Numbers::bytes).sum()
    }

    /// Returns the column of a part.
    pub(crate) fn column<'s>(&self, segment: &'s Segment, part: usize) -> &'s Column {
        &segment.columns[self.columns[part] as usize]
    }

    /// Returns the code of a party's string.
    pub(crate) fn code(&self, party: usize, part: usize) -> Option<usize> {
        usize::try_from(self.codes[part].get(party)).ok()?.checked_sub(1)
    }

    /// Iterates over the parties that have this part, with the code of its string.
    pub(crate) fn with_part(&self, part: usize) -> impl Iterator<Item = (usize, usize)> {
        let codes = self.codes[part].iter().map(|code| usize::try_from(code).ok()?.checked_sub(1));
        codes.enumerate().filter_map(|(party, code)| Some((party, code?)))
    }

    /// Returns a party.
    pub(crate) fn get<'s>(&self, segment: &'s Segment, party: usize) -> PartyStrings<'s> {
        let part = |part| Some(self.column(segment, part).values.get(self.code(party, part)?));
        PartyStrings(ALL_PARTS.map(part))
    }

    /// Calls `accept` with each party, in order.
    pub(crate) fn each(&self, segment: &Segment, mut accept: impl FnMut(&PartyStrings<'_>)) {
        let unpacked = ALL_PARTS.map(|part| self.column(segment, part).values.unpacked());
        let texts = unpacked.each_ref().map(|unpacked| unpacked.iter().collect::<Vec<_>>());
        for party in 0..self.len() {
            let part = |part: usize| {
                let (kind, text) = *texts[part].get(self.code(party, part)?)?;
                Some((kind, Cow::Borrowed(text)))
            };
            accept(&PartyStrings(ALL_PARTS.map(part)));
        }
    }
}

/// Parties under construction, with their rows.
#[derive(Debug, Default)]
pub(crate) struct PartiesBuilder {
    texts: [ValueBuilder; PARTS],
    /// For each party, the code of its string plus one, or 0 if there is none.
    codes: Vec<[u32; PARTS]>,
    /// The codes as a string, to find equal parties.
    keys: ValueBuilder,
    key: String,
    rows: Vec<u16>,
    places: Vec<u32>,
}

/// The result of adding a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddResult {
    Yes,
    /// The row already has the maximum.
    Full,
}

impl PartiesBuilder {
    /// Adds a party to a row, cutting strings to `most` bytes. Rows must come in order.
    pub(crate) fn push(
        &mut self,
        hasher: &FixedState,
        row: u16,
        party: &Party<'_>,
        most: usize,
    ) -> AddResult {
        let mut result = self.push_one(hasher, row, party, most);
        for also in party.also.iter().skip(1) {
            let other = Party { also: vec![Cow::Borrowed(&**also)], ..Party::default() };
            if self.push_one(hasher, row, &other, most) == AddResult::Full {
                result = AddResult::Full;
            }
        }
        result
    }

    fn push_one(&mut self, hasher: &FixedState, row: u16, party: &Party<'_>, most: usize) -> AddResult {
        let texts = [party.id.as_ref(), party.kind.as_ref(), party.name.as_ref(), party.also.first()];
        let parts = texts.map(|text| text.map(|text| cut(text, most)));
        let of_row = self.rows.iter().rev().take_while(|other| **other == row).count();
        let known = &self.places[self.places.len() - of_row..];
        if known.iter().any(|party| self.contains(*party, &parts)) {
            return AddResult::Yes;
        }
        if of_row == MAX_PARTIES {
            return AddResult::Full;
        }
        let mut codes = [0; PARTS];
        for ((code, texts), part) in codes.iter_mut().zip(&mut self.texts).zip(parts) {
            if let Some((kind, text)) = part {
                *code = texts.code_loosely(hasher, kind, text) + 1;
            }
        }
        self.write_key(codes);
        let party = self.keys.code_loosely(hasher, Kind::Text, &self.key);
        self.place(row, party, codes);
        AddResult::Yes
    }

    /// True if the party already contains all these strings: it would never be found by them alone.
    fn contains(&self, party: u32, parts: &[Option<(Kind, &str)>; PARTS]) -> bool {
        let codes = self.codes[party as usize];
        codes.iter().zip(&self.texts).zip(parts).all(|((code, texts), part)| {
            part.is_none_or(|(kind, text)| code.checked_sub(1).is_some_and(|code| texts.is(code, kind, text)))
        })
    }

    /// Encodes the codes with six bits per character; the seventh marks a continuation.
    fn write_key(&mut self, codes: [u32; PARTS]) {
        self.key.clear();
        for mut code in codes {
            while code > 0x3f {
                self.key.push(char::from((code & 0x3f) as u8 | 0x40));
                code >>= 6;
            }
            self.key.push(char::from(code as u8));
        }
    }

    /// Adds a party to a row. If the number is new, so is the party.
    fn place(&mut self, row: u16, party: u32, codes: [u32; PARTS]) {
        if party as usize == self.codes.len() {
            self.codes.push(codes);
        }
        self.rows.push(row);
        self.places.push(party);
    }

    /// Adds the parties of a segment, whose rows start at `first`.
    pub(crate) fn absorb(
        &mut self,
        hasher: &FixedState,
        segment: &Segment,
        parties: &Parties,
        places: &Column,
        first: usize,
    ) {
        let texts = ALL_PARTS.map(|part| {
            let unpacked = parties.column(segment, part).values.unpacked();
            let own = &mut self.texts[part];
            unpacked
                .iter()
                .map(|(kind, text)| own.code(hasher, kind, kind.stored_text(text)) + 1)
                .collect::<Vec<_>>()
        });
        places.each(|row, party| {
            let codes = ALL_PARTS.map(|part| {
                let code = parties.code(party, part);
                code.and_then(|code| texts[part].get(code)).copied().unwrap_or(0)
            });
            self.write_key(codes);
            let party = self.keys.code(hasher, Kind::Text, &self.key);
            self.place((first + row) as u16, party, codes);
        });
    }

    /// Returns the total size of the texts in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.texts.iter().map(ValueBuilder::bytes).sum()
    }

    /// Finishes the parties. Reuses equal columns and appends the others.
    pub(crate) fn finish(self, columns: &mut Vec<ColumnBuilder>) -> Parties {
        let Self { texts, codes, rows, places, .. } = self;
        let part = |part: usize| {
            let codes: Vec<i64> = codes.iter().map(|codes| i64::from(codes[part])).collect();
            Numbers::from_values(&codes)
        };
        let parts = ALL_PARTS.map(part);
        let places = ColumnBuilder::from_codes(rows, places, codes.len());
        let places = places.add_to(columns, ColumnBuilder::has_same_rows);
        let columns = texts.map(|texts| {
            ColumnBuilder::from_values(texts).add_to(columns, |one, other| one.values == other.values)
        });
        Parties { places, columns, codes: parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::PARTIES;
    use countersign_query::Parsers;

    /// Builds segments of these events, first directly, then by absorbing the first.
    fn segments(events: &[String]) -> [Segment; 2] {
        let mut builder = crate::SegmentBuilder::new(1, Parsers::built_in());
        for (nth, event) in (0..).zip(events) {
            let row = crate::Row {
                line: nth,
                index: nth,
                chain: "00",
                seq: nth,
                time: countersign::time::Time::MIN,
                vkey: "k",
                authorized: true,
                place: crate::Place::Export(0),
            };
            builder.push(&row, event);
        }
        let first = builder.finish().remove(0);
        builder.absorb(&first);
        [first, builder.finish().remove(0)]
    }

    fn party_strings(segment: &Segment, nth: usize) -> Vec<Vec<[Option<String>; PARTS]>> {
        let (parties, places) = segment.nth_parties(nth);
        let mut all = Vec::new();
        parties.each(segment, |party| all.push(party.clone().0.map(|part| Some(part?.1.into_owned()))));
        let rows = 0..segment.rows();
        rows.map(|row| {
            let of_row = places.codes(row);
            of_row
                .inspect(|party| {
                    let one = parties.get(segment, *party).0.map(|part| Some(part?.1.into_owned()));
                    assert_eq!(all[*party], one);
                })
                .map(|party| all[party].clone())
                .collect()
        })
        .collect()
    }

    #[test]
    fn rows_have_distinct_parties_up_to_the_maximum() {
        let party = |id: Option<&str>, kind: Option<&str>, name: Option<&str>| {
            [id, kind, name, None].map(|text| text.map(str::to_owned))
        };
        let many =
            (0..MAX_PARTIES + 2).map(|nth| format!(r#"{{"id":"t_{nth}"}}"#)).collect::<Vec<_>>().join(",");
        let events = [
            r#"{"action":"a","actor":{"id":"u_1","type":"user","name":"Ada"}}"#.to_owned(),
            r#"{"action":"a","actor":{"name":"Ada"},"target":["x",{"id":"x"},{"id":"x","type":"file"}]}"#
                .to_owned(),
            r#"{"action":"a"}"#.to_owned(),
            format!(r#"{{"action":"a","actor":"u_1","target":[{many}]}}"#),
            r#"{"action":"a","actor":{"id":"u_2","email":"b@example.com","login":"bo"}}"#.to_owned(),
        ];
        for segment in segments(&events) {
            let [actors, _, targets] = [0, 1, 2].map(|nth| party_strings(&segment, nth));
            assert_eq!(actors[0], [party(Some("u_1"), Some("user"), Some("Ada"))]);
            // The parser sets the type to `user` if there is none.
            assert_eq!(actors[1], [party(None, Some("user"), Some("Ada"))]);
            assert_eq!(actors[3], [party(Some("u_1"), Some("user"), None)]);
            // Additional strings are stored as separate parties.
            let [first, .., other] = &actors[4][..] else { panic!("{:?}", actors[4]) };
            assert_eq!(first[..2], [Some("u_2".to_owned()), Some("user".to_owned())]);
            assert_eq!(other, &[None, None, None, Some("bo".to_owned())]);
            assert_eq!(targets[1], [party(Some("x"), None, None), party(Some("x"), Some("file"), None)]);
            assert_eq!((actors[2].len(), targets[2].len(), targets[3].len()), (0, 0, MAX_PARTIES));
        }
    }

    #[test]
    fn shares_columns_with_fields() {
        let event = |nth: usize| {
            format!(
                r#"{{"action":"a","actor":{{"id":"u_{}","type":"user"}},"on_behalf_of":{{"id":"p_{}","type":"customer"}},"target":{{"id":"t_{nth}","type":"file"}}}}"#,
                nth % 7,
                nth % 5
            )
        };
        let events: Vec<String> = (0..5000).map(event).collect();
        for segment in segments(&events) {
            for (nth, name) in ["actor", "on_behalf_of", "target"].into_iter().enumerate() {
                let parties = &segment.parties[nth];
                let column =
                    |member: &str| segment.nodes[segment.node(&[name, member]).unwrap()].column.unwrap();
                assert_eq!(parties.columns[..2], [column("id"), column("type")], "{name}");
                assert_eq!(parties.places, column("id"), "{name}");
            }
            assert_eq!(
                PARTIES.map(|short| segment.parties(short).map(|(parties, _)| parties.len())),
                [Some(7), Some(5), Some(5000)]
            );
        }
    }
}
