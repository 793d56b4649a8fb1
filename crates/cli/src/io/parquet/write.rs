//! Writes rows to a file, or to a folder with files per day.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use countersign_parquet::{Row, Version, Writer};

use super::error::failed;
use super::parts::{part_file_name, refuse_complete};
use super::rows::{Rows, Stretch};
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
    for stretch in rows.stretches() {
        match (stretch.part, partition, to) {
            (Some(part), _, Some(to)) => write_part(rows, &stretch, part, to, partition)?,
            (None, Some(Partition::Day), Some(to)) => {
                let folder = Folder::create(to)?;
                let mut days = Days::new(folder.path(), rows.metadata(&stretch, Version::CURRENT), shown(to));
                rows.each(&stretch, "writing", |_, day, row| days.push(day, &row))?;
                days.finish()?;
                folder.finish()?;
            }
            _ => write_file(rows, &stretch, to)?,
        }
    }
    Ok(())
}

fn write_file(rows: &mut Rows, stretch: &Stretch, to: Option<&Path>) -> Result<(), CliError> {
    let name = to.map_or_else(|| "standard output".to_owned(), shown);
    let failed = |error| failed("write", &name, &error);
    let mut writer =
        Writer::new(Output::create(to)?, rows.metadata(stretch, Version::CURRENT)).map_err(failed)?;
    rows.each(stretch, "writing", |_, _, row| writer.push(&row).map_err(failed))?;
    writer.finish().map_err(failed)?.finish()
}

/// Writes the rows of a part into a folder that has those of other parts. Replaces the files of an earlier attempt,
/// unless the folder is complete.
fn write_part(
    rows: &mut Rows,
    stretch: &Stretch,
    part: u64,
    to: &Path,
    partition: Option<Partition>,
) -> Result<(), CliError> {
    refuse_complete(to)?;
    let unfinished = Folder::create_in(to)?;
    let mut days = Days::new(unfinished.path(), rows.metadata(stretch, Version::CURRENT), shown(to));
    days.part = Some(part);
    // Without days, a part has a file even if it has no rows.
    if partition.is_none() {
        days.open("")?;
    }
    rows.each(stretch, "writing", |_, day, row| days.push(if partition.is_some() { day } else { "" }, &row))?;
    let paths = days.finish()?;
    // Another process may have written the manifest in the meantime.
    refuse_complete(to)?;
    unfinished.move_files(&paths)
}

/// The files of the days.
struct Days<'a> {
    folder: &'a Path,
    metadata: Vec<(String, String)>,
    name: String,
    /// The number of the part, if the rows are those of a part.
    part: Option<u64>,
    /// The open files, and when each was last written to.
    open: HashMap<String, (Writer<BufWriter<File>>, u64)>,
    /// The number of files of each day.
    files: HashMap<String, u32>,
    /// The paths of all files within the folder.
    paths: Vec<PathBuf>,
    next: u64,
}

impl<'a> Days<'a> {
    fn new(folder: &'a Path, metadata: Vec<(String, String)>, name: String) -> Self {
        let (open, files) = (HashMap::new(), HashMap::new());
        Self { folder, metadata, name, part: None, open, files, paths: Vec::new(), next: 0 }
    }

    fn push(&mut self, day: &str, row: &Row) -> Result<(), CliError> {
        self.open(day)?;
        self.next += 1;
        let Some((writer, used)) = self.open.get_mut(day) else { return Ok(()) };
        *used = self.next;
        writer.push(row).map_err(|error| failed("write", &self.name, &error))
    }

    /// Opens a file for a day. A day whose file was closed gets another file.
    fn open(&mut self, day: &str) -> Result<(), CliError> {
        if self.open.contains_key(day) {
            return Ok(());
        }
        if self.open.len() >= MAX_OPEN_FILES {
            let last = self.open.iter().min_by_key(|(_, (_, used))| *used).map(|(day, _)| day.clone());
            last.map_or(Ok(()), |day| self.close(&day))?;
        }
        let writer = self.begin(day)?;
        self.open.insert(day.to_owned(), (writer, 0));
        Ok(())
    }

    fn begin(&mut self, day: &str) -> Result<Writer<BufWriter<File>>, CliError> {
        let number = self.files.entry(day.to_owned()).or_default();
        let file_name = match self.part {
            Some(part) => part_file_name(part, *number),
            None => format!("part-{number:05}.parquet"),
        };
        *number += 1;
        let path =
            if day.is_empty() { file_name.into() } else { Path::new(&format!("day={day}")).join(file_name) };
        let create = || {
            let path = self.folder.join(&path);
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            File::create_new(path)
        };
        let file = create().map_err(|error| CliError::io("write", &self.name, &error))?;
        self.paths.push(path);
        Writer::new(BufWriter::new(file), self.metadata.clone())
            .map_err(|error| failed("write", &self.name, &error))
    }

    fn close(&mut self, day: &str) -> Result<(), CliError> {
        let Some((writer, _)) = self.open.remove(day) else { return Ok(()) };
        let file = writer.finish().map_err(|error| failed("write", &self.name, &error))?;
        let sync = || file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all();
        sync().map_err(|error| CliError::io("write", &self.name, &error))
    }

    /// Completes all files, and returns their paths within the folder.
    fn finish(mut self) -> Result<Vec<PathBuf>, CliError> {
        let days: Vec<String> = self.open.keys().cloned().collect();
        days.iter().try_for_each(|day| self.close(day))?;
        Ok(self.paths)
    }
}
