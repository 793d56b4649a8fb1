#![no_main]

use countersign_query::Parsers;
use countersign_query::condition::Short;
use countersign_query::value::Document;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    // The first line is a parser definition. The events are parsed by it and by the built-in parsers.
    let mut lines = input.split('\n');
    let own = lines.next().unwrap_or_default();
    let parsers = match Parsers::built_in().with([("own.json", own)]) {
        Ok(parsers) => parsers,
        Err(why) => {
            assert!(!why.message.is_empty() && why.hint.as_deref().is_some_and(|hint| !hint.is_empty()));
            Parsers::built_in()
        }
    };
    for &short in Short::ALL {
        let _ = parsers.spelling(short);
    }
    for event in lines {
        let Some(document) = Document::parse(event) else { continue };
        let root = document.root();
        let Some(read) = parsers.parse(&root) else { continue };
        let mut json = Vec::new();
        read.write_json(&mut json);
        let json = String::from_utf8(json).expect("parsed fields are UTF-8");
        assert!(Document::parse(&json).is_some() || json.len() > event.len(), "{json}");
        assert_eq!(parsers.parse(&root).as_ref(), Some(&read));
    }
});
