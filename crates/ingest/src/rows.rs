//! Converts separated values (RFC 4180) to events: each row becomes an object with the names in the first
//! row.
//!
//! Fields are separated by commas, semicolons, or tabs, depending on the first row.

use countersign::canonical::write_string;
use countersign::export::MAX_LINE;

use crate::count::count;
use crate::encoding::BYTE_ORDER_MARK;
use crate::error::{IngestError, fault};
use crate::unwrap::{EachEvent, SourceEvent};

/// Splits a table into rows.
#[derive(Default)]
pub(crate) struct Rows {
    /// The names of the columns; empty until the first row is complete.
    names: Vec<String>,
    /// For each column, true if another one has its name. Its events then have a field twice, as other JSON may.
    is_repeated: Vec<bool>,
    /// The complete fields of the current row, and the current field.
    fields: Vec<String>,
    field: Vec<u8>,
    phase: Phase,
    /// The separator; `None` until the first row contains one.
    separator: Option<u8>,
    /// The size of the current row so far, in bytes.
    size: usize,
    /// The number of line feeds so far, and the line on which the current row starts.
    lines: u64,
    first_line: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// Within or before an unquoted field.
    #[default]
    Plain,
    Quoted,
    /// After a quote in a quoted field, which either ends the field or is the first of two that stand for a
    /// quote.
    Quote,
}

impl Rows {
    /// True for the name of a table file.
    pub(crate) fn is_table_name(name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let name = [".gz", ".zst"].into_iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        [".csv", ".tsv"].into_iter().any(|end| name.ends_with(end))
    }

    /// Accepts the next bytes.
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
                    "the row is larger than 1 MiB",
                    "record a hash instead of large values",
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
                    let hint = "double the quotes within a quoted field";
                    return Err(fault("text follows a field's closing quote", hint, self.lines + 1).into());
                }
            }
            if self.fields.is_empty() && self.field == BYTE_ORDER_MARK && self.size == BYTE_ORDER_MARK.len() {
                // A file starts here, perhaps concatenated to another.
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
                let hint = "get the complete file: it may have been cut off";
                Err(fault("the input ends within a quoted field", hint, self.first_line).into())
            }
            _ if self.size > 0 => self.end_row(each),
            _ => Ok(()),
        }
    }

    /// True if an unquoted byte is the separator.
    fn separates(&mut self, byte: u8) -> Result<bool, IngestError> {
        if !matches!(byte, b',' | b';' | b'\t') {
            return Ok(false);
        }
        if self.names.is_empty() {
            let first = *self.separator.get_or_insert(byte);
            if first != byte {
                let why = format!("the first row contains both {} and {}", named(first), named(byte));
                let hint = "use only one as separator, and quote names that contain the other";
                return Err(fault(&why, hint, self.first_line));
            }
        }
        Ok(self.separator == Some(byte))
    }

    fn end_field(&mut self) -> Result<(), IngestError> {
        let field = String::from_utf8(std::mem::take(&mut self.field))
            .map_err(|_| fault("a field is not valid UTF-8", "save the file as UTF-8", self.first_line))?;
        self.fields.push(field);
        self.phase = Phase::Plain;
        Ok(())
    }

    fn end_row<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        // A carriage return in a quoted field is part of it.
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
            // A row that only declares the separator, as spreadsheets write it.
            if fields == ["sep=", ""] {
                return Ok(());
            }
            if let Some(nth) = fields.iter().position(String::is_empty) {
                let why = format!("the column {} has no name", nth + 1);
                let hint = "give each column a name in the first row";
                return Err(fault(&why, hint, self.first_line).into());
            }
            let mut names: Vec<&String> = fields.iter().collect();
            names.sort_unstable();
            self.is_repeated = fields
                .iter()
                .map(|name| {
                    let first = names.partition_point(|other| *other < name);
                    names.get(first + 1) == Some(&name)
                })
                .collect();
            self.names = fields;
            self.separator.get_or_insert(b',');
            return Ok(());
        }
        // A repeated header row starts another file that was appended to the first.
        if fields == self.names {
            return Ok(());
        }
        if fields.len() != self.names.len() {
            let has = count(fields.len() as u64, "field");
            let why = format!("the row has {has}, but the first row has {}", self.names.len());
            return Err(fault(
                &why,
                "correct the row, or quote fields that contain the separator",
                self.first_line,
            )
            .into());
        }
        let mut event = vec![b'{'];
        // The values of a repeated name show which column each is from, so that empty ones are kept.
        let columns = self.names.iter().zip(&self.is_repeated).zip(&fields);
        for ((name, _), field) in
            columns.filter(|((_, is_repeated), field)| **is_repeated || !field.is_empty())
        {
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
    fn splits_rows_regardless_of_how_input_is_cut() {
        for (text, wanted) in [
            ("", &[][..]),
            ("a\r\nx\ry\r\n\"z\r\"\r\n", &[r#"2: {"a":"x\ry"}"#, r#"3: {"a":"z\r"}"#]),
            ("a,b\r\n1,\r\n\r\n,2", &[r#"2: {"a":"1"}"#, r#"4: {"b":"2"}"#]),
            ("a;b\n1,5;\"x;y\"\n", &[r#"2: {"a":"1,5","b":"x;y"}"#]),
            ("\"a;b\"\tc\n1;2\t3,4\n", &[r#"2: {"a;b":"1;2","c":"3,4"}"#]),
            ("a\n1;2\n", &[r#"2: {"a":"1;2"}"#]),
            ("a,b,a\n1,2,3\n1,,\n", &[r#"2: {"a":"1","b":"2","a":"3"}"#, r#"3: {"a":"1","a":""}"#]),
            ("sep=;\r\na;b\r\n1,5;2\r\n", &[r#"3: {"a":"1,5","b":"2"}"#]),
            (
                "\u{feff}\"a\",b\n\"x, \"\"y\"\"\nz\",\"{\"\"n\"\":1}\"\n3,é\n",
                &[r#"2: {"a":"x, \"y\"\nz","b":"{\"n\":1}"}"#, r#"4: {"a":"3","b":"é"}"#],
            ),
            ("\u{feff}\"a;b\";c\n\u{feff}\"1;2\";3\n", &[r#"2: {"a;b":"1;2","c":"3"}"#]),
            // Concatenated files.
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
    fn errors_in_a_table_name_the_position() {
        for (text, says) in [
            ("a,b\n1\n", "the row has 1 field, but the first row has 2"),
            ("a;b\n1\n", "the row has 1 field, but the first row has 2"),
            ("a\n1,2\n", "the row has 2 fields, but the first row has 1"),
            ("a,b;c\n", "the first row contains both commas and semicolons"),
            ("a,\n", "the column 2 has no name"),
            ("a\n\"x", "the input ends within a quoted field"),
            ("a\n\"x\"y\n", "follows a field's closing quote"),
        ] {
            let why = events(&[text.as_bytes()]).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
        let long = format!("a\n\"{}", "x".repeat(MAX_LINE));
        assert!(events(&[long.as_bytes()]).unwrap_err().contains("larger than 1 MiB"));
        assert!(events(&[b"a\n\xff\n"]).unwrap_err().contains("not valid UTF-8"));
    }

    #[test]
    fn recognizes_tables_by_name() {
        for (name, has) in [
            ("a.csv", true),
            ("A.CSV.gz", true),
            ("a.csv.zst", true),
            ("a.tsv", true),
            ("a.json", false),
            ("csv", false),
        ] {
            assert_eq!(Rows::is_table_name(name), has, "{name}");
        }
    }
}
