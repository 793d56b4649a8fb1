//! From a table of separated values (RFC 4180) to events: each row is an object, with the names of the first.
//!
//! Fields are separated by commas, or as spreadsheets write them elsewhere, by semicolons or tabs. The first row tells.

use countersign::canonical::write_string;
use countersign::export::MAX_LINE;

use crate::count::count;
use crate::encoding::BYTE_ORDER_MARK;
use crate::error::{IngestError, fault};
use crate::unwrap::{EachEvent, SourceEvent};

/// Cuts bytes into rows.
#[derive(Default)]
pub(crate) struct Rows {
    /// The names of the columns, once they were read.
    names: Vec<String>,
    /// The fields of this row that have ended, and the one that has begun.
    fields: Vec<String>,
    field: Vec<u8>,
    phase: Phase,
    /// What separates fields, once the first row has told.
    separator: Option<u8>,
    /// The bytes of this row so far.
    size: usize,
    /// Line feeds so far, and the line on which this row begins.
    lines: u64,
    first_line: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// Within a field without quotes, or before one.
    #[default]
    Plain,
    Quoted,
    /// After a quote within a quoted field: it ends there, or one more follows and stands for a quote.
    Quote,
}

impl Rows {
    /// Whether a file of this name has rows.
    pub(crate) fn are_in(name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let name = [".gz", ".zst"].into_iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        [".csv", ".tsv"].into_iter().any(|end| name.ends_with(end))
    }

    /// Takes the next bytes.
    pub(crate) fn push<E: From<IngestError>>(
        &mut self,
        bytes: &[u8],
        each: &mut EachEvent<'_, E>,
    ) -> Result<(), E> {
        for byte in bytes {
            if self.size == 0 {
                self.first_line = self.lines + 1;
            }
            self.size += 1;
            self.lines += u64::from(*byte == b'\n');
            if self.size > MAX_LINE {
                return Err(fault(
                    "a row of more than 1 MiB",
                    "record a hash of what is large",
                    self.first_line,
                )
                .into());
            }
            match (self.phase, byte) {
                (Phase::Plain, b'"') if self.field.is_empty() => self.phase = Phase::Quoted,
                (Phase::Quoted, b'"') => self.phase = Phase::Quote,
                (Phase::Quote, b'"') => {
                    self.field.push(b'"');
                    self.phase = Phase::Quoted;
                }
                (Phase::Plain | Phase::Quote, byte) if self.separates(*byte)? => self.end_field()?,
                (Phase::Plain | Phase::Quote, b'\n') => self.end_row(each)?,
                (Phase::Quote, b'\r') => {}
                (Phase::Plain | Phase::Quoted, byte) => self.field.push(*byte),
                (Phase::Quote, _) => {
                    let hint = "a quote within a field in quotes is written twice";
                    return Err(
                        fault("something follows a field's closing quote", hint, self.lines + 1).into()
                    );
                }
            }
            if self.fields.is_empty() && self.field == BYTE_ORDER_MARK && self.size == BYTE_ORDER_MARK.len() {
                // A file begins here, and perhaps another did before it.
                self.field.clear();
                self.size = 0;
            }
        }
        Ok(())
    }

    /// Ends the last row.
    pub(crate) fn finish<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        match self.phase {
            Phase::Quoted => {
                let hint = "was the file cut off? Get it whole";
                Err(fault("the input ends within a field in quotes", hint, self.first_line).into())
            }
            _ if self.size > 0 => self.end_row(each),
            _ => Ok(()),
        }
    }

    /// Whether a byte that is not in quotes separates fields.
    fn separates(&mut self, byte: u8) -> Result<bool, IngestError> {
        if !matches!(byte, b',' | b';' | b'\t') {
            return Ok(false);
        }
        if self.names.is_empty() {
            let first = *self.separator.get_or_insert(byte);
            if first != byte {
                let why = format!("the first row has both {} and {}", named(first), named(byte));
                let hint = "only one can separate columns: put names in quotes that contain the other";
                return Err(fault(&why, hint, self.first_line));
            }
        }
        Ok(self.separator == Some(byte))
    }

    fn end_field(&mut self) -> Result<(), IngestError> {
        let field = String::from_utf8(std::mem::take(&mut self.field))
            .map_err(|_| fault("a field is not UTF-8", "save the file as UTF-8", self.first_line))?;
        self.fields.push(field);
        self.phase = Phase::Plain;
        Ok(())
    }

    fn end_row<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        // One within a field belongs to it.
        if matches!(self.phase, Phase::Plain) && self.field.last() == Some(&b'\r') {
            self.field.pop();
        }
        self.end_field()?;
        self.size = 0;
        let fields = std::mem::take(&mut self.fields);
        if fields.iter().all(String::is_empty) {
            return Ok(());
        }
        if self.names.is_empty() {
            // As spreadsheets write it for each other: nothing but what separates fields.
            if fields == ["sep=", ""] {
                return Ok(());
            }
            let is_twice = |(nth, name): (usize, &String)| fields[..nth].contains(name);
            if fields.iter().enumerate().any(is_twice) || fields.iter().any(String::is_empty) {
                let hint = "the first row has the names of the columns: give each one of its own";
                return Err(fault("two columns have one name, or one has none", hint, self.first_line).into());
            }
            self.names = fields;
            self.separator.get_or_insert(b',');
            return Ok(());
        }
        // The names once more are those of another file that was joined to the first.
        if fields == self.names {
            return Ok(());
        }
        if fields.len() != self.names.len() {
            let has = count(fields.len() as u64, "field");
            let why = format!("the row has {has}, and the first {}", self.names.len());
            return Err(fault(
                &why,
                "correct the row, or put in quotes what has a separator in it",
                self.first_line,
            )
            .into());
        }
        let mut event = vec![b'{'];
        for (name, field) in self.names.iter().zip(&fields).filter(|(_, field)| !field.is_empty()) {
            if event.len() > 1 {
                event.push(b',');
            }
            write_string(name, &mut event);
            event.push(b':');
            write_string(field, &mut event);
        }
        event.push(b'}');
        each(SourceEvent { bytes: &event, line: self.first_line, place: None })
    }
}

fn named(separator: u8) -> &'static str {
    match separator {
        b',' => "commas",
        b';' => "semicolons",
        _ => "tabs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        let mut each = |event: SourceEvent<'_>| {
            found.push(format!("{}: {}", event.line, String::from_utf8_lossy(event.bytes)));
            Ok(())
        };
        let mut rows = Rows::default();
        pieces
            .iter()
            .try_for_each(|piece| rows.push(piece, &mut each))
            .and_then(|()| rows.finish(&mut each))
            .map_err(|error: IngestError| error.to_string())?;
        Ok(found)
    }

    #[test]
    fn each_row_is_an_event_however_it_is_cut() {
        for (text, wanted) in [
            ("", &[][..]),
            ("a\r\nx\ry\r\n\"z\r\"\r\n", &[r#"2: {"a":"x\ry"}"#, r#"3: {"a":"z\r"}"#]),
            ("a,b\r\n1,\r\n\r\n,2", &[r#"2: {"a":"1"}"#, r#"4: {"b":"2"}"#]),
            ("a;b\n1,5;\"x;y\"\n", &[r#"2: {"a":"1,5","b":"x;y"}"#]),
            ("\"a;b\"\tc\n1;2\t3,4\n", &[r#"2: {"a;b":"1;2","c":"3,4"}"#]),
            ("a\n1;2\n", &[r#"2: {"a":"1;2"}"#]),
            ("sep=;\r\na;b\r\n1,5;2\r\n", &[r#"3: {"a":"1,5","b":"2"}"#]),
            (
                "\u{feff}\"a\",b\n\"x, \"\"y\"\"\nz\",\"{\"\"n\"\":1}\"\n3,é\n",
                &[r#"2: {"a":"x, \"y\"\nz","b":"{\"n\":1}"}"#, r#"4: {"a":"3","b":"é"}"#],
            ),
            ("\u{feff}\"a;b\";c\n\u{feff}\"1;2\";3\n", &[r#"2: {"a;b":"1;2","c":"3"}"#]),
            // Files that were joined.
            (
                "\u{feff}a,b\r\n1,\u{feff}2\r\n\u{feff}\"a\",b\r\n\u{feff}3,4\r\na,b\n5,6\n\u{feff}",
                &[
                    "2: {\"a\":\"1\",\"b\":\"\u{feff}2\"}",
                    r#"4: {"a":"3","b":"4"}"#,
                    r#"6: {"a":"5","b":"6"}"#,
                ],
            ),
        ] {
            let whole = events(&[text.as_bytes()]).unwrap();
            assert_eq!(whole, wanted, "{text}");
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(events(&bytes).unwrap(), whole, "{text}");
        }
    }

    #[test]
    fn tells_where_a_table_is_broken() {
        for (text, says) in [
            ("a,b\n1\n", "the row has 1 field, and the first 2"),
            ("a;b\n1\n", "the row has 1 field, and the first 2"),
            ("a\n1,2\n", "the row has 2 fields, and the first 1"),
            ("a,b;c\n", "the first row has both commas and semicolons"),
            ("a,a\n", "two columns have one name"),
            ("a,\n", "one has none"),
            ("a\n\"x", "the input ends within a field in quotes"),
            ("a\n\"x\"y\n", "follows a field's closing quote"),
        ] {
            let why = events(&[text.as_bytes()]).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
        let long = format!("a\n\"{}", "x".repeat(MAX_LINE));
        assert!(events(&[long.as_bytes()]).unwrap_err().contains("more than 1 MiB"));
        assert!(events(&[b"a\n\xff\n"]).unwrap_err().contains("not UTF-8"));
    }

    #[test]
    fn tells_by_the_name_what_has_rows() {
        for (name, has) in [
            ("a.csv", true),
            ("A.CSV.gz", true),
            ("a.csv.zst", true),
            ("a.tsv", true),
            ("a.json", false),
            ("csv", false),
        ] {
            assert_eq!(Rows::are_in(name), has, "{name}");
        }
    }
}
