//! The log's tree: proves that it extends an earlier one, and reads the new entries.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use countersign::Error;
use countersign::check::{Resource, TileCode};
use countersign::checkpoint::Checkpoint;
use countersign::hash::Hash;
use countersign::merkle::{
    Bundle, CompactRange, HashReader as _, Subtree, TILE_WIDTH, TileHashes, authentic_tiles_for,
    consistency_proof, consistency_subtrees, decode_tile, leaf_hash, skips, verify_consistency,
};
use countersign_client::Source;
use countersign_errors::EngineError;

use crate::finding::{Finding, TREE_ROOT};
use crate::observer::MonitorObserver;

/// The relation of a tree to an earlier one.
pub(crate) enum Consistency {
    /// The later tree extends the earlier one.
    Consistent,
    /// The later tree, whose tiles are authentic, has a different root at the earlier size.
    Inconsistent,
    /// The log's tiles prove neither.
    Unknown(Finding),
}

/// Checks with the log's tiles that the tree of `new` extends the one with the size and root `old`.
pub(crate) fn consistency(
    source: &dyn Source,
    old: (u64, &Hash),
    new: &Checkpoint,
) -> Result<Consistency, EngineError> {
    if old.0 == 0 {
        return Ok(Consistency::Consistent);
    }
    let subtrees = consistency_subtrees(old.0, new.size)?;
    let authentic = match authentic_hashes(source, &subtrees, new)? {
        Ok(hashes) => hashes,
        Err(finding) => return Ok(Consistency::Unknown(finding)),
    };
    let proof = consistency_proof(old.0, new.size, &authentic)?;
    Ok(match verify_consistency(old.0, new.size, old.1, &new.root, &proof) {
        Ok(()) => Consistency::Consistent,
        Err(_) => Consistency::Inconsistent,
    })
}

/// True if a log's tree begins with that of an earlier checkpoint. The log's tiles are authenticated with the later one.
///
/// # Errors
/// If the tiles can't be read, or don't lead to the later checkpoint's root.
pub fn extends(source: &dyn Source, earlier: &Checkpoint, later: &Checkpoint) -> Result<bool, EngineError> {
    match consistency(source, (earlier.size, &earlier.root), later)? {
        Consistency::Consistent => Ok(true),
        Consistency::Inconsistent => Ok(false),
        Consistency::Unknown(finding) => {
            let hint = "try again later; if this persists, ask the log operator to repair the log";
            let message = format!("the log's tiles can't be authenticated: {}", finding.message);
            Err(EngineError::new("log.unread", message, hint))
        }
    }
}

/// Reads the right edge of the tree of the first `size` entries, with the log's tiles. None of them may be pruned if
/// `size` is the first entry of the bundle that contains the log's minimum index. Returns a finding if the tiles don't
/// lead to the checkpoint's root.
pub(crate) fn edge_at(
    source: &dyn Source,
    size: u64,
    new: &Checkpoint,
) -> Result<Result<CompactRange, Finding>, EngineError> {
    let subtrees: Vec<_> = skips(0, size).collect();
    let authentic = match authentic_hashes(source, &subtrees, new)? {
        Ok(hashes) => hashes,
        Err(finding) => return Ok(Err(finding)),
    };
    let mut edge = CompactRange::new();
    for (subtree, hash) in subtrees.iter().zip(authentic.read_hashes(&subtrees)?) {
        edge.append_subtree(subtree.level, hash)?;
    }
    Ok(Ok(edge))
}

/// Reads the tiles with these subtrees, and authenticates them with the checkpoint. Returns a finding if that fails.
fn authentic_hashes(
    source: &dyn Source,
    subtrees: &[Subtree],
    new: &Checkpoint,
) -> Result<Result<TileHashes, Finding>, EngineError> {
    let unknown =
        |code: TileCode, at: &str, message: String| Ok(Err(Finding::new(code, message).at(at).lasting()));
    let tiles = authentic_tiles_for(subtrees, new.size);
    let mut hashes = TileHashes::new(tiles.len());
    for tile in tiles {
        let Some(bytes) = source.get(Resource::Tile(tile))? else {
            return unknown(TileCode::Missing, &tile.path(), "the log doesn't have this tile".into());
        };
        if let Err(error) = hashes.insert(tile, &bytes) {
            return unknown(TileCode::Malformed, &tile.path(), error.into_message());
        }
    }
    if let Err(error) = hashes.authenticate(new.size, &new.root) {
        return unknown(TileCode::Root, "checkpoint", error.into_message());
    }
    Ok(Ok(hashes))
}

/// The result of reading entries.
pub(crate) enum Reading {
    /// All entries were read, and lead to the checkpoint's root.
    Complete(Entries),
    /// Reading ended before the checkpoint's size. It is unknown whether the tree starts with these entries.
    Partial(Entries, Interruption),
    /// The log doesn't have this bundle.
    Missing(Bundle),
    /// A bundle is malformed, or an entry was changed.
    Wrong(Finding),
}

/// Entries that were read, from the first on.
pub(crate) struct Entries {
    /// The right edge of their tree.
    pub(crate) edge: CompactRange,
    /// False if they have a different root than the pin at its size.
    pub(crate) match_pin: bool,
}

/// The reason why reading ended early.
pub(crate) enum Interruption {
    TimeLimit,
    Failure(EngineError),
}

/// Reads the entries from the edge up to the checkpoint until the time limit, and passes each to `leaf` before it is
/// known to be authentic: use the results only if the entries turn out to be.
///
/// Memory use doesn't depend on the size that the checkpoint claims.
pub(crate) fn leaves(
    source: &dyn Source,
    edge: &CompactRange,
    pin: Option<&Checkpoint>,
    new: &Checkpoint,
    limit: Instant,
    observer: &dyn MonitorObserver,
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
                let (sender, queue) = sync_channel(1);
                let bundles = Bundle::grown(edge.end(), new.size).skip(nth).step_by(readers);
                scope.spawn(move || read(source, bundles, &sender));
                queue
            })
            .collect();
        let ended = for_each_bundle(edge.end(), new.size, &queues, limit, observer, |bundle, bytes| {
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
        if !matches!(ended, Ok(PassEnd::AtSize)) {
            // The other readers' work is no longer needed.
            source.set_deadline(Some(Instant::now()));
        }
        ended
    });
    observer.reading_done();
    match ended? {
        PassEnd::Early(why) => Ok(Reading::Partial(entries, why)),
        PassEnd::Missing(bundle) => Ok(Reading::Missing(bundle)),
        PassEnd::Wrong(finding) => Ok(Reading::Wrong(*finding)),
        PassEnd::AtSize if entries.edge.root() == Some(new.root) => Ok(Reading::Complete(entries)),
        PassEnd::AtSize => {
            Ok(Reading::Wrong(first_difference(source, edge.end(), new.size, limit, observer)))
        }
    }
}

/// The end of a pass over entry bundles.
enum PassEnd {
    AtSize,
    Early(Interruption),
    Missing(Bundle),
    Wrong(Box<Finding>),
}

/// Passes the bundles of the readers' queues to `accept`, in order.
fn for_each_bundle(
    old: u64,
    new: u64,
    queues: &[Receiver<BundleResult>],
    limit: Instant,
    observer: &dyn MonitorObserver,
    mut accept: impl FnMut(Bundle, &[u8]) -> Result<(), Error>,
) -> Result<PassEnd, EngineError> {
    for (bundle, queue) in Bundle::grown(old, new).zip(queues.iter().cycle()) {
        let result = queue.recv();
        if observer.is_stopped() {
            return Err(EngineError::new("monitor.stopped", "the check was stopped", "run it again"));
        }
        let wrong = |code, message: String| {
            let finding = Finding::new(code, message).at(bundle.path()).at_leaf(bundle.index * TILE_WIDTH);
            Ok::<_, EngineError>(PassEnd::Wrong(Box::new(finding.lasting())))
        };
        match result {
            Ok(Ok(Some(bytes))) => {
                if let Err(error) = accept(bundle, &bytes) {
                    return wrong(TileCode::Malformed, error.into_message());
                }
            }
            Ok(Ok(None)) => return Ok(PassEnd::Missing(bundle)),
            _ if Instant::now() >= limit => return Ok(PassEnd::Early(Interruption::TimeLimit)),
            Ok(Err(failure)) => return Ok(PassEnd::Early(Interruption::Failure(failure))),
            Err(_) => {
                return Err(EngineError::new("monitor.reader", "a reader ended early", "run it again"));
            }
        }
        let done = (bundle.index * TILE_WIDTH).saturating_add(bundle.width.into());
        if done < new && Instant::now() >= limit {
            return Ok(PassEnd::Early(Interruption::TimeLimit));
        }
    }
    Ok(PassEnd::AtSize)
}

type BundleResult = Result<Option<Vec<u8>>, EngineError>;

fn read(source: &dyn Source, bundles: impl Iterator<Item = Bundle>, sender: &SyncSender<BundleResult>) {
    for bundle in bundles {
        let result = source.get(Resource::Bundle(bundle));
        let failed = result.is_err();
        if sender.send(result).is_err() || failed {
            return;
        }
    }
}

/// Returns a finding for the first entry that differs from the log's own tile, if one is found before the time limit.
pub(crate) fn first_difference(
    source: &dyn Source,
    old: u64,
    new: u64,
    limit: Instant,
    observer: &dyn MonitorObserver,
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
                let message = format!("entry {index} differs from the one in the log's tree");
                return Finding::new(TileCode::Hash, message).at(bundle.path()).at_leaf(index).lasting();
            }
        }
    }
    let message = "the entries don't lead to the root that the log signed";
    Finding::new(TREE_ROOT, message).at("checkpoint").lasting()
}

/// Formats the right edge of a tree as text.
pub(crate) fn write_edge(edge: &CompactRange) -> Vec<String> {
    edge.hashes().map(ToString::to_string).collect()
}

/// Parses the right edge of a tree with that size and root; `None` if it doesn't match.
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
