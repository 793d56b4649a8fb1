use crate::error::{Code, Error};
use crate::integer;
use crate::json::{Members, duplicate_name, scan_value, twin, unescape};
use crate::note::check_name;
use crate::phrases;

use super::line::strip;
use super::{MAX_LINE, MAX_LINE_LEVELS};

/// The first line of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The origin of the log.
    pub origin: String,
    /// The exporter's claim that all entries from the first index up to but not including the second are here.
    /// Without a second index, the claim extends to the end of the export.
    pub range: Option<(u64, Option<u64>)>,
}

impl Header {
    /// Parses the header line, with or without surrounding white space.
    ///
    /// # Errors
    /// [`Code::Export`] if the line is not a header of this version. The hint says what the line seems to be.
    pub fn parse(line: &[u8]) -> Result<Self, Error> {
        read(strip(line)).ok_or_else(|| Self::missing(line))
    }

    /// Returns the error for a line that should be the header. The hint says what the line seems to be.
    pub(crate) fn missing(line: &[u8]) -> Error {
        Error::new(Code::Export, phrases::HEADER_INVALID).with_hint(guess(line))
    }
}

fn read(line: &[u8]) -> Option<Header> {
    let text =
        core::str::from_utf8(line).ok().filter(|text| text.starts_with('{') && text.len() <= MAX_LINE)?;
    let scanned = scan_value(line, 0, MAX_LINE_LEVELS).ok().filter(|scanned| scanned.end == line.len())?;
    let (mut version, mut origin, mut range) = (None, None, None);
    let mut names = Vec::new();
    for (name, value) in Members::new(text) {
        match &*name {
            "countersign" => version = Some(value),
            "origin" => origin = Some(value),
            "range" => range = Some(value),
            _ => {}
        }
        names.push(name);
    }
    let has_twins = !scanned.names_increase && twin(&mut names).is_some();
    if has_twins || string(version?)? != "export/v1" {
        return None;
    }
    let origin = string(origin?)?.into_owned();
    check_name(&origin).ok()?;
    let range = range.map_or(Some(None), |value| read_range(value).map(Some))?;
    Some(Header { origin, range })
}

fn read_range(value: &str) -> Option<(u64, Option<u64>)> {
    let bounds = value.strip_prefix('[')?.strip_suffix(']')?;
    let bound = |text: &str| integer::parse(text.trim_matches([' ', '\t', '\r', '\n']).as_bytes());
    let Some((first, end)) = bounds.split_once(',') else { return Some((bound(bounds)?, None)) };
    let (first, end) = (bound(first)?, bound(end)?);
    (first < end).then_some((first, Some(end)))
}

/// Returns the content of a JSON string, or `None` if `value` is not a string.
pub(super) fn string(value: &str) -> Option<std::borrow::Cow<'_, str>> {
    Some(unescape(value.strip_prefix('"')?.strip_suffix('"')?))
}

/// The beginning of the version in a header.
const VERSIONS: &[u8] = b"export/v";

fn guess(line: &[u8]) -> &'static str {
    let line = strip(line);
    let object = core::str::from_utf8(line).ok().filter(|_| line.first() == Some(&b'{'));
    let whole =
        object.filter(|_| scan_value(line, 0, MAX_LINE_LEVELS).is_ok_and(|value| value.end == line.len()));
    let has = |name: &str| whole.is_some_and(|text| Members::new(text).any(|(member, _)| member == name));
    let names_a_version = line.windows(VERSIONS.len()).any(|part| part == VERSIONS);
    if line.is_empty() {
        phrases::HINT_HEADER_EMPTY
    } else if line.starts_with(b"\xef\xbb\xbf") {
        phrases::HINT_HEADER_BYTE_ORDER_MARK
    } else if [&b"\xff\xfe"[..], b"\xfe\xff", b"{\0", b"\0{"].iter().any(|start| line.starts_with(start)) {
        phrases::HINT_HEADER_UTF16
    } else if [&b"PK\x03\x04"[..], b"PK\x05\x06"].iter().any(|start| line.starts_with(start)) {
        phrases::HINT_HEADER_ZIP
    } else if line.get(257..262) == Some(b"ustar") {
        phrases::HINT_HEADER_TAR
    } else if line.starts_with(b"PAR1") {
        phrases::HINT_HEADER_PARQUET
    } else if line.starts_with(b"%PDF") {
        phrases::HINT_HEADER_PDF
    } else if line.starts_with(b"BZh") || line.starts_with(b"\xfd7zXZ") {
        phrases::HINT_HEADER_BZIP2
    } else if line.starts_with(b"<") {
        phrases::HINT_HEADER_MARKUP
    } else if line.starts_with(b"PRIVATE+KEY+") {
        phrases::HINT_HEADER_SECRET_KEY
    } else if line.starts_with(b"log ") || line.starts_with(b"emitter ") || line.starts_with(b"issuer ") {
        phrases::HINT_HEADER_TRUST_FILE
    } else if line.starts_with(b"\x1f\x8b") || line.starts_with(b"\x28\xb5\x2f\xfd") {
        phrases::HINT_HEADER_COMPRESSED_TWICE
    } else if line.contains(&0) || (object.is_none() && core::str::from_utf8(line).is_err()) {
        phrases::HINT_HEADER_BINARY
    } else if line == b"{" || line == b"[" {
        phrases::HINT_HEADER_INDENTED
    } else if line.starts_with(b"[") {
        phrases::HINT_HEADER_ARRAY
    } else if whole.is_some_and(|text| duplicate_name(text).is_some()) {
        phrases::HINT_HEADER_MEMBER_TWICE
    } else if has("countersign") && names_a_version {
        phrases::HINT_HEADER_VERSION
    } else if whole.is_none() && (names_a_version || line.starts_with(b"{\"countersign\"")) {
        phrases::HINT_HEADER_DAMAGED
    } else if ["link", "note", "leaf", "skip", "checkpoint", "head", "anchor"].into_iter().any(has) {
        phrases::HINT_HEADER_MISSING
    } else if whole.is_some() && !has("countersign") {
        phrases::HINT_HEADER_OTHER_JSON
    } else if line.len() > MAX_LINE {
        phrases::HINT_HEADER_LONG
    } else {
        phrases::HINT_HEADER_INVALID
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_header_must_be_an_object() {
        let header = r#"{"countersign":"export/v1","origin":"log.example"}"#;
        assert!(Header::parse(header.as_bytes()).is_ok());
        let array = header.replace(':', ",").replace('{', "[").replace('}', "]");
        for line in [&array, &header.replace(':', ","), &format!("[{header}]"), &format!("{header}{header}")]
        {
            assert!(Header::parse(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn hints_at_what_the_file_seems_to_be() {
        let long = vec![b'a'; MAX_LINE + 1];
        let mut tar = vec![0; 512];
        tar[..8].copy_from_slice(b"a.ndjson");
        tar[257..262].copy_from_slice(b"ustar");
        for (line, says) in [
            (&b""[..], "the file is empty"),
            (b" \t\r", "the file is empty"),
            (b"\xef\xbb\xbf{}", "byte order mark"),
            (b"\xff\xfe{\0", "UTF-16"),
            (b"\xfe\xff\0{", "UTF-16"),
            (b"{\0\"\0", "UTF-16"),
            (b"\0{\0\"", "UTF-16"),
            (b"PK\x03\x04", "a ZIP archive"),
            (b"PK\x05\x06\0\0", "a ZIP archive"),
            (&tar, "a tar archive"),
            (b"PAR1\x15\x04", "a Parquet file"),
            (b"%PDF-1.7", "a PDF document"),
            (b"BZh9", "bzip2 or xz"),
            (b"\xfd7zXZ\0", "bzip2 or xz"),
            (b"<!doctype html>", "a web page or XML"),
            (b"PRIVATE+KEY+a", "a private key"),
            (b"log a", "a trust file"),
            (b"emitter a", "a trust file"),
            (b"issuer a", "a trust file"),
            (b"\x1f\x8b\x08\0", "compressed twice"),
            (b"\x28\xb5\x2f\xfd\0", "compressed twice"),
            (b"\x89PNG\r", "a binary file"),
            (b"{\"a\":\"\xff\"}", "a binary file"),
            (b"a\0b", "a binary file"),
            (b"{", "indented JSON"),
            (b"[", "indented JSON"),
            (b"[{}]", "a JSON array"),
            (br#"{"countersign":"export/v1","countersign":"export/v1"}"#, "a field twice"),
            (br#"{"countersign":"export/v9"}"#, "not one that this version reads"),
            (br#"{"countersign":"report/v1"}"#, "an export begins with"),
            (br#"{"link":""}"#, "the header is missing"),
            (br#"{"note":""}"#, "the header is missing"),
            (br#"{"leaf":""}"#, "the header is missing"),
            (br#"{"skip":[]}"#, "the header is missing"),
            (br#"{"checkpoint":""}"#, "the header is missing"),
            (br#"{"head":""}"#, "the header is missing"),
            (br#"{"action":"user.update"}"#, "not recorded"),
            (br#"{"error":"forbidden"}"#, "an error response instead of the download"),
            (&long, "longer than 1 MiB"),
            (&long[1..], "an export begins with"),
            (br#"{"countersign":"ex"#, "cut off or changed"),
            (br#"{"countersign":"export/v1"} {}"#, "cut off or changed"),
            (br#"> {"countersign":"export/v1"}"#, "cut off or changed"),
            (br#""{""countersign"":""export/v1""}""#, "cut off or changed"),
            ("{\u{201c}countersign\u{201d}:\u{201c}export/v1\u{201d}}".as_bytes(), "cut off or changed"),
            (b"404 page not found", "an export begins with"),
        ] {
            let hint = Header::parse(line).unwrap_err().hint.unwrap();
            assert!(hint.contains(says), "{}: {hint}", String::from_utf8_lossy(&line[..line.len().min(60)]));
        }
    }
}
