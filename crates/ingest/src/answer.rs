//! What databases and log stores answer a search: columns and rows, fields and their values, or streams of lines. Each row
//! is an event, with the names of the columns, as it would be in a CSV file.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use countersign::canonical::write_string;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// So many times as large as the answer may all rows be together: each has the names of all columns.
const MOST_LARGER: usize = 16;

/// The names of a list of columns, and of the list of rows beside it: Splunk's `json_rows`, Elasticsearch's SQL and ES|QL,
/// and `OpenSearch`'s SQL and PPL.
const TABLES: [(&str, &str); 4] =
    [("fields", "rows"), ("columns", "rows"), ("columns", "values"), ("schema", "datarows")];

/// What else stands in such an answer, and says nothing of a row.
const BESIDE: [&str; 15] = [
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

/// What stands in every answer, as most events are none and are not read for it.
static SIGNS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::new(["\"rows\"", "\"values\"", "\"datarows\"", "\"results\""]).expect("a few short texts")
});

/// An answer of which nothing is lost if its rows are recorded in its place.
pub(crate) struct Answer<'a> {
    /// The list that holds the rows, for people: `tables`.
    pub(crate) name: &'static str,
    rows: Rows<'a>,
}

enum Rows<'a> {
    Tables(Vec<Table<'a>>),
    /// Rows by their places, with members as they are written.
    Objects(Vec<(String, Vec<(&'a str, &'a str)>)>),
}

struct Table<'a> {
    place: String,
    columns: Vec<String>,
    /// Arrays, each with a cell for each column.
    rows: Vec<&'a RawValue>,
}

/// The members of an object, each once: of two with one name one would be lost unseen.
struct Members<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Column {
    Name(String),
    Described { name: String },
}

/// A field of a row, as `CloudWatch` Logs Insights answers it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named<'a> {
    field: &'a str,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// A stream of Loki's: its labels, and pairs of a time in nanoseconds and a line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream<'a> {
    #[serde(borrow)]
    stream: &'a RawValue,
    #[serde(borrow)]
    values: Vec<Vec<&'a RawValue>>,
}

impl<'a> Answer<'a> {
    /// Reads one; `None` for anything else.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let members = SIGNS.is_match(text).then(|| parse(text))??;
        Self::tables(&members)
            .or_else(|| Self::table(&members))
            .or_else(|| Self::insights(&members))
            .or_else(|| Self::streams(&members))
    }

    /// Hands out each row as an object, with its place, until one is refused.
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

    /// Log Analytics and Application Insights.
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
        members.only(&[&[columns, name], &BESIDE[..]].concat())?;
        let table = Table::read(members.get(columns)?, members.get(name)?, name.into())?;
        Some(Self { name, rows: Rows::Tables(vec![table]) })
    }

    fn insights(members: &Members<'a>) -> Option<Self> {
        members.only(&["results", "statistics", "status", "queryLanguage", "encryptionKey"])?;
        members.get("status")?;
        let found: Vec<Vec<Named<'a>>> = parse(members.get("results")?)?;
        let rows = found.into_iter().enumerate().map(|(nth, row)| {
            let names: BTreeSet<&str> = row.iter().map(|named| named.field).collect();
            let is_each_once = names.len() == row.len();
            let cells = row.iter().map(|named| (named.field, named.value.get()));
            is_each_once.then(|| (format!("results[{nth}]"), cells.collect()))
        });
        Some(Self { name: "results", rows: Rows::Objects(rows.collect::<Option<_>>()?) })
    }

    /// Loki's lines, each as its own client writes it.
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
    /// `None` unless the columns have a name of their own each, and each row has all cells.
    fn read(columns: &'a str, rows: &'a str, place: String) -> Option<Self> {
        let described: Vec<Column> = parse(columns)?;
        let names = described.into_iter().map(|(Column::Name(name) | Column::Described { name })| name);
        let columns: Vec<String> = names.collect();
        let written: Vec<&RawValue> = parse(rows)?;
        let names: usize = columns.iter().map(String::len).sum();
        let has_all = |row: &&RawValue| {
            parse::<Vec<&RawValue>>(row.get()).is_some_and(|cells| cells.len() == columns.len())
        };
        let is_table = !columns.is_empty()
            && columns.iter().collect::<BTreeSet<_>>().len() == columns.len()
            && names.saturating_mul(written.len()) <= rows.len().saturating_mul(MOST_LARGER)
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

    /// Whether there is nothing but these.
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
                        return Err(serde::de::Error::custom("a member is there twice"));
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
