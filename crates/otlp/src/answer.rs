//! Answers to exporters (OTLP/HTTP, "OTLP/HTTP Response").

use serde_json::json;

use crate::format::Format;
use crate::problem::Problems;

/// Returns the body of a successful answer: an `ExportLogsServiceResponse`, with the records that were refused.
pub fn success(format: Format, problems: &Problems) -> Vec<u8> {
    let (rejected, message) = (problems.total(), problems.to_string());
    match format {
        Format::Json if rejected == 0 => b"{}".to_vec(),
        Format::Json => {
            let partial = json!({ "rejectedLogRecords": rejected.to_string(), "errorMessage": message });
            json!({ "partialSuccess": partial }).to_string().into_bytes()
        }
        Format::Protobuf if rejected == 0 => Vec::new(),
        Format::Protobuf => {
            let mut partial = vec![1 << 3];
            push_varint(rejected, &mut partial);
            push_bytes(2, message.as_bytes(), &mut partial);
            let mut body = Vec::new();
            push_bytes(1, &partial, &mut body);
            body
        }
    }
}

/// Returns the body of an unsuccessful answer in Protobuf: a `Status` with this message.
pub fn failure(message: &str) -> Vec<u8> {
    let mut body = Vec::new();
    push_bytes(2, message.as_bytes(), &mut body);
    body
}

fn push_bytes(tag: u8, bytes: &[u8], into: &mut Vec<u8>) {
    into.push(tag << 3 | 2);
    push_varint(bytes.len() as u64, into);
    into.extend(bytes);
}

fn push_varint(mut value: u64, into: &mut Vec<u8>) {
    while value > 0x7f {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;

    #[test]
    fn answers_say_what_was_refused() {
        let mut problems = Problems::default();
        assert_eq!(success(Format::Json, &problems), b"{}");
        assert_eq!(success(Format::Protobuf, &problems), b"");
        (0..300).for_each(|_| problems.add(Problem::Nameless));
        let message = "records were not recorded: 300 with no event name";
        let json =
            format!(r#"{{"partialSuccess":{{"rejectedLogRecords":"300","errorMessage":"{message}"}}}}"#);
        assert_eq!(success(Format::Json, &problems), json.as_bytes());
        let length = message.len() as u8;
        let head = [0x0a, length + 5, 0x08, 0xac, 0x02, 0x12, length];
        assert_eq!(success(Format::Protobuf, &problems), [&head, message.as_bytes()].concat());
        assert_eq!(failure("no"), b"\x12\x02no");
    }
}
