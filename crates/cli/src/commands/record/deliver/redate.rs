//! Links that a log refuses as dated ahead of its clock: their events go into another chain, dated as far as one can
//! know, so that they hold nothing back.

use countersign::event::{Event, Redaction};
use countersign::export::{Item, Line};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::tolerance;

use super::clock::Learnt;
use super::sender::Early;
use crate::commands::keygen::random;
use crate::errors::CliError;
use countersign_delivery::{Outbox, Segment};

/// More than so many bytes are not dated anew, for all of them are in memory meanwhile: they wait for their time.
const MOST: usize = 256 << 20;

/// Puts what the log refused, and what waits behind it, into a new chain. Gives its recorder, or `None` where there is
/// nothing to be gained by that: the log is to be asked again later.
pub(super) fn redate(
    outbox: &mut Outbox,
    early: &Early,
    learnt: &Learnt,
    key: &SignerKey,
    origin: &str,
    rhythm: impl Fn(Recorder) -> Recorder,
) -> Result<Option<Recorder>, CliError> {
    let is_early = |segment: &Segment| tolerance::early(segment.end.position.time, early.now).is_some();
    let Some(first) = outbox.pending().iter().position(is_early) else { return Ok(None) };
    let refused: Vec<Segment> = outbox.pending().iter().skip(first).cloned().collect();
    let own = key.verifier_key();
    let (Some(begin), Some(last)) = (refused.first(), refused.last()) else { return Ok(None) };
    let bytes: usize = refused.iter().map(|segment| segment.bytes).sum();
    if bytes > MOST || refused.iter().any(|segment| segment.end.key != *own) {
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
            // Of a segment that went in parts the log has these.
            if early.from.is_some_and(|(chain, seq)| link.chain() == chain && link.seq() < seq) {
                continue;
            }
            let time = learnt.dated(link.time());
            let event = Event::parse(payload.event.as_bytes(), &Redaction::none())?;
            let anew = match &mut recorder {
                Some(recorder) => recorder,
                none => {
                    let mut nonce = [0; 16];
                    random(&mut nonce)?;
                    none.insert(rhythm(Recorder::open(origin, own.clone(), time, &nonce)?))
                }
            };
            anew.sign_with(key)?;
            anew.record(&event, time, &payload.salt)?;
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
