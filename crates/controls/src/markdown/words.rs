//! Phrases shared by the sections of the document.

use core::fmt::Write as _;

use countersign::time::Time;

use crate::builder::entries;
use crate::report::{Doubt, Extent};
use crate::text::{code, marked};

pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

pub(super) fn plural(count: u64, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

pub(super) fn was(count: u64) -> String {
    if count == 1 { "1 event was".into() } else { format!("{count} events were") }
}

pub(super) fn not_here(count: u64) -> String {
    format!("{} {} not", entries(count), if count == 1 { "is" } else { "are" })
}

pub(super) fn within(extent: &Extent) -> String {
    let (Some((first, last)), Some(recorded), Some(happened)) =
        (extent.leaves, extent.recorded, extent.happened)
    else {
        return String::new();
    };
    let times = |(first, last): (Time, Time)| {
        if first == last { format!("at {first}") } else { format!("from {first} to {last}") }
    };
    let place = if first == last { format!("entry {first}") } else { format!("entries {first} to {last}") };
    if recorded == happened {
        format!("{place}, recorded {}", times(recorded))
    } else {
        format!("{place}, happened {}, recorded {}", times(happened), times(recorded))
    }
}

/// Formats one of our own sentences, in which backquotes mark code.
fn quoted(sentence: &str) -> String {
    let parts = sentence.split('`').enumerate();
    parts.map(|(nth, part)| if nth % 2 == 1 { code(part) } else { marked(part) }).collect()
}

pub(super) fn list(out: &mut String, doubts: &[Doubt]) {
    for doubt in doubts {
        let _ = writeln!(out, "- {}.", quoted(&doubt.message));
    }
    out.push('\n');
}
