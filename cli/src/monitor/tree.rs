//! The log's tree: whether it grew from what was seen before, and what it grew by.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use countersign::check::{Resource, TileCode};
use countersign::checkpoint::Checkpoint;
use countersign::hash::Hash;
use countersign::merkle::{
    Bundle, CompactRange, TILE_WIDTH, TileHashes, authentic_tiles_for, consistency_proof,
    consistency_subtrees, decode_tile, leaf_hash, skips, verify_consistency,
};

use super::finding::{Finding, TREE_ROOT};
use crate::errors::Failure;
use crate::source::Source;
use crate::{progress, stop};

/// Whether one tree is the beginning of another.
pub(super) enum Growth {
    /// It is.
    Consistent,
    /// It is not: the tiles are those of the larger tree, and lead to another root at the smaller size.
    Inconsistent,
    /// The tiles do not tell.
    Unknown(Finding),
}

/// Shows by the log's tiles that the tree of `old` leaves with that root is the beginning of the other.
pub(super) fn consistency(
    source: &dyn Source,
    old: (u64, &Hash),
    new: &Checkpoint,
) -> Result<Growth, Failure> {
    if old.0 == 0 {
        return Ok(Growth::Consistent);
    }
    let unknown = |code: TileCode, at: &str, message: String| {
        Ok(Growth::Unknown(Finding::new(code, message).at(at).lasting()))
    };
    let subtrees = consistency_subtrees(old.0, new.size)?;
    let tiles = authentic_tiles_for(&subtrees, new.size);
    let mut hashes = TileHashes::new(tiles.len());
    for tile in tiles {
        let Some(bytes) = source.get(Resource::Tile(tile))? else {
            return unknown(TileCode::Missing, &tile.path(), "the log does not have it".into());
        };
        if let Err(error) = hashes.insert(tile, &bytes) {
            return unknown(TileCode::Malformed, &tile.path(), error.into_message());
        }
    }
    let authentic = match hashes.authenticate(new.size, &new.root) {
        Ok(authentic) => authentic,
        Err(error) => return unknown(TileCode::Root, "checkpoint", error.into_message()),
    };
    let proof = consistency_proof(old.0, new.size, &authentic)?;
    Ok(match verify_consistency(old.0, new.size, old.1, &new.root, &proof) {
        Ok(()) => Growth::Consistent,
        Err(_) => Growth::Inconsistent,
    })
}

/// What reading new leaves came to.
pub(super) enum Leaves {
    /// They lead to the checkpoint: its right edge, and whether they led to the pin where it was passed.
    Authentic(CompactRange, bool),
    /// Something is missing or was changed.
    Wrong(Vec<Finding>),
}

/// Reads the leaves from the edge up to the checkpoint, and hands each out before it is known to be authentic: what was
/// made of them counts only when they are.
pub(super) fn leaves(
    source: &dyn Source,
    edge: &CompactRange,
    pin: Option<&Checkpoint>,
    new: &Checkpoint,
    mut leaf: impl FnMut(u64, &[u8]),
) -> Result<Leaves, Failure> {
    let (mut tree, mut passed_well) = (edge.clone(), true);
    let bundles: Vec<Bundle> = Bundle::grown(edge.end(), new.size).collect();
    let bar = progress::count("reading", bundles.len() as u64);
    let readers = source.readers().max(1);
    let wrong = thread::scope(|scope| {
        let queues: Vec<_> = (0..readers)
            .map(|first| {
                let (give, queue) = sync_channel(1);
                let mine: Vec<Bundle> = bundles.iter().skip(first).step_by(readers).copied().collect();
                scope.spawn(move || read(source, &mine, &give));
                queue
            })
            .collect();
        for (bundle, queue) in bundles.iter().zip(queues.iter().cycle()) {
            let Ok(got) = queue.recv() else { break };
            if stop::asked() {
                return Err(Failure::unusable("monitor.stopped", "it was stopped", "run it again"));
            }
            let Some(bytes) = got? else {
                let finding = Finding::new(TileCode::Missing, "the log does not have it");
                return Ok(Some(finding.at(bundle.path()).at_leaf(bundle.index * TILE_WIDTH).lasting()));
            };
            let entries = match bundle.decode(&bytes) {
                Ok(entries) => entries,
                Err(error) => {
                    let finding = Finding::new(TileCode::Malformed, error.into_message());
                    return Ok(Some(finding.at(bundle.path()).at_leaf(bundle.index * TILE_WIDTH).lasting()));
                }
            };
            for (index, entry) in (bundle.index * TILE_WIDTH..).zip(entries) {
                if index >= tree.end() {
                    tree.append(leaf_hash(entry));
                    leaf(index, entry);
                    if let Some(pin) = pin.filter(|pin| pin.size == tree.end()) {
                        passed_well &= tree.root() == Some(pin.root);
                    }
                }
            }
            bar.inc(1);
        }
        Ok::<_, Failure>(None)
    })?;
    bar.finish_and_clear();
    if let Some(finding) = wrong {
        return Ok(Leaves::Wrong(vec![finding]));
    }
    if tree.end() == new.size && tree.root() == Some(new.root) {
        return Ok(Leaves::Authentic(tree, passed_well));
    }
    Ok(Leaves::Wrong(vec![differing(source, &bundles)?]))
}

type Got = Result<Option<Vec<u8>>, Failure>;

fn read(source: &dyn Source, bundles: &[Bundle], give: &SyncSender<Got>) {
    for &bundle in bundles {
        let got = source.get(Resource::Bundle(bundle));
        let failed = got.is_err();
        if give.send(got).is_err() || failed {
            return;
        }
    }
}

/// The first leaf that is not what the log's own tile says.
fn differing(source: &dyn Source, bundles: &[Bundle]) -> Result<Finding, Failure> {
    for &bundle in bundles {
        let (Some(leaves), Some(tile)) =
            (source.get(Resource::Bundle(bundle))?, source.get(Resource::Tile(bundle.tile()))?)
        else {
            continue;
        };
        let (Ok(leaves), Ok(hashes)) = (bundle.decode(&leaves), decode_tile(bundle.tile(), &tile)) else {
            continue;
        };
        let pairs = leaves.iter().zip(&hashes).zip(bundle.index * TILE_WIDTH..);
        for ((leaf, hash), index) in pairs {
            if leaf_hash(leaf) != *hash {
                let message = format!("entry {index} is not the one that the log's tree holds");
                return Ok(Finding::new(TileCode::Hash, message).at(bundle.path()).at_leaf(index).lasting());
            }
        }
    }
    let message = "the entries do not lead to the root that the log signed";
    Ok(Finding::new(TREE_ROOT, message).at("checkpoint").lasting())
}

/// The right edge of a tree, as text.
pub(super) fn write_edge(edge: &CompactRange) -> Vec<String> {
    edge.hashes().map(ToString::to_string).collect()
}

/// The same read back, if it is of a tree of that size and root.
pub(super) fn read_edge(hashes: &[String], size: u64, root: &Hash) -> Option<CompactRange> {
    let mut edge = CompactRange::new();
    let subtrees: Vec<_> = skips(0, size).collect();
    if subtrees.len() != hashes.len() {
        return None;
    }
    for (subtree, hash) in subtrees.iter().zip(hashes) {
        edge.append_subtree(subtree.level, Hash::from_base64(hash)?).ok()?;
    }
    (edge.root() == Some(*root)).then_some(edge)
}
