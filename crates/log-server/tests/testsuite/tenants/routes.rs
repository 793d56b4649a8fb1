//! Tests of the routes of a root log's server besides those of its tenant logs.

use reqwest::Method;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use super::world::World;

/// The routes that only tenant logs have.
const TENANT_ROUTES: [(Method, &str); 10] = [
    (Method::POST, "/submit"),
    (Method::GET, "/head"),
    (Method::GET, "/export?from=3"),
    (Method::GET, "/explain"),
    (Method::GET, "/proof/da7f84a510cb84b8cbb5b74a63c306ec/1"),
    (Method::GET, "/findings"),
    (Method::GET, "/stream"),
    (Method::POST, "/erase"),
    (Method::GET, "/erasures"),
    (Method::GET, "/erasures/7"),
];

#[test]
fn routes_of_tenant_logs_require_a_tenant() {
    let world = World::start();
    let token = world.token("ops", "read,erase,admin", &["*"]);
    for (method, path) in &TENANT_ROUTES {
        for token in [None, Some(&*token), Some("csr_wrong")] {
            let answer = world.ask(method, path, token);
            assert_eq!(answer.refusal(), (404, "tenant.required".into()), "{path}");
            let hint = answer.json()["error"]["hint"].as_str().unwrap().to_owned();
            let path = path.split('?').next().unwrap();
            assert!(hint.starts_with(&format!("use /t/ID{path}, ")), "{hint}");
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
    }
    // A client that sends a large body gets the answer.
    let large = vec![b'x'; 4 << 20];
    let answer = world.server.submit(large);
    assert_eq!(answer.refusal(), (404, "tenant.required".into()));
    for path in ["/t", "/t/", "/tenant", "/nothing"] {
        assert_eq!(world.ask(&Method::GET, path, Some(&token)).refusal().1, "request.not_found", "{path}");
    }
}

#[test]
fn the_page_of_a_tenant_has_a_slash() {
    let mut world = World::start();
    let acme = world.add("acme");
    let direct = countersign_tls::blocking_http_client().redirect(Policy::none()).build().unwrap();
    for id in [&*acme.id, &"00".repeat(16)] {
        let answer = direct.get(format!("{}/t/{id}", world.server.url())).send().unwrap();
        assert_eq!(answer.status().as_u16(), 308);
        assert_eq!(answer.headers()["location"], format!("{id}/"));
        assert_eq!(answer.headers()["cache-control"], "private, no-store");
        assert_eq!(world.server.get(&format!("/t/{id}")).status, 200, "the page");
    }
    for id in ["x", &acme.id[1..], &acme.id.to_uppercase(), &format!("{}0", acme.id), "%30"] {
        assert_eq!(world.server.get(&format!("/t/{id}")).status, 404, "{id}");
        assert_eq!(world.server.get(&format!("/t/{id}/")).status, 404, "{id}");
    }
}

#[test]
fn health_has_details_for_administrators_of_all_logs() {
    let mut world = World::start();
    let acme = world.add("acme");
    let admin = world.token("ops", "admin", &["*"]);
    let limited = [
        world.token("acme", "read,admin", &[&acme.id]),
        world.token("reader", "read", &["*"]),
        "csr_wrong".into(),
    ];
    let public = world.server.get("/healthz");
    assert_eq!((public.status, public.json()), (200, json!({ "status": "healthy" })));
    for token in &limited {
        assert_eq!(world.get("/healthz", token).json(), public.json());
    }
    let details = world.get("/healthz", &admin).json();
    assert_eq!((&details["healthy"], &details["size"]), (&json!(true), &json!(world.server.size())));
    assert_eq!(world.server.get("/metrics").status, 401);
    for path in ["/metrics", "/evidence", "/tenants"] {
        let status = |token| world.get(path, token).status;
        assert_eq!(
            [status(&limited[0]), status(&limited[1]), status(&limited[2]), status(&admin)],
            [404, 403, 401, 200],
            "{path}"
        );
    }
    let stop = countersign_log::stop::SigningStop::new(
        countersign::time::Time::MIN,
        countersign_log::stop::Cause::Copied,
        "a test",
    );
    world.server.log_server().signing().stop(stop);
    let public = world.server.get("/healthz");
    assert_eq!((public.status, public.json()), (503, json!({ "status": "unhealthy" })));
    assert_eq!(world.get("/healthz", &admin).status, 503);
}

#[test]
fn metrics_of_each_tenant_are_reported_only_if_they_are_turned_on() {
    let mut world = World::start();
    let acme = world.add("acme \\ \"a\"");
    let mut emitter = world.emitter(&acme, 0, 0);
    emitter.record(4);
    world.deliver(&acme, &mut emitter);
    let admin = world.token("ops", "admin", &["*"]);
    let of_tenant = world.token("acme", "read,admin", &[&acme.id]);
    let metrics = |world: &World| String::from_utf8(world.get("/metrics", &admin).body).unwrap();
    let text = metrics(&world);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("countersign_tenant_")).collect();
    let labels = format!(r#"{{tenant="acme \\ \"a\"",id="{}"}}"#, acme.id);
    let head = world.head(&acme).head().size;
    let [entries, stopped] = [("entries", head), ("stopped", 0)]
        .map(|(name, value)| format!("countersign_tenant_{name}{labels} {value}"));
    assert_eq!((lines, head), (vec![&*entries, &*stopped], 5));
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
    assert_eq!(world.get("/metrics", &of_tenant).status, 404);
    let config = world.server.tenants.as_mut().unwrap();
    config.has_metrics = false;
    world.server.stop();
    world.restart();
    let text = metrics(&world);
    assert!(text.ends_with("# EOF\n") && !text.contains("countersign_tenant_"), "{text}");
}

#[test]
fn tenants_are_listed_in_pages() {
    let mut world = World::start();
    let customers = ["acme", "b \"c\"\n".trim(), "d"].map(|name| world.add(name));
    let mut emitter = world.emitter(&customers[0], 0, 0);
    emitter.record(4);
    world.deliver(&customers[0], &mut emitter);
    world.create("later");
    let token = world.token("ops", "admin", &["*"]);
    let list = |query: &str| -> Vec<Value> {
        let answer = world.get(&format!("/tenants{query}"), &token);
        assert_eq!(
            (answer.status, &answer.headers["content-type"]),
            (200, &"application/x-ndjson".parse().unwrap())
        );
        assert_eq!(answer.headers["cache-control"], "private, no-store");
        let text = String::from_utf8(answer.body).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = list("");
    assert_eq!(
        all[0],
        json!({
            "name": "acme",
            "origin": customers[0].origin,
            "state": "live",
            "size": 5,
            "since": customers[0].since,
        })
    );
    assert_eq!((&all[1]["name"], &all[1]["size"]), (&json!("b \"c\""), &json!(0)));
    assert_eq!(
        (&all[3]["name"], &all[3]["state"], &all[3]["since"]),
        (&json!("later"), &json!("new"), &Value::Null)
    );
    assert_eq!(all.len(), 4);
    assert_eq!(list("?limit=2"), all[..2]);
    assert_eq!(list(&format!("?limit=1&after={}", customers[1].id)), all[2..3]);
    assert_eq!(list(&format!("?after={}", customers[1].id)), all[2..]);
    for query in
        ["?limit=0", "?limit=1001", "?limit=x", "?after=x", &format!("?after={}", "00".repeat(16)), "?x=1"]
    {
        assert_eq!(world.get(&format!("/tenants{query}"), &token).status, 400, "{query}");
    }
}
