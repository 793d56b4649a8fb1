//! Marks as text for JavaScript: JSON that is read in one go (js/packages/countersign/src/verify/marks.ts).

use core::fmt::{Display, Write as _};
use std::collections::HashMap;

use countersign::canonical::write_string;
use countersign::hex;
use countersign::keys::Statement;
use countersign::link::ChainId;
use countersign::time::Time;
use countersign::verify::{
    CheckpointMark, CoveredLink, LinkKind, LinkMark, Mark, NoteMark, SignatureMark, SignedBy,
};

/// Some marks: `{"marks":[…],"chains":[…]}`, or nothing where there are none. A million links can be withheld, so
/// what those of a chain share stands once: `of` is the place in `chains`.
pub(super) fn json(marks: impl IntoIterator<Item = Mark>) -> Vec<u8> {
    let mut out = Text::default();
    let mut chains = Chains::default();
    for mark in marks {
        out.raw(if out.0.is_empty() { "{\"marks\":[" } else { "," });
        out.mark(&mark, &mut chains);
    }
    if !out.0.is_empty() {
        out.raw("],\"chains\":[");
        out.raw(&chains.text.0);
        out.raw("]}");
    }
    out.0.into_bytes()
}

/// What the links of a chain share.
#[derive(Default)]
struct Chains {
    places: HashMap<ChainId, u32>,
    text: Text,
}

impl Chains {
    fn place(&mut self, link: &CoveredLink) -> u32 {
        let next = self.places.len() as u32;
        let place = *self.places.entry(link.chain).or_insert(next);
        if place == next {
            self.text.raw(if next == 0 { "{" } else { ",{" });
            self.text.quoted("\"chain\":", &link.chain);
            self.text.flag(",\"authorized\":", Some(link.authorized));
            self.text.string(",\"vkey\":", link.vkey.as_str());
            self.text.raw("}");
        }
        place
    }
}

/// Each method writes `name`, which is what stands before a value, and the value: text that is compiled once is small.
#[derive(Default)]
struct Text(String);

impl Text {
    #[inline(never)]
    fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    #[inline(never)]
    fn number(&mut self, name: &str, number: u64) {
        self.raw(name);
        // Writing into a string does not fail.
        let _ = write!(self.0, "{number}");
    }

    /// What is written without a character that JSON would escape.
    fn quoted(&mut self, name: &str, value: &dyn Display) {
        self.raw(name);
        let _ = write!(self.0, "\"{value}\"");
    }

    #[inline(never)]
    fn string(&mut self, name: &str, text: &str) {
        let mut json = Vec::new();
        write_string(text, &mut json);
        self.raw(name);
        self.raw(&String::from_utf8_lossy(&json));
    }

    fn flag(&mut self, name: &str, flag: Option<bool>) {
        self.raw(name);
        self.raw(match flag {
            Some(true) => "true",
            Some(false) => "false",
            None => "null",
        });
    }

    #[inline(never)]
    fn time(&mut self, name: &str, time: Option<Time>) {
        match time {
            Some(time) => self.quoted(name, &time),
            None => self.flag(name, None),
        }
    }

    fn list<T>(&mut self, name: &str, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.raw(name);
        for (place, item) in items.iter().enumerate() {
            self.raw(if place == 0 { "[" } else { "," });
            write(self, item);
        }
        self.raw(if items.is_empty() { "[]" } else { "]" });
    }

    fn mark(&mut self, mark: &Mark, chains: &mut Chains) {
        self.quoted("{\"kind\":", &mark.kind());
        self.number(",\"line\":", mark.line());
        if let Some(index) = mark.index() {
            self.number(",\"index\":", index);
        }
        match mark {
            Mark::Skip { leaves, .. } => self.number(",\"entries\":", *leaves),
            Mark::Link(mark) => self.link(mark, chains.place(&mark.link)),
            Mark::Note(note) => self.note(note),
            Mark::Checkpoint(checkpoint) => self.checkpoint(checkpoint),
            _ => {}
        }
        self.raw("}");
    }

    fn link(&mut self, LinkMark { kind, link }: &LinkMark, of: u32) {
        self.number(",\"of\":", of.into());
        self.number(",\"seq\":", link.seq);
        self.time(",\"time\":", Some(link.time));
        match kind {
            LinkKind::Withheld(None) => self.flag(",\"why\":", None),
            LinkKind::Withheld(Some(why)) => self.quoted(",\"why\":", &why.as_str()),
            _ => {}
        }
    }

    fn note(&mut self, note: &NoteMark) {
        self.flag(",\"acts\":", Some(note.acts));
        self.list(",\"statements\":", &note.statements, Self::statement);
        self.list(",\"signers\":", &note.signers, |out, signer| out.string("", signer.as_str()));
    }

    fn statement(&mut self, statement: &Statement) {
        self.string("{\"vkey\":", statement.key().as_str());
        match statement {
            Statement::Grant { from, until, .. } => {
                self.time(",\"kind\":\"grant\",\"from\":", *from);
                self.time(",\"until\":", *until);
            }
            Statement::Revoke { since, .. } => self.time(",\"kind\":\"revoke\",\"since\":", *since),
        }
        self.raw("}");
    }

    fn checkpoint(&mut self, checkpoint: &CheckpointMark) {
        self.string(",\"origin\":", &checkpoint.origin);
        self.number(",\"size\":", checkpoint.size);
        self.quoted(",\"root\":", &checkpoint.root);
        self.flag(",\"matches\":", Some(checkpoint.matches));
        self.list(",\"signatures\":", &checkpoint.signatures, Self::signature);
        self.time(",\"existed\":", checkpoint.times.map(|times| times.existed_by));
        self.time(",\"seen\":", checkpoint.times.map(|times| times.seen_at));
    }

    fn signature(&mut self, signature: &SignatureMark) {
        let id = hex::encode(&signature.id);
        let by = match signature.by {
            SignedBy::Log => "log",
            SignedBy::Witness => "witness",
            SignedBy::Unknown => "unknown",
        };
        self.string("{\"name\":", &signature.name);
        self.quoted(",\"id\":", &id);
        self.quoted(",\"by\":", &by);
        self.flag(",\"valid\":", signature.valid);
        self.time(",\"time\":", signature.time);
        self.raw("}");
    }
}
