//! Tests of bearer tokens for readers.

use std::fs;
use std::path::Path;

use countersign::time::Time;
use countersign_log::tokens::{AccessError, LogScope, Right, Rights, Scope};
use countersign_log_server::sqlite;
use countersign_log_server::tokens::{self, FILE, NewReader, TokenError, Tokens};

const READ: Rights = Rights::READ;
const ERASE: Rights = Rights::READ_AND_ERASE;

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn now() -> Time {
    time("2026-11-20T12:00:00.000Z")
}

/// Returns the name of the admitted reader.
fn admit(tokens: &Tokens, token: &str, right: Right) -> Result<String, AccessError> {
    tokens.admit(Some(token), right, now()).map(|access| access.name().to_owned())
}

fn file(folder: &Path) -> String {
    fs::read_to_string(folder.join(FILE)).unwrap()
}

#[test]
fn admits_readers_with_their_rights() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::new(folder.path());
    assert_eq!(admit(&tokens, "csr_nothing", Right::Read), Err(AccessError::Unauthenticated));
    let auditor = tokens::add(folder.path(), "auditor", READ, None, Scope::default()).unwrap();
    let privacy = tokens::add(folder.path(), "privacy-desk", ERASE, None, Scope::default()).unwrap();
    assert_eq!(admit(&tokens, auditor.as_str(), Right::Read).unwrap(), "auditor");
    assert_eq!(admit(&tokens, auditor.as_str(), Right::Erase), Err(AccessError::Forbidden(Right::Erase)));
    assert_eq!(admit(&tokens, privacy.as_str(), Right::Erase).unwrap(), "privacy-desk");
    assert_eq!(admit(&tokens, privacy.as_str(), Right::Read).unwrap(), "privacy-desk");
    assert_eq!(tokens.admit(None, Right::Read, now()), Err(AccessError::Unauthenticated));
    let (whole, wrong) = (auditor.as_str(), auditor.as_str().to_uppercase());
    for token in ["", "csr_", &whole[..whole.len() - 1], &wrong, &format!("{whole} ")] {
        assert_eq!(admit(&tokens, token, Right::Read), Err(AccessError::Unauthenticated), "{token}");
    }
}

#[test]
fn stores_only_hashes_in_a_private_file() {
    let folder = tempfile::tempdir().unwrap();
    let token = tokens::add(folder.path(), "auditor", READ, None, Scope::default()).unwrap();
    let secret = token.as_str().trim_start_matches("csr_");
    assert_eq!(secret.len(), 64);
    let text = file(folder.path());
    assert!(!text.contains(secret) && text.ends_with(" read auditor\n"));
    let hash = &text[..64];
    let tokens = Tokens::new(folder.path());
    assert_eq!(admit(&tokens, hash, Right::Read), Err(AccessError::Unauthenticated));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn changes_take_effect_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::new(folder.path());
    let first = tokens::add(folder.path(), "first", READ, None, Scope::default()).unwrap();
    assert!(admit(&tokens, first.as_str(), Right::Read).is_ok());
    let second = tokens::add(folder.path(), "second", READ, None, Scope::default()).unwrap();
    assert!(admit(&tokens, second.as_str(), Right::Read).is_ok());
    tokens::revoke(folder.path(), "first").unwrap();
    assert_eq!(admit(&tokens, first.as_str(), Right::Read), Err(AccessError::Unauthenticated));
    assert!(admit(&tokens, second.as_str(), Right::Read).is_ok());
    fs::remove_file(folder.path().join(FILE)).unwrap();
    assert_eq!(admit(&tokens, second.as_str(), Right::Read), Err(AccessError::Unauthenticated));
}

#[test]
fn tokens_expire() {
    let folder = tempfile::tempdir().unwrap();
    let token = tokens::add(folder.path(), "auditor", READ, Some(now()), Scope::default()).unwrap();
    let tokens = Tokens::new(folder.path());
    let at = |at: &str| tokens.admit(Some(token.as_str()), Right::Read, time(at));
    assert!(at("2026-11-20T11:59:59.999Z").is_ok());
    assert_eq!(at("2026-11-20T12:00:00.000Z"), Err(AccessError::Unauthenticated));
}

#[test]
fn malformed_file_admits_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let token = tokens::add(folder.path(), "auditor", READ, None, Scope::default()).unwrap();
    let tokens = Tokens::new(folder.path());
    assert!(admit(&tokens, token.as_str(), Right::Read).is_ok());
    let good = file(folder.path());
    let hash = &good[..64];
    for bad in [
        format!("{good}x\n"),
        format!("{good}\n"),
        format!("{good}{good}"),
        good.replace(" read ", " write "),
        good.replace(" read ", "  read "),
        good.to_uppercase(),
        format!("{hash} read\n"),
        format!("{hash} read auditor tomorrow\n"),
        format!("{hash} read auditor 2027-01-01T00:00:00.000Z more\n"),
        format!("{hash} read,read auditor\n"),
        format!("{hash} read, auditor\n"),
        format!("{hash} read,own auditor\n"),
        format!("{hash} read auditor tenant=\n"),
        format!("{hash} read auditor tenant=%zz\n"),
        format!("{hash} read auditor tenant=a tenant=a\n"),
        format!("{hash} read auditor tenant=a \n"),
        format!("{hash} read auditor tenant=a 2027-01-01T00:00:00.000Z\n"),
        format!("{hash} read auditor color=red\n"),
        format!("{hash} read auditor since=2026-01-01\n"),
        format!("{hash} read,admin auditor tenant=a\n"),
        format!("{hash} read auditor log=\n"),
        format!("{hash} read auditor log\n"),
        format!("{hash} read auditor log=all\n"),
        format!("{hash} read auditor log=acme\n"),
        format!("{hash} read auditor log={}\n", &ID[1..]),
        format!("{hash} read auditor log={}\n", ID.to_uppercase()),
        format!("{hash} read auditor log={ID},{ID}\n"),
        format!("{hash} read auditor log={ID} log={ID}\n"),
        format!("{hash} read auditor log={ID} log=*\n"),
        format!("{hash} read auditor log=* log={ID}\n"),
        format!("{hash} read auditor log={ID} 2027-01-01T00:00:00.000Z\n"),
        format!("{hash} read auditor Log={ID}\n"),
        format!("{hash} read aud\u{2003}itor\n"),
        "x".repeat(2 << 20),
        format!("{good}{}", "x".repeat(300 << 10)),
    ] {
        fs::write(folder.path().join(FILE), &bad).unwrap();
        assert_eq!(admit(&tokens, token.as_str(), Right::Read), Err(AccessError::Unavailable), "{bad:.80}");
        assert!(matches!(tokens::list(folder.path()), Err(TokenError::Malformed { .. })));
        assert!(tokens::add(folder.path(), "other", READ, None, Scope::default()).is_err());
    }
    fs::write(folder.path().join(FILE), &good).unwrap();
    assert!(admit(&tokens, token.as_str(), Right::Read).is_ok());
}

const ID: &str = "8f000000000000000000000000000001";
const OTHER_ID: &str = "a0000000000000000000000000000002";

fn logs(values: &[&str]) -> LogScope {
    let mut logs = LogScope::default();
    values.iter().try_for_each(|value| logs.allow_written(value)).unwrap();
    logs
}

fn id(text: &str) -> [u8; 16] {
    LogScope::parse_id(text).unwrap()
}

fn new_reader(name: String, scope: Scope) -> NewReader {
    NewReader { name, rights: READ, until: None, scope, logs: LogScope::None }
}

fn tenant(name: &str) -> Scope {
    let mut scope = Scope::default();
    scope.allow("tenant", name).unwrap();
    scope
}

#[test]
fn supports_a_hundred_thousand_tokens() {
    const READERS: usize = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::new(folder.path());
    let readers = (0..READERS).map(|number| new_reader(format!("t{number}"), tenant(&format!("t{number}"))));
    let many = tokens::add_all(folder.path(), readers.collect()).unwrap();
    let one = tokens::add(folder.path(), "one", READ, None, Scope::default()).unwrap();
    assert_eq!((many.len(), tokens::list(folder.path()).unwrap().len()), (READERS, READERS + 1));
    assert!(fs::metadata(folder.path().join(FILE)).unwrap().len() > 8 << 20);
    for (number, token) in many.iter().enumerate().step_by(997) {
        let access = tokens.admit(Some(token.as_str()), Right::Read, now()).unwrap();
        assert_eq!(access.name(), format!("t{number}"));
        assert_eq!(**access.scope(), tenant(access.name()));
        assert!(tokens.still_admits(&access, now()));
    }
    assert_eq!(admit(&tokens, one.as_str(), Right::Read).unwrap(), "one");
    let names: Vec<String> = (0..READERS).step_by(2).map(|number| format!("t{number}")).collect();
    tokens::revoke_all(folder.path(), &names).unwrap();
    assert_eq!(admit(&tokens, many[4].as_str(), Right::Read), Err(AccessError::Unauthenticated));
    assert_eq!(admit(&tokens, many[5].as_str(), Right::Read).unwrap(), "t5");
    assert_eq!(tokens::list(folder.path()).unwrap().len(), READERS / 2 + 1);
}

#[test]
fn adds_and_revokes_all_or_none() {
    let folder = tempfile::tempdir().unwrap();
    tokens::add(folder.path(), "there", READ, None, Scope::default()).unwrap();
    let before = file(folder.path());
    for names in [["a", "there"], ["a", "a"], ["a", "b c"]] {
        let readers = names.map(|name| new_reader(name.to_owned(), Scope::default()));
        let added = tokens::add_all(folder.path(), readers.to_vec());
        assert!(matches!(added, Err(TokenError::Name(_))), "{names:?}");
        assert_eq!(file(folder.path()), before);
    }
    let names = ["there", "nobody"].map(str::to_owned);
    assert!(matches!(tokens::revoke_all(folder.path(), &names), Err(TokenError::Unknown(_))));
    assert_eq!(file(folder.path()), before);
}

#[test]
fn refuses_to_write_an_oversized_file() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::new(folder.path());
    let good = tokens::add(folder.path(), "good", READ, None, Scope::default()).unwrap();
    let before = file(folder.path());
    // A line that is too long, and lines that are too long in total.
    let huge = tenant(&"x".repeat(257 << 10));
    let large = tenant(&"x".repeat(200 << 10));
    let many = (0..400).map(|number| new_reader(format!("t{number}"), large.clone())).collect();
    for readers in [vec![new_reader("huge".into(), huge)], many] {
        let error = tokens::add_all(folder.path(), readers).err().unwrap();
        assert!(matches!(error, TokenError::TooLarge { .. }), "{error}");
        assert_eq!(file(folder.path()), before);
        assert_eq!(admit(&tokens, good.as_str(), Right::Read).unwrap(), "good");
    }
    // The server reads at most the maximum size.
    let file = fs::File::create(folder.path().join(FILE)).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_eq!(admit(&tokens, good.as_str(), Right::Read), Err(AccessError::Unavailable));
    let error = tokens::list(folder.path()).unwrap_err().to_string();
    assert!(error.contains("64 MiB"), "{error}");
}

#[test]
fn parses_a_reader_from_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = new_reader("a".into(), Scope::default());
    reader.until = Some(time("2026-11-20T12:00:01.000Z"));
    let parse = |line: &str| NewReader::parse(line, READ, None, Scope::default(), LogScope::None);
    let parsed = parse("a 2026-11-20T12:00:01.000Z tenant=a%20b").unwrap();
    assert_eq!((&parsed.name, parsed.until), (&reader.name, reader.until));
    assert_eq!(parsed.scope, tenant("a b"));
    assert!(parsed.logs.is_none());
    let parsed = parse(&format!("a log={ID} tenant=a")).unwrap();
    assert_eq!((parsed.scope, parsed.logs), (tenant("a"), logs(&[ID])));
    for wrong in
        ["", " ", "a tomorrow", "a tenant=", "a tenant=a 2026-11-20T12:00:01.000Z", "a\tb", "a log=b"]
    {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
    let token = tokens::add_all(folder.path(), vec![reader]).unwrap().pop().unwrap();
    let tokens = Tokens::new(folder.path());
    assert!(admit(&tokens, token.as_str(), Right::Read).is_ok());
}

#[test]
fn rejects_invalid_and_duplicate_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["", "a b", "a\nb", "a\u{a0}b", &"x".repeat(101)] {
        assert!(
            matches!(
                tokens::add(folder.path(), name, READ, None, Scope::default()),
                Err(TokenError::Name(_))
            ),
            "{name:?}"
        );
    }
    tokens::add(folder.path(), "auditor", READ, None, Scope::default()).unwrap();
    assert!(matches!(
        tokens::add(folder.path(), "auditor", ERASE, None, Scope::default()),
        Err(TokenError::Name(_))
    ));
    assert!(matches!(tokens::revoke(folder.path(), "nobody"), Err(TokenError::Unknown(_))));
    let listed = tokens::list(folder.path()).unwrap();
    assert_eq!(
        listed.iter().map(|reader| (&*reader.name, reader.rights)).collect::<Vec<_>>(),
        [("auditor", READ)]
    );
}

#[test]
fn writes_and_parses_scopes() {
    let folder = tempfile::tempdir().unwrap();
    let mut scope = Scope::default();
    for (name, value) in [("tenant", "acme corp"), ("tenant", "50%"), ("action", "user.*"), ("actor", "ü")] {
        scope.allow(name, value).unwrap();
    }
    let until = Some(time("2027-01-01T00:00:00.000Z"));
    let token = tokens::add(folder.path(), "acme", READ, until, scope.clone()).unwrap();
    let text = file(folder.path());
    let written =
        " read acme 2027-01-01T00:00:00.000Z tenant=acme%20corp tenant=50%25 actor=%C3%BC action=user.*\n";
    assert!(text.ends_with(written), "{text}");
    let tokens = Tokens::new(folder.path());
    let access = tokens.admit(Some(token.as_str()), Right::Read, now()).unwrap();
    assert_eq!(**access.scope(), scope);
    // Written by hand, in any order and without escapes.
    fs::write(folder.path().join(FILE), format!("{} erase acme actor=ü tenant=a/b?c=d\n", &text[..64]))
        .unwrap();
    let access = tokens.admit(Some(token.as_str()), Right::Erase, now()).unwrap();
    assert_eq!(access.scope().conditions(), [("tenant", "a/b?c=d".into()), ("actor", "ü".into())]);
    assert_eq!(admit(&tokens, token.as_str(), Right::Read), Err(AccessError::Forbidden(Right::Read)));
}

#[test]
fn new_token_of_the_same_name_is_another_token() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::new(folder.path());
    let first = tokens::add(folder.path(), "auditor", READ, None, Scope::default()).unwrap();
    let access = tokens.admit(Some(first.as_str()), Right::Read, now()).unwrap();
    assert!(tokens.still_admits(&access, now()));
    tokens::revoke(folder.path(), "auditor").unwrap();
    tokens::add(folder.path(), "auditor", READ, None, Scope::default()).unwrap();
    assert!(!tokens.still_admits(&access, now()));
}

#[test]
fn concurrent_additions_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let path = folder.path();
            scope.spawn(move || {
                tokens::add(path, &format!("reader{number}"), READ, None, Scope::default()).unwrap()
            });
        }
    });
    assert_eq!(tokens::list(folder.path()).unwrap().len(), 8);
}

#[test]
fn token_names_its_tenant_logs() {
    let folder = tempfile::tempdir().unwrap();
    let reader = |name: &str, logs| NewReader { logs, ..new_reader(name.into(), Scope::default()) };
    let both = NewReader { scope: tenant("acme"), ..reader("both", logs(&[OTHER_ID, ID])) };
    let readers = vec![both, reader("all", logs(&["*"])), reader("none", LogScope::None)];
    let added = tokens::add_all(folder.path(), readers).unwrap();
    let text = file(folder.path());
    let lines: Vec<&str> = text.lines().map(|line| &line[64..]).collect();
    let both = format!(" read both log={ID} log={OTHER_ID} tenant=acme");
    assert_eq!(lines, [&*both, " read all log=*", " read none"]);
    let tokens = Tokens::for_tenants(folder.path());
    let access = |place: usize| tokens.admit(Some(added[place].as_str()), Right::Read, now()).unwrap();
    let permits = |place: usize| [ID, OTHER_ID].map(|text| access(place).logs().permits(&id(text)));
    assert_eq!((permits(0), access(0).logs().permits(&[0; 16])), ([true, true], false));
    assert_eq!((permits(1), access(1).logs().permits(&[0; 16])), ([true, true], true));
    assert_eq!(permits(2), [false, false]);
    // A limit to logs is none to events.
    assert!(!access(0).scope().is_everything() && access(1).scope().is_everything());
    // Other logs are another access.
    let before = [access(0), access(1)];
    let other = text.replace(&format!(" log={ID}"), "").replace(" log=*", &format!(" log={ID}"));
    fs::write(folder.path().join(FILE), other).unwrap();
    assert!(before.iter().all(|access| !tokens.still_admits(access, now())));
    assert_eq!(permits(0), [false, true]);
    // A token for the whole of some logs may have the right admin.
    fs::write(folder.path().join(FILE), format!("{} admin ops log={ID}\n", &text[..64])).unwrap();
    assert!(tokens.admit(Some(added[0].as_str()), Right::Admin, now()).unwrap().logs().permits(&id(ID)));
}

#[test]
fn ordinary_log_rejects_tokens_for_tenant_logs() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::new(folder.path());
    let good = tokens::add(folder.path(), "auditor", READ, None, Scope::default()).unwrap();
    let for_all = || vec![NewReader { logs: logs(&["*"]), ..new_reader("all".into(), Scope::default()) }];
    // Without a database, the folder may become that of a log with tenants.
    let all = tokens::add_all(folder.path(), for_all()).unwrap().pop().unwrap();
    for token in [&good, &all] {
        assert_eq!(admit(&tokens, token.as_str(), Right::Read), Err(AccessError::Unavailable));
    }
    let database = sqlite::open(folder.path(), "log.example").unwrap();
    let error = tokens::list(folder.path()).unwrap_err();
    assert!(matches!(&error, TokenError::Malformed { line: 2, .. }), "{error}");
    assert!(error.to_string().contains("this log has no tenants"), "{error}");
    tokens::revoke(folder.path(), "all").unwrap();
    assert_eq!(admit(&tokens, good.as_str(), Right::Read).unwrap(), "auditor");
    let refused = tokens::add_all(folder.path(), for_all()).err().unwrap();
    assert!(matches!(refused, TokenError::NoTenants), "{refused}");
    assert_eq!(file(folder.path()).lines().count(), 1);
    drop(database);
}
