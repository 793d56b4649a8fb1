//! Writes rows to a file, or to a folder with files per day.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use countersign_parquet::{Row, Version, Writer};

use super::failed;
use super::rows::Rows;
use crate::errors::{CliError, shown};
use crate::io::output::{Folder, Output};

/// The division of rows into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Partition {
    /// One file per day on which events were recorded, in UTC
    Day,
}

/// The maximum number of files that are open at once.
const MAX_OPEN_FILES: usize = 8;

/// Writes all rows. The output appears when it is complete.
pub(crate) fn write(
    rows: &mut Rows,
    to: Option<&Path>,
    partition: Option<Partition>,
) -> Result<(), CliError> {
    rows.refuse_altered()?;
    let metadata = rows.metadata(Version::CURRENT);
    let (Some(Partition::Day), Some(to)) = (partition, to) else {
        let name = to.map_or_else(|| "standard output".to_owned(), shown);
        let failed = |error| failed("write", &name, &error);
        let mut writer = Writer::new(Output::create(to)?, metadata).map_err(failed)?;
        rows.each("writing", |_, _, row| writer.push(&row).map_err(failed))?;
        return writer.finish().map_err(failed)?.finish();
    };
    let folder = Folder::create(to)?;
    let mut days = Days {
        folder: folder.path(),
        metadata,
        name: shown(to),
        open: HashMap::new(),
        files: HashMap::new(),
        next: 0,
    };
    rows.each("writing", |_, day, row| days.push(day, &row))?;
    days.finish()?;
    folder.finish()
}

/// The files of the days.
struct Days<'a> {
    folder: &'a Path,
    metadata: Vec<(String, String)>,
    name: String,
    /// The open files, and when each was last written to.
    open: HashMap<String, (Writer<BufWriter<File>>, u64)>,
    /// The number of files of each day.
    files: HashMap<String, u32>,
    next: u64,
}

impl Days<'_> {
    fn push(&mut self, day: &str, row: &Row) -> Result<(), CliError> {
        if !self.open.contains_key(day) {
            // A day whose file was closed gets another file.
            if self.open.len() >= MAX_OPEN_FILES {
                let last = self.open.iter().min_by_key(|(_, (_, used))| *used).map(|(day, _)| day.clone());
                last.map_or(Ok(()), |day| self.close(&day))?;
            }
            let writer = self.begin(day)?;
            self.open.insert(day.to_owned(), (writer, 0));
        }
        self.next += 1;
        let Some((writer, used)) = self.open.get_mut(day) else { return Ok(()) };
        *used = self.next;
        writer.push(row).map_err(|error| failed("write", &self.name, &error))
    }

    fn begin(&mut self, day: &str) -> Result<Writer<BufWriter<File>>, CliError> {
        let number = self.files.entry(day.to_owned()).or_default();
        let folder = self.folder.join(format!("day={day}"));
        let create = || {
            std::fs::create_dir_all(&folder)?;
            File::create_new(folder.join(format!("part-{number:05}.parquet")))
        };
        let file = create().map_err(|error| CliError::io("write", &self.name, &error))?;
        *number += 1;
        Writer::new(BufWriter::new(file), self.metadata.clone())
            .map_err(|error| failed("write", &self.name, &error))
    }

    fn close(&mut self, day: &str) -> Result<(), CliError> {
        let Some((writer, _)) = self.open.remove(day) else { return Ok(()) };
        let file = writer.finish().map_err(|error| failed("write", &self.name, &error))?;
        let sync = || file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all();
        sync().map_err(|error| CliError::io("write", &self.name, &error))
    }

    fn finish(mut self) -> Result<(), CliError> {
        let days: Vec<String> = self.open.keys().cloned().collect();
        days.iter().try_for_each(|day| self.close(day))
    }
}
