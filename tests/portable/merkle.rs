//! Trees and proofs at all small sizes, and ranges cut in every way.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::Error;
use countersign::hash::Hash;
use countersign::merkle::{
    CompactRange, HashReader, MAX_SIZE, Subtree, consistency_proof, empty_root, inclusion_proof, leaf_hash,
    node_hash, root_of_inclusion, skips, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

const SIZES: u64 = 100;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(format!("leaf {n}").as_bytes())).collect()
}

/// Computes the tree hash by RFC 6962's definition.
fn tree_hash(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&tree_hash(left), &tree_hash(right))
        }
    }
}

fn place(index: u64) -> usize {
    usize::try_from(index).expect("small")
}

struct Leaves(Vec<Hash>);

impl HashReader for Leaves {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let root =
            |tree: &Subtree| tree_hash(&self.0[place(tree.index)..place(tree.index) + (1 << tree.level)]);
        Ok(subtrees.iter().map(root).collect())
    }
}

/// A reader that returns one hash too few.
struct Short;

impl HashReader for Short {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        Ok(vec![empty_root(); subtrees.len().saturating_sub(1)])
    }
}

/// Returns the proof with each of its hashes changed or removed, and with one added at each position.
fn corruptions(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut corrupted = Vec::new();
    for at in 0..=proof.len() {
        let mut longer = proof.to_vec();
        longer.insert(at, leaf_hash(b"one more"));
        corrupted.push(longer);
    }
    for at in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[at].0[31] ^= 0x80;
        corrupted.push(changed);
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        corrupted.push(shorter);
    }
    corrupted
}

#[test]
fn every_leaf_of_small_trees_has_exactly_one_proof() {
    let reader = Leaves(leaves(SIZES));
    for size in 0..=SIZES {
        let root = tree_hash(&reader.0[..place(size)]);
        for index in 0..size {
            let leaf = &reader.0[place(index)];
            let proof = inclusion_proof(index, size, &reader).expect("a proof");
            assert_eq!(verify_inclusion(index, size, leaf, &proof, &root), Ok(()), "{index} of {size}");
            assert_eq!(root_of_inclusion(index, size, leaf, &proof), Some(root));
            for corrupted in corruptions(&proof) {
                assert!(verify_inclusion(index, size, leaf, &corrupted, &root).is_err(), "{index} of {size}");
            }
            let other = leaf_hash(b"another leaf");
            assert!(verify_inclusion(index, size, &other, &proof, &root).is_err());
            for wrong in (0..7).map(|bit| index ^ 1 << bit) {
                let verified = verify_inclusion(wrong, size, leaf, &proof, &root);
                assert!(verified.is_err(), "{wrong} for {index} of {size}");
            }
        }
        assert!(inclusion_proof(size, size, &reader).is_err(), "no leaf {size} of {size}");
    }
}

#[test]
fn small_trees_extend_exactly_their_own_beginnings() {
    let reader = Leaves(leaves(SIZES));
    let roots: Vec<Hash> = (0..=SIZES).map(|size| tree_hash(&reader.0[..place(size)])).collect();
    for new in 0..=SIZES {
        for old in 0..=new {
            let (old_root, new_root) = (&roots[place(old)], &roots[place(new)]);
            let proof = consistency_proof(old, new, &reader).expect("a proof");
            assert_eq!(verify_consistency(old, new, old_root, new_root, &proof), Ok(()), "{old} to {new}");
            for corrupted in corruptions(&proof) {
                assert!(
                    verify_consistency(old, new, old_root, new_root, &corrupted).is_err(),
                    "{old} to {new}"
                );
            }
            let other = leaf_hash(b"another root");
            assert!(verify_consistency(old, new, &other, new_root, &proof).is_err(), "{old} to {new}");
            // Every tree extends the empty one, so the proof says nothing about the new root.
            if old > 0 || new == 0 {
                assert!(verify_consistency(old, new, old_root, &other, &proof).is_err(), "{old} to {new}");
            }
        }
        assert!(consistency_proof(new + 1, new, &reader).is_err());
        assert!(verify_consistency(new + 1, new, &roots[0], &roots[0], &[]).is_err());
    }
}

#[test]
fn too_few_hashes_from_a_reader_are_an_error() {
    assert!(inclusion_proof(3, 7, &Short).is_err());
    assert!(consistency_proof(3, 7, &Short).is_err());
}

#[test]
fn subtrees_are_added_only_where_they_fit() {
    let mut tree = CompactRange::new();
    assert!(tree.append_subtree(53, empty_root()).is_err(), "higher than a tree can be");
    tree.append(leaf_hash(b"a leaf"));
    let before = tree.clone();
    assert!(tree.append_subtree(1, empty_root()).is_err(), "1 is odd");
    assert_eq!(tree, before);
    for level in 0..=52 {
        tree.append_subtree(level, empty_root()).unwrap_or_else(|error| panic!("level {level}: {error}"));
        if level == 51 {
            break;
        }
    }
    assert_eq!(tree.size(), 1 << 52);
    assert!(tree.append_subtree(52, empty_root()).is_err(), "more than 2^53 - 1 leaves");
    assert_eq!(tree.size(), 1 << 52);
}

proptest! {
    #[test]
    fn skips_cover_a_range_without_a_gap(begin in 0..=MAX_SIZE, length in 0..=MAX_SIZE) {
        let end = (begin + length).min(MAX_SIZE);
        let mut at = begin;
        let cover: Vec<Subtree> = skips(begin, end).collect();
        for tree in &cover {
            prop_assert_eq!(tree.index, at);
            prop_assert!(at.is_multiple_of(1 << tree.level));
            at += 1 << tree.level;
        }
        prop_assert_eq!(at, end.max(begin));
        // Uses the fewest subtrees: levels increase up to one or two of the highest level, and then decrease.
        let levels: Vec<u8> = cover.iter().map(|tree| tree.level).collect();
        let top = levels.iter().position(|level| Some(level) == levels.iter().max()).unwrap_or(0);
        prop_assert!(levels[..top].is_sorted_by(|a, b| a < b));
        prop_assert!(levels.get(top + 1..).unwrap_or(&[]).is_sorted_by(|a, b| a > b));
        prop_assert!(levels.get(top + 1).is_none_or(|level| *level <= levels[top]));
    }

    #[test]
    fn a_range_is_the_same_however_its_leaves_come(
        begin in 0_u64..70,
        cuts in prop::collection::vec((0_u64..90, 0_u8..3), 0..6),
    ) {
        let all = leaves(600);
        let mut whole = CompactRange::starting_at(begin);
        let mut pieces = CompactRange::starting_at(begin);
        for (length, way) in cuts {
            let (from, to) = (pieces.end(), pieces.end() + length);
            let these = &all[place(from)..place(to)];
            for leaf in these {
                whole.append(*leaf);
            }
            match way {
                0 => pieces.extend(these),
                1 => these.iter().for_each(|leaf| pieces.append(*leaf)),
                _ => for tree in skips(from, to) {
                    let leaves = &all[place(tree.index)..place(tree.index) + (1 << tree.level)];
                    pieces.append_subtree(tree.level, tree_hash(leaves)).expect("aligned");
                },
            }
        }
        prop_assert_eq!(&pieces, &whole);
        let end = whole.end();
        prop_assert_eq!(whole.size(), end - begin);
        let hashes: Vec<Hash> = whole.hashes().copied().collect();
        let expected: Vec<Hash> = skips(begin, end)
            .map(|tree| tree_hash(&all[place(tree.index)..place(tree.index) + (1 << tree.level)]))
            .collect();
        prop_assert_eq!(hashes, expected);
        let mut tree = CompactRange::new();
        tree.extend(&all[..place(begin)]);
        for (subtree, hash) in skips(begin, end).zip(whole.hashes()) {
            tree.append_subtree(subtree.level, *hash).expect("aligned");
        }
        prop_assert_eq!(tree.root(), Some(tree_hash(&all[..place(end)])));
    }
}
