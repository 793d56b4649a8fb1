//! Syntax of Kibana (KQL and Lucene), Splunk, Datadog, GitHub, and SQL: it works, or it is rejected with the
//! form that works here. It never silently matches nothing or everything.

use countersign::time::Time;
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers, Query, Tally};

/// The first two fail, the third has no error code.
const EVENTS: [&str; 4] = [
    r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::7:user/lin","userName":"lin"},"eventTime":"2026-05-04T10:00:00Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","sourceIPAddress":"10.0.0.1","errorCode":"AccessDenied"}"#,
    r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::7:user/kim","userName":"kim"},"eventTime":"2026-05-04T10:01:00Z","eventSource":"iam.amazonaws.com","eventName":"ListRoles","sourceIPAddress":"[10.0.0.2]:4711","errorCode":"AccessDenied"}"#,
    r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::7:user/lin","userName":"lin"},"eventTime":"2026-05-04T10:02:00Z","eventSource":"kms.amazonaws.com","eventName":"CreateKey","sourceIPAddress":"2001:db8::7%3"}"#,
    r#"{"action":"http.request","actor":{"id":"kim@corp.example","name":"Kim"},"outcome":"success","http":{"method":"GET","path":"/jobs/","status":503},"context":{"ip":"203.0.113.7:443"},"metadata":{"note":"","rate":"5*"},"occurred_at":"2026-05-05T10:00:00Z"}"#,
];

/// The expected result of a query.
enum Expected {
    /// Finds these events, counted from 1.
    Finds(&'static [usize]),
    /// Is rejected with this code, this position, and a hint that contains this text.
    Refused(&'static str, core::ops::Range<usize>, &'static str),
    /// Finds nothing or everything, and the answer names a field that no event has, with the name to use.
    Unknown(&'static str),
}

use Expected::{Finds, Refused, Unknown};

const OPERATOR: &str = "query.operator";
const VALUE: &str = "query.value";
const FIELD: &str = "query.field";
const QUOTE: &str = "query.quote";
const RANGE: &str = "query.range";
const TIME: &str = "query.time";
const PARENTHESIS: &str = "query.parenthesis";

const TABLE: &[(&str, Expected)] = &[
    // Wildcards.
    ("eventName:List*", Finds(&[1, 2])),
    ("eventName=List*", Finds(&[1, 2])),
    ("eventName:*s", Finds(&[1, 2])),
    ("eventName:List?sers", Refused(VALUE, 14..15, "write * for any characters")),
    ("List?sers", Refused(VALUE, 4..5, "write * for any characters")),
    ("eventName:\"List*\"", Refused(QUOTE, 15..16, "\\* for a literal star")),
    ("eventName=\"List*\"", Refused(QUOTE, 15..16, "outside the quotes")),
    ("\"List*\"", Refused(QUOTE, 5..6, "outside the quotes")),
    ("eventName:\"List\"*", Finds(&[1, 2])),
    ("metadata.rate:\"5\\*\"", Finds(&[4])),
    ("actor:%kim%", Refused(VALUE, 6..11, "write * for any characters")),
    ("actor=kim%", Refused(VALUE, 6..10, "write * for any characters")),
    ("actor like \"%kim%\"", Refused(OPERATOR, 6..10, "field:*part*")),
    ("*", Refused(VALUE, 0..1, "leave the query empty")),
    ("*:*", Refused(FIELD, 0..1, "leave the query empty")),
    ("*:kim", Refused(FIELD, 0..1, "leave the query empty")),
    ("event*:ListUsers", Refused(FIELD, 0..6, "name the field")),
    ("index=*", Unknown("index")),
    // Fuzzy and weighted terms, regular expressions.
    ("lin~", Refused(OPERATOR, 3..4, "put it in quotes")),
    ("lin~1", Refused(OPERATOR, 3..4, "put it in quotes")),
    ("actor:lin~0.8", Refused(OPERATOR, 9..10, "write * for any characters")),
    ("\"list users\"~5", Refused(OPERATOR, 12..13, "put it in quotes")),
    ("lin^2", Refused(OPERATOR, 3..4, "put it in quotes")),
    ("actor:^lin", Refused(OPERATOR, 6..7, "write * for any characters")),
    ("eventName:/List.*/", Refused(OPERATOR, 10..18, "field:*part*")),
    ("eventName:/List[A-Z]+/", Refused(OPERATOR, 10..22, "field:*part*")),
    ("/Create.+/", Refused(OPERATOR, 0..10, "field:*part*")),
    ("eventName:.*Users", Refused(OPERATOR, 10..17, "field:*part*")),
    ("eventName:List[A-Z]*", Refused(OPERATOR, 10..20, "field:*part*")),
    ("actor:kim\\d", Refused(QUOTE, 9..10, "in quotes")),
    ("actor:dependabot[bot]", Finds(&[])),
    ("eventName:/(List|Get).*/", Refused(PARENTHESIS, 11..12, "quotes")),
    ("eventName=~List", Refused(OPERATOR, 9..11, "field:*part*")),
    ("eventName~List", Refused(OPERATOR, 9..10, "put it in quotes")),
    ("eventName!~List", Refused(OPERATOR, 10..11, "put it in quotes")),
    ("http.path:/jobs/", Finds(&[4])),
    ("/jobs/", Finds(&[4])),
    ("\"~/.ssh\"", Finds(&[])),
    // Presence.
    ("errorCode:*", Finds(&[1, 2])),
    ("-errorCode:*", Finds(&[3, 4])),
    ("NOT errorCode:*", Finds(&[3, 4])),
    ("errorCode=*", Finds(&[1, 2])),
    ("_exists_:errorCode", Refused(FIELD, 0..8, "has:field")),
    ("NOT _exists_:errorCode", Refused(FIELD, 4..12, "-has:field")),
    ("_missing_:errorCode", Refused(FIELD, 0..9, "-has:field")),
    ("metadata.note:\"\"", Finds(&[4])),
    ("errorCode=\"\"", Finds(&[])),
    ("actor exists", Refused(OPERATOR, 6..12, "field:value")),
    // Several values, joins and negations.
    ("eventName:ListUsers|CreateKey", Refused(OPERATOR, 19..20, "field:a,b")),
    ("lin|kim", Refused(OPERATOR, 3..4, "field:a,b")),
    ("lin || kim", Refused(OPERATOR, 4..6, "write AND, OR or NOT")),
    ("lin||kim", Refused(OPERATOR, 3..5, "field:a,b")),
    ("lin && kim", Refused(OPERATOR, 4..6, "write AND, OR or NOT")),
    ("lin&&kim", Refused(OPERATOR, 3..5, "write AND, OR or NOT")),
    ("lin and kim", Refused(OPERATOR, 4..7, "write AND, OR or NOT")),
    ("!actor:lin", Refused(OPERATOR, 0..1, "-field:value")),
    ("! actor:lin", Refused(OPERATOR, 0..1, "-field:value")),
    ("!(actor:lin)", Refused(OPERATOR, 0..1, "-field:value")),
    ("actor:!lin", Refused(OPERATOR, 6..10, "-field:value")),
    ("outcome:!success", Refused(OPERATOR, 8..16, "-field:value")),
    ("actor!=lin", Refused(OPERATOR, 5..7, "-field:value")),
    ("+actor:lin", Refused(OPERATOR, 0..1, "remove it")),
    ("actor:(lin OR kim)", Refused(PARENTHESIS, 6..7, "field:a,b")),
    ("actor:lin,kim", Finds(&[1, 2, 3, 4])),
    ("actor IN (\"lin\", \"kim\")", Refused(OPERATOR, 6..8, "field:a,b")),
    ("actor in [\"lin\"]", Refused(OPERATOR, 6..8, "field:a,b")),
    ("event.action: ListUsers", Refused(VALUE, 0..13, "directly after it")),
    ("\u{2013}actor:lin", Refused(OPERATOR, 0..3, "write -")),
    // Numbers and ranges.
    ("http.status:>500", Finds(&[4])),
    ("http.status:>=503", Finds(&[4])),
    ("http.status>=503", Finds(&[4])),
    ("http.status:500..599", Finds(&[4])),
    ("http.status:5*", Finds(&[4])),
    ("http.status:5xx", Refused(RANGE, 12..15, "500..599")),
    ("http.status=5XX", Refused(RANGE, 12..15, "500..599")),
    ("http.status:[500 TO 599]", Refused(RANGE, 12..16, "400..499")),
    ("http.status:{500 TO 599}", Refused(RANGE, 12..16, "400..499")),
    ("http.status:[500,599]", Refused(RANGE, 12..16, "400..499")),
    ("http.status > 500", Refused(FIELD, 12..13, "without spaces, as in amount>20000")),
    ("amount >20000", Refused(FIELD, 7..8, "without spaces, as in amount>20000")),
    ("actor = lin", Refused(FIELD, 6..7, "without spaces, as in amount>20000")),
    ("> 500", Refused(FIELD, 0..1, "directly before it")),
    ("lin OR > 500", Refused(FIELD, 7..8, "directly before it")),
    ("actor:lin > 500", Refused(FIELD, 10..11, "directly before it")),
    ("http.status=>500", Refused(OPERATOR, 12..16, "field>=5")),
    ("http.status\u{2265}500", Refused(OPERATOR, 11..14, "field>=5")),
    ("http.status \u{2260} 500", Refused(OPERATOR, 12..15, "-field:value")),
    // Times.
    ("-7d", Refused(TIME, 0..3, "since:-7d")),
    ("actor:lin -24h", Refused(TIME, 10..14, "since:-7d")),
    ("earliest=-7d", Unknown("since")),
    ("created:>2026-01-01", Unknown("time")),
    ("@timestamp>now-7d", Refused("query.comparison", 11..17, "write a number")),
    ("@timestamp>2026-01-01", Unknown("time")),
    ("occurred_at:\"2026-05-05\"", Finds(&[4])),
    ("eventTime:\"2026-05-04\"", Finds(&[1, 2, 3])),
    ("time:\"2026-05-04\"", Finds(&[1, 2, 3])),
    // Addresses.
    ("ip:10.0.0.0/8", Finds(&[1, 2])),
    ("ip:\"10.0.0.0/8\"", Finds(&[1, 2])),
    ("sourceIPAddress=\"10.0.0.0/8\"", Finds(&[1, 2])),
    ("ip:\"10.0.0.0/33\"", Refused("query.network", 3..16, "10.0.0.0/8")),
    ("ip:2001:db8::/32", Finds(&[3])),
    ("ip:2001:db8::7", Finds(&[3])),
    ("ip:\"2001:db8:0::7\"", Finds(&[3])),
    ("ip:[2001:db8::7]:443", Finds(&[3])),
    ("ip:203.0.113.7", Finds(&[4])),
    ("ip:203.0.113.7:443", Finds(&[4])),
    ("context.ip:203.0.113.0/24", Finds(&[4])),
    ("sourceIPAddress:10.0.0.2", Finds(&[2])),
    ("ip=::1", Finds(&[])),
    // Marks of fields and people.
    ("@eventName:List*", Refused(FIELD, 0..10, "remove the @")),
    ("-@eventName:List*", Refused(FIELD, 1..11, "remove the @")),
    ("@http.status_code:>500", Refused(FIELD, 0..17, "remove the @")),
    ("\"@eventName\":List*", Unknown("eventName")),
    ("user:@me", Refused(VALUE, 5..8, "write the whole name")),
    ("actor:@corp.example", Refused(VALUE, 6..19, "*@example.com")),
    ("actor:*@corp.example", Finds(&[4])),
    ("user:kim", Unknown("actor")),
    ("-user:kim", Unknown("actor")),
    ("Actor:kim", Unknown("actor")),
    ("tags[0]:x", Refused(FIELD, 0..7, "remove them")),
    ("-Records[].eventName:x", Refused(FIELD, 1..20, "remove them")),
    ("actor:{\"id\":\"kim\"}", Refused(VALUE, 6..18, "name the field")),
    ("{app=\"x\"}", Refused(FIELD, 0..4, "remove them")),
    // Pipes and commands.
    ("source=cloudtrail | stats count by user", Refused(OPERATOR, 18..19, "without pipes")),
    ("ListUsers |head 5", Refused(OPERATOR, 10..11, "without pipes")),
    ("[search index=main]", Refused(RANGE, 0..7, "write two numbers")),
    // Closed sets.
    ("outcome:success", Finds(&[3, 4])),
    ("outcome:Success", Finds(&[3, 4])),
    ("outcome:failed", Refused(VALUE, 8..14, "denied")),
    ("outcome:successlin", Refused(VALUE, 8..18, "denied")),
    ("-outcome:completed", Refused(VALUE, 9..18, "denied")),
    ("outcome:succ*", Finds(&[3, 4])),
    // Characters of other keyboards and of copied text.
    ("actor\u{ff1a}lin", Refused(VALUE, 5..8, "plain character")),
    ("actor:lin\u{ff0c}kim", Refused(VALUE, 9..12, "plain character")),
    ("\u{ff08}lin\u{ff09}", Refused(VALUE, 0..3, "plain character")),
    ("actor:\u{200b}lin", Refused(VALUE, 6..9, "delete it")),
    ("actor:\u{201c}lin\u{201d}", Refused(QUOTE, 6..15, "double quotes")),
    ("actor:'lin'", Refused(QUOTE, 6..11, "double quotes")),
    ("actor:`lin`", Refused(QUOTE, 6..11, "double quotes")),
    // Escapes and doubled operators.
    ("actor:lin\\ mo", Refused(QUOTE, 9..10, "in quotes")),
    ("path:\\/jobs\\/", Refused(QUOTE, 5..6, "in quotes")),
    ("eventName:List\\*", Refused(QUOTE, 14..15, "in quotes")),
    ("actor:CORP\\kim", Finds(&[])),
    ("actor::lin", Refused(OPERATOR, 6..10, "field:value")),
    ("actor:=lin", Refused(OPERATOR, 6..10, "field:value")),
    ("actor===lin", Refused(OPERATOR, 7..11, "field:value")),
];

fn now() -> Time {
    "2026-05-06T10:00:00.000Z".parse().unwrap()
}

#[test]
fn foreign_syntax_works_or_is_rejected_with_a_hint() {
    let parsers = Parsers::built_in();
    for (text, expected) in TABLE {
        let parsed = Query::parse(text, now());
        if let Refused(code, at, hint) = expected {
            let error = parsed.expect_err(text);
            assert_eq!((error.code.as_str(), &error.at()), (*code, at), "{text}: {}", error.message);
            assert!(error.hint().contains(hint), "{text}: {}", error.hint());
            continue;
        }
        let query = parsed.unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(Query::parse(&query.to_string(), now()).as_ref(), Ok(&query), "{text} as {query}");
        let mut tally = Tally::new(&query);
        let mut found = Vec::new();
        for (nth, event) in (1..).zip(EVENTS) {
            let document = Document::parse(event).unwrap();
            let root = document.root();
            let read = parsers.parse(&root);
            let entry = Entry { event: Some(root), read: read.as_ref(), ..Entry::recorded(now()) };
            if tally.examine(&entry) {
                found.push(nth);
            }
        }
        let findings = tally.finish();
        match expected {
            Finds(wanted) => {
                assert_eq!(&found[..], *wanted, "{text}");
                assert!(findings.unknown.is_empty(), "{text}: {:?}", findings.unknown);
            }
            Unknown(name) => {
                let nearest = findings.unknown.first().map(|unknown| unknown.nearest.clone());
                let is_told = nearest.as_ref().is_some_and(|nearest| {
                    nearest.iter().any(|near| near == name) || nearest.is_empty() && text.starts_with(name)
                });
                assert!(is_told, "{text}: {nearest:?}");
            }
            Refused(..) => unreachable!(),
        }
    }
}
