//! Who did something, or what it was done to: identifiers, types and names are texts of their own, each kept once, and
//! mostly those that a member's column has anyway.

use std::borrow::Cow;

use countersign_query::Party;
use foldhash::fast::FixedState;

use crate::column::{Column, Growing};
use crate::packed::Numbers;
use crate::segment::Segment;
use crate::values::{Gathered, Kind, cut};

/// The most parties of an event of one kind.
pub(crate) const MOST: usize = 16;

/// What is known of a party.
pub(crate) const PARTS: usize = 4;
pub(crate) const ID: usize = 0;
pub(crate) const TYPE: usize = 1;
pub(crate) const NAME: usize = 2;
/// A text by which it is known too. A party with several is kept as several: the others have this part alone.
pub(crate) const ALSO: usize = 3;

const EACH: [usize; PARTS] = [ID, TYPE, NAME, ALSO];

/// The parties of one kind in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parties {
    /// The column that says which rows have which.
    pub(crate) places: u32,
    /// The columns that have the texts.
    pub(crate) columns: [u32; PARTS],
    /// Of each party one above the code of its text, or 0 where there is none.
    pub(crate) codes: [Numbers; PARTS],
}

/// What a party says, part by part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept<'a>(pub(crate) [Option<(Kind, Cow<'a, str>)>; PARTS]);

impl Kept<'_> {
    pub(crate) fn text(&self, part: usize) -> Option<&str> {
        self.0[part].as_ref().map(|(_, text)| &**text)
    }

    /// Whether any of it is the begin of a text that is longer.
    pub(crate) fn is_cut(&self) -> bool {
        self.0.iter().flatten().any(|(kind, _)| *kind == Kind::Cut)
    }

    /// As it is counted and can be asked for: the identifier after its type, which is not said where it is this one.
    pub(crate) fn label(&self, unsaid: &str) -> Option<Cow<'_, str>> {
        match (self.text(ID), self.text(TYPE)) {
            (Some(id), Some(of)) if of != unsaid => Some(Cow::Owned([of, ":", id].concat())),
            (Some(id), _) => Some(Cow::Borrowed(id)),
            (None, _) => self.text(NAME).map(Cow::Borrowed),
        }
    }
}

impl Parties {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.codes[0].above().len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.codes.iter().map(Numbers::bytes).sum()
    }

    /// The column of a part of them.
    pub(crate) fn column<'s>(&self, segment: &'s Segment, part: usize) -> &'s Column {
        &segment.columns[self.columns[part] as usize]
    }

    /// The code of a part's text, where a party has one.
    pub(crate) fn code(&self, party: usize, part: usize) -> Option<usize> {
        usize::try_from(self.codes[part].get(party)).ok()?.checked_sub(1)
    }

    /// All parties that have such a part, with the code of its text.
    pub(crate) fn with_part(&self, part: usize) -> impl Iterator<Item = (usize, usize)> {
        let codes = self.codes[part].iter().map(|code| usize::try_from(code).ok()?.checked_sub(1));
        codes.enumerate().filter_map(|(party, code)| Some((party, code?)))
    }

    /// What one of them says.
    pub(crate) fn get<'s>(&self, segment: &'s Segment, party: usize) -> Kept<'s> {
        let part = |part| Some(self.column(segment, part).values.get(self.code(party, part)?));
        Kept(EACH.map(part))
    }

    /// Hands out what each says, in their order.
    pub(crate) fn each(&self, segment: &Segment, mut take: impl FnMut(&Kept<'_>)) {
        let unpacked = EACH.map(|part| self.column(segment, part).values.unpacked());
        let texts = unpacked.each_ref().map(|unpacked| unpacked.iter().collect::<Vec<_>>());
        for party in 0..self.len() {
            let part = |part: usize| {
                let (kind, text) = *texts[part].get(self.code(party, part)?)?;
                Some((kind, Cow::Borrowed(text)))
            };
            take(&Kept(EACH.map(part)));
        }
    }
}

/// Parties as they are gathered, and the rows that have them.
#[derive(Debug, Default)]
pub(crate) struct GrowingParties {
    texts: [Gathered; PARTS],
    /// Of each party one above the code of its text, or 0 where there is none.
    codes: Vec<[u32; PARTS]>,
    /// The same as texts, by which a party is known again.
    keys: Gathered,
    key: String,
    rows: Vec<u16>,
    places: Vec<u32>,
}

/// Whether a party was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    /// The row has too many.
    Full,
}

impl GrowingParties {
    /// A row has this party, of whose texts so much is kept. Rows come in their order.
    pub(crate) fn push(&mut self, hasher: &FixedState, row: u16, party: &Party<'_>, most: usize) -> Taken {
        let mut taken = self.push_one(hasher, row, party, most);
        for also in party.also.iter().skip(1) {
            let other = Party { also: vec![Cow::Borrowed(&**also)], ..Party::default() };
            if self.push_one(hasher, row, &other, most) == Taken::Full {
                taken = Taken::Full;
            }
        }
        taken
    }

    fn push_one(&mut self, hasher: &FixedState, row: u16, party: &Party<'_>, most: usize) -> Taken {
        let texts = [party.id.as_ref(), party.kind.as_ref(), party.name.as_ref(), party.also.first()];
        let parts = texts.map(|text| text.map(|text| cut(text, most)));
        let of_row = self.rows.iter().rev().take_while(|other| **other == row).count();
        let known = &self.places[self.places.len() - of_row..];
        if known.iter().any(|party| self.says(*party, &parts)) {
            return Taken::Yes;
        }
        if of_row == MOST {
            return Taken::Full;
        }
        let mut codes = [0; PARTS];
        for ((code, texts), part) in codes.iter_mut().zip(&mut self.texts).zip(parts) {
            if let Some((kind, text)) = part {
                *code = texts.loosely(hasher, kind, text) + 1;
            }
        }
        self.write_key(codes);
        let party = self.keys.loosely(hasher, Kind::Text, &self.key);
        self.place(row, party, codes);
        Taken::Yes
    }

    /// Whether a party says all of this: then there is nothing by which the row is found for this alone.
    fn says(&self, party: u32, parts: &[Option<(Kind, &str)>; PARTS]) -> bool {
        let codes = self.codes[party as usize];
        codes.iter().zip(&self.texts).zip(parts).all(|((code, texts), part)| {
            part.is_none_or(|(kind, text)| code.checked_sub(1).is_some_and(|code| texts.is(code, kind, text)))
        })
    }

    /// Six bits a character, of which the seventh says that more follow.
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

    /// A row has the party of this number, which is new where the number is.
    fn place(&mut self, row: u16, party: u32, codes: [u32; PARTS]) {
        if party as usize == self.codes.len() {
            self.codes.push(codes);
        }
        self.rows.push(row);
        self.places.push(party);
    }

    /// Takes the parties of a segment, whose rows come after so many others.
    pub(crate) fn absorb(
        &mut self,
        hasher: &FixedState,
        segment: &Segment,
        parties: &Parties,
        places: &Column,
        first: usize,
    ) {
        let texts = EACH.map(|part| {
            let unpacked = parties.column(segment, part).values.unpacked();
            let own = &mut self.texts[part];
            unpacked
                .iter()
                .map(|(kind, text)| own.code(hasher, kind, kind.kept(text)) + 1)
                .collect::<Vec<_>>()
        });
        places.each(|row, party| {
            let codes = EACH.map(|part| {
                let code = parties.code(party, part);
                code.and_then(|code| texts[part].get(code)).copied().unwrap_or(0)
            });
            self.write_key(codes);
            let party = self.keys.code(hasher, Kind::Text, &self.key);
            self.place((first + row) as u16, party, codes);
        });
    }

    /// How many bytes of texts it has.
    pub(crate) fn bytes(&self) -> usize {
        self.texts.iter().map(Gathered::bytes).sum()
    }

    /// The parties. What a column has already is left to it; columns are added for the rest.
    pub(crate) fn finish(self, columns: &mut Vec<Growing>) -> Parties {
        let Self { texts, codes, rows, places, .. } = self;
        let part = |part: usize| {
            let codes: Vec<i64> = codes.iter().map(|codes| i64::from(codes[part])).collect();
            Numbers::of(&codes)
        };
        let parts = EACH.map(part);
        let places = Growing::of_codes(rows, places, codes.len());
        let places = places.place(columns, Growing::has_same_places);
        let columns = texts
            .map(|texts| Growing::of_values(texts).place(columns, |one, other| one.values == other.values));
        Parties { places, columns, codes: parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::PARTIES;
    use countersign_query::Parsers;

    /// The segments of these events, the first of all kinds and then one that has taken them all.
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

    fn said(segment: &Segment, nth: usize) -> Vec<Vec<[Option<String>; PARTS]>> {
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
    fn rows_have_their_parties_once_each_and_no_more_than_there_is_room_for() {
        let party = |id: Option<&str>, kind: Option<&str>, name: Option<&str>| {
            [id, kind, name, None].map(|text| text.map(str::to_owned))
        };
        let many = (0..MOST + 2).map(|nth| format!(r#"{{"id":"t_{nth}"}}"#)).collect::<Vec<_>>().join(",");
        let events = [
            r#"{"action":"a","actor":{"id":"u_1","type":"user","name":"Ada"}}"#.to_owned(),
            r#"{"action":"a","actor":{"name":"Ada"},"target":["x",{"id":"x"},{"id":"x","type":"file"}]}"#
                .to_owned(),
            r#"{"action":"a"}"#.to_owned(),
            format!(r#"{{"action":"a","actor":"u_1","target":[{many}]}}"#),
            r#"{"action":"a","actor":{"id":"u_2","email":"b@example.com","login":"bo"}}"#.to_owned(),
        ];
        for segment in segments(&events) {
            let [actors, targets] = [0, 1].map(|nth| said(&segment, nth));
            assert_eq!(actors[0], [party(Some("u_1"), Some("user"), Some("Ada"))]);
            // The parser takes who has no type for a user.
            assert_eq!(actors[1], [party(None, Some("user"), Some("Ada"))]);
            assert_eq!(actors[3], [party(Some("u_1"), Some("user"), None)]);
            // Whatever has more than one other text is kept as several.
            let [first, .., other] = &actors[4][..] else { panic!("{:?}", actors[4]) };
            assert_eq!(first[..2], [Some("u_2".to_owned()), Some("user".to_owned())]);
            assert_eq!(other, &[None, None, None, Some("bo".to_owned())]);
            assert_eq!(targets[1], [party(Some("x"), None, None), party(Some("x"), Some("file"), None)]);
            assert_eq!((actors[2].len(), targets[2].len(), targets[3].len()), (0, 0, MOST));
        }
    }

    #[test]
    fn texts_that_a_member_has_are_kept_once() {
        let event = |nth: usize| {
            format!(
                r#"{{"action":"a","actor":{{"id":"u_{}","type":"user"}},"target":{{"id":"t_{nth}","type":"file"}}}}"#,
                nth % 7
            )
        };
        let events: Vec<String> = (0..5000).map(event).collect();
        for segment in segments(&events) {
            for (nth, name) in ["actor", "target"].into_iter().enumerate() {
                let parties = &segment.parties[nth];
                let column =
                    |member: &str| segment.nodes[segment.node(&[name, member]).unwrap()].column.unwrap();
                assert_eq!(parties.columns[..2], [column("id"), column("type")], "{name}");
                assert_eq!(parties.places, column("id"), "{name}");
            }
            assert_eq!(
                PARTIES.map(|short| segment.parties(short).map(|(parties, _)| parties.len())),
                [Some(7), Some(5000)]
            );
        }
    }
}
