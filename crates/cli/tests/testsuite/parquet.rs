//! Parquet exports as read by DuckDB, and comparing rows with an export.

mod parts;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use countersign::event::{Event, Redaction};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign_parquet::{COLUMNS, Kind, Reader, Row, Value as Cell, Writer};
use predicates::prelude::*;
use serde_json::Value;

use crate::common::{ORIGIN, Place, gzip};

/// Runs a statement in DuckDB; `None` without DuckDB, which fails in CI.
fn duckdb(place: &Place, statement: &str) -> Option<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/duckdb");
    if !folder.join("node_modules/@duckdb/node-api").is_dir() {
        assert!(std::env::var_os("CI").is_none(), "no DuckDB: run npm ci in tests/duckdb, with Node.js 22");
        eprintln!("skipped: there is no DuckDB (npm ci in tests/duckdb)");
        return None;
    }
    let mut node = Command::new("node");
    node.arg(folder.join("query.mjs")).arg(statement).current_dir(place.path(""));
    let output = node.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Creates the export `out.ndjson` with a chain of samples of each supported source.
fn samples(place: &Place) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../query/tests/samples");
    let mut events = String::new();
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "ndjson")) {
        for line in fs::read_to_string(file).unwrap().lines() {
            let sample: Value = serde_json::from_str(line).unwrap();
            events.extend([&*sample["event"].to_string(), "\n"]);
        }
    }
    events.push_str("{\"nobody\":\"reads this\"}\n");
    place.write("in", events);
    let args = ["record", "--key", "app.key", "--origin", ORIGIN, "--no-redact", "in", "-o", "app.ndjson"];
    place.run(&args).success();
    let args = ["seal", "--log-key", "log.key", "--trust", "trust.txt", "grant.ndjson", "app.ndjson"];
    place.run(&[&args[..], &["-o", "out.ndjson"]].concat()).success();
}

#[test]
fn duckdb_reads_the_same_events_as_show() {
    let place = Place::new();
    samples(&place);
    let trust = ["--trust", "trust.txt"];
    let shown = place.run(&[&["show", "out.ndjson", "--json"][..], &trust].concat()).success();
    let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    let export = ["export", "--format", "parquet", "out.ndjson", "-o", "out.parquet"];
    let written = place.run(&[&export[..], &trust].concat()).success().stdout("");
    written.stderr(predicate::str::contains("✓ Verified")).stderr(predicate::str::contains("✓ done: "));
    let verify = ["verify", "out.ndjson", "--parquet", "out.parquet"];
    let same = place.run(&[&verify[..], &trust].concat()).success();
    same.stdout(predicate::str::starts_with("✓ Verified"))
        .stderr(predicate::str::contains("contains exactly"));

    let Some(rows) = duckdb(
        &place,
        "set timezone = 'UTC'; select * replace (epoch_ms(link_time) as link_time, epoch_ms(time) as time,
             to_base64(salt) as salt, to_base64(commit) as commit) from 'out.parquet' order by entry",
    ) else {
        return;
    };
    let exported = place.read("out.ndjson");
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let millis = |time: &Value| -> Option<String> {
        Some(time.as_str()?.parse::<Time>().unwrap().millis().to_string())
    };
    let mut read = 0;
    for (row, line) in rows.iter().zip(shown.lines()) {
        // The event, byte for byte.
        let (_, event) = line.split_once("\"event\":").unwrap();
        assert!(event.starts_with(row["event"].as_str().unwrap()), "{row}");
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["entry"].as_str(), Some(&*line["entry"].to_string()), "{row}");
        assert_eq!(row["seq"].as_str(), Some(&*line["seq"].to_string()));
        assert_eq!(row["link_time"].as_str().map(str::to_owned), millis(&line["time"]));
        for name in ["chain", "signer", "signer_trust"] {
            assert_eq!(row[name], line[name]);
        }
        let said = &line["parsed"];
        read += usize::from(said.is_object());
        assert_eq!(row["time"].as_str().map(str::to_owned), millis(&said["time"]));
        for (column, path) in [
            ("parsed_as", "/as"),
            ("action", "/action"),
            ("actor_id", "/actor/id"),
            ("actor_name", "/actor/name"),
            ("actor_type", "/actor/type"),
            ("on_behalf_of_id", "/on_behalf_of/id"),
            ("on_behalf_of_name", "/on_behalf_of/name"),
            ("on_behalf_of_type", "/on_behalf_of/type"),
            ("target_id", "/target/id"),
            ("target_name", "/target/name"),
            ("target_type", "/target/type"),
            ("address", "/address"),
            ("outcome", "/outcome"),
            ("reason", "/reason"),
        ] {
            assert_eq!(&row[column], said.pointer(path).unwrap_or(&Value::Null), "{column}: {line}");
        }
        let leaf = 1 + usize::try_from(line["entry"].as_u64().unwrap()).unwrap();
        assert_eq!(row["salt"], lines[leaf]["salt"]);
        let link = lines[leaf]["link"].as_str().unwrap();
        assert_eq!(Some(row["commit"].as_str().unwrap()), link.split(' ').nth(6));
    }
    assert_eq!(rows.len(), shown.lines().count());
    assert!(read > 15 && read == rows.len() - 1);

    let said = "select decode(key) as key, decode(value) as value from parquet_kv_metadata('out.parquet')";
    let said = duckdb(&place, said).unwrap();
    let value = |key: &str| said.iter().find(|pair| pair["key"] == key).unwrap()["value"].as_str().unwrap();
    assert_eq!((value("countersign.verdict"), value("countersign.origin")), ("verified", ORIGIN));
    let checkpoint = lines.iter().rev().find_map(|line| line["checkpoint"].as_str()).unwrap();
    assert_eq!(value("countersign.checkpoint"), checkpoint);
    let types = "select column_name, column_type from (describe select * from 'out.parquet') where column_type != 'VARCHAR'";
    let types = duckdb(&place, types).unwrap();
    let of = |name: &str| {
        types.iter().find(|column| column["column_name"] == name).unwrap()["column_type"].clone()
    };
    assert_eq!(
        (of("entry"), of("time"), of("salt")),
        ("BIGINT".into(), "TIMESTAMP WITH TIME ZONE".into(), "BLOB".into())
    );
}

/// The type of `attestation_list` in DuckDB: the fields and types of OCSF's object.
fn attestation_type() -> String {
    let fingerprint = "STRUCT(\"algorithm\" VARCHAR, algorithm_id INTEGER, \"encoding\" VARCHAR, encoding_id INTEGER, serialization VARCHAR, serialization_id INTEGER, \"value\" VARCHAR)";
    let signatures = "STRUCT(\"algorithm\" VARCHAR, algorithm_id INTEGER, created_time BIGINT, serialization VARCHAR, serialization_id INTEGER, state VARCHAR, state_id INTEGER)[]";
    format!(
        "STRUCT(uid VARCHAR, authority_uid VARCHAR, chain_uid VARCHAR, fingerprint {fingerprint}, prev_event STRUCT(uid VARCHAR, fingerprint {fingerprint}), signatures {signatures})[]"
    )
    .replace('"', "")
}

/// Removes nulls, which a column has for each absent field.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

#[test]
fn attestations_are_those_of_ocsf_records_and_follow_from_the_rows() {
    let place = Place::new();
    place.write("events.ndjson", "{\"action\":\"job.delete\"}\n".repeat(7));
    let record = ["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "--sign-every", "3"];
    place.run(&[&record[..], &["-o", "app.ndjson"]].concat()).success();
    place.seal(&[]);
    let trust = ["--trust", "trust.txt"];
    let export = ["export", "--format", "parquet", "audit.ndjson", "-o", "out.parquet"];
    place.run(&[&export[..], &trust].concat()).success();
    let fed = place.run(&[&["feed", "audit.ndjson", "--to", "ocsf"][..], &trust].concat()).success();
    let fed = String::from_utf8(fed.get_output().stdout.clone()).unwrap();
    let Some(rows) = duckdb(
        &place,
        "select attestation_list::json::varchar as attested, to_base64(signature) as signature,
             to_base64(prev) as prev from 'out.parquet' order by entry",
    ) else {
        return;
    };
    assert_eq!((rows.len(), fed.lines().count()), (7, 7));
    for (row, record) in rows.iter().zip(fed.lines()) {
        let record: Value = serde_json::from_str(record).unwrap();
        let mut attested = serde_json::from_str(row["attested"].as_str().unwrap()).unwrap();
        without_nulls(&mut attested);
        assert_eq!(attested, record["attestation_list"]);
        let proof = &record["unmapped"]["countersign"];
        assert_eq!(row["signature"], proof["signature"]);
        let previous = attested[0].pointer("/prev_event/fingerprint/value").unwrap_or(&proof["prev"]);
        assert_eq!(&row["prev"], previous);
    }
    let described =
        duckdb(&place, "select column_type as t from (describe select attestation_list from 'out.parquet')");
    assert_eq!(described.unwrap()[0]["t"].as_str().unwrap().replace('"', ""), attestation_type());

    // The other columns contain the link, so that its fingerprint can be computed from them; and the commit.
    let checked = duckdb(
        &place,
        "set timezone = 'UTC'; with links as (
             select *, attestation_list[1] as a, 'countersign/v1 event ' || chain || ' ' || seq || ' '
                 || strftime(link_time, '%Y-%m-%dT%H:%M:%S.%gZ') || ' ' || to_base64(prev) || ' '
                 || to_base64(commit) || coalesce(' ' || to_base64(signature), '') as link from 'out.parquet')
         select count(*) as rows,
             count(*) filter (unhex(sha256('\\x00'::blob || link::blob)) = from_base64(a.fingerprint.value)) as links,
             count(*) filter (unhex(sha256('countersign/payload/v1\\x00'::blob || salt || encode(event))) = commit) as events,
             count(*) filter (a.signatures[1].state = 'Valid') as signed from links",
    );
    let counted = &checked.unwrap()[0];
    let count = |name: &str| counted[name].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!((count("rows"), count("links"), count("events"), count("signed")), (7, 7, 7, 2));
    // Each row's previous event is in the lake.
    let chained = duckdb(
        &place,
        "with a as (select attestation_list[1] as a from 'out.parquet')
         select count(*) as n from a one join a other on one.a.prev_event.uid = other.a.uid
             and one.a.prev_event.fingerprint.value = other.a.fingerprint.value",
    );
    assert_eq!(chained.unwrap()[0]["n"], "6");
}

#[test]
fn files_of_the_first_version_still_verify() {
    let place = Place::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/upgrades/parquet");
    for name in ["audit.ndjson", "trust.txt", "rows-v1.parquet"] {
        fs::copy(folder.join(name), place.path(name)).unwrap();
    }
    let verify = ["verify", "audit.ndjson", "--trust", "trust.txt", "--parquet", "rows-v1.parquet"];
    place.run(&verify).success().stderr(predicate::str::contains("contains exactly the 7 events"));
    let mut changed = fs::read(place.path("rows-v1.parquet")).unwrap();
    let at = changed.windows(11).position(|bytes| bytes == b"id\":\"user-1").unwrap();
    changed[at + 10] = b'4';
    place.write("rows-v1.parquet", changed);
    place.run(&verify).code(1).stderr(
        predicate::str::contains("row 1 (entry 1): differs from the export in event")
            .and(predicate::str::contains("error[parquet.differs]: rows-v1.parquet: ")),
    );
}

/// Returns the statements on attestations in `docs/parquet.md`.
fn documented_statements() -> Vec<&'static str> {
    let page = include_str!("../../../../docs/parquet.md");
    let block = page.split("```sql\n").nth(2).unwrap().split("```").next().unwrap();
    block.split(";\n").filter(|statement| !statement.is_empty()).collect()
}

#[test]
fn documented_statements_find_missing_rows_and_changed_fingerprints() {
    let place = Place::new();
    place.sealed(5);
    let args = ["export", "--format", "parquet", "audit.ndjson", "-o", "audit.parquet"];
    place.run(&[&args[..], &["--trust", "trust.txt"]].concat()).success();
    let [missing, changed] = documented_statements()[..] else { panic!("two statements") };
    let Some(found) = duckdb(&place, missing) else { return };
    assert_eq!((found, duckdb(&place, changed).unwrap()), (Vec::new(), Vec::new()));
    let (mut all, metadata) = rows(&place.path("audit.parquet"));
    all[3] = Row::new(|column| match column.name {
        "attestation_list.fingerprint.value" => Some(Cell::Bytes(vec![b'A'; 44])),
        name => all[3].get(name).cloned(),
    });
    let entry = all[3].integer("entry").unwrap().to_string();
    all.remove(1);
    rewrite(&place.path("audit.parquet"), &all, metadata);
    assert_eq!(duckdb(&place, missing).unwrap().len(), 1);
    let found = duckdb(&place, changed).unwrap();
    assert_eq!((found.len(), found[0]["entry"].as_str()), (1, Some(&*entry)));
}

/// Creates the export `days.ndjson` with two chains, each with an event every six hours for this many days.
fn days(place: &Place, days: i64) {
    let key = SignerKey::parse(place.read("app.key").trim()).unwrap();
    for chain in [1, 2_u8] {
        let time = |n: i64| Time::from_millis(1_795_000_000_000 + n * 6 * 3_600_000).unwrap();
        let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), time(0), &[chain; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        for (n, salt) in (0..4 * days).zip(0_u8..) {
            let text = format!("{{\"action\":\"x\",\"actor\":{{\"id\":\"u_{chain}\"}},\"n\":{n}}}");
            let event = Event::parse(text.as_bytes(), &Redaction::none()).unwrap();
            recorder.record(&event, time(n), &[salt; 16]).unwrap();
        }
        recorder.flush();
        recorder.sign_with(&key).unwrap();
        recorder.close(time(4 * days)).unwrap();
        recorder.sign_with(&key).unwrap();
        let header = format!("{{\"countersign\":\"export/v1\",\"origin\":\"{ORIGIN}\"}}\n");
        place.write(&format!("{chain}.ndjson"), header + &recorder.drain());
    }
    let args = ["seal", "--log-key", "log.key", "1.ndjson", "2.ndjson", "-o", "days.ndjson"];
    place.run(&args).success();
}

#[test]
fn partitions_files_by_day() {
    let place = Place::new();
    days(&place, 12);
    let export = ["export", "--format", "parquet", "days.ndjson", "--partition", "day", "-o"];
    place.run(&[&export[..], &["rows"]].concat()).code(3).stderr(predicate::str::contains("96 rows in rows"));
    let folders = fs::read_dir(place.path("rows")).unwrap().count();
    assert!((12..=13).contains(&folders), "{folders}");
    // The second chain returns to days whose files are complete.
    let again = fs::read_dir(place.path("rows/day=2026-11-19")).unwrap().count();
    assert_eq!(again, 2);
    let verify = ["verify", "days.ndjson", "--parquet", "rows"];
    place
        .run(&verify)
        .code(3)
        .stderr(predicate::str::contains("rows contains exactly the 96 events of days.ndjson"));

    // Existing files are not overwritten.
    place
        .run(&[&export[..], &["rows"]].concat())
        .code(2)
        .stderr(predicate::str::contains("error[io.exists]: rows"));
    assert!(place.files().iter().all(|name| !name.contains("unfinished")));

    let statement =
        "select day, count(*) as n from read_parquet('rows/**/*.parquet', hive_partitioning = true)
        where strftime(link_time at time zone 'UTC', '%Y-%m-%d') = day::varchar group by day order by day";
    if let Some(counted) = duckdb(&place, statement) {
        let all: u64 = counted.iter().map(|day| day["n"].as_str().unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!((counted.len(), all), (folders, 96));
    }

    // A file moved to another day, a missing file, and an unknown one.
    let refused = |why: &str| {
        let refused = place.run(&verify).failure().stderr(predicate::str::contains(why));
        String::from_utf8(refused.get_output().stderr.clone()).unwrap()
    };
    let (from, to) = ("rows/day=2026-11-19/part-00001.parquet", "rows/day=2026-11-20/part-00002.parquet");
    fs::rename(place.path(from), place.path(to)).unwrap();
    let told = refused("error[parquet.differs]: rows: ");
    assert!(told.contains("part-00002.parquet, row 1 (entry "), "{told}");
    assert!(told.contains("hint: compare with the same `--parsers` and trust file"), "{told}");
    fs::remove_file(place.path(to)).unwrap();
    refused("its row is missing");
    place.write("rows/notes.txt", "mine");
    refused("error[parquet.unknown_file]: rows/notes.txt");
}

/// Returns a file's rows and metadata.
fn rows(path: &Path) -> (Vec<Row>, Vec<(String, String)>) {
    let mut reader = Reader::open(File::open(path).unwrap()).unwrap();
    let said = reader.metadata().map(|(key, value)| (key.to_owned(), value.unwrap().to_owned()));
    let metadata = said.collect();
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row().unwrap() {
        rows.push(row);
    }
    assert_eq!(rows.len() as u64, reader.rows());
    (rows, metadata)
}

fn rewrite(path: &Path, rows: &[Row], metadata: Vec<(String, String)>) {
    let mut writer = Writer::new(File::create(path).unwrap(), metadata).unwrap();
    for row in rows {
        writer.push(row).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn reports_rows_that_differ_from_the_export() {
    let place = Place::new();
    place.sealed(40);
    place.write("audit.ndjson.gz", gzip(place.read("audit.ndjson").as_bytes()));
    let trust = ["--trust", "trust.txt"];
    place
        .run(
            &[&["export", "--format", "parquet", "audit.ndjson.gz", "-o", "good.parquet"][..], &trust]
                .concat(),
        )
        .success();
    let (good, metadata) = rows(&place.path("good.parquet"));
    assert_eq!(good.len(), 40);
    let differs = |rows: &[Row], metadata: &[(String, String)], expected: &[&str]| {
        rewrite(&place.path("bad.parquet"), rows, metadata.to_vec());
        let verify = ["verify", "audit.ndjson.gz", "--parquet", "bad.parquet"];
        let refused = place.run(&[&verify[..], &trust].concat()).code(1);
        let told = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
        let lines: Vec<&str> = told.lines().filter(|line| line.starts_with('✗')).collect();
        let (last, lines) = lines.split_last().unwrap();
        assert!(last.starts_with("✗ error[parquet.differs]: bad.parquet: "), "{told}");
        assert_eq!(lines.len(), expected.len(), "{told}");
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.contains(expected), "{told}");
        }
    };
    let changed = |row: &Row, name: &str, to: Cell| {
        Row::new(|column| if column.name == name { Some(to.clone()) } else { row.get(column.name).cloned() })
    };
    let leaf = |row: usize| good[row].integer("entry").unwrap();

    // Changes each value of a row.
    for column in COLUMNS.iter().filter(|column| column.name != "entry") {
        let to = match good[7].get(column.name) {
            Some(Cell::Integer(number)) => Cell::Integer(number + 1),
            Some(Cell::Bytes(bytes)) => Cell::Bytes(bytes.iter().map(|byte| byte ^ 1).collect()),
            None => match column.kind {
                Kind::Integer | Kind::Integer32 | Kind::Time => Cell::Integer(1),
                Kind::Bytes(length) => Cell::Bytes(vec![1; length]),
                Kind::Word | Kind::Text => Cell::Bytes(b"more".to_vec()),
            },
        };
        let mut rows = good.clone();
        rows[7] = changed(&good[7], column.name, to);
        let expected =
            format!("bad.parquet, row 8 (entry {}): differs from the export in {}", leaf(7), column.name);
        differs(&rows, &metadata, &[&expected]);
    }
    let missing = format!("entry {}: its row is missing", leaf(7));
    let without = [&good[..7], &good[8..]].concat();
    differs(&without, &metadata, &[&missing]);
    differs(&good[..39], &metadata, &[&format!("entry {}: its row is missing", leaf(39))]);
    let mut twice = good.clone();
    twice.insert(8, good[7].clone());
    differs(&twice, &metadata, &["the row is repeated or out of order"]);
    let mut more = good.clone();
    more.insert(3, changed(&good[3], "entry", Cell::Integer(1_000_000)));
    differs(&more, &metadata, &["row 4 (entry 1000000): the export has no event for this row"]);
    let mut other = good.clone();
    other[7] = changed(&good[7], "entry", Cell::Integer(-1));
    differs(&other, &metadata, &["row 8 (entry -1): the export has no event for this row", &missing]);
    let mut swapped = good.clone();
    swapped.swap(7, 8);
    differs(&swapped, &metadata, &[&format!("row 9 (entry {}): the row is out of order", leaf(7))]);
    let mut verdict = metadata.clone();
    verdict[2].1 = "partial".into();
    differs(&good, &verdict, &["countersign.verdict is \"partial\", but should be \"verified\""]);
    // A repeated or additional value could mislead another program.
    let mut besides = metadata.clone();
    besides
        .extend([("countersign.verdict".into(), "verified".into()), ("ARROW:schema".into(), String::new())]);
    let more = ["countersign.verdict should not be there", "ARROW:schema should not be there"];
    let mut earlier = metadata.clone();
    earlier[0].1 = "v1".into();
    differs(&good, &earlier, &["countersign.rows is \"v1\", but should be \"v2\""]);
    differs(&good, &besides, &more);
    // Another trust file gives other rows, and so does another export of the same events.
    let verify = ["verify", "audit.ndjson.gz", "--parquet", "good.parquet"];
    place.run(&verify).code(1).stderr(predicate::str::contains("signer_trust"));
    place.run(&[&verify[..], &trust].concat()).success();
    let plain = ["verify", "audit.ndjson", "--parquet", "good.parquet"];
    place
        .run(&[&plain[..], &trust].concat())
        .code(1)
        .stderr(predicate::str::contains("countersign.export.sha256 is"));

    let whole = fs::read(place.path("good.parquet")).unwrap();
    for cut in [0, 3, whole.len() / 2, whole.len() - 1] {
        place.write("bad.parquet", &whole[..cut]);
        let verify = ["verify", "audit.ndjson.gz", "--parquet", "bad.parquet"];
        place.run(&verify).code(2).stderr(predicate::str::contains("error[parquet.invalid]: bad.parquet"));
    }
    // One changed byte turns the first column's dictionary into a page that readers skip, which makes the library
    // panic.
    let mut without = whole;
    let dictionary = without.windows(3).position(|header| header == [0x15, 0x04, 0x15]).unwrap();
    without[dictionary + 1] = 0x02;
    place.write("bad.parquet", &without);
    let verify = ["verify", "audit.ndjson.gz", "--parquet", "bad.parquet"];
    let told = place.run(&verify).code(2).get_output().stderr.clone();
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("error[parquet.invalid]: bad.parquet") && !told.contains("panicked"), "{told}");
}

#[test]
fn writes_nothing_for_altered_exports() {
    let place = Place::new();
    place.sealed(9);
    place.write("altered.ndjson", place.read("audit.ndjson").replacen("\"n\":3", "\"n\":4", 1));
    place.write("cut.ndjson", &place.read("audit.ndjson")[..2_000]);
    let before = place.files();
    for (args, status, why) in [
        (&["altered.ndjson", "-o", "x"][..], 1, "error[parquet.altered]: altered.ndjson: "),
        (&["altered.ndjson", "--partition", "day", "-o", "x"], 1, "error[parquet.altered]: altered.ndjson: "),
        (&["cut.ndjson", "-o", "x"], 1, "error[parquet.altered]: cut.ndjson: "),
        (&["trust.txt", "-o", "x"], 2, "error[export.invalid]: trust.txt: "),
        (&["audit.ndjson", "--query", "n:3", "-o", "x"], 2, "error[arguments.invalid]: "),
        (&["audit.ndjson", "--partition", "day"], 2, "--partition"),
    ] {
        let refused = place.run(&[&["export", "--format", "parquet"], args].concat()).code(status);
        refused.stdout("").stderr(predicate::str::contains(why));
        assert_eq!(place.files(), before);
    }
    place
        .run(&["export", "audit.ndjson"])
        .code(2)
        .stderr(predicate::str::contains("error[arguments.invalid]"));
    let out =
        place.run(&["export", "--format", "parquet", "audit.ndjson"]).code(3).get_output().stdout.clone();
    assert!(out.starts_with(b"PAR1") && out.ends_with(b"PAR1"));
}

#[test]
fn rejects_other_files_and_terminal_output() {
    let place = Place::new();
    place.sealed(1);
    place.write("empty.ndjson", "");
    place
        .run(&["export", "--format", "parquet", "empty.ndjson"])
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains("✗ error[export.invalid]: empty.ndjson: "));
    // `script` runs a command in a terminal.
    let program = assert_cmd::cargo::cargo_bin("countersign");
    let command = format!("{} export --format parquet audit.ndjson", program.display());
    let script = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(place.path(""))
        .stdin(std::process::Stdio::null())
        .output();
    let Ok(output) = script else {
        eprintln!("skipped: this system has no script");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("write to a file with -o FILE") && !said.contains("PAR1"), "{said}");
}
