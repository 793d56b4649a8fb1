//! A query on the index, and its progress.

use countersign_query::condition::{Basis, Condition, Node};
use countersign_query::matcher::Span;
use countersign_query::{Entry, Field, Findings, Query, Short};

use crate::bits::Bits;
use crate::column::RowMatches;
use crate::evaluate;
use crate::facets::{COUNTED, Counts, SegmentValues};
use crate::index::StoredSegment;
use crate::segment::{Kinds, Segment};

/// The sort key of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// The position in the export.
    #[default]
    Place,
    /// The event's time.
    Time,
    /// The displayed value of a field, alphabetically and without regard to letter case; then the position in the
    /// export. Rows without a value come last in both directions.
    Value(Short),
}

impl By {
    /// Parses "place", "time", or the short name of a field.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "place" => Some(Self::Place),
            "time" => Some(Self::Time),
            _ => Short::parse(name).map(Self::Value),
        }
    }
}

/// The order of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The sort key.
    pub by: By,
    /// Reverses the order.
    pub descending: bool,
    /// Folds adjacent withheld events and gaps into one row.
    pub folds: bool,
}

/// A query, and the results for the rows evaluated so far, always a prefix of all rows.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) query: Query,
    pub(crate) order: Order,
    /// For each part that must hold, the only field it is about, as an index into `COUNTED`.
    about: Vec<Option<usize>>,
    pub(crate) found: Bits,
    /// Events whose bytes must be read.
    pub(crate) unread: Bits,
    /// Events that don't match but have undecided conditions. If nothing is found, they are read to count the matches
    /// of each condition.
    aside: Bits,
    /// Counts of each value of a field, without the rows in `wholes`.
    pub(crate) counts: [Counts; COUNTED.len()],
    /// For each field, the length of the prefix of rows in which all events count.
    pub(crate) wholes: [usize; COUNTED.len()],
    pub(crate) events: usize,
    /// Events that are decided.
    pub(crate) searched: usize,
    pub(crate) withheld_unknown: usize,
    had: Vec<bool>,
    alone: Vec<u64>,
    steps: Vec<u64>,
}

/// The result for an event that was read.
pub(crate) enum Verdict {
    Found,
    /// The event matches except for the conditions on this field.
    Near(usize),
    No,
}

impl Question {
    pub(crate) fn new(query: Query, order: Order) -> Self {
        let parts = query.parts();
        Self {
            order,
            about: parts.iter().map(|part| about(part, &query)).collect(),
            found: Bits::default(),
            unread: Bits::default(),
            aside: Bits::default(),
            counts: Default::default(),
            wholes: Default::default(),
            events: 0,
            searched: 0,
            withheld_unknown: 0,
            had: vec![false; query.conditions().len()],
            alone: vec![0; query.conditions().len()],
            steps: vec![0; parts.len()],
            query,
        }
    }

    /// Returns the number of rows evaluated.
    pub(crate) fn evaluated(&self) -> usize {
        self.found.len()
    }

    /// Iterates over the conditions at the top level.
    pub(crate) fn top(&self) -> impl Iterator<Item = &Condition> {
        self.query.parts().iter().filter_map(|part| match part {
            Node::Condition(nth) => self.query.conditions().get(*nth).map(|placed| &placed.condition),
            _ => None,
        })
    }

    /// Returns the span of event times that the query selects.
    pub(crate) fn span(&self) -> Span {
        span_of(self.top(), Basis::Happened)
    }

    /// Returns the span of recording times, if the query has no other condition.
    pub(crate) fn recorded_alone(&self) -> Option<Span> {
        let is_recorded = |condition: &Condition| matches!(condition, Condition::Time(Basis::Recorded, _));
        let all = self.top().count() == self.query.parts().len() && self.top().all(is_recorded);
        all.then(|| span_of(self.top(), Basis::Recorded))
    }

    /// Evaluates the rows of the next segment, starting at `from`. Counts `values` of each field if given.
    pub(crate) fn evaluate(
        &mut self,
        segment: &Segment,
        kinds: &Kinds,
        from: usize,
        values: &[SegmentValues],
    ) {
        let rows = segment.rows();
        let mut new = Bits::none(from);
        new.flip();
        new.append(&Bits::none(rows - from), 0);
        new.flip();
        let Kinds { mut events, mut withheld } = kinds.clone();
        events.and(&new);
        withheld.and(&new);
        let placed = self.query.conditions();
        let mut conditions: Vec<RowMatches> =
            placed.iter().map(|placed| evaluate::condition(segment, kinds, &placed.condition)).collect();
        let mut unsure = Bits::none(rows);
        for matches in &conditions {
            let mut open = matches.possible.clone();
            open.less(&matches.sure);
            unsure.or(&open);
        }
        unsure.and(&events);
        let mut sure = events.clone();
        sure.less(&unsure);
        for (nth, (matches, placed)) in conditions.iter_mut().zip(placed).enumerate() {
            let mut held = matches.sure.clone();
            held.and(&sure);
            self.alone[nth] += held.count() as u64;
            self.had[nth] = self.had[nth] || evaluate::is_about(segment, &placed.condition);
            if placed.condition.reads_event() && !withheld.is_empty() {
                matches.sure.less(&withheld);
                matches.possible.or(&withheld);
            }
        }
        let parts: Vec<RowMatches> =
            self.query.parts().iter().map(|part| evaluate::node(part, &conditions, rows)).collect();
        let mut so_far = sure;
        for (steps, part) in self.steps.iter_mut().zip(&parts) {
            so_far.and(&part.sure);
            *steps += so_far.count() as u64;
        }

        let mut candidates = evaluate::candidates(kinds, &self.query);
        candidates.and(&new);
        if self.query.reads_events() && !withheld.is_empty() {
            let mut unknown = withheld;
            for part in &parts {
                unknown.and(&part.possible);
            }
            self.withheld_unknown += unknown.count();
        }
        let mut found = candidates.clone();
        let mut near: Vec<(usize, Bits)> = Vec::new();
        let mut elsewhere = Bits::none(rows);
        let mut perhaps = Bits::none(rows);
        for (part, about) in parts.iter().zip(&self.about) {
            found.and(&part.sure);
            let mut not = part.possible.clone();
            let mut open = part.possible.clone();
            open.less(&part.sure);
            perhaps.or(&open);
            not.flip();
            match about {
                None => elsewhere.or(&not),
                Some(field) => match near.iter_mut().find(|(other, _)| other == field) {
                    Some((_, rows)) => rows.or(&not),
                    None => near.push((*field, not)),
                },
            }
        }
        let mut once = Bits::none(rows);
        for (_, not) in &near {
            let mut twice = once.clone();
            twice.and(not);
            elsewhere.or(&twice);
            once.or(not);
        }
        let mut unread = candidates.clone();
        unread.less(&elsewhere);
        unread.and(&perhaps);
        let mut rest = candidates;
        rest.less(&elsewhere);
        rest.less(&unread);
        let mut found_events = found.clone();
        found_events.and(&events);
        self.events += found_events.count();
        self.searched += events.count() - unread.count();
        let evaluated = self.evaluated();
        for (field, values) in values.iter().enumerate() {
            let mut these = found_events.clone();
            if let Some((_, not)) = near.iter().find(|(other, _)| *other == field) {
                let mut others = rest.clone();
                others.and(not);
                others.and(&events);
                these.or(&others);
            }
            if from == 0 && self.wholes[field] == evaluated && these == kinds.events {
                self.wholes[field] += rows;
            } else {
                self.counts[field].count(COUNTED[field], segment, values, &these, &kinds.events);
            }
        }
        self.found.append(&found, from);
        self.unread.append(&unread, from);
        unsure.less(&unread);
        self.aside.append(&unsure, from);
    }

    /// Moves the counts of whole segments into `counts`, because the segments are about to change.
    pub(crate) fn merge_wholes(&mut self, held: &[StoredSegment]) {
        for (field, (counts, whole)) in self.counts.iter_mut().zip(&mut self.wholes).enumerate() {
            counts.add_wholes(field, *whole, held);
            *whole = 0;
        }
    }

    /// If nothing was found, also reads the events in `aside`.
    pub(crate) fn read_aside(&mut self) {
        if self.events == 0 && self.unread.is_empty() {
            self.searched -= self.aside.count().min(self.searched);
            self.unread.or(&self.aside);
        }
    }

    /// Records an event that had to be read. One that was read only for counting never matches.
    pub(crate) fn resolve(&mut self, row: usize, entry: &Entry<'_>) -> Verdict {
        self.unread.put(row, false);
        self.searched += 1;
        let is_aside = self.aside.get(row);
        self.aside.put(row, false);
        let verdict = self.evaluate_event(entry);
        if is_aside {
            return Verdict::No;
        }
        if matches!(verdict, Verdict::Found) {
            self.found.put(row, true);
            self.events += 1;
        }
        verdict
    }

    /// Evaluates an event, and counts the conditions it meets.
    fn evaluate_event(&mut self, entry: &Entry<'_>) -> Verdict {
        let placed = self.query.conditions();
        let held: Vec<bool> = placed.iter().map(|placed| placed.condition.holds(entry)).collect();
        for (alone, held) in self.alone.iter_mut().zip(&held) {
            *alone += u64::from(*held);
        }
        let mut so_far = true;
        let mut near = None;
        let mut elsewhere = false;
        let parts = self.query.parts().iter().zip(&self.about).zip(&mut self.steps);
        for ((part, about), steps) in parts {
            let holds = part.holds(&mut |nth| held.get(nth).is_some_and(|held| *held));
            so_far = so_far && holds;
            *steps += u64::from(so_far);
            if !holds {
                elsewhere = elsewhere || about.is_none() || near.is_some_and(|near| Some(near) != *about);
                near = *about;
            }
        }
        if so_far { Verdict::Found } else { near.filter(|_| !elsewhere).map_or(Verdict::No, Verdict::Near) }
    }

    /// Explains the answer, given the fields and the number of events, and whether all were evaluated. The caller sets
    /// the times.
    pub(crate) fn findings<'f>(
        &self,
        fields: &(impl Iterator<Item = &'f str> + Clone),
        of: usize,
        complete: bool,
    ) -> Findings {
        let is_empty = complete && self.events == 0 && !self.query.is_empty();
        let counted = is_empty.then_some((&*self.alone, &*self.steps));
        let had: Vec<bool> = self.had.iter().map(|had| *had || !complete).collect();
        let findings = Findings::from_counts(&self.query, &had, fields, counted, of as u64);
        Findings { matched: self.events as u64, ..findings }
    }
}

fn span_of<'c>(conditions: impl Iterator<Item = &'c Condition>, wanted: Basis) -> Span {
    let mut whole = Span::default();
    for condition in conditions {
        if let Condition::Time(basis, span) = condition
            && *basis == wanted
        {
            whole.from = whole.from.max(span.from);
            whole.until = match (whole.until, span.until) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
    }
    whole
}

/// Returns the field of a part whose conditions are all about one counted field.
fn about(part: &Node, query: &Query) -> Option<usize> {
    let mut fields = Vec::new();
    each_condition(part, &mut |nth| {
        fields.push(match query.conditions().get(nth).map(|placed| &placed.condition) {
            Some(Condition::Is { field: Field::Short(short), .. } | Condition::Has(Field::Short(short))) => {
                COUNTED.iter().position(|counted| counted == short)
            }
            _ => None,
        });
    });
    let first = fields.first().copied().flatten()?;
    fields.iter().all(|field| *field == Some(first)).then_some(first)
}

/// Calls `accept` with the index of each condition in a part.
pub(crate) fn each_condition(part: &Node, accept: &mut dyn FnMut(usize)) {
    match part {
        Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| each_condition(part, accept)),
        Node::Not(part) => each_condition(part, accept),
        Node::Condition(nth) => accept(*nth),
    }
}

/// Returns the field of an equality condition whose values are counted.
pub(crate) fn counted_field(condition: &Condition) -> Option<Short> {
    match condition {
        Condition::Is { field: Field::Short(short), .. } => Some(*short),
        _ => None,
    }
}
