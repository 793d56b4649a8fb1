//! Tests that events are read from their place and written as lines of a batch with parsed fields.

use countersign_index::{ByteRange, EXPORT, EventIndex, Order, SegmentBuilder, decode, encode};
use countersign_query::Parsers;

/// Returns the line of a batch for an event in the export (with `offset`) or outside of it.
fn line(number: usize, offset: Option<usize>, event: &str) -> String {
    let offset = offset.map(|offset| format!(",\"offset\":{offset}")).unwrap_or_default();
    let index = number + 3;
    format!(
        "{{\"line\":{number}{offset},\"index\":{index},\"chain\":\"da7f84a510cb84b8cbb5b74a63c306ec\",\
         \"seq\":{number},\"time\":\"2026-11-20T06:01:02.345Z\",\"authorized\":{},\"vkey\":\"a\\\\\\\"b+1\",\
         \"event\":{event}}}\n",
        number.is_multiple_of(2)
    )
}

struct Export {
    text: String,
    /// The batches, with whether each is kept, and the expected lines of the events.
    batches: Vec<(String, bool)>,
    lines: Vec<String>,
}

/// Returns an export whose events arrive out of order, and partly from outside of it.
fn export() -> Export {
    let long = "so long a text that it is cut ".repeat(300);
    let events: Vec<String> = (0..900)
        .map(|nth| {
            format!(
                r#"{{"action":"a.b","actor":{{"id":"u"}},"note":"{} {nth} zoë"}}"#,
                if nth % 40 == 0 { &long } else { "" }
            )
        })
        .collect();
    let mut text = String::from("{\"countersign\":\"export/v1\"}\n");
    let mut offsets = Vec::new();
    for event in &events {
        text.push_str("{\"link\":\"…\",\"event\":");
        offsets.push(text.len());
        text.push_str(event);
        text.push_str("}\n");
    }
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.chunks_mut(90).for_each(|part| part.sort_by_key(|nth| (nth % 3, *nth)));
    let batches = order.chunks(100).zip(0..).map(|(part, nth)| {
        let is_kept = nth % 4 == 1;
        let lines = part.iter().map(|nth| line(nth + 2, (!is_kept).then_some(offsets[*nth]), &events[*nth]));
        (lines.collect(), is_kept)
    });
    let batches = batches.collect();
    Export {
        text,
        batches,
        lines: events.iter().zip(2..).map(|(event, number)| line(number, None, event)).collect(),
    }
}

fn indexed(export: &Export) -> (EventIndex, String) {
    let (mut builder, mut kept) = (SegmentBuilder::new(9, Parsers::built_in()), String::new());
    for (batch, is_kept) in &export.batches {
        assert_eq!(builder.add(batch.as_bytes()), Ok(*is_kept));
        kept.push_str(if *is_kept { batch } else { "" });
    }
    assert_eq!(builder.kept_bytes(), kept.len() as u64);
    let mut index = EventIndex::new(7, Parsers::built_in());
    for segment in decode(&encode(&builder.finish())).unwrap() {
        assert_eq!(index.rows(), index.add_segment(segment, 1));
    }
    (index, kept)
}

fn bytes<'a>(export: &'a Export, kept: &'a str, ByteRange { blob, begin, end }: ByteRange) -> &'a [u8] {
    let text = if blob == EXPORT { &export.text } else { kept };
    &text.as_bytes()[usize::try_from(begin).unwrap()..usize::try_from(end).unwrap()]
}

#[test]
fn counts_a_query_beside_the_current_one() {
    let (mut index, _) = indexed(&export());
    let now = "2026-11-20T06:01:02.345Z".parse().unwrap();
    index.ask("action:none", now, Order::default()).unwrap();
    assert_eq!(index.count("action:a.b", now), Ok(Some(900)));
    assert_eq!(index.count("-has:action", now), Ok(Some(0)));
    // Events must be read for words.
    assert_eq!(index.count("zoë", now), Ok(None));
    assert!(index.count("action:", now).is_err());
    while index.step(100) {}
    assert_eq!(index.found().map(|answer| answer.events), Some(0));
}

#[test]
fn reads_undecided_events_from_their_place() {
    let export = export();
    let (mut index, kept) = indexed(&export);
    index.ask("note:*880*", "2026-11-20T06:00:00.000Z".parse().unwrap(), Order::default()).unwrap();
    while index.step(1000) {}
    let mut read = [0; 2];
    while let Some(range) = index.wants() {
        read[range.blob as usize] += 1;
        index.provide(bytes(&export, &kept, range));
    }
    assert!(index.found().is_some_and(|answer| answer.complete));
    assert_eq!(index.indexes(), [880 + 2 + 3]);
    assert!(read.iter().all(|ranges| *ranges > 0), "{read:?}");
}

/// Returns a line with parsed fields added.
fn with_read(line: &str) -> String {
    let read = r#""parsed":{"as":"countersign","action":"a.b","actor":{"id":"u","type":"user"},"outcome":"not stated","unread":["kind"]}"#;
    line.replace("\"event\":", &format!("{read},\"event\":"))
}

#[test]
fn builder_writes_the_lines_of_each_batch() {
    let mut batches = export().batches;
    let unread = line(1000, None, r#"{"b":1}"#);
    batches.push((unread.clone(), true));
    let (mut plain, mut writing) = [1, 1].map(|seed| SegmentBuilder::new(seed, Parsers::built_in())).into();
    let mut lines = Vec::new();
    for (batch, is_kept) in &batches {
        assert_eq!(writing.add_and_write(batch.as_bytes(), &mut lines), Ok(*is_kept));
        plain.add(batch.as_bytes()).unwrap();
    }
    let written: Vec<_> = batches.iter().map(|(batch, _)| with_read(batch)).collect();
    let wanted = written
        .concat()
        .replace(&with_read(&unread), &unread.replace("\"event\"", "\"parsed\":null,\"event\""));
    assert_eq!(String::from_utf8(lines).unwrap(), wanted);
    assert_eq!((writing.added_bytes(), writing.kept_bytes()), (plain.added_bytes(), plain.kept_bytes()));
    assert_eq!(encode(&writing.finish()), encode(&plain.finish()));
}

#[test]
fn writes_lines_in_the_order_of_the_bytes() {
    let export = export();
    let (mut index, kept) = indexed(&export);
    let all = 0..index.rows();
    let mut lines_in = |rows| {
        let mut written = Vec::new();
        index.begin_lines(rows);
        while let Some(range) = index.lines_want() {
            written.extend(index.lines_of(bytes(&export, &kept, range)).unwrap());
        }
        String::from_utf8(written).unwrap()
    };
    let (kept_lines, exported): (Vec<_>, Vec<_>) =
        export.lines.iter().map(String::as_str).partition(|line| kept.contains(line));
    assert_eq!((kept_lines.is_empty(), exported.is_empty()), (false, false));
    // Kept batches are in order of arrival.
    let wanted = [exported, kept.split_inclusive('\n').collect()].concat();
    let wanted: Vec<String> = wanted.into_iter().map(with_read).collect();
    assert_eq!(lines_in(all.clone()), wanted.concat());
    let mut parts = [lines_in(0..150), lines_in(150..all.end)].concat();
    assert_eq!(parts.len(), wanted.concat().len());
    parts = parts.split_inclusive('\n').filter(|line| !wanted.iter().any(|wanted| wanted == line)).collect();
    assert_eq!(parts, "");
    assert_eq!(lines_in(all.end..all.end + 7), "");
    index.begin_lines(all);
    assert!(index.lines_of(b"too few").is_none());
}

#[test]
fn rejects_batches_with_offsets_on_some_lines() {
    let mixed = [line(2, Some(60), "{}"), line(3, None, "{}")];
    for order in [[0, 1], [1, 0]] {
        let batch = order.map(|nth: usize| &*mixed[nth]).concat();
        let mut builder = SegmentBuilder::new(1, Parsers::built_in());
        assert_eq!(builder.add(batch.as_bytes()).unwrap_err().line, 2);
    }
}
