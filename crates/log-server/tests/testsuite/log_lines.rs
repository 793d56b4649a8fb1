//! Tests of what a server logs while it fails: one line for each cause and minute, with the tenant's name.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::common::server::{client, send};
use crate::tenants::world::World;

/// The warnings and errors of all tests in this process.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        LINES.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

/// Returns the lines that contain all of these texts.
fn lines(texts: &[&str]) -> Vec<String> {
    let lines = LINES.lock().unwrap();
    lines.iter().filter(|line| texts.iter().all(|text| line.contains(text))).cloned().collect()
}

#[test]
fn failing_requests_get_one_line_for_each_cause() {
    static CAPTURED: OnceLock<()> = OnceLock::new();
    CAPTURED.get_or_init(|| tracing::subscriber::set_global_default(Lines).unwrap());
    let mut world = World::start();
    let names = ["customer-of-the-night", "customer-of-the-day"];
    let customers = names.map(|name| world.add(name));
    for customer in &customers {
        let mut emitter = world.emitter(customer, 0, 0);
        emitter.record(9);
        world.deliver(customer, &mut emitter);
    }
    let token = world.token("ops", "read,admin", &["*"]);
    let number = |name: &str| {
        let tenant = world.logs().readers().find_name(name).unwrap().unwrap();
        i64::from(tenant.number.get()) << 32
    };
    let (stopped, damaged) = (number(names[0]), number(names[1]));
    let database = rusqlite::Connection::open(world.server.folder().join("log.sqlite")).unwrap();
    let sql = format!(
        "DELETE FROM leaves WHERE idx >= {} AND idx < {}; DELETE FROM leaves WHERE idx = {}",
        stopped + 5,
        stopped + 99,
        damaged + 3
    );
    world.logs().close_idle();
    database.execute_batch(&sql).unwrap();
    for _ in 0..40 {
        for customer in &customers {
            let export = format!("{}/t/{}/export", world.server.url(), customer.id);
            assert_eq!(send(client().get(export).bearer_auth(&token)).status, 503);
        }
    }
    // The stop, and the requests that it fails.
    let stops = lines(&["a tenant log is stopped", names[0]]);
    assert_eq!(stops.len(), 1, "{stops:#?}");
    assert!(stops[0].contains(&customers[0].id) && stops[0].contains("log.rollback"), "{}", stops[0]);
    for (name, code, page) in
        [(names[0], "log.rollback", "stopped-log.md"), (names[1], "server.unavailable", "checking-a-log.md")]
    {
        let lines = lines(&["requests fail", name]);
        // A minute may pass meanwhile.
        assert!((1..=2).contains(&lines.len()), "{lines:#?}");
        assert!(lines[0].contains(code) && lines[0].contains(page), "{}", lines[0]);
    }
    assert!(lines(&["response failed"]).is_empty());
}
