//! Which parties are as a query asks. Each text is asked about once, whoever says it.

use countersign_query::Role;
use countersign_query::matcher::{Matcher, Pattern, fold, words};

use super::{patterns, told_by};
use crate::column::Told;
use crate::party::{ID, NAME, Parties, TYPE};
use crate::scan::Needles;
use crate::segment::Segment;
use crate::values::{Kind, Unpacked};

/// Those that can be found at all: not by their type alone.
pub(super) fn that_can_be_found(parties: &Parties) -> Vec<Told> {
    let says = |party| parties.code(party, ID).or(parties.code(party, NAME)).is_some();
    (0..parties.len()).map(|party| if says(party) { Told::Yes } else { Told::No }).collect()
}

/// What is told of each: its identifier is as asked, by itself or after its type, or its name is.
pub(super) fn told(segment: &Segment, parties: &Parties, values: &[Matcher]) -> Vec<Told> {
    let patterns = patterns(values);
    let patterns = patterns.as_deref();
    let says = |text: &str, role| values.iter().any(|matcher| matcher.says(text, role));
    let [ids, types, names] = [ID, TYPE, NAME].map(|part| parties.column(segment, part).values.unpacked());

    let needles = patterns.and_then(|patterns| Needles::of(patterns, ids.values));
    let by_id = told_by(&ids, needles.as_ref(), &|_, text| says(text, Role::Whole));
    let words = patterns.and_then(|patterns| Needles::of_words(patterns, names.values));
    let by_name = told_by(&names, words.as_ref(), &|_, text| says(text, Role::Name));
    let part = |told: &[Told], party, part| {
        parties.code(party, part).and_then(|code| told.get(code)).copied().unwrap_or(Told::No)
    };
    let mut told: Vec<Told> =
        (0..parties.len()).map(|party| part(&by_id, party, ID).or(part(&by_name, party, NAME))).collect();

    let types: Vec<Typed<'_>> = types.iter().map(|(kind, text)| Typed::of(kind, text, patterns)).collect();
    if types.iter().any(|of| of.told != Told::No) {
        let may = with_words(patterns, &types, &ids);
        let ids: Vec<(Kind, &str)> = ids.iter().collect();
        for (party, told) in told.iter_mut().enumerate().filter(|(_, told)| **told != Told::Yes) {
            let of = parties.code(party, TYPE).and_then(|code| types.get(code));
            let id = parties.code(party, ID).filter(|code| may[*code]);
            let (Some(of), Some((kind, id))) = (of, id.and_then(|code| ids.get(code))) else { continue };
            *told = told.or(match of.told {
                Told::Yes if *kind != Kind::Cut => {
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

/// A type, and whether what is asked for may begin with it: perhaps where not all of it is known.
struct Typed<'t> {
    text: &'t str,
    told: Told,
}

impl<'t> Typed<'t> {
    fn of(kind: Kind, text: &'t str, patterns: Option<&[&Pattern]>) -> Self {
        let may = |pattern: &&Pattern| {
            let text = if pattern.is_cased() { text.into() } else { fold(text) };
            let begin = [&*text, ":"].concat();
            match pattern.pieces() {
                [] => true,
                [whole] => whole.starts_with(&begin),
                [first, ..] => first.starts_with(&begin) || begin.starts_with(first),
            }
        };
        let told = match kind {
            Kind::Cut => Told::Perhaps,
            _ if patterns.is_none_or(|patterns| patterns.iter().any(may)) => Told::Yes,
            _ => Told::No,
        };
        Self { text, told }
    }
}

/// Which identifiers have, for some pattern, a word that none of the types has: without it they don't fit after one.
fn with_words(patterns: Option<&[&Pattern]>, types: &[Typed<'_>], ids: &Unpacked<'_>) -> Vec<bool> {
    let all = vec![true; ids.values.len()];
    let Some(patterns) = patterns else { return all };
    let mut wanted = Vec::new();
    for pattern in patterns {
        let words = pattern.pieces().iter().flat_map(|piece| words(piece)).map(Pattern::contains);
        let is_missing =
            |word: &Pattern| types.iter().all(|of| of.told != Told::Perhaps && !word.matches(of.text));
        let Some(word) = words.into_iter().find(is_missing) else { return all };
        wanted.push(word);
    }
    let Some(needles) = Needles::of(&wanted.iter().collect::<Vec<_>>(), ids.values) else { return all };
    let mut may = vec![false; ids.values.len()];
    needles.candidates(ids, |code, _, _, _| may[code] = true);
    may
}
