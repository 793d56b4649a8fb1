//! Writes the readings that come with this crate for programs: without `doc` and white space, which are for people.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=readings");
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    for entry in fs::read_dir("readings").expect("the readings are there") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name");
        let text = fs::read_to_string(&path).expect("a reading is text");
        fs::write(Path::new(&out).join(name), slim(&text)).expect("OUT_DIR can be written to");
    }
}

/// JSON without white space between tokens, and without its members `doc`: texts, or arrays of texts.
fn slim(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_whitespace() {
            rest = rest.trim_start();
        } else if first == '"' {
            let (text, after) = split(rest);
            let value = after
                .trim_start()
                .strip_prefix(':')
                .filter(|_| text == "\"doc\"" && out.ends_with(['{', ',']));
            let Some(value) = value else {
                out.push_str(text);
                rest = after;
                continue;
            };
            rest = skip(value.trim_start()).trim_start();
            if out.ends_with(',') {
                out.pop();
            } else {
                rest = rest.strip_prefix(',').unwrap_or(rest);
            }
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// The text that stands at the begin, with its quotes, and what comes after it.
fn split(json: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = json.char_indices().skip(1).find(|(_, char)| {
        let ends = *char == '"' && !is_escaped;
        is_escaped = *char == '\\' && !is_escaped;
        ends
    });
    json.split_at(end.expect("a text ends").0 + 1)
}

/// What comes after a text, or an array of texts.
fn skip(json: &str) -> &str {
    let Some(mut rest) = json.strip_prefix('[') else { return split(json).1 };
    loop {
        rest = rest.trim_start_matches([' ', '\n', ',']);
        if let Some(after) = rest.strip_prefix(']') {
            return after;
        }
        assert!(rest.starts_with('"'), "a doc is text: {rest:.40}");
        rest = split(rest).1;
    }
}
