//! The public part of a bucket: the log as C2SP tlog-tiles.
//!
//! Tiles and entry bundles are written first, then their checkpoint. If the store supports it, a checkpoint is
//! replaced only if it is still the version that was read. Otherwise, each server checks after its write whether a
//! larger checkpoint was published, and restores that one.

use std::sync::Arc;

use countersign::checkpoint::{SignedCheckpoint, claimed_time};
use countersign::merkle::{Bundle, TILE_HEIGHT, TILE_WIDTH, Tile};
use countersign::note::VerifierKey;
use countersign::time::Time;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::UpdateVersion;
use object_store::path::Path;

use super::codec::{decode_checkpoint, encode_checkpoint};
use super::layout::in_object;
use super::layout::{Layout, number};
use super::objects::{MAX_CONCURRENT_REQUESTS, Object, Objects, ReplaceOutcome};
use super::writer::BucketWriter;
use countersign_log::hashes::root_at;
use countersign_log::store::{CheckpointWriter as _, Published, Reader, StoreError};
use countersign_log::tables::replaces;

/// Number of times that other servers may publish first before publishing fails.
const MAX_ATTEMPTS: usize = 16;
/// Number of failures allowed in replacing the checkpoint.
const MAX_FAILURES: usize = 3;
/// Number of objects prepared at a time.
const BATCH_OBJECTS: usize = 4 * MAX_CONCURRENT_REQUESTS;
/// Number of objects between two progress messages.
const PROGRESS_OBJECTS: usize = 16_384;

/// The public checkpoint.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) size: u64,
    note: String,
    version: UpdateVersion,
}

/// The public part of a bucket, with the known state of its checkpoint.
pub(super) struct Public {
    objects: Objects,
    layout: Layout,
    /// The log's key.
    key: VerifierKey,
    /// The log's entries.
    reader: Arc<dyn Reader>,
    head: Option<Head>,
    /// True if another server may have published since the head was read.
    outdated: bool,
    /// True if the store doesn't support conditional replacement.
    unconditional: bool,
}

impl Public {
    /// Creates the public part of a log with these entries.
    pub(super) fn new(objects: Objects, layout: Layout, key: VerifierKey, reader: Arc<dyn Reader>) -> Self {
        Self { objects, layout, key, reader, head: None, outdated: false, unconditional: false }
    }

    pub(super) fn mark_outdated(&mut self) {
        self.outdated = true;
    }

    /// Reads the public checkpoint.
    pub(super) fn read_head(&mut self) -> Result<Option<Head>, StoreError> {
        let path = self.layout.checkpoint();
        let object = self.objects.wait(self.objects.get(&path))?;
        self.head = object.map(|object| head(&path, object)).transpose()?;
        self.outdated = false;
        Ok(self.head.clone())
    }

    /// Publishes a checkpoint with its tiles and entry bundles.
    pub(super) fn make_public(&mut self, published: &Published) -> Result<(), StoreError> {
        if self.outdated || self.head.is_none() {
            self.read_head()?;
        }
        if self.is_better(published) {
            return Ok(());
        }
        let known = self.head.as_ref().map_or(0, |head| head.size);
        self.write_tiles(known, published.size)?;
        let kept = encode_checkpoint(published)?;
        self.objects.wait(self.objects.write(&self.layout.kept_checkpoint(published.size), kept))?;
        self.replace_head(published)?;
        // The checkpoint is public; leftover objects only take up space.
        if let Err(error) = self.tidy(known, published) {
            tracing::warn!(%error, "deleting superseded objects failed");
        }
        Ok(())
    }

    /// True if the public checkpoint is as good as this one or better.
    fn is_better(&self, published: &Published) -> bool {
        self.head.as_ref().is_some_and(|head| {
            head.size > published.size
                || head.size == published.size
                    && cosignatures(&head.note) >= cosignatures(&published.note)
                    && SignedCheckpoint::parse(&head.note).is_ok_and(|signed| signed.is_signed_by(&self.key))
        })
    }

    /// Returns the names and contents of the tiles and entry bundles that a log with `size` entries has in addition to
    /// one with `known` entries.
    pub(super) fn objects_of(
        &self,
        known: u64,
        size: u64,
    ) -> impl Iterator<Item = Result<(String, Vec<u8>), StoreError>> {
        let tiles = Tile::grown(known, size).map(|tile| {
            let missing = || StoreError::Damaged(format!("tile {} is missing", tile.path()));
            Ok((tile.path(), self.reader.tile(tile)?.ok_or_else(missing)?))
        });
        let bundles = Bundle::grown(known, size).map(|bundle| {
            let start = bundle.index * TILE_WIDTH;
            let leaves = self.reader.leaves(start..start + u64::from(bundle.width))?;
            let bytes = Bundle::encode(leaves);
            Ok((bundle.path(), bytes.map_err(|error| StoreError::Damaged(error.into_message()))?))
        });
        tiles.chain(bundles)
    }

    pub(super) fn write_tiles(&self, known: u64, size: u64) -> Result<(), StoreError> {
        let mut parts = self.objects_of(known, size).peekable();
        let mut written = 0;
        while parts.peek().is_some() {
            let objects = parts.by_ref().take(BATCH_OBJECTS).collect::<Result<Vec<_>, _>>()?;
            let before = written;
            written += objects.len();
            let writing = objects.into_iter().map(|(path, bytes)| {
                let path = self.layout.public(&path);
                async move { self.objects.write(&path, bytes).await }
            });
            let writing = futures_util::stream::iter(writing).buffer_unordered(MAX_CONCURRENT_REQUESTS);
            self.objects.wait(writing.try_collect::<Vec<()>>())?;
            if before / PROGRESS_OBJECTS < written / PROGRESS_OBJECTS {
                tracing::info!(written, size, "publishing tiles and entry bundles");
            }
        }
        Ok(())
    }

    fn replace_head(&mut self, published: &Published) -> Result<(), StoreError> {
        let path = self.layout.checkpoint();
        let mut failures = 0;
        for _ in 0..MAX_ATTEMPTS {
            if self.unconditional {
                return self.overwrite_head(published);
            }
            let version = self.head.as_ref().map(|head| head.version.clone());
            let replaced = self.objects.replace(&path, version, published.note.clone().into_bytes());
            match self.objects.wait(replaced) {
                Ok(ReplaceOutcome::Yes(version)) => {
                    let (size, note) = (published.size, published.note.clone());
                    self.head = Some(Head { size, note, version });
                    return Ok(());
                }
                Ok(ReplaceOutcome::Unconditional) => {
                    self.unconditional = true;
                    continue;
                }
                Ok(ReplaceOutcome::Changed) => {}
                Err(error) if failures == MAX_FAILURES => return Err(error),
                Err(_) => failures += 1,
            }
            // Either another server published first, or this write succeeded despite the error.
            self.read_head()?;
            if self.is_better(published) {
                return Ok(());
            }
        }
        Err(StoreError::bucket("publishing", "other servers published first each time"))
    }

    fn overwrite_head(&mut self, published: &Published) -> Result<(), StoreError> {
        let path = self.layout.checkpoint();
        let mut newest = (published.size, published.note.clone());
        for _ in 0..MAX_ATTEMPTS {
            self.objects.wait(self.objects.write(&path, newest.1.clone().into_bytes()))?;
            // Each server stores its checkpoint privately before publishing it, so a larger one that was overwritten
            // can be found there.
            let (all, this) = (self.layout.kept_checkpoints(), self.layout.kept_checkpoint(newest.0));
            let larger = self.objects.wait(self.objects.list(&all, Some(&this)))?;
            let Some(largest) = larger.last() else {
                self.read_head()?;
                return Ok(());
            };
            if let Some(object) = self.objects.wait(self.objects.get(&largest.location))? {
                let kept = decode_checkpoint(&object.bytes).map_err(in_object(&largest.location))?;
                newest = (kept.size, kept.note);
            }
        }
        Err(StoreError::bucket("publishing", "other servers published first each time"))
    }

    /// Restores the newest checkpoint if a late write replaced it with an older one, which is possible only without
    /// conditional replacement.
    pub(super) fn restore_head(&mut self) -> Result<(), StoreError> {
        if !self.unconditional {
            return Ok(());
        }
        let Some(published) = self.reader.published()? else { return Ok(()) };
        self.read_head()?;
        if self.is_better(&published) { Ok(()) } else { self.overwrite_head(&published) }
    }

    /// Deletes objects superseded by the public checkpoint: partial tiles that are full now, and the previous
    /// checkpoint if it is from the same hour. A checkpoint that witnesses signed again later is kept in its first
    /// form.
    fn tidy(&self, known: u64, published: &Published) -> Result<(), StoreError> {
        // Another server may have published more and tidied up before this one wrote its partial tiles.
        let size = self.head.as_ref().map_or(published.size, |head| head.size.max(published.size));
        let is_full = |tile: &Tile| Tile::of_size(tile.level, tile.index, size).is_some_and(Tile::is_full);
        let mut superfluous = Vec::new();
        for tile in edge(known).chain(edge(published.size)).filter(is_full) {
            superfluous.extend(self.partial(&tile.full().path())?);
            if tile.level == 0 {
                let bundle = Bundle { index: tile.index, width: tile.width };
                superfluous.extend(self.partial(&bundle.full().path())?);
            }
        }
        if let Some(before) = self.reader.published()?
            && before.size < published.size
        {
            let path = self.layout.kept_checkpoint(before.size);
            let first = self.reader.seen_first()?.filter(|first| first.size == before.size);
            if replaces(published, first.as_ref().unwrap_or(&before)) {
                superfluous.push(path);
            } else if let Some(first) = first {
                self.objects.wait(self.objects.write(&path, encode_checkpoint(&first)?))?;
            }
        }
        self.objects.wait(self.objects.delete(superfluous))
    }

    /// Returns the partial objects of a full tile or bundle.
    fn partial(&self, full: &str) -> Result<Vec<Path>, StoreError> {
        let prefix = self.layout.public(&format!("{full}.p"));
        let found = self.objects.wait(self.objects.list(&prefix, None))?;
        Ok(found.into_iter().map(|meta| meta.location).collect())
    }

    /// Returns the log's published size up to and including the entry bundle that contains the log's next entry.
    pub(super) fn size_of_tiles(&self) -> Result<u64, StoreError> {
        let index = self.reader.size()? / TILE_WIDTH;
        let before = index * TILE_WIDTH;
        let full = Bundle { index, width: 1 }.full().path();
        if self.objects.wait(self.objects.get(&self.layout.public(&full)))?.is_some() {
            return Ok(before + TILE_WIDTH);
        }
        let widths = self.partial(&full)?.iter().filter_map(number).max();
        Ok(before + widths.unwrap_or(0))
    }

    /// Returns the bucket's stored checkpoints that the index lacks, in ascending order.
    pub(super) fn new_checkpoints(&self) -> Result<Vec<Published>, StoreError> {
        let newest = self.reader.published()?.map(|published| published.size);
        let kept = self.objects.wait(self.objects.list(&self.layout.kept_checkpoints(), None))?;
        let mut found = Vec::new();
        for meta in kept {
            let path = meta.location;
            let is_new = number(&path).is_some_and(|size| newest.is_none_or(|newest| size > newest));
            if !is_new {
                continue;
            }
            // If another server deletes it in the meantime, there is a newer one.
            let Some(object) = self.objects.wait(self.objects.get(&path))? else { continue };
            let published = decode_checkpoint(&object.bytes).map_err(in_object(&path))?;
            if published.size <= self.reader.size()? {
                self.check(&published.note).map_err(in_object(&path))?;
                found.push(published);
            }
        }
        Ok(found)
    }

    /// Checks a checkpoint of this log against the index's entries.
    pub(super) fn check(&self, note: &str) -> Result<(), StoreError> {
        let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
        let signed = SignedCheckpoint::parse(note).map_err(damaged)?;
        let checkpoint = &signed.checkpoint;
        if checkpoint.origin != self.key.name() {
            return Err(StoreError::Damaged("the checkpoint is from another log".into()));
        }
        let size = self.reader.size()?;
        if checkpoint.size > size {
            let message = format!(
                "the log published {} entries, but only {size} are in its commits, so the bucket was rolled back",
                checkpoint.size
            );
            return Err(StoreError::Damaged(message));
        }
        if root_at(&*self.reader, checkpoint.size)? != checkpoint.root {
            let message =
                format!("the log's published checkpoint doesn't match its first {} entries", checkpoint.size);
            return Err(StoreError::Damaged(message));
        }
        Ok(())
    }
}

impl BucketWriter {
    /// Checks that no tile has more entries than the commits. Tiles are published after their commits, so that would
    /// mean that commits were lost.
    pub(super) fn check_tiles(&mut self) -> Result<(), StoreError> {
        let published = self.public.size_of_tiles()?;
        if published <= self.index.size() {
            return Ok(());
        }
        // Another server may have added entries in the meantime.
        self.follow()?;
        check_tiles(published, self.index.size())
    }

    /// Reads the bucket's stored checkpoints into the index.
    pub(super) fn follow_checkpoints(&mut self) -> Result<(), StoreError> {
        let new = self.public.new_checkpoints()?;
        new.iter().try_for_each(|published| self.index.sqlite.publish(published))
    }
}

/// Fails if the tiles have more entries than the commits.
pub(super) fn check_tiles(published: u64, size: u64) -> Result<(), StoreError> {
    if published <= size {
        return Ok(());
    }
    let message = format!(
        "the bucket has tiles of at least {published} entries but only {size} in its commits, so it was rolled back"
    );
    Err(StoreError::Damaged(message))
}

/// Returns the partial tiles of a tree.
fn edge(size: u64) -> impl Iterator<Item = Tile> {
    let last = move |level: u8| {
        let hashes = size >> (u32::from(level) * u32::from(TILE_HEIGHT));
        Tile::of_size(level, hashes / TILE_WIDTH, size)
    };
    (0..=6).filter_map(last)
}

/// True if an object's bytes are a checkpoint.
pub(super) fn is_head(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|note| SignedCheckpoint::parse(note).is_ok())
}

fn head(path: &Path, object: Object) -> Result<Head, StoreError> {
    let note =
        String::from_utf8(object.bytes.to_vec()).map_err(|error| StoreError::Damaged(error.to_string()));
    let note = note.map_err(in_object(path))?;
    let signed = SignedCheckpoint::parse(&note)
        .map_err(|error| in_object(path)(StoreError::Damaged(error.into_message())))?;
    Ok(Head { size: signed.checkpoint.size, note, version: object.version })
}

impl Head {
    pub(super) fn note(&self) -> &str {
        &self.note
    }
}

/// Returns the number of witness signatures on a checkpoint and their newest time.
fn cosignatures(note: &str) -> (usize, Option<Time>) {
    let Ok(signed) = SignedCheckpoint::parse(note) else { return (0, None) };
    let times = signed.note.signatures.iter().filter_map(claimed_time);
    times.fold((0, None), |(count, newest), time| (count + 1, newest.max(Some(time))))
}

#[cfg(test)]
mod tests {
    use countersign::checkpoint::Checkpoint;
    use countersign::merkle::empty_root;
    use countersign::note::SignerKey;

    use super::*;

    #[test]
    fn more_and_newer_cosignatures_are_better() {
        let log = SignerKey::from_seed("log.example", [1; 32]).expect("a name");
        let [one, two] =
            [2, 3].map(|seed| SignerKey::witness_from_seed("w.example", [seed; 32]).expect("a name"));
        let checkpoint = Checkpoint::new("log.example", 0, empty_root()).expect("a checkpoint");
        let signed = checkpoint.sign(&log).expect("a note");
        let at = |key: &SignerKey, seconds| checkpoint.cosign(key, seconds).expect("a cosignature");
        let notes = [
            signed.clone(),
            signed.clone() + &at(&one, 10),
            signed.clone() + &at(&one, 11),
            signed + &at(&one, 5) + &at(&two, 6),
        ];
        assert!(notes.is_sorted_by_key(|note| cosignatures(note)));
        assert_eq!(cosignatures(&notes[3]), (2, Time::from_seconds(6)));
    }
}
