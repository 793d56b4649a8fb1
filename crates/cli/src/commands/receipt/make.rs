//! Makes the COSE receipt of an entry from a log's public files.

use countersign::Error;
use countersign::check::Resource;
use countersign::checkpoint::Checkpoint;
use countersign::cose::{MAX_BYTES, Receipt, TreeSignature};
use countersign::hash::Hash;
use countersign::merkle::{
    Bundle, TILE_WIDTH, TileHashes, authentic_tiles_for, inclusion_proof, inclusion_subtrees,
};
use countersign::trust::Trust;
use countersign_client::Source;
use countersign_errors::EngineError;

use crate::errors::CliError;

/// The file with the log's COSE signature of its newest checkpoint.
const SIGNATURE: &str = "checkpoint.cose";

/// Returns the receipt of the entry `index` of the log at `place`. It verifies with the trust file, for the log with the
/// expected origin.
pub(super) fn make(
    place: &str,
    index: u64,
    origin: Option<&str>,
    trust: &Trust,
) -> Result<Receipt, CliError> {
    let source = countersign_client::open(place)?;
    let source = &*source;
    let signature = tree_signature(source)?;
    let checkpoint = &signature.checkpoint().checkpoint;
    let entry = entry(source, index, checkpoint)?;
    let hashes = hashes(source, index, checkpoint)?;
    let receipt = signature.prove(index, hashes);
    receipt.judge(&entry, origin, trust).map_err(|(verdict, error)| {
        CliError::from(error)
            .with_status(verdict.into())
            .within(&source.name())
            .or_hint("run countersign check on the log, and report the result to the log operator")
    })?;
    Ok(receipt)
}

fn tree_signature(source: &dyn Source) -> Result<TreeSignature, CliError> {
    let name = format!("{}{SIGNATURE}", source.name());
    let bytes = source.read(SIGNATURE, MAX_BYTES)?.ok_or_else(|| {
        let hint = "ask the log operator for COSE receipts: a log server with this version has them once it \
                    has published a checkpoint. Tenant logs have none";
        CliError::from(EngineError::new("log.no_signature", "the log has no COSE signature", hint))
            .within(&name)
    })?;
    TreeSignature::parse(&bytes).map_err(|error| CliError::broken(error).within(&name))
}

/// Reads an entry from its bundle. It isn't authenticated.
fn entry(source: &dyn Source, index: u64, checkpoint: &Checkpoint) -> Result<Vec<u8>, CliError> {
    let size = checkpoint.size;
    if index >= size {
        let hint = "pass an index below the size of the log";
        let message = format!("the log has {size} entries, so none has the index {index}");
        return Err(CliError::unusable("arguments.invalid", message, hint));
    }
    let first = index / TILE_WIDTH * TILE_WIDTH;
    let bundle = Bundle { index: index / TILE_WIDTH, width: (size - first).min(TILE_WIDTH) as u16 };
    let bytes = read(source, Resource::Bundle(bundle))?;
    let within =
        |error: Error| CliError::broken(error).within(&format!("{}{}", source.name(), bundle.path()));
    let entries = bundle.decode(&bytes).map_err(within)?;
    Ok(entries[(index - first) as usize].to_vec())
}

/// Reads the tiles that the inclusion proof needs, and authenticates them with the checkpoint.
fn hashes(source: &dyn Source, index: u64, checkpoint: &Checkpoint) -> Result<Vec<Hash>, CliError> {
    let Checkpoint { size, root, .. } = checkpoint;
    let within = |error: Error| CliError::broken(error).within(&source.name());
    let tiles = authentic_tiles_for(&inclusion_subtrees(index, *size)?, *size);
    let mut hashes = TileHashes::new(tiles.len());
    for tile in tiles {
        hashes.insert(tile, &read(source, Resource::Tile(tile))?).map_err(within)?;
    }
    let authentic = hashes.authenticate(*size, root).map_err(within)?;
    inclusion_proof(index, *size, &authentic).map_err(within)
}

fn read(source: &dyn Source, resource: Resource) -> Result<Vec<u8>, CliError> {
    Ok(source.get(resource)?.ok_or_else(|| {
        let hint = "try again later; if this persists, ask the log operator whether the entry was pruned";
        EngineError::new("log.unread", format!("the log doesn't have {}", resource.path()), hint)
            .within(&source.name())
    })?)
}
