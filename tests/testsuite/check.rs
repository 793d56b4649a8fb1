//! Verification of logs from their tiles: intact logs, and logs with each kind of error.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::BTreeMap;

use countersign::check::{CheckReport, Resource, TileCode, Walk};
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::event::{Event, Redaction};
use countersign::export::{Item, Line};
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::merkle::{Bundle, CompactRange, TILE_WIDTH, Tile, leaf_hash};
use countersign::note::{SignerKey, sign_note};
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::report::Complete;
use countersign::verify::{Options, Verdict, Verifier};

const ORIGIN: &str = "log.example/audit";

fn key(name: &str) -> SignerKey {
    SignerKey::from_seed(name, [name.len() as u8; 32]).expect("a name")
}

fn place(index: u64) -> usize {
    usize::try_from(index).expect("small")
}

/// A log's resources by path.
#[derive(Clone)]
pub struct Served {
    pub checkpoint: String,
    pub files: BTreeMap<String, Vec<u8>>,
}

fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = CompactRange::new();
    tree.extend(leaves);
    tree.root().expect("it begins at 0")
}

pub fn serve(leaves: &[Vec<u8>]) -> Served {
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let size = leaves.len() as u64;
    let tile = |tile: Tile| {
        let span = TILE_WIDTH.pow(tile.level.into());
        let first = tile.index * TILE_WIDTH;
        let roots = (first..first + u64::from(tile.width))
            .map(|n| root_of(&hashes[place(n * span)..place((n + 1) * span)]));
        (tile.path(), roots.flat_map(|root| root.0).collect())
    };
    let bundle = |bundle: Bundle| {
        let first = place(bundle.index * TILE_WIDTH);
        let leaves = &leaves[first..first + usize::from(bundle.width)];
        (bundle.path(), Bundle::encode(leaves).expect("short leaves"))
    };
    let checkpoint = Checkpoint::new(ORIGIN, size, root_of(&hashes)).expect("a checkpoint");
    Served {
        checkpoint: checkpoint.sign(&key(ORIGIN)).expect("the log's key"),
        files: Tile::grown(0, size).map(tile).chain(Bundle::grown(0, size).map(bundle)).collect(),
    }
}

pub fn opaque(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| format!("leaf {n}").into_bytes()).collect()
}

/// Returns a grant and a closed chain with this many events.
pub fn ours(events: u8) -> Vec<Vec<u8>> {
    let app = key("example.com/app");
    let grant = Statement::Grant { key: app.verifier_key().clone(), from: None, until: None };
    let note = KeyNote::sign(ORIGIN, &[grant], &key("example.com")).expect("an issuer's key");
    let time: Time = "2026-11-20T06:00:00.000Z".parse().expect("a time");
    let mut recorder = Recorder::open(ORIGIN, app.verifier_key().clone(), time, &[1; 16]).expect("a name");
    recorder.sign_with(&app).expect("its key");
    for n in 0..events {
        let event = Event::parse(format!("{{\"n\":{n}}}").as_bytes(), &Redaction::none()).expect("an event");
        recorder.record(&event, time, &[n; 16]).expect("in turn");
        recorder.sign_with(&app).expect("its key");
    }
    recorder.close(time).expect("in turn");
    recorder.sign_with(&app).expect("its key");
    let lines = recorder.drain();
    let links = lines.lines().map(|line| match Line::parse(line).expect("a line").item {
        Item::Link { text, .. } => text.into_owned().into_bytes(),
        other => panic!("{other:?}"),
    });
    [note.into_bytes()].into_iter().chain(links).collect()
}

pub fn options() -> Options {
    let trust = Trust::default().with_log(key(ORIGIN).verifier_key().clone()).expect("a log's key");
    Options { trust, tiles: true, ..Options::default() }
}

pub fn check_with(served: &Served, options: Options) -> CheckReport {
    let checkpoint = SignedCheckpoint::parse_extended(&served.checkpoint).expect("a checkpoint");
    walk_with(served, Walk::new(checkpoint), options)
}

fn check(served: &Served) -> CheckReport {
    check_with(served, options())
}

/// Returns the codes of the tiles' findings with their paths and indexes.
fn found(report: &CheckReport) -> Vec<(TileCode, &str, Option<u64>)> {
    report.tiles.findings.iter().map(|found| (found.code, found.path.as_str(), found.index)).collect()
}

#[test]
fn verifies_a_log_of_opaque_leaves_by_its_key() {
    for size in [1, 2, 255, 256, 257, 511, 513, 700] {
        let report = check(&serve(&opaque(size)));
        assert_eq!((report.verdict, found(&report)), (Verdict::Verified, vec![]), "{size}");
        assert_eq!((place(report.tiles.entries.other), report.report.counts.entries), (size, size as u64));
        assert_eq!(report.tiles.checked, Tile::grown(0, size as u64).count() as u64);
    }
    // An empty log contains nothing that could be complete.
    assert_eq!(check(&serve(&[])).verdict, Verdict::Partial);
    let untrusted = Options { tiles: true, ..Options::default() };
    assert_eq!(check_with(&serve(&opaque(5)), untrusted).verdict, Verdict::Untrusted);
    let mut unsigned = serve(&opaque(5));
    let root = SignedCheckpoint::parse(&unsigned.checkpoint).expect("a checkpoint").checkpoint.root;
    unsigned.checkpoint = unsigned.checkpoint.replace(&root.to_string(), &leaf_hash(b"another").to_string());
    assert_eq!(check(&unsigned).verdict, Verdict::Altered);
}

#[test]
fn checks_three_levels_of_tiles() {
    let leaves: Vec<Vec<u8>> = (0..65_800_u32).map(|n| n.to_be_bytes().to_vec()).collect();
    let mut served = serve(&leaves);
    for (path, hash) in [("tile/0/005", 7), ("tile/1/001.p/1", 0), ("tile/2/000.p/1", 0)] {
        served.files.get_mut(path).expect("a tile")[hash * 32] ^= 1;
    }
    let report = check(&served);
    assert_eq!((report.tiles.checked, report.report.verdict), (258 + 2 + 1, Verdict::Verified));
    assert_eq!((report.verdict, report.tiles.bundles), (Verdict::Altered, 258));
    assert_eq!(
        found(&report),
        [
            (TileCode::Hash, "tile/0/005", Some(1287)),
            (TileCode::Hash, "tile/1/000", Some(1280)),
            (TileCode::Hash, "tile/2/000.p/1", Some(0)),
            (TileCode::Hash, "tile/1/001.p/1", Some(65_536)),
            (TileCode::Root, "checkpoint", None),
        ]
    );
    assert_eq!(report.tiles.finding_counts, BTreeMap::from([(TileCode::Hash, 4), (TileCode::Root, 1)]));
    assert!(!report.tiles.pass());
    let said: Vec<&str> = report.tiles.findings.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(
        said[..4],
        [
            "hash 7 of the tile is not that of entry 1287",
            "hash 5 of the tile is not the root of tile/0/005",
            "hash 0 of the tile is not the root of tile/1/000",
            "hash 0 of the tile is not the root of tile/0/256",
        ]
    );

    served.files.remove("tile/1/001.p/1");
    let missing = check(&served).tiles.findings.into_iter().find(|found| found.code == TileCode::Missing);
    assert_eq!(missing.and_then(|found| found.index), Some(65_536));
}

#[test]
fn an_unfinished_walk_reports_nothing_about_the_rest() {
    let served = serve(&opaque(5));
    let walk = || Walk::new(SignedCheckpoint::parse(&served.checkpoint).expect("a checkpoint"));
    let (lines, tiles) = walk().finish();
    assert!(!String::from_utf8(lines).expect("text").contains("checkpoint") && tiles.pass());
    let mut walk = walk();
    walk.push(None);
    assert!(!walk.is_stopped(), "its tile may be there");
    walk.push(None);
    assert!(walk.is_stopped());
}

#[test]
fn a_full_resource_replaces_a_partial_one() {
    let leaves = opaque(256);
    let wide = Bundle::encode(&leaves).expect("short leaves");
    let (tile, bundle) = (
        |width| Resource::Tile(Tile { level: 1, index: 3, width }),
        |width| Resource::Bundle(Bundle { index: 3, width }),
    );
    for of in [&tile as &dyn Fn(u16) -> Resource, &bundle] {
        assert_eq!((of(5).full(), of(256).full()), (Some(of(256)), None));
    }
    let hashes: Vec<u8> = (0..=255).flat_map(|n| [n; 32]).collect();
    assert_eq!(tile(5).cut(&hashes), &hashes[..160]);
    assert_eq!(bundle(5).cut(&wide), Bundle::encode(&leaves[..5]).expect("short leaves"));
    // A truncated resource is returned whole, and rejected later for its length.
    assert_eq!((tile(5).cut(&hashes[..159]), bundle(5).cut(&wide[..5])), (&hashes[..159], &wide[..5]));
    assert_eq!(tile(256).max_bytes(), hashes.len());
    let longest = Bundle::encode(vec![vec![0; 65_535]; 256]).expect("no longer than allowed");
    assert_eq!(bundle(256).max_bytes(), longest.len());
}

#[test]
fn the_report_equals_that_of_the_export() {
    let served = serve(&ours(9));
    let trust =
        options().trust.with_issuer(key("example.com").verifier_key().clone()).expect("an issuer's key");
    let report = check_with(&served, Options { trust, tiles: true, ..Options::default() });
    // The events are withheld, so the log is not shown to be complete.
    assert_eq!((report.verdict, found(&report)), (Verdict::Partial, vec![]));
    assert_eq!(
        (report.tiles.entries.links, report.tiles.entries.notes, report.tiles.entries.other),
        (11, 1, 0)
    );
    assert_eq!((report.report.counts.withheld, report.report.counts.chains), (9, 1));
    assert_eq!(report.report.findings, [], "no tile could show an event");
    for (name, check) in report.report.checks.iter() {
        let passes = check.failed == 0 && (check.checked > 0 || name == "payloads");
        let is_required = !["append_only", "witnesses", "expected"].contains(&name);
        assert_eq!(passes, is_required, "{name}");
    }
    // A signer that the log's key does not vouch for stays untrusted.
    assert_eq!(check(&served).verdict, Verdict::Untrusted);

    let mut forked = ours(9);
    forked.swap(3, 4);
    assert_eq!(check(&serve(&forked)).verdict, Verdict::Broken, "the tiles are right, the chain is not");
}

#[test]
fn detects_one_flipped_bit_in_any_tile_or_bundle() {
    let served = serve(&opaque(260));
    for (path, bytes) in &served.files {
        let resource =
            Tile::parse(path).map(Resource::Tile).or_else(|_| Bundle::parse(path).map(Resource::Bundle));
        for at in (0..bytes.len()).step_by(97) {
            let mut changed = served.clone();
            changed.files.get_mut(path).expect("a file")[at] ^= 1 << (at % 8);
            let report = check(&changed);
            match resource.as_ref().expect("a path") {
                Resource::Tile(tile) => {
                    assert_eq!(report.verdict, Verdict::Altered, "{path} at {at}");
                    let first = tile.index * TILE_WIDTH + (at as u64 / 32);
                    let index = if tile.level == 0 { first } else { first * TILE_WIDTH };
                    assert_eq!(
                        found(&report)[0],
                        (TileCode::Hash, path.as_str(), Some(index)),
                        "{path} at {at}"
                    );
                }
                Resource::Bundle(bundle) => {
                    // A changed length yields other leaves, or none.
                    assert!(matches!(report.verdict, Verdict::Altered | Verdict::Broken), "{path} at {at}");
                    let (code, in_path, _) = found(&report)[0];
                    match code {
                        TileCode::Malformed => assert_eq!(in_path, path),
                        TileCode::Hash => assert_eq!(in_path, bundle.tile().path()),
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn names_every_missing_resource() {
    let served = serve(&opaque(700));
    for path in served.files.keys() {
        let mut without = served.clone();
        without.files.remove(path);
        let report = check(&without);
        assert_eq!(report.verdict, Verdict::Broken, "{path}");
        assert_eq!(report.tiles.findings.len(), 1, "{path}");
        // Above the leaves there is only one tile, which begins at the first leaf.
        let first = Tile::parse(path).map(|tile| if tile.level > 0 { 0 } else { tile.index });
        let index = first.or_else(|_| Bundle::parse(path).map(|bundle| bundle.index)).expect("a path");
        assert_eq!(found(&report)[0], (TileCode::Missing, path.as_str(), Some(index * TILE_WIDTH)));
        // The tree still leads to the checkpoint's root.
        assert_eq!(report.report.checks.tree.failed, 0, "{path}");

        let mut cut = served.clone();
        cut.files.get_mut(path).expect("a file").pop();
        let report = check(&cut);
        assert_eq!((report.verdict, found(&report)[0].0), (Verdict::Broken, TileCode::Malformed), "{path}");
    }
    // If a bundle and its tile are missing, nothing more is known about the tree.
    let mut without = served.clone();
    without.files.remove("tile/entries/001");
    without.files.remove("tile/0/001");
    let report = check(&without);
    assert_eq!((report.verdict, report.tiles.findings.len()), (Verdict::Broken, 2));
    assert_eq!(report.report.counts.checkpoints, 0);
    without.files.clear();
    assert_eq!(check(&without).tiles.findings.len(), 2);
}

#[test]
fn tiles_of_another_history_do_not_match_the_checkpoint() {
    let mut other = opaque(300);
    other[7] = b"another leaf".to_vec();
    let served = Served { checkpoint: serve(&opaque(300)).checkpoint, ..serve(&other) };
    let report = check(&served);
    assert_eq!(
        (report.verdict, found(&report)),
        (Verdict::Altered, vec![(TileCode::Root, "checkpoint", None)])
    );
}

#[test]
fn compares_pins() {
    let pin = |leaves: &[Vec<u8>]| SignedCheckpoint::parse(&serve(leaves).checkpoint).expect("a checkpoint");
    let with_pin = |pin: SignedCheckpoint| Options { pins: vec![pin.into()], ..options() };
    let served = serve(&opaque(300));
    assert_eq!(check_with(&served, with_pin(pin(&opaque(257)))).verdict, Verdict::Verified);
    let mut other = opaque(257);
    other[200] = b"another leaf".to_vec();
    assert_eq!(check_with(&served, with_pin(pin(&other))).verdict, Verdict::Altered, "rewritten");
    assert_eq!(check_with(&served, with_pin(pin(&opaque(301)))).verdict, Verdict::Altered, "rolled back");
}

#[test]
fn extension_lines_are_accepted_for_tiles() {
    let mut served = serve(&opaque(3));
    let signed = SignedCheckpoint::parse(&served.checkpoint).expect("a checkpoint");
    served.checkpoint = sign_note(&(signed.note.text + "an extension line\n"), &key(ORIGIN)).expect("a text");
    assert_eq!(check(&served).verdict, Verdict::Verified);
    let strict = check_with(&served, Options { tiles: false, ..options() });
    assert_eq!((strict.verdict, strict.tiles.pass()), (Verdict::Broken, true));
}

/// Returns the log without what tlog-tiles allows to prune below a minimum index.
pub fn prune(served: &Served, minimum: u64) -> Served {
    let mut pruned = served.clone();
    pruned.files.retain(|path, _| {
        let ends = |index: u64, level: u8, is_full| is_full && ((index + 1) << (8 * (level + 1))) <= minimum;
        match (Tile::parse(path), Bundle::parse(path)) {
            (Ok(tile), _) => !ends(tile.index, tile.level, tile.is_full()),
            (_, Ok(bundle)) => !ends(bundle.index, 0, bundle.is_full()),
            _ => true,
        }
    });
    pruned
}

/// Checks a log, and asserts that the report is the same on several threads and from summaries of parts.
fn walk_with(served: &Served, mut walk: Walk, options: Options) -> CheckReport {
    let begin = walk.clone();
    let mut verifier = Verifier::new(options.clone());
    for resource in walk.plan() {
        if walk.is_stopped() {
            break;
        }
        walk.push(served.files.get(&resource.path()).map(Vec::as_slice));
        verifier.push(&walk.take_lines());
    }
    let (lines, tiles) = walk.finish();
    verifier.push(&lines);
    let report = CheckReport::new(tiles, verifier.finish().report);
    #[cfg(not(target_arch = "wasm32"))]
    crate::check_parts::assert_same(served, &begin, options, &report);
    #[cfg(target_arch = "wasm32")]
    drop((begin, options));
    report
}

pub fn check_from(served: &Served, from: u64) -> CheckReport {
    let checkpoint = SignedCheckpoint::parse_extended(&served.checkpoint).expect("a checkpoint");
    walk_with(served, Walk::starting_at(checkpoint, from).expect("not more than the log has"), options())
}

/// Checks a log without knowing its minimum index.
pub fn check_unstated(served: &Served) -> CheckReport {
    let checkpoint = SignedCheckpoint::parse_extended(&served.checkpoint).expect("a checkpoint");
    let size = checkpoint.checkpoint.size;
    let has = |index| served.files.contains_key(&Bundle { index, width: 256 }.path());
    let first = (0..size / TILE_WIDTH).find(|&index| has(index)).unwrap_or(size / TILE_WIDTH);
    walk_with(served, Walk::after_missing(checkpoint, first), options())
}

#[test]
fn verifies_a_pruned_log_from_its_minimum_index_on() {
    for (size, minimums) in [
        (600, &[256, 300, 511, 512, 600][..]),
        (512, &[256]),
        (66_200, &[256, 65_000, 65_536, 65_900, 66_048]),
    ] {
        let served = serve(&opaque(size));
        for &minimum in minimums {
            let pruned = prune(&served, minimum);
            let first = minimum / 256 * 256;
            for served in [&served, &pruned] {
                let report = check_from(served, minimum);
                assert_eq!(
                    (report.verdict, found(&report)),
                    (Verdict::Verified, vec![]),
                    "{minimum} of {size}"
                );
                assert_eq!(report.tiles.range, (first, size as u64));
                let counts = &report.report.counts;
                assert_eq!((counts.entries, counts.skipped), (size as u64 - first, first));
                let complete = report.report.complete.expect("complete for the range");
                assert_eq!(complete, Complete::Range { range: [first, size as u64] });
            }
            let unstated = check_unstated(&pruned);
            assert_eq!(
                (unstated.verdict, found(&unstated)),
                (Verdict::Partial, vec![(TileCode::Pruned, "tile/entries/000", Some(0))]),
                "{minimum} of {size}"
            );
            assert_eq!(unstated.tiles.range, (first, size as u64));
            assert_eq!(
                unstated.tiles.findings[0].message,
                format!("the first {first} entries are gone (pruned?)")
            );
            assert!(unstated.tiles.pass());
        }
        assert_eq!(check_unstated(&served).verdict, Verdict::Verified, "nothing is gone");
        assert_eq!(check_unstated(&served), check(&served));
    }
}

#[test]
fn a_log_that_is_pruned_altogether_shows_only_its_root() {
    let pruned = prune(&serve(&opaque(512)), 512);
    assert_eq!(pruned.files.keys().collect::<Vec<_>>(), ["tile/1/000.p/2"]);
    for report in [check_from(&pruned, 512), check_unstated(&pruned)] {
        assert_eq!((report.verdict, report.report.counts.skipped), (Verdict::Partial, 512));
        assert_eq!(report.report.complete, None);
        assert_eq!(report.report.checks.tree.failed, 0);
    }
    let mut changed = pruned;
    changed.files.get_mut("tile/1/000.p/2").expect("a tile")[3] ^= 1;
    assert_eq!(check_from(&changed, 512).verdict, Verdict::Altered);
}

#[test]
fn a_minimum_index_excuses_nothing_above_it() {
    let served = prune(&serve(&opaque(66_200)), 65_792);
    let without = |path: &str| {
        let mut served = served.clone();
        assert!(served.files.remove(path).is_some(), "{path}");
        served
    };
    let reports = |served: &Served| [check_from(served, 65_792), check_unstated(served)];
    for path in
        ["tile/0/257", "tile/0/258.p/152", "tile/entries/258.p/152", "tile/1/001.p/2", "tile/2/000.p/1"]
    {
        for report in reports(&without(path)) {
            assert_eq!(report.verdict, Verdict::Broken, "{path}");
            let missing = found(&report).into_iter().find(|found| found.0 == TileCode::Missing);
            assert_eq!(missing.map(|found| found.1), Some(path));
        }
    }
    // The reader stated that entries from here on must be there.
    let stated = check_from(&without("tile/entries/257"), 65_792);
    assert_eq!((stated.verdict, found(&stated)[0].0), (Verdict::Broken, TileCode::Missing));
    assert_eq!(check_from(&served, 65_791).verdict, Verdict::Broken, "more was pruned than was stated");

    // A hole in the middle was not pruned.
    let mut holed = serve(&opaque(1_500));
    holed.files.remove("tile/entries/000");
    holed.files.remove("tile/entries/003");
    let report = check_unstated(&holed);
    assert_eq!(
        (report.verdict, found(&report)),
        (
            Verdict::Broken,
            vec![
                (TileCode::Pruned, "tile/entries/000", Some(0)),
                (TileCode::Missing, "tile/entries/003", Some(768)),
            ]
        )
    );
    // Everything that is present must be right.
    for (path, index) in
        [("tile/entries/257", 9), ("tile/0/257", 9), ("tile/1/001.p/2", 9), ("tile/2/000.p/1", 9)]
    {
        let mut changed = served.clone();
        changed.files.get_mut(path).expect("a file")[index] ^= 1;
        for report in reports(&changed) {
            assert_eq!(report.verdict, Verdict::Altered, "{path}");
        }
    }
    // A malformed tile on the left edge ends the walk.
    let mut cut = served.clone();
    cut.files.get_mut("tile/1/001.p/2").expect("a tile").pop();
    let report = check_from(&cut, 65_792);
    assert_eq!(
        (report.verdict, found(&report)),
        (Verdict::Broken, vec![(TileCode::Malformed, "tile/1/001.p/2", Some(65_536))])
    );
    let checkpoint = SignedCheckpoint::parse(&served.checkpoint).expect("a checkpoint");
    assert!(Walk::starting_at(checkpoint, 66_201).is_err(), "the log is smaller");
}

#[test]
fn chains_that_began_before_the_minimum_index_stay_unauthenticated() {
    let mut leaves = ours(9);
    let rest = leaves.split_off(6);
    leaves.splice(0..0, opaque(250));
    leaves.extend(rest);
    let trust =
        options().trust.with_issuer(key("example.com").verifier_key().clone()).expect("an issuer's key");
    let pruned = prune(&serve(&leaves), 256);
    let checkpoint = SignedCheckpoint::parse(&pruned.checkpoint).expect("a checkpoint");
    let walk = Walk::starting_at(checkpoint, 256).expect("within the log");
    let report = walk_with(&pruned, walk, Options { trust, tiles: true, ..Options::default() });
    let codes: Vec<&str> = report.report.finding_counts.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!((report.verdict, codes), (Verdict::NotChecked, vec!["chain.no_open"]));
}
