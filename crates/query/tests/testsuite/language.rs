//! The examples of `docs/query.md`, and properties of the language.

use std::fmt::Write as _;

use countersign::time::Time;
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers, Query, Tally};
use proptest::prelude::*;

const DOCUMENT: &str = include_str!("../../../../docs/query.md");

fn now() -> Time {
    "2026-11-20T06:00:00.000Z".parse().unwrap()
}

fn matches(query: &Query, event: &str) -> bool {
    let document = Document::parse(event).unwrap();
    let root = document.root();
    let parsers = Parsers::built_in();
    let read = parsers.parse(&root);
    let entry = Entry {
        event: Some(root),
        roots: &[],
        read: read.as_ref(),
        recorded: now(),
        chain: "da7f84a510cb84b8cbb5b74a63c306ec",
        signer: Some("example.com/app"),
    };
    let matched = query.matches(&entry);
    assert_eq!(Tally::new(query).examine(&entry), matched, "{query}");
    matched
}

/// Returns the cells of the table whose second column has this name.
fn table(name: &str) -> Vec<(String, String)> {
    let (_, table) = DOCUMENT.split_once(&format!("| query | {name} |\n| --- | --- |\n")).unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let (query, cell) = line.trim_matches('|').trim().rsplit_once('|').unwrap();
        (query.trim().trim_matches('`').to_owned(), cell.trim().to_owned())
    };
    rows.map(row).collect()
}

fn events() -> Vec<&'static str> {
    let (_, block) =
        DOCUMENT.split_once("The examples use these events").unwrap().1.split_once("```json\n").unwrap();
    block.lines().take_while(|line| *line != "```").collect()
}

#[test]
fn documented_examples_find_the_documented_events() {
    let rows = table("finds");
    assert!(rows.len() > 60);
    for (text, expected) in rows {
        let query = Query::parse(&text, now()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut found = String::new();
        for (nth, event) in events().into_iter().enumerate() {
            if matches(&query, event) {
                let _ = write!(found, "{} ", nth + 1);
            }
        }
        assert_eq!(found.trim(), expected, "{text}");
        let printed = query.to_string();
        assert_eq!(Query::parse(&printed, now()).as_ref(), Ok(&query), "{text} as {printed}");
    }
}

#[test]
fn documented_errors_are_reported() {
    let rows = table("error and position");
    assert!(rows.len() > 20);
    for (text, expected) in rows {
        let error = Query::parse(&text, now()).expect_err(&text);
        assert_eq!(
            format!("`{}` {}..{}", error.code.as_str(), error.at().start, error.at().end),
            expected,
            "{text}"
        );
        assert!(!error.message.is_empty() && !error.hint().is_empty());
    }
}

#[test]
fn rejects_foreign_operators_as_text() {
    let refused = |text: &str| Query::parse(text, now()).map_err(|error| (error.code.as_str(), error.at()));
    assert_eq!(refused("actor:x || outcome:y"), Err(("query.operator", 8..10)));
    assert_eq!(refused("night | stats count"), Err(("query.operator", 6..7)));
    assert_eq!(refused("night |stats count"), Err(("query.operator", 6..7)));
    assert_eq!(refused("actor:x,'y'"), Err(("query.quote", 8..11)));
    assert_eq!(refused("at:{1 TO *}"), Err(("query.range", 3..5)));
    for text in [
        "\"Or\" \"&&\" \"'tis\"",
        "\"in\" (x OR y)",
        "\"!x\":y \"+x\":y",
        "x:[redacted] x:\"auth0|5\" +49 in \"x&&y\" a&b",
        r#"eq x:/jobs/*/a x:"/job.\*/" "/job."*/ "“x”" "&" ../x x:../x x:a.."#,
    ] {
        let query = Query::parse(text, now()).unwrap();
        assert_eq!(Query::parse(&query.to_string(), now()), Ok(query), "{text}");
    }
}

#[test]
fn enforces_limits() {
    let refused = |text: &str| Query::parse(text, now()).unwrap_err().code.as_str();
    assert_eq!(refused(&"x".repeat(16_385)), "query.long");
    assert_eq!(refused(&"x ".repeat(129)), "query.long");
    assert_eq!(refused(&format!("a:{}x", "x,".repeat(1024))), "query.long");
    assert_eq!(refused(&format!("{}x{}", "(".repeat(40), ")".repeat(40))), "query.deep");
    assert_eq!(refused(&format!("{}x", "-".repeat(40))), "query.deep");
    assert!(Query::parse(&format!("{}x{}", "(".repeat(32), ")".repeat(32)), now()).is_ok());
    assert!(Query::parse(&"x ".repeat(128), now()).is_ok());
    assert!(Query::parse(&"é".repeat(8192), now()).is_ok());
}

#[test]
fn suggests_similar_fields_for_an_unknown_one() {
    let query = Query::parse("actr:ada http.sttus:403 outcome:denied", now()).unwrap();
    let mut tally = Tally::new(&query);
    for event in events() {
        let document = Document::parse(event).unwrap();
        assert!(!tally.examine(&Entry { event: Some(document.root()), ..Entry::recorded(now()) }));
    }
    let findings = tally.finish();
    let unknown: Vec<_> = findings
        .unknown
        .iter()
        .map(|unknown| (unknown.at.clone(), &*unknown.field, &*unknown.nearest[0]))
        .collect();
    assert_eq!(unknown, [(0..8, "actr", "actor"), (9..23, "http.sttus", "http.status")]);
    let left = |left: &[countersign_query::tally::PartMatches]| {
        left.iter().map(|left| left.events).collect::<Vec<_>>()
    };
    assert_eq!((findings.matched, findings.of), (0, 5));
    assert_eq!(left(&findings.conditions), [0, 0, 1]);
    assert_eq!(left(&findings.steps), [0, 0, 0]);
    assert_eq!(findings.conditions[2].part, "outcome:denied");
}

#[test]
fn reports_which_times_were_compared() {
    let query = Query::parse("since:2019-01-01", now()).unwrap();
    let mut tally = Tally::new(&query);
    for event in events() {
        let document = Document::parse(event).unwrap();
        tally.examine(&Entry { event: Some(document.root()), ..Entry::recorded(now()) });
    }
    assert_eq!(tally.finish().times, Some((1, 4)));
    assert_eq!(Tally::new(&Query::default()).finish().times, None);
}

#[test]
fn entries_without_an_event_never_match_event_conditions() {
    let link =
        Entry { chain: "da7f84a510cb84b8cbb5b74a63c306ec", signer: Some("a/b"), ..Entry::recorded(now()) };
    let matches = |text: &str| Query::parse(text, now()).unwrap().matches(&link);
    assert!(matches("") && matches("signer:a/*") && matches("-chain:0*") && matches("recorded-since:-1d"));
    assert!(!matches("-action:x") && !matches("since:-1d") && !matches("signer:a/* OR action:x"));
}

/// Generates text that is often a valid query.
fn queries() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "actor",
        "a.b",
        "action",
        "ip",
        "has",
        "changed",
        "word",
        "since",
        "time",
        "recorded",
        "\"x y\"",
        "\"a\\\"\"",
        "*",
        ":",
        "=",
        "==",
        ">",
        ">=",
        "<",
        "..",
        ",",
        "(",
        ")",
        "-",
        " ",
        " ",
        " AND ",
        " OR ",
        " NOT ",
        "ada",
        "7",
        "-7d",
        "2026-11-20",
        "10.0.0.0/8",
        "!=",
        "\\",
        "é",
        "İ",
        "/",
        "1e3",
        "400..499",
        "\"\"",
        "T06:00",
        ".",
        "outcome",
        "success",
        "7d",
        "~",
        "@",
        "@timestamp",
        "%",
        "%3",
        "5xx",
        "\"a\\*\"",
        "\"10.0.0.0/8\"",
        "\"2026-11-20 06:00\"",
        "\"failed\"",
        "[::1]:443",
        "[",
        "]",
        "{",
        "&",
        "|",
        "?",
        "_exists_",
        "\u{2013}",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn a_lone_star_tests_for_presence() {
    for text in ["actor:*", "actor:**", "actor:\"\"*", "actor:a,*"] {
        assert_eq!(Query::parse(text, now()).unwrap().to_string(), "has:actor", "{text}");
    }
    assert_eq!(Query::parse("actor:\"\"", now()).unwrap().to_string(), "actor:\"\"");
}

#[test]
fn a_value_that_begins_with_a_colon_is_printed_in_quotes() {
    let query = Query::parse("ada:\"\":", now()).unwrap();
    assert_eq!(query.to_string(), "ada:\":\"");
    assert_eq!(Query::parse("ada:\":\"", now()), Ok(query));
}

#[test]
fn supports_names_that_start_with_an_at_sign() {
    for text in ["@timestamp:*", "has:@timestamp"] {
        assert_eq!(Query::parse(text, now()).unwrap().to_string(), "has:@timestamp", "{text}");
    }
    for text in ["user:@me", "user:@message", "has:@me"] {
        assert_eq!(Query::parse(text, now()).unwrap_err().code.as_str(), "query.value", "{text}");
    }
}

#[test]
fn an_address_with_marks_after_it_is_printed_in_quotes() {
    let query = Query::parse("ada:[::1]:443\"a\\\"\"", now()).unwrap();
    assert_eq!(Query::parse(&query.to_string(), now()), Ok(query));
}

#[test]
fn a_class_of_characters_in_quotes_is_plain_text() {
    for text in ["\"actor[--\"", "\"adm[a-z]\"", "action:\"x[0-9]\""] {
        assert_eq!(Query::parse(text, now()).unwrap().to_string(), text);
    }
    for text in ["adm[a-z]", "action:x[0-9]", "action:x[0-*]", "\"x\"[a-z]"] {
        assert_eq!(Query::parse(text, now()).unwrap_err().code.as_str(), "query.operator", "{text}");
    }
}

#[test]
fn marks_errors_in_a_long_query() {
    let marked = |query: &str| Query::parse(query, now()).unwrap_err().marked(query);
    assert_eq!(marked("actor:"), "actor:\n^^^^^^");
    assert_eq!(marked("a OR \tOR b"), "a OR  OR b\n  ^^");
    let long = "x".repeat(3_000);
    let shown = marked(&format!("{long} time>never {long}"));
    let [query, marks] = shown.lines().collect::<Vec<_>>()[..] else { panic!("{shown}") };
    assert!(query.starts_with('…') && query.ends_with('…') && query.chars().count() < 320, "{query}");
    let place = marks.find('^').unwrap();
    assert_eq!(query.chars().skip(place).take(marks.len() - place).collect::<String>(), "never");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn printed_queries_parse_to_equal_queries(text in queries()) {
        if let Ok(query) = Query::parse(&text, now()) {
            let printed = query.to_string();
            prop_assert_eq!(Query::parse(&printed, now()), Ok(query), "{}", printed);
        }
    }

    #[test]
    fn error_ranges_lie_within_the_text(text in queries()) {
        if let Err(error) = Query::parse(&text, now()) {
            prop_assert!(text.get(error.at()).is_some_and(|part| !part.is_empty()), "{:?} {:?}", error, text);
            prop_assert!(error.marked(&text).contains('^'));
        }
    }

    #[test]
    fn never_panics(text in any::<String>(), event in r#"[\[\]{}",:0-9.eE+ a\\u-]{0,60}"#) {
        if let (Ok(query), Some(document)) = (Query::parse(&text, now()), Document::parse(&event)) {
            let entry = Entry { event: Some(document.root()), ..Entry::recorded(now()) };
            let mut tally = Tally::new(&query);
            tally.examine(&entry);
            tally.finish();
        }
    }
}

#[test]
fn knows_until_when_a_query_asks() {
    for (query, last) in [
        ("action:x", None),
        ("actor:2099 target:\"time:2099\"", None),
        ("until:2026-11-02T07:00:00Z", Some("2026-11-02T06:59:59.999Z")),
        ("until:2026-11-02", Some("2026-11-01T23:59:59.999Z")),
        ("time:2026-11-20", Some("2026-11-20T23:59:59.999Z")),
        ("-time:2025..2026 actor:ada", Some("2026-12-31T23:59:59.999Z")),
        ("recorded:2026-11", Some("2026-11-30T23:59:59.999Z")),
        ("until:2026-11-02 OR recorded-until:2026-11-05", Some("2026-11-04T23:59:59.999Z")),
        // A span without an end is asked about for its first day at least.
        ("since:2026-11-02", Some("2026-11-02T23:59:59.999Z")),
        ("since:2026-11-02T07:00:00Z", Some("2026-11-02T23:59:59.999Z")),
        ("time>2026-11-20", Some("2026-11-21T23:59:59.999Z")),
        ("since:2026-11-01 until:2026-11-02", Some("2026-11-01T23:59:59.999Z")),
    ] {
        let asked = Query::parse(query, now()).unwrap().asks_until();
        assert_eq!(asked.map(|time| time.to_string()).as_deref(), last, "{query}");
    }
    let relative = Query::parse("since:-7d", now()).unwrap().asks_until().unwrap();
    assert!((now().millis() - relative.millis()) / 86_400_000 == 6, "{relative}");
}
