//! Envelopes in which queues and streams carry events: SNS, SQS, Kinesis, Firehose, `CloudWatch` Logs
//! subscriptions, Pub/Sub, event hooks, `CloudEvents`, Event Grid, formats of Splunk and Elasticsearch, and
//! lines of container logs.
//!
//! Contents are extracted before they are recorded, because searches can't find an event in base64, and
//! redaction can't find its secrets.

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
use serde_json::value::RawValue;

/// The maximum number of bytes extracted from an envelope, including nested ones: compressed data may
/// expand to any size.
pub(crate) const MAX_CONTENT: usize = 32 << 20;

/// The encoding of an envelope's content.
#[derive(Clone, Copy)]
enum Encoding {
    /// A JSON string.
    Text,
    /// A JSON string in base64, possibly compressed with gzip.
    Base64,
    /// A JSON object or string.
    Either,
}
use Encoding::{Base64, Either, Text};

struct Envelope {
    /// The list whose elements each contain an event; `None` if the whole object contains one.
    list: Option<&'static str>,
    /// Members that must also exist, and their required strings.
    with: Conditions,
    /// The path to the content; `""` if an element of the list is the event itself.
    content: &'static str,
    encoding: Encoding,
    /// True if the members around the content may describe the event, such as its time. Then the content is
    /// only extracted if a parser finds the action and the time in it, and doesn't recognize the whole.
    has_context: bool,
}

type Conditions = &'static [(&'static str, Option<&'static str>)];

const fn one(with: Conditions, content: &'static str, encoding: Encoding) -> Envelope {
    Envelope { list: None, with, content, encoding, has_context: false }
}

const fn each(list: &'static str, with: Conditions, content: &'static str, encoding: Encoding) -> Envelope {
    Envelope { list: Some(list), ..one(with, content, encoding) }
}

/// Describes an envelope with a nested list whose elements are events.
const fn elements(list: &'static str, with: Conditions) -> Envelope {
    each(list, with, "", Either)
}

/// Describes an envelope whose other members may describe the event.
const fn with_context(
    list: Option<&'static str>,
    with: Conditions,
    content: &'static str,
    encoding: Encoding,
) -> Envelope {
    Envelope { list, with, content, encoding, has_context: true }
}

/// The known envelopes. A new one also needs one of [`SIGNS`], and a row in docs/importing-logs.md.
static ENVELOPES: &[Envelope] = &[
    // SNS over HTTPS, and to a Lambda function.
    one(&[("Type", Some("Notification")), ("TopicArn", None)], "Message", Text),
    one(&[("EventSource", Some("aws:sns"))], "Sns.Message", Text),
    // SQS to a Lambda function, and the response of ReceiveMessage.
    one(&[("eventSource", Some("aws:sqs"))], "body", Text),
    one(&[("ReceiptHandle", None)], "Body", Text),
    each("Messages", &[], "Body", Text),
    one(&[("eventSource", Some("aws:kinesis"))], "kinesis.data", Base64),
    each("Records", &[("MillisBehindLatest", None)], "Data", Base64),
    // Firehose to a Lambda function, and over HTTPS.
    each("records", &[("deliveryStreamArn", None)], "data", Base64),
    each("records", &[("requestId", None), ("timestamp", None)], "data", Base64),
    // CloudWatch Logs to a Lambda function.
    one(&[], "awslogs.data", Base64),
    // Pub/Sub: pushed, pulled, and passed on by Eventarc.
    one(&[("subscription", None)], "message.data", Base64),
    one(&[("ackId", None)], "message.data", Base64),
    each("receivedMessages", &[], "message.data", Base64),
    one(&[("specversion", None)], "data.message.data", Base64),
    // Okta's event hooks, and Duo's Admin API, version 2.
    elements("data.events", &[("eventType", Some("com.okta.event_hook"))]),
    elements("response.authlogs", &[("stat", None)]),
    elements("response.items", &[("stat", None)]),
    // CloudEvents, and Azure's Event Grid.
    with_context(None, &[("specversion", None)], "data_base64", Base64),
    with_context(None, &[("specversion", None)], "data", Either),
    with_context(None, &[("eventType", None), ("dataVersion", None)], "data", Either),
    // EventBridge, with events of custom applications.
    with_context(None, &[("detail-type", None)], "detail", Either),
    // Event Hubs and Kafka, in the format of tools that write them to files.
    with_context(None, &[("EnqueuedTimeUtc", None)], "Body", Either),
    with_context(None, &[("topic", None), ("offset", None)], "value", Either),
    // Splunk: the input of the HTTP Event Collector, and exported search results.
    with_context(None, &[("sourcetype", None)], "event", Either),
    with_context(None, &[("time", None), ("host", None)], "event", Either),
    with_context(None, &[], "result._raw", Text),
    with_context(Some("results"), &[("preview", None)], "_raw", Text),
    // Cribl, and single Splunk results.
    with_context(None, &[("_time", None)], "_raw", Text),
    // Datadog: its archives, and the responses of its two search APIs.
    with_context(None, &[("_id", None), ("date", None)], "attributes", Either),
    with_context(None, &[("type", Some("log"))], "attributes.attributes", Either),
    with_context(None, &[("id", None)], "content.attributes", Either),
    // Elasticsearch: a document, and a search response.
    with_context(None, &[("_index", None)], "_source", Either),
    with_context(Some("hits.hits"), &[], "_source", Either),
    // A line of a container log, as written by Docker, and as passed on by Fluent Bit.
    with_context(None, &[("stream", None), ("time", None)], "log", Text),
    with_context(None, &[("date", None)], "log", Text),
    with_context(None, &[("kubernetes", None)], "log", Text),
    // Lines of program output in journald, Cloud Logging, Loki, and Grafana.
    with_context(None, &[("__REALTIME_TIMESTAMP", None)], "MESSAGE", Text),
    with_context(None, &[("logName", None)], "jsonPayload", Either),
    with_context(None, &[("logName", None)], "textPayload", Text),
    with_context(None, &[("timestamp", None)], "line", Text),
    // Results of CloudWatch Logs Insights, Sumo Logic, and Graylog.
    with_context(None, &[("@timestamp", None)], "@message", Text),
    with_context(Some("messages"), &[], "map._raw", Text),
    with_context(Some("messages"), &[], "message.message", Text),
    // Responses whose list is deeper: Figma, Linear, Sentry, Snyk, and Wiz.
    with_context(Some("meta.activity_logs"), &[], "", Either),
    with_context(Some("data.auditEntries.nodes"), &[], "", Either),
    with_context(Some("rows"), &[("options", None)], "", Either),
    with_context(Some("data.items"), &[("jsonapi", None)], "", Either),
    with_context(Some("data.auditLogEntries.nodes"), &[], "", Either),
];

/// Marks of envelopes: each envelope contains at least one. An event without any is not parsed as an
/// envelope.
const SIGNS: &[&str] = &[
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
    "\"stat\"",
    "\"activity_logs\"",
    "\"auditEntries\"",
    "\"auditLogEntries\"",
    "\"jsonapi\"",
    "\"rows\"",
];

static SIGN_FINDER: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(SIGNS).expect("a few short texts"));

/// An opened envelope.
pub(crate) struct Opened {
    /// The member with the contents, for people: `records`.
    pub(crate) name: &'static str,
    pub(crate) contents: Vec<Content>,
    has_context: bool,
}

/// A content of an envelope.
pub(crate) struct Content {
    /// The content's position: `records[0].data`.
    pub(crate) place: String,
    pub(crate) bytes: Vec<u8>,
}

impl Opened {
    /// True if nothing is lost when these events, which are the contents, are recorded instead of the whole.
    pub(crate) fn is_lossless<'a>(&self, whole: &[u8], mut events: impl Iterator<Item = &'a [u8]>) -> bool {
        !self.has_context || !is_dated(whole) && events.all(is_dated)
    }
}

/// True if a parser finds the action and the time in the event.
fn is_dated(event: &[u8]) -> bool {
    let document = core::str::from_utf8(event).ok().and_then(Document::parse);
    document.is_some_and(|document| {
        Parsers::built_in().parse(&document.root()).is_some_and(|read| read.time.is_some())
    })
}

/// Opens an envelope and extracts its contents, up to `left` bytes. `None` if the object isn't an envelope.
/// The caller checks that the contents are events.
pub(crate) fn open(object: &[u8], left: &Cell<usize>) -> Option<Opened> {
    if !SIGN_FINDER.is_match(object) {
        return None;
    }
    let text = core::str::from_utf8(object).ok()?;
    let document = Document::parse(text)?;
    let root = document.root();
    ENVELOPES.iter().find_map(|envelope| envelope.open(root, text, left))
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
                    let dot = if self.content.is_empty() { "" } else { "." };
                    let place = format!("{list}[{nth}]{dot}{}", self.content);
                    Some(Content { place, bytes: self.content(element.get(), left)? })
                };
                elements.into_iter().enumerate().map(content).collect::<Option<_>>()?
            }
        };
        let (name, has_context) = (self.list.unwrap_or(self.content), self.has_context);
        (!contents.is_empty()).then_some(Opened { name, contents, has_context })
    }

    fn content(&self, holder: &str, left: &Cell<usize>) -> Option<Vec<u8>> {
        let content = if self.content.is_empty() { holder } else { at(holder, self.content)? };
        let content = match self.encoding {
            Either if content.starts_with('{') => content.as_bytes().to_vec(),
            Text | Either => serde_json::from_str::<String>(content).ok()?.into_bytes(),
            Base64 => {
                let text: Cow<'_, str> = serde_json::from_str(content).ok()?;
                decompress(base64::decode(&*text)?, left.get())?
            }
        };
        // Once the limit is exceeded, nothing more is extracted: each attempt would cost as much again.
        left.set(left.get().saturating_sub(content.len()));
        (left.get() > 0).then_some(content)
    }
}

/// Returns the raw JSON at a path of names separated by dots, which may be empty. `None` if an object on the way repeats a
/// name, because one value would be lost silently.
fn at<'a>(object: &'a str, path: &str) -> Option<&'a str> {
    path.split('.').filter(|name| !name.is_empty()).try_fold(object, |object, name| {
        let members: BTreeMap<Cow<'_, str>, &'a RawValue> = serde_json::from_str(object).ok()?;
        let are_distinct = members.len() == Document::parse(object)?.root().members().count();
        members.get(name).filter(|_| are_distinct).map(|value| value.get())
    })
}

/// Decompresses bytes if they are gzip, up to `max` bytes.
fn decompress(bytes: Vec<u8>, max: usize) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"\x1f\x8b") {
        return Some(bytes);
    }
    let mut content = Vec::new();
    MultiGzDecoder::new(&*bytes).take(max as u64).read_to_end(&mut content).ok()?;
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
        // Signs that are always in the elements of these lists.
        let in_elements = [("Messages", "\"ReceiptHandle\""), ("receivedMessages", "\"ackId\"")];
        for Envelope { list, with, content, .. } in ENVELOPES {
            let names = list.iter().chain([content]).flat_map(|path| path.split('.'));
            let with = with.iter().flat_map(|(name, text)| [Some(*name), *text]).flatten();
            let quoted: Vec<String> = names.chain(with).map(|text| format!("\"{text}\"")).collect();
            let element = in_elements.iter().find(|(name, _)| *list == Some(*name)).map(|(_, sign)| *sign);
            let is_found = quoted.iter().map(String::as_str).chain(element).any(|text| SIGNS.contains(&text));
            assert!(is_found, "SIGNS has none of {quoted:?}");
        }
    }

    #[test]
    fn contents_beyond_the_limit_stay_in_their_envelopes() {
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
