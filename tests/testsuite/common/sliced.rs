//! Lines and slices of an export.

use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Line};
use countersign::trust::Trust;
use countersign_slice::{Selection, Survey};

/// Returns the lines of an export that are not blank, with their numbers, starting with the header.
pub(crate) fn lines(export: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(export.lines()).filter(|(_, line)| !line.trim_ascii().is_empty())
}

pub(crate) fn items(export: &str) -> impl Iterator<Item = (u64, Item<'_>)> {
    lines(export).skip(1).map(|(number, line)| (number, Line::parse(line).unwrap().item))
}

pub(crate) fn slice(
    export: &str,
    selection: &Selection<'_>,
    trust: Option<&Trust>,
) -> Result<String, countersign::Error> {
    let header = Header::parse(lines(export).next().unwrap().1.as_bytes())?;
    let mut survey = Survey::new(&header, selection, trust);
    for (number, item) in items(export) {
        survey.line(number, &item)?;
    }
    let plan = survey.finish()?;
    let mut out = Writer::new();
    let mut slicer = plan.slicer(&mut out);
    for (number, item) in items(export) {
        slicer.line(number, &item, &mut out)?;
    }
    slicer.finish(&mut out)?;
    Ok(out.as_str().to_owned())
}
