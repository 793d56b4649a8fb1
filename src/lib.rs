//! A tamper-evident audit log that readers can check without trusting its operator. Records events as signed,
//! hash-chained links, decides which submissions an append-only log accepts, and verifies exports offline.
//!
//! The crate does no I/O, reads no clock, and holds no global state. Bytes, times, and random bytes come in as
//! arguments; bytes and decisions come out, so the same code runs on a server, in a Worker, and in a browser. Section
//! numbers in this documentation refer to SPEC.md in the repository.
//!
//! # Record and sign events
//!
//! A [`recorder::Recorder`] writes one chain: an open link, one link per event, and a close link.
//!
//! ```
//! use countersign::event::{Event, Redaction};
//! use countersign::note::SignerKey;
//! use countersign::recorder::{Recorder, header};
//!
//! // Draw the key's seed, the chain's nonce and each event's salt from a secure source of random bytes.
//! let key = SignerKey::from_seed("example.com/app", [1; 32])?;
//! let now = "2026-11-20T06:00:00.000Z".parse()?;
//! let mut recorder = Recorder::open("log.example/audit", key.verifier_key().clone(), now, &[2; 16])?;
//! recorder.sign_with(&key)?;
//!
//! let json = br#"{"action":"user.update","target":{"id":"42"},"password":"hunter2"}"#;
//! let event = Event::parse(json, &Redaction::default())?;
//! recorder.record(&event, now, &[3; 16])?;
//! recorder.close(now)?;
//! recorder.sign_with(&key)?;
//!
//! let export = header("log.example/audit") + &recorder.drain();
//! assert_eq!(export.lines().count(), 4);
//! assert!(!export.contains("hunter2"), "secrets are redacted before anything is hashed");
//! # Ok::<(), countersign::Error>(())
//! ```
//!
//! # Verify an export
//!
//! A [`verify::Verifier`] accepts the export in pieces of any size, plain or compressed, and a [`trust::Trust`] file
//! that lists the keys the reader trusts. Read the [verdict](verify::Verdict) first; the [report](verify::Report) has
//! the checks and findings behind it.
//!
//! There are three ways to feed it: push pieces into a [`verify::Verifier`]; split the export and verify the parts on
//! several threads ([`verify::Splitter`], [`verify::Summarizer`], [`verify::Progress`]); or follow an export that is
//! still growing ([`verify::Verifier::live`]).
//!
//! ```
//! # use countersign::event::{Event, Redaction};
//! # use countersign::note::SignerKey;
//! # use countersign::recorder::{Recorder, header};
//! use countersign::trust::Trust;
//! use countersign::verify::{Options, Verdict, Verifier};
//!
//! # let key = SignerKey::from_seed("example.com/app", [1; 32])?;
//! # let now = "2026-11-20T06:00:00.000Z".parse()?;
//! # let mut recorder = Recorder::open("log.example/audit", key.verifier_key().clone(), now, &[2; 16])?;
//! # recorder.sign_with(&key)?;
//! # let event = Event::parse(br#"{"action":"user.update"}"#, &Redaction::default())?;
//! # recorder.record(&event, now, &[3; 16])?;
//! # recorder.close(now)?;
//! # recorder.sign_with(&key)?;
//! # let export = header("log.example/audit") + &recorder.drain();
//! # let vkey = key.verifier_key();
//! let trust = Trust::parse(format!("emitter {vkey}\n").as_bytes())?;
//! let verify = |export: &str| {
//!     let mut verifier = Verifier::new(Options { trust: trust.clone(), ..Options::default() });
//!     for piece in export.as_bytes().chunks(64 << 10) {
//!         verifier.push(piece);
//!     }
//!     verifier.finish().report
//! };
//!
//! assert_eq!(verify(&export).verdict, Verdict::Verified);
//! let report = verify(&export.replace("user.update", "user.delete"));
//! assert_eq!(report.verdict, Verdict::Altered);
//! assert_eq!(report.findings[0].code.as_str(), "payload.mismatch");
//! # Ok::<(), countersign::Error>(())
//! ```
//!
//! # Run a log and prove that an event is in it
//!
//! [`log::PendingBatch`] is the accepting half of a log: it accepts a [submission](log::Submission) as a whole or rejects
//! it. The log then signs a [checkpoint] of the tree. A [`proof::Proof`] shows anyone who trusts the log's key that
//! an entry is in the log.
//!
//! ```
//! # use countersign::event::{Event, Redaction};
//! # use countersign::recorder::Recorder;
//! use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
//! use countersign::log::{Empty, Limits, PendingBatch, Rules, Submission};
//! use countersign::merkle::{CompactRange, PendingTree, inclusion_proof};
//! use countersign::note::SignerKey;
//! use countersign::proof::Proof;
//! use countersign::trust::Trust;
//!
//! # let key = SignerKey::from_seed("example.com/app", [1; 32])?;
//! # let now = "2026-11-20T06:00:00.000Z".parse()?;
//! # let mut recorder = Recorder::open("log.example/audit", key.verifier_key().clone(), now, &[2; 16])?;
//! # recorder.sign_with(&key)?;
//! # let event = Event::parse(br#"{"action":"user.update"}"#, &Redaction::default())?;
//! # recorder.record(&event, now, &[3; 16])?;
//! # recorder.close(now)?;
//! # recorder.sign_with(&key)?;
//! # let (body, emitter) = (recorder.drain(), key.verifier_key().clone());
//! // The log accepts what an emitter sends: `body` has the lines of a recorder. Its `Storage` is empty here.
//! let rules = Rules::new("log.example/audit", Some(Trust::default().with_emitter(emitter)?));
//! let submission = Submission::parse(body.as_bytes(), &Limits::default())?;
//! let mut batch = PendingBatch::new(0);
//! let outcome = batch.submit(&rules, &Empty, &submission, now).map_err(|error| error.refusal())?;
//! assert_eq!(outcome.added, 3);
//!
//! // It signs a checkpoint of its tree.
//! let log_key = SignerKey::from_seed("log.example/audit", [7; 32])?;
//! let hashes: Vec<_> = batch.leaves().iter().map(|leaf| leaf.hash).collect();
//! let mut tree = PendingTree::new(&CompactRange::new());
//! tree.extend(&hashes);
//! let checkpoint = Checkpoint::new("log.example/audit", tree.size(), tree.root())?.sign(&log_key)?;
//!
//! // It proves that the entry at index 1 is in the log. Anyone who has the log's vkey can check the proof.
//! let proof = Proof {
//!     extra: None,
//!     index: 1,
//!     hashes: inclusion_proof(1, tree.size(), &tree)?,
//!     checkpoint: SignedCheckpoint::parse(&checkpoint)?,
//! };
//! let trust = Trust::default().with_log(log_key.verifier_key().clone())?;
//! Proof::parse(&proof.to_string())?.verify(batch.leaves()[1].text.as_bytes(), None, &trust)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crates `countersign-log` and `countersign-log-server` build a complete log server on this crate;
//! `countersign-cli` is the program `countersign`.
//!
//! # Modules
//!
//! | task | module |
//! | --- | --- |
//! | record | [`event`]: events as canonical JSON; [`recorder`]: one chain; [`link`]: the links themselves |
//! | verify | [`trust`]: trust files; [`verify`]: the verifier and its report |
//! | read and write exports | [`export`]: lines, compression; [`seal`]: a log without a server |
//! | run a log | [`log`]: accepting submissions; [`tolerance`]: allowed clock differences; [`keys`]: key notes; [`checkpoint`]; [`witness`]: cosigning requests; [`check`]: verifying a log from its tiles |
//! | prove | [`proof`]: self-contained inclusion proofs; [`cose`]: COSE receipts; [`receipt`]: receipts in any form; [`tenant`]: heads of tenant logs; [`merkle`]: RFC 6962 trees and tiles; [`note`]: signed notes and keys |
//! | basics | [`canonical`] JSON (RFC 8785), [`hash`] (SHA-256), [`ed25519`], [`ml_dsa`], [`base64`], [`hex`], [`integer`], [`time`], [`error`] |
//!
//! # Features
//!
//! | feature | default | effect |
//! | --- | --- | --- |
//! | `sign` | yes | Ed25519 signing. Without it, the caller signs ([`recorder::Recorder::to_sign`]) |
//! | `verify` | yes | reads and verifies exports; log rules; witnesses. Implies `prove` |
//! | `compress` | yes | gzip and zstd exports. Implies `verify` |
//! | `fast` | yes | faster Ed25519 signing, for 30 KB of tables |
//! | `prove` | no | trust files and proofs without Ed25519: the caller verifies the signatures |
//! | `js` | no | in WebAssembly, converts numbers with the JavaScript engine instead of built-in tables |
#![deny(missing_docs, unsafe_code)]

pub mod base64;
pub mod canonical;
#[cfg(feature = "verify")]
pub mod check;
#[cfg(feature = "prove")]
pub mod checkpoint;
#[cfg(all(feature = "prove", any(feature = "sign", feature = "verify")))]
pub mod cose;
mod diagnostic;
pub mod ed25519;
pub mod error;
pub mod event;
#[cfg(feature = "prove")]
mod expectation;
#[cfg(feature = "verify")]
pub mod export;
pub mod hash;
pub mod hex;
pub mod integer;
#[cfg_attr(not(feature = "verify"), allow(dead_code, reason = "only verifying scans whole lines"))]
mod json;
#[cfg(feature = "prove")]
pub mod keys;
pub mod link;
#[cfg(feature = "verify")]
#[cfg_attr(
    not(feature = "sign"),
    allow(dead_code, unused_imports, reason = "sealing an export grows a log too")
)]
pub mod log;
pub mod merkle;
pub mod ml_dsa;
pub mod note;
pub mod path;
pub mod phrases;
#[cfg(feature = "prove")]
pub mod pin;
#[cfg(feature = "prove")]
pub mod proof;
#[cfg(all(feature = "prove", any(feature = "sign", feature = "verify")))]
pub mod receipt;
pub mod recorder;
pub mod redaction;
#[cfg(feature = "verify")]
mod rights;
#[cfg(all(feature = "sign", feature = "verify"))]
pub mod seal;
#[cfg(feature = "prove")]
pub mod tenant;
pub mod time;
#[cfg(feature = "verify")]
pub mod tolerance;
#[cfg(feature = "prove")]
pub mod trust;
#[cfg(feature = "prove")]
mod verdict;
#[cfg(feature = "verify")]
pub mod verify;
#[cfg(feature = "verify")]
pub mod witness;
mod words;

pub use diagnostic::Diagnostic;
pub use error::{Code, Error};
