//! Explains a search: fields that no event has, and why nothing was found.

use std::io::{Read as _, Write as _};

use countersign_client::{Client, Prefix, Redirects, Token};
use countersign_log::export::Explained;
use countersign_query::Findings;
use countersign_query::tally::{PartMatches, UnknownField, short_name};
use serde_json::Value;

use super::{Request, explain};
use crate::errors::CliError;
use crate::io::query;
use crate::io::stage::Stage;
use crate::io::style::{doubt, plain};

/// The maximum size of a response, in bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// The explanation of a search.
pub(super) struct SearchExplanation {
    findings: Findings,
    /// True if all events were examined.
    whole: bool,
}

impl SearchExplanation {
    /// Creates the explanation of a search in a folder.
    pub(super) fn new(explained: Explained, fields_alone: bool) -> Self {
        Self { findings: explained.findings, whole: !fields_alone }
    }
}

/// Requests the explanation from a log server.
pub(super) fn from_log_server(
    prefix: &Prefix,
    request: &Request,
    fields_alone: bool,
    token: Option<&Token>,
) -> Result<SearchExplanation, CliError> {
    let only = fields_alone.then_some(("only", "fields"));
    let query: Vec<(&str, &str)> = request.searched().chain(only).collect();
    let client = Client::new(Redirects::SameHost)?;
    let answer = client.stream(&prefix.join("explain", &query), token.map(Token::as_str))?;
    let answer = answer.map_err(|refused| explain(&refused, token.is_some()))?;
    let name = answer.name().to_owned();
    let mut sent = Vec::new();
    answer
        .paced()
        .take(MAX_ANSWER_BYTES)
        .read_to_end(&mut sent)
        .map_err(|error| CliError::io("read", &name, &error))?;
    let explanation = decompress(&sent).and_then(|text| read(&text));
    explanation.ok_or_else(|| {
        CliError::unusable(
            "log.answer",
            "the response is not an explanation",
            "check whether the log server runs another version",
        )
    })
}

/// Decompresses a response, if it is compressed.
fn decompress(sent: &[u8]) -> Option<String> {
    let (mut stage, mut text) = (Stage::default(), Vec::new());
    let mut take = |piece: &[u8]| {
        if (text.len() as u64) < MAX_ANSWER_BYTES {
            text.extend_from_slice(piece);
        }
    };
    stage.push(sent, &mut take).and_then(|()| stage.finish(&mut take)).ok()?;
    String::from_utf8(text).ok()
}

fn read(text: &str) -> Option<SearchExplanation> {
    let body: Value = serde_json::from_str(text).ok()?;
    let strings = |value: &Value| {
        let texts = value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<_>>>()
    };
    let unknown = |unknown: &Value| {
        let field = unknown["field"].as_str()?.to_owned();
        Some(UnknownField { at: 0..0, field, nearest: strings(&unknown["nearest"])? })
    };
    let left = |left: &Value| {
        let short = left["short"].as_str().and_then(short_name);
        Some(PartMatches { part: left["part"].as_str()?.into(), events: left["events"].as_u64()?, short })
    };
    let parts = |name: &str| match body.get(name) {
        Some(parts) => parts.as_array()?.iter().map(left).collect(),
        None => Some(Vec::new()),
    };
    let times = &body["times"];
    let findings = Findings {
        matched: body["matched"].as_u64().unwrap_or_default(),
        of: body["of"].as_u64().unwrap_or_default(),
        unknown: body["unknown"].as_array()?.iter().map(unknown).collect::<Option<_>>()?,
        conditions: parts("conditions")?,
        steps: parts("steps")?,
        times: times["own"].as_u64().zip(times["recorded"].as_u64()),
        unparsed: None,
    };
    Some(SearchExplanation { findings, whole: body.get("of").is_some() })
}

/// Prints the explanation. A failure doesn't affect the export.
pub(super) fn print(explanation: Result<SearchExplanation, CliError>) {
    let text = match explanation {
        Ok(SearchExplanation { findings, whole: true }) => {
            query::summary(&findings, ["event of the log", "events of the log"])
        }
        Ok(SearchExplanation { findings, .. }) => query::unknown_fields(&findings.unknown),
        Err(failure) => {
            let why = plain(&failure.brief());
            format!(
                "{}\n",
                doubt(format_args!("! It is unknown whether events have the fields of the query: {why}"))
            )
        }
    };
    let _ = write!(anstream::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_explanations() {
        let SearchExplanation { findings, whole } = read(
            r#"{"size":9,"query":"a:1","of":5,"matched":0,"unknown":[{"field":"a","at":[0,1],"nearest":["b"]}],
            "conditions":[{"part":"a:1","events":0,"short":"actor"}],"steps":[{"part":"a:1","events":0}],"times":{"own":2,"recorded":3}}"#,
        )
        .unwrap();
        assert_eq!(
            (findings.of, findings.times, findings.conditions.len(), whole),
            (5, Some((2, 3)), 1, true)
        );
        assert_eq!(findings.conditions[0].short, Some("actor"));
        assert_eq!((&*findings.unknown[0].field, &*findings.unknown[0].nearest[0]), ("a", "b"));
        let part = read(r#"{"size":9,"query":"","unknown":[]}"#).unwrap();
        assert!(!part.whole && part.findings.unknown.is_empty());
        for text in ["", "[]", r#"{"unknown":[{}]}"#, r#"{"unknown":[],"steps":[1]}"#] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
