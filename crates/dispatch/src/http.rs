//! HTTP: a batch a request, in the shape that its receiver wants.

use std::io::Write as _;

use countersign_client::{Answer, Body, Client, DestinationError, Token, Url};
use countersign_errors::plain_lines;
use countersign_feeds::{Format, Record, otlp_request};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::destination::{BatchAnswer, Destination};

/// The kind of receiver that requests are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpDialect {
    /// Lines, as they are; `CloudEvents` in their own kind of batch.
    Any,
    /// Splunk's HTTP Event Collector.
    Splunk,
    /// Elasticsearch's or `OpenSearch`'s bulk interface.
    Elastic,
    /// A OpenTelemetry Collector.
    Otlp,
}

/// A receiver that batches are posted to.
pub struct HttpDestination {
    /// A client for requests with a body.
    pub client: Client,
    /// The address.
    pub url: Url,
    /// The token, if the receiver wants one.
    pub token: Option<Token>,
    /// The kind of receiver.
    pub receiver: HttpDialect,
    /// The format of the records.
    pub format: Format,
    /// True if posts are compressed with gzip.
    pub gzip: bool,
    /// The most records of a batch.
    pub max_records: usize,
}

/// The most bytes of an answer.
const ANSWER: usize = 16 << 20;
/// How much of a receiver's reason is told.
const REASON: usize = 200;

impl HttpDestination {
    fn body(&self, records: &[&Record]) -> (&'static str, Vec<u8>) {
        let lines = || records.iter().flat_map(|record| [record.text.as_str(), "\n"]).collect::<String>();
        let (kind, text) = match self.receiver {
            HttpDialect::Any if self.format == Format::CloudEvents => {
                let texts: Vec<&str> = records.iter().map(|record| record.text.as_str()).collect();
                ("application/cloudevents-batch+json", format!("[{}]", texts.join(",")))
            }
            HttpDialect::Any if self.format.is_json() => ("application/x-ndjson", lines()),
            HttpDialect::Any => ("text/plain; charset=utf-8", lines()),
            HttpDialect::Splunk => {
                ("application/json", records.iter().map(|record| self.hec(record)).collect())
            }
            HttpDialect::Elastic => {
                let action = |record: &Record| json!({ "create": { "_id": record.id } }).to_string();
                let text = records.iter().flat_map(|record| [action(record), record.text.clone()]);
                let text = text.flat_map(|line| [line, "\n".into()]).collect();
                ("application/x-ndjson", text)
            }
            HttpDialect::Otlp => {
                ("application/json", otlp_request(records.iter().map(|record| record.text.as_str())))
            }
        };
        (kind, text.into_bytes())
    }

    /// An event of Splunk's, whose time is in seconds.
    fn hec(&self, record: &Record) -> String {
        let millis = record.time.millis();
        let time = format!("{}.{:03}", millis.div_euclid(1_000), millis.rem_euclid(1_000));
        let id = Value::from(record.id.as_str());
        let event =
            if self.format.is_json() { record.text.clone() } else { Value::from(&*record.text).to_string() };
        let kind = self.format.as_str();
        format!(
            "{{\"time\":{time},\"source\":\"countersign\",\"sourcetype\":\"countersign:{kind}\",\"fields\":{{\"countersign_id\":{id}}},\"event\":{event}}}\n"
        )
    }

    fn authorization(&self) -> Option<String> {
        let token = self.token.as_ref()?.as_str();
        let scheme = match self.receiver {
            HttpDialect::Any | HttpDialect::Otlp => "Bearer",
            HttpDialect::Splunk => "Splunk",
            HttpDialect::Elastic => "ApiKey",
        };
        Some(format!("{scheme} {token}"))
    }

    fn post(&self, records: &[&Record]) -> Result<Answer, DestinationError> {
        let (content_type, mut bytes) = self.body(records);
        let authorization = self.authorization();
        let mut headers: Vec<(&str, &str)> =
            authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        if self.gzip {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish());
            bytes = packed.map_err(|error| DestinationError::later(error.to_string()))?;
            headers.push(("content-encoding", "gzip"));
        }
        let answer = self.client.post_with(&self.url, Body { content_type, bytes }, &headers, ANSWER);
        // The failure itself names the address, which may hold what others are not to see.
        answer.map_err(|error| DestinationError::later(format!("{}: {}", self.host(), error.without_place())))
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

impl Destination for HttpDestination {
    fn send(&mut self, records: &[&Record]) -> Result<BatchAnswer, DestinationError> {
        let answer = self.post(records)?;
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match (answer.status, self.receiver) {
            (200..300, HttpDialect::Elastic) => elastic(&said, records.len()).ok_or_else(|| {
                DestinationError::later(format!("{} does not answer as a bulk interface does", self.host()))
            }),
            (200..300, HttpDialect::Otlp) => {
                // It says how many and not which, and that they are not to be sent again.
                let rejected = &said["partialSuccess"]["rejectedLogRecords"];
                let rejected = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0);
                let why = said["partialSuccess"]["errorMessage"].as_str().unwrap_or_default();
                let rejected = (rejected > 0).then(|| (rejected, short(why)));
                Ok(BatchAnswer { rejected, ..BatchAnswer::default() })
            }
            (200..300, _) => Ok(BatchAnswer::default()),
            (400, HttpDialect::Splunk) => {
                match said["invalid-event-number"].as_u64().map(|nth| nth as usize) {
                    // The records before it were accepted.
                    Some(nth) if nth < records.len() => {
                        let why = short(said["text"].as_str().unwrap_or("refused"));
                        Ok(BatchAnswer {
                            refused: vec![(nth, why)],
                            later: (nth + 1..records.len()).collect(),
                            ..BatchAnswer::default()
                        })
                    }
                    _ => Err(DestinationError::Refused(format!("{} answers with status 400", self.host()))),
                }
            }
            (status @ (400 | 413 | 422), _) => {
                Err(DestinationError::Refused(format!("{} answers with status {status}", self.host())))
            }
            // A token that is wrong, or a path, is repaired by a person.
            (status, _) => {
                let why = format!("{} answers with status {status}", self.host());
                Err(DestinationError::Later { why, after: answer.retry_after })
            }
        }
    }

    fn max_records(&self) -> usize {
        self.max_records
    }
}

/// What a bulk interface says of each. What is there already is there.
fn elastic(said: &Value, records: usize) -> Option<BatchAnswer> {
    let items = said["items"].as_array().filter(|items| items.len() == records)?;
    let mut answer = BatchAnswer::default();
    for (nth, item) in items.iter().enumerate() {
        let item = &item["create"];
        match item["status"].as_u64()? {
            200..300 | 409 => {}
            429 | 500.. => answer.later.push(nth),
            status => {
                let why = short(item["error"]["type"].as_str().unwrap_or("refused"));
                answer.refused.push((nth, format!("{why} ({status})")));
            }
        }
    }
    Some(answer)
}

fn short(text: &str) -> String {
    plain_lines(text).chars().take(REASON).collect()
}
