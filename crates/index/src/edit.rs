//! Edits the text of a query on behalf of filter controls.

use countersign::time::Time;
use countersign_query::condition::{Basis, Condition, Node};
use countersign_query::matcher::Matcher;
use countersign_query::{Query, Short};

use crate::answer_json::{field_of, write_error};
use crate::json::Json;
use crate::question::{Order, Question, each_condition};

/// Parses a query to JSON: its error, or its parts.
pub fn parse_json(text: &str, now: Time) -> String {
    let mut json = Json::default();
    json.open("{");
    let query = match Query::parse(text, now) {
        Ok(query) => query,
        Err(error) => {
            json.name("error");
            write_error(&mut json, &error, text);
            json.raw("}");
            return json.finish();
        }
    };
    json.name("empty").is(query.is_empty()).name("asksEvents").is(query.reads_events());
    let sources = sources(text, &query, now);
    let question = Question::new(query, Order::default());
    let span = question.span();
    for (name, time) in [("since", span.from), ("until", span.until)] {
        if let Some(time) = time {
            json.name(name).number(time.millis());
        }
    }
    if let Some(last) = question.query.asks_until() {
        json.name("asksUntil").number(last.millis());
    }
    json.name("parts").open("[");
    for (part, source) in question.query.parts().iter().zip(&sources) {
        json.open("{").name("text").text(source).name("not").is(matches!(part, Node::Not(_)));
        let inner = if let Node::Not(inner) = part { inner } else { part };
        if let Some((field, values)) = condition_of(&question.query, inner).and_then(is) {
            json.name("field").text(&field.to_string());
            let texts: Option<Vec<&str>> = values.iter().map(exact).collect();
            if let Some(texts) = texts {
                json.name("values").open("[");
                for text in texts {
                    json.text(text);
                }
                json.raw("]");
            }
        }
        json.raw("}");
    }
    json.raw("]}");
    json.finish()
}

/// Adds a value of a field to the query, or removes it if it is there. Returns an invalid query unchanged.
pub fn toggled(text: &str, now: Time, field: &str, value: &str) -> String {
    let (Ok(query), Some(wanted)) = (Query::parse(text, now), field_of(field)) else {
        return text.to_owned();
    };
    let written = wanted.written(value);
    let says = |matcher: &Matcher| {
        exact(matcher).is_some() && matcher.matches_in_role(value, countersign_query::Role::Whole)
    };
    let mut parts = sources(text, &query, now);
    let mut was_asked = false;
    let mut place = None;
    for (nth, part) in query.parts().iter().enumerate() {
        let (inner, not) = match part {
            Node::Not(inner) => (&**inner, true),
            part => (part, false),
        };
        let Some((field, values)) = condition_of(&query, inner).and_then(is) else { continue };
        if *field != wanted {
            continue;
        }
        if values.iter().any(says) {
            was_asked = was_asked || !not;
            let kept: Vec<bool> = values.iter().map(|value| !says(value)).collect();
            parts[nth] = without(&parts[nth], &kept);
        } else if !not && values.iter().all(|value| exact(value).is_some()) {
            place = Some(nth);
        }
    }
    if !was_asked {
        let condition = format!("{wanted}:{written}");
        let more = place.map(|nth| (nth, format!("{},{written}", parts[nth])));
        match more.filter(|(_, longer)| Query::parse(longer, now).is_ok()) {
            Some((nth, longer)) => parts[nth] = longer,
            None => parts.push(condition),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// Replaces the time span of the query.
pub fn within(text: &str, now: Time, since: Option<Time>, until: Option<Time>) -> String {
    let Ok(query) = Query::parse(text, now) else { return text.to_owned() };
    let sources = sources(text, &query, now);
    let is_time = |part: &Node| {
        let mut all = true;
        each_condition(part, &mut |nth| {
            let asked = query.conditions().get(nth).map(|asked| &asked.condition);
            all = all && matches!(asked, Some(Condition::Time(Basis::Happened, _)));
        });
        all && !matches!(part, Node::Not(_))
    };
    let parts = query.parts().iter().zip(sources);
    let mut kept: Vec<String> = parts.filter(|(part, _)| !is_time(part)).map(|(_, source)| source).collect();
    kept.extend(since.map(|time| format!("since:{time}")));
    kept.extend(until.map(|time| format!("until:{time}")));
    kept.join(" ")
}

/// Returns the field and values of an equality condition.
fn is(condition: &Condition) -> Option<(&countersign_query::Field, &[Matcher])> {
    match condition {
        Condition::Is { field, values } => Some((field, values)),
        _ => None,
    }
}

fn condition_of<'q>(query: &'q Query, part: &Node) -> Option<&'q Condition> {
    match part {
        Node::Condition(nth) => query.conditions().get(*nth).map(|asked| &asked.condition),
        _ => None,
    }
}

/// Returns the exact text that a matcher requires, if there is one.
fn exact(matcher: &Matcher) -> Option<&str> {
    let pattern = match matcher {
        Matcher::Text(pattern) => pattern,
        Matcher::Literal(literal) => literal.pattern(),
        _ => return None,
    };
    match pattern.pieces() {
        [whole] => Some(whole),
        _ => None,
    }
}

/// Returns each top-level part as written in the text if it parses alone, else formatted.
fn sources(text: &str, query: &Query, now: Time) -> Vec<String> {
    let source = |part: &Node| {
        let written = query.written(part);
        let (mut begin, mut end) = (usize::MAX, 0);
        each_condition(part, &mut |nth| {
            if let Some(asked) = query.conditions().get(nth) {
                begin = begin.min(asked.at.start);
                end = end.max(asked.at.end);
            }
        });
        let written_text = text.get(begin..end).unwrap_or_default();
        let says_so =
            |source: &String| Query::parse(source, now).is_ok_and(|query| query.to_string() == written);
        let ways = [
            written_text.to_owned(),
            format!("-{written_text}"),
            format!("({written_text})"),
            format!("-({written_text})"),
        ];
        ways.into_iter().find(says_so).unwrap_or(written)
    };
    let whole = matches!(query.root(), Node::Any(_));
    query
        .parts()
        .iter()
        .map(|part| {
            let source = source(part);
            // A disjunction needs parentheses next to other parts.
            let beside = || Query::parse(&format!("{source} x"), now);
            let opens = whole && beside().is_ok_and(|query| matches!(query.root(), Node::Any(_)));
            if opens { format!("({source})") } else { source }
        })
        .collect()
}

/// Removes values from a condition. Returns an empty string if none is kept.
fn without(source: &str, kept: &[bool]) -> String {
    if !kept.contains(&true) {
        return String::new();
    }
    let mut quoted = false;
    let mut escaped = false;
    let mut begin = None;
    let mut cuts = Vec::new();
    for (at, char) in source.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ':' | '=' if !quoted && begin.is_none() => begin = Some(at + 1),
            ',' if !quoted => cuts.push(at),
            _ => {}
        }
    }
    let Some(begin) = begin else { return source.to_owned() };
    let mut from = begin + usize::from(source[begin..].starts_with('='));
    let mut values = Vec::new();
    let head = &source[..from];
    for cut in cuts.into_iter().chain([source.len()]) {
        values.push(&source[from..cut]);
        from = cut + 1;
    }
    if values.len() != kept.len() {
        return source.to_owned();
    }
    let values: Vec<&str> =
        values.into_iter().zip(kept).filter(|(_, kept)| **kept).map(|(value, _)| value).collect();
    format!("{head}{}", values.join(","))
}

/// Iterates over the short names, for suggestions.
pub(crate) fn short_names() -> impl Iterator<Item = &'static str> {
    Short::ALL.iter().copied().map(Short::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Time {
        "2026-11-20T06:00:00.000Z".parse().unwrap()
    }

    #[test]
    fn toggles_values() {
        for (text, field, value, changed) in [
            ("", "action", "job.update", "action:job.update"),
            ("action:job.update", "action", "job.update", ""),
            ("since:-7d action:Job.Update,b night", "action", "job.update", "since:-7d action:b night"),
            ("since:-7d action:a", "action", "B c", "since:-7d action:a,\"B c\""),
            ("-action:a", "action", "a", "action:a"),
            ("-action:a,b", "action", "a", "-action:b action:a"),
            ("action:job.*", "action", "job.update", "action:job.* action:job.update"),
            ("a OR b", "outcome", "denied", "(a OR b) outcome:denied"),
            ("x -(a OR b)", "actor", "42", "x -(a OR b) actor:\"42\""),
            ("actor:42", "actor", "42", ""),
            ("\"open", "actor", "42", "\"open"),
            ("has:a,b", "context.ip", "::1", "has:a,b context.ip:\"::1\""),
            ("actor:\"a,b\",c", "actor", "c", "actor:\"a,b\""),
        ] {
            assert_eq!(toggled(text, now(), field, value), changed, "{text}");
        }
    }

    #[test]
    fn replaces_the_time_span() {
        let time = |text: &str| Some(text.parse().unwrap());
        for (text, since, until, changed) in [
            ("", None, None, ""),
            ("since:-7d action:a until:2026-11-20", None, None, "action:a"),
            (
                "time:2019,2020 -since:-1d",
                time("2026-11-20T06:00:00.000Z"),
                None,
                "-since:-1d since:2026-11-20T06:00:00.000Z",
            ),
        ] {
            assert_eq!(within(text, now(), since, until), changed, "{text}");
        }
    }

    #[test]
    fn parses_to_json() {
        assert_eq!(
            parse_json("-action:a,B since:2026-11-20 é OR", now()),
            r#"{"error":{"code":"query.operator","message":"the operator has no condition after it","hint":"write a condition after it, or put it in quotes to search for the word","phrases":{"the operator has no condition after it":{"code":"query.nothing_follows"},"write a condition after it, or put it in quotes to search for the word":{"code":"hint.query.follows"}},"at":[31,33]}}"#
        );
        assert_eq!(
            parse_json("-action:a,B since:2026-11-20", now()),
            r#"{"empty":false,"asksEvents":true,"since":1795132800000,"asksUntil":1795219199999,"parts":[{"text":"-action:a,B","not":true,"field":"action","values":["a","b"]},{"text":"since:2026-11-20","not":false}]}"#
        );
    }
}
