//! Pieces of parts: the same report, pin, and visits as for the whole file, however it was cut, and an error if a piece
//! is not what the caller asked for.
#![cfg(not(target_arch = "wasm32"))]

use std::convert::Infallible;
use std::io::Cursor;

use countersign::export::Compression;
use countersign::verify::parts::{self, ItemCodec, Part, PartsError, Piece, VisitPiecesError};
use countersign::verify::{
    EventVisitor, Options, PendingItem, SelectedItem, SummarizedEvent, Verification, VerifiedItem, parallel,
};

use crate::common::cases;

/// The length of an event's text.
#[derive(Debug)]
struct Length(u64);

impl PendingItem for Length {
    fn bytes(&self) -> usize {
        0
    }
}

/// Selects two of three events, every fourth of them with its text.
fn examine(event: &SummarizedEvent<'_>) -> Option<SelectedItem<Length>> {
    let item = Length(event.text.len() as u64);
    match event.seq {
        seq if seq % 3 == 2 => None,
        seq if seq % 4 == 0 => Some(event.select_with_text(item)),
        _ => Some(event.select(item)),
    }
}

/// Writes lengths in eight bytes each, without their number.
struct LengthCodec;

impl ItemCodec for LengthCodec {
    type Item = Length;

    fn encode(&self, items: Vec<Length>) -> Vec<u8> {
        items.iter().flat_map(|Length(length)| length.to_le_bytes()).collect()
    }

    fn decode(&self, bytes: &[u8], count: usize) -> Option<Vec<Length>> {
        let (lengths, rest) = bytes.as_chunks();
        let is_whole = lengths.len() == count && rest.is_empty();
        is_whole.then(|| lengths.iter().map(|length| Length(u64::from_le_bytes(*length))).collect())
    }
}

/// An event's index, line, and authorization, the length of its text, and its text.
type Visit = (u64, u64, bool, u64, Option<Box<str>>);

/// The visits and what they are about.
#[derive(Debug, Default)]
struct Visits {
    events: Vec<Visit>,
    others: u64,
    settled: u64,
}

impl EventVisitor for Visits {
    type Item = Length;
    type Error = Infallible;

    fn visit(&mut self, event: VerifiedItem<Length>) -> Result<(), Infallible> {
        assert!(event.index >= self.settled);
        let VerifiedItem { link, item: Length(length), text } = event;
        self.events.push((link.index, link.line, link.authorized, length, text));
        Ok(())
    }

    fn count_others(&mut self, events: u64) {
        self.others += events;
    }

    fn settle(&mut self, settled: u64) -> Result<(), Infallible> {
        self.settled = settled;
        Ok(())
    }
}

fn piece(export: &[u8], number: u64, of: u64) -> Result<Vec<u8>, PartsError> {
    let mut piece = Vec::new();
    let mut file = Cursor::new(export);
    let part = Part::locate(&mut file, number, of)?;
    let out = |bytes: &[u8]| {
        piece.extend_from_slice(bytes);
        Ok::<(), PartsError>(())
    };
    let threads = 1 + number as usize % 2;
    parts::examine(file, &part, b"lengths", threads, || examine, &LengthCodec, out, |_| {})?;
    Ok(piece)
}

fn pieces(export: &[u8], of: u64) -> Vec<Vec<u8>> {
    (1..=of).map(|number| piece(export, number, of).unwrap()).collect()
}

/// Returns the code of the error, if there is one.
fn visit(pieces: &[Vec<u8>], options: Options) -> Result<(Verification, Visits), &'static str> {
    let open = |piece: &Vec<u8>| Piece::open(Cursor::new(piece.clone())).map_err(|why| why.code());
    let pieces = pieces.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    assert!(pieces.iter().all(|piece| piece.label() == b"lengths"));
    let mut visits = Visits::default();
    match parts::visit_pieces(pieces, options, 2, &LengthCodec, &mut visits, |_| {}) {
        Ok(verification) => Ok((verification, visits)),
        Err(VisitPiecesError::Pieces(error)) => Err(error.why.code()),
        Err(VisitPiecesError::Visitor(never)) => match never {},
    }
}

#[test]
fn report_pin_and_visits_are_the_same_however_a_file_is_cut() {
    let (mut cut, mut visited) = (0, 0);
    for case in cases::all().filter(|case| Compression::detect(&case.export).is_none()) {
        let mut expected = Visits::default();
        let options = case.options();
        let whole = parallel::visit(&case.export[..], options, 1, || examine, &mut expected, |_| {}).unwrap();
        for of in [1, 3, 8] {
            let mut pieces = pieces(&case.export, of);
            pieces.reverse();
            let (found, visits) = visit(&pieces, case.options()).unwrap();
            assert_eq!((&found.report, &found.pin), (&whole.report, &whole.pin), "{} in {of}", case.name);
            let found = (&visits.events, visits.others);
            assert_eq!(found, (&expected.events, expected.others), "{} in {of}", case.name);
            cut += 1;
        }
        visited += expected.events.len();
    }
    assert!(cut > 600 && visited > 1500, "{cut} {visited}");
}

/// Returns a long export that verifies, and its options.
fn long() -> (Vec<u8>, Options) {
    let verified = cases::all().filter(|case| case.report["verdict"] == "verified");
    let case = verified.max_by_key(|case| case.export.len()).unwrap();
    (case.export.clone(), case.options())
}

#[test]
fn damaged_and_mixed_up_pieces_are_refused() {
    let (export, options) = long();
    let parts = pieces(&export, 2);
    let refused = |pieces: &[Vec<u8>]| visit(pieces, options.clone()).map(|_| ()).unwrap_err();
    assert_eq!(refused(&parts[1..]), "summary.missing");
    assert_eq!(refused(&[&parts[..], &parts[1..]].concat()), "summary.twice");
    assert_eq!(refused(&[parts[0].clone(), pieces(&export, 3).remove(2)]), "summary.other_cut");
    assert_eq!(
        refused(&[parts[0].clone(), pieces(&[&export[..], b"\n"].concat(), 2).remove(1)]),
        "summary.other_file"
    );
    assert_eq!(refused(std::slice::from_ref(&export)), "piece.invalid");
    let mut summary = Vec::new();
    let mut file = Cursor::new(&export);
    let part = Part::locate(&mut file, 1, 1).unwrap();
    let out = |bytes: &[u8]| {
        summary.extend_from_slice(bytes);
        Ok::<(), PartsError>(())
    };
    parts::summarize(file, &part, 1, out, |_| {}).unwrap();
    assert_eq!(refused(&[summary]), "piece.invalid");
    let whole = &parts[1];
    let step = 1 + whole.len() / 300;
    for length in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
        let code = refused(&[parts[0].clone(), whole[..length].to_vec()]);
        assert!(code == if length < 21 { "piece.invalid" } else { "summary.truncated" }, "{length}: {code}");
    }
    for at in (0..whole.len()).step_by(step) {
        let mut altered = whole.clone();
        altered[at] ^= 0x10;
        // The label is the caller's to compare; any change is noticed by the hash at the end.
        let Ok(piece) = Piece::open(Cursor::new(&altered[..])) else { continue };
        if piece.label() == b"lengths" {
            refused(&[parts[0].clone(), altered]);
        }
    }
}
