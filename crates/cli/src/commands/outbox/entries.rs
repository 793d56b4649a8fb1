//! The entries of an outbox, in the format of the npm package's recorder.

use countersign::tenant::Since;
use countersign::time::Time;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::io::verdict;

/// An entry of an outbox.
pub(super) enum Entry {
    /// An event that isn't in a chain yet.
    Event(Event),
    /// Signed links with their events.
    Links(Links),
    /// The recorder's knowledge of a tenant's log.
    Log(LogNote),
}

/// A fact about a tenant's log, or about several, which is never sent.
pub(super) struct LogNote {
    /// The application's ID of the tenant; `None` if it is about several.
    pub(super) tenant: Option<String>,
    /// The fact, for people.
    pub(super) text: String,
    /// True if the log server has shown two histories, or its newest answer could not be used.
    pub(super) is_problem: bool,
}

/// An event that waits for its link.
pub(super) struct Event {
    /// When it was recorded.
    pub(super) time: Time,
    /// The JSON, as it was recorded.
    pub(super) json: String,
    /// The application's ID of the tenant, if it is for a tenant's log.
    pub(super) tenant: Option<String>,
}

/// Lines that are submitted unchanged.
pub(super) struct Links {
    /// The lines, each with a line feed.
    pub(super) lines: Vec<u8>,
    chain: String,
    /// The application's ID of the tenant, if they are for a tenant's log.
    pub(super) tenant: Option<String>,
}

/// The reason why a tenant's log must not be written to, or why its newest answer could not be used.
#[derive(Deserialize)]
struct RefusedAnswer {
    message: String,
}

/// The ID of a delivered event by which a recorder recognizes a repeated one: tenant, action, ID, chain, and `seq`.
type DeliveredId = (String, String, String, String, u64);

#[derive(Deserialize)]
struct EventFields<'a> {
    action: Option<String>,
    #[serde(borrow)]
    occurred_at: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Line<'a> {
    link: Option<String>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

impl Entry {
    /// Parses an entry; `None` if it is not in a recorder's format.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        match kind {
            b'e' => Event::parse(rest).map(Self::Event),
            b'b' => {
                let end = rest.iter().position(|&byte| byte == b'\n')?;
                let head = str::from_utf8(&rest[..end]).ok()?;
                Links::parse(&rest[end + 1..], head).map(Self::Links)
            }
            b't' | b'o' | b'h' | b'x' | b'u' => {
                let end = rest.iter().position(|&byte| byte == b'\n')?;
                let tenant: String = serde_json::from_slice(&rest[..end]).ok()?;
                let rest = &rest[end + 1..];
                if *kind != b't' {
                    return LogNote::parse(*kind, rest, tenant).map(Self::Log);
                }
                match Self::parse(rest)? {
                    Self::Event(event) => Some(Self::Event(Event { tenant: Some(tenant), ..event })),
                    Self::Links(links) => Some(Self::Links(Links { tenant: Some(tenant), ..links })),
                    Self::Log(_) => None,
                }
            }
            b'v' => Some(Self::Log(LogNote {
                tenant: None,
                text: "newest heads of other logs are in the folder FILE.values".to_owned(),
                is_problem: false,
            })),
            b'i' => {
                let mut lines = str::from_utf8(rest).ok()?.split('\n');
                let count = lines.try_fold(0, |count, line| {
                    serde_json::from_str::<DeliveredId>(line).ok().map(|_| count + 1)
                })?;
                Some(Self::Log(LogNote {
                    tenant: None,
                    text: format!("IDs of {}", verdict::count(count, "delivered event")),
                    is_problem: false,
                }))
            }
            _ => None,
        }
    }

    /// Returns the application's ID of the tenant, if the entry is for a tenant's log.
    pub(super) fn tenant(&self) -> Option<&str> {
        match self {
            Self::Event(event) => event.tenant.as_deref(),
            Self::Links(links) => links.tenant.as_deref(),
            Self::Log(note) => note.tenant.as_deref(),
        }
    }
}

impl LogNote {
    fn parse(kind: u8, bytes: &[u8], tenant: String) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let (text, is_problem) = match kind {
            b'o' => (format!("its log is {text}"), false),
            b'h' => {
                let mut lines = text.splitn(3, '\n');
                let (_origin, since) = (lines.next()?, Since::parse(lines.next()?)?);
                (newest_head(since), false)
            }
            _ => (serde_json::from_str::<RefusedAnswer>(text).ok()?.message, true),
        };
        Some(Self { tenant: Some(tenant), text, is_problem })
    }
}

/// Returns the text about the newest head of a log.
pub(super) fn newest_head(Since { size, tick }: Since) -> String {
    format!("newest head: {} at tick {tick}", verdict::entries(size))
}

impl Event {
    /// Parses `MILLISECONDS SALT EVENT`.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut parts = str::from_utf8(bytes).ok()?.splitn(3, ' ');
        let time = Time::from_millis(parts.next()?.parse().ok()?)?;
        countersign::base64::decode_array::<16>(parts.next()?)?;
        let json = parts.next()?;
        let is_line = !json.bytes().any(|byte| byte < b' ');
        // Applies the core's limits on depth and numbers: a recorder stores no event that the core rejects.
        let is_object =
            json.starts_with('{') && countersign::canonical::canonicalize(json.as_bytes()).is_ok();
        (is_line && is_object).then(|| Self { time, json: json.to_owned(), tenant: None })
    }

    /// Returns the event's action.
    pub(super) fn action(&self) -> Option<String> {
        serde_json::from_str::<EventFields<'_>>(&self.json).ok()?.action
    }

    /// Returns the event, with the time at which it was recorded if it has an action and no time of its own.
    pub(super) fn dated(&self) -> String {
        let named = serde_json::from_str::<EventFields<'_>>(&self.json).ok();
        let is_undated = named.is_some_and(|named| named.action.is_some() && named.occurred_at.is_none());
        match self.json.strip_suffix('}') {
            Some(begin) if is_undated => format!("{begin},\"occurred_at\":\"{}\"}}", self.time),
            _ => self.json.clone(),
        }
    }
}

impl Links {
    /// Parses lines under a head of `CHAIN FROM TO`.
    fn parse(lines: &[u8], head: &str) -> Option<Self> {
        let links = Self::from_lines(lines)?;
        let mut words = head.split(' ');
        let is_head = words.next() == Some(&links.chain)
            && words.all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()));
        is_head.then_some(links)
    }

    /// Parses lines that are links or key notes with their events; `None` if any is not.
    pub(super) fn from_lines(lines: &[u8]) -> Option<Self> {
        let text = str::from_utf8(lines.strip_suffix(b"\n")?).ok()?;
        let mut chain = String::new();
        for line in text.split('\n') {
            let parsed = countersign::export::Line::parse(line).ok()?;
            if let countersign::export::Item::Link { link, .. } = &parsed.item {
                chain = link.chain().to_string();
            }
        }
        Some(Self { lines: lines.to_vec(), chain, tenant: None })
    }

    fn parsed(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
    }

    /// Returns the number of lines.
    pub(super) fn count(&self) -> usize {
        memchr::memchr_iter(b'\n', &self.lines).count()
    }

    /// Returns the chain, and the first and last number in it.
    pub(super) fn span(&self) -> String {
        let places: Vec<u64> = self
            .parsed()
            .filter_map(|line| {
                let link = line.link?;
                let words: Vec<&str> = link.split(' ').collect();
                if words.get(1) == Some(&"open") { Some(0) } else { words.get(3)?.parse().ok() }
            })
            .collect();
        match (places.first(), places.last()) {
            (Some(first), Some(last)) => format!("{}/{first}..{last}", self.chain),
            _ => self.chain.clone(),
        }
    }

    /// Returns the actions of the events.
    pub(super) fn actions(&self) -> Vec<String> {
        let action = |line: Line<'_>| serde_json::from_str::<EventFields<'_>>(line.event?.get()).ok()?.action;
        self.parsed().filter_map(action).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Entry> {
        Entry::parse(text.as_bytes())
    }

    #[test]
    fn entries_of_tenants_are_read() {
        let event = "e1795728750001 AAAAAAAAAAAAAAAAAAAAAA== {\"action\":\"a\"}";
        let Some(Entry::Event(read)) = parse(&format!("t\"ac\\nme\"\n{event}")) else { panic!("an event") };
        assert_eq!((read.tenant.as_deref(), &*read.json), (Some("ac\nme"), "{\"action\":\"a\"}"));
        let notes = [
            ("o\"acme\"\nlog.example/t/00", "its log is log.example/t/00", false),
            ("h\"acme\"\nlog.example/t/00\n120,4093\nproof", "newest head: 120 entries at tick 4093", false),
            ("x\"acme\"\n{\"message\":\"two histories\",\"evidence\":{}}", "two histories", true),
            ("u\"acme\"\n{\"message\":\"no proof\",\"evidence\":{}}", "no proof", true),
        ];
        for (text, fact, is_problem) in notes {
            let Some(Entry::Log(note)) = parse(text) else { panic!("{text}") };
            assert_eq!(
                (note.tenant.as_deref(), &*note.text, note.is_problem),
                (Some("acme"), fact, is_problem)
            );
        }
        let Some(Entry::Log(note)) = parse("v0b8e") else { panic!("a note") };
        assert_eq!((note.tenant, note.is_problem), (None, false));
        let one = r#"["","job.run","m_1","00112233445566778899aabbccddeeff",4]"#;
        for (text, fact) in [
            (format!("i{one}"), "IDs of 1 delivered event"),
            (format!("i{one}\n{one}"), "IDs of 2 delivered events"),
        ] {
            let Some(Entry::Log(note)) = parse(&text) else { panic!("{text}") };
            assert_eq!((note.tenant, &*note.text, note.is_problem), (None, fact, false));
        }
        for text in [
            "t",
            "i",
            "i[]",
            "i[\"\",\"a\",\"m\",\"c\",-1]",
            "tacme\ne",
            "t\"acme\"\n",
            "t\"acme\"\no\"acme\"\nlog",
            "h\"acme\"\nlog\n1\n",
            "x\"a\"\n{}",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
