//! Windows: the commits of 256 ticks in one object, so that an index is rebuilt with few requests.
//!
//! A window is a shortcut. It is created once, after its last tick, and has the bytes of those commits that have no event.
//! A commit with events is left out, also once they are erased: no window ever contains an event, so an erasure doesn't
//! affect it. Readers fetch the commits that a window leaves out, and all commits of a window that doesn't exist.

use std::collections::VecDeque;

use countersign_log::store::StoreError;

use crate::bucket::codec::{WINDOW, damaged, open, seal, write_bytes};

/// The number of ticks in a window.
pub(super) const WINDOW_TICKS: u64 = 256;
/// The maximum size of the commits in a window, in bytes. Larger ones are left out.
const MAX_WINDOW_BYTES: usize = 16 << 20;

/// The commits of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The number of the window: that of its first tick, divided by [`WINDOW_TICKS`].
    pub(super) number: u64,
    /// The bytes of each commit. `None` for one that is left out.
    pub(super) commits: Vec<Option<Vec<u8>>>,
}

impl Window {
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let mut out = Vec::from(*WINDOW);
        out.extend(self.number.to_be_bytes());
        let mut room = MAX_WINDOW_BYTES;
        for commit in &self.commits {
            let commit = commit.as_deref().filter(|commit| commit.len() <= room).unwrap_or_default();
            room -= commit.len();
            write_bytes(&mut out, commit)?;
        }
        Ok(seal(out))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let (kind, mut rest) = open(bytes)?;
        if kind != WINDOW {
            return Err(damaged("the object isn't a window of commits"));
        }
        let number = rest.number()?;
        let commits = (0..WINDOW_TICKS)
            .map(|_| rest.bytes().map(|commit| (!commit.is_empty()).then(|| commit.to_vec())))
            .collect::<Result<_, _>>()?;
        rest.end(Self { number, commits })
    }
}

/// The newest commits, up to a window.
#[derive(Default)]
pub(super) struct NewestCommits {
    /// The tick after the last one.
    end: u64,
    commits: VecDeque<Option<Vec<u8>>>,
    bytes: usize,
}

impl NewestCommits {
    /// Adds the commit of a tick; `None` if windows leave it out. Returns the window that it completes, if all of its
    /// commits were added.
    pub(super) fn add(&mut self, tick: u64, commit: Option<Vec<u8>>) -> Option<Window> {
        if tick != self.end || tick.is_multiple_of(WINDOW_TICKS) {
            self.commits.clear();
            self.bytes = 0;
        }
        self.end = tick + 1;
        // A window has no room for more.
        let commit = commit.filter(|commit| self.bytes + commit.len() <= MAX_WINDOW_BYTES);
        self.bytes += commit.as_ref().map_or(0, Vec::len);
        self.commits.push_back(commit);
        if !self.end.is_multiple_of(WINDOW_TICKS) || self.commits.len() as u64 != WINDOW_TICKS {
            return None;
        }
        Some(Window { number: tick / WINDOW_TICKS, commits: std::mem::take(&mut self.commits).into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_complete_after_its_last_tick_if_all_commits_were_added() {
        let mut newest = NewestCommits::default();
        let commit = |tick: u64| (!tick.is_multiple_of(3)).then(|| tick.to_string().into_bytes());
        for tick in 100..256 {
            assert_eq!(newest.add(tick, commit(tick)), None, "the first ones are missing");
        }
        for tick in 256..511 {
            assert_eq!(newest.add(tick, commit(tick)), None);
        }
        let window = newest.add(511, commit(511)).expect("a window");
        assert_eq!((window.number, window.commits.len()), (1, 256));
        assert!((256..).zip(&window.commits).all(|(tick, found)| *found == commit(tick)));
        assert_eq!(Window::decode(&window.encode().unwrap()).unwrap(), window);
    }

    #[test]
    fn a_window_leaves_out_commits_for_which_it_has_no_room() {
        let mut newest = NewestCommits::default();
        let mut complete = None;
        for tick in 0..256 {
            complete = newest.add(tick, Some(vec![1; if tick == 7 { MAX_WINDOW_BYTES } else { 9 }]));
        }
        let window = complete.expect("a window");
        assert_eq!(window.commits[7], None);
        assert_eq!(window.commits.iter().flatten().count(), 255);
    }

    #[test]
    fn rejects_truncated_and_changed_windows() {
        let bytes = Window { number: 3, commits: vec![Some(b"commit".to_vec()); 256] }.encode().unwrap();
        assert!(Window::decode(&bytes).is_ok());
        assert!((0..bytes.len()).all(|end| Window::decode(&bytes[..end]).is_err()));
        for place in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(Window::decode(&changed).is_err(), "{place}");
        }
    }
}
