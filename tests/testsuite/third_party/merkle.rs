//! Merkle trees and proofs.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::base64;
use countersign::hash::Hash;
use countersign::merkle::{
    CompactRange, HashReader, Subtree, consistency_proof, empty_root, inclusion_proof, leaf_hash,
    verify_consistency, verify_inclusion,
};
use serde_json::Value;

use crate::common::files;
use crate::common::third_party::{find, json};
use crate::common::value::{hex, hex_array, list, maybe_list, number, text, truth};

fn hash(value: &Value) -> Hash {
    Hash(hex_array(value))
}

/// A tree with its published levels.
struct Levels(Vec<Vec<Hash>>);

impl HashReader for Levels {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, countersign::Error> {
        let read = |subtree: &Subtree| {
            let place = usize::try_from(subtree.index >> subtree.level).expect("a place");
            self.0[usize::from(subtree.level)][place]
        };
        Ok(subtrees.iter().map(read).collect())
    }
}

/// Omits the first row of the inclusion paths: it is for leaf 0 counted from 1, which does not exist.
#[test]
fn ct_reference_tree() {
    let Some(vectors) = json("merkle/rfc6962-ct-reference/ct_reference_tree.json") else { return };
    assert_eq!(empty_root(), hash(&vectors["empty_root"]));
    let leaves: Vec<Hash> =
        list(&vectors["leaf_inputs_hex"]).iter().map(|leaf| leaf_hash(&hex(leaf))).collect();
    let root = |size: u64| hash(&vectors["root_by_size"][size.to_string()]);
    let mut tree = CompactRange::new();
    for leaf in &leaves {
        tree.append(*leaf);
        assert_eq!(tree.root(), Some(root(tree.size())));
    }
    let levels = list(&vectors["node_hashes_by_level"]).iter();
    let levels = Levels(levels.map(|level| list(level).iter().map(hash).collect()).collect());
    assert_eq!(levels.0[0], leaves);
    for case in list(&vectors["inclusion_paths"]).iter().filter(|case| !case["leaf_index"].is_null()) {
        let (index, size) = (number(&case["leaf_index"]), number(&case["tree_size"]));
        let path: Vec<Hash> = maybe_list(&case["path"]).iter().map(hash).collect();
        assert_eq!(inclusion_proof(index, size, &levels).as_ref(), Ok(&path), "{case}");
        let leaf = &leaves[usize::try_from(index).expect("a place")];
        assert_eq!(verify_inclusion(index, size, leaf, &path, &root(size)), Ok(()), "{case}");
    }
    for case in list(&vectors["consistency_proofs"]) {
        let (old, new) = (number(&case["size1"]), number(&case["size2"]));
        let proof: Vec<Hash> = maybe_list(&case["proof"]).iter().map(hash).collect();
        assert_eq!(consistency_proof(old, new, &levels).as_ref(), Ok(&proof), "{case}");
        assert_eq!(verify_consistency(old, new, &root(old), &root(new), &proof), Ok(()), "{case}");
    }
}

/// A real log of close to 2^30 leaves.
#[test]
fn ct_argon2020() {
    let Some(head) = json("merkle/ct-argon2020-real/get-sth.json") else { return };
    let read = |name: &str| json(&format!("merkle/ct-argon2020-real/{name}.json")).expect("beside it");
    let hash = |value: &Value| Hash::from_base64(text(value)).expect("a hash");
    let hashes = |value: &Value| list(value).iter().map(hash).collect::<Vec<_>>();
    let size = number(&head["tree_size"]);
    let root = hash(&head["sha256_root_hash"]);

    let entry = base64::decode(text(&read("get-entries")["entries"][0]["leaf_input"])).expect("base64");
    let inclusion = read("get-proof-by-hash");
    let index = number(&inclusion["leaf_index"]);
    let proof = hashes(&inclusion["audit_path"]);
    let verified = verify_inclusion(index, size, &leaf_hash(&entry), &proof, &root);
    assert_eq!(verified, Ok(()));

    // The old root is not among the files; SOURCE.md gives it.
    let old_root = Hash::from_base64("AuIZ5V6sDUj1vn3Y1K85oOaQ7y+FJJKtyRTl1edIKBQ=").expect("a hash");
    let proof = hashes(&read("get-sth-consistency")["consistency"]);
    assert_eq!(verify_consistency(3_654_490, size, &old_root, &root, &proof), Ok(()));
}

fn json_files(folder: &str, into: &mut Vec<String>) {
    for name in files::list(folder) {
        let path = format!("{folder}/{name}");
        if name.strip_suffix(".json").is_some() {
            into.push(path);
        } else {
            json_files(&path, into);
        }
    }
}

fn cases(folder: &str) -> Option<Vec<(String, Value)>> {
    let mut paths = Vec::new();
    json_files(&find(&format!("merkle/transparency-dev-merkle/{folder}"))?, &mut paths);
    let read = |path: String| {
        let case = serde_json::from_str(&files::text(&path)).expect("JSON");
        (path, case)
    };
    Some(paths.into_iter().map(read).collect())
}

/// Returns `None` for hashes that are not 32 bytes long, which the set has among its errors.
fn hashes(value: &Value) -> Option<Vec<Hash>> {
    maybe_list(value).iter().map(|hash| Hash::from_base64(text(hash))).collect()
}

/// Omits the set's subtree proofs, which are from another draft (Merkle Tree Certificates).
#[test]
fn transparency_dev_inclusion() {
    let Some(cases) = cases("inclusion") else { return };
    for (name, case) in &cases {
        let verified = || {
            let (leaf, root) =
                (Hash::from_base64(text(&case["leafHash"]))?, Hash::from_base64(text(&case["root"]))?);
            let (index, size) = (number(&case["leafIdx"]), number(&case["treeSize"]));
            verify_inclusion(index, size, &leaf, &hashes(&case["proof"])?, &root).ok()
        };
        assert_eq!(verified().is_none(), truth(&case["wantErr"]), "{name}");
    }
    assert_eq!(cases.len(), 98);
}

/// One difference: here, every tree extends the empty one, as for C2SP's witnesses, with the hash of nothing
/// as old root and an empty proof; the set calls each proof from size 0 an error. Words given as roots stand
/// for their hashes.
#[test]
fn transparency_dev_consistency() {
    let Some(cases) = cases("consistency") else { return };
    let root = |value: &Value| {
        let bytes = base64::decode(text(value)).expect("base64");
        bytes.as_slice().try_into().map_or_else(|_| Hash::digest(&[&bytes]), Hash)
    };
    let mut from_empty = 0;
    for (name, case) in &cases {
        let (old, new) = (root(&case["root1"]), root(&case["root2"]));
        let (size1, size2) = (number(&case["size1"]), number(&case["size2"]));
        let proof = hashes(&case["proof"]);
        let verified =
            proof.as_ref().and_then(|proof| verify_consistency(size1, size2, &old, &new, proof).ok());
        if size1 == 0 && size2 > 0 && old == empty_root() && proof == Some(vec![]) {
            assert_eq!(verified, Some(()), "{name}");
            from_empty += 1;
        } else {
            assert_eq!(verified.is_none(), truth(&case["wantErr"]), "{name}");
        }
    }
    assert_eq!((cases.len(), from_empty), (98, 1));
}
