//! Records that wait for the end of an export.

use crate::errors::CliError;
use crate::io::spill::Runs;

/// How many bytes of records are kept in memory.
const IN_MEMORY: usize = 16 << 20;

/// Records that wait for the end of the export, in memory while they are few.
#[derive(Default)]
pub(super) struct Kept {
    records: Vec<(u64, Box<[u8]>)>,
    bytes: usize,
    runs: Option<Runs>,
}

impl Kept {
    pub(super) fn push(&mut self, leaf: u64, record: Box<[u8]>) -> Result<(), CliError> {
        self.bytes += record.len() + size_of::<(u64, Box<[u8]>)>();
        self.records.push((leaf, record));
        if self.bytes < IN_MEMORY { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), CliError> {
        self.records.sort_by_key(|(leaf, _)| *leaf);
        let runs = match &mut self.runs {
            Some(runs) => runs,
            None => self.runs.insert(Runs::new()?),
        };
        self.bytes = 0;
        runs.add(self.records.drain(..), |(leaf, record), out| {
            out.extend(record);
            leaf
        })
    }

    /// All of them, in the order of the log.
    pub(super) fn for_each(
        &mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        if self.runs.is_some() && !self.records.is_empty() {
            self.write()?;
        }
        if let Some(runs) = &mut self.runs {
            return runs.for_each(|_, record| each(record));
        }
        self.records.sort_by_key(|(leaf, _)| *leaf);
        self.records.iter().try_for_each(|(_, record)| each(record))
    }
}
