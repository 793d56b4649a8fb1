//! A rejected fork is shown by a command, and by the server to admins.

use serde_json::Value;

use crate::common::emitter::client;
use crate::common::process::{Place, run};

#[test]
fn shows_forks_on_the_command_line_and_to_admins() {
    let place = Place::new(1);
    let server = place.serve();
    let [mut one, mut other] = [place.emitter(0), place.emitter(0)];
    one.record(2);
    one.deliver_all(&server.url, usize::MAX);
    let dir = place.folder.path().to_str().unwrap();
    let show = |more: &[&str]| run(&[&["forks", "--dir", dir], more].concat());
    assert_eq!(show(&[]).status.code(), Some(0));
    other.record_event(r#"{"action":"another.story"}"#);
    other.flush();
    let refused = other.outbox.back().unwrap().leaf.clone();
    let body = other.body(0, usize::MAX).0;
    let answer = client().post(format!("{}/submit", server.url)).body(body).send().unwrap();
    assert_eq!(answer.status(), 409);

    let shown = show(&["--json"]);
    assert_eq!(shown.status.code(), Some(1));
    let evidence: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&evidence["code"], &evidence["index"]), (&"log.fork".into(), &1.into()));
    assert_eq!(evidence["refused"].as_array().unwrap(), &[Value::from(refused)]);
    assert!(String::from_utf8(show(&[]).stdout).unwrap().contains("A fork was rejected"));
    let ask = |token: Option<&str>| {
        let request = client().get(format!("{}/evidence", server.url));
        match token {
            Some(token) => request.bearer_auth(token).send().unwrap(),
            None => request.send().unwrap(),
        }
    };
    assert_eq!(ask(None).status(), 401);
    for (right, status) in [("read", 403), ("erase", 403), ("admin", 200)] {
        let token = run(&["token", "add", right, "--right", right, "--dir", dir]).stdout;
        let answer = ask(Some(String::from_utf8(token).unwrap().trim()));
        assert_eq!(answer.status(), status, "{right}");
        if status == 200 {
            assert_eq!(answer.bytes().unwrap(), shown.stdout);
        }
    }
}
