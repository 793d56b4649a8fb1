//! Parses events of any shape with the built-in parsers.
//!
//! Reads one event per line from standard input, and writes the parsed fields of each as a line of JSON, or `null` if no
//! parser fits: `cargo run -p countersign-query --example parse < events.ndjson`.

use std::io::{self, BufRead as _, BufWriter, Write as _};

use countersign_query::Parsers;
use countersign_query::value::Document;

fn main() -> io::Result<()> {
    let parsers = Parsers::built_in();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut json = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let document = Document::parse(&line);
        let event = document.as_ref().map(Document::root);
        json.clear();
        match event.as_ref().and_then(|event| parsers.parse(event)) {
            Some(read) => read.write_json(&mut json),
            None => json.extend(b"null"),
        }
        json.push(b'\n');
        out.write_all(&json)?;
    }
    out.flush()
}
