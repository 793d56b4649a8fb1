//! A watchlist of whom findings are about, for gates (SPEC section 13, "Watchlists").

use std::time::Duration;

use countersign::note::SignerKey;
use countersign::time::Time;
use countersign_analyze::watchlist::{Header, Kind, MAX_ENTRIES, Watched, Watchlist};
use countersign_analyze::{Decision, Finding, Pack};
use countersign_errors::EngineError;
use serde::{Deserialize, Serialize};

use crate::random::random;

/// How long a list holds, in milliseconds. Gates ask for the next at half of it.
const HOLDS: i64 = 5 * 60_000;

/// Somebody or something on the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listed {
    kind: String,
    value: String,
    decision: String,
    /// In milliseconds.
    until: i64,
    finding: String,
    rule: String,
}

/// What of a list outlives a run.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Listing {
    listed: Vec<Listed>,
    sequence: u64,
    #[serde(skip)]
    has_changed: bool,
    /// How many the list had no room for since that was last asked.
    #[serde(skip)]
    left_out: usize,
}

impl Listing {
    /// A rule found something that decides about requests.
    pub(crate) fn found(&mut self, finding: &Finding, pack: &Pack, until: i64) {
        let decision = pack.rule(&finding.rule).and_then(|rule| rule.decision);
        let Some(decision @ (Decision::Challenge | Decision::Deny)) = decision else { return };
        for (field, value) in &finding.group {
            let Some(kind) = Kind::of_field(field) else { continue };
            self.listed.push(Listed {
                kind: kind.as_str().into(),
                value: value.clone(),
                decision: decision.as_str().into(),
                until,
                finding: finding.id.clone(),
                rule: finding.rule.clone(),
            });
            self.has_changed = true;
        }
        self.shorten();
    }

    /// The least pressing go first: what ends soonest.
    fn shorten(&mut self) {
        if self.listed.len() > MAX_ENTRIES {
            self.listed.sort_by_key(|listed| std::cmp::Reverse(listed.until));
            self.left_out += self.listed.len() - MAX_ENTRIES;
            self.listed.truncate(MAX_ENTRIES);
        }
    }

    /// How many the list had no room for since this was last asked.
    pub(crate) fn take_left_out(&mut self) -> usize {
        std::mem::take(&mut self.left_out)
    }

    /// A finding was taken back.
    pub(crate) fn taken_back(&mut self, finding: &str) {
        let before = self.listed.len();
        self.listed.retain(|listed| listed.finding != finding);
        self.has_changed |= self.listed.len() < before;
    }
}

/// Publishes a watchlist, in the place of the one before, in one step.
pub type Publish = Box<dyn FnMut(&str) -> Result<(), EngineError> + Send>;

/// Signs and publishes watchlists.
pub struct Lister {
    publish: Publish,
    key: SignerKey,
    /// For how long whom a finding is about is on the list.
    lasts: Duration,
    /// When the next list is due, in milliseconds; none before the first.
    due: Option<i64>,
}

impl Lister {
    /// Creates one that signs with `key`. An entry stays on the list for as long as `lasts`.
    pub fn new(publish: Publish, key: SignerKey, lasts: Duration) -> Self {
        Self { publish, key, lasts, due: None }
    }

    /// Until when what is found now is listed.
    pub(crate) fn until(&self, now: Time) -> i64 {
        now.millis().saturating_add(i64::try_from(self.lasts.as_millis()).unwrap_or(i64::MAX))
    }

    /// Whether a list is to be written. Its number is taken then, which has to be kept before it is written.
    pub(crate) fn is_due(&mut self, listing: &mut Listing, now: Time) -> bool {
        let millis = now.millis();
        let is_due = listing.has_changed || self.due.is_none_or(|due| millis >= due);
        if is_due {
            listing.listed.retain(|listed| listed.until > millis);
            listing.sequence += 1;
            if self.due.is_none() {
                // Where the state was lost or is an old one, gates have seen higher numbers than are known here.
                listing.sequence = listing.sequence.max(u64::try_from(millis).unwrap_or_default());
            }
            listing.has_changed = false;
            self.due = Some(millis + HOLDS / 3);
        }
        is_due
    }

    /// Writes the list, in the place of the one before, in one step.
    pub(crate) fn write(
        &mut self,
        listing: &Listing,
        origin: &str,
        pack: &Pack,
        now: Time,
    ) -> Result<(), EngineError> {
        let salt = random()?;
        let header = Header {
            origin: origin.to_owned(),
            sequence: listing.sequence,
            made: now,
            until: Time::from_millis(now.millis() + HOLDS).unwrap_or(Time::MAX),
            pack: pack.hash(),
            salt,
        };
        let watched = listing.listed.iter().filter_map(|listed| {
            Some(Watched {
                kind: Kind::parse(&listed.kind)?,
                value: &listed.value,
                decision: Decision::parse(&listed.decision)?,
                until: Time::from_millis(listed.until)?,
                finding: &listed.finding,
                rule: &listed.rule,
            })
        });
        let note = Watchlist::new(header, watched)?.sign(&self.key)?;
        (self.publish)(&note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(until: i64) -> Listed {
        let [kind, value, decision, finding, rule] = ["actor", "u_1", "deny", "f", "r"].map(str::to_owned);
        Listed { kind, value, decision, until, finding, rule }
    }

    #[test]
    fn who_has_no_room_is_counted_and_ends_soonest() {
        let mut listing = Listing { listed: (0..10_003).map(listed).collect(), ..Listing::default() };
        listing.shorten();
        assert_eq!((listing.listed.len(), listing.take_left_out(), listing.take_left_out()), (10_000, 3, 0));
        assert!(listing.listed.iter().all(|listed| listed.until >= 3));
    }

    #[test]
    fn no_state_has_lists_numbered_as_before() {
        let at = |millis| Time::from_millis(millis).unwrap();
        let lister = || {
            let key = SignerKey::from_seed("example.com/watch", [1; 32]).unwrap();
            Lister::new(Box::new(|_| Ok(())), key, Duration::from_hours(1))
        };
        let mut listing = Listing::default();
        let mut first = lister();
        assert!(first.is_due(&mut listing, at(1_000)) && !first.is_due(&mut listing, at(1_001)));
        assert!(first.is_due(&mut listing, at(200_000)));
        assert_eq!(listing.sequence, 1_001);
        let mut lost = Listing::default();
        assert!(lister().is_due(&mut lost, at(200_001)));
        assert_eq!(lost.sequence, 200_001);
        // A clock that is set back takes none of them back.
        assert!(lister().is_due(&mut lost, at(3)));
        assert_eq!(lost.sequence, 200_002);
    }
}
