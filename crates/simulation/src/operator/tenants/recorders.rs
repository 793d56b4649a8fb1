//! Lies to recorders, which deliver an outbox, and compare each answer with the newest head that they saw.
//!
//! Each function returns false if the log has no chain that its lie could be about. A recorder that doesn't accept an answer must neither lose nor acknowledge an event. Which of two things it does then
//! depends on what the answer proves: the heads alone may contradict each other, or only a proof may fail.

use std::sync::{Mutex, PoisonError};

use countersign::export::writer::Writer;
use countersign::export::{Item, Line};
use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::merkle::{PendingTree, consistency_proof, inclusion_proof};
use countersign::tenant::Since;
use countersign::trust::Trust;
use countersign_delivery::{Answer, Delivery, DeliveryError, LogServer, Outbox, Step};
use serde_json::{Value, json};

use super::super::text;
use super::story::{
    ANCHOR, AnchorLine, DROPPED, FIRST, REWRITTEN, SECOND_ANCHOR, Story, TenantOperator, Version, is_signed,
    tree_of_entries, write_entry,
};
use crate::faults::{FaultRates, Faults};
use crate::outbox_files::OutboxFiles;
use crate::random::Random;
use crate::reader::ExportEntry;

/// The result of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivered {
    /// The recorder considers all links delivered.
    Accepted,
    /// The recorder stops, because the log server has shown two histories.
    Contradiction,
    /// The recorder retries, because the answer proves nothing.
    Unproven,
}

/// The results that a lie may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Exactly(Delivered),
    /// Anything but [`Delivered::Accepted`]. A failed proof may count as a contradiction or not.
    NotAccepted,
}

const ACCEPTED: Wanted = Wanted::Exactly(Delivered::Accepted);
const UNPROVEN: Wanted = Wanted::Exactly(Delivered::Unproven);
const CONTRADICTION: Wanted = Wanted::Exactly(Delivered::Contradiction);

/// A recorder of the tenant log, whose outbox lasts.
struct TenantRecorder {
    files: OutboxFiles,
    outbox: Mutex<Outbox>,
    trust: Trust,
    origin: String,
    /// The number of events in the outbox.
    waiting: u64,
}

/// The links of one chain, in two segments.
struct Segments([String; 2]);

/// An answer of the log server.
#[derive(Clone, Copy)]
struct Reply<'r> {
    story: &'r Story,
    tick: u64,
    line: AnchorLine,
    alter: &'r dyn Fn(&mut Value),
}

/// The log server, which answers with one tick.
struct LyingServer<'s> {
    operator: &'s TenantOperator<'s>,
    reply: Reply<'s>,
}

impl<'r> Reply<'r> {
    /// Answers as an honest server would, with the head and the anchors of a tick.
    fn at(story: &'r Story, tick: u64) -> Self {
        Self { story, tick, line: AnchorLine::Shown, alter: &|_| {} }
    }
}

impl TenantOperator<'_> {
    /// Answers recorders from an alternating log, as [`show`](Self::show) shows it to readers.
    pub(super) fn answer(
        &mut self,
        story: &Story,
        version: Version,
        anchored: Version,
    ) -> Result<bool, String> {
        let Some(links) = self.links_in(story.entries(version), story.entries(version)) else {
            return Ok(false);
        };
        let other = if version == Version::Truth { Version::Lie } else { Version::Truth };
        let early = self.tick_of(version, FIRST + 200, ANCHOR);
        let late = self.tick_of(version, ANCHOR + 1, ANCHOR + 200);
        let (other_early, other_late) =
            (self.tick_of(other, FIRST + 200, ANCHOR), self.tick_of(other, ANCHOR + 1, ANCHOR + 200));
        let first = Reply::at(story, FIRST + 100 + u64::from(version == Version::Lie));
        let shown = if anchored == version { ACCEPTED } else { Wanted::NotAccepted };
        let forged = if anchored == version { ACCEPTED } else { UNPROVEN };
        let then = |tick, line| Reply { line, ..Reply::at(story, tick) };
        for (what, reply, wanted) in [
            ("its version, before the anchor", then(early, AnchorLine::Shown), ACCEPTED),
            (
                "the other version, before the anchor",
                then(other_early, AnchorLine::Shown),
                Wanted::NotAccepted,
            ),
            ("its version, after the anchor", then(late, AnchorLine::Shown), shown),
            ("its version without the anchor", then(late, AnchorLine::LeftOut), UNPROVEN),
            ("its version with a forged anchor", then(late, AnchorLine::Forged), forged),
            ("the other version, after the anchor", then(other_late, AnchorLine::Shown), Wanted::NotAccepted),
        ] {
            let recorder = self.recorder(&links, first)?;
            recorder.expect(&format!("a recorder gets {what}, {anchored:?}"), self, reply, wanted)?;
        }
        // Without a head from an earlier run, only the anchor is compared.
        for (what, reply, wanted) in [
            ("before the anchor", then(early, AnchorLine::Shown), ACCEPTED),
            ("after the anchor", then(late, AnchorLine::Shown), shown),
            ("without the anchor", then(late, AnchorLine::LeftOut), UNPROVEN),
        ] {
            let recorder = self.new_recorder(&links)?;
            recorder.expect(&format!("a new recorder gets {what}, {anchored:?}"), self, reply, wanted)?;
        }
        Ok(true)
    }

    /// Answers recorders from a log whose entries after the first anchor were rewritten.
    pub(super) fn answer_after_rewrite(&mut self, story: &Story) -> Result<bool, String> {
        let Some(links) = self.links_in(story.entries(Version::Truth), story.entries(Version::Lie)) else {
            return Ok(false);
        };
        for tick in [REWRITTEN, REWRITTEN + 900, SECOND_ANCHOR + 9] {
            let recorder = self.recorder(&links, Reply::at(story, REWRITTEN - 900))?;
            let what = format!("a recorder that knows the log gets a rewritten one at tick {tick}");
            recorder.expect(&what, self, Reply::at(story, tick), Wanted::NotAccepted)?;
        }
        let recorder = self.new_recorder(&links)?;
        let what = "a new recorder gets a rewritten log";
        recorder.expect(what, self, Reply::at(story, SECOND_ANCHOR + 9), ACCEPTED)?;
        Ok(true)
    }

    /// Answers recorders from a log that was dropped, and has fewer entries afterward.
    pub(super) fn answer_after_drop(&mut self, story: &Story) -> Result<bool, String> {
        let [gone, back] = DROPPED;
        let (before, after) = (story.entries(Version::Truth), story.entries(Version::Early));
        // The log may still have what it is asked to prove, or not.
        let kept = self.links_in(before, after);
        let is_told = kept.is_some();
        for (links, wanted) in [(kept, CONTRADICTION), (self.links_in(before, before), Wanted::NotAccepted)] {
            let Some(links) = links else { continue };
            for tick in [back, back + 9] {
                let recorder = self.recorder(&links, Reply::at(story, gone - 9))?;
                let what = format!("a recorder gets a log that was dropped, at tick {tick}");
                recorder.expect(&what, self, Reply::at(story, tick), wanted)?;
            }
        }
        Ok(is_told)
    }

    /// Answers recorders from a log that alternates with an earlier state of it.
    pub(super) fn answer_with_hidden(&mut self, story: &Story, anchored: Version) -> Result<bool, String> {
        let truth = story.entries(Version::Truth);
        let Some(links) = self.links_in(truth, truth) else { return Ok(false) };
        let late = self.tick_of(Version::Truth, ANCHOR + 1, ANCHOR + 200);
        let shown = if anchored == Version::Truth { ACCEPTED } else { CONTRADICTION };
        for (line, wanted) in [(AnchorLine::Shown, shown), (AnchorLine::LeftOut, UNPROVEN)] {
            let recorder = self.recorder(&links, Reply::at(story, FIRST + 100))?;
            let reply = Reply { line, ..Reply::at(story, late) };
            recorder.expect(&format!("a recorder gets hidden entries, {line:?}"), self, reply, wanted)?;
        }
        Ok(true)
    }

    /// Alters an honest answer in all its parts. The recorder must deliver with the next honest one, unless it stopped.
    pub(super) fn alter_answers(&mut self) -> Result<bool, String> {
        let entries = self.entries.clone();
        let early = self.earlier_state(entries.len() / 2);
        let Some(links) = self.links_in(&early, &entries).filter(|_| early.len() < entries.len()) else {
            return Ok(false);
        };
        // The log grows before the anchor, or after it.
        let grows = ANCHOR + self.random.between(0, 1);
        let versions = [(Version::Early, early), (Version::Truth, entries)];
        let story = self.story(versions, ANCHOR + 210, |tick| {
            Some(if tick < grows { Version::Early } else { Version::Truth })
        });
        let (first, honest) = (Reply::at(&story, FIRST + 100), Reply::at(&story, ANCHOR + 100));
        let log = self.origin.to_string();
        let other = self.other.to_string();
        for (what, alter) in alterations(&log, &other, self.trust.has_quorum(), grows == ANCHOR) {
            let recorder = self.recorder(&links, first)?;
            let reply = Reply { alter: &*alter, ..honest };
            recorder.expect(&format!("an answer with {what}"), self, reply, Wanted::NotAccepted)?;
            recorder.recover(&format!("after an answer with {what}"), self, honest)?;
        }
        // An honest answer that is older than the newest head proves nothing new.
        let recorder = self.recorder(&links, honest)?;
        recorder.expect("an old answer", self, first, Wanted::NotAccepted)?;
        recorder.recover("after an old answer", self, Reply::at(&story, ANCHOR + 101))?;
        Ok(true)
    }

    /// Returns the links of a chain: the first segment is in `first`, and both are in `then`. `None` if there is no such
    /// chain.
    fn links_in(&mut self, first: &[ExportEntry], then: &[ExportEntry]) -> Option<Segments> {
        let mut chains: Vec<ChainId> = then.iter().map(|entry| entry.place.0).collect();
        chains.sort_unstable();
        chains.dedup();
        while !chains.is_empty() {
            let chain = chains.swap_remove(self.random.index(chains.len()));
            let links: Vec<&ExportEntry> = then.iter().filter(|entry| entry.place.0 == chain).collect();
            let Some(cut) = links.iter().position(|link| is_signed(link)).map(|at| at + 1) else { continue };
            let Some(end) = links.iter().rposition(|link| is_signed(link)).map(|at| at + 1) else { continue };
            let is_in = |link: &&&ExportEntry| first.iter().any(|entry| entry.text == link.text);
            if links[0].place.1 == 0 && cut < end && links[..cut].iter().all(|link| is_in(&link)) {
                return Some(Segments([lines(&links[..cut]), lines(&links[cut..end])]));
            }
        }
        None
    }

    /// Returns a recorder that has delivered the first segment, and has the second one in its outbox.
    fn recorder(&mut self, links: &Segments, first: Reply<'_>) -> Result<TenantRecorder, String> {
        let mut recorder = TenantRecorder::new(self)?;
        recorder.append(&links.0[0])?;
        recorder.expect("the first answer", self, first, ACCEPTED)?;
        recorder.append(&links.0[1])?;
        Ok(recorder)
    }

    /// Returns a recorder that has both segments in its outbox.
    fn new_recorder(&mut self, links: &Segments) -> Result<TenantRecorder, String> {
        let mut recorder = TenantRecorder::new(self)?;
        links.0.iter().try_for_each(|lines| recorder.append(lines))?;
        Ok(recorder)
    }
}

impl TenantRecorder {
    fn new(operator: &mut TenantOperator<'_>) -> Result<Self, String> {
        let files = OutboxFiles::new(Faults::new(Random::new(0), FaultRates::default()));
        let origin = operator.origin.to_string();
        let outbox = Outbox::open(Box::new(files.clone()), &origin, "outbox").map_err(text)?;
        Ok(Self { files, outbox: Mutex::new(outbox), trust: operator.dated_trust()?, origin, waiting: 0 })
    }

    fn append(&mut self, lines: &str) -> Result<(), String> {
        let outbox = self.outbox.get_mut().unwrap_or_else(PoisonError::into_inner);
        outbox.append(lines, None).map_err(text)?;
        self.waiting = outbox.events();
        Ok(())
    }

    /// Delivers the outbox to the log server, which answers with this reply.
    fn deliver(&self, operator: &TenantOperator<'_>, reply: Reply<'_>) -> Result<Delivered, String> {
        let mut server = LyingServer { operator, reply };
        let mut delivery = Delivery::new(&self.outbox, &self.trust, &self.origin);
        match delivery.step(&mut server) {
            Step::Delivered { .. } => Ok(Delivered::Accepted),
            Step::Dead(why) if why.code() == "log.rewritten" => Ok(Delivered::Contradiction),
            Step::Later { why: DeliveryError::Unproven { .. }, .. } => Ok(Delivered::Unproven),
            step => Err(format!("a delivery ends with {step:?}")),
        }
    }

    /// Delivers the outbox, and checks the result. Unless it is accepted, everything stays as it was, also after a restart.
    fn expect(
        &self,
        what: &str,
        operator: &TenantOperator<'_>,
        reply: Reply<'_>,
        wanted: Wanted,
    ) -> Result<(), String> {
        let before = self.state()?;
        let delivered = self.deliver(operator, reply).map_err(|why| format!("{what}: {why}"))?;
        let is_wanted = match wanted {
            Wanted::Exactly(exactly) => delivered == exactly,
            Wanted::NotAccepted => delivered != Delivered::Accepted,
        };
        if !is_wanted {
            return Err(format!("{what}: {delivered:?} instead of {wanted:?}"));
        }
        let after = self.state()?;
        if delivered == Delivered::Accepted {
            return if after.0 == 0 { Ok(()) } else { Err(format!("{what}: {} events wait", after.0)) };
        }
        if after != before || after.0 != self.waiting {
            return Err(format!("{what}: the outbox changed from {before:?} to {after:?}"));
        }
        Ok(())
    }

    /// Delivers the outbox to an honest server, after an answer that wasn't accepted.
    fn recover(&self, what: &str, operator: &TenantOperator<'_>, honest: Reply<'_>) -> Result<(), String> {
        let outbox = Outbox::open(Box::new(self.files.clone()), &self.origin, "outbox").map_err(text)?;
        let wanted = if outbox.contradiction().is_some() { CONTRADICTION } else { ACCEPTED };
        let again = Self {
            files: self.files.clone(),
            outbox: Mutex::new(outbox),
            trust: self.trust.clone(),
            origin: self.origin.clone(),
            waiting: self.waiting,
        };
        again.expect(what, operator, honest, wanted)
    }

    /// Returns the number of events that are durable in the outbox, and the newest head and the receipt in it.
    fn state(&self) -> Result<(u64, Option<String>, Option<String>), String> {
        let outbox = Outbox::open(Box::new(self.files.clone()), &self.origin, "outbox").map_err(text)?;
        let head = outbox.newest_head().map(ToString::to_string);
        Ok((outbox.events(), head, outbox.receipt().map(|receipt| receipt.proof.clone())))
    }
}

impl LogServer for LyingServer<'_> {
    type Error = DeliveryError;

    fn submit(&mut self, lines: &str, since: Option<Since>) -> Result<Answer, DeliveryError> {
        // Reaches the caller as another error than any that a lie may cause.
        let failed = |why: String| DeliveryError::Io {
            doing: "make an answer",
            place: "the lying log server".into(),
            error: std::io::Error::other(why),
        };
        let since = since.ok_or_else(|| failed("the request states no head".into()))?;
        let mut body = self.body(lines, since).map_err(failed)?;
        (self.reply.alter)(&mut body);
        Ok(Answer { status: 200, retry_after: None, body: body.to_string().into_bytes() })
    }
}

impl LyingServer<'_> {
    /// Returns the body of the answer, with the best proofs that there are.
    fn body(&self, lines: &str, since: Since) -> Result<Value, String> {
        let Reply { story, tick, line, .. } = self.reply;
        let version = story.version_at(tick).ok_or("the tick has no head")?;
        let (entries, proof) = (story.entries(version), story.head(self.operator, tick, tick + 1)?);
        let tree = tree_of_entries(entries);
        let mut chains = serde_json::Map::new();
        for submitted in lines.lines() {
            let line = Line::parse(submitted).map_err(text)?;
            let Item::Link { text: link, link: parsed, .. } = line.item else { continue };
            // A link that this version lacks has no proof.
            let index = entries.iter().position(|entry| entry.text == link).unwrap_or(0) as u64;
            let hashes = inclusion_proof(index, tree.size(), &tree).unwrap_or_default();
            let last = json!({ "seq": parsed.seq(), "index": index, "hashes": base64(&hashes) });
            chains.insert(parsed.chain().to_string(), last);
        }
        let mut size = since.size;
        let mut grow = |entries: &[ExportEntry]| {
            let old = std::mem::replace(&mut size, entries.len() as u64);
            proof_of_growth(old, &tree_of_entries(entries))
        };
        let mut anchors = Vec::new();
        for anchor in story.anchors(&since.anchors(tick), &proof, line)? {
            let consistency =
                grow(story.version_at(anchor.tick).map_or(&[], |version| story.entries(version)));
            anchors.push(json!({ "anchor": anchor.to_string(), "consistency": base64(&consistency) }));
        }
        let text = proof.to_string();
        let (head, root) = text.split_once("\n\n").ok_or("a head proof has no empty line")?;
        Ok(json!({
            "root": root,
            "logs": { self.operator.origin.as_str(): {
                "head": format!("{head}\n"),
                "chains": chains,
                "notes": [],
                "added": 0,
                "repeated": 0,
                "anchors": anchors,
                "consistency": base64(&grow(entries)),
            }},
        }))
    }
}

/// Returns the proof that a log grew from a size. If it didn't, there is none.
fn proof_of_growth(old: u64, tree: &PendingTree) -> Vec<Hash> {
    if old == 0 { Vec::new() } else { consistency_proof(old, tree.size(), tree).unwrap_or_default() }
}

fn base64(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

fn lines(links: &[&ExportEntry]) -> String {
    let mut writer = Writer::new();
    for link in links {
        write_entry(&mut writer, link);
    }
    String::from_utf8_lossy(writer.as_bytes()).into_owned()
}

/// A change of an answer.
type Alter = Box<dyn Fn(&mut Value)>;

/// Returns changes of an answer, each of which makes it invalid. `is_anchor_grown` is true if the log grew before the
/// anchor, and not after it.
fn alterations(
    log: &str,
    other: &str,
    has_quorum: bool,
    is_anchor_grown: bool,
) -> Vec<(&'static str, Alter)> {
    let at = |pointer: &str| format!("/logs/{}{pointer}", log.replace('~', "~0").replace('/', "~1"));
    let head_line = move |number: usize, with: &'static str| -> Alter {
        let head = at("/head");
        Box::new(move |body| {
            let Some(Value::String(text)) = body.pointer_mut(&head) else { return };
            let mut lines: Vec<&str> = text.lines().collect();
            let changed = if with.is_empty() { change_text(lines[number]) } else { with.to_owned() };
            lines[number] = &changed;
            *text = lines.join("\n") + "\n";
        })
    };
    let edit = |pointer: String, edit: fn(&mut Value)| -> Alter {
        Box::new(move |body| body.pointer_mut(&pointer).map_or((), edit))
    };
    let root = |edit: fn(&str) -> String| -> Alter {
        Box::new(move |body| {
            if let Some(Value::String(text)) = body.pointer_mut("/root") {
                *text = edit(text);
            }
        })
    };
    let chain = |edit: fn(&mut Value)| -> Alter {
        let chains = at("/chains");
        Box::new(move |body| {
            let chains = body.pointer_mut(&chains).and_then(Value::as_object_mut);
            chains.into_iter().flat_map(|chains| chains.values_mut()).for_each(edit);
        })
    };
    // The proof of growth has hashes where the log grew.
    let (grown, same) = if is_anchor_grown {
        (at("/anchors/0/consistency"), at("/consistency"))
    } else {
        (at("/consistency"), at("/anchors/0/consistency"))
    };
    let (log, other) = (log.to_owned(), other.to_owned());
    let mut alterations: Vec<(&'static str, Alter)> = vec![
        ("another index", chain(|link| link["index"] = json!(link["index"].as_u64().unwrap_or(0) ^ 1))),
        ("a longer inclusion proof", chain(|link| push_hash(&mut link["hashes"]))),
        ("no link", edit(at("/chains"), |chains| *chains = json!({}))),
        ("another size", head_line(2, "4294967295")),
        ("another root", head_line(3, "")),
        ("another state", head_line(4, "ended")),
        ("another salt", head_line(5, "")),
        ("another sibling", head_line(7, "")),
        ("a changed growth proof", edit(grown.clone(), |hashes| change_hash(&mut hashes[0]))),
        ("a cut growth proof", edit(grown.clone(), |hashes| *hashes = json!([]))),
        ("a longer growth proof", edit(grown, push_hash)),
        ("a growth proof where nothing grew", edit(same, push_hash)),
        ("no anchors", edit(at("/anchors"), |anchors| *anchors = json!([]))),
        (
            "the anchor twice",
            edit(at("/anchors"), |anchors| {
                let twice = anchors[0].clone();
                anchors.as_array_mut().into_iter().for_each(|anchors| anchors.push(twice.clone()));
            }),
        ),
        (
            "a changed anchor",
            edit(at("/anchors/0/anchor"), |anchor| {
                let changed = change_text(anchor.as_str().unwrap_or_default().trim_end()) + "\n";
                *anchor = json!(changed);
            }),
        ),
        ("the anchor of another tenant", {
            let (anchor, log, other) = (at("/anchors/0/anchor"), log.clone(), other.clone());
            Box::new(move |body| {
                if let Some(Value::String(text)) = body.pointer_mut(&anchor) {
                    *text = text.replacen(&log, &other, 1);
                }
            })
        }),
        (
            "another log",
            Box::new(move |body| {
                let mine = body["logs"][&log].take();
                body["logs"] = json!({ &other: mine });
            }),
        ),
        (
            "another tick",
            root(|text| change_line(text, |line| line.starts_with("index "), |_| "index 9".into())),
        ),
        ("a changed signature", root(|text| change_line(text, |line| line.starts_with('—'), change_text))),
        ("no signature of the log", root(|text| remove_line(text, 0))),
        ("no root log", root(|_| String::new())),
        ("no answer", Box::new(|body| *body = Value::Null)),
    ];
    if has_quorum {
        // More than half of the witnesses are needed, and all cosigned.
        let without = root(|text| remove_line(&remove_line(text, 1), 1));
        alterations.push(("too few cosignatures", without));
    }
    alterations
}

fn push_hash(hashes: &mut Value) {
    hashes.as_array_mut().into_iter().for_each(|hashes| hashes.push(json!(Hash([1; 32]).to_string())));
}

fn change_hash(hash: &mut Value) {
    *hash = json!(Hash([1; 32]).to_string());
}

/// Changes a character of base64 text that isn't at its end.
fn change_text(text: &str) -> String {
    let at = text.len() - 10;
    let changed = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{changed}{}", &text[..at], &text[at + 1..])
}

/// Changes the first of these lines.
fn change_line(text: &str, is_wanted: fn(&str) -> bool, change: fn(&str) -> String) -> String {
    let line = text.lines().find(|line| is_wanted(line)).unwrap_or_default();
    text.replacen(line, &change(line), 1)
}

/// Removes a signature line; number 0 is the log's.
fn remove_line(text: &str, number: usize) -> String {
    let signature = text.lines().filter(|line| line.starts_with('—')).nth(number).unwrap_or_default();
    text.replacen(&format!("{signature}\n"), "", 1)
}
