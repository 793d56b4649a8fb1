//! The state of a live view: how far its reader has the log.

use std::fmt;

use countersign::integer;

/// The state of a log that a live view shows, or has shown.
///
/// Displayed as an event ID of a stream, which the reader sends back to resume: the index of the last entry, and the
/// tick after a slash if there is one, and the head for which anchors wait after another one. A state without entries has
/// no such ID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveState {
    /// The number of entries.
    pub size: u64,
    /// The tick of the last head or anchor; `None` for an ordinary log, and before the first head or anchor.
    pub tick: Option<u64>,
    /// The tick of the head that proves the anchors shown since the head before (SPEC section 16.5). No other head can
    /// follow them. It stays set after that head if a quorum has not cosigned it: readers then ignored the anchors.
    pub awaited: Option<u64>,
}

impl From<u64> for LiveState {
    /// Returns the state without a tick.
    fn from(size: u64) -> Self {
        Self { size, tick: None, awaited: None }
    }
}

impl LiveState {
    /// Parses an event ID.
    pub fn parse(id: &str) -> Option<Self> {
        let numbers: Option<Vec<u64>> =
            id.split('/').map(|number| integer::parse(number.as_bytes())).collect();
        let (last, tick, awaited) = match numbers?[..] {
            [last] => (last, None, None),
            [last, tick] => (last, Some(tick), None),
            [last, tick, awaited] => (last, Some(tick), Some(awaited)),
            _ => return None,
        };
        (last < integer::MAX).then_some(Self { size: last + 1, tick, awaited })
    }

    /// Returns the least tick whose anchor the view may lack: that of the last head, if the log has an anchor there, or
    /// the one after the last anchor.
    pub(super) fn next_anchor(self) -> u64 {
        let is_anchor = self.awaited.is_some() && self.awaited != self.tick;
        self.tick.map_or(0, |tick| tick + u64::from(is_anchor))
    }

    /// True if a view in this state can show the head of this tick next. Otherwise it has to start again.
    pub(super) fn can_show(self, tick: u64, witnessed: bool) -> bool {
        match self.awaited {
            None => true,
            Some(awaited) if self.tick == Some(awaited) => !witnessed,
            Some(awaited) => awaited == tick,
        }
    }

    /// True if a view in this state lacks entries that the log has in its `newest` state.
    pub fn lacks_entries(self, newest: Self) -> bool {
        newest.size > self.size && (newest.tick.is_none() || newest.tick > self.tick)
    }

    /// True if a view in this state could show a later head. Ordinary logs have none.
    pub fn lacks_head(self, newest: Self) -> bool {
        newest.tick > self.tick
    }
}

impl fmt::Display for LiveState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.size.saturating_sub(1))?;
        let ticks = self.tick.into_iter().chain(self.awaited);
        ticks.into_iter().try_for_each(|tick| write!(f, "/{tick}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_round_trip() {
        let states =
            [(1, None, None), (9, Some(0), None), (1 << 53, None, None), (7, Some(4095), Some(integer::MAX))];
        for (size, tick, awaited) in states {
            let state = LiveState { size: integer::MAX.min(size), tick, awaited };
            assert_eq!(LiveState::parse(&state.to_string()), Some(state), "{state}");
        }
        for id in ["", "-1", "01", "1/", "/1", "1/2/", "1/2/3/4", "1//3", "1/02", "1 /2", "9007199254740991"]
        {
            assert_eq!(LiveState::parse(id), None, "{id:?}");
        }
    }

    #[test]
    fn a_view_needs_a_later_tick() {
        let state = |size, tick| LiveState { size, tick, awaited: None };
        assert!(LiveState::from(3).lacks_entries(LiveState::from(4)));
        assert!(!LiveState::from(4).lacks_entries(LiveState::from(4)));
        assert!(!LiveState::from(3).lacks_head(LiveState::from(4)));
        assert!(state(3, None).lacks_entries(state(4, Some(0))));
        assert!(state(3, Some(7)).lacks_entries(state(4, Some(8))));
        assert!(!state(3, Some(8)).lacks_entries(state(4, Some(8))));
        assert!(state(4, Some(7)).lacks_head(state(4, Some(8))));
        assert!(!state(4, Some(8)).lacks_head(state(4, Some(8))));
    }
}
