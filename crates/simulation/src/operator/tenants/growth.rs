//! Lies to a growth witness, which checks each tick.

use countersign::checkpoint::Checkpoint;
use countersign::merkle::{CompactRange, consistency_proof, leaf_hash};
use countersign::tenant::State;
use countersign_growth::wire::{Change, Snapshot, Tick, TickChanges};
use countersign_growth::{GrowthCode, GrowthRun};
use countersign_log::tenants::directory::TickDirectory;
use countersign_log::tenants::heads::{HeadShards, SlotHead};
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::tenant::{TenantId, TenantNumber};

use super::super::text;
use super::story::{FIRST, TenantOperator, root_of, tree_of_entries};
use crate::random::Random;
use crate::reader::ExportEntry;

/// The depth of the directories.
const DEPTH: u8 = 8;

/// A root log with two tenant logs, of which one grows honestly.
#[derive(Clone)]
struct Ledger {
    root_origin: String,
    edge: CompactRange,
    ticks: u64,
    /// The heads in the last directory.
    heads: Vec<SlotHead>,
}

/// A tick of the ledger, and the root log's checkpoint after it.
struct Ticked {
    tick: Tick,
    edge_before: Vec<countersign::hash::Hash>,
    checkpoint: Checkpoint,
}

impl TenantOperator<'_> {
    /// Lets the log change in all ways that it must not, before a growth witness that has checked the tick before.
    pub(super) fn lie_to_growth_witness(&mut self, lie: &[ExportEntry]) -> Result<(), String> {
        let mut random = self.random.fork();
        let entries = self.entries.clone();
        let early = self.earlier_state(entries.len() / 2);
        let numbers = (TenantNumber::new(1).ok_or("no number")?, TenantNumber::new(2).ok_or("no number")?);
        let head = |entries: &[ExportEntry], state| SlotHead {
            id: self.origin.id(),
            number: numbers.0,
            size: entries.len() as u64,
            root: root_of(entries),
            state,
        };
        let other = SlotHead { id: self.other.id(), number: numbers.1, ..head(&early, State::Live) };
        let mut ledger = Ledger {
            root_origin: self.origin.root().to_owned(),
            edge: CompactRange::new(),
            ticks: 0,
            heads: Vec::new(),
        };

        // A first tick, and then an honest one in which the log grows.
        let begin = ledger.tick(self, vec![head(&early, State::Live), other], &mut random)?;
        let snapshot =
            Snapshot { tick: begin.tick, edge: begin.edge_before, heads: sorted(ledger.heads.clone()) };
        let mut run = GrowthRun::begin(&ledger.root_origin, &snapshot).map_err(text)?;
        pass(&mut run, &begin.checkpoint)?;
        let (changes, ticked) = ledger.change(
            self,
            &self.origin.id(),
            Some(head(&entries, State::Live)),
            &entries,
            &mut random,
        )?;
        run.apply(&changes).map_err(text)?;
        pass(&mut run, &ticked.checkpoint)?;

        let truth = head(&entries, State::Live);
        let shortened = if lie.len() < entries.len() { GrowthCode::Shortened } else { GrowthCode::Rewritten };
        let mut lies = vec![
            ("the other version", Some(head(lie, State::Live)), lie, shortened),
            ("the log is dropped", None, &[][..], GrowthCode::Dropped),
        ];
        if early.len() < entries.len() {
            lies.push(("an earlier state", Some(head(&early, State::Live)), &early, GrowthCode::Shortened));
        }
        for (what, after, entries, code) in lies {
            let mut ledger = ledger.clone();
            let (changes, lying) = ledger.change(self, &self.origin.id(), after, entries, &mut random)?;
            expect(what, &run, &changes, &lying.checkpoint, code)?;
            // The witness is told that nothing changed, but the root log's entry has the change.
            let hidden = TickChanges { changes: Vec::new(), tick: Tick { heads: 2, ..changes.tick } };
            let mut shown = run.clone();
            if shown.apply(&hidden).is_ok() && shown.is_at(&lying.checkpoint) {
                return Err(format!("a growth witness finds nothing: {what}, hidden from the witness"));
            }
            // Nor does it cosign a tick that it isn't told about.
            if run.is_at(&lying.checkpoint) {
                return Err(format!("a growth witness finds nothing: {what}, without its tick"));
            }
        }

        let mut ended = ledger.clone();
        let (changes, ticked) = ended.change(
            self,
            &self.origin.id(),
            Some(head(&entries, State::Ended)),
            &entries,
            &mut random,
        )?;
        run.apply(&changes).map_err(text)?;
        pass(&mut run, &ticked.checkpoint)?;
        let mut dropped = ended.clone();
        let (changes, lying) = ended.change(self, &self.origin.id(), Some(truth), &entries, &mut random)?;
        expect("a log that ended is live", &run, &changes, &lying.checkpoint, GrowthCode::Reopened)?;
        let (changes, lying) = dropped.change(self, &self.origin.id(), None, &[], &mut random)?;
        expect("a log that ended is dropped at once", &run, &changes, &lying.checkpoint, GrowthCode::Dropped)
    }
}

impl Ledger {
    /// Makes a tick with these heads.
    fn tick(
        &mut self,
        operator: &TenantOperator<'_>,
        heads: Vec<SlotHead>,
        random: &mut Random,
    ) -> Result<Ticked, String> {
        let (number, secret) = (self.ticks, random.bytes());
        let time = operator.time_of(FIRST + number);
        let shards =
            HeadShards::new(DEPTH).and_then(|none| none.with(heads.iter().copied())).map_err(text)?;
        let count = heads.len() as u64;
        let directory =
            TickDirectory::build(TickSecret::from_bytes(secret), &self.root_origin, number, time, shards);
        let entry = directory.map_err(text)?.entry().to_string();
        let edge_before = self.edge.hashes().copied().collect();
        self.edge.append(leaf_hash(entry.as_bytes()));
        self.ticks += 1;
        self.heads = heads;
        let tick = Tick { tick: number, time, secret, depth: DEPTH, heads: count };
        Ok(Ticked { tick, edge_before, checkpoint: self.checkpoint()? })
    }

    /// Makes a tick with another head of one log, or without one. Its `entries` then give the best consistency proof.
    fn change(
        &mut self,
        operator: &TenantOperator<'_>,
        id: &TenantId,
        head: Option<SlotHead>,
        entries: &[ExportEntry],
        random: &mut Random,
    ) -> Result<(TickChanges, Ticked), String> {
        let before = self.heads.iter().find(|head| head.id == *id).copied();
        let from = before.map_or(0, |head| head.size);
        let others = self.heads.iter().filter(|head| head.id != *id).copied();
        let heads: Vec<SlotHead> = others.chain(head).collect();
        let size = entries.len() as u64;
        let proof = match from {
            0 => Vec::new(),
            from => consistency_proof(from.min(size), size, &tree_of_entries(entries)).unwrap_or_default(),
        };
        let ticked = self.tick(operator, heads, random)?;
        let changes = vec![Change { id: *id, head, from, proof: Some(proof) }];
        Ok((TickChanges { tick: ticked.tick, changes }, ticked))
    }

    /// Returns the root log's checkpoint.
    fn checkpoint(&self) -> Result<Checkpoint, String> {
        let root = self.edge.root().ok_or("the edge has no root")?;
        Checkpoint::new(&self.root_origin, self.ticks, root).map_err(text)
    }
}

fn sorted(mut heads: Vec<SlotHead>) -> Vec<SlotHead> {
    heads.sort_by_key(|head| head.id);
    heads
}

/// Checks that a growth witness finds nothing in the honest ticks of a run, which end with the checkpoint.
fn pass(run: &mut GrowthRun, checkpoint: &Checkpoint) -> Result<(), String> {
    if let Some(found) = run.take_findings().0.first() {
        return Err(format!("a growth witness finds something in an honest tick: {found}"));
    }
    if !run.is_at(checkpoint) || !run.state().is_whole() {
        return Err("a growth witness doesn't know an honest tick".to_owned());
    }
    Ok(())
}

/// Checks that a growth witness finds this in a tick, with which the checkpoint ends.
fn expect(
    what: &str,
    run: &GrowthRun,
    changes: &TickChanges,
    checkpoint: &Checkpoint,
    code: GrowthCode,
) -> Result<(), String> {
    let mut run = run.clone();
    run.apply(changes).map_err(|error| format!("a growth witness can't read the tick: {what}: {error}"))?;
    if !run.is_at(checkpoint) {
        return Err(format!("a growth witness doesn't know the tick: {what}"));
    }
    match run.take_findings().0.first() {
        Some(found) if found.code == code => Ok(()),
        Some(found) => Err(format!(
            "a growth witness finds {} instead of {}: {what}",
            found.code.as_str(),
            code.as_str()
        )),
        None => Err(format!("a growth witness finds nothing: {what}")),
    }
}
