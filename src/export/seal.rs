//! Sealing: a log without a server, which puts chains and key notes into one tree and signs checkpoints.
//!
//! A [`Sealer`] takes exports line by line, in the order in which their leaves shall stand, and takes of them only
//! what a log must accept (SPEC section 6): a link that extends its chain by one, with its last link signed by
//! the end of the export, and, where there is a trust file, from an authorised key; and key notes that act. What
//! is in the log already is not put in again. The first export may be a sealed one: it is then extended.
//!
//! ```
//! use countersign::export::seal::Sealer;
//! use countersign::export::writer::Writer;
//! use countersign::export::{Header, Line};
//! use countersign::note::SignerKey;
//! # use countersign::recorder::{Recorder, header};
//! # let emitter = SignerKey::generate("example.com/a", [1; 32])?;
//! # let at = "2026-11-20T06:00:00.000Z".parse()?;
//! # let mut recorder = Recorder::open("log.example", emitter.verifier_key().clone(), at, &[0; 16])?;
//! # recorder.sign_with(&emitter)?;
//! # recorder.close(at)?;
//! # recorder.sign_with(&emitter)?;
//! # let export = header("log.example") + &recorder.drain();
//!
//! let log_key = SignerKey::generate("log.example", [7; 32])?;
//! let mut out = Writer::new();
//! let mut sealer = Sealer::new(&log_key, None)?;
//! let (first, lines) = export.split_once('\n').unwrap();
//! sealer.begin(&Header::parse(first.as_bytes())?, 0)?;
//! for line in lines.lines() {
//!     sealer.line(&Line::parse(line).map_err(|malformed| malformed.to_error())?.item, &mut out)?;
//! }
//! sealer.end()?;
//! let sealed = sealer.finish(&mut out)?;
//! assert_eq!((sealed.header.range, sealed.added), (Some((0, 2)), 2));
//! assert!(out.as_str().lines().last().unwrap().starts_with(r#"{"checkpoint":"log.example\n2\n"#));
//! # Ok::<(), countersign::Error>(())
//! ```

mod admission;

use core::num::NonZeroU64;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::canonical::canonicalize;
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::json::duplicate_name;
use crate::link::{ChainId, Link, OpenLink, commit, signed_part};
use crate::merkle::{CompactRange, leaf_hash};
use crate::note::{KeyType, SignerKey, VerifierKey};
use crate::time::Time;
use crate::trust::Trust;

use super::writer::Writer;
use super::{Header, Item, Payload};
use admission::{Admission, Windows};

/// A log while exports are put into it.
pub struct Sealer<'k> {
    key: &'k SignerKey,
    checkpoint_every: Option<NonZeroU64>,
    admission: Option<Admission<'k>>,
    tree: CompactRange,
    chains: HashMap<ChainId, Chain>,
    notes: HashSet<Hash>,
    exports: usize,
    /// How many leaves of the first export are in the log already.
    sealed: u64,
    /// The size of the last checkpoint written.
    covered: Option<u64>,
    /// Chains of this export whose last new link is not signed.
    unsigned: BTreeSet<ChainId>,
    added: u64,
    repeated: u64,
}

struct Chain {
    key: VerifierKey,
    windows: Windows,
    /// The leaf hash of each of its links, by seq.
    links: Vec<Hash>,
    time: Time,
    closed: bool,
}

/// What became of the exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The header of the sealed export: it claims all leaves of the log. It goes before the lines written.
    pub header: Header,
    /// How many leaves the log has.
    pub size: u64,
    /// How many of them are new.
    pub added: u64,
    /// How many leaves of the exports were in the log already.
    pub repeated: u64,
}

fn refuse(message: impl Into<String>, hint: &'static str) -> Error {
    Error::new(Code::Refused, message).with_hint(hint)
}

impl<'k> Sealer<'k> {
    /// The log of that key, whose name is the log's origin. Without a trust file any key may sign chains, and key
    /// notes are taken whoever signed them.
    ///
    /// # Errors
    /// [`Code::Key`] for a witness's key.
    pub fn new(key: &'k SignerKey, trust: Option<&'k Trust>) -> Result<Self, Error> {
        if key.verifier_key().key_type() != KeyType::Ed25519 {
            return Err(Error::new(Code::Key, "a witness's key cannot sign a log")
                .with_hint("make a log's key with: countersign keygen ORIGIN"));
        }
        Ok(Self {
            key,
            checkpoint_every: None,
            admission: trust.map(Admission::new),
            tree: CompactRange::new(),
            chains: HashMap::new(),
            notes: HashSet::new(),
            exports: 0,
            sealed: 0,
            covered: None,
            unsigned: BTreeSet::new(),
            added: 0,
            repeated: 0,
        })
    }

    /// Has a checkpoint signed whenever the log's size is a multiple of `leaves`, beside the last one.
    #[must_use]
    pub fn checkpoint_every(mut self, leaves: NonZeroU64) -> Self {
        self.checkpoint_every = Some(leaves);
        self
    }

    /// Begins with an export. `sealed` is the size of its last checkpoint, 0 where it has none: so many leaves of
    /// the first export are in the log already, and keep their checkpoints.
    ///
    /// # Errors
    /// [`Code::Refused`] for an export of another log, and for a sealed one that is not the first.
    pub fn begin(&mut self, header: &Header, sealed: u64) -> Result<(), Error> {
        let origin = self.key.verifier_key().name();
        if header.origin != origin {
            let message =
                format!("the export is for the log {:?}, the key is of the log {origin:?}", header.origin);
            return Err(refuse(message, "a log's key has the log's origin as its name"));
        }
        if self.exports > 0 && sealed > 0 {
            return Err(refuse(
                "the export is sealed already",
                "give a sealed export first: it is then extended",
            ));
        }
        self.exports += 1;
        self.sealed = self.sealed.max(sealed);
        Ok(())
    }

    /// Takes the next line after the header, and writes what comes of it.
    ///
    /// # Errors
    /// [`Code::Refused`] for what a log may not take. Nothing of the line was taken then.
    pub fn line(&mut self, item: &Item<'_>, out: &mut Writer) -> Result<(), Error> {
        if self.exports == 1 && self.covered.unwrap_or(0) < self.sealed {
            return self.sealed_line(item, out);
        }
        match item {
            Item::Link { text, link, payload, withheld } => {
                let hash = leaf_hash(text.as_bytes());
                if self.is_repeat(link, &hash)? {
                    self.repeated += 1;
                    return Ok(());
                }
                let event = payload.as_ref().map(|payload| committed(link, payload)).transpose()?;
                self.accept(text, link, hash)?;
                match (event, payload) {
                    (Some(event), Some(payload)) => out.event(text, &payload.salt, &event),
                    _ => out.withheld(text, *withheld),
                }
                self.add(hash, out)
            }
            Item::Note { text, note } => {
                let hash = leaf_hash(text.as_bytes());
                if self.notes.contains(&hash) {
                    self.repeated += 1;
                    return Ok(());
                }
                if let Some(admission) = &mut self.admission {
                    admission.note(note, self.key.verifier_key().name())?;
                }
                self.notes.insert(hash);
                out.note(text);
                self.add(hash, out)
            }
            Item::Leaf(_) => Err(refuse("a log takes links and key notes alone", "leave this line out")),
            Item::Skip { .. } => Err(refuse(
                "leaves are left out here, and a log must have them all",
                "give the whole export, not a slice of it",
            )),
            // What the sealed export says again of leaves that it has covered.
            Item::Checkpoint { signed, text }
                if self.exports == 1 && self.covered == Some(self.tree.end()) =>
            {
                self.check(signed)?;
                out.checkpoint(text);
                Ok(())
            }
            Item::Checkpoint { .. } => {
                Err(refuse("the export is sealed already", "give a sealed export first: it is then extended"))
            }
        }
    }

    /// A line of what is in the log already: it was accepted when it was new.
    fn sealed_line(&mut self, item: &Item<'_>, out: &mut Writer) -> Result<(), Error> {
        let hash = match item {
            Item::Link { text, link, .. } => {
                let hash = leaf_hash(text.as_bytes());
                self.follow(link, hash);
                hash
            }
            Item::Note { text, note } => {
                let hash = leaf_hash(text.as_bytes());
                if let Some(admission) = &mut self.admission {
                    // One that did not act then does not act now.
                    let _ = admission.note(note, self.key.verifier_key().name());
                }
                self.notes.insert(hash);
                hash
            }
            Item::Leaf(bytes) => leaf_hash(bytes),
            Item::Skip { .. } => {
                return Err(refuse(
                    "leaves are left out here",
                    "a log is extended with all of its leaves at hand",
                ));
            }
            Item::Checkpoint { text, signed } => {
                self.check(signed)?;
                self.covered = Some(self.tree.end());
                out.checkpoint(text);
                return Ok(());
            }
        };
        self.tree.append(hash);
        out.item(item);
        Ok(())
    }

    fn check(&self, signed: &SignedCheckpoint) -> Result<(), Error> {
        let Checkpoint { origin, size, root } = &signed.checkpoint;
        let altered = "the sealed export is not what was sealed: `countersign verify` says more";
        if origin != self.key.verifier_key().name()
            || signed.log_signature(self.key.verifier_key()) != Some(true)
        {
            return Err(refuse(
                "the checkpoint is not signed by this log key",
                "extend it with the key that sealed it",
            ));
        }
        if *size != self.tree.end() || self.tree.root() != Some(*root) {
            return Err(refuse("the checkpoint is not of the leaves before it", altered));
        }
        Ok(())
    }

    /// Whether the log has this very link.
    fn is_repeat(&self, link: &Link, hash: &Hash) -> Result<bool, Error> {
        let Some(chain) = self.chains.get(&link.chain()) else { return Ok(false) };
        let known = usize::try_from(link.seq()).ok().and_then(|seq| chain.links.get(seq));
        match known {
            None => Ok(false),
            Some(known) if known == hash => Ok(true),
            Some(_) => Err(refuse(
                format!("the chain {} has another link {} in the log", link.chain(), link.seq()),
                "this is a fork, evidence that the key was used twice: keep both files",
            )),
        }
    }

    /// Takes a new link of an authorised key that extends its chain by one.
    fn accept(&mut self, text: &str, link: &Link, hash: Hash) -> Result<(), Error> {
        let key = match (link, self.chains.get(&link.chain())) {
            (Link::Open(open), _) => {
                if open.origin != self.key.verifier_key().name() {
                    let message = format!("the chain is for the log {:?}", open.origin);
                    return Err(refuse(message, "a chain belongs to the log that its open link names"));
                }
                &open.key
            }
            (_, Some(chain)) => {
                extends(chain, link)?;
                &chain.key
            }
            (_, None) => {
                let message = format!("the open link of the chain {} is not in the log", link.chain());
                return Err(refuse(message, "give the export that begins the chain before this one"));
            }
        };
        if link.signature().is_some_and(|signature| !key.verify(signed_part(text).as_bytes(), signature)) {
            return Err(refuse("the link's signature is invalid", "the link is not what its emitter signed"));
        }
        if let Some(admission) = &self.admission {
            let windows = self.chains.get(&link.chain()).map(|chain| &chain.windows);
            admission.link(key, windows, link.time())?;
        }
        match link.signature() {
            Some(_) => self.unsigned.remove(&link.chain()),
            None => self.unsigned.insert(link.chain()),
        };
        self.follow(link, hash);
        Ok(())
    }

    /// Goes on with the link's chain, if the link is the next of it.
    fn follow(&mut self, link: &Link, hash: Hash) {
        if let Link::Open(open) = link {
            self.open(open, hash);
        } else if let Some(chain) = self.chains.get_mut(&link.chain())
            && chain.links.len() as u64 == link.seq()
        {
            chain.links.push(hash);
            chain.time = link.time();
            chain.closed |= matches!(link, Link::Close(_));
        }
    }

    fn open(&mut self, open: &OpenLink, hash: Hash) {
        let windows =
            self.admission.as_ref().map_or_else(Windows::default, |admission| admission.windows(&open.key));
        self.chains.entry(open.chain).or_insert_with(|| Chain {
            key: open.key.clone(),
            windows,
            links: vec![hash],
            time: open.time,
            closed: false,
        });
    }

    fn add(&mut self, hash: Hash, out: &mut Writer) -> Result<(), Error> {
        self.tree.append(hash);
        self.added += 1;
        match self.checkpoint_every {
            Some(leaves) if self.tree.end().is_multiple_of(leaves.get()) => self.sign(out),
            _ => Ok(()),
        }
    }

    fn sign(&mut self, out: &mut Writer) -> Result<(), Error> {
        let root = self.tree.root().unwrap_or_else(crate::merkle::empty_root);
        let origin = self.key.verifier_key().name().to_owned();
        out.checkpoint(&Checkpoint { origin, size: self.tree.end(), root }.sign(self.key)?);
        self.covered = Some(self.tree.end());
        Ok(())
    }

    /// Ends an export.
    ///
    /// # Errors
    /// [`Code::Refused`] when the last new link of a chain is not signed.
    pub fn end(&mut self) -> Result<(), Error> {
        if self.covered.unwrap_or(0) < self.sealed {
            return Err(refuse(
                "the sealed export ends before its last checkpoint",
                "the file changed, or was cut",
            ));
        }
        match self.unsigned.first() {
            None => Ok(()),
            Some(chain) => Err(refuse(
                format!("the last link of the chain {chain} is not signed"),
                "a recorder signs the last link of what it hands on: the export was cut off",
            )),
        }
    }

    /// Writes the last checkpoint, where the leaves before it are not covered.
    ///
    /// # Errors
    /// [`Code::Export`] when there is no leaf.
    pub fn finish(mut self, out: &mut Writer) -> Result<Sealed, Error> {
        let size = self.tree.end();
        if size == 0 {
            return Err(Error::new(Code::Export, "there is nothing to seal")
                .with_hint("the exports hold neither links nor key notes"));
        }
        if self.covered != Some(size) {
            self.sign(out)?;
        }
        let header = Header { origin: self.key.verifier_key().name().to_owned(), range: Some((0, size)) };
        Ok(Sealed { header, size, added: self.added, repeated: self.repeated })
    }
}

fn extends(chain: &Chain, link: &Link) -> Result<(), Error> {
    let id = link.chain();
    let next = chain.links.len() as u64;
    if chain.closed {
        return Err(refuse(
            format!("the chain {id} is closed"),
            "a chain that goes on after its end is no chain",
        ));
    }
    if link.seq() != next {
        let message = format!("the chain {id} goes on with {next} in the log, and this is {}", link.seq());
        return Err(refuse(message, "links are missing: give the export that holds them before this one"));
    }
    if link.prev() != chain.links.last() {
        let message = format!("{id}/{} does not follow the link that the log has before it", link.seq());
        return Err(refuse(message, "one of the two is not what was recorded, or the chain was forked"));
    }
    if link.time() < chain.time {
        let message = format!("{id}/{} is earlier than the link before it", link.seq());
        return Err(refuse(message, "a recorder never lets its time go back: a faulty writer"));
    }
    Ok(())
}

/// The event as it matches its commit: as it stands, or else in canonical form.
fn committed<'a>(link: &Link, payload: &Payload<'a>) -> Result<Cow<'a, str>, Error> {
    let mismatch = || refuse("the event does not match its link", "the event or its salt was changed");
    let Link::Event(link) = link else { return Err(mismatch()) };
    if !payload.names_increase
        && let Some(name) = duplicate_name(payload.event)
    {
        return Err(refuse(
            "the event has two members of one name",
            "readers would disagree on what it says",
        )
        .in_member(name));
    }
    if commit(&payload.salt, payload.event.as_bytes()) == link.commit {
        return Ok(Cow::Borrowed(payload.event));
    }
    let canonical = canonicalize(payload.event.as_bytes()).map_err(|_| mismatch())?;
    if commit(&payload.salt, &canonical) != link.commit {
        return Err(mismatch());
    }
    String::from_utf8(canonical).map(Cow::Owned).map_err(|_| mismatch())
}
