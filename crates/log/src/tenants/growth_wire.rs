//! The answers of `/growth`: a root log's ticks, as lines of JSON (SPEC section 16.10).

use std::fmt;

use countersign::hash::Hash;
use countersign::tenant::State;
use countersign::time::Time;
use countersign::{base64, hex, integer};
use serde::Deserialize;
use serde_json::json;

use super::heads::SlotHead;
use super::tenant::{TenantId, TenantNumber};

/// The value that identifies an answer.
const FORMAT: &str = "countersign/v1";
/// The maximum number of requested proofs in one request.
pub const MAX_PROOFS: usize = 1000;
/// The maximum size of a request for proofs, in bytes.
pub const MAX_PROOFS_BYTES: usize = 1 << 18;
/// The maximum number of ticks in an answer.
pub const MAX_TICKS: usize = 256;
/// The maximum number of changes in an answer, unless its first tick has more.
pub const MAX_CHANGES: usize = 16_384;
/// The maximum number of heads in a directory, and of changes in a tick.
const MAX_HEADS: u64 = 1 << 21;
/// The maximum size of an answer with ticks or a snapshot, in bytes. A million heads have 150 MB.
pub const MAX_ANSWER_BYTES: usize = 512 << 20;
/// The maximum size of an answer with proofs, in bytes.
pub const MAX_PROOFS_ANSWER_BYTES: usize = 4 << 20;
/// The maximum size of a line, in bytes. The longest proof has 3 KB.
const MAX_LINE_BYTES: usize = 16 << 10;
/// The maximum size of an origin, in bytes.
const MAX_ORIGIN_BYTES: usize = 255;

/// The first line of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The root log's origin.
    pub origin: String,
    /// The first tick whose changes the log server has.
    pub first: u64,
    /// The number of ticks.
    pub next: u64,
}

/// A tick without its heads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// The number of the tick.
    pub tick: u64,
    /// Its time.
    pub time: Time,
    /// Its secret.
    pub secret: [u8; 32],
    /// The directory's depth.
    pub depth: u8,
    /// The number of heads in the directory.
    pub heads: u64,
}

/// Doesn't show the secret.
impl fmt::Debug for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tick, time, secret: _, depth, heads } = self;
        f.debug_struct("Tick")
            .field("tick", tick)
            .field("time", time)
            .field("depth", depth)
            .field("heads", heads)
            .finish_non_exhaustive()
    }
}

/// A change of one tenant log at a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The ID in the tenant log's origin.
    pub id: TenantId,
    /// The new head. `None` if the log has no slot anymore.
    pub head: Option<SlotHead>,
    /// The number of entries before.
    pub from: u64,
    /// The consistency proof from there. `None` if the log server can't read the log at present.
    pub proof: Option<Vec<Hash>>,
}

/// A tick with its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickChanges {
    /// The tick.
    pub tick: Tick,
    /// The changes, ascending by ID.
    pub changes: Vec<Change>,
}

/// All heads at a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The tick.
    pub tick: Tick,
    /// The right edge of the root log before the tick's entry.
    pub edge: Vec<Hash>,
    /// The heads, ascending by ID.
    pub heads: Vec<SlotHead>,
}

/// An answer to `GET /growth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The first line.
    pub header: Header,
    /// All heads, if the log server doesn't have the requested ticks.
    pub snapshot: Option<Snapshot>,
    /// The ticks.
    pub ticks: Vec<TickChanges>,
}

/// A request for a consistency proof of a tenant log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofRequest {
    /// The ID in the tenant log's origin.
    pub id: TenantId,
    /// The smaller size.
    pub from: u64,
    /// The greater size.
    pub to: u64,
}

/// A reason why text isn't of the form of SPEC section 16.10.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the growth data is malformed: {why}")]
pub struct WireError {
    /// The line, from 1.
    pub line: usize,
    /// The reason.
    pub why: &'static str,
}

impl Header {
    /// Returns the line.
    pub fn to_line(&self) -> String {
        let Self { origin, first, next } = self;
        format!("{}\n", json!({ "growth": FORMAT, "origin": origin, "first": first, "next": next }))
    }
}

impl Tick {
    /// Returns the line of a snapshot, which its heads follow.
    pub fn to_snapshot_line(&self, edge: &[Hash]) -> String {
        let edge: Vec<String> = edge.iter().map(ToString::to_string).collect();
        let Self { tick, time, depth, heads, .. } = self;
        let secret = base64::encode(self.secret);
        let line = json!({ "snapshot": tick, "time": time.to_string(), "secret": secret, "depth": depth, "edge": edge, "heads": heads });
        format!("{line}\n")
    }

    /// Returns the line of a tick, which its changes follow.
    pub fn to_tick_line(&self, changes: usize) -> String {
        let Self { tick, time, depth, heads, .. } = self;
        let secret = base64::encode(self.secret);
        let line = json!({ "tick": tick, "time": time.to_string(), "secret": secret, "depth": depth, "heads": heads, "changes": changes });
        format!("{line}\n")
    }
}

/// Returns the line of a head in a snapshot.
pub fn head_line(head: &SlotHead) -> String {
    let (id, state) = (hex::encode(&head.id), head.state.as_str());
    format!("{{\"id\":\"{id}\",\"size\":{},\"root\":\"{}\",\"state\":\"{state}\"}}\n", head.size, head.root)
}

/// Returns the line of a change.
pub fn change_line(change: &Change) -> String {
    let id = hex::encode(&change.id);
    let Some(head) = &change.head else { return format!("{{\"id\":\"{id}\",\"gone\":true}}\n") };
    let (size, from, root, state) = (head.size, change.from, head.root, head.state.as_str());
    let proof = proof_json(change.proof.as_deref());
    format!(
        "{{\"id\":\"{id}\",\"size\":{size},\"root\":\"{root}\",\"state\":\"{state}\",\"from\":{from},\"proof\":{proof}}}\n"
    )
}

/// Returns the line of a requested proof. `None` stands for one that can't be made at present.
pub fn proof_line(id: &TenantId, proof: Option<&[Hash]>) -> String {
    format!("{{\"id\":\"{}\",\"proof\":{}}}\n", hex::encode(id), proof_json(proof))
}

fn proof_json(proof: Option<&[Hash]>) -> String {
    let Some(hashes) = proof else { return "null".to_owned() };
    let hashes: Vec<String> = hashes.iter().map(|hash| format!("\"{hash}\"")).collect();
    format!("[{}]", hashes.join(","))
}

#[derive(Deserialize)]
struct RawHeader {
    growth: String,
    origin: String,
    first: u64,
    next: u64,
}

#[derive(Deserialize)]
struct RawTick {
    snapshot: Option<u64>,
    tick: Option<u64>,
    time: String,
    secret: String,
    depth: u8,
    #[serde(default)]
    edge: Vec<String>,
    heads: u64,
    changes: Option<u64>,
}

impl RawTick {
    fn read(&self, tick: u64) -> Option<Tick> {
        let time = Time::parse(self.time.as_bytes())?;
        let secret = base64::decode_array(&self.secret)?;
        let (depth, heads) = (self.depth, self.heads);
        (tick <= integer::MAX && heads <= MAX_HEADS).then_some(Tick { tick, time, secret, depth, heads })
    }
}

#[derive(Deserialize)]
struct RawHead {
    id: String,
    size: Option<u64>,
    root: Option<String>,
    state: Option<String>,
    #[serde(default)]
    gone: bool,
    #[serde(default)]
    from: u64,
    proof: Option<Vec<String>>,
}

impl RawHead {
    fn id(&self) -> Option<TenantId> {
        hex::decode(self.id.as_bytes())
    }

    fn head(&self) -> Option<SlotHead> {
        let root = Hash::from_base64(self.root.as_deref()?)?;
        let state = State::parse(self.state.as_deref()?)?;
        let size = self.size.filter(|size| *size <= integer::MAX)?;
        // A reader doesn't know the numbers of tenants.
        Some(SlotHead { id: self.id()?, number: TenantNumber::MAX, size, root, state })
    }

    fn change(&self) -> Option<Change> {
        let id = self.id()?;
        if self.gone {
            return Some(Change { id, head: None, from: 0, proof: Some(Vec::new()) });
        }
        let head = self.head()?;
        let proof = self.proof()?;
        let needs_proof = self.from > 0 && self.from < head.size;
        let is_well_formed = needs_proof || proof.as_ref().is_some_and(Vec::is_empty);
        is_well_formed.then_some(Change { id, head: Some(head), from: self.from, proof })
    }

    /// Returns the proof, which may be absent.
    fn proof(&self) -> Option<Option<Vec<Hash>>> {
        self.proof.as_ref().map_or(Some(None), |proof| parse_hashes(proof).map(Some))
    }
}

fn parse_hashes(hashes: &[String]) -> Option<Vec<Hash>> {
    if hashes.len() > countersign::witness::MAX_PROOF {
        return None;
    }
    hashes.iter().map(Hash::from_base64).collect()
}

/// The lines of an answer.
struct Lines<'a> {
    lines: std::str::Lines<'a>,
    at: usize,
}

impl<'a> Lines<'a> {
    fn new(body: &'a [u8]) -> Result<Self, WireError> {
        let text = str::from_utf8(body).map_err(|_| WireError { line: 1, why: "it is not UTF-8" })?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(WireError { line: text.lines().count(), why: "it is cut off" });
        }
        Ok(Self { lines: text.lines(), at: 0 })
    }

    fn next<T: Deserialize<'a>>(&mut self) -> Result<Option<T>, WireError> {
        let Some(line) = self.lines.next() else { return Ok(None) };
        self.at += 1;
        if line.len() > MAX_LINE_BYTES {
            return Err(self.error("it is too long"));
        }
        serde_json::from_str(line).map(Some).map_err(|_| self.error("it doesn't have the required fields"))
    }

    fn expect<T: Deserialize<'a>>(&mut self) -> Result<T, WireError> {
        self.next()?.ok_or(WireError { line: self.at + 1, why: "it is missing" })
    }

    fn error(&self, why: &'static str) -> WireError {
        WireError { line: self.at, why }
    }

    fn heads<T>(
        &mut self,
        count: u64,
        read: impl Fn(&RawHead) -> Option<T>,
        id: impl Fn(&T) -> TenantId,
    ) -> Result<Vec<T>, WireError> {
        let mut heads: Vec<T> = Vec::new();
        for _ in 0..count {
            let raw: RawHead = self.expect()?;
            let head = read(&raw).ok_or_else(|| self.error("it isn't a head"))?;
            if heads.last().is_some_and(|last| id(last) >= id(&head)) {
                return Err(self.error("the IDs don't ascend"));
            }
            heads.push(head);
        }
        Ok(heads)
    }
}

impl Answer {
    /// Parses an answer. Checks only its form.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut lines = Lines::new(body)?;
        let RawHeader { growth, origin, first, next } = lines.expect()?;
        if growth != FORMAT {
            return Err(lines.error("the format is unknown"));
        }
        if origin.len() > MAX_ORIGIN_BYTES || first > next || next > integer::MAX {
            return Err(lines.error("it isn't the first line of an answer"));
        }
        let mut answer = Self { header: Header { origin, first, next }, snapshot: None, ticks: Vec::new() };
        while let Some(raw) = lines.next::<RawTick>()? {
            let malformed = lines.error("it isn't a tick");
            match (raw.snapshot, raw.tick, raw.changes) {
                (Some(tick), None, None) if answer.snapshot.is_none() && answer.ticks.is_empty() => {
                    let tick = raw.read(tick).ok_or_else(|| malformed.clone())?;
                    let edge = parse_hashes(&raw.edge).ok_or(malformed)?;
                    let heads = lines.heads(tick.heads, RawHead::head, |head| head.id)?;
                    answer.snapshot = Some(Snapshot { tick, edge, heads });
                }
                (None, Some(tick), Some(count)) if answer.snapshot.is_none() && count <= MAX_HEADS => {
                    answer.check_limits(tick, count).map_err(|why| lines.error(why))?;
                    let tick = raw.read(tick).ok_or(malformed)?;
                    let changes = lines.heads(count, RawHead::change, |change| change.id)?;
                    answer.ticks.push(TickChanges { tick, changes });
                }
                _ => return Err(malformed),
            }
        }
        Ok(answer)
    }

    /// Checks that a tick with so many changes may come next.
    fn check_limits(&self, tick: u64, changes: u64) -> Result<(), &'static str> {
        let Some(last) = self.ticks.last() else { return Ok(()) };
        let before: usize = self.ticks.iter().map(|tick| tick.changes.len()).sum();
        if tick != last.tick.tick + 1 {
            return Err("it isn't the next tick");
        }
        if self.ticks.len() == MAX_TICKS || before as u64 + changes > MAX_CHANGES as u64 {
            return Err("there are too many ticks or changes");
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct RawProofRequest {
    id: String,
    from: u64,
    to: u64,
}

impl ProofRequest {
    /// Returns the line.
    pub fn to_line(&self) -> String {
        format!("{{\"id\":\"{}\",\"from\":{},\"to\":{}}}\n", hex::encode(&self.id), self.from, self.to)
    }

    /// Parses the body of a request.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn parse_all(body: &[u8]) -> Result<Vec<Self>, WireError> {
        let mut lines = Lines::new(body)?;
        let mut requests = Vec::new();
        while let Some(RawProofRequest { id, from, to }) = lines.next()? {
            let id = hex::decode(id.as_bytes()).ok_or_else(|| lines.error("the ID is not 32 hex digits"))?;
            if from > to || to > integer::MAX {
                return Err(lines.error("the sizes don't ascend"));
            }
            if requests.len() == MAX_PROOFS {
                return Err(lines.error("the request has more than 1000 lines"));
            }
            requests.push(Self { id, from, to });
        }
        if requests.is_empty() {
            return Err(WireError { line: 1, why: "the request is empty" });
        }
        Ok(requests)
    }
}

/// Parses the answer to a request for proofs, in the order of the requests. `None` stands for a proof that the log server
/// can't make at present.
///
/// # Errors
/// [`WireError`], also if it has other logs than the requests.
pub fn parse_proofs(body: &[u8], requests: &[ProofRequest]) -> Result<Vec<Option<Vec<Hash>>>, WireError> {
    let mut lines = Lines::new(body)?;
    let mut proofs = Vec::new();
    for request in requests {
        let raw: RawHead = lines.expect()?;
        let proof = raw.proof().filter(|_| raw.id() == Some(request.id));
        proofs.push(proof.ok_or_else(|| lines.error("it isn't the requested proof"))?);
    }
    match lines.next::<RawHead>()? {
        None => Ok(proofs),
        Some(_) => Err(lines.error("it wasn't requested")),
    }
}
