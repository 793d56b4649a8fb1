//! Blocks: the API calls of many events, serialized compactly.

use countersign::time::Time;
use countersign_query::Outcome;
use serde::{Deserialize, Serialize};

use super::ApiCall;
use super::call::{Call, Method, Target};
use crate::interner::{Interner, written};

/// A call. Numbers refer to the texts of its block.
#[derive(Serialize, Deserialize)]
struct PackedCall {
    /// The method of a request; `None` for an operation of a service.
    method: Option<u8>,
    /// The path of a request, or the operation.
    what: u32,
    /// The service of an operation.
    service: u32,
    status: Option<u16>,
    outcome: u8,
    latency: Option<f64>,
    caller: Option<u32>,
    is_unauthenticated: bool,
    /// The time in milliseconds, since that of the previous call.
    time: i64,
}

impl ApiCall {
    /// Serializes calls, for another worker.
    pub fn encode_block(calls: impl IntoIterator<Item = Self>) -> Vec<u8> {
        let (mut texts, mut interner, mut before) = (Vec::new(), Interner::default(), 0);
        let mut text = |text: &str| interner.intern(Box::<str>::from(text), &mut texts);
        let packed = |Self(call): Self| {
            let (method, what, service) = match &call.target {
                Target::Request { method, path } => (Some(method.number()), text(path), 0),
                Target::Operation { service, operation } => (None, text(operation), text(service)),
            };
            let time = call.time.millis();
            PackedCall {
                method,
                what,
                service,
                status: call.status,
                outcome: call.outcome as u8,
                latency: call.latency,
                caller: call.caller.as_deref().map(&mut text),
                is_unauthenticated: call.is_unauthenticated,
                time: time - std::mem::replace(&mut before, time),
            }
        };
        let calls: Vec<PackedCall> = calls.into_iter().map(packed).collect();
        written(&(texts, calls))
    }

    /// Deserializes this number of calls. `None` if the bytes are malformed.
    pub fn decode_block(bytes: &[u8], count: usize) -> Option<Vec<Self>> {
        let ((texts, calls), rest) =
            postcard::take_from_bytes::<(Vec<Box<str>>, Vec<PackedCall>)>(bytes).ok()?;
        let mut before = 0_i64;
        let call = |packed: PackedCall| {
            let text = |number: u32| texts.get(number as usize).map(|text| text.clone().into_string());
            let is_latency = |millis: &f64| *millis >= 0.0;
            let is_sound = packed.status.is_none_or(|status| (100..600).contains(&status))
                && packed.latency.as_ref().is_none_or(is_latency);
            before = before.checked_add(packed.time).filter(|_| is_sound)?;
            let target = match packed.method {
                Some(method) => {
                    Target::Request { method: Method::numbered(method)?, path: text(packed.what)?.into() }
                }
                None => Target::Operation {
                    service: text(packed.service)?.into(),
                    operation: text(packed.what)?.into(),
                },
            };
            let caller = match packed.caller {
                Some(caller) => Some(text(caller)?),
                None => None,
            };
            Some(Self(Call {
                target,
                status: packed.status,
                outcome: Outcome::ALL.get(usize::from(packed.outcome)).copied()?,
                latency: packed.latency,
                caller,
                is_unauthenticated: packed.is_unauthenticated,
                time: Time::from_millis(before)?,
                leaf: 0,
            }))
        };
        if calls.len() != count || !rest.is_empty() {
            return None;
        }
        calls.into_iter().map(call).collect()
    }
}

#[cfg(test)]
mod tests {
    use countersign_query::value::Document;
    use countersign_query::{Entry, Parsers};

    use super::*;

    fn calls() -> Vec<ApiCall> {
        let parsers = Parsers::built_in();
        let call = |number: i64| {
            let text = match number % 3 {
                0 => format!(
                    r#"{{"action":"http.request","actor":{{"id":"u{}"}},"http":{{"method":"GET","path":"/jobs/{number}","status":200,"latency_ms":1.5}}}}"#,
                    number % 4
                ),
                1 => r#"{"action":"a","http":{"method":"BREW","path":"/pot"},"outcome":"denied"}"#.into(),
                _ => r#"{"eventVersion":"1.08","eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventTime":"2026-11-20T06:00:00Z","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/bob"}}"#.into(),
            };
            let document = Document::parse(&text).unwrap();
            let read = parsers.parse(&document.root());
            let recorded = Time::from_millis(1_790_000_000_000 - number * 77).unwrap();
            let entry =
                Entry { event: Some(document.root()), read: read.as_ref(), ..Entry::recorded(recorded) };
            ApiCall::from_entry(&entry).unwrap()
        };
        (0..60).map(call).collect()
    }

    #[test]
    fn blocks_round_trip() {
        let calls = calls();
        let bytes = ApiCall::encode_block(calls.clone());
        let decoded = ApiCall::decode_block(&bytes, calls.len()).unwrap();
        assert_eq!(format!("{decoded:?}"), format!("{calls:?}"));
        assert!(bytes.len() < 40 * calls.len(), "{}", bytes.len());
    }

    #[test]
    fn damaged_blocks_are_refused() {
        let bytes = ApiCall::encode_block(calls());
        assert!([0, 59, 61].iter().all(|count| ApiCall::decode_block(&bytes, *count).is_none()));
        assert!((0..bytes.len()).all(|length| ApiCall::decode_block(&bytes[..length], 60).is_none()));
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 0x55;
            // Some changes give other calls. None of them fails otherwise.
            let _ = ApiCall::decode_block(&altered, 60);
        }
    }
}
