//! Folds adjacent rows without an event into one row.

/// Row numbers from here on are folds.
pub(crate) const FOLDS: u32 = 3 << 30;

/// A run of adjacent rows that one row of the answer stands for.
#[derive(Clone, Copy, Debug)]
struct Fold {
    /// Range in [`Folds::rows`].
    begin: usize,
    rows: usize,
}

/// The rows folded in an answer.
#[derive(Debug, Default)]
pub(crate) struct Folds {
    folds: Vec<Fold>,
    rows: Vec<u32>,
}

impl Folds {
    /// Folds each run of at least two rows without an event.
    pub(crate) fn fold(answer: &[u32], is_absent: impl Fn(u32) -> bool) -> (Vec<u32>, Self) {
        let mut this = Self::default();
        let mut shown = Vec::with_capacity(answer.len());
        let mut rest = answer;
        while let Some(first) = rest.first() {
            let run = rest.iter().take_while(|row| is_absent(**row)).count();
            if run < 2 {
                shown.push(*first);
                rest = &rest[1..];
                continue;
            }
            shown.push(FOLDS + this.folds.len() as u32);
            this.folds.push(Fold { begin: this.rows.len(), rows: run });
            this.rows.extend(&rest[..run]);
            rest = &rest[run..];
        }
        (shown, this)
    }

    /// Returns the rows of a fold, or `None` for any other row.
    pub(crate) fn rows(&self, row: u32) -> Option<&[u32]> {
        let fold = self.folds.get(row.checked_sub(FOLDS)? as usize)?;
        self.rows.get(fold.begin..fold.begin + fold.rows)
    }

    /// Returns the fold that contains a row, or the row itself.
    pub(crate) fn shown(&self, row: u32) -> u32 {
        let Some(place) = self.rows.iter().position(|other| *other == row) else { return row };
        let fold = self.folds.partition_point(|fold| fold.begin <= place) - 1;
        FOLDS + fold as u32
    }

    pub(crate) fn bytes(&self) -> usize {
        self.rows.len() * 4 + size_of_val(&*self.folds)
    }
}

#[cfg(test)]
mod tests {
    use super::{FOLDS, Folds};

    #[test]
    fn folds_runs_and_keeps_single_rows() {
        let (shown, folds) = Folds::fold(&[1, 12, 13, 2, 14, 3, 15, 16, 17], |row| row > 9);
        assert_eq!(shown, [1, FOLDS, 2, 14, 3, FOLDS + 1]);
        assert_eq!(folds.rows(FOLDS), Some(&[12, 13][..]));
        assert_eq!(folds.rows(FOLDS + 1), Some(&[15, 16, 17][..]));
        assert_eq!(folds.rows(14), None);
        assert_eq!([13, 14, 15, 2].map(|row| folds.shown(row)), [FOLDS, 14, FOLDS + 1, 2]);
    }
}
