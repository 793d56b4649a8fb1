//! Watchlists are hostile input until a known key has signed them, and never go backwards.

use countersign::error::Code;
use countersign::hash::Hash;
use countersign::note::{SignerKey, sign_note};
use countersign::time::Time;
use countersign_analyze::Decision;
use countersign_analyze::watchlist::{Header, Kind, MAX_ENTRIES, MAX_SEQUENCE, Watched, Watchlist};
use proptest::prelude::*;

const FINDING: &str = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";
const OTHER: &str = "0f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn header() -> Header {
    Header {
        origin: "log.example/audit".into(),
        sequence: 7,
        made: time("2026-11-20T06:00:00.000Z"),
        until: time("2026-11-20T06:05:00.000Z"),
        pack: Hash([2; 32]),
        salt: [3; 16],
    }
}

fn watched(kind: Kind, value: &str) -> Watched<'_> {
    let until = time("2026-11-20T07:00:00.000Z");
    Watched { kind, value, decision: Decision::Deny, until, finding: FINDING, rule: "many \"failed\" logins" }
}

fn text_of(list: &Watchlist) -> String {
    String::from_utf8(list.text()).unwrap()
}

fn list(entries: &[Watched<'_>]) -> Watchlist {
    Watchlist::new(header(), entries.iter().copied()).unwrap()
}

#[test]
fn round_trips_and_contains_no_names() {
    let list = list(&[
        watched(Kind::Actor, "ada@example.com"),
        watched(Kind::Address, "2001:DB8:0:0::1"),
        watched(Kind::Session, "s_1"),
        watched(Kind::Session, "s_1"),
    ]);
    assert_eq!(list.entries().len(), 3, "duplicates are merged");
    let text = text_of(&list);
    assert!(!text.contains("ada") && !text.contains("2001") && !text.contains("s_1"));
    assert!(text.starts_with(
        "countersign/v1 watchlist\nlog.example/audit\n7 2026-11-20T06:00:00.000Z 2026-11-20T06:05:00.000Z\n"
    ));
    assert_eq!(Watchlist::read(&text).unwrap(), list);
    let now = header().made;
    for (kind, value, is_there) in [
        (Kind::Actor, "ada@example.com", true),
        (Kind::Actor, "Ada@example.com", false),
        (Kind::Credential, "ada@example.com", false),
        (Kind::Address, "2001:db8::1", true),
        (Kind::Address, "2001:db8::2", false),
        (Kind::Session, "s_1", true),
        (Kind::Session, "", false),
    ] {
        assert_eq!(list.find(kind, value, now).is_some(), is_there, "{kind:?} {value}");
    }
}

#[test]
fn notation_of_addresses_and_long_values_makes_no_difference() {
    let long = "é".repeat(300);
    let list = list(&[watched(Kind::Address, "::ffff:192.0.2.7"), watched(Kind::Actor, &long)]);
    let now = header().made;
    assert!(list.find(Kind::Address, "192.0.2.7", now).is_some());
    assert!(list.find(Kind::Actor, &long, now).is_some());
    assert!(list.find(Kind::Actor, &"é".repeat(299), now).is_none());
    // The abbreviated form of a long value, as in findings, matches too.
    let shown = format!("{}… (SHA-256 {})", "é".repeat(80), Hash::digest(&[long.as_bytes()]));
    assert!(list.find(Kind::Actor, &shown, now).is_some());
}

#[test]
fn the_strictest_unexpired_entry_counts() {
    let soon = time("2026-11-20T06:01:00.000Z");
    let list = list(&[
        Watched { decision: Decision::Challenge, finding: OTHER, ..watched(Kind::Actor, "u_1") },
        Watched { until: soon, ..watched(Kind::Actor, "u_1") },
    ]);
    let found =
        |now| list.find(Kind::Actor, "u_1", now).map(|entry| (entry.decision, entry.finding.as_str()));
    assert_eq!(found(header().made), Some((Decision::Deny, FINDING)));
    assert_eq!(found(soon), Some((Decision::Challenge, OTHER)));
    assert_eq!(found(time("2026-11-20T07:00:00.000Z")), None);
}

#[test]
fn malformed_lists_are_rejected_with_the_line() {
    let text = list(&[watched(Kind::Actor, "u_1"), watched(Kind::Address, "192.0.2.7")]);
    let text = text_of(&text);
    let lines: Vec<&str> = text.lines().collect();
    let with = |nth: usize, line: &str| {
        let mut lines = lines.clone();
        lines[nth] = line;
        lines.join("\n") + "\n"
    };
    let swapped = [&lines[..5], &[lines[6], lines[5]]].concat().join("\n") + "\n";
    let twice = [&lines[..], &[lines[6]]].concat().join("\n") + "\n";
    let entry = |from: &str, to: &str| with(5, &lines[5].replacen(from, to, 1));
    for (text, line) in [
        (String::new(), 1),
        (text.replace("v1", "v2"), 1),
        (with(1, ""), 2),
        (with(1, "a log"), 2),
        (with(2, "7 2026-11-20T06:00:00.000Z 2026-11-20T06:00:00.000Z"), 3),
        (with(2, "07 2026-11-20T06:00:00.000Z 2026-11-20T06:05:00.000Z"), 3),
        (with(2, "9007199254740992 2026-11-20T06:00:00.000Z 2026-11-20T06:05:00.000Z"), 3),
        (with(2, "7 2026-11-20T06:00:00.000Z 2026-11-20T06:05:00.000Z -"), 3),
        (with(3, "AA=="), 4),
        (with(4, "AA=="), 5),
        (with(5, ""), 6),
        (entry("actor", "person"), 6),
        (entry("deny", "allow"), 6),
        (entry("deny", "refuse"), 6),
        (entry("=", ""), 6),
        (entry("\\\"", "\\u0022"), 6),
        (entry("\"many", "many"), 6),
        (entry(FINDING, &FINDING.to_uppercase()), 6),
        (entry(" \"many", "  \"many"), 6),
        (with(5, &format!("{} x", lines[5])), 6),
        (with(5, &lines[5].replace("many", &"m".repeat(600))), 6),
        (swapped, 7),
        (twice, 8),
        (text.trim_end().to_owned(), 1),
        (text.clone() + "\n", 8),
    ] {
        let error = Watchlist::read(&text).expect_err(&text);
        assert_eq!((error.code, error.line), (Code::Watchlist, Some(line)), "{text}{error}");
    }
}

#[test]
fn invalid_entries_are_rejected() {
    let refused = |entry: Watched<'_>| Watchlist::new(header(), [entry]).unwrap_err().code;
    let good = watched(Kind::Actor, "u_1");
    assert_eq!(refused(Watched { decision: Decision::Allow, ..good }), Code::Watchlist);
    assert_eq!(refused(Watched { finding: "f_1", ..good }), Code::Watchlist);
    assert_eq!(refused(Watched { rule: "", ..good }), Code::Watchlist);
    for header in
        [Header { until: header().made, ..header() }, Header { sequence: MAX_SEQUENCE + 1, ..header() }]
    {
        assert_eq!(Watchlist::new(header, []).unwrap_err().code, Code::Watchlist);
    }
    assert_eq!(
        Watchlist::new(Header { origin: "a log".into(), ..header() }, []).unwrap_err().code,
        Code::Name
    );
    let values: Vec<String> = (0..=MAX_ENTRIES).map(|nth| format!("u_{nth}")).collect();
    let entries = |count: usize| values[..count].iter().map(|value| watched(Kind::Actor, value));
    let full = Watchlist::new(header(), entries(MAX_ENTRIES)).unwrap();
    assert_eq!(Watchlist::read(&text_of(&full)).unwrap().entries().len(), MAX_ENTRIES);
    assert_eq!(Watchlist::new(header(), entries(MAX_ENTRIES + 1)).unwrap_err().code, Code::Watchlist);
}

#[test]
fn lists_never_replace_later_ones() {
    let before = list(&[watched(Kind::Actor, "u_1")]);
    let with = |header: Header, value| Watchlist::new(header, [watched(Kind::Actor, value)]).unwrap();
    assert!(before.replaces(&before).is_ok());
    assert!(with(Header { sequence: 8, ..header() }, "u_2").replaces(&before).is_ok());
    for list in [
        with(Header { sequence: 6, ..header() }, "u_1"),
        with(header(), "u_2"),
        with(Header { sequence: 8, origin: "log.example/other".into(), ..header() }, "u_1"),
    ] {
        assert_eq!(list.replaces(&before).unwrap_err().code, Code::Watchlist);
    }
}

#[test]
fn one_of_the_known_keys_must_have_signed() {
    let [one, two] = [1, 2].map(|seed| SignerKey::from_seed("example.com/watch", [seed; 32]).unwrap());
    let list = list(&[watched(Kind::Actor, "u_1")]);
    let note = list.sign(&one).unwrap();
    assert_eq!(Watchlist::open(&note, [two.verifier_key(), one.verifier_key()]).unwrap(), list);
    let refused = |note: &str| Watchlist::open(note, [one.verifier_key()]).unwrap_err().code;
    assert_eq!(refused(&list.sign(&two).unwrap()), Code::Signature);
    assert_eq!(refused(&note.replace("07:00", "08:00")), Code::Signature);
    assert_eq!(refused(&text_of(&list)), Code::Note);
    assert_eq!(refused(&sign_note("countersign/v1 keys\n", &one).unwrap()), Code::Watchlist);
}

proptest! {
    #[test]
    fn every_list_round_trips(
        entries in proptest::collection::vec((0usize..4, ".{0,8}", any::<bool>(), 0i64..4_000_000_000_000, "\\PC{1,20}"), 0..20)
    ) {
        let entries: Vec<_> = entries.iter().map(|(kind, value, denies, until, rule)| Watched {
            kind: Kind::ALL[*kind],
            value,
            decision: if *denies { Decision::Deny } else { Decision::Challenge },
            until: Time::from_millis(*until).unwrap(),
            finding: FINDING,
            rule,
        }).collect();
        let list = list(&entries);
        prop_assert_eq!(Watchlist::read(&text_of(&list)).unwrap(), list);
    }

    #[test]
    fn parsing_never_panics(text in "(countersign/v1 watchlist\nlog\n1 2026-11-20T06:00:00.000Z 2026-11-20T06:05:00.000Z\n)?[ -~\n]{0,200}") {
        let _ = Watchlist::read(&text);
    }
}
