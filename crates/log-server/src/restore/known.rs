//! What is known of what a log signed.

use std::collections::BTreeMap;

use countersign::note::VerifierKey;

use super::place::Place;
use super::source::Source;
use super::{Config, head_of};
use crate::signed_file::{Found, SignedFile};
use crate::stop_file::StopFile;
use countersign_log::hashes::root_at;
use countersign_log::signed_memory::SignedHead;
use countersign_log::stop::{Cause, Line, WitnessAnswer};
use countersign_log::store::{EntryReader, StoreError};

/// What is known.
#[derive(Debug, Default)]
pub struct Known {
    /// The heads that it signed, one for each size, ascending.
    pub heads: Vec<SignedHead>,
    /// The checkpoints of others that have been verified to be the log's, by size.
    pub(super) notes: BTreeMap<u64, String>,
    /// The largest size that a witness of the trust file claimed, without a proof, since the log went on last.
    pub claim: Option<Claim>,
    /// Why it may have signed more than that, if so.
    pub doubt: Option<Doubt>,
    /// Two different trees of one size that it signed.
    split: Option<u64>,
}

/// What a witness says that it has seen, without a proof.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The number of entries that it says it cosigned.
    pub size: u64,
    /// The witness's name.
    pub witness: String,
}

/// Why it is not known what was signed.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// The cause, for its code.
    pub cause: Cause,
    /// The reason, for people.
    pub why: String,
}

impl Known {
    /// Out of the folder, and of all who may still have something.
    pub(super) fn gather(
        config: &Config,
        place: &Place,
        sources: &[Box<dyn Source>],
    ) -> Result<Self, StoreError> {
        let Config { folder, key, keys, witnesses, .. } = config;
        let keys: Vec<VerifierKey> = std::iter::once(key).chain(keys).cloned().collect();
        let found = SignedFile::look(folder, key.name())?;
        let mut known = Self::default();
        found.heads.iter().for_each(|head| known.add(head.clone()));
        let published = place.published()?;
        let stops = StopFile::new(folder)
            .read()
            .map_err(|error| StoreError::unavailable("reading the evidence of stops", error))?;
        let mut notes = published;
        for line in &stops {
            match Line::parse(line) {
                Some(Line::Stopped(stop)) => {
                    let is_claim = stop.is_claim();
                    // What it was about to sign, or showed, was signed.
                    notes.extend([stop.signed, stop.checkpoint].into_iter().flatten());
                    let counts = |witness: &WitnessAnswer| is_claim && witnesses.contains(&witness.key);
                    if let Some(WitnessAnswer { key, size: Some(size), .. }) = stop.witness.filter(counts)
                        && known.claimed() < size
                    {
                        known.claim = Some(Claim { size, witness: key.name().to_owned() });
                    }
                }
                Some(Line::Resumed { .. }) => known.claim = None,
                None => {}
            }
        }
        notes.iter().filter_map(|note| head_of(note, &keys)).for_each(|head| known.add(head));
        for note in sources.iter().flat_map(|source| source.checkpoints()) {
            let Some(head) = head_of(note, &keys) else { continue };
            // The longer one has more cosignatures.
            let longer = known.notes.get(&head.size).is_none_or(|other| other.len() < note.len());
            if longer {
                known.notes.insert(head.size, note.clone());
            }
            known.add(head);
        }
        known.heads.sort_by_key(|head| head.size);
        known.doubt = match place.remembered() {
            Some(remembered) => known.doubts_of_bucket(remembered.map(|head| head.size)),
            None => known.doubts(&found, place.writer().signed_size()?),
        };
        Ok(known)
    }

    fn claimed(&self) -> u64 {
        self.claim.as_ref().map_or(0, |claim| claim.size)
    }

    /// Returns why more may have been signed than `remembered`, if a witness's claim alone says so.
    fn claimed_beyond(&self, remembered: u64) -> Option<String> {
        let Claim { size, witness } = self.claim.as_ref()?;
        let signed = self.heads.last().map_or(0, |head| head.size);
        (*size > signed && signed <= remembered).then(|| {
            format!(
                "the witness {witness} says, without a proof, that it cosigned {size} entries, and {remembered} are known \
                 to be signed; if it is wrong, remove its line from the trust file"
            )
        })
    }

    fn add(&mut self, head: SignedHead) {
        match self.heads.iter().find(|known| known.size == head.size) {
            Some(known) if known.root != head.root => self.split = Some(head.size),
            Some(_) => {}
            None => self.heads.push(head),
        }
    }

    /// A bucket remembers what any server signed before anyone saw it, unless that was brought back too.
    fn doubts_of_bucket(&self, remembered: Option<u64>) -> Option<Doubt> {
        let newest = self.heads.last().map_or(0, |head| head.size).max(self.claimed());
        let (cause, why) = match remembered {
            None if newest > 0 => {
                (Cause::Unremembered, "the bucket's record of what was signed is gone".to_owned())
            }
            Some(size) if size < newest => {
                let restored = || {
                    format!(
                        "the bucket remembers {size} leaves, and {newest} were signed: all of it was brought back"
                    )
                };
                (Cause::Rollback, self.claimed_beyond(size).unwrap_or_else(restored))
            }
            _ => return None,
        };
        Some(Doubt { cause, why })
    }

    fn doubts(&self, found: &Found, noted: Option<u64>) -> Option<Doubt> {
        let remembered = found.newest().map(|head| head.size);
        let newest = self.heads.last().map_or(0, |head| head.size).max(self.claimed());
        let (cause, why) = if found.is_copy {
            (Cause::Copied, "the folder is a copy: what was signed since it was made is not known".to_owned())
        } else if let Some(problem) = &found.problem {
            (Cause::Unremembered, format!("signed.txt cannot be read: {problem}"))
        } else if remembered < noted || !found.is_there && newest > 0 {
            (Cause::Unremembered, "the record of what was signed is gone".to_owned())
        } else if remembered.unwrap_or(0) < newest {
            let restored =
                || "more was signed than this folder remembers: all of it was brought back".to_owned();
            (Cause::Rollback, self.claimed_beyond(remembered.unwrap_or(0)).unwrap_or_else(restored))
        } else {
            return None;
        };
        Some(Doubt { cause, why })
    }

    /// What contradicts the leaves that are here, if anything does.
    pub(super) fn contradiction(
        &self,
        reader: &dyn EntryReader,
        size: u64,
    ) -> Result<Option<String>, StoreError> {
        if let Some(size) = self.split {
            return Ok(Some(format!("it signed two different trees of {size} leaves")));
        }
        for head in self.heads.iter().filter(|head| head.size <= size) {
            if root_at(reader, head.size)? != head.root {
                return Ok(Some(format!(
                    "it signed another tree of {} leaves than the one that is here",
                    head.size
                )));
            }
        }
        Ok(None)
    }
}
