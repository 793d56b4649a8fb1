//! Evaluates conditions on parties. Each distinct string is tested once.

use countersign_query::Role;
use countersign_query::matcher::{Matcher, Pattern, fold, words};

use super::{patterns, told_by};
use crate::column::Told;
use crate::party::{ALSO, ID, NAME, Parties, TYPE};
use crate::scan::Needles;
use crate::segment::Segment;
use crate::values::{Kind, Unpacked};

/// True if the party has a string besides its type; the type alone is never matched.
pub(super) fn can_be_found(parties: &Parties, party: usize) -> bool {
    [ID, NAME, ALSO].into_iter().any(|part| parties.code(party, part).is_some())
}

/// Tests each party: its identifier with or without its type, its name, and its other strings.
pub(super) fn told(segment: &Segment, parties: &Parties, values: &[Matcher]) -> Vec<Told> {
    let patterns = patterns(values);
    let patterns = patterns.as_deref();
    let says = |text: &str, role| values.iter().any(|matcher| matcher.says(text, role));
    let [ids, types, names, others] =
        [ID, TYPE, NAME, ALSO].map(|part| parties.column(segment, part).values.unpacked());

    let needles = patterns.and_then(|patterns| Needles::of(patterns, ids.values));
    let by_id = told_by(&ids, needles.as_ref(), &|_, text| says(text, Role::Whole));
    let by_words = |texts: &Unpacked<'_>| {
        let words = patterns.and_then(|patterns| Needles::of_words(patterns, texts.values));
        told_by(texts, words.as_ref(), &|_, text| says(text, Role::Name))
    };
    let (by_name, by_other) = (by_words(&names), by_words(&others));
    let mut told = vec![Told::No; parties.len()];
    for (part, by_part) in [(ID, &by_id), (NAME, &by_name), (ALSO, &by_other)] {
        if by_part.iter().any(|told| *told != Told::No) {
            for (party, code) in parties.with_part(part) {
                if let Some(more @ (Told::Yes | Told::Perhaps)) = by_part.get(code) {
                    told[party] = told[party].or(*more);
                }
            }
        }
    }

    let types: Vec<Typed<'_>> = types.iter().map(|(kind, text)| Typed::of(kind, text, patterns)).collect();
    if types.iter().any(|of| of.told != Told::No) {
        let may = if types.iter().all(|of| of.suffices || of.told == Told::No) {
            Vec::new()
        } else {
            with_words(patterns, &types, &ids)
        };
        for (party, code) in parties.with_part(ID) {
            if told[party] == Told::Yes {
                continue;
            }
            let Some(of) = parties.code(party, TYPE).and_then(|code| types.get(code)) else { continue };
            if of.suffices {
                told[party] = Told::Yes;
                continue;
            }
            let Some((kind, id)) = may.get(code).copied().flatten() else { continue };
            told[party] = told[party].or(match of.told {
                Told::Yes if kind != Kind::Cut => {
                    let fits = says(&[of.text, ":", id].concat(), Role::Whole);
                    if fits { Told::Yes } else { Told::No }
                }
                Told::No => Told::No,
                _ => Told::Perhaps,
            });
        }
    }
    told
}

/// A type, and whether a match can start with it; undecided if the type is cut.
struct Typed<'t> {
    text: &'t str,
    told: Told,
    /// True if every identifier matches after this type.
    suffices: bool,
}

impl<'t> Typed<'t> {
    fn of(kind: Kind, text: &'t str, patterns: Option<&[&Pattern]>) -> Self {
        let begin = |pattern: &Pattern| {
            let text = if pattern.is_cased() { text.into() } else { fold(text) };
            [&*text, ":"].concat()
        };
        let suffices = |pattern: &&Pattern| match pattern.pieces() {
            [first, last] => last.is_empty() && begin(pattern).starts_with(first),
            _ => false,
        };
        let may = |pattern: &&Pattern| {
            let begin = begin(pattern);
            match pattern.pieces() {
                [] => true,
                [whole] => whole.starts_with(&begin),
                // Unless the pattern reaches into the part before the identifier, the identifier matches alone.
                [first, rest @ .., last] if first.is_empty() => match rest.first() {
                    Some(piece) => piece.contains(':') || begin.contains(piece),
                    None => last.contains(':'),
                },
                [first, ..] => first.starts_with(&begin) || begin.starts_with(first),
            }
        };
        let patterns = patterns.filter(|_| kind != Kind::Cut);
        let told = match patterns {
            _ if kind == Kind::Cut => Told::Perhaps,
            Some(patterns) if !patterns.iter().any(may) => Told::No,
            _ => Told::Yes,
        };
        Self { text, told, suffices: patterns.is_some_and(|patterns| patterns.iter().any(suffices)) }
    }
}

/// Returns the identifiers that contain, for some pattern, a word that no type contains; others can't match after a
/// type.
fn with_words<'i>(
    patterns: Option<&[&Pattern]>,
    types: &[Typed<'_>],
    ids: &'i Unpacked<'_>,
) -> Vec<Option<(Kind, &'i str)>> {
    let needles = patterns.and_then(|patterns| {
        let wanted: Option<Vec<Pattern>> = patterns.iter().map(|pattern| missing(pattern, types)).collect();
        Needles::of(&wanted?.iter().collect::<Vec<_>>(), ids.values)
    });
    let Some(needles) = needles else { return ids.iter().map(Some).collect() };
    let mut may = vec![None; ids.values.len()];
    needles.candidates(ids, &mut |code, kind, text, _| may[code] = Some((kind, text)));
    may
}

/// Returns a word of the pattern that no type contains.
fn missing(pattern: &Pattern, types: &[Typed<'_>]) -> Option<Pattern> {
    let mut words = pattern.pieces().iter().flat_map(|piece| words(piece)).map(Pattern::contains);
    words.find(|word| types.iter().all(|of| of.told != Told::Perhaps && !word.matches(of.text)))
}
