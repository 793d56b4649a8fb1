//! Readers, which believe only what the product's verifier says.

use countersign::checkpoint::SignedCheckpoint;
use countersign::export::{Item, Line, Withheld};
use countersign::link::ChainId;
use countersign::proof::Proof;
use countersign::tenant::{HeadProof, Receipt};
use countersign::trust::Trust;
use countersign::verify::{FindingCode, Options, Report, Severity, Verdict, Verification, Verifier};

use countersign_log::export::LiveState;

use crate::server::LiveView;

/// A reader.
#[derive(Default)]
pub struct Reader {
    /// The log that it reads.
    pub log: usize,
    /// The checkpoints that it pinned.
    pub pins: Vec<SignedCheckpoint>,
    /// The heads that it pinned, if it reads a tenant log.
    pub heads: Vec<HeadProof>,
    /// The live view that it has open.
    pub live: Option<LiveReader>,
}

/// A reader's side of a live view.
pub struct LiveReader {
    verifier: Verifier,
    /// The server's side; `None` while there is no connection.
    pub view: Option<LiveView>,
    /// The entry with which the view began.
    pub from: u64,
    /// The state with which an interrupted view is resumed.
    pub reached: Option<LiveState>,
    /// The entries so far.
    pub entries: Vec<ExportEntry>,
}

/// An entry of an export.
#[derive(Clone, Debug)]
pub struct ExportEntry {
    /// The index in the log.
    pub index: u64,
    /// The text of the entry.
    pub text: String,
    /// The chain and number of the link.
    pub place: (ChainId, u64),
    /// The event, if it is shown.
    pub event: Option<String>,
    /// The salt of the event.
    pub salt: Option<[u8; 16]>,
    /// True if its event was erased.
    pub erased: bool,
}

/// Verifies an export.
pub fn verify(export: &[u8], options: Options) -> Verification {
    let mut verifier = Verifier::new(options);
    verifier.push(export);
    verifier.finish()
}

/// Returns the entries of an export.
///
/// # Errors
/// If a line isn't one that a log of chains has.
pub fn entries(export: &[u8]) -> Result<Vec<ExportEntry>, String> {
    let text = str::from_utf8(export).map_err(|error| error.to_string())?;
    let (mut index, mut entries) = (0, Vec::new());
    for line in text.lines().skip(1) {
        let line = Line::parse(line).map_err(|error| error.to_string())?;
        match line.item {
            Item::Link { text, link, payload, withheld } => {
                entries.push(ExportEntry {
                    index,
                    text: text.into_owned(),
                    place: (link.chain(), link.seq()),
                    salt: payload.as_ref().map(|payload| payload.salt),
                    event: payload.map(|payload| payload.event.to_string()),
                    erased: withheld == Some(Withheld::Erased),
                });
                index += 1;
            }
            Item::Skip { level, .. } => index += 1 << level,
            Item::Checkpoint { .. } | Item::Head { .. } | Item::Anchor { .. } => {}
            Item::Note { .. } | Item::Leaf(_) => return Err("an entry is not a link".into()),
        }
    }
    Ok(entries)
}

/// Returns the index of the entry that a recorder's proof is about.
///
/// # Errors
/// If the proof is malformed.
pub fn receipt_index(proof: &str) -> Result<u64, String> {
    let index = if Receipt::is_receipt(proof) {
        Receipt::parse(proof).map(|receipt| receipt.index)
    } else {
        Proof::parse(proof).map(|proof| proof.index)
    };
    index.map_err(|error| error.to_string())
}

/// Returns the codes of the errors and warnings, without repetition.
pub fn problems(report: &Report) -> Vec<FindingCode> {
    let mut codes: Vec<FindingCode> = Vec::new();
    for finding in report.findings.iter().filter(|finding| finding.severity != Severity::Info) {
        if !codes.contains(&finding.code) {
            codes.push(finding.code);
        }
    }
    codes
}

/// Checks the report about what an honest log shows. `witnessed` is false if too few witnesses cosigned so far;
/// `complete` is false if the export need not be shown to be complete.
///
/// # Errors
/// If the verdict isn't the one that an honest log gets.
pub fn check_honest(report: &Report, witnessed: bool, complete: bool) -> Result<(), String> {
    let problems = problems(report);
    let expected = match report.verdict {
        Verdict::Verified => witnessed,
        Verdict::Partial => witnessed && !complete,
        Verdict::Broken => !witnessed && problems == [FindingCode::WitnessQuorum],
        // Nothing that could be checked: an empty log, a live view without a new event, or the proof of an erased one.
        Verdict::NotChecked => report.counts.events == 0 && (!complete || report.counts.entries == 0),
        _ => false,
    };
    let clean = problems.iter().all(|code| *code == FindingCode::WitnessQuorum);
    if expected && clean {
        return Ok(());
    }
    let findings: Vec<String> = report
        .findings
        .iter()
        .map(|finding| format!("{}: {}", finding.code.as_str(), finding.message))
        .collect();
    Err(format!(
        "an honest export got the verdict {}, witnessed: {witnessed}, complete: {complete}: {findings:?}",
        report.verdict.as_str()
    ))
}

impl LiveReader {
    /// Opens a view from an entry on.
    pub fn new(trust: Trust, view: LiveView, from: u64) -> Self {
        let verifier = Verifier::live(Options { trust, ..Options::default() });
        Self { verifier, view: Some(view), from, reached: None, entries: Vec::new() }
    }

    /// Reads server-sent events. Returns the report at the last checkpoint among them, if there is one.
    ///
    /// # Errors
    /// If an event is malformed.
    pub fn read(&mut self, stream: &[u8]) -> Result<Option<Verification>, String> {
        let text = str::from_utf8(stream).map_err(|error| error.to_string())?;
        let mut id = None;
        for line in text.lines() {
            if let Some(index) = line.strip_prefix("id: ") {
                id = LiveState::parse(index);
            } else if let Some(data) = line.strip_prefix("data: ") {
                self.verifier.push(data.as_bytes());
                self.verifier.push(b"\n");
                if let Some(reached) = id.take() {
                    let entry = entries(format!("\n{data}\n").as_bytes())?.pop();
                    let index = reached.size - 1;
                    self.entries.extend(entry.map(|entry| ExportEntry { index, ..entry }));
                    self.reached = Some(reached);
                }
            } else if !line.is_empty() {
                return Err(format!("unexpected line in a live view: {line:?}"));
            }
        }
        self.verifier.settle();
        Ok(self.verifier.report())
    }
}
