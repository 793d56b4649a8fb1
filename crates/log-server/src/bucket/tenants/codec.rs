//! Encoding of the objects of a root log with tenant logs, in the form of the other [objects](super::super::codec).

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::hex;
use countersign::tenant::{MAX_DEPTH, MIN_DEPTH, State};
use countersign::time::Time;
use countersign_log::store::StoreError;
use countersign_log::tenants::anchors::PastHead;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::root_notes::RootNote;
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::store::{KeptHead, MAX_ENTRIES, TickBatch};
use countersign_log::tenants::tenant::{TenantId, TenantNumber};

use crate::bucket::codec::{
    Body, Events, SECRET, SplitCommit, TICK, TICK_STUB, damaged, open, seal, write_bytes, write_events,
    write_length,
};

/// The ID of a running server, which tells its commits from those of other servers.
pub(super) type ServerId = [u8; 16];

/// Returns the number by which objects have the event of a tenant log's entry.
pub(super) fn event_number(number: TenantNumber, index: u64) -> u64 {
    u64::from(number.get()) * MAX_ENTRIES + index
}

/// Returns the tenant and the index of the entry whose event has this number.
pub(super) fn entry_of(event_number: u64) -> Result<(TenantNumber, u64), StoreError> {
    let number = u32::try_from(event_number / MAX_ENTRIES).ok().and_then(TenantNumber::new);
    Ok((number.ok_or_else(|| damaged("an event belongs to no tenant"))?, event_number % MAX_ENTRIES))
}

/// A tenant whose first head is in a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewTenant {
    pub(super) number: TenantNumber,
    pub(super) id: TenantId,
    pub(super) created: Time,
    pub(super) name: String,
}

/// A head that changed at a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChangedHead {
    pub(super) number: TenantNumber,
    pub(super) state: State,
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// The entries that a tick added to one tenant log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: TenantNumber,
    /// Number of entries before these.
    pub(super) base: u64,
    pub(super) leaves: Vec<String>,
}

impl Part {
    /// Returns the numbers of the events of these entries.
    pub(super) fn event_numbers(&self) -> std::ops::Range<u64> {
        let first = event_number(self.number, self.base);
        first..first + self.leaves.len() as u64
    }
}

/// A tenant log that continues under another root log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MovedLog {
    pub(super) number: TenantNumber,
    /// The origin of the log that continues it.
    pub(super) to: String,
}

/// The parts of a commit that its tick's batch doesn't have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Additions {
    /// The tenants whose first head is in the tick.
    pub(super) tenants: Vec<NewTenant>,
    /// Heads at earlier ticks that are kept from now on.
    pub(super) kept: Vec<KeptHead>,
    /// The heads of the tick with the state `moved`.
    pub(super) moved: Vec<MovedLog>,
    /// New key notes for all tenant logs.
    pub(super) notes: Vec<RootNote>,
    /// The hashes of key notes that need no pass anymore.
    pub(super) placed: Vec<Hash>,
}

/// The commit of a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TickCommit {
    /// Number of entries of the root log before this one: the tick.
    pub(super) tick: u64,
    /// The server that made the tick.
    pub(super) server: ServerId,
    pub(super) depth: u8,
    /// The root log's entry.
    pub(super) entry: String,
    pub(super) heads: Vec<ChangedHead>,
    pub(super) parts: Vec<Part>,
    pub(super) additions: Additions,
    /// `None` in a stub, whose events are in a separate generation.
    pub(super) events: Option<Events>,
}

impl TickCommit {
    /// Creates the commit of a tick.
    pub(super) fn new(
        server: ServerId,
        batch: &TickBatch<'_>,
        additions: Additions,
    ) -> Result<Self, StoreError> {
        let entry = String::from_utf8(batch.entry.to_vec());
        let mut commit = Self {
            tick: batch.root_tree.base(),
            server,
            depth: batch.depth,
            entry: entry.map_err(|_| damaged("the entry of a tick isn't UTF-8"))?,
            heads: batch.heads.iter().map(changed).collect(),
            parts: Vec::with_capacity(batch.logs.len()),
            additions,
            events: None,
        };
        let mut events = BTreeMap::new();
        for log in batch.logs {
            let (number, base) = (log.number, log.growth.base());
            let leaves = log.growth.leaves();
            for (leaf, index) in leaves.iter().zip(base..) {
                events.extend(leaf.event().map(|event| (event_number(number, index), event.clone())));
            }
            let leaves = leaves.iter().map(|leaf| leaf.text.clone()).collect();
            commit.parts.push(Part { number, base, leaves });
        }
        commit.events = Some(events);
        Ok(commit)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let mut out = Vec::from(if self.events.is_some() { *TICK } else { *TICK_STUB });
        out.extend(self.tick.to_be_bytes());
        out.extend(self.server);
        out.push(self.depth);
        write_bytes(&mut out, self.entry.as_bytes())?;
        let Additions { tenants, kept, moved, notes, placed } = &self.additions;
        write_length(&mut out, tenants.len())?;
        for NewTenant { number, id, created, name } in tenants {
            out.extend(number.get().to_be_bytes());
            out.extend(id);
            out.extend(created.millis().to_be_bytes());
            write_bytes(&mut out, name.as_bytes())?;
        }
        write_length(&mut out, self.heads.len())?;
        for ChangedHead { number, state, size, root } in &self.heads {
            out.extend(number.get().to_be_bytes());
            out.push(state.to_byte());
            out.extend(size.to_be_bytes());
            out.extend(root.0);
        }
        write_length(&mut out, self.parts.len())?;
        for Part { number, base, leaves } in &self.parts {
            out.extend(number.get().to_be_bytes());
            out.extend(base.to_be_bytes());
            write_length(&mut out, leaves.len())?;
            for leaf in leaves {
                write_bytes(&mut out, leaf.as_bytes())?;
            }
        }
        write_length(&mut out, kept.len())?;
        for KeptHead { number, head: PastHead { tick, size, state, salt, siblings } } in kept {
            out.extend(number.get().to_be_bytes());
            out.extend(tick.to_be_bytes());
            out.extend(size.to_be_bytes());
            out.push(state.to_byte());
            out.extend(salt);
            write_length(&mut out, siblings.len())?;
            out.extend(siblings.iter().flat_map(|Hash(hash)| hash));
        }
        write_length(&mut out, moved.len())?;
        for MovedLog { number, to } in moved {
            out.extend(number.get().to_be_bytes());
            write_bytes(&mut out, to.as_bytes())?;
        }
        write_length(&mut out, notes.len())?;
        for note in notes {
            write_bytes(&mut out, note.text.as_bytes())?;
        }
        write_length(&mut out, placed.len())?;
        out.extend(placed.iter().flat_map(|Hash(hash)| hash));
        if let Some(events) = &self.events {
            write_events(&mut out, events.iter().map(|(number, event)| (*number, event)))?;
        }
        Ok(seal(out))
    }

    /// Encodes the commit without its entries and events, which an index has in its tables.
    pub(super) fn encode_rest(&self) -> Result<Vec<u8>, StoreError> {
        let Self { tick, server, depth, heads, additions, .. } = self;
        let (heads, additions) = (heads.clone(), additions.clone());
        let (entry, parts) = (String::new(), Vec::new());
        Self { tick: *tick, server: *server, depth: *depth, entry, heads, parts, additions, events: None }
            .encode()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let (kind, mut rest) = open(bytes)?;
        if kind != TICK && kind != TICK_STUB {
            return Err(damaged("the object isn't the commit of a tick"));
        }
        let (tick, server, [depth]) = (rest.number()?, rest.array()?, rest.array()?);
        if tick >= MAX_ENTRIES || !(MIN_DEPTH..=MAX_DEPTH).contains(&depth) {
            return Err(damaged("the tick or its depth is out of bounds"));
        }
        let entry = rest.text()?;
        let tenants = list(&mut rest, |rest| {
            let (number, id, created) = (tenant(rest)?, rest.array()?, i64::from_be_bytes(rest.array()?));
            let created = Time::from_millis(created).ok_or_else(|| damaged("a time is out of bounds"))?;
            Ok(NewTenant { number, id, created, name: rest.text()? })
        })?;
        let heads = list(&mut rest, |rest| {
            let (number, state, size) = (tenant(rest)?, state(rest)?, rest.number()?);
            Ok(ChangedHead { number, state, size, root: Hash(rest.array()?) })
        })?;
        let parts = list(&mut rest, |rest| {
            let (number, base) = (tenant(rest)?, rest.number()?);
            let leaves = list(rest, Body::text)?;
            let size = base.checked_add(leaves.len() as u64).filter(|size| *size <= MAX_ENTRIES);
            if leaves.is_empty() || size.is_none() {
                return Err(damaged("the size of a tenant log is out of bounds"));
            }
            Ok(Part { number, base, leaves })
        })?;
        if !parts.is_sorted_by(|one, next| one.number < next.number) {
            return Err(damaged("the tenant logs aren't in ascending order"));
        }
        let kept = list(&mut rest, |rest| {
            let (number, tick, size) = (tenant(rest)?, rest.number()?, rest.number()?);
            let (state, salt) = (state(rest)?, rest.array()?);
            let siblings = list(rest, |rest| rest.array().map(Hash))?;
            Ok(KeptHead { number, head: PastHead { tick, size, state, salt, siblings } })
        })?;
        let moved = list(&mut rest, |rest| Ok(MovedLog { number: tenant(rest)?, to: rest.text()? }))?;
        let notes = list(&mut rest, |rest| {
            RootNote::parse(rest.text()?)
                .map_err(|error| damaged(&format!("a key note: {}", error.into_message())))
        })?;
        let placed = list(&mut rest, |rest| rest.array().map(Hash))?;
        let additions = Additions { tenants, kept, moved, notes, placed };
        let events = if kind == TICK { Some(rest.events(0..u64::MAX)?) } else { None };
        let commit = rest.end(Self { tick, server, depth, entry, heads, parts, additions, events })?;
        if let Some(events) = &commit.events {
            commit.check_events(events)?;
        }
        Ok(commit)
    }

    /// True if the commit has all of its events, and there are none.
    pub(super) fn has_no_events(&self) -> bool {
        self.events.as_ref().is_some_and(BTreeMap::is_empty)
    }

    /// Fails if an event belongs to none of the entries.
    pub(super) fn check_events(&self, events: &Events) -> Result<(), StoreError> {
        // The parts are in ascending order.
        let has_entry = |event: &u64| {
            let after = self.parts.partition_point(|part| part.event_numbers().start <= *event);
            after > 0 && self.parts[after - 1].event_numbers().contains(event)
        };
        if events.keys().all(has_entry) {
            return Ok(());
        }
        Err(damaged("the object has an event that belongs to none of its entries"))
    }

    /// Splits a commit's object for an erasure.
    pub(super) fn split(bytes: &[u8]) -> Result<SplitCommit, StoreError> {
        let mut commit = Self::decode(bytes)?;
        let events = commit.events.take();
        Ok(SplitCommit { stub: commit.encode()?, events })
    }
}

fn changed(head: &SlotHead) -> ChangedHead {
    let SlotHead { number, state, size, root, .. } = *head;
    ChangedHead { number, state, size, root }
}

/// Encodes the secret of an anchor.
pub(super) fn encode_secret(secret: &TickSecret) -> Vec<u8> {
    let mut out = Vec::from(*SECRET);
    out.extend(secret.to_bytes());
    seal(out)
}

pub(super) fn decode_secret(bytes: &[u8]) -> Result<TickSecret, StoreError> {
    let (kind, mut rest) = open(bytes)?;
    if kind != SECRET {
        return Err(damaged("the object isn't the secret of an anchor"));
    }
    let secret = TickSecret::from_bytes(rest.array()?);
    rest.end(secret)
}

fn list<'b, T>(
    rest: &mut Body<'b>,
    mut read: impl FnMut(&mut Body<'b>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    (0..rest.length()?).map(|_| read(rest)).collect()
}

fn tenant(rest: &mut Body<'_>) -> Result<TenantNumber, StoreError> {
    let number = TenantNumber::new(u32::from_be_bytes(rest.array()?));
    number.ok_or_else(|| damaged("a tenant's number is out of bounds"))
}

fn state(rest: &mut Body<'_>) -> Result<State, StoreError> {
    let [byte] = rest.array()?;
    State::from_byte(byte).ok_or_else(|| damaged("a tenant log's state is invalid"))
}

/// Returns the name of the object with the secret of the tick that has this entry.
pub(super) fn entry_name(entry: &[u8]) -> String {
    hex::encode(&Hash::digest(&[entry]).0)
}

#[cfg(test)]
mod tests {
    use countersign::keys::{KeyNote, Statement};
    use countersign::log::SaltedEvent;
    use countersign::note::SignerKey;

    use super::*;

    fn note() -> RootNote {
        let issuer = SignerKey::from_seed("example.com", [1; 32]).expect("a key");
        let key = SignerKey::from_seed("example.com/a", [2; 32]).expect("a key").verifier_key().clone();
        let statement = Statement::Revoke { key, since: None };
        RootNote::parse(KeyNote::sign("log.example", &[statement], &issuer).expect("a note")).expect("a note")
    }

    fn commit() -> TickCommit {
        let number = |number| TenantNumber::new(number).expect("a number");
        let head = PastHead {
            tick: 4,
            size: 2,
            state: State::Live,
            salt: [3; 16],
            siblings: vec![Hash([1; 32]), Hash([2; 32])],
        };
        let event = SaltedEvent { salt: [7; 16], text: r#"{"a":"é"}"#.to_owned() };
        TickCommit {
            tick: 9,
            server: [5; 16],
            depth: 10,
            entry: "an entry".into(),
            heads: vec![ChangedHead { number: number(1), state: State::Ended, size: 3, root: Hash([4; 32]) }],
            parts: vec![
                Part { number: number(1), base: 1, leaves: vec!["a".into(), "b".into()] },
                Part { number: number(2), base: 0, leaves: vec!["c".into()] },
            ],
            additions: Additions {
                tenants: vec![NewTenant {
                    number: number(2),
                    id: [9; 16],
                    created: Time::MIN,
                    name: "acme é".into(),
                }],
                kept: vec![KeptHead { number: number(1), head }],
                moved: vec![MovedLog { number: number(1), to: "log.example/t/00".into() }],
                notes: vec![note()],
                placed: vec![Hash([8; 32])],
            },
            events: Some(Events::from([(event_number(number(1), 2), event)])),
        }
    }

    #[test]
    fn decodes_what_it_encodes() {
        let commit = commit();
        let bytes = commit.encode().unwrap();
        assert_eq!(TickCommit::decode(&bytes).unwrap(), commit);
        let stub = TickCommit { events: None, ..commit.clone() };
        let split = TickCommit::split(&bytes).unwrap();
        assert_eq!((split.stub.clone(), split.events), (stub.encode().unwrap(), commit.events));
        assert_eq!(TickCommit::decode(&split.stub).unwrap(), stub);
        let secret = TickSecret::from_bytes([6; 32]);
        assert_eq!(decode_secret(&encode_secret(&secret)).unwrap().to_bytes(), [6; 32]);
    }

    #[test]
    fn rejects_truncated_and_changed_objects() {
        let secret = encode_secret(&TickSecret::from_bytes([6; 32]));
        for bytes in [commit().encode().unwrap(), secret] {
            let accepts = |bytes: &[u8]| TickCommit::decode(bytes).is_ok() || decode_secret(bytes).is_ok();
            assert!(accepts(&bytes));
            assert!((0..bytes.len()).all(|end| !accepts(&bytes[..end])));
            for place in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                assert!(!accepts(&changed), "{place}");
            }
        }
    }

    #[test]
    fn rejects_invalid_content_with_a_valid_checksum() {
        let rejects = |change: fn(&mut TickCommit)| {
            let mut commit = commit();
            change(&mut commit);
            TickCommit::decode(&commit.encode().unwrap()).is_err()
        };
        assert!(!rejects(|_| {}));
        assert!(rejects(|commit| commit.depth = 7));
        assert!(rejects(|commit| commit.parts.reverse()));
        assert!(rejects(|commit| commit.parts[0].leaves.clear()));
        assert!(rejects(|commit| commit.parts[1].base = MAX_ENTRIES));
        assert!(rejects(|commit| _ = commit.parts.remove(0)));
        assert!(rejects(|commit| commit.tick = MAX_ENTRIES));
        assert!(rejects(|commit| commit.additions.notes[0].text.clear()));
    }
}
