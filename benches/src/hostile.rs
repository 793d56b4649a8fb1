//! Hostile exports, which cost their verifier as much as possible. Each consists of many copies of one
//! thing, or of two things that might be compared pairwise.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use countersign::checkpoint::Checkpoint;
use countersign::export::Header;
use countersign::export::writer::Writer;
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::link::{self, ChainId, commit};
use countersign::merkle::{CompactRange, leaf_hash};
use countersign::note::{SignatureLine, SignerKey};
use countersign::pin::Pin;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{Options, parallel};

use crate::generate::{ORIGIN, time};
use crate::usage::{memory, on_processor};

/// A hostile shape.
pub(crate) struct Shape {
    /// The repeated parts, in words.
    pub(crate) name: &'static str,
    /// The number of parts that takes some tenths of a second.
    pub(crate) count: u64,
    write: fn(&mut Export, u64) -> Result<()>,
}

pub(crate) const SHAPES: &[Shape] = &[
    Shape { name: "chains of one key", count: 4_000, write: chains },
    Shape { name: "chains of as many keys", count: 4_000, write: keys },
    Shape { name: "chains, then revocations", count: 1_000, write: chains_then_revocations },
    Shape { name: "revocations, then chains", count: 1_000, write: revocations_then_chains },
    Shape { name: "chains and revocations in turn", count: 1_000, write: chains_and_revocations },
    Shape { name: "grants, then chains", count: 1_000, write: grants_then_chains },
    Shape { name: "chains, then grants", count: 1_000, write: chains_then_grants },
    Shape { name: "chains and grants in turn", count: 1_000, write: chains_and_grants },
    Shape { name: "chains that go on after grants", count: 500, write: chains_go_on },
    Shape { name: "chains, checkpoints, revocations", count: 500, write: chains_checkpoints_revocations },
    Shape { name: "revocations in the trust file", count: 1_000, write: revocations_in_trust },
    Shape { name: "forks", count: 40_000, write: forks },
    Shape { name: "gaps", count: 40_000, write: gaps },
    Shape { name: "gaps with skips in them", count: 40_000, write: gaps_with_skips },
    Shape { name: "chains alike in front", count: 40_000, write: chains_alike_in_front },
    Shape { name: "chains alike at the end", count: 40_000, write: chains_alike_at_the_end },
    Shape { name: "links without a signature", count: 40_000, write: unsigned },
    Shape { name: "chains, two by two links", count: 2_000, write: interleaved },
    Shape { name: "checkpoints of 64 signatures", count: 60, write: checkpoints },
    Shape { name: "checkpoints and pins", count: 2_000, write: pins },
    Shape { name: "notes of 64 signatures", count: 100, write: notes },
    Shape { name: "notes of 500 statements", count: 50, write: statements },
    Shape { name: "skips", count: 100_000, write: skips },
    Shape { name: "opaque leaves", count: 100_000, write: leaves },
    Shape { name: "blank lines", count: 4_000_000, write: blank_lines },
    Shape { name: "lines of 1 MiB", count: 100, write: long_lines },
    Shape { name: "lines above 1 MiB", count: 100, write: too_long_lines },
    Shape { name: "lines that nest", count: 40, write: nested_lines },
    Shape { name: "members of a line", count: 20_000, write: members_of_a_line },
    Shape { name: "members of an event", count: 5_000, write: members_of_an_event },
    Shape { name: "members of an event, backwards", count: 2_000, write: members_backwards },
    Shape { name: "members of one name", count: 5_000, write: members_of_one_name },
    Shape { name: "events of numbers", count: 40, write: numbers },
    Shape { name: "digits of a number", count: 60_000, write: digits },
    Shape { name: "events of escapes", count: 80, write: escapes },
    Shape { name: "gzip members of one byte", count: 500_000, write: gzip_members },
    Shape { name: "zstd frames of one byte", count: 200_000, write: zstd_frames },
    Shape { name: "zstd blocks that grow", count: 100, write: zstd_blocks },
];

/// Writes an export of that shape into a folder, with `trust.txt` and `pins.txt`.
pub(crate) fn write(shape: &str, count: u64, folder: &Path) -> Result<()> {
    let shape = SHAPES.iter().find(|known| known.name == shape).context("no such shape")?;
    fs::create_dir_all(folder)?;
    let mut export = Export::create(&folder.join("export"))?;
    (shape.write)(&mut export, count)?;
    export.flush()?;
    export.file.flush()?;
    fs::write(folder.join("trust.txt"), export.trust.join("\n"))?;
    fs::write(folder.join("pins.txt"), export.pins.join("\0"))?;
    Ok(())
}

/// Verifies the export. Returns the processor time in seconds, which other load doesn't affect, and the
/// maximum resident size of this process in bytes.
pub(crate) fn verify(folder: &Path) -> Result<(f64, u64)> {
    let trust = Trust::parse(&fs::read(folder.join("trust.txt"))?)?;
    let pins = fs::read_to_string(folder.join("pins.txt"))?;
    let pins = pins.split_terminator('\0').map(Pin::parse).collect::<Result<_, _>>()?;
    let options = Options { trust, pins, events: true, findings: true, ..Options::default() };
    let file = File::open(folder.join("export"))?;
    let start = on_processor()?;
    parallel::verify(file, options, 1, |_| (), |_| ())?;
    Ok((on_processor()?.saturating_sub(start).as_secs_f64(), memory("VmHWM")?))
}

/// The number of bytes of lines that are buffered before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// An export being written.
struct Export {
    path: PathBuf,
    file: BufWriter<File>,
    lines: Writer,
    tree: CompactRange,
    trust: Vec<String>,
    pins: Vec<String>,
    log: SignerKey,
    issuer: SignerKey,
    emitter: SignerKey,
}

impl Export {
    fn create(path: &Path) -> Result<Self> {
        let issuer = SignerKey::from_seed("bench.example", [2; 32])?;
        let log = SignerKey::from_seed(ORIGIN, [1; 32])?;
        let mut export = Self {
            path: path.to_owned(),
            file: BufWriter::new(File::create(path)?),
            lines: Writer::new(),
            tree: CompactRange::new(),
            trust: vec![format!("log {}", log.verifier_key()), format!("issuer {}", issuer.verifier_key())],
            pins: Vec::new(),
            log,
            issuer,
            emitter: SignerKey::from_seed("bench.example/1", [3; 32])?,
        };
        export.lines.header(&Header { origin: ORIGIN.into(), range: None });
        Ok(export)
    }

    fn flush(&mut self) -> Result<()> {
        self.file.write_all(self.lines.as_bytes())?;
        self.lines.clear();
        Ok(())
    }

    fn leaf(&mut self, leaf: &[u8]) -> Result<Hash> {
        let hash = leaf_hash(leaf);
        self.tree.append(hash);
        if self.lines.as_bytes().len() >= WRITE_BYTES {
            self.flush()?;
        }
        Ok(hash)
    }

    /// Writes a raw line.
    fn raw(&mut self, line: &[u8]) -> Result<()> {
        self.flush()?;
        self.file.write_all(line)?;
        Ok(self.file.write_all(b"\n")?)
    }

    fn open(&mut self, nth: u64) -> Result<Chain> {
        let text = open(&self.emitter, nth)?;
        self.put_open(&text)
    }

    fn put_open(&mut self, text: &str) -> Result<Chain> {
        self.lines.link(text);
        let prev = self.leaf(text.as_bytes())?;
        Ok(Chain { id: ChainId::of_open(&prev), seq: 0, prev })
    }

    /// Writes an event link without its event.
    fn event(&mut self, chain: &mut Chain, nth: u64, signed: bool) -> Result<()> {
        chain.seq += 1;
        let mut text = link::write_event(chain.id, chain.seq, time(nth)?, &chain.prev, &number(nth));
        if signed {
            text = self::signed(text, &self.emitter);
        }
        self.lines.withheld(&text, None);
        chain.prev = self.leaf(text.as_bytes())?;
        Ok(())
    }

    /// Writes a chain of one event.
    fn payload(&mut self, event: &str, canonical: &[u8]) -> Result<()> {
        let Chain { id, prev, .. } = self.open(0)?;
        let salt = [0; 16];
        let text = link::write_event(id, 1, time(0)?, &prev, &commit(&salt, canonical));
        let text = signed(text, &self.emitter);
        self.lines.event(&text, &salt, event);
        self.leaf(text.as_bytes()).map(drop)
    }

    fn note(&mut self, statements: &[Statement], by_issuer: bool) -> Result<()> {
        let signer = if by_issuer { &self.issuer } else { &self.emitter };
        let note = KeyNote::sign(ORIGIN, statements, signer)?;
        self.put_note(&note)
    }

    fn put_note(&mut self, note: &str) -> Result<()> {
        self.lines.note(note);
        self.leaf(note.as_bytes()).map(drop)
    }

    /// Writes the emitter's revocation of itself, which needs no trust in another key.
    fn revoke(&mut self, nth: u64) -> Result<()> {
        let key = self.emitter.verifier_key().clone();
        self.note(&[Statement::Revoke { key, since: Some(before(nth)?) }], false)
    }

    fn grant(&mut self, nth: u64) -> Result<()> {
        let key = self.emitter.verifier_key().clone();
        // No two grants overlap or touch.
        let (from, until) = (Some(time(2 * nth)?), Some(time(2 * nth + 1)?));
        self.note(&[Statement::Grant { key, from, until }], true)
    }

    fn seal(&self) -> Result<(Checkpoint, String)> {
        let root = self.tree.root().context("a log that begins at its beginning")?;
        let checkpoint = Checkpoint::new(ORIGIN, self.tree.end(), root)?;
        let text = checkpoint.sign(&self.log)?;
        Ok((checkpoint, text))
    }

    fn checkpoint(&mut self) -> Result<()> {
        let (_, text) = self.seal()?;
        self.lines.checkpoint(&text);
        Ok(())
    }

    /// Discards and returns the lines written so far, so that other bytes can replace them.
    fn replace(&mut self) -> Result<Vec<u8>> {
        self.flush()?;
        self.file.flush()?;
        let written = fs::read(&self.path)?;
        self.file = BufWriter::new(File::create(&self.path)?);
        Ok(written)
    }
}

struct Chain {
    id: ChainId,
    seq: u64,
    prev: Hash,
}

/// Returns a time before all chains and before that of the previous number, so that each revocation goes
/// further back than the ones before.
fn before(nth: u64) -> Result<Time> {
    let millis = time(0)?.millis() - 1 - i64::try_from(nth)?;
    Time::from_millis(millis).context("a time")
}

fn number(nth: u64) -> Hash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&nth.to_be_bytes());
    Hash(hash)
}

fn open(key: &SignerKey, nth: u64) -> Result<String> {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&nth.to_be_bytes());
    Ok(signed(link::write_open(ORIGIN, key.verifier_key(), time(nth)?, &nonce), key))
}

fn signed(mut text: String, key: &SignerKey) -> String {
    let signature = key.sign(text.as_bytes());
    link::append_signature(&mut text, &signature);
    text
}

fn chains(export: &mut Export, count: u64) -> Result<()> {
    (0..count).try_for_each(|nth| export.open(nth).map(drop))
}

fn seeded(nth: u64) -> Result<SignerKey> {
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&nth.to_be_bytes());
    Ok(SignerKey::from_seed(&format!("bench.example/{nth}"), seed)?)
}

fn keys(export: &mut Export, count: u64) -> Result<()> {
    (0..count).try_for_each(|nth| export.put_open(&open(&seeded(nth)?, nth)?).map(drop))
}

fn revocations(export: &mut Export, count: u64) -> Result<()> {
    (0..count).try_for_each(|nth| export.revoke(nth))
}

fn chains_then_revocations(export: &mut Export, count: u64) -> Result<()> {
    chains(export, count)?;
    revocations(export, count)
}

fn revocations_then_chains(export: &mut Export, count: u64) -> Result<()> {
    revocations(export, count)?;
    chains(export, count)
}

fn chains_and_revocations(export: &mut Export, count: u64) -> Result<()> {
    (0..count).try_for_each(|nth| {
        export.open(nth)?;
        export.revoke(nth)
    })
}

fn grants(export: &mut Export, count: u64) -> Result<()> {
    (0..count).try_for_each(|nth| export.grant(nth))
}

fn grants_then_chains(export: &mut Export, count: u64) -> Result<()> {
    grants(export, count)?;
    chains(export, count)
}

fn chains_then_grants(export: &mut Export, count: u64) -> Result<()> {
    chains(export, count)?;
    grants(export, count)
}

fn chains_and_grants(export: &mut Export, count: u64) -> Result<()> {
    (0..count).try_for_each(|nth| {
        export.grant(nth)?;
        export.open(nth).map(drop)
    })
}

fn chains_go_on(export: &mut Export, count: u64) -> Result<()> {
    grants(export, count)?;
    let mut chains = (0..count).map(|nth| export.open(nth)).collect::<Result<Vec<_>>>()?;
    grants(export, count)?;
    for chain in &mut chains {
        export.event(chain, 2 * count, true)?;
        export.event(chain, 4 * count, true)?;
    }
    Ok(())
}

fn chains_checkpoints_revocations(export: &mut Export, count: u64) -> Result<()> {
    let witness = SignerKey::witness_from_seed("w.example", [4; 32])?;
    export.trust.push(format!("witness w {}", witness.verifier_key()));
    export.trust.push("quorum w".into());
    for nth in 0..count {
        export.open(nth)?;
        let (checkpoint, text) = export.seal()?;
        let seconds = time(1000 * nth)?.millis().unsigned_abs() / 1000;
        export.lines.checkpoint(&(text + &checkpoint.cosign(&witness, seconds)?));
    }
    revocations(export, count)
}

fn revocations_in_trust(export: &mut Export, count: u64) -> Result<()> {
    for nth in 0..count {
        export.trust.push(format!("revoke {} {}", export.emitter.verifier_key(), before(nth)?));
    }
    chains(export, count)
}

fn forks(export: &mut Export, count: u64) -> Result<()> {
    let Chain { id, prev, .. } = export.open(0)?;
    (0..count).try_for_each(|nth| export.event(&mut Chain { id, seq: 0, prev }, nth, false))
}

fn gaps(export: &mut Export, count: u64) -> Result<()> {
    let mut chain = export.open(0)?;
    (0..count).try_for_each(|nth| {
        chain.seq += 1;
        export.event(&mut chain, nth, false)
    })
}

fn gaps_with_skips(export: &mut Export, count: u64) -> Result<()> {
    let mut chain = export.open(0)?;
    (0..count).try_for_each(|nth| {
        export.lines.skip(0, &number(nth));
        export.tree.append(number(nth));
        chain.seq += 1;
        export.event(&mut chain, nth, false)
    })
}

/// Writes chains without an open link, whose names their maker chooses.
fn named(export: &mut Export, count: u64, name: impl Fn([u8; 8]) -> [u8; 16]) -> Result<()> {
    (0..count).try_for_each(|nth| {
        let id = ChainId(name(nth.to_be_bytes()));
        export.event(&mut Chain { id, seq: 0, prev: number(0) }, nth, false)
    })
}

fn chains_alike_in_front(export: &mut Export, count: u64) -> Result<()> {
    named(export, count, |number| {
        let mut name = [7; 16];
        name[8..].copy_from_slice(&number);
        name
    })
}

fn chains_alike_at_the_end(export: &mut Export, count: u64) -> Result<()> {
    named(export, count, |number| {
        let mut name = [7; 16];
        name[..8].copy_from_slice(&number);
        name
    })
}

fn unsigned(export: &mut Export, count: u64) -> Result<()> {
    let mut chain = export.open(0)?;
    (0..count).try_for_each(|nth| export.event(&mut chain, nth, false))
}

fn interleaved(export: &mut Export, count: u64) -> Result<()> {
    let mut chains = (0..count).map(|nth| export.open(nth)).collect::<Result<Vec<_>>>()?;
    for signed in [false, true] {
        chains.iter_mut().zip(0..).try_for_each(|(chain, nth)| export.event(chain, nth, signed))?;
    }
    Ok(())
}

fn checkpoints(export: &mut Export, count: u64) -> Result<()> {
    let witnesses = (0..63_u8)
        .map(|n| SignerKey::witness_from_seed(&format!("w{n}.example"), [100 + n; 32]))
        .collect::<Result<Vec<_>, _>>()?;
    for (number, witness) in witnesses.iter().enumerate() {
        export.trust.push(format!("witness w{number} {}", witness.verifier_key()));
    }
    let names: Vec<String> = (0..63).map(|number| format!("w{number}")).collect();
    export.trust.push(format!("group all 40 {}", names.join(" ")));
    export.trust.push("quorum all".into());
    for nth in 0..count {
        export.open(nth)?;
        let (checkpoint, mut text) = export.seal()?;
        for (number, witness) in (0..).zip(&witnesses) {
            text += &checkpoint.cosign(witness, 1_795_000_000 + number)?;
        }
        export.lines.checkpoint(&text);
    }
    Ok(())
}

fn pins(export: &mut Export, count: u64) -> Result<()> {
    for nth in 0..count {
        export.open(nth)?;
        export.checkpoint()?;
        let (_, pin) = export.seal()?;
        export.pins.push(pin);
    }
    Ok(())
}

fn notes(export: &mut Export, count: u64) -> Result<()> {
    // All have a trusted name and key ID, but none is valid.
    for nth in 0..63_u8 {
        let issuer = SignerKey::from_seed(&format!("bench{nth}.example"), [100 + nth; 32])?;
        export.trust.push(format!("issuer {}", issuer.verifier_key()));
    }
    let trust = Trust::parse(export.trust.join("\n").as_bytes())?;
    for nth in 0..count {
        let key = export.emitter.verifier_key().clone();
        let statement = Statement::Revoke { key, since: Some(time(nth)?) };
        let mut note = KeyNote::sign(ORIGIN, &[statement], &export.emitter)?;
        for issuer in trust.issuers().iter().take(63) {
            note += &SignatureLine::new(issuer, &[1; 64]).to_string();
        }
        export.put_note(&note)?;
    }
    Ok(())
}

fn statements(export: &mut Export, count: u64) -> Result<()> {
    let keys = (0..500).map(seeded).collect::<Result<Vec<_>>>()?;
    for nth in 0..count {
        let statement = |key: &SignerKey| {
            let (key, until) = (key.verifier_key().clone(), Some(time(nth + 1)?));
            Ok(Statement::Grant { key, from: Some(time(nth)?), until })
        };
        let statements = keys.iter().map(statement).collect::<Result<Vec<_>>>()?;
        export.note(&statements, true)?;
    }
    Ok(())
}

fn skips(export: &mut Export, count: u64) -> Result<()> {
    (0..count).try_for_each(|nth| {
        export.lines.skip(0, &number(nth));
        export.leaf(&[]).map(drop)
    })
}

fn leaves(export: &mut Export, count: u64) -> Result<()> {
    (0..count).try_for_each(|nth| {
        export.lines.leaf(&nth.to_be_bytes());
        export.leaf(&nth.to_be_bytes()).map(drop)
    })
}

fn blank_lines(export: &mut Export, count: u64) -> Result<()> {
    (0..count).try_for_each(|_| export.raw(b""))
}

const MEBIBYTE: usize = 1 << 20;

fn long_lines(export: &mut Export, count: u64) -> Result<()> {
    let line = format!("{{\"x\":\"{}\"}}", "y".repeat(MEBIBYTE - 8));
    (0..count).try_for_each(|_| export.raw(line.as_bytes()))
}

fn too_long_lines(export: &mut Export, count: u64) -> Result<()> {
    let line = vec![b' '; MEBIBYTE + 1];
    (0..count).try_for_each(|_| export.raw(&line))
}

fn nested_lines(export: &mut Export, count: u64) -> Result<()> {
    let nest = format!("{}0{},", "{\"a\":[".repeat(31), "]}".repeat(31));
    let line = format!("{{\"x\":[{}0]}}", nest.repeat((MEBIBYTE - 16) / nest.len()));
    (0..count).try_for_each(|_| export.raw(line.as_bytes()))
}

fn members_of_a_line(export: &mut Export, count: u64) -> Result<()> {
    let members: Vec<String> = (0..count).map(|nth| format!("\"{nth:x}\":0")).collect();
    let line = format!("{{{}}}", members.join(","));
    (0..40).try_for_each(|_| export.raw(line.as_bytes()))
}

/// Writes two hundred events with many members.
fn members(export: &mut Export, names: impl Iterator<Item = u64>) -> Result<()> {
    let members: Vec<String> = names.map(|name| format!("\"{name:08}\":0")).collect();
    let event = format!("{{{}}}", members.join(","));
    let mut sorted = members;
    sorted.sort();
    let canonical = format!("{{{}}}", sorted.join(","));
    (0..200).try_for_each(|_| export.payload(&event, canonical.as_bytes()))
}

fn members_of_an_event(export: &mut Export, count: u64) -> Result<()> {
    members(export, 0..count)
}

fn members_backwards(export: &mut Export, count: u64) -> Result<()> {
    members(export, (0..count).rev())
}

fn members_of_one_name(export: &mut Export, count: u64) -> Result<()> {
    members(export, (0..count).map(|_| 0))
}

/// The maximum size of an event in bytes, without its braces and its member's name.
const EVENT_ROOM: usize = 262_000;

fn numbers(export: &mut Export, count: u64) -> Result<()> {
    let number = "0.000000000000000000000000000000000000000000012345678901234567890123456789e-200,";
    let event = format!("{{\"a\":[{}0]}}", number.repeat(EVENT_ROOM / number.len()));
    (0..count).try_for_each(|_| export.payload(&event, b"a different event"))
}

fn digits(export: &mut Export, count: u64) -> Result<()> {
    let event = format!("{{\"a\":0.{}}}", "7".repeat(usize::try_from(count)?));
    (0..100).try_for_each(|_| export.payload(&event, b"a different event"))
}

fn escapes(export: &mut Export, count: u64) -> Result<()> {
    let event = format!("{{\"a\":\"{}\"}}", "\\u00e9\\ud83d\\ude00".repeat(EVENT_ROOM / 18));
    (0..count).try_for_each(|_| export.payload(&event, b"a different event"))
}

/// Creates a gzip member that stores these bytes uncompressed.
fn member(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let length = u16::try_from(bytes.len())?;
    let mut member = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01".to_vec();
    member.extend_from_slice(&length.to_le_bytes());
    member.extend_from_slice(&(!length).to_le_bytes());
    member.extend_from_slice(bytes);
    member.extend_from_slice(&(!crc).to_le_bytes());
    member.extend_from_slice(&u32::from(length).to_le_bytes());
    Ok(member)
}

fn gzip_members(export: &mut Export, count: u64) -> Result<()> {
    let header = export.replace()?;
    export.file.write_all(&member(&header)?)?;
    let tiny = member(b"\n")?;
    (0..count).try_for_each(|_| Ok(export.file.write_all(&tiny)?))
}

/// Creates a zstd frame of one block of kind 0 (raw bytes) or 1 (one repeated byte).
fn frame(kind: u8, bytes: &[u8]) -> Result<Vec<u8>> {
    let Ok(length) = u8::try_from(bytes.len()) else { bail!("the content is longer than 255 bytes") };
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, length];
    frame.extend_from_slice(&(u32::from(length) << 3 | u32::from(kind) << 1 | 1).to_le_bytes()[..3]);
    frame.extend_from_slice(bytes);
    Ok(frame)
}

fn zstd_frames(export: &mut Export, count: u64) -> Result<()> {
    let header = export.replace()?;
    export.file.write_all(&frame(0, &header)?)?;
    let tiny = frame(0, b"\n")?;
    (0..count).try_for_each(|_| Ok(export.file.write_all(&tiny)?))
}

/// Writes one frame of blocks of 128 KiB, each a repeated byte.
fn zstd_blocks(export: &mut Export, count: u64) -> Result<()> {
    let header = export.replace()?;
    export.file.write_all(&frame(0, &header)?)?;
    // A window of 128 KiB, and no content size.
    export.file.write_all(&[0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3])?;
    for nth in 1..=count {
        let block = (128_u32 << 10) << 3 | 1 << 1 | u32::from(nth == count);
        export.file.write_all(&block.to_le_bytes()[..3])?;
        export.file.write_all(b"\n")?;
    }
    Ok(())
}
