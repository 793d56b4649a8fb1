//! The file of the npm package's `fileOutbox`, read as far as it is sound.
//!
//! After its header, each line is a change: a checksum, a space, and JSON. The checksum covers the JSON and the checksum of
//! the line before. So a line is sound if its checksum follows from that of the line before, as written or as computed;
//! and a line whose own checksum is damaged is sound if the next line's checksum follows from the computed one.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::{base64, hex};
use memchr::{memchr, memmem};
use serde::Deserialize;

use super::entries::Entry;

const HEADER: &[u8] = b"countersign outbox v1\n";
/// Hex characters of a checksum.
const CHECKSUM: usize = 16;
/// How many earlier checksums are tried as the checksum of the line before.
const MAX_LASTS: usize = 4;
/// The bytes after the checksum of each line.
const BEGIN: &[u8] = b" {\"put\":[";
/// The last bytes of each line.
const END: &[u8] = b"]}";

/// The contents of an outbox.
#[derive(Default)]
pub(super) struct Contents {
    /// The entries that are sound and not removed, by id.
    pub(super) entries: BTreeMap<u64, Entry>,
    /// Entries of damaged lines that can be read, and may have been changed.
    pub(super) doubtful: Vec<Entry>,
    pub(super) damaged: Vec<Problem>,
}

/// A range of bytes that can't be trusted.
pub(super) struct Problem {
    pub(super) begin: usize,
    /// The offset after its last byte.
    pub(super) end: usize,
    pub(super) why: &'static str,
    /// True if it may have removed entries.
    removes: bool,
}

impl Contents {
    /// Notes a damaged range.
    pub(super) fn problem(&mut self, begin: usize, end: usize, why: &'static str, removes: bool) {
        if let Some(last) = self.damaged.last_mut().filter(|last| last.end == begin && last.why == why) {
            last.end = end;
            return;
        }
        self.damaged.push(Problem { begin, end, why, removes });
    }

    /// True if entries that are listed may have been removed.
    pub(super) fn may_have_removed(&self) -> bool {
        !self.entries.is_empty() && self.damaged.iter().any(|problem| problem.removes)
    }
}

#[derive(Deserialize)]
struct Step {
    put: Vec<(u64, String)>,
    remove: Vec<u64>,
}

/// A stretch of the file that may be a line.
struct Stretch<'a> {
    begin: usize,
    /// After its end of line, if it has one.
    end: usize,
    /// Checksum and JSON, as far as they can be told apart.
    line: Option<(&'a [u8], &'a [u8])>,
    is_torn: bool,
}

/// Reads a file; none if nothing in it is of an outbox.
pub(super) fn parse(bytes: &[u8]) -> Option<Contents> {
    let mut contents = Contents::default();
    let has_header = bytes.starts_with(HEADER);
    if HEADER.starts_with(bytes) {
        // It was created, and no more.
        return Some(contents);
    }
    let stretches = stretches(bytes, if has_header { HEADER.len() } else { 0 });
    if !has_header && stretches.iter().all(|stretch| stretch.line.is_none()) {
        return None;
    }
    let mut lasts: Vec<String> = vec![String::new()];
    let mut is_any_sound = has_header;
    for (place, stretch) in stretches.iter().enumerate() {
        let Some((stated, json)) = stretch.line else {
            let why = if stretch.is_torn {
                "the last line is incomplete"
            } else {
                "this is not a line of an outbox"
            };
            if place > 0 || has_header || stretch.begin > 0 {
                contents.problem(stretch.begin, stretch.end, why, !stretch.is_torn);
            } else {
                contents.problem(stretch.begin, stretch.end, "this is not the header of an outbox", false);
            }
            // The next line's checksum may follow from the one that is left of it.
            if let Some(Ok(stated)) = bytes.get(stretch.begin..stretch.begin + CHECKSUM).map(str::from_utf8) {
                lasts.push(stated.to_owned());
                lasts.drain(..lasts.len().saturating_sub(MAX_LASTS));
            }
            continue;
        };
        let computed: Vec<String> = lasts.iter().map(|last| checksum(last, json)).collect();
        let stated = String::from_utf8_lossy(stated).into_owned();
        let follows = || {
            let next = stretches.get(place + 1).and_then(|next| next.line);
            next.is_some_and(|(stated, json)| {
                computed.iter().any(|last| checksum(last, json).as_bytes() == stated)
            })
        };
        let step = serde_json::from_slice::<Step>(json).ok();
        let is_stated = computed.contains(&stated);
        match step {
            Some(step) if is_stated || follows() => {
                is_any_sound = true;
                apply(&mut contents, step, stretch);
                if !is_stated {
                    contents.problem(
                        stretch.begin,
                        stretch.begin + CHECKSUM,
                        "a checksum; its line is sound",
                        false,
                    );
                }
            }
            step => {
                contents.problem(stretch.begin, stretch.end, "this line is not as it was written", true);
                let entries = step.into_iter().flat_map(|step| step.put);
                let readable = entries.filter_map(|(_, text)| Entry::parse(&base64::decode(&text)?));
                contents.doubtful.extend(readable);
            }
        }
        lasts = computed;
        lasts.push(stated);
        lasts.drain(..lasts.len().saturating_sub(MAX_LASTS));
    }
    is_any_sound.then_some(contents)
}

fn apply(contents: &mut Contents, step: Step, stretch: &Stretch<'_>) {
    for id in step.remove {
        contents.entries.remove(&id);
    }
    for (id, text) in step.put {
        match base64::decode(&text).and_then(|bytes| Entry::parse(&bytes)) {
            Some(entry) => {
                contents.entries.insert(id, entry);
            }
            None => contents.problem(
                stretch.begin,
                stretch.end,
                "an entry of this line is not a recorder's",
                false,
            ),
        }
    }
}

fn checksum(last: &str, json: &[u8]) -> String {
    hex::encode(&Hash::of(&[last.as_bytes(), json]).0)[..CHECKSUM].to_owned()
}

/// Splits the bytes after the header into lines, even where an LF was lost.
fn stretches(bytes: &[u8], begin: usize) -> Vec<Stretch<'_>> {
    let mut stretches = Vec::new();
    let mut at = begin;
    while at < bytes.len() {
        let feed = memchr(b'\n', &bytes[at..]).map(|length| at + length);
        let end = feed.unwrap_or(bytes.len());
        let raw = &bytes[at..end];
        let mut begins: Vec<usize> =
            memmem::find_iter(raw, BEGIN).filter_map(|place| place.checked_sub(CHECKSUM)).collect();
        begins.retain(|&place| raw[place..place + CHECKSUM].iter().all(u8::is_ascii));
        begins.dedup();
        if begins.first() != Some(&0) {
            begins.insert(0, 0);
        }
        for (nth, &first) in begins.iter().enumerate() {
            let next = begins.get(nth + 1).copied();
            let piece = &raw[first..next.unwrap_or(raw.len())];
            let json = memmem::find(piece, BEGIN).filter(|&place| place <= CHECKSUM);
            let closed = memmem::rfind(piece, END).map(|place| place + END.len());
            let line = json.zip(closed).filter(|(json, closed)| json < closed);
            let line = line.map(|(json, closed)| (&piece[..json], &piece[json + 1..closed]));
            let is_last = next.is_none();
            stretches.push(Stretch {
                begin: at + first,
                end: if is_last { (end + 1).min(bytes.len()) } else { at + first + piece.len() },
                line,
                is_torn: is_last && feed.is_none(),
            });
        }
        at = (end + 1).min(bytes.len());
    }
    stretches
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
    fn a_sound_file_is_read_whole() {
        let bytes = file(&[(&[1, 2], &[]), (&[3], &[1]), (&[], &[3])]);
        let contents = parse(&bytes).unwrap();
        assert_eq!(ids(&contents), [2]);
        assert!(contents.damaged.is_empty() && contents.doubtful.is_empty());
        assert!(parse(b"").is_some_and(|contents| contents.entries.is_empty()));
        assert!(parse(&HEADER[..5]).is_some());
        assert!(parse(b"something else\nand more\n").is_none());
    }

    /// A change to any byte leaves the entries of all other lines readable, is never mistaken for an entry, and is reported
    /// with its place.
    #[test]
    fn a_changed_byte_strands_no_other_line() {
        let steps: [(&[usize], &[usize]); 5] =
            [(&[1], &[]), (&[2], &[]), (&[3, 4], &[]), (&[5], &[]), (&[6], &[])];
        let bytes = file(&steps);
        let texts = |contents: &Contents| -> Vec<String> {
            let of = |entry: &Entry| match entry {
                Entry::Event(event) => event.json.clone(),
                Entry::Links(_) => String::new(),
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
                let is_told =
                    contents.damaged.iter().any(|problem| (problem.begin..problem.end).contains(&place));
                // An end of line that was lost says nothing by itself.
                assert!(is_told || bytes[place] == b'\n', "{place} ^ {change}");
            }
        }
    }

    #[test]
    fn a_torn_file_has_all_lines_before_the_cut() {
        let bytes = file(&[(&[1], &[]), (&[2], &[]), (&[3], &[])]);
        for end in HEADER.len()..bytes.len() {
            let contents = parse(&bytes[..end]).unwrap();
            let whole = memchr::memchr_iter(b'\n', &bytes[HEADER.len()..end]).count();
            assert!(contents.entries.len() >= whole, "{end}");
        }
        let zeros = [&bytes[..], &[0; 100]].concat();
        let contents = parse(&zeros).unwrap();
        assert_eq!((ids(&contents), contents.damaged.len()), (vec![1, 2, 3], 1));
    }

    #[test]
    fn an_event_gets_the_time_at_which_it_was_recorded() {
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
        // No recorder keeps these.
        assert_eq!((of(&nested(MAX_DEPTH + 1)), of(r#"{"action":"a","n":1e999}"#)), (None, None));
        for bad in ["", "[]", "{", "{\"a\":1}\n", "null"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
