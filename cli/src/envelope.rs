//! The envelopes in which queues and streams carry events: those of SNS, SQS, Kinesis and Firehose, of subscriptions to
//! `CloudWatch`'s logs, of Pub/Sub, and of event hooks.
//!
//! What is in one is taken out before it is recorded: nobody could find an event in base64, and no secret in it would
//! be redacted.

use std::cell::Cell;
use std::io::Read;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use countersign::base64;
use countersign_query::value::{Document, Kind, Value};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The most bytes that are taken out of an envelope, all that are within each other together: what is compressed may be
/// made to expand to anything.
pub(crate) const MAX_CONTENT: usize = 32 << 20;

/// How the content is written.
#[derive(Clone, Copy)]
enum Writing {
    /// As a text.
    Text,
    /// As a text in base64, compressed with gzip or not.
    Base64,
}

struct Envelope {
    /// The list in it, whose elements each hold some content; the whole object where there is none.
    list: Option<&'static str>,
    /// What must stand in it beside that, and with which text.
    with: &'static [(&'static str, Option<&'static str>)],
    content: &'static str,
    writing: Writing,
}

static ENVELOPES: [Envelope; 12] = [
    // SNS over HTTPS, and to a function.
    Envelope {
        list: None,
        with: &[("Type", Some("Notification")), ("TopicArn", None)],
        content: "Message",
        writing: Writing::Text,
    },
    Envelope {
        list: None,
        with: &[("EventSource", Some("aws:sns"))],
        content: "Sns.Message",
        writing: Writing::Text,
    },
    // SQS to a function, and what ReceiveMessage answers.
    Envelope {
        list: None,
        with: &[("eventSource", Some("aws:sqs"))],
        content: "body",
        writing: Writing::Text,
    },
    Envelope { list: None, with: &[("ReceiptHandle", None)], content: "Body", writing: Writing::Text },
    Envelope { list: Some("Messages"), with: &[], content: "Body", writing: Writing::Text },
    Envelope {
        list: None,
        with: &[("eventSource", Some("aws:kinesis"))],
        content: "kinesis.data",
        writing: Writing::Base64,
    },
    // Firehose to a function, and over HTTPS.
    Envelope {
        list: Some("records"),
        with: &[("deliveryStreamArn", None)],
        content: "data",
        writing: Writing::Base64,
    },
    Envelope {
        list: Some("records"),
        with: &[("requestId", None), ("timestamp", None)],
        content: "data",
        writing: Writing::Base64,
    },
    // CloudWatch Logs to a function.
    Envelope { list: None, with: &[], content: "awslogs.data", writing: Writing::Base64 },
    // Pub/Sub: pushed, and pulled.
    Envelope {
        list: None,
        with: &[("subscription", None)],
        content: "message.data",
        writing: Writing::Base64,
    },
    Envelope { list: None, with: &[("ackId", None)], content: "message.data", writing: Writing::Base64 },
    Envelope { list: Some("receivedMessages"), with: &[], content: "message.data", writing: Writing::Base64 },
];

/// An event hook of Okta, which has its events as they are.
#[derive(Deserialize)]
struct Hook<'a> {
    #[serde(rename = "eventType")]
    kind: &'a str,
    #[serde(borrow)]
    data: HookData<'a>,
}

#[derive(Deserialize)]
struct HookData<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// What stands in every envelope, as most events are none and are not read for it.
static SIGNS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::new([
        "\"TopicArn\"",
        "\"aws:sns\"",
        "\"aws:sqs\"",
        "\"ReceiptHandle\"",
        "\"aws:kinesis\"",
        "\"deliveryStreamArn\"",
        "\"requestId\"",
        "\"awslogs\"",
        "\"subscription\"",
        "\"ackId\"",
        "\"com.okta.event_hook\"",
    ])
    .expect("a few short texts")
});

/// What was in an envelope.
pub(crate) struct Content {
    /// Where it stood: `records[0].data`.
    pub(crate) place: String,
    pub(crate) bytes: Vec<u8>,
}

/// What this object carries, if it is an envelope, and there is room `left` for it. Whether these are events is for the
/// caller to see.
pub(crate) fn open(object: &[u8], left: &Cell<usize>) -> Option<(&'static str, Vec<Content>)> {
    if !SIGNS.is_match(object) {
        return None;
    }
    let text = core::str::from_utf8(object).ok()?;
    let document = Document::parse(text)?;
    let root = document.root();
    ENVELOPES
        .iter()
        .find_map(|envelope| Some((envelope.list.unwrap_or(envelope.content), envelope.open(root, left)?)))
        .or_else(|| Some(("data.events", hook(text)?)))
}

fn hook(text: &str) -> Option<Vec<Content>> {
    let hook: Hook<'_> = serde_json::from_str(text).ok()?;
    let events = hook.data.events.iter().enumerate().map(|(nth, event)| Content {
        place: format!("data.events[{nth}]"),
        bytes: event.get().as_bytes().to_vec(),
    });
    (hook.kind == "com.okta.event_hook").then(|| events.collect())
}

impl Envelope {
    fn open(&self, root: Value<'_>, left: &Cell<usize>) -> Option<Vec<Content>> {
        let is_this = self.with.iter().all(|&(name, text)| {
            root.get(name)
                .is_some_and(|value| text.is_none_or(|text| value.string().as_deref() == Some(text)))
        });
        if !is_this {
            return None;
        }
        let Some(list) = self.list else {
            let bytes = self.content(root, left)?;
            return Some(vec![Content { place: self.content.into(), bytes }]);
        };
        let elements = root.at(list).filter(|list| list.kind() == Kind::Array)?.elements();
        let contents: Option<Vec<_>> = elements
            .enumerate()
            .map(|(nth, element)| {
                let place = format!("{list}[{nth}].{}", self.content);
                Some(Content { place, bytes: self.content(element, left)? })
            })
            .collect();
        contents.filter(|contents| !contents.is_empty())
    }

    fn content(&self, holder: Value<'_>, left: &Cell<usize>) -> Option<Vec<u8>> {
        let text = holder.at(self.content)?.string()?;
        let content = match self.writing {
            Writing::Text => text.into_owned().into_bytes(),
            Writing::Base64 => expanded(base64::decode(&*text)?, left.get())?,
        };
        // Where it was too much, nothing more is tried: that would cost as much each time.
        left.set(left.get().saturating_sub(content.len()));
        (left.get() > 0).then_some(content)
    }
}

/// What is no longer compressed, up to so many bytes.
fn expanded(bytes: Vec<u8>, most: usize) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"\x1f\x8b") {
        return Some(bytes);
    }
    let mut content = Vec::new();
    MultiGzDecoder::new(&*bytes).take(most as u64).read_to_end(&mut content).ok()?;
    Some(content)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn pushed(content: &[u8]) -> String {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(content).unwrap();
        let data = base64::encode(gzip.finish().unwrap());
        format!(r#"{{"subscription":"projects/p/subscriptions/s","message":{{"data":"{data}"}}}}"#)
    }

    #[test]
    fn what_expands_to_too_much_stays_as_it_is_and_so_does_all_after_it() {
        let (event, bomb) = (pushed(br#"{"action":"a"}"#), pushed(&vec![b' '; MAX_CONTENT]));
        let left = Cell::new(MAX_CONTENT);
        let (name, contents) = open(event.as_bytes(), &left).unwrap();
        assert_eq!((name, &*contents[0].bytes), ("message.data", &br#"{"action":"a"}"#[..]));
        assert_eq!(left.get(), MAX_CONTENT - 14);
        assert!(open(bomb.as_bytes(), &left).is_none());
        assert_eq!(left.get(), 0);
        assert!(open(event.as_bytes(), &left).is_none());
    }
}
