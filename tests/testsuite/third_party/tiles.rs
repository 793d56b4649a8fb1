//! Tiles of other logs, and the paths and counts that specifications and implementations give.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::check::{CheckReport, Resource, Walk};
use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::merkle::{
    Bundle, CompactRange, Tile, TileHashes, decode_tile, empty_root, inclusion_proof, leaf_hash,
    verify_inclusion,
};
use countersign::note::{KeyType, VerifierKey};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{Options, Verdict, Verifier};

use crate::common::files;
use crate::common::third_party::{find, json};
use crate::common::value::{hex_array, list, number, text, truth};

/// Go's paths have the tile's height in them, which C2SP's have not, and heights other than 8:
/// the height is left out, and a full tile is as wide as theirs. Its tiles of data, of level -1,
/// are no hash tiles.
#[test]
fn go_paths() {
    let Some(vectors) = json("tlog/golang-mod-tlog/tlog_golden.json") else { return };
    for case in list(&vectors["tile_paths"]) {
        let (_, rest) = text(&case["path"])["tile/".len()..].split_once('/').expect("a height");
        let path = format!("tile/{rest}");
        let read = Tile::parse(&path);
        let tile = &case["tile"];
        if !truth(&case["valid"]) || tile["L"] == -1 {
            assert!(read.is_err(), "{case}");
            continue;
        }
        let full = number(&tile["W"]) == 1 << number(&tile["H"]);
        let width = if full { 256 } else { number(&tile["W"]) as u16 };
        let expected = Tile { level: number(&tile["L"]) as u8, index: number(&tile["N"]), width };
        assert_eq!(expected.path(), path, "{case}");
        // 2^53 - 1 leaves are too few for two of Go's examples.
        let within = (u128::from(expected.index) + 1) << (8 * (expected.level + 1)) < 1 << 53;
        assert_eq!(read.ok(), within.then_some(expected), "{case}");
    }
    assert_eq!(empty_root(), Hash(hex_array(&vectors["empty_tree_hash"])));
}

/// Go's counts are of tiles of height 10: they are asked for at the sizes that make of tiles of
/// height 8 what those are of height 10. The sizes that have no such counterpart are left out.
#[test]
fn go_new_tiles() {
    let Some(vectors) = json("tlog/golang-mod-tlog/tlog_golden.json") else { return };
    // Whole tiles become whole tiles, and what is over stays, where it is below 256.
    let convert =
        |size: u64| Some(size % 1024).filter(|&over| over < 256).map(|over| size / 1024 * 256 + over);
    let mut counted = 0;
    for case in list(&vectors["new_tiles_for_size"]) {
        let (old, new) = (number(&case["old"]), number(&case["new"]));
        let (Some(old), Some(new)) = (convert(old), convert(new)) else { continue };
        // Level 1 differs past 256 tiles.
        if new >= 256 * 256 {
            continue;
        }
        assert_eq!(Tile::grown(old, new).count() as u64, number(&case["want_tiles"]), "{case}");
        counted += 1;
    }
    assert_eq!(counted, 3);
}

#[test]
fn c2sp() {
    let Some(vectors) = json("tlog-tiles/c2sp-spec/tlog_tiles_examples.json") else { return };
    let example = &vectors["tile_index_path"];
    let tile = Tile { level: 0, index: number(&example["index"]), width: 256 };
    assert_eq!(tile.path(), format!("tile/0/{}", text(&example["path"])));
    for size in [70_000_u64, 256] {
        let expected = &vectors[format!("tree_size_{size}")];
        let tiles: Vec<Tile> = Tile::grown(0, size).collect();
        let mut told = 0;
        for level in 0..3 {
            let full = tiles.iter().filter(|tile| tile.level == level && tile.is_full()).count() as u64;
            let partial = tiles.iter().find(|tile| tile.level == level && !tile.is_full());
            for (name, count) in [
                (format!("full_level{level}"), full),
                (format!("partial_level{level}_width"), partial.map_or(0, |tile| tile.width.into())),
            ] {
                assert_eq!(expected.get(&name).map_or(0, number), count, "{size}: {name}");
                told += usize::from(count > 0);
            }
        }
        assert_eq!(told, expected.as_object().expect("an object").len());
    }
}

/// The log's entry bundles are not among the files; SOURCE.md says what its leaves are.
#[test]
fn sunlight_mirror() {
    let Some(parameters) = json("tlog-tiles/sunlight-mirror/params.json") else { return };
    let file = |path: &str| {
        files::read(&find(&format!("tlog-tiles/sunlight-mirror/log/{path}")).expect("beside it"))
    };
    let note = String::from_utf8(file("checkpoint")).expect("text");
    let signed = SignedCheckpoint::parse(&note).expect("a checkpoint");
    let mirror =
        VerifierKey::parse(text(&parameters["cosigner_vkey"]), KeyType::Cosignature).expect("a vkey");
    let time = Time::from_seconds(number(&parameters["cosignature_time"])).unwrap();
    assert_eq!(signed.cosignatures([&mirror]).times(), [(0, time)]);

    let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
    assert_eq!(size, number(&parameters["tree_size"]));
    let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(format!("record {n}").as_bytes())).collect();
    let mut tree = CompactRange::new();
    tree.extend(&leaves);
    assert_eq!(tree.root(), Some(root));

    let mut hashes = TileHashes::new(3);
    for tile in Tile::grown(0, size) {
        let bytes = file(&tile.path());
        if tile.level == 0 {
            let first = usize::try_from(tile.index * 256).expect("small");
            assert_eq!(
                decode_tile(tile, &bytes).as_deref(),
                Ok(&leaves[first..first + usize::from(tile.width)])
            );
        }
        hashes.insert(tile, &bytes).expect("a tile");
    }
    let hashes = hashes.authenticate(size, &root).expect("the tree's tiles");
    for index in 0..size {
        let proof = inclusion_proof(index, size, &hashes).expect("a proof");
        let leaf = &leaves[usize::try_from(index).expect("small")];
        assert_eq!(verify_inclusion(index, size, leaf, &proof, &root), Ok(()));
    }
}

/// The same log, with the entry bundles that its leaves make: checked as any log is. No log's key
/// signed the checkpoint, and the mirror is as a witness.
#[test]
fn sunlight_mirror_is_checked() {
    let Some(parameters) = json("tlog-tiles/sunlight-mirror/params.json") else { return };
    let file = |path: &str| {
        files::read(&find(&format!("tlog-tiles/sunlight-mirror/log/{path}")).expect("beside it"))
    };
    let note = String::from_utf8(file("checkpoint")).expect("text");
    let mut walk = Walk::new(SignedCheckpoint::parse_extended(&note).expect("a checkpoint"));
    let policy = format!("witness mirror {}\nquorum mirror\n", text(&parameters["cosigner_vkey"]));
    let trust = Trust::parse(policy.as_bytes()).expect("a policy");
    let mut verifier = Verifier::new(Options { trust, tiles: true, ..Options::default() });
    for resource in walk.plan() {
        match resource {
            Resource::Tile(tile) => walk.push(Some(&file(&tile.path()))),
            Resource::Bundle(bundle) => {
                let first = bundle.index * 256;
                let leaves = (first..first + u64::from(bundle.width)).map(|n| format!("record {n}"));
                walk.push(Some(&Bundle::encode(leaves).expect("short leaves")));
            }
        }
        verifier.push(&walk.take_lines());
    }
    let (lines, tiles) = walk.finish();
    verifier.push(&lines);
    let checked = CheckReport::new(tiles, verifier.finish().report);
    assert!(checked.tiles.pass());
    assert_eq!((checked.tiles.checked, checked.tiles.entries.other), (3, 300));
    assert_eq!(checked.verdict, Verdict::Untrusted);
    let log = checked.report.log.expect("the leaves give the root");
    assert_eq!(
        (log.size, log.time.map(|time| time.to_string()).as_deref()),
        (300, Some("2025-12-31T00:00:00.000Z"))
    );
}
