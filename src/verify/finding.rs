//! Findings: results of checks with a stable code and a place.

use serde::{Serialize, Serializer};

use crate::link::ChainId;
use crate::phrases::{self, Phrase, Sentence};
use crate::words::words;

/// Maximum number of findings of each code in a report.
pub const LISTED: usize = 100;

/// The effect of a finding on its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The check fails.
    Error,
    /// The check does not fail, but the reader should know.
    Warning,
    /// No problem; for information only.
    Info,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident $text:literal $severity:ident $hint:expr;)+) => {
        words! {
            /// Codes of findings (SPEC section 9). Codes are stable.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            #[non_exhaustive]
            pub enum FindingCode { $($(#[doc = $doc])+ $name = $text,)+ }
        }

        impl FindingCode {
            /// Every code, sorted by its text.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Returns the effect of findings with this code on their check.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }

            /// Returns the human-readable suggested action for this code.
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)+ }
            }

            /// Returns the code of the [hint](Self::hint) as a phrase.
            const fn hint_code(self) -> &'static str {
                match self { $(Self::$name => concat!("hint.", $text),)+ }
            }
        }
    };
}

// Sorted by text, which is the order of the report.
codes! {
    /// Anchors of a tenant log are missing.
    AppendOnlyAnchor "append_only.anchor" Warning
        "get the export again from the log itself: this one omits earlier states that every reader must compare";
    /// The export does not reach a pinned size.
    AppendOnlyNotReached "append_only.not_reached" Warning
        "get an export of the whole log, or one that contains the pinned checkpoint";
    /// The log's content at an anchor differs from what it was then.
    AppendOnlyRewritten "append_only.rewritten" Error
        "get the export again from the log itself; if the finding remains, keep the file as evidence: the log operator signed two histories of this log";
    /// The log is smaller than when the checkpoint was pinned.
    AppendOnlyRollback "append_only.rollback" Error
        "keep both files and ask the log operator: this view of the log is older or shorter than the pinned one";
    /// The log's content at a pinned size differs from the pinned checkpoint.
    AppendOnlySplitView "append_only.split_view" Error
        "get the export again from the log itself, because a corrupt file looks the same as a rewritten log; if that differs from the pin too, keep both as evidence";
    /// A link after its chain's close link.
    ChainAfterClose "chain.after_close" Error
        "ask the emitter's operator: a faulty program or another holder of the emitter's key continued the chain after its end";
    /// Two links at the same position of a chain, or a link out of order.
    ChainFork "chain.fork" Error
        "compare the two links: a line was repeated or moved, or the emitter's key was used twice";
    /// Links are missing from a chain.
    ChainGap "chain.gap" Error
        "get the whole export again: lines were removed, or the emitter lost events";
    /// Links of a chain are among the omitted entries.
    ChainJump "chain.jump" Info
        "to see these links, ask for a larger export: the exporter replaced them by hashes";
    /// A chain whose open link does not come before its first link here.
    ChainNoOpen "chain.no_open" Warning
        "ask for an export that contains the chain's open link, which names its key";
    /// A chain that is not closed.
    ChainOpen "chain.open" Info
        "get a newer export: later events of this chain may exist, and a tail that was cut off would look the same";
    /// A chain made for another log.
    ChainOrigin "chain.origin" Error
        "get the export again: the chain was recorded for another log and does not belong here";
    /// A link that does not follow from the one before it.
    ChainPrev "chain.prev" Error
        "get the export again from its source: this link or the one before it was changed";
    /// The log's last known time is older than expected.
    ExpectedAge "expected.age" Error
        "get a newer export: events or revocations may have been added since";
    /// The export is of another log than expected.
    ExpectedOrigin "expected.origin" Error
        "check that you chose the right file and the right log";
    /// Expected entries are not here.
    ExpectedRange "expected.range" Error
        "ask for an export that contains the whole range";
    /// A malformed checkpoint.
    FormatCheckpoint "format.checkpoint" Error
        "get the export again from its source: the line was damaged, wrapped, or edited, or the program that wrote it is faulty";
    /// The compression of the export is not supported.
    FormatCompression "format.compression" Warning
        "compress it again with gzip, or with zstd in its default settings";
    /// An entry above 65,535 bytes.
    FormatEntrySize "format.entry_size" Error
        "report this to the author of the export: no log can contain such an entry";
    /// A malformed head or anchor.
    FormatHead "format.head" Error
        "get the export again from the log itself";
    /// The input is not a countersign export, or its header is corrupt.
    FormatHeader "format.header" Warning
        phrases::HINT_HEADER_INVALID;
    /// A line that does not belong in an export.
    FormatLine "format.line" Error
        "get the export again from its source: the line was damaged, wrapped, or edited, or the program that wrote it is faulty";
    /// A link that does not match the grammar.
    FormatLink "format.link" Error
        "get the export again from its source: the line was damaged, wrapped, or edited, or the program that wrote it is faulty";
    /// A malformed key note.
    FormatNote "format.note" Error
        "get the export again from its source: the line was damaged, wrapped, or edited, or the program that wrote it is faulty";
    /// The file ends in the middle of a line or of a compressed stream.
    FormatTruncated "format.truncated" Error
        phrases::HINT_STREAM_CUT;
    /// A field that the format does not define.
    FormatUnknownMember "format.unknown_member" Info
        "do not rely on this field: it is not verified";
    /// A head that is not in the last directory of its checkpoint.
    HeadLast "head.last" Error
        "get the export again from the log itself: the head may be outdated";
    /// A head or an anchor that contradicts an earlier one or a pin, or is out of place.
    HeadOrder "head.order" Error
        "get the export again from the log itself; if the finding remains, keep the file as evidence: the log must never go back";
    /// A head or an anchor of another log.
    HeadOrigin "head.origin" Error
        "ask for the export of this log: heads of another log prove nothing about it";
    /// A head or an anchor whose hashes do not lead to the root log's checkpoint.
    HeadPath "head.path" Error
        "get the export again from the log itself: the root log does not contain this head or anchor";
    /// Two different heads of one tick, or two different states of the root log with one size.
    HeadSplit "head.split" Error
        "keep both files as evidence: the log operator showed different logs to different readers";
    /// A link dated after its key's grants ended.
    KeyExpired "key.expired" Error
        "do not rely on these events; ask an issuer why the grant was not renewed";
    /// A chain that no witness attested in time before its key expired.
    KeyLate "key.late" Warning
        "ask for an export with the checkpoints of that time: without them, the thief of an old key could have written this with any date";
    /// A link dated before its key's grants began.
    KeyNotYetValid "key.not_yet_valid" Error
        "ask the emitter's operator: a clock is wrong, or the key was used too early";
    /// A link signed by a revoked key.
    KeyRevoked "key.revoked" Error
        "do not rely on this: it was signed with a key that was no longer trusted";
    /// A key note without effect, or with an invalid signature line.
    KeyStatement "key.statement" Warning
        "if the key note should take effect, name the issuer that signed it in the trust file";
    /// A chain that a thief of the key may have signed.
    KeySuspect "key.suspect" Warning
        "rely on this only with a witnessed checkpoint from before the revocation: a thief of the key could have written it";
    /// A chain signed by a key that you don't trust.
    KeyUnknown "key.unknown" Warning
        "get the emitter's or its issuer's key from a place you trust, and add it to the trust file";
    /// A chain whose key may be revoked by an omitted entry.
    KeyUnseen "key.unseen" Info
        "get an export of the whole log, or name the emitter in the trust file if you trust it yourself";
    /// A checkpoint of another log.
    LogOrigin "log.origin" Error
        "get the export again from its source: the checkpoint belongs to another log than the header names";
    /// A checkpoint whose signature by a trusted log key is invalid.
    LogSignature "log.signature" Error
        "get the export again from the log itself: the checkpoint is not what the log signed";
    /// The last checkpoint is not signed by a log key you trust.
    LogUnknown "log.unknown" Warning
        "get the log's key from a place you trust, and add it to the trust file as a `log` line";
    /// A tenant log, although the reader named no expected log.
    LogUnnamed "log.unnamed" Warning
        "add a line to the trust file: `origin`, and the origin that the log operator gave you when the log was set up";
    /// An event with duplicate field names.
    PayloadDuplicateMember "payload.duplicate_member" Error
        "do not rely on this event: readers would disagree on its content";
    /// An event that does not match its link's commit.
    PayloadMismatch "payload.mismatch" Error
        "do not rely on this event, and get the export again from its source: the event or its salt was changed after it was recorded";
    /// An event that matches only in canonical form.
    PayloadReserialized "payload.reserialized" Info
        "rely on the canonical form, which is what was signed and what is shown: a tool reformatted the event";
    /// An event that is not shown.
    PayloadWithheld "payload.withheld" Info
        "if the event was not erased, ask the author of the export for it: its link proves that it was recorded";
    /// Entries that the export claims to contain are not here.
    RangeMissing "range.missing" Error
        "get the export again: it was truncated, lines were removed, or its exporter is faulty";
    /// A link with an invalid signature.
    SignatureInvalid "signature.invalid" Error
        "get the export again from its source: the link or its signature is not what the emitter wrote";
    /// Links at the end of a chain, or before a break in it, that no signature covers.
    SignatureUnsignedTail "signature.unsigned_tail" Warning
        "ask for an export that continues to the chain's next signature: nothing vouches for these links";
    /// A link dated after the time by which witnesses attest that it existed.
    TimeFuture "time.future" Error
        "rely on the log's times instead: the emitter's clock was ahead, or the time is made up";
    /// A link dated more than a day before the log's own time.
    TimeLate "time.late" Warning
        "rely on the log's times instead: the link reached the log late, or its time is made up";
    /// A link dated earlier than the one before it.
    TimeOrder "time.order" Error
        "do not rely on these times: within a chain they never decrease, so the program that wrote them is faulty";
    /// A checkpoint whose size differs from the number of entries before it.
    TreePosition "tree.position" Error
        "get the export again from its source: lines before the checkpoint were added or removed";
    /// A checkpoint whose root does not match the entries before it.
    TreeRoot "tree.root" Error
        "get the export again from its source: entries before the checkpoint were changed, replaced, or moved";
    /// A skip at a position where none is possible.
    TreeSkipAlignment "tree.skip_alignment" Error
        "get the export again from its source: lines were added or removed before this one, or the program that wrote it is faulty";
    /// Entries after the last checkpoint.
    TreeUncovered "tree.uncovered" Warning
        "ask for an export that ends with a checkpoint: this file may have been cut off";
    /// The witnesses' cosignatures on the last checkpoint do not meet the quorum.
    WitnessQuorum "witness.quorum" Error
        "ask for an export whose last checkpoint your witnesses have cosigned";
    /// An invalid cosignature of a trusted witness.
    WitnessSignature "witness.signature" Error
        "get the export again from the log itself: the checkpoint or the cosignature is not what the witness signed";
}

/// A place in an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The 1-based line; blank lines count.
    pub line: u64,
    /// The entry's index in the log, if the line is an entry.
    pub index: Option<u64>,
    /// The link's chain and seq, if the line is a well-formed link.
    pub link: Option<(ChainId, Option<u64>)>,
}

impl Place {
    /// Creates the place of a line that is not an entry.
    pub const fn line(line: u64) -> Self {
        Self { line, index: None, link: None }
    }

    /// Creates the place of an entry that is not a link.
    pub const fn leaf(line: u64, index: u64) -> Self {
        Self { line, index: Some(index), link: None }
    }

    /// Creates the place of a link.
    pub const fn link(line: u64, index: u64, chain: ChainId, seq: u64) -> Self {
        Self { line, index: Some(index), link: Some((chain, Some(seq))) }
    }

    /// Adds the chain that a finding on this line (a key note's, or the last one) is about.
    #[must_use]
    pub const fn about(self, chain: ChainId) -> Self {
        Self { line: self.line, index: self.index, link: Some((chain, None)) }
    }
}

/// A finding of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The stable code.
    pub code: FindingCode,
    /// The effect on its check.
    pub severity: Severity,
    /// The 1-based line; blank lines count.
    pub line: u64,
    /// The entry's index in the log, if the line is an entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The chain that the finding is about.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub chain: Option<ChainId>,
    /// The link's `seq` in its chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The human-readable problem or fact.
    pub message: String,
    /// The human-readable suggested action.
    pub hint: &'static str,
    /// The message as data, if it has values or its own code.
    #[serde(skip)]
    pub(super) phrase: Option<Phrase>,
}

impl Finding {
    /// Returns the message and the hint as data, each with its English text.
    pub fn phrases(&self) -> impl Iterator<Item = (&str, Phrase)> {
        let message = self.phrase.clone().or_else(|| Phrase::find(&self.message));
        let of_code = || (self.hint == self.code.hint()).then(|| Phrase::new(self.code.hint_code()));
        let hint = Phrase::find(self.hint).or_else(of_code);
        let named = |english| move |phrase| (english, phrase);
        message.map(named(&*self.message)).into_iter().chain(hint.map(named(self.hint)))
    }

    fn place(&self) -> Place {
        Place { line: self.line, index: self.index, link: self.chain.map(|chain| (chain, self.seq)) }
    }
}

#[allow(clippy::ref_option, reason = "serde passes the field by reference")]
pub(super) fn as_text<S: Serializer>(
    value: &Option<impl core::fmt::Display>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// Collected findings: of each code the first [`LISTED`] in report order, and the total number.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// True to queue findings for [`take_fresh`](Self::take_fresh) as they occur.
    streams: bool,
    fresh: Vec<Finding>,
    /// Indexed by code, in the order of [`FindingCode::ALL`], up to the last code that occurred.
    by_code: Vec<CodeFindings>,
}

#[derive(Clone, Debug, Default)]
struct CodeFindings {
    count: u64,
    first: Vec<Finding>,
}

impl Findings {
    /// Creates an empty collection. With `streams`, findings can be [taken](Self::take_fresh) as they occur.
    pub(super) fn new(streams: bool) -> Self {
        Self { streams, ..Self::default() }
    }

    pub(super) fn add(&mut self, code: FindingCode, place: Place, message: Sentence<'_>) {
        self.add_with_hint(code, place, code.hint(), message);
    }

    /// Adds a finding with a hint more specific than [its code's](FindingCode::hint).
    pub(super) fn add_with_hint(
        &mut self,
        code: FindingCode,
        place: Place,
        hint: &'static str,
        message: Sentence<'_>,
    ) {
        self.insert(code, place, hint, &|| (message.english.to_string(), message.to_phrase()));
    }

    #[inline(never)]
    fn insert(
        &mut self,
        code: FindingCode,
        place: Place,
        hint: &'static str,
        message: &dyn Fn() -> (String, Option<Phrase>),
    ) {
        let number = code as usize;
        if self.by_code.len() <= number {
            self.by_code.resize_with(number + 1, CodeFindings::default);
        }
        let CodeFindings { count, first } = &mut self.by_code[number];
        *count += 1;
        let comes_before = |other: &Finding| other.place() <= place;
        let is_streamed = self.streams && *count <= LISTED as u64;
        let is_listed = first.len() < LISTED || !first.last().is_some_and(comes_before);
        // Streamed findings are among the first of their code so far, so they are listed too.
        if !is_listed {
            return;
        }
        let (message, phrase) = message();
        let finding = Finding {
            code,
            severity: code.severity(),
            line: place.line,
            index: place.index,
            chain: place.link.map(|(chain, _)| chain),
            seq: place.link.and_then(|(_, seq)| seq),
            message,
            hint,
            phrase,
        };
        if is_streamed {
            self.fresh.push(finding.clone());
        }
        first.truncate(LISTED - 1);
        first.insert(first.partition_point(comes_before), finding);
    }

    /// Appends a collection that was kept separately.
    pub(super) fn append(&mut self, aside: &Self) {
        for CodeFindings { count, first } in &aside.by_code {
            let Some(Finding { code, .. }) = first.first() else { continue };
            for finding in first {
                let Finding { hint, message, phrase, .. } = finding;
                self.insert(*code, finding.place(), hint, &|| (message.clone(), phrase.clone()));
            }
            self.by_code[*code as usize].count += count - first.len() as u64;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_code.is_empty()
    }

    /// Returns the findings since the last call. Of each code, it returns at most [`LISTED`] in total.
    pub(super) fn take_fresh(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.fresh)
    }

    /// Returns the number of findings by code.
    pub(super) fn counts(&self) -> impl Iterator<Item = (FindingCode, u64)> {
        self.by_code.iter().filter_map(|findings| Some((findings.first.first()?.code, findings.count)))
    }

    /// Returns the listed findings in report order.
    pub(super) fn into_list(self) -> Vec<Finding> {
        let mut all: Vec<_> = self.by_code.into_iter().flat_map(|findings| findings.first).collect();
        all.sort_by_key(|found| (found.line, found.code, found.index, found.chain, found.seq));
        all
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    use crate::phrases::say;

    #[test]
    fn codes_are_sorted_by_their_text() {
        assert!(FindingCode::ALL.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()));
    }

    #[test]
    fn lists_the_first_hundred_in_any_order_of_arrival() {
        let mut findings = Findings::default();
        for line in (1..=250).rev() {
            findings.add(FindingCode::ChainGap, Place::line(line), say!(""));
        }
        assert_eq!(findings.counts().collect::<Vec<_>>(), [(FindingCode::ChainGap, 250)]);
        let lines: Vec<_> = findings.into_list().iter().map(|finding| finding.line).collect();
        assert_eq!(lines, (1..=100).collect::<Vec<_>>());
    }

    #[test]
    fn appended_findings_count_even_if_not_listed() {
        let mut aside = Findings::default();
        for line in 1..=250 {
            aside.add(FindingCode::KeyUnseen, Place::line(line), say!(""));
        }
        let mut findings = Findings::default();
        findings.add(FindingCode::KeyUnseen, Place::line(300), say!(""));
        findings.append(&aside);
        assert_eq!(findings.counts().collect::<Vec<_>>(), [(FindingCode::KeyUnseen, 251)]);
    }

    #[test]
    fn streams_the_first_hundred_of_a_code_if_asked() {
        for streams in [false, true] {
            let mut findings = Findings::new(streams);
            for line in (1..=250).rev() {
                findings.add(FindingCode::ChainGap, Place::line(line), say!(""));
            }
            let fresh: Vec<_> = findings.take_fresh().iter().map(|finding| finding.line).collect();
            assert_eq!(fresh, if streams { (151..=250).rev().collect() } else { Vec::new() });
        }
    }
}
