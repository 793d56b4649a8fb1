//! Findings: what a check met, with a stable code and a place.

use serde::{Serialize, Serializer};

use crate::link::ChainId;
use crate::phrases::{self, Phrase, Saying};
use crate::words::words;

/// How many findings of each code a report lists.
pub const LISTED: usize = 100;

/// What a finding means for its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The check fails.
    Error,
    /// Something a reader should know; the check does not fail by it.
    Warning,
    /// Nothing is wrong.
    Info,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident $text:literal $severity:ident $hint:expr;)+) => {
        words! {
            /// The codes that findings can have (SPEC section 9). They are stable.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            #[non_exhaustive]
            pub enum FindingCode { $($(#[doc = $doc])+ $name = $text,)+ }
        }

        impl FindingCode {
            /// Every code, in the order of their text.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// What a finding of this code means for its check.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }

            /// What to make of it or do about it, for people.
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)+ }
            }

            /// The code of the [hint](Self::hint) as a phrase.
            const fn hint_code(self) -> &'static str {
                match self { $(Self::$name => concat!("hint.", $text),)+ }
            }
        }
    };
}

// Sorted by text: the order of the report.
codes! {
    /// A pinned size is not reached.
    AppendOnlyNotReached "append_only.not_reached" Warning
        "ask for the whole log, or for an export that keeps the pinned checkpoint";
    /// The log is smaller than it was when the checkpoint was pinned.
    AppendOnlyRollback "append_only.rollback" Error
        "this is an older or cut-back view of the log than the one seen before: ask its operator, and keep both files";
    /// The log at a pinned size is another one than was seen before.
    AppendOnlySplitView "append_only.split_view" Error
        "a damaged file looks the same as a rewritten log: get the export again from the log itself; if that differs from the pin too, keep both as evidence";
    /// A link after its chain's close link.
    ChainAfterClose "chain.after_close" Error
        "a faulty writer, or someone else who holds the emitter's key, went on after the end: ask who runs the emitter";
    /// Two links for the same place in a chain, or a link out of its turn.
    ChainFork "chain.fork" Error
        "a line was repeated or moved, or the emitter's key was used twice: compare the two links";
    /// Links are missing from a chain.
    ChainGap "chain.gap" Error
        "lines were removed, or the writer lost events: ask for the whole export again";
    /// A chain is explained to have links that are not shown.
    ChainJump "chain.jump" Info
        "the exporter left them out and put hashes in their place: ask for a larger export to see them";
    /// A chain without its open link before its first link.
    ChainNoOpen "chain.no_open" Warning
        "ask for an export that holds the chain's open link, which names its key";
    /// A chain that is not closed.
    ChainOpen "chain.open" Info
        "later events of this chain may exist, and a tail that was cut off would look the same: ask for a newer export";
    /// A chain made for another log.
    ChainOrigin "chain.origin" Error
        "the chain was recorded for another log and does not belong in this export: ask for the export again";
    /// A link that does not follow from the one before it.
    ChainPrev "chain.prev" Error
        "the link before it, or this one, is not what was recorded: get the export again from its source";
    /// The log's last known time is older than expected.
    ExpectedAge "expected.age" Error
        "ask for a newer export: events or revocations may have been added since";
    /// The export is of another log than expected.
    ExpectedOrigin "expected.origin" Error
        "check that the right file and the right log were chosen";
    /// Leaves that were expected are not here.
    ExpectedRange "expected.range" Error
        "ask for an export that holds the whole range";
    /// A malformed checkpoint.
    FormatCheckpoint "format.checkpoint" Error
        "the line was damaged, wrapped or edited, or its writer is faulty: get the export again from its source";
    /// The export is compressed in a way that is not read.
    FormatCompression "format.compression" Warning
        "compress it again with gzip, or with zstd in its default settings";
    /// This is not a countersign export, or its header is damaged.
    FormatHeader "format.header" Warning
        phrases::HINT_HEADER_INVALID;
    /// A leaf above 65,535 bytes.
    FormatEntrySize "format.entry_size" Error
        "no log can hold it, so its writer is faulty: tell whoever made the export";
    /// A line that is not what a line of an export can be.
    FormatLine "format.line" Error
        "the line was damaged, wrapped or edited, or its writer is faulty: get the export again from its source";
    /// A link without the grammar of a link.
    FormatLink "format.link" Error
        "the line was damaged, wrapped or edited, or its writer is faulty: get the export again from its source";
    /// A malformed key note.
    FormatNote "format.note" Error
        "the line was damaged, wrapped or edited, or its writer is faulty: get the export again from its source";
    /// The file ends in the middle of a line, or of a compressed stream.
    FormatTruncated "format.truncated" Error
        phrases::HINT_STREAM_CUT;
    /// A member that the format does not know.
    FormatUnknownMember "format.unknown_member" Info
        "it is not verified; do not rely on it";
    /// A link later than its key was allowed.
    KeyExpired "key.expired" Error
        "what the emitter signed later does not count: ask an issuer why it was given no new grant";
    /// A chain whose time no witness confirmed before its key expired.
    KeyLate "key.late" Warning
        "ask for an export with the checkpoints of that time: a thief of an old key could write what time he likes";
    /// A link earlier than its key was allowed.
    KeyNotYetValid "key.not_yet_valid" Error
        "a wrong clock, or a key used too early: ask who runs the emitter";
    /// A link signed by a revoked key.
    KeyRevoked "key.revoked" Error
        "whoever signed this held a key that was no longer to be trusted: do not rely on it";
    /// A key note that does nothing, or an invalid signature line on one.
    KeyStatement "key.statement" Warning
        "it is treated as not there: if it should act, name the issuer that signed it in the trust file";
    /// A chain that may have been signed by a thief.
    KeySuspect "key.suspect" Warning
        "whoever stole the key could have written it: rely on it only with a witnessed checkpoint from before the revocation";
    /// A chain whose key is not one you chose to trust.
    KeyUnknown "key.unknown" Warning
        "get the emitter's or its issuer's key from a place you trust, and add it to the trust file";
    /// A chain whose revocation may be among the leaves that are not here.
    KeyUnseen "key.unseen" Info
        "ask for the whole log, or name the emitter in the trust file if you vouch for it yourself";
    /// A checkpoint of another log.
    LogOrigin "log.origin" Error
        "the checkpoint belongs to another log than the header names: get the export again from its source";
    /// A checkpoint whose signature by a trusted log key is invalid.
    LogSignature "log.signature" Error
        "the checkpoint is not what the log signed: get the export again from the log itself";
    /// The last checkpoint is not signed by a log key you trust.
    LogUnknown "log.unknown" Warning
        "get the log's key from a place you trust, and add it to the trust file as a `log` line";
    /// Members with the same name within an event.
    PayloadDuplicateMember "payload.duplicate_member" Error
        "readers would disagree on what it says: do not rely on this event";
    /// An event that is not the one its link commits to.
    PayloadMismatch "payload.mismatch" Error
        "the event or its salt was changed after it was recorded: do not rely on it, and get the export again from its source";
    /// An event that matches after it was brought into canonical form.
    PayloadReserialized "payload.reserialized" Info
        "a tool reformatted it: rely on the canonical form, which is what was signed and what is shown";
    /// An event that is not shown.
    PayloadWithheld "payload.withheld" Info
        "its link proves that it was recorded: ask whoever made the export, unless it was erased";
    /// Leaves that the export claims to hold are not here.
    RangeMissing "range.missing" Error
        "the file was cut off, lines were removed, or its exporter is faulty: fetch it again";
    /// A signature that does not verify.
    SignatureInvalid "signature.invalid" Error
        "the link, or its signature, is not what the emitter made: get the export again from its source";
    /// The end of a chain, or of a part of it, that no signature covers.
    SignatureUnsignedTail "signature.unsigned_tail" Warning
        "nothing vouches for these links: ask for an export that goes on to the chain's next signature";
    /// A link dated later than witnesses say that it existed.
    TimeFuture "time.future" Error
        "the emitter's clock was ahead, or the time is made up: rely on the log's times instead";
    /// A link dated more than a day before the log's own time.
    TimeLate "time.late" Warning
        "it reached the log late, or its time is made up: rely on the log's times instead";
    /// A link dated earlier than the one before it.
    TimeOrder "time.order" Error
        "a recorder never lets its time go back, so its writer is faulty: do not rely on these times";
    /// A checkpoint for another number of leaves than are here.
    TreePosition "tree.position" Error
        "lines were added or removed before it: get the export again from its source";
    /// A checkpoint for other leaves than are here.
    TreeRoot "tree.root" Error
        "something before it was changed, exchanged or moved: get the export again from its source";
    /// A skip where none can stand.
    TreeSkipAlignment "tree.skip_alignment" Error
        "lines before it were added or removed, or its writer is faulty: get the export again from its source";
    /// Leaves after the last checkpoint.
    TreeUncovered "tree.uncovered" Warning
        "the file may have been cut off: ask for an export that ends with a checkpoint";
    /// The witnesses' cosignatures on the last checkpoint do not meet the quorum.
    WitnessQuorum "witness.quorum" Error
        "ask for an export whose last checkpoint your witnesses have cosigned";
    /// A cosignature of a trusted witness that is invalid.
    WitnessSignature "witness.signature" Error
        "the checkpoint, or the cosignature, is not what the witness signed: get the export again from the log itself";
}

/// Where in an export something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The 1-based line, blank lines counted.
    pub line: u64,
    /// The leaf's index in the log, where the line is a leaf.
    pub index: Option<u64>,
    /// The link's chain and seq, where the line is a link of good grammar.
    pub link: Option<(ChainId, Option<u64>)>,
}

impl Place {
    /// A line that is no leaf.
    pub const fn line(line: u64) -> Self {
        Self { line, index: None, link: None }
    }

    /// A line that is a leaf, but no link.
    pub const fn leaf(line: u64, index: u64) -> Self {
        Self { line, index: Some(index), link: None }
    }

    /// A link.
    pub const fn link(line: u64, index: u64, chain: ChainId, seq: u64) -> Self {
        Self { line, index: Some(index), link: Some((chain, Some(seq))) }
    }

    /// A line (a key note's, or the last) with the chain that it tells of.
    #[must_use]
    pub const fn about(self, chain: ChainId) -> Self {
        Self { line: self.line, index: self.index, link: Some((chain, None)) }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The stable code.
    pub code: FindingCode,
    /// What it means for its check.
    pub severity: Severity,
    /// The 1-based line, blank lines counted.
    pub line: u64,
    /// The leaf's index in the log, where the line is a leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The chain it is about.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub chain: Option<ChainId>,
    /// The link's place in its chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// What was found, for people.
    pub message: String,
    /// What to make of it or do about it, for people.
    pub hint: &'static str,
    /// The message as data, where it has values or its own code.
    #[serde(skip)]
    pub(super) phrase: Option<Phrase>,
}

impl Finding {
    /// The message and the hint as data, each with its English text.
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

#[allow(clippy::ref_option, reason = "serde hands the field over so")]
pub(super) fn as_text<S: Serializer>(
    value: &Option<impl core::fmt::Display>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// The findings of a run: of each code the first [`LISTED`] in the order of the report, and how many there were.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// Whether they are told as they are met.
    told: bool,
    fresh: Vec<Finding>,
    /// In the order of [`FindingCode::ALL`], as far as codes were met.
    of_code: Vec<OfCode>,
}

#[derive(Clone, Debug, Default)]
struct OfCode {
    count: u64,
    first: Vec<Finding>,
}

impl Findings {
    /// None so far; with `told` they can be [taken](Self::take_fresh) as they are met.
    pub(super) fn new(told: bool) -> Self {
        Self { told, ..Self::default() }
    }

    pub(super) fn add(&mut self, code: FindingCode, place: Place, message: Saying<'_>) {
        self.add_with_hint(code, place, code.hint(), message);
    }

    /// With a hint that fits this finding better than [its code's](FindingCode::hint).
    pub(super) fn add_with_hint(
        &mut self,
        code: FindingCode,
        place: Place,
        hint: &'static str,
        message: Saying<'_>,
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
        if self.of_code.len() <= number {
            self.of_code.resize_with(number + 1, OfCode::default);
        }
        let OfCode { count, first } = &mut self.of_code[number];
        *count += 1;
        let comes_before = |other: &Finding| other.place() <= place;
        let is_told = self.told && *count <= LISTED as u64;
        let is_listed = first.len() < LISTED || !first.last().is_some_and(comes_before);
        // Of those that are told each is listed too, for now.
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
        if is_told {
            self.fresh.push(finding.clone());
        }
        first.truncate(LISTED - 1);
        first.insert(first.partition_point(comes_before), finding);
    }

    /// Adds what was noted aside.
    pub(super) fn append(&mut self, aside: &Self) {
        for OfCode { count, first } in &aside.of_code {
            let Some(Finding { code, .. }) = first.first() else { continue };
            for finding in first {
                let Finding { hint, message, phrase, .. } = finding;
                self.insert(*code, finding.place(), hint, &|| (message.clone(), phrase.clone()));
            }
            self.of_code[*code as usize].count += count - first.len() as u64;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.of_code.is_empty()
    }

    /// Those met since the last call, of each code not more than are listed.
    pub(super) fn take_fresh(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.fresh)
    }

    /// By code.
    pub(super) fn counts(&self) -> impl Iterator<Item = (FindingCode, u64)> {
        self.of_code.iter().filter_map(|of_code| Some((of_code.first.first()?.code, of_code.count)))
    }

    /// All that are listed, in the order of the report.
    pub(super) fn into_list(self) -> Vec<Finding> {
        let mut all: Vec<_> = self.of_code.into_iter().flat_map(|of_code| of_code.first).collect();
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
    fn codes_stand_in_the_order_of_their_text() {
        assert!(FindingCode::ALL.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()));
    }

    #[test]
    fn the_first_hundred_are_listed_whatever_order_they_come_in() {
        let mut findings = Findings::default();
        for line in (1..=250).rev() {
            findings.add(FindingCode::ChainGap, Place::line(line), say!(""));
        }
        assert_eq!(findings.counts().collect::<Vec<_>>(), [(FindingCode::ChainGap, 250)]);
        let lines: Vec<_> = findings.into_list().iter().map(|finding| finding.line).collect();
        assert_eq!(lines, (1..=100).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_noted_aside_counts_though_it_is_not_listed() {
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
    fn the_first_hundred_of_a_code_are_told_where_that_is_asked_for() {
        for told in [false, true] {
            let mut findings = Findings::new(told);
            for line in (1..=250).rev() {
                findings.add(FindingCode::ChainGap, Place::line(line), say!(""));
            }
            let fresh: Vec<_> = findings.take_fresh().iter().map(|finding| finding.line).collect();
            assert_eq!(fresh, if told { (151..=250).rev().collect() } else { Vec::new() });
        }
    }
}
