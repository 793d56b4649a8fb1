//! Tiles, entry bundles, and proofs from them, at every small size.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::{BTreeMap, BTreeSet};

use countersign::Code;
use countersign::hash::Hash;
use countersign::merkle::{
    Bundle, CompactRange, HashReader, MAX_SIZE, Subtree, Tile, TileHashes, authentic_tiles_for,
    consistency_proof, consistency_subtrees, inclusion_proof, inclusion_subtrees, leaf_hash, node_hash,
    tiles_for, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

/// More than two full tiles of level 0.
const SIZES: u64 = 520;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(format!("leaf {n}").as_bytes())).collect()
}

fn place(index: u64) -> usize {
    usize::try_from(index).expect("small")
}

/// Computes the root over a power of two of hashes by RFC 6962's definition.
fn tree_hash(leaves: &[Hash]) -> Hash {
    if let [leaf] = leaves {
        return *leaf;
    }
    let (left, right) = leaves.split_at(leaves.len() / 2);
    node_hash(&tree_hash(left), &tree_hash(right))
}

fn root(leaves: &[Hash]) -> Hash {
    let mut tree = CompactRange::new();
    tree.extend(leaves);
    tree.root().expect("it begins at 0")
}

/// Returns a tile's bytes by C2SP's definition: hash i is that of the leaves from (n * 256 + i) * 256^l.
fn tile_bytes(tile: Tile, leaves: &[Hash]) -> Vec<u8> {
    let span = 256_usize.pow(tile.level.into());
    let first = place(tile.index) * 256;
    (first..first + usize::from(tile.width))
        .flat_map(|n| tree_hash(&leaves[n * span..(n + 1) * span]).0)
        .collect()
}

fn read(tiles: impl IntoIterator<Item = Tile>, leaves: &[Hash]) -> TileHashes {
    let mut hashes = TileHashes::new(100);
    for tile in tiles {
        hashes.insert(tile, &tile_bytes(tile, leaves)).expect("a tile");
    }
    hashes
}

#[test]
fn small_trees_have_the_tiles_defined_by_c2sp() {
    for size in 0..=70_000_u64 {
        if size > SIZES && !size.is_multiple_of(997) && size % 65_536 > 2 {
            continue;
        }
        let tiles: Vec<Tile> = Tile::grown(0, size).collect();
        assert!(tiles.is_sorted(), "{size}");
        for level in 0..=3 {
            let hashes = size / 256_u64.pow(level);
            let of_level: Vec<&Tile> = tiles.iter().filter(|tile| u32::from(tile.level) == level).collect();
            let full = of_level.iter().filter(|tile| tile.is_full()).count() as u64;
            let partial: Vec<u64> =
                of_level.iter().filter(|tile| !tile.is_full()).map(|tile| tile.width.into()).collect();
            assert_eq!(full, hashes / 256, "{size}");
            let expected: Vec<u64> = Some(hashes % 256).filter(|&width| width > 0).into_iter().collect();
            assert_eq!(partial, expected, "{size}");
        }
        let bundles: Vec<Tile> = Bundle::grown(0, size).map(Bundle::tile).collect();
        assert!(bundles.iter().eq(tiles.iter().filter(|tile| tile.level == 0)), "{size}");
    }
    let top = Tile::of_size(6, 0, MAX_SIZE).expect("2^53 - 1 leaves have 31 subtrees of 2^48");
    assert_eq!((top.width, Tile::of_size(7, 0, MAX_SIZE)), (31, None));
    assert_eq!(Tile::of_size(0, u64::MAX, MAX_SIZE), None);
}

#[test]
fn tiles_to_write_are_exactly_those_that_changed() {
    let sizes = [0, 1, 2, 255, 256, 257, 300, 511, 512, 513, 520, 65_535, 65_536, 65_537, 70_000];
    for old in sizes {
        let had: BTreeSet<Tile> = Tile::grown(0, old).collect();
        for new in sizes {
            let has: BTreeSet<Tile> = Tile::grown(0, new).collect();
            let grown: Vec<Tile> = Tile::grown(old, new).collect();
            let expected: Vec<Tile> =
                if old > new { Vec::new() } else { has.difference(&had).copied().collect() };
            assert_eq!(grown, expected, "{old} to {new}");
            let bundles: Vec<Tile> = Bundle::grown(old, new).map(Bundle::tile).collect();
            let expected: Vec<Tile> = expected.into_iter().filter(|tile| tile.level == 0).collect();
            assert_eq!(bundles, expected, "{old} to {new}");
        }
    }
}

#[test]
fn every_proof_of_small_trees_can_be_read_from_tiles() {
    let leaves = leaves(SIZES);
    let roots: Vec<Hash> = (0..=SIZES).map(|size| root(&leaves[..place(size)])).collect();
    for size in 1..=SIZES {
        let (now, root) = (&leaves[..place(size)], &roots[place(size)]);
        let mut hashes = TileHashes::new(16);
        for tile in Tile::grown(0, size) {
            hashes.insert(tile, &tile_bytes(tile, now)).expect("a tile");
        }
        let hashes = hashes.authenticate(size, root).unwrap_or_else(|error| panic!("{size}: {error}"));
        // All leaves and all older trees at one size; one leaf and one older tree at the others.
        let indexes = if size == 300 { 0..size } else { size / 3..size / 3 + 1 };
        for index in indexes {
            let proof = inclusion_proof(index, size, &hashes).expect("a proof");
            assert_eq!(verify_inclusion(index, size, &leaves[place(index)], &proof, root), Ok(()));
            let old = index + 1;
            let proof = consistency_proof(old, size, &hashes).expect("a proof");
            assert_eq!(verify_consistency(old, size, &roots[place(old)], root, &proof), Ok(()));
        }
    }
}

#[test]
fn a_proof_needs_exactly_the_named_tiles() {
    let leaves = leaves(66_000);
    let size = leaves.len() as u64;
    let root = root(&leaves);
    let all: BTreeMap<Tile, Vec<u8>> =
        Tile::grown(0, size).map(|tile| (tile, tile_bytes(tile, &leaves))).collect();
    let read = |tiles: &[Tile]| {
        let mut hashes = TileHashes::new(100);
        for tile in tiles {
            hashes.insert(*tile, &all[tile]).expect("a tile");
        }
        hashes
    };
    for index in [0, 255, 256, 40_000, 65_535, 65_536, 65_792, 65_999] {
        let subtrees = inclusion_subtrees(index, size).expect("a leaf");
        let mut tiles = tiles_for(&subtrees, size);
        let proof = inclusion_proof(index, size, &read(&tiles)).expect("a proof");
        assert_eq!(verify_inclusion(index, size, &leaves[place(index)], &proof, &root), Ok(()), "{index}");
        tiles.pop();
        let error = inclusion_proof(index, size, &read(&tiles)).expect_err("one tile less");
        assert_eq!(error.code, Code::Tile);

        let tiles = authentic_tiles_for(&subtrees, size);
        assert!(tiles.len() <= 8, "{}", tiles.len());
        let hashes = read(&tiles);
        let authentic = hashes.authenticate(size, &root).expect("they are of the tree");
        assert_eq!(inclusion_proof(index, size, &authentic), Ok(proof));
        for left_out in &tiles {
            let others: Vec<Tile> = tiles.iter().copied().filter(|tile| tile != left_out).collect();
            let hashes = read(&others);
            let missing =
                hashes.authenticate(size, &root).map(|hashes| inclusion_proof(index, size, &hashes));
            assert!(!matches!(missing, Ok(Ok(_))), "{index} without {}", left_out.path());
        }

        let subtrees = consistency_subtrees(index + 1, size).expect("older");
        let hashes = read(&tiles_for(&subtrees, size));
        let old_root = self::root(&leaves[..=place(index)]);
        let proof = consistency_proof(index + 1, size, &hashes).expect("a proof");
        assert_eq!(verify_consistency(index + 1, size, &old_root, &root, &proof), Ok(()), "{index}");
    }
}

#[test]
fn detects_one_flipped_bit_of_any_hash_of_any_tile() {
    for size in [1, 2, 255, 256, 300] {
        let leaves = leaves(size);
        let root = root(&leaves);
        let tiles: BTreeMap<Tile, Vec<u8>> =
            Tile::grown(0, size).map(|tile| (tile, tile_bytes(tile, &leaves))).collect();
        for (corrupted, bytes) in &tiles {
            for at in (0..bytes.len()).step_by(32) {
                let mut hashes = TileHashes::new(16);
                for (tile, bytes) in &tiles {
                    let mut bytes = bytes.clone();
                    if tile == corrupted {
                        bytes[at + at / 32 % 32] ^= 1 << (at / 32 % 8);
                    }
                    hashes.insert(*tile, &bytes).expect("of the right length");
                }
                let error = hashes.authenticate(size, &root).expect_err("one bit is wrong");
                assert_eq!(error.code, Code::Tile);
            }
        }
        assert!(read(Tile::grown(0, size), &leaves).authenticate(size, &leaf_hash(b"other")).is_err());
    }
}

/// Two tiles of level 1 below one of level 2, with different leaves.
#[test]
fn a_tile_is_authenticated_by_the_one_above_it_at_every_level() {
    let [left, right] = [1, 2].map(|n| vec![Hash([n; 32]); 256]);
    let above = [tree_hash(&left), tree_hash(&right)];
    let bytes = |hashes: &[Hash]| hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>();
    let tile = |level, index, width| Tile { level, index, width };
    let read = |second: &[Hash]| {
        let mut tiles = TileHashes::new(3);
        tiles.insert(tile(2, 0, 2), &bytes(&above)).unwrap();
        tiles.insert(tile(1, 0, 256), &bytes(&left)).unwrap();
        tiles.insert(tile(1, 1, 256), &bytes(second)).unwrap();
        tiles
    };
    let (size, root) = (131_072, tree_hash(&above));
    assert!(read(&right).authenticate(size, &root).is_ok());
    let error = read(&left).authenticate(size, &root).unwrap_err();
    assert!(error.message.contains("tile/1/001 "), "{error}");
    // The error names the missing tile.
    let error = TileHashes::new(3).authenticate(size, &root).unwrap_err();
    assert!(error.message.contains("tile/2/000.p/2"), "{error}");
}

#[test]
fn a_partial_tile_has_no_root_in_the_one_above() {
    let tile = |index, width| Tile { level: 0, index, width };
    let above = |width| Some(Tile { level: 1, index: 0, width });
    assert_eq!(tile(0, 256).parent(256), above(1));
    assert_eq!(tile(0, 256).parent(257), above(1));
    assert_eq!(tile(1, 1).parent(257), None);
    assert_eq!(tile(1, 256).parent(512), above(2));
}

#[test]
fn tiles_of_another_size_do_not_belong_to_the_tree() {
    let leaves = leaves(SIZES);
    let root = root(&leaves[..300]);
    let mut hashes = read(Tile::grown(0, 300), &leaves[..300]);
    hashes.authenticate(300, &root).expect("they are");
    let wider = Tile { level: 0, index: 1, width: 45 };
    hashes.insert(wider, &tile_bytes(wider, &leaves)).expect("the same hashes and one more");
    let error = hashes.authenticate(300, &root).expect_err("300 leaves have no such tile");
    assert!(error.message.contains("tile/0/001.p/45"), "{error}");
    // The reader of its own tree may have wider tiles than a proof needs.
    let proof = inclusion_proof(299, 300, &hashes).expect("a proof");
    assert_eq!(verify_inclusion(299, 300, &leaves[299], &proof, &root), Ok(()));
}

#[test]
fn inserted_tiles_must_have_their_length_agree_and_fit() {
    let leaves = leaves(SIZES);
    let partial = Tile { level: 0, index: 0, width: 7 };
    let bytes = tile_bytes(partial, &leaves);
    let mut hashes = TileHashes::new(1);
    for wrong in [&bytes[..0], &bytes[1..], &bytes[32..], &[&bytes[..], &[0]].concat(), &bytes.repeat(2)] {
        assert_eq!(hashes.insert(partial, wrong).map_err(|error| error.code), Err(Code::Tile));
    }
    assert_eq!(hashes.insert(Tile { width: 0, ..partial }, &[]).map_err(|error| error.code), Err(Code::Tile));
    assert!(!hashes.has(partial));
    hashes.insert(partial, &bytes).expect("a tile");
    assert!(hashes.has(partial) && !hashes.has(partial.full()));
    let full = tile_bytes(partial.full(), &leaves);
    let mut other = full.clone();
    other[3] ^= 1;
    assert!(hashes.insert(partial.full(), &other).is_err(), "it differs from what is there");
    hashes.insert(partial.full(), &full).expect("it agrees");
    hashes.insert(partial, &bytes).expect("it agrees");
    assert!(hashes.has(partial.full()), "the wider one stays");
    let next = Tile { level: 0, index: 1, width: 7 };
    assert!(hashes.insert(next, &tile_bytes(next, &leaves)).is_err(), "there is room for one");
}

#[test]
fn impossible_subtrees_have_no_tile() {
    let hashes = read(Tile::grown(0, 300), &leaves(300));
    for (index, level) in
        [(0, 9), (256, 6), (1, 1), (300, 0), (u64::MAX, 0), (0, 64), (0, 255), (u64::MAX, 63)]
    {
        let subtree = Subtree { index, level };
        assert_eq!(Tile::holding(subtree, 300), None, "{subtree:?}");
        assert!(hashes.read_hashes(&[subtree]).is_err(), "{subtree:?}");
    }
}

#[test]
fn each_tile_has_one_path() {
    let good = [
        ("tile/0/000", 0, 0, 256),
        ("tile/0/x001/x234/067", 0, 1_234_067, 256),
        ("tile/1/000.p/17", 1, 0, 17),
        ("tile/0/x001/000.p/255", 0, 1000, 255),
        ("tile/6/000.p/31", 6, 0, 31),
        ("tile/0/x035/x184/x372/x088/831.p/255", 0, (1 << 45) - 1, 255),
    ];
    for (path, level, index, width) in good {
        let tile = Tile { level, index, width };
        assert_eq!(Tile::parse(path), Ok(tile));
        assert_eq!(tile.path(), path);
        if level == 0 {
            let path = path.replacen("/0/", "/entries/", 1);
            let bundle = Bundle { index, width };
            assert_eq!((Bundle::parse(&path), bundle.path()), (Ok(bundle), path));
        }
    }
    let bad = [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile//000",
        "tile/00/000",
        "tile/01/000",
        "tile/+1/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/256/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/000",
        "tile/0/x000/x001/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/+01",
        "tile/0/-01",
        "tile/0/x+01/000",
        "tile/0/0 1",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/000.P/1",
        "tile/0/000\n",
        "tile/0/000.p/1\n",
        "tile/0/../0/000",
        "tile/0/./000",
        "tile/0//000",
        "tile/0/X001/000",
        "Tile/0/000",
        "tile/0/\u{661}00",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
        // Above 2^53 - 1 leaves.
        "tile/0/x035/x184/x372/x088/831",
        "tile/0/x035/x184/x372/x088/832.p/1",
        "tile/6/000.p/32",
        "tile/7/000.p/1",
        "tile/8/000.p/1",
        "tile/63/000",
        "tile/63/000.p/1",
    ];
    for path in bad {
        assert_eq!(Tile::parse(path).map_err(|error| error.code), Err(Code::Tile), "{path:?}");
        let path = path.replacen("/0/", "/entries/", 1);
        assert_eq!(Bundle::parse(&path).map_err(|error| error.code), Err(Code::Tile), "{path:?}");
    }
}

#[test]
fn a_bundle_is_decoded_completely_or_not_at_all() {
    let longest = vec![7; 65_535];
    let leaves: [&[u8]; 3] = [b"", b"one", &longest];
    let bytes = Bundle::encode(leaves).expect("leaves");
    let bundle = |width| Bundle { index: 0, width };
    assert_eq!(bundle(3).decode(&bytes), Ok(leaves.to_vec()));
    for (width, bytes) in [
        (2, &bytes[..]),
        (4, &bytes),
        (3, &bytes[..bytes.len() - 1]),
        (3, &bytes[..3]),
        (1, &bytes[..1]),
        (3, &[&bytes[..], &[0]].concat()),
        (0, &bytes[..1]),
    ] {
        assert_eq!(bundle(width).decode(bytes).map_err(|error| error.code), Err(Code::Tile), "{width}");
    }
    assert!(Bundle::encode([vec![0; 65_536]]).is_err(), "too long a leaf");
    assert!(Bundle::encode(vec![b"leaf"; 256]).is_ok());
    assert!(Bundle::encode(vec![b"leaf"; 257]).is_err(), "too many leaves");
}

proptest! {
    #[test]
    fn paths_come_back(level in 0_u8..=6, index in 0_u64..1 << 45, width in 1_u16..=256) {
        let tile = Tile { level, index: index >> (8 * level), width };
        if let Ok(read) = Tile::parse(&tile.path()) {
            prop_assert_eq!(read, tile);
        } else {
            let end = (u128::from(tile.index) * 256 + u128::from(width)) << (8 * level);
            prop_assert!(end > MAX_SIZE.into());
        }
    }

    #[test]
    fn any_text_is_a_path_or_none(path in "(tile/)?[0-9x/.pentris]{0,30}") {
        if let Ok(tile) = Tile::parse(&path) {
            prop_assert_eq!(tile.path(), path.clone());
        }
        if let Ok(bundle) = Bundle::parse(&path) {
            prop_assert_eq!(bundle.path(), path);
        }
    }

    #[test]
    fn any_bytes_are_a_bundle_or_none(bytes in prop::collection::vec(0_u8..3, 0..40), width in 0_u16..20) {
        if let Ok(leaves) = (Bundle { index: 0, width }).decode(&bytes) {
            prop_assert_eq!(leaves.len(), usize::from(width));
            prop_assert_eq!(Bundle::encode(leaves).expect("they were read"), bytes);
        }
    }
}
