//! The headers of COSE receipts.

use super::cbor::{Label, Reader, Writer};
use super::{MAX_HASHES, refuse};
use crate::checkpoint::SignedCheckpoint;
use crate::error::Error;
use crate::hash::Hash;
use crate::integer;
#[cfg(feature = "sign")]
use crate::note::VerifierKey;

/// The labels of header parameters.
mod label {
    pub const ALGORITHM: i64 = 1;
    pub const CRITICAL: i64 = 2;
    pub const KEY_ID: i64 = 4;
    pub const CLAIMS: i64 = 15;
    /// The verifiable data structure.
    pub const STRUCTURE: i64 = 395;
    /// The proofs of the verifiable data structure.
    pub const PROOFS: i64 = 396;
    /// For private use: the checkpoint.
    pub const CHECKPOINT: i64 = -65_537;
}

/// The labels of claims.
mod claim {
    pub const ISSUER: i64 = 1;
    pub const SUBJECT: i64 = 2;
}

/// The label of inclusion proofs among the proofs.
const INCLUSION: i64 = -1;
/// Ed25519 by its older name, `EdDSA`, which libraries know. Receipts are written with it.
const EDDSA: i64 = -8;
/// Ed25519 by the name that leaves no choice of the curve.
const ED25519: i64 = -19;
const RFC9162_SHA256: i64 = 1;
/// The beginning of the subject of a tree. The number of leaves follows.
const TREE: &str = "countersign/v1 tree ";

/// The protected header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Protected {
    /// The header as it is signed.
    pub(super) bytes: Vec<u8>,
    /// The ID of the key, if it has the length of a vkey's.
    pub(super) key_id: Option<[u8; 4]>,
    /// The log's origin.
    pub(super) issuer: Option<String>,
    /// The size of the tree, if the log signed it.
    pub(super) size: Option<u64>,
}

impl Protected {
    /// Creates the header of the tree of `size` leaves, for a signature by `key`.
    #[cfg(feature = "sign")]
    pub(super) fn new(key: &VerifierKey, size: u64) -> Self {
        let mut writer = Writer::default();
        writer.map(4);
        writer.integer(label::ALGORITHM).integer(EDDSA);
        writer.integer(label::KEY_ID).bytes(&key.id());
        writer.integer(label::CLAIMS).map(2);
        writer.integer(claim::ISSUER).text(key.name());
        writer.integer(claim::SUBJECT).text(&format!("{TREE}{size}"));
        writer.integer(label::STRUCTURE).integer(RFC9162_SHA256);
        Self {
            bytes: writer.into_bytes(),
            key_id: Some(key.id()),
            issuer: Some(key.name().to_owned()),
            size: Some(size),
        }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = || refuse("the protected header is malformed");
        let mut reader = Reader::new(bytes);
        let (mut algorithm, mut structure, mut unknown) = (None, None, None);
        let (mut key_id, mut issuer, mut subject) = (None, None, None);
        let mut read_claim = |label, reader: &mut Reader<'_>| {
            match label {
                Label::Number(claim::ISSUER) => issuer = Some(reader.text()?.to_owned()),
                Label::Number(claim::SUBJECT) => subject = Some(reader.text()?.to_owned()),
                _ => reader.skip()?,
            }
            Some(())
        };
        let read = reader.map(&mut |label, reader| {
            match label {
                Label::Number(label::ALGORITHM) => algorithm = Some(reader.label()?),
                Label::Number(label::CRITICAL) => {
                    let length = reader.array().filter(|&length| length > 0)?;
                    for _ in 0..length {
                        let label = reader.label()?;
                        let is_known = matches!(
                            label,
                            Label::Number(
                                label::ALGORITHM | label::KEY_ID | label::CLAIMS | label::STRUCTURE
                            )
                        );
                        unknown = unknown.or((!is_known).then_some(label));
                    }
                }
                Label::Number(label::KEY_ID) => key_id = reader.bytes()?.try_into().ok(),
                Label::Number(label::CLAIMS) => reader.map(&mut read_claim)?,
                Label::Number(label::STRUCTURE) => structure = Some(reader.integer()?),
                _ => reader.skip()?,
            }
            Some(())
        });
        read.and_then(|()| reader.end()).ok_or_else(malformed)?;
        if let Some(unknown) = unknown {
            return Err(refuse(format!("the critical header parameter {unknown} is not supported")));
        }
        let algorithm = algorithm.ok_or_else(|| refuse("the protected header has no algorithm"))?;
        if ![EDDSA, ED25519].map(Label::Number).contains(&algorithm) {
            let why = format!("the signature algorithm {algorithm} is not supported");
            return Err(refuse(why).with_hint("supported are EdDSA (-8) and Ed25519 (-19)"));
        }
        match structure {
            Some(RFC9162_SHA256) => {}
            None => return Err(refuse("the protected header has no verifiable data structure (395)")),
            Some(other) => {
                let why = format!("the verifiable data structure {other} is not RFC9162_SHA256 (1)");
                return Err(refuse(why));
            }
        }
        let size = match subject.as_deref().and_then(|subject| subject.strip_prefix(TREE)) {
            Some(size) => Some(integer::parse(size.as_bytes()).ok_or_else(malformed)?),
            None => None,
        };
        Ok(Self { bytes: bytes.to_vec(), key_id, issuer, size })
    }
}

/// A leaf's place in a tree, and the hashes that lead to its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inclusion {
    pub(super) size: u64,
    pub(super) index: u64,
    pub(super) hashes: Vec<Hash>,
}

impl Inclusion {
    fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.array(3).unsigned(self.size).unsigned(self.index).array(self.hashes.len());
        for hash in &self.hashes {
            writer.bytes(&hash.0);
        }
        writer.into_bytes()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        (reader.array()? == 3).then_some(())?;
        let (size, index) = (reader.unsigned()?, reader.unsigned()?);
        let length = reader.array().filter(|&length| length <= MAX_HASHES)?;
        let hashes = (0..length).map(|_| reader.bytes()?.try_into().ok().map(Hash));
        let hashes = hashes.collect::<Option<_>>()?;
        reader.end()?;
        Some(Self { size, index, hashes })
    }
}

/// Writes the unprotected header.
pub(super) fn write_unprotected(
    inclusion: Option<&Inclusion>,
    checkpoint: Option<&SignedCheckpoint>,
    writer: &mut Writer,
) {
    writer.map(usize::from(inclusion.is_some()) + usize::from(checkpoint.is_some()));
    if let Some(inclusion) = inclusion {
        writer.integer(label::PROOFS).map(1);
        writer.integer(INCLUSION).array(1).bytes(&inclusion.to_bytes());
    }
    if let Some(checkpoint) = checkpoint {
        writer.integer(label::CHECKPOINT).text(&checkpoint.to_string());
    }
}

/// The unprotected header of a receipt or a tree signature.
pub(super) struct Unprotected {
    pub(super) inclusion: Option<Inclusion>,
    pub(super) checkpoint: Option<SignedCheckpoint>,
}

impl Unprotected {
    /// Reads the header. Ignores parameters that it doesn't know.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (mut inclusion, mut checkpoint, mut is_critical) = (None, None, false);
        let mut read_proofs = |label, reader: &mut Reader<'_>| {
            // Receipts with several proofs, or with those of another kind, are about more than one entry.
            let is_one = label == Label::Number(INCLUSION) && reader.array()? == 1;
            inclusion = Some(Inclusion::parse(is_one.then(|| reader.bytes())??)?);
            Some(())
        };
        let read = reader.map(&mut |label, reader| {
            match label {
                Label::Number(label::PROOFS) => reader.map(&mut read_proofs)?,
                Label::Number(label::CHECKPOINT) => checkpoint = Some(reader.text()?),
                Label::Number(label::CRITICAL) => {
                    is_critical = true;
                    reader.skip()?;
                }
                _ => reader.skip()?,
            }
            Some(())
        });
        read.ok_or_else(|| {
            refuse("the unprotected header is malformed, or has other proofs than one of inclusion")
        })?;
        if is_critical {
            return Err(refuse("the critical header parameters are not protected"));
        }
        let checkpoint = checkpoint.map(SignedCheckpoint::parse).transpose()?;
        Ok(Self { inclusion, checkpoint })
    }
}
