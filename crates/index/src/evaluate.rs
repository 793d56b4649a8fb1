//! Evaluates conditions on the columns of a segment. The query's own matchers test each distinct value once.

mod party;

use std::borrow::Cow;

use countersign::time::Time;
use countersign_query::condition::{Basis, Condition, Node};
use countersign_query::matcher::{Matcher, Pattern, Span, fold, words};
use countersign_query::value::Value;
use countersign_query::{Entry, Field, Path, Query, Read, Role, Short};

use crate::bits::Bits;
use crate::changed;
use crate::column::{Column, MatchState, RowMatches};
use crate::scan;
use crate::segment::{Fact, Kinds, RowKind, Segment, flag};
use crate::values::{Kind, Unpacked, Values};

/// Returns the rows that meet a condition. Rows without an event count only for conditions on the link.
pub(crate) fn condition(segment: &Segment, kinds: &Kinds, condition: &Condition) -> RowMatches {
    let mut matches = RowMatches::none(segment.rows());
    match condition {
        Condition::Is { field: Field::Member(path), values } => {
            if let Some(column) = segment.column(path.names()) {
                let fits = |kind: Kind, text: &str| {
                    kind.of_event()
                        .is_some_and(|of| values.iter().any(|matcher| matcher.matches_text(of, text)))
                };
                column.spread(&test_values(&column.values, patterns(values).as_deref(), &fits), &mut matches);
            }
            add_flagged(segment, flag::MORE, &mut matches);
        }
        Condition::Is { field: Field::Short(short), values } => {
            is_short(segment, *short, values, &mut matches);
        }
        Condition::Has(Field::Short(short)) => {
            if let Some((parties, places)) = segment.parties(*short) {
                let states = (0..parties.len()).map(|party| {
                    if party::can_be_found(parties, party) { MatchState::Yes } else { MatchState::No }
                });
                places.spread(&states.collect::<Vec<_>>(), &mut matches);
            }
            for column in short_columns(segment, *short) {
                let has = |kind: Kind, text: &str| match (short, kind) {
                    (Short::Outcome, Kind::Word) => Role::states(text, Role::Word),
                    _ => kind.of_event().is_some(),
                };
                let values = column.values.unpacked();
                let states = values
                    .iter()
                    .map(|(kind, text)| if has(kind, text) { MatchState::Yes } else { MatchState::No });
                column.spread(&states.collect::<Vec<_>>(), &mut matches);
            }
            add_flagged_for_short(segment, *short, &mut matches);
        }
        Condition::Has(Field::Member(path)) => {
            if let Some(node) = segment.node(path.names()) {
                segment.columns_within(node).for_each(|column| column.add_rows(&mut matches.sure));
                matches.possible = matches.sure.clone();
            }
            add_flagged(segment, flag::MORE, &mut matches);
        }
        Condition::Only { path, values } => only(segment, path, values, &mut matches),
        Condition::Changed(path) => {
            let column = segment.fact(Fact::Changed);
            let key = changed::key(path.names());
            let values = column.values.unpacked();
            let is =
                values.iter().map(|(_, text)| if text == key { MatchState::Yes } else { MatchState::No });
            column.spread(&is.collect::<Vec<_>>(), &mut matches);
            add_flagged(segment, flag::MORE_FACTS, &mut matches);
        }
        Condition::Text(pattern) => {
            let needles = |values: &Values| scan::Needles::new(&[pattern], values);
            text(segment, &needles, &|text| pattern.matches(text), &mut matches);
        }
        Condition::Word(wanted) => {
            let pattern = Pattern::contains(wanted);
            let needles = |values: &Values| scan::Needles::for_words(&[&pattern], values);
            let has = |text: &str| words(&fold(text)).any(|word| word == wanted);
            text(segment, &needles, &has, &mut matches);
        }
        Condition::Time(basis, span) => matches = RowMatches::exactly(time(segment, *basis, *span)),
        Condition::UnclearTime => {
            matches = RowMatches::exactly(segment.rows_where(|flags| flags & flag::UNCLEAR_TIME != 0));
        }
        // Unknown conditions are left to the event's bytes.
        _ => matches.possible.clone_from(&kinds.events),
    }
    matches
}

/// Combines the results of the conditions as a part of the query does.
pub(crate) fn node(part: &Node, conditions: &[RowMatches], rows: usize) -> RowMatches {
    match part {
        Node::All(parts) => {
            let mut all = RowMatches::exactly(Bits::all(rows));
            for part in parts {
                all.and(&node(part, conditions, rows));
            }
            all
        }
        Node::Any(parts) => {
            let mut any = RowMatches::none(rows);
            for part in parts {
                any.or(&node(part, conditions, rows));
            }
            any
        }
        Node::Not(part) => {
            let mut not = node(part, conditions, rows);
            not.flip();
            not
        }
        Node::Condition(nth) => conditions.get(*nth).cloned().unwrap_or_else(|| RowMatches::none(rows)),
    }
}

/// True if any event of a segment may have a condition's field.
pub(crate) fn is_about(segment: &Segment, condition: &Condition) -> bool {
    let mut any_more = segment.flags.iter().copied();
    match condition {
        Condition::Is { field: Field::Short(short), .. } | Condition::Has(Field::Short(short)) => {
            let parties = segment.parties(*short);
            let of_parties = parties.is_some_and(|(parties, _)| {
                (0..parties.len()).any(|party| party::can_be_found(parties, party))
            });
            let has_value = |column: &Column| {
                (0..column.values.len()).any(|code| column.values.kind(code).of_event().is_some())
            };
            of_parties || short_columns(segment, *short).any(has_value)
        }
        Condition::Is { field: Field::Member(path), .. }
        | Condition::Has(Field::Member(path))
        | Condition::Only { path, .. } => {
            segment.node(path.names()).is_some() || any_more.any(|flags| flags & flag::MORE != 0)
        }
        Condition::Changed(path) => {
            let of = |side: &str| {
                let names: Vec<&str> =
                    core::iter::once(side).chain(path.names().iter().map(String::as_str)).collect();
                segment.node(&names).is_some()
            };
            of("before") || of("after") || any_more.any(|flags| flags & flag::MORE != 0)
        }
        _ => true,
    }
}

/// Adds rows with this flag as possible matches.
fn add_flagged(segment: &Segment, flag: u8, matches: &mut RowMatches) {
    if segment.flags.iter().any(|flags| flags & flag != 0) {
        matches.add_possible(&segment.rows_where(|flags| flags & flag != 0));
    }
}

/// Returns the patterns of text matchers, or `None` if there are other matchers.
fn patterns(values: &[Matcher]) -> Option<Vec<&Pattern>> {
    values
        .iter()
        .map(|matcher| if let Matcher::Text(pattern) = matcher { Some(pattern) } else { None })
        .collect()
}

/// Tests each value. A cut value is always undecided.
fn test_values(
    values: &Values,
    needed: Option<&[&Pattern]>,
    fits: &dyn Fn(Kind, &str) -> bool,
) -> Vec<MatchState> {
    let needles = needed.and_then(|patterns| scan::Needles::new(patterns, values));
    test_values_with(&values.unpacked(), needles.as_ref(), fits)
}

fn test_values_with(
    values: &Unpacked<'_>,
    needles: Option<&scan::Needles>,
    fits: &dyn Fn(Kind, &str) -> bool,
) -> Vec<MatchState> {
    let mut states = vec![MatchState::No; values.values.len()];
    let mut test = |code: usize, kind: Kind, text: &str, suffices: bool| {
        states[code] = match kind {
            Kind::Cut => MatchState::Undecided,
            Kind::Text | Kind::Number if suffices => MatchState::Yes,
            _ if fits(kind, text) => MatchState::Yes,
            _ => MatchState::No,
        };
    };
    if let Some(needles) = needles {
        needles.candidates(values, &mut test);
    } else {
        for (code, (kind, text)) in values.iter().enumerate() {
            test(code, kind, text, false);
        }
    }
    states
}

fn is_short(segment: &Segment, short: Short, values: &[Matcher], matches: &mut RowMatches) {
    let passes = |text: &str, role| values.iter().any(|matcher| matcher.matches_in_role(text, role));
    match short {
        Short::Actor | Short::For | Short::Target => {
            if let Some((parties, places)) = segment.parties(short) {
                places.spread(&party::test_parties(segment, parties, values), matches);
            }
        }
        Short::Signer => {
            let column = segment.fact(Fact::Key);
            let fits = |_: Kind, text: &str| passes(name_of(text), Role::Whole);
            column.spread(&test_values(&column.values, None, &fits), matches);
        }
        _ => {
            let fits = |kind: Kind, text: &str| match kind {
                Kind::Object | Kind::Array => false,
                Kind::Word => passes(text, Role::Word),
                _ => passes(text, Role::Whole),
            };
            // Outcomes may be written with other separators.
            let needed = if short == Short::Outcome { None } else { patterns(values) };
            for column in short_columns(segment, short) {
                column.spread(&test_values(&column.values, needed.as_deref(), &fits), matches);
            }
        }
    }
    add_flagged_for_short(segment, short, matches);
}

/// The chain and key of a row.
pub(crate) struct Link<'s> {
    pub(crate) chain: Cow<'s, str>,
    pub(crate) key: Option<Cow<'s, str>>,
}

impl<'s> Link<'s> {
    pub(crate) fn from_row(segment: &'s Segment, row: usize) -> Self {
        let text = |fact| segment.text(fact, row).map(|(_, text)| text);
        Self { chain: text(Fact::Chain).unwrap_or_default(), key: text(Fact::Key) }
    }
}

/// Creates the entry of an event that had to be read.
pub(crate) fn entry<'e>(
    segment: &Segment,
    row: usize,
    link: &'e Link<'_>,
    event: Option<Value<'e>>,
    read: Option<&'e Read<'e>>,
) -> Entry<'e> {
    Entry {
        event,
        roots: &[],
        read,
        recorded: segment.recorded(row),
        chain: &link.chain,
        signer: link.key.as_deref().map(name_of),
    }
}

/// Returns the name in a public key.
pub(crate) fn name_of(key: &str) -> &str {
    key.split_once('+').map_or(key, |(name, _)| name)
}

/// Returns the columns of a short name; none if it stands for parties.
pub(crate) fn short_columns(segment: &Segment, short: Short) -> impl Iterator<Item = &Column> {
    let fact = match short {
        Short::Action => Fact::Action,
        Short::Category => Fact::Category,
        Short::Outcome => Fact::Outcome,
        Short::Ip => Fact::Ip,
        Short::Signer => Fact::Key,
        Short::Chain => Fact::Chain,
        Short::As => Fact::As,
        Short::Tenant => return segment.column(&["tenant"]).into_iter(),
        Short::Actor | Short::For | Short::Target => return None.into_iter(),
    };
    Some(segment.fact(fact)).into_iter()
}

fn add_flagged_for_short(segment: &Segment, short: Short, matches: &mut RowMatches) {
    match short {
        Short::Actor | Short::For | Short::Target => add_flagged(segment, flag::MORE_FACTS, matches),
        Short::Tenant => add_flagged(segment, flag::MORE, matches),
        _ => {}
    }
}

/// Evaluates [`Condition::Only`]: there are values, all match, and none is an object.
fn only(segment: &Segment, path: &Path, values: &[Matcher], matches: &mut RowMatches) {
    let rows = segment.rows();
    if let Some(node) = segment.node(path.names()) {
        let mut wrong = RowMatches::none(rows);
        let mut columns = segment.columns_within(node);
        if let Some(own) = segment.column(path.names()) {
            columns.next();
            let fits = |kind: Kind, text: &str| {
                kind.of_event().is_some_and(|of| values.iter().any(|matcher| matcher.matches_text(of, text)))
            };
            let right = test_values(&own.values, None, &fits);
            own.spread(&right, matches);
            let unfit = right.iter().enumerate().map(|(code, right)| match (own.values.kind(code), right) {
                (Kind::Array, _) | (_, MatchState::Yes) => MatchState::No,
                (_, MatchState::Undecided) => MatchState::Undecided,
                (_, MatchState::No) => MatchState::Yes,
            });
            own.spread(&unfit.collect::<Vec<_>>(), &mut wrong);
        }
        for within in columns {
            within.add_rows(&mut wrong.sure);
        }
        wrong.possible.or(&wrong.sure);
        wrong.flip();
        matches.and(&wrong);
    }
    // Values outside of columns may match or not.
    let more = segment.rows_where(|flags| flags & flag::MORE != 0);
    matches.sure.less(&more);
    matches.possible.or(&more);
}

/// Tests all strings and numbers of the events.
fn text(
    segment: &Segment,
    needles: &dyn Fn(&Values) -> Option<scan::Needles>,
    fits: &dyn Fn(&str) -> bool,
    matches: &mut RowMatches,
) {
    for column in segment.columns_of_members() {
        let values = &column.values;
        if values.only_kind().is_some_and(|kind| !is_text(kind)) {
            continue;
        }
        let states = test_values_with(&values.unpacked(), needles(values).as_ref(), &|kind, text| {
            is_text(kind) && fits(text)
        });
        column.spread(&states, matches);
    }
    add_flagged(segment, flag::MORE, matches);
}

const fn is_text(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Number | Kind::Cut)
}

fn time(segment: &Segment, basis: Basis, span: Span) -> Bits {
    let times = match (basis, &segment.happened) {
        (Basis::Happened, Some(happened)) => happened,
        _ => &segment.recorded,
    };
    let mut bits = Bits::none(segment.rows());
    let from = span.from.map_or(i64::MIN, Time::millis);
    let until = span.until.map_or(i64::MAX, Time::millis);
    for (row, time) in times.iter().enumerate() {
        if time >= from && time < until {
            bits.put(row, true);
        }
    }
    // Gaps have no time of their own.
    bits.less(&segment.rows_where(|flags| flags & 3 == RowKind::Gap as u8));
    bits
}

/// Returns the rows that a query can match: events, and if it doesn't depend on events, withheld ones too.
pub(crate) fn candidates(kinds: &Kinds, query: &Query) -> Bits {
    let mut rows = kinds.events.clone();
    if !query.reads_events() {
        rows.or(&kinds.withheld);
    }
    rows
}
