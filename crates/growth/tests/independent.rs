//! A second reading of SPEC section 16.10, written from the text alone, that is compared with the crate on generated ticks,
//! honest and lying. It shares only SHA-256, base64, and hex with the crate, and is as plain as possible.

use std::collections::{BTreeMap, BTreeSet};

use countersign::checkpoint::Checkpoint;
use countersign::hash::Hash;
use countersign::{base64, hex};
use countersign_growth::wire::Answer;
use countersign_growth::{GrowthRun, GrowthState};
use serde_json::Value;

const ROOT: &str = "log.example";
/// The seconds at 2026-11-20T06:00:00Z, from an arbitrary origin.
const BEGIN: u64 = 1_000_000;
const STATES: [&str; 3] = ["live", "ended", "moved"];

type Id = [u8; 16];

#[derive(Clone, Copy, PartialEq, Eq)]
struct Head {
    size: u64,
    root: Hash,
    state: usize,
}

fn h(parts: &[&[u8]]) -> Hash {
    Hash::digest(parts)
}

fn node(left: Hash, right: Hash) -> Hash {
    h(&[&[1], &left.0, &right.0])
}

/// The greatest power of two below a number above 1.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// MTH of RFC 6962, section 2.1, for leaf hashes.
fn tree(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => h(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(tree(left), tree(right))
        }
    }
}

/// SUBPROOF of RFC 6962, section 2.1.2.
fn subproof(m: usize, leaves: &[Hash], is_whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if is_whole { Vec::new() } else { vec![tree(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, other) = if m <= k {
        (subproof(m, left, is_whole), tree(right))
    } else {
        (subproof(m - k, right, false), tree(left))
    };
    proof.push(other);
    proof
}

fn prove(from: usize, leaves: &[Hash]) -> Vec<Hash> {
    if from == 0 || from >= leaves.len() { Vec::new() } else { subproof(from, leaves, true) }
}

/// RFC 9162, section 2.1.4.2.
fn is_consistent(first: u64, second: u64, old: Hash, new: Hash, proof: &[Hash]) -> bool {
    if first == second || first == 0 {
        return proof.is_empty() && (first == 0 || old == new);
    }
    let mut path = proof.to_vec();
    if first.is_power_of_two() {
        path.insert(0, old);
    }
    if path.is_empty() {
        return false;
    }
    let (mut fnode, mut snode) = (first - 1, second - 1);
    while fnode & 1 == 1 {
        (fnode, snode) = (fnode >> 1, snode >> 1);
    }
    let (mut fr, mut sr) = (path[0], path[0]);
    for c in &path[1..] {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            (fr, sr) = (node(*c, fr), node(*c, sr));
            while fnode & 1 == 0 && fnode != 0 {
                (fnode, snode) = (fnode >> 1, snode >> 1);
            }
        } else {
            sr = node(sr, *c);
        }
        (fnode, snode) = (fnode >> 1, snode >> 1);
    }
    fr == old && sr == new && snode == 0
}

/// RFC 2104, for a key shorter than a block.
fn hmac(key: &[u8; 32], message: &[u8]) -> Hash {
    let mut pad = [0; 64];
    pad[..32].copy_from_slice(key);
    let inner = h(&[&pad.map(|byte| byte ^ 0x36), message]);
    h(&[&pad.map(|byte| byte ^ 0x5c), &inner.0])
}

fn slot(id: &Id, depth: u32) -> u32 {
    u32::from_be_bytes([id[0], id[1], id[2], id[3]]) >> (32 - depth)
}

/// Section 16.2. `None` if two heads share a slot.
fn directory(secret: &[u8; 32], depth: u32, heads: &BTreeMap<Id, Head>) -> Option<Hash> {
    let mut slots = BTreeMap::new();
    for (id, head) in heads {
        if slots.insert(slot(id, depth), (id, head)).is_some() {
            return None;
        }
    }
    let leaf = |slot: u32| {
        let Some((id, head)) = slots.get(&slot) else {
            return hmac(secret, &[&b"none"[..], &slot.to_be_bytes()].concat());
        };
        let origin = format!("{ROOT}/t/{}", hex::encode(*id));
        let salt = hmac(secret, &[&b"salt"[..], &slot.to_be_bytes()].concat());
        let (length, size) = ([origin.len() as u8], head.size.to_be_bytes());
        let rest = [&length[..], origin.as_bytes(), &[head.state as u8], &size, &head.root.0].concat();
        h(&[b"countersign/v1 head\0", &salt.0[..16], &rest])
    };
    let mut level: Vec<Hash> = (0..1 << depth).map(leaf).collect();
    while level.len() > 1 {
        let pair = |pair: &[Hash]| h(&[b"countersign/v1 node\0", &pair[0].0, &pair[1].0]);
        level = level.chunks(2).map(pair).collect();
    }
    Some(h(&[b"countersign/v1 directory\0", &[depth as u8], &level[0].0]))
}

/// Section 16.3: the leaf hash of the root log's entry.
fn entry(time: &str, directory: Hash) -> Hash {
    h(&[&[0], format!("countersign/v1 directory {time} {}", base64::encode(directory.0)).as_bytes()])
}

fn time(seconds: u64) -> String {
    let since = seconds - BEGIN;
    assert!(since < 3600);
    format!("2026-11-20T06:{:02}:{:02}.000Z", since / 60, since % 60)
}

fn seconds(time: &str) -> u64 {
    BEGIN + time[14..16].parse::<u64>().unwrap() * 60 + time[17..19].parse::<u64>().unwrap()
}

/// The second reading: a witness that begins with tick 0, and never misses one.
#[derive(Clone, Default)]
struct Witness {
    heads: BTreeMap<Id, Head>,
    gone: BTreeSet<Id>,
    entries: Vec<Hash>,
    seconds: u64,
    depth: u64,
}

fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name)?.as_u64()
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

impl Witness {
    /// Checks an answer with one tick, and the checkpoint that ends with it. `None` if it isn't to be cosigned.
    fn check(&self, answer: &str, size: u64, root: Hash) -> Option<Self> {
        let mut next = self.clone();
        let mut lines = answer.lines().map(|line| serde_json::from_str::<Value>(line).ok());
        let first = lines.next()??;
        if text(&first, "growth")? != "countersign/v1" || text(&first, "origin")? != ROOT {
            return None;
        }
        let tick = lines.next()??;
        // Step 1.
        let index = number(&tick, "tick")?;
        let seconds = seconds(text(&tick, "time")?);
        if index != self.entries.len() as u64 || index > 0 && seconds < self.seconds + 1 {
            return None;
        }
        let mut last = None;
        for _ in 0..number(&tick, "changes")? {
            let change = lines.next()??;
            let id: Id = hex::decode(text(&change, "id")?.as_bytes())?;
            if last >= Some(id) {
                return None;
            }
            last = Some(id);
            if change.get("gone") == Some(&Value::Bool(true)) {
                // Step 3. No anchor of the third kind is among these ticks.
                return None;
            }
            next.apply(id, &change)?;
        }
        if lines.next().is_some() || number(&tick, "heads")? != next.heads.len() as u64 {
            return None;
        }
        // Step 4.
        let depth = number(&tick, "depth")?;
        if depth < self.depth || !(8..=24).contains(&depth) {
            return None;
        }
        let secret = base64::decode_array(text(&tick, "secret")?)?;
        let directory = directory(&secret, depth as u32, &next.heads)?;
        // Step 5.
        next.entries.push(entry(text(&tick, "time")?, directory));
        (next.seconds, next.depth) = (seconds, depth);
        (size == index + 1 && tree(&next.entries) == root).then_some(next)
    }

    /// Step 2.
    fn apply(&mut self, id: Id, change: &Value) -> Option<()> {
        let new = Head { size: 0, root: h(&[]), state: 0 };
        let before = *self.heads.get(&id).unwrap_or(&new);
        let state = STATES.iter().position(|state| Some(*state) == text(change, "state"))?;
        let (size, root) = (number(change, "size")?, Hash::from_base64(text(change, "root")?)?);
        let proof = change.get("proof")?.as_array()?;
        let proof: Option<Vec<Hash>> = proof.iter().map(|hash| Hash::from_base64(hash.as_str()?)).collect();
        let is_allowed = number(change, "from")? == before.size
            && size >= before.size
            && state >= before.state
            && (before.state == 0 || size == before.size)
            && (size > before.size || root == before.root)
            && is_consistent(before.size, size, before.root, root, &proof?)
            && !self.gone.contains(&id);
        is_allowed.then(|| _ = self.heads.insert(id, Head { size, root, state }))
    }
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[derive(Clone, Default)]
struct Log {
    leaves: Vec<Hash>,
    state: usize,
}

impl Log {
    fn head(&self) -> Head {
        Head { size: self.leaves.len() as u64, root: tree(&self.leaves), state: self.state }
    }
}

/// A log server that signs and shows what it wants.
#[derive(Default)]
struct Server {
    logs: BTreeMap<Id, Log>,
    shown: BTreeMap<Id, Head>,
    entries: Vec<Hash>,
    seconds: u64,
    /// The seconds of the last tick.
    last: u64,
    depth: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    Rewrite,
    RewriteAndGrow,
    Shorten,
    Drop,
    Reopen,
    GrowEnded,
    Early,
    Proof,
    NoProof,
    NeedlessProof,
    Secret,
    Count,
    Depth,
    From,
    SharedSlot,
    HiddenChange,
    Order,
    Index,
    NonemptyNew,
    Checkpoint,
}

const LIES: [Lie; 21] = [
    Lie::None,
    Lie::Rewrite,
    Lie::RewriteAndGrow,
    Lie::Shorten,
    Lie::Drop,
    Lie::Reopen,
    Lie::GrowEnded,
    Lie::Early,
    Lie::Proof,
    Lie::NoProof,
    Lie::NeedlessProof,
    Lie::Secret,
    Lie::Count,
    Lie::Depth,
    Lie::From,
    Lie::SharedSlot,
    Lie::HiddenChange,
    Lie::Order,
    Lie::Index,
    Lie::NonemptyNew,
    Lie::Checkpoint,
];

impl Server {
    fn new() -> Self {
        Self { seconds: BEGIN, depth: 8, ..Self::default() }
    }

    fn id(number: u8) -> Id {
        let mut id = [5; 16];
        id[0] = number;
        id
    }

    fn grow(&mut self, random: &mut Random) {
        for _ in 0..random.below(4) {
            let log = self.logs.entry(Self::id(random.below(12) as u8)).or_default();
            if log.state == 0 {
                for _ in 0..random.below(6) {
                    log.leaves.push(h(&[b"event", &random.below(u64::MAX).to_be_bytes()]));
                }
                log.state = usize::from(random.below(12) == 0);
            }
        }
        self.seconds += 1 + random.below(2);
        if random.below(30) == 0 {
            self.depth += 1;
        }
    }

    /// Returns the log that a lie is about: one that has been shown, with at least two entries, of this state.
    fn victim(&mut self, is_ended: bool) -> Option<&mut Log> {
        let shown = &self.shown;
        let is_fit = |(id, log): &(&Id, &mut Log)| {
            shown.get(*id).is_some_and(|head| head.size > 1 && (head.state > 0) == is_ended)
                && log.leaves.len() > 1
        };
        self.logs.iter_mut().find(is_fit).map(|(_, log)| log)
    }

    /// Makes a tick, and returns the answer that shows it, the checkpoint's size, and its root. `None` if there is nothing
    /// to lie about.
    fn tick(&mut self, lie: Lie, random: &mut Random) -> Option<(String, u64, Hash)> {
        let leaf = h(&[b"forged"]);
        match lie {
            Lie::Rewrite => {
                // At least two entries have been shown.
                self.victim(false)?.leaves[random.below(2) as usize] = leaf;
            }
            Lie::RewriteAndGrow => {
                let log = self.victim(false)?;
                log.leaves[0] = leaf;
                log.leaves.push(leaf);
            }
            Lie::Drop => {
                let id = *self.shown.keys().next()?;
                self.logs.remove(&id);
            }
            Lie::Reopen => self.victim(true)?.state = 0,
            Lie::GrowEnded => self.victim(true)?.leaves.push(leaf),
            Lie::SharedSlot => {
                let mut id = *self.shown.keys().next()?;
                id[15] ^= 1;
                self.logs.insert(id, Log::default());
            }
            _ => {}
        }
        if lie == Lie::Shorten {
            let sizes: BTreeMap<Id, u64> = self.shown.iter().map(|(id, head)| (*id, head.size)).collect();
            let (id, size) = sizes.iter().find(|(_, size)| **size > 0)?;
            self.logs.get_mut(id)?.leaves.truncate(*size as usize - 1);
        }
        if matches!(lie, Lie::Early) {
            if self.entries.is_empty() {
                return None;
            }
            self.seconds = self.last;
        }
        let mut heads: BTreeMap<Id, Head> = self.logs.iter().map(|(id, log)| (*id, log.head())).collect();
        if lie == Lie::NonemptyNew {
            heads.insert(Self::id(200), Head { size: 0, root: leaf, state: 0 });
        }
        let depth = if lie == Lie::Depth { 7 } else { self.depth };
        let index = self.entries.len() as u64;
        let secret = h(&[b"secret", &index.to_be_bytes()]).0;
        // A directory can't have two heads in one slot, so every signed entry is wrong.
        let signed = directory(&secret, depth as u32, &heads).unwrap_or(leaf);
        let time = time(self.seconds);
        self.last = self.seconds;
        self.entries.push(entry(&time, signed));
        let mut changes = Vec::new();
        let mut is_told = false;
        for (id, head) in &heads {
            let before = self.shown.get(id);
            if before == Some(head) {
                continue;
            }
            let from = before.map_or(0, |head| head.size);
            let leaves = self.logs.get(id).map_or(&[][..], |log| &log.leaves);
            let mut proof = prove(from as usize, leaves);
            let mut shown_from = from;
            let mut is_null = false;
            match lie {
                Lie::Proof if !proof.is_empty() => (proof[0], is_told) = (leaf, true),
                Lie::NoProof if !proof.is_empty() => (is_null, is_told) = (true, true),
                Lie::NeedlessProof if proof.is_empty() => (proof, is_told) = (vec![leaf], true),
                Lie::From if !is_told => (shown_from, is_told) = (from + 1, true),
                _ => {}
            }
            let hashes: Vec<String> = proof.iter().map(|hash| format!("\"{hash}\"")).collect();
            let proof = if is_null { "null".to_owned() } else { format!("[{}]", hashes.join(",")) };
            changes.push(format!(
                "{{\"id\":\"{}\",\"size\":{},\"root\":\"{}\",\"state\":\"{}\",\"from\":{shown_from},\"proof\":{proof}}}\n",
                hex::encode(id), head.size, head.root, STATES[head.state]
            ));
        }
        for id in self.shown.keys().filter(|id| !heads.contains_key(*id)) {
            changes.push(format!("{{\"id\":\"{}\",\"gone\":true}}\n", hex::encode(id)));
        }
        changes.sort();
        match lie {
            Lie::Proof | Lie::NoProof | Lie::NeedlessProof | Lie::From if !is_told => return None,
            Lie::HiddenChange => drop(changes.pop()?),
            Lie::Order if changes.len() > 1 => changes.reverse(),
            Lie::Order => return None,
            _ => {}
        }
        let count = heads.len() + usize::from(lie == Lie::Count);
        let shown_secret = if lie == Lie::Secret { leaf.0 } else { secret };
        let shown_index = index + u64::from(lie == Lie::Index);
        let mut answer = format!(
            "{{\"growth\":\"countersign/v1\",\"origin\":\"{ROOT}\",\"first\":0,\"next\":{}}}\n\
             {{\"tick\":{shown_index},\"time\":\"{time}\",\"secret\":\"{}\",\"depth\":{depth},\"heads\":{count},\"changes\":{}}}\n",
            index + 1,
            base64::encode(shown_secret),
            changes.len()
        );
        answer.extend(changes);
        self.shown = heads;
        let root = if lie == Lie::Checkpoint { leaf } else { tree(&self.entries) };
        Some((answer, index + 1, root))
    }
}

/// The crate's answer to the same question.
fn check(state: &GrowthState, answer: &str, size: u64, root: Hash) -> Option<GrowthState> {
    let answer = Answer::parse(answer.as_bytes()).ok()?;
    let mut run = GrowthRun::new(state.clone());
    for tick in &answer.ticks {
        run.apply(tick).ok()?;
    }
    let checkpoint = Checkpoint::new(ROOT, size, root).unwrap();
    let passes = run.is_at(&checkpoint) && run.state().is_whole() && run.take_findings().0.is_empty();
    passes.then(|| run.into_state())
}

/// Returns the state of the crate after tick 0, which has no heads and is shown as a snapshot.
fn begin(answer: &str) -> GrowthState {
    let snapshot = answer
        .replace("\"tick\":0", "\"snapshot\":0")
        .replace("\"heads\":0,\"changes\":0", "\"edge\":[],\"heads\":0");
    let answer = Answer::parse(snapshot.as_bytes()).unwrap();
    GrowthRun::begin(ROOT, &answer.snapshot.unwrap()).unwrap().into_state()
}

#[test]
fn both_readings_agree() {
    let mut tried: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..252 {
        let (mut random, mut server) = (Random(seed), Server::new());
        let lie = LIES[seed as usize % LIES.len()];
        let (answer, size, root) = server.tick(Lie::None, &mut random).unwrap();
        let mut second = Witness::default().check(&answer, size, root).expect("the first tick");
        let mut first = begin(&answer);
        assert!(first.is_at(&Checkpoint::new(ROOT, size, root).unwrap()));
        let lying_at = 4 + random.below(8);
        for nth in 0..14 {
            server.grow(&mut random);
            let lie = if nth == lying_at { lie } else { Lie::None };
            let Some((answer, size, root)) = server.tick(lie, &mut random) else { break };
            let verdicts = (check(&first, &answer, size, root), second.check(&answer, size, root));
            match verdicts {
                (Some(by_crate), Some(by_text)) => {
                    assert!(lie == Lie::None, "{lie:?} passes, seed {seed}: {answer}");
                    (first, second) = (by_crate, by_text);
                }
                (None, None) => {
                    assert_ne!(lie, Lie::None, "an honest tick fails, seed {seed}: {answer}");
                    *tried.entry(format!("{lie:?}")).or_default() += 1;
                    break;
                }
                (by_crate, by_text) => panic!(
                    "{lie:?}, seed {seed}: the crate accepts: {}, the text: {}: {answer}",
                    by_crate.is_some(),
                    by_text.is_some()
                ),
            }
        }
    }
    // Each lie was told, and noticed.
    let untold: Vec<_> = LIES[1..].iter().filter(|lie| !tried.contains_key(&format!("{lie:?}"))).collect();
    assert!(untold.is_empty(), "{untold:?} {tried:?}");
}
