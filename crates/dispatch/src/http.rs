//! A destination that posts each batch over HTTP, in the format of its kind of server.

use std::io::Write as _;

use countersign_client::{Answer, Body, Client, DestinationError, Token, Url};
use countersign_errors::plain_lines;
use countersign_feeds::{Format, Record, otlp_request};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::destination::{BatchAnswer, Destination};

/// The kind of server that batches are posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpDialect {
    /// Plain lines, or a batch of `CloudEvents`.
    Any,
    /// Splunk's HTTP Event Collector.
    Splunk,
    /// The bulk API of Elasticsearch or `OpenSearch`.
    Elastic,
    /// An OpenTelemetry Collector.
    Otlp,
}

/// A destination that batches are posted to.
pub struct HttpDestination {
    /// A client for requests with a body.
    pub client: Client,
    /// The address.
    pub url: Url,
    /// The token, if the server requires one.
    pub token: Option<Token>,
    /// The kind of server.
    pub dialect: HttpDialect,
    /// The format of the records.
    pub format: Format,
    /// True to compress requests with gzip.
    pub gzip: bool,
    /// The maximum number of records in a batch.
    pub max_records: usize,
}

/// The maximum size of a response, in bytes.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// The maximum number of characters that are reported of a destination's reason.
const MAX_REASON_CHARS: usize = 200;

impl HttpDestination {
    fn encode(&self, records: &[&Record]) -> (&'static str, Vec<u8>) {
        let lines = || records.iter().flat_map(|record| [record.text.as_str(), "\n"]).collect::<String>();
        let (kind, text) = match self.dialect {
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

    /// Returns a record in the format of Splunk's HTTP Event Collector, whose times are in seconds.
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
        let scheme = match self.dialect {
            HttpDialect::Any | HttpDialect::Otlp => "Bearer",
            HttpDialect::Splunk => "Splunk",
            HttpDialect::Elastic => "ApiKey",
        };
        Some(format!("{scheme} {token}"))
    }

    fn post(&self, records: &[&Record]) -> Result<Answer, DestinationError> {
        let (content_type, mut bytes) = self.encode(records);
        let authorization = self.authorization();
        let mut headers: Vec<(&str, &str)> =
            authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        if self.gzip {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish());
            bytes = packed.map_err(|error| DestinationError::later(error.to_string()))?;
            headers.push(("content-encoding", "gzip"));
        }
        let answer =
            self.client.post_with(&self.url, Body { content_type, bytes }, &headers, MAX_ANSWER_BYTES);
        // The error's place would show the address, which may contain a secret.
        answer.map_err(|error| DestinationError::later(format!("{}: {}", self.host(), error.without_place())))
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

impl Destination for HttpDestination {
    fn send(&mut self, records: &[&Record]) -> Result<BatchAnswer, DestinationError> {
        let answer = self.post(records)?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is_empty = answer.body.trim_ascii().is_empty();
        match (answer.status, self.dialect) {
            (200..300, HttpDialect::Elastic) => elastic(&body, records.len()).ok_or_else(|| {
                DestinationError::later(format!("{} doesn't answer like a bulk API", self.host()))
            }),
            // A login page, for example.
            (200..300, HttpDialect::Otlp) if !is_empty && !body.is_object() => {
                Err(DestinationError::later(format!("{} doesn't answer like an OTLP receiver", self.host())))
            }
            (200..300, HttpDialect::Splunk) if !is_empty && body["code"] != 0 => {
                let why = "doesn't answer like Splunk's HTTP Event Collector";
                Err(DestinationError::later(format!("{} {why}", self.host())))
            }
            (200..300, HttpDialect::Otlp) => {
                // The response has only the number of rejected records, and forbids a retry.
                let rejected = &body["partialSuccess"]["rejectedLogRecords"];
                let rejected = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0);
                let why = body["partialSuccess"]["errorMessage"].as_str().unwrap_or_default();
                let rejected = (rejected > 0).then(|| (rejected, short(why)));
                Ok(BatchAnswer { rejected, ..BatchAnswer::default() })
            }
            (200..300, _) => Ok(BatchAnswer::default()),
            (400, HttpDialect::Splunk) => {
                match body["invalid-event-number"].as_u64().map(|nth| nth as usize) {
                    // The records before it were accepted.
                    Some(nth) if nth < records.len() => {
                        let why = short(body["text"].as_str().unwrap_or("refused"));
                        Ok(BatchAnswer {
                            refused: vec![(nth, why)],
                            later: (nth + 1..records.len()).collect(),
                            ..BatchAnswer::default()
                        })
                    }
                    _ => Err(DestinationError::Refused(format!("{} answered with status 400", self.host()))),
                }
            }
            (status @ (400 | 413 | 422), _) => {
                Err(DestinationError::Refused(format!("{} answered with status {status}", self.host())))
            }
            // A wrong token or path needs a person, so retry until it is fixed.
            (status, _) => {
                let why = format!("{} answered with status {status}", self.host());
                Err(DestinationError::Later { why, after: answer.retry_after })
            }
        }
    }

    fn max_records(&self) -> usize {
        self.max_records
    }
}

/// Parses the answer of a bulk API. A record that already exists (409) counts as accepted.
fn elastic(body: &Value, records: usize) -> Option<BatchAnswer> {
    let items = body["items"].as_array().filter(|items| items.len() == records)?;
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
    plain_lines(text).chars().take(MAX_REASON_CHARS).collect()
}
