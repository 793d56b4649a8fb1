//! Gives new times to events whose links a log rejects as dated ahead of its clock. The events go into a new
//! chain, with the best estimates of their times, so that they don't block later ones.

use countersign::event::{Event, Redaction};
use countersign::export::{Item, Line};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::tolerance;

use countersign_errors::EngineError;

use crate::batch::contains;
use crate::clock::ClockDifference;
use crate::outbox::{Outbox, Segment};
use crate::sender::Early;

/// The maximum number of bytes to redate, because all of them are held in memory. If there are more, they wait for
/// their time instead.
const MAX_BYTES: usize = 256 << 20;

/// Moves the events whose links the log rejected as dated ahead of its clock, and those behind them, into a
/// new chain, which starts with `nonce`. `rhythm` sets how often the chain is signed. Returns the chain's
/// recorder. Returns `None` if redating can't help; in this case, retry later.
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
    let is_refused = |segment: &Segment| match early.refused {
        Some(place) => contains(segment, place),
        None => tolerance::early(segment.end.position.time, early.now).is_some(),
    };
    let Some(first) = outbox.pending().iter().position(is_refused) else { return Ok(None) };
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

#[cfg(test)]
mod tests {
    use countersign::link::ChainId;
    use countersign::time::Time;

    use super::*;
    use crate::clock::Clock;
    use crate::outbox::Memory;

    fn at(seconds: i64) -> Time {
        Time::from_millis(1_795_150_000_000 + seconds * 1000).unwrap()
    }

    /// Returns an outbox with a segment of one event for each of these times, in one chain.
    fn filled(key: &SignerKey, times: &[i64]) -> (Outbox, ChainId) {
        let mut outbox = Outbox::open(Box::new(Memory::default()), "log.example", "outbox").unwrap();
        let mut recorder =
            Recorder::open("log.example", key.verifier_key().clone(), at(times[0]), &[1; 16]).unwrap();
        for (number, seconds) in times.iter().enumerate() {
            recorder.sign_with(key).unwrap();
            let event = format!(r#"{{"action":"event{number}"}}"#);
            let event = Event::parse(event.as_bytes(), &Redaction::none()).unwrap();
            recorder.record(&event, at(*seconds), &[2; 16]).unwrap();
            recorder.flush();
            recorder.sign_with(key).unwrap();
            outbox.append(&recorder.drain(), None).unwrap();
        }
        (outbox, recorder.chain().unwrap())
    }

    fn events(outbox: &Outbox) -> Vec<Vec<bool>> {
        let has = |links: &str, number| links.contains(&format!("event{number}"));
        let segments = outbox.pending().iter().map(|segment| outbox.links(segment.number).unwrap());
        segments.map(|links| (0..3).map(|number| has(&links, number)).collect()).collect()
    }

    #[test]
    fn links_before_the_first_rejected_one_keep_their_times() {
        let key = SignerKey::from_seed("example.com/app", [7; 32]).unwrap();
        let (now, log) = (at(10_000), at(0));
        let difference = Clock::default().learn(now, log).unwrap();
        for (refused, left) in [
            (Some(3), vec![vec![true, false, false], vec![false, true, false], vec![false, false, true]]),
            (Some(2), vec![vec![true, false, false], vec![false, true, true]]),
            (None, vec![vec![true, true, true]]),
        ] {
            let (mut outbox, chain) = filled(&key, &[9_000, 9_100, 9_200]);
            let early = Early { now: log, from: None, refused: refused.map(|seq| (chain, seq)) };
            let redated =
                redate(&mut outbox, &early, &difference, &key, "log.example", &[3; 16], |chain| chain);
            assert!(redated.unwrap().is_some());
            assert_eq!(events(&outbox), left, "{refused:?}");
        }
    }
}
