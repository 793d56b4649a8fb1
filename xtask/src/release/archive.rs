//! Reproducible archives.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, Header};

/// A file in an archive.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) file: &'a Path,
    pub(super) executable: bool,
}

/// Writes a gzipped tar archive with all entries in one folder, with timestamps of `time` seconds since
/// 1970.
pub(super) fn write(out: &Path, folder: &str, time: u64, entries: &[Entry]) -> Result<()> {
    let packed = GzBuilder::new().write(File::create(out)?, Compression::best());
    let mut archive = Builder::new(packed);
    for Entry { name, file, executable } in entries {
        let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut header = Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(if *executable { 0o755 } else { 0o644 });
        header.set_mtime(time);
        archive.append_data(&mut header, format!("{folder}/{name}"), &*content)?;
    }
    archive.into_inner()?.finish()?.flush()?;
    Ok(())
}
