//! The public part of a bucket: the log as C2SP tlog-tiles.
//!
//! Tiles and entry bundles come first, then the checkpoint that they are of. Where the store can, a checkpoint is replaced
//! only if it is still the one that was read; elsewhere whoever wrote one looks afterwards whether a larger one
//! was published, and puts that in its place.

use countersign::checkpoint::{SignedCheckpoint, claimed_time};
use countersign::merkle::{Bundle, TILE_HEIGHT, TILE_WIDTH, Tile};
use countersign::time::Time;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::UpdateVersion;
use object_store::path::Path;

use super::codec::{decode_checkpoint, encode_checkpoint};
use super::layout::number;
use super::objects::{AT_ONCE, Object, Replaced};
use super::writer::{BucketWriter, at};
use countersign_log::store::{CheckpointWriter as _, Published, StoreError};
use countersign_log::tables::takes_the_place_of;

/// How often other servers may publish in between before it is left to them.
const TRIES: usize = 16;
/// How often replacing the checkpoint may fail.
const FAILURES: usize = 3;
/// How many objects are made ready at one time.
const PORTION: usize = 4 * AT_ONCE;
/// How many objects are written between two lines that say so.
const PROGRESS: usize = 16_384;

/// The checkpoint that is public.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) size: u64,
    note: String,
    version: UpdateVersion,
}

/// What is known of the public checkpoint.
#[derive(Debug, Default)]
pub(super) struct Public {
    head: Option<Head>,
    /// Another server may have published since it was read.
    outdated: bool,
    /// The store replaces objects without conditions alone.
    unconditional: bool,
}

impl Public {
    pub(super) fn outdate(&mut self) {
        self.outdated = true;
    }
}

impl BucketWriter {
    /// The public checkpoint as it is now.
    pub(super) fn read_head(&mut self) -> Result<Option<Head>, StoreError> {
        let path = self.layout.checkpoint();
        let object = self.objects.wait(self.objects.get(&path))?;
        self.public.head = object.map(|object| head(&path, object)).transpose()?;
        self.public.outdated = false;
        Ok(self.public.head.clone())
    }

    /// Makes a checkpoint public, with all that it is of.
    pub(super) fn make_public(&mut self, published: &Published) -> Result<(), StoreError> {
        if self.public.outdated || self.public.head.is_none() {
            self.read_head()?;
        }
        if self.is_better(published) {
            return Ok(());
        }
        let known = self.public.head.as_ref().map_or(0, |head| head.size);
        self.write_tiles(known, published.size)?;
        let kept = encode_checkpoint(published)?;
        self.objects.wait(self.objects.write(&self.layout.kept_checkpoint(published.size), kept))?;
        self.replace_head(published)?;
        // It is public: what is left over takes up room and does no harm.
        if let Err(error) = self.tidy(known, published) {
            tracing::warn!(%error, "objects that are not needed any more are left over");
        }
        Ok(())
    }

    /// Whether what is public is as good.
    fn is_better(&self, published: &Published) -> bool {
        self.public.head.as_ref().is_some_and(|head| {
            head.size > published.size
                || head.size == published.size
                    && standing(&head.note) >= standing(&published.note)
                    && SignedCheckpoint::parse(&head.note).is_ok_and(|signed| signed.is_signed_by(&self.key))
        })
    }

    pub(super) fn write_tiles(&self, known: u64, size: u64) -> Result<(), StoreError> {
        enum Part {
            Tile(Tile),
            Bundle(Bundle),
        }
        let tiles = Tile::grown(known, size).map(Part::Tile);
        let mut parts = tiles.chain(Bundle::grown(known, size).map(Part::Bundle)).peekable();
        let mut written = 0;
        while parts.peek().is_some() {
            let mut objects = Vec::with_capacity(PORTION);
            for part in parts.by_ref().take(PORTION) {
                objects.push(match part {
                    Part::Tile(tile) => {
                        let bytes = self.index.reader.tile(tile)?;
                        let missing = || StoreError::Damaged(format!("the tile {} is missing", tile.path()));
                        (tile.path(), bytes.ok_or_else(missing)?)
                    }
                    Part::Bundle(bundle) => {
                        let start = bundle.index * TILE_WIDTH;
                        let leaves = self.index.reader.leaves(start..start + u64::from(bundle.width))?;
                        let bytes = Bundle::encode(leaves);
                        (bundle.path(), bytes.map_err(|error| StoreError::Damaged(error.into_message()))?)
                    }
                });
            }
            let before = written;
            written += objects.len();
            let writing = objects.into_iter().map(|(path, bytes)| {
                let path = self.layout.public(&path);
                async move { self.objects.write(&path, bytes).await }
            });
            let writing = futures_util::stream::iter(writing).buffer_unordered(AT_ONCE);
            self.objects.wait(writing.try_collect::<Vec<()>>())?;
            if before / PROGRESS < written / PROGRESS {
                tracing::info!(written, size, "tiles and entry bundles are being published");
            }
        }
        Ok(())
    }

    fn replace_head(&mut self, published: &Published) -> Result<(), StoreError> {
        let path = self.layout.checkpoint();
        let mut failures = 0;
        for _ in 0..TRIES {
            if self.public.unconditional {
                return self.overwrite_head(published);
            }
            let version = self.public.head.as_ref().map(|head| head.version.clone());
            let replaced = self.objects.replace(&path, version, published.note.clone().into_bytes());
            match self.objects.wait(replaced) {
                Ok(Replaced::Yes(version)) => {
                    let (size, note) = (published.size, published.note.clone());
                    self.public.head = Some(Head { size, note, version });
                    return Ok(());
                }
                Ok(Replaced::Unconditional) => {
                    self.public.unconditional = true;
                    continue;
                }
                Ok(Replaced::Changed) => {}
                Err(error) if failures == FAILURES => return Err(error),
                Err(_) => failures += 1,
            }
            // Either another server published, or this one did though it was told otherwise.
            self.read_head()?;
            if self.is_better(published) {
                return Ok(());
            }
        }
        Err(StoreError::unavailable("publishing", "other servers were always first"))
    }

    fn overwrite_head(&mut self, published: &Published) -> Result<(), StoreError> {
        let path = self.layout.checkpoint();
        let mut newest = (published.size, published.note.clone());
        for _ in 0..TRIES {
            self.objects.wait(self.objects.write(&path, newest.1.clone().into_bytes()))?;
            // Each server keeps its checkpoint before it makes it public: a larger one that was public and no longer is
            // can be found there.
            let (all, this) = (self.layout.kept_checkpoints(), self.layout.kept_checkpoint(newest.0));
            let larger = self.objects.wait(self.objects.list(&all, Some(&this)))?;
            let Some(largest) = larger.last() else {
                self.read_head()?;
                return Ok(());
            };
            if let Some(object) = self.objects.wait(self.objects.get(&largest.location))? {
                let kept = decode_checkpoint(&object.bytes).map_err(at(&largest.location))?;
                newest = (kept.size, kept.note);
            }
        }
        Err(StoreError::unavailable("publishing", "other servers were always first"))
    }

    /// Where a store replaces without conditions, a write that landed late may have put an older checkpoint in the place of
    /// the newest.
    pub(super) fn restore_head(&mut self) -> Result<(), StoreError> {
        if !self.public.unconditional {
            return Ok(());
        }
        let Some(published) = self.index.reader.published()? else { return Ok(()) };
        self.read_head()?;
        if self.is_better(&published) { Ok(()) } else { self.overwrite_head(&published) }
    }

    /// Deletes what the public checkpoint makes superfluous: partial tiles that are full now, and the checkpoint before
    /// the published one when it is of the same hour. One that witnesses saw again later is kept as they saw it first.
    fn tidy(&self, known: u64, published: &Published) -> Result<(), StoreError> {
        // Another server may have published more, and tidied up before this one wrote its partial tiles.
        let size = self.public.head.as_ref().map_or(published.size, |head| head.size.max(published.size));
        let is_full = |tile: &Tile| Tile::of_size(tile.level, tile.index, size).is_some_and(Tile::is_full);
        let mut superfluous = Vec::new();
        for tile in edge(known).chain(edge(published.size)).filter(is_full) {
            superfluous.extend(self.partial(&tile.full().path())?);
            if tile.level == 0 {
                let bundle = Bundle { index: tile.index, width: tile.width };
                superfluous.extend(self.partial(&bundle.full().path())?);
            }
        }
        if let Some(before) = self.index.reader.published()?
            && before.size < published.size
        {
            let path = self.layout.kept_checkpoint(before.size);
            let first = self.index.reader.seen_first()?.filter(|first| first.size == before.size);
            if takes_the_place_of(published, first.as_ref().unwrap_or(&before)) {
                superfluous.push(path);
            } else if let Some(first) = first {
                self.objects.wait(self.objects.write(&path, encode_checkpoint(&first)?))?;
            }
        }
        self.objects.wait(self.objects.delete(superfluous))
    }

    /// The partial objects of a full one.
    fn partial(&self, full: &str) -> Result<Vec<Path>, StoreError> {
        let prefix = self.layout.public(&format!("{full}.p"));
        let found = self.objects.wait(self.objects.list(&prefix, None))?;
        Ok(found.into_iter().map(|meta| meta.location).collect())
    }

    /// Tiles are published when their leaves are in commits: more leaves in them than there are say that commits are lost.
    pub(super) fn check_tiles(&mut self) -> Result<(), StoreError> {
        let published = self.size_of_tiles()?;
        if published <= self.index.size() {
            return Ok(());
        }
        // Another server may have grown the log meanwhile.
        self.follow()?;
        if published <= self.index.size() {
            return Ok(());
        }
        let message = format!(
            "the bucket has tiles of {published} leaves or more, and {} are in its commits: it was rolled back",
            self.index.size()
        );
        Err(StoreError::Damaged(message))
    }

    /// How many leaves are published in the bundle that the log's next leaf is in, with those before it.
    fn size_of_tiles(&self) -> Result<u64, StoreError> {
        let index = self.index.size() / TILE_WIDTH;
        let before = index * TILE_WIDTH;
        let full = Bundle { index, width: 1 }.full().path();
        if self.objects.wait(self.objects.get(&self.layout.public(&full)))?.is_some() {
            return Ok(before + TILE_WIDTH);
        }
        let widths = self.partial(&full)?.iter().filter_map(number).max();
        Ok(before + widths.unwrap_or(0))
    }

    /// Takes over the checkpoints that the bucket keeps.
    pub(super) fn follow_checkpoints(&mut self) -> Result<(), StoreError> {
        let newest = self.index.reader.published()?.map(|published| published.size);
        let kept = self.objects.wait(self.objects.list(&self.layout.kept_checkpoints(), None))?;
        for meta in kept {
            let path = meta.location;
            let is_new = number(&path).is_some_and(|size| newest.is_none_or(|newest| size > newest));
            if !is_new {
                continue;
            }
            // Another server may delete it meanwhile: there is a newer one then.
            let Some(object) = self.objects.wait(self.objects.get(&path))? else { continue };
            let published = decode_checkpoint(&object.bytes).map_err(at(&path))?;
            if published.size <= self.index.size() {
                self.check(&published.note).map_err(at(&path))?;
                self.index.sqlite.publish(&published)?;
            }
        }
        Ok(())
    }

    /// Checks that a checkpoint of this log is one of the leaves that are here.
    pub(super) fn check(&self, note: &str) -> Result<(), StoreError> {
        let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
        let signed = SignedCheckpoint::parse(note).map_err(damaged)?;
        let checkpoint = &signed.checkpoint;
        if checkpoint.origin != self.key.name() {
            return Err(StoreError::Damaged("the checkpoint is of another log".into()));
        }
        if checkpoint.size > self.index.size() {
            let message = format!(
                "the log published {} leaves, and {} are in its commits: it was rolled back",
                checkpoint.size,
                self.index.size()
            );
            return Err(StoreError::Damaged(message));
        }
        if self.index.root_at(checkpoint.size)? != checkpoint.root {
            let message = format!("the log published other leaves than its first {}", checkpoint.size);
            return Err(StoreError::Damaged(message));
        }
        Ok(())
    }
}

/// The tiles of a tree that are partial.
fn edge(size: u64) -> impl Iterator<Item = Tile> {
    let last = move |level: u8| {
        let hashes = size >> (u32::from(level) * u32::from(TILE_HEIGHT));
        Tile::of_size(level, hashes / TILE_WIDTH, size)
    };
    (0..=6).filter_map(last)
}

/// Whether an object's bytes are a checkpoint.
pub(super) fn is_head(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|note| SignedCheckpoint::parse(note).is_ok())
}

fn head(path: &Path, object: Object) -> Result<Head, StoreError> {
    let note =
        String::from_utf8(object.bytes.to_vec()).map_err(|error| StoreError::Damaged(error.to_string()));
    let note = note.map_err(at(path))?;
    let signed = SignedCheckpoint::parse(&note)
        .map_err(|error| at(path)(StoreError::Damaged(error.into_message())))?;
    Ok(Head { size: signed.checkpoint.size, note, version: object.version })
}

impl Head {
    pub(super) fn note(&self) -> &str {
        &self.note
    }
}

/// How many witnesses a checkpoint of the log names, and the newest time that one of them says.
fn standing(note: &str) -> (usize, Option<Time>) {
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
    fn a_later_cosignature_and_more_of_them_are_better() {
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
        assert!(notes.is_sorted_by_key(|note| standing(note)));
        assert_eq!(standing(&notes[3]), (2, Time::from_seconds(6)));
    }
}
