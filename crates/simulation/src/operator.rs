//! The lies of a log operator, who has the log's key and its storage, and who notices each.
//!
//! The operator shows each reader an export that the reader verifies. Three readers look at it: one who sees the log
//! for the first time, one who pinned an earlier checkpoint (or has a recorder's proof, which is as good), and one who
//! expects a recent state. SPEC.md says what each can notice: sections 8 and 9.9 for what only a pin, a greatest age, or
//! a quorum of witnesses shows.

pub mod tenants;

use countersign::base64;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::event::{Event, Redaction};
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Line};
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, PendingTree, consistency_proof, leaf_hash};
use countersign::note::SignerKey;
use countersign::recorder::Recorder as Chain;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{Expectations, FindingCode, MaxAge, Options, Verdict};
use countersign::witness::Request;

use crate::random::Random;
use crate::reader::{ExportEntry, problems, verify};
use crate::trace::Trace;
use crate::witness::Witness;

/// The log operator.
pub struct Operator<'w> {
    /// The log's name.
    pub origin: String,
    /// The log's key.
    pub key: SignerKey,
    /// The readers' trust file.
    pub trust: Trust,
    /// The witnesses, who are honest.
    pub witnesses: &'w mut [Witness],
    /// The current time.
    pub now: Time,
    /// The log's entries.
    pub entries: Vec<ExportEntry>,
    /// The newest checkpoint that was published.
    pub newest: String,
    /// Checkpoints that readers pinned, and those of recorders' proofs.
    pub pins: Vec<SignedCheckpoint>,
    /// Chooses what to lie about.
    pub random: Random,
}

/// A reader of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Sees the log for the first time.
    New,
    /// Pinned the newest checkpoint before the lie.
    Pinned,
    /// Expects a state of the last hour.
    Dated,
}

/// A lie as an export.
struct Lie {
    name: &'static str,
    export: Vec<u8>,
}

impl Operator<'_> {
    /// Tells every lie that is possible with this log, and checks who notices it.
    ///
    /// # Errors
    /// The lie that was not noticed, or was noticed in another way than SPEC.md says.
    pub fn lie(&mut self, trace: &mut Trace, at: u64) -> Result<(), String> {
        use FindingCode as Code;
        let quorum = self.trust.has_quorum();
        let honest = self.shown(&self.entries, &self.newest);
        for audience in [Audience::New, Audience::Pinned] {
            self.expect(
                trace,
                at,
                &Lie { name: "no lie", export: honest.clone() },
                audience,
                Verdict::Verified,
                &[],
            )?;
        }
        if quorum {
            let lie = Lie { name: "no lie", export: honest.clone() };
            self.expect(trace, at, &lie, Audience::Dated, Verdict::Verified, &[])?;
        }
        self.lie_about_lines(trace, at, &honest)?;
        // Each of these is a whole log of its own, signed by the log's key. Without witnesses or memory it can't be
        // noticed that it isn't the one that others see.
        let (verdict, codes): (Verdict, &[Code]) =
            if quorum { (Verdict::Broken, &[Code::WitnessQuorum]) } else { (Verdict::Verified, &[]) };
        for (name, entries) in
            [("a chain is gone", self.without_chain()), ("entries are swapped", self.swapped())]
        {
            let Some(entries) = entries else { continue };
            let lie = Lie { name, export: self.signed(&entries) };
            self.expect(trace, at, &lie, Audience::New, verdict, codes)?;
            let codes = &[Code::AppendOnlySplitView, Code::AppendOnlyRollback];
            self.expect(trace, at, &lie, Audience::Pinned, Verdict::Altered, codes)?;
        }
        if let Some(entries) = self.without_link() {
            let lie = Lie { name: "a link is gone", export: self.signed(&entries) };
            self.expect(trace, at, &lie, Audience::New, Verdict::Broken, &[Code::ChainGap])?;
        }
        if let Some(entries) = self.with_other_commit()? {
            let lie = Lie { name: "a link is forged", export: self.signed(&entries) };
            let codes = &[Code::SignatureInvalid, Code::ChainPrev];
            self.expect(trace, at, &lie, Audience::New, Verdict::Altered, codes)?;
        }
        self.lie_about_age(trace, at)?;
        self.fork(trace, at)?;
        let stranger = SignerKey::from_seed("stranger.example", self.random.bytes()).map_err(text)?;
        let entries = self.with_event(&stranger, "stranger")?;
        let lie = Lie { name: "a stranger's chain is added", export: self.signed(&entries) };
        self.expect(trace, at, &lie, Audience::New, Verdict::Untrusted, &[Code::KeyUnknown])
    }

    /// Lies that change lines of an honest export.
    fn lie_about_lines(&mut self, trace: &mut Trace, at: u64, honest: &[u8]) -> Result<(), String> {
        use FindingCode as Code;
        let shown: Vec<usize> =
            (0..self.entries.len()).filter(|index| self.entries[*index].event.is_some()).collect();
        let Some(chosen) = self.random.pick(&shown).copied() else { return Ok(()) };
        let change =
            |entries: &mut Vec<ExportEntry>, change: fn(&mut ExportEntry)| change(&mut entries[chosen]);

        let mut entries = self.entries.clone();
        change(&mut entries, |entry| {
            entry.event = entry.event.take().map(|event| event.replace("job.update", "job.delete"));
        });
        // The log's own events have another action.
        if entries[chosen].event != self.entries[chosen].event {
            let lie = Lie { name: "an event is changed", export: self.shown(&entries, &self.newest) };
            self.expect(trace, at, &lie, Audience::New, Verdict::Altered, &[Code::PayloadMismatch])?;
        }

        let mut entries = self.entries.clone();
        change(&mut entries, |entry| (entry.event, entry.salt) = (None, None));
        let lie = Lie { name: "an event is withheld", export: self.shown(&entries, &self.newest) };
        self.expect(trace, at, &lie, Audience::New, Verdict::Partial, &[])?;

        let mut entries = self.entries.clone();
        entries.remove(chosen);
        let lie = Lie { name: "a line is gone", export: self.shown(&entries, &self.newest) };
        self.expect(trace, at, &lie, Audience::New, Verdict::Altered, &[Code::TreePosition, Code::TreeRoot])?;

        let lines: Vec<&str> = str::from_utf8(honest).map_err(text)?.lines().collect();
        let skip = format!(r#"{{"skip":[0,"{}"]}}"#, leaf_hash(self.entries[chosen].text.as_bytes()));
        let replaced = lines.iter().map(|line| {
            let is_chosen = matches!(Line::parse(line).map(|line| line.item),
                Ok(Item::Link { text, .. }) if text == self.entries[chosen].text);
            if is_chosen { skip.as_str() } else { *line }
        });
        let export = replaced.collect::<Vec<_>>().join("\n") + "\n";
        let lie = Lie { name: "an entry is skipped", export: export.into_bytes() };
        self.expect(trace, at, &lie, Audience::New, Verdict::Broken, &[Code::RangeMissing])?;

        let cut = lines[..lines.len() - 2].join("\n") + "\n";
        let lie = Lie { name: "the end is cut off", export: cut.into_bytes() };
        self.expect(trace, at, &lie, Audience::New, Verdict::Broken, &[Code::RangeMissing])?;

        let other = SignerKey::from_seed(&self.origin, self.random.bytes()).map_err(text)?;
        let lie = Lie {
            name: "another key signs",
            export: self.shown(&self.entries, &self.sign(&self.entries, &other)),
        };
        let verdict = if self.trust.has_quorum() { Verdict::Broken } else { Verdict::Untrusted };
        self.expect(trace, at, &lie, Audience::New, verdict, &[Code::LogUnknown])?;

        if self.trust.has_quorum() {
            let root = self.entries.len().saturating_sub(1);
            let earlier = self.sign(&self.entries[..root], &self.key);
            let lines = self.newest.split_inclusive('\n');
            let cosignatures: String = lines.filter(|line| line.starts_with("— witness")).collect();
            let export = self.shown(&self.entries[..root], &(earlier + &cosignatures));
            let lie = Lie { name: "cosignatures are copied from another checkpoint", export };
            self.expect(trace, at, &lie, Audience::New, Verdict::Altered, &[Code::WitnessSignature])?;
        }
        Ok(())
    }

    /// Shows an old state, with the checkpoint that was published then.
    fn lie_about_age(&mut self, trace: &mut Trace, at: u64) -> Result<(), String> {
        use FindingCode as Code;
        let newest = self.entries.len() as u64;
        let is_old = |pin: &&SignedCheckpoint| {
            let cosigned: Vec<_> = self.trust.witnesses().cloned().collect();
            let times = pin.cosignatures(&cosigned).times();
            pin.checkpoint.size > 0
                && pin.checkpoint.size < newest
                && (!self.trust.has_quorum() || self.trust.times(&times).is_some())
        };
        let Some(old) = self.pins.iter().find(is_old).cloned() else { return Ok(()) };
        let size = usize::try_from(old.checkpoint.size).map_err(text)?;
        let lie = Lie { name: "an old state", export: self.shown(&self.entries[..size], &old.to_string()) };
        self.expect(trace, at, &lie, Audience::New, Verdict::Verified, &[])?;
        self.expect(trace, at, &lie, Audience::Pinned, Verdict::Altered, &[Code::AppendOnlyRollback])?;
        if self.trust.has_quorum() {
            self.expect(trace, at, &lie, Audience::Dated, Verdict::Broken, &[Code::ExpectedAge])?;
        }
        Ok(())
    }

    /// Shows two readers logs that differ in their newest entries.
    fn fork(&mut self, trace: &mut Trace, at: u64) -> Result<(), String> {
        use FindingCode as Code;
        let own = SignerKey::parse(&self.key.encode()).map_err(text)?;
        let (first, second) = (self.with_event(&own, "first")?, self.with_event(&own, "second")?);
        let entries = first;
        let first = Lie { name: "one side of a fork", export: self.signed(&entries) };
        self.expect(trace, at, &first, Audience::New, Verdict::Verified, &[])?;
        self.expect(trace, at, &first, Audience::Pinned, Verdict::Verified, &[])?;
        let pin = verify(&first.export, Options { trust: self.trust.clone(), ..Options::default() }).pin;
        let pin = SignedCheckpoint::parse(&pin.unwrap_or_default()).map_err(text)?;
        let second = Lie { name: "the other side of a fork", export: self.signed(&second) };
        let (verdict, codes): (Verdict, &[Code]) = if self.trust.has_quorum() {
            (Verdict::Broken, &[Code::WitnessQuorum])
        } else {
            (Verdict::Verified, &[])
        };
        self.expect(trace, at, &second, Audience::New, verdict, codes)?;
        self.pins = vec![pin];
        self.expect(trace, at, &second, Audience::Pinned, Verdict::Altered, &[Code::AppendOnlySplitView])?;
        self.entries = entries;
        Ok(())
    }

    /// Checks what a reader says about a lie: the verdict, and at least one of the codes.
    fn expect(
        &self,
        trace: &mut Trace,
        at: u64,
        lie: &Lie,
        audience: Audience,
        verdict: Verdict,
        codes: &[FindingCode],
    ) -> Result<(), String> {
        let largest = self.pins.iter().max_by_key(|pin| pin.checkpoint.size).cloned();
        let max_age = MaxAge { seconds: 3_600, now: self.now };
        let report = verify(
            &lie.export,
            Options {
                trust: self.trust.clone(),
                pins: largest.into_iter().filter(|_| audience == Audience::Pinned).map(Into::into).collect(),
                expect: Expectations {
                    max_age: (audience == Audience::Dated).then_some(max_age),
                    ..Expectations::default()
                },
                ..Options::default()
            },
        )
        .report;
        let problems = problems(&report);
        let (name, found) = (lie.name, report.verdict);
        trace.add(
            at,
            format!("lie to a reader ({audience:?}): {name}: {} {}", found.as_str(), codes_text(&problems)),
        );
        // Events that the log erased are withheld from every export. One without any other event has nothing to check.
        let withheld = matches!(found, Verdict::Partial | Verdict::NotChecked)
            && self.entries.iter().any(|entry| entry.erased);
        let same = found == verdict || verdict == Verdict::Verified && withheld;
        if same && (codes.is_empty() || codes.iter().any(|code| problems.contains(code))) {
            return Ok(());
        }
        Err(format!(
            "{name}: a reader ({audience:?}) gets {} with {}, instead of {} with one of {}",
            found.as_str(),
            codes_text(&problems),
            verdict.as_str(),
            codes_text(codes)
        ))
    }

    /// Returns an export that claims to have the whole log.
    fn shown(&self, entries: &[ExportEntry], note: &str) -> Vec<u8> {
        let claimed = SignedCheckpoint::parse(note).map_or(0, |signed| signed.checkpoint.size);
        let mut writer = Writer::new();
        let range = (claimed > 0).then_some((0, Some(claimed)));
        writer.header(&Header { origin: self.origin.clone(), range });
        for entry in entries {
            match (&entry.event, &entry.salt) {
                (Some(event), Some(salt)) => writer.event(&entry.text, salt, event),
                _ => writer.withheld(&entry.text, None),
            }
        }
        writer.checkpoint(note);
        writer.as_bytes().to_vec()
    }

    fn tree(entries: &[ExportEntry]) -> PendingTree {
        let mut tree = PendingTree::new(&CompactRange::new());
        let hashes: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry.text.as_bytes())).collect();
        tree.extend(&hashes);
        tree
    }

    fn sign(&self, entries: &[ExportEntry], key: &SignerKey) -> String {
        let tree = Self::tree(entries);
        let checkpoint = Checkpoint::new(&self.origin, tree.size(), tree.root());
        checkpoint.and_then(|checkpoint| checkpoint.sign(key)).unwrap_or_default()
    }

    /// Returns an export of these entries with a new checkpoint, and the cosignatures that witnesses give it.
    fn signed(&mut self, entries: &[ExportEntry]) -> Vec<u8> {
        let mut note = self.sign(entries, &self.key);
        let (tree, unsigned) = (Self::tree(entries), note.clone());
        for witness in &mut *self.witnesses {
            let old_size = witness.size();
            let proof = consistency_proof(old_size, tree.size(), &tree).unwrap_or_default();
            let Ok(checkpoint) = SignedCheckpoint::parse(&unsigned) else { continue };
            let request = Request { old_size, proof, checkpoint }.to_string();
            let response = witness.add_checkpoint(&request, self.now.millis());
            if let Some(response) = response.filter(|response| response.status == 200) {
                note.push_str(&response.body);
            }
        }
        self.shown(entries, &note)
    }

    /// Returns the entries without one chain, if there are several.
    fn without_chain(&mut self) -> Option<Vec<ExportEntry>> {
        let chain = self.random.pick(&self.entries)?.place.0;
        let entries: Vec<_> = self.entries.iter().filter(|entry| entry.place.0 != chain).cloned().collect();
        (!entries.is_empty()).then_some(entries)
    }

    /// Returns the entries with two neighbors of different chains swapped, if there are such.
    fn swapped(&mut self) -> Option<Vec<ExportEntry>> {
        let places: Vec<usize> = (1..self.entries.len())
            .filter(|place| self.entries[place - 1].place.0 != self.entries[*place].place.0)
            .collect();
        let place = *self.random.pick(&places)?;
        let mut entries = self.entries.clone();
        entries.swap(place - 1, place);
        Some(entries)
    }

    /// Returns the indexes of event links that are not the last of their chain.
    fn inner_events(&self) -> Vec<usize> {
        let continues = |index: &usize| {
            let (chain, _) = self.entries[*index].place;
            self.entries[index + 1..].iter().any(|entry| entry.place.0 == chain)
        };
        (0..self.entries.len()).filter(|index| self.entries[*index].place.1 > 0).filter(continues).collect()
    }

    /// Returns the entries without one link inside a chain, if there is one.
    fn without_link(&mut self) -> Option<Vec<ExportEntry>> {
        let index = *self.random.pick(&self.inner_events())?;
        let mut entries = self.entries.clone();
        entries.remove(index);
        Some(entries)
    }

    /// Returns the entries with another event, and the commit to it in its link.
    fn with_other_commit(&mut self) -> Result<Option<Vec<ExportEntry>>, String> {
        let shown: Vec<usize> =
            self.inner_events().into_iter().filter(|index| self.entries[*index].event.is_some()).collect();
        let Some(index) = self.random.pick(&shown).copied() else { return Ok(None) };
        let mut entries = self.entries.clone();
        let entry = &mut entries[index];
        let (Some(event), Some(salt)) = (&mut entry.event, &entry.salt) else { return Ok(None) };
        let commit = |event: &str| {
            let event = Event::parse(event.as_bytes(), &Redaction::none()).map_err(text)?;
            Ok::<_, String>(base64::encode(event.commit(salt).0))
        };
        let before = commit(event)?;
        r#"{"action":"forged"}"#.clone_into(event);
        entry.text = entry.text.replace(&before, &commit(event)?);
        Ok(Some(entries))
    }

    /// Returns the entries followed by a chain of this key with one event.
    fn with_event(&mut self, key: &SignerKey, action: &str) -> Result<Vec<ExportEntry>, String> {
        let mut chain = Chain::open(&self.origin, key.verifier_key().clone(), self.now, &self.random.bytes())
            .map_err(text)?;
        chain.sign_with(key).map_err(text)?;
        let event = format!(r#"{{"action":"{action}"}}"#);
        let event = Event::parse(event.as_bytes(), &Redaction::none()).map_err(text)?;
        chain.record(&event, self.now, &self.random.bytes()).map_err(text)?;
        chain.flush();
        chain.sign_with(key).map_err(text)?;
        let mut entries = self.entries.clone();
        let added = format!("\n{}", chain.drain());
        entries.extend(crate::reader::entries(added.as_bytes())?);
        Ok(entries)
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn codes_text(codes: &[FindingCode]) -> String {
    let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    format!("[{}]", codes.join(", "))
}
