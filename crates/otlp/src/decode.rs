//! Decoding of exports: resources with scopes with records.

mod decoder;
mod json;
mod protobuf;

use crate::format::Format;
use crate::limits::{MAX_DEPTH, MAX_RECORD_BYTES, MAX_RECORDS};
use crate::problem::Problem;
use crate::record::{LogRecord, Source};
use decoder::{Branch, Decoder, Fault};

/// The reason why an export can't be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError<E = std::convert::Infallible> {
    /// It is not an export of log records.
    #[error("the body is not an OTLP log export in {0}")]
    Malformed(Format),
    /// It has more than [`MAX_RECORDS`].
    #[error("the export has more than {MAX_RECORDS} log records")]
    TooMany,
    /// A resource or scope has more than [`MAX_RECORD_BYTES`].
    #[error("a resource or scope has more than {MAX_RECORD_BYTES} bytes")]
    LargeSource,
    /// The callback failed.
    #[error("{0}")]
    Stopped(E),
}

/// A callback for each record, or for the reason why it is refused.
pub type EachRecord<'a, E> = dyn FnMut(Result<LogRecord<'_>, Problem>) -> Result<(), E> + 'a;

/// Decodes an export, and passes on each record in order, or the reason why it is refused.
///
/// # Errors
/// [`DecodeError`]. Records before the error have been passed on.
pub fn decode<E>(format: Format, body: &[u8], each: &mut EachRecord<'_, E>) -> Result<(), DecodeError<E>> {
    match format {
        Format::Protobuf => walk(&protobuf::Protobuf, format, body, each),
        Format::Json => walk(&json::Json, format, body, each),
    }
}

fn walk<'a, D: Decoder<'a>, E>(
    decoder: &D,
    format: Format,
    body: &'a [u8],
    each: &mut EachRecord<'_, E>,
) -> Result<(), DecodeError<E>> {
    let malformed = |_| DecodeError::Malformed(format);
    let small = |part: &D::Part| {
        if decoder.bytes(*part) > MAX_RECORD_BYTES { Err(DecodeError::LargeSource) } else { Ok(()) }
    };
    let mut count = 0;
    for resource in decoder.resources(body).map_err(malformed)? {
        let Branch { head: resource, list: scopes } = decoder.scopes(resource).map_err(malformed)?;
        resource.as_ref().map_or(Ok(()), small)?;
        let resource = resource.map_or(Ok(Vec::new()), |part| decoder.resource(part)).map_err(malformed)?;
        let mut source = Source::from_resource(resource);
        for scope in scopes {
            let Branch { head: scope, list: records } = decoder.records(scope).map_err(malformed)?;
            scope.as_ref().map_or(Ok(()), small)?;
            source.scope = scope.map_or(Ok(String::new()), |part| decoder.scope(part)).map_err(malformed)?;
            count += records.len();
            if count > MAX_RECORDS {
                return Err(DecodeError::TooMany);
            }
            for record in records {
                let decoded = if decoder.bytes(record) > MAX_RECORD_BYTES {
                    Err(Problem::Large)
                } else {
                    match decoder.record(record) {
                        Ok(record) => {
                            within_depth(record).map(|record| LogRecord { source: &source, ..record })
                        }
                        Err(Fault::Deep) => Err(Problem::Deep),
                        Err(Fault::Malformed) => return Err(DecodeError::Malformed(format)),
                    }
                };
                each(decoded).map_err(DecodeError::Stopped)?;
            }
        }
    }
    Ok(())
}

fn within_depth(record: LogRecord<'_>) -> Result<LogRecord<'_>, Problem> {
    let mut values = record.attributes.iter().map(|(_, value)| value).chain(&record.body);
    if values.any(|value| value.depth() > MAX_DEPTH) { Err(Problem::Deep) } else { Ok(record) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(format: Format, body: &[u8]) -> Result<Vec<Option<Problem>>, DecodeError> {
        let mut found = Vec::new();
        decode(format, body, &mut |record| {
            found.push(record.err());
            Ok(())
        })?;
        Ok(found)
    }

    fn json_export(records: &str) -> String {
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#)
    }

    /// Returns a message's field with these bytes.
    pub(super) fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![tag << 3 | 2];
        let mut rest = bytes.len();
        while rest > 0x7f {
            field.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        field.push(rest as u8);
        field.extend(bytes);
        field
    }

    fn protobuf_export(records: &[u8]) -> Vec<u8> {
        field(1, &field(2, records))
    }

    /// Returns the body of a record that many levels deep.
    fn nested(levels: usize) -> (String, Vec<u8>) {
        let (mut json, mut protobuf) = (r#"{"intValue":"1"}"#.to_owned(), vec![0x18, 1]);
        for _ in 1..levels {
            json = format!(r#"{{"kvlistValue":{{"values":[{{"key":"k","value":{json}}}]}}}}"#);
            protobuf = field(6, &field(1, &[field(1, b"k"), field(2, &protobuf)].concat()));
        }
        (json_export(&format!(r#"{{"body":{json}}}"#)), protobuf_export(&field(2, &field(5, &protobuf))))
    }

    #[test]
    fn deep_records_are_refused_alone() {
        let deep = [MAX_DEPTH + 1, 30, 31, 32, 33, 34, 20_000].map(|levels| (levels, Some(Problem::Deep)));
        for (levels, expected) in [&[(MAX_DEPTH, None)][..], &deep].concat() {
            let (json, protobuf) = nested(levels);
            assert_eq!(count(Format::Json, json.as_bytes()), Ok(vec![expected]), "{levels}");
            assert_eq!(count(Format::Protobuf, &protobuf), Ok(vec![expected]), "{levels}");
        }
    }

    #[test]
    fn large_records_are_refused_alone() {
        let text = "x".repeat(MAX_RECORD_BYTES);
        let json = json_export(&format!(r#"{{"severityText":"{text}"}},{{}}"#));
        assert_eq!(count(Format::Json, json.as_bytes()), Ok(vec![Some(Problem::Large), None]));
        let protobuf = [field(2, &field(3, text.as_bytes())), field(2, b"")].concat();
        assert_eq!(
            count(Format::Protobuf, &protobuf_export(&protobuf)),
            Ok(vec![Some(Problem::Large), None])
        );
    }

    #[test]
    fn the_number_of_records_is_bounded() {
        let all = |count: usize| {
            (json_export(&vec!["{}"; count].join(",")), protobuf_export(&field(2, b"").repeat(count)))
        };
        let (json, protobuf) = all(MAX_RECORDS);
        assert_eq!(count(Format::Json, json.as_bytes()).map(|all| all.len()), Ok(MAX_RECORDS));
        assert_eq!(count(Format::Protobuf, &protobuf).map(|all| all.len()), Ok(MAX_RECORDS));
        let (json, protobuf) = all(MAX_RECORDS + 1);
        assert_eq!(count(Format::Json, json.as_bytes()), Err(DecodeError::TooMany));
        assert_eq!(count(Format::Protobuf, &protobuf), Err(DecodeError::TooMany));
    }

    #[test]
    fn strings_that_are_not_utf8_refuse_no_record() {
        let export = protobuf_export(&[field(2, &field(3, b"a\xffb")), field(2, b"")].concat());
        let mut texts = Vec::new();
        let decoded = decode(Format::Protobuf, &export, &mut |record| {
            texts.push(record.unwrap().severity_text);
            Ok::<_, std::convert::Infallible>(())
        });
        assert_eq!((decoded, texts), (Ok(()), vec!["a\u{fffd}b".to_owned(), String::new()]));
    }

    #[test]
    fn other_bodies_are_malformed() {
        for json in ["", "[]", "{", r#"{"resourceLogs":1}"#, r#"{"resourceLogs":[1]}"#, "\u{1}"] {
            let error = Err(DecodeError::Malformed(Format::Json));
            assert_eq!(count(Format::Json, json.as_bytes()), error, "{json}");
        }
        for json in [
            r#"{"timeUnixNano":"x"}"#,
            r#"{"traceId":"zz"}"#,
            r#"{"body":{"intValue":"1.5"}}"#,
            r#"{"attributes":{}}"#,
        ] {
            let error = Err(DecodeError::Malformed(Format::Json));
            assert_eq!(count(Format::Json, json_export(json).as_bytes()), error, "{json}");
        }
        for protobuf in [
            &b"\x0a"[..],
            b"\x0a\x05\x01",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x00\x00",
            b"\x0b",
        ] {
            assert_eq!(
                count(Format::Protobuf, protobuf),
                Err(DecodeError::Malformed(Format::Protobuf)),
                "{protobuf:?}"
            );
        }
        assert_eq!(
            (count(Format::Protobuf, b""), count(Format::Json, b"{}")),
            (Ok(Vec::new()), Ok(Vec::new()))
        );
    }
}
