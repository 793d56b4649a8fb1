//! New times for links that a log refuses as dated ahead of its clock. Their events go into a new chain, with the best
//! estimates of their times, so that they don't block later ones.

use countersign::event::{Event, Redaction};
use countersign::export::{Item, Line};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::tolerance;

use countersign_errors::EngineError;

use crate::clock::ClockDifference;
use crate::outbox::{Outbox, Segment};
use crate::sender::Early;

/// The maximum number of bytes to redate, because all of them are held in memory. If there are more, they wait for
/// their time instead.
const MAX_BYTES: usize = 256 << 20;

/// Moves the events that the log refused as dated ahead of its clock, and those behind them, into a new chain, which
/// starts with `nonce`. `rhythm` sets how often the chain is signed. Returns the chain's recorder. Returns `None`
/// if redating can't help; in this case, retry later.
///
/// # Errors
/// If the outbox can't be read or written.
pub fn redate(
    outbox: &mut Outbox,
    early: &Early,
    difference: &ClockDifference,
    key: &SignerKey,
    origin: &str,
    nonce: &[u8; 16],
    rhythm: impl Fn(Recorder) -> Recorder,
) -> Result<Option<Recorder>, EngineError> {
    let is_early = |segment: &Segment| tolerance::early(segment.end.position.time, early.now).is_some();
    let Some(first) = outbox.pending().iter().position(is_early) else { return Ok(None) };
    let refused: Vec<Segment> = outbox.pending().iter().skip(first).cloned().collect();
    let own = key.verifier_key();
    let (Some(begin), Some(last)) = (refused.first(), refused.last()) else { return Ok(None) };
    let bytes: usize = refused.iter().map(|segment| segment.bytes).sum();
    if bytes > MAX_BYTES || refused.iter().any(|segment| segment.end.key != *own) {
        return Ok(None);
    }
    let mut recorder: Option<Recorder> = None;
    let mut latest = None;
    for segment in &refused {
        let links = outbox.links(segment.number)?;
        for line in links.lines() {
            let Ok(Line { item: Item::Link { link, payload: Some(payload), .. }, .. }) = Line::parse(line)
            else {
                continue;
            };
            // The log already has these from a segment that was sent in parts.
            if early.from.is_some_and(|(chain, seq)| link.chain() == chain && link.seq() < seq) {
                continue;
            }
            let time = difference.dated(link.time());
            let event = Event::parse(payload.event.as_bytes(), &Redaction::none())?;
            let recorder = match &mut recorder {
                Some(recorder) => recorder,
                none => none.insert(rhythm(Recorder::open(origin, own.clone(), time, nonce)?)),
            };
            recorder.sign_with(key)?;
            recorder.record(&event, time, &payload.salt)?;
            latest = Some(time);
        }
    }
    let (Some(mut recorder), Some(latest)) = (recorder, latest) else { return Ok(None) };
    recorder.sign_with(key)?;
    if last.end.closed {
        recorder.close(latest)?;
    }
    recorder.flush();
    recorder.sign_with(key)?;
    let lines = recorder.drain();
    let followed = last.followed.clone();
    outbox.replace(begin.number, &lines, followed.as_ref())?;
    Ok(Some(recorder))
}
