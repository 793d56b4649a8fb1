//! The watchlist for gates: the subjects of findings, signed (SPEC section 13, "Watchlists").

use std::time::Duration;

use countersign::note::SignerKey;
use countersign::time::Time;
use countersign_analyze::watchlist::{Header, Kind, MAX_ENTRIES, Watched, Watchlist};
use countersign_analyze::{Decision, Finding, Pack};
use countersign_errors::EngineError;
use serde::{Deserialize, Serialize};

use crate::random::random;

/// Time for which a list is valid, in milliseconds. Gates fetch the next one after half of that.
const VALIDITY_MS: i64 = 5 * 60_000;

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WatchlistEntry {
    kind: String,
    value: String,
    decision: String,
    /// When the entry expires, in milliseconds since the epoch.
    until: i64,
    finding: String,
    rule: String,
}

/// The part of a watchlist that is saved between runs.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct WatchlistState {
    entries: Vec<WatchlistEntry>,
    sequence: u64,
    #[serde(skip)]
    has_changed: bool,
    /// The number of entries dropped for lack of room since [`Self::take_dropped`] was last called.
    #[serde(skip)]
    dropped: usize,
}

impl WatchlistState {
    /// Lists the subjects of a finding, if its rule has the decision `challenge` or `deny`.
    pub(crate) fn add_finding(&mut self, finding: &Finding, pack: &Pack, until: i64) {
        let decision = pack.rule(&finding.rule).and_then(|rule| rule.decision);
        let Some(decision @ (Decision::Challenge | Decision::Deny)) = decision else { return };
        for (field, value) in &finding.group {
            let Some(kind) = Kind::of_field(field) else { continue };
            self.entries.push(WatchlistEntry {
                kind: kind.as_str().into(),
                value: value.clone(),
                decision: decision.as_str().into(),
                until,
                finding: finding.id.clone(),
                rule: finding.rule.clone(),
            });
            self.has_changed = true;
        }
        self.drop_excess();
    }

    /// Drops entries above the limit, those that expire first.
    fn drop_excess(&mut self) {
        if self.entries.len() > MAX_ENTRIES {
            self.entries.sort_by_key(|entry| std::cmp::Reverse(entry.until));
            self.dropped += self.entries.len() - MAX_ENTRIES;
            self.entries.truncate(MAX_ENTRIES);
        }
    }

    /// Returns the number of entries dropped since the last call.
    pub(crate) fn take_dropped(&mut self) -> usize {
        std::mem::take(&mut self.dropped)
    }

    /// Removes the entries of a retracted finding.
    pub(crate) fn remove_finding(&mut self, finding: &str) {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.finding != finding);
        self.has_changed |= self.entries.len() < before;
    }
}

/// Publishes a watchlist, replacing the previous one atomically.
pub type Publish = Box<dyn FnMut(&str) -> Result<(), EngineError> + Send>;

/// Signs and publishes watchlists.
pub struct Lister {
    publish: Publish,
    key: SignerKey,
    /// Time for which the subject of a finding stays on the list.
    lifetime: Duration,
    /// When the next list is due, in milliseconds since the epoch; `None` before the first.
    due: Option<i64>,
}

impl Lister {
    /// Creates a lister that signs with `key`. Entries expire after `lifetime`.
    pub fn new(publish: Publish, key: SignerKey, lifetime: Duration) -> Self {
        Self { publish, key, lifetime, due: None }
    }

    /// Returns when an entry that is added now expires, in milliseconds since the epoch.
    pub(crate) fn entry_expiry(&self, now: Time) -> i64 {
        now.millis().saturating_add(i64::try_from(self.lifetime.as_millis()).unwrap_or(i64::MAX))
    }

    /// True if a list has to be written. This also takes its sequence number: save `listing` before you write the
    /// list.
    pub(crate) fn is_due(&mut self, listing: &mut WatchlistState, now: Time) -> bool {
        let millis = now.millis();
        let is_due = listing.has_changed || self.due.is_none_or(|due| millis >= due);
        if is_due {
            listing.entries.retain(|entry| entry.until > millis);
            listing.sequence += 1;
            if self.due.is_none() {
                // If the state was lost or is an old copy, gates have seen higher numbers than it contains.
                listing.sequence = listing.sequence.max(u64::try_from(millis).unwrap_or_default());
            }
            listing.has_changed = false;
            self.due = Some(millis + VALIDITY_MS / 3);
        }
        is_due
    }

    /// Signs the list and publishes it, replacing the previous one atomically.
    pub(crate) fn write(
        &mut self,
        listing: &WatchlistState,
        origin: &str,
        pack: &Pack,
        now: Time,
    ) -> Result<(), EngineError> {
        let salt = random()?;
        let header = Header {
            origin: origin.to_owned(),
            sequence: listing.sequence,
            made: now,
            until: Time::from_millis(now.millis() + VALIDITY_MS).unwrap_or(Time::MAX),
            pack: pack.hash(),
            salt,
        };
        let watched = listing.entries.iter().filter_map(|entry| {
            Some(Watched {
                kind: Kind::parse(&entry.kind)?,
                value: &entry.value,
                decision: Decision::parse(&entry.decision)?,
                until: Time::from_millis(entry.until)?,
                finding: &entry.finding,
                rule: &entry.rule,
            })
        });
        let note = Watchlist::new(header, watched)?.sign(&self.key)?;
        (self.publish)(&note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(until: i64) -> WatchlistEntry {
        let [kind, value, decision, finding, rule] = ["actor", "u_1", "deny", "f", "r"].map(str::to_owned);
        WatchlistEntry { kind, value, decision, until, finding, rule }
    }

    #[test]
    fn entries_over_the_limit_are_counted_and_expire_first() {
        let mut listing =
            WatchlistState { entries: (0..10_003).map(entry).collect(), ..WatchlistState::default() };
        listing.drop_excess();
        assert_eq!((listing.entries.len(), listing.take_dropped(), listing.take_dropped()), (10_000, 3, 0));
        assert!(listing.entries.iter().all(|entry| entry.until >= 3));
    }

    #[test]
    fn sequence_numbers_grow_after_the_state_is_lost() {
        let at = |millis| Time::from_millis(millis).unwrap();
        let lister = || {
            let key = SignerKey::from_seed("example.com/watch", [1; 32]).unwrap();
            Lister::new(Box::new(|_| Ok(())), key, Duration::from_hours(1))
        };
        let mut listing = WatchlistState::default();
        let mut first = lister();
        assert!(first.is_due(&mut listing, at(1_000)) && !first.is_due(&mut listing, at(1_001)));
        assert!(first.is_due(&mut listing, at(200_000)));
        assert_eq!(listing.sequence, 1_001);
        let mut lost = WatchlistState::default();
        assert!(lister().is_due(&mut lost, at(200_001)));
        assert_eq!(lost.sequence, 200_001);
        // The sequence number also grows after the clock was set back.
        assert!(lister().is_due(&mut lost, at(3)));
        assert_eq!(lost.sequence, 200_002);
    }
}
