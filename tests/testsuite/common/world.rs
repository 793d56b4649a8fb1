//! Randomly generated correct logs: interleaved chains of several emitters, with grants, revocations, opaque leaves,
//! checkpoints, and witnesses.

use countersign::canonical::canonicalize;
use countersign::checkpoint::Checkpoint;
use countersign::export::Header;
use countersign::export::writer::Writer;
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::link::{self, ChainId, commit};
use countersign::merkle::{CompactRange, leaf_hash};
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use proptest::prelude::*;

const ORIGIN: &str = "log.example/audit";
const EMITTERS: usize = 4;
const WITNESSES: usize = 3;
/// Seconds that each witness's clock is ahead of the previous one's.
const AHEAD: u64 = 60;
const ALL: u8 = 0xff;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const WAITS: [i64; 6] = [0, SECOND / 4, 10 * MINUTE, 5 * HOUR, 30 * HOUR, 9 * 24 * HOUR];

/// Events as in the export. Their canonical forms are what was recorded.
const EVENTS: [&str; 7] = [
    r#"{"action":"document.read"}"#,
    r#"{"action":"user.create","actor":{"id":"u-1","type":"user"},"context":{"ip":"192.0.2.1"}}"#,
    r#"{"a":[1,-0.5,1e-7,[null,true,{"":[]}]],"é":"\u0000\"\\€😀"}"#,
    "{}",
    r#"{ "z": 1.50, "a": "\u0041\/" }"#,
    r#"{"before":{"plan":"free"},"after":{"plan":"team"}}"#,
    "{\"n\":-0,\t\"m\":100000000000000E-1}",
];

/// The steps of a log's history. Numbers are taken modulo the number of choices.
#[derive(Clone, Debug)]
pub enum Step {
    Open {
        emitter: u8,
    },
    Event {
        chain: u8,
        event: u8,
        signed: bool,
    },
    Close {
        chain: u8,
    },
    Grant {
        emitter: u8,
        from_now: bool,
        hours: Option<u8>,
    },
    Revoke {
        emitter: u8,
        by_itself: bool,
    },
    /// Revokes an emitter in the trust file.
    Distrust {
        emitter: u8,
    },
    /// Revokes the first issuer in the trust file.
    DistrustIssuer,
    Opaque {
        leaf: Vec<u8>,
    },
    Checkpoint {
        witnesses: u8,
    },
    Wait {
        how_long: u8,
    },
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// The emitters that the trust file names.
    pub vouched: [bool; EMITTERS],
    /// The emitters whose clocks are late.
    pub late: [bool; EMITTERS],
    /// True if there is a log with checkpoints.
    pub sealed: bool,
    /// The number of witnesses in a quorum; 0 for no quorum.
    pub quorum: usize,
    /// True if the header claims all entries of the log.
    pub claims: bool,
    /// True if all chains are closed at the end.
    pub closes: bool,
}

pub fn plans(steps: usize) -> impl Strategy<Value = Plan> {
    let step = prop_oneof![
        3 => any::<u8>().prop_map(|emitter| Step::Open { emitter }),
        12 => any::<(u8, u8, bool)>().prop_map(|(chain, event, signed)| Step::Event { chain, event, signed }),
        1 => any::<u8>().prop_map(|chain| Step::Close { chain }),
        1 => any::<(u8, bool, Option<u8>)>()
            .prop_map(|(emitter, from_now, hours)| Step::Grant { emitter, from_now, hours }),
        1 => any::<(u8, bool)>().prop_map(|(emitter, by_itself)| Step::Revoke { emitter, by_itself }),
        1 => any::<u8>().prop_map(|emitter| Step::Distrust { emitter }),
        1 => Just(Step::DistrustIssuer),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(|leaf| Step::Opaque { leaf }),
        3 => any::<u8>().prop_map(|witnesses| Step::Checkpoint { witnesses }),
        4 => any::<u8>().prop_map(|how_long| Step::Wait { how_long }),
    ];
    let steps = proptest::collection::vec(step, 1..steps);
    let emitters = any::<([bool; EMITTERS], [bool; EMITTERS])>();
    (steps, emitters, 0..=WITNESSES, any::<(bool, bool)>(), proptest::bool::weighted(0.9)).prop_map(
        |(steps, (vouched, late), quorum, (claims, closes), sealed)| Plan {
            steps,
            vouched,
            late,
            sealed,
            quorum: if sealed { quorum } else { 0 },
            claims: claims && sealed,
            closes,
        },
    )
}

/// A log's whole export, and a reader's trust.
#[derive(Clone, Debug)]
pub struct World {
    pub export: String,
    pub trust: Trust,
    pub size: u64,
    /// True if every chain is closed.
    pub closed: bool,
}

impl Plan {
    pub fn build(&self) -> World {
        let mut builder = Builder::new(self);
        builder.open(0);
        builder.event(0, 0, true);
        for step in &self.steps {
            builder.step(step);
        }
        builder.finish(self.closes);
        let mut header = Writer::new();
        let size = builder.tree.end();
        header.header(&Header { origin: ORIGIN.into(), range: self.claims.then_some((0, Some(size))) });
        World {
            export: format!("{}{}", header.as_str(), builder.out.as_str()),
            trust: builder.trust(),
            size,
            closed: builder.chains.iter().all(|chain| chain.closed),
        }
    }
}

struct Emitter {
    key: SignerKey,
    vouched: bool,
    /// The delay of the emitter's clock.
    late: i64,
    revoked: bool,
    /// The ends of the windows granted so far; each began in the past.
    windows: Vec<i64>,
}

struct Chain {
    emitter: usize,
    id: ChainId,
    seq: u64,
    prev: Hash,
    /// The end of the emitter's windows, as of the chain's open link.
    until: i64,
    signed: bool,
    closed: bool,
    /// True if a checkpoint that all witnesses signed covers it.
    attested: bool,
}

struct Builder {
    out: Writer,
    tree: CompactRange,
    now: i64,
    /// The number of salts and nonces drawn.
    drawn: u16,
    log: SignerKey,
    issuers: [SignerKey; 2],
    /// The index of the issuer that grants and revokes.
    issuer: usize,
    emitters: Vec<Emitter>,
    witnesses: Vec<SignerKey>,
    sealed: bool,
    quorum: usize,
    /// The trust file's `revoke` lines.
    distrusted: Vec<String>,
    chains: Vec<Chain>,
}

fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, [seed; 32]).unwrap()
}

impl Builder {
    fn new(plan: &Plan) -> Self {
        let emitter = |(number, (vouched, late)): (u8, (bool, bool))| Emitter {
            key: key(&format!("example.com/e{number}"), number + 10),
            vouched,
            late: if late { 2 * HOUR } else { 0 },
            revoked: false,
            windows: Vec::new(),
        };
        let witness = |n: u8| SignerKey::witness_from_seed(&format!("w{n}.example"), [n + 20; 32]).unwrap();
        Self {
            out: Writer::new(),
            tree: CompactRange::new(),
            now: "2026-10-30T22:00:00.500Z".parse::<Time>().unwrap().millis(),
            drawn: 0,
            log: key(ORIGIN, 1),
            issuers: [key("example.com", 2), key("example.com", 3)],
            issuer: 0,
            emitters: (0..).zip(plan.vouched.into_iter().zip(plan.late)).map(emitter).collect(),
            witnesses: (0..WITNESSES as u8).map(witness).collect(),
            sealed: plan.sealed,
            quorum: plan.quorum,
            distrusted: Vec::new(),
            chains: Vec::new(),
        }
    }

    fn trust(&self) -> Trust {
        let mut lines = self.distrusted.clone();
        if self.sealed {
            lines.push(format!("log {}", self.log.verifier_key()));
        }
        lines.extend(self.issuers.iter().map(|issuer| format!("issuer {}", issuer.verifier_key())));
        let vouched = self.emitters.iter().filter(|emitter| emitter.vouched);
        lines.extend(vouched.map(|emitter| format!("emitter {}", emitter.key.verifier_key())));
        if self.quorum > 0 {
            let witnesses = self.witnesses.iter().enumerate();
            lines.extend(witnesses.map(|(number, key)| format!("witness w{number} {}", key.verifier_key())));
            lines.push(format!("group all {} w0 w1 w2", self.quorum));
            lines.push("quorum all".to_owned());
        }
        Trust::parse(lines.join("\n").as_bytes()).unwrap()
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Open { emitter } => self.open(usize::from(emitter) % EMITTERS),
            Step::Event { chain, event, signed } => {
                self.event(usize::from(chain) % self.chains.len(), usize::from(event) % EVENTS.len(), signed);
            }
            Step::Close { chain } => self.close(usize::from(chain) % self.chains.len()),
            Step::Grant { emitter, from_now, hours } => {
                self.grant(
                    usize::from(emitter) % EMITTERS,
                    from_now,
                    hours.map(|hours| i64::from(hours) + 1),
                );
            }
            Step::Revoke { emitter, by_itself } => self.revoke(usize::from(emitter) % EMITTERS, by_itself),
            Step::Distrust { emitter } => self.distrust(usize::from(emitter) % EMITTERS),
            Step::DistrustIssuer => self.distrust_issuer(),
            Step::Opaque { ref leaf } => {
                self.tree.append(leaf_hash(leaf));
                self.out.leaf(leaf);
            }
            Step::Checkpoint { witnesses } => self.checkpoint(witnesses),
            Step::Wait { how_long } => self.wait(WAITS[usize::from(how_long) % WAITS.len()]),
        }
    }

    fn time(&self) -> Time {
        Time::from_millis(self.now).unwrap()
    }

    fn clock_of(&self, emitter: usize) -> Time {
        Time::from_millis(self.now - self.emitters[emitter].late).unwrap()
    }

    fn open(&mut self, emitter: usize) {
        if self.emitters[emitter].revoked {
            return;
        }
        let windows = |builder: &Self| builder.emitters[emitter].windows.iter().copied().max();
        if !self.emitters[emitter].vouched && windows(self).is_none_or(|until| until <= self.now) {
            self.grant(emitter, true, Some(100));
        }
        let until = if self.emitters[emitter].vouched { i64::MAX } else { windows(self).unwrap() };
        let nonce = self.salt();
        let key = &self.emitters[emitter].key;
        let text = link::write_open(ORIGIN, key.verifier_key(), self.clock_of(emitter), &nonce);
        let text = sign(text, key);
        let prev = leaf_hash(text.as_bytes());
        self.out.link(&text);
        self.tree.append(prev);
        let id = ChainId::of_open(&prev);
        self.chains.push(Chain {
            emitter,
            id,
            seq: 0,
            prev,
            until,
            signed: true,
            closed: false,
            attested: false,
        });
    }

    fn event(&mut self, chain: usize, event: usize, signed: bool) {
        let salt = self.salt();
        let Chain { emitter, id, seq, prev, closed, .. } = self.chains[chain];
        if closed {
            return;
        }
        let commit = commit(&salt, &canonicalize(EVENTS[event].as_bytes()).unwrap());
        let mut text = link::write_event(id, seq + 1, self.clock_of(emitter), &prev, &commit);
        if signed {
            text = sign(text, &self.emitters[emitter].key);
        }
        self.out.event(&text, &salt, EVENTS[event]);
        self.link(chain, &text, signed);
    }

    fn close(&mut self, chain: usize) {
        let Chain { emitter, id, seq, prev, closed, .. } = self.chains[chain];
        if closed {
            return;
        }
        let text = link::write_close(id, seq + 1, self.clock_of(emitter), &prev);
        let text = sign(text, &self.emitters[emitter].key);
        self.out.link(&text);
        self.link(chain, &text, true);
        self.chains[chain].closed = true;
    }

    fn link(&mut self, chain: usize, text: &str, signed: bool) {
        let chain = &mut self.chains[chain];
        chain.seq += 1;
        chain.prev = leaf_hash(text.as_bytes());
        chain.signed = signed;
        self.tree.append(chain.prev);
    }

    fn grant(&mut self, emitter: usize, from_now: bool, hours: Option<i64>) {
        let until = hours.map(|hours| self.now + hours * HOUR);
        let grant = Statement::Grant {
            key: self.emitters[emitter].key.verifier_key().clone(),
            from: from_now.then(|| self.clock_of(emitter)),
            until: until.map(|until| Time::from_millis(until).unwrap()),
        };
        self.emitters[emitter].windows.push(until.unwrap_or(i64::MAX));
        let note = KeyNote::sign(ORIGIN, &[grant], &self.issuers[self.issuer]).unwrap();
        self.note(&note);
    }

    /// Stops using a key. Returns the moment after which others may misuse it, if it was used.
    fn retire(&mut self, emitter: usize) -> Option<Time> {
        self.emitters[emitter].revoked = true;
        if self.chains.iter().all(|chain| chain.emitter != emitter) {
            return None;
        }
        for chain in 0..self.chains.len() {
            if self.chains[chain].emitter == emitter {
                self.close(chain);
            }
        }
        Some(self.attest())
    }

    /// Makes all witnesses cosign everything so far, and returns a later moment.
    fn attest(&mut self) -> Time {
        self.checkpoint(ALL);
        self.wait(5 * MINUTE);
        self.time()
    }

    fn revoke(&mut self, emitter: usize, by_itself: bool) {
        let since = self.retire(emitter);
        let key = &self.emitters[emitter].key;
        let revoke = Statement::Revoke { key: key.verifier_key().clone(), since };
        let signer = if by_itself { key } else { &self.issuers[self.issuer] };
        let note = KeyNote::sign(ORIGIN, &[revoke], signer).unwrap();
        self.note(&note);
    }

    fn distrust(&mut self, emitter: usize) {
        let since = self.retire(emitter).map_or("-".to_owned(), |since| since.to_string());
        self.distrusted.push(format!("revoke {} {since}", self.emitters[emitter].key.verifier_key()));
    }

    /// Requires witnesses: without them, the issuer's grants can't be distinguished from those of a thief of
    /// its key.
    fn distrust_issuer(&mut self) {
        if self.issuer == 0 && self.quorum > 0 {
            let since = self.attest();
            self.distrusted.push(format!("revoke {} {since}", self.issuers[0].verifier_key()));
            self.issuer = 1;
        }
    }

    fn note(&mut self, note: &str) {
        self.out.note(note);
        self.tree.append(leaf_hash(note.as_bytes()));
    }

    fn checkpoint(&mut self, witnesses: u8) {
        if !self.sealed {
            return;
        }
        let checkpoint = Checkpoint::new(ORIGIN, self.tree.end(), self.tree.root().unwrap()).unwrap();
        let mut text = checkpoint.sign(&self.log).unwrap();
        let seconds = (self.now / SECOND).unsigned_abs();
        for (number, witness) in self.witnesses.iter().enumerate() {
            if witnesses & 1 << number != 0 {
                text += &checkpoint.cosign(witness, seconds + number as u64 * AHEAD).unwrap();
            }
        }
        self.out.checkpoint(&text);
        if witnesses == ALL {
            for chain in &mut self.chains {
                chain.attested = chain.closed;
            }
        }
    }

    /// Lets time pass. Chains whose key's windows end in the meantime are closed and attested first.
    fn wait(&mut self, millis: i64) {
        let then = self.now + millis;
        let ending = |chain: &Chain| !chain.attested && chain.until <= then;
        if self.chains.iter().any(ending) {
            for chain in 0..self.chains.len() {
                if ending(&self.chains[chain]) {
                    self.close(chain);
                }
            }
            self.checkpoint(ALL);
        }
        self.now = then;
    }

    fn finish(&mut self, closes: bool) {
        for chain in 0..self.chains.len() {
            if closes {
                self.close(chain);
            } else if !self.chains[chain].signed {
                self.event(chain, 0, true);
            }
        }
        self.checkpoint(ALL);
    }

    fn salt(&mut self) -> [u8; 16] {
        self.drawn += 1;
        let mut salt = [0; 16];
        salt[..2].copy_from_slice(&self.drawn.to_be_bytes());
        salt
    }
}

fn sign(mut text: String, key: &SignerKey) -> String {
    let signature = key.sign(text.as_bytes());
    link::append_signature(&mut text, &signature);
    text
}
