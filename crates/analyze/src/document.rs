//! What was found as one text, which program and browser write alike (docs/detection.md).

use countersign::canonical::write_string;
use countersign::hash::Hash;

use crate::analyzer::ENGINE;
use crate::coverage::Coverage;
use crate::finding::Finding;
use crate::limit::Limit;
use crate::pack::Pack;
use crate::score::Scored;

/// How the text says what it is.
const FORMAT: &str = "findings/v1";

/// What the report says of the export that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The log's origin, where the export names one.
    pub origin: Option<String>,
    /// The size of the log and its root, where it has a checkpoint.
    pub log: Option<(u64, String)>,
    /// The verdict.
    pub verdict: String,
    /// The range of leaves that the export is shown to be complete for.
    pub complete: Option<[u64; 2]>,
    /// How many events were looked at.
    pub events: u64,
}

/// All that was found, beside the findings.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What was looked at.
    pub seen: &'a Seen,
    /// By which rules.
    pub pack: &'a Pack,
    /// Of how many of the events no parser knew the shape.
    pub unread: u64,
    /// As [`Analysis`](crate::Analysis) has it.
    pub digest: &'a Hash,
    /// As [`Analysis`](crate::Analysis) has it.
    pub future: Option<(u64, u64)>,
    /// As [`Analysis`](crate::Analysis) has them.
    pub limits: &'a [Limit],
    /// As [`Analysis`](crate::Analysis) has them.
    pub identities: &'a [Scored],
    /// As [`Analysis`](crate::Analysis) has them.
    pub sessions: &'a [Scored],
    /// The events that the rules could look at.
    pub coverage: &'a Coverage,
}

/// How many identities, and how many sessions, are told of.
const SCORED: usize = 1000;

impl Told<'_> {
    /// Writes what stands before the findings.
    pub fn begin(&self, out: &mut Vec<u8>) {
        let Seen { complete, events, .. } = self.seen;
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

    /// Writes what stands after them, without an end of line.
    pub fn end(&self, out: &mut Vec<u8>) {
        let Seen { origin, log, verdict, .. } = self.seen;
        let unread = self.unread;
        out.extend(b"],\"future\":");
        counted(self.future, out);
        out.extend(b",\"identities\":");
        scored(self.identities, out);
        out.extend(b",\"limits\":[");
        for (nth, Limit { rule, groups, hits, findings }) in self.limits.iter().enumerate() {
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
        out.extend(b"],\"log\":");
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
        out.extend(format!(",\"unread\":{unread},\"verdict\":").bytes());
        write_string(verdict, out);
        out.push(b'}');
    }

    /// The whole text.
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
            finding.write_told(signer_trust(finding), &mut out);
        }
        self.end(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

fn scored(scored: &[Scored], out: &mut Vec<u8>) {
    out.push(b'[');
    for (nth, Scored { id, score, findings, count }) in scored.iter().take(SCORED).enumerate() {
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

fn counted(counter: Option<(u64, u64)>, out: &mut Vec<u8>) {
    match counter {
        Some((number, leaf)) => {
            out.extend(format!("{{\"first_entry\":{leaf},\"number\":{number}}}").bytes());
        }
        None => out.extend(b"null"),
    }
}

impl Pack {
    /// Writes what it is called, and by what it is known.
    pub fn write_about(&self, out: &mut Vec<u8>) {
        out.extend(format!("{{\"hash\":\"{}\",\"name\":", self.hash()).bytes());
        write_string(&self.name, out);
        out.extend(format!(",\"rules\":{},\"version\":", self.rules().len()).bytes());
        write_string(&self.version, out);
        out.push(b'}');
    }
}
