//! Query results of databases and log stores: columns and rows, fields with values, or streams of lines.
//! Each row becomes an event with the names of the columns, as in a CSV file.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use countersign::canonical::write_string;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The maximum ratio of the size of all rows to the size of the result: each row repeats the names of all
/// columns.
const MAX_EXPANSION: usize = 16;

/// The names of the lists of columns and rows: Splunk's `json_rows`, Elasticsearch's SQL and ES|QL, and
/// `OpenSearch`'s SQL and PPL.
const TABLES: [(&str, &str); 4] =
    [("fields", "rows"), ("columns", "rows"), ("columns", "values"), ("schema", "datarows")];

/// Other members of such results, which say nothing about a row.
const METADATA: [&str; 15] = [
    "preview",
    "init_offset",
    "post_process_count",
    "messages",
    "highlighted",
    "took",
    "is_partial",
    "documents_found",
    "values_loaded",
    "all_columns",
    "cursor",
    "total",
    "size",
    "status",
    "completion_time_in_millis",
];

/// Marks of query results: every result contains at least one. Most events contain none, and needn't be
/// parsed.
static SIGNS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::new(["\"rows\"", "\"values\"", "\"datarows\"", "\"results\""]).expect("a few short texts")
});

/// A query result whose rows can be recorded in its place without loss.
pub(crate) struct QueryResult<'a> {
    /// The list with the rows, for people: `tables`.
    pub(crate) name: &'static str,
    rows: Rows<'a>,
}

enum Rows<'a> {
    Tables(Vec<Table<'a>>),
    /// Rows as objects: for each its position, and its names and values as written.
    Objects(Vec<(String, Vec<(&'a str, &'a str)>)>),
}

struct Table<'a> {
    place: String,
    columns: Vec<String>,
    /// Arrays with one cell per column.
    rows: Vec<&'a RawValue>,
}

/// The members of an object, without repeated names: one of two values would be lost silently.
struct Members<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Column {
    Name(String),
    Object { name: String },
}

/// A field of a row in a result of `CloudWatch` Logs Insights.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Field<'a> {
    field: &'a str,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// A Loki stream: its labels, and pairs of a time in nanoseconds and a line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream<'a> {
    #[serde(borrow)]
    stream: &'a RawValue,
    #[serde(borrow)]
    values: Vec<Vec<&'a RawValue>>,
}

impl<'a> QueryResult<'a> {
    /// Parses a query result; `None` for anything else.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let members = SIGNS.is_match(text).then(|| parse(text))??;
        Self::tables(&members)
            .or_else(|| Self::table(&members))
            .or_else(|| Self::insights(&members))
            .or_else(|| Self::streams(&members))
    }

    /// Passes on each row as an object with its position, until `each` returns an error.
    pub(crate) fn each<E>(&self, mut each: impl FnMut(&str, &[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut event = Vec::new();
        match &self.rows {
            Rows::Tables(tables) => {
                for Table { place, columns, rows } in tables {
                    for (nth, row) in rows.iter().enumerate() {
                        let cells: Vec<&RawValue> = parse(row.get()).unwrap_or_default();
                        let cells = cells.iter().map(|cell| cell.get());
                        object(columns.iter().map(String::as_str).zip(cells), &mut event);
                        each(&format!("{place}[{nth}]"), &event)?;
                    }
                }
            }
            Rows::Objects(rows) => {
                for (place, members) in rows {
                    object(members.iter().copied(), &mut event);
                    each(place, &event)?;
                }
            }
        }
        Ok(())
    }

    /// Parses a result of Log Analytics or Application Insights.
    fn tables(members: &Members<'a>) -> Option<Self> {
        members.only(&["tables", "statistics", "render"])?;
        let tables: Vec<Members<'a>> = parse(members.get("tables")?)?;
        let tables = tables.iter().enumerate().map(|(nth, table)| {
            table.only(&["name", "columns", "rows"])?;
            Table::read(table.get("columns")?, table.get("rows")?, format!("tables[{nth}].rows"))
        });
        Some(Self { name: "tables", rows: Rows::Tables(tables.collect::<Option<_>>()?) })
    }

    fn table(members: &Members<'a>) -> Option<Self> {
        let (columns, name) =
            TABLES.into_iter().find(|(columns, rows)| members.has(columns) && members.has(rows))?;
        members.only(&[&[columns, name], &METADATA[..]].concat())?;
        let table = Table::read(members.get(columns)?, members.get(name)?, name.into())?;
        Some(Self { name, rows: Rows::Tables(vec![table]) })
    }

    fn insights(members: &Members<'a>) -> Option<Self> {
        members.only(&["results", "statistics", "status", "queryLanguage", "encryptionKey"])?;
        members.get("status")?;
        let found: Vec<Vec<Field<'a>>> = parse(members.get("results")?)?;
        let rows = found.into_iter().enumerate().map(|(nth, row)| {
            let names: BTreeSet<&str> = row.iter().map(|named| named.field).collect();
            let is_each_once = names.len() == row.len();
            let cells = row.iter().map(|named| (named.field, named.value.get()));
            is_each_once.then(|| (format!("results[{nth}]"), cells.collect()))
        });
        Some(Self { name: "results", rows: Rows::Objects(rows.collect::<Option<_>>()?) })
    }

    /// Parses Loki's lines, in the form that its own client writes.
    fn streams(members: &Members<'a>) -> Option<Self> {
        members.only(&["status", "data"])?;
        let data: Members<'a> = parse(members.get("data")?)?;
        data.only(&["resultType", "result", "stats", "encodingFlags"])?;
        (data.get("resultType")? == "\"streams\"").then_some(())?;
        let streams: Vec<Stream<'a>> = parse(data.get("result")?)?;
        let mut rows = Vec::new();
        for (nth, Stream { stream, values }) in streams.iter().enumerate() {
            for (at, value) in values.iter().enumerate() {
                let names =
                    ["timestamp", "line", "metadata"].into_iter().zip(value.iter().map(|part| part.get()));
                let members = [("labels", stream.get())].into_iter().chain(names).collect();
                (2..=3).contains(&value.len()).then_some(())?;
                rows.push((format!("data.result[{nth}].values[{at}]"), members));
            }
        }
        Some(Self { name: "data.result", rows: Rows::Objects(rows) })
    }
}

impl<'a> Table<'a> {
    /// Parses a table. `None` unless the columns have distinct names, and each row has all cells.
    fn read(columns: &'a str, rows: &'a str, place: String) -> Option<Self> {
        let described: Vec<Column> = parse(columns)?;
        let names = described.into_iter().map(|(Column::Name(name) | Column::Object { name })| name);
        let columns: Vec<String> = names.collect();
        let written: Vec<&RawValue> = parse(rows)?;
        let names: usize = columns.iter().map(String::len).sum();
        let has_all = |row: &&RawValue| {
            parse::<Vec<&RawValue>>(row.get()).is_some_and(|cells| cells.len() == columns.len())
        };
        let is_table = !columns.is_empty()
            && columns.iter().collect::<BTreeSet<_>>().len() == columns.len()
            && names.saturating_mul(written.len()) <= rows.len().saturating_mul(MAX_EXPANSION)
            && written.iter().all(has_all);
        is_table.then_some(Self { place, columns, rows: written })
    }
}

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.get())
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns `None` if there are members with other names.
    fn only(&self, known: &[&str]) -> Option<()> {
        self.0.keys().all(|name| known.contains(&&**name)).then_some(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<Name<'de>, _>()? {
                    if members.insert(name.0, value).is_some() {
                        return Err(serde::de::Error::custom("a name is repeated"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    serde_json::from_str(text).ok()
}

fn object<'a>(members: impl Iterator<Item = (&'a str, &'a str)>, into: &mut Vec<u8>) {
    into.clear();
    into.push(b'{');
    for (nth, (name, value)) in members.enumerate() {
        if nth > 0 {
            into.push(b',');
        }
        write_string(name, into);
        into.push(b':');
        into.extend(value.as_bytes());
    }
    into.push(b'}');
}
