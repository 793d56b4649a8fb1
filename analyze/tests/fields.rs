//! Fields that are computed, and not of the event.

use countersign_analyze::{Analyzer, Sources};
use countersign_query::value::Document;
use countersign_query::{Entry, Readings};

const RULE: &str = "
title: Somebody asked for a job
id: job-asked
level: low
detection:
  selection:
    derived.path_template: /jobs/{number}
  condition: selection
";

#[test]
fn rules_ask_for_the_shape_of_a_path() {
    let mut sources = Sources::default();
    sources.add("asked.yml", RULE);
    let pack = sources.build("example").unwrap();
    let readings = Readings::built_in();
    let fires = |path: &str| {
        let text = format!(
            r#"{{"action":"http.request","actor":{{"id":"u"}},"http":{{"method":"GET","path":{path},"status":200}}}}"#
        );
        let document = Document::parse(&text);
        let event = document.as_ref().map(Document::root);
        let read = event.as_ref().and_then(|event| readings.read(event));
        let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let mut analyzer = Analyzer::new(&pack);
        analyzer
            .take(pack.detect(1, &Entry { event, read: read.as_ref(), ..Entry::recorded(recorded) }))
            .unwrap();
        !analyzer.finish().findings.is_empty()
    };
    assert!(fires(r#""/jobs/42""#) && fires(r#""/jobs/7?x=1""#) && fires(r#""/jobs/{number}""#));
    assert!(!fires(r#""/jobs/new""#) && !fires(r#""/jobs/42/runs""#) && !fires("42"));
}
