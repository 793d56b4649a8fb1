//! Sealing: a log without a server, which puts chains and key notes into one tree and signs checkpoints.
//!
//! A [`Sealer`] takes exports line by line, in the order in which their leaves shall stand, and takes of them only
//! what a log must accept (SPEC section 6): a link that extends its chain by one, with its last link signed by
//! the end of the export, and, where there is a trust file, from an authorized key; and key notes that act. What
//! is in the log already is not put in again. The first export may be a sealed one: it is then extended.
//!
//! ```
//! use countersign::seal::Sealer;
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
//! assert_eq!((sealed.header.range, sealed.added), (Some((0, Some(2))), 2));
//! assert!(out.as_str().lines().last().unwrap().starts_with(r#"{"checkpoint":"log.example\n2\n"#));
//! # Ok::<(), countersign::Error>(())
//! ```

use core::num::NonZeroU64;

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::error::{Code, Error};
use crate::export::writer::Writer;
use crate::export::{Header, Item};
use crate::log::{Acceptance, AcceptanceError, Empty, Entry, Growth, Leaf, Rules};
use crate::merkle::{CompactRange, leaf_hash};
use crate::note::{KeyType, SignerKey};
use crate::trust::Trust;

/// A log while exports are put into it.
pub struct Sealer<'k> {
    key: &'k SignerKey,
    checkpoint_every: Option<NonZeroU64>,
    rules: Rules,
    tree: CompactRange,
    /// What the exports before this one made of the log.
    log: Growth,
    /// What was taken of this one.
    export: Acceptance,
    exports: usize,
    /// How many leaves of the first export are in the log already.
    sealed: u64,
    /// The size of the last checkpoint written.
    covered: Option<u64>,
    added: u64,
    repeated: u64,
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
    pub fn new(key: &'k SignerKey, trust: Option<&Trust>) -> Result<Self, Error> {
        if key.verifier_key().key_type() != KeyType::Ed25519 {
            return Err(Error::new(Code::Key, "a witness's key cannot sign a log")
                .with_hint("make a log's key with: countersign keygen ORIGIN"));
        }
        Ok(Self {
            key,
            checkpoint_every: None,
            rules: Rules::new(key.verifier_key().name(), trust.cloned()),
            tree: CompactRange::new(),
            log: Growth::new(0),
            export: Acceptance::new(0, None),
            exports: 0,
            sealed: 0,
            covered: None,
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
        let origin = self.rules.origin();
        if header.origin != origin {
            let message =
                format!("the export is for the log {:?}, the key is of the log {origin:?}", header.origin);
            return Err(refuse(message, "a log's key has the log's origin as its name"));
        }
        if self.exports > 0 && sealed > 0 {
            let hint = "give a sealed export first: it is then extended";
            return Err(refuse("the export is sealed already", hint));
        }
        self.exports += 1;
        self.sealed = self.sealed.max(sealed);
        Ok(())
    }

    /// Takes the next line after the header, and writes what comes of it.
    ///
    /// # Errors
    /// For what a log may not take: [`Code::Refused`], [`Code::Unauthorized`], [`Code::Gap`], [`Code::Fork`],
    /// [`Code::Signature`]. Nothing of the line was taken then.
    pub fn line(&mut self, item: &Item<'_>, out: &mut Writer) -> Result<(), Error> {
        if self.exports == 1 && self.covered.unwrap_or(0) < self.sealed {
            return self.sealed_line(item, out);
        }
        match item {
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
            _ => self.take(item, out),
        }
    }

    fn take(&mut self, item: &Item<'_>, out: &mut Writer) -> Result<(), Error> {
        let entry = Entry::new(None, Leaf::of_item(item)?);
        let taken = self.export.take(&self.rules, &self.log.over(&Empty), &entry, &[]);
        if !taken.map_err(AcceptanceError::refusal)? {
            self.repeated += 1;
            return Ok(());
        }
        // The export may be large, and its leaves are written.
        self.export.growth_mut().settle();
        match entry.leaf.event() {
            Some(event) => out.event(&entry.leaf.text, &event.salt, &event.text),
            None => out.item(item),
        }
        self.tree.append(entry.leaf.hash);
        self.added += 1;
        match self.checkpoint_every {
            Some(leaves) if self.tree.end().is_multiple_of(leaves.get()) => self.sign(out),
            _ => Ok(()),
        }
    }

    /// A line of what is in the log already: it was accepted when it was new.
    fn sealed_line(&mut self, item: &Item<'_>, out: &mut Writer) -> Result<(), Error> {
        let hash = match item {
            Item::Link { .. } | Item::Note { .. } => {
                let leaf = Leaf::without_event(item)?;
                let hash = leaf.hash;
                self.log.follow(&self.rules, leaf);
                hash
            }
            Item::Leaf(bytes) => {
                self.log.add_opaque();
                leaf_hash(bytes)
            }
            Item::Skip { .. } => {
                let hint = "a log is extended with all of its entries at hand";
                return Err(refuse("entries are left out here", hint));
            }
            Item::Checkpoint { text, signed } => {
                self.check(signed)?;
                self.covered = Some(self.tree.end());
                self.export = Acceptance::new(self.tree.end(), None);
                out.checkpoint(text);
                return Ok(());
            }
        };
        self.tree.append(hash);
        out.item(item);
        Ok(())
    }

    fn check(&self, signed: &SignedCheckpoint) -> Result<(), Error> {
        let Checkpoint { size, root, .. } = &signed.checkpoint;
        if !signed.is_signed_by(self.key.verifier_key()) {
            let hint = "extend it with the key that sealed it";
            return Err(refuse("the checkpoint is not signed by this log key", hint));
        }
        if *size != self.tree.end() || self.tree.root() != Some(*root) {
            let hint = "the sealed export is not what was sealed: `countersign verify` says more";
            return Err(refuse("the checkpoint is not of the entries before it", hint));
        }
        Ok(())
    }

    fn sign(&mut self, out: &mut Writer) -> Result<(), Error> {
        let root = self.tree.root().unwrap_or_else(crate::merkle::empty_root);
        out.checkpoint(&Checkpoint::new(self.rules.origin(), self.tree.end(), root)?.sign(self.key)?);
        self.covered = Some(self.tree.end());
        Ok(())
    }

    /// Ends an export.
    ///
    /// # Errors
    /// [`Code::Refused`] when the last new link of a chain is not signed.
    pub fn end(&mut self) -> Result<(), Error> {
        if self.covered.unwrap_or(0) < self.sealed {
            let hint = "the file changed, or was cut";
            return Err(refuse("the sealed export ends before its last checkpoint", hint));
        }
        let next = Acceptance::new(self.tree.end(), None);
        let (growth, _) = core::mem::replace(&mut self.export, next).end()?;
        self.log.merge(growth);
        Ok(())
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
        let header = Header { origin: self.rules.origin().to_owned(), range: Some((0, Some(size))) };
        Ok(Sealed { header, size, added: self.added, repeated: self.repeated })
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::export::Line;
    use crate::recorder::Recorder;

    #[test]
    fn what_is_written_is_not_kept() {
        let [key, log] =
            ["example.com/a", "log.example"].map(|name| SignerKey::generate(name, [1; 32]).unwrap());
        let at = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let mut recorder = Recorder::open("log.example", key.verifier_key().clone(), at, &[0; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        recorder.close(at).unwrap();
        recorder.sign_with(&key).unwrap();
        let mut sealer = Sealer::new(&log, None).unwrap();
        let header = Header { origin: "log.example".into(), range: None };
        sealer.begin(&header, 0).unwrap();
        for line in recorder.drain().lines() {
            sealer.line(&Line::parse(line).unwrap().item, &mut Writer::new()).unwrap();
        }
        assert!(sealer.begin(&header, 2).is_err(), "only the first export may be a sealed one");
        let (growth, taken) = sealer.export.end().unwrap();
        assert_eq!((growth.size(), taken.added, growth.leaves().len()), (2, 2, 0));
    }
}
