//! Which names are near to one that nothing has.

use crate::matcher::fold;
use crate::parse::any_word;

/// How many are told.
const MOST: usize = 3;
/// Names beyond this length are near to nothing.
const LONGEST: usize = 128;

/// Names of ours, and how names end that other languages and schemas have for the same, in lower case.
const ELSEWHERE: [(&str, &str); 6] = [
    ("actor", "user username userid user_name user.name"),
    ("ip", "src_ip sourceip clientip client_ip ipaddress"),
    ("action", "event eventname operation"),
    ("since", "earliest after"),
    ("until", "latest before"),
    ("time", "time timestamp created created_at createdat"),
];

/// The name of ours that asks for what others have in a field of this name, which is in lower case.
pub(crate) fn ours(lower: &str) -> Option<&'static str> {
    let is = |(_, ends): &&(_, &str)| any_word(ends, &|end| lower.ends_with(end));
    ELSEWHERE.iter().find(is).map(|(ours, _)| *ours)
}

/// The names nearest to one, the nearest first: those that differ in case alone, those whose last name
/// it is, the name of ours that asks for what others call so, those whose last name it begins, and those that a few
/// letters part from it.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let lower = fold(wanted);
    let last = lower.rsplit('.').next().unwrap_or(&lower);
    let far = |text: &str| if text.len() < 4 { 1 } else { 1 + text.len() / 4 };
    let mut ranked: Vec<(usize, usize, &str)> = Vec::new();
    if let Some(name) = ours(&lower) {
        ranked.push((2, 0, name));
    }
    for name in names {
        let folded = fold(name);
        if folded.len() > LONGEST || lower.len() > LONGEST {
            continue;
        }
        let own = folded.rsplit('.').next().unwrap_or(&folded);
        let rank = if folded == lower {
            Some(0)
        } else if own == last {
            Some(1)
        } else if last.len() > 3 && own.starts_with(last) {
            Some(2)
        } else {
            let (whole, end) = (distance(&lower, &folded), distance(last, own));
            let near = (whole <= far(&lower)).then_some(1 + whole);
            near.or((end <= far(last) && last.len() > 2).then_some(2 + end))
        };
        if let Some(rank) = rank {
            ranked.push((rank, folded.len(), name));
        }
    }
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().take(MOST).map(|(_, _, name)| name.into()).collect()
}

/// How many characters are to be added, taken, changed or swapped with their neighbor.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = vec![0; b.len() + 1];
    for (i, from) in a.iter().enumerate() {
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(from != to)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                least = least.min(before[j - 1] + 1);
            }
            row[j + 1] = least;
        }
        core::mem::swap(&mut before, &mut last);
        core::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_was_probably_meant() {
        let names = [
            "eventName",
            "eventSource",
            "context.ip",
            "actor",
            "actor.id",
            "http.status",
            "requestParameters.userName",
        ];
        for (wanted, first) in [
            ("eventname", "eventName"),
            ("evntName", "eventName"),
            ("ip", "context.ip"),
            ("username", "requestParameters.userName"),
            ("actro", "actor"),
            ("http.sttaus", "http.status"),
            ("src_ip", "ip"),
            ("user.name", "actor"),
            ("event.operation", "action"),
            ("earliest", "since"),
            ("latest", "until"),
            ("@timestamp", "time"),
        ] {
            assert_eq!(
                nearest(wanted, names.into_iter()).first().map(String::as_str),
                Some(first),
                "{wanted}"
            );
        }
        assert!(nearest("zzz", names.into_iter()).is_empty());
    }

    #[test]
    fn counts_changes() {
        for (a, b, count) in
            [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3), ("abc", "abc", 0)]
        {
            assert_eq!(distance(a, b), count, "{a} {b}");
        }
    }
}
