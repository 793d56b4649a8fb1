//! The share of events without a parser, stated wherever "nothing was found" could be read as "all is well".

use core::fmt::Write as _;

/// The events that no parser recognizes, among those examined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unparsed {
    /// The number of events that no parser recognizes.
    pub unparsed: u64,
    /// The number of events examined.
    pub events: u64,
}

/// The conclusion that events without a parser weaken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// That detection rules found all there is.
    Rules,
    /// That an inventory has all calls.
    Calls,
    /// That a query selected all events it asks for.
    Query,
    /// That evidence names all actors and actions.
    Evidence,
}

impl Conclusion {
    /// Returns the consequence of events without a parser.
    const fn consequence(self, is_one: bool) -> &'static str {
        match (self, is_one) {
            (Self::Rules, true) => "rules that use parsed facts can't match it",
            (Self::Rules, false) => "rules that use parsed facts can't match them",
            (Self::Calls, true) => "a call that it records may be missing",
            (Self::Calls, false) => "calls that they record may be missing",
            (Self::Query, true) => {
                "conditions on parsed facts, such as actor:, action:, and time:, may miss it"
            }
            (Self::Query, false) => {
                "conditions on parsed facts, such as actor:, action:, and time:, may miss them"
            }
            (Self::Evidence, true) => "its actor and action may be missing",
            (Self::Evidence, false) => "their actors and actions may be missing",
        }
    }
}

impl Unparsed {
    /// Returns the share and its consequence: `612 of 10,000 events (6%) have no parser; …`, without a period.
    /// `None` if every event has a parser.
    pub fn sentence(self, conclusion: Conclusion) -> Option<String> {
        let Self { unparsed, events } = self;
        let is_one = unparsed == 1;
        (unparsed > 0).then(|| {
            format!(
                "{} of {} {} ({}) {} no parser; {}",
                grouped(unparsed),
                grouped(events),
                if events == 1 { "event" } else { "events" },
                percent(unparsed, events),
                if is_one { "has" } else { "have" },
                conclusion.consequence(is_one)
            )
        })
    }
}

/// Formats a number with a comma between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        let separator = if nth > 0 && (digits.len() - nth).is_multiple_of(3) { "," } else { "" };
        let _ = write!(text, "{separator}{digit}");
    }
    text
}

/// Formats a share in whole percent, rounded, so that neither a small share is 0% nor an incomplete one 100%.
fn percent(part: u64, whole: u64) -> String {
    let (part, whole) = (u128::from(part), u128::from(whole));
    match (part * 200 + whole).checked_div(whole * 2).unwrap_or_default() {
        0 if part > 0 => "under 1%".to_owned(),
        100 if part < whole => "over 99%".to_owned(),
        percent => format!("{percent}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(unparsed: u64, events: u64) -> Option<String> {
        Unparsed { unparsed, events }.sentence(Conclusion::Rules)
    }

    #[test]
    fn shares_are_counted_and_rounded() {
        let many = "612 of 10,000 events (6%) have no parser; rules that use parsed facts can't match them";
        assert_eq!(rules(612, 10_000).as_deref(), Some(many));
        let one =
            "1 of 1,234,567 events (under 1%) has no parser; rules that use parsed facts can't match it";
        assert_eq!(rules(1, 1_234_567).as_deref(), Some(one));
        assert!(rules(1, 1).is_some_and(|text| text.starts_with("1 of 1 event (100%) has no parser")));
        for (unparsed, events, share) in [
            (20, 521, "20 of 521 events (4%)"),
            (3, 200, "3 of 200 events (2%)"),
            (1, 201, "1 of 201 events (under 1%)"),
            (1, 200, "1 of 200 events (1%)"),
            (994, 1000, "994 of 1,000 events (99%)"),
            (999, 1000, "999 of 1,000 events (over 99%)"),
        ] {
            assert!(rules(unparsed, events).is_some_and(|text| text.starts_with(share)), "{share}");
        }
        assert_eq!(rules(0, 1000), None);
    }
}
