//! A small log created by the holders of its keys. They may do anything that their keys allow, including wrong
//! things, and sign all of it. Later alterations of the export are signed by no key.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use countersign::canonical::canonicalize;
use countersign::checkpoint::Checkpoint;
use countersign::export::writer::Writer;
use countersign::export::{Header, Withheld};
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::link::{self, ChainId, Salt, commit};
use countersign::merkle::{CompactRange, leaf_hash};
use countersign::note::{SignerKey, VerifierKey};
use countersign::pin::Pin;
use countersign::time::Time;
use countersign::trust::Trust;

use crate::program::Program;

const ORIGIN: &str = "log.example/audit";
const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// The time at which the log begins, in milliseconds since the epoch.
const BEGIN: i64 = 1_795_000_000_000;
/// Maximum number of steps: long programs find nothing that short ones don't.
const STEPS: usize = 32;
/// The numbers of steps that are wrong. Lower numbers are regular operations.
const WRONG: std::ops::Range<usize> = 20..30;

/// Events as in the export. Their canonical forms are what was recorded.
const EVENTS: [&str; 6] = [
    r#"{"action":"document.read"}"#,
    r#"{"action":"user.create","actor":{"id":"u-1","type":"user"}}"#,
    "{}",
    r#"{ "z": 1.50, "a": "\u0041\/" }"#,
    r#"{"n":1234567890123456.1249999}"#,
    "{\"n\":-0,\t\"m\":100000000000000E-1}",
];

struct Keys {
    /// The log's key, a key of the same log that no trust file names, and a key of another log.
    logs: [SignerKey; 3],
    issuers: [SignerKey; 3],
    emitters: [SignerKey; 4],
    witnesses: [SignerKey; 3],
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let key = |name: &str, seed: u8| SignerKey::from_seed(name, [seed; 32]).expect("a name");
    let witness = |name, seed: u8| SignerKey::witness_from_seed(name, [seed; 32]).expect("a name");
    Keys {
        logs: [key(ORIGIN, 1), key(ORIGIN, 2), key("log.example/other", 3)],
        // The last issuer's name is above no emitter's.
        issuers: [key("example.com", 4), key("example.com", 5), key("example.org", 6)],
        emitters: [
            key("example.com/a", 7),
            key("example.com/b", 8),
            key("example.com/b", 9),
            key("example.org/c", 10),
        ],
        witnesses: [witness("w0.example", 11), witness("w1.example", 12), witness("w2.example", 13)],
    }
});

/// An export, a reader's trust, and everything that was ever signed.
pub struct Model {
    pub export: Vec<u8>,
    pub trust: Trust,
    pub pins: Vec<Pin>,
    pub size: u64,
    /// The time at the end.
    pub now: Time,
    /// The texts of all links and notes, and all opaque leaves.
    pub leaves: HashSet<Vec<u8>>,
    /// The texts of all checkpoints signed by a log's key.
    pub checkpoints: HashSet<String>,
    /// The events recorded at each position of each chain.
    pub events: HashMap<(ChainId, u64), Vec<Vec<u8>>>,
}

enum Row {
    Link { text: String, payload: Option<(Salt, &'static str)>, withheld: Option<Withheld> },
    Note(String),
    Leaf(Vec<u8>),
    Checkpoint(String),
}

struct Line {
    row: Row,
    /// The leaf hash, for lines that are leaves.
    hash: Option<Hash>,
    /// True if a skip omits it.
    hidden: bool,
}

#[derive(Clone, Copy)]
struct Chain {
    emitter: usize,
    id: ChainId,
    seq: u64,
    prev: Hash,
    /// The state before its last link.
    before: Option<(u64, Hash)>,
}

struct Builder {
    lines: Vec<Line>,
    chains: Vec<Chain>,
    trust: Vec<String>,
    pins: Vec<Pin>,
    now: i64,
    drawn: u8,
    /// The emitter whose key signs the next link, if it is not the chain's.
    thief: Option<usize>,
    leaves: HashSet<Vec<u8>>,
    checkpoints: HashSet<String>,
    events: HashMap<(ChainId, u64), Vec<Vec<u8>>>,
}

impl Model {
    /// Builds the log that a program describes.
    pub fn build(program: &mut Program<'_>) -> Self {
        let mut builder = Builder {
            lines: Vec::new(),
            chains: Vec::new(),
            trust: Vec::new(),
            pins: Vec::new(),
            now: BEGIN,
            drawn: 0,
            thief: None,
            leaves: HashSet::new(),
            checkpoints: HashSet::new(),
            events: HashMap::new(),
        };
        builder.begin_trust(program.byte(), program.byte());
        let claims = program.byte();
        let mut wrongs = program.byte() % 4;
        for _ in 0..STEPS {
            if program.is_over() {
                break;
            }
            let step = program.one_of(WRONG.end);
            if WRONG.contains(&step) {
                // Keep some logs correct, and most errors single.
                wrongs = match wrongs.checked_sub(1) {
                    Some(left) => left,
                    None => continue,
                };
            }
            builder.step(step, program);
        }
        if claims & 1 == 0 {
            builder.chains.retain(|chain| chain.before.is_some() || chain.seq == 0);
            (0..builder.chains.len()).for_each(|chain| builder.close(chain));
        }
        if claims & 2 == 0 {
            builder.checkpoint(0xff, 0);
        }
        builder.finish(claims)
    }
}

impl Builder {
    fn begin_trust(&mut self, names: u8, witnesses: u8) {
        let keys = &*KEYS;
        let mut line =
            |word: &str, key: &SignerKey| self.trust.push(format!("{word} {}", key.verifier_key()));
        // Unset bits mean trust: the fuzzer's first programs consist of zeros.
        let trusts = |bit: u8| names >> bit & 1 == 0;
        if trusts(0) {
            line("log", &keys.logs[0]);
        }
        if trusts(1) {
            line("issuer", &keys.issuers[0]);
            line("issuer", &keys.issuers[2]);
        }
        if trusts(2) {
            line("issuer", &keys.issuers[1]);
        }
        for (bit, emitter) in (3..).zip(&keys.emitters) {
            if trusts(bit) {
                line("emitter", emitter);
            }
        }
        let quorum = witnesses % 4;
        if quorum > 0 {
            for (number, witness) in keys.witnesses.iter().enumerate() {
                self.trust.push(format!("witness w{number} {}", witness.verifier_key()));
            }
            self.trust.push(format!("group all {quorum} w0 w1 w2"));
            self.trust.push("quorum all".into());
        }
    }

    fn step(&mut self, step: usize, program: &mut Program<'_>) {
        match step {
            0 | 1 => self.open(program.one_of(4)),
            2..=7 => self.event(program),
            8 => {
                let chain = program.one_of(self.chains.len());
                self.close(chain);
            }
            9 | 10 => self.note(program),
            11 => self.leaf(vec![program.byte(); program.one_of(40)]),
            12 | 13 => self.checkpoint(program.byte(), 0),
            14..=16 => self.now += self.interval(program.byte()),
            17 => self.pin(0),
            18 => self.hide(program),
            19 => self.show_otherwise(program, 2),
            20 => self.show_otherwise(program, 4),
            21 => self.checkpoint(program.byte(), program.byte()),
            22 => self.now -= self.interval(program.byte()),
            23 => self.distrust(program),
            24 => self.pin(program.byte()),
            25 => {
                let chain = program.one_of(self.chains.len());
                self.skew(chain, program.byte());
            }
            26 => self.thief = Some(program.one_of(4)),
            27 if !self.lines.is_empty() => {
                let line = self.lines.remove(program.one_of(self.lines.len()));
                self.lines.insert(program.one_of(self.lines.len() + 1), line);
            }
            28 if !self.lines.is_empty() => drop(self.lines.remove(program.one_of(self.lines.len()))),
            29 if !self.lines.is_empty() => {
                let line = &self.lines[program.one_of(self.lines.len())];
                let line = Line { row: line.row.copied(), hash: line.hash, hidden: false };
                self.lines.push(line);
            }
            _ => {}
        }
    }

    fn time(&self) -> Time {
        Time::from_millis(self.now).expect("programs are short")
    }

    fn interval(&self, choice: u8) -> i64 {
        let unit = [1, SECOND, 60 * SECOND, HOUR, 5 * HOUR, DAY, 9 * DAY, 0][usize::from(choice % 8)];
        unit * i64::from(1 + choice / 8)
    }

    fn draw(&mut self) -> [u8; 16] {
        self.drawn = self.drawn.wrapping_add(1);
        [self.drawn; 16]
    }

    fn put(&mut self, row: Row) -> Hash {
        let bytes = match &row {
            Row::Link { text, .. } | Row::Note(text) => text.as_bytes(),
            Row::Leaf(bytes) => bytes,
            Row::Checkpoint(_) => &[],
        };
        let hash = leaf_hash(bytes);
        self.leaves.insert(bytes.to_vec());
        self.lines.push(Line { row, hash: Some(hash), hidden: false });
        hash
    }

    fn put_link(&mut self, text: String, payload: Option<(Salt, &'static str)>) -> Hash {
        self.put(Row::Link { text, payload, withheld: None })
    }

    fn leaf(&mut self, bytes: Vec<u8>) {
        self.put(Row::Leaf(bytes));
    }

    fn signed(&mut self, mut text: String, emitter: usize) -> String {
        let signer = self.thief.take().unwrap_or(emitter);
        let signature = KEYS.emitters[signer].sign(text.as_bytes());
        link::append_signature(&mut text, &signature);
        text
    }

    fn open(&mut self, emitter: usize) {
        let nonce = self.draw();
        let text = link::write_open(ORIGIN, KEYS.emitters[emitter].verifier_key(), self.time(), &nonce);
        let text = self.signed(text, emitter);
        let prev = self.put_link(text, None);
        self.chains.push(Chain { emitter, id: ChainId::of_open(&prev), seq: 0, prev, before: None });
    }

    fn event(&mut self, program: &mut Program<'_>) {
        let number = program.one_of(self.chains.len());
        let choice = program.byte();
        let (event, signed) = (EVENTS[usize::from(choice / 2) % EVENTS.len()], choice & 1 == 0);
        let Some(&chain) = self.chains.get(number) else { return };
        let salt = self.draw();
        let recorded = canonicalize(event.as_bytes()).expect("JSON");
        let commit = commit(&salt, &recorded);
        let mut text = link::write_event(chain.id, chain.seq + 1, self.time(), &chain.prev, &commit);
        if signed {
            text = self.signed(text, chain.emitter);
        }
        self.events.entry((chain.id, chain.seq + 1)).or_default().push(recorded);
        let prev = self.put_link(text, Some((salt, event)));
        self.go_on(number, prev);
    }

    fn close(&mut self, number: usize) {
        let Some(&chain) = self.chains.get(number) else { return };
        let text = link::write_close(chain.id, chain.seq + 1, self.time(), &chain.prev);
        let text = self.signed(text, chain.emitter);
        let prev = self.put_link(text, None);
        self.go_on(number, prev);
    }

    fn go_on(&mut self, number: usize, prev: Hash) {
        let chain = &mut self.chains[number];
        *chain = Chain { seq: chain.seq + 1, prev, before: Some((chain.seq, chain.prev)), ..*chain };
    }

    /// Makes a chain continue from a wrong position.
    fn skew(&mut self, number: usize, choice: u8) {
        let Some(chain) = self.chains.get_mut(number) else { return };
        match (choice % 4, chain.before) {
            (0, Some((seq, prev))) => *chain = Chain { seq, prev, before: None, ..*chain },
            (1, _) => chain.seq += 1 + u64::from(choice / 4),
            (2, _) => chain.seq = 0,
            _ => chain.prev = leaf_hash(&[choice]),
        }
    }

    fn key(program: &mut Program<'_>) -> &'static VerifierKey {
        let keys = &*KEYS;
        let all = keys.emitters.iter().chain(&keys.issuers).chain(&keys.logs);
        all.map(SignerKey::verifier_key).nth(program.one_of(9)).expect("there are nine")
    }

    fn statement(&mut self, program: &mut Program<'_>) -> Statement {
        let key = Self::key(program).clone();
        let choice = program.byte();
        let at = |millis| Time::from_millis(millis).expect("programs are short");
        let near = self.now + self.interval(choice / 4) * if choice & 2 == 0 { 1 } else { -1 };
        if choice & 1 == 0 {
            let from = (choice & 2 == 0).then(|| at(self.now));
            Statement::Grant { key, from, until: (near > self.now).then(|| at(near)) }
        } else {
            Statement::Revoke { key, since: (choice & 0xf0 != 0).then(|| at(near)) }
        }
    }

    fn note(&mut self, program: &mut Program<'_>) {
        let choice = program.byte();
        let statements: Vec<_> = (0..=choice % 3).map(|_| self.statement(program)).collect();
        let keys = &*KEYS;
        let signer = match usize::from(choice / 3) % 8 {
            issuer @ 0..3 => &keys.issuers[issuer],
            emitter @ 3..7 => &keys.emitters[emitter - 3],
            _ => &keys.logs[0],
        };
        let origin = if choice < 0xf0 { ORIGIN } else { "log.example/other" };
        if let Ok(note) = KeyNote::sign(origin, &statements, signer) {
            self.put(Row::Note(note));
        }
    }

    fn tree(&self) -> CompactRange {
        let mut tree = CompactRange::new();
        self.lines.iter().filter_map(|line| line.hash).for_each(|leaf| tree.append(leaf));
        tree
    }

    fn checkpoint(&mut self, witnesses: u8, wrong: u8) {
        let tree = self.tree();
        let Some(text) = self.seal(&tree, witnesses, wrong) else { return };
        self.lines.push(Line { row: Row::Checkpoint(text), hash: None, hidden: false });
    }

    fn seal(&mut self, tree: &CompactRange, witnesses: u8, wrong: u8) -> Option<String> {
        let log = &KEYS.logs[if wrong & 1 == 0 { 0 } else { usize::from(wrong >> 1 & 1) + 1 }];
        let size = if wrong & 4 == 0 { tree.end() } else { tree.end() + u64::from(wrong >> 4) };
        let root = if wrong & 8 == 0 { tree.root()? } else { leaf_hash(&[wrong]) };
        let checkpoint = Checkpoint::new(log.verifier_key().name(), size, root).ok()?;
        self.checkpoints.insert(checkpoint.to_string());
        let mut text = checkpoint.sign(log).ok()?;
        let seconds = u64::try_from(self.now / SECOND).ok()?;
        for (number, witness) in (0_u8..).zip(&KEYS.witnesses) {
            if witnesses >> number & 1 == 1 {
                text += &checkpoint.cosign(witness, seconds + u64::from(number * (witnesses >> 3))).ok()?;
            }
        }
        Some(text)
    }

    fn pin(&mut self, wrong: u8) {
        let tree = self.tree();
        let pin = self.seal(&tree, 0, wrong).and_then(|text| Pin::parse(&text).ok());
        self.pins.extend(pin);
    }

    fn distrust(&mut self, program: &mut Program<'_>) {
        let key = Self::key(program);
        let choice = program.byte();
        let since = self.now - self.interval(choice / 2);
        let since = Time::from_millis(since).filter(|_| choice & 1 == 0);
        let since = since.map_or("-".to_owned(), |since| since.to_string());
        self.trust.push(format!("revoke {key} {since}"));
    }

    /// Replaces some leaves by skips, or restores them.
    fn hide(&mut self, program: &mut Program<'_>) {
        let first = program.one_of(self.lines.len());
        let lines = self.lines.iter_mut().skip(first).take(program.one_of(8) + 1);
        lines.for_each(|line| line.hidden ^= true);
    }

    /// Withholds an event, or shows another one.
    fn show_otherwise(&mut self, program: &mut Program<'_>, ways: u8) {
        let number = program.one_of(self.lines.len());
        let choice = program.byte();
        if let Some(Line { row: Row::Link { payload, withheld, .. }, .. }) = self.lines.get_mut(number) {
            match (choice % ways, payload) {
                (0, payload) => (*payload, *withheld) = (None, None),
                (1, payload) => (*payload, *withheld) = (None, Some(Withheld::Erased)),
                (2, Some((_, event))) => *event = EVENTS[usize::from(choice / 4) % EVENTS.len()],
                (_, Some((salt, _))) => salt[0] ^= 1,
                _ => {}
            }
        }
    }

    fn finish(self, claims: u8) -> Model {
        let size = self.tree().end();
        let range = match claims / 4 % 4 {
            0 => Some((0, Some(size))),
            1 => Some((0, Some(size + 1))),
            2 => Some((u64::from(claims / 16), Some(size))),
            _ => (claims >= 128).then(|| (u64::from(claims / 16 % 8), None)),
        };
        let mut out = Writer::new();
        let range = range.filter(|(first, end)| end.is_none_or(|end| *first < end));
        out.header(&Header { origin: ORIGIN.into(), range });
        let mut gap = CompactRange::new();
        for line in &self.lines {
            if let (Some(hash), true) = (line.hash, line.hidden) {
                gap.append(hash);
                continue;
            }
            out.skips(&gap);
            gap = CompactRange::starting_at(gap.end() + u64::from(line.hash.is_some()));
            line.row.write(&mut out);
        }
        out.skips(&gap);
        Model {
            export: out.as_bytes().to_vec(),
            now: self.time(),
            trust: Trust::parse(self.trust.join("\n").as_bytes()).expect("a trust file"),
            pins: self.pins,
            size,
            leaves: self.leaves,
            checkpoints: self.checkpoints,
            events: self.events,
        }
    }
}

impl Row {
    fn copied(&self) -> Self {
        match self {
            Self::Link { text, payload, withheld } => {
                Self::Link { text: text.clone(), payload: *payload, withheld: *withheld }
            }
            Self::Note(text) => Self::Note(text.clone()),
            Self::Leaf(bytes) => Self::Leaf(bytes.clone()),
            Self::Checkpoint(text) => Self::Checkpoint(text.clone()),
        }
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Self::Link { text, payload: Some((salt, event)), .. } => out.event(text, salt, event),
            Self::Link { text, withheld: Some(reason), .. } => out.withheld(text, Some(*reason)),
            Self::Link { text, .. } => out.link(text),
            Self::Note(text) => out.note(text),
            Self::Leaf(bytes) => out.leaf(bytes),
            Self::Checkpoint(text) => out.checkpoint(text),
        }
    }
}

/// Alters an export in ways that no key signs.
pub fn alter(export: &mut Vec<u8>, program: &mut Program<'_>) {
    let choice = program.byte();
    match choice % 8 {
        0 | 1 => {
            let place = program.place(export.len());
            export[place] ^= 1 << (choice / 8 % 8);
        }
        2 => {
            let place = program.place(export.len());
            export[place] = b"\n\"\\ ,:019aA{}[]."[usize::from(choice / 8 % 16)];
        }
        3 => export.truncate(program.place(export.len())),
        4 => {
            let place = program.place(export.len());
            export.insert(place, program.byte());
        }
        other => {
            let mut lines: Vec<&[u8]> = export.split_inclusive(|&byte| byte == b'\n').collect();
            let (one, another) = (program.one_of(lines.len()), program.one_of(lines.len()));
            match other {
                5 => drop(lines.remove(one)),
                6 => lines.swap(one, another),
                _ => lines.insert(another, lines[one]),
            }
            *export = lines.concat();
        }
    }
    if export.is_empty() {
        export.push(b'\n');
    }
}
