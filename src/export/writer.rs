//! Writes export lines in a single form: fields in a fixed order, no white space, strings with as few escapes
//! as possible.
//!
//! ```
//! use countersign::export::writer::Writer;
//! use countersign::export::{Header, Withheld};
//!
//! let mut writer = Writer::new();
//! writer.header(&Header { origin: "log.example/audit".into(), range: None });
//! writer.withheld("countersign/v1 event …", Some(Withheld::Erased));
//! assert_eq!(
//!     writer.as_str(),
//!     concat!(
//!         r#"{"countersign":"export/v1","origin":"log.example/audit"}"#, "\n",
//!         r#"{"link":"countersign/v1 event …","withheld":"erased"}"#, "\n",
//!     ),
//! );
//! ```

use crate::base64;
use crate::canonical::write_string;
use crate::hash::Hash;
use crate::link::Salt;
use crate::merkle::{CompactRange, skips};

use super::{Header, Item, Withheld};

/// A buffer of export lines. You can take the lines written so far at any time.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    text: Vec<u8>,
}

impl Writer {
    /// Creates an empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the lines written since the last [`Writer::clear`].
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Returns the lines as text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// True if nothing was written since the last [`Writer::clear`].
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Drops the lines but keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.text.clear();
    }

    /// Returns the lines, and drops the buffer.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.text
    }

    /// Adds whole lines that another buffer wrote.
    pub(crate) fn append(&mut self, lines: &[u8]) {
        self.text.extend_from_slice(lines);
    }

    /// Writes the header, the first line of every export.
    pub fn header(&mut self, header: &Header) {
        self.text.extend_from_slice(b"{\"countersign\":\"export/v1\",\"origin\":");
        write_string(&header.origin, &mut self.text);
        if let Some((first, end)) = header.range {
            let end = end.map_or_else(String::new, |end| format!(",{end}"));
            self.text.extend_from_slice(format!(",\"range\":[{first}{end}]").as_bytes());
        }
        self.end();
    }

    /// Writes an open or close link.
    pub fn link(&mut self, link: &str) {
        self.member("link", link);
        self.end();
    }

    /// Writes an event link and its event, which is one JSON object without a line feed.
    pub fn event(&mut self, link: &str, salt: &Salt, event: &str) {
        self.member("link", link);
        self.text.extend_from_slice(b",\"salt\":\"");
        self.text.extend_from_slice(base64::encode(salt).as_bytes());
        self.text.extend_from_slice(b"\",\"event\":");
        self.text.extend_from_slice(event.as_bytes());
        self.end();
    }

    /// Writes an event link without its event, possibly with the reason.
    pub fn withheld(&mut self, link: &str, reason: Option<Withheld>) {
        self.member("link", link);
        if let Some(reason) = reason {
            self.text.extend_from_slice(b",\"withheld\":\"");
            self.text.extend_from_slice(reason.as_str().as_bytes());
            self.text.push(b'"');
        }
        self.end();
    }

    /// Writes a key note: text, empty line, signature lines.
    pub fn note(&mut self, note: &str) {
        self.member("note", note);
        self.end();
    }

    /// Writes a leaf that is neither a link nor a key note.
    pub fn leaf(&mut self, leaf: &[u8]) {
        self.member("leaf", &base64::encode(leaf));
        self.end();
    }

    /// Writes a skip that replaces 2^`level` omitted entries. `root` is the root of their subtree.
    pub fn skip(&mut self, level: u8, root: &Hash) {
        self.text.extend_from_slice(format!("{{\"skip\":[{level},\"{root}\"]").as_bytes());
        self.end();
    }

    /// Writes the fewest skips that cover the entries of `range`.
    pub fn skips(&mut self, range: &CompactRange) {
        for (subtree, root) in skips(range.begin(), range.end()).zip(range.hashes()) {
            self.skip(subtree.level, root);
        }
    }

    /// Writes a signed checkpoint of exactly the entries written or skipped before it.
    pub fn checkpoint(&mut self, checkpoint: &str) {
        self.member("checkpoint", checkpoint);
        self.end();
    }

    /// Writes a head proof of a tenant log, in place of a checkpoint.
    pub fn head(&mut self, head: &str) {
        self.member("head", head);
        self.end();
    }

    /// Writes an anchor of a tenant log, after as many entries as it states.
    pub fn anchor(&mut self, anchor: &str) {
        self.member("anchor", anchor);
        self.end();
    }

    /// Writes a parsed line, without fields that the format does not define.
    pub fn item(&mut self, item: &Item<'_>) {
        match item {
            Item::Link { text, payload: Some(payload), .. } => self.event(text, &payload.salt, payload.event),
            Item::Link { text, payload: None, withheld, .. } => self.withheld(text, *withheld),
            Item::Note { text, .. } => self.note(text),
            Item::Leaf(bytes) => self.leaf(bytes),
            Item::Skip { level, hash } => self.skip(*level, hash),
            Item::Checkpoint { text, .. } => self.checkpoint(text),
            Item::Head { text, .. } => self.head(text),
            Item::Anchor { text, .. } => self.anchor(text),
        }
    }

    fn member(&mut self, name: &str, value: &str) {
        self.text.extend_from_slice(b"{\"");
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"\":");
        write_string(value, &mut self.text);
    }

    fn end(&mut self) {
        self.text.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::export::Line;
    use crate::merkle::leaf_hash;

    #[test]
    fn writes_the_fewest_skips() {
        let leaves: Vec<Hash> = (0_u8..13).map(|n| leaf_hash(&[n])).collect();
        let mut range = CompactRange::starting_at(3);
        range.extend(&leaves[3..]);
        let mut writer = Writer::new();
        writer.skips(&range);
        let levels: Vec<u8> = writer
            .as_str()
            .lines()
            .map(|line| match Line::parse(line).unwrap().item {
                Item::Skip { level, .. } => level,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(levels, [0, 2, 2, 0]);
    }

    #[test]
    fn written_lines_parse_back() {
        let link = "countersign/v1 event da7f84a510cb84b8cbb5b74a63c306ec 1 2026-11-20T06:00:01.000Z \
                    2n+EpRDLhLjLtbdKY8MG7PNiM4fWQMPu3SZVy/CVOkk= T9eQIVpB/PtolM52DdBhQFPZcLntqmFl+FZYb4KHmqw=";
        let mut writer = Writer::new();
        writer.event(link, &[7; 16], r#"{"a":"\n"}"#);
        writer.withheld(link, None);
        writer.leaf(b"\x00opaque\xff");
        let mut again = Writer::new();
        for line in writer.as_str().lines() {
            again.item(&Line::parse(line).unwrap().item);
        }
        assert_eq!(again.as_str(), writer.as_str());
    }

    #[test]
    fn escapes_names() {
        let header = Header { origin: "a\"b\\c".into(), range: Some((3, Some(9))) };
        let mut writer = Writer::new();
        writer.header(&header);
        assert_eq!(Header::parse(writer.as_bytes().trim_ascii_end()).unwrap(), header);
    }
}
