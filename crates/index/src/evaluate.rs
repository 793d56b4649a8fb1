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
use crate::column::{Column, Judged, Told};
use crate::scan;
use crate::segment::{Fact, Kinds, RowKind, Segment, flag};
use crate::values::{Kind, Unpacked, Values};

/// Returns the rows that meet a condition. Rows without an event count only for conditions on the link.
pub(crate) fn condition(segment: &Segment, kinds: &Kinds, condition: &Condition) -> Judged {
    let mut judged = Judged::none(segment.rows());
    match condition {
        Condition::Is { field: Field::Member(path), values } => {
            if let Some(column) = segment.column(path.names()) {
                let fits = |kind: Kind, text: &str| {
                    kind.of_event()
                        .is_some_and(|of| values.iter().any(|matcher| matcher.matches_said(of, text)))
                };
                column.spread(&told(&column.values, patterns(values).as_deref(), &fits), &mut judged);
            }
            more(segment, flag::MORE, &mut judged);
        }
        Condition::Is { field: Field::Short(short), values } => {
            is_short(segment, *short, values, &mut judged);
        }
        Condition::Has(Field::Short(short)) => {
            if let Some((parties, places)) = segment.parties(*short) {
                let told = (0..parties.len())
                    .map(|party| if party::can_be_found(parties, party) { Told::Yes } else { Told::No });
                places.spread(&told.collect::<Vec<_>>(), &mut judged);
            }
            for column in short_columns(segment, *short) {
                let has = |kind: Kind, text: &str| match (short, kind) {
                    (Short::Outcome, Kind::Word) => Role::states(text, Role::Word),
                    _ => kind.of_event().is_some(),
                };
                let values = column.values.unpacked();
                let told =
                    values.iter().map(|(kind, text)| if has(kind, text) { Told::Yes } else { Told::No });
                column.spread(&told.collect::<Vec<_>>(), &mut judged);
            }
            short_more(segment, *short, &mut judged);
        }
        Condition::Has(Field::Member(path)) => {
            if let Some(node) = segment.node(path.names()) {
                segment.columns_within(node).for_each(|column| column.add_rows(&mut judged.sure));
                judged.possible = judged.sure.clone();
            }
            more(segment, flag::MORE, &mut judged);
        }
        Condition::Only { path, values } => only(segment, path, values, &mut judged),
        Condition::Changed(path) => {
            let column = segment.fact(Fact::Changed);
            let key = changed::key(path.names());
            let values = column.values.unpacked();
            let is = values.iter().map(|(_, text)| if text == key { Told::Yes } else { Told::No });
            column.spread(&is.collect::<Vec<_>>(), &mut judged);
            more(segment, flag::MORE_FACTS, &mut judged);
        }
        Condition::Text(pattern) => {
            let needles = |values: &Values| scan::Needles::of(&[pattern], values);
            text(segment, &needles, &|text| pattern.matches(text), &mut judged);
        }
        Condition::Word(wanted) => {
            let pattern = Pattern::contains(wanted);
            let needles = |values: &Values| scan::Needles::of_words(&[&pattern], values);
            let has = |text: &str| words(&fold(text)).any(|word| word == wanted);
            text(segment, &needles, &has, &mut judged);
        }
        Condition::Time(basis, span) => judged = Judged::exactly(time(segment, *basis, *span)),
        // Unknown conditions are left to the event's bytes.
        _ => judged.possible.clone_from(&kinds.events),
    }
    judged
}

/// Combines the results of the conditions as a part of the query does.
pub(crate) fn node(part: &Node, conditions: &[Judged], rows: usize) -> Judged {
    match part {
        Node::All(parts) => {
            let mut all = Judged::exactly(Bits::all(rows));
            for part in parts {
                all.and(&node(part, conditions, rows));
            }
            all
        }
        Node::Any(parts) => {
            let mut any = Judged::none(rows);
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
        Node::Condition(nth) => conditions.get(*nth).cloned().unwrap_or_else(|| Judged::none(rows)),
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
            let says = |column: &Column| {
                (0..column.values.len()).any(|code| column.values.kind(code).of_event().is_some())
            };
            of_parties || short_columns(segment, *short).any(says)
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
fn more(segment: &Segment, flag: u8, judged: &mut Judged) {
    if segment.flags.iter().any(|flags| flags & flag != 0) {
        judged.perhaps(&segment.rows_where(|flags| flags & flag != 0));
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
fn told(values: &Values, needed: Option<&[&Pattern]>, fits: &dyn Fn(Kind, &str) -> bool) -> Vec<Told> {
    let needles = needed.and_then(|patterns| scan::Needles::of(patterns, values));
    told_by(&values.unpacked(), needles.as_ref(), fits)
}

fn told_by(
    values: &Unpacked<'_>,
    needles: Option<&scan::Needles>,
    fits: &dyn Fn(Kind, &str) -> bool,
) -> Vec<Told> {
    let mut told = vec![Told::No; values.values.len()];
    let mut look = |code: usize, kind: Kind, text: &str, suffices: bool| {
        told[code] = match kind {
            Kind::Cut => Told::Perhaps,
            Kind::Text | Kind::Number if suffices => Told::Yes,
            _ if fits(kind, text) => Told::Yes,
            _ => Told::No,
        };
    };
    if let Some(needles) = needles {
        needles.candidates(values, &mut look);
    } else {
        for (code, (kind, text)) in values.iter().enumerate() {
            look(code, kind, text, false);
        }
    }
    told
}

fn is_short(segment: &Segment, short: Short, values: &[Matcher], judged: &mut Judged) {
    let says = |text: &str, role| values.iter().any(|matcher| matcher.says(text, role));
    match short {
        Short::Actor | Short::Target => {
            if let Some((parties, places)) = segment.parties(short) {
                places.spread(&party::told(segment, parties, values), judged);
            }
        }
        Short::Signer => {
            let column = segment.fact(Fact::Key);
            let fits = |_: Kind, text: &str| says(name_of(text), Role::Whole);
            column.spread(&told(&column.values, None, &fits), judged);
        }
        _ => {
            let fits = |kind: Kind, text: &str| match kind {
                Kind::Object | Kind::Array => false,
                Kind::Word => says(text, Role::Word),
                _ => says(text, Role::Whole),
            };
            // Outcomes may be written with other separators.
            let needed = if short == Short::Outcome { None } else { patterns(values) };
            for column in short_columns(segment, short) {
                column.spread(&told(&column.values, needed.as_deref(), &fits), judged);
            }
        }
    }
    short_more(segment, short, judged);
}

/// The chain and key of a row.
pub(crate) struct Link<'s> {
    pub(crate) chain: Cow<'s, str>,
    pub(crate) key: Option<Cow<'s, str>>,
}

impl<'s> Link<'s> {
    pub(crate) fn of(segment: &'s Segment, row: usize) -> Self {
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
        Short::Outcome => Fact::Outcome,
        Short::Ip => Fact::Ip,
        Short::Signer => Fact::Key,
        Short::Chain => Fact::Chain,
        Short::As => Fact::As,
        Short::Tenant => return segment.column(&["tenant"]).into_iter(),
        Short::Actor | Short::Target => return None.into_iter(),
    };
    Some(segment.fact(fact)).into_iter()
}

fn short_more(segment: &Segment, short: Short, judged: &mut Judged) {
    match short {
        Short::Actor | Short::Target => more(segment, flag::MORE_FACTS, judged),
        Short::Tenant => more(segment, flag::MORE, judged),
        _ => {}
    }
}

/// Evaluates [`Condition::Only`]: there are values, all match, and none is an object.
fn only(segment: &Segment, path: &Path, values: &[Matcher], judged: &mut Judged) {
    let rows = segment.rows();
    if let Some(node) = segment.node(path.names()) {
        let mut wrong = Judged::none(rows);
        let mut columns = segment.columns_within(node);
        if let Some(own) = segment.column(path.names()) {
            columns.next();
            let fits = |kind: Kind, text: &str| {
                kind.of_event().is_some_and(|of| values.iter().any(|matcher| matcher.matches_said(of, text)))
            };
            let right = told(&own.values, None, &fits);
            own.spread(&right, judged);
            let unfit = right.iter().enumerate().map(|(code, right)| match (own.values.kind(code), right) {
                (Kind::Array, _) | (_, Told::Yes) => Told::No,
                (_, Told::Perhaps) => Told::Perhaps,
                (_, Told::No) => Told::Yes,
            });
            own.spread(&unfit.collect::<Vec<_>>(), &mut wrong);
        }
        for within in columns {
            within.add_rows(&mut wrong.sure);
        }
        wrong.possible.or(&wrong.sure);
        wrong.flip();
        judged.and(&wrong);
    }
    // Values outside of columns may match or not.
    let more = segment.rows_where(|flags| flags & flag::MORE != 0);
    judged.sure.less(&more);
    judged.possible.or(&more);
}

/// Tests all strings and numbers of the events.
fn text(
    segment: &Segment,
    needles: &dyn Fn(&Values) -> Option<scan::Needles>,
    fits: &dyn Fn(&str) -> bool,
    judged: &mut Judged,
) {
    for column in segment.columns_of_members() {
        let values = &column.values;
        if values.only_kind().is_some_and(|kind| !is_text(kind)) {
            continue;
        }
        let told =
            told_by(&values.unpacked(), needles(values).as_ref(), &|kind, text| is_text(kind) && fits(text));
        column.spread(&told, judged);
    }
    more(segment, flag::MORE, judged);
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
