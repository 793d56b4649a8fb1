//! Evaluates conditions on parties. Each distinct string is tested once.

use countersign_query::Role;
use countersign_query::matcher::{Matcher, Pattern, fold, words};

use super::{patterns, test_values_with};
use crate::column::MatchState;
use crate::party::{ALSO, ID, NAME, Parties, TYPE};
use crate::scan::Needles;
use crate::segment::Segment;
use crate::values::{Kind, Unpacked};

/// True if the party has a string besides its type; the type alone is never matched.
pub(super) fn can_be_found(parties: &Parties, party: usize) -> bool {
    [ID, NAME, ALSO].into_iter().any(|part| parties.code(party, part).is_some())
}

/// Tests each party: its identifier with or without its type, its name, and its other strings.
pub(super) fn test_parties(segment: &Segment, parties: &Parties, values: &[Matcher]) -> Vec<MatchState> {
    let patterns = patterns(values);
    let patterns = patterns.as_deref();
    let passes = |text: &str, role| values.iter().any(|matcher| matcher.matches_in_role(text, role));
    let [ids, types, names, others] =
        [ID, TYPE, NAME, ALSO].map(|part| parties.column(segment, part).values.unpacked());

    let needles = patterns.and_then(|patterns| Needles::new(patterns, ids.values));
    let by_id = test_values_with(&ids, needles.as_ref(), &|_, text| passes(text, Role::Whole));
    let by_words = |texts: &Unpacked<'_>| {
        let words = patterns.and_then(|patterns| Needles::for_words(patterns, texts.values));
        test_values_with(texts, words.as_ref(), &|_, text| passes(text, Role::Name))
    };
    let (by_name, by_other) = (by_words(&names), by_words(&others));
    let mut states = vec![MatchState::No; parties.len()];
    for (part, by_part) in [(ID, &by_id), (NAME, &by_name), (ALSO, &by_other)] {
        if by_part.iter().any(|state| *state != MatchState::No) {
            for (party, code) in parties.with_part(part) {
                if let Some(more @ (MatchState::Yes | MatchState::Undecided)) = by_part.get(code) {
                    states[party] = states[party].or(*more);
                }
            }
        }
    }

    let types: Vec<TypeMatch<'_>> =
        types.iter().map(|(kind, text)| TypeMatch::new(kind, text, patterns)).collect();
    if types.iter().any(|of| of.state != MatchState::No) {
        let may = if types.iter().all(|of| of.suffices || of.state == MatchState::No) {
            Vec::new()
        } else {
            with_words(patterns, &types, &ids)
        };
        for (party, code) in parties.with_part(ID) {
            if states[party] == MatchState::Yes {
                continue;
            }
            let Some(of) = parties.code(party, TYPE).and_then(|code| types.get(code)) else { continue };
            if of.suffices {
                states[party] = MatchState::Yes;
                continue;
            }
            let Some((kind, id)) = may.get(code).copied().flatten() else { continue };
            states[party] = states[party].or(match of.state {
                MatchState::Yes if kind != Kind::Cut => {
                    let fits = passes(&[of.text, ":", id].concat(), Role::Whole);
                    if fits { MatchState::Yes } else { MatchState::No }
                }
                MatchState::No => MatchState::No,
                _ => MatchState::Undecided,
            });
        }
    }
    states
}

/// A type, and whether a match can start with it; undecided if the type is cut.
struct TypeMatch<'t> {
    text: &'t str,
    state: MatchState,
    /// True if every identifier matches after this type.
    suffices: bool,
}

impl<'t> TypeMatch<'t> {
    fn new(kind: Kind, text: &'t str, patterns: Option<&[&Pattern]>) -> Self {
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
        let state = match patterns {
            _ if kind == Kind::Cut => MatchState::Undecided,
            Some(patterns) if !patterns.iter().any(may) => MatchState::No,
            _ => MatchState::Yes,
        };
        Self { text, state, suffices: patterns.is_some_and(|patterns| patterns.iter().any(suffices)) }
    }
}

/// Returns the identifiers that contain, for some pattern, a word that no type contains; others can't match after a
/// type.
fn with_words<'i>(
    patterns: Option<&[&Pattern]>,
    types: &[TypeMatch<'_>],
    ids: &'i Unpacked<'_>,
) -> Vec<Option<(Kind, &'i str)>> {
    let needles = patterns.and_then(|patterns| {
        let wanted: Option<Vec<Pattern>> = patterns.iter().map(|pattern| missing(pattern, types)).collect();
        Needles::new(&wanted?.iter().collect::<Vec<_>>(), ids.values)
    });
    let Some(needles) = needles else { return ids.iter().map(Some).collect() };
    let mut may = vec![None; ids.values.len()];
    needles.candidates(ids, &mut |code, kind, text, _| may[code] = Some((kind, text)));
    may
}

/// Returns a word of the pattern that no type contains.
fn missing(pattern: &Pattern, types: &[TypeMatch<'_>]) -> Option<Pattern> {
    let mut words = pattern.pieces().iter().flat_map(|piece| words(piece)).map(Pattern::contains);
    words.find(|word| types.iter().all(|of| of.state != MatchState::Undecided && !word.matches(of.text)))
}
