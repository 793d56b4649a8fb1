//! Readers' tokens: adding, listing, revoking.

use predicates::prelude::*;
use predicates::str::contains;

use crate::common::Place;

fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path("countersign-log")).unwrap();
    place
}

#[test]
fn a_token_is_shown_once() {
    let place = place();
    let added = place.run(&["token", "add", "auditor"]).success();
    let token = String::from_utf8(added.get_output().stdout.clone()).unwrap();
    assert!(token.starts_with("csr_") && token.len() == 4 + 64 + 1);
    let listed = place.run(&["token", "list"]).success();
    listed.stdout(contains("auditor").and(contains("read")).and(contains(token.trim()).not()));
    assert!(!place.read("countersign-log/readers.txt").contains(token.trim()));
    place.run(&["token", "add", "auditor"]).code(2).stderr(contains("error[token.name]"));
}

#[test]
fn rights_and_expiry() {
    let place = place();
    let args = ["token", "add", "privacy-desk", "--may", "read,erase", "--until", "2027-01-01"];
    place.run(&args).success().stderr(contains("privacy-desk may read and erase with"));
    place.run(&["token", "list"]).success().stdout(
        contains("privacy-desk").and(contains("read,erase")).and(contains("2027-01-01T00:00:00.000Z")),
    );
    place
        .run(&["token", "add", "eraser", "--right", "erase"])
        .success()
        .stderr(contains("eraser may erase with"));
    for args in [
        &["--right", "write"][..],
        &["--right", ""],
        &["--right", "read,read"],
        &["--until", "soon"],
        &["--action", "*"],
        &["--chain", "x"],
        &["--tenant", ""],
        &["--tenant", "a", "--tenant", "a"],
        &["--tenant", "a", "--right", "admin"],
    ] {
        place.run(&[&["token", "add", "other"], args].concat()).code(2);
    }
    place.run(&["token", "add", "two words"]).code(2).stderr(contains("error[token.name]"));
}

#[test]
fn tokens_can_be_limited_to_events() {
    let place = place();
    let args = ["token", "add", "acme", "--tenant", "acme corp", "--action", "user.*", "--right", "read"];
    place
        .run(&args)
        .success()
        .stderr(contains("acme may read events of tenant=acme%20corp action=user.* with"));
    place.run(&["token", "add", "auditor"]).success();
    let listed = place.run(&["token", "list"]).success();
    listed.stdout(contains("tenant=acme%20corp action=user.*").and(contains("auditor  read  -      all")));
    assert!(
        place.read("countersign-log/readers.txt").contains(" read acme tenant=acme%20corp action=user.*\n")
    );
}

#[test]
fn reports_an_expired_token() {
    let place = Place::new();
    std::fs::create_dir(place.path("log")).unwrap();
    for (until, warns) in [("2020-01-01", true), ("2999-01-01", false)] {
        let added = place.run(&["token", "add", until, "--dir", "log", "--until", until]).success();
        let said = String::from_utf8_lossy(&added.get_output().stderr).into_owned();
        assert_eq!(said.contains("the token is already expired"), warns, "{said}");
    }
}

#[test]
fn revokes_a_token() {
    let place = place();
    place.run(&["token", "list"]).success().stderr(contains("no reader has a token"));
    place.run(&["token", "add", "auditor"]).success();
    place.run(&["token", "revoke", "auditor"]).success();
    place.run(&["token", "revoke", "auditor"]).code(2).stderr(contains("error[token.unknown]"));
    assert_eq!(place.read("countersign-log/readers.txt"), "");
}

#[test]
fn reports_a_missing_folder_and_an_invalid_file() {
    let place = Place::new();
    for args in [&["list"][..], &["add", "auditor"], &["revoke", "auditor"]] {
        place
            .run(&[&["token"], args].concat())
            .code(2)
            .stderr(contains("error[io.not_found]").and(contains("--dir")));
    }
    std::fs::create_dir(place.path("log")).unwrap();
    place.write("log/readers.txt", "nonsense\n");
    for args in [&["list"][..], &["add", "auditor"], &["revoke", "auditor"]] {
        place
            .run(&[&["token"], args, &["--dir", "log"]].concat())
            .code(2)
            .stderr(contains("error[token.file]").and(contains("line 1")));
    }
}

#[test]
fn contradictory_rules_prevent_startup() {
    let place = place();
    for args in [
        &["--retain", "7y", "--retain", "8y"][..],
        &["--retain", "7"],
        &["--retain", "tenant=acme"],
        &["--hold", "acme"],
        &["--hold", "chain=x"],
        &["--host", "log.example:443"],
        &["--host", "https://log.example"],
        &["--host", "*.example"],
        &["--quota-events", "0"],
        &["--quota-bytes", "many"],
        &["--record-reads", "some"],
        &["--require-records", "--record-reads", "none"],
    ] {
        let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        place.run(&args).code(2);
    }
}

#[test]
fn adds_and_revokes_many_tokens_at_once() {
    let place = place();
    place.run(&["token", "add", "there"]).success();
    let lines: Vec<String> = (0..12_000).map(|number| format!("t{number} tenant=t{number}")).collect();
    place.write("tenants.txt", format!("# our tenants\n\n{}\n", lines.join("\n")));
    let added = place.run(&["token", "add", "--from", "tenants.txt", "--until", "2099-01-01"]).success();
    let tokens = String::from_utf8(added.get_output().stdout.clone()).unwrap();
    assert_eq!(tokens.lines().count(), 12_000);
    assert!(tokens.lines().nth(7).unwrap().starts_with("t7\tcsr_"), "{}", &tokens[..200]);
    let file = place.read("countersign-log/readers.txt");
    assert!(file.len() > 1 << 20 && file.lines().count() == 12_001);
    assert!(file.lines().last().unwrap().ends_with(" read t11999 2099-01-01T00:00:00.000Z tenant=t11999"));
    let listed = place.run(&["token", "list"]).success();
    listed.stdout(contains("t11999").and(contains("there")));

    // All or none.
    place.write("wrong.txt", "new tenant=new\nnew color=red\n");
    let refused = place.run(&["token", "add", "--from", "wrong.txt"]).code(2);
    refused.stdout("").stderr(contains("error[token.line]").and(contains("wrong.txt: line 2")));
    place.write("wrong.txt", "new\nt5\n");
    place.run(&["token", "add", "--from", "wrong.txt"]).code(2).stdout("").stderr(contains("t5"));
    place.run(&["token", "revoke", "t5", "nobody"]).code(2).stderr(contains("error[token.unknown]"));
    assert_eq!(place.read("countersign-log/readers.txt"), file);

    // The list of tokens names the readers.
    place.write("tokens.txt", &tokens);
    place.run(&["token", "revoke", "--from", "tokens.txt"]).success().stderr(contains("12000 tokens"));
    assert_eq!(place.read("countersign-log/readers.txt").lines().count(), 1);
    place.run(&["token", "add"]).code(2);
    place.run(&["token", "add", "a", "--from", "tenants.txt"]).code(2);
    place.run(&["token", "revoke"]).code(2);
}

const ID: &str = "8f000000000000000000000000000001";
const OTHER_ID: &str = "a0000000000000000000000000000002";

/// Creates the database of a log in the folder, with a table of tenants if it has any.
fn create_database(place: &Place, origin: &str, has_tenants: bool) {
    let folder = place.path("countersign-log");
    countersign_log_server::sqlite::open(&folder, origin).unwrap();
    if has_tenants {
        let database = rusqlite::Connection::open(folder.join("log.sqlite")).unwrap();
        database.execute_batch("CREATE TABLE IF NOT EXISTS tenants (id BLOB)").unwrap();
    }
}

#[test]
fn tokens_name_their_tenant_logs() {
    let place = place();
    create_database(&place, "log.example/audit", true);
    let origin = format!("log.example/audit/t/{OTHER_ID}");
    let add = |args: &[&str]| place.run(&[&["token", "add"], args].concat());
    add(&["acme", "--log", ID, "--action", "user.*"])
        .success()
        .stderr(contains(format!("acme may read events of action=user.* in log={ID} with this token")));
    add(&["group", "--log", &origin, "--log", ID]).success().stderr(contains("read in 2 tenant logs with"));
    add(&["ops", "--log", "all", "--right", "read,admin"])
        .success()
        .stderr(contains("ops may read and admin in all tenant logs with"));
    let file = place.read("countersign-log/readers.txt");
    let lines: Vec<&str> = file.lines().map(|line| &line[64..]).collect();
    let (acme, group) =
        (format!(" read acme log={ID} action=user.*"), format!(" read group log={ID} log={OTHER_ID}"));
    assert_eq!(lines, [&*acme, &*group, " read,admin ops log=*"]);
    let listed = place.run(&["token", "list"]).success();
    listed.stdout(
        contains("LOGS")
            .and(contains(format!("{ID}  ")))
            .and(contains(format!("{ID} {OTHER_ID}  all\n")))
            .and(contains("read,admin  -      all ")),
    );
    for (log, why) in [
        ("acme", "must be a tenant's ID"),
        ("*", "must be a tenant's ID"),
        ("", "must be a tenant's ID"),
        (&ID.to_uppercase(), "must be a tenant's ID"),
        (&format!("other.example/t/{ID}"), "is not a tenant log of log.example/audit"),
        (&format!("log.example/audit/t/{OTHER_ID}/"), "must be a tenant's ID"),
    ] {
        add(&["other", "--log", log]).code(2).stdout("").stderr(contains(why));
    }
    for args in [
        &["--log", ID, "--log", ID][..],
        &["--log", "all", "--log", ID],
        &["--log", &origin, "--log", "all"],
        &["--log", &origin, "--log", OTHER_ID],
    ] {
        add(&[&["other"], args].concat()).code(2).stderr(contains("error[arguments.invalid]"));
    }
    // A token for no tenant log would be useless.
    add(&["other"])
        .code(2)
        .stderr(contains("other's token would be for none of them").and(contains("--log all")));

    // Many at once: the option applies to all lines.
    place.write("readers", format!("one log={ID}\ntwo tenant=b log={OTHER_ID}\n"));
    add(&["--from", "readers"]).success();
    let more = place.read("countersign-log/readers.txt");
    assert!(more.ends_with(&format!(" read two log={OTHER_ID} tenant=b\n")), "{more}");
    place.write("readers", format!("three\nfour log={ID}\n"));
    add(&["--from", "readers"]).code(2).stderr(contains("three's token would be for none of them"));
    add(&["--from", "readers", "--log", "all"])
        .code(2)
        .stderr(contains("error[token.line]").and(contains("line 2")));
    assert_eq!(place.read("countersign-log/readers.txt"), more);
}

#[test]
fn ordinary_log_has_no_tokens_for_tenant_logs() {
    let place = place();
    create_database(&place, "log.example/audit", false);
    for log in [ID, "all", &format!("log.example/audit/t/{ID}")] {
        place.run(&["token", "add", "acme", "--log", log]).code(2).stdout("").stderr(
            contains("error[token.no_tenants]")
                .and(contains("the log has no tenants, so a token can't have log=")),
        );
    }
    place.run(&["token", "add", "auditor"]).success();
    place.run(&["token", "list"]).success().stdout(contains("LOGS").not());
    let good = place.read("countersign-log/readers.txt");
    place.write("countersign-log/readers.txt", format!("{} log=*\n", good.trim_end()));
    place.run(&["token", "list"]).code(2).stderr(contains("error[token.file]").and(contains("line 1")));
    let args = ["--oidc-issuer", "https://login.example", "--oidc-audience", "log", "--oidc-allow"];
    for rule in ["* read log={org_log}", "* read log=*"] {
        let serve = ["serve", "--dir", "new", "--origin", "log.example", "--listen", "127.0.0.1:0"];
        let args = [&serve[..], &args[..], &[rule]].concat();
        place.run(&args).code(2).stderr(contains("this log has no tenants, so a rule must not have log="));
    }
}
