//! Parses the intact lines of a file of the npm package's `fileOutbox`.
//!
//! After its header, each line is a change: a checksum, a space, and JSON. The checksum covers the JSON and the
//! previous line's checksum. A line is intact if its checksum follows from the previous line's, as stored or as
//! computed. A line whose own checksum is corrupt is intact if the next line's checksum follows from the computed
//! one.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::{base64, hex};
use memchr::{memchr, memmem};
use serde::Deserialize;

use super::entries::Entry;

const HEADER: &[u8] = b"countersign outbox v1\n";
/// The length of a checksum, in hex characters.
const CHECKSUM_CHARS: usize = 16;
/// The number of earlier checksums that are tried as the previous line's.
const MAX_PREVIOUS: usize = 4;
/// The bytes after the checksum of each line.
const BEGIN: &[u8] = b" {\"put\":[";
/// The last bytes of each line.
const END: &[u8] = b"]}";

/// The contents of an outbox.
#[derive(Default)]
pub(super) struct Contents {
    /// The entries that are intact and not removed, by id.
    pub(super) entries: BTreeMap<u64, Entry>,
    /// Entries of corrupt lines that can be parsed, but may have been changed.
    pub(super) doubtful: Vec<Entry>,
    pub(super) problems: Vec<Problem>,
}

/// A corrupt range of bytes.
pub(super) struct Problem {
    pub(super) begin: usize,
    /// The offset after its last byte.
    pub(super) end: usize,
    pub(super) why: &'static str,
    /// True if the range may contain removals of entries.
    removes: bool,
}

impl Contents {
    /// Records a corrupt range.
    pub(super) fn add_problem(&mut self, begin: usize, end: usize, why: &'static str, removes: bool) {
        if let Some(last) = self.problems.last_mut().filter(|last| last.end == begin && last.why == why) {
            last.end = end;
            return;
        }
        self.problems.push(Problem { begin, end, why, removes });
    }

    /// True if a corrupt range may have removed entries that are listed.
    pub(super) fn may_have_removed(&self) -> bool {
        !self.entries.is_empty() && self.problems.iter().any(|problem| problem.removes)
    }
}

#[derive(Deserialize)]
struct Change {
    put: Vec<(u64, String)>,
    remove: Vec<u64>,
}

/// A range of the file that may be a line.
struct LineCandidate<'a> {
    begin: usize,
    /// The offset after its line feed, if it has one.
    end: usize,
    /// The checksum and the JSON, if they can be separated.
    line: Option<(&'a [u8], &'a [u8])>,
    is_torn: bool,
}

/// Parses a file; `None` if nothing in it belongs to an outbox.
pub(super) fn parse(bytes: &[u8]) -> Option<Contents> {
    let mut contents = Contents::default();
    let has_header = bytes.starts_with(HEADER);
    if HEADER.starts_with(bytes) {
        // The file was only created.
        return Some(contents);
    }
    let candidates = candidates(bytes, if has_header { HEADER.len() } else { 0 });
    if !has_header && candidates.iter().all(|candidate| candidate.line.is_none()) {
        return None;
    }
    let mut lasts: Vec<String> = vec![String::new()];
    let mut is_any_intact = has_header;
    for (place, candidate) in candidates.iter().enumerate() {
        let Some((stated, json)) = candidate.line else {
            let why = if candidate.is_torn {
                "the last line is incomplete"
            } else {
                "this is not a line of an outbox"
            };
            if place > 0 || has_header || candidate.begin > 0 {
                contents.add_problem(candidate.begin, candidate.end, why, !candidate.is_torn);
            } else {
                contents.add_problem(
                    candidate.begin,
                    candidate.end,
                    "this is not the header of an outbox",
                    false,
                );
            }
            // The next line's checksum may follow from the remains of this one.
            if let Some(Ok(stated)) =
                bytes.get(candidate.begin..candidate.begin + CHECKSUM_CHARS).map(str::from_utf8)
            {
                lasts.push(stated.to_owned());
                lasts.drain(..lasts.len().saturating_sub(MAX_PREVIOUS));
            }
            continue;
        };
        let computed: Vec<String> = lasts.iter().map(|last| checksum(last, json)).collect();
        let stated = String::from_utf8_lossy(stated).into_owned();
        let follows = || {
            let next = candidates.get(place + 1).and_then(|next| next.line);
            next.is_some_and(|(stated, json)| {
                computed.iter().any(|last| checksum(last, json).as_bytes() == stated)
            })
        };
        let step = serde_json::from_slice::<Change>(json).ok();
        let is_stated = computed.contains(&stated);
        match step {
            Some(step) if is_stated || follows() => {
                is_any_intact = true;
                apply(&mut contents, step, candidate);
                if !is_stated {
                    contents.add_problem(
                        candidate.begin,
                        candidate.begin + CHECKSUM_CHARS,
                        "only the checksum is corrupt; the line is intact",
                        false,
                    );
                }
            }
            step => {
                contents.add_problem(candidate.begin, candidate.end, "this line was changed", true);
                let entries = step.into_iter().flat_map(|step| step.put);
                let readable = entries.filter_map(|(_, text)| Entry::parse(&base64::decode(&text)?));
                contents.doubtful.extend(readable);
            }
        }
        lasts = computed;
        lasts.push(stated);
        lasts.drain(..lasts.len().saturating_sub(MAX_PREVIOUS));
    }
    is_any_intact.then_some(contents)
}

fn apply(contents: &mut Contents, step: Change, candidate: &LineCandidate<'_>) {
    for id in step.remove {
        contents.entries.remove(&id);
    }
    for (id, text) in step.put {
        match base64::decode(&text).and_then(|bytes| Entry::parse(&bytes)) {
            Some(entry) => {
                contents.entries.insert(id, entry);
            }
            None => contents.add_problem(
                candidate.begin,
                candidate.end,
                "an entry of this line is not in a recorder's format",
                false,
            ),
        }
    }
}

fn checksum(last: &str, json: &[u8]) -> String {
    hex::encode(&Hash::digest(&[last.as_bytes(), json]).0)[..CHECKSUM_CHARS].to_owned()
}

/// Splits the bytes after the header into lines, even if a line feed was lost.
fn candidates(bytes: &[u8], begin: usize) -> Vec<LineCandidate<'_>> {
    let mut candidates = Vec::new();
    let mut at = begin;
    while at < bytes.len() {
        let feed = memchr(b'\n', &bytes[at..]).map(|length| at + length);
        let end = feed.unwrap_or(bytes.len());
        let raw = &bytes[at..end];
        let mut begins: Vec<usize> =
            memmem::find_iter(raw, BEGIN).filter_map(|place| place.checked_sub(CHECKSUM_CHARS)).collect();
        begins.retain(|&place| raw[place..place + CHECKSUM_CHARS].iter().all(u8::is_ascii));
        begins.dedup();
        if begins.first() != Some(&0) {
            begins.insert(0, 0);
        }
        for (nth, &first) in begins.iter().enumerate() {
            let next = begins.get(nth + 1).copied();
            let part = &raw[first..next.unwrap_or(raw.len())];
            let json = memmem::find(part, BEGIN).filter(|&place| place <= CHECKSUM_CHARS);
            let closed = memmem::rfind(part, END).map(|place| place + END.len());
            let line = json.zip(closed).filter(|(json, closed)| json < closed);
            let line = line.map(|(json, closed)| (&part[..json], &part[json + 1..closed]));
            let is_last = next.is_none();
            candidates.push(LineCandidate {
                begin: at + first,
                end: if is_last { (end + 1).min(bytes.len()) } else { at + first + part.len() },
                line,
                is_torn: is_last && feed.is_none(),
            });
        }
        at = (end + 1).min(bytes.len());
    }
    candidates
}

#[cfg(test)]
mod tests {
    use countersign::canonical::MAX_DEPTH;

    use super::*;

    fn event(nth: usize) -> Vec<u8> {
        let salt = base64::encode([nth as u8; 16]);
        format!("e179572875{nth:04} {salt} {{\"action\":\"a.{nth}\",\"actor\":{{\"id\":\"u_{nth}\"}}}}")
            .into_bytes()
    }

    fn file(steps: &[(&[usize], &[usize])]) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        let mut last = String::new();
        for (put, remove) in steps {
            let put: Vec<_> =
                put.iter().map(|&id| format!("[{id},\"{}\"]", base64::encode(event(id)))).collect();
            let remove: Vec<_> = remove.iter().map(ToString::to_string).collect();
            let json = format!("{{\"put\":[{}],\"remove\":[{}]}}", put.join(","), remove.join(","));
            last = checksum(&last, json.as_bytes());
            bytes.extend(format!("{last} {json}\n").bytes());
        }
        bytes
    }

    fn ids(contents: &Contents) -> Vec<u64> {
        contents.entries.keys().copied().collect()
    }

    #[test]
    fn reads_intact_file_completely() {
        let bytes = file(&[(&[1, 2], &[]), (&[3], &[1]), (&[], &[3])]);
        let contents = parse(&bytes).unwrap();
        assert_eq!(ids(&contents), [2]);
        assert!(contents.problems.is_empty() && contents.doubtful.is_empty());
        assert!(parse(b"").is_some_and(|contents| contents.entries.is_empty()));
        assert!(parse(&HEADER[..5]).is_some());
        assert!(parse(b"something else\nand more\n").is_none());
    }

    /// A change to any byte leaves the entries of all other lines readable, is never mistaken for an entry, and is
    /// reported with its place.
    #[test]
    fn changed_byte_affects_only_its_line() {
        let steps: [(&[usize], &[usize]); 5] =
            [(&[1], &[]), (&[2], &[]), (&[3, 4], &[]), (&[5], &[]), (&[6], &[])];
        let bytes = file(&steps);
        let texts = |contents: &Contents| -> Vec<String> {
            let of = |entry: &Entry| match entry {
                Entry::Event(event) => event.json.clone(),
                Entry::Links(_) | Entry::Log(_) => String::new(),
            };
            contents.entries.values().map(of).collect()
        };
        let all = texts(&parse(&bytes).unwrap());
        let starts: Vec<usize> = (0..bytes.len()).filter(|&at| at == 0 || bytes[at - 1] == b'\n').collect();
        for place in 0..bytes.len() {
            for change in [1, 0x20, 0x80, bytes[place] ^ b'\n', bytes[place]] {
                if change == 0 {
                    continue;
                }
                let mut changed = bytes.clone();
                changed[place] ^= change;
                let contents = parse(&changed).unwrap();
                let found = texts(&contents);
                assert!(found.iter().all(|text| all.contains(text)), "{place} ^ {change}");
                let damaged = starts.iter().rposition(|&start| start <= place).unwrap();
                let kept: Vec<&String> = match damaged {
                    0 => all.iter().collect(),
                    line => {
                        let lost = steps[line - 1].0;
                        (1..).zip(&all).filter(|(id, _)| !lost.contains(id)).map(|(_, text)| text).collect()
                    }
                };
                assert!(kept.iter().all(|text| found.contains(text)), "{place} ^ {change}: {found:?}");
                let is_reported =
                    contents.problems.iter().any(|problem| (problem.begin..problem.end).contains(&place));
                // A lost line feed alone has no effect.
                assert!(is_reported || bytes[place] == b'\n', "{place} ^ {change}");
            }
        }
    }

    #[test]
    fn truncated_file_keeps_all_complete_lines() {
        let bytes = file(&[(&[1], &[]), (&[2], &[]), (&[3], &[])]);
        for end in HEADER.len()..bytes.len() {
            let contents = parse(&bytes[..end]).unwrap();
            let whole = memchr::memchr_iter(b'\n', &bytes[HEADER.len()..end]).count();
            assert!(contents.entries.len() >= whole, "{end}");
        }
        let zeros = [&bytes[..], &[0; 100]].concat();
        let contents = parse(&zeros).unwrap();
        assert_eq!((ids(&contents), contents.problems.len()), (vec![1, 2, 3], 1));
    }

    #[test]
    fn undated_event_gets_the_time_of_recording() {
        let of = |json: &str| {
            let bytes = format!("e1795728759417 {} {json}", base64::encode([1; 16]));
            match Entry::parse(bytes.as_bytes()) {
                Some(Entry::Event(event)) => Some(event.dated()),
                _ => None,
            }
        };
        let dated = of(r#"{"action":"a","n":1.0}"#).unwrap();
        assert_eq!(dated, r#"{"action":"a","n":1.0,"occurred_at":"2026-11-26T21:32:39.417Z"}"#);
        for same in [r#"{"action":"a","occurred_at":"2026-01-01T00:00:00Z"}"#, r#"{"eventName":"x"}"#] {
            assert_eq!(of(same).as_deref(), Some(same));
        }
        let nested = |depth| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(of(&nested(MAX_DEPTH)).is_some());
        // No recorder stores these.
        assert_eq!((of(&nested(MAX_DEPTH + 1)), of(r#"{"action":"a","n":1e999}"#)), (None, None));
        for bad in ["", "[]", "{", "{\"a\":1}\n", "null"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
