//! The core's sentences as data, for user interfaces that translate them.
//!
//! A sentence is English text with a code that stays the same when the wording changes. Sentences without values are
//! constants of the table below. Sentences with values are made by `say!`, which keeps the values with the code. The
//! hint of a finding is in `verify/finding.rs` and has the code `hint.` plus the finding's code. JavaScript has a
//! text for each code in each of its languages (`js/packages/ui/src/viewer/texts/`), and a test that compares them
//! with the tables.

#[cfg(feature = "verify")]
mod say;

#[cfg(feature = "verify")]
pub(crate) use say::{Param, Sentence, say};

/// A sentence as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The stable code.
    pub code: &'static str,
    /// The values, by their names in the English text.
    pub values: Vec<(&'static str, Value)>,
}

/// A value in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A whole number.
    Number(u64),
    /// Text as in the English sentence, including its quotes.
    Text(String),
}

impl Phrase {
    /// Creates a sentence without values.
    pub const fn new(code: &'static str) -> Self {
        Self { code, values: Vec::new() }
    }

    /// Returns the phrase of an English sentence without values; `None` if it has no code.
    pub fn find(english: &str) -> Option<Self> {
        code_of(english).map(Self::new)
    }
}

/// Returns those of the English sentences that have a code, with their phrases.
pub fn find_each<'a>(english: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = (&'a str, Phrase)> {
    english.into_iter().filter_map(|english| Some((english, Phrase::find(english)?)))
}

/// Declares a table of sentences without values: a constant for each, and `code_of` to look up their codes.
#[doc(hidden)]
#[macro_export]
macro_rules! phrases {
    ($($name:ident $code:literal $english:literal;)+) => {
        $(#[allow(dead_code, reason = "some features don't use every sentence")]
        pub(crate) const $name: &str = $english;)+

        const ALL: &[(&str, &str)] = &[$(($code, $english)),+];

        /// Returns the code of an English sentence without values; `None` if it is not in the table.
        pub fn code_of(english: &str) -> Option<&'static str> {
            ALL.iter().find(|(_, text)| *text == english).map(|(code, _)| *code)
        }
    };
}

phrases! {
    REASON_UNREAD "reason.unread" "the export could not be read";
    REASON_NO_EVENT "reason.no_event" "the export has no event";
    REASON_NO_EVENT_SHOWN "reason.no_event_shown" "the export shows no event";
    REASON_NO_LINK "reason.no_link" "the export has no link";
    REASON_NO_CHAIN "reason.no_chain" "the export has no chain";
    REASON_NO_CHECKPOINT "reason.no_checkpoint" "the export has no checkpoint";
    REASON_NO_CHAIN_KEY "reason.no_chain_key" "a chain's open link is not in the export, so its key is unknown";
    REASON_UNSIGNED_LINKS "reason.unsigned_links" "no signature covers some of the links";
    REASON_UNKNOWN_KEYS "reason.unknown_keys" "links are signed by keys that the trust file does not vouch for";
    REASON_SUSPECT_CHAIN "reason.suspect_chain" "a chain is suspect because a key was revoked";
    REASON_LATE_LINKS "reason.late_links" "no witnessed checkpoint shows that some links existed before their key expired";
    TREE_UNCOVERED "tree.uncovered" "entries follow the last checkpoint";
    LOG_UNKNOWN "log.unknown" "no log key of the trust file signed the last checkpoint";
    REASON_NO_RANGE "reason.no_range" "the export claims no range";
    REASON_UNTRUSTED_PLACES "reason.untrusted_places" "only a checkpoint can confirm the entries' positions";
    REASON_NO_PIN "reason.no_pin" "no checkpoint of this log was pinned before";
    REASON_PINS_OF_OTHER_LOGS "reason.pins_of_other_logs" "every pin is of another log, so nothing was compared";
    REASON_PINS_NOT_REACHED "reason.pins_not_reached" "the export does not stop at every pinned size";
    REASON_ANCHORS_MISSING "reason.anchors_missing" "the export does not show every anchor, so earlier states are not compared";
    LOG_UNNAMED "log.unnamed" "no expected log is named, so this log may be another tenant's";
    REASON_NO_WITNESSES "reason.no_witnesses" "the trust file requires no witnesses";
    REASON_OPEN_CHAIN "reason.open_chain" "a chain is not closed, so more events of it may exist";
    REASON_PARTIAL_CHAIN "reason.partial_chain" "not all links of a chain are shown";
    REASON_NO_EXPECTATION "reason.no_expectation" "no expectation was given";
    REASON_NO_AGE "reason.no_age" "no witnesses attest the age of the last checkpoint";
    LINE_CHECKPOINT "line.checkpoint" "the field checkpoint is not a signed checkpoint without extension lines";
    HEADER_INVALID "header.invalid" "this is not a countersign export, or its header is corrupt";
    STREAM_WINDOW "stream.window" "a zstd frame needs a window larger than 8 MiB";
    STREAM_DICTIONARY "stream.dictionary" "a zstd frame needs a dictionary";
    STREAM_CUT "stream.cut" "the compressed stream is truncated";
    STREAM_FOLLOWED "stream.followed" "other data follows the compressed stream";
    STREAM_CHECKSUM "stream.checksum" "a checksum of the compressed stream does not match";
    STREAM_LENGTH "stream.length" "the compressed stream does not have the length that it states";
    STREAM_CORRUPT "stream.corrupt" "the compressed stream is corrupt";
    STREAM_UNKNOWN "stream.unknown" "the compressed stream uses features that its format does not define";
    HEADER_NO_LINE "header.no_line" "the export has no line";
    LINE_ENTRY_SIZE "line.entry_size" "the entry is larger than 65,535 bytes";
    LINE_LOG_SIZE "line.log_size" "a log has at most 2^53 - 1 entries";
    LINE_TOO_LONG "line.too_long" "the line is longer than 1 MiB";
    LINE_NOT_UTF8 "line.not_utf8" "the line is not UTF-8";
    LINE_NOT_OBJECT "line.not_object" "the line is not one JSON object";
    LINE_TOO_DEEP "line.too_deep" "the line is not one JSON object that nests at most 65 levels deep";
    LINE_CUT "line.cut" "the file ends in the middle of this line";
    LINE_KINDS "line.kinds" "the line does not have exactly one of the fields link, note, leaf, skip, checkpoint, head, and anchor";
    LINE_SECOND_HEADER "line.second_header" "the line is a second header; split concatenated exports and verify each one separately";
    LINE_MEMBER_TWICE "line.member_twice" "the line has a field twice";
    LINE_EVENT_BESIDE_OTHER "line.event_beside_other" "the fields salt, event, and withheld are allowed only with a link";
    LINE_EVENT_BESIDE_LINK "line.event_beside_link" "the fields salt, event, and withheld are allowed only with an event link";
    LINE_SALT_OR_EVENT_ALONE "line.salt_or_event_alone" "only one of the fields salt and event is present";
    LINE_WITHHELD_BESIDE_EVENT "line.withheld_beside_event" "the field withheld is not allowed with an event";
    LINE_WITHHELD "line.withheld" "the field withheld is not erased, redacted, or filtered";
    LINE_SALT "line.salt" "the field salt is not base64 of 16 bytes";
    LINE_EVENT "line.event" "the field event is not an object";
    LINE_EVENT_SIZE "line.event_size" "the event is larger than 262,144 bytes";
    LINE_SKIP "line.skip" "the field skip is not [level, hash] with a level from 0 to 52";
    LINE_LINK "line.link" "the field link is not a string";
    LINE_NOTE "line.note" "the field note is not a string";
    LINE_CHECKPOINT_TEXT "line.checkpoint_text" "the field checkpoint is not a string";
    LINE_HEAD_TEXT "line.head_text" "the field head is not a string";
    LINE_HEAD "line.head" "the field head is not a head proof";
    LINE_ANCHOR_TEXT "line.anchor_text" "the field anchor is not a string";
    LINE_ANCHOR "line.anchor" "the field anchor is not an anchor";
    LINE_LEAF "line.leaf" "the field leaf is not canonical base64";
    LINE_HIDDEN_LINK "line.hidden_link" "the field leaf contains a link or a key note, which belongs in its own field";
    LINE_LINK_GRAMMAR "line.link_grammar" "the field link is not a well-formed link";
    LINE_NOTE_GRAMMAR "line.note_grammar" "the field note is not a key note";
    LINE_UNKNOWN_MEMBER "line.unknown_member" "the line has a field that the format does not define";
    PAYLOAD_MISMATCH "payload.mismatch" "the event was changed after it was signed";
    PAYLOAD_RESERIALIZED "payload.reserialized" "the event matches its commit only in canonical form";
    PAYLOAD_WITHHELD "payload.withheld" "the event is withheld";
    HINT_STREAM_CUT "hint.stream.cut" "fetch the file again: its download was probably interrupted or is not finished";
    HINT_KEY_NOTE_OTHER_LOG "hint.key_note.other_log" "ask for a key note for this log: a key note is valid only in the log that it names";
    HINT_KEY_NOTE_SIGNATURE "hint.key_note.signature" "get the export again if this signature should be valid: the note takes effect by its other signatures";
    HINT_STREAM_DAMAGED "hint.stream.damaged" "fetch the file again: it was corrupted in transit or in storage";
    HINT_STREAM_FOLLOWED "hint.stream.followed" "fetch the file again: data was appended to it";
    HINT_STREAM_WINDOW "hint.stream.window" "compress the export again with a smaller window: gzip, or zstd with --long=23 at most and without --ultra";
    HINT_STREAM_DICTIONARY "hint.stream.dictionary" "decompress the export, then compress it again without a dictionary";
    HINT_HEADER_INVALID "hint.header.invalid" "choose another file: an export begins with {\"countersign\":\"export/v1\",\"origin\":…}";
    HINT_HEADER_EMPTY "hint.header.empty" "the file is empty: choose another file, or download it again";
    HINT_HEADER_BYTE_ORDER_MARK "hint.header.byte_order_mark" "save the file as UTF-8 without a byte order mark";
    HINT_HEADER_UTF16 "hint.header.utf16" "save the file as UTF-8: it seems to be UTF-16 text";
    HINT_HEADER_ZIP "hint.header.zip" "unpack the file and choose the export inside: it seems to be a ZIP archive";
    HINT_HEADER_TAR "hint.header.tar" "unpack the file and choose the export inside: it seems to be a tar archive";
    HINT_HEADER_PARQUET "hint.header.parquet" "ask for the export itself, a .ndjson file: this seems to be a Parquet file";
    HINT_HEADER_PDF "hint.header.pdf" "ask for the export itself, a .ndjson file: this seems to be a PDF document";
    HINT_HEADER_BZIP2 "hint.header.bzip2" "decompress the file, or compress it with gzip or zstd: it seems to be compressed with bzip2 or xz";
    HINT_HEADER_MARKUP "hint.header.markup" "fetch the export again: this seems to be a web page or XML, perhaps a login or error page instead of the download";
    HINT_HEADER_SECRET_KEY "hint.header.secret_key" "keep this file private and choose the export instead: it seems to be a private key";
    HINT_HEADER_TRUST_FILE "hint.header.trust_file" "pass this file as the trust file, and an export in its place: it seems to be a trust file";
    HINT_HEADER_BINARY "hint.header.binary" "choose the export, a .ndjson file, possibly compressed with gzip or zstd: this seems to be a binary file";
    HINT_HEADER_INDENTED "hint.header.indented" "choose the original file: this seems to be indented JSON, but an export has one object per line";
    HINT_HEADER_ARRAY "hint.header.array" "choose the original file: this seems to be a JSON array, but an export has one object per line";
    HINT_HEADER_LONG "hint.header.long" "choose another file: the first line is longer than 1 MiB";
    HINT_HEADER_COMPRESSED_TWICE "hint.header.compressed_twice" "decompress the file once: it is compressed twice";
    HINT_HEADER_DAMAGED "hint.header.damaged" "get the original file: the header was cut off or changed, for example by mail, a terminal, or a spreadsheet";
    HINT_HEADER_MEMBER_TWICE "hint.header.member_twice" "ask for the original export: the header has a field twice";
    HINT_HEADER_VERSION "hint.header.version" "use a newer version of countersign, or ask for the export again: the header's version, origin, or range is not one that this version reads";
    HINT_HEADER_MISSING "hint.header.missing" "ask for the whole export: the header is missing because the file's beginning was cut off or its lines were reordered";
    HINT_HEADER_OTHER_JSON "hint.header.other_json" "choose an export: this seems to be other JSON, such as an error response instead of the download, or events not recorded by `countersign record`";
    TRUST_SIZE "trust.size" "the trust file is larger than 1 MiB";
    TRUST_CONTROL_CHARACTER "trust.control_character" "the line contains a control character";
    HINT_TRUST_CRLF "hint.trust.crlf" "end lines with LF, not CR LF";
    TRUST_NO_QUORUM "trust.no_quorum" "the trust file names witnesses but has no quorum line";
    HINT_TRUST_NO_QUORUM "hint.trust.no_quorum" "add a quorum line with the witnesses that suffice, or \"quorum none\"";
    TRUST_BOUND "trust.bound" "the time of the revocation is not valid";
    HINT_TRUST_BOUND "hint.trust.bound" "write it as 2026-11-20T06:01:02.345Z, or - for always";
    TRUST_LOG_TWICE "trust.log_twice" "two logs have the same public key";
    TRUST_WITNESS_TWICE "trust.witness_twice" "two witnesses have the same public key";
    TRUST_THRESHOLD "trust.threshold" "the threshold is not any, all, or a number from 1 to the number of members";
    TRUST_QUORUM_TWICE "trust.quorum_twice" "the trust file has a second quorum line";
    TRUST_NAME_NONE "trust.name_none" "a witness or group cannot be named none";
    TRUST_NAME_TWICE "trust.name_twice" "a witness or group with this name is already defined";
    TRUST_NAME_UNKNOWN "trust.name_unknown" "no earlier line defines this name";
    HINT_TRUST_MEMBER_TWICE "hint.trust.member_twice" "list each witness or group only once, in a single group";
    TRUST_KEY_NOT_UTF8 "trust.key_not_utf8" "the key is not UTF-8";
    TRUST_ORIGIN "trust.origin" "the origin is not a name";
    TRUST_GROWTH "trust.growth" "only a witness can be a growth witness, and this is the name of a group";
    TRUST_TICK "trust.tick" "the tick is not a decimal number up to 2^53 - 1";
    TRUST_KIND "trust.kind" "the line begins with an unknown word";
    TRUST_FORM "trust.form" "the line has missing, extra, or malformed fields";
    TRUST_SECRET_KEY "trust.secret_key" "this is a private key, not a trust file";
    HINT_TRUST_SECRET_KEY "hint.trust.secret_key" "keep the key private; a trust file names public keys, as keygen prints them";
    HINT_TRUST_EXPORT "hint.trust.export" "pass a file with the keys that you trust: this is an export";
    HINT_TRUST_COMPRESSED "hint.trust.compressed" "decompress the file: it seems to be compressed";
    HINT_TRUST_OTHER_KEY "hint.trust.other_key" "write lines such as emitter <vkey>, with keys as keygen prints them: this seems to be a key in PEM, SSH or JSON";
    HINT_TRUST_KINDS "hint.trust.kinds" "begin lines with log, witness, group, quorum, growth, issuer, emitter, revoke, origin, or # for a comment";
    VKEY_INVALID "vkey.invalid" "the key is not a public key (vkey)";
    HINT_VKEY_INVALID "hint.vkey.invalid" "pass a key of the form name+1a2b3c4d+, followed by base64";
    VKEY_ML_DSA "vkey.ml_dsa" "the key is an ML-DSA-44 key (type 0x06), which can sign only checkpoints";
    HINT_VKEY_ML_DSA "hint.vkey.ml_dsa" "pass an Ed25519 key; name an ML-DSA-44 key in a log or witness line";
    VKEY_NOT_ML_DSA "vkey.not_ml_dsa" "the key is not an ML-DSA-44 key";
    HINT_VKEY_NOT_ML_DSA "hint.vkey.not_ml_dsa" "pass a key of type 0x06";
    VKEY_RFC6962 "vkey.rfc6962" "unsupported key type 0x05 (RFC 6962)";
    VKEY_ECDSA "vkey.ecdsa" "unsupported key type 0x02 (ECDSA)";
    HINT_VKEY_TYPE "hint.vkey.type" "pass a key of type 0x01 (Ed25519), 0x04 (a witness's Ed25519 key), or 0x06 (ML-DSA-44, of a log or witness)";
    VKEY_OF_WITNESS "vkey.of_witness" "the key is a witness's key (type 0x04)";
    HINT_VKEY_OF_WITNESS "hint.vkey.of_witness" "pass a key of type 0x01";
    VKEY_NOT_OF_WITNESS "vkey.not_of_witness" "the key is not a witness's key";
    HINT_VKEY_NOT_OF_WITNESS "hint.vkey.not_of_witness" "pass a key of type 0x04 or 0x06";
    VKEY_ID "vkey.id" "the key ID does not match the key's name and public key";
    HINT_VKEY_ID "hint.vkey.id" "copy the whole key again";
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn sentences_and_codes_are_unique() {
        for (nth, (code, english)) in ALL.iter().enumerate() {
            assert!(ALL[..nth].iter().all(|(before, text)| before != code && text != english), "{code}");
        }
    }
}
