//! Sealing: a log without a server. Puts chains and key notes into one tree and signs checkpoints.
//!
//! A [`Sealer`] accepts exports line by line, in the order of the log's future leaves. It accepts only what a
//! log may accept (SPEC section 6): links that extend their chain by one, and key notes that take effect. By
//! the end of an export, the last link of each chain must be signed. If there is a trust file, links must be
//! from authorized keys. Repeated entries are added only once. The first export may be a sealed one, which is
//! then extended.
//!
//! ```
//! use countersign::seal::Sealer;
//! use countersign::export::writer::Writer;
//! use countersign::export::{Header, Line};
//! use countersign::note::SignerKey;
//! # use countersign::recorder::{Recorder, header};
//! # let emitter = SignerKey::from_seed("example.com/a", [1; 32])?;
//! # let at = "2026-11-20T06:00:00.000Z".parse()?;
//! # let mut recorder = Recorder::open("log.example", emitter.verifier_key().clone(), at, &[0; 16])?;
//! # recorder.sign_with(&emitter)?;
//! # recorder.close(at)?;
//! # recorder.sign_with(&emitter)?;
//! # let export = header("log.example") + &recorder.drain();
//!
//! let log_key = SignerKey::from_seed("log.example", [7; 32])?;
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
use crate::log::{Acceptance, AcceptanceError, Empty, Entry, Leaf, PendingBatch, Rules};
use crate::merkle::{CompactRange, leaf_hash};
use crate::note::{KeyType, MlDsaKey, SignerKey};
use crate::trust::Trust;

/// A log that is being sealed.
pub struct Sealer<'k> {
    key: &'k SignerKey,
    ml_dsa_key: Option<&'k MlDsaKey>,
    checkpoint_every: Option<NonZeroU64>,
    rules: Rules,
    tree: CompactRange,
    /// The log's state before the current export.
    log: PendingBatch,
    /// The accepted part of the current export.
    export: Acceptance,
    exports: usize,
    /// The number of leaves of the first export that are sealed already.
    sealed: u64,
    /// The size of the last checkpoint written.
    covered: Option<u64>,
    added: u64,
    repeated: u64,
}

/// The result of sealing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The header of the sealed export, which claims all entries of the log. Write it before the lines.
    pub header: Header,
    /// The number of entries in the log.
    pub size: u64,
    /// The number of new entries.
    pub added: u64,
    /// The number of entries in the exports that the log had already.
    pub repeated: u64,
}

fn refuse(message: impl Into<String>, hint: &'static str) -> Error {
    Error::new(Code::Refused, message).with_hint(hint)
}

impl<'k> Sealer<'k> {
    /// Creates a sealer for the log of that key, whose name is the log's origin. Without a trust file, any key may
    /// sign chains, and key notes of any signer are accepted.
    ///
    /// # Errors
    /// [`Code::Key`] for a witness's key.
    pub fn new(key: &'k SignerKey, trust: Option<&Trust>) -> Result<Self, Error> {
        if key.verifier_key().key_type() != KeyType::Ed25519 {
            return Err(Error::new(Code::Key, "a witness's key cannot sign a log")
                .with_hint("create a log's key with: countersign keygen ORIGIN"));
        }
        Ok(Self {
            key,
            ml_dsa_key: None,
            checkpoint_every: None,
            rules: Rules::new(key.verifier_key().name(), trust.cloned()),
            tree: CompactRange::new(),
            log: PendingBatch::new(0),
            export: Acceptance::new(0, None),
            exports: 0,
            sealed: 0,
            covered: None,
            added: 0,
            repeated: 0,
        })
    }

    /// Signs checkpoints with the log's ML-DSA-44 key too.
    #[must_use]
    pub fn sign_also_with(mut self, key: &'k MlDsaKey) -> Self {
        self.ml_dsa_key = Some(key);
        self
    }

    /// Signs a checkpoint whenever the log's size is a multiple of `leaves`, in addition to the last one.
    #[must_use]
    pub fn checkpoint_every(mut self, leaves: NonZeroU64) -> Self {
        self.checkpoint_every = Some(leaves);
        self
    }

    /// Begins an export. `sealed` is the size of its last checkpoint, or 0. That many leaves of the first export are
    /// in the log already and keep their checkpoints.
    ///
    /// # Errors
    /// [`Code::Refused`] for an export of another log, and for a sealed export that is not the first.
    pub fn begin(&mut self, header: &Header, sealed: u64) -> Result<(), Error> {
        let origin = self.rules.origin();
        if header.origin != origin {
            let message = format!(
                "the export is for the log {:?}, but the key is of the log {origin:?}",
                header.origin
            );
            return Err(refuse(message, "use the key that has the log's origin as its name"));
        }
        if self.exports > 0 && sealed > 0 {
            let hint = "pass the sealed export first, so that it is extended";
            return Err(refuse("the export is sealed already", hint));
        }
        self.exports += 1;
        self.sealed = self.sealed.max(sealed);
        Ok(())
    }

    /// Processes the next line after the header, and writes the resulting line.
    ///
    /// # Errors
    /// [`Code::Refused`], [`Code::Unauthorized`], [`Code::Gap`], [`Code::Fork`], or [`Code::Signature`] for a line
    /// that a log may not accept. In this case, nothing was accepted.
    pub fn line(&mut self, item: &Item<'_>, out: &mut Writer) -> Result<(), Error> {
        if self.exports == 1 && self.covered.unwrap_or(0) < self.sealed {
            return self.sealed_line(item, out);
        }
        match item {
            // A repeated checkpoint of the sealed export.
            Item::Checkpoint { signed, text }
                if self.exports == 1 && self.covered == Some(self.tree.end()) =>
            {
                self.check(signed)?;
                out.checkpoint(text);
                Ok(())
            }
            Item::Checkpoint { .. } => Err(refuse(
                "the export is sealed already",
                "pass the sealed export first, so that it is extended",
            )),
            _ => self.accept(item, out),
        }
    }

    fn accept(&mut self, item: &Item<'_>, out: &mut Writer) -> Result<(), Error> {
        let entry = Entry::new(None, Leaf::from_item(item)?);
        let taken = self.export.accept(&self.rules, &self.log.over(&Empty), &entry, &[]);
        if !taken.map_err(AcceptanceError::refusal)? {
            self.repeated += 1;
            return Ok(());
        }
        // Drop the leaves, which are written already: the export may be large.
        self.export.batch_mut().settle();
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

    /// Processes a line that is in the log already and was accepted when it was new.
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
                let hint = "pass the complete log: it can be extended only with all its entries";
                return Err(refuse("entries are omitted here", hint));
            }
            Item::Head { .. } | Item::Anchor { .. } => {
                let hint = "seal exports of logs that sign their own checkpoints";
                return Err(refuse("the export is of a tenant log, which its root log signs", hint));
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
            let hint = "extend the export with the key that sealed it";
            return Err(refuse("the checkpoint is not signed by this log key", hint));
        }
        if *size != self.tree.end() || self.tree.root() != Some(*root) {
            let hint = "run `countersign verify` on the sealed export: it was changed after it was sealed";
            return Err(refuse("the checkpoint does not match the entries before it", hint));
        }
        Ok(())
    }

    fn sign(&mut self, out: &mut Writer) -> Result<(), Error> {
        let root = self.tree.root().unwrap_or_else(crate::merkle::empty_root);
        out.checkpoint(
            &Checkpoint::new(self.rules.origin(), self.tree.end(), root)?
                .sign_with_both(self.key, self.ml_dsa_key)?,
        );
        self.covered = Some(self.tree.end());
        Ok(())
    }

    /// Ends an export.
    ///
    /// # Errors
    /// [`Code::Refused`] if the last new link of a chain is not signed.
    pub fn end(&mut self) -> Result<(), Error> {
        if self.covered.unwrap_or(0) < self.sealed {
            let hint = "try again with an intact copy: the file changed or was cut off";
            return Err(refuse("the sealed export ends before its last checkpoint", hint));
        }
        let next = Acceptance::new(self.tree.end(), None);
        let (batch, _) = core::mem::replace(&mut self.export, next).end()?;
        self.log.merge(batch);
        Ok(())
    }

    /// Writes the last checkpoint, unless the last leaf is covered already.
    ///
    /// # Errors
    /// [`Code::Export`] if there is no leaf.
    pub fn finish(mut self, out: &mut Writer) -> Result<Sealed, Error> {
        let size = self.tree.end();
        if size == 0 {
            return Err(Error::new(Code::Export, "there is nothing to seal")
                .with_hint("pass exports that contain links or key notes"));
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
    fn written_leaves_are_not_kept() {
        let [key, log] =
            ["example.com/a", "log.example"].map(|name| SignerKey::from_seed(name, [1; 32]).unwrap());
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
        let (batch, taken) = sealer.export.end().unwrap();
        assert_eq!((batch.size(), taken.added, batch.leaves().len()), (2, 2, 0));
    }
}
