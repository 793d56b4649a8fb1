//! Pieces: summaries of parts, with the items that an examiner made of each part's events.
//!
//! A piece is a summary file with another first line, `"countersign piece v1\n"`. A frame with the caller's label
//! comes before the prefix, and a frame of items follows each summary. That frame contains, serialized by postcard and
//! compressed with DEFLATE:
//!
//! - per selected event, twice the number of entries between it and the previous one, plus 1 if its text follows;
//! - the texts of these events;
//! - the items, serialized by an [`ItemCodec`].

use core::fmt;
use std::io::{self, Read, Seek};

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::merge::{Frames, run};
use super::summarize::{PartOutput, write_part};
use super::{Part, PartsError, Stored, SummaryError};
use crate::verify::parallel::{deliver, report};
use crate::verify::summary::{EntryKind, PayloadState};
use crate::verify::visitor::Selected;
use crate::verify::{
    EventVisitor, Options, PendingItem, SelectedItem, SummarizedEvent, Summary, Update, Verification,
};

const BEGIN: &[u8; 21] = b"countersign piece v1\n";
/// Maximum length of a label, in bytes.
const MAX_LABEL: usize = 64 << 10;
/// Maximum length of an uncompressed frame of items, in bytes.
const MAX_ITEM_FRAME: usize = 256 << 20;
/// The compression level: events of one log are alike, so higher levels hardly save more.
const LEVEL: u8 = 1;

/// Serializes the items of a chunk of an export.
pub trait ItemCodec: Sync {
    /// The item that an examiner makes of an event.
    type Item: PendingItem;

    /// Serializes items.
    fn encode(&self, items: Vec<Self::Item>) -> Vec<u8>;

    /// Parses this number of items. `None` if the bytes are malformed.
    fn decode(&self, bytes: &[u8], count: usize) -> Option<Vec<Self::Item>>;
}

/// The items of a chunk, and the positions of their events.
#[derive(serde::Serialize, serde::Deserialize)]
struct ItemFrame<'a> {
    places: Vec<u64>,
    #[serde(borrow)]
    texts: Vec<&'a str>,
    items: &'a [u8],
}

impl ItemFrame<'_> {
    /// Encodes the items of a chunk.
    fn encode<C: ItemCodec>(
        codec: &C,
        summary: &Summary,
        chunk: &[u8],
        mut examine: impl FnMut(&SummarizedEvent<'_>) -> Option<SelectedItem<C::Item>>,
    ) -> Vec<u8> {
        let (mut places, mut texts, mut items, mut next) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for event in summary.events(chunk) {
            let Some(SelectedItem { entry, item, with_text }) = examine(&event) else { continue };
            let text = with_text.then(|| core::str::from_utf8(event.text).ok()).flatten();
            places.push(((entry - next) as u64) << 1 | u64::from(text.is_some()));
            texts.extend(text);
            items.push(item);
            next = entry + 1;
        }
        let frame = ItemFrame { places, texts, items: &codec.encode(items) };
        // Writing into memory can't fail.
        compress_to_vec(&postcard::to_stdvec(&frame).unwrap_or_default(), LEVEL)
    }

    /// Decodes the items of a summary, and adds the texts of their events to it. `None` if the frame is malformed, or
    /// if it belongs to another summary.
    fn decode<C: ItemCodec>(codec: &C, summary: &mut Summary, bytes: &[u8]) -> Option<Vec<Selected>> {
        let bytes = decompress_to_vec_with_limit(bytes, MAX_ITEM_FRAME).ok()?;
        let (frame, rest) = postcard::take_from_bytes::<ItemFrame<'_>>(&bytes).ok()?;
        let (mut texts, mut selected, mut next) = (frame.texts.into_iter(), Vec::new(), 0_usize);
        let items = codec.decode(frame.items, frame.places.len())?;
        if items.len() != frame.places.len() || !rest.is_empty() {
            return None;
        }
        for (place, item) in frame.places.into_iter().zip(items) {
            let entry = next.checked_add(usize::try_from(place >> 1).ok()?)?;
            let EntryKind::Link(link) = &summary.entries.get(entry)?.kind else { return None };
            if link.payload != PayloadState::Matches {
                return None;
            }
            let with_text = place & 1 == 1;
            if with_text {
                let text = texts.next()?;
                // The chunk isn't there, so that each text is passed on as a canonical one.
                if let Err(at) = summary.canonical.binary_search_by_key(&entry, |(entry, _)| *entry) {
                    summary.canonical.insert(at, (entry, text.into()));
                }
            }
            selected.push(SelectedItem { entry, item, with_text }.erase());
            next = entry + 1;
        }
        texts.next().is_none().then_some(selected)
    }
}

/// Writes a piece: the summary of a part of a file, and the items that an examiner makes of the part's events.
///
/// `label` identifies the caller's work: [`Piece::label`] returns it. `examiner` creates one examiner per thread. Calls
/// `out` and `progress` as [`summarize`](super::summarize) does.
///
/// # Errors
/// [`PartsError`], or an error of `out`.
///
/// # Panics
/// If the label is longer than 64 KiB.
#[allow(clippy::too_many_arguments, reason = "those of `summarize`, and those of the examiner")]
pub fn examine<C, X, E>(
    file: impl Read + Seek + Send,
    part: &Part,
    label: &[u8],
    threads: usize,
    examiner: impl Fn() -> X + Sync,
    codec: &C,
    out: impl FnMut(&[u8]) -> Result<(), E>,
    progress: impl FnMut(u64) + Send,
) -> Result<(), E>
where
    C: ItemCodec,
    X: FnMut(&SummarizedEvent<'_>) -> Option<SelectedItem<C::Item>>,
    E: From<PartsError> + Send,
{
    assert!(label.len() <= MAX_LABEL, "the label is too long");
    let items = || {
        let mut examine = examiner();
        move |summary: &Summary, chunk: &[u8]| Some(ItemFrame::encode(codec, summary, chunk, &mut examine))
    };
    let output = PartOutput { part, begin: &BEGIN[..], label: Some(label) };
    write_part(file, output, threads, items, out, progress)
}

/// A piece read from storage.
pub struct Piece<R> {
    stored: Stored<R>,
    label: Vec<u8>,
}

impl<R: Read + Seek> Piece<R> {
    /// Reads the head, the label, and the tail.
    ///
    /// # Errors
    /// [`PartsError`] if the file is not a piece of this version, or if it is incomplete.
    pub fn open(reader: R) -> Result<Self, PartsError> {
        let not_piece =
            |error| if matches!(error, PartsError::Invalid) { PartsError::NotPiece } else { error };
        let mut stored = Stored::open_as(&BEGIN[..], reader).map_err(not_piece)?;
        let label = stored.frame()?;
        if label.len() > MAX_LABEL {
            return Err(PartsError::Altered);
        }
        Ok(Self { stored, label })
    }

    /// Returns the label that was passed to [`examine`].
    pub fn label(&self) -> &[u8] {
        &self.label
    }

    /// Returns the summary.
    pub const fn summary(&self) -> &Stored<R> {
        &self.stored
    }
}

/// An error that ended a visit of pieces.
#[derive(Debug)]
pub enum VisitPiecesError<E> {
    /// The pieces are unusable, or [too much waited](crate::Code::LeftOut) for a signature.
    Pieces(SummaryError),
    /// The visitor's own error.
    Visitor(E),
}

impl<E> From<SummaryError> for VisitPiecesError<E> {
    fn from(error: SummaryError) -> Self {
        Self::Pieces(error)
    }
}

impl<E> From<io::Error> for VisitPiecesError<E> {
    fn from(error: io::Error) -> Self {
        Self::Pieces(SummaryError { place: None, why: error.into() })
    }
}

impl<E: fmt::Display> fmt::Display for VisitPiecesError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pieces(error) => error.why.fmt(f),
            Self::Visitor(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for VisitPiecesError<E> {}

/// Verifies an export from the pieces of all its parts, in any order, on `threads` threads, and visits its selected
/// events. The report and the visits are the same as those of [`parallel::visit`](crate::verify::parallel::visit) on
/// the export, except for the bounds of batches.
///
/// # Errors
/// [`VisitPiecesError`] if the pieces are not those of all parts of one file, if one is incomplete, or if the visitor
/// fails.
pub fn visit_pieces<R, C, V>(
    pieces: Vec<Piece<R>>,
    options: Options,
    threads: usize,
    codec: &C,
    visitor: &mut V,
    progress: impl FnMut(u64) + Send,
) -> Result<Verification, VisitPiecesError<V::Error>>
where
    R: Read + Seek + Send,
    C: ItemCodec,
    V: EventVisitor<Item = C::Item, Error: Send>,
{
    let stored = pieces.into_iter().map(|piece| piece.stored).collect();
    let items = |_: usize, summary: &mut Summary, frame: &[u8]| {
        ItemFrame::decode(codec, summary, frame).map(Some).ok_or(PartsError::Altered)
    };
    run(stored, options, threads, Frames::WithItems, &items, progress, |_, _, update: Update| {
        report(update, &mut |update| deliver(update, visitor).map_err(VisitPiecesError::Visitor))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Summarizer;

    const CHUNK: &str = include_str!("../../../tests/vectors/after-close/export.ndjson");

    /// An item of one byte.
    #[derive(Debug)]
    struct Byte(u8);

    impl PendingItem for Byte {
        fn bytes(&self) -> usize {
            0
        }
    }

    struct ByteCodec;

    impl ItemCodec for ByteCodec {
        type Item = Byte;

        fn encode(&self, items: Vec<Byte>) -> Vec<u8> {
            items.iter().map(|Byte(byte)| *byte).collect()
        }

        fn decode(&self, bytes: &[u8], _: usize) -> Option<Vec<Byte>> {
            Some(bytes.iter().copied().map(Byte).collect())
        }
    }

    fn summary() -> Summary {
        Summarizer::default().summarize(CHUNK.as_bytes())
    }

    fn decode(frame: &ItemFrame<'_>) -> Option<Vec<Selected>> {
        let bytes = compress_to_vec(&postcard::to_stdvec(frame).unwrap(), LEVEL);
        ItemFrame::decode(&ByteCodec, &mut summary(), &bytes)
    }

    #[test]
    fn items_must_belong_to_events_of_their_summary() {
        let summary = summary();
        let chunk = CHUNK.as_bytes();
        let select = |event: &SummarizedEvent<'_>| Some(event.select_with_text(Byte(7)));
        let bytes = ItemFrame::encode(&ByteCodec, &summary, chunk, select);
        let plain = decompress_to_vec_with_limit(&bytes, MAX_ITEM_FRAME).unwrap();
        let whole = || postcard::from_bytes::<ItemFrame<'_>>(&plain).unwrap();
        let count = summary.events(chunk).count();
        assert!(count > 1 && decode(&whole()).unwrap().len() == count);
        let refused = |change: fn(&mut ItemFrame<'_>)| {
            let mut frame = whole();
            change(&mut frame);
            decode(&frame).is_none()
        };
        assert!(refused(|frame| frame.places[0] = 1));
        assert!(refused(|frame| frame.places[1] = u64::MAX));
        assert!(refused(|frame| frame.places[1] &= !1));
        assert!(refused(|frame| frame.places.truncate(1)));
        assert!(refused(|frame| frame.texts.truncate(1)));
        assert!(refused(|frame| frame.items = &frame.items[1..]));
        assert!((0..bytes.len()).all(|length| {
            ItemFrame::decode(&ByteCodec, &mut super::tests::summary(), &bytes[..length]).is_none()
        }));
    }
}
