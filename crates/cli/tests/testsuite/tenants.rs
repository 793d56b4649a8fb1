//! Tenants of a log server: creating them, recording to their logs, and reading these.

use std::thread;
use std::time::Duration;

use countersign::note::SignerKey;
use predicates::prelude::*;
use predicates::str::contains;

use crate::common::serving::ServedLog;
use crate::common::{ORIGIN, Place, events};

const FOLDER: &str = "countersign-log";
const TRUST: &str = "countersign-log/trust.txt";

const RULE: &str = "
title: A Job Was Deleted
id: job-deleted
level: medium
detection:
  selection:
    parsed.action: job.delete
  condition: selection
";

/// The output of `tenant add` about a new tenant.
struct Customer {
    id: String,
    origin: String,
    token: String,
}

impl Customer {
    /// Adds a tenant, and writes its trust file to `NAME.txt`.
    fn add(place: &Place, name: &str) -> Self {
        let added = place.run(&["tenant", "add", name, "-o", &format!("{name}.txt")]).success();
        let printed = String::from_utf8(added.get_output().stdout.clone()).unwrap();
        let words: Vec<[&str; 2]> =
            printed.lines().map(|line| line.split_once(' ').unwrap().into()).collect();
        let [["origin", origin], ["token", token]] = words[..] else { panic!("{printed}") };
        let id = origin.strip_prefix(&format!("{ORIGIN}/t/")).unwrap().to_owned();
        assert_eq!(id.len(), 32);
        Self { id, origin: origin.to_owned(), token: token.to_owned() }
    }

    fn url(&self, log: &ServedLog) -> String {
        format!("{}/t/{}", log.url(), self.id)
    }
}

/// A root log's server, whose trust file has an emitter, and its only tenant `acme`.
struct Scene {
    place: Place,
    log: ServedLog,
    acme: Customer,
}

impl Scene {
    fn start() -> Self {
        let place = Place::new();
        prepare(&place);
        let log = serve(&place, &["--tenants"]);
        let acme = Customer::add(&place, "acme");
        Self { place, log, acme }
    }
}

/// Writes the key and the trust file of a log, with an emitter, and the log itself for its own events.
fn prepare(place: &Place) {
    std::fs::create_dir(place.path(FOLDER)).unwrap();
    std::fs::copy(place.path("log.key"), place.path("countersign-log/log.key")).unwrap();
    place.write(TRUST, format!("log {0}\nemitter {1}\nemitter {0}\n", place.log, place.app));
}

fn serve(place: &Place, more: &[&str]) -> ServedLog {
    ServedLog::start(&place.path(""), &[&["--origin", ORIGIN, "--listen", "127.0.0.1:0"], more].concat())
}

/// Records this many events in a closed chain. Returns true if the log accepted them.
fn record(place: &Place, log: &ServedLog, name: &str, customer: &Customer, count: usize) -> bool {
    place.write("events.ndjson", events(count));
    let (to, trust) = (customer.url(log), format!("{name}.txt"));
    let record = ["record", "events.ndjson", "--key", "app.key", "--to", &to, "--trust", &trust];
    place.command(&record).output().unwrap().status.success()
}

/// Exports a tenant's log to `NAME.ndjson`, and verifies that it is complete.
fn export(place: &Place, log: &ServedLog, name: &str, customer: &Customer, entries: usize) {
    let (file, trust) = (format!("{name}.ndjson"), format!("{name}.txt"));
    let args = ["export", "--dir", &customer.url(log), "-o", &file];
    place.command(&args).env("COUNTERSIGN_TOKEN", &customer.token).assert().success();
    let complete = format!("complete: all {entries} entries of this customer's log, nothing missing, as of");
    place.run(&["verify", &file, "--trust", &trust]).code(0).stdout(contains(complete));
    let report = place.judged(&["verify", &file, "--trust", &trust, "--json"]);
    assert_eq!(report["root_log"]["origin"], ORIGIN);
}

#[test]
fn each_tenant_gets_a_complete_log() {
    // The server creates its key and its trust file.
    let place = Place::new();
    let log = serve(&place, &["--tenants"]);
    place.run(&["tenant", "list"]).success().stderr(contains("there is no tenant yet"));
    // An emitter is in a tenant's trust file only if it was added before.
    let no_emitter = contains("names no emitter and no issuer");
    place.run(&["tenant", "add", "early", "--no-token", "-o", "early.txt"]).success().stderr(no_emitter);
    place.write(TRUST, format!("{}emitter {}\n", place.read(TRUST), place.app));

    let (acme, other) = (Customer::add(&place, "acme"), Customer::add(&place, "umbrella"));
    let trust = place.read("acme.txt");
    let since = trust.lines().last().unwrap().strip_prefix(&format!("origin {} ", acme.origin)).unwrap();
    assert!(since.parse::<u64>().is_ok(), "{trust}");
    let root = place.read(TRUST);
    let key = root.lines().find(|line| line.starts_with("log ")).unwrap();
    assert!(trust.lines().any(|line| line == key), "{trust}");

    // Adding it again changes nothing, and shows no token again.
    let again = place.run(&["tenant", "add", "acme", "-o", "again.txt"]).success();
    again
        .stdout(format!("origin {}\n", acme.origin))
        .stderr(contains("acme has a token already, which is not shown again"));
    assert_eq!(place.read("again.txt"), trust);
    let again = place.run(&["tenant", "add", "acme"]).success();
    let again = again.stderr(contains("acme has a log already").and(contains("has a token already")));
    again.stdout(contains("token ").not().and(contains("\n\n# The keys of the log")));
    place.run(&["tenant", "trust", "acme"]).success().stdout(trust);
    assert_eq!(place.read("countersign-log/readers.txt").lines().count(), 2);

    // The server reads its trust file within a second.
    let mut attempts = 0..600;
    while !record(&place, &log, "acme", &acme, 5) {
        assert!(attempts.next().is_some(), "the log doesn't accept the emitter");
        thread::sleep(Duration::from_millis(100));
    }
    assert!(record(&place, &log, "umbrella", &other, 2));
    assert!(record(&place, &log, "acme", &acme, 1));
    let list = place.run(&["tenant", "list"]).success();
    let rows = contains("acme      10       live ").and(contains("umbrella  4        live "));
    list.stdout(rows.and(contains(&*acme.origin)));
    export(&place, &log, "acme", &acme, 10);
    export(&place, &log, "umbrella", &other, 4);

    // One tenant's log doesn't pass for another's, nor for one that isn't named.
    let foreign = place.run(&["verify", "acme.ndjson", "--trust", "umbrella.txt"]);
    foreign.code(1).stdout(contains("expected.origin"));
    place.run(&["verify", "acme.ndjson", "--trust", TRUST]).code(3);

    // A reader of another log learns nothing, not even that there is a log.
    let to = acme.url(&log);
    let args = ["export", "--dir", &to, "-o", "foreign.ndjson"];
    let refused = place.command(&args).env("COUNTERSIGN_TOKEN", &other.token).assert();
    refused.code(2).stderr(contains("request.not_found"));
    let client = countersign_tls::blocking_http_client().build().unwrap();
    let ask = |id: &str| {
        let url = format!("{}/t/{id}/export", log.url());
        let response = client.get(url).bearer_auth(&acme.token).send().unwrap();
        (response.status().as_u16(), response.text().unwrap())
    };
    let foreign = ask(&other.id);
    assert_eq!((foreign.0, &foreign), (404, &ask(&"0".repeat(32))));

    place
        .run(&["export", "-o", "folder.ndjson"])
        .code(2)
        .stderr(contains("whose exports only its log server can prove"));
}

#[test]
fn tenants_survive_a_restart() {
    let Scene { place, log, acme } = Scene::start();
    assert!(record(&place, &log, "acme", &acme, 3));
    drop(log);
    // Without a server, a tenant's first tick is missing until the next start.
    let late = place.run(&["tenant", "add", "late", "--no-token", "-o", "late.txt"]).success();
    late.stderr(contains("the log server isn't running").and(contains("countersign tenant trust late")));
    let words = |trust: &str| trust.lines().last().unwrap().split(' ').count();
    let trust = place.read("late.txt");
    assert_eq!(words(&trust), 2, "{trust}");
    place.run(&["tenant", "list"]).success().stdout(contains(" new "));
    // A folder with tenants needs no option.
    let log = serve(&place, &[]);
    assert!(record(&place, &log, "acme", &acme, 3));
    export(&place, &log, "acme", &acme, 10);
    let trust = place.run(&["tenant", "trust", "late"]).success();
    let trust = String::from_utf8(trust.get_output().stdout.clone()).unwrap();
    assert_eq!(words(&trust), 3, "{trust}");
}

#[test]
fn trust_file_of_a_tenant_keeps_names_that_are_not_utf_8() {
    let Scene { place, log: _log, acme } = Scene::start();
    let witness = SignerKey::witness_from_seed("w.example", [5; 32]).unwrap();
    let mut keys = format!("log {}\nemitter {}\n", place.log, place.app).into_bytes();
    keys.extend_from_slice(b"witness \xe9 ");
    keys.extend_from_slice(format!("{}\nquorum \u{1}\n", witness.verifier_key()).as_bytes());
    // The quorum has the same name.
    keys.iter_mut().filter(|byte| **byte == 1).for_each(|byte| *byte = 0xe9);
    std::fs::write(place.path("keys.txt"), &keys).unwrap();
    let printed = place.run(&["tenant", "trust", "acme", "--trust", "keys.txt"]).success();
    let trust = countersign::trust::Trust::parse(&printed.get_output().stdout).unwrap();
    assert_eq!((trust.logs().count(), trust.emitters().len()), (1, 1));
    assert!(trust.has_quorum() && trust.origins()[0].origin == acme.origin);
}

#[test]
fn a_log_has_tenants_from_the_start_or_never() {
    let place = Place::new();
    place.run(&["tenant", "list"]).code(2).stderr(contains("error[io.not_found]"));
    let serve_with = |more: &[&str]| {
        place.run(&[&["serve", "--tenants", "--listen", "127.0.0.1:0"], more].concat()).code(2)
    };
    let tenant_log = format!("{ORIGIN}/t/00000000000000000000000000000001");
    serve_with(&["--origin", &tenant_log]).stderr(contains("can't be the origin of a root log"));
    assert!(!place.path("countersign-log/log.key").exists(), "a key was created for it");
    for [option, value] in
        [["--watch", "rules.yml"], ["--tick", "500ms"], ["--tick", "21s"], ["--tick", "1d"]]
    {
        place.write("rules.yml", RULE);
        serve_with(&["--dir", "new", "--origin", ORIGIN, option, value]).stderr(contains(option));
        assert!(!place.path("new/log.sqlite").exists());
    }
    serve_with(&["--dir", "new", "--origin", ORIGIN, "--otlp", "a.key"])
        .stderr(contains("error[otlp.tenants]"));
    assert!(!place.path("new/log.key").exists(), "a key was created for it");

    let commands = [&["tenant", "add", "acme"][..], &["tenant", "list"], &["tenant", "trust", "acme"]];
    let no_tenants = || contains("error[tenant.none]").and(contains("countersign serve --tenants"));
    for command in commands {
        place.run(command).code(2).stderr(no_tenants().and(contains(FOLDER)));
    }
    for option in [&["--tenant-metrics"][..], &["--quota-tenant-events", "5"], &["--quota-tenant-bytes", "5"]]
    {
        let serve = [&["serve", "--listen", "127.0.0.1:0"], option].concat();
        place.run(&serve).code(2).stderr(contains("--tenants").and(contains("this one has none")));
    }
    drop(serve(&place, &[]));
    serve_with(&["--origin", ORIGIN]).stderr(
        contains("error[tenant.none]")
            .and(contains("a log can't get them later"))
            .and(contains("use a new folder with --dir")),
    );
    for command in commands {
        place.run(command).code(2).stderr(no_tenants().and(contains(FOLDER)));
    }
}

#[test]
fn errors_name_the_remedy() {
    let Scene { place, log: _log, .. } = Scene::start();
    let list = place.run(&["tenant", "list"]).success().get_output().stdout.clone();
    for name in ["", &"x".repeat(400), "a\nb"] {
        let adding = place.run(&["tenant", "add", name]).code(2);
        adding.stderr(contains("a tenant's name must have 1 to 255 bytes").and(contains("token").not()));
    }
    assert_eq!(place.run(&["tenant", "list"]).success().get_output().stdout, list, "nothing was created");
    // The disk is full, or the file can't be written: the log is there, and the same command creates the token.
    let (readers, away) = (place.path(FOLDER).join("readers.txt"), place.path("readers.txt"));
    std::fs::rename(&readers, &away).unwrap();
    std::fs::create_dir(&readers).unwrap();
    let failed = contains("late has the log").and(contains("no token was created"));
    place.run(&["tenant", "add", "late"]).code(2).stderr(failed.and(contains("creates only the token")));
    std::fs::remove_dir(&readers).unwrap();
    std::fs::rename(&away, &readers).unwrap();
    place.run(&["tenant", "add", "late"]).success().stdout(contains("token csr_"));
    place.run(&["tenant", "trust", "other"]).code(2).stderr(contains("there is no tenant named \"other\""));
    for name in ["", "a\nb", &"x".repeat(256)] {
        place
            .run(&["tenant", "add", name, "--no-token"])
            .code(2)
            .stderr(contains("error[arguments.invalid]"));
    }
    place.run(&["tenant", "add", "two words"]).code(2).stderr(contains("--no-token"));
    place.run(&["tenant", "add", "two words", "--no-token", "-o", "two.txt"]).success();
}

#[test]
fn a_tenant_log_ends_and_another_one_continues_it() {
    let place = Place::new();
    prepare(&place);
    let trust = place.read(TRUST);
    let log = serve(&place, &["--tenants"]);
    let (acme, other) = (Customer::add(&place, "acme"), Customer::add(&place, "umbrella"));
    assert!(record(&place, &log, "acme", &acme, 3));
    place
        .run(&["tenant", "end", "acme", "none"])
        .code(2)
        .stderr(contains("there is no tenant named \"none\""));
    // Readers must trust the log's last event, which the log signs itself.
    place.write(TRUST, trust.replace(&format!("emitter {}\n", place.log), ""));
    let to = ["--to", "log2.example/audit/t/9a1b6c53de0f4c22b1f4a3c2d1e0f9a8"];
    for command in [&["tenant", "end", "acme"][..], &[&["tenant", "move", "acme"][..], &to].concat()] {
        let line = format!("emitter {}", place.log);
        place.run(command).code(2).stderr(contains("error[tenant.own_key]").and(contains(line)));
    }
    place.write(TRUST, trust);
    place.run(&["tenant", "end", "acme"]).success().stderr(contains("the log of acme has ended"));
    place.run(&["tenant", "end", "acme"]).success();
    place.run(&["tenant", "list"]).success().stdout(contains("acme      8        ended "));
    export(&place, &log, "acme", &acme, 8);

    let to = acme.url(&log);
    let late = ["record", "events.ndjson", "--key", "app.key", "--to", &to, "--trust", "acme.txt"];
    place.run(&late).code(1).stderr(contains("error[log.ended]").and(contains("accepts no more entries")));
    assert!(record(&place, &log, "umbrella", &other, 2));

    // Another log for the tenant begins with a statement about the old one.
    let client = countersign_tls::blocking_http_client().build().unwrap();
    let head = |customer: &Customer| {
        let url = format!("{}/head", customer.url(&log));
        client.get(url).bearer_auth(&customer.token).send().unwrap().text().unwrap()
    };
    place.write("head.txt", head(&acme));
    place.write("live.txt", head(&other));
    let again = |name: &str, head: &str, token: &str| {
        place.run(&[
            "tenant",
            "add",
            name,
            "--continues",
            head,
            "--token",
            token,
            "-o",
            &format!("{token}.txt"),
        ])
    };
    again("acme", "head.txt", "acme").code(2).stderr(contains("there is a token named \"acme\""));
    again("umbrella", "live.txt", "new").code(2).stderr(contains("the log of \"umbrella\" has not ended"));
    again("acme", "live.txt", "new").code(2).stderr(contains("\"acme\" has a log already"));
    place.write("cut.txt", &head(&acme)[..200]);
    again("acme", "cut.txt", "new").code(2).stderr(contains("error[continues.invalid]"));
    let added = again("acme", "head.txt", "acme-2").success();
    let printed = String::from_utf8(added.get_output().stdout.clone()).unwrap();
    let word = |at: usize| printed.lines().nth(at).unwrap().split(' ').nth(1).unwrap().to_owned();
    let origin = word(0);
    assert_ne!(origin, acme.origin);
    let next = Customer { id: origin[origin.len() - 32..].to_owned(), origin, token: word(1) };
    assert!(record(&place, &log, "acme-2", &next, 1));
    export(&place, &log, "acme-2", &next, 5);
    let first = &crate::common::shown(&place.read("acme-2.ndjson"))[0];
    assert_eq!((&first["action"], &first["target"]["id"]), (&"log.continues".into(), &(*acme.origin).into()));
    assert_eq!(first["metadata"]["head"], place.read("head.txt"));
    // The old one stays as it is.
    export(&place, &log, "acme", &acme, 8);
}

#[test]
fn many_tenants_are_added_and_ended_at_once() {
    let place = Place::new();
    prepare(&place);
    let log = serve(&place, &["--tenants"]);
    place.write("names.txt", "a\nb\n\nc\nb\n");
    let added = place.run(&["tenant", "add", "--from", "names.txt", "-o", "trust"]).success();
    let printed = String::from_utf8(added.get_output().stdout.clone()).unwrap();
    let lines: Vec<serde_json::Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    for line in &lines {
        assert!(line["token"].as_str().unwrap().starts_with("csr_") && line["since"].is_u64(), "{line}");
        let origin = line["origin"].as_str().unwrap();
        let trust = place.read(&format!("trust/{}.txt", &origin[origin.len() - 32..]));
        assert!(trust.ends_with(&format!("origin {origin} {}\n", line["since"])), "{trust}");
    }
    place.write("gone.txt", "a\nc\n");
    place.run(&["tenant", "end", "--from", "gone.txt"]).success().stderr(contains("2 logs have ended"));
    let list = place.run(&["tenant", "list"]).success();
    let list = String::from_utf8(list.get_output().stdout.clone()).unwrap();
    assert_eq!((list.matches(" ended ").count(), list.matches(" live ").count()), (2, 1), "{list}");
    drop(log);
    let late = place.run(&["tenant", "end", "b"]).success();
    late.stderr(contains("the log server isn't running: the log of b ends with its next tick"));
    let to = format!("log.elsewhere/t/{}", "0".repeat(32));
    place.run(&["tenant", "move", "a", "--to", &to]).code(2).stderr(contains("error[log.ended]"));
    place.run(&["tenant", "move", "b", "--to", ORIGIN]).code(2).stderr(contains("origin of a tenant log"));
    let _log = serve(&place, &[]);
    place.run(&["tenant", "end", "b"]).success().stderr(contains("the log of b had ended already"));
}

#[test]
fn tenants_are_added_to_a_bucket_only_by_a_server() {
    let place = Place::new();
    prepare(&place);
    std::fs::create_dir(place.path("bucket")).unwrap();
    place.write("names.txt", "a\nb\n");
    let log = serve(&place, &["--tenants", "--store", "bucket"]);
    let add_all = ["tenant", "add", "--from", "names.txt"];
    let added = place.run(&add_all).success().stderr(contains("2 tenants have a log"));
    let added = String::from_utf8(added.get_output().stdout.clone()).unwrap();
    assert_eq!(added.matches("\"since\":").count(), 2, "{added}");
    place.run(&["tenant", "end", "a"]).success().stderr(contains("the log of a has ended"));
    let to = format!("log.elsewhere/t/{}", "0".repeat(32));
    place.run(&["tenant", "move", "b", "--to", &to]).success().stderr(contains("continues as"));
    drop(log);
    let list = place.run(&["tenant", "list"]).success();
    list.stdout(contains("ended").and(contains("moved")));
    let (index, aside) = (place.path("countersign-log/log.sqlite"), place.path("aside.sqlite"));
    std::fs::rename(&index, &aside).unwrap();
    let restore = ["serve", "--tenants", "--store", "bucket", "--after-restore"];
    let no_copy = contains("error[log.rollback]").and(contains("add --repair DIR"));
    place.run(&restore).code(2).stderr(no_copy);
    std::fs::rename(&aside, &index).unwrap();
    for command in [&add_all[..], &["tenant", "add", "c"], &["tenant", "end", "b"]] {
        let refused = place.run(command).code(2).stdout("");
        refused.stderr(contains("the log is in a bucket, and no server uses this folder"));
    }
    assert!(!place.run(&["tenant", "list"]).success().get_output().stdout.is_empty());
}

#[test]
fn logs_of_a_lost_bucket_continue_in_the_folder() {
    let place = Place::new();
    prepare(&place);
    std::fs::create_dir(place.path("bucket")).unwrap();
    let log = serve(&place, &["--tenants", "--store", "bucket"]);
    let acme = Customer::add(&place, "acme");
    assert!(record(&place, &log, "acme", &acme, 3));
    drop(log);
    for from in [&["--store", "bucket"][..], &[]] {
        std::fs::create_dir_all(place.path("drill")).unwrap();
        place.run(&[&["backup", "--to", "drill/log.sqlite"], from].concat()).success();
        place.run(&["fsck", "--dir", "drill"]).success().stdout(contains("1 tenant log"));
    }

    std::fs::remove_dir_all(place.path("bucket")).unwrap();
    let in_folder = ["--listen", "127.0.0.1:0"];
    let index = contains("this folder is the index of a log in a bucket");
    place.run(&[&["serve"][..], &in_folder].concat()).code(2).stderr(index);
    let doubtful = contains("error[log.unremembered]").and(contains("only if the bucket is lost for good"));
    place.run(&[&["serve", "--after-restore"][..], &in_folder].concat()).code(2).stderr(doubtful);
    let leaving = [&in_folder[..], &["--after-restore", "--nothing-newer"]].concat();
    let log = ServedLog::start(&place.path(""), &leaving);
    assert!(record(&place, &log, "acme", &acme, 3));
    drop(log);
    let log = serve(&place, &[]);
    export(&place, &log, "acme", &acme, 10);
    let other = Customer::add(&place, "umbrella");
    assert!(record(&place, &log, "umbrella", &other, 2));
    drop(log);
    place.run(&["fsck"]).success();
    place.run(&["backup", "--to", "copy.sqlite"]).success();

    // Never again with a bucket.
    std::fs::create_dir(place.path("bucket")).unwrap();
    let again = ["serve", "--store", "bucket", "--listen", "127.0.0.1:0"];
    place.run(&again).code(2).stderr(contains("can't be moved to one"));
}

#[test]
fn statements_of_an_issuer_reach_all_tenant_logs() {
    let place = Place::new();
    prepare(&place);
    place.write(TRUST, format!("{}issuer {}\n", place.read(TRUST), place.issuer));
    let log = serve(&place, &["--tenants"]);
    let (acme, other) = (Customer::add(&place, "acme"), Customer::add(&place, "umbrella"));
    let worker = place.keygen("example.com/worker", "worker.key");
    let record = |name: &str, customer: &Customer| {
        place.write("events.ndjson", events(1));
        let (to, trust) = (customer.url(&log), format!("{name}.txt"));
        let record = ["record", "events.ndjson", "--key", "worker.key", "--to", &to, "--trust", &trust];
        place.command(&record).output().unwrap().status.success()
    };
    let state = |statement: &str, key: &str| {
        place.run(&[statement, &worker, "--key", key, "--to", log.url(), "--log", &place.log])
    };
    assert!(!record("acme", &acme), "the key isn't granted");
    state("grant", "issuer.key").success().stderr(contains("no log has it so far"));
    assert!(record("acme", &acme) && record("acme", &acme));
    // A grant, and two chains of three links.
    export(&place, &log, "acme", &acme, 7);
    state("grant", "issuer.key").success().stderr(contains("1 log has it so far"));
    let revoked = contains("1 log has it, which is every log where the key has a chain or a grant");
    state("revoke", "issuer.key").success().stderr(revoked.clone());
    state("revoke", "issuer.key").success().stderr(revoked);
    assert!(!record("acme", &acme) && !record("umbrella", &other));
    // An emitter revokes itself in each log.
    state("revoke", "worker.key").failure().stderr(contains("error[log.unauthorized]"));
    let list = place.run(&["tenant", "list"]).success();
    list.stdout(contains("acme      8 ").and(contains("umbrella  0 ")));
}

#[test]
fn trust_files_of_tenants_name_the_growth_witnesses() {
    let place = Place::new();
    prepare(&place);
    let witness = SignerKey::witness_from_seed("witness.example", [9; 32]).unwrap();
    let lines = format!("witness w {}\nquorum none\ngrowth w 7\n", witness.verifier_key());
    place.write(TRUST, place.read(TRUST) + &lines);
    let _log = serve(&place, &["--tenants"]);
    Customer::add(&place, "acme");
    assert!(place.read("acme.txt").contains(&lines), "{}", place.read("acme.txt"));
}

/// Restores the backup `old.sqlite`, and leaves the other files as they are.
#[cfg(unix)]
fn restore_backup(place: &Place) {
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(place.path(&format!("{FOLDER}/log.sqlite{end}")));
    }
    std::fs::copy(place.path("old.sqlite"), place.path("countersign-log/log.sqlite")).unwrap();
}

/// Runs `tenant add NAME --continues LOG`, and returns the new log.
#[cfg(unix)]
fn continue_log(place: &Place, name: &str, log: &str, token: &str) -> Customer {
    let file = format!("{token}.txt");
    let args = ["tenant", "add", name, "--continues", log, "--token", token, "-o", &file];
    let added = place.run(&args).success();
    let printed = String::from_utf8(added.get_output().stdout.clone()).unwrap();
    let word = |at: usize| printed.lines().nth(at).unwrap().split(' ').nth(1).unwrap().to_owned();
    let origin = word(0);
    Customer { id: origin[origin.len() - 32..].to_owned(), origin, token: word(1) }
}

/// A server with the tenants a and b, which recorded more after the backup `old.sqlite`, and c, which was added then. It
/// is stopped as documented.
#[cfg(unix)]
fn log_with_an_old_backup(place: &Place) -> [Customer; 3] {
    prepare(place);
    let log = serve(place, &["--tenants"]);
    let [a, b] = ["a", "b"].map(|name| Customer::add(place, name));
    assert!(record(place, &log, "a", &a, 3) && record(place, &log, "b", &b, 2));
    place.run(&["backup", "--to", "old.sqlite"]).success();
    assert!(record(place, &log, "a", &a, 2));
    let c = Customer::add(place, "c");
    assert!(record(place, &log, "c", &c, 1));
    log.stop();
    [a, b, c]
}

const LISTEN: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

#[cfg(unix)]
#[test]
fn an_old_backup_ends_only_the_logs_that_lost_entries() {
    let place = Place::new();
    let [a, b, c] = log_with_an_old_backup(&place);
    restore_backup(&place);
    let log = ServedLog::start(&place.path(""), &["--listen", "127.0.0.1:0", "--after-restore"]);
    assert!(record(&place, &log, "b", &b, 2));
    export(&place, &log, "b", &b, 8);
    let listed = contains("a       ").and(contains("log.rollback")).and(contains(format!("lost {}", c.id)));
    place.run(&["tenant", "list"]).success().stdout(listed);
    // The server knows the last heads.
    let live = ["tenant", "add", "x", "--continues", &b.origin, "-o", "x.txt"];
    place.run(&live).code(2).stderr(contains("has not ended").and(contains("countersign tenant end")));
    let none = format!("t/{}", "0".repeat(32));
    place.run(&["tenant", "add", "x", "--continues", &none, "-o", "x.txt"]).code(2).stderr(contains(none));
    place.run(&["tenant", "end", "a", &format!("lost {}", c.id)]).success();
    let next = [
        continue_log(&place, "a", &format!("t/{}", a.id), "a-2"),
        continue_log(&place, "c", &c.origin, "c-2"),
    ];
    for (name, next, old, size) in [("a-2", &next[0], &a, 9), ("c-2", &next[1], &c, 3)] {
        assert!(record(&place, &log, name, next, 1));
        export(&place, &log, name, next, 5);
        let first = &crate::common::shown(&place.read(&format!("{name}.ndjson")))[0];
        assert_eq!(
            (&first["action"], &first["target"]["id"]),
            (&"log.continues".into(), &(*old.origin).into())
        );
        let last = &first["metadata"]["last"];
        assert_eq!(
            (&last["size"], &first["metadata"]["vkey"]),
            (&size.into(), &(*place.log).into()),
            "{first}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_new_root_log_gives_each_tenant_another_log() {
    let place = Place::new();
    let [_, b, c] = log_with_an_old_backup(&place);
    restore_backup(&place);
    // Nothing has the root log's entries.
    std::fs::remove_dir_all(place.path("countersign-log/root-entries")).unwrap();
    let after = [&LISTEN[..], &["--after-restore"]].concat();
    let ended = contains("error[log.rollback]").and(contains("root-entries")).and(contains("--origin NEW"));
    place.run(&after).code(2).stderr(ended);
    let new = "log2.example/audit";
    let after = ["--listen", "127.0.0.1:0", "--after-restore", "--origin", new];
    let log = ServedLog::start(&place.path(""), &after);
    place.run(&["tenant", "trust", "--all", "-o", "trust"]).success();
    let listed = place.run(&["tenant", "list"]).success();
    let listed = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    let origin = |name: &str| {
        let line = listed
            .lines()
            .find(|line| line.trim_start().starts_with(name))
            .unwrap_or_else(|| panic!("{listed}"));
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert!(origin("a ").starts_with(&format!("{new}/t/")), "{listed}");
    // Tokens are for the new logs.
    let next =
        Customer { id: origin("b ")[new.len() + 3..].into(), origin: origin("b "), token: b.token.clone() };
    std::fs::copy(place.path(&format!("trust/{}.txt", next.id)), place.path("b.txt")).unwrap();
    assert!(record(&place, &log, "b", &next, 1));
    let args = ["export", "--dir", &next.url(&log), "-o", "b.ndjson"];
    place.command(&args).env("COUNTERSIGN_TOKEN", &next.token).assert().success();
    place.run(&["verify", "b.ndjson", "--trust", "b.txt"]).code(0);
    let first = &crate::common::shown(&place.read("b.ndjson"))[0];
    assert_eq!((&first["action"], &first["target"]["id"]), (&"log.continues".into(), &(*b.origin).into()));
    assert_eq!(
        (&first["metadata"]["last"]["size"], &first["metadata"]["code"]),
        (&4.into(), &"log.rollback".into())
    );
    // The name of the third one is unknown, and its last head isn't.
    let next = continue_log(&place, "c", &c.origin, "c-2");
    assert!(next.origin.starts_with(new));
    drop(log);
    // The old logs can still be read.
    place.run(&["tenant", "list", "--dir", "countersign-log/ended/1"]).success().stdout(contains(&*b.origin));
    assert!(place.path("countersign-log/ended/1/log.key").exists());
    assert!(!place.path("countersign-log/ending.json").exists());
    let log = ServedLog::start(&place.path(""), &["--listen", "127.0.0.1:0"]);
    assert!(record(&place, &log, "c-2", &next, 1));
}
