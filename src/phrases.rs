//! The core's sentences as data, for interfaces that translate them.
//!
//! A sentence is English text where it is made, and has a code that stays when its wording changes. One without values is
//! a constant of the table below. One with values is made by `say!`, which keeps them with the code. The hint of a finding
//! is in `verify/finding.rs` and has the code `hint.` plus the finding's. JavaScript has a text for each code in each
//! language that it speaks (`js/packages/ui/src/viewer/texts/`), and a test that compares them with the tables.

#[cfg(feature = "verify")]
mod say;

#[cfg(feature = "verify")]
pub(crate) use say::{Param, Saying, say};

/// A sentence as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The stable code.
    pub code: &'static str,
    /// The values in it, by the names that they have in the English text.
    pub values: Vec<(&'static str, Value)>,
}

/// A value in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A whole number.
    Number(u64),
    /// Text as it stands in the English sentence, with its quotes.
    Text(String),
}

impl Phrase {
    /// A sentence without values.
    pub const fn new(code: &'static str) -> Self {
        Self { code, values: Vec::new() }
    }

    /// The phrase of an English sentence without values; `None` for one that has no code.
    pub fn find(english: &str) -> Option<Self> {
        code_of(english).map(Self::new)
    }
}

/// Each of these English sentences that has a code, with its phrase.
pub fn find_each<'a>(english: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = (&'a str, Phrase)> {
    english.into_iter().filter_map(|english| Some((english, Phrase::find(english)?)))
}

/// Makes a table of sentences without values: constants, and `code_of`, which has their codes.
#[doc(hidden)]
#[macro_export]
macro_rules! phrases {
    ($($name:ident $code:literal $english:literal;)+) => {
        $(#[allow(dead_code, reason = "not every sentence is said with every feature")]
        pub(crate) const $name: &str = $english;)+

        const ALL: &[(&str, &str)] = &[$(($code, $english)),+];

        /// The code of an English sentence without values; `None` for one that is not in the table.
        pub fn code_of(english: &str) -> Option<&'static str> {
            ALL.iter().find(|(_, text)| *text == english).map(|(code, _)| *code)
        }
    };
}

phrases! {
    REASON_UNREAD "reason.unread" "the export could not be read";
    REASON_NO_EVENT "reason.no_event" "there is no event";
    REASON_NO_EVENT_SHOWN "reason.no_event_shown" "no event is shown";
    REASON_NO_LINK "reason.no_link" "there is no link";
    REASON_NO_CHAIN "reason.no_chain" "there is no chain";
    REASON_NO_CHECKPOINT "reason.no_checkpoint" "there is no checkpoint";
    REASON_NO_CHAIN_KEY "reason.no_chain_key" "a chain's open link is not here, so its key is not known";
    REASON_UNSIGNED_LINKS "reason.unsigned_links" "some links are covered by no signature";
    REASON_UNKNOWN_KEYS "reason.unknown_keys" "links are signed by keys that the trust file does not vouch for";
    REASON_SUSPECT_CHAIN "reason.suspect_chain" "a chain is suspect since a key was revoked";
    REASON_LATE_LINKS "reason.late_links" "no witnessed checkpoint shows that some links existed before their key expired";
    TREE_UNCOVERED "tree.uncovered" "entries follow the last checkpoint";
    LOG_UNKNOWN "log.unknown" "no log key of the trust file signed the last checkpoint";
    REASON_NO_RANGE "reason.no_range" "the export claims no range";
    REASON_UNTRUSTED_PLACES "reason.untrusted_places" "only a checkpoint can confirm the entries' places";
    REASON_NO_PIN "reason.no_pin" "no checkpoint of this log was pinned before";
    REASON_PINS_OF_OTHER_LOGS "reason.pins_of_other_logs" "every pin is of another log: nothing was compared";
    REASON_PINS_NOT_REACHED "reason.pins_not_reached" "the export does not stop at every pinned size";
    REASON_NO_WITNESSES "reason.no_witnesses" "the trust file asks for no witnesses";
    REASON_OPEN_CHAIN "reason.open_chain" "a chain is not closed, so more events of it may exist";
    REASON_PARTIAL_CHAIN "reason.partial_chain" "not all links of a chain are shown";
    REASON_NO_EXPECTATION "reason.no_expectation" "nothing was expected";
    REASON_NO_AGE "reason.no_age" "no witnesses say how old the last checkpoint is";
    LINE_CHECKPOINT "line.checkpoint" "the checkpoint is not a signed checkpoint without extension lines";
    HEADER_INVALID "header.invalid" "this is not a countersign export, or its header is damaged";
    STREAM_WINDOW "stream.window" "a zstd frame needs a window above 8 MiB";
    STREAM_DICTIONARY "stream.dictionary" "a zstd frame needs a dictionary";
    STREAM_CUT "stream.cut" "the compressed stream ends too early";
    STREAM_FOLLOWED "stream.followed" "something else follows the compressed stream";
    STREAM_CHECKSUM "stream.checksum" "a checksum of the compressed stream does not match";
    STREAM_LENGTH "stream.length" "the compressed stream is not as long as it says";
    STREAM_CORRUPT "stream.corrupt" "the compressed stream is corrupt";
    STREAM_UNKNOWN "stream.unknown" "the compressed stream asks for what its format does not know";
    HEADER_NO_LINE "header.no_line" "there is no line";
    LINE_ENTRY_SIZE "line.entry_size" "an entry is at most 65,535 bytes";
    LINE_LOG_SIZE "line.log_size" "a log has at most 2^53 - 1 entries";
    LINE_TOO_LONG "line.too_long" "longer than 1 MiB";
    LINE_NOT_UTF8 "line.not_utf8" "not UTF-8";
    LINE_NOT_OBJECT "line.not_object" "not one JSON object";
    LINE_TOO_DEEP "line.too_deep" "not one JSON object that nests at most 65 deep";
    LINE_CUT "line.cut" "the file ends in the middle of this line";
    LINE_KINDS "line.kinds" "holds not exactly one of link, note, leaf, skip and checkpoint";
    LINE_SECOND_HEADER "line.second_header" "another header: exports were put together, verify each by itself";
    LINE_MEMBER_TWICE "line.member_twice" "a member is there twice";
    LINE_EVENT_BESIDE_OTHER "line.event_beside_other" "salt, event and withheld go with a link alone";
    LINE_EVENT_BESIDE_LINK "line.event_beside_link" "salt, event and withheld go with an event link alone";
    LINE_SALT_OR_EVENT_ALONE "line.salt_or_event_alone" "salt and event come together";
    LINE_WITHHELD_BESIDE_EVENT "line.withheld_beside_event" "withheld beside an event";
    LINE_WITHHELD "line.withheld" "withheld is erased, redacted or filtered";
    LINE_SALT "line.salt" "salt is not base64 of 16 bytes";
    LINE_EVENT "line.event" "event is not an object";
    LINE_EVENT_SIZE "line.event_size" "an event is at most 262,144 bytes";
    LINE_SKIP "line.skip" "a skip is [level, hash], level 0 to 52";
    LINE_LINK "line.link" "link is not a string";
    LINE_NOTE "line.note" "note is not a string";
    LINE_CHECKPOINT_TEXT "line.checkpoint_text" "checkpoint is not a string";
    LINE_LEAF "line.leaf" "leaf is not canonical base64";
    LINE_HIDDEN_LINK "line.hidden_link" "a link or a key note stands as an opaque leaf";
    LINE_LINK_GRAMMAR "line.link_grammar" "the link has not the grammar of a link";
    LINE_NOTE_GRAMMAR "line.note_grammar" "the note is not a key note";
    LINE_UNKNOWN_MEMBER "line.unknown_member" "a member that the format does not know";
    PAYLOAD_MISMATCH "payload.mismatch" "the event was changed after it was signed";
    PAYLOAD_RESERIALIZED "payload.reserialized" "the event matches its commit after it was brought into canonical form";
    PAYLOAD_WITHHELD "payload.withheld" "the event is not shown";
    HINT_STREAM_CUT "hint.stream.cut" "most likely its download broke off, or is still under way: fetch it again";
    HINT_KEY_NOTE_OTHER_LOG "hint.key_note.other_log" "a key note acts only in the log that it names: ask for one made for this log";
    HINT_KEY_NOTE_SIGNATURE "hint.key_note.signature" "the note acts by its other signatures: get the export again if it should have this one too";
    HINT_STREAM_DAMAGED "hint.stream.damaged" "it was damaged on its way, or where it was kept: fetch it again";
    HINT_STREAM_FOLLOWED "hint.stream.followed" "something was added to its end: fetch it again";
    HINT_STREAM_WINDOW "hint.stream.window" "compress it again with a smaller window: gzip, or zstd with --long=23 at most and without --ultra";
    HINT_STREAM_DICTIONARY "hint.stream.dictionary" "decompress it, then compress it again without a dictionary";
    HINT_HEADER_INVALID "hint.header.invalid" "an export begins with {\"countersign\":\"export/v1\",\"origin\":…}: was the right file chosen?";
    HINT_HEADER_EMPTY "hint.header.empty" "the file is empty: was the right file chosen, and did its download finish?";
    HINT_HEADER_BYTE_ORDER_MARK "hint.header.byte_order_mark" "it begins with a byte order mark: save the file as UTF-8 without one";
    HINT_HEADER_UTF16 "hint.header.utf16" "it seems to be UTF-16 text: save the file as UTF-8";
    HINT_HEADER_ZIP "hint.header.zip" "it seems to be a ZIP archive: unpack it and choose the export inside";
    HINT_HEADER_TAR "hint.header.tar" "it seems to be a tar archive: unpack it and choose the export inside";
    HINT_HEADER_PARQUET "hint.header.parquet" "it seems to be a Parquet file: ask for the export itself, a .ndjson file";
    HINT_HEADER_PDF "hint.header.pdf" "it seems to be a PDF document: ask for the export itself, a .ndjson file";
    HINT_HEADER_BZIP2 "hint.header.bzip2" "it seems to be compressed with bzip2 or xz: unpack it, or compress it with gzip or zstd";
    HINT_HEADER_MARKUP "hint.header.markup" "it seems to be a web page or XML, perhaps a login or error page in place of the download: fetch the export again";
    HINT_HEADER_SECRET_KEY "hint.header.secret_key" "it seems to be a secret key: keep it to yourself; choose the export instead";
    HINT_HEADER_TRUST_FILE "hint.header.trust_file" "it seems to be a trust file: give it as the trust file, and an export beside it";
    HINT_HEADER_BINARY "hint.header.binary" "it seems to be a binary file: choose the export, a .ndjson file, perhaps with gzip or zstd";
    HINT_HEADER_INDENTED "hint.header.indented" "it seems to be indented JSON, and an export has one object a line: choose the file as it was written";
    HINT_HEADER_ARRAY "hint.header.array" "it seems to be a JSON array, and an export has one object a line: choose the file as it was written";
    HINT_HEADER_LONG "hint.header.long" "its first line is longer than 1 MiB: was the right file chosen?";
    HINT_HEADER_COMPRESSED_TWICE "hint.header.compressed_twice" "it is compressed twice: unpack it once";
    HINT_HEADER_DAMAGED "hint.header.damaged" "its header was cut off or changed, as by mail, terminals or spreadsheets: get the file as it was written";
    HINT_HEADER_MEMBER_TWICE "hint.header.member_twice" "it has a member twice: ask for the export as it was written";
    HINT_HEADER_VERSION "hint.header.version" "its version, origin or range is not one that this version reads: use a newer version, or ask for the export again";
    HINT_HEADER_MISSING "hint.header.missing" "the header is missing: the file's beginning was cut off, or its lines were reordered; ask for the whole export";
    HINT_HEADER_OTHER_JSON "hint.header.other_json" "it seems to be other JSON: an error in place of the download, or events that were never recorded by `countersign record`";
    TRUST_SIZE "trust.size" "a trust file is at most 1 MiB";
    TRUST_CONTROL_CHARACTER "trust.control_character" "a trust file holds no control character";
    HINT_TRUST_CRLF "hint.trust.crlf" "end lines with LF, not CR LF";
    TRUST_NO_QUORUM "trust.no_quorum" "there are witnesses and no quorum line";
    HINT_TRUST_NO_QUORUM "hint.trust.no_quorum" "say which witnesses are enough, or \"quorum none\"";
    TRUST_BOUND "trust.bound" "a bound that is not a time";
    HINT_TRUST_BOUND "hint.trust.bound" "write it as 2026-11-20T06:01:02.345Z, or - for always";
    TRUST_LOG_TWICE "trust.log_twice" "two logs have one public key";
    TRUST_WITNESS_TWICE "trust.witness_twice" "two witnesses have one public key";
    TRUST_THRESHOLD "trust.threshold" "the threshold is not any, all or a number from 1 to that of the members";
    TRUST_QUORUM_TWICE "trust.quorum_twice" "there is a second quorum line";
    TRUST_NAME_NONE "trust.name_none" "the name none is taken";
    TRUST_NAME_TWICE "trust.name_twice" "a name is given twice";
    TRUST_NAME_UNKNOWN "trust.name_unknown" "no line before defines this name";
    HINT_TRUST_MEMBER_TWICE "hint.trust.member_twice" "a witness or group can be a member of one group, once";
    TRUST_KEY_NOT_UTF8 "trust.key_not_utf8" "a key is not UTF-8";
    TRUST_KIND "trust.kind" "there is no such kind of line";
    TRUST_FORM "trust.form" "this line is not of the form of its kind";
    TRUST_SECRET_KEY "trust.secret_key" "this is a secret key, not a trust file";
    HINT_TRUST_SECRET_KEY "hint.trust.secret_key" "keep it to yourself; a trust file names public keys, as keygen prints them";
    HINT_TRUST_EXPORT "hint.trust.export" "this is an export: a trust file is another file, with the keys that you trust";
    HINT_TRUST_COMPRESSED "hint.trust.compressed" "it seems to be compressed: unpack it";
    HINT_TRUST_OTHER_KEY "hint.trust.other_key" "it seems to be a key in PEM, SSH or JSON: a trust file has lines such as emitter <vkey>, with keys as keygen prints them";
    HINT_TRUST_KINDS "hint.trust.kinds" "lines are log, witness, group, quorum, issuer, emitter, revoke and # comments";
    VKEY_INVALID "vkey.invalid" "the key is not a verifier key";
    HINT_VKEY_INVALID "hint.vkey.invalid" "a verifier key looks like name+1a2b3c4d+, followed by base64";
    VKEY_ML_DSA "vkey.ml_dsa" "unsupported key type 0x06 (ML-DSA-44)";
    VKEY_RFC6962 "vkey.rfc6962" "unsupported key type 0x05 (RFC 6962)";
    VKEY_ECDSA "vkey.ecdsa" "unsupported key type 0x02 (ECDSA)";
    HINT_VKEY_TYPE "hint.vkey.type" "give an Ed25519 key: type 0x01 of a log, an issuer or an emitter, 0x04 of a witness";
    VKEY_OF_WITNESS "vkey.of_witness" "the key is a witness's key (type 0x04)";
    HINT_VKEY_OF_WITNESS "hint.vkey.of_witness" "a key of type 0x01 is needed";
    VKEY_NOT_OF_WITNESS "vkey.not_of_witness" "the key is not a witness's key";
    HINT_VKEY_NOT_OF_WITNESS "hint.vkey.not_of_witness" "a key of type 0x04 is needed";
    VKEY_ID "vkey.id" "the key has a key ID that is not of this name and key";
    HINT_VKEY_ID "hint.vkey.id" "copy the key again, whole";
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn each_sentence_has_a_code_of_its_own() {
        for (nth, (code, english)) in ALL.iter().enumerate() {
            assert!(ALL[..nth].iter().all(|(before, text)| before != code && text != english), "{code}");
        }
    }
}
