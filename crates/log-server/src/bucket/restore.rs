//! Recovers a bucket that was restored or lost objects: finds its remaining objects and adds the missing ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign::merkle::Bundle;
use countersign::note::VerifierKey;
use object_store::path::Path as ObjectPath;
use roaring::RoaringTreemap;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::codec::{Commit, decode_checkpoint};
use super::index::Erasures;
use super::layout::in_object;
use super::location::Bucket;
use super::objects::CreateOutcome;
use super::signed::SignedObjects;
use super::writer::{BucketWriter, fetch};
use crate::restore::{Bundles, EndReason, Folder, HeldLeaf, Source};
use crate::sqlite;
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{Reader, StoreError, Writer};

/// A log's bucket, followed up to its first missing or unreadable commit.
pub(crate) struct BucketRestore {
    writer: BucketWriter,
    reader: Arc<dyn Reader>,
    folder: PathBuf,
    /// First entries of the commits after a gap, in ascending order.
    later: Vec<u64>,
    /// Commits after a gap that can't be read.
    damaged: Vec<ObjectPath>,
    erased: RoaringTreemap,
    notes: Vec<String>,
    signed: SignedObjects,
    _index: TempDir,
}

impl BucketRestore {
    /// Opens the bucket of the log with that key, with a temporary index in the log's folder.
    pub(crate) fn open(
        folder: &Path,
        key: &VerifierKey,
        bucket: Bucket,
        handle: Handle,
    ) -> Result<Self, StoreError> {
        let index = tempfile::Builder::new().prefix(".restore").tempdir_in(folder);
        let index = index.map_err(|error| StoreError::disk("creating an index", error))?;
        let mut writer = BucketWriter::new(index.path(), key, bucket, handle)?;
        writer.restoring = true;
        if !writer.claim.has_origin()? {
            return Err(StoreError::bucket("opening the bucket", "the bucket contains no log"));
        }
        writer.claim.check_key()?;
        writer.index.set_erasures(Erasures::default())?;
        let commits = writer.layout.commits();
        let bases = writer.objects.wait(writer.objects.numbers(&commits, &commits))?;
        let mut damaged = Vec::new();
        for base in &bases {
            let path = writer.layout.commit(*base);
            match writer.objects.wait(fetch(&writer.objects, &writer.layout, *base)) {
                Err(StoreError::Damaged(why)) => {
                    tracing::warn!(%path, why, "a commit can't be read");
                    damaged.push(path);
                }
                Ok(Some(commit)) if *base == writer.index.size() => {
                    writer.index.follow(vec![commit], key)?;
                }
                // A commit before it is missing.
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        let size = writer.index.size();
        let is_later_and_readable =
            |base: &u64| *base >= size && !damaged.contains(&writer.layout.commit(*base));
        let later = bases.into_iter().filter(is_later_and_readable).collect();
        let erased = read_erased(&writer)?;
        let notes = read_notes(&writer, folder)?;
        let signed = SignedObjects::open(writer.objects.clone(), writer.layout.clone())?;
        let (reader, folder) = (writer.reader(), folder.to_owned());
        Ok(Self { writer, reader, folder, later, damaged, erased, notes, signed, _index: index })
    }

    pub(crate) fn writer(&self) -> &dyn Writer {
        &self.writer
    }

    pub(crate) fn writer_mut(&mut self) -> &mut dyn Writer {
        &mut self.writer
    }

    pub(crate) fn reader(&self) -> &dyn Reader {
        &*self.reader
    }

    /// Returns the checkpoints stored in the bucket and in the folder's index of it.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the newest head that the bucket records as signed.
    pub(crate) fn remembered(&self) -> Option<&SignedHead> {
        self.signed.newest()
    }

    pub(crate) fn is_erased(&self, leaf: u64) -> bool {
        self.erased.contains(leaf)
    }

    pub(crate) fn next_boundary(&self, size: u64) -> u64 {
        self.later.iter().copied().find(|base| *base > size).unwrap_or(u64::MAX)
    }

    /// Returns sources of entries that aren't in commits: commits after a gap, the folder's earlier index, and tiles.
    pub(crate) fn sources(&self) -> Result<Vec<Box<dyn Source>>, StoreError> {
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        if !self.later.is_empty() {
            let (objects, layout) = (self.writer.objects.clone(), self.writer.layout.clone());
            let read = move |base| objects.wait(fetch(&objects, &layout, base));
            sources.push(Box::new(LaterCommits {
                later: self.later.clone(),
                read: Box::new(read),
                last: None,
            }));
        }
        if self.folder.join(sqlite::FILE).exists() {
            match Folder::open("the folder's earlier index".into(), &self.folder) {
                Ok(earlier) => sources.push(Box::new(earlier)),
                Err(error) => tracing::warn!(%error, "the folder's earlier index can't be read"),
            }
        }
        let (objects, layout) = (self.writer.objects.clone(), self.writer.layout.clone());
        let note = objects.wait(objects.get(&layout.checkpoint()))?;
        let note = note.and_then(|note| String::from_utf8(note.bytes.to_vec()).ok());
        if let Some(note) = note
            && let Ok(signed) = SignedCheckpoint::parse(&note)
        {
            let get = move |path: &str| {
                let object = objects.wait(objects.get(&layout.public(path)));
                object.map_err(|error| error.to_string())
            };
            let read = move |bundle: Bundle| {
                let found = match get(&bundle.path())? {
                    None => get(&bundle.full().path())?.map(|full| bundle.cut(&full.bytes).to_vec()),
                    Some(object) => Some(object.bytes.to_vec()),
                };
                Ok(found)
            };
            let size = signed.checkpoint.size;
            sources.push(Box::new(Bundles::new("the bucket's own tiles".into(), note, size, read)));
        }
        Ok(sources)
    }

    pub(crate) fn remember(&mut self, heads: &[SignedHead]) -> Result<(), StoreError> {
        self.signed.remember_all(heads)
    }

    pub(crate) fn remove_damaged(&mut self) -> Result<(), StoreError> {
        self.writer.objects.wait(self.writer.objects.delete(std::mem::take(&mut self.damaged)))
    }

    /// Records that the log has ended: from its next start on, no server of the log signs.
    pub(crate) fn end(&self, reason: &EndReason, new: &str) -> Result<(), StoreError> {
        let (path, line) = (self.writer.layout.ended(), reason.to_line(new));
        match self.writer.objects.wait(self.writer.objects.create(&path, line.into_bytes()))? {
            CreateOutcome::Ours => Ok(()),
            CreateOutcome::Other(other) => {
                let other = String::from_utf8_lossy(&other).into_owned();
                Err(StoreError::unavailable("ending the log", format!("the log has already ended: {other}")))
            }
        }
    }
}

fn read_erased(writer: &BucketWriter) -> Result<RoaringTreemap, StoreError> {
    let mut erased = RoaringTreemap::new();
    for number in 0.. {
        let Some(erasure) = writer.erasures.read(number)? else { break };
        erased.extend(erasure.leaves);
    }
    Ok(erased)
}

fn read_notes(writer: &BucketWriter, folder: &Path) -> Result<Vec<String>, StoreError> {
    let (objects, layout) = (&writer.objects, &writer.layout);
    let mut notes = Vec::new();
    if let Some(kept) = objects.wait(objects.list(&layout.kept_checkpoints(), None))?.last()
        && let Some(object) = objects.wait(objects.get(&kept.location))?
    {
        notes.push(decode_checkpoint(&object.bytes).map_err(in_object(&kept.location))?.note);
    }
    for meta in objects.wait(objects.list(&layout.all_signed(), None))? {
        let Some(object) = objects.wait(objects.get(&meta.location))? else { continue };
        let line = str::from_utf8(&object.bytes).ok().and_then(|line| line.strip_suffix('\n'));
        let damaged =
            || in_object(&meta.location)(StoreError::Damaged("the object isn't a signed checkpoint".into()));
        notes.push(line.and_then(SignedHead::parse).ok_or_else(damaged)?.note(writer.key.name()));
    }
    if folder.join(sqlite::FILE).exists()
        && let Ok((_, earlier)) = sqlite::open_live_reader(folder)
        && let Ok(Some(published)) = earlier.published()
    {
        notes.push(published.note);
    }
    Ok(notes)
}

/// The commits after a gap.
struct LaterCommits<F> {
    later: Vec<u64>,
    read: F,
    /// The commit that was read last.
    last: Option<Commit>,
}

impl<F: FnMut(u64) -> Result<Option<Commit>, StoreError>> Source for LaterCommits<F> {
    fn name(&self) -> String {
        "the bucket's later commits".into()
    }

    fn checkpoints(&self) -> &[String] {
        &[]
    }

    fn leaf(&mut self, index: u64) -> Result<Option<HeldLeaf>, String> {
        let Some(base) = self.later.iter().copied().rfind(|base| *base <= index) else { return Ok(None) };
        if self.last.as_ref().is_none_or(|last| last.base != base) {
            self.last = (self.read)(base).map_err(|error| error.to_string())?;
        }
        let Some(commit) = &self.last else { return Ok(None) };
        let text = commit.leaves.get((index - commit.base) as usize);
        let event = commit.events.as_ref().and_then(|events| events.get(&index));
        Ok(text.map(|text| HeldLeaf { text: text.clone(), event: event.cloned() }))
    }
}
