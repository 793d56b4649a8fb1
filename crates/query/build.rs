//! Prepares the built-in parsers: strips `doc` and white space, which are for people. Also generates the lowercase
//! table, because the standard library's takes 5 kB of each artifact.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=parsers");
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let mut categories = String::from("[");
    let mut documentation = String::from("[");
    for entry in fs::read_dir("parsers").expect("the parsers are there") {
        let path = entry.expect("a file").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let text = fs::read_to_string(&path).expect("a parser is text");
        if let Some(address) = documentation_address(&text) {
            write!(documentation, "({name:?},{address:?}),").expect("a text can be written to");
        }
        let (parser, rules) = split_category(slim(&text));
        fs::write(Path::new(&out).join(name), parser).expect("OUT_DIR can be written to");
        if let Some(rules) = rules {
            write!(categories, "({name:?},{rules:?}),").expect("a text can be written to");
        }
    }
    fs::write(Path::new(&out).join("categories.rs"), categories + "]").expect("OUT_DIR can be written to");
    fs::write(Path::new(&out).join("documentation.rs"), documentation + "]")
        .expect("OUT_DIR can be written to");
    fs::write(Path::new(&out).join("lower.rs"), lower()).expect("OUT_DIR can be written to");
}

/// Returns the first address in a parser's `doc`: where the source documents its events.
fn documentation_address(json: &str) -> Option<&str> {
    let address = &json[json.find("https://")?..];
    let end = address.find(|char: char| char.is_whitespace() || "\"),;".contains(char))?;
    Some(address[..end].trim_end_matches(['.', ':']))
}

/// Splits off the rules of the field `category`, the last one of a parser: programs without the feature `category`
/// don't contain them, and others parse them only on demand.
fn split_category(mut json: String) -> (String, Option<String>) {
    const FIELD: &str = ",\"category\":";
    let Some(at) = json.rfind(&format!("{FIELD}[{{")) else { return (json, None) };
    let rules = json.split_off(at);
    let rules = rules[FIELD.len()..].strip_suffix('}').expect("category is the last field of a parser");
    (json + "}", Some(rules.to_owned()))
}

/// Returns an array of runs of characters with the same distance to their lowercase form: the first, the last, the
/// step, and the distance.
fn lower() -> String {
    let mut runs: Vec<(u32, u32, u32, i64)> = Vec::new();
    for char in '\0'..=char::MAX {
        let mut lower = char.to_lowercase();
        let (Some(simple), None) = (lower.next(), lower.next()) else { continue };
        let (at, far) = (u32::from(char), i64::from(u32::from(simple)) - i64::from(u32::from(char)));
        if far == 0 {
            continue;
        }
        match runs.last_mut() {
            // The second character of a run defines the step.
            Some((first, last, step, of))
                if *of == far && (at - *last == *step || first == last && at - *last == 2) =>
            {
                *step = at - *last;
                *last = at;
            }
            _ => runs.push((at, at, 1, far)),
        }
    }
    let mut text = String::from("[");
    for run in runs {
        write!(text, "{run:?},").expect("a text can be written to");
    }
    text + "]"
}

/// Removes white space between tokens, and the fields `doc`: strings or arrays of strings.
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

/// Splits off the string at the start, with its quotes.
fn split(json: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = json.char_indices().skip(1).find(|(_, char)| {
        let ends = *char == '"' && !is_escaped;
        is_escaped = *char == '\\' && !is_escaped;
        ends
    });
    json.split_at(end.expect("a text ends").0 + 1)
}

/// Skips a string or an array of strings.
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
