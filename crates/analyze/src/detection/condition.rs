//! Conditions on selections (Sigma 2.1, "Condition").

use super::selection::{all, any};
use super::{Condition, Item, MAX_NAMED, Selection};
use crate::error::{AnalyzeError, explain};
use crate::fields::FieldValues;
use crate::wildcard::Wildcard;

/// The maximum nesting of parentheses and `not`.
const MAX_DEPTH: u32 = 32;
impl Condition {
    pub(crate) fn holds(&self, selections: &[(String, Selection)], found: &FieldValues<'_>) -> bool {
        self.holds_for(&|nth| selections[nth].1.holds(found))
    }

    /// True if the condition holds for the selections, or rules, that hold.
    pub(crate) fn holds_for(&self, is_holding: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Self::Selection(nth) => is_holding(*nth),
            Self::Not(condition) => !condition.holds_for(is_holding),
            Self::All(conditions) => conditions.iter().all(|one| one.holds_for(is_holding)),
            Self::Any(conditions) => conditions.iter().any(|one| one.holds_for(is_holding)),
            Self::Several(least, numbers) => {
                numbers.iter().filter(|nth| is_holding(**nth)).take(*least).count() == *least
            }
        }
    }

    /// True if the condition contains `not`.
    pub(crate) fn negates(&self) -> bool {
        match self {
            Self::Selection(_) | Self::Several(..) => false,
            Self::Not(_) => true,
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().any(Self::negates),
        }
    }

    /// Shifts the numbers of all selections.
    pub(crate) fn shift(&mut self, by: usize) {
        match self {
            Self::Selection(nth) => *nth += by,
            Self::Not(condition) => condition.shift(by),
            Self::All(conditions) | Self::Any(conditions) => {
                for one in conditions {
                    one.shift(by);
                }
            }
            Self::Several(_, numbers) => numbers.iter_mut().for_each(|nth| *nth += by),
        }
    }

    /// Evaluates the condition with partially known items; `None` if the result depends on unknown ones.
    pub(crate) fn judge(
        &self,
        selections: &[(String, Selection)],
        known: &dyn Fn(&Item) -> Option<bool>,
    ) -> Option<bool> {
        match self {
            Self::Selection(nth) => selections[*nth].1.judge(known),
            Self::Not(condition) => condition.judge(selections, known).map(|holds| !holds),
            Self::All(conditions) => all(conditions.iter().map(|one| one.judge(selections, known))),
            Self::Any(conditions) => any(conditions.iter().map(|one| one.judge(selections, known))),
            Self::Several(least, numbers) => {
                let judged = numbers.iter().map(|nth| selections[*nth].1.judge(known));
                let (mut holding, mut possible) = (0, 0);
                judged.for_each(|one| {
                    holding += usize::from(one == Some(true));
                    possible += usize::from(one != Some(false));
                });
                if holding >= *least { Some(true) } else { (possible < *least).then_some(false) }
            }
        }
    }

    /// Visits the selections that the condition wants to hold, including those that don't.
    pub(crate) fn visit_wanted(&self, visit: &mut dyn FnMut(usize)) {
        match self {
            Self::Selection(nth) => visit(*nth),
            Self::Not(_) => {}
            Self::All(conditions) | Self::Any(conditions) => {
                for one in conditions {
                    one.visit_wanted(visit);
                }
            }
            Self::Several(_, numbers) => numbers.iter().copied().for_each(visit),
        }
    }

    /// Visits the selections that hold and that the condition wants to hold.
    pub(crate) fn visit_holding(
        &self,
        selections: &[(String, Selection)],
        found: &FieldValues<'_>,
        visit: &mut dyn FnMut(usize),
    ) {
        match self {
            Self::Selection(nth) => {
                if selections[*nth].1.holds(found) {
                    visit(*nth);
                }
            }
            Self::Not(_) => {}
            Self::All(conditions) | Self::Any(conditions) => {
                for condition in conditions {
                    if condition.holds(selections, found) {
                        condition.visit_holding(selections, found, visit);
                    }
                }
            }
            Self::Several(_, numbers) => {
                numbers.iter().filter(|nth| selections[**nth].1.holds(found)).for_each(|nth| visit(*nth));
            }
        }
    }

    /// Parses a condition on selections, or rules, with these names. `left` is the number of names that it may still have.
    pub(crate) fn parse(
        text: &str,
        line: u32,
        names: &[&str],
        left: &mut usize,
    ) -> Result<Self, AnalyzeError> {
        if text.bytes().any(|byte| byte == b'|') {
            let hint = "count with a correlation instead: a separate rule with `correlation:`";
            return Err(AnalyzeError::new(
                "rule.condition",
                line,
                "`|` in conditions is only supported in Sigma before 2.0",
                hint,
            ));
        }
        let mut tokens = Vec::new();
        let mut from = 0;
        for (at, char) in text.char_indices().chain([(text.len(), ' ')]) {
            let is_parenthesis = matches!(char, '(' | ')');
            if !is_parenthesis && !char.is_whitespace() {
                continue;
            }
            if from < at {
                tokens.push(&text[from..at]);
            }
            from = at + char.len_utf8();
            if is_parenthesis {
                tokens.push(&text[at..from]);
            }
        }
        let mut parser = Parser { tokens: &tokens, at: 0, line, names, left };
        let condition = parser.joined(0, true)?;
        match tokens.get(parser.at) {
            None => Ok(condition),
            Some(token) => Err(parser.fault(explain!("`{token}` is unexpected in the condition"))),
        }
    }
}

/// Parses the minimum number of selections that must hold: `any`, `all`, or a number.
fn quantity(word: &str) -> Option<usize> {
    if word.eq_ignore_ascii_case("any") {
        return Some(1);
    }
    if word.eq_ignore_ascii_case("all") {
        return Some(usize::MAX);
    }
    word.parse().ok().filter(|quantity| *quantity > 0)
}

/// Returns the text before the `*` of a pattern with no other special characters. Most patterns are like
/// this, and can be matched without the pattern code.
fn begin(pattern: &str) -> Option<&str> {
    let begin = pattern.strip_suffix('*')?;
    begin.bytes().all(|byte| !matches!(byte, b'*' | b'?' | b'\\')).then_some(begin)
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    at: usize,
    line: u32,
    names: &'a [&'a str],
    left: &'a mut usize,
}

impl Parser<'_> {
    fn fault(&self, problem: String) -> AnalyzeError {
        let hint = "join selections by `and`, `or`, `not` and parentheses, or name several as in `1 of filter_*` and `all of them`";
        AnalyzeError::new("rule.condition", self.line, problem, hint)
    }

    fn next_is(&mut self, word: &str) -> bool {
        let is = self.tokens.get(self.at).is_some_and(|token| token.eq_ignore_ascii_case(word));
        self.at += usize::from(is);
        is
    }

    /// Parses conditions joined by `or`, or those joined by `and`.
    fn joined(&mut self, depth: u32, by_or: bool) -> Result<Condition, AnalyzeError> {
        let mut conditions = Vec::new();
        loop {
            let next = if by_or { self.joined(depth, false)? } else { self.one(depth)? };
            let is_joined = self.next_is(if by_or { "or" } else { "and" });
            if !is_joined && conditions.is_empty() {
                return Ok(next);
            }
            conditions.push(next);
            if !is_joined {
                return Ok(if by_or { Condition::Any(conditions) } else { Condition::All(conditions) });
            }
        }
    }

    fn one(&mut self, depth: u32) -> Result<Condition, AnalyzeError> {
        if depth > MAX_DEPTH {
            return Err(self.fault(explain!("the condition nests more than {MAX_DEPTH} levels deep")));
        }
        if self.next_is("not") {
            return self.one(depth + 1).map(|condition| Condition::Not(condition.into()));
        }
        if self.next_is("(") {
            let condition = self.joined(depth + 1, true)?;
            if !self.next_is(")") {
                return Err(self.fault(explain!("a `)` is missing in the condition")));
            }
            return Ok(condition);
        }
        let Some(token) = self.tokens.get(self.at) else {
            return Err(self.fault(explain!("the condition ends where a selection is expected")));
        };
        self.at += 1;
        if self.next_is("of") {
            if let Some(quantity) = quantity(token) {
                return self.several(quantity);
            }
            self.at -= 1;
        }
        self.name(1)?;
        let found = self.names.iter().position(|name| name == token);
        found.map(Condition::Selection).ok_or_else(|| self.unknown(token))
    }

    fn several(&mut self, quantity: usize) -> Result<Condition, AnalyzeError> {
        let Some(names) = self.tokens.get(self.at) else {
            return Err(self.fault(explain!("the condition ends after `of`")));
        };
        self.at += 1;
        let is_all = names.eq_ignore_ascii_case("them");
        let begin = if is_all { Some("") } else { begin(names) };
        let pattern = Wildcard::parse(names, true, (false, false));
        let is_selected = |name: &str| match begin {
            Some(begin) => name.starts_with(begin),
            None => pattern.matches(name, name),
        };
        let numbers: Vec<usize> = (0..self.names.len())
            .filter(|nth| {
                let name = self.names[*nth];
                is_selected(name) && !(is_all && name.starts_with('_'))
            })
            .collect();
        if numbers.is_empty() {
            return Err(self.unknown(names));
        }
        self.name(numbers.len())?;
        if quantity == usize::MAX {
            return Ok(Condition::All(numbers.into_iter().map(Condition::Selection).collect()));
        }
        if quantity > numbers.len() {
            let problem = explain!("`{names}` matches only {} selections", numbers.len());
            return Err(self.fault(problem));
        }
        Ok(if quantity == 1 {
            Condition::Any(numbers.into_iter().map(Condition::Selection).collect())
        } else {
            Condition::Several(quantity, numbers)
        })
    }

    /// Counts this number of named selections against the limit.
    fn name(&mut self, number: usize) -> Result<(), AnalyzeError> {
        let Some(left) = self.left.checked_sub(number) else {
            let problem = explain!(
                "the conditions of a rule can name at most {MAX_NAMED} selections, counting repeats"
            );
            return Err(AnalyzeError::new(
                "rule.condition",
                self.line,
                problem,
                "name each selection once, or split the rule",
            ));
        };
        *self.left = left;
        Ok(())
    }

    fn unknown(&self, name: &str) -> AnalyzeError {
        let problem = explain!("no selection or rule is named `{name}`");
        let hint = explain!("use one of: {}", self.names.join(", "));
        AnalyzeError::new("rule.condition", self.line, problem, hint)
    }
}
