//! The findings of an export as one JSON document, the same from the CLI and the browser
//! (docs/detection.md).

use countersign::canonical::write_string;
use countersign::hash::Hash;

use crate::analyzer::ENGINE;
use crate::counter::counted;
use crate::coverage::Coverage;
use crate::finding::Finding;
use crate::limit::Limit;
use crate::pack::Pack;
use crate::score::Scored;

/// The format's identifier.
const FORMAT: &str = "findings/v1";

/// Facts about the export that was analyzed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportFacts {
    /// The log's origin, if the export contains it.
    pub origin: Option<String>,
    /// The size and root of the log, if the export contains a checkpoint.
    pub log: Option<(u64, String)>,
    /// The verdict of verification.
    pub verdict: String,
    /// The range of entries for which the export is proven to be complete.
    pub complete: Option<[u64; 2]>,
    /// The number of events analyzed.
    pub events: u64,
}

/// The document's contents other than the findings.
#[derive(Clone, Copy, Debug)]
pub struct FindingsDocument<'a> {
    /// The export that was analyzed.
    pub seen: &'a ExportFacts,
    /// The rules that were applied.
    pub pack: &'a Pack,
    /// The number of events that no parser recognized.
    pub unparsed: u64,
    /// The digest of all findings (see [`Analysis`](crate::Analysis)).
    pub digest: &'a Hash,
    /// Events from the future (see [`Analysis`](crate::Analysis)).
    pub future: Option<(u64, u64)>,
    /// Work skipped for lack of memory (see [`Analysis`](crate::Analysis)).
    pub limits: &'a [Limit],
    /// The scores of identities (see [`Analysis`](crate::Analysis)).
    pub identities: &'a [Scored],
    /// The scores of sessions (see [`Analysis`](crate::Analysis)).
    pub sessions: &'a [Scored],
    /// The events that the rules could evaluate.
    pub coverage: &'a Coverage,
}

/// The maximum number of identities listed, and of sessions.
const MAX_SCORED: usize = 1000;

impl FindingsDocument<'_> {
    /// Writes the part before the findings.
    pub fn begin(&self, out: &mut Vec<u8>) {
        let ExportFacts { complete, events, .. } = self.seen;
        out.extend(b"{\"complete\":");
        match complete {
            Some([first, end]) => out.extend(format!("[{first},{end}]").bytes()),
            None => out.extend(b"null"),
        }
        let digest = self.digest;
        out.extend(format!(",\"countersign\":\"{FORMAT}\",\"coverage\":").bytes());
        self.coverage.write_json(false, out);
        out.extend(
            format!(",\"digest\":\"{digest}\",\"engine\":\"{ENGINE}\",\"events\":{events},\"findings\":[")
                .bytes(),
        );
    }

    /// Writes the part after the findings, without a line feed.
    pub fn end(&self, out: &mut Vec<u8>) {
        let ExportFacts { origin, log, verdict, .. } = self.seen;
        let unparsed = self.unparsed;
        out.extend(b"],\"future\":");
        counted(self.future, out);
        out.extend(b",\"identities\":");
        scored(self.identities, out);
        out.extend(b",\"limits\":");
        write_limits(self.limits, out);
        out.extend(b",\"log\":");
        match log {
            Some((size, root)) => {
                out.extend(b"{\"root\":");
                write_string(root, out);
                out.extend(format!(",\"size\":{size}}}").bytes());
            }
            None => out.extend(b"null"),
        }
        out.extend(b",\"origin\":");
        match origin {
            Some(origin) => write_string(origin, out),
            None => out.extend(b"null"),
        }
        out.extend(b",\"pack\":");
        self.pack.write_about(out);
        out.extend(b",\"sessions\":");
        scored(self.sessions, out);
        out.extend(format!(",\"unparsed\":{unparsed},\"verdict\":").bytes());
        write_string(verdict, out);
        out.push(b'}');
    }

    /// Returns the whole document. `signer_trust` returns the trust in the signers of a finding's entries.
    pub fn json(
        &self,
        findings: &[Finding],
        signer_trust: impl Fn(&Finding) -> Option<&'static str>,
    ) -> String {
        let mut out = Vec::new();
        self.begin(&mut out);
        for (nth, finding) in findings.iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            finding.write_with_trust(signer_trust(finding), &mut out);
        }
        self.end(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

fn scored(scored: &[Scored], out: &mut Vec<u8>) {
    out.push(b'[');
    for (nth, Scored { id, score, findings, count }) in scored.iter().take(MAX_SCORED).enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        out.extend(format!("{{\"count\":{count},\"findings\":[").bytes());
        for (nth, finding) in findings.iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            write_string(finding, out);
        }
        out.extend(b"],\"id\":");
        write_string(id, out);
        out.extend(format!(",\"score\":{score}}}").bytes());
    }
    out.push(b']');
}

/// Writes the limits that rules reached.
pub(crate) fn write_limits(limits: &[Limit], out: &mut Vec<u8>) {
    out.push(b'[');
    for (nth, Limit { rule, groups, hits, findings, .. }) in limits.iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        out.extend(format!("{{\"findings\":{findings},\"groups\":").bytes());
        counted(*groups, out);
        out.extend(b",\"hits\":");
        counted(*hits, out);
        out.extend(b",\"rule\":");
        write_string(rule, out);
        out.push(b'}');
    }
    out.push(b']');
}

impl Pack {
    /// Writes a JSON object with the pack's name, version, number of rules, and hash.
    pub fn write_about(&self, out: &mut Vec<u8>) {
        out.extend(format!("{{\"hash\":\"{}\",\"name\":", self.hash()).bytes());
        write_string(&self.name, out);
        out.extend(format!(",\"rules\":{},\"version\":", self.rules().len()).bytes());
        write_string(&self.version, out);
        out.push(b'}');
    }
}
