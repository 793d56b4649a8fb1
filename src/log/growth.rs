//! What submissions add to a log, on top of what its storage has.

use std::collections::{BTreeMap, HashMap};

use super::acceptance::Acceptance;
use super::lives::lives_after;
use super::{Body, Chain, Empty, Entry, Held, Kind, Life, Payload, Refusal, Rules, State, Stop, Submission};
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::keys::KeyNote;
use crate::link::{ChainId, Link, commit};
use crate::merkle::leaf_hash;
use crate::note::VerifierKey;
use crate::time::Time;

/// Leaves that were taken and are not in storage yet, with what they change.
#[derive(Clone, Debug, Default)]
pub struct Growth {
    base: u64,
    leaves: Vec<Leaf>,
    chains: HashMap<ChainId, Added>,
    notes: HashMap<Hash, u64>,
    lives: HashMap<VerifierKey, Life>,
}

/// A leaf that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The leaf.
    pub text: String,
    /// Its hash.
    pub hash: Hash,
    /// The link's chain, its place there and its time; none for a key note.
    pub link: Option<(ChainId, u64, Time)>,
    /// The event, where it was brought.
    pub payload: Option<Payload>,
}

/// Links of one chain that follow each other in the log too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The chain.
    pub chain: ChainId,
    /// The first link's place in the chain.
    pub seq: u64,
    /// The first link's index in the log.
    pub index: u64,
    /// How many links.
    pub count: u64,
}

/// The last link of a chain in a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its place in the chain.
    pub seq: u64,
    /// Its index in the log.
    pub index: u64,
    /// Its leaf hash.
    pub hash: Hash,
}

/// What became of a submission that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Of each chain in the submission, its last link there.
    pub chains: BTreeMap<ChainId, Tip>,
    /// Of each key note in the submission, its index and its leaf hash: once, however often it is there.
    pub notes: Vec<Held>,
    /// How many leaves are new.
    pub added: u64,
    /// How many the log had already.
    pub repeated: u64,
}

/// What was added to one chain.
#[derive(Clone, Debug)]
struct Added {
    chain: Chain,
    /// The `seq` of the first link added.
    first: u64,
    links: Vec<Held>,
}

impl Growth {
    /// Nothing yet, on top of so many leaves.
    pub fn new(base: u64) -> Self {
        Self { base, ..Self::default() }
    }

    /// How many leaves the storage has below.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// How many leaves the log has with this.
    pub fn size(&self) -> u64 {
        self.base + self.leaves.len() as u64
    }

    /// The leaves that were taken, from [`base`](Self::base) on.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The chains that were begun or went on, as they stand now.
    pub fn chains(&self) -> impl Iterator<Item = (&ChainId, &Chain)> {
        self.chains.iter().map(|(id, added)| (id, &added.chain))
    }

    /// The key notes that were taken: leaf hash and index.
    pub fn notes(&self) -> impl Iterator<Item = (&Hash, u64)> {
        self.notes.iter().map(|(hash, index)| (hash, *index))
    }

    /// The keys about which key notes were taken, as their lives stand now.
    pub fn lives(&self) -> impl Iterator<Item = (&VerifierKey, &Life)> {
        self.lives.iter()
    }

    /// The links that were taken, as the fewest runs, in the log's order.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (leaf, index) in self.leaves.iter().zip(self.base..) {
            let Some((chain, seq, _)) = leaf.link else { continue };
            match runs.last_mut() {
                Some(run)
                    if run.chain == chain && run.seq + run.count == seq && run.index + run.count == index =>
                {
                    run.count += 1;
                }
                _ => runs.push(Run { chain, seq, index, count: 1 }),
            }
        }
        runs
    }

    /// Takes a submission, whole or not at all.
    ///
    /// # Errors
    /// A [`Refusal`](super::Refusal), or the storage's own. Nothing was taken then.
    pub fn submit<S: State + ?Sized>(
        &mut self,
        rules: &Rules,
        state: &S,
        submission: &Submission,
    ) -> Result<Taken, Stop<S::Error>> {
        let below = Layered { top: self, below: state };
        let mut acceptance = Acceptance::new(self.size());
        for (place, entry) in submission.entries().iter().enumerate() {
            match acceptance.take(rules, &below, entry, &submission.entries()[place..]) {
                // What the log goes on with: it has nothing of this submission.
                Err(Stop::Refused(Refusal { kind: Kind::Gap { chain, .. }, error })) => {
                    let known = below.chain(&chain).map_err(Stop::State)?;
                    let (expected, last) = known.map_or((0, None), |chain| (chain.next, Some(chain.last)));
                    return Err(Refusal { kind: Kind::Gap { chain, expected, last }, error }.into());
                }
                taken => _ = taken?,
            }
        }
        let (growth, taken) = acceptance.end()?;
        self.merge(growth);
        Ok(taken)
    }

    /// Takes a leaf that the log took when it was new, without asking again whether it may: who is given a log's leaves
    /// in their order knows of them all that the server knew which took them. Signatures are not verified.
    ///
    /// # Errors
    /// A [`Refusal`] of [`Kind::Malformed`](super::Kind::Malformed) for a leaf that no log has at this place, or an
    /// event that is not its link's; the storage's own. Nothing was taken then.
    pub fn replay<S: State + ?Sized>(
        &mut self,
        state: &S,
        leaf: String,
        payload: Option<Payload>,
    ) -> Result<(), Stop<S::Error>> {
        let entry = Entry::of_leaf(leaf)?;
        let below = Layered { top: self, below: state };
        match &entry.body {
            Body::Link { link, .. } => {
                if let Some(Payload { salt, event }) = &payload
                    && !matches!(link, Link::Event(link) if commit(salt, event.as_bytes()) == link.commit)
                {
                    return Err(misplaced("the event is not its link's").into());
                }
                let known = below.chain(&link.chain()).map_err(Stop::State)?;
                let chain = match (link, known) {
                    (Link::Open(open), None) => {
                        let windows = below.life(&open.key).map_err(Stop::State)?.windows;
                        Chain::opened(open, entry.hash, windows)
                    }
                    (Link::Event(_) | Link::Close(_), Some(chain))
                        if chain.next == link.seq() && link.prev() == Some(&chain.last) && !chain.closed =>
                    {
                        chain.extended(link, entry.hash)
                    }
                    _ => return Err(misplaced("the link does not follow its chain").into()),
                };
                self.add_link(&entry, link, chain, payload);
            }
            Body::Note(note) => {
                if payload.is_some() {
                    return Err(misplaced("a key note has no event").into());
                }
                if below.note(&entry.hash).map_err(Stop::State)?.is_some() {
                    return Err(misplaced("the key note is there already").into());
                }
                let lives = lives_after(&note.statements, &below).map_err(Stop::State)?;
                self.add_note(&entry, lives);
            }
        }
        Ok(())
    }

    /// Adds what was taken on top of this.
    pub(crate) fn merge(&mut self, next: Self) {
        let size = next.size();
        self.leaves.extend(next.leaves);
        for (id, added) in next.chains {
            match self.chains.get_mut(&id) {
                Some(known) => {
                    known.chain = added.chain;
                    known.links.extend(added.links);
                }
                None => _ = self.chains.insert(id, added),
            }
        }
        self.notes.extend(next.notes);
        self.lives.extend(next.lives);
        // Leaves that were settled are below those that are here.
        self.base = size - self.leaves.len() as u64;
    }

    /// Forgets the leaves themselves, and keeps what they changed.
    pub(crate) fn settle(&mut self) {
        self.base = self.size();
        self.leaves.clear();
    }

    /// Adds a link that is the next of its chain, which now stands like this.
    pub(super) fn add_link(&mut self, entry: &Entry, link: &Link, chain: Chain, payload: Option<Payload>) {
        let held = Held { index: self.size(), hash: entry.hash };
        let seq = link.seq();
        let added = self.chains.entry(link.chain());
        let added = added.or_insert_with(|| Added { chain: chain.clone(), first: seq, links: Vec::new() });
        added.chain = chain;
        added.links.push(held);
        let link = Some((link.chain(), seq, link.time()));
        self.leaves.push(Leaf { text: entry.text.clone(), hash: entry.hash, link, payload });
    }

    /// Adds a key note that acts, and what it says of these keys.
    pub(super) fn add_note(&mut self, entry: &Entry, lives: impl IntoIterator<Item = (VerifierKey, Life)>) {
        self.notes.insert(entry.hash, self.size());
        self.lives.extend(lives);
        self.leaves.push(Leaf { text: entry.text.clone(), hash: entry.hash, link: None, payload: None });
    }

    /// This on top of what is in storage.
    pub(crate) fn over<'a, S: State + ?Sized>(&'a self, below: &'a S) -> impl State<Error = S::Error> + 'a {
        Layered { top: self, below }
    }

    /// Goes past a leaf that says nothing about chains and keys.
    pub(crate) fn add_opaque(&mut self) {
        self.base += 1;
    }

    /// Goes on with a leaf that the log took when it was new, without asking again whether it may. The leaf itself
    /// is not kept.
    pub(crate) fn follow(&mut self, rules: &Rules, entry: &Entry) {
        match &entry.body {
            Body::Link { link, .. } => {
                let known = self.chains.get(&link.chain()).map(|added| added.chain.clone());
                let next = match (link, known) {
                    (Link::Open(open), None) => {
                        let windows = self.lives.get(&open.key).cloned().unwrap_or_default().windows;
                        Some(Chain::opened(open, entry.hash, windows))
                    }
                    (Link::Event(_) | Link::Close(_), Some(chain)) if chain.next == link.seq() => {
                        Some(chain.extended(link, entry.hash))
                    }
                    _ => None,
                };
                match next {
                    Some(chain) => self.add_link(entry, link, chain, None),
                    None => self.add_opaque(),
                }
            }
            Body::Note(note) => {
                // One that did not act then does not act now.
                let acting = if rules.check_note(note).is_ok() { &note.statements[..] } else { &[] };
                let Ok(lives) = lives_after(acting, &self.over(&Empty));
                self.add_note(entry, lives);
            }
        }
        self.settle();
    }
}

impl Entry {
    fn of_leaf(text: String) -> Result<Self, Refusal> {
        let body = match Link::parse(&text) {
            Ok(link) => Body::Link { link, payload: None, withheld: None },
            Err(_) => match KeyNote::parse(&text) {
                Ok(note) => Body::Note(Box::new(note)),
                Err(_) => return Err(misplaced("neither a link nor a key note")),
            },
        };
        Ok(Self { line: None, hash: leaf_hash(text.as_bytes()), text, body, verified_by: None })
    }
}

fn misplaced(why: &str) -> Refusal {
    Refusal::malformed(Error::new(Code::Refused, format!("no log has this leaf here: {why}")))
}

/// What was taken, on top of what was there.
pub(super) struct Layered<'a, S: ?Sized> {
    pub(super) top: &'a Growth,
    pub(super) below: &'a S,
}

impl<S: State + ?Sized> State for Layered<'_, S> {
    type Error = S::Error;

    fn chain(&self, id: &ChainId) -> Result<Option<Chain>, S::Error> {
        match self.top.chains.get(id) {
            Some(added) => Ok(Some(added.chain.clone())),
            None => self.below.chain(id),
        }
    }

    fn link(&self, id: &ChainId, seq: u64) -> Result<Option<Held>, S::Error> {
        let added = self.top.chains.get(id).and_then(|added| {
            let place = usize::try_from(seq.checked_sub(added.first)?).ok()?;
            added.links.get(place)
        });
        match added {
            Some(held) => Ok(Some(*held)),
            None => self.below.link(id, seq),
        }
    }

    fn note(&self, hash: &Hash) -> Result<Option<u64>, S::Error> {
        match self.top.notes.get(hash) {
            Some(index) => Ok(Some(*index)),
            None => self.below.note(hash),
        }
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, S::Error> {
        match self.top.lives.get(key) {
            Some(life) => Ok(life.clone()),
            None => self.below.life(key),
        }
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::event::{Event, Redaction};
    use crate::keys::Statement;
    use crate::log::{Empty, Kind, Limits};
    use crate::note::SignerKey;
    use crate::recorder::Recorder;

    /// A grant, and two chains of the granted key whose links alternate.
    fn log() -> Growth {
        let issuer = SignerKey::generate("example.com", [1; 32]).unwrap();
        let emitter = SignerKey::generate("example.com/a", [2; 32]).unwrap();
        let at = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let grant = Statement::Grant { key: emitter.verifier_key().clone(), from: None, until: None };
        let note = KeyNote::sign("log.example", &[grant], &issuer).unwrap();
        let chain = |nonce: u8| {
            let mut recorder =
                Recorder::open("log.example", emitter.verifier_key().clone(), at, &[nonce; 16]).unwrap();
            recorder.sign_with(&emitter).unwrap();
            for salt in 0..3 {
                let event = Event::parse(br#"{"action":"a"}"#, &Redaction::none()).unwrap();
                recorder.record(&event, at, &[salt; 16]).unwrap();
            }
            recorder.close(at).unwrap();
            recorder.sign_with(&emitter).unwrap();
            recorder.drain()
        };
        let (one, two) = (chain(1), chain(2));
        let lines = one.lines().zip(two.lines()).flat_map(|(one, two)| [one, two]);
        let mut body = crate::export::writer::Writer::new();
        body.note(&note);
        let body = lines.fold(body.as_str().to_owned(), |body, line| body + line + "\n");
        let submission = Submission::parse(body.as_bytes(), &Limits::default()).unwrap();
        let mut growth = Growth::new(0);
        growth.submit(&Rules::new("log.example", None), &Empty, &submission).unwrap();
        growth
    }

    fn replayed(leaves: &[Leaf]) -> Result<Growth, Stop<core::convert::Infallible>> {
        let mut growth = Growth::new(0);
        for Leaf { text, payload, .. } in leaves {
            growth.replay(&Empty, text.clone(), payload.clone())?;
        }
        Ok(growth)
    }

    #[test]
    fn leaves_alone_say_all_that_was_known_when_they_were_taken() {
        let taken = log();
        let again = replayed(taken.leaves()).unwrap();
        assert_eq!(taken.size(), 11);
        assert_eq!(again.leaves(), taken.leaves());
        assert_eq!(again.runs(), taken.runs());
        assert_eq!(again.chains().collect::<HashMap<_, _>>(), taken.chains().collect::<HashMap<_, _>>());
        assert_eq!(again.notes().collect::<HashMap<_, _>>(), taken.notes().collect::<HashMap<_, _>>());
        assert_eq!(again.lives().collect::<HashMap<_, _>>(), taken.lives().collect::<HashMap<_, _>>());
    }

    #[test]
    fn leaves_that_no_log_has_in_this_order_are_refused() {
        let leaves = log().leaves().to_vec();
        let refused = |leaves: &[Leaf]| {
            let stop = replayed(leaves).unwrap_err();
            assert_eq!(stop.refusal().kind, Kind::Malformed);
        };
        for left_out in 1..9 {
            let mut fewer = leaves.clone();
            fewer.remove(left_out);
            refused(&fewer);
            let mut twice = leaves.clone();
            twice.insert(left_out, leaves[left_out].clone());
            refused(&twice);
        }
        let mut wrong = leaves.clone();
        let place = wrong.iter().position(|leaf| leaf.payload.is_some()).unwrap();
        wrong[place].payload.as_mut().unwrap().event.push(' ');
        refused(&wrong);
        wrong[place].text = "a leaf of another log".into();
        refused(&wrong);
    }
}
