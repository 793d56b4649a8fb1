//! The log's tree: whether it grew from what was seen before, and what it grew by.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use countersign::Error;
use countersign::check::{Resource, TileCode};
use countersign::checkpoint::Checkpoint;
use countersign::hash::Hash;
use countersign::merkle::{
    Bundle, CompactRange, TILE_WIDTH, TileHashes, authentic_tiles_for, consistency_proof,
    consistency_subtrees, decode_tile, leaf_hash, skips, verify_consistency,
};
use countersign_client::Source;
use countersign_errors::EngineError;

use crate::finding::{Finding, TREE_ROOT};
use crate::observer::Observer;

/// Whether one tree is the beginning of another.
pub(crate) enum Consistency {
    /// It is.
    Consistent,
    /// It is not: the tiles are those of the larger tree, and lead to another root at the smaller size.
    Inconsistent,
    /// The tiles do not tell.
    Unknown(Finding),
}

/// Shows by the log's tiles that the tree of `old` leaves with that root is the beginning of the other.
pub(crate) fn consistency(
    source: &dyn Source,
    old: (u64, &Hash),
    new: &Checkpoint,
) -> Result<Consistency, EngineError> {
    if old.0 == 0 {
        return Ok(Consistency::Consistent);
    }
    let unknown = |code: TileCode, at: &str, message: String| {
        Ok(Consistency::Unknown(Finding::new(code, message).at(at).lasting()))
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
        Ok(()) => Consistency::Consistent,
        Err(_) => Consistency::Inconsistent,
    })
}

/// The result of reading entries.
pub(crate) enum Reading {
    /// All were read, and they lead to the checkpoint.
    Complete(Entries),
    /// Reading ended before the checkpoint's size. Whether the tree begins with these entries is not known yet.
    Partial(Entries, Interruption),
    /// An entry is missing, or was changed.
    Wrong(Finding),
}

/// Entries that were read, from the first on.
pub(crate) struct Entries {
    /// The right edge of their tree.
    pub(crate) edge: CompactRange,
    /// False if they passed the pinned size with another root than the pin's.
    pub(crate) match_pin: bool,
}

/// The reason why reading ended early.
pub(crate) enum Interruption {
    TimeLimit,
    Failure(EngineError),
}

/// Reads the entries from the edge up to the checkpoint until the time limit, and passes each to `leaf` before it is
/// known to be authentic: what was made of them counts only when they are.
///
/// Memory doesn't depend on the size that the checkpoint claims.
pub(crate) fn leaves(
    source: &dyn Source,
    edge: &CompactRange,
    pin: Option<&Checkpoint>,
    new: &Checkpoint,
    limit: Instant,
    observer: &dyn Observer,
    mut leaf: impl FnMut(u64, &[u8]),
) -> Result<Reading, EngineError> {
    let mut entries = Entries { edge: edge.clone(), match_pin: true };
    let first = edge.end() / TILE_WIDTH;
    let (mut done, total) = (0, new.size.div_ceil(TILE_WIDTH) - first);
    observer.reading(done, total);
    let readers = source.readers().max(1);
    let ended = thread::scope(|scope| {
        let queues: Vec<_> = (0..readers)
            .map(|nth| {
                let (give, queue) = sync_channel(1);
                let mine = Bundle::grown(edge.end(), new.size).skip(nth).step_by(readers);
                scope.spawn(move || read(source, mine, &give));
                queue
            })
            .collect();
        let ended = take_bundles(edge.end(), new.size, &queues, limit, observer, |bundle, bytes| {
            for (index, entry) in (bundle.index * TILE_WIDTH..).zip(bundle.decode(bytes)?) {
                if index >= entries.edge.end() {
                    entries.edge.append(leaf_hash(entry));
                    leaf(index, entry);
                    if let Some(pin) = pin.filter(|pin| pin.size == entries.edge.end()) {
                        entries.match_pin &= entries.edge.root() == Some(pin.root);
                    }
                }
            }
            done += 1;
            observer.reading(done, total);
            Ok(())
        });
        if !matches!(ended, Ok(Ended::AtSize)) {
            // The other readers are of no use any more.
            source.set_deadline(Some(Instant::now()));
        }
        ended
    });
    observer.has_read();
    match ended? {
        Ended::Early(why) => Ok(Reading::Partial(entries, why)),
        Ended::Wrong(finding) => Ok(Reading::Wrong(*finding)),
        Ended::AtSize if entries.edge.root() == Some(new.root) => Ok(Reading::Complete(entries)),
        Ended::AtSize => Ok(Reading::Wrong(differing(source, edge.end(), new.size, limit, observer))),
    }
}

/// Where a pass over entry bundles ended.
enum Ended {
    AtSize,
    Early(Interruption),
    Wrong(Box<Finding>),
}

/// Takes the bundles from the readers' queues in their order.
fn take_bundles(
    old: u64,
    new: u64,
    queues: &[Receiver<Got>],
    limit: Instant,
    observer: &dyn Observer,
    mut take: impl FnMut(Bundle, &[u8]) -> Result<(), Error>,
) -> Result<Ended, EngineError> {
    for (bundle, queue) in Bundle::grown(old, new).zip(queues.iter().cycle()) {
        let got = queue.recv();
        if observer.is_stopped() {
            return Err(EngineError::new("monitor.stopped", "it was stopped", "run it again"));
        }
        let wrong = |code, message: String| {
            let finding = Finding::new(code, message).at(bundle.path()).at_leaf(bundle.index * TILE_WIDTH);
            Ok(Ended::Wrong(Box::new(finding.lasting())))
        };
        match got {
            Ok(Ok(Some(bytes))) => {
                if let Err(error) = take(bundle, &bytes) {
                    return wrong(TileCode::Malformed, error.into_message());
                }
            }
            Ok(Ok(None)) => return wrong(TileCode::Missing, "the log does not have it".into()),
            _ if Instant::now() >= limit => return Ok(Ended::Early(Interruption::TimeLimit)),
            Ok(Err(failure)) => return Ok(Ended::Early(Interruption::Failure(failure))),
            Err(_) => {
                return Err(EngineError::new("monitor.reader", "a reader ended early", "run it again"));
            }
        }
        let done = (bundle.index * TILE_WIDTH).saturating_add(bundle.width.into());
        if done < new && Instant::now() >= limit {
            return Ok(Ended::Early(Interruption::TimeLimit));
        }
    }
    Ok(Ended::AtSize)
}

type Got = Result<Option<Vec<u8>>, EngineError>;

fn read(source: &dyn Source, bundles: impl Iterator<Item = Bundle>, give: &SyncSender<Got>) {
    for bundle in bundles {
        let got = source.get(Resource::Bundle(bundle));
        let failed = got.is_err();
        if give.send(got).is_err() || failed {
            return;
        }
    }
}

/// Returns the first entry that isn't the one in the log's own tile, if it is found before the time limit.
pub(crate) fn differing(
    source: &dyn Source,
    old: u64,
    new: u64,
    limit: Instant,
    observer: &dyn Observer,
) -> Finding {
    let get = |resource| source.get(resource).ok().flatten();
    for bundle in Bundle::grown(old, new).take_while(|_| Instant::now() < limit && !observer.is_stopped()) {
        let (Some(leaves), Some(tile)) = (get(Resource::Bundle(bundle)), get(Resource::Tile(bundle.tile())))
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
                return Finding::new(TileCode::Hash, message).at(bundle.path()).at_leaf(index).lasting();
            }
        }
    }
    let message = "the entries do not lead to the root that the log signed";
    Finding::new(TREE_ROOT, message).at("checkpoint").lasting()
}

/// The right edge of a tree, as text.
pub(crate) fn write_edge(edge: &CompactRange) -> Vec<String> {
    edge.hashes().map(ToString::to_string).collect()
}

/// The same read back, if it is of a tree of that size and root.
pub(crate) fn read_edge(hashes: &[String], size: u64, root: &Hash) -> Option<CompactRange> {
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
