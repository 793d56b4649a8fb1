//! The envelopes in which queues and streams carry events: those of SNS, SQS, Kinesis and Firehose, of subscriptions to
//! `CloudWatch`'s logs, of Pub/Sub, and of event hooks; `CloudEvents`, Event Grid, what Splunk and Elasticsearch take and
//! give, and the lines of containers' logs.
//!
//! What is in one is taken out before it is recorded: nobody could find an event in base64, and no secret in it would
//! be redacted.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use countersign::base64;
use countersign_query::Parsers;
use countersign_query::value::{Document, Value};
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
    /// As it is, or as a text.
    Either,
}
use Writing::{Base64, Either, Text};

struct Envelope {
    /// The list in it, whose elements each hold some content; the whole object where there is none.
    list: Option<&'static str>,
    /// What must stand in it beside that, and with which text.
    with: With,
    content: &'static str,
    writing: Writing,
    /// Whether what stands around the content may say something of it, such as when it happened. Then it is taken out
    /// only if a parser finds in it what happened and when, and finds nothing in the whole.
    says_something: bool,
}

type With = &'static [(&'static str, Option<&'static str>)];

const fn one(with: With, content: &'static str, writing: Writing) -> Envelope {
    Envelope { list: None, with, content, writing, says_something: false }
}

const fn each(list: &'static str, with: With, content: &'static str, writing: Writing) -> Envelope {
    Envelope { list: Some(list), ..one(with, content, writing) }
}

/// The same, where what stands around the content may say something of it.
const fn saying(list: Option<&'static str>, with: With, content: &'static str, writing: Writing) -> Envelope {
    Envelope { list, with, content, writing, says_something: true }
}

/// A new envelope also needs one of [`SIGNS`], and a row in docs/importing-logs.md.
static ENVELOPES: [Envelope; 40] = [
    // SNS over HTTPS, and to a function.
    one(&[("Type", Some("Notification")), ("TopicArn", None)], "Message", Text),
    one(&[("EventSource", Some("aws:sns"))], "Sns.Message", Text),
    // SQS to a function, and what ReceiveMessage answers.
    one(&[("eventSource", Some("aws:sqs"))], "body", Text),
    one(&[("ReceiptHandle", None)], "Body", Text),
    each("Messages", &[], "Body", Text),
    one(&[("eventSource", Some("aws:kinesis"))], "kinesis.data", Base64),
    each("Records", &[("MillisBehindLatest", None)], "Data", Base64),
    // Firehose to a function, and over HTTPS.
    each("records", &[("deliveryStreamArn", None)], "data", Base64),
    each("records", &[("requestId", None), ("timestamp", None)], "data", Base64),
    // CloudWatch Logs to a function.
    one(&[], "awslogs.data", Base64),
    // Pub/Sub: pushed, pulled, and as Eventarc hands it on.
    one(&[("subscription", None)], "message.data", Base64),
    one(&[("ackId", None)], "message.data", Base64),
    each("receivedMessages", &[], "message.data", Base64),
    one(&[("specversion", None)], "data.message.data", Base64),
    // CloudEvents, and Azure's Event Grid.
    saying(None, &[("specversion", None)], "data_base64", Base64),
    saying(None, &[("specversion", None)], "data", Either),
    saying(None, &[("eventType", None), ("dataVersion", None)], "data", Either),
    // EventBridge, where a program of one's own puts events.
    saying(None, &[("detail-type", None)], "detail", Either),
    // Event Hubs and Kafka, as what writes them to files has them.
    saying(None, &[("EnqueuedTimeUtc", None)], "Body", Either),
    saying(None, &[("topic", None), ("offset", None)], "value", Either),
    // Splunk: what its event log server takes, and what a search exports.
    saying(None, &[("sourcetype", None)], "event", Either),
    saying(None, &[("time", None), ("host", None)], "event", Either),
    saying(None, &[], "result._raw", Text),
    saying(Some("results"), &[("preview", None)], "_raw", Text),
    // Cribl, and a result of Splunk's by itself.
    saying(None, &[("_time", None)], "_raw", Text),
    // Datadog: its archives, and what its two ways of searching answer.
    saying(None, &[("_id", None), ("date", None)], "attributes", Either),
    saying(None, &[("type", Some("log"))], "attributes.attributes", Either),
    saying(None, &[("id", None)], "content.attributes", Either),
    // Elasticsearch: a document, and what a search answers.
    saying(None, &[("_index", None)], "_source", Either),
    saying(Some("hits.hits"), &[], "_source", Either),
    // A line of a container's log, as Docker keeps it, and as Fluent Bit passes it on.
    saying(None, &[("stream", None), ("time", None)], "log", Text),
    saying(None, &[("date", None)], "log", Text),
    saying(None, &[("kubernetes", None)], "log", Text),
    // A program's lines, as journald, Cloud Logging, Loki and Grafana have them.
    saying(None, &[("__REALTIME_TIMESTAMP", None)], "MESSAGE", Text),
    saying(None, &[("logName", None)], "jsonPayload", Either),
    saying(None, &[("logName", None)], "textPayload", Text),
    saying(None, &[("timestamp", None)], "line", Text),
    // What CloudWatch Logs Insights, Sumo Logic and Graylog find.
    saying(None, &[("@timestamp", None)], "@message", Text),
    saying(Some("messages"), &[], "map._raw", Text),
    saying(Some("messages"), &[], "message.message", Text),
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

/// Texts of which each envelope has at least one: an event without any is not read as an envelope.
const SIGNS: [&str; 27] = [
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
    "\"specversion\"",
    "\"dataVersion\"",
    "\"event\"",
    "\"_raw\"",
    "\"attributes\"",
    "\"_source\"",
    "\"log\"",
    "\"detail-type\"",
    "\"EnqueuedTimeUtc\"",
    "\"offset\"",
    "\"MESSAGE\"",
    "\"logName\"",
    "\"line\"",
    "\"@message\"",
    "\"messages\"",
    "\"MillisBehindLatest\"",
];

static SIGN_FINDER: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(SIGNS).expect("a few short texts"));

/// What was in an envelope.
pub(crate) struct Opened {
    /// The member that holds the contents, for people: `records`.
    pub(crate) name: &'static str,
    pub(crate) contents: Vec<Content>,
    says_something: bool,
}

/// One content of it.
pub(crate) struct Content {
    /// Where it stood: `records[0].data`.
    pub(crate) place: String,
    pub(crate) bytes: Vec<u8>,
}

impl Opened {
    /// Whether nothing is lost if these events, which are what it carries, are recorded in place of the whole.
    pub(crate) fn is_all_in<'a>(&self, whole: &[u8], mut events: impl Iterator<Item = &'a [u8]>) -> bool {
        !self.says_something || !is_dated(whole) && events.all(is_dated)
    }
}

/// Whether a parser finds in it what happened and when.
fn is_dated(event: &[u8]) -> bool {
    let document = core::str::from_utf8(event).ok().and_then(Document::parse);
    document.is_some_and(|document| {
        Parsers::built_in().parse(&document.root()).is_some_and(|read| read.time.is_some())
    })
}

/// What this object carries, if it is an envelope, and there is room `left` for it. Whether these are events is for the
/// caller to see.
pub(crate) fn open(object: &[u8], left: &Cell<usize>) -> Option<Opened> {
    if !SIGN_FINDER.is_match(object) {
        return None;
    }
    let text = core::str::from_utf8(object).ok()?;
    let document = Document::parse(text)?;
    let root = document.root();
    ENVELOPES.iter().find_map(|envelope| envelope.open(root, text, left)).or_else(|| hook(text))
}

fn hook(text: &str) -> Option<Opened> {
    let hook: Hook<'_> = serde_json::from_str(text).ok()?;
    let events = hook.data.events.iter().enumerate().map(|(nth, event)| Content {
        place: format!("data.events[{nth}]"),
        bytes: event.get().as_bytes().to_vec(),
    });
    (hook.kind == "com.okta.event_hook").then(|| Opened {
        name: "data.events",
        contents: events.collect(),
        says_something: false,
    })
}

impl Envelope {
    fn open(&self, root: Value<'_>, text: &str, left: &Cell<usize>) -> Option<Opened> {
        let is_this = self.with.iter().all(|&(name, text)| {
            root.get(name)
                .is_some_and(|value| text.is_none_or(|text| value.string().as_deref() == Some(text)))
        });
        if !is_this || root.at(self.list.unwrap_or(self.content)).is_none() {
            return None;
        }
        let contents = match self.list {
            None => vec![Content { place: self.content.into(), bytes: self.content(text, left)? }],
            Some(list) => {
                let elements: Vec<&RawValue> = serde_json::from_str(at(text, list)?).ok()?;
                let content = |(nth, element): (usize, &RawValue)| {
                    let place = format!("{list}[{nth}].{}", self.content);
                    Some(Content { place, bytes: self.content(element.get(), left)? })
                };
                elements.into_iter().enumerate().map(content).collect::<Option<_>>()?
            }
        };
        let (name, says_something) = (self.list.unwrap_or(self.content), self.says_something);
        (!contents.is_empty()).then_some(Opened { name, contents, says_something })
    }

    fn content(&self, holder: &str, left: &Cell<usize>) -> Option<Vec<u8>> {
        let content = at(holder, self.content)?;
        let content = match self.writing {
            Either if content.starts_with('{') => content.as_bytes().to_vec(),
            Text | Either => serde_json::from_str::<String>(content).ok()?.into_bytes(),
            Base64 => {
                let text: Cow<'_, str> = serde_json::from_str(content).ok()?;
                expanded(base64::decode(&*text)?, left.get())?
            }
        };
        // Where it was too much, nothing more is tried: that would cost as much each time.
        left.set(left.get().saturating_sub(content.len()));
        (left.get() > 0).then_some(content)
    }
}

/// What stands at a path of names separated by dots, as it stands. None where an object on the way has two members of one
/// name: one of them would be lost unseen.
fn at<'a>(object: &'a str, path: &str) -> Option<&'a str> {
    path.split('.').try_fold(object, |object, name| {
        let members: BTreeMap<Cow<'_, str>, &'a RawValue> = serde_json::from_str(object).ok()?;
        let are_all = members.len() == Document::parse(object)?.root().members().count();
        members.get(name).filter(|_| are_all).map(|value| value.get())
    })
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
    fn each_envelope_has_a_sign() {
        // A sign that the elements of these lists always have.
        let in_elements = [("Messages", "\"ReceiptHandle\""), ("receivedMessages", "\"ackId\"")];
        for Envelope { list, with, content, .. } in &ENVELOPES {
            let names = list.iter().chain([content]).flat_map(|path| path.split('.'));
            let with = with.iter().flat_map(|(name, text)| [Some(*name), *text]).flatten();
            let quoted: Vec<String> = names.chain(with).map(|text| format!("\"{text}\"")).collect();
            let element = in_elements.iter().find(|(name, _)| *list == Some(*name)).map(|(_, sign)| *sign);
            let is_found = quoted.iter().map(String::as_str).chain(element).any(|text| SIGNS.contains(&text));
            assert!(is_found, "SIGNS has none of {quoted:?}");
        }
    }

    #[test]
    fn what_expands_to_too_much_stays_as_it_is_and_so_does_all_after_it() {
        let (event, bomb) = (pushed(br#"{"action":"a"}"#), pushed(&vec![b' '; MAX_CONTENT]));
        let left = Cell::new(MAX_CONTENT);
        let opened = open(event.as_bytes(), &left).unwrap();
        assert_eq!((opened.name, &*opened.contents[0].bytes), ("message.data", &br#"{"action":"a"}"#[..]));
        assert_eq!(left.get(), MAX_CONTENT - 14);
        assert!(open(bomb.as_bytes(), &left).is_none());
        assert_eq!(left.get(), 0);
        assert!(open(event.as_bytes(), &left).is_none());
    }
}
