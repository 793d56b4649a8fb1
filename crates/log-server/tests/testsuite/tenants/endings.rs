//! Tests of the end of tenant logs: what readers, emitters, and strangers see before and after.

use countersign::hash::Hash;
use countersign::hex;
use countersign::link::{ChainId, append_signature, write_event};
use countersign::tenant::{HeadProof, State};
use countersign::time::Time;
use countersign::verify::{Options, Update, Verifier};
use countersign_log::own_chain::{Random, secure_random};
use countersign_log::tables::RequestError;
use countersign_log::tenants::requests::Ending;
use countersign_log_server::fsck;
use countersign_log_server::server::Bounds;
use countersign_log_server::sqlite;
use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::answers::Comparable;
use super::world::{Customer, View, World, emitters};
use crate::common::emitter::BEGIN;
use crate::common::server::{ORIGIN, client, log_key, send, until};

/// A server with two tenants, of which both have entries. Returns what the first one's emitter submitted.
fn filled() -> (World, [Customer; 2], String) {
    // Readers must trust the log server's own events.
    let trust = format!("{}emitter {}\n", emitters(), log_key().verifier_key());
    let mut world = World::with(&trust, Bounds::default());
    let customers = ["acme", "other"].map(|name| world.add(name));
    let mut first = String::new();
    for (number, customer) in customers.iter().enumerate() {
        let mut emitter = world.emitter(customer, number as u8, 0);
        emitter.record(5);
        let body = emitter.body(0, usize::MAX).0;
        let answer = world.submit(&customer.id, body.clone());
        world.delivered(customer, &mut emitter, &answer);
        if number == 0 {
            first = body;
        }
    }
    (world, customers, first)
}

fn end(world: &World, name: &str) {
    sqlite::end_tenants(world.server.folder(), &[name], &Ending::End).unwrap();
}

/// Returns the actions of all events in an export, in their order.
fn actions(export: &str) -> Vec<String> {
    let mut verifier = Verifier::new(Options { events: true, ..Options::default() });
    verifier.push(export.as_bytes());
    let (_, Update { events, .. }) = verifier.finish_with_update();
    let action = |event: &str| {
        let event: Value = serde_json::from_str(event).unwrap();
        event["action"].as_str().unwrap_or_default().to_owned()
    };
    events.iter().map(|event| action(&event.event)).collect()
}

/// Someone who knows at most the IDs of a log and a chain doesn't learn that they exist, nor whether the log grows or ended.
#[test]
fn forged_links_get_the_same_answer_from_every_log() {
    let (world, [acme, other], first) = filled();
    let start = first.find("countersign/v1 event ").unwrap() + "countersign/v1 event ".len();
    let chain = ChainId::parse(&first.as_bytes()[start..start + 32]).unwrap();
    let (guess, time) = (Hash([5; 32]), Time::from_millis(BEGIN + 1).unwrap());
    let mut signed = write_event(chain, 3, time, &guess, &guess);
    append_signature(&mut signed, &[7; 64]);
    let bodies =
        [signed, write_event(chain, 3, time, &guess, &guess)].map(|link| json!({ "link": link }).to_string());
    let unknown = "3f".repeat(16);
    // They wait for no tick, although one of the logs has an entry that does.
    let compare = || {
        for body in &bodies {
            let ids = [&acme.id, &other.id, &unknown];
            let answers = ids.map(|id| Comparable::new(&send(world.submission(id, body.clone()))));
            assert_eq!(answers[0].status, 409, "{answers:?}");
            assert_eq!((&answers[0], &answers[0]), (&answers[1], &answers[2]));
        }
    };
    compare();
    let mut emitter = world.emitter(&acme, 0, 1);
    emitter.record(1);
    let request = world.submission(&acme.id, emitter.body(0, usize::MAX).0);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| send(request));
        until("it waits for a tick", || world.waiting() == 1);
        compare();
        assert_eq!(world.waiting(), 1);
        world.tick();
        assert_eq!(waiting.join().unwrap().status, 200);
    });
    end(&world, "acme");
    world.tick();
    assert_eq!(world.head(&acme).head().state, State::Ended);
    compare();
}

/// A tick that changes nothing in a tenant log has a new head proof too.
#[test]
fn readers_see_each_published_tick_at_once() {
    let (world, [acme, _], _) = filled();
    let token = world.token("acme", "read", &[&acme.id]);
    for _ in 0..20 {
        world.tick();
        let newest = world.server.size();
        let head = world.get(&format!("/t/{}/head", acme.id), &token);
        assert_eq!(HeadProof::parse(&String::from_utf8(head.body).unwrap()).unwrap().anchor.tick + 1, newest);
        let report = world.assert_verified(&acme, &token);
        assert_eq!(report.root_log.map(|root| root.size), Some(newest));
    }
}

#[test]
fn an_ended_log_accepts_nothing_and_stays_verified() {
    let (mut world, [acme, other], first) = filled();
    let token = world.token("acme", "read", &[&acme.id]);
    let before = world.export(&acme, &token);
    assert_eq!(World::report(&before, world.trust(&acme)).verdict.as_str(), "verified");
    let size = world.head(&acme).head().size;

    // Entries that wait for the tick are before the end.
    let mut emitter = world.emitter(&acme, 0, 1);
    emitter.record(1);
    end(&world, "acme");
    let answer = world.submit(&acme.id, emitter.body(0, usize::MAX).0);
    world.delivered(&acme, &mut emitter, &answer);
    for restarted in [false, true] {
        if restarted {
            world.restart();
        }
        world.tick();
        let head = world.head(&acme);
        // The open link and an event of the emitter, and a chain of the log server with one event.
        let added = 2 + 3;
        assert_eq!((head.head().state, head.head().size), (State::Ended, size + added));
        assert_eq!(world.head(&other).head().state, State::Live);
        let report = world.assert_verified(&acme, &token);
        assert_eq!(report.root_log.map(|root| root.size), Some(world.server.size()));
        let export = world.export(&acme, &token);
        assert_eq!(actions(&export).iter().filter(|action| *action == "log.end").count(), 1);
        assert_eq!(actions(&export).last().unwrap(), "log.end");
        let range = world.get(&format!("/t/{}/export?from=2&to={size}", acme.id), &token);
        let range = String::from_utf8(range.body).unwrap();
        let report = World::report(&range, world.trust(&acme));
        assert_eq!((report.verdict.as_str(), report.complete_range()), ("verified", Some([2, size])));

        // It acknowledges what it has, and accepts nothing else. Others aren't affected.
        let mut late = world.emitter(&acme, 0, 2);
        late.record(1);
        let answer = world.submit(&acme.id, late.body(0, usize::MAX).0);
        assert_eq!(answer.refusal(), (410, "log.ended".into()));
        assert_eq!(answer.json().get("moved_to"), None);
        assert_eq!(world.submit(&acme.id, first.clone()).status, 200);
        let mut emitter = world.emitter(&other, 1, if restarted { 3 } else { 2 });
        emitter.record(2);
        world.deliver(&other, &mut emitter);
    }
    // It ends once.
    end(&world, "acme");
    world.tick();
    assert_eq!(actions(&world.export(&acme, &token)).iter().filter(|action| *action == "log.end").count(), 1);
    let moved = Ending::Move("log.elsewhere/t/00000000000000000000000000000000".into());
    let error = sqlite::end_tenants(world.server.folder(), &["other", "acme"], &moved).unwrap_err();
    assert!(matches!(error, RequestError::Ended(name) if name == "acme"));
    let error = sqlite::end_tenants(world.server.folder(), &["other", "none"], &moved).unwrap_err();
    assert!(matches!(error, RequestError::Unknown(name) if name == "none"));
    world.tick();
    assert_eq!(world.head(&other).head().state, State::Live, "a failed request changes nothing");
}

#[test]
fn a_log_ends_when_its_server_starts() {
    let (mut world, [acme, _], _) = filled();
    world.server.stop();
    end(&world, "acme");
    world.restart();
    assert_eq!(world.head(&acme).head().state, State::Ended);
}

#[test]
fn a_live_view_shows_the_end_and_stays_open() {
    let (world, [acme, _], _) = filled();
    let token = world.token("acme", "read", &[&acme.id]);
    let mut view = View::open(&world, &acme.id, &token);
    assert!(view.read_to("countersign/v1 head").contains("live"));
    end(&world, "acme");
    world.tick();
    let text = view.read_to("countersign/v1 head");
    assert!(text.contains("log.end") && text.contains("\\nended\\n"), "{text}");
    let mut view = View::open(&world, &acme.id, &token);
    assert!(view.read_to("countersign/v1 head").contains("\\nended\\n"));
}

#[test]
fn strangers_can_not_tell_an_ended_log_from_an_unknown_one() {
    let (world, [acme, other], _) = filled();
    end(&world, "acme");
    world.tick();
    let unknown = "3f".repeat(16);
    let foreign = world.token("foreign", "read,erase,admin", &[&other.id]);
    for (method, path) in
        [(Method::GET, "head"), (Method::GET, "export"), (Method::POST, "erase"), (Method::GET, "submit")]
    {
        for token in [None, Some(&*foreign)] {
            let answers =
                [&*acme.id, &unknown].map(|id| world.ask(&method, &format!("/t/{id}/{path}"), token));
            assert_eq!(Comparable::new(&answers[0]), Comparable::new(&answers[1]), "{method} {path}");
        }
    }
    // A key that the log server doesn't know gets the refusal that it gets from every log.
    let refusals = [&acme, &other].map(|customer| {
        let mut stranger = world.emitter(customer, 9, 7);
        stranger.record(1);
        world.submit(&customer.id, stranger.body(0, usize::MAX).0).refusal()
    });
    assert_eq!(refusals[0], refusals[1]);
    assert_eq!(refusals[0].0, 403);
}

#[test]
fn events_of_an_ended_log_can_be_erased() {
    let (world, [acme, _], _) = filled();
    end(&world, "acme");
    world.tick();
    let token = world.token("acme", "read,erase", &[&acme.id]);
    let size = world.head(&acme).head().size;
    let chain = world.emitter(&acme, 0, 0).chain();
    let url = format!("{}/t/{}/erase", world.server.url(), acme.id);
    let body = json!({ "events": [format!("{chain}/2")], "reason": "case 17" }).to_string();
    let answer = send(client().post(url).bearer_auth(&token).body(body));
    assert_eq!((answer.status, &answer.json()["erased"]), (200, &json!(1)), "{answer:?}");
    world.tick();
    assert_eq!(world.head(&acme).head().size, size);
    let export = world.export(&acme, &token);
    assert!(export.contains("\"withheld\":\"erased\""), "{export}");
    assert_eq!(World::report(&export, world.trust(&acme)).checks.log.failed, 0);
}

#[test]
fn a_stopped_log_ends_as_it_was_shown_last() {
    let (mut world, [acme, other], first) = filled();
    let token = world.token("acme", "read", &[&acme.id]);
    let size = world.head(&acme).head().size;
    world.server.stop();
    let database = Connection::open(world.server.folder().join(sqlite::FILE)).unwrap();
    let lost = "DELETE FROM leaves WHERE idx >> 32 = 1; DELETE FROM tenant_heads WHERE number = 1";
    database.execute_batch(lost).unwrap();
    drop(database);
    world.restart();
    assert_eq!(world.logs().stops().len(), 1);
    end(&world, "acme");
    world.tick();
    for restarted in [false, true] {
        if restarted {
            world.restart();
        }
        let head = world.head(&acme);
        assert_eq!((head.head().size, head.head().state), (size, State::Ended));
        assert_eq!(world.head(&other).head().state, State::Live);
        assert_eq!(world.submit(&acme.id, first.clone()).refusal(), (410, "log.ended".into()));
        // The head is proven, but no entries are shown.
        assert_eq!(world.get(&format!("/t/{}/head", acme.id), &token).status, 200);
        assert_eq!(world.get(&format!("/t/{}/export", acme.id), &token).status, 503);
    }
}

#[test]
fn a_log_that_continues_others_says_so_first() {
    let (world, [acme, _], _) = filled();
    let tenant = |name: &str| world.logs().readers().find_name(name).unwrap().unwrap();
    let add = |name: &str, replaced: Option<&[u8; 16]>| {
        let openings = ["first", "second"].map(|text| json!({ "action": text }).to_string());
        let mut random: Random = Box::new(secure_random);
        sqlite::continue_as_tenant(world.server.folder(), name, &openings, replaced, &mut random, Time::MIN)
    };
    let old = tenant("acme");
    assert!(matches!(add("acme", None), Err(RequestError::Exists(_))));
    assert!(matches!(add("acme", Some(&[0; 16])), Err(RequestError::Exists(_))));
    assert!(matches!(add("acme", Some(&old.id)), Err(RequestError::Live(_))));
    assert!(matches!(add("a\nb", None), Err(RequestError::Creation(_))));
    end(&world, "acme");
    world.tick();
    add("acme", Some(&old.id)).unwrap();
    add("new", None).unwrap();
    world.tick();
    for name in ["acme", "new"] {
        let new = tenant(name);
        assert_ne!(new.id, old.id);
        let id = hex::encode(&new.id);
        let customer = Customer { origin: format!("{ORIGIN}/t/{id}"), id, since: new.since.unwrap() };
        let token = world.token(name, "read", &[&customer.id]);
        // Its first tick contains the statements.
        assert_eq!(world.head(&customer).head().size, 3);
        let mut emitter = world.emitter(&customer, 0, 5);
        emitter.record(1);
        world.deliver(&customer, &mut emitter);
        world.assert_verified(&customer, &token);
        assert_eq!(actions(&world.export(&customer, &token)), ["first", "second", "job.update"]);
    }
    // The old one is found by its ID only.
    assert_eq!(world.head(&acme).head().state, State::Ended);
    assert_eq!(world.logs().readers().find(&old.id).unwrap().unwrap().state, State::Ended);
}

#[test]
fn a_moved_log_names_the_one_that_continues_it() {
    let (world, [acme, _], _) = filled();
    let new = "log.elsewhere/t/00000000000000000000000000000000";
    sqlite::end_tenants(world.server.folder(), &["acme"], &Ending::Move(new.into())).unwrap();
    world.tick();
    assert_eq!(world.head(&acme).head().state, State::Moved);
    let mut late = world.emitter(&acme, 0, 2);
    late.record(1);
    let answer = world.submit(&acme.id, late.body(0, usize::MAX).0);
    assert_eq!(answer.refusal(), (410, "log.ended".into()));
    assert_eq!(answer.json()["moved_to"], new);
    let token = world.token("acme", "read", &[&acme.id]);
    world.assert_verified(&acme, &token);
    assert!(world.export(&acme, &token).contains(&format!("\"moved_to\":\"{new}\"")));
}

#[test]
fn a_damaged_request_holds_its_log_and_ends_none() {
    let (world, [acme, other], _) = filled();
    let size = world.head(&acme).head().size;
    end(&world, "acme");
    let database = Connection::open(world.server.folder().join(sqlite::FILE)).unwrap();
    let damages = [
        "UPDATE tenant_requests SET state = 0",
        "UPDATE tenant_requests SET state = 7",
        "UPDATE tenant_requests SET state = 2",
        "UPDATE tenant_requests SET state = 1; UPDATE tenants SET moved_to = 'x/t/0' WHERE number = 1",
        "UPDATE tenant_requests SET state = 2",
        "UPDATE tenants SET moved_to = NULL; UPDATE tenant_requests SET state = NULL",
        "UPDATE tenant_requests SET opening = 'no event'",
    ];
    for (chain, damage) in (10..).zip(damages) {
        database.execute_batch(damage).unwrap();
        let problems = fsck::check(world.server.folder(), &mut |_, _| {}).unwrap().problems;
        let found: Vec<_> = problems.iter().map(|problem| (problem.code, &*problem.place)).collect();
        assert_eq!(found, [("fsck.request", "log 1")], "{damage}");
        let mut emitter = world.emitter(&acme, 0, chain);
        emitter.record(1);
        let held = world.submit(&acme.id, emitter.body(0, usize::MAX).0);
        assert_eq!(held.refusal(), (503, "server.unavailable".into()), "{damage}");
        let head = world.head(&acme);
        assert_eq!((head.head().state, head.head().size), (State::Live, size), "{damage}");
        let mut emitter = world.emitter(&other, 1, chain);
        emitter.record(1);
        world.deliver(&other, &mut emitter);
    }
    // Repaired, it is carried out.
    database.execute("UPDATE tenant_requests SET opening = NULL, state = 1", []).unwrap();
    world.tick();
    assert_eq!(world.head(&acme).head().state, State::Ended);
    assert_eq!(fsck::check(world.server.folder(), &mut |_, _| {}).unwrap().problems.len(), 0);
}
